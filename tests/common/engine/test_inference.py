from __future__ import annotations

import errno
import os
from multiprocessing.reduction import ForkingPickler

import pytest

from common.engine.inference import (
    LoadedImages,
    OutputFolder,
    StageReport,
    images_to_files,
    same_size_groups,
)
from common.errors import ConfigError, DataError
from common.failures import STAGE_FILE
from common.files import read_json, write_text
from tests.common.engine.tiny_training import ONE_PROCESS

IDS = ["a", "b/c", "broken", "d", "e"]


def load(image_id):
    if image_id == "broken":
        raise DataError("cannot read broken.jpg")
    return image_id.upper()


def load_or_refuse(image_id):
    if image_id == "too large":
        raise MemoryError("Unable to allocate 9 TiB")
    if image_id == "secret":
        raise PermissionError(errno.EACCES, "Permission denied", "photos/secret.jpg")
    return load(image_id)


def die(image_id):
    os._exit(1)


def run(folder, ids=IDS, *, settings=None, force=False, load=load, suffix=".txt", **options):
    output = OutputFolder(folder, suffix, settings if settings is not None else {"scale": 1}, force)
    return images_to_files(ids, load, write_text, output, ONE_PROCESS, **options)


@pytest.mark.parametrize("options", [{"workers": 0}, {"workers": 2, "batch_size": 2}])
def test_an_unreadable_image_is_named_and_the_others_are_written(tmp_path, capsys, options):
    report = run(tmp_path, **options)
    assert report == StageReport(done=4, skipped=0, failed={"broken": "cannot read broken.jpg"})
    assert {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.txt")} == {
        "a.txt",
        "b/c.txt",
        "d.txt",
        "e.txt",
    }
    assert (tmp_path / "b/c.txt").read_text() == "B/C"
    assert report.exit_status("labels") == 1
    output = capsys.readouterr()
    assert output.out == "labels: 4 written, 0 already there, 1 failed\n"
    assert output.err == "  failed: broken: cannot read broken.jpg\n"


@pytest.mark.parametrize("workers", [0, 1])
def test_an_image_that_the_system_refuses_is_named_and_the_others_are_written(tmp_path, workers):
    report = run(tmp_path, ["a", "too large", "secret", "d"], load=load_or_refuse, workers=workers)
    assert report.done == 2
    assert report.failed["too large"].startswith("out of memory: Unable to allocate 9 TiB; use smaller")
    assert report.failed["secret"].startswith("photos/secret.jpg: permission denied; ")


def test_without_a_failure_the_exit_status_is_0(tmp_path):
    assert run(tmp_path, ["a"], workers=0).exit_status("labels") == 0


def test_complete_files_are_skipped(tmp_path):
    run(tmp_path, ["a"], workers=0)
    (tmp_path / "a.txt").write_text("as it was")
    assert run(tmp_path, ["a", "d"], workers=0) == StageReport(done=1, skipped=1)
    assert (tmp_path / "a.txt").read_text() == "as it was"


def test_with_force_they_are_redone(tmp_path):
    run(tmp_path, ["a"], workers=0)
    (tmp_path / "a.txt").write_text("as it was")
    assert run(tmp_path, ["a"], workers=0, force=True) == StageReport(done=1)
    assert (tmp_path / "a.txt").read_text() == "A"


def test_files_made_with_other_settings_are_an_error_that_names_them(tmp_path):
    run(tmp_path, ["a"], workers=0)
    with pytest.raises(ConfigError, match=r"scale: 1 -> 2.*--force"):
        run(tmp_path, ["a"], settings={"scale": 2}, workers=0)
    assert read_json(tmp_path / STAGE_FILE) == {"scale": 1}


def test_settings_with_tuples_equal_what_was_recorded_of_them(tmp_path):
    run(tmp_path, ["a"], settings={"size": (1, 2)}, workers=0)
    assert run(tmp_path, ["a"], settings={"size": (1, 2)}, workers=0).skipped == 1


def test_a_killed_redo_with_other_settings_leaves_no_file_made_with_the_old_ones(tmp_path):
    run(tmp_path, ["a", "d"], workers=0)

    def interrupt(samples):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, ["a", "d"], settings={"scale": 2}, force=True, workers=0, compute=interrupt)
    assert run(tmp_path, ["a", "d"], settings={"scale": 2}, workers=0) == StageReport(done=2)


def test_the_record_of_the_settings_is_not_taken_for_a_result(tmp_path):
    run(tmp_path, ["a"], suffix=".json", workers=0)
    assert run(tmp_path, ["a"], suffix=".json", settings={"scale": 2}, force=True, workers=0).done == 1


def test_other_settings_are_not_mixed_with_files_of_images_outside_the_list(tmp_path):
    run(tmp_path, ["a", "d"], workers=0)
    with pytest.raises(ConfigError, match=r"d\.txt.*other settings \(scale: 1 -> 2\)"):
        run(tmp_path, ["a"], settings={"scale": 2}, force=True, workers=0)
    assert (tmp_path / "a.txt").exists() and read_json(tmp_path / STAGE_FILE) == {"scale": 1}


@pytest.mark.parametrize("force", [False, True])
def test_files_that_no_stage_made_are_neither_taken_for_results_nor_overwritten(tmp_path, force):
    (tmp_path / "a.txt").write_text("somebody's work")
    with pytest.raises(ConfigError, match=r"a\.txt.*by something else"):
        run(tmp_path, ["a"], force=force, workers=0)
    assert (tmp_path / "a.txt").read_text() == "somebody's work"


def test_an_empty_list_is_an_error(tmp_path):
    with pytest.raises(DataError, match="CAMs: the list of images is empty"):
        run(tmp_path, [], title="CAMs")


def test_an_id_cannot_lead_out_of_the_folder(tmp_path):
    with pytest.raises(DataError, match=r"\.\./a"):
        run(tmp_path / "out", ["../a"], workers=0)


def test_a_dead_worker_is_a_clear_error(tmp_path):
    with pytest.raises(DataError, match=r"CAMs: a process that loads images died.*--workers"):
        run(tmp_path, load=die, workers=1, title="CAMs")


def test_a_result_missing_from_compute_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="zip"):
        run(tmp_path, ["a", "d"], workers=0, batch_size=2, compute=lambda samples: samples[:1])


def test_groups_of_one_size_keep_the_order_of_the_samples():
    groups = []

    def compute(samples):
        groups.append([sample["id"] for sample in samples])
        return [sample["id"] * 2 for sample in samples]

    samples = [{"id": name, "size": size} for name, size in zip("abcde", [1, 2, 1, 3, 2], strict=True)]
    assert same_size_groups(samples, compute) == ["aa", "bb", "cc", "dd", "ee"]
    assert groups == [["a", "c"], ["b", "e"], ["d"]]


def test_the_images_can_go_to_workers_that_are_not_forked():
    assert ForkingPickler.dumps(LoadedImages(IDS, load))
