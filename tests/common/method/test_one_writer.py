"""A stage, a chain and a table of variants refuse to write where another process does, and leave what is there alone."""

from __future__ import annotations

import subprocess
import sys

import pytest

from common.locks import CHAIN_LOCK, LOCK_FILE
from tests.guards.source import ROOT

HOLDER = """
import sys, time
from pathlib import Path
from common.locks import only_writer
with only_writer(Path(sys.argv[1]), name=sys.argv[2]):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def hold():
    """Another process that writes into a folder."""
    holders = []

    def start(folder, name=LOCK_FILE):
        command = [sys.executable, "-c", HOLDER, str(folder), name]
        holders.append(subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True))
        assert holders[-1].stdout.readline() == "held\n"
        return holders[-1].pid

    yield start
    for holder in holders:
        holder.kill()
        holder.communicate()


@pytest.mark.parametrize(
    ("stage", "folder", "name"),
    [
        ("train", "run", LOCK_FILE),
        ("cam", "run/cams", LOCK_FILE),
        ("label", "run/labels/plain_cam", LOCK_FILE),
        ("reproduce", "run", CHAIN_LOCK),
        ("pictures", "run", ""),
    ],
)
def test_a_second_writer_is_refused_in_one_line_and_changes_nothing(
    work, failing, plain_cam, hold, stage, folder, name
):
    partial = work / folder / ".train_0000.npz.0.partial"
    partial.parent.mkdir(parents=True, exist_ok=True)
    partial.touch()
    if not name:
        # What only reads, and writes single files, is not kept from it.
        hold(work / folder)
        assert plain_cam("label") == 0 and plain_cam(stage) == 0
        return
    process = hold(work / folder, name)
    before = sorted((work / "run").rglob("*"))
    flags = ["--force"] if stage == "train" else []
    said = failing(stage, *flags)
    assert f"{folder} is being written by process {process} on " in said
    assert said.endswith("wait for it to end, or give another folder")
    assert sorted((work / "run").rglob("*")) == before and partial.exists()


def test_partial_files_of_processes_that_were_killed_are_removed(plain_cam, work):
    for folder in ("run/cams", "run/checkpoints"):
        (work / folder / ".x.0.partial").touch()
    assert plain_cam("cam") == 0
    assert not (work / "run/cams/.x.0.partial").exists()
