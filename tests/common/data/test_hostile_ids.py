"""An id or a path that leaves the dataset is refused by every reader that could meet it, with the file it stands in."""

import pickle
from functools import partial

import numpy as np
import pytest
from PIL import Image

from common.cam.attention_files import write_attention_pngs
from common.cam.files import Cams, find_cams
from common.crf.folder import image_of
from common.data.layout import DataConfig, open_layout
from common.data.lists import read_list
from common.data.tags import read_tags
from common.data.tags_xml import read_xml_names
from common.engine.inference import OutputFolder
from common.errors import DataError
from common.method.label_maker import ReadMaps
from common.method.score import evaluate_labels
from common.metrics.__main__ import main as score
from common.metrics.lost_pixels import main as lost_pixels
from common.report.examples import write_example
from common.report.html import Example, Panel
from deeplabv2.dataset import label_file
from deeplabv2.outputs import ReadPredictions
from l2g_cda.maps import write_published_pngs
from sgan.dataset import seed_file
from smaf.evaluation import require_pngs
from sod_wsss.base_stages import label_map_file
from sod_wsss.random_walk import WalkLoader

DRIVE = "C" + ":"
HOSTILE = ["/x", "../x", "a/../../x", DRIVE + "\\x", "\\\\host\\x", "a\0b"]
NO_MAPS = Cams(np.array([0]), np.zeros((1, 2, 2), np.float32))


class OneImage:
    def read(self, image_id):
        return {"image": np.zeros((4, 4, 3), np.uint8)}


@pytest.fixture
def layout(tmp_path):
    """A dataset in a folder, beside a file that is not part of it."""
    root = tmp_path / "data"
    for name in ("images", "masks", "saliency"):
        (root / name).mkdir(parents=True)
        Image.new("L", (4, 4)).save(root / name / "a.png")
    Image.new("L", (4, 4)).save(tmp_path / "x.png")
    (root / "tags.csv").write_text("a,cat\n")
    return open_layout(DataConfig(dataset="folder", root=str(root)))


def readers(layout):
    """What turns an id into a path, by name."""
    root = layout.root
    return {
        "image": layout.image_path,
        "mask": layout.mask_path,
        "saliency": layout.saliency_path,
        "output": OutputFolder(root, ".png", {}).file,
        "annotations": lambda image_id: read_xml_names(root, [image_id]),
        "cams": partial(find_cams, root),
        "attention": lambda image_id: write_attention_pngs(root, image_id, NO_MAPS),
        "crf": partial(image_of, root),
        "maps": ReadMaps(root, ".npz", None),
        "example": lambda image_id: write_example(root, Example(image_id, [Panel("a", np.zeros((2, 2, 3), np.uint8))])),
        "label": partial(label_file, root),
        "logits": ReadPredictions(lambda image_id: root, root, 3, {}),
        "l2g": lambda image_id: write_published_pngs(root, 0.5, image_id, NO_MAPS),
        "sgan": partial(seed_file, root, layout, frozenset()),
        "smaf": lambda image_id: require_pngs(root, [image_id]),
        "sod": partial(label_map_file, root),
        "walk": WalkLoader(OneImage(), root, 16),
        "score": lambda image_id: evaluate_labels(layout, [image_id], root),
    }


NAMES = (
    *(
        "image",
        "mask",
        "saliency",
        "output",
        "annotations",
        "cams",
        "attention",
        "crf",
        "maps",
        "example",
        "label",
        "logits",
    ),
    *("l2g", "sgan", "smaf", "sod", "walk", "score"),
)


@pytest.mark.parametrize("image_id", HOSTILE)
@pytest.mark.parametrize("name", NAMES)
def test_nothing_turns_such_an_id_into_a_path(tmp_path, layout, name, image_id):
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(DataError, match="image id .* refused"):
        readers(layout)[name](image_id)
    assert sorted(tmp_path.rglob("*")) == before


def test_all_of_them_are_tried(layout):
    assert tuple(readers(layout)) == NAMES


@pytest.mark.parametrize("image_id", HOSTILE[:5])
@pytest.mark.parametrize("line", ["{}", "{} 0 2"])
def test_lists_name_the_line(tmp_path, image_id, line):
    (tmp_path / "list.txt").write_text("\n".join(line.format(one) for one in ("a", image_id)) + "\n")
    with pytest.raises(DataError, match=r"list\.txt line 2: the id .* refused"):
        read_list(tmp_path / "list.txt")


@pytest.mark.parametrize("hostile", ["../x.png", "/../x.png", "/a/../../x.png", DRIVE + "/x.png", "\\..\\x.png"])
def test_paths_of_lists_are_refused_where_they_are_used_and_a_leading_slash_means_the_root(layout, hostile):
    (layout.root / "train.txt").write_text(f"/images/a.png {hostile}\n{hostile} /masks/a.png\n")
    listed = open_layout(DataConfig(dataset="folder", root=str(layout.root)))
    assert listed.image_path("a") == layout.root / "images" / "a.png"
    for find, image_id in ((listed.mask_path, "a"), (listed.image_path, listed.ids("train")[1])):
        with pytest.raises(DataError, match=r"path .* leaves its root .*; refused"):
            find(image_id)


@pytest.mark.parametrize("image_id", HOSTILE[:5])
@pytest.mark.parametrize("suffix", [".csv", ".npy", ".pkl", ".txt"])
def test_tags_name_their_file(tmp_path, suffix, image_id):
    path = tmp_path / f"tags{suffix}"
    if suffix == ".npy":
        np.save(path, {image_id: np.array([1.0])})
    else:
        text = {".csv": f"{image_id},cat\n", ".txt": f"{image_id} 0\n"}
        path.write_bytes(pickle.dumps({image_id: [1]}) if suffix == ".pkl" else text[suffix].encode())
    with pytest.raises(DataError, match=rf"tags\{suffix}.*: the id .* refused"):
        read_tags(path, ["cat"])


@pytest.mark.parametrize("command", [score, lost_pixels])
def test_commands_on_plain_folders_refuse_such_lists(tmp_path, layout, command):
    (tmp_path / "list.txt").write_text(f"{tmp_path / 'x'}\n")
    (tmp_path / "classes.txt").write_text("cat\n")
    folder = str(layout.root / "masks")
    with pytest.raises(
        DataError, match=r"list\.txt line 1: the id .* is an absolute path and so leaves its root; refused"
    ):
        command([folder, folder, "--list", str(tmp_path / "list.txt"), "--classes", str(tmp_path / "classes.txt")])
