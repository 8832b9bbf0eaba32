"""Saliency maps of a folder of images with a trained saliency network: ``python sod_wsss/make_saliency.py FOLDER --network RUN``."""

import argparse
import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from common.config import parse_config
from common.data.layout import DatasetLayout
from common.errors import CheckpointError, DataError, run_command
from sod_wsss.saliency_stages import BEST_FILE, LAST_FILE, SALIENCY
from sod_wsss.settings import SodWsssSettings

PUBLISHED_IMAGES = "JPEGImages"
IMAGE_FOLDERS = ("images", PUBLISHED_IMAGES, "Images")
SALIENCY_FOLDER = "Sal"
RECORDED_SETTINGS = "config.yaml"


def images_below(folder: Path) -> Path:
    """The folder of images: one of the usual names inside of ``folder``, else itself."""
    if not folder.is_dir():
        raise DataError(f"there is no folder {folder}; give the folder of your images")
    return next((folder / name for name in IMAGE_FOLDERS if (folder / name).is_dir()), folder)


class ImagesAsStored(DatasetLayout):
    """Images whose EXIF orientation is not looked at, as of the VOC layout."""

    @property
    def upright(self) -> bool:
        return False


def layout_of_images(images: Path) -> DatasetLayout:
    """All images of a folder and of those below it, without lists or tags; those of the VOC layout as stored, others upright."""
    kind = ImagesAsStored if images.name == PUBLISHED_IMAGES else DatasetLayout
    return kind("folder", images.parent, ("salient object",), images, images, images, None, {})


def settings_of_network(network: Path, configs: Sequence[str], rest: Sequence[str]) -> SodWsssSettings:
    """The settings of a trained network: those recorded beside it, then the given ones.

    Args:
        network: the folder of a training (with ``config.yaml``), or a file of tensors in it or from elsewhere.

    Raises:
        CheckpointError: there is no finished training.
    """
    run = network if network.is_dir() else network.parent.parent
    file = network
    if network.is_dir():
        file = next((run / one for one in (BEST_FILE, LAST_FILE) if (run / one).is_file()), run / LAST_FILE)
    if not file.is_file():
        raise CheckpointError(f"there is no trained network {file}; train it to its end with sod_wsss/SOD_train.py")
    recorded = run / RECORDED_SETTINGS
    files = [str(recorded)] if recorded.is_file() else []
    given = [word for config in (*files, *configs) for word in ("-c", config)]
    # The network is one that is given: neither its training nor its dataset have to be there any more.
    own = ["--sod.given_network", str(file), "--sod.log_path", ""]
    return parse_config(SodWsssSettings, [*given, *own, *rest], program="make_saliency.py")


def main(argv: Sequence[str] | None = None) -> int:
    """Write the maps; what is there is skipped. 1 when an image failed, else 0."""
    parser = argparse.ArgumentParser(prog="make_saliency.py", description=__doc__)
    parser.add_argument("folder", type=Path, help="the images, or a folder with images, JPEGImages or Images inside")
    parser.add_argument("--network", type=Path, required=True, help="folder of a training, or a file of tensors")
    parser.add_argument("--out", type=Path, help="where the maps go (default: Sal beside the images)")
    parser.add_argument("-c", "--config", action="append", default=[], help="settings of a network from elsewhere")
    given, rest = parser.parse_known_args(argv)
    images = images_below(given.folder)
    out = given.out or images.parent / SALIENCY_FOLDER
    settings = settings_of_network(given.network, given.config, rest)
    layout = layout_of_images(images)
    status = dataclasses.replace(SALIENCY, layout=lambda _: layout, folder=lambda _: out).run(settings)
    print(f"maps in {out}")
    return status


if __name__ == "__main__":
    run_command(main)
