"""What a training was made with: its settings, and the images that it could not learn from."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from common.config_files import read_yaml
from common.data.dataset import ListedImages
from common.data.sampling import SeededDataset
from common.engine.contents import contents_of_settings, recorded_contents
from common.engine.run_folder import RunFolder, describe_differences
from common.errors import ConfigError
from common.failures import left_out_line, read_failures


def summary_of_training(settings: Any, n_samples: int, device: torch.device) -> str:
    engine, data = settings.engine, settings.data.dataset
    return f"Train on {device}: {n_samples} samples of {data}, {engine.max_steps} steps of {engine.batch_size}"


def begin_anew(run: RunFolder, begin: Callable[..., None], published: Path | None) -> None:
    """Begin a run in the place of the one that is there.

    Args:
        begin: begins it, with ``force``.
        published: the file that a training writes at its end. It goes with the run that wrote it: nobody is to take its network for
            that of the new one. Somebody else's file in that place stays until the new training has ended.
    """
    if published is not None and run.config.is_file():
        published.unlink(missing_ok=True)
    begin(force=True)


def settings_of_training(run: RunFolder, given: Mapping[str, Any], free: Collection[str]) -> dict[str, Any]:
    """The settings of a training, if they are the given ones.

    Args:
        given: section -> settings that are compared.
        free: dotted settings that may differ.

    Raises:
        ConfigError: they are not; the message names those that differ.
    """
    trained = read_yaml(run.config)
    known = (recorded_contents(run.path), contents_of_settings(given, free))
    for section in sorted(given):
        led, leads = (
            {name: found for name, found in contents.items() if name.partition(".")[0] == section} for contents in known
        )
        changes = describe_differences({section: trained.get(section)}, {section: given[section]}, free, led, leads)
        if changes:
            raise ConfigError(
                f"the network in {run.path} was trained with other settings ({changes}); give those it was trained with"
            )
    return trained


def images_left_out(data: SeededDataset, folders: Sequence[Path]) -> str:
    """One line about the images of a training that a stage failed with from whose files it learns; empty where there are none.

    Args:
        folders: of the stages; that of the saliency maps, where the training looks at them, comes by itself.
    """
    samples = getattr(data.samples, "images", data.samples)
    if not isinstance(samples, ListedImages):
        return ""
    places = [*folders, *([samples.layout.saliency] if "saliency" in samples.parts else [])]
    failed = {image_id: why for folder in places for image_id, why in read_failures(folder).items()}
    said = left_out_line({image_id: failed[image_id] for image_id in samples.ids if image_id in failed})
    return said and f"{said}; in their place comes the next image of the list"
