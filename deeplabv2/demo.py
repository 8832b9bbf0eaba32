"""``python deeplabv2/demo.py single | live -c CONFIG -m CHECKPOINT [flags]``: one image, or a camera."""

from __future__ import annotations

import os
import sys
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import torch

from common.bounds import bounded
from common.commands import Command, Flag, Program, run_commands
from common.data.images import read_image
from common.engine.session import start_session
from common.errors import ConfigError, DataError, run_command
from common.files import atomic_write
from common.visual.overlay import label_overlay
from common.visual.panels import png_bytes, side_by_side
from deeplabv2.aliases import ALIASES
from deeplabv2.crf import image_crf
from deeplabv2.dataset import label_names
from deeplabv2.inference import Predictor, largest_label
from deeplabv2.networks.registry import load_network
from deeplabv2.samples import demo_image
from deeplabv2.settings import RefinedConfig
from deeplabv2.test import existing_checkpoint, form_of
from deeplabv2.train import convention_of

# What does not belong to a label is shown this dark in its panel.
DIMMED = 0.25
WINDOW = "DeepLab"
OPACITY = 0.5


@dataclass
class DemoConfig(RefinedConfig):
    """Segment one image, or what a camera sees.

    Args:
        image_path: the image.
        picture: the picture to write (--out); empty for <image>_segmented.png in the current folder.
        show: also open a window.
        camera_id: number of the camera.
    """

    image_path: str = ""
    picture: str = ""
    show: bool = False
    camera_id: int = bounded(0, least=0, most=1000)


class Segmented(NamedTuple):
    """An image, uint8 RGB H x W x 3 at the size at which it was segmented, and its label map, uint8 H x W."""

    image: np.ndarray
    label_map: np.ndarray


class SegmentImage:
    """``image -> Segmented``: longer side at image.test_size, softmax, CRF if wanted, largest label (deeplabv2 spec, section 6)."""

    def __init__(self, config: RefinedConfig, device: torch.device) -> None:
        if not config.checkpoint:
            raise ConfigError("the demo needs a checkpoint: -m FILE")
        network = load_network(config.network, existing_checkpoint(Path(config.checkpoint)))
        self.predictor = Predictor(form_of(config, long_side=0), network, device)
        self.convention, self.long_side = convention_of(config), config.image.test_size
        self.crf = image_crf(config) if config.with_crf else None

    def __call__(self, image: np.ndarray, name: str) -> Segmented:
        """Segment an image, uint8 RGB H x W x 3; ``name`` is for messages."""
        shown, form = demo_image(image, self.long_side or max(image.shape[:2])), self.predictor.form
        size = (shown.shape[0], shown.shape[1])
        inputs = form.inputs(shown, self.convention)
        (prediction,) = self.predictor([{"id": name, "path": Path(name), "inputs": inputs, "size": size, "tags": None}])
        probabilities = form.probabilities(prediction.logits, size)
        if self.crf:
            probabilities = self.crf(shown, probabilities)
        return Segmented(shown, largest_label(probabilities))


def run_single(config: DemoConfig) -> int:
    """Write a picture with the image, the overlay and a panel for every label found."""
    if not config.image_path:
        raise ConfigError("the demo needs an image: -i FILE")
    if config.show:
        require_display()
    names = label_names(config.data, config.network.n_labels)
    image = read_image(Path(config.image_path), upright=True)
    with start_session(config.engine.device) as session:
        segmented = SegmentImage(config, session.device)(image, config.image_path)
    picture = panels(segmented, names)
    out = Path(config.picture or f"{Path(config.image_path).stem}_segmented.png")
    atomic_write(out, lambda file: file.write(png_bytes(picture)))
    shares = ", ".join(f"{names[label]} {share:.1%}" for label, share in label_shares(segmented.label_map))
    print(f"{config.image_path}: {shares}\nPicture: {out}")
    if config.show:
        show_picture(picture, config.image_path)
    return 0


def run_live(config: DemoConfig) -> int:
    """Segment frames until q is pressed."""
    require_display()
    names = label_names(config.data, config.network.n_labels)
    frames = camera_frames(config.camera_id)
    first = next(frames)
    with start_session(config.engine.device) as session:
        segment = SegmentImage(config, session.device)
        window = LiveWindow(names)
        going = window.show(*segment(first, "camera"))
        while going:
            going = window.show(*segment(next(frames), "camera"))
    frames.close()
    cv2.destroyAllWindows()
    return 0


def panels(segmented: Segmented, names: Sequence[str]) -> np.ndarray:
    """The image, all labels over it, and for every label found the image with all else dimmed; uint8 RGB H x W x 3."""
    image, label_map = segmented
    pictures, titles = [image, label_overlay(image, label_map)], ["image", "labels"]
    for label, share in label_shares(label_map):
        visible = np.where(label_map == label, 1.0, DIMMED)
        pictures.append((image * visible[..., None]).astype(np.uint8))
        titles.append(f"{names[label]} ({share:.1%})")
    return side_by_side(pictures, titles, columns=4)


def label_shares(label_map: np.ndarray) -> list[tuple[int, float]]:
    """The labels found and the share of pixels of each, in 0..1, by label number."""
    labels, counts = np.unique(label_map, return_counts=True)
    return [(int(label), float(count / label_map.size)) for label, count in zip(labels, counts, strict=True)]


def show_picture(picture: np.ndarray, title: str) -> None:
    """Open a window with a picture, uint8 RGB H x W x 3, and wait until it is closed."""
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(num=title)
    axes.imshow(picture)
    axes.set_axis_off()
    figure.tight_layout()
    pyplot.show()


def require_display() -> None:
    """Raise :class:`ConfigError` where there is no screen: OpenCV would end the whole process."""
    if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise ConfigError("there is no screen to open a window on (DISPLAY is not set); run this at a desktop")


class LiveWindow:
    """The window: shows frames under their labels, says the label under a click."""

    def __init__(self, names: list[str]) -> None:
        self.names = names
        self.label_map = np.zeros((1, 1), np.uint8)
        try:
            cv2.namedWindow(WINDOW, cv2.WINDOW_AUTOSIZE)
            cv2.setMouseCallback(WINDOW, self.say_label)
        except cv2.error as error:
            raise ConfigError(f"this OpenCV cannot open windows ({error.err}); install opencv-python") from error

    def show(self, image: np.ndarray, label_map: np.ndarray) -> bool:
        """Draw a frame, uint8 RGB H x W x 3, half covered by the jet colours of its labels; False once q was pressed."""
        self.label_map = label_map
        colours = cv2.applyColorMap((label_map * (255 / len(self.names))).astype(np.uint8), cv2.COLORMAP_JET)
        cv2.imshow(WINDOW, cv2.addWeighted(image[..., ::-1].copy(), 1 - OPACITY, colours, OPACITY, 0))
        return cv2.waitKey(10) != ord("q")

    def say_label(self, event: int, x: int, y: int, flags: int, data: object) -> None:
        height, width = self.label_map.shape
        if event == cv2.EVENT_LBUTTONDOWN and y < height and x < width:
            print(self.names[self.label_map[y, x]])


def camera_frames(number: int) -> Generator[np.ndarray, None, None]:
    """Frames of a camera, uint8 RGB H x W x 3, without end."""
    camera = cv2.VideoCapture(number)
    try:
        if not camera.isOpened():
            raise ConfigError(f"camera {number} cannot be opened; connect it, or choose another one with --camera-id")
        camera.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"YUYV"))
        while True:
            there, frame = camera.read()
            if not there:
                raise DataError(f"camera {number} gives no picture; connect it again")
            yield np.ascontiguousarray(frame[..., ::-1])
    finally:
        camera.release()


SHARED_FLAGS = (
    Flag(("-m", "--model-path"), "--checkpoint", "FILE", "checkpoint"),
    Flag(("--crf",), "--with_crf", "", "refine with the dense CRF"),
)
SINGLE = (
    Flag(("-i", "--image-path"), "--image_path", "FILE", "the image"),
    Flag(("--out",), "--picture", "FILE", "the picture to write (default: <image>_segmented.png where you are)"),
    Flag(("--show",), "--show", "", "also open a window"),
)
LIVE = (Flag(("--camera-id",), "--camera_id", "N", "which camera (default 0)"),)

COMMANDS: dict[str, Command | Program] = {
    "single": Command(
        "Segment one image; writes a picture with one panel for every label found.",
        DemoConfig,
        run_single,
        SHARED_FLAGS + SINGLE,
        ALIASES,
    ),
    "live": Command(
        "Segment what a camera sees, in a window: q ends it, a click says the label.",
        DemoConfig,
        run_live,
        SHARED_FLAGS + LIVE,
        ALIASES,
    ),
}


def main(argv: Sequence[str] | None = None) -> int:
    return run_commands("deeplabv2/demo.py", COMMANDS, argv)


if __name__ == "__main__":
    run_command(main)
