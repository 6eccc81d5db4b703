"""How weights begin: drawn so that a fresh layer neither falls silent nor saturates.

Fluctuation-driven initialisation: the weights into a neuron are drawn with mean 0 and such a
width that, without a threshold, its membrane would lie about v_leak with a standard deviation of
(v_threshold - v_leak) / xi, whatever the number of inputs, their rate and the time constants. With
xi = 1 about 16% of the neurons are above threshold at any one time; a reset brings the rate below.

    width^2 = ((v_threshold - v_leak) / xi)^2 / (N (rate (1 - rate) E2 + rate^2 E1^2))

E1 and E2 are the sums over time of the response to one spike of weight 1 and of its square. A
value that stays the same over all steps counts with its mean square in place of rate^2, and has no
first term.

Source: Rossbroich, Gygax and Zenke (2022), doi:10.1088/2634-4386/ac97bb, whose inputs are Poisson
(they leave the second term out, which is small at low rates).
"""

from __future__ import annotations

import math

import numpy as np


def response_sums(neuron, dt: float) -> tuple[float, float]:
    """Sums over time of the membrane's response to one input of 1, and of its square.

    Args:
        neuron: a model with one synaptic current at most; parameters per neuron count with their
            means.
        dt: step, ms.

    Returns:
        E1 and E2, in mV per unit of input and its square.
    """
    row = dict(zip(neuron.coefficient_names, neuron.coefficients(dt).values, strict=True))
    mean = {name: float(np.mean(values, dtype=np.float64)) for name, values in row.items()}
    decay, gain, slow = mean["decay"], mean["gain"], mean.get("decay_syn", 0.0)
    decay = min(decay, 1.0 - 1e-6)
    first = gain / ((1.0 - decay) * (1.0 - slow))
    poles = (1.0 - decay * decay) * (1.0 - slow * slow) * (1.0 - decay * slow)
    return first, gain * gain * (1.0 + decay * slow) / poles


def width(neuron, dt: float, inputs: int, rate: float, *, xi: float = 1.0, static: bool = False):
    """Standard deviation of the weights, by the rule above.

    Args:
        neuron: the model whose membrane is to reach its threshold; ``LI``, which has none, reaches
            1 above ``v_leak``.
        dt: step, ms.
        inputs: N.
        rate: spikes per input and step, above 0 and at most 1; the root of the mean square of the
            values where the input is ``static``.
        xi: distance of the threshold, in standard deviations of the membrane.
        static: the input is a value that stays the same over all steps.

    Returns:
        A number, in the unit of the weights.
    """
    first, square = response_sums(neuron, dt)
    per_input = rate * rate * first * first
    if not static:
        per_input += rate * (1.0 - rate) * square
    distance = float(np.mean(getattr(neuron, "v_threshold", np.add(neuron.v_leak, 1.0))))
    distance -= float(np.mean(neuron.v_leak))
    return distance / (xi * math.sqrt(inputs * per_input))


def drawn(seed: int, stream: int, shape: tuple[int, ...], deviation: float) -> np.ndarray:
    """Numbers of mean 0, uniform between -sqrt(3) and sqrt(3) deviations, float32.

    The same for the same seed and stream, in every process and on every machine: 53 bits of a
    counter-based generator each (Philox4x64-10, as NumPy has it), scaled in float64.
    """
    bits = np.random.Philox(key=np.array([seed, stream], np.uint64)).random_raw(math.prod(shape))
    unit = (bits >> np.uint64(11)).astype(np.float64) * 2.0**-53
    spread = math.sqrt(3.0) * deviation
    return ((2.0 * unit - 1.0) * spread).astype(np.float32).reshape(shape)
