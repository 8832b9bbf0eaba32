"""What a missing file of an image means, by what the stage that should have made it has recorded."""

from __future__ import annotations

import pytest

from common.data.images import read_label_map
from common.errors import DataError, InputFailed, InputMissing
from common.failures import FAILED_FILE, STAGE_FILE, left_out_line, missing_file, read_failures
from common.files import write_json


@pytest.fixture
def stage(tmp_path):
    write_json(tmp_path / STAGE_FILE, {})
    write_json(tmp_path / FAILED_FILE, {"b": "cut off", "with/a.folder": "no image"})
    return tmp_path


@pytest.mark.parametrize(("name", "kind", "text"), [
    ("b.png", InputFailed, "^cut off$"),
    ("with/a.folder.png", InputFailed, "^no image$"),
    ("with/another.png", InputMissing, "not there"),
])  # fmt: skip
def test_a_stage_says_of_a_missing_file_whether_it_failed_with_the_image(stage, name, kind, text):
    error = missing_file(stage / name, "not there")
    assert type(error) is kind
    with pytest.raises(kind, match=text):
        raise error


def test_a_file_that_no_stage_makes_is_an_error_as_ever(tmp_path):
    assert type(missing_file(tmp_path / "a.png", "not there")) is DataError


def test_readers_of_files_tell_them_apart(stage):
    with pytest.raises(InputFailed, match="cut off"):
        read_label_map(stage / "b.png")
    with pytest.raises(InputMissing, match=r"a\.png does not exist"):
        read_label_map(stage / "a.png")


@pytest.mark.parametrize("content", ["[]", "{", '{"a": 1}', "[" * 100_000])
def test_a_damaged_record_is_named(tmp_path, content):
    (tmp_path / FAILED_FILE).write_text(content)
    with pytest.raises(DataError, match=r"failed\.json.*delete it and run the stage"):
        read_failures(tmp_path)


def test_the_line_that_names_them_is_bounded():
    assert left_out_line({}) == ""
    assert left_out_line({"a": "cut off"}) == "1 image left out, failed in a stage before: a (cut off)"
    line = left_out_line({f"image{number}": "cut off" for number in range(3000)})
    assert line.startswith("3000 images left out") and "image4 and 2995 more (cut off)" in line and len(line) < 150
