"""What all masks, tags and saliency maps of a dataset say together: the part of ``common.data.check`` after decoding."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from common.data.agreement import COCO_IDS, Agreement, compare_tags, likely_cause
from common.data.check_report import Report
from common.data.classes import COCO_CLASSES
from common.data.inspection import Inspected, SaliencyValues
from common.data.layout import DatasetLayout
from common.data.palette import IGNORE_LABEL
from common.data.saliency_levels import GREY, UNIT
from common.data.tags import Tags

Tell = Callable[[str, str], None]

# Maps whose largest value is below this leave everything background at the usual threshold of 0.5.
LEAST_SALIENT = 128
WORST_SHOWN = 10
# Mean saliency, as a share of the largest value, of background and of objects that can only come from inverted maps.
INVERTED_BACKGROUND, INVERTED_OBJECTS = 0.6, 0.4


def check_maps(layout: DatasetLayout, inspected: Sequence[Inspected], tags: Tags, report: Report) -> None:
    """Tell ``report`` what masks, tags and saliency maps say only together."""
    pixels = {one.id: one.pixels for one in inspected if one.pixels is not None}
    agreement = compare_tags(tags, pixels, layout.n_classes)
    objects_ignored = check_mask_values(layout, pixels, agreement, report)
    if agreement.ids and not objects_ignored:
        check_agreement(layout, agreement, report)
    check_saliency({one.id: one.saliency for one in inspected if one.saliency is not None}, layout, report)


def check_mask_values(
    layout: DatasetLayout, pixels: Mapping[str, Mapping[int, int]], agreement: Agreement, report: Report
) -> bool:
    """Whether the masks store their objects as the ignore label, which is said; and what else their values tell."""
    values = sorted({value for of_mask in pixels.values() for value in of_mask})
    classes = [value for value in values if 0 < value <= layout.n_classes]
    if values == [0, IGNORE_LABEL] or values == [IGNORE_LABEL]:
        ignored = sum(of_mask.get(IGNORE_LABEL, 0) for of_mask in pixels.values())
        share = 100 * ignored / sum(sum(of_mask.values()) for of_mask in pixels.values())
        text = (
            f"{layout.masks}: all {len(pixels)} masks hold {' and '.join(map(str, values))} only; {IGNORE_LABEL} is the ignore "
            f"label, so that every object ({share:.1f} % of the pixels) is ignored: write class numbers (1, 2, ...) instead"
        )
        report.problem(f"masks that keep their objects as {IGNORE_LABEL}", text)
        named = [name for name, n in zip(layout.classes, agreement.tag_alone, strict=True) if n]
        if named:
            report.problem("tags name classes that no mask shows", ", ".join(named))
        useless = dict.fromkeys(("supervised training", "scoring on val"), "masks without objects")
        report.abilities |= {ability: report.abilities.get(ability) or why for ability, why in useless.items()}
        return True
    foreign = [value for value in values if layout.n_classes < value < IGNORE_LABEL]
    if foreign and not classes and values[0] == 0:
        text = f"no mask shows a class; values are {', '.join(map(str, values[:8]))}: grey levels in the place of class numbers?"
        report.problem("masks without a class", text)
    if foreign and tuple(layout.classes) == COCO_CLASSES and set(values) <= {0, *COCO_IDS, IGNORE_LABEL}:
        text = (
            f"{layout.masks}: labels {', '.join(map(str, foreign))} and none of the ten numbers that COCO leaves out: its category ids, 1..90 "
            f"with gaps; labels are 1..80 here. python -m common.data.coco_labels {layout.masks} OUT writes them so; then set masks to OUT"
        )
        report.problem("label maps in COCO's numbering", text)
    return False


def check_agreement(layout: DatasetLayout, found: Agreement, report: Report) -> None:
    """Say how tags and masks agree: small differences are a note, others a problem."""
    n_images, n_different = len(found.ids), found.n_different
    empty = found.tagged.any(axis=1) & found.shown[:, IGNORE_LABEL] & ~found.shown[:, 1:IGNORE_LABEL].any(axis=1)
    for place in np.flatnonzero(empty):
        text = f"{found.ids[place]}: tags say {names(layout, found.tagged[place])}; {IGNORE_LABEL} is ignored"
        report.note(f"masks of 0 and {IGNORE_LABEL} only among others with classes", text)
    report.say(f"tags, masks: {n_images - n_different} of {n_images} images agree")
    if not n_different:
        return
    tell: Tell = report.problem if found.is_systematic() else report.note
    cause = likely_cause(found, layout.classes)
    kind = f"tags and masks differ in {n_different} of {n_images} images"
    if cause:
        tell(kind + ": likely cause", cause)
    counts = zip(
        found.tag_alone + found.mask_alone, layout.classes, found.both, found.tag_alone, found.mask_alone, strict=True
    )
    for alone, name, both, tag_alone, mask_alone in sorted(counts, key=lambda one: -one[0]):
        if alone:
            tell(kind, f"{name}: {both} images by both, {tag_alone} by the tag alone, {mask_alone} by the mask alone")
    for place in found.worst(WORST_SHOWN):
        tagged, shown = found.tagged[place], found.shown_classes[place]
        tell(
            "images whose tags and mask contradict each other most",
            f"{found.ids[place]}: tags say {names(layout, tagged)}, its mask shows {names(layout, shown)}",
        )


def names(layout: DatasetLayout, flags: npt.NDArray[np.bool_]) -> str:
    return ", ".join(layout.classes[number] for number in np.flatnonzero(flags)) or "no class"


def check_saliency(maps: Mapping[str, SaliencyValues], layout: DatasetLayout, report: Report) -> None:
    """Say where saliency maps are stored otherwise than 0..255, too dark to be used, of several ranges, or inverted."""
    if not maps:
        return
    highest = max(one.high for one in maps.values())
    top = layout.saliency_largest or (UNIT if 0 < highest <= UNIT else GREY)
    where = f"{layout.saliency}: {len(maps)} maps, largest value {highest:g}"
    outside = [image_id for image_id, one in maps.items() if one.low < 0 or one.high > top]
    for image_id in outside:
        values = maps[image_id]
        report.problem(f"saliency maps outside 0..{top}", f"{image_id} ({values.low:g} to {values.high:g})")
    if top == UNIT and not outside:
        report.note("saliency maps of 0..1", f"{where}: every stage takes them times 255 (data.saliency_largest)")
    elif highest == 0:
        report.problem("saliency maps without a salient pixel", where)
    elif top == GREY and highest < LEAST_SALIENT:
        stored = (
            "as 0 and 1, and taken as they are: leave data.saliency_largest out" if highest <= UNIT else "otherwise?"
        )
        report.problem("saliency maps that are nearly black", f"{where} of 255; are they stored {stored}")
    elif top == GREY:
        dark = [image_id for image_id, one in maps.items() if one.high == UNIT]
        # A map that is black but for grey level 1 is rare by nature; many of them are of another range.
        if len(dark) > max(1, len(maps) // 100):
            text = f"{len(dark)} of {len(maps)} maps go to 1, the others to {highest:g}, e.g. {', '.join(dark[:3])}: store all alike"
            report.problem("saliency maps of several ranges", text)
    check_inverted(list(maps.values()), max(highest, 1e-9), where, report)


def check_inverted(maps: Sequence[SaliencyValues], highest: float, where: str, report: Report) -> None:
    """Say where maps are bright on the background and dark on the objects of the masks, in nearly all images."""
    pairs = [
        (one.on_objects / highest, one.on_background / highest)
        for one in maps
        if one.on_objects is not None and one.on_background is not None
    ]
    if len(pairs) < 2:
        return
    objects, background = np.mean(pairs, axis=0)
    darker = sum(on_objects < on_background for on_objects, on_background in pairs)
    if objects <= INVERTED_OBJECTS and background >= INVERTED_BACKGROUND and darker >= 0.9 * len(pairs):
        report.problem(
            "saliency maps that are inverted",
            f"{where}: objects of the masks have {100 * objects:.0f} % of it, background {100 * background:.0f} %; salient is bright",
        )
