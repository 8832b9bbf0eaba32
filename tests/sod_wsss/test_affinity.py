"""Ways between pixels, what is known of pairs, and AffinityNet on any backbone with stages."""

import itertools

import numpy as np
import pytest
import torch

from common.errors import ConfigError, DataError
from common.models.backbones import BackboneConfig, build_backbone
from sod_wsss.affinity import (
    AffinityNet,
    AffinityStep,
    PairLabels,
    affinities,
    affinity_losses,
    affinity_paths,
    pair_labels,
)
from tests.dropping import dropped
from tests.initial_values import assert_normal, he_std


def network(name="mobilenet_v2", output_stride=16, **values):
    torch.manual_seed(0)
    return AffinityNet(build_backbone(BackboneConfig(name, output_stride, width=0.25, **values)))


@pytest.mark.parametrize("radius", [2, 3, 5, 8])
def test_there_is_one_way_to_every_neighbour_below_or_to_the_right(radius):
    near = range(1 - radius, radius)
    ends = {end for end in itertools.product(near, near) if end > (0, 0) and end[0] ** 2 + end[1] ** 2 < radius**2}
    paths = affinity_paths(radius)
    assert {path.end for path in paths} == ends and len(paths) == len(ends)
    assert all({(0, 0), path.end} <= set(path.points) for path in paths)


def test_an_edge_parts_the_pixels_on_its_two_sides_and_no_others():
    edges = torch.zeros(9, 17)
    edges[:, 8] = 1
    radius = 4
    found = affinities(edges, radius).view(-1, 6, 11)
    column = torch.arange(radius - 1, radius - 1 + 11)
    for path, affinity in zip(affinity_paths(radius), found, strict=True):
        first, last = column, column + path.end[1]
        apart = (torch.minimum(first, last) <= 8) & (torch.maximum(first, last) >= 8)
        assert torch.equal(affinity[0], 1 - apart.float())


def test_pairs_with_an_ignored_label_are_not_known():
    labels = torch.zeros(6, 9, dtype=torch.int64)
    labels[:, 5:], labels[2] = 3, 255
    known = pair_labels(labels, 3, 4)
    total = sum(known)
    assert total.max() == 1 and all(mask.any() for mask in known)
    ignored = labels.clone()
    ignored[labels == 3] = 21
    assert not pair_labels(ignored, 3, 21).foreground.any()


def test_maps_without_room_for_a_source_are_refused():
    with pytest.raises(DataError, match="16 x 8 has no pixel .* smaller affinity.radius"):
        affinities(torch.zeros(1, 16, 8), 5)


def test_the_loss_is_least_where_affinities_are_as_labelled():
    labels = PairLabels(*(torch.tensor(row)[None, None] for row in ([1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0])))

    def loss(*values):
        losses = affinity_losses(torch.tensor([[values]]), labels).values()
        return float(sum(one.total / one.count for one in losses))

    assert loss(1.0, 1.0, 0.0, 0.5) == pytest.approx(0, abs=1e-4)
    assert loss(0.5, 1.0, 0.0, 0.5) == pytest.approx(0.25 * np.log(2), rel=1e-3)
    assert loss(1.0, 0.5, 0.0, 0.5) == pytest.approx(0.25 * np.log(2), rel=1e-3)
    assert loss(1.0, 1.0, 0.5, 0.5) == pytest.approx(0.5 * np.log(2), rel=1e-3)


@pytest.mark.parametrize(
    ("name", "stride"), [("mobilenet_v2", 16), ("mobilenet_v2", 32), ("resnet18", 8), ("resnet18", 16)]
)
@pytest.mark.parametrize("size", [(64, 64), (65, 97), (1, 50)])
def test_edges_are_at_a_quarter_of_any_image_s_size(name, stride, size):
    edges = network(name, stride).eval()(torch.randn(1, 3, *size))
    assert edges.shape == (1, 1, (size[0] - 1) // 4 + 1, (size[1] - 1) // 4 + 1)


def test_the_backbone_neither_learns_nor_changes_its_statistics():
    net = network().train()
    before = {name: tensor.clone() for name, tensor in net.backbone.state_dict().items()}
    batch = {"image": torch.randn(2, 3, 64, 64), "mask": torch.randint(0, 3, (2, 16, 16)), "progress": 0.0}
    losses = AffinityStep(4, 3)(net, batch)
    sum(loss.total / loss.count for loss in losses.values()).backward()
    learning = {name for name, parameter in net.named_parameters() if parameter.grad is not None}
    assert learning == {name for name in net.state_dict() if name.startswith("edge_")}
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.backbone.state_dict().items())


def test_branches_start_with_he_s_weights_and_the_backbone_stays_in_eval_mode():
    torch.manual_seed(0)
    net = network().train()
    for layer in (*(branch[0] for branch in net.edge_branches), net.edge_last):
        assert_normal(layer.weight, he_std(layer.weight))
    assert net.training and not any(layer.training for layer in net.backbone.modules())
    norms = [branch[1] for branch in net.edge_branches]
    assert all(norm.num_groups == 4 and (norm.weight == 1).all() and not norm.bias.any() for norm in norms)
    assert dropped(net, torch.randn(1, 3, 64, 64)) == []


def test_a_backbone_without_stages_is_refused():
    with pytest.raises(ConfigError, match="VGG16 does not give"):
        AffinityNet(build_backbone(BackboneConfig("vgg16", 8, width=0.125)))
