"""Whether a network's activity is that of a reference: distributions and their distances.

    found = distributions(times, neurons, slices, start=500.0, stop=5500.0)
    reference = Reference.of([found_of_seed_1, found_of_seed_2, ...], about={"simulator": "..."})
    reference.save("reference.npz"); Reference.load("reference.npz")
    validation = compare(result, reference)      # a Result of the same model, warm-up and time
    validation.inside, validation.table(), validation.to_dict()

Three numbers per population, with the definitions of the reference data of Potjans and Diesmann's
microcircuit: the mean rate of each neuron, the coefficient of variation of its inter-spike
intervals (of three spikes or more), and the correlation of spike counts in bins of 2 ms for each
pair of 250 neurons taken at random. How far apart two distributions are is the Kolmogorov-Smirnov
distance, the largest difference of their cumulative distributions.

No two runs with different random numbers agree exactly. A reference therefore holds several seeds,
and a statistic is inside where its mean distance to them is at most

    mean + 3 (n + 2) / (n - 1) sd

of the distances between the n seeds themselves. The factor, 3 for many seeds and 5.25 for five,
allows for the mean and sd of few seeds being uncertain. Simulated with five seeds of normal samples
whose means vary between seeds by none to a tenth of their spread, 0.2 to 1.1% of correct statistics
lie outside, and 2 to 3% would with a factor of 3. Of 24 statistics one may thus be outside now and
then; it should not be with other seeds too. Distances shrink as model time grows, so warm-up and
model time must be the reference's.

Source: Dasbach et al. (2021), doi:10.3389/fnins.2021.757790; Senk et al. (2026),
doi:10.1088/2634-4386/ae379a, and the repository INM-6/microcircuit-PD14-model.
"""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass, field

import numpy as np

from cusnn import analysis

__all__ = [
    "STATISTICS",
    "Comparison",
    "Distributions",
    "Histogram",
    "Reference",
    "Validation",
    "compare",
    "distributions",
    "ks_distance",
]

FORMAT = "cusnn-reference-1"
STATISTICS = ("rate", "cv_isi", "correlation")
# Histograms keep values rounded to a multiple of this; a rate is kept as its number of spikes.
RESOLUTIONS = {"cv_isi": 0.001, "correlation": 0.0002}
NEURONS_FOR_CORRELATION, CORRELATION_BIN_MS = 250, 2.0
FEWEST_SEEDS = 3
# Of a millisecond: times that differ by less are the same.
SAME_TIME_MS = 1e-6


def ks_distance(first, second) -> float:
    """Kolmogorov-Smirnov distance of two samples: the largest |F_first(x) - F_second(x)|.

    Args:
        first, second: numbers [n], [m]; nan and infinities are left out.

    Returns:
        0 to 1.

    Raises:
        ValueError: a sample without numbers.
    """
    first, second = (np.sort(_defined(sample)) for sample in (first, second))
    if first.size == 0 or second.size == 0:
        raise ValueError(
            f"ks_distance: both samples must hold numbers, got {first.size} and {second.size} "
            f"that are finite; Histogram.distance calls an empty sample 1 from any other"
        )
    places = np.concatenate([first, second])
    shares = [np.searchsorted(s, places, side="right") / s.size for s in (first, second)]
    return float(np.abs(shares[0] - shares[1]).max())


@dataclass(frozen=True, eq=False)
class Histogram:
    """How often each multiple of ``resolution`` occurred, once values are rounded to one.

    Attributes:
        resolution: distance of neighbouring values.
        first: the lowest value is first * resolution.
        counts: int64 [bins].
    """

    resolution: float
    first: int
    counts: np.ndarray

    @classmethod
    def of(cls, values, resolution: float) -> Histogram:
        """Histogram of numbers; nan and infinities are left out.

        Raises:
            ValueError: a resolution that is not above 0.
        """
        if not 0 < resolution < np.inf:
            raise ValueError(f"Histogram: resolution must be above 0, got {resolution:g}")
        places = np.floor(_defined(values) / resolution + 0.5).astype(np.int64)
        if places.size == 0:
            return cls(resolution, 0, np.zeros(0, np.int64))
        return cls(resolution, int(places.min()), np.bincount(places - places.min()))

    @property
    def size(self) -> int:
        """Number of values."""
        return int(self.counts.sum())

    @property
    def values(self) -> np.ndarray:
        """The value of each bin, float64 [bins]."""
        return (self.first + np.arange(self.counts.size)) * self.resolution

    @property
    def mean(self) -> float:
        """Mean of the rounded values; nan where there are none."""
        return float(self.values @ self.counts / self.size) if self.size else float("nan")

    def distance(self, other: Histogram) -> float:
        """Kolmogorov-Smirnov distance to a histogram of the same resolution.

        That of the rounded values; 1 where one of the two is empty, 0 where both are.
        """
        if not np.isclose(self.resolution, other.resolution, rtol=1e-9, atol=0):
            raise ValueError(
                f"Histogram: resolutions must be the same, got {self.resolution:g} and "
                f"{other.resolution:g}"
            )
        if self.size == 0 or other.size == 0:
            return float(self.size != other.size)
        first = min(self.first, other.first)
        last = max(h.first + h.counts.size for h in (self, other))
        cumulative = [h._within(first, last).cumsum() / h.size for h in (self, other)]
        return float(np.abs(cumulative[0] - cumulative[1]).max())

    def distance_to_sample(self, values) -> float:
        """Kolmogorov-Smirnov distance to a sample, whose values are rounded first."""
        return self.distance(Histogram.of(values, self.resolution))

    def binned(self, width: float) -> tuple[np.ndarray, np.ndarray]:
        """Shares of the values in wider bins [k width, (k + 1) width), and the bins' edges."""
        if self.size == 0:
            return np.zeros(1), np.array([0.0, width])
        places = np.floor(self.values / width + 1e-6).astype(np.int64)
        shares = np.bincount(places - places[0], self.counts) / self.size
        return shares, (places[0] + np.arange(shares.size + 1)) * width

    def _within(self, first: int, last: int) -> np.ndarray:
        """Counts of the bins from first to last - 1."""
        counts = np.zeros(last - first, np.int64)
        counts[self.first - first : self.first - first + self.counts.size] = self.counts
        return counts


@dataclass(frozen=True, eq=False)
class Distributions:
    """The statistics of one run.

    Attributes:
        values: by population and statistic, a number per neuron (rate in Hz, cv_isi) or per pair
            (correlation), float64; nan where it is not defined.
        sizes: number of neurons by population.
        start, stop: window, ms since the initial state.
        neurons_for_correlation, correlation_bin_ms: as used.
    """

    values: dict[str, dict[str, np.ndarray]]
    sizes: dict[str, int]
    start: float
    stop: float
    neurons_for_correlation: int = NEURONS_FOR_CORRELATION
    correlation_bin_ms: float = CORRELATION_BIN_MS

    @property
    def statistics(self) -> tuple[str, ...]:
        """Names of the statistics."""
        return tuple(next(iter(self.values.values())))

    def undefined(self, label: str, statistic: str) -> int:
        """Number of neurons or pairs for which a statistic is not defined."""
        return int(np.isnan(self.values[label][statistic]).sum())

    def histogram(self, label: str, statistic: str) -> Histogram:
        """Histogram of a statistic of a population, as a reference keeps it."""
        resolution = RESOLUTIONS.get(statistic, 1000.0 / (self.stop - self.start))
        return Histogram.of(self.values[label][statistic], resolution)


def distributions(
    times,
    neurons,
    slices: dict[str, slice],
    start: float,
    stop: float,
    seed: int = 0,
    *,
    statistics: tuple[str, ...] = STATISTICS,
    neurons_for_correlation: int = NEURONS_FOR_CORRELATION,
    correlation_bin_ms: float = CORRELATION_BIN_MS,
) -> Distributions:
    """Rates, CVs and correlations of every population in the window (start, stop].

    A spike is stamped with the end of its step, as NEST does, so the window holds the spikes of
    the steps between ``start`` and ``stop``.

    Args:
        times: ms [n], since the initial state, warm-up included.
        neurons: int [n].
        slices: neuron numbers by population.
        start, stop: ms.
        seed: of the choice of neurons for correlations.
        statistics: some of ``STATISTICS``.
        neurons_for_correlation: how many of each population; all of a smaller one.
        correlation_bin_ms: ms.

    Returns:
        Distributions.

    Raises:
        TypeError: neurons that are no integers.
        ValueError: an empty window, an unknown statistic, or no populations.
    """
    _check_request(slices, start, stop, statistics)
    times, neurons = _spikes(times, neurons)
    inside = (times > start + SAME_TIME_MS) & (times <= stop + SAME_TIME_MS)
    times, neurons = times[inside], neurons[inside]
    values = {}
    for index, (label, part) in enumerate(slices.items()):
        member = (neurons >= part.start) & (neurons < part.stop)
        # Counted back from the end: bins then hold their upper edge, where a step's spikes are.
        back, own = stop - times[member], neurons[member] - part.start
        size, duration = part.stop - part.start, stop - start
        found = {}
        if "rate" in statistics:
            found["rate"] = np.bincount(own, minlength=size) * (1000.0 / duration)
        if "cv_isi" in statistics:
            found["cv_isi"] = analysis.cv_isi(back, own, size)
        if "correlation" in statistics:
            chosen = np.random.default_rng([seed, index]).permutation(size)
            chosen = np.sort(chosen[:neurons_for_correlation])
            found["correlation"] = _correlations(back, own, chosen, duration, correlation_bin_ms)
        values[label] = {statistic: found[statistic] for statistic in statistics}
    sizes = {label: part.stop - part.start for label, part in slices.items()}
    return Distributions(
        values, sizes, float(start), float(stop), neurons_for_correlation, correlation_bin_ms
    )


@dataclass(frozen=True, eq=False)
class Reference:
    """Histograms of several seeds of one model, and how far apart the seeds are.

    Attributes:
        histograms: by population and statistic, one Histogram per seed.
        sizes, start, stop, neurons_for_correlation, correlation_bin_ms: as in Distributions.
        about: what made it: simulator, model and options, seeds; numbers and text by name.
    """

    histograms: dict[str, dict[str, tuple[Histogram, ...]]]
    sizes: dict[str, int]
    start: float
    stop: float
    neurons_for_correlation: int
    correlation_bin_ms: float
    about: dict = field(default_factory=dict)

    @classmethod
    def of(cls, seeds, about: dict | None = None) -> Reference:
        """Reference of the Distributions of several seeds of one model.

        Raises:
            ValueError: fewer than three seeds, or seeds of different models or settings.
        """
        seeds = list(seeds)
        if len(seeds) < FEWEST_SEEDS:
            raise ValueError(f"Reference: needs at least {FEWEST_SEEDS} seeds, got {len(seeds)}")
        first = seeds[0]
        for other in seeds[1:]:
            _check_same("Reference", other, first)
            if other.statistics != first.statistics:
                raise ValueError(
                    f"Reference: statistics must be the same for all seeds, got "
                    f"{first.statistics} and {other.statistics}"
                )
        histograms = {
            label: {s: tuple(seed.histogram(label, s) for seed in seeds) for s in first.statistics}
            for label in first.values
        }
        return cls(histograms, **_settings(first), about=dict(about or {}))

    @property
    def n_seeds(self) -> int:
        return len(next(iter(next(iter(self.histograms.values())).values())))

    @property
    def statistics(self) -> tuple[str, ...]:
        """Names of the statistics."""
        return tuple(next(iter(self.histograms.values())))

    def distances(self, label: str, statistic: str) -> np.ndarray:
        """Distance of every pair of seeds, float64 [pairs]."""
        pairs = itertools.combinations(self.histograms[label][statistic], 2)
        return np.array([one.distance(other) for one, other in pairs])

    def threshold(self, label: str, statistic: str) -> float:
        """Largest mean distance to the seeds that counts as inside.

        mean + 3 (n + 2) / (n - 1) sd of ``distances``, for n seeds
        """
        distances, n = self.distances(label, statistic), self.n_seeds
        deviations = 3.0 * (n + 2) / (n - 1)
        return float(distances.mean() + deviations * distances.std(ddof=1))

    def pooled(self, label: str, statistic: str) -> Histogram:
        """Histogram of all seeds together."""
        seeds = self.histograms[label][statistic]
        filled = [h for h in seeds if h.size] or [seeds[0]]
        first = min(h.first for h in filled)
        last = max(h.first + h.counts.size for h in filled)
        return Histogram(seeds[0].resolution, first, sum(h._within(first, last) for h in filled))

    def save(self, path) -> None:
        """Write a compressed ``.npz``: a header in JSON, and the counts of every histogram."""
        header = {"format": FORMAT, **_settings(self), "about": self.about, "histograms": {}}
        arrays = {}
        for label, by_statistic in self.histograms.items():
            header["histograms"][label] = {}
            for statistic, seeds in by_statistic.items():
                header["histograms"][label][statistic] = [
                    {"resolution": h.resolution, "first": h.first, "bins": h.counts.size}
                    for h in seeds
                ]
                arrays[f"{label}/{statistic}"] = np.concatenate([h.counts for h in seeds])
        kept = {name: counts.astype(np.uint32) for name, counts in arrays.items()}
        with open(path, "wb") as file:
            np.savez_compressed(file, header=json.dumps(header), **kept)

    @classmethod
    def load(cls, path) -> Reference:
        """Read what ``save`` wrote.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: a file of another kind.
        """
        try:
            with np.load(path, allow_pickle=False) as file:
                header = json.loads(str(file["header"]))
                if header.pop("format") != FORMAT:
                    raise KeyError("format")
                histograms = {
                    label: {
                        statistic: _split(file[f"{label}/{statistic}"], seeds)
                        for statistic, seeds in by_statistic.items()
                    }
                    for label, by_statistic in header.pop("histograms").items()
                }
            return cls(histograms, **header)
        except FileNotFoundError:
            raise
        except Exception as error:
            raise ValueError(f"Reference.load: {path} is not a reference of cusnn") from error


@dataclass(frozen=True)
class Comparison:
    """One statistic of one population beside the reference.

    Attributes:
        population, statistic: which.
        n, undefined: number of values, and of neurons or pairs without one.
        mean, reference_mean: of the values; nan where there are none.
        distance: mean Kolmogorov-Smirnov distance to the reference's seeds.
        threshold: ``Reference.threshold``.
        inside: distance <= threshold.
    """

    population: str
    statistic: str
    n: int
    undefined: int
    mean: float
    reference_mean: float
    distance: float
    threshold: float
    inside: bool


@dataclass(frozen=True)
class Validation:
    """Every statistic of every population beside the reference.

    Attributes:
        comparisons: in the order of populations, then statistics.
        distributions, reference: what was compared.
    """

    comparisons: tuple[Comparison, ...]
    distributions: Distributions = field(repr=False, compare=False)
    reference: Reference = field(repr=False, compare=False)

    @property
    def inside(self) -> bool:
        """Whether every statistic of every population is."""
        return all(one.inside for one in self.comparisons)

    def table(self) -> str:
        """Plain text, a line per population and statistic."""
        head = (
            f"{'population':<12}{'statistic':<13}{'values':>8}{'undefined':>11}{'mean':>10}"
            f"{'reference':>11}{'distance':>10}{'threshold':>11}"
        )
        lines = [
            f"{c.population:<12}{c.statistic:<13}{c.n:>8}{c.undefined:>11}{c.mean:>10.4g}"
            f"{c.reference_mean:>11.4g}{c.distance:>10.4f}{c.threshold:>11.4f}"
            f"{'' if c.inside else '  outside'}"
            for c in self.comparisons
        ]
        return "\n".join([head, *lines])

    def to_dict(self) -> dict:
        """Numbers and text that JSON can hold."""
        return {
            "inside": self.inside,
            "start_ms": self.reference.start,
            "stop_ms": self.reference.stop,
            "seeds": self.reference.n_seeds,
            "reference": self.reference.about,
            "comparisons": [
                {name: _json(value) for name, value in vars(one).items()}
                for one in self.comparisons
            ],
        }


def compare(result, reference: Reference, seed: int = 0) -> Validation:
    """Hold a run against a reference.

    Args:
        result: a ``Result``, or ``Distributions``. A run must reach from the reference's
            ``start`` to its ``stop``; what lies outside is not looked at.
        reference: of the same model and options.
        seed: of the choice of neurons for correlations.

    Returns:
        Validation.

    Raises:
        ValueError: populations, warm-up or model time that are not the reference's.
    """
    found = result
    if not isinstance(result, Distributions):
        _check_reach(result, reference)
        found = distributions(
            result.times,
            result.neurons,
            result.slices,
            reference.start,
            reference.stop,
            seed,
            statistics=reference.statistics,
            neurons_for_correlation=reference.neurons_for_correlation,
            correlation_bin_ms=reference.correlation_bin_ms,
        )
    _check_same("compare", found, reference)
    comparisons = tuple(
        _comparison(found, reference, label, statistic)
        for label in reference.histograms
        for statistic in reference.statistics
    )
    return Validation(comparisons, found, reference)


def _comparison(found: Distributions, reference: Reference, label: str, statistic: str):
    histogram = found.histogram(label, statistic)
    seeds = reference.histograms[label][statistic]
    distance = float(np.mean([histogram.distance(seed) for seed in seeds]))
    threshold = reference.threshold(label, statistic)
    return Comparison(
        population=label,
        statistic=statistic,
        n=histogram.size,
        undefined=found.undefined(label, statistic),
        mean=histogram.mean,
        reference_mean=reference.pooled(label, statistic).mean,
        distance=distance,
        threshold=threshold,
        inside=bool(distance <= threshold),
    )


def _correlations(back, own, chosen, duration: float, bin_ms: float) -> np.ndarray:
    """Correlation of spike counts of each pair of the chosen neurons."""
    place = np.searchsorted(chosen, own)
    place[place == chosen.size] = 0
    kept = chosen[place] == own if chosen.size else np.zeros(own.shape, bool)
    counts = analysis.spike_counts(
        back[kept], place[kept], chosen.size, bin=bin_ms, start=0.0, stop=duration
    )
    return analysis.pairs(analysis.correlation(counts))


def _spikes(times, neurons) -> tuple[np.ndarray, np.ndarray]:
    times, neurons = np.asarray(times, np.float64), np.asarray(neurons)
    if neurons.size and neurons.dtype.kind not in "iu":
        raise TypeError(f"distributions: neurons must be integers, got {neurons.dtype}")
    if times.ndim != 1 or times.shape != neurons.shape:
        raise ValueError(
            f"distributions: times and neurons must be lists of one length, got {times.shape} "
            f"and {neurons.shape}"
        )
    return times, neurons.astype(np.int64)


def _defined(values) -> np.ndarray:
    values = np.asarray(values, np.float64).ravel()
    return values[np.isfinite(values)]


def _settings(source) -> dict:
    """What must agree between seeds, and between a run and its reference."""
    names = ("sizes", "start", "stop", "neurons_for_correlation", "correlation_bin_ms")
    return {name: getattr(source, name) for name in names}


def _split(counts: np.ndarray, seeds: list[dict]) -> tuple[Histogram, ...]:
    ends = np.cumsum([seed["bins"] for seed in seeds])
    if counts.size != ends[-1]:
        raise ValueError("counts and header differ")
    parts = np.split(counts.astype(np.int64), ends[:-1])
    return tuple(
        Histogram(seed["resolution"], seed["first"], part)
        for seed, part in zip(seeds, parts, strict=True)
    )


def _json(value):
    """nan is not JSON."""
    return None if isinstance(value, float) and np.isnan(value) else value


def _check_request(slices: dict, start: float, stop: float, statistics) -> None:
    if not slices:
        raise ValueError("distributions: slices must name at least one population, got none")
    if not 0 <= start < stop < np.inf:
        raise ValueError(
            f"distributions: the window must start at 0 ms or later and end after that, got "
            f"{start:g} to {stop:g} ms"
        )
    unknown = [name for name in statistics if name not in STATISTICS]
    if unknown or not statistics:
        raise ValueError(
            f"distributions: statistics must be some of {', '.join(STATISTICS)}, got "
            f"{', '.join(map(repr, unknown)) or 'none'}"
        )


def _check_reach(result, reference: Reference) -> None:
    if getattr(result, "recorded", None) is not None:
        raise ValueError(
            f"compare: needs the spikes of all populations, the result has those of "
            f"{list(result.recorded)}; record all"
        )
    first = result.first_step * result.dt
    last = first + result.duration
    if first > reference.start + SAME_TIME_MS or last < reference.stop - SAME_TIME_MS:
        raise ValueError(
            f"compare: the reference is of {reference.start:g} to {reference.stop:g} ms, the "
            f"result holds {first:g} to {last:g} ms, and distances mean something for equal "
            f"warm-up and model time only; run {reference.stop:g} ms from the initial state"
        )


def _check_same(owner: str, found, expected) -> None:
    for name, wanted in _settings(expected).items():
        got = getattr(found, name)
        same = got == wanted if name == "sizes" else np.isclose(got, wanted, rtol=1e-9)
        if not same:
            advice = "take the same model and options" if name == "sizes" else "take the same"
            raise ValueError(f"{owner}: {name} must be {wanted}, got {got}; {advice}")
