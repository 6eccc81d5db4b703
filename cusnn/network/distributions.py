"""Distributions of weights, delays and initial values; a plain number is a constant."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from cusnn.network.values import ByValue, finite, numbers, truth

# No deviate that 32 bits can give lies further from the mean than this many sd.
LARGEST_DEVIATE = 6.7
# exp of more than this is out of reach of what draws log-normal values.
LARGEST_EXPONENT = 700.0


class _Gaussian(ByValue):
    """What normal, clipped and log-normal distributions share: mean, sd and bounds of the value."""

    def _check(self) -> None:
        owner = type(self).__name__
        self._set(mean=finite(owner, "mean", self.mean), sd=finite(owner, "sd", self.sd))
        for name in ("low", "high"):
            if getattr(self, name) is not None:
                self._set(**{name: finite(owner, name, getattr(self, name))})
        if self.sd < 0:
            raise ValueError(f"{owner}: sd must not be negative, got {self.sd}")

    def _check_kept(self) -> None:
        low, high = self.bounds()
        if low > high or self.kept()[1] < 1e-3:
            raise ValueError(
                f"{type(self).__name__}: [{low}, {high}] keeps almost nothing of mean "
                f"{self.mean}, sd {self.sd}"
            )

    def bounds(self) -> tuple[float, float]:
        """Bounds, infinite where there are none."""
        low = -math.inf if self.low is None else self.low
        high = math.inf if self.high is None else self.high
        return low, high

    def cumulative(self, value: float) -> float:
        """Probability of at most ``value`` before anything is redrawn or clipped."""
        if self.sd == 0:
            return float(value >= self.mean)
        return 0.5 * math.erfc((self.mean - value) / (self.sd * math.sqrt(2.0)))

    def kept(self) -> tuple[float, float]:
        """Probability below the lower bound, and within the bounds."""
        low, high = self.bounds()
        below = self.cumulative(low)
        return below, self.cumulative(high) - below

    def share(self, value: float) -> float:
        """Probability of at most ``value``."""
        below, within = self.kept()
        return min(max((self.cumulative(value) - below) / within, 0.0), 1.0)

    def reach(self) -> tuple[float, float]:
        """Smallest and largest value that is ever drawn."""
        low, high = self.bounds()
        reach = LARGEST_DEVIATE * self.sd
        return max(low, self.mean - reach), min(high, self.mean + reach)

    def size(self) -> float:
        """Typical size of a value."""
        return max(abs(self.mean), self.sd)

    def center(self) -> float:
        """The value where sd is 0."""
        return self.mean


@dataclass(frozen=True, eq=False)
class Normal(_Gaussian):
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
        self._check()
        self._check_kept()


@dataclass(frozen=True, eq=False)
class ClippedNormal(_Gaussian):
    """Normal distribution whose values below ``low`` become low, and those above ``high`` high.

    Args:
        mean, sd: of the distribution before clipping, in the unit of what is drawn.
        low, high: bounds; None for no bound.

    Raises:
        ValueError: a value that is not finite, a negative sd, or low above high.

    Source: PyNN's ``normal_clipped_to_boundary``, NEST's ``normal`` with ``max`` and ``min``
    around it.
    """

    mean: float
    sd: float
    low: float | None = None
    high: float | None = None

    def __post_init__(self):
        self._check()
        if self.bounds()[0] > self.bounds()[1]:
            raise ValueError(
                f"ClippedNormal: low must not exceed high, got {self.low} and {self.high}"
            )

    def share(self, value: float) -> float:
        low, high = self.bounds()
        return 0.0 if value < low else 1.0 if value >= high else self.cumulative(value)

    def reach(self) -> tuple[float, float]:
        low, high = self.bounds()
        reach = LARGEST_DEVIATE * self.sd
        first, last = np.clip([self.mean - reach, self.mean + reach], low, high)
        return float(first), float(last)

    def center(self) -> float:
        return self.reach()[0]


@dataclass(frozen=True, eq=False)
class LogNormal(_Gaussian):
    """Exponential of a normal variable, redrawn until the value lies in [low, high].

    Args:
        mean, sd: of the logarithm of the value (PyNN's ``mu`` and ``sigma``, NEST's ``mean`` and
            ``std``), so that the median is exp(mean).
        low, high: bounds of the value, in the unit of what is drawn; None for no bound.
        negative: whether values get the sign of inhibition after that.

    Raises:
        TypeError, ValueError: a value that is not finite, a negative sd, values beyond exp(700),
            a lower bound below 0, or bounds that keep less than one draw in a thousand.
    """

    mean: float
    sd: float
    low: float | None = None
    high: float | None = None
    negative: bool = False

    def __post_init__(self):
        self._check()
        self._set(negative=truth("LogNormal", "negative", self.negative))
        if abs(self.mean) + LARGEST_DEVIATE * self.sd > LARGEST_EXPONENT:
            raise ValueError(
                f"LogNormal: mean and sd are those of the logarithm; with {self.mean} and "
                f"{self.sd} values leave exp({-LARGEST_EXPONENT:g}) to exp({LARGEST_EXPONENT:g})"
            )
        if self.low is not None and self.low < 0:
            raise ValueError(f"LogNormal: low must not be negative, got {self.low}")
        self._check_kept()

    def bounds(self) -> tuple[float, float]:
        low, high = super().bounds()
        return max(low, 0.0), high

    def cumulative(self, value: float) -> float:
        if value <= 0 or value == math.inf:
            return float(value > 0)
        return super().cumulative(math.log(value))

    def reach(self) -> tuple[float, float]:
        low, high = self.bounds()
        reach = LARGEST_DEVIATE * self.sd
        low, high = max(low, math.exp(self.mean - reach)), min(high, math.exp(self.mean + reach))
        return (-high, -low) if self.negative else (low, high)

    def size(self) -> float:
        return min(math.exp(min(self.mean + 0.5 * self.sd**2, LARGEST_EXPONENT)), self.bounds()[1])

    def center(self) -> float:
        return math.exp(self.mean)


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

    def share(self, value: float) -> float:
        """Probability of at most ``value``."""
        if self.low == self.high:
            return float(value >= self.low)
        return min(max((value - self.low) / (self.high - self.low), 0.0), 1.0)

    def reach(self) -> tuple[float, float]:
        """Smallest and largest value that is ever drawn."""
        return self.low, self.high

    def size(self) -> float:
        """Typical size of a value."""
        return 0.5 * max(abs(self.low), abs(self.high))

    def center(self) -> float:
        """The value where low and high are one."""
        return self.low


DISTRIBUTIONS = (Normal, ClippedNormal, LogNormal, Uniform)


def distribution(owner: str, name: str, value, axes: tuple[int, ...] = ()):
    """A distribution as it is, an array of as many axes as a copy, or else a finite float."""
    if isinstance(value, DISTRIBUTIONS):
        return value
    if axes and np.ndim(value) and not isinstance(value, (str, bytes)):
        return numbers(owner, name, value, axes)
    return finite(owner, name, value)


def extent(value) -> tuple[float, float, float]:
    """Smallest and largest value that can occur, and the typical size of one."""
    if isinstance(value, DISTRIBUTIONS):
        return (*value.reach(), value.size())
    if isinstance(value, np.ndarray):
        if not value.size:
            return 0.0, 0.0, 0.0
        return float(value.min()), float(value.max()), float(np.abs(value).mean())
    return value, value, abs(value)


def without_spread(value) -> bool:
    """Whether every draw of a distribution is one value."""
    return value.low == value.high if isinstance(value, Uniform) else value.sd == 0
