"""Energy of a workload on a device: its counts times published prices."""

from __future__ import annotations

import math
from dataclasses import replace

from cusnn.energy.assumptions import (
    Assumptions,
    assumptions,
    check_input_spikes,
    driven,
    model_seconds,
)
from cusnn.energy.catalogue import DeviceProfile, Price, device
from cusnn.energy.charges import ALL_IN, ARRIVALS, CHARGES, DIRECTED, NEEDED, amount
from cusnn.energy.counts import Workload
from cusnn.energy.profiles import ALONE, weakest
from cusnn.energy.results import EnergyEstimate
from cusnn.energy.roofline import roofline
from cusnn.energy.units import si


def estimate(workload: Workload, device_name: str | DeviceProfile, **options) -> EnergyEstimate:
    """Energy of a workload on a device, from its counts and published prices.

        total = sum over prices of price * amount of what it charges                per_term
        total = price * synaptic operations                                         all_in
        total = chips * power * seconds                                             envelope
        total = inferences * energy of the published inference                      per_inference
        GPUs                                             ``cusnn.energy.roofline``

    Args:
        workload: what ran.
        device_name: of ``devices()``, or a profile.
        **options: those of ``Assumptions``.

    Returns:
        ``EnergyEstimate``; its total is None where a term has no price or wasn't counted.

    Raises:
        TypeError: no workload, unknown options.
        ValueError: no such device, constants of a model that charge no count, impossible options,
            or ``charge_input_spikes`` where those are synaptic operations already.
    """
    if not isinstance(workload, Workload):
        raise TypeError(f"estimate: workload must be a Workload, got {workload!r}")
    profile, assumed = device(device_name), assumptions(options)
    check_input_spikes(workload, assumed)
    if profile.scope == "constants":
        raise ValueError(
            f"estimate: {profile.name!r} holds constants of a model, no count is charged them; "
            f"`cusnn.energy` has the models of Lemaire and of Yan, and 'horowitz45-fp32' charges "
            f"accumulates and multiply-accumulates"
        )
    if profile.scope == "roofline":
        return roofline(workload, profile, assumed)
    own = _Sum(workload, profile, assumed).estimate()
    others = [_Sum(workload, device(name), assumed).estimate() for name in profile.alternatives]
    return _widened(own, [other for other in others if set(other.missing) == set(own.missing)])


class _Sum:
    """Prices times amounts, term after term."""

    def __init__(self, workload: Workload, profile: DeviceProfile, assumed: Assumptions):
        self.workload, self.profile, self.assumed = workload, profile, assumed
        self.notes: list[str] = []
        self.evidence: list[str] = []
        self.uncounted: list[str] = []
        self.chips: int | None = None

    def estimate(self) -> EnergyEstimate:
        breakdown, low, high, whole, paid = {}, [], [], [], set()
        for price in self.profile.charged:
            if price.value is None:
                continue
            paid.update(self._pays_for(price))
            number = self._amount(price.charges)
            if number is None:
                continue
            breakdown[price.term] = price.joules(number)
            ends = self._ends(price, number)
            whole += [joules for joules, alone in ends if alone and number]
            same = [breakdown[price.term], *(joules for joules, alone in ends if not alone)]
            low.append(min(same))
            high.append(max(same))
            if number:
                self.evidence.append(price.evidence)
            if price.scope not in ("per_term", "static"):
                self._note(f"{price.term.replace('_', ' ')}: {price.condition or 'not stated'}")
        self._note_size()
        self._note_power(breakdown)
        # Rates of one power, as in the roofline: one after the other, at the least at once, where
        # the larger is all.
        least = max if self.profile.scope == "envelope" else math.fsum
        if self.profile.scope == "envelope" and len(breakdown) > 1:
            self._note(
                "full power for one rate after the other, which is the most, as for GPUs; the "
                "range begins with both at once"
            )
        return EnergyEstimate(
            self.workload.name,
            self.profile.name,
            self.profile.title,
            self.profile.kind,
            self.profile.scope,
            self._grade(breakdown),
            breakdown,
            min([least(low), *whole]) if low else None,
            max([math.fsum(high), *whole]) if high else None,
            **self._gaps(paid),
            assumptions=tuple(self.notes),
            chips=self.chips,
            synaptic_ops=self.workload.counts.synaptic_ops,
            inferences=self.workload.inferences,
            model_s=model_seconds(self.workload),
        )

    def _ends(self, price: Price, number: float) -> list[tuple[float, bool]]:
        """J by other published values of a price, and whether they stand for all terms."""
        ends = []
        for other in self.profile.other_values(price.term):
            own = other.charges != price.charges
            charged = amount(self.workload, other.charges) if own else number
            if charged is None:
                continue
            ends.append((other.joules(charged), _alone(other, price)))
            if charged and weakest((other.evidence, price.evidence)) != price.evidence:
                self._note(
                    f"the range holds {other.value:g} {other.unit} for "
                    f"{price.term.replace('_', ' ')}: {other.condition} ({other.evidence})"
                )
        return ends

    def _grade(self, breakdown: dict[str, float]) -> str:
        prices = [price.evidence for price in self.profile.charged if price.value is not None]
        if not any(breakdown.values()):
            # Nothing was charged: what would be.
            return weakest([*prices, *self.evidence]) if prices else "none"
        return weakest(self.evidence)

    def _pays_for(self, price: Price) -> tuple[str, ...]:
        if price.scope == "all_in":
            return ALL_IN
        if price.scope == "envelope" and price.charges == "chip_seconds":
            return NEEDED
        return CHARGES[price.charges].pays_for

    def _gaps(self, paid: set[str]) -> dict[str, tuple[str, ...]]:
        unpriced, uncounted, rest = [], list(self.uncounted), list(self.profile.unpublished)
        for name in NEEDED:
            count = getattr(self.workload.counts, name)
            if name in paid or count == 0:
                continue
            if count is None and name == "hops":
                rest.append("hops")
            else:
                (uncounted if count is None else unpriced).append(name)
        charged = {price.charges for price in self.profile.charged}
        left_out = driven(self.workload) and not self.assumed.charge_input_spikes
        if left_out and charged.intersection(ARRIVALS):
            rest.append("input_spikes")
        gaps = {"unpriced": unpriced, "uncounted": uncounted, "not_covered": rest}
        return {name: tuple(dict.fromkeys(values)) for name, values in gaps.items()}

    def _amount(self, charge: str) -> float | None:
        workload = self.workload
        if charge == "inferences":
            return self._known("inferences", workload.inferences)
        if charge == "neuron_seconds":
            seconds = self._seconds()
            return None if seconds is None else workload.neurons * seconds
        if charge == "chip_seconds":
            seconds, chips = self._seconds(), self._chips()
            return None if None in (seconds, chips) else chips * seconds
        number = amount(workload, charge)
        if charge in ("hops", "hops_undirected") and number is None:
            return self._supposed_hops()
        if charge in DIRECTED and number == 0:
            # Another of the three holds the hops; one is enough to say that there are none.
            shown = charge == "hops_undirected" and workload.counts.hops == 0
            return 0 if shown else None
        if number is None:
            names = CHARGES[charge].counts
            missing = [name for name in names if getattr(workload.counts, name) is None]
            self.uncounted += missing or names
        elif charge in ARRIVALS and self.assumed.charge_input_spikes:
            number += self._input_spikes()
        return number

    def _input_spikes(self) -> int:
        """Spikes of stimuli, each charged as an operation; 0 of those that were not counted."""
        number = self._known("input_spikes", self.workload.counts.input_spikes)
        if number:
            self._note(f"{number:,} input spikes cost a synaptic operation each")
        return number or 0

    def _known(self, name: str, value):
        if value is None:
            self.uncounted.append(name)
        return value

    def _supposed_hops(self) -> float | None:
        each, spikes = self.assumed.hops_per_spike, self.workload.counts.spikes
        if each is None or spikes is None:
            return self._known("hops", None)
        self.notes.append(f"{each:g} hops for each of {spikes:,} spikes")
        self.evidence.append("assumed")
        return each * spikes

    def _seconds(self) -> float | None:
        given, model = self.assumed.seconds, model_seconds(self.workload)
        if given is not None:
            self._note(f"the device is on for {given:g} s")
        elif model is not None:
            self._note(f"the device runs in real time, {model:g} s")
        return self._known("seconds", model if given is None else given)

    def _chips(self) -> int | None:
        if self.assumed.chips is not None:
            self.chips = self.assumed.chips
            self._note(_chips_text(self.chips))
            return self.chips
        needs = self._needs()
        if not needs:
            return self._known("chips", None)
        self.chips, limit = max(needs, key=lambda need: need[0])
        self.evidence.append(self.profile.capacity(limit).evidence)
        held = f"filled by {limit}" if self.chips > 1 else "which holds it"
        known = "" if len(needs) == 2 else "; nothing is published of the other limit"
        self._note(f"{_chips_text(self.chips)}, {held}{known}")
        system = self.profile.value("chips")
        if system is not None and self.chips > system:
            self._note(f"more than the {system:,.0f} chips that the system has")
        return self.chips

    def _needs(self) -> list[tuple[int, str]]:
        """Chips that the network fills, by each limit that is published."""
        needs = []
        for name in ("neurons", "synapses"):
            capacity = self.profile.per_chip(name)
            if capacity is not None:
                share = getattr(self.workload, name) / (capacity * self.assumed.utilisation)
                needs.append((max(1, math.ceil(share)), name))
        return needs

    def _note_size(self) -> None:
        """That prices of one chip were charged for a network that does not fit on it."""
        if self.chips is None and self.profile.scope in ("per_term", *ALONE):
            chips, limit = max(self._needs(), key=lambda need: need[0], default=(1, ""))
            if chips > 1:
                self._note(
                    f"{chips:,} chips would hold it, by {limit}; what passes between chips is in "
                    f"no price"
                )

    def _note_power(self, breakdown: dict[str, float]) -> None:
        """What an all-in price comes to in real time, beside the power at which it was published.

        Most of such a price is power that the chip takes at any rate of spikes.
        """
        published = self.profile.value("chip_power_operating_point", "W/chip")
        seconds = model_seconds(self.workload)
        if published is None or not seconds or not breakdown:
            return
        chips = max((number for number, _ in self._needs()), default=1)
        watts = si(sum(breakdown.values()) / seconds / chips, "W")
        self._note(
            f"{watts} per chip in real time; the price was published at {si(published, 'W')}"
        )

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)


def _alone(other: Price, price: Price) -> bool:
    """Whether another value of a price may hold the other terms, and so is never added to them."""
    return other.scope in ALONE and price.scope not in ALONE


def _chips_text(chips: int) -> str:
    return "1 chip" if chips == 1 else f"{chips:,} chips"


def _widened(own: EnergyEstimate, others: list[EnergyEstimate]) -> EnergyEstimate:
    known = [one for one in (own, *others) if one.breakdown]
    if not own.breakdown or len(known) < 2:
        return own
    return replace(
        own,
        partial_low_j=min(one.partial_low_j for one in known),
        partial_high_j=max(one.partial_high_j for one in known),
        assumptions=(
            *own.assumptions,
            f"the range holds {', '.join(one.title for one in known[1:])}",
        ),
    )
