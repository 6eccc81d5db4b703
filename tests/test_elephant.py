"""Every statistic has the value that Elephant gives it."""

import warnings

import numpy as np
import pytest
from conftest import skip

from cusnn import analysis

START, STOP = 100.0, 1100.0
# Neurons of a random train with edge cases: who never fires, fires once, twice, three times, or
# always with the same interval.
EMPTY, ONE, TWO, THREE, CLOCK, N = 3, 7, 11, 13, 17, 23


@pytest.fixture(scope="module")
def elephant():
    try:
        import elephant.conversion
        import elephant.spike_train_correlation
        import elephant.statistics
    except ImportError:
        skip("elephant", "elephant is not installed")
    return elephant


@pytest.fixture(scope="module", params=["continuous", "steps of 0.1 ms"])
def trains(request):
    """Sorted times in ms, a list per neuron."""
    rng = np.random.default_rng(5)
    found = [np.sort(rng.uniform(START, STOP, rng.poisson(20))) for _ in range(N)]
    found[EMPTY], found[ONE] = np.zeros(0), np.array([444.4])
    found[TWO], found[THREE] = np.array([200.0, 700.0]), np.array([150.0, 151.0, 1000.0])
    found[CLOCK] = np.arange(START + 5.0, STOP, 10.0)
    if request.param != "continuous":
        # Many of these lie on the edge of a bin, but for rounding.
        found = [np.unique(np.floor(train * 10)) * 0.1 for train in found]
    return found


@pytest.fixture(scope="module")
def spikes(trains):
    """The same as two arrays, in no order."""
    times, neurons = np.concatenate(trains), np.repeat(np.arange(N), [t.size for t in trains])
    order = np.random.default_rng(6).permutation(times.size)
    return times[order], neurons[order]


@pytest.fixture(scope="module")
def neo_trains(elephant, trains):
    import neo

    return [neo.SpikeTrain(t, t_start=START, t_stop=STOP, units="ms") for t in trains]


def quietly(function, *args, **kwargs):
    """Elephant warns of what is not defined."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        return function(*args, **kwargs)


def test_rates(elephant, neo_trains, spikes):
    ours = analysis.rates(*spikes, N, start=START, stop=STOP)
    theirs = [elephant.statistics.mean_firing_rate(t).rescale("Hz").item() for t in neo_trains]
    np.testing.assert_allclose(ours, theirs, rtol=1e-12)
    assert ours[EMPTY] == 0


def test_rates_of_a_part_of_the_window(elephant, neo_trains, spikes):
    import quantities as pq

    start, stop = 250.05, 800.05
    ours = analysis.rates(*spikes, N, start=start, stop=stop)
    theirs = [
        elephant.statistics.mean_firing_rate(t, t_start=start * pq.ms, t_stop=stop * pq.ms, axis=0)
        if len(t)
        else 0.0 / pq.ms
        for t in neo_trains
    ]
    theirs = [rate.rescale("Hz").item() for rate in theirs]
    np.testing.assert_allclose(ours, theirs, rtol=1e-12)


def test_intervals(elephant, trains, spikes):
    intervals, owners = analysis.inter_spike_intervals(*spikes)
    for neuron, train in enumerate(trains):
        theirs = elephant.statistics.isi(train)
        np.testing.assert_array_equal(intervals[owners == neuron], theirs)


def test_cv(elephant, trains, spikes):
    ours = analysis.cv_isi(*spikes, N, min_intervals=1)
    theirs = [quietly(elephant.statistics.cv, elephant.statistics.isi(t)) for t in trains]
    np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-12)
    assert np.isnan(ours[[EMPTY, ONE]]).all()
    assert ours[TWO] == 0
    # By default neurons of a single interval are left out.
    default = analysis.cv_isi(*spikes, N)
    assert np.isnan(default[TWO])
    np.testing.assert_array_equal(np.delete(default, TWO), np.delete(ours, TWO))


def test_counts(elephant, neo_trains, spikes):
    for width in (0.1, 1.0, 2.0, 50.0):
        ours = analysis.spike_counts(*spikes, N, bin=width, start=START, stop=STOP)
        np.testing.assert_array_equal(ours, binned(elephant, neo_trains, width).to_array())


def binned(elephant, neo_trains, width):
    import quantities as pq

    return quietly(elephant.conversion.BinnedSpikeTrain, neo_trains, bin_size=width * pq.ms)


def test_fano_factor_over_neurons(elephant, neo_trains, spikes):
    counts = analysis.spike_counts(*spikes, N, bin=STOP - START, start=START, stop=STOP)
    ours = analysis.fano_factor(counts, axis=0)
    np.testing.assert_allclose(ours, [elephant.statistics.fanofactor(neo_trains)], rtol=1e-12)


def test_fano_factor_over_windows(elephant, trains, spikes):
    counts = analysis.spike_counts(*spikes, N, bin=100.0, start=START, stop=STOP)
    edges = np.arange(START, STOP + 1, 100.0) - 1e-7
    theirs = [
        elephant.statistics.fanofactor(np.split(t, np.searchsorted(t, edges[1:-1]))) for t in trains
    ]
    ours = analysis.fano_factor(counts)
    np.testing.assert_allclose(ours, theirs, rtol=1e-12)
    assert np.isnan(ours[EMPTY])
    assert ours[CLOCK] == 0


@pytest.mark.parametrize("width", [2.0, 50.0])
@pytest.mark.parametrize("fast", [True, False])
def test_correlation(elephant, neo_trains, spikes, width, fast):
    counts = analysis.spike_counts(*spikes, N, bin=width, start=START, stop=STOP)
    ours = analysis.correlation(counts)
    theirs = quietly(
        elephant.spike_train_correlation.correlation_coefficient,
        binned(elephant, neo_trains, width),
        fast=fast,
    )
    # Elephant's sparse form divides rounding by rounding where a count never changes.
    constant = np.ptp(counts, axis=1) == 0
    assert constant[EMPTY]
    assert constant[CLOCK] == (width == 50.0)
    assert np.isnan(ours[constant]).all()
    assert np.isnan(theirs[EMPTY]).all()
    changing = np.ix_(~constant, ~constant)
    np.testing.assert_allclose(ours[changing], theirs[changing], rtol=1e-9, atol=1e-12)
