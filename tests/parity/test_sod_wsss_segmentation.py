"""DeepLabv3+ of SOD-WSSS: features, logits, a training step and a prediction equal the published ones."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from common.crf.recipes import RECIPES
from common.data.sampling import Sample
from common.models.backbones import BackboneConfig
from common.models.weights import load_weights
from deeplabv2.crf import ImageCrf
from deeplabv2.image_forms import SummedScales
from deeplabv2.inference import Predictor
from deeplabv2.losses import cross_entropy
from deeplabv2.networks.deeplabv3plus import DeepLabV3Plus, without_stage_names
from deeplabv2.networks.registry import bare_network, for_one_scale
from deeplabv2.networks.settings import NetworkConfig
from deeplabv2.samples import imagenet_input
from deeplabv2.settings import DeepLabConfig
from deeplabv2.train import group_optimizer
from tests.parity.sod_wsss_cases import KEYS, args, cases, close, expected, filled, given, net_of, tensor

STAGES = [f"stage{number}" for number in range(1, 6)]
GROUPS = ("backbone", "backbone_bias", "head", "head_bias")


def config_of(net: str) -> NetworkConfig:
    """``deeplabv3plus_resnest101_gn`` and the like."""
    _, backbone, norm = net.split("_")
    return NetworkConfig(
        "DeepLabV3Plus",
        backbone=BackboneConfig(backbone, output_stride=16, freeze_batchnorm=True),
        head_norm={"gn": "group", "fixbn": "fixed", "bn": "batch"}[norm],
        pyramid=[],
    )


@cache
def network_of(net: str) -> DeepLabV3Plus:
    network = for_one_scale(bare_network(config_of(net)))
    report = load_weights(network, filled(net), source=net)
    assert not report.missing and not report.unexpected
    return network


@pytest.fixture(autouse=True, scope="module")
def few_networks():
    yield
    network_of.cache_clear()


def stride_to(values, shape):
    """Every so many channels (and positions) of N x C x h x w, so that as many are left as are stored."""
    steps = [-(-have // want) for have, want in zip(values.shape[1:], shape[1:], strict=True)]
    return values[:, :: steps[0], :: steps[1], :: steps[2]]


@pytest.mark.slow
@pytest.mark.parametrize("case", cases("seg_resnest"))
def test_stage_outputs_pyramid_decoder_and_logits(case):
    network, images, stored = network_of(net_of(case)).eval(), tensor(given(case)[0]), expected(case)
    with torch.inference_mode():
        stages = network.model.stage_outputs(images)
        pyramid = network.aspp(stages[-1])
        found = dict(zip(STAGES, stages, strict=True)) | {
            "aspp": pyramid,
            "decoder": network.decoder(pyramid, stages[1]),
        }
        found["logits"] = network(images)
    assert found.keys() == stored.keys()
    for name, values in found.items():
        close(case, name, stride_to(values, stored[name].shape))


@pytest.mark.parametrize("net", [net for net in KEYS if net.startswith("deeplabv3plus")])
def test_tensors_have_the_published_names_and_shapes_once_the_second_names_are_taken_off(net):
    with torch.device("meta"):
        own = {name: list(value.shape) for name, value in bare_network(config_of(net)).base.state_dict().items()}
    assert own == KEYS[net]
    names = {
        "conv1": "stage1.0",
        "bn1": "stage1.1",
        **{f"layer{stage}": f"stage{stage + 1}.0" for stage in range(1, 5)},
    }
    state = {name: torch.zeros(shape[:1]) for name, shape in KEYS[net].items()}
    for name, value in dict(state).items():
        holder, _, rest = name.partition(".")
        if holder == "model":
            part, _, rest = rest.partition(".")
            state[f"{names[part]}.{rest}"] = value
    assert len(state) > 1.9 * len(own)
    assert without_stage_names(state, "published").keys() == own.keys()


def without_dropout(network):
    for layer in network.train().modules():
        if isinstance(layer, nn.Dropout):
            layer.eval()
    return network


@pytest.mark.slow
@pytest.mark.parametrize("case", cases("seg_step"))
def test_training_step(case):
    network = without_dropout(network_of(net_of(case)))
    images, labels = (tensor(array) for array in given(case))
    labels = labels.long()
    settings = DeepLabConfig(network=config_of(net_of(case)))
    rate, decay = args(case)["lr"], args(case)["wd"]
    settings.optimizer.lr, settings.optimizer.weight_decay = rate, decay
    # As published, the decay is the momentum too.
    settings.optimizer.momentum, settings.optimizer.nesterov = decay, args(case)["nesterov"]
    optimizer = group_optimizer(settings, network)
    groups = {group["name"]: group for group in optimizer.param_groups}
    loss = cross_entropy(network(images), labels)
    (loss.total / loss.count).backward()
    close(case, "loss_before", (loss.total / loss.count).double())
    learning = [[one for one in groups[name]["params"] if one.grad is not None] for name in GROUPS]
    norms = [torch.stack([one.grad.double().square().sum() for one in group]).sum().sqrt() for group in learning]
    close(case, "group_grad_norm", torch.stack(norms))
    close(case, "group_tensors", torch.tensor([len(groups[name]["params"]) for name in GROUPS]))
    sizes = [sum(one.numel() for one in groups[name]["params"]) for name in GROUPS]
    close(case, "group_elements", torch.tensor(sizes))
    close(case, "grad_decoder_classifier_8_bias", network.decoder.classifier[8].bias.grad)
    close(case, "grad_conv1_0_weight_first4", network.model.conv1[0].weight.grad[:4])
    optimizer.step()
    with torch.no_grad():
        after = cross_entropy(network(images), labels)
    close(case, "loss_after", (after.total / after.count).double())
    network_of.cache_clear()


@pytest.mark.slow
@pytest.mark.parametrize("case", cases("multiscale_flip_crf"))
def test_summed_scales_with_and_without_crf(case):
    image = given(case)[0].astype(np.uint8)
    form = SummedScales("fp32", (0.5, 1.0, 1.5, 2.0), flip=True)
    sample: Sample = {
        "id": "one",
        "path": Path("one.jpg"),
        "inputs": form.inputs(image, imagenet_input()),
        "size": image.shape[:2],
        "tags": None,
    }
    (prediction,) = Predictor(form, network_of(net_of(case)), torch.device("cpu"), label_maps=True)([sample])
    probabilities = form.probabilities(prediction.logits, prediction.size)
    close(case, "prob", probabilities[:, ::4, ::4].transpose(1, 2, 0))
    close(case, "argmax", prediction.label_map)
    refined = ImageCrf(RECIPES["sec"].settings, "rgb")(image, probabilities)
    close(case, "argmax_crf", refined.argmax(0))
