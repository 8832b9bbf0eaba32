"""Settings of a chain."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from common.errors import ConfigError


@dataclass(frozen=True)
class TrainingLabels:
    """One DeepLab-v2 training of the chain.

    Attributes:
        method: row of the results table.
        folder: name of the pseudo-label folder; empty for the dataset's own masks.
        uses_saliency: whether saliency maps are behind the labels.
    """

    method: str
    folder: str
    uses_saliency: bool

    @property
    def experiment(self) -> str:
        return self.folder or "fully_supervised"


PLAIN_CAM = TrainingLabels("plain CAM", "plain_cam", False)
CAM_X_SALIENCY = TrainingLabels("CAM x saliency", "cam_x_saliency", True)
FULLY_SUPERVISED = TrainingLabels("fully supervised", "", False)


@dataclass
class ChainConfig:
    """Run the whole chain on one dataset.

    Args:
        title: heading of the report.
        description: first paragraph of the report.
        baseline: configuration of the baseline stages, in common/baseline/configs or a path.
        segmentation: configuration of DeepLab-v2, in deeplabv2/configs or a path.
        out: folder of everything the chain writes.
        root: the dataset's folder; empty keeps the configurations' own.
        weights: initial weights of both bodies (a name or a local file); empty keeps the configurations' own.
        seed: of all trainings.
        device: auto, cpu, cuda or cuda:N.
        workers: processes that load images.
        label_crf: also make and score pseudo labels refined by the CRF.
        fully_supervised: also train on the dataset's masks, the ceiling.
        examples: images of the val list that the report shows.
        until: labels stops after the pseudo labels, before DeepLab-v2; report goes to the end.
    """

    title: str = "From image tags to a segmentation model"
    description: str = ""
    baseline: str = "toy.yaml"
    segmentation: str = "toy.yaml"
    out: str = "runs/chain"
    root: str = ""
    weights: str = ""
    seed: int = 0
    device: str = "auto"
    workers: int = 2
    label_crf: bool = True
    fully_supervised: bool = True
    examples: int = 6
    until: Literal["labels", "report"] = "report"
    method_order: list[str] = field(
        default_factory=lambda: ["all background", "plain CAM", "CAM x saliency", "fully supervised"]
    )

    @property
    def trainings(self) -> list[TrainingLabels]:
        return [PLAIN_CAM, CAM_X_SALIENCY, *([FULLY_SUPERVISED] if self.fully_supervised else [])]

    def baseline_arguments(self) -> list[str]:
        """``-c CONFIG`` and flags of the baseline stages."""
        arguments = ["-c", str(find_config("common.baseline", self.baseline)), "--out", f"{self.out}/baseline"]
        arguments += ["--seed", str(self.seed), "--device", self.device, "--workers", str(self.workers)]
        arguments += ["--data.root", self.root] if self.root else []
        return arguments + (["--backbone.weights", self.weights] if self.weights else [])

    def segmentation_arguments(self, labels: TrainingLabels, saliency_source: str) -> list[str]:
        """``-c CONFIG`` and flags of the DeepLab-v2 commands."""
        arguments = ["-c", str(find_config("deeplabv2", self.segmentation))]
        arguments += ["--EXP.OUTPUT_DIR", f"{self.out}/deeplabv2", "--EXP.ID", labels.experiment]
        arguments += ["--method", labels.method]
        arguments += ["--saliency_source", saliency_source if labels.uses_saliency else "none"]
        arguments += ["--seed", str(self.seed), "--device", self.device, "--workers", str(self.workers)]
        arguments += ["--label-dir", f"{self.out}/baseline/labels/{labels.folder}"] if labels.folder else []
        arguments += ["--root", self.root] if self.root else []
        return arguments + (["--network.backbone.weights", self.weights] if self.weights else [])


def find_config(package: str, name: str) -> Path:
    """A configuration file by path, or by name among those of ``package``.

    Raises:
        ConfigError: there is none.
    """
    if Path(name).is_file():
        return Path(name)
    spec = importlib.util.find_spec(package)
    folders = [Path(folder) / "configs" for folder in (spec.submodule_search_locations or [])] if spec else []
    for folder in folders:
        if (folder / name).is_file():
            return folder / name
    raise ConfigError(
        f"there is no configuration {name}, neither as a path nor in {', '.join(map(str, folders)) or package}"
    )
