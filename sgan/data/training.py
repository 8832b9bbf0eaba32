"""The training data: the whole list, resized, with salient masks and seeds."""

from __future__ import annotations

from common.data.dataset import ListedImages, Part
from common.data.layout import DatasetLayout
from common.data.sampling import SeededDataset
from sgan.data.folders import INITIAL_SEEDS, SeedFiles, find_folder
from sgan.data.masked_ids import masked_ids
from sgan.data.repeated import RepeatedSamples
from sgan.data.sample import NetworkInput, Normalisation
from sgan.settings import SganConfig


def network_input(config: SganConfig) -> NetworkInput:
    """How samples become the network's input."""
    normalisation = Normalisation(config.mean, config.std or ())
    return NetworkInput(config.resize, normalisation, config.sal_thresh, config.use_sal, config.body.output_stride)


def training_data(config: SganConfig, layout: DatasetLayout) -> SeededDataset:
    """Samples of the sorted list, repeated to cover all steps."""
    masked = masked_ids(config.semi, layout)
    ids = sorted(layout.ids("train"))
    parts: set[Part] = {"tags", "mask", "saliency"} if config.use_sal else {"tags", "mask"}
    # Without a single seed in use (all images have masks) the folder need not exist.
    all_masked = masked.issuperset(ids)
    folder = layout.masks if all_masked else find_folder(layout.root, INITIAL_SEEDS, config.seed_subdir)
    images = ListedImages(layout, ids, parts, mask_path=SeedFiles(folder, layout, masked))
    repeated = RepeatedSamples(images, config.max_iter * config.batch_size)
    return SeededDataset(repeated, network_input(config), config.run.seed)
