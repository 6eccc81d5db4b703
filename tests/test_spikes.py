"""Bytes, bits and index lists: worked by hand, brute force, and there and back."""

import re

import numpy as np
import pytest

import cusnn

SHAPES = [(1, 1), (3, 31), (2, 32), (3, 33), (40, 64), (5, 257), (2, 1000), (1, 9000), (33, 1)]
DENSITIES = {"silent": 0.0, "sparse": 0.03, "busy": 0.5, "always": 1.0}
EMPTY = [(0, 5), (4, 0), (0, 0)]


def make_spikes(shape, density, seed=0):
    rng = np.random.default_rng(seed)
    return (rng.random(shape) < density).astype(np.uint8)


def ids(value):
    return "x".join(map(str, value)) if isinstance(value, tuple) else None


@pytest.fixture(params=DENSITIES, ids=str)
def density(request):
    return DENSITIES[request.param]


def packed_by_hand(spikes):
    """Python integers, bit by bit."""
    rows, n = spikes.shape
    packed = np.zeros((rows, -(-n // 32)), np.uint32)
    for r in range(rows):
        for word in range(packed.shape[1]):
            bits = [int(bit != 0) for bit in spikes[r, 32 * word : 32 * word + 32]]
            packed[r, word] = sum(bit << j for j, bit in enumerate(bits))
    return packed


def test_pack_worked_by_hand(backend):
    spikes = np.zeros((2, 34), np.uint8)
    spikes[0, [0, 1, 31, 33]] = 1
    spikes[1, 32] = 1
    packed = cusnn.spike_pack(backend.array(spikes), backend=backend.name)
    expected = [[0x80000003, 2], [0, 1]]
    np.testing.assert_array_equal(backend.numpy(packed), np.array(expected, np.uint32))


@pytest.mark.parametrize("shape", SHAPES + EMPTY, ids=ids)
def test_pack(backend, shape, density):
    spikes = make_spikes(shape, density)
    packed = backend.numpy(cusnn.spike_pack(backend.array(spikes), backend=backend.name))
    assert packed.dtype == np.uint32
    np.testing.assert_array_equal(packed, packed_by_hand(spikes))


@pytest.mark.parametrize("shape", SHAPES + EMPTY, ids=ids)
def test_floats_there_and_back(backend, shape):
    spikes = make_spikes(shape, 0.3).astype(np.float32)
    packed = cusnn.spike_pack(backend.array(spikes), backend=backend.name, strict=True)
    np.testing.assert_array_equal(backend.numpy(packed), packed_by_hand(spikes))
    back = cusnn.spike_unpack(packed, shape[1], dtype="float32", backend=backend.name)
    assert backend.numpy(back).dtype == np.float32
    np.testing.assert_array_equal(backend.numpy(back), spikes)


@pytest.mark.parametrize("place", [0, 31, 63, 64, 69])
@pytest.mark.parametrize("value", [2.0, -1.0, 0.5, 1e-45, np.inf, np.nan])
def test_strict_names_what_is_neither_0_nor_1(backend, place, value):
    spikes = np.ones((2, 3, 70), np.float32)
    spikes[0, 0, :3] = -0.0
    options = {"backend": backend.name, "strict": True}
    packed = backend.numpy(cusnn.spike_pack(backend.array(spikes), **options))
    assert packed[0, 0, 0] == 0xFFFFFFF8
    spikes[1, 1, place] = value
    number = re.escape(str(float(spikes[1, 1, place])))
    with pytest.raises(ValueError, match=rf"must be 0 or 1, got {number} at \[1, 1, {place}\]"):
        cusnn.spike_pack(backend.array(spikes), **options)
    free = backend.numpy(cusnn.spike_pack(backend.array(spikes), backend=backend.name))
    np.testing.assert_array_equal(free, packed)


def test_strict_of_bytes(backend):
    spikes = make_spikes((40, 33), 0.5)
    cusnn.spike_pack(backend.array(spikes), backend=backend.name, strict=True)
    spikes[39, 32] = 255
    with pytest.raises(ValueError, match=r"got 255.0 at \[39, 32\]"):
        cusnn.spike_pack(backend.array(spikes), backend=backend.name, strict=True)


@pytest.mark.parametrize("shape", SHAPES + EMPTY, ids=ids)
def test_unpack_is_the_inverse(backend, shape, density):
    spikes = make_spikes(shape, density)
    packed = backend.array(packed_by_hand(spikes))
    back = backend.numpy(cusnn.spike_unpack(packed, shape[1], backend=backend.name))
    assert back.dtype == np.uint8
    np.testing.assert_array_equal(back, spikes)


def test_unpack_ignores_padding(backend):
    packed = backend.array(np.full((2, 2), 0xFFFFFFFF, np.uint32))
    spikes = cusnn.spike_unpack(packed, 35, backend=backend.name)
    np.testing.assert_array_equal(backend.numpy(spikes), np.ones((2, 35), np.uint8))


@pytest.mark.parametrize("shape", SHAPES + EMPTY, ids=ids)
def test_compact(backend, shape, density):
    """Ascending indices, the right number, and not one entry more: the rest keeps its poison."""
    spikes = make_spikes(shape, density)
    compact = cusnn.spike_compact(backend.array(spikes), backend=backend.name)
    indices, counts = backend.numpy(compact.indices), backend.numpy(compact.counts)
    assert indices.dtype == counts.dtype == np.int32
    np.testing.assert_array_equal(counts, spikes.sum(axis=1))
    for r in range(shape[0]):
        fired = [n for n in range(shape[1]) if spikes[r, n]]
        np.testing.assert_array_equal(indices[r], fired + [-1] * (shape[1] - len(fired)))


def test_compact_into_given_arrays_keeps_what_is_past_the_count(backend):
    spikes = make_spikes((3, 200), 0.1)
    out = cusnn.CompactSpikes(
        backend.array(np.full((3, 200), 77, np.int32)), backend.array(np.zeros(3, np.int32))
    )
    compact = cusnn.spike_compact(backend.array(spikes), out=out, backend=backend.name)
    assert compact is out
    for r, count in enumerate(spikes.sum(axis=1)):
        row = backend.numpy(out.indices)[r]
        np.testing.assert_array_equal(row[:count], np.flatnonzero(spikes[r]))
        assert (row[count:] == 77).all()


def test_any_value_but_zero_is_a_spike(backend):
    values = np.random.default_rng(3).integers(0, 3, (4, 300)).astype(np.uint8) * 85
    spikes = (values > 0).astype(np.uint8)
    given = backend.array(values)
    packed = cusnn.spike_pack(given, backend=backend.name)
    np.testing.assert_array_equal(backend.numpy(packed), packed_by_hand(spikes))
    compact = cusnn.spike_compact(given, backend=backend.name)
    np.testing.assert_array_equal(backend.numpy(compact.counts), spikes.sum(axis=1))
    row = backend.numpy(compact.indices)[2][: spikes[2].sum()]
    np.testing.assert_array_equal(row, np.flatnonzero(spikes[2]))


@pytest.mark.parametrize("leading", [(), (4,), (2, 3), (2, 0, 3)], ids=str)
def test_leading_axes(backend, leading):
    spikes = make_spikes((*leading, 70), 0.2)
    given = backend.array(spikes)
    packed = cusnn.spike_pack(given, backend=backend.name)
    assert packed.shape == (*leading, 3)
    back = cusnn.spike_unpack(packed, 70, backend=backend.name)
    np.testing.assert_array_equal(backend.numpy(back), spikes)
    compact = cusnn.spike_compact(given, backend=backend.name)
    assert compact.indices.shape == (*leading, 70)
    assert compact.counts.shape == leading
    np.testing.assert_array_equal(backend.numpy(compact.counts), spikes.sum(axis=-1))


def test_written_into_given_arrays(backend):
    spikes = make_spikes((2, 3, 70), 0.2)
    packed = backend.array(np.zeros((2, 3, 3), np.uint32))
    assert cusnn.spike_pack(backend.array(spikes), out=packed, backend=backend.name) is packed
    back = backend.array(np.zeros((2, 3, 70), np.uint8))
    assert cusnn.spike_unpack(packed, 70, out=back, backend=backend.name) is back
    np.testing.assert_array_equal(backend.numpy(back), spikes)


def test_a_view_that_starts_anywhere(backend):
    """Rows of odd length start at odd addresses; so may the array itself."""
    spikes = make_spikes((6, 45), 0.3)
    view = backend.array(spikes)[1:4]
    packed = cusnn.spike_pack(view, backend=backend.name)
    np.testing.assert_array_equal(backend.numpy(packed), packed_by_hand(spikes[1:4]))


BYTES = np.zeros((2, 40), np.uint8)
BITS = np.zeros((2, 2), np.uint32)


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: cusnn.spike_pack(BYTES.astype(bool)), TypeError, "must be uint8.*got bool"),
        (lambda: cusnn.spike_pack([[0, 1]]), TypeError, "must be an array uint8"),
        (lambda: cusnn.spike_pack(BYTES[:, ::2]), ValueError, "C-contiguous"),
        (lambda: cusnn.spike_pack(np.uint8(1)), (TypeError, ValueError), "spikes must be"),
        (lambda: cusnn.spike_pack(BYTES, out=BITS[:1]), ValueError, "leading axes"),
        (lambda: cusnn.spike_pack(BYTES, out=BITS[:, :1].copy()), ValueError, "W=1"),
        (lambda: cusnn.spike_pack(BYTES, out=BITS.astype("i4")), TypeError, "uint32"),
        (lambda: cusnn.spike_pack(BYTES, backend="opencl"), ValueError, "backend must be one of"),
        (lambda: cusnn.spike_unpack(BITS, 32), ValueError, "n must be 33 to 64"),
        (lambda: cusnn.spike_unpack(BITS, 65), ValueError, "n must be 33 to 64"),
        (lambda: cusnn.spike_unpack(BITS, -1), ValueError, "n must be 33 to 64"),
        (lambda: cusnn.spike_unpack(BITS, 40.0), TypeError, "n must be an integer"),
        (lambda: cusnn.spike_unpack(BYTES, 40), TypeError, "must be uint32"),
        (
            lambda: cusnn.spike_unpack(BITS, 40, dtype="bool"),
            ValueError,
            "must be uint8 or float32",
        ),
        (lambda: cusnn.spike_pack(BYTES.astype("f8")), TypeError, "must be uint8 or float32"),
        (lambda: cusnn.spike_compact(BYTES.astype("f4")), TypeError, "must be uint8"),
        (lambda: cusnn.spike_compact(BYTES.T), ValueError, "C-contiguous"),
    ],
)
def test_bad_input(call, error, text):
    with pytest.raises(error, match=text):
        call()
