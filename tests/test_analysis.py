"""Statistics of spike trains against mathematics."""

import numpy as np
import pytest

from cusnn import analysis
from cusnn.simulation import Result

# Neuron 0 fires at 1, 3, 7 ms; 1 never; 2 once; 3 at 2 and 6 ms.
TIMES = np.array([7.0, 2.0, 1.0, 4.0, 3.0, 6.0])
NEURONS = np.array([0, 3, 0, 2, 0, 3])


def test_intervals_by_hand():
    intervals, owners = analysis.inter_spike_intervals(TIMES, NEURONS)
    assert intervals.tolist() == [2.0, 4.0, 4.0]
    assert owners.tolist() == [0, 0, 3]


def test_cv_by_hand():
    # Intervals 2 and 4: mean 3, standard deviation 1.
    cv = analysis.cv_isi(TIMES, NEURONS, 4)
    assert cv[0] == pytest.approx(1 / 3)
    assert np.isnan(cv[1:]).all()
    assert analysis.cv_isi(TIMES, NEURONS, 4, min_intervals=1)[3] == 0.0
    assert np.isnan(analysis.cv_isi(TIMES, NEURONS, 4, min_intervals=3)).all()


def test_rates_by_hand():
    rates = analysis.rates(TIMES, NEURONS, 5, start=2.0, stop=6.0)
    assert rates.tolist() == [250.0, 0.0, 250.0, 250.0, 0.0]


def test_counts_by_hand():
    counts = analysis.spike_counts(TIMES, NEURONS, 4, bin=2.0, start=1.0, stop=8.0)
    assert counts.tolist() == [[1, 1, 0], [0, 0, 0], [0, 1, 0], [1, 0, 1]]


def test_a_time_on_an_edge_belongs_to_the_bin_above():
    steps = np.arange(1, 5000)
    counts = analysis.spike_counts(
        steps * 0.1, np.zeros_like(steps), 1, bin=0.1, start=0.1, stop=500.0
    )
    assert counts.shape == (1, 4999)
    assert (counts == 1).all()


def test_clock_and_poisson():
    rng = np.random.default_rng(1)
    n = 20_000
    times = np.concatenate([np.arange(n) * 5.0, np.cumsum(rng.exponential(5.0, n))])
    neurons = np.repeat([0, 1], n)
    cv = analysis.cv_isi(times, neurons, 2)
    assert cv[0] == pytest.approx(0.0, abs=1e-9)
    # The sd of the estimate is 1 / sqrt(n) for exponential intervals.
    assert cv[1] == pytest.approx(1.0, abs=5 / np.sqrt(n))
    counts = analysis.spike_counts(times, neurons, 2, bin=50.0, start=0.0, stop=90_000.0)
    fano = analysis.fano_factor(counts)
    assert fano[0] == 0.0
    assert fano[1] == pytest.approx(1.0, abs=5 * np.sqrt(2 / counts.shape[1]))
    rates = analysis.rates(times, neurons, 2, start=0.0, stop=90_000.0)
    assert rates[0] == pytest.approx(200.0)
    assert rates[1] == pytest.approx(200.0, rel=5 / np.sqrt(18_000))


def test_gamma_intervals():
    # CV of a gamma distribution of order k is 1 / sqrt(k).
    rng = np.random.default_rng(2)
    times = np.cumsum(rng.gamma(4.0, 2.0, 20_000))
    assert analysis.cv_isi(times, np.zeros(20_000, int), 1)[0] == pytest.approx(0.5, abs=0.02)


def test_fano_by_hand():
    counts = np.array([[1, 3, 2, 2], [0, 0, 0, 0], [5, 5, 5, 5]])
    fano = analysis.fano_factor(counts)
    assert fano[0] == pytest.approx(0.25)
    assert np.isnan(fano[1])
    assert fano[2] == 0.0
    over_neurons = analysis.fano_factor(counts, axis=0)
    assert over_neurons[0] == pytest.approx(np.var([1, 0, 5]) / 2)
    assert analysis.fano_factor(np.array([2, 4])) == pytest.approx(1 / 3)
    assert np.isnan(analysis.fano_factor(np.zeros((3, 0)))).all()


def test_correlation_by_hand():
    counts = np.array([[0, 1, 0, 1], [0, 2, 0, 2], [1, 0, 1, 0], [1, 1, 1, 1], [0, 0, 1, 1]])
    matrix = analysis.correlation(counts)
    expected = np.array([[1, 1, -1, 0], [1, 1, -1, 0], [-1, -1, 1, 0], [0, 0, 0, 1]], float)
    kept = [0, 1, 2, 4]
    np.testing.assert_allclose(matrix[np.ix_(kept, kept)], expected, atol=1e-12)
    assert np.isnan(matrix[3]).all()
    assert np.isnan(matrix[:, 3]).all()


def test_correlation_equals_numpy():
    counts = np.random.default_rng(3).poisson(0.7, (33, 257))
    np.testing.assert_allclose(analysis.correlation(counts), np.corrcoef(counts), atol=1e-12)


def test_pairs_takes_each_pair_once():
    assert analysis.pairs(np.arange(9).reshape(3, 3)).tolist() == [1, 2, 5]
    assert analysis.pairs(np.ones((1, 1))).size == 0


def test_order_of_spikes_does_not_matter():
    rng = np.random.default_rng(4)
    times, neurons = rng.uniform(0, 1000, 5000), rng.integers(0, 257, 5000)
    order = rng.permutation(5000)
    first = analysis.cv_isi(times, neurons, 257)
    second = analysis.cv_isi(times[order], neurons[order], 257)
    np.testing.assert_array_equal(first, second)
    brute = [
        np.std(d) / np.mean(d) if len(d) > 1 else np.nan
        for d in (np.diff(np.sort(times[neurons == n])) for n in range(257))
    ]
    np.testing.assert_allclose(first, brute, rtol=1e-12)


def test_no_spikes_at_all():
    nothing = np.zeros(0)
    assert np.isnan(analysis.cv_isi(nothing, nothing, 3)).all()
    assert analysis.rates(nothing, nothing, 3, start=0, stop=10).tolist() == [0, 0, 0]
    assert analysis.inter_spike_intervals(nothing, nothing)[0].size == 0
    assert analysis.spike_counts(nothing, nothing, 0, bin=1, start=0, stop=2).shape == (0, 2)


@pytest.mark.parametrize(
    ("times", "neurons", "kind", "text"),
    [
        ([1.0], [0, 1], ValueError, "one length"),
        ([1.0], [0.5], TypeError, "integers, got float64"),
        ([np.nan], [0], ValueError, "finite"),
        ([1.0], [4], ValueError, "0 to 3, got 4"),
        ([1.0], [-1], ValueError, "0 to 3, got -1"),
    ],
)
def test_bad_trains(times, neurons, kind, text):
    with pytest.raises(kind, match=text):
        analysis.spike_counts(times, neurons, 4, bin=1.0, start=0.0, stop=10.0)


@pytest.mark.parametrize(("bin", "stop"), [(0.0, 10.0), (20.0, 10.0), (1.0, 0.0)])
def test_bad_window(bin, stop):
    with pytest.raises(ValueError, match="at least one bin"):
        analysis.spike_counts(TIMES, NEURONS, 4, bin=bin, start=0.0, stop=stop)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"stop": np.inf}, "must be finite, got 1, 0 and inf ms"),
        ({"start": -np.inf}, "must be finite, got 1, -inf and 10 ms"),
        ({"bin": np.nan}, "must be finite, got nan, 0 and 10 ms"),
        (
            {"bin": 1e-15},
            "4,294,967,296 counts, got 1e\\+16 bins of 1e-15 ms for 4 neurons",
        ),
        ({"n_neurons": -1}, "n_neurons must be at least 0, got -1"),
    ],
)
def test_bad_request(changes, text):
    settings = {"n_neurons": 4, "bin": 1.0, "start": 0.0, "stop": 10.0, **changes}
    with pytest.raises(ValueError, match=text):
        analysis.spike_counts([1.0], [0], **settings)


def test_cv_of_fewer_than_no_neurons():
    with pytest.raises(ValueError, match="n_neurons must be at least 0, got -2"):
        analysis.cv_isi([], [], -2)


def test_a_stretch_of_a_result_is_a_window_half_a_step_later():
    """One spike in each step of 0.1 ms from 5 to 15 ms: stamped 5.1, 5.2, ..., 15.0."""
    steps = np.arange(50, 150)
    result = Result(steps, np.zeros_like(steps), {"E": slice(0, 1)}, 0.1, 50, 100)
    half = result.dt / 2

    def rate(start, stop):
        return analysis.rates(result.times, result.neurons, 1, start=start, stop=stop)[0]

    assert rate(5.0 + half, 15.0 + half) == pytest.approx(result.rates()["E"], rel=1e-12)
    assert rate(7.0 + half, 15.0 + half) == pytest.approx(result.rates(skip_ms=2.0)["E"])
    # The bare window leaves out the spike of the last step, and here no step ends at its start.
    assert rate(5.0, 15.0) == pytest.approx(9_900.0)


def test_bad_counts():
    with pytest.raises(ValueError, match=r"\[N, bins\]"):
        analysis.correlation(np.zeros(5))


def test_cv_needs_members():
    with pytest.raises(ValueError, match="0 to 1"):
        analysis.cv_isi(TIMES, NEURONS, 2)
