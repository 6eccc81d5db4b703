"""neuron_forward: classic cases, closed forms, steps worked by hand, and bits across backends."""

import math

import numpy as np
import pytest

import cusnn
from cusnn import LIF, CubaLIF
from cusnn.backends.numpy_ref import network as engine

RESETS = ("hard", "soft", "none")


def run(neuron, current, state=None, *, backend="numpy", dt=1.0, **options):
    """neuron_forward on arrays given as anything of shape [T], [T, N] or [T, B, N]."""
    current = np.asarray(current, np.float32)
    current = current.reshape(current.shape[0], 1, -1) if current.ndim < 3 else current
    if state is None:
        state = cusnn.initial_state(neuron, current.shape[1:])
    return cusnn.neuron_forward(current, state, neuron, dt=dt, backend=backend, **options)


def spike_steps(result):
    """0-based steps at which the only neuron fired: step 0 is the first to take input."""
    return np.flatnonzero(result.spikes[:, 0, 0]).tolist()


def trace(neuron, current, dt=1.0, state=None):
    """State after every step of the only neuron, [T, S]."""
    extended = np.concatenate([current, [0.0]])
    checkpoints = run(neuron, extended, state, dt=dt, checkpoints=True, interval=1).checkpoints
    return checkpoints[1:, :, 0, 0]


# ------------------------------------------------------------------ classic cases

CLASSIC = LIF(tau_mem=20.0, t_refractory=4.0, integration="euler")


def test_classic_spike_times():
    """v_n = 1.8 (1 - 0.95^n) passes 1 with the 16th step, which is step 15; then 4 of rest."""
    result = run(CLASSIC, np.full(200, 1.8))
    assert spike_steps(result) == list(range(15, 200, 20))


@pytest.mark.parametrize(
    ("current", "count"), [(0.9, 0), (1.0, 0), (1.2, 25), (1.8, 50), (3.0, 83), (5.0, 111)]
)
def test_classic_spike_counts(current, count):
    assert run(CLASSIC, np.full(1000, current)).spikes.sum() == count


@pytest.mark.parametrize("dt", [0.1, 1.0])
@pytest.mark.parametrize("t_refractory", [0.0, 3.0])
def test_f_i_curve(dt, t_refractory):
    """A period is the rest plus tau ln((r i - v_reset) / (r i - v_threshold)), in whole steps."""
    neuron = LIF(tau_mem=15.0, r=2.0, v_threshold=1.1, v_reset=-0.3, t_refractory=t_refractory)
    current = np.array([0.56, 0.7, 1.03, 2.1, 7.0])
    charge = 15.0 * np.log((2 * current + 0.3) / (2 * current - 1.1))
    period = np.ceil(charge / dt).astype(int) + round(t_refractory / dt)
    spikes = run(neuron, np.tile(current, (2000, 1)), dt=dt).spikes[:, 0]
    for column, steps in zip(spikes.T, period, strict=True):
        assert np.unique(np.diff(np.flatnonzero(column))).tolist() == [steps]


def test_nir_golden_trace():
    """NIR's single-LIF artefact (neuromorphs/NIR 7232ada, paper/01_lif): 34 unit inputs, dt 0.1 ms,
    tau 2.5 ms, threshold 0.1; Norse, snnTorch and others agree on the spikes. Steps from 0."""
    steps = [60, 220, 270, 310, 320, 350, 370, 400, 410, 430, 440, 450, 460, 470, 480, 490, 500]
    steps += [510, 520, 530, 670, 680, 690, 700, 710, 720, 730, 740, 750, 760, 770, 780, 840, 850]
    current = np.zeros(1000)
    current[steps] = 1.0
    for integration in ("euler", "exact"):
        for reset in ("hard", "soft"):
            neuron = LIF(tau_mem=2.5, v_threshold=0.1, integration=integration, reset=reset)
            assert spike_steps(run(neuron, current, dt=0.1)) == [460, 510, 710, 760]
    v, expected = 0.0, []
    for arriving in current:
        v += 0.04 * (arriving - v)
        v = 0.0 if v > 0.1 else v
        expected.append(v)
    neuron = LIF(tau_mem=2.5, v_threshold=0.1, integration="euler")
    np.testing.assert_allclose(trace(neuron, current, 0.1)[:, 0], expected, rtol=0, atol=1e-7)


# ------------------------------------------------------------------ closed forms


def test_lif_charges_exponentially():
    neuron = LIF(tau_mem=8.0, r=0.5, v_leak=-70.0, v_threshold=0.0, v_reset=-80.0, i_offset=10.0)
    v = trace(neuron, np.full(400, 30.0), dt=0.1)[:, 0]
    t = 0.1 * np.arange(1, 401)
    np.testing.assert_allclose(v, -70 + 0.5 * 40 * (1 - np.exp(-t / 8)), rtol=3e-6)


@pytest.mark.parametrize("tau_syn", [0.5, 10.0, 30.0])
def test_cuba_lif_after_one_input(tau_syn):
    """Input in step 3 jumps the current; the membrane follows from step 4 on."""
    neuron = CubaLIF(tau_mem=10.0, tau_syn=tau_syn, r=0.04, v_leak=0.0, v_threshold=100, v_reset=-1)
    current = np.zeros(600)
    current[3] = 500.0
    states = trace(neuron, current, dt=0.1)
    t = 0.1 * (np.arange(600) - 3)
    t[:3] = 0
    shape = t / 10 * np.exp(-t / 10)
    if tau_syn != 10.0:
        shape = tau_syn / (10 - tau_syn) * (np.exp(-t / 10) - np.exp(-t / tau_syn))
    np.testing.assert_allclose(states[:, 0], 0.04 * 500 * shape, rtol=2e-5, atol=1e-6)
    expected = np.where(np.arange(600) < 3, 0, 500 * np.exp(-t / tau_syn))
    np.testing.assert_allclose(states[:, 1], expected, rtol=3e-5, atol=1e-30)


def test_voltage_input_jumps():
    neuron = LIF(tau_mem=10.0, input="voltage", v_threshold=5.0, r=123.0)
    v = trace(neuron, [2.0, 0.0, 1.0])[:, 0]
    decay = math.exp(-0.1)
    np.testing.assert_allclose(v, [2, 2 * decay, 2 * decay**2 + 1], rtol=1e-6)


# ------------------------------------------------------------------ worked by hand

# v_pre = v / 2 + input / 2: every number below is exact in float32.
HALF = {"tau_mem": 2.0, "integration": "euler", "v_threshold": 1.0, "v_reset": -0.25}


@pytest.mark.parametrize(
    ("reset", "rest", "v", "spikes", "left"),
    [
        ("hard", 0, [0.75, -0.25, -0.25, 0.875], [0, 1, 1, 0], [0, 0, 0, 0]),
        ("soft", 0, [0.75, 0.75, 0.625, 0.0625], [0, 1, 1, 1], [0, 0, 0, 0]),
        ("none", 0, [0.75, 2.0, 2.5, 2.25], [0, 1, 1, 1], [0, 0, 0, 0]),
        ("hard", 1, [0.75, -0.25, -0.25, 0.875], [0, 1, 0, 0], [0, 1, 0, 0]),
        ("hard", 2, [0.75, -0.25, -0.25, -0.25], [0, 1, 0, 0], [0, 2, 1, 0]),
        ("soft", 1, [0.75, 0.75, 0.75, 0.125], [0, 1, 0, 1], [0, 1, 0, 1]),
    ],
)
def test_lif_by_hand(backend, reset, rest, v, spikes, left):
    """A resting neuron keeps its voltage, takes no input and does not fire."""
    neuron = LIF(**HALF, reset=reset, t_refractory=float(rest))
    check_by_hand(backend, neuron, [1.5, 3.25, 3.0, 2.0], [v, left], spikes)


@pytest.mark.parametrize(
    ("rest", "v", "left"),
    [(0, [0, -0.25, 0.875, 0.9375], [0, 0, 0, 0]), (1, [0, -0.25, -0.25, 0.375], [0, 1, 0, 0])],
)
def test_cuba_lif_by_hand(backend, rest, v, left):
    """v_pre = v / 2 + i / 2, then i = i / 2 + input, also in rest; fires at threshold itself."""
    tau = 1 / math.log(2)
    neuron = CubaLIF(tau, tau, tau, 0.0, 1.0, -0.25, float(rest))
    check_by_hand(backend, neuron, [2, 1, 0, 4], [v, [2, 2, 1, 4.5], left], [0, 1, 0, 0])


def check_by_hand(backend, neuron, current, states, spikes):
    shape = (len(current), 1, 1)
    result = cusnn.neuron_forward(
        backend.array(np.reshape(current, shape), "float32"),
        cusnn.initial_state(neuron, (1, 1), backend.xp),
        neuron,
        checkpoints=True,
        packed=True,
        interval=1,
        backend=backend.name,
    )
    assert backend.numpy(result.spikes).ravel().tolist() == spikes
    assert backend.numpy(result.packed).ravel().tolist() == spikes
    after = np.array(states)
    np.testing.assert_array_equal(backend.numpy(result.checkpoints)[1:, :, 0, 0], after.T[:-1])
    np.testing.assert_array_equal(backend.numpy(result.final_state)[:, 0, 0], after[:, -1])


def test_states_that_decay_become_exactly_zero():
    """0.5^n passes 1e-30 at n = 100; without the cut subnormals would follow from n = 127 on."""
    tau = 1 / math.log(2)
    v = trace(LIF(tau_mem=tau, v_threshold=2.0), np.zeros(140), state=np.ones((2, 1, 1), "f4"))[
        :, 0
    ]
    np.testing.assert_array_equal(v[1:99], 0.5 ** np.arange(1, 99))
    assert v[0] == 1  # one step of rest
    np.testing.assert_array_equal(v[100:], 0)
    start = np.array([0, 1, 0], "f4").reshape(3, 1, 1)
    i = trace(CubaLIF(tau, tau, v_leak=0.0, v_threshold=9.0), np.zeros(140), state=start)[:, 1]
    np.testing.assert_array_equal(i[:99], 0.5 ** np.arange(1, 100))
    np.testing.assert_array_equal(i[99:], 0)


# ------------------------------------------------------------------ bits


def same_bits(one, other):
    assert one.dtype == other.dtype
    assert one.shape == other.shape
    return one.tobytes() == other.tobytes()


def spread(low, high):
    """A parameter per neuron."""
    return lambda n: np.linspace(low, high, n)


# name: model, parameters (functions of N are arrays), B, N, T, mean and spread of the input.
CASES = {
    "lif silent": (LIF, {}, 2, 31, 63, 0.0, 0.1),
    "lif sparse": (LIF, {"t_refractory": 2.0}, 1, 1000, 100, 0.8, 2.0),
    "lif busy soft": (LIF, {"reset": "soft", "tau_mem": 5.0}, 3, 33, 100, 1.5, 2.0),
    "lif always": (LIF, {"reset": "none"}, 1, 257, 63, 90.0, 5.0),
    "lif one": (LIF, {"integration": "euler"}, 1, 1, 100, 1.8, 0.5),
    "lif one step": (LIF, {"reset": "soft"}, 1, 257, 1, 20.0, 9.0),
    "lif two steps": (LIF, {"t_refractory": 1.0}, 4, 33, 2, 25.0, 9.0),
    "lif voltage": (LIF, {"input": "voltage", "t_refractory": 1.0}, 2, 257, 63, 0.1, 0.3),
    "lif many": (
        LIF,
        {"tau_mem": spread(3, 30), "v_threshold": spread(0.5, 2), "v_leak": spread(-1, 0.2)},
        2,
        1000,
        63,
        1.0,
        2.0,
    ),
    "lif many euler soft": (
        LIF,
        {"tau_mem": spread(3, 30), "reset": "soft", "integration": "euler", "t_refractory": 3.0},
        1,
        33,
        100,
        1.5,
        2.0,
    ),
    "lif in blocks": (LIF, {"v_leak": spread(0, 1.2)}, 2, 2085, 17, 3.0, 4.0),
    "cuba in blocks": (CubaLIF, {"i_offset": 1e3}, 1, 2085, 17, 0.0, 300.0),
    "cuba silent": (CubaLIF, {}, 2, 33, 63, 0.0, 50.0),
    "cuba sparse": (CubaLIF, {"i_offset": 400.0}, 1, 1000, 100, 0.0, 200.0),
    "cuba busy soft": (CubaLIF, {"reset": "soft", "t_refractory": 0.0}, 3, 31, 100, 3e3, 900.0),
    "cuba always": (CubaLIF, {"reset": "none", "t_refractory": 0.0}, 1, 257, 63, 4e4, 1e3),
    "cuba one": (CubaLIF, {"i_offset": 500.0}, 1, 1, 100, 100.0, 300.0),
    "cuba one step": (CubaLIF, {"i_offset": 4e3}, 2, 31, 1, 0.0, 300.0),
    "cuba two steps": (CubaLIF, {"i_offset": 4e3}, 2, 33, 2, 0.0, 300.0),
    "cuba many": (
        CubaLIF,
        {"tau_syn": spread(0.3, 9), "i_offset": spread(0, 600), "r": spread(0.02, 0.1)},
        2,
        257,
        100,
        100.0,
        200.0,
    ),
}
FIRING = {"silent": (0, 0), "sparse": (0.001, 0.1), "busy": (0.1, 0.9), "always": (0.9, 1)}


def make_case(name, seed=0):
    """Neuron, current and a state in which some neurons are in motion and some at rest."""
    model, given, batch, n, steps, mean, deviation = CASES[name]
    neuron = model(**{k: v(n) if callable(v) else v for k, v in given.items()})
    rng = np.random.default_rng(seed)
    current = rng.normal(mean, deviation, (steps, batch, n)).astype(np.float32)
    state = cusnn.initial_state(neuron, (batch, n))
    if "silent" not in name:
        state += rng.random(state.shape, np.float32)
        state[-1] = rng.integers(0, 4, state[-1].shape) * rng.integers(0, 2, state[-1].shape)
    return neuron, current, state


@pytest.mark.parametrize("name", CASES)
def test_same_bits_on_every_backend(backend, name):
    neuron, current, state = make_case(name)
    wanted = {"packed": True, "checkpoints": True, "interval": 7 if "soft" in name else 16}
    expected = run(neuron, current, state, **wanted)
    for kind, (low, high) in FIRING.items():
        if kind in name:
            assert low <= expected.spikes.mean() <= high
    found = cusnn.neuron_forward(
        backend.array(current), backend.array(state), neuron, backend=backend.name, **wanted
    )
    for output in expected._fields:
        one, other = backend.numpy(getattr(found, output)), getattr(expected, output)
        assert same_bits(one, other), output
    np.testing.assert_array_equal(
        expected.packed, cusnn.spike_pack(expected.spikes, backend="numpy")
    )


@pytest.mark.parametrize("name", CASES)
def test_same_bits_as_the_network_engine(name):
    """The engine's step is the same arithmetic, on a state with a row more than the model's."""
    neuron, current, state = make_case(name)
    c = neuron.coefficients(1.0)
    n = current.shape[2]
    per_neuron = int(c.values.shape[1] > 1)
    segment = (engine.MODELS.index(c.model), c.reset, c.refractory_steps, 0, n, 0, per_neuron)
    result = run(neuron, current, state)
    for b in range(current.shape[1]):
        rows = np.concatenate([state[:, b], np.full((1, n), 7, np.float32)])
        for t in range(current.shape[0]):
            spiked = engine.neuron_step(
                rows, current[t, b][None], segment, c.values.ravel(), np.arange(n)
            )
            np.testing.assert_array_equal(spiked, result.spikes[t, b])
        assert same_bits(np.ascontiguousarray(result.final_state[:, b]), rows[:-1])
        np.testing.assert_array_equal(rows[-1], 7)


# ------------------------------------------------------------------ outputs


@pytest.mark.parametrize("interval", [1, 5, 16])
def test_checkpoints_are_the_states_before_every_interval(backend, interval):
    neuron, current, state = make_case("lif busy soft")
    result = cusnn.neuron_forward(
        backend.array(current),
        backend.array(state),
        neuron,
        checkpoints=True,
        interval=interval,
        backend=backend.name,
    )
    checkpoints = backend.numpy(result.checkpoints)
    assert checkpoints.shape == (-(-100 // interval), 2, 3, 33)
    for q, checkpoint in enumerate(checkpoints):
        before = run(neuron, current[: q * interval], state).final_state
        np.testing.assert_array_equal(checkpoint, before)


@pytest.mark.parametrize("name", ["lif sparse", "cuba many"])
def test_a_run_in_two_parts_is_one_run(backend, name):
    neuron, current, state = make_case(name)
    whole = run(neuron, current, state)
    first = cusnn.neuron_forward(
        backend.array(current[:37]), backend.array(state), neuron, backend=backend.name
    )
    second = cusnn.neuron_forward(
        backend.array(current[37:]), first.final_state, neuron, backend=backend.name
    )
    spikes = np.concatenate([backend.numpy(first.spikes), backend.numpy(second.spikes)])
    np.testing.assert_array_equal(spikes, whole.spikes)
    np.testing.assert_array_equal(backend.numpy(second.final_state), whole.final_state)


@pytest.mark.parametrize("wanted", [(), ("spikes",), ("packed",), ("checkpoints",)], ids=str)
def test_only_what_was_asked_for(backend, wanted):
    neuron, current, state = make_case("lif two steps")
    asked = {output: output in wanted for output in ("spikes", "packed", "checkpoints")}
    found = cusnn.neuron_forward(
        backend.array(current), backend.array(state), neuron, backend=backend.name, **asked
    )
    expected = run(neuron, current, state, packed=True, checkpoints=True)
    for output in expected._fields:
        if output in ("final_state", *wanted):
            one = backend.numpy(getattr(found, output))
            np.testing.assert_array_equal(one, getattr(expected, output))
        else:
            assert getattr(found, output) is None


def test_written_into_given_arrays_and_over_the_state(backend):
    neuron, current, state = make_case("cuba busy soft")
    expected = run(neuron, current, state, packed=True)
    spikes = backend.array(np.zeros(current.shape, np.uint8))
    given = backend.array(state)
    out = cusnn.NeuronForward(spikes, given, None, None)
    found = cusnn.neuron_forward(
        backend.array(current), given, neuron, packed=True, out=out, backend=backend.name
    )
    assert found.spikes is spikes
    assert found.final_state is given
    np.testing.assert_array_equal(backend.numpy(spikes), expected.spikes)
    np.testing.assert_array_equal(backend.numpy(given), expected.final_state)
    np.testing.assert_array_equal(backend.numpy(found.packed), expected.packed)


@pytest.mark.parametrize("shape", [(0, 2, 5), (3, 0, 5), (3, 2, 0), (0, 0, 0)], ids=str)
def test_empty(backend, shape):
    steps, batch, n = shape
    current = backend.array(np.ones(shape, np.float32))
    state = backend.array(np.full((2, batch, n), 0.5, np.float32))
    found = cusnn.neuron_forward(
        current, state, LIF(), packed=True, checkpoints=True, backend=backend.name
    )
    assert found.spikes.shape == shape
    assert found.packed.shape == (steps, batch, -(-n // 32))
    assert found.checkpoints.shape == (min(steps, 1), 2, batch, n)
    if steps == 0:
        np.testing.assert_array_equal(backend.numpy(found.final_state), backend.numpy(state))


# ------------------------------------------------------------------ bad input

CURRENT = np.ones((4, 2, 3), np.float32)
STATE = np.zeros((2, 2, 3), np.float32)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize(
    "neuron", [LIF(reset=reset) for reset in RESETS] + [CubaLIF()], ids=lambda n: repr(n)[:3]
)
def test_input_that_is_not_finite(backend, neuron, value):
    if backend.id == "cuda":
        pytest.skip("not looked for on the GPU")
    current = CURRENT.copy()
    current[1, 0, 2] = value
    state = cusnn.initial_state(neuron, (2, 3))
    with pytest.raises(ValueError, match=r"current must be finite, got -?(nan|inf) at \[1, 0, 2\]"):
        cusnn.neuron_forward(current, state, neuron, backend=backend.name)
    state[-1, 1, 1] = value
    with pytest.raises(ValueError, match=r"state must be finite, got .* at \[\d, 1, 1\]"):
        cusnn.neuron_forward(CURRENT, state, neuron, backend=backend.name)


def test_state_is_kept_when_the_input_is_bad():
    current = CURRENT.copy()
    current[3, 1, 1] = np.nan
    state = STATE.copy()
    out = cusnn.NeuronForward(None, state, None, None)
    with pytest.raises(ValueError, match=r"current must be finite, got nan at \[3, 1, 1\]"):
        cusnn.neuron_forward(current, state, LIF(), spikes=False, out=out)
    np.testing.assert_array_equal(state, STATE)


def test_overflow_is_named():
    with pytest.raises(ValueError, match="overflowed float32"):
        cusnn.neuron_forward(
            CURRENT * np.float32(3e38), STATE, LIF(reset="none", tau_mem=1e-3, r=9)
        )


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda f: f(CURRENT.tolist(), STATE, LIF()), TypeError, "current must be an array"),
        (lambda f: f(CURRENT, None, LIF()), TypeError, "state must be an array"),
        (lambda f: f(CURRENT.astype("f8"), STATE, LIF()), TypeError, "float64.*convert it with"),
        (lambda f: f(CURRENT, STATE.astype(int), LIF()), TypeError, "state must be float32"),
        (lambda f: f(CURRENT[0, 0], STATE, LIF()), ValueError, r"current must be \[T, B, N\], or"),
        (
            lambda f: f(CURRENT[:, :1].copy(), STATE, LIF()),
            ValueError,
            "state has B=2, but current",
        ),
        (lambda f: f(CURRENT, STATE[..., :2].copy(), LIF()), ValueError, "state has N=2"),
        (lambda f: f(CURRENT, STATE, CubaLIF()), ValueError, "state has S=2, but the call has S=3"),
        (lambda f: f(CURRENT[:, :, ::-1], STATE, LIF()), ValueError, "C-contiguous"),
        (lambda f: f(CURRENT, STATE, LIF(tau_mem=[1.0, 2.0])), ValueError, "for 2 neurons.*N=3"),
        (lambda f: f(CURRENT, STATE, LIF), TypeError, "neuron must be one of LIF, CubaLIF"),
        (lambda f: f(CURRENT, STATE, None), TypeError, "neuron must be one of LIF, CubaLIF"),
        (lambda f: f(CURRENT, STATE, LIF(), dt=0.0), ValueError, "dt must be a positive"),
        (lambda f: f(CURRENT, STATE, LIF(), interval=0), ValueError, "interval must be 1 to 16"),
        (lambda f: f(CURRENT, STATE, LIF(), interval=17), ValueError, "1 to 16, got 17"),
        (lambda f: f(CURRENT, STATE, LIF(), interval=2.0), ValueError, "interval must be 1 to 16"),
        (lambda f: f(CURRENT, STATE, LIF(), interval=True), ValueError, "interval must be 1 to 16"),
        (lambda f: f(CURRENT, STATE, LIF(), backend="cpu"), ValueError, "backend must be one of"),
        (
            lambda f: f(
                CURRENT, STATE, LIF(), out=cusnn.NeuronForward(STATE.astype("f8"), None, None, None)
            ),
            TypeError,
            "spikes must be uint8 or float32",
        ),
        (
            lambda f: f(
                CURRENT, STATE, LIF(), out=cusnn.NeuronForward(None, STATE[:1], None, None)
            ),
            ValueError,
            "final_state has S=1",
        ),
    ],
)
def test_bad_input(call, error, text):
    with pytest.raises(error, match=text):
        call(cusnn.neuron_forward)


def test_out_of_another_kind():
    current = np.zeros((1, 1, 2), np.float32)
    state = cusnn.initial_state(LIF(), (1, 2))
    with pytest.raises(TypeError, match="out must be a NeuronForward, got ndarray"):
        cusnn.neuron_forward(current, state, LIF(), out=current)
