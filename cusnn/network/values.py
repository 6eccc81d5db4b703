"""Checks, comparison by value, and arrays that do not change, for all parts of a description."""

from __future__ import annotations

import math
from dataclasses import fields

import numpy as np

# What stands for all later steps: runs end before it, and it and sums with it are int64.
LAST_STEP = 2**62


def finite(owner: str, name: str, value) -> float:
    """A finite float; raises TypeError or ValueError for anything else."""
    try:
        if np.asarray(value).dtype.kind not in "iufO":
            raise TypeError  # float() takes text, truth values and half of complex numbers
        number = float(value)
    except (TypeError, ValueError):
        raise TypeError(f"{owner}: {name} must be a number, got {value!r}") from None
    if not math.isfinite(number):
        raise ValueError(f"{owner}: {name} must be finite, got {value}")
    return number


def whole(owner: str, name: str, value, least: int) -> int:
    """An integer of at least ``least``; raises TypeError or ValueError for anything else."""
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise TypeError(f"{owner}: {name} must be an integer, got {value!r}")
    number = value.__index__()
    if number < least:
        raise ValueError(f"{owner}: {name} must be at least {least}, got {number}")
    return number


def truth(owner: str, name: str, value) -> bool:
    """True or False; raises TypeError for anything else."""
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{owner}: {name} must be True or False, got {value!r}")
    return bool(value)


def numbers(owner: str, name: str, value, axes: tuple[int, ...] = (1,)) -> np.ndarray:
    """A read-only copy as finite float64; raises TypeError or ValueError for anything else."""
    try:
        given = np.asarray(value)
        if given.dtype.kind not in "biuf":
            raise TypeError
        array = np.array(given, dtype=np.float64, order="C")
    except (TypeError, ValueError):
        raise TypeError(f"{owner}: {name} must be numbers, got {value!r}") from None
    if array.ndim not in axes:
        allowed = " or ".join("a list of one axis" if n == 1 else f"{n} axes" for n in axes)
        raise ValueError(f"{owner}: {name} must be {allowed}, got shape {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"{owner}: {name} must be finite")
    array.setflags(write=False)
    return array


def indices(owner: str, name: str, value) -> np.ndarray:
    """A read-only copy as int32 of 0 to 2**31 - 1; raises TypeError or ValueError otherwise."""
    array = np.asarray(value)
    if array.ndim != 1:
        raise ValueError(f"{owner}: {name} must be a list of one axis, got shape {array.shape}")
    if array.size and array.dtype.kind not in "iu":
        raise TypeError(f"{owner}: {name} must be integers, got {array.dtype}")
    if array.size and (array.min() < 0 or array.max() >= 2**31):
        wrong = array.min() if array.min() < 0 else array.max()
        raise ValueError(f"{owner}: {name} must lie in 0 to 2**31 - 1, got {wrong}")
    array = np.array(array, dtype=np.int32)
    array.setflags(write=False)
    return array


class ByValue:
    """Frozen dataclasses that are equal where their fields are, arrays by their entries."""

    def _key(self):
        return tuple(_hashable(getattr(self, field.name)) for field in fields(self) if field.init)

    def __eq__(self, other):
        if type(self) is not type(other):
            return NotImplemented
        return self is other or self._key() == other._key()

    def __hash__(self):
        return hash((type(self), self._key()))

    def _set(self, **values) -> None:
        for name, value in values.items():
            object.__setattr__(self, name, value)


def _hashable(value):
    if isinstance(value, np.ndarray):
        return value.dtype.str, value.shape, value.tobytes()
    return tuple(map(_hashable, value)) if isinstance(value, tuple) else value


def first_step(time, dt: float):
    """First step that begins at ``time`` (ms) or later; rounding errors are forgiven.

    Times beyond ``LAST_STEP``, as NEST's default ``stop`` of 1.797e308 ms, count as that step.
    """
    with np.errstate(over="ignore"):
        exact = np.minimum(np.asarray(time, np.float64) / dt, LAST_STEP)
    nearest = np.rint(exact)
    close = np.abs(exact - nearest) <= 1e-6
    return np.where(close, nearest, np.ceil(exact)).astype(np.int64)
