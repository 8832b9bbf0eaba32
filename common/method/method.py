"""What a method is: a declaration. From it come all its commands, its chain to a row of the table, its ablation and its bench."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from common.commands import Flag
from common.config_files import Aliases
from common.data.layout import DatasetLayout
from common.errors import ConfigError
from common.method.amount import Amount, steps_of_one_training
from common.method.label_sets import LabelSet, main_set, one_set
from common.method.labels import EverySet, Labels
from common.method.pictures import Panels, Pictured, Pictures, most_classes, no_panels
from common.method.refinement import SecondRound, refined_panels, second_round
from common.method.segmentation import Segmentation
from common.method.settings import with_values
from common.method.stage import Stage
from common.method.steps import StepBench
from common.method.training import Training
from common.report.html import Panel

Kind = TypeVar("Kind", bound=Stage)
Values = Mapping[str, Any]


@dataclass(frozen=True)
class Variant:
    """A row of the ablation: the method with other settings.

    Attributes:
        row: row of the table.
        values: dotted setting -> value.
        network_of: the variant that trains the same networks, so that this one begins with a copy of its trainings.
        trainings: names of the trainings that both share; empty for all.
    """

    row: str
    values: Values = field(default_factory=dict)
    network_of: str = ""
    trainings: Sequence[str] = ()


@dataclass(frozen=True, eq=False)
class Method:
    """A method: its settings and its stages in order.

    Attributes:
        name: folder of the method; also the word that names it on the command line.
        settings: dataclass of all settings, an extension of :class:`common.method.settings.MethodSettings`.
        stages: what it does, in order; each says what it starts from.
        aliases: the paper's spellings of settings.
        flags: short flags of its commands besides those of all programs.
        environment: variable -> flag whose value it gives, where that flag is not given.
        label_sets: settings -> the sets of label maps that its chain makes.
        panels: pictures of one image besides those that every method shows.
        variants: rows of the ablation by name.
        bench: the published form of its training step; None compares with the plain fp32 step.
        outputs: (settings, folder) -> settings that put all outputs of a run below a folder.
        photographs: (settings, how long) -> settings of a run on photographs of one's own, by ``configs/folder.yaml``: the lengths of
            the trainings, and what lies in places of its own in ``out``.
        configs: configuration of single stages (the paper's) and of the chain (toy) where none is given.
        home: where the relative paths of configurations begin; None where the user is.
        pictured_split: list of the images that are shown; empty for the training list.
        pictured_images: (dataset, ids, number) -> which of them.
    """

    name: str
    settings: type[Any]
    stages: Sequence[Stage]
    aliases: Aliases = field(default_factory=dict)
    flags: tuple[Flag, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    label_sets: Callable[[Any], Sequence[LabelSet]] = one_set
    panels: Panels = no_panels
    variants: Mapping[str, Variant] = field(default_factory=dict)
    bench: StepBench | None = None
    outputs: Callable[[Any, Path], Values] = lambda settings, folder: {"out": str(folder)}
    photographs: Callable[[Any, Amount], Values] = steps_of_one_training
    configs: tuple[Path | None, Path | None] = (None, None)
    home: Path | None = None
    pictured_split: str = ""
    pictured_images: Callable[[DatasetLayout, Sequence[str], int], list[str]] = most_classes

    def __post_init__(self) -> None:
        names = [stage.name for stage in self.commands]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ConfigError(f"{self.name} has two stages called {', '.join(twice)}; a stage is known by its name")

    def within(self, settings: Any, folder: Path) -> Any:
        """The settings with all outputs below ``folder``."""
        return with_values(settings, self.outputs(settings, folder))

    def stage(self, name: str) -> Stage:
        """The stage of that name.

        Raises:
            ConfigError: there is none.
        """
        for stage in self.commands:
            if stage.name == name:
                return stage
        raise ConfigError(
            f"{self.name} has no stage {name!r}; its stages are {', '.join(one.name for one in self.commands)}"
        )

    def of_kind(self, kind: type[Kind]) -> list[Kind]:
        """The stages of one kind, in order."""
        return [stage for stage in self.stages if isinstance(stage, kind)]

    @property
    def commands(self) -> list[Stage]:
        """All stages: those declared, then sets of label maps, and pictures and segmentation where they are not declared."""
        declared: list[Stage] = [*self.stages, EverySet(kinds=self.every_kind, labels=self.labels)]
        if not self.of_kind(Pictures):
            pictures = Pictures(
                labels=self.labels,
                kinds=self.kinds,
                panels=self.panels,
                last=self.last_panels,
                choose=self.pictured_images,
                split=self.pictured_split,
                layout=self.labels.layout,
                text="pictures of what became of a few images",
            )
            declared.append(pictures)
        if not self.of_kind(Segmentation):
            declared += self.second_round()
        return declared

    def second_round(self) -> SecondRound:
        """DeepLab-v2 on the label maps of :meth:`main_set`, and where the settings ask for it a second round."""
        return second_round(self.labels, self.main_set)

    def main_set(self, settings: Any) -> LabelSet:
        """The set of label maps that is the method's own result."""
        return main_set(self.label_sets(settings))

    def last_panels(self, settings: Any, layout: DatasetLayout, pictured: Pictured) -> Iterator[Panel]:
        """The label map of a second round."""
        kind = with_values(settings, self.main_set(settings).values)
        return refined_panels(self.second_round().refine, kind, pictured.sample)

    def kinds(self, settings: Any) -> list[Any]:
        """The settings of every set of label maps that DeepLab-v2 learns from, which pictures show."""
        sets = [one for one in self.label_sets(settings) if one.segmented and not one.masks]
        unique = {str(self.labels.folder(kind)): kind for one in sets for kind in [with_values(settings, one.values)]}
        return list(unique.values())

    def every_kind(self, settings: Any) -> list[Any]:
        """The settings of every set of label maps that the chain makes; two segmentations may learn from one set."""
        sets = [with_values(settings, one.values) for one in self.label_sets(settings) if not one.masks]
        return list({str(self.labels.folder(kind)): kind for kind in sets}.values())

    @property
    def trainings(self) -> list[Training]:
        return self.of_kind(Training)

    @property
    def labels(self) -> Labels:
        """The stage whose label maps go on to DeepLab-v2: the last of its kind."""
        return self.of_kind(Labels)[-1]
