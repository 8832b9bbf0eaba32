from __future__ import annotations

import json

import pytest

from common.engine.inference import OutputFolder
from common.engine.metric_file import read_metrics
from common.engine.run_folder import RunFolder
from common.errors import ConfigError, DataError
from common.method.maps import record_of
from common.method.score import require_scorable
from common.method.sweep import read_sweep
from common.records import read_record
from common.report.examples import CLASS_NAMES, FOLDER, read_class_names
from common.report.results import read_results

SHAPE = {"best": "share", "scores": "list[float]", "maps": "dict?", "maps.tags": "str?", "seed": "int"}
WHOLE = {"best": 0.5, "scores": [1, 2.5], "maps": {"tags": "x"}, "seed": 3}
NETWORK = {"steps": {"train": 5}, "seed": 0, "initial_weights": "x"}
STAGE = {
    "masked": [],
    "maps": {"network": NETWORK, "tags": "x"},
    "result": {"stage": "pseudo labels", "threshold": 0.2, "threshold_choice": "fixed", "crf": "none"},
}


def written(file, value):
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")
    return file


def test_a_record_of_the_shape_is_read(tmp_path):
    assert read_record(written(tmp_path / "a.json", WHOLE), SHAPE) == WHOLE
    few = {"best": 0, "scores": [], "seed": 0}
    assert read_record(written(tmp_path / "a.json", few), SHAPE) == few


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("", "cannot read {}: Expecting value"),
        ("[" * 100_000, "cannot read {}: "),
        ("9" * 5000, "cannot read {}: "),
        ("{}", "{} lacks best; delete it"),
        ("[]", "{} does not hold named values; delete it"),
        ("NaN", "{} does not hold named values"),
        ({**WHOLE, "best": None}, "{}: best is None, not of the kind share; delete it"),
        ({**WHOLE, "best": float("nan")}, "{}: best is nan, not of the kind share"),
        ({**WHOLE, "best": 2}, "{}: best is 2, not of the kind share"),
        ({**WHOLE, "best": True}, "{}: best is True"),
        ({**WHOLE, "scores": [1, "x"]}, "{}: scores is [1, 'x'], not of the kind list[float]"),
        ({**WHOLE, "scores": [10**400]}, "{}: scores is [1000"),
        ({**WHOLE, "maps": []}, "{}: maps is []"),
        ({**WHOLE, "maps": {"tags": 5}}, "{}: maps.tags is 5, not of the kind str"),
        ({**WHOLE, "seed": 2**63}, "{}: seed is 9223372036854775808, not of the kind int"),
        ({**WHOLE, "seed": 1.5}, "{}: seed is 1.5, not of the kind int"),
    ],
)
def test_a_record_of_another_shape_is_one_line_that_names_it(tmp_path, value, message):
    file = written(tmp_path / "a.json", value)
    with pytest.raises(DataError) as caught:
        read_record(file, SHAPE)
    assert str(caught.value).startswith(message.format(file)) and "\n" not in str(caught.value)


@pytest.mark.parametrize("content", ["", "[]", "5", "null", "NaN", '"x"', "{", "[{}]"])
def test_no_reader_of_our_files_takes_what_is_no_record(tmp_path, content):
    files = {name: written(tmp_path / name, content) for name in ("stage.json", "results.json", "sweep.json")}
    log, names = written(tmp_path / "log", f"{content or '5'}\n"), written(tmp_path / FOLDER / CLASS_NAMES, content)
    readers = {
        files["stage.json"]: lambda: record_of(tmp_path),
        files["results.json"]: lambda: read_results(files["results.json"]),
        files["sweep.json"]: lambda: read_sweep(files["sweep.json"]),
        log: lambda: read_metrics(log),
        names: lambda: content != "[]" and read_class_names([tmp_path]),
    }
    for file, read in readers.items():
        if file == names and content == "[]":
            continue
        with pytest.raises(DataError, match=str(file)):
            read()
    folder = OutputFolder(tmp_path, ".png", {"a": 1})
    with pytest.raises(DataError, match=str(files["stage.json"])):
        folder.begin([])


@pytest.mark.parametrize(
    "changes",
    [
        {"maps": 5},
        {"maps": {}},
        {"maps": {"network": "x"}},
        {"maps": {"network": {**NETWORK, "steps": [5]}}},
        {"maps": {"network": {**NETWORK, "seed": "0"}}},
        {"masked": None},
        {"masked": [1]},
        {"result": []},
        {"result": {}},
        {"result": {**STAGE["result"], "crf": None}},
        {"starts_from": {"a": 1}},
    ],
)
def test_label_maps_are_scored_only_where_their_record_says_what_a_result_needs(tmp_path, changes):
    require_scorable(STAGE, tmp_path / "stage.json")
    with pytest.raises(
        DataError, match=r"stage\.json.*; delete the folder that it is in, or make .* again with --force"
    ):
        require_scorable({**STAGE, **changes}, tmp_path / "stage.json")


@pytest.mark.parametrize(
    "content", ["", "[]", "engine: 5", "engine: {max_steps: x}", "engine: {max_steps: 1.5}", "a: &a [*a]", "\0"]
)
def test_a_run_whose_configuration_is_damaged_says_what_to_do(tmp_path, content):
    run = RunFolder(tmp_path)
    written(run.environment, {"run_format": 2})
    written(run.config, content)
    for use in (lambda: run.recorded("engine.max_steps"), lambda: run.begin({"engine": {"max_steps": 5}})):
        with pytest.raises((ConfigError, DataError), match=f"{tmp_path}.*or use --force to start again"):
            use()


def test_a_whole_number_of_a_run_is_read(tmp_path):
    run = RunFolder(tmp_path)
    run.begin({"engine": {"max_steps": 5}})
    assert run.recorded("engine.max_steps") == 5


@pytest.mark.parametrize("content", ["[]", "5", "null", "{"])
def test_a_run_whose_environment_is_damaged_says_what_to_do(tmp_path, content):
    run = RunFolder(tmp_path)
    run.begin({"a": 1})
    written(run.environment, content)
    with pytest.raises((ConfigError, DataError), match=r"environment\.json"):
        run.begin({"a": 1})


@pytest.mark.parametrize(
    "line",
    [
        '{"loss": 1}',
        '{"step": "5"}',
        '{"step": 5, "loss": "x"}',
        '{"step": 5, "lr": 1}',
        '{"step": 5, "lr": {"head": []}}',
        '{"step": null}',
    ],
)
def test_a_line_of_the_log_of_another_shape_is_named(tmp_path, line):
    log = written(tmp_path / "metrics.jsonl", '{"step": 1, "loss": NaN, "lr": {"head": 0.1}}\n' + line + "\n")
    with pytest.raises(DataError, match=r"metrics\.jsonl, line 2: .*remove the line to go on"):
        read_metrics(log)
    assert read_metrics(written(log, '{"step": 1, "loss": NaN}\n'))[0]["step"] == 1


def test_a_sweep_with_as_many_scores_as_thresholds_is_read(tmp_path):
    sweep = {"thresholds": [0.1, 0.2], "miou": [40.0, 50.0], "best": 0.2}
    assert read_sweep(written(tmp_path / "s.json", sweep)).best == 0.2
    with pytest.raises(DataError, match=r"s\.json has other numbers of thresholds"):
        read_sweep(written(tmp_path / "s.json", {**sweep, "miou": [40.0]}))
