"""The neuron models of networks, against mathematics; and their bits across backends."""

import dataclasses
import math
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.optimize import brentq

import cusnn
from cusnn import ALIF, LIF, CobaLIF, CubaLIF, Izhikevich, Relay
from cusnn.backends.numpy_ref.neuron import step
from cusnn.neurons import RESETS

HALVING = 1 / math.log(2)  # of this time constant a step of 1 ms leaves half
NEVER = 1e12  # a time constant of what does not decay


def run(neuron, current, state=None, *, backend="numpy", dt=1.0, **options):
    """neuron_forward of one batch, on a current [T, N] or [T]."""
    current = np.asarray(current, np.float32)
    current = current.reshape(current.shape[0], 1, -1)
    if state is None:
        state = cusnn.initial_state(neuron, current.shape[1:])
    return cusnn.neuron_forward(current, state, neuron, dt=dt, backend=backend, **options)


def trace(neuron, current, dt=1.0, state=None):
    """State after every step of the only neuron, [T, S]."""
    if state is not None:
        state = np.array(state, np.float32).reshape(-1, 1, 1)
    extended = np.concatenate([current, [0.0]])
    return run(neuron, extended, state, dt=dt, checkpoints=True, interval=1).checkpoints[
        1:, :, 0, 0
    ]


def check_by_hand(backend, neuron, current, states, spikes):
    """Exact states [S, T] after each step of one neuron that starts at rest."""
    result = cusnn.neuron_forward(
        backend.array(np.reshape(current, (-1, 1, 1)), "float32"),
        cusnn.initial_state(neuron, (1, 1), backend.xp),
        neuron,
        checkpoints=True,
        interval=1,
        backend=backend.name,
    )
    assert backend.numpy(result.spikes).ravel().tolist() == spikes
    after = np.array(states, np.float32)
    np.testing.assert_array_equal(backend.numpy(result.checkpoints)[1:, :, 0, 0], after.T[:-1])
    np.testing.assert_array_equal(backend.numpy(result.final_state)[:, 0, 0], after[:, -1])


def periods(spikes):
    return np.diff(np.flatnonzero(spikes))


def orders(errors):
    """Order of convergence from errors at steps that are halved."""
    return np.log2(np.divide(errors[:-1], errors[1:]))


# ------------------------------------------------------------------ conductances


def coba(**given):
    return CobaLIF(**{"tau_mem": 10.0, "v_threshold": 100.0, **given})


def test_coba_with_constant_conductances_is_of_second_order():
    """v relaxes to (v_leak + r (g_exc e_exc + g_inh e_inh)) / G with G / tau_mem, G = 1 + r g."""
    neuron = coba(tau_exc=NEVER, tau_inh=NEVER, i_offset=20.0)
    total = 1 + 0.1 * (30 + 10)
    rest = (-60 + 0.1 * (20 + 30 * 0 + 10 * -80)) / total
    errors = []
    for dt in (0.5, 0.25, 0.125, 0.0625):
        steps = round(3 / dt)
        v = trace(neuron, np.zeros(steps), dt, [-60, 30, 10, 0])[:, 0]
        exact = rest + (-60 - rest) * np.exp(-total / 10 * dt * np.arange(1, steps + 1))
        errors.append(np.abs(v - exact).max())
    np.testing.assert_allclose(orders(errors), 2, atol=0.3)
    assert errors[-1] < 0.01


def test_coba_with_decaying_conductances_is_of_second_order():
    neuron = coba(i_offset=50.0)

    def slope(t, v):
        exc, inh = 30 * np.exp(-t / 5) * (0 - v), 20 * np.exp(-t / 10) * (-80 - v)
        return ((-60 - v) + 0.1 * (50 + exc + inh)) / 10

    errors = []
    for dt in (0.5, 0.25, 0.125, 0.0625):
        times = dt * np.arange(1, round(8 / dt) + 1)
        exact = solve_ivp(slope, (0, 8), [-65.0], t_eval=times, rtol=1e-10, atol=1e-10).y[0]
        states = trace(neuron, np.zeros(times.size), dt, [-65, 30, 20, 0])
        errors.append(np.abs(states[:, 0] - exact).max())
        np.testing.assert_allclose(states[:, 1], 30 * np.exp(-times / 5), rtol=2e-5)
        np.testing.assert_allclose(states[:, 2], 20 * np.exp(-times / 10), rtol=2e-5)
    np.testing.assert_allclose(orders(errors), 2, atol=0.3)
    assert errors[-1] < 0.01


@pytest.mark.parametrize("t_refractory", [0.0, 5.0])
def test_coba_f_i_curve(t_refractory):
    """A period is the rest plus tau_mem / G ln((rest - v_reset) / (rest - v_threshold))."""
    neuron = CobaLIF(tau_exc=NEVER, tau_inh=NEVER, t_refractory=t_refractory)
    exc, inh = np.array([4.0, 6.0, 10.0, 25.0]), np.array([1.0, 0.0, 12.0, 5.0])
    total = 1 + 0.1 * (exc + inh)
    rest = (-60 + 0.1 * inh * -80) / total
    period = 20 / total * np.log((rest + 60) / (rest + 50)) + t_refractory
    state = np.stack([np.full(4, -60.0), exc, inh, np.zeros(4)]).astype(np.float32)
    spikes = run(neuron, np.zeros((4000, 4)), state[:, None], dt=0.05).spikes[:, 0]
    for column, expected in zip(spikes.T, period, strict=True):
        found = periods(column)
        assert found.size > 5
        assert np.all((found * 0.05 > expected - 0.05) & (found * 0.05 < expected + 0.1))


def test_coba_at_rest_stays():
    np.testing.assert_array_equal(trace(CobaLIF(), np.zeros(50), 0.1)[:, 0], -60)


def test_coba_by_hand(backend):
    """rate 1/2, gain 1/4; excitation halves in half a step, inhibition falls to a quarter.

    Third step: slope(1/2, 1/2, 2) = -3.5625, middle = -1.28125, slope(middle, 1/4, 1/2)
    = 0.640625 + (0.25 9.28125 - 0.5 6.71875) / 4 = 0.380859375. In the fourth v_pre is 1.077.
    """
    neuron = CobaLIF(
        tau_mem=2.0,
        r=0.5,
        v_leak=0.0,
        v_threshold=1.0,
        v_reset=-1.0,
        e_exc=8.0,
        e_inh=-8.0,
        tau_exc=HALVING / 2,
        tau_inh=HALVING / 4,
        t_refractory=2.0,
    )
    v, exc = [0, 0.5, 0.880859375, -1], [2, 0.5, 2.125, 0.53125]
    states = [v, exc, [0, 2, 0.125, 0.0078125], [0, 0, 0, 2]]
    check_by_hand(backend, neuron, [2, -2, 2, 0], states, [0, 0, 0, 1])


# ------------------------------------------------------------------ two currents


def response(t, tau_syn):
    """Voltage over r that a current of 1 at t = 0 leaves, tau_mem 10."""
    if tau_syn == 10.0:
        return t / 10 * np.exp(-t / 10)
    return tau_syn / (10 - tau_syn) * (np.exp(-t / 10) - np.exp(-t / tau_syn))


@pytest.mark.parametrize(("tau_exc", "tau_inh"), [(0.5, 10.0), (5.0, 12.0)])
def test_cuba_dual_is_exact(tau_exc, tau_inh):
    """500 pA in step 3 and -300 pA in step 40 move the membrane from the next steps on."""
    neuron = CubaLIF(
        tau_syn=tau_exc, tau_syn_inh=tau_inh, v_leak=0.0, v_threshold=99.0, v_reset=-1.0
    )
    assert neuron.state == ("v", "i_exc", "i_inh", "refractory")
    current = np.zeros(400)
    current[3], current[40] = 500, -300
    states = trace(neuron, current, 0.1)
    exc = np.clip(0.1 * (np.arange(400) - 3), 0, None)
    inh = np.clip(0.1 * (np.arange(400) - 40), 0, None)
    v = 0.04 * (500 * response(exc, tau_exc) - 300 * response(inh, tau_inh))
    np.testing.assert_allclose(states[:, 0], v, rtol=3e-5, atol=3e-5)
    np.testing.assert_allclose(states[3:, 1], 500 * np.exp(-exc[3:] / tau_exc), 3e-5, 1e-30)
    np.testing.assert_allclose(states[40:, 2], -300 * np.exp(-inh[40:] / tau_inh), rtol=3e-5)
    np.testing.assert_array_equal(states[:3, 1], 0)
    np.testing.assert_array_equal(states[:40, 2], 0)


def test_cuba_dual_is_cuba_where_all_is_excitation(backend):
    rng = np.random.default_rng(4)
    current = rng.gamma(0.3, 600, (120, 1, 67)).astype(np.float32)
    given = {"tau_syn": np.linspace(0.4, 7, 67), "i_offset": 300.0}
    one, two = CubaLIF(**given), CubaLIF(**given, tau_syn_inh=np.linspace(0.4, 7, 67))
    expected = run(one, current, dt=0.1)
    found = cusnn.neuron_forward(
        backend.array(current),
        cusnn.initial_state(two, (1, 67), backend.xp),
        two,
        dt=0.1,
        backend=backend.name,
    )
    assert 0 < expected.spikes.mean() < 0.5
    np.testing.assert_array_equal(backend.numpy(found.spikes), expected.spikes)
    final = backend.numpy(found.final_state)
    np.testing.assert_array_equal(final[[0, 1, 3]], expected.final_state)
    np.testing.assert_array_equal(final[2], 0)


@pytest.mark.parametrize(
    "neuron", [CubaLIF(tau_syn=5.0, tau_syn_inh=10.0), CobaLIF()], ids=lambda n: n.model
)
def test_channels_given_apart(neuron):
    """What is parted by sign in neuron_forward arrives on two channels in a network, also both."""
    rng = np.random.default_rng(5)
    exc, inh = rng.gamma(0.3, 30, (2, 90, 33)).astype(np.float32)
    coefficients = neuron.coefficients(0.1)
    sign = 1 if neuron.model == "CobaLIF" else -1
    apart, parted = (cusnn.initial_state(neuron, (1, 33)).copy() for _ in range(2))
    both = SimpleNamespace(
        model=coefficients.model,
        reset=coefficients.reset,
        refractory_steps=coefficients.refractory_steps,
        values=coefficients.values,
    )
    for t in range(90):
        step(apart, exc[t], both, sign * inh[t])
        step(parted, exc[t], both)
        parted[2] += sign * inh[t]
        np.testing.assert_array_equal(apart, parted)
    assert np.any(apart[1] != 0)


# ------------------------------------------------------------------ adaptation


def alif(**given):
    numbers = {"tau_mem": HALVING, "tau_adaptation": HALVING, "jump": 0.5, "v_threshold": 1.0}
    return ALIF(**{**numbers, "t_refractory": 0.0, **given})


INPUT = [4, 4, 4, 1, 2.375]


@pytest.mark.parametrize(
    ("reset", "v"),
    [
        ("hard", [0, 0, 0, 0.5, 0]),
        ("soft", [1, 1, 0.75, 0.875, 0.1875]),
    ],
)
def test_alif_by_hand(backend, reset, v):
    """Thresholds 1, 1.5, 1.75, 1.875, 1.4375; a hard reset has the last met exactly."""
    a = [1, 1.5, 1.75, 0.875, 1.4375]
    check_by_hand(backend, alif(reset=reset), INPUT, [v, a, [0] * 5], [1, 1, 1, 0, 1])


def test_alif_at_rest_keeps_decaying(backend):
    """Two steps of rest after the spike: v stays, a halves."""
    neuron = alif(reset="hard", t_refractory=2.0, v_reset=-0.5)
    states = [[-0.5, -0.5, -0.5, 0.25], [1, 0.5, 0.25, 0.125], [2, 1, 0, 0]]
    check_by_hand(backend, neuron, [4, 9, 9, 1], states, [1, 0, 0, 0])


def test_alif_takes_voltages():
    jumps = trace(alif(input="voltage", v_threshold=9.0), [1.5, 0.0, 1.0])
    np.testing.assert_array_equal(jumps[:, 0], [1.5, 0.75, 1.375])


def test_alif_without_jump_is_lif(backend):
    rng = np.random.default_rng(6)
    current = rng.normal(1.2, 2.0, (80, 1, 45)).astype(np.float32)
    expected = run(LIF(t_refractory=2.0), current)
    neuron = ALIF(v_threshold=1.0, jump=0.0, t_refractory=2.0, reset="hard")
    found = cusnn.neuron_forward(
        backend.array(current),
        cusnn.initial_state(neuron, (1, 45), backend.xp),
        neuron,
        backend=backend.name,
    )
    assert expected.spikes.sum() > 45
    np.testing.assert_array_equal(backend.numpy(found.spikes), expected.spikes)
    np.testing.assert_array_equal(backend.numpy(found.final_state)[[0, 2]], expected.final_state)


def test_alif_rate_adapts_to_its_fixed_point():
    """At a steady period T, a before a spike is 1 / (exp(T / tau_adaptation) - 1)."""
    dt, drive = 0.05, 3.0
    neuron = ALIF(
        tau_mem=10.0,
        v_threshold=1.0,
        tau_adaptation=120.0,
        jump=0.2,
        t_refractory=0.0,
        reset="hard",
    )
    found = periods(run(neuron, np.full(20_000, drive), dt=dt).spikes[:, 0, 0])

    def excess(period):
        threshold = 1 + 0.2 / np.expm1(period / 120)
        return drive * -np.expm1(-period / 10) - threshold

    steady = brentq(excess, 1.0, 100.0)
    first = 10 * np.log(drive / (drive - 1))
    second = brentq(lambda t: drive * -np.expm1(-t / 10) - 1 - 0.2 * np.exp(-t / 120), 1.0, 100.0)
    spikes = run(neuron, np.full(400, drive), dt=dt).spikes[:, 0, 0]
    assert np.flatnonzero(spikes)[0] * dt == pytest.approx(first, abs=dt)
    assert found[0] * dt == pytest.approx(second, abs=2 * dt)
    assert np.all(np.diff(found) >= -1)
    np.testing.assert_allclose(found[-20:] * dt, steady, atol=2 * dt)
    assert steady > 1.5 * second


def test_alif_defaults_are_those_of_the_paper():
    """beta (1 - exp(-dt / tau_adaptation)) of a spike at dt = 1 ms, beta 1.8."""
    assert ALIF().jump == pytest.approx(1.8 * -math.expm1(-1 / 700), rel=1e-3)


# ------------------------------------------------------------------ Izhikevich


def quadratic(drive):
    def slope(t, state):
        v, u = state
        return 0.04 * v * v + 5 * v + 140 - u + drive, 0.02 * (0.2 * v - u)

    return slope


def test_izhikevich_between_spikes_is_of_first_order():
    errors = []
    for dt in (0.25, 0.125, 0.0625):
        times = dt * np.arange(1, round(30 / dt) + 1)
        exact = solve_ivp(quadratic(3.0), (0, 30), [-75.0, -12.0], t_eval=times, rtol=1e-10).y
        states = trace(Izhikevich(), np.full(times.size, 3.0), dt, [-75, -12, 0])
        errors.append([np.abs(states[:, row] - exact[row]).max() for row in range(2)])
    np.testing.assert_allclose(orders(np.array(errors)), 1, atol=0.2)
    assert np.max(errors[-1]) < 0.1


def test_izhikevich_first_spike_and_what_follows():
    """From rest with 10 mV/ms: the peak is reached when the equations say, and u grows by 8."""
    neuron, dt = Izhikevich(i_offset=10.0), 1 / 128

    def peak(t, state):
        return state[0] - 30

    peak.terminal = True
    exact = solve_ivp(quadratic(10.0), (0, 50), [-70.0, -14.0], events=peak, rtol=1e-10)
    states = trace(neuron, np.zeros(round(10 / dt)), dt)
    spike = np.flatnonzero(np.diff(states[:, 1]) > 7)[0] + 1
    assert (spike + 1) * dt == pytest.approx(exact.t_events[0][0], abs=0.05)
    assert states[spike, 0] == -65
    assert states[spike, 1] == pytest.approx(exact.y_events[0][0, 1] + 8, abs=0.01)
    assert np.all(states[:, 2] == 0)


def test_izhikevich_f_i_curve():
    """0.04 v^2 + 4.8 v + 140 + I has no root from I = 4 on; from there the rate rises.

    The first 100 ms are left out: a step to I = 3 makes one spike.
    """
    drives = [0.0, 3.0, 5.0, 7.0, 10.0, 15.0, 25.0]
    spikes = run(Izhikevich(), np.tile(drives, (4000, 1)), dt=0.25).spikes[400:, 0]
    counts = spikes.sum(axis=0)
    np.testing.assert_array_equal(counts[:2], 0)
    assert counts[2] > 3
    assert np.all(np.diff(counts[2:].astype(int)) > 0)


def test_izhikevich_by_hand(backend):
    """v -64 -> 0.04 4096 - 320 + 140 + 16 + 4 = 3.84 mV/ms; 25 more take it past the peak."""
    neuron = Izhikevich(a=0.25, b=0.25, d=4.0, v_threshold=-50.0, i_offset=4.0)
    state = np.array([-64, -16, 0], np.float32).reshape(3, 1, 1)
    found = cusnn.neuron_forward(
        backend.array(np.array([0, 50], np.float32).reshape(2, 1, 1)),
        backend.array(state),
        neuron,
        dt=0.5,
        checkpoints=True,
        interval=1,
        backend=backend.name,
    )
    v, u, _ = backend.numpy(found.checkpoints)[1, :, 0, 0]
    assert v == pytest.approx(-64 + 0.5 * 3.84, rel=1e-6)
    assert u == -16
    v_after, u_after, refractory = backend.numpy(found.final_state)[:, 0, 0]
    assert (v_after, refractory) == (-65, 0)
    assert u_after == pytest.approx(-16 + 0.125 * (0.25 * -62.08 + 16) + 4, rel=1e-6)
    assert backend.numpy(found.spikes).ravel().tolist() == [0, 1]


def test_izhikevich_takes_jumps():
    rest = [-70, -14, 0]
    v = trace(Izhikevich(input="voltage"), [7.5], 0.1, rest)[0, 0]
    assert v == pytest.approx(-62.5, abs=1e-5)
    assert trace(Izhikevich(), [7.5], 0.1, rest)[0, 0] == pytest.approx(-69.25, abs=1e-5)


def test_izhikevich_at_rest():
    """(5 - b)^2 - 22.4 = 0.64 for b = 0.2: v = -(4.8 + 0.8) / 0.08; b = 0.3 has no rest."""
    state = cusnn.initial_state(Izhikevich(), (1, 1))
    np.testing.assert_allclose(state.ravel(), [-70, -14, 0], atol=1e-5)
    np.testing.assert_allclose(trace(Izhikevich(), np.zeros(200), 0.5)[:, 0], -70, atol=1e-3)
    np.testing.assert_allclose(Izhikevich(b=[0.2, 0.3]).v_leak, [-70, -4.7 / 0.08])
    state = cusnn.initial_state(Izhikevich(b=[0.2, 0.3]), (3, 2))
    np.testing.assert_allclose(state[1], [[-14, 0.3 * -4.7 / 0.08]] * 3, rtol=1e-6)


# ------------------------------------------------------------------ relay


def test_relay_fires_where_anything_positive_arrives(backend):
    rng = np.random.default_rng(7)
    current = rng.normal(0, 1, (50, 2, 37)) * rng.integers(0, 2, (50, 2, 37))
    current = (current * 10.0 ** rng.integers(-29, 6, current.shape)).astype(np.float32)
    found = cusnn.neuron_forward(
        backend.array(current),
        cusnn.initial_state(Relay(), (2, 37), backend.xp),
        Relay(),
        dt=0.1,
        backend=backend.name,
    )
    np.testing.assert_array_equal(backend.numpy(found.spikes), current >= np.float32(1e-30))
    assert np.all(backend.numpy(found.final_state)[1] == 0)


def test_relay_has_no_parameters():
    assert Relay() == Relay()
    assert Relay().size is None
    assert Relay().coefficients(0.1).model == "LIF"
    np.testing.assert_array_equal(cusnn.initial_state(Relay(), (1, 3)), 0)


# ------------------------------------------------------------------ bits


def spread(low, high, n=131):
    return np.linspace(low, high, n)


def cases():
    """Neurons with numbers and with arrays, each reset, and the spread of input that fires some."""
    for reset in RESETS:
        rest = {"reset": reset, "t_refractory": 2.0}
        dual = {"tau_syn": 5.0, "tau_syn_inh": 10.0, **rest}
        yield f"dual {reset}", CubaLIF(i_offset=360.0, **dual), 150.0
        own = {**dual, "tau_syn": spread(0.5, 9), "v_reset": spread(-70, -52)}
        yield f"dual own {reset}", CubaLIF(**own, i_offset=spread(200, 900)), 300.0
        yield f"coba {reset}", CobaLIF(i_offset=95.0, **rest), 2.0
        own = {"e_inh": spread(-90, -60), "tau_exc": spread(1, 9), "r": spread(0.05, 0.3)}
        yield f"coba own {reset}", CobaLIF(**own, i_offset=120.0, **rest), 2.0
        yield f"alif {reset}", ALIF(**rest), 0.06
        own = {"jump": spread(0, 0.01), "tau_mem": spread(5, 30), "tau_adaptation": spread(9, 300)}
        yield f"alif own {reset}", ALIF(**own, **rest), 0.06
    yield "izhikevich", Izhikevich(i_offset=9.0), 25.0
    yield "izhikevich own", Izhikevich(b=spread(0.15, 0.28), d=spread(2, 9), input="voltage"), 9.0


CASES = {name: (neuron, deviation) for name, neuron, deviation in cases()}


@pytest.mark.parametrize("name", CASES)
def test_same_bits_on_every_backend(backend, name):
    neuron, deviation = CASES[name]
    n = 131 if "own" in name else 301
    rng = np.random.default_rng(list(CASES).index(name))
    current = rng.normal(deviation / 3, deviation, (70, 2, n)).astype(np.float32)
    state = cusnn.initial_state(neuron, (2, n))
    state[:-1] += state[:-1].std() + rng.random(state[:-1].shape, np.float32)
    if neuron.model != "Izhikevich":
        state[-1] = rng.integers(0, 3, state[-1].shape)
    if neuron.model == "ALIF":
        state[0] *= np.float32(0.01)
    wanted = {"dt": 0.5, "packed": True, "checkpoints": True, "interval": 9}
    expected = cusnn.neuron_forward(current, state, neuron, backend="numpy", **wanted)
    found = cusnn.neuron_forward(
        backend.array(current), backend.array(state), neuron, backend=backend.name, **wanted
    )
    assert 0.005 < expected.spikes.mean() < 0.6
    for output in expected._fields:
        one, other = backend.numpy(getattr(found, output)), getattr(expected, output)
        assert one.tobytes() == other.tobytes(), output


@pytest.mark.parametrize("name", [name for name in CASES if "own" in name])
def test_parameters_per_neuron_are_those_of_each(name):
    neuron, deviation = CASES[name]
    current = np.random.default_rng(8).normal(deviation / 3, deviation, (60, 131))
    together = run(neuron, current, dt=0.5)
    for j in (0, 50, 130):
        numbers = {
            field.name: value[j] if isinstance(value, np.ndarray) else value
            for field in dataclasses.fields(neuron)
            for value in [getattr(neuron, field.name)]
        }
        alone = run(type(neuron)(**numbers), current[:, j], dt=0.5)
        np.testing.assert_array_equal(alone.spikes[:, :, 0], together.spikes[:, :, j])
        np.testing.assert_array_equal(alone.final_state[..., 0], together.final_state[..., j])


@pytest.mark.parametrize(
    "neuron",
    [CobaLIF(v_leak=0.0), CubaLIF(v_leak=0.0, tau_syn_inh=2.0), ALIF(tau_adaptation=9.0)],
)
def test_states_that_decay_become_exactly_zero(neuron):
    neuron = dataclasses.replace(neuron, v_threshold=9.0)
    state = np.array([1.0] * (len(neuron.state) - 1) + [0], np.float32).reshape(-1, 1, 1)
    np.testing.assert_array_equal(run(neuron, np.zeros(1500), state).final_state, 0)


# ------------------------------------------------------------------ bad input


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize(
    "neuron", [CobaLIF(), CubaLIF(tau_syn_inh=2.0), ALIF(), Izhikevich(), Relay()]
)
def test_input_that_is_not_finite(backend, neuron, value):
    if backend.id == "cuda":
        pytest.skip("not looked for on the GPU")
    current = np.zeros((4, 2, 3), np.float32)
    current[1, 0, 2] = value
    state = cusnn.initial_state(neuron, (2, 3))
    with pytest.raises(ValueError, match=r"current must be finite, got -?(nan|inf) at \[1, 0, 2\]"):
        cusnn.neuron_forward(current, state, neuron, backend=backend.name)


@pytest.mark.parametrize("neuron", [CobaLIF(), CubaLIF(tau_syn_inh=2.0), Izhikevich(), Relay()])
def test_no_way_back(neuron):
    current = np.ones((4, 1, 3), np.float32)
    state = cusnn.initial_state(neuron, (1, 3))
    points = cusnn.neuron_forward(current, state, neuron, checkpoints=True).checkpoints
    with pytest.raises(ValueError, match=r"neuron_backward: gradients are known for LIF, CubaL"):
        cusnn.neuron_backward(current, points, current, neuron)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: CubaLIF(tau_syn_inh=0.0), "CubaLIF: tau_syn_inh must be positive, got 0"),
        (lambda: CubaLIF(tau_syn=None), "CubaLIF: tau_syn must be finite, got None"),
        (lambda: CubaLIF(tau_syn_inh=[1.0, 2.0], r=[1.0] * 3), r"one length, got \[2, 3\]"),
        (lambda: CobaLIF(tau_exc=-1.0), "CobaLIF: tau_exc must be positive"),
        (lambda: CobaLIF(e_inh=np.nan), "CobaLIF: e_inh must be finite"),
        (lambda: CobaLIF(tau_mem=1.0).coefficients(2.0), "needs dt < 2 tau_mem, got dt=2.0 ms and"),
        (lambda: CobaLIF().coefficients(0.3), "CobaLIF: t_refractory=5.0 ms must be a multiple"),
        (lambda: CobaLIF(v_reset=-50.0), "CobaLIF: v_reset must lie below v_threshold"),
        (lambda: ALIF(jump=-0.1), "ALIF: jump must not be negative, got -0.1"),
        (lambda: ALIF(tau_adaptation=0.0), "ALIF: tau_adaptation must be positive"),
        (lambda: ALIF(input="charge"), "ALIF: input must be one of current, voltage"),
        (lambda: ALIF().coefficients(0), "ALIF: dt must be a positive number"),
        (lambda: Izhikevich(v_reset=30.0), "Izhikevich: v_reset must lie below v_threshold"),
        (lambda: Izhikevich(a=np.inf), "Izhikevich: a must be finite"),
        (lambda: Izhikevich(input=None), "Izhikevich: input must be one of current, voltage"),
        (lambda: Izhikevich().coefficients(-1.0), "Izhikevich: dt must be a positive number"),
        (lambda: Relay().coefficients(0.0), "Relay: dt must be a positive number"),
    ],
)
def test_bad_parameters(call, text):
    with pytest.raises(ValueError, match=text):
        call()


def test_an_unstable_izhikevich_overflows_loudly():
    with pytest.raises(ValueError, match=r"the state overflowed float32|current must be finite"):
        run(Izhikevich(v_threshold=3e38, v_reset=-65.0), np.full(60, 100.0))
