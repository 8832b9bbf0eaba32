"""The pictures of a run show the image as the second training pastes into it."""

import numpy as np
import pytest

from common.cam.files import Cams
from common.data.dataset import ListedImages
from common.method.pictures import Pictured
from common.method.settings import with_values
from l2g_cda.method import BANK, pasted_panels


@pytest.fixture
def with_bank(settings, layout, tmp_path):
    """Settings of small views and a bank that is not made yet."""
    views = {"views.short_side": 96, "views.input_size": 80, "views.patch_side": 56}
    bank = {"cda.bank": str(tmp_path / "bank"), "bank.label_maps": str(layout.masks)}
    settings.views.patch_side, settings.views.input_size = 56, 80
    return with_values(settings, {**views, **bank})


def panels(settings, layout, ids):
    sample = ListedImages(layout, ids, ("tags", "saliency")).read(ids[2])
    nothing = Cams(np.zeros(0, np.int64), np.zeros((0, 96, 96), np.float32))
    return sample, list(pasted_panels(settings, layout, Pictured(sample, 2, nothing)))


def test_before_there_is_a_bank_nothing_is_shown(with_bank, layout, ids):
    assert panels(with_bank, layout, ids)[1] == []


def test_image_and_saliency_are_shown_with_the_pasted_object(with_bank, layout, ids):
    BANK.run(with_bank)
    sample, (image, saliency) = panels(with_bank, layout, ids)
    assert (image.title, saliency.title) == ("pasted", "pasted, saliency")
    assert image.image.shape == sample["image"].shape and (image.image != sample["image"]).any()
    assert (saliency.image != sample["saliency"]).any()


def test_without_a_second_training_nothing_is_pasted(with_bank, layout, ids):
    BANK.run(with_bank)
    assert panels(with_values(with_bank, {"pasting.epochs": 0}), layout, ids)[1] == []
