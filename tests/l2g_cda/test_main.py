"""All stages, one after the other, on a small generated set, as the paper's scripts call them."""

import json

import numpy as np
import pytest
import torch

from common.cores import torch_threads
from common.data.restricted_pickle import load_npy
from common.errors import CheckpointError, ConfigError, DataError
from common.report.results import read_results
from l2g_cda import make_bank
from l2g_cda.main import main

TINY = """
backbone: {name: vgg16, width: 0.125, frozen_stages: 0}
views: {short_side: 96, input_size: 64, patch_side: 48, patches: 4}
base_training: {epochs: 2, decay_epochs: [1]}
pasting: {epochs: 1, rate: 0.001}
engine: {batch_size: 6, workers: 0, log_every: 1, save_every: 1, device: cpu}
cam: {scales: [1.0]}
report: {saliency_source: generated with the toy set, pictures: 2}
"""


@pytest.fixture(autouse=True)
def one_thread():
    with torch_threads(1):
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory, toy):
    """A folder with a configuration, a bank and a finished run named ``tiny``."""
    folder = tmp_path_factory.mktemp("l2g")
    (folder / "tiny.yaml").write_text(TINY)
    bank = ["--dataset", "toy", "--root", str(toy), "--labels", str(toy / "SegmentationClass")]
    assert make_bank.main(argv=[*bank, "--num_workers", "0", "--output", str(folder / "bank")]) == 0
    torch.set_num_threads(1)
    assert run(["train", "cam", "random_walk", "label", "score", "pictures"], folder, toy) == 0
    return folder


def run(stages, folder, toy, *flags):
    places = ["--root", str(toy), "--out", str(folder / "tiny"), "--cda.bank", str(folder / "bank")]
    return main(argv=[*stages, str(folder / "tiny.yaml"), "--dataset", "toy", *places, *flags])


def test_both_trainings_write_checkpoints_with_published_names(folder):
    first, last = (folder / "tiny" / "model" / f"toy_epoch_{epoch}.pth" for epoch in (1, 2))
    states = [torch.load(path, weights_only=True) for path in (first, last)]
    assert [state["epoch"] for state in states] == [1, 2]
    assert all(state.keys() >= {"state_dict", "local_dict", "global_counter"} for state in states)
    weights = [state["state_dict"]["module.fc8.weight"] for state in states]
    assert not torch.equal(*weights), "the second training changed nothing"


@pytest.mark.parametrize("stages", [["train"], ["reproduce", "--until", "labels"], ["ablation"]])
def test_a_missing_bank_is_reported_before_the_first_training(folder, toy, tmp_path, stages):
    places = ["--out", str(tmp_path / "new"), "--cda.bank", str(tmp_path / "none")]
    with pytest.raises(DataError, match=r"no finished bank in .*none.*make_bank\.py"):
        run(stages[:1], folder, toy, *places, *stages[1:])
    assert not (tmp_path / "new").exists()


def test_the_second_training_starts_from_the_first(folder):
    before = torch.load(folder / "tiny" / "model" / "toy_epoch_1.pth", weights_only=True)["state_dict"]
    after = torch.load(folder / "tiny" / "model" / "toy_epoch_2.pth", weights_only=True)["state_dict"]
    suppression = next(name for name in before if "suppressions" in name)
    assert torch.equal(before[suppression], after[suppression]), "as published the suppression never learns"
    distance = (before["module.fc8.weight"] - after["module.fc8.weight"]).abs().max()
    assert distance < 0.2 * before["module.fc8.weight"].abs().max()


def test_the_log_holds_all_three_losses(folder):
    records = [json.loads(line) for line in (folder / "tiny" / "base" / "metrics.jsonl").read_text().splitlines()]
    text = json.dumps(records[-1])
    assert all(name in text for name in ("distillation", "local_classification", "global_classification"))


def test_every_stage_leaves_the_papers_files_and_the_shared_maps(folder, layout):
    run_folder, ids = folder / "tiny", layout.ids("train")
    tags = layout.read_tags(ids)
    attention = {f"{name}_{number}.png" for name in ids for number in np.flatnonzero(tags[name])}
    assert {path.name for path in (run_folder / "ms" / "attention").glob("*.png")} == attention
    kinds = {"cam_png": "png", "cams": "npz", "cam_npy_aff": "npy", "cam_npy_irn": "npy", "labels": "png"}
    for kind, suffix in kinds.items():
        assert sorted(path.stem for path in (run_folder / kind).glob(f"*.{suffix}")) == sorted(ids)
    content = load_npy(run_folder / "cam_npy_aff" / f"{ids[0]}.npy")
    assert content["keys"].tolist() == [0, *(np.flatnonzero(tags[ids[0]]) + 1)]
    assert content["hr_cam"].shape == (len(content["keys"]) - 1, 96, 96)
    assert list((run_folder / "examples").rglob("* pasted.png"))


def test_the_result_says_how_it_was_made(folder):
    results = {result.method: result for result in read_results(folder / "tiny" / "results.json")}
    result = results["L2G + suppression + SE + CDA"]
    assert result.steps == {"base": 4, "pasting": 2}
    assert result.saliency_source == "generated with the toy set" and result.tags_given
    assert "all background" in results


def test_a_finished_training_is_left_as_it_is(folder, toy):
    checkpoint = folder / "tiny" / "model" / "toy_epoch_2.pth"
    before = checkpoint.read_bytes()
    assert run(["train"], folder, toy) == 0
    assert checkpoint.read_bytes() == before


def test_a_finished_stage_is_skipped(folder, toy, capsys):
    assert run(["cam"], folder, toy) == 0
    assert "0 written, 12 already there" in capsys.readouterr().out


def test_a_checkpoint_given_by_path_serves_instead_of_the_run(folder, toy):
    checkpoint = folder / "tiny" / "model" / "toy_epoch_1.pth"
    assert run(["cam"], folder, toy, "--out", str(folder / "given"), "--checkpoint", str(checkpoint)) == 0
    assert list((folder / "given" / "ms" / "attention").glob("*.png"))


def test_maps_of_probabilities_are_others_than_maps_of_scores(folder, toy):
    checkpoint, out = folder / "tiny" / "model" / "toy_epoch_2.pth", folder / "probabilities"
    assert run(["cam"], folder, toy, "--out", str(out), "--checkpoint", str(checkpoint), "--cam.values", out.name) == 0
    of_scores = {file.name: file.read_bytes() for file in (folder / "tiny" / "ms" / "attention").glob("*.png")}
    of_probabilities = {file.name: file.read_bytes() for file in (out / "ms" / "attention").glob("*.png")}
    assert of_probabilities.keys() == of_scores.keys()
    assert of_probabilities != of_scores


def test_without_a_second_training_the_maps_are_those_of_the_first(folder, toy):
    out = folder / "alone"
    assert run(["train", "cam", "label", "score"], folder, toy, "--out", str(out), "--pasting.epochs", "0") == 0
    assert not (out / "pasting").exists() and not (out / "model" / "toy_epoch_2.pth").exists()
    results = {result.method: result for result in read_results(out / "results.json")}
    assert results["L2G + suppression + SE"].steps == {"base": 4}


def test_other_settings_do_not_continue_a_run(folder, toy):
    with pytest.raises(ConfigError, match=r"distillation_weight: 10\.0 -> 5\.0"):
        run(["train"], folder, toy, "--kd_weights", "5")


def test_pasting_without_the_first_training_is_an_error(folder, toy):
    with pytest.raises(CheckpointError, match="no checkpoint; run the training first"):
        run(["pasting"], folder, toy, "--out", str(folder / "new"))


def test_maps_without_a_training_are_an_error(folder, toy):
    with pytest.raises(CheckpointError, match=r"no trained network .*toy_epoch_2\.pth; run the stage pasting first"):
        run(["cam"], folder, toy, "--out", str(folder / "new"))


def test_a_score_without_labels_is_an_error(folder, toy):
    with pytest.raises(DataError, match="run the stage label first"):
        run(["score"], folder, toy, "--labels.folder", str(folder / "none"))


def test_a_score_without_the_saliencys_source_is_an_error(folder, toy):
    with pytest.raises(ConfigError, match=r"saliency_source is empty"):
        run(["score"], folder, toy, "--report.saliency_source", "")


@pytest.mark.parametrize("arguments", [[], ["evaluate"], ["train", "evaluate"]], ids=" ".join)
def test_an_unknown_stage_is_an_error(arguments):
    with pytest.raises(ConfigError, match="which stages|neither a stage nor"):
        main(argv=arguments)
