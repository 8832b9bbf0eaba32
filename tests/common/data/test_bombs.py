"""Small files that ask for all memory, all time or the end of the process: refused at once, by name."""

import pickle
import struct
import subprocess
import sys
import time
import zipfile
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from common.data.classes import read_class_names
from common.data.lists import read_list
from common.data.restricted_pickle import load_npy, load_restricted_pickle
from common.data.tags import read_tags
from common.errors import DataError
from common.files import read_npz

LIST = b"\x80\x04cbuiltins\nlist\n"
QUICK = 3.0


def nested_tuples(depth: int) -> bytes:
    """{((((...)))): 0}: the hash of the key goes as deep as it is nested."""
    return b"\x80\x04})" + b"\x85" * depth + b"K\0s."


def doubled_lists(levels: int) -> bytes:
    """[x, x] with x = [y, y] and so on: 2^levels entries in a few bytes each."""
    stream = b"\x80\x04]\x94"
    for level in range(levels):
        stream += b"](h" + bytes([level]) + b"h" + bytes([level]) + b"e\x94"
    return stream + b"."


def copies_of_a_list(copies: int) -> bytes:
    entries = b"](" + b"N" * 200_000 + b"e\x94"
    return b"\x80\x04" + entries + b"]\x94(" + (b"cbuiltins\nlist\nh\0\x85R") * copies + b"e."


def copies_of_an_array(copies: int) -> bytes:
    """Many arrays that refer to one text of values."""
    state = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK\0\x85U\x01btR(K\x01Mh\0\x85cnumpy\ndtype\nU\x02u1K\0K\x01\x87RI00\nh\0tb"
    size = 1_000_000
    state = state.replace(b"Mh\0", b"J" + struct.pack("<i", size))
    return b"\x80\x02T" + struct.pack("<i", size) + bytes(size) + b"q\0" + b"](" + state * copies + b"e."


BOMBS = {
    "a table of 2^31 values": b"\x80\x04Nr\xff\xff\xff\x7f.",
    "a table of 10^9 values": b"\x80\x04Np999999999\n.",
    "a table behind a text": b"\x80\x04\x8c\x02abX\x03\0\0\0abcNr\0\0\0\x10.",
    "lists of lists of lists": b"\x80\x04" + b"]" * 200_000 + b"a" * 199_999 + b".",
    "a frame of 2^62 bytes": b"\x80\x04\x95" + b"\xff" * 7 + b"\x3fN.",
    "a text of 2^40 bytes": b"\x80\x04\x8d" + struct.pack("<Q", 1 << 40) + b"a.",
    "bytes of 2^33": b"\x80\x04\x8e" + struct.pack("<Q", 1 << 33) + b"a.",
    "a number of 10^6 digits": b"L" + b"9" * 1_000_000 + b"L\n.",
    "lists that double": doubled_lists(60),
    "copies of a list": copies_of_a_list(3000),
    "copies of an array": copies_of_an_array(2000),
    "a list of bytes": LIST + b"C\x05abcde\x85R.",
    "a range": b"\x80\x04cbuiltins\nrange\nJ\xff\xff\xff\x7f\x85R.",
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_pickle_that_expands_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / "bomb.pkl"
    path.write_bytes(BOMBS[name])
    start = time.process_time()
    with pytest.raises(DataError, match=r"bomb\.pkl") as caught:
        load_restricted_pickle(path)
    assert time.process_time() - start < QUICK
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 1000


def test_tuples_nested_without_end_do_not_take_the_process_with_them(tmp_path: Path) -> None:
    path = tmp_path / "bomb.pkl"
    path.write_bytes(nested_tuples(500_000))
    program = "import sys; from common.data.restricted_pickle import load_restricted_pickle as load\n"
    program += "from common.errors import DataError\ntry: load(sys.argv[1])\nexcept DataError as error: print(error)"
    done = subprocess.run([sys.executable, "-c", program, str(path)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and "bomb.pkl is not a readable pickle" in done.stdout


def test_shared_parts_and_large_files_that_are_no_bombs_are_read(tmp_path: Path) -> None:
    shared = np.arange(1000)
    value = {"a": [shared] * 50, "b": [[1, 2]] * 1000, "c": ("x" * 1000,) * 100, ("k", ("l",)): 2**200}
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        (tmp_path / "fine.pkl").write_bytes(pickle.dumps(value, protocol))
        found = load_restricted_pickle(tmp_path / "fine.pkl")
        assert found["b"] == value["b"] and found["c"] == value["c"] and found["k", ("l",)] == 2**200
        assert len(found["a"]) == 50 and (found["a"][49] == shared).all()


def test_a_header_that_announces_more_than_follows_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((2, 3), np.float32))
    data = (tmp_path / "a.npy").read_bytes()
    (tmp_path / "a.npy").write_bytes(data.replace(b"(2, 3), }          ", b"(999999999999, 3), }")[: len(data)])
    with pytest.raises(DataError, match=r"a\.npy.*announces"):
        load_npy(tmp_path / "a.npy")


def test_an_archive_that_unpacks_to_more_than_its_arrays_say_is_refused(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "fine.npz", maps=np.zeros((4, 100, 100), np.float16))
    assert read_npz(tmp_path / "fine.npz")["maps"].shape == (4, 100, 100)
    np.save(tmp_path / "maps.npy", np.zeros(3))
    with zipfile.ZipFile(tmp_path / "bomb.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("maps.npy", (tmp_path / "maps.npy").read_bytes() + bytes(50_000_000))
    with pytest.raises(DataError, match=r"bomb\.npz: maps\.npy announces the shape \(3,\) but unpacks to"):
        read_npz(tmp_path / "bomb.npz")


def test_an_archive_of_many_gigabytes_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "a.npz", maps=np.zeros(1000))
    data = (tmp_path / "a.npz").read_bytes()
    with zipfile.ZipFile(tmp_path / "a.npz") as archive:
        size = struct.pack("<I", archive.infolist()[0].file_size)
    place = data.rindex(size)
    (tmp_path / "a.npz").write_bytes(data[:place] + struct.pack("<I", 0xFFFFFFF0) + data[place + 4 :])
    with pytest.raises(DataError, match=r"a\.npz"):
        read_npz(tmp_path / "a.npz")


@pytest.mark.parametrize(
    "text",
    [
        "\n".join(f"id_{number}" for number in range(50_000)),
        "\n".join(f"/JPEGImages/{number}.jpg /Labels/{number}.png" for number in range(50_000)),
        "\n".join(f"id_{number} 1 2 3" for number in range(50_000)),
        "a.jpg " * 200_000,
        "a.jpg" * 200_000,
        "x " * 500_000,
        "1 " * 500_000,
        "a" + " " * 1_000_000 + "b",
        "a.jpg" + " " * 1_000_000 + "b",
        "a 1" + "\t" * 1_000_000 + "2 x",
        "9" * 1_000_000,
        "a " + "9" * 1_000_000,
    ],
)
def test_a_list_is_read_in_time_that_grows_as_its_length(tmp_path: Path, text: str) -> None:
    (tmp_path / "list.txt").write_text(text)
    start = time.process_time()
    with suppress(DataError):
        read_list(tmp_path / "list.txt")
    assert time.process_time() - start < QUICK


def test_class_files_and_tags_of_a_million_names_are_refused_quickly(tmp_path: Path) -> None:
    (tmp_path / "classes.txt").write_text("\n".join(f"name {number}" for number in range(100_000)))
    (tmp_path / "tags.csv").write_text("a," + "cat " * 30_000 + "\nb," + "x;" * 60_000)
    (tmp_path / "long.csv").write_text("a," + "x" * 10_000_000)
    (tmp_path / "deep.xml").write_text("<a>" * 300_000)
    (tmp_path / "wide.xml").write_text("<annotation>" + "<object><name>cat</name></object>" * 30_000 + "</annotation>")
    start = time.process_time()
    with pytest.raises(DataError, match=r"classes\.txt"):
        read_class_names(tmp_path / "classes.txt")
    for name in ("tags.csv", "long.csv"):
        with pytest.raises(DataError, match=name):
            read_tags(tmp_path / name, ("cat", "cat dog", "a b c d"))
    with pytest.raises(DataError, match=r"deep\.xml"):
        read_tags(tmp_path, ("cat",))
    (tmp_path / "deep.xml").unlink()
    assert read_tags(tmp_path, ("cat",))["wide"].tolist() == [1]
    assert time.process_time() - start < 2 * QUICK
