"""A ``Network`` built in NEST: our numbers, NEST's own connections, drive and update.

NEST is imported where it is needed only, so that this module loads without it.
"""

from __future__ import annotations

import numpy as np

from cusnn.network import FixedInDegree, FixedTotalNumber, Normal, Uniform
from cusnn.neurons import LIF, CubaLIF

INHIBITORY = "inhibitory_synapse"
GENERATOR_DELAY = 1.5  # ms; any delay does, for a Poisson train looks the same at all times


def start(threads: int, seed: int, dt: float):
    """NEST with an empty kernel; returns its module."""
    import nest

    nest.verbosity = nest.VerbosityLevel.WARNING
    nest.ResetKernel()
    nest.SetKernelStatus({"resolution": dt, "local_num_threads": threads, "rng_seed": seed})
    # NEST holds at most 2**27 - 2 connections of one model on a thread.
    nest.CopyModel("static_synapse", INHIBITORY)
    return nest


def build(nest, network) -> dict:
    """Populations by label, connected and driven.

    Raises:
        TypeError: a part of the network that is not known here.
    """
    populations = {p.label: population(nest, p) for p in network.populations}
    for projection in network.projections:
        connect(nest, populations, projection, network.dt)
    for stimulus in network.stimuli:
        drive(nest, populations, stimulus)
    return populations


def population(nest, description):
    """The neurons of one population."""
    model, parameters = neuron_parameters(description.neuron)
    found = nest.Create(model, description.size, parameters)
    v = description.v
    found.V_m = description.neuron.v_leak if v is None else value(nest, v)
    return found


def neuron_parameters(neuron) -> tuple[str, dict]:
    """NEST's model and its parameters."""
    shared = {
        "E_L": neuron.v_leak,
        "V_th": neuron.v_threshold,
        "V_reset": neuron.v_reset,
        "t_ref": neuron.t_refractory,
        "I_e": neuron.i_offset,
    }
    kind = type(neuron).__name__
    if isinstance(neuron, LIF) and neuron.input == "voltage":
        membrane = {"tau_m": neuron.tau_mem, "C_m": neuron.tau_mem / neuron.r}
        return "iaf_psc_delta", membrane | shared
    if isinstance(neuron, CubaLIF):
        inhibitory = getattr(neuron, "tau_syn_inh", None)
        membrane = {
            "tau_m": neuron.tau_mem,
            "C_m": neuron.tau_mem / neuron.r,
            "tau_syn_ex": neuron.tau_syn,
            "tau_syn_in": neuron.tau_syn if inhibitory is None else inhibitory,
        }
        return "iaf_psc_exp", membrane | shared
    if kind == "CobaLIF":
        membrane = {
            # nS, pF; cusnn has GOhm, so that pF is ms / GOhm.
            "g_L": 1.0 / neuron.r,
            "C_m": neuron.tau_mem / neuron.r,
            "E_ex": neuron.e_exc,
            "E_in": neuron.e_inh,
            "tau_syn_ex": neuron.tau_exc,
            "tau_syn_in": neuron.tau_inh,
        }
        return "iaf_cond_exp", membrane | shared
    raise TypeError(f"nest_network: no model of NEST is known for {neuron!r}")


def connect(nest, populations: dict, projection, dt: float) -> None:
    """The synapses of one projection."""
    connector, weight = projection.connector, projection.weight
    if isinstance(connector, FixedTotalNumber):
        rule = {"rule": "fixed_total_number", "N": connector.n}
    elif isinstance(connector, FixedInDegree):
        rule = {"rule": "fixed_indegree", "indegree": connector.k}
    else:
        raise TypeError(f"nest_network: no rule of NEST is known for {connector!r}")
    rule["allow_autapses"] = getattr(connector, "autapses", True)
    rule["allow_multapses"] = getattr(connector, "multapses", True)
    positive = (weight if isinstance(weight, float) else weight.mean) > 0
    synapse = {
        "synapse_model": "static_synapse" if positive else INHIBITORY,
        "weight": value(nest, weight),
        # NEST redraws what it would round to less than a step.
        "delay": value(nest, projection.delay, least=0.5 * dt),
    }
    nest.Connect(populations[projection.pre], populations[projection.post], rule, synapse)


def drive(nest, populations: dict, stimulus) -> None:
    """A Poisson generator into every neuron of a population, or into its first few."""
    profile = getattr(stimulus, "profile", None)
    generator = nest.Create("poisson_generator", {"rate": stimulus.rate * stimulus.sources})
    if profile is not None:
        raise TypeError(f"nest_network: a rate profile is not known here, got {profile!r}")
    synapse = {"weight": stimulus.weight, "delay": GENERATOR_DELAY}
    nest.Connect(generator, populations[stimulus.population], "all_to_all", synapse)


def value(nest, given, least: float = -np.inf):
    """A number, or NEST's parameter of a distribution."""
    if isinstance(given, Normal):
        low, high = given.bounds()
        drawn = nest.random.normal(given.mean, given.sd)
        low = max(low, least)
        bounded = np.isfinite(low) or np.isfinite(high)
        return nest.math.redraw(drawn, low, high) if bounded else drawn
    if isinstance(given, Uniform):
        return nest.random.uniform(given.low, given.high)
    return float(given)
