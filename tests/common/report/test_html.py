from __future__ import annotations

import base64
import io
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from common.errors import DataError
from common.report.curves import Curve
from common.report.html import MAX_PANEL_SIDE, Example, Panel, ReportInput, render_report, write_report

PICTURE = np.full((10, 20, 3), 90, np.uint8)
VOID = {"meta", "img", "br", "link", "line"}


class Outline(HTMLParser):
    """Checks that tags nest and collects ids, link targets, image sources and alternative texts."""

    def __init__(self, document):
        super().__init__()
        self.open, self.ids, self.targets, self.images, self.tags, self.text = [], [], [], [], [], []
        self.feed(document)
        assert not self.open

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        self.tags.append(tag)
        self.ids += [values["id"]] if "id" in values else []
        self.targets += [values["href"]] if tag == "a" else []
        self.images += [values] if tag == "img" else []
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


@pytest.fixture
def full_report(make_result):
    seeds = [make_result(seed=seed, miou=50.0 + seed) for seed in range(3)]
    crf = make_result(stage="pseudo label + CRF", crf="10 iterations")
    return ReportInput(
        title="Toy <set>",
        description="Shapes & tags.",
        results=[*seeds, crf, make_result(method="SGAN", miou=58.0)],
        examples=[Example("toy_1", [Panel("image", PICTURE), Panel("saliency", PICTURE[..., 0])])],
        curves=[Curve("Loss", "step", "loss", {"<run>": ([1.0, 2.0], [2.0, 1.0])})] * 2,
        class_names=["ring", "disc"],
        class_colours=[(1, 2, 3), (4, 5, 6)],
    )


def test_the_document_nests_ids_are_unique_and_links_stay_inside(full_report):
    outline = Outline(render_report(full_report))
    assert len(outline.ids) == len(set(outline.ids))
    assert all(target.startswith("#") and target[1:] in outline.ids for target in outline.targets)


def test_nothing_is_loaded_from_elsewhere_and_no_script_runs(full_report):
    document = render_report(full_report)
    assert not re.search(r"https?:|//[a-z]|@import|url\((?!#)", document)
    assert not {"script", "link", "iframe"} & set(Outline(document).tags)
    assert all(image["src"].startswith("data:image/png;base64,") for image in Outline(document).images)


def test_names_are_escaped(full_report):
    document = render_report(full_report)
    assert "Toy &lt;set&gt;" in document and "Shapes &amp; tags." in document and "&lt;run&gt;" in document
    assert "<set>" not in document and "<run>" not in document


def test_every_image_has_a_text_and_is_embedded_whole(full_report):
    image, saliency = Outline(render_report(full_report)).images
    assert (image["alt"], saliency["alt"]) == ("image of image toy_1", "saliency of image toy_1")
    data = base64.b64decode(image["src"].partition(",")[2])
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(data))), PICTURE)


def test_large_images_are_made_smaller(make_result):
    panel = Panel("image", np.zeros((100, 3 * MAX_PANEL_SIDE, 3), np.uint8))
    (image,) = Outline(render_report(ReportInput("t", "d", [make_result()], [Example("x", [panel])]))).images
    assert (image["width"], image["height"]) == (str(MAX_PANEL_SIDE), "33")


def test_a_large_picture_is_stored_small_and_opens_and_closes_without_a_script(make_result):
    photograph = np.random.default_rng(0).integers(0, 255, (300, 400, 3), np.uint8)
    panels = [Panel("image", photograph), Panel("pseudo label: plain CAM", PICTURE), Panel("own view", PICTURE)]
    document = render_report(ReportInput("t", "d", [make_result()], [Example("x", panels)]))
    outline = Outline(document)
    assert outline.images[0]["src"].startswith("data:image/jpeg;base64,")
    for number, back in ((1, "example-1"), (2, "example-1"), (3, "inside-1")):
        assert f'<figure id="picture-{number}"' in document and back in outline.ids
        assert {f"#picture-{number}", f"#{back}"} <= set(outline.targets)
    assert document.count("data:image") == 3 and ".picture:target" in document


def test_images_have_the_same_columns_and_gaps_are_said(make_result):
    examples = [Example("a", [Panel("image", PICTURE)]), Example("b", [Panel("pseudo label: plain CAM", PICTURE)])]
    document = render_report(ReportInput("t", "d", [make_result()], examples))
    row = document[document.index('<tr id="example-1">') :]
    assert "not made" in row[: row.index("</tr>")]
    assert document.count('<th scope="col">plain CAM</th>') >= 1


def test_what_cannot_be_measured_does_not_apply(make_result):
    ceiling = make_result(
        method="fully supervised", stage="DeepLab-v2", split="val", threshold=None, threshold_choice="not used"
    )
    text = " ".join(" ".join(Outline(render_report(ReportInput("t", "d", [make_result(), ceiling]))).text).split())
    assert "does not apply" in text and "None" not in text and "nan" not in text.split()
    assert "kept miou" not in text and "mIoU of the pixels with a label" in text


def test_every_number_is_linked_to_every_field_of_its_provenance(full_report):
    document = render_report(full_report)
    outline = Outline(document)
    assert {"#number-1", "#number-2", "#number-3"} <= set(outline.targets)
    text = " ".join(outline.text)
    for part in ("51.0 ± 1.0 (n=3)*", "initial weights", "0123456789abcdef", "python -m common.baseline", "runs/toy"):
        assert part in text


def test_the_legend_shows_the_given_colours(full_report):
    document = render_report(full_report)
    assert "rgb(1, 2, 3)" in document and "rgb(224, 224, 192)" in document


def test_missing_parts_are_left_out_and_said(make_result):
    document = render_report(ReportInput("t", "d", [make_result()]))
    assert 'id="examples"' not in document and 'id="curves"' not in document
    assert "No example images were given." in document and "no number for DeepLab-v2 + CRF (val)" in document


def test_a_report_without_results_or_with_too_few_colours_is_an_error(make_result):
    with pytest.raises(DataError, match="no results"):
        ReportInput("t", "d", [])
    with pytest.raises(DataError, match="1 colours for 2 classes"):
        ReportInput("t", "d", [make_result()], class_names=["a", "b"], class_colours=[(0, 0, 0)])


def test_writing_the_same_report_twice_gives_the_same_file(full_report, tmp_path):
    write_report(tmp_path / "a.html", full_report)
    write_report(tmp_path / "b.html", full_report)
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.html", "b.html"]
