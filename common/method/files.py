"""The kind of stage that makes files from a dataset by a rule, without a network: cut-out objects, pictures of maps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.data.layout import DatasetLayout
from common.engine.inference import OutputFolder, images_to_files
from common.engine.session import start_session
from common.method.stage import Stage


def nothing_to_clear(settings: Any) -> None:
    """All files of an earlier call have the names of today's."""


def nothing_to_finish(settings: Any, layout: DatasetLayout, names: Sequence[str]) -> None:
    """The files are all there is."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Files(Stage):
    """Make one file per name, in worker processes; what is complete is skipped.

    Attributes:
        names: (settings, dataset) -> names of the files without ending; a name may have a folder in it.
        make: (settings, dataset) -> ``name -> content``, picklable.
        write: (file, content) -> the file, atomically.
        suffix: ending of the files.
        decides: (settings, dataset) -> everything the files depend on.
        clear: removes what an earlier call made, where ``force`` redoes it and its files may have had other names.
        finish: called last with the names, e.g. to write an index of the files that are there.
    """

    names: Callable[[Any, DatasetLayout], Sequence[str]]
    make: Callable[[Any, DatasetLayout], Callable[[str], Any]]
    write: Callable[[Path, Any], None]
    decides: Callable[[Any, DatasetLayout], dict[str, Any]]
    suffix: str = ".png"
    clear: Callable[[Any], None] = nothing_to_clear
    finish: Callable[[Any, DatasetLayout, Sequence[str]], None] = nothing_to_finish

    def run(self, settings: Any) -> int:
        """Write the files.

        Raises:
            DataError: there is nothing to make.
            ConfigError: the folder holds files made otherwise.
        """
        layout = self.layout(settings)
        names = self.names(settings, layout)
        with start_session("cpu") as session, session.writing(self.folder(settings)):
            if settings.force:
                session.on_main(lambda: self.clear(settings))
            report = images_to_files(
                names,
                self.make(settings, layout),
                self.write,
                OutputFolder(self.folder(settings), self.suffix, self.decides(settings, layout), settings.force),
                session,
                workers=settings.engine.workers,
                title=self.name,
            )
            session.on_main(lambda: self.finish(settings, layout, names))
        return report.exit_status(self.name)
