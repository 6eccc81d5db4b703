"""Units of prices and counts, so that picojoules per operation and per bit cannot be added."""

from __future__ import annotations

import functools
import math
import re
from dataclasses import dataclass

PREFIXES = {
    "f": 1e-15,
    "p": 1e-12,
    "n": 1e-9,
    "u": 1e-6,
    "m": 1e-3,
    "": 1.0,
    "k": 1e3,
    "K": 1e3,
    "M": 1e6,
    "G": 1e9,
    "T": 1e12,
    "P": 1e15,
}
# Unit -> (factor, exponents of the base units). What is counted is a base unit of its own, hence
# energy per operation, per bit and per inference are three dimensions.
UNITS = {
    "J": (1.0, {"J": 1}),
    "W": (1.0, {"J": 1, "s": -1}),
    "s": (1.0, {"s": 1}),
    "m": (1.0, {"m": 1}),
    "m2": (1.0, {"m": 2}),
    "op": (1.0, {"op": 1}),
    "OPS": (1.0, {"op": 1, "s": -1}),
    "SOPS": (1.0, {"op": 1, "s": -1}),
    "FLOP": (1.0, {"FLOP": 1}),
    "FLOPS": (1.0, {"FLOP": 1, "s": -1}),
    "bit": (1.0, {"bit": 1}),
    "B": (8.0, {"bit": 1}),
    "hop": (1.0, {"hop": 1}),
    "inference": (1.0, {"inference": 1}),
    "chip": (1.0, {"chip": 1}),
    "core": (1.0, {"core": 1}),
    "neuron": (1.0, {"neuron": 1}),
    "count": (1.0, {}),
    "year": (1.0, {}),
    "percent": (0.01, {}),
    "1": (1.0, {}),
}
PREFIXED = ("J", "W", "s", "m", "m2", "OPS", "SOPS", "FLOP", "FLOPS", "B", "bit")
PICO = PREFIXES["p"]


@dataclass(frozen=True)
class Quantity:
    """A number with its unit; sums and comparisons need the same dimension.

        Quantity(23.6, "pJ/op") * Quantity(1000, "op")  # 2.36e-08 J
        Quantity(23.6, "pJ/op") + Quantity(47.0, "fJ/bit")  # ValueError

    Args:
        value: finite.
        unit: SI prefix and unit, multiplied by "*" and divided by "/": "pJ/bit/hop", "mW*s".

    Raises:
        TypeError: a value that is no number.
        ValueError: a value that is not finite, an unknown unit.
    """

    value: float
    unit: str

    def __post_init__(self):
        if isinstance(self.value, bool) or not hasattr(self.value, "__float__"):
            raise TypeError(f"Quantity: value must be a number, got {self.value!r}")
        if not math.isfinite(self.value):
            raise ValueError(f"Quantity: value must be finite, got {self.value} {self.unit}")
        object.__setattr__(self, "value", float(self.value))
        parse(self.unit)

    @property
    def dimension(self) -> tuple[tuple[str, int], ...]:
        """Exponents of the base units, sorted by name; those that are 0 are left out."""
        return parse(self.unit)[1]

    @property
    def base(self) -> float:
        """The value in base units (J, s, bit, op, ...)."""
        return self.value * parse(self.unit)[0]

    def to(self, unit: str) -> Quantity:
        """The same in another unit.

        Raises:
            ValueError: a unit of another dimension.
        """
        factor, dimension = parse(unit)
        if dimension != self.dimension:
            raise ValueError(
                f"Quantity: {self.unit!r} is not {unit!r}: one is {named(self.dimension)}, the "
                f"other {named(dimension)}"
            )
        if unit == self.unit:
            return self
        return Quantity(self.value * (parse(self.unit)[0] / factor), unit)

    def __add__(self, other: Quantity) -> Quantity:
        if not isinstance(other, Quantity):
            raise TypeError(f"Quantity: {self} and {other!r} cannot be added; give it a unit")
        return Quantity(self.value + other.to(self.unit).value, self.unit)

    def __mul__(self, other) -> Quantity:
        if isinstance(other, Quantity):
            return _in_base(self.base * other.base, _product(self.dimension, other.dimension))
        return Quantity(self.value * other, self.unit)

    __rmul__ = __mul__

    def __truediv__(self, other) -> Quantity:
        if isinstance(other, Quantity):
            inverse = tuple((name, -power) for name, power in other.dimension)
            return _in_base(self.base / other.base, _product(self.dimension, inverse))
        return Quantity(self.value / other, self.unit)

    def __lt__(self, other: Quantity) -> bool:
        return self.value < other.to(self.unit).value

    def __str__(self) -> str:
        return f"{self.value:g} {self.unit}"


@functools.cache
def parse(unit: str) -> tuple[float, tuple[tuple[str, int], ...]]:
    """Factor to base units, and their exponents.

    Raises:
        ValueError: an unknown unit.
    """
    factor, powers = 1.0, {}
    for operator, word in re.findall(r"(^|[*/])([^*/]*)", str(unit)):
        scale, dimension = _word(word, unit)
        sign = -1 if operator == "/" else 1
        factor *= scale**sign
        for name, power in dimension.items():
            powers[name] = powers.get(name, 0) + sign * power
    return factor, tuple(sorted((name, power) for name, power in powers.items() if power))


def named(dimension) -> str:
    """A dimension as it is printed: "J/op"."""
    above = [name for name, power in dimension for _ in range(power)]
    below = [name for name, power in dimension for _ in range(-power)]
    return "/".join(["*".join(above) or "1", *below]) if above or below else "a number"


def si(value: float | None, unit: str = "", digits: int = 3) -> str:
    """A number with an SI prefix: ``si(1.234e-9, "J")`` is "1.23 nJ"; None is "-".

    Beyond the prefixes, from 1e18 on and below 1e-18, it has a power of ten.

    Raises:
        ValueError: a number that is not finite.
    """
    if value is None:
        return "-"
    if not math.isfinite(value):
        raise ValueError(f"si: value must be finite, got {value}")
    if value == 0:
        return f"0 {unit}".rstrip()
    # Rounded first: 999.9 is 1.00 k, not 1000.
    rounded = float(f"{value:.{digits - 1}e}")
    power = math.floor(math.log10(abs(rounded)) / 3)
    if not -6 <= power <= 5:
        return f"{rounded:.{digits - 1}e} {unit}".rstrip()
    power = max(power, -5)
    prefix = {-5: "f", -4: "p", -3: "n", -2: "u", -1: "m", 0: "", 1: "k", 2: "M", 3: "G"}
    prefix |= {4: "T", 5: "P"}
    number = rounded / 10.0 ** (3 * power)
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(number)) + 1e-12))
    return f"{number:.{decimals}f} {prefix[power]}{unit}".rstrip()


def _word(word: str, unit: str) -> tuple[float, dict[str, int]]:
    if word in UNITS:
        return UNITS[word]
    for name in PREFIXED:
        prefix = word.removesuffix(name)
        if word.endswith(name) and prefix in PREFIXES:
            scale, dimension = UNITS[name]
            return PREFIXES[prefix] ** dimension.get("m", 1) * scale, dimension
    raise ValueError(
        f"unit: {word!r} in {unit!r} is not known; units are {', '.join(UNITS)}, with SI prefixes "
        f"before {', '.join(PREFIXED)}"
    )


def _product(left, right) -> dict[str, int]:
    powers = dict(left)
    for name, power in right:
        powers[name] = powers.get(name, 0) + power
    return {name: power for name, power in powers.items() if power}


def _in_base(value: float, powers: dict[str, int]) -> Quantity:
    above = [name for name, power in sorted(powers.items()) for _ in range(power)]
    below = [name for name, power in sorted(powers.items()) for _ in range(-power)]
    return Quantity(value, "/".join(["*".join(above) or "1", *below]))
