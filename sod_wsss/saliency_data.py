"""Saliency datasets: where images and masks lie, and what the network sees of them (sod_wsss spec, section 4.1)."""

from __future__ import annotations

import glob
import random
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageEnhance
from torch import Tensor

from common.cam.inference import ReadableImages
from common.data.dataset import ListedImages
from common.data.image_names import folder_ids
from common.data.images import read_saliency
from common.data.layout import DatasetLayout
from common.data.lists import read_list
from common.data.sampling import Sample
from common.data.transforms import ToTensors
from common.errors import DataError, require
from common.paths import path_of_id
from sod_wsss.saliency_losses import boundary_of, soften_edges

# Names of the folders of images and of masks, side by side: the README's, the published code's.
LAYOUTS = (("Images", "Masks"), ("imgs", "gt"))
BENCHMARK_FOLDER = "benchmark"
SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp")
# Masks of 0 and 1, or of class numbers, would be all but black.
LEAST_WHITE = 128
# Least and greatest draws of brightness, contrast, colour and sharpness; a tenth of a draw is the factor.
COLOUR_DRAWS = ((5, 15), (5, 15), (0, 20), (0, 30))
ENHANCERS = (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color, ImageEnhance.Sharpness)
LEAST_CROP = 0.9
TURNED_SHARE, LARGEST_ANGLE = 0.2, 15


@dataclass(frozen=True)
class SaliencyLayout(DatasetLayout):
    """Images and saliency masks of one dataset or of several below a root; an id is ``<dataset>/<name>``, or ``<name>``.

    Args:
        folders: dataset -> its folders of images, of masks, and of edge maps where there are any.
        left_out: ids that no training sees.
    """

    folders: Mapping[str, tuple[Path, Path, Path | None]] = field(default_factory=dict)
    left_out: frozenset[str] = frozenset()

    def ids(self, split: str) -> list[str]:
        """All images (``train``) but those left out, or these alone (``val``).

        Raises:
            DataError: an image has no mask, or a mask no image.
        """
        every = [image_id for name in self.folders for image_id in self.paired(name)]
        missing = sorted(self.left_out - set(every))
        if missing:
            raise DataError(f"{self.root} has no image {missing[0]}, which the list of images left out names")
        return [one for one in every if (one in self.left_out) == (split == "val")]

    def paired(self, name: str) -> list[str]:
        """The ids of one dataset; files are paired by name."""
        images, masks, _ = self.folders[name]
        stems, masked = set(folder_ids(images)), set(folder_ids(masks))
        for lacking, where in ((sorted(stems - masked), masks), (sorted(masked - stems), images)):
            if lacking:
                raise DataError(f"{where} lacks {lacking[0]} ({len(lacking)} in all); images and masks go by name")
        return [f"{name}/{stem}" if name else stem for stem in sorted(stems)]

    @property
    def upright(self) -> bool:
        """As stored: the programs of the field read the public datasets of saliency so, and their masks follow."""
        return False

    def saliency_path(self, image_id: str) -> Path:
        return self.file_of(image_id, 1)

    def image_path(self, image_id: str) -> Path:
        return self.file_of(image_id, 0)

    def edge_path(self, image_id: str) -> Path | None:
        """The map of edges of an image, None where the dataset has none."""
        return self.file_of(image_id, 2) if self.folders[self.dataset_of_id(image_id)][2] else None

    def dataset_of_id(self, image_id: str) -> str:
        return "" if "" in self.folders else image_id.split("/")[0]

    def file_of(self, image_id: str, kind: int) -> Path:
        name = self.dataset_of_id(image_id)
        folder = self.folders[name][kind]
        assert folder is not None
        base = path_of_id(folder, image_id.removeprefix(f"{name}/") if name else image_id)
        candidates = sorted(base.parent.glob(f"{glob.escape(base.name)}.*"))
        # Names may have dots: a.b.png is not a file of the image a.
        found = next((path for path in candidates if path.stem == base.name and path.suffix.lower() in SUFFIXES), None)
        if found is None:
            raise DataError(f"{folder} has no file for {image_id}; put {base.name}.png there")
        return found


def open_saliency_data(root: str, edges: str = "", left_out: str = "") -> SaliencyLayout:
    """A saliency dataset, or all of a folder of them (but not its ``benchmark``).

    Args:
        edges: name of the folder of edge maps beside images and masks (``bound``, ``namlab40``); empty for none.
        left_out: a list of names that no training sees.

    Raises:
        DataError: there is none, or a folder below the root is none.
    """
    top = Path(root)
    require(bool(root), "sod.train_root is empty: give the folder of saliency datasets with --train_root")
    if not top.is_dir():
        raise DataError(f"there is no folder {top} of saliency datasets; correct --train_root")
    own = dataset_folders(top, edges)
    found = {"": own} if own else {}
    if not own:
        inner = [path for path in sorted(top.iterdir()) if path.is_dir() and path.name != BENCHMARK_FOLDER]
        for path in inner:
            folders = dataset_folders(path, edges)
            if folders is None:
                raise DataError(f"{path} is no saliency dataset: it has neither Images and Masks nor imgs and gt")
            found[path.name] = folders
    if not found:
        raise DataError(f"{top} holds no saliency dataset: neither Images and Masks nor folders that have them")
    names = frozenset(entry.id for entry in read_list(Path(left_out))) if left_out else frozenset()
    return SaliencyLayout("folder", top, ("salient object",), top, top, top, None, {}, folders=found, left_out=names)


def dataset_folders(path: Path, edges: str) -> tuple[Path, Path, Path | None] | None:
    """The folders of images, masks and edges of a dataset; None where it is none."""
    for images, masks in LAYOUTS:
        if (path / images).is_dir() and (path / masks).is_dir():
            named = path / edges.strip("/") if edges else None
            if named is not None and not named.is_dir():
                raise DataError(f"{path} has no folder {edges} of edge maps; make it, or leave --texture out")
            return path / images, path / masks, named
    return None


class SaliencyImages(ListedImages):
    """Images with their masks as ``saliency`` (uint8, H x W) and, where the layout names them, edge maps as ``edge``."""

    def __init__(self, layout: SaliencyLayout, ids: list[str], in_memory: bool = False) -> None:
        super().__init__(layout, ids, {"saliency"})
        self.pairs = layout
        self.kept: dict[str, Sample] | None = {} if in_memory else None

    def read(self, image_id: str) -> Sample:
        if self.kept is not None and image_id in self.kept:
            return self.kept[image_id]
        sample = super().read(image_id)
        if 0 < sample["saliency"].max() < LEAST_WHITE:
            raise DataError(
                f"the mask of {image_id} has no value above {sample['saliency'].max()}; masks are 0 and 255: is it a label map?"
            )
        edges = self.pairs.edge_path(image_id)
        if edges is not None:
            sample["edge"] = read_saliency(edges, self.pairs.upright)
            if sample["edge"].max() == 1:
                raise DataError(f"{edges} holds 0 and 1 alone, almost black; edge maps are 0 to 255")
        if self.kept is not None:
            self.kept[image_id] = sample
        return sample


def crop_region(width: int, height: int, crop_width: int, crop_height: int) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of a crop in the middle of an image."""
    left, top = (width - crop_width) >> 1, (height - crop_height) >> 1
    return left, top, (width + crop_width) >> 1, (height + crop_height) >> 1


def enhance_colours(picture: Image.Image, draws: Collection[int]) -> Image.Image:
    """A picture with other brightness, contrast, colour and sharpness, each a tenth of its draw."""
    for enhancer, draw in zip(ENHANCERS, draws, strict=True):
        picture = enhancer(picture).enhance(draw / 10)
    return picture


def turned(picture: Image.Image, angle: int) -> Image.Image:
    """Rotated by degrees, corners 0; bicubic for masks too, which become grey there, as published."""
    return picture.rotate(angle, Image.Resampling.BICUBIC)


@dataclass
class SaliencyInputConfig:
    """What the saliency network sees of an image in training.

    Args:
        augment: flips, crops, rotations and colours change at random.
        upside_down: half of the images are turned upside down, as published.
        turned_masks: how masks are rotated: grey (bicubic, as published) or nearest.
    """

    augment: bool = True
    upside_down: bool = True
    turned_masks: str = "grey"

    def __post_init__(self) -> None:
        require(
            self.turned_masks in ("grey", "nearest"),
            f"turned_masks is {self.turned_masks!r}; use grey (as published) or nearest",
        )


class SaliencyAugmentation:
    """``(sample, rng) -> sample``: flips, a crop in the middle, a rotation, colours; then tensors of a square.

    From ``image`` (uint8, H x W x 3), ``saliency`` and perhaps ``edge`` (uint8, H x W) to ``image`` (float32, 3 x S x S,
    normalised), ``saliency`` and ``edge`` (float32, 1 x S x S, 0..1).
    """

    def __init__(self, side: int, config: SaliencyInputConfig) -> None:
        self.side, self.config = side, config

    def __call__(self, sample: Sample, rng: random.Random) -> Sample:
        pictures: dict[str, Image.Image] = {
            name: Image.fromarray(sample[name]) for name in ("image", "saliency", "edge") if name in sample
        }
        if self.config.augment:
            pictures = self.moved(pictures, rng)
            draws = [rng.randint(least, greatest) for least, greatest in COLOUR_DRAWS]
            pictures["image"] = enhance_colours(pictures["image"], draws)
        return {"id": sample["id"], **saliency_tensors(pictures, self.side)}

    def moved(self, pictures: dict[str, Image.Image], rng: random.Random) -> dict[str, Image.Image]:
        """All pictures flipped, cropped and rotated alike."""
        flips = [Image.Transpose.FLIP_LEFT_RIGHT] if rng.random() < 0.5 else []
        if self.config.upside_down and rng.random() < 0.5:
            flips.append(Image.Transpose.FLIP_TOP_BOTTOM)
        width, height = pictures["image"].size
        crop = [rng.randrange(min(int(LEAST_CROP * side), side - 1), side) for side in (width, height)]
        box = crop_region(width, height, max(1, crop[0]), max(1, crop[1]))
        angle = rng.randrange(-LARGEST_ANGLE, LARGEST_ANGLE) if rng.random() < TURNED_SHARE else 0
        moved = {}
        for name, picture in pictures.items():
            for flip in flips:
                picture = picture.transpose(flip)
            picture = picture.crop(box)
            if angle:
                whole = name != "image" and self.config.turned_masks == "nearest"
                picture = picture.rotate(angle) if whole else turned(picture, angle)
            moved[name] = picture
        return moved


def unit_tensor(picture: Image.Image) -> Tensor:
    """A grey picture as float32 1 x H x W in 0..1."""
    return torch.from_numpy(np.array(picture, np.float32) / 255)[None]


def saliency_tensors(pictures: Mapping[str, Image.Image], side: int, validation: bool = False) -> dict[str, Tensor]:
    """The pictures at ``side`` x ``side``: the image normalised, masks in 0..1; edges softened, of the mask where none are given.

    Args:
        validation: masks are reduced bilinearly, as the published validation does.
    """
    size = (side, side)
    image = np.asarray(pictures["image"].resize(size, Image.Resampling.BILINEAR))
    made = {"image": ToTensors().image(image)}
    if "saliency" in pictures:
        kind = Image.Resampling.BILINEAR if validation else Image.Resampling.NEAREST
        made["saliency"] = unit_tensor(pictures["saliency"].resize(size, kind))
        given = "edge" in pictures
        edges = unit_tensor(pictures["edge"].resize(size, Image.Resampling.NEAREST)) if given else None
        raw = boundary_of(made["saliency"][None])[0] if edges is None else edges
        made["edge"] = soften_edges(raw[None])[0]
    return made


class SaliencySquares:
    """``id -> sample`` in worker processes: ``image`` (float32, 3 x S x S, normalised) and ``size`` (height, width) of the file."""

    def __init__(self, images: ReadableImages, side: int) -> None:
        self.images, self.side = images, side

    def __call__(self, image_id: str) -> Sample:
        image = self.images.read(image_id)["image"]
        return {"size": image.shape[:2], **saliency_tensors({"image": Image.fromarray(image)}, self.side)}
