"""The table of scores of a folder of PNGs."""

import runpy
import sys
from pathlib import Path

import numpy as np
import pytest

from common.commands import parse_command, run_alone
from common.data.palette import write_label_map
from common.errors import ConfigError, DataError
from common.method.command import command_of
from common.metrics.confusion import confusion_matrix
from smaf.evaluation import SCORE_PNGS, at_size_of_truth, score_rows, scores_of_labelled
from smaf.method import METHOD

TRUTH = np.array([[0, 0, 1, 1], [0, 0, 1, 255]], np.uint8)
PREDICTION = np.array([[0, 1, 1, 1], [0, 255, 1, 1]], np.uint8)


@pytest.fixture
def flags(tmp_path, monkeypatch):
    """``name -> value`` of a call with two images, in an empty working directory."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "list.txt").write_text("a\nb\n")
    for name in "ab":
        write_label_map(tmp_path / "masks" / f"{name}.png", TRUTH)
        write_label_map(tmp_path / "pngs" / f"{name}.png", PREDICTION)
    return {
        "dataset": "voc12",
        "datalist": "list.txt",
        "gt_dir": "masks",
        "pred_dir": "pngs",
        "save_path": "out/scores.txt",
    }


def score(flags):
    return run_alone("evalue.py", SCORE_PNGS, [word for name, value in flags.items() for word in (f"--{name}", value)])


def test_the_table_is_printed_and_written(flags, capsys):
    assert score(flags) == 0
    table = Path("out/scores.txt").read_text()
    printed = capsys.readouterr().out
    assert printed.endswith(table) and "2 images" in printed
    lines = [line.split() for line in table.splitlines()]
    # Six pixels are counted: background 2 right of 3, aeroplane 3 right of 3, and one background pixel as aeroplane.
    assert lines[:4] == [
        ["class", "IoU", "precision", "recall", "accuracy"],
        ["mean", "70.83", "87.50", "83.33", "83.33"],
        ["background", "66.67", "100.00", "66.67"],
        ["aeroplane", "75.00", "75.00", "100.00"],
    ]
    assert [line[0] for line in lines[13:15]] == ["diningtabl", "dog"]
    assert lines[4] == ["bicycle", "nan", "nan", "nan"]


def test_pixels_without_label_are_not_counted_but_told(flags, capsys):
    score(flags)
    assert "14.29 % of their pixels have no label" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("prediction", "fitted"),
    [
        ([[1, 1, 1], [1, 1, 1], [1, 1, 1]], [[1, 1], [1, 1]]),
        ([[1]], [[1, 0], [0, 0]]),
        ([[1, 1, 1]], [[1, 1], [0, 0]]),
    ],
)
def test_a_prediction_of_another_size_is_cut_or_extended_by_background(prediction, fitted):
    truth = np.ones((2, 2), np.uint8)
    kept, changed = at_size_of_truth(2, truth, np.array(prediction, np.uint8))
    np.testing.assert_array_equal(kept, truth)
    np.testing.assert_array_equal(changed, fitted)


def test_sizes_of_files_may_differ(flags):
    write_label_map(Path("pngs/a.png"), np.pad(PREDICTION, ((0, 3), (0, 2)), constant_values=1))
    assert score(flags) == 0
    same = Path("out/scores.txt").read_text()
    write_label_map(Path("pngs/a.png"), PREDICTION)
    score(flags)
    assert Path("out/scores.txt").read_text() == same


def test_a_class_in_no_map_is_in_no_mean():
    matrix = confusion_matrix(np.array([[0, 0], [2, 2]]), np.array([[0, 0], [2, 2]]), 3)
    header, mean, *rows = score_rows(
        scores_of_labelled(matrix), ["background", "cat", "a long name of a dog"]
    ).splitlines()
    assert mean.split() == ["mean", "100.00", "100.00", "100.00", "100.00"]
    assert [row[:10] for row in rows] == ["background", "cat       ", "a long nam"]
    assert len({len(row) for row in rows}) == 1 and len(mean) == len(header)


@pytest.mark.parametrize("name", ["dataset", "datalist", "gt_dir", "pred_dir", "save_path"])
def test_every_flag_is_needed(flags, name):
    del flags[name]
    with pytest.raises(ConfigError, match=f"--{name} not given"):
        score(flags)


def test_all_missing_flags_are_named_at_once():
    with pytest.raises(ConfigError, match="--dataset and --datalist and"):
        run_alone("evalue.py", SCORE_PNGS, [])


@pytest.mark.parametrize("name", ["datalist", "gt_dir", "pred_dir"])
def test_what_does_not_exist_is_named_by_its_flag(flags, name):
    with pytest.raises(DataError, match=f"--{name} nowhere is no f"):
        score({**flags, name: "nowhere"})


def test_an_unknown_dataset_is_an_error(flags):
    with pytest.raises(ConfigError, match="cityscapes"):
        score({**flags, "dataset": "cityscapes"})


def test_missing_pngs_are_counted(flags):
    Path("pngs/b.png").unlink()
    with pytest.raises(DataError, match="1 of 2 images have no PNG in pngs, e.g. b"):
        score(flags)


def test_a_missing_mask_is_named(flags):
    Path("masks/b.png").unlink()
    with pytest.raises(DataError, match="mask of 'b' not found"):
        score(flags)


@pytest.mark.parametrize(("folder", "message"), [("masks", "truth holds label 21"), ("pngs", "holds label 21")])
def test_a_label_that_the_dataset_does_not_have_is_an_error(flags, folder, message):
    write_label_map(Path(folder, "b.png"), np.full((2, 4), 21, np.uint8))
    with pytest.raises(DataError, match=message):
        score(flags)
    assert score({**flags, "dataset": "coco"}) == 0


@pytest.mark.parametrize("dataset", [{}, {"dataset": "toy"}, {"dataset": "folder"}])
def test_classes_of_other_data_lie_beside_the_masks(flags, dataset):
    Path("classes.txt").write_text("square\n")
    del flags["dataset"]
    score(flags | dataset)
    assert len(Path("out/scores.txt").read_text().splitlines()) == 4


@pytest.mark.parametrize("name", ["evalue", "evaluate_png"])
def test_entry_files_explain_their_flags(name, monkeypatch, capsys):
    entry = Path(sys.modules["smaf"].__path__[0]) / f"{name}.py"
    monkeypatch.setattr(sys, "argv", [str(entry), "--help"])
    with pytest.raises(SystemExit, match="0"):
        runpy.run_path(str(entry), run_name="__main__")
    shown = capsys.readouterr().out
    assert f"smaf/{name}.py" in shown and "--sweep" in shown
    assert all(f"--{flag} " in shown for flag in ("dataset", "datalist", "gt_dir", "pred_dir", "save_path"))


def test_pseudo_masks_can_be_made_at_the_best_threshold(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    settings = parse_command("label", command_of(METHOD, "label"), ["--sweep"])
    assert settings.labels.choose_threshold
