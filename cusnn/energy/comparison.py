"""The same workload on several devices: modelled, measured and published side by side."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass

from cusnn.energy.assumptions import driven, model_seconds
from cusnn.energy.bounds import number
from cusnn.energy.catalogue import DeviceProfile, registered
from cusnn.energy.cells import HEADER, cells, narrow
from cusnn.energy.counts import Workload
from cusnn.energy.estimates import estimate
from cusnn.energy.published import Record
from cusnn.energy.results import EnergyEstimate, ratio
from cusnn.energy.tables import frame, text_table

FORMAT = "cusnn-energy-comparison-1"
# Compared where no devices are named: those that have a price and are built today.
USUAL = (
    "loihi1",
    "loihi2",
    "hala-point",
    "truenorth-2014",
    "spinnaker1",
    "spinnaker2-testchip",
    "spinnaker2-mac",
    "odin",
    "tianjic",
    "seneca",
    "darwin3",
    "horowitz45-fp32",
    "horowitz45-int8",
    "yan22",
    "a100-80-sxm",
    "h100-sxm",
    "h200-sxm",
    "brain",
)
PER_INFERENCE = ("brainscales2", "xylo-audio-2")
COLUMNS = ("modelled", "at_least", "measured")


@dataclass(frozen=True)
class Measured:
    """A measured energy of the workload, or why there is none.

    Attributes:
        label: of the machine.
        joules: of the whole run; None for unknown.
        low_j, high_j: spread over windows; None for a single one.
        source: counter that was read.
        reason: why ``joules`` is None.
        warning: what makes ``joules`` doubtful.
    """

    label: str
    joules: float | None
    low_j: float | None = None
    high_j: float | None = None
    source: str = ""
    reason: str | None = None
    warning: str | None = None

    def __post_init__(self):
        for name in ("joules", "low_j", "high_j"):
            if getattr(self, name) is not None:
                number(f"measured {self.label!r}", name, getattr(self, name))


@dataclass(frozen=True)
class Comparison:
    """Energies of one workload; what is measured never stands in a column of what is modelled.

    Attributes:
        workload: its name.
        estimates: modelled, in the order that was asked for.
        measured: of this workload.
        published: runs of others, by their own counts and meters.
        synaptic_ops, inferences, model_s: of the workload.
        input_spikes: of stimuli, in runs of networks; None where they were not counted.
        charge_input_spikes: whether they are charged, as synaptic operations; ``synaptic_ops``
            and what is given of each operation are without them.
    """

    workload: str
    estimates: tuple[EnergyEstimate, ...]
    measured: tuple[Measured, ...] = ()
    published: tuple[Record, ...] = ()
    synaptic_ops: int | None = None
    inferences: int | None = None
    model_s: float | None = None
    input_spikes: int | None = 0
    charge_input_spikes: bool = False

    def rows(self) -> list[dict]:
        """A row per device, measurement and published run, with the same columns.

        ``modelled_*`` are None in rows of measurements, ``measured_*`` in those of models;
        ``at_least_*`` are modelled sums without the terms in ``missing``.
        """
        return [
            *(self._modelled_row(one) for one in self.estimates),
            *(self._measured_row(one) for one in self.measured),
            *(_published_row(one) for one in self.published),
        ]

    def table(self) -> tuple[list[str], list[list[str]]]:
        """Header and cells of the printed table, as text."""
        return HEADER, [cells(row, self.per) for row in self.rows()]

    @property
    def per(self) -> str:
        """What energies are divided by: "inference", or "synaptic_op" of runs of networks."""
        return "inference" if self.inferences else "synaptic_op"

    @property
    def input_text(self) -> str:
        """Whether spikes of stimuli are charged, in words; "" where there are none."""
        if self.input_spikes == 0:
            return ""
        number = "uncounted" if self.input_spikes is None else f"{self.input_spikes:,}"
        charged = "charged as synaptic operations, but on GPUs"
        return f"{number} input spikes {charged if self.charge_input_spikes else 'not charged'}"

    def __str__(self) -> str:
        each = self.per.replace("_op", " operation")
        title = f"energy of {self.workload}, in all and of each {each}"
        title += f", {self.inferences:,} inferences" if self.inferences else ""
        title += f", {self.model_s:g} s of model time" if self.model_s is not None else ""
        title += f"; {self.input_text}" if self.input_text else ""
        header, table = self.table()
        lines = [line for row in table for line in narrow(row)]
        return f"{title}\n{text_table(header[:6], lines, right=(1, 2, 3, 4, 5))}"

    def to_dict(self) -> dict:
        """Everything, as JSON has it."""
        return {
            "format": FORMAT,
            "workload": self.workload,
            "synaptic_ops": self.synaptic_ops,
            "inferences": self.inferences,
            "model_s": self.model_s,
            "input_spikes": self.input_spikes,
            "charge_input_spikes": self.charge_input_spikes,
            "modelled": [one.to_dict() for one in self.estimates],
            "measured": [asdict(one) for one in self.measured],
            "published": [asdict(one) for one in self.published],
        }

    def to_json(self) -> str:
        """``to_dict`` as text."""
        return json.dumps(self.to_dict(), indent=2, allow_nan=False)

    def to_dataframe(self):
        """``rows`` as a pandas DataFrame.

        Raises:
            ImportError: pandas is not installed.
        """
        return frame(self.rows())

    def plot(self, ax=None):
        """Bars on a logarithmic axis; takes and returns matplotlib ``ax``, None for a new one.

        Raises:
            ImportError: matplotlib is not installed.
            ValueError: no energy is known.
        """
        from cusnn.plots.energies import energy_bars

        return energy_bars(ax, self.rows(), per=self.per, title=self.workload)

    def _modelled_row(self, one: EnergyEstimate) -> dict:
        inferences, ops = one.inferences, one.synaptic_ops
        # The energy of a published inference is that of its own network, whatever ran here.
        other = ", its published network" if one.scope == "per_inference" else ""
        row = _empty_row(one.title + other, "modelled")
        column = "at_least" if one.missing else "modelled"
        for name, value in (
            ("j", one.partial_j),
            ("low_j", one.partial_low_j),
            ("high_j", one.partial_high_j),
        ):
            row[f"{column}_{name}"] = value
            row[f"{column}_per_inference_{name}"] = ratio(value, inferences)
            row[f"{column}_per_synaptic_op_{name}"] = ratio(value, ops)
        row |= {"modelled_power_w": one.power_w, "device": one.device}
        return row | {
            "scope": one.scope,
            "evidence": one.evidence,
            "missing": list(one.missing),
        }

    def _measured_row(self, one: Measured) -> dict:
        row = _empty_row(one.label, "measured")
        for name, value in (("j", one.joules), ("low_j", one.low_j), ("high_j", one.high_j)):
            row[f"measured_{name}"] = value
            row[f"measured_per_inference_{name}"] = ratio(value, self.inferences)
            row[f"measured_per_synaptic_op_{name}"] = ratio(value, self.synaptic_ops)
        row |= {"evidence": "measured" if one.joules is not None else "none", "scope": one.source}
        return row | {"reason": one.reason, "warning": one.warning}


def compare(
    workload: Workload,
    device_names: Iterable[str | DeviceProfile] | None = None,
    *,
    measured=None,
    published: Iterable[Record] = (),
    **options,
) -> Comparison:
    """Energies of a workload on several devices, with what was measured and published.

    Args:
        workload: what ran.
        device_names: of ``devices()``, or profiles; None for the usual ones and those that were
            registered.
        measured: one measurement, a list, or a dict by label; each has ``joules`` (J of the run
            of this workload, or None) and may have ``spread``, ``source``, ``reason`` and
            ``warning``.
        published: ``records()``, or some of them.
        **options: those of ``Assumptions``.

    Returns:
        ``Comparison``.

    Raises:
        TypeError, ValueError: as of ``estimate``; a measurement without joules, or infinite.
    """
    if not isinstance(workload, Workload):
        raise TypeError(f"compare: workload must be a Workload, got {workload!r}")
    published = tuple(published)
    if not all(isinstance(one, Record) for one in published):
        raise TypeError(f"compare: published must be `records()` or some of them, got {published}")
    if device_names is None:
        device_names = _usual(workload)
    elif isinstance(device_names, (str, DeviceProfile)):
        device_names = (device_names,)
    estimates = tuple(estimate(workload, name, **options) for name in device_names)
    return Comparison(
        workload.name,
        estimates,
        tuple(_measured(measured)),
        published,
        workload.counts.synaptic_ops,
        workload.inferences,
        model_seconds(workload),
        workload.counts.input_spikes if driven(workload) else 0,
        options.get("charge_input_spikes", False),
    )


def _usual(workload: Workload) -> list[str]:
    own = [name for name, one in registered().items() if one.scope != "constants"]
    return [*USUAL, *(PER_INFERENCE if workload.inferences else ()), *own]


def _measured(measured) -> list[Measured]:
    if measured is None:
        return []
    if isinstance(measured, Mapping):
        pairs = list(measured.items())
    elif isinstance(measured, (list, tuple)):
        pairs = [(None, one) for one in measured]
    else:
        pairs = [(None, measured)]
    return [_one_measured(label, one) for label, one in pairs]


def _one_measured(label: str | None, one) -> Measured:
    if isinstance(one, Measured):
        return one
    if not hasattr(one, "joules"):
        raise TypeError(f"compare: measured must have joules (or None for unknown), got {one!r}")
    low, high = getattr(one, "spread", None) or (None, None)
    source = getattr(one, "source", "") or ""
    about = getattr(one, "conditions", None) or {}
    label = label or about.get("name") or source or "this machine"
    reason, warning = getattr(one, "reason", None), getattr(one, "warning", None)
    return Measured(label, one.joules, low, high, source, reason, warning)


def _empty_row(label: str, kind: str) -> dict:
    row = {"label": label, "kind": kind, "device": None}
    for what in COLUMNS:
        for per in ("", "per_inference_", "per_synaptic_op_"):
            row |= {f"{what}_{per}{name}": None for name in ("j", "low_j", "high_j")}
    row |= {"modelled_power_w": None, "scope": "", "evidence": "", "missing": []}
    return row | {"reason": None, "warning": None}


def _published_row(one: Record) -> dict:
    row = _empty_row(one.label, "published")
    # What its authors estimated was measured by nobody.
    if one.how == "measured":
        row["measured_per_synaptic_op_j"] = one.energy_per_event_j
    elif one.energy_per_event_j is not None:
        row["modelled_per_synaptic_op_j"] = one.energy_per_event_j
    return row | {"scope": "whole machine", "evidence": one.how}
