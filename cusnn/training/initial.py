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


def response_sums(neuron, dt: float, steps: int | None = None) -> tuple[float, float]:
    """Sums over time of the membrane's response to one input of 1, and of its square.

    Args:
        neuron: a model with one synaptic current at most; parameters per neuron count with their
            means.
        dt: step, ms.
        steps: of the response that count; None for all.

    Returns:
        E1 and E2, in mV per unit of input and its square.
    """
    row = dict(zip(neuron.coefficient_names, neuron.coefficients(dt).values, strict=True))
    mean = {name: float(np.mean(values, dtype=np.float64)) for name, values in row.items()}
    decay, gain, slow = mean["decay"], mean["gain"], mean.get("decay_syn", 0.0)
    decay = min(decay, 1.0 - 1e-6)
    if steps is not None:
        # A pole that both have would divide by 0 in a formula.
        v, i, first, square = 0.0, 1.0, 0.0, 0.0
        for _ in range(steps):
            v, i = decay * v + gain * i, slow * i
            first, square = first + v, square + v * v
        if first > 0.0:
            return first, square
    first = gain / ((1.0 - decay) * (1.0 - slow))
    poles = (1.0 - decay * decay) * (1.0 - slow * slow) * (1.0 - decay * slow)
    return first, gain * gain * (1.0 + decay * slow) / poles


def width(
    neuron,
    dt: float,
    inputs: int,
    rate: float,
    *,
    xi: float = 1.0,
    static: bool = False,
    steps: int | None = None,
) -> float:
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
        steps: after so many the membrane is to have its standard deviation; None for long runs.

    Returns:
        A number, in the unit of the weights.
    """
    first, square = response_sums(neuron, dt, steps)
    per_input = rate * rate * first * first
    if not static:
        per_input += rate * (1.0 - rate) * square
    distance = float(np.mean(getattr(neuron, "v_threshold", np.add(neuron.v_leak, 1.0))))
    distance -= float(np.mean(neuron.v_leak))
    return distance / (xi * math.sqrt(inputs * per_input))


def drawn(
    seed: int, stream: int, shape: tuple[int, ...], deviation: float, use: int = 0
) -> np.ndarray:
    """Numbers of mean 0, uniform between -sqrt(3) and sqrt(3) deviations, float32.

    The same for the same seed, stream and use, in every process and on every machine: 53 bits of a
    counter-based generator each (Philox4x64-10, as NumPy has it), scaled in float64.
    """
    key, counter = np.array([seed, stream], np.uint64), np.array([0, use, 0, 0], np.uint64)
    bits = np.random.Philox(key=key, counter=counter).random_raw(math.prod(shape))
    unit = (bits >> np.uint64(11)).astype(np.float64) * 2.0**-53
    spread = math.sqrt(3.0) * deviation
    return ((2.0 * unit - 1.0) * spread).astype(np.float32).reshape(shape)
