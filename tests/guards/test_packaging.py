"""An installed toolbox is complete: every module and data file is packaged, every import is a declared requirement."""

import re
import sys
from fnmatch import fnmatch
from pathlib import PurePosixPath

import pytest

from tests.guards.source import METHODS, PACKAGES, ROOT, files, imported_modules, package_files, read, setup

# Distributions whose module has another name. TensorBoard is used through torch's writer.
MODULES = {
    "opencv-python": "cv2",
    "pillow": "PIL",
    "pydensecrf2": "pydensecrf",
    "PyYAML": "yaml",
    "tensorboard": "torch.utils.tensorboard",
}


def required_modules(requirements: str) -> set[str]:
    """The modules that a requirement list provides: ``torch>=2.4`` gives ``torch``."""
    lines = (line.strip() for line in requirements.splitlines())
    names = (re.split(r"[\s\[<>=!~;]", line)[0] for line in lines if line)
    return {MODULES.get(name, name) for name in names}


def third_party(modules: set[str]) -> set[str]:
    """The modules of ``modules`` that are neither ours nor Python's."""
    return {module for module in modules if module.split(".")[0] not in (*PACKAGES, *sys.stdlib_module_names)}


def is_shipped(name: str, patterns: list[str]) -> bool:
    """Whether the ``package_data`` patterns (``**/*.yaml``) cover a data file."""
    return any(fnmatch(PurePosixPath(name).name, PurePosixPath(pattern).name) for pattern in patterns)


def required() -> set[str]:
    return required_modules(setup()["options"]["install_requires"])


@pytest.mark.parametrize("name", package_files(".py"))
def test_every_import_is_a_declared_requirement(name):
    tops = {module.split(".")[0] for module in third_party(imported_modules(read(name)))}
    assert tops <= required(), "add it to install_requires in setup.cfg"


@pytest.mark.parametrize("module", sorted(required()))
def test_every_requirement_is_used(module):
    used = set().union(*(imported_modules(read(name)) for name in package_files(".py")))
    assert any(name == module or name.startswith(f"{module}.") for name in used), "drop it from setup.cfg"


@pytest.mark.parametrize("name", package_files(".py"))
def test_every_folder_with_modules_is_a_package(name):
    folders = [folder for folder in PurePosixPath(name).parents if folder.parts]
    missing = [str(folder) for folder in folders if not (ROOT / folder / "__init__.py").exists()]
    assert missing == [], "without an __init__.py an installed toolbox lacks these folders"


@pytest.mark.parametrize("package", [package for package in PACKAGES if (ROOT / package).is_dir()])
def test_every_data_file_is_shipped(package):
    suffixes = {path.suffix for path in (ROOT / package).rglob("*") if path.is_file()} - {".py", ".pyc", ".pyi"}
    patterns = setup()["options.package_data"]["*"].split()
    assert [name for name in files(package, *suffixes) if not is_shipped(name, patterns)] == []


def test_every_package_is_found_by_the_installer():
    assert {name.rstrip("*") for name in setup()["options.packages.find"]["include"].split()} == set(PACKAGES)
    assert len(METHODS) == 5


def test_a_requirement_line_is_read_as_its_module():
    assert required_modules("torch>=2.4\nopencv-python>=4\njsonargparse[signatures]>=4; python_version<'4'\n") == {
        "torch",
        "cv2",
        "jsonargparse",
    }


def test_a_foreign_import_is_told_from_ours_and_pythons():
    assert third_party(imported_modules("import os, skimage\nfrom common import files\nfrom PIL import Image")) == {
        "skimage",
        "PIL",
        "PIL.Image",
    }


def test_a_data_file_without_a_pattern_is_found():
    assert is_shipped("deeplabv2/configs/voc.yaml", ["**/*.yaml"])
    assert not is_shipped("common/report/page.html", ["**/*.yaml"])
