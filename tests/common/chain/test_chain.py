"""The whole chain on a handful of images: every stage, twice."""

from pathlib import Path

import pytest
from PIL import Image

from common.chain.__main__ import run_chain
from common.chain.summary import PICTURE, REPORT, collect_results, summarise
from common.errors import ConfigError


@pytest.fixture(scope="module")
def finished(small_chain):
    run_chain(small_chain)
    return small_chain


def test_every_method_is_scored_before_and_after_the_crf(finished):
    results = collect_results([Path(finished.out)])
    scored = {(result.method, result.stage) for result in results}
    labels = {
        (method, stage)
        for method in ("plain CAM", "CAM x saliency")
        for stage in ("pseudo label", "pseudo label + CRF")
    }
    networks = {
        (method, stage)
        for method in ("plain CAM", "CAM x saliency", "fully supervised")
        for stage in ("DeepLab-v2", "DeepLab-v2 + CRF")
    }
    assert labels | networks <= scored
    assert ("all background", "pseudo label") in scored


def test_several_processes_are_refused_with_the_way_to_go(small_chain, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ConfigError, match="one by one with torchrun"):
        run_chain(small_chain)


def test_only_what_used_saliency_says_so(finished):
    for result in collect_results([Path(finished.out)]):
        assert (result.saliency_source != "none") == (result.method == "CAM x saliency")


def test_a_second_run_computes_nothing_again(finished, capsys):
    written = {
        path: path.stat().st_mtime_ns
        for path in Path(finished.out).rglob("*")
        if path.suffix in (".pth", ".npz", ".png")
    }
    run_chain(finished)
    assert "12 already there" in capsys.readouterr().out
    now = {path: path.stat().st_mtime_ns for path in written}
    unchanged = [path for path in written if now[path] == written[path]]
    # The final weights are copied out of the last checkpoint at each call; everything that takes time is left alone.
    assert {path.name for path in set(written) - set(unchanged)} <= {"checkpoint_final.pth"}


def test_the_summary_writes_a_self_contained_report_and_a_picture(finished, capsys):
    report = summarise(finished, [Path(finished.out)])
    text = report.read_text(encoding="utf-8")
    assert report.name == REPORT
    assert "A small chain" in text
    assert "CAM x saliency" in text
    assert 'src="http' not in text
    assert Image.open(Path(finished.out) / PICTURE).size[0] > 500
    assert "fully supervised" in capsys.readouterr().out
