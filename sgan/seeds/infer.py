"""Stage 2: seeds of all images of the list, with the trained network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from common.config_files import read_yaml
from common.data.dataset import ListedImages, Part
from common.engine.inference import OutputFolder, StageReport, images_to_files
from common.engine.session import start_session
from common.files import atomic_write
from common.models.weights import file_fingerprint
from sgan.data.folders import open_dataset
from sgan.data.training import network_input
from sgan.models.build import build_network, describe_initial_weights, load_trained
from sgan.seeds.image import Seeded, SeedInference, SeedInput, rule_settings, seed_rule
from sgan.seeds.pictures import draw_pictures
from sgan.settings import SganConfig

BATCH = 8


def make_seeds(config: SganConfig) -> StageReport:
    """Write ``<res_path>/<cfg_name><test_cfg>/<id>.png`` for every image of the list: 8-bit grey, C + 1 unlabelled.

    Raises:
        CheckpointError: the training is not finished, or the checkpoint does not fit.
        ConfigError: the folder holds seeds made otherwise.
        DataError: the dataset or its saliency maps are not there.
    """
    layout = open_dataset(config, config.sal_subdir)
    background = open_dataset(config, config.sdnet_path)
    checkpoint = trained_weights(config)
    ids = sorted(layout.ids("train"))
    parts: set[Part] = {"tags", "saliency"} if config.use_sal else {"tags"}
    load = SeedInput(ListedImages(layout, ids, parts), network_input(config), background)
    with start_session(config.run.device) as session:
        network = build_network(config, layout.n_classes, pretrained=False)
        load_trained(network, checkpoint)
        rule = seed_rule(config, layout)
        inference = SeedInference(network, rule, config.combine_seedseg, session.device)
        report = images_to_files(
            ids,
            load,
            write_seed,
            OutputFolder(config.seed_folder, ".png", seed_record(config, checkpoint), config.force),
            session,
            compute=inference,
            batch_size=BATCH,
            workers=config.num_worker,
            title="seeds",
        )
        if session.is_main:
            draw_pictures(config, layout, load, inference)
    return report


def trained_weights(config: SganConfig) -> Path:
    """The file of the trained network.

    Raises:
        CheckpointError: the training of this configuration stopped before its end.
    """
    if config.checkpoint:
        return Path(config.checkpoint)
    if not config.final_weights.is_file():
        config.training_run.finished_checkpoint(config.max_iter)
    return config.final_weights


def seed_record(config: SganConfig, checkpoint: Path) -> dict[str, Any]:
    """Everything the seeds depend on, and what their scores have to say about their origin."""
    record: dict[str, Any] = {
        "checkpoint": file_fingerprint(checkpoint),
        "saliency": [config.sal_subdir, config.sdnet_path],
    }
    origin = {"seed": config.run.seed, "steps": config.max_iter, "initial_weights": describe_initial_weights(config)}
    if config.checkpoint:
        origin = {"seed": 0, "steps": config.max_iter, "initial_weights": f"released {checkpoint.name}"}
    elif config.training_run.config.is_file():
        trained = read_yaml(config.training_run.config)
        origin["seed"] = trained["run"]["seed"]
        record["semi"] = {"list": trained["semi"]["list"], "share": trained["semi"]["share"]}
    origin["saliency_source"] = config.report.saliency_source
    return record | rule_settings(config) | {"origin": origin}


def write_seed(path: Path, seeded: Seeded) -> None:
    write_grey(path, seeded.label_map)


def write_grey(path: Path, label_map: npt.NDArray[np.uint8]) -> None:
    """Write a map as an 8-bit grey PNG, atomically."""
    image = Image.fromarray(label_map)
    atomic_write(path, lambda file: image.save(file, format="PNG"))
