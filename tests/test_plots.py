"""Every plot takes and returns its axes and draws what it was given."""

import builtins
import sys

import numpy as np
import pytest
from matplotlib.figure import Figure

from cusnn import plots

SLICES = {"L23E": slice(0, 10), "L23I": slice(10, 14), "L4E": slice(14, 24)}
TIMES = np.array([1.0, 2.0, 2.5, 9.0, 30.0, 4.0])
NEURONS = np.array([0, 12, 13, 20, 23, 3])


@pytest.fixture
def ax():
    return Figure().add_subplot()


def drawn(ax):
    """Spikes on the picture, with their colour."""
    return {
        (float(x), int(y), line.get_color())
        for line in ax.lines
        if line.get_marker() == "o"
        for x, y in zip(*line.get_data(), strict=True)
    }


def test_raster_draws_each_spike_of_the_window(ax):
    assert plots.raster(ax, TIMES, NEURONS, SLICES, start=2.0, stop=10.0) is ax
    assert drawn(ax) == {
        (2.0, 12, plots.INHIBITORY),
        (2.5, 13, plots.INHIBITORY),
        (9.0, 20, plots.EXCITATORY),
        (4.0, 3, plots.EXCITATORY),
    }
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["L2/3", "L4"]
    assert ax.get_yticks().tolist() == [7.0, 19.0]
    assert ax.get_ylim() == (24, 0)
    assert ax.get_title(loc="left") == "spikes"


def test_raster_thins_neurons_and_says_so(ax):
    neurons = np.tile(np.arange(24), 10)
    times = np.repeat(np.arange(10.0), 24)
    plots.raster(ax, times, neurons, SLICES, start=0.0, stop=10.0, max_spikes=80)
    assert len(drawn(ax)) == 80
    assert {y for _, y, _ in drawn(ax)} == set(range(0, 24, 3))
    assert ax.get_title(loc="left") == "spikes of every 3rd neuron"


def test_population_rate_counts(ax):
    assert plots.population_rate(ax, TIMES, NEURONS, SLICES, start=0, stop=10, bin=5.0) is ax
    steps = {patch.get_label(): patch.get_data().values for patch in ax.patches}
    # 20 excitatory neurons: 2 spikes, then 1, in 5 ms; 4 inhibitory ones: 2, then 0.
    assert steps["excitatory"] == pytest.approx([20.0, 10.0])
    assert steps["inhibitory"] == pytest.approx([100.0, 0.0])


def test_population_rate_of_a_short_window(ax):
    plots.population_rate(ax, TIMES, NEURONS, {"E": slice(0, 24)}, start=0.0, stop=2.0)
    assert ax.patches[0].get_data().values == pytest.approx([1000 / (2 * 24)])


def test_rates_draws_bars_and_marks(ax):
    given = {"L23E": 1.0, "L23I": 4.0, "L4E": 2.0}
    reference = {"L4E": 3.0, "L23E": 1.5, "L23I": 5.0}
    assert plots.rates(ax, given, reference, "NEST") is ax
    assert [bar.get_width() for bar in ax.patches] == [1.0, 4.0, 2.0]
    assert list(ax.lines[0].get_xdata()) == [1.5, 5.0, 3.0]
    assert [text.get_text() for text in ax.texts] == ["1.00", "4.00", "2.00"]
    assert ax.get_legend().get_texts()[0].get_text() == "NEST"
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["L2/3 E", "L2/3 I", "L4 E"]


def test_rates_of_silence_without_reference(ax):
    assert plots.rates(ax, {"E": 0.0}) is ax
    assert ax.get_legend() is None


def test_distributions_are_shares_without_nan(ax):
    values = {"L4E": [0.1, 0.1, 0.9, np.nan], "L4I": [0.9], "L5E": []}
    assert plots.distributions(ax, values, bins=[0.0, 0.5, 1.0], xlabel="CV") is ax
    steps = {patch.get_label(): patch.get_data().values for patch in ax.patches}
    assert steps["L4 E"] == pytest.approx([2 / 3, 1 / 3])
    assert steps["L4 I"] == pytest.approx([0.0, 1.0])
    assert set(steps) == {"L4 E", "L4 I"}
    assert ax.get_xlabel() == "CV"


def test_distributions_of_nothing(ax):
    assert plots.distributions(ax, {"E": [np.nan]}) is ax


def figure(**changes):
    settings = {
        "start": 0.0,
        "stop": 10.0,
        "mean_rates": dict.fromkeys(SLICES, 1.0),
        "title": "a title",
        **changes,
    }
    return plots.activity(TIMES, NEURONS, SLICES, **settings)


def test_activity_composes_and_saves(tmp_path):
    result = figure(reference=dict.fromkeys(SLICES, 2.0))
    assert len(result.axes) == 3
    result.savefig(tmp_path / "raster.png")
    assert (tmp_path / "raster.png").stat().st_size > 10_000


def test_activity_of_no_spikes(tmp_path):
    result = plots.activity(
        np.zeros(0),
        np.zeros(0, int),
        SLICES,
        start=0.0,
        stop=1.0,
        mean_rates=dict.fromkeys(SLICES, 0.0),
    )
    result.savefig(tmp_path / "raster.png")


def test_without_matplotlib(monkeypatch):
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name.split(".")[0] == "matplotlib":
            raise ModuleNotFoundError(name)
        return real(name, *args, **kwargs)

    for name in [name for name in sys.modules if name.split(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError, match=r'pip install "cusnn\[plot\]"'):
        figure()


@pytest.mark.parametrize(
    ("n", "text"), [(1, "1st"), (2, "2nd"), (3, "3rd"), (4, "4th"), (11, "11th"), (22, "22nd")]
)
def test_ordinals(n, text):
    assert plots._ordinal(n) == text
