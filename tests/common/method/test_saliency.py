"""A method whose saliency maps come from a network of its own, trained on another dataset."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field

import cv2
import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torch.nn import functional

from common.data.dataset import ListedImages
from common.data.images import read_image, read_label_map, read_saliency
from common.data.layout import DataConfig, open_layout
from common.data.sampling import SeededDataset
from common.data.toy import ToyConfig, make_toy
from common.engine.checkpoint import load_model_state
from common.errors import CheckpointError, ConfigError, DataError, NonFiniteError
from common.files import read_json
from common.method.command import run_method
from common.method.labels import Labels, Score
from common.method.maps import Maps
from common.method.method import Method
from common.method.plain_cam import CamSettings, augmentation, train_classifier
from common.method.saliency import NormalisedImages, Saliency, SaliencyInference, write_grey
from common.method.stage import inside
from common.method.training import SECTIONS, Training

IDS = [f"train_{index:04d}" for index in range(4)]


@dataclass
class SodSettings(CamSettings):
    """Plain CAM after a saliency network.

    Args:
        sod: dataset of the saliency network.
    """

    sod: DataConfig = field(default_factory=lambda: DataConfig(dataset="toy", root="sod"))


class TinySaliency(nn.Module):
    """Images N x 3 x H x W -> logits N x 1 x H/2 x W/2."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = nn.Conv2d(3, 4, 3, stride=2, padding=1)
        self.head = nn.Conv2d(4, 1, 1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.head(self.backbone(images).relu())


def sod_step(settings, network):
    def step(network, batch):
        logits = functional.interpolate(network(batch["image"]), batch["saliency"].shape[1:])[:, 0]
        return {"saliency": functional.binary_cross_entropy_with_logits(logits, batch["saliency"])}

    return step


def sod_images(settings, layout):
    images = ListedImages(layout, layout.ids("train"), parts={"saliency"})
    return SeededDataset(images, augmentation(settings.augmentation), settings.engine.seed)


SOD = Training(
    name="sod",
    layout=lambda settings: open_layout(settings.sod),
    network=lambda settings, layout: TinySaliency(),
    step=sod_step,
    data=sod_images,
    decides=(*SECTIONS, "sod", "augmentation"),
    folder=inside("sod"),
    initial_weights=lambda settings: "random",
)
SALIENCY = Saliency(training=SOD)
TRAIN = train_classifier(settings=SodSettings, folder=inside("train"))
MAPS = Maps(training=TRAIN)
LABELS = Labels(maps=MAPS, layout=SALIENCY.dataset)
METHOD = Method("sod", SodSettings, (SOD, SALIENCY, TRAIN, MAPS, LABELS, Score(labels=LABELS)))


@pytest.fixture(scope="module")
def sod_finished(tmp_path_factory, finished):
    """``data`` and ``run`` as for plain CAM, and in ``sod`` a dataset of other images without masks or tags."""
    folder = tmp_path_factory.mktemp("sod")
    shutil.copytree(finished / "data", folder / "data")
    shutil.rmtree(folder / "data/Sal")
    make_toy(folder / "sod", ToyConfig(n_train=5, n_val=1, size=40, seed=7))
    shutil.rmtree(folder / "sod/SegmentationClass")
    for tags in ("tags.csv", "cls_labels.npy"):
        (folder / "sod" / tags).unlink()
    return folder


@pytest.fixture
def run(sod_finished, tmp_path, monkeypatch, tiny):
    shutil.copytree(sod_finished, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return lambda *stages, flags=(): run_method(METHOD, [*stages, str(tiny), *flags])


def test_from_another_dataset_to_label_maps_that_use_the_made_saliency(run, tmp_path, capsys):
    flags = ["--labels.background", "saliency", "--labels.saliency_threshold", "0.4", "--report.method", "own saliency"]
    assert run("sod", "saliency", "train", "cam", "label", "score", "pictures", flags=flags) == 0
    assert "saliency: 4 written, 0 already there, 0 failed" in capsys.readouterr().out
    for image_id in IDS:
        saliency = read_saliency(tmp_path / "run/saliency" / f"{image_id}.png")
        assert saliency.shape == (48, 48) and saliency.dtype == np.uint8
        label_map = read_label_map(tmp_path / "run/labels" / f"{image_id}.png")
        assert not label_map[saliency / 255 <= 0.4].any()
    assert read_json(tmp_path / "run/labels/stage.json")["saliency"] == "run/saliency"
    assert any("saliency" in path.name for path in (tmp_path / "run/examples").rglob("*.png"))


def test_the_maps_are_those_of_the_trained_network(run, tmp_path):
    run("sod", "saliency")
    network = TinySaliency()
    network.load_state_dict(load_model_state(tmp_path / "run/sod/checkpoints/checkpoint_2.pth"))
    image = read_image(tmp_path / "data/JPEGImages" / f"{IDS[0]}.jpg")
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    normalised = torch.from_numpy(((image / 255 - mean) / std).transpose(2, 0, 1)).float()
    with torch.inference_mode():
        expected = functional.interpolate(network(normalised[None]).sigmoid(), (48, 48), mode="bilinear")[0, 0]
    made = read_saliency(tmp_path / "run/saliency" / f"{IDS[0]}.png")
    np.testing.assert_allclose(made, 255 * expected.numpy(), atol=0.51)


def test_labels_without_a_name_for_their_row_say_how_to_give_one(run):
    run("train", "cam")
    with pytest.raises(ConfigError, match=r"report\.method is empty"):
        run("label")


def test_what_is_complete_is_skipped_and_what_the_maps_depend_on_is_recorded(run, tmp_path, capsys):
    run("sod", "saliency")
    (tmp_path / "run/saliency" / f"{IDS[1]}.png").unlink()
    assert run("saliency") == 0
    assert "saliency: 1 written, 3 already there, 0 failed" in capsys.readouterr().out
    record = read_json(tmp_path / "run/saliency/stage.json")
    assert record["images"] == "data/JPEGImages" and record["network"]["steps"] == {"sod": 2}
    run("sod", flags=["--seed", "1", "--force"])
    with pytest.raises(ConfigError, match=r"made with other settings .*sha256.*--force"):
        run("saliency", flags=["--seed", "1"])
    assert run("saliency", flags=["--seed", "1", "--force"]) == 0


def test_an_unreadable_image_is_named_and_the_others_are_made(run, tmp_path, capsys):
    run("sod")
    (tmp_path / "data/JPEGImages" / f"{IDS[2]}.jpg").write_text("<html>not found</html>")
    assert run("saliency") == 1
    output = capsys.readouterr()
    assert "saliency: 3 written, 0 already there, 1 failed" in output.out and IDS[2] in output.err


def test_stages_out_of_order_say_which_one_comes_first(run):
    with pytest.raises(CheckpointError, match="run the training first"):
        run("saliency")
    run("train", "cam")
    with pytest.raises(DataError, match="no label maps in run/labels; run the stage label first"):
        run("score")


def test_a_given_network_needs_no_training_and_no_dataset_of_its_training(run, tmp_path):
    torch.save(TinySaliency().state_dict(), tmp_path / "released.pth")
    shutil.rmtree(tmp_path / "sod")
    given = Saliency(training=SOD, checkpoint=lambda settings: "released.pth", side=lambda settings: 20)
    assert (
        run_method(
            Method("given", SodSettings, (given, LABELS)), ["saliency", "--root", "data", "--data.dataset", "toy"]
        )
        == 0
    )
    record = read_json(tmp_path / "runs/method/saliency/stage.json")
    assert record["network"]["initial_weights"] == "released released.pth" and record["side"] == 20


def test_images_of_several_sizes_each_get_a_map_of_their_own_size(work):
    path = work / "data/JPEGImages" / f"{IDS[0]}.jpg"
    cv2.imwrite(str(path), cv2.imread(str(path))[:30])
    layout = open_layout(DataConfig(dataset="toy", root="data"))
    load = NormalisedImages(ListedImages(layout, IDS), 32)
    samples = [load(image_id) for image_id in IDS]
    assert {tuple(sample["image"].shape) for sample in samples} == {(3, 32, 32)}
    maps = SaliencyInference(TinySaliency().eval(), torch.device("cpu"))(samples)
    assert [one.shape for one in maps] == [(30, 48), (48, 48), (48, 48), (48, 48)]
    assert all(one.min() >= 0 and one.max() <= 1 for one in maps)


def test_a_network_that_gives_nan_is_an_error():
    network = TinySaliency()
    network.head.bias.data.fill_(float("nan"))
    sample = {"image": torch.zeros(3, 8, 8), "size": (8, 8)}
    with pytest.raises(NonFiniteError, match="saliency maps hold NaN"):
        SaliencyInference(network, torch.device("cpu"))([sample])


def test_a_map_is_rounded_to_8_bits_of_grey(tmp_path):
    write_grey(tmp_path / "a.png", np.array([[0.0, 1.0], [0.5, 0.1]]))
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.mode == "L"
    assert read_saliency(tmp_path / "a.png").tolist() == [[0, 255], [128, 26]]
