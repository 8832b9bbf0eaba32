"""Builds the vector instructions of :mod:`common.crf.rows`: a row of floats as vectors, and the functions on them.

Numba leaves loops over the few labels of a CRF as scalar code, which costs three quarters of the speed. These functions put the
vector instructions in directly. A row is an area of the stack that LLVM keeps in registers; its length is that of the tuple
``lanes``, known when a function is compiled.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types

FLOAT, INT32, INT64 = ir.FloatType(), ir.IntType(32), ir.IntType(64)

# exp(x) = 2^n exp(r) with r in +-ln(2)/2: a polynomial of Cephes' expf, right to one unit in the last place.
LOG2_E = 1.44269504088896341
LN2_HIGH, LN2_LOW = 0.693359375, -2.12194440e-4
EXP_POLYNOMIAL = (
    1.9875691500e-4,
    1.3981999507e-3,
    8.3334519073e-3,
    4.1665795894e-2,
    1.6666665459e-1,
    5.0000001201e-1,
)
# Below it exp is taken as zero: 2^-126 is the smallest number float32 holds in full.
SMALLEST_EXPONENT = -87.0


def lanes_of(n_labels: int) -> tuple[int, ...]:
    """The tuple whose length is the number of floats of a row for ``n_labels`` labels."""
    width = 4 if n_labels <= 4 else 8
    return (0,) * (-(-n_labels // width) * width)


def lanes_of_softmax(lanes: tuple[int, ...]) -> tuple[int, ...]:
    """The tuple for rows of whole vectors, which may hold several rows of ``lanes``."""
    return (0,) * max(8, len(lanes))


class Vectors:
    """Builds the instructions on one row, which is cut into vectors of 8 floats, or of 4 where 8 do not divide it."""

    def __init__(self, context: Any, builder: Any, lanes: types.UniTuple) -> None:
        self.context, self.builder, self.length = context, builder, lanes.count
        self.width = 8 if lanes.count % 8 == 0 else 4
        self.type = ir.VectorType(FLOAT, self.width)

    def fill(self, value: Any) -> Any:
        """A vector with one value everywhere: a Python number or a float32 of the program."""
        if isinstance(value, float):
            return ir.Constant(self.type, [value] * self.width)
        undefined = ir.Constant(self.type, ir.Undefined)
        first = self.builder.insert_element(undefined, value, ir.Constant(INT32, 0))
        zeros = ir.Constant(ir.VectorType(INT32, self.width), [0] * self.width)
        return self.builder.shuffle_vector(first, undefined, zeros)

    def mask(self, bits: Any) -> Any:
        """An int32 of the program, 0 or -1, in every element of a vector of int32."""
        integers = ir.VectorType(INT32, self.width)
        undefined = ir.Constant(integers, ir.Undefined)
        first = self.builder.insert_element(undefined, bits, ir.Constant(INT32, 0))
        return self.builder.shuffle_vector(first, undefined, ir.Constant(integers, [0] * self.width))

    def where(self, mask: Any, value: Any) -> Any:
        """``value`` where the mask is -1, and 0 where it is 0; without a branch, which would often be guessed wrong."""
        bits = self.builder.bitcast(value, mask.type)
        return self.builder.bitcast(self.builder.and_(bits, mask), self.type)

    def at(self, pointer: Any) -> list[Any]:
        """Addresses of the vectors of the row at ``pointer``."""
        vectors = self.builder.bitcast(pointer, self.type.as_pointer())
        return [self.builder.gep(vectors, [ir.Constant(INT64, number)]) for number in range(self.length // self.width)]

    def of(self, array_type: Any, array: Any, index: Any) -> list[Any]:
        """Addresses of the vectors of row ``index`` of a C-contiguous array [rows, lanes]."""
        data = self.context.make_array(array_type)(self.context, self.builder, array).data
        if index.type.width < INT64.width:
            index = self.builder.zext(index, INT64)
        return self.at(self.builder.gep(data, [self.builder.mul(index, ir.Constant(INT64, self.length))]))

    def load(self, address: Any) -> Any:
        return self.builder.load(address, align=4)

    def store(self, value: Any, address: Any) -> None:
        self.builder.store(value, address, align=4)

    def move(self, targets: Any, sources: Any) -> None:
        """Store what is at ``sources`` at ``targets``."""
        for to, of in zip(targets, sources, strict=True):
            self.store(self.load(of), to)

    def add_scaled(self, targets: Any, factor: Any, sources: Any) -> None:
        """Add ``factor`` (a float32 of the program) times what is at ``sources`` to what is at ``targets``."""
        factors = self.fill(factor)
        for to, of in zip(targets, sources, strict=True):
            self.store(self.multiply_add(factors, self.load(of), self.load(to)), to)

    def call(self, name: str, *values: Any) -> Any:
        """An LLVM function on vectors that gives a vector."""
        kind = ir.FunctionType(self.type, [self.type] * len(values))
        full_name = f"llvm.{name}.v{self.width}f32"
        return self.builder.call(cgutils.get_or_insert_function(self.builder.module, kind, full_name), values)

    def multiply_add(self, a: Any, b: Any, c: Any) -> Any:
        return self.call("fmuladd", a, b, c)

    def larger(self, a: Any, b: Any) -> Any:
        """Element by element; one instruction, where LLVM's own function takes care of NaN."""
        return self.builder.select(self.builder.fcmp_ordered(">", a, b), a, b)

    def reduce(self, combine: Callable[[Any, Any], Any], vector: Any, group: int) -> Any:
        """Combine each ``group`` of neighbouring elements, by halves; every element of the group holds the result."""
        distance = group
        while distance > 1:
            distance //= 2
            partners = [number ^ distance for number in range(self.width)]
            undefined = ir.Constant(self.type, ir.Undefined)
            mask = ir.Constant(ir.VectorType(INT32, self.width), partners)
            vector = combine(vector, self.builder.shuffle_vector(vector, undefined, mask))
        return vector

    def exp(self, x: Any) -> Any:
        """exp of numbers up to 0, zero below SMALLEST_EXPONENT."""
        builder = self.builder
        clipped = self.call("maxnum", x, self.fill(SMALLEST_EXPONENT))
        n = self.call("floor", self.multiply_add(clipped, self.fill(LOG2_E), self.fill(0.5)))
        r = self.multiply_add(n, self.fill(-LN2_HIGH), clipped)
        r = self.multiply_add(n, self.fill(-LN2_LOW), r)
        polynomial = self.fill(EXP_POLYNOMIAL[0])
        for coefficient in EXP_POLYNOMIAL[1:]:
            polynomial = self.multiply_add(polynomial, r, self.fill(coefficient))
        mantissa = self.multiply_add(polynomial, builder.fmul(r, r), builder.fadd(r, self.fill(1.0)))
        integers = ir.VectorType(INT32, self.width)
        biased = builder.add(builder.fptosi(n, integers), ir.Constant(integers, [127] * self.width))
        power = builder.bitcast(builder.shl(biased, ir.Constant(integers, [23] * self.width)), self.type)
        return builder.select(
            builder.fcmp_ordered("<", x, self.fill(SMALLEST_EXPONENT)), self.fill(0.0), builder.fmul(mantissa, power)
        )


Generator = Callable[[Any, Any, Any, Any], Any]


def statement(*argument_types: Any) -> Callable[[Callable[..., None]], tuple[Any, Generator]]:
    """Turn ``emit(vectors, *arguments)`` into the answer of an intrinsic that gives nothing.

    The last argument of the intrinsic is ``lanes``.
    """

    def wrap(emit: Callable[..., None]) -> tuple[Any, Generator]:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            emit(Vectors(context, builder, argument_types[-1]), *arguments[:-1])
            return context.get_dummy_value()

        return types.void(*argument_types), generate

    return wrap
