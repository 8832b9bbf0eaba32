"""The methods by name: every folder beside ``common`` with a ``method.py``, plain CAM, and any module that declares one."""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path

from common.errors import ConfigError
from common.method.method import Method
from common.method.settings import TOP

# Plain CAM is a method like the others; it lies here since every method is compared with it.
PLAIN_CAM = "plain_cam"


def method_names() -> list[str]:
    """Plain CAM, then the method folders in alphabetical order."""
    return [PLAIN_CAM, *sorted(path.parent.name for path in TOP.glob("*/method.py"))]


def find_method(name: str) -> Method:
    """The method of a folder, or of a module by its dotted name (``tests.common.method.focal_cam``).

    Raises:
        ConfigError: there is none.
    """
    if name == PLAIN_CAM:
        module = f"{__package__}.{PLAIN_CAM}"
    elif name in method_names():
        module = f"{name}.method"
    elif "." in name and is_module(name):
        module = name
    else:
        raise ConfigError(
            f"there is no method {name!r}; there is {', '.join(method_names())}, and any module that declares METHOD"
        )
    found = getattr(importlib.import_module(module), "METHOD", None)
    if not isinstance(found, Method):
        raise ConfigError(f"{module} declares no METHOD; see common/method")
    return found


def is_module(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        # A package on the way to it is missing.
        return False


def config_for(method: Method, data: str) -> Path:
    """A method's configuration for a dataset.

    Args:
        data: ``voc``, ``toy``, or the name of a configuration (``coco``, ``voc_animals``, ``folder``).

    Raises:
        ConfigError: it has none.
    """
    paper, toy = method.configs
    declared = {"voc": paper, "toy": toy}.get(data)
    if declared is not None:
        return declared
    folder = TOP / "common" / "method" if method.name == PLAIN_CAM else TOP / method.name
    found = sorted(path for path in folder.rglob(f"{data}.y*ml") if path.parent.name in ("config", "configs"))
    if not found:
        raise ConfigError(
            f"{method.name} has no configuration {data}.yaml with settings for this dataset; write one, or leave the method out"
        )
    return found[0]
