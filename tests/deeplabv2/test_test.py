"""``test``: label maps always, logits on request, scores where there are masks."""

import json
import shutil

import numpy as np
import pytest
import torch

from common.data.images import read_label_map
from common.errors import ConfigError, DataError
from deeplabv2.main import main
from deeplabv2.resize import largest_enlarged


def test_logits_are_written_on_request_in_the_published_form(arguments, features):
    assert main(["test", *arguments, "--save-logits"]) == 0
    files = sorted((features / "logit").glob("*.npy"))
    assert len(files) == 4
    for file in files:
        logits = np.load(file)
        assert (logits.dtype, logits.shape) == (np.float32, (7, 12, 12))
        label_map = read_label_map(features / "label" / f"{file.stem}.png")
        np.testing.assert_array_equal(largest_enlarged(torch.from_numpy(logits)[None], label_map.shape)[0], label_map)


def test_without_request_there_are_no_logits_and_a_later_request_adds_them(arguments, features):
    main(["test", *arguments])
    before = {file.name: file.read_bytes() for file in (features / "label").glob("*.png")}
    assert not (features / "logit").exists()
    main(["test", *arguments, "--save-logits"])
    assert len(list((features / "logit").glob("*.npy"))) == 4
    assert {file.name: file.read_bytes() for file in (features / "label").glob("*.png")} == before


def test_what_is_there_is_not_done_again(arguments, features, capsys):
    main(["test", *arguments])
    (features / "label" / "val_0001.png").unlink()
    main(["test", *arguments])
    assert "1 written, 3 already there" in capsys.readouterr().out


@pytest.mark.parametrize("flags", [["--flip"], ["--scales", "[0.5,1.0]"], ["--test.long_side", "64"]])
def test_other_test_settings_are_not_mixed_with_those_there(arguments, flags):
    main(["test", *arguments])
    with pytest.raises(ConfigError, match="other settings"):
        main(["test", *arguments, *flags])
    assert main(["test", *arguments, *flags, "--force"]) == 0


def test_scales_below_zero_are_refused(arguments):
    with pytest.raises(ConfigError, match=r"test\.scales"):
        main(["test", *arguments, "--scales", "[0]"])


def test_a_list_without_masks_is_predicted_and_not_scored(arguments, toy, features, scores, tmp_path, capsys):
    bare = tmp_path / "bare"
    shutil.copytree(toy, bare, ignore=shutil.ignore_patterns("SegmentationClass"))
    assert main(["test", *arguments, "--root", str(bare)]) == 0
    assert main(["crf", *arguments, "--root", str(bare)]) == 0
    assert len(list((features / "crf").glob("*.png"))) == 4
    assert not scores.exists()
    assert "nothing scored" in capsys.readouterr().out


def test_a_single_missing_mask_is_named_and_the_predictions_are_kept(arguments, toy, features, tmp_path):
    incomplete = tmp_path / "incomplete"
    shutil.copytree(toy, incomplete)
    (incomplete / "SegmentationClass" / "val_0002.png").unlink()
    with pytest.raises(DataError, match="1 of 4 images have no mask, e.g. val_0002"):
        main(["test", *arguments, "--root", str(incomplete)])
    assert len(list((features / "label").glob("*.png"))) == 4


def test_another_list_has_its_own_folder_and_scores(arguments, tmp_path):
    (tmp_path / "two.txt").write_text("val_0000\nval_0003\n")
    assert main(["test", *arguments, "--split", str(tmp_path / "two.txt")]) == 0
    (folder,) = (tmp_path / "out" / "scores").glob("*/*/two")
    result = json.loads((folder / "results.json").read_text())["results"][1]
    assert (result["n_images"], result["list"], result["split"]) == (2, "two.txt", "two")
