"""From physical parameters to numbers per step: closed forms, published propagators, bad input."""

import dataclasses
import math

import numpy as np
import pytest

from cusnn import LIF, CubaLIF, initial_state
from cusnn.neurons import MODELS


def numbers(neuron, dt):
    """Coefficients of neuron 0 by name, as float64."""
    values = neuron.coefficients(dt).values[:, 0].astype(np.float64)
    return dict(zip(neuron.coefficient_names, values, strict=True))


def close(value):
    return pytest.approx(value, rel=2**-23)


def test_lif_exact():
    """tau dv/dt = (v_leak - v) + r i, solved over a step of constant current."""
    neuron = LIF(tau_mem=10, r=0.25, v_leak=-70, v_threshold=-55, v_reset=-75, i_offset=40)
    c = numbers(neuron, 0.5)
    decay = math.exp(-0.05)
    assert c["decay"] == close(decay)
    assert c["gain"] == close(0.25 * (1 - decay))
    assert c["drive"] == close((1 - decay) * (-70 + 0.25 * 40))
    assert (c["v_threshold"], c["v_reset"]) == (-55, -75)


def test_lif_euler():
    neuron = LIF(tau_mem=10, r=0.25, v_leak=-70, v_threshold=-55, v_reset=-75, integration="euler")
    c = numbers(neuron, 0.5)
    assert c["decay"] == close(0.95)
    assert c["gain"] == close(0.05 * 0.25)
    assert c["drive"] == close(0.05 * -70)


@pytest.mark.parametrize("integration", ["exact", "euler"])
def test_lif_voltage_input_is_not_scaled(integration):
    given = {"r": 3.0, "v_leak": 0.5, "i_offset": 2.0, "integration": integration}
    filtered = numbers(LIF(**given), 1.0)
    jumps = numbers(LIF(**given, input="voltage"), 1.0)
    assert jumps.pop("gain") == 1
    assert filtered.pop("gain") != 1
    assert jumps == filtered


def test_cuba_lif_has_the_propagators_of_nest():
    """P22, P11, P21 and P20 of NEST 3.10's iaf_psc_exp: tau_m 10, tau_syn 0.5, C 250, dt 0.1."""
    c = numbers(CubaLIF(tau_mem=10, tau_syn=0.5, r=10 / 250, v_leak=0, i_offset=1), 0.1)
    assert c["decay"] == close(0.990049833749168)
    assert c["decay_syn"] == close(0.8187307530779818)
    assert c["gain"] == close(3.606717487814446e-4)
    assert c["drive"] == close(3.980066500332802e-4)


@pytest.mark.parametrize("tau_syn", [1.0, 5.0, 9.999999, 10.0, 10.000001, 12.0, 80.0])
def test_synaptic_propagator_near_equal_time_constants(tau_syn):
    """Against a Riemann-free form: the integral of exp(-(dt - s)/tau_mem) exp(-s/tau_syn) ds."""
    points, weights = np.polynomial.legendre.leggauss(40)
    s = 0.5 * (points + 1)
    integral = 0.5 * np.sum(weights * np.exp(-(1 - s) / 10) * np.exp(-s / tau_syn)) / 10
    assert numbers(CubaLIF(tau_mem=10, tau_syn=tau_syn, r=2), 1.0)["gain"] == close(2 * integral)


@pytest.mark.parametrize(("tau_mem", "tau_syn"), [(1e-3, 10.0), (10.0, 1e-3)])
def test_synaptic_propagator_with_far_time_constants(tau_mem, tau_syn):
    gain = numbers(CubaLIF(tau_mem=tau_mem, tau_syn=tau_syn, r=1), 1.0)["gain"]
    expected = tau_syn / (tau_mem - tau_syn) * (math.exp(-1 / tau_mem) - math.exp(-1 / tau_syn))
    assert gain == pytest.approx(expected, rel=1e-6)


def test_per_neuron_parameters():
    tau = np.array([5.0, 10.0, 20.0])
    neuron = LIF(tau_mem=tau, v_threshold=2.0)
    c = neuron.coefficients(1.0)
    assert neuron.size == 3
    assert c.values.shape == (5, 3)
    assert c.values.dtype == np.float32
    np.testing.assert_allclose(c.values[0], np.exp(-1 / tau), rtol=1e-7)
    np.testing.assert_array_equal(c.values[3], 2.0)
    tau[:] = 1
    assert neuron.tau_mem[0] == 5.0
    assert LIF().size is None
    assert LIF().coefficients(1.0).values.shape == (5, 1)


@pytest.mark.parametrize("name", [name for name in MODELS if name != "Relay"])
def test_frozen_and_compared_by_value(name):
    model = MODELS[name]
    one, other = model(i_offset=np.array([7.0, 8.0])), model(i_offset=[7.0, 8.0])
    assert one == other
    assert hash(one) == hash(other)
    assert one != model(i_offset=7.0)
    with pytest.raises(dataclasses.FrozenInstanceError):
        one.i_offset = 3
    with pytest.raises(ValueError, match="read-only"):
        one.coefficients(1.0).values[0] = 0


def test_refractory_steps():
    assert LIF(t_refractory=2.0).coefficients(0.1).refractory_steps == 20
    assert LIF().coefficients(0.1).refractory_steps == 0


def test_no_coefficient_is_minus_zero():
    assert not np.signbit(LIF(v_reset=-0.0, v_leak=-0.0).coefficients(1.0).values).any()


def test_initial_state():
    state = initial_state(CubaLIF(v_leak=np.array([-60.0, -65.0])), (3, 2))
    assert state.dtype == np.float32
    np.testing.assert_array_equal(state[0], [[-60, -65]] * 3)
    np.testing.assert_array_equal(state[1:], np.zeros((2, 3, 2)))
    with pytest.raises(ValueError, match="parameters for 2, not 5"):
        initial_state(LIF(v_leak=[0.0, 0.1]), (3, 5))


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: LIF(tau_mem=-5), "LIF: tau_mem must be positive, got -5"),
        (lambda: LIF(tau_mem=0), "tau_mem must be positive"),
        (lambda: CubaLIF(tau_syn=[1.0, -1.0]), "CubaLIF: tau_syn must be positive"),
        (lambda: LIF(r=math.nan), "r must be finite, got nan"),
        (lambda: LIF(v_threshold=[1.0, math.inf]), "v_threshold must be finite"),
        (lambda: LIF(v_leak="low"), "v_leak must be a number or an array"),
        (lambda: LIF(v_leak=[[1.0]]), "v_leak must be a number or an array"),
        (lambda: LIF(v_leak=[]), "v_leak must be a number or an array"),
        (lambda: LIF(tau_mem=[1.0, 2.0], r=[1.0, 2.0, 3.0]), r"one length, got \[2, 3\]"),
        (lambda: LIF(t_refractory=-1), "t_refractory must be one number >= 0"),
        (lambda: LIF(t_refractory=[1.0, 2.0]), "t_refractory must be one number"),
        (lambda: LIF(v_reset=1.0), "v_reset must lie below v_threshold"),
        (lambda: LIF(v_reset=1.5, reset="soft"), "v_reset must lie below v_threshold"),
        (lambda: LIF(reset="zero"), "reset must be one of hard, soft, none, got 'zero'"),
        (lambda: LIF(integration="rk4"), "integration must be one of exact, euler"),
        (lambda: LIF(input="charge"), "input must be one of current, voltage"),
        (lambda: LIF().coefficients(0), "LIF: dt must be a positive number of ms, got 0"),
        (lambda: LIF().coefficients(-0.1), "dt must be a positive"),
        (lambda: LIF().coefficients(math.nan), "dt must be a positive"),
        (lambda: CubaLIF().coefficients("1"), "CubaLIF: dt must be a positive"),
        (
            lambda: LIF(tau_mem=2.0, integration="euler").coefficients(2.5),
            "'euler' needs dt <= every time constant, got dt=2.5",
        ),
        (
            lambda: LIF(t_refractory=0.25).coefficients(0.1),
            "t_refractory=0.25 ms must be a multiple of dt=0.1 ms",
        ),
        (lambda: LIF(t_refractory=1e9).coefficients(1.0), "more than 16777216 steps"),
        (lambda: LIF(t_refractory=16777217.0).coefficients(1.0), "more than 16777216 steps"),
        (lambda: LIF(t_refractory=1e300).coefficients(1e-300), "LIF: t_.*more than 16777216 steps"),
        (lambda: CubaLIF(t_refractory=1e300).coefficients(1e-300), "CubaLIF: t_refractory=1e.300"),
        (lambda: LIF().coefficients(np.ones(3)), "dt must be a positive number of ms, got array"),
        (lambda: LIF().coefficients(np.ones(1)), "dt must be a positive number of ms, got array"),
        (lambda: LIF().coefficients(np.array("1")), "dt must be a positive number of ms"),
        (lambda: LIF().coefficients(1 + 0j), "dt must be a positive number of ms"),
        (lambda: LIF().coefficients(np.complex64(1)), "dt must be a positive number of ms"),
        (lambda: LIF().coefficients(True), "dt must be a positive number of ms, got True"),
        (lambda: LIF().coefficients(None), "dt must be a positive number of ms, got None"),
        (lambda: LIF(reset=np.array(["hard"])), "LIF: reset must be one of hard, soft, none, got"),
        (lambda: LIF(reset=np.array(["hard", "soft"])), "reset must be one of hard, soft, none"),
        (lambda: CubaLIF(reset=np.zeros(3)), "CubaLIF: reset must be one of hard, soft, none"),
        (lambda: LIF(reset=None), "reset must be one of hard, soft, none, got None"),
        (lambda: LIF(input=["current"]), "input must be one of current, voltage"),
        (lambda: LIF(v_reset=1 - 1e-9).coefficients(1.0), "LIF: v_reset and v_threshold are the"),
        (
            lambda: CubaLIF(v_reset=[-50 - 1e-7, -60], reset="soft").coefficients(1.0),
            "CubaLIF: v_reset and v_threshold are the same number in float32",
        ),
        (
            lambda: LIF(v_threshold=3e38, v_reset=-3e38, reset="soft").coefficients(1.0),
            "v_threshold - v_reset is not finite in float32",
        ),
        (lambda: LIF(r=1e41).coefficients(1.0), "not finite in float32"),
    ],
)
def test_bad_parameters(call, text):
    with pytest.raises(ValueError, match=text):
        call()


def test_a_reset_one_float32_below_the_threshold():
    below = float(np.nextafter(np.float32(1), np.float32(0)))
    assert numbers(LIF(v_reset=below), 1.0)["v_reset"] == below
    assert numbers(LIF(v_reset=1 - 1e-9, reset="none"), 1.0)["v_reset"] == 1


def test_longest_rest():
    assert LIF(t_refractory=2.0**24).coefficients(1.0).refractory_steps == 2**24


def test_dt_may_be_any_number():
    expected = LIF().coefficients(1.0).values
    for dt in (1, np.array(1.0), np.array(1), np.float32(1), np.int64(1)):
        np.testing.assert_array_equal(LIF().coefficients(dt).values, expected)


def test_euler_step_as_long_as_the_time_constant():
    assert numbers(LIF(tau_mem=2.0, integration="euler"), 2.0)["decay"] == 0


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: initial_state(LIF(), (1,)), TypeError, r"must be \(B, N\), two integers, got \(1"),
        (lambda: initial_state(LIF(), 4), TypeError, "two integers, got 4"),
        (lambda: initial_state(LIF(), (1, 2.0)), TypeError, "two integers, got"),
        (lambda: initial_state(LIF(), (1, -4)), ValueError, r"must not be negative, got \(1, -4\)"),
        (lambda: initial_state(LIF(), (2**20, 2**40)), MemoryError, "^initial_state: no memory"),
        (lambda: LIF(v_reset=2), ValueError, "v_reset must lie below v_threshold, got 2.0 and 1.0"),
        (lambda: LIF(t_refractory=-1), ValueError, "number >= 0, in ms, got -1.0"),
        (lambda: LIF(tau_mem="20"), ValueError, "tau_mem must be a number .* got '20'"),
        (lambda: LIF(tau_mem=["1", "2"]), ValueError, "tau_mem must be a number"),
        (lambda: LIF(tau_mem=np.ma.masked_array([1.0, 2.0])), ValueError, "masked array"),
        (
            lambda: LIF(tau_mem=1.0, integration="euler").coefficients(2.0),
            ValueError,
            "^LIF: integration='euler' needs",
        ),
    ],
)
def test_what_was_got_is_told(call, error, text):
    with pytest.raises(error, match=text):
        call()
