"""Numba's decorators as plain functions of functions: what they give is called with whatever the function takes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import njit
from numba.extending import intrinsic


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile at the first call, keep the result on disk, and let other threads run meanwhile."""
    result: Callable[..., Any] = njit(nogil=True, cache=True)(function)
    return result


def compiled_part(function: Callable[..., Any]) -> Callable[..., Any]:
    """For functions that only compiled functions call: without what Python would need, which takes as long to compile again.

    It is kept on disk as a part of its callers.
    """
    # Numba's types do not list these options.
    decorator: Any = njit
    result: Callable[..., Any] = decorator(nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)(function)
    return result


def instructions(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function for compiled code that gives the instructions themselves."""
    result: Callable[..., Any] = intrinsic(function)
    return result
