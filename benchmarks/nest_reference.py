"""References made with NEST: what the statistics of our own runs are held against.

    pip install nest-simulator
    python -m benchmarks.nest_reference run microcircuit --scale 0.2 --drive poisson --seeds 5
    python -m benchmarks.nest_reference run brunel --seeds 5
    python -m benchmarks.nest_reference collect

``run`` keeps the spikes of every seed in a file of its own, under ``--spikes``, and leaves out the
seeds that have one; every seed runs in a process of its own. ``collect`` turns all spikes that are
there into one small file per network under ``cusnn/models``, where ``cusnn validate`` finds it.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from benchmarks import machine, nest_network
from cusnn import models
from cusnn.info import peak_memory_bytes
from cusnn.validation import FEWEST_SEEDS, Distributions, Reference, distributions

SPIKES = machine.ROOT / "build" / "nest_spikes"
MODELS = ("microcircuit", "brunel", "vogels_abbott")
OPTIONS = ("scale", "drive", "kind")
HOME = machine.ROOT / "cusnn" / "models"


def file_name(settings: dict) -> str:
    """Name of the file of one run: model, its options, seed."""
    return f"{settings['model']}{_options(settings)}_seed{settings['seed']}.npz"


def reference_name(settings: dict) -> str:
    """Name of the reference of all seeds."""
    return f"{settings['model']}_reference{_options(settings)}.npz"


def _options(settings: dict) -> str:
    return "".join(f"_{settings[name]}" for name in OPTIONS if name in settings)


def description(settings: dict):
    """The network of a run."""
    if settings["model"] == "microcircuit":
        return models.microcircuit(settings["scale"], drive=settings["drive"])
    if settings["model"] == "brunel":
        return models.brunel()
    if settings["model"] == "vogels_abbott":
        return models.vogels_abbott(settings["kind"])
    raise ValueError(f"nest_reference: model must be one of {', '.join(MODELS)}")


def simulate(settings: dict) -> dict:
    """Spikes of one run of NEST after the warm-up, and what the run took."""
    network = description(settings)
    started = time.perf_counter()
    nest = nest_network.start(settings["threads"], settings["seed"], network.dt)
    populations = nest_network.build(nest, network)
    recorders = {label: nest.Create("spike_recorder") for label in populations}
    for label, recorder in recorders.items():
        # Times in whole steps, recorded after the warm-up only.
        recorder.set(time_in_steps=True, start=settings["warmup_ms"])
        nest.Connect(populations[label], recorder)
    nest.Prepare()
    built = time.perf_counter()
    nest.Run(settings["warmup_ms"] + settings["time_ms"])
    nest.Cleanup()
    ended = time.perf_counter()
    steps, neurons = [], []
    for (label, part), first in zip(network.slices.items(), network.starts, strict=False):
        events = recorders[label].events
        first_id = populations[label][0].global_id
        steps.append(np.asarray(events["times"], np.int64) - round(settings["warmup_ms"] / 0.1))
        neurons.append(np.asarray(events["senders"], np.int64) - first_id + first)
        assert neurons[-1].size == 0 or neurons[-1].max() < part.stop
    steps, neurons = np.concatenate(steps), np.concatenate(neurons)
    order = np.lexsort((neurons, steps))
    about = {
        **settings,
        "nest": nest.__version__,
        "dt_ms": network.dt,
        "labels": list(network.slices),
        "starts": list(network.starts),
        "build_s": round(built - started, 2),
        "run_s": round(ended - built, 2),
        "peak_memory_bytes": peak_memory_bytes(),
        "machine": machine.describe(),
    }
    return {
        "steps": steps[order].astype(np.int32),
        "neurons": neurons[order].astype(np.int32),
        "about": json.dumps(about),
    }


def run(settings: dict, folder: Path) -> None:
    """One run in this process, its spikes in a file."""
    path = folder / file_name(settings)
    found = simulate(settings)
    folder.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}")
    with temporary.open("wb") as file:
        np.savez_compressed(file, **found)
    temporary.replace(path)
    about = json.loads(found["about"])
    print(
        f"{path.name}: {found['steps'].size} spikes, build {about['build_s']} s, "
        f"run {about['run_s']} s, {about['peak_memory_bytes'] / 1e9:.2f} GB",
        flush=True,
    )


def series(settings: dict, seeds: range, folder: Path) -> int:
    """Every seed that has no file yet, each in a process of its own; number that failed."""
    failed = 0
    for seed in seeds:
        one = {**settings, "seed": seed}
        if (folder / file_name(one)).exists():
            print(f"{file_name(one)}: is there", flush=True)
            continue
        command = [sys.executable, "-m", "benchmarks.nest_reference", "one", json.dumps(one)]
        done = subprocess.run([*command, "--spikes", str(folder)], cwd=machine.ROOT, check=False)
        failed += done.returncode != 0
    return failed


def collect(folder: Path, home: Path = HOME) -> list[Path]:
    """A reference of the seeds of every network that there are spikes of.

    Networks of fewer than three seeds, and seeds of another warm-up or length than the first, are
    left out and named.
    """
    groups: dict[str, list[tuple[dict, Distributions]]] = {}
    for path in sorted(folder.glob("*.npz")):
        about, found = load(path)
        group = groups.setdefault(reference_name(about), [])
        if group and (group[0][1].start, group[0][1].stop) != (found.start, found.stop):
            print(f"{path.name}: left out, for its window is another than the first seed's")
            continue
        group.append((about, found))
    written = []
    for name, group in groups.items():
        if len(group) < FEWEST_SEEDS:
            print(f"{name}: left out, for there are {len(group)} seeds of {FEWEST_SEEDS}")
            continue
        first = group[0][0]
        about = {"simulator": f"NEST {first['nest']}", "model": first["model"]}
        about |= {option: first[option] for option in OPTIONS if option in first}
        about |= {key: first[key] for key in ("dt_ms", "warmup_ms", "time_ms")}
        about["seeds"] = [each["seed"] for each, _ in group]
        reference = Reference.of([found for _, found in group], about)
        reference.save(home / name)
        written.append(home / name)
        print(f"{name}: {len(group)} seeds, {(home / name).stat().st_size / 1000:.0f} kB")
    return written


def load(path: Path) -> tuple[dict, Distributions]:
    """What a run was, and its distributions."""
    with np.load(path) as file:
        about = json.loads(str(file["about"]))
        start = about["warmup_ms"]
        # NEST stamps a spike with the end of its step, counted from the warm-up's end here.
        times = start + file["steps"] * about["dt_ms"]
        ends = about["starts"][1:]
        parts = map(slice, about["starts"], ends)
        slices = dict(zip(about["labels"], parts, strict=False))
        stop = start + about["time_ms"]
        return about, distributions(times, file["neurons"], slices, start, stop)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    runs = commands.add_parser("run", help="run seeds that have no file yet")
    runs.add_argument("model", choices=MODELS)
    runs.add_argument("--scale", type=float, default=0.2, help="microcircuit only")
    runs.add_argument("--drive", choices=models.DRIVES, default="poisson", help="microcircuit only")
    runs.add_argument("--seeds", type=int, default=5)
    runs.add_argument("--first-seed", type=int, default=1)
    runs.add_argument("--threads", type=int, default=1)
    runs.add_argument("--warmup", type=float, default=500.0, help="ms")
    runs.add_argument("--time", type=float, default=5000.0, help="ms")
    runs.add_argument("--kind", choices=("cuba", "coba"), default="cuba", help="vogels_abbott only")
    commands.add_parser("collect", help="references of all seeds that there are")
    one = commands.add_parser("one", help="one run in this process; settings as JSON")
    one.add_argument("settings", type=json.loads)
    for command in commands.choices.values():
        command.add_argument("--spikes", type=Path, default=SPIKES)
    chosen = parser.parse_args()
    folder = chosen.spikes.resolve()
    if chosen.command == "one":
        run(chosen.settings, folder)
        return
    if chosen.command == "collect":
        collect(folder)
        return
    settings = {"model": chosen.model}
    if chosen.model == "microcircuit":
        settings |= {"scale": chosen.scale, "drive": chosen.drive}
    if chosen.model == "vogels_abbott":
        settings["kind"] = chosen.kind
    settings |= {"threads": chosen.threads, "warmup_ms": chosen.warmup, "time_ms": chosen.time}
    seeds = range(chosen.first_seed, chosen.first_seed + chosen.seeds)
    sys.exit(min(series(settings, seeds, folder), 1))


if __name__ == "__main__":
    main()
