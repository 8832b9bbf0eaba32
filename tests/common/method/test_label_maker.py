"""What a label stage reads of one image."""

from types import SimpleNamespace

import numpy as np
import pytest

from common.cam.files import Cams, write_cams
from common.data.palette import write_label_map
from common.errors import DataError
from common.method.label_maker import LabelMaker, ReadMaps

LABELS = np.array([[0, 1, 2, 255]], np.uint8)


def maker(tmp_path, n_classes):
    layout = SimpleNamespace(n_classes=n_classes)
    write_label_map(tmp_path / "before" / "a.png", LABELS)
    write_cams(tmp_path / "cams" / "a.npz", Cams(np.array([0]), np.zeros((1, 1, 4), np.float32)))
    read = ReadMaps(tmp_path / "cams", ".npz", None)
    return LabelMaker(layout, read, lambda evidence: evidence.labels[0], (), (tmp_path / "before",))


def test_label_maps_of_an_earlier_stage_reach_the_rule(tmp_path):
    np.testing.assert_array_equal(maker(tmp_path, 2)("a"), LABELS)


def test_a_label_that_the_dataset_does_not_have_is_an_error_that_names_the_file(tmp_path):
    with pytest.raises(DataError, match=r"before.a\.png has label 2; there are 2: 0 to 1, and 255 is ignored"):
        maker(tmp_path, 1)("a")
