"""A background threshold that never sees a mask, beside the one that does."""

from __future__ import annotations

import numpy as np
import pytest

from common.cam.files import Cams, write_cams
from common.data.images import read_image, read_label_map
from common.errors import DataError
from common.files import read_json
from common.report.results import read_results

IDS = [f"train_{index:04d}" for index in range(4)]
TAGS = ["--labels.choose_threshold", "tags"]


@pytest.fixture(autouse=True)
def maps_that_follow_the_pictures(work):
    """Maps that are high on the object of each image and fall with the distance of its colours from the object's."""
    for image_id in IDS:
        mask = read_label_map(work / "data/SegmentationClass" / f"{image_id}.png")
        image = read_image(work / "data/JPEGImages" / f"{image_id}.jpg").mean(2, dtype=np.float32) / 255
        keys = np.unique(mask[(mask > 0) & (mask < 255)]).astype(np.int64) - 1
        maps = np.stack([np.where(mask == key + 1, 0.55, 0.1) + 0.3 * image for key in keys]).astype(np.float32)
        write_cams(work / "run/cams" / f"{image_id}.npz", Cams(keys, maps))


def unreadable_masks(work):
    for image_id in IDS:
        (work / "data/SegmentationClass" / f"{image_id}.png").write_bytes(b"no mask")


def test_no_mask_is_opened(plain_cam, work, capsys):
    plain_cam("label", *TAGS)
    expected = read_json(work / "run/threshold_from_tags.json")
    labels = [read_label_map(work / "run/labels/plain_cam" / f"{one}.png") for one in IDS]
    unreadable_masks(work)
    assert plain_cam("label", *TAGS, "--force") == 0
    assert read_json(work / "run/threshold_from_tags.json") == expected
    for image_id, before in zip(IDS, labels, strict=True):
        np.testing.assert_array_equal(read_label_map(work / "run/labels/plain_cam" / f"{image_id}.png"), before)
    said = f"background threshold {expected['best']:.2f}: from the maps and photographs of 4 images, without masks"
    assert said in capsys.readouterr().out
    assert not (work / "run/threshold_sweep.json").exists()


def test_masks_may_be_missing_altogether(plain_cam, work):
    for image_id in IDS:
        (work / "data/SegmentationClass" / f"{image_id}.png").unlink()
    assert plain_cam("label", *TAGS) == 0


def test_where_there_are_masks_both_are_scored_each_under_its_name(plain_cam, work, capsys):
    plain_cam("label", *TAGS)
    plain_cam("score", *TAGS)
    oracle, tags = read_results(work / "run/results.json")[-2:]
    assert (tags.threshold_choice, oracle.threshold_choice) == (
        "from tags alone on train.txt",
        "best on train.txt against its masks",
    )
    assert tags.threshold == read_json(work / "run/threshold_from_tags.json")["best"]
    assert oracle.threshold == read_json(work / "run/threshold_sweep.json")["best"]
    assert oracle.miou >= tags.miou
    assert (tags.column, oracle.column) == (
        ("pseudo label", "train"),
        ("pseudo label, oracle threshold", "train"),
    )
    assert (
        f"background threshold {tags.threshold:.2f} from tags alone on train.txt: {tags.miou:.1f} mIoU; "
        f"{oracle.threshold:.2f} oracle, best on train.txt against its masks: {oracle.miou:.1f} mIoU"
    ) in capsys.readouterr().out


def test_the_oracle_s_labels_and_those_from_tags_score_the_same_whichever_made_the_label_maps(plain_cam, work):
    plain_cam("label", *TAGS)
    plain_cam("score", *TAGS)
    before = {one.oracle: (one.threshold, one.miou) for one in read_results(work / "run/results.json")[-2:]}
    plain_cam("label", "--labels.choose_threshold", "oracle", "--force")
    plain_cam("score")
    after = {one.oracle: (one.threshold, one.miou) for one in read_results(work / "run/results.json")[-2:]}
    assert after == before


def test_a_crf_that_follows_has_a_threshold_of_its_own(plain_cam, work):
    plain_cam("label", *TAGS)
    plain_cam("label", *TAGS, "--labels.crf", "label")
    files = [work / "run" / f"threshold_from_tags{ending}.json" for ending in ("", "_scores_alone")]
    assert [read_json(file)["colours"] for file in files] == [True, False]
    made = read_json(work / "run/labels/plain_cam_crf_label/stage.json")["rule"]
    assert (made["threshold"], made["choose_threshold"]) == (read_json(files[1])["best"], "tags")


@pytest.mark.parametrize(("word", "recorded"), [("oracle", True), ("true", True), ("fixed", False), ("tags", "tags")])
def test_words_and_the_earlier_spelling_leave_one_record(plain_cam, work, word, recorded):
    plain_cam("label", "--labels.choose_threshold", word)
    assert read_json(work / "run/labels/plain_cam/stage.json")["rule"]["choose_threshold"] == recorded


def test_maps_that_are_gone_leave_the_score_and_say_why_the_other_is_missing(plain_cam, work, capsys):
    plain_cam("label", *TAGS)
    (work / "run/cams" / f"{IDS[1]}.npz").unlink()
    assert plain_cam("score", *TAGS) == 0
    assert [one.oracle for one in read_results(work / "run/results.json")] == [False, False]
    assert "note: the other way to choose the threshold is not scored: " in capsys.readouterr().err


def test_pictures_before_the_threshold_are_told_to_look_for_it(plain_cam):
    with pytest.raises(
        DataError, match="no threshold from tags run/threshold_from_tags.json; run the stage label first"
    ):
        plain_cam("pictures", *TAGS)


def test_maps_without_an_object_end_in_one_line(failing, work):
    for image_id in IDS:
        write_cams(work / "run/cams" / f"{image_id}.npz", Cams(np.array([1]), np.zeros((1, 48, 48), np.float32)))
    assert "no threshold splits the class activation maps" in failing("label", *TAGS)
