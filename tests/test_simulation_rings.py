"""Simulations on a GPU, under the harness: what they give is what CPUs give."""

import numpy as np
import pytest
from conftest import use_emulator

from cusnn import driver
from cusnn.backends.cuda import network as backend
from cusnn.network import (
    AllToAll,
    FixedInDegree,
    Network,
    Normal,
    OneToOne,
    PoissonInput,
    Population,
    Projection,
    RateProfile,
    SpikeTimes,
    StepCurrent,
)
from cusnn.neurons import LIF, CobaLIF, CubaLIF, Relay
from cusnn.simulation import Record, Simulation, layouts, memory_estimate, pace

RECORD = (Record("E", ("i", "v"), neurons=(40, 2), every=0.3), Record("I"))


@pytest.fixture
def gpu(monkeypatch):
    """A GPU of four multiprocessors, in blocks so small that threads take several neurons."""
    use_emulator(monkeypatch)
    monkeypatch.setattr(backend, "ADVANCE_BLOCK", 32)


def busy():
    """Neurons that exchange spikes every second step, under a drive and a current that change."""
    return Network(
        (
            Population(41, CubaLIF(i_offset=520.0), "E", v=Normal(-55.0, 5.0)),
            Population(12, CubaLIF(i_offset=520.0), "I", v=Normal(-55.0, 5.0)),
        ),
        (
            Projection("E", "E", FixedInDegree(5), 88.0, Normal(1.0, 0.5, low=0.05)),
            Projection("E", "I", FixedInDegree(20), Normal(88.0, 9.0, low=0.0), 0.7),
            Projection("I", "E", FixedInDegree(6), -350.0, 0.1),
        ),
        (
            PoissonInput("E", RateProfile([0.0, 1.1, 2.0], [30.0, 90.0, 9.0]), 400, 88.0),
            StepCurrent("I", times=[0.9, 1.6], amplitudes=[900.0, -40.0]),
        ),
    )


def same(one, other):
    np.testing.assert_array_equal(one.steps, other.steps)
    np.testing.assert_array_equal(one.neurons, other.neurons)
    assert one.events == other.events
    assert one.states.keys() == other.states.keys()
    for label, states in other.states.items():
        for name, values in states.values.items():
            np.testing.assert_array_equal(one.states[label][name], values)


@pytest.mark.usefixtures("gpu")
def test_between_cpu_and_gpu(tmp_path):
    """A run that begins on one, goes on on the other, and comes back, spikes in flight with it."""
    whole = Simulation(busy(), backend="numpy", threads=1, record=RECORD).run(3.0)
    assert whole.neurons.size > 30
    path, first = tmp_path / "run.npz", Simulation(busy(), backend="cuda", record=RECORD)
    assert (first.backend, first.threads) == ("cuda", 1)
    first.run(0.5)
    first.run(0.7)
    first.save(path)
    second = Simulation.load(path, backend="numpy", threads=3)
    second.run(0.7)
    second.save(path)
    third = Simulation.load(path, backend="cuda")
    third.run(1.1)
    same(third.result(), whole)


@pytest.mark.usefixtures("gpu")
def test_a_launch_that_has_no_room_is_followed_by_another(monkeypatch):
    """Everyone fires in every step; nothing is lost, and no spike twice in flight."""
    monkeypatch.setattr(layouts, "ROOM_FOR_SPIKES", 0)
    monkeypatch.setattr(pace, "MOST_STEPS_PER_CALL", 7)
    fires = LIF(v_leak=9.0, v_threshold=1.0, reset="none", input="voltage")
    net = Network(
        (Population(30, fires, "E", v=9.0),),
        (Projection("E", "E", AllToAll(), 0.01, 0.5),),
    )
    simulation = Simulation(net, backend="cuda")
    result = simulation.run(2.0)
    np.testing.assert_array_equal(result.steps, np.repeat(np.arange(20), 30))
    np.testing.assert_array_equal(result.neurons, np.tile(np.arange(30), 20))
    assert result.events == 15 * 900
    simulation.reset()
    same(simulation.run(2.0), result)


@pytest.mark.usefixtures("gpu")
def test_spike_sources_on_both():
    net = Network(
        (Population(9, Relay(), "S"), Population(9, LIF(input="voltage"), "E", v=0.5)),
        (Projection("S", "E", OneToOne(), 0.6, 0.3),),
        (SpikeTimes("S", times=[0.1, 0.8, 0.8, 1.3], neurons=[0, 1, 8, 3], weight=1.0),),
    )
    expected, found = (
        Simulation(net, backend=name, spikes=("E",)).run(2.0) for name in ("numpy", "cuda")
    )
    assert expected.neurons.tolist() == [9, 10, 17, 12]
    same(found, expected)
    np.testing.assert_array_equal(found.counts(), expected.counts())


@pytest.mark.usefixtures("gpu")
def test_memory_of_a_gpu(monkeypatch):
    net = busy()
    assert Simulation(net, backend="cuda").memory == memory_estimate(net, backend="cuda")
    monkeypatch.setattr(driver, "free_bytes", lambda: 1_000_000)
    with pytest.raises(MemoryError, match=r"need 0\.10 GB, 0\.00 GB are free on the GPU; take a"):
        Simulation(net, backend="cuda")
    large = Network(
        (Population(1000, CubaLIF(), "E"),),
        (Projection("E", "E", FixedInDegree(100_000), 1.0, 1.0),),
    )
    estimate = memory_estimate(large, backend="cuda")
    assert 4e8 < estimate < 5.5e8


@pytest.mark.usefixtures("gpu")
def test_a_gpu_takes_no_threads():
    for make in (Simulation, memory_estimate):
        with pytest.raises(ValueError, match=f"{make.__name__}: threads are of CPUs, a GPU takes"):
            make(busy(), backend="cuda", threads=2)


@pytest.mark.usefixtures("gpu")
def test_runs_that_cannot_go_on():
    """Voltages that are no numbers, and steps of which keys of spikes hold 31 bits."""
    network = Network(
        Population(9, CobaLIF(), "driven"), (), PoissonInput("driven", 1000.0, 10, 1000.0)
    )
    simulation = Simulation(network, backend="cuda")
    with pytest.raises(ValueError, match=r"the first in 'driven', .*; take a smaller dt"):
        simulation.run(100.0)
    assert simulation.result().n_steps == simulation.step > 0
    with pytest.raises(ValueError, match=r"duration must be at most 2\.15e\+08 ms"):
        simulation.run(3e8)


def test_without_a_gpu(monkeypatch):
    monkeypatch.setattr(driver, "unavailable", lambda: "no GPU is there")
    for make in (Simulation, memory_estimate):
        with pytest.raises(RuntimeError, match="no GPU is there"):
            make(busy(), backend="cuda")
