"""STDP: sums over pairs of spikes in float64, events one by one, and the same bits everywhere."""

import importlib
from types import SimpleNamespace

import numpy as np
import pytest
import scipy.sparse

import cusnn
from cusnn import contract, dispatch

TAU, A_PLUS, A_MINUS, START = 20.0, 0.005, 0.0055, 0.3
RULES = {
    f"{dependence}-{pairing}": cusnn.STDP(
        tau_plus=20.0, tau_minus=30.0, a_plus=0.02, a_minus=0.03, w_min=-0.5, w_max=1.5,
        dependence=dependence, pairing=pairing,
    )
    for dependence in ("additive", "multiplicative")
    for pairing in ("all_to_all", "nearest")
}  # fmt: skip
SHAPES = [(1, 1), (31, 33), (33, 31), (1, 257), (257, 1), (70, 2100), (300, 40)]
EMPTY = [(0, 5), (5, 0), (0, 0)]
DENSITIES = {
    "silent": (0.0, 0.0),
    "only-pre": (0.05, 0.0),
    "only-post": (0.0, 0.02),
    "sparse": (0.05, 0.02),
    "busy": (0.5, 0.5),
    "always": (1.0, 1.0),
}


def csr(mask, weights):
    """What the operation needs of a CSR matrix, made from the entries under a mask."""
    rows, columns = np.nonzero(mask)
    indptr = np.concatenate([[0], np.cumsum(mask.sum(axis=1))]).astype(np.int64)
    return indptr, columns.astype(np.int32), weights[rows, columns].copy()


def make_csr(backend, parts, shape):
    return cusnn.CSR(*map(backend.array, parts), shape)


def run_trains(backend, rule, pre, post, dt=1.0, start=START):
    """Weights [N, M] after spike trains pre [T, N] and post [T, M]."""
    n, m = pre.shape[1], post.shape[1]
    weights = backend.array(np.full((n, m), start, np.float32))
    traces = [backend.array(np.zeros(k, np.float32)) for k in (n, m)]
    for spikes in zip(pre, post, strict=True):
        spikes = map(backend.array, spikes)
        cusnn.stdp_step(*spikes, *traces, weights, rule, dt=dt, backend=backend.name)
    return backend.numpy(weights)


def trains(steps, *times):
    """Spikes uint8 [steps, len(times)] from lists of steps."""
    spikes = np.zeros((steps, len(times)), np.uint8)
    for neuron, train in enumerate(times):
        spikes[list(train), neuron] = 1
    return spikes


def random_trains(steps, n, probability, seed):
    return (np.random.default_rng(seed).random((steps, n)) < probability).astype(np.uint8)


# ------------------------------------------------------------------ numbers worked out


@pytest.mark.parametrize("pairing", ["all_to_all", "nearest"])
def test_twenty_isolated_pairs(backend, pairing):
    """A postsynaptic spike 5 ms after, 5 ms before, and at the presynaptic one."""
    spikes_pre, spikes_post = trains(12, [5]), trains(12, [10], [0], [5])
    rule = cusnn.STDP(pairing=pairing)
    weights = backend.array(np.full((1, 3), START, np.float32))
    traces = [backend.array(np.zeros(n, np.float32)) for n in (1, 3)]
    for _ in range(20):
        for step in range(12):
            # The last step is 1000 ms of silence: what it leaves of a trace is below 1e-21.
            spikes = backend.array(spikes_pre[step]), backend.array(spikes_post[step])
            dt = 1000.0 if step == 11 else 1.0
            cusnn.stdp_step(*spikes, *traces, weights, rule, dt=dt, backend=backend.name)
    expected = [0.37788008, 0.21433191, 0.3]
    np.testing.assert_allclose(backend.numpy(weights)[0], expected, rtol=0, atol=1e-6)


def additive_sum(pre, post, nearest, tau=TAU):
    """The change of a weight far from its bounds: a sum over pairs of steps."""
    change = 0.0
    for t in post:
        earlier = [s for s in pre if s < t]
        for s in earlier[-1:] if nearest else earlier:
            change += A_PLUS * np.exp(-(t - s) / tau)
    for t in pre:
        earlier = [s for s in post if s < t]
        for s in earlier[-1:] if nearest else earlier:
            change -= A_MINUS * np.exp(-(t - s) / tau)
    return change


@pytest.mark.parametrize("pairing", ["all_to_all", "nearest"])
def test_regular_trains_against_a_double_sum(backend, pairing):
    pre, post = [20 * k for k in range(20)], [5 + 20 * k for k in range(20)]
    expected = START + additive_sum(pre, post, pairing == "nearest")
    rule = cusnn.STDP(pairing=pairing)
    weight = run_trains(backend, rule, trains(400, pre), trains(400, post))[0, 0]
    assert weight == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("pairing", ["all_to_all", "nearest"])
def test_irregular_trains_against_a_double_sum(backend, pairing):
    pre, post = random_trains(150, 3, 0.15, seed=5), random_trains(150, 4, 0.15, seed=6)
    coincidences = (pre[:, :, None] * post[:, None, :]).sum(axis=0)
    assert coincidences.min() >= 1
    weights = run_trains(backend, cusnn.STDP(pairing=pairing), pre, post)
    for i, j in np.ndindex(weights.shape):
        times = np.flatnonzero(pre[:, i]), np.flatnonzero(post[:, j])
        expected = START + additive_sum(*times, pairing == "nearest")
        assert weights[i, j] == pytest.approx(expected, abs=1e-6)


def test_a_finer_step_gives_the_same_weight(backend):
    pre, post = [0, 200, 400], [50, 230, 390]
    expected = START + additive_sum(pre, post, False, tau=10 * TAU)
    weight = run_trains(backend, cusnn.STDP(), trains(401, pre), trains(401, post), dt=0.1)
    assert weight[0, 0] == pytest.approx(expected, abs=1e-6)


def events(rule, pre, post):
    """Weights after every step, in float64, from what fired when and nothing else."""
    soft, nearest = rule.dependence == "multiplicative", rule.pairing == "nearest"
    weight, history, seen_pre, seen_post = START, [], [], []

    def trace(seen, now, tau):
        return sum(np.exp(-(now - t) / tau) for t in (seen[-1:] if nearest else seen))

    for now in range(pre.size):
        if pre[now]:
            scale = weight - rule.w_min if soft else 1.0
            weight -= rule.a_minus * scale * trace(seen_post, now, rule.tau_minus)
            weight = min(max(weight, rule.w_min), rule.w_max)
        if post[now]:
            scale = rule.w_max - weight if soft else 1.0
            weight += rule.a_plus * scale * trace(seen_pre, now, rule.tau_plus)
            weight = min(max(weight, rule.w_min), rule.w_max)
        seen_pre += [now] * pre[now]
        seen_post += [now] * post[now]
        history.append(weight)
    return history


@pytest.mark.parametrize("strength", [1.0, 15.0], ids=["weak", "into-the-bounds"])
@pytest.mark.parametrize("name", RULES)
def test_against_events(backend, name, strength):
    """The tolerance is the rounding of a decay, once per step of a lag, times the amplitude."""
    base = RULES[name]
    amplitudes = {"a_plus": strength * base.a_plus, "a_minus": strength * base.a_minus}
    rule = cusnn.STDP(**{**vars(base), **amplitudes})
    pre, post = random_trains(120, 5, 0.1, seed=1), random_trains(120, 6, 0.15, seed=2)
    weights = run_trains(backend, rule, pre, post)
    touched = set()
    for i, j in np.ndindex(weights.shape):
        history = events(rule, pre[:, i], post[:, j])
        assert weights[i, j] == pytest.approx(history[-1], abs=3e-6 * strength)
        touched |= set(history)
    if strength > 1 and rule.dependence == "additive":
        assert {rule.w_min, rule.w_max} <= touched


def test_depression_comes_before_potentiation(backend):
    """Both neurons fire in step 1, and both bounds are hit: the order decides where it ends."""
    rule = cusnn.STDP(a_plus=2.0, a_minus=2.0)
    traces = [backend.array(np.ones(1, np.float32)) for _ in range(2)]
    weights = backend.array(np.full((1, 1), 0.5, np.float32))
    one = backend.array(np.ones(1, np.uint8))
    cusnn.stdp_step(one, one, *traces, weights, rule, backend=backend.name)
    assert backend.numpy(weights)[0, 0] == 1.0


def test_worked_by_hand(backend):
    """Three by three, powers of two only: every number is exact."""
    rule = cusnn.STDP(
        tau_plus=1 / np.log(2), tau_minus=1 / np.log(4), a_plus=0.5, a_minus=0.25, w_max=8.0
    )
    pre, post = np.array([1, 0, 0], np.uint8), np.array([0, 0, 255], np.uint8)
    trace_pre = backend.array(np.array([2, 4, 0], np.float32))
    trace_post = backend.array(np.array([4, 0, 8], np.float32))
    weights = backend.array(np.full((3, 3), 2, np.float32))
    given = backend.array(pre), backend.array(post)
    cusnn.stdp_step(*given, trace_pre, trace_post, weights, rule, backend=backend.name)
    np.testing.assert_array_equal(
        backend.numpy(weights), [[1.75, 2, 2 - 0.5 + 0.5], [2, 2, 3], [2, 2, 2]]
    )
    np.testing.assert_array_equal(backend.numpy(trace_pre), [2, 2, 0])
    np.testing.assert_array_equal(backend.numpy(trace_post), [1, 0, 3])


@pytest.mark.parametrize("dependence", ["additive", "multiplicative"])
def test_bounds_hold(backend, dependence):
    rule = cusnn.STDP(a_plus=0.4, a_minus=0.5, w_min=0.1, w_max=0.7, dependence=dependence)
    rng = np.random.default_rng(2)
    weights = backend.array(rng.uniform(0.1, 0.7, (40, 50)).astype(np.float32))
    traces = [backend.array(np.zeros(n, np.float32)) for n in (40, 50)]
    low, high = np.float32(0.1), np.float32(0.7)
    for _ in range(30):
        spikes = [backend.array((rng.random(n) < 0.2).astype(np.uint8)) for n in (40, 50)]
        cusnn.stdp_step(*spikes, *traces, weights, rule, backend=backend.name)
        now = backend.numpy(weights)
        assert (now >= low).all()
        assert (now <= high).all()
    if dependence == "additive":
        assert (now == low).any()
        assert (now == high).any()


def test_traces_end_at_exactly_zero(backend):
    rule = cusnn.STDP(tau_plus=1.0, tau_minus=2.0)
    traces = [backend.array(np.array([1, 0], np.float32)) for _ in range(2)]
    weights = backend.array(np.zeros((2, 2), np.float32))
    silent = backend.array(np.zeros(2, np.uint8))
    values = [[], []]
    for _ in range(150):
        cusnn.stdp_step(silent, silent, *traces, weights, rule, backend=backend.name)
        for kept, trace in zip(values, traces, strict=True):
            kept.append(float(backend.numpy(trace)[0]))
    for kept, tau in zip(values, (1.0, 2.0), strict=True):
        last = int(np.ceil(tau * np.log(1e30))) - 1
        np.testing.assert_allclose(kept[:last], np.exp(-np.arange(1, last + 1) / tau), rtol=1e-5)
        assert kept[last - 1] >= 1e-30
        assert kept[last:] == [0.0] * (150 - last)


# ------------------------------------------------------------------ the same bits


def make_state(shape, seed=0):
    rng = np.random.default_rng(seed)
    n, m = shape
    weights = rng.uniform(-0.5, 1.5, shape).astype(np.float32)
    traces = [(rng.random(k) * (rng.random(k) < 0.7)).astype(np.float32) for k in (n, m)]
    for trace in traces:
        trace[::7] *= np.float32(1e-30)
    return weights, *traces


def make_spikes(shape, densities, step):
    rng = np.random.default_rng(100 + step)
    return [(rng.random(k) < p).astype(np.uint8) * 3 for k, p in zip(shape, densities, strict=True)]


def run_dense(backend, shape, densities, rule, steps=3):
    weights, *traces = map(backend.array, make_state(shape))
    for step in range(steps):
        spikes = map(backend.array, make_spikes(shape, densities, step))
        assert cusnn.stdp_step(*spikes, *traces, weights, rule, backend=backend.name) is None
    return [backend.numpy(array) for array in (weights, *traces)]


def reference(shape, densities, rule, steps=3):
    """The NumPy backend, called directly."""
    function = dispatch.function("numpy", contract.OPS["stdp_step"])
    weights, *traces = make_state(shape)
    for step in range(steps):
        function(*make_spikes(shape, densities, step), *traces, weights, rule.coefficients(1.0))
    return weights, *traces


@pytest.mark.parametrize("density", DENSITIES)
@pytest.mark.parametrize("shape", SHAPES + EMPTY, ids=lambda s: "x".join(map(str, s)))
def test_dense_bits(backend, shape, density):
    for rule in RULES.values():
        found = run_dense(backend, shape, DENSITIES[density], rule)
        for array, expected in zip(found, reference(shape, DENSITIES[density], rule), strict=True):
            np.testing.assert_array_equal(array.view(np.uint32), expected.view(np.uint32))


@pytest.mark.parametrize("density", DENSITIES)
@pytest.mark.parametrize("fill", [0.0, 0.15, 1.0])
@pytest.mark.parametrize("shape", [(1, 1), (31, 257), (300, 33), (3, 9000), *EMPTY], ids=str)
def test_csr_bits(backend, shape, fill, density):
    """What CSR keeps moves as in the dense matrix, and rows without an entry are no trouble."""
    mask = np.random.default_rng(9).random(shape) < fill
    mask[: shape[0] // 8] = False
    for name in ("additive-all_to_all", "multiplicative-nearest"):
        rule = RULES[name]
        weights, *traces = make_state(shape)
        parts = csr(mask, weights)
        matrix = make_csr(backend, parts, shape)
        traces = list(map(backend.array, traces))
        for step in range(2):
            spikes = map(backend.array, make_spikes(shape, DENSITIES[density], step))
            cusnn.stdp_step(*spikes, *traces, matrix, rule, backend=backend.name)
        dense, *expected = reference(shape, DENSITIES[density], rule, steps=2)
        np.testing.assert_array_equal(backend.numpy(matrix.weights), dense[mask])
        np.testing.assert_array_equal(backend.numpy(matrix.indices), parts[1])
        for array, trace in zip(traces, expected, strict=True):
            np.testing.assert_array_equal(backend.numpy(array), trace)


@pytest.fixture
def crowded(monkeypatch):
    """The CUDA backend with as few blocks as may be: many rows to a block, rows in turns."""
    module = importlib.import_module("cusnn.backends.cuda.stdp")
    monkeypatch.setattr(module, "ENOUGH_BLOCKS", 1)
    monkeypatch.setattr(module, "MOST_BLOCKS", 2)


@pytest.mark.usefixtures("crowded")
@pytest.mark.parametrize("density", DENSITIES)
def test_crowded_blocks(backend, density):
    shape, rule = (150, 70), RULES["multiplicative-nearest"]
    expected = reference(shape, DENSITIES[density], rule, steps=1)
    for array, right in zip(
        run_dense(backend, shape, DENSITIES[density], rule, steps=1), expected, strict=True
    ):
        np.testing.assert_array_equal(array, right)
    mask = np.random.default_rng(9).random(shape) < 0.3
    weights, *traces = make_state(shape)
    matrix = make_csr(backend, csr(mask, weights), shape)
    spikes = map(backend.array, make_spikes(shape, DENSITIES[density], 0))
    traces = map(backend.array, traces)
    cusnn.stdp_step(*spikes, *traces, matrix, rule, backend=backend.name)
    np.testing.assert_array_equal(backend.numpy(matrix.weights), expected[0][mask])


@pytest.mark.parametrize("m", [5, 400], ids=["walked-through", "touched"])
def test_silent_neurons_keep_their_weights(backend, m):
    """A weight that must not change may hold anything, and keeps every bit of it."""
    before = np.resize(np.array([7, -0.0, np.inf, np.nan, -9], np.float32), (6, m))
    pre, post = np.zeros(6, np.uint8), np.zeros(m, np.uint8)
    pre[2] = post[[0, 4]] = 1
    moved = (pre[:, None] | post) != 0
    before[moved] = 0.5
    weights = backend.array(before)
    spikes = backend.array(pre), backend.array(post)
    traces = [backend.array(np.ones(n, np.float32)) for n in (6, m)]
    cusnn.stdp_step(*spikes, *traces, weights, cusnn.STDP(), backend=backend.name)
    now = backend.numpy(weights)
    np.testing.assert_array_equal(now.view(np.uint32) != before.view(np.uint32), moved)


@pytest.mark.parametrize("density", ["only-pre", "only-post", "sparse", "busy"])
def test_nothing_else_is_written(backend, density):
    """Weights and traces that lie in the middle of larger arrays."""
    n, m = 37, 150
    buffers = [
        backend.array(np.full(shape, 77, np.float32)) for shape in ((3 * n, m), 3 * n, 3 * m)
    ]
    weights, trace_pre, trace_post = (
        buffer[k : 2 * k] for buffer, k in zip(buffers, (n, n, m), strict=True)
    )
    for array, start in zip((weights, trace_pre, trace_post), make_state((n, m)), strict=True):
        array[:] = backend.array(start)
    spikes = map(backend.array, make_spikes((n, m), DENSITIES[density], 0))
    rule = RULES["additive-all_to_all"]
    cusnn.stdp_step(*spikes, trace_pre, trace_post, weights, rule, backend=backend.name)
    for buffer, k in zip(map(backend.numpy, buffers), (n, n, m), strict=True):
        assert (buffer[:k] == 77).all()
        assert (buffer[k : 2 * k] != 77).all()
        assert (buffer[2 * k :] == 77).all()


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_any_number_of_threads(threads):
    import numba

    rule, before = RULES["multiplicative-all_to_all"], numba.get_num_threads()
    numba.set_num_threads(threads)
    try:
        backend = SimpleNamespace(name="numba", array=np.array, numpy=np.asarray)
        found = run_dense(backend, (130, 210), (0.3, 0.1), rule)
    finally:
        numba.set_num_threads(before)
    for array, expected in zip(found, reference((130, 210), (0.3, 0.1), rule), strict=True):
        np.testing.assert_array_equal(array, expected)


# ------------------------------------------------------------------ what is refused


@pytest.mark.parametrize(
    ("parameters", "text"),
    [
        ({"tau_plus": -1.0}, "tau_plus must be positive"),
        ({"tau_minus": 0.0}, "tau_minus must be positive"),
        ({"tau_plus": float("nan")}, "tau_plus must be finite"),
        ({"a_plus": float("inf")}, "a_plus must be finite"),
        ({"a_minus": 1e39}, "a_minus must be finite in float32"),
        ({"w_min": 1.0, "w_max": 1.0}, "w_min=1.0 must lie below w_max=1.0"),
        (
            {"w_min": 1 - 1e-9, "w_max": 1.0},
            "w_min=0.999999999 must lie below w_max=1.0 in float32",
        ),
        ({"w_max": "1"}, "w_max must be a number"),
        ({"w_max": np.ones(2)}, "w_max must be a number"),
        ({"dependence": np.array(["additive"])}, "dependence must be one of additive"),
        ({"pairing": np.zeros(2)}, "pairing must be one of all_to_all"),
        ({"dependence": "soft"}, "dependence must be one of additive, multiplicative"),
        ({"pairing": "all"}, "pairing must be one of all_to_all, nearest"),
    ],
)
def test_bad_rules(parameters, text):
    with pytest.raises(ValueError, match=text):
        cusnn.STDP(**parameters)


@pytest.mark.parametrize("dt", [0.0, -1.0, float("nan"), "1", True, np.ones(1)])
def test_bad_steps(dt):
    with pytest.raises(ValueError, match="dt must be"):
        cusnn.STDP().coefficients(dt)


def test_coefficients():
    c = cusnn.STDP(tau_plus=10.0, tau_minus=40.0, w_max=0.1).coefficients(0.5)
    assert c.decay_pre == np.float32(np.exp(-0.05))
    assert c.decay_post == np.float32(np.exp(-0.0125))
    assert all(isinstance(value, np.float32) for value in (c.decay_pre, c.a_plus, c.w_max))
    assert cusnn.STDP(tau_plus=10.0, tau_minus=40.0, w_max=0.1).coefficients(np.array(0.5)) == c
    assert cusnn.STDP() == cusnn.STDP()
    assert hash(cusnn.STDP()) == hash(cusnn.STDP(tau_plus=20))


def arguments(**changed):
    arrays = {
        "spikes_pre": np.ones(3, np.uint8),
        "spikes_post": np.ones(4, np.uint8),
        "trace_pre": np.zeros(3, np.float32),
        "trace_post": np.zeros(4, np.float32),
        "weights": np.zeros((3, 4), np.float32),
        "rule": cusnn.STDP(),
    }
    return arrays | changed


def infinite(n):
    trace = np.zeros(n, np.float32)
    trace[2] = np.inf
    return trace


def read_only(shape):
    weights = np.zeros(shape, np.float32)
    weights.setflags(write=False)
    return weights


SHARED = np.zeros(4, np.float32)
SQUARE = np.zeros((3, 4), np.float32)


@pytest.mark.parametrize(
    ("changed", "error", "text"),
    [
        ({"weights": np.zeros((4, 3), "f4")}, ValueError, "weights has N=4"),
        ({"trace_post": np.zeros(3, "f4")}, ValueError, "trace_post has M=3"),
        ({"spikes_pre": np.ones(3, bool)}, TypeError, "must be uint8.*got bool"),
        ({"weights": np.zeros((3, 4))}, TypeError, "must be float32"),
        ({"weights": np.zeros((4, 3), "f4").T}, ValueError, "C-contiguous"),
        ({"weights": read_only((3, 4))}, ValueError, "read-only"),
        ({"trace_pre": infinite(3)}, ValueError, r"trace_pre must be finite, got inf at \[2\]"),
        ({"trace_post": infinite(4)}, ValueError, "trace_post must be finite"),
        ({"rule": None}, TypeError, "rule must be a cusnn.STDP, got NoneType"),
        ({"dt": 0.0}, ValueError, "dt must be a positive"),
        ({"backend": "opencl"}, ValueError, "backend must be one of"),
        (
            {"trace_pre": SQUARE[0, :3], "weights": SQUARE},
            ValueError,
            "pre shares memory with weights",
        ),
        (
            {"trace_pre": SHARED[:3], "trace_post": SHARED},
            ValueError,
            "pre shares memory with trace_post",
        ),
    ],
)
def test_bad_input(changed, error, text):
    given = arguments(**changed)
    before = np.array(given["weights"])
    with pytest.raises(error, match=text):
        cusnn.stdp_step(**given)
    np.testing.assert_array_equal(given["weights"], before)


def test_csr_of_another_shape():
    parts = csr(np.ones((3, 5), bool), np.zeros((3, 5), np.float32))
    numpy_arrays = SimpleNamespace(array=np.array)
    with pytest.raises(ValueError, match=r"shape \[3, 5\].*N=3 and M=4"):
        cusnn.stdp_step(**arguments(weights=make_csr(numpy_arrays, parts, (3, 5))))


def test_a_matrix_of_scipy_is_named_with_what_to_do():
    matrix = scipy.sparse.csr_array((3, 4), dtype=np.float32)
    pre, post = np.zeros(3, np.uint8), np.zeros(4, np.uint8)
    traces = np.zeros(3, np.float32), np.zeros(4, np.float32)
    with pytest.raises(TypeError, match=r"weights is a csr_array; convert it with CSR.from_scipy"):
        cusnn.stdp_step(pre, post, *traces, matrix, cusnn.STDP())
