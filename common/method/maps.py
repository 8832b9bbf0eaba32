"""The kind of stage that turns a trained network into maps: ``<id>.npz`` of every listed image, once, for every label rule."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from torch import device as Device
from torch import nn

from common.cam.files import Cams, read_cams, write_cams
from common.cam.inference import CamInference, PyramidLoader
from common.config import config_to_dict
from common.data.dataset import ListedImages, Part
from common.data.images import image_size
from common.data.layout import DatasetLayout
from common.data.sampling import Sample
from common.data.tag_fingerprint import DIGITS, tag_fingerprint
from common.data.tag_source import describe_tags, same_tags
from common.data.tags import Tags
from common.engine.inference import REDO, OutputFolder, images_to_files
from common.engine.session import choose_device, start_session
from common.errors import ConfigError, DataError
from common.failures import STAGE_FILE
from common.memory import memory_limit
from common.method.stage import Stage, inside
from common.method.training import Training
from common.paths import path_of_id
from common.records import read_record, require_kind

Load = Callable[[str], Sample]
Compute = Callable[[list[Sample]], list[Any]]
# (file, what compute made of an image) -> the file, atomically.
Write = Callable[[Path, Any], None]
TAGS: tuple[Part, ...] = ("tags",)
# What the readers of records count on; each stage has more of its own.
NETWORK_SHAPE = {"": "dict?", ".steps": "counts?", ".seed": "int?", ".initial_weights": "str?"}
STAGE_SHAPE = {
    **{f"network{name}": kind for name, kind in NETWORK_SHAPE.items()},
    "maps": "dict?",
    "maps.tags": "str?",
    **{f"maps.network{name}": kind for name, kind in NETWORK_SHAPE.items()},
    "result": "dict?",
    "result.crf": "str?",
    "checkpoint": "str?",
    "masked": "list[str]?",
}


def no_more(settings: Any) -> dict[str, Any]:
    return {}


@dataclass(frozen=True, kw_only=True, eq=False)
class Maps(Stage):
    """Compute the maps of every image of the list with a trained network; what is complete is skipped.

    Attributes:
        training: whose end gives the network, or the one before where the settings leave it out.
        checkpoint: settings -> a file to use in place of that; empty for none.
        load: (settings, images) -> ``id -> sample``, in worker processes.
        compute: (settings, network, device) -> ``[sample] -> [maps]``.
        write: the writer of the shared form, or of the only one where a paper wants another.
        beside: settings -> writer of the paper's own form: called first, so that where the shared file is, that is too.
        suffix: ending of the shared file.
        any_sign: whether the maps are scores of any sign, not 0..1.
        parts: what of an image is read besides its pixels.
        decides: settings -> what the maps depend on besides network, images and ``settings.cam``.
        batch_size: settings -> images of one call.
    """

    training: Training
    name: str = "cam"
    checkpoint: Callable[[Any], str] = lambda settings: settings.checkpoint
    load: Callable[[Any, ListedImages], Load] = lambda settings, images: PyramidLoader(
        images, settings.cam, limit=memory_limit(settings.engine.device)
    )
    compute: Callable[[Any, nn.Module, Device], Compute] = lambda settings, network, device: CamInference(
        network, settings.cam, device
    )
    write: Write = write_cams
    beside: Callable[[Any], Write] | None = None
    suffix: str = ".npz"
    any_sign: bool = False
    parts: Collection[Part] = TAGS
    decides: Callable[[Any], dict[str, Any]] = no_more
    batch_size: Callable[[Any], int] = lambda settings: settings.cam.batch_size
    folder: Callable[[Any], Path] = field(default_factory=partial(inside, "cams"))

    def run(self, settings: Any) -> int:
        """Write the maps.

        Raises:
            CheckpointError: the training is not finished, or is of other settings.
            ConfigError: the folder holds maps made otherwise.
        """
        if self.left_out(settings):
            print(f"{self.name}: left out by the settings")
            return 0
        layout = self.layout(settings)
        with start_session(settings.engine.device) as session:
            network, path = self.training.last(settings).trained(settings, layout, self.checkpoint(settings))
            ids = ids_by_size(layout, layout.ids(settings.split))
            report = images_to_files(
                ids,
                self.load(settings, ListedImages(layout, ids, self.parts)),
                self.writer(settings),
                OutputFolder(self.folder(settings), self.suffix, self.record(settings, layout, path), settings.force),
                session,
                compute=self.compute(settings, network, session.device),
                batch_size=self.batch_size(settings),
                workers=settings.engine.workers,
                title=self.name,
            )
        return report.exit_status(self.name)

    def writer(self, settings: Any) -> Write:
        if self.beside is None:
            return self.write
        beside, write = self.beside(settings), self.write

        def both(path: Path, maps: Any) -> None:
            beside(path, maps)
            write(path, maps)

        return both

    def record(self, settings: Any, layout: DatasetLayout, path: Path) -> dict[str, Any]:
        """Everything the maps depend on, without what only sets the pace."""
        cam = {name: value for name, value in config_to_dict(settings.cam).items() if name != "batch_size"}
        training = self.training.last(settings)
        # Maps of earlier versions do not say which tags they have; they can still be continued.
        known = {} if settings.force else record_of(self.folder(settings))
        says_tags = "tags" in self.parts and (not known or "tags" in known)
        tags = describe_tags(layout, layout.ids(settings.split)) if says_tags else ""
        return {
            "network": training.origin(settings, layout, path, given=bool(self.checkpoint(settings))),
            "images": str(layout.images),
            "split": settings.split,
            "cam": cam,
            **({"tags": known["tags"] if same_tags(str(known.get("tags", "")), tags) else tags} if says_tags else {}),
            **self.decides(settings),
        }

    def made(self, settings: Any) -> dict[str, Any]:
        """The record of the maps that are there.

        Raises:
            DataError: there are none, or they are of another version.
        """
        record = record_of(self.folder(settings))
        if not record:
            raise DataError(f"no maps in {self.folder(settings)}; run the stage {self.name} first")
        if "network" not in record:
            raise DataError(
                f"the maps in {self.folder(settings)} are of another version of the toolbox; make them again with --force"
            )
        return record

    def read(self, settings: Any, image_id: str) -> Cams:
        """The maps of an image from its file."""
        return read_cams(path_of_id(self.folder(settings), image_id, self.suffix), self.any_sign)

    def of_images(self, settings: Any, layout: DatasetLayout, ids: Sequence[str]) -> list[Any]:
        """The maps of a few images of any list, computed now: for pictures."""
        device = choose_device(settings.engine.device, 0)
        network, _ = self.training.last(settings).trained(settings, layout, self.checkpoint(settings))
        load = self.load(settings, ListedImages(layout, list(ids), self.parts))
        return self.compute(settings, network, device)([load(image_id) for image_id in ids])


@dataclass(frozen=True, kw_only=True)
class GivenMaps:
    """Maps that another run has made, as a source of label maps.

    Attributes:
        folder: settings -> where they are.
        suffix: ending of their files.
        any_sign: as of :class:`Maps`.
    """

    folder: Callable[[Any], Path]
    suffix: str = ".npz"
    any_sign: bool = False

    def made(self, settings: Any) -> dict[str, Any]:
        """The record of the maps; their folder where nothing else is known.

        Raises:
            DataError: there is no such folder.
        """
        self.require(settings)
        folder = self.folder(settings)
        return record_of(folder) or {"folder": str(folder)}

    def require(self, settings: Any) -> None:
        """Raise :class:`DataError` where there is no such folder."""
        folder = self.folder(settings)
        if not folder.is_dir():
            raise DataError(f"no maps in {folder}; make them, or correct the setting that names their folder")


class MapsRecord(Protocol):
    """What is known of maps that are not read: where they are, and how they were made."""

    @property
    def folder(self) -> Callable[[Any], Path]: ...

    def made(self, settings: Any) -> dict[str, Any]:
        """The record of the maps."""
        ...


@dataclass(frozen=True, kw_only=True)
class TagsAlone:
    """The images' tags in place of maps, for a rule that looks at label maps alone.

    Attributes:
        maps: those behind the label maps, whose network and tags results name.
    """

    maps: MapsRecord

    def folder(self, settings: Any) -> Path:
        """That of the maps."""
        return self.maps.folder(settings)

    def made(self, settings: Any) -> dict[str, Any]:
        """The record of the maps; raises as theirs."""
        return self.maps.made(settings)

    def tags(self, settings: Any, layout: DatasetLayout) -> Tags:
        """The tags of the list.

        Raises:
            ConfigError: the maps were made with others.
        """
        tags = layout.read_tags(list(dict.fromkeys(layout.ids(settings.split))))
        made = self.made(settings)
        require_kind(made, "tags", "str?", str(self.folder(settings) / STAGE_FILE), REDO)
        known: str = made.get("tags", "")
        if known and tag_fingerprint(tags)[:DIGITS] not in known:
            raise ConfigError(
                f"the maps were made with the tags {known}, not with those of {layout.tags}; give the same"
            )
        return tags


def record_of(folder: Path, name: str = STAGE_FILE) -> dict[str, Any]:
    """What the files of a folder were made with; empty where nobody has said."""
    file = folder / name
    return read_record(file, STAGE_SHAPE, REDO) if file.exists() else {}


def ids_by_size(layout: DatasetLayout, ids: list[str]) -> list[str]:
    """Ids ordered so that images of one size are neighbours and share their passes; unreadable ones come last."""

    def size(image_id: str) -> tuple[int, int]:
        try:
            return image_size(layout.image_path(image_id), layout.upright)
        except DataError:
            # The stage itself reports the image by name.
            return (1 << 30, 1 << 30)

    return sorted(ids, key=lambda image_id: (size(image_id), image_id))


def write_single_precision(path: Path, cams: Cams) -> None:
    """The shared form in single precision, for small maps that a rule compares at their own size."""
    write_cams(path, cams, np.float32)
