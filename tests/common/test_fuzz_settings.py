"""Random settings files, flags and damaged records: success, or one line that a user can act on; never a traceback."""

from __future__ import annotations

import contextlib
import io
import json
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common.bounds import bounded, bounded_scales
from common.config import parse_config
from common.config_files import Renamed, read_settings
from common.engine.metric_file import read_metrics
from common.engine.run_folder import RunFolder
from common.engine.schedules import ScheduleConfig, build_schedule
from common.errors import ToolboxError
from common.method.maps import record_of
from common.method.score import require_scorable
from common.method.sweep import read_sweep
from common.report.metrics import training_curves
from common.report.results import read_results
from common.strict_yaml import load_yaml


@dataclass
class Fuzzed:
    out: str = "runs"
    rate: float = bounded(0.1, least=0, most=1000)
    pair: tuple[float, float] = bounded((0.0, 1.0))
    scales: list[float] = bounded_scales([1.0], 1)
    names: list[str] = field(default_factory=list)
    flip: bool = False
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)


ALIASES = {"OPT": Renamed("schedule.name", str.lower), "gone": None, "LR": "rate"}
KEYS = [
    "out",
    "rate",
    "pair",
    "scales",
    "names",
    "flip",
    "schedule",
    "schedule.milestones",
    "base",
    "<<",
    "5",
    *ALIASES,
]
ODD = [
    "1",
    "-1",
    "0",
    "0.5",
    ".nan",
    ".inf",
    "1e400",
    "1e-3",
    "2001-01-01",
    "1:30",
    "010",
    "0x1F",
    "[]",
    "{}",
    "[2,1]",
    "[[1]]",
    "{a:1}",
    "~",
    "no",
    "'x'",
    "!!binary_aGVs",
    "!!int_x",
    "!local",
    "!!float_x",
    "!!bool_x",
    "!!timestamp_x",
    "&a_[*a]",
    "*none",
    "&x_5",
    "POLY",
    "step",
    "[1,.nan]",
    "=",
    "|",
    "@",
    "%",
    "é",
    "–x",
    "\\",
    '"a\\0b"',
    "[",
    "]]",
    "---",
]
VALUES = st.sampled_from([word.replace("_", " ") for word in ODD] + ["9" * 5000, "[" * 500]) | st.text(max_size=6)
LINES = st.builds(
    "{}{}: {}".format, st.sampled_from(["", "", "  "]), st.sampled_from(KEYS) | st.text(max_size=4), VALUES
)
DOCUMENTS = st.lists(LINES, max_size=5).map("\n".join) | st.text(max_size=40)
FLAGS = st.lists(
    st.builds("{}{}={}".format, st.sampled_from(["--", "--", "-", "\u2013"]), st.sampled_from(KEYS), VALUES) | VALUES,
    max_size=3,
)
NETWORK = {"steps": {"train": 5}, "seed": 0, "initial_weights": "x"}
RECORD = {
    "masked": ["a"],
    "maps": {"network": NETWORK, "tags": "x"},
    "result": {"stage": "pseudo labels", "threshold": 0.2, "threshold_choice": "fixed", "crf": "none"},
    "thresholds": [0.1, 0.2],
    "miou": [40.0, 50.0],
    "best": 0.2,
    "format_version": 1,
    "run_format": 2,
    "results": [{"method": "plain CAM", "n_images": 5, "class_iou": {"cat": 40.0, "dog": None}, "seed": 0}],
    "step": 5,
    "lr": {"head": 0.1},
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4) | st.just(10**400),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
BOUNDED = settings(
    max_examples=120, deadline=None, derandomize=True, database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)  # fmt: skip


@st.composite
def damaged(draw, record):
    """The text of a record in which a value is gone or another one, or some characters are."""
    value = json.loads(json.dumps(record))
    for _ in range(draw(st.integers(0, 2))):
        holder = value
        while isinstance(holder, (dict, list)) and holder:
            key = draw(st.sampled_from(sorted(holder) if isinstance(holder, dict) else range(len(holder))))
            if isinstance(holder[key], (dict, list)) and holder[key] and draw(st.booleans()):
                holder = holder[key]
            elif draw(st.booleans()):
                holder[key] = draw(JSON)
                break
            else:
                del holder[key]
                break
    text = json.dumps(value)
    if draw(st.booleans()):
        place, length = draw(st.integers(0, len(text))), draw(st.integers(0, 5))
        text = text[:place] + draw(st.text(alphabet='[]{}:,"0-e\x00é', max_size=3)) + text[place + length :]
    return text


def refused(use):
    """Whether a use ends in one line for the user; any other error is the test's."""
    said, status = "", 0
    try:
        use()
    except ToolboxError as error:
        said = str(error)
    except SystemExit as stop:
        # --help and --print_config.
        status = stop.code
    assert "\n" not in said and status == 0
    return bool(said)


def parse(*arguments):
    with contextlib.redirect_stdout(io.StringIO()):
        made = parse_config(Fuzzed, arguments, program="fuzz", aliases=ALIASES)
    assert 0 <= made.rate <= 1000 and made.scales and min(made.scales) > 0
    assert 0 <= build_schedule(made.schedule, 100)(3) < 1e9


@BOUNDED
@given(DOCUMENTS)
def test_a_settings_file_is_read_or_refused_in_one_line(tmp_path, text):
    file = tmp_path / "fuzz.yaml"
    file.write_text(text, encoding="utf-8")
    if not refused(lambda: read_settings(file, ALIASES)):
        refused(lambda: parse("-c", str(file)))


@BOUNDED
@given(st.binary(max_size=30) | DOCUMENTS.map(lambda text: text.encode("utf-16")))
def test_bytes_are_no_settings_file_or_one(tmp_path, content):
    (tmp_path / "fuzz.yaml").write_bytes(content)
    refused(lambda: read_settings(tmp_path / "fuzz.yaml", ALIASES))


@BOUNDED
@given(FLAGS)
def test_flags_are_read_or_refused_in_one_line(flags):
    refused(lambda: parse(*flags))


@BOUNDED
@given(JSON)
def test_what_is_json_is_yaml_that_is_read_or_refused(value):
    refused(lambda: load_yaml(json.dumps(value), "fuzz"))


def use_log(folder):
    training_curves({"a": read_metrics(folder / "log")})


def use_stage(folder):
    record = record_of(folder)
    require_scorable(record, folder / "stage.json")
    assert {*record["maps"]["network"]["steps"].values()} and record["maps"]["network"]["seed"] + 0 is not None


def use_run(folder):
    RunFolder(folder).begin({"step": 5})
    assert isinstance(RunFolder(folder).recorded("step"), int)


def use_sweep(folder):
    found = read_sweep(folder / "sweep.json")
    assert 0 <= found.best <= 1 and len(found.tried) == len(found.miou) and sum(found.miou) is not None


@pytest.mark.parametrize(
    ("names", "use"),
    [
        (["stage.json"], use_stage),
        (["sweep.json"], use_sweep),
        (["log"], use_log),
        (["environment.json", "config.yaml"], use_run),
        (["results.json"], lambda folder: read_results(folder / "results.json")),
    ],
)
@BOUNDED
@given(text=damaged(RECORD))
def test_a_damaged_record_is_read_or_refused_in_one_line(tmp_path, names, use, text):
    for name in names:
        (tmp_path / name).write_text(f"{text}\n", encoding="utf-8")
    refused(lambda: use(tmp_path))


def test_the_whole_record_is_read(tmp_path):
    (tmp_path / "stage.json").write_text(json.dumps(RECORD), encoding="utf-8")
    use_stage(tmp_path)
