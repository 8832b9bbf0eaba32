"""Whether a window can be opened."""

from __future__ import annotations

import os
import sys

from common.errors import ConfigError


def require_display() -> None:
    """Raise :class:`ConfigError` where there is no screen: OpenCV would end the whole process."""
    if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise ConfigError("there is no screen to open a window on (DISPLAY is not set); run this at a desktop")
