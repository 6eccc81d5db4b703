"""Every plot takes and returns its axes and draws what it was given."""

import builtins
import sys

import numpy as np
import pytest
from matplotlib.figure import Figure

from cusnn import plots, validation
from cusnn.plots import networks, style

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
        (2.0, 12, style.INHIBITORY),
        (2.5, 13, style.INHIBITORY),
        (9.0, 20, style.EXCITATORY),
        (4.0, 3, style.EXCITATORY),
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


def test_layers_of_a_network_without_layers(ax):
    plots.raster(ax, TIMES, NEURONS, {"E": slice(0, 20), "I": slice(20, 24)}, start=0, stop=10)
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["E", "I"]
    assert [plots.pretty(label) for label in ("E", "I", "L5I")] == ["E", "I", "L5 I"]


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


def test_distributions_say_what_they_count(ax):
    plots.distributions(ax, {"E": [1.0]}, ylabel="share of pairs")
    assert ax.get_ylabel() == "share of pairs"


def test_intervals_of_each_population(ax):
    # Neuron 0 fires every 10 ms and neuron 11 every 40, within the window.
    times = np.concatenate([np.arange(5.0, 100.0, 10.0), np.arange(15.0, 100.0, 40.0), [900.0]])
    neurons = np.array([0] * 10 + [11] * 3 + [0])
    assert plots.intervals(ax, times, neurons, SLICES, start=0.0, stop=100.0) is ax
    steps = {patch.get_label(): patch.get_data() for patch in ax.patches}
    assert set(steps) == {"L2/3 E", "L2/3 I"}
    for label, interval in (("L2/3 E", 10.0), ("L2/3 I", 40.0)):
        values, edges = steps[label].values, steps[label].edges
        (place,) = np.flatnonzero(values)
        assert values[place] == 1.0
        assert edges[place] <= interval * (1 + 1e-9) < edges[place + 1]
        assert edges[place + 1] / edges[place] == pytest.approx(10 ** (1 / 12))
    assert ax.get_xscale() == "log"
    assert ax.get_ylabel() == "share of intervals"


def test_intervals_of_silence(ax):
    assert plots.intervals(ax, [], np.zeros(0, int), SLICES, start=0.0, stop=9.0) is ax


def test_traces_are_stacked_to_one_scale(ax):
    times = np.array([0.1, 0.2, 0.3])
    values = np.array([[-65.0, 0.0], [-55.0, 2.0], [-60.0, 5.0]], np.float32)
    assert plots.traces(ax, times, values, neurons=[7, 3], name="v", unit="mV") is ax
    first, second, bar = (line.get_data() for line in ax.lines)
    assert first[0].tolist() == times.tolist()
    # Ten mV are 0.8 of the distance between traces; the first neuron is on top.
    assert first[1] == pytest.approx([1.0, 1.8, 1.4])
    assert second[1] == pytest.approx([0.0, 0.16, 0.4])
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["7", "3"]
    assert ax.get_yticks().tolist() == [1.4, 0.4]
    assert ax.texts[0].get_text() == "5 mV"
    assert np.ptp(bar[1]) == pytest.approx(0.4)
    assert ax.get_xlim() == (0.1, 0.3)


def test_traces_that_do_not_move(ax):
    assert plots.traces(ax, [0.1, 0.2], np.zeros((2, 3))) is ax
    assert plots.traces(ax, [], np.zeros((0, 2))) is ax


def test_traces_of_another_shape(ax):
    with pytest.raises(ValueError, match=r"\[T, n\] for 2 times, got shape \(3, 2\)"):
        plots.traces(ax, [0.1, 0.2], np.zeros((3, 2)))


def test_comparison_draws_both(ax):
    found = validation.Histogram.of([0.1, 0.1, 0.9], 0.1)
    reference = validation.Histogram.of([0.2, 0.6], 0.1)
    assert plots.comparison(ax, found, reference, width=0.5, names=("own", "NEST")) is ax
    own, other = ax.patches
    assert own.get_data().values == pytest.approx([2 / 3, 1 / 3])
    assert other.get_data().values == pytest.approx([0.5, 0.5])
    assert own.get_data().edges == pytest.approx([0.0, 0.5, 1.0])
    assert (own.get_fill(), other.get_fill()) == (True, False)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["own", "NEST"]
    assert ax.get_xlim() == pytest.approx((0.1 - 1.0, 0.9 + 1.0))


def test_comparison_with_nothing(ax):
    nothing = validation.Histogram.of([], 0.1)
    assert plots.comparison(ax, nothing, nothing, width=0.5) is ax
    assert ax.get_legend() is None


def a_validation(order=1):
    def one(seed, order=1):
        rng = np.random.default_rng(seed)
        times = np.cumsum(rng.gamma(order, 10.0 / order, (24, 200)), axis=1)
        neurons = np.repeat(np.arange(24), 200)
        return validation.distributions(times.ravel(), neurons, SLICES, 0.0, 1000.0, seed)

    return validation.compare(one(9, order), validation.Reference.of([one(s) for s in range(4)]))


def test_validation_draws_every_statistic(tmp_path):
    given = a_validation(order=9)
    drawn = plots.validation(given, reference_label="NEST", title="a title")
    assert len(drawn.axes) == 9
    for ax, one in zip(drawn.axes, given.comparisons, strict=True):
        text = ax.texts[0].get_text()
        assert text.startswith(f"{one.distance:.3f} ")
        assert text.endswith(f" {one.threshold:.3f}")
        assert ("≤" in text) == one.inside
        assert (ax.texts[0].get_color() == style.INK) == one.inside
        assert len(ax.patches) == 2
    assert [ax.get_ylabel() for ax in drawn.axes[::3]] == ["L2/3 E", "L2/3 I", "L4 E"]
    assert drawn.axes[7].get_xlabel() == "CV of inter-spike intervals"
    assert not given.inside
    drawn.savefig(tmp_path / "validation.png")


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
    assert len(result.axes) == 3
    result.savefig(tmp_path / "raster.png")
    assert (tmp_path / "raster.png").stat().st_size > 10_000


def test_without_matplotlib(monkeypatch):
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name.split(".")[0] == "matplotlib":
            raise ModuleNotFoundError(name)
        return real(name, *args, **kwargs)

    for name in [name for name in sys.modules if name.split(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(builtins, "__import__", without)
    for draw in (figure, lambda: plots.validation(a_validation())):
        with pytest.raises(ImportError, match=r'pip install "cusnn\[plot\]"'):
            draw()


@pytest.mark.parametrize(
    ("n", "text"), [(1, "1st"), (2, "2nd"), (3, "3rd"), (4, "4th"), (11, "11th"), (22, "22nd")]
)
def test_ordinals(n, text):
    assert networks._ordinal(n) == text


@pytest.mark.parametrize(
    ("label", "text", "layer"),
    [
        ("LIF", "LIF", "LIF"),
        ("MEC", "MEC", "MEC"),
        ("PIE", "PIE", "PIE"),
        ("coreE", "core E", "core"),
        ("L23I", "L2/3 I", "L23"),
        ("L6E", "L6 E", "L6"),
        ("Ex", "Ex", "Ex"),
        ("CA1E", "CA1 E", "CA1"),
        ("L230E", "L230 E", "L230"),
    ],
)
def test_labels_of_users(label, text, layer):
    assert plots.pretty(label) == text
    assert style.layer_of(label) == layer


def test_rates_that_are_not_known(ax):
    given = {"E": np.nan, "I": 4.0, "X": np.inf}
    assert plots.rates(ax, given, {"E": 2.0}) is ax
    assert ax.get_xlim() == pytest.approx((0.0, 1.22 * 4.0))
    marks = ax.lines[0].get_xdata()
    assert marks[0] == 2.0
    assert np.isnan(marks[1:]).all()
    assert [text.get_text() for text in ax.texts] == ["nan", "4.00", "inf"]
    assert [text.get_position()[0] for text in ax.texts] == pytest.approx([2.16, 4.16, 0.16])
    ax.figure.canvas.draw()


def test_raster_without_populations(ax):
    with pytest.raises(ValueError, match="raster: slices must name at least one population"):
        plots.raster(ax, TIMES, NEURONS, {}, start=0.0, stop=10.0)


def test_traces_with_gaps(ax):
    values = np.array([[np.nan, np.nan], [-55.0, np.nan], [-60.0, np.nan], [np.inf, np.nan]])
    assert plots.traces(ax, [0.1, 0.2, 0.3, 0.4], values) is ax
    first, second, _ = (line.get_ydata() for line in ax.lines)
    assert first == pytest.approx([np.nan, 1.8, 1.0, np.nan], nan_ok=True)
    assert np.isnan(second).all()
    assert ax.texts[0].get_text() == "2 mV"
    ax.figure.canvas.draw()


@pytest.mark.parametrize("n", [1, 2, 8])
def test_legend_of_distributions_lies_above_the_bins(n):
    ax = Figure(figsize=(5, 3.5)).add_subplot()
    plots.distributions(ax, {f"L{k}E": [0.5] * 9 + [0.1] for k in range(n)}, bins=[0, 0.2, 0.8, 1])
    ax.figure.canvas.draw()
    low = ax.get_legend().get_window_extent().y0
    assert low >= ax.transData.transform((0.5, 0.9))[1]
    styles = [(patch.get_linestyle(), patch.get_alpha()) for patch in ax.patches]
    assert len(set(styles)) == n
    assert len({style for style, _ in styles}) == min(n, 4)


def test_learning_curves_are_those_given(ax):
    curves = {"training": [0.5, 0.75, 0.9], "test": None}
    assert plots.learning_curve(ax, [1, 2, 3], curves, ylabel="share") is ax
    (line,) = ax.lines
    np.testing.assert_array_equal(line.get_xydata(), [[1, 0.5], [2, 0.75], [3, 0.9]])
    assert line.get_label() == "training"
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("epoch", "share")


@pytest.mark.parametrize(
    ("matrix", "columns"),
    [
        ([[3, 1], [0, 4]], ["a", "b"]),
        ([[3, 1, 0], [0, 4, 0]], ["a", "b"]),
        ([[3, 1, 0], [0, 2, 2]], ["a", "b", "none"]),
    ],
)
def test_confusions_show_every_count(ax, matrix, columns):
    assert plots.confusion_matrix(ax, matrix, ("a", "b")) is ax
    shown = {(t.get_position()[1], t.get_position()[0]): int(t.get_text()) for t in ax.texts}
    assert shown == {
        (row, column): count
        for row, counts in enumerate(matrix)
        for column, count in enumerate(counts)
        if count
    }
    assert [tick.get_text() for tick in ax.get_xticklabels()] == columns
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["a", "b"]


def test_confusions_of_another_shape_are_refused(ax):
    with pytest.raises(ValueError, match=r"must be \[2, 2\] or \[2, 3\], got \[3, 3\]"):
        plots.confusion_matrix(ax, np.eye(3, dtype=int), ("a", "b"))
