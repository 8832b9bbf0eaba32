"""Whether a refactoring changed a number: ``python tests/same_numbers.py BEFORE AFTER`` compares two folders of outputs.

Every checkpoint and published network (tensors and step), every folder of label maps (bytes) and every record of a
``results.json`` (scores) of BEFORE is looked for in AFTER, wherever it lies there. The exit status is 1 when one has no equal;
the nearest is then named, with the size of the difference. ``same_numbers.sh`` makes both folders.
"""

from __future__ import annotations

import argparse
import difflib
import hashlib
import math
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch
from PIL import Image

from common.data.images import read_label_map
from common.errors import CheckpointError, DataError, run_command
from common.files import read_json

Tensors = dict[str, torch.Tensor]
# Folders of pictures for people: what they show is compared where it is made.
PICTURES = {"pictures", "overlays", "examples"}
LABEL_MAP_MODES = {"P", "L"}
WORST = 3
IDENTITY = "method, stage, dataset, split, seed"


@dataclass(frozen=True)
class Item:
    """One output.

    Attributes:
        label: what it is called in the table.
        path: its file or folder.
        pieces: part -> hash or value; two items are equal when all of them are.
        group: what the nearest of unequal items has in common with it, where possible.
    """

    label: str
    path: Path
    pieces: Mapping[str, str]
    group: object = None


@dataclass(frozen=True)
class Kind:
    """One kind of output.

    Attributes:
        find: folder -> its items.
        difference: (item, its nearest) -> how they differ, in words.
        names_matter: whether equal pieces in the same order under other names are something else.
    """

    name: str
    find: Callable[[Path], list[Item]]
    difference: Callable[[Item, Item], str]
    names_matter: bool = True


@dataclass(frozen=True)
class Finding:
    """What became of one item: ``verdict`` is 'equal', 'up to names' or 'DIFFERENT'."""

    item: Item
    verdict: str
    text: str


def checkpoints(root: Path) -> list[Item]:
    """The training checkpoints and published networks below a folder."""
    items = []
    for path in sorted(root.rglob("*.pth")):
        tensors, step = read_tensors(path)
        pieces = {name: fingerprint(tensor) for name, tensor in tensors.items()}
        shapes = tuple(tuple(tensor.shape) for tensor in tensors.values())
        items.append(Item(relative(path, root), path, {**pieces, "step": str(step)}, shapes))
    return items


def read_tensors(path: Path) -> tuple[Tensors, Any]:
    """All tensors of a checkpoint, those of the network first, and its step.

    An optimiser's tensors are called after the number of their parameter: its groups may get other names.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many types for damaged files
        raise CheckpointError(f"cannot read {path}: {' '.join(str(error).split())[:200]}") from error
    if not isinstance(content, Mapping):
        raise CheckpointError(f"{path} holds no dictionary of tensors")
    state = content.get("optimizer", {}).get("state", {})
    network = content.get("model", content)
    return {**flat(network, ""), **flat(state, "optimizer.")}, content.get("step")


def flat(value: Any, prefix: str) -> Tensors:
    """Dotted name -> tensor for all tensors in nested dictionaries."""
    if isinstance(value, torch.Tensor):
        return {prefix.rstrip("."): value}
    found: Tensors = {}
    for key, inner in value.items() if isinstance(value, Mapping) else ():
        found |= flat(inner, f"{prefix}{key}.")
    return found


def fingerprint(tensor: torch.Tensor) -> str:
    """Hash of type, shape and bytes."""
    data = tensor.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
    return hashlib.sha256(f"{tensor.dtype} {tuple(tensor.shape)} ".encode() + data).hexdigest()


def tensor_difference(item: Item, other: Item) -> str:
    (before, step), (after, other_step) = read_tensors(item.path), read_tensors(other.path)
    if list(before) != list(after) and item.group == other.group:
        # The same shapes in the same order: compared one by one under the old names.
        after = dict(zip(before, after.values(), strict=True))
    said = [f"step {step} became {other_step}"] if step != other_step else []
    said += absent(before, after, "tensors")
    changed = [name for name in before if name in after and fingerprint(before[name]) != fingerprint(after[name])]
    return "; ".join(
        [*said, *worst({name: gap(before[name], after[name]) for name in changed}, len(before), "tensors")]
    )


def gap(before: torch.Tensor, after: torch.Tensor) -> float:
    """Largest absolute difference; infinite between shapes, and where one value is not a number."""
    if before.shape != after.shape:
        return math.inf
    gaps = (before.double() - after.double()).abs().nan_to_num(nan=math.inf)
    return float(gaps.max()) if gaps.numel() else 0.0


def label_folders(root: Path) -> list[Item]:
    """The folders that hold label maps: PNG files with one channel."""
    items = []
    for folder in sorted({path.parent for path in root.rglob("*.png")}):
        if not PICTURES & set(folder.relative_to(root).parts):
            maps = [path for path in sorted(folder.glob("*.png")) if is_label_map(path)]
            pieces = {path.stem: hashlib.sha256(path.read_bytes()).hexdigest() for path in maps}
            items += [Item(relative(folder, root), folder, pieces)] if maps else []
    return items


def is_label_map(path: Path) -> bool:
    with Image.open(path) as image:
        return image.mode in LABEL_MAP_MODES


def pixel_difference(item: Item, other: Item) -> str:
    shared = [name for name in item.pieces if name in other.pieces]
    files = [name for name in shared if item.pieces[name] != other.pieces[name]]
    changed = total = 0
    for name in shared:
        before = read_label_map(item.path / f"{name}.png")
        total += before.size
        if name in files:
            after = read_label_map(other.path / f"{name}.png")
            changed += int((before != after).sum()) if before.shape == after.shape else before.size
    said = (
        [f"{100 * changed / total:.4g} % of the pixels differ, in {len(files)} of {len(shared)} files"] if files else []
    )
    return "; ".join([*said, *absent(item.pieces, other.pieces, "files")])


def records(root: Path) -> list[Item]:
    """The records of every ``results.json`` below a folder."""
    return [item for path in sorted(root.rglob("results.json")) for item in records_of(path, root)]


def records_of(path: Path, root: Path) -> Iterator[Item]:
    for record in read_json(path)["results"]:
        identity = tuple(record[name] for name in ("method", "stage", "dataset", "split", "seed"))
        scores = {name: repr(value) for name, value in scores_of(record).items()}
        label = f"{relative(path.parent, root)}: {', '.join(map(str, identity[:-1]))}, seed {identity[-1]}"
        yield Item(label, path, {IDENTITY: repr(identity), **scores}, identity)


def scores_of(record: Mapping[str, Any]) -> dict[str, float]:
    """mIoU and the IoU per class, percent; NaN for a class that is in no mask."""
    scores = {"mIoU": record["miou"], **record["class_iou"]}
    return {name: math.nan if value is None else float(value) for name, value in scores.items()}


def score_difference(item: Item, other: Item) -> str:
    before, after = ({name: piece for name, piece in one.pieces.items() if name != IDENTITY} for one in (item, other))
    if item.group != other.group:
        scores = "the same" if before == after else "other"
        return f"a record of another method, stage, dataset, split or seed, with {scores} scores"
    gaps = {
        name: float(after[name]) - float(before[name])
        for name in before
        if name in after and before[name] != after[name]
    }
    return "; ".join([*absent(before, after, "scores"), *worst(gaps, len(before), "scores")])


KINDS = (
    Kind("checkpoints", checkpoints, tensor_difference, names_matter=False),
    Kind("folders of label maps", label_folders, pixel_difference),
    Kind("records", records, score_difference),
)


def absent(before: Iterable[str], after: Iterable[str], what: str) -> list[str]:
    """How many names went and came, in words."""
    sides = ((set(before) - set(after), "gone"), (set(after) - set(before), "new"))
    return [f"{len(names)} {what} {where}, e.g. {min(names)}" for names, where in sides if names]


def worst(gaps: Mapping[str, float], total: int, what: str) -> list[str]:
    """How many parts differ, and the largest differences, in words."""
    names = sorted(gaps, key=lambda name: -abs(gaps[name]))[:WORST]
    largest = ", ".join(f"{name} by {gaps[name]:.3g}" for name in names)
    return [f"{len(gaps)} of {total} {what} differ: {largest}"] if gaps else []


def relative(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix()


def compare(kind: Kind, before: Sequence[Item], after: Sequence[Item]) -> list[Finding]:
    """What became of each item of BEFORE."""
    return [find_in(kind, item, after) for item in before]


def find_in(kind: Kind, item: Item, after: Sequence[Item]) -> Finding:
    equal = [other for other in after if other.pieces == item.pieces]
    if equal:
        return Finding(item, "equal", place(item, nearest(item, equal)))
    values = list(item.pieces.values())
    renamed = [other for other in after if list(other.pieces.values()) == values] if not kind.names_matter else []
    if renamed:
        return Finding(item, "up to names", place(item, nearest(item, renamed)))
    alike = [other for other in after if other.group == item.group] or after
    if not alike:
        return Finding(item, "DIFFERENT", "there is none")
    other = nearest(item, alike)
    return Finding(item, "DIFFERENT", f"{place(item, other)}: {kind.difference(item, other)}")


def nearest(item: Item, others: Sequence[Item]) -> Item:
    """The one with most equal pieces and, among several, the most alike name."""

    def likeness(other: Item) -> tuple[int, float]:
        same = sum(other.pieces.get(name) == value for name, value in item.pieces.items())
        return same, difflib.SequenceMatcher(None, item.label, other.label).ratio()

    return max(others, key=likeness)


def place(item: Item, other: Item) -> str:
    return "at the same place" if item.label == other.label else other.label


def report(before: Path, after: Path) -> bool:
    """Print a table per kind; whether everything in BEFORE has an equal in AFTER.

    Raises:
        DataError: a folder is missing, or there is nothing to compare.
    """
    for folder in (before, after):
        if not folder.is_dir():
            raise DataError(f"{folder} is not a folder; give two folders of outputs")
    findings: list[Finding] = []
    for kind in KINDS:
        items, others = kind.find(before), kind.find(after)
        found = compare(kind, items, others)
        counts = {verdict: sum(one.verdict == verdict for one in found) for verdict in ("equal", "up to names")}
        renamed = f", {counts['up to names']} of them up to names" if counts["up to names"] else ""
        print(f"{kind.name}: {sum(counts.values())} of {len(found)} equal{renamed}; AFTER has {len(others)}")
        width = max((len(one.item.label) for one in found), default=0)
        for one in found:
            print(f"  {one.verdict:<11}  {one.item.label:<{width}}  {one.text}")
        findings += found
    if not findings:
        raise DataError(f"{before} holds no checkpoint, label map or record; give the folder that reproduce.sh wrote")
    different = sum(one.verdict == "DIFFERENT" for one in findings)
    print(f"{different} of {len(findings)} outputs of BEFORE have no equal" if different else "no number changed")
    return not different


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="tests/same_numbers.py", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("before", type=Path, help="folder of outputs of the old code")
    parser.add_argument("after", type=Path, help="folder of outputs of the new code")
    arguments = parser.parse_args(argv)
    return 0 if report(arguments.before, arguments.after) else 1


if __name__ == "__main__":
    run_command(main)
