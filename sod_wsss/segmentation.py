"""What the programs of the segmentation network share: published flags as settings of the segmentation trainer, files and lists.

Everything lies where the published code has it, below the current directory: ``experiments/predictions/<label_name>`` (label maps),
``experiments/models/<tag>.pth``, lists in ``data``. The work is done by the segmentation trainer, called as the chain calls it.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from common.bounds import LARGEST_SEED, MOST_PROCESSES, add_number
from common.config_files import read_settings
from common.data.layout import DataConfig, open_layout
from common.engine.checkpoint import checkpoint_path, checkpoint_steps
from common.engine.settings import EngineConfig
from common.errors import ConfigError, require
from common.files import write_torch
from common.method.calls import call, in_repository, in_repository_if_file
from common.method.segmentation import SEGMENTER
from common.models.weights import read_state_dict
from common.records import read_record

V3PLUS_RECIPE = Path(__file__).parent / "configs/segmentation_voc.yaml"
EXPERIMENTS = Path("experiments")
V3PLUS_EPOCHS = 50
# The trainer's name of the network in its outputs.
NETWORK_FOLDER = "deeplabv3plus"
# The trainer's multi-scale wrapper puts it before every name; published files have it not.
PYRAMID_PREFIX = "base."
SEGMENTATION_BACKBONES = (
    "resnest101",
    "resnest269",
    "resnest50",
    "resnest200",
    "resnet50",
    "resnet101",
    "mobilenet_v2",
)
ARCHITECTURES = ("DeepLabv3+", "Seg_Model", "CSeg_Model")
DOMAINS = ("train_aug", "train", "val", "test")


def truth_value(text: str) -> bool:
    """``True`` or ``False``, as the published flags spell it."""
    if text.lower() not in ("true", "false"):
        raise argparse.ArgumentTypeError(f"{text!r} is neither True nor False")
    return text.lower() == "true"


def segmentation_parser(program: str, text: str) -> argparse.ArgumentParser:
    """The flags that training and inference have in common. Unknown ones are an error, but for settings of the trainer with a dot
    in their name (``--engine.device cpu``)."""
    parser = argparse.ArgumentParser(prog=program, description=text, allow_abbrev=False)
    parser.add_argument(
        "-c", "--config", type=Path, help="settings of the trainer on top of configs/segmentation_voc.yaml"
    )
    parser.add_argument("--tag", default="", help="name of the training")
    parser.add_argument(
        "--data_dir", help="the folder of JPEGImages, or one that holds VOCdevkit (../VOCtrainval_11-May-2012)"
    )
    parser.add_argument("--architecture", choices=ARCHITECTURES, default=ARCHITECTURES[0])
    parser.add_argument(
        "--backbone", choices=SEGMENTATION_BACKBONES, help="resnest269 as published, if not in the configuration"
    )
    parser.add_argument(
        "--mode", choices=("fix", "normal"), help="fix keeps the statistics of the backbone's BatchNorm"
    )
    parser.add_argument(
        "--use_gn", type=truth_value, metavar="True|False", help="GroupNorm or BatchNorm in the new layers"
    )
    add_number(parser, "--num_workers", None, "processes that load images (4)", least=0, most=MOST_PROCESSES)
    add_number(parser, "--seed", None, "0", least=0, most=LARGEST_SEED)
    return parser


def parse_published(
    parser: argparse.ArgumentParser, argv: Sequence[str] | None
) -> tuple[argparse.Namespace, dict[str, Any], list[str]]:
    """Parse; the flags, the settings of recipe and configuration, and flags of the trainer that go on to it.

    Raises:
        ConfigError: no tag, or an architecture that is not here.
    """
    given, rest = parser.parse_known_args(argv)
    wrong = [word for word in rest if word.startswith("-") and "." not in word.partition("=")[0]]
    if wrong or (rest and not rest[0].startswith("-")):
        parser.error(f"unrecognized arguments: {' '.join(wrong or rest)}")
    require(bool(given.tag), "give the training a name: --tag NAME")
    require(
        given.architecture == ARCHITECTURES[0],
        f"--architecture {given.architecture} is not part of this toolbox; the published results are of {ARCHITECTURES[0]}",
    )
    values = read_settings(V3PLUS_RECIPE, {})
    # What the README's commands leave to the code's default, unless a configuration says otherwise.
    values["network.backbone.name"] = "resnest269"
    return given, values | (read_settings(given.config, {}) if given.config else {}), rest


def network_settings(given: argparse.Namespace, values: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of the network and of how it runs, from the common flags and the settings they change."""
    name = given.backbone or values["network.backbone.name"]
    changed: dict[str, Any] = {"network.backbone.name": name}
    if name == "mobilenet_v2":
        changed["network.backbone.last_convolution"] = False
    fixed = values["network.backbone.freeze_batchnorm"]
    if given.mode:
        fixed = changed["network.backbone.freeze_batchnorm"] = given.mode == "fix"
    if given.use_gn is not None:
        changed["network.head_norm"] = "group" if given.use_gn else "batch"
    if given.use_gn is False and fixed:
        print(
            "--use_gn False with --mode fix: the published code leaves the new layers without any normalisation; here they get "
            "BatchNorm (--network.head_norm fixed for the published)"
        )
    if given.num_workers is not None:
        changed["engine.workers"] = given.num_workers
    if given.seed is not None:
        changed["engine.seed"] = given.seed
    return changed


def dataset_root(given: argparse.Namespace, values: Mapping[str, Any]) -> Path:
    """The folder of JPEGImages: as published, or as the README lays it out.

    Raises:
        ConfigError: nobody says where it is.
    """
    named = given.data_dir or values.get("data.root", "")
    require(bool(named), "say where the images are: --data_dir FOLDER (the one that holds JPEGImages)")
    inner = (".", "VOC2012", "VOCdevkit/VOC2012", "voc12/VOCdevkit/VOC2012")
    found = (Path(named) / place for place in inner)
    return next((place for place in found if (place / "JPEGImages").is_dir()), Path(named))


def list_of(domain: str, root: Path) -> str:
    """The list of a domain: in ``data`` as published, in ``voc12`` as the README says, else a name among the dataset's own."""
    folders = (Path("data"), Path("voc12"), Path("data/voc12"), root)
    files = [folder / name for folder in folders for name in (f"{domain}.txt", f"{domain}_id.txt")]
    found = next((file for file in files if file.is_file()), None)
    return str(found.absolute()) if found else domain


def data_settings(root: Path, train_list: str, val_list: str) -> dict[str, Any]:
    """The dataset as the trainer takes it; the true masks are those of SegmentationClass, which have no labels of others."""
    masks = root / "SegmentationClass"
    own_masks = {"data.masks": masks.absolute()} if masks.is_dir() else {}
    return {"data.root": root.absolute(), "data.train_list": train_list, "data.val_list": val_list, **own_masks}


def listed_images(values: Mapping[str, Any], root: Path, list_name: str) -> list[str]:
    """The ids of a list."""
    dataset = values.get("data.dataset", "vocaug")
    return open_layout(DataConfig(dataset=dataset, root=str(root), train_list=list_name)).ids("train")


def epochs_as_steps(given: argparse.Namespace, values: Mapping[str, Any], n_images: int) -> dict[str, Any]:
    """Steps of ``--max_epoch`` passes over the list, a checkpoint after each, a line of the log every ``--print_ratio`` of one.

    A configuration that says how many steps there are keeps them, unless a flag asks for epochs.
    """
    own_steps = given.config is not None and "engine.max_steps" in read_settings(given.config, {})
    batch_size = given.batch_size or values["engine.batch_size"]
    changed: dict[str, Any] = {"engine.batch_size": batch_size}
    if own_steps and given.max_epoch is None:
        return changed
    per_epoch = EngineConfig(batch_size=batch_size, last_batch=values["engine.last_batch"]).steps_per_epoch(n_images)
    changed["engine.max_steps"] = (given.max_epoch or V3PLUS_EPOCHS) * per_epoch
    changed["engine.save_every"] = per_epoch
    changed["engine.log_every"] = max(1, int(per_epoch * given.print_ratio))
    return changed


def call_trainer(command: str, config: Path | None, settings: Mapping[str, Any], rest: Sequence[str]) -> int:
    """A command of the segmentation trainer, which is printed; paths that exist are spelled for the folder it runs in.

    Returns:
        1 when an image failed, else 0.
    """
    configs = [word for file in (V3PLUS_RECIPE, config) if file for word in ("-c", in_repository(file))]
    flags = []
    for name, value in settings.items():
        text = in_repository(value) if isinstance(value, Path) else str(value).replace(" ", "")
        flags.append(f"--{name}={text}")
    return call(
        SEGMENTER, [command, *configs, *flags, *(in_repository_if_file(word) if "/" in word else word for word in rest)]
    )


def best_checkpoint(
    run: Path, config: Path | None, settings: Mapping[str, Any], side: int, rest: Sequence[str]
) -> Path:
    """The checkpoint with the highest mIoU on the list ``val``, single-scale on a canvas of ``side``; the first where two are equal.

    As published, this looks at the true masks of the images that results are reported on.
    """
    one_scale = {"test.scales": [1.0], "test.flip": False, "test.summed": False, "test.canvas": side}
    scores: dict[Path, float] = {}
    for step in checkpoint_steps(run / "checkpoints"):
        checkpoint, name = checkpoint_path(run / "checkpoints", step), f"{settings['experiment']}@step{step}"
        changed = {"experiment": name, "checkpoint": checkpoint.absolute()}
        call_trainer("test", config, {**settings, **changed, **one_scale}, rest)
        split = Path(settings["data.val_list"]).stem
        scored = EXPERIMENTS / "scores" / name / NETWORK_FOLDER / split / "scores.json"
        scores[checkpoint] = read_record(scored, {"Mean IoU": "finite"})["Mean IoU"]
    best = max(scores, key=scores.__getitem__)
    print(f"best of {len(scores)} checkpoints: {best.name}, mIoU {100 * scores[best]:.2f}%")
    return best


def model_file(tag: str) -> Path:
    """``experiments/models/<tag>.pth``."""
    return EXPERIMENTS / "models" / f"{tag}.pth"


def publish_model(trained: Path, tag: str) -> Path:
    """Write the tensors of a checkpoint as published: without a wrapper's names."""
    state = {name.removeprefix(PYRAMID_PREFIX): tensor for name, tensor in read_state_dict(trained).items()}
    write_torch(model_file(tag), state)
    return model_file(tag)


def require_model(tag: str) -> Path:
    """The file of a training; raises :class:`ConfigError` where it is not there."""
    file = model_file(tag)
    if not file.is_file():
        raise ConfigError(f"there is no {file}; train with --tag {tag} first, or correct the tag")
    return file
