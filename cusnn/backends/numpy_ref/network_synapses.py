"""Source, target, weight and delay of every synapse, from its number alone."""

from collections import namedtuple

import numpy as np

from cusnn.backends.numpy_ref.network_permutation import permuted
from cusnn.backends.numpy_ref.normal import exponential, normal_quantile
from cusnn.backends.numpy_ref.philox import philox

(
    FIXED_TOTAL_NUMBER,
    FIXED_IN_DEGREE,
    ALL_TO_ALL,
    ONE_TO_ONE,
    FROM_LIST,
    FIXED_OUT_DEGREE,
    FIXED_PROBABILITY,
) = range(7)
CONSTANT, NORMAL, UNIFORM, LISTED, LOG_NORMAL = range(5)

Connection = namedtuple(
    "Connection",
    "kind count pre n_pre post n_post degree stream first_end weight_kind first_threshold "
    "n_thresholds shortest channel no_autapses no_multapses first_count first_weight first_delay",
)
Lists = namedtuple("Lists", "sources targets weights delays")
Synapses = namedtuple("Synapses", "source target channel weight delay")


def synapses(connections, weights, counted, thresholds, lists, seed):
    """All synapses in the order of projections: int64 arrays [K], neurons of the whole network,
    integer weights, delays in steps."""
    lists = Lists(*lists)
    parts = [
        projection(Connection(*connection.tolist()), row, counted, thresholds, lists, seed)
        for connection, row in zip(connections, weights, strict=True)
    ]
    columns = zip(*parts, strict=True) if parts else [[np.zeros(0, np.int64)]] * 5
    return Synapses(*(np.concatenate(column) for column in columns))


def projection(c, row, counted, thresholds, lists, seed):
    """Synapses of one projection."""
    number = np.arange(c.count, dtype=np.int64)
    words = philox(seed, c.stream, number, 0)
    source, target = ends(c, number, words, counted, lists, seed)
    if c.weight_kind == LISTED:
        weight = lists.weights[c.first_weight : c.first_weight + c.count]
    else:
        weight = draw(c.weight_kind, row, words[2])
    if c.n_thresholds < 0:
        delay = lists.delays[c.first_delay : c.first_delay + c.count].astype(np.int64)
    else:
        table = thresholds[c.first_threshold : c.first_threshold + c.n_thresholds]
        delay = c.shortest + np.searchsorted(table, words[3], side="right")
    weight = np.rint(weight * row[6]).astype(np.int64)
    return Synapses(source + c.pre, target + c.post, np.full_like(number, c.channel), weight, delay)


def ends(c, number, words, counted, lists, seed):
    """Source and target of synapses, as numbers within their populations.

    Where a neuron must not join itself, its partner is chosen among one fewer, and those from the
    neuron's own number on are moved up by one.
    """
    if c.kind == ONE_TO_ONE:
        return number, number
    if c.kind == FROM_LIST:
        listed = c.first_end + number
        return lists.sources[listed].astype(np.int64), lists.targets[listed].astype(np.int64)
    sources, targets = c.n_pre - c.no_autapses, c.n_post - c.no_autapses
    if c.kind == FIXED_IN_DEGREE:
        target, element = number // max(c.degree, 1), number % max(c.degree, 1)
        if c.no_multapses:
            source = permuted(seed, c.stream, target, element, sources)
        else:
            source = choose(words[0], sources)
        return source + (c.no_autapses & (source >= target)), target
    if c.kind == FIXED_TOTAL_NUMBER and not c.no_multapses:
        source, target = choose(words[0], sources), choose(words[1], c.n_post)
        return source + (c.no_autapses & (source >= target)), target
    if c.kind == FIXED_TOTAL_NUMBER:
        pair = permuted(seed, c.stream, 0, number, c.n_pre * targets)
        source, target = pair // max(targets, 1), pair % max(targets, 1)
    elif c.kind == ALL_TO_ALL:
        source, target = number // max(targets, 1), number % max(targets, 1)
    else:
        if c.kind == FIXED_OUT_DEGREE:
            source, element = number // max(c.degree, 1), number % max(c.degree, 1)
        else:
            before = counted[c.first_count : c.first_count + c.n_pre + 1]
            source = np.searchsorted(before, number, side="right") - 1
            element = number - before[source]
        if c.no_multapses:
            target = permuted(seed, c.stream, source, element, targets)
        else:
            target = choose(words[1], targets)
    return source, target + (c.no_autapses & (target >= source))


def choose(word, size):
    """A number below ``size`` from a 32-bit word."""
    return ((word.astype(np.uint64) * np.uint64(size)) >> np.uint64(32)).astype(np.int64)


def draw(kind, row, word):
    """Values of a distribution, float64, from 32-bit words."""
    a, b, p_low, p_width, low, high = row[:6]
    u = (word.astype(np.float64) + 0.5) * 2.0**-32
    if kind in (NORMAL, LOG_NORMAL):
        value = a + b * normal_quantile(p_low + p_width * u)
        value = exponential(value) if kind == LOG_NORMAL else value
        return np.minimum(np.maximum(value, low), high)
    if kind == UNIFORM:
        return a + b * u
    return np.full(word.shape, a)


def initial_values(kind, row, size, seed, stream):
    """A value of a distribution for each neuron of a population, float32."""
    words = philox(seed, stream, np.arange(size), 0)
    return (draw(kind, row, words[0]) * row[6]).astype(np.float32)
