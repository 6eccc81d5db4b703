"""Published thresholds below which spiking pays, and what they say about a workload: all of them.

They are brought to one quantity, the spikes that a synapse carries in one inference:

    spikes per synapse = synaptic operations / (synapses inferences) = rate per step * steps

where every neuron has as many synapses; elsewhere the mean weighs neurons by their synapses.
"""

from __future__ import annotations

from dataclasses import dataclass

from cusnn.energy.bounds import bounded, rates, whole
from cusnn.energy.counts import Workload
from cusnn.energy.profiles import one_of

PLAUSIBLE, MARGINAL, REFUTED = "plausible", "marginal", "refuted"


@dataclass(frozen=True)
class Threshold:
    """A published bound: spiking can need less energy below ``low`` and not above ``high``.

    Args:
        name: of the publication.
        low, high: the bound, or the band where it depends on the conventional implementation.
        unit: "spikes per synapse" (per inference) or "rate" (per neuron and step).
        steps: fewest and most time steps that it was published for; None for any.
        condition: what it was derived for.
        evidence: "primary": read in the publication; "secondary": as others quote it.
        source: the publication.
    """

    name: str
    low: float
    high: float
    unit: str
    steps: tuple[int, int] | None
    condition: str
    evidence: str
    source: str

    def __post_init__(self):
        one_of("Threshold", "unit", self.unit, ("spikes per synapse", "rate"))
        bounded("Threshold", "low", self.low)
        bounded("Threshold", "high", self.high, low=self.low)

    def spikes_per_synapse(self, steps: int) -> tuple[float, float]:
        """(low, high) in spikes per synapse and inference for a number of steps.

        A rate that was published for up to T steps is not carried to more: the bound stays at
        rate T. Yan's rates fall as T grows, and to keep them would flatter spiking.
        """
        if self.unit != "rate":
            return self.low, self.high
        most = steps if self.steps is None else min(steps, self.steps[1])
        return self.low * most, self.high * most

    def published_for(self, steps: int) -> bool:
        """Whether the bound was published for that many steps."""
        return self.steps is None or self.steps[0] <= steps <= self.steps[1]


DAVIDSON_FURBER = Threshold(
    name="Davidson and Furber 2021",
    low=1.72,
    high=1.72,
    unit="spikes per synapse",
    steps=None,
    condition="rate code, the same 22 nm silicon, 12 units of energy per connection against 7 per "
    "spike and connection",
    evidence="secondary",
    source="Davidson and Furber, Front. Neurosci. 15:651141 (2021); the number as others quote it",
)
DAMPFHOFFER = Threshold(
    name="Dampfhoffer et al. 2022",
    low=0.15,
    high=1.38,
    unit="spikes per synapse",
    steps=None,
    condition="integrate-and-fire neurons; the band spans conventional implementations, by their "
    "reuse of data and their sparsity",
    evidence="secondary",
    source="Dampfhoffer et al., IEEE TETCI 7(3):731-741 (2022); the abstract as others quote it",
)
YAN_V1 = Threshold(
    name="Yan et al. v1 2024",
    low=0.07,
    high=0.07,
    unit="rate",
    steps=(6, 6),
    condition="VGG16 at T 6, on most hardware: more than 93 % of neurons silent, taken per step",
    evidence="primary",
    source="Yan, Bai and Wong, arXiv:2409.08290v1 (2024), abstract",
)
YAN_V2 = Threshold(
    name="Yan et al. v2, v3 2025",
    low=0.064,
    high=0.064,
    unit="rate",
    steps=(5, 10),
    condition="typical neuromorphic hardware, T 5 to 10, against a quantised twin",
    evidence="primary",
    source="Yan et al., arXiv:2409.08290v2 and v3 (2025), abstract",
)
YAN_V4 = Threshold(
    name="Yan et al. v4 2026",
    low=0.057,
    high=0.057,
    unit="rate",
    steps=(5, 5),
    condition="typical neuromorphic hardware, T 5, against a quantised twin; as others quote it, "
    "4-bit weights and a fan-in of 4096",
    evidence="primary",
    source="Yan, Bai, Tang and Wong, arXiv:2409.08290v4 (2026), abstract",
)
THRESHOLDS = (DAVIDSON_FURBER, DAMPFHOFFER, YAN_V1, YAN_V2, YAN_V4)


@dataclass(frozen=True)
class Verdict:
    """What one threshold says.

    Args:
        threshold: the bound.
        verdict: "plausible" below it, "marginal" inside its band or at it, "refuted" above it.
        spikes_per_synapse: what was compared.
        low, high: with what, in the same unit.
        published: whether the bound was published for this number of steps; where not, the
            verdict carries it beyond its conditions, and for more steps as the same number of
            spikes.
    """

    threshold: Threshold
    verdict: str
    spikes_per_synapse: float
    low: float
    high: float
    published: bool

    def to_dict(self) -> dict:
        """Everything, as JSON has it."""
        bound = self.threshold
        return {
            "threshold": bound.name,
            "verdict": self.verdict,
            "spikes_per_synapse": self.spikes_per_synapse,
            "low": self.low,
            "high": self.high,
            "published_for_these_steps": self.published,
            "condition": bound.condition,
            "evidence": bound.evidence,
            "source": bound.source,
        }


def verdict(workload: Workload | None = None, *, spikes_per_synapse=None, rate=None, steps=None):
    """Whether spiking can pay by every published threshold, never by the kindest alone.

    Args:
        workload: counts of inferences; its synaptic operations per synapse are compared. Instead:
        spikes_per_synapse: per inference; or
        rate: spikes per neuron and step.
        steps: T of one inference; the workload's where one is given.

    Returns:
        A tuple of ``Verdict``, one for each of ``THRESHOLDS``, in that order.

    Raises:
        TypeError: another workload, or values that are no numbers.
        ValueError: none or more than one of the three, a workload without inferences or counts,
            values that are negative or not finite, more than one spike per neuron and step, or
            fewer than one step.
    """
    given = [value is not None for value in (workload, spikes_per_synapse, rate)]
    if sum(given) != 1:
        raise ValueError(
            f"verdict: give one of workload, spikes_per_synapse and rate, got {sum(given)} of them"
        )
    if workload is not None:
        spikes_per_synapse, steps = _of(workload, steps)
    if steps is None:
        raise ValueError("verdict: needs steps, the time steps of one inference")
    steps = whole("verdict", "steps", steps, least=1)
    if rate is not None:
        spikes_per_synapse = rates("verdict", rate) * steps
    found = bounded("verdict", "spikes_per_synapse", spikes_per_synapse)
    if found > steps:
        raise ValueError(
            f"verdict: {found:g} spikes per synapse in {steps} steps are more than one spike per "
            f"neuron and step; give the spikes and the steps of one inference"
        )
    return tuple(_judged(threshold, found, steps) for threshold in THRESHOLDS)


def _judged(threshold: Threshold, found: float, steps: int) -> Verdict:
    low, high = threshold.spikes_per_synapse(steps)
    says = PLAUSIBLE if found < low else MARGINAL if found <= high else REFUTED
    return Verdict(threshold, says, found, low, high, threshold.published_for(steps))


def _of(workload, steps):
    if not isinstance(workload, Workload):
        raise TypeError(f"verdict: workload must be a Workload, got {workload!r}")
    name = f"verdict: workload {workload.name!r}"
    if steps is not None and steps != workload.steps:
        raise ValueError(f"{name} has steps={workload.steps}, got steps={steps}; leave steps out")
    if workload.inferences is None:
        raise ValueError(
            f"{name} has no inferences, and the thresholds are per inference; give "
            f"spikes_per_synapse and steps of what stands for one"
        )
    if workload.spikes_per_synapse is None:
        raise ValueError(f"{name} has no synapses, or its synaptic operations were not counted")
    return workload.spikes_per_synapse, workload.steps
