"""What a label stage does where its method says nothing: plain CAM's rule, with the section ``labels``."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from common.config import config_to_dict
from common.crf.presets import PRESETS
from common.data.layout import DatasetLayout
from common.data.saliency_levels import stated_storage
from common.errors import ConfigError
from common.method.label_maker import Need
from common.pseudo_labels.rule import CamRule, LabelConfig, LabelRule
from common.report.record import describe_crf
from common.report.results import NONE

# Background scores that ``labels.choose_threshold`` tries, unless a method has others.
THRESHOLDS = tuple(round(0.01 * step, 2) for step in range(5, 71))


def cam_rule(settings: Any, layout: DatasetLayout) -> LabelRule:
    """Plain CAM's rule, with the section ``labels``."""
    return CamRule(settings.labels, layout.n_classes + 1)


def needs_of_cam_rule(settings: Any) -> Collection[Need]:
    labels: LabelConfig = settings.labels
    needs: list[Need] = ["image"] if labels.crf != NONE else []
    return [*needs, "saliency"] if labels.uses_saliency else needs


def label_crf(settings: Any) -> str:
    """The CRF inside plain CAM's rule, in words."""
    crf = settings.labels.crf
    return NONE if crf == NONE else describe_crf(crf, PRESETS[crf.removesuffix("_all")])


def row_of_settings(settings: Any) -> str:
    """The row that the section ``report`` names."""
    row: str = settings.report.method
    if not row:
        raise ConfigError("report.method is empty: say what the row of the results table is called")
    return row


def column_of_settings(settings: Any) -> str:
    """The column of the results table, by whether the rule has a CRF."""
    return "pseudo label" if settings.labels.crf == NONE else "pseudo label + CRF"


def looks_for_threshold(settings: Any) -> bool:
    """Whether a constant background score is looked for first."""
    labels: LabelConfig = settings.labels
    return labels.choose_threshold != "fixed" and labels.background == "constant"


def record_of_rule(settings: Any) -> dict[str, Any]:
    """The section ``labels`` as the record of label maps has it: fixed and oracle as false and true, as ever, so that label maps
    made before stay what they are."""
    record = config_to_dict(settings.labels)
    spelled = {"fixed": False, "oracle": True}
    return record | {"choose_threshold": spelled.get(record["choose_threshold"], record["choose_threshold"])}


def no_masks(settings: Any, layout: DatasetLayout) -> frozenset[str]:
    return frozenset()


def saliency_record(layout: DatasetLayout, looked_at: bool, behind: bool) -> dict[str, Any]:
    """What the record of label maps says of saliency: the maps that the rule looks at, and how those behind the labels are stored."""
    record: dict[str, Any] = {"saliency": str(layout.saliency)} if looked_at else {}
    return record | stated_storage(layout.saliency_top) if looked_at or behind else record
