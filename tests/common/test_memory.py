"""An image that does not fit into memory is refused before it is computed, with what to set; the others are done."""

import subprocess
import sys

import numpy as np
import pytest
import torch

from common import memory
from common.bench.cam import GeneratedImages, random_classifier
from common.cam.files import write_cams
from common.cam.inference import CamConfig, CamInference, PyramidLoader
from common.crf import inference as crf
from common.crf.presets import PRESETS
from common.engine.inference import OutputFolder, images_to_files
from common.engine.session import Session
from common.errors import DataError
from common.memory import MemoryLimit, cam_bytes, crf_bytes, free_memory, memory_limit, peak_memory, segmentation_bytes
from common.models.backbones import BackboneConfig

MEGAPIXELS_24 = (4000, 6000)


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine with a number of free bytes, in a container with a limit or without one."""

    def set_free(n_bytes, limit="max", use=0):
        (tmp_path / "meminfo").write_text(f"MemTotal: 99999999 kB\nMemAvailable: {n_bytes // 1024} kB\n")
        (tmp_path / "limit").write_text(str(limit))
        (tmp_path / "use").write_text(str(use))
        monkeypatch.setattr(memory, "MEMORY_INFO", tmp_path / "meminfo")
        monkeypatch.setattr(memory, "CONTAINER_FILES", ((tmp_path / "limit", tmp_path / "use"),))

    return set_free


def test_free_memory_is_that_of_the_machine_within_the_limit_of_the_container(machine, monkeypatch, tmp_path):
    machine(8 << 30)
    assert free_memory() == 8 << 30
    machine(8 << 30, limit=3 << 30, use=1 << 30)
    assert free_memory() == 2 << 30
    machine(8 << 30, limit=1 << 30, use=2 << 30)
    assert free_memory() == 0
    monkeypatch.setattr(memory, "MEMORY_INFO", tmp_path / "absent")
    assert free_memory() is None


def test_the_estimates_of_a_photograph_of_24_megapixels():
    passes, maps = cam_bytes(MEGAPIXELS_24, [1.0], flip=True, n_maps=2, at_a_time=1)
    assert passes == 24_000_000 * 400 and maps == 24_000_000 * (12 + 4 * 2 * 5)
    assert cam_bytes(MEGAPIXELS_24, [0.5, 2.0], True, 1, at_a_time=2)[0] == 2 * 4 * passes
    assert crf_bytes(21, 24_000_000) == 24_000_000 * 632
    assert segmentation_bytes(24_000_000, [1.0, 0.5], 21) == (passes, 24_000_000 * (15 + 168))


def test_a_limit_of_the_gpu_counts_the_passes_alone(machine):
    machine(4 << 30)
    on_gpu = MemoryLimit(gpu_free=1 << 30)
    on_gpu.require(1 << 30, 4 << 30, "a", lambda share: "")
    with pytest.raises(DataError, match=r"a on the GPU takes about 2\.1 GB of memory, 1\.1 GB are free; half: 0\.7"):
        on_gpu.require(2 << 30, 0, "a", lambda share: f"half: {share:.1f}")
    with pytest.raises(DataError, match=r"a takes about 5\.4 GB of memory, 4\.3 GB are free"):
        MemoryLimit().require(1 << 30, 4 << 30, "a", lambda share: "")
    assert memory_limit("cpu").gpu_free is None


def test_class_maps_of_an_image_that_does_not_fit_fail_by_name_and_the_others_are_made(tmp_path, machine):
    sizes = ((40, 56), (1500, 2000), (33, 48))
    images, config = GeneratedImages(3, sizes), CamConfig(scales=[0.5, 1.0])
    machine(1 << 30)
    compute = CamInference(random_classifier(BackboneConfig("resnet18", 16, 0.125)), config, torch.device("cpu"))
    output = OutputFolder(tmp_path / "cams", ".npz", {})
    session = Session(0, 1, torch.device("cpu"))
    load = PyramidLoader(images, config)
    report = images_to_files(images.ids, load, write_cams, output, session, compute=compute, workers=0)
    assert report.done == 2 and list(report.failed) == ["1"] and report.exit_status("cam") == 1
    assert "1: class maps of 2000x1500 pixels" in report.failed["1"]
    assert "set cam.long_side (now 0) to 1" in report.failed["1"]
    smaller = PyramidLoader(images, CamConfig(scales=[0.5, 1.0], long_side=64))
    assert len(smaller("1")["pyramid"]) == 2


def test_the_crf_of_an_image_that_does_not_fit_is_refused_before_it_begins(machine):
    image, unary = np.zeros((1000, 2000, 3), np.uint8), np.zeros((3, 1000, 2000), np.float32)
    machine(100 << 20)
    with pytest.raises(
        DataError, match=r"dense CRF of 2000x1000 pixels and 3 labels takes about 0\.4 GB.*reduce the image to 1"
    ):
        crf.dense_crf(image, unary, PRESETS["deeplab"])


def test_where_nobody_knows_what_is_free_nothing_is_refused(monkeypatch, tmp_path):
    monkeypatch.setattr(memory, "MEMORY_INFO", tmp_path / "absent")
    MemoryLimit().require(1 << 50, 1 << 50, "a", lambda share: "")


def test_peak_memory_is_that_of_the_process_itself_and_not_of_the_one_that_started_it():
    held = np.ones(150 << 20, np.uint8)
    assert peak_memory() >= held.nbytes
    small = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    assert 0 < peak_memory(small.pid) < 100 << 20
    small.communicate(b"\n")
    assert peak_memory(small.pid) == 0
