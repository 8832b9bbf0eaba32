"""``wsss export``: a trained network as one ONNX or TorchScript file, with all that ``predict`` does around it but the CRF.

The file takes plain 8-bit RGB images and gives probabilities and labels at their size (:mod:`deeplabv2.portable`). It exists only if it
gives the labels that ``predict`` gives.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from common.bounds import LONGEST_SIDE
from common.commands import Command, Flag, run_alone
from common.data.images import read_image
from common.data.palette import voc_palette
from common.data.windows import long_side_size, resized_bicubic
from common.errors import CheckpointError, ConfigError, require, run_command
from common.files import atomic_write, write_text
from common.models.weights import file_fingerprint
from deeplabv2.aliases import ALIASES
from deeplabv2.inference import ImageForm, Predictor
from deeplabv2.main import AVERAGED, LONG_SIDE, MODEL, OUTPUTS
from deeplabv2.model_files import FixedSize, RunModel, kind_of_file
from deeplabv2.networks.registry import load_network
from deeplabv2.portable import PortableModel
from deeplabv2.predict import FolderConfig, find_images, names_of_labels, side_for_network, training_config
from deeplabv2.resize import enlarge_maps, largest_enlarged
from deeplabv2.samples import InputConvention
from deeplabv2.test import chosen_checkpoint, form_of
from deeplabv2.train import convention_of

EQUAL_SHARE = 0.999
CHECKED_IMAGES = 20
# Larger ones are reduced for the check, whose probabilities would fill the memory.
CHECKED_SIDE = 1600
GENERATED_SIZES = ((375, 500), (500, 333), (241, 241), (199, 64))
Picture = npt.NDArray[np.uint8]


@dataclass
class ExportConfig(FolderConfig):
    """Write a trained network for other programs.

    Args:
        exported: the file (--out), .onnx or .pt.
        exported_size: HEIGHTxWIDTH of all images that the file will take, one at a time, e.g. 480x640; or dynamic, for any.
    """

    exported: str = ""
    exported_size: str = "dynamic"


class FileAgreement(NamedTuple):
    """How a file's answers fit those of ``predict``: share of equal labels over all images and of the worst one, its name, and the
    largest difference of a probability.
    """

    share: float
    worst: float
    worst_name: str
    difference: float


def export_network(config: ExportConfig) -> int:
    """Write the file and, beside it, the names of the labels.

    Raises:
        ConfigError: a setting that cannot be exported, or a missing package.
        CheckpointError: the file does not give the labels of ``predict``; there is none then.
    """
    require(bool(config.exported), "export needs --out FILE.onnx or --out FILE.pt")
    require(not config.with_crf, "the CRF cannot be exported: leave with_crf out")
    path, size = Path(config.exported), fixed_size(config.exported_size)
    kind, checkpoint = kind_of_file(path), chosen_checkpoint(config)
    require(path.resolve() != checkpoint.resolve(), f"--out {path} is the checkpoint itself; give another name")
    kind.require_packages()
    form = replace(form_of(config, side_for_network(config, config.seen_side)), precision="fp32")
    convention, names = convention_of(config), names_of_labels(config)
    predictor = Predictor(form, load_network(config.network, checkpoint), torch.device("cpu"))
    model = PortableModel(predictor.network, convention, form).eval()
    images = pictures(config.image_folder, size)
    print(f"Mode: export as {kind.title}\nModel: {config.network.name}, {checkpoint}", flush=True)
    content = kind.content(model, size, facts_of(config, names, checkpoint, convention, form))

    def write_and_check(file: IO[bytes]) -> None:
        file.write(content)
        file.flush()
        agreement = compared(kind.open(Path(file.name)), predictor, convention, images)
        print(said(agreement, images, config.image_folder))
        require_agreement(agreement, path)

    atomic_write(path, write_and_check)
    labels = path.with_suffix(".labels.txt")
    write_text(labels, "".join(f"{label}\t{name}\n" for label, name in enumerate(names)))
    print(f"File: {path}, {path.stat().st_size / 1e6:.1f} MB\nLabels: {labels}")
    if kind.note:
        print(f"note: {kind.note}")
    return 0


def fixed_size(text: str) -> FixedSize:
    """``480x640`` as (480, 640), ``dynamic`` as None.

    Raises:
        ConfigError: something else.
    """
    if text == "dynamic":
        return None
    match = re.fullmatch(r"(\d{1,6})x(\d{1,6})", text)
    sides = tuple(int(side) for side in match.groups()) if match else (0, 0)
    if not all(1 <= side <= LONGEST_SIDE for side in sides):
        raise ConfigError(f"--size is {text!r}; give HEIGHTxWIDTH in pixels, e.g. 480x640, or dynamic")
    return sides[0], sides[1]


def facts_of(
    config: ExportConfig, names: list[str], checkpoint: Path, convention: InputConvention, form: ImageForm
) -> Mapping[str, str]:
    """What a user of the file has to know, by name; lists and settings as JSON."""
    sides = "height x width" if config.exported_size == "dynamic" else config.exported_size.replace("x", " x ")
    preprocessing = {
        "resize": "inside the file, as wsss predict",
        "order": convention.order,
        "mean": list(convention.mean),
        "std": list(convention.std),
        **asdict(form),
    }
    return {
        "producer": "wsss-toolbox",
        "network": config.network.name,
        "checkpoint": file_fingerprint(checkpoint),
        "images": f"uint8 RGB, 0..255, upright: N x {sides} x 3",
        "probabilities": f"float32, N x {len(names)} x {sides}",
        "labels": f"uint8, N x {sides}: places in label_names",
        "label_names": json.dumps(names, ensure_ascii=False),
        "palette": json.dumps(voc_palette()[: len(names)].tolist()),
        "preprocessing": json.dumps(preprocessing),
    }


def pictures(folder: str, size: FixedSize) -> dict[str, Picture]:
    """Name -> uint8 RGB H x W x 3, of size ``size`` if given: of images spread over the folder, or generated where none is named."""
    if folder:
        paths = list(find_images(Path(folder), Path(folder, "none")).items())
        chosen = paths[:: max(1, len(paths) // CHECKED_IMAGES)][:CHECKED_IMAGES]
        found = {name: read_image(path, upright=True) for name, path in chosen}
    else:
        found = {f"generated {height}x{width}": generated(height, width) for height, width in GENERATED_SIZES}
    return {name: resized_bicubic(image, size or within(image, CHECKED_SIDE)).copy() for name, image in found.items()}


def within(image: Picture, side: int) -> tuple[int, int]:
    """The image's size, or one of the same shape whose longer side is ``side`` if it is larger."""
    height, width = image.shape[:2]
    return long_side_size(height, width, min(side, max(height, width)))


def generated(height: int, width: int) -> Picture:
    """Smooth colours and a little noise."""
    draws = np.random.default_rng(height * LONGEST_SIDE + width)
    smooth = resized_bicubic(draws.integers(0, 256, (7, 9, 3), dtype=np.uint8), (height, width))
    return np.clip(smooth + draws.normal(0, 8, smooth.shape), 0, 255).astype(np.uint8)


def compared(
    run: RunModel, predictor: Predictor, convention: InputConvention, images: Mapping[str, Picture]
) -> FileAgreement:
    """Run both on every image."""
    equal, difference, shares = 0, 0.0, {}
    for name, image in images.items():
        probabilities, labels = run(image[None])
        expected, mask = predicted_as_files(predictor, convention, name, image)
        equal += int((labels[0] == mask).sum())
        shares[name] = float((labels[0] == mask).mean())
        difference = max(difference, float(np.abs(probabilities[0].max(0) - expected).max()))
    worst = min(shares, key=lambda name: shares[name])
    pixels = sum(image.shape[0] * image.shape[1] for image in images.values())
    return FileAgreement(equal / pixels, shares[worst], worst, difference)


def predicted_as_files(
    predictor: Predictor, convention: InputConvention, name: str, image: Picture
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.uint8]]:
    """What ``predict`` says of an image: the largest probability, float32 H x W, and the label, uint8 H x W."""
    form, size = predictor.form, image.shape[:2]
    shown = form.shown(image)
    inputs = form.inputs(shown, convention)
    sample = {"id": name, "path": Path(name), "inputs": inputs, "size": size, "tags": None}
    (prediction,) = predictor([sample])
    scores = torch.from_numpy(form.probabilities(prediction.logits, (shown.shape[0], shown.shape[1])))[None]
    return enlarge_maps(scores, size)[0].max(0).values.numpy(), largest_enlarged(scores, size)[0].numpy()


def said(agreement: FileAgreement, images: Mapping[str, Picture], folder: str) -> str:
    source = f"of {folder}" if folder else "generated ones (--images FOLDER takes yours)"
    return (
        f"Check: {100 * agreement.share:.3f} % of the pixels of {len(images)} images, {source}, have the label of predict "
        f"(least: {100 * agreement.worst:.3f} %, {agreement.worst_name}); probabilities differ by {agreement.difference:.1e} at most"
    )


def require_agreement(agreement: FileAgreement, path: Path) -> None:
    """Raise :class:`CheckpointError` below :data:`EQUAL_SHARE`."""
    if not agreement.share >= EQUAL_SHARE:
        raise CheckpointError(
            f"{path} was not written: only {100 * agreement.share:.2f} % of the pixels have the label of predict, "
            f"{100 * EQUAL_SHARE:.1f} % are needed (least: {agreement.worst_name}). A network that was hardly trained gives all labels "
            "nearly the same probability: train longer; else try the other form of file, .onnx or .pt"
        )


EXPORT = Command(
    "Write a trained network as one ONNX (.onnx) or TorchScript (.pt) file with its preprocessing inside: images, uint8 RGB "
    "N x height x width x 3, to probabilities and labels at their size, as predict without the CRF. Needs the extra export for ONNX.",
    ExportConfig,
    export_network,
    (
        MODEL,
        OUTPUTS,
        Flag(("--out",), "--exported", "FILE", "the file: .onnx or .pt; its label names go beside it as .labels.txt"),
        Flag(
            ("--size",),
            "--exported_size",
            "HxW",
            "of all images, e.g. 480x640, for ONNX; or dynamic: any size (default)",
        ),
        Flag(("--images",), "--image_folder", "FOLDER", "images to check the file on (default: generated ones)"),
        LONG_SIDE,
        *AVERAGED,
    ),
    ALIASES,
    find_config=training_config,
)


def main(argv: Sequence[str] | None = None) -> int:
    return run_alone("deeplabv2/export.py", EXPORT, argv)


if __name__ == "__main__":
    run_command(main)
