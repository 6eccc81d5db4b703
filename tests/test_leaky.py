"""leaky_forward and leaky_backward: closed forms, dual sums, equal bits."""

import math

import numpy as np
import pytest

import cusnn
from cusnn import LI, contract

NEURONS = [LI(7.0), LI(np.linspace(2, 9, 5), np.linspace(1, 2, 5), 0.1), LI(input="voltage")]


@pytest.fixture
def backend(backend):
    if backend.name not in contract.OPS["leaky_forward"].backends:
        pytest.skip("no kernels yet")
    return backend


def make(shape=(30, 3, 5)):
    rng = np.random.default_rng(0)
    current, grad = (rng.normal(0, 1, shape).astype(np.float32) for _ in range(2))
    return current, rng.normal(0, 1, (1, *shape[1:])).astype(np.float32), grad


def on_host(number):
    """Of a number or an array of either library."""
    return number.get() if hasattr(number, "get") else number


def run(backend, neuron, current, state, grad, final):
    current, state, grad, final = map(backend.array, (current, state, grad, final))
    done = cusnn.leaky_forward(current, state, neuron, backend=backend.name)
    found = cusnn.leaky_backward(
        grad,
        neuron,
        current=current,
        membrane=done.membrane,
        state=state,
        grad_final_state=final,
        coefficients=True,
        backend=backend.name,
    )
    return done, found


def test_a_constant_current_charges_the_membrane(backend):
    current = backend.array(np.full((40, 1, 1), 2.0, np.float32))
    state = backend.array(np.zeros((1, 1, 1), np.float32))
    done = cusnn.leaky_forward(current, state, LI(8.0, r=1.5, v_leak=0.5), backend=backend.name)
    expected = 3.5 * (1 - np.exp(-np.arange(1, 41) / 8))
    np.testing.assert_allclose(backend.numpy(done.membrane).ravel(), expected, rtol=1e-5)
    assert backend.numpy(done.final_state).ravel() == backend.numpy(done.membrane)[-1].ravel()


@pytest.mark.parametrize("neuron", NEURONS, ids=["number", "array", "voltage"])
def test_bits_and_adjoint(backend, neuron):
    current, state, grad = make()
    reference = type("Numpy", (), {"name": "numpy", "array": staticmethod(np.array)})
    expected, gradients = run(reference, neuron, current, state, grad, state)
    done, found = run(backend, neuron, current, state, grad, state)
    for one, other in zip((*expected, *gradients[:2]), (*done, *found[:2]), strict=True):
        assert one.tobytes() == backend.numpy(other).tobytes()
    # What is linear in input, state and drive: <grad, membrane> two ways.
    drive = neuron.coefficients(1.0).values[2]
    loss = np.sum(grad * expected.membrane.astype(np.float64))
    loss += np.sum(state * expected.final_state.astype(np.float64))
    dual = np.sum(gradients.current * current.astype(np.float64))
    dual += np.sum(gradients.state * state.astype(np.float64))
    dual += np.sum(gradients.coefficients["drive"] * drive)
    assert loss == pytest.approx(dual, rel=1e-4)
    for key, gradient in gradients.coefficients.items():
        np.testing.assert_allclose(on_host(found.coefficients[key]), gradient, rtol=1e-4)


def test_gradient_of_decay_by_differences():
    current, state, _ = (a.astype(np.float64) for a in make())

    def last(decay, gain):
        v = state[0]
        for x in current:
            v = decay * v + gain * x
        return v.sum()

    decay, gain = (float(v) for v in LI(7.0).coefficients(1.0).values[:2, 0])
    grad = np.zeros((30, 3, 5), np.float32)
    grad[-1] = 1
    reference = type("Numpy", (), {"name": "numpy", "array": staticmethod(np.array)})
    given = (a.astype(np.float32) for a in (current, state, grad, 0 * state))
    _, found = run(reference, LI(7.0), *given)
    h = 1e-6
    by_decay = (last(decay + h, gain) - last(decay - h, gain)) / (2 * h)
    by_gain = (last(decay, gain + h) - last(decay, gain - h)) / (2 * h)
    assert found.coefficients["decay"] == pytest.approx(by_decay, rel=1e-3)
    assert found.coefficients["gain"] == pytest.approx(by_gain, rel=1e-3)


def test_what_decays_becomes_exactly_zero(backend):
    neuron = LI(1 / math.log(2), input="voltage")
    current, state = np.zeros((140, 1, 1), np.float32), np.ones((1, 1, 1), np.float32)
    done, found = run(backend, neuron, current, state, current, state)
    np.testing.assert_array_equal(backend.numpy(done.membrane).ravel()[99:], 0)
    assert backend.numpy(done.membrane)[98] > 0
    assert backend.numpy(found.state) == 0


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda c, s, g: cusnn.leaky_forward(c[:0], s, LI()), ValueError, "one step, got T=0"),
        (lambda c, s, g: cusnn.leaky_forward(c, s, cusnn.LIF()), TypeError, "must be a cusnn.LI"),
        (lambda c, s, g: cusnn.leaky_forward(c, s[:, 1:], LI()), ValueError, "state has B=2, but"),
        (lambda c, s, g: cusnn.leaky_forward(c + np.nan, s, LI()), ValueError, "current must be f"),
        (
            lambda c, s, g: cusnn.leaky_backward(g, LI(), current=c, coefficients=True),
            ValueError,
            "gradients of coefficients need membrane, state",
        ),
        (lambda c, s, g: cusnn.leaky_backward(g + np.inf, LI()), ValueError, "grad_membrane must"),
    ],
)
def test_bad_input(call, error, text, monkeypatch):
    monkeypatch.setenv("CUSNN_BACKEND", "numpy")
    with pytest.raises(error, match=text):
        call(*make())
