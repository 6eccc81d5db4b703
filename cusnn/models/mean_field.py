"""Firing rates that theory expects of leaky integrate-and-fire neurons in noise."""

from __future__ import annotations

import math

import numpy as np

from cusnn.neurons import LIF

# Lowest values and steps of log u. The integrand is analytic, and a step h is wrong by no more than
# exp(-4 / h) and exp(-(pi / (h b))**2) of the sum; above b = 30 only its logarithm matters. For
# b > 1 the integral is at least exp((b - 1)**2) min(width, 1): the sum may start so much later.
LOWEST_LOG, LATEST_LOG = -40.0, -5.0
LOG_STEP, STEP_TIMES_B, LARGEST_B = 0.1, 0.5, 30.0
# exp of more than this is beyond float64: a rate that is 0 for every purpose.
LARGEST_EXPONENT = 700.0
GRID, GRID_AT_ONCE, ROUNDS = 400, 50, 60
# Of the rate: the root is known when it moves by no more.
TOLERANCE = 1e-14


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
    return float(_siegert_rates(np.array([mean]), np.array([sd]), neuron)[0])


def _siegert_rates(mean: np.ndarray, sd: np.ndarray, neuron: LIF) -> np.ndarray:
    """``siegert_rate`` of every pair of mean and sd."""
    wrong = ~(np.isfinite(mean) & np.isfinite(sd) & (sd >= 0))
    if wrong.any():
        raise ValueError(
            f"siegert_rate: mean and sd must be finite, sd >= 0, got {mean[wrong][0]}, "
            f"{sd[wrong][0]}"
        )
    above, range_ = neuron.v_threshold - mean, neuron.v_threshold - neuron.v_reset
    interval = np.full(mean.shape, np.inf)
    regular, noisy = (sd == 0) & (above < 0), sd > 0
    interval[regular] = np.log((above[regular] - range_) / above[regular])
    if noisy.any():
        exponent = _log_integral(above[noisy] / sd[noisy], range_ / sd[noisy])
        interval[noisy] = np.exp(np.where(exponent > LARGEST_EXPONENT, np.inf, exponent))
    return 1000.0 / (neuron.t_refractory + neuron.tau_mem * interval)


def _log_integral(b: np.ndarray, width: np.ndarray) -> np.ndarray:
    """Logarithm of int_0^inf exp(-u^2 + 2 b u) (1 - exp(-2 width u)) / u du."""
    largest_b = max(float(b.max()), 0.0)
    step = min(LOG_STEP, STEP_TIMES_B / min(max(largest_b, 1e-9), LARGEST_B))
    first = min(LOWEST_LOG + (max(float(b.min()), 1.0) - 1.0) ** 2, LATEST_LOG)
    u = np.exp(np.arange(first, math.log(largest_b + 8.0), step))
    exponents = u * (2.0 * b[:, None] - u)
    largest = exponents.max(axis=1)
    terms = np.exp(exponents - largest[:, None]) * -np.expm1(-2.0 * width[:, None] * u)
    return largest + np.log(step * terms.sum(axis=1))


def stationary_rate(neuron: LIF, moments) -> float:
    """Rate at which neurons drive one another to that same rate, Hz.

    Args:
        neuron: as for ``siegert_rate``; its ``t_refractory`` is above 0.
        moments: mean and sd of the input as a function of the rate, Hz -> (mV, mV).

    Returns:
        The highest such rate, where there are several.
    """

    def excess(rates) -> np.ndarray:
        mean, sd = np.array([moments(rate) for rate in rates], float).T
        return _siegert_rates(mean, sd, neuron) - rates

    grid = np.linspace(1000.0 / neuron.t_refractory, 0.0, GRID)
    for first in range(1, GRID, GRID_AT_ONCE):
        reached = np.flatnonzero(excess(grid[first : first + GRID_AT_ONCE].tolist()) >= 0)
        if reached.size:
            place = first + int(reached[0])
            break
    return _root(lambda rate: float(excess([rate])[0]), float(grid[place]), float(grid[place - 1]))


def _root(excess, low: float, high: float) -> float:
    """Where a function that is not negative at ``low`` turns negative on the way to ``high``.

    Source: Ridders (1979), IEEE Trans. Circuits Syst. 26(11):979-980.
    """
    at_low, at_high, previous = excess(low), excess(high), high
    for _ in range(ROUNDS):
        if at_low == 0 or at_high >= 0:
            return low if at_low == 0 else high
        middle = 0.5 * (low + high)
        at_middle = excess(middle)
        slope = math.sqrt(at_middle**2 - at_low * at_high)
        rate = min(max(middle + (middle - low) * at_middle / slope, low), high)
        at_rate = excess(rate)
        for place, value in ((middle, at_middle), (rate, at_rate)):
            if low <= place <= high:
                low, at_low, high, at_high = (
                    (place, value, high, at_high) if value >= 0 else (low, at_low, place, value)
                )
        if abs(rate - previous) <= TOLERANCE * rate:
            break
        previous = rate
    return rate
