"""The record of an estimate: a total, its terms, its range and its gaps."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass

from cusnn.energy.tables import frame, text_table
from cusnn.energy.units import si

FORMAT = "cusnn-energy-1"


@dataclass(frozen=True)
class EnergyEstimate:
    """Modelled energy of a workload on a device, in J; no measurement.

    Attributes:
        workload, device, title, kind: names, and the kind of the device.
        scope: what the prices hold, as of ``DeviceProfile.scope``.
        evidence: the weakest of what the total rests on; "none" where nothing is published. The
            ends of the range may rest on weaker figures.
        breakdown: J by term.
        partial_low_j, partial_high_j: range of ``partial_j`` over the values that are published.
        unpriced: what was counted, and the device has no price for.
        uncounted: what the device has a price for, or a total needs, and was not counted.
        not_covered: what the device also spends energy on, of which nothing is published; and
            "input_spikes" of stimuli, unless ``charge_input_spikes`` was asked for.
        assumptions: that were made, as text.
        chips: that the network fills; None where that isn't known or doesn't matter.
        synaptic_ops, inferences, model_s: of the workload.
    """

    workload: str
    device: str
    title: str
    kind: str
    scope: str
    evidence: str
    breakdown: dict[str, float]
    partial_low_j: float | None
    partial_high_j: float | None
    unpriced: tuple[str, ...] = ()
    uncounted: tuple[str, ...] = ()
    not_covered: tuple[str, ...] = ()
    assumptions: tuple[str, ...] = ()
    chips: int | None = None
    synaptic_ops: int | None = None
    inferences: int | None = None
    model_s: float | None = None

    @property
    def missing(self) -> tuple[str, ...]:
        """What keeps the total from being known."""
        return (*self.unpriced, *self.uncounted)

    @property
    def partial_j(self) -> float | None:
        """Sum of the terms that are known; None where none is. Less than the total if any miss."""
        return math.fsum(self.breakdown.values()) if self.breakdown else None

    @property
    def total_j(self) -> float | None:
        """Energy of the run, J; None where a term is missing."""
        return None if self.missing else self.partial_j

    @property
    def low_j(self) -> float | None:
        """Least total over the published values, J."""
        return None if self.missing else self.partial_low_j

    @property
    def high_j(self) -> float | None:
        """Greatest total over the published values, J."""
        return None if self.missing else self.partial_high_j

    @property
    def per_inference_j(self) -> float | None:
        """J of one inference; None for runs of networks, or without a total."""
        return ratio(self.total_j, self.inferences)

    @property
    def per_synaptic_op_j(self) -> float | None:
        """J of one synaptic operation, everything included; None without a total."""
        return ratio(self.total_j, self.synaptic_ops)

    @property
    def power_w(self) -> float | None:
        """Energy per second of model time, W; None without a model time or a total."""
        return ratio(self.total_j, self.model_s)

    def require_total(self) -> float:
        """The total in J.

        Raises:
            ValueError: a term is missing; the message names it.
        """
        total = self.total_j
        if total is None:
            raise ValueError(
                f"{self.title}: no total for {self.workload!r}; without a price: "
                f"{', '.join(self.unpriced) or 'none'}; not counted: "
                f"{', '.join(self.uncounted) or 'none'}. `partial_j` is what is known"
            )
        return total

    def to_dict(self) -> dict:
        """Everything, what follows from it included, as JSON has it."""
        fields = asdict(self)
        lists = {name: list(value) for name, value in fields.items() if isinstance(value, tuple)}
        derived = ("partial_j", "total_j", "low_j", "high_j", "per_inference_j")
        derived += ("per_synaptic_op_j", "power_w")
        values = {name: getattr(self, name) for name in derived}
        return {"format": FORMAT, "kind_of_figure": "modelled", **fields, **lists, **values}

    def to_json(self) -> str:
        """``to_dict`` as text."""
        return json.dumps(self.to_dict(), indent=2, allow_nan=False)

    def rows(self) -> list[dict]:
        """A row per term: term, joules, share of what is known."""
        known = self.partial_j
        return [
            {"term": term, "joules": value, "share": value / known if known else None}
            for term, value in self.breakdown.items()
        ] + [{"term": term, "joules": None, "share": None} for term in self.missing]

    def to_dataframe(self):
        """``rows`` as a pandas DataFrame.

        Raises:
            ImportError: pandas is not installed.
        """
        return frame(self.rows())

    def summary(self) -> str:
        """Total, range, scope and evidence in a line."""
        if not self.breakdown:
            return f"not known ({self.scope})"
        low, high = si(self.partial_low_j, "J"), si(self.partial_high_j, "J")
        spread = f", {low} to {high}" if low != high else ""
        least = "at least " if self.missing else ""
        return f"{least}{si(self.partial_j, 'J')}{spread} ({self.scope}, {self.evidence})"

    def __str__(self) -> str:
        cells = [
            (
                row["term"].replace("_", " "),
                si(row["joules"], "J") if row["joules"] is not None else "not known",
                f"{row['share']:.1%}" if row["share"] is not None else "",
            )
            for row in self.rows()
        ]
        lines = [f"{self.workload} on {self.title}, modelled: {self.summary()}"]
        lines.append(text_table(("term", "energy", "share"), cells, right=(1, 2)))
        each = {
            "inference": self.per_inference_j,
            "synaptic operation": self.per_synaptic_op_j,
            "second of model time": self.power_w,
        }
        known = [
            f"{si(value, 'J')} per {name}" for name, value in each.items() if value is not None
        ]
        lines += [", ".join(known)] if known else []
        lines += [f"assumes {text}" for text in self.assumptions]
        if self.not_covered:
            lines.append(f"not in it: {', '.join(self.not_covered)}")
        return "\n".join(lines)

    def plot(self, ax=None):
        """Bars of the terms; takes and returns matplotlib ``ax``, None for a new figure's.

        Raises:
            ImportError: matplotlib is not installed.
        """
        from cusnn.plots.energies import energy_terms

        title = f"{self.workload} on {self.title}"
        return energy_terms(ax, self.breakdown, missing=self.missing, title=title)


def ratio(value: float | None, number: float | None) -> float | None:
    """A quotient; None where one of both is not known, or there is nothing to divide by."""
    return value / number if value is not None and number else None
