"""Prices with their scope, condition and source, and the profile of a device made of them."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, replace

from cusnn.energy.bounds import number
from cusnn.energy.charges import CHARGES
from cusnn.energy.units import Quantity, parse

# Scopes of prices that can be charged. An all-in price holds everything the device spent, one of
# unstated scope may; neither is added to another.
CHARGED_SCOPES = ("per_term", "all_in", "static", "envelope", "per_inference", "unstated")
ALONE = ("all_in", "unstated")
SCOPES = (*CHARGED_SCOPES, "system", "timing", "capacity", "none_published")
# From the strongest to the weakest; what the caller supposed is weaker than arithmetic on figures.
EVIDENCE = ("primary", "secondary", "derived", "assumed")
KINDS = (
    "digital_neuromorphic",
    "mixed_signal_neuromorphic",
    "dnn_accelerator",
    "gpu",
    "cpu",
    "process_constants",
    "model_constants",
    "biological",
)
ROOFLINE = ("tdp", "memory_bandwidth", "fp32", "bf16_dense")
CAPACITIES = ("neurons", "synapses", "neurons_one_byte", "synapses_one_byte", "chips")
ENERGY = (("J", 1),)


@dataclass(frozen=True)
class Price:
    """One published figure: a price that a count is charged, or a fact of the device.

    Args:
        term: what it is of.
        value: in ``unit``; None where nothing is published, which is not 0.
        unit: "pJ/op", "pJ/bit", "mW/chip", "uJ/inference", ...; for a price, energy (or power)
            per unit of what it charges.
        scope: "per_term" (this term alone), "all_in" (all the device spent, over its synaptic
            operations), "static" (power without work), "envelope" (an upper bound from power and
            rates), "per_inference" (of the network in ``condition``), "unstated"; for facts
            "system", "timing", "capacity"; "none_published" for None.
        condition: under which it holds.
        evidence: "primary" (read where its authors published it), "secondary" (read in another's
            table, catalogue or code), "derived" (arithmetic on such figures), "assumed" (supposed
            by the caller).
        source: where it stands.
        charges: of ``cusnn.energy.charges.CHARGES``; None for facts.
        range_of: term of which this is another published value. One that is all-in or unstated
            where the term is not stands for all terms together. With ``charges`` of its own it is
            the price of another count, where it isn't clear which of both costs it.

    Raises:
        TypeError: a value that is no number.
        ValueError: a negative or infinite value, an unknown unit, scope, evidence or charge, a
            unit that doesn't fit what is charged, a scope that can't be charged.
    """

    term: str
    value: float | None
    unit: str
    scope: str
    condition: str = ""
    evidence: str = "assumed"
    source: str = ""
    charges: str | None = None
    range_of: str | None = None

    def __post_init__(self):
        owner = f"Price {self.term!r}"
        one_of(owner, "scope", self.scope, SCOPES)
        one_of(owner, "evidence", self.evidence, EVIDENCE)
        parse(self.unit)
        if (self.value is None) != (self.scope == "none_published"):
            raise ValueError(
                f"{owner}: value {self.value} with scope {self.scope!r}; None goes with "
                f"'none_published', and only None"
            )
        if self.value is not None:
            object.__setattr__(self, "value", number(owner, "value", self.value))
        if self.charges is not None:
            self._check_charge(owner)

    def _check_charge(self, owner: str) -> None:
        one_of(owner, "charges", self.charges, CHARGES)
        if self.scope not in (*CHARGED_SCOPES, "none_published"):
            raise ValueError(f"{owner}: a figure of scope {self.scope!r} cannot be charged")
        unit = CHARGES[self.charges].unit
        product = Quantity(1.0, self.unit) * Quantity(1.0, unit)
        if product.dimension != ENERGY:
            raise ValueError(
                f"{owner}: {self.unit!r} times {self.charges} in {unit!r} is {product.unit}, not "
                f"J; give the price as energy (or power) per {unit.removesuffix('*s')}"
            )

    def joules(self, amount: float) -> float:
        """Energy of an amount of what it charges, in J; the amount in the charge's unit."""
        unit = CHARGES[self.charges].unit
        return (Quantity(self.value, self.unit) * Quantity(amount, unit)).to("J").value


@dataclass(frozen=True)
class DeviceProfile:
    """A device, its prices and what else is published of it.

    Args:
        name: by which ``device`` finds it.
        kind: of ``KINDS``.
        prices: prices and facts.
        title: as it is printed; the name where empty.
        about: one line.
        alternatives: names of profiles of the same device whose totals widen the range of this.

    Raises:
        TypeError: prices or alternatives that are no list.
        ValueError: no prices, terms twice, a chip without room or a GPU without power, a range of
            a term that isn't charged or has another unit, prices that can't be added.
    """

    name: str
    kind: str
    prices: tuple[Price, ...]
    title: str = ""
    about: str = ""
    alternatives: tuple[str, ...] = ()

    def __post_init__(self):
        owner = f"device {self.name!r}"
        if not isinstance(self.name, str) or not self.name.strip():
            raise ValueError(f"device: name must be text, got {self.name!r}")
        one_of(owner, "kind", self.kind, KINDS)
        if isinstance(self.prices, Price):
            raise TypeError(f"{owner}: prices must be a list of Price, got {self.prices!r}")
        object.__setattr__(self, "prices", tuple(self.prices))
        if not self.prices or not all(isinstance(price, Price) for price in self.prices):
            raise ValueError(f"{owner}: prices must be Price, at least one, got {self.prices!r}")
        object.__setattr__(self, "title", self.title or self.name)
        if isinstance(self.alternatives, str):
            raise TypeError(f"{owner}: alternatives must be a list, got {self.alternatives!r}")
        object.__setattr__(self, "alternatives", tuple(self.alternatives))
        terms = [price.term for price in self.prices]
        twice = sorted({term for term in terms if terms.count(term) > 1})
        if twice:
            raise ValueError(f"{owner}: terms stand twice: {', '.join(twice)}")
        for price in self.prices:
            if price.term in (*ROOFLINE, *CAPACITIES) and price.value == 0:
                raise ValueError(f"{owner}: {price.term!r} must be above 0; give None for unknown")
        self._check_ranges(owner)
        self._check_sum(owner)

    def _check_ranges(self, owner: str) -> None:
        for price in self.prices:
            if price.range_of is None:
                continue
            of = next((p for p in self.charged if p.term == price.range_of), None)
            if of is None or of.value is None or price.value is None:
                raise ValueError(
                    f"{owner}: {price.term!r} is a range of {price.range_of!r}, which must be "
                    f"another, charged price of the device; both need a value"
                )
            counted = [CHARGES[one.charges].counts for one in (price, of) if one.charges]
            if price.charges and not all(counted):
                raise ValueError(
                    f"{owner}: {price.term!r} is a range of {price.range_of!r} and charges "
                    f"{price.charges}; both must charge counts"
                )
            self.other_values(of.term)

    def _check_sum(self, owner: str) -> None:
        charged = [price for price in self.charged if price.value is not None]
        if len(charged) < 2:
            return
        listed = ", ".join(f"{price.term} ({price.scope})" for price in charged)
        for price in charged:
            if price.scope in ALONE or (
                price.scope == "envelope" and price.charges.endswith("_seconds")
            ):
                raise ValueError(
                    f"{owner}: {price.term!r} is {price.scope} and may hold the other terms, hence "
                    f"cannot be added to them: {listed}; charge it alone, in a profile of its own"
                )
        scopes = {price.scope for price in charged}
        # An upper bound from all the power holds the static power.
        if len(scopes - {"static"}) > 1 or scopes == {"envelope", "static"}:
            raise ValueError(f"{owner}: prices of different scopes cannot be added: {listed}")

    @property
    def charged(self) -> tuple[Price, ...]:
        """Prices that counts are charged; not those that are the end of a range."""
        return tuple(price for price in self.prices if price.charges and not price.range_of)

    @property
    def scope(self) -> str:
        """What a total is made of: "roofline", or the scope of the prices that are charged.

        "constants" are those of a model of its own, which no count is charged.
        """
        if self.kind == "gpu" and all(self.value(term) is not None for term in ROOFLINE):
            return "roofline"
        scopes = [price.scope for price in self.charged if price.value is not None]
        nothing = "constants" if self.kind.endswith("_constants") else "none_published"
        return next((scope for scope in scopes if scope != "static"), nothing)

    @property
    def unpublished(self) -> tuple[str, ...]:
        """Terms of which nothing is published."""
        return tuple(price.term for price in self.prices if price.value is None)

    def price(self, term: str) -> Price:
        """The figure of a term.

        Raises:
            ValueError: no such term.
        """
        found = next((price for price in self.prices if price.term == term), None)
        if found is None:
            terms = [price.term for price in self.prices]
            raise ValueError(f"device {self.name!r}: no term {term!r}{near(term, terms)}")
        return found

    def value(self, term: str, unit: str | None = None) -> float | None:
        """A figure in ``unit``; None where it isn't published."""
        found = next((price for price in self.prices if price.term == term), None)
        if found is None or found.value is None:
            return None
        return Quantity(found.value, found.unit).to(unit or found.unit).value

    def spread(self, term: str) -> tuple[float, float]:
        """Least and greatest published value of a price, in its unit."""
        of = self.price(term)
        values = [of.value, *(price.value for price in self.other_values(term))]
        return min(values), max(values)

    def other_values(self, term: str) -> tuple[Price, ...]:
        """Other published values of a price, as prices that charge what it does, or their own."""
        of = self.price(term)
        return tuple(
            replace(
                price,
                value=Quantity(price.value, price.unit).to(of.unit).value,
                unit=of.unit,
                charges=price.charges or of.charges,
                range_of=None,
            )
            for price in self.prices
            if price.range_of == term
        )

    def capacity(self, what: str) -> Price | None:
        """The figure of its "neurons" or "synapses"; None where it isn't published.

        Where it holds fewer synapses of one byte than it holds at most, theirs is the figure.
        """
        terms = (f"{what}_one_byte", what)
        known = [p for p in self.prices if p.value is not None]
        return next((p for term in terms for p in known if p.term == term), None)

    def per_chip(self, what: str) -> float | None:
        """Neurons or synapses of one chip; None where that isn't published."""
        figure = self.capacity(what)
        return None if figure is None else figure.value / (self.value("chips") or 1)


def weakest(evidence: Iterable[str]) -> str:
    """The weakest of several grades; of none, the strongest."""
    return max(evidence, key=EVIDENCE.index, default=EVIDENCE[0])


def one_of(owner: str, name: str, value, allowed) -> None:
    if value not in allowed:
        raise ValueError(f"{owner}: {name} {value!r} is unknown, allowed are {', '.join(allowed)}")


def near(name: str, known: Iterable[str]) -> str:
    lowered = {one.casefold(): one for one in known}
    sought = name.casefold()
    close = [one for one in lowered if one.startswith(sought)] if sought else []
    close += difflib.get_close_matches(sought, lowered, n=3, cutoff=0.5)
    names = [lowered[one] for one in dict.fromkeys(close)][:5]
    return f"; did you mean {', '.join(names)}?" if names else ""
