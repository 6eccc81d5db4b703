"""Networks of Vogels and Abbott (2005) that sustain their own activity.

Four excitatory neurons to an inhibitory one, joined at random, with synapses that are currents
(CUBA) or conductances (COBA), as Brette et al. (2007) made them benchmarks of simulators. Numbers
and sources are in ``brette2007.json``.
"""

from __future__ import annotations

import functools
import json
from importlib import resources

from cusnn.network import (
    FixedInDegree,
    FixedProbability,
    FromList,
    Network,
    PoissonInput,
    Population,
    Projection,
    Uniform,
)
from cusnn.neurons import CobaLIF, CubaLIF, Relay

KINDS = ("cuba", "coba")
CONNECTIVITIES = ("in-degree", "probability")
WEIGHTS = ("nest", "brian2")


@functools.cache
def _facts() -> dict:
    text = resources.files("cusnn.models").joinpath("brette2007.json").read_text(encoding="utf-8")
    return json.loads(text)


def vogels_abbott(
    kind: str = "cuba",
    *,
    size: int = 4000,
    in_degree: int = 80,
    connectivity: str = "in-degree",
    weights: str = "nest",
    dt: float = 0.1,
    seed: int = 1,
) -> Network:
    """The CUBA or the COBA network: 4,000 neurons and 320,000 synapses as published.

    CUBA: synaptic currents that decay with 5 (excitation) or 10 ms (inhibition); the resting
    voltage of -49 mV lies above threshold, so that every neuron would fire by itself, and
    voltages start anywhere between reset and threshold.

    COBA: synaptic conductances with the same time constants; all voltages start at rest, 10 mV
    below threshold, and for 50 ms Poisson spikes of 300 Hz kick the first 50 excitatory neurons,
    through a population "kick" of relays. After that nothing comes from outside.

    Args:
        kind: "cuba" or "coba".
        size: number of neurons, a multiple of 5; a fifth is inhibitory. Other than 4,000 a
            network has as large a share of kicked neurons.
        in_degree: inputs of a neuron, a multiple of 5; a fifth is inhibitory. With other than 80
            weights are 80/in_degree of the published ones, which keeps the mean input.
        connectivity: "in-degree" for exactly so many inputs drawn with replacement, as NEST's
            examples do; "probability" to join every pair with probability in_degree / size, as
            the paper and Brian 2's example do.
        weights: of "cuba": "nest" for 16.2 and -139.5 pA, "brian2" for what its example's 1.62
            and -9 mV are in pA, 16.2 and -90. They agree on excitation only; the weaker
            inhibition lets neurons fire faster. "coba" has one form, 6 and 67 nS.
        dt: step, ms; at most 0.1, the delay.
        seed: 0 to 2**32 - 1.

    Raises:
        TypeError, ValueError: a value that is not allowed; a refractory period of 5 ms that is no
            multiple of dt.

    Source: ``brette2007.json``. What differs from NEST's examples: CUBA starts at voltages drawn
    as in Brian 2's, not all at rest, where everybody fires at once, and is not kicked, which it
    does not need; COBA starts at -60 mV, not at NEST's default of -70, and the kick comes a step
    later. From the paper: the delay is 0.1 ms, not 0.
    """
    facts = _facts()
    _check_choices(kind, connectivity, weights)
    size, in_degree = _multiple_of_5("size", size), _multiple_of_5("in_degree", in_degree)
    _check_dt(dt, facts["delay_ms"])
    shares = facts["populations_of_5"]
    sizes = {label: share * size // 5 for label, share in shares.items()}
    factor = facts["published_in_degree"] / in_degree
    values = facts["cuba"]["weights_pA"][weights] if kind == "cuba" else facts["coba"]["weights_nS"]
    probability = _probability(in_degree / size) if connectivity == "probability" else None
    neuron, voltage = _neuron(facts, kind)
    projections = tuple(
        Projection(
            pre,
            post,
            FixedInDegree(shares[pre] * in_degree // 5) if probability is None else probability,
            weight=factor * values[pre],
            delay=facts["delay_ms"],
        )
        for post in sizes
        for pre in sizes
    )
    populations = tuple(Population(n, neuron, label, v=voltage) for label, n in sizes.items())
    more = _kick(facts, size, factor * values["E"]) if kind == "coba" else ((), (), ())
    return Network(
        populations=(*populations, *more[0]),
        projections=(*projections, *more[1]),
        stimuli=more[2],
        dt=dt,
        seed=seed,
    )


def vogels_abbott_rates(
    kind: str = "cuba",
    *,
    size: int = 4000,
    in_degree: int = 80,
    connectivity: str = "in-degree",
    weights: str = "nest",
) -> dict[str, dict[str, float]]:
    """Mean rates to compare a run with, Hz, by population.

    Args:
        kind, size, in_degree, connectivity, weights: of the run.

    Returns:
        "nest": what NEST gives for the same network, only where that was measured.
    """
    for known in _facts()["nest_mean_rate_Hz"]:
        same = (known["size"], known["in_degree"]) == (size, in_degree)
        same = same and (known["kind"], known["connectivity"]) == (kind, connectivity)
        if same and known["weights"] in (weights, None):
            return {"nest": dict(known["rate_Hz"])}
    return {}


def vogels_abbott_state() -> str:
    """The state that the papers report, in words."""
    return _facts()["expected"]


def _neuron(facts: dict, kind: str):
    """The neuron of both populations, and its voltage at the start."""
    numbers = facts[kind]["neuron"]
    shared = {
        "v_leak": numbers["E_L_mV"],
        "v_threshold": numbers["V_th_mV"],
        "v_reset": numbers["V_reset_mV"],
        "t_refractory": numbers["t_ref_ms"],
    }
    if kind == "cuba":
        tau = numbers["tau_m_ms"]
        neuron = CubaLIF(
            tau_mem=tau,
            tau_syn=numbers["tau_syn_ex_ms"],
            tau_syn_inh=numbers["tau_syn_in_ms"],
            r=tau / numbers["C_m_pF"],
            **shared,
        )
        return neuron, Uniform(*facts["cuba"]["initial_voltage_uniform_mV"])
    neuron = CobaLIF(
        tau_mem=numbers["C_m_pF"] / numbers["g_L_nS"],
        r=1.0 / numbers["g_L_nS"],
        e_exc=numbers["E_ex_mV"],
        e_inh=numbers["E_in_mV"],
        tau_exc=numbers["tau_syn_ex_ms"],
        tau_inh=numbers["tau_syn_in_ms"],
        **shared,
    )
    return neuron, None


def _kick(facts: dict, size: int, weight: float) -> tuple:
    """Population, projection and stimulus that start the activity."""
    kick = facts["coba"]["kick"]
    n = max(1, kick["neurons"] * size // facts["published_size"])
    each = range(n)
    return (
        (Population(n, Relay(), "kick"),),
        (Projection("kick", "E", FromList(each, each), weight=weight, delay=facts["delay_ms"]),),
        (
            PoissonInput(
                "kick",
                rate=kick["rate_Hz"],
                sources=1,
                weight=1.0,
                start=kick["start_ms"],
                stop=kick["stop_ms"],
            ),
        ),
    )


def _check_choices(kind, connectivity, weights) -> None:
    for name, value, allowed in (
        ("kind", kind, KINDS),
        ("connectivity", connectivity, CONNECTIVITIES),
        ("weights", weights, WEIGHTS),
    ):
        if value not in allowed:
            raise ValueError(
                f"vogels_abbott: {name} must be one of {', '.join(allowed)}, got {value!r}"
            )


def _multiple_of_5(name: str, value) -> int:
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise TypeError(f"vogels_abbott: {name} must be an integer, got {value!r}")
    number = value.__index__()
    if number < 5 or number % 5:
        raise ValueError(f"vogels_abbott: {name} must be a positive multiple of 5, got {number}")
    return number


def _check_dt(dt, delay: float) -> None:
    if not (isinstance(dt, (int, float)) and dt > 0):
        return  # Network has the message
    if dt > delay * (1 + 1e-9) or abs(round(delay / dt) * dt - delay) > 1e-6 * dt:
        raise ValueError(f"vogels_abbott: dt must divide its delay of {delay} ms, got {dt} ms")


def _probability(p: float) -> FixedProbability:
    if p > 1:
        raise ValueError(
            f"vogels_abbott: in_degree must not exceed size where pairs are joined once, "
            f"got {p:g} times as many"
        )
    return FixedProbability(p)
