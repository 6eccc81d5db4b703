"""A tile's steps: what is due arrives, neurons move, who fired is listed.

In networks whose input never moves a voltage in its own step, what arrives in a step waits for the
top of the next one: so spikes may be exchanged once more rarely.

Between exchanges a block of neurons does several steps while it is in cache.
"""

import numpy as np
from numba import njit

from cusnn.backends.numba_cpu.network_deliver import deliver
from cusnn.backends.numba_cpu.network_move import (
    arrive_block,
    is_late,
    move_block,
    own_numbers,
    shared_numbers,
)
from cusnn.backends.numba_cpu.network_poisson import BLOCK as WORDS
from cusnn.backends.numba_cpu.network_poisson import STEPS_PER_DRAW, add_poisson
from cusnn.backends.numba_cpu.network_prefetch import prefetch
from cusnn.backends.numba_cpu.network_tables import INNER
from cusnn.backends.numba_cpu.neuron_steps import COEFFICIENTS, STATES

BLOCK = 1024
IZHIKEVICH = 5


@njit(cache=True, nogil=True)
def gather_coefficients(segments, parts, coefficients, tile, n_tiles, own):
    """Coefficients per neuron in the order of a tile's neurons; other entries stay as they are."""
    for population in range(segments.shape[0]):
        model, _, _, first, size, lowest, per_neuron = segments[population]
        begin, end = parts[population]
        for row in range(COEFFICIENTS[model] if per_neuron else 0):
            base = lowest + row * size - first + tile
            for j in range(begin, end):
                own[row, j] = coefficients[base + j * n_tiles]


@njit(cache=True, nogil=True)
def begin_rests(segments, parts, state, until):
    """Steps left to rest as the step of the call from which a neuron no longer rests."""
    for population in range(segments.shape[0]):
        model = segments[population, 0]
        for j in range(parts[population, 0], parts[population, 1]):
            until[j] = np.int32(state[STATES[model] - 1, j]) if model != IZHIKEVICH else 0


@njit(cache=True, nogil=True)
def end_rests(segments, parts, until, done, state):
    """The way back, when so many steps are done."""
    for population in range(segments.shape[0]):
        model = segments[population, 0]
        for j in range(parts[population, 0], parts[population, 1]):
            state[STATES[model] - 1, j] = np.float32(max(until[j] - done, 0))


@njit(**INNER)
def add_events(steps, neurons, amounts, channels, step, tile, n_tiles, size, arriving):
    """Integers that arrive at the tile's neurons in a step."""
    for k in range(np.searchsorted(steps, step), steps.size):
        if steps[k] != step:
            break
        if neurons[k] % n_tiles == tile:
            arriving[channels[k] * size + neurons[k] // n_tiles] += amounts[k]


@njit(inline="always", **INNER)
def collect(tile, now, tables, flight, work):
    """Sum up what spikes and lists bring in step ``now``."""
    n_tiles, size, n_delays = work.until.shape[0], work.until.shape[1], tables.offsets.shape[2] - 1
    step = tables.first_step + now - n_delays
    arriving = work.arriving[tile, step % STEPS_PER_DRAW]
    if tables.event_steps.size > 0:
        add_events(
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
    work.events[tile, 0] += deliver(
        tables.words,
        tables.amounts,
        tables.offsets[tile],
        work.rows[tile],
        flight.places,
        flight.starts,
        now,
        max(1, tables.interval - 1) if tables.late else tables.interval,
        work.groups[tile],
        arriving,
    )


@njit(**INNER)
def drive(stimuli, shares, levels, seed, step, tile, n_tiles, size, at, to, random, arriving):
    """Add what stimuli bring in ``step``, and in those after it that share its random words."""
    for stimulus in range(stimuli.shape[0]):
        begin, end = max(at, shares[stimulus, 0]), min(to, shares[stimulus, 1])
        first = stimuli[stimulus, 6] * size
        for j in range(begin, end, WORDS):
            n = min(WORDS, end - j)
            add_poisson(
                stimuli[stimulus],
                levels,
                seed,
                step,
                tile,
                n_tiles,
                j,
                n,
                random,
                first + j,
                arriving,
            )


@njit(**INNER)
def any_fired(fired):
    found = np.int32(0)
    for j in range(fired.size):
        found = np.int32(found | fired[j])
    return found


@njit(**INNER)
def list_fired(fired, first, tile, n_tiles, awake, until, listed):
    """Numbers in the network of a block's neurons that fired, and until when they rest.

    Neurons are passed over by 256, then by 32.
    """
    n, count = until.size, 0
    for some in range(0, n, 256):
        many = min(some + 256, n)
        if any_fired(fired[some:many]) == 0:
            continue
        for few in range(some, many, 32):
            end = min(few + 32, many)
            if any_fired(fired[few:end]) == 0:
                continue
            for j in range(few, end):
                if fired[j]:
                    until[j] = awake
                    listed[count] = (first + j) * n_tiles + tile
                    count += 1
    return count


@njit(inline="always", **INNER)
def is_drawn(step, tables):
    """Whether the random words of a step, and of those after it, are drawn with it."""
    return tables.stimuli.shape[0] > 0 and (step % STEPS_PER_DRAW == 0 or step == tables.first_step)


@njit(**INNER)
def arrive_all(tile, step, tables, state, work):
    """Input of ``step`` to all populations whose voltages wait with it."""
    n_tiles, size = work.until.shape
    drawn = is_drawn(step, tables)
    for population in range(tables.segments.shape[0]):
        begin, end = tables.parts[tile, population]
        few, many = tables.drivers[population]
        if drawn:
            drive(
                tables.stimuli[few:many],
                tables.shares[tile, few:many],
                tables.levels,
                tables.seed,
                step,
                tile,
                n_tiles,
                size,
                begin,
                end,
                work.random[tile],
                work.arriving[tile],
            )
        arrive_block(
            tables.segments[population, 0],
            tables.units[population],
            begin,
            end,
            work.arriving[tile, step % STEPS_PER_DRAW],
            state,
        )


@njit(inline="always", **INNER)
def move(tile, elapsed, first, steps, arrived, tables, state, work, listed, counts):
    """So many steps of all neurons of a tile, block by block.

    Args:
        elapsed: steps of the call before these.
        first: steps since the last exchange before these.
        arrived: whether no input of the step before waits.
    """
    n_tiles, size = work.until.shape
    segments, late = tables.segments, tables.late
    fired, own = work.fired[tile], work.own[tile]
    before = tables.first_step + elapsed
    for population in range(segments.shape[0]):
        model, reset, rest, _, _, lowest, per_neuron = segments[population]
        begin, end = tables.parts[tile, population]
        units = tables.units[population]
        shared = shared_numbers(tables.coefficients, lowest)
        few, many = tables.drivers[population]
        waits = is_late(model) and not late
        for at in range(begin, end, BLOCK):
            to = min(at + BLOCK, end)
            until = work.until[tile, at:to]
            for k in range(steps):
                now, step = np.int32(elapsed + k), before + k - late
                if is_drawn(step, tables) and not (arrived and k == 0):
                    drive(
                        tables.stimuli[few:many],
                        tables.shares[tile, few:many],
                        tables.levels,
                        tables.seed,
                        step,
                        tile,
                        n_tiles,
                        size,
                        at,
                        to,
                        work.random[tile],
                        work.arriving[tile],
                    )
                row = work.arriving[tile, step % STEPS_PER_DRAW]
                slots = work.arriving[tile, STEPS_PER_DRAW] if waits else row
                if per_neuron:
                    numbers = own_numbers(own, at, to)
                    move_block(
                        model, reset, now, numbers, units, at, to, state, until, slots, fired
                    )
                else:
                    move_block(model, reset, now, shared, units, at, to, state, until, slots, fired)
                if waits:
                    arrive_block(model, units, at, to, row, state)
                awake, room = np.int32(now + rest + 1), listed[first + k, counts[first + k] :]
                counts[first + k] += list_fired(fired, at, tile, n_tiles, awake, until, room)


@njit(inline="always", **INNER)
def sampled(tables, now):
    """Row of ``recorded`` for the state after step ``now``; -1 where it is not recorded."""
    after = tables.first_step + now - (tables.offsets.shape[2] - 1) + 1
    if tables.probes.shape[0] == 0 or after % tables.every != 0:
        return -1
    return after // tables.every - tables.first_step // tables.every - 1


@njit(**INNER)
def record(tile, done, tables, state, work, recorded):
    """State of the probed neurons of a tile when so many steps of the call are done."""
    probes, segments, until = tables.probes, tables.segments, work.until[tile]
    n_tiles = work.until.shape[0]
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


@njit(inline="always", **INNER)
def joint_steps(now, most, tables):
    """Steps from ``now`` on that blocks may do one after another: the last one may be recorded."""
    for k in range(1, min(most, STEPS_PER_DRAW)):
        if sampled(tables, now + k - 1) >= 0:
            return k
    return min(most, STEPS_PER_DRAW)


@njit(**INNER)
def advance_tile(tile, now, steps, tables, flight, state, recorded, work, listed, counts):
    """Steps ``now``, ``now`` + 1, ... of one tile, up to the next exchange of spikes.

    Who fires in each is listed and counted.

    ``now`` counts as ``flight.starts`` does. After the last call for steps, a late network is
    called for 0 of them, so that the input of the last step arrives.
    """
    begin, late = tables.offsets.shape[2] - 1, tables.late
    own_state = state[tile]
    counts[:] = 0
    first, last = np.int64(0), late and steps == 0
    while first < steps or last:
        t = now + first
        n = 1 if last else joint_steps(t, steps - first, tables)
        arrived = late and t == begin
        for k in range(1 if arrived else 0, n):
            collect(tile, t + k - late, tables, flight, work)
        if late and not arrived:
            sample = sampled(tables, t - 1)
            if last or sample >= 0:
                arrive_all(tile, tables.first_step + t - 1 - begin, tables, own_state, work)
                arrived = True
            if sample >= 0:
                record(tile, t - begin, tables, own_state, work, recorded[sample])
        if last:
            break
        move(tile, t - begin, first, n, arrived, tables, own_state, work, listed, counts)
        first += n
        if not late:
            sample = sampled(tables, t + n - 1)
            if sample >= 0:
                record(tile, t + n - begin, tables, own_state, work, recorded[sample])


@njit(**INNER)
def exchange(listed, counts, steps, now, flight):
    """Join what the tiles listed, step by step."""
    spikes, starts = flight.spikes, flight.starts
    for k in range(steps):
        end = starts[now + k]
        for tile in range(listed.shape[0]):
            count = counts[tile, 1 + k]
            for j in range(count):
                spikes[end + j] = listed[tile, k, j]
            end += count
        starts[now + k + 1] = end


@njit(**INNER)
def locate(now, steps, worker, workers, tables, flight, rows):
    """Where the rows of the spikes of some steps lie in the tiles of a worker."""
    spikes, starts, width = flight.spikes, flight.starts, tables.offsets.shape[2]
    for step in range(now, now + steps):
        for k in range(starts[step], starts[step + 1]):
            flight.places[k] = np.int64(spikes[k]) * width - step
    for tile in range(worker, rows.shape[0], workers):
        row_starts, offsets = tables.row_starts[tile], tables.offsets[tile].reshape(-1)
        for k in range(starts[now], starts[now + steps]):
            rows[tile, k] = row_starts[spikes[k]]
            prefetch(offsets, np.int64(spikes[k]) * width)
