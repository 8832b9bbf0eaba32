"""Losses with gradients, parameter groups, schedule and two training steps equal the published ones."""

from functools import partial

import numpy as np
import pytest
import torch

from common.engine.losses import as_means
from common.engine.optimizer import OptimizerConfig, build_optimizer, set_learning_rates
from common.engine.precision import gradient_scaler
from common.engine.run_folder import RunFolder
from common.engine.schedules import ScheduleConfig, build_schedule
from common.engine.session import Session
from common.engine.settings import EngineConfig
from common.engine.state import TrainingState
from common.engine.train import accumulate_gradients, update_parameters
from common.method.plain_cam import classification_loss
from deeplabv2.resize import resize_aligned
from deeplabv2.seed_losses import balanced_seed_loss, constrain_loss, one_hot_seeds, refined_probabilities
from sgan.backbone import SganVGG16
from sgan.network import SGAN
from sgan.training import seed_loss, sgan_groups, sgan_step
from tests.parity.fill import filled_input
from tests.parity.sgan_cases import CASES, assert_close, cases, expected, filled_network, salient_mask
from tests.parity.sgan_segmentation_inputs import blur

RATIO = 0.15


def tensor(name, shape, low=None, high=None):
    return torch.from_numpy(filled_input(name, shape, low, high))


@pytest.mark.parametrize("case", cases("losses.npz", "train_losses"))
def test_training_losses(case):
    wanted, tolerance = expected(case), CASES[case]["tolerance"]
    name = CASES[case]["inputs"]["score"]["rule"].split("'")[1].split(":")[0]
    score = tensor(f"{name}:score", (3, 20)).requires_grad_()
    segmentation = tensor(f"{name}:seg", (3, 20, 9, 9)).requires_grad_()
    tags, seeds = tensor(f"{name}:label", (3, 20), 0, 2).float(), tensor(f"{name}:seed", (3, 9, 9), 0, 21)
    seeds[0] = 20
    batch = {"image": None, "salient": None, "tags": tags, "seed": seeds}
    losses = as_means(sgan_step(RATIO, lambda image, salient: (score, segmentation), batch), 3)
    total = sum(loss.total / loss.count for loss in losses.values())
    gradients = torch.autograd.grad(total, (score, segmentation))
    seed = seed_loss(segmentation, seeds)
    assert_close(classification_loss(score, tags).item(), wanted["cls"], tolerance)
    assert_close((seed.total / seed.count).item(), wanted["seed"], tolerance)
    assert_close(total.item(), wanted["total"], tolerance)
    assert_close(gradients[0].numpy(), wanted["d_total_d_score"], tolerance)
    assert_close(gradients[1].numpy(), wanted["d_total_d_seg"], tolerance)


@pytest.mark.parametrize("case", cases("losses.npz", "seed_loss_all_ignored"))
def test_a_batch_without_seeds_counts_nothing(case):
    wanted = expected(case)
    segmentation = tensor("all_ignored", (2, 20, 9, 9)).requires_grad_()
    loss = seed_loss(segmentation, torch.full((2, 9, 9), 20))
    (gradient,) = torch.autograd.grad(loss.total, segmentation)
    assert wanted["is_nan"] == int(torch.isnan(loss.total / loss.count))
    assert loss.total.item() == wanted["repaired"]
    assert not gradient.any()


@pytest.mark.parametrize("case", cases("losses.npz", "step"))
def test_two_training_steps(case, tmp_path):
    inputs, wanted, tolerance = CASES[case]["inputs"], expected(case), CASES[case]["tolerance"]
    name, shape = inputs["image"]["name"], inputs["image"]["shape"]
    batch = {
        "image": tensor(name, shape),
        "salient": salient_mask(name, (shape[0], 9, 9)),
        "tags": tensor(f"{name}:label", (shape[0], 20), 0, 2).float(),
        "seed": tensor(f"{name}:seed", (shape[0], 9, 9), 0, 21),
    }
    network, engine, session = filled_network(), EngineConfig(max_steps=8000), Session(0, 1, torch.device("cpu"))
    optimizer = build_optimizer(OptimizerConfig(), sgan_groups(network, 0.001, 5e-4))
    schedule = build_schedule(ScheduleConfig("poly", power=0.9), 8000)
    scaler = gradient_scaler("fp32", session.device)
    state = TrainingState(RunFolder(tmp_path), network, optimizer, scaler, engine, session, {})
    losses, norms, rates = [], {}, {}
    for number in range(3):
        rates = set_learning_rates(optimizer, schedule(inputs["iteration_for_lr"]))
        values, bad = accumulate_gradients(
            network, partial(sgan_step, RATIO), [batch], optimizer, scaler, engine, session
        )
        losses.append([values["classification"], values["seed"] / RATIO, sum(values.values())])
        norms = norms or {name: parameter.grad.norm().item() for name, parameter in network.named_parameters()}
        if number < 2:
            update_parameters(network, optimizer, scaler, engine, values, bad, [batch], state, session)
    assert_close(np.array(losses), wanted["losses_before_and_after_two_steps"], tolerance)
    assert_close(np.array([norms[name] for name in inputs["grad_norms_order"]]), wanted["grad_norms"], tolerance)
    assert_close(np.array(list(rates.values())), wanted["lrs"], tolerance)


@pytest.mark.parametrize("case", cases("losses.npz", "param_groups"))
def test_parameter_groups(case):
    inputs = CASES[case]["inputs"]
    with torch.device("meta"):
        network = SGAN(SganVGG16())
    names = {id(parameter): name for name, parameter in network.named_parameters()}
    groups = sgan_groups(network, 0.001, 5e-4)
    assert [sorted(names[id(one)] for one in group["params"]) for group in groups] == [
        sorted(names) for names in inputs["groups"]
    ]
    assert [len(group["params"]) for group in groups] == expected(case)["sizes"].tolist()
    assert [group["initial_lr"] / 0.001 for group in groups] == pytest.approx(inputs["lr_mult"])
    assert [group["weight_decay"] for group in groups] == inputs["weight_decay"]


@pytest.mark.parametrize("case", cases("losses.npz", "lr_poly"))
def test_learning_rates(case):
    schedule = build_schedule(ScheduleConfig("poly", power=0.9), 8000)
    rates = [0.001 * schedule(step) for step in CASES[case]["inputs"]["iterations"]]
    assert_close(np.array(rates), expected(case)["lr"], CASES[case]["tolerance"])


def close(case, key, actual, step=1):
    assert_close(
        actual.detach().numpy()[:, ::step] if step > 1 else actual.detach().numpy(),
        expected(case)[key],
        CASES[case]["tolerance"],
    )


def clamped_softmax(logits, floor=1e-5):
    """Softmax raised to at least ``floor`` and normalised again: the PyTorch losses of the original (sgan spec, section 3.3)."""
    raised = logits.softmax(1).clamp(floor, 1)
    return raised / raised.sum(1, keepdim=True)


def torch_inputs():
    """Logits and seeds of the original's PyTorch losses."""
    logits = torch.from_numpy(filled_input("open_dsrg:pred", (2, 21, 9, 11)) * 2).requires_grad_()
    labels = filled_input("open_dsrg:lab", (2, 9, 11), 0, 22)
    labels[0][labels[0] == 0] = 21
    return logits, one_hot_seeds(torch.from_numpy(labels), 21)


@pytest.mark.parametrize("case", cases("losses.npz", "torch_seedloss"))
def test_seed_loss_in_its_pytorch_version(case):
    logits, seeds = torch_inputs()
    value = balanced_seed_loss(clamped_softmax(logits), seeds, least=0, offset=1e-5)
    close(case, "loss", value)
    close(case, "grad", *torch.autograd.grad(value, logits))


@pytest.mark.parametrize("case", cases("losses.npz", "torch_boundaryloss"))
def test_boundary_loss_in_its_pytorch_version(case):
    logits, _ = torch_inputs()
    images = blur(filled_input("open_dsrg:im", (2, 3, 37, 45), 0, 256).astype(np.float32), (0, 0, 3, 3))
    photographs = resize_aligned(torch.from_numpy(images), (9, 11)).byte().permute(0, 2, 3, 1)
    probabilities = clamped_softmax(logits)
    refined = refined_probabilities(probabilities, photographs, floor=1e-5)
    value = constrain_loss(probabilities, refined.log())
    close(case, "crf_prob", refined, step=5)
    close(case, "loss", value)
    close(case, "grad", *torch.autograd.grad(value, logits))
