"""The steps of ``wsss own``, in order."""

from __future__ import annotations

import argparse
import dataclasses
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from common.errors import ConfigError
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
from common.own.photographs import Photographs, find_photographs
from common.own.pictures import ImageSources, class_maps
from common.own.plan import plan_for
from common.own.readable import require_readable, said_about_unreadable, unreadable
from common.own.said import said_about
from common.own.settings import RUN, folder_of_saliency, settings_for
from common.own.true_masks import given_true_masks
from common.paths import path_of_id

SALIENCY_MAKER = "sod_wsss.make_saliency"
PICTURES, PAGE = "pictures", "report.html"


def run_own(arguments: argparse.Namespace, flags: Sequence[str]) -> int:
    """Do all of it.

    Raises:
        ToolboxError: something is missing; it is said before anything is trained.
    """
    out = output_folder(arguments)
    photographs = find_photographs(arguments.folder, arguments.tags)
    if arguments.check:
        return check_only(arguments, photographs, out)
    # From the first file on: a second call would write its own lists under the stages of this one.
    with only_writer(out, name=CHAIN_LOCK):
        return make_masks(arguments, flags, photographs, out)


def check_only(arguments: argparse.Namespace, photographs: Photographs, out: Path) -> int:
    """Say what was found."""
    said_about(photographs, out)
    broken = unreadable(photographs, out, remember=False)
    given_true_masks(arguments.masks, photographs, out)
    if broken:
        print(f"note: {said_about_unreadable(broken, len(photographs.tags))}")
    return 0


def make_masks(arguments: argparse.Namespace, flags: Sequence[str], photographs: Photographs, out: Path) -> int:
    """Everything behind the search for photographs."""
    started, folder = time.perf_counter(), arguments.folder
    notes = said_about(photographs, out)
    require_readable(unreadable(photographs, out, remember=True), len(photographs.tags))
    true = given_true_masks(arguments.masks, photographs, out)
    notes += true.notes if true else ()
    if not arguments.force and (out / RUN).is_dir():
        require_unchanged(out / "dataset", photographs)
        take_away_outdated(out / "dataset", photographs, outputs_of(out))
    plan = plan_for(len(photographs.tags))
    saliency = folder_of_saliency(arguments, folder, out)
    method = with_saliency_if_there(find_method(arguments.method), saliency is not None)
    held_out = hold_out(photographs.tags, arguments.hold_out, arguments.seed)
    facts = {
        "photographs": f"{len(photographs.tags)} with tags, {len(held_out[1])} of them held back from training",
        "tags": photographs.source,
    }
    if saliency:
        told = arguments.network and f"made by {arguments.network}"
        facts["saliency maps"] = told or look_at_saliency(saliency, photographs, held_out[0])
    write_dataset(out / "dataset", photographs, held_out, {"saliency": saliency} if saliency else {})
    settings = settings_for(method, arguments, out, plan, flags)
    if arguments.force:
        clear_results(out)
    elif not true:
        require_own_results(method, settings, out)
    if arguments.network and saliency:
        places = ["--network", str(arguments.network.resolve()), "--out", str(saliency.resolve())]
        call(SALIENCY_MAKER, [str(photographs.images.resolve()), *places])
    checkpoint, labels = run_chain(method, settings, out, true)
    # With true masks the results have a folder of their own, beside what the network learned from.
    out = labels.parent if true else out
    predict_all(checkpoint, photographs.images, out, plan.crf and not arguments.no_crf, ["--device", arguments.device])
    if true:
        keep_true_masks(true, photographs, out)
        facts |= facts_of_true_masks(true, *held_out, photographs.classes, out)
    facts |= facts_of_method(method, settings)
    facts["model"] = str(checkpoint)
    facts["time"] = f"{(time.perf_counter() - started) / 60:.0f} minutes for what was not there already"
    pictured = image_sources(method, settings, photographs, labels, out)
    confidences = lambda one: path_of_id(out / CONFIDENCE, one, CONFIDENCE_SUFFIX)  # noqa: E731
    witnesses = read_witnesses(pictured.labels, class_maps(method.labels.map_reader(settings)), confidences)
    judged = without_true_masks(photographs.tags, true)
    found = doubts(lambda one: path_of_id(out / MASK_FOLDER, one, ".png"), judged, photographs.classes, witnesses)
    write_json(out / "doubts.json", [dataclasses.asdict(one) for one in found])
    page = Page(
        title=f"Masks of {folder.resolve().name}",
        facts=facts,
        notes=notes,
        classes=photographs.classes,
        agreement=agreements(found, photographs, held_out[1]),
        shown=[Shown(one, photographs.tags[one.id], pictured.pictures(one.id)) for one in found[: arguments.pictures]],
        n_images=len(found),
        failed=read_failures(out / MASK_FOLDER),
    )
    write_page(out / PAGE, page)
    print(f"\nmasks: {out / MASK_FOLDER}\noverlays: {out / OVERLAYS}\nmodel: {checkpoint}\nreport: {out / PAGE}")
    return 0


def output_folder(arguments: argparse.Namespace) -> Path:
    """Where everything goes.

    Raises:
        ConfigError: it lies among the photographs; or another argument is out of its range.
    """
    folder = arguments.folder.resolve()
    out: Path = arguments.out or folder.with_name(f"{folder.name}_masks")
    if out.resolve().is_relative_to(folder):
        raise ConfigError(
            f"--out {out} lies in the folder of the photographs, where it would be taken for some; give another one"
        )
    if not 0 <= arguments.hold_out <= 0.5:
        raise ConfigError(f"--hold-out is {arguments.hold_out}; give a share from 0 to 0.5")
    return out


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
