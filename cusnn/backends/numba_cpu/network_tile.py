"""A tile's steps: what is due arrives, neurons move, who fired is listed.

In networks whose input never moves a voltage in its own step, what arrives in a step waits for the
top of the next one: so spikes may be exchanged once more rarely.
"""

import numpy as np
from numba import njit

from cusnn.backends.numba_cpu.network_deliver import deliver
from cusnn.backends.numba_cpu.network_move import (
    arrive,
    arrive_listed,
    move_block,
    own_numbers,
    shared_numbers,
)
from cusnn.backends.numba_cpu.network_poisson import add_poisson
from cusnn.backends.numba_cpu.network_tables import INNER, own_range
from cusnn.backends.numba_cpu.neuron_steps import CHANNELS, COEFFICIENTS, STATES

BLOCK = 1024
IZHIKEVICH = 5


@njit(**INNER)
def is_late(model):
    """Whether what arrives in a step leaves v alone until the next step."""
    return 1 <= model <= 3


@njit(cache=True, nogil=True)
def gather_coefficients(segments, coefficients, tile, n_tiles, own):
    """Coefficients per neuron in the order of a tile's neurons; other entries stay as they are."""
    for population in range(segments.shape[0]):
        model, _, _, first, size, lowest, per_neuron = segments[population]
        begin, end = own_range(first, size, tile, n_tiles)
        for row in range(COEFFICIENTS[model] if per_neuron else 0):
            base = lowest + row * size - first + tile
            for j in range(begin, end):
                own[row, j] = coefficients[base + j * n_tiles]


@njit(cache=True, nogil=True)
def begin_rests(segments, tile, n_tiles, state, until):
    """Steps left to rest as the step of the call from which a neuron no longer rests."""
    for population in range(segments.shape[0]):
        model, first, size = (
            segments[population, 0],
            segments[population, 3],
            segments[population, 4],
        )
        begin, end = own_range(first, size, tile, n_tiles)
        for j in range(begin, end):
            until[j] = np.int32(state[STATES[model] - 1, j]) if model != IZHIKEVICH else 0


@njit(cache=True, nogil=True)
def end_rests(segments, tile, n_tiles, until, done, state):
    """The way back, when so many steps are done."""
    for population in range(segments.shape[0]):
        model, first, size = (
            segments[population, 0],
            segments[population, 3],
            segments[population, 4],
        )
        begin, end = own_range(first, size, tile, n_tiles)
        for j in range(begin, end):
            state[STATES[model] - 1, j] = np.float32(max(until[j] - done, 0))


@njit(**INNER)
def add_events(steps, neurons, amounts, channels, step, tile, n_tiles, size, arriving):
    """Integers that arrive at the tile's neurons in a step; whether there were any."""
    found = False
    for k in range(np.searchsorted(steps, step), steps.size):
        if steps[k] != step:
            break
        if neurons[k] % n_tiles == tile:
            arriving[channels[k] * size + neurons[k] // n_tiles] += amounts[k]
            found = True
    return found


@njit(inline="always", **INNER)
def collect(tile, now, tables, spikes, spike_starts, work):
    """Sum up all input of step ``now``.

    Returns:
        Row of ``work.arriving`` with the sums, and how many slots are listed; -1 where the input
        is everywhere.
    """
    n_tiles, rows = work.arriving.shape[0], work.arriving.shape[1]
    size, n_delays = work.until.shape[1], tables.offsets.shape[2] - 1
    step = tables.first_step + now - n_delays
    row = step % rows
    if rows > 1 and (row == 0 or now == n_delays):
        arriving = work.arriving[tile]
        add_poisson(
            tables.stimuli,
            tables.levels,
            tables.seed,
            step,
            tile,
            n_tiles,
            size,
            work.random[tile],
            arriving,
        )
        arriving[:row] = 0  # of steps before the call
    arriving = work.arriving[tile, row]
    dense = rows > 1 or not tables.late
    if tables.event_steps.size > 0:
        dense |= add_events(
            tables.event_steps,
            tables.event_neurons,
            tables.event_amounts,
            tables.event_channels,
            step,
            tile,
            n_tiles,
            size,
            arriving,
        )
    events, listed = deliver(
        tables.words,
        tables.amounts,
        tables.row_starts[tile],
        tables.offsets[tile],
        spikes,
        spike_starts,
        now,
        max(1, tables.interval - 1) if tables.late else tables.interval,
        work.groups[tile],
        arriving,
        work.touched[tile],
        -1 if dense else 0,
    )
    work.events[tile, 0] += events
    return row, listed


@njit(**INNER)
def list_fired(fired, eights, first, tile, n_tiles, awake, until, listed):
    """Numbers in the network of a block's neurons that fired, and until when they rest.

    Neurons are passed over by 32; ``fired`` is that much longer than ``until``.
    """
    n = until.size
    looks = -(-n // 32)
    for j in range(n, 32 * looks):
        fired[j] = 0
    count = 0
    for k in range(looks):
        if eights[k, 0] | eights[k, 1] | eights[k, 2] | eights[k, 3] == 0:
            continue
        for j in range(32 * k, 32 * k + 32):
            if fired[j]:
                until[j] = awake
                listed[count] = (first + j) * n_tiles + tile
                count += 1
    return count


@njit(**INNER)
def arrive_all(segments, units, tile, n_tiles, arriving, state):
    """Input of all channels to all populations whose voltages it does not touch at once."""
    size = state.shape[1]
    for population in range(segments.shape[0]):
        model, first, number = (
            segments[population, 0],
            segments[population, 3],
            segments[population, 4],
        )
        begin, end = own_range(first, number, tile, n_tiles)
        arrive_block(model, units[population], size, begin, end, arriving, state)


@njit(**INNER)
def arrive_block(model, unit, size, begin, end, arriving, state):
    if is_late(model):
        for channel in range(CHANNELS[model]):
            slots = arriving[channel * size + begin : channel * size + end]
            arrive(slots, unit[channel], state[1 + channel, begin:end])


@njit(inline="always", **INNER)
def move(tile, elapsed, dense, tables, arriving, state, work, reached):
    """One step of all neurons of a tile; returns how many are listed now.

    Args:
        dense: whether input that does not touch voltages at once lies in ``arriving``: of the step
            before in late networks, or else of this one.
        elapsed: steps of the call before this one.
        reached: how many were listed before.
    """
    n_tiles, size = work.until.shape
    segments, now = tables.segments, np.int32(elapsed)
    until, fired, eights = work.until[tile], work.fired[tile], work.eights[tile]
    listed, own = work.listed[tile], work.own[tile]
    for population in range(segments.shape[0]):
        model, reset, rest, first, number, lowest, per_neuron = segments[population]
        begin, end = own_range(first, number, tile, n_tiles)
        unit = tables.units[population]
        shared = shared_numbers(tables.coefficients, lowest)
        for at in range(begin, end, BLOCK):
            to = min(at + BLOCK, end)
            if dense and tables.late:
                arrive_block(model, unit, size, at, to, arriving, state)
            rest_until, slots, c = until[at:to], arriving[at:to], unit[0]
            if per_neuron:
                numbers = own_numbers(own, at, to)
                move_block(model, reset, now, numbers, at, to, state, rest_until, slots, c, fired)
            else:
                move_block(model, reset, now, shared, at, to, state, rest_until, slots, c, fired)
            if dense and not tables.late:
                arrive_block(model, unit, size, at, to, arriving, state)
            awake = np.int32(now + rest + 1)
            reached += list_fired(
                fired, eights, at, tile, n_tiles, awake, rest_until, listed[reached:]
            )
    return reached


@njit(inline="always", **INNER)
def sampled(tables, now):
    """Row of ``recorded`` for the state after step ``now``; -1 where it is not recorded."""
    after = tables.first_step + now - (tables.offsets.shape[2] - 1) + 1
    if tables.probes.shape[0] == 0 or after % tables.every != 0:
        return -1
    return after // tables.every - tables.first_step // tables.every - 1


@njit(**INNER)
def record(tile, n_tiles, done, probes, segments, state, until, recorded):
    """State of the probed neurons of a tile when so many steps of the call are done."""
    for m in range(probes.shape[0]):
        neuron, row = probes[m, 0], probes[m, 1]
        if neuron % n_tiles != tile:
            continue
        j = neuron // n_tiles
        recorded[m] = state[row, j]
        for population in range(segments.shape[0]):
            first, size = segments[population, 3], segments[population, 4]
            last_row = STATES[segments[population, 0]] - 1
            if row == last_row and first <= neuron < first + size:
                recorded[m] = np.float32(max(until[j] - np.int32(done), 0))


@njit(**INNER)
def advance_tile(tile, now, steps, tables, state, spikes, spike_starts, recorded, work):
    """Steps ``now``, ``now`` + 1, ... of one tile, up to the next exchange of spikes.

    ``now`` counts as ``spike_starts`` does. After the last call for steps, a late network is
    called for 0 of them, so that the input of the last step arrives.
    """
    n_tiles = work.until.shape[0]
    begin = tables.offsets.shape[2] - 1
    own_state, until = state[tile], work.until[tile]
    reached = np.int64(0)
    for k in range(steps + 1 if tables.late else steps):
        t = now + k
        row, listed = 0, 0
        if not tables.late:
            row, listed = collect(tile, t, tables, spikes, spike_starts, work)
        elif t > begin and (k < steps or steps == 0):
            row, listed = collect(tile, t - 1, tables, spikes, spike_starts, work)
            sample = sampled(tables, t - 1)
            arriving = work.arriving[tile, row]
            if listed >= 0:
                touched = work.touched[tile, :listed]
                units = tables.slot_units[tile]
                arrive_listed(touched, arriving, units, until.size, own_state)
            elif sample >= 0 or steps == 0:
                arrive_all(tables.segments, tables.units, tile, n_tiles, arriving, own_state)
                listed = 0
            if sample >= 0:
                record(
                    tile,
                    n_tiles,
                    t - begin,
                    tables.probes,
                    tables.segments,
                    own_state,
                    until,
                    recorded[sample],
                )
        if k == steps:
            break
        arriving = work.arriving[tile, row]
        before = reached
        reached = move(tile, t - begin, listed < 0, tables, arriving, own_state, work, before)
        work.counts[tile, k] = reached - before
        if not tables.late:
            sample = sampled(tables, t)
            if sample >= 0:
                record(
                    tile,
                    n_tiles,
                    t + 1 - begin,
                    tables.probes,
                    tables.segments,
                    own_state,
                    until,
                    recorded[sample],
                )


@njit(**INNER)
def exchange(listed, counts, taken, steps, now, spikes, spike_starts):
    """Join what the tiles listed, step by step."""
    taken[:] = 0
    for k in range(steps):
        end = spike_starts[now + k]
        for tile in range(listed.shape[0]):
            for j in range(counts[tile, k]):
                spikes[end + j] = listed[tile, taken[tile] + j]
            taken[tile] += counts[tile, k]
            end += counts[tile, k]
        spike_starts[now + k + 1] = end
