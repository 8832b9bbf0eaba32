"""The end of a chain: one table of all its results, and the report with curves, pictures and predictions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from common.data.images import read_label_map
from common.data.palette import colour_label_map
from common.engine.metric_file import read_metrics
from common.errors import DataError
from common.files import atomic_write
from common.method.sweep import SWEEP_FILE, read_sweep
from common.paths import path_of_id
from common.report.curves import Curve
from common.report.examples import FOLDER, read_class_names, read_examples
from common.report.html import Example, Panel, ReportInput, write_report
from common.report.metrics import training_curves
from common.report.results import Result, read_results
from common.report.table import REFERENCE_ROWS, build_tables
from common.report.table_text import format_text
from common.visual.overlay import label_overlay
from common.visual.panels import as_rgb, png_bytes, side_by_side

REPORT, PICTURE = "report.html", "picture.png"
# Folder of the ablation's runs within a run; they have a table of their own.
ABLATION = "ablation"
FIRST_ROWS = ("all background", "plain CAM", "CAM x saliency")
# Panel title of the report -> heading in the picture, in the order of the chain; a method's own label maps stand before the truth.
COLUMNS = {
    "image": "image",
    "saliency": "saliency",
    "CAM": "CAM (first tag)",
    "pseudo label: plain CAM": "plain CAM label",
    "pseudo label: CAM x saliency": "CAM x saliency label",
    "DeepLab-v2: CAM x saliency": "DeepLab-v2 from it",
    "ground truth": "ground truth",
}
WIDTH = 168


def write_chain_report(
    title: str, description: str, folders: Sequence[Path], path: Path, curves: Sequence[Curve] = ()
) -> None:
    """Print the table of all results below ``folders`` and write the report, and one picture of the chain beside it.

    Args:
        folders: of the reference rows and of the method, or of one chain per seed.
        path: the report.
        curves: drawn besides those of trainings and thresholds.

    Raises:
        DataError: there is no result.
    """
    results = results_below(folders)
    order = [*FIRST_ROWS, *(one.method for one in results if one.method not in REFERENCE_ROWS), "fully supervised"]
    methods = list(dict.fromkeys(order))
    for table in build_tables(results, methods):
        print("\n" + format_text(table))
    shown = sorted({found.parent for found in found_below(folders, FOLDER)})
    examples = [with_predictions(example, folders) for example in read_examples(shown)]
    write_report(
        path,
        ReportInput(
            title=title,
            description=description,
            results=results,
            examples=examples,
            curves=[*curves_below(folders), *curves],
            class_names=read_class_names(shown),
            methods=methods,
        ),
    )
    if examples:
        sheet = png_bytes(chain_sheet(examples))
        atomic_write(path.with_name(PICTURE), lambda file: file.write(sheet))
    print(f"\nreport: {path}")


def results_below(folders: Sequence[Path]) -> list[Result]:
    """All records of the runs in ``folders``, each file once."""
    files = dict.fromkeys(path.resolve() for path in found_below(folders, "results.json"))
    if not files:
        raise DataError(f"no results.json in {', '.join(map(str, folders))}; run the stages first")
    return [result for path in files for result in read_results(path)]


def found_below(folders: Sequence[Path], name: str) -> list[Path]:
    """The files or folders of that name in the runs in ``folders``, without those of their ablations."""
    found = [(folder, path) for folder in folders for path in sorted(folder.rglob(name))]
    return [path for folder, path in found if ABLATION not in path.relative_to(folder).parts]


def curves_below(folders: Sequence[Path]) -> list[Curve]:
    """Training curves of all networks, and the threshold sweeps."""
    logs = {log.parent: log for log in found_below(folders, "metrics.jsonl")}
    curves = training_curves({run_name(run, folders): read_metrics(log) for run, log in logs.items()})
    sweeps = {file.parent: read_sweep(file) for file in found_below(folders, SWEEP_FILE)}
    lines = {run_name(run, folders): (sweep.tried, sweep.miou) for run, sweep in sweeps.items()}
    return [*curves, Curve("Background threshold, training list", "threshold", "mIoU in %", lines)] if lines else curves


def run_name(run: Path, folders: Sequence[Path]) -> str:
    """A run folder as a curve's name: its place below the folder of its chain, without what all have in common."""
    for folder in folders:
        if run.is_relative_to(folder):
            parts = [part for part in run.relative_to(folder).parts if part not in ("models", "train", "scores")]
            return "/".join([folder.name, *parts])
    return run.name


def with_predictions(example: Example, folders: Sequence[Path]) -> Example:
    """The example with the predictions of every segmentation network that was scored, before and after the CRF."""
    panels = list(example.panels)
    for kind, title in (("label", "DeepLab-v2"), ("crf", "DeepLab-v2 + CRF")):
        # The outputs of DeepLab-v2 lie in the run, unless the settings name another place.
        for out in [place for folder in folders for place in (folder / "deeplabv2", folder)]:
            for scores in sorted(out.glob("scores/*/*/*/results.json")):
                network = scores.parent.relative_to(out / "scores")
                path = path_of_id(out / "features" / network / kind, example.id, ".png")
                rows = [one.method for one in read_results(scores) if REFERENCE_ROWS.get(one.method) != "floor"]
                if path.is_file() and rows:
                    panels.append(Panel(f"{title}: {rows[-1]}", over_photograph(example, read_label_map(path))))
    return Example(example.id, panels)


def over_photograph(example: Example, label_map: np.ndarray) -> np.ndarray:
    """The label map (uint8 H x W) over the example's image; its colours alone where the example shows no image of its size."""
    image = next((panel.image for panel in example.panels if panel.title == "image"), None)
    if image is None or image.shape != (*label_map.shape, 3):
        return colour_label_map(label_map)
    return label_overlay(image, label_map)


def report_of(settings: Any) -> tuple[str, str]:
    """Title and first paragraph of a chain's report."""
    return settings.chain.title or "From image tags to a segmentation model", settings.chain.description


def chain_sheet(examples: Sequence[Example], rows: int = 3) -> np.ndarray:
    """A sheet, uint8 [H, W, 3] RGB, with one row per example and the columns that the examples have."""
    chosen = [columns_of(example) for example in examples[:rows]]
    shared = headings(chosen)
    pictures = [enlarge(row[title]) for row in chosen for title in shared]
    return side_by_side(pictures, shared * len(chosen), columns=len(shared))


def headings(rows: Sequence[Mapping[str, np.ndarray]]) -> list[str]:
    """The headings that all rows have, in the order of the chain."""
    *before, truth = COLUMNS.values()
    own = [heading for heading in rows[0] if heading not in COLUMNS.values()]
    return [heading for heading in (*before, *own, truth) if all(heading in row for row in rows)]


def heading_of(title: str) -> str | None:
    """The heading of a panel, None where the picture leaves it out."""
    kind, _, row = title.partition(": ")
    if kind == "CAM":
        return COLUMNS[kind]
    if kind.startswith("pseudo label") and row not in REFERENCE_ROWS:
        return row + kind.removeprefix("pseudo label")
    return COLUMNS.get(title)


def columns_of(example: Example) -> dict[str, np.ndarray]:
    """Heading -> picture (uint8 [H, W, 3] or [H, W]); of several CAMs the first."""
    found: dict[str, np.ndarray] = {}
    for panel in example.panels:
        heading = heading_of(panel.title)
        if heading:
            found.setdefault(heading, panel.image)
    return found


def enlarge(image: np.ndarray) -> np.ndarray:
    """uint8 [h, WIDTH, 3] of a picture uint8 [H, W, 3] or [H, W]; small pictures keep their pixels visible."""
    height = round(image.shape[0] * WIDTH / image.shape[1])
    method = cv2.INTER_NEAREST if image.shape[1] < WIDTH else cv2.INTER_AREA
    return cv2.resize(as_rgb(image), (WIDTH, height), interpolation=method)
