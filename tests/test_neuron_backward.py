"""neuron_backward: against dual numbers, exact linear filters and steps by hand; then bits."""

import math

import numpy as np
import pytest
from test_neuron_forward import CASES, make_case, same_bits

import cusnn
from cusnn import ALIF, LIF, CubaLIF, surrogates

FAMILIES = (
    surrogates.FastSigmoid(5.0),
    surrogates.ATan(),
    surrogates.Gaussian(),
    surrogates.MultiGaussian(),
    surrogates.Triangle(),
    surrogates.Sigmoid(),
    surrogates.StraightThrough(),
    surrogates.Exponential(),
    surrogates.PeriodicExponential(),
    surrogates.Rectangle(),
    surrogates.Step(-0.5),
    surrogates.CappedReciprocal(),
    surrogates.Circ(),
    surrogates.Power(),
    surrogates.S2NN(),
)
# No gradient through spikes that are further than this from the threshold.
NARROW = surrogates.Triangle(width=1e-3)
WIDE = surrogates.ATan(0.8, 0.7)


def make_gradients(current, states, seed=1):
    rng = np.random.default_rng(seed)
    grad_spikes = rng.normal(0, 1, current.shape).astype(np.float32)
    return grad_spikes, rng.normal(0, 1, (states, *current.shape[1:])).astype(np.float32)


def back(neuron, current, state, grad_spikes, grad_final=None, *, backend=None, **options):
    """Forward for the checkpoints, then neuron_backward; NumPy arrays in and out."""
    name = "numpy" if backend is None else backend.name
    move = np.array if backend is None else backend.array
    interval = {"interval": options["interval"]} if "interval" in options else {}
    current = move(current, "float32")
    forward = cusnn.neuron_forward(
        current,
        move(state, "float32"),
        neuron,
        spikes=False,
        checkpoints=True,
        backend=name,
        **interval,
    )
    found = cusnn.neuron_backward(
        current,
        forward.checkpoints,
        move(grad_spikes, "float32"),
        neuron,
        grad_final_state=None if grad_final is None else move(grad_final, "float32"),
        backend=name,
        **options,
    )
    if backend is None:
        return found
    coefficients = found.coefficients
    if coefficients is not None:
        coefficients = {k: getattr(v, "get", lambda v=v: v)() for k, v in coefficients.items()}
    return cusnn.NeuronGradients(
        backend.numpy(found.current), backend.numpy(found.state), coefficients
    )


# ------------------------------------------------------------------ dual numbers


class Dual:
    """A float64 and its derivatives with respect to every variable."""

    def __init__(self, value, slope):
        self.value, self.slope = value, slope

    def __add__(self, other):
        other = as_dual(other)
        return Dual(self.value + other.value, self.slope + other.slope)

    def __mul__(self, other):
        other = as_dual(other)
        slope = self.value * other.slope + other.value * self.slope
        return Dual(self.value * other.value, slope)

    def __sub__(self, other):
        return self + as_dual(other) * -1.0

    __radd__, __rmul__ = __add__, __mul__


def as_dual(x):
    return x if isinstance(x, Dual) else Dual(x, 0.0)


def forward_in_duals(neuron, current, state, surrogate, detach):
    """The equations of the neuron's docstring, a hard step for the value of a spike and the
    surrogate for its derivative: spikes, final state (without counter) and their derivatives."""
    c = neuron.coefficients(1.0)
    start = [*current, *state[:-1], *c.values[:, 0]]
    duals = [Dual(float(x), row) for x, row in zip(start, np.eye(len(start)), strict=True)]
    steps, rows = len(current), len(state) - 1
    arriving, (v, *other), numbers = (
        duals[:steps],
        duals[steps : steps + rows],
        duals[steps + rows :],
    )
    c_of = dict(zip(neuron.coefficient_names, numbers, strict=True))
    other, left = (other[0] if other else None), int(state[-1])
    cuba, adaptive = isinstance(neuron, CubaLIF), isinstance(neuron, ALIF)
    spikes = []
    for x in arriving:
        resting = left > 0
        left = max(left - 1, 0)
        moved = c_of["decay"] * v + c_of["gain"] * (other if cuba else x) + c_of["drive"]
        v_pre = v if resting else moved
        threshold = c_of["v_threshold"]
        if adaptive:
            threshold = threshold + c_of["jump"] * other
        spike = Dual(0.0, 0.0)
        if not resting:
            u = v_pre - threshold
            spike = Dual(float(u.value >= 0), float(surrogate.derivative(u.value)) * u.slope)
        spikes.append(spike)
        switch = Dual(spike.value, 0.0) if detach else spike
        if neuron.reset == "hard":
            v = v_pre + switch * (c_of["v_reset"] - v_pre)
        elif neuron.reset == "soft":
            v = v_pre - switch * (threshold - c_of["v_reset"])
        else:
            v = v_pre
        if cuba:
            other = c_of["decay_syn"] * other + x
        if adaptive:
            other = c_of["decay_adaptation"] * other + spike
        left = c.refractory_steps if spike.value else left
    return spikes, [v] if other is None else [v, other]


ORACLES = [
    pytest.param(model, reset, rest, detach, id=f"{model.__name__}-{reset}-rest{rest}-{detach}")
    for model in (LIF, CubaLIF, ALIF)
    for reset in ("hard", "soft", "none")
    for rest in (0.0, 2.0)
    for detach in (False, True)
]


@pytest.mark.parametrize(("model", "reset", "rest", "detach"), ORACLES)
def test_against_dual_numbers(model, reset, rest, detach):
    steps, n = 25, 4
    given = {"tau_mem": 4.0, "v_threshold": 1.0, "v_reset": -0.2, "v_leak": 0.1, "r": 1.3}
    if model is CubaLIF:
        given["tau_syn"] = 3.0
    if model is ALIF:
        given |= {"tau_adaptation": 6.0, "jump": 0.4}
    neuron = model(**given, reset=reset, t_refractory=rest)
    rng = np.random.default_rng(3)
    current = rng.normal(1.0, 1.5, (steps, 1, n)).astype(np.float32)
    state = rng.random((len(neuron.state), 1, n), np.float32)
    state[-1] = [[0, 3, 1, 0]]
    grad_spikes, grad_final = make_gradients(current, len(state))
    found = back(
        neuron,
        current,
        state,
        grad_spikes,
        grad_final,
        surrogate=WIDE,
        detach_reset=detach,
        coefficients=True,
        interval=7,
    )
    fired = cusnn.neuron_forward(current, state, neuron, backend="numpy").spikes
    assert 0.05 < fired.mean() < 0.9
    totals = np.zeros(len(neuron.coefficient_names))
    for j in range(n):
        spikes, final = forward_in_duals(neuron, current[:, 0, j], state[:, 0, j], WIDE, detach)
        assert [s.value for s in spikes] == fired[:, 0, j].tolist()
        outputs = [*spikes, *final]
        weights = [*map(float, grad_spikes[:, 0, j]), *map(float, grad_final[:-1, 0, j])]
        slope = sum(w * s.slope for w, s in zip(weights, outputs, strict=True))
        close = {"rtol": 1e-5, "atol": 1e-5 * np.abs(slope).max()}
        np.testing.assert_allclose(found.current[:, 0, j], slope[:steps], **close)
        np.testing.assert_allclose(
            found.state[:-1, 0, j], slope[steps : steps + len(final)], **close
        )
        totals += slope[steps + len(final) :]
    assert list(found.coefficients) == list(neuron.coefficient_names)
    np.testing.assert_allclose(
        list(found.coefficients.values()), totals, rtol=1e-5, atol=1e-5 * np.abs(totals).max()
    )
    np.testing.assert_array_equal(found.state[-1], 0)


# ------------------------------------------------------------------ by hand, closed forms


def half(**given):
    """v_pre = v / 2 + input / 2."""
    return LIF(tau_mem=2.0, integration="euler", v_threshold=1.0, v_reset=-0.25, **given)


@pytest.mark.parametrize(
    ("reset", "detach", "grad_v"),
    [
        # grad_v_pre = 4 (1 - spike) + (2 + 4 jump) g, with g = 1/2 and jump as below
        ("hard", False, [4 + (2 + 4 * -1.0) / 2, (2 + 4 * -1.75) / 2]),
        ("hard", True, [4 + 2 / 2, 2 / 2]),
        ("soft", False, [4 + (2 + 4 * -1.25) / 2, 4 + (2 + 4 * -1.25) / 2]),
        ("soft", True, [4 + 2 / 2, 4 + 2 / 2]),
        ("none", False, [4 + 2 / 2, 4 + 2 / 2]),
    ],
)
def test_one_step_by_hand(backend, reset, detach, grad_v):
    """Two neurons, v_pre 0.75 and 1.5; the first is silent, the second fires."""
    found = back(
        half(reset=reset),
        [[[1.5, 3.0]]],
        np.zeros((2, 1, 2)),
        [[[2.0, 2.0]]],
        [[[4.0, 4.0]], [[9.0, 9.0]]],
        backend=backend,
        surrogate=surrogates.StraightThrough(0.5),
        detach_reset=detach,
        coefficients=True,
    )
    np.testing.assert_array_equal(found.current[0, 0], np.array(grad_v) / 2)
    np.testing.assert_array_equal(found.state[0, 0], np.array(grad_v) / 2)
    np.testing.assert_array_equal(found.state[1, 0], 0)
    assert found.coefficients["decay"] == 0  # v was 0
    assert found.coefficients["gain"] == 1.5 * grad_v[0] + 3.0 * grad_v[1]
    assert found.coefficients["drive"] == sum(grad_v)
    through_spike = grad_v[0] - 4 + grad_v[1] - (0 if reset == "hard" else 4)
    threshold = -through_spike - (4 if reset == "soft" else 0)
    assert found.coefficients["v_threshold"] == threshold
    assert found.coefficients["v_reset"] == (0 if reset == "none" else 4)


def test_two_steps_by_hand(backend):
    """Step 0: v_pre 1.5 fires, v becomes -0.25. Step 1: v_pre -0.125 + 0.5 = 0.375.
    Back: grad_v_pre 3 + 1/2 8 = 7, grad_v 3.5; then (2 + 3.5 (-0.25 - 1.5)) / 2 = -2.0625."""
    found = back(
        half(),
        [[[3.0]], [[1.0]]],
        np.zeros((2, 1, 1)),
        [[[2.0]], [[8.0 + 3 * 0.625]]],
        [[[3.0]], [[0.0]]],
        backend=backend,
        surrogate=surrogates.StraightThrough(0.5),
    )
    # The jump of step 1 is -0.25 - 0.375 = -0.625, which grad_spikes makes up for.
    assert found.current.ravel().tolist() == [-1.03125, 3.5]
    assert found.state.ravel().tolist() == [-1.03125, 0.0]


def test_a_resting_neuron_passes_its_gradient_on(backend):
    """At rest nothing is taken in and nothing fires: only the voltage goes through."""
    state = np.array([[[0.5]], [[2.0]]])
    found = back(
        half(),
        np.full((2, 1, 1), 9.0),
        state,
        np.full((2, 1, 1), 5.0),
        np.full((2, 1, 1), 3.0),
        backend=backend,
        surrogate=surrogates.StraightThrough(),
        coefficients=True,
    )
    assert found.current.ravel().tolist() == [0.0, 0.0]
    assert found.state.ravel().tolist() == [3.0, 0.0]
    assert set(found.coefficients.values()) == {0.0}


def test_lif_below_threshold_is_a_linear_filter(backend):
    """The gradient of the last voltage is gain decay^(steps left)."""
    neuron = LIF(tau_mem=7.0, v_threshold=100.0)
    steps = 40
    final = np.array([1.0, 0.0]).reshape(2, 1, 1)
    zeros = np.zeros((steps, 1, 1))
    found = back(
        neuron, zeros, np.zeros((2, 1, 1)), zeros, final, backend=backend, surrogate=NARROW
    )
    decay = math.exp(-1 / 7)
    powers = decay ** np.arange(steps - 1, -1, -1)
    np.testing.assert_allclose(found.current.ravel(), (1 - decay) * powers, rtol=1e-5)
    np.testing.assert_allclose(found.state.ravel(), [decay**steps, 0], rtol=1e-5)


def test_cuba_lif_below_threshold_is_a_linear_filter(backend):
    """Gradients of the last voltage are the impulse response, read backwards; by differences."""
    neuron = CubaLIF(tau_mem=7.0, tau_syn=3.0, r=1.0, v_leak=0.0, v_threshold=1e6, v_reset=-1)
    steps = 30
    final = np.array([1.0, 0.0, 0.0]).reshape(3, 1, 1)
    zeros = np.zeros((steps, 1, 1))
    found = back(
        neuron, zeros, np.zeros((3, 1, 1)), zeros, final, backend=backend, surrogate=NARROW
    )
    pulses = np.eye(steps, dtype=np.float32)[:, None, :]
    state = np.zeros((3, 1, steps), np.float32)
    response = cusnn.neuron_forward(pulses, state, neuron, backend="numpy").final_state[0, 0]
    assert response[0] > 0
    np.testing.assert_allclose(found.current.ravel(), response, rtol=1e-5)
    left = np.arange(steps)[::-1]
    exact = 3 / (7 - 3) * (np.exp(-left / 7) - np.exp(-left / 3))
    np.testing.assert_allclose(found.current.ravel(), exact, rtol=1e-5, atol=1e-7)
    assert found.current[-1] == 0


def test_gradients_that_decay_become_exactly_zero(backend):
    """0.5^n passes 1e-30 at n = 100: no subnormal on the way back either."""
    found = back(
        half(),
        np.zeros((140, 1, 1)),
        np.zeros((2, 1, 1)),
        np.zeros((140, 1, 1)),
        np.array([1.0, 0.0]).reshape(2, 1, 1),
        backend=backend,
        surrogate=NARROW,
    )
    from_last = found.current.ravel()[::-1]
    np.testing.assert_array_equal(from_last[:100], 0.5 ** np.arange(1, 101))
    np.testing.assert_array_equal(from_last[100:], 0)
    assert found.state[0] == 0


# ------------------------------------------------------------------ bits


def check_bits(backend, name, **options):
    neuron, current, state = make_case(name)
    grad_spikes, grad_final = make_gradients(current, len(state))
    expected = back(neuron, current, state, grad_spikes, grad_final, **options)
    found = back(neuron, current, state, grad_spikes, grad_final, backend=backend, **options)
    assert same_bits(found.current, expected.current)
    assert same_bits(found.state, expected.state)
    for key, gradient in (expected.coefficients or {}).items():
        # Sums over time are the same bits; those over batch and neurons are the library's.
        np.testing.assert_allclose(found.coefficients[key], gradient, rtol=1e-4, atol=1e-4)
    assert np.abs(expected.current).max() > 0 or "one step" in name
    return expected


@pytest.mark.parametrize("name", CASES)
def test_same_bits_on_every_backend(backend, name):
    options = {"detach_reset": "many" in name, "coefficients": "one" not in name}
    check_bits(backend, name, surrogate=FAMILIES[0], **options)


@pytest.mark.parametrize("number", range(len(FAMILIES)), ids=lambda k: type(FAMILIES[k]).__name__)
def test_same_bits_with_every_surrogate(backend, number):
    name = ("lif busy soft", "cuba many")[number % 2]
    check_bits(backend, name, surrogate=FAMILIES[number], interval=9)


def test_every_kind_of_surrogate_is_tried():
    from cusnn.backends.cuda.arguments import SURROGATES

    assert [s.coefficients().kind for s in FAMILIES] == list(SURROGATES)


def test_sums_over_time_have_the_same_bits(backend):
    """One neuron, so that the array library has nothing to add."""
    neuron, current, state = make_case("lif one")
    grad_spikes, grad_final = make_gradients(current, 2)
    given = (neuron, current, state, grad_spikes, grad_final)
    expected = back(*given, coefficients=True).coefficients
    found = back(*given, coefficients=True, backend=backend).coefficients
    assert {k: float(v) for k, v in found.items()} == {k: float(v) for k, v in expected.items()}
    assert all(float(v) != 0 for v in expected.values())


# ------------------------------------------------------------------ what must not matter


@pytest.mark.parametrize("interval", [1, 5, 16])
def test_the_interval_does_not_matter(backend, interval):
    neuron, current, state = make_case("cuba many")
    grad_spikes, grad_final = make_gradients(current, 3)
    given = (neuron, current, state, grad_spikes, grad_final)
    expected = back(*given, interval=12, coefficients=True)
    found = back(*given, interval=interval, coefficients=True, backend=backend)
    assert same_bits(found.current, expected.current)
    assert same_bits(found.state, expected.state)
    for key, gradient in expected.coefficients.items():
        np.testing.assert_allclose(found.coefficients[key], gradient, rtol=1e-4)


@pytest.mark.parametrize("name", ["lif many", "cuba busy soft"])
def test_two_parts_chained_are_one(backend, name):
    """grad_state of the second part is grad_final_state of the first."""
    neuron, current, state = make_case(name)
    grad_spikes, grad_final = make_gradients(current, len(state))
    whole = back(neuron, current, state, grad_spikes, grad_final)
    middle = cusnn.neuron_forward(current[:30], state, neuron, backend="numpy").final_state
    second = back(neuron, current[30:], middle, grad_spikes[30:], grad_final, backend=backend)
    first = back(neuron, current[:30], state, grad_spikes[:30], second.state, backend=backend)
    assert same_bits(np.concatenate([first.current, second.current]), whole.current)
    assert same_bits(first.state, whole.state)


def test_no_gradient_of_the_final_state_is_zero(backend):
    neuron, current, state = make_case("cuba many")
    grad_spikes, _ = make_gradients(current, 3)
    found = back(neuron, current, state, grad_spikes, backend=backend)
    expected = back(neuron, current, state, grad_spikes, np.zeros_like(state))
    assert same_bits(found.current, expected.current)
    assert found.coefficients is None


def test_gradients_per_neuron_add_up_to_the_shared_one(backend):
    neuron, current, state = make_case("lif sparse")
    grad_spikes, grad_final = make_gradients(current, 2)
    given = (current, state, grad_spikes, grad_final)
    one = back(neuron, *given, coefficients=True, backend=backend).coefficients
    n = current.shape[2]
    many = LIF(tau_mem=np.full(n, 20.0), t_refractory=2.0)
    each = back(many, *given, coefficients=True, backend=backend).coefficients
    for key, gradient in each.items():
        assert gradient.shape == (n,)
        np.testing.assert_allclose(gradient.sum(), one[key], rtol=1e-4)
    assert np.ptp(each["decay"]) > 0


@pytest.mark.parametrize("shape", [(0, 2, 5), (3, 0, 5), (3, 2, 0), (0, 0, 0)], ids=str)
def test_empty(backend, shape):
    state = np.full((2, *shape[1:]), 0.5, np.float32)
    zeros = np.zeros(shape, np.float32)
    found = back(LIF(), zeros, state, zeros, state, backend=backend, coefficients=True)
    assert found.current.shape == shape
    assert set(map(float, found.coefficients.values())) <= {0.0}
    if shape[0] == 0:
        np.testing.assert_array_equal(found.state, state * np.array([1, 0]).reshape(2, 1, 1))


# ------------------------------------------------------------------ bad input

CURRENT = np.ones((20, 2, 3), np.float32)
POINTS = np.zeros((2, 2, 2, 3), np.float32)


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda f: f(CURRENT, POINTS[:1], CURRENT, LIF()), ValueError, "checkpoints has Q=1, but"),
        (lambda f: f(CURRENT, POINTS, CURRENT, LIF(), interval=5), ValueError, "checkpoints has Q"),
        (lambda f: f(CURRENT, None, CURRENT, LIF()), TypeError, "checkpoints must be an array"),
        (lambda f: f(CURRENT, POINTS, CURRENT, CubaLIF()), ValueError, "checkpoints has S=2"),
        (lambda f: f(CURRENT, POINTS, CURRENT[:9], LIF()), ValueError, "grad_spikes has T=9, but"),
        (
            lambda f: f(CURRENT, POINTS, CURRENT.astype("u1"), LIF()),
            TypeError,
            "grad_spikes must be float32",
        ),
        (
            lambda f: f(CURRENT, POINTS, CURRENT, LIF(), grad_final_state=POINTS),
            ValueError,
            r"grad_final_state must be \[S, B, N\]",
        ),
        (
            lambda f: f(CURRENT, POINTS, CURRENT[:, ::-1], LIF()),
            ValueError,
            "grad_spikes must be C-contiguous",
        ),
        (lambda f: f(CURRENT, POINTS + np.nan, CURRENT, LIF()), ValueError, "checkpoints must be"),
        (lambda f: f(CURRENT, POINTS, CURRENT, LIF(), interval=17), ValueError, "interval must be"),
        (lambda f: f(CURRENT, POINTS, CURRENT, LIF(), surrogate="atan"), TypeError, "surrogate"),
        (lambda f: f(CURRENT, POINTS, CURRENT, LIF(), surrogate=LIF()), TypeError, "one of cusnn"),
        (
            lambda f: f(CURRENT, POINTS, CURRENT, LIF(), surrogate=surrogates.ATan),
            TypeError,
            "one of cusnn.surrogates",
        ),
        (lambda f: f(CURRENT, POINTS, CURRENT, "LIF"), TypeError, "neuron must be one of"),
        (lambda f: f(CURRENT, POINTS, CURRENT, LIF(), backend="gpu"), ValueError, "backend must"),
    ],
)
def test_bad_input(call, error, text):
    with pytest.raises(error, match=text):
        call(cusnn.neuron_backward)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("kind", FAMILIES, ids=lambda kind: type(kind).__name__)
def test_input_that_is_not_finite(backend, kind, value):
    """In the front door of the CPU; elsewhere the gradients tell."""
    current = CURRENT.copy()
    current[12, 1, 2] = value
    given = map(backend.array, (current, POINTS, CURRENT))
    if backend.id == "cuda":
        found = cusnn.neuron_backward(*given, LIF(), surrogate=kind, backend="cuda")
        assert not np.isfinite(backend.numpy(found.current)[:13, 1, 2]).all()
        return
    with pytest.raises(
        ValueError, match=r"current must be finite, got -?(nan|inf) at \[12, 1, 2\]"
    ):
        cusnn.neuron_backward(*given, LIF(), surrogate=kind, backend=backend.name)


@pytest.mark.parametrize("kind", FAMILIES, ids=lambda kind: type(kind).__name__)
def test_nan_reaches_the_same_gradients_on_every_backend(backend, kind, monkeypatch):
    """Past the front door, as on a GPU, with the reset detached, where it has one way only."""
    from cusnn.ops import checks

    monkeypatch.setattr(checks, "check_finite", lambda *_, **__: None)
    current = np.random.default_rng(0).normal(1.0, 2.0, CURRENT.shape).astype(np.float32)
    current[12, 1, 2] = np.nan
    for neuron in (LIF(t_refractory=2.0), CubaLIF()):
        points = np.zeros((2, len(neuron.state), *CURRENT.shape[1:]), np.float32)
        given = (current, points, CURRENT)
        options = {"surrogate": kind, "detach_reset": True}
        expected = cusnn.neuron_backward(*given, neuron, **options, backend="numpy")
        moved = map(backend.array, given)
        found = cusnn.neuron_backward(*moved, neuron, **options, backend=backend.name)
        assert np.isnan(expected.current[:, 1, 2]).any()
        assert np.isfinite(expected.current[:, 0]).all()
        np.testing.assert_array_equal(backend.numpy(found.current), expected.current)
        np.testing.assert_array_equal(backend.numpy(found.state), expected.state)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_gradients_that_are_not_finite(backend, value):
    final = np.ones_like(POINTS[0])
    grad_spikes = CURRENT.copy()
    grad_spikes[12, 1, 2] = value
    given = [backend.array(a) for a in (CURRENT, POINTS, grad_spikes)]
    if backend.id == "cuda":
        found = cusnn.neuron_backward(*given, LIF(), backend="cuda")
        bad = np.argwhere(~np.isfinite(backend.numpy(found.current)[:, 1, 2])).ravel()
        assert bad.tolist() == list(range(13))
        return
    with pytest.raises(ValueError, match=r"grad_spikes must be finite, got .* at \[12, 1, 2\]"):
        cusnn.neuron_backward(*given, LIF(), backend=backend.name)
    final[0, 1, 1] = value
    given = [backend.array(a) for a in (CURRENT, POINTS, CURRENT, final)]
    with pytest.raises(ValueError, match=r"grad_final_state must be finite, got .* at \[0, 1, 1\]"):
        cusnn.neuron_backward(*given[:3], LIF(), grad_final_state=given[3], backend=backend.name)


def test_gradients_that_overflow_are_passed_on(backend):
    """Nothing that was given is at fault."""
    given = [backend.array(a) for a in (CURRENT, POINTS, CURRENT * np.float32(3e38))]
    neuron = LIF(v_threshold=5.0, reset="none", tau_mem=1e6)
    found = cusnn.neuron_backward(
        *given,
        neuron,
        surrogate=surrogates.StraightThrough(),
        detach_reset=True,
        backend=backend.name,
    )
    assert np.isinf(backend.numpy(found.state)[0]).all()
