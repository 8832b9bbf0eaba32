"""The page of a run on photographs."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pytest
from PIL import Image

from common.own.doubt import Doubt, TagAgreement
from common.own.page import Page, Shown, percent, write_page


class Parts(HTMLParser):
    """Links, pictures and text."""

    def __init__(self, document: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.tags: list[str] = []
        self.text = ""
        self.feed(document)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag == "a":
            self.links.append(dict(attributes)["href"] or "")

    def handle_data(self, data: str) -> None:
        self.text += data + " "


@pytest.fixture
def written(tmp_path: Path) -> Path:
    photographs, made = tmp_path / "my photos", tmp_path / "out"
    for file in (photographs / "a #1.jpg", photographs / "b.jpg", made / "overlays" / "a #1.jpg", made / "looked.jpg"):
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.zeros((30, 40, 3), np.uint8)).save(file)
    rows = [
        Shown(
            Doubt("a #1", 1.0, ("<cat> is tagged and not found",), {}, {}),
            ["<cat>"],
            {
                "photograph": photographs / "a #1.jpg",
                "mask": made / "overlays" / "a #1.jpg",
                "looked": made / "looked.jpg",
            },
        ),
        Shown(Doubt("b", 0.0, (), {}, {}), [], {"photograph": photographs / "b.jpg", "mask": made / "gone.jpg"}),
    ]
    page = Page(
        title="Masks of <photos>",
        facts={"method": "plain CAM"},
        notes=[],
        classes=("<cat>", "dog"),
        agreement={
            "2 images": [TagAgreement("<cat>", 2, 1, 1, 0.2, 0.2, 0.004, 0.4), TagAgreement("dog", 0, 0, 0, 0.0)]
        },
        shown=rows,
        n_images=9,
        failed={"c": "c.jpg is an empty file"},
    )
    write_page(made / "report.html", page)
    return made / "report.html"


def test_every_picture_opens_a_file_that_is_there(written: Path) -> None:
    parts = Parts(written.read_text())
    assert len(parts.links) == 4 and parts.tags.count("img") == 4
    assert all((written.parent / unquote(link)).is_file() for link in parts.links)
    assert not {"script", "link", "iframe"} & set(parts.tags)


def test_rows_are_aligned_and_what_is_not_there_is_said(written: Path) -> None:
    parts = Parts(written.read_text())
    assert parts.tags.count("figure") == 6
    # The second row's mask and class maps, and the class that is never tagged: share found, and two areas.
    assert parts.text.count("does not apply") == 5
    assert "0.4% to 40%" in parts.text and "nan" not in parts.text.split() and "None" not in parts.text


def test_names_are_escaped_and_images_without_a_mask_are_listed_with_the_reason(written: Path) -> None:
    document = written.read_text()
    assert "<cat>" not in document and "&lt;cat&gt; is tagged" in document
    assert "c: c.jpg is an empty file" in Parts(document).text


@pytest.mark.parametrize(
    ("share", "text"), [(0, "0%"), (0.004, "0.4%"), (0.2, "20%"), (0.999, "99.9%"), (1, "100%"), (0.1, "10%")]
)
def test_little_is_not_called_nothing_and_nearly_all_not_everything(share: float, text: str) -> None:
    assert percent(share) == text
