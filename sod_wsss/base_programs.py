"""The programs of Puzzle-CAM by their own names and flags, each as a stage of the method (sod_wsss spec, section 8).

All of a run lies in ``experiments/predictions/<tag>`` below the current directory, so that the segmentation trainer finds its base labels
as ``--label_name <tag>/base_labels``. Published names of outputs begin with the tag (``<tag>@train@scale=...``), and name the run.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import takewhile
from pathlib import Path

from common.config import expand_aliases, is_value
from common.config_files import Aliases, Renamed
from common.errors import ConfigError
from common.method.command import run_entry
from common.method.method import Method

# Published strengths of brightness, contrast, saturation and hue changes, where they are asked for.
JITTER = (0.3, 0.3, 0.3, 0.1)
PREDICTIONS = Path("experiments") / "predictions"
# Published flag -> value -> flags here, where one stands for none or several.
FlagMeanings = Mapping[str, Callable[[str], list[str]]]


def run_of_name(name: str) -> str:
    """The run's folder from its tag, or from a published name of its outputs: what stands before the first @.

    Raises:
        ConfigError: the name begins with that of the AffinityNet, or is none.
    """
    tag = str(name).partition("@")[0]
    if tag in ("", "AffinityNet") or set("/\\") & set(tag):
        raise ConfigError(
            f"{name!r} does not say which run it belongs to; give the tag of its classifier, or its folder with --out"
        )
    return str((PREDICTIONS / tag).absolute())


def one_of(flag: str, meanings: Mapping[str, str]) -> Callable[[str], str]:
    """published value -> value here; others are a :class:`ConfigError` that names the flag."""

    def convert(value: str) -> str:
        if str(value) not in meanings:
            raise ConfigError(f"--{flag} is {value!r}; this toolbox has {', '.join(meanings)}")
        return meanings[str(value)]

    return convert


def list_of_domain(domain: str) -> list[str]:
    """The list of images: train_aug, train or val."""
    if domain == "val":
        return ["--split=val"]
    return [f"--data.train_list={one_of('domain', {name: name for name in ('train_aug', 'train', 'val')})(domain)}"]


def augmentations(words: str) -> list[str]:
    """``colorjitter-randaugment``, or one of the two."""
    known = {"colorjitter": f"--square.jitter={list(JITTER)}", "randaugment": "--square.rand_augment=true"}
    return [one_of("augment", known)(word) for word in words.split("-") if word]


def losses_of_puzzle(option: str) -> list[str]:
    """Which losses: cl_pcl_re (all), cl_pcl (no distance of the maps) or cl (no pieces)."""
    meanings = {"cl_pcl_re": "", "cl_pcl": "--puzzle.reconstruction=0", "cl": "--puzzle.pieces=1"}
    flag = one_of("loss_option", meanings)(option)
    return [flag] if flag else []


def decays(section: str) -> Callable[[str], list[str]]:
    """Weight decay, which published code also takes for the momentum; ``--momentum`` gives another."""
    return lambda value: [f"--{section}.weight_decay={value}", f"--{section}.momentum={value}"]


def accepted(values: Sequence[str], flag: str) -> Callable[[str], list[str]]:
    """A flag of which one value alone is here, and is what happens without it."""

    def check(value: str) -> list[str]:
        one_of(flag, {one: one for one in values})(value)
        return []

    return check


COMMON: Aliases = {
    "seed": "engine.seed", "num_workers": "engine.workers", "data_dir": Renamed("data.root", lambda name: str(Path(name).absolute())),
    "architecture": "backbone.name", "mode": Renamed("backbone.freeze_batchnorm", one_of("mode", {"fix": "true", "normal": "false"})),
    "image_size": "square.crop_size", "scales": Renamed("cam.scales", lambda text: f"[{text}]"),
    "fg_threshold": "affinity.sure_foreground", "bg_threshold": "affinity.sure_background", "print_ratio": None,
}  # fmt: skip
CLASSIFIER_FLAGS: Aliases = {
    **COMMON, "tag": Renamed("out", run_of_name), "batch_size": "engine.batch_size", "max_epoch": "training.epochs",
    "lr": "optimizer.lr", "momentum": "optimizer.momentum", "nesterov": "optimizer.nesterov", "num_pieces": "puzzle.pieces",
    "alpha": "puzzle.reconstruction", "alpha_schedule": "puzzle.rising_share",
    "re_loss": Renamed("puzzle.distance", one_of("re_loss", {"L1_Loss": "l1", "L2_Loss": "l2"})),
    "re_loss_option": Renamed("puzzle.distance_in", one_of("re_loss_option", {"masking": "tagged", "none": "all"})),
}  # fmt: skip
AFFINITY_FLAGS: Aliases = {
    **COMMON, "label_name": Renamed("out", run_of_name), "tag": None, "batch_size": "affinity.engine.batch_size",
    "max_epoch": "affinity.epochs", "lr": "affinity.optimizer.lr", "momentum": "affinity.optimizer.momentum",
    "nesterov": "affinity.optimizer.nesterov",
}  # fmt: skip
# Of the programs between and after the trainings; the run is named by what they read.
MAKER_FLAGS: Aliases = {
    **COMMON, "tag": Renamed("out", run_of_name), "experiment_name": Renamed("out", run_of_name),
    "cam_dir": Renamed("out", run_of_name), "model_name": None, "beta": "walk.beta", "exp_times": "walk.exponent",
    "threshold": "labels.threshold", "crf_iteration": "labels.crf_iterations", "batch_size": "walk.batch_size",
}  # fmt: skip
SEVERAL: FlagMeanings = {
    "domain": list_of_domain,
    "augment": augmentations,
    "loss_option": losses_of_puzzle,
    "level": accepted(["feature"], "level"),
}


def base_program(method: Method, stage: str, aliases: Aliases, optimizer: str = "optimizer") -> Callable[..., int]:
    """``main`` of a program: one stage, with the published flags.

    Args:
        optimizer: the section that ``--wd`` is about.
    """
    return partial(run_base_program, method, stage, aliases, {**SEVERAL, "wd": decays(optimizer)})


def run_base_program(
    method: Method, stage: str, aliases: Aliases, several: FlagMeanings, argv: Sequence[str] | None = None
) -> int:
    arguments = list(sys.argv[1:] if argv is None else argv)
    # What stands for several flags comes first: a flag of its own wins.
    made = [
        flag for name, expand in several.items() for value in taken_values(arguments, name) for flag in expand(value)
    ]
    made += long_sides(arguments, method)
    # A configuration, where there is one, stands before all flags.
    files = list(takewhile(is_value, arguments))
    return run_entry(method, [stage], "", [], {}, [*files, *made, *expand_aliases(arguments[len(files) :], aliases)])


def taken_values(arguments: list[str], name: str) -> list[str]:
    """Take a published flag and its value out of the arguments, as often as it is there."""
    values = []
    for place in reversed(range(len(arguments))):
        flag, equals, value = arguments[place].partition("=")
        if flag == f"--{name}":
            last = place + 1 if equals else place + 2
            if not equals and (place + 1 == len(arguments) or not is_value(arguments[place + 1])):
                raise ConfigError(f"--{name} needs a value")
            values.append(value if equals else arguments[place + 1])
            del arguments[place:last]
    return values[::-1]


def long_sides(arguments: list[str], method: Method) -> list[str]:
    """``--min_image_size`` and ``--max_image_size`` as one setting."""
    sides = list(method.settings().square.long_sides)
    given = [taken_values(arguments, name) for name in ("min_image_size", "max_image_size")]
    if not any(given):
        return []
    return [
        f"--square.long_sides=[{', '.join(str((values or [side])[-1]) for values, side in zip(given, sides, strict=True))}]"
    ]
