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


def test_the_foreground_needs_its_own_threshold_only():
    shown, cues = np.full((3, 1, 2), 0.05, np.float32), seeds("1.")
    shown[1] = 0.9
    for background, foreground, added in ((0.95, 0.85, 1), (0.85, 0.95, 0), (0.0, 0.95, 0)):
        assert grow_seeds(shown, cues, [0, 1], background, foreground).sum() - cues.sum() == added


def test_a_probability_has_to_exceed_its_threshold():
    shown, cues = np.full((3, 1, 2), 0.25, np.float32), seeds("1.")
    shown[1] = 0.5
    for threshold, added in ((0.5, 0), (0.4999, 1)):
        assert grow_seeds(shown, cues, [0, 1], 0.0, threshold).sum() - cues.sum() == added


def test_of_equally_likely_labels_the_smallest_is_taken_whatever_their_order():
    shown, cues = np.full((3, 1, 3), 0.45, np.float32), seeds("2.1")
    shown[0] = 0.1
    for labels in ([0, 1, 2], [2, 1, 0], [1, 0, 2]):
        # Label 1 everywhere, which a seed of it reaches from the right; the left seed is of label 2 and stays.
        grown_seeds = grow_seeds(shown, cues, labels, 0.9, 0.4)
        assert grown_seeds[:, 0].T.tolist() == [[0, 0, 1], [0, 1, 0], [0, 1, 0]]


def test_seeds_where_the_network_is_unsure_lead_from_one_sure_position_to_the_next():
    assert grown(["1.1"], ["11."]) == ["111"]
    assert grown(["1.1"], ["1.."]) == ["1.."]


def test_a_sure_label_takes_the_place_of_the_seed_there():
    # The only seed of label 1 lies where the network is sure of label 2: neither spreads, and the seed stays.
    assert grown(["21"], ["1."]) == ["1."]
    assert grown(["2211"], ["1.2."]) == ["1.2."]


def test_only_a_single_seed_of_another_class_keeps_a_position():
    shown, cues = probabilities("000"), seeds("0..")
    cues[1:, 0, 1], cues[1, 0, 2] = 1, 1
    found = grow_seeds(shown, cues, [0, 1, 2], 0.9, 0.8)
    assert found[0, 0].tolist() == [1, 1, 0] and (found[1:] == cues[1:]).all()


def test_no_seed_is_taken_away_and_the_given_ones_stay_as_they_are():
    cues = seeds("1.2")
    before = cues.copy()
    found = grow_seeds(probabilities("222"), cues, [0, 1], 0.9, 0.8)
    assert (cues == before).all() and (found >= before).all()


def test_background_needs_both_thresholds():
    shown, cues = np.full((3, 1, 2), 0.05, np.float32), seeds("0.")
    shown[0] = 0.9
    for background, foreground, added in ((0.95, 0.8, 0), (0.85, 0.8, 1), (0.8, 0.95, 0)):
        assert grow_seeds(shown, cues, [0, 1], background, foreground).sum() - cues.sum() == added


def test_every_image_of_a_batch_grows_within_its_own_tags():
    shown = torch.from_numpy(np.stack([probabilities("112"), probabilities("112")]))
    cues = torch.from_numpy(np.stack([seeds("1.."), seeds("1..")]))
    batch = grow_batch(shown, cues, torch.tensor([[1.0, 0], [0, 1]]), 0.9, 0.8)
    assert batch.sum((1, 2, 3)).tolist() == [2, 1]
