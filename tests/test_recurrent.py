"""recurrent_forward and recurrent_backward: plain loops, the unrolled layer, parts; then bits."""

import numpy as np
import pytest

import cusnn
from cusnn import ALIF, LIF, CubaLIF, contract, surrogates

NEURONS = {
    "lif": LIF(tau_mem=5.0, r=3.0),
    "rest": LIF(6.0, 3.0, t_refractory=2.0, reset="soft"),
    "cuba": CubaLIF(5.0, 5.0, 1.0, 0.0, 1.0, 0.0, 0.0),
    "alif": ALIF(tau_mem=5.0, r=3.0),
    "per neuron": LIF(tau_mem=np.linspace(3, 9, 37), r=3.0),
}
SHAPE = (23, 9, 37)


@pytest.fixture
def backend(backend):
    if backend.name not in contract.OPS["recurrent_forward"].backends:
        pytest.skip("no kernels yet")
    return backend


def make(neuron, shape=SHAPE, seed=0):
    _, batch, n = shape
    rng = np.random.default_rng(seed)
    current = rng.normal(0.4, 1, shape).astype(np.float32)
    weights = rng.normal(0, 2 / np.sqrt(n), (n, n)).astype(np.float32)
    before = (rng.random((batch, n)) < 0.3).astype(np.uint8)
    return current, weights, before, cusnn.initial_state(neuron, (batch, n))


def gradients(neuron, shape=SHAPE, seed=1):
    rng = np.random.default_rng(seed)
    grad_spikes = rng.normal(0, 1, shape).astype(np.float32)
    return grad_spikes, rng.normal(0, 1, (len(neuron.state), *shape[1:])).astype(np.float32)


def forward(backend, neuron, given, **options):
    name, move = (backend.name, backend.array) if backend else ("numpy", np.array)
    options = {"packed": True, "checkpoints": True} | options
    return cusnn.recurrent_forward(*map(move, given), neuron, backend=name, **options)


def back(backend, neuron, given, grad_spikes, grad_final=None, **options):
    name, move = (backend.name, backend.array) if backend else ("numpy", np.array)
    interval = {"interval": options.get("interval", 16)}
    done = forward(backend, neuron, given, **interval)
    found = cusnn.recurrent_backward(
        *map(move, given[:3]),
        done.packed,
        done.checkpoints,
        move(grad_spikes),
        neuron,
        grad_final_state=None if grad_final is None else move(grad_final),
        backend=name,
        **options,
    )
    arrays = (a if a is None else getattr(a, "get", lambda a=a: a)() for a in found[:4])
    return cusnn.RecurrentGradients(*arrays, found.coefficients)


def same_bits(one, other):
    return (
        one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()
    )


def test_a_spike_arrives_one_step_later(backend):
    """A ring of three that forgets at once: what fired before goes round."""
    neuron = LIF(tau_mem=1e-3)
    weights = np.roll(np.eye(3, dtype=np.float32), 1, axis=1)
    current = np.zeros((4, 1, 3), np.float32)
    before = np.array([[0, 1, 0]], np.uint8)
    done = forward(backend, neuron, (current, weights, before, np.zeros((2, 1, 3), np.float32)))
    expected = [[[0, 0, 1]], [[1, 0, 0]], [[0, 1, 0]], [[0, 0, 1]]]
    assert backend.numpy(done.spikes).tolist() == expected


@pytest.mark.parametrize("name", NEURONS)
def test_steps_are_those_of_neuron_forward(backend, name):
    """Step by step, with a plain loop for what arrives."""
    neuron = NEURONS[name]
    current, weights, before, state = given = make(neuron)
    done = forward(backend, neuron, given)
    for t in range(len(current)):
        total = current[t].copy()
        for b, n in np.argwhere(before):
            total[b] += weights[n]
        step = cusnn.neuron_forward(total[None], state, neuron, backend="numpy")
        before, state = step.spikes[0], step.final_state
        assert same_bits(backend.numpy(done.spikes)[t], before)
    assert backend.numpy(done.spikes).any()
    assert same_bits(backend.numpy(done.final_state), state)


@pytest.mark.parametrize("name", NEURONS)
def test_same_bits_on_every_backend(backend, name):
    neuron = NEURONS[name]
    given, grads = make(neuron), gradients(neuron)
    one = forward(None, neuron, given, interval=5)
    for array, found in zip(one, forward(backend, neuron, given, interval=5), strict=True):
        assert same_bits(backend.numpy(found), array)
    options = {"surrogate": surrogates.ATan(), "coefficients": True}
    expected = back(None, neuron, given, *grads, **options)
    found = back(backend, neuron, given, *grads, **options, interval=5)
    for field in ("current", "spikes_before", "state"):
        assert same_bits(getattr(found, field), getattr(expected, field)), field
    if backend.name != "cuda":
        assert same_bits(found.weights, expected.weights)
    np.testing.assert_allclose(found.weights, expected.weights, rtol=1e-3, atol=1e-3)
    for key, gradient in expected.coefficients.items():
        np.testing.assert_allclose(found.coefficients[key], gradient, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("n", [67, 130])
def test_neurons_of_several_warps(backend, n):
    """More neurons than a warp of the kernels has, side by side (130) and not (67)."""
    neuron = CubaLIF(np.linspace(3, 9, n), 5.0, 1.0, 0.0, 1.0, 0.0, 0.0)
    given, grads = make(neuron, (7, 3, n)), gradients(neuron, (7, 3, n))
    options = {"interval": 3, "surrogate": surrogates.ATan(), "coefficients": True}
    one, done = forward(None, neuron, given), forward(backend, neuron, given)
    assert one.spikes[..., :64].any()
    assert one.spikes[..., 64:].any()
    assert same_bits(backend.numpy(done.spikes), one.spikes)
    assert same_bits(backend.numpy(done.packed), one.packed)
    assert same_bits(backend.numpy(done.final_state), one.final_state)
    expected, found = (back(b, neuron, given, *grads, **options) for b in (None, backend))
    for field in ("current", "spikes_before", "state"):
        assert same_bits(getattr(found, field), getattr(expected, field)), field
    np.testing.assert_allclose(found.weights, expected.weights, rtol=1e-3, atol=1e-3)
    for key, gradient in expected.coefficients.items():
        np.testing.assert_allclose(found.coefficients[key], gradient, rtol=1e-3, atol=1e-3)


def test_resets_are_detached(backend):
    neuron = NEURONS["lif"]
    given, grads = make(neuron), gradients(neuron)
    attached, expected = (
        back(None, neuron, given, *grads, detach_reset=detached) for detached in (False, True)
    )
    assert np.abs(attached.current - expected.current).max() > 1e-3
    found = back(backend, neuron, given, *grads, detach_reset=True)
    assert same_bits(found.current, expected.current)
    assert same_bits(found.state, expected.state)


def test_gradients_by_plain_loops(backend):
    """Back step by step through neuron_backward, products one by one."""
    neuron = NEURONS["rest"]
    current, weights, before, state = given = make(neuron, (9, 2, 11))
    grad_spikes, grad_state = gradients(neuron, (9, 2, 11))
    spikes = forward(None, neuron, given).spikes
    fired = np.concatenate([before[None], spikes[:-1]])
    totals = current.copy()
    for t, b, n in np.argwhere(fired):
        totals[t, b] += weights[n]
    states = cusnn.neuron_forward(
        totals, state, neuron, checkpoints=True, interval=1, backend="numpy"
    ).checkpoints
    found = back(backend, neuron, given, grad_spikes, grad_state)
    from_next, grad_weights = np.zeros((2, 11), np.float32), np.zeros((11, 11), np.float32)
    for t in reversed(range(9)):
        step = cusnn.neuron_backward(
            totals[t : t + 1],
            states[t : t + 1],
            (grad_spikes[t] + from_next)[None],
            neuron,
            grad_final_state=grad_state,
            interval=1,
            backend="numpy",
        )
        grad_state = step.state
        assert same_bits(found.current[t], step.current[0])
        from_next = np.zeros((2, 11), np.float32)
        for b, n, m in np.ndindex(2, 11, 11):
            from_next[b, n] += step.current[0, b, m] * weights[n, m]
        for b, n in np.argwhere(fired[t]):
            grad_weights[n] += step.current[0, b]
    np.testing.assert_allclose(found.weights, grad_weights, rtol=1e-5, atol=1e-6)
    assert same_bits(found.spikes_before, from_next)
    assert same_bits(found.state, grad_state)


def test_two_parts_chained_are_one(backend):
    neuron = NEURONS["cuba"]
    current, weights, before, state = given = make(neuron)
    grad_spikes, grad_final = gradients(neuron)
    whole = back(backend, neuron, given, grad_spikes, grad_final)
    first = forward(backend, neuron, (current[:10], *given[1:]))
    spikes, middle = backend.numpy(first.spikes), backend.numpy(first.final_state)
    second_given = (current[10:], weights, spikes[-1], middle)
    second = back(backend, neuron, second_given, grad_spikes[10:], grad_final)
    to_first = grad_spikes[:10].copy()
    to_first[-1] += second.spikes_before
    found = back(backend, neuron, (current[:10], weights, before, state), to_first, second.state)
    assert same_bits(np.concatenate([found.current, second.current]), whole.current)
    assert same_bits(found.spikes_before, whole.spikes_before)
    np.testing.assert_allclose(found.weights + second.weights, whole.weights, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        ({"current": np.zeros((0, 2, 3), "f4")}, ValueError, "at least one step, got T=0"),
        ({"weights": np.ones((3, 4), "f4")}, ValueError, "weights has N=4, but"),
        ({"spikes_before": np.zeros((2, 3))}, TypeError, "spikes_before must be uint8"),
        ({"state": np.full((2, 2, 3), np.nan, "f4")}, ValueError, "state must be finite, got nan"),
        ({"current": np.full((4, 2, 3), np.inf, "f4")}, ValueError, "current must be finite"),
        ({"neuron": cusnn.Izhikevich()}, TypeError, "must be one that has gradients"),
        ({"interval": 0}, ValueError, "interval must be 1 to 16, got 0"),
    ],
)
def test_bad_input(change, error, text):
    given = {
        "current": np.zeros((4, 2, 3), np.float32),
        "weights": np.ones((3, 3), np.float32),
        "spikes_before": np.zeros((2, 3), np.uint8),
        "state": np.zeros((2, 2, 3), np.float32),
        "neuron": LIF(reset="none"),
    }
    with pytest.raises(error, match=text):
        cusnn.recurrent_forward(**given | change, backend="numpy")
