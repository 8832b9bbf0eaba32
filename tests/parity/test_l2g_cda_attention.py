import numpy as np
import pytest
import torch
from l2g_cda.models.attention import MODULES, SqueezeExcitation
from l2g_cda.models.suppression import FixedSuppression, LearnableSuppression

from tests.parity.l2g_cda_cases import CASES, KEYS, cases_of, expected, filled, made

EDGE = "attention/edge"
# Published name -> ours, for a number of channels.
BUILDERS = {
    "SELayer": MODULES["se"],
    "SELayer_r4": lambda channels: SqueezeExcitation(channels, reduction=4),
    "SALayer": MODULES["spatial"],
    "CAM_Module": MODULES["channel"],
    "PAM_Module": MODULES["position"],
    "ECA_layer": MODULES["eca"],
    "CA_Block": MODULES["coordinate"],
    "simam_module": MODULES["simam"],
    "nam_module": MODULES["nam"],
    "GAM_Attention": MODULES["gam"],
    "PSA_Channel_only_branch": MODULES["polarised_channel"],
    "PSA_Spatial_only_branch": MODULES["polarised_spatial"],
    "DRS_055": lambda channels: FixedSuppression(0.55),
    "DRS_030": lambda channels: FixedSuppression(0.3),
    "DRS_learnable": LearnableSuppression,
    "DRSpaper_055": lambda channels: FixedSuppression(0.55, relu_first=True),
    "DRSpaper_learnable": lambda channels: LearnableSuppression(channels, relu_first=True),
}


@pytest.mark.parametrize("case", [case for case in cases_of("attention") if case != EDGE])
def test_module_and_its_gradients(case):
    name, size, wanted = case.partition("/")[2], CASES[case]["args"], expected(case)
    module = BUILDERS[name](size["C"]).eval()
    assert {key: list(value.shape) for key, value in module.state_dict().items()} == KEYS[case]
    module.load_state_dict({key: filled(f"{name}.{key}", shape) for key, shape in KEYS[case].items()})
    shape = tuple(size[side] for side in "BCHW")
    features = made(f"att_{name}", shape).requires_grad_()
    output = module(features)
    parameters = {key: value for key, value in module.named_parameters() if value.requires_grad}
    loss = (output * made(f"att_{name}_g", shape)).sum()
    grad_in, *grads = torch.autograd.grad(loss, [features, *parameters.values()])
    np.testing.assert_allclose(output.detach(), wanted["out"], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(grad_in, wanted["grad_in"], rtol=1e-4, atol=1e-5)
    norms = {f"grad_norm/{key}": grad.norm() for key, grad in zip(parameters, grads, strict=True)}
    assert set(wanted) == {"out", "grad_in", *norms}
    for key, norm in norms.items():
        np.testing.assert_allclose(norm, wanted[key], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("case", [EDGE])
@pytest.mark.parametrize(("name", "relu_first"), [("DRS_055", False), ("DRSpaper_055", True)])
def test_suppression_of_negative_constant_tied_and_zero_channels(case, name, relu_first):
    output = FixedSuppression(0.55, relu_first)(torch.from_numpy(expected(case)["in"]))
    np.testing.assert_array_equal(output, expected(case, f"edge_{name}")["out"])
