import numpy as np
import pytest
import torch
from PIL import Image

from common.errors import CheckpointError, ConfigError, DataError
from common.method.__main__ import main
from sgan.method import INITIAL_SEEDS, INITIAL_WEIGHTS, STAGE0_CLASSIFIER, network_of

CLASSIFIER = """
out: elsewhere
data: {dataset: toy}
backbone: {name: vgg16, width: 0.05}
augmentation: {crop_size: 32}
engine: {max_steps: 2, batch_size: 2, workers: 0, device: cpu}
"""
FLAGS = ("--pretrain", "init.pth", "--stage0.classifier", "stage0", "--stage0.config", "stage0.yaml")


@pytest.fixture(autouse=True)
def classifier(work):
    (work / "stage0.yaml").write_text(CLASSIFIER)


def test_the_classifier_is_plain_cam_s_with_the_dataset_of_sgan(settings, work):
    assert STAGE0_CLASSIFIER.run(settings("--stage0.config", "")) == 0
    assert not (work / "stage0").exists()
    assert STAGE0_CLASSIFIER.run(settings(*FLAGS)) == 0
    assert len(list((work / "stage0" / "cams").glob("*.npz"))) == 4


def test_the_classifiers_backbone_gets_the_published_names_and_is_what_training_starts_from(settings, work):
    STAGE0_CLASSIFIER.run(settings(*FLAGS))
    INITIAL_WEIGHTS.run(settings(*FLAGS))
    written = torch.load(work / "init.pth", weights_only=True)
    trained = torch.load(work / "stage0" / "checkpoints" / "checkpoint_2.pth", weights_only=True)["model"]
    assert torch.equal(written["conv1_2.weight"], trained["backbone.features.2.weight"])
    assert len(written) == 26
    network = network_of(settings(*FLAGS), INITIAL_WEIGHTS.layout(settings()))
    assert torch.equal(network.backbone.conv5_3.bias, trained["backbone.features.28.bias"])


def test_weights_that_are_there_stay(settings, work):
    (work / "init.pth").write_bytes(b"mine")
    INITIAL_WEIGHTS.run(settings(*FLAGS))
    assert (work / "init.pth").read_bytes() == b"mine"


def test_initial_weights_need_a_name(settings):
    with pytest.raises(ConfigError, match="name the file"):
        INITIAL_WEIGHTS.run(settings("--pretrain", "imagenet"))


def test_a_missing_or_unfinished_classifier_is_an_error(settings, work):
    with pytest.raises(DataError, match="no training in stage0"):
        INITIAL_WEIGHTS.run(settings(*FLAGS))
    flags = ["--root", "data", "--out", "stage0", "--engine.stop_at", "1"]
    main(["plain_cam", "train", "stage0.yaml", *flags])
    with pytest.raises(CheckpointError, match="stopped at step 1 of 2"):
        INITIAL_WEIGHTS.run(settings(*FLAGS))


def test_initial_seeds_need_cams(settings):
    with pytest.raises(DataError, match="no maps in nowhere"):
        INITIAL_SEEDS.run(settings("--stage0.cams", "nowhere"))


def test_initial_seeds_are_grey_files_in_the_published_place_and_label_maps_beside_them(work):
    folder = work / "data" / "ini_seed"
    files = sorted((folder / "seeds").glob("*.png"))
    assert len(files) == 4
    for file in files:
        with Image.open(file) as image, Image.open(folder / "seeds_labels" / file.name) as labels:
            assert (image.mode, labels.mode) == ("L", "P")
            seed, label_map = np.asarray(image), np.asarray(labels)
        assert np.array_equal(np.where(seed == 7, 255, seed), label_map)


def test_the_rule_of_the_seeds_may_change_without_other_initial_seeds(settings):
    assert INITIAL_SEEDS.run(settings("--labels.overruled", "[all]", "--cam_thresh", "0.5")) == 0
    with pytest.raises(ConfigError, match=r"rule\.overruled"):
        INITIAL_SEEDS.run(settings("--stage0.overruled", "[all]"))


def test_seeds_that_somebody_else_made_are_not_overwritten(settings, work):
    (work / "data" / "ini_seed" / "seeds_labels").rename(work / "away")
    assert INITIAL_SEEDS.run(settings()) == 0
    (work / "data" / "ini_seed" / "seeds_labels").rename(work / "away too")
    theirs = next((work / "data" / "ini_seed" / "seeds").glob("*.png"))
    Image.fromarray(np.full((40, 40), 3, np.uint8)).save(theirs)
    with pytest.raises(DataError, match=f"{theirs.name} is another seed"):
        INITIAL_SEEDS.run(settings())
    assert INITIAL_SEEDS.run(settings("--force")) == 0
