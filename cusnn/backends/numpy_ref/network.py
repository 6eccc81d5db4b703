"""The network engine: synapse words by tile, and all tiles advanced step by step."""

from types import SimpleNamespace

import numpy as np

from cusnn.backends.numpy_ref.network_synapses import initial_values, synapses
from cusnn.backends.numpy_ref.neuron import step
from cusnn.backends.numpy_ref.philox import philox

MODELS = ("LIF", "CubaLIF")


def network_build(
    connections,
    weights,
    thresholds,
    listed_sources,
    listed_targets,
    listed_weights,
    listed_delays,
    groups,
    voltages,
    words,
    row_starts,
    offsets,
    initial,
    seed,
    threads,
):
    """Words sorted by (tile, source, delay, number of the synapse), and where each row starts."""
    n_tiles, n_delays = offsets.shape[0], offsets.shape[2] - 1
    lists = (listed_sources, listed_targets, listed_weights, listed_delays)
    source, target, weight, delay = synapses(connections, weights, thresholds, lists, seed)
    tile, local = target % n_tiles, target // n_tiles
    order = np.lexsort((delay, source, tile))
    bits = (weight.astype(np.int32).astype(np.uint32) << np.uint32(16)) | local.astype(np.uint32)
    words[:] = bits[order]
    counts = np.zeros((*offsets.shape[:2], n_delays), np.int64)
    np.add.at(counts, (tile, source, delay - 1), 1)
    offsets[:, :, 0] = 0
    offsets[:, :, 1:] = counts.cumsum(axis=2)
    lengths = counts.sum(axis=2).ravel()
    row_starts[:] = (lengths.cumsum() - lengths).reshape(row_starts.shape)
    for (start, size, stream, kind), row in zip(groups, voltages, strict=True):
        initial[start : start + size] = initial_values(kind, row, size, seed, stream)


def network_advance(
    words,
    row_starts,
    offsets,
    segments,
    coefficients,
    units,
    stimuli,
    thresholds,
    state,
    spikes,
    spike_starts,
    progress,
    seed,
    first_step,
    interval,
    threads,
):
    """Step by step, tile by tile; stops early where ``spikes`` might overflow."""
    n_tiles, n_neurons = row_starts.shape
    n_delays = offsets.shape[2] - 1
    progress[:] = 0
    for t in range(spike_starts.size - 1 - n_delays):
        now = n_delays + t
        if spikes.size - spike_starts[now] < n_neurons:
            return
        fired = []
        for tile in range(n_tiles):
            arriving = np.zeros(state.shape[2], np.int32)
            for delay in range(1, n_delays + 1):
                sources = spikes[spike_starts[now - delay] : spike_starts[now - delay + 1]]
                for source in sources:
                    begin, end = offsets[tile, source, delay - 1 : delay + 1].astype(np.int64)
                    row = words[row_starts[tile, source] :][begin:end]
                    weight = row.view(np.int32) >> 16
                    np.add.at(arriving, row & np.uint32(0xFFFF), weight)
                    progress[1] += row.size
            own = np.arange(tile, n_neurons, n_tiles)
            for stimulus in stimuli:
                add_poisson(arriving, own, stimulus, thresholds, seed, first_step + t)
            for segment, unit in zip(segments, units, strict=True):
                here = slice(*np.searchsorted(own, (segment[3], segment[3] + segment[4])))
                current = arriving[here].astype(np.float32) * unit
                spiked = neuron_step(
                    state[tile, :, here], current, segment, coefficients, own[here]
                )
                fired.append(own[here][spiked])
        fired = np.sort(np.concatenate(fired))
        spikes[spike_starts[now] : spike_starts[now] + fired.size] = fired
        spike_starts[now + 1] = spike_starts[now] + fired.size
        progress[0] += 1


def add_poisson(arriving, own, stimulus, thresholds, seed, step):
    """Add count times weight to the neurons ``own`` that the stimulus drives."""
    start, size, stream, weight, first, count = (int(field) for field in stimulus)
    here = slice(*np.searchsorted(own, (start, start + size)))
    word = philox(seed, stream, own[here], step >> 2)[step & 3]
    table = thresholds[first : first + count]
    arriving[here] += (np.searchsorted(table, word, side="right") * weight).astype(np.int32)


def neuron_step(state, current, segment, coefficients, neurons):
    """One step of a population's neurons in a tile, that of ``neuron_forward``; which fired."""
    model, reset, refractory_steps, start, size, first, per_neuron = (int(x) for x in segment)
    n_coefficients = 6 if model else 5
    if per_neuron:
        table = coefficients[first : first + n_coefficients * size]
        values = table.reshape(n_coefficients, size)[:, neurons - start]
    else:
        values = coefficients[first : first + n_coefficients]
    numbers = SimpleNamespace(
        model=MODELS[model], reset=reset, refractory_steps=refractory_steps, values=values
    )
    with np.errstate(all="ignore"):
        return step(state, current, numbers).spiked
