"""What a network that learns from seeds sees of an image, and of the seeds."""

import random

import cv2
import numpy as np
import pytest
import torch

from common.commands import parse_command
from common.data.layout import DataConfig, open_layout
from common.data.palette import write_label_map
from common.data.sampling import SampleKey
from common.errors import DataError
from deeplabv2.dataset import TrainingImages
from deeplabv2.main import COMMANDS
from deeplabv2.networks.dsrg import CAFFE_MEAN
from deeplabv2.samples import Warp, caffe_input, imagenet_input, warped_crop
from deeplabv2.train import build_step, training_samples

RNG = np.random.Generator(np.random.PCG64(0))
CAFFE = caffe_input(CAFFE_MEAN)


def sample(height=40, width=52):
    return {
        "id": "a",
        "image": RNG.integers(0, 256, (height, width, 3)).astype(np.uint8),
        "mask": RNG.integers(0, 3, (height, width)).astype(np.uint8),
        "tags": np.ones(2, np.float32),
    }


def test_the_crf_sees_the_networks_input_with_round_means_added():
    colours = np.full((9, 9, 3), (10, 20, 30), np.uint8)
    # 30 - 104.008 + 104, 20 - 116.669 + 117, 10 - 122.675 + 123, rounded.
    assert CAFFE.rounded.colours(CAFFE.image(colours)[None])[0, 0, 0].tolist() == [30, 20, 10]
    normalised = imagenet_input().image(colours)[None].double()
    assert imagenet_input().rounded.colours(normalised)[0, 0, 0].tolist() == [30, 20, 10]


def test_the_aspect_ratio_is_not_kept():
    given = sample()
    warped = Warp(33)(given, random.Random(0))
    np.testing.assert_array_equal(warped["image"], cv2.resize(given["image"], (33, 33)))
    np.testing.assert_array_equal(warped["mask"], cv2.resize(given["mask"], (33, 33), interpolation=cv2.INTER_NEAREST))


@pytest.fixture
def config(seed_settings):
    return parse_command("main.py train", COMMANDS["train"], seed_settings)


def test_a_position_has_the_label_of_its_centre(config, monkeypatch):
    mask = torch.from_numpy(RNG.integers(0, 3, (1, 33, 33)))
    mask[0, 8, 16] = 255
    seen = []
    monkeypatch.setattr("deeplabv2.train.dsrg_losses", lambda *arguments, **options: seen.append(arguments) or {})
    image = CAFFE.image(RNG.integers(0, 256, (33, 33, 3)).astype(np.uint8))
    step = build_step(config, None)
    step(lambda images: [torch.zeros(1, 3, 5, 5)], {"image": image[None], "mask": mask})
    ((_, labels, photographs),) = seen
    wanted = mask[0, ::8, ::8].clone()
    wanted[1, 2] = 3
    assert torch.equal(labels[0], wanted)
    shown = (image + torch.tensor(CAFFE_MEAN)[:, None, None]).round().byte()[:, ::8, ::8]
    assert torch.equal(photographs[0].permute(2, 0, 1), shown)


def test_mirroring_and_cutting_move_image_and_seed_together():
    given = Warp(33)(sample(), random.Random(0))
    # The red channel carries the label.
    given["image"] = np.repeat(80 * given["mask"][..., None], 3, axis=2)
    transform = warped_crop(CAFFE, 33, 33, distort_colours=False)
    seeds = set()
    for seed in range(8):
        tensors = transform(given, random.Random(seed))
        levels = (tensors["image"][2] + CAFFE_MEAN[2])[::8, ::8]
        torch.testing.assert_close(levels, 80.0 * tensors["mask"][::8, ::8], rtol=0, atol=1e-3)
        seeds.add(tensors["mask"][::8, ::8].numpy().tobytes())
    assert len(seeds) == 2


@pytest.fixture
def layout(toy):
    return open_layout(DataConfig(dataset="toy", root=str(toy)))


def seeds_with(layout, folder, value, unlabelled):
    """The sample of the first training image, whose seeds have that value in a corner."""
    seeds = np.zeros((96, 96), np.uint8)
    seeds[:8, :8] = value
    seeds[-1, -1] = 1
    write_label_map(folder / f"{layout.ids('train')[0]}.png", seeds)
    return TrainingImages(layout, str(folder), 7, unlabelled=unlabelled)[0]


@pytest.mark.parametrize("value", [7, 255])
def test_both_codes_for_unlabelled_are_read_as_the_ignored_label(layout, tmp_path, value):
    mask = seeds_with(layout, tmp_path, value, (7,))["mask"]
    assert (mask[:8, :8] == 255).all() and not mask[8:-1].any()


def test_a_seed_value_that_is_no_label_is_an_error(layout, tmp_path):
    with pytest.raises(DataError, match=r"has the value 21; labels are 0\.\.6, and 7 or 255"):
        seeds_with(layout, tmp_path, 21, (7,))
    with pytest.raises(DataError, match=r"has the value 7; labels are 0\.\.6, and 255"):
        seeds_with(layout, tmp_path, 7, ())


@pytest.mark.parametrize("value", [7, 255])
def test_label_maps_without_a_class_are_refused_unless_a_stage_made_them(layout, tmp_path, capsys, value):
    seeds = np.zeros((96, 96), np.uint8)
    write_label_map(tmp_path / f"{layout.ids('train')[0]}.png", seeds)
    assert len(TrainingImages(layout, str(tmp_path), 7, unlabelled=(7,))) == len(layout.ids("train"))
    seeds[:8, :8] = value
    write_label_map(tmp_path / f"{layout.ids('train')[1]}.png", seeds)
    with pytest.raises(DataError, match=f"{tmp_path}: not one of 2 masks shows a class"):
        TrainingImages(layout, str(tmp_path), 7, unlabelled=(7,))
    (tmp_path / "stage.json").write_text("{}")
    TrainingImages(layout, str(tmp_path), 7, unlabelled=(7,))
    assert "They teach background alone" in capsys.readouterr().err


def test_a_missing_folder_of_seeds_is_an_error(layout, tmp_path):
    with pytest.raises(DataError, match="is not a folder"):
        TrainingImages(layout, str(tmp_path / "none"), 7)


def test_tags_come_along_where_they_are_asked_for(config, layout):
    for grow in (False, True):
        config.loss.grow = grow
        assert ("tags" in training_samples(config, layout)[SampleKey(0, 0)]) == grow
