"""The network of Brunel (2000): excitatory and inhibitory neurons joined by delta synapses.

One kind of neuron, one delay, and a state that depends on two numbers: g, how much stronger
inhibition is than excitation, and eta, the rate of the outer input over the one that would just
bring the mean voltage to threshold. Numbers and sources are in ``brunel2000.json``.
"""

from __future__ import annotations

import functools
import json
import math
from dataclasses import dataclass
from importlib import resources

from cusnn.models.mean_field import stationary_rate
from cusnn.network import FixedInDegree, Network, PoissonInput, Population, Projection
from cusnn.neurons import LIF

REGIMES = ("A", "B", "C", "D")


@functools.cache
def _facts() -> dict:
    text = resources.files("cusnn.models").joinpath("brunel2000.json").read_text(encoding="utf-8")
    return json.loads(text)


@dataclass(frozen=True)
class BrunelScaling:
    """Numbers of the network of one order.

    Attributes:
        sizes: neurons by population.
        in_degrees: synapses onto every neuron, by source population.
        weights: mV, by source population.
        rate_external: of each outer source, Hz; eta times ``rate_threshold``.
        rate_threshold: rate of the outer sources at which the mean voltage reaches threshold, Hz.
        g, eta: in use.
        neuron: of both populations.
    """

    sizes: dict[str, int]
    in_degrees: dict[str, int]
    weights: dict[str, float]
    rate_external: float
    rate_threshold: float
    g: float
    eta: float
    neuron: LIF


def brunel_scaling(
    order: int = 2500,
    *,
    regime: str = "C",
    g: float | None = None,
    eta: float | None = None,
    v_reset: float | None = None,
) -> BrunelScaling:
    """Sizes, in-degrees, weights and outer rate of a network.

        N_E = 4 order     N_I = order     K = 0.1 N     w_E = 0.1 mV     w_I = -g w_E
        rate_threshold = v_threshold / (w_E K_E tau_mem)     rate_external = eta rate_threshold

    Args:
        order, regime, g, eta, v_reset: as for ``brunel``.

    Raises:
        TypeError, ValueError: a value that is not allowed.
    """
    facts = _facts()
    order, epsilon = _checked_order(order, facts), facts["connection_probability"]
    if regime not in REGIMES:
        raise ValueError(f"brunel: regime must be one of {', '.join(REGIMES)}, got {regime!r}")
    chosen = facts["regimes"][regime]
    g = _not_negative("g", chosen["g"] if g is None else g)
    eta = _not_negative("eta", chosen["eta"] if eta is None else eta)
    numbers = facts["neuron"]
    neuron = LIF(
        tau_mem=numbers["tau_m_ms"],
        v_leak=numbers["E_L_mV"],
        v_threshold=numbers["V_th_mV"],
        v_reset=numbers["V_reset_mV"] if v_reset is None else v_reset,
        t_refractory=numbers["t_ref_ms"],
        input="voltage",
    )
    sizes = {label: n * order for label, n in facts["populations_per_order"].items()}
    in_degrees = {label: round(epsilon * size) for label, size in sizes.items()}
    weight = facts["weight_mV"]
    threshold = 1000.0 * neuron.v_threshold / (weight * in_degrees["E"] * neuron.tau_mem)
    return BrunelScaling(
        sizes=sizes,
        in_degrees=in_degrees,
        weights={"E": weight, "I": -g * weight},
        rate_external=eta * threshold,
        rate_threshold=threshold,
        g=g,
        eta=eta,
        neuron=neuron,
    )


def brunel(
    order: int = 2500,
    *,
    regime: str = "C",
    g: float | None = None,
    eta: float | None = None,
    v_reset: float | None = None,
    dt: float = 0.1,
    seed: int = 1,
) -> Network:
    """The network of Brunel (2000): 12,500 neurons and 15.6 million synapses at order 2500.

    Leaky integrate-and-fire neurons whose voltage jumps by 0.1 mV (excitation) or -0.1 g mV
    (inhibition) 1.5 ms after a spike; every neuron has synapses from a tenth of either population,
    drawn with replacement, and its own Poisson input through as many more excitatory ones.

    Args:
        order: number of inhibitory neurons, a multiple of 10; there are 4 times as many
            excitatory ones.
        regime: g and eta of a panel of figure 8: "A" (synchronous regular), "B" (fast
            oscillation), "C" (asynchronous irregular) or "D" (slow oscillation).
        g: inhibition over excitation; None for the regime's.
        eta: rate of the outer input over the one that reaches threshold; None for the regime's.
        v_reset: mV; None for the paper's 10. NEST's example has 0, which lowers rates.
        dt: step, ms.
        seed: 0 to 2**32 - 1.

    Raises:
        TypeError, ValueError: a value that is not allowed; delays and rests of 1.5 and 2 ms that
            are no multiples of dt.

    Source: ``brunel2000.json``. What differs from the paper: sources are drawn with replacement
    and may include the neuron itself, as in NEST's example; all voltages start at 0; the outer
    input comes without delay.
    """
    facts = _facts()
    numbers = brunel_scaling(order, regime=regime, g=g, eta=eta, v_reset=v_reset)
    labels = tuple(numbers.sizes)
    delay = facts["delay_ms"]
    if isinstance(dt, (int, float)) and dt > 0 and abs(round(delay / dt) * dt - delay) > 1e-6 * dt:
        raise ValueError(f"brunel: dt must divide the delay of {delay} ms, got {dt} ms")
    return Network(
        populations=tuple(
            Population(size, numbers.neuron, label) for label, size in numbers.sizes.items()
        ),
        projections=tuple(
            Projection(
                pre,
                post,
                FixedInDegree(numbers.in_degrees[pre]),
                weight=numbers.weights[pre],
                delay=delay,
            )
            for post in labels
            for pre in labels
        ),
        stimuli=tuple(
            PoissonInput(
                label,
                rate=numbers.rate_external,
                sources=numbers.in_degrees["E"],
                weight=numbers.weights["E"],
            )
            for label in labels
        ),
        dt=dt,
        seed=seed,
    )


def brunel_rates(order: int = 2500, **options) -> dict[str, dict[str, float]]:
    """Mean rates to compare a run with, Hz, by population.

    Args:
        order: of the run.
        options: regime, g, eta, v_reset, as for ``brunel``.

    Returns:
        "mean_field": where Siegert's rate, with the mean and variance of the network's input,
        reproduces itself: what a stationary state of a large sparse network has.
        "published": of the paper's simulations, only for regimes B, C and D as published.
    """
    numbers = brunel_scaling(order, **options)
    labels = tuple(numbers.sizes)
    rates = {"mean_field": dict.fromkeys(labels, _mean_field_rate(numbers))}
    published = _published(order, numbers)
    if published and published["published_rate_Hz"] is not None:
        rates["published"] = dict.fromkeys(labels, published["published_rate_Hz"])
    return rates


def brunel_state(order: int = 2500, **options) -> str | None:
    """The state that the paper reports for a run, in words; None where it does not.

    Args:
        order, options: as for ``brunel_rates``.
    """
    published = _published(order, brunel_scaling(order, **options))
    if published is None:
        return None
    kind, _, more = published["state"].partition(",")
    return _facts()["states"][kind] + (f";{more}" if more else "")


def _mean_field_rate(numbers: BrunelScaling) -> float:
    """Rate that reproduces itself.

    With rates in 1/ms, and sums over the outer (rate_external), E and I inputs of a neuron:

        mean = tau sum_x K_x w_x rate_x        sd^2 = tau sum_x K_x w_x^2 rate_x
    """
    tau = 1e-3 * numbers.neuron.tau_mem
    k, w = numbers.in_degrees, numbers.weights

    def moments(rate: float) -> tuple[float, float]:
        excitation = k["E"] * (numbers.rate_external + rate)
        mean = tau * (excitation * w["E"] + k["I"] * rate * w["I"])
        variance = tau * (excitation * w["E"] ** 2 + k["I"] * rate * w["I"] ** 2)
        return numbers.neuron.v_leak + mean, math.sqrt(variance)

    return stationary_rate(numbers.neuron, moments)


def _published(order: int, numbers: BrunelScaling) -> dict | None:
    """The regime of the paper that a network is, or None."""
    facts = _facts()
    as_published = (
        order == facts["published_order"]
        and numbers.neuron.v_reset == facts["neuron"]["V_reset_mV"]
    )
    for regime in facts["regimes"].values():
        if as_published and (numbers.g, numbers.eta) == (regime["g"], regime["eta"]):
            return regime
    return None


def _checked_order(order, facts: dict) -> int:
    if isinstance(order, bool) or not hasattr(order, "__index__"):
        raise TypeError(f"brunel: order must be an integer, got {order!r}")
    order, least = order.__index__(), round(1.0 / facts["connection_probability"])
    if order < least or order % least:
        raise ValueError(f"brunel: order must be a positive multiple of {least}, got {order}")
    return order


def _not_negative(name: str, value) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise TypeError(f"brunel: {name} must be a number, got {value!r}") from None
    if not (math.isfinite(number) and number >= 0):
        raise ValueError(f"brunel: {name} must be a finite number of at least 0, got {value}")
    return number
