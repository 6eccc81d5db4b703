"""Figures of a run: as a dictionary, as tables, as a picture."""

from __future__ import annotations

import time

from rich.console import Console
from rich.table import Table

from cusnn.cli.models import Published
from cusnn.cli.settings import Settings
from cusnn.cli.simulation import Run
from cusnn.cli.tables import digits, gigabytes, number, pairs, seconds

# Neurons and bins in which they are counted together, for the index of synchrony.
NEURONS_COUNTED, BIN_MS = 1000, 1.0
NOTE = (
    "CV of ISI: mean over neurons with at least three spikes; a short run makes it small. "
    "Synchrony: variance over mean of the spikes of up to 1,000 neurons in bins of 1 ms; 1 where "
    "they fire independently"
)


def summarize(published: Published, settings: Settings, simulation, run: Run) -> dict:
    """All figures of a run, as ``summary.json`` holds them."""
    from cusnn import info

    network = published.network
    return {
        "model": published.name,
        "interrupted": run.interrupted,
        "settings": {
            **published.options,
            "dt_ms": settings.dt,
            "seed": settings.seed,
            "backend": settings.backend,
            "threads": simulation.threads,
            "exchange": simulation.exchange,
            "warmup_ms": settings.warmup,
            "time_ms": settings.time_ms,
            "resumed_from": None if settings.resume is None else str(settings.resume),
        },
        "network": {"neurons": network.size, "synapses": network.n_synapses},
        "expected": published.expected,
        "populations": population_figures(published, run),
        "performance": {
            "compile_s": simulation.compile_s,
            "build_s": simulation.build_s,
            **_speed(run),
            "memory_estimate_bytes": int(simulation.memory),
            "peak_memory_bytes": info.peak_memory_bytes(),
        },
        "versions": info.versions(),
        "host": info.host(),
        "finished": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def _speed(run: Run) -> dict:
    wall_s, events = run.wall_s, run.events
    return {
        "left_out_ms": run.skip_ms,
        "measured_ms": run.measured_ms,
        "measured_wall_s": wall_s,
        "real_time_factor": _ratio(wall_s * 1000.0, run.measured_ms),
        "spikes": int(run.kept.sum()),
        "synaptic_events": int(events),
        "synaptic_events_per_s": _ratio(events, wall_s),
        "ns_per_synaptic_event": _ratio(1e9 * wall_s, events),
    }


def population_figures(published: Published, run: Run) -> dict:
    """Rates and irregularity of every population, and rates to compare with, by label."""
    import numpy as np

    from cusnn import analysis

    network, result, kept = published.network, run.result, run.kept
    times, neurons = result.times[kept], result.neurons[kept]
    cv = analysis.cv_isi(times, neurons, network.size)
    rates = result.rates(run.skip_ms) if run.measured_ms > 0 else {}
    figures = {}
    for label, part in network.slices.items():
        defined = cv[part][np.isfinite(cv[part])]
        figures[label] = {
            "neurons": part.stop - part.start,
            "rate_hz": rates.get(label),
            **{
                f"{source}_rate_hz": published.rates.get(source, {}).get(label)
                for source in published.headers
            },
            "cv_isi": float(defined.mean()) if defined.size else None,
            "cv_isi_neurons": int(defined.size),
            "synchrony": _synchrony(times, neurons, part, run),
        }
    return figures


def _synchrony(times, neurons, part: slice, run: Run) -> float | None:
    """Fano factor of the spikes of a population's first neurons together; None without spikes."""
    from cusnn import analysis

    stop = min(part.stop, part.start + NEURONS_COUNTED)
    member = (neurons >= part.start) & (neurons < stop)
    if run.measured_ms < 2 * BIN_MS or not member.any():
        return None
    # A spike is stamped with the end of its step, which belongs to the bin that ends there.
    start, end = run.start, run.start + run.measured_ms
    moments = times[member] - 0.5 * run.result.dt
    counts = analysis.spike_counts(
        moments, 0 * neurons[member], 1, bin=BIN_MS, start=start, stop=end
    )
    return float(analysis.fano_factor(counts)[0])


def _ratio(numerator: float, denominator: float) -> float | None:
    return numerator / denominator if denominator else None


def print_table(console: Console, published: Published, figures: dict) -> None:
    """Rates beside those to compare with, and how irregular and how synchronous the spikes are."""
    from cusnn.plots import pretty

    sources = [source for source in published.headers if source in published.rates]
    table = Table(title="mean rates in Hz", title_justify="left")
    table.add_column("population", no_wrap=True)
    headers = ["neurons", "rate", *(published.headers[source] for source in sources)]
    for header in (*headers, "CV of\nISI", "syn-\nchrony"):
        table.add_column(header, justify="right")
    for label, row in figures.items():
        rates = [row["rate_hz"], *(row[f"{source}_rate_hz"] for source in sources)]
        table.add_row(
            pretty(label),
            f"{row['neurons']:,}",
            *(number(value, ".3f") for value in rates),
            number(row["cv_isi"], ".2f"),
            number(row["synchrony"], ".2f"),
            style="red" if label.endswith("I") else "blue",
        )
    console.print(table)
    console.print(NOTE, style="dim", soft_wrap=True)
    if published.expected:
        console.print(f"published: {published.expected}", soft_wrap=True)


def print_speed(console: Console, summary: dict, total_s: float) -> None:
    """How fast it ran, and what it took."""
    speed = summary["performance"]
    rows = {
        "real-time factor": f"{digits(speed['real_time_factor'])} "
        f"({seconds(speed['measured_wall_s'])} for {speed['measured_ms']:g} ms of model time)",
        "synaptic events": f"{number(speed['synaptic_events_per_s'], ',.0f')} per second, "
        f"{number(speed['ns_per_synaptic_event'], '.2f')} ns each",
        "spikes": f"{speed['spikes']:,}",
        "build": f"{seconds(speed['build_s'])}; {seconds(total_s)} with everything",
        "peak memory": gigabytes(speed["peak_memory_bytes"]),
    }
    console.print(pairs(rows))


def picture(published: Published, run: Run, figures: dict):
    """Raster, rate over time, and mean rates beside the last of those to compare with.

    Raises:
        ImportError: matplotlib is not installed.
    """
    from cusnn import plots

    result, network = run.result, published.network
    sources = [source for source in published.headers if source in published.rates]
    last = sources[-1] if sources else ""
    reference = {label: row.get(f"{last}_rate_hz") for label, row in figures.items()}
    known = [label for label, rate in reference.items() if rate is not None] or list(figures)
    title = published.title.replace("[/]", "")
    return plots.activity(
        result.times,
        result.neurons,
        result.slices,
        start=run.start,
        stop=run.start + max(run.measured_ms, result.dt),
        mean_rates={label: figures[label]["rate_hz"] or 0.0 for label in known},
        reference={label: reference[label] for label in known} if sources else None,
        reference_label=published.marks.get(last, ""),
        title=f"{title} {published.size}: {network.size:,} neurons, "
        f"{network.n_synapses:,} synapses, {published.about}",
    )
