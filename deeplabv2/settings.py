"""All settings of the segmentation trainer, and the places of its outputs. Published spellings: :mod:`deeplabv2.aliases`."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from common.bounds import LONGEST_SIDE, bounded, bounded_share, bounded_side, needed_text, require_bounds
from common.crf.inference import Engine
from common.crf.presets import CrfSettings
from common.engine.optimizer import OptimizerConfig
from common.engine.schedules import ScheduleConfig
from common.engine.settings import EngineConfig, PassConfig
from common.errors import ConfigError, require
from common.method.settings import CropConfig, LongSidesConfig, ReportConfig, RunSettings, require_long_sides
from deeplabv2.dataset import DatasetConfig
from deeplabv2.losses import LossName
from deeplabv2.networks.dsrg import CAFFE_MEAN, OUTPUT_STRIDE
from deeplabv2.networks.settings import NetworkConfig
from deeplabv2.resize import Edge
from deeplabv2.seed_losses import CRF_SCALE

CrfImage = Literal["original", "rgb", "mean_subtracted"]
# They take the label maps as seeds, one label per position of the logits.
LOSSES_ON_SEEDS = ("dsrg", "retrain")


@dataclass
class MeanColour:
    """Mean colour in grey levels, subtracted by networks with a Caffe input (all published ones)."""

    blue: float = bounded(CAFFE_MEAN[0], least=0, most=255)
    green: float = bounded(CAFFE_MEAN[1], least=0, most=255)
    red: float = bounded(CAFFE_MEAN[2], least=0, most=255)

    @property
    def bgr(self) -> tuple[float, float, float]:
        return self.blue, self.green, self.red


@dataclass
class ImageConfig(CropConfig, LongSidesConfig):
    """What the network sees of an image; sizes in pixels. Training images are scaled by one of scales, or warped to warp_size,
    or resized to a longer side between the two long_sides (DeepLabv3+ of SOD-WSSS: 256, 1024).

    Args:
        mean: mean colour.
        base_size: longer side of the size that scales multiply in training, resized to once; 0 for the image's own size.
        warp_size: side of a square to which training images are brought, aspect ratio not kept, in place of scales (DSRG);
            0 for none.
        distort_colours: brightness, contrast, saturation and hue at random, with warp_size.
        test_size: longer side of the images of demo and predict. Test runs at full size, or as section test says.
    """

    crop_size: int = 321
    scales: list[float] = field(default_factory=lambda: [0.5, 0.75, 1.0, 1.25, 1.5])
    mean: MeanColour = field(default_factory=MeanColour)
    base_size: int = bounded_side(0, 0)
    warp_size: int = bounded_side(0, 0)
    distort_colours: bool = False
    test_size: int = bounded_side(513, 0)


@dataclass
class SegmentationLossConfig:
    """What the network learns from.

    Args:
        name: ce (as published), balanced_ce (mean of background and foreground: CLIMS and AdvCAM from ImageNet weights),
            focal (the L2G+CDA thesis), self_training (DRS; needs tags), dsrg (seed loss and constrain loss: SGAN, DSRG, SEC) or
            retrain (cross-entropy on label maps and on the network's own labels: SGAN's second training).
        size: map compares labels reduced to the logits' size (as published), image compares enlarged logits.
        focal_gamma: exponent of the focal loss; 0, the thesis's value, is cross-entropy divided by all pixels.
        self_training: how absent classes are kept out of the labels that the network gives itself: mask rules them out,
            multiply (as published) sets their logits to 0, which wins where all present classes are negative.
        seed_loss: of dsrg: balanced (background and foreground seeds weigh the same: DSRG) or plain (SEC).
        constrain: of dsrg: pull the network's output towards what the dense CRF makes of it.
        crf_scale: the constrain loss's CRF has position widths divided by it, as its image is the reduced one.
        crf_engine: auto, pydensecrf or torch.
        grow: let the seeds spread to connected positions that the network is sure of (DSRG; needs tags).
        grow_background, grow_foreground: probability above which it is sure.
    """

    name: Literal[LossName, "dsrg", "retrain"] = "ce"
    size: Literal["map", "image"] = "map"
    focal_gamma: float = bounded(0.0, least=0, most=100)
    self_training: Literal["mask", "multiply"] = "mask"
    seed_loss: Literal["balanced", "plain"] = "balanced"
    constrain: bool = True
    crf_scale: float = bounded(CRF_SCALE, above=0, most=1e4)
    crf_engine: Engine = "auto"
    grow: bool = False
    grow_background: float = bounded_share(0.99)
    grow_foreground: float = bounded_share(0.85)

    def __post_init__(self) -> None:
        if self.grow and self.name != "dsrg":
            raise ConfigError(f"loss.grow spreads seeds; the loss {self.name} has none: leave it out")
        require_bounds(self, "loss")

    @property
    def needs_tags(self) -> bool:
        return self.name == "self_training" or self.grow


@dataclass
class TestConfig(PassConfig):
    """How images are segmented; as published at their own size, one by one.

    Args:
        squares: sides of square inputs, aspect ratio not kept, whose logits are summed (SGAN: 288, 385, 481, or 321 alone); empty
            for the image as long_side, scales and flip say.
        edge: of squares: published keeps the zeros that scipy's zoom leaves in the last row or column for some sizes.
        summed: sum the logits of all scales and mirror images at image size, the image scaled by Pillow's bicubic filter
            (SOD-WSSS), in place of their mean at the network's resolution.
        canvas: side of a square at whose top left the image is placed, on 0 after normalisation (512 in SOD-WSSS's validation);
            0 for none.
        true_tags: allow only background and the true tags of an image; results say so.
        save_logits: test also writes the logits as .npy files, as published.
        parts, part: work on one (1, 2, ...) of so many consecutive parts of the list only.
    """

    squares: list[int] = bounded([], least=1, most=LONGEST_SIDE)
    edge: Edge = "repaired"
    summed: bool = False
    canvas: int = bounded_side(0, 0)
    true_tags: bool = False
    save_logits: bool = False
    parts: int = bounded(1, least=1)
    part: int = bounded(1, least=1)


@dataclass
class CrfConfig:
    """Dense CRF (deeplabv2 spec, section 12). Standard deviations are in pixels and grey levels.

    Args:
        iterations: mean-field steps.
        gaussian_sxy: standard deviation of the kernel on positions.
        gaussian_compat: its weight.
        bilateral_sxy: standard deviation in position of the kernel on positions and colours.
        bilateral_srgb: its standard deviation in colour.
        bilateral_compat: its weight.
        image: original (in BGR order, as published), rgb (SEC, SGAN), or mean_subtracted as the original crf command passes it
            (minus image.mean, cut to 8 bits).
        engine: torch (the toolbox's own, also auto), pydensecrf, formula (the lattice as wide as the formula says) or exact (small images).
    """

    iterations: int = bounded(10, least=0, most=1000)
    gaussian_sxy: float = bounded(1, above=0, most=1e4)
    gaussian_compat: float = bounded(3, least=0, most=1e4)
    bilateral_sxy: float = bounded(67, above=0, most=1e4)
    bilateral_srgb: float = bounded(3, above=0, most=1e4)
    bilateral_compat: float = bounded(4, least=0, most=1e4)
    image: CrfImage = "original"
    engine: Engine = "auto"

    @property
    def settings(self) -> CrfSettings:
        position = self.gaussian_sxy, self.gaussian_compat
        return CrfSettings(*position, self.bilateral_sxy, self.bilateral_srgb, self.bilateral_compat, self.iterations)


@dataclass
class DeepLabConfig(RunSettings):
    """Train, test and CRF of DeepLab-v2.

    Args:
        out: folder of all outputs.
        experiment: name of the experiment in output paths.
        network_folder: name of the network in output paths; empty for ``network.name`` in small letters.
        label_dir: folder of training masks <id>.png, e.g. pseudo labels; empty for the dataset's own.
        network: the network.
        image: what it sees.
        loss: what it learns from.
        test: how images are segmented.
        crf: the dense CRF.
        report: what results say. The method's default is "fully supervised", or the name of label_dir.
    """

    out: str = "data"
    experiment: str = needed_text("voc12")
    network_folder: str = ""
    label_dir: str = ""
    data: DatasetConfig = field(default_factory=DatasetConfig)
    network: NetworkConfig = field(default_factory=NetworkConfig)
    image: ImageConfig = field(default_factory=ImageConfig)
    loss: SegmentationLossConfig = field(default_factory=SegmentationLossConfig)
    engine: EngineConfig = field(
        default_factory=lambda: EngineConfig(batch_size=5, accumulate=2, log_every=100, save_every=5000)
    )
    optimizer: OptimizerConfig = field(default_factory=lambda: OptimizerConfig(lr=2.5e-4))
    schedule: ScheduleConfig = field(default_factory=lambda: ScheduleConfig(every=10))
    test: TestConfig = field(default_factory=TestConfig)
    crf: CrfConfig = field(default_factory=CrfConfig)
    report: ReportConfig = field(default_factory=lambda: ReportConfig(pictures=0))

    def __post_init__(self) -> None:
        image = self.image
        if image.warp_size and image.crop_size > image.warp_size:
            raise ConfigError(
                f"image.crop_size is {image.crop_size} and cannot be above image.warp_size {image.warp_size}"
            )
        if image.long_sides:
            require_long_sides("image.long_sides", image.long_sides)
            require(not image.warp_size, "image.long_sides and image.warp_size are two recipes; leave one of them out")
            require(
                not self.takes_seeds,
                f"image.long_sides places images at random, off the positions of the loss {self.loss.name}: leave it out",
            )
        test = self.test
        require(
            not (test.canvas or test.summed) or not test.squares,
            "test.squares are forms of their own: leave out the others",
        )
        require(
            not test.canvas or not (test.summed or test.long_side),
            "test.canvas takes images at their own size: leave out test.summed and test.long_side",
        )
        if self.takes_seeds and image.crop_size % OUTPUT_STRIDE != 1:
            raise ConfigError(
                f"image.crop_size is {image.crop_size}; the loss {self.loss.name} needs 8 k + 1 (as 321), so that the "
                "logits lie on the pixels whose labels they learn"
            )

    @property
    def takes_seeds(self) -> bool:
        """Whether the label maps are seeds."""
        return self.loss.name in LOSSES_ON_SEEDS

    def output(self, kind: str, split: str) -> Path:
        """``OUT/<kind>/ID/NAME/<split>``, the published layout; of a list file the name without ``.txt``."""
        name = Path(split).name.removesuffix(".txt")
        return Path(self.out) / kind / self.experiment / (self.network_folder or self.network.name.lower()) / name

    @property
    def training_folder(self) -> Path:
        return self.output("models", self.data.train_list)

    @property
    def final_checkpoint(self) -> Path:
        return self.training_folder / "checkpoint_final.pth"

    @property
    def scores(self) -> Path:
        return self.output("scores", self.data.val_list)

    def label_maps(self, crf: bool) -> Path:
        """Folder of the label maps of test or crf."""
        kind = "crf" if crf else "label"
        return self.output("features", self.data.val_list) / (f"{kind}_tags" if self.test.true_tags else kind)

    @property
    def logits(self) -> Path:
        return self.output("features", self.data.val_list) / "logit"


@dataclass
class RefinedConfig(DeepLabConfig):
    """Settings of commands that may refine.

    Args:
        with_crf: refine with the dense CRF.
    """

    with_crf: bool = False
