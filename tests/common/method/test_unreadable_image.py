"""One unreadable image among many: the stage that meets it names it, all others go on without it, scores say so."""

from __future__ import annotations

import pytest

from common.failures import FAILED_FILE, read_failures
from common.files import read_json
from common.method.__main__ import main
from common.report.results import read_results
from common.report.table import build_tables
from tests.common.method.test_bad_input import BROKEN, truncate

OTHERS = ["train_0000", "train_0002", "train_0003"]
LABELS = "run/labels/plain_cam"


@pytest.fixture
def broken(work):
    """The image is broken and has no maps yet."""
    image = work / f"data/JPEGImages/{BROKEN}.jpg"
    content = image.read_bytes()
    truncate(image)
    (work / f"run/cams/{BROKEN}.npz").unlink()
    return image, content


def test_every_stage_in_one_call_goes_on_and_the_status_is_1(broken, tiny, work, capsys):
    stages = ["cam", "label", "score", "pictures"]
    flags = ["--labels.choose_threshold", "true", "--report.pictures", "4"]
    assert main(["plain_cam", *stages, str(tiny), *flags]) == 1
    shown = capsys.readouterr()
    assert "cam: 0 written, 3 already there, 1 failed" in shown.out
    assert "mIoU, the best of 66 against the masks of 3 images" in shown.out
    assert "label: 3 written, 0 already there, 0 failed, 1 left out" in shown.out
    assert f"1 image left out, failed in a stage before: {BROKEN} (cannot read image" in shown.err
    assert "over 3 images, 1 left out because they failed" in shown.out
    assert sorted(path.stem for path in (work / LABELS).glob("*.png")) == OTHERS
    sweep = read_json(work / "run/threshold_sweep.json")
    assert (sweep["n_images"], sweep["left_out"]) == (3, [BROKEN])
    assert {(result.n_images, result.left_out) for result in read_results(work / "run/results.json")} == {(3, 1)}
    assert not (work / "run/examples" / BROKEN).exists()
    (table,) = build_tables(read_results(work / "run/results.json"))
    assert "list train.txt (3 images; 1 more failed and are left out)" in table.common


def test_a_later_stage_alone_ends_with_0_and_hands_the_record_on(broken, plain_cam, work):
    assert plain_cam("cam") == 1
    assert plain_cam("label") == 0
    assert plain_cam("score") == 0
    for folder in ("run/cams", LABELS):
        assert list(read_failures(work / folder)) == [BROKEN]
        assert "cannot read image" in read_failures(work / folder)[BROKEN]


def test_once_the_image_is_mended_the_same_commands_make_what_is_missing(broken, plain_cam, work, capsys):
    image, content = broken
    plain_cam("cam")
    plain_cam("label")
    image.write_bytes(content)
    assert plain_cam("cam") == 0
    assert plain_cam("label") == 0
    assert "label: 1 written, 3 already there, 0 failed\n" in capsys.readouterr().out
    assert not (work / "run/cams" / FAILED_FILE).exists() and not (work / LABELS / FAILED_FILE).exists()
    plain_cam("score")
    assert {(result.n_images, result.left_out) for result in read_results(work / "run/results.json")} == {(4, 0)}
    assert "left_out" not in (work / "run/results.json").read_text()


def test_pictures_of_another_list_leave_out_what_cannot_be_read(plain_cam, work, capsys):
    truncate(work / "data/JPEGImages/val_0000.jpg")
    assert plain_cam("pictures", "--report.pictures", "9") == 0
    shown = sorted(path.name for path in (work / "run/examples").iterdir() if path.is_dir())
    assert "val_0000 is not shown: cannot read image" in capsys.readouterr().err
    assert shown and "val_0000" not in shown


def test_maps_that_are_missing_without_a_record_are_an_error_as_ever(plain_cam, failing, work, capsys):
    (work / f"run/cams/{BROKEN}.npz").unlink()
    assert f"{BROKEN}" in failing("label", "--labels.choose_threshold", "true")
    assert plain_cam("label") == 1
    assert f"failed: {BROKEN}: no CAM file run/cams/{BROKEN}.npz; run the CAM stage first" in capsys.readouterr().err
    assert not (work / LABELS / FAILED_FILE).exists()
    assert f"{LABELS}/{BROKEN}.png does not exist" in failing("score")


def test_with_force_maps_of_an_image_that_fails_now_do_not_stay(broken, plain_cam, work):
    (work / f"run/cams/{BROKEN}.npz").write_bytes(b"of an earlier call")
    assert plain_cam("cam", "--force") == 1
    assert not (work / f"run/cams/{BROKEN}.npz").exists()


def test_a_stage_whose_every_image_failed_before_says_so(plain_cam, failing, work):
    for path in (work / "data/JPEGImages").glob("train_*.jpg"):
        truncate(path)
    plain_cam("cam", "--force")
    assert "nothing is left to do; 4 images left out" in failing("label")


def test_a_chain_goes_on_and_names_the_image_again_at_its_end(broken, plain_cam, capsys):
    flags = ["--chain.segmentation", "", "--until", "labels", "--label_crf", "false"]
    assert plain_cam("reproduce", *flags) == 1
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith(f"incomplete: 1 of the images failed: {BROKEN} (cannot read image")
    assert "run the same command again" in last
