import os
import pickle

import pytest
import safetensors.torch
import torch
from torch import nn

from common.errors import CheckpointError
from common.models.mobilenet import MobileNetV2
from common.models.resnet import ResNet
from common.models.weights import file_fingerprint, load_weights, read_state_dict


class Evil:
    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


def small_network() -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4))


def snapshot(model: nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def assert_unchanged(model: nn.Module, before: dict[str, torch.Tensor]) -> None:
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


@pytest.mark.parametrize("wrap", [dict, lambda s: {"state_dict": s, "epoch": 3}, lambda s: {"model": {"net": s}}])
@pytest.mark.parametrize("legacy", [False, True])
def test_torch_files_are_read_and_unwrapped(tmp_path, wrap, legacy):
    state = dict(small_network().state_dict())
    torch.save(wrap(state), tmp_path / "weights.pth", _use_new_zipfile_serialization=not legacy)
    read = read_state_dict(tmp_path / "weights.pth")
    assert read.keys() == state.keys()
    assert all(torch.equal(read[name], state[name]) for name in state)


def test_safetensors_files_are_read(tmp_path):
    state = dict(small_network().state_dict())
    safetensors.torch.save_file(state, tmp_path / "weights.safetensors")
    assert read_state_dict(tmp_path / "weights.safetensors").keys() == state.keys()


@pytest.mark.parametrize("writer", [torch.save, lambda value, path: path.write_bytes(pickle.dumps(value, protocol=2))])
def test_a_file_with_python_objects_is_refused_and_not_executed(tmp_path, writer):
    writer({"state_dict": {"weight": Evil(tmp_path / "executed")}}, tmp_path / "evil.pth")
    with pytest.raises(
        CheckpointError, match="Python objects other than tensors and is not loaded.*save its tensors alone"
    ):
        read_state_dict(tmp_path / "evil.pth")
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("page.pth", b"<!DOCTYPE html><html>", "not a PyTorch checkpoint"),
        ("empty.pth", b"", "not a PyTorch checkpoint"),
        ("cut.pth", b"PK\x03\x04 and no more", "damaged"),
        ("cut.safetensors", b"\x00" * 4, "not a readable safetensors file"),
    ],
)
def test_damaged_and_foreign_files_are_named(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(CheckpointError, match=f"{name}.*{message}"):
        read_state_dict(tmp_path / name)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(CheckpointError, match="no weights file .*absent.pth"):
        read_state_dict(tmp_path / "absent.pth")


@pytest.mark.parametrize("content", [{}, {"epoch": 3}, {"state_dict": {}}, [1, 2]])
def test_a_file_without_a_state_dict_is_an_error(tmp_path, content):
    torch.save(content, tmp_path / "weights.pth")
    with pytest.raises(CheckpointError, match="holds no state dict"):
        read_state_dict(tmp_path / "weights.pth")


def test_loading_reports_every_tensor_and_accepts_extra_ones_and_missing_batch_counts():
    source, model = small_network(), small_network()
    state = {**source.state_dict(), "fc.weight": torch.zeros(2, 4)}
    del state["1.num_batches_tracked"]
    report = load_weights(model, state, source="weights.pth")
    assert len(report.matched) == 6
    assert (report.missing, report.unexpected, report.wrong_shape) == ((), ("fc.weight",), ())
    assert report.summary() == "weights.pth: 6 matched, 0 missing, 1 unexpected (fc.weight), 0 wrong shape"
    torch.testing.assert_close(model[0].weight, source[0].weight)


def test_what_was_replaced_in_the_names_is_said():
    model = nn.ModuleDict({"base": small_network()})
    state = {f"module.module.wrapper.{name}": tensor for name, tensor in model.state_dict().items()}
    report = load_weights(model, state, source="file")
    assert not report.unexpected
    assert report.summary().endswith('0 wrong shape, without prefix "module.module.wrapper."')


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_floats_of_another_width_are_converted_and_that_is_said(dtype, caplog):
    source, model = small_network(), small_network()
    state = {
        name: tensor.to(dtype) if tensor.is_floating_point() else tensor for name, tensor in source.state_dict().items()
    }
    report = load_weights(model, state, source="file")
    assert model[0].weight.dtype == torch.float32
    assert torch.equal(model[0].weight, source[0].weight.to(dtype).float())
    assert report.summary().endswith(f", 6 converted from {str(dtype).removeprefix('torch.')}")
    assert report.summary() in caplog.text


@pytest.mark.parametrize("dtype", [torch.int64, torch.uint8, torch.bool, torch.complex64])
def test_whole_and_complex_numbers_in_place_of_floats_are_an_error_that_names_the_tensor(dtype):
    model = small_network()
    before = snapshot(model)
    state = {**before, "1.running_mean": before["1.running_mean"].to(dtype)}
    with pytest.raises(
        CheckpointError, match=rf"file: 1.running_mean holds {str(dtype)[6:]} values.*has float32.*fetch it"
    ):
        load_weights(model, state, source="file")
    assert_unchanged(model, before)


def test_a_count_of_batches_may_have_another_type_but_not_another_value():
    model = small_network()
    state = model.state_dict()
    load_weights(model, {**state, "1.num_batches_tracked": torch.tensor(7, dtype=torch.int32)}, source="file")
    assert model[1].num_batches_tracked.item() == 7
    with pytest.raises(
        CheckpointError, match="1.num_batches_tracked holds float32 values, where the network has int64"
    ):
        load_weights(model, {**state, "1.num_batches_tracked": torch.tensor(7.5)}, source="file")


def test_tensors_that_are_not_plain_are_an_error():
    model = small_network()
    with pytest.raises(CheckpointError, match="0.bias holds sparse float32 values"):
        load_weights(model, {**model.state_dict(), "0.bias": torch.zeros(4).to_sparse()}, source="file")


def test_a_value_too_large_for_the_network_is_an_error():
    model = small_network()
    state = {**model.state_dict(), "0.bias": torch.full((4,), 1e300, dtype=torch.float64)}
    with pytest.raises(CheckpointError, match="0.bias holds NaN or infinite"):
        load_weights(model, state, source="file")


@pytest.mark.parametrize(
    "rename",
    [
        {"unit.": "9.", "unit.conv.": "0.", "unit.bn.": "1."},
        lambda name: name[5:].replace("conv", "0").replace("bn", "1"),
    ],
)
def test_names_are_translated_by_a_prefix_mapping_or_a_function(rename):
    model = small_network()
    names = {"0": "unit.conv", "1": "unit.bn"}
    state = {names[name[0]] + name[1:]: tensor + 1 for name, tensor in model.state_dict().items()}
    expected = model[0].bias + 1
    report = load_weights(model, state, source="file", rename=rename)
    assert not report.missing and not report.unexpected
    torch.testing.assert_close(model[0].bias, expected)


def test_two_tensors_that_get_one_name_are_an_error():
    state = {f"module.{name}": tensor for name, tensor in small_network().state_dict().items()}
    state = {"0.weight": torch.zeros(4, 3, 1, 1), **state}
    with pytest.raises(CheckpointError, match="0.weight and module.0.weight both become 0.weight"):
        load_weights(small_network(), state, source="file")


def test_weights_of_another_network_are_an_error_that_names_it_and_load_nothing():
    model = ResNet(18, 32, 0.125)
    before = snapshot(model)
    state = {"layer2.block1.reduce.conv.weight": torch.zeros(1), "bn1.weight": torch.zeros(8)}
    with pytest.raises(CheckpointError, match=r"1 matched, \d+ missing \(conv1.weight.*1 unexpected.*Caffe-style"):
        load_weights(model, state, source="file")
    assert_unchanged(model, before)


def test_weights_of_another_width_are_an_error_that_gives_both_shapes():
    with pytest.raises(CheckpointError, match=r"conv1.weight \[16, 3, 7, 7\] instead of \[8, 3, 7, 7\]"):
        load_weights(ResNet(18, 32, 0.125), ResNet(18, 32, 0.25).state_dict(), source="file")


def test_an_optional_head_may_be_missing_or_of_another_shape():
    model = nn.ModuleDict({"body": small_network(), "head": nn.Conv2d(4, 2, 1)})
    state = {name: tensor for name, tensor in model.state_dict().items() if name != "head.bias"}
    state["head.weight"] = torch.zeros(91, 4, 1, 1)
    report = load_weights(model, state, source="file", optional=("head.",))
    assert report.missing == ("head.bias",)
    assert len(report.wrong_shape) == 1


def test_force_loads_what_matches_and_warns(caplog):
    model = small_network()
    report = load_weights(model, {"0.bias": torch.ones(4)}, source="file", force=True)
    assert report.matched == ("0.bias",)
    assert torch.equal(model[0].bias, torch.ones(4))
    assert "1 matched, 5 missing" in caplog.text


def test_force_with_nothing_to_load_is_an_error():
    with pytest.raises(CheckpointError, match="0 matched"):
        load_weights(small_network(), {"other": torch.ones(4)}, source="file", force=True)


def test_values_that_are_not_finite_are_an_error_and_load_nothing():
    model = small_network()
    before = snapshot(model)
    state = {name: tensor + 1 for name, tensor in before.items()}
    state["1.running_var"][0] = float("nan")
    with pytest.raises(CheckpointError, match="1.running_var holds NaN"):
        load_weights(model, state, source="file")
    assert_unchanged(model, before)


def test_the_fingerprint_is_the_start_of_the_sha256(tmp_path):
    (tmp_path / "file").write_bytes(b"abc")
    assert file_fingerprint(tmp_path / "file") == "ba7816bf"


def test_the_shared_mobilenet_file_loads_completely(shared):
    path = shared / "data" / "weights" / "mobilenet_v2.safetensors"
    if not path.is_file():
        pytest.skip(f"no {path}")
    report = load_weights(MobileNetV2(16), read_state_dict(path), source=path.name)
    assert not report.missing and not report.wrong_shape
    assert set(report.unexpected) == {"classifier.1.weight", "classifier.1.bias"}
