"""``test`` and ``crf`` with square inputs, as SGAN tests: label maps, results, tags, parts of a list, pictures."""

import json

import numpy as np
import pytest

from common.data.images import read_label_map
from common.data.layout import DataConfig, open_layout
from common.errors import ConfigError
from common.report.results import read_results
from deeplabv2.main import main


@pytest.fixture
def run(seed_settings, seed_checkpoint, tmp_path):
    """``run(command, *flags)`` with the trained network; returns the folder of the features of a list."""

    def run(command, *more, split="val"):
        flags = [*seed_settings, "--out", str(tmp_path), "-m", str(seed_checkpoint), "--split", split]
        assert main([command, *flags, *more]) == 0
        return tmp_path / "features" / "toy_dsrg" / "dsrg" / split

    return run


@pytest.fixture
def layout(toy):
    return open_layout(DataConfig(dataset="toy", root=str(toy)))


def records(tmp_path, split="val"):
    return read_results(tmp_path / "scores" / "toy_dsrg" / "dsrg" / split / "results.json")


def test_label_maps_have_the_size_of_their_images(run, layout):
    folder = run("test") / "label"
    for image_id in layout.ids("val"):
        predicted = read_label_map(folder / f"{image_id}.png")
        assert predicted.shape == (96, 96) and predicted.max() <= layout.n_classes


def test_results_say_what_was_measured(run, tmp_path):
    flags = ["--method", "seeds", "--saliency_source", "generated"]
    run("test", *flags)
    run("crf", *flags)
    found = {record.stage: record for record in records(tmp_path) if record.method == "seeds"}
    plain, smooth = found["DeepLab-v2"], found["DeepLab-v2 + CRF"]
    assert plain.steps == {"DSRG": 2} and plain.saliency_source == "generated"
    assert plain.crf == "none" and smooth.crf.startswith("sec: position 3/3, colour 80/13/10")
    assert not plain.tags_given and plain.initial_weights == "random"


def test_complete_files_are_kept_and_force_redoes_them(run):
    first = next((run("test") / "label").glob("*.png"))
    before = first.stat().st_mtime_ns
    run("test")
    assert first.stat().st_mtime_ns == before
    run("test", "--force")
    assert first.stat().st_mtime_ns > before


def test_files_made_with_other_settings_are_not_mixed(run):
    run("test")
    with pytest.raises(ConfigError, match="other settings"):
        run("test", "--test.squares", "[33]")
    with pytest.raises(ConfigError, match="other settings"):
        run("crf", "--test.squares", "[33]")


@pytest.mark.parametrize("squares", ["[33]", "[]"])
def test_tags_restrict_the_labels_of_the_training_list(run, layout, tmp_path, squares):
    flags = ["--tags", "--test.squares", squares]
    for command, folder in (("test", "label_tags"), ("crf", "crf_tags")):
        maps = run(command, *flags, split="train") / folder
        for image_id, tags in layout.read_tags(layout.ids("train")).items():
            labels = np.unique(read_label_map(maps / f"{image_id}.png"))
            assert set(labels) <= {0, *(np.flatnonzero(tags) + 1)}
    assert all(record.tags_given for record in records(tmp_path, "train") if record.method != "all background")
    scores = tmp_path / "scores" / "toy_dsrg" / "dsrg" / "train"
    assert {path.name for path in scores.glob("scores*")} == {"scores_tags.json", "scores_crf_tags.json"}


@pytest.mark.parametrize(("command", "kind"), [("test", "label"), ("crf", "crf")])
def test_only_the_last_of_several_parts_scores(run, tmp_path, command, kind):
    parts = ["--test.parts", "3", "--test.part"]
    folder = run(command, *parts, "1") / kind
    assert len(list(folder.glob("*.png"))) == 1 and not list(tmp_path.rglob("results.json"))
    run(command, *parts, "2")
    run(command, *parts, "3")
    assert len(list(folder.glob("*.png"))) == 4 and records(tmp_path)


def test_a_part_that_does_not_exist_is_an_error(run):
    with pytest.raises(ConfigError, match="part 4 of 3"):
        run("test", "--test.parts", "3", "--test.part", "4")


def test_sheets_of_pictures_are_written_on_request(run):
    assert len(list((run("test", "--report.pictures", "2") / "picture").glob("*.png"))) == 2


def test_logits_of_several_inputs_are_not_written(run):
    with pytest.raises(ConfigError, match="whole images"):
        run("test", "--save-logits")


def test_other_images_are_predicted_too(run, seed_settings, seed_checkpoint, toy, tmp_path):
    masks = run("test") / "label"
    flags = ["-m", str(seed_checkpoint), "--images", str(toy / "JPEGImages"), "--out", str(tmp_path / "any"), "--cpu"]
    assert main(["predict", *flags, "--test.squares", "[24,33,41]"]) == 0
    for file in masks.glob("*.png"):
        assert (tmp_path / "any" / "masks" / file.name).read_bytes() == file.read_bytes()
    assert json.loads((masks / "stage.json").read_text())["sides"] == [24, 33, 41]
