"""What training asks of neurons: gradients of ALIF, static input, float spikes, work in place."""

import numpy as np
import pytest
from test_neuron_backward import FAMILIES, back, make_gradients
from test_neuron_forward import same_bits

import cusnn
from cusnn import ALIF, LIF, CubaLIF, Izhikevich, surrogates

WIDTH = 300  # neurons: more than a block of the Numba backend takes
NEURONS = {
    "LIF": LIF(tau_mem=5.0, v_reset=-0.2, t_refractory=1.0),
    "LIF soft": LIF(tau_mem=5.0, reset="soft"),
    "CubaLIF": CubaLIF(tau_mem=5.0, tau_syn=3.0, r=1.0, v_leak=0.0, v_threshold=1.0, v_reset=-0.2),
    "ALIF": ALIF(tau_mem=5.0, v_threshold=1.0, tau_adaptation=20.0, jump=0.3, t_refractory=2.0),
    "ALIF many hard": ALIF(
        tau_mem=np.linspace(3.0, 9.0, WIDTH),
        v_threshold=1.0,
        jump=np.linspace(0.0, 0.6, WIDTH),
        reset="hard",
        t_refractory=0.0,
    ),
    "ALIF none": ALIF(tau_mem=5.0, v_threshold=1.0, jump=0.3, reset="none", t_refractory=0.0),
}


@pytest.fixture(params=NEURONS)
def neuron(request):
    return NEURONS[request.param]


def some(neuron, steps=33, seed=0):
    """Input with which the neuron fires, and states of which some rest."""
    rng = np.random.default_rng(seed)
    current = rng.normal(1.0, 1.5, (steps, 2, WIDTH)).astype(np.float32)
    state = rng.random((len(neuron.state), 2, WIDTH), np.float32)
    state[-1] = rng.integers(0, 3, state.shape[1:])
    return current, state


def forward(backend, current, state, neuron, **options):
    found = cusnn.neuron_forward(
        backend.array(current), backend.array(state), neuron, backend=backend.name, **options
    )
    return type(found)(*(None if a is None else backend.numpy(a) for a in found))


# ------------------------------------------------------------------ gradients of ALIF


def adaptive(**given):
    """v_pre = v / 2 + input / 2, threshold 1 + a / 2, a halves: exact in float32."""
    half = 1 / np.log(2)
    given = {"t_refractory": 0.0, "v_reset": -0.25, **given}
    return ALIF(tau_mem=half, tau_adaptation=half, v_threshold=1.0, jump=0.5, **given)


@pytest.mark.parametrize(
    ("reset", "detach", "moved", "to_threshold"),
    [
        # From v = 1, a = 1 and input 3: v_pre 2, threshold 1.5, fires. With g = 1/2, grad_spike 2,
        # grad_v 4, grad_a 6: grad_spike_total = 8 + 4 jump, moved = 4 (1 - hard) + that / 2.
        ("hard", False, (8 + 4 * -2.25) / 2, -(8 + 4 * -2.25) / 2),
        ("hard", True, 4.0, -4.0),
        ("soft", False, 4 + (8 + 4 * -1.75) / 2, -(8 + 4 * -1.75) / 2 - 4),
        ("soft", True, 4 + 4.0, -4.0 - 4),
        ("none", False, 4 + 4.0, -4.0),
    ],
)
def test_one_step_of_alif_by_hand(backend, reset, detach, moved, to_threshold):
    found = back(
        adaptive(reset=reset),
        [[[3.0]]],
        [[[1.0]], [[1.0]], [[0.0]]],
        [[[2.0]]],
        [[[4.0]], [[6.0]], [[9.0]]],
        backend=backend,
        surrogate=surrogates.StraightThrough(0.5),
        detach_reset=detach,
        coefficients=True,
    )
    assert found.current.item() == moved / 2
    assert found.state.ravel().tolist() == [moved / 2, 6 / 2 + to_threshold / 2, 0]
    assert {k: float(v) for k, v in found.coefficients.items()} == {
        "decay": moved,
        "gain": 3 * moved,
        "drive": moved,
        "decay_adaptation": 6,
        "jump": to_threshold,
        "v_threshold": to_threshold,
        "v_reset": 0 if reset == "none" else 4,
    }


def test_a_spike_raises_the_threshold_of_later_steps(backend):
    """Step 0 fires (v_pre 1.5, soft reset to 0.25); step 1: v_pre 0.625, threshold 1.5. A surrogate
    of 1 gives grad_threshold -8, hence grad_a -4, which reaches step 0 through its spike alone."""
    given = (
        [[[3.0]], [[1.0]]],
        np.zeros((3, 1, 1)),
        [[[0.0]], [[8.0]]],
    )
    found = back(
        adaptive(reset="soft"),
        *given,
        backend=backend,
        surrogate=surrogates.StraightThrough(),
        detach_reset=True,
    )
    # grad_v of step 1: 8, before it 4; of step 0: 4 - 4 + 0 = 0 through integration.
    assert found.current.ravel().tolist() == [0.0, 4.0]
    # grad_a before step 0: -4 / 2 + (-(-4) - 4) / 2
    assert found.state.ravel().tolist() == [0.0, -2.0, 0.0]


def test_a_resting_alif_passes_its_gradients_on(backend):
    found = back(
        adaptive(t_refractory=3.0),
        np.full((2, 1, 1), 9.0),
        [[[0.5]], [[1.0]], [[2.0]]],
        np.full((2, 1, 1), 5.0),
        [[[3.0]], [[8.0]], [[1.0]]],
        backend=backend,
        surrogate=surrogates.StraightThrough(),
        coefficients=True,
    )
    assert found.current.ravel().tolist() == [0.0, 0.0]
    assert found.state.ravel().tolist() == [3.0, 2.0, 0.0]
    by_name = {k: float(v) for k, v in found.coefficients.items()}
    assert by_name.pop("decay_adaptation") == 8 * 0.5 + 4 * 1.0
    assert set(by_name.values()) == {0.0}


@pytest.mark.parametrize("name", [n for n in NEURONS if n.startswith("ALIF")])
@pytest.mark.parametrize("detach", [False, True])
def test_alif_has_the_same_bits_on_every_backend(backend, name, detach):
    neuron = NEURONS[name]
    current, state = some(neuron)
    given = (neuron, current, state, *make_gradients(current, 3))
    options = {"surrogate": FAMILIES[0], "detach_reset": detach, "coefficients": True}
    expected = back(*given, **options)
    found = back(*given, **options, backend=backend, interval=7)
    assert same_bits(found.current, expected.current)
    assert same_bits(found.state, expected.state)
    for key, gradient in expected.coefficients.items():
        np.testing.assert_allclose(found.coefficients[key], gradient, rtol=1e-4, atol=1e-3)
        assert key == "v_reset" or np.abs(gradient).min() > 0


# ------------------------------------------------------------------ static input


def test_static_input_is_that_of_every_step(backend, neuron):
    current, state = some(neuron)
    options = {"packed": True, "checkpoints": True}
    every = np.repeat(current[:1], 33, axis=0)
    expected = cusnn.neuron_forward(every, state, neuron, backend="numpy", **options)
    found = forward(backend, current[0], state, neuron, steps=33, **options)
    assert 0.02 < expected.spikes.mean() < 0.9
    for name, one in expected._asdict().items():
        assert same_bits(getattr(found, name), one), name


def test_gradient_of_static_input_is_the_sum_from_last_to_first(backend, neuron):
    current, state = some(neuron)
    every = np.repeat(current[:1], 33, axis=0)
    grad_spikes, grad_final = make_gradients(every, len(state))
    options = {"surrogate": FAMILIES[0], "coefficients": True}
    expected = back(neuron, every, state, grad_spikes, grad_final, **options)
    total = np.zeros_like(current[0])
    for gradient in expected.current[::-1]:
        total += gradient
    points = forward(backend, current[0], state, neuron, steps=33, checkpoints=True).checkpoints
    room = backend.array(np.full_like(current[0], np.nan))
    found = cusnn.neuron_backward(
        *map(backend.array, (current[0], points, grad_spikes)),
        neuron,
        grad_final_state=backend.array(grad_final),
        out_grad_current=room,
        backend=backend.name,
        **options,
    )
    assert same_bits(backend.numpy(room), total)
    assert same_bits(backend.numpy(found.current), total)
    assert same_bits(backend.numpy(found.state), expected.state)
    for key, gradient in expected.coefficients.items():
        ours = backend.numpy(backend.xp.asarray(found.coefficients[key]))
        np.testing.assert_allclose(ours, gradient, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("steps", [0, 1])
def test_static_input_of_few_steps(backend, steps):
    neuron = NEURONS["LIF"]
    current, state = some(neuron)
    found = forward(backend, current[0], state, neuron, steps=steps, checkpoints=True)
    expected = cusnn.neuron_forward(current[:steps], state, neuron, backend="numpy")
    assert same_bits(found.spikes, expected.spikes)
    assert same_bits(found.final_state, expected.final_state)
    ones = np.ones((steps, *current.shape[1:]), np.float32)
    gradients = cusnn.neuron_backward(
        *map(backend.array, (current[0], found.checkpoints, ones)), neuron, backend=backend.name
    )
    to_current = backend.numpy(gradients.current)
    assert to_current.shape == current[0].shape
    assert to_current.any() == (steps > 0)


# ------------------------------------------------------------------ float spikes, in place


def test_spikes_as_floats(backend, neuron):
    current, state = some(neuron)
    expected = forward(backend, current, state, neuron, packed=True)
    found = forward(backend, current, state, neuron, packed=True, spikes_dtype="float32")
    assert (expected.spikes.dtype, found.spikes.dtype) == (np.uint8, np.float32)
    assert expected.spikes.any()
    np.testing.assert_array_equal(found.spikes, expected.spikes)
    assert same_bits(found.packed, expected.packed)
    assert same_bits(found.final_state, expected.final_state)


def test_spikes_of_other_models_as_floats(backend):
    neuron = Izhikevich()
    current, _ = some(LIF())
    state = cusnn.initial_state(neuron, current.shape[1:])
    found = forward(backend, 20 * current, state, neuron, spikes_dtype="float32").spikes
    np.testing.assert_array_equal(found, forward(backend, 20 * current, state, neuron).spikes)
    assert found.any()


def test_gradient_in_place(backend, neuron):
    """The gradient of the input takes the memory of that of the spikes."""
    current, state = some(neuron)
    grad_spikes, _ = make_gradients(current, len(state))
    expected = back(neuron, current, state, grad_spikes, coefficients=True)
    points = forward(backend, current, state, neuron, checkpoints=True).checkpoints
    room = backend.array(grad_spikes)
    found = cusnn.neuron_backward(
        backend.array(current),
        backend.array(points),
        room,
        neuron,
        coefficients=True,
        out_grad_current=room,
        backend=backend.name,
    )
    assert found.current is room
    assert same_bits(backend.numpy(room), expected.current)
    assert same_bits(backend.numpy(found.state), expected.state)


@pytest.mark.parametrize("name", ["LIF soft", "CubaLIF"])
def test_arrays_larger_than_a_cache(name):
    """Whose rows begin anywhere in a vector; blocks are several, the last of another length."""
    neuron = NEURONS[name]
    rng = np.random.default_rng(5)
    current = rng.normal(0.5, 1.0, (35, 1, 66_001)).astype(np.float32)
    state = cusnn.initial_state(neuron, current.shape[1:])
    grad_spikes = rng.normal(0, 1, current.shape).astype(np.float32)
    found = {}
    for backend in ("numpy", "numba"):
        options = {"backend": backend, "spikes_dtype": "float32", "checkpoints": True}
        run = cusnn.neuron_forward(current, state, neuron, **options)
        back = cusnn.neuron_backward(current, run.checkpoints, grad_spikes, neuron, backend=backend)
        found[backend] = run.spikes, run.final_state, run.checkpoints, back.current, back.state
    assert found["numpy"][0].any()
    for one, other in zip(found["numpy"], found["numba"], strict=True):
        assert same_bits(one, other)


# ------------------------------------------------------------------ what is not finite


@pytest.mark.parametrize("detach", [False, True])
def test_a_gradient_that_is_not_finite_does_not_vanish_in_a_reset(backend, detach):
    """It comes from the last step; the one before fires and is reset to a fixed voltage."""
    neuron = LIF(tau_mem=5.0, v_reset=-0.2)
    current = np.full((3, 1, 1), 30.0, np.float32)
    grad_spikes = np.array([0.0, 0.0, np.nan], np.float32).reshape(3, 1, 1)
    points = forward(backend, current, np.zeros((2, 1, 1), "f4"), neuron, checkpoints=True)
    assert points.spikes.all()
    given = [backend.array(a) for a in (current, points.checkpoints, grad_spikes)]
    options = {"detach_reset": detach, "backend": backend.name}
    if backend.id == "cuda":
        found = cusnn.neuron_backward(*given, neuron, **options)
        assert np.isnan(backend.numpy(found.current)).all()
        return
    with pytest.raises(ValueError, match=r"grad_spikes must be finite, got nan at \[2, 0, 0\]"):
        cusnn.neuron_backward(*given, neuron, **options)
    found = cusnn.neuron_backward(*given, neuron, out_grad_current=given[2], **options)
    assert np.isnan(found.current).all()  # in place nothing is left to name


# ------------------------------------------------------------------ bad input

CURRENT = np.ones((20, 2, 3), np.float32)
STATE = np.zeros((2, 2, 3), np.float32)
POINTS = np.zeros((2, 2, 2, 3), np.float32)
ROW, OTHER = CURRENT[0].copy(), CURRENT.copy()


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda f, _: f(CURRENT[0], STATE, LIF()), ValueError, r"static current \[B, N\] needs st"),
        (lambda f, _: f(CURRENT[0], STATE, LIF(), steps=-1), ValueError, "needs steps, a .*got -1"),
        (lambda f, _: f(CURRENT[0], STATE, LIF(), steps=True), ValueError, "steps T, got True"),
        (lambda f, _: f(CURRENT[0], STATE, LIF(), steps=2.0), ValueError, "steps T, got 2.0"),
        (lambda f, _: f(CURRENT, STATE, LIF(), steps=9), ValueError, "steps is for a static cur"),
        (lambda f, _: f(CURRENT[0, 0], STATE, LIF(), steps=9), ValueError, r"\[T, B, N\], or \[B"),
        (
            lambda f, _: f(CURRENT, STATE, LIF(), spikes_dtype="int8"),
            ValueError,
            "spikes_dtype must be 'uint8' or 'float32'.*, got 'int8'",
        ),
        (
            lambda f, _: f(
                CURRENT, STATE, LIF(), out=cusnn.NeuronForward(CURRENT.copy(), None, None, None)
            ),
            TypeError,
            "out.spikes is float32, but spikes_dtype is 'uint8'",
        ),
        (
            lambda _, b: b(CURRENT, POINTS, CURRENT, LIF(), out_grad_current=CURRENT[:9].copy()),
            ValueError,
            "grad_current has A=9, but",
        ),
        (
            lambda _, b: b(CURRENT[0], POINTS, CURRENT, LIF(), out_grad_current=CURRENT.copy()),
            ValueError,
            r"out_grad_current must be \[B, N\]",
        ),
        (
            lambda _, b: b(CURRENT, POINTS, CURRENT, LIF(), out_grad_current=CURRENT),
            ValueError,
            "grad_current shares memory with current",
        ),
        (
            lambda _, b: b(ROW, POINTS, OTHER, LIF(), out_grad_current=OTHER[0]),
            ValueError,
            "grad_current shares memory with grad_spikes",
        ),
        (
            lambda _, b: b(CURRENT, POINTS, CURRENT, LIF(), out_grad_current=[1.0]),
            TypeError,
            "out_grad_current",
        ),
    ],
)
def test_bad_input(call, error, text):
    with pytest.raises(error, match=text):
        call(cusnn.neuron_forward, cusnn.neuron_backward)
