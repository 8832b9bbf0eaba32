"""The stages of the base labels on four images: what starts from what, what lies where, and what says what is missing."""

import numpy as np
import pytest
import torch
from PIL import Image

from common.cam.files import read_cams
from common.cam.random_walk_maps import read_affinity
from common.cores import torch_threads
from common.data.images import read_image, read_label_map
from common.engine.randomness import seed_everything
from common.errors import CheckpointError, ConfigError, DataError
from common.files import read_json
from common.pseudo_labels.rule import CamRule, Evidence
from common.report.results import read_results
from sod_wsss.label_rules import ConfidentLabels
from sod_wsss.method import METHOD
from tests.tiny_method import TinyMethod

TINY = """
out: run
data: {dataset: toy, root: data}
backbone: {name: mobilenet_v2, width: 0.25, output_stride: 8, weights: ""}
square: {crop_size: 48, long_sides: [36, 56], jitter: [0.3, 0.3, 0.3, 0.1], rand_augment: true}
training: {epochs: 2}
engine: {batch_size: 2, workers: 0, device: cpu, log_every: 1, save_every: 1}
optimizer: {lr: 0.001}
cam: {scales: [1.0, 1.5], batch_size: 4}
affinity: {epochs: 1, radius: 3, engine: {batch_size: 2, log_every: 1, save_every: 1}}
walk: {exponent: 2, padded_side: 0, batch_size: 3}
report: {saliency_source: generated, pictures: 0}
"""
RUN = TinyMethod(METHOD, TINY)
IDS = [f"train_{index:04d}" for index in range(4)]
BASE_COMMANDS = ("train", "cam", "confident", "affinity", "walk", "label")


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    with torch_threads(1):
        yield


@pytest.fixture(scope="module")
def finished(one_thread, tmp_path_factory):
    """A folder with ``tiny.yaml``, ``data`` (4 training images) and ``run``, up to the base labels; not to be changed."""
    return RUN.prepare(tmp_path_factory.mktemp("base"), *BASE_COMMANDS)


def test_class_maps_have_the_published_form(work):
    for image_id in IDS:
        maps = read_affinity(work / f"run/cams/{image_id}.npy")
        assert len(maps.keys) > 0 and maps.full.shape[1:] == (40, 40) and maps.quarter.shape[1:] == (10, 10)


def test_confident_labels_are_the_rule_applied_to_the_class_maps(work):
    for image_id in IDS:
        evidence = Evidence(
            image_id, read_cams(work / f"run/cams/{image_id}.npy"), read_image(work / f"data/JPEGImages/{image_id}.jpg")
        )
        made = read_label_map(work / f"run/confident_labels/{image_id}.png")
        np.testing.assert_array_equal(made, ConfidentLabels(0.4, 0.1)(evidence))


def test_base_labels_are_the_rule_applied_to_the_maps_after_the_walk(work):
    labels, greatest = RUN.settings().labels, set()
    for image_id in IDS:
        cams = read_cams(work / f"run/random_walk/{image_id}.npz")
        greatest.add(float(cams.maps.max()))
        assert cams.keys.tolist() == read_cams(work / f"run/cams/{image_id}.npy").keys.tolist()
        evidence = Evidence(image_id, cams, read_image(work / f"data/JPEGImages/{image_id}.jpg"))
        path = work / f"run/base_labels/{image_id}.png"
        np.testing.assert_array_equal(read_label_map(path), CamRule(labels, 21, 1)(evidence))
        with Image.open(path) as image:
            assert image.mode == "P" and len(image.getpalette()) == 3 * 256
    # An untrained classifier may find nothing in an image.
    assert 1.0 in greatest <= {0.0, 1.0}


def test_the_backbone_of_affinitynet_has_its_initial_weights(work):
    settings = RUN.settings()
    seed_everything(settings.engine.seed)
    training = METHOD.stage("affinity")
    network = training.network(settings, training.layout(settings))
    trained, _ = training.trained(settings, training.layout(settings))
    moved = [
        name for name, tensor in trained.state_dict().items() if not torch.equal(tensor, network.state_dict()[name])
    ]
    assert moved and all(name.startswith("edge_") for name in moved)


def test_base_labels_are_scored_with_the_steps_of_both_trainings(work):
    assert RUN("base_score") == 0
    result = read_results(work / "run/results.json")[-1]
    assert (result.method, result.stage) == ("Puzzle-CAM, AffinityNet", "pseudo label + CRF")
    assert result.steps == {"train": 4, "affinity": 2} and " 1 iterations" in result.crf


@pytest.mark.parametrize(("stage", "name"), [("train", "classifier"), ("affinity", "affinitynet")])
def test_a_stopped_training_ends_as_an_uninterrupted_one(work, stage, name):
    path = work / f"run/models/{name}.pth"
    straight = torch.load(path, weights_only=True)
    engine = "engine" if stage == "train" else "affinity.engine"
    assert RUN(stage, "--force", f"--{engine}.stop_at", "1") == 0
    assert RUN(stage) == 0
    again = torch.load(path, weights_only=True)
    assert straight.keys() == again.keys() and all(torch.equal(tensor, again[key]) for key, tensor in straight.items())


def test_the_weight_of_the_distance_rises_with_the_training(work):
    rows = [line for line in (work / "run/metrics.jsonl").read_text().splitlines() if "reconstruction" in line]
    assert len(rows) == 4 and '"reconstruction": 0.0' in rows[0] and '"reconstruction": 0.0' not in rows[2]


def test_published_networks_take_the_place_of_the_trainings(work):
    (work / "run/models").rename(work / "theirs")
    given = ("--out", "other", "--checkpoint", "theirs/classifier.pth", "--walk.edge_network", "theirs/affinitynet.pth")
    assert RUN(*BASE_COMMANDS, "base_score", *given) == 0
    for image_id in IDS:
        straight, other = (read_cams(work / f"{out}/random_walk/{image_id}.npz").maps for out in ("run", "other"))
        np.testing.assert_array_equal(straight, other)
    assert read_results(work / "other/results.json")[-1].steps == {"given network": 0}


def test_other_settings_are_refused_by_name():
    with pytest.raises(ConfigError, match=r"puzzle\.pieces: 4 -> 1"):
        METHOD.stage("cam").training.require_trained_with(RUN.settings("--puzzle.pieces", "1"))
    with pytest.raises(ConfigError, match=r"affinity\.radius: 3 -> 4"):
        METHOD.stage("walk").training.require_trained_with(RUN.settings("--affinity.radius", "4"))


@pytest.fixture(autouse=True)
def in_work(work):
    """Every test here works on a copy."""


def test_confident_labels_of_other_thresholds_are_refused(work):
    with pytest.raises(
        ConfigError,
        match=r"confident labels in run/confident_labels were made with other settings .*not .*'sure_background': 0\.2",
    ):
        RUN("affinity", "--force", "--affinity.sure_background", "0.2")


def test_what_is_missing_is_named(work):
    with pytest.raises(CheckpointError, match="run the stage train first"):
        RUN("cam", "--out", "fresh")
    with pytest.raises(DataError, match="run the stage cam first"):
        RUN("confident", "--out", "fresh")
    with pytest.raises(DataError, match="run the stage confident first"):
        RUN("affinity", "--out", "fresh")


def test_maps_after_the_walk_say_which_class_maps_they_come_from(work):
    record = read_json(work / "run/random_walk/stage.json")
    assert record["class_maps"] == read_json(work / "run/cams/stage.json")
    with pytest.raises(ConfigError, match=r"walk\.beta: 10\.0 -> 3\.0"):
        RUN("walk", "--walk.beta", "3")
    assert RUN("walk", "--walk.batch_size", "1") == 0


def test_selected_labels_say_which_crf_the_base_labels_went_through(work):
    assert RUN("select", "score") == 0
    own = read_results(work / "run/results.json")[-1]
    assert own.stage == "pseudo label + CRF" and " 1 iterations" in own.crf
    assert RUN("select", "score", "--labels", "run/base_labels", "--out", "same") == 0
    given = read_results(work / "same/results.json")[-1]
    assert (given.stage, given.crf) == (own.stage, own.crf) and given.method == "base_labels + salient objects"


def test_of_label_maps_that_nobody_has_recorded_no_crf_is_claimed(work):
    (work / "run/base_labels").rename(work / "found")
    (work / "found/stage.json").unlink()
    assert RUN("select", "score", "--labels", "found", "--out", "other") == 0
    result = read_results(work / "other/results.json")[-1]
    assert (result.stage, result.crf) == ("pseudo label", "none") and result.initial_weights == "not recorded"
