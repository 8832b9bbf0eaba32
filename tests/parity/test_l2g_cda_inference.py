import re

import numpy as np
import pytest

from common.cam.attention_files import attention_bytes
from common.cam.files import Cams
from common.cam.random_walk_maps import RandomWalkMaps, fuse_random_walk, write_affinity
from common.data.images import read_label_map
from common.data.restricted_pickle import load_npy
from l2g_cda.maps import (
    fuse_attention,
    write_irn,
    write_published_pngs,
)
from tests.parity.l2g_cda_cases import CASES, cases_of, expected, made


def passes(spec):
    """The tagged classes' maps of the eight passes, in the image's own orientation."""
    name = re.search(r'filled_input\("(\w+)<i>"', spec["inputs"])[1]
    maps = []
    for number in range(8):
        scale = (0.5, 1, 1.5, 2)[number // 2]
        size = [-(-round(side * scale) // 8) for side in (spec["height"], spec["width"])]
        scores = made(f"{name}{number}", (1, 21, *size))[0]
        if "replaced by -|x|" in spec["inputs"]:
            scores[spec["classes"]] = -scores[spec["classes"]].abs()
        scores = scores[spec["classes"]]
        maps.append(scores.flip(2) if number % 2 else scores)
    return maps


@pytest.mark.parametrize("case", cases_of("inference"))
def test_attention_maps(case, tmp_path):
    spec, wanted = CASES[case], expected(case)
    keys = np.array(spec["classes"], np.int64)
    attention = fuse_attention(passes(spec), (spec["height"], spec["width"]))
    for number, attention_map in zip(keys, attention, strict=True):
        np.testing.assert_allclose(attention_map, wanted[f"cam_{number}"], rtol=1e-4, atol=1e-5)
        stored = wanted[f"png_{number}"].astype(int)
        assert np.abs(attention_bytes(attention_map).astype(int) - stored).max() <= 1
    write_published_pngs(tmp_path, spec["thr"], "image", Cams(keys, attention))
    labels = read_label_map(tmp_path / "cam_png" / "image.png")
    assert (labels == wanted["label_png"]).mean() >= 0.999


@pytest.mark.parametrize("case", cases_of("inference"))
def test_random_walk_files(case, tmp_path):
    spec, wanted = CASES[case], expected(case)
    maps = [scores.relu() for scores in passes(spec)]
    fused = fuse_random_walk(maps, (spec["height"], spec["width"]))
    walk = RandomWalkMaps(np.array(spec["classes"], np.int64), *fused)
    write_affinity(tmp_path / "aff.npy", walk)
    write_irn(tmp_path / "irn.npy", walk)
    affinity, irn = load_npy(tmp_path / "aff.npy"), load_npy(tmp_path / "irn.npy")
    np.testing.assert_array_equal(affinity["keys"], wanted["aff_keys"])
    np.testing.assert_array_equal(irn["keys"], wanted["irn_keys"])
    for content, full in ((affinity, "hr_cam"), (irn, "high_res")):
        np.testing.assert_allclose(content["cam"], wanted["aff_cam"], rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(content[full], wanted["aff_hr_cam"], rtol=1e-4, atol=1e-5)
