"""The program that scores saliency maps, and its guards against what the field's package does."""

import json
import math
import sys

import numpy as np
import pytest
from PIL import Image

from common.errors import ConfigError, DataError
from sod_wsss.measure_saliency import main
from sod_wsss.measures import MEASURES, mean_scores, measure_map, object_mask, sod_package

SIDE = 20
LEFT = np.zeros((SIDE, SIDE), bool)
LEFT[:, : SIDE // 2] = True
EMPTY, FULL = np.zeros_like(LEFT), np.ones_like(LEFT)


def scores_of(saliency, mask):
    return mean_scores([measure_map(np.asarray(saliency, np.float64), mask)])


def smooth_map(seed=0):
    return np.random.default_rng(seed).random((SIDE, SIDE)) * 0.5 + LEFT * 0.4


# --- The measures. ---


def test_a_perfect_map_has_the_best_scores():
    scores = scores_of(LEFT, LEFT)
    assert scores.pop("mae") == 0
    mean_e = scores.pop("mean_e")
    assert scores == pytest.approx(dict.fromkeys(scores, 1.0))
    assert max(mean_e, *scores.values()) <= 1


def test_the_inverted_map_has_the_worst_scores():
    scores = scores_of(~LEFT, LEFT)
    assert scores["mae"] == 1
    assert [scores[name] for name in ("adaptive_f", "iou", "soft_iou")] == [0] * 3


def test_a_pixel_more_or_less_changes_the_error_of_a_flat_map_by_that_pixel():
    """The package stretches maps: one level more in one pixel halves its error."""
    flat = np.full((SIDE, SIDE), 128 / 255)
    spotted = flat.copy()
    spotted[0, -1] = 129 / 255
    difference = measure_map(spotted, LEFT).mae - measure_map(flat, LEFT).mae
    assert difference == pytest.approx(1 / 255 / LEFT.size)


@pytest.mark.parametrize("highest", [1, 255])
def test_a_mask_of_zero_and_one_is_one_of_zero_and_255(highest):
    mask, zero_and_one = object_mask(LEFT.astype(np.uint8) * highest)
    np.testing.assert_array_equal(mask, LEFT)
    assert zero_and_one == (highest == 1)


def test_the_grey_edge_of_a_mask_is_background_up_to_128():
    mask, _ = object_mask(np.array([[0, 128, 129, 255]], np.uint8))
    assert mask.tolist() == [[False, False, True, True]]


def test_a_black_map_is_right_where_there_is_no_object():
    scores = measure_map(EMPTY.astype(float), EMPTY)
    assert (scores.mae, scores.s_measure, scores.adaptive_e, scores.weighted_f) == (0, 1, 1, 0)
    assert scores.e_curve.max() == 1


def test_a_black_map_finds_nothing_where_there_is_an_object():
    scores = scores_of(EMPTY, LEFT)
    assert [scores[name] for name in ("adaptive_f", "iou", "soft_iou")] == [0] * 3


def test_an_empty_mask_does_not_count_in_what_it_leaves_undefined():
    maps = [measure_map(smooth_map(), LEFT), measure_map(smooth_map(1), EMPTY)]
    both, first = mean_scores(maps), mean_scores(maps[:1])
    same = [name for name in MEASURES if both[name] == first[name]]
    assert same == ["max_f", "adaptive_f", "iou", "soft_iou"]
    assert both["mae"] == pytest.approx((maps[0].mae + maps[1].mae) / 2)
    alone = mean_scores(maps[1:])
    assert [name for name in MEASURES if math.isnan(alone[name])] == same


@pytest.mark.parametrize("corner", [(0, 0), (0, -1), (-1, 0), (-1, -1)])
def test_an_object_in_a_corner_has_an_s_measure(corner):
    mask = EMPTY.copy()
    mask[corner] = True
    assert measure_map(mask.astype(float), mask).s_measure == pytest.approx(1, abs=0.01)
    assert 0 <= measure_map(smooth_map(), mask).s_measure < 0.6


def test_a_map_that_is_object_everywhere_is_scored():
    assert scores_of(FULL, FULL)["iou"] == 1
    assert scores_of(EMPTY, FULL)["s_measure"] == 0


def test_the_published_s_measure_of_a_perfect_map_exceeds_one():
    field, published = (measure_map(LEFT.astype(float), LEFT, kind).s_measure for kind in ("field", "published"))
    assert field <= 1 < published < 1.01


def test_without_the_package_the_error_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "py_sod_metrics", None)
    with pytest.raises(ConfigError, match=r"wsss-toolbox\[saliency\]"):
        sod_package()


# --- The program. ---


def save(path, levels):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(levels).astype(np.uint8)).save(path)


@pytest.fixture
def folder(tmp_path):
    """Three maps and masks in ``maps`` and ``masks``."""
    for seed, name in enumerate(("a", "b.c", "d [1]")):
        save(tmp_path / "maps" / f"{name}.png", smooth_map(seed) * 255)
        save(tmp_path / "masks" / f"{name}.png", LEFT * 255)
    return tmp_path


def run(folder, *arguments, maps="maps", masks="masks"):
    """The numbers that the program writes."""
    out = folder / "results.json"
    where = ["--masks", str(folder / masks)] if masks else []
    assert main(["--maps", str(folder / maps), *where, "--out", str(out), *arguments]) == 0
    return json.loads(out.read_text())


def test_a_folder_is_scored_as_its_maps_are(folder, capsys):
    (result,) = run(folder).values()
    levels = [(smooth_map(seed) * 255).astype(np.uint8) / 255 for seed in range(3)]
    wanted = mean_scores([measure_map(one, LEFT) for one in levels])
    assert {name: result[name] for name in MEASURES} == pytest.approx(wanted)
    assert (result["images"], result["notes"]) == (3, [])
    head, row = capsys.readouterr().out.splitlines()
    assert dict(zip(head.split(), row.split(), strict=True))["mae"] == f"{wanted['mae']:.4f}"


def test_a_list_names_the_images_that_count(folder):
    (folder / "list.txt").write_text("d [1].png\na.png\n")
    (folder / "maps" / "b.c.png").unlink()
    (result,) = run(folder, "--list", str(folder / "list.txt")).values()
    assert result["images"] == 2


def test_every_dataset_below_a_folder_is_scored_on_its_own(tmp_path):
    for name, layout in (("ECSSD", "Masks"), ("HKU-IS", "gt")):
        save(tmp_path / "benchmark" / name / layout / "a.png", LEFT * 255)
        save(tmp_path / "maps" / name / "a.png", LEFT * (255 if name == "ECSSD" else 0))
    (tmp_path / "benchmark" / "notes").mkdir()
    results = run(tmp_path, "--benchmarks", str(tmp_path / "benchmark"), masks=None)
    assert {name: result["mae"] for name, result in results.items()} == {"ECSSD": 0, "HKU-IS": 0.5}


def test_a_dataset_without_maps_is_named(tmp_path):
    save(tmp_path / "benchmark" / "ECSSD" / "Masks" / "a.png", LEFT * 255)
    with pytest.raises(DataError, match="no maps of ECSSD"):
        run(tmp_path, "--benchmarks", str(tmp_path / "benchmark"), masks=None)


def test_a_folder_without_datasets_is_named(tmp_path):
    with pytest.raises(DataError, match="holds no dataset"):
        run(tmp_path, "--benchmarks", str(tmp_path / "nowhere"), masks=None)


def test_a_mask_without_a_map_is_named(folder):
    (folder / "maps" / "b.c.png").unlink()
    with pytest.raises(DataError, match=r"lacks the map of 1 of 3 images: b\.c"):
        run(folder)


def test_a_map_without_a_mask_is_noted(folder):
    (folder / "masks" / "a.png").unlink()
    (result,) = run(folder).values()
    assert (result["images"], result["notes"]) == (2, ["1 maps that no mask asks for: a"])


def test_a_map_of_another_size_is_named(folder):
    save(folder / "maps" / "a.png", np.zeros((SIDE, SIDE + 1)))
    with pytest.raises(DataError, match=r"a\.png is 20 x 21 and .*a\.png is 20 x 20"):
        run(folder)


@pytest.mark.parametrize("kind", ["maps", "masks"])
def test_a_colour_picture_is_refused(folder, kind):
    save(folder / kind / "a.png", np.stack([LEFT * 255, LEFT * 0, LEFT * 0], -1))
    with pytest.raises(DataError, match=r"a\.png is a colour image"):
        run(folder)


def test_files_that_are_out_of_the_ordinary_are_noted(folder):
    save(folder / "maps" / "a.png", FULL * 128)
    save(folder / "maps" / "b.c.png", LEFT * 1)
    save(folder / "masks" / "b.c.png", LEFT * 1)
    save(folder / "masks" / "d [1].png", EMPTY * 255)
    (result,) = run(folder).values()
    named = {note.rsplit(": ", 1)[1]: note for note in result["notes"]}
    assert "one grey level" in named["a"]
    assert "without an object" in named["d [1]"]
    assert sorted(note.rsplit(": ", 1)[1] for note in result["notes"]) == ["a", "b.c", "b.c", "d [1]"]


def test_maps_of_zero_and_one_alone_are_scored_as_zero_and_255(folder, capsys):
    for factor in (255, 1):
        for path in (folder / "maps").iterdir():
            save(path, LEFT * factor)
        (result,) = run(folder).values()
        assert (result["mae"], result["notes"]) == (0, [])
    assert "none of 3 goes above 1" in capsys.readouterr().err


def test_masks_without_any_object_are_refused(folder):
    for path in (folder / "masks").iterdir():
        save(path, LEFT * 20)
    with pytest.raises(DataError, match="no mask in .* has an object"):
        run(folder)


def test_a_list_does_not_go_with_benchmarks(folder, capsys):
    with pytest.raises(SystemExit):
        main(["--maps", "maps", "--benchmarks", str(folder), "--list", "list.txt"])
    assert "--list goes with --masks" in capsys.readouterr().err
