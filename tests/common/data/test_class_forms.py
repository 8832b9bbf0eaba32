"""Class files as annotation tools write them: read right, or refused by file and line."""

from pathlib import Path

import pytest

from common.data.classes import read_class_names
from common.data.tags_csv import csv_class_names
from common.errors import DataError

COCO_JSON = '{"images": [],\n"categories": [{"id": 0, "name": "animals", "supercategory": "none"},\n'
ROBOFLOW_JSON = COCO_JSON + '{"id": 1, "name": "cat", "supercategory": "animals"}, {"id": 2, "name": "dog"}]}'

READ = {
    "labelImg": ("classes.txt", "cat\ndog\n"),
    "windows": ("classes.txt", "\ufeffcat\r\ndog \r\n"),
    "line ends of old Macs": ("classes.txt", "cat\rdog"),
    "trailing commas": ("classes.txt", "cat,\ndog\n"),
    "quoted, as in a program": ("classes.txt", "'cat',\n'dog',\n"),
    "comments": ("classes.txt", "# two animals\ncat\ndog\n"),
    "yaml list": ("classes.txt", "- cat\n- dog\n"),
    "numbers from 0": ("labels.txt", "0 cat\n1 dog\n"),
    "numbers from 1": ("labels.txt", "1\tcat\n2\tdog\n"),
    "coco-stuff": ("labels.txt", "0: unlabeled\n1: cat\n2: dog\n"),
    "deeplab-pytorch": ("labels.txt", "0\t__background__\n1\tcat\n2\tdog\n"),
    "number and comma": ("labels.txt", "0,background\n1,cat\n2,dog\n255,void\n"),
    "name and number": ("labels.txt", "cat,1\ndog,2\n"),
    "points": ("labels.txt", "1. cat\n2. dog\n"),
    "heading of columns": ("labels.txt", "id name\n0 cat\n1 dog\n"),
    "imagenet": ("synsets.txt", "n02121620 cat, true cat\nn02084071 dog, domestic dog\n"),
    "cvat": ("labelmap.txt", "# label:color_rgb:parts:actions\nbackground:0,0,0::\ncat:10,10,128::\ndog:10,128,0::\n"),
    "cvat without a heading": ("labelmap.txt", "background:0,0,0::\ncat:128,0,0::\ndog:0,128,0:head,tail:run\n"),
    "cvat without background": ("labelmap.txt", "# label:color_rgb:parts:actions\ncat:10,10,128::\ndog:::\n"),
    "camvid": ("label_colors.txt", "0 0 0 Void\n64 0 128\tcat\n64 128 64 dog\n"),
    "name and colour": ("label_colors.txt", "Background 0 0 0\ncat 64 0 128\ndog 64 128 64\n"),
    "class_dict": ("class_dict.csv", "name,r,g,b\nbackground,0,0,0\ncat,1,2,3\ndog,4,5,6\n"),
    "roboflow masks": ("_classes.csv", "Pixel Value, Class\n0, background\n1, cat\n2, dog\n"),
    "roboflow tags": ("_classes.csv", "filename, cat, dog\na.jpg, 1, 0\n"),
    "table": ("classes.csv", "id;name\n1;cat\n2;dog\n"),
    "class and name": ("classes.csv", "class,name\n0,cat\n1,dog\n"),
    "yolo": ("data.yaml", "train: images\nnc: 2\nnames: ['cat', 'dog']\n"),
    "yolo by number": ("data.yaml", "names:\n  0: background\n  1: cat\n  2: dog\n"),
    "label studio": ("notes.json", '{"categories": [{"id": 0, "name": "cat"}, {"id": 1, "name": "dog"}]}'),
    "label studio's configuration": ("config.xml", '<View>\n<Label value="cat" background="red"/><Label value="dog"/></View>'),
    "coco of roboflow": ("_annotations.coco.json", ROBOFLOW_JSON),
    "cvat's labels": ("labels.json", '[{"name": "cat", "attributes": []}, {"name": "dog", "attributes": []}]'),
    "supervisely": ("meta.json", '{"classes": [{"title": "cat", "shape": "bitmap"}, {"title": "dog"}], "tags": []}'),
    "supervisely masks": ("colors.json", '{"dog": [2, 2, 2], "cat": [1, 1, 1], "bg": [0, 0, 0]}'),
    "json list": ("classes.json", '["cat", "dog"]'),
    "tensorflow": ("label_map.pbtxt", "item {\n  id: 1\n  name: 'cat'\n}\nitem {\n  id: 2\n  name: \"dog\"\n}\n"),
}  # fmt: skip


@pytest.mark.parametrize(("name", "text"), READ.values(), ids=READ)
def test_the_forms_of_the_tools_give_the_classes_in_label_order(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_bytes(text.encode())
    assert read_class_names(tmp_path / name) == ("cat", "dog")


@pytest.mark.parametrize(
    "names",
    [
        ("traffic light", "7up can", "2 door car"),
        ("2 door", "4 door", "convertible"),
        ("4 door", "2 door"),
        ("1 door", "2 door", "1 seat"),
        ("class 1", "class 2"),
        ("0", "1", "2"),
        ("title", "number", "table"),
        ("background noise", "avoid", "Cat", "cat"),
        ("n01440764", "n01443537"),
        ("it's", "T-shirt", "C++", "a/b", "naïve café", "室内"),
        ("cat;kitten", "a: b"),
    ],
)
def test_names_with_spaces_digits_and_signs_stay_as_they_are(tmp_path: Path, names: tuple[str, ...]) -> None:
    (tmp_path / "classes.txt").write_text("\n".join(names), encoding="utf-8")
    assert read_class_names(tmp_path / "classes.txt") == names


REFUSED = {
    "labelme": ("class_names.txt", "_background_\ncat\ndog\n", 1, "always label 0"),
    "labelme's labels": ("labels.txt", "__ignore__\n_background_\ncat\n", 1, "255"),
    "background behind others": ("classes.txt", "cat\nBackground\ndog\n", 2, "always label 0"),
    "background of another spelling": ("classes.txt", "cat\n\n-BG-\n", 3, "always label 0"),
    "void": ("classes.txt", "cat\nvoid\n", 2, "255"),
    "unlabelled": ("classes.txt", "unlabelled\ncat\n", 1, "255"),
    "background in a json list": ("classes.json", '[\n"background",\n"cat"]', 2, "always label 0"),
    "cvat, background in the middle": ("labelmap.txt", "cat:1,1,1::\nbackground:0,0,0::\n", 2, "always label 0"),
    "twice": ("classes.txt", "cat\ndog\ncat\n", 3, "also line 1"),
    "category ids with a gap": ("labels.txt", "1 cat\n2 dog\n4 cow\n", 3, "4 where 3 is next"),
    "coco's categories": ("coco.json", '{"categories": [{"id": 11, "name": "a"},\n{"id": 13, "name": "b"}]}', 1, "11 where 1"),
    "pixel value 0 is a class": ("_classes.csv", "Pixel Value, Class\n0, cat\n1, dog\n", 2, "pixel value 0"),
    "ignored pixels with a label": ("labels.txt", "0 background\n1 cat\n2 void\n", 3, "255"),
    "line without a number": ("labels.txt", "0: cat\ndog\n", 2, "a number and a name"),
    "number in the middle": ("labels.txt", "cat\n1: dog\n", 2, "no class name"),
    "several names in a line": ("classes.txt", "cat,dog\n", 1, "no class name"),
    "darknet's obj.data": ("obj.data", "classes = 2\ntrain = a.txt\n", 2, "a number and a name"),
    "heading": ("classes.txt", "name\ncat\n", 1, "heading"),
    "comment sign alone": ("classes.txt", "cat\n#\n", 2, "no class name"),
    "UTF-16 without its mark": ("classes.txt", "c\0a\0t\0\n\0", 1, "no class name"),
    "no text of names": ("classes.txt", "cat\n" + 999 * "a" + " b", 2, "1001 characters"),
    "broken json": ("classes.json", '["cat",\n"dog"', 2, "no JSON"),
    "broken yaml": ("data.yaml", "names: [cat\nnc: 2\n", 2, "no YAML"),
    "yaml without names": ("data.yaml", "nc: 2\n", 1, "'names'"),
    "unquoted no in yaml": ("data.yaml", "names:\n- cat\n- no\n", 1, "no class name"),
    "VIA": ("via.json", '{"_via_settings": {}, "_via_img_metadata": {}}', 1, "no known form"),
    "mmseg": ("classes.txt", "METAINFO = dict(\n", 1, "no class name"),
    "xml of annotations": ("a.xml", "<annotation><object/></annotation>", 1, "no known form"),
    "row without a name": ("classes.csv", "id,name\n1,cat\n2,\n", 3, "no name"),
    "item without a number": ("map.pbtxt", "item { id: 1 name: 'cat' }\nitem { name: 'dog' }", 2, "no id"),
}  # fmt: skip


@pytest.mark.parametrize(("name", "text", "line", "why"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_read_right_is_refused_by_line(
    tmp_path: Path, name: str, text: str, line: int, why: str
) -> None:
    path = tmp_path / name
    path.write_bytes(text.encode())
    with pytest.raises(DataError) as error:
        read_class_names(path)
    message = str(error.value)
    assert message.startswith(f"{path} line {line}: ") and why in message and "\n" not in message


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("id,animal\na,cat\nb,dog\n", "line 1 .id, animal. looks like a header"),
        ("photo no.,cat,dog\na,1,0\nb,0,1\n", "a column of 0 and 1 per class"),
        ("a,_background_ cat\nb,dog\n", "always label 0"),
        ("a,cat\nb,unlabeled\n", "255"),
    ],
)
def test_classes_taken_from_tags_are_classes_only(tmp_path: Path, text: str, why: str) -> None:
    (tmp_path / "tags.csv").write_text(text)
    with pytest.raises(DataError, match=why) as error:
        csv_class_names(tmp_path / "tags.csv")
    assert str(tmp_path / "tags.csv") in str(error.value)


def test_an_image_may_be_called_as_a_heading_with_its_extension(tmp_path: Path) -> None:
    (tmp_path / "tags.csv").write_text("image.jpg,cat\nname,dog\n")
    assert csv_class_names(tmp_path / "tags.csv") == ("cat", "dog")
