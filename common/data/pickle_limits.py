"""Bounds on what a pickle may make of its bytes, checked before and while it is read.

A pickle of a few bytes can ask for a table of 2^31 entries, refer to one long text a million times, or nest tuples until the
stack of the process overflows. None of that has a place in a file of arrays and plain values.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from typing import Any, TypeVar

Result = TypeVar("Result")

# What may be built: so many bytes for each of the file, and some more. Arrays take as many as in the file.
BYTES_PER_BYTE, SPARE_BYTES = 16, 1 << 26
# Entries of all containers, those that are referred to again counted again: what a reader has to look at.
MOST_ENTRIES = 50_000_000
# Stack of one level of nested tuples while their hash is computed, generously; and what every thread has anyhow.
STACK_PER_TUPLE, LEAST_STACK = 512, 1 << 24
MOST_STACK = 1 << 32

# Opcodes in a row whose length their first byte tells. A place in the table of values (r: 4 bytes, p: digits) has to be below
# 2^24 and 10^7: the table is made as long as the largest place asks for.
PLAIN_OPCODES = re.compile(
    rb"(?:[(012NQRabd}elostu\])\x81\x85-\x89\x8f-\x94\x97\x98]"
    rb"|[FILPSVg][^\n]*\n|p[0-9]{1,7}\n|[ci][^\n]*\n[^\n]*\n"
    rb"|[Khq\x80\x82][\s\S]|[M\x83][\s\S]{2}|r[\s\S]{3}\0|[Jj\x84][\s\S]{4}|[G\x95][\s\S]{8})*"
)
# Opcode -> bytes that hold the length of what follows.
COUNTED_OPCODES = {
    **dict.fromkeys(b"U\x8cC\x8a", 1),
    **dict.fromkeys(b"TXB\x8b", 4),
    **dict.fromkeys(b"\x8d\x8e\x96", 8),
}
TABLE_OPCODES = b"pr"


def check_table(data: bytes) -> None:
    """Raise :class:`ValueError` where a pickle asks for a table of values larger than any file of data needs.

    Streams that are broken in other ways are left to the unpickler, which reads the same opcodes and no further.
    """
    place = 0
    while True:
        match = PLAIN_OPCODES.match(data, place)
        assert match is not None
        place = match.end()
        opcode = data[place : place + 1]
        if not opcode or opcode[0] not in COUNTED_OPCODES:
            break
        start = place + 1 + COUNTED_OPCODES[opcode[0]]
        place = start + int.from_bytes(data[place + 1 : start], "little")
    if opcode and opcode in TABLE_OPCODES:
        raise ValueError("it asks for a table of millions of values, which no file of arrays needs")


def with_deep_stack(function: Callable[[], Result], data: bytes) -> Result:
    """``function()`` with a stack that suffices for tuples nested as deep as ``data`` could hold.

    The hash of nested tuples is computed without a limit of depth, and a stack that overflows takes the process with it.

    Raises:
        ValueError: the pickle could be nested deeper than any stack.
    """
    needed = STACK_PER_TUPLE * sum(data.count(opcode) for opcode in (b"\x85", b"\x86", b"\x87", b"t", b"\x91", b"R"))
    if needed <= LEAST_STACK // 4:
        return function()
    if needed > MOST_STACK:
        raise ValueError("it is too large to be read safely")
    results: list[Result] = []
    failures: list[BaseException] = []

    def run() -> None:
        try:
            results.append(function())
        except BaseException as error:
            failures.append(error)

    before = threading.stack_size(max(LEAST_STACK, (needed // 4096 + 1) * 4096))
    try:
        thread = threading.Thread(target=run)
        thread.start()
    finally:
        threading.stack_size(before)
    thread.join()
    if failures:
        raise failures[0]
    return results[0]


class Budget(threading.local):
    """Bytes that the file being read in this thread may still build; unlimited where none is read."""

    left: float = float("inf")

    def begin(self, n_bytes: int) -> None:
        """Start reading a file of ``n_bytes``."""
        self.left = BYTES_PER_BYTE * n_bytes + SPARE_BYTES

    def spend(self, n_bytes: int) -> None:
        """Raise :class:`ValueError` where the file builds more than its size allows."""
        self.left -= n_bytes
        if self.left < 0:
            raise ValueError("it expands to many times its size, as no file of arrays does")


BUDGET = Budget()


def entries_of(value: Any) -> int:
    """How much a plain value counts among the entries of a container: long texts and arrays by their length."""
    if isinstance(value, (str, bytes, bytearray)):
        return 1 + len(value) // 8
    return 1
