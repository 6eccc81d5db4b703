"""Statistics of spike trains, given as two arrays: times of spikes, and the neuron of each.

Times are in ms and in any order; neurons are numbered from 0. A window is [start, stop). Neurons
whose statistic is not defined get nan. Definitions are those of Elephant's ``statistics`` and
``spike_train_correlation``.

``Result.times`` are the ends of steps: a spike of the last step before b is stamped b, and belongs
to the window that starts there. The steps of a simulation from a to b are therefore the window
start=a + dt/2, stop=b + dt/2; ``Result.rates`` counts them without a window.
"""

from __future__ import annotations

import numpy as np

__all__ = [
    "correlation",
    "cv_isi",
    "fano_factor",
    "inter_spike_intervals",
    "pairs",
    "rates",
    "spike_counts",
]

# A time that lies this share of a bin below an edge belongs to the bin above: 3 * 0.1 is not 0.3.
EDGE = 1e-6
# Of one table, 32 GiB: what asks for more is a bin in the wrong unit.
MOST_COUNTS = 2**32


def rates(times, neurons, n_neurons: int, *, start: float, stop: float) -> np.ndarray:
    """Mean rate of each neuron in a window: spikes / (stop - start).

    ``Result.times`` are ends of steps: for the stretch from a to b of a simulation take
    start=a + dt/2, stop=b + dt/2, or ``Result.rates``, which gives a rate per population.

    Args:
        times: ms [n].
        neurons: int [n].
        n_neurons: number of neurons N.
        start, stop: the window [start, stop), ms.

    Returns:
        Hz, float64 [N].

    Raises:
        ValueError: an empty window, or neurons out of range.
    """
    counts = spike_counts(times, neurons, n_neurons, bin=stop - start, start=start, stop=stop)
    return counts[:, 0] * (1000.0 / (stop - start))


def inter_spike_intervals(times, neurons) -> tuple[np.ndarray, np.ndarray]:
    """Times between successive spikes of the same neuron.

    Args:
        times: ms [n].
        neurons: int [n].

    Returns:
        Intervals, ms [m], and the neuron of each, int [m], sorted by (neuron, time).
    """
    times, neurons = _trains(times, neurons)
    order = np.lexsort((times, neurons))
    times, neurons = times[order], neurons[order]
    same = neurons[1:] == neurons[:-1]
    return np.diff(times)[same], neurons[1:][same]


def cv_isi(times, neurons, n_neurons: int, *, min_intervals: int = 2) -> np.ndarray:
    """Coefficient of variation of the inter-spike intervals of each neuron.

        cv = sd(intervals) / mean(intervals), with sd**2 the mean squared deviation

    1 for a Poisson process, 0 for a clock.

    Args:
        times: ms [n].
        neurons: int [n].
        n_neurons: number of neurons N.
        min_intervals: neurons with fewer intervals get nan. With 1, a neuron of one interval
            gets 0.

    Returns:
        float64 [N].
    """
    times, neurons = _trains(times, neurons)
    _check_members(neurons, n_neurons)
    intervals, owners = inter_spike_intervals(times, neurons)
    number = np.bincount(owners, minlength=n_neurons)
    mean = _divide(np.bincount(owners, intervals, n_neurons), number)
    squares = np.bincount(owners, (intervals - mean[owners]) ** 2, n_neurons)
    cv = _divide(np.sqrt(_divide(squares, number)), mean)
    cv[number < max(1, min_intervals)] = np.nan
    return cv


def spike_counts(
    times, neurons, n_neurons: int, *, bin: float, start: float, stop: float
) -> np.ndarray:
    """Spikes of each neuron in each bin of a window.

    Args:
        times: ms [n].
        neurons: int [n].
        n_neurons: number of neurons N.
        bin: width, ms. What is left of the window after the last whole bin is not counted.
        start, stop: the window [start, stop), ms; dt/2 later than the stretch of a ``Result``,
            as for ``rates``.

    Returns:
        int64 [N, bins].

    Raises:
        ValueError: a window shorter than a bin or without end, more than 2**32 counts, or neurons
            out of range.
    """
    times, neurons = _trains(times, neurons)
    _check_members(neurons, n_neurons)
    n_bins = _number_of_bins(bin, start, stop, n_neurons)
    place = np.floor((times - start) / bin + EDGE)
    inside = (place >= 0) & (place < n_bins)
    cells = neurons[inside] * n_bins + place[inside].astype(np.int64)
    return np.bincount(cells, minlength=n_neurons * n_bins).reshape(n_neurons, n_bins)


def fano_factor(counts, axis: int = -1) -> np.ndarray:
    """Variance of spike counts over their mean; 1 for a Poisson process.

    Args:
        counts: as ``spike_counts`` returns them, or of one neuron over trials.
        axis: along which the counts vary; -1, over bins.

    Returns:
        float64, without that axis; nan where all counts are 0.
    """
    counts = np.asarray(counts, dtype=np.float64)
    if counts.shape[axis] == 0:
        return np.full(np.delete(counts.shape, axis), np.nan)
    return _divide(counts.var(axis=axis), counts.mean(axis=axis))


def correlation(counts) -> np.ndarray:
    """Pearson correlation of the spike counts of every pair of neurons.

    Args:
        counts: as ``spike_counts`` returns them [N, bins].

    Returns:
        float64 [N, N]; nan for neurons whose count never changes.
    """
    counts = np.asarray(counts, dtype=np.float64)
    if counts.ndim != 2 or counts.shape[1] == 0:
        raise ValueError(f"correlation: counts must be [N, bins], got shape {counts.shape}")
    deviation = counts - counts.mean(axis=1, keepdims=True)
    norm = np.sqrt((deviation**2).sum(axis=1))
    norm[np.ptp(counts, axis=1) == 0] = np.nan
    deviation /= norm[:, None]
    return np.clip(deviation @ deviation.T, -1.0, 1.0)


def pairs(matrix) -> np.ndarray:
    """Entries of a square matrix above its diagonal: each pair of neurons once."""
    matrix = np.asarray(matrix)
    return matrix[np.triu_indices(matrix.shape[0], 1)]


def _trains(times, neurons) -> tuple[np.ndarray, np.ndarray]:
    times = np.asarray(times, dtype=np.float64)
    neurons = np.asarray(neurons)
    if neurons.size and neurons.dtype.kind not in "iu":
        raise TypeError(f"neurons must be integers, got {neurons.dtype}")
    if times.ndim != 1 or times.shape != neurons.shape:
        raise ValueError(
            f"times and neurons must be lists of one length, got {times.shape} and {neurons.shape}"
        )
    if not np.isfinite(times).all():
        raise ValueError("times must be finite")
    return times, neurons.astype(np.int64)


def _number_of_bins(bin: float, start: float, stop: float, n_neurons: int) -> int:
    if not np.isfinite([bin, start, stop]).all():
        raise ValueError(
            f"spike_counts: bin, start and stop must be finite, got {bin:g}, {start:g} and "
            f"{stop:g} ms"
        )
    bins = (stop - start) / bin + EDGE if bin > 0 else 0.0
    if bins < 1:
        raise ValueError(
            f"spike_counts: the window from {start:g} to {stop:g} ms must hold at least one bin, "
            f"got bin={bin:g} ms"
        )
    if bins * n_neurons > MOST_COUNTS:
        raise ValueError(
            f"spike_counts: must be at most {MOST_COUNTS:,} counts, got {bins:.3g} bins of "
            f"{bin:g} ms for {n_neurons:,} neurons; take wider bins or a shorter window"
        )
    return int(bins)


def _check_members(neurons: np.ndarray, n_neurons: int) -> None:
    if n_neurons < 0:
        raise ValueError(f"n_neurons must be at least 0, got {n_neurons}")
    if neurons.size and not (0 <= neurons.min() and neurons.max() < n_neurons):
        raise ValueError(
            f"neurons must lie in 0 to {n_neurons - 1}, got {neurons.min()} to {neurons.max()}"
        )


def _divide(numerator, denominator) -> np.ndarray:
    """Quotient, nan where the denominator is 0."""
    numerator, denominator = np.broadcast_arrays(numerator, denominator)
    result = np.full(numerator.shape, np.nan)
    np.divide(numerator, denominator, out=result, where=denominator != 0)
    return result
