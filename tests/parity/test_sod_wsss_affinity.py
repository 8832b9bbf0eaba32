"""Pairs of pixels, their labels and affinities, AffinityNet and the random walk equal the published."""

import numpy as np
import pytest
import torch

from common.models.backbones import BackboneConfig, build_backbone
from sod_wsss.affinity import AffinityNet, affinities, affinity_losses, affinity_paths, moved, pair_labels
from sod_wsss.base_stages import name_of_ours
from sod_wsss.random_walk import propagate
from tests.parity.sod_wsss_cases import args, cases, close, expected, filled, given, net_of, part_of, tensor, what

N_LABELS = 21


@pytest.mark.parametrize("case", cases("path_index"))
def test_ways_to_all_neighbours(case):
    radius, size = args(case)["radius"], args(case)["size"]
    paths = affinity_paths(radius)
    numbers = torch.arange(size[0] * size[1]).view(*size)
    sources = moved(numbers, (0, 0), radius)
    ends = torch.stack([moved(numbers, path.end, radius) for path in paths])
    lengths = [len(path.points) for path in paths]
    shapes = [(lengths.count(length), length, len(sources)) for length in sorted(set(lengths))]
    close(case, "n_lengths", np.int64(len(shapes)))
    close(case, "shapes", np.array(shapes))
    close(case, "search_dst", np.array([path.end for path in paths]))
    close(case, "src_sum", sources.sum())
    close(case, "src_first", sources[: len(expected(case)["src_first"])])
    close(case, "dst_shape", np.array(ends.shape))
    close(case, "dst_sum", ends.sum())
    close(case, "dst_col0", ends[:, 0])


def labels_of(case):
    return pair_labels(tensor(given(case)[0]), args(case)["radius"], N_LABELS)


@pytest.mark.parametrize("case", cases("affinity_labels"))
def test_labels_of_pairs(case):
    for name, labels in zip(("bg_pos", "fg_pos", "neg"), labels_of(case), strict=True):
        close(case, name, labels)


@pytest.mark.parametrize("case", cases("affinity_loss"))
def test_losses_of_pairs_and_their_gradient(case):
    (labelled,) = cases("affinity_labels")
    assert f"uses affinity_labels of case {labelled}" in what(case)
    edges = tensor(given(case)[0]).requires_grad_()
    found = affinities(edges[:, 0], args(labelled)["radius"])
    labels = type(labels_of(labelled))(*(one[None] for one in labels_of(labelled)))
    losses = {name: loss.total / loss.count for name, loss in affinity_losses(found, labels).items()}
    total = sum(losses.values())
    total.backward()
    close(case, "aff", found[part_of(args(case)["aff_slice"])])
    # Ours are weighted: background and foreground count a quarter each, different labels a half.
    for name, ours, share in (("bg", "background", 4), ("fg", "foreground", 4), ("neg", "different", 2)):
        close(case, f"{name}_loss", share * losses[ours])
    close(case, "loss", total)
    close(case, "grad", edges.grad)


@pytest.mark.parametrize("case", cases("random_walk"))
def test_the_random_walk(case):
    assert "radius 5, beta 10, exp_times 8" in what(case)
    maps, edges = (tensor(array) for array in given(case))
    close(case, "rw", propagate(maps, edges[0])[:, None])


@pytest.mark.parametrize("case", cases("affinitynet"))
@torch.inference_mode()
def test_edges_of_affinitynet(case):
    backbone = build_backbone(BackboneConfig(net_of(case).removeprefix("affinitynet_"), output_stride=16))
    network = AffinityNet(backbone).eval()
    network.load_state_dict({name_of_ours(name): value for name, value in filled(net_of(case)).items()})
    close(case, "edge", network(tensor(given(case)[0])))
