"""Checkpoints: what goes on is what would have been, and what is no checkpoint is refused."""

import json
import os
import signal
import stat

import numpy as np
import pytest

from cusnn.network import (
    FixedInDegree,
    FixedTotalNumber,
    FromList,
    Network,
    Normal,
    OneToOne,
    PoissonInput,
    Population,
    Projection,
    RateProfile,
    StepCurrent,
)
from cusnn.neurons import LIF, CubaLIF
from cusnn.simulation import Record, Result, Simulation, checkpoint, pace

ONCE = LIF(tau_mem=1e6, v_threshold=1.0, v_reset=0.0, t_refractory=1000.0, input="voltage")


def busy(seed=2):
    """Neurons that fire much, delays of 1 to 60 steps, a drive and a current that change."""
    return Network(
        (
            Population(71, CubaLIF(i_offset=520.0), "E", v=Normal(-58.0, 5.0)),
            Population(22, CubaLIF(i_offset=520.0), "I", v=Normal(-58.0, 5.0)),
        ),
        (
            Projection(
                "E", "E", FixedTotalNumber(900), Normal(88.0, 9.0, low=0.0), Normal(2.0, 1.5, 0.05)
            ),
            Projection("E", "I", FixedInDegree(20), Normal(88.0, 9.0, low=0.0), 1.5),
            Projection("I", "E", FixedInDegree(6), -350.0, Normal(0.8, 0.4, low=0.05)),
        ),
        (
            PoissonInput("E", RateProfile([0.0, 4.0, 9.0], [8.0, 16.0, 4.0]), 400, 88.0),
            StepCurrent("I", times=[5.0, 7.0], amplitudes=[90.0, -40.0]),
        ),
        seed=seed,
    )


def bits(result):
    return result.steps.tobytes(), result.neurons.tobytes(), result.events


def same(one, other):
    assert bits(one) == bits(other)
    for label, states in other.states.items():
        np.testing.assert_array_equal(one.states[label].steps, states.steps)
        for name, values in states.values.items():
            np.testing.assert_array_equal(one.states[label][name], values)


RECORD = (Record("E", ("i", "v"), neurons=(70, 2), every=0.3), Record("I"))
STRETCH = 15.0


@pytest.fixture(scope="module")
def whole():
    """One run, to compare others with."""
    result = Simulation(busy(), backend="numpy", threads=1, record=RECORD).run(STRETCH)
    assert result.neurons.size > 100
    return result


@pytest.fixture
def saved(tmp_path):
    """A file of 6.2 ms on the reference, and its simulation."""
    simulation = Simulation(busy(), backend="numpy", threads=2, record=RECORD)
    simulation.run(6.2)
    simulation.save(tmp_path / "run.npz")
    return tmp_path / "run.npz", simulation


@pytest.mark.parametrize("moment", [0.1, 4.0, 9.9])
@pytest.mark.parametrize(
    ("before", "after"),
    [
        (("numpy", 1), ("numpy", 3)),
        (("numpy", 2), ("numba", 1)),
        (("numba", 3), ("numba", 2)),
    ],
    ids=str,
)
def test_going_on_is_as_if_nothing_had_been(moment, before, after, whole, tmp_path):
    """On another backend, with other threads and tiles, at every stage of the drive."""
    first = Simulation(busy(), backend=before[0], threads=before[1], record=RECORD)
    first.run(moment)
    first.save(tmp_path / "run.npz")
    second = Simulation.load(tmp_path / "run.npz", backend=after[0], threads=after[1])
    assert (second.backend, second.threads) == after
    assert second.step == round(moment / 0.1)
    assert second.network == busy()
    result = second.run(STRETCH - moment)
    assert bits(result)[:2] == bits(tail(whole, moment))[:2]
    assert result.first_step == second.step - result.n_steps
    same(second.result(), whole)
    assert second.result().wall_s > result.wall_s


def tail(result, moment):
    """The spikes from a moment on."""
    late = result.steps >= round(moment / 0.1)
    return Result(result.steps[late], result.neurons[late], result.slices, result.dt, 0, 0)


def test_many_short_lives(whole, tmp_path):
    """Saved and loaded every few steps, on tiles of another number each time."""
    path = tmp_path / "run.npz"
    Simulation(busy(), backend="numpy", threads=1, record=RECORD).save(path)
    for life in range(10):
        simulation = Simulation.load(path, backend="numpy", threads=1 + life % 4)
        simulation.run(1.5)
        simulation.save(path)
        assert simulation.step == 15 * (life + 1)
    same(simulation.result(), whole)


@pytest.mark.parametrize("delay", [1, 2, 40])
def test_spikes_in_flight(delay, tmp_path):
    """The source fires in step 0; the file is written before the spike arrives, or just after."""
    net = Network(
        (Population(1, ONCE, "source", v=2.0), Population(1, ONCE, "target")),
        (Projection("source", "target", OneToOne(), 1.5, delay * 0.1),),
    )
    for steps in (1, delay, delay + 1):
        simulation = Simulation(net, backend="numpy", threads=2)
        simulation.run(steps * 0.1)
        simulation.save(tmp_path / "run.npz")
        again = Simulation.load(tmp_path / "run.npz", backend="numpy", threads=1)
        again.run(5.0)
        assert again.result().steps.tolist() == [0, delay]
        assert again.result().events == 1


def test_a_file_without_what_was_recorded(whole, tmp_path, saved):
    path, simulation = tmp_path / "small.npz", saved[1]
    simulation.save(path, recorded=False)
    assert path.stat().st_size < saved[0].stat().st_size
    again = Simulation.load(path, backend="numpy", threads=1)
    assert again.result().neurons.size == 0
    result = again.run(STRETCH - 6.2)
    assert again.result().first_step == result.first_step == 62
    assert bits(result) == bits(again.result())
    assert bits(result)[:2] == bits(tail(whole, 6.2))[:2]
    np.testing.assert_array_equal(result.states["I"]["v"], whole.states["I"]["v"][62:])
    assert result.events + simulation.result().events == whole.events


def test_another_record_begins_at_the_checkpoint(whole, saved):
    again = Simulation.load(saved[0], backend="numpy", threads=1, record={"I": "v"}, spikes="I")
    again.run(1.0)
    result = again.result()
    assert (result.first_step, result.n_steps) == (62, 10)
    assert list(result.states) == ["I"]
    np.testing.assert_array_equal(result.states["I"]["v"], whole.states["I"]["v"][62:72])
    within = (whole.steps >= 62) & (whole.steps < 72)
    np.testing.assert_array_equal(result.counts(), np.bincount(whole.neurons[within], minlength=93))
    assert again.run(0.0).events == 0


def test_counts_of_what_is_not_recorded_go_on(whole, tmp_path):
    simulation = Simulation(busy(), backend="numpy", threads=1, spikes="I")
    simulation.run(5.0)
    simulation.save(tmp_path / "run.npz")
    again = Simulation.load(tmp_path / "run.npz", backend="numpy", threads=1)
    again.run(STRETCH - 5.0)
    assert again.result().recorded == ("I",)
    np.testing.assert_array_equal(again.result().counts(), whole.counts())


def test_reset_of_what_was_loaded(whole, saved):
    """Also where it stood beyond the last change of its drive."""
    again = Simulation.load(saved[0], backend="numpy", threads=1)
    again.run(4.0)
    again.reset()
    assert again.step == 0
    same(again.run(STRETCH), whole)


# ------------------------------------------------------------------ checkpoints on the way


@pytest.fixture
def stops(monkeypatch):
    """Steps at which something was saved; calls of a few steps; Ctrl-C as in a terminal."""
    monkeypatch.setattr(pace, "MOST_STEPS_PER_CALL", 16)
    found, original = [], Simulation.save

    def save(self, path, **options):
        found.append(self.step)
        original(self, path, **options)

    monkeypatch.setattr(Simulation, "save", save)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield found
    signal.signal(signal.SIGINT, before)


def test_saves_on_the_way_and_at_the_end(stops, whole, tmp_path):
    path = tmp_path / "run.npz"
    simulation = Simulation(busy(), backend="numpy", threads=1, record=RECORD)
    simulation.run(0.7)
    assert stops == []
    simulation.run(6.0, checkpoint=path, checkpoint_every=2.5)
    assert stops == [32, 57, 67]
    simulation.run(0.6, checkpoint=path, checkpoint_every=0.3)
    assert stops[3:] == [70, 73]
    simulation.run(0.1, checkpoint=path)
    simulation.run(0.0, checkpoint=str(path))
    assert stops[5:] == [74, 74]
    simulation.run(STRETCH - 7.4)
    same(simulation.result(), whole)
    assert Simulation.load(path, backend="numpy", threads=1).step == 74


def test_ctrl_c_leaves_a_checkpoint(stops, whole, tmp_path):
    path = tmp_path / "run.npz"
    simulation = Simulation(busy(), backend="numpy", threads=1, record=RECORD)
    with pytest.raises(KeyboardInterrupt):
        simulation.run(
            STRETCH, progress=lambda *_: signal.raise_signal(signal.SIGINT), checkpoint=path
        )
    assert stops == [simulation.step]
    assert 0 < simulation.step < 150
    again = Simulation.load(path, backend="numpy", threads=3)
    again.run(STRETCH - again.step * 0.1)
    same(again.result(), whole)


def test_no_file_takes_the_place_of_a_pipe_or_device(tmp_path):
    """Which renaming would do, and leave a machine without its /dev/full, say."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    simulation = Simulation(busy(), backend="numpy", threads=1)
    for write in (
        lambda: simulation.run(1.0, checkpoint=pipe),
        lambda: simulation.save(pipe),
        lambda: simulation.network.save(pipe),
    ):
        with pytest.raises(OSError, match=r"pipe'? is a device or a pipe"):
            write()
    assert simulation.step == 0
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert os.listdir(tmp_path) == ["pipe"]


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"checkpoint_every": 1.0}, TypeError, "checkpoint_every needs checkpoint="),
        ({"checkpoint": "no/folder/run.npz"}, FileNotFoundError, "there is no such folder"),
        ({"checkpoint": ""}, IsADirectoryError, "checkpoint='' is a folder; name a file in it"),
        ({"checkpoint": "."}, IsADirectoryError, "checkpoint='.' is a folder; name a file in it"),
        ({"checkpoint": f"{'n' * 300}.npz"}, OSError, "^run: .* cannot be written: File name too"),
        ({"checkpoint": "run.npz", "checkpoint_every": 0.0}, ValueError, "must be at least dt"),
        ({"checkpoint": "run.npz", "checkpoint_every": 0.25}, ValueError, "a multiple of dt=0.1"),
        ({"checkpoint": "run.npz", "checkpoint_every": "1"}, ValueError, "a number of ms"),
    ],
)
def test_bad_orders(options, error, text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    simulation = Simulation(busy(), backend="numpy", threads=1)
    with pytest.raises(error, match=text):
        simulation.run(1.0, **options)
    assert simulation.step == 0
    assert os.listdir(tmp_path) == []


# ------------------------------------------------------------------ files


def test_written_whole_or_not_at_all(saved, monkeypatch):
    path, simulation = saved
    before, original = path.read_bytes(), np.savez

    def full(file, **arrays):
        original(file, header=arrays["header"])
        raise OSError("No space left on device")

    monkeypatch.setattr(checkpoint.np, "savez", full)
    simulation.run(0.1)
    with pytest.raises(OSError, match="No space left"):
        simulation.save(path)
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == ["run.npz"]


def test_an_error_names_the_file_that_was_asked_for(saved, tmp_path):
    for path in (tmp_path, tmp_path / "no" / "run.npz"):
        with pytest.raises(OSError, match=r"run\.npz|directory") as caught:
            saved[1].save(path)
        assert (caught.value.filename, caught.value.filename2) == (str(path), None)
        assert isinstance(caught.value, (IsADirectoryError, FileNotFoundError))
    assert os.listdir(tmp_path) == ["run.npz"]


def test_files_that_are_none(tmp_path, saved):
    with pytest.raises(FileNotFoundError):
        Simulation.load(tmp_path / "nowhere.npz")
    with pytest.raises(ValueError, match=f"{tmp_path.name} is not a whole checkpoint"):
        Simulation.load(tmp_path)
    text, empty, spikes, network = (tmp_path / name for name in ("text", "empty", "s.npz", "n.npz"))
    text.write_text("a checkpoint")
    empty.write_bytes(b"")
    saved[1].result().save(spikes)
    busy().save(network)
    for path in (text, empty, spikes, network):
        with pytest.raises(ValueError, match=f"{path.name} is not a whole checkpoint"):
            Simulation.load(path)


def test_files_cut_short(saved):
    path, _ = saved
    content = path.read_bytes()
    for length in (1, 100, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:length])
        with pytest.raises(ValueError, match="is not a whole checkpoint"):
            Simulation.load(path)


def test_flipped_bits(saved):
    """Each is refused, or lies where nothing is read from."""
    path, _ = saved
    content, rng = path.read_bytes(), np.random.default_rng(1)
    original, refused = checkpoint.read_checkpoint(path), 0
    for place in rng.integers(0, len(content), 150):
        changed = bytearray(content)
        changed[place] ^= 1 << int(rng.integers(8))
        path.write_bytes(changed)
        try:
            found = checkpoint.read_checkpoint(path)
        except ValueError as error:
            refused += "is damaged" in str(error) or "not a whole checkpoint" in str(error)
            continue
        for one, other in zip(found.moment, original.moment, strict=True):
            np.testing.assert_array_equal(one, other)
        assert (found.digest, found.cost) == (original.digest, original.cost)
        assert found.recorded.keys() == original.recorded.keys()
        for name, array in original.recorded.items():
            np.testing.assert_array_equal(found.recorded[name], array)
    assert refused > 100


def altered(path, header=None, **arrays):
    """A sound file with other content."""
    with np.load(path) as file:
        content = {name: file[name] for name in file.files}
    stored = {**json.loads(str(content["header"])), **(header or {})}
    np.savez(path, **{**content, **arrays, "header": json.dumps(stored)})


def test_another_version(saved):
    altered(saved[0], {"version": 2})
    with pytest.raises(ValueError, match="has version 2, this version of cusnn reads 1; load it"):
        Simulation.load(saved[0])


@pytest.mark.parametrize(
    "change",
    [
        {"flight_neurons": lambda a: np.where(np.arange(a.size) == 3, 93, a).astype(np.int32)},
        {"flight_neurons": lambda a: np.where(np.arange(a.size) == 3, -1, a).astype(np.int32)},
        {"flight_neurons": lambda a: a[1:]},
        {"flight_neurons": lambda a: a.astype(np.float32)},
        {"flight_steps": lambda a: a + 62},
        {"flight_steps": lambda a: a[::-1]},
        {"description": lambda a: a[100:]},
        {"state": lambda a: a[:, 1:]},
        {"state": lambda a: a.astype(np.float64)},
        {"recorded_totals": lambda a: a[1:]},
        {"recorded_steps": lambda a: a[1:]},
        {"recorded_samples": lambda a: a[:, 1:]},
    ],
    ids=lambda change: next(iter(change)),
)
def test_numbers_that_do_not_fit(change, saved):
    path, _ = saved
    with np.load(path) as file:
        arrays = {name: make(file[name]) for name, make in change.items()}
    altered(path, **arrays)
    with pytest.raises(ValueError, match=r"is damaged: .*; take an older checkpoint"):
        Simulation.load(path, backend="numpy", threads=1)


def test_missing_parts(saved):
    with np.load(saved[0]) as file:
        content = {name: file[name] for name in file.files if name != "flight_steps"}
    np.savez(saved[0], **content)
    with pytest.raises(ValueError, match="is damaged"):
        Simulation.load(saved[0])


def test_the_network_must_be_that_of_the_file(saved, monkeypatch):
    path, _ = saved
    assert Simulation.load(path, busy(), backend="numpy", threads=1).step == 62
    monkeypatch.setattr("cusnn.simulation.simulate.plan", None)
    text = r"is of another network: 93 neurons, .* seed 2, digest \w+; got 93 neurons, .* seed 3"
    with pytest.raises(ValueError, match=text):
        Simulation.load(path, busy(seed=3))
    with pytest.raises(TypeError, match="network must be a Network, got 3"):
        Simulation.load(path, 3)


def test_long_lists_are_not_stored(tmp_path, monkeypatch):
    net = Network(
        (Population(5, ONCE, "A", v=2.0),),
        (Projection("A", "A", FromList(np.arange(5), np.arange(5)[::-1]), 1.0, 1.0),),
    )
    path = tmp_path / "run.npz"
    Simulation(net, backend="numpy", threads=1).save(path)
    assert Simulation.load(path, backend="numpy", threads=1).network == net
    monkeypatch.setattr(checkpoint, "MOST_DESCRIPTION_BYTES", 10)
    Simulation(net, backend="numpy", threads=1).save(path)
    with pytest.raises(ValueError, match=r"holds no description, .* pass network=, that of 5 neur"):
        Simulation.load(path)
    assert Simulation.load(path, net, backend="numpy", threads=1).network == net
