"""Counts of a run of a network: from its spikes, after it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from cusnn.energy.bounds import whole
from cusnn.energy.counts import OpCounts, Workload
from cusnn.energy.placement import Placement
from cusnn.network import Network, SpikeTimes
from cusnn.simulation import Result, Simulation, stimulus_spikes
from cusnn.simulation.plan import sizes


def count_run(
    result: Result,
    ran: Network | Simulation,
    *,
    poisson: bool = False,
    backend: str | None = None,
    placement: Placement | None = None,
    name: str = "network",
) -> Workload:
    """Exact counts of a run of a network.

        effective ACs = synaptic events: every synapse at which a spike arrived, once for each
        dense = synapses * steps
        updates = neurons * steps, for the engine updates every neuron in every step
        active = spikes; idle = updates - spikes
        state bytes = 8 * state variables * updates (each is read and written, 4 bytes)
        weight bytes = bytes of a synapse word (4, or 8 where weights need 32 bits) * events

    A spike counts when it arrives: spikes still on their way at the end are no events yet, those
    on their way at the beginning are. Synapses of weight 0 are counted as all others, for the
    engine adds them as all others. Spikes of stimuli are ``input_spikes``, and no synaptic events.

    Args:
        result: of ``run``, ``result`` or ``Result.load``.
        ran: the ``Network``; or its ``Simulation``, which splits the synaptic events by source and
            target population. That needs a look at every synapse, once for a simulation.
        poisson: also count spikes of ``PoissonInput``, by drawing them again; otherwise
            ``input_spikes`` of such populations is None.
        backend: draws them, as for ``Simulation``; None for that of ``ran``, or the default.
        placement: of the neurons on cores, to count hops of the spikes fired; needs a simulation.
        name: of the workload.

    Returns:
        Workload with a part for each population by its label (spikes, updates, hops), and one for
        the synapses: "all -> all", or for a simulation "pre -> post" of each pair that has any.

    Raises:
        TypeError: something else than a Result, a Network or a Simulation.
        ValueError: a result of another network or of no steps, or a placement without simulation.
    """
    network = _checked("count_run", result, ran)
    simulation = ran if isinstance(ran, Simulation) else None
    if placement is not None and simulation is None:
        raise ValueError(
            "count_run: a placement needs the Simulation, which knows the synapses; got a Network"
        )
    hops = None if placement is None else placement.hops(simulation)
    if backend is None and simulation is not None:
        backend = simulation.backend
    inputs = _input_spikes(result, network, backend, poisson)
    parts = dict(_population_parts(result, network, inputs, hops))
    synapses = _synapses_by_pair(result, network, simulation)
    word, no_hops = 8 if sizes(network).wide else 4, None if hops is None else 0
    for label, (events, number) in synapses.items():
        parts[label] = OpCounts(
            effective_acs=events,
            dense=number * result.n_steps,
            hops_east_west=no_hops,
            hops_north_south=no_hops,
            weight_bytes=None if events is None else word * events,
        )
    return Workload(
        name=name,
        parts=parts,
        neurons=network.size,
        synapses=network.n_synapses,
        steps=result.n_steps,
        model_time_ms=result.duration,
        wall_s=result.wall_s or None,
        about={"dt_ms": network.dt, **result.about},
    )


def _checked(owner: str, result, ran) -> Network:
    """The network, if the result is of it."""
    if not isinstance(result, Result):
        raise TypeError(f"{owner}: result must be a Result, got {result!r}")
    if not isinstance(ran, (Network, Simulation)):
        raise TypeError(f"{owner}: takes the Network or Simulation that ran, got {ran!r}")
    network = ran.network if isinstance(ran, Simulation) else ran
    about = {name: result.about.get(name) for name in ("synapses", "seed")}
    own = {"synapses": network.n_synapses, "seed": network.seed}
    fits = all(about[name] in (None, own[name]) for name in own)
    if result.slices != network.slices or result.dt != network.dt or not fits:
        raise ValueError(
            f"{owner}: the result is of another network: of {result.n_neurons:,} neurons in "
            f"populations {list(result.slices)} with dt={result.dt} ms, {about}; this one has "
            f"{network.size:,} in {list(network.slices)}, dt={network.dt} ms, {own}"
        )
    if result.n_steps < 1:
        raise ValueError(f"{owner}: the result has no steps; run at least one")
    return network


def _synapses_by_pair(result, network, simulation) -> dict[str, tuple[int | None, int]]:
    """Synaptic events, and number of synapses, by name of the part."""
    if simulation is None:
        # Files of other simulators do not tell.
        events = result.events if "synapses" in result.about else None
        return {"all -> all": (events, network.n_synapses)}
    events = simulation.events_by_population(result).tolist()
    synapses, labels = simulation.fan_out.synapses(), list(network.slices)
    return {
        f"{labels[pre]} -> {labels[post]}": (events[pre][post], int(synapses[pre, post]))
        for pre, post in np.argwhere(synapses).tolist()
    }


def _population_parts(result, network, inputs, hops) -> Iterator[tuple[str, OpCounts]]:
    spikes = result.counts()
    for population in network.populations:
        part = network.slices[population.label]
        fired, updates = int(spikes[part].sum()), population.size * result.n_steps
        taken = (None, None)
        if hops is not None:
            taken = (spikes[part, None] * hops[part]).sum(axis=0).tolist()
        yield (
            population.label,
            OpCounts(
                dense=0,
                neuron_updates_active=fired,
                neuron_updates_idle=updates - fired,
                spikes=fired,
                input_spikes=inputs[population.label],
                hops_east_west=taken[0],
                hops_north_south=taken[1],
                state_bytes=8 * len(population.neuron.state) * updates,
            ),
        )


def _input_spikes(result, network, backend: str | None, poisson: bool) -> dict[str, int | None]:
    """Spikes of stimuli by population; None where they are not known."""
    if poisson and any(hasattr(stimulus, "rate") for stimulus in network.stimuli):
        first = result.first_step
        counts = count_input_spikes(network, first, result.n_steps, backend=backend)
        return {label: int(counts[part].sum()) for label, part in network.slices.items()}
    found: dict[str, int | None] = dict.fromkeys(network.slices, 0)
    last = result.first_step + result.n_steps
    for stimulus in network.stimuli:
        label = stimulus.population
        if hasattr(stimulus, "rate"):
            found[label] = None
        elif isinstance(stimulus, SpikeTimes) and found[label] is not None:
            steps = stimulus.steps(network.dt)
            inside = (steps >= result.first_step) & (steps < last)
            found[label] += int(np.count_nonzero(inside))
    return found


def count_input_spikes(
    network: Network, first_step: int, n_steps: int, *, backend: str | None = None
) -> np.ndarray:
    """Spikes of the stimuli that reach each neuron in a stretch of steps, int64 [N].

    Random numbers are counted by step and neuron, so the spikes that a run got are drawn again,
    without the network; see ``cusnn.simulation.stimulus_spikes``.

    Args:
        network: the description.
        first_step, n_steps: the stretch.
        backend: as for ``Simulation``; the counts do not depend on it.

    Raises:
        TypeError, ValueError: steps that are negative or no integers, an unknown backend.
    """
    first = whole("count_input_spikes", "first_step", first_step)
    steps = whole("count_input_spikes", "n_steps", n_steps)
    return stimulus_spikes(network, first, steps, backend=backend)
