"""Front doors of the network engine: build the synapses by tile, advance all tiles.

``cusnn.simulation`` calls them; users meet ``Simulation``. Neuron g belongs to tile g % X and is
number g // X there, so every population is dealt round-robin.

A synapse is a 32-bit word: target within its tile in the low 16 bits, integer weight in the high
16 (two's complement). Row (x, g) holds the synapses of source g onto tile x from
``row_starts[x, g]`` on, sorted by delay; those of delay d are its entries ``offsets[x, g, d - 1]``
to ``offsets[x, g, d]``.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from cusnn import contract, dispatch

LARGEST_TILE = 2**16


class NetworkTables(NamedTuple):
    """What ``network_build`` returns.

    Attributes:
        words: the synapses, uint32 [K].
        row_starts: first word of each row, int64 [X, N].
        offsets: entries of a row by delay, uint32 [X, N, D + 1].
        initial: voltages at the start, mV, float32 [N].
    """

    words: np.ndarray
    row_starts: np.ndarray
    offsets: np.ndarray
    initial: np.ndarray


def network_build(
    tables: dict[str, np.ndarray],
    *,
    tiles: int,
    longest: int,
    seed: int,
    threads: int = 1,
    backend: str | None = None,
) -> NetworkTables:
    """Draw all synapses and sort them by tile, source and delay.

    Synapse k of a projection takes its four random words from Philox with key (seed, stream) and
    counter (k, 0): source, target, weight, delay. The order of equal (tile, source, delay) is
    that of projections, then k, so the words are the same bits on every backend.

    Args:
        tables: inputs by name.
            connections, int64 [J, 13]: connector (0 fixed total number, 1 fixed in-degree,
            2 all to all, 3 one to one, 4 list), number of synapses, first source, number of
            sources, first target, number of targets, in-degree, stream, first listed synapse,
            kind of weight (0 constant, 1 normal, 2 uniform, 3 listed), first delay threshold,
            number of delay thresholds (-1: delays are listed), shortest delay.
            weights, float64 [J, 7]: a, b, p_low, p_width, low, high, scale. With u the word's
            uniform value, a weight is a, or a + b z(p_low + p_width u) clipped to [low, high]
            with z the normal quantile, or a + b u; times scale, rounded.
            thresholds, uint32 [Q]: a delay is the shortest plus the number of thresholds that
            the word reaches.
            listed_sources, listed_targets, listed_delays, int32 [E]; listed_weights, float64 [E].
            groups, int64 [G, 4]: first neuron, number, stream, kind of voltage.
            voltages, float64 [G, 7]: as weights, mV.
        tiles: number of tiles X, so many that none has more than 65,536 neurons.
        longest: longest delay D, steps.
        seed: 0 to 2**32 - 1.
        threads: threads at most.
        backend: "numpy" or "numba"; None for the default.

    Returns:
        NetworkTables.

    Raises:
        TypeError: tables of another dtype.
        ValueError: tables of another shape, or tiles that are too large.
    """
    op = contract.OPS["network_build"]
    sizes = contract.check(op, **tables)
    n_neurons = int(tables["groups"][:, 1].sum())
    _check_tiles(op.name, tiles, n_neurons)
    sizes.update(X=tiles, N=n_neurons, D=longest, K=int(tables["connections"][:, 1].sum()))
    name, xp = _choose(op.name, tables, backend)
    outputs = contract.allocate(op, xp, sizes)
    dispatch.function(name, op)(**tables, **outputs, seed=seed, threads=threads)
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
    threads: int = 1,
    backend: str | None = None,
) -> tuple[int, int]:
    """Advance a network by up to T - D steps; state and spikes are written in place.

    A step t, for every tile: add the words that are due (of spikes of step t - d with delay d) and
    the Poisson counts times their weights into an integer input; move every neuron with input
    times unit, as its class says (``CubaLIF``, ``LIF``); note who fired.

    Args:
        tables: inputs by name: ``words``, ``row_starts``, ``offsets`` of ``network_build``;
            segments, int64 [G, 7]: model (0 LIF, 1 CubaLIF), reset, refractory steps, first
            neuron, number, first coefficient, 1 if coefficients are per neuron.
            coefficients, float32 [C]: of all populations, as [C, P] of each in turn.
            units, float32 [G]: pA (mV) per integer of input.
            stimuli, int64 [I, 6]: first neuron, number, stream, integer weight, first
            threshold, number of thresholds.
            thresholds, uint32 [Q]: a Poisson count is the number of thresholds that the word
            of (neuron, step) reaches.
        state: v, i, refractory of each tile's neurons, float32 [X, 3, L]; changed.
        spikes: neurons that fired, int32 [R]; the D steps before the first one are filled in.
        spike_starts: spikes of step ``first_step`` - D + j are ``spikes[spike_starts[j] :
            spike_starts[j + 1]]``, int64 [T + 1]; the first D + 1 are filled in.
        seed: as for ``network_build``.
        first_step: number of the first step.
        interval: steps between exchanges of spikes, at most the shortest delay.
        threads, backend: as for ``network_build``.

    Returns:
        Steps done, fewer than T - D where the next might not have found room in ``spikes``; and
        synaptic events, the number of words added.

    Raises:
        TypeError: arrays of another dtype.
        ValueError: shapes that disagree, or an interval out of range.
    """
    op = contract.OPS["network_advance"]
    arrays = {**tables, "state": state, "spikes": spikes, "spike_starts": spike_starts}
    sizes = contract.check(op, {"A": 2, "S": 3}, **arrays)
    if not 1 <= interval <= sizes["D"]:
        raise ValueError(f"{op.name}: interval must be 1 to {sizes['D']}, got {interval}")
    if sizes["T"] < sizes["D"]:
        raise ValueError(
            f"{op.name}: spike_starts must hold the {sizes['D']} steps before the first, "
            f"got room for {sizes['T']}"
        )
    name, xp = _choose(op.name, arrays, backend)
    progress = contract.allocate(op, xp, sizes)["progress"]
    dispatch.function(name, op)(
        **arrays,
        progress=progress,
        seed=seed,
        first_step=first_step,
        interval=interval,
        threads=threads,
    )
    return int(progress[0]), int(progress[1])


def chosen_backend(backend: str | None = None) -> str:
    """Name of the backend that the engine will use.

    Raises:
        ValueError: an unknown backend, or "cuda".
    """
    return _choose("Simulation", {"state": np.zeros(0, np.float32)}, backend)[0]


def _check_tiles(op: str, tiles: int, n_neurons: int) -> None:
    if tiles < 1 or -(-n_neurons // tiles) > LARGEST_TILE:
        raise ValueError(
            f"{op}: tiles must be at least {max(1, -(-n_neurons // LARGEST_TILE))}, so that none "
            f"has more than {LARGEST_TILE} neurons, got {tiles}"
        )


def _choose(op: str, arrays: dict, backend: str | None):
    if backend == "cuda":
        raise ValueError(
            f"{op}: the network engine does not run on CUDA yet; use backend='numba' or 'numpy'"
        )
    return dispatch.choose(op, arrays, backend)
