"""Stage 0: the classifier's body as initial weights, under the names of the published ``vgg_init.pth``."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from common.config_files import read_yaml
from common.data.layout import open_layout
from common.engine.run_folder import RunFolder
from common.errors import ConfigError, DataError
from common.files import write_torch
from sgan.models.build import build_network
from sgan.settings import SganConfig


def write_initial_weights(config: SganConfig) -> None:
    """Write the body of the classifier in ``stage0.classifier`` to the file ``pretrain``; a file that is there stays.

    Raises:
        DataError: there is no classifier.
        CheckpointError: its training is not finished, or its body is another one.
    """
    path = Path(config.pretrain)
    if path.suffix not in (".pth", ".pt"):
        raise ConfigError(f"pretrain is {config.pretrain!r}; name the file to write, such as vgg_init.pth")
    if path.is_file() and not config.force:
        print(f"{path} is already there")
        return
    run = RunFolder(config.stage0.classifier)
    if not run.config.is_file():
        raise DataError(f"there is no classifier in {run.path}; train it with python -m common.baseline train")
    checkpoint = run.finished_checkpoint(int(read_yaml(run.config)["engine"]["max_steps"]))
    classes = open_layout(config.data).n_classes
    network = build_network(dataclasses.replace(config, pretrain=str(checkpoint)), classes)
    write_torch(path, network.backbone.state_dict())
    print(f"wrote {path} from {checkpoint}")
