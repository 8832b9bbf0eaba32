from pathlib import Path

import pytest

from common.data.classes import COCO_CLASSES, VOC_CLASSES, read_class_names
from common.errors import DataError


def test_voc_and_coco_have_their_classes_in_label_order() -> None:
    assert (len(VOC_CLASSES), VOC_CLASSES[0], VOC_CLASSES[14], VOC_CLASSES[19]) == (
        20,
        "aeroplane",
        "person",
        "tvmonitor",
    )
    assert (len(set(COCO_CLASSES)), COCO_CLASSES[0], COCO_CLASSES[79]) == (80, "person", "toothbrush")
    # COCO category 13 is "stop sign", and 12 does not exist: contiguous numbers close that gap.
    assert COCO_CLASSES[11] == "stop sign"


def test_class_names_are_read_in_order_and_may_hold_spaces(tmp_path: Path) -> None:
    path = tmp_path / "classes.txt"
    path.write_bytes("\ufefftraffic light\r\nzebra\r\n\r\n".encode())
    assert read_class_names(path) == ("traffic light", "zebra")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("\n", "no class names"),
        ("cat\ndog\ncat\n", "'cat' more than once"),
        ("background\ncat\n", "always label 0"),
        ("\n".join(map(str, range(255))), "at most 254"),
    ],
)
def test_unusable_class_lists_are_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "classes.txt"
    path.write_text(text)
    with pytest.raises(DataError, match=message) as error:
        read_class_names(path)
    assert str(path) in str(error.value)


def test_a_missing_class_list_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"classes\.txt does not exist"):
        read_class_names(tmp_path / "classes.txt")
