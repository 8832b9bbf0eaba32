"""A PNG that was damaged after it was written is refused, also where Pillow would decode it."""

import random

import numpy as np
import pytest
from PIL import Image

from common.data.images import image_size, read_image, read_label_map, read_saliency
from common.data.palette import write_label_map
from common.errors import DataError

LABELS = np.repeat(np.random.default_rng(0).integers(0, 5, (6, 8), np.uint8), 5, axis=1)


def test_a_flipped_bit_of_a_label_map_is_refused_or_changes_nothing(tmp_path):
    path, choice = tmp_path / "a.png", random.Random(0)
    write_label_map(path, LABELS)
    content, refused = path.read_bytes(), 0
    # The palette, which decides nothing here, would take most of them.
    places = [choice.randrange(content.index(b"IDAT") - 4, len(content)) for _ in range(200)]
    for place in places:
        damaged = bytearray(content)
        damaged[place] ^= 1 << choice.randrange(8)
        path.write_bytes(damaged)
        try:
            np.testing.assert_array_equal(read_label_map(path), LABELS)
        except DataError:
            refused += 1
    assert refused > len(places) // 2


@pytest.mark.parametrize("read", [read_label_map, read_saliency, read_image])
def test_a_wrong_checksum_is_named_with_its_file(tmp_path, read):
    path = tmp_path / "a.png"
    Image.fromarray(LABELS).save(path)
    content = bytearray(path.read_bytes())
    content[content.index(b"IEND") - 5] ^= 1
    path.write_bytes(content)
    assert image_size(path) == LABELS.shape
    with pytest.raises(DataError, match=r"cannot read image .*a\.png: the checksum of its part IDAT is wrong.*again"):
        read(path)
