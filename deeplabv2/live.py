"""``demo.py live``: what a camera sees, segmented frame by frame."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

import cv2
import numpy as np

from common.engine.session import start_session
from common.errors import ConfigError, DataError
from deeplabv2.inference.one_image import SegmentImage
from deeplabv2.label_names import label_names
from deeplabv2.settings import DeepLabConfig
from deeplabv2.window import require_display

WINDOW = "DeepLab"
OPACITY = 0.5


@dataclass
class LiveConfig(DeepLabConfig):
    """Segment what a camera sees.

    Args:
        camera_id: number of the camera.
        with_crf: refine with the dense CRF (seconds per frame).
    """

    camera_id: int = 0
    with_crf: bool = False


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


def run_live(config: LiveConfig) -> int:
    """Segment frames until q is pressed.

    Raises:
        ConfigError: there is no camera or no screen.
        CheckpointError: the checkpoint cannot be used.
        DataError: the camera stops.
    """
    require_display()
    names = label_names(config)
    frames = camera_frames(config.camera_id)
    first = next(frames)
    with start_session(config.RUN.DEVICE) as session:
        segment = SegmentImage(config, config.with_crf, session.device)
        window = LiveWindow(names)
        going = window.show(*segment(first, "camera"))
        while going:
            going = window.show(*segment(next(frames), "camera"))
    frames.close()
    cv2.destroyAllWindows()
    return 0


def camera_frames(number: int) -> Generator[np.ndarray, None, None]:
    """Frames of a camera, uint8 RGB H x W x 3, without end.

    Raises:
        ConfigError: the camera is not there.
        DataError: it gives no more frames.
    """
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
