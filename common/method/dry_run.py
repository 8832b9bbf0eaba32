"""``reproduce --dry-run``: the plan of a chain as text. Nothing is written and nothing is run."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from common.bench.steps import in_own_process
from common.bounds import declarations
from common.config import config_to_dict
from common.errors import ToolboxError
from common.method.calls import working_in
from common.method.estimate import StepCost, bytes_of, cost_of_step, images_of, length_of, training_of
from common.method.labels import Labels
from common.method.method import Method
from common.method.missing import Found, look_for_missing, weights_of
from common.method.plan_of_chain import Plan, PlannedStage, flags_for_repository, plan_of_chain
from common.method.segmentation import SEGMENTER
from common.method.training import Training
from common.report.published import Published, published_numbers

# Last words of the settings that say what a network sees of an image.
SEEN = (
    "crop_size",
    "square_side",
    "side",
    "image_side",
    "input_size",
    "patch_side",
    "patches",
    "warp_size",
    "long_sides",
    "scales",
)
NOT_SEEN = ("cam", "test", "walk", "labels", "pyramid")
PUBLISHED_DATA = {"voc12": "voc", "vocaug": "voc", "coco14": "coco"}
GB = 1e9
# How settings that do not change the time of a step are called.
PACE_ALONE = ("label_dir", "experiment", "report", "data", "test")


def dry_run(method: Method, settings: Any, flags: Sequence[str], started_in: Path, until: str, measure: bool) -> int:
    """Print what the chain would do.

    Args:
        method: the method.
        settings: of its chain; their relative paths begin in the working directory.
        flags: what gave them, with absolute paths.
        started_in: the folder in which the command was given.
        until: as of the chain.
        measure: time a step of every training.

    Returns:
        0 where nothing is missing, else 1.
    """
    plan = plan_of_chain(method, settings, flags_for_repository(method, flags, started_in, settings), until)
    found = look_for_missing(plan)
    costs = measured(plan) if measure else None
    print("\n".join(plan_text(method, settings, plan, found, costs)))
    return 1 if found.missing else 0


def plan_text(
    method: Method, settings: Any, plan: Plan, found: Found, costs: dict[str, StepCost | str] | None
) -> Iterator[str]:
    yield f"Plan of {method.name} on {settings.data.dataset}: nothing is written, nothing is run."
    yield "\n1. Stages, in order (commands for the repository's folder; the chain runs all of them with one command)"
    yield from stage_lines(plan)
    yield "\n2. Settings that decide the numbers"
    yield from setting_lines(settings, plan)
    yield "\n3. As published (mIoU in percent, elsewhere, each under its own conditions)"
    yield from lines_of_published(method, settings)
    yield "\n4. What it takes"
    yield from cost_lines(plan, costs)
    yield "\n5. What is missing"
    yield from missing_lines(found)


def stage_lines(plan: Plan) -> Iterator[str]:
    group = ""
    for one in plan.stages:
        if one.group != group:
            group = one.group
            yield f"{group}:"
        amount = amount_of(one)
        yield f"  {one.name}{f': {amount}' if amount else ''}"
        yield f"    {shlex.join(one.command)}"
    for group, message in plan.problems:
        yield f"{group}: cannot be planned: {message}"


def amount_of(one: PlannedStage) -> str:
    """How much a stage does."""
    if isinstance(one.stage, Training):
        length = length_of(one)
        passes = f" x {length.passes}" if length.passes > 1 else ""
        seen = length.steps * length.batch * length.passes
        of_list = f", {seen / length.images.n:.1f} times each of {length.images}" if length.images else ""
        return f"{length.steps:,} steps x {length.batch}{passes} images{of_list}"
    images = images_of(one) if one.split else None
    return f"{images} images" if images else ""


def setting_lines(settings: Any, plan: Plan) -> Iterator[str]:
    for one in plan.stages:
        if isinstance(one.stage, Training):
            yield f"{one.group}, {one.name}: {decisive_line(one)}"
    data, report = settings.data, settings.report
    yield f"tags: {data.tags or 'as the dataset has them'}; saliency maps: {report.saliency_source or 'none stated'}"
    labels = [(one, one.stage) for one in plan.stages if isinstance(one.stage, Labels)]
    crfs = [stage.crf(one.settings) for one, stage in labels]
    yield f"CRF of the label maps: {', then '.join(dict.fromkeys(crfs)) or 'none'}"
    trained = next((one.settings for one in plan.stages if one.method == SEGMENTER), None)
    if trained is not None:
        yield f"CRF of the predictions: {json.dumps(config_to_dict(trained.crf))}"


def decisive_line(one: PlannedStage) -> str:
    """Backbone, weights, what is seen, batch, steps, optimiser and schedule of a training."""
    training, settings = training_of(one), one.settings
    values = {name: value for name, value, _ in declarations(settings)}
    decides = tuple(f"{section}." for section in training.decides) + tuple(training.decides)
    own = {name: value for name, value in values.items() if name.startswith(decides)}
    names = [str(value) for name, value in own.items() if name in ("network.name", "sod.encoder.name", "backbone.name")]
    names += [str(own["network.backbone.name"])] if str(own.get("network.name", "")).endswith(("MSC", "Plus")) else []
    weights = [value for _, value in weights_of(training, settings) if value]
    start = f"the end of {training.after.name}" if training.after else ", ".join(dict.fromkeys(weights)) or "random"
    seen = [
        f"{name} {value}"
        for name, value in own.items()
        if name.rpartition(".")[2] in SEEN
        and value
        and name.partition(".")[0] not in NOT_SEEN
        and "pyramid" not in name
    ]
    # A training with an engine of its own has the other sections beside it.
    section = next((name[: -len("engine.batch_size")] for name in own if name.endswith(".engine.batch_size")), "")
    length, lr = length_of(one), values[f"{section}optimizer.lr"]
    momentum = (
        f", momentum {values[f'{section}optimizer.momentum']}" if values[f"{section}optimizer.name"] == "sgd" else ""
    )
    optimizer = (
        f"{values[f'{section}optimizer.name']} {lr:g}{momentum}, decay {values[f'{section}optimizer.weight_decay']:g}"
    )
    amount = f"batch {length.batch}{f' x {length.passes}' if length.passes > 1 else ''}, {length.steps:,} steps"
    falls = [
        f"at {name} {value}" for name, value in own.items() if value and name.endswith(("decay_epochs", "milestones"))
    ]
    schedule = " ".join([values[f"{section}schedule.name"], *falls])
    return f"{'/'.join(names)} from {start}; {', '.join(seen)}; {amount}, {optimizer}, {schedule}"


def lines_of_published(method: Method, settings: Any) -> Iterator[str]:
    numbers: list[Published] = []
    if not settings.report.score_classes:
        numbers = published_numbers(PUBLISHED_DATA.get(settings.data.dataset, settings.data.dataset))
    own = [one for one in numbers if one.chain in ("", method.name)]
    for one in own:
        yield f"{one.method}, {one.what}: {one.value:g} ({one.source}; {one.conditions})"
    if not own:
        yield "nothing for this method and dataset"


def cost_lines(plan: Plan, costs: dict[str, StepCost | str] | None) -> Iterator[str]:
    total, unknown = 0, 0
    for one in plan.stages:
        size = bytes_of(one)
        total, unknown = (
            total + (size or 0),
            unknown + (size is None and (bool(one.split) or isinstance(one.stage, Training))),
        )
        if size and size >= GB / 100:
            yield f"disk, {one.group}, {one.name}: {size / GB:.2f} GB"
    yield f"disk, all: {total / GB:.2f} GB{f', and {unknown} stages of unknown size' if unknown else ''}"
    yield (
        "  checkpoints: 4 bytes x (tensors + learned numbers x 1 with momentum, 2 with Adam) x those kept, and the final network; CAMs: 2 or "
        "4 bytes x images x pixels x classes of an image; label maps and predictions: 0.03 bytes x images x pixels"
    )
    if costs is None:
        yield "hours, memory: give --measure, which times a step of every training on this machine"
        return
    hours, peak = 0.0, 0.0
    for one in (one for one in plan.stages if isinstance(one.stage, Training)):
        cost = costs[key_of(one)]
        if isinstance(cost, str):
            yield f"{one.group}, {one.name}: not timed: {cost}"
            continue
        length = length_of(one)
        own = cost.seconds * length.passes * length.steps / 3600
        hours, peak = hours + own, max(peak, cost.peak)
        made_up = " on a made-up batch" if cost.made_up else ""
        yield (
            f"{one.group}, {one.name}: {cost.seconds:.3g} s per {length.batch} images{made_up}, {own:.3g} hours, {cost.peak:.2f} GB"
        )
    yield f"trainings, all: {hours:.3g} hours on this machine, at most {peak:.2f} GB; maps, label maps, tests and CRFs come on top"


def missing_lines(found: Found) -> Iterator[str]:
    if not found.missing:
        yield "nothing is missing"
    said: dict[str, list[str]] = {}
    for message, stages in found.missing.items():
        groups: dict[str, list[str]] = {}
        for group, name in stages:
            groups.setdefault(group, []).append(name)
        heading = "; ".join(f"{group} ({', '.join(names)})" for group, names in groups.items())
        said.setdefault(heading, []).append(message)
    for heading, messages in said.items():
        yield f"{heading}:"
        yield from (f"  - {message}" for message in messages)
    if found.fetched:
        yield f"fetched at the first use: {'; '.join(found.fetched)}"


def measured(plan: Plan) -> dict[str, StepCost | str]:
    """Seconds and memory of a step of every training, each in a process of its own; where it cannot be timed, why."""
    costs: dict[str, StepCost | str] = {}
    for one in (one for one in plan.stages if isinstance(one.stage, Training)):
        key = key_of(one)
        if key in costs:
            continue
        print(f"timing {one.group}, {one.name}", end=": ", flush=True)
        try:
            cost = in_own_process(cost_of_step, one.method, one.name, one.settings, one.place)
            costs[key] = cost
            print(f"{cost.seconds:.3g} s, {cost.peak:.2f} GB", flush=True)
        except (ToolboxError, MemoryError) as error:
            costs[key] = str(error) or "there is not enough memory"
            print(costs[key], flush=True)
    return costs


def key_of(one: PlannedStage) -> str:
    """The same for trainings whose steps take the same time."""
    with working_in(one.place):
        decisive = {
            name: value for name, value in training_of(one).decisive(one.settings).items() if name not in PACE_ALONE
        }
    return json.dumps([one.method, one.name, decisive], sort_keys=True, default=str)
