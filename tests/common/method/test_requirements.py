"""What a chain needs from outside is looked for before its first training, not when its turn comes."""

from __future__ import annotations

import shutil

import pytest
import yaml

from common.errors import CheckpointError, ConfigError, DataError
from common.method.__main__ import main
from common.method.calls import working_in
from common.method.command import command_of, settings_of
from common.method.registry import config_for, find_method
from common.method.reproduce import requirements_of_chain
from common.method.requirements import require_inputs, required_folder
from common.method.settings import TOP


@pytest.fixture
def chain(plain_cam, work):
    """``chain(*flags)``: a chain from its beginning, whose first training must not begin."""

    def run(*flags):
        try:
            return plain_cam("reproduce", "--out", "new", *flags)
        finally:
            assert not (work / "new").exists(), "the first training began"

    return run


def test_what_a_stage_before_makes_is_not_missed(tmp_path):
    def of(name):
        return [required_folder(tmp_path / name, f"no {name}")]

    require_inputs([([], [tmp_path / "cams"]), (of("cams"), [tmp_path / "labels"]), (of("labels"), [])])
    with pytest.raises(DataError, match="no labels"):
        require_inputs([(of("labels"), []), ([], [tmp_path / "labels"])])


def test_what_the_reference_rows_make_is_not_missed(work):
    config = work / "reference.yaml"
    config.write_text(yaml.safe_dump({"base": str(TOP / "common/method/configs/toy.yaml"), "data": {"root": "data"}}))
    method = find_method("sgan")
    rows = str(work / "rows")
    flags = ["-c", str(config_for(method, "toy")), "--root", str(work / "data"), "--chain.reference", str(config)]
    flags += ["--chain.reference_out", rows, "--stage0.classifier", rows]
    with working_in(work):
        settings = settings_of("", command_of(method, ""), flags)
        require_inputs(requirements_of_chain(method, settings, "report"))
        with pytest.raises(DataError, match="no maps in .*rows/cams"):
            require_inputs(requirements_of_chain(method, settings, "labels"))


def test_saliency_maps(chain, work):
    shutil.rmtree(work / "data/Sal")
    with pytest.raises(DataError, match=r"no saliency maps: folder data/Sal does not exist"):
        chain()


def test_who_made_the_saliency_maps(chain):
    with pytest.raises(ConfigError, match=r"report\.saliency_source is empty"):
        chain("--report.saliency_source", "")


def test_masks_for_scores(chain, work):
    (work / "data/SegmentationClass/train_0002.png").unlink()
    with pytest.raises(DataError, match="1 of 4 images have no mask in data/SegmentationClass, e.g. train_0002"):
        chain("--until", "labels")


def test_the_reference_rows(chain):
    with pytest.raises(ConfigError, match=r"there is no configuration missing\.yaml"):
        chain("--chain.reference", "missing.yaml", "--chain.reference_out", "reference")


@pytest.mark.parametrize(("changed", "kind", "message"), [
    ({}, ConfigError, r"there is no configuration .*none\.yaml"),
    ({"network": {"weights": "none.pth"}}, CheckpointError, r"no weights file none\.pth"),
    ({"data": {"val_list": "none"}}, DataError, "none"),
])  # fmt: skip
def test_what_the_segmentation_needs(chain, work, changed, kind, message):
    if changed:
        (work / "none.yaml").write_text(yaml.safe_dump({"base": str(TOP / "deeplabv2/configs/toy.yaml"), **changed}))
    with pytest.raises(kind, match=message):
        chain("--chain.segmentation", str(work / "none.yaml"))


def test_the_chains_weights(chain, work):
    (work / "segmentation.yaml").write_text(yaml.safe_dump({"base": str(TOP / "deeplabv2/configs/toy.yaml")}))
    with pytest.raises(CheckpointError, match=r"no weights file missing\.pth"):
        chain("--chain.segmentation", str(work / "segmentation.yaml"), "--weights", "missing.pth")


def test_several_stages_in_one_call(plain_cam, work, tiny):
    shutil.rmtree(work / "data/Sal")
    flags = [str(tiny), "--out", "new", "--labels.background", "saliency"]
    with pytest.raises(DataError, match="no saliency maps"):
        main(["plain_cam", "train", "cam", "label", *flags])
    assert not (work / "new").exists()
