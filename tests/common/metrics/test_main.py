"""The command that scores a folder."""

import json

import numpy as np
import pytest

from common.data.palette import write_label_map
from common.errors import ConfigError, DataError
from common.metrics.__main__ import main


@pytest.fixture
def folders(tmp_path):
    write_label_map(tmp_path / "truth" / "x.png", np.array([[0, 0, 1, 1, 2, 255]], np.uint8))
    write_label_map(tmp_path / "prediction" / "x.png", np.array([[0, 0, 1, 2, 2, 0]], np.uint8))
    (tmp_path / "list.txt").write_text("x\n")
    (tmp_path / "names.txt").write_text("cat\ndog\nbird\n")
    return tmp_path


def run(root, *options):
    main([str(root / "prediction"), str(root / "truth"), "--list", str(root / "list.txt"), *options])


def test_table_shows_names_scores_and_absent_classes(folders, capsys):
    run(folders, "--classes", str(folders / "names.txt"))
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["1", "images"] in lines
    assert ["cat", "50.00", "0.00", "50.00"] in lines
    assert ["bird", "-", "-", "-"] in lines
    assert ["mean", "66.67", "16.67", "16.67"] in lines
    assert ["not", "in", "the", "truth:", "bird"] in lines


def test_json_has_the_published_keys(folders):
    run(folders, "--classes", "2", "--json", str(folders / "scores.json"))
    scores = json.loads((folders / "scores.json").read_text())
    assert scores["Mean IoU"] == pytest.approx((1 + 0.5 + 0.5) / 3)
    assert scores["Class IoU"] == {"0": 1.0, "1": 0.5, "2": 0.5}


def test_only_the_named_classes_are_scored(folders, capsys):
    run(folders, "--classes", str(folders / "names.txt"), "--only", "background", "dog")
    output = capsys.readouterr().out
    assert "cat" not in output
    assert ["dog", "100.00", "0.00", "0.00"] in [line.split() for line in output.splitlines()]


def test_json_of_some_classes_keeps_their_numbers(folders):
    options = ("--only", "background", "dog", "--json", str(folders / "scores.json"))
    run(folders, "--classes", str(folders / "names.txt"), *options)
    assert json.loads((folders / "scores.json").read_text())["Class IoU"] == {"0": 1.0, "2": 1.0}


def test_an_unknown_name_is_an_error(folders):
    with pytest.raises(DataError, match="fish"):
        run(folders, "--classes", "2", "--only", "fish")


def test_zero_classes_is_an_error(folders):
    with pytest.raises(ConfigError, match="--classes 0"):
        run(folders, "--classes", "0")


def test_an_id_cannot_leave_the_folder(folders):
    (folders / "list.txt").write_text("../truth/x\n")
    with pytest.raises(DataError, match="leaves its root"):
        run(folders, "--classes", "2")


@pytest.mark.parametrize("prediction", [0, 1])
def test_objects_stored_as_255_are_refused_and_never_perfect(folders, capsys, prediction):
    truth = np.array([[0, 0, 255, 255, 255, 0]], np.uint8)
    write_label_map(folders / "truth" / "x.png", truth)
    write_label_map(folders / "prediction" / "x.png", truth * 0 + prediction)
    with pytest.raises(DataError, match=r"truth: not one of 1 masks shows a class; .* keep their object as 255"):
        run(folders, "--classes", "1")
    assert "100.00" not in capsys.readouterr().out


def test_masks_of_0_and_255_among_others_are_said(folders, capsys):
    names = ("x", "y", "z")
    (folders / "list.txt").write_text("\n".join(names) + "\n")
    truth = np.array([[0, 0, 255, 255, 255, 0]], np.uint8)
    for name in names:
        write_label_map(folders / "truth" / f"{name}.png", truth if name != "z" else truth % 2)
        write_label_map(folders / "prediction" / f"{name}.png", truth % 2)
    run(folders, "--classes", "1")
    assert "note: 2 of 3 true masks hold 0 and 255 only, and 255 is ignored: x, y." in capsys.readouterr().err
    write_label_map(folders / "truth" / "x.png", truth % 2)
    run(folders, "--classes", "1")
    assert "note" not in capsys.readouterr().err


def test_truths_of_background_alone_are_scored(folders, capsys):
    write_label_map(folders / "truth" / "x.png", np.zeros((1, 6), np.uint8))
    run(folders, "--classes", "2")
    assert "not in the truth: class 1, class 2" in capsys.readouterr().out


@pytest.mark.parametrize("text", ["_background_\ncat\n", "__ignore__\n_background_\ncat\n"])
def test_a_class_file_with_the_background_is_refused_by_line(folders, text):
    (folders / "names.txt").write_text(text)
    with pytest.raises(DataError, match=r"names\.txt line 1: '_+\w+_+' "):
        run(folders, "--classes", str(folders / "names.txt"))
