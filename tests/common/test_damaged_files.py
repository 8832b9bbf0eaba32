"""A bit that flips in a file of ours, or an end that is lost, changes nothing unseen: the file is refused, or says the same."""

import pickletools
import random

import numpy as np
import pytest
import safetensors.torch
import torch
from PIL import Image
from torch import nn

from common.cam.files import Cams, read_cams, write_cams, write_dictionary
from common.cam.random_walk_maps import RandomWalkMaps, read_affinity, write_affinity
from common.data.images import image_size, read_image, read_label_map, read_saliency
from common.data.palette import write_label_map
from common.engine.checkpoint import load_model_state, save_checkpoint
from common.errors import CheckpointError, DataError, ToolboxError
from common.files import NPY_CHECKSUM, read_npz, write_npy, write_npz, write_torch
from common.models.weights import load_weights, read_state_dict

N_MUTANTS = 120
MAPS = np.random.default_rng(0).random((2, 5, 6), dtype=np.float32)
KEYS = np.array([1, 3])
LABEL_MAP = np.repeat(np.random.default_rng(0).integers(0, 5, (6, 8), np.uint8), 5, axis=1)


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4))


def write_checkpoint(path):
    content = {
        "config": {},
        "optimizer": {},
        "scaler": {},
        "history": [],
        "pending": {},
        "model": network().state_dict(),
    }
    save_checkpoint(path.parent, 1, content, keep_last=1).rename(path)


def write_maps_of_random_walk(path):
    write_affinity(path, RandomWalkMaps(KEYS, MAPS[:, :2, :2], MAPS))


def loaded(path):
    model = network()
    load_weights(model, read_state_dict(path), source="file")
    return {name: tensor.numpy() for name, tensor in model.state_dict().items()}


FILES = {
    "weights.pth": (lambda path: write_torch(path, network().state_dict()), loaded),
    "checkpoint.pth": (
        write_checkpoint,
        lambda path: {name: tensor.numpy() for name, tensor in load_model_state(path).items()},
    ),
    "cams.npz": (lambda path: write_cams(path, Cams(KEYS, MAPS)), lambda path: read_cams(path)._asdict()),
    "probabilities.npz": (lambda path: write_npz(path, probabilities=MAPS), read_npz),
    "cams.npy": (
        lambda path: write_dictionary(path, {"keys": KEYS, "high_res": MAPS}),
        lambda path: read_cams(path)._asdict(),
    ),
    "walk.npy": (write_maps_of_random_walk, lambda path: read_affinity(path)._asdict()),
}


def mutants(content, count=N_MUTANTS):
    choice = random.Random(0)
    for number in range(count):
        mutant = bytearray(content)
        if number % 4:
            mutant[choice.randrange(len(content))] ^= 1 << choice.randrange(8)
        else:
            del mutant[choice.randrange(len(content)) :]
        yield bytes(mutant)


def same(one, other):
    return one.keys() == other.keys() and all(
        one[name].dtype == other[name].dtype and np.array_equal(one[name], other[name]) for name in one
    )


@pytest.mark.parametrize("name", FILES)
def test_a_damaged_file_of_ours_is_refused_or_holds_the_same_values(tmp_path, name):
    write, read = FILES[name]
    path = tmp_path / name
    write(path)
    expected, messages = read(path), []
    for mutant in mutants(path.read_bytes()):
        path.write_bytes(mutant)
        try:
            assert same(read(path), expected)
        except ToolboxError as error:
            messages.append(str(error))
    assert len(messages) > N_MUTANTS // 2
    assert all(name in message for message in messages)


def test_what_stands_behind_an_array_does_not_keep_others_from_reading_it(tmp_path):
    write_npy(tmp_path / "a.npy", MAPS)
    np.testing.assert_array_equal(np.load(tmp_path / "a.npy"), MAPS)
    np.testing.assert_array_equal(np.load(tmp_path / "a.npy", mmap_mode="r"), MAPS)
    write_dictionary(tmp_path / "b.npy", {4: MAPS[0]})
    with (tmp_path / "b.npy").open("rb") as file:
        np.lib.format.read_magic(file)
        np.lib.format.read_array_header_1_0(file)
        # What reads a pickle goes no further than its last instruction.
        assert [*pickletools.genops(file)][-1][0].name == "STOP"
        assert file.read().startswith(NPY_CHECKSUM)


@pytest.mark.parametrize("form", ["legacy.pth", "other.safetensors"])
def test_files_of_others_that_lost_their_end_are_refused(tmp_path, form):
    path = tmp_path / form
    if form.endswith(".pth"):
        torch.save(network().state_dict(), path, _use_new_zipfile_serialization=False)
    else:
        safetensors.torch.save_file(dict(network().state_dict()), path)
    content = path.read_bytes()
    for length in range(0, len(content), 7):
        path.write_bytes(content[:length])
        with pytest.raises(CheckpointError, match=form):
            read_state_dict(path)


def test_a_flipped_bit_of_a_label_map_is_refused_or_changes_nothing(tmp_path):
    path, choice = tmp_path / "a.png", random.Random(0)
    write_label_map(path, LABEL_MAP)
    content, refused = path.read_bytes(), 0
    # The palette, which decides nothing here, would take most of them.
    places = [choice.randrange(content.index(b"IDAT") - 4, len(content)) for _ in range(200)]
    for place in places:
        damaged = bytearray(content)
        damaged[place] ^= 1 << choice.randrange(8)
        path.write_bytes(damaged)
        try:
            np.testing.assert_array_equal(read_label_map(path), LABEL_MAP)
        except DataError:
            refused += 1
    assert refused > len(places) // 2


@pytest.mark.parametrize("read", [read_label_map, read_saliency, read_image])
def test_a_wrong_checksum_is_named_with_its_file(tmp_path, read):
    path = tmp_path / "a.png"
    Image.fromarray(LABEL_MAP).save(path)
    content = bytearray(path.read_bytes())
    content[content.index(b"IEND") - 5] ^= 1
    path.write_bytes(content)
    assert image_size(path) == LABEL_MAP.shape
    with pytest.raises(DataError, match=r"cannot read image .*a\.png: the checksum of its part IDAT is wrong.*again"):
        read(path)
