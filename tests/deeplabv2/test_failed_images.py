"""One unreadable image: training, test and CRF go on without it, scores say so."""

import shutil

import pytest

from common.failures import read_failures
from common.files import write_json
from common.report.results import read_results
from deeplabv2.main import main

BROKEN = "val_0002"


@pytest.fixture
def broken(toy, arguments, tmp_path):
    """Flags of a dataset in which one image of the list is cut off."""
    shutil.copytree(toy, tmp_path / "data")
    image = tmp_path / f"data/JPEGImages/{BROKEN}.jpg"
    image.write_bytes(image.read_bytes()[:500])
    return [*arguments, "--root", str(tmp_path / "data")]


@pytest.mark.parametrize("flags", [[], ["--save-logits"]])
def test_test_and_crf_score_the_others_and_end_with_1(broken, features, scores, capsys, flags):
    assert main(["test", *broken, *flags]) == 1
    assert "test: 3 written, 0 already there, 1 failed" in capsys.readouterr().out
    # From files of logits, the CRF finds that the test has failed with the image.
    assert main(["crf", *broken]) == (0 if flags else 1)
    assert ("1 left out" if flags else "1 failed") in capsys.readouterr().out
    for kind in ("label", "crf"):
        assert list(read_failures(features / kind)) == [BROKEN]
    results = read_results(scores / "results.json")
    assert {result.stage for result in results} == {"DeepLab-v2", "DeepLab-v2 + CRF"}
    assert {(result.n_images, result.left_out) for result in results} == {(3, 1)}
    assert not (features / f"picture/{BROKEN}.png").exists()


def test_a_training_leaves_out_what_the_stage_of_its_labels_failed_with(settings, toy, tmp_path, capsys):
    labels = tmp_path / "labels"
    shutil.copytree(toy / "SegmentationClass", labels)
    (labels / "train_0003.png").unlink()
    write_json(labels / "stage.json", {})
    write_json(labels / "failed.json", {"train_0003": "cannot read image"})
    flags = [*settings, "--max-steps", "6", "--out", str(tmp_path / "out"), "--label-dir", str(labels)]
    assert main(["train", *flags]) == 0
    assert "1 image left out, failed in a stage before: train_0003 (cannot read image)" in capsys.readouterr().out
    (labels / "failed.json").unlink()
    with pytest.raises(Exception, match=r"train_0003\.png does not exist"):
        main(["train", *flags, "--force"])
