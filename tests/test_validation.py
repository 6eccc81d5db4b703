"""Distributions, their distances and references: against SciPy, by hand, and on known processes."""

import json
from dataclasses import replace

import numpy as np
import pytest
import scipy.stats

from cusnn import analysis, validation
from cusnn.simulation import Result
from cusnn.validation import Histogram, Reference, compare, distributions, ks_distance

SLICES = {"E": slice(0, 60), "I": slice(60, 80)}
START, STOP = 500.0, 2500.0


def spikes(seed, rate=20.0, order=1, until=STOP):
    """Gamma processes of the given order on a grid of 0.1 ms: CV 1 / sqrt(order)."""
    rng = np.random.default_rng(seed)
    intervals = rng.gamma(order, 1000.0 / rate / order, (80, int(4 * rate * until / 1000)))
    times = np.cumsum(intervals, axis=1)
    neurons, _ = np.nonzero(times < until)
    steps = np.floor(times[times < until] * 10).astype(np.int64)
    by_time = np.lexsort((neurons, steps))
    return steps[by_time], neurons[by_time]


def found(seed, **changes):
    steps, neurons = spikes(seed, **changes)
    return distributions((steps + 1) * 0.1, neurons, SLICES, START, STOP, seed)


def result(seed, first_step=0, n_steps=25_000, **changes):
    steps, neurons = spikes(seed, until=(first_step + n_steps) / 10, **changes)
    kept = steps >= first_step
    return Result(steps[kept], neurons[kept], SLICES, 0.1, first_step, n_steps)


@pytest.fixture(scope="module")
def reference():
    return Reference.of([found(seed) for seed in range(5)], {"simulator": "gamma", "seeds": 5})


# Distances


def test_distance_equals_scipy():
    rng = np.random.default_rng(1)
    for n, m in ((1, 1), (3, 1), (40, 7), (200, 301)):
        for draw in (rng.normal, lambda size: rng.integers(0, 4, size).astype(float)):
            first, second = draw(size=n), draw(size=m)
            expected = scipy.stats.ks_2samp(first, second).statistic
            assert ks_distance(first, second) == pytest.approx(expected, abs=1e-15)


def test_distance_by_hand():
    assert ks_distance([1.0, 2.0, np.nan], [2.0, 3.0]) == 0.5
    assert ks_distance([1.0], [2.0]) == 1.0
    assert ks_distance([2.0], [2.0]) == 0.0


@pytest.mark.parametrize(
    ("first", "second", "text"),
    [([], [1.0], "got 0 and 1"), ([1.0, 2.0], [np.nan], "got 2 and 0"), ([], [], "got 0 and 0")],
)
def test_distance_needs_numbers(first, second, text):
    with pytest.raises(ValueError, match=f"ks_distance: both samples must hold numbers, {text}"):
        ks_distance(first, second)


@pytest.mark.parametrize("resolution", [-1.0, 0.0, np.nan, np.inf])
def test_resolution_must_be_above_zero(resolution):
    with pytest.raises(ValueError, match="Histogram: resolution must be above 0, got"):
        Histogram.of([1.0], resolution)


def test_distance_of_histograms_is_that_of_rounded_samples():
    rng = np.random.default_rng(2)
    first, second = rng.normal(0, 1, 400), rng.normal(0.3, 1.2, 150)
    for resolution in (1e-4, 0.05, 1.0, 3.0):
        one, other = Histogram.of(first, resolution), Histogram.of(second, resolution)
        rounded = [np.floor(x / resolution + 0.5) * resolution for x in (first, second)]
        expected = scipy.stats.ks_2samp(*rounded).statistic
        assert one.distance(other) == other.distance(one) == pytest.approx(expected)
        assert one.distance_to_sample(second) == one.distance(other)
    assert Histogram.of(first, 1e-4).distance_to_sample(second) == pytest.approx(
        ks_distance(first, second), abs=1 / 150
    )


def test_distance_of_histograms_that_do_not_meet():
    low, high = Histogram.of([1.0, 2.0], 1.0), Histogram.of([9.0], 1.0)
    nothing = Histogram.of([np.nan], 1.0)
    assert low.distance(high) == high.distance(low) == 1.0
    assert nothing.distance(low) == low.distance(nothing) == 1.0
    assert nothing.distance(nothing) == 0.0
    with pytest.raises(ValueError, match=r"resolutions must be the same, got 1 and 0.5"):
        low.distance(Histogram.of([1.0], 0.5))


def test_histogram_by_hand():
    histogram = Histogram.of([-0.24, 0.26, 0.74, 0.5, np.nan], 0.5)
    assert histogram.values.tolist() == [0.0, 0.5]
    assert histogram.counts.tolist() == [1, 3]
    assert (histogram.size, histogram.mean) == (4, 0.375)
    shares, edges = Histogram.of([-0.1, 0.0, 0.3, 0.4, 0.9], 0.1).binned(0.3)
    assert shares == pytest.approx([0.2, 0.2, 0.4, 0.0, 0.2])
    assert edges == pytest.approx([-0.3, 0.0, 0.3, 0.6, 0.9, 1.2])
    assert Histogram.of([], 0.1).binned(0.3)[0].tolist() == [0.0]


# Distributions


def test_window_holds_the_steps_between_its_ends():
    # A spike at 10.0 ms ended the last step before the window, one at 20.0 its last step.
    times, slices = [10.0, 10.1, 20.0, 20.1, 15.0, 15.0], {"a": slice(0, 2), "b": slice(2, 3)}
    one = distributions(times, [0, 0, 0, 0, 1, 5], slices, 10.0, 20.0, correlation_bin_ms=5.0)
    assert one.values["a"]["rate"].tolist() == [200.0, 100.0]
    assert one.values["b"]["rate"].tolist() == [0.0]
    # In bins (10, 15] and (15, 20] neuron 0 counts 1, 1 and neuron 1 counts 1, 0.
    assert np.isnan(one.values["a"]["correlation"]).all()
    assert one.sizes == {"a": 2, "b": 1}
    assert one.undefined("a", "cv_isi") == 2
    assert one.undefined("a", "correlation") == 1
    assert one.values["b"]["correlation"].size == 0


def test_correlation_bins_hold_their_upper_edge():
    # Neuron 0 counts 1, 0, 1, 0 in bins (0, 2], (2, 4], ...; neuron 1 likewise, neuron 2 not.
    times = [2.0, 4.1, 0.1, 6.0, 2.1, 8.0]
    neurons = [0, 0, 1, 1, 2, 2]
    one = distributions(times, neurons, {"a": slice(0, 3)}, 0.0, 8.0)
    assert one.values["a"]["correlation"] == pytest.approx([1.0, -1.0, -1.0])


def test_values_are_those_of_analysis():
    steps, neurons = spikes(3)
    times = (steps + 1) * 0.1
    one = distributions(times, neurons, SLICES, START, STOP)
    kept = (times > START + 1e-6) & (times <= STOP + 1e-6)
    rates = np.bincount(neurons[kept], minlength=80) / 2.0
    cv = analysis.cv_isi(times[kept], neurons[kept], 80)
    for label, part in SLICES.items():
        np.testing.assert_allclose(one.values[label]["rate"], rates[part], rtol=1e-12)
        np.testing.assert_allclose(one.values[label]["cv_isi"], cv[part], rtol=1e-9)
        assert one.values[label]["correlation"].size == cv[part].size * (cv[part].size - 1) // 2


def test_correlations_of_a_sample_are_among_those_of_all():
    steps, neurons = spikes(4)
    times = (steps + 1) * 0.1
    everyone = distributions(times, neurons, SLICES, START, STOP).values["E"]["correlation"]
    some = [
        distributions(times, neurons, SLICES, START, STOP, seed, neurons_for_correlation=9)
        for seed in (1, 1, 2)
    ]
    first, again, other = (one.values["E"]["correlation"] for one in some)
    assert first.size == 36
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    assert np.isin(np.round(first, 12), np.round(everyone, 12)).all()


def test_only_some_statistics():
    steps, neurons = spikes(5)
    one = distributions(
        (steps + 1) * 0.1, neurons, SLICES, START, STOP, statistics=("cv_isi", "rate")
    )
    assert one.statistics == ("cv_isi", "rate")


def test_no_spikes():
    one = distributions([], np.zeros(0, int), SLICES, START, STOP)
    assert (one.values["E"]["rate"] == 0).all()
    assert one.undefined("E", "cv_isi") == 60
    assert one.undefined("E", "correlation") == 60 * 59 // 2


@pytest.mark.parametrize(
    ("changes", "kind", "text"),
    [
        ({"stop": 500.0}, ValueError, "got 500 to 500 ms"),
        ({"start": -1.0}, ValueError, "got -1 to 2500 ms"),
        ({"stop": np.nan}, ValueError, "got 500 to nan ms"),
        ({"slices": {}}, ValueError, "at least one population"),
        ({"statistics": ("rate", "fano")}, ValueError, "some of rate, cv_isi.*got 'fano'"),
        ({"statistics": ()}, ValueError, "got none"),
        ({"neurons": [0.0]}, TypeError, "integers, got float64"),
        ({"neurons": [0, 1]}, ValueError, "one length"),
        ({"correlation_bin_ms": 5000.0}, ValueError, "at least one bin"),
    ],
)
def test_bad_requests(changes, kind, text):
    given = {"times": [600.0], "neurons": [0], "slices": SLICES, "start": START, "stop": STOP}
    with pytest.raises(kind, match=text):
        distributions(**{**given, **changes})


# References


def test_distances_and_threshold_of_a_reference(reference):
    samples = [found(seed).values["E"]["cv_isi"] for seed in range(5)]
    expected = [ks_distance(samples[i], samples[j]) for i in range(5) for j in range(i + 1, 5)]
    distances = reference.distances("E", "cv_isi")
    # Rounding to 0.001 may move one of 60 neurons across the place of the largest difference.
    assert distances == pytest.approx(expected, abs=1.01 / 60)
    threshold = distances.mean() + 5.25 * np.std(distances, ddof=1)
    assert reference.threshold("E", "cv_isi") == pytest.approx(threshold)
    assert reference.n_seeds == 5
    assert reference.pooled("E", "rate").size == 300
    mean = np.mean([found(seed).values["E"]["rate"].mean() for seed in range(5)])
    assert reference.pooled("E", "rate").mean == pytest.approx(mean)


def test_rates_are_kept_exactly(reference):
    rates = found(3).values["I"]["rate"]
    histogram = reference.histograms["I"]["rate"][3]
    np.testing.assert_allclose(np.repeat(histogram.values, histogram.counts), np.sort(rates))


def test_a_reference_comes_back_from_its_file(reference, tmp_path):
    reference.save(tmp_path / "reference.npz")
    loaded = Reference.load(tmp_path / "reference.npz")
    for name in ("sizes", "start", "stop", "neurons_for_correlation", "about", "statistics"):
        assert getattr(loaded, name) == getattr(reference, name), name
    one = found(9)
    assert compare(one, loaded).to_dict() == compare(one, reference).to_dict()
    loaded.save(tmp_path / "again.npz")
    assert (tmp_path / "again.npz").read_bytes() == (tmp_path / "reference.npz").read_bytes()


def test_files_of_another_kind(reference, tmp_path):
    (tmp_path / "text.npz").write_text("histograms")
    np.savez(tmp_path / "numbers.npz", header=json.dumps({"format": "another"}))
    reference.save(tmp_path / "short.npz")
    with np.load(tmp_path / "short.npz") as file:
        arrays = dict(file)
    arrays["E/rate"] = arrays["E/rate"][1:]
    np.savez(tmp_path / "short.npz", **arrays)
    for name in ("text.npz", "numbers.npz", "short.npz"):
        with pytest.raises(ValueError, match="not a reference of cusnn"):
            Reference.load(tmp_path / name)
    with pytest.raises(FileNotFoundError):
        Reference.load(tmp_path / "none.npz")


def test_seeds_must_be_of_one_model():
    seeds = [found(seed) for seed in range(3)]
    with pytest.raises(ValueError, match="at least 3 seeds, got 2"):
        Reference.of(seeds[:2])
    times = np.zeros(0)
    none = np.zeros(0, int)
    other = distributions(times, none, {"E": slice(0, 60)}, START, STOP)
    with pytest.raises(ValueError, match=r"Reference: sizes must be .*'I': 20"):
        Reference.of([*seeds, other])
    other = distributions(times, none, SLICES, START, STOP + 1)
    with pytest.raises(ValueError, match=r"Reference: stop must be 2500.0, got 2501.0"):
        Reference.of([*seeds, other])
    other = distributions(times, none, SLICES, START, STOP, statistics=("rate",))
    with pytest.raises(ValueError, match="statistics must be the same"):
        Reference.of([*seeds, other])


# Comparisons


def test_the_same_process_is_inside(reference):
    validation_ = compare(result(77), reference)
    assert validation_.inside, validation_.table()
    assert len(validation_.comparisons) == 6
    # Longer runs are cut to the window of the reference.
    assert compare(result(77, n_steps=30_000), reference).comparisons


def test_distance_is_the_mean_over_seeds(reference):
    one = found(11)
    for c in compare(one, reference).comparisons:
        histogram = one.histogram(c.population, c.statistic)
        seeds = reference.histograms[c.population][c.statistic]
        assert c.distance == pytest.approx(np.mean([histogram.distance(s) for s in seeds]))
        assert c.threshold == reference.threshold(c.population, c.statistic)


def test_inside_ends_at_the_threshold(reference):
    ratios = []
    for rate in (20.0, 22.0, 23.0, 24.0):
        for c in compare(found(12, rate=rate), reference).comparisons:
            assert c.inside == (c.distance <= c.threshold)
            ratios.append(c.distance / c.threshold)
    assert any(0.8 < ratio < 1.0 for ratio in ratios)
    assert any(1.0 < ratio < 1.2 for ratio in ratios)


@pytest.mark.parametrize(
    ("changes", "statistic"), [({"rate": 24.0}, "rate"), ({"order": 2}, "cv_isi")]
)
def test_another_process_is_outside(reference, changes, statistic):
    outside = {
        (c.population, c.statistic)
        for c in compare(result(78, **changes), reference).comparisons
        if not c.inside
    }
    assert ("E", statistic) in outside


def test_correlated_neurons_are_outside(reference):
    steps, neurons = spikes(79)
    # A tenth of all spikes is moved to one of 40 common times.
    rng = np.random.default_rng(0)
    moved = rng.random(steps.size) < 0.1
    steps[moved] = rng.choice(rng.integers(5000, 25_000, 40), np.count_nonzero(moved))
    order = np.lexsort((neurons, steps))
    one = Result(steps[order], neurons[order], SLICES, 0.1, 0, 25_000)
    rows = {(c.population, c.statistic): c for c in compare(one, reference).comparisons}
    assert not rows["E", "correlation"].inside
    assert rows["E", "rate"].inside


def test_a_silent_network_is_outside(reference):
    silent = Result(np.zeros(0, int), np.zeros(0, np.int32), SLICES, 0.1, 0, 25_000)
    validation_ = compare(silent, reference)
    assert not any(c.inside for c in validation_.comparisons)
    assert all(c.distance == 1.0 for c in validation_.comparisons)
    numbers = json.loads(json.dumps(validation_.to_dict(), allow_nan=False))
    assert numbers["comparisons"][1]["mean"] is None
    assert numbers["comparisons"][1]["undefined"] == 60


def test_few_correct_runs_are_outside():
    # 400 runs of one process, five seeds each for the reference: about one in two hundred.
    rng = np.random.default_rng(6)
    outside = 0
    for _ in range(400):
        samples = [
            validation.Distributions({"a": {"cv_isi": rng.normal(1, 0.2, 200)}}, {"a": 200}, 0, 1)
            for _ in range(6)
        ]
        outside += not compare(samples[5], Reference.of(samples[:5])).inside
    assert outside <= 8


def test_table_and_numbers(reference):
    validation_ = compare(result(78, rate=30.0), reference)
    lines = validation_.table().splitlines()
    assert len(lines) == 7
    assert lines[1].split()[:4] == ["E", "rate", "60", "0"]
    assert lines[1].endswith("outside")
    numbers = validation_.to_dict()
    assert numbers["inside"] is False
    assert (numbers["start_ms"], numbers["stop_ms"], numbers["seeds"]) == (START, STOP, 5)
    assert numbers["reference"] == {"simulator": "gamma", "seeds": 5}
    assert numbers["comparisons"][0]["population"] == "E"
    json.dumps(numbers, allow_nan=False)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"n_steps": 24_999}, "result holds 0 to 2499.9 ms.*run 2500 ms"),
        ({"first_step": 5001, "n_steps": 20_000}, "result holds 500.1 to 2500.1 ms"),
    ],
)
def test_model_time_must_be_that_of_the_reference(reference, changes, text):
    with pytest.raises(ValueError, match=text):
        compare(result(1, **changes), reference)


def test_populations_must_be_those_of_the_reference(reference):
    other = Result(np.zeros(0, int), np.zeros(0, np.int32), {"E": slice(0, 80)}, 0.1, 0, 25_000)
    with pytest.raises(ValueError, match=r"compare: sizes must be .* the same model and options"):
        compare(other, reference)


def test_settings_must_be_those_of_the_reference(reference):
    steps, neurons = spikes(1)
    one = distributions((steps + 1) * 0.1, neurons, SLICES, START, STOP, neurons_for_correlation=30)
    with pytest.raises(ValueError, match="neurons_for_correlation must be 250, got 30"):
        compare(one, reference)


def test_all_spikes_are_needed(reference):
    with pytest.raises(ValueError, match="spikes of all populations, the result has those of"):
        compare(replace(result(1), recorded=("E",)), reference)
