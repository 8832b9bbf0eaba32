"""``predict``: any folder of images, without dataset, lists or masks."""

import json

import numpy as np
import pytest
from PIL import Image

from common.data.images import read_image, read_label_map
from common.data.palette import voc_palette
from common.errors import CheckpointError, ConfigError, DataError
from common.metrics.confidence import CONFIDENCE_SUFFIX, read_confidence
from common.visual.overlay import label_overlay
from deeplabv2.main import main


@pytest.fixture
def photographs(toy, tmp_path):
    """Images of several sizes, forms and depths, in a folder and below it."""
    folder = tmp_path / "photographs"
    (folder / "holiday" / "2024").mkdir(parents=True)
    first = Image.open(toy / "JPEGImages" / "val_0000.jpg")
    first.save(folder / "cat.jpg")
    first.resize((60, 96)).convert("L").save(folder / "holiday" / "grey.PNG")
    first.resize((130, 40)).save(folder / "holiday" / "2024" / "my dog.v2.jpeg")
    (folder / ".thumbnails").mkdir()
    first.save(folder / ".thumbnails" / "cat.jpg")
    return folder


@pytest.fixture
def arguments(settings, checkpoint, photographs, tmp_path):
    out = tmp_path / "out"
    return ["-c", settings[1], "-m", str(checkpoint), "--images", str(photographs), "--out", str(out), "--cpu"]


IDS = {"cat", "holiday/grey", "holiday/2024/my dog.v2"}


def written(folder, suffix):
    return {path.relative_to(folder).as_posix().removesuffix(suffix) for path in folder.rglob(f"*{suffix}")}


def test_every_image_gets_a_palette_mask_and_an_overlay(arguments, photographs, tmp_path):
    assert main(["predict", *arguments]) == 0
    out = tmp_path / "out"
    assert written(out / "masks", ".png") == IDS
    assert written(out / "overlays", ".jpg") == IDS
    assert not (out / "probabilities").exists()
    with Image.open(out / "masks" / "holiday" / "2024" / "my dog.v2.png") as mask:
        assert (mask.mode, mask.size) == ("P", (130, 40))
        assert mask.getpalette()[:63] == voc_palette().ravel().tolist()[:63]
    assert (out / "labels.txt").read_text().splitlines()[0] == "0\tbackground"


@pytest.mark.parametrize("options", [[], ["--crf", "--probabilities"]])
def test_a_photograph_with_an_exif_orientation_gets_an_upright_mask(arguments, photographs, tmp_path, options):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.open(photographs / "cat.jpg").resize((96, 60)).save(photographs / "cat.jpg", exif=exif)
    assert main(["predict", *arguments, *options]) == 0
    for file in ("masks/cat.png", "overlays/cat.jpg"):
        with Image.open(tmp_path / "out" / file) as written_file:
            assert written_file.height > written_file.width
    assert read_label_map(tmp_path / "out/masks/cat.png").shape == (96, 60)


def test_an_image_that_does_not_fit_into_memory_fails_by_name_and_the_others_are_done(
    arguments, photographs, tmp_path, monkeypatch, capsys
):
    Image.new("RGB", (1500, 1200)).save(photographs / "large.png")
    monkeypatch.setattr("common.memory.free_memory", lambda: 500_000_000)
    assert main(["predict", *arguments, "--long-side", "0", "--engine.workers", "0"]) == 1
    assert (
        "failed: large:" in (text := capsys.readouterr().err)
        and "set test.long_side (predict: --long-side) to 1" in text
    )
    assert written(tmp_path / "out" / "masks", ".png") == IDS


def test_masks_are_those_of_test_at_the_images_own_size(arguments, settings, toy, checkpoint, features, tmp_path):
    main(["test", *settings, "--out", str(tmp_path / "out"), "-m", str(checkpoint)])
    main(
        ["predict", *arguments, "--images", str(toy / "JPEGImages"), "--out", str(tmp_path / "all"), "--long-side", "0"]
    )
    for file in (features / "label").glob("*.png"):
        np.testing.assert_array_equal(read_label_map(tmp_path / "all" / "masks" / file.name), read_label_map(file))


def test_probabilities_are_float16_at_image_size_and_their_maximum_is_the_mask(arguments, tmp_path):
    assert main(["predict", *arguments, "--probabilities", "--no-overlays", "--crf"]) == 0
    assert written(tmp_path / "out" / "probabilities", ".npz") == IDS
    assert not (tmp_path / "out" / "overlays").exists()
    with np.load(tmp_path / "out" / "probabilities" / "holiday" / "grey.npz") as file:
        probabilities = file["probabilities"]
    assert (probabilities.dtype, probabilities.shape) == (np.float16, (7, 96, 60))
    np.testing.assert_allclose(probabilities.astype(np.float32).sum(0), 1, atol=5e-3)
    mask = read_label_map(tmp_path / "out" / "masks" / "holiday" / "grey.png")
    assert (probabilities.argmax(0) == mask).mean() > 0.99


def test_how_sure_the_network_is_is_written_on_request_the_same_with_the_crf_and_for_any_name(
    arguments, photographs, tmp_path
):
    Image.open(photographs / "cat.jpg").save(photographs / "stage.jpg")
    assert main(["predict", *arguments, "--confidence"]) == 0
    out = tmp_path / "out" / "confidence"
    assert written(out, CONFIDENCE_SUFFIX) == {*IDS, "stage"}
    found = read_confidence(out / f"cat{CONFIDENCE_SUFFIX}")
    assert 0 < found.entropy < 1 and 0 < found.expected_overlap < 1
    assert main(["predict", *arguments, "--confidence", "--crf", "--out", str(tmp_path / "refined")]) == 0
    assert read_confidence(tmp_path / "refined" / "confidence" / f"cat{CONFIDENCE_SUFFIX}") == found


def test_the_crf_and_the_size_change_the_record_and_are_not_mixed(arguments):
    main(["predict", *arguments])
    for flags in (["--crf"], ["--long-side", "64"], ["--flip"]):
        with pytest.raises(ConfigError, match="other settings"):
            main(["predict", *arguments, *flags])


def test_the_size_for_the_network_is_that_of_the_configuration(arguments, photographs, tmp_path):
    main(["predict", *arguments, "--image.test_size", "48"])
    record = json.loads((tmp_path / "out" / "masks" / "stage.json").read_text())
    assert record["network"]["long_side"] == 48
    assert read_label_map(tmp_path / "out" / "masks" / "cat.png").shape == (96, 96)


def test_overlays_are_at_the_photographs_own_size_and_show_the_mask(arguments, photographs, tmp_path):
    main(["predict", *arguments, "--image.test_size", "48"])
    for name in ("cat.jpg", "holiday/grey.PNG", "holiday/2024/my dog.v2.jpeg"):
        photograph, file = read_image(photographs / name), (tmp_path / "out" / "overlays" / name).with_suffix(".jpg")
        mask = read_label_map((tmp_path / "out" / "masks" / name).with_suffix(".png"))
        overlay = read_image(file).astype(int)
        assert overlay.shape == photograph.shape
        wanted = label_overlay(photograph, mask).astype(int)
        assert np.abs(overlay - wanted).mean() < 12


def test_unreadable_images_are_named_and_counted_and_the_status_is_1(arguments, photographs, tmp_path, capsys):
    (photographs / "broken.jpg").write_bytes((photographs / "cat.jpg").read_bytes()[:300])
    (photographs / "holiday" / "text.png").write_text("not an image")
    Image.fromarray(np.zeros((1, 200, 3), np.uint8)).save(photographs / "line.png")
    small = ["--network.pyramid", "[0.5]", "--image.test_size", "96"]
    assert main(["predict", *arguments, *small]) == 1
    captured = capsys.readouterr()
    assert "3 written, 0 already there, 3 failed" in captured.out
    assert all(name in captured.err for name in ("broken.jpg", "text.png", "line.png"))
    assert written(tmp_path / "out" / "masks", ".png") == IDS


def test_a_stopped_command_continues_and_another_output_is_added(arguments, tmp_path, capsys):
    main(["predict", *arguments])
    (tmp_path / "out" / "overlays" / "cat.jpg").unlink()
    main(["predict", *arguments])
    assert "1 written, 2 already there" in capsys.readouterr().out
    main(["predict", *arguments, "--probabilities"])
    assert written(tmp_path / "out" / "probabilities", ".npz") == IDS


def test_results_below_the_images_are_not_taken_for_images(arguments, photographs, capsys):
    inside = [*arguments, "--out", str(photographs / "predicted")]
    main(["predict", *inside])
    main(["predict", *inside])
    assert "0 written, 3 already there" in capsys.readouterr().out


def test_without_a_configuration_that_of_the_training_is_used(arguments, checkpoint, tmp_path, capsys):
    assert main(["predict", *arguments[2:]]) == 0
    assert f"Config: {checkpoint.parent / 'config.yaml'}" in capsys.readouterr().out
    assert written(tmp_path / "out" / "masks", ".png") == IDS


@pytest.mark.parametrize(
    ("flags", "error", "message"),
    [
        (["--images", ""], ConfigError, "--images FOLDER and --out FOLDER"),
        (["--images", "no/such"], DataError, "no/such does not exist"),
        (["-m", "no/such.pth"], CheckpointError, "no/such.pth"),
        (["--data.label_names", "no/such.txt"], DataError, "no/such.txt"),
        (["--long-side", "-1"], ConfigError, "seen_side is -1"),
    ],
)
def test_what_is_missing_is_named(arguments, flags, error, message):
    with pytest.raises(error, match=message):
        main(["predict", *arguments, *flags])
