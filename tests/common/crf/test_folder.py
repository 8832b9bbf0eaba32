"""The dense CRF on folders: ``python -m common.crf``."""

import numpy as np
import pytest
import torch
from PIL import Image

from common.cam.files import Cams, write_cams
from common.crf.__main__ import main
from common.crf.folder import CrfFolder, ReadInput, RefineBatch
from common.crf.inference import dense_crf
from common.crf.recipes import RECIPES, crf_recipe
from common.crf.unary import unary_from_labels, unary_from_probabilities
from common.data.images import read_label_map
from common.data.palette import write_label_map
from common.errors import ConfigError, DataError

SIZE = (10, 12)
NAMES = ("one", "sub/two")


def image_of(name):
    return np.random.default_rng(len(name)).integers(0, 256, (*SIZE, 3), np.uint8)


def probabilities_of(name, n_labels=4):
    scores = np.random.default_rng(len(name) + 1).gamma(1, size=(n_labels, *SIZE))
    return (scores / scores.sum(axis=0)).astype(np.float32)


def labels_of(name):
    return np.random.default_rng(len(name) + 2).choice(np.array([0, 5, 9, 255], np.uint8), SIZE)


@pytest.fixture
def folders(tmp_path):
    for name in NAMES:
        path = tmp_path / "images" / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image_of(name)).save(path)
        for kind in ("npy", "npz", "cams", "labels"):
            (tmp_path / kind / name).parent.mkdir(parents=True, exist_ok=True)
        np.save(tmp_path / "npy" / f"{name}.npy", probabilities_of(name))
        np.savez(tmp_path / "npz" / f"{name}.npz", probabilities=probabilities_of(name).astype(np.float16))
        write_cams(tmp_path / "cams" / f"{name}.npz", Cams(np.array([4, 8]), probabilities_of(name)[:2]))
        write_label_map(tmp_path / "labels" / f"{name}.png", labels_of(name))
    return tmp_path


def run(folders, inputs, *options):
    paths = ["--images", str(folders / "images"), "--inputs", str(folders / inputs), "--out", str(folders / "out")]
    return main([*paths, "--workers", "0", *options])


def written(folders, name):
    return read_label_map(folders / "out" / f"{name}.png")


@pytest.mark.parametrize("inputs", ["npy", "npz"])
def test_probabilities_become_the_labels_of_the_crf(folders, inputs):
    assert run(folders, inputs) == 0
    for name in NAMES:
        probabilities = probabilities_of(name)
        if inputs == "npz":
            probabilities = probabilities.astype(np.float16).astype(np.float32)
        bgr = np.ascontiguousarray(image_of(name)[..., ::-1])
        expected = dense_crf(bgr, unary_from_probabilities(probabilities), crf_recipe("deeplab").settings)
        np.testing.assert_array_equal(written(folders, name), expected.argmax(axis=0))


def test_label_maps_keep_their_numbers_and_unknown_pixels_are_filled(folders):
    assert run(folders, "labels", "--recipe", "irn_label") == 0
    for name in NAMES:
        labels = labels_of(name)
        index = np.select([labels == 0, labels == 5, labels == 9], [1, 2, 3], 0)
        unary = unary_from_labels(index, 3, zero_unsure=True)
        expected = dense_crf(image_of(name), unary, crf_recipe("irn_label").settings).argmax(axis=0)
        np.testing.assert_array_equal(written(folders, name), np.array([0, 5, 9])[expected])


def test_all_labels_of_the_data_set_share_the_doubt_when_the_recipe_says_so(folders):
    with pytest.raises(ConfigError, match=r"--n-labels \(now 0; label 9 occurs\)"):
        run(folders, "labels", "--recipe", "smaf", "--force")
    assert run(folders, "labels", "--recipe", "smaf", "--n-labels", "21", "--force") == 0
    labels = labels_of("one")
    unary = unary_from_labels(np.where(labels == 255, 0, labels.astype(int) + 1), 21, zero_unsure=True)
    expected = dense_crf(image_of("one"), unary, crf_recipe("smaf").settings).argmax(axis=0)
    np.testing.assert_array_equal(written(folders, "one"), expected)


@pytest.mark.parametrize("recipe", ["eps", "irn_label"])
def test_cams_get_a_background_and_their_class_numbers(folders, recipe):
    assert run(folders, "cams", "--recipe", recipe) == 0
    assert set(np.unique(written(folders, "one"))) <= {0, 5, 9}


def test_what_is_complete_is_skipped_and_other_settings_are_refused(folders, capsys):
    run(folders, "npy")
    (folders / "out" / "one.png").unlink()
    run(folders, "npy")
    assert "1 written, 1 already there, 0 failed" in capsys.readouterr().out
    with pytest.raises(ConfigError, match="made with other settings"):
        run(folders, "npy", "--recipe", "eps")
    assert run(folders, "npy", "--recipe", "eps", "--force") == 0


def test_an_input_without_image_is_named_and_counted(folders, capsys):
    (folders / "images" / "one.png").unlink()
    assert run(folders, "npy") == 1
    captured = capsys.readouterr()
    assert "1 written, 0 already there, 1 failed" in captured.out
    assert "failed: one: no image" in captured.err


def test_an_input_of_another_size_is_named(folders, capsys):
    np.save(folders / "npy" / "one.npy", np.ones((4, 3, 3), np.float32))
    assert run(folders, "npy") == 1
    assert "one.npy is (3, 3) but its image is (10, 12)" in capsys.readouterr().err


def test_folders_that_hold_nothing_are_errors(folders):
    (folders / "nothing").mkdir()
    with pytest.raises(DataError, match="holds no .npz, .npy, .png file"):
        run(folders, "nothing")
    with pytest.raises(DataError, match="give the probabilities, CAMs or label maps as --inputs"):
        run(folders, "never")
    with pytest.raises(ConfigError, match="holds label maps but the CRF recipe deeplab starts from probabilities"):
        run(folders, "labels")


def test_batches_of_a_device_give_the_label_maps_of_single_images(folders):
    task = CrfFolder(folders / "images", folders / "npy", folders / "out")
    single = [ReadInput(task, ".npy", refine=True)(name) for name in NAMES]
    samples = [ReadInput(task, ".npy", refine=False)(name) for name in NAMES]
    batch = RefineBatch(crf_recipe("deeplab"), "torch", torch.device("cpu"))(samples)
    for one, other in zip(single, batch, strict=True):
        np.testing.assert_array_equal(one, other)


def save_all(folders, kind, form, change):
    for name in NAMES:
        path = folders / kind / f"{name}.npy"
        path.parent.mkdir(parents=True, exist_ok=True)
        values = change(probabilities_of(name))
        np.save(path, values)
        np.savez(path.with_suffix(".npz"), **{form: values})


def logits_of(probabilities):
    return 2 * np.log(probabilities) + 5


RECIPES_OF_SCORES = [name for name, recipe in RECIPES.items() if recipe.unary != "labels"]


@pytest.mark.parametrize("recipe", ["deeplab", "sgan", "sec", "sgan_training", "eps", "l2g_vgg_v2"])
def test_logits_that_are_called_so_give_the_labels_of_their_softmax(folders, recipe):
    save_all(folders, "logits", "logits", logits_of)
    assert run(folders, "logits", "--recipe", recipe, "--form", "logits") == 0
    of_logits = [written(folders, name) for name in NAMES]
    save_all(folders, "softmax", "probabilities", lambda p: p**2 / (p**2).sum(axis=0))
    assert run(folders, "softmax", "--recipe", recipe, "--force") == 0
    for one, name in zip(of_logits, NAMES, strict=True):
        np.testing.assert_array_equal(one, written(folders, name))


@pytest.mark.parametrize("recipe", RECIPES_OF_SCORES)
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (logits_of, r"one\.npy has values from -\d.*; probabilities are 0 to 1. If they are logits.*--form logits"),
        (lambda p: (p * 255).astype(np.uint8), r"one\.npy has values from .*times 255: divide them by 255"),
        (lambda p: np.where(p == p.max(), np.nan, p), "NaN or infinite"),
        (lambda p: p + 0j, "no real numbers"),
    ],
    ids=["logits", "bytes", "NaN", "complex"],
)
def test_what_is_no_probabilities_is_refused_by_every_recipe(folders, capsys, recipe, change, message):
    np.save(folders / "npy" / "one.npy", change(probabilities_of("one")))
    task = CrfFolder(folders / "images", folders / "npy", folders / "out", recipe=recipe)
    with pytest.raises(DataError, match=message):
        ReadInput(task, ".npy", refine=False)("one")


def test_scores_that_do_not_sum_to_one_go_with_recipes_of_maps_only(folders, capsys):
    np.save(folders / "npy" / "one.npy", probabilities_of("one") * 0.5)
    assert run(folders, "npy", "--recipe", "eps") == 0
    assert run(folders, "npy", "--recipe", "deeplab", "--force") == 1
    assert "one.npy has values that sum to 0.5 in a pixel" in capsys.readouterr().err


def test_rounding_beyond_one_passes(folders):
    np.save(folders / "npy" / "one.npy", np.eye(4, dtype=np.float32)[labels_of("one") % 4].transpose(2, 0, 1) + 1e-6)
    assert run(folders, "npy") == 0


def test_cams_outside_their_range_are_refused(folders, capsys):
    np.savez(folders / "cams" / "one.npz", keys=np.array([4]), maps=3 * probabilities_of("one")[:1])
    assert run(folders, "cams", "--recipe", "eps") == 1
    assert "class activation maps are 0 to 1. Divide every map by its maximum" in capsys.readouterr().err


def test_the_form_of_an_archive_is_the_name_of_its_array(folders, capsys):
    save_all(folders, "logits", "logits", logits_of)
    assert run(folders, "logits") == 1
    assert "one.npz holds logits, no probabilities; give --form logits" in capsys.readouterr().err
    assert run(folders, "npz", "--form", "logits", "--force") == 1
    assert "one.npz holds probabilities, no logits; give --form probabilities" in capsys.readouterr().err
    assert run(folders, "npy", "--form", "logits", "--force") == 1
    assert "sum to 1: probabilities, no logits. Leave out --form logits" in capsys.readouterr().err
    assert run(folders, "cams", "--form", "logits", "--force") == 1
    assert "one.npz holds no array of logits; leave out --form logits" in capsys.readouterr().err


def test_labels_as_the_last_axis_are_refused_with_the_cure(folders, capsys):
    np.save(folders / "npy" / "one.npy", probabilities_of("one").transpose(1, 2, 0))
    assert run(folders, "npy") == 1
    assert "one.npy has shape (10, 12, 4), the labels last; expected [labels, height, width]" in capsys.readouterr().err


@pytest.mark.parametrize("form", ["probabilities", "logits"])
def test_an_archive_without_a_known_name_says_which_one_is_expected(folders, capsys, form):
    for name in NAMES:
        np.savez(folders / "npz" / f"{name}.npz", probabilities_of(name))
    assert run(folders, "npz", "--form", form) == 1
    assert f"expected an array called {form}, or the keys and maps of CAMs, found arr_0" in capsys.readouterr().err


@pytest.mark.parametrize(("inputs", "recipe"), [("labels", "irn_label"), ("npy", "irn_label")])
def test_logits_are_no_hard_labels(folders, inputs, recipe):
    with pytest.raises(ConfigError, match="--form logits is for arrays of logits, not for .*; leave it out"):
        run(folders, inputs, "--recipe", recipe, "--form", "logits")


def test_a_label_that_the_data_set_does_not_have_is_named(folders, capsys):
    assert run(folders, "labels", "--recipe", "irn_label", "--n-labels", "9") == 1
    assert "one.png has label 9; there are 9: 0 to 8, and 255 is ignored" in capsys.readouterr().err


def test_the_form_is_part_of_the_record(folders):
    run(folders, "npy")
    save_all(folders, "npy", "logits", logits_of)
    with pytest.raises(ConfigError, match="made with other settings.*form"):
        run(folders, "npy", "--form", "logits")


def test_an_image_is_turned_as_its_exif_orientation_says(folders):
    exif = Image.Exif()
    exif[0x0112] = 8
    stored = Image.fromarray(image_of("one")).transpose(Image.Transpose.ROTATE_270)
    assert run(folders, "npy", "--out", str(folders / "upright")) == 0
    stored.save(folders / "images" / "one.png", exif=exif)
    assert run(folders, "npy", "--out", str(folders / "turned")) == 0
    assert (read_label_map(folders / "turned" / "one.png") == read_label_map(folders / "upright" / "one.png")).all()
