"""``common`` imports no method; a method and ``deeplabv2`` import ``common`` and themselves, nothing else of ours."""

import pytest

from tests.guards.source import PACKAGES, imported_modules, package_files, read


def forbidden_imports(package: str, text: str) -> set[str]:
    """The modules of other packages that a file of ``package`` must not import."""
    ours = (module for module in imported_modules(text) if module.split(".")[0] in PACKAGES)
    return {module for module in ours if module.split(".")[0] not in ("common", package)}


@pytest.mark.parametrize("name", package_files(".py"))
def test_a_package_imports_common_and_itself_only(name):
    assert forbidden_imports(name.split("/")[0], read(name)) == set()


@pytest.mark.parametrize(
    ("package", "text"),
    [
        ("common", "import sgan"),
        ("common", "from deeplabv2.train import main"),
        ("common", "def late():\n    from smaf import losses"),
        ("common", "importlib.import_module('i2crc.model')"),
        ("deeplabv2", "import numpy, sod_wsss.model as model"),
        ("l2g_cda", "from deeplabv2 import train"),
        ("sgan", "from smaf.losses import flow"),
    ],
)
def test_an_import_against_the_rule_is_found(package, text):
    assert forbidden_imports(package, text)


@pytest.mark.parametrize(
    ("package", "text"),
    [
        ("common", "from common.files import write_text\nimport torch"),
        ("deeplabv2", "from common import errors\nfrom deeplabv2.model import DeepLab"),
        ("sgan", "import common.files, sgan.model"),
        ("common", "import sganlike"),
    ],
)
def test_an_import_that_follows_the_rule_passes(package, text):
    assert forbidden_imports(package, text) == set()
