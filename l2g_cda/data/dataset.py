"""The training data of both stages."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from common.data.dataset import ListedImages
from common.data.layout import DatasetLayout
from common.data.sampling import SeededDataset
from common.errors import DataError
from l2g_cda.cda.bank import read_bank
from l2g_cda.cda.twins import PastedTwins
from l2g_cda.data.settings import CdaConfig, ViewConfig
from l2g_cda.data.views import ViewMaker


def training_data(
    layout: DatasetLayout, ids: Sequence[str], views: ViewConfig, cda: CdaConfig | None, seed: int
) -> SeededDataset:
    """Items for :func:`l2g_cda.data.collate.collate`: plain views, or with ``cda`` pairs of pasted and original view.

    Raises:
        DataError: there are no images, tags or saliency maps, or the bank cannot be used.
    """
    images = ListedImages(layout, ids, ("tags", "saliency"))
    if not layout.saliency.is_dir():
        raise DataError(
            f"no saliency maps: folder {layout.saliency} does not exist; put them there or set data.saliency"
        )
    if cda is None:
        return SeededDataset(images, ViewMaker(views), seed)
    bank = read_bank(Path(cda.bank), layout.n_classes, with_saliency=cda.mask == "saliency")
    return PastedTwins(images, ViewMaker(views), seed, bank, cda)
