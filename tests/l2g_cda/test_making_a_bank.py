"""A bank is made from label maps, continued when it was stopped, and made again when asked."""

import dataclasses
import json

import numpy as np
import pytest

from common.data.images import read_label_map, read_saliency
from common.data.layout import DataConfig
from common.data.palette import write_label_map
from common.errors import ConfigError, DataError
from common.method.settings import with_values
from l2g_cda.bank import BankConfig, ObjectReader, read_bank
from l2g_cda.method import BANK
from l2g_cda.objects import read_foreground, select_object, write_foreground
from l2g_cda.pasting import CdaConfig
from l2g_cda.settings import L2GSettings


@pytest.fixture
def ids(layout):
    return layout.ids("train")


@pytest.fixture
def settings(toy, layout, tmp_path):
    """Settings of a bank in ``bank``, from the true masks."""
    settings = L2GSettings(
        data=DataConfig(dataset="toy", root=str(toy)),
        bank=BankConfig(label_maps=str(layout.masks)),
        cda=CdaConfig(bank=str(tmp_path / "bank")),
    )
    settings.engine.workers = 0
    return settings


def fit_images(layout, ids):
    """id -> class number by the published rule, from the true masks."""
    selections = {image_id: select_object(read_label_map(layout.mask_path(image_id))) for image_id in ids}
    return {image_id: selection.number for image_id, selection in selections.items() if selection}


def test_every_fit_image_gives_one_object_under_its_class(settings, layout, ids, tmp_path, capsys):
    assert BANK.run(settings) == 0
    fit = fit_images(layout, ids)
    assert fit and f"bank: {len(fit)} written, 0 already there, 0 failed" in capsys.readouterr().out
    assert all((tmp_path / "bank" / str(number) / f"{image_id}.npz").is_file() for image_id, number in fit.items())
    index = json.loads((tmp_path / "bank" / "seg_fg_dirs.json").read_text())
    assert sum(map(len, index.values())) == len(fit) and set(index) == {
        str(number) for number in range(layout.n_classes)
    }


def test_a_finished_bank_is_not_made_again_and_a_lost_object_is(settings, tmp_path, capsys):
    BANK.run(settings)
    lost = next((tmp_path / "bank").glob("*/*.npz"))
    lost.unlink()
    capsys.readouterr()
    assert BANK.run(settings) == 0
    assert "bank: 1 written" in capsys.readouterr().out and lost.is_file()


def test_other_settings_need_force_which_replaces_the_bank(settings, layout, ids, tmp_path):
    BANK.run(settings)
    stricter = with_values(settings, {"bank.least_share": 0.15})
    with pytest.raises(ConfigError, match="made with other settings"):
        BANK.run(stricter)
    (tmp_path / "bank" / "mine.txt").write_text("kept")
    assert BANK.run(with_values(stricter, {"force": True})) == 0
    left = {path.stem for path in (tmp_path / "bank").glob("*/*.npz")}
    assert left < set(fit_images(layout, ids)) and (tmp_path / "bank" / "mine.txt").exists()


def test_an_image_without_labels_is_a_failure_by_name(settings, layout, ids, tmp_path, capsys):
    for image_id in ids[1:]:
        write_label_map(tmp_path / "labels" / f"{image_id}.png", read_label_map(layout.mask_path(image_id)))
    assert BANK.run(with_values(settings, {"bank.label_maps": str(tmp_path / "labels")})) == 1
    failures = [line for line in capsys.readouterr().err.splitlines() if "failed" in line]
    assert len(failures) == 1 and ids[0] in failures[0]
    assert read_bank(tmp_path / "bank", layout.n_classes).objects


def test_labels_without_objects_are_an_error_that_says_why(settings, ids, tmp_path):
    empty = np.zeros((96, 96), np.uint8)
    for image_id in ids:
        write_label_map(tmp_path / "labels" / f"{image_id}.png", empty)
    with pytest.raises(DataError, match=r"none of 12 images gives an object.* 0.1 to 0.7"):
        BANK.run(with_values(settings, {"bank.label_maps": str(tmp_path / "labels")}))


def test_a_label_beyond_the_classes_is_a_failure(layout, ids, tmp_path):
    write_label_map(tmp_path / f"{ids[0]}.png", np.full((96, 96), 99, np.uint8))
    with pytest.raises(DataError, match="has label 99"):
        ObjectReader(layout, BankConfig(label_maps=str(tmp_path))).select(ids[0])


@pytest.mark.parametrize("saliency", ["maps", "labels"])
def test_the_saliency_of_an_object_comes_from_where_it_is_told(layout, ids, saliency):
    image_id, number = next(iter(fit_images(layout, ids).items()))
    reader = ObjectReader(layout, BankConfig(label_maps=str(layout.masks), object_saliency=saliency))
    one, selection = reader(f"{number}/{image_id}"), reader.select(image_id)
    if saliency == "maps":
        box = slice(*selection.rows), slice(*selection.columns)
        np.testing.assert_array_equal(one.saliency, read_saliency(layout.saliency_path(image_id))[box])
    else:
        np.testing.assert_array_equal(one.saliency == 255, one.seg == number + 1)


def test_a_bank_cut_with_maps_of_zero_and_one_is_refused(settings, tmp_path):
    assert BANK.run(settings) == 0
    for path in (tmp_path / "bank").rglob("*.npz"):
        one = read_foreground(path)
        write_foreground(path, dataclasses.replace(one, saliency=np.minimum(one.saliency, 1)))
    with pytest.raises(DataError, match="no object of .* has saliency above 1"):
        read_bank(tmp_path / "bank", 6)


def test_objects_that_are_hardly_salient_can_be_left_out(layout, ids, tmp_path):
    image_id = next(iter(fit_images(layout, ids)))
    size = read_saliency(layout.saliency_path(image_id)).shape
    # Labels on the side of the image where nothing is salient.
    labels = np.zeros(size, np.uint8)
    labels[:, : size[1] // 3] = 1
    saliency = read_saliency(layout.saliency_path(image_id))
    share = float((saliency[labels == 1] > 200).mean())
    write_label_map(tmp_path / f"{image_id}.png", labels)
    config = {"label_maps": str(tmp_path)}
    assert ObjectReader(layout, BankConfig(**config)).select(image_id) is not None
    assert ObjectReader(layout, BankConfig(**config, least_salient=min(1.0, share + 0.1))).select(image_id) is None


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"bank.label_maps": ""}, "say what to cut objects from"),
        ({"bank.least_share": 0.8}, "between 0.8 and 0.7"),
        ({"bank.label_maps": "no/such/folder"}, "no/such/folder does not exist"),
    ],
)
def test_settings_that_make_no_bank_are_an_error(settings, values, message):
    with pytest.raises((ConfigError, DataError), match=message):
        BANK.run(with_values(settings, values))
