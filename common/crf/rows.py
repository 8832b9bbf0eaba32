"""Rows of floats in vector registers, for the compiled CRF: reading, writing, adding, blurring, softmax.

Functions for compiled code; see :mod:`common.crf.row_vectors`.
"""

from __future__ import annotations

from functools import reduce
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types

from common.compiling import instructions
from common.crf.row_vectors import FLOAT, INT32, Vectors, statement


@instructions
def new_row(typing_context: Any, lanes: Any) -> Any:
    """A row on the stack; its content is undefined."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return cgutils.alloca_once(builder, FLOAT, size=lanes.count)

    return types.CPointer(types.float32)(lanes), generate


@instructions
def clear(typing_context: Any, row: Any, lanes: Any) -> Any:
    """row = 0."""

    @statement(row, lanes)
    def answer(v: Vectors, row_: Any) -> None:
        for address in v.at(row_):
            v.store(v.fill(0.0), address)

    return answer


@instructions
def copy(typing_context: Any, target: Any, source: Any, lanes: Any) -> Any:
    """target = source, both rows."""

    @statement(target, source, lanes)
    def answer(v: Vectors, target_: Any, source_: Any) -> None:
        v.move(v.at(target_), v.at(source_))

    return answer


@instructions
def read(typing_context: Any, row: Any, array: Any, index: Any, lanes: Any) -> Any:
    """row = array[index]."""

    @statement(row, array, index, lanes)
    def answer(v: Vectors, row_: Any, array_: Any, index_: Any) -> None:
        v.move(v.at(row_), v.of(array, array_, index_))

    return answer


@instructions
def write(typing_context: Any, array: Any, index: Any, row: Any, lanes: Any) -> Any:
    """array[index] = row."""

    @statement(array, index, row, lanes)
    def answer(v: Vectors, array_: Any, index_: Any, row_: Any) -> None:
        v.move(v.of(array, array_, index_), v.at(row_))

    return answer


def fetch(builder: Any, address: Any, for_writing: bool) -> None:
    """Fetch what is at ``address`` into all levels of the cache."""
    byte = ir.IntType(8).as_pointer()
    kind = ir.FunctionType(ir.VoidType(), [byte, INT32, INT32, INT32])
    function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
    hints = [ir.Constant(INT32, number) for number in (int(for_writing), 3, 1)]
    builder.call(function, [builder.bitcast(address, byte), *hints])


@instructions
def prefetch(typing_context: Any, array: Any, index: Any, lanes: Any) -> Any:
    """Fetch array[index], which will be needed soon, into the cache."""

    @statement(array, index, lanes)
    def answer(v: Vectors, array_: Any, index_: Any) -> None:
        # Every second vector, as a cache line holds two.
        for address in v.of(array, array_, index_)[::2]:
            fetch(v.builder, address, for_writing=True)

    return answer


@instructions
def prefetch_element(typing_context: Any, array: Any, index: Any) -> Any:
    """Fetch element ``index`` (int64, not negative) of an array of one dimension into the cache."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = context.make_array(array)(context, builder, arguments[0]).data
        fetch(builder, builder.gep(data, [arguments[1]]), for_writing=False)
        return context.get_dummy_value()

    return types.void(array, index), generate


@instructions
def gather(typing_context: Any, row: Any, weight: Any, array: Any, index: Any, lanes: Any) -> Any:
    """row += weight * array[index]."""

    @statement(row, weight, array, index, lanes)
    def answer(v: Vectors, row_: Any, weight_: Any, array_: Any, index_: Any) -> None:
        v.add_scaled(v.at(row_), weight_, v.of(array, array_, index_))

    return answer


@instructions
def add(typing_context: Any, row: Any, factor: Any, other: Any, lanes: Any) -> Any:
    """row += factor * other, both rows."""

    @statement(row, factor, other, lanes)
    def answer(v: Vectors, row_: Any, factor_: Any, other_: Any) -> None:
        v.add_scaled(v.at(row_), factor_, v.at(other_))

    return answer


@instructions
def scatter(typing_context: Any, array: Any, index: Any, weight: Any, row: Any, lanes: Any) -> Any:
    """array[index] += weight * row."""

    @statement(array, index, weight, row, lanes)
    def answer(v: Vectors, array_: Any, index_: Any, weight_: Any, row_: Any) -> None:
        v.add_scaled(v.of(array, array_, index_), weight_, v.at(row_))

    return answer


@instructions
def blur_step(
    typing_context: Any, array: Any, vertex: Any, behind: Any, linked: Any, before: Any, own: Any, lanes: Any
) -> Any:
    """array[vertex] = own + (before + array[behind]) / 2, then one step along: before = own, own = array[behind].

    ``linked`` is an int32: where it is 0, the vertex is the last of its chain and the next one does not count; else -1.
    """

    @statement(array, vertex, behind, linked, before, own, lanes)
    def answer(v: Vectors, array_: Any, vertex_: Any, behind_: Any, linked_: Any, *rows: Any) -> None:
        half, mask = v.fill(0.5), v.mask(linked_)
        addresses = zip(v.of(array, array_, vertex_), v.of(array, array_, behind_), *map(v.at, rows), strict=True)
        for to, next_address, before_address, own_address in addresses:
            middle, following = v.load(own_address), v.load(next_address)
            sides = v.builder.fadd(v.load(before_address), v.where(mask, following))
            v.store(v.multiply_add(half, sides, middle), to)
            v.store(v.where(mask, middle), before_address)
            v.store(following, own_address)

    return answer


@instructions
def softmax(typing_context: Any, array: Any, index: Any, counts: Any, group: Any, lanes: Any) -> Any:
    """array[index] = exp(array[index]) / sum(counts * exp(array[index])): element c stands for ``counts[c]`` equal labels.

    A row holds the labels of one pixel, or of several with ``len(group)`` elements each.
    """

    @statement(array, index, counts, group, lanes)
    def answer(v: Vectors, array_: Any, index_: Any, counts_: Any, _: Any) -> None:
        own = min(group.count, v.width)
        addresses = v.of(array, array_, index_)
        values = [v.load(address) for address in addresses]
        largest = v.reduce(v.larger, reduce(v.larger, values), own)
        exponentials = [v.exp(v.builder.fsub(value, largest)) for value in values]
        total = v.fill(0.0)
        for value, address in zip(exponentials, v.at(counts_), strict=True):
            total = v.multiply_add(value, v.load(address), total)
        scale = v.builder.fdiv(v.fill(1.0), v.reduce(v.builder.fadd, total, own))
        for value, address in zip(exponentials, addresses, strict=True):
            v.store(v.builder.fmul(value, scale), address)

    return answer
