"""The head with hidden layers for small backbones."""

from dataclasses import replace

import pytest
import torch

from common.engine.optimizer import OptimizerConfig
from common.errors import ConfigError
from common.models.backbones import BackboneConfig
from deeplabv2.networks.deeplab import SeparablePyramid
from deeplabv2.networks.registry import bare_network, grouped_parameters, load_network
from deeplabv2.networks.settings import NetworkConfig

BACKBONE = BackboneConfig(name="mobilenet_v2", width=0.25, output_stride=16, freeze_batchnorm=True)
CONFIG = NetworkConfig("DeepLabV2_MSC", n_labels=5, backbone=BACKBONE, rates=[2, 4], hidden=8, pyramid=[])


def test_a_pixel_sees_itself_and_its_neighbours_at_every_rate():
    head = SeparablePyramid(6, 3, [2, 4], 8).eval()
    features = torch.zeros(1, 6, 15, 15)
    before = head(features)
    features[0, :, 7, 7] = 1
    changed = (head(features) != before).any(1)[0].nonzero() - 7
    seen = {0, 2, 4}
    assert {tuple(place) for place in changed.abs().tolist()} == {
        (y, x) for y in seen for x in seen if 0 in (y, x) or y == x
    }


def test_logits_have_the_form_of_the_published_head():
    for hidden in (0, 8):
        network = bare_network(replace(CONFIG, hidden=hidden)).eval()
        with torch.no_grad():
            assert network(torch.zeros(1, 3, 65, 97)).shape == (1, 5, 5, 7)


def test_it_is_trained_as_the_head_with_its_normalisation():
    network = bare_network(CONFIG).train()
    head = network.base.aspp
    assert all(layer.training for layer in head.modules() if isinstance(layer, torch.nn.BatchNorm2d))
    groups = grouped_parameters(network, CONFIG, OptimizerConfig(lr=1e-3, decay_vectors=False))
    rates = {id(parameter): group["lr"] for group in groups for parameter in group["params"]}
    assert {round(rates[id(parameter)] / 1e-3) for parameter in head.parameters()} == {10, 20}
    assert {
        round(rates[id(parameter)] / 1e-3) for parameter in network.base.body.parameters() if id(parameter) in rates
    } == {1}


def test_a_checkpoint_knows_its_form(tmp_path):
    torch.manual_seed(0)
    network = bare_network(CONFIG).eval()
    torch.save(network.state_dict(), tmp_path / "net.pth")
    image = torch.rand(1, 3, 33, 33)
    with torch.no_grad():
        assert torch.equal(load_network(CONFIG, tmp_path / "net.pth")(image), network(image))


def test_other_networks_have_no_such_head():
    with pytest.raises(ConfigError, match="network.hidden is of DeepLabV2_MSC; DSRG has a head of its own"):
        replace(CONFIG, name="DSRG")
