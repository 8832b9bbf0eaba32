"""The evaluation benchmark does the same work twice."""

import pytest

from common.bench import evaluate
from common.bench.__main__ import main
from common.bench.comparison import Comparison
from common.errors import ToolboxError


def test_ratio_is_the_time_of_the_peer_over_ours():
    comparison = Comparison("work", 2.0, "peer", 7.0)
    assert comparison.ratio == 3.5
    assert comparison.text() == "work: 2.00 s; peer: 7.00 s; 3.5 times faster"


def test_both_evaluations_agree_and_are_timed(capsys):
    main(["evaluate", "--images", "3"])
    assert "evaluate 3 label maps 500x375, 21 labels" in capsys.readouterr().out


def test_a_disagreement_is_an_error(monkeypatch):
    monkeypatch.setattr(evaluate, "per_class_loop", lambda truths, predictions, ids: 0.5)
    with pytest.raises(ToolboxError, match="disagree"):
        evaluate.compare_evaluation(2)


def test_an_unknown_benchmark_is_refused(capsys):
    with pytest.raises(SystemExit):
        main(["evaluation"])
    assert "invalid choice" in capsys.readouterr().err
