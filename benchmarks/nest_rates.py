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

import numpy as np

from benchmarks import machine
from cusnn import models

RESULTS = Path(__file__).resolve().parent / "results" / "nest_rates.json"


def nest_rates(scale: float, drive: str, seed: int, threads: int, warmup: float, time: float):
    """Rates by population, Hz, and NEST's version."""
    import nest

    nest.verbosity = nest.VerbosityLevel.WARNING
    nest.ResetKernel()
    nest.SetKernelStatus({"resolution": 0.1, "local_num_threads": threads, "rng_seed": seed})
    network = models.microcircuit(scale, drive=drive)
    populations = [_population(nest, population) for population in network.populations]
    by_label = dict(zip((p.label for p in network.populations), populations, strict=True))
    # NEST holds at most 2**27 - 2 connections of one model on a thread.
    nest.CopyModel("static_synapse", "inhibitory_synapse")
    for projection in network.projections:
        _connect(nest, by_label, projection)
    for stimulus in network.stimuli:
        generator = nest.Create("poisson_generator", {"rate": stimulus.rate * stimulus.sources})
        synapse = {"weight": stimulus.weight, "delay": 1.5}
        nest.Connect(generator, by_label[stimulus.population], "all_to_all", synapse)
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


def _population(nest, description):
    neuron, v = description.neuron, description.v
    parameters = {
        "tau_m": neuron.tau_mem,
        "C_m": neuron.tau_mem / neuron.r,
        "tau_syn_ex": neuron.tau_syn,
        "tau_syn_in": neuron.tau_syn,
        "E_L": neuron.v_leak,
        "V_th": neuron.v_threshold,
        "V_reset": neuron.v_reset,
        "t_ref": neuron.t_refractory,
        "I_e": neuron.i_offset,
    }
    population = nest.Create("iaf_psc_exp", description.size, parameters)
    population.V_m = nest.random.normal(v.mean, v.sd)
    return population


def _connect(nest, by_label, projection) -> None:
    weight, delay = projection.weight, projection.delay
    positive = weight.mean > 0
    bounds = (0.0, np.inf) if positive else (-np.inf, 0.0)
    normal = nest.random.normal
    nest.Connect(
        by_label[projection.pre],
        by_label[projection.post],
        {"rule": "fixed_total_number", "N": projection.connector.n},
        {
            "synapse_model": "static_synapse" if positive else "inhibitory_synapse",
            "weight": nest.math.redraw(normal(weight.mean, weight.sd), *bounds),
            # NEST redraws what it would round to less than a step.
            "delay": nest.math.redraw(normal(delay.mean, delay.sd), 0.1 - 0.5 * 0.1, np.inf),
        },
    )


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
