"""The kind of stage that turns maps into label maps: loop, threshold sweep, true masks where they are allowed, scores."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from common.cam.files import Cams
from common.data.images import read_label_map
from common.data.layout import DatasetLayout
from common.data.palette import write_label_map
from common.data.saliency_levels import GREY, stated_source
from common.engine.inference import OutputFolder, images_to_files
from common.engine.session import start_session
from common.errors import ConfigError, DataError
from common.failures import STAGE_FILE
from common.method.label_defaults import (
    THRESHOLDS,
    cam_rule,
    column_of_settings,
    label_crf,
    looks_for_threshold,
    needs_of_cam_rule,
    no_masks,
    record_of_rule,
    row_of_settings,
    saliency_record,
)
from common.method.label_maker import LabelMaker, LabelSource, Need, ReadMaps, ReadTags
from common.method.maps import GivenMaps, Maps, TagsAlone, Write, record_of
from common.method.requirements import Requirement, required_masks, required_saliency, requirements_or_error
from common.method.score import evaluate_labels, record_score, require_scorable
from common.method.stage import Stage, inside, never
from common.method.sweep import SWEEP_FILE
from common.method.threshold_choice import at_other_threshold, look_for, print_both, with_threshold, words_of
from common.metrics.folder import EvaluationResult
from common.pseudo_labels.labels import LabelMap
from common.pseudo_labels.rule import LabelRule
from common.report.record import Evaluated, list_name
from common.report.results import NONE, NOT_RECORDED, Result


@dataclass(frozen=True, kw_only=True, eq=False)
class Labels(Stage):
    """Make the label maps of the list from its maps, and score them; what is complete is skipped.

    Attributes:
        maps: where the maps come from.
        starts_from: stages whose label maps the rule looks at besides, e.g. for a second round.
        rule: (settings, dataset) -> the rule.
        needs: settings -> what the rule looks at besides the maps.
        values: changes maps as they are read, e.g. to the precision of a paper's own file form.
        decides: settings -> everything of the rule that the label maps depend on.
        thresholds: background scores that are tried where ``labels.choose_threshold`` asks for the best.
        masked: ids whose true masks take the place of the rule's maps; scores leave them out.
        beside: settings -> writer of the paper's own form, called with the rule's map before the label map is written.
        row: settings -> row of the results table.
        column: settings -> its column.
        threshold: settings -> what the result states as background threshold, None where there is none.
        crf: settings -> the CRF inside the rule, in words, or ``none``.
        sweeps: settings -> whether the best of ``thresholds`` is looked for first.
        uses_saliency: settings -> whether saliency maps are behind the labels.
        report_folder: settings -> where results and pictures go.
    """

    maps: Maps | GivenMaps | TagsAlone
    starts_from: Sequence[LabelSource] = ()
    name: str = "label"
    rule: Callable[[Any, DatasetLayout], LabelRule] = cam_rule
    needs: Callable[[Any], Collection[Need]] = needs_of_cam_rule
    values: Callable[[Cams], Cams] | None = None
    decides: Callable[[Any], dict[str, Any]] = record_of_rule
    thresholds: Sequence[float] = THRESHOLDS
    masked: Callable[[Any, DatasetLayout], frozenset[str]] = no_masks
    beside: Callable[[Any], Write] | None = None
    row: Callable[[Any], str] = row_of_settings
    column: Callable[[Any], str] = column_of_settings
    threshold: Callable[[Any], float | None] = lambda settings: settings.labels.stated_threshold
    crf: Callable[[Any], str] = label_crf
    sweeps: Callable[[Any], bool] = looks_for_threshold
    uses_saliency: Callable[[Any], bool] = lambda settings: settings.labels.uses_saliency
    folder: Callable[[Any], Path] = field(default_factory=partial(inside, "labels"))
    report_folder: Callable[[Any], Path] = field(default_factory=inside)

    def run(self, settings: Any) -> int:
        """Write the label maps.

        Raises:
            DataError: there are no maps.
            ConfigError: the folder holds label maps made otherwise, or nobody says what made the saliency maps.
        """
        self.require_source(settings)
        layout = self.layout(settings)
        made = self.maps.made(settings)
        before = {source.name: source.made(settings) for source in self.starts_from}
        with start_session("cpu") as session:
            if self.sweeps(settings):
                session.on_main(lambda: self.look_for_threshold(settings, layout))
            chosen = self.chosen(settings)
            masked = self.masked(chosen, layout)
            record = {"maps": made, "rule": self.decides(chosen), "masked": sorted(masked)}
            record |= {"starts_from": before} if before else {}
            uses = "saliency" in self.needs(chosen), self.uses_saliency(chosen)
            record |= {"result": self.stated(chosen, layout), **saliency_record(layout, *uses)}
            return images_to_files(
                layout.ids(settings.split),
                self.maker(chosen, layout),
                self.writer(chosen, layout, masked),
                OutputFolder(self.folder(chosen), ".png", record, settings.force),
                session,
                workers=settings.engine.workers,
                title=f"pseudo labels, {self.row(chosen)}",
            ).exit_status(self.name)

    def requirements(self, settings: Any) -> list[Requirement]:
        maps = self.maps
        needed = [Requirement(partial(self.require_source, settings)), *super().requirements(settings)]
        if "saliency" in self.needs(settings):
            needed += requirements_or_error(lambda: [required_saliency(self.layout(settings))])
        if isinstance(maps, GivenMaps):
            needed.append(Requirement(partial(maps.require, settings), maps.folder(settings)))
        for source in (one for one in self.starts_from if not isinstance(one, Stage)):
            needed.append(Requirement(partial(source.made, settings), source.label_folder(settings)))
        if self.sweeps(settings) and settings.labels.choose_threshold == "oracle":
            needed += requirements_or_error(lambda: [self.masks_for_scores(settings)])
        return needed

    def masks_for_scores(self, settings: Any) -> Requirement:
        """What a score is taken against."""
        return required_masks(self.layout(settings), self.scored_ids(settings))

    def scored_ids(self, settings: Any) -> list[str]:
        """The images whose label maps are scored."""
        layout = self.layout(settings)
        masked = self.masked(settings, layout)
        return [image_id for image_id in layout.ids(settings.split) if image_id not in masked]

    def maker(self, settings: Any, layout: DatasetLayout) -> LabelMaker:
        folders = [source.label_folder(settings) for source in self.starts_from]
        return LabelMaker(layout, self.map_reader(settings), self.rule(settings, layout), self.needs(settings), folders)

    def map_reader(self, settings: Any) -> Callable[[str], Cams]:
        if isinstance(self.maps, TagsAlone):
            return ReadTags(self.maps.tags(settings, self.layout(settings)))
        return ReadMaps(self.maps.folder(settings), self.maps.suffix, self.values, self.maps.any_sign)

    def label_folder(self, settings: Any) -> Path:
        """Where the label maps lie, for a rule that starts from them."""
        return self.folder(settings)

    def writer(self, settings: Any, layout: DatasetLayout, masked: frozenset[str]) -> Write:
        folder, beside = self.folder(settings), self.beside(settings) if self.beside else None

        def write(path: Path, label_map: LabelMap) -> None:
            if beside:
                beside(path, label_map)
            image_id = path.relative_to(folder).with_suffix("").as_posix()
            write_label_map(
                path, read_label_map(layout.mask_path(image_id), layout.upright) if image_id in masked else label_map
            )

        return write

    def require_source(self, settings: Any) -> None:
        if self.uses_saliency(settings) and not settings.report.saliency_source:
            raise ConfigError("report.saliency_source is empty: say which network and data made the saliency maps")

    def sweep_file(self, settings: Any) -> Path:
        return self.report_folder(settings) / SWEEP_FILE

    def chosen(self, settings: Any) -> Any:
        """The settings with the threshold that was looked for, where one was asked for.

        Raises:
            DataError: it was not looked for yet.
        """
        return with_threshold(settings, self.report_folder(settings), self.name) if self.sweeps(settings) else settings

    def look_for_threshold(self, settings: Any, layout: DatasetLayout) -> None:
        """Find the constant background score, from tags alone or against the masks of the list; writes the file of it."""
        look_for(settings, layout, self.report_folder(settings), self.map_reader(settings), self.thresholds)

    def made(self, settings: Any) -> dict[str, Any]:
        """The record of the label maps that are there.

        Raises:
            DataError: there are none.
        """
        file = self.folder(settings) / STAGE_FILE
        if not file.exists():
            raise DataError(f"no label maps in {self.folder(settings)}; run the stage {self.name} first")
        record = record_of(self.folder(settings))
        if "result" not in record:
            raise DataError(f"{file} is of another version of the toolbox; make the label maps again with --force")
        return record

    def tag_source(self, settings: Any) -> str:
        """Which tags are behind the label maps that are there."""
        recorded: str = record_of(self.folder(settings)).get("maps", {}).get("tags", NOT_RECORDED)
        return settings.report.tag_source or recorded

    def saliency_source(self, settings: Any) -> str:
        """What made the saliency maps behind the label maps, and how they are stored; ``none`` without."""
        record = record_of(self.folder(settings))
        source = stated_source(settings.report.saliency_source, record.get("saliency_largest", GREY))
        return source if self.uses_saliency(settings) else NONE

    def stated(self, settings: Any, layout: DatasetLayout) -> dict[str, Any]:
        """What a result says about how the label maps were made."""
        threshold = self.threshold(settings)
        fixed, name = "not used" if threshold is None else "fixed", list_name(layout, settings.split)
        return {
            "stage": self.column(settings),
            "threshold": threshold,
            "threshold_choice": words_of(settings.labels.choose_threshold, name) if self.sweeps(settings) else fixed,
            "crf": self.crf(settings),
        }

    def score(self, settings: Any, evaluated: EvaluationResult | None = None) -> Result:
        """Score the label maps against the masks of the list; adds the record, and the floor's, to ``results.json``.

        The record is about the label maps as they were made, whatever the settings are now.

        Args:
            evaluated: the label maps that are scored, where that is known already.
        """
        self.require_source(settings)
        made, layout = self.made(settings), self.layout(settings)
        require_scorable(made, self.folder(settings) / STAGE_FILE)
        masked = set(made["masked"])
        ids = [image_id for image_id in layout.ids(settings.split) if image_id not in masked]
        if not ids:
            raise DataError("every image of the list has its true mask as label map: nothing is left to score")
        origin, report = made["maps"]["network"], self.report_folder(settings)
        steps = dict(origin["steps"])
        for source in made.get("starts_from", {}).values():
            steps |= source.get("steps", {})
        found = evaluated or evaluate_labels(layout, ids, self.folder(settings))
        record = partial(
            record_score,
            layout=layout,
            results=report / "results.json",
            method=self.row(settings),
            steps=steps,
            initial_weights=origin["initial_weights"],
            saliency_source=self.saliency_source(settings),
            tag_source=self.tag_source(settings),
            tags_given=True,
        )
        facts = (settings.split, found.n_images, report, origin["seed"], settings.report.score_classes)
        about = Evaluated(*facts, part="without true masks" if masked else "", left_out=len(found.left_out))
        other = at_other_threshold(
            made["result"], settings, layout, ids, report, self.map_reader(settings), self.thresholds
        )
        both = [record(matrix, evaluated=about, **stated) for matrix, stated in other]
        result = record(found.matrix, evaluated=about, **made["result"])
        print_both([*both, result])
        return result


@dataclass(frozen=True, kw_only=True, eq=False)
class Score(Stage):
    """Score label maps against the masks of their list."""

    labels: Labels
    name: str = "score"

    def requirements(self, settings: Any) -> list[Requirement]:
        masks = requirements_or_error(lambda: [self.labels.masks_for_scores(settings)])
        return [*super().requirements(settings), *masks]

    def writes(self, settings: Any) -> list[Path]:
        return []

    def run(self, settings: Any) -> int:
        print(self.labels.score(settings).line())
        return 0


@dataclass(frozen=True, kw_only=True, eq=False)
class EverySet(Stage):
    """The label maps of every set of the chain, without scores: label stages with several settings in one command.

    Attributes:
        labels: the label stage.
        kinds: settings -> those of every set.
    """

    labels: Labels
    kinds: Callable[[Any], Sequence[Any]]
    name: str = "label_sets"
    text: str = "every set of label maps that the chain makes, e.g. before and after the CRF"
    in_chain: Callable[[Any], bool] = never

    def run(self, settings: Any) -> int:
        return max(self.labels.run(kind) for kind in self.kinds(settings))
