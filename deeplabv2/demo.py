"""``python deeplabv2/demo.py single | live -c CONFIG -m CHECKPOINT [flags]``: one image, or a camera."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from common.data.images import read_image
from common.engine.session import start_session
from common.errors import ConfigError, run_command
from common.files import atomic_write
from common.visual.overlay import label_overlay
from common.visual.panels import png_bytes, side_by_side
from deeplabv2 import flags
from deeplabv2.command_line import Command, Program, run_command_line
from deeplabv2.inference.one_image import Segmented, SegmentImage
from deeplabv2.label_names import label_names
from deeplabv2.live import LiveConfig, run_live
from deeplabv2.settings import DeepLabConfig
from deeplabv2.window import require_display

COLUMNS = 4
# What does not belong to a label is shown this dark in its panel.
DIMMED = 0.25


@dataclass
class SingleConfig(DeepLabConfig):
    """Segment one image and make a picture of it.

    Args:
        image_path: the image.
        out: the picture; empty for <image>_segmented.png in the current folder.
        show: also open a window.
        with_crf: refine with the dense CRF.
    """

    image_path: str = ""
    out: str = ""
    show: bool = False
    with_crf: bool = False


def run_single(config: SingleConfig) -> int:
    """Write a picture with the image, the overlay and a panel for every label found.

    Raises:
        ConfigError: an argument is missing, or a window is wanted where there is no screen.
        CheckpointError: the checkpoint cannot be used.
        DataError: the image cannot be read.
    """
    if not config.image_path:
        raise ConfigError("the demo needs an image: -i FILE")
    if config.show:
        require_display()
    names = label_names(config)
    image = read_image(Path(config.image_path))
    with start_session(config.RUN.DEVICE) as session:
        segmented = SegmentImage(config, config.with_crf, session.device)(image, config.image_path)
    picture = panels(segmented, names)
    out = Path(config.out or f"{Path(config.image_path).stem}_segmented.png")
    atomic_write(out, lambda file: file.write(png_bytes(picture)))
    shares = ", ".join(f"{names[label]} {share:.1%}" for label, share in label_shares(segmented.label_map))
    print(f"{config.image_path}: {shares}\nPicture: {out}")
    if config.show:
        show_picture(picture, config.image_path)
    return 0


def panels(segmented: Segmented, names: Sequence[str]) -> np.ndarray:
    """The image, all labels over it, and for every label found the image with all else dimmed; uint8 RGB."""
    image, label_map = segmented
    pictures, titles = [image, label_overlay(image, label_map)], ["image", "labels"]
    for label, share in label_shares(label_map):
        visible = np.where(label_map == label, 1.0, DIMMED)
        pictures.append((image * visible[..., None]).astype(np.uint8))
        titles.append(f"{names[label]} ({share:.1%})")
    return side_by_side(pictures, titles, columns=COLUMNS)


def label_shares(label_map: np.ndarray) -> list[tuple[int, float]]:
    """The labels found and the share of pixels of each, in 0..1, by label number."""
    labels, counts = np.unique(label_map, return_counts=True)
    return [(int(label), float(count / label_map.size)) for label, count in zip(labels, counts, strict=True)]


def show_picture(picture: np.ndarray, title: str) -> None:
    """Open a window and wait until it is closed."""
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(num=title)
    axes.imshow(picture)
    axes.set_axis_off()
    figure.tight_layout()
    pyplot.show()


COMMANDS: dict[str, Command | Program] = {
    "single": Command(
        "Segment one image; writes a picture with one panel for every label found.",
        SingleConfig,
        run_single,
        flags.SINGLE,
    ),
    "live": Command(
        "Segment what a camera sees, in a window: q ends it, a click says the label.", LiveConfig, run_live, flags.LIVE
    ),
}


def main(argv: Sequence[str] | None = None) -> int:
    return run_command_line("deeplabv2/demo.py", COMMANDS, argv, flags.SHARED)


if __name__ == "__main__":
    run_command(main)
