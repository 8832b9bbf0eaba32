import numpy as np
import pytest
import torch
from torch import nn

from l2g_cda.losses import L2GLoss, L2GStep
from l2g_cda.network import LocalToGlobal, own_name
from l2g_cda.optimizer import L2GOptimizer, build_l2g_optimizer, optimizer_groups, parameters_by_kind
from l2g_cda.views import cut_patches
from tests.parity.fill import filled_tensor
from tests.parity.l2g_cda_cases import CASES, KEYS, cases_of, expected, made, with_weights

POSITIVE = {0: [3, 14], 1: [7]}


def network_of(spec, prefix):
    keys = KEYS["resnet38_fork"]
    state = {key: filled_tensor(prefix + key, shape) for key, shape in keys.items()}
    state["fc8.weight"] *= np.float32(0.02)
    network = with_weights("resnet38_fork", state).train()
    for layer in network.modules():
        if isinstance(layer, nn.Dropout2d):
            layer.p = 0.0
    return network


def batch_of(spec, boxes):
    tags = torch.zeros(spec["images"], spec["num_classes"])
    for image, classes in POSITIVE.items():
        tags[image, classes] = 1
    return {
        "image": made("step_voc_img1", (spec["images"], 3, spec["input_size"], spec["input_size"])),
        "boxes": boxes,
        "tags": tags,
        "patch_tags": tags.repeat_interleave(spec["patches"], 0),
    }


class GivenSaliency(L2GStep):
    """The step with a saliency map per patch, as the case has it."""

    def __init__(self, saliency, *arguments):
        super().__init__(*arguments)
        self.saliency = saliency

    def cut(self, maps, boxes):
        return self.saliency if maps is None else cut_patches(maps, boxes, self.patch_side)


@pytest.mark.slow
@pytest.mark.parametrize("case", cases_of("train_step"))
def test_one_optimiser_step_of_both_networks(case):
    spec, wanted = CASES[case], expected(case)
    pair = LocalToGlobal(network_of(spec, ""), network_of(spec, "local_dict/"))
    saliency = (made("step_voc_sal", (12, 1, spec["crop_size"], spec["crop_size"])).abs() / 2).clip(0, 1)
    loss = L2GLoss(spec["kd_weights"], spec["bg_thr"])
    step = GivenSaliency(saliency, loss, spec["crop_size"], pair.global_network.backbone.output_stride)
    batch = batch_of(spec, torch.from_numpy(wanted["boxes"]).float()) | {"saliency": None}
    config = L2GOptimizer()
    optimizer = build_l2g_optimizer(optimizer_groups(pair, spec["base_lr"], config), config)

    def losses():
        terms = step(pair, batch)
        named = [terms[name] for name in ("distillation", "local_classification", "global_classification")]
        return torch.stack([*named, named[0] + named[1]])

    before = losses()
    before[3].backward()
    np.testing.assert_allclose(before.detach(), wanted["loss_before"], rtol=2e-3)
    networks = {"global": pair.global_network, "local": pair.local_network}
    counts, norms = [], []
    for kind in ("x1", "x2", "x10", "x20"):
        for network in networks.values():
            parameters = [network.get_parameter(name) for name in parameters_by_kind(network)[kind]]
            gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
            counts.append([len(parameters), len(gradients)])
            norms.append(float(nn.utils.get_total_norm(gradients)))
    assert counts == wanted["group_counts"].tolist()
    np.testing.assert_allclose(norms, wanted["group_grad_norm"], rtol=2e-3)
    tracked = {name: parameter_of(networks, name) for name in spec["grad_norm_by_key"]}
    for name, norm in spec["grad_norm_by_key"].items():
        gradient = tracked[name].grad
        assert gradient is None if norm is None else float(gradient.norm()) == pytest.approx(norm, rel=2e-3), name
    values = {name: parameter.detach().clone() for name, parameter in tracked.items()}
    optimizer.step()
    for name, norm in spec["update_norm_by_key"].items():
        update = (tracked[name].detach().double() - values[name].double()).norm()
        assert float(update) == pytest.approx(norm, rel=2e-3), name
    with torch.no_grad():
        np.testing.assert_allclose(losses(), wanted["loss_after"], rtol=5e-3)


def parameter_of(networks, name):
    place, _, key = name.partition("/")
    return networks[place].get_parameter(own_name(key))
