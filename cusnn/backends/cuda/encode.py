"""Values as spikes: by rate, by latency, by a population of tuning curves."""

import numpy as np

from cusnn import driver
from cusnn.backends.cuda.arguments import int32s

INSTANTIATIONS = {
    "encode_rate.cu": ("encode_rate",),
    "encode_latency.cu": ("encode_latency",),
    "encode_population.cu": ("encode_population",),
}
BLOCK = 256
ENOUGH_BLOCKS = 4096
PER_THREAD = 8  # responses, as in encode_population.cu


def encode_rate(values, spikes, seed, stream, first_step):
    rounds = (first_step + spikes.shape[0] + 3) // 4 - first_step // 4
    args = (values, spikes, *int32s(*spikes.shape), np.uint32(seed), np.uint32(stream))
    args += (np.uint64(first_step),)
    driver.launch("encode_rate.cu", "encode_rate", grid(values, rounds), BLOCK, args)


def encode_latency(values, spikes):
    args = (values, spikes, *int32s(*spikes.shape))
    blocks = grid(values, spikes.shape[0])
    driver.launch("encode_latency.cu", "encode_latency", blocks, BLOCK, args)


def encode_population(values, centers, responses, width):
    args = (values, centers, responses, *int32s(*responses.shape), width)
    blocks = -(-responses.size // (BLOCK * PER_THREAD))
    driver.launch("encode_population.cu", "encode_population", blocks, BLOCK, args)


def grid(values, rounds):
    """Blocks over the elements, and as many over the rounds as it takes to fill a GPU."""
    blocks = -(-values.size // BLOCK)
    return blocks, min(rounds, -(-ENOUGH_BLOCKS // max(1, blocks)))
