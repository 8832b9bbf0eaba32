import dataclasses
import shutil

import numpy as np
import pytest
from PIL import Image

from common.commands import parse_command
from common.errors import ConfigError, DataError
from common.metrics.scores import compute_scores
from common.report.results import read_results
from common.report.table import build_tables
from sgan.evaluation import EVALUATE, precision_and_recall
from sgan.method import SEED_LABELS, SGAN_MAPS, SGAN_TRAINING
from tests.sgan.conftest import TINY

DATA = ["--dataset_name", "toy", "--dataset_root", "data"]
SEEDS = "result/tiny_seedcam_0.25"


def main(arguments):
    """The command, in the folder of the test."""
    return EVALUATE.run(parse_command("eval_mIoU.py", dataclasses.replace(EVALUATE, folder=None), arguments))


def run_stages(settings):
    for stage in (SGAN_TRAINING, SGAN_MAPS, SEED_LABELS):
        stage.run(settings)


def test_unlabelled_pixels_are_missed_and_not_wrong():
    matrix = np.array([[4, 0, 4], [0, 6, 0]])
    precision, recall = precision_and_recall(matrix)
    np.testing.assert_allclose(precision, [1, 1], atol=1e-5)
    np.testing.assert_allclose(recall, [0.5, 1], atol=1e-5)
    np.testing.assert_allclose(compute_scores(matrix, over="all").class_iou, [0.5, 1])


def test_a_class_in_no_mask_is_not_in_the_mean_iou_but_in_mean_precision():
    matrix = np.array([[4, 0, 0, 0], [0, 6, 0, 0], [0, 0, 0, 0]])
    assert compute_scores(matrix, over="all").mean_iou == 1
    assert precision_and_recall(matrix)[0].mean() == pytest.approx(2 / 3, abs=1e-5)


@pytest.mark.parametrize("place", [SEEDS, "result"])
def test_seeds_are_scored_with_one_more_class(work, capsys, place):
    assert main([*TINY, "--res_path", place, "--num_classes", "8"]) == 0
    assert "4 images" in capsys.readouterr().out
    floor, seed = read_results(work / f"{SEEDS}_report" / "results.json")
    assert (floor.method, seed.method, seed.stage, seed.tags_given) == ("all background", "SGAN", "seed", True)
    assert (seed.steps, seed.seed, seed.saliency_source) == ({"train": 2}, 7, "generated")


def test_seeds_of_the_configuration_need_no_number_of_classes(work, capsys):
    assert main(TINY) == 0
    assert f"{work / SEEDS}: 4 images" in capsys.readouterr().out


def test_seeds_of_another_configuration_are_scored_without_a_record(work, capsys):
    assert main([*DATA, "--res_path", SEEDS, "--num_classes", "8"]) == 0
    shown = capsys.readouterr().out
    assert "4 images" in shown and "no record" in shown
    assert not (work / f"{SEEDS}_report").exists()


def test_a_part_of_the_list_is_scored_without_a_record(work, capsys):
    next((work / SEEDS).glob("*.png")).unlink()
    assert main([*TINY, "--res_path", SEEDS]) == 0
    shown = capsys.readouterr().out
    assert "3 images" in shown and "no record" in shown


def test_segmentations_are_scored_against_the_official_masks_and_seeds_against_the_augmented(work, capsys):
    (work / "data" / "SegmentationClassAug").mkdir()
    for file in (work / "data" / "SegmentationClass").glob("train*"):
        Image.fromarray(np.zeros((40, 40), np.uint8)).save(work / "data" / "SegmentationClassAug" / file.name)
    shutil.copytree(work / "data" / "SegmentationClassAug", work / "zeros")
    voc = ["--dataset_name", "vocaug", "--dataset_root", "data", "--res_path", "zeros", "--num_classes"]
    main([*voc, "22"])
    assert capsys.readouterr().out.splitlines()[-1].split()[1] == "100.00"
    main([*voc, "21"])
    assert float(capsys.readouterr().out.splitlines()[-1].split()[1]) < 50


def test_seeds_scored_without_the_unlabelled_class_are_an_error(work):
    file = next((work / SEEDS).glob("*.png"))
    Image.fromarray(np.full((40, 40), 7, np.uint8)).save(file)
    with pytest.raises(DataError, match="--num_classes 8"):
        main([*DATA, "--res_path", SEEDS])


def test_segmentations_get_the_published_line_of_scores(work):
    assert main([*DATA, "--res_path", "data/SegmentationClass"]) == 0
    line = (work / "data" / "SegmentationClass" / "mIoU.txt").read_text()
    assert line.startswith("100.0 & 100.0")


def test_a_wrong_number_of_classes_is_an_error(work):
    with pytest.raises(ConfigError, match="toy has 7 labels"):
        main([*DATA, "--res_path", SEEDS, "--num_classes", "22"])


def test_nothing_to_score_is_an_error(work):
    with pytest.raises(DataError, match="nowhere holds no PNG files"):
        main([*DATA, "--res_path", "nowhere"])


def test_images_whose_masks_were_used_are_left_out(settings, capsys):
    flags = ("--semi.share", "0.25")
    run_stages(settings(*flags))
    for ending in ("", "_labels"):
        main([*TINY, "--res_path", f"result/tiny_masks_1_4_seedcam_0.25{ending}", "--num_classes", "8"])
        assert "1 images whose true masks were used are left out" in capsys.readouterr().out


def test_scores_of_some_images_stand_beside_those_of_all_in_a_column_of_their_own(work, settings):
    flags = ("--semi.share", "0.25")
    run_stages(settings(*flags))
    results = []
    for given, name in (((), "tiny"), (flags, "tiny_masks_1_4")):
        main([*TINY, *given])
        results += read_results(work / "result" / f"{name}_seedcam_0.25_report" / "results.json")
    (table,) = build_tables(results)
    assert table.columns == (("seed", "train"), ("seed", "train without true masks"))
    assert [row.method for row in table.rows] == ["all background", "SGAN", "SGAN, 1/4 true masks"]
