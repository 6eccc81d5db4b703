"""Source, target, weight and delay of every synapse, from its number alone."""

import numpy as np

from cusnn.backends.numpy_ref.normal import normal_quantile
from cusnn.backends.numpy_ref.philox import philox

FIXED_TOTAL_NUMBER, FIXED_IN_DEGREE, ALL_TO_ALL, ONE_TO_ONE, FROM_LIST = range(5)
CONSTANT, NORMAL, UNIFORM, LISTED = range(4)


def synapses(connections, weights, thresholds, lists, seed):
    """All synapses in the order of projections: source, target, integer weight, delay in steps,
    channel."""
    parts = [
        projection(connection, row, thresholds, lists, seed)
        for connection, row in zip(connections, weights, strict=True)
    ]
    columns = zip(*parts, strict=True) if parts else [[np.zeros(0, np.int64)]] * 5
    return [np.concatenate(column) for column in columns]


def projection(connection, row, thresholds, lists, seed):
    """Synapses of one projection."""
    (
        kind,
        count,
        pre,
        n_pre,
        post,
        n_post,
        in_degree,
        stream,
        listed,
        weight_kind,
        first_threshold,
        n_thresholds,
        shortest,
        channel,
        _,
        _,
        _,
        listed_weight,
        listed_delay,
    ) = (int(field) for field in connection)
    number = np.arange(count, dtype=np.int64)
    random = philox(seed, stream, number, 0)
    here = slice(listed, listed + count)
    if kind == FIXED_TOTAL_NUMBER:
        source, target = choose(random[0], n_pre), choose(random[1], n_post)
    elif kind == FIXED_IN_DEGREE:
        source, target = choose(random[0], n_pre), number // max(in_degree, 1)
    elif kind == ALL_TO_ALL:
        source, target = number // n_post, number % n_post
    elif kind == ONE_TO_ONE:
        source, target = number, number
    else:
        source, target = (values[here].astype(np.int64) for values in lists[:2])
    if weight_kind == LISTED:
        weight = lists[2][listed_weight : listed_weight + count]
    else:
        weight = draw(weight_kind, row, random[2])
    if n_thresholds < 0:
        delay = lists[3][listed_delay : listed_delay + count].astype(np.int64)
    else:
        table = thresholds[first_threshold : first_threshold + n_thresholds]
        delay = shortest + np.searchsorted(table, random[3], side="right")
    integer = np.rint(weight * row[6]).astype(np.int32)
    return source + pre, target + post, integer, delay, np.full(count, channel)


def choose(word, size):
    """A number below ``size`` from a 32-bit word."""
    return ((word.astype(np.uint64) * np.uint64(size)) >> np.uint64(32)).astype(np.int64)


def draw(kind, row, word):
    """Values of a distribution, float64, from 32-bit words."""
    a, b, p_low, p_width, low, high = row[:6]
    u = (word.astype(np.float64) + 0.5) * 2.0**-32
    if kind == NORMAL:
        value = a + b * normal_quantile(p_low + p_width * u)
        return np.minimum(np.maximum(value, low), high)
    if kind == UNIFORM:
        return a + b * u
    return np.full(word.shape, a)


def initial_values(kind, row, size, seed, stream):
    """A value of a distribution for each neuron of a population, float32."""
    return draw(kind, row, philox(seed, stream, np.arange(size), 0)[0]).astype(np.float32)
