"""The images-to-files loop of every inference stage: sharded over processes, continued where it was, failures by name."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from common.data.sampling import SampleFailure, loaded
from common.engine.contents import INPUTS_FILE, contents_of_settings, recorded_contents, recorded_inputs
from common.engine.loading import dead_workers_named, start_worker
from common.engine.run_folder import describe_differences
from common.engine.session import Session, texts_of_all_processes
from common.errors import ConfigError, DataError
from common.failures import FAILED_FILE, STAGE_FILE, left_out_line, read_failures
from common.files import remove_partial_files, write_json
from common.paths import path_of_id
from common.records import read_record

REDO = "delete the folder that it is in, or make what it holds again with --force"


@dataclass
class StageReport:
    """What an inference stage did.

    Attributes:
        done: images computed now.
        skipped: images whose file was already complete.
        failed: id -> one-line reason.
        left_out: those that a stage before failed with, id -> why.
        not_made: those among ``failed`` whose file a stage before has still to make.
    """

    done: int = 0
    skipped: int = 0
    failed: dict[str, str] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    not_made: set[str] = field(default_factory=set)

    def note(self, image_id: str, failure: SampleFailure) -> None:
        """Count an image that could not be computed."""
        (self.left_out if failure.failed_before else self.failed)[image_id] = failure.message
        if failure.not_made:
            self.not_made.add(image_id)

    def to_record(self) -> dict[str, str]:
        """The images that later stages leave out: not those that only wait for a stage before."""
        failed = {image_id: why for image_id, why in self.failed.items() if image_id not in self.not_made}
        return failed | self.left_out

    def exit_status(self, stage: str) -> int:
        """Print the summary; 1 when an image failed, else 0: one that failed in a stage before has been reported there."""
        more = f", {len(self.left_out)} left out" if self.left_out else ""
        print(f"{stage}: {self.done} written, {self.skipped} already there, {len(self.failed)} failed{more}")
        for image_id, reason in self.failed.items():
            print(f"  failed: {image_id}: {reason}", file=sys.stderr)
        if self.left_out:
            print(f"  {left_out_line(self.left_out)}", file=sys.stderr)
        return 1 if self.failed else 0


@dataclass(frozen=True)
class OutputFolder:
    """A folder with one file per image, made with one set of settings.

    Attributes:
        path: the folder.
        suffix: ending of each file, e.g. ``.npz``.
        settings: everything the files depend on; written to ``stage.json``.
        force: redo what is there.
    """

    path: Path
    suffix: str
    settings: Mapping[str, Any]
    force: bool = False

    def file(self, image_id: str) -> Path:
        """The file of an image; an id that leaves the folder is a :class:`DataError`."""
        return path_of_id(self.path, image_id, self.suffix)

    def begin(self, ids: Sequence[str]) -> None:
        """Record the settings, or check that the files already there were made with the same.

        With ``force``, files made with other settings go before the new settings are recorded: whenever the command is
        killed, what lies in the folder was made with the settings that it names.

        Raises:
            ConfigError: they were made with others (the message names them), or nobody knows how.
        """
        remove_partial_files(self.path)
        record = self.path / STAGE_FILE
        contents = contents_of_settings(self.settings)
        changes = ""
        if record.exists():
            before = read_record(record, {}, REDO)
            changes = describe_differences(before, self.settings, (), recorded_contents(self.path), contents)
        if changes and not self.force:
            raise ConfigError(
                f"the files in {self.path} were made with other settings ({changes}); use --force to redo them or another folder"
            )
        if changes or not record.exists():
            redone = {self.file(image_id) for image_id in ids} if record.exists() else set()
            own = redone | {record, self.path / FAILED_FILE, self.path / INPUTS_FILE}
            kept = next((path for path in self.path.rglob(f"*{self.suffix}") if path not in own), None)
            if kept:
                how = f"with other settings ({changes})" if changes else f"by something else (there is no {STAGE_FILE})"
                raise ConfigError(
                    f"{self.path} holds files, e.g. {kept.name}, that were made {how} and are not to be redone now; "
                    "use another folder or move them away"
                )
            # What failed with other settings may not fail with these.
            for path in [*redone, self.path / FAILED_FILE]:
                path.unlink(missing_ok=True)
        # Of several lists, or parts of one, all files are known as this stage's.
        known = recorded_inputs(self.path)["ids"]
        written = {"folder": self.path.name, "suffix": self.suffix, "ids": sorted({*ids, *known})}
        write_json(self.path / INPUTS_FILE, {"contents": contents, **written})
        write_json(record, dict(self.settings))

    def missing(self, ids: Sequence[str]) -> list[str]:
        """The ids whose file is not there yet; all of them with ``force``."""
        return [image_id for image_id in ids if self.force or not self.file(image_id).exists()]

    def record_failures(self, ids: Sequence[str], failed: Mapping[str, str]) -> None:
        """Record which of ``ids`` failed, id -> why, and that the others did not; what is known of other images stays.

        With ``force`` there may be a file of an earlier call: it goes, or it would be taken for that of this one.
        """
        for image_id in failed if self.force else ():
            self.file(image_id).unlink(missing_ok=True)
        known = read_failures(self.path)
        now = {image_id: why for image_id, why in known.items() if image_id not in set(ids)} | dict(failed)
        if now and now != known:
            write_json(self.path / FAILED_FILE, now)
        elif not now:
            (self.path / FAILED_FILE).unlink(missing_ok=True)


class LoadedImages(Dataset[Any]):
    """``load(id)`` in worker processes; an unreadable image becomes a :class:`SampleFailure`."""

    def __init__(self, ids: Sequence[str], load: Callable[[str], Any]) -> None:
        self.ids, self.load = ids, load

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, index: int) -> tuple[str, Any]:
        image_id = self.ids[index]
        return image_id, loaded(lambda: self.load(image_id))


def keep_list(items: list[Any]) -> list[Any]:
    """Collate that leaves the samples as they are: images differ in size."""
    return items


def unchanged(samples: list[Any]) -> list[Any]:
    """The ``compute`` of stages whose work is done by ``load`` in the worker processes (e.g. the CRF)."""
    return samples


def same_size_groups(samples: Sequence[Any], compute: Callable[[list[Any]], list[Any]]) -> list[Any]:
    """``compute`` on the groups of samples with equal ``size``; the results in the order of the samples."""
    groups: dict[Any, list[int]] = defaultdict(list)
    for index, sample in enumerate(samples):
        groups[sample["size"]].append(index)
    results: dict[int, Any] = {}
    for members in groups.values():
        results.update(zip(members, compute([samples[index] for index in members]), strict=True))
    return [results[index] for index in range(len(samples))]


def images_to_files(
    ids: Sequence[str],
    load: Callable[[str], Any],
    write: Callable[[Path, Any], None],
    output: OutputFolder,
    session: Session,
    *,
    compute: Callable[[list[Any]], list[Any]] = unchanged,
    batch_size: int = 1,
    workers: int = 2,
    title: str = "images",
) -> StageReport:
    """Compute one file per image.

    Files that are already complete are skipped, so running a killed command again continues it. With torchrun, each
    process takes every ``world_size``-th image.

    Args:
        ids: images in the order in which they are batched.
        load: ``id -> sample``; runs in worker processes, must be picklable.
        write: ``(path, result)``; must be atomic.
        compute: ``[sample] -> [result]`` in this process, on its device.
        batch_size: samples per ``compute`` call.

    Returns:
        What was done; unreadable images are counted and named, they do not stop the others. They are recorded beside
        ``stage.json``, with those that a stage before failed with (see :mod:`common.failures`).

    Raises:
        ConfigError: the folder holds files made with other settings, or by something else.
        DataError: there is no image at all, a stage before failed with all of them, or a worker process died.
        InUseError: another process writes into the folder.
    """
    if not ids:
        raise DataError(f"{title}: the list of images is empty")
    with session.writing(output.path):
        return write_missing_files(ids, load, write, output, session, compute, batch_size, workers, title)


def write_missing_files(
    ids: Sequence[str],
    load: Callable[[str], Any],
    write: Callable[[Path, Any], None],
    output: OutputFolder,
    session: Session,
    compute: Callable[[list[Any]], list[Any]],
    batch_size: int,
    workers: int,
    title: str,
) -> StageReport:
    """:func:`images_to_files` as the only writer of the folder."""
    session.on_main(lambda: output.begin(ids))
    mine = ids[session.rank :: session.world_size]
    todo = output.missing(mine)
    report = StageReport(skipped=len(mine) - len(todo))
    loader = DataLoader(
        LoadedImages(todo, load),
        batch_size=batch_size,
        num_workers=workers if len(todo) > batch_size else 0,
        collate_fn=keep_list,
        worker_init_fn=start_worker,
    )
    progress = tqdm(total=len(todo), disable=None if session.is_main else True, desc=title, unit="image")
    with progress, dead_workers_named(title):
        for batch in loader:
            samples = {image_id: sample for image_id, sample in batch if not isinstance(sample, SampleFailure)}
            for image_id, sample in batch:
                if isinstance(sample, SampleFailure):
                    report.note(image_id, sample)
            results = compute(list(samples.values())) if samples else []
            for image_id, result in zip(samples, results, strict=True):
                write(output.file(image_id), result)
                report.done += 1
            progress.update(len(batch))
    session.barrier()
    record_failures(output, ids, report, session)
    if len(report.left_out) == len(ids):
        raise DataError(f"{title}: nothing is left to do; {left_out_line(report.left_out)}")
    return report


def record_failures(output: OutputFolder, ids: Sequence[str], report: StageReport, session: Session) -> None:
    """Record what failed in all processes."""
    failed = texts_of_all_processes(report.to_record(), ids, session)
    session.on_main(lambda: output.record_failures(ids, failed))
