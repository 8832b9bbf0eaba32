from __future__ import annotations

import json
import math
import multiprocessing

import pytest

from common.errors import DataError
from common.report.results import add_results, read_results, write_results

TEXTS = (
    "method",
    "dataset",
    "list",
    "split",
    "initial_weights",
    "saliency_source",
    "tag_source",
    "commit",
    "run_folder",
    "created_by",
)


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("empty", ["", "  ", None])
def test_an_empty_provenance_field_is_an_error_that_names_it(make_result, name, empty):
    with pytest.raises(DataError, match=name):
        make_result(**{name: empty})


@pytest.mark.parametrize("name", ["class_iou", "steps", "versions"])
def test_an_empty_dictionary_is_an_error_that_names_it(make_result, name):
    with pytest.raises(DataError, match=name):
        make_result(**{name: {}})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("tags_given", 1),
        ("seed", True),
        ("n_images", 0),
        ("stage", "segmentation"),
        ("miou", math.nan),
        ("pixel_accuracy", 101.0),
        ("false_negative_rate", -1.0),
        ("threshold", math.inf),
        ("threshold_choice", "best"),
        ("threshold", None),
        ("threshold_choice", "not used"),
        ("crf", "10 iterations"),
        ("stage", "pseudo label + CRF"),
        ("ignored", 5.0),
    ],
)
def test_a_wrong_or_contradicting_field_is_an_error_that_names_it(make_result, name, value):
    with pytest.raises(DataError, match=name):
        make_result(**{name: value})


def test_fractions_mixed_with_percent_are_an_error(make_result):
    with pytest.raises(DataError, match="percent"):
        make_result(miou=0.5, class_iou={"background": 80.0, "ring": 20.0})


def test_a_list_without_any_class_is_an_error(make_result):
    with pytest.raises(DataError, match="no class that occurs"):
        make_result(miou=0.0, class_iou={"ring": math.nan})


def test_absent_classes_are_said_and_not_in_the_mean(make_result):
    result = make_result()
    assert result.absent_classes() == ("disc",)
    assert result.present_iou() == {"background": 80.0, "ring": 20.0}


def test_what_is_written_is_read_back_in_the_same_order_as_strict_json(make_result, tmp_path):
    results = [make_result(), make_result(method="CAM x saliency", saliency_source="toy maps")]
    write_results(tmp_path / "results.json", results)
    back = read_results(tmp_path / "results.json")
    assert [result.to_record() for result in back] == [result.to_record() for result in results]
    assert list(back[0].class_iou) == ["background", "ring", "disc"]
    assert "NaN" not in (tmp_path / "results.json").read_text()


def change_file(path, change):
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda document: document.update(format_version=2), "format version 1"),
        (lambda document: document.pop("results"), "a list 'results'"),
        (lambda document: document.update(extra=1), "nothing else"),
        (lambda document: document["results"].append(1), "record 2"),
        (lambda document: document["results"][0].pop("crf"), "missing fields \\['crf'\\]"),
        (lambda document: document["results"][0].update(colour="red"), "unknown fields \\['colour'\\]"),
        (lambda document: document["results"][0].update(commit=""), "record 1: result field 'commit'"),
        (lambda document: document["results"][0].update(class_iou=[1]), "class_iou"),
    ],
)
def test_a_file_with_missing_unknown_or_wrong_parts_is_an_error(make_result, tmp_path, change, message):
    path = tmp_path / "results.json"
    write_results(path, [make_result()])
    change_file(path, change)
    with pytest.raises(DataError, match=message):
        read_results(path)


def test_a_record_made_before_results_named_their_tags_says_so(make_result, tmp_path):
    path = tmp_path / "results.json"
    write_results(path, [make_result()])
    change_file(path, lambda document: document["results"][0].pop("tag_source"))
    assert [result.tag_source for result in read_results(path)] == ["not recorded"]


def test_a_missing_file_is_an_error_that_names_it(tmp_path):
    with pytest.raises(DataError, match=r"results\.json"):
        read_results(tmp_path / "results.json")


def test_adding_replaces_the_same_measurement_in_place_and_keeps_the_others(make_result, tmp_path):
    path = tmp_path / "results.json"
    add_results(path, [make_result(seed=0), make_result(seed=1)])
    add_results(path, [make_result(seed=0, miou=70.0), make_result(seed=2)])
    assert [(result.seed, result.miou) for result in read_results(path)] == [(0, 70.0), (1, 50.0), (2, 50.0)]


def test_processes_that_add_at_a_time_lose_nothing(make_result, tmp_path):
    path = tmp_path / "results.json"

    def add(first):
        for seed in range(first, first + 30):
            add_results(path, [make_result(seed=seed)])

    processes = [multiprocessing.get_context("fork").Process(target=add, args=(first,)) for first in (0, 30)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert sorted(result.seed for result in read_results(path)) == list(range(60))


@pytest.mark.parametrize("name", ["method", "dataset", "split"])
def test_another_method_dataset_or_split_is_another_measurement(make_result, tmp_path, name):
    add_results(tmp_path / "results.json", [make_result(), make_result(**{name: "other"})])
    assert len(read_results(tmp_path / "results.json")) == 2
