"""``python inference_segmentation.py --tag T --scales 0.5,1.0,1.5,2.0 --iteration 10 [flags]``: label maps of a list."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from common.bounds import add_number
from common.data.image_file import open_image
from common.data.images import read_label_map
from common.data.palette import IGNORE_LABEL, colour_label_map
from common.errors import ConfigError, run_command
from common.failures import FAILED_FILE
from common.files import atomic_write
from sod_wsss.segmentation import (
    DOMAINS,
    EXPERIMENTS,
    NETWORK_FOLDER,
    call_trainer,
    data_settings,
    dataset_root,
    list_of,
    network_settings,
    parse_published,
    require_model,
    segmentation_parser,
)


def scale_factors(text: str) -> list[float]:
    """``0.5,1.0`` as numbers; raises :class:`ConfigError` for anything else."""
    try:
        return [float(part) for part in text.split(",")]
    except ValueError as error:
        raise ConfigError(f"--scales is {text!r}; give factors separated by commas, as 0.5,1.0,1.5,2.0") from error


def published_colours(label_map: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """The picture that the published code writes for the test domain: VOC colours, RGB H x W x 3, white where there is no label.

    As a repair the label map H x W stays as it is (sod_wsss spec, section 10, row 12).
    """
    colours = colour_label_map(label_map)
    colours[label_map == IGNORE_LABEL] = 255
    return colours


def colour_folder(folder: Path) -> None:
    """Put colour pictures in the place of all label maps of a folder."""
    for path in sorted(folder.glob("*.png")):
        with open_image(path) as picture:
            if picture.mode == "RGB":
                continue
        coloured = Image.fromarray(published_colours(read_label_map(path)))
        atomic_write(path, partial(coloured.save, format="PNG"))


def main(argv: Sequence[str] | None = None) -> int:
    """Predict with ``experiments/models/<tag>.pth``; logits are summed over scales and mirror images, then refined."""
    parser = segmentation_parser(
        "inference_segmentation.py", "Write experiments/predictions/<tag>@<domain>@.../<id>.png."
    )
    parser.add_argument("--domain", choices=DOMAINS, default="val", help="list to predict (val)")
    parser.add_argument("--scales", "--scale", default="0.5,1.0,1.5,2.0", help="factors of the image (0.5,1.0,1.5,2.0)")
    add_number(parser, "--iteration", 0, "mean-field steps of the dense CRF (0: none)", least=0, most=1000)
    parser.add_argument(
        "--colour",
        action="store_true",
        help="RGB pictures, as published for the domain test, which evaluate.py and the VOC server do not take",
    )
    given, values, rest = parse_published(parser, argv)
    root, model = dataset_root(given, values), require_model(given.tag)
    name = f"{given.tag}@{given.domain}@scale={given.scales}@iteration={given.iteration}"
    split = list_of(given.domain, root)
    settings = {
        "out": EXPERIMENTS.absolute(),
        "experiment": name,
        "checkpoint": model.absolute(),
        # Nothing is trained: its list need not be there.
        **data_settings(root, split, split),
        "report.method": given.tag,
        **network_settings(given, values),
        "test.scales": scale_factors(given.scales),
        "crf.iterations": given.iteration,
    }
    refined = given.iteration > 0
    status = call_trainer("crf" if refined else "test", given.config, settings, rest)
    made = EXPERIMENTS / "features" / name / NETWORK_FOLDER / Path(split).stem / ("crf" if refined else "label")
    target = EXPERIMENTS / "predictions" / name
    shutil.copytree(made, target, ignore=shutil.ignore_patterns("*.json"), dirs_exist_ok=True)
    # What scores the label maps leaves the images out that failed.
    if (made / FAILED_FILE).is_file():
        shutil.copy(made / FAILED_FILE, target / FAILED_FILE)
    else:
        (target / FAILED_FILE).unlink(missing_ok=True)
    if given.colour:
        colour_folder(target)
    print(f"label maps: {target}")
    return status


if __name__ == "__main__":
    run_command(main)
