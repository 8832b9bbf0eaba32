"""Settings of the segmentation stage: training on seeds, prediction, scores."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from common.crf.inference import Engine
from common.data.layout import DataConfig
from common.engine.optimizer import OptimizerConfig
from common.engine.run_folder import RunFolder
from common.engine.schedules import ScheduleConfig
from common.engine.settings import EngineConfig
from common.errors import ConfigError
from common.models.backbones import BackboneConfig
from sgan.segmentation.crf_layer import SCALE
from sgan.segmentation.multiscale import MIDDLE, SINGLE, input_sides
from sgan.segmentation.network import OUTPUT_STRIDE, RATES
from sgan.segmentation.resize import Edge


@dataclass
class NetworkConfig:
    """DeepLab-v2 on VGG16, or on another body.

    Args:
        name: vgg16 (published) or body.
        body: feature extractor of the network ``body`` and its initial weights; output stride 8. The settings width and
            weights below are those of vgg16.
        width: factor on all hidden channels; 1.0 is the published network.
        rates: dilations of the parallel branches.
        weights: empty for random; "imagenet" for torchvision's VGG16 (downloaded once); otherwise a file: a .caffemodel
            (vgg16_20M_mc.caffemodel as published), tensors with the published names (conv1_1.weight; also those of an SGAN
            checkpoint), or torchvision's VGG16 or a VGG16 classifier of this toolbox (features.0.weight). The
            branches start at random where the file lacks them.
    """

    name: Literal["vgg16", "body"] = "vgg16"
    body: BackboneConfig = field(default_factory=lambda: BackboneConfig(name="resnet101", output_stride=OUTPUT_STRIDE))
    width: float = 1.0
    rates: list[int] = field(default_factory=lambda: list(RATES))
    weights: str = ""

    def __post_init__(self) -> None:
        if self.name == "body" and (self.weights or self.width != 1.0):
            raise ConfigError(
                "network.weights and network.width are of vgg16; for a body set network.body.weights and .width"
            )


@dataclass
class AugmentationConfig:
    """What the network sees of an image.

    Args:
        resize: side in pixels to which images and seeds are brought first, aspect ratio not kept.
        crop_size: side of the random square that is cut out; a multiple of 8 plus 1.
        distort_colours: brightness, contrast, saturation and hue at random.
    """

    resize: int = 353
    crop_size: int = 321
    distort_colours: bool = True


@dataclass
class LossConfig:
    """What the network learns from.

    Args:
        recipe: dsrg (seed loss and constrain loss) or retrain (cross-entropy on label maps and on the network's own
            labels), for a second training on the predictions of the first.
        seed: balanced (background and foreground seeds weigh the same: DSRG) or plain (SEC).
        constrain: pull the network's output towards what the dense CRF makes of it.
        crf_scale: the CRF's position widths are divided by it, as its image is the reduced one.
        crf_engine: auto, pydensecrf or torch.
        grow: let the seeds spread to connected cells that the network is sure of (DSRG). Published seeds stay as they are.
        grow_background, grow_foreground: probability above which it is sure.
    """

    recipe: Literal["dsrg", "retrain"] = "dsrg"
    seed: Literal["balanced", "plain"] = "balanced"
    constrain: bool = True
    crf_scale: float = SCALE
    crf_engine: Engine = "auto"
    grow: bool = False
    grow_background: float = 0.99
    grow_foreground: float = 0.85

    def __post_init__(self) -> None:
        if self.recipe == "retrain" and self.grow:
            raise ConfigError("losses.grow spreads seeds; the recipe retrain has label maps: leave it out")
        for name in ("grow_background", "grow_foreground"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"losses.{name} is {getattr(self, name)}; give a probability")


@dataclass
class PredictionConfig:
    """How images are segmented.

    Args:
        split: list of images to predict (val; train for a second training).
        multi_scale: three square inputs (0.75, 1 and 1.25 times middle_side) instead of one of ``side`` pixels.
        side: side of the single input in pixels.
        middle_side: side of the middle one of three inputs.
        smooth: refine by the dense CRF.
        use_tags: allow only background and the true tags of an image; results say so.
        score: evaluate against the masks of the list.
        edge: published keeps the zeros that scipy's zoom leaves in the last row or column for some sizes.
        batch_size: images of one pass.
        crf_engine: auto, pydensecrf or torch.
        processes: processes that enlarge, refine and write; 0 for one per core.
        total_parts, part: predict only one of so many consecutive parts of the list.
        pictures: images of which a sheet is written: image, seeds, prediction and its uncertainty.
    """

    split: str = "val"
    multi_scale: bool = True
    side: int = SINGLE
    middle_side: int = MIDDLE
    smooth: bool = False
    use_tags: bool = False
    score: bool = True
    edge: Edge = "repaired"
    batch_size: int = 1
    crf_engine: Engine = "auto"
    processes: int = 0
    total_parts: int = 1
    part: int = 1
    pictures: int = 0

    @property
    def sides(self) -> list[int]:
        """Sides of the square inputs in pixels."""
        return input_sides(self.multi_scale, self.side, self.middle_side)

    @property
    def folder(self) -> str:
        """Name of the folder of label maps."""
        return "_".join([self.split, *(["tags"] if self.use_tags else []), *(["crf"] if self.smooth else [])])


@dataclass
class SegmentationConfig:
    """Train DeepLab-v2 (VGG16) on a folder of seeds, predict, score.

    Args:
        out: folder of the run; predictions are written there too.
        force: redo what is there.
        method: row of the results table.
        saliency_source: what made the saliency maps behind the seeds, or none.
        label_dir: folder of seeds or other label maps <id>.png.
        model: checkpoint to predict with; empty for that of this run.
        split: list of the training images.
        score_classes: names to score; others are ignored in the masks. Empty scores all.
        data: the dataset.
        network: the network.
        augmentation: what it sees.
        losses: what it learns from.
        engine: how the training runs.
        optimizer: optimiser; biases learn at twice the rate of their weights, without decay.
        schedule: learning-rate schedule.
        test: prediction.
    """

    out: str = "runs/sgan_segmentation"
    force: bool = False
    method: str = "SGAN (DSRG recipe)"
    saliency_source: str = "none"
    label_dir: str = ""
    model: str = ""
    split: str = "train"
    score_classes: list[str] = field(default_factory=list)
    data: DataConfig = field(default_factory=DataConfig)
    network: NetworkConfig = field(default_factory=NetworkConfig)
    augmentation: AugmentationConfig = field(default_factory=AugmentationConfig)
    losses: LossConfig = field(default_factory=LossConfig)
    engine: EngineConfig = field(default_factory=EngineConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)
    test: PredictionConfig = field(default_factory=PredictionConfig)

    @property
    def folder(self) -> RunFolder:
        return RunFolder(self.out)

    @property
    def final_weights(self) -> Path:
        """The network's tensors alone, the published form."""
        return Path(self.out) / f"model_iter_{self.engine.max_steps}.pth"

    @property
    def predictions(self) -> Path:
        return Path(self.out) / "predictions" / self.test.folder
