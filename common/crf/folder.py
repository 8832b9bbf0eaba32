"""The dense CRF on a folder: probabilities, CAMs or label maps with their images -> label maps."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch

from common.cam.files import read_cams
from common.crf.inference import Engine, dense_crf, resolve_engine
from common.crf.recipes import CrfRecipe, crf_recipe
from common.data.images import IMAGE_SUFFIXES, image_size, read_image, read_label_map
from common.data.palette import IGNORE_LABEL, write_label_map
from common.data.plain_values import as_array
from common.data.restricted_pickle import load_npy
from common.data.value_ranges import require_labels, require_logits, require_sums_of_one, require_unit_range
from common.engine.inference import OutputFolder, StageReport, images_to_files, same_size_groups, unchanged
from common.engine.session import start_session
from common.errors import ConfigError, DataError
from common.failures import read_failures
from common.files import read_npz
from common.paths import path_of_id
from common.pseudo_labels import background

Form = Literal["probabilities", "logits"]
INPUT_SUFFIXES = (".npz", ".npy", ".png")
BATCH_SIZE = 8
AS_LOGITS = "If they are logits, the scores before the softmax, say so: --form logits."
NOT_NORMALISED = "If they are logits, say so: --form logits. Scores of single classes, which need not sum to 1, go with a recipe of maps: cam, eps."


@dataclass(frozen=True)
class CrfFolder:
    """What ``python -m common.crf`` does.

    Attributes:
        images: folder of the images, ``<id>.jpg`` or another image suffix; turned as their EXIF orientation says.
        inputs: folder of the same ids: ``.npz`` with ``probabilities`` or ``logits`` [C, H, W] or with CAMs, ``.npy`` with such
            an array or with CAMs, or ``.png`` label maps (255: unknown).
        out: folder of the palette PNGs.
        form: what arrays [C, H, W] hold: probabilities, or logits, whose softmax is taken.
        recipe: a name of :data:`common.crf.recipes.RECIPES`.
        n_labels: labels of the data set with background; recipes that let hard labels become any class need it.
        alpha: background of CAMs, (1 - max)^alpha.
        threshold: background of CAMs that become hard labels.
        engine, leave_out_below: see :func:`common.crf.inference.dense_crf`.
        device: cpu, cuda, auto.
        workers: processes on the CPU.
        force: redo what is there.
    """

    images: Path
    inputs: Path
    out: Path
    form: Form = "probabilities"
    recipe: str = "deeplab"
    n_labels: int = 0
    alpha: float = 4.0
    threshold: float = 0.3
    engine: Engine = "auto"
    leave_out_below: float = 0.0
    device: str = "cpu"
    workers: int = 2
    force: bool = False

    def settings(self) -> dict[str, Any]:
        """Everything the label maps depend on, as plain values for ``stage.json``."""
        recipe = asdict(crf_recipe(self.recipe))
        # Checks the inputs, and changes nothing.
        del recipe["of_softmax"]
        form = {} if self.form == "probabilities" else {"form": self.form}
        own = {name: getattr(self, name) for name in ("n_labels", "alpha", "threshold", "leave_out_below")}
        return {"inputs": str(self.inputs), "recipe": recipe, "engine": resolve_engine(self.engine), **form, **own}


@dataclass(frozen=True)
class CrfInput:
    """One image uint8 HxWx3, energies float32 [C, H, W] of it, and the label numbers int64 [C] of their rows."""

    image: npt.NDArray[np.uint8]
    unary: npt.NDArray[np.float32]
    labels: npt.NDArray[np.int64]

    def label_map(self, q: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
        """The most probable labels, uint8 HxW, of Q float32 [C, H, W]."""
        return self.labels.astype(np.uint8)[q.argmax(axis=0)]


class ReadInput:
    """``id -> CrfInput``; on the CPU the label map at once, as worker processes share the work."""

    def __init__(self, task: CrfFolder, suffix: str, refine: bool) -> None:
        self.task, self.suffix, self.refine = task, suffix, refine
        self.recipe = crf_recipe(task.recipe)

    def __call__(self, image_id: str) -> Any:
        path = path_of_id(self.task.inputs, image_id, self.suffix)
        size = image_size(image_of(self.task.images, image_id), upright=True) if path.is_file() else (0, 0)
        # Before the image is decoded: where a stage has not made the file because the image cannot be read, it says so.
        unary, labels = self.energies(path, size)
        image = self.recipe.image(read_image(image_of(self.task.images, image_id), upright=True))
        sample = CrfInput(image, unary, labels)
        if not self.refine:
            return {"size": unary.shape, "sample": sample}
        task = self.task
        q = dense_crf(image, unary, self.recipe.settings, task.engine, leave_out_below=task.leave_out_below)
        return sample.label_map(q)

    def energies(self, path: Path, size: tuple[int, int]) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
        """float32 [C, H, W] and the label numbers of the C rows, of a file for an image of ``size`` = (H, W)."""
        if self.suffix == ".png":
            label_map = read_label_map(path, upright=True)
            require_size(path, label_map.shape, size)
            if self.task.n_labels:
                require_labels(label_map, path, self.task.n_labels)
            return self.energies_of_labels(label_map, np.empty(0, np.int64))
        scores = read_scores(path, self.task.form)
        if scores is not None:
            require_labels_first(path, scores.shape, size)
            require_size(path, scores.shape[1:], size)
            require_form(scores, path, self.task.form, self.recipe.of_softmax)
            make = self.recipe.energies if self.task.form == "probabilities" else self.recipe.energies_of_logits
            return make(np.asarray(scores, np.float32)), np.arange(len(scores))
        if self.task.form == "logits":
            raise DataError(f"{path} holds no array of logits; leave out --form logits for other inputs")
        cams = read_cams(path)
        require_size(path, cams.maps.shape[1:], size)
        numbers = np.concatenate([[0], cams.keys + 1])
        if self.recipe.unary == "labels":
            scores = np.concatenate([background.constant(self.task.threshold, size)[None], cams.maps])
            return self.energies_of_labels(numbers[scores.argmax(axis=0)].astype(np.uint8), numbers)
        scores = np.concatenate([background.power(cams.maps, self.task.alpha)[None], cams.maps])
        return self.recipe.energies(scores), numbers

    def energies_of_labels(
        self, label_map: npt.NDArray[np.uint8], numbers: npt.NDArray[np.int64]
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
        """As :meth:`energies`, of a label map uint8 HxW; background and the ``numbers`` are labels in any case."""
        known = label_map != IGNORE_LABEL
        numbers = np.union1d([0, *numbers], label_map[known]).astype(np.int64)
        if self.recipe.all_labels:
            if self.task.n_labels <= numbers.max():
                raise ConfigError(
                    f"the CRF recipe {self.task.recipe} shares the doubt among all labels of the data set: give their "
                    f"number with background as --n-labels (now {self.task.n_labels}; label {numbers.max()} occurs)"
                )
            numbers = np.arange(self.task.n_labels)
        # 0 stands for unknown, 1 for the first label.
        index = np.searchsorted(numbers, np.where(known, label_map, 0)) + 1
        index[~known] = 0
        return self.recipe.label_energies(index, len(numbers), zero_unsure=True), numbers


class RefineBatch:
    """``[sample] -> [label map]`` on a GPU, images of one size and number of labels together."""

    def __init__(self, recipe: CrfRecipe, engine: Engine, device: torch.device) -> None:
        self.recipe, self.engine, self.device = recipe, engine, device

    def __call__(self, samples: list[Any]) -> list[Any]:
        return same_size_groups(samples, self.refine)

    def refine(self, samples: list[Any]) -> list[Any]:
        """The label maps, uint8 HxW, of samples of one size and number of labels."""
        inputs: list[CrfInput] = [sample["sample"] for sample in samples]
        images = torch.from_numpy(np.stack([one.image for one in inputs])).to(self.device)
        unaries = torch.from_numpy(np.stack([one.unary for one in inputs])).to(self.device)
        winners = dense_crf(images, unaries, self.recipe.settings, self.engine).argmax(dim=1).cpu().numpy()
        return [one.labels.astype(np.uint8)[winner] for one, winner in zip(inputs, winners, strict=True)]


def refine_folder(task: CrfFolder) -> StageReport:
    """Write ``out/<id>.png`` for every file of ``inputs``; what is complete is skipped.

    Raises:
        DataError: a folder is missing or holds no input.
        ConfigError: the label maps already there were made in another way, or the recipe does not fit the inputs.
    """
    recipe = crf_recipe(task.recipe)
    ids, suffix = input_files(task.inputs)
    if not task.images.is_dir():
        raise DataError(f"no folder of images {task.images}; give it as --images")
    if suffix == ".png" and recipe.unary != "labels":
        raise ConfigError(
            f"{task.inputs} holds label maps but the CRF recipe {task.recipe} starts from {recipe.unary}; "
            "use a label recipe, such as irn_label"
        )
    if task.form == "logits" and (suffix == ".png" or recipe.unary == "labels"):
        what = "label maps" if suffix == ".png" else f"inputs of the CRF recipe {task.recipe}, which starts from labels"
        raise ConfigError(f"--form logits is for arrays of logits, not for {what}; leave it out")
    with start_session(task.device) as session:
        on_gpu = session.device.type != "cpu"
        return images_to_files(
            ids,
            ReadInput(task, suffix, refine=not on_gpu),
            write_label_map,
            OutputFolder(task.out, ".png", task.settings(), task.force),
            session,
            compute=RefineBatch(recipe, task.engine, session.device) if on_gpu else unchanged,
            batch_size=BATCH_SIZE if on_gpu else 1,
            workers=task.workers,
            title="dense CRF",
        )


def input_files(folder: Path) -> tuple[list[str], str]:
    """The ids of the files to refine, with those that the stage of the folder failed with, and the suffix they share."""
    if not folder.is_dir():
        raise DataError(f"no folder {folder}; give the probabilities, CAMs or label maps as --inputs")
    for suffix in INPUT_SUFFIXES:
        files = sorted(folder.rglob(f"*{suffix}"))
        if files:
            found = {file.relative_to(folder).with_suffix("").as_posix() for file in files}
            return sorted(found | read_failures(folder).keys()), suffix
    raise DataError(f"{folder} holds no {', '.join(INPUT_SUFFIXES)} file")


def image_of(folder: Path, image_id: str) -> Path:
    """The image of an id.

    Raises:
        DataError: there is none.
    """
    for suffix in IMAGE_SUFFIXES:
        path = path_of_id(folder, image_id, suffix)
        if path.exists():
            return path
    raise DataError(f"no image of {image_id!r} in {folder} with one of the suffixes {', '.join(IMAGE_SUFFIXES)}")


def require_size(path: Path, found: tuple[int, ...], size: tuple[int, int]) -> None:
    """Raise :class:`DataError` unless a file has the (height, width) of its image."""
    if found != size:
        raise DataError(f"{path} is {found} but its image is {size} (height, width); make them the same size")


def require_labels_first(path: Path, shape: tuple[int, ...], size: tuple[int, int]) -> None:
    """Raise :class:`DataError` where the labels are the last axis of a file, for an image of (height, width) ``size``."""
    if shape[:2] == size and shape[1:] != size:
        raise DataError(
            f"{path} has shape {shape}, the labels last; expected [labels, height, width]: save it as array.transpose(2, 0, 1)"
        )


def read_scores(path: Path, form: Form) -> npt.NDArray[Any] | None:
    """Probabilities or logits [C, H, W] as they are stored, or None where the file holds CAMs.

    Raises:
        DataError: the file is broken, of another shape, or of the other form by name.
    """
    if path.suffix == ".npz":
        arrays = read_npz(path)
        content: Any = arrays.get(form)
        other = "logits" if form == "probabilities" else "probabilities"
        if content is None and other in arrays:
            raise DataError(f"{path} holds {other}, no {form}; give --form {other}")
        if content is None and "maps" not in arrays:
            raise DataError(
                f"{path}: expected an array called {form}, or the keys and maps of CAMs, found {', '.join(arrays) or 'none'}; "
                f"save it with numpy.savez(file, {form}=array)"
            )
    else:
        content = load_npy(path)
    if content is None or isinstance(content, dict):
        return None
    scores = as_array(content, form, path)
    if scores.ndim != 3:
        raise DataError(f"{path} has shape {scores.shape}; expected {form} [labels, height, width]")
    return scores


def require_form(scores: npt.NDArray[Any], path: Path, form: Form, of_softmax: bool) -> None:
    """Raise :class:`DataError` unless the values [C, H, W] of a file are those of ``form``; of_softmax: they sum to 1."""
    if form == "logits":
        require_logits(scores, path, "Leave out --form logits.")
        return
    require_unit_range(scores, path, form, AS_LOGITS, AS_LOGITS)
    if of_softmax:
        require_sums_of_one(scores, path, NOT_NORMALISED)
