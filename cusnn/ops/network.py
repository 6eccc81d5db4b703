"""Front doors of the network engine: build the synapses by tile, advance all tiles.

``cusnn.simulation`` calls them; users meet ``Simulation``. Neuron g belongs to tile g % X and is
number g // X there, so every population is dealt round-robin. With L neurons per tile, input
channel c (0 excitatory, or the only one; 1 inhibitory) of the tile's neuron l is slot c L + l.

Synapses of CPUs are sorted: row (x, g) holds the synapses of source g onto tile x from
``row_starts[x, g]`` on, by delay; those of delay d are its entries ``offsets[x, g, d - 1]`` to
``offsets[x, g, d]``. A synapse is a 32-bit word, the slot in its low 16 bits and an integer weight
in its high 16 (two's complement); or, where weights need more, a word that is the slot, and a
32-bit weight beside it in ``amounts``.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from cusnn import contract, dispatch
from cusnn.ops.network_rings import (
    EXCHANGES,
    RingProgress,
    RingShape,
    RingTables,
    network_advance_rings,
    network_build_rings,
    ring_shape,
)

__all__ = [
    "NetworkTables",
    "Progress",
    "RingProgress",
    "RingShape",
    "RingTables",
    "array_library",
    "checked_exchange",
    "chosen_backend",
    "fewest_tiles",
    "free_bytes",
    "network_advance",
    "network_advance_rings",
    "network_build",
    "network_build_rings",
    "ring_shape",
    "samples",
]

MOST_SLOTS = 2**16


class NetworkTables(NamedTuple):
    """What ``network_build`` returns.

    Attributes:
        words: the synapses, uint32 [K].
        amounts: their weights where words do not hold them, int32 [K], or None.
        row_starts: first word of each row, int64 [X, N].
        offsets: entries of a row by delay, uint32 [X, N, D + 1].
        initial: state at the start, float32 [S, N]; 0 where ``groups`` names nothing.
    """

    words: np.ndarray
    amounts: np.ndarray | None
    row_starts: np.ndarray
    offsets: np.ndarray
    initial: np.ndarray


class Progress(NamedTuple):
    """What ``network_advance`` returns.

    Attributes:
        steps: steps done, fewer than asked for where the next might not have found room for spikes.
        events: synaptic events, the number of words added.
        recorded: state of the probes after every ``every``-th step, float32 [U, M].
    """

    steps: int
    events: int
    recorded: np.ndarray


def network_build(
    tables: dict[str, np.ndarray],
    *,
    n_neurons: int,
    tiles: int,
    longest: int,
    states: int,
    channels: int = 1,
    wide: bool = False,
    seed: int,
    threads: int = 1,
    backend: str | None = None,
    tell: Callable[[float], None] | None = None,
) -> NetworkTables:
    """Draw all synapses and sort them by tile, source and delay.

    Synapse k of a projection takes its four random words from Philox with key (seed, stream) and
    counter (k, 0): source, target, weight, delay. The order of equal (tile, source, delay) is
    that of projections, then k, so the words are the same bits on every backend.

    Args:
        tables: inputs by name.
            connections, int64 [J, 19]: connector (0 fixed total number, 1 fixed in-degree,
            2 all to all, 3 one to one, 4 list, 5 fixed out-degree, 6 fixed probability), number
            of synapses, first source, number of sources, first target, number of targets, degree,
            stream, first listed end, kind of weight (0 constant, 1 normal, 2 uniform, 3 listed,
            4 log-normal), first delay threshold, number of delay thresholds (-1: delays are
            listed), shortest delay, channel, 1 without autapses, 1 without multapses, first entry
            of ``counted``, first listed weight, first listed delay.
            weights, float64 [J, 7]: a, b, p_low, p_width, low, high, scale. With u the word's
            uniform value, a weight is a, or a + b z(p_low + p_width u) clipped to [low, high]
            with z the normal quantile, or a + b u, or exp(a + b z(p_low + p_width u)) clipped;
            times scale, rounded.
            counted, int64 [Y]: of a fixed probability, synapses before each source.
            thresholds, uint32 [Q]: a delay is the shortest plus the number of thresholds that
            the word reaches.
            listed_sources, listed_targets, int32 [E]; listed_weights, float64 [U];
            listed_delays, int32 [V].
            groups, int64 [H, 5]: first neuron, number, stream, kind of value, row of the state.
            voltages, float64 [H, 7]: as weights, in the unit of the state.
        n_neurons: number of neurons N.
        tiles: number of tiles X, so many that none has more than 65,536 slots.
        longest: longest delay D, steps.
        states: rows of state S.
        channels: input channels of a neuron, 1 or 2.
        wide: whether weights get 32 bits.
        seed: 0 to 2**32 - 1.
        threads: threads at most.
        backend: "numpy" or "numba"; None for the default.
        tell: called as ``tell(share)`` with the share of the work that is done, 0 to 1, where it
            takes long many times, and from another thread; None for nobody.

    Returns:
        NetworkTables.

    Raises:
        TypeError: tables of another dtype.
        ValueError: tables of another shape, or tiles that are too large.
    """
    op = contract.OPS["network_build"]
    sizes = contract.check(op, **tables)
    _check_tiles(op.name, tiles, n_neurons, channels)
    sizes.update(X=tiles, N=n_neurons, D=longest, S=states)
    sizes["K"] = int(tables["connections"][:, 1].sum())
    name, xp = _choose(op.name, tables, backend)
    outputs = contract.allocate(op, xp, sizes, () if wide else ("amounts",))
    function = dispatch.function(name, op)
    tell = tell or (lambda share: None)
    function(**tables, **outputs, seed=seed, channels=channels, threads=threads, tell=tell)
    return NetworkTables(**outputs)


def network_advance(
    tables: dict[str, np.ndarray],
    state,
    spikes,
    spike_starts,
    *,
    seed: int,
    first_step: int,
    interval: int,
    channels: int = 1,
    every: int = 1,
    threads: int = 1,
    backend: str | None = None,
) -> Progress:
    """Advance a network by up to T - D steps; state and spikes are written in place.

    A step t, for every tile: add the words that are due (of spikes of step t - d with delay d),
    the Poisson counts times their weights and the events into integers by slot; move every neuron
    with its inputs times their units, as its class says; note who fired.

    Args:
        tables: inputs by name: ``words``, ``amounts``, ``row_starts``, ``offsets`` of
            ``network_build``;
            segments, int64 [G, 7]: model (0 LIF, 1 CubaLIF, 2 CubaDualLIF, 3 CobaLIF, 4 ALIF,
            5 Izhikevich), reset, refractory steps, first neuron, number, first coefficient, 1 if
            coefficients are per neuron.
            coefficients, float32 [C]: of all populations, as [C, P] of each in turn.
            units, float32 [G, 2]: pA (mV, nS) per integer of input, by channel.
            stimuli, int64 [I, 7]: first neuron, number, stream, integer weight, first
            threshold, number of thresholds, channel.
            thresholds, uint32 [Q]: a Poisson count is the number of thresholds that the word
            of (neuron, step) reaches.
            event_steps, int64 [V], ascending; event_neurons, event_amounts, event_channels,
            int32 [V]: integers that arrive at a neuron in a step.
            probes, int64 [M, 2]: neuron and row of the state to record.
        state: rows of each model for each tile's neurons, float32 [X, S, L]; changed.
        spikes: neurons that fired, int32 [R]; the D steps before the first one are filled in.
        spike_starts: spikes of step ``first_step`` - D + j are ``spikes[spike_starts[j] :
            spike_starts[j + 1]]``, int64 [T + 1]; the first D + 1 are filled in.
        seed: as for ``network_build``.
        first_step: number of the first step.
        interval: steps between exchanges of spikes, at most the shortest delay, or one more where
            all models are CubaLIF, CubaDualLIF or CobaLIF, in which what arrives moves the
            voltage one step later.
        channels: as for ``network_build``.
        every: steps between records of the probes, after each step t with (t + 1) % every = 0.
        threads, backend: as for ``network_build``.

    Returns:
        Progress.

    Raises:
        TypeError: arrays of another dtype.
        ValueError: shapes that disagree, or an interval out of range.
    """
    op = contract.OPS["network_advance"]
    arrays = {**tables, "state": state, "spikes": spikes, "spike_starts": spike_starts}
    sizes = contract.check(op, {"A": 2}, **arrays)
    if not 1 <= interval <= sizes["D"] + 1:
        raise ValueError(f"{op.name}: interval must be 1 to {sizes['D'] + 1}, got {interval}")
    if sizes["T"] < sizes["D"]:
        raise ValueError(
            f"{op.name}: spike_starts must hold the {sizes['D']} steps before the first, "
            f"got room for {sizes['T']}"
        )
    last = first_step + sizes["T"] - sizes["D"]
    sizes["U"] = samples(first_step, last, every)
    name, xp = _choose(op.name, arrays, backend)
    outputs = contract.allocate(op, xp, sizes)
    dispatch.function(name, op)(
        **arrays,
        **outputs,
        seed=seed,
        first_step=first_step,
        interval=interval,
        every=every,
        channels=channels,
        threads=threads,
    )
    done, events = (int(number) for number in outputs["progress"])
    kept = samples(first_step, first_step + done, every)
    return Progress(done, events, outputs["recorded"][:kept])


def samples(first_step: int, last_step: int, every: int) -> int:
    """Number of steps t from ``first_step`` to ``last_step`` - 1 with (t + 1) % every = 0."""
    return last_step // every - first_step // every


def chosen_backend(backend: str | None = None) -> str:
    """Name of the backend that the engine will use.

    Raises:
        ValueError: an unknown backend.
        RuntimeError: "cuda", where CuPy or a GPU is missing.
    """
    if backend == "cuda":
        dispatch.room(backend, "network").limits()
        return backend
    return dispatch.choose("Simulation", {"state": np.zeros(0, np.float32)}, backend)[0]


def checked_exchange(owner: str, exchange: str | None, backend: str) -> str | None:
    """How blocks of a GPU hear of spikes, or the default; None where a backend has no blocks.

    Raises:
        ValueError: an unknown one, or any where a backend has no blocks.
    """
    has_blocks = backend in contract.OPS["network_advance_rings"].backends
    if exchange is None:
        return EXCHANGES[0] if has_blocks else None
    if exchange not in EXCHANGES:
        raise ValueError(
            f"{owner}: exchange must be one of {', '.join(EXCHANGES)} or None, got {exchange!r}"
        )
    if not has_blocks:
        raise ValueError(
            f"{owner}: exchange={exchange!r} is between blocks of a GPU; leave it out, or take "
            f"backend 'cuda' in place of {backend!r}"
        )
    return exchange


def array_library(backend: str):
    """The array library, NumPy or CuPy, whose arrays a backend takes."""
    return importlib.import_module(dispatch.BACKENDS[backend].arrays)


def free_bytes(backend: str) -> int:
    """Bytes that a backend's device has left."""
    return dispatch.room(backend, "network").free_bytes()


def fewest_tiles(n_neurons: int, channels: int) -> int:
    """Least number of tiles with which none has more than 65,536 slots."""
    return max(1, -(-n_neurons // (MOST_SLOTS // channels)))


def _check_tiles(op: str, tiles: int, n_neurons: int, channels: int) -> None:
    fewest = fewest_tiles(n_neurons, channels)
    if tiles < fewest:
        raise ValueError(
            f"{op}: tiles must be at least {fewest}, so that none has more than {MOST_SLOTS} "
            f"slots, got {tiles}"
        )


def _choose(op: str, arrays: dict, backend: str | None):
    if backend == "cuda":
        raise ValueError(
            f"{op}: the network engine does not run on CUDA yet; use backend='numba' or 'numpy'"
        )
    return dispatch.choose(op, arrays, backend)
