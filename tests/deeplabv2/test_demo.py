"""``demo.py single`` writes a picture; ``live`` shows a camera's frames or says what is missing."""

import cv2
import numpy as np
import pytest

from common.data.images import read_image
from common.errors import CheckpointError, ConfigError, DataError
from deeplabv2.demo import Segmented, label_shares, main, panels


@pytest.fixture
def arguments(settings, checkpoint, toy):
    image = toy / "JPEGImages" / "val_0001.jpg"
    return ["-c", settings[1], "--root", str(toy), "-m", str(checkpoint), "-i", str(image), "--cpu"]


@pytest.mark.parametrize("flags", [[], ["--crf"]])
def test_single_writes_a_picture_and_says_what_it_found(arguments, tmp_path, capsys, flags):
    out = tmp_path / "pictures" / "demo.png"
    assert main(["single", *arguments, *flags, "--out", str(out), "--image.test_size", "48"]) == 0
    height, width = read_image(out).shape[:2]
    assert height >= 48 and width >= 3 * 48
    printed = capsys.readouterr().out
    assert "%" in printed and str(out) in printed


def test_without_out_the_picture_lies_where_the_command_ran(arguments, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    main(["single", *arguments])
    assert (tmp_path / "val_0001_segmented.png").is_file()


def test_there_is_a_panel_for_every_label_found():
    label_map = np.zeros((40, 60), np.uint8)
    label_map[:10] = 2
    image = np.full((40, 60, 3), 200, np.uint8)
    assert label_shares(label_map) == [(0, 0.75), (2, 0.25)]
    two = panels(Segmented(image, label_map), ["background", "cat", "dog"])
    one = panels(Segmented(image, np.zeros_like(label_map)), ["background", "cat", "dog"])
    assert two.shape[1] - one.shape[1] == 66
    assert {50, 200} <= set(np.unique(two))


@pytest.mark.parametrize(
    ("flags", "error", "message"),
    [
        (["-i", ""], ConfigError, "-i FILE"),
        (["-i", "no/such.jpg"], DataError, "no/such.jpg"),
        (["-m", ""], ConfigError, "-m FILE"),
        (["-m", "no/such.pth"], CheckpointError, "no/such.pth"),
        (["--show"], ConfigError, "no screen"),
    ],
)
def test_what_is_missing_is_named(arguments, monkeypatch, flags, error, message):
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setattr("deeplabv2.demo.sys.platform", "linux")
    with pytest.raises(error, match=message):
        main(["single", *arguments, *flags])


class Camera:
    """Stands for a camera with some frames."""

    def __init__(self, frames):
        self.frames = list(frames)

    def __call__(self, number):
        return self

    def isOpened(self):
        return bool(self.frames)

    def set(self, key, value):
        return True

    def read(self):
        return (True, self.frames.pop()) if self.frames else (False, None)

    def release(self):
        self.frames = []


@pytest.fixture
def screen(monkeypatch):
    """A screen on which windows open; holds what was shown."""
    shown = []
    monkeypatch.setenv("DISPLAY", ":0")
    for name in ("namedWindow", "setMouseCallback", "destroyAllWindows"):
        monkeypatch.setattr(cv2, name, lambda *arguments: None)
    monkeypatch.setattr(cv2, "imshow", lambda title, image: shown.append(image))
    monkeypatch.setattr(cv2, "waitKey", lambda time: ord("q") if len(shown) == 2 else -1)
    return shown


def live_arguments(arguments):
    place = arguments.index("-i")
    return arguments[:place] + arguments[place + 2 :] + ["--image.test_size", "48"]


def test_live_shows_frames_until_q_is_pressed(arguments, screen, monkeypatch):
    monkeypatch.setattr(cv2, "VideoCapture", Camera(np.full((30, 40, 3), 90, np.uint8) for _ in range(5)))
    assert main(["live", *live_arguments(arguments)]) == 0
    assert [image.shape for image in screen] == [(36, 48, 3)] * 2


def test_a_camera_that_is_not_there_or_stops_is_named(arguments, screen, monkeypatch):
    monkeypatch.setattr(cv2, "VideoCapture", Camera([]))
    with pytest.raises(ConfigError, match="camera 3 cannot be opened"):
        main(["live", *live_arguments(arguments), "--camera-id", "3"])
    monkeypatch.setattr(cv2, "VideoCapture", Camera([np.zeros((30, 40, 3), np.uint8)]))
    with pytest.raises(DataError, match="camera 0 gives no picture"):
        main(["live", *live_arguments(arguments)])
