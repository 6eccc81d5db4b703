"""Philox4x32-10: the published known answers, Python integers, and the same words everywhere."""

from pathlib import Path

import numba
import numpy as np
import pytest

from cusnn import driver
from cusnn.backends.numba_cpu.philox import philox as philox_numba
from cusnn.backends.numpy_ref.philox import philox as philox_numpy

KERNEL = str(Path(__file__).resolve().parent / "kernels_for_tests" / "philox.cu")
# Random123 1.14, tests/kat_vectors, philox4x32 10: counter, key, words.
KNOWN = [
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((0xFFFFFFFF,) * 4, (0xFFFFFFFF,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]


def by_hand(seed, stream, index, block):
    """The paper's rounds in Python integers."""
    c = [index & 0xFFFFFFFF, index >> 32, block & 0xFFFFFFFF, block >> 32]
    k = [seed, stream]
    for _ in range(10):
        p0, p1 = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [p1 >> 32 ^ c[1] ^ k[0], p1 & 0xFFFFFFFF, p0 >> 32 ^ c[3] ^ k[1], p0 & 0xFFFFFFFF]
        k = [(k[0] + 0x9E3779B9) & 0xFFFFFFFF, (k[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return c


@numba.njit
def numba_words(seed, stream, index, block, words):
    for i in range(index.size):
        a, b, c, d = philox_numba(seed, stream, index[i], block[i])
        words[i, 0], words[i, 1], words[i, 2], words[i, 3] = a, b, c, d


def words_of(backend, seed, stream, index, block):
    """Words [n, 4] of counters uint64 [n]."""
    index, block = np.array(index, np.uint64), np.array(block, np.uint64)
    if backend.name == "numpy":
        return np.stack(philox_numpy(seed, stream, index, block), axis=-1)
    words = backend.array(np.zeros((index.size, 4), np.uint32))
    key = np.uint32(seed), np.uint32(stream)
    if backend.name == "numba":
        numba_words(*key, index, block, words)
    else:
        arrays = backend.array(index), backend.array(block), words
        args = (*arrays, np.int32(index.size), *key)
        driver.launch(KERNEL, "philox_words", -(-index.size // 64), 64, args)
    return backend.numpy(words)


@pytest.mark.parametrize(("counter", "key", "expected"), KNOWN, ids=["zeros", "ones", "pi"])
def test_known_answers(backend, counter, key, expected):
    index = counter[0] | counter[1] << 32
    block = counter[2] | counter[3] << 32
    assert tuple(by_hand(*key, index, block)) == expected
    words = words_of(backend, *key, [index], [block])
    assert words.dtype == np.uint32
    assert tuple(words[0].tolist()) == expected


def test_many_counters(backend):
    """Edges of both halves of a counter, and what lies between."""
    rng = np.random.default_rng(4)
    edges = [0, 1, 2**31, 2**32 - 1, 2**32, 2**63, 2**64 - 1]
    index = edges + rng.integers(0, 2**64, 500, np.uint64).tolist()
    block = [edges[k % 7] for k in range(3, 10)] + rng.integers(0, 2**64, 500, np.uint64).tolist()
    for seed, stream in ((0, 0), (7, 2**32 - 1), (2**32 - 1, 3)):
        words = words_of(backend, seed, stream, index, block)
        expected = [by_hand(seed, stream, i, b) for i, b in zip(index, block, strict=True)]
        np.testing.assert_array_equal(words, np.array(expected, np.uint32))


def test_broadcast():
    """The NumPy function takes counters of any shapes that fit together."""
    words = philox_numpy(1, 2, np.arange(3)[:, None], np.arange(4))
    assert all(word.shape == (3, 4) for word in words)
    assert [int(word[2, 3]) for word in words] == by_hand(1, 2, 2, 3)


def test_uniform():
    """Every bit of every word is 1 half of the time, within five standard deviations."""
    n = 20_000
    words = np.stack(philox_numpy(11, 0, np.arange(n), 5))
    ones = np.unpackbits(words.view(np.uint8).reshape(4, n, 4), axis=-1).mean(axis=1)
    assert np.abs(ones - 0.5).max() < 5 * 0.5 / np.sqrt(n)
