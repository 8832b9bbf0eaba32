"""Saliency datasets: how images find their masks, and what a training sample is made of."""

import random

import numpy as np
import pytest
import torch
from PIL import Image

from common.errors import ConfigError, DataError
from sod_wsss.saliency_data import (
    COLOUR_DRAWS,
    SaliencyAugmentation,
    SaliencyImages,
    SaliencyInputConfig,
    crop_region,
    open_saliency_data,
)
from sod_wsss.saliency_losses import boundary_of, soften_edges

HEIGHT, WIDTH = 30, 40
README, CODE = ("Images", "Masks"), ("imgs", "gt")


def box(height=HEIGHT, width=WIDTH):
    mask = np.zeros((height, width), np.uint8)
    mask[height // 3 : 2 * height // 3, width // 4 : width // 2] = 255
    return mask


def save(path, levels):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(levels).save(path)


def dataset(root, names=("a", "b"), layout=README, **extra):
    """A saliency dataset at a folder, with further folders of grey maps."""
    images, masks = layout
    for name in names:
        save(root / images / f"{name}.jpg", np.full((HEIGHT, WIDTH, 3), 90, np.uint8))
        save(root / masks / f"{name}.png", box())
        for folder, levels in extra.items():
            save(root / folder / f"{name}.png", levels)
    return root


# --- Layouts. ---


@pytest.mark.parametrize("layout", [README, CODE])
def test_a_root_is_a_dataset_itself_in_both_layouts(tmp_path, layout):
    data = open_saliency_data(str(dataset(tmp_path, layout=layout)))
    assert data.ids("train") == ["a", "b"]
    assert data.image_path("a") == tmp_path / layout[0] / "a.jpg"
    assert data.saliency_path("a") == tmp_path / layout[1] / "a.png"
    assert data.edge_path("a") is None


def test_all_datasets_below_a_root_are_one_but_not_the_benchmarks(tmp_path):
    dataset(tmp_path / "DUTS-TR")
    dataset(tmp_path / "MSRA10K", names=("a",), layout=CODE)
    dataset(tmp_path / "benchmark" / "ECSSD")
    data = open_saliency_data(str(tmp_path))
    assert data.ids("train") == ["DUTS-TR/a", "DUTS-TR/b", "MSRA10K/a"]
    assert data.saliency_path("MSRA10K/a") == tmp_path / "MSRA10K" / "gt" / "a.png"


@pytest.mark.parametrize(("folder", "lacking"), [("Masks", "b"), ("Images", "b")])
def test_a_file_without_its_partner_is_named(tmp_path, folder, lacking):
    dataset(tmp_path)
    next((tmp_path / folder).glob("b.*")).unlink()
    with pytest.raises(DataError, match=rf"{folder} lacks {lacking} \(1 in all\)"):
        open_saliency_data(str(tmp_path)).ids("train")


def test_files_are_paired_by_name_not_by_order(tmp_path):
    """Sorted side by side, ``a10`` would get the mask of ``a1``."""
    names = ("a1", "a10", "a2")
    dataset(tmp_path, names)
    for number, name in enumerate(names):
        save(tmp_path / "Masks" / f"{name}.png", np.full((HEIGHT, WIDTH), 200 + number, np.uint8))
    images = SaliencyImages(open_saliency_data(str(tmp_path)), list(names))
    assert [int(images.read(name)["saliency"][0, 0]) for name in names] == [200, 201, 202]


@pytest.mark.parametrize("name", ["a.b", "with space", "deep/er", "0001 [2]"])
def test_names_may_hold_dots_spaces_and_folders(tmp_path, name):
    dataset(tmp_path, (name,))
    data = open_saliency_data(str(tmp_path))
    assert data.ids("train") == [name]
    assert SaliencyImages(data, [name]).read(name)["saliency"].shape == (HEIGHT, WIDTH)


def test_a_name_that_begins_another_one_has_its_own_files(tmp_path):
    data = open_saliency_data(str(dataset(tmp_path, ("a", "a.b"))))
    assert [data.saliency_path(name).name for name in ("a", "a.b")] == ["a.png", "a.b.png"]


@pytest.mark.parametrize("value", [2, 20])
def test_a_label_map_in_the_place_of_a_mask_is_named(tmp_path, value):
    dataset(tmp_path, ("a",))
    save(tmp_path / "Masks" / "a.png", np.where(box() > 0, value, 0).astype(np.uint8))
    with pytest.raises(DataError, match=f"the mask of a has no value above {value}; masks are 0 and 255"):
        SaliencyImages(open_saliency_data(str(tmp_path)), ["a"]).read("a")


def test_masks_of_zero_and_one_are_read_as_zero_and_255(tmp_path, capsys):
    dataset(tmp_path, ("a", "b"))
    for name in ("a", "b"):
        save(tmp_path / "Masks" / f"{name}.png", (box() > 0).astype(np.uint8))
    data = open_saliency_data(str(tmp_path))
    assert np.array_equal(SaliencyImages(data, ["a"]).read("a")["saliency"], np.where(box() > 0, 255, 0))
    assert "none of 2 goes above 1" in capsys.readouterr().err


def test_one_mask_of_zero_and_one_among_others_is_named(tmp_path):
    dataset(tmp_path, ("a", "b"))
    save(tmp_path / "Masks" / "a.png", (box() > 0).astype(np.uint8))
    with pytest.raises(DataError, match="the mask of a has no value above 1"):
        SaliencyImages(open_saliency_data(str(tmp_path)), ["a"]).read("a")


def test_a_mask_without_an_object_is_taken(tmp_path):
    dataset(tmp_path, ("a",))
    save(tmp_path / "Masks" / "a.png", np.zeros((HEIGHT, WIDTH), np.uint8))
    assert not SaliencyImages(open_saliency_data(str(tmp_path)), ["a"]).read("a")["saliency"].any()


def test_a_mask_of_another_size_is_named(tmp_path):
    dataset(tmp_path)
    save(tmp_path / "Masks" / "a.png", box(HEIGHT, WIDTH + 1))
    with pytest.raises(DataError, match=r"\ba\b"):
        SaliencyImages(open_saliency_data(str(tmp_path)), ["a"]).read("a")


def test_a_folder_below_the_root_that_is_no_dataset_is_named(tmp_path):
    dataset(tmp_path / "DUTS-TR")
    (tmp_path / "stray").mkdir()
    with pytest.raises(DataError, match="stray is no saliency dataset"):
        open_saliency_data(str(tmp_path))


def test_a_root_that_is_none_is_refused(tmp_path):
    with pytest.raises(DataError, match="holds no saliency dataset"):
        open_saliency_data(str(tmp_path))
    with pytest.raises(DataError, match="there is no folder"):
        open_saliency_data(str(tmp_path / "nowhere"))
    with pytest.raises(ConfigError, match="train_root"):
        open_saliency_data("")


def test_edge_maps_lie_beside_the_masks(tmp_path):
    dataset(tmp_path, namlab40=np.full((HEIGHT, WIDTH), 7, np.uint8))
    images = SaliencyImages(open_saliency_data(str(tmp_path), edges="/namlab40/"), ["a"])
    assert (images.read("a")["edge"] == 7).all()
    with pytest.raises(DataError, match="no folder teed"):
        open_saliency_data(str(tmp_path), edges="teed")


def test_images_of_a_list_are_left_for_the_validation(tmp_path):
    dataset(tmp_path, ("a", "b", "c"))
    (tmp_path / "list.txt").write_text("b\n")
    data = open_saliency_data(str(tmp_path), left_out=str(tmp_path / "list.txt"))
    assert (data.ids("train"), data.ids("val")) == (["a", "c"], ["b"])
    (tmp_path / "list.txt").write_text("b\nz\n")
    with pytest.raises(DataError, match="no image z"):
        open_saliency_data(str(tmp_path), left_out=str(tmp_path / "list.txt")).ids("train")


def test_images_in_memory_are_read_once(tmp_path):
    images = SaliencyImages(open_saliency_data(str(dataset(tmp_path))), ["a"], in_memory=True)
    first = images.read("a")["saliency"].copy()
    (tmp_path / "Masks" / "a.png").unlink()
    np.testing.assert_array_equal(images.read("a")["saliency"], first)


# --- Training samples. ---


def sample(height=HEIGHT, width=WIDTH, **more):
    """An image whose red channel is its mask."""
    mask = box(height, width)
    image = np.stack([mask, np.full_like(mask, 60), 255 - mask], -1)
    return {"id": "a", "image": image, "saliency": mask, **more}


def augmented(seed=0, side=56, item=None, **config):
    return SaliencyAugmentation(side, SaliencyInputConfig(**config))(item or sample(), random.Random(seed))


@pytest.mark.parametrize("size", [(HEIGHT, WIDTH), (41, 23), (1, 50), (50, 1), (2, 2), (1, 1)])
def test_a_sample_of_any_size_becomes_a_square(size):
    for seed in range(6):
        made = augmented(seed, item=sample(*size))
        assert [tuple(made[name].shape) for name in ("image", "saliency", "edge")] == [(3, 56, 56), *[(1, 56, 56)] * 2]
        assert {made[name].dtype for name in ("image", "saliency", "edge")} == {torch.float32}
        for name in ("saliency", "edge"):
            assert made[name].aminmax().min >= 0
            assert made[name].aminmax().max <= 1


def test_image_and_mask_move_together(monkeypatch):
    """The mask is the upper left quarter, where the image is red and not blue; no other place fits it when it moves."""
    monkeypatch.setattr("sod_wsss.saliency_data.enhance_colours", lambda picture, draws: picture)
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[: HEIGHT // 2, : WIDTH // 2] = 255
    item = {"id": "a", "image": np.stack([mask, mask, 255 - mask], -1), "saliency": mask}
    for seed in range(20):
        made = augmented(seed, item=item)
        red, blue = made["image"][0], made["image"][2]
        assert ((red > blue) == (made["saliency"][0] > 0.5)).float().mean() > 0.95, seed


def test_the_same_draws_make_the_same_sample():
    first, second, other = augmented(3), augmented(3), augmented(4)
    assert torch.equal(first["image"], second["image"])
    assert not torch.equal(first["image"], other["image"])


def test_without_augmentation_the_whole_image_is_seen():
    first, second = augmented(0, augment=False), augmented(1, augment=False)
    assert torch.equal(first["image"], second["image"])
    assert first["saliency"].mean().item() == pytest.approx(box().mean() / 255, abs=0.02)


def test_only_what_may_be_upside_down_is():
    """The mask's top third is empty, its bottom third too; a mark in the first row tells them apart."""

    def marked_last(seed, upside_down):
        mask = np.zeros((HEIGHT, WIDTH), np.uint8)
        mask[: HEIGHT // 2] = 255
        made = augmented(seed, item={**sample(), "saliency": mask}, upside_down=upside_down)["saliency"][0]
        return bool(made[40:].mean() > made[:16].mean())

    turned_over = [marked_last(seed, True) for seed in range(40)]
    assert 8 < sum(turned_over) < 32
    assert not any(marked_last(seed, False) for seed in range(40))


@pytest.mark.parametrize(("kind", "grey"), [("grey", True), ("nearest", False)])
def test_rotated_masks_are_grey_as_published_or_stay_masks(kind, grey):
    levels = torch.cat([augmented(seed, turned_masks=kind)["saliency"].unique() for seed in range(30)])
    assert (set(levels.tolist()) != {0.0, 1.0}) == grey


def test_how_masks_are_rotated_is_checked():
    with pytest.raises(ConfigError, match="turned_masks is 'bilinear'"):
        SaliencyInputConfig(turned_masks="bilinear")


def test_edges_are_those_of_the_mask_where_none_are_given():
    made = augmented(5)
    torch.testing.assert_close(made["edge"], soften_edges(boundary_of(made["saliency"][None]))[0])
    given = np.zeros((HEIGHT, WIDTH), np.uint8)
    assert not augmented(5, item=sample(edge=given))["edge"].any()


@pytest.mark.parametrize(("width", "height"), [(400, 300), (401, 299), (42, 30), (3, 2)])
def test_a_crop_has_the_middle_of_the_image_and_lies_in_it(width, height):
    for crop_width in range(max(1, int(0.9 * width)), width):
        left, top, right, bottom = crop_region(width, height, crop_width, height - 1)
        assert 0 <= left < right <= width
        assert 0 <= top < bottom <= height
        assert abs((left + right) - width) <= 1
        assert abs((right - left) - crop_width) <= 1


def test_colours_are_drawn_from_the_published_ranges(monkeypatch):
    drawn = []
    monkeypatch.setattr(
        "sod_wsss.saliency_data.enhance_colours", lambda picture, draws: drawn.append(list(draws)) or picture
    )
    for seed in range(150):
        augmented(seed, side=4)
    lowest, highest = np.min(drawn, axis=0), np.max(drawn, axis=0)
    assert list(zip(lowest, highest, strict=True)) == list(COLOUR_DRAWS)
