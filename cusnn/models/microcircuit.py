"""The cortical microcircuit of Potjans and Diesmann (2014).

Eight populations, an excitatory and an inhibitory one in each of the layers 2/3, 4, 5 and 6, under
one square millimetre of early sensory cortex. The numbers and their sources are in ``pd14.json``.
"""

from __future__ import annotations

import functools
import json
import math
from dataclasses import dataclass
from importlib import resources

import numpy as np

from cusnn.network import (
    FixedTotalNumber,
    Network,
    Normal,
    PoissonInput,
    Population,
    Projection,
)
from cusnn.neurons import CubaLIF, Relay

DRIVES = ("dc", "poisson")


@functools.cache
def _facts() -> dict:
    text = resources.files("cusnn.models").joinpath("pd14.json").read_text(encoding="utf-8")
    return json.loads(text)


@dataclass(frozen=True, eq=False)
class MicrocircuitScaling:
    """Numbers of the microcircuit at one scale; matrices are [target, source].

    Attributes:
        labels: of the populations, in order.
        sizes: neurons, int64 [8].
        synapses: number of synapses, int64 [8, 8].
        weights: mean weights, pA [8, 8].
        weight_external: pA.
        in_degree_external: Poisson sources per neuron, int64 [8].
        current: direct current into every neuron of a population, pA [8].
        rheobase: least current that makes a neuron fire, pA.
        thalamic_size: neurons of the thalamus.
        thalamic_synapses: from there onto each population, int64 [8].
        thalamic_weight: pA.
    """

    labels: tuple[str, ...]
    sizes: np.ndarray
    synapses: np.ndarray
    weights: np.ndarray
    weight_external: float
    in_degree_external: np.ndarray
    current: np.ndarray
    rheobase: float
    thalamic_size: int
    thalamic_synapses: np.ndarray
    thalamic_weight: float

    @property
    def below_rheobase(self) -> tuple[str, ...]:
        """Populations whose direct current alone makes no neuron fire."""
        pairs = zip(self.labels, self.current, strict=True)
        return tuple(label for label, current in pairs if current < self.rheobase)


def microcircuit_scaling(scale: float = 1.0, drive: str = "poisson") -> MicrocircuitScaling:
    """Sizes, synapse numbers, weights and currents at a scale, with the published compensation.

    With f the scale, neurons and in-degrees both shrink to f of the full ones, weights grow by
    1/sqrt(f) so that the variance of the input stays, and what the mean then lacks is made up for
    by a direct current:

        N = f N_full        synapses = f^2 ln(1 - C) / ln(1 - 1 / (N_pre N_post))
        w = w_full / sqrt(f)
        I = I_dc + (1 - sqrt(f)) tau_syn (sum_pre K_full w_full rate_full [+ K_ext w_ext rate_ext])

    The term in brackets is there with Poisson drive; with direct current, I_dc is
    tau_syn K_ext w_ext rate_ext, unscaled. The rates are those published for the full network.

    Args:
        scale: f, above 0 and at most 1.
        drive: "poisson" or "dc".

    Raises:
        TypeError, ValueError: a scale or a drive that is not allowed.
    """
    facts = _facts()
    scale = _checked_scale(scale, min(facts["population_size"]))
    thalamus = facts["thalamus"]
    if drive not in DRIVES:
        raise ValueError(f"microcircuit: drive must be one of {', '.join(DRIVES)}, got {drive!r}")
    neuron, external = facts["neuron"], facts["external_drive"]
    full_sizes = np.array(facts["population_size"])
    probability = np.array(facts["connection_probability_target_source"])
    full_synapses = _number_of_synapses(probability, np.outer(full_sizes, full_sizes))
    thalamic_probability = np.array(thalamus["connection_probability_target"])
    thalamic = _number_of_synapses(thalamic_probability, full_sizes * thalamus["size"])
    weights = _full_weights(facts)
    weight_external = float(weights[0, 0])
    in_degree = np.array(external["in_degree"])
    # pA ms per second is 1e-3 pA.
    per_rate = 1e-3 * neuron["tau_syn_ms"]
    rates = np.array(facts["published_mean_rate_Hz"])
    recurrent = per_rate * (full_synapses / full_sizes[:, None] * weights) @ rates
    drive_mean = per_rate * in_degree * weight_external * external["rate_Hz"]
    missing = 1.0 - math.sqrt(scale)
    if drive == "dc":
        current = drive_mean + missing * recurrent
    else:
        current = missing * (recurrent + drive_mean)
    return MicrocircuitScaling(
        labels=tuple(facts["populations"]),
        sizes=np.rint(full_sizes * scale).astype(np.int64),
        synapses=np.rint(full_synapses * scale * scale).astype(np.int64),
        weights=weights / math.sqrt(scale),
        weight_external=weight_external / math.sqrt(scale),
        in_degree_external=np.rint(in_degree * scale).astype(np.int64),
        current=current,
        rheobase=neuron["C_m_pF"] * (neuron["V_th_mV"] - neuron["E_L_mV"]) / neuron["tau_m_ms"],
        thalamic_size=max(1, round(thalamus["size"] * scale)),
        thalamic_synapses=np.rint(thalamic * scale * scale).astype(np.int64),
        thalamic_weight=thalamus["psp_mV"] * _current_per_psp(neuron) / math.sqrt(scale),
    )


def microcircuit(
    scale: float = 1.0,
    *,
    drive: str = "poisson",
    thalamus: bool = False,
    dt: float = 0.1,
    seed: int = 1,
) -> Network:
    """The cortical microcircuit: 77,169 neurons and 0.3 billion synapses at scale 1.

    Leaky integrate-and-fire neurons with exponential synaptic currents; between populations a
    fixed total number of synapses with autapses and multapses; weights normal with an sd of a
    tenth, of one sign; delays normal, redrawn below 0.05 ms and rounded to dt; initial voltages
    normal by population.

    Args:
        scale: share of the neurons and of the in-degrees, above 0 and at most 1, with the
            published compensation (``microcircuit_scaling``).
        drive: "poisson", or "dc" for the direct current of the same mean. The published default
            is "dc", but then scales below 0.41 leave populations short of input, as
            ``microcircuit_scaling(scale, "dc").below_rheobase`` tells.
        thalamus: whether a thalamic pulse arrives: 902 relay neurons, the population "TC", fire as
            Poisson processes of 120 Hz from 700 to 710 ms, onto layers 4 and 6. Before it, spikes
            are those of the network without it.
        dt: step, ms; at most 0.1, the shortest delay.
        seed: 0 to 2**32 - 1.

    Raises:
        TypeError, ValueError: a value that is not allowed; a refractory period of 2 ms that is no
            multiple of dt.

    Source: ``pd14.json``. What differs: the Poisson drive arrives without its delay of 1.5 ms,
    which shifts nothing but the first 1.5 ms.
    """
    facts, numbers = _facts(), microcircuit_scaling(scale, drive)
    shortest = facts["delays"]["shortest_ms"]
    if isinstance(dt, (int, float)) and dt > shortest * (1 + 1e-9):
        raise ValueError(
            f"microcircuit: dt must be at most {shortest} ms, its shortest delay, got {dt} ms"
        )
    if not isinstance(thalamus, bool):
        raise TypeError(f"microcircuit: thalamus must be True or False, got {thalamus!r}")
    more = _thalamus(facts, numbers) if thalamus else ((), (), ())
    return Network(
        populations=(*_populations(facts, numbers), *more[0]),
        projections=(*_projections(facts, numbers), *more[1]),
        stimuli=(*(_stimuli(facts, numbers) if drive == "poisson" else ()), *more[2]),
        dt=dt,
        seed=seed,
    )


def microcircuit_rates(scale: float = 1.0, drive: str = "poisson") -> dict[str, dict[str, float]]:
    """Mean rates to compare a run with, Hz, by population.

    Args:
        scale, drive: of the run.

    Returns:
        "published": of one NEST run of the full network; "nest": what NEST gives at the same
        scale and drive, only where that was measured (Poisson drive; 0.1, 0.2, 0.5 and 1.0).
    """
    facts = _facts()
    rates = {"published": facts["published_mean_rate_Hz"]}
    for known, values in facts["nest_mean_rate_Hz_poisson"].items():
        if drive == "poisson" and math.isclose(scale, float(known)):
            rates["nest"] = values
    return {
        name: dict(zip(facts["populations"], values, strict=True)) for name, values in rates.items()
    }


def _checked_scale(scale, smallest: int) -> float:
    try:
        scale = float(scale)
    except (TypeError, ValueError):
        raise TypeError(f"microcircuit: scale must be a number, got {scale!r}") from None
    if not 0.0 < scale <= 1.0:
        raise ValueError(f"microcircuit: scale must be above 0 and at most 1, got {scale:g}")
    if round(smallest * scale) < 1:
        raise ValueError(
            f"microcircuit: scale={scale:g} leaves a population without neurons; take at least "
            f"{1.0 / smallest:.1g}"
        )
    return scale


def _number_of_synapses(probability: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """Synapses that join a pair with a probability when they are drawn with replacement.

    Not log1p: the published table has the rounding of this form.
    """
    pairs = pairs.astype(np.float64)
    return np.log(1.0 - probability) / np.log((pairs - 1.0) / pairs)


def _full_weights(facts: dict) -> np.ndarray:
    """Mean weights of the full network, pA [target, source]."""
    given, labels = facts["weights"], facts["populations"]
    excitatory = given["psp_exc_mV"] * _current_per_psp(facts["neuron"])
    signs = [given["inhibition_over_excitation"] if name.endswith("I") else 1.0 for name in labels]
    weights = excitatory * np.tile(signs, (len(labels), 1))
    weights[labels.index("L23E"), labels.index("L4E")] *= given["factor_L4E_to_L23E"]
    return weights


def _current_per_psp(neuron: dict) -> float:
    """Synaptic current (pA) whose postsynaptic potential peaks at 1 mV.

    A current exp(-t/tau_syn) moves the voltage by

        tau_m tau_syn / (C_m (tau_m - tau_syn)) (exp(-t/tau_m) - exp(-t/tau_syn)),

    which peaks at t = ln(tau_m/tau_syn) tau_m tau_syn / (tau_m - tau_syn).
    """
    tau_m, tau_syn = neuron["tau_m_ms"], neuron["tau_syn_ms"]
    factor = tau_m * tau_syn / (tau_m - tau_syn)
    peak = math.log(tau_m / tau_syn) * factor
    return neuron["C_m_pF"] / (factor * (math.exp(-peak / tau_m) - math.exp(-peak / tau_syn)))


def _populations(facts: dict, numbers: MicrocircuitScaling) -> tuple[Population, ...]:
    neuron, voltage = facts["neuron"], facts["initial_voltage_optimized"]
    return tuple(
        Population(
            int(size),
            CubaLIF(
                tau_mem=neuron["tau_m_ms"],
                tau_syn=neuron["tau_syn_ms"],
                r=neuron["tau_m_ms"] / neuron["C_m_pF"],
                v_leak=neuron["E_L_mV"],
                v_threshold=neuron["V_th_mV"],
                v_reset=neuron["V_reset_mV"],
                t_refractory=neuron["t_ref_ms"],
                i_offset=float(current),
            ),
            label,
            v=Normal(mean, sd),
        )
        for label, size, current, mean, sd in zip(
            numbers.labels,
            numbers.sizes,
            numbers.current,
            voltage["mean_mV"],
            voltage["sd_mV"],
            strict=True,
        )
    )


def _projections(facts: dict, numbers: MicrocircuitScaling) -> tuple[Projection, ...]:
    projections = []
    for (target, source), n in np.ndenumerate(numbers.synapses):
        if n == 0:
            continue
        pre, weight = numbers.labels[source], float(numbers.weights[target, source])
        projections.append(
            Projection(
                pre,
                numbers.labels[target],
                FixedTotalNumber(int(n)),
                weight=_weight(weight, facts["weights"]["relative_sd"]),
                delay=_delay(facts["delays"], inhibitory=pre.endswith("I")),
            )
        )
    return tuple(projections)


def _weight(mean: float, relative_sd: float) -> Normal:
    sd = relative_sd * abs(mean)
    return Normal(mean, sd, low=0.0) if mean > 0 else Normal(mean, sd, high=0.0)


def _delay(delays: dict, inhibitory: bool) -> Normal:
    mean = delays["inh_mean_ms" if inhibitory else "exc_mean_ms"]
    return Normal(mean, delays["relative_sd"] * mean, low=delays["redrawn_below_ms"])


def _stimuli(facts: dict, numbers: MicrocircuitScaling) -> tuple[PoissonInput, ...]:
    return tuple(
        PoissonInput(
            label,
            rate=facts["external_drive"]["rate_Hz"],
            sources=int(sources),
            weight=numbers.weight_external,
        )
        for label, sources in zip(numbers.labels, numbers.in_degree_external, strict=True)
    )


def _thalamus(facts: dict, numbers: MicrocircuitScaling) -> tuple:
    """Population, projections and stimulus of the thalamic pulse."""
    thalamus, mean = facts["thalamus"], numbers.thalamic_weight
    label, start = thalamus["label"], thalamus["start_ms"]
    delay, delays = thalamus["delay_mean_ms"], facts["delays"]
    pulse = PoissonInput(
        label,
        rate=thalamus["rate_Hz"],
        sources=1,
        weight=1.0,
        start=start,
        stop=start + thalamus["duration_ms"],
    )
    projections = tuple(
        Projection(
            label,
            post,
            FixedTotalNumber(int(n)),
            weight=_weight(mean, facts["weights"]["relative_sd"]),
            delay=Normal(delay, delays["relative_sd"] * delay, low=delays["redrawn_below_ms"]),
        )
        for post, n in zip(numbers.labels, numbers.thalamic_synapses, strict=True)
        if n
    )
    return (Population(numbers.thalamic_size, Relay(), label),), projections, (pulse,)
