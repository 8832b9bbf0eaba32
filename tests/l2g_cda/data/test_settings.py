"""Settings that cannot work are refused by name."""

import pytest

from common.errors import ConfigError
from l2g_cda.data.settings import CdaConfig, ViewConfig


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"crop_size": 448}, "crop_size"),
        ({"crop_size": 0}, "crop_size"),
        ({"resize": 400}, "resize"),
        ({"patches": 3}, "patches"),
        ({"recipe": "coco", "patches": 0}, "patches"),
        ({"color_jitter": (0.3, 0.3, 0.3, 0.6)}, "color_jitter"),
        ({"color_jitter": (-0.1, 0, 0, 0)}, "color_jitter"),
    ],
)
def test_views_that_cannot_be_cut_are_an_error(settings, name):
    with pytest.raises(ConfigError, match=f"views.{name}"):
        ViewConfig(**settings)


@pytest.mark.parametrize(
    ("settings", "name"),
    [({"max_overlap": 1.5}, "max_overlap"), ({"attempts": 0}, "attempts"), ({"rotation": 200}, "rotation"),
     ({"first_epoch": -1}, "first_epoch")],
)  # fmt: skip
def test_pasting_that_cannot_work_is_an_error(settings, name):
    with pytest.raises(ConfigError, match=f"cda.{name}"):
        CdaConfig(**settings)


def test_coco_takes_any_number_of_patches_and_ignores_the_resize():
    assert ViewConfig(recipe="coco", patches=1, resize=1).patches == 1
