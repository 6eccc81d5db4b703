"""Synapses read back from what was built are those of the description, word by word."""

import numpy as np
import pytest
from by_hand import synapses_by_hand

from cusnn.network import (
    AllToAll,
    FixedTotalNumber,
    FromList,
    Network,
    Normal,
    Population,
    Projection,
    SpikeTimes,
)
from cusnn.neurons import CobaLIF, CubaLIF, Relay
from cusnn.ops import network_rings
from cusnn.simulation import Simulation, fan_out
from cusnn.simulation.plan import plan


def joined(neuron, light):
    """Two populations of an odd number of neurons, synapses onto both channels, long delays."""
    return Network(
        (Population(23, neuron, "A"), Population(14, neuron, "B"), Population(1, neuron, "C")),
        (
            Projection("A", "B", FixedTotalNumber(170), 1000.0, Normal(2.0, 1.0, low=0.05)),
            Projection("A", "B", FixedTotalNumber(40), light, 0.1),
            Projection("B", "A", FixedTotalNumber(90), -300.0, Normal(1.0, 0.5, low=0.05)),
            Projection("B", "C", AllToAll(), 50.0, 6.0),
        ),
    )


@pytest.mark.parametrize("block", [2**22, 1, 100])
@pytest.mark.parametrize(
    ("neuron", "light", "wide"),
    [(CubaLIF(), 100.0, False), (CubaLIF(), 0.5, True), (CobaLIF(), 100.0, False)],
    ids=["narrow", "wide", "two channels"],
)
def test_synapses_read_back(backend, monkeypatch, neuron, light, wide, block):
    monkeypatch.setattr(network_rings, "FEWEST_NEURONS", 16)
    monkeypatch.setattr(fan_out, "BLOCK", block)
    network = joined(neuron, light)
    assert plan(network).wide == wide
    threads = None if backend.name == "cuda" else 3
    found, next_source = [], 0
    simulation = Simulation(network, backend=backend.name, threads=threads)
    for first, last, synapses in simulation.fan_out.blocks():
        assert first == next_source < last
        next_source = last
        found += zip(synapses.rows + first, synapses.targets, synapses.delays, strict=True)
    assert next_source == network.size
    expected = [(source, target, delay) for source, target, _, delay in synapses_by_hand(network)]
    assert sorted(tuple(int(x) for x in one) for one in found) == sorted(expected)
    degrees = np.zeros((network.size, 3), int)
    for source, target, _ in expected:
        degrees[source, int(np.searchsorted([23, 37], target, "right"))] += 1
    np.testing.assert_array_equal(simulation.fan_out.degrees, degrees)
    assert simulation.fan_out.synapses().tolist() == [[0, 210, 0], [90, 0, 14], [0, 0, 0]]


def test_events_on_their_way():
    """Source 0 fires in steps 3 and 8; its synapses have delays of 2, 2 and 9 steps."""
    network = Network(
        (Population(2, Relay(), "S"), Population(2, Relay(), "T")),
        Projection("S", "T", FromList([0, 0, 0], [0, 1, 1], delays=[0.2, 0.2, 0.9]), 1.0, 0.1),
        SpikeTimes("S", 0, [0.4, 0.9], 1.0),
    )
    simulation = Simulation(network, backend="numpy", threads=1)
    runs = [simulation.run(0.1 * steps) for steps in (5, 1, 6, 1, 5)]
    arrived = [int(simulation.events_by_population(run)[0, 1]) for run in runs]
    assert simulation.result().neurons[:1].tolist() == [0]
    assert arrived == [run.events for run in runs] == [0, 2, 2, 1, 1]
    assert simulation.events_by_population(simulation.result()).tolist() == [[0, 6], [0, 0]]
    assert simulation.events_by_population(simulation.run(0.0)).sum() == 0


def test_what_is_not_known_is_an_error(tmp_path):
    network = joined(CubaLIF(i_offset=600.0), 100.0)
    path, first = tmp_path / "run.npz", Simulation(network, backend="numpy", threads=1)
    first.run(3.0)
    first.save(path, recorded=False)
    later = Simulation.load(path, backend="numpy", threads=1)
    result = later.run(1.0)
    with pytest.raises(ValueError, match="the spikes before step 30 are not known; record those"):
        later.events_by_population(result)
