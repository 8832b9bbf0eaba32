"""The end of a chain: one table of all its results, and the report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from common.baseline.config import BaselineConfig
from common.chain.config import ChainConfig
from common.chain.examples import chain_examples
from common.chain.picture import chain_picture
from common.chain.stages import baseline_config
from common.data.layout import open_layout
from common.engine.metric_file import read_metrics
from common.errors import DataError
from common.files import atomic_write, read_json
from common.report.curves import Curve
from common.report.html import ReportInput, write_report
from common.report.metrics import training_curves
from common.report.results import Result, read_results
from common.report.table import build_tables
from common.report.table_text import format_text
from common.visual.panels import png_bytes

REPORT = "report.html"
PICTURE = "picture.png"


def summarise(config: ChainConfig, folders: Sequence[Path]) -> Path:
    """Print the table of the results in ``folders`` (one per seed) and write the report; returns its path."""
    results = collect_results(folders)
    for table in build_tables(results, config.method_order):
        print("\n" + format_text(table))
    baseline = baseline_config(config)
    examples = chain_examples(config, baseline)
    report = ReportInput(
        title=config.title,
        description=config.description,
        results=results,
        examples=examples,
        curves=chain_curves(config, baseline),
        class_names=open_layout(baseline.data).classes,
        methods=config.method_order,
    )
    folder = Path(folders[0]).parent if len(folders) > 1 else Path(folders[0])
    path = folder / REPORT
    write_report(path, report)
    atomic_write(folder / PICTURE, lambda file: file.write(png_bytes(chain_picture(examples))))
    print(f"\nreport: {path}")
    return path


def collect_results(folders: Sequence[Path]) -> list[Result]:
    """All records of the chains in ``folders``."""
    files = [path for folder in folders for path in sorted(Path(folder).rglob("results.json"))]
    if not files:
        raise DataError(f"no results.json in {', '.join(map(str, folders))}; run the chain first")
    return [result for path in files for result in read_results(path)]


def chain_curves(config: ChainConfig, baseline: BaselineConfig) -> list[Curve]:
    """Training curves of all networks, and the threshold sweep."""
    curves = training_curves({"classifier": read_metrics(baseline.folder.metrics)})
    runs = {}
    for labels in config.trainings:
        for path in sorted((Path(config.out) / "deeplabv2" / "models" / labels.experiment).glob("*/*/metrics.jsonl")):
            runs[f"DeepLab-v2, {labels.method}"] = read_metrics(path)
    curves += training_curves(runs)
    if baseline.labels.choose_threshold:
        sweep = read_json(baseline.sweep_file)
        line = {"plain CAM": (sweep["thresholds"], sweep["miou"])}
        curves.append(Curve("Background threshold of plain CAM, training list", "threshold", "mIoU in %", line))
    return curves
