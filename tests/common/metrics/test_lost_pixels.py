"""Where IoU is lost."""

import numpy as np
import pytest

from common.data.palette import write_label_map
from common.errors import DataError
from common.metrics.lost_pixels import CAUSES, causes_of, count_losses, main, near_borders
from common.visual.panels import write_png

TRUTH = np.zeros((20, 20), np.uint8)
TRUTH[:, 10:] = 1
TRUTH[0, 0] = 255


def cause_at(place, label, salient=True, truth=TRUTH):
    labels = np.where(truth == 255, 0, truth).astype(np.uint8)
    labels[place] = label
    saliency = np.full(truth.shape, 255 if salient else 0, np.uint8)
    number = causes_of(truth, labels, saliency, 2)[place]
    return CAUSES[number] if number >= 0 else None


def test_a_border_is_as_wide_as_asked():
    assert near_borders(TRUTH, 2)[5].nonzero()[0].tolist() == [8, 9, 10, 11]
    assert not near_borders(TRUTH, 0).any()


def test_every_wrong_pixel_has_the_first_cause_that_applies():
    two = TRUTH.copy()
    two[15:, 15:] = 2
    assert cause_at((5, 9), 1) == "border"
    assert cause_at((5, 2), 3) == "class without a pixel in the image"
    assert cause_at((5, 17), 2, truth=two) == "another class of the image"
    assert cause_at((5, 17), 0, salient=False) == "missed, not salient"
    assert cause_at((5, 17), 0) == "missed, salient"
    assert cause_at((5, 2), 1) == "invented, salient"
    assert cause_at((5, 2), 1, salient=False) == "invented, not salient"


def test_salient_is_from_the_middle_grey_on_and_everything_without_a_map():
    labels = TRUTH.copy()
    labels[TRUTH == 255] = 0
    labels[5, 17] = 0
    for saliency, cause in ((127, "missed, not salient"), (128, "missed, salient"), (None, "missed, salient")):
        grey = None if saliency is None else np.full(TRUTH.shape, saliency, np.uint8)
        assert CAUSES[causes_of(TRUTH, labels, grey, 2)[5, 17]] == cause


def test_right_and_ignored_pixels_have_none():
    assert cause_at((5, 17), 1) is None
    assert cause_at((0, 0), 1) is None


def test_iou_and_causes_add_up_to_the_union():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, TRUTH.shape).astype(np.uint8)
    counts = count_losses(TRUTH, labels, None, 4, 2)
    known = TRUTH != 255
    for label in range(4):
        union = known & ((label == TRUTH) | (labels == label))
        assert counts[label].sum() == union.sum()
        assert counts[label, 0] == (known & (label == TRUTH) & (labels == label)).sum()


def test_what_does_not_fit_is_an_error():
    with pytest.raises(DataError, match="one size"):
        count_losses(TRUTH, TRUTH[:10], None, 4, 2)
    with pytest.raises(DataError, match="not below 1"):
        count_losses(TRUTH, np.zeros_like(TRUTH), None, 1, 2)


def test_the_command_prints_a_table_of_the_chosen_names(tmp_path, capsys):
    write_label_map(tmp_path / "truth" / "x.png", TRUTH)
    write_label_map(tmp_path / "labels" / "x.png", np.zeros_like(TRUTH))
    write_png(tmp_path / "saliency" / "x.png", np.zeros_like(TRUTH))
    (tmp_path / "list.txt").write_text("x\n")
    (tmp_path / "names.txt").write_text("cat\ndog\n")
    options = ["--list", "list.txt", "--classes", "names.txt", "--saliency", "saliency", "--only", "background", "cat"]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        main(["labels", "truth", *options, "--border", "1"])
    table = {
        line[:40].rsplit("  ", 3)[0].strip(): line.split()[-3:] for line in capsys.readouterr().out.splitlines()[1:]
    }
    assert table["missed, not salient"] == ["45.11", "90.00", "67.56"]


@pytest.mark.parametrize("salient", [1, 255])
def test_saliency_of_zero_and_one_counts_as_salient(tmp_path, capsys, monkeypatch, salient):
    write_label_map(tmp_path / "truth" / "x.png", TRUTH)
    write_label_map(tmp_path / "labels" / "x.png", np.zeros_like(TRUTH))
    write_png(tmp_path / "saliency" / "x.png", np.full_like(TRUTH, salient))
    (tmp_path / "list.txt").write_text("x\n")
    monkeypatch.chdir(tmp_path)
    main(["labels", "truth", "--list", "list.txt", "--classes", "1", "--saliency", "saliency", "--border", "0"])
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["missed,", "salient", "50.13", "100.00", "75.06"] in rows


def test_truths_that_keep_their_objects_as_255_are_refused(tmp_path, monkeypatch):
    write_label_map(tmp_path / "truth" / "x.png", np.where(TRUTH > 0, 255, 0))
    write_label_map(tmp_path / "labels" / "x.png", TRUTH)
    (tmp_path / "list.txt").write_text("x\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match="not one of 1 masks shows a class"):
        main(["labels", "truth", "--list", "list.txt", "--classes", "1"])
