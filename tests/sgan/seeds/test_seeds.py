import numpy as np
import pytest
from PIL import Image

from common.data.layout import open_layout
from common.errors import CheckpointError, ConfigError, DataError
from sgan.seeds.folders import label_folder
from sgan.seeds.image import seed_rule
from sgan.seeds.infer import make_seeds
from sgan.seeds.initial import make_initial_seeds
from sgan.seeds.labels import make_label_maps

UNLABELLED = 7


def sample(saliency, keys):
    return {"size": saliency.shape, "keys": np.array(keys), "cue": saliency}


def rule(settings, *flags):
    config = settings(*flags)
    return seed_rule(config, open_layout(config.data))


def test_seeds_are_grey_files_of_the_size_of_the_image(work, settings):
    files = sorted((work / "result" / "tiny_seedcam_0.25").glob("*.png"))
    assert len(files) == 4
    for file in files:
        with Image.open(file) as image:
            assert (image.mode, image.size) == ("L", (40, 40))
            assert np.asarray(image).max() <= UNLABELLED


def test_existing_seeds_are_kept_and_other_settings_refused(settings, work):
    kept = next((work / "result" / "tiny_seedcam_0.25").glob("*.png"))
    before = kept.stat().st_mtime_ns
    assert make_seeds(settings()).skipped == 4
    assert kept.stat().st_mtime_ns == before
    with pytest.raises(ConfigError, match="cam_thresh"):
        make_seeds(settings("--cam_thresh", "0.5"))


def test_an_unfinished_training_makes_no_seeds(settings):
    with pytest.raises(CheckpointError, match="stopped at step 2 of 9"):
        make_seeds(settings("--max_iter", "9"))


def test_dense_seeds_leave_nothing_unlabelled(settings):
    maps = np.random.default_rng(0).standard_normal((6, 5, 5)).astype(np.float32)
    maps[2, 2, 2] = 9
    saliency = np.zeros((20, 20), np.float32)
    saliency[5:15, 5:15] = 1
    given = sample(saliency, [2, 4])
    assert UNLABELLED in rule(settings)(maps, given)
    dense = rule(settings, "--seeds.at", "image", "--seeds.fill", "strongest", "--seeds.overruled", "[all]")(
        maps, given
    )
    assert set(np.unique(dense)) <= {0, 3, 5}
    assert ((dense > 0) == (saliency > 0)).all()


def test_an_image_without_tags_has_background_and_unlabelled_cells_only(settings):
    maps, saliency = np.ones((6, 5, 5), np.float32), np.zeros((20, 20), np.float32)
    saliency[:10] = 1
    for flags in ((), ("--seeds.fill", "strongest"), ("--seeds.rule", "harmonic")):
        assert set(np.unique(rule(settings, *flags)(maps, sample(saliency, [])))) <= {0, UNLABELLED}


def test_classes_give_way_to_background_by_name(settings):
    maps, saliency = np.zeros((6, 5, 5), np.float32), np.zeros((5, 5), np.float32)
    maps[1, 2, 2] = 1
    assert rule(settings)(maps, sample(saliency, [1]))[2, 2] == 2
    assert rule(settings, "--seeds.overruled", "[fish]")(maps, sample(saliency, [1]))[2, 2] == 0


def test_initial_seeds_need_cams(settings):
    with pytest.raises(DataError, match="no CAMs in nowhere"):
        make_initial_seeds(settings("--stage0.cams", "nowhere"))


def test_label_maps_say_255_and_hold_the_masks_that_may_be_used(settings, work):
    config = settings("--semi.share", "0.25", "--test_cfg", "_none")
    make_label_maps(settings())
    folder = label_folder(settings().seed_folder)
    for file in folder.glob("*.png"):
        seed = np.asarray(Image.open(work / "result" / "tiny_seedcam_0.25" / file.name))
        assert np.array_equal(np.asarray(Image.open(file)), np.where(seed == UNLABELLED, 255, seed))
    config.seed_folder.mkdir()
    for name in ("stage.json", *(file.name for file in folder.glob("*.png"))):
        (config.seed_folder / name).write_bytes((work / "result" / "tiny_seedcam_0.25" / name).read_bytes())
    make_label_maps(config)
    masked = sorted(open_layout(config.data).ids("train"))[0]
    truth = np.asarray(Image.open(work / "data" / "SegmentationClass" / f"{masked}.png"))
    assert np.array_equal(np.asarray(Image.open(label_folder(config.seed_folder) / f"{masked}.png")), truth)


def test_label_maps_need_seeds(settings):
    with pytest.raises(DataError, match="run tools/stage2/infer_cam"):
        make_label_maps(settings("--test_cfg", "_other"))


def test_pictures_are_drawn_when_asked_for(settings, work):
    make_seeds(settings("--report.pictures", "2"))
    examples = work / "result" / "tiny_seedcam_0.25_report" / "examples"
    assert sum(one.is_dir() for one in examples.iterdir()) == 2
    for title in ("SGAN seed", "initial seed", "ground truth"):
        assert len(list(examples.glob(f"*/* {title}.png"))) == 2
    assert (examples / "classes.json").is_file()
