"""Images of any folder: nested, hidden ones left out, nothing outside it."""

import pytest

from common.errors import ConfigError, DataError
from deeplabv2.predict import find_images


def make(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def test_ids_are_paths_inside_the_folder_without_the_ending(tmp_path):
    make(tmp_path / "in", "b.JPG", "a/x.v2.png", "a/b/c.webp", "notes.txt", ".hidden.jpg", ".git/y.png", "z.jpg/k.png")
    found = find_images(tmp_path / "in", tmp_path / "out")
    assert list(found) == ["a/b/c", "a/x.v2", "b", "z.jpg/k"]
    assert found["b"] == tmp_path / "in" / "b.JPG"


def test_a_linked_folder_is_not_entered(tmp_path):
    make(tmp_path, "in/a.jpg", "outside/b.jpg")
    (tmp_path / "in" / "link").symlink_to(tmp_path / "outside")
    assert list(find_images(tmp_path / "in", tmp_path / "out")) == ["a"]


def test_results_below_the_folder_are_no_images(tmp_path):
    make(tmp_path, "a.jpg", "out/masks/a.png", "output.png")
    assert list(find_images(tmp_path, tmp_path / "out")) == ["a", "output"]


def test_two_images_of_one_id_are_named(tmp_path):
    make(tmp_path, "a.jpg", "a.png")
    with pytest.raises(DataError, match=r"a\.jpg and .*a\.png"):
        find_images(tmp_path, tmp_path / "out")


def test_an_empty_or_missing_folder_or_the_same_folder_is_an_error(tmp_path):
    with pytest.raises(DataError, match="holds no images"):
        find_images(tmp_path, tmp_path / "out")
    with pytest.raises(DataError, match="does not exist"):
        find_images(tmp_path / "no", tmp_path / "out")
    with pytest.raises(ConfigError, match="is the folder of the images"):
        find_images(tmp_path, tmp_path / "." / "")
