"""Evaluating two folders of label maps."""

import numpy as np
import pytest
from PIL import Image

from common.data.palette import write_label_map
from common.errors import ConfigError, DataError
from common.metrics.confusion import confusion_matrix
from common.metrics.folder import evaluate_folder, sum_over_images


@pytest.fixture
def folders(tmp_path):
    rng = np.random.default_rng(0)
    for name in ("a", "b", "c"):
        truth = rng.integers(0, 4, (9, 11), np.uint8)
        truth[truth == 3] = 255
        write_label_map(tmp_path / "truth" / f"{name}.png", truth)
        write_label_map(tmp_path / "prediction" / f"{name}.png", rng.integers(0, 3, (9, 11), np.uint8))
    return tmp_path


def evaluate(root, ids=("a", "b", "c"), n_labels=3, workers=None, prepare=None):
    def path_in(folder):
        return lambda identifier: root / folder / f"{identifier}.png"

    return evaluate_folder(path_in("truth"), path_in("prediction"), ids, n_labels, workers=workers, prepare=prepare)


@pytest.mark.parametrize("workers", [None, 1, 2, 7])
def test_result_is_the_sum_over_images_for_any_number_of_workers(folders, workers):
    result = evaluate(folders, workers=workers)
    expected = np.zeros((3, 4), np.int64)
    for name in ("a", "b", "c"):
        truth, prediction = (np.array(Image.open(folders / part / f"{name}.png")) for part in ("truth", "prediction"))
        expected += confusion_matrix(truth, prediction, 3)
    np.testing.assert_array_equal(result.matrix, expected)
    assert result.n_images == 3


def test_the_ignored_label_may_be_another(folders):
    def path_in(folder):
        return lambda identifier: folders / folder / f"{identifier}.png"

    matrix = evaluate_folder(path_in("prediction"), path_in("truth"), ["a"], 3, ignore_label=1).matrix
    truth, prediction = (np.array(Image.open(folders / part / "a.png")) for part in ("prediction", "truth"))
    assert not matrix[1].any() and matrix.sum() == (truth != 1).sum()
    np.testing.assert_array_equal(matrix, confusion_matrix(truth, prediction, 3, 1))


def test_pairs_are_prepared_before_they_are_counted(folders):
    write_label_map(folders / "prediction" / "c.png", np.zeros((11, 9), np.uint8))
    result = evaluate(folders, prepare=lambda truth, prediction: (np.zeros_like(truth), np.ones_like(truth)))
    assert result.matrix[0, 1] == result.matrix.sum() == 3 * 9 * 11


def test_a_missing_prediction_is_named(folders):
    (folders / "prediction" / "b.png").unlink()
    with pytest.raises(DataError, match=r"prediction/b\.png"):
        evaluate(folders)


def test_a_size_mismatch_names_both_files(folders):
    write_label_map(folders / "prediction" / "c.png", np.zeros((11, 9), np.uint8))
    with pytest.raises(DataError, match=r"prediction/c\.png against .*truth/c\.png: truth is 9x11"):
        evaluate(folders)


def test_a_label_outside_the_classes_names_the_file_and_the_label(folders):
    with pytest.raises(DataError, match=r"truth/.\.png: the truth holds label 2"):
        evaluate(folders, n_labels=2)


def test_a_colour_picture_is_not_taken_for_a_label_map(folders):
    Image.new("RGB", (11, 9)).save(folders / "prediction" / "a.png")
    with pytest.raises(DataError, match=r"prediction/a\.png is a colour"):
        evaluate(folders)


def test_an_empty_list_is_an_error(folders):
    with pytest.raises(DataError, match="empty"):
        evaluate(folders, ids=())


def test_no_workers_is_an_error(folders):
    with pytest.raises(ConfigError, match="at least one thread"):
        evaluate(folders, workers=0)


def test_an_error_stops_the_other_threads():
    counted = []

    def count(identifier):
        counted.append(identifier)
        if identifier == "bad":
            raise DataError("bad image")
        return np.zeros(1, np.int64)

    ids = ["bad", *(f"image {number}" for number in range(100_000))]
    with pytest.raises(DataError, match="bad image"):
        sum_over_images(count, ids, workers=2)
    assert len(counted) < len(ids)
