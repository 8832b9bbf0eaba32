"""What is said of a folder of photographs before anything is imported that takes seconds."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from common.errors import ConfigError
from common.own.__main__ import main


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    folder = tmp_path / "photographs"
    for tag in ("cat", "dog"):
        (folder / tag).mkdir(parents=True)
        Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(folder / tag / f"{tag}.png")
    return folder


def test_the_check_does_without_torch(photographs: Path) -> None:
    program = "import sys; from common.own.__main__ import main; main([sys.argv[1], '--check']); print('torch' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", program, str(photographs)], capture_output=True, text=True, check=True)
    assert "photographs: 2 with tags" in said.stdout and said.stdout.splitlines()[-1] == "False"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["more"], "one folder of photographs is taken; what is 'more' behind"),
        (["--out", "FOLDER/out"], "lies in the folder of the photographs"),
        (["--hold-out", "0.7"], "--hold-out is 0.7; give a share from 0 to 0.5"),
    ],
)
def test_arguments_that_cannot_be_meant_are_said(photographs: Path, arguments: list[str], message: str) -> None:
    given = [one.replace("FOLDER", str(photographs)) for one in arguments]
    with pytest.raises(ConfigError, match=message):
        main([str(photographs), *given, "--check"])
