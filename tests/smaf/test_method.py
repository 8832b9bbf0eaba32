"""The chain on four images: what starts from what, what lies where, and what says what is missing."""

import numpy as np
import pytest
import torch
from PIL import Image

from common.cam.files import find_cams, read_cams, write_dictionary
from common.data.restricted_pickle import load_npy
from common.errors import CheckpointError, ConfigError, DataError
from common.files import read_json
from common.method.settings import with_values
from common.report.results import read_results
from smaf.method import METHOD, sets_of_masks
from tests.smaf.conftest import IDS, RUN

EPS_FILE, SMAF_FILE = (
    "logdir/eps_cls_mode/checkpoint_cls_finally.pth",
    "logdir/proda_model/checkpoint_cls_finally.pth",
)
FUSED, RESULT = "logdir/cam_o_vec", "logdir/proda_model/result_crf"


def network_in(path):
    content = torch.load(path, weights_only=True)
    return content["Net"]["model_state"] if "Net" in content else content


def same(state, other):
    return state.keys() == other.keys() and all(torch.equal(tensor, other[name]) for name, tensor in state.items())


def everything_in(*folders):
    """File -> content."""
    return {path: path.read_bytes() for folder in folders for path in sorted(folder.rglob("*")) if path.is_file()}


def release(work, *networks):
    """Keep the published files alone, as they are downloaded."""
    content = [(work / network).read_bytes() for network in networks]
    for folder in ("eps_cls_mode", "proda_model", "cam_o_vec"):
        for path in sorted((work / "logdir" / folder).rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
    for network, written in zip(networks, content, strict=True):
        (work / network).write_bytes(written)


def released_eps(work):
    """A plain EPS in the place of the initial model, with nothing else."""
    assert RUN("eps", "--force", "--head", "plain", "--rounds", "0") == 0
    release(work, EPS_FILE)


def test_both_trainings_end_with_the_published_file(work):
    first, second = (torch.load(work / name, weights_only=True) for name in (EPS_FILE, SMAF_FILE))
    assert first.keys() == second.keys() == {"Net", "iter"} and second["iter"] == 1
    assert second["Net"]["objective_vectors"].shape == (7, 128)
    assert not same(first["Net"]["model_state"], second["Net"]["model_state"]), "the round changed nothing"


def test_fused_maps_have_the_published_form(work):
    for image_id in IDS:
        content = load_npy(work / FUSED / "cam_npy" / f"{image_id}.npy")
        cams = read_cams(work / FUSED / "maps" / f"{image_id}.npz")
        assert list(content) == cams.keys.tolist() and all(isinstance(key, int) for key in content)
        for key, values in zip(cams.keys.tolist(), cams.maps, strict=True):
            assert content[key].dtype == np.float32 and content[key].shape == (40, 40)
            np.testing.assert_array_equal(content[key], values)


def test_masks_are_grey_or_palette_files_of_the_image_s_size_with_the_labels_alone(work):
    for image_id in IDS:
        with Image.open(work / RESULT / "crf_png" / f"{image_id}.png") as image:
            assert image.mode in ("L", "P") and image.size == (40, 40)
            assert np.asarray(image).max() <= 6


@pytest.mark.parametrize("stage", ["eps", "round1"])
def test_a_stopped_training_ends_as_an_uninterrupted_one(smaf, work, stage):
    path = work / (EPS_FILE if stage == "eps" else SMAF_FILE)
    straight = path.read_bytes()
    assert smaf(stage, "--force", "--engine.stop_at", "1") == 0
    assert smaf(stage) == 0
    assert path.read_bytes() == straight


def test_a_round_starts_from_the_network_before_it(work, settings):
    layout = METHOD.labels.layout(settings())
    first, second = (METHOD.stage(name) for name in ("round1", "round2"))
    assert same(
        first.initial_network(settings(), layout, 4).state_dict(),
        METHOD.stage("eps").trained(settings(), layout)[0].state_dict(),
    )
    two = settings("--rounds", "2")
    assert same(second.initial_network(two, layout, 4).state_dict(), first.trained(two, layout)[0].state_dict())


def test_rounds_write_into_folders_of_their_own_and_overwrite_nothing(smaf, work):
    kept = everything_in(work / "logdir/eps_cls_mode", work / "logdir/cam_o_vec", work / "logdir/proda_model")
    assert smaf("fuse1", "round2", "cam", "label", "--rounds", "2") == 0
    now = everything_in(work / "logdir")
    # The maps of the first round are those that its masks were made of.
    assert {path: now[path] for path in kept} == kept
    folder = work / "logdir/proda_model_round2"
    assert (folder / "checkpoint_cls_finally.pth").is_file()
    assert len(list((folder / "result_crf/crf_png").glob("*.png"))) == 4
    steps = read_json(folder / "result_crf/maps/stage.json")["network"]["steps"]
    assert steps == {"eps": 2, "round1": 2, "round2": 2}


def test_a_round_may_have_steps_and_a_rate_of_its_own(smaf, work, settings):
    flags = ("--self_training.round_steps", "1", "--self_training.round_lr", "0.5")
    assert smaf("round1", "--force", *flags) == 0
    assert torch.load(work / SMAF_FILE, weights_only=True)["iter"] == 0
    optimizer = METHOD.stage("round1").optimizer(
        settings(*flags), METHOD.stage("eps").network(settings(), METHOD.labels.layout(settings()))
    )
    assert {group["initial_lr"] for group in optimizer.param_groups} == {0.5, 5.0}


def test_what_the_rounds_do_not_reach_is_left_out(smaf, work, capsys):
    before = everything_in(work / "logdir")
    assert smaf("fuse1", "round2", "fuse2") == 0
    assert capsys.readouterr().out.count("left out by the settings") == 3
    assert everything_in(work / "logdir") == before


@pytest.mark.parametrize(("head", "n_maps"), [("cls", 6), ("plain", 7)])
def test_eps_and_its_baseline_run_without_a_round(smaf, work, head, n_maps):
    assert smaf("eps", "cam", "label", "score", "--out", "other", "--head", head, "--rounds", "0") == 0
    state = torch.load(work / "other/eps_cls_mode/checkpoint_cls_finally.pth", weights_only=True)
    assert state["fc8.weight"].shape[0] == n_maps and "cov_feat.weight" not in state
    result = read_results(work / "other/cam_o_vec/results.json")[-1]
    assert result.method == ("EPS" if head == "plain" else "EPS's CAM baseline")
    assert result.saliency_source == ("generated" if head == "plain" else "none")
    assert result.steps == {"eps": 2} and result.tag_source.startswith("tags.csv ")


def test_the_baseline_needs_no_saliency_maps_and_eps_does(smaf, work):
    for path in (work / "data/Sal").iterdir():
        path.unlink()
    assert smaf("eps", "--out", "other", "--head", "cls", "--rounds", "0") == 0
    with pytest.raises(DataError, match="saliency map of 'train_000.' not found: expected data/Sal/train_000"):
        smaf("eps", "--out", "another")


def test_the_self_training_needs_neither_saliency_nor_masks(smaf, work):
    for folder in ("Sal", "SegmentationClass"):
        for path in (work / "data" / folder).iterdir():
            path.unlink()
    assert smaf("round1", "--force") == 0


def test_smaf_runs_with_eps_s_own_head(smaf, work):
    assert smaf("eps", "fuse", "round1", "cam", "--out", "other", "--head", "plain") == 0
    assert "fc8.weight" in torch.load(work / "other/proda_model/checkpoint_cls_finally.pth", weights_only=True)


def test_a_released_initial_model_is_where_maps_and_the_round_start_from(smaf, work, capsys):
    released = network_in(work / EPS_FILE)
    release(work, EPS_FILE)
    missing = ("--backbone.weights", "not_here.params")
    assert smaf("eps", "fuse", "round1", "cam", "label", "score", *missing) == 0
    assert "is given, nothing is trained" in capsys.readouterr().out
    assert same(network_in(work / EPS_FILE), released), "a released file is never overwritten"
    result = read_results(work / RESULT / "results.json")[-1]
    assert result.steps == {"given network": 0, "round1": 2}
    assert result.initial_weights == "released checkpoint_cls_finally.pth"


def test_a_released_eps_has_another_head_which_is_said(smaf, work):
    released_eps(work)
    with pytest.raises(CheckpointError, match="set --lift true .* or --head plain"):
        smaf("fuse")
    assert smaf("fuse", "round1", "--head", "plain") == 0


def test_a_released_eps_is_lifted_into_smaf_s_network_with_the_same_maps(smaf, work):
    released_eps(work)
    assert smaf("fuse", "--head", "plain", "--rounds", "1") == 0
    plain = {image_id: read_cams(find_cams(work / FUSED / "maps", image_id)) for image_id in IDS}
    assert smaf("fuse", "round1", "--lift", "true", "--force") == 0
    for image_id, (keys, maps) in plain.items():
        lifted = read_cams(find_cams(work / FUSED / "maps", image_id))
        assert lifted.keys.tolist() == keys.tolist()
        np.testing.assert_allclose(lifted.maps, maps, atol=1e-5)
    assert "cov_feat.weight" in network_in(work / SMAF_FILE)


def test_a_released_smaf_makes_masks_without_any_training(smaf, work):
    release(work, SMAF_FILE)
    assert smaf("cam", "label", "score") == 0
    result = read_results(work / RESULT / "results.json")[-1]
    assert (result.method, result.steps) == ("SMAF", {"given network": 0})


def test_an_initial_model_may_lie_anywhere(smaf, work):
    (work / "theirs.pth").write_bytes((work / EPS_FILE).read_bytes())
    release(work)
    assert smaf("fuse", "round1", "cam", "--initial_model", "theirs.pth") == 0
    assert not (work / EPS_FILE).exists()
    network = read_json(work / RESULT / "maps/stage.json")["network"]
    assert network["initial_weights"] == "released theirs.pth"


def test_fused_maps_of_somebody_else_take_the_place_of_the_fusion(smaf, work, capsys):
    straight = network_in(work / SMAF_FILE)
    (work / FUSED / "cam_npy").rename(work / "downloaded")
    for path in (work / FUSED / "maps").iterdir():
        path.unlink()
    assert smaf("fuse", "round1", "--force", "--self_training.maps", "downloaded") == 0
    assert "fuse: left out by the settings" in capsys.readouterr().out
    assert same(network_in(work / SMAF_FILE), straight), "both forms of the maps hold the same numbers"


def test_without_fused_maps_the_round_says_how_they_are_made(smaf, work):
    with pytest.raises(DataError, match="nowhere does not exist; run the fusion first, or give --path_soft"):
        smaf("round1", "--force", "--self_training.maps", "nowhere")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (
            {0: np.zeros((30, 40), np.float32)},
            r"train_0001: the fused maps are \(30, 40\).* make them for these images",
        ),
        ({17: np.zeros((40, 40), np.float32)}, r"train_0001: the fused maps .* of classes \[17\]"),
    ],
)
def test_fused_maps_that_do_not_fit_are_refused_by_name(smaf, work, content, said):
    (work / FUSED / "cam_npy").rename(work / "downloaded")
    write_dictionary(work / "downloaded/train_0001.npy", content)
    with pytest.raises(DataError, match=said):
        smaf("round1", "--force", "--self_training.maps", "downloaded")


def test_a_missing_file_of_fused_maps_is_named(smaf, work):
    (work / FUSED / "maps/train_0002.npz").unlink()
    with pytest.raises(DataError, match="train_0002"):
        smaf("round1", "--force")


def test_a_training_before_that_is_missing_or_unfinished_is_named(smaf, work):
    with pytest.raises(CheckpointError, match="run the stage eps first"):
        smaf("fuse", "--out", "fresh")
    assert smaf("eps", "--out", "fresh", "--engine.stop_at", "1") == 0
    with pytest.raises(CheckpointError, match="run the stage eps first, to its end"):
        smaf("fuse", "--out", "fresh")


def test_other_settings_are_refused_by_name(smaf):
    with pytest.raises(ConfigError, match=r"crop\.crop_size: 32 -> 33"):
        smaf("eps", "--crop_size", "33")
    with pytest.raises(ConfigError, match=r"self_training\.floor: 0\.2 -> 0\.3"):
        smaf("round1", "--self_training.floor", "0.3")
    assert smaf("eps", "--self_training.floor", "0.3") == 0, "the first training does not depend on it"


def test_the_table_of_the_masks_lies_beside_them(smaf, work, capsys):
    (work / "data/ImageSets/Segmentation/mine.txt").write_text("\n".join(IDS) + "\n")
    (work / "data/ImageSets/Segmentation/train.txt").write_text("\n".join(IDS[:2]) + "\n")
    assert smaf("table", "--data.train_list", "mine") == 0
    assert "crf_png: 2 images" in capsys.readouterr().out
    assert (work / RESULT / "train.txt").read_text().splitlines()[1].startswith("mean ")


def test_the_chain_makes_masks_of_eps_and_of_every_round_before_and_after_the_crf(settings):
    two = settings("--rounds", "2")
    sets = [(one.values["rounds"], one.values["labels.crf"]) for one in sets_of_masks(two)]
    assert sets == [(number, crf) for number in range(3) for crf in ("none", "label_all")]
    folders = {METHOD.labels.folder(with_values(two, one.values)) for one in sets_of_masks(two)}
    assert len(folders) == 6
    last = [one.values["rounds"] for one in sets_of_masks(with_values(two, {"every_round": False}))]
    assert set(last) == {2}


def test_scores_of_every_round_lie_with_the_round(smaf, work):
    assert smaf("label_sets") == 0
    for number, folder, row in (("0", FUSED, "EPS"), ("1", RESULT, "SMAF")):
        for kind in ("cam_png", "crf_png"):
            assert len(list((work / folder / kind).glob("*.png"))) == 4, (folder, kind)
        assert smaf("score", "--rounds", number) == 0
        assert [one.method for one in read_results(work / folder / "results.json")] == ["all background", row]


def test_pictures_show_every_scale_saliency_and_the_target(smaf, work):
    assert smaf("pictures") == 0
    (example,) = (path for path in (work / RESULT / "examples").iterdir() if path.is_dir())
    titles = [path.stem.partition(" ")[2] for path in sorted(example.glob("*.png"))]
    assert {"saliency", "saliency from the maps", "target of the self-training"} <= set(titles)
    assert any(title.startswith("scale 0.5: ") for title in titles)


def test_without_the_paper_s_files_there_are_none(smaf, work):
    assert smaf("eps", "fuse", "--files.npy", "false", "--out", "bare") == 0
    assert not (work / "bare/cam_o_vec/cam_npy").exists() and (work / "bare/cam_o_vec/maps").is_dir()
