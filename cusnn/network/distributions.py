"""Distributions of weights, delays and initial voltages; a plain number is a constant."""

from __future__ import annotations

import math
from dataclasses import dataclass


def finite(owner: str, name: str, value) -> float:
    """A finite float; raises TypeError or ValueError for anything else."""
    try:
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


@dataclass(frozen=True)
class Normal:
    """Normal distribution, redrawn until the value lies in [low, high].

    Args:
        mean, sd: of the distribution before truncation, in the unit of what is drawn.
        low, high: bounds; None for no bound.

    Raises:
        ValueError: a value that is not finite, a negative sd, or bounds so far from the mean
            that less than one draw in a thousand would be kept.
    """

    mean: float
    sd: float
    low: float | None = None
    high: float | None = None

    def __post_init__(self):
        for name in ("mean", "sd"):
            object.__setattr__(self, name, finite("Normal", name, getattr(self, name)))
        for name in ("low", "high"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, finite("Normal", name, getattr(self, name)))
        if self.sd < 0:
            raise ValueError(f"Normal: sd must not be negative, got {self.sd}")
        low, high = self.bounds()
        if low > high or self.cumulative(high) - self.cumulative(low) < 1e-3:
            raise ValueError(
                f"Normal: [{low}, {high}] keeps almost nothing of mean {self.mean}, sd {self.sd}"
            )

    def bounds(self) -> tuple[float, float]:
        """Bounds, infinite where there are none."""
        low = -math.inf if self.low is None else self.low
        high = math.inf if self.high is None else self.high
        return low, high

    def cumulative(self, value: float) -> float:
        """Probability of at most ``value`` before truncation."""
        if self.sd == 0:
            return float(value >= self.mean)
        return 0.5 * math.erfc((self.mean - value) / (self.sd * math.sqrt(2.0)))


@dataclass(frozen=True)
class Uniform:
    """Uniform distribution on [low, high).

    Raises:
        ValueError: a bound that is not finite, or ``low`` above ``high``.
    """

    low: float
    high: float

    def __post_init__(self):
        for name in ("low", "high"):
            object.__setattr__(self, name, finite("Uniform", name, getattr(self, name)))
        if self.low > self.high:
            raise ValueError(f"Uniform: low must not exceed high, got {self.low} and {self.high}")


def distribution(owner: str, name: str, value):
    """A Normal or Uniform as it is, anything else as a finite float."""
    return value if isinstance(value, (Normal, Uniform)) else finite(owner, name, value)
