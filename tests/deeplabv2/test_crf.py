"""``crf``: the same label maps from files, from the network and in several processes."""

import json

import numpy as np
import pytest
import torch

from common.data.images import read_image, read_label_map
from common.data.palette import write_label_map
from common.engine import finishing
from common.errors import ConfigError, DataError
from common.report.results import read_results
from deeplabv2.main import main


def label_maps(folder):
    return {file.name: file.read_bytes() for file in folder.glob("*.png")}


def test_label_maps_from_the_network_equal_those_from_the_files_of_test(arguments, features, tmp_path, capsys):
    assert main(["crf", *arguments]) == 0
    streamed = label_maps(features / "crf")
    assert len(streamed) == 4
    assert not (features / "logit").exists()
    other = [*arguments, "--out", str(tmp_path / "files")]
    main(["test", *other, "--save-logits"])
    capsys.readouterr()
    assert main(["crf", *other]) == 0
    (folder,) = (tmp_path / "files").rglob("logit")
    assert f"logits from {folder}" in capsys.readouterr().out
    assert label_maps(folder.with_name("crf")) == streamed


def test_several_processes_write_what_one_writes(arguments, features, monkeypatch, capsys):
    main(["crf", *arguments, "-j", "1"])
    alone = label_maps(features / "crf")
    monkeypatch.setattr(finishing, "IMAGES_PER_PROCESS", 1)
    assert main(["crf", *arguments, "-j", "2", "--force"]) == 0
    assert "in 2 processes" in capsys.readouterr().out
    assert label_maps(features / "crf") == alone


def test_a_stopped_command_continues(arguments, features, capsys):
    main(["crf", *arguments])
    before = label_maps(features / "crf")
    (features / "crf" / "val_0002.png").unlink()
    assert main(["crf", *arguments]) == 0
    assert "1 written, 3 already there" in capsys.readouterr().out
    assert label_maps(features / "crf") == before


def test_the_checkpoint_of_test_is_found_again(arguments, checkpoint, features):
    main(["test", *arguments])
    without_model = arguments[: arguments.index("-m")]
    assert main(["crf", *without_model]) == 0
    record = json.loads((features / "crf" / "stage.json").read_text())
    assert record["test"] == json.loads((features / "label" / "stage.json").read_text())


def test_other_settings_than_those_of_test_are_refused(arguments):
    main(["test", *arguments, "--save-logits"])
    with pytest.raises(ConfigError, match="flip: False -> True"):
        main(["crf", *arguments, "--flip"])


def test_logits_of_an_earlier_checkpoint_are_not_used(arguments, checkpoint, features, tmp_path, capsys):
    main(["test", *arguments, "--save-logits"])
    state = torch.load(checkpoint, weights_only=True)
    torch.save({key: -value if "aspp" in key else value for key, value in state.items()}, tmp_path / "other.pth")
    other = [*arguments, "-m", str(tmp_path / "other.pth")]
    main(["test", *other, "--force"])
    capsys.readouterr()
    assert main(["crf", *other]) == 0
    assert "logits from " + str(tmp_path / "other.pth") in capsys.readouterr().out


def test_logits_of_another_program_are_used_where_there_is_no_checkpoint(settings, toy, features, tmp_path):
    (features / "logit").mkdir(parents=True)
    for number in range(4):
        logits = np.zeros((7, 12, 12), np.float32)
        logits[number] = 20
        np.save(features / "logit" / f"val_000{number}.npy", logits)
    assert main(["crf", *settings, "--out", str(tmp_path / "out")]) == 0
    found = [set(np.unique(read_label_map(features / "crf" / f"val_000{number}.png"))) for number in range(4)]
    assert found == [{0}, {1}, {2}, {3}]


@pytest.mark.parametrize("damage", ["cut", "labels", "nan", "pickle"])
def test_damaged_logits_are_named_the_others_are_refined_and_the_status_is_1(arguments, features, damage, capsys):
    main(["test", *arguments, "--save-logits"])
    file = features / "logit" / "val_0001.npy"
    contents = {"labels": np.zeros((3, 12, 12), np.float32), "nan": np.full((7, 12, 12), np.nan, np.float32)}
    if damage == "cut":
        file.write_bytes(file.read_bytes()[:200])
    else:
        np.save(file, contents.get(damage, np.array([{"a": 1}], object)))
    assert main(["crf", *arguments]) == 1
    assert "val_0001" in capsys.readouterr().err
    assert len(list((features / "crf").glob("*.png"))) == 3


def test_the_original_image_is_the_default_and_the_published_one_an_option(arguments, features, scores):
    main(["crf", *arguments])
    with pytest.raises(ConfigError, match="image: original -> mean_subtracted"):
        main(["crf", *arguments, "--crf.image", "mean_subtracted"])
    assert main(["crf", *arguments, "--crf.image", "mean_subtracted", "--force"]) == 0
    results = [result for result in read_results(scores / "results.json") if result.stage == "DeepLab-v2 + CRF"]
    assert {result.method for result in results} == {"all background", "fully supervised"}
    assert all(result.crf.startswith("deeplab: position 1/3") for result in results)
    assert all(result.crf.endswith("image minus mean") for result in results)


def test_a_label_map_that_nobody_recorded_is_not_overwritten(arguments, toy, features):
    image = read_image(toy / "JPEGImages" / "val_0000.jpg")
    write_label_map(features / "crf" / "val_0000.png", np.zeros(image.shape[:2], np.uint8))
    with pytest.raises(ConfigError, match="by something else"):
        main(["crf", *arguments])


def test_neither_logits_nor_a_checkpoint_says_what_to_do(settings, tmp_path):
    with pytest.raises(DataError, match="train first, run test first, or give a checkpoint with -m"):
        main(["crf", *settings, "--out", str(tmp_path)])
