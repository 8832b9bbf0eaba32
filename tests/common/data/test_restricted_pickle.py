import collections
import io
import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from common.data.restricted_pickle import load_npy, load_restricted_pickle
from common.errors import DataError

PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)

# What Python 2 and numpy 1 wrote for {"2007_000063": np.array([9, 12])} with protocol 0, as in SGAN's im_tags.pkl.
PYTHON_2_TAGS = (
    b"(dp0\nS'2007_000063'\np1\ncnumpy.core.multiarray\n_reconstruct\np2\n(cnumpy\nndarray\np3\n(I0\ntp4\nS'b'\np5\n"
    b"tp6\nRp7\n(I1\n(I2\ntp8\ncnumpy\ndtype\np9\n(S'i8'\np10\nI0\nI1\ntp11\nRp12\n(I3\nS'<'\np13\nNNNI-1\nI-1\nI0\n"
    b"tp14\nbI00\nS'\\t\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x0c\\x00\\x00\\x00\\x00\\x00\\x00\\x00'\np15\ntp16\nbs."
)


class Call:
    """Pickles as a call of ``function(*arguments)``."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.function, self.arguments = function, arguments

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return self.function, self.arguments


def through(value: Any, protocol: int = 4) -> Any:
    return load_restricted_pickle(io.BytesIO(pickle.dumps(value, protocol=protocol)))


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    "array",
    [
        np.arange(6, dtype=">f4").reshape(2, 3),
        np.arange(6).reshape(2, 3, order="F"),
        np.arange(24.0).reshape(2, 3, 4).transpose(1, 0, 2),
        np.array(["a", "bcd"]),
        np.array([True, False]),
        np.zeros((0, 3), dtype=np.float16),
        np.array(3.5),
    ],
    ids=["big-endian", "fortran", "transposed", "text", "bool", "empty", "0-d"],
)
def test_arrays_of_every_protocol_come_back_equal_and_writable(array: np.ndarray, protocol: int) -> None:
    result = through(array, protocol)
    assert (type(result), result.dtype, result.shape) == (np.ndarray, array.dtype, array.shape)
    assert (result == array).all()
    assert result.flags.writeable


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_plain_values_and_containers_come_back(protocol: int) -> None:
    value = {"a": [1, 2.5, None, True], 3: ("x", {4}), "b": b"\xff\x00", "big": 2**70, "s": np.float32(0.5)}
    assert through(value, protocol) == value
    assert through(collections.OrderedDict(a=1), protocol) == {"a": 1}
    assert through(collections.defaultdict(list, a=[1]), protocol) == {"a": [1]}


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_object_arrays_and_torch_tensors_become_arrays(protocol: int) -> None:
    content = np.array([{"k": np.arange(2)}, None], dtype=object)
    assert through(content, protocol)[0]["k"].tolist() == [0, 1]
    cams = torch.arange(12.0).reshape(3, 4)[:, ::2]
    assert (through({"cam": cams}, protocol)["cam"] == cams.numpy()).all()


def test_python_2_pickles_are_read(tmp_path: Path) -> None:
    (tmp_path / "im_tags.pkl").write_bytes(PYTHON_2_TAGS)
    tags = load_restricted_pickle(tmp_path / "im_tags.pkl")
    assert list(tags) == ["2007_000063"]
    assert (tags["2007_000063"].dtype, tags["2007_000063"].tolist()) == (np.dtype("int64"), [9, 12])


def test_numpy_2_spelling_is_read() -> None:
    assert load_restricted_pickle(io.BytesIO(PYTHON_2_TAGS.replace(b"numpy.core", b"numpy._core")))


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_command_in_a_pickle_is_refused_by_name_and_not_run(tmp_path: Path, protocol: int) -> None:
    path = tmp_path / "evil.pkl"
    path.write_bytes(pickle.dumps({"a": [Call(os.system, f"touch {tmp_path / 'ran'}")]}, protocol=protocol))
    with pytest.raises(DataError, match=rf"evil\.pkl asks for {os.system.__module__}\.system"):
        load_restricted_pickle(path)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "name",
    [
        "builtins getattr", "builtins eval", "__builtin__ exec", "builtins __import__", "numpy load", "numpy fromfile",
        "numpy memmap", "numpy.testing._private.utils runstring", "numpy.core.multiarray fromfile",
        "copy_reg _reconstructor", "operator attrgetter", "functools partial", "torch load", "torch.serialization load",
        "numpy ndarray.tofile", "numpy.core.multiarray _reconstruct.__globals__",
    ],
)  # fmt: skip
@pytest.mark.parametrize("depth", [0, 1])
def test_every_other_name_is_refused(name: str, depth: int) -> None:
    module, _, attribute = name.partition(" ")
    # Protocol 4 looks names up with dots resolved ("a.b" of a module), which is one more way around a list of names.
    reference = (
        b"\x8c" + bytes([len(module)]) + module.encode() + b"\x8c" + bytes([len(attribute)]) + attribute.encode()
    )
    stream = b"\x80\x04" + b"]" * depth + reference + b"\x93" + b"a" * depth + b"."
    with pytest.raises(DataError, match=f"asks for {module}.{attribute}"):
        load_restricted_pickle(io.BytesIO(stream))


def test_an_edited_object_array_cannot_turn_bytes_into_pointers() -> None:
    stream = pickle.dumps(np.array([1, 2], dtype=np.int64), protocol=2).replace(
        b"X\x02\x00\x00\x00i8", b"X\x02\x00\x00\x00O8"
    )
    with pytest.raises(DataError, match="raw memory"):
        load_restricted_pickle(io.BytesIO(stream))


def test_array_classes_records_and_wrong_sizes_are_refused() -> None:
    for value, message in (
        (np.zeros(2, dtype=[("a", "f4")]), "the array type 'V4'"),
        (np.array(["2020-01-01"], dtype="M8[D]"), "the array type 'M8'"),
        (Call(np.ndarray, (2,)), "direct call of numpy.ndarray"),
        (np.ndarray, "a bare numpy.ndarray"),
    ):
        with pytest.raises(DataError, match=message):
            through(value)
    stream = PYTHON_2_TAGS.replace(b"(I2\ntp8", b"(I9\ntp8")
    with pytest.raises(DataError, match=r"shape \(9,\) with 2 values"):
        load_restricted_pickle(io.BytesIO(stream))


def test_a_file_cannot_alter_the_builders() -> None:
    # GLOBAL numpy.ndarray, then BUILD with a slot state that would replace what it calls.
    stream = b"cnumpy\nndarray\n(N}X\x06\x00\x00\x00_buildNstb."
    with pytest.raises(DataError, match="a change of numpy.ndarray"):
        load_restricted_pickle(io.BytesIO(stream))


def test_broken_and_self_containing_pickles_are_errors_that_name_the_file(tmp_path: Path) -> None:
    knot: list[Any] = []
    knot.append(knot)
    for content in (
        b"",
        b"junk",
        pickle.dumps({"a": 1})[:-3],
        pickle.dumps(knot),
        b"]" * 100_000 + b"a" * 99_999 + b".",
    ):
        path = tmp_path / "a.pkl"
        path.write_bytes(content)
        with pytest.raises(DataError, match=r"a\.pkl is not a readable pickle"):
            load_restricted_pickle(path)
    with pytest.raises(DataError, match="does not exist"):
        load_restricted_pickle(tmp_path / "absent.pkl")


def test_npy_files_with_and_without_objects_are_read(tmp_path: Path) -> None:
    np.save(tmp_path / "plain.npy", np.arange(4))
    np.save(tmp_path / "dict.npy", {"a": np.arange(3)})  # type: ignore[arg-type]
    np.save(tmp_path / "objects.npy", np.array([{1}, None], dtype=object))
    assert load_npy(tmp_path / "plain.npy").tolist() == [0, 1, 2, 3]
    assert load_npy(tmp_path / "dict.npy")["a"].tolist() == [0, 1, 2]
    assert load_npy(tmp_path / "objects.npy").tolist() == [{1}, None]


def test_a_command_in_an_npy_file_is_not_run(tmp_path: Path) -> None:
    content = np.empty((), dtype=object)
    content[()] = {"a": Call(os.system, f"touch {tmp_path / 'ran'}")}
    np.save(tmp_path / "evil.npy", content)
    with pytest.raises(DataError, match=r"evil\.npy asks for .*system"):
        load_npy(tmp_path / "evil.npy")
    assert not (tmp_path / "ran").exists()


def test_what_is_no_npy_file_is_an_error_that_names_it(tmp_path: Path) -> None:
    np.save(tmp_path / "cut.npy", np.arange(100))
    (tmp_path / "cut.npy").write_bytes((tmp_path / "cut.npy").read_bytes()[:200])
    (tmp_path / "text.npy").write_text("hello")
    for name in ("cut.npy", "text.npy"):
        with pytest.raises(DataError, match=f"{name} is not a readable"):
            load_npy(tmp_path / name)


def test_real_cls_labels_are_read(shared: Path) -> None:
    labels = load_npy(shared / "data/voc_animals/cls_labels.npy")
    assert len(labels) == 3362
    assert all(vector.dtype == np.float32 and vector.shape == (20,) for vector in labels.values())
    assert np.flatnonzero(labels["2007_000063"]).tolist() == [8, 11]
