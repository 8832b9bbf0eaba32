import json
import shutil

import numpy as np
import pytest

from common.data.images import read_label_map
from common.data.layout import DataConfig, open_layout
from common.errors import CheckpointError, ConfigError
from sgan.segmentation.__main__ import main
from sgan.segmentation.multiscale import input_sides, label_map
from sgan.segmentation.parts import part_of


@pytest.fixture
def run(flags, trained, tmp_path):
    """``run(*flags)``: test with a copy of the trained network; returns its run folder."""
    out = tmp_path / "run"
    out.mkdir()
    shutil.copy(trained / "model_iter_2.pth", out)

    def run(*more):
        assert main(["test", *flags, "--out", str(out), *more]) == 0
        return out

    return run


def records(out):
    content = json.loads((out / "results.json").read_text())
    return content["results"] if isinstance(content, dict) else content


def test_label_maps_have_the_size_of_their_images(run, toy):
    folder = run() / "predictions" / "val"
    layout = open_layout(DataConfig(dataset="toy", root=str(toy)))
    for image_id in layout.ids("val"):
        predicted = read_label_map(folder / f"{image_id}.png")
        assert predicted.shape == (48, 48) and predicted.max() <= layout.n_classes


def test_results_say_what_was_measured(run):
    out = run("--method", "seeds", "--saliency_source", "generated")
    run("--smooth", "--method", "seeds")
    found = {record["stage"]: record for record in records(out) if record["method"] == "seeds"}
    plain, smooth = found["DeepLab-v2"], found["DeepLab-v2 + CRF"]
    assert plain["steps"] == {"DeepLab-v2 resnet18": 2} and plain["saliency_source"] == "generated"
    assert plain["crf"] == "none" and smooth["crf"].startswith("sec: position 3/3, colour 80/13/10")
    assert not plain["tags_given"] and plain["initial_weights"] == "random"


def test_complete_files_are_kept_and_force_redoes_them(run):
    first = next((run() / "predictions" / "val").glob("*.png"))
    before = first.stat().st_mtime_ns
    run()
    assert first.stat().st_mtime_ns == before
    run("--force")
    assert first.stat().st_mtime_ns > before


def test_files_made_with_other_settings_are_not_mixed(run):
    run()
    with pytest.raises(ConfigError, match="other settings"):
        run("--test.multi_scale", "false")


def test_tags_restrict_the_labels_of_the_training_list(run, toy):
    out = run("--test.split", "train", "--test.use_tags")
    layout = open_layout(DataConfig(dataset="toy", root=str(toy)))
    for image_id, tags in layout.read_tags(layout.ids("train")).items():
        labels = np.unique(read_label_map(out / "predictions" / "train_tags" / f"{image_id}.png"))
        assert set(labels) <= {0, *(np.flatnonzero(tags) + 1)}
    assert all(record["tags_given"] for record in records(out) if record["method"] != "all background")


def test_only_the_last_of_several_parts_scores(run):
    parts = ["--test.total_parts", "2", "--test.part"]
    out = run(*parts, "1")
    assert len(list((out / "predictions" / "val").glob("*.png"))) == 1 and not (out / "results.json").exists()
    run(*parts, "2")
    assert len(list((out / "predictions" / "val").glob("*.png"))) == 3 and records(out)


def test_parts_cover_the_list_and_the_last_takes_the_remainder():
    items = list(range(11))
    assert [part_of(items, 3, number) for number in (1, 2, 3)] == [[0, 1, 2], [3, 4, 5], [6, 7, 8, 9, 10]]
    with pytest.raises(ConfigError, match="part 4 of 3"):
        part_of(items, 3, 4)


def test_sheets_of_pictures_are_written_on_request(run):
    out = run("--test.pictures", "2")
    assert len(list((out / "pictures" / "val").glob("*.png"))) == 2


def test_a_list_without_masks_is_predicted_and_not_scored(run):
    assert not (run("--test.score", "false") / "results.json").exists()


def test_without_a_trained_network_the_message_says_what_to_do(flags, tmp_path):
    with pytest.raises(CheckpointError, match="train first, or give one with --model"):
        main(["test", *flags, "--out", str(tmp_path)])


def test_the_published_sides():
    assert input_sides(multi_scale=True) == [288, 385, 481]
    assert input_sides(multi_scale=False) == [321]
    with pytest.raises(ConfigError, match=r"test\.side"):
        input_sides(multi_scale=False, single=0)


def test_a_tag_outweighs_every_probability():
    scores = np.array([[[0.1]], [[0.9]], [[0.0]]], np.float32)
    assert label_map(scores).item() == 1
    assert label_map(scores, np.array([0, 1], np.float32)).item() == 0
