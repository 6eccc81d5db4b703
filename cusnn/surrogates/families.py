"""The surrogates themselves: one class a formula."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import ClassVar

import numpy as np

MOST_POWER = 15
SQRT_2 = math.sqrt(2.0)
SQRT_2_PI = math.sqrt(2.0 * math.pi)
_erf = np.vectorize(math.erf, otypes=[np.float64])


@dataclass(frozen=True, eq=False)
class SurrogateCoefficients:
    """What a backend gets of a surrogate: the name of its formula and float32 numbers.

    Attributes:
        kind: name of the formula and of its C++ struct.
        values: a, b, c and d of the formula, float32 [4]; those it does not use are 0. All are
            finite but the edge of a fast sigmoid that has none, which is -infinity.
    """

    kind: str
    values: np.ndarray


class Surrogate:
    """Checks and the way to float32 that the surrogates share."""

    kind: ClassVar[str]
    positive: ClassVar[tuple[str, ...]] = ()
    not_negative: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self):
        owner = type(self).__name__
        for field in fields(self):
            value = getattr(self, field.name)
            if field.type == "bool":
                if not isinstance(value, bool):
                    raise ValueError(f"{owner}: {field.name} must be True or False, got {value!r}")
                continue
            value = checked_number(owner, field.name, value)
            if field.name in self.positive and value <= 0.0:
                raise ValueError(f"{owner}: {field.name} must be positive, got {value}")
            if field.name in self.not_negative and value < 0.0:
                raise ValueError(f"{owner}: {field.name} must not be negative, got {value}")
            object.__setattr__(self, field.name, value)
        self.coefficients()

    def derivative(self, u) -> np.ndarray:
        """g(u) in float64; u is v_pre - v_threshold. NaN where u is, as in every backend."""
        raise NotImplementedError

    def primitive(self, u) -> np.ndarray:
        """A function of u with derivative g, in float64."""
        raise NotImplementedError

    def _numbers(self) -> tuple[float, ...]:
        """The formula's numbers in float64, at most four."""
        raise NotImplementedError

    def coefficients(self) -> SurrogateCoefficients:
        """The float32 numbers that every backend gets.

        Raises:
            ValueError: a number that float32 cannot hold.
        """
        exact = (*self._numbers(), 0.0, 0.0, 0.0)[:4]
        with np.errstate(over="ignore", under="ignore"):
            values = np.array(exact, np.float32)
        least = float(np.finfo(np.float32).smallest_normal)
        for value, rounded in zip(exact, values, strict=True):
            if value != -math.inf and not np.isfinite(rounded):
                raise ValueError(f"{type(self).__name__}: {value} is too large for float32: {self}")
            if value != 0.0 and abs(value) < least:
                raise ValueError(f"{type(self).__name__}: {value} is too small for float32: {self}")
        values.setflags(write=False)
        return SurrogateCoefficients(self.kind, values)


def checked_number(owner: str, name: str, value) -> float:
    """A finite float; raises ValueError for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise ValueError(f"{owner}: {name} must be a number, got {value!r}")
    if not math.isfinite(value):
        raise ValueError(f"{owner}: {name} must be finite, got {value}")
    return float(value)


def _float64(u) -> np.ndarray:
    return np.asarray(u, dtype=np.float64)


def _or_nan(u: np.ndarray, g) -> np.ndarray:
    """g, but NaN where u is: comparisons would make a number of it."""
    return np.where(np.isnan(u), u, g)


def _logistic_slope(slope: float, u: np.ndarray) -> np.ndarray:
    """s (1 - s) with s = 1 / (1 + exp(-slope u)), without overflow."""
    e = np.exp(-slope * np.abs(u))
    return e / (1.0 + e) ** 2


@dataclass(frozen=True)
class FastSigmoid(Surrogate):
    """g(u) = amplitude / (1 + slope |u|)^2

    Derivative of the fast sigmoid u / (1 + slope |u|).

    Args:
        slope: steepness, per unit of u.
        amplitude: g(0).

    Source: Zenke and Ganguli (2018), SuperSpike, doi:10.1162/neco_a_01086.
    """

    slope: float = 25.0
    amplitude: float = 1.0

    kind = "FastSigmoid"
    positive = ("slope", "amplitude")

    def derivative(self, u):
        return self.amplitude / (1.0 + self.slope * np.abs(_float64(u))) ** 2

    def primitive(self, u):
        u = _float64(u)
        return self.amplitude * u / (1.0 + self.slope * np.abs(u))

    def _numbers(self):
        return self.amplitude, self.slope, -math.inf


@dataclass(frozen=True)
class SparseFastSigmoid(Surrogate):
    """g(u) = amplitude / (1 + slope |u|)^2 where u > edge, else 0

    Sparse backward: neurons further than ``edge`` below threshold get no gradient. (snnTorch's
    default edge, +1, gives none to neurons that did not pass the threshold by 1.)

    Args:
        slope: steepness, per unit of u.
        edge: where the gradient begins, in the unit of u; negative for below threshold.
        amplitude: g(0) of the formula without the edge.

    Source: Perez-Nieves and Goodman (2021), arXiv:2105.08810; snntorch.surrogate.SFS.
    """

    slope: float = 25.0
    edge: float = -1.0
    amplitude: float = 1.0

    kind = "FastSigmoid"
    positive = ("slope", "amplitude")

    def derivative(self, u):
        u = _float64(u)
        return _or_nan(u, np.where(u > self.edge, self._whole().derivative(u), 0.0))

    def primitive(self, u):
        whole = self._whole()
        return whole.primitive(np.maximum(_float64(u), self.edge)) - whole.primitive(self.edge)

    def _whole(self):
        return FastSigmoid(self.slope, self.amplitude)

    def _numbers(self):
        return self.amplitude, self.slope, self.edge


@dataclass(frozen=True)
class ATan(Surrogate):
    """g(u) = amplitude / (1 + (pi slope u)^2)

    Derivative of the arctangent amplitude atan(pi slope u) / (pi slope).

    Args:
        slope: steepness, per unit of u.
        amplitude: g(0).

    Source: Fang et al. (2021), doi:10.1109/ICCV48922.2021.00266.
    """

    slope: float = 1.0
    amplitude: float = 1.0

    kind = "ATan"
    positive = ("slope", "amplitude")

    def derivative(self, u):
        return self.amplitude / (1.0 + (math.pi * self.slope * _float64(u)) ** 2)

    def primitive(self, u):
        steepness = math.pi * self.slope
        return self.amplitude * np.arctan(steepness * _float64(u)) / steepness

    def _numbers(self):
        return self.amplitude, math.pi * self.slope


@dataclass(frozen=True)
class Gaussian(Surrogate):
    """g(u) = amplitude exp(-(u - center)^2 / (2 width^2))

    Args:
        width: standard deviation, in the unit of u.
        amplitude: g(center).
        center: where the peak stands, in the unit of u.

    Source: Yin, Corradi and Bohte (2021), doi:10.1038/s42256-021-00397-w.
    """

    width: float = 0.5
    amplitude: float = 1.0
    center: float = 0.0

    kind = "Gaussian"
    positive = ("width", "amplitude")

    def derivative(self, u):
        z = (_float64(u) - self.center) / (SQRT_2 * self.width)
        return self.amplitude * np.exp(-(z * z))

    def primitive(self, u):
        area = self.amplitude * self.width * SQRT_2_PI
        return 0.5 * area * _erf((_float64(u) - self.center) / (SQRT_2 * self.width))

    def _numbers(self):
        return self.amplitude, 1.0 / (SQRT_2 * self.width), self.center


@dataclass(frozen=True)
class MultiGaussian(Surrogate):
    """g(u) = (1 + height) N(u; 0, width) - height (N(u; width, w2) + N(u; -width, w2))

    with N the normal density (mean, standard deviation) and w2 = spread width: a peak with
    negative flanks.

    Args:
        width: standard deviation of the peak, in the unit of u.
        height: weight of each flank.
        spread: standard deviation of the flanks over that of the peak.

    Source: Yin, Corradi and Bohte (2021), doi:10.1038/s42256-021-00397-w.
    """

    width: float = 0.5
    height: float = 0.15
    spread: float = 6.0

    kind = "MultiGaussian"
    positive = ("width", "spread")
    not_negative = ("height",)

    def _parts(self):
        """Weight, mean and standard deviation of the three densities."""
        wide = self.spread * self.width
        yield 1.0 + self.height, 0.0, self.width
        yield -self.height, self.width, wide
        yield -self.height, -self.width, wide

    def derivative(self, u):
        u = _float64(u)
        return sum(
            weight / (deviation * SQRT_2_PI) * np.exp(-0.5 * ((u - mean) / deviation) ** 2)
            for weight, mean, deviation in self._parts()
        )

    def primitive(self, u):
        u = _float64(u)
        return sum(
            0.5 * weight * _erf((u - mean) / (SQRT_2 * deviation))
            for weight, mean, deviation in self._parts()
        )

    def _numbers(self):
        peak = (1.0 + self.height) / (self.width * SQRT_2_PI)
        flank = self.height / (self.spread * self.width * SQRT_2_PI)
        return peak, 1.0 / (SQRT_2 * self.width), 1.0 / self.spread, flank


@dataclass(frozen=True)
class Triangle(Surrogate):
    """g(u) = height max(0, 1 - |u| / width)

    Args:
        width: where g reaches 0, on either side, in the unit of u.
        height: g(0).

    Source: Bellec et al. (2018), arXiv:1803.09574 (height 0.3, width one threshold).
    """

    width: float = 1.0
    height: float = 1.0

    kind = "Triangle"
    positive = ("width", "height")

    def derivative(self, u):
        return self.height * np.maximum(0.0, 1.0 - np.abs(_float64(u)) / self.width)

    def primitive(self, u):
        u = _float64(u)
        inside = np.minimum(np.abs(u), self.width)
        return np.sign(u) * self.height * (inside - inside * inside / (2.0 * self.width))

    def _numbers(self):
        return self.height, 1.0 / self.width


@dataclass(frozen=True)
class Sigmoid(Surrogate):
    """g(u) = amplitude slope s (1 - s) with s = 1 / (1 + exp(-slope u))

    Derivative of amplitude s; g(0) = amplitude slope / 4.

    Args:
        slope: steepness, per unit of u.
        amplitude: area under g.

    Source: Neftci, Mostafa and Zenke (2019), doi:10.1109/MSP.2019.2931595.
    """

    slope: float = 4.0
    amplitude: float = 1.0

    kind = "Sigmoid"
    positive = ("slope", "amplitude")

    def derivative(self, u):
        return self.amplitude * self.slope * _logistic_slope(self.slope, _float64(u))

    def primitive(self, u):
        return 0.5 * self.amplitude * (1.0 + np.tanh(0.5 * self.slope * _float64(u)))

    def _numbers(self):
        return self.amplitude * self.slope, self.slope


@dataclass(frozen=True)
class Tanh(Surrogate):
    """g(u) = amplitude (1 - tanh(slope u)^2)

    Derivative of amplitude tanh(slope u) / slope; a ``Sigmoid`` of twice the slope.

    Args:
        slope: steepness, per unit of u.
        amplitude: g(0).

    Source: norse.torch.functional.threshold (SurrogateTanh), spyx.axn.tanh.
    """

    slope: float = 1.0
    amplitude: float = 1.0

    kind = "Sigmoid"
    positive = ("slope", "amplitude")

    def derivative(self, u):
        return 4.0 * self.amplitude * _logistic_slope(2.0 * self.slope, _float64(u))

    def primitive(self, u):
        return self.amplitude * np.tanh(self.slope * _float64(u)) / self.slope

    def _numbers(self):
        return 4.0 * self.amplitude, 2.0 * self.slope


@dataclass(frozen=True)
class StraightThrough(Surrogate):
    """g(u) = amplitude

    Args:
        amplitude: the constant.

    Source: Bengio, Leonard and Courville (2013), arXiv:1308.3432.
    """

    amplitude: float = 1.0

    kind = "StraightThrough"
    positive = ("amplitude",)

    def derivative(self, u):
        return _or_nan(_float64(u), self.amplitude)

    def primitive(self, u):
        return self.amplitude * _float64(u)

    def _numbers(self):
        return (self.amplitude,)


@dataclass(frozen=True)
class Exponential(Surrogate):
    """g(u) = amplitude exp(-slope |u - center|)

    Args:
        slope: decay, per unit of u.
        amplitude: g(center).
        center: where the peak stands, in the unit of u.

    Source: Shrestha and Orchard (2018), SLAYER, arXiv:1810.08646.
    """

    slope: float = 1.0
    amplitude: float = 1.0
    center: float = 0.0

    kind = "Exponential"
    positive = ("slope", "amplitude")

    def derivative(self, u):
        return self.amplitude * np.exp(-self.slope * np.abs(_float64(u) - self.center))

    def primitive(self, u):
        x = _float64(u) - self.center
        return -np.sign(x) * self.amplitude * np.expm1(-self.slope * np.abs(x)) / self.slope

    def _numbers(self):
        return self.amplitude, self.slope, self.center


@dataclass(frozen=True)
class PeriodicExponential(Surrogate):
    """g(u) = amplitude exp(-|u| / width) below threshold, above it a wave of period ``period``:

        g(u) = amplitude exp(-stretch distance / width) for u >= 0

    with distance that from u to the nearest multiple of ``period``: for neurons that may fire
    several spikes in a step, with a peak at every voltage where one more is fired.

    Args:
        width: decay length, in the unit of u.
        period: voltage of a spike, the threshold.
        amplitude: g(0).
        stretch: how much steeper the wave is than the part below threshold; sinabs has 2,
            rockpool 1.

    Source: Weidel and Sheik (2021), WaveSense, arXiv:2111.01456; sinabs, rockpool.
    """

    width: float = 0.5
    period: float = 1.0
    amplitude: float = 1.0
    stretch: float = 1.0

    kind = "PeriodicExponential"
    positive = ("width", "period", "amplitude", "stretch")

    def derivative(self, u):
        u = _float64(u)
        cycles = np.abs(u) / self.period
        distance = self.period * np.abs(cycles - np.floor(cycles + 0.5))
        return self.amplitude * np.exp(
            -np.where(u < 0.0, np.abs(u), self.stretch * distance) / self.width
        )

    def primitive(self, u):
        u = _float64(u)
        below = self.amplitude * self.width * np.exp(np.minimum(u, 0.0) / self.width)
        length = self.width / self.stretch
        cycles = np.maximum(u, 0.0) / self.period
        phase = self.period * (cycles - np.floor(cycles))
        distance = np.minimum(phase, self.period - phase)
        half = -length * np.expm1(-0.5 * self.period / length)
        partial = -length * np.expm1(-distance / length)
        partial = np.where(phase < 0.5 * self.period, partial, 2.0 * half - partial)
        return below + self.amplitude * (np.floor(cycles) * 2.0 * half + partial)

    def _numbers(self):
        turn = self.stretch * self.period / self.width
        return self.amplitude, 1.0 / self.period, 1.0 / self.width, turn


@dataclass(frozen=True)
class Rectangle(Surrogate):
    """g(u) = height where |u| < width, else outside

    Args:
        width: reach on either side, in the unit of u.
        height: g inside.
        outside: g outside; a small one makes the leaky rectangle (PiecewiseLeakyReLU).

    Source: Wu et al. (2018), STBP, doi:10.3389/fnins.2018.00331.
    """

    width: float = 0.5
    height: float = 1.0
    outside: float = 0.0

    kind = "Rectangle"
    positive = ("width", "height")
    not_negative = ("outside",)

    def derivative(self, u):
        u = _float64(u)
        return _or_nan(u, np.where(np.abs(u) < self.width, self.height, self.outside))

    def primitive(self, u):
        u = _float64(u)
        more = self.height - self.outside
        return self.outside * u + more * np.clip(u, -self.width, self.width)

    def _numbers(self):
        return self.height, self.outside, self.width


@dataclass(frozen=True)
class Step(Surrogate):
    """g(u) = above where u > edge, below where u < edge; at the edge above if closed, else below

    One-sided windows, the Heaviside function as its own derivative, and snnTorch's triangular,
    which has the negative gradient ``above=-1`` over threshold.

    Args:
        edge: where g jumps, in the unit of u.
        above: g above the edge.
        below: g below the edge.
        closed: whether the edge belongs to the part above.
    """

    edge: float = 0.0
    above: float = 1.0
    below: float = 0.0
    closed: bool = False

    kind = "Step"

    def derivative(self, u):
        u = _float64(u)
        inside = (u >= self.edge) if self.closed else (u > self.edge)
        return _or_nan(u, np.where(inside, self.above, self.below))

    def primitive(self, u):
        u = _float64(u)
        return self.below * u + (self.above - self.below) * np.maximum(u - self.edge, 0.0)

    def _numbers(self):
        return self.above, self.below, self.edge, self.above if self.closed else self.below


@dataclass(frozen=True)
class Reciprocal(Surrogate):
    """g(u) = amplitude / (offset + |u|)

    Derivative of sign(u) amplitude log(1 + |u| / offset); it has no bounded primitive.

    Args:
        offset: half-width at half height, in the unit of u; g(0) = amplitude / offset.
        amplitude: numerator.

    Source: spikingjelly.activation_based.surrogate.NonzeroSignLogAbs (offset = 1 / alpha).
    """

    offset: float = 1.0
    amplitude: float = 1.0

    kind = "Reciprocal"
    positive = ("offset", "amplitude")

    def derivative(self, u):
        return self.amplitude / (self.offset + np.abs(_float64(u)))

    def primitive(self, u):
        u = _float64(u)
        return np.sign(u) * self.amplitude * np.log1p(np.abs(u) / self.offset)

    def _numbers(self):
        return self.amplitude, self.offset, self.amplitude / self.offset


@dataclass(frozen=True)
class CappedReciprocal(Surrogate):
    """g(u) = min(amplitude / |u|, cap), and cap at u = 0

    Args:
        cap: g(0).
        amplitude: numerator.

    Source: spikingjelly.activation_based.surrogate.FakeNumericalGradient: the slope from u to 0
    of the step itself.
    """

    cap: float = 0.3
    amplitude: float = 1.0

    kind = "Reciprocal"
    positive = ("cap", "amplitude")

    def derivative(self, u):
        reach = self.amplitude / self.cap
        return self.amplitude / np.maximum(np.abs(_float64(u)), reach)

    def primitive(self, u):
        u = _float64(u)
        reach = self.amplitude / self.cap
        inside = self.cap * np.minimum(np.abs(u), reach)
        return np.sign(u) * (inside + self.amplitude * np.log(np.maximum(np.abs(u) / reach, 1.0)))

    def _numbers(self):
        return self.amplitude, 0.0, self.cap


@dataclass(frozen=True)
class Circ(Surrogate):
    """g(u) = amplitude / (1 + (u / width)^2)^(3/2)

    Derivative of amplitude u / sqrt(1 + (u / width)^2).

    Args:
        width: scale of u, in its unit.
        amplitude: g(0).

    Source: norse.torch.functional.threshold (circ), whose longer formula is the same function.
    """

    width: float = 1.0
    amplitude: float = 1.0

    kind = "Circ"
    positive = ("width", "amplitude")

    def derivative(self, u):
        return self.amplitude / (1.0 + (_float64(u) / self.width) ** 2) ** 1.5

    def primitive(self, u):
        u = _float64(u)
        return self.amplitude * u / np.sqrt(1.0 + (u / self.width) ** 2)

    def _numbers(self):
        return self.amplitude, 1.0 / self.width


@dataclass(frozen=True)
class Power(Surrogate):
    """g(u) = amplitude / (1 + slope |u|)^power

    Args:
        slope: steepness, per unit of u.
        power: a whole number, 2 to 15, so that no logarithm is needed; ``FastSigmoid`` is 2.
        amplitude: g(0).

    Source: Herranz-Celotti and Rouat (2022), arXiv:2202.00282 (slope = 2 / (power - 1)).
    """

    slope: float = 1.0
    power: int = 3
    amplitude: float = 1.0

    kind = "Power"
    positive = ("slope", "amplitude")

    def __post_init__(self):
        super().__post_init__()
        if self.power not in range(2, MOST_POWER + 1):
            raise ValueError(
                f"Power: power must be a whole number from 2 to {MOST_POWER}, got {self.power}"
            )
        object.__setattr__(self, "power", int(self.power))

    def derivative(self, u):
        return self.amplitude * (1.0 + self.slope * np.abs(_float64(u))) ** -self.power

    def primitive(self, u):
        u = _float64(u)
        rest = self.power - 1
        tail = (1.0 + self.slope * np.abs(u)) ** -rest
        return np.sign(u) * self.amplitude * (1.0 - tail) / (self.slope * rest)

    def _numbers(self):
        return self.amplitude, self.slope, float(self.power)


@dataclass(frozen=True)
class S2NN(Surrogate):
    """g(u) = slope s (1 - s) for u < 0, with s = 1 / (1 + exp(-slope u)); tail / (1 + u) above

    Args:
        slope: steepness below threshold, per unit of u.
        tail: g(0), and the height of the slow decay above threshold.

    Source: Suetake et al. (2022), arXiv:2201.10879; spikingjelly.
    """

    slope: float = 4.0
    tail: float = 1.0

    kind = "S2NN"
    positive = ("slope", "tail")

    def derivative(self, u):
        u = _float64(u)
        below = self.slope * _logistic_slope(self.slope, u)
        return np.where(u < 0.0, below, self.tail / (1.0 + np.abs(u)))

    def primitive(self, u):
        u = _float64(u)
        below = 0.5 * (1.0 + np.tanh(0.5 * self.slope * u))
        return np.where(u < 0.0, below, 0.5 + self.tail * np.log1p(np.abs(u)))

    def _numbers(self):
        return self.slope, self.slope, self.tail
