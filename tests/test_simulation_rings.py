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
    Uniform,
)
from cusnn.neurons import LIF, CobaLIF, CubaLIF, Relay
from cusnn.simulation import Record, Simulation, layouts, memory_estimate, pace

EXCHANGES = ("mailbox", "barrier")
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
@pytest.mark.parametrize("exchange", EXCHANGES)
def test_a_launch_that_has_no_room_is_followed_by_another(monkeypatch, exchange):
    """Everyone fires in every step; nothing is lost, and no spike twice in flight."""
    monkeypatch.setattr(layouts, "ROOM_FOR_SPIKES", 0)
    monkeypatch.setattr(pace, "MOST_STEPS_PER_CALL", 7)
    fires = LIF(v_leak=9.0, v_threshold=1.0, reset="none", input="voltage")
    net = Network(
        (Population(30, fires, "E", v=9.0),),
        (Projection("E", "E", AllToAll(), 0.01, 0.5),),
    )
    simulation = Simulation(net, backend="cuda", exchange=exchange, record={"E": "v"})
    result = simulation.run(2.0)
    assert result.states["E"]["v"].shape == (20, 30)
    np.testing.assert_array_equal(result.steps, np.repeat(np.arange(20), 30))
    np.testing.assert_array_equal(result.neurons, np.tile(np.arange(30), 20))
    assert result.events == 15 * 900
    simulation.reset()
    same(simulation.run(2.0), result)


@pytest.fixture
def launched(monkeypatch, gpu):
    """Names of the kernels that are launched, in order."""
    names, launch = [], driver.launch

    def noting(source, kernel, *arguments, **options):
        names.append(kernel)
        launch(source, kernel, *arguments, **options)

    monkeypatch.setattr(driver, "launch", noting)
    return names


@pytest.mark.parametrize("exchange", EXCHANGES)
def test_exchange_is_a_choice(launched, exchange, tmp_path):
    """Which kernel runs, and is compiled before any time is taken; the spikes are the same."""
    simulation = Simulation(busy(), backend="cuda", exchange=exchange)
    kernel = f"network_advance_rings<{exchange.capitalize()}, SharedRings>"
    assert kernel in launched
    result = simulation.run(3.0)
    assert {name for name in launched if name.startswith("network_advance")} == {kernel}
    assert result.about["exchange"] == simulation.exchange == exchange
    same(result, Simulation(busy(), backend="numpy", threads=1).run(3.0))
    simulation.save(tmp_path / "run.npz")
    resumed = Simulation.load(tmp_path / "run.npz", backend="cuda", exchange=exchange)
    assert resumed.exchange == exchange


@pytest.mark.usefixtures("gpu")
def test_exchanges_that_are_none():
    assert Simulation(busy(), backend="cuda").exchange == "mailbox"
    assert Simulation(busy(), backend="numpy").exchange is None
    with pytest.raises(ValueError, match="exchange must be one of mailbox, barrier or None, got"):
        Simulation(busy(), backend="cuda", exchange="pigeon")
    with pytest.raises(ValueError, match="'barrier' is between blocks of a GPU; leave it out, or"):
        Simulation(busy(), backend="numpy", exchange="barrier")


def far(size):
    """Delays of up to 30 ms, which many spikes in flight have to wait for."""
    return Network(
        (Population(size, CubaLIF(i_offset=430.0), "E", v=Normal(-55.0, 4.0)),),
        (Projection("E", "E", FixedInDegree(20), 60.0, Uniform(0.5, 30.0)),),
        (PoissonInput("E", 8.0, 400, 60.0),),
    )


def test_delays_whose_rings_find_no_room_in_shared_memory(launched):
    """A block of 48 KB has room for 39 rings of 301 steps, four have for 156."""
    net = far(157)
    simulation = Simulation(net, backend="cuda", record={"E": "v"})
    simulation.run(18.0)
    simulation.run(16.0)
    kernels = {name for name in launched if name.startswith("network_advance")}
    assert kernels == {"network_advance_rings<Mailbox, GlobalRings>"}
    # A call does as many steps as it begins with spikes of, where it may.
    assert launched.count(*kernels) == 1 + 2
    whole = Simulation(net, backend="numpy", threads=1, record={"E": "v"}).run(34.0)
    assert whole.events > 1000
    same(simulation.result(), whole)
    # In shared memory 156 neurons are four tiles, each with a start of 12 bytes per neuron.
    resident = memory_estimate(far(156), backend="cuda") - 12 * 4 * 156
    assert memory_estimate(net, backend="cuda") - resident > 4 * 301 * 157


def test_spikes_are_sorted_in_while_the_gpu_works(launched, monkeypatch):
    """Those of a call wait until the kernels of the next one are launched."""
    monkeypatch.setattr(pace, "MOST_STEPS_PER_CALL", 7)
    simulation = Simulation(busy(), backend="cuda")
    launch, waiting = driver.launch, []

    def noting(source, kernel, *arguments, **options):
        launch(source, kernel, *arguments, **options)
        if kernel == "network_count_flight":
            waiting.append(len(simulation._recorder._waiting))

    monkeypatch.setattr(driver, "launch", noting)
    result = simulation.run(3.0)
    assert waiting == [0, *[1] * (len(waiting) - 1)]
    assert len(waiting) > 3
    same(result, Simulation(busy(), backend="numpy", threads=1).run(3.0))


@pytest.mark.usefixtures("gpu")
def test_spikes_outlive_a_lack_of_memory(monkeypatch):
    """A launch that is under way when there is none counts; what was left undone is done."""
    simulation, calls, bincount = Simulation(busy(), backend="cuda"), [], np.bincount

    def failing(*arguments, **options):
        calls.append(arguments)
        if len(calls) == 1:
            raise MemoryError
        return bincount(*arguments, **options)

    monkeypatch.setattr(np, "bincount", failing)
    found = simulation.run(3.0)
    assert len(calls) > 2
    same(found, Simulation(busy(), backend="numpy", threads=1).run(3.0))


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
