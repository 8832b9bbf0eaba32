"""A table whose rows have tags of several schools says so."""

from common.report.notes import mixed_schools_note
from common.report.table import build_tables
from common.report.table_text import format_markdown, format_text

XML, SBD = "cls_labels.npy 9e20c847 (school xml: all objects)", "im_tags.pkl cdb99793 (school sbd: SGAN's)"


def test_rows_of_several_schools_are_named_in_every_table(make_result):
    rows = [make_result(tag_source=XML), make_result(method="SGAN", tag_source=SBD)]
    (table,) = build_tables(rows)
    for text in (format_text(table), format_markdown(table)):
        assert "Schools of tags are mixed here (xml: plain CAM; sbd: SGAN)" in text


def test_one_school_and_unknown_tags_are_no_mixture(make_result):
    rows = [make_result(tag_source=XML), make_result(method="other"), make_result(method="floor", tag_source="none")]
    assert mixed_schools_note(rows) == ""


def test_a_note_names_the_published_list(make_result):
    (table,) = build_tables([make_result(known_list="VOC trainaug, the usual 10,582")])
    assert "list train.txt (20 images; VOC trainaug, the usual 10,582)" in format_text(table)


def test_a_record_of_an_earlier_version_is_the_same_measurement(make_result):
    (table,) = build_tables([make_result(), make_result(known_list="VOC trainaug")])
    assert len(table.results) == 1
