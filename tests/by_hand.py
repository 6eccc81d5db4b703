"""What the engine builds, read back word by word, and what it must be, in Python integers."""

import math

import numpy as np
from scipy import stats

from cusnn.network import (
    AllToAll,
    ClippedNormal,
    FixedInDegree,
    FixedOutDegree,
    FixedProbability,
    FixedTotalNumber,
    FromList,
    LogNormal,
    Normal,
    OneToOne,
    Uniform,
)
from cusnn.ops import network as engine
from cusnn.simulation.plan import plan


def build(net, tiles=1, threads=1, backend="numpy"):
    planned = plan(net)
    tables = engine.network_build(
        planned.build,
        n_neurons=net.size,
        tiles=tiles,
        longest=planned.longest,
        states=planned.states,
        channels=planned.channels,
        wide=planned.wide,
        seed=net.seed,
        threads=threads,
        backend=backend,
    )
    return planned, tables


def unpacked(net, tables, tiles):
    """Every word as (tile, source, delay, target, integer weight), in the order of the rows.

    A slot beyond the tile's neurons belongs to the second channel, whose weights come as
    ("inhibitory", weight).
    """
    found, size = [], -(-net.size // tiles)
    for tile in range(tiles):
        for source in range(net.size):
            start, offsets = int(tables.row_starts[tile, source]), tables.offsets[tile, source]
            assert offsets[0] == 0
            for delay in range(1, offsets.size):
                for k in range(int(offsets[delay - 1]), int(offsets[delay])):
                    word = int(tables.words[start + k])
                    weight, slot = (word >> 16) - (1 << 16 if word >> 31 else 0), word & 0xFFFF
                    if tables.amounts is not None:
                        weight, slot = int(tables.amounts[start + k]), word
                    weight = ("inhibitory", weight) if slot >= size else weight
                    found.append((tile, source, delay, slot % size * tiles + tile, weight))
    return found


def words_by_hand(seed, stream, index, block=0):
    """Philox in Python integers."""
    c, k = [index & 0xFFFFFFFF, index >> 32, block & 0xFFFFFFFF, block >> 32], [seed, stream]
    for _ in range(10):
        p, q = c[0] * 0xD2511F53, c[2] * 0xCD9E8D57
        c = [(q >> 32) ^ c[1] ^ k[0], q & 0xFFFFFFFF, (p >> 32) ^ c[3] ^ k[1], p & 0xFFFFFFFF]
        k = [(k[0] + 0x9E3779B9) & 0xFFFFFFFF, (k[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return c


def permuted_by_hand(seed, stream, row, element, size):
    """Image of ``element`` under the row's permutation of 0, ..., ``size`` - 1."""
    keys = words_by_hand(seed, stream, row, 1) + words_by_hand(seed, stream, row, 2)
    bits = max(6, (size - 1).bit_length())
    low_bits, high_bits = bits - bits // 2, bits // 2
    while True:
        low, high = element % 2**low_bits, element // 2**low_bits
        for q in range(0, 8, 2):
            low ^= mixed_by_hand(high ^ keys[q]) % 2**low_bits
            high ^= mixed_by_hand(low ^ keys[q + 1]) % 2**high_bits
        element = high * 2**low_bits + low
        if element < size:
            return element


def mixed_by_hand(x):
    x = x * 0x7FEB352D % 2**32
    x ^= x >> 15
    x = x * 0x846CA68B % 2**32
    return x ^ (x >> 16)


def counts_by_hand(seed, stream, n_pre, candidates, p):
    """Synapses of each source under a fixed probability."""
    law = stats.binom(candidates, p).cdf(range(candidates + 1)) * 2**32
    return [int((np.rint(law) <= words_by_hand(seed, stream, r, 3)[0]).sum()) for r in range(n_pre)]


def ends_by_hand(rule, same, n_pre, n_post, seed, stream):
    """Source and target of every synapse of a projection, and its number."""
    without_self = same and not getattr(rule, "autapses", True)
    distinct = not getattr(rule, "multapses", True)
    sources, targets = [
        [
            [partner for partner in range(n) if partner != own or not without_self]
            for own in range(m)
        ]
        for n, m in ((n_pre, n_post), (n_post, n_pre))
    ]

    def draw(k, which, of):
        return of[words_by_hand(seed, stream, k)[which] * len(of) >> 32]

    def pick(row, j, of):
        return of[permuted_by_hand(seed, stream, row, j, len(of))]

    if isinstance(rule, FixedTotalNumber) and distinct:
        pairs = [(i, j) for i in range(n_pre) for j in targets[i]]
        return [pick(0, k, pairs) for k in range(rule.n)]
    if isinstance(rule, FixedTotalNumber):
        ends = [draw(k, 1, range(n_post)) for k in range(rule.n)]
        return [(draw(k, 0, sources[target]), target) for k, target in enumerate(ends)]
    if isinstance(rule, FixedInDegree):
        ends = [(k, k // rule.k, k % rule.k) for k in range(rule.k * n_post)]
        return [
            (pick(own, j, sources[own]) if distinct else draw(k, 0, sources[own]), own)
            for k, own, j in ends
        ]
    if isinstance(rule, FixedOutDegree):
        ends = [(k, k // rule.k, k % rule.k) for k in range(rule.k * n_pre)]
        return [
            (own, pick(own, j, targets[own]) if distinct else draw(k, 1, targets[own]))
            for k, own, j in ends
        ]
    if isinstance(rule, FixedProbability):
        counts = counts_by_hand(seed, stream, n_pre, n_post - without_self, rule.p)
        return [(i, pick(i, j, targets[i])) for i in range(n_pre) for j in range(counts[i])]
    if isinstance(rule, AllToAll):
        return [(i, j) for i in range(n_pre) for j in targets[i]]
    if isinstance(rule, OneToOne):
        return [(i, i) for i in range(n_pre)]
    return list(zip(rule.sources.tolist(), rule.targets.tolist(), strict=True))


def synapses_by_hand(net):
    """Every synapse as (source, target, weight, delay), weights in floating point."""
    listed = []
    for position, p in enumerate(net.projections):
        pre, post = net.slices[p.pre], net.slices[p.post]
        n_pre, n_post = pre.stop - pre.start, post.stop - post.start
        stream = 1 << 24 | position
        ends = ends_by_hand(p.connector, p.pre == p.post, n_pre, n_post, net.seed, stream)
        for k, (source, target) in enumerate(ends):
            words = words_by_hand(net.seed, stream, k)
            given = [
                getattr(p.connector, name, None) if isinstance(p.connector, FromList) else None
                for name in ("weights", "delays")
            ]
            weight, delay = (
                drawn_by_hand(value, word, k, (source, target)) if own is None else own[k]
                for value, word, own in zip((p.weight, p.delay), words[2:], given, strict=True)
            )
            steps = max(1, round(delay / net.dt))
            listed.append((pre.start + source, post.start + target, weight, steps))
    return listed


def drawn_by_hand(value, word, k=None, ends=None):
    """A value from a random word, or from the arrays by number or ends of the synapse."""
    u = (word + 0.5) / 2**32
    if isinstance(value, np.ndarray):
        return value[ends] if value.ndim == 2 else value[k]
    if isinstance(value, Normal):
        low, high = ((b - value.mean) / value.sd for b in value.bounds())
        return stats.truncnorm.ppf(u, low, high, value.mean, value.sd)
    if isinstance(value, ClippedNormal):
        return min(max(stats.norm.ppf(u, value.mean, value.sd), value.low), value.high)
    if isinstance(value, LogNormal):
        low, high = (
            -math.inf if b == 0 else (math.log(b) - value.mean) / value.sd for b in value.bounds()
        )
        size = math.exp(stats.truncnorm.ppf(u, low, high, value.mean, value.sd))
        return -size if value.negative else size
    if isinstance(value, Uniform):
        return value.low + (value.high - value.low) * u
    return value
