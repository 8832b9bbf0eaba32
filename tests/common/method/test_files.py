"""Files by a rule, without a network: made once, continued, and indexed at the end."""

import pytest

from common.data.layout import DataConfig
from common.errors import ConfigError, DataError
from common.files import write_text
from common.method.files import Files
from common.method.maps import record_of
from common.method.settings import MethodSettings, with_values
from common.method.stage import inside


def name_in_capitals(name):
    if name.endswith("1"):
        raise DataError(f"{name} cannot be read")
    return name.upper()


def write_index(settings, layout, names):
    write_text(INSIDE(settings) / "index", "\n".join(names))


def remove_index(settings):
    (INSIDE(settings) / "index").unlink()


INSIDE = inside("capitals")
STAGE = Files(
    name="capitals",
    names=lambda settings, layout: [f"{settings.split}/{image_id}" for image_id in layout.ids(settings.split)],
    make=lambda settings, layout: name_in_capitals,
    write=write_text,
    suffix=".txt",
    decides=lambda settings, layout: {"split": settings.split},
    clear=remove_index,
    finish=write_index,
    folder=INSIDE,
)


@pytest.fixture
def settings(work):
    return MethodSettings(out="made", data=DataConfig(dataset="toy", root="data"))


def test_every_name_gets_its_file_and_the_index_comes_last(settings, work, capsys):
    settings.engine.workers = 0
    assert STAGE.run(settings) == 1
    captured = capsys.readouterr()
    assert "capitals: 3 written, 0 already there, 1 failed" in captured.out
    assert "failed: train/train_0001: train/train_0001 cannot be read" in captured.err
    assert (work / "made/capitals/train/train_0002.txt").read_text() == "TRAIN/TRAIN_0002"
    assert (work / "made/capitals/index").read_text().splitlines() == [f"train/train_000{n}" for n in range(4)]
    assert record_of(work / "made/capitals") == {"split": "train"}


def test_what_is_there_is_kept_and_other_settings_are_refused(settings, work, capsys):
    settings.engine.workers = 0
    STAGE.run(settings)
    (work / "made/capitals/train/train_0003.txt").unlink()
    capsys.readouterr()
    assert STAGE.run(settings) == 1
    assert "1 written, 2 already there" in capsys.readouterr().out
    with pytest.raises(ConfigError, match="split: train -> val"):
        STAGE.run(with_values(settings, {"split": "val"}))


def test_force_clears_first(settings, work):
    settings.engine.workers = 0
    STAGE.run(settings)
    cleared = []
    stage = Files(**{**vars(STAGE), "clear": lambda settings: cleared.append(settings.out)})
    stage.run(with_values(settings, {"force": True}))
    assert cleared == ["made"]


def test_no_record_is_an_empty_one(tmp_path):
    assert record_of(tmp_path) == {}
