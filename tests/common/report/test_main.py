from __future__ import annotations

import numpy as np
import pytest

from common.errors import DataError
from common.report.__main__ import main
from common.report.examples import write_class_names, write_example
from common.report.html import Example, Panel
from common.report.results import write_results


@pytest.fixture
def run_folders(make_result, tmp_path):
    for name, method in (("a", "plain CAM"), ("b", "SGAN")):
        write_results(tmp_path / name / "results.json", [make_result(method=method, run_folder=f"runs/{name}")])
    (tmp_path / "b" / "metrics.jsonl").write_text('{"step": 1, "cam": 2.0}\n{"step": 2, "cam": 1.0}\n')
    return [str(tmp_path / "a"), str(tmp_path / "b")]


def test_one_table_is_printed_for_several_run_folders(run_folders, capsys):
    main(run_folders)
    out = capsys.readouterr().out
    assert "plain CAM (reference)" in out and "SGAN" in out and out.count("Results on toy") == 1


def test_the_table_can_be_markdown(run_folders, capsys):
    main([*run_folders, "--markdown"])
    assert "| SGAN | no | yes | 50.0\\* |" in capsys.readouterr().out


def test_the_html_report_holds_the_curves_of_the_runs(run_folders, tmp_path):
    main([*run_folders, "--html", str(tmp_path / "report.html"), "--title", "My runs"])
    document = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "<title>My runs</title>" in document and "Training loss: cam" in document


def test_a_folder_without_results_is_an_error_that_names_it(tmp_path):
    with pytest.raises(DataError, match=r"no results\.json"):
        main([str(tmp_path)])


def test_the_html_report_shows_the_examples_of_the_runs(run_folders, tmp_path):
    picture = Panel("attention: cat", np.zeros((4, 5, 3), np.uint8))
    write_example(tmp_path / "b", Example("cat_1", [picture]))
    main([*run_folders, "--html", str(tmp_path / "report.html")])
    document = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "attention: cat of image cat_1" in document


def test_the_html_report_says_which_colour_is_which_class(run_folders, tmp_path):
    write_example(tmp_path / "b", Example("cat_1", [Panel("label", np.zeros((4, 5, 3), np.uint8))]))
    write_class_names(tmp_path / "b", ["cat", "dog"])
    main([*run_folders, "--html", str(tmp_path / "report.html")])
    document = (tmp_path / "report.html").read_text(encoding="utf-8")
    legend = document.split('aria-label="Colours of the classes"')[1].split("</ul>")[0]
    assert "cat" in legend and "dog" in legend
