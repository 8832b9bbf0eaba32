"""The checksums of PNG files, which Pillow does not compare."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

SIGNATURE = b"\x89PNG\r\n\x1a\n"
# What decides the pixels; other chunks (texts, times) may be as they like.
DECISIVE = (b"IHDR", b"PLTE", b"IDAT", b"tRNS")


def require_png_intact(path: Path) -> None:
    """Raise OSError where the checksum of a part of a PNG that decides its pixels is wrong.

    Whether all parts are there is left to the decoder, as is whether the file is a PNG.
    """
    content = memoryview(path.read_bytes())
    position = len(SIGNATURE)
    while position + 12 <= len(content):
        length, kind = struct.unpack(">I4s", content[position : position + 8])
        end = position + 8 + length
        if kind in DECISIVE and end + 4 <= len(content):
            (checksum,) = struct.unpack(">I", content[end : end + 4])
            if zlib.crc32(content[position + 4 : end]) != checksum:
                raise OSError(f"the checksum of its part {kind.decode()} is wrong, it is damaged")
        position = end + 4
