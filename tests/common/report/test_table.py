from __future__ import annotations

import pytest

from common.errors import DataError
from common.report.table import build_tables
from common.report.table_text import format_markdown, format_text

VAL = {"stage": "DeepLab-v2", "list": "val.txt", "split": "val", "threshold": None, "threshold_choice": "not used"}
CRF = {"stage": "pseudo label + CRF", "crf": "10 iterations"}


def test_columns_follow_the_stages_and_rows_the_given_order(make_result):
    results = [make_result(**VAL), make_result(**CRF), make_result(), make_result(method="all background")]
    (table,) = build_tables(results, methods=["all background", "not measured"])
    assert table.columns == (("pseudo label", "train"), ("pseudo label + CRF", "train"), ("DeepLab-v2", "val"))
    assert [row.method for row in table.rows] == ["all background", "plain CAM"]
    assert table.missing == ("DeepLab-v2 + CRF (val)",)


def test_several_seeds_give_mean_and_sample_deviation(make_result):
    (table,) = build_tables([make_result(seed=seed, miou=value) for seed, value in enumerate((50.0, 52.0, 54.0))])
    cell = table.rows[0].cells[0]
    assert (cell.mean, cell.deviation) == (52.0, 2.0)
    assert "52.0 +- 2.0 (n=3)*" in format_text(table)
    assert "52.0 ± 2.0 (n=3)\\*" in format_markdown(table)


def test_a_single_seed_has_no_deviation(make_result):
    (table,) = build_tables([make_result()])
    assert table.rows[0].cells[0].deviation is None
    assert "+-" not in format_text(table).splitlines()[4]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("list", "other.txt"),
        ("initial_weights", "ImageNet"),
        ("saliency_source", "maps"),
        ("tag_source", "other"),
        ("steps", {"classifier": 7}),
    ],
)
def test_seeds_that_were_measured_differently_have_no_mean(make_result, name, value):
    with pytest.raises(DataError, match=f"differ in {name}"):
        build_tables([make_result(seed=0), make_result(seed=1, **{name: value})])


def test_two_numbers_for_the_same_measurement_are_an_error_that_names_both_folders(make_result):
    with pytest.raises(DataError, match="runs/toy and runs/again"):
        build_tables([make_result(), make_result(run_folder="runs/again", miou=51.0)])


@pytest.mark.parametrize("change", [{}, {"run_folder": "runs/again", "commit": "fedcba"}])
def test_the_same_measurement_with_the_same_outcome_counts_once(make_result, change):
    (table,) = build_tables([make_result(), make_result(**change)])
    assert [result.run_folder for result in table.results] == ["runs/toy"]


@pytest.mark.parametrize("seed", [0, 1])
def test_floors_behind_different_crfs_are_the_same_floor(make_result, seed):
    floors = [
        make_result(**{**CRF, "method": "all background", "crf": crf, **more})
        for crf, more in (("deeplab: 10 iterations", {}), ("sec: 10 iterations", {"seed": seed}))
    ]
    (table,) = build_tables(floors)
    assert len(table.rows) == 1 and len(table.rows[0].cells[0].results) == 1 + seed


def test_the_note_of_a_number_names_its_tags(make_result):
    rows = [make_result(), make_result(method="SGAN", tag_source="im_tags.pkl cdb99793")]
    (table,) = build_tables([*rows, make_result(method="all background", tag_source="none")])
    assert [note for note in table.notes if "tags" in note] == [
        "tags of tags.csv 01234567",
        "tags of im_tags.pkl cdb99793",
    ]


def test_no_result_is_an_error():
    with pytest.raises(DataError, match="no results"):
        build_tables([])


def test_datasets_get_tables_of_their_own(make_result):
    assert [table.dataset for table in build_tables([make_result(), make_result(dataset="VOC")])] == ["toy", "VOC"]


def test_rows_tell_saliency_and_tags(make_result):
    labels = make_result(method="CAM x saliency", saliency_source="PoolNet")
    predictions = make_result(method="CAM x saliency", saliency_source="PoolNet", **(VAL | {"tags_given": False}))
    (table,) = build_tables([make_result(), labels, predictions])
    assert [(row.saliency, row.tags) for row in table.rows] == [("no", "yes"), ("PoolNet", "marked *")]


def test_shared_provenance_is_said_once_and_the_rest_per_column_and_number(make_result):
    (table,) = build_tables(
        [
            make_result(),
            make_result(**VAL),
            make_result(method="SGAN", steps={"SGAN": 9}),
            make_result(method="SGAN", **VAL),
        ]
    )
    assert table.common == "tags of tags.csv 01234567; initial weights random; seed 0; commit 0123456789"
    assert table.column_notes[1] == "list val.txt (20 images); no threshold; steps classifier 100"
    assert table.notes == ("steps classifier 100", "steps SGAN 9")
    assert [[cell.note for cell in row.cells] for row in table.rows] == [[1, None], [2, None]]


def test_text_is_ascii_and_aligned(make_result):
    (table,) = build_tables([make_result(method="Müller"), make_result(method="a much longer name")])
    text = format_text(table)
    assert text.isascii()
    head, _, *rows = text.splitlines()[2:6]
    assert {line.index("50.0") for line in rows} == {head.index("pseudo label")}


def test_a_bar_in_a_name_does_not_break_the_markdown_table(make_result):
    (table,) = build_tables([make_result(method="a|b")])
    assert "| a\\|b |" in format_markdown(table)


def test_absent_classes_and_missing_columns_are_said(make_result):
    (table,) = build_tables([make_result()])
    assert "left out of its mean: disc." in format_text(table)
    assert "Not measured: pseudo label + CRF (train), DeepLab-v2 (val), DeepLab-v2 + CRF (val)." in format_text(table)


def test_a_note_says_how_much_an_output_ignores(make_result):
    (table,) = build_tables([make_result(seed=seed, ignored=20.0 + seed, kept_miou=80.0) for seed in (0, 1)])
    assert "20.5 % of the pixels are ignored, which counts as wrong: of the others 80.0 mIoU" in format_text(table)


def test_a_threshold_that_saw_the_masks_stands_in_a_column_of_its_own(make_result):
    choices = {"from tags alone on train.txt": 49.0, "best on train.txt against its masks": 50.0}
    (table,) = build_tables([make_result(threshold_choice=choice, miou=miou) for choice, miou in choices.items()])
    assert table.columns == (("pseudo label", "train"), ("pseudo label, oracle threshold", "train"))
    (row,) = table.rows
    assert [cell.mean for cell in row.cells] == [49.0, 50.0]
    text = format_text(table)
    assert "pseudo label, oracle threshold (train)" in text
    assert "threshold 0.35 (from tags alone on train.txt)" in text
    assert "threshold 0.35 (oracle, best on train.txt against its masks)" in text
