"""The segmentation network of I2CRC: outputs, losses, a training step and a prediction equal the published ones."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from deeplabv2.inference import Predictor, WholeImages
from deeplabv2.losses import map_loss, pyramid_losses
from deeplabv2.networks.settings import NetworkConfig
from deeplabv2.resize import resize_labels
from deeplabv2.samples import caffe_input
from deeplabv2.settings import DeepLabConfig
from deeplabv2.train import group_optimizer
from tests.parity.i2crc_cases import (
    KEYS,
    SEGMENTATION,
    args,
    cases,
    check,
    empty_network,
    expected,
    filled_network,
    given,
    numbers_in,
    shared_network,
    tensor,
    what,
)

MICRO_BATCHES = 2
PARTS = ("conv1", "bn1", "layer1", "layer2", "layer3", "layer4", "classifier")


@pytest.fixture(autouse=True)
def one_network():
    """Two networks of this size at once are too much for a small machine."""
    yield
    shared_network.cache_clear()


@pytest.mark.slow
@pytest.mark.parametrize("case", cases("seg_forward"))
def test_logits(case):
    network, images = shared_network(SEGMENTATION), tensor(*given(case))
    with torch.inference_mode():
        check(case, {"logits": network(images), "base": network.base(images)})


def test_tensors_have_the_published_names_and_shapes():
    state = empty_network(SEGMENTATION).state_dict()
    assert {name: list(value.shape) for name, value in state.items()} == KEYS[SEGMENTATION]


@pytest.mark.parametrize("case", cases("resize_labels"))
def test_resized_labels(case):
    labels = tensor(*given(case))
    check(case, {name: resize_labels(labels, stored.shape[1:]) for name, stored in expected(case).items()})


def losses_of(maps, labels):
    """Means over pixels per map, NaN where there is none as in the published code, and the loss of a micro-batch."""
    terms = pyramid_losses(maps, labels, map_loss("ce")).values()
    parts = torch.stack([term.total / term.count for term in terms])
    return parts, parts.sum() / MICRO_BATCHES


@pytest.mark.parametrize("case", cases("seg_loss"))
def test_loss_over_the_pyramid(case):
    labels, *maps = map(tensor, given(case))
    parts, loss = losses_of([logits.requires_grad_() for logits in maps], labels)
    loss.backward()
    check(case, {"parts": parts, "loss": loss, **{f"grad_{number}": one.grad for number, one in enumerate(maps)}})


def part_of(base, name):
    return base.classifier if name == "classifier" else base.features.get_submodule(name)


def norms(tensors_of, base):
    return [float(nn.utils.get_total_norm(tensors_of(part_of(base, name).parameters()))) for name in PARTS]


@pytest.mark.slow
@pytest.mark.parametrize("case", cases("seg_train_step"))
def test_training_step(case):
    network = filled_network(SEGMENTATION).train()
    images, labels = map(tensor, given(case))
    config = DeepLabConfig(network=NetworkConfig("I2CRC_ResNet101_MSC"))
    rate, momentum, decay = numbers_in(r"every parameter, (.*?)\)", what(case))
    chosen = config.optimizer
    assert (chosen.lr, chosen.momentum, chosen.weight_decay) == (rate, momentum, decay)
    optimizer = group_optimizer(config, network)
    before = {one: one.detach().clone() for one in network.parameters()}
    maps = network(images)
    assert [list(one.shape) for one in maps] == args(case)["output_sizes"]
    parts, loss = losses_of(maps, labels)
    loss.backward()
    first = network.base.features.bn1
    computed = {
        "parts": parts,
        "loss": loss,
        "grad_norms": norms(lambda group: [one.grad for one in group], network.base),
        "bn1_running_mean": first.running_mean.clone(),
        "bn1_running_var": first.running_var.clone(),
        "bn1_batches": first.num_batches_tracked.clone(),
    }
    optimizer.step()
    changes = norms(lambda group: [one.detach() - before[one] for one in group], network.base)
    check(case, {**computed, "update_norms": changes})


@pytest.mark.slow
@pytest.mark.parametrize("case", cases("seg_test_script"))
def test_prediction(case):
    (bgr,) = given(case)
    convention, form = caffe_input(DeepLabConfig().image.mean.bgr), WholeImages("fp32")
    inputs = form.inputs(np.ascontiguousarray(bgr[..., ::-1]), convention)
    sample = {"id": case, "path": Path(case), "inputs": inputs, "size": bgr.shape[:2], "tags": None}
    predictor = Predictor(form, filled_network(SEGMENTATION), torch.device("cpu"), label_maps=True)
    (prediction,) = predictor([sample])
    check(case, {"logit": prediction.logits[0], "label": prediction.label_map})
