"""What the system refuses is one line that says what to do; a fault of the program is not hidden."""

from __future__ import annotations

import errno
import os
import re
import resource
import shutil

import cv2
import numpy as np
import pytest
import torch

from common.errors import run_command
from common.system_errors import system_error_message


def fails_with(action):
    with pytest.raises(SystemExit) as caught:
        run_command(action)
    return caught.value.code


def no_more_files():
    held = []
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (40, before[1]))
    try:
        while True:
            held.append(open(os.devnull))  # noqa: SIM115
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
        for file in held:
            file.close()


def refuse(code):
    raise OSError(code, os.strerror(code), "/some/where")


ACTIONS = {
    "read-only": (lambda path: refuse(errno.EROFS), "/some/where: read-only file system; .*give another folder"),
    "permission": (lambda path: refuse(errno.EACCES), "/some/where: permission denied; / belongs to .*, or ask for"),
    "below a file": (
        lambda path: (path / "file" / "x").mkdir(),
        "file/x: not a directory; a part of this path is a file",
    ),
    "too long": (lambda path: (path / ("x" * 300)).mkdir(), r"xxx\.\.\.x+: file name too long; .*shorter"),
    "a folder": (lambda path: path.read_bytes(), "is a directory; this is a folder where a file belongs"),
    "not there": (lambda path: (path / "gone").read_bytes(), "gone: no such file or directory; correct the path"),
    "too many files": (lambda path: no_more_files(), r"null: too many open files; raise the limit \(ulimit -n\)"),
    "processes": (lambda path: refuse(errno.EAGAIN), "ulimit -u"),
    "copies": (lambda path: shutil.copytree(path, path / "file" / "x"), "below|directory"),
    "numpy": (lambda path: np.zeros(2**50), "out of memory: unable to allocate .*; use smaller batches"),
    "torch": (lambda path: torch.empty(2**50), "out of memory: .*allocate memory.*; use smaller batches"),
    "gpu": (
        lambda path: raise_(torch.OutOfMemoryError("CUDA out of memory.")),
        "out of memory: CUDA out of memory; use",
    ),
    "opencv": (
        lambda path: cv2.resize(np.zeros((2, 2), np.uint8), (2**30, 2**30)),
        "out of memory: .*nsufficient|alloc",
    ),
    "python": (lambda path: raise_(MemoryError()), "out of memory: not enough memory; use"),
}


def raise_(error):
    raise error


@pytest.mark.parametrize("name", ACTIONS)
def test_what_the_system_refuses_is_one_line_with_what_to_do_and_status_2(tmp_path, capsys, name):
    (tmp_path / "file").touch()
    action, _ = ACTIONS[name]
    assert fails_with(lambda: action(tmp_path)) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ") and said.count("\n") == 1 and len(said) < 600


@pytest.mark.parametrize("name", ACTIONS)
def test_it_names_the_path_or_the_resource_and_the_remedy(tmp_path, capsys, name):
    (tmp_path / "file").touch()
    action, expected = ACTIONS[name]
    fails_with(lambda: action(tmp_path))
    assert re.search(expected, capsys.readouterr().err, re.IGNORECASE)


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("shapes differ"),
        KeyError("x"),
        OSError("no number"),
        OSError(errno.EBADF, "bad"),
        ValueError("out of memory"),
    ],
)
def test_a_fault_of_the_program_keeps_its_traceback(error):
    assert system_error_message(error) is None
    with pytest.raises(type(error)):
        run_command(lambda: raise_(error))
