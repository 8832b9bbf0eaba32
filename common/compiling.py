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


def instructions(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function for compiled code that gives the instructions themselves."""
    result: Callable[..., Any] = intrinsic(function)
    return result
