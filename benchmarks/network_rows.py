"""The networks of ``python -m benchmarks networks``, and what is compared before any time."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from cusnn import analysis, models
from cusnn.network import Network

# A deviation counts if it is less likely than this, over all numbers of a network together ...
CHANCE = 0.01
# ... and is more than this share: smaller ones come from float32 and from how NEST, Brian 2 and
# cusnn draw (multapses, rounded delays), and are of no concern to a comparison of times.
NEGLIGIBLE = 0.02
# A larger one counts always: few seeds may spread so wide that a wrong model would pass.
LARGEST = 0.2
WARMUP_MS = 100.0
ALL = ("cusnn", "nest", "brian")


@dataclass(frozen=True)
class Row:
    """One network of the table.

    Attributes:
        name: as ``--only`` takes it.
        title: as the table shows it.
        network: of a seed, the description.
        asked: what is asked for, in words.
        simulators: that can run it on a machine of 24 GiB.
        statistics_ms: length of the runs whose rates and CVs are compared.
        seeds: number of own runs that say how far seeds spread.
        time_ms: length of the timed run.
        short_ms: length of the timed run of NEST.
        most_runs: of a peer; its longest runs are not repeated so often.
    """

    name: str
    title: str
    network: Callable[[int], Network]
    asked: str
    simulators: tuple[str, ...] = ALL
    statistics_ms: float = 1000.0
    seeds: int = 5
    time_ms: float = 1000.0
    short_ms: float = 1000.0
    most_runs: int = 100


def microcircuit(seed: int, scale: float, drive: str) -> Network:
    return models.microcircuit(scale, drive=drive, seed=seed)


def brunel(seed: int) -> Network:
    return models.brunel(seed=seed)


def cuba(seed: int, size: int, inputs: int) -> Network:
    """More inputs are weaker, so that their sum is the same."""
    return models.vogels_abbott("cuba", size=size, in_degree=inputs, seed=seed)


def _scaled(scale: float, **more) -> Row:
    return Row(
        f"microcircuit_{scale:g}",
        f"microcircuit, scale {scale:g}, Poisson",
        functools.partial(microcircuit, scale=scale, drive="poisson"),
        "25 times NEST",
        **more,
    )


def _full(drive: str, title: str, asked: str) -> Row:
    """Brian 2 is left out: its synapses alone would need more than 12 GB, and as much to draw."""
    return Row(
        f"microcircuit_1_{drive}",
        f"microcircuit, full density, {title}",
        functools.partial(microcircuit, scale=1.0, drive=drive),
        asked,
        simulators=("cusnn", "nest"),
        statistics_ms=500.0,
        short_ms=200.0,
        most_runs=1,
    )


ROWS = {
    row.name: row
    for row in (
        _full("dc", "DC", "RTF at most 1.5, 1.0 the goal"),
        _full("poisson", "Poisson", "RTF at most 2, 1.0 the goal"),
        _scaled(0.5, most_runs=2),
        _scaled(0.2, statistics_ms=3000.0),
        _scaled(0.1, statistics_ms=5000.0),
        Row("brunel", "Brunel, 12,500 neurons", brunel, "5 times the best peer"),
        Row(
            "cuba_4000",
            "CUBA, 4,000 neurons, 80 inputs",
            functools.partial(cuba, size=4000, inputs=80),
            "3 times the best peer",
            statistics_ms=5000.0,
        ),
        Row(
            "cuba_40000",
            "CUBA, 40,000 neurons, 80 inputs",
            functools.partial(cuba, size=40000, inputs=80),
            "3 times the best peer",
        ),
        Row(
            "cuba_40000_800",
            "CUBA, 40,000 neurons, 800 inputs",
            functools.partial(cuba, size=40000, inputs=800),
            "3 times the best peer",
        ),
    )
}


def statistics(times, neurons, slices: dict[str, slice], duration: float) -> dict:
    """Mean rate and mean CV of the inter-spike intervals of every population.

    Args:
        times: ms, from the start of the window [n].
        neurons: number in the network [n].
        slices: neurons of each population.
        duration: ms.

    Returns:
        By label: "rate_hz" and "cv", the latter over neurons with two intervals at least, None
        where there is no such neuron.
    """
    times, neurons = np.asarray(times), np.asarray(neurons)
    size = max(part.stop for part in slices.values())
    counts = np.bincount(neurons, minlength=size)
    cv = analysis.cv_isi(times, neurons, size)
    return {
        label: {
            "rate_hz": float(counts[part].mean() / (duration / 1000.0)),
            "cv": _mean(cv[part]),
        }
        for label, part in slices.items()
    }


def disagreements(own: list[dict], peer: dict) -> list[str]:
    """What of a peer's statistics lies outside the spread of our seeds, in words.

    A number x differs from our mean m, with sd s over n seeds, where

        |x - m| > t s sqrt(1 + 1/n),

    with t the quantile of Student's distribution with n - 1 degrees of freedom that all numbers
    together exceed with probability ``CHANCE``; but not below ``NEGLIGIBLE`` m, and always above
    ``LARGEST`` m.
    """
    from scipy.stats import t as student

    pairs = [(label, name) for label in peer for name in peer[label]]
    quantile = student.ppf(1.0 - 0.5 * CHANCE / len(pairs), len(own) - 1)
    found = []
    for label, name in pairs:
        ours = [run[label][name] for run in own]
        theirs = peer[label][name]
        if theirs is None or None in ours:
            if theirs is not None or any(value is not None for value in ours):
                found.append(f"{label} {name}: not defined everywhere")
            continue
        mean, sd = float(np.mean(ours)), float(np.std(ours, ddof=1))
        spread = quantile * sd * math.sqrt(1.0 + 1.0 / len(ours))
        allowed = min(max(spread, NEGLIGIBLE * mean), LARGEST * mean)
        if not abs(theirs - mean) <= allowed:
            found.append(f"{label} {name}: {theirs:.4g}, ours {mean:.4g} +- {allowed:.2g}")
    return found


def _mean(values: np.ndarray) -> float | None:
    kept = values[np.isfinite(values)]
    return float(kept.mean()) if kept.size else None
