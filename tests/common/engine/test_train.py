from __future__ import annotations

import contextlib
import dataclasses
import os
import shutil
from unittest.mock import Mock

import pytest
import torch

from common.data.sampling import SeededDataset
from common.engine.checkpoint import checkpoint_path, checkpoint_steps, load_checkpoint
from common.engine.loading import dead_workers_named, step_batches
from common.engine.precision import gradient_scaler
from common.engine.randomness import seed_everything
from common.engine.run_folder import RunFolder
from common.engine.settings import EngineConfig
from common.engine.train import accumulate_gradients, prepare_convolutions, update_parameters
from common.errors import CheckpointError, ConfigError, DataError, DiskFullError, NonFiniteError
from common.files import write_errors_named
from common.models.dilated_depthwise import GradientsOnGrids
from tests.common.engine import tiny_training
from tests.common.engine.tiny_training import (
    ENGINE,
    ONE_PROCESS,
    TinyNetwork,
    TinySamples,
    TinyStep,
    Trouble,
    final_bytes,
    final_weights,
    logged,
    run_tiny,
)


def saved_steps(folder):
    return checkpoint_steps(RunFolder(folder).checkpoints)


def assert_same_weights(first, second):
    for name, weight in final_weights(first).items():
        torch.testing.assert_close(final_weights(second)[name], weight, rtol=1e-5, atol=1e-6, msg=name)


def test_a_nan_loss_names_the_step_the_losses_and_the_images(tmp_path):
    images = run_tiny(tmp_path / "clean", stop_at=3).images[-2:]
    with pytest.raises(NonFiniteError, match=r"step 3 in process 0: pixels 0\.\d+, tags nan") as caught:
        run_tiny(tmp_path / "nan", trouble=Trouble(nan_at=3))
    assert ", ".join(images) in str(caught.value)
    assert "last checkpoint is that of step 2" in str(caught.value)


def test_after_a_nan_the_last_checkpoint_is_as_if_nothing_had_happened(tmp_path):
    run_tiny(tmp_path / "clean")
    with pytest.raises(NonFiniteError):
        run_tiny(tmp_path / "nan", trouble=Trouble(nan_at=3))
    assert saved_steps(tmp_path / "nan") == [2]
    run_tiny(tmp_path / "nan")
    assert final_bytes(tmp_path / "nan") == final_bytes(tmp_path / "clean")


def test_an_infinite_gradient_of_finite_losses_is_an_error(tmp_path):
    with pytest.raises(NonFiniteError, match=r"step 1 .* gradient norm (inf|nan).*No checkpoint was written yet"):
        run_tiny(tmp_path, trouble=Trouble(infinite_gradient_at=1))


@pytest.mark.parametrize("workers", [0, 1])
def test_an_unreadable_image_is_named_and_what_was_learnt_before_is_saved(tmp_path, workers):
    with pytest.raises(DataError, match="^image5 is broken$"):
        run_tiny(tmp_path / "broken", trouble=Trouble(unreadable=5), workers=workers, log_every=1)
    done = saved_steps(tmp_path / "broken")[-1]
    assert len(logged(tmp_path / "broken")) == done
    images = run_tiny(tmp_path / "clean", stop_at=3).images
    assert images.index("image5") // ENGINE.batch_size == done


class DeadlySamples(TinySamples):
    """One image takes its worker process down."""

    def __getitem__(self, index):
        if index == 5:
            os._exit(1)
        return super().__getitem__(index)


def test_a_dead_worker_is_a_clear_error():
    dataset = SeededDataset(DeadlySamples(), tiny_training.to_tensors, seed=0)
    config = dataclasses.replace(ENGINE, workers=1)
    with pytest.raises(DataError, match=r"process that loads images died.*--workers"):
        list(step_batches(dataset, config, ONE_PROCESS, 0))


def test_a_dead_worker_is_recognised_wherever_torch_reports_it():
    with pytest.raises(DataError, match="CAMs: a process that loads"), dead_workers_named("CAMs"):
        raise RuntimeError("DataLoader worker (pid 12) is killed by signal: Killed. ")


def test_a_programming_error_in_a_worker_is_not_taken_for_its_death():
    with pytest.raises(RuntimeError, match="equal size"), dead_workers_named("CAMs"):
        raise RuntimeError(
            "Caught RuntimeError in DataLoader worker process 0.\nTraceback: sizes must be of equal size"
        )


# TensorBoard's own thread may be the first to notice.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_full_disk_leaves_the_checkpoint_before_and_the_training_continues_from_it(tmp_path, file_size_limit):
    run_tiny(tmp_path / "clean")
    size = len(final_bytes(tmp_path / "clean"))
    run_tiny(tmp_path / "full", stop_at=2)
    before = checkpoint_path(RunFolder(tmp_path / "full").checkpoints, 2).read_bytes()
    with file_size_limit(size // 2), pytest.raises(DiskFullError, match=r"no space left to write .*checkpoint_4\.pth"):
        run_tiny(tmp_path / "full")
    assert saved_steps(tmp_path / "full") == [2]
    assert checkpoint_path(RunFolder(tmp_path / "full").checkpoints, 2).read_bytes() == before
    run_tiny(tmp_path / "full")
    assert final_bytes(tmp_path / "full") == final_bytes(tmp_path / "clean")


def test_a_log_that_cannot_be_written_is_one_clear_error(tmp_path, monkeypatch):
    def full(log, step, values, rates):
        with write_errors_named(log.run.metrics):
            raise OSError(28, "No space left on device")

    monkeypatch.setattr("common.engine.metric_log.MetricLog.record", full)
    with pytest.raises(DiskFullError, match=r"metrics\.jsonl"):
        run_tiny(tmp_path)


def test_a_checkpoint_of_another_network_is_an_error_that_names_a_tensor(tmp_path):
    run_tiny(tmp_path, noisy=False, stop_at=2)
    with pytest.raises(CheckpointError, match=r"checkpoint_2\.pth belongs to another network.*body\.1\.weight"):
        run_tiny(tmp_path, noisy=True)


@pytest.mark.parametrize("dtype", [torch.int64, torch.float64, torch.complex64])
def test_a_checkpoint_with_tensors_of_another_type_is_an_error_that_names_one(tmp_path, dtype):
    run_tiny(tmp_path, stop_at=2)
    newest = checkpoint_path(RunFolder(tmp_path).checkpoints, 2)
    content = torch.load(newest, weights_only=True)
    name = next(iter(content["model"]))
    content["model"][name] = content["model"][name].to(dtype)
    torch.save(content, newest)
    with pytest.raises(CheckpointError, match=rf"checkpoint_2\.pth: {name} is {dtype}, the network's is torch.float32"):
        run_tiny(tmp_path)


def test_a_damaged_checkpoint_is_an_error_and_without_it_the_one_before_counts(tmp_path):
    run_tiny(tmp_path / "clean")
    run_tiny(tmp_path / "damaged", stop_at=4)
    newest = checkpoint_path(RunFolder(tmp_path / "damaged").checkpoints, 4)
    newest.write_bytes(newest.read_bytes()[:-100])
    with pytest.raises(CheckpointError, match=r"cannot read checkpoint .*checkpoint_4\.pth.*Delete it"):
        run_tiny(tmp_path / "damaged")
    newest.unlink()
    run_tiny(tmp_path / "damaged")
    assert final_bytes(tmp_path / "damaged") == final_bytes(tmp_path / "clean")


def test_only_the_newest_checkpoints_are_kept(tmp_path):
    run_tiny(tmp_path, max_steps=11, save_every=1, keep_last=2)
    assert saved_steps(tmp_path) == [10, 11]


def test_bf16_computes_in_bf16_and_keeps_fp32_weights(tmp_path):
    step = run_tiny(tmp_path, precision="bf16")
    assert step.logit_types == {torch.bfloat16}
    assert {weight.dtype for weight in final_weights(tmp_path).values()} == {torch.float32, torch.int64}
    assert logged(tmp_path)[-1]["pixels"] < logged(tmp_path)[0]["pixels"]


def test_a_network_that_comes_in_eval_mode_is_trained_in_training_mode(tmp_path, monkeypatch):
    modes, step = [], TinyStep.__call__

    def recorded(self, network, batch):
        modes.append({layer.training for layer in network.modules()})
        return step(self, network, batch)

    monkeypatch.setattr(tiny_training, "TinyNetwork", lambda noisy: TinyNetwork(noisy).eval())
    monkeypatch.setattr(TinyStep, "__call__", recorded)
    run_tiny(tmp_path, max_steps=1)
    assert modes == [{True}]


def test_fp16_without_a_gpu_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="fp16 needs a GPU"):
        run_tiny(tmp_path, precision="fp16")


@pytest.mark.parametrize("bound", [0.01, 0.0])
def test_clipping_bounds_the_norm_of_the_gradient(tmp_path, bound):
    run_tiny(tmp_path, max_steps=1, clip_grad_norm=bound)
    content = load_checkpoint(checkpoint_path(RunFolder(tmp_path).checkpoints, 1))
    # After one step the momentum is the gradient and the weight decay.
    seed_everything(ENGINE.seed)
    initial = dict(TinyNetwork(noisy=True).named_parameters())
    names = [name for part in ("head", "body") for name in initial if name.startswith(part)]
    states = content["optimizer"]["state"]
    gradients = [states[index]["momentum_buffer"] - 1e-3 * initial[name] for index, name in enumerate(names)]
    norm = torch.nn.utils.get_total_norm(gradients).item()
    assert norm == pytest.approx(bound, rel=1e-3) if bound else norm > 0.1


def test_a_step_knows_how_far_the_training_is_also_after_a_stop(tmp_path):
    step = run_tiny(tmp_path, max_steps=4, accumulate=2, stop_at=3)
    assert step.progress == [0, 0, 0.25, 0.25, 0.5, 0.5]
    assert run_tiny(tmp_path, max_steps=4, accumulate=2).progress == [0.75, 0.75]


def test_accumulated_batches_equal_one_large_batch(tmp_path):
    run_tiny(tmp_path / "large", noisy=False, pixels=False, batch_size=10)
    run_tiny(tmp_path / "small", noisy=False, pixels=False, batch_size=5, accumulate=2)
    assert_same_weights(tmp_path / "small", tmp_path / "large")


def test_channels_last_learns_the_same(tmp_path):
    # Dropout draws in memory order.
    run_tiny(tmp_path / "first", noisy=False)
    run_tiny(tmp_path / "last", noisy=False, channels_last=True)
    assert_same_weights(tmp_path / "last", tmp_path / "first")


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("c++") and not shutil.which("g++"), reason="torch.compile needs a C++ compiler")
def test_the_compiled_network_learns_the_same_and_saves_plain_names(tmp_path):
    options = {"noisy": False, "last_batch": "drop", "max_steps": 3}
    run_tiny(tmp_path / "eager", **options)
    run_tiny(tmp_path / "compiled", **options, compile=True)
    eager, compiled = (final_weights(tmp_path / name, 3) for name in ("eager", "compiled"))
    assert compiled.keys() == eager.keys()
    for name, weight in eager.items():
        torch.testing.assert_close(compiled[name], weight, rtol=1e-4, atol=1e-5, msg=name)


def test_changing_what_is_computed_needs_another_folder(tmp_path):
    run_tiny(tmp_path, stop_at=2)
    with pytest.raises(ConfigError, match=r"engine\.seed: 0 -> 1"):
        run_tiny(tmp_path, seed=1)


def test_with_loss_scaling_an_infinite_gradient_skips_the_step_and_lowers_the_scale():
    model = TinyNetwork(noisy=False)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    scaler = gradient_scaler("fp16", torch.device("cpu"))
    scale = scaler.get_scale()
    scaler.scale(model(torch.full((1, 3, 4, 4), torch.inf)).sum()).backward()
    config = dataclasses.replace(ENGINE, clip_grad_norm=1.0)
    update_parameters(model, optimizer, scaler, config, {"loss": 1.0}, False, [], Mock(), ONE_PROCESS)
    assert scaler.get_scale() < scale
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name])


class Weights(torch.nn.Module):
    """Weights of which the sum with given factors is the loss."""

    def __init__(self, *values):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.tensor(values))


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
@pytest.mark.parametrize(
    ("clipping", "expected"),
    [
        ({}, [3.0, -4.0]),
        ({"clip_grad_norm": 1.0}, [0.6, -0.8]),
        ({"clip_grad_norm": 10.0}, [3.0, -4.0]),
        ({"clip_grad_value": 3.5}, [3.0, -3.5]),
        # First the norm, 5, is brought to 2.5, then every number.
        ({"clip_grad_norm": 2.5, "clip_grad_value": 1.75}, [1.5, -1.75]),
    ],
)
def test_gradients_are_clipped_at_their_own_size_whatever_the_scale_of_the_loss(precision, clipping, expected):
    model = Weights(0.0, 0.0)
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    scaler = gradient_scaler(precision, torch.device("cpu"))
    scaler.scale((model.weight * torch.tensor([3.0, -4.0])).sum()).backward()
    config = dataclasses.replace(ENGINE, **clipping)
    update_parameters(model, optimizer, scaler, config, {"loss": 1.0}, False, [], Mock(), ONE_PROCESS)
    torch.testing.assert_close(-model.weight.detach(), torch.tensor(expected), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_a_gradient_is_the_mean_of_its_batches_and_clipped_once(precision, monkeypatch):
    """Two batches with the gradients 3 and 1: their mean, 2, is clipped to 1.5, not each of them."""
    monkeypatch.setattr("common.engine.train.autocast", lambda precision, device: contextlib.nullcontext())
    model = Weights(0.0)
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    scaler = gradient_scaler(precision, torch.device("cpu"))
    config = dataclasses.replace(ENGINE, precision=precision, clip_grad_norm=1.5)
    batches = [{"factor": torch.tensor([factor])} for factor in (3.0, 1.0)]

    def step(network, batch):
        return {"loss": (network.weight * batch["factor"]).sum()}

    values, bad = accumulate_gradients(model, step, batches, optimizer, scaler, config, ONE_PROCESS)
    assert values == {"loss": 0} and not bad
    assert model.weight.grad.item() == pytest.approx(2 * scaler.get_scale())
    update_parameters(model, optimizer, scaler, config, values, bad, batches, Mock(), ONE_PROCESS)
    assert model.weight.item() == pytest.approx(-1.5, rel=1e-5)


def test_accumulated_batches_are_clipped_like_one_large_batch(tmp_path):
    clipping = {"clip_grad_norm": 0.05, "clip_grad_value": 0.02}
    run_tiny(tmp_path / "large", noisy=False, pixels=False, batch_size=10, **clipping)
    run_tiny(tmp_path / "small", noisy=False, pixels=False, batch_size=5, accumulate=2, **clipping)
    assert_same_weights(tmp_path / "small", tmp_path / "large")


def test_on_the_cpu_dilated_depthwise_convolutions_get_right_gradients():
    network = torch.nn.Sequential(torch.nn.Conv2d(4, 4, 3, padding=2, dilation=2, groups=4))
    prepare_convolutions(network, EngineConfig())
    assert isinstance(network[0], GradientsOnGrids)
