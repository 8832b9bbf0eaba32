"""The stages on four images: what starts from what, what lies where, and what says what is missing."""

import csv

import numpy as np
import pytest
import torch
from PIL import Image

from common.cam.attention_files import attention_bytes
from common.cam.files import read_cams
from common.data.images import read_label_map, read_saliency
from common.data.tags_csv import csv_class_names
from common.errors import CheckpointError, ConfigError, DataError
from common.files import read_json
from common.report.results import read_results
from i2crc.labels import initial_label
from i2crc.method import CLASSIFIER, LABELS, METHOD
from tests.i2crc.conftest import FILE, IDS


def state_of(path):
    return torch.load(path, weights_only=True)["state_dict"]


def same(state, other):
    return state.keys() == other.keys() and all(torch.equal(tensor, other[name]) for name, tensor in state.items())


def test_the_training_ends_with_the_published_file(work):
    content = torch.load(work / FILE, weights_only=True)
    assert content.keys() == {"epoch", "global_counter", "state_dict"}
    assert (content["epoch"], content["global_counter"]) == (0, 2)
    names = set(content["state_dict"])
    assert {"module.features.0.weight", "module.extra_convs.6.bias"} <= names
    assert all(name.startswith(("module.features.", "module.extra_convs.")) for name in names)


def test_a_stopped_training_ends_as_an_uninterrupted_one(i2crc, work):
    straight = (work / FILE).read_bytes()
    assert i2crc("train", "--force", "--engine.stop_at", "1") == 0
    assert i2crc("train") == 0
    assert (work / FILE).read_bytes() == straight


def test_maps_have_the_paper_s_form_too(work):
    for image_id in IDS:
        cams = read_cams(work / "run/cams" / f"{image_id}.npz")
        assert len(cams.keys) > 0
        for key, values in zip(cams.keys.tolist(), cams.maps, strict=True):
            with Image.open(work / "run/attention" / f"{image_id}_{key}.png") as image:
                assert (image.mode, image.size) == ("L", (40, 40))
                np.testing.assert_array_equal(np.asarray(image), attention_bytes(values))


def test_labels_are_the_rule_applied_to_the_published_files(work):
    for image_id in IDS:
        keys = read_cams(work / "run/cams" / f"{image_id}.npz").keys
        pngs = [np.asarray(Image.open(work / "run/attention" / f"{image_id}_{key}.png")) for key in keys.tolist()]
        saliency = read_saliency(work / "data/Sal" / f"{image_id}.png")
        path = work / "run/pseudo_labels" / f"{image_id}.png"
        np.testing.assert_array_equal(read_label_map(path), initial_label(saliency, keys, np.stack(pngs)))
        with Image.open(path) as image:
            assert image.mode == "P" and len(image.getpalette()) == 3 * 256


def test_labels_are_scored_and_say_where_they_come_from(i2crc, work):
    assert i2crc("score") == 0
    result = read_results(work / "run/results.json")[-1]
    assert (result.method, result.stage, result.steps) == ("I2CRC", "pseudo label", {"train": 2})
    assert result.saliency_source == "generated" and result.tag_source.startswith("tags.csv ")


def test_a_missing_folder_of_saliency_is_said_before_the_training(i2crc, work):
    (work / "data/Sal").rename(work / "data/away")
    with pytest.raises(DataError, match="no saliency maps: folder .*; put them there or set data.saliency"):
        i2crc("train", "--out", "other")


def test_a_missing_map_of_saliency_is_named(i2crc, work, capsys):
    (work / "data/Sal/train_0001.png").unlink()
    with pytest.raises(DataError, match="saliency map of 'train_0001' not found"):
        i2crc("train", "--out", "other")
    (work / "run/pseudo_labels/train_0001.png").unlink()
    assert i2crc("label") == 1
    assert "saliency map of 'train_0001' not found" in capsys.readouterr().err


def test_maps_need_no_saliency(i2crc, work):
    for path in (work / "data/Sal").iterdir():
        path.unlink()
    assert i2crc("cam", "--force") == 0


def test_without_distances_no_saliency_is_needed_in_training(i2crc, work):
    (work / "data/Sal").rename(work / "data/away")
    flags = METHOD.variants["baseline"].values
    assert i2crc("train", "--out", "other", *(f"--{name}={value}" for name, value in flags.items())) == 0


def test_a_released_classifier_makes_maps_without_a_training(i2crc, work):
    content = torch.load(work / FILE, weights_only=True)
    straight = {image_id: read_cams(work / "run/cams" / f"{image_id}.npz").maps for image_id in IDS}
    for number, state in enumerate((content, content["state_dict"])):
        torch.save(state, work / "released.pth")
        out = f"theirs{number}"
        assert i2crc("cam", "label", "score", "--out", out, "--checkpoint", "released.pth") == 0
        for image_id, maps in straight.items():
            np.testing.assert_array_equal(read_cams(work / out / "cams" / f"{image_id}.npz").maps, maps)
        result = read_results(work / out / "results.json")[-1]
        assert result.initial_weights == "released released.pth" and result.steps == {"given network": 0}


def test_naming_the_own_file_is_no_other_network(i2crc, work):
    record = read_json(work / "run/cams/stage.json")
    assert i2crc("cam", "--checkpoint", FILE) == 0
    assert read_json(work / "run/cams/stage.json") == record


def test_a_missing_training_is_named(i2crc):
    with pytest.raises(CheckpointError, match="run the stage train first"):
        i2crc("cam", "--out", "fresh")


def test_other_settings_are_refused_by_name(i2crc):
    with pytest.raises(ConfigError, match=r"square\.side: 40 -> 48"):
        i2crc("train", "--square.side", "48")
    with pytest.raises(ConfigError, match=r"relation\.margin: 0\.0 -> 1\.0"):
        i2crc("cam", "--relation.margin", "1")
    with pytest.raises(ConfigError, match=r"rule\.least_score: 0\.3 -> 0\.4"):
        i2crc("label", "--labels.least_score", "0.4")


def test_an_image_of_several_tags_has_one_png_per_tag_and_takes_part_in_the_distances_on_request(i2crc, work):
    names = csv_class_names(work / "data/tags.csv")
    with (work / "data/tags.csv").open("w") as file:
        csv.writer(file).writerows([image_id, f"{names[0]} {names[1]}"] for image_id in IDS)
    assert i2crc("train", "cam", "--out", "single") == 0
    assert i2crc("train", "--out", "all", "--relation.images_with", "all") == 0
    single, every = (
        (work / name / "metrics.jsonl").read_text().splitlines()[0].partition('"within_object"')[2][:12]
        for name in ("single", "all")
    )
    assert single != every
    assert len(list((work / "single/attention").glob("*.png"))) == 8


def test_epochs_end_the_training_and_the_rate_falls_when_one_begins(settings):
    four = settings("--training.epochs", "4", "--training.decay_epochs", "[1, 3]")
    engine = CLASSIFIER.engine(four, 4)
    assert engine.max_steps == 8 and CLASSIFIER.engine(settings("--max-steps", "1"), 4).max_steps == 1
    factors = [CLASSIFIER.schedule(four, engine)(step) for step in range(8)]
    assert factors == pytest.approx([1, 1, 0.1, 0.1, 0.1, 0.1, 0.01, 0.01])


def test_pictures_show_scores_under_saliency_and_the_distance(i2crc, work):
    assert i2crc("pictures") == 0
    (example,) = (path for path in (work / "run/examples").iterdir() if path.is_dir())
    titles = [path.stem.partition(" ")[2] for path in sorted(example.glob("*.png"))]
    assert any(title.startswith("scores of ") for title in titles)
    assert "distance from the mean of the region" in titles


def test_what_goes_on_to_the_segmentation_are_the_initial_labels(settings):
    assert METHOD.labels is LABELS
    assert [stage.name for stage in METHOD.second_round()] == ["segment", "refine", "segment2"]
