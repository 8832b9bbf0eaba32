"""Text files of datasets, read line by line with errors that name the file."""

from __future__ import annotations

import codecs
from pathlib import Path

from common.errors import DataError

UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def read_dataset_text(path: Path) -> str:
    """The text of a UTF-8 file, with or without byte-order mark, or of UTF-16 with one, as spreadsheets write "Unicode text"; a missing
    or non-text file is a ``DataError``."""
    try:
        with open(path, "rb") as file:
            start = file.read(2)
        return Path(path).read_text(encoding="utf-16" if start in UTF16_MARKS else "utf-8-sig")
    except FileNotFoundError as error:
        raise DataError(f"{path} does not exist.") from error
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path} is not UTF-8 text ({error.reason} at byte {error.start}); save it as UTF-8."
        ) from error
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from error


def read_lines(path: Path) -> list[tuple[int, str]]:
    """(line number from 1, stripped line) of every line that is not blank."""
    # str.splitlines would also cut at characters that are legal inside an id, such as U+2028.
    lines = read_dataset_text(path).split("\n")
    return [(number, line.strip()) for number, line in enumerate(lines, start=1) if line.strip()]
