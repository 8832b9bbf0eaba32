"""Files of a dataset in every form that is read, and damaged copies of them: what the fuzz test gives to the readers."""

from __future__ import annotations

import io
import pickle
import random
import struct
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image

from common.cam.files import read_cams
from common.cam.random_walk_maps import read_affinity
from common.crf.folder import read_scores
from common.data.classes import read_class_names
from common.data.images import image_size, read_image, read_label_map, read_saliency
from common.data.layout import DataConfig, open_layout
from common.data.lists import read_list
from common.data.tags import read_tags
from deeplabv2.dataset import read_label_file
from deeplabv2.outputs import read_logits
from l2g_cda.bank import read_index
from l2g_cda.objects import read_foreground

CLASSES = ("cat", "dog", "traffic light")
Read = Callable[[Path], Any]
PROBABILITIES = partial(read_scores, form="probabilities")


class Seed(NamedTuple):
    """A file, its name, its reader, and whether that takes the file as it is."""

    name: str
    content: bytes
    read: Read
    is_right: bool = True


def tags_of_file(path: Path) -> Any:
    return read_tags(path, CLASSES)


def tags_of_folder(path: Path) -> Any:
    return read_tags(path.parent, CLASSES)


def files_of_list(path: Path) -> Any:
    """What becomes of the ids and paths of a list, none of which is there."""
    root = path.parent
    for folder in ("images", "masks", "Sal"):
        (root / folder).mkdir(exist_ok=True)
    (root / "classes.txt").write_text("cat\n")
    layout = open_layout(DataConfig(dataset="folder", root=str(root), train_list=path.name))
    for entry in layout.entries("train")[:5]:
        layout.image_path(entry.id)


def logits_of_file(path: Path) -> Any:
    return read_logits(path, 3)


def bank_of_folder(path: Path) -> Any:
    return read_index(path.parent)


def saved(save: Callable[..., Any], *arguments: Any, **options: Any) -> bytes:
    buffer = io.BytesIO()
    save(buffer, *arguments, **options)
    return buffer.getvalue()


def picture(kind: str, mode: str = "L", **options: Any) -> bytes:
    values = np.random.default_rng(0).integers(0, 4, (9, 11), dtype=np.uint8)
    image = Image.fromarray(values).convert(mode)
    exif = Image.Exif()
    exif[0x0112] = 6
    return saved(image.save, kind, exif=exif, **options)


def dictionary(content: Any) -> bytes:
    return saved(np.save, np.array(content, dtype=object))


def seeds() -> list[Seed]:
    """A file of every form."""
    maps, keys = np.full((2, 5, 6), 0.5, np.float16), np.array([0, 2])
    cams = {"keys": keys, "maps": maps}
    affinity = {
        "keys": np.array([0, 1]),
        "cam": np.ones((1, 2, 2), np.float32),
        "hr_cam": np.ones((1, 6, 6), np.float32),
    }
    labelled = np.ones((4, 4), np.uint8)
    cut = {"img": np.zeros((4, 4, 3), np.uint8), "seg": labelled, "sal": labelled}
    vectors = {"2007_000032": np.array([1, 0, 0], np.float32), "a.b": np.array([0, 1, 1], np.float32)}
    numbers = {"2007_000032": np.array([1]), "a.b": [2, 3]}
    xml = "<annotation><object><name>cat</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>4</xmax><ymax>5</ymax></bndbox></object></annotation>"
    names = '2007_000032,cat traffic light\na.b,cat;dog\n"c","dog"\nd,\n'
    pictures = [
        Seed(f"{kind.__name__}.{suffix}", content, kind, kind is not read_label_map or suffix not in ("jpg", "webp"))
        for suffix, content in (
            ("jpg", picture("JPEG")), ("png", picture("PNG")), ("p.png", picture("PNG", "P")), ("tif", picture("TIFF")),
            ("lzw.tif", picture("TIFF", compression="tiff_lzw")), ("webp", picture("WEBP", "RGB")), ("bmp", picture("BMP")),
        )
        for kind in (read_image, read_label_map, read_saliency, image_size, upright_image)
    ]  # fmt: skip
    return [
        *pictures,
        Seed("cls_labels.npy", dictionary(vectors), tags_of_file),
        *(Seed(f"im_tags{p}.pkl", pickle.dumps(numbers, p), tags_of_file) for p in (0, 2, 4, 5)),
        Seed("train_cls.txt", b"2007_000063 0 2\nCOCO_9 1\n", tags_of_file),
        Seed("tags.csv", names.encode(), tags_of_file),
        Seed("2007_000032.xml", xml.encode(), tags_of_folder),
        Seed("ids.txt", b"2007_000032\nmy cat 2\ntrain2014/COCO_1\n", files_of_list, False),
        Seed("pairs.txt", b"/JPEGImages/a.b.jpg /Labels/a.b.png\n/JPEGImages/my cat.JPG /Labels/my cat.png\n", files_of_list, False),
        Seed("numbers.txt", b"2007_000063 8 11\nCOCO_9 0\n", read_list),
        Seed("classes.txt", "cat\ndog\ntraffic light\né\n".encode(), read_class_names),
        Seed("labels.txt", b"0\tbackground\n1\tcat, pussy\n", read_label_file),
        Seed("cams.npz", saved(np.savez, **cams), read_cams),
        Seed("packed.npz", saved(np.savez_compressed, **cams), read_cams),
        Seed("irn.npy", dictionary({"keys": keys, "high_res": maps.astype(np.float32)}), read_cams),
        Seed("tensor.npy", dictionary({"keys": torch.tensor([0]), "high_res": torch.ones(1, 3, 3)}), read_cams),
        Seed("psa.npy", dictionary({0: np.ones((3, 3)), 2: np.zeros((3, 3))}), read_cams),
        Seed("affinity.npy", dictionary(affinity), read_affinity),
        Seed("object.npz", saved(np.savez, **cut), read_foreground),
        Seed("object.npy", dictionary(cut), read_foreground),
        Seed("seg_fg_dirs.npy", dictionary({0: ["a.npy"], 1: []}), bank_of_folder),
        Seed("logits.npy", saved(np.save, np.zeros((3, 4, 4), np.float32)), logits_of_file),
        Seed("probabilities.npy", saved(np.save, np.full((2, 3, 3), 0.5, np.float32)), PROBABILITIES),
        Seed("probabilities.npz", saved(np.savez, probabilities=np.full((2, 3, 3), 0.5, np.float16)), PROBABILITIES),
    ]  # fmt: skip


def upright_image(path: Path) -> Any:
    return read_image(path, upright=True)


INTERESTING = [b"\0", b"\xff", b"\x7f", b"\x80", b"\n", b",", b" ", b'"', b"/", b"..", b"\\", b"'", b"{", b"(", b"<", b"&", b"9" * 20,
               b"\xff" * 4, b"\xff\xff\xff\x7f", struct.pack("<I", 1 << 28), struct.pack(">I", 1 << 28), b"\xc3\x28", b"e9", b"-1", b"nan",
               b"\x85" * 9, b"(" * 40, b"[" * 300, b"a" * 300, b"N", b".", b"R", b"b", b"0", b"\r", b"\xed\xa0\x80"]  # fmt: skip


def mutant(content: bytes, rng: random.Random) -> bytes:
    """A damaged copy: a few changes of bits, bytes, blocks or the end."""
    data = bytearray(content)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 6))):
        place = rng.randrange(len(data) + 1)
        kind = rng.randrange(7)
        if kind == 0 and place < len(data):
            data[place] ^= 1 << rng.randrange(8)
        elif kind == 1 and place < len(data):
            data[place] = rng.randrange(256)
        elif kind == 2:
            del data[place : place + rng.choice((1, 2, 4, 16))]
        elif kind == 3:
            data[place:place] = rng.choice(INTERESTING)
        elif kind == 4:
            given = rng.choice(INTERESTING)
            data[place : place + len(given)] = given
        elif kind == 5:
            other = rng.randrange(len(data) + 1)
            data[place:place] = data[other : other + rng.choice((1, 4, 20, 60))]
        elif rng.random() < 0.4:
            del data[place:]
    return bytes(data)


NUMBERS = (0, 1, 2, -1, 3, 10**6, 2**64, -(2**70), 10**5000, True, 0.5, 1.0, float("nan"), float("inf"), 1e300, 2j)
TEXTS = ("a", "cat", "2007_000032", "", "../x", "/abs", "\ud800", "a\0b", "x" * 400, "1", b"a", b"\xff", b"")
SHAPES = (
    (),
    (1,),
    (3,),
    (2,),
    (0,),
    (2, 3),
    (2, 3, 4),
    (0, 3, 4),
    (2, 0, 0),
    (3, 3, 3),
    (1, 1, 1, 1),
    (4, 4),
    (4, 4, 3),
)
TYPES = (np.float32, np.float16, np.int64, np.uint8, bool, "U3", "S2", np.complex64, np.uint64, ">f8")
KEYS = (
    *("a", "keys", "maps", "high_res", "cam", "img", "seg", b"a", b"\xff", None, 1.5, (1, 2), "\ud800", "../x"),
    *NUMBERS[:10],
)
ODD_FORMS: dict[str, tuple[Read, tuple[Any, ...]]] = {
    "tags.npy": (tags_of_file, ("2007_000032", "a")),
    "tags.pkl": (tags_of_file, ("2007_000032", 5)),
    "irn.npy": (read_cams, ("keys", "high_res")),
    "psa.npy": (read_cams, (0, 1)),
    "walk.npy": (read_cams, ("keys", "hr_cam")),
    "affinity.npy": (read_affinity, ("keys", "cam", "hr_cam")),
    "object.npy": (read_foreground, ("img", "seg", "sal")),
    "seg_fg_dirs.npy": (bank_of_folder, (0, "1")),
    "probabilities.npy": (PROBABILITIES, ("a",)),
    "logits.npy": (logits_of_file, ("a",)),
    "cams.npz": (read_cams, ("keys", "maps")),
    "probabilities.npz": (PROBABILITIES, ("probabilities",)),
    "object.npz": (read_foreground, ("img", "seg", "sal")),
}


def odd_value(rng: random.Random, depth: int = 0) -> Any:
    """A value of any type that a pickle can hold."""
    kind = rng.randrange(9 if depth < 4 else 6)
    some = range(rng.randrange(4))
    if kind == 0:
        return rng.choice(NUMBERS)
    if kind == 1:
        return rng.choice(TEXTS)
    if kind < 6:
        return np.full(rng.choice(SHAPES), rng.choice((0, 1, 2, 200)), rng.choice(TYPES))
    if kind == 6:
        return [odd_value(rng, depth + 1) for _ in some]
    if kind == 7:
        return {rng.choice(KEYS): odd_value(rng, depth + 1) for _ in some}
    return np.array({"a": odd_value(rng, depth + 1)}, dtype=object)


def odd_file(rng: random.Random) -> Seed:
    """A well-formed file of one of the forms with odd values in it."""
    name = rng.choice(list(ODD_FORMS))
    read, keys = ODD_FORMS[name]
    content = {key: odd_value(rng) for key in keys if rng.random() < 0.95}
    content |= {rng.choice(KEYS): odd_value(rng) for _ in range(rng.randrange(3))}
    if name.endswith(".npz"):
        arrays = {
            key: value
            for key, value in content.items()
            if isinstance(key, str) and key.isalpha() and isinstance(value, np.ndarray) and not value.dtype.hasobject
        }
        return Seed(name, saved(np.savez, **arrays), read)
    if name.endswith(".pkl"):
        return Seed(name, pickle.dumps(content, rng.randrange(1, 6)), read)
    plain = odd_value(rng) if rng.random() < 0.3 else content
    return Seed(name, saved(np.save, plain) if isinstance(plain, np.ndarray) else dictionary(plain), read)
