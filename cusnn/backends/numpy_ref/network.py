"""The network engine: synapse words by tile, and all tiles advanced step by step."""

from types import SimpleNamespace

import numpy as np

from cusnn.backends.numpy_ref.network_synapses import initial_values, synapses
from cusnn.backends.numpy_ref.neuron import COEFFICIENTS, MODELS, STATES, step
from cusnn.backends.numpy_ref.philox import philox


def network_build(
    connections,
    weights,
    counted,
    thresholds,
    listed_sources,
    listed_targets,
    listed_weights,
    listed_delays,
    groups,
    voltages,
    words,
    amounts,
    row_starts,
    offsets,
    initial,
    seed,
    channels,
    threads,
    tell,
):
    """Words sorted by (tile, source, delay, number of the synapse), and where each row starts."""
    n_tiles, n_neurons, n_delays = offsets.shape[0], offsets.shape[1], offsets.shape[2] - 1
    lists = (listed_sources, listed_targets, listed_weights, listed_delays)
    drawn = synapses(connections, weights, counted, thresholds, lists, seed)
    tile, local = drawn.target % n_tiles, drawn.target // n_tiles
    order = np.lexsort((drawn.delay, drawn.source, tile))
    slot = (drawn.channel * -(-n_neurons // n_tiles) + local)[order].astype(np.uint32)
    weight = drawn.weight[order].astype(np.int32)
    if amounts is None:
        words[:] = (weight.astype(np.uint32) << np.uint32(16)) | slot
    else:
        words[:], amounts[:] = slot, weight
    counts = np.zeros((n_tiles, n_neurons, n_delays), np.int64)
    np.add.at(counts, (tile, drawn.source, drawn.delay - 1), 1)
    offsets[:, :, 0] = 0
    offsets[:, :, 1:] = counts.cumsum(axis=2)
    lengths = counts.sum(axis=2).ravel()
    row_starts[:] = (lengths.cumsum() - lengths).reshape(row_starts.shape)
    initial[:] = 0
    for (start, size, stream, kind, state), row in zip(groups, voltages, strict=True):
        initial[state, start : start + size] = initial_values(kind, row, size, seed, stream)
    tell(1.0)


def network_advance(
    words,
    amounts,
    row_starts,
    offsets,
    segments,
    coefficients,
    units,
    stimuli,
    thresholds,
    event_steps,
    event_neurons,
    event_amounts,
    event_channels,
    probes,
    state,
    spikes,
    spike_starts,
    recorded,
    progress,
    seed,
    first_step,
    interval,
    every,
    channels,
    threads,
):
    """Step by step, tile by tile; stops early where ``spikes`` might overflow."""
    n_tiles, n_neurons = row_starts.shape
    n_delays = offsets.shape[2] - 1
    progress[:] = 0
    for t in range(spike_starts.size - 1 - n_delays):
        now, step_number = n_delays + t, first_step + t
        if spikes.size - spike_starts[now] < n_neurons:
            return
        fired = []
        for tile in range(n_tiles):
            arriving = np.zeros((channels, state.shape[2]), np.int32)
            progress[1] += add_due(
                arriving.ravel(),
                words,
                amounts,
                row_starts[tile],
                offsets[tile],
                spikes,
                spike_starts,
                now,
            )
            own = np.arange(tile, n_neurons, n_tiles)
            for stimulus in stimuli:
                add_poisson(arriving, own, stimulus, thresholds, seed, step_number)
            due = (event_steps == step_number) & (event_neurons % n_tiles == tile)
            place = (event_channels[due], event_neurons[due] // n_tiles)
            np.add.at(arriving, place, event_amounts[due])
            for segment, unit in zip(segments, units, strict=True):
                here = slice(*np.searchsorted(own, (segment[3], segment[3] + segment[4])))
                currents = [
                    row[here].astype(np.float32) * u for row, u in zip(arriving, unit, strict=False)
                ]
                spiked = neuron_step(
                    state[tile, :, here], currents, segment, coefficients, own[here]
                )
                fired.append(own[here][spiked])
        fired = np.sort(np.concatenate(fired))
        spikes[spike_starts[now] : spike_starts[now] + fired.size] = fired
        spike_starts[now + 1] = spike_starts[now] + fired.size
        if (step_number + 1) % every == 0:
            sample = (step_number + 1) // every - first_step // every - 1
            neurons, rows = probes.T
            recorded[sample] = state[neurons % n_tiles, rows, neurons // n_tiles]
        progress[0] += 1


def add_due(arriving, words, amounts, starts, offsets, spikes, spike_starts, now):
    """Add a tile's words of earlier spikes whose delay ends in step ``now``; their number."""
    events = 0
    for delay in range(1, offsets.shape[1]):
        sources = spikes[spike_starts[now - delay] : spike_starts[now - delay + 1]]
        for source in sources:
            begin, end = starts[source] + offsets[source, delay - 1 : delay + 1].astype(np.int64)
            row = words[begin:end]
            if amounts is None:
                slot, weight = row & np.uint32(0xFFFF), row.view(np.int32) >> 16
            else:
                slot, weight = row, amounts[begin:end]
            np.add.at(arriving, slot, weight)
            events += row.size
    return events


def add_poisson(arriving, own, stimulus, thresholds, seed, step):
    """Add count times weight to the neurons ``own`` that the stimulus drives."""
    start, size, stream, weight, first, count, channel = (int(field) for field in stimulus)
    here = slice(*np.searchsorted(own, (start, start + size)))
    word = philox(seed, stream, own[here], step >> 2)[step & 3]
    table = thresholds[first : first + count]
    counts = np.searchsorted(table, word, side="right")
    arriving[channel, here] += (counts * weight).astype(np.int32)


def neuron_step(state, currents, segment, coefficients, neurons):
    """One step of a population's neurons in a tile, that of ``neuron_forward``; which fired."""
    model, reset, refractory_steps, start, size, first, per_neuron = (int(x) for x in segment)
    n_coefficients = COEFFICIENTS[model]
    if per_neuron:
        table = coefficients[first : first + n_coefficients * size]
        values = table.reshape(n_coefficients, size)[:, neurons - start]
    else:
        values = coefficients[first : first + n_coefficients]
    numbers = SimpleNamespace(
        model=MODELS[model], reset=reset, refractory_steps=refractory_steps, values=values
    )
    with np.errstate(all="ignore"):
        return step(state[: STATES[model]], currents[0], numbers, *currents[1:]).spiked
