"""Two segmentation rounds: the second learns from label maps that start from the predictions of the first."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import yaml

from common.data.images import read_label_map
from common.data.layout import DataConfig
from common.errors import ConfigError, DataError
from common.files import read_json
from common.method.command import run_method
from common.method.labels import Labels, Score
from common.method.maps import Maps
from common.method.method import Method, Variant
from common.method.plain_cam import CamSettings, row_of, train_classifier
from common.method.report import results_below
from common.method.segmentation import Segmentation
from common.method.stage import inside
from common.pseudo_labels.labels import LabelMap
from common.pseudo_labels.rule import Evidence

TOP = Path(__file__).parents[3]
IDS = [f"train_{index:04d}" for index in range(4)]


def refined(evidence: Evidence) -> LabelMap:
    """The prediction where it is one of the image's classes, elsewhere the label map of the first round."""
    first, predicted = evidence.labels
    known = np.isin(predicted, [0, *(evidence.cams.keys + 1)])
    return np.where(known, predicted, first).astype(np.uint8)


TRAIN = train_classifier()
MAPS = Maps(training=TRAIN)
LABELS = Labels(maps=MAPS, row=partial(row_of, "round 1"))
SEGMENT = Segmentation(labels=LABELS, predicts="train", refined=True)
REFINE = Labels(
    name="refine",
    maps=MAPS,
    starts_from=(LABELS, SEGMENT),
    rule=lambda settings, layout: refined,
    needs=lambda settings: (),
    decides=lambda settings: {},
    threshold=lambda settings: None,
    row=partial(row_of, "round 2"),
    folder=inside("refined", "labels"),
)
SEGMENT2 = Segmentation(labels=REFINE, name="segment2", experiment_ending="_segment2")
SCORES = Score(labels=LABELS), Score(labels=REFINE, name="score2")
STAGES = (TRAIN, MAPS, LABELS, SEGMENT, REFINE, SEGMENT2, *SCORES)
METHOD = Method("rounds", CamSettings, STAGES, variants={"all": Variant("round 2, again")})


@pytest.fixture(scope="module")
def both_rounds(tmp_path_factory, finished, tiny) -> Path:
    """``data``, and ``run`` after the whole chain."""
    folder = tmp_path_factory.mktemp("rounds")
    shutil.copytree(finished, folder, dirs_exist_ok=True)
    small = {"max_steps": 2, "batch_size": 2, "workers": 0, "device": "cpu"}
    segmentation = {"base": str(TOP / "deeplabv2/configs/toy.yaml"), "engine": small, "test": {"batch_size": 2}}
    (folder / "deeplabv2.yaml").write_text(yaml.safe_dump(segmentation))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert run_method(METHOD, ["reproduce", str(tiny), "--chain.segmentation", "deeplabv2.yaml"]) == 0
    return folder


@pytest.fixture
def rounds(both_rounds, tmp_path, monkeypatch, tiny):
    """``rounds(stage, ...)`` in a copy of ``both_rounds``, the working directory."""
    shutil.copytree(both_rounds, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return lambda *words: run_method(METHOD, [*words, "-c", str(tiny), "--chain.segmentation", "deeplabv2.yaml"])


def predictions(folder: Path, experiment: str, kind: str) -> Path:
    (found,) = (folder / "run/deeplabv2/features" / experiment).glob(f"*/train/{kind}")
    return found


def test_the_second_labels_are_the_rule_applied_to_the_first_and_the_predictions(rounds, tmp_path):
    for image_id in IDS:
        first = read_label_map(tmp_path / "run/labels" / f"{image_id}.png")
        predicted = read_label_map(predictions(tmp_path, "labels", "crf") / f"{image_id}.png")
        second = read_label_map(tmp_path / "run/refined/labels" / f"{image_id}.png")
        assert ((second == predicted) | (second == first)).all()
    record = read_json(tmp_path / "run/refined/labels/stage.json")
    assert record["starts_from"].keys() == {"label", "segment"}


def test_both_rounds_are_rows_and_say_what_was_trained_for_them(rounds, tmp_path):
    results = {(one.method, one.stage, one.split): one for one in results_below([tmp_path / "run"])}
    assert results["round 1", "pseudo label", "train"].steps == {"train": 2}
    assert results["round 2", "pseudo label", "train"].steps == {"train": 2, "segment": 2}
    for row in ("round 1", "round 2"):
        assert (row, "DeepLab-v2", "val") in results and (row, "DeepLab-v2 + CRF", "val") in results


def test_the_second_round_overwrites_nothing_of_the_first(rounds, tmp_path):
    out = tmp_path / "run/deeplabv2/models"
    assert {path.name for path in out.iterdir()} == {"labels", "labels_segment2"}
    of_first = {
        path: path.stat().st_mtime_ns
        for folder in ("run/labels", "run/cams", "run/deeplabv2/features/labels", "run/deeplabv2/scores/labels")
        for path in (tmp_path / folder).rglob("*.png")
    }
    shutil.rmtree(tmp_path / "run/refined")
    shutil.rmtree(out / "labels_segment2")
    assert rounds("refine", "segment2", "--force") == 0
    assert {path: path.stat().st_mtime_ns for path in of_first} == of_first


def test_a_second_round_without_the_first_says_which_stage_comes_before(rounds, tmp_path):
    shutil.rmtree(tmp_path / "run/refined")
    shutil.rmtree(tmp_path / "run/deeplabv2")
    with pytest.raises(DataError, match="no predictions in .*; run the stage segment first"):
        rounds("refine")
    shutil.rmtree(tmp_path / "run/labels")
    with pytest.raises(DataError, match="no label maps in run/labels; run the stage label first"):
        rounds("refine")


def test_labels_of_other_predictions_are_not_taken_for_complete(rounds, tmp_path):
    folder = predictions(tmp_path, "labels", "crf")
    text = (folder / "stage.json").read_text()
    (folder / "stage.json").write_text(text.replace('"checkpoint": "', '"checkpoint": "other '))
    with pytest.raises(ConfigError, match=r"starts_from\.segment\.predictions.*checkpoint"):
        rounds("refine")


def test_a_missing_prediction_is_named_and_the_others_are_refined(rounds, tmp_path, capsys):
    (predictions(tmp_path, "labels", "crf") / f"{IDS[1]}.png").unlink()
    (tmp_path / "run/refined/labels" / f"{IDS[1]}.png").unlink()
    assert rounds("refine") == 1
    output = capsys.readouterr()
    assert "refine: 0 written, 3 already there, 1 failed" in output.out
    assert f"crf/{IDS[1]}.png does not exist" in output.err


def test_an_ablation_trains_the_segmentation_that_its_label_maps_start_from(rounds, tmp_path, capsys):
    assert rounds("ablation") == 0
    run = tmp_path / "run/ablation/all_seed0"
    assert (run / "refined/labels" / f"{IDS[0]}.png").is_file()
    assert {path.name for path in (run / "deeplabv2/models").iterdir()} == {"labels"}


def test_two_stages_of_one_name_are_refused():
    with pytest.raises(ConfigError, match="two stages called label"):
        Method("twice", CamSettings, (TRAIN, MAPS, LABELS, Labels(maps=MAPS)))


def test_a_list_that_the_dataset_does_not_have_is_named(rounds):
    with pytest.raises(ConfigError, match="no list test, which segment predicts"):
        Segmentation(labels=LABELS, predicts="test").label_folder(
            CamSettings(data=DataConfig(dataset="toy", root="data"))
        )
