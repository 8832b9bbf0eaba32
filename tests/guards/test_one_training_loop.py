"""``common.engine`` owns the only training loop: nothing else computes gradients of a loss and steps an optimiser."""

import ast

import pytest

from tests.guards.source import dotted, files, package_files, read

ENGINE = "common/engine/"


def training_calls(text: str) -> list[str]:
    """The calls in a Python text that belong to a training loop, as ``line: expression``."""
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and is_training(dotted(node.func)):
            found.append(f"{node.lineno}: {ast.unparse(node)}")
    return found


def is_training(name: str) -> bool:
    """Whether a dotted name, called, is a step of a training loop.

    A method *named* ``backward`` (of an autograd function) is not a call, and stays allowed everywhere.
    """
    *owner, last = name.split(".")
    return (bool(owner) and last in ("backward", "step", "zero_grad")) or last == "GradScaler"


@pytest.mark.parametrize("name", [name for name in package_files(".py") if not name.startswith(ENGINE)])
def test_only_the_engine_trains(name):
    assert training_calls(read(name)) == []


def test_the_engine_has_exactly_one_backward_call():
    calls = [f"{name}:{call}" for name in files(ENGINE, ".py") for call in training_calls(read(name))]
    assert len([call for call in calls if ".backward(" in call]) == 1, calls


@pytest.mark.parametrize(
    "text",
    [
        "loss.backward()",
        "sum(losses.values()).backward()",
        "torch.autograd.backward(loss)",
        "scaler.scale(loss).backward()",
        "optimizer.step()",
        "self.schedule.step()",
        "optimizer.zero_grad(set_to_none=True)",
        "torch.amp.GradScaler('cuda')",
        "scaler = GradScaler()",
    ],
)
def test_a_second_training_loop_is_found(text):
    assert training_calls(text)


@pytest.mark.parametrize("text", ["def backward(context, gradient): ...", "step = 3", "step(batch)", "image.steps()"])
def test_what_only_looks_like_training_passes(text):
    assert training_calls(text) == []
