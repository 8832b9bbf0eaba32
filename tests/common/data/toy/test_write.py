"""The toy set on disk: VOC layout, every list form, complete or refused."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from common.data.restricted_pickle import load_npy
from common.data.toy import CLASS_NAMES, ToyConfig, draw_scene, make_toy
from common.data.toy.__main__ import main
from common.errors import ConfigError, DataError

SMALL = ToyConfig(n_train=5, n_val=2, size=48)
TRAIN_IDS = [f"train_{index:04d}" for index in range(5)]
VAL_IDS = ["val_0000", "val_0001"]


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("sets") / "toy"
    make_toy(root, SMALL)
    return root


def fingerprints(root: Path) -> dict[str, str]:
    files = sorted(path for path in root.rglob("*") if path.is_file())
    return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def list_lines(root: Path, name: str) -> list[str]:
    return (root / "ImageSets" / "Segmentation" / name).read_text().splitlines()


def test_every_image_has_label_map_and_saliency(toy: Path) -> None:
    for folder, suffix in (("JPEGImages", ".jpg"), ("SegmentationClass", ".png"), ("Sal", ".png")):
        assert sorted(path.name for path in (toy / folder).iterdir()) == [i + suffix for i in TRAIN_IDS + VAL_IDS]


def test_pictures_have_the_modes_of_voc(toy: Path) -> None:
    modes = {"JPEGImages/train_0000.jpg": "RGB", "SegmentationClass/train_0000.png": "P", "Sal/train_0000.png": "L"}
    for name, mode in modes.items():
        with Image.open(toy / name) as picture:
            assert (picture.mode, picture.size) == (mode, (48, 48))


def test_files_hold_the_drawn_scene(toy: Path) -> None:
    scene = draw_scene(SMALL, "val", 1)
    with Image.open(toy / "SegmentationClass" / "val_0001.png") as picture:
        np.testing.assert_array_equal(np.asarray(picture), scene.label_map)
    with Image.open(toy / "Sal" / "val_0001.png") as picture:
        np.testing.assert_array_equal(np.asarray(picture), scene.saliency)
    with Image.open(toy / "JPEGImages" / "val_0001.jpg") as picture:
        difference = np.abs(np.asarray(picture, np.float32) - scene.image)
    assert difference.mean() < 8


def test_all_list_forms_say_the_same(toy: Path) -> None:
    for split, ids in (("train", TRAIN_IDS), ("val", VAL_IDS)):
        assert list_lines(toy, f"{split}.txt") == ids
        pairs = [f"/JPEGImages/{image_id}.jpg /SegmentationClass/{image_id}.png" for image_id in ids]
        assert list_lines(toy, f"{split}_pairs.txt") == pairs
        for index, line in enumerate(list_lines(toy, f"{split}_cls.txt")):
            image_id, *numbers = line.split()
            assert image_id == ids[index]
            assert tuple(map(int, numbers)) == draw_scene(SMALL, split, index).class_numbers


def test_tag_files_agree_with_the_lists(toy: Path) -> None:
    from_lists = {
        line.split()[0]: line.split()[1:] for s in ("train", "val") for line in list_lines(toy, f"{s}_cls.txt")
    }
    rows = [line.split(",") for line in (toy / "tags.csv").read_text().splitlines()]
    assert {i: [str(CLASS_NAMES.index(name)) for name in names.split()] for i, names in rows} == from_lists
    assert (toy / "classes.txt").read_text().split() == list(CLASS_NAMES)


def test_cls_labels_is_the_dict_of_the_field(toy: Path) -> None:
    labels = load_npy(toy / "cls_labels.npy")
    assert list(labels) == TRAIN_IDS + VAL_IDS
    for line in list_lines(toy, "train_cls.txt"):
        image_id, *numbers = line.split()
        assert labels[image_id].dtype == np.float32
        assert np.flatnonzero(labels[image_id]).tolist() == [int(number) for number in numbers]


def test_the_same_settings_give_the_same_files(toy: Path, tmp_path: Path) -> None:
    make_toy(tmp_path / "again", SMALL)
    assert fingerprints(tmp_path / "again") == fingerprints(toy)


def test_a_longer_set_begins_with_the_shorter_one(toy: Path, tmp_path: Path) -> None:
    make_toy(tmp_path, ToyConfig(n_train=6, n_val=2, size=48))
    longer = fingerprints(tmp_path)
    assert all(longer[name] == digest for name, digest in fingerprints(toy).items() if "/train_0" in name)


def test_a_complete_set_is_left_alone(toy: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in toy.rglob("*")}
    make_toy(toy, SMALL)
    assert {path: path.stat().st_mtime_ns for path in toy.rglob("*")} == before


def test_other_settings_in_the_same_folder_are_an_error(toy: Path) -> None:
    with pytest.raises(DataError, match="choose another folder, or give --force"):
        make_toy(toy, ToyConfig(n_train=4, n_val=2, size=48))
    assert json.loads((toy / "toy.json").read_text())["n_train"] == 5


def test_force_replaces_the_set_and_leaves_nothing_of_the_old_one(tmp_path: Path) -> None:
    make_toy(tmp_path, ToyConfig(n_train=3, n_val=1, size=32))
    (tmp_path / "JPEGImages/mine.jpg").write_text("my own")
    make_toy(tmp_path, ToyConfig(n_train=2, n_val=1, size=32), force=True)
    assert (tmp_path / "JPEGImages/mine.jpg").read_text() == "my own"
    (tmp_path / "JPEGImages/mine.jpg").unlink()
    assert len(list((tmp_path / "JPEGImages").iterdir())) == 3
    assert json.loads((tmp_path / "toy.json").read_text())["n_train"] == 2


def test_a_folder_with_other_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "JPEGImages").mkdir()
    with pytest.raises(DataError, match="not a toy set"):
        make_toy(tmp_path, SMALL, force=True)


def test_an_interrupted_set_is_not_complete_and_is_finished_by_the_same_call(
    toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("common.data.toy.write.write_lists", stop)
        with pytest.raises(KeyboardInterrupt):
            make_toy(tmp_path, SMALL)
    assert not (tmp_path / "toy.json").exists()
    make_toy(tmp_path, SMALL)
    assert fingerprints(tmp_path) == fingerprints(toy)


def test_the_command_writes_the_settings_of_its_flags(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main([str(tmp_path / "toy"), "--n-train", "2", "--n-val", "1", "--size", "32", "--seed", "3", "--miss-rate", "0.5"])
    settings = json.loads((tmp_path / "toy" / "toy.json").read_text())
    assert (settings["n_train"], settings["seed"], settings["miss_rate"]) == (2, 3, 0.5)
    assert "2 train and 1 val images" in capsys.readouterr().out


def test_a_file_in_the_place_of_the_folder_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "toy").write_text("")
    with pytest.raises(ConfigError, match="is a file"):
        make_toy(tmp_path / "toy", SMALL)
