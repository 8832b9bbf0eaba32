"""``wsss own`` from a folder of photographs to masks, overlays, a model and a page, and again: nothing is made twice."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.models import mobilenet_v2

from common.data.palette import voc_palette
from common.errors import ConfigError
from common.own.__main__ import main

# Two short trainings of a full-size backbone: on a busy machine more than the usual limit.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
COLOURS = {"red thing": (200, 40, 40), "голубой": (40, 60, 210)}
SHORT = ["--max-steps", "2", "--chain.segmentation_steps", "2", "--device", "cpu", "--workers", "0", "--no-crf"]


@pytest.fixture(scope="module")
def photographs(tmp_path_factory) -> Path:
    """Twelve photographs of other forms and sizes, no mask, and a spreadsheet's table of tags."""
    folder = tmp_path_factory.mktemp("own") / "my photos"
    generator = np.random.default_rng(0)
    rows = [("File", "Tags")]
    for number in range(12):
        name, tag = f"album {number % 3}/IMG {number}", list(COLOURS)[number % 2]
        pixels = generator.integers(90, 140, (60 + 5 * number, 90, 3)).astype(np.uint8)
        pixels[20:50, 20:60] = COLOURS[tag]
        file = folder / f"{name}{'.png' if number % 4 else '.JPG'}"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(file)
        rows.append((f"{name}{file.suffix}", tag))
    with (folder / "tags.csv").open("w", newline="", encoding="utf-8") as table:
        csv.writer(table, delimiter=";").writerows(rows)
    # Else the space in it would part two tags.
    (folder / "classes.txt").write_text("\n".join(COLOURS), encoding="utf-8")
    torch.save(untrained_weights(), folder.parent / "weights.pth")
    return folder


def untrained_weights() -> dict[str, torch.Tensor]:
    """Weights whose features vary: normalisation fits noise."""
    torch.manual_seed(0)
    network = mobilenet_v2(weights=None)
    for layer in network.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.momentum = 1.0
    network(torch.randn(8, 3, 96, 96))
    return network.state_dict()


@pytest.fixture(scope="module")
def made(photographs) -> Path:
    assert main([str(photographs), "--weights", str(photographs.parent / "weights.pth"), *SHORT]) == 0
    return photographs.with_name("my photos_masks")


def test_every_photograph_has_a_mask_and_an_overlay_of_its_own_size(photographs, made):
    for number in range(12):
        file = next(photographs.glob(f"album {number % 3}/IMG {number}.*"))
        for kind, suffix in (("masks", ".png"), ("overlays", ".jpg")):
            picture = Image.open(made / kind / file.relative_to(photographs).with_suffix(suffix))
            assert picture.size == Image.open(file).size
        mask = Image.open(made / "masks" / file.relative_to(photographs).with_suffix(".png"))
        assert mask.mode == "P" and mask.getpalette()[3:9] == voc_palette()[1:3].ravel().tolist()
        assert set(np.unique(np.asarray(mask))) <= {0, 1, 2}


def test_class_names_and_the_way_to_the_threshold_are_on_the_page_and_names_of_the_code_are_not(made):
    page = (made / "report.html").read_text(encoding="utf-8")
    assert all(name in page for name in COLOURS) and "from tags alone" in page
    assert not [word for word in ("plain_cam", "map0", "nan", "None") if f">{word}" in page]
    names = (made / "labels.txt").read_text(encoding="utf-8").splitlines()
    assert [line.split("\t")[1] for line in names[1:3]] == list(COLOURS)


def test_the_same_command_again_makes_nothing_twice(photographs, made, capsys):
    files = [path for path in made.rglob("*") if path.suffix in (".pth", ".npz", ".png")]
    # Pictures, and the file of the last weights, are written again, of what is there.
    files = [one for one in files if not {"examples", "pictures", "checkpoint_final.pth"} & set(one.parts)]
    before = {path: path.stat().st_mtime_ns for path in files}
    assert {path.suffix for path in before} == {".pth", ".npz", ".png"}
    assert main([str(photographs), "--weights", str(photographs.parent / "weights.pth"), *SHORT]) == 0
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert "report:" in capsys.readouterr().out


def test_another_tag_is_named_and_force_makes_everything_anew(photographs, made):
    table = photographs / "tags.csv"
    text = table.read_text(encoding="utf-8")
    table.write_text(text.replace("голубой", "red thing", 1), encoding="utf-8")
    flags = [str(photographs), "--weights", str(photographs.parent / "weights.pth"), *SHORT]
    masks = {path: path.stat().st_mtime_ns for path in (made / "masks").rglob("*.png")}
    with pytest.raises(ConfigError, match="1 with other tags"):
        main(flags)
    assert main([*flags, "--force"]) == 0
    assert all(path.stat().st_mtime_ns > before for path, before in masks.items())
    assert main(flags) == 0
