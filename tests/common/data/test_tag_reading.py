"""``data.tags`` names a school: its tags are made of VOC's tags of any school, of masks, or of annotations."""

import numpy as np
import pytest
from PIL import Image

from common.data.classes import VOC_CLASSES
from common.data.layout import DataConfig, open_layout
from common.data.tag_source import describe_tags
from common.errors import DataError

# In the annotation a chair and a sofa, in the mask neither.
DIFFERS, AGREES = "2008_001550", "2007_000032"
XML = "<annotation><object><name>{}</name></object></annotation>"


def voc(root, *, tags="", annotations=None, masks=None):
    """Two images in VOC's layout."""
    for folder in ("JPEGImages", "SegmentationClassAug", "ImageSets/SegmentationAug"):
        (root / folder).mkdir(parents=True)
    (root / "ImageSets/SegmentationAug/train_aug.txt").write_text(f"{DIFFERS}\n{AGREES}\n")
    if tags:
        (root / "tags.csv").write_text(tags)
    for image_id, name in (annotations or {}).items():
        (root / "Annotations").mkdir(exist_ok=True)
        (root / f"Annotations/{image_id}.xml").write_text(XML.format(name))
    for image_id, values in (masks or {}).items():
        Image.fromarray(np.array([values], np.uint8)).save(root / f"SegmentationClassAug/{image_id}.png")


def names(root, school, ids=(DIFFERS, AGREES)):
    layout = open_layout(DataConfig(root=str(root), tags=school))
    return [{VOC_CLASSES[c] for c in np.flatnonzero(vector)} for vector in layout.read_tags(list(ids)).values()]


@pytest.mark.parametrize("given", ["chair;sofa", ""])
def test_of_a_file_of_any_school_any_other_is_made(tmp_path, given):
    voc(tmp_path, tags=f"{DIFFERS},{given}\n{AGREES},person\n", masks={DIFFERS: [0, 5], AGREES: [5]})
    assert names(tmp_path, "xml") == [{"chair", "sofa"}, {"person"}]
    # Not of these masks, which show a bottle: of the table.
    assert names(tmp_path, "pixels") == names(tmp_path, "sbd") == [set(), {"person"}]


def test_without_tags_pixels_are_counted_in_the_masks(tmp_path):
    voc(tmp_path, masks={DIFFERS: [0, 9, 255], AGREES: [1, 15]})
    assert names(tmp_path, "pixels") == [{"chair"}, {"aeroplane", "person"}]
    layout = open_layout(DataConfig(root=str(tmp_path), tags="pixels"))
    assert describe_tags(layout, [AGREES]).startswith("masks of SegmentationClassAug ")


def test_a_mask_that_changes_is_read_again(tmp_path):
    voc(tmp_path, masks={DIFFERS: [9], AGREES: [1]})
    assert names(tmp_path, "pixels", [AGREES]) == [{"aeroplane"}]
    Image.fromarray(np.array([[2, 2, 3]], np.uint8)).save(tmp_path / f"SegmentationClassAug/{AGREES}.png")
    assert names(tmp_path, "pixels", [AGREES]) == [{"bicycle", "bird"}]


def test_a_label_without_a_class_is_no_tag(tmp_path):
    voc(tmp_path, masks={DIFFERS: [9], AGREES: [21]})
    with pytest.raises(DataError, match=f"{AGREES}.png holds label 21, but there are 20 classes"):
        names(tmp_path, "pixels")


def test_annotations_give_the_school_xml_where_the_tags_are_of_none(tmp_path):
    voc(tmp_path, tags=f"{DIFFERS},chair\n{AGREES},person\n", annotations={DIFFERS: "sofa", AGREES: "bus"})
    assert names(tmp_path, "xml") == [{"sofa"}, {"bus"}]


def test_tags_of_no_school_are_refused_and_the_way_out_is_named(tmp_path):
    voc(tmp_path, tags=f"{DIFFERS},chair\n{AGREES},person\n")
    with pytest.raises(DataError, match=rf"tags: sbd cannot be made of .*tags.csv: 1 images .*{DIFFERS}\. Set tags to"):
        names(tmp_path, "sbd")


@pytest.mark.parametrize(
    ("school", "needs"), [("xml", "Annotations, or VOC's tags"), ("pixels", "the masks"), ("sbd", "VOC's tags")]
)
def test_what_a_school_needs_is_named(tmp_path, school, needs):
    voc(tmp_path)
    with pytest.raises(DataError, match=f"tags: {school} needs .*{needs}.*put it there"):
        names(tmp_path, school)


def test_a_file_of_that_name_is_meant_before_the_school(tmp_path):
    voc(tmp_path, annotations={DIFFERS: "bus", AGREES: "bus"})
    (tmp_path / "Annotations").rename(tmp_path / "xml")
    layout = open_layout(DataConfig(root=str(tmp_path), tags="xml"))
    assert layout.school is None and layout.tags == tmp_path / "xml"


def test_images_on_which_schools_agree_keep_their_tags(tmp_path):
    voc(tmp_path, tags=f"{AGREES},person\n")
    assert [names(tmp_path, school, [AGREES]) for school in ("xml", "pixels", "sbd")] == [[{"person"}]] * 3


def test_tags_that_say_nothing_of_schools_are_not_said_to_be_of_one(tmp_path):
    voc(tmp_path, tags=f"{AGREES},person\n", masks={AGREES: [5]})
    layout = open_layout(DataConfig(root=str(tmp_path), tags="pixels"))
    assert "school" not in describe_tags(layout, [AGREES])


def test_what_is_made_is_said_to_be_of_its_school_even_where_two_schools_agree(tmp_path):
    voc(tmp_path, tags=f"{DIFFERS},chair;sofa\n{AGREES},person\n")
    layout = open_layout(DataConfig(root=str(tmp_path), tags="sbd"))
    assert describe_tags(layout, [DIFFERS, AGREES]).endswith(" (school sbd)")


def test_other_datasets_have_pixels_and_xml_alone(tmp_path):
    voc(tmp_path, tags="a,cat\nb,dog\n", masks={"a": [1, 2], "b": [0]})
    (tmp_path / "classes.txt").write_text("cat\ndog\n")

    def read(school):
        config = DataConfig(dataset="folder", root=str(tmp_path), masks="SegmentationClassAug", tags=school)
        return [vector.tolist() for vector in open_layout(config).read_tags(["a", "b"]).values()]

    assert read("pixels") == [[1, 1], [0, 0]]
    with pytest.raises(DataError, match="sbd needs .*only VOC"):
        read("sbd")
