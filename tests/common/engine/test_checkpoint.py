from __future__ import annotations

import datetime

import numpy as np
import pytest
import torch

from common.engine.checkpoint import (
    PARTS,
    checkpoint_path,
    checkpoint_steps,
    latest_checkpoint,
    load_checkpoint,
    load_model_state,
    save_checkpoint,
)
from common.errors import CheckpointError, DiskFullError

WEIGHTS = torch.arange(4096, dtype=torch.float32)


def content(**changes):
    parts = {part: kind() for part, kind in PARTS.items() if part not in ("format", "step")}
    return {**parts, "model": {"weight": WEIGHTS}, **changes}


def test_a_checkpoint_comes_back_as_it_was(tmp_path):
    path = save_checkpoint(tmp_path, 7, content(history=[{"step": 7, "lr": {"body": 0.1}}]), keep_last=1)
    loaded = load_checkpoint(path)
    assert loaded["step"] == 7 and loaded["history"] == [{"step": 7, "lr": {"body": 0.1}}]
    torch.testing.assert_close(load_model_state(path)["weight"], WEIGHTS, rtol=0, atol=0)


def test_steps_are_ordered_as_numbers(tmp_path):
    for step in (9, 10, 100):
        save_checkpoint(tmp_path, step, content(), keep_last=9)
    (tmp_path / "checkpoint_final.pth").touch()
    assert checkpoint_steps(tmp_path) == [9, 10, 100]
    assert latest_checkpoint(tmp_path) == tmp_path / "checkpoint_100.pth"


def test_a_folder_that_is_not_there_has_no_checkpoint(tmp_path):
    assert latest_checkpoint(tmp_path / "none") is None


def test_the_newest_are_kept(tmp_path):
    for step in (8, 9, 10, 11):
        save_checkpoint(tmp_path, step, content(), keep_last=2)
    assert checkpoint_steps(tmp_path) == [10, 11]


def test_when_the_disk_is_full_all_older_ones_stay(tmp_path, file_size_limit):
    save_checkpoint(tmp_path, 1, content(), keep_last=1)
    before = checkpoint_path(tmp_path, 1).read_bytes()
    with file_size_limit(4096), pytest.raises(DiskFullError, match=r"checkpoint_2\.pth"):
        save_checkpoint(tmp_path, 2, content(), keep_last=1)
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint_1.pth"]
    assert checkpoint_path(tmp_path, 1).read_bytes() == before


def test_too_little_free_space_is_seen_before_writing(tmp_path, monkeypatch):
    usage = type("Usage", (), {"free": 1000})
    monkeypatch.setattr("common.files.shutil.disk_usage", lambda folder: usage)
    with pytest.raises(DiskFullError, match="MB are needed"):
        save_checkpoint(tmp_path, 1, content(), keep_last=1)
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_left_is_cleared_away(tmp_path):
    (tmp_path / ".checkpoint_3.pth.a1b2.partial").touch()
    save_checkpoint(tmp_path, 5, content(), keep_last=1)
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint_5.pth"]


def test_equal_contents_are_equal_files_whatever_their_objects_were_before(tmp_path):
    shared = ("momentum", 0.9)
    word = "".join(["mom", "entum"])
    first = content(config={"a": shared, "b": shared}, model={"weight": WEIGHTS})
    second = content(
        config={"a": ["momentum", 0.9], "b": [word, 0.9]}, model={"weight": torch.cat([WEIGHTS] * 2)[:4096]}
    )
    paths = [
        save_checkpoint(tmp_path / str(number), 1, value, keep_last=1) for number, value in enumerate((first, second))
    ]
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_numbers_of_numpy_do_not_make_the_file_unreadable(tmp_path):
    path = save_checkpoint(tmp_path, 1, content(history=[{"lr": np.float64(0.1)}]), keep_last=1)
    assert load_checkpoint(path)["history"] == [{"lr": 0.1}]


@pytest.mark.parametrize("value", [datetime.date(2000, 1, 1), np.zeros(2), {1, 2}])
def test_what_could_not_be_read_back_is_not_written(tmp_path, value):
    with pytest.raises(TypeError, match="a checkpoint cannot hold"):
        save_checkpoint(tmp_path, 1, content(config={"key": value}), keep_last=1)


def damage_by_truncation(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def damage_one_bit_of_a_tensor(path):
    data = bytearray(path.read_bytes())
    position = data.index(WEIGHTS.numpy().tobytes()) + 1000
    data[position] ^= 1
    path.write_bytes(data)


def damage_completely(path):
    path.write_bytes(b"")


@pytest.mark.parametrize("damage", [damage_by_truncation, damage_one_bit_of_a_tensor, damage_completely])
def test_a_damaged_checkpoint_is_an_error_that_names_it(tmp_path, damage):
    path = save_checkpoint(tmp_path, 1, content(), keep_last=1)
    damage(path)
    with pytest.raises(CheckpointError, match=r"cannot read checkpoint .*checkpoint_1\.pth"):
        load_checkpoint(path)


def test_a_missing_checkpoint_is_an_error_that_names_it(tmp_path):
    with pytest.raises(CheckpointError, match=r"checkpoint_3\.pth does not exist"):
        load_checkpoint(checkpoint_path(tmp_path, 3))


class Malicious:
    def __reduce__(self):
        return (print, ("code from a checkpoint was run",))


def test_a_checkpoint_that_would_run_code_is_refused(tmp_path, capsys):
    path = tmp_path / "checkpoint_1.pth"
    torch.save(content(format=1, step=1, config=Malicious()), path)
    with pytest.raises(CheckpointError, match="refused, as it could run code") as caught:
        load_checkpoint(path)
    assert "weights_only" not in str(caught.value)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    "value", [{"weight": WEIGHTS}, WEIGHTS, content(format=99, step=1), {"format": 1, "model": {}}]
)
def test_another_torch_file_is_no_checkpoint(tmp_path, value):
    torch.save(value, tmp_path / "checkpoint_1.pth")
    with pytest.raises(CheckpointError, match="is not a training checkpoint of this toolbox"):
        load_checkpoint(tmp_path / "checkpoint_1.pth")


@pytest.mark.parametrize(
    ("part", "value", "said"),
    [
        ("step", "3", "its step is str, not int"),
        ("model", "x", "its model is str, not dict"),
        ("model", {"weight": 1.0}, "'weight' of its model is no tensor"),
        ("optimizer", None, "its optimizer is NoneType, not dict"),
        ("history", {}, "its history is dict, not list"),
    ],
)
def test_a_checkpoint_whose_parts_are_of_other_types_is_refused_by_part(tmp_path, part, value, said):
    path = tmp_path / "checkpoint_3.pth"
    torch.save({"format": 1, "step": 3, **content(), part: value}, path)
    with pytest.raises(CheckpointError, match=f"checkpoint_3.pth is damaged: {said}.* Delete it"):
        load_checkpoint(path)
