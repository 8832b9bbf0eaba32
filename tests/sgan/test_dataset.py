import numpy as np
import pytest
from PIL import Image

from common.data.dataset import ListedImages
from common.data.images import read_label_map
from common.data.layout import open_layout
from common.data.palette import write_label_map
from common.errors import DataError
from sgan.dataset import initial_seed_folder, map_loader, masked_ids
from sgan.method import map_decisions, sgan_data, sgan_input
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


def test_true_masks_that_keep_their_objects_as_255_are_refused(settings):
    layout = open_layout(settings().data)
    for image_id in layout.ids("train"):
        mask = read_label_map(layout.mask_path(image_id))
        write_label_map(layout.mask_path(image_id), np.where(mask > 0, 255, 0))
    with pytest.raises(DataError, match="not one of 1 masks shows a class"):
        sgan_data(settings("--semi.share", "0.25"), layout)


def test_maps_take_saliency_of_zero_and_one_as_what_it_is(settings):
    layout = open_layout(settings().data)
    image_id = layout.ids("train")[0]
    images = ListedImages(layout, layout.ids("train"), {"tags"})
    load = map_loader(images, sgan_input(settings()))
    for name in [*layout.ids("train"), *layout.ids("val")]:
        saliency = np.array(Image.open(layout.saliency_path(name)))
        Image.fromarray(np.where(saliency > 127, 255, 0).astype(np.uint8)).save(layout.saliency_path(name))
    expected = load(image_id)
    for name in [*layout.ids("train"), *layout.ids("val")]:
        saliency = np.array(Image.open(layout.saliency_path(name)))
        Image.fromarray(saliency // 255).save(layout.saliency_path(name))
    images = ListedImages(open_layout(settings().data), layout.ids("train"), {"tags"})
    made = map_loader(images, sgan_input(settings()))(image_id)
    assert map_decisions(settings())["saliency_largest"] == 1
    assert expected.keys() == made.keys()
    for name, value in expected.items():
        assert np.array_equal(np.asarray(value), np.asarray(made[name])), name


def test_a_mask_takes_the_place_of_the_seed(settings, work):
    layout = open_layout(settings().data)
    masked = sorted(layout.ids("train"))[0]
    (work / "data" / "ini_seed" / "seeds" / f"{masked}.png").unlink()
    data = sgan_data(settings("--semi.share", "0.25"), layout)
    assert data.samples[0]["id"] == masked
    with pytest.raises(DataError, match="initial seed"):
        _ = sgan_data(settings(), layout).samples[0]
