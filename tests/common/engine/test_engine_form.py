import dataclasses
import json

import pytest
import torch
from torch import nn

from common.data.sampling import SeededDataset
from common.engine.engine_form import FORMS, objection_to, settled
from common.engine.run_folder import RunFolder
from common.errors import DataError
from tests.common.engine.tiny_training import (
    ENGINE,
    ONE_PROCESS,
    TinyNetwork,
    TinySamples,
    TinyStep,
    Trouble,
    to_tensors,
)

AUTO = dataclasses.replace(ENGINE, precision="auto")


class TwiceAsLoudBackwards(torch.autograd.Function):
    """A convolution with a wrong gradient in bfloat16."""

    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    def backward(ctx, of_output):
        return -of_output if of_output.dtype == torch.bfloat16 else of_output


class WrongInHalf(TinyNetwork):
    def forward(self, images):
        return self.head(TwiceAsLoudBackwards.apply(self.body(images)))


def settle(folder, network=None, **changes):
    torch.manual_seed(0)
    dataset = SeededDataset(TinySamples(), to_tensors, 0)
    config = dataclasses.replace(AUTO, **changes)
    network = network or TinyNetwork(noisy=True)
    return settled(config, network, TinyStep(Trouble(), 0, True), dataset, RunFolder(folder), ONE_PROCESS, collate())


def collate():
    return torch.utils.data.default_collate


def record(folder):
    return json.loads((folder / "engine_form.json").read_text())


def test_the_fastest_form_is_taken_recorded_and_said(tmp_path, capsys):
    config = settle(tmp_path)
    found = record(tmp_path)
    assert set(found["seconds"]) == set(FORMS)
    assert found["form"] == min(FORMS.keys() - found["refused"].keys(), key=lambda name: found["seconds"][name])
    assert {name: getattr(config, name) for name in FORMS[found["form"]]} == FORMS[found["form"]]
    assert found["form"] in capsys.readouterr().out


def test_a_continued_training_keeps_the_recorded_form(tmp_path):
    for name, form in FORMS.items():
        RunFolder(tmp_path).engine_form.write_text(json.dumps({"form": name}))
        assert settle(tmp_path) == dataclasses.replace(AUTO, **form)
    RunFolder(tmp_path).engine_form.write_text('{"form": "fp8"}')
    with pytest.raises(DataError, match="no form fp8"):
        settle(tmp_path)


def test_a_given_precision_is_not_measured(tmp_path):
    assert settle(tmp_path, precision="bf16") == dataclasses.replace(ENGINE, precision="bf16")
    assert not list(tmp_path.iterdir())


def test_measuring_leaves_the_network_as_it_was(tmp_path):
    torch.manual_seed(0)
    network = TinyNetwork(noisy=True)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    settle(tmp_path, network)
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
    assert all(parameter.grad is None for parameter in network.parameters())
    assert network.dropout.p == 0.3


def test_a_form_with_other_gradients_is_refused(tmp_path, capsys):
    settle(tmp_path, WrongInHalf(noisy=False))
    assert set(record(tmp_path)["refused"]) == {"bf16", "bf16, channels-last"}
    assert "cosine of -" in capsys.readouterr().out


def test_objections_are_to_what_changes_nothing_is_not_finite_or_points_elsewhere():
    plain = [torch.tensor([1.0, 0.0]), torch.tensor([1e-4, 0.0])]
    assert objection_to(plain, plain, must_differ=False) == ""
    assert "changes nothing" in objection_to(plain, plain, must_differ=True)
    assert objection_to([plain[0] * 1.01, -plain[1]], plain, must_differ=True) == ""
    assert "not finite" in objection_to([plain[0], plain[1] * torch.inf], plain, must_differ=False)
    assert "cosine" in objection_to([plain[0], plain[1].flip(0) * 1e6], plain, must_differ=False)
    assert "cosine" in objection_to([plain[0].flip(0), plain[1]], plain, must_differ=False)


def test_unreadable_samples_are_named(tmp_path):
    dataset = SeededDataset(TinySamples(unreadable=3), to_tensors, 0)
    config = dataclasses.replace(AUTO, batch_size=10)
    with pytest.raises(DataError, match="image3 is broken"):
        settled(
            config, nn.Identity(), TinyStep(Trouble(), 0, True), dataset, RunFolder(tmp_path), ONE_PROCESS, collate()
        )
