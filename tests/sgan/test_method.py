import dataclasses

import numpy as np
import pytest
import torch
from PIL import Image

from common.cam.files import read_cams
from common.data.layout import open_layout
from common.errors import CheckpointError, ConfigError, DataError
from common.method.settings import with_values
from common.report.results import read_results
from sgan.method import DENSE, METHOD, SEED_LABELS, SGAN_MAPS, SGAN_TRAINING, label_sets, of_background

UNLABELLED = 7


def published(settings):
    return SGAN_TRAINING.published_file(settings, open_layout(settings.data))


def test_training_ends_with_the_published_form_of_the_weights(settings):
    state = torch.load(published(settings()), weights_only=True)
    assert state["gamma"].shape == (1,)
    assert {"backbone.conv1_1.weight", "f_key.bias", "fc6_CAM.weight", "fc8.weight", "fc9.bias"} <= state.keys()
    assert "fc8.bias" not in state


def test_a_stopped_training_ends_as_an_uninterrupted_one(settings):
    parts = settings("--cfg_name", "parts")
    SGAN_TRAINING.run(settings("--cfg_name", "parts", "--engine.stop_at", "1"))
    with pytest.raises(CheckpointError, match="run the stage train first"):
        published(parts)
    SGAN_TRAINING.run(parts)
    assert published(settings()).read_bytes() == published(parts).read_bytes()


@pytest.mark.parametrize(
    ("flags", "named"), [(("--seed_loss_ratio", "0.5"), "seed_loss_ratio"), (("--resize", "41"), "image_side")]
)
def test_other_settings_in_the_same_run_are_refused(settings, flags, named):
    for stage in (SGAN_TRAINING, SGAN_MAPS):
        with pytest.raises(ConfigError, match=named):
            stage.run(settings(*flags))


def test_the_pace_and_the_background_may_change(settings):
    SGAN_TRAINING.run(settings("--num_worker", "1", "--display_step", "2", "--sdnet_path", "Sal"))


def test_the_background_comes_from_the_maps_of_the_attention_unless_it_has_its_own(settings, tmp_path):
    for name in ("mine", "other"):
        (tmp_path / name).mkdir()
    folders = {}
    for own in ("", str(tmp_path / "other")):
        given = with_values(settings(), {"data.saliency": str(tmp_path / "mine"), "sdnet_path": own})
        folders[own] = of_background(given).saliency
    assert [folder.name for folder in folders.values()] == ["mine", "other"]
    assert of_background(settings()).saliency == open_layout(settings().data).saliency


def test_without_seeds_the_training_says_what_is_missing(settings):
    with pytest.raises(DataError, match="nowhere"):
        SGAN_TRAINING.run(settings("--cfg_name", "other", "--seed_subdir", "nowhere"))


@pytest.mark.parametrize("flags", [("--use_sal", "false"), ("--semi.share", "1", "--seed_subdir", "nowhere")])
def test_plain_attention_and_full_supervision_train(settings, flags):
    config = settings("--cfg_name", "other", *flags)
    SGAN_TRAINING.run(config)
    assert published(config).is_file()


def test_without_attention_gamma_stays_zero_and_nothing_else_is_frozen(settings):
    network = SGAN_TRAINING.network(settings("--self_attention", "false"), open_layout(settings().data))
    assert network.gamma.item() == 0
    assert [name for name, value in network.named_parameters() if not value.requires_grad] == ["gamma"]


def test_maps_are_raw_in_single_precision_and_of_the_tagged_classes(settings, work):
    layout = open_layout(settings().data)
    tags = layout.read_tags(layout.ids("train"))
    for image_id, given in tags.items():
        with np.load(work / "result" / "tiny_cams" / f"{image_id}.npz") as arrays:
            assert arrays["maps"].dtype == np.float32
        keys, maps = read_cams(work / "result" / "tiny_cams" / f"{image_id}.npz", any_sign=True)
        assert keys.tolist() == np.flatnonzero(given).tolist()
        assert maps.shape == (len(keys), 5, 5)


def test_maps_of_the_class_branch_alone_have_a_folder_of_their_own(settings, work):
    assert SGAN_MAPS.run(settings("--combine_seedseg", "false")) == 0
    name = next((work / "result" / "tiny_cams").glob("*.npz")).name
    both, alone = (
        read_cams(work / "result" / folder / name, any_sign=True).maps for folder in ("tiny_cams", "tiny_class_maps")
    )
    assert not np.array_equal(both, alone)


def test_both_label_sets_are_made_of_the_same_maps(settings, work, capsys):
    config = with_values(settings(), {"chain.dense": True})
    sets = label_sets(config)
    assert [(one.values, one.segmented) for one in sets] == [({}, False), (DENSE, True)]
    for file in (work / "model" / "tiny").glob("*.pth"):
        file.unlink()
    assert SEED_LABELS.run(with_values(config, sets[1].values)) == 0
    dense = np.asarray(Image.open(next((work / "result" / "tiny_dense_labels").glob("*.png"))))
    assert 255 not in dense


def test_on_the_paper_s_configuration_deeplab_learns_from_the_seeds_with_both_recipes(settings):
    config = with_values(settings(), {"chain.dsrg": "dsrg.yaml"})
    sets = label_sets(config)
    assert [(one.values, one.segmented, one.segmentation) for one in sets] == [
        ({}, True, ""),
        ({}, True, "dsrg.yaml"),
    ]


def test_seeds_are_grey_files_of_the_size_of_the_image(work):
    files = sorted((work / "result" / "tiny_seedcam_0.25").glob("*.png"))
    assert len(files) == 4
    for file in files:
        with Image.open(file) as image:
            assert (image.mode, image.size) == ("L", (40, 40))
            assert np.asarray(image).max() <= UNLABELLED


def test_existing_seeds_are_kept_and_other_settings_refused(settings, work):
    kept = next((work / "result" / "tiny_seedcam_0.25").glob("*.png"))
    before = kept.stat().st_mtime_ns
    assert SEED_LABELS.run(settings()) == 0
    assert kept.stat().st_mtime_ns == before
    with pytest.raises(ConfigError, match="cam_thresh"):
        SEED_LABELS.run(settings("--cam_thresh", "0.5"))


def test_an_unfinished_training_makes_no_maps(settings):
    with pytest.raises(CheckpointError, match="run the stage train first"):
        SGAN_MAPS.run(settings("--max_iter", "9"))


def test_label_maps_need_maps(settings):
    with pytest.raises(DataError, match="run the stage cam first"):
        SEED_LABELS.run(settings("--cfg_name", "other"))


def test_a_released_network_is_taken_where_it_was_laid_or_named(settings, work):
    released = work / "model" / "released" / "model_iter_2.pth"
    released.parent.mkdir()
    released.write_bytes(published(settings()).read_bytes())
    for flags in (("--cfg_name", "released"), ("--cfg_name", "given", "--checkpoint", str(released))):
        assert SGAN_MAPS.run(settings(*flags)) == 0
        made = SGAN_MAPS.made(settings(*flags))
        assert made["network"]["initial_weights"] == "released model_iter_2.pth"


def test_label_maps_say_255_and_hold_the_masks_that_may_be_used(settings, work):
    flags = ("--semi.share", "0.25")
    for stage in (SGAN_TRAINING, SGAN_MAPS, SEED_LABELS):
        assert stage.run(settings(*flags)) == 0
    masked = sorted(open_layout(settings().data).ids("train"))[0]
    truth = np.asarray(Image.open(work / "data" / "SegmentationClass" / f"{masked}.png"))
    for name, used in (("tiny", False), ("tiny_masks_1_4", True)):
        for file in (work / "result" / f"{name}_seedcam_0.25_labels").glob("*.png"):
            seed = np.asarray(Image.open(work / "result" / f"{name}_seedcam_0.25" / file.name))
            made = truth if used and file.stem == masked else np.where(seed == UNLABELLED, 255, seed)
            assert np.array_equal(np.asarray(Image.open(file)), made)
    SEED_LABELS.score(settings(*flags))
    results = read_results(work / "result" / "tiny_masks_1_4_seedcam_0.25_report" / "results.json")
    assert [(one.method, one.split, one.n_images) for one in results] == [
        ("all background", "train without true masks", 3),
        ("SGAN, 1/4 true masks", "train without true masks", 3),
    ]


def test_pictures_show_what_attention_and_seed_branch_made_of_an_image(settings, work):
    assert METHOD.stage("pictures").run(settings("--report.pictures", "2")) == 0
    examples = work / "result" / "tiny_seedcam_0.25_report" / "examples"
    assert sum(one.is_dir() for one in examples.iterdir()) == 2
    for title in ("salient positions", "attention of the strongest position", "initial seed", "seed: SGAN"):
        assert len(list(examples.glob(f"*/* {title}.png"))) == 2, title
    assert list(examples.glob("*/* seed branch: *.png"))


def test_variants_of_the_ablation_that_differ_in_their_seeds_share_the_network():
    shared = {name for name, variant in METHOD.variants.items() if variant.network_of == "full"}
    assert shared == {"class_maps", "published_painting"}


def test_the_outputs_of_a_variant_lie_in_its_folder(settings, tmp_path):
    config = METHOD.within(settings("--save_model_path", "../models"), tmp_path / "variant")
    places = (SGAN_TRAINING.folder(config), SGAN_MAPS.folder(config), SEED_LABELS.folder(config))
    assert all(place.is_relative_to(tmp_path / "variant") for place in places)
    assert dataclasses.replace(config, out=settings().out, save_model_path="model/") == dataclasses.replace(
        settings(), res_path="result"
    )
