import contextlib
import struct
import tracemalloc

import numpy as np
import pytest
import torch

from common.errors import CheckpointError
from common.models.mxnet_params import read_mxnet_params

ARRAYS = {
    "arg:conv1a_weight": np.arange(24, dtype=np.float32).reshape(2, 3, 2, 2),
    "aux:bn7_moving_mean": np.array([0.5, -1.5], np.float16),
}
TYPES = {"float32": 0, "float64": 1, "float16": 2, "uint8": 3, "int32": 4}


def array_bytes(array, generation):
    """One array as the three generations of MXNet write it."""
    shape = array.shape
    if generation == "2016":
        head = struct.pack(f"<I{len(shape)}I", len(shape), *shape)
    else:
        magic = {"2017": struct.pack("<I", 0xF993FAC8), "2018": struct.pack("<Ii", 0xF993FAC9, 0)}[generation]
        head = magic + struct.pack(f"<I{len(shape)}q", len(shape), *shape)
    return head + struct.pack("<iii", 1, 0, TYPES[str(array.dtype)]) + array.tobytes()


def write(path, arrays, generation="2016"):
    names = [struct.pack("<Q", len(name)) + name.encode() for name in arrays]
    body = b"".join(array_bytes(array, generation) for array in arrays.values())
    count = struct.pack("<Q", len(arrays))
    path.write_bytes(struct.pack("<QQ", 0x112, 0) + count + body + count + b"".join(names))
    return path


@pytest.mark.parametrize("generation", ["2016", "2017", "2018"])
def test_every_generation_of_the_format_is_read(tmp_path, generation):
    tensors = read_mxnet_params(write(tmp_path / "net.params", ARRAYS, generation))
    assert tensors.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        assert torch.equal(tensors[name], torch.from_numpy(array))


def test_a_missing_file_is_an_error(tmp_path):
    with pytest.raises(CheckpointError, match="there is no weights file"):
        read_mxnet_params(tmp_path / "none.params")


@pytest.mark.parametrize("length", [0, 7, 30, 60, 150])
def test_a_file_that_ends_too_early_is_an_error(tmp_path, length):
    whole = write(tmp_path / "net.params", ARRAYS).read_bytes()
    (tmp_path / "cut.params").write_bytes(whole[:length])
    with pytest.raises(CheckpointError, match=r"cut\.params is not a readable MXNet"):
        read_mxnet_params(tmp_path / "cut.params")


def test_another_kind_of_file_is_an_error(tmp_path):
    (tmp_path / "page.params").write_bytes(b"<!DOCTYPE html><html>not the weights</html>")
    with pytest.raises(CheckpointError, match="does not begin like one"):
        read_mxnet_params(tmp_path / "page.params")


def test_a_sparse_array_is_an_error(tmp_path):
    start = struct.pack("<QQQ", 0x112, 0, 1) + struct.pack("<Ii", 0xF993FAC9, 1)
    (tmp_path / "sparse.params").write_bytes(start)
    with pytest.raises(CheckpointError, match="sparse"):
        read_mxnet_params(tmp_path / "sparse.params")


def test_a_count_larger_than_the_file_is_refused_without_reserving_its_memory(tmp_path):
    path = write(tmp_path / "net.params", ARRAYS)
    content = bytearray(path.read_bytes())
    content[24:36] = struct.pack("<III", 2, 2**31, 3)
    path.write_bytes(content)
    tracemalloc.start()
    with pytest.raises(CheckpointError, match=r"net\.params is not a readable MXNet"):
        read_mxnet_params(path)
    assert tracemalloc.get_traced_memory()[1] < 10**6
    tracemalloc.stop()


@pytest.mark.parametrize("generation", ["2016", "2018"])
def test_a_flipped_or_missing_byte_gives_other_numbers_or_an_error_and_nothing_else(tmp_path, generation):
    whole = write(tmp_path / "net.params", ARRAYS, generation).read_bytes()
    for place in range(len(whole)):
        for value in (0, 1, 0x7F, 0xFF):
            (tmp_path / "net.params").write_bytes(whole[:place] + bytes([value]) + whole[place + 1 :])
            with contextlib.suppress(CheckpointError):
                assert all(isinstance(one, torch.Tensor) for one in read_mxnet_params(tmp_path / "net.params").values())
        (tmp_path / "net.params").write_bytes(whole[:place] + whole[place + 1 :])
        with pytest.raises(CheckpointError, match=r"net\.params is not"):
            read_mxnet_params(tmp_path / "net.params")


def test_what_stands_behind_the_end_is_an_error(tmp_path):
    path = write(tmp_path / "net.params", ARRAYS)
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(CheckpointError, match=r"net\.params is not a readable MXNet.*something stands behind"):
        read_mxnet_params(path)


def test_a_name_that_occurs_twice_is_an_error(tmp_path):
    other = {"arg:conv1a_weight": ARRAYS["arg:conv1a_weight"], "arg:conv1b_weight": ARRAYS["arg:conv1a_weight"] + 1}
    path = write(tmp_path / "net.params", other)
    path.write_bytes(path.read_bytes().replace(b"conv1b_weight", b"conv1a_weight"))
    with pytest.raises(CheckpointError, match="a name occurs twice"):
        read_mxnet_params(path)
