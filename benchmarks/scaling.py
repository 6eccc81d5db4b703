"""``python -m benchmarks scaling``: time and memory of the microcircuit against its size.

The time of a run is explained by the two things that a simulation does:

    run_s = a events + b neurons steps

with a the seconds of a synaptic event and b those of a neuron's step, fitted over all scales by
least squares of the relative error. What the explanation leaves is shown beside it; cost grows as
the work does where it is small. Bytes moved are counted from the format: 4 for a synaptic event,
and for a neuron and step the rows of its state, read and written.
"""

from __future__ import annotations

import json
import statistics
import sys
from pathlib import Path

import numpy as np

from benchmarks import machine
from benchmarks.network_rows import WARMUP_MS
from benchmarks.networks import Series, child
from benchmarks.report import GRID, INK, _versions

TIME_MS = 1000.0
BYTES_PER_EVENT = 4
# Voltage, current and refractory steps of CubaLIF, 4 bytes each, read and written.
BYTES_PER_NEURON_STEP = 2 * 3 * 4
COLOURS = ("#2a5d8f", "#cf3f4f", "#3f8f4f", "#d98f2b")


def run(
    out: Path,
    scales: tuple[float, ...],
    threads: tuple[int, ...] = (1, 2),
    repeat: int = 3,
    again: bool = False,
    run_task=child,
) -> Series:
    """Measure what is not in ``scaling.json`` yet; thread numbers and scales take turns."""
    series = Series(out / "scaling.json", {"cusnn": sys.executable}, threads, repeat, run_task)
    if again:
        series.content["rows"] = {}
    series.content["machine"] = machine.describe()
    for turn in range(repeat):
        for scale in scales:
            for number in threads:
                runs = series.content["rows"].setdefault(f"{scale:g} {number}", [])
                runs[:] = [run for run in runs if "error" not in run]
                if len(runs) > turn:
                    continue
                task = {"simulator": "cusnn", "scale": scale, "threads": number, "record": False}
                task |= {"seed": 1, "warmup_ms": WARMUP_MS, "time_ms": TIME_MS}
                name = f"scale {scale:g}, {number} thread(s), run {turn + 1}"
                series.measure(runs, name, task)
    return series


def rows(content: dict) -> list[dict]:
    """A row per scale and number of threads: medians of its runs, with least and most."""
    found = []
    for name, runs in content["rows"].items():
        scale, threads = name.split()
        runs = [run for run in runs if "error" not in run]
        if not runs:
            continue
        factors = [run["rtf"] for run in runs]
        first, seconds = runs[0], statistics.median(run["run_s"] for run in runs)
        events, updates = first["synaptic_events"], first["neurons"] * first["steps"]
        moved = BYTES_PER_EVENT * events + BYTES_PER_NEURON_STEP * updates
        peak = statistics.median(run["peak_memory_bytes"] for run in runs)
        base = statistics.median(run["base_memory_bytes"] for run in runs)
        estimate = first["memory_estimate_bytes"] - first["base_estimate_bytes"]
        found.append(
            {
                "scale": float(scale),
                "threads": int(threads),
                "neurons": first["neurons"],
                "synapses": first["synapses"],
                "n": len(runs),
                "rtf": statistics.median(factors),
                "rtf_least": min(factors),
                "rtf_most": max(factors),
                "run_s": seconds,
                "build_s": statistics.median(run["build_s"] for run in runs),
                "synaptic_events": events,
                "neuron_steps": updates,
                "bytes_moved": moved,
                "gb_per_s": moved / seconds / 1e9,
                "bytes_per_synapse": (peak - base) / first["synapses"],
                "bytes_per_synapse_estimated": estimate / first["synapses"],
                "peak_memory_bytes": peak,
            }
        )
    return sorted(found, key=lambda row: (row["threads"], row["scale"]))


def explained(measured: list[dict]) -> tuple[float, float] | None:
    """Seconds of a synaptic event and of a neuron's step; None with fewer than two scales.

    Neither is negative: where the best fit has one below 0, it is 0 and the other is fitted alone.
    """
    if len(measured) < 2:
        return None
    work = np.array([[row["synaptic_events"], row["neuron_steps"]] for row in measured], float)
    relative = work / np.array([row["run_s"] for row in measured])[:, None]
    ones = np.ones(len(measured))
    cost = np.linalg.lstsq(relative, ones, rcond=None)[0]
    if cost.min() < 0:
        kept = int(np.argmax(cost))
        column = relative[:, kept]
        cost = np.zeros(2)
        cost[kept] = column.sum() / (column @ column)
    return float(cost[0]), float(cost[1])


def markdown(content: dict) -> str:
    """A table per number of threads, and what explains it."""
    about, measured = content["machine"], rows(content)
    lines = [
        f"**{machine.title(about)}**",
        "",
        ", ".join(f"{name} {value}" for name, value in _versions(about)),
        "",
        "The microcircuit with Poisson drive, 1 s after 100 ms, dt 0.1 ms. RTF: wall over model "
        "time, median (least - most). Moved: 4 bytes per synaptic event and 24 per neuron and "
        "step. B/synapse: the most memory of the process, less what it held before the build, "
        "over the number of synapses; in brackets the estimate made before the build, less "
        "that of a network of next to nothing.",
    ]
    for threads in sorted({row["threads"] for row in measured}):
        lines += ["", *_table([row for row in measured if row["threads"] == threads])]
    return "\n".join(lines) + "\n"


def _table(measured: list[dict]) -> list[str]:
    threads, cost = measured[0]["threads"], explained(measured)
    lines = [
        f"{threads} thread{'s' if threads > 1 else ''}:",
        "",
        "| scale | neurons | M synapses | RTF | n | build s | M events/s | GB/s moved "
        "| B/synapse | explained RTF |",
        "|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for row in measured:
        cells = (
            f"{row['scale']:g}",
            f"{row['neurons']:,}",
            f"{row['synapses'] / 1e6:.1f}",
            f"{row['rtf']:.3g} ({row['rtf_least']:.3g} - {row['rtf_most']:.3g})",
            str(row["n"]),
            f"{row['build_s']:.3g}",
            f"{row['synaptic_events'] / row['run_s'] / 1e6:.0f}",
            f"{row['gb_per_s']:.2f}",
            f"{row['bytes_per_synapse']:.2f} ({row['bytes_per_synapse_estimated']:.2f})",
            _explanation(row, cost),
        )
        lines.append(f"| {' | '.join(cells)} |")
    if cost:
        lines += [
            "",
            f"Explained: {cost[0] * 1e9:.2f} ns per synaptic event and {cost[1] * 1e9:.2f} ns per "
            f"neuron and step ({BYTES_PER_EVENT} and {BYTES_PER_NEURON_STEP} bytes), fitted over "
            "the scales above.",
        ]
    return lines


def _explanation(row: dict, cost: tuple[float, float] | None) -> str:
    if cost is None:
        return "-"
    seconds = cost[0] * row["synaptic_events"] + cost[1] * row["neuron_steps"]
    factor = row["rtf"] * seconds / row["run_s"]
    return f"{factor:.3g} ({seconds / row['run_s'] - 1:+.0%})"


def plot(content: dict):
    """Real-time factor and memory against the number of synapses; the matplotlib figure."""
    import matplotlib.pyplot as plt

    measured = rows(content)
    figure, (times, memory) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    numbers = sorted({row["threads"] for row in measured})
    for threads, colour in zip(numbers, COLOURS * len(numbers), strict=False):
        own = [row for row in measured if row["threads"] == threads]
        synapses = [row["synapses"] / 1e6 for row in own]
        name = f"{threads} thread{'s' if threads > 1 else ''}"
        factors = np.array([[row["rtf"], row["rtf_least"], row["rtf_most"]] for row in own])
        bars = np.abs(factors[:, 1:] - factors[:, :1]).T
        times.errorbar(synapses, factors[:, 0], bars, fmt="o", color=colour, ms=4, label=name)
        if cost := explained(own):
            fitted = [
                row["rtf"]
                * (cost[0] * row["synaptic_events"] + cost[1] * row["neuron_steps"])
                / row["run_s"]
                for row in own
            ]
            times.plot(synapses, fitted, color=colour, linewidth=0.8)
        per_synapse = [row["bytes_per_synapse"] for row in own]
        memory.plot(synapses, per_synapse, "o-", color=colour, ms=4, linewidth=0.8, label=name)
    times.set_yscale("log")
    times.set_ylabel("wall over model time; lines: explained", fontsize=9)
    memory.set_ylabel("bytes per synapse at the peak", fontsize=9)
    memory.set_ylim(bottom=0)
    for ax in (times, memory):
        ax.set_xscale("log")
        ax.set_xlabel("million synapses", fontsize=9)
        ax.grid(color=GRID, linewidth=0.5)
        ax.set_axisbelow(True)
        ax.tick_params(length=0, labelsize=8)
        for spine in ax.spines.values():
            spine.set_visible(False)
    times.legend(frameon=False, fontsize=9)
    figure.suptitle(machine.title(content["machine"]), fontsize=11, color=INK)
    return figure


def write(path: Path) -> list[Path]:
    """Markdown and picture beside a result file.

    Raises:
        ValueError: a file without runs.
    """
    content = json.loads(Path(path).read_text(encoding="utf-8"))
    if not rows(content):
        raise ValueError(f"{path} holds no runs")
    text, picture = path.with_suffix(".md"), path.with_suffix(".png")
    text.write_text(markdown(content), encoding="utf-8")
    figure = plot(content)
    figure.savefig(picture, dpi=130)
    return [text, picture]
