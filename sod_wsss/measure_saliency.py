"""How good saliency maps are: MAE, F-, S- and E-measures and IoU against masks.

``python sod_wsss/measure_saliency.py --maps MAPS --masks MASKS [--list FILE] [--out results.json]`` scores one folder of
maps; ``--benchmarks dataset/benchmark --maps MAPS`` every dataset ``<name>`` of a folder of them (``<name>/Images`` and
``<name>/Masks``), whose maps lie in ``MAPS/<name>``. Maps are 8-bit grey pictures, 0 to 255 (or all of them
0 to 1), and are compared as they are, at the size of the masks; a map and its mask have the same name.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from common.cores import map_on_cores
from common.data.image_names import folder_ids
from common.data.images import IMAGE_SUFFIXES, image_size, read_saliency
from common.data.lists import read_list
from common.data.saliency_levels import largest_saliency
from common.errors import DataError, run_command
from common.files import write_json
from sod_wsss.measures import MEASURES, SaliencyMeasures, SMeasure, mean_scores, measure_map, object_mask, sod_package
from sod_wsss.saliency_data import LAYOUTS

MASK_FOLDERS = tuple(masks for _, masks in LAYOUTS)
SHOWN_NAMES = 3
WITHOUT_OBJECT = "masks without an object, which count in MAE, weighted F, S and E alone"
ZERO_AND_ONE = "masks of 0 and 1, read as 0 and 255"
ONE_LEVEL = "maps of one grey level"
ALMOST_BLACK = "maps of the grey levels 0 and 1 alone, compared as almost black; maps are 0 to 255"
LEFT_OVER = "maps that no mask asks for"


@dataclass(frozen=True)
class DatasetScores:
    """The scores of one dataset, by the names of ``MEASURES``, and what about its files should be known."""

    scores: Mapping[str, float]
    images: int
    notes: Sequence[str]


def main(argv: Sequence[str] | None = None) -> int:
    """Score the maps, print a table and write the numbers.

    Raises:
        ConfigError: pysodmetrics is not installed.
        DataError: a file is missing, of another size than its partner, or no grey picture.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--maps", type=Path, required=True, help="folder of saliency maps, or of one for each dataset")
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--masks", type=Path, help="folder of masks")
    where.add_argument("--benchmarks", type=Path, help="folder of datasets, each with Images and Masks")
    parser.add_argument("--list", type=Path, help="only these images of --masks")
    parser.add_argument("--out", type=Path, help="JSON file for the numbers")
    parser.add_argument(
        "--s-measure", choices=("field", "published"), default="field", help="variant of the S-measure (%(default)s)"
    )
    arguments = parser.parse_args(argv)
    if arguments.list and arguments.benchmarks:
        parser.error("--list goes with --masks; a folder of datasets is scored as a whole")
    sod_package()
    folders = datasets_of(arguments.benchmarks, arguments.maps) if arguments.benchmarks else {}
    if not folders:
        masks = arguments.masks
        folders[masks.parent.name if masks.name in MASK_FOLDERS else masks.name] = (arguments.maps, masks)
    ids = [entry.id for entry in read_list(arguments.list)] if arguments.list else None
    scores = {}
    for name, (maps, masks) in folders.items():
        print(f"scoring {maps} against {masks}", file=sys.stderr)
        scores[name] = measure_folder(maps, masks, ids, arguments.s_measure)
    print(score_text(scores))
    if arguments.out:
        numbers = {name: {**one.scores, "images": one.images, "notes": one.notes} for name, one in scores.items()}
        write_json(arguments.out, numbers)
    return 0


def datasets_of(root: Path, maps: Path) -> dict[str, tuple[Path, Path]]:
    """Dataset -> its folders of maps and of masks, of all datasets below ``root``.

    Raises:
        DataError: there is none, or one has no maps.
    """
    found = {}
    for folder in sorted(root.iterdir()) if root.is_dir() else []:
        masks = next((folder / name for name in MASK_FOLDERS if (folder / name).is_dir()), None)
        if masks is None:
            continue
        if not (maps / folder.name).is_dir():
            raise DataError(f"there are no maps of {folder.name}: make the folder {maps / folder.name}")
        found[folder.name] = (maps / folder.name, masks)
    if not found:
        raise DataError(f"{root} holds no dataset: no folder in it has a folder Masks or gt")
    return found


def measure_folder(maps: Path, masks: Path, ids: Sequence[str] | None, s_measure: SMeasure) -> DatasetScores:
    """Score the maps of the masks of a folder, or of those of a list.

    Raises:
        DataError: a map or mask is missing, or of another size than its partner; or no mask has an object.
    """
    pairs, left_over = paired_files(maps, masks, ids)
    for files in pairs.values():
        sizes = [image_size(path) for path in files]
        if sizes[0] != sizes[1]:
            text = " and ".join(f"{path} is {high} x {wide}" for path, (high, wide) in zip(files, sizes, strict=True))
            raise DataError(f"{text} (height x width); bring the map to the size of its mask")
    largest = largest_saliency((map_file for map_file, _ in pairs.values()), maps)
    measured = map_on_cores(lambda files: measure_pair(*files, s_measure, largest), [*pairs.values()])
    results = dict(zip(pairs, measured, strict=True))
    remarks: dict[str, list[str]] = {LEFT_OVER: left_over} if left_over else {}
    for image_id, (_, own) in results.items():
        for remark in own:
            remarks.setdefault(remark, []).append(image_id)
    if len(remarks.get(WITHOUT_OBJECT, [])) == len(results):
        raise DataError(f"no mask in {masks} has an object: masks are 0 and 255 (or 0 and 1), objects above 128")
    notes = [f"{len(names)} {remark}: {some_of(names)}" for remark, names in remarks.items()]
    return DatasetScores(mean_scores([one for one, _ in results.values()]), len(results), notes)


def measure_pair(
    map_file: Path, mask_file: Path, s_measure: SMeasure, largest: int
) -> tuple[SaliencyMeasures, list[str]]:
    """The scores of a map, and what should be known about its files.

    Args:
        largest: the value that stands for salient in maps.
    """
    levels = read_saliency(map_file, largest=largest)
    mask, zero_and_one = object_mask(read_saliency(mask_file))
    known = {
        WITHOUT_OBJECT: not mask.any(),
        ZERO_AND_ONE: zero_and_one,
        ONE_LEVEL: levels.min() == levels.max(),
        ALMOST_BLACK: levels.max() == 1,
    }
    return measure_map(levels / 255, mask, s_measure), [remark for remark, holds in known.items() if holds]


def paired_files(maps: Path, masks: Path, ids: Sequence[str] | None) -> tuple[dict[str, tuple[Path, Path]], list[str]]:
    """Id -> file of the map and of the mask; and, without a list, the ids of maps that have no mask.

    Raises:
        DataError: a mask has no map, or the list names what has no mask.
    """
    map_files, mask_files = files_by_id(maps), files_by_id(masks)
    wanted = list(mask_files) if ids is None else ids
    for files, folder, kind in ((mask_files, masks, "mask"), (map_files, maps, "map")):
        lacking = [image_id for image_id in wanted if image_id not in files]
        if lacking:
            raise DataError(f"{folder} lacks the {kind} of {len(lacking)} of {len(wanted)} images: {some_of(lacking)}")
    left_over = [image_id for image_id in map_files if image_id not in mask_files] if ids is None else []
    return {image_id: (map_files[image_id], mask_files[image_id]) for image_id in wanted}, left_over


def files_by_id(folder: Path) -> dict[str, Path]:
    """Id -> picture, of all below a folder, sorted; an id is the path without the folder and the extension."""
    ids = set(folder_ids(folder))
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES)
    by_id = {path.relative_to(folder).with_suffix("").as_posix(): path for path in paths}
    return {image_id: path for image_id, path in by_id.items() if image_id in ids}


def some_of(names: Sequence[str]) -> str:
    return ", ".join(names[:SHOWN_NAMES]) + (", ..." if len(names) > SHOWN_NAMES else "")


def score_text(scores: Mapping[str, DatasetScores]) -> str:
    """The scores as an aligned table, one dataset a line, and the notes below it."""
    width = max(len("dataset"), *map(len, scores))
    lines = [f"{'dataset':{width}}  images  " + "  ".join(f"{name:>10}" for name in MEASURES)]
    for name, one in scores.items():
        numbers = "  ".join(f"{one.scores[measure]:10.4f}" for measure in MEASURES)
        lines.append(f"{name:{width}}  {one.images:6}  {numbers}")
    return "\n".join(lines + [f"{name}: {note}" for name, one in scores.items() for note in one.notes])


if __name__ == "__main__":
    run_command(main)
