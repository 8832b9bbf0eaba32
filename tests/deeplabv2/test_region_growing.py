import numpy as np
import torch

from deeplabv2.seed_losses import grow_batch, grow_seeds


def probabilities(*labels):
    """Certain probabilities, 3 labels, of rows of digits; ``.`` is unsure."""
    one_hot = [[[float(position == str(label)) for position in row] for row in labels] for label in range(3)]
    values = np.array(one_hot, np.float32)
    return np.where(values.sum(0) > 0, values, np.float32(1 / 3))


def seeds(*labels):
    return np.where(probabilities(*labels) == 1, 1, 0).astype(np.float32)


def grown(shown, cues, labels=(0, 1, 2), background=0.9, foreground=0.8):
    result = grow_seeds(probabilities(*shown), seeds(*cues), labels, background, foreground)
    return [
        "".join(str(position.argmax()) if position.any() else "." for position in row)
        for row in result.transpose(1, 2, 0)
    ]


def test_seeds_spread_over_their_region_corners_included():
    assert grown(["11..", "..1.", "1111"], ["1...", "....", "...."]) == ["11..", "..1.", "1111"]


def test_regions_without_a_seed_stay_unlabelled():
    assert grown(["1.1", "...", "000"], ["1..", "...", "..."]) == ["1..", "...", "..."]


def test_classes_that_are_not_in_the_image_do_not_grow():
    assert grown(["12", "12"], ["12", ".."], labels=(0, 1)) == ["12", "1."]


def test_a_seed_of_another_class_is_not_overwritten():
    assert grown(["111"], ["1.2"]) == ["112"]


def test_background_needs_both_thresholds():
    shown, cues = np.full((3, 1, 2), 0.05, np.float32), seeds("0.")
    shown[0] = 0.9
    for background, added in ((0.95, 0), (0.85, 1)):
        assert grow_seeds(shown, cues, [0, 1], background, 0.8).sum() - cues.sum() == added


def test_every_image_of_a_batch_grows_within_its_own_tags():
    shown = torch.from_numpy(np.stack([probabilities("112"), probabilities("112")]))
    cues = torch.from_numpy(np.stack([seeds("1.."), seeds("1..")]))
    batch = grow_batch(shown, cues, torch.tensor([[1.0, 0], [0, 1]]), 0.9, 0.8)
    assert batch.sum((1, 2, 3)).tolist() == [2, 1]
