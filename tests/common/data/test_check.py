import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from common.data.check import main

SIZE = (12, 10)


@pytest.fixture
def voc(tmp_path: Path) -> Path:
    """Three train images and one val image with everything in place, in a VOC layout."""
    ids = ["a", "b", "c", "v"]
    for folder in ("JPEGImages", "SegmentationClassAug", "Sal", "ImageSets/SegmentationAug"):
        (tmp_path / folder).mkdir(parents=True)
    noise = np.random.default_rng(0).integers(0, 256, (SIZE[1], SIZE[0], 3), dtype=np.uint8)
    for image_id in ids:
        Image.fromarray(noise).save(tmp_path / f"JPEGImages/{image_id}.jpg")
        Image.new("L", SIZE, 3).save(tmp_path / f"SegmentationClassAug/{image_id}.png")
        Image.new("L", SIZE, 200).save(tmp_path / f"Sal/{image_id}.png")
    (tmp_path / "ImageSets/SegmentationAug/train_aug.txt").write_text("a\nb\nc\n")
    (tmp_path / "ImageSets/SegmentationAug/val.txt").write_text("v\n")
    (tmp_path / "tags.csv").write_text("".join(f"{image_id},bird\n" for image_id in ids))
    return tmp_path


def test_a_complete_dataset_is_usable_for_everything(voc: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(voc)]) == 0
    text = capsys.readouterr().out
    assert "vocaug (guessed" in text
    assert "train_aug.txt: 3 images" in text
    assert text.splitlines()[-1] == (
        "summary: 4 images; classifier training yes; saliency methods yes; supervised training yes; "
        "scoring on val yes; 0 problems"
    )


def break_jpeg(root: Path) -> None:
    path = root / "JPEGImages/b.jpg"
    path.write_bytes(path.read_bytes()[:-60])


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (break_jpeg, ["problem: unreadable images", "b.jpg"]),
        (lambda root: (root / "JPEGImages/b.jpg").unlink(), ["problem: train: image files missing", "JPEGImages/b.jpg"]),
        (lambda root: (root / "Sal/b.png").unlink(), ["saliency files missing", "saliency for 2 of 3 train images"]),
        (lambda root: Image.new("L", (4, 4)).save(root / "SegmentationClassAug/a.png"), ["masks of another size", "4x4"]),
        (lambda root: Image.new("L", (4, 4)).save(root / "Sal/a.png"), ["saliency maps of another size", "Sal/a.png"]),
        (lambda root: Image.new("L", SIZE, 21).save(root / "SegmentationClassAug/a.png"), ["outside 0..20", "(21)"]),
        (lambda root: Image.new("RGB", SIZE).save(root / "SegmentationClassAug/a.png"), ["unusable masks", "colour"]),
        (lambda root: (root / "tags.csv").write_text("a,bird\nb,bird\n"), ["train: images without tags", "    c"]),
        (lambda root: (root / "tags.csv").write_text("a,zebra\n"), ["no usable tags", "'zebra'", "aeroplane"]),
        (lambda root: (root / "tags.csv").unlink(), ["no usable tags", "classifier training no"]),
        (
            lambda root: (root / "ImageSets/SegmentationAug/val.txt").write_text("v\nv\n"),
            ["problem: unusable val list", "line 2 repeats"],
        ),
    ],
)  # fmt: skip
def test_damage_is_a_problem_that_names_the_file(
    voc: Path, capsys: pytest.CaptureFixture[str], damage: object, expected: list[str]
) -> None:
    assert callable(damage)
    damage(voc)
    assert main([str(voc), "--workers", "0"]) == 1
    text = capsys.readouterr().out
    assert all(part in text for part in expected), text
    assert text.splitlines()[-1].endswith("see above")


def test_quick_decodes_nothing(voc: Path, capsys: pytest.CaptureFixture[str]) -> None:
    break_jpeg(voc)
    assert main([str(voc), "--quick"]) == 0
    assert "4 images" in capsys.readouterr().out


def test_a_dataset_without_saliency_and_val_list_is_usable_for_the_rest(
    voc: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(voc / "Sal")
    (voc / "ImageSets/SegmentationAug/val.txt").unlink()
    assert main([str(voc)]) == 0
    text = capsys.readouterr().out
    assert "note: train: no saliency files at all" in text
    assert "note: no val list" in text
    assert "classifier training yes; saliency methods no, saliency for 0 of 3 train images" in text
    assert "scoring on val no, no val list" in text


def test_a_dataset_without_images_fails(voc: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree(voc / "JPEGImages")
    assert main([str(voc), "--dataset", "vocaug"]) == 1
    assert "problem: no images" in capsys.readouterr().out


def test_long_groups_are_shortened_and_counted(voc: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ids = "".join(f"x{number}\n" for number in range(9))
    (voc / "ImageSets/SegmentationAug/val.txt").write_text(ids)
    assert main([str(voc)]) == 1
    text = capsys.readouterr().out
    assert "problem: val: image files missing (9)" in text
    assert "... and 4 more" in text


def test_own_folder_reports_tags_and_images_that_do_not_meet(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "images").mkdir()
    for name in ("a", "b"):
        Image.new("RGB", SIZE).save(tmp_path / f"images/{name}.jpg")
    (tmp_path / "tags.csv").write_text("a,cat\nc,dog\n")
    assert main([str(tmp_path)]) == 1
    text = capsys.readouterr().out
    assert "folder (guessed" in text
    assert "problem: train: images without tags\n    b" in text
    assert "problem: tags without an image\n    c" in text


def test_what_is_no_dataset_is_a_clear_failure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path)]) == 1
    assert main([str(tmp_path / "absent")]) == 1
    (tmp_path / "VOCdevkit/VOC2012").mkdir(parents=True)
    assert main([str(tmp_path)]) == 1
    text = capsys.readouterr().out
    assert "neither JPEGImages nor images" in text
    assert "does not exist" in text
    assert "did you mean" in text


def test_overrides_are_used(voc: Path) -> None:
    (voc / "Sal").rename(voc / "MySaliency")
    assert main([str(voc), "--quick", "--saliency", "MySaliency"]) == 0
    (voc / "MySaliency/a.png").unlink()
    assert main([str(voc), "--quick", "--saliency", "MySaliency"]) == 1
