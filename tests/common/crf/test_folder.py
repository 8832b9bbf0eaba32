"""The dense CRF on folders: ``python -m common.crf``."""

import numpy as np
import pytest
import torch
from PIL import Image

from common.cam.files import Cams, write_cams
from common.crf.__main__ import main
from common.crf.folder import CrfFolder, ReadInput, RefineBatch
from common.crf.inference import dense_crf
from common.crf.recipes import crf_recipe
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


def test_an_image_is_turned_as_its_exif_orientation_says(folders):
    exif = Image.Exif()
    exif[0x0112] = 8
    stored = Image.fromarray(image_of("one")).transpose(Image.Transpose.ROTATE_270)
    assert run(folders, "npy", "--out", str(folders / "upright")) == 0
    stored.save(folders / "images" / "one.png", exif=exif)
    assert run(folders, "npy", "--out", str(folders / "turned")) == 0
    assert (read_label_map(folders / "turned" / "one.png") == read_label_map(folders / "upright" / "one.png")).all()
