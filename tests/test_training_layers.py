"""Layers, losses, optimizers and decoders of cusnn.training, each against mathematics."""

from dataclasses import replace

import numpy as np
import pytest

from cusnn import conventions, surrogates
from cusnn.neurons import ALIF, LI, LIF, CubaLIF, Izhikevich
from cusnn.training import (
    SGD,
    Activity,
    Adam,
    Cosine,
    CrossEntropyCount,
    CrossEntropyMaxMembrane,
    CrossEntropyMeanMembrane,
    LowerRate,
    MSECount,
    Readout,
    Sequential,
    SpikingDense,
    SpikingRecurrent,
    UpperRate,
    accuracy,
    confusion_matrix,
    decode,
)
from cusnn.training.dynamics import Dynamics, slopes_by_tau
from cusnn.training.initial import drawn, response_sums, width

T, B, N, M = 12, 5, 7, 4
LABELS = np.array([0, 3, 1, 1, 2])


FIRST_DRAWN = [
    [-0.6804602742195129, 1.2079625129699707],
    [-1.1911840438842773, -1.6242949962615967],
]


@pytest.fixture(autouse=True)
def the_reference(monkeypatch):
    """What is computed is mathematics; that backends agree is shown elsewhere."""
    monkeypatch.setenv("CUSNN_BACKEND", "numpy")


def random(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def spikes(*shape, rate=0.3, seed=0):
    return (np.random.default_rng(seed).random(shape) < rate).astype(np.uint8)


def slope(function, array, index, step):
    """Central difference of a function of an array, which is changed in place and put back."""
    kept = array[index]
    array[index] = kept + step
    above = float(function())
    array[index] = kept - step
    below = float(function())
    array[index] = kept
    return (above - below) / (2 * step)


def holds(gradient, function, array, *, step, rtol=2e-3, atol=1e-6, most=12):
    """A gradient is what finite differences say, at elements all over the array."""
    for flat in np.linspace(0, array.size - 1, min(most, array.size)).astype(int):
        index = np.unravel_index(flat, array.shape)
        expected = slope(function, array, index, step)
        assert gradient[index] == pytest.approx(expected, rel=rtol, abs=atol), index


# Losses


@pytest.mark.parametrize("loss", [CrossEntropyCount(), CrossEntropyCount(0.3), MSECount(0.7, 0.2)])
def test_gradients_of_losses_on_counts(loss):
    counts = np.random.default_rng(1).integers(0, T, (B, M)).astype(np.float64)
    activity = Activity(np.zeros((T, B, M), np.uint8), counts)
    _, grad = loss(activity, LABELS)
    assert grad.shape == (T, B, M)
    assert (grad == grad[0]).all()
    assert np.abs(grad).max() > 1e-4
    holds(grad[0], lambda: loss(activity, LABELS)[0], counts, step=1e-4)


@pytest.mark.parametrize("loss", [CrossEntropyMaxMembrane(2.0), CrossEntropyMeanMembrane(3.0)])
def test_gradients_of_losses_on_membranes(loss):
    membrane = random(T, B, M)
    activity = Activity(membrane=membrane)
    _, grad = loss(activity, LABELS)
    assert grad.dtype == np.float32
    assert np.abs(grad).max() > 1e-3
    most = membrane.size
    holds(grad, lambda: loss(activity, LABELS)[0], membrane, step=1e-4, most=most)


def test_the_first_of_several_maxima_takes_the_gradient():
    membrane = np.zeros((3, 1, 2), np.float32)
    membrane[1:, 0, 0] = 1.0
    _, grad = CrossEntropyMaxMembrane()(Activity(membrane=membrane), np.array([0]))
    assert np.flatnonzero(grad[:, 0, 0]).tolist() == [1]
    assert np.flatnonzero(grad[:, 0, 1]).tolist() == [0]


def test_cross_entropy_by_hand_and_far_from_zero():
    counts = np.array([[0, 1], [500, 0]], np.int32)
    value, grad = CrossEntropyCount()(
        Activity(np.zeros((2, 2, 2), np.uint8), counts), np.array([0, 0])
    )
    assert value == pytest.approx((np.log(1 + np.e) + 0.0) / 2, rel=1e-6)
    share = np.e / (1 + np.e) / 2
    np.testing.assert_allclose(grad[0], [[-share, share], [0, 0]], rtol=1e-6, atol=1e-7)


def test_mean_squared_error_by_hand():
    counts = np.array([[3, 1]], np.int32)
    value, grad = MSECount(0.5, 0.25)(
        Activity(np.zeros((4, 1, 2), np.uint8), counts), np.array([0])
    )
    assert value == pytest.approx((0.25**2 + 0.0) / 2)
    np.testing.assert_allclose(grad[0], [[0.25 / 4, 0.0]])


@pytest.mark.parametrize("penalty", [LowerRate(0.4, 3.0), UpperRate(0.2, 2.0)])
def test_gradients_of_regularisers(penalty):
    counts = np.random.default_rng(2).integers(0, T // 2, (B, N)).astype(np.float64)
    value, grad = penalty(counts, T)
    rates = counts.sum(axis=0) / (B * T)
    beyond = penalty.rate - rates if isinstance(penalty, LowerRate) else rates - penalty.rate
    assert value == pytest.approx(penalty.strength * (np.maximum(beyond, 0) ** 2).mean())
    assert 0 < np.count_nonzero(grad) <= N
    full = np.broadcast_to(grad, counts.shape)
    holds(full, lambda: penalty(counts, T)[0], counts, step=1e-4, atol=1e-8)


# Layers


@pytest.mark.parametrize("learn", [(), ("decay",)])
@pytest.mark.parametrize("per_neuron", [True, False])
@pytest.mark.parametrize("kind", ["current", "voltage"])
def test_gradients_of_a_readout(learn, per_neuron, kind):
    """No spikes, no surrogate: finite differences hold to the weights, biases and decays."""
    neuron = LI(tau_mem=6.0, v_leak=0.2, input=kind)
    layer = Readout(N, M, neuron, learn=learn, per_neuron=per_neuron, seed=3, dt=0.5)
    layer.parameters["bias"][...] = 0.1
    given, loss = spikes(T, B, N), CrossEntropyMeanMembrane(0.5)
    value = lambda: loss(layer.forward(given), LABELS)[0]  # noqa: E731
    _, grad = loss(layer.forward(given), LABELS)
    layer.backward(grad)
    assert set(layer.parameters) == {"weights", "bias", *learn}
    for name, array in layer.parameters.items():
        assert np.abs(layer.gradients[name]).max() > 1e-3
        holds(layer.gradients[name], value, array, step=4e-3, rtol=5e-3, atol=1e-4)


def test_a_readout_follows_its_equation():
    layer = Readout(N, M, LI(tau_mem=5.0, input="voltage"), seed=1)
    given = spikes(T, B, N)
    membrane = layer.forward(given).membrane
    v, decay = np.zeros((B, M)), np.exp(-1 / 5.0)
    for t in range(T):
        v = decay * v + given[t] @ layer.parameters["weights"].astype(np.float64)
        np.testing.assert_allclose(membrane[t], v, rtol=1e-5, atol=1e-5)


def by_hand(given, weights, bias, decay, threshold, grad, derivative, steps=None):
    """LIF with voltage jumps and a soft reset: spikes, and gradients by the chain rule.

    Returns:
        spikes [T, B, M]; gradients of weights, bias, decay, threshold [M] and of the input.
    """
    static = given.ndim == 2
    steps = steps if static else given.shape[0]
    current = [(given if static else given[t]) @ weights + bias for t in range(steps)]
    v = np.zeros_like(current[0])
    before, pre = [], []
    for t in range(steps):
        before.append(v)
        pre.append(decay * v + current[t])
        v = pre[t] - threshold * (pre[t] >= threshold)
    fired = np.array([p >= threshold for p in pre])
    found = {"weights": 0.0, "bias": 0.0, "decay": 0.0, "threshold": 0.0}
    inputs, g_v = np.zeros(given.shape), 0.0
    for t in reversed(range(steps)):
        through = (grad[t] - threshold * g_v) * derivative(pre[t] - threshold)
        found["threshold"] = found["threshold"] - (through + g_v * fired[t]).sum(axis=0)
        g_pre = g_v + through
        found["weights"] = found["weights"] + (given if static else given[t]).T @ g_pre
        found["bias"] = found["bias"] + g_pre.sum(axis=0)
        found["decay"] = found["decay"] + (g_pre * before[t]).sum(axis=0)
        if static:
            inputs += g_pre @ weights.T
        else:
            inputs[t] = g_pre @ weights.T
        g_v = decay * g_pre
    return fired, found, inputs


@pytest.mark.parametrize("static", [False, True])
@pytest.mark.parametrize("per_neuron", [True, False])
def test_gradients_of_a_spiking_layer(static, per_neuron):
    surrogate = surrogates.FastSigmoid(3.0)
    neuron = LIF(tau_mem=8.0, v_threshold=1.2, reset="soft", input="voltage")
    layer = SpikingDense(
        N,
        M,
        neuron,
        learn=("decay", "threshold"),
        per_neuron=per_neuron,
        surrogate=surrogate,
        seed=5,
        xi=0.7,
    )
    layer.parameters["bias"][...] = 0.05
    if per_neuron:
        layer.parameters["decay"] += 0.3 * random(M, seed=1).astype(np.float32)
        layer.parameters["threshold"] += 0.1 * random(M, seed=2).astype(np.float32)
    given = random(B, N).astype(np.float32) if static else spikes(T, B, N)
    activity = layer.forward(given, T if static else None)
    grad = random(T, B, M, seed=4).astype(np.float32)
    inputs = layer.backward(grad)
    decay = 1 / (1 + np.exp(-layer.parameters["decay"].astype(np.float64)))
    threshold = np.exp(layer.parameters["threshold"].astype(np.float64))
    weights, bias = (layer.parameters[k].astype(np.float64) for k in ("weights", "bias"))
    fired, expected, expected_inputs = by_hand(
        given, weights, bias, decay, threshold, grad, surrogate.derivative, T
    )
    np.testing.assert_array_equal(activity.spikes, fired)
    np.testing.assert_array_equal(activity.counts, fired.sum(axis=0))
    assert 0.05 < fired.mean() < 0.9
    close = {"rtol": 2e-4, "atol": 2e-5}
    np.testing.assert_allclose(layer.gradients["weights"], expected["weights"], **close)
    np.testing.assert_allclose(layer.gradients["bias"], expected["bias"], **close)
    np.testing.assert_allclose(inputs, expected_inputs, **close)
    for name, chain in (("decay", decay * (1 - decay)), ("threshold", threshold)):
        gradient = np.broadcast_to(expected[name], M) * chain
        gradient = gradient if per_neuron else gradient.sum(keepdims=True)
        np.testing.assert_allclose(layer.gradients[name], gradient, **close)


@pytest.mark.parametrize(
    "neuron",
    [
        LIF(tau_mem=12.0, r=1.5, v_leak=0.1, i_offset=0.2),
        LIF(tau_mem=12.0, v_leak=0.1, i_offset=0.2, input="voltage"),
        LI(tau_mem=12.0, r=0.5, v_leak=-0.2),
        ALIF(tau_mem=12.0, t_refractory=0.0, v_threshold=1.0),
        CubaLIF(tau_mem=12.0, tau_syn=5.0, r=2.0),
        CubaLIF(tau_mem=5.0, tau_syn=5.0, i_offset=0.1),
        CubaLIF(tau_mem=5.001, tau_syn=5.0, v_leak=0.3),
    ],
    ids=repr,
)
def test_slopes_of_coefficients(neuron):
    """By differences of what the neuron itself says; its numbers are float32."""
    dt, step = 1.0, 0.02 * neuron.tau_mem
    above, below = (
        replace(neuron, tau_mem=neuron.tau_mem + s).coefficients(dt).values.astype(float)
        for s in (step, -step)
    )
    found = slopes_by_tau(neuron, dt)
    for row, name in enumerate(neuron.coefficient_names):
        expected = (above[row, 0] - below[row, 0]) / (2 * step)
        assert found.get(name, 0.0) == pytest.approx(expected, rel=3e-3, abs=2e-6), name


def test_learned_parameters_begin_where_the_neuron_is_and_keep_their_bounds():
    neuron = LIF(tau_mem=np.array([5.0, 9.0, 20.0]), v_threshold=1.5, v_reset=0.5)
    dynamics = Dynamics(neuron, 0.5, ("decay", "threshold"), True, 3)
    parameters = dynamics.initial()
    same = dynamics.neuron(parameters)
    np.testing.assert_allclose(same.tau_mem, neuron.tau_mem, rtol=1e-6)
    np.testing.assert_allclose(same.v_threshold, 1.5, rtol=1e-6)
    for far in (-60.0, 60.0):
        moved = dynamics.neuron(
            {
                "decay": parameters["decay"] + np.float32(far),
                **{"threshold": parameters["threshold"] - np.float32(9.0)},
            }
        )
        assert (moved.tau_mem > 0).all()
        assert np.isfinite(moved.tau_mem).all()
        assert (moved.v_threshold > moved.v_reset).all()
        moved.coefficients(0.5)


# How weights begin


@pytest.mark.parametrize(
    "neuron",
    [
        LIF(tau_mem=10.0),
        LIF(tau_mem=30.0, input="voltage"),
        CubaLIF(tau_mem=12.0, tau_syn=4.0, r=3.0),
    ],
    ids=repr,
)
def test_sums_of_the_response(neuron):
    """Against the response itself, step by step."""
    row = dict(zip(neuron.coefficient_names, neuron.coefficients(1.0).values[:, 0], strict=True))
    v, i, response = 0.0, 1.0, []
    for _ in range(2000):
        if "decay_syn" in row:
            v, i = float(row["decay"]) * v + float(row["gain"]) * i, float(row["decay_syn"]) * i
        else:
            v, i = float(row["decay"]) * v + float(row["gain"]) * i, 0.0
        response.append(v)
    first, square = response_sums(neuron, 1.0)
    assert first == pytest.approx(np.sum(response), rel=1e-4)
    assert square == pytest.approx(np.sum(np.square(response)), rel=1e-4)
    first, square = response_sums(neuron, 1.0, 7)
    assert first == pytest.approx(np.sum(response[:7]), rel=1e-6)
    assert square == pytest.approx(np.sum(np.square(response[:7])), rel=1e-6)


@pytest.mark.parametrize("neuron", [None, LIF(tau_mem=20.0), CubaLIF(tau_mem=20.0, tau_syn=5.0)])
@pytest.mark.parametrize("inputs", [20, 200, 1000])
@pytest.mark.parametrize("rate", [0.01, 0.1, 0.5])
def test_fresh_layers_neither_fall_silent_nor_saturate(neuron, inputs, rate):
    layer = SpikingDense(inputs, 100, neuron, input_rate=rate, seed=2)
    fired = layer.forward(spikes(100, 2, inputs, rate=rate)).counts / 100
    assert 0.002 < fired.mean() < 0.2
    assert (fired.mean(axis=0) > 0).mean() > 0.1
    assert (fired.mean(axis=0) > 0.95).mean() < 0.05
    silent = SpikingDense(inputs, 100, neuron, input_rate=rate, seed=2, xi=8.0)
    assert silent.forward(spikes(100, 2, inputs, rate=rate)).counts.mean() / 100 < 0.001


@pytest.mark.parametrize("steps", [4, 10, 25])
def test_fresh_layers_of_few_steps(steps):
    layer = SpikingDense(200, 100, input_rate=0.1, steps=steps)
    given = spikes(steps, 20, 200, rate=0.1)
    assert 0.01 < layer.forward(given).counts.mean() / steps < 0.2


@pytest.mark.parametrize("inputs", [64, 784])
def test_fresh_layers_of_static_values(inputs):
    values = np.random.default_rng(0).random((8, inputs)).astype(np.float32) ** 3
    root = float(np.sqrt((values**2).mean()))
    layer = SpikingDense(inputs, 200, input_rate=root, static_input=True)
    assert 0.01 < layer.forward(values, 50).counts.mean() / 50 < 0.2


def test_initial_weights_are_the_seeds():
    one, same, other = (SpikingDense(50, 40, seed=s).parameters["weights"] for s in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)
    deviation = width(LIF(tau_mem=10.0, input="voltage"), 1.0, 50, 0.1)
    assert one.std() == pytest.approx(deviation, rel=0.03)
    assert abs(one.mean()) < 0.05 * deviation
    assert np.abs(one).max() <= np.sqrt(3) * deviation


def test_initial_numbers_are_those_of_any_machine():
    expected = np.array(FIRST_DRAWN, np.float32)
    np.testing.assert_array_equal(drawn(1, 0, (2, 2), 1.0), expected)


# Optimizers


def model_of_one(values, grads):
    class Model:
        n_decayed, backend = 2, None

    model = Model()
    model.values, model.grads = np.array(values, np.float32), np.array(grads, np.float32)
    return model


def test_adam_by_its_equations():
    rng = np.random.default_rng(0)
    model, adam = model_of_one([1.0, -2.0, 3.0], [0, 0, 0]), Adam(0.1, weight_decay=0.5)
    values, first, second = model.values.astype(float), np.zeros(3), np.zeros(3)
    for count in range(1, 6):
        grad = rng.standard_normal(3).astype(np.float32)
        model.grads[...] = grad
        adam.step(model, 0.5)
        first, second = 0.9 * first + 0.1 * grad, 0.999 * second + 0.001 * grad**2
        decay = np.array([0.5, 0.5, 0.0]) * values
        root = np.sqrt(second / (1 - 0.999**count))
        values -= 0.05 * (first / (1 - 0.9**count) / (root + 1e-8) + decay)
        np.testing.assert_allclose(model.values, values, rtol=1e-5)


def test_sgd_by_its_equations():
    model, sgd = (
        model_of_one([1.0, -2.0, 3.0], [1.0, 2.0, -1.0]),
        SGD(0.1, momentum=0.5, weight_decay=0.2),
    )
    values, velocity = model.values.astype(float), np.zeros(3)
    for _ in range(4):
        sgd.step(model)
        velocity = 0.5 * velocity + model.grads
        values -= 0.1 * (velocity + np.array([0.2, 0.2, 0.0]) * values)
        np.testing.assert_allclose(model.values, values, rtol=1e-5)


def test_the_cosine_rises_and_falls():
    cosine = Cosine(warmup=0.2, last=0.1)
    assert [cosine(s) for s in (0.0, 0.1, 0.2)] == pytest.approx([0.0, 0.5, 1.0])
    assert cosine(0.6) == pytest.approx(0.55)
    assert cosine(1.0) == pytest.approx(0.1)


# Decoders


def test_decoders():
    fired = np.zeros((4, 4, 3), np.uint8)
    fired[1:, 0, 2] = 1  # most spikes: 2; first: 1
    fired[0, 0, 1] = 1
    fired[2, 1, :2] = 1  # together: the one with more
    fired[3, 1, 1] = 1
    fired[1, 2, 0] = fired[3, 2, 2] = 1
    activity = Activity(fired, fired.sum(axis=0, dtype=np.int32))
    assert decode(activity, "count").tolist() == [2, 1, 0, -1]
    assert decode(activity, "first").tolist() == [1, 1, 0, -1]
    membrane = np.array([[[0.0, 3.0]], [[2.0, -9.0]]], np.float32)
    assert decode(Activity(membrane=membrane), "membrane").tolist() == [1]


def test_accuracy_and_confusion():
    predicted, labels = np.array([0, 1, -1, 1]), np.array([0, 1, 1, 0])
    assert accuracy(predicted, labels) == 0.5
    assert confusion_matrix(predicted, labels, 2).tolist() == [[1, 1, 0], [0, 1, 1]]


# Models


def small(**options):
    hidden = SpikingDense(N, 9, seed=1, name="hidden", learn=("decay",), **options)
    return Sequential([hidden, Readout(9, M, seed=2)])


def test_a_model_lays_its_parameters_side_by_side():
    model = small()
    assert list(model.parameters) == [
        "hidden.weights",
        "hidden.bias",
        "hidden.decay",
        "readout1.weights",
        "readout1.bias",
    ]
    assert model.n_decayed == 9 * N + 9 * M
    assert model.values.size == model.n_decayed + 9 + 9 + M
    model.values[: model.n_decayed] = 7.0
    assert (model.parameters["hidden.weights"] == 7).all()
    assert (model.layers[1].parameters["weights"] == 7).all()
    assert (model.parameters["hidden.decay"] != 7).all()


def test_a_model_follows_its_gradient_down():
    model, loss, adam = small(), CrossEntropyMaxMembrane(), Adam(0.02)
    given, values = spikes(T, B, N), []
    for _ in range(60):
        value, grad = loss(model.forward(given)[-1], LABELS)
        model.backward(grad)
        adam.step(model)
        values.append(float(value))
    assert values[0] > 1.0
    assert values[-1] < 0.1


def test_extra_gradients_reach_their_layer():
    model = small()
    activities = model.forward(spikes(T, B, N))
    _, grad = CrossEntropyMaxMembrane()(activities[-1], LABELS)
    model.backward(grad.copy())
    plain = model.grads.copy()
    model.backward(grad.copy(), {"hidden": np.full((1, 9), 0.5, np.float32)})
    assert not np.array_equal(model.gradients["hidden.weights"], plain[: 9 * N].reshape(N, 9))
    start = 9 * N
    np.testing.assert_array_equal(model.grads[start : start + 9 * M], plain[start : start + 9 * M])


# What is refused


def test_layers_refuse_what_does_not_fit():
    layer = SpikingDense(N, M, name="first")
    good = spikes(T, B, N)
    with pytest.raises(ValueError, match=r"first: takes 7 inputs, got \[12, 5, 3\]"):
        layer.forward(good[:, :, :3].copy())
    with pytest.raises(TypeError, match="first: input must be spikes uint8"):
        layer.forward(good.astype(np.int64))
    with pytest.raises(ValueError, match="first: input must have 1 step or more, got T=0"):
        layer.forward(good[:0])
    with pytest.raises(ValueError, match="number of steps, 1 or more, got 0"):
        layer.forward(np.zeros((B, N), np.float32), 0)
    with pytest.raises(RuntimeError, match="first: backward needs a forward pass"):
        SpikingDense(N, M, name="first").backward(np.zeros((T, B, M), np.float32))
    with pytest.raises(ValueError, match="must be finite"):
        layer.forward(np.full((B, N), np.nan, np.float32), 3)


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"inputs": 0}, ValueError, "inputs must be an integer of 1 or more, got 0"),
        ({"size": 2.5}, ValueError, "size must be an integer"),
        ({"surrogate": "atan"}, TypeError, "surrogate must be one of cusnn.surrogates"),
        ({"xi": 0}, ValueError, "xi must be a number above 0, got 0"),
        ({"xi": float("nan")}, ValueError, "xi must be a number above 0, got nan"),
        ({"seed": -1}, ValueError, "seed must be an integer of 0 or more, got -1"),
        ({"seed": 0.5}, ValueError, "seed must be an integer of 0 or more, got 0.5"),
        ({"input_rate": 0.0}, ValueError, "input_rate must be above 0 and at most 1"),
        ({"learn": ("gain",)}, ValueError, "learn must be names out of decay, threshold"),
        ({"neuron": LIF(tau_mem=[5.0, 6.0])}, ValueError, "parameters for 2 neurons"),
        ({"neuron": LIF(integration="euler"), "learn": ("decay",)}, ValueError, "exact"),
    ],
)
def test_layers_refuse_bad_options(options, error, text):
    with pytest.raises(error, match=text):
        SpikingDense(**{"inputs": N, "size": M, **options})


def test_one_name_to_learn_needs_no_tuple():
    assert SpikingDense(N, M, learn="decay").learn == ("decay",)


def test_a_readout_has_no_threshold_to_learn():
    with pytest.raises(ValueError, match="LI has no threshold to learn"):
        Readout(N, M, learn=("threshold",))
    for v_threshold in (-1.0, 0.0):
        neuron = LIF(v_threshold=v_threshold, v_leak=-2.0, v_reset=0.0, reset="none")
        with pytest.raises(ValueError, match="a threshold must begin above v_reset"):
            SpikingDense(N, M, neuron, learn=("threshold",))


def test_models_refuse_chains_that_do_not_follow():
    with pytest.raises(ValueError, match="one layer or more"):
        Sequential([])
    with pytest.raises(ValueError, match="gives 4 outputs"):
        Sequential([SpikingDense(N, M), SpikingDense(N, M)])
    with pytest.raises(ValueError, match="has no spikes and must be the last"):
        Sequential([Readout(N, M), SpikingDense(M, N)])
    with pytest.raises(ValueError, match="a name of its own"):
        Sequential([SpikingDense(N, M, name="a"), SpikingDense(M, N, name="a")])


def test_decoders_and_losses_refuse():
    with pytest.raises(ValueError, match="decoder must be one of count, first, membrane"):
        decode(Activity(), "rank")
    with pytest.raises(ValueError, match="needs a last layer that spikes"):
        decode(Activity(membrane=np.zeros((1, 1, 1), np.float32)), "first")
    with pytest.raises(ValueError, match="correct must be a share"):
        MSECount(correct=1.5)
    with pytest.raises(ValueError, match="rate must be a positive number"):
        Adam(0.0)
    with pytest.raises(ValueError, match="momentum"):
        SGD(0.1, momentum=1.0)
    for bad in ({"warmup": 1.5}, {"last": -0.1}, {"warmup": float("nan")}):
        with pytest.raises(ValueError, match=rf"Cosine: {next(iter(bad))} must be 0 to 1"):
            Cosine(**bad)
    for kind in (LowerRate, UpperRate):
        with pytest.raises(ValueError, match=f"{kind.__name__}: rate must be spikes per step"):
            kind(rate=1.5)
        with pytest.raises(ValueError, match=f"{kind.__name__}: strength must be 0 or more"):
            kind(strength=float("nan"))


@pytest.mark.parametrize("kind", [SpikingDense, SpikingRecurrent])
def test_neurons_that_layers_do_not_know(kind):
    with pytest.raises(TypeError, match=r"must be one that has gradients .* take spike_matmul"):
        kind(3, 2, conventions.snntorch.Leaky(beta=0.9))
    for neuron in (LI(), LIF, "lif", Izhikevich()):
        with pytest.raises(TypeError, match=f"{kind.__name__}: neuron must be one that has grad"):
            kind(3, 2, neuron)


def test_readouts_take_leaky_integrators_only():
    with pytest.raises(TypeError, match=r"Readout: neuron must be a cusnn\.LI, got LIF"):
        Readout(3, 2, LIF())
    with pytest.raises(TypeError, match="Readout: surrogate is for layers that spike"):
        Readout(3, 2, surrogate=surrogates.ATan())
