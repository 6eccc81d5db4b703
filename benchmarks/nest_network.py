"""A ``Network`` built in NEST: our numbers, NEST's own connections, drive and update.

NEST is imported where it is needed only, so that this module loads without it.
"""

from __future__ import annotations

import numpy as np

from cusnn.network import FixedInDegree, FixedTotalNumber, FromList, Normal, PoissonInput, Uniform
from cusnn.neurons import LIF, CobaLIF, CubaLIF, Relay

# NEST holds at most 2**27 - 2 connections of one model on a thread; threads do not get the same.
MOST_PER_THREAD = int(0.97 * (2**27 - 2))
GENERATOR_DELAY = 1.5  # ms; any delay does, for a Poisson train looks the same at all times


def start(threads: int, seed: int, dt: float):
    """NEST with an empty kernel; returns its module."""
    import nest

    nest.verbosity = nest.VerbosityLevel.WARNING
    nest.ResetKernel()
    nest.SetKernelStatus({"resolution": dt, "local_num_threads": threads, "rng_seed": seed})
    return nest


def build(nest, network) -> dict:
    """Populations by label, connected and driven.

    Raises:
        TypeError: a part of the network that is not known here.
    """
    populations = {p.label: population(nest, p) for p in network.populations}
    models = SynapseModels(nest)
    for projection in network.projections:
        connect(nest, populations, projection, network, models)
    for stimulus in network.stimuli:
        drive(nest, populations, stimulus, network.dt)
    return populations


def population(nest, description):
    """The neurons of one population."""
    if isinstance(description.neuron, Relay):
        return nest.Create("parrot_neuron", description.size)
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
    if isinstance(neuron, CobaLIF):
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


class SynapseModels:
    """Copies of NEST's static synapse, a new one as soon as one is full."""

    def __init__(self, nest):
        self._nest, self._copies = nest, 0
        self._room = MOST_PER_THREAD * nest.GetKernelStatus("local_num_threads")
        self._left = 0

    def with_room(self, n: int) -> str:
        """A model that takes ``n`` more synapses."""
        if n > self._left:
            self._copies += 1
            self._nest.CopyModel("static_synapse", self._name)
            self._left = self._room
        self._left -= n
        return self._name

    @property
    def _name(self) -> str:
        return f"static_synapse_{self._copies}"


def connect(nest, populations: dict, projection, network, models: SynapseModels) -> None:
    """The synapses of one projection."""
    connector = projection.connector
    pre, post = populations[projection.pre], populations[projection.post]
    weight = projection.weights
    if isinstance(weight, float):
        weight = signed(weight, projection.receptor)
    synapse = {
        "synapse_model": models.with_room(network.synapses(projection)),
        "weight": value(nest, weight),
        # NEST redraws what it would round to less than a step.
        "delay": value(nest, projection.delays, least=0.5 * network.dt),
    }
    if isinstance(connector, FromList):
        connect_pairs(nest, pre, post, connector, synapse)
        return
    if isinstance(connector, FixedTotalNumber):
        rule = {"rule": "fixed_total_number", "N": connector.n}
    elif isinstance(connector, FixedInDegree):
        rule = {"rule": "fixed_indegree", "indegree": connector.k}
    else:
        raise TypeError(f"nest_network: no rule of NEST is known for {connector!r}")
    rule |= {"allow_autapses": connector.autapses, "allow_multapses": connector.multapses}
    nest.Connect(pre, post, rule, synapse)


def connect_pairs(nest, pre, post, connector, synapse: dict) -> None:
    """Listed synapses of constant weight and delay, which NEST wants as arrays."""
    sources = np.asarray(pre.tolist())[connector.sources]
    targets = np.asarray(post.tolist())[connector.targets]
    arrays = {name: np.full(sources.size, synapse[name]) for name in ("weight", "delay")}
    nest.Connect(sources, targets, "one_to_one", synapse | arrays)


def drive(nest, populations: dict, stimulus, dt: float) -> None:
    """A Poisson generator into every neuron of a population.

    Raises:
        TypeError: another stimulus, or a rate that changes otherwise than on and off.
    """
    if not isinstance(stimulus, PoissonInput) or not isinstance(stimulus.rate, float):
        raise TypeError(f"nest_network: no device of NEST is known for {stimulus!r}")
    parameters, delay = {"rate": stimulus.rate * stimulus.sources}, GENERATOR_DELAY
    if stimulus.start > 0 or stimulus.stop is not None:
        # A step later than ours, for no delay is shorter.
        delay, parameters["start"] = dt, stimulus.start
        if stimulus.stop is not None:
            parameters["stop"] = stimulus.stop
    generator = nest.Create("poisson_generator", parameters)
    synapse = {"weight": signed(stimulus.weight, stimulus.receptor), "delay": delay}
    nest.Connect(generator, populations[stimulus.population], "all_to_all", synapse)


def signed(weight: float, receptor: str | None) -> float:
    """NEST tells receptors by the sign of the weight."""
    return -abs(weight) if receptor == "inhibitory" else weight


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
    if not isinstance(given, float):
        raise TypeError(f"nest_network: no parameter of NEST is known for {given!r}")
    return given
