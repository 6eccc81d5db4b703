"""The energy of what ran: modelled, measured and published; printed, written, summarised."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from cusnn.cli.files import write_file, write_json, write_picture
from cusnn.cli.tables import escape, number, pairs, plain_table

HERE = "here: "
COUNTS, ENERGY, PICTURE = "counts.json", "energy.json", "energy.png"
MACHINES = {"NVML": "GPU", "RAPL": "CPU and memory"}
NOTE = (
    "modelled: exact counts times published prices, no measurement; ≥: without the terms that have "
    "no price or no count; range: of published prices. GPU rows leave out launches, latency and "
    "waiting; a real run needs more, and with short steps many times more. Measured: by a counter "
    "of this machine, idle power included"
)
# Beside the published energies of synaptic events: a GPU and two chips, where they were asked for.
BESIDE = ("h200-sxm", "loihi1", "spinnaker1")


@dataclass(frozen=True)
class Spent:
    """The energy of a workload.

    Attributes:
        workload: ``cusnn.energy.Workload``.
        comparison: ``cusnn.energy.Comparison``.
        measurements: ``cusnn.energy.Measurement``, one of each counter.
    """

    workload: object
    comparison: object
    measurements: tuple = ()

    @classmethod
    def of(cls, workload, measurements=(), *, published: bool = False, **options) -> Spent:
        """The usual devices, or those in ``options``.

        Args:
            measurements: of one run of the workload.
            published: beside the published energies of the cortical microcircuit.
            options: of ``cusnn.energy.compare``.
        """
        from cusnn.energy import compare, records

        comparison = compare(
            workload,
            measured=_labelled(measurements),
            published=records() if published else (),
            **options,
        )
        return cls(workload, comparison, tuple(measurements))

    @property
    def verdicts(self) -> tuple:
        """What every published threshold says; of inferences only."""
        from cusnn.energy import verdict

        known = self.workload.inferences and self.workload.spikes_per_synapse is not None
        return verdict(self.workload) if known else ()

    @property
    def figures(self) -> dict:
        """For summary.json."""
        return {
            "counts": self.workload.counts.to_dict(),
            "modelled_j": {
                one.device: {
                    "total": one.total_j,
                    "at_least": one.partial_j,
                    "low": one.partial_low_j,
                    "high": one.partial_high_j,
                    "missing": list(one.missing),
                    "evidence": one.evidence,
                }
                for one in self.comparison.estimates
            },
            "measured": [one.to_dict() for one in self.measurements],
            "verdicts": {one.threshold.name: one.verdict for one in self.verdicts},
        }

    def print(self, console: Console) -> None:
        """Counts, devices, published runs, thresholds."""
        _print_counts(console, self.workload, self.comparison.charge_input_spikes)
        rows = self.comparison.rows()
        console.print(_table(self.comparison, [r for r in rows if r["kind"] != "published"]))
        for one in self.comparison.measured:
            if one.joules is None:
                text = f"not measured, {one.label.removeprefix(HERE)} ({one.source}): {one.reason}"
                console.print(f"[yellow]{escape(text)}[/]", soft_wrap=True)
        console.print(NOTE, style="dim", soft_wrap=True)
        supposed = _to_suppose(self.comparison.estimates)
        if supposed:
            console.print(supposed, style="dim", soft_wrap=True)
        if self.comparison.published:
            console.print(_published_table(rows))
        if self.verdicts:
            title = f"does spiking pay? {self.workload.spikes_per_synapse:.3g} spikes per synapse "
            title += f"and inference, T {self.workload.steps}"
            if self.workload.counts.effective_macs:
                title += ", values that come in taken for spikes"
            console.print(verdict_table(title, self.verdicts, self.workload.steps))

    def write(self, out: Path) -> list[str]:
        """Names of the files that were written: counts.json, energy.json."""
        write_file(out / COUNTS, self.workload.save)
        return [COUNTS, *self.write_comparison(out)]

    def write_comparison(self, out: Path) -> list[str]:
        """Name of the file that was written: energy.json."""
        content = {
            **self.comparison.to_dict(),
            "measurements": [one.to_dict() for one in self.measurements],
            "verdicts": [one.to_dict() for one in self.verdicts],
        }
        write_json(out / ENERGY, content)
        return [ENERGY]

    def draw(self, console: Console, out: Path) -> list[str]:
        """energy.png, where there is matplotlib."""
        return [PICTURE] if write_picture(console, out / PICTURE, self._figure) else []

    def _figure(self):
        return self.comparison.plot().figure


def _to_suppose(estimates) -> str:
    """How to have terms that no run tells of; "" where none of them is missing."""
    missing = {term for one in estimates for term in one.missing}
    names = [name for name in ("hops", "seconds") if name in missing]
    if not names:
        return ""
    options = " ".join(f"--{name} NUMBER" for name in names)
    return f"{' and '.join(names)} can be supposed: cusnn energy --counts {COUNTS} {options}"


def _labelled(measurements) -> dict:
    """Measurements by what they are of; above idle too, where idle power was measured."""
    found = {}
    for one in measurements:
        label = f"{HERE}{one.conditions.get('name') or MACHINES[one.source]}"
        found[label] = one
        if one.dynamic_j is not None:
            above = f"{label}, above idle"
            found[above] = _above_idle(above, one)
    return found


def _above_idle(label: str, one):
    """What the work took above idle; unknown where a window of it is below idle power."""
    from cusnn.energy import Measured
    from cusnn.energy.units import si

    windows = [(w.joules - one.idle_w * w.seconds) / w.calls for w in one.windows]
    least, most = min([*windows, one.dynamic_j]), max([*windows, one.dynamic_j])
    if least < 0:
        reason = f"{si(least, 'J')} above {si(one.idle_w, 'W')} of idle: within its noise"
        return Measured(label, None, source=one.source, reason=reason)
    ends = (least, most) if len(windows) > 1 else (None, None)
    return Measured(label, one.dynamic_j, *ends, source=one.source, warning=one.warning)


def _print_counts(console: Console, workload, charged: bool) -> None:
    counts = workload.counts
    per = "inference" if workload.inferences else None
    share = counts.synaptic_ops, counts.dense
    of_dense = ""
    if None not in share and counts.dense:
        of_dense = f", {share[0] / share[1]:.3%} of the dense ones"
    rate = workload.spikes_per_neuron_step
    rows = {
        "synaptic operations": f"{number(counts.synaptic_ops, ',')}{of_dense}",
        "accumulates": number(counts.effective_acs, ","),
        "multiply-accumulates": number(counts.effective_macs, ","),
        "neuron updates": f"{number(counts.neuron_updates, ',')}, "
        f"{number(counts.neuron_updates_active, ',')} of them with a spike",
        "spikes": f"{number(counts.spikes, ',')}, {number(rate, '.2%')} per neuron and step",
        "input spikes": _input_spikes(workload, charged),
    }
    title = f"[bold]counts[/] of {escape(workload.name)}: {workload.neurons:,} neurons, "
    title += f"{workload.synapses:,} synapses, {workload.steps:,} steps"
    title += f", {workload.inferences:,} inferences" if per else ""
    console.print(title, soft_wrap=True)
    console.print(pairs(rows))


def _input_spikes(workload, charged: bool) -> str:
    """Those of data meet weights and are operations; those of stimuli cost what was asked for."""
    counted = workload.counts.input_spikes
    if counted is None:
        return "not counted; count_run(..., poisson=True) of cusnn.energy draws them again"
    if workload.inferences or not counted:
        return f"{counted:,}"
    if charged:
        return f"{counted:,}, of stimuli: a synaptic operation each in estimates; none on GPUs"
    return (
        f"{counted:,}, of stimuli: no synaptic operations here, and in no estimate "
        f"(cusnn energy --counts {COUNTS} --charge-input)"
    )


def _table(comparison, rows: list[dict]) -> Table:
    """A row for each device and each counter; modelled and measured in columns of their own."""
    from cusnn.energy.cells import cells

    table = plain_table(f"energy, in all and each {comparison.per.replace('_op', ' operation')}")
    for name in ("modelled", "range", "each", "measured"):
        table.add_column(name, justify="right")
    for row in rows:
        label, *modelled, measured, each, scope, evidence, said = cells(row, comparison.per)
        # A reason stands below the table.
        about = f"{scope}, {evidence}" + (f"; {said}" if said and not row["reason"] else "")
        measured += f"\n{each} each" if each else ""
        style = "green" if row["kind"] == "measured" else None
        table.add_row(f"{escape(label)}\n[dim]{escape(about)}[/]", *modelled, measured, style=style)
    return table


def _published_table(rows: list[dict]) -> Table:
    """Energy per synaptic event here, and of other simulators as it was published."""
    from cusnn.energy.cells import cells

    table = plain_table("published for the full microcircuit, per synaptic event")
    for name in ("modelled", "measured", ""):
        table.add_column(name, justify="right" if name else "left")
    for row in rows:
        label, _, _, modelled, _, measured, scope, evidence, said = cells(row, "synaptic_op")
        if row["kind"] == "published":
            table.add_row(escape(label), modelled, measured, evidence)
        elif row["kind"] == "measured":
            how = f"measured, {scope}" if measured else scope
            table.add_row(escape(label), "", measured or "not known", how, style="green")
        elif row["device"] in BESIDE:
            ours = f"this run, modelled on {label}"
            how = "; ".join(filter(None, ("modelled", said)))
            table.add_row(escape(ours), modelled or "not known", "", how, style="cyan")
    return table


def verdict_table(title: str, verdicts, steps: int, *, judged: bool = True) -> Table:
    """Every published threshold; a verdict beyond the steps of its publication in brackets."""
    table = plain_table(title, "threshold")
    table.add_column("at most", justify="right")
    if judged:
        table.add_column("verdict")
    table.add_column("condition")
    for one in verdicts:
        band = f"{one.low:.3g}" if one.low == one.high else f"{one.low:.3g} to {one.high:.3g}"
        beyond = "" if one.published else f"; not published for T {steps}"
        said = [one.verdict if one.published else f"({one.verdict})"] if judged else []
        condition = f"{one.threshold.condition} ({one.threshold.evidence}{beyond})"
        table.add_row(escape(one.threshold.name), band, *said, escape(condition))
    return table
