"""The transforms of one tile for 16 channels at once, as vector instructions.

The numbers of a tile are far apart in memory (a row of pixels, a whole matrix of products), which keeps LLVM from turning a
loop over channels into vector instructions by itself. These functions put them in directly, as :mod:`common.crf.rows` does.
An array is given as a flat one together with the index where 16 numbers begin.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types

from common.compiling import instructions

Matrix = tuple[tuple[float, ...], ...]

LANES = 16
FLOAT, INT64 = ir.FloatType(), ir.IntType(64)
VECTOR = ir.VectorType(FLOAT, LANES)

# Lavin and Gray's matrices for F(4x4, 3x3), with interpolation at 0, 1, -1, 2, -2 and infinity.
INPUT_TRANSFORM: Matrix = (
    (4, 0, -5, 0, 1, 0),
    (0, -4, -4, 1, 1, 0),
    (0, 4, -4, -1, 1, 0),
    (0, -2, -1, 2, 1, 0),
    (0, 2, -1, -2, 1, 0),
    (0, 4, 0, -5, 0, 1),
)
KERNEL_TRANSFORM: Matrix = (
    (1 / 4, 0, 0),
    (-1 / 6, -1 / 6, -1 / 6),
    (-1 / 6, 1 / 6, -1 / 6),
    (1 / 24, 1 / 12, 1 / 6),
    (1 / 24, -1 / 12, 1 / 6),
    (0, 0, 1),
)
OUTPUT_TRANSFORM: Matrix = ((1, 1, 1, 1, 1, 0), (0, 1, -1, 2, -2, 0), (0, 1, 1, 4, 4, 0), (0, 1, -1, 8, -8, 1))


def transposed(matrix: Matrix) -> Matrix:
    return tuple(zip(*matrix, strict=True))


class Vectors:
    """Builds instructions on vectors of 16 floats."""

    def __init__(self, context: Any, builder: Any) -> None:
        self.context, self.builder = context, builder

    def load(self, array_type: Any, array: Any, index: Any) -> Any:
        return self.builder.load(self.at(array_type, array, index), align=4)

    def store(self, value: Any, array_type: Any, array: Any, index: Any) -> None:
        self.builder.store(value, self.at(array_type, array, index), align=4)

    def at(self, array_type: Any, array: Any, index: Any) -> Any:
        data = self.context.make_array(array_type)(self.context, self.builder, array).data
        return self.builder.bitcast(self.builder.gep(data, [index]), VECTOR.as_pointer())

    def steps(self, start: Any, stride: Any, number: int) -> list[Any]:
        """The indices ``start``, ``start + stride``, ..."""
        indices = [start]
        while len(indices) < number:
            indices.append(self.builder.add(indices[-1], stride))
        return indices

    def combined(self, matrix: Matrix, vectors: Sequence[Any]) -> list[Any]:
        """The product of a matrix with a column of vectors; zeros and ones in the matrix cost no multiplication."""
        return [self.weighted_sum(row, vectors) for row in matrix]

    def weighted_sum(self, weights: Sequence[float], vectors: Sequence[Any]) -> Any:
        total = None
        # Ones first, as the sum has to begin with a vector.
        terms = sorted(zip(weights, vectors, strict=True), key=lambda term: term[0] != 1)
        for weight, vector in terms:
            if weight == 0:
                continue
            factor = ir.Constant(VECTOR, [float(weight)] * LANES)
            if total is None:
                total = vector if weight == 1 else self.builder.fmul(factor, vector)
            elif abs(weight) == 1:
                total = (self.builder.fadd if weight == 1 else self.builder.fsub)(total, vector)
            else:
                total = self.multiply_add(factor, vector, total)
        return total

    def multiply_add(self, a: Any, b: Any, c: Any) -> Any:
        kind = ir.FunctionType(VECTOR, [VECTOR] * 3)
        function = cgutils.get_or_insert_function(self.builder.module, kind, f"llvm.fmuladd.v{LANES}f32")
        return self.builder.call(function, [a, b, c])


def statement(*argument_types: Any) -> Callable[[Callable[..., None]], tuple[Any, Callable[..., Any]]]:
    """Turn ``emit(vectors, array types, *arguments)`` into the answer of an intrinsic that gives nothing.

    Indices and strides become 64 bits wide; float32 arrays stay what they are.
    """
    wide = [kind if isinstance(kind, types.Array) else types.int64 for kind in argument_types]

    def answer(emit: Callable[..., None]) -> tuple[Any, Callable[..., Any]]:
        def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            emit(Vectors(context, builder), *values)
            return context.get_dummy_value()

        return types.none(*wide), generate

    return answer


def on_both_axes(matrix: Matrix) -> Callable[..., Any]:
    """A function for compiled code that applies a matrix m x n to the rows and to the columns of n x n numbers, for 16 channels.

    It is called with the array for the m x m results, the index of the first one, how far apart rows and columns are, and with
    the same of the n x n numbers. It reads all before it writes.
    """

    @instructions
    def transform(
        typing_context: Any,
        target: Any,
        target_at: Any,
        target_rows: Any,
        target_columns: Any,
        source: Any,
        source_at: Any,
        source_rows: Any,
        source_columns: Any,
    ) -> Any:
        @statement(target, target_at, target_rows, target_columns, source, source_at, source_rows, source_columns)
        def answer(v: Vectors, to: Any, to_at: Any, to_rows: Any, to_columns: Any, of: Any, *place: Any) -> None:
            size = len(matrix[0])
            lines = [v.steps(at, place[2], size) for at in v.steps(place[0], place[1], size)]
            numbers = [v.combined(matrix, [v.load(source, of, at) for at in line]) for line in lines]
            columns = [v.combined(matrix, column) for column in zip(*numbers, strict=True)]
            for row, start in enumerate(v.steps(to_at, to_rows, len(matrix))):
                for column, at in enumerate(v.steps(start, to_columns, len(matrix))):
                    v.store(columns[column][row], target, to, at)

        return answer

    function: Callable[..., Any] = transform
    return function


@instructions
def clear(typing_context: Any, target: Any, at: Any) -> Any:
    """target[at : at + 16] = 0."""

    @statement(target, at)
    def answer(v: Vectors, to: Any, index: Any) -> None:
        v.store(ir.Constant(VECTOR, [0.0] * LANES), target, to, index)

    return answer


@instructions
def move(typing_context: Any, target: Any, target_at: Any, source: Any, source_at: Any) -> Any:
    """target[target_at : + 16] = source[source_at : + 16]."""

    @statement(target, target_at, source, source_at)
    def answer(v: Vectors, to: Any, to_at: Any, of: Any, of_at: Any) -> None:
        v.store(v.load(source, of, of_at), target, to, to_at)

    return answer


@instructions
def move_sum(typing_context: Any, target: Any, target_at: Any, one: Any, one_at: Any, other: Any, other_at: Any) -> Any:
    """target[target_at : + 16] = one[one_at : + 16] + other[other_at : + 16]."""

    @statement(target, target_at, one, one_at, other, other_at)
    def answer(v: Vectors, to: Any, to_at: Any, a: Any, a_at: Any, b: Any, b_at: Any) -> None:
        v.store(v.builder.fadd(v.load(one, a, a_at), v.load(other, b, b_at)), target, to, to_at)

    return answer
