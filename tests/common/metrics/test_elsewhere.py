"""What other packages say for the same masks, held against the table of docs/lists-and-tags.md and, where they are installed, themselves.

The packages are no requirement of the toolbox: `pip install torchmetrics segmentation-models-pytorch monai kornia pytorch-ignite`
in an environment of its own lets the skipped tests run.
"""

import re

import numpy as np
import pytest
import torch
from PIL import Image

from common.errors import ConfigError, DataError
from common.metrics.__main__ import main
from common.metrics.confusion import confusion_matrix
from common.metrics.elsewhere import (
    RULES,
    count_pixels,
    elsewhere_table,
    join_counts,
    mean_occurring,
    mean_present,
    refusal,
)
from common.metrics.scores import compute_scores

N = 21


def one_pair():
    """Half 0, half 15; a quarter of label 15 is predicted as 8, which is in no truth."""
    truth = np.zeros((8, 8), np.uint8)
    truth[4:] = 15
    prediction = truth.copy()
    prediction[7] = 8
    return truth, prediction


def random_pairs(ignored=0.1, outside=0.0):
    """Three images of a few labels each, predictions right in half of the pixels."""
    noise = np.random.default_rng(3)
    pairs = []
    for labels in ([0, 3, 7], [0, 15], [0, 3, 20, 2]):
        truth = noise.choice(labels, (12, 10)).astype(np.uint8)
        wrong = noise.choice([0, 3, 9], truth.shape).astype(np.uint8)
        prediction = np.where(noise.random(truth.shape) < 0.5, truth, wrong)
        prediction[noise.random(truth.shape) < outside] = 255
        truth[noise.random(truth.shape) < ignored] = 255
        pairs.append((truth, prediction))
    return pairs


@pytest.mark.parametrize(
    ("name", "value"),
    [("torchmetrics", 0.583), ("keras", 0.583), ("mmseg", 0.583), ("monai", 0.875), ("smp", 0.940), ("kornia", 0.940), ("ignite", 0.083)],
)  # fmt: skip
def test_one_pair_has_the_value_that_each_package_gave(name, value):
    counts = count_pixels([one_pair()], N)
    assert RULES[name].score(counts) == pytest.approx(value, abs=6e-4)
    assert mean_present(counts) == 0.875


def test_two_images_are_not_pooled_by_torchmetrics_pairs():
    # As run: 0.5, where the mean of the result by class is 0.375 and the mean over images 0.625.
    first, second = np.array([[0]]), np.array([[0, 1, 2, 2]])
    counts = count_pixels([(first, first), (second, np.array([[0, 0, 0, 0]]))], 3)
    pairs = [1, 1 / 4, 0, 0]
    assert RULES["torchmetrics-pairs"].score(counts) == pytest.approx(np.mean(pairs))


@pytest.mark.parametrize(("over", "mean"), [("present", mean_present), ("all", mean_occurring)])
def test_our_two_means_are_those_of_the_scores(over, mean):
    pairs = random_pairs(outside=0.1)
    matrix = sum(confusion_matrix(truth, prediction, N) for truth, prediction in pairs)
    assert mean(count_pixels(pairs, N)) == pytest.approx(compute_scores(matrix, over=over).mean_iou, abs=1e-12)


def test_what_a_package_refuses_is_said():
    counts = count_pixels(random_pairs(outside=0.1), N)
    assert "no ignore label, and the truth ignores" in refusal(RULES["kornia"], counts)
    assert "files predictions that are no label under two other labels" in refusal(RULES["torchmetrics"], counts)
    assert "refuses predictions that are no label" in refusal(RULES["ignite"], counts)
    assert refusal(RULES["smp"], counts) == refusal(RULES["mmseg"], counts) == ""
    assert not any(refusal(rule, count_pixels([one_pair()], N)) for rule in RULES.values())


def test_the_table_has_ours_beside_theirs():
    lines = elsewhere_table(["smp", "ignite"], count_pixels([one_pair()], N)).splitlines()
    found = [re.match(r"(.*?)[ ,].*?  +(\d+\.\d\d)  absent ", line).groups() for line in lines[1:]]
    names = ["this", "this", "segmentation-models-pytorch", "pytorch-ignite"]
    assert found == list(zip(names, ["87.50", "58.33", "94.05", "8.33"], strict=True))


def test_the_command_prints_it_for_folders(tmp_path, capsys):
    for folder, label_map in zip(("truth", "prediction"), one_pair(), strict=True):
        (tmp_path / folder).mkdir()
        Image.fromarray(label_map).save(tmp_path / folder / "a.png")
    (tmp_path / "list.txt").write_text("a\n")
    command = [
        str(tmp_path / "prediction"),
        str(tmp_path / "truth"),
        "--list",
        str(tmp_path / "list.txt"),
        "--classes",
        "20",
    ]
    main([*command, "--as", "all"])
    said = capsys.readouterr().out
    assert all(rule.call in said for rule in RULES.values())
    main(command)
    assert "elsewhere" not in capsys.readouterr().out
    with pytest.raises(ConfigError, match="--as goes without --only"):
        main([*command, "--as", "smp", "--only", "background"])


def tensors(pairs):
    """(truth, prediction) as int64 [N, H, W] each."""
    return tuple(torch.from_numpy(np.stack([pair[place] for pair in pairs]).astype(np.int64)) for place in (0, 1))


def one_hot(label_maps):
    return torch.nn.functional.one_hot(label_maps, N).movedim(-1, 1)


def said_by_torchmetrics(truth, prediction):
    package = pytest.importorskip("torchmetrics.classification", reason="torchmetrics is not installed")
    return package.MulticlassJaccardIndex(N, average="macro", ignore_index=255)(prediction, truth)


def said_by_torchmetrics_pairs(truth, prediction):
    package = pytest.importorskip("torchmetrics.segmentation", reason="torchmetrics is not installed")
    metric = package.MeanIoU(N, input_format="index")
    for one, other in zip(prediction, truth, strict=True):
        metric.update(one[None], other[None])
    return metric.compute()


def said_by_smp(truth, prediction, reduction="macro"):
    package = pytest.importorskip(
        "segmentation_models_pytorch.metrics", reason="segmentation-models-pytorch is not installed"
    )
    counts = package.get_stats(prediction, truth, mode="multiclass", num_classes=N, ignore_index=255)
    return package.iou_score(*counts, reduction=reduction)


def said_by_smp_imagewise(truth, prediction):
    return said_by_smp(truth, prediction, "macro-imagewise")


def said_by_monai(truth, prediction):
    package = pytest.importorskip("monai.metrics", reason="monai is not installed")
    metric = package.MeanIoU()
    metric(one_hot(prediction), one_hot(truth))
    return metric.aggregate()


def said_by_kornia(truth, prediction):
    package = pytest.importorskip("kornia.metrics", reason="kornia is not installed")
    return package.mean_iou(prediction, truth, N).mean()


def said_by_ignite(truth, prediction):
    package = pytest.importorskip("ignite.metrics", reason="pytorch-ignite is not installed")
    matrix = package.ConfusionMatrix(N)
    metric = package.mIoU(matrix)
    matrix.update((one_hot(prediction).float(), truth))
    return metric.compute()


SAID = {
    "torchmetrics": said_by_torchmetrics,
    "torchmetrics-pairs": said_by_torchmetrics_pairs,
    "smp": said_by_smp,
    "smp-imagewise": said_by_smp_imagewise,
    "monai": said_by_monai,
    "kornia": said_by_kornia,
    "ignite": said_by_ignite,
}


@pytest.mark.parametrize("name", SAID)
def test_the_package_itself_says_the_same(name):
    rule = RULES[name]
    pairs = random_pairs(0.1 if rule.takes_ignored else 0, 0 if rule.on_outside else 0.1)
    assert RULES[name].score(count_pixels(pairs, N)) == pytest.approx(float(SAID[name](*tensors(pairs))), abs=1e-6)


def test_torchmetrics_files_a_prediction_of_255_under_two_other_labels():
    truth, prediction = (np.array([[0, 0, 15, 15]]), np.array([[255, 0, 15, 15]]))
    said = float(said_by_torchmetrics(*tensors([(truth, prediction)])))
    assert said == 0.5 and mean_occurring(count_pixels([(truth, prediction)], N)) == 0.75


@pytest.mark.parametrize("name", ["torchmetrics", "torchmetrics-pairs", "monai", "kornia"])
def test_the_package_itself_refuses_what_is_said_to_be_refused(name):
    rule = RULES[name]
    pairs = random_pairs(0 if rule.takes_ignored else 0.1, 0.1 if rule.takes_ignored else 0)
    assert refusal(rule, count_pixels(pairs, N))
    truth, prediction = tensors(pairs)
    SAID[name](*tensors([one_pair()]))
    # Errors of several packages: what they say names the values or the classes.
    with pytest.raises(Exception, match=r"(?i)values|class|shape"):
        SAID[name](truth, prediction)


def test_no_image_is_an_error():
    with pytest.raises(DataError, match="no image was counted"):
        join_counts([])
