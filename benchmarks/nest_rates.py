"""Mean rates that NEST gives for the microcircuit, to hold our own against.

    pip install nest-simulator
    python -m benchmarks.nest_rates --scale 0.5 --drive dc --seed 1 --threads 2

The network has our numbers (``models.microcircuit_scaling``) and NEST's own connections, drive and
update. A run is added to ``results/nest_rates.json``.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from benchmarks import machine, nest_network
from cusnn import models

RESULTS = Path(__file__).resolve().parent / "results" / "nest_rates.json"


def nest_rates(scale: float, drive: str, seed: int, threads: int, warmup: float, time: float):
    """Rates by population, Hz, and NEST's version."""
    network = models.microcircuit(scale, drive=drive)
    nest = nest_network.start(threads, seed, network.dt)
    by_label = nest_network.build(nest, network)
    populations = list(by_label.values())
    recorders = [nest.Create("spike_recorder") for _ in populations]
    for population, recorder in zip(populations, recorders, strict=True):
        nest.Connect(population, recorder)
    nest.Simulate(warmup)
    before = [recorder.n_events for recorder in recorders]
    nest.Simulate(time)
    rates = {
        label: (recorder.n_events - old) / len(population) / (time / 1000.0)
        for (label, population), recorder, old in zip(
            by_label.items(), recorders, before, strict=True
        )
    }
    return rates, nest.__version__


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scale", type=float, default=0.5)
    parser.add_argument("--drive", choices=models.DRIVES, default="dc")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--warmup", type=float, default=100.0, help="ms")
    parser.add_argument("--time", type=float, default=1000.0, help="ms")
    settings = vars(parser.parse_args())
    rates, version = nest_rates(**settings)
    print(" ".join(f"{label} {rate:.3f}" for label, rate in rates.items()))
    runs = json.loads(RESULTS.read_text()) if RESULTS.exists() else []
    runs = [run for run in runs if run["settings"] != settings]
    runs.append(
        {"settings": settings, "nest": version, "rates_hz": rates, "machine": machine.describe()}
    )
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps(runs, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
