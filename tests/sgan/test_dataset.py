import pytest

from common.data.layout import open_layout
from common.errors import DataError
from sgan.dataset import initial_seed_folder, masked_ids
from sgan.method import sgan_data
from sgan.settings import SemiConfig


def test_initial_seeds_lie_in_the_published_place_or_where_a_path_says():
    assert initial_seed_folder("voc", "base_30_bg").as_posix() == "voc/ini_seed/base_30_bg"
    assert initial_seed_folder("voc", "../mine").as_posix() == "../mine"


def test_no_masks_are_used_unless_asked_for(settings):
    assert masked_ids(SemiConfig(), open_layout(settings().data)) == frozenset()


def test_a_larger_share_holds_the_smaller_one(settings):
    layout = open_layout(settings().data)
    quarter, half, whole = (masked_ids(SemiConfig(share=share), layout) for share in (0.25, 0.5, 1))
    assert [len(ids) for ids in (quarter, half, whole)] == [1, 2, 4]
    assert quarter < half < whole == set(layout.ids("train"))


def test_a_list_is_a_file_or_a_name_of_the_dataset(settings, work):
    layout = open_layout(settings().data)
    first = layout.ids("train")[0]
    (work / "few.txt").write_text(f"{first}\n")
    assert masked_ids(SemiConfig(list="few.txt"), layout) == {first}
    assert masked_ids(SemiConfig(list="train"), layout) == set(layout.ids("train"))


def test_images_outside_the_training_list_are_an_error(settings):
    with pytest.raises(DataError, match="val_"):
        masked_ids(SemiConfig(list="val"), open_layout(settings().data))


def test_a_mask_takes_the_place_of_the_seed(settings, work):
    layout = open_layout(settings().data)
    masked = sorted(layout.ids("train"))[0]
    (work / "data" / "ini_seed" / "seeds" / f"{masked}.png").unlink()
    data = sgan_data(settings("--semi.share", "0.25"), layout)
    assert data.samples[0]["id"] == masked
    with pytest.raises(DataError, match="initial seed"):
        _ = sgan_data(settings(), layout).samples[0]
