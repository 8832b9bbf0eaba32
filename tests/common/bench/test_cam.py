"""The CAM benchmark does the same work twice."""

import re

import numpy as np
import pytest
import torch

from common.bench import cam
from common.bench.__main__ import main
from common.errors import ConfigError, ToolboxError
from common.models.backbones import BackboneConfig

TINY = BackboneConfig("resnet18", width=0.125)
SIZES = ((40, 56), (33, 48))


def test_both_ways_agree_on_every_map_and_are_timed():
    images = cam.GeneratedImages(5, SIZES)
    comparison, difference = cam.compare_cams(
        cam.random_classifier(TINY), "resnet18", images, (0.5, 1.0, 1.5), repeats=2
    )
    assert 0 < difference < 1e-4
    assert comparison.seconds > 0 and comparison.peer_seconds > 0
    assert comparison.work == "CAMs of 5 images, resnet18, scales 0.5, 1, 1.5"


def test_a_disagreement_is_an_error(monkeypatch):
    images = cam.GeneratedImages(2, SIZES[:1])
    monkeypatch.setattr(cam, "one_at_a_time", lambda *arguments: np.zeros((cam.N_CLASSES, *SIZES[0])))
    with pytest.raises(ToolboxError, match="differ by"):
        cam.compare_cams(cam.random_classifier(TINY), "resnet18", images, (1.0,), repeats=1)


def test_images_have_the_sizes_of_the_list_in_turns_and_at_least_one_tag():
    images = cam.GeneratedImages(4, SIZES)
    samples = [images.read(identifier) for identifier in images.ids]
    assert [sample["image"].shape for sample in samples] == [(40, 56, 3), (33, 48, 3)] * 2
    assert all(sample["tags"].sum() >= 1 for sample in samples)
    assert not np.array_equal(samples[0]["image"], samples[2]["image"])


def test_the_command_prints_both_rates_and_restores_the_threads(capsys):
    before = torch.get_num_threads()
    main(["cam", "--images", "1", "--scales", "0.25", "--backbone", "resnet18", "--repeats", "1", "--threads", "1"])
    output = capsys.readouterr().out
    assert "CAMs of 1 images, resnet18, scales 0.25" in output
    assert re.search(r"images per second: \d+\.\d\d and \d+\.\d\d, 1 threads", output)
    assert re.search(r"largest difference of the maps: \d\.\de-\d\d", output)
    assert torch.get_num_threads() == before


@pytest.mark.parametrize(
    "options", [["--images", "0"], ["--scales", "1", "-1"], ["--repeats", "0"], ["--threads", "0"]]
)
def test_numbers_that_are_not_positive_are_refused(options):
    with pytest.raises(ConfigError, match=r"^--\w+ is .*; give a "):
        main(["cam", *options])
