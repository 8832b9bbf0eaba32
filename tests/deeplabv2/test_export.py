"""``export``: the files give the labels of ``predict`` for any size, know what they are, and are not written where they do not."""

import importlib.util
import json
import warnings
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from common.data.images import read_image, read_label_map
from common.errors import CheckpointError, ConfigError
from common.models.backbones import BackboneConfig
from common.wsss import main as wsss
from deeplabv2 import export
from deeplabv2.export import GENERATED_SIZES, compared, fixed_size, generated
from deeplabv2.inference import Predictor, Squares, WholeImages
from deeplabv2.main import main
from deeplabv2.model_files import FACTS_FILE, FILE_KINDS, installed
from deeplabv2.networks.registry import bare_network, input_convention
from deeplabv2.networks.settings import NetworkConfig
from deeplabv2.portable import PortableModel, resized_as_opencv

ONNX = pytest.mark.skipif(
    not all(map(importlib.util.find_spec, FILE_KINDS[".onnx"].packages)), reason='needs pip install -e ".[export]"'
)
FILES = [pytest.param(".onnx", marks=ONNX), ".pt"]
MOBILENET = BackboneConfig("mobilenet_v2", 16, width=0.35)
RESNEST = BackboneConfig("resnest50", 16)
NARROW_VGG = BackboneConfig("resnet101", 8, freeze_batchnorm=True, width=0.125)
WHOLE, SMALL = WholeImages("fp32"), WholeImages("fp32", (0.75, 1.0), 96, flip=True)
CASES = {
    "v2, averaged and mirrored": (NetworkConfig("DeepLabV2_MSC", 7, MOBILENET, pyramid=[]), SMALL),
    "v2 MSC": (NetworkConfig("DeepLabV2_ResNet101_MSC", 7, blocks=[1, 1, 1, 1]), WHOLE),
    "v2 MSC, old resizing": (
        NetworkConfig("DeepLabV2_ResNet101_MSC", 7, blocks=[1, 1, 1, 1], pyramid_resize="recomputed"),
        WHOLE,
    ),
    "v3+": (NetworkConfig("DeepLabV3Plus", 7, BackboneConfig("resnet18", 16, width=0.25), pyramid=[]), WHOLE),
    "v3+ on ResNeSt": (NetworkConfig("DeepLabV3Plus", 7, RESNEST, pyramid=[]), WHOLE),
    "squares": (NetworkConfig("DSRG_VGG16", 7, NARROW_VGG, pyramid=[]), Squares("fp32", (65, 81))),
}
SIZES = ((60, 97), (97, 60), (80, 80), (33, 121))


@pytest.fixture
def command(checkpoint, settings, tmp_path):
    """Arguments of an export of the trained network; the file's ending is to be added."""
    return lambda ending, *more: [
        *("-c", settings[1], "-m", str(checkpoint), "--out", str(tmp_path / f"model{ending}"), *more)
    ]


def lively(network, normalised):
    """A network whose features and logits are as different from position to position as those of a trained one."""
    norms = [layer for layer in network.modules() if isinstance(layer, torch.nn.BatchNorm2d)]
    with torch.no_grad():
        for layer in norms:
            layer.train()
            layer.momentum = 1.0
        network(normalised)
        factor = 3 / network.eval()(normalised).std()
        for parameter in network.parameters():
            if parameter.dim() == 4 and parameter.shape[0] == 7:
                parameter.mul_(factor)
    return network


@pytest.mark.parametrize("ending", FILES)
@pytest.mark.parametrize(
    "case", [pytest.param(case, marks=pytest.mark.slow if "ResNeSt" in case else ()) for case in CASES]
)
def test_every_network_gives_the_labels_of_predict_at_any_size(case, ending, tmp_path):
    config, form = CASES[case]
    torch.manual_seed(0)
    convention = input_convention(config, (104.0, 117.0, 123.0))
    normalised = torch.stack([convention.image(image) for image in (generated(90, 90), generated(90, 90)[::-1])])
    network = lively(bare_network(config).eval(), normalised)
    predictor = Predictor(form, network, torch.device("cpu"))
    kind, file = FILE_KINDS[ending], tmp_path / f"model{ending}"
    file.write_bytes(kind.content(PortableModel(predictor.network, convention, form).eval(), None, {}))
    images = {str(size): generated(*size) for size in SIZES}
    run = kind.open(file)
    assert len(np.unique(np.concatenate([run(image[None])[1].ravel() for image in images.values()]))) > 1
    agreement = compared(run, predictor, convention, images)
    assert agreement.share > 0.999 and agreement.difference < 1e-3


@pytest.mark.parametrize("ending", FILES)
def test_several_images_are_taken_at_once(command, checkpoint, tmp_path, ending):
    assert main(["export", *command(ending)]) == 0
    run = FILE_KINDS[ending].open(tmp_path / f"model{ending}")
    images = np.stack([generated(60, 90), generated(60, 90)[::-1], generated(60, 90)[:, ::-1]])
    probabilities, labels = run(images)
    assert (probabilities.shape, labels.shape, labels.dtype) == ((3, 7, 60, 90), (3, 60, 90), np.uint8)
    np.testing.assert_allclose(probabilities.sum(1), 1, atol=1e-4)
    for image, label in zip(images, labels, strict=True):
        assert (run(image[None])[1][0] == label).mean() > 0.999


@pytest.mark.parametrize("ending", FILES)
def test_the_masks_are_those_that_predict_writes(command, toy, checkpoint, settings, tmp_path, ending):
    folder = tmp_path / "photographs"
    folder.mkdir()
    for number, (height, width) in enumerate(SIZES):
        cv2.imwrite(str(folder / f"{number}.png"), generated(height, width))
    common = ["--long-side", "72", "--flip", "--images", str(folder)]
    assert wsss(["export", *command(ending, *common)]) == 0
    out = ["--out", str(tmp_path / "out"), "--no-overlays", "--cpu"]
    assert main(["predict", "-c", settings[1], "-m", str(checkpoint), *common, *out]) == 0
    run = FILE_KINDS[ending].open(tmp_path / f"model{ending}")
    for file in sorted(folder.glob("*.png")):
        mask = read_label_map(tmp_path / "out" / "masks" / file.name)
        assert (run(read_image(file)[None])[1][0] == mask).mean() > 0.999


def facts_in(file):
    if file.suffix == ".onnx":
        onnx = pytest.importorskip("onnx")
        return {entry.key: entry.value for entry in onnx.load(str(file)).metadata_props}
    extra = {FACTS_FILE: ""}
    with warnings.catch_warnings(action="ignore"):
        torch.jit.load(str(file), _extra_files=extra)
    return json.loads(extra[FACTS_FILE])


@pytest.mark.parametrize("ending", FILES)
def test_the_file_knows_its_labels_and_the_checkpoint(command, checkpoint, tmp_path, ending, capsys):
    with warnings.catch_warnings(action="error"):
        assert main(["export", *command(ending)]) == 0
    facts, lines = facts_in(tmp_path / f"model{ending}"), (tmp_path / "model.labels.txt").read_text().splitlines()
    assert [line.split("\t")[1] for line in lines] == json.loads(facts["label_names"])
    assert facts["checkpoint"] == export.file_fingerprint(checkpoint)
    assert json.loads(facts["palette"])[:2] == [[0, 0, 0], [128, 0, 0]]
    assert json.loads(facts["preprocessing"])["order"] == "RGB"
    said = capsys.readouterr().out
    assert "% of the pixels of 4 images, generated ones" in said and ("deprecated" in said) == (ending == ".pt")


@ONNX
def test_an_onnx_file_of_one_size_takes_that_size_alone(command, tmp_path):
    assert main(["export", *command(".onnx", "--size", "64x80")]) == 0
    run = FILE_KINDS[".onnx"].open(tmp_path / "model.onnx")
    assert run(generated(64, 80)[None])[1].shape == (1, 64, 80)
    with pytest.raises(Exception, match="64"):
        run(generated(60, 80)[None])


def test_a_file_that_says_otherwise_than_predict_is_not_left(command, tmp_path, monkeypatch):
    monkeypatch.setattr(PortableModel, "normalised", lambda self, pixels: pixels.float() * -self.scale + 1)
    with pytest.raises(
        CheckpointError, match=r"model.pt was not written: only [\d.]+ % of the pixels .* 99.9 % are needed"
    ):
        main(["export", *command(".pt")])
    assert list(tmp_path.glob("*")) == []


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--size", "64"], "--size is '64'; give HEIGHTxWIDTH"),
        (["--size", "64x80"], "--size is for ONNX"),
        (["--test.summed", "true"], "add --test.summed false"),
        (["--test.canvas", "512", "--test.long_side", "0"], "add --test.canvas 0"),
        (["--test.squares", "[65]", "--test.edge", "published"], "add --test.edge repaired"),
        (["--with_crf", "true"], "the CRF cannot be exported"),
    ],
)
def test_what_cannot_be_exported_is_said(command, tmp_path, more, message):
    with pytest.raises(ConfigError, match=message):
        main(["export", *command(".pt", *more)])
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_ending_names_the_known_ones(command):
    with pytest.raises(ConfigError, match=r"let it end in \.onnx \(ONNX\) or \.pt"):
        main(["export", *command(".tflite")])


def test_the_checkpoint_is_not_overwritten(command, checkpoint):
    copy = Path(checkpoint).with_name("same.pt")
    copy.write_bytes(Path(checkpoint).read_bytes())
    with pytest.raises(ConfigError, match="is the checkpoint itself"):
        main(["export", *command(".pt", "-m", str(copy), "--out", str(copy))])
    assert copy.read_bytes() == Path(checkpoint).read_bytes()
    copy.unlink()


def test_a_missing_package_names_the_extra():
    with pytest.raises(ConfigError, match=r'needs never_there, which is not there .* pip install -e "\.\[export\]"'):
        installed("never_there")


@pytest.mark.parametrize("size", [*GENERATED_SIZES, (1, 40), (700, 31)])
@pytest.mark.parametrize("new", [(48, 70), (61, 33), (2, 513)])
def test_resizing_has_the_numbers_of_opencv(size, new):
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    expected = cv2.resize(image, new[::-1], interpolation=cv2.INTER_LINEAR)
    resized = resized_as_opencv(torch.from_numpy(image).permute(2, 0, 1)[None], *new)
    np.testing.assert_array_equal(resized[0].permute(1, 2, 0).numpy(), expected)


def test_sizes_are_read_as_height_and_width():
    assert fixed_size("480x640") == (480, 640) and fixed_size("dynamic") is None
