"""All settings: the keys of the published configuration file, and sections for what it leaves out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from common.config import parse_config
from common.data.layout import DataConfig
from common.data.presets import DATASET_NAMES, DatasetName
from common.engine.run_folder import RunFolder
from common.engine.settings import EngineConfig
from common.errors import ConfigError
from sgan.settings_sections import Body, Report, Run, Seeds, Semi, Solver, Stage0

# The only published name; its training list is that of the augmented set.
PUBLISHED_DATASETS: dict[str, DatasetName] = {"voc12_sgan": "vocaug"}

SHORTCUTS = {
    "--cfg_file": "--config",
    "--max-steps": "--max_iter",
    "--seed": "--run.seed",
    "--device": "--run.device",
    "--workers": "--num_worker",
}


@dataclass
class SganConfig:
    """Train SGAN, make seeds with it, score them.

    Relative paths are seen from where the command runs: from this folder, as the README's commands are.

    Args:
        cfg_name: name of the run, in the paths of all outputs.
        dataset_name: voc12_sgan (the augmented VOC 2012) or voc12, vocaug, coco14, folder, toy.
        dataset_root: the dataset's folder.
        train_list: list to train on and make seeds for; empty for the dataset's own.
        sal_subdir: saliency maps of the mask: folder in <root>/sal or <root>, or a path; empty for the dataset's own.
        sdnet_path: saliency maps of the background cue, as sal_subdir.
        sal_thresh: saliency above which a cell takes part in the attention, and below which it is background.
        seed_subdir: initial seeds: folder in <root>/ini_seed, or a path.
        cue_file: tags, such as the published im_tags.pkl, in the dataset or as a path; empty for the dataset's own.
        batch_size: images of a training step, over all processes.
        num_worker: processes that load images.
        resize: side in pixels to which images are resized.
        use_sal: False makes every cell salient (plain self-attention).
        mean: without std subtracted in BGR order, 0..255; with std in RGB order, 0..1.
        std: RGB, 0..1; empty for the published configuration.
        backbone: vgg16, or a body of common/models/backbones.py.
        pretrain: initial weights of the body: a file, imagenet for torchvision's, or empty for random ones.
        max_iter: training steps; selects the checkpoint afterwards.
        display_step: steps between log lines.
        lr: initial learning rate of the body's weights.
        power: of the poly schedule.
        weight_decay: of all weights; biases do not decay.
        seed_loss_ratio: weight of the seed loss.
        save_model_path: folder of all trainings.
        test_cfg: name of the seeds, added to cfg_name.
        res_path: folder of all seeds.
        cam_thresh: share of a class's maximum above which a cell is a seed.
        ignore_conflict: leave cells with several cues unlabelled.
        combine_seedseg: add the maps of both branches; False takes the class maps alone.
        gt_path: read from published files and not used, as there.
        step_size: read from published files and not used, as there.
        new_size: read from published files and not used, as there.
        num_classes: read from published files and not used, as there.
        checkpoint: weights to make seeds with; empty for those of this configuration's training.
        force: redo what is there.
        body: the network's body.
        solver: the optimiser.
        run: how commands run.
        semi: semi-supervised mode.
        seeds: how maps become seeds.
        stage0: initial seeds.
        report: what results and pictures say.
    """

    cfg_name: str = "sgan_vgg16_321x321_snet"
    dataset_name: str = "voc12_sgan"
    dataset_root: str = "../data/VOCdevkit/VOC2012"
    train_list: str = ""
    sal_subdir: str = "sal_snet"
    sdnet_path: str = "sal_snet"
    sal_thresh: float = 0.06
    seed_subdir: str = "base_30_bg"
    cue_file: str = ""
    batch_size: int = 15
    num_worker: int = 8
    resize: int = 321
    use_sal: bool = True
    mean: list[float] = field(default_factory=lambda: [104.008, 116.669, 122.675])
    std: list[float] | None = None
    backbone: str = "vgg16"
    pretrain: str = "vgg_init.pth"
    max_iter: int = 8000
    display_step: int = 50
    lr: float = 0.001
    power: float = 0.9
    weight_decay: float = 5e-4
    seed_loss_ratio: float = 0.15
    save_model_path: str = "model/"
    test_cfg: str = "_seedcam_0.25"
    res_path: str = "result"
    cam_thresh: float = 0.25
    ignore_conflict: bool = False
    combine_seedseg: bool = True
    gt_path: Any = None
    step_size: Any = None
    new_size: Any = None
    num_classes: Any = None
    checkpoint: str = ""
    force: bool = False
    body: Body = field(default_factory=Body)
    solver: Solver = field(default_factory=Solver)
    run: Run = field(default_factory=Run)
    semi: Semi = field(default_factory=Semi)
    seeds: Seeds = field(default_factory=Seeds)
    stage0: Stage0 = field(default_factory=Stage0)
    report: Report = field(default_factory=Report)

    def __post_init__(self) -> None:
        if not self.cfg_name or Path(self.cfg_name).name != self.cfg_name:
            raise ConfigError(f"cfg_name is {self.cfg_name!r}; give a name that can be a folder's, without slashes")
        for name in ("sal_thresh", "cam_thresh"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"{name} is {getattr(self, name)}; give a number between 0 and 1")
        if len(self.mean) != 3 or (self.std and (len(self.std) != 3 or min(self.std) <= 0)):
            raise ConfigError("mean needs three numbers, and std none or three positive ones")
        if self.resize < 17:
            raise ConfigError(f"resize is {self.resize}; at least 17 pixels, or no cell would be inside the border")

    @property
    def data(self) -> DataConfig:
        """The dataset as the common readers take it.

        Raises:
            ConfigError: an unknown dataset_name.
        """
        name = PUBLISHED_DATASETS.get(self.dataset_name, self.dataset_name)
        if name not in DATASET_NAMES:
            known = ", ".join((*PUBLISHED_DATASETS, *DATASET_NAMES))
            raise ConfigError(f"dataset_name {self.dataset_name} is unknown; use one of {known}")
        return DataConfig(dataset=name, root=self.dataset_root, train_list=self.train_list, tags=self.cue_file)

    @property
    def engine(self) -> EngineConfig:
        return EngineConfig(
            max_steps=self.max_iter,
            stop_at=self.run.stop_at,
            batch_size=self.batch_size,
            last_batch="drop",
            seed=self.run.seed,
            device=self.run.device,
            precision=self.run.precision,
            channels_last=self.run.channels_last,
            compile=self.run.compile,
            clip_grad_norm=self.solver.clip_grad_norm,
            workers=self.num_worker,
            log_every=self.display_step,
            save_every=self.run.save_every,
            keep_last=self.run.keep_last,
        )

    @property
    def name(self) -> str:
        """``cfg_name``, and how many true masks are used."""
        return self.cfg_name + self.semi.suffix

    @property
    def method(self) -> str:
        """Row of the results table; it names true masks, which are more than tags."""
        return self.report.method + self.semi.description

    @property
    def training_run(self) -> RunFolder:
        return RunFolder(Path(self.save_model_path) / self.name)

    @property
    def final_weights(self) -> Path:
        """The published form of the trained network: its tensors alone."""
        return self.training_run.path / f"model_iter_{self.max_iter}.pth"

    @property
    def seed_folder(self) -> Path:
        return Path(self.res_path) / f"{self.name}{self.test_cfg}"


def parse_settings(argv: Sequence[str] | None, program: str) -> SganConfig:
    """Settings from ``--cfg_file FILE`` (or ``-c FILE``) and flags.

    Raises:
        ConfigError: an unknown key, a wrong value, or a missing file.
    """
    return parse_config(SganConfig, argv, program=program, shortcuts=SHORTCUTS)
