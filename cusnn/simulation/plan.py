"""From a description to the tables of integers and float64 numbers that the engine reads.

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
from cusnn.neurons import CubaLIF

# Random streams: kind << 24 | position in the description.
SYNAPSES, VOLTAGES, POISSON = 1, 2, 3
CONNECTORS = (FixedTotalNumber, FixedInDegree, AllToAll, OneToOne, FromList)
CONSTANT, NORMAL, UNIFORM, LISTED = range(4)
# No deviate that 32 bits can give lies further from the mean than this many sd.
LARGEST_DEVIATE = 6.7
FEWEST_LEVELS = 64
MOST_SYNAPSES = 2**31 // FEWEST_LEVELS
# Where a unit of weight would leave float32.
LEAST_EXPONENT = -100
LARGEST_POISSON_MEAN = 1000.0
LONGEST_DELAY = 32_767


@dataclass(frozen=True)
class Plan:
    """Tables of a network: the inputs of ``ops.network`` but for the state.

    Attributes:
        build: inputs of ``network_build`` by name.
        advance: inputs of ``network_advance`` by name.
        n_synapses, longest, shortest: number of synapses; longest and shortest delay in steps.
        scales: units of the integer weights per pA (or mV), a power of two by population.
    """

    build: dict[str, np.ndarray]
    advance: dict[str, np.ndarray]
    n_synapses: int
    longest: int
    shortest: int
    scales: tuple[float, ...]


def plan(network: Network) -> Plan:
    """Tables of a network.

    Raises:
        ValueError: delays of more than 32,767 steps, a Poisson input of more than 1,000 spikes per
            neuron and step, more synapses onto a neuron than 32-bit sums take, or weights so
            unequal that 16 bits leave the small ones fewer than 64 levels.
    """
    poisson = [_poisson_thresholds(network, stimulus) for stimulus in network.stimuli]
    delays = [_delay_table(network, projection) for projection in network.projections]
    scales = tuple(
        _scale(network, position, poisson) for position in range(len(network.populations))
    )
    return Plan(
        build=_build_tables(network, scales, delays),
        advance=_advance_tables(network, scales, poisson),
        n_synapses=network.n_synapses,
        longest=max((table.longest for table in delays), default=1),
        shortest=min((table.shortest for table in delays), default=1),
        scales=scales,
    )


def longest_delay(network: Network) -> int:
    """Longest delay of a network, in steps."""
    return max((_delay_table(network, p).longest for p in network.projections), default=1)


@dataclass(frozen=True)
class _Delays:
    """Delays of a projection: ``shortest`` + the number of thresholds that a word reaches."""

    shortest: int
    longest: int
    thresholds: np.ndarray
    listed: np.ndarray | None = None


def _delay_table(network: Network, projection) -> _Delays:
    listed = getattr(projection.connector, "delays", None)
    if listed is not None:
        steps = np.rint(listed / network.dt).astype(np.int64)
        table = _Delays(int(steps.min(initial=1)), int(steps.max(initial=1)), _empty(), steps)
    else:
        table = _drawn_delays(projection.delay, network.dt)
    if table.longest > LONGEST_DELAY:
        raise ValueError(
            f"{projection.owner}: delays reach {table.longest} steps of dt={network.dt} ms, "
            f"at most {LONGEST_DELAY} are possible; bound them with high= or take a larger dt"
        )
    return table


def _drawn_delays(delay, dt: float) -> _Delays:
    """Distribution over whole steps, as thresholds of a 32-bit word."""
    if not isinstance(delay, (Normal, Uniform)) or _is_point(delay):
        value = delay if isinstance(delay, float) else _center(delay)
        steps = max(1, round(value / dt))
        return _Delays(steps, steps, _empty())
    if isinstance(delay, Normal):
        low, high = delay.bounds()
        low = max(low, delay.mean - LARGEST_DEVIATE * delay.sd)
        high = min(high, delay.mean + LARGEST_DEVIATE * delay.sd)
        below, within = _kept(delay)
    else:
        low, high = delay.low, delay.high
    first, last = max(1, round(low / dt)), max(1, round(high / dt))
    edges = (np.arange(first, last) + 0.5) * dt
    if isinstance(delay, Normal):
        cumulative = [(delay.cumulative(edge) - below) / within for edge in edges]
    else:
        cumulative = [(edge - low) / (high - low) for edge in edges]
    thresholds = _thresholds(np.array(cumulative))
    shortest = first + int(np.count_nonzero(thresholds == 0))
    return _Delays(shortest, first + thresholds.size, thresholds[thresholds > 0])


def _thresholds(cumulative: np.ndarray) -> np.ndarray:
    """Cumulative probabilities as 32-bit integers; those that no word reaches are left out."""
    values = np.rint(np.clip(cumulative, 0.0, 1.0) * 2.0**32)
    return values[values < 2.0**32].astype(np.uint32)


def _empty() -> np.ndarray:
    return np.zeros(0, np.uint32)


def _poisson_thresholds(network: Network, stimulus) -> np.ndarray:
    """Thresholds of a Poisson count: the count is the number of thresholds that a word reaches."""
    mean = stimulus.rate * stimulus.sources * network.dt / 1000.0
    if mean > LARGEST_POISSON_MEAN:
        raise ValueError(
            f"PoissonInput into {stimulus.population!r}: {mean:g} spikes per neuron and step, at "
            f"most {LARGEST_POISSON_MEAN:g} are possible; use the neuron's i_offset"
        )
    if mean == 0:
        return _empty()
    counts = range(int(mean + LARGEST_DEVIATE * math.sqrt(mean) + 40))
    return _thresholds(
        np.cumsum([math.exp(k * math.log(mean) - mean - math.lgamma(k + 1)) for k in counts])
    )


def _kept(normal: Normal) -> tuple[float, float]:
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
        below, within = _kept(value)
        return NORMAL, (value.mean, value.sd, below, within, *value.bounds(), scale)
    if isinstance(value, Uniform):
        return UNIFORM, (value.low, value.high - value.low, 0.0, 1.0, -np.inf, np.inf, scale)
    value = value.mean if isinstance(value, Normal) else value
    return CONSTANT, (value, 0.0, 0.0, 1.0, -np.inf, np.inf, scale)


def _weight_range(projection) -> tuple[float, float, float]:
    """Smallest and largest weight that can occur, and the mean size of weights."""
    listed = getattr(projection.connector, "weights", None)
    weight = projection.weight
    if listed is not None:
        size = float(np.abs(listed).mean()) if listed.size else 0.0
        return float(listed.min(initial=0.0)), float(listed.max(initial=0.0)), size
    if isinstance(weight, Normal):
        low, high = weight.bounds()
        reach = LARGEST_DEVIATE * weight.sd
        low, high = max(low, weight.mean - reach), min(high, weight.mean + reach)
        return low, high, max(abs(weight.mean), weight.sd)
    if isinstance(weight, Uniform):
        return weight.low, weight.high, 0.5 * max(abs(weight.low), abs(weight.high))
    return weight, weight, abs(weight)


def _largest_in_degree(network: Network, projection) -> float:
    """In-degree that no target exceeds; for random targets but once in 10**25 networks."""
    pre = network.populations[network.index(projection.pre)].size
    post = network.populations[network.index(projection.post)].size
    rule = projection.connector
    if isinstance(rule, FixedTotalNumber):
        mean = rule.n / post
        return min(rule.n, math.ceil(mean + 12.0 * math.sqrt(mean) + 40.0))
    if isinstance(rule, FromList):
        return int(np.bincount(rule.targets).max()) if rule.targets.size else 0
    return {FixedInDegree: lambda: rule.k, AllToAll: lambda: pre, OneToOne: lambda: 1}[type(rule)]()


def _scale(network: Network, position: int, poisson) -> float:
    """Power of two that turns weights onto a population into integers.

    No weight exceeds 16 bits, and no sum 32, even if every source fires so that all arrives in
    one step together with the largest Poisson counts.
    """
    label = network.populations[position].label
    incoming = [p for p in network.projections if p.post == label and network.synapses(p)]
    ranges = [_weight_range(projection) for projection in incoming]
    stimuli = [
        (stimulus, thresholds.size)
        for stimulus, thresholds in zip(network.stimuli, poisson, strict=True)
        if stimulus.population == label
    ]
    largest = max((max(-low, high) for low, high, _ in ranges), default=0.0)
    terms = [
        (_largest_in_degree(network, projection), low, high)
        for projection, (low, high, _) in zip(incoming, ranges, strict=True)
    ] + [(count, stimulus.weight, stimulus.weight) for stimulus, count in stimuli]
    number = sum(count for count, _, _ in terms)
    if number >= 2**31 - 1:
        raise _too_many(label, number)
    total = max(
        sum(count * max(0.0, -low) for count, low, _ in terms),
        sum(count * max(0.0, high) for count, _, high in terms),
    )
    exponent = min(
        math.floor(math.log2(32_767 / largest)) if largest else 64,
        math.floor(math.log2((2**31 - 1 - number) / total)) if total else 64,
        64,
    )
    scale = 2.0**exponent
    sizes = [(p.owner, size) for p, (_, _, size) in zip(incoming, ranges, strict=True)]
    sizes += [(f"PoissonInput into {label!r}", abs(s.weight)) for s, count in stimuli if count]
    if exponent < LEAST_EXPONENT:
        owner, size = max(sizes, key=lambda pair: pair[1])
        raise ValueError(f"{owner}: weights of {size:g} are too large")
    for owner, size in sizes:
        if 0 < size * scale < FEWEST_LEVELS and number > MOST_SYNAPSES:
            raise _too_many(label, number)
        if 0 < size * scale < FEWEST_LEVELS:
            raise ValueError(
                f"{owner}: weights of {size:g} get only {size * scale:.3g} of the integer levels "
                f"onto {label!r}, at least {FEWEST_LEVELS} are needed; the largest weight there is "
                f"{largest:g}, the largest possible sum {total:g}. Make them less unequal"
            )
    return scale


def _too_many(label: str, number: float) -> ValueError:
    return ValueError(
        f"Population {label!r}: too many synapses per neuron: {number:,.0f} inputs may reach one "
        f"in a step, at most about {MOST_SYNAPSES:,} fit the sums of 32 bits"
    )


def _build_tables(network: Network, scales, delays) -> dict[str, np.ndarray]:
    connections, weights, thresholds = [], [], [_empty()]
    lists: dict[str, list] = {"sources": [], "targets": [], "weights": [], "delays": []}
    n_thresholds = n_listed = 0
    for position, (projection, table) in enumerate(zip(network.projections, delays, strict=True)):
        pre, post = network.index(projection.pre), network.index(projection.post)
        rule = projection.connector
        kind, row = distribution_row(projection.weight, scales[post])
        if isinstance(rule, FromList):
            kind = LISTED if rule.weights is not None else kind
            lists["sources"].append(rule.sources)
            lists["targets"].append(rule.targets)
            empty = np.zeros(rule.sources.size)
            lists["weights"].append(empty if rule.weights is None else rule.weights)
            lists["delays"].append(empty if table.listed is None else table.listed)
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
                n_listed,
                kind,
                n_thresholds,
                table.thresholds.size if table.listed is None else -1,
                table.shortest,
            )
        )
        weights.append(row)
        thresholds.append(table.thresholds)
        n_thresholds += table.thresholds.size
        n_listed += rule.sources.size if isinstance(rule, FromList) else 0
    groups, voltages = [], []
    for position, population in enumerate(network.populations):
        resting = np.asarray(population.neuron.v_leak, dtype=np.float64)
        if population.v is None and resting.ndim:
            value = 0.0
        else:
            value = float(resting) if population.v is None else population.v
        kind, row = distribution_row(value)
        stream = VOLTAGES << 24 | position
        groups.append((network.starts[position], population.size, stream, kind))
        voltages.append(row)
    return {
        "connections": np.array(connections, np.int64).reshape(-1, 13),
        "weights": np.array(weights, np.float64).reshape(-1, 7),
        "thresholds": np.concatenate(thresholds),
        "listed_sources": _joined(lists["sources"], np.int32),
        "listed_targets": _joined(lists["targets"], np.int32),
        "listed_weights": _joined(lists["weights"], np.float64),
        "listed_delays": _joined(lists["delays"], np.int32),
        "groups": np.array(groups, np.int64),
        "voltages": np.array(voltages, np.float64),
    }


def _joined(parts, dtype) -> np.ndarray:
    return np.concatenate([np.zeros(0, dtype), *parts]).astype(dtype)


def _advance_tables(network: Network, scales, poisson) -> dict[str, np.ndarray]:
    segments, coefficients, n_coefficients = [], [], 0
    for position, population in enumerate(network.populations):
        numbers = population.neuron.coefficients(network.dt)
        segments.append(
            (
                int(isinstance(population.neuron, CubaLIF)),
                numbers.reset,
                numbers.refractory_steps,
                network.starts[position],
                population.size,
                n_coefficients,
                int(numbers.values.shape[1] > 1),
            )
        )
        coefficients.append(numbers.values.ravel())
        n_coefficients += numbers.values.size
    stimuli, n_thresholds = [], 0
    for position, (stimulus, thresholds) in enumerate(zip(network.stimuli, poisson, strict=True)):
        target = network.index(stimulus.population)
        stimuli.append(
            (
                network.starts[target],
                network.populations[target].size,
                POISSON << 24 | position,
                round(stimulus.weight * scales[target]) if thresholds.size else 0,
                n_thresholds,
                thresholds.size,
            )
        )
        n_thresholds += thresholds.size
    return {
        "segments": np.array(segments, np.int64),
        "coefficients": np.concatenate(coefficients),
        "units": np.array([1.0 / scale for scale in scales], np.float32),
        "stimuli": np.array(stimuli, np.int64).reshape(-1, 6),
        "thresholds": np.concatenate([_empty(), *poisson]),
    }
