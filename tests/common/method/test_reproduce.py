"""The whole chain on a handful of images, twice: the worked example between its reference rows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from PIL import Image

from common.data.toy import ToyConfig, make_toy
from common.errors import ConfigError
from common.method.command import run_method
from common.method.plain_cam import CONFIGS
from common.method.report import PICTURE, REPORT, results_below
from tests.common.method.focal_cam import METHOD

TOP = Path(__file__).parents[3]
# Two chains with six small trainings: on a busy machine more than the usual limit.
pytestmark = pytest.mark.timeout(900)
ENGINE = {"max_steps": 3, "batch_size": 4, "device": "cpu", "workers": 0}


def delta(path: Path, base: Path, **values: object) -> str:
    """A configuration that differs from ``base`` in a few values."""
    path.write_text(yaml.safe_dump({"base": str(base), **values}), encoding="utf-8")
    return str(path)


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> Path:
    """A folder with a configuration of the example on 12 generated images, three steps per training."""
    folder = tmp_path_factory.mktemp("chain")
    make_toy(folder / "data", ToyConfig(n_train=12, n_val=4, size=48))
    segmentation = delta(
        folder / "deeplabv2.yaml", TOP / "deeplabv2/configs/toy.yaml", engine=ENGINE, test={"batch_size": 4}
    )
    common = {"data": {"root": str(folder / "data")}, "engine": ENGINE}
    reference = delta(
        folder / "reference.yaml",
        CONFIGS / "toy.yaml",
        **common,
        report={"pictures": 2},
        chain={"segmentation": segmentation},
    )
    delta(
        folder / "focal.yaml",
        CONFIGS / "toy_method.yaml",
        **common,
        out=str(folder / "focal"),
        report={"pictures": 1},
        chain={
            "title": "A small chain",
            "segmentation": segmentation,
            "reference": reference,
            "reference_out": str(folder / "reference"),
        },
    )
    return folder


def reproduce(folder: Path, *flags: str) -> None:
    assert run_method(METHOD, ["reproduce", str(folder / "focal.yaml"), *flags]) == 0


@pytest.fixture(scope="module")
def finished(small: Path) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        # The chain shares the cores between its two sides from then on.
        patch.setenv("OMP_NUM_THREADS", "1")
        patch.chdir(TOP)
        reproduce(small)
    return small


@pytest.fixture
def results(finished: Path):
    return results_below([finished / "reference", finished / "focal"])


def test_the_method_and_every_reference_row_are_scored_before_and_after_the_crf(results):
    scored = {(result.method, result.stage) for result in results}
    methods = ("plain CAM", "CAM x saliency", "focal CAM")
    labels = {(method, stage) for method in methods for stage in ("pseudo label", "pseudo label + CRF")}
    networks = {
        (method, stage) for method in (*methods, "fully supervised") for stage in ("DeepLab-v2", "DeepLab-v2 + CRF")
    }
    assert labels | networks <= scored
    assert ("all background", "pseudo label") in scored


def test_only_what_used_saliency_says_so(results):
    for result in results:
        assert (result.saliency_source != "none") == (result.method == "CAM x saliency")


def test_the_report_is_self_contained_and_has_a_picture(finished):
    text = (finished / "focal" / REPORT).read_text(encoding="utf-8")
    assert "A small chain" in text
    for row in ("all background", "plain CAM", "CAM x saliency", "focal CAM", "fully supervised"):
        assert row in text
    assert 'src="http' not in text
    assert Image.open(finished / "focal" / PICTURE).size[0] > 500


def test_pictures_show_what_became_of_an_image(finished):
    (example,) = (path for path in (finished / "focal/examples").iterdir() if path.is_dir())
    titles = [path.stem.partition(" ")[2] for path in sorted(example.glob("*.png"))]
    assert titles[:3] == ["image", "ground truth", "saliency"]
    assert titles[3].startswith("CAM: ")
    assert titles[-1] == "pseudo label: focal CAM"


def test_a_second_run_computes_nothing_again(finished, capsys, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.chdir(TOP)
    kinds = (".pth", ".npz", ".png")
    examples = ("examples", PICTURE)
    written = {
        path: path.stat().st_mtime_ns
        for path in finished.rglob("*")
        if path.suffix in kinds and not set(examples) & set(path.parts)
    }
    reproduce(finished)
    assert "0 written, 12 already there" in capsys.readouterr().out
    changed = {path for path, time in written.items() if path.stat().st_mtime_ns != time}
    # The final weights are copied out of the last checkpoint at each call; everything that takes time is left alone.
    assert {path.name for path in changed} <= {"checkpoint_final.pth"}


def test_until_labels_stops_before_any_segmentation(small, monkeypatch):
    monkeypatch.chdir(TOP)
    reproduce(small, "--until", "labels", "--out", str(small / "short"))
    assert {path.name for path in (small / "short/labels").iterdir()} == {"plain_cam", "plain_cam_crf_label"}
    assert not (small / "short/deeplabv2").exists() and not (small / "short" / REPORT).exists()


def test_several_processes_are_refused_with_the_way_to_go(small, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ConfigError, match="one by one with torchrun"):
        reproduce(small)


def test_a_method_in_the_folder_of_its_reference_rows_is_refused(small):
    with pytest.raises(ConfigError, match="give the method a folder of its own"):
        reproduce(small, "--out", str(small / "reference"))


def test_the_ablation_is_a_table_of_its_own_with_every_variant_and_seed(finished, capsys):
    assert run_method(METHOD, ["ablation", str(finished / "focal.yaml"), "--seeds", "0", "1"]) == 0
    shown = capsys.readouterr().out
    assert "focal CAM, gamma 0" in shown and "(n=2)" in shown and "CAM x saliency" in shown
    assert "focal CAM, gamma 0" not in {result.method for result in results_below([finished / "focal"])}
    names = {path.name for path in (finished / "focal/ablation").iterdir()}
    assert names == {f"gamma{gamma}_seed{seed}" for gamma in (0, 2) for seed in (0, 1)}
