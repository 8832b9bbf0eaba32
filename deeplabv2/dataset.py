"""The dataset of a configuration."""

from __future__ import annotations

from common.data.layout import DatasetLayout, open_layout
from common.errors import ConfigError
from deeplabv2.settings import DeepLabConfig


def open_dataset(config: DeepLabConfig) -> DatasetLayout:
    """Find the dataset's parts.

    Raises:
        ConfigError: it has another number of classes than the configuration.
        DataError: it is not there.
    """
    layout = open_layout(config.data)
    if layout.n_classes + 1 != config.DATASET.N_CLASSES:
        raise ConfigError(
            f"DATASET.N_CLASSES is {config.DATASET.N_CLASSES} but {layout.name} has {layout.n_classes} classes and "
            f"background: set {layout.n_classes + 1}"
        )
    return layout
