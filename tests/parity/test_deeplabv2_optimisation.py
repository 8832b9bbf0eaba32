"""Parameter groups, learning rates and whole training steps equal those of the published trainers."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from common.data.sampling import StepBatchSampler
from common.engine.run_folder import RunFolder
from common.engine.session import Session
from common.engine.settings import EngineConfig
from common.engine.state import TrainingState
from common.engine.train import train
from common.method.settings import with_values
from deeplabv2.networks.registry import grouped_parameters, starting_network
from deeplabv2.settings import DeepLabConfig
from deeplabv2.train import TRAIN, build_step, group_optimizer
from tests.parity.deeplabv2_cases import (
    CASES,
    GOLDEN,
    SCHEDULE,
    TRAINING,
    expected,
    filled_network,
    made_labels,
    network_of,
)
from tests.parity.fill import filled_input

PUBLISHED = json.loads((GOLDEN / "param_groups.json").read_text())
# The published groups' names and ours.
GROUPS = {"1x": "backbone", "10x": "head", "20x": "head_bias"}


def grouped_names(net, **settings):
    """Group name -> (names, group) of a network's parameter groups; the names of all parameters in none."""
    config = DeepLabConfig(network=network_of(net, **settings))
    with torch.device("meta"):
        network = starting_network(config.network)
    name_of = {parameter: name for name, parameter in network.named_parameters()}
    groups = grouped_parameters(network, config.network, config.optimizer)
    grouped = {group["name"]: ([name_of.pop(parameter) for parameter in group["params"]], group) for group in groups}
    return grouped, set(name_of.values())


@pytest.mark.parametrize("net", [net for net, groups in PUBLISHED["groups"].items() if "10x" in groups])
def test_parameter_groups(net):
    wanted = PUBLISHED["groups"][net]
    # L2G's head is in no group by mistake; ours learns unless it is frozen.
    grouped, rest = grouped_names(net, freeze_head=not wanted["10x"])
    for published, ours in GROUPS.items():
        names, group = grouped.get(ours, ([], PUBLISHED["settings"][published]))
        assert set(names) == set(wanted[published])
        assert group["lr"] == pytest.approx(PUBLISHED["settings"][published]["lr"])
        assert group["weight_decay"] == PUBLISHED["settings"][published]["weight_decay"]
    others = set(wanted["in_no_group"]["others"])
    assert others <= rest
    assert len(rest - others) == wanted["in_no_group"]["batchnorm_scale_and_shift_tensors"]
    assert all(".bn." in name for name in rest - others)


@pytest.mark.parametrize("net", [net for net, groups in PUBLISHED["groups"].items() if "10x" not in groups])
def test_i2crc_trains_everything_in_one_group(net):
    grouped, rest = grouped_names(net)
    ((names, group),) = grouped.values()
    size = sum(np.prod(parameter.shape) for parameter in group["params"])
    assert f"all {len(names)} parameter tensors ({size} values)" in PUBLISHED["groups"][net]["1x"]
    assert not rest
    assert (group["lr"], group["weight_decay"]) == tuple(PUBLISHED["settings"]["1x"].values())


@pytest.mark.parametrize("case", SCHEDULE)
def test_learning_rates(case):
    config = DeepLabConfig()
    factor = TRAIN.schedule(config, config.engine)
    for iteration, *rates in expected(case)["table"]:
        used, after = factor(int(iteration) - 1), factor(int(iteration))
        ours = [config.optimizer.lr * multiplier * value for value in (used, after) for multiplier in (1, 10, 20)]
        np.testing.assert_allclose(ours, rates, rtol=CASES[case]["tolerance"]["rtol"])


class InOrder:
    """Samples that reach the network in the order of the list, whatever the sampler's permutation."""

    def __init__(self, samples, seed):
        self.samples = samples
        order = StepBatchSampler(len(samples), len(samples), seed, count=1).permutation(0)
        self.position = {int(index): position for position, index in enumerate(order)}

    def __len__(self):
        return len(self.samples)

    def __getitem__(self, key):
        return self.samples[self.position[key.index]]


def training_samples(case):
    """The images and labels of the case's passes, one after the other."""
    samples = []
    for image_name, label_name in CASES[case]["inputs"]["names"]:
        images = filled_input(image_name, (2, 3, 65, 65))
        labels = made_labels(label_name, (2, 65, 65))
        samples += [
            {"image": torch.from_numpy(i), "mask": torch.from_numpy(m)} for i, m in zip(images, labels, strict=True)
        ]
    return samples


def run_training(case, config, network, folder):
    """Two steps of the one training loop; records losses, gradient norms and rates of each."""
    seen = SimpleNamespace(losses=[], norms=[], rates=[])
    sgd = group_optimizer(config, network)

    def record(sgd, *_):
        groups = {group["name"]: group for group in sgd.param_groups}
        ordered = [groups[name] for name in GROUPS.values()]
        gradients = [torch.stack([p.grad.norm() for p in group["params"]]) for group in ordered]
        seen.norms.append([norms.norm().item() for norms in gradients])
        seen.rates.append([group["lr"] for group in ordered])

    sgd.register_step_pre_hook(record)
    step = build_step(config, network)

    def recording_step(network, batch):
        terms = step(network, batch)
        seen.losses.append(sum((term.total / term.count).item() for term in terms.values()))
        return terms

    engine = EngineConfig(
        max_steps=config.engine.max_steps, stop_at=2, batch_size=2, accumulate=2, device="cpu", workers=0, log_every=1
    )
    data = InOrder(training_samples(case), engine.seed)
    session = Session(0, 1, torch.device("cpu"))
    train(network, recording_step, data, sgd, TRAIN.schedule(config, engine), engine, RunFolder(folder), session, {})
    return seen


@pytest.mark.slow
@pytest.mark.parametrize("case", TRAINING)
def test_training_steps(case, tmp_path, monkeypatch):
    monkeypatch.setattr(TrainingState, "save", lambda state: None)
    torch.set_num_threads(1)
    spec, wanted, tolerance = CASES[case], expected(case), CASES[case]["tolerance"]
    # Named in words in the manifest: rates and decay that show in two steps, poly over 10 iterations.
    changes = {"optimizer.lr": 2.5e-5, "optimizer.weight_decay": 0.05, "schedule.every": 1, "engine.max_steps": 10}
    config = with_values(DeepLabConfig(), changes)
    network = filled_network(spec["net"], spec["weights"])
    filled_network.cache_clear()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    seen = run_training(case, config, network, tmp_path)
    losses = np.reshape(seen.losses, (2, 2)).mean(1)
    np.testing.assert_allclose(losses, wanted["loss"], rtol=tolerance["loss_rtol"])
    np.testing.assert_allclose(seen.norms, wanted["grad_norms"], rtol=tolerance["grad_norms_rtol"])
    np.testing.assert_allclose(seen.rates, wanted["lr_used"], rtol=1e-9)
    after = network.state_dict()
    for key in [key.split("/", 1)[1] for key in wanted if key.startswith("after/")]:
        change = (after[key] - before[key]).double().norm().item()
        np.testing.assert_allclose(change, wanted[f"delta_norm/{key}"], rtol=tolerance["delta_norm_rtol"], atol=1e-12)
        values = after[key].flatten()[:4000:7][:400].numpy()
        np.testing.assert_allclose(values, wanted[f"after/{key}"], rtol=0, atol=tolerance["after_atol"])
    assert all(torch.equal(after[key], before[key]) for key in before if ".bn." in key)
