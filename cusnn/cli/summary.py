"""Figures of a run, as a dictionary and as tables."""

from __future__ import annotations

import time

from rich.console import Console
from rich.table import Table

from cusnn.cli.orders import Order
from cusnn.cli.simulation import Run
from cusnn.cli.tables import digits, gigabytes, number, pairs, seconds


def summarize(order: Order, network, simulation, run: Run) -> dict:
    """All figures of a run, as ``summary.json`` holds them."""
    from cusnn import info

    wall_s, events = run.wall_s, run.events
    return {
        "model": "microcircuit",
        "interrupted": run.interrupted,
        "settings": {
            "scale": order.scale,
            "drive": order.drive,
            "dt_ms": order.dt,
            "seed": order.seed,
            "backend": order.backend,
            "threads": simulation.threads,
            "warmup_ms": order.warmup,
            "time_ms": order.time_ms,
        },
        "network": {"neurons": network.size, "synapses": network.n_synapses},
        "populations": population_figures(order, network, run),
        "performance": {
            "compile_s": simulation.compile_s,
            "build_s": simulation.build_s,
            "left_out_ms": run.skip_ms,
            "measured_ms": run.measured_ms,
            "measured_wall_s": wall_s,
            "real_time_factor": _ratio(wall_s * 1000.0, run.measured_ms),
            "spikes": int(_kept(order, run).sum()),
            "synaptic_events": int(events),
            "synaptic_events_per_s": _ratio(events, wall_s),
            "ns_per_synaptic_event": _ratio(1e9 * wall_s, events),
            "memory_estimate_bytes": int(simulation.memory),
            "peak_memory_bytes": info.peak_memory_bytes(),
        },
        "versions": info.versions(),
        "host": info.host(),
        "finished": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def _kept(order: Order, run: Run):
    """Which spikes come after the time that is left out, bool [n]."""
    return run.result.steps * order.dt >= run.skip_ms - 0.5 * order.dt


def population_figures(order: Order, network, run: Run) -> dict:
    import numpy as np

    from cusnn import analysis, models

    result = run.result
    kept = _kept(order, run)
    cv = analysis.cv_isi(result.times[kept], result.neurons[kept], network.size)
    rates = result.rates(run.skip_ms) if run.measured_ms > 0 else {}
    known = models.microcircuit_rates(order.scale, order.drive)
    figures = {}
    for label, part in network.slices.items():
        defined = cv[part][np.isfinite(cv[part])]
        figures[label] = {
            "neurons": part.stop - part.start,
            "rate_hz": rates.get(label),
            "published_rate_hz": known["published"][label],
            "nest_rate_hz": known["nest"][label] if "nest" in known else None,
            "cv_isi": float(defined.mean()) if defined.size else None,
            "cv_isi_neurons": int(defined.size),
        }
    return figures


def _ratio(numerator: float, denominator: float) -> float | None:
    return numerator / denominator if denominator else None


def print_table(console: Console, summary: dict) -> None:
    from cusnn.plots import pretty

    figures = summary["populations"]
    same_scale = any(row["nest_rate_hz"] is not None for row in figures.values())
    table = Table(title="mean rates in Hz", title_justify="left")
    table.add_column("population", no_wrap=True)
    headers = ["neurons", "rate", "published,\nfull size"]
    if same_scale:
        headers.append(f"NEST at\nscale {summary['settings']['scale']:g}")
    for header in (*headers, "CV of ISI"):
        table.add_column(header, justify="right")
    for label, row in figures.items():
        rates = [row["rate_hz"], row["published_rate_hz"]]
        rates += [row["nest_rate_hz"]] if same_scale else []
        table.add_row(
            pretty(label),
            f"{row['neurons']:,}",
            *(number(value, ".3f") for value in rates),
            number(row["cv_isi"], ".2f"),
            style="red" if label.endswith("I") else "blue",
        )
    console.print(table)
    console.print(
        "CV of ISI: mean over neurons with at least three spikes; a short run makes it small",
        style="dim",
        soft_wrap=True,
    )


def print_speed(console: Console, summary: dict, total_s: float) -> None:
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
