"""Pictures of example images stand in the same column for every image."""

from common.report.examples_table import arrange_examples, column_of

FIRST = ["image", "saliency", "CAM: cat", "CAM: dog", "pseudo label: B", "scores of cat: mean 5", "DeepLab-v2: A"]
SECOND = ["DeepLab-v2: B", "pseudo label: A", "image", "DeepLab-v2: B", "pasted"]


def test_columns_follow_the_stages_and_the_methods_the_given_order():
    grid = arrange_examples([FIRST, SECOND], ["A", "B"])
    one = [(name, ("",)) for name in ("image", "saliency", "CAM")]
    assert list(grid.groups) == [*one, ("pseudo label", ("A", "B")), ("DeepLab-v2", ("A", "B"))]


def test_every_picture_stands_once_under_its_column_or_with_the_others():
    grid = arrange_examples([FIRST, SECOND], ["A", "B"])
    assert grid.cells[0] == ((0,), (1,), (2, 3), (), (4,), (6,), ())
    # Of two with one title the first.
    assert grid.cells[1] == ((2,), (), (), (1,), (), (), (0,))
    assert grid.others == ((5,), (4,))


def test_without_an_order_methods_stand_as_they_come():
    assert arrange_examples([["pseudo label: B", "pseudo label: A"]]).groups == (("pseudo label", ("B", "A")),)
    assert arrange_examples([]).groups == ()


def test_what_only_looks_like_a_stage_stands_in_no_column():
    assert column_of("pseudo label") is None and column_of("saliency and base label: IoU 0.5, kept") is None
