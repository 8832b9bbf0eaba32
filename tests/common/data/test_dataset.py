from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from common.data.dataset import ListedImages
from common.data.layout import DataConfig, open_layout
from common.errors import DataError

PARTS = ("mask", "saliency", "tags")


def save(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)


@pytest.fixture
def layout(tmp_path):
    """Images one, two and three; three has another mask size, no saliency map and no tags."""
    for number, name in enumerate(("one", "two", "three")):
        save(tmp_path / "images" / f"{name}.png", np.full((8, 10, 3), number, np.uint8))
        save(tmp_path / "masks" / f"{name}.png", np.full((8, 10), number, np.uint8))
        save(tmp_path / "saliency" / f"{name}.png", np.full((8, 10), 10 * number, np.uint8))
    save(tmp_path / "masks" / "three.png", np.zeros((10, 8), np.uint8))
    (tmp_path / "saliency" / "three.png").unlink()
    (tmp_path / "tags.csv").write_text("one,cat\ntwo,cat dog\n")
    return open_layout(DataConfig(dataset="folder", root=str(tmp_path), masks="masks", saliency="saliency"))


def test_a_sample_holds_what_was_asked_for(layout):
    sample = ListedImages(layout, ["two", "one"], parts=PARTS)[0]
    assert sample.keys() == {"id", "image", *PARTS}
    assert sample["id"] == "two" and sample["image"].shape == (8, 10, 3)
    assert (sample["mask"] == 1).all() and (sample["saliency"] == 10).all()
    assert sample["tags"].tolist() == [1, 1] and sample["tags"].dtype == np.float32
    assert ListedImages(layout, ["one"])[0].keys() == {"id", "image"}


def test_the_order_is_that_of_the_list(layout):
    images = ListedImages(layout, ["two", "one"])
    assert len(images) == 2
    assert [images[index]["id"] for index in range(2)] == ["two", "one"]


def test_a_list_may_name_an_image_several_times(layout):
    images = ListedImages(layout, ["two", "one", "two"], {"tags"})
    assert [sample["id"] for sample in images] == ["two", "one", "two"]


def test_masks_can_come_from_elsewhere(layout, tmp_path):
    save(tmp_path / "pseudo" / "one.png", np.full((8, 10), 7, np.uint8))
    images = ListedImages(layout, ["one"], {"mask"}, mask_path=lambda name: tmp_path / "pseudo" / f"{name}.png")
    assert (images[0]["mask"] == 7).all()


def test_an_empty_list_is_an_error(layout):
    with pytest.raises(DataError, match="list of images of .* is empty"):
        ListedImages(layout, [])


def test_a_mask_of_another_size_is_an_error_that_names_the_image(layout):
    with pytest.raises(DataError, match="three: the mask is 10x8 but the image is 8x10"):
        ListedImages(layout, ["three"], {"mask"})[0]


def test_a_missing_saliency_map_is_an_error_that_names_the_image(layout):
    with pytest.raises(DataError, match="'three'"):
        ListedImages(layout, ["one", "three"], {"saliency"})[1]


def test_missing_tags_are_an_error_at_once_that_names_the_image(layout):
    with pytest.raises(DataError, match="three"):
        ListedImages(layout, ["one", "three"], {"tags"})


def test_a_missing_image_is_an_error_that_names_it(layout):
    with pytest.raises(DataError, match="'four'"):
        ListedImages(layout, ["four"])[0]
