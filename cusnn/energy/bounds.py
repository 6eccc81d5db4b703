"""Numbers at the door: finite, and inside what is possible."""

from __future__ import annotations

import operator

import numpy as np

# Beyond every count that an experiment has, and small enough for a float32.
MOST = 2**127


def whole(owner: str, name: str, value, least: int = 0) -> int:
    """An integer in [``least``, 2^127]; NumPy's become Python's, which don't overflow.

    Raises:
        TypeError: no integer.
        ValueError: too small, or so large that energies of it would be no numbers.
    """
    if isinstance(value, (bool, np.bool_)) or not hasattr(value, "__index__"):
        raise TypeError(f"{owner}: {name} must be an integer, got {value!r}")
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{owner}: {name} must be one integer, got {value!r}") from None
    if number < least:
        raise ValueError(f"{owner}: {name} must be at least {least}, got {_shown(number)}")
    if number > MOST:
        raise ValueError(f"{owner}: {name} must be at most 2^127, got {_shown(number)}")
    return number


def _shown(number: int) -> str:
    """An integer, by its length where Python refuses to write it out."""
    bits = number.bit_length()
    return str(number) if bits <= 128 else f"one of {bits:,} bits"


def bounded(owner: str, name: str, value, low: float = 0.0, high: float = np.inf):
    """A float, or an array of them, that is finite and in [low, high].

    Raises:
        TypeError: no numbers.
        ValueError: not finite, below ``low`` or above ``high``.
    """
    number = np.asarray(value)
    if number.dtype.kind not in "iuf":
        raise TypeError(f"{owner}: {name} must be a number, got {value!r}")
    number = number.astype(np.float64)
    inside = np.isfinite(number) & (number >= low) & (number <= high)
    if not np.all(inside):
        allowed = f"at least {low:g}" if high == np.inf else f"between {low:g} and {high:g}"
        found = np.ravel(number)[~np.ravel(inside)][0]
        raise ValueError(f"{owner}: {name} must be finite and {allowed}, got {found:g}")
    return float(number) if number.ndim == 0 else number


def number(owner: str, name: str, value, low: float = 0.0, high: float = np.inf) -> float:
    """One float that is finite and in [low, high].

    Raises:
        TypeError: no number, or several.
        ValueError: as of ``bounded``.
    """
    if isinstance(value, (bool, np.bool_)) or not hasattr(value, "__float__") or np.ndim(value):
        raise TypeError(f"{owner}: {name} must be a number, got {value!r}")
    try:
        value = float(value)
    except OverflowError:
        raise ValueError(f"{owner}: {name} must be finite, got an integer beyond floats") from None
    return bounded(owner, name, value, low, high)


def step_counts(owner: str, steps):
    """Time steps of an inference: an integer of at least 1, or an array of them.

    Raises:
        TypeError: no integers.
        ValueError: fewer than one step.
    """
    number = np.asarray(steps)
    if number.ndim == 0:
        return whole(owner, "steps", steps, least=1)
    if number.dtype.kind not in "iu":
        raise TypeError(f"{owner}: steps must be integers, got {number.dtype}")
    if np.any(number < 1):
        raise ValueError(f"{owner}: steps must be at least 1, got {number.min()}")
    return number.astype(np.int64)


def rates(owner: str, rate):
    """Spikes per neuron and step, which a binary spike keeps in [0, 1].

    Raises:
        TypeError: no numbers.
        ValueError: negative, not finite, or more than one spike per step.
    """
    number = np.asarray(rate)
    if number.dtype.kind in "iuf" and np.any(number > 1) and np.all(np.isfinite(number)):
        raise ValueError(
            f"{owner}: rate must be at most one spike per neuron and step, got {number.max():g}; "
            f"divide spikes per inference by the number of steps"
        )
    return bounded(owner, "rate", rate, 0.0, 1.0)
