from dataclasses import replace

import numpy as np
import pytest
import torch
from torchvision.models import vgg16

from common.errors import CheckpointError
from common.models.backbones import BackboneConfig, build_backbone
from common.models.classifier import CamClassifier
from deeplabv2.networks.dsrg import CAFFE_MEAN, DeepLabVGG16
from deeplabv2.networks.initial_weights import FC8, for_caffe_input, load_vgg16, torchvision_names
from deeplabv2.networks.registry import load_network, starting_network
from deeplabv2.networks.settings import RATES, NetworkConfig, default_backbone
from tests.common.models.caffe_files import field, layer

WIDTH = 0.05
CONFIG = NetworkConfig("DSRG_VGG16", 5, replace(default_backbone(), width=WIDTH), pyramid=[])


def network(n_labels=5):
    return DeepLabVGG16(n_labels, RATES, width=WIDTH)


def load_initial_weights(started, weights):
    return load_vgg16(started, FC8, weights)


def other_values(**changed):
    """Tensors for every parameter, none of them initial ones."""
    torch.manual_seed(1)
    state = {name: torch.randn_like(tensor) for name, tensor in network().state_dict().items()}
    return {name: changed.get(name.replace(".", "_"), tensor) for name, tensor in state.items()}


def caffemodel(path, state, head):
    """Write ``state`` as Caffe would, its heads named ``head`` and a number."""
    content = field(1, "net")
    for name in sorted({name.rpartition(".")[0] for name in state}):
        blobs = [state[f"{name}.{kind}"].numpy() for kind in ("weight", "bias")]
        content += layer(name.replace("fc8_", head), "Convolution", blobs)
    path.write_bytes(content)
    return path


def test_a_trained_caffemodel_is_read_with_its_head(tmp_path):
    state = other_values()
    path = caffemodel(tmp_path / "model_iter_8000.caffemodel", state, "fc8-SEC_")
    trained = load_network(CONFIG, path).base
    assert all(torch.equal(tensor, state[name]) for name, tensor in trained.state_dict().items())


def test_a_caffemodel_is_read_by_name_without_a_foreign_head(tmp_path):
    state = other_values()
    path = caffemodel(tmp_path / "vgg16_20M_mc.caffemodel", state, "fc8-pascal_")
    started = network()
    report = load_initial_weights(started, str(path))
    for name, tensor in started.state_dict().items():
        assert torch.equal(tensor, state[name]) != name.startswith("fc8_"), name
    assert set(report.missing) == {name for name in state if name.startswith("fc8_")}


def test_a_caffemodel_of_another_width_is_an_error(tmp_path):
    path = tmp_path / "net.caffemodel"
    path.write_bytes(field(1, "net") + layer("conv1_1", "Convolution", [np.zeros((64, 3, 3, 3)), np.zeros(64)]))
    with pytest.raises(CheckpointError, match="do not fit"):
        load_initial_weights(network(), str(path))


@pytest.mark.parametrize("prefix", ["", "backbone.", "module.base."])
def test_published_names_are_read_with_and_without_a_head_that_fits(tmp_path, prefix):
    state = other_values()
    path = tmp_path / "published.pth"
    torch.save({prefix + name: tensor for name, tensor in state.items()}, path)
    started, other_labels = network(), network(n_labels=9)
    load_initial_weights(started, str(path))
    load_initial_weights(other_labels, str(path))
    assert torch.equal(started.fc8_1.weight, state["fc8_1.weight"])
    assert torch.equal(other_labels.conv5_3.weight, state["conv5_3.weight"])
    assert other_labels.fc8_1.weight.shape[0] == 9


def test_a_body_alone_leaves_the_branches_at_random(tmp_path):
    path = tmp_path / "vgg_init.pth"
    torch.save({name: tensor for name, tensor in other_values().items() if name.startswith("conv")}, path)
    report = load_initial_weights(network(), str(path))
    assert len(report.matched) == 26 and all(name.startswith("fc") for name in report.missing)


def test_the_names_are_those_of_torchvision():
    with torch.device("meta"):
        theirs, ours = vgg16().features, DeepLabVGG16(21, RATES)
    for index, name in torchvision_names().items():
        assert theirs[index].weight.shape == ours.get_submodule(name).weight.shape
    assert len(torchvision_names()) == 13


def test_a_classifier_of_the_toolbox_starts_the_body(tmp_path):
    classifier = CamClassifier(build_backbone(BackboneConfig(name="vgg16", output_stride=8, width=WIDTH)), 4)
    path = tmp_path / "classifier.pth"
    torch.save({"model": classifier.state_dict()}, path)
    started = starting_network(replace(CONFIG, weights=str(path))).base
    assert torch.equal(started.conv5_3.weight, classifier.backbone.features[28].weight)


def test_the_first_convolution_computes_the_same_from_caffes_input():
    torch.manual_seed(0)
    weight, bias = torch.randn(4, 3, 3, 3), torch.randn(4)
    grey_levels = 255 * torch.rand(1, 3, 8, 8)
    normalised = grey_levels / 255 - torch.tensor([0.485, 0.456, 0.406])[:, None, None]
    normalised /= torch.tensor([0.229, 0.224, 0.225])[:, None, None]
    for_caffe = grey_levels.flip(1) - torch.tensor(CAFFE_MEAN)[:, None, None]
    wanted = torch.nn.functional.conv2d(normalised, weight, bias)
    torch.testing.assert_close(
        torch.nn.functional.conv2d(for_caffe, *for_caffe_input(weight, bias)), wanted, rtol=1e-3, atol=1e-4
    )


def test_a_missing_file_is_an_error():
    with pytest.raises(CheckpointError, match=r"none\.caffemodel"):
        load_initial_weights(network(), "none.caffemodel")
