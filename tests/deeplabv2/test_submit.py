"""``submit``: the archive holds what the server of PASCAL VOC takes and nothing else."""

import io
import shutil
import tarfile

import numpy as np
import pytest
from PIL import Image

from common.data.palette import write_label_map
from common.errors import ConfigError, DataError
from deeplabv2.main import main
from deeplabv2.submit import require_content, write_archive

IDS = [f"val_{number:04}" for number in range(4)]


@pytest.fixture
def masks(tmp_path):
    """Label maps as they should be."""
    for number, image_id in enumerate(IDS):
        write_label_map(tmp_path / "masks" / f"{image_id}.png", np.full((96, 96), number, np.uint8))
    return tmp_path / "masks"


@pytest.fixture
def arguments(settings, masks, tmp_path):
    return [*settings, "--split", "val", "--masks", str(masks), "--out", str(tmp_path / "results.tgz")]


def members(path):
    with tarfile.open(path, "r:gz") as archive:
        return {member.name: archive.extractfile(member).read() for member in archive}


@pytest.mark.parametrize("competition", ["5", "6"])
def test_the_archive_holds_every_label_map_of_the_list(arguments, masks, tmp_path, competition):
    write_label_map(masks / "not_in_the_list.png", np.zeros((4, 4), np.uint8))
    assert main(["submit", *arguments, "--competition", competition]) == 0
    found = members(tmp_path / "results.tgz")
    prefix = f"results/VOC2012/Segmentation/comp{competition}_test_cls"
    assert sorted(found) == [f"{prefix}/{image_id}.png" for image_id in IDS]
    with Image.open(io.BytesIO(found[f"{prefix}/val_0003.png"])) as image:
        assert (image.mode, image.size, np.unique(np.array(image)).tolist()) == ("P", (96, 96), [3])


def test_predictions_of_test_and_crf_are_packed(settings, checkpoint, features, tmp_path):
    flags = [*settings, "--out", str(tmp_path / "out"), "-m", str(checkpoint)]
    main(["test", *flags])
    main(["crf", *flags])
    flags = [*settings, "--outputs", str(tmp_path / "out")]
    for kind, extra in (("label", []), ("crf", ["--crf"])):
        archive = tmp_path / f"{kind}.tgz"
        assert main(["submit", *flags, "--split", "val", "--out", str(archive), *extra]) == 0
        expected = {file.name: file.read_bytes() for file in (features / kind).glob("*.png")}
        assert {name.rpartition("/")[2]: content for name, content in members(archive).items()} == expected


def test_the_bytes_do_not_depend_on_when_and_where(arguments, masks, tmp_path):
    main(["submit", *arguments])
    shutil.copytree(masks, tmp_path / "copy")
    for file in (tmp_path / "copy").iterdir():
        file.touch()
        file.chmod(0o600)
    main(["submit", *arguments, "--masks", str(tmp_path / "copy"), "--out", str(tmp_path / "again.tgz")])
    assert (tmp_path / "results.tgz").read_bytes() == (tmp_path / "again.tgz").read_bytes()


def grey(path):
    Image.fromarray(np.zeros((96, 96), np.uint8)).save(path)


def other_palette(path):
    image = Image.fromarray(np.zeros((96, 96), np.uint8))
    image.putpalette([9] * 768)
    image.save(path)


FAULTS = {
    "pixel format L": grey,
    "another palette": other_palette,
    "is 40x30 but its image is 96x96": lambda path: write_label_map(path, np.zeros((30, 40), np.uint8)),
    "holds the label 255": lambda path: write_label_map(path, np.full((96, 96), 255, np.uint8)),
    "holds the label 7": lambda path: write_label_map(path, np.full((96, 96), 7, np.uint8)),
    "cannot read image": lambda path: path.write_bytes(path.read_bytes()[:60]),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_label_map_that_the_server_would_refuse_is_named_and_nothing_is_packed(arguments, masks, tmp_path, fault):
    FAULTS[fault](masks / "val_0002.png")
    with pytest.raises(DataError, match=f"1 of 4 .*val_0002.png.*{fault}|1 of 4 .*{fault}.*val_0002.png"):
        main(["submit", *arguments])
    assert not (tmp_path / "results.tgz").exists()


def test_a_missing_label_map_is_named(arguments, masks):
    (masks / "val_0001.png").unlink()
    with pytest.raises(DataError, match="1 of 4 images of val have no label map.*val_0001.*--split val"):
        main(["submit", *arguments])


def test_a_missing_list_is_named(arguments):
    with pytest.raises(DataError, match="trial"):
        main(["submit", *arguments, "--split", "trial"])


def test_the_server_knows_two_competitions(arguments):
    with pytest.raises(ConfigError, match="competition"):
        main(["submit", *arguments, "--competition", "7"])


@pytest.mark.parametrize("change", ["other content", "one more", "one less", "cut"])
def test_an_archive_that_holds_something_else_is_found(tmp_path, change):
    files = {name: tmp_path / name for name in ("a.png", "b.png")}
    for name, file in files.items():
        file.write_text(name)
    archive = tmp_path / "results.tgz"
    write_archive(archive, files)
    require_content(archive, files)
    if change == "other content":
        files["a.png"].write_text("other")
    elif change == "one more":
        del files["b.png"]
    elif change == "one less":
        files["c.png"] = files["a.png"]
    else:
        archive.write_bytes(archive.read_bytes()[:-20])
    with pytest.raises(DataError, match=r"results\.tgz"):
        require_content(archive, files)
