"""From a description to the tables that ``network_build`` draws synapses and voltages from.

Everything that needs logarithms, exponentials or error functions is done here, once, so that
every backend computes the same bits from the same tables.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from cusnn.network import (
    AllToAll,
    FixedInDegree,
    FixedTotalNumber,
    FromList,
    Network,
    Normal,
    OneToOne,
    Uniform,
)

# Random streams: kind << 24 | position in the description.
SYNAPSES, VOLTAGES = 1, 2
CONNECTORS = (FixedTotalNumber, FixedInDegree, AllToAll, OneToOne, FromList)
CONSTANT, NORMAL, UNIFORM, LISTED = range(4)
# No deviate that 32 bits can give lies further from the mean than this many sd.
LARGEST_DEVIATE = 6.7
LONGEST_DELAY = 32_767


@dataclass(frozen=True)
class Delays:
    """Delays of a projection: ``shortest`` + the number of thresholds that a word reaches."""

    shortest: int
    longest: int
    thresholds: np.ndarray
    listed: np.ndarray | None = None


def delay_table(network: Network, projection) -> Delays:
    listed = getattr(projection.connector, "delays", None)
    if listed is not None:
        steps = np.rint(listed / network.dt).astype(np.int64)
        table = Delays(int(steps.min(initial=1)), int(steps.max(initial=1)), no_thresholds(), steps)
    else:
        table = _drawn_delays(projection.delay, network.dt)
    if table.longest > LONGEST_DELAY:
        raise ValueError(
            f"{projection.owner}: delays reach {table.longest} steps of dt={network.dt} ms, "
            f"at most {LONGEST_DELAY} are possible; bound them with high= or take a larger dt"
        )
    return table


def _drawn_delays(delay, dt: float) -> Delays:
    """Distribution over whole steps, as thresholds of a 32-bit word."""
    if not isinstance(delay, (Normal, Uniform)) or _is_point(delay):
        value = delay if isinstance(delay, float) else _center(delay)
        steps = max(1, round(value / dt))
        return Delays(steps, steps, no_thresholds())
    if isinstance(delay, Normal):
        low, high = delay.bounds()
        low = max(low, delay.mean - LARGEST_DEVIATE * delay.sd)
        high = min(high, delay.mean + LARGEST_DEVIATE * delay.sd)
        below, within = kept(delay)
    else:
        low, high = delay.low, delay.high
    first, last = max(1, round(low / dt)), max(1, round(high / dt))
    edges = (np.arange(first, last) + 0.5) * dt
    if isinstance(delay, Normal):
        cumulative = [(delay.cumulative(edge) - below) / within for edge in edges]
    else:
        cumulative = [(edge - low) / (high - low) for edge in edges]
    thresholds = as_thresholds(np.array(cumulative))
    shortest = first + int(np.count_nonzero(thresholds == 0))
    return Delays(shortest, first + thresholds.size, thresholds[thresholds > 0])


def as_thresholds(cumulative: np.ndarray) -> np.ndarray:
    """Cumulative probabilities as 32-bit integers; those that no word reaches are left out."""
    values = np.rint(np.clip(cumulative, 0.0, 1.0) * 2.0**32)
    return values[values < 2.0**32].astype(np.uint32)


def no_thresholds() -> np.ndarray:
    return np.zeros(0, np.uint32)


def poisson_thresholds(mean: float) -> np.ndarray:
    """Thresholds of a Poisson count: the count is the number of thresholds that a word reaches."""
    if mean == 0:
        return no_thresholds()
    counts = range(int(mean + LARGEST_DEVIATE * math.sqrt(mean) + 40))
    return as_thresholds(
        np.cumsum([math.exp(k * math.log(mean) - mean - math.lgamma(k + 1)) for k in counts])
    )


def kept(normal: Normal) -> tuple[float, float]:
    """Probability below the lower bound, and within the bounds."""
    low, high = normal.bounds()
    below = normal.cumulative(low)
    return below, normal.cumulative(high) - below


def _is_point(value) -> bool:
    return value.sd == 0 if isinstance(value, Normal) else value.low == value.high


def _center(value) -> float:
    return value.mean if isinstance(value, Normal) else value.low


def distribution_row(value, scale: float = 1.0) -> tuple[int, tuple[float, ...]]:
    """Kind of a distribution, and a, b, p_low, p_width, low, high, scale of its draws.

    CONSTANT  a
    NORMAL    a + b z(p_low + p_width u), clipped to [low, high], with z the normal quantile
    UNIFORM   a + b u
    """
    if isinstance(value, Normal) and value.sd > 0:
        below, within = kept(value)
        return NORMAL, (value.mean, value.sd, below, within, *value.bounds(), scale)
    if isinstance(value, Uniform):
        return UNIFORM, (value.low, value.high - value.low, 0.0, 1.0, -np.inf, np.inf, scale)
    value = value.mean if isinstance(value, Normal) else value
    return CONSTANT, (value, 0.0, 0.0, 1.0, -np.inf, np.inf, scale)


def build_tables(network: Network, scales, channels, delays) -> dict[str, np.ndarray]:
    """Inputs of ``network_build``.

    Args:
        network: the description.
        scales: integers per pA (mV, nS) of each projection's weights.
        channels: of each projection.
        delays: ``delay_table`` of each projection.
    """
    connections, weights, thresholds = [], [], [no_thresholds()]
    ends: dict[str, list] = {"sources": [], "targets": []}
    listed_weights, listed_delays = [], []
    rows = zip(network.projections, scales, channels, delays, strict=True)
    for position, (projection, scale, channel, table) in enumerate(rows):
        pre, post = network.index(projection.pre), network.index(projection.post)
        rule = projection.connector
        kind, row = distribution_row(projection.weight, scale)
        first = [sum(map(len, part)) for part in (ends["sources"], listed_weights, listed_delays)]
        if isinstance(rule, FromList):
            ends["sources"].append(rule.sources)
            ends["targets"].append(rule.targets)
            if rule.weights is not None:
                kind = LISTED
                listed_weights.append(rule.weights)
        if table.listed is not None:
            listed_delays.append(table.listed)
        connections.append(
            (
                CONNECTORS.index(type(rule)),
                network.synapses(projection),
                network.starts[pre],
                network.populations[pre].size,
                network.starts[post],
                network.populations[post].size,
                getattr(rule, "k", 0),
                SYNAPSES << 24 | position,
                first[0],
                kind,
                sum(map(len, thresholds)),
                table.thresholds.size if table.listed is None else -1,
                table.shortest,
                channel,
                0,
                0,
                0,
                first[1],
                first[2],
            )
        )
        weights.append(row)
        thresholds.append(table.thresholds)
    groups, voltages = [], []
    for position, population in enumerate(network.populations):
        resting = np.asarray(population.neuron.v_leak, dtype=np.float64)
        if population.v is None and resting.ndim:
            value = 0.0
        else:
            value = float(resting) if population.v is None else population.v
        kind, row = distribution_row(value)
        stream = VOLTAGES << 24 | position
        groups.append((network.starts[position], population.size, stream, kind, 0))
        voltages.append(row)
    return {
        "connections": np.array(connections, np.int64).reshape(-1, 19),
        "weights": np.array(weights, np.float64).reshape(-1, 7),
        "counted": np.zeros(0, np.int64),
        "thresholds": np.concatenate(thresholds),
        "listed_sources": _joined(ends["sources"], np.int32),
        "listed_targets": _joined(ends["targets"], np.int32),
        "listed_weights": _joined(listed_weights, np.float64),
        "listed_delays": _joined(listed_delays, np.int32),
        "groups": np.array(groups, np.int64),
        "voltages": np.array(voltages, np.float64),
    }


def _joined(parts, dtype) -> np.ndarray:
    return np.concatenate([np.zeros(0, dtype), *parts]).astype(dtype)
