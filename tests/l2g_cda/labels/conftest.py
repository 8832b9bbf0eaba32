"""Attention maps that agree with the masks of the generated dataset."""

import numpy as np
import pytest
from PIL import Image

from common.data.images import read_label_map


@pytest.fixture
def ids(layout):
    return layout.ids("train")


@pytest.fixture
def attention(layout, ids, tmp_path):
    """A folder of attention PNGs: 200 on the object, 20 elsewhere."""
    folder = tmp_path / "attention"
    folder.mkdir()
    for image_id, tags in layout.read_tags(ids).items():
        truth = read_label_map(layout.mask_path(image_id))
        for number in np.flatnonzero(tags):
            values = np.where(truth == number + 1, 200, 20).astype(np.uint8)
            Image.fromarray(values).save(folder / f"{image_id}_{number}.png")
    return folder
