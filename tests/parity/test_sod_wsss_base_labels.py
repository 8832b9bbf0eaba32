"""Puzzle-CAM's classifier, its losses, class maps and label maps equal the published."""

import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from common.cam.files import Cams
from common.cam.inference import CamConfig, PyramidLoader, divided_by_maximum
from common.cam.random_walk_maps import RandomWalkMapInference
from common.models.backbones import BackboneConfig, build_backbone
from common.pseudo_labels.crf import refine_labels
from common.pseudo_labels.rule import CamRule, Evidence
from sod_wsss.base_stages import name_of_ours
from sod_wsss.label_rules import LABEL_CRF, BaseLabelConfig, ConfidentLabels
from sod_wsss.puzzle import (
    PuzzleClassifier,
    PuzzleConfig,
    PuzzleMaps,
    PuzzleStep,
    edge_labels,
    map_logits,
    merged,
    tiled,
)
from tests.parity.sod_wsss_cases import args, cases, close, expected, filled, given, net_of, part_of, tensor, what

SCALES = [0.5, 1.0, 1.5, 2.0]


@pytest.fixture(scope="module")
def classifier():
    """Net -> the classifier with the manifest's weights, in eval mode."""
    built = {}

    def build(net):
        if net not in built:
            tensors = {name_of_ours(name): value for name, value in filled(net).items()}
            backbone = build_backbone(BackboneConfig(net.removeprefix("classifier_"), output_stride=16))
            built[net] = PuzzleClassifier(backbone, len(tensors["head.weight"]))
            built[net].load_state_dict(tensors)
        return built[net].eval()

    return build


@pytest.mark.parametrize("case", cases("classifier"))
@torch.inference_mode()
def test_logits_and_maps_of_the_classifier(case, classifier):
    maps = classifier(net_of(case)).class_maps(tensor(given(case)[0]))
    close(case, "features", maps)
    for name in ("logits", "logits_with_cam"):
        close(case, name, map_logits(maps))
    close(case, "make_cam", np.stack([divided_by_maximum(one.relu(), 1e-5) for one in maps]))


class OneImage:
    """Stands for the images of a list: it has one, uint8 H x W x 3, and its classes."""

    def __init__(self, image, classes, n_classes):
        self.image, self.tags = image, np.isin(np.arange(n_classes), classes).astype(np.float32)

    def read(self, image_id):
        return {"id": image_id, "image": self.image, "tags": self.tags}


@pytest.mark.parametrize("case", cases("multiscale_cam"))
def test_class_maps_of_several_scales(case, classifier):
    network, config = classifier(net_of(case)), CamConfig(scales=SCALES)
    image = OneImage(given(case)[0], args(case)["positive_classes_0based"], network.head.out_channels)
    load = PyramidLoader(image, config)
    (maps,) = RandomWalkMapInference(network, config, torch.device("cpu"))([load("one")])
    close(case, "keys", np.concatenate([[0], maps.keys + 1]))
    close(case, "cam", maps.quarter)
    close(case, "hr_cam", maps.full[part_of(args(case)["hr_cam_slice"])])


@pytest.mark.parametrize("case", cases("tile_merge"))
def test_tiles_and_what_is_put_together_of_them(case):
    images = tensor(given(case)[0])
    close(case, "tiled", tiled(images))
    close(case, "merged", merged(tiled(images)))


class Given(nn.Module):
    """Stands for the classifier: its maps are given."""

    def __init__(self, whole, pieces):
        super().__init__()
        self.maps = PuzzleMaps(whole, pieces)

    def forward(self, images):
        return self.maps


@pytest.mark.parametrize("case", cases("puzzle_loss"))
def test_losses_and_gradients_of_the_puzzle(case):
    said = re.search(
        r"L1 and class masking at iteration (\d+) of (\d+) \(alpha ([\d.]+), schedule ([\d.]+)\)", what(case)
    )
    done, steps, alpha, schedule = map(float, said.groups())
    whole, pieces, tags = (tensor(array.astype(np.float32)) for array in given(case))
    network = Given(whole.requires_grad_(), pieces.requires_grad_())
    config = PuzzleConfig(reconstruction=alpha, rising_share=schedule)
    losses = PuzzleStep(config)(network, {"image": whole, "tags": tags, "progress": done / steps})
    total = sum(losses.values())
    total.backward()
    weight = config.weight(done / steps)
    close(case, "class_loss", losses["classification"])
    close(case, "p_class_loss", losses["pieces"])
    close(case, "alpha", np.float64(weight))
    close(case, "re_loss", losses["reconstruction"] / weight)
    close(case, "loss", total)
    for name, gradient in (("grad_f", whole.grad), ("grad_re", pieces.grad)):
        step = gradient.shape[-1] // expected(case)[name].shape[-1]
        close(case, name, gradient[:, :, ::step, ::step])


@pytest.mark.parametrize("case", cases("crf_label"))
def test_the_crf_on_hard_labels(case):
    image, labels = given(case)[:2]
    settings = replace(LABEL_CRF, iterations=args(case)["t"])
    refined = refine_labels(
        image, labels.astype(np.uint8), range(args(case)["n_labels"]), settings, args(case)["gt_prob"]
    )
    close(case, "argmax", refined)


def evidence_of(case, change=lambda maps: maps):
    image, maps = given(case)[:2]
    return Evidence("one", Cams(np.array(args(case)["keys"][1:]) - 1, change(maps).astype(np.float32)), image)


@pytest.mark.parametrize("case", cases("pseudo_label_crf"))
def test_base_labels_of_maps_after_the_random_walk(case):
    config = BaseLabelConfig(threshold=args(case)["threshold"], crf_iterations=args(case)["crf_iteration"])
    close(case, "label", CamRule(config, 21, config.crf_iterations)(evidence_of(case)))


@pytest.mark.parametrize("case", cases("affinity_label_png"))
def test_confident_labels_of_class_maps(case):
    assert args(case)["extra"] == "first subtract 0.35 and clip at 0, then divide every channel by (its max + 1e-5)"

    def change(maps):
        cut = np.clip(maps - 0.35, 0, None)
        return cut / (cut.max((1, 2), keepdims=True) + 1e-5)

    rule = ConfidentLabels(args(case)["fg_threshold"], args(case)["bg_threshold"])
    close(case, "label", rule(evidence_of(case, change)))


@pytest.mark.parametrize("case", cases("resize_for_mask"))
def test_labels_at_the_size_of_the_edge_map(case):
    labels = next(array for array in given(case) if array.ndim == 2).astype(np.uint8)
    close(case, "mask", edge_labels(labels, expected(case)["mask"].shape[0]))
