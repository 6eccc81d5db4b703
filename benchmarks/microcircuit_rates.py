"""Mean rates of the microcircuit over several seeds, beside the published ones and NEST's.

    python -m benchmarks.microcircuit_rates --scales 0.1 0.2 --seeds 5 --drives poisson dc
    python -m benchmarks.microcircuit_rates --report

Every run is added to ``results/microcircuit_rates.json`` as soon as it ends, so a long series may
be cut and gone on with; a run with the same settings and seed takes the place of the old one.

A reference rate is one run of one other seed. It counts as inside the seed-to-seed spread where

    |reference - mean| <= t sd sqrt(1 + 1/n),

with mean and sd over our n seeds and t the 97.5 % quantile of Student's t with n - 1 degrees of
freedom: one in twenty equal networks lies outside.
"""

from __future__ import annotations

import argparse
import gc
import itertools
import json
import math
import os
from pathlib import Path

import numpy as np

from benchmarks import machine
from cusnn import analysis, models
from cusnn.info import peak_memory_bytes
from cusnn.simulation import Simulation

RESULTS = Path(__file__).resolve().parent / "results" / "microcircuit_rates.json"
SETTINGS = ("scale", "drive", "dt_ms", "warmup_ms", "time_ms")
# 97.5 % quantiles of Student's t by degrees of freedom; from 30 on, the normal one is near enough.
QUANTILES = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179)
QUANTILES += (2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064)
QUANTILES += (2.060, 2.056, 2.052, 2.048, 2.045)


def one_run(settings: dict, seed: int, threads: int | None) -> dict:
    """Rates, irregularity and cost of one seed."""
    network = models.microcircuit(
        settings["scale"], drive=settings["drive"], dt=settings["dt_ms"], seed=seed
    )
    simulation = Simulation(network, threads=threads)
    simulation.run(settings["warmup_ms"])
    result = simulation.run(settings["time_ms"])
    cv = analysis.cv_isi(result.times, result.neurons, network.size)
    return {
        **settings,
        "seed": seed,
        "rates_hz": result.rates(),
        "cv_isi": {label: _mean(cv[part]) for label, part in network.slices.items()},
        "spikes": int(result.steps.size),
        "synaptic_events": int(result.events),
        "build_s": round(simulation.build_s, 2),
        "real_time_factor": round(result.rtf, 3),
        "peak_memory_bytes": peak_memory_bytes(),
        "threads": simulation.threads,
        **machine.commit(),
    }


def summarize(runs: list[dict]) -> list[dict]:
    """Mean and sd over seeds for each setting, and where the references lie."""
    groups: dict[tuple, list[dict]] = {}
    for run in runs:
        groups.setdefault(tuple(run[name] for name in SETTINGS), []).append(run)
    return [
        {
            **dict(zip(SETTINGS, key, strict=True)),
            "seeds": sorted(run["seed"] for run in group),
            "populations": _populations(group),
        }
        for key, group in sorted(groups.items())
    ]


def _populations(group: list[dict]) -> dict:
    scale, drive = group[0]["scale"], group[0]["drive"]
    references = models.microcircuit_rates(scale, drive)
    if scale != 1.0:
        references.pop("published")
    rows = {}
    for label in group[0]["rates_hz"]:
        rates = [run["rates_hz"][label] for run in group]
        mean = float(np.mean(rates))
        sd = float(np.std(rates, ddof=1)) if len(rates) > 1 else None
        rows[label] = {"mean_hz": mean, "sd_hz": sd}
        for name, reference in references.items():
            rows[label][name] = compare(reference[label], mean, sd, len(rates))
    return rows


def compare(reference: float, mean: float, sd: float | None, n: int) -> dict:
    """Where a reference rate lies in the spread of n seeds."""
    if not sd:
        return {"rate_hz": reference, "z": None, "inside": None}
    z = (reference - mean) / (sd * math.sqrt(1.0 + 1.0 / n))
    quantile = QUANTILES[n - 2] if n - 2 < len(QUANTILES) else 1.96
    return {"rate_hz": reference, "z": z, "inside": abs(z) <= quantile}


def table(summary: dict) -> str:
    """A Markdown table of one setting."""
    populations = summary["populations"]
    names = [name for name in ("published", "nest") if name in next(iter(populations.values()))]
    seeds = len(summary["seeds"])
    lines = [
        f"scale {summary['scale']:g}, {summary['drive']}, dt {summary['dt_ms']:g} ms, "
        f"{summary['time_ms']:g} ms after {summary['warmup_ms']:g} ms, {seeds} seeds",
        "",
        "| population | mean (Hz) | sd over seeds |"
        + "".join(f" {name} | z | inside |" for name in names),
        "|---|---|---|" + "---|---|---|" * len(names),
    ]
    for label, row in populations.items():
        cells = [label, f"{row['mean_hz']:.3f}", _text(row["sd_hz"], ".3f")]
        for name in names:
            cells += [f"{row[name]['rate_hz']:.3f}", _text(row[name]["z"], "+.2f")]
            cells.append({True: "yes", False: "no", None: "-"}[row[name]["inside"]])
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def load(path: Path) -> list[dict]:
    """Runs that were kept."""
    return json.loads(path.read_text())["runs"] if path.exists() else []


def save(path: Path, runs: list[dict]) -> None:
    """Write all runs and their summary, whole or not at all."""
    content = {"machine": machine.describe(), "summary": summarize(runs), "runs": runs}
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(json.dumps(content, indent=1) + "\n")
    os.replace(temporary, path)


def _key(run: dict) -> tuple:
    return (*(run[name] for name in SETTINGS), run["seed"])


def _mean(values: np.ndarray) -> float | None:
    kept = values[np.isfinite(values)]
    return float(kept.mean()) if kept.size else None


def _text(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--scales", type=float, nargs="+", default=[0.1])
    parser.add_argument("--drives", nargs="+", default=["poisson"], choices=models.DRIVES)
    parser.add_argument("--seeds", type=int, default=5, help="seeds 1 to this")
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--time", type=float, default=1000.0, help="ms")
    parser.add_argument("--warmup", type=float, default=100.0, help="ms")
    parser.add_argument("--dt", type=float, default=0.1, help="ms")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--report", action="store_true", help="only print what is there")
    chosen = parser.parse_args()
    runs = load(chosen.out)
    orders = itertools.product(
        chosen.scales,
        chosen.drives,
        [chosen.dt],
        [chosen.warmup],
        [chosen.time],
        range(chosen.first_seed, chosen.first_seed + chosen.seeds),
    )
    for *values, seed in () if chosen.report else orders:
        settings = dict(zip(SETTINGS, values, strict=True))
        run = one_run(settings, seed, chosen.threads)
        gc.collect()
        runs = [other for other in runs if _key(other) != _key(run)] + [run]
        save(chosen.out, runs)
        rates = " ".join(f"{rate:.3f}" for rate in run["rates_hz"].values())
        print(
            f"{run['drive']} scale {run['scale']:g} seed {seed}: {rates} "
            f"(build {run['build_s']} s, real-time factor {run['real_time_factor']})",
            flush=True,
        )
    for summary in summarize(runs):
        print("\n" + table(summary))


if __name__ == "__main__":
    main()
