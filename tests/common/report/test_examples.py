"""Example images go through their files into the report."""

import numpy as np
import pytest

from common.errors import DataError
from common.report.examples import read_class_names, read_examples, write_class_names, write_example
from common.report.html import Example, Panel


def panel(title, value=0):
    return Panel(title, np.full((4, 5, 3), value, np.uint8))


def titles(examples):
    return {example.id: [panel.title for panel in example.panels] for example in examples}


def test_panels_keep_their_order_title_and_pixels(tmp_path):
    write_example(tmp_path, Example("train/a 1", [panel("image", 7), panel("attention: cat", 9)]))
    (example,) = read_examples([tmp_path])
    assert titles([example]) == {"train/a 1": ["image", "attention: cat"]}
    assert [one.image[0, 0, 0] for one in example.panels] == [7, 9]


def test_writing_again_leaves_none_of_the_old_panels(tmp_path):
    write_example(tmp_path, Example("a", [panel("image"), panel("old")]))
    write_example(tmp_path, Example("a", [panel("image")]))
    assert titles(read_examples([tmp_path])) == {"a": ["image"]}


def test_an_image_of_several_runs_shows_every_title_once(tmp_path):
    write_example(tmp_path / "one", Example("a", [panel("image", 1), panel("label")]))
    write_example(tmp_path / "two", Example("a", [panel("image", 2), panel("mask")]))
    (example,) = read_examples([tmp_path / "one", tmp_path / "two"])
    assert titles([example]) == {"a": ["image", "label", "mask"]}
    assert example.panels[0].image[0, 0, 0] == 1


def test_a_run_without_examples_gives_none(tmp_path):
    assert read_examples([tmp_path]) == []


def test_class_names_come_back_unless_two_runs_show_different_classes(tmp_path):
    assert read_class_names([tmp_path / "one", tmp_path / "two"]) == []
    write_class_names(tmp_path / "one", ("cat", "dog"))
    write_class_names(tmp_path / "two", ("cat", "dog"))
    assert read_class_names([tmp_path / "one", tmp_path / "none", tmp_path / "two"]) == ["cat", "dog"]
    write_class_names(tmp_path / "two", ("cow",))
    assert read_class_names([tmp_path / "one", tmp_path / "two"]) == []
    assert read_examples([tmp_path / "one"]) == []


@pytest.mark.parametrize("example", [Example("a", []), Example("a", [panel("a/b")]), Example("../a", [panel("image")])])
def test_an_example_that_cannot_be_a_file_is_an_error(tmp_path, example):
    with pytest.raises(DataError):
        write_example(tmp_path, example)
