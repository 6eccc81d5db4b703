"""From a description to the tables of integers and float32 numbers that the engine reads."""

from __future__ import annotations

import dataclasses
import math
import warnings
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from cusnn.network import Network
from cusnn.network.distributions import extent
from cusnn.simulation.draws import (
    Delays,
    build_tables,
    delay_table,
    no_thresholds,
)
from cusnn.simulation.stimuli import POISSON, poisson_table, rates

# The engine's neuron models: number in tables -> rows of state, channels, and whether what arrives
# in a step moves the voltage in the next one only.
MODELS = {
    "LIF": (2, 1, False),
    "CubaLIF": (3, 1, True),
    "CubaDualLIF": (4, 2, True),
    "CobaLIF": (4, 2, True),
    "ALIF": (3, 1, False),
    "Izhikevich": (3, 1, False),
}
EXCITATORY, INHIBITORY = range(2)
FEWEST_LEVELS = 64
# 16 bits hold a weight of a narrow word, 32 one of a wide word.
LARGEST_NARROW, LARGEST_WIDE = 2**15 - 1, 2**31 - 1
MOST_SYNAPSES = 2**31 // FEWEST_LEVELS
# Where a unit of weight would leave float32.
LEAST_EXPONENT, MOST_EXPONENT = -100, 64
# Integers of at most this size are rounded to 0.
ROUNDED = 0.5


@dataclass(frozen=True)
class Plan:
    """Tables of a network: the inputs of ``ops.network`` but for the state.

    Attributes:
        network: the description.
        build: inputs of ``network_build`` by name.
        n_synapses, longest, shortest: number of synapses; longest and shortest delay in steps.
        states, channels: rows of state and input channels per neuron.
        late: whether no input moves a voltage in the step in which it arrives.
        wide: whether weights need 32 bits.
        scales: integers per pA (mV, nS), a power of two by population and channel.
        changes: steps at which ``advance_tables`` change, ascending.
    """

    network: Network
    build: dict[str, np.ndarray]
    n_synapses: int
    longest: int
    shortest: int
    states: int
    channels: int
    late: bool
    wide: bool
    scales: tuple[tuple[float, float], ...]
    changes: tuple[int, ...]

    def advance_tables(self, step: int) -> dict[str, np.ndarray]:
        """Inputs of ``network_advance`` that hold from ``step`` to the next change."""
        return {**_segments(self.network, step), **_stimuli(self.network, self.scales, step)}


def plan(network: Network) -> Plan:
    """Tables of a network.

    Raises:
        ValueError: delays of more than 32,767 steps, a Poisson input of more than 1,000 spikes per
            neuron and step, more synapses onto a neuron than 32-bit sums take, or weights so
            small, or so unequal, that 32 bits leave them fewer than 64 levels.

    Warns:
        RuntimeWarning: listed weights so small beside others that they become 0.
    """
    delays = [delay_table(network, projection) for projection in network.projections]
    facts = [MODELS[_model(network, population)] for population in network.populations]
    inputs = [_inputs(network, position) for position in range(len(network.populations))]
    wide = not all(_fits(parts, LARGEST_NARROW) for pair in inputs for parts in pair)
    largest = LARGEST_WIDE if wide else LARGEST_NARROW
    scales = tuple(
        tuple(_scale(population.label, parts, largest) for parts in pair)
        for population, pair in zip(network.populations, inputs, strict=True)
    )
    channels = [channel(network, projection) for projection in network.projections]
    _warn_of_lost_weights(network, scales, channels)
    by_projection = [
        scales[network.index(projection.post)][number] * _sign(network, projection)
        for projection, number in zip(network.projections, channels, strict=True)
    ]
    return Plan(
        network=network,
        build=build_tables(network, by_projection, channels, delays),
        n_synapses=network.n_synapses,
        longest=_longest(delays),
        shortest=min((table.shortest for table in delays), default=1),
        states=max(rows for rows, _, _ in facts),
        channels=max(number for _, number, _ in facts),
        late=all(late for _, _, late in facts),
        wide=wide,
        scales=scales,
        changes=_changes(network),
    )


class Sizes(NamedTuple):
    """Those attributes of ``Plan`` that say how much memory is needed."""

    longest: int
    shortest: int
    states: int
    channels: int
    late: bool
    wide: bool


def sizes(network: Network) -> Sizes:
    """What is needed to estimate memory, also of a network that is too large for ``plan``."""
    facts = [MODELS[_model(network, population)] for population in network.populations]
    inputs = [_inputs(network, position) for position in range(len(network.populations))]
    delays = [delay_table(network, projection) for projection in network.projections]
    return Sizes(
        longest=_longest(delays),
        shortest=min((table.shortest for table in delays), default=1),
        states=max(rows for rows, _, _ in facts),
        channels=max(number for _, number, _ in facts),
        late=all(late for _, _, late in facts),
        wide=not all(_fits(parts, LARGEST_NARROW) for pair in inputs for parts in pair),
    )


def _longest(delays) -> int:
    return max((table.longest for table in delays), default=1)


def _model(network: Network, population) -> str:
    return population.neuron.coefficients(network.dt).model


# ------------------------------------------------------------------ channels and scales


def channel(network: Network, target) -> int:
    """Input channel of a projection or a stimulus: 0, or 1 for inhibition of two-channel neurons.

    Raises:
        ValueError: weights that change their sign without a ``receptor``, or whose sign is not the
            receptor's where a neuron has one input only.
    """
    population = network.populations[network.index(_label(target))]
    receptor = getattr(target, "receptor", None)
    low, high, _ = _weight_range(target)
    if MODELS[_model(network, population)][1] == 1:
        if (receptor == "inhibitory" and high > 0) or (receptor == "excitatory" and low < 0):
            raise ValueError(
                f"{_owner(target)}: receptor={receptor!r} does not fit weights from {low:g} to "
                f"{high:g}; this neuron has one input, whose sign is the weight's"
            )
        return 0
    if receptor is not None:
        return INHIBITORY if receptor == "inhibitory" else EXCITATORY
    if low < 0 < high:
        raise ValueError(
            f"{_owner(target)}: weights from {low:g} to {high:g} change their sign, so that it is "
            f"unclear which synapses are meant; give receptor= or bound them by low= or high="
        )
    return INHIBITORY if low < 0 else EXCITATORY


def _sign(network: Network, target) -> float:
    """-1 where negative weights stand for conductances."""
    population = network.populations[network.index(_label(target))]
    if _model(network, population) != "CobaLIF":
        return 1.0
    low, high, _ = _weight_range(target)
    if low < 0 < high:
        raise ValueError(
            f"{_owner(target)}: conductances from {low:g} to {high:g} nS change their sign; bound "
            f"them by low= or high="
        )
    return -1.0 if low < 0 else 1.0


def _label(target) -> str:
    return target.post if hasattr(target, "post") else target.population


def _owner(target) -> str:
    return getattr(target, "owner", f"{type(target).__name__} into {_label(target)!r}")


@dataclass(frozen=True)
class _Input:
    """What may arrive at a neuron in a step: at most ``count`` weights of ``low`` to ``high``."""

    owner: str
    count: float
    low: float
    high: float
    size: float  # typical size of a weight
    smallest: float  # size of the smallest listed weight but 0, infinite where none are listed


def _inputs(network: Network, position: int) -> tuple[list[_Input], list[_Input]]:
    """Inputs of a population by channel."""
    label = network.populations[position].label
    parts: tuple[list[_Input], list[_Input]] = ([], [])
    for projection in network.projections:
        if projection.post == label and network.synapses(projection):
            count = _largest_in_degree(network, projection)
            low, high, size = _weight_range(projection)
            number = channel(network, projection)
            smallest = _smallest(projection.weights)
            parts[number].append(_Input(projection.owner, count, low, high, size, smallest))
    for stimulus in network.stimuli:
        count = _largest_count(network, stimulus) if _label(stimulus) == label else 0
        if count:
            weight = float(stimulus.weight)
            part = _Input(_owner(stimulus), count, weight, weight, abs(weight), math.inf)
            parts[channel(network, stimulus)].append(part)
    return parts


def _largest_count(network: Network, stimulus) -> int:
    """Most weights of a stimulus that a neuron can get in a step."""
    if hasattr(stimulus, "rate"):
        steps = [step for step, _ in rates(network, stimulus)]
        return max(poisson_table(network, stimulus, step).size for step in steps)
    if hasattr(stimulus, "weight"):
        pairs = np.stack([stimulus.steps(network.dt), stimulus.neurons])
        return int(np.unique(pairs, axis=1, return_counts=True)[1].max(initial=0))
    return 0


def _fits(parts: list[_Input], largest: int) -> bool:
    scale = 2.0 ** _exponent(parts, largest)
    return all(
        (part.size == 0 or part.size * scale >= FEWEST_LEVELS) and part.smallest * scale > ROUNDED
        for part in parts
    )


def _smallest(weights) -> float:
    if not isinstance(weights, np.ndarray):
        return math.inf
    return float(np.min(np.abs(weights), where=weights != 0, initial=math.inf))


def _warn_of_lost_weights(network: Network, scales, channels) -> None:
    for projection, number in zip(network.projections, channels, strict=True):
        weights, scale = projection.weights, scales[network.index(projection.post)][number]
        if _smallest(weights) * scale > ROUNDED:
            continue
        lost = np.count_nonzero(weights) - np.count_nonzero(np.abs(weights) * scale > ROUNDED)
        if lost:
            warnings.warn(
                f"{projection.owner}: {lost:,} of its {weights.size:,} weights are not 0 but "
                f"become 0, for sizes up to {ROUNDED / scale:.3g} are rounded to it; the largest "
                f"is {np.abs(weights).max():g}. Make the weights onto {projection.post!r} less "
                f"unequal, or set those to 0",
                RuntimeWarning,
                stacklevel=4,
            )


def _total(parts: list[_Input]) -> float:
    return max(
        sum(part.count * max(0.0, -part.low) for part in parts),
        sum(part.count * max(0.0, part.high) for part in parts),
    )


def _exponent(parts: list[_Input], most: int) -> int:
    """Of the power of two with which no weight exceeds ``most`` and no sum 32 bits."""
    largest = max((max(-part.low, part.high) for part in parts), default=0.0)
    number, total = sum(part.count for part in parts), _total(parts)
    return min(
        _power_below(most / largest) if largest else MOST_EXPONENT,
        _power_below(max(2**31 - 1 - number, 1) / total) if total else MOST_EXPONENT,
    )


def _power_below(ratio: float) -> int:
    """Exponent of the largest power of two up to a ratio, which may be infinite, or 0."""
    ratio = min(max(ratio, 2.0 ** (LEAST_EXPONENT - 1)), 2.0**MOST_EXPONENT)
    return math.floor(math.log2(ratio))


def _scale(label: str, parts: list[_Input], most: int) -> float:
    """Power of two that turns weights onto a population into integers.

    No weight exceeds its bits, and no sum 32, even if every source fires so that all arrives in
    one step together with the largest Poisson counts.
    """
    number = sum(part.count for part in parts)
    if number >= 2**31 - 1:
        raise _too_many(label, number)
    exponent = _exponent(parts, most)
    if exponent < LEAST_EXPONENT:
        part = max(parts, key=lambda part: part.size)
        raise ValueError(f"{part.owner}: weights of {part.size:g} are too large")
    for part in parts:
        levels = part.size * 2.0**exponent
        if 0 < levels < FEWEST_LEVELS and number > MOST_SYNAPSES:
            raise _too_many(label, number)
        if 0 < levels < FEWEST_LEVELS and exponent == MOST_EXPONENT:
            raise ValueError(
                f"{part.owner}: weights of {part.size:g} are too small, they must reach "
                f"{FEWEST_LEVELS / 2.0**MOST_EXPONENT:.2g}; scale them and the neuron's r, or "
                f"leave them out"
            )
        if 0 < levels < FEWEST_LEVELS:
            largest = max(max(-other.low, other.high) for other in parts)
            raise ValueError(
                f"{part.owner}: weights of {part.size:g} get only {levels:.3g} of the integer "
                f"levels onto {label!r}, at least {FEWEST_LEVELS} are needed; the largest weight "
                f"there is {largest:g}, the largest possible sum {_total(parts):g}. Make them "
                f"less unequal"
            )
    return 2.0**exponent


def _too_many(label: str, number: float) -> ValueError:
    return ValueError(
        f"Population {label!r}: too many synapses per neuron: {number:,.0f} inputs may reach one "
        f"in a step, at most about {MOST_SYNAPSES:,} fit the sums of 32 bits"
    )


def _weight_range(target) -> tuple[float, float, float]:
    """Smallest and largest weight that can occur, and the typical size of one."""
    return extent(target.weights if hasattr(target, "weights") else float(target.weight))


def _largest_in_degree(network: Network, projection) -> int:
    """In-degree that no target exceeds; for random targets but once in 10**25 networks."""
    pre = network.populations[network.index(projection.pre)].size
    post = network.populations[network.index(projection.post)].size
    return projection.connector.largest_in_degree(pre, post, projection.same)


# ------------------------------------------------------------------ tables that change with time


def _changes(network: Network) -> tuple[int, ...]:
    """Steps at which rates or currents change."""
    steps = set()
    for stimulus in network.stimuli:
        if hasattr(stimulus, "rate"):
            steps.update(step for step, _ in rates(network, stimulus))
        elif hasattr(stimulus, "amplitudes"):
            steps.update(stimulus.steps(network.dt).tolist())
    return tuple(sorted(step for step in steps if step > 0))


def _current(network: Network, label: str, step: int) -> float:
    """Current that step currents add to a population's own, pA."""
    total = 0.0
    for stimulus in network.stimuli:
        if hasattr(stimulus, "amplitudes") and stimulus.population == label:
            reached = np.searchsorted(stimulus.steps(network.dt), step, side="right")
            total += float(stimulus.amplitudes[reached - 1]) if reached else 0.0
    return total


def _segments(network: Network, step: int) -> dict[str, np.ndarray]:
    segments, coefficients, n_coefficients = [], [], 0
    names = tuple(MODELS)
    for position, population in enumerate(network.populations):
        neuron, extra = population.neuron, _current(network, population.label, step)
        if extra:
            neuron = dataclasses.replace(neuron, i_offset=neuron.i_offset + extra)
        numbers = neuron.coefficients(network.dt)
        segments.append(
            (
                names.index(numbers.model),
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
    return {
        "segments": np.array(segments, np.int64),
        "coefficients": np.concatenate(coefficients),
    }


def _stimuli(network: Network, scales, step: int) -> dict[str, np.ndarray]:
    stimuli, thresholds, events = [], [no_thresholds()], []
    for position, stimulus in enumerate(network.stimuli):
        if not hasattr(stimulus, "weight"):
            continue
        target, number = network.index(stimulus.population), channel(network, stimulus)
        poisson, table = hasattr(stimulus, "rate"), no_thresholds()
        if poisson:
            table = poisson_table(network, stimulus, step)
        # A weight that never arrives bounds no scale, so that its integer might have any size.
        arrives = table.size if poisson else stimulus.neurons.size
        scale = scales[target][number] * _sign(network, stimulus)
        amount = round(stimulus.weight * scale) if arrives else 0
        if not poisson:
            events.append(_events(network, stimulus, target, amount, number))
            continue
        stimuli.append(
            (
                network.starts[target],
                network.populations[target].size,
                POISSON << 24 | position,
                amount,
                sum(map(len, thresholds)),
                table.size,
                number,
            )
        )
        thresholds.append(table)
    steps, neurons, amounts, channels = np.concatenate(
        [np.zeros((4, 0), np.int64), *events], axis=1
    )
    order = np.argsort(steps, kind="stable")
    return {
        "units": np.array(1.0 / np.array(scales), np.float32),
        "stimuli": np.array(stimuli, np.int64).reshape(-1, 7),
        "thresholds": np.concatenate(thresholds),
        "event_steps": steps[order],
        "event_neurons": neurons[order].astype(np.int32),
        "event_amounts": amounts[order].astype(np.int32),
        "event_channels": channels[order].astype(np.int32),
    }


def _events(network: Network, stimulus, target: int, amount: int, number: int) -> np.ndarray:
    """Step, neuron, integer weight and channel of each event, int64 [4, n]."""
    steps = np.asarray(stimulus.steps(network.dt), np.int64)
    neurons = network.starts[target] + np.asarray(stimulus.neurons, np.int64)
    return np.stack([steps, neurons, np.full_like(steps, amount), np.full_like(steps, number)])


__all__ = ["MODELS", "Delays", "Plan", "Sizes", "channel", "plan", "sizes"]
