"""The published sizes: a training step of five images, attention maps and labels of a photograph, a released DeepLab-v2 on it."""

import numpy as np
import pytest
import torch
from torch.utils.data import default_collate

from common.data.dataset import ListedImages
from common.data.images import image_size, read_label_map, read_saliency
from common.data.sampling import SampleKey
from common.method.settings import with_values
from deeplabv2.networks.registry import bare_network
from deeplabv2.networks.settings import NetworkConfig
from i2crc.labels import initial_label
from i2crc.method import CLASSIFIER, SQUARE_MAPS
from i2crc.rounds import RECIPE, main_program
from i2crc.settings import I2crcSettings
from tests.full_size import LIMIT_GB, peak_gb, require_memory

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]


def test_one_training_step_of_five_photographs_fits_in_20_gb(photographs):
    require_memory(LIMIT_GB)
    settings = with_values(I2crcSettings(), {"engine.batch_size": 5})
    data = CLASSIFIER.data(settings, photographs)
    tags = photographs.read_tags(photographs.ids("train"))
    single = [place for place, vector in enumerate(tags.values()) if vector.sum() == 1]
    batch = default_collate([data[SampleKey(0, place)] for place in single[:5]])
    assert batch["image"].shape == (5, 3, 256, 256) and batch["saliency"].shape == (5, 256, 256)
    torch.manual_seed(0)
    network = CLASSIFIER.network(settings, photographs).train()
    optimizer = CLASSIFIER.optimizer(settings, network)
    before = network.extra_convs[6].weight.detach().clone()
    losses = CLASSIFIER.step(settings, network)(network, batch)
    assert losses.keys() == {"classification", "within_object", "within_background", "between"}
    assert losses["between"].count == 5
    total = losses["classification"] + sum(
        one.total / one.count for name, one in losses.items() if name != "classification"
    )
    total.backward()
    optimizer.step()
    assert torch.isfinite(total) and not torch.equal(before, network.extra_convs[6].weight)
    assert peak_gb() < LIMIT_GB


def test_attention_and_labels_have_the_size_of_the_photograph(photographs):
    require_memory(LIMIT_GB)
    settings = I2crcSettings()
    image_id = photographs.ids("train")[0]
    torch.manual_seed(0)
    network = CLASSIFIER.network(settings, photographs).eval()
    load = SQUARE_MAPS.load(settings, ListedImages(photographs, [image_id], {"tags"}))
    sample = load(image_id)
    assert [tuple(level.shape) for level in sample["pyramid"]] == [(3, 256, 256)]
    (cams,) = SQUARE_MAPS.compute(settings, network, torch.device("cpu"))([sample])
    size = image_size(photographs.image_path(image_id))
    assert cams.maps.shape == (len(cams.keys), *size) and cams.maps.min() >= 0 and cams.maps.max() <= 1
    saliency = read_saliency(photographs.saliency_path(image_id))
    label_map = initial_label(saliency, cams.keys, np.round(cams.maps * 255).astype(np.uint8))
    assert label_map.shape == size and set(np.unique(label_map)) <= {0, *(cams.keys + 1).tolist(), 255}
    assert peak_gb() < LIMIT_GB


def test_a_released_segmentation_network_predicts_a_photograph_before_and_after_the_crf(
    photographs, tmp_path, monkeypatch, capsys
):
    require_memory(LIMIT_GB)
    image_id = photographs.ids("val")[0]
    (tmp_path / "one.txt").write_text(f"{image_id}\n")
    # The released file is a flat state dict.
    network = bare_network(NetworkConfig(name="I2CRC_ResNet101_MSC"))
    state = network.state_dict()
    assert len(state) == 632 and {"base.features.conv1.weight", "base.classifier.conv2d_list.3.bias"} <= set(state)
    torch.save(state, tmp_path / "checkpoint_69.3.pth")
    monkeypatch.chdir(tmp_path)
    data = ["--root", str(photographs.root), "--split", "one.txt", "--out", "data", "--cpu", "--workers", "0"]
    assert main_program(["test", "-c", str(RECIPE), "--model-path", "checkpoint_69.3.pth", *data]) == 0
    # As published: the CRF knows which network made what it refines.
    assert main_program(["crf", "-c", str(RECIPE), *data]) == 0
    assert "I2CRC, DeepLab-v2 + CRF, one.txt" in capsys.readouterr().out
    for kind in ("label", "crf"):
        (path,) = (tmp_path / "data/features/voc12/deeplabv2_resnet101_msc/one" / kind).glob("*.png")
        assert read_label_map(path).shape == image_size(photographs.image_path(image_id))
    assert peak_gb() < LIMIT_GB
