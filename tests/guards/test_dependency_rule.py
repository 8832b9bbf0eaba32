"""``common`` imports no method; a method and ``deeplabv2`` import ``common`` and themselves, nothing else of ours."""

from tests.guards.source import PACKAGES, Sources, imported_modules, package_of, package_sources, require_none

AGAINST_THE_RULE = [
    ("common", "import sgan"),
    ("common", "from deeplabv2.train import main"),
    ("common", "def late():\n    from smaf import losses"),
    ("common", "importlib.import_module('i2crc.model')"),
    ("deeplabv2", "import numpy, sod_wsss.model as model"),
    ("l2g_cda", "from deeplabv2 import train"),
    ("sgan", "from smaf.losses import flow"),
]
BY_THE_RULE = [
    ("common", "from common.files import write_text\nimport torch"),
    ("deeplabv2", "from common import errors\nfrom deeplabv2.model import DeepLab"),
    ("sgan", "import common.files, sgan.model"),
    ("common", "import sganlike"),
]


def forbidden_imports(sources: Sources) -> list[str]:
    """The modules of other packages that a file must not import, as ``file: module``."""
    return [
        f"{name}: {module}"
        for name, text in sources.items()
        for module in sorted(imported_modules(text))
        if module.split(".")[0] in PACKAGES and module.split(".")[0] not in ("common", package_of(name))
    ]


def test_a_package_imports_common_and_itself_only() -> None:
    require_none(forbidden_imports(package_sources()), "methods meet on disk; move what two of them need to common")


def test_an_import_against_the_rule_is_found() -> None:
    assert [example for example in AGAINST_THE_RULE if not found(*example)] == []


def test_an_import_that_follows_the_rule_passes() -> None:
    assert [example for example in BY_THE_RULE if found(*example)] == []


def found(package: str, text: str) -> list[str]:
    return forbidden_imports({f"{package}/model.py": text})
