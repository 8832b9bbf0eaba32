"""The steps of ``wsss own`` from photographs to masks, in order."""

from __future__ import annotations

import argparse
import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from common.failures import read_failures
from common.files import write_json
from common.locks import CHAIN_LOCK, only_writer
from common.method.calls import call
from common.method.method import Method
from common.method.registry import find_method
from common.metrics.confidence import CONFIDENCE_SUFFIX
from common.own.chain import (
    CONFIDENCE,
    MASK_FOLDER,
    OVERLAYS,
    clear_results,
    outputs_of,
    predict_all,
    require_own_results,
    run_chain,
    threshold_facts,
    with_saliency_if_there,
)
from common.own.changed import require_unchanged, take_away_outdated
from common.own.dataset import hold_out, write_dataset
from common.own.doubt import Doubt, agreement_by_class, doubts, read_witnesses
from common.own.evidence import strongest_maps
from common.own.given_saliency import look_at_saliency
from common.own.kept_masks import facts_of_true_masks, keep_true_masks, without_true_masks
from common.own.page import Page, Shown, write_page
from common.own.photographs import Photographs
from common.own.pictures import ImageSources, class_maps
from common.own.plan import plan_for
from common.own.readable import require_readable, unreadable
from common.own.said import said_about
from common.own.settings import RUN, folder_of_saliency, settings_for
from common.own.true_masks import TrueMasks, given_true_masks
from common.paths import path_of_id

SALIENCY_MAKER = "sod_wsss.make_saliency"
PICTURES, PAGE = "pictures", "report.html"


def run_own(arguments: argparse.Namespace, flags: Sequence[str], photographs: Photographs, out: Path) -> int:
    """Do all of it.

    Args:
        flags: settings of the method.
        out: the output folder.

    Raises:
        ToolboxError: something is missing; it is said before anything is trained.
    """
    # From the first file on: a second call would write its own lists under the stages of this one.
    with only_writer(out, name=CHAIN_LOCK):
        return make_masks(arguments, flags, photographs, out)


def make_masks(arguments: argparse.Namespace, flags: Sequence[str], photographs: Photographs, out: Path) -> int:
    """Everything behind the search for photographs."""
    started = time.perf_counter()
    notes, true = looked_through(arguments, photographs, out)
    plan, crf = plan_for(len(photographs.tags)), not arguments.no_crf
    saliency = folder_of_saliency(arguments, arguments.folder, out)
    method = with_saliency_if_there(find_method(arguments.method), saliency is not None)
    held_out = hold_out(photographs.tags, arguments.hold_out, arguments.seed)
    facts = facts_of_input(arguments, photographs, held_out, saliency)
    write_dataset(out / "dataset", photographs, held_out, {"saliency": saliency} if saliency else {})
    settings = settings_for(method, arguments, out, plan, flags)
    if arguments.force:
        clear_results(out)
    elif not true:
        require_own_results(method, settings, out, plan.crf and crf)
    if arguments.network and saliency:
        places = ["--network", str(arguments.network.resolve()), "--out", str(saliency.resolve())]
        call(SALIENCY_MAKER, [str(photographs.images.resolve()), *places])
    checkpoint, labels = run_chain(method, settings, out, true)
    # With true masks the results have a folder of their own, beside what the network learned from.
    results = labels.parent if true else out
    predict_all(checkpoint, photographs.images, results, plan.crf and crf, ["--device", arguments.device])
    if true:
        keep_true_masks(true, photographs, results)
        facts |= facts_of_true_masks(true, *held_out, photographs.classes, results)
    facts |= facts_of_method(method, settings)
    facts["model"] = str(checkpoint)
    facts["time"] = f"{(time.perf_counter() - started) / 60:.0f} minutes for what was not there already"
    pictured = image_sources(method, settings, photographs, labels, results)
    maps = class_maps(method.labels.map_reader(settings))
    found = judged(photographs, without_true_masks(photographs.tags, true), pictured.labels, maps, results)
    page = Page(
        title=f"Masks of {arguments.folder.resolve().name}",
        facts=facts,
        notes=notes,
        classes=photographs.classes,
        agreement=agreements(found, photographs, held_out[1]),
        shown=[Shown(one, photographs.tags[one.id], pictured.pictures(one.id)) for one in found[: arguments.pictures]],
        n_images=len(found),
        failed=read_failures(results / MASK_FOLDER),
    )
    write_page(results / PAGE, page)
    print(f"\nmasks: {results / MASK_FOLDER}\noverlays: {results / OVERLAYS}")
    print(f"model: {checkpoint}\nreport: {results / PAGE}")
    return 0


def looked_through(
    arguments: argparse.Namespace, photographs: Photographs, out: Path
) -> tuple[list[str], TrueMasks | None]:
    """(what was noticed, the true masks); results of photographs that are gone or were replaced are taken away."""
    notes = said_about(photographs, out)
    require_readable(unreadable(photographs, out, remember=True), len(photographs.tags))
    true = given_true_masks(arguments.masks, photographs, out)
    if not arguments.force and (out / RUN).is_dir():
        require_unchanged(out / "dataset", photographs)
        take_away_outdated(out / "dataset", photographs, outputs_of(out))
    return [*notes, *(true.notes if true else ())], true


def facts_of_input(
    arguments: argparse.Namespace,
    photographs: Photographs,
    held_out: tuple[Sequence[str], Sequence[str]],
    saliency: Path | None,
) -> dict[str, str]:
    """What the masks are made from, in words."""
    facts = {
        "photographs": f"{len(photographs.tags)} with tags, {len(held_out[1])} of them held back from training",
        "tags": photographs.source,
    }
    if saliency:
        told = arguments.network and f"made by {arguments.network}"
        facts["saliency maps"] = told or look_at_saliency(saliency, photographs, held_out[0])
    return facts


def judged(
    photographs: Photographs,
    tags: Mapping[str, Sequence[str]],
    labels: Callable[[str], Path],
    maps: Callable[[str], Any],
    results: Path,
) -> list[Doubt]:
    """How doubtful the masks of ``tags``'s images are, the most doubtful first; also written to ``doubts.json``."""
    witnesses = read_witnesses(labels, maps, lambda one: path_of_id(results / CONFIDENCE, one, CONFIDENCE_SUFFIX))
    found = doubts(lambda one: path_of_id(results / MASK_FOLDER, one, ".png"), tags, photographs.classes, witnesses)
    write_json(results / "doubts.json", [dataclasses.asdict(one) for one in found])
    return found


def facts_of_method(method: Method, settings: Any) -> dict[str, str]:
    """How the masks were made, in words."""
    guided = method.labels.uses_saliency(method.every_kind(settings)[-1])
    guide = f", guided by {settings.report.saliency_source}" if guided else ""
    row = method.labels.row(method.every_kind(settings)[-1])
    return {"method": f"{row}, then DeepLab-v2{guide}", **threshold_facts(method, settings)}


def image_sources(method: Method, settings: Any, photographs: Photographs, labels: Path, out: Path) -> ImageSources:
    """Where the pictures of an image come from."""
    return ImageSources(
        images=photographs.images,
        overlays=out / OVERLAYS,
        labels=lambda one: path_of_id(labels, one, ".png"),
        heat=strongest_maps(method, settings),
        out=out / PICTURES,
    )


def agreements(found: Sequence[Doubt], photographs: Photographs, held: Sequence[str]) -> dict[str, Any]:
    """Tag agreement of the images that were held back, and of all."""
    apart = [one for one in found if one.id in set(held)]
    tags, classes = photographs.tags, photographs.classes
    return {
        f"{len(apart)} images that were held back": agreement_by_class(apart, tags, classes),
        f"all {len(found)} images": agreement_by_class(found, tags, classes),
    }
