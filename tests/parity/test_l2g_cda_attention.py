import numpy as np
import pytest
import torch

from l2g_cda.attention import ATTENTION_MODULES, FixedSuppression, LearnableSuppression, SqueezeExcitation
from tests.parity.l2g_cda_attention import (
    CoordinateAttention,
    GlobalAttention,
    PaperFixedSuppression,
    PaperLearnableSuppression,
    PolarisedChannelAttention,
    PolarisedSpatialAttention,
)
from tests.parity.l2g_cda_cases import CASES, KEYS, cases_of, expected, filled, made

EDGE = "attention/edge"
# Published name -> ours, for a number of channels.
BUILDERS = {
    "SELayer": ATTENTION_MODULES["se"],
    "SELayer_r4": lambda channels: SqueezeExcitation(channels, reduction=4),
    "SALayer": ATTENTION_MODULES["spatial"],
    "CAM_Module": ATTENTION_MODULES["channel"],
    "PAM_Module": ATTENTION_MODULES["position"],
    "ECA_layer": ATTENTION_MODULES["eca"],
    "CA_Block": CoordinateAttention,
    "simam_module": ATTENTION_MODULES["simam"],
    "nam_module": ATTENTION_MODULES["nam"],
    "GAM_Attention": GlobalAttention,
    "PSA_Channel_only_branch": PolarisedChannelAttention,
    "PSA_Spatial_only_branch": PolarisedSpatialAttention,
    "DRS_055": lambda channels: FixedSuppression(0.55),
    "DRS_030": lambda channels: FixedSuppression(0.3),
    "DRS_learnable": LearnableSuppression,
    "DRSpaper_055": lambda channels: PaperFixedSuppression(0.55),
    "DRSpaper_learnable": PaperLearnableSuppression,
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
@pytest.mark.parametrize(("name", "kind"), [("DRS_055", FixedSuppression), ("DRSpaper_055", PaperFixedSuppression)])
def test_suppression_of_negative_constant_tied_and_zero_channels(case, name, kind):
    output = kind(0.55)(torch.from_numpy(expected(case)["in"]))
    np.testing.assert_array_equal(output, expected(case, f"edge_{name}")["out"])
