"""``--chain.refine true``: a second round for a method that knows nothing of it."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import yaml

from common.data.images import read_label_map
from common.data.palette import write_label_map
from common.data.tags import read_tags
from common.errors import ConfigError, DataError
from common.files import read_json
from common.method.command import run_method
from common.method.labels import Labels, Score
from common.method.maps import Maps
from common.method.method import Method
from common.method.plain_cam import METHOD as PLAIN_CAM
from common.method.plain_cam import CamSettings, row_of, train_classifier
from common.method.report import results_below
from common.pseudo_labels.refinement import refined_label

TOP = Path(__file__).parents[3]
IDS = [f"train_{index:04d}" for index in range(4)]
TRAIN = train_classifier()
MAPS = Maps(training=TRAIN)
LABELS = Labels(maps=MAPS, row=partial(row_of, "tiny"))
METHOD = Method("tiny", CamSettings, (TRAIN, MAPS, LABELS, Score(labels=LABELS)))
ROUND_1 = ("run/labels", "run/cams", "run/deeplabv2/models/labels", "run/deeplabv2/features/labels")
SMALL = {"max_steps": 2, "batch_size": 2, "workers": 0, "device": "cpu"}
CHAIN = ("--chain.segmentation", "deeplabv2.yaml", "--chain.refine", "true")


@pytest.fixture(scope="module")
def chain(tmp_path_factory, finished, tiny) -> Path:
    """``data``, and ``run`` after the whole chain with its second round."""
    folder = tmp_path_factory.mktemp("refinement")
    shutil.copytree(finished, folder, dirs_exist_ok=True)
    segmentation = {"base": str(TOP / "deeplabv2/configs/toy.yaml"), "engine": SMALL, "test": {"batch_size": 2}}
    (folder / "deeplabv2.yaml").write_text(yaml.safe_dump(segmentation))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert run_method(METHOD, ["reproduce", str(tiny), *CHAIN]) == 0
    return folder


@pytest.fixture
def stages(tiny):
    """``stages(stage, ..., flag, ...)``: commands in the working directory."""

    def run_stages(*words: str) -> int:
        count = next((place for place, word in enumerate(words) if word.startswith("-")), len(words))
        return run_method(METHOD, [*words[:count], "-c", str(tiny), *CHAIN, *words[count:]])

    return run_stages


@pytest.fixture
def run(chain, tmp_path, monkeypatch, stages):
    """``stages`` in a copy of ``chain``, whose trainings remember where they lay: those that run again are removed first."""
    shutil.copytree(chain, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return stages


def predictions(folder: Path) -> Path:
    (found,) = (folder / "run/deeplabv2/features/labels").glob("*/train/crf")
    return found


def times(folder: Path) -> dict[Path, int]:
    kinds = (".png", ".npz", ".pth")
    found = (path for name in ROUND_1 for path in (folder / name).rglob("*") if path.suffix in kinds)
    # The final weights are copied out of the last checkpoint at each call.
    return {path: path.stat().st_mtime_ns for path in found if path.name != "checkpoint_final.pth"}


def test_the_second_labels_are_the_predictions_put_right(chain):
    names = (chain / "data/classes.txt").read_text().split()
    tags = read_tags(chain / "data/tags.csv", names, IDS)
    for image_id in IDS:
        predicted, initial, second = (
            read_label_map(folder / f"{image_id}.png")
            for folder in (predictions(chain), chain / "run/labels", chain / "run/labels_refined")
        )
        np.testing.assert_array_equal(second, refined_label(predicted, initial, np.flatnonzero(tags[image_id])))
    assert read_json(chain / "run/labels_refined/stage.json")["starts_from"].keys() == {"label", "segment"}


def test_both_rounds_are_rows_and_say_what_was_trained_for_them(chain):
    results = {(one.method, one.stage, one.split): one for one in results_below([chain / "run"])}
    assert results["tiny", "pseudo label", "train"].steps == {"train": 2}
    second = results["tiny, round 2", "pseudo label + CRF", "train"]
    assert second.steps == {"train": 2, "segment": 2} and second.threshold is None
    assert second.tag_source == results["tiny", "pseudo label", "train"].tag_source
    for row in ("tiny", "tiny, round 2"):
        assert (row, "DeepLab-v2", "val") in results and (row, "DeepLab-v2 + CRF", "val") in results


def test_the_report_shows_both_rounds(chain):
    text = (chain / "run/report.html").read_text()
    assert "tiny, round 2" in text
    titles = [path.stem.partition(" ")[2] for path in (chain / "run/examples").rglob("*.png")]
    assert "pseudo label: tiny" in titles and "pseudo label + CRF: tiny, round 2" in titles


def test_single_commands_find_what_the_chain_made_and_touch_nothing(chain, stages, monkeypatch, capsys):
    monkeypatch.chdir(chain)
    before = times(chain)
    assert stages("segment", "refine", "segment2") == 0
    said = [line for line in capsys.readouterr().out.splitlines() if " already there, " in line]
    # Test and CRF of both rounds, those of the training list, and the labels.
    assert len(said) == 7 and all("0 written" in line for line in said)
    assert times(chain) == before
    assert {path.name for path in (chain / "run/deeplabv2/models").iterdir()} == {"labels", "labels_refined_round2"}


def test_the_second_round_overwrites_nothing_of_the_first(run, tmp_path):
    before = times(tmp_path)
    for kind in ("models", "features"):
        shutil.rmtree(tmp_path / "run/deeplabv2" / kind / "labels_refined_round2")
    assert run("refine", "segment2", "--force") == 0
    assert len(before) > 12 and times(tmp_path) == before


def test_missing_predictions_are_named(run, tmp_path, capsys):
    (predictions(tmp_path) / f"{IDS[1]}.png").unlink()
    (tmp_path / "run/labels_refined" / f"{IDS[1]}.png").unlink()
    assert run("refine") == 1
    assert f"crf/{IDS[1]}.png does not exist" in capsys.readouterr().err
    shutil.rmtree(tmp_path / "run/deeplabv2/features")
    with pytest.raises(DataError, match="no predictions in .*; run the stage segment first$"):
        run("refine")


def test_without_the_setting_nothing_is_predicted_and_the_message_says_so(run, tmp_path):
    shutil.rmtree(tmp_path / "run/deeplabv2")
    assert run("segment", "--chain.refine", "false") == 0
    assert not list((tmp_path / "run/deeplabv2/features/labels").glob("*/train"))
    with pytest.raises(DataError, match="run the stage segment first, with --chain.refine true"):
        run("refine", "--chain.refine", "false")


def test_other_tags_than_those_of_the_maps_are_refused(run, tmp_path):
    names = (tmp_path / "data/classes.txt").read_text().split()
    (tmp_path / "other.csv").write_text("".join(f"{one},{' '.join(names)}\n" for one in IDS))
    with pytest.raises(ConfigError, match=r"made with the tags tags\.csv .*, not with those of other\.csv"):
        run("refine", "--force", "--data.tags", "other.csv")


def test_the_place_of_the_second_labels_can_be_named(run, tmp_path):
    assert run("refine", "--chain.refined_labels", "mine") == 0
    assert len(list((tmp_path / "run/mine").glob("*.png"))) == 4


def test_a_training_on_labels_that_are_ignored_everywhere_stays_finite(run, tmp_path):
    for image_id in IDS:
        path = tmp_path / "run/labels_refined" / f"{image_id}.png"
        write_label_map(path, np.full_like(read_label_map(path), 255))
    shutil.rmtree(tmp_path / "run/deeplabv2/models/labels_refined_round2")
    shutil.rmtree(tmp_path / "run/deeplabv2/features/labels_refined_round2")
    assert run("segment2") == 0
    (metrics,) = (tmp_path / "run/deeplabv2/models/labels_refined_round2").rglob("metrics.jsonl")
    assert "NaN" not in metrics.read_text()


def test_plain_cam_has_a_second_round_of_its_better_labels():
    names = [stage.name for stage in PLAIN_CAM.commands]
    assert names[-3:] == ["segment", "refine", "segment2"]
    settings = CamSettings()
    assert PLAIN_CAM.main_set(settings).segmented and not PLAIN_CAM.main_set(settings).masks
    assert [stage.in_chain(settings) for stage in PLAIN_CAM.second_round()] == [True, False, False]
