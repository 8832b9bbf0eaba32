import copy

import pytest
import torch
from torch import nn

from common.models.frozen import AppliedBatchNorm2d, fold_frozen_batchnorm, freeze_batchnorm_parameters
from common.models.resnet import ResNet


def frozen_resnet() -> ResNet:
    torch.manual_seed(0)
    network = ResNet(18, 16, 0.125)
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.normal_(layer.running_mean)
            nn.init.uniform_(layer.running_var, 0.5, 2)
            nn.init.uniform_(layer.weight, 0.5, 2)
            nn.init.normal_(layer.bias)
            layer.requires_grad_(False)
    network.freeze(batchnorm=True)
    return network.train()


def test_outputs_and_gradients_stay_the_same():
    plain, folded = frozen_resnet(), frozen_resnet()
    assert fold_frozen_batchnorm(folded) == sum(isinstance(layer, nn.BatchNorm2d) for layer in plain.modules())
    images = torch.randn(2, 3, 33, 33)
    outputs = [network(images) for network in (plain, folded)]
    torch.testing.assert_close(outputs[1], outputs[0], rtol=1e-4, atol=1e-4 * float(outputs[0].detach().abs().max()))
    for output in outputs:
        (output / outputs[0].detach().abs().max()).sum().backward()
    for (name, expected), (_, got) in zip(plain.named_parameters(), folded.named_parameters(), strict=True):
        if expected.requires_grad:
            scale = float(expected.grad.abs().max())
            torch.testing.assert_close(got.grad, expected.grad, rtol=1e-3, atol=1e-4 * scale, msg=name)


@pytest.mark.parametrize("epsilon", [1e-5, 1e-2])
@pytest.mark.parametrize("bias", [True, False])
def test_variances_smaller_than_what_is_added_to_them_scale_as_they_normalise(epsilon, bias):
    torch.manual_seed(0)
    plain = nn.Sequential(nn.Conv2d(3, 8, 3, bias=bias), nn.BatchNorm2d(8, eps=epsilon))
    plain[1].running_var.copy_(epsilon * torch.tensor([0, 1e-3, 0.1, 0.5, 1, 2, 10, 1000]))
    for part in (plain[1].running_mean, plain[1].weight.data, plain[1].bias.data):
        nn.init.normal_(part)
    freeze_batchnorm_parameters(plain.eval())
    folded = copy.deepcopy(plain)
    assert fold_frozen_batchnorm(folded) == 1
    images = torch.randn(2, 3, 9, 9)
    outputs = [network(images) for network in (folded, plain)]
    scale = outputs[1].detach().abs().amax((0, 2, 3))[None, :, None, None]
    torch.testing.assert_close(outputs[0] / scale, outputs[1] / scale, rtol=0, atol=1e-5)
    learning = [[one for one in network.parameters() if one.requires_grad] for network in (folded, plain)]
    found, wanted = (
        torch.autograd.grad((output / scale).square().sum(), weights)
        for output, weights in zip(outputs, learning, strict=True)
    )
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-4 * float(other.abs().max()))


def test_tensors_keep_their_names_and_values():
    plain, folded = frozen_resnet(), frozen_resnet()
    fold_frozen_batchnorm(folded)
    before, after = plain.state_dict(), folded.state_dict()
    assert list(after) == list(before)
    assert all(torch.equal(after[name], before[name]) for name in before)


def test_a_batchnorm_that_learns_is_left_alone():
    network = frozen_resnet()
    network.bn1.weight.requires_grad_(True)
    fold_frozen_batchnorm(network)
    assert type(network.bn1) is nn.BatchNorm2d
    trained = ResNet(18, 16, 0.125).train()
    assert fold_frozen_batchnorm(trained) == 0


def test_a_copy_uses_its_own_statistics():
    network = frozen_resnet()
    fold_frozen_batchnorm(network)
    images = torch.randn(1, 3, 33, 33)
    twin = copy.deepcopy(network)
    before = network(images)
    twin.bn1.running_mean += 1
    assert torch.equal(network(images), before)
    assert not torch.equal(twin(images), before)


def test_only_batchnorm_parameters_are_fixed():
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4))
    freeze_batchnorm_parameters(network)
    assert [parameter.requires_grad for parameter in network.parameters()] == [True, True, False, False]


def test_a_folded_batchnorm_refuses_training_mode():
    network = frozen_resnet()
    fold_frozen_batchnorm(network)
    assert isinstance(network.bn1, AppliedBatchNorm2d)
    nn.Module.train(network.bn1, True)
    with pytest.raises(RuntimeError, match="training mode"):
        network(torch.randn(1, 3, 33, 33))
