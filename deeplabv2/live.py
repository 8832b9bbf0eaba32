"""``demo.py live``: what a camera sees, segmented frame by frame in a window."""

from __future__ import annotations

import os
import sys
from collections.abc import Generator

import cv2
import numpy as np

from common.errors import ConfigError, DataError

WINDOW = "DeepLab"
OPACITY = 0.5


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
