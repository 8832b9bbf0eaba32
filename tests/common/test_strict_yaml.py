from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from common.config import parse_config
from common.config_files import read_settings, read_yaml
from common.errors import ConfigError
from common.strict_yaml import DEEPEST, load_yaml

EXPANDING = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]\n" for before, name in zip("abcdef", "bcdefg", strict=True)
)


@dataclass
class Named:
    name: str = "base"
    count: int = 1
    mean: list[float] = field(default_factory=list)


def of_file(tmp_path, content):
    file = tmp_path / "settings.yaml"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return parse_config(Named, ["-c", str(file)], program="tiny")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: 2001-01-01", {"a": "2001-01-01"}),
        ("a: =", {"a": "="}),
        ("a: [0x1F, 0b11, 1_000, -5, +3, 0]", {"a": [31, 3, 1000, -5, 3, 0]}),
        ("a: [0.5, .5, 5.0e-4, 05.5, .inf]", {"a": [0.5, 0.5, 5e-4, 5.5, float("inf")]}),
        ("m: &m [1, 2]\na: *m", {"m": [1, 2], "a": [1, 2]}),
        ("m: &m {x: 1}\na:\n  <<: *m\n  y: 2", {"m": {"x": 1}, "a": {"x": 1, "y": 2}}),
        ("a: '010'", {"a": "010"}),
        ("", None),
        ("# nothing", None),
    ],
)
def test_what_settings_are_made_of_is_read(text, value):
    assert load_yaml(text, "f") == value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 010", "f, line 2: 010 is octal or base 60"),
        ("a: 1:30", "f, line 1: 1:30 is octal or base 60"),
        ("a: 1\nb: 2\na: 3", "f, line 3: a is also in line 1; keep one of them"),
        ("sec:\n  b: 1\n  b: 2", "f, line 3: b is also in line 2"),
        ("a: 1\n5: 2", "f, line 2: the key 5 is no name of a setting"),
        ("null: 2", "f, line 1: the key null is no name"),
        (".nan: 2", "f, line 1: the key .nan is no name"),
        ("? [a, b]\n: 2", "f, line 1: the key a list or mapping is no name"),
        ("a: !!set {x, y}", "f, line 1: a value tagged !!set is no setting"),
        ("a: !!binary aGVsbG8=", "f, line 1: a value tagged !!binary is no setting"),
        ("a: !!timestamp 2001-01-01", "f, line 1: a value tagged !!timestamp"),
        ("a: !!python/object/apply:os.getcwd []", "f, line 1: a value tagged !!python/object/apply:os.getcwd"),
        ("a: !own x", "f, line 1: a value tagged !own"),
        ("a: &a [*a]", "f, line 1: the alias stands for something that it is a part of"),
        ("a: &a\n  b: *a", "the alias stands for something that it is a part of"),
        (EXPANDING, "f has more than 20000 values with its aliases followed"),
        ("[" * (DEEPEST + 1) + "]" * (DEEPEST + 1), f"nested deeper than {DEEPEST} levels"),
        ("[" * 5000, f"f is nested deeper than {DEEPEST} levels"),
        ("a: " + "9" * 5000, "f, line 1: a number of 5000 digits"),
        ("a: 0x" + "f" * 5000, "f, line 1: a number of 5002 digits"),
        ("a: !!int abc", "cannot read f: invalid literal"),
        ("a: !!bool maybe", "cannot read f: "),
        ("a: *none", "cannot read f: found undefined alias"),
        ("a: 1\n---\nb: 2", "cannot read f: expected a single document"),
        ("sec:\n\tb: 1", "cannot read f: while scanning"),
        ("a: \x00", "cannot read f: unacceptable character"),
        ("#" * (1 << 20) + "#", "f is larger than 1024 KiB"),
    ],
)
def test_what_is_no_setting_is_one_line_with_file_and_line(text, message):
    with pytest.raises(ConfigError) as caught:
        load_yaml(text, "f")
    assert message in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"caf\xe9: 1", "is no text in UTF-8"),
        ("name: x".encode("utf-16"), "is no text in UTF-8"),
        (b"", "does not hold settings"),
        (b"- 1", "does not hold settings"),
        (b"5", "does not hold settings"),
        (b"base: 5", "base is 5; give the name of a settings file"),
        (b"base: [a, 1]", "base is ['a', 1]; give the name"),
        (b'base: "a\\0b"', "embedded null byte"),
        (b'name: "a\\0b"', "name is 'a\\x00b'; leave out the NUL character"),
        (b"count: [", "cannot read"),
    ],
)
def test_a_file_that_holds_no_settings_is_one_line_that_names_it(tmp_path, content, message):
    with pytest.raises(ConfigError) as caught:
        of_file(tmp_path, content)
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_a_byte_order_mark_of_utf_8_is_no_part_of_the_first_key(tmp_path):
    assert of_file(tmp_path, b"\xef\xbb\xbfname: x").name == "x"


def test_a_date_is_a_text(tmp_path):
    assert of_file(tmp_path, "name: 2026-01-02").name == "2026-01-02"


def test_a_folder_and_a_missing_file_are_one_line(tmp_path):
    for file in (tmp_path, tmp_path / "none.yaml", tmp_path / ("x" * 300)):
        with pytest.raises(ConfigError, match="^cannot read"):
            read_yaml(file)


def test_an_endless_file_is_not_read_to_its_end():
    with pytest.raises(ConfigError, match=r"/dev/zero is larger than 1024 KiB"):
        read_settings("/dev/zero", {})


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--count", "010"], "count is 010, which is read as octal"),
        (["--count=1:30"], "count is 1:30, which is read as octal or base 60"),
        (["--count", "abc"], "count"),
        (["--count"], "count"),
        (["--mean", "[0x" + "f" * 5000 + "]"], ""),
        (["--x", "1"], "--x"),
        (["\u2013count", "1"], "\u2013count begins with a dash that is no hyphen; type --count"),
        (["\u2014\u2014name=x"], "begins with a dash that is no hyphen"),
        (["--name", "!!timestamp x"], ""),
        (["--mean", "&a [*a]"], "tiny: --mean, line 1: the alias stands for something that it is a part of"),
        ([f"--mean={{{EXPANDING.strip().replace(chr(10), ', ')}}}"], "has more than 20000 values"),
        (["--mean", "[" * 3000], ""),
    ],
)
def test_a_wrong_flag_is_one_line(flags, message):
    with pytest.raises(ConfigError) as caught:
        parse_config(Named, flags, program="tiny")
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_a_value_may_begin_with_a_dash_of_any_kind():
    assert parse_config(Named, ["--name", "\u2013x"], program="tiny").name == "\u2013x"
