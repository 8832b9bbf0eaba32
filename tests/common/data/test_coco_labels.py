"""COCO's category ids become labels in a row, and nothing else does."""

import numpy as np
import pytest
from PIL import Image

from common.data.classes import COCO_CLASSES
from common.data.coco_labels import labels_in_a_row, main
from common.errors import DataError


def test_the_stop_sign_and_the_toothbrush_get_their_labels():
    found = labels_in_a_row(np.array([[0, 1, 11, 13, 90, 255]], np.uint8))
    assert found.tolist() == [[0, 1, 11, 12, 80, 255]]
    assert COCO_CLASSES[12 - 1] == "stop sign" and COCO_CLASSES[80 - 1] == "toothbrush"


@pytest.mark.parametrize("value", [12, 83, 91])
def test_what_is_no_category_is_refused(value):
    with pytest.raises(DataError, match=f"it holds {value}, which is no category id"):
        labels_in_a_row(np.array([[0, value]], np.uint8))


def test_a_folder_is_rewritten_beside_itself(tmp_path, capsys):
    (tmp_path / "masks/train2014").mkdir(parents=True)
    Image.fromarray(np.array([[13, 0]], np.uint8)).save(tmp_path / "masks/train2014/9.png")
    main([str(tmp_path / "masks"), str(tmp_path / "out")])
    assert np.array(Image.open(tmp_path / "out/train2014/9.png")).tolist() == [[12, 0]]
    assert capsys.readouterr().out.startswith("1 label maps written")
    for source, out, said in (("masks", "masks", "another folder"), ("nothing", "out", "holds no label maps")):
        with pytest.raises(DataError, match=said):
            main([str(tmp_path / source), str(tmp_path / out)])
