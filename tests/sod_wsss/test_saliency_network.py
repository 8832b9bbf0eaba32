"""The saliency network: sizes, encoders, what its parts depend on, and published files that it is read from."""

from functools import partial

import pytest
import timm
import torch
from safetensors.torch import save_file
from timm.layers.drop import DropPath
from torch import nn

from common.engine.optimizer import OptimizerConfig, optimizer_by_rules
from common.errors import CheckpointError, ConfigError
from common.files import write_torch
from sod_wsss.saliency_encoders import SWINS, EncoderConfig, SwinTaps, build_encoder, load_swin
from sod_wsss.saliency_network import (
    EdgeAware,
    PatmBlock,
    SaliencyNetwork,
    load_saliency_network,
    published_names,
    saliency_rules,
)
from tests.dropping import dropped

LIGHT, SWIN = "mobilenet_v2", "swin-tiny"


def network_of(name=LIGHT, side=64, seed=0, **changes):
    torch.manual_seed(seed)
    return SaliencyNetwork(build_encoder(EncoderConfig(name=name, **changes), side), side)


@pytest.fixture(autouse=True)
def small_swins(monkeypatch):
    """Every Swin is timm's with a tenth of its channels and fewer blocks."""
    small = partial(timm.create_model, embed_dim=8, depths=(1, 2, 2, 2), num_heads=(1, 1, 2, 2))
    monkeypatch.setattr(timm, "create_model", small)


def images(side=64, count=2):
    return torch.randn(count, 3, side, side, generator=torch.Generator().manual_seed(1))


# --- Sizes. ---


@pytest.mark.parametrize(("name", "side"), [(LIGHT, 32), (LIGHT, 96), (LIGHT, 224), ("resnet18", 64), (SWIN, 224)])
def test_maps_and_edges_have_the_size_of_the_image(name, side):
    with torch.inference_mode():
        scores = network_of(name, side).eval()(images(side))
    assert [tuple(one.shape) for one in (*scores.maps, scores.edge)] == [(2, 1, side, side)] * 5


def test_the_first_map_is_the_finest_and_the_saliency():
    network = network_of().eval()
    with torch.inference_mode():
        scores = network(images())
        assert torch.equal(network.saliency(images()), scores.maps[0])
    differing = [one[:, :, ::2].ne(one[:, :, 1::2]).float().mean() for one in scores.maps]
    assert differing[0] > 0.9
    assert differing[1:] == [0, 0, 0]


@pytest.mark.parametrize("side", [0, 72, 250])
def test_a_side_that_does_not_fit_is_refused(side):
    with pytest.raises(ConfigError, match=f"the side is {side}"):
        network_of(side=side)


@pytest.mark.parametrize("side", [200, 320, 384])
def test_a_swin_takes_multiples_of_224_only(side):
    with pytest.raises(ConfigError, match=f"the side is {side}"):
        network_of(SWIN, side)


@pytest.mark.parametrize("shape", [(9, 7), (1, 1), (1, 12), (5, 1)])
def test_a_decoder_block_doubles_every_size(shape):
    block = PatmBlock(6, 4, 3, 5, 3).eval()
    assert block(torch.zeros(2, 6, *shape)).shape == (2, 3, 2 * shape[0], 2 * shape[1])


# --- Encoders. ---


@pytest.mark.parametrize(
    ("name", "words"), [("vgg16", "stages"), ("resnet38", "output_stride"), ("swin-huge", "swin-huge")]
)
def test_an_encoder_that_does_not_fit_is_refused(name, words):
    with pytest.raises(ConfigError, match=words):
        network_of(name)


@pytest.mark.parametrize("last_convolution", [True, False])
def test_mobilenet_is_taken_without_its_convolution_for_classification(last_convolution):
    network = network_of(LIGHT, last_convolution=last_convolution)
    assert network.encoder.backbone.out_channels == 320


def test_frozen_stages_of_a_backbone_do_not_learn():
    network = network_of(frozen_stages=2)
    frozen = [name for name, parameter in network.named_parameters() if not parameter.requires_grad]
    assert frozen
    assert all(name.startswith("encoder.backbone.") for name in frozen)


def test_a_swin_has_no_frozen_stages():
    with pytest.raises(ConfigError, match="frozen_stages is 1"):
        network_of(SWIN, 224, frozen_stages=1)


def test_the_published_taps_are_what_enters_the_stages():
    """The first has seen no attention: it depends on its own patch alone. The paper draws what leaves them."""
    entering, leaving = (SwinTaps(SWIN, taps=taps).eval() for taps in ("inputs", "outputs"))
    leaving.load_state_dict(entering.state_dict(), strict=False)
    changed = images(224, 1)
    changed[:, :, :4, :4] += 1
    with torch.inference_mode():
        before, after = ([encoder(one) for one in (images(224, 1), changed)] for encoder in (entering, leaving))
    assert [one.shape for one in before[0]] == [one.shape for one in after[0]]
    reached = [(pair[0][0] != pair[1][0]).any(1).sum().item() for pair in (before, after)]
    assert reached[0] == 1
    assert reached[1] > 1


def test_the_last_stage_of_a_swin_has_no_blocks_where_nothing_sees_them():
    entering, leaving = (SwinTaps(SWIN, taps=taps).state_dict().keys() for taps in ("inputs", "outputs"))
    assert {name.split(".blocks.")[0] for name in leaving - entering} == {"layers.3"}
    assert not entering - leaving


# --- Training. ---


def test_every_parameter_learns():
    network = network_of().train()
    scores = network(images())
    (sum(one.square().mean() for one in scores.maps) + scores.edge.square().mean()).backward()
    assert [name for name, one in network.named_parameters() if one.grad is None or not one.grad.any()] == []


@pytest.mark.parametrize(("name", "side"), [(LIGHT, 64), (SWIN, 224)])
def test_half_of_the_elements_are_dropped_before_each_upsampling(name, side):
    network = network_of(name, side)
    with torch.inference_mode():
        assert dropped(network.train(), images(side)) == [("elements", 0.5)] * 4
        assert dropped(network.eval(), images(side)) == []


def test_whole_paths_are_dropped_with_the_published_rates_and_only_in_training():
    network = network_of(SWIN, 224)
    of_edges = [one.drop_prob for one in network.rgb_edge_aware.modules() if isinstance(one, DropPath)]
    of_blocks = [one.drop_prob for one in network.encoder.modules() if isinstance(one, DropPath)]
    assert of_edges == [0.3]
    assert SwinTaps(SWIN).layers[2].blocks[-1].drop_path1.drop_prob == of_blocks[-1]
    # Rising to 0.5 in the last block, which the decoder does not see: 1 + 2 + 2 + 2 blocks, the first without.
    assert sorted({round(rate, 4) for rate in of_blocks}) == [round(0.5 * number / 6, 4) for number in range(1, 5)]
    with torch.inference_mode():
        assert torch.equal(*(network.eval()(images(224)).edge for _ in range(2)))


def test_in_training_batchnorm_of_encoder_and_decoder_learns():
    network = network_of().train()
    norms = [one for one in network.modules() if isinstance(one, nn.BatchNorm2d)]
    assert norms and all(norm.training and norm.weight.requires_grad for norm in norms)


def test_the_edges_come_from_the_encoder_alone():
    network = network_of().train()
    network(images()).edge.square().mean().backward()
    learning = {name.split(".")[0] for name, one in network.named_parameters() if one.grad is not None}
    assert learning == {"encoder", "rgb_edge_aware"}


def test_the_shared_layer_of_the_edges_sees_two_batches_a_step():
    branch = EdgeAware((8, 6, 6, 6), 32).train()
    branch([torch.randn(2, channels, side, side) for channels, side in zip((8, 6, 6, 6), (8, 4, 2, 1), strict=True)])
    assert branch.pos_embed3.bn.num_batches_tracked == 2
    assert branch.norm2.num_batches_tracked == 1


@pytest.mark.parametrize(("name", "side"), [(LIGHT, 64), (SWIN, 224)])
def test_encoder_and_decoder_have_learning_rates_of_their_own(name, side):
    network = network_of(name, side)
    optimizer = optimizer_by_rules(OptimizerConfig("adam", lr=1e-4), network, saliency_rules(10.0))
    names = {id(parameter): name for name, parameter in network.named_parameters()}
    rates = {names[id(one)]: group["lr"] for group in optimizer.param_groups for one in group["params"]}
    published = {name for name, rate in rates.items() if rate == pytest.approx(1e-4)}
    assert {name for name, rate in rates.items() if rate == pytest.approx(1e-3)} == rates.keys() - published
    assert {name.split(".")[0] for name in published} == {"encoder"}
    # What reduces a backbone's channels is new too.
    assert {".".join(name.split(".")[:2]) for name in rates.keys() - published if name.startswith("encoder.")} == (
        {"encoder.reduce"} if name == LIGHT else set()
    )


# --- Files. ---


def require_equal(network, wanted):
    assert [name for name, one in network.state_dict().items() if not torch.equal(one, wanted[name])] == []


def published_state(network, prefix=""):
    """The tensors of a network by their published names, with what the published file has besides."""
    state = {}
    for name, one in network.state_dict().items():
        words = name.replace("encoder.", "encoderR.", 1).split(".")
        if words[:2] == ["encoderR", "layers"] and words[3] == "downsample":
            words[2] = str(int(words[2]) - 1)
        state[prefix + ".".join(words)] = one.clone()
    for dead in ("encoderR.layers.3.blocks.0.mlp.fc1.bias", "encoderR.norm.weight", "encoderR.head.bias"):
        state[prefix + dead] = torch.ones(3)
    for dead in ("conv1.bn.bias", "pos_embed.bn.bias", "norm1.weight"):
        state[f"{prefix}rgb_edge_aware.{dead}"] = torch.ones(3)
    state[f"{prefix}encoderR.layers.0.blocks.1.attn_mask"] = torch.ones(3)
    return state


@pytest.mark.parametrize("prefix", ["", "module.", "model.module."])
def test_a_published_file_is_read(tmp_path, prefix):
    first, second = (network_of(SWIN, 224, seed) for seed in (0, 1))
    write_torch(tmp_path / "Best_mae_test.pth", published_state(first, prefix))
    load_saliency_network(second, tmp_path / "Best_mae_test.pth")
    require_equal(second, first.state_dict())


def test_published_names_are_ours_one_to_one():
    network = network_of(SWIN, 224)
    assert published_names(published_state(network)).keys() == network.state_dict().keys()


@pytest.mark.parametrize("name", [LIGHT, SWIN])
def test_a_file_of_this_toolbox_is_read(tmp_path, name):
    side = 224 if name == SWIN else 64
    first, second = (network_of(name, side, seed) for seed in (0, 1))
    write_torch(tmp_path / "last.pth", first.state_dict())
    load_saliency_network(second, tmp_path / "last.pth")
    require_equal(second, first.state_dict())


def test_a_file_of_another_network_is_refused(tmp_path):
    write_torch(tmp_path / "other.pth", nn.Conv2d(3, 4, 1).state_dict())
    with pytest.raises(CheckpointError, match=r"other\.pth"):
        load_saliency_network(network_of(), tmp_path / "other.pth")


@pytest.mark.parametrize("taps", ["inputs", "outputs"])
@pytest.mark.parametrize("published", [True, False], ids=["published names", "names of timm"])
def test_imagenet_weights_of_a_swin_are_read_in_both_spellings(tmp_path, taps, published):
    state = timm.create_model(SWINS[SWIN][0], num_classes=5).state_dict()
    # Published files count a merging layer to the stage before it.
    names = {name: name for name in state}
    if published:
        names |= {
            f"layers.{stage}.downsample{end}": f"layers.{stage - 1}.downsample{end}"
            for stage in (1, 2, 3)
            for end in (".norm.weight", ".norm.bias", ".reduction.weight")
        }
    save_file({f"model.{names[name]}": one.clone() for name, one in state.items()}, tmp_path / "swin.safetensors")
    encoder = SwinTaps(SWIN, taps=taps)
    load_swin(encoder, SWIN, str(tmp_path / "swin.safetensors"))
    require_equal(encoder, state)
