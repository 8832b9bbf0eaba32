"""Multi-scale CAMs: batched and fast, but the values of the plain loop."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from common.bench.cam import GeneratedImages, one_at_a_time, random_classifier
from common.cam import inference
from common.cam.files import read_cams, write_cams
from common.cam.inference import CamConfig, CamInference, PyramidLoader
from common.data.dataset import ListedImages
from common.data.layout import DataConfig, open_layout
from common.data.sampling import SampleFailure
from common.data.toy import ToyConfig, make_toy
from common.engine.inference import LoadedImages, OutputFolder, images_to_files
from common.engine.session import Session
from common.errors import ConfigError, NonFiniteError
from common.models.backbones import BackboneConfig

CPU = torch.device("cpu")
SCALES = [0.5, 1.0, 1.5]
SIZES = ((40, 56), (33, 48), (40, 56))


@pytest.fixture(scope="module")
def network():
    return random_classifier(BackboneConfig("resnet18", 16, 0.125))


@pytest.fixture(scope="module")
def images():
    return GeneratedImages(6, SIZES)


def cams_of(network, images, ids, **settings):
    config = CamConfig(**({"scales": SCALES} | settings))
    load, compute = PyramidLoader(images, config), CamInference(network, config, CPU)
    return compute([load(identifier) for identifier in ids])


class FixedMaps(nn.Module):
    """A "network" that returns given class maps."""

    def __init__(self, maps):
        super().__init__()
        self.maps = torch.tensor(maps, dtype=torch.float32)

    def class_maps(self, images):
        return self.maps.expand(len(images), *self.maps.shape)


class Brightness(nn.Module):
    """A "network" with one class: bright pixels."""

    def class_maps(self, images):
        return images.mean(1, keepdim=True) + 3


def one_image(tags, size=(40, 56)):
    images = GeneratedImages(1, (size,))
    images.samples["0"]["tags"] = np.array(tags, np.float32)
    return images


@pytest.mark.parametrize("threads", [1, 2])
def test_values_are_those_of_one_image_scale_and_mirror_image_at_a_time(network, images, threads):
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        cams = cams_of(network, images, images.ids)
    finally:
        torch.set_num_threads(before)
    for identifier, (keys, maps) in zip(images.ids, cams, strict=True):
        sample = images.read(identifier)
        np.testing.assert_array_equal(keys, np.flatnonzero(sample["tags"]))
        assert maps.dtype == np.float32
        np.testing.assert_allclose(maps, one_at_a_time(network, sample, SCALES)[keys], atol=2e-5)


def test_an_image_alone_has_the_maps_it_has_among_others(network, images):
    together = cams_of(network, images, images.ids)
    for identifier, cam in zip(images.ids, together, strict=True):
        (alone,) = cams_of(network, images, [identifier])
        np.testing.assert_allclose(alone.maps, cam.maps, atol=2e-5)


def test_the_size_of_a_pass_does_not_change_the_values(network, images, monkeypatch):
    together = cams_of(network, images, images.ids)
    monkeypatch.setattr(inference, "PASS_PIXELS_CPU", 1)
    for one, cam in zip(cams_of(network, images, images.ids), together, strict=True):
        np.testing.assert_allclose(one.maps, cam.maps, atol=2e-5)


def test_a_pass_holds_as_many_images_as_its_pixels_allow_and_every_image_once_per_level(network, monkeypatch):
    monkeypatch.setattr(inference, "PASS_PIXELS_CPU", 1000)
    small, large, other = torch.Size((3, 20, 20)), torch.Size((3, 40, 50)), torch.Size((3, 50, 40))
    shapes = [[small, large], [small, large], [small, other], [small, large]]
    expected = [(1, [0]), (1, [1]), (1, [3]), (1, [2]), (0, [0, 1]), (0, [2, 3])]
    plan = CamInference(network, CamConfig(), CPU).plan(shapes)
    assert [(one.level, one.members) for one in plan if not one.mirrored] == expected
    assert [(one.level, one.members) for one in plan if one.mirrored] == expected
    unflipped = CamInference(network, CamConfig(flip=False), CPU).plan(shapes)
    assert [(one.level, one.members) for one in unflipped] == expected


def test_maps_lie_in_0_to_1_and_reach_1(network, images):
    for keys, maps in cams_of(network, images, images.ids):
        assert len(keys) == len(maps) > 0
        assert maps.min() >= 0 and maps.max() <= 1
        assert ((maps.max((1, 2)) > 0.999) | (maps.max((1, 2)) == 0)).all()


def test_negative_values_do_not_count_and_the_maximum_of_each_class_becomes_1():
    maps = [[[4.0, -8.0]], [[1.0, 0.5]], [[-1.0, -2.0]]]
    (cam,) = cams_of(FixedMaps(maps), one_image([1, 1, 1], (1, 2)), ["0"], scales=[1.0], flip=False)
    np.testing.assert_allclose(cam.maps, [[[1, 0]], [[1, 0.5]], [[0, 0]]], atol=1e-4)


def test_the_maps_of_the_mirror_image_are_turned_back():
    images = one_image([1])
    images.samples["0"]["image"] = np.tile(np.arange(56, dtype=np.uint8)[None, :, None] * 4, (40, 1, 3))
    straight, both = (cams_of(Brightness(), images, ["0"], scales=[1.0], flip=flip)[0] for flip in (False, True))
    assert straight.maps[0, 0, 0] < 0.6 * straight.maps[0, 0, -1]
    np.testing.assert_allclose(both.maps, straight.maps, atol=1e-4)


def test_every_scale_is_brought_to_the_image_and_counts_the_same():
    class Steps(nn.Module):
        def class_maps(self, images):
            left = torch.arange(images.shape[3]) < images.shape[3] // 2
            return (left.float() if images.shape[3] == 56 else 1 - left.float()).expand(
                len(images), 1, *images.shape[2:]
            )

    (cam,) = cams_of(Steps(), one_image([1]), ["0"], scales=[1.0, 2.0], flip=False)
    # One scale shows the left half, the other the right half.
    np.testing.assert_allclose(cam.maps[0, :, [0, 10, 45, 55]], 1, atol=1e-4)


def test_an_image_without_tags_has_no_map_but_its_size(network):
    images = one_image([0] * 20)
    (cam,) = cams_of(network, images, ["0"])
    assert (cam.keys.shape, cam.maps.shape) == ((0,), (0, 40, 56))


def test_images_with_and_without_tags_share_a_pass(network):
    images = GeneratedImages(2, SIZES[:1])
    images.samples["0"]["tags"] = np.zeros(20, np.float32)
    empty, full = cams_of(network, images, images.ids)
    assert len(empty.keys) == 0
    np.testing.assert_allclose(full.maps, cams_of(network, images, ["1"])[0].maps, atol=2e-5)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_values_that_are_not_finite_are_an_error(value):
    with pytest.raises(NonFiniteError, match="NaN or infinite"):
        cams_of(FixedMaps([[[value, 1.0]]]), one_image([1], (1, 2)), ["0"], scales=[1.0])


def test_the_network_that_is_handed_over_stays_as_it_was(network, images):
    network.train()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    cams_of(network, images, ["0"])
    assert network.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
    network.eval()


def test_half_precision_is_close(network, images):
    exact, half = (cams_of(network, images, images.ids, precision=precision) for precision in ("fp32", "bf16"))
    differences = [np.abs(one.maps - other.maps).max() for one, other in zip(exact, half, strict=True)]
    assert 1e-4 < max(differences) < 0.1


def test_the_pyramid_holds_the_normalised_image_at_every_scale():
    images = one_image([0, 1], (33, 48))
    sample = PyramidLoader(images, CamConfig(scales=[0.5, 1.0]))("0")
    assert sample["size"] == (33, 48) and sample["keys"].tolist() == [1]
    # Python rounds half to even, as the originals do.
    assert [tuple(level.shape) for level in sample["pyramid"]] == [(3, 16, 24), (3, 33, 48)]
    pixels = torch.from_numpy(images.read("0")["image"]).permute(2, 0, 1) / 255
    mean, std = (torch.tensor(values)[:, None, None] for values in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    torch.testing.assert_close(sample["pyramid"][1], (pixels - mean) / std, atol=1e-5, rtol=1e-5)
    small = np.asarray(Image.fromarray(images.read("0")["image"]).resize((24, 16), Image.Resampling.BICUBIC))
    expected = (torch.from_numpy(small.copy()).permute(2, 0, 1) / 255 - mean) / std
    torch.testing.assert_close(sample["pyramid"][0], expected, atol=1e-5, rtol=1e-5)


def test_the_long_side_is_scale_1():
    sample = PyramidLoader(one_image([1], (30, 60)), CamConfig(long_side=20, scales=[1.0, 2.0]))("0")
    assert [tuple(level.shape[1:]) for level in sample["pyramid"]] == [(10, 20), (20, 40)]
    assert sample["size"] == (30, 60)


def test_a_narrow_image_keeps_at_least_one_pixel():
    sample = PyramidLoader(one_image([1], (1, 60)), CamConfig(scales=[0.25]))("0")
    assert tuple(sample["pyramid"][0].shape) == (3, 1, 15)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"scales": []}, "cam.scales is .*1 to 64 of them"),
        ({"scales": [1.0, 0.0]}, "above 0"),
        ({"scales": [float("nan")]}, "above 0"),
        ({"scales": [float("inf")]}, "above 0"),
        ({"long_side": -1}, "cam.long_side is -1; give a whole number from 0"),
        ({"batch_size": 0}, "cam.batch_size is 0; give a whole number from 1"),
    ],
)
def test_impossible_settings_are_an_error(settings, message):
    with pytest.raises(ConfigError, match=message):
        CamConfig(**settings)


@pytest.fixture
def listed(tmp_path):
    """Three generated images, of which the second is cut off."""
    make_toy(tmp_path / "toy", ToyConfig(n_train=3, n_val=1, size=48))
    layout = open_layout(DataConfig("toy", str(tmp_path / "toy")))
    path = layout.image_path("train_0001")
    path.write_bytes(path.read_bytes()[:400])
    return ListedImages(layout, layout.ids("train"), parts={"tags"})


def test_an_unreadable_image_is_a_failure_that_names_its_file(listed):
    loaded = LoadedImages(listed.ids, PyramidLoader(listed, CamConfig()))
    assert not isinstance(loaded[0][1], SampleFailure)
    image_id, failure = loaded[1]
    assert image_id == "train_0001"
    assert isinstance(failure, SampleFailure) and "train_0001.jpg" in failure.message


def test_an_unreadable_image_is_counted_and_the_others_get_their_files(listed, network, tmp_path):
    config = CamConfig(scales=[1.0])
    report = images_to_files(
        listed.ids,
        PyramidLoader(listed, config),
        write_cams,
        OutputFolder(tmp_path / "cams", ".npz", {}),
        Session(0, 1, CPU),
        compute=CamInference(network, config, CPU),
        batch_size=3,
        workers=0,
    )
    assert (report.done, list(report.failed)) == (2, ["train_0001"])
    assert report.exit_status("cam") == 1
    keys, maps = read_cams(tmp_path / "cams/train_0002.npz")
    np.testing.assert_array_equal(keys, np.flatnonzero(listed.tags["train_0002"]))
    assert maps.shape[1:] == (48, 48)
    assert not (tmp_path / "cams/train_0001.npz").exists()
