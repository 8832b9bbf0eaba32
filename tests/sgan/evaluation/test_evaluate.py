import shutil

import numpy as np
import pytest
from PIL import Image

from common.errors import ConfigError, DataError
from common.report.results import read_results
from common.report.table import build_tables
from sgan.evaluation.evaluate import parse
from sgan.evaluation.scores import seed_scores
from sgan.seeds.infer import make_seeds
from sgan.tools.eval_mIoU import main
from sgan.train import train_network
from tests.sgan.conftest import TINY

DATA = ["--dataset_name", "toy", "--dataset_root", "data"]


def test_unlabelled_pixels_are_missed_and_not_wrong():
    scores = seed_scores(np.array([[4, 0, 4], [0, 6, 0]]))
    np.testing.assert_allclose(scores.precision, [1, 1], atol=1e-5)
    np.testing.assert_allclose(scores.recall, [0.5, 1], atol=1e-5)
    np.testing.assert_allclose(scores.iou, [0.5, 1])


def test_a_class_in_no_mask_is_not_in_the_mean_iou_but_in_mean_precision():
    scores = seed_scores(np.array([[4, 0, 0, 0], [0, 6, 0, 0], [0, 0, 0, 0]]))
    assert scores.mean_iou == 1
    assert scores.mean_precision == pytest.approx(2 / 3, abs=1e-5)


def test_seeds_are_scored_with_one_more_class(work, capsys):
    assert (
        main([*DATA, "--res_path", "result/tiny_seedcam_0.25", "--num_classes", "8", "--report.saliency_source", "x"])
        == 0
    )
    assert "4 images" in capsys.readouterr().out
    floor, seed = read_results(work / "result" / "tiny_seedcam_0.25_report" / "results.json")
    assert (floor.method, seed.method, seed.stage, seed.tags_given) == ("all background", "SGAN", "seed", True)
    assert (seed.steps, seed.seed, seed.saliency_source) == ({"SGAN": 2}, 7, "x")


def test_the_published_command_knows_from_the_seeds_where_their_saliency_came_from(work):
    main([*DATA, "--res_path", "result/tiny_seedcam_0.25", "--num_classes", "8"])
    assert read_results(work / "result" / "tiny_seedcam_0.25_report" / "results.json")[1].saliency_source == "generated"


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
    file = next((work / "result" / "tiny_seedcam_0.25").glob("*.png"))
    Image.fromarray(np.full((40, 40), 7, np.uint8)).save(file)
    with pytest.raises(DataError, match="--num_classes 8"):
        main([*DATA, "--res_path", "result/tiny_seedcam_0.25"])


def test_segmentations_get_the_published_line_of_scores(work):
    assert main([*DATA, "--res_path", "data/SegmentationClass"]) == 0
    line = (work / "data" / "SegmentationClass" / "mIoU.txt").read_text()
    assert line.startswith("100.0 & 100.0")


def test_a_wrong_number_of_classes_is_an_error(work):
    with pytest.raises(ConfigError, match="toy has 7 labels"):
        main([*DATA, "--res_path", "result/tiny_seedcam_0.25", "--num_classes", "22"])


def test_nothing_to_score_is_an_error(work):
    with pytest.raises(ConfigError, match="say what to score"):
        parse([])
    with pytest.raises(DataError, match="no folder nowhere"):
        main([*DATA, "--res_path", "nowhere"])


def test_images_whose_masks_were_used_are_left_out(work, settings, capsys):
    flags = ("--semi.share", "0.25")
    train_network(settings(*flags))
    make_seeds(settings(*flags))
    main([*TINY, *flags, "--res_path", str(settings(*flags).seed_folder), "--num_classes", "8"])
    assert "1 images whose true masks were used are left out" in capsys.readouterr().out


def test_scores_of_some_images_stand_beside_those_of_all_in_a_column_of_their_own(work, settings):
    flags = ("--semi.share", "0.25")
    train_network(settings(*flags))
    make_seeds(settings(*flags))
    results = []
    for given in ((), flags):
        folder = settings(*given).seed_folder
        main([*TINY, *given, "--res_path", str(folder), "--num_classes", "8"])
        results += read_results(folder.with_name(f"{folder.name}_report") / "results.json")
    (table,) = build_tables(results)
    assert table.columns == (("seed", "train"), ("seed", "train without true masks"))
    assert [row.method for row in table.rows] == ["all background", "SGAN", "SGAN, 1/4 true masks"]
