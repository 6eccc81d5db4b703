"""Surrogates of other libraries, under their own names and parameters."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from cusnn.surrogates.families import (
    MOST_POWER,
    S2NN,
    SQRT_2,
    SQRT_2_PI,
    ATan,
    CappedReciprocal,
    Circ,
    Exponential,
    FastSigmoid,
    Gaussian,
    MultiGaussian,
    PeriodicExponential,
    Power,
    Reciprocal,
    Rectangle,
    Sigmoid,
    SparseFastSigmoid,
    Step,
    StraightThrough,
    Surrogate,
    Tanh,
    Triangle,
    checked_number,
)


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
        values[parameter] = checked_number(f"preset {library} {name}", parameter, value)
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
    lambda alpha=2.0: Gaussian(1.0 / (SQRT_2 * alpha), alpha / math.sqrt(math.pi)),
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
    lambda k: Gaussian(1.0 / (SQRT_2 * k), 2.0 / math.sqrt(math.pi)),
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
    lambda mu=0.0, sigma=0.5: Gaussian(sigma, 1.0 / (sigma * SQRT_2_PI), mu),
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
