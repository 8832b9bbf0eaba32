"""Files of Puzzle-CAM's programs and of this toolbox become the same networks."""

import pytest
import torch

from common.errors import CheckpointError
from common.models.backbones import BackboneConfig, build_backbone
from sod_wsss.affinity import AffinityNet
from sod_wsss.base_stages import load_base_network, name_of_ours, name_published, published_tensors
from sod_wsss.puzzle import PuzzleClassifier


def classifier():
    return PuzzleClassifier(build_backbone(BackboneConfig("resnet18", 16, width=0.125)), 3)


def affinity_net():
    return AffinityNet(build_backbone(BackboneConfig("resnet18", 16, width=0.125)))


def same(network, other):
    state = other.state_dict()
    return all(torch.equal(tensor, state[name]) for name, tensor in network.state_dict().items())


@pytest.mark.parametrize("build", [classifier, affinity_net])
def test_names_lead_there_and_back(build):
    for name in build().state_dict():
        assert name_of_ours(name_published(name)) == name
        assert name_published(name).startswith(("model.", "classifier.weight", "fc_edge"))


@pytest.mark.parametrize("build", [classifier, affinity_net])
@pytest.mark.parametrize("prefix", ["", "module.", "_orig_mod.module.", "net."])
def test_a_published_file_with_its_further_names_of_the_backbone_is_read(tmp_path, build, prefix):
    network, other = build(), build()
    published = published_tensors(network)
    copies = {f"stage1.0.{name}": torch.zeros(1) for name in ("weight", "bias")} | {
        "backbone.0.0.weight": torch.zeros(1)
    }
    torch.save({prefix + name: tensor for name, tensor in (published | copies).items()}, tmp_path / "theirs.pth")
    load_base_network(other, tmp_path / "theirs.pth")
    assert same(network, other)


@pytest.mark.parametrize("build", [classifier, affinity_net])
@pytest.mark.parametrize("prefix", ["", "module.", "model."])
def test_a_file_of_this_toolbox_is_read(tmp_path, build, prefix):
    network, other = build(), build()
    torch.save({prefix + name: tensor for name, tensor in network.state_dict().items()}, tmp_path / "ours.pth")
    load_base_network(other, tmp_path / "ours.pth")
    assert same(network, other)


def test_a_file_of_another_network_is_refused(tmp_path):
    torch.save(published_tensors(classifier()), tmp_path / "theirs.pth")
    with pytest.raises(CheckpointError, match="edge_"):
        load_base_network(affinity_net(), tmp_path / "theirs.pth")
