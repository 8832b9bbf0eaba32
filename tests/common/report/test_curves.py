from __future__ import annotations

import math
import xml.etree.ElementTree as ElementTree

import matplotlib
import pytest

from common.errors import DataError
from common.report.curves import MAX_POINTS, Curve, curve_svg, line_styles, thin

LINES = {"a": ([1.0, 2.0], [3.0, 1.0]), "b": ([1.0, 2.0], [2.0, 2.5])}


def test_the_svg_uses_the_page_colours_and_its_own_ids():
    svg = curve_svg(Curve("Loss", "step <s>", "loss & more", LINES), "c1")
    assert "var(--series-0)" in svg and "var(--series-1)" in svg and "#0" not in svg.replace("#c1-", "")
    assert "step &lt;s&gt;" in svg and "loss &amp; more" in svg
    assert "http" not in svg and "<style" not in svg and "<metadata" not in svg
    root = ElementTree.fromstring(svg.replace("<svg", '<svg xmlns:xlink="http://www.w3.org/1999/xlink"', 1))
    ids = [element.get("id") for element in root.iter() if element.get("id")]
    assert ids and all(name.startswith("c1-") for name in ids) and len(ids) == len(set(ids))


def test_the_same_curve_gives_the_same_svg_and_leaves_matplotlib_as_it_was():
    before = dict(matplotlib.rcParams)
    curve = Curve("Loss", "step", "loss", LINES)
    assert curve_svg(curve, "c") == curve_svg(curve, "c")
    assert dict(matplotlib.rcParams) == before


@pytest.mark.parametrize("lines", [{}, {"a": ([], [])}, {"a": ([1.0], [1.0, 2.0])}, {"a": ([1.0], [math.nan])}])
def test_empty_ragged_or_non_finite_lines_are_an_error(lines):
    with pytest.raises(DataError, match="Loss"):
        Curve("Loss", "step", "loss", lines)


def test_no_two_of_twelve_lines_look_alike():
    styles = line_styles(Curve("c", "x", "y", {str(number): ([1.0], [1.0]) for number in range(12)}))
    assert len({(style.colour, style.dashes) for style in styles}) == 12


def test_long_lines_are_thinned_to_means_of_neighbours():
    assert thin([1.0, 3.0]) == [1.0, 3.0]
    values = [float(number) for number in range(2 * MAX_POINTS)]
    assert thin(values)[:2] == [0.5, 2.5] and len(thin(values)) == MAX_POINTS


def test_the_summary_says_in_words_what_the_chart_shows():
    assert "a from 3 to 1 (lowest 1, highest 3)" in Curve("Loss", "step", "loss", LINES).summary()


def test_whole_numbers_have_no_ticks_between_them():
    rounds = curve_svg(Curve("Rounds", "round", "mIoU", {"a": ([0.0, 1.0], [70.0, 71.5])}), "c1")
    shares = curve_svg(Curve("Thresholds", "threshold", "mIoU", {"a": ([0.0, 0.9], [70.0, 71.5])}), "c1")
    assert ">0.2<" in shares and ">0.2<" not in rounds
