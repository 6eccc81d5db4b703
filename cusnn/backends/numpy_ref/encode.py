"""Values as spikes: by rate, by latency, by a population of tuning curves."""

import numpy as np

from cusnn.backends.numpy_ref.philox import philox
from cusnn.backends.numpy_ref.surrogates import exp_minus

ONE = 2**31  # what level makes of 1
WORDS = 4  # steps per Philox block


def encode_rate(values, spikes, seed, stream, first_step):
    threshold = level(values).reshape(-1)
    element = np.arange(values.size, dtype=np.uint64)
    for t in range(spikes.shape[0]):
        block, word = divmod(first_step + t, WORDS)
        if t == 0 or word == 0:
            words = philox(seed, stream, element, block)
        spikes[t] = ((words[word] >> np.uint32(1)) < threshold).reshape(values.shape)


def encode_latency(values, spikes):
    steps = spikes.shape[0]
    delay = np.uint64(ONE) - level(values)
    step = (delay * np.uint64(steps - 1)) >> np.uint64(31)
    spikes[:] = np.arange(steps, dtype=np.uint64)[:, None, None] == step


def encode_population(values, centers, responses, width):
    with np.errstate(over="ignore"):
        z = (values[:, :, None] - centers) / width
        responses[:] = exp_minus(np.float32(0.5) * (z * z))


def level(values):
    """A value of 0 to 1 as an integer of 0 to 2^31, rounded down.

    What is below 0 or NaN is 0, what is above 1 is 1: an integer made of a float out of its range
    may be anything.
    """
    positive = np.where(values > 0, values, np.float32(0))
    return (np.minimum(positive, np.float32(1)) * np.float32(ONE)).astype(np.uint32)
