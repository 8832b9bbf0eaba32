"""A setting is declared once; a paper's own spelling of it is a row of an alias table, not a second field."""

import ast
import importlib
import re
from collections import defaultdict
from dataclasses import MISSING, fields, make_dataclass
from typing import Any

from common.bounds import BOUNDS, bounded, declared, require_bounds
from tests.guards.modules import Project
from tests.guards.settings import Settings
from tests.guards.source import Sources, package_sources, require_none

# Settings that several sections may have, with the reason.
SHARED = {
    "name": "what the section chooses: a backbone, an optimiser, a schedule",
    "weights": "the initial weights of what the section builds",
    "batch_size": "images of a training pass (engine) and of an inference pass (cam, test): one run has both",
    "precision": "of the training (engine) and of the maps (cam)",
    "scales": "factors of a training crop, of which one is drawn, and of an image whose maps are averaged over all",
}
EXAMPLE = {
    "common/method/settings.py": """
@dataclass
class EngineConfig:
    seed: int = 0
@dataclasses.dataclass(frozen=True)
class LongEngineConfig(EngineConfig):
    seed: int = 1
@dataclass
class MethodSettings:
    out: str = ""
    engine: EngineConfig = field(default_factory=EngineConfig)
@dataclass
class NotSettings:
    out: str = ""
""",
    "sgan/settings.py": """
from common.method.settings import LongEngineConfig, MethodSettings
@dataclass
class Maps:
    KINDS: ClassVar[int] = 3
    sal_thresh: float = 0.1
@dataclass
class SganSettings(MethodSettings):
    engine: LongEngineConfig = field(default_factory=LongEngineConfig)
    maps: dict[str, Maps] = field(default_factory=dict)
""",
}


def declared_twice(sources: Sources) -> list[str]:
    """``name: classes`` for every setting with several homes; a class and those it extends are one."""
    settings = Settings(Project(sources))
    homes: dict[str, set[str]] = defaultdict(set)
    for place in settings.all:
        for field in settings.fields(place):
            assert isinstance(field.target, ast.Name)
            # A section is a heading, not a setting.
            if not settings.types(place, field):
                name = field.target.id
                above = [one for one in settings.family(place) if name in own_names(settings, one)]
                homes[name].add(".".join(above[-1]))
    return [
        f"{name}: {', '.join(sorted(classes))}"
        for name, classes in sorted(homes.items())
        if len(classes) > 1 and name not in SHARED
    ]


def own_names(settings: Settings, place: tuple[str, str]) -> set[str]:
    return {ast.unparse(field.target) for field in settings.fields(place)}


def test_a_setting_is_declared_once() -> None:
    require_none(
        declared_twice(package_sources()),
        "put it where the others find it, in common; a published spelling is a row of the alias table",
    )


def test_one_declaration_and_what_extends_it_pass() -> None:
    assert declared_twice(EXAMPLE) == []


def test_a_second_declaration_is_found() -> None:
    twice = EXAMPLE["sgan/settings.py"].replace("sal_thresh: float", "seed: int")
    assert declared_twice({**EXAMPLE, "sgan/settings.py": twice}) == [
        "seed: common.method.settings.EngineConfig, sgan.settings.Maps"
    ]
    parsed = "@dataclass\nclass Own:\n    seed: int = 0\nparse_config(Own, argv)\n"
    assert declared_twice({**EXAMPLE, "smaf/bench.py": parsed}) == [
        "seed: common.method.settings.EngineConfig, smaf.bench.Own"
    ]
    method = parsed.replace("parse_config(Own, argv)", "METHOD = Method(name='smaf', settings=Own)")
    assert declared_twice({**EXAMPLE, "smaf/method.py": method}) != []


def unbounded(config_class: type[Any]) -> list[str]:
    """The settings of a dataclass that are numbers, or lists of them, and say nothing about which."""
    numbers = re.compile(r"\b(int|float)\b")
    return [
        f"{config_class.__name__}.{field.name}"
        for field in fields(config_class)
        if numbers.search(re.sub(r"Literal\[.*?\]", "", str(field.type)))
        and BOUNDS not in declared(config_class, field.name)
    ]


def test_every_setting_that_is_a_number_has_bounds() -> None:
    places = Settings(Project(package_sources())).all
    assert len(places) > 40
    classes = [getattr(importlib.import_module(module), name) for module, name in sorted(places)]
    require_none(
        [setting for one in classes for setting in unbounded(one)],
        "declare it as bounded(default, least=..., most=...), or bounded(default) for any number (common/bounds.py)",
    )


def test_a_number_without_bounds_is_found() -> None:
    fields_of_example = [
        ("any_number", "float", bounded(0.0)),
        ("names", "list[str]", ()),
        ("choice", "Literal[5, 6]", 5),
        ("open", "tuple[float, float]", (0.0, 1.0)),
        ("maybe", "int | None", None),
    ]
    assert unbounded(make_dataclass("Example", fields_of_example)) == ["Example.open", "Example.maybe"]


def test_every_default_lies_within_its_bounds() -> None:
    for module, name in sorted(Settings(Project(package_sources())).all):
        config_class = getattr(importlib.import_module(module), name)
        if all(one.default is not MISSING or one.default_factory is not MISSING for one in fields(config_class)):
            require_bounds(config_class())
