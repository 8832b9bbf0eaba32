"""Another label than 255 may stand for what is ignored: in losses, padding, seeds, batches and scores."""

import random

import numpy as np
import pytest
import torch

from common.commands import parse_command
from common.data.layout import DataConfig, open_layout
from common.data.palette import write_label_map
from common.data.sampling import SampleKey
from common.method.score import evaluate_labels
from deeplabv2 import results
from deeplabv2.dataset import TrainingImages
from deeplabv2.losses import LossName, map_loss
from deeplabv2.main import COMMANDS
from deeplabv2.networks.dsrg import CAFFE_MEAN
from deeplabv2.samples import PlacedCrop, caffe_input, imagenet_input, long_side_crop, scaled_crop
from deeplabv2.settings import DeepLabConfig, SegmentationLossConfig
from deeplabv2.train import TRAIN, SeedStep, build_step, pyramid_step, training_samples

# Of five labels. 255 is then no label at all, and an error in a loss.
IGNORED = 9
LOGITS = torch.randn(2, 5, 4, 6, generator=torch.Generator().manual_seed(0))
LABELS = torch.randint(0, 6, (2, 4, 6), generator=torch.Generator().manual_seed(1))
LABELS[LABELS == 5] = IGNORED
assert (LABELS == IGNORED).sum() > 3
TAGS = torch.ones(2, 4)
WITH_255 = LABELS.masked_fill(LABELS == IGNORED, 255)
# A label whose number the training could know, but for ``ignore_label``.
OTHER = 200


def same(found, wanted):
    assert found.keys() == wanted.keys() and found
    for name, mean in wanted.items():
        torch.testing.assert_close(found[name].total, mean.total)
        assert float(found[name].count) == float(mean.count)


@pytest.mark.parametrize("name", LossName.__args__)
def test_a_loss_leaves_out_the_pixels_of_the_ignored_label(name):
    found = map_loss(name, 2.0, False, IGNORED)(LOGITS, LABELS, TAGS)
    same(found, map_loss(name, 2.0)(LOGITS, WITH_255, TAGS))


@pytest.mark.parametrize("name", LossName.__args__)
def test_the_step_hands_the_ignored_label_to_its_loss(name):
    def losses(labels, ignored):
        batch = {"image": None, "mask": labels, "tags": TAGS}
        return pyramid_step(SegmentationLossConfig(name), ignored)(lambda images: [LOGITS], batch)

    same(losses(LABELS, IGNORED), losses(WITH_255, 255))


@pytest.mark.parametrize("name", ["dsrg", "retrain"])
def test_ignored_positions_carry_no_seed(name):
    labels = torch.zeros(2, 25, 41, dtype=torch.int64)
    labels[:, ::8, ::8] = LABELS

    def losses(ignored):
        batch = {"image": torch.zeros(2, 3, 25, 41), "mask": labels.masked_fill(labels == IGNORED, ignored)}
        step = SeedStep(SegmentationLossConfig(name, constrain=False), ignored, caffe_input(CAFFE_MEAN))
        return step(lambda images: [LOGITS], batch)

    found, wanted = losses(IGNORED), losses(255)
    for loss, other in zip(found.values(), wanted.values(), strict=True):
        torch.testing.assert_close(getattr(loss, "total", loss), getattr(other, "total", other))


@pytest.mark.parametrize(
    "transform",
    [
        lambda *ignored: scaled_crop(imagenet_input(), [0.5], 48, 0, *ignored),
        lambda *ignored: long_side_crop(imagenet_input(), [30, 30], 48, *ignored),
    ],
    ids=["scaled", "long side"],
)
@pytest.mark.parametrize(("ignored", "fill"), [((), 255), ((IGNORED,), IGNORED), ((OTHER,), OTHER)])
def test_padding_is_ignored(transform, ignored, fill):
    sample = {"id": "a", "image": np.full((37, 53, 3), 90, np.uint8), "mask": np.ones((37, 53), np.uint8)}
    item = transform(*ignored)(sample, random.Random(0))
    padding = item["image"].abs().amax(0) < 0.01
    assert padding.any() and (item["mask"][padding] == fill).all() and (item["mask"][~padding] == 1).all()


def test_a_crop_that_leaves_its_tensors_is_ignored_there():
    sample = {"image": torch.ones(3, 4, 4), "mask": torch.ones(4, 4, dtype=torch.int64)}
    mask = PlacedCrop(6, OTHER)(sample, random.Random(0))["mask"]
    assert (mask == 1).sum() == 16 and (mask == OTHER).sum() == 20


@pytest.fixture
def layout(toy):
    return open_layout(DataConfig(dataset="toy", root=str(toy)))


@pytest.mark.parametrize("value", [7, OTHER])
def test_the_ignored_label_takes_the_place_of_the_seeds_own_code(layout, tmp_path, value):
    write_label_map(tmp_path / f"{layout.ids('train')[0]}.png", np.full((96, 96), value, np.uint8))
    mask = TrainingImages(layout, str(tmp_path), 7, OTHER, unlabelled=(7,))[0]["mask"]
    assert (mask == OTHER).all()


def config_of(flags, *more):
    return parse_command("main.py train", COMMANDS["train"], [*flags, "--data.ignore_label", str(OTHER), *more])


@pytest.mark.parametrize("more", [(), ("--image.long_sides", "[40,40]")], ids=["scales", "long sides"])
def test_a_training_pads_with_the_ignored_label_of_its_settings(settings, layout, more):
    config = config_of(settings, "--image.crop_size", "140", "--image.scales", "[0.5]", *more)
    mask = training_samples(config, layout)[SampleKey(0, 0)]["mask"]
    # The toy's own masks ignore nothing, so that all of it is padding.
    assert set(mask.unique().tolist()) <= {*range(7), OTHER} and (mask == OTHER).sum() > mask.numel() / 2


def test_a_training_on_seeds_ignores_by_its_settings(seed_settings, layout):
    config = config_of(seed_settings)
    step = build_step(config, None)
    assert isinstance(step, SeedStep) and step.ignore_label == OTHER
    assert training_samples(config, layout).samples.ignore_label == OTHER


def test_a_training_on_masks_ignores_by_its_settings(settings):
    config = config_of(settings)
    step, plain = build_step(config, None), pyramid_step(config.loss, 255)

    def losses(step, ignored):
        batch = {"image": None, "mask": WITH_255.masked_fill(WITH_255 == 255, ignored)}
        return step(lambda images: [LOGITS], batch)

    same(losses(step, OTHER), losses(plain, 255))


def test_a_batch_without_a_label_is_named_by_the_ignored_label_of_the_settings(settings, capsys):
    config = config_of(settings)
    for value, named in ((OTHER, True), (255, False)):
        mask = torch.full((2, 2), value)
        TRAIN.collate(config)([{"id": "a", "image": torch.zeros(3, 2, 2), "mask": mask}])
        assert ("a is ignored" in capsys.readouterr().err) == named


def test_any_label_may_be_left_out_of_a_matrix(layout):
    ids = layout.ids("val")
    folder = layout.mask_path(ids[0]).parent
    whole, without = (evaluate_labels(layout, ids, folder, label).matrix for label in (255, 0))
    assert whole[0].any() and not without[0].any()
    np.testing.assert_array_equal(whole[1:], without[1:])


def test_scores_leave_out_the_ignored_label_of_the_settings(layout, tmp_path, monkeypatch):
    class Counted(Exception):
        pass

    def counted(layout, ids, folder, ignore_label):
        raise Counted(ignore_label)

    config = DeepLabConfig()
    config.data.ignore_label = OTHER
    monkeypatch.setattr(results, "evaluate_labels", counted)
    monkeypatch.setattr(DeepLabConfig, "label_maps", lambda config, refined: tmp_path)
    for image_id in layout.ids("val"):
        (tmp_path / f"{image_id}.png").touch()
    with pytest.raises(Counted, match=str(OTHER)):
        results.score_folder(config, layout, None)
