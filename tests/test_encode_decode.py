"""Encoders and decoders: exact fractions, Python integers, float64, and there and back."""

from fractions import Fraction

import numpy as np
import pytest

import cusnn
from cusnn import contract, dispatch
from cusnn.backends.numpy_ref.philox import philox

SHAPES = [(1,), (31,), (33,), (257,), (1000,), (3, 5, 7)]
EMPTY = [(0,), (4, 0), (0, 5)]


def ids(value):
    return "x".join(map(str, value)) if isinstance(value, tuple) else None


def make_values(shape, seed=0):
    """Values of 0 to 1, the ends among them, and some that are tiny or one step below 1."""
    rng = np.random.default_rng(seed)
    values = rng.random(shape).astype(np.float32)
    special = np.array(
        [0, 1, 0.5, 2.0**-31, 2.0**-32, 1e-38, np.nextafter(np.float32(1), np.float32(0))],
        np.float32,
    )
    values.reshape(-1)[3::4] = np.resize(special, values.reshape(-1)[3::4].size)
    return values


# ------------------------------------------------------------------ rate


def rate_by_hand(values, steps, seed, stream, first_step):
    """Fractions against Philox words, spike by spike."""
    flat = values.reshape(-1)
    spikes = np.zeros((steps, flat.size), np.uint8)
    for t in range(steps):
        block, word = divmod(first_step + t, 4)
        for e, value in enumerate(flat):
            random = int(philox(seed, stream, e, block)[word]) // 2
            spikes[t, e] = random < int(Fraction(float(value)) * 2**31)
    return spikes.reshape(steps, *values.shape)


@pytest.mark.parametrize("first_step", [0, 3, 2**34 + 1])
def test_rate_by_hand(backend, first_step):
    values = make_values((3, 11))
    given = backend.array(values)
    spikes = cusnn.encode_rate(
        given, 9, seed=5, stream=2**32 - 1, first_step=first_step, backend=backend.name
    )
    assert spikes.dtype == np.uint8
    expected = rate_by_hand(values, 9, 5, 2**32 - 1, first_step)
    np.testing.assert_array_equal(backend.numpy(spikes), expected)


def reference(name, shape, arrays, **settings):
    """Output of the NumPy backend, called directly."""
    op = contract.OPS[name]
    output = next(arg for arg in op.args if arg.flow == "out")
    result = np.empty(shape, output.dtype)
    dispatch.function("numpy", op)(**arrays, **{output.name: result}, **settings)
    return result


@pytest.mark.parametrize("steps", [1, 2, 63, 100])
@pytest.mark.parametrize("shape", SHAPES + EMPTY, ids=ids)
def test_rate_bits(backend, shape, steps):
    values = make_values(shape)
    rows = values.reshape(int(np.prod(shape[:-1])), shape[-1])
    settings = {"seed": 9, "stream": 1, "first_step": 6}
    expected = reference("encode_rate", (steps, *rows.shape), {"values": rows}, **settings)
    spikes = cusnn.encode_rate(backend.array(values), steps, **settings, backend=backend.name)
    assert spikes.shape == (steps, *shape)
    np.testing.assert_array_equal(backend.numpy(spikes).reshape(expected.shape), expected)


def test_rate_of_many_elements(backend):
    """More elements than one task of a thread or one block takes."""
    values = make_values((5000,))
    spikes = cusnn.encode_rate(backend.array(values), 6, seed=1, first_step=2, backend=backend.name)
    expected = reference(
        "encode_rate", (6, 1, 5000), {"values": values[None]}, seed=1, stream=0, first_step=2
    )
    np.testing.assert_array_equal(backend.numpy(spikes), expected[:, 0])


@pytest.mark.parametrize("cut", [1, 49, 50, 52])
def test_rate_in_chunks(backend, cut):
    values = backend.array(make_values((70,)))
    settings = {"seed": 3, "stream": 4, "backend": backend.name}
    whole = cusnn.encode_rate(values, 100, **settings)
    first = cusnn.encode_rate(values, cut, **settings)
    second = cusnn.encode_rate(values, 100 - cut, first_step=cut, **settings)
    np.testing.assert_array_equal(
        backend.numpy(whole), np.concatenate([backend.numpy(first), backend.numpy(second)])
    )


def test_rate_is_the_value(backend):
    """Within five standard deviations; 0 never fires, 1 always."""
    steps, values = 4000, np.array([0, 1e-3, 0.1, 0.5, 0.9, 0.999, 1], np.float32)
    spikes = cusnn.encode_rate(backend.array(values), steps, seed=21, backend=backend.name)
    rates = backend.numpy(spikes).mean(axis=0)
    assert rates[0] == 0
    assert rates[-1] == 1
    spread = np.sqrt(values * (1 - values) / steps)
    assert (np.abs(rates - values) <= 5 * spread).all()


def test_rate_on_the_threshold(backend):
    """A random number equal to the threshold does not fire; the next float32 above it does."""
    random = philox(6, 0, np.arange(4000), 0)[0] >> np.uint32(1)
    values = (random / 2.0**31).astype(np.float32)
    hits = (values.astype(np.float64) * 2**31 == random) & (values > 2.0**-7)
    assert hits.sum() > 50
    for given, fires in ((values, 0), (np.nextafter(values, np.float32(1)), 1)):
        spikes = cusnn.encode_rate(backend.array(given), 1, seed=6, backend=backend.name)
        assert (backend.numpy(spikes)[0][hits] == fires).all()


def test_rate_neighbours_are_independent():
    """Other steps, elements, seeds and streams: agreement as often as by chance."""
    values = np.full(3000, 0.5, np.float32)
    spikes = cusnn.encode_rate(values, 9, seed=1)
    others = [cusnn.encode_rate(values, 9, seed=2), cusnn.encode_rate(values, 9, seed=1, stream=1)]
    pairs = [(spikes[1:], spikes[:-1]), (spikes[4:], spikes[:-4]), (spikes[:, 1:], spikes[:, :-1])]
    pairs += [(spikes, other) for other in others]
    for one, other in pairs:
        assert abs((one == other).mean() - 0.5) < 5 * 0.5 / np.sqrt(one.size)


OUTSIDE = np.array(
    [-1e-45, -0.0, -0.5, -3e38, -np.inf, np.nan, -np.nan, 1.0000001, 1.5, 2, 3e38, np.inf, 0.5],
    np.float32,
)
AS_IF = np.array([0] * 7 + [1] * 5 + [0.5], np.float32)


@pytest.mark.parametrize(
    ("name", "settings"),
    [("encode_rate", {"seed": 4, "stream": 0, "first_step": 1}), ("encode_latency", {})],
)
def test_values_out_of_range(backend, name, settings):
    """Past the front door, which refuses them on the CPU only: 0 and 1 take their place."""
    values, as_if = np.tile(OUTSIDE, (3, 4)), np.tile(AS_IF, (3, 4))
    spikes = backend.array(np.full((63, *values.shape), 7, np.uint8))
    run = dispatch.function(backend.name, contract.OPS[name])
    run(values=backend.array(values), spikes=spikes, **settings)
    expected = reference(name, spikes.shape, {"values": as_if}, **settings)
    np.testing.assert_array_equal(backend.numpy(spikes), expected)
    fired = backend.numpy(spikes).sum(axis=0)
    if name == "encode_latency":
        assert (fired == 1).all()
    else:
        assert (fired[as_if == 0] == 0).all()
        assert (fired[as_if == 1] == 63).all()


# ------------------------------------------------------------------ latency


def test_latency_numbers(backend):
    values = backend.array(np.array([0.9, 0.5, 0.2, 1.0, 0.0], np.float32))
    spikes = backend.numpy(cusnn.encode_latency(values, 50, backend=backend.name))
    assert spikes.dtype == np.uint8
    assert [np.flatnonzero(train).tolist() for train in spikes.T] == [[4], [24], [39], [0], [49]]


def latency_by_hand(value, steps):
    level = Fraction(int(Fraction(float(value)) * 2**31), 2**31)
    return int((1 - level) * (steps - 1))


@pytest.mark.parametrize("steps", [1, 2, 50, 63, 101])
@pytest.mark.parametrize("shape", SHAPES + EMPTY, ids=ids)
def test_latency(backend, shape, steps):
    """One spike per value, at the step that exact fractions say."""
    values = make_values(shape, seed=steps)
    spikes = cusnn.encode_latency(backend.array(values), steps, backend=backend.name)
    expected = np.zeros((steps, *shape), np.uint8)
    for where in np.ndindex(*shape):
        expected[(latency_by_hand(values[where], steps), *where)] = 1
    np.testing.assert_array_equal(backend.numpy(spikes), expected)


def test_latency_edges(backend):
    """Values that are whole multiples of a step, and their neighbours in float32."""
    steps = 1025
    exact = (np.arange(0, 1025, 8) / 1024).astype(np.float32)
    below = np.nextafter(exact[1:], np.float32(0))
    above = np.nextafter(exact[1:-1], np.float32(1))
    values = np.concatenate([exact, below, above])
    spikes = cusnn.encode_latency(backend.array(values), steps, backend=backend.name)
    found = backend.numpy(cusnn.decode_first_spike(spikes, backend=backend.name))
    step = 1024 - np.arange(0, 1025, 8)
    np.testing.assert_array_equal(found, np.concatenate([step, step[1:], step[1:-1] - 1]))


def test_latency_without_rounding_of_the_value(backend):
    """From 2^-8 on, the step is the exact floor for the float32 value itself."""
    values = np.random.default_rng(0).uniform(2.0**-8, 1, 500).astype(np.float32)
    spikes = cusnn.encode_latency(backend.array(values), 301, backend=backend.name)
    expected = [int((1 - Fraction(float(value))) * 300) for value in values]
    found = cusnn.decode_first_spike(spikes, backend=backend.name)
    np.testing.assert_array_equal(backend.numpy(found), expected)


# ------------------------------------------------------------------ population


@pytest.mark.parametrize("features", [1, 10, 33])
@pytest.mark.parametrize("shape", SHAPES + EMPTY, ids=ids)
def test_population(backend, shape, features):
    """Against float64; the tolerance is that of the exponent, rounded a few times, and of exp."""
    rng = np.random.default_rng(1)
    values = rng.normal(0, 2, shape).astype(np.float32)
    centers = np.linspace(-2, 2, features).astype(np.float32)
    width = np.float32(0.3)
    given = backend.array(values), backend.array(centers)
    responses = backend.numpy(cusnn.encode_population(*given, 0.3, backend=backend.name))
    assert responses.dtype == np.float32
    assert responses.shape == (*shape, features)
    z = (values[..., None].astype(np.float64) - centers) / float(width)
    seen = 0.5 * z * z < 86.9
    np.testing.assert_array_less(
        np.abs(responses / np.exp(-0.5 * z * z) - 1)[seen], ((4 + 4 * 0.5 * z * z) * 2.0**-23)[seen]
    )
    assert (responses[0.5 * z * z > 87.1] == 0).all()
    rows = values.reshape(int(np.prod(shape[:-1])), shape[-1])
    expected = reference(
        "encode_population",
        (*rows.shape, features),
        {"values": rows, "centers": centers},
        width=width,
    )
    np.testing.assert_array_equal(responses.view("u4").reshape(expected.shape), expected.view("u4"))


def test_population_by_hand(backend):
    """1 at the center, exp(-1/2) one width away, 0 far off, even where a square overflows."""
    values = backend.array(np.array([2, 3, 1, 3e38], np.float32))
    centers = backend.array(np.array([2, -3e38], np.float32))
    responses = cusnn.encode_population(values, centers, 1.0, backend=backend.name)
    near = np.float32(np.exp(-0.5))
    np.testing.assert_allclose(
        backend.numpy(responses), [[1, 0], [near, 0], [near, 0], [0, 0]], rtol=2e-7
    )


def test_no_centers(backend):
    given = backend.array(np.zeros(3, np.float32)), backend.array(np.zeros(0, np.float32))
    assert cusnn.encode_population(*given, 1.0, backend=backend.name).shape == (3, 0)


def test_population_into_spikes(backend):
    """The strongest response fires first."""
    values = backend.array(np.array([[0.1], [0.7]], np.float32))
    centers = backend.array(np.linspace(0, 1, 11).astype(np.float32))
    responses = cusnn.encode_population(values, centers, 0.2, backend=backend.name)
    spikes = cusnn.encode_latency(responses, 40, backend=backend.name)
    assert spikes.shape == (40, 2, 1, 11)
    steps = backend.numpy(cusnn.decode_first_spike(spikes, backend=backend.name))
    np.testing.assert_array_equal(steps.argmin(axis=-1), [[1], [7]])


# ------------------------------------------------------------------ decoding


def make_spikes(shape, density, seed=0):
    """Whatever is not 0 is a spike."""
    rng = np.random.default_rng(seed)
    spikes = (rng.random(shape) < density).astype(np.uint8)
    return spikes * rng.integers(1, 256, shape, np.uint8)


def first_by_hand(spikes):
    steps = np.full(spikes.shape[1:], -1, np.int32)
    for where in np.ndindex(*steps.shape):
        fired = [t for t in range(spikes.shape[0]) if spikes[(t, *where)]]
        steps[where] = fired[0] if fired else -1
    return steps


DECODED = [
    (1, 1),
    (2, 31),
    (63, 33),
    (100, 257),
    (9, 1000),
    (300, 3, 43),
    (5, 2, 3, 4),
    (2100, 5),
    (20, 2500),
]
DECODED_EMPTY = [(0, 4), (4, 0), (3, 0, 5)]


@pytest.mark.parametrize("density", [0.0, 0.02, 0.5, 1.0], ids=["silent", "sparse", "busy", "all"])
@pytest.mark.parametrize("shape", DECODED + DECODED_EMPTY, ids=ids)
def test_decode(backend, shape, density):
    spikes = make_spikes(shape, density)
    given = backend.array(spikes)
    counts = backend.numpy(cusnn.decode_count(given, backend=backend.name))
    steps = backend.numpy(cusnn.decode_first_spike(given, backend=backend.name))
    assert counts.dtype == steps.dtype == np.int32
    assert counts.shape == steps.shape == shape[1:]
    np.testing.assert_array_equal(counts, counts_of(spikes))
    np.testing.assert_array_equal(steps, first_by_hand(spikes))


def counts_of(spikes):
    counts = np.zeros(spikes.shape[1:], np.int32)
    for t in range(spikes.shape[0]):
        counts += spikes[t] > 0
    return counts


def test_decode_worked_by_hand(backend):
    spikes = np.zeros((4, 3), np.uint8)
    spikes[[1, 3], 0] = 1
    spikes[0, 2] = 7
    given = backend.array(spikes)
    counts = cusnn.decode_count(given, backend=backend.name)
    np.testing.assert_array_equal(backend.numpy(counts), [2, 0, 1])
    steps = cusnn.decode_first_spike(given, backend=backend.name)
    np.testing.assert_array_equal(backend.numpy(steps), [1, -1, 0])


def test_decode_a_view_that_starts_anywhere(backend):
    """Rows of a length that four divides, at an address that it does not."""
    memory = make_spikes(9 * 16 + 3, 0.3)
    given = backend.array(memory)[3:].reshape(9, 16)
    spikes = memory[3:].reshape(9, 16)
    counts = cusnn.decode_count(given, backend=backend.name)
    np.testing.assert_array_equal(backend.numpy(counts), counts_of(spikes))
    steps = cusnn.decode_first_spike(given, backend=backend.name)
    np.testing.assert_array_equal(backend.numpy(steps), first_by_hand(spikes))


def test_latency_there_and_back(backend):
    values = np.linspace(0, 1, 90).astype(np.float32).reshape(2, 45)
    spikes = cusnn.encode_latency(backend.array(values), 256, backend=backend.name)
    steps = backend.numpy(cusnn.decode_first_spike(spikes, backend=backend.name))
    assert (backend.numpy(cusnn.decode_count(spikes, backend=backend.name)) == 1).all()
    back = 1 - steps / 255
    assert (back >= values - 1e-6).all()
    assert (back < values + 1 / 255).all()


@pytest.mark.parametrize("name", ["numpy", "numba"])
def test_nothing_is_written_outside_the_output(name):
    """The harness guards what kernels write; here the outputs lie in the middle of a buffer."""
    values, spikes = make_values((2, 21)), make_spikes((6, 2, 21), 0.3)
    cases = [
        ("encode_rate", {"values": values}, (6, 2, 21), {"seed": 1, "stream": 0, "first_step": 3}),
        ("encode_rate", {"values": values}, (3, 2, 21), {"seed": 1, "stream": 0, "first_step": 0}),
        ("encode_latency", {"values": values}, (6, 2, 21), {}),
        (
            "encode_population",
            {"values": values, "centers": values[0, :9].copy()},
            (2, 21, 9),
            {"width": np.float32(0.2)},
        ),
        ("decode_count", {"spikes": spikes}, (2, 21), {}),
        ("decode_first_spike", {"spikes": spikes}, (2, 21), {}),
    ]
    for op_name, inputs, shape, settings in cases:
        op = contract.OPS[op_name]
        output = next(arg for arg in op.args if arg.flow == "out")
        size = int(np.prod(shape))
        buffer = np.full(3 * size, 77, output.dtype)
        middle = buffer[size : 2 * size].reshape(shape)
        dispatch.function(name, op)(**inputs, **{output.name: middle}, **settings)
        assert (buffer[:size] == 77).all(), op_name
        assert (buffer[2 * size :] == 77).all(), op_name
        assert (middle != 77).all(), op_name


# ------------------------------------------------------------------ what is refused

VALUES = np.full((2, 3), 0.5, np.float32)
SPIKES = np.zeros((4, 2, 3), np.uint8)


def with_value(value):
    values = VALUES.copy()
    values[1, 2] = value
    return values


def rate(values=VALUES, steps=4, **settings):
    return cusnn.encode_rate(values, steps, **{"seed": 1, **settings})


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: rate(with_value(np.nan)), ValueError, r"of 0 to 1, got nan at \[1, 2\]"),
        (lambda: rate(with_value(-0.1)), ValueError, r"values must be of 0 to 1, got -0.1"),
        (lambda: rate(with_value(1.0000001)), ValueError, r"of 0 to 1, got 1.0000001"),
        (lambda: rate(VALUES.astype("f8")), TypeError, "must be float32.*got float64"),
        (lambda: rate(VALUES[:, ::2]), ValueError, "C-contiguous"),
        (lambda: rate([0.5]), TypeError, "must be an array float32"),
        (lambda: rate(np.float32(0.5)), (TypeError, ValueError), "values must be"),
        (lambda: rate(steps=0), ValueError, "steps must be 1 to"),
        (lambda: rate(steps=2.0), TypeError, "steps must be an integer, got float"),
        (lambda: rate(seed=-1), ValueError, "seed must be 0 to 4294967295, got -1"),
        (lambda: rate(seed=2**32), ValueError, "seed must be 0 to"),
        (lambda: rate(seed=None), TypeError, "seed must be an integer"),
        (lambda: rate(stream=True), TypeError, "stream must be an integer, got bool"),
        (lambda: rate(first_step=-4), ValueError, "first_step must be 0 to"),
        (lambda: rate(backend="opencl"), ValueError, "backend must be one of"),
        (lambda: cusnn.encode_latency(with_value(2.0), 5), ValueError, "of 0 to 1, got 2.0"),
        (lambda: cusnn.encode_latency(VALUES, -1), ValueError, "steps must be 1 to"),
        (lambda: cusnn.encode_latency(VALUES[:, ::2], 5), ValueError, "C-contiguous"),
        (
            lambda: cusnn.encode_population(with_value(np.inf), VALUES[0], 1.0),
            ValueError,
            r"values must be finite, got inf at \[1, 2\]",
        ),
        (
            lambda: cusnn.encode_population(VALUES, with_value(np.nan)[1], 1.0),
            ValueError,
            r"centers must be finite, got nan at \[2\]",
        ),
        (
            lambda: cusnn.encode_population(VALUES, VALUES, 1.0),
            ValueError,
            r"centers must be \[F\]",
        ),
        (lambda: cusnn.encode_population(VALUES, VALUES[0], 0.0), ValueError, "width must be pos"),
        (lambda: cusnn.encode_population(VALUES, VALUES[0], np.nan), ValueError, "width must be"),
        (lambda: cusnn.encode_population(VALUES, VALUES[0], "1"), TypeError, "must be a number"),
        (lambda: cusnn.decode_count(SPIKES.astype(bool)), TypeError, "must be uint8.*got bool"),
        (lambda: cusnn.decode_count(SPIKES[0, 0]), ValueError, r"must be \[T, \.\.\., N\]"),
        (lambda: cusnn.decode_count(SPIKES[..., ::2]), ValueError, "C-contiguous"),
        (lambda: cusnn.decode_count([[1]]), TypeError, "must be an array uint8"),
        (lambda: cusnn.decode_first_spike(SPIKES.T), ValueError, "C-contiguous"),
        (lambda: cusnn.decode_first_spike(SPIKES.astype("i4")), TypeError, "must be uint8"),
        (lambda: cusnn.decode_first_spike(SPIKES, backend="cuda"), TypeError, "takes cupy arrays"),
    ],
)
def test_bad_input(call, error, text):
    with pytest.raises(error, match=text):
        call()
