"""An image that the class maps failed with is left out by all that follows from them: random walk, labels, their selection."""

import numpy as np
import pytest
from PIL import Image

from common.data.dataset import ListedImages
from common.data.layout import DataConfig, open_layout
from common.data.sampling import SampleFailure
from common.data.toy import ToyConfig, make_toy
from common.engine.inference import LoadedImages
from common.failures import STAGE_FILE
from common.files import write_json
from common.method.label_maker import LabelMaker, ReadTags
from common.pseudo_labels.refinement import refined_evidence
from sod_wsss.random_walk import WalkLoader

BROKEN = "train_0001"


@pytest.fixture
def layout(tmp_path):
    make_toy(tmp_path / "data", ToyConfig(n_train=3, n_val=1, size=32))
    (tmp_path / f"data/JPEGImages/{BROKEN}.jpg").write_bytes(b"cut off")
    return open_layout(DataConfig(dataset="toy", root=str(tmp_path / "data")))


@pytest.fixture
def failed(tmp_path):
    """A folder whose stage failed with the image and has not made the others."""
    write_json(tmp_path / "made" / STAGE_FILE, {})
    write_json(tmp_path / "made/failed.json", {BROKEN: "cut off"})
    return tmp_path / "made"


def test_the_random_walk(layout, failed):
    load = WalkLoader(ListedImages(layout, layout.ids("train")), failed, 32)
    items = dict(LoadedImages(layout.ids("train"), load)[place] for place in range(3))
    assert items[BROKEN] == SampleFailure("cut off", failed_before=True)
    assert items["train_0000"].not_made


def test_a_rule_that_starts_from_label_maps(layout, failed):
    Image.fromarray(np.zeros((32, 32), np.uint8)).save(failed / "train_0000.png")
    tags = layout.read_tags(layout.ids("train"))
    maker = LabelMaker(layout, ReadTags(tags), refined_evidence, ["image"], [failed, failed])
    items = dict(LoadedImages(layout.ids("train"), maker)[place] for place in range(3))
    assert items[BROKEN] == SampleFailure("cut off", failed_before=True)
    assert not isinstance(items["train_0000"], SampleFailure) and items["train_0002"].not_made
