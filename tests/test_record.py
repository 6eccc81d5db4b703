"""What a run records: voltages against closed forms, intervals, choices, and what is refused."""

import zipfile

import numpy as np
import pytest

from cusnn.network import (
    FixedInDegree,
    Network,
    Normal,
    PoissonInput,
    Population,
    Projection,
    RateProfile,
    SpikeTimes,
    StepCurrent,
)
from cusnn.neurons import LIF, CubaLIF, Relay
from cusnn.simulation import Record, Result, Simulation, memory, pace, record

FLAT = LIF(tau_mem=10.0, v_threshold=1e9, input="voltage")


@pytest.fixture(params=("numpy", "numba"))
def engine_backend(request):
    return request.param


def lively(seed=4):
    return Network(
        (
            Population(41, CubaLIF(i_offset=520.0), "E", v=Normal(-58.0, 5.0)),
            Population(12, CubaLIF(i_offset=520.0), "I", v=Normal(-58.0, 5.0)),
        ),
        (
            Projection("E", "I", FixedInDegree(9), 88.0, 1.5),
            Projection("I", "E", FixedInDegree(4), -350.0, Normal(0.8, 0.4, low=0.05)),
        ),
        (PoissonInput("E", 8.0, 400, 88.0),),
        seed=seed,
    )


EVERYTHING = (
    Record("I", ("i", "v")),
    Record("E", ("v", "refractory"), neurons=(40, 3, 0), every=0.3),
)


def same_states(one, other):
    assert one.keys() == other.keys()
    for label in one:
        np.testing.assert_array_equal(one[label].steps, other[label].steps)
        np.testing.assert_array_equal(one[label].neurons, other[label].neurons)
        assert list(one[label].values) == list(other[label].values)
        for name, values in one[label].values.items():
            np.testing.assert_array_equal(values, other[label][name])


def test_a_decaying_voltage(engine_backend):
    """v(t) = v(0) exp(-t / tau), stamped with the end of the step after which it was read."""
    net = Network((Population(4, FLAT, "E", v=np.array([8.0, 4.0, 2.0, 1.0])),))
    record = Record("E", "v", neurons=[3, 0], every=0.5)
    simulation = Simulation(net, backend=engine_backend, threads=2, record=record)
    states = simulation.run(3.2).states["E"]
    np.testing.assert_allclose(states.times, [0.5, 1.0, 1.5, 2.0, 2.5, 3.0])
    assert states.neurons.tolist() == [3, 0]
    expected = np.exp(-states.times / 10.0)[:, None] * [1.0, 8.0]
    np.testing.assert_allclose(states["v"], expected, rtol=1e-5)
    assert states["v"].dtype == np.float32


@pytest.fixture(scope="module")
def whole():
    return Simulation(lively(), backend="numpy", threads=1, record=EVERYTHING).run(12.0)


@pytest.mark.parametrize("threads", [1, 3])
def test_samples_do_not_depend_on_backend_threads_or_calls(
    engine_backend, threads, whole, monkeypatch
):
    monkeypatch.setattr(pace, "MOST_STEPS_PER_CALL", 7)
    options = {"backend": engine_backend, "threads": threads, "record": EVERYTHING}
    simulation = Simulation(lively(), **options)
    parts = [simulation.run(part) for part in (0.2, 0.1, 4.9, 6.8)]
    same_states(simulation.result().states, whole.states)
    for label in ("E", "I"):
        joined = np.concatenate([part.states[label].steps for part in parts])
        np.testing.assert_array_equal(joined, whole.states[label].steps)
        joined = np.concatenate([part.states[label]["v"] for part in parts])
        np.testing.assert_array_equal(joined, whole.states[label]["v"])
    assert whole.states["I"]["v"].shape == (120, 12)
    assert whole.states["E"].steps.tolist() == list(range(2, 120, 3))


def test_samples_are_what_the_spikes_say(whole):
    """After the step in which it fired, a neuron stands at its reset and rests for 20 steps."""
    states, (times, numbers) = whole.states["E"], whole.spikes_of("E")
    assert numbers.size > 20
    seen = 0
    for column, neuron in enumerate(states.neurons):
        for step in np.rint(times[numbers == neuron] / 0.1).astype(int) - 1:
            for row in np.flatnonzero((states.steps >= step) & (states.steps < step + 20)):
                assert states["v"][row, column] == -65.0
                assert states["refractory"][row, column] == 20 - (states.steps[row] - step)
                seen += 1
    assert seen > 10


def test_recording_changes_nothing(whole):
    plain = Simulation(lively(), backend="numpy", threads=2).run(12.0)
    np.testing.assert_array_equal(plain.neurons, whole.neurons)
    assert plain.states == {}


def test_names_by_label_are_a_short_form():
    simulation = Simulation(
        lively(), backend="numpy", threads=1, record={"I": ("i",), "E": "refractory"}
    )
    states = simulation.run(0.3).states
    assert list(states) == ["I", "E"]
    assert states["E"]["refractory"].shape == (3, 41)
    assert states["I"].neurons.tolist() == list(range(12))


def test_spikes_of_chosen_populations(whole):
    """Counts are of all; spikes only of those that are named."""
    simulation = Simulation(lively(), backend="numpy", threads=1, spikes=("I",))
    first, second = simulation.run(5.0), simulation.run(7.0)
    result = simulation.result()
    assert (result.neurons >= 41).all()
    for name in ("times", "neurons"):
        both = np.concatenate([getattr(first, name), getattr(second, name)])
        np.testing.assert_array_equal(getattr(result, name), both)
    np.testing.assert_array_equal(result.spikes_of("I")[0], whole.spikes_of("I")[0])
    np.testing.assert_array_equal(result.counts(), whole.counts())
    np.testing.assert_array_equal(second.counts(), whole.counts(5.0))
    assert result.rates() == whole.rates()
    with pytest.raises(ValueError, match="spikes of 'E' were not recorded, only those of"):
        result.spikes_of("E")
    with pytest.raises(ValueError, match="needs all spikes, but only those of"):
        result.counts(5.0)
    simulation.reset()
    assert simulation.result().counts().sum() == 0
    populations = simulation.network.populations
    for chosen, labels in ((populations[1], ("I",)), (populations, ("E", "I"))):
        other = Simulation(lively(), backend="numpy", threads=1, spikes=chosen)
        assert other.run(0.0).recorded == labels
    none = Simulation(lively(), backend="numpy", threads=1, spikes=()).run(12.0)
    assert none.neurons.size == 0
    np.testing.assert_array_equal(none.counts(), whole.counts())


def test_samples_go_through_files(tmp_path):
    options = {"backend": "numpy", "threads": 1, "spikes": "I", "record": EVERYTHING}
    result = Simulation(lively(), **options).run(6.0)
    result.save(tmp_path / "run.npz")
    back = Result.load(tmp_path / "run.npz")
    same_states(back.states, result.states)
    np.testing.assert_allclose(back.states["E"].times, result.states["E"].times)
    assert back.recorded == ("I",)
    np.testing.assert_array_equal(back.counts(), result.counts())


def test_files_are_not_compressed_and_older_ones_that_are_still_load(tmp_path):
    result = Simulation(lively(), backend="numpy", threads=1).run(6.0)
    result.save(tmp_path / "run.npz")
    with zipfile.ZipFile(tmp_path / "run.npz") as file:
        assert {part.compress_type for part in file.infolist()} == {zipfile.ZIP_STORED}
    with np.load(tmp_path / "run.npz") as file:
        np.savez_compressed(tmp_path / "older.npz", **file)
    older = Result.load(tmp_path / "older.npz")
    np.testing.assert_array_equal(older.steps, result.steps)
    np.testing.assert_array_equal(older.counts(), result.counts())


# ------------------------------------------------------------------ inputs that change with time


def test_step_currents(engine_backend, monkeypatch):
    """tau dv/dt = (v_leak - v) + r (i_offset + I), by its solution from one change to the next."""
    monkeypatch.setattr(pace, "MOST_STEPS_PER_CALL", 16)
    neuron = CubaLIF(tau_mem=10.0, r=0.04, v_leak=-65.0, v_threshold=1e6, i_offset=50.0)
    net = Network(
        (Population(3, neuron, "E"), Population(2, neuron, "other")),
        (),
        (
            StepCurrent("E", times=[1.0, 2.5, 4.0], amplitudes=[100.0, -300.0, 0.0]),
            StepCurrent("E", times=[2.0], amplitudes=[25.0]),
        ),
    )
    record = {"E": "v", "other": "v"}
    simulation = Simulation(net, backend=engine_backend, threads=2, record=record)
    simulation.run(1.3)
    simulation.run(4.7)
    states = simulation.result().states
    v, expected = -65.0, []
    for step in range(60):
        t = step * 0.1 + 1e-9
        current = 50.0 + (100.0 if 1.0 <= t < 2.5 else -300.0 if 2.5 <= t < 4.0 else 0.0)
        current += 25.0 if t >= 2.0 else 0.0
        target = -65.0 + 0.04 * current
        v = target + (v - target) * np.exp(-0.01)
        expected.append(v)
    np.testing.assert_allclose(states["E"]["v"][:, 1], expected, rtol=2e-6)
    alone = -65.0 + 2.0 * (1.0 - np.exp(-0.01 * np.arange(1, 61)))
    np.testing.assert_allclose(states["other"]["v"][:, 0], alone, rtol=2e-6)


def test_rate_profiles(engine_backend):
    """Within a piece of constant rate the spikes are those of that rate all along."""

    def spikes(rate):
        net = Network(
            (Population(50, Relay(), "P"),), (), (PoissonInput("P", rate, 1, 1.0),), seed=9
        )
        simulation = Simulation(net, backend=engine_backend, threads=2)
        simulation.run(7.3)
        simulation.run(12.7)
        result = simulation.result()
        return np.stack([result.steps, result.neurons])

    slow, fast = spikes(60.0), spikes(400.0)
    profile = RateProfile([3.0, 8.0, 12.0, 15.0], [60.0, 400.0, 0.0, 60.0])
    found = spikes(profile)
    pieces = [(slow, 30, 80), (fast, 80, 120), (slow, 150, 200)]
    expected = [s[:, (s[0] >= begin) & (s[0] < end)] for s, begin, end in pieces]
    assert min(part.shape[1] for part in expected) > 5
    np.testing.assert_array_equal(found, np.concatenate(expected, axis=1))


def test_spike_times(engine_backend, monkeypatch):
    """A relay fires in the step that ends at the time, through changes and calls of any length."""
    monkeypatch.setattr(pace, "MOST_STEPS_PER_CALL", 5)
    net = Network(
        (Population(4, Relay(), "P"),),
        (),
        (
            SpikeTimes("P", times=[0.1, 2.0, 2.0, 3.7], neurons=[0, 1, 3, 0], weight=1.0),
            PoissonInput("P", RateProfile([1.9, 2.1], [1e-6, 0.0]), 1, 1.0),
        ),
    )
    result = Simulation(net, backend=engine_backend, threads=3).run(5.0)
    np.testing.assert_allclose(result.times, [0.1, 2.0, 2.0, 3.7])
    assert result.neurons.tolist() == [0, 1, 3, 0]


# ------------------------------------------------------------------ what is refused


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: Record(3), TypeError, "population must be a label or a Population, got 3"),
        (lambda: Record("E", 3), TypeError, "variables must be a name or names, got 3"),
        (lambda: Record("E", ("v", 3)), TypeError, "variables must be a name or names"),
        (lambda: Record("E", ()), ValueError, "name at least one variable"),
        (lambda: Record("E", ("v", "v")), ValueError, r"\['v'\] occur more than once"),
        (lambda: Record("E", neurons=[1, 1]), ValueError, "neurons must differ"),
        (lambda: Record("E", neurons=[-1]), ValueError, "must not be negative, got -1"),
        (lambda: Record("E", neurons=[0.5]), TypeError, "neurons must be integers"),
        (lambda: Record("E", neurons=[[1]]), TypeError, "neurons must be integers"),
        (lambda: Record("E", neurons="all"), TypeError, "neurons must be integers, got 'all'"),
        (lambda: Record("E", neurons=np.ones(3, bool)), TypeError, r"np\.flatnonzero\(mask\)"),
        (lambda: Record("E", neurons=[True, False]), TypeError, r"np\.flatnonzero\(mask\)"),
        (lambda: Record("E", neurons=slice(3)), TypeError, r"range\(start, stop\) for a slice"),
        (lambda: Record("E", every=0.0), ValueError, "every must be positive, got 0.0 ms"),
        (lambda: Record("E", every=np.nan), ValueError, "every must be positive, got nan ms"),
        (lambda: Record("E", every="1"), TypeError, "every must be a number of ms, got '1'"),
    ],
)
def test_bad_records(make, error, text):
    with pytest.raises(error, match=text):
        make()


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        (
            {"record": {"X": "v"}},
            ValueError,
            "Record of 'X': no population 'X', there are 'E', 'I'",
        ),
        ({"record": {"E": "w"}}, ValueError, "no variable 'w', CubaLIF has v, i, refractory"),
        (
            {"record": Record("I", neurons=[12])},
            ValueError,
            "neurons must lie below its size 12, got 12",
        ),
        (
            {"record": Record("I", every=0.25)},
            ValueError,
            "every=0.25 ms must be a multiple of dt=0.1 ms",
        ),
        ({"record": Record("I", every=0.01)}, ValueError, "must be a multiple of dt=0.1 ms"),
        (
            {"record": (Record("I"), Record("I", "i"))},
            ValueError,
            r"one Record per population, \['I'\] have more",
        ),
        ({"record": "E"}, TypeError, "record must be Records, or names by label, got 'E'"),
        ({"record": 3}, TypeError, "record must be Records, or names by label, got 3"),
        ({"record": ["E"]}, TypeError, 'or names by label such as {"E": "v"}, got \'E\''),
        ({"spikes": "X"}, ValueError, "Simulation: spikes: no population 'X'"),
        ({"spikes": 3}, TypeError, "Simulation: spikes must be a name or names, got 3"),
    ],
)
def test_bad_choices_come_before_the_build(options, error, text, monkeypatch):
    monkeypatch.setattr("cusnn.simulation.simulate.plan", None)
    with pytest.raises(error, match=text):
        Simulation(lively(), backend="numpy", threads=1, **options)


def test_samples_that_do_not_fit(monkeypatch):
    simulation = Simulation(lively(), backend="numpy", threads=1, record={"E": ("v", "i")})
    monkeypatch.setattr(memory, "available_bytes", lambda: 10**9)
    text = r"samples of the state need 6\.56 GB, 1\.00 GB are available; record fewer neurons"
    with pytest.raises(MemoryError, match=text):
        simulation.run(1e6)
    assert simulation.step == 0


def test_calls_hold_no_more_samples_than_there_is_room_for(whole, monkeypatch):
    """31 numbers every third step: two samples, six steps."""
    monkeypatch.setattr(record, "MOST_SAMPLES", 80)
    chosen = Record("E", "v", neurons=range(31), every=0.3)
    simulation = Simulation(lively(), backend="numpy", threads=1, record=chosen)
    advance, lengths = simulation._layout.advance, []

    def spy(steps, *arguments):
        lengths.append(steps)
        return advance(steps, *arguments)

    monkeypatch.setattr(simulation._layout, "advance", spy)
    values = simulation.run(12.0).states["E"]["v"]
    assert set(lengths) == {6}
    np.testing.assert_array_equal(values[:, [3, 0]], whole.states["E"]["v"][:, 1:])


def test_no_such_variable():
    states = Simulation(lively(), backend="numpy", threads=1, record={"E": "v"}).run(0.1).states
    with pytest.raises(ValueError, match=r"no variable 'i', there are \['v'\]"):
        states["E"]["i"]
