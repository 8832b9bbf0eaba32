"""The steps of ``wsss own``, in order."""

from __future__ import annotations

import argparse
import dataclasses
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from common.data.images import read_image
from common.data.spelling import FEW, likely_slips, mended, odd_names, rare_classes
from common.data.tags_csv import tags_as_csv
from common.errors import ConfigError
from common.files import write_json, write_text
from common.method.calls import call, working_in
from common.method.command import command_of, settings_of
from common.method.method import Method
from common.method.pictures import map_overlay
from common.method.registry import find_method
from common.own.chain import MASKS, OVERLAYS, as_flags, config_of, predict_all, run_chain, with_saliency_if_there
from common.own.dataset import hold_out, write_dataset
from common.own.doubt import Doubt, agreement_by_class, doubts
from common.own.evidence import Heat, strongest_maps
from common.own.page import Page, Shown, write_page
from common.own.photographs import Photographs, find_photographs
from common.own.plan import Plan, plan_for
from common.visual.panels import write_png

SALIENCY_MAKER = "sod_wsss.make_saliency"
NAMED = 5


def run_own(arguments: argparse.Namespace, flags: Sequence[str]) -> int:
    """Do all of it.

    Raises:
        ToolboxError: something is missing; it is said before anything is trained.
    """
    started = time.perf_counter()
    folder: Path = arguments.folder
    out: Path = arguments.out or folder.resolve().with_name(f"{folder.resolve().name}_masks")
    if out.resolve().is_relative_to(folder.resolve()):
        raise ConfigError(
            f"--out {out} lies in the folder of the photographs, where it would be taken for some; give another one"
        )
    if not 0 <= arguments.hold_out <= 0.5:
        raise ConfigError(f"--hold-out is {arguments.hold_out}; give a share from 0 to 0.5")
    photographs = find_photographs(folder, arguments.tags)
    notes = said_about(photographs, out)
    if arguments.check:
        return 0
    plan = plan_for(len(photographs.tags))
    saliency = saliency_folder(arguments, folder, out)
    method = with_saliency_if_there(find_method(arguments.method), saliency is not None)
    held_out = hold_out(photographs.tags, arguments.hold_out, arguments.seed)
    links = {"saliency": saliency} if saliency else {}
    write_dataset(out / "dataset", photographs, held_out, links)
    settings = settings_for(method, arguments, out, plan, flags)
    if arguments.network:
        call(
            SALIENCY_MAKER,
            [
                str(photographs.images.resolve()),
                "--network",
                str(arguments.network.resolve()),
                "--out",
                str(links["saliency"].resolve()),
            ],
        )
    checkpoint, labels = run_chain(method, settings)
    predict_all(
        checkpoint, out / "dataset" / "images", out, plan.crf and not arguments.no_crf, ["--device", arguments.device]
    )
    found = doubts(
        lambda one: out / MASKS / f"{one}.png", lambda one: labels / f"{one}.png", photographs.tags, photographs.classes
    )
    write_json(out / "doubts.json", [dataclasses.asdict(one) for one in found])
    facts = {
        "photographs": f"{len(photographs.tags)} with tags, {len(held_out[1])} of them held back from training",
        "tags": photographs.source,
        "method": f"{method.name}, then DeepLab-v2"
        + (f", guided by {settings.report.saliency_source}" if saliency else ""),
        "model": str(checkpoint),
        "time": f"{(time.perf_counter() - started) / 60:.0f} minutes for what was not there already",
    }
    evidence = strongest_maps(method, settings)
    page = Page(
        title=f"Masks of {folder.resolve().name}",
        facts=facts,
        notes=notes,
        classes=photographs.classes,
        agreement=agreements(found, photographs, held_out[1]),
        shown=[shown(one, photographs, out, evidence) for one in found[: arguments.pictures]],
        n_images=len(found),
    )
    write_page(out / "report.html", page)
    print(f"\nmasks: {out / MASKS}\noverlays: {out / OVERLAYS}\nmodel: {checkpoint}\nreport: {out / 'report.html'}")
    return 0


def said_about(photographs: Photographs, out: Path) -> list[str]:
    """Print what was found, and write a mended table where names look misspelled."""
    counts = photographs.counts()
    print(f"photographs: {len(photographs.tags)} with tags in {photographs.images}\ntags:        {photographs.source}")
    for name, count in counts.most_common():
        print(f"  {name}: {count} images")
    notes = []
    if photographs.untagged:
        notes.append(
            f"{len(photographs.untagged)} images have no tags and are only predicted: {listed(photographs.untagged)}"
        )
    if photographs.without_file:
        notes.append(
            f"{len(photographs.without_file)} tags are of images that are not there: {listed(photographs.without_file)}"
        )
    blank = [one for one, names in photographs.tags.items() if not names]
    if blank:
        notes.append(
            f"{len(blank)} images have an empty row, which says that they show none of the classes: {listed(blank)}"
        )
    notes += odd_names(photographs.tags, counts)
    slips = likely_slips(counts)
    rare = [name for name in rare_classes(counts) if name not in slips]
    if rare:
        notes.append(f"fewer than {FEW} images, which hardly teach a class: {listed(rare)}")
    if slips:
        write_text(out / "tags_mended.csv", tags_as_csv(mended(photographs.tags, slips)))
        pairs = ", ".join(f"{name!r} for {other!r}" for name, other in slips.items())
        notes.append(f"looks misspelled: {pairs}; if so, run again with --tags {out / 'tags_mended.csv'}")
    for note in notes:
        print(f"note: {note}")
    return notes


def listed(names: Sequence[str]) -> str:
    return ", ".join(names[:NAMED]) + (", ..." if len(names) > NAMED else "")


def saliency_folder(arguments: argparse.Namespace, folder: Path, out: Path) -> Path | None:
    """Where the saliency maps are or will be; None for none."""
    if arguments.network:
        place = out / "saliency"
        place.mkdir(parents=True, exist_ok=True)
        return place
    if arguments.saliency:
        if not arguments.saliency.is_dir():
            raise ConfigError(f"--saliency {arguments.saliency} is no folder; correct it")
        return Path(arguments.saliency)
    beside = [folder / name for name in ("saliency", "Sal")]
    return next((place for place in beside if place.is_dir()), None)


def settings_for(method: Method, arguments: argparse.Namespace, out: Path, plan: Plan, flags: Sequence[str]) -> Any:
    """The method's settings for these photographs."""
    source = "a given folder of maps" if not arguments.network else f"the saliency network {arguments.network.name}"
    given = ["-c", str(config_of(method)), "--out", str((out / "run").absolute())]
    given += ["--root", str((out / "dataset").absolute())]
    given += ["--seed", str(arguments.seed), "--device", arguments.device, "--workers", str(arguments.workers)]
    given += ["--weights", arguments.weights, "--report.saliency_source", source]
    command = command_of(method, "")
    # Configurations of methods are read from their own folder; paths here begin where the user is.
    with working_in(Path.cwd()):
        values = method.photographs(settings_of("wsss own", command, given), plan.amount)
        steps = {
            "chain.segmentation_steps": plan.segmentation_steps,
            "chain.classifier_steps": plan.classifier_steps,
        }
        return settings_of("wsss own", command, [*given, *as_flags({**values, **steps}), *flags])


def agreements(found: Sequence[Doubt], photographs: Photographs, held: Sequence[str]) -> dict[str, Any]:
    """Tag agreement of the images that were held back, and of all."""
    apart = [one for one in found if one.id in set(held)]
    tags, classes = photographs.tags, photographs.classes
    return {
        f"{len(apart)} images that were held back": agreement_by_class(apart, tags, classes),
        f"all {len(found)} images": agreement_by_class(found, tags, classes),
    }


def shown(doubt: Doubt, photographs: Photographs, out: Path, evidence: Callable[[str], Heat | None]) -> Shown:
    """The pictures of one image: itself, the mask over it, its strongest class maps where there are some."""
    photograph = next(path for path in photographs.images.rglob(f"{glob_safe(doubt.id)}.*") if path.is_file())
    pictures = {"photograph": photograph, "mask": out / OVERLAYS / f"{doubt.id}.jpg"}
    heat = evidence(doubt.id)
    if heat is not None:
        picture = out / "maps" / f"{doubt.id}.png"
        write_png(picture, map_overlay(read_image(photograph), heat))
        pictures["where the classifier looked"] = picture
    return Shown(doubt, photographs.tags[doubt.id], pictures)


def glob_safe(name: str) -> str:
    """A name in which no character stands for others."""
    return "".join(f"[{one}]" if one in "*?[" else one for one in name)
