"""SONATA spike files: what the format asks for, and what comes back."""

import builtins
import sys
from dataclasses import replace

import numpy as np
import pytest
from conftest import skip

from cusnn.simulation import Result

try:
    import h5py
except ImportError:
    h5py = None

SLICES = {"L4E": slice(0, 5), "L4I": slice(5, 8), "silent": slice(8, 10)}


@pytest.fixture(autouse=True)
def needs_h5py():
    if h5py is None:
        skip("sonata", "h5py is not installed")


def result() -> Result:
    """Sorted by (time, neuron), as results are."""
    return Result(
        steps=np.array([9, 9, 10, 12, 30]),
        neurons=np.array([1, 6, 4, 5, 1], np.int32),
        slices=SLICES,
        dt=0.1,
        first_step=9,
        n_steps=25,
        events=7,
        wall_s=0.5,
        about={"backend": "numpy"},
    )


def other_file(path, trains, units="ms"):
    """A spike file as another simulator leaves it: no time step, no sorting."""
    with h5py.File(path, "w") as file:
        for label, (times, numbers) in trains.items():
            group = file.create_group(f"spikes/{label}")
            group["timestamps"] = np.asarray(times, np.float64)
            group["node_ids"] = np.asarray(numbers, np.uint64)
            if units is not None:
                group["timestamps"].attrs["units"] = units
    return path


def test_the_file_is_as_the_format_asks(tmp_path):
    result().save_sonata(tmp_path / "spikes.h5")
    with h5py.File(tmp_path / "spikes.h5") as file:
        assert file.attrs["magic"] == 0x0A7A
        assert file.attrs["magic"].dtype == np.uint32
        assert file.attrs["version"].tolist() == [0, 1]
        assert list(file["spikes"]) == list(SLICES)
        group = file["spikes/L4I"]
        names = h5py.check_enum_dtype(group.attrs.get_id("sorting").dtype)
        assert names == {"none": 0, "by_id": 1, "by_time": 2}
        assert group.attrs["sorting"] == names["by_time"]
        assert group["timestamps"].dtype == np.float64
        assert group["timestamps"].attrs["units"] == "ms"
        assert group["timestamps"][:] == pytest.approx([1.0, 1.3])
        assert group["node_ids"].dtype == np.uint64
        assert group["node_ids"][:].tolist() == [1, 0]
        assert file["spikes/silent/timestamps"].shape == (0,)


def test_what_was_saved_comes_back(tmp_path):
    saved = result()
    saved.save_sonata(tmp_path / "spikes.h5")
    loaded = Result.load_sonata(tmp_path / "spikes.h5")
    np.testing.assert_array_equal(loaded.steps, saved.steps)
    np.testing.assert_array_equal(loaded.neurons, saved.neurons)
    assert (loaded.steps.dtype, loaded.neurons.dtype) == (np.int64, np.int32)
    for name in ("slices", "dt", "first_step", "n_steps", "events", "wall_s", "about", "recorded"):
        assert getattr(loaded, name) == getattr(saved, name), name
    assert loaded.rates() == saved.rates()


def test_recorded_populations_come_back(tmp_path):
    replace(result(), recorded=("L4E", "L4I")).save_sonata(tmp_path / "spikes.h5")
    loaded = Result.load_sonata(tmp_path / "spikes.h5")
    assert loaded.recorded == ("L4E", "L4I")
    with pytest.raises(ValueError, match="were not recorded"):
        loaded.spikes_of("silent")


def test_late_times_keep_their_step(tmp_path):
    steps = np.arange(0, 9_000_000, 8999)
    neurons = np.zeros(steps.size, np.int32)
    saved = replace(result(), steps=steps, neurons=neurons, first_step=0, n_steps=9_000_000)
    saved.save_sonata(tmp_path / "spikes.h5")
    np.testing.assert_array_equal(Result.load_sonata(tmp_path / "spikes.h5").steps, steps)


@pytest.mark.parametrize(("units", "factor"), [("ms", 1.0), ("s", 0.001), (None, 1.0)])
def test_a_file_of_another_simulator(tmp_path, units, factor):
    # By id, and two populations: comes back by (time, neuron).
    trains = {
        "a": (np.array([2.0, 5.5, 0.5]) * factor, [0, 0, 3]),
        "b": (np.array([2.0, 0.5]) * factor, [1, 1]),
    }
    path = other_file(tmp_path / "o.h5", trains, units)
    loaded = Result.load_sonata(path, dt=0.5)
    assert loaded.steps.tolist() == [0, 0, 3, 3, 10]
    assert loaded.neurons.tolist() == [3, 5, 0, 5, 0]
    assert loaded.slices == {"a": slice(0, 4), "b": slice(4, 6)}
    assert (loaded.first_step, loaded.n_steps) == (0, 11)
    sized = Result.load_sonata(path, dt=0.5, sizes={"b": 10, "a": 7})
    assert sized.slices == {"b": slice(0, 10), "a": slice(10, 17)}
    assert sized.neurons.tolist() == [1, 13, 1, 10, 10]


def test_a_file_without_spikes(tmp_path):
    loaded = Result.load_sonata(other_file(tmp_path / "o.h5", {"a": ([], [])}), dt=0.1)
    assert (loaded.steps.size, loaded.n_steps) == (0, 0)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({}, "names no time step; give dt"),
        ({"dt": -0.1}, "names no time step"),
        ({"dt": 0.4}, "multiples of dt=0.4 ms, population 'a' has 0.5 ms"),
        ({"dt": 0.5, "sizes": {"a": 3}}, "'a' at least 4 neurons, got 3"),
        ({"dt": 0.5, "sizes": {"c": 9}}, "'a' at least 4 neurons, got None"),
    ],
)
def test_what_does_not_fit(tmp_path, changes, text):
    path = other_file(tmp_path / "o.h5", {"a": ([2.0, 0.5], [0, 3])})
    with pytest.raises(ValueError, match=text):
        Result.load_sonata(path, **changes)


@pytest.mark.parametrize(
    ("train", "units", "text"),
    [
        (([1.0], [0, 1]), "ms", "as many node_ids as timestamps, got 2 and 1"),
        (([1.0], [0]), "fortnights", "units of timestamps must be one of .*'fortnights'"),
        (([0.0], [0]), "ms", "positive multiples .* has 0 ms"),
    ],
)
def test_bad_trains(tmp_path, train, units, text):
    with pytest.raises(ValueError, match=text):
        Result.load_sonata(other_file(tmp_path / "o.h5", {"a": train}, units), dt=1.0)


def test_files_of_another_kind(tmp_path):
    (tmp_path / "text.h5").write_text("spikes")
    with h5py.File(tmp_path / "hdf.h5", "w") as file:
        file["neurons"] = 1
    for name in ("text.h5", "hdf.h5"):
        with pytest.raises(ValueError, match="not a SONATA spike file"):
            Result.load_sonata(tmp_path / name)
    with pytest.raises(FileNotFoundError):
        Result.load_sonata(tmp_path / "none.h5")


def test_a_label_that_would_be_a_path(tmp_path):
    bad = replace(result(), slices={"L4/E": slice(0, 10)})
    with pytest.raises(ValueError, match="without '/', got 'L4/E'"):
        bad.save_sonata(tmp_path / "spikes.h5")
    assert not list(tmp_path.iterdir())


def test_without_h5py(tmp_path, monkeypatch):
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name.split(".")[0] == "h5py":
            raise ModuleNotFoundError(name)
        return real(name, *args, **kwargs)

    monkeypatch.delitem(sys.modules, "h5py")
    monkeypatch.setattr(builtins, "__import__", without)
    for act in (result().save_sonata, Result.load_sonata):
        with pytest.raises(ImportError, match=r'pip install "cusnn\[sonata\]"'):
            act(tmp_path / "spikes.h5")
