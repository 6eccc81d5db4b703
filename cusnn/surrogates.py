"""Surrogate gradients: what stands for the derivative of a spike in the backward pass.

A spike is a step of u = v_pre - v_threshold, whose derivative is 0 almost everywhere; training
puts a surrogate g(u) in its place. A surrogate is a frozen dataclass with ``derivative`` (g),
``primitive`` (a function whose derivative is g: the smooth step that g belongs to) and
``coefficients`` (what the backends get). u and every width are in the unit of the voltage, mV, or
multiples of the threshold in a dimensionless network; slopes are per that unit.

``preset`` gives the surrogates of other libraries under their own names and parameters,
``presets`` lists them.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import ClassVar

import numpy as np

__all__ = [
    "S2NN",
    "ATan",
    "CappedReciprocal",
    "Circ",
    "Exponential",
    "FastSigmoid",
    "Gaussian",
    "MultiGaussian",
    "PeriodicExponential",
    "Power",
    "Preset",
    "Reciprocal",
    "Rectangle",
    "Sigmoid",
    "SparseFastSigmoid",
    "Step",
    "StraightThrough",
    "Surrogate",
    "SurrogateCoefficients",
    "Tanh",
    "Triangle",
    "preset",
    "presets",
]

MOST_POWER = 15
_SQRT_2 = math.sqrt(2.0)
_SQRT_2_PI = math.sqrt(2.0 * math.pi)
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
            value = _number(owner, field.name, value)
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


def _number(owner: str, name: str, value) -> float:
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
        z = (_float64(u) - self.center) / (_SQRT_2 * self.width)
        return self.amplitude * np.exp(-(z * z))

    def primitive(self, u):
        area = self.amplitude * self.width * _SQRT_2_PI
        return 0.5 * area * _erf((_float64(u) - self.center) / (_SQRT_2 * self.width))

    def _numbers(self):
        return self.amplitude, 1.0 / (_SQRT_2 * self.width), self.center


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
            weight / (deviation * _SQRT_2_PI) * np.exp(-0.5 * ((u - mean) / deviation) ** 2)
            for weight, mean, deviation in self._parts()
        )

    def primitive(self, u):
        u = _float64(u)
        return sum(
            0.5 * weight * _erf((u - mean) / (_SQRT_2 * deviation))
            for weight, mean, deviation in self._parts()
        )

    def _numbers(self):
        peak = (1.0 + self.height) / (self.width * _SQRT_2_PI)
        flank = self.height / (self.spread * self.width * _SQRT_2_PI)
        return peak, 1.0 / (_SQRT_2 * self.width), 1.0 / self.spread, flank


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


# ------------------------------------------------------------------ presets


@dataclass(frozen=True)
class Preset:
    """A surrogate of another library.

    Attributes:
        library: "snntorch", "spikingjelly", "norse", "sinabs", "rockpool", "lava-dl" or "spyx".
        name: the library's name for it.
        parameters: its parameters and their defaults; None for one without a default.
        formula: the derivative as that library computes it, a NumPy expression in x (voltage over
            threshold) or v (voltage) and the parameters.
        note: what differs from what its name or its documentation says; "" for nothing.
    """

    library: str
    name: str
    parameters: Mapping[str, float | None]
    formula: str
    note: str = ""


_PRESETS: dict[tuple[str, str], tuple[Preset, Callable[..., Surrogate]]] = {}
_UNSUPPORTED: dict[tuple[str, str], str] = {}
_ALIASES = {"exodus": "sinabs"}


def preset(library: str, name: str, **parameters: float) -> Surrogate:
    """The surrogate that another library calls ``name``, with that library's parameters.

    Args:
        library: as in ``presets()``; "exodus" is "sinabs".
        name: the library's name for it, as in ``presets()``; of both, the case does not matter.
        parameters: the library's parameters; those left out have its defaults.

    Returns:
        One of the surrogates of this module, equal to the library's derivative, constant factors
        included.

    Raises:
        ValueError: a library, name or parameter that there is not, a parameter without default
            that is missing, or a surrogate that none of this module's can stand for.

    Formulas are those of snntorch 1.0.0, spikingjelly 2.0.0 and of the repositories norse
    065a3b45, sinabs 904eb89, exodus 641ccda, rockpool 42cee1c, lava-dl d825ac5, spyx 38374e9,
    oddities included; ``Preset.note`` names those.
    """
    key = _key_of(library, name)
    if key in _UNSUPPORTED:
        raise ValueError(f"preset {library} {name}: {_UNSUPPORTED[key]}")
    if key not in _PRESETS:
        raise ValueError(f"no preset {library} {name}: {_what_there_is(key[0])}")
    entry, build = _PRESETS[key]
    for given in parameters:
        if given not in entry.parameters:
            takes = ", ".join(entry.parameters) or "no parameters"
            raise ValueError(f"preset {library} {name} takes {takes}, got {given}")
    values = {**entry.parameters, **parameters}
    for parameter, value in values.items():
        if value is None:
            raise ValueError(f"preset {library} {name} needs {parameter}: it has no default")
        values[parameter] = _number(f"preset {library} {name}", parameter, value)
    try:
        return build(**values)
    except (ValueError, ZeroDivisionError) as error:
        given = ", ".join(f"{parameter}={value}" for parameter, value in values.items())
        raise ValueError(f"preset {library} {name} with {given}: {error}") from None


def _key_of(library: str, name: str) -> tuple[str, str]:
    """The key as it stands in the tables, or the words as given where there is none."""
    lower = str(library).lower()
    key = (_ALIASES.get(lower, lower), str(name))
    known = [*_PRESETS, *_UNSUPPORTED]
    same = [k for k in known if k[0] == key[0] and k[1].lower() == key[1].lower()]
    return key if key in known or not same else same[0]


def presets() -> tuple[Preset, ...]:
    """Every preset, by library and in the order of its documentation."""
    return tuple(entry for entry, _ in _PRESETS.values())


def _what_there_is(library: str) -> str:
    names = [entry.name for entry, _ in _PRESETS.values() if entry.library == library]
    if names:
        return f"{library} has {', '.join(names)}"
    libraries = dict.fromkeys(entry.library for entry, _ in _PRESETS.values())
    return f"the libraries are {', '.join(libraries)}"


def _add(library: str, name: str, formula: str, build: Callable[..., Surrogate], note="") -> None:
    """Names and defaults of the parameters are those of ``build``."""
    parameters = {
        parameter.name: None if parameter.default is parameter.empty else parameter.default
        for parameter in inspect.signature(build).parameters.values()
    }
    entry = Preset(library, name, MappingProxyType(parameters), formula, note)
    _PRESETS[library, name] = entry, build


_add(
    "snntorch",
    "atan",
    "alpha/2 / (1 + (pi/2*alpha*x)**2)",
    lambda alpha=2.0: ATan(alpha / 2.0, alpha / 2.0),
    "its documentation claims one more factor 1/pi, which its code does not have",
)
_add(
    "snntorch",
    "fast_sigmoid",
    "1 / (slope*abs(x) + 1)**2",
    lambda slope=25.0: FastSigmoid(slope),
)
_add(
    "snntorch",
    "sigmoid",
    "slope*exp(-slope*x) / (exp(-slope*x) + 1)**2",
    lambda slope=25.0: Sigmoid(slope),
    "its code gives NaN far below threshold, where exp overflows; here the limit 0 comes out",
)
_add(
    "snntorch",
    "triangular",
    "where(x < 0, threshold, -threshold)",
    lambda threshold=1.0: Step(0.0, -threshold, threshold, closed=True),
    "no triangle: two constants, the gradient negative at threshold and above",
)
_add("snntorch", "straight_through_estimator", "1 + 0*x", lambda: StraightThrough())
_add("snntorch", "heaviside", "where(x > 0, 1, 0)", lambda: Step())
_add(
    "snntorch",
    "spike_rate_escape",
    "slope*exp(-beta*abs(x - 1))",
    lambda beta=1.0, slope=25.0: Exponential(beta, slope, center=1.0),
    "the peak stands 1 above threshold",
)
_add(
    "snntorch",
    "LSO",
    "where(x > 0, 1, slope)",
    lambda slope=0.1: Step(0.0, 1.0, slope),
    "what its LeakySpikeOperator computes; its function LSO() calls another class by mistake",
)
_add(
    "snntorch",
    "SFS",
    "where(x > B, 1 / (slope*abs(x) + 1)**2, 0)",
    lambda slope=25.0, B=1.0: SparseFastSigmoid(slope, B),
    "with the default B only neurons 1 above threshold get a gradient",
)
_add(
    "spikingjelly",
    "Sigmoid",
    "alpha*sigmoid(alpha*x)*(1 - sigmoid(alpha*x))",
    lambda alpha=4.0: Sigmoid(alpha),
)
_add(
    "spikingjelly",
    "ATan",
    "alpha/2 / (1 + (pi/2*alpha*x)**2)",
    lambda alpha=2.0: ATan(alpha / 2.0, alpha / 2.0),
)
_add(
    "spikingjelly",
    "PiecewiseQuadratic",
    "maximum(0, alpha - alpha**2*abs(x))",
    lambda alpha=1.0: Triangle(1.0 / alpha, alpha),
)
_add(
    "spikingjelly",
    "PiecewiseExp",
    "alpha/2*exp(-alpha*abs(x))",
    lambda alpha=1.0: Exponential(alpha, alpha / 2.0),
)
_add(
    "spikingjelly",
    "SoftSign",
    "1 / (2*alpha*(1/alpha + abs(x))**2)",
    lambda alpha=2.0: FastSigmoid(alpha, alpha / 2.0),
)
_add(
    "spikingjelly",
    "SuperSpike",
    "alpha / (1 + abs(x))**2",
    lambda alpha=1.0: FastSigmoid(1.0, alpha),
    "alpha is a gain here, the slope in norse",
)
_add(
    "spikingjelly",
    "Erf",
    "alpha/sqrt(pi)*exp(-alpha**2*x**2)",
    lambda alpha=2.0: Gaussian(1.0 / (_SQRT_2 * alpha), alpha / math.sqrt(math.pi)),
)
_add(
    "spikingjelly",
    "NonzeroSignLogAbs",
    "1 / (1/alpha + abs(x))",
    lambda alpha=1.0: Reciprocal(1.0 / alpha),
)
_add(
    "spikingjelly",
    "PiecewiseLeakyReLU",
    "where(abs(x) < w, 1/(2*w), c)",
    lambda w=1.0, c=0.01: Rectangle(w, 0.5 / w, c),
    "as its PyTorch code computes it",
)
_add(
    "spikingjelly",
    "PiecewiseLeakyReLU (CuPy, before 2.0)",
    "where(abs(x) < w, 1/w, c)",
    lambda w=1.0, c=0.01: Rectangle(w, 1.0 / w, c),
    "twice what its PyTorch code computes",
)
_add(
    "spikingjelly",
    "S2NN",
    "where(x < 0, alpha*sigmoid(alpha*x)*(1 - sigmoid(alpha*x)), beta / (x + 1))",
    lambda alpha=4.0, beta=1.0: S2NN(alpha, beta),
)
_add(
    "spikingjelly",
    "QPseudoSpike",
    "(1 + 2*abs(x)/(alpha - 1))**(-alpha)",
    lambda alpha=2.0: Power(2.0 / (alpha - 1.0), alpha),
    f"for whole alpha, 2 to {MOST_POWER}",
)
_add(
    "spikingjelly",
    "Rect",
    "where(abs(x) < 0.5/alpha, alpha, 0)",
    lambda alpha=1.0: Rectangle(0.5 / alpha, alpha),
)
_add(
    "spikingjelly",
    "FakeNumericalGradient",
    "minimum(sign(x)/x, alpha)",
    lambda alpha=0.3: CappedReciprocal(alpha),
    "at x = 0, where the formula divides 0 by 0, alpha",
)
_add(
    "spikingjelly",
    "LeakyKReLU",
    "where(x >= 0, k, leak)",
    lambda leak=0.0, k=1.0: Step(0.0, k, leak, closed=True),
)
_add("norse", "super", "1 / (alpha*abs(x) + 1)**2", lambda alpha=100.0: FastSigmoid(alpha))
_add("norse", "tanh", "1 - tanh(k*x)**2", lambda k: Tanh(k))
_add(
    "norse",
    "triangle",
    "alpha*maximum(0, 1 - abs(x))",
    lambda alpha=0.3: Triangle(1.0, alpha),
)
_add(
    "norse",
    "circ",
    "2*alpha*(1/(2*sqrt(alpha**2 + x**2)) - x**2/(2*(alpha**2 + x**2)**1.5))",
    lambda alpha: Circ(alpha),
)
_add(
    "norse",
    "heavi_erfc",
    "2/sqrt(pi)*exp(-k**2*x**2)",
    lambda k: Gaussian(1.0 / (_SQRT_2 * k), 2.0 / math.sqrt(math.pi)),
)
_add(
    "sinabs",
    "SingleExponential",
    "grad_scale/(spike_threshold*grad_width)"
    " * exp(-abs(v - spike_threshold)/(spike_threshold*grad_width))",
    lambda grad_width=0.5, grad_scale=1.0, spike_threshold=1.0: Exponential(
        1.0 / (spike_threshold * grad_width), grad_scale / (spike_threshold * grad_width)
    ),
)
_add(
    "sinabs",
    "PeriodicExponential",
    "grad_scale*exp(-abs(where(v < spike_threshold, v - spike_threshold,"
    " spike_threshold*(2*frac(v/spike_threshold - 0.5) - 1)))/grad_width)",
    lambda grad_width=0.5, grad_scale=1.0, spike_threshold=1.0: PeriodicExponential(
        grad_width, spike_threshold, grad_scale, stretch=2.0
    ),
)
_add(
    "sinabs",
    "Gaussian",
    "exp(-(x - mu)**2/(2*sigma**2)) / (sigma*sqrt(2*pi))",
    lambda mu=0.0, sigma=0.5: Gaussian(sigma, 1.0 / (sigma * _SQRT_2_PI), mu),
)
_add(
    "sinabs",
    "MultiGaussian",
    "(1 + h)*normal(x, 0, sigma) - h*normal(x, sigma, s*sigma) - h*normal(x, -sigma, s*sigma)",
    lambda sigma=0.5, h=0.15, s=6.0: MultiGaussian(sigma, h, s),
    "with its mu at the default, 0",
)
_add(
    "sinabs",
    "Heaviside",
    "where(v >= spike_threshold - window, 1, 0)/spike_threshold",
    lambda window=1.0, spike_threshold=1.0: Step(-window, 1.0 / spike_threshold, closed=True),
)
_add(
    "rockpool",
    "StepPWL",
    "where(v >= threshold - window, 1, 0)/threshold",
    lambda window=0.5, threshold=1.0: Step(-window, 1.0 / threshold, closed=True),
)
_add(
    "rockpool",
    "PeriodicExponential",
    "exp(-abs(where(v < threshold, v - threshold,"
    " threshold*(frac(v/threshold - 0.5) - 0.5)))/window)/threshold",
    lambda window=0.5, threshold=1.0: PeriodicExponential(window, threshold, 1.0 / threshold),
)
_add(
    "lava-dl",
    "slayer",
    "scale_rho/(2*tau_rho)*exp(-abs(x)/tau_rho)",
    lambda scale_rho, tau_rho: Exponential(1.0 / tau_rho, scale_rho / (2.0 * tau_rho)),
    "scale_rho and tau_rho as its kernels get them, rescaled from scale_grad and tau_grad",
)
_add("spyx", "superspike", "1 / (1 + k*abs(x))**2", lambda k=25.0: FastSigmoid(k))
_add(
    "spyx",
    "arctan",
    "1 / ((1 + (pi*k*x)**2)*pi)",
    lambda k=2.0: ATan(k, 1.0 / math.pi),
    "not the arctangent of snntorch and spikingjelly: lower by pi, and twice as narrow",
)
_add("spyx", "tanh", "4 / (exp(k*x) + exp(-k*x))**2", lambda k=1.0: Tanh(k))
_add(
    "spyx",
    "boxcar",
    "where(abs(x) < width/2, height, 0)",
    lambda width=2.0, height=0.5: Rectangle(width / 2.0, height),
)
_add("spyx", "triangular", "maximum(0, 1 - abs(k*x))", lambda k=2.0: Triangle(1.0 / k))

_UNSUPPORTED.update(
    {
        ("snntorch", "SSO"): "its gradient below threshold is a random number; a surrogate here is "
        "a function of the voltage",
        **{
            ("spikingjelly", name): "its formula has not been transcribed"
            for name in ("LogTailedReLU", "SquarewaveFourierSeries", "MultiLevelSpikeCount")
        },
    }
)
