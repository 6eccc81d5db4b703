"""``python -m benchmarks energy``: what counting for the energy model adds to a run.

Counts are taken from what a run returns, so what they cost is added to its time. The same stretch
of the microcircuit runs again and again, in turns without counts, with them, and with the spikes
of its stimuli too, which are drawn a second time:

    ratio = seconds with counts / seconds without, of the same turn
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks import machine
from benchmarks.network_rows import WARMUP_MS
from cusnn import models
from cusnn.energy import count_run
from cusnn.simulation import Simulation

RUN, COUNTS, STIMULI = "run", "run and counts", "run, counts and spikes of stimuli"
MODES: dict[str, Callable] = {
    RUN: lambda result, simulation: None,
    COUNTS: lambda result, simulation: count_run(result, simulation.network),
    STIMULI: lambda result, simulation: count_run(
        result, simulation.network, poisson=True, backend=simulation.backend
    ),
}


def measure(
    scale: float = 0.1,
    time_ms: float = 1000.0,
    repeat: int = 10,
    *,
    threads: int | None = None,
    backend: str | None = None,
) -> dict:
    """Seconds of every mode, turn by turn, after one turn that is not timed.

    Args:
        scale: of the microcircuit with Poisson drive.
        time_ms: model time of the stretch, after 100 ms.
        repeat: turns; each begins with another mode.
        threads, backend: as of ``Simulation``.

    Returns:
        What ran, seconds by mode, and ratios of the modes with counts.

    Raises:
        RuntimeError: the modes did not have the same spikes.
    """
    simulation = Simulation(models.microcircuit(scale), threads=threads, backend=backend)
    seconds, spikes = {name: [] for name in MODES}, set()
    for turn in range(repeat + 1):
        names = list(MODES)[turn % 3 :] + list(MODES)[: turn % 3]
        for name in names:
            simulation.reset()
            simulation.run(WARMUP_MS)
            started = time.perf_counter()
            result = simulation.run(time_ms)
            MODES[name](result, simulation)
            if turn:
                seconds[name].append(time.perf_counter() - started)
            spikes.add(result.steps.size)
    if len(spikes) != 1:
        raise RuntimeError(f"energy: the same run had {sorted(spikes)} spikes")
    return {
        "machine": machine.describe(),
        "scale": scale,
        "time_ms": time_ms,
        "backend": simulation.backend,
        "threads": threads,
        "spikes": spikes.pop(),
        "synaptic_events": result.events,
        "seconds": seconds,
        "ratios": {name: ratio(seconds[name], seconds[RUN]) for name in (COUNTS, STIMULI)},
    }


def ratio(with_counts: list[float], without: list[float]) -> dict[str, float]:
    """Median, least and most of the ratios of all turns."""
    all_of_them = [one / other for one, other in zip(with_counts, without, strict=True)]
    return {
        "median": statistics.median(all_of_them),
        "least": min(all_of_them),
        "most": max(all_of_them),
    }


def markdown(content: dict) -> str:
    """The table of a result."""
    lines = [
        f"**{machine.title(content['machine'])}**",
        "",
        f"The microcircuit at scale {content['scale']:g} with Poisson drive, "
        f"{content['time_ms']:g} ms after {WARMUP_MS:g} ms, {content['backend']}, threads "
        f"{content['threads'] or 'of the default'}: {content['spikes']:,} spikes, "
        f"{content['synaptic_events']:,} synaptic events. Over the run alone: median (least - "
        f"most) of the turns, which alternate.",
        "",
        "| | n | seconds, median | over the run alone |",
        "|---|---:|---:|---:|",
    ]
    for name, seconds in content["seconds"].items():
        ends = _ends(content["ratios"].get(name))
        lines.append(f"| {name} | {len(seconds)} | {statistics.median(seconds):.3f} | {ends} |")
    return "\n".join(lines) + "\n"


def _ends(found: dict | None) -> str:
    if found is None:
        return ""
    return f"{found['median']:.3f} ({found['least']:.3f} - {found['most']:.3f})"


def write(path: Path) -> list[Path]:
    """Markdown beside a result file."""
    content = json.loads(Path(path).read_text(encoding="utf-8"))
    text = Path(path).with_suffix(".md")
    text.write_text(markdown(content), encoding="utf-8")
    return [text]


def run(out: Path, **options) -> Path:
    """Measure, and write energy_cost.json and its table."""
    content = measure(**options)
    out.mkdir(parents=True, exist_ok=True)
    path = out / "energy_cost.json"
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    write(path)
    return path
