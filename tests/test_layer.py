"""layer_forward and layer_backward: by hand, plain loops, linear filters, adjoints; then bits."""

import math

import numpy as np
import pytest

import cusnn
from cusnn import ALIF, LIF, CubaLIF, contract, dispatch, surrogates
from cusnn.ops import layer

NEURONS = {
    "lif": LIF(tau_mem=5.0, r=5.0),
    "rest": LIF(8.0, 8.0, 0.1, t_refractory=2.0, reset="soft"),
    "cuba": CubaLIF(5.0, 3.0, 3.0, 0.0, 1.0, 0.0, 1.0),
    "alif": ALIF(tau_mem=5.0, r=5.0),
}
# (T, B, N, M): one of each; odd; chunks of inputs and tiles of columns; more samples than go
# together; many samples and few columns.
SHAPES = [(1, 1, 1, 1), (37, 3, 33, 31), (9, 2, 1100, 70), (20, 21, 40, 33), (5, 40, 20, 2)]


def ids(value):
    return "x".join(map(str, value)) if isinstance(value, tuple) else None


@pytest.fixture
def backend(backend):
    if backend.name not in contract.OPS["layer_forward"].backends:
        pytest.skip("no kernels yet")
    return backend


def make(shape, density=0.15, seed=0, exact=False):
    """Spikes, weights, bias; ``exact``: such that every order of adding gives the same."""
    steps, batch, n, m = shape
    rng = np.random.default_rng(seed)
    spikes = (rng.random((steps, batch, n)) < density).astype(np.uint8)
    weights = rng.normal(1 / (n * density + 1), 1.5 / math.sqrt(n * density + 1), (n, m))
    bias = rng.normal(0.2, 0.3, m)
    if exact:
        weights, bias = np.round(weights * 64) / 64, np.round(bias * 64) / 64
    return spikes, weights.astype(np.float32), bias.astype(np.float32)


def make_gradients(shape, states, seed=1):
    steps, batch, _, m = shape
    rng = np.random.default_rng(seed)
    grad_spikes = rng.normal(0, 1, (steps, batch, m)).astype(np.float32)
    return grad_spikes, rng.normal(0, 1, (states, batch, m)).astype(np.float32)


def start(neuron, shape):
    return cusnn.initial_state(neuron, (shape[1], shape[3]))


def forward(backend, spikes, weights, neuron, bias=None, state=None, **options):
    name, move = (backend.name, backend.array) if backend else ("numpy", np.array)
    shape = (*spikes.shape, weights.shape[1])
    packed = cusnn.spike_pack(spikes, backend="numpy")
    return cusnn.layer_forward(
        move(packed),
        move(weights),
        move(start(neuron, shape) if state is None else state),
        neuron,
        bias=None if bias is None else move(bias),
        backend=name,
        **{"packed": True, "checkpoints": True, "currents": True} | options,
    )


def back(backend, spikes, weights, neuron, grad_spikes, grad_final, bias=None, **options):
    """Forward for the checkpoints, then layer_backward; NumPy arrays out."""
    name, move = (backend.name, backend.array) if backend else ("numpy", np.array)
    both = {key: options[key] for key in ("interval", "method") if key in options}
    done = forward(backend, spikes, weights, neuron, bias, **both)
    given = done.currents if options.pop("given", False) else None
    found = cusnn.layer_backward(
        move(cusnn.spike_pack(spikes, backend="numpy")),
        move(weights),
        done.checkpoints,
        move(grad_spikes),
        neuron,
        bias=None if bias is None else move(bias),
        currents=given,
        grad_final_state=None if grad_final is None else move(grad_final),
        backend=name,
        **options,
    )
    arrays = (
        None if a is None else np.asarray(getattr(a, "get", lambda a=a: a)()) for a in found[:4]
    )
    return cusnn.LayerGradients(*arrays, found.coefficients)


def same_bits(one, other):
    return (
        one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()
    )


def assert_within(actual, terms, exact):
    """Any order of adding float32 numbers, of this sum of magnitudes."""
    count, magnitude = terms
    assert (np.abs(actual - exact) <= (count + 1) * 2.0**-23 * magnitude + 1e-30).all()


# ------------------------------------------------------------------ forward


def test_two_steps_by_hand(backend):
    """decay 1/2, gain 1/2: currents 1.5 and 3 + 0.25; v_pre 0.75, then 0.375 + 1.625 = 2 fires."""
    neuron = LIF(tau_mem=1 / math.log(2), v_reset=-0.25)
    spikes = np.array([[[1, 0, 1]], [[0, 1, 0]]], np.uint8)
    weights = np.array([[1.0, 0], [3.0, 8], [0.25, -1]], np.float32)
    done = forward(backend, spikes, weights, neuron, np.array([0.25, 0], np.float32))
    np.testing.assert_array_equal(backend.numpy(done.currents), [[[1.5, -1]], [[3.25, 8]]])
    np.testing.assert_array_equal(backend.numpy(done.spikes), [[[0, 0]], [[1, 1]]])
    np.testing.assert_array_equal(backend.numpy(done.packed), [[[0]], [[3]]])
    np.testing.assert_array_equal(backend.numpy(done.final_state)[0], [[-0.25, -0.25]])


def plain_loop(spikes, weights, bias, neuron, state):
    """One number at a time; LIF."""
    c = neuron.coefficients(1.0)
    decay, gain, drive, v_threshold, v_reset = c.values[:, 0]
    steps, batch, _ = spikes.shape
    fired = np.zeros((steps, batch, weights.shape[1]), np.uint8)
    currents = np.zeros(fired.shape, np.float32)
    for b, m in np.ndindex(fired.shape[1:]):
        v, left = state[0, b, m], state[1, b, m]
        for t in range(steps):
            current = np.float32(0) if bias is None else bias[m]
            for n in np.flatnonzero(spikes[t, b]):
                current = current + weights[n, m]
            currents[t, b, m] = current
            v_pre = v if left > 0 else decay * v + (gain * current + drive)
            fires = v_pre >= v_threshold and left <= 0
            fired[t, b, m] = fires
            soft = neuron.reset == "soft"
            v = (v_pre - (v_threshold - v_reset) if soft else v_reset) if fires else v_pre
            left = c.refractory_steps if fires else max(left - 1, 0)
    return fired, currents


@pytest.mark.parametrize("with_bias", [False, True])
@pytest.mark.parametrize("name", ["lif", "rest"])
def test_spikes_are_those_of_a_plain_loop(backend, name, with_bias):
    neuron = NEURONS[name]
    spikes, weights, bias = make((25, 2, 40, 35))
    bias = bias if with_bias else None
    state = start(neuron, (25, 2, 40, 35))
    fired, currents = plain_loop(spikes, weights, bias, neuron, state)
    done = forward(backend, spikes, weights, neuron, bias)
    assert fired.any()
    assert same_bits(backend.numpy(done.currents), currents)
    assert same_bits(backend.numpy(done.spikes), fired)


@pytest.mark.parametrize("name", NEURONS)
@pytest.mark.parametrize("shape", SHAPES, ids=ids)
def test_bits_are_those_of_product_and_neuron(backend, shape, name):
    neuron = NEURONS[name]
    spikes, weights, _ = make(shape)
    product = cusnn.spike_matmul(spikes, weights, backend="numpy")
    state = start(neuron, shape)
    options = {"packed": True, "checkpoints": True, "interval": 5, "backend": "numpy"}
    expected = cusnn.neuron_forward(product, state, neuron, **options)
    done = forward(backend, spikes, weights, neuron, interval=5)
    for field, array in expected._asdict().items():
        assert same_bits(backend.numpy(getattr(done, field)), array), field
    assert same_bits(backend.numpy(done.currents), product)
    assert expected.spikes.any() or shape[0] < 9


def test_parameters_per_neuron(backend):
    shape = (30, 5, 50, 70)
    spikes, weights, bias = make(shape)
    neuron = LIF(tau_mem=np.linspace(2, 9, 70), v_threshold=np.linspace(0.3, 1, 70))
    expected = forward(None, spikes, weights, neuron, bias)
    done = forward(backend, spikes, weights, neuron, bias)
    assert same_bits(backend.numpy(done.spikes), expected.spikes)
    grads = make_gradients(shape, 2)
    expected = back(None, spikes, weights, neuron, *grads, bias, coefficients=True)
    found = back(backend, spikes, weights, neuron, *grads, bias, coefficients=True)
    assert same_bits(found.state, expected.state)
    for key, gradient in expected.coefficients.items():
        assert gradient.shape == (70,)
        np.testing.assert_allclose(found.coefficients[key], gradient, rtol=1e-4, atol=1e-5)


def test_dense_is_the_same_where_nothing_is_rounded(backend):
    shape = (40, 3, 70, 50)
    spikes, weights, bias = make(shape, 0.5, exact=True)
    expected = forward(backend, spikes, weights, NEURONS["rest"], bias, method="event")
    done = forward(backend, spikes, weights, NEURONS["rest"], bias, method="dense")
    for one, other in zip(done, expected, strict=True):
        assert same_bits(backend.numpy(one), backend.numpy(other))


def test_dense_currents_are_within_their_bound(backend):
    spikes, weights, bias = make((10, 3, 300, 50), 0.5)
    done = forward(backend, spikes, weights, NEURONS["lif"], bias, method="dense")
    exact = spikes.astype(np.float64) @ weights + bias
    magnitude = spikes @ np.abs(weights.astype(np.float64)) + np.abs(bias)
    assert_within(backend.numpy(done.currents), (301, magnitude), exact)


@pytest.mark.parametrize(("density", "expected"), [(0.1, "event"), (0.6, "dense")])
def test_the_method_follows_the_density(monkeypatch, density, expected):
    spikes, weights, _ = make((20, 3, 64, 8), density)
    seen = []

    def spy(name, op):
        def call(**arrays):
            seen.append(arrays.get("method"))
            return function(name, op)(**arrays)

        return call

    function = dispatch.function
    done = forward(None, spikes, weights, LIF())
    packed = cusnn.spike_pack(spikes, backend="numpy")
    monkeypatch.setattr(dispatch, "function", spy)
    monkeypatch.setitem(layer.CROSSOVER, "numpy", 0.3)
    cusnn.layer_forward(packed, weights, done.final_state, LIF(), backend="numpy")
    grads = np.ones_like(done.currents)
    cusnn.layer_backward(packed, weights, done.checkpoints, grads, LIF(), backend="numpy")
    assert seen == [expected, expected]


def test_outputs_are_written_again_and_the_state_in_place(backend):
    spikes, weights, bias = make((20, 3, 40, 35))
    neuron = NEURONS["cuba"]
    packed = backend.array(cusnn.spike_pack(spikes, backend="numpy"))
    given = (packed, backend.array(weights))
    options = {"bias": backend.array(bias), "packed": True, "backend": backend.name}
    state = backend.array(start(neuron, (20, 3, 40, 35)))
    first = cusnn.layer_forward(*given, state, neuron, **options)
    expected = [None if a is None else backend.numpy(a).copy() for a in first]
    second = cusnn.layer_forward(
        *given, state, neuron, **options, out=first._replace(final_state=state)
    )
    assert second.final_state is state
    assert second.spikes is first.spikes
    assert second.currents is second.checkpoints is None
    for array, wanted in zip(second, expected, strict=True):
        assert wanted is None or same_bits(backend.numpy(array), wanted)


def test_two_parts_chained_are_one(backend):
    shape = (40, 3, 50, 35)
    neuron = NEURONS["cuba"]
    spikes, weights, bias = make(shape)
    whole = forward(backend, spikes, weights, neuron, bias)
    first = forward(backend, spikes[:23], weights, neuron, bias)
    state = backend.numpy(first.final_state)
    second = forward(backend, spikes[23:], weights, neuron, bias, state=state)
    joined = np.concatenate([backend.numpy(part.spikes) for part in (first, second)])
    assert same_bits(joined, backend.numpy(whole.spikes))
    assert same_bits(backend.numpy(second.final_state), backend.numpy(whole.final_state))


def test_silent_rows_do_not_matter(backend):
    spikes, weights, _ = make((20, 3, 70, 40))
    spikes[..., ::3] = 0
    expected = forward(backend, spikes, weights, LIF())
    weights[::3] = np.nan
    done = forward(backend, spikes, weights, LIF())
    assert same_bits(backend.numpy(done.spikes), backend.numpy(expected.spikes))


# ------------------------------------------------------------------ backward


def in_order(spikes, grad_current):
    """Gradients of weights and bias by plain loops: last step first, first sample first."""
    grad_weights = np.zeros((spikes.shape[2], grad_current.shape[2]), np.float32)
    grad_bias = np.zeros(grad_current.shape[2], np.float32)
    for t in reversed(range(spikes.shape[0])):
        for b in range(spikes.shape[1]):
            grad_bias += grad_current[t, b]
            for n in np.flatnonzero(spikes[t, b]):
                grad_weights[n] += grad_current[t, b]
    return grad_weights, grad_bias


@pytest.mark.parametrize("given", [False, True])
@pytest.mark.parametrize("name", NEURONS)
@pytest.mark.parametrize("shape", SHAPES, ids=ids)
def test_gradients_are_those_of_neuron_and_product(backend, shape, name, given):
    neuron, surrogate = NEURONS[name], surrogates.ATan()
    spikes, weights, bias = make(shape)
    grad_spikes, grad_final = make_gradients(shape, len(neuron.state))
    done = forward(None, spikes, weights, neuron, bias, interval=5)
    options = {"surrogate": surrogate, "interval": 5, "coefficients": True}
    expected = cusnn.neuron_backward(
        done.currents,
        done.checkpoints,
        grad_spikes,
        neuron,
        grad_final_state=grad_final,
        backend="numpy",
        **options,
    )
    found = back(
        backend,
        spikes,
        weights,
        neuron,
        grad_spikes,
        grad_final,
        bias,
        given=given,
        grad_spikes_in=True,
        **options,
    )
    grad_weights, grad_bias = in_order(spikes, expected.current)
    if backend.name == "cuda":
        grad = expected.current.reshape(-1, shape[3]).astype(np.float64)
        fired = spikes.reshape(-1, shape[2]).T
        terms = (len(grad), fired @ np.abs(grad))
        assert_within(found.weights, terms, fired @ grad)
        assert_within(found.bias, (len(grad), np.abs(grad).sum(0)), grad.sum(0))
    else:
        assert same_bits(found.weights, grad_weights)
        assert same_bits(found.bias, grad_bias)
    assert same_bits(found.state, expected.state)
    exact = expected.current.astype(np.float64) @ weights.T
    magnitude = np.abs(expected.current.astype(np.float64)) @ np.abs(weights.T)
    assert_within(found.spikes_in, (shape[3], magnitude), exact)
    for key, gradient in expected.coefficients.items():
        np.testing.assert_allclose(found.coefficients[key], gradient, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", ["lif", "rest"])
def test_resets_are_detached(backend, name):
    shape = (20, 3, 40, 35)
    spikes, weights, bias = make(shape)
    given = (spikes, weights, NEURONS[name], *make_gradients(shape, 2), bias)
    attached, expected = (back(None, *given, detach_reset=d) for d in (False, True))
    assert np.abs(attached.state - expected.state).max() > 1e-3
    found = back(backend, *given, detach_reset=True)
    assert same_bits(found.state, expected.state)
    np.testing.assert_allclose(found.weights, expected.weights, rtol=1e-4, atol=1e-5)


def test_order_is_from_the_last_step(backend):
    """In float32 1e8 + 1 - 1e8 is 0, and 1e8 - 1e8 + 1 is 1."""
    spikes = np.ones((3, 1, 1), np.uint8)
    grad = np.array([1, -1e8, 1e8], np.float32).reshape(3, 1, 1)
    neuron = LIF(tau_mem=1e-3, v_threshold=5.0)  # forgets at once; gain 1
    found = back(
        backend,
        spikes,
        np.zeros((1, 1), np.float32),
        neuron,
        grad,
        None,
        grad_bias=True,
        surrogate=surrogates.StraightThrough(),
        detach_reset=True,
    )
    assert found.weights.tolist() == [[1.0]]
    assert found.bias.tolist() == [1.0]


def test_below_threshold_the_layer_is_linear(backend):
    """The final voltage is linear in weights and bias: its gradients are exact differences."""
    shape = (30, 2, 9, 5)
    neuron = LIF(tau_mem=7.0, v_threshold=1e6)
    spikes, weights, bias = make(shape, 0.3)
    ends = np.zeros((2, 2, 5), np.float32)
    ends[0, 1, 3] = 1
    found = back(
        backend,
        spikes,
        weights,
        neuron,
        np.zeros((30, 2, 5), np.float32),
        ends,
        bias,
        surrogate=surrogates.Triangle(width=1e-3),
    )
    for n in range(9):
        changed = weights.copy()
        changed[n, 3] += 4
        one, other = (
            backend.numpy(forward(backend, spikes, w, neuron, bias).final_state)[0, 1, 3]
            for w in (changed, weights)
        )
        assert found.weights[n, 3] == pytest.approx((one - other) / 4, rel=1e-4, abs=1e-6)
    decay = math.exp(-1 / 7)
    assert found.bias[3] == pytest.approx(1 - decay**30, rel=1e-5)
    assert found.weights.any(0).tolist() == (np.arange(5) == 3).tolist()


def test_adjoint_identity(backend):
    """<G, S W> = <dW, W> = <dS, S>, with G what reaches the currents."""
    shape = (25, 3, 60, 40)
    spikes, weights, _ = make(shape, exact=True)
    grads = make_gradients(shape, 2)
    found = back(backend, spikes, weights, NEURONS["lif"], *grads, grad_spikes_in=True)
    done = forward(None, spikes, weights, NEURONS["lif"])
    grad_current = cusnn.neuron_backward(
        done.currents,
        done.checkpoints,
        grads[0],
        NEURONS["lif"],
        grad_final_state=grads[1],
        backend="numpy",
    ).current
    loss = np.sum(grad_current.astype(np.float64) * done.currents)
    assert np.sum(found.weights.astype(np.float64) * weights) == pytest.approx(loss, rel=1e-4)
    assert np.sum(found.spikes_in.astype(np.float64) * spikes) == pytest.approx(loss, rel=1e-4)


def test_dense_gradients(backend):
    shape = (30, 3, 70, 40)
    spikes, weights, bias = make(shape, 0.5, exact=True)
    grads = make_gradients(shape, 3)
    options = {"interval": 7, "coefficients": True, "grad_spikes_in": True}
    given = (spikes, weights, NEURONS["cuba"], *grads, bias)
    expected = back(None, *given, **options, method="event")
    found = back(backend, *given, **options, method="dense")
    assert same_bits(found.state, expected.state)
    np.testing.assert_allclose(found.weights, expected.weights, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(found.bias, expected.bias, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(found.spikes_in, expected.spikes_in, rtol=1e-3, atol=1e-3)
    for key, gradient in expected.coefficients.items():
        np.testing.assert_allclose(found.coefficients[key], gradient, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("interval", [1, 3, 16])
def test_the_interval_does_not_matter(backend, interval):
    shape = (35, 3, 40, 35)
    spikes, weights, bias = make(shape)
    grads = make_gradients(shape, 2)
    expected = back(None, spikes, weights, NEURONS["rest"], *grads, bias)
    found = back(backend, spikes, weights, NEURONS["rest"], *grads, bias, interval=interval)
    if backend.name != "cuda":
        assert same_bits(found.weights, expected.weights)
        assert same_bits(found.bias, expected.bias)
    np.testing.assert_allclose(found.weights, expected.weights, rtol=1e-4, atol=1e-5)
    assert same_bits(found.state, expected.state)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_bits_do_not_depend_on_threads_or_memory(monkeypatch, threads):
    """Nor on how much is made at a time."""
    import numba

    from cusnn.backends.numba_cpu import layer as compiled

    shape = (70, 5, 300, 200)
    spikes, weights, bias = make(shape)
    grads = make_gradients(shape, 2)
    expected = forward(None, spikes, weights, LIF(tau_mem=4.0), bias)
    gradients = back(None, spikes, weights, LIF(tau_mem=4.0), *grads, bias)
    assert 0.01 < expected.spikes.mean() < 0.5
    before = numba.get_num_threads()
    numba.set_num_threads(threads)
    monkeypatch.setattr(compiled, "MOST_LISTED", 5000)
    monkeypatch.setattr(compiled, "MOST_NUMBERS", 50_000)
    try:
        numba_here = type("Numba", (), {"name": "numba", "array": staticmethod(np.array)})
        done = forward(numba_here, spikes, weights, LIF(tau_mem=4.0), bias)
        for one, other in zip(done, expected, strict=True):
            assert same_bits(one, other)
        for wanted in (False, True):
            found = back(
                numba_here, spikes, weights, LIF(tau_mem=4.0), *grads, bias, grad_spikes_in=wanted
            )
            for field in ("weights", "bias", "state"):
                assert same_bits(getattr(found, field), getattr(gradients, field))
    finally:
        numba.set_num_threads(before)


def test_more_steps_and_samples_than_go_together(backend):
    """The kernels list 512 of them at a time."""
    shape = (60, 20, 9, 3)
    spikes, weights, bias = make(shape, 0.5)
    grads = make_gradients(shape, 2)
    given = (spikes, weights, LIF(tau_mem=3.0), *grads, bias)
    expected = back(None, *given, method="event")
    found = back(backend, *given, method="event")
    assert same_bits(found.state, expected.state)
    np.testing.assert_allclose(found.weights, expected.weights, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(found.bias, expected.bias, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("method", ["event", "dense"])
def test_emulated_parts_of_the_way_back_are_joined(monkeypatch, method):
    """Where the GPU's workspace takes a few steps only, each part goes on where the last ended."""
    from conftest import use_emulator

    from cusnn.backends.cuda import layer as kernels

    use_emulator(monkeypatch)
    emulated = type("Emulated", (), {"name": "cuda", "array": staticmethod(np.array)})
    shape = (20, 3, 40, 35)
    spikes, weights, bias = make(shape, exact=True)
    given = (spikes, weights, NEURONS["rest"], *make_gradients(shape, 2), bias)
    options = {"interval": 4, "coefficients": True, "grad_spikes_in": True, "method": method}
    whole = back(emulated, *given, **options)
    monkeypatch.setattr(kernels, "WORKSPACE", 4 * 8 * 3 * 35)
    parts = back(emulated, *given, **options)
    assert same_bits(parts.state, whole.state)
    if method == "event":
        assert same_bits(parts.weights, whole.weights)
        assert same_bits(parts.bias, whole.bias)
    np.testing.assert_allclose(parts.weights, whole.weights, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(parts.bias, whole.bias, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(parts.spikes_in, whole.spikes_in, rtol=1e-4, atol=1e-4)
    for key, gradient in whole.coefficients.items():
        assert parts.coefficients[key] == gradient


def test_only_what_is_asked_for(backend):
    shape = (20, 3, 40, 35)
    spikes, weights, bias = make(shape)
    grads = make_gradients(shape, 2)
    everything = back(
        backend, spikes, weights, LIF(), *grads, bias, grad_spikes_in=True, coefficients=True
    )
    assert all(part is not None for part in everything)
    found = back(backend, spikes, weights, LIF(), *grads, bias, grad_weights=False, grad_bias=False)
    assert found.weights is found.bias is found.spikes_in is found.coefficients is None
    assert same_bits(found.state, everything.state)
    without = back(backend, spikes, weights, LIF(), *grads)
    assert without.bias is None


def test_gradients_are_written_again(backend):
    shape = (20, 3, 40, 35)
    spikes, weights, _ = make(shape)
    grad_spikes, _ = make_gradients(shape, 2)
    done = forward(backend, spikes, weights, LIF())
    packed = backend.array(cusnn.spike_pack(spikes, backend="numpy"))
    given = (packed, backend.array(weights), done.checkpoints, backend.array(grad_spikes), LIF())
    first = cusnn.layer_backward(*given, backend=backend.name)
    expected = backend.numpy(first.weights).copy()
    second = cusnn.layer_backward(*given, out=first, backend=backend.name)
    assert second.weights is first.weights
    assert same_bits(backend.numpy(second.weights), expected)


# ------------------------------------------------------------------ bad input

PACKED = np.ones((4, 2, 1), np.uint32)
WEIGHTS = np.ones((3, 5), np.float32)
STATE = np.zeros((2, 2, 5), np.float32)
POINTS = np.zeros((1, 2, 2, 5), np.float32)
GRADS = np.ones((4, 2, 5), np.float32)


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        ({"packed_in": PACKED[:0]}, ValueError, "must be at least one step, got T=0"),
        ({"packed_in": PACKED[:, :0], "state": STATE[:, :0]}, ValueError, "one sample, got B=0"),
        ({"weights": WEIGHTS[:, :0], "state": STATE[..., :0]}, ValueError, "one neuron, got M=0"),
        ({"weights": np.ones((33, 5), "f4")}, ValueError, "must have 2 words for the N=33 rows"),
        ({"weights": WEIGHTS.astype("f8")}, TypeError, r"weights must be float32 \[N, M\], got"),
        ({"weights": WEIGHTS[:, ::-1]}, ValueError, "weights must be C-contiguous"),
        ({"packed_in": PACKED.astype("u1")}, TypeError, "packed_in must be uint32"),
        ({"packed_in": PACKED << 3}, ValueError, "packed_in has spikes of neurons past the last"),
        ({"state": STATE[:1]}, ValueError, "state has S=1, but the call has S=2"),
        ({"bias": np.ones(4, "f4")}, ValueError, "bias has M=4, but weights has M=5"),
        ({"neuron": LIF(tau_mem=np.ones(4))}, ValueError, "parameters for 4 neurons, but .* M=5"),
        ({"neuron": cusnn.Izhikevich()}, TypeError, "must be one that has gradients"),
        ({"neuron": LIF}, TypeError, "must be one that has gradients"),
        ({"neuron": None}, TypeError, "must be one that has gradients"),
        ({"interval": 17}, ValueError, "interval must be 1 to 16, got 17"),
        ({"method": "sparse"}, ValueError, "method must be one of auto, event, dense, got 'spar"),
        ({"out": (1, 2)}, TypeError, "out must be a LayerForward, got tuple"),
        ({"state": STATE + np.nan}, ValueError, r"state must be finite, got nan at \[0, 0, 0\]"),
        ({"weights": WEIGHTS + np.inf}, ValueError, r"weights must be finite, got inf at \[0, 0\]"),
        ({"bias": WEIGHTS[0] + np.nan}, ValueError, r"bias must be finite, got nan at \[0\]"),
        ({"weights": WEIGHTS * np.float32(3e38)}, ValueError, "overflowed float32: scale the wei"),
    ],
)
def test_bad_input_forward(change, error, text):
    given = {"packed_in": PACKED, "weights": WEIGHTS, "state": STATE, "neuron": LIF(reset="none")}
    if "overflowed" in text:
        given["packed_in"] = PACKED * 7
    with pytest.raises(error, match=text):
        cusnn.layer_forward(**given | change, backend="numpy")


def test_outputs_may_not_lie_in_the_weights():
    room = np.zeros((8, 5), np.float32)
    out = cusnn.layer_forward(PACKED, WEIGHTS, STATE, LIF(), currents=True, backend="numpy")
    out = out._replace(currents=room.reshape(4, 2, 5))
    with pytest.raises(ValueError, match="currents shares memory with weights; pass another out"):
        cusnn.layer_forward(PACKED, room[:3], STATE, LIF(), currents=True, out=out, backend="numpy")
    grads = cusnn.layer_backward(PACKED, room[:3], POINTS, GRADS, LIF(), backend="numpy")
    with pytest.raises(ValueError, match="grad_weights shares memory with weights"):
        cusnn.layer_backward(
            PACKED,
            room[:3],
            POINTS,
            GRADS,
            LIF(),
            out=grads._replace(weights=room[1:4]),
            backend="numpy",
        )


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        ({"checkpoints": POINTS[:0]}, ValueError, "checkpoints has Q=0, but the call has Q=1"),
        ({"checkpoints": POINTS + np.nan}, ValueError, "checkpoints must be finite, got nan"),
        ({"grad_spikes": GRADS[:3]}, ValueError, "grad_spikes has T=3, but packed_in has T=4"),
        ({"grad_spikes": GRADS + np.inf}, ValueError, "grad_spikes must be finite, got inf"),
        ({"grad_final_state": STATE + np.nan}, ValueError, "grad_final_state must be finite"),
        ({"currents": GRADS[..., :4]}, ValueError, "currents must be C-contiguous"),
        ({"currents": GRADS + np.nan}, ValueError, r"currents must be finite, got nan at \[0, 0"),
        ({"surrogate": "atan"}, TypeError, "surrogate must be one of cusnn.surrogates"),
        ({"out": STATE}, TypeError, "out must be a LayerGradients"),
        ({"packed_in": PACKED | 8}, ValueError, "packed_in has spikes of neurons past the last"),
    ],
)
def test_bad_input_backward(change, error, text):
    given = {
        "packed_in": PACKED,
        "weights": WEIGHTS,
        "checkpoints": POINTS,
        "grad_spikes": GRADS,
        "neuron": LIF(),
    }
    with pytest.raises(error, match=text):
        cusnn.layer_backward(**given | change, backend="numpy")


def test_gradients_that_overflow_are_passed_on():
    found = cusnn.layer_backward(
        PACKED, WEIGHTS, POINTS, GRADS * np.float32(3e38), LIF(tau_mem=0.1), backend="numpy"
    )
    assert found.weights.shape == (3, 5)
