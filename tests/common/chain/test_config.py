from pathlib import Path

import pytest

from common.chain.config import CAM_X_SALIENCY, FULLY_SUPERVISED, PLAIN_CAM, ChainConfig, find_config
from common.errors import ConfigError


def test_a_configuration_is_found_by_name_or_by_path(tmp_path):
    own = tmp_path / "own.yaml"
    own.write_text("seed: 1\n")
    assert find_config("common.baseline", str(own)) == own
    assert find_config("common.baseline", "toy.yaml").is_file()


def test_a_missing_configuration_is_an_error_that_names_the_places():
    with pytest.raises(ConfigError, match="never.yaml"):
        find_config("common.baseline", "never.yaml")
    with pytest.raises(ConfigError, match="no_such_package"):
        find_config("no_such_package", "toy.yaml")


def test_a_segmentation_learns_from_the_folder_its_labels_are_in():
    config = ChainConfig(out="runs/x")
    arguments = config.segmentation_arguments(PLAIN_CAM, "maps")
    assert arguments[arguments.index("--label-dir") + 1] == "runs/x/baseline/labels/plain_cam"
    assert arguments[arguments.index("--saliency_source") + 1] == "none"
    guided = config.segmentation_arguments(CAM_X_SALIENCY, "maps")
    assert guided[guided.index("--saliency_source") + 1] == "maps"
    assert "--label-dir" not in config.segmentation_arguments(FULLY_SUPERVISED, "maps")


def test_initial_weights_reach_both_networks():
    config = ChainConfig(weights="mobilenet.pth")
    assert config.baseline_arguments()[-2:] == ["--backbone.weights", "mobilenet.pth"]
    assert config.segmentation_arguments(PLAIN_CAM, "")[-2:] == ["--network.backbone.weights", "mobilenet.pth"]


def test_every_shipped_chain_names_configurations_that_exist():
    for path in Path(find_config("common.chain", "toy.yaml")).parent.glob("*.yaml"):
        assert find_config("common.baseline", path.name).is_file()
        assert find_config("deeplabv2", path.name).is_file()
