"""``common.engine`` owns the only training loop: nothing else computes gradients of a loss and steps an optimiser."""

import ast

from tests.guards.source import Sources, dotted, package_sources, parse, require_none

ENGINE = "common/engine/"
TRAINING = [
    "loss.backward()",
    "sum(losses.values()).backward()",
    "torch.autograd.backward(loss)",
    "scaler.scale(loss).backward()",
    "optimizer.step()",
    "scaler.step(optimizer)",
    "self.schedule.step()",
    "optimizer.zero_grad(set_to_none=True)",
    "torch.amp.GradScaler('cuda')",
    "scaler = GradScaler()",
]
NOT_TRAINING = [
    *("def backward(context, gradient): ...", "step = 3", "step(batch)", "image.steps()"),
    "self.step(settings, network)",
]


def training_calls(sources: Sources) -> list[str]:
    """The calls that belong to a training loop, as ``file:line: expression``."""
    return [
        f"{name}:{node.lineno}: {ast.unparse(node)}"
        for name, text in sources.items()
        for node in ast.walk(parse(text))
        if isinstance(node, ast.Call) and is_training(node)
    ]


def is_training(call: ast.Call) -> bool:
    """Whether a call belongs to a training loop.

    A method *named* ``backward`` (of an autograd function) is not a call, and stays allowed everywhere. No optimiser's,
    schedule's or scaler's ``step`` takes two arguments.
    """
    *owner, last = dotted(call.func).split(".")
    if last == "step" and len(call.args) > 1:
        return False
    return (bool(owner) and last in ("backward", "step", "zero_grad")) or last == "GradScaler"


def test_only_the_engine_trains() -> None:
    others = {name: text for name, text in package_sources().items() if not name.startswith(ENGINE)}
    require_none(training_calls(others), f"hand a step function to the loop in {ENGINE}")


def test_the_engine_has_exactly_one_backward_call() -> None:
    engine = {name: text for name, text in package_sources().items() if name.startswith(ENGINE)}
    calls = [call for call in training_calls(engine) if ".backward(" in call]
    assert len(calls) == 1, calls


def test_a_second_training_loop_is_found() -> None:
    assert [text for text in TRAINING if not training_calls({"sgan/loop.py": text})] == []


def test_what_only_looks_like_training_passes() -> None:
    assert [text for text in NOT_TRAINING if training_calls({"sgan/loop.py": text})] == []
