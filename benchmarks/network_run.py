"""One run of one network by one simulator, in a process of its own.

    python -m benchmarks.network_run '{"simulator": "nest", "row": "brunel", "threads": 2, ...}'

The last line that it prints is the result as JSON. Every simulator gets the same treatment: build,
a warm-up, a stretch that is timed; a run for statistics records spikes, a timed run does not more
than the simulator cannot be kept from (cusnn always records, NEST and Brian 2 count).
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

from benchmarks import network_rows
from cusnn import models
from cusnn.info import peak_memory_bytes

PREFIX = "result: "


def run_cusnn(network, task: dict) -> dict:
    """Backend, threads and whether spikes are kept are the package's own choice if not given."""
    from cusnn.simulation import Simulation, memory_estimate

    # Libraries, compiled code and threads, as they are for any network.
    small = models.microcircuit(0.01)
    options = {"threads": task["threads"], "backend": task.get("backend")}
    compiling = Simulation(small, **options)
    compiling.run(1.0)
    base, base_estimate = peak_memory_bytes(), memory_estimate(small, **options)
    started = time.perf_counter()
    simulation = Simulation(network, **options)
    built = time.perf_counter() - started
    simulation.run(task["warmup_ms"])
    started = time.perf_counter()
    result = simulation.run(task["time_ms"])
    found = {
        "compile_s": compiling.compile_s + simulation.compile_s,
        "build_s": built - simulation.compile_s,
        "base_memory_bytes": base,
        "run_s": time.perf_counter() - started,
        "spikes": int(result.steps.size),
        "synaptic_events": int(result.events),
        "memory_estimate_bytes": int(simulation.memory),
        "base_estimate_bytes": int(base_estimate),
    }
    if task["record"]:
        times = (result.steps - result.first_step) * network.dt
        found["populations"] = network_rows.statistics(
            times, result.neurons, network.slices, task["time_ms"]
        )
    return found


def run_nest(network, task: dict) -> dict:
    import numpy as np

    from benchmarks import nest_network

    nest = nest_network.start(task["threads"], network.seed, network.dt)
    started = time.perf_counter()
    populations = nest_network.build(nest, network)
    recorder = None
    if task["record"]:
        recorder = nest.Create("spike_recorder", {"start": task["warmup_ms"]})
        for population in populations.values():
            nest.Connect(population, recorder)
    nest.Prepare()
    built = time.perf_counter()
    nest.Run(task["warmup_ms"])
    before, warm = nest.GetKernelStatus("local_spike_counter"), time.perf_counter()
    nest.Run(task["time_ms"])
    ended = time.perf_counter()
    spikes = nest.GetKernelStatus("local_spike_counter") - before
    nest.Cleanup()
    found = {
        "compile_s": 0.0,
        "build_s": built - started,
        "run_s": ended - warm,
        "spikes": int(spikes),
        "version": nest.__version__,
    }
    if task["record"]:
        events = recorder.events
        # NEST numbers neurons from 1, in the order of creation.
        found["populations"] = network_rows.statistics(
            events["times"] - task["warmup_ms"],
            np.asarray(events["senders"]) - 1,
            network.slices,
            task["time_ms"],
        )
    return found


def run_brian(network, task: dict) -> dict:
    import brian2

    from benchmarks import network_brian

    folder = Path(task["folder"])
    timed = folder / "compiled.json"
    if not timed.exists():
        stretches = [task["warmup_ms"], task["time_ms"]]
        times = network_brian.compile_program(
            network, folder, task["threads"], stretches, task["record"]
        )
        timed.write_text(json.dumps(times))
    times = json.loads(timed.read_text())
    done = network_brian.run_program(folder)
    found = {
        "write_s": times["write_s"],
        "compile_s": times["compile_s"],
        "build_s": done["build_s"],
        "run_s": done["run_s"][-1],
        "peak_memory_bytes": done["peak_memory_bytes"],
        "version": brian2.__version__,
    }
    if task["record"]:
        times, neurons = network_brian.spikes(folder)
        kept = times >= task["warmup_ms"] - 0.5 * network.dt
        found["spikes"] = int(kept.sum())
        found["populations"] = network_rows.statistics(
            times[kept] - task["warmup_ms"], neurons[kept], network.slices, task["time_ms"]
        )
    return found


RUNS = {"cusnn": run_cusnn, "nest": run_nest, "brian": run_brian}


def described(task: dict):
    """The network of a task."""
    if "scale" in task:
        return network_rows.microcircuit(task["seed"], task["scale"], "poisson")
    return network_rows.ROWS[task["row"]].network(task["seed"])


def run(task: dict) -> dict:
    """Result of a task: times in seconds, the real-time factor, the most memory held.

    Args:
        task: "simulator", "row", "seed", "threads" (None: the simulator's own choice),
            "warmup_ms", "time_ms", "record", and for Brian 2 "folder"; "scale" in place of "row"
            for the microcircuit with Poisson drive; "backend" of cusnn if not the default.
    """
    network = described(task)
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    found = {"load": load, **RUNS[task["simulator"]](network, task)}
    found["steps"], found["neurons"] = round(task["time_ms"] / network.dt), network.size
    found.setdefault("peak_memory_bytes", peak_memory_bytes())
    found["rtf"] = found["run_s"] / (task["time_ms"] / 1000.0)
    found["synapses"] = network.n_synapses
    return found


if __name__ == "__main__":
    print(PREFIX + json.dumps(run(json.loads(sys.argv[1]))), flush=True)
