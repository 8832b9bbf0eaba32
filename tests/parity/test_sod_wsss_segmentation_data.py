"""What DeepLabv3+ of SOD-WSSS sees, learns from and is scored by equals the published."""

import random
from dataclasses import replace

import numpy as np
import pytest
import torch

from common.crf.recipes import RECIPES
from common.data.palette import IGNORE_LABEL, voc_palette
from common.data.windows import cut, long_side_size, top_left_window
from common.engine.optimizer import OptimizerConfig, build_optimizer, parameter_groups, set_learning_rates
from common.engine.schedules import ScheduleConfig, build_schedule
from common.metrics.confusion import confusion_matrix
from common.metrics.scores import compute_scores
from deeplabv2.crf import ImageCrf
from deeplabv2.image_forms import OnCanvas
from deeplabv2.losses import cross_entropy
from deeplabv2.networks.deeplabv3plus import v3plus_rules
from deeplabv2.samples import InputTensors, PlacedCrop, RandomLongSide, imagenet_input
from sod_wsss.evaluate import mean_of_listed
from sod_wsss.inference_segmentation import published_colours
from tests.parity.sod_wsss_cases import args, cases, close, expected, given, part_of, tensor, what

# A parameter of each group, in the published order, as its name decides.
NAMES = ("model.bn1.weight", "model.bn1.bias", "aspp.conv1.weight", "decoder.classifier.8.bias")


class Drawn(random.Random):
    """Gives the recorded draws, one after the other, and checks what they are drawn from."""

    def __init__(self, *draws):
        super().__init__(0)
        self.draws = list(draws)

    def randint(self, low, high):
        number, value = self.draws.pop(0)
        assert low <= value <= high and number is None
        return value

    def randrange(self, number):
        expected_number, value = self.draws.pop(0)
        assert number == expected_number
        return value


def sample_of(case):
    image, labels = given(case)[:2]
    return {"image": image.astype(np.uint8), "mask": labels.astype(np.uint8)}


def normalised(case):
    return InputTensors(imagenet_input())(sample_of(case), random.Random(0))


def stored_part(case, sample):
    """Image and mask as they are stored: every third pixel of the image, of the mask where its size says so."""
    stored = expected(case)
    steps = [-(-sample["mask"].shape[0] // stored[name].shape[0]) for name in ("image", "mask")]
    image = sample["image"].permute(1, 2, 0)[:: steps[0], :: steps[0]]
    return image, sample["mask"][:: steps[1], :: steps[1]]


def check_sample(case, sample):
    image, mask = stored_part(case, sample)
    close(case, "image", image)
    close(case, "mask", mask)


@pytest.mark.parametrize("case", [case for case in cases("random_resize_") if case != "random_resize_sizes"])
def test_image_and_mask_at_a_drawn_longer_side(case):
    side = args(case)["drawn"]
    resized = RandomLongSide([1, max(side, 2)])(sample_of(case), Drawn((None, side)))
    close(case, "image", resized["image"])
    close(case, "mask", resized["mask"])


@pytest.mark.parametrize("case", cases("random_resize_sizes"))
def test_sizes_at_a_drawn_longer_side(case):
    table = expected(case)["table"]
    rows = [(width, height, side, *long_side_size(height, width, side)[::-1]) for width, height, side in table[:, :3]]
    close(case, "table", np.array([[int(value) for value in row] for row in rows]))


@pytest.mark.parametrize("case", cases("normalize"))
def test_normalised_image_and_mask(case):
    sample = normalised(case)
    assert sample["image"].dtype == torch.float32 and sample["mask"].dtype == torch.int64
    check_sample(case, sample)


@pytest.mark.parametrize("case", cases("top_left_crop"))
def test_image_on_the_canvas_of_the_validation(case):
    side, sample = args(case)["crop"], normalised(case)
    window = top_left_window(*sample["mask"].shape, side)
    mask = cut(sample["mask"], window, side, IGNORE_LABEL)
    check_sample(case, {"image": cut(sample["image"], window, side), "mask": mask})
    if max(sample["mask"].shape) <= side:
        (placed,) = OnCanvas("fp32", canvas=side).inputs(sample_of(case)["image"], imagenet_input())
        close(case, "image", stored_part(case, {"image": placed, "mask": mask})[0])


@pytest.mark.parametrize("case", cases("random_crop"))
def test_random_crop_or_placement(case):
    draws = Drawn(*expected(case)["draws"].tolist())
    check_sample(case, PlacedCrop(args(case)["crop"])(normalised(case), draws))
    assert draws.draws == []


@pytest.mark.parametrize("case", cases("ce_ignore255"))
def test_cross_entropy(case):
    logits, labels = (tensor(array) for array in given(case))
    logits.requires_grad_()
    loss = cross_entropy(logits, labels.long())
    (loss.total / loss.count).backward()
    close(case, "loss", (loss.total / loss.count).double())
    close(case, "n_valid", loss.count)
    close(case, "grad", logits.grad[part_of(args(case)["grad_slice"])])


def published_optimizer(case, values, momentum):
    """SGD over one parameter of each of the four groups."""
    model = torch.nn.Module()
    parameters = dict(zip(NAMES, map(torch.nn.Parameter, values), strict=True))
    model.named_parameters = lambda: iter(parameters.items())
    config = OptimizerConfig(
        lr=args(case)["lr"], momentum=momentum, nesterov=True, weight_decay=args(case)["wd"], head_lr_multiplier=10
    )
    rules = v3plus_rules("decoder.", config.head_lr_multiplier)
    groups = parameter_groups(model, rules, config.lr, config.weight_decay, config.decay_vectors)
    return build_optimizer(config, groups), list(parameters.values())


def group_of(optimizer, parameter):
    return next(group for group in optimizer.param_groups if any(one is parameter for one in group["params"]))


@pytest.mark.parametrize("case", cases("poly_groups"))
def test_settings_of_the_four_groups(case):
    optimizer, parameters = published_optimizer(case, torch.zeros(4, 1), args(case)["wd"])
    keys = ("lr", "momentum", "dampening", "weight_decay", "nesterov")
    close(case, "table", [[float(group_of(optimizer, one)[key]) for key in keys] for one in parameters])


@pytest.mark.parametrize("case", cases("poly_trajectory"))
@pytest.mark.parametrize(("stored", "momentum"), [("params", None), ("params_if_momentum_0p9", 0.9)])
def test_rates_and_parameters_of_every_step(case, stored, momentum):
    values = [tensor(array).float() for array in given(case)]
    optimizer, parameters = published_optimizer(case, values, args(case)["wd"] if momentum is None else momentum)
    schedule = build_schedule(ScheduleConfig(length=args(case)["max_step"]), args(case)["max_step"])
    rates, after = [], []
    for step in range(args(case)["steps"]):
        set_learning_rates(optimizer, schedule(step))
        rates.append([group_of(optimizer, one)["lr"] for one in parameters])
        for number, parameter in enumerate(parameters):
            parameter.grad = 0.1 * (number + 1) * parameter.detach() + 0.01 * step
        optimizer.step()
        after.append(torch.stack([one.detach().clone() for one in parameters]))
    close(case, "lr", np.array(rates))
    close(case, stored, torch.stack(after))


@pytest.mark.parametrize("case", cases("color_map"))
def test_colours_of_the_labels(case):
    close(case, "map", voc_palette()[:, ::-1])


@pytest.mark.parametrize("case", cases("decode_from_colormap"))
def test_picture_of_a_label_map_which_stays_as_it_is(case):
    label_map = given(case)[0].astype(np.uint8)
    before = label_map.copy()
    close(case, "colour", published_colours(label_map)[..., ::-1])
    np.testing.assert_array_equal(label_map, before)
    # The published function also takes 255 out of the map that it is given.
    close(case, "input_after", np.where(before == IGNORE_LABEL, 0, before).astype(np.int16))


@pytest.mark.parametrize("case", cases("crf_inference"))
def test_crf_of_probabilities(case):
    image, probabilities = given(case)[:2]
    settings = replace(RECIPES["sec"].settings, iterations=args(case)["t"])
    refined = ImageCrf(settings, "rgb")(image.astype(np.uint8), probabilities.astype(np.float32))
    close(case, "q", refined[part_of(what(case))])
    close(case, "argmax", refined.argmax(0))


def matrix_of(case):
    arrays = expected(case)
    return sum(
        confusion_matrix(truth, label_map, 21) for truth, label_map in zip(arrays["gt"], arrays["pred"], strict=True)
    )


@pytest.mark.parametrize("case", cases("miou"))
def test_scores_over_all_listed_labels(case):
    scores = compute_scores(matrix_of(case), over="all")
    close(case, "iou", 100 * np.nan_to_num(scores.class_iou))
    close(case, "miou", np.float64(100 * mean_of_listed(scores.class_iou)))
    close(case, "miou_fg", np.float64(100 * mean_of_listed(scores.class_iou, 1)))
    # Stored by the calculator of the training, whose means include the background.
    close(case, "fp", np.float64(mean_of_listed(scores.class_false_positive_rate)))
    close(case, "fn", np.float64(mean_of_listed(scores.class_false_negative_rate)))


@pytest.mark.parametrize("case", cases("acc_fwiou"))
def test_the_four_columns_of_the_tables(case):
    scores = compute_scores(matrix_of("miou"), over="all")
    columns = (scores.pixel_accuracy, scores.mean_accuracy, scores.mean_iou, scores.frequency_weighted_iou)
    close(case, "values", columns)
