"""A bank is made from labels or CAMs, continued when it was stopped, and made again when asked."""

import json

import numpy as np
import pytest

from common.cam.files import Cams, write_cams
from common.data.images import read_label_map, read_saliency
from common.data.palette import write_label_map
from common.errors import ConfigError, DataError
from l2g_cda.cda.bank import read_bank
from l2g_cda.cda.build import build_bank
from l2g_cda.cda.objects import read_foreground
from l2g_cda.cda.selection import select_object
from l2g_cda.cda.sources import BankSources, ObjectReader


@pytest.fixture
def ids(layout):
    return layout.ids("train")


@pytest.fixture
def sources(layout):
    return BankSources(labels=str(layout.masks))


def fit_images(layout, ids):
    """id -> class number by the published rule, from the true masks."""
    selections = {image_id: select_object(read_label_map(layout.mask_path(image_id))) for image_id in ids}
    return {image_id: selection.number for image_id, selection in selections.items() if selection}


def test_every_fit_image_gives_one_object_under_its_class(layout, ids, sources, tmp_path):
    report = build_bank(layout, ids, sources, tmp_path / "bank", workers=0)
    fit = fit_images(layout, ids)
    assert fit and report.done == len(fit) and not report.failed
    assert all((tmp_path / "bank" / str(number) / f"{image_id}.npz").is_file() for image_id, number in fit.items())
    index = json.loads((tmp_path / "bank" / "seg_fg_dirs.json").read_text())
    assert sum(map(len, index.values())) == len(fit) and set(index) == {
        str(number) for number in range(layout.n_classes)
    }
    assert (tmp_path / "bank" / "bank.png").stat().st_size > 0


def test_a_finished_bank_is_not_made_again_and_a_lost_object_is(layout, ids, sources, tmp_path):
    build_bank(layout, ids, sources, tmp_path, workers=0)
    lost = next(tmp_path.glob("*/*.npz"))
    lost.unlink()
    report = build_bank(layout, ids, sources, tmp_path, workers=0)
    assert report.done == 1 and lost.is_file()


def test_other_settings_need_force_which_replaces_the_bank(layout, ids, sources, tmp_path):
    build_bank(layout, ids, sources, tmp_path, workers=0)
    stricter = BankSources(labels=sources.labels, least_share=0.15)
    with pytest.raises(ConfigError, match="made with other settings"):
        build_bank(layout, ids, stricter, tmp_path, workers=0)
    (tmp_path / "mine.txt").write_text("kept")
    build_bank(layout, ids, stricter, tmp_path, force=True, workers=0)
    left = {path.stem for path in tmp_path.glob("*/*.npz")}
    assert left < set(fit_images(layout, ids)) and (tmp_path / "mine.txt").exists()


def test_an_image_without_labels_is_a_failure_by_name(layout, ids, tmp_path):
    for image_id in ids[1:]:
        write_label_map(tmp_path / "labels" / f"{image_id}.png", read_label_map(layout.mask_path(image_id)))
    report = build_bank(layout, ids, BankSources(labels=str(tmp_path / "labels")), tmp_path / "bank", workers=0)
    assert list(report.failed) == [ids[0]] and ids[0] in report.failed[ids[0]]
    assert read_bank(tmp_path / "bank", layout.n_classes).objects


def test_labels_without_objects_are_an_error_that_says_why(layout, ids, tmp_path):
    empty = np.zeros((96, 96), np.uint8)
    for image_id in ids:
        write_label_map(tmp_path / "labels" / f"{image_id}.png", empty)
    with pytest.raises(DataError, match=r"none of 12 images gives an object.* 0.1 to 0.7"):
        build_bank(layout, ids, BankSources(labels=str(tmp_path / "labels")), tmp_path / "bank", workers=0)


def test_a_label_beyond_the_classes_is_a_failure(layout, ids, tmp_path):
    write_label_map(tmp_path / f"{ids[0]}.png", np.full((96, 96), 99, np.uint8))
    with pytest.raises(DataError, match="has label 99"):
        ObjectReader(layout, BankSources(labels=str(tmp_path))).select(ids[0])


@pytest.fixture
def cams(layout, ids, tmp_path):
    """CAM files that agree with the masks."""
    for image_id, number in fit_images(layout, ids).items():
        mask = read_label_map(layout.mask_path(image_id)) == number + 1
        maps = np.where(mask, 0.8, 0.1)[None]
        write_cams(tmp_path / "cams" / f"{image_id}.npz", Cams(np.array([number]), maps))
    return tmp_path / "cams"


def test_cams_give_the_labels_that_their_threshold_makes(layout, ids, cams, tmp_path):
    fit = fit_images(layout, ids)
    sources = BankSources(cams=str(cams), saliency="cams")
    build_bank(layout, list(fit), sources, tmp_path / "bank", workers=0)
    for image_id, number in fit.items():
        one = read_foreground(tmp_path / "bank" / str(number) / f"{image_id}.npz")
        assert set(np.unique(one.saliency[one.seg != 0])) == {204}


@pytest.mark.parametrize(("saliency", "inside"), [("maps", None), ("labels", {255}), ("cams", {204})])
def test_the_saliency_of_an_object_comes_from_where_it_is_told(layout, ids, cams, saliency, inside):
    image_id, number = next(iter(fit_images(layout, ids).items()))
    reader = ObjectReader(layout, BankSources(labels=str(layout.masks), cams=str(cams), saliency=saliency))
    one, selection = reader(image_id), reader.select(image_id)
    if inside is None:
        box = slice(*selection.rows), slice(*selection.columns)
        np.testing.assert_array_equal(one.saliency, read_saliency(layout.saliency_path(image_id))[box])
    else:
        assert set(np.unique(one.saliency[one.seg == number + 1])) == inside


def test_objects_that_are_hardly_salient_can_be_left_out(layout, ids, cams):
    image_id = next(iter(fit_images(layout, ids)))
    dim = {"labels": str(layout.masks), "cams": str(cams), "saliency": "cams"}
    write_cams(cams / f"{image_id}.npz", Cams(np.arange(layout.n_classes), np.full((layout.n_classes, 96, 96), 0.5)))
    assert ObjectReader(layout, BankSources(**dim)).select(image_id) is not None
    assert ObjectReader(layout, BankSources(**dim, least_salient=0.5)).select(image_id) is None


def test_a_cam_file_without_the_class_is_an_error(layout, ids, cams):
    image_id, number = next(iter(fit_images(layout, ids).items()))
    write_cams(cams / f"{image_id}.npz", Cams(np.array([(number + 1) % layout.n_classes]), np.zeros((1, 96, 96))))
    reader = ObjectReader(layout, BankSources(labels=str(layout.masks), cams=str(cams), saliency="cams"))
    with pytest.raises(DataError, match=f"shows class {number}"):
        reader(image_id)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "say what to cut objects from"),
        ({"labels": ".", "saliency": "cams"}, "give --cams FOLDER"),
        ({"labels": ".", "least_share": 0.8}, "between 0.8 and 0.7"),
        ({"labels": "no/such/folder"}, "no/such/folder does not exist"),
    ],
)
def test_sources_that_make_no_bank_are_an_error(settings, message):
    with pytest.raises((ConfigError, DataError), match=message):
        BankSources(**settings)
