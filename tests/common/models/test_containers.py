"""The state dict is found in whatever a training program saves beside it."""

import pytest
import torch
from torch import nn

from common.errors import CheckpointError
from common.models.weights import read_state_dict


def network(seed=0, width=4):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv2d(3, width, 1), nn.BatchNorm2d(width))


def optimiser_state(model):
    optimizer = torch.optim.Adam(model.parameters())
    model(torch.zeros(1, 3, 2, 2)).sum().backward()
    optimizer.step()
    return optimizer.state_dict()


def saved(tmp_path, content):
    torch.save(content, tmp_path / "weights.pth")
    return tmp_path / "weights.pth"


def assert_same(read, model):
    state = model.state_dict()
    assert read.keys() == state.keys()
    assert all(torch.equal(read[name], state[name]) for name in state)


@pytest.mark.parametrize("key", ["model_state_dict", "state_dict", "params", "generator", "weights"])
@pytest.mark.parametrize("given", [True, False], ids=["with the network", "without"])
def test_a_state_dict_under_any_key_beside_an_optimiser_is_taken(tmp_path, key, given):
    model = network()
    optimiser = optimiser_state(model)
    path = saved(
        tmp_path, {"epoch": 3, "optimizer_state_dict": optimiser, key: model.state_dict(), "loss": torch.tensor(1.0)}
    )
    assert_same(read_state_dict(path, network() if given else None), model)


def test_nested_wrappers_are_opened(tmp_path):
    model = network()
    assert_same(read_state_dict(saved(tmp_path, {"run": {"best": {"weights": model.state_dict()}}, "step": 1})), model)


def test_the_mapping_that_is_like_the_network_is_taken_not_the_largest(tmp_path):
    model, larger = network(), nn.Sequential(*(network(width=7) for _ in range(4)), nn.Linear(2, 2))
    larger = {f"teacher.{name}": tensor for name, tensor in larger.state_dict().items() if tensor.shape[:1] != (7,)}
    path = saved(
        tmp_path,
        {"discriminator": {**larger, **{str(i): torch.zeros(2) for i in range(20)}}, "segmentor": model.state_dict()},
    )
    assert_same(read_state_dict(path, network()), model)


def test_of_equal_networks_that_under_a_usual_key_is_taken(tmp_path):
    model = network()
    path = saved(tmp_path, {"state_dict_ema": network(1).state_dict(), "state_dict": model.state_dict()})
    assert_same(read_state_dict(path, network()), model)


def test_equal_networks_under_unusual_keys_are_an_error_that_names_them(tmp_path):
    path = saved(tmp_path, {"student": network(1).state_dict(), "teacher": network(2).state_dict()})
    for given in (network(), None):
        with pytest.raises(
            CheckpointError, match="several networks that fit equally, under student, teacher; save the one"
        ):
            read_state_dict(path, given)


def test_copies_of_one_network_are_no_error(tmp_path):
    model = network()
    path = saved(tmp_path, {"last": model.state_dict(), "best": dict(model.state_dict())})
    assert_same(read_state_dict(path, network()), model)


def test_a_mapping_that_holds_itself_ends(tmp_path):
    content = {"model_state_dict": dict(network().state_dict())}
    content["self"] = content
    assert_same(read_state_dict(saved(tmp_path, content)), network())
