import numpy as np

from common.method.report import COLUMNS, WIDTH, chain_sheet, columns_of, headings
from common.report.html import Example, Panel


def panel(title: str, value: int = 0) -> Panel:
    return Panel(title, np.full((20, 30, 3), value, np.uint8))


def test_the_first_of_several_cams_is_shown():
    columns = columns_of(Example("a", [panel("image"), panel("CAM: cat", 7), panel("CAM: dog", 9)]))
    assert columns["CAM (first tag)"].max() == 7


def test_columns_follow_the_chain_and_only_those_all_rows_have_are_shown():
    full = Example("a", [panel(title) for title in reversed(list(COLUMNS)) if title != "CAM"])
    bare = Example("b", [panel("image"), panel("ground truth")])
    assert list(columns_of(full)) != []
    assert chain_sheet([full]).shape[1] > 5 * WIDTH
    assert 2 * WIDTH <= chain_sheet([full, bare]).shape[1] < 3 * WIDTH


def test_a_methods_own_label_maps_stand_before_the_truth_in_the_order_of_the_chain():
    own = ["pseudo label: I2CRC", "pseudo label + CRF: I2CRC, round 2"]
    example = Example("a", [panel(title) for title in ["ground truth", "image", "pseudo label + CRF: plain CAM", *own]])
    assert list(columns_of(example)) == ["ground truth", "image", "I2CRC", "I2CRC, round 2 + CRF"]
    assert headings([columns_of(example)]) == ["image", "I2CRC", "I2CRC, round 2 + CRF", "ground truth"]
