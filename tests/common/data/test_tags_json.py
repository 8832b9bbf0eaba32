"""Tags from the JSON files of annotation tools: every form names the same images and classes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from common.data.tags_json import read_folder_names, read_json_names
from common.errors import DataError

EXPECTED = {"a": ["cat"], "b": ["dog", "hot dog"], "c": []}


def box(label: str) -> dict[str, Any]:
    return {"region_attributes": {"label": label}, "shape_attributes": {}}


FORMS: dict[str, Any] = {
    "plain": {"a.jpg": "cat", "b": ["dog", "hot dog"], "c.png": []},
    "objects": [
        {"image": "a.jpg", "tags": ["cat"]},
        {"image": "b.jpg", "tags": ["dog", "hot dog"]},
        {"image": "c.jpg", "tags": []},
    ],
    "COCO": {
        "images": [{"id": 7, "file_name": "a.jpg"}, {"id": 8, "file_name": "b.jpg"}, {"id": 9, "file_name": "c.jpg"}],
        "annotations": [
            {"image_id": 7, "category_id": 2},
            {"image_id": 8, "category_id": 5},
            {"image_id": 8, "category_id": 9},
            {"image_id": 8, "category_id": 5},
        ],
        "categories": [{"id": 2, "name": "cat"}, {"id": 5, "name": "dog"}, {"id": 9, "name": "hot dog"}],
    },
    "Datumaro": {
        "categories": {"label": {"labels": [{"name": "cat"}, {"name": "dog"}, {"name": "hot dog"}]}},
        "items": [
            {"id": "a", "annotations": [{"label_id": 0, "type": "label"}]},
            {"id": "b", "annotations": [{"label_id": 1}, {"label_id": 2}]},
            {"id": "c", "annotations": []},
        ],
    },
    "VIA": {
        "a.jpg123": {"filename": "a.jpg", "regions": [box("cat")], "file_attributes": {}},
        "b.jpg99": {"filename": "b.jpg", "regions": {"0": box("dog"), "1": box("hot dog")}, "file_attributes": {}},
        "c.jpg1": {"filename": "c.jpg", "regions": [], "file_attributes": {"caption": "two cats"}},
    },
    "Label Studio": [
        {
            "data": {"image": "upload/1/3f2a-a.jpg"},
            "annotations": [{"result": [{"type": "choices", "value": {"choices": ["cat"]}}]}],
        },
        {
            "data": {"image": "local-files/?d=photos/b.jpg"},
            "annotations": [
                {"result": [{"value": {"rectanglelabels": ["dog"]}}, {"value": {"brushlabels": ["hot dog"]}}]}
            ],
        },
        {"data": {"image": "https://example.org/c.jpg"}, "annotations": []},
    ],
    "Label Studio, short": [
        {"image": "a.jpg", "choice": "cat"},
        {"image": "b.jpg", "choice": {"choices": ["dog", "hot dog"]}},
        {"image": "c.jpg", "choice": []},
    ],
    "CreateML": [
        {"image": "a.jpg", "annotations": [{"label": "cat", "coordinates": {}}]},
        {"image": "b.jpg", "annotations": [{"label": "dog"}, {"label": "hot dog"}]},
        {"image": "c.jpg", "annotations": []},
    ],
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_names_the_same(tmp_path: Path, form: str) -> None:
    path = tmp_path / "labels.json"
    path.write_text(json.dumps(FORMS[form]))
    assert read_json_names(path) == EXPECTED


def test_via_project_is_read_as_its_annotations(tmp_path: Path) -> None:
    path = tmp_path / "labels.json"
    path.write_text(json.dumps({"_via_settings": {}, "_via_img_metadata": FORMS["VIA"]}))
    assert read_json_names(path) == EXPECTED


def test_labelme_files_are_named_by_their_image_and_flags_are_tags(tmp_path: Path) -> None:
    for name, flags, labels in (("a", {"cat": True, "blurred": False}, []), ("sub/b", {}, ["dog", "hot dog", "dog"])):
        file = tmp_path / f"{name}.json"
        file.parent.mkdir(exist_ok=True)
        shapes = [{"label": label, "points": []} for label in labels]
        file.write_text(json.dumps({"flags": flags, "shapes": shapes, "imagePath": "elsewhere/x.jpg"}))
    assert read_folder_names(tmp_path) == {"a": ["cat"], "sub/b": ["dog", "hot dog"]}


@pytest.mark.parametrize(
    "content",
    [
        [],
        {},
        3,
        None,
        [1],
        [{}],
        {"a": 1},
        [{"image": "a.jpg"}],
        [{"data": {"image": "a.jpg"}, "annotations": [{}]}],
        {"images": [], "annotations": [{"image_id": 1, "category_id": 1}], "categories": []},
        {"items": [{"id": "a", "annotations": [{"label_id": 4}]}], "categories": {"label": {"labels": []}}},
        {"images": 1, "annotations": 2, "categories": 3},
    ],
)
def test_what_is_no_known_form_names_the_file(tmp_path: Path, content: Any) -> None:
    path = tmp_path / "labels.json"
    path.write_text(json.dumps(content))
    with pytest.raises(DataError, match="labels.json"):
        read_json_names(path)
