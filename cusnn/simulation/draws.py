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
    ClippedNormal,
    FixedInDegree,
    FixedOutDegree,
    FixedProbability,
    FixedTotalNumber,
    FromList,
    LogNormal,
    Network,
    OneToOne,
    Uniform,
)
from cusnn.network.description import SYNAPSES
from cusnn.network.distributions import LARGEST_DEVIATE, without_spread

# Random streams: kind << 24 | position in the description; those of further state variables are
# of kind OTHER_STATE + row.
VOLTAGES, OTHER_STATE = 2, 16
CONNECTORS = (
    FixedTotalNumber,
    FixedInDegree,
    AllToAll,
    OneToOne,
    FromList,
    FixedOutDegree,
    FixedProbability,
)
CONSTANT, NORMAL, UNIFORM, LISTED, LOG_NORMAL = range(5)
LONGEST_DELAY = 32_767


@dataclass(frozen=True)
class Delays:
    """Delays of a projection: ``shortest`` + the number of thresholds that a word reaches."""

    shortest: int
    longest: int
    thresholds: np.ndarray
    listed: np.ndarray | None = None


def delay_table(network: Network, projection) -> Delays:
    """Delays of a projection in steps.

    Raises:
        ValueError: delays of more than 32,767 steps.
    """
    delays = projection.delays
    if isinstance(delays, np.ndarray):
        steps = np.maximum(np.rint(delays / network.dt), 1)
        longest = float(steps.max(initial=1))
        _check_longest(projection, network.dt, longest)
        table = Delays(int(steps.min(initial=longest)), int(longest), no_thresholds(), steps)
    elif isinstance(delays, float) or without_spread(delays):
        steps = max(
            1, round((delays if isinstance(delays, float) else delays.center()) / network.dt)
        )
        table = Delays(steps, steps, no_thresholds())
    else:
        _check_longest(projection, network.dt, round(delays.reach()[1] / network.dt))
        table = _drawn_delays(delays, network.dt)
    _check_longest(projection, network.dt, table.longest)
    return table


def _check_longest(projection, dt: float, steps: float) -> None:
    if steps > LONGEST_DELAY:
        drawn = not isinstance(projection.delays, (float, np.ndarray))
        raise ValueError(
            f"{projection.owner}: delays reach {steps:.0f} steps of dt={dt} ms, "
            f"at most {LONGEST_DELAY} are possible; "
            f"{'bound them with high=' if drawn else 'shorten them'} or take a larger dt"
        )


def _drawn_delays(delay, dt: float) -> Delays:
    """Distribution over whole steps, as thresholds of a 32-bit word."""
    first, last = (max(1, round(end / dt)) for end in delay.reach())
    edges = (np.arange(first, last) + 0.5) * dt
    thresholds = as_thresholds(np.array([delay.share(edge) for edge in edges]))
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


def distribution_row(value, scale: float = 1.0) -> tuple[int, tuple[float, ...]]:
    """Kind of a distribution, and a, b, p_low, p_width, low, high, scale of its draws.

    CONSTANT    a
    NORMAL      a + b z(p_low + p_width u), clipped to [low, high], with z the normal quantile
    UNIFORM     a + b u
    LOG_NORMAL  exp(a + b z(p_low + p_width u)), clipped to [low, high]
    """
    if isinstance(value, np.ndarray):
        return LISTED, (0.0, 0.0, 0.0, 1.0, -np.inf, np.inf, scale)
    if isinstance(value, LogNormal) and value.negative:
        scale = -scale
    if isinstance(value, float) or without_spread(value):
        value = value if isinstance(value, float) else value.center()
        return CONSTANT, (value, 0.0, 0.0, 1.0, -np.inf, np.inf, scale)
    if isinstance(value, Uniform):
        return UNIFORM, (value.low, value.high - value.low, 0.0, 1.0, -np.inf, np.inf, scale)
    below, within = (0.0, 1.0) if isinstance(value, ClippedNormal) else value.kept()
    kind = LOG_NORMAL if isinstance(value, LogNormal) else NORMAL
    return kind, (value.mean, value.sd, below, within, *value.bounds(), scale)


class _Joined:
    """Arrays laid end to end, and where the next one begins."""

    def __init__(self, dtype):
        self._parts = [np.zeros(0, dtype)]
        self.size = 0

    def append(self, part: np.ndarray | None) -> int:
        """Where the part begins; None adds nothing."""
        start = self.size
        if part is not None:
            self._parts.append(part.astype(self._parts[0].dtype))
            self.size += part.size
        return start

    def array(self) -> np.ndarray:
        return np.concatenate(self._parts)


def build_tables(network: Network, scales, channels, delays) -> dict[str, np.ndarray]:
    """Inputs of ``network_build``.

    Args:
        network: the description.
        scales: integers per pA (mV, nS) of each projection's weights.
        channels: of each projection.
        delays: ``delay_table`` of each projection.
    """
    joined = {
        "counted": _Joined(np.int64),
        "thresholds": _Joined(np.uint32),
        "listed_sources": _Joined(np.int32),
        "listed_targets": _Joined(np.int32),
        "listed_weights": _Joined(np.float64),
        "listed_delays": _Joined(np.int32),
    }
    connections, weights = [], []
    for position, (scale, channel, table) in enumerate(zip(scales, channels, delays, strict=True)):
        connection, row = _connection(network, position, scale, channel, table, joined)
        connections.append(connection)
        weights.append(row)
    groups, voltages = _groups(network)
    return {
        "connections": np.array(connections, np.int64).reshape(-1, 19),
        "weights": np.array(weights, np.float64).reshape(-1, 7),
        "groups": np.array(groups, np.int64).reshape(-1, 5),
        "voltages": np.array(voltages, np.float64).reshape(-1, 7),
        **{name: parts.array() for name, parts in joined.items()},
    }


def _connection(network: Network, position: int, scale, channel, table: Delays, joined):
    """Row of ``connections`` and of ``weights``; arrays go to ``joined``."""
    projection = network.projections[position]
    rule, drawn = projection.connector, projection.weights
    pre, post = network.index(projection.pre), network.index(projection.post)
    kind, row = distribution_row(drawn, scale)
    distinct = isinstance(rule, FixedProbability) or not getattr(rule, "multapses", True)
    first_end = joined["listed_sources"].append(getattr(rule, "sources", None))
    joined["listed_targets"].append(getattr(rule, "targets", None))
    fields = (
        CONNECTORS.index(type(rule)),
        network.counts[position],
        network.starts[pre],
        network.populations[pre].size,
        network.starts[post],
        network.populations[post].size,
        getattr(rule, "k", 0),
        SYNAPSES << 24 | position,
        first_end,
        kind,
        joined["thresholds"].append(table.thresholds),
        table.thresholds.size if table.listed is None else -1,
        table.shortest,
        channel,
        int(projection.same and not getattr(rule, "autapses", True)),
        int(distinct),
        joined["counted"].append(network.synapses_before(position)),
        joined["listed_weights"].append(drawn if kind == LISTED else None),
        joined["listed_delays"].append(table.listed),
    )
    return fields, row


def _groups(network: Network):
    """Rows of ``groups`` and ``voltages`` for initial values that are drawn, or one number."""
    groups, voltages = [], []
    for position, population in enumerate(network.populations):
        for name, value in population.start.items():
            if isinstance(value, np.ndarray):
                continue
            row = population.neuron.state.index(name)
            stream = (VOLTAGES if row == 0 else OTHER_STATE + row) << 24 | position
            kind, numbers = distribution_row(value)
            groups.append((network.starts[position], population.size, stream, kind, row))
            voltages.append(numbers)
    return groups, voltages


def fill_initial(network: Network, initial: np.ndarray) -> np.ndarray:
    """Write what is not drawn into the state at the start [S, N]: arrays that are given, and
    the state of a neuron at rest where nothing is."""
    for population, part in zip(network.populations, network.slices.values(), strict=True):
        neuron, values = population.neuron, population.start
        for row, (name, resting) in enumerate(zip(neuron.state, neuron.resting_state, strict=True)):
            value = values.get(name, resting)
            if name not in values or isinstance(value, np.ndarray):
                initial[row, part] = value
    return initial
