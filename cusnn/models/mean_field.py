"""Firing rates that theory expects of leaky integrate-and-fire neurons in noise."""

from __future__ import annotations

import math

import numpy as np

from cusnn.neurons import LIF

# Step and lowest value of log u; with them the sum below is exact to 1e-11.
LOG_STEP, LOWEST_LOG = 0.01, -40.0
# exp of more than this is beyond float64: a rate that is 0 for every purpose.
LARGEST_EXPONENT = 700.0
GRID, HALVINGS = 400, 60


def siegert_rate(mean: float, sd: float, neuron: LIF) -> float:
    """Mean rate of a leaky integrate-and-fire neuron whose input is white noise, Hz.

    For tau_mem dv/dt = mean - v + sd sqrt(tau_mem) xi(t), with xi Gaussian white noise of unit
    strength (so that a membrane that never fires varies with a standard deviation of sd/sqrt(2)):

        1 / rate = t_refractory + tau_mem sqrt(pi) int_a^b exp(x^2) (1 + erf(x)) dx
                 = t_refractory + tau_mem int_0^inf exp(-u^2) (exp(2 b u) - exp(2 a u)) / u du
        a = (v_reset - mean) / sd      b = (v_threshold - mean) / sd

    The second form needs no error function; it is summed over log u.

    Args:
        mean: voltage that the input alone would lead to, mV.
        sd: strength of the noise, mV, at least 0.
        neuron: its ``tau_mem``, ``v_threshold``, ``v_reset`` and ``t_refractory``, each one number.

    Returns:
        Hz.

    Raises:
        ValueError: a negative sd, or a number that is not finite.

    Source: Siegert (1951), Phys. Rev. 81(4):617-623; Brunel (2000), J. Comput. Neurosci.
    8:183-208, equations 21 and 22.
    """
    if not (math.isfinite(mean) and math.isfinite(sd) and sd >= 0):
        raise ValueError(f"siegert_rate: mean and sd must be finite, sd >= 0, got {mean}, {sd}")
    above, range_ = neuron.v_threshold - mean, neuron.v_threshold - neuron.v_reset
    if sd == 0:
        if above >= 0:
            return 0.0
        interval = math.log((above - range_) / above)
    else:
        exponent = _log_integral(above / sd, range_ / sd)
        if exponent > LARGEST_EXPONENT:
            return 0.0
        interval = math.exp(exponent)
    return 1000.0 / (neuron.t_refractory + neuron.tau_mem * interval)


def _log_integral(b: float, width: float) -> float:
    """Logarithm of int_0^inf exp(-u^2 + 2 b u) (1 - exp(-2 width u)) / u du."""
    u = np.exp(np.arange(LOWEST_LOG, math.log(max(b, 0.0) + 8.0), LOG_STEP))
    exponents = -u * u + 2.0 * b * u
    largest = exponents.max()
    terms = np.exp(exponents - largest) * -np.expm1(-2.0 * width * u)
    return float(largest + math.log(LOG_STEP * terms.sum()))


def stationary_rate(neuron: LIF, moments) -> float:
    """Rate at which neurons drive one another to that same rate, Hz.

    Args:
        neuron: as for ``siegert_rate``; its ``t_refractory`` is above 0.
        moments: mean and sd of the input as a function of the rate, Hz -> (mV, mV).

    Returns:
        The highest such rate, where there are several.
    """

    def excess(rate: float) -> float:
        return siegert_rate(*moments(rate), neuron) - rate

    high = 1000.0 / neuron.t_refractory
    for low in np.linspace(high, 0.0, GRID)[1:].tolist():
        if excess(low) >= 0:
            break
        high = low
    for _ in range(HALVINGS):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if excess(middle) >= 0 else (low, middle)
    return 0.5 * (low + high)
