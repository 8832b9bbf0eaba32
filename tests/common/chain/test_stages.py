import dataclasses
import sys
import types

import pytest

from common.chain.stages import StageError, chain_commands, run_stage
from common.errors import DataError


def fake_stage(monkeypatch, main):
    module = types.ModuleType("fake_stage")
    module.main = main
    monkeypatch.setitem(sys.modules, "fake_stage", module)


def test_labels_are_made_before_the_network_that_learns_from_them(small_chain):
    commands = chain_commands(small_chain)
    names = [" ".join(command[:2]) for command in commands]
    assert names[:2] == ["common.baseline train", "common.baseline cam"]
    assert names.index("deeplabv2.main train") > max(
        i for i, name in enumerate(names) if name == "common.baseline label"
    )
    assert len([name for name in names if name == "deeplabv2.main crf"]) == 3


def test_a_chain_until_the_labels_trains_no_segmentation(small_chain):
    commands = chain_commands(dataclasses.replace(small_chain, until="labels"))
    assert commands == [command for command in chain_commands(small_chain) if command[0] == "common.baseline"]


def test_a_stage_with_failed_images_stops_the_chain_and_names_the_command(monkeypatch):
    fake_stage(monkeypatch, lambda arguments: 1)
    with pytest.raises(StageError, match="python -m fake_stage --flag"):
        run_stage(["fake_stage", "--flag"])


def test_an_error_of_a_stage_passes_unchanged(monkeypatch):
    def main(arguments):
        raise DataError("no images")

    fake_stage(monkeypatch, main)
    with pytest.raises(DataError, match="no images"):
        run_stage(["fake_stage"])


def test_a_stage_that_ends_well_shows_what_to_type_to_repeat_it(monkeypatch, capsys):
    fake_stage(monkeypatch, lambda arguments: 0)
    run_stage(["fake_stage", "--name", "two words"])
    assert "$ python -m fake_stage --name 'two words'" in capsys.readouterr().out
