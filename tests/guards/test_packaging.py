"""An installed toolbox is complete: every module and data file is packaged, every import is a declared requirement."""

import re
import sys
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath

from tests.guards.source import (
    METHODS,
    NOT_METHODS,
    PACKAGES,
    ROOT,
    files,
    imported_modules,
    methods,
    named_packages,
    own_tops,
    package_sources,
    require_none,
    setup,
)

# Distributions whose module has another name. TensorBoard is used through torch's writer.
MODULES = {
    "opencv-python": "cv2",
    "pillow": "PIL",
    "pydensecrf2": "pydensecrf",
    "pysodmetrics": "py_sod_metrics",
    "PyYAML": "yaml",
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
    """The modules of the requirements, and of the extras for single programs."""
    extras = {name: text for name, text in setup()["options.extras_require"].items() if name != "test"}
    return set().union(*map(required_modules, (setup()["options"]["install_requires"], *extras.values())))


def unnamed_packages(root: Path) -> list[str]:
    """Folders of Python files at the top, besides the tests, that the installer does not look for."""
    folders = [path for path in own_tops(root) if path.is_dir() and not path.name.startswith((".", "tests"))]
    return [path.name for path in folders if path.name not in named_packages(root) and any(path.rglob("*.py"))]


def test_every_import_is_a_declared_requirement() -> None:
    known = required()
    missing = [
        f"{name}: {module}"
        for name, text in package_sources().items()
        for module in sorted({module.split(".")[0] for module in third_party(imported_modules(text))} - known)
    ]
    require_none(missing, "add it to install_requires in setup.cfg, or to an extra")


def test_every_requirement_is_used() -> None:
    used = set().union(*map(imported_modules, package_sources().values()))
    unused = [one for one in sorted(required()) if not any(f"{name}.".startswith(f"{one}.") for name in used)]
    require_none(unused, "drop it from install_requires in setup.cfg, or from the extra")


def test_every_folder_with_modules_is_a_package() -> None:
    folders = {folder for name in package_sources() for folder in PurePosixPath(name).parents if folder.parts}
    missing = [str(folder) for folder in sorted(folders) if not (ROOT / folder / "__init__.py").exists()]
    require_none(missing, "without an __init__.py an installed toolbox lacks these folders")


def test_every_data_file_is_shipped() -> None:
    patterns = setup()["options.package_data"]["*"].split()
    existing = [package for package in PACKAGES if (ROOT / package).is_dir()]
    suffixes = {path.suffix for package in existing for path in (ROOT / package).rglob("*") if path.is_file()}
    data = [name for package in existing for name in files(package, *suffixes - {".py", ".pyc", ".pyi"})]
    require_none(
        [name for name in data if not is_shipped(name, patterns)], "add a pattern to package_data in setup.cfg"
    )


def test_every_package_is_found_by_the_installer() -> None:
    assert set(NOT_METHODS) <= set(PACKAGES)
    require_none(unnamed_packages(ROOT), "name the folder in options.packages.find in setup.cfg")


def test_a_sixth_method_needs_its_name_in_the_list_of_packages_and_nothing_else(tmp_path: Path) -> None:
    for name in ("common", "deeplabv2", "sixth", "tests"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").touch()
    (tmp_path / "setup.cfg").write_text("[options.packages.find]\ninclude =\n    common*\n    deeplabv2*\n    later*\n")
    assert unnamed_packages(tmp_path) == ["sixth"]
    (tmp_path / "setup.cfg").write_text("[options.packages.find]\ninclude = common* deeplabv2* later* sixth*\n")
    assert unnamed_packages(tmp_path) == []
    assert methods(tmp_path) == ("sixth",)
    assert set(METHODS) == {name for name in PACKAGES if (ROOT / name).is_dir()} - set(NOT_METHODS)


def test_a_requirement_line_is_read_as_its_module() -> None:
    assert required_modules("torch>=2.4\nopencv-python>=4\njsonargparse[signatures]>=4; python_version<'4'\n") == {
        "torch",
        "cv2",
        "jsonargparse",
    }


def test_a_foreign_import_is_told_from_ours_and_pythons() -> None:
    assert third_party(imported_modules("import os, skimage\nfrom common import files\nfrom PIL import Image")) == {
        "skimage",
        "PIL",
        "PIL.Image",
    }


def test_a_data_file_without_a_pattern_is_found() -> None:
    assert is_shipped("deeplabv2/configs/voc.yaml", ["**/*.yaml"])
    assert not is_shipped("common/report/page.html", ["**/*.yaml"])
