"""A split of VOC or COCO is held against the published lists; other datasets have none."""

import pytest

from common.data import published_lists
from common.data.layout import DataConfig, open_layout
from common.data.list_source import describe_split
from common.data.published_lists import PublishedList, list_fingerprint

IDS = ["2007_000032", "2007_000039"]


@pytest.fixture
def root(tmp_path, monkeypatch):
    digits = list_fingerprint(IDS)
    lists = {digits: PublishedList(digits, "voc", "two images", 2, 0, 1, "")}
    monkeypatch.setattr(published_lists, "published", lambda: (lists, {}))
    (tmp_path / "train.txt").write_text("\n".join(IDS))
    (tmp_path / "part.txt").write_text(f"{IDS[0]}\n")
    (tmp_path / "notes.txt").write_text("twice\ntwice\n")
    return tmp_path


@pytest.mark.parametrize(
    ("name", "said"), [("train", "two images"), ("part", "a part (1 of 2) of train.txt, which is two images")]
)
def test_a_list_is_named_whole_or_in_part_and_what_is_no_list_is_passed_over(root, name, said):
    layout = open_layout(DataConfig(dataset="voc12", root=str(root), train_list=str(root / f"{name}.txt")))
    assert describe_split(layout, "train") == said


def test_lists_of_your_own_images_are_not_looked_at(root):
    (root / "classes.txt").write_text("cat\n")
    assert describe_split(open_layout(DataConfig(dataset="folder", root=str(root))), "train") == ""
