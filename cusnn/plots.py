"""Pictures of spike trains: functions that take and return matplotlib ``ax``.

Spikes come as two arrays, times (ms) and neurons, and ``slices`` says which neurons make up which
population, as in ``Result``. A label that ends in I is drawn as inhibitory, any other as
excitatory.
"""

from __future__ import annotations

import re

import numpy as np

from cusnn import analysis

__all__ = [
    "activity",
    "colour",
    "comparison",
    "confusion_matrix",
    "confusions",
    "distributions",
    "intervals",
    "learning_curve",
    "population_rate",
    "pretty",
    "raster",
    "rates",
    "traces",
    "training",
    "validation",
]

INSTALL_HINT = 'plots need matplotlib: pip install "cusnn[plot]"'
# Width of the bins in pictures, and what is written below: by statistic of ``cusnn.validation``.
SHOWN = {
    "rate": (1.0, "rate (Hz)"),
    "cv_isi": (0.05, "CV of inter-spike intervals"),
    "correlation": (0.001, "pairwise correlation"),
}
# A label's last letter is a kind where it ends a name: that of L4E and coreE, not that of PIE.
KIND = re.compile(r"(?<=[a-z0-9])[EI]$")
LINE_STYLES = ("-", "--", ":", "-.")
EXCITATORY, INHIBITORY, INK, GRID = "#2a5d8f", "#cf3f4f", "#333333", "#d9d9d9"
SHADES = (EXCITATORY, INHIBITORY, "#3f8f5a", "#8a5fa8", "#c98a2b")


def colour(label: str) -> str:
    """Colour of a population."""
    return INHIBITORY if label.endswith("I") else EXCITATORY


def raster(
    ax, times, neurons, slices: dict, *, start: float, stop: float, max_spikes: int = 40_000
):
    """A dot per spike; populations from top to bottom, each as high as it is large.

    Args:
        ax: matplotlib axes.
        times, neurons: spikes; ms, int [n].
        slices: neuron numbers by population.
        start, stop: window that is shown, ms.
        max_spikes: where there are more, only every second, third, ... neuron is drawn, and the
            picture says so.

    Returns:
        ax.

    Raises:
        ValueError: no populations.
    """
    if not slices:
        raise ValueError("raster: slices must name at least one population, got none")
    times, neurons = np.asarray(times), np.asarray(neurons)
    inside = (times >= start) & (times <= stop)
    times, neurons = times[inside], neurons[inside]
    every = max(1, -(-times.size // max_spikes))
    shown = neurons % every == 0
    times, neurons = times[shown], neurons[shown]
    size = _marker_size(times.size)
    for label, part in slices.items():
        member = (neurons >= part.start) & (neurons < part.stop)
        ax.plot(
            times[member],
            neurons[member],
            linestyle="none",
            marker="o",
            markersize=size,
            markeredgewidth=0,
            color=colour(label),
            rasterized=True,
        )
    _layers(ax, slices)
    ax.set_xlim(start, stop)
    ax.set_ylim(max(part.stop for part in slices.values()), 0)
    ax.set_xlabel("time (ms)")
    title = "spikes" if every == 1 else f"spikes of every {_ordinal(every)} neuron"
    ax.set_title(title, loc="left", fontsize=10, color=INK)
    _plain(ax)
    return ax


def population_rate(
    ax, times, neurons, slices: dict, *, start: float, stop: float, bin: float = 5.0
):
    """Mean rate over time of all excitatory and of all inhibitory neurons.

    Args:
        ax: matplotlib axes.
        times, neurons, slices, start, stop: as for ``raster``.
        bin: ms; shortened to the window where that is shorter.

    Returns:
        ax.
    """
    times, neurons = np.asarray(times), np.asarray(neurons)
    bin = min(bin, stop - start)
    for name, inhibitory in (("excitatory", False), ("inhibitory", True)):
        parts = [part for label, part in slices.items() if label.endswith("I") == inhibitory]
        n = sum(part.stop - part.start for part in parts)
        if n == 0:
            continue
        member = np.zeros(times.shape, bool)
        for part in parts:
            member |= (neurons >= part.start) & (neurons < part.stop)
        one = np.zeros(np.count_nonzero(member), np.int64)
        counts = analysis.spike_counts(times[member], one, 1, bin=bin, start=start, stop=stop)[0]
        edges = start + bin * np.arange(counts.size + 1)
        values = counts * (1000.0 / (bin * n))
        shade = INHIBITORY if inhibitory else EXCITATORY
        ax.stairs(values, edges, color=shade, linewidth=1.0, label=name)
        ax.stairs(values, edges, color=shade, fill=True, alpha=0.12)
    ax.set_xlim(start, stop)
    ax.set_ylim(bottom=0)
    ax.set_xlabel("time (ms)")
    ax.set_ylabel("rate (Hz)")
    if ax.get_legend_handles_labels()[0]:
        ax.legend(
            frameon=False,
            fontsize=8,
            loc="lower right",
            bbox_to_anchor=(1.0, 0.97),
            borderaxespad=0.0,
            ncols=2,
        )
    _plain(ax)
    return ax


def rates(ax, rates: dict, reference: dict | None = None, reference_label: str = "published"):
    """A bar per population, its mean rate.

    Args:
        ax: matplotlib axes.
        rates: Hz by population; what is not finite gets no bar.
        reference: rates to compare with, drawn as marks, of all populations or of some.
        reference_label: their name in the legend.

    Returns:
        ax.
    """
    place, values = np.arange(len(rates)), np.array(list(rates.values()), float)
    bars = np.where(np.isfinite(values), values, np.nan)
    ax.barh(place, bars, height=0.68, color=[colour(label) for label in rates])
    marks = np.array([(reference or {}).get(label, np.nan) for label in rates], float)
    known = [number for number in (*values, *marks) if np.isfinite(number)]
    largest = max([*known, 1e-9])
    if reference:
        ax.plot(
            marks,
            place,
            linestyle="none",
            marker="D",
            markersize=5,
            markerfacecolor="white",
            markeredgecolor=INK,
            label=reference_label,
        )
        ax.legend(frameon=False, fontsize=8, loc="upper right", handletextpad=0.2)
    for y, value in enumerate(values):
        right = max([number for number in (value, marks[y]) if np.isfinite(number)], default=0.0)
        ax.text(right + 0.04 * largest, y, f"{value:.2f}", va="center", fontsize=8, color=INK)
    ax.set_yticks(place, [pretty(label) for label in rates])
    ax.set_ylim(len(rates) - 0.4, -0.6)
    ax.set_xlim(0, 1.22 * largest)
    ax.set_xlabel("mean rate (Hz)")
    ax.tick_params(axis="y", length=0)
    _plain(ax)
    return ax


def distributions(ax, values: dict, *, bins=30, xlabel: str = "", ylabel: str = "share of neurons"):
    """A histogram per population, as shares of its neurons.

    Args:
        ax: matplotlib axes.
        values: a number per neuron, by population (rates, CVs, ...); nan is left out.
        bins: number of bins, or their edges.
        xlabel: what the numbers are.
        ylabel: what they are counted over, where it is not neurons.

    Returns:
        ax.
    """
    kept = {label: np.asarray(v, float)[np.isfinite(v)] for label, v in values.items()}
    everything = np.concatenate([np.zeros(0), *kept.values()])
    edges = np.histogram_bin_edges(everything, bins)
    layers = list(dict.fromkeys(_layer(label) for label in kept))
    highest = 0.0
    for label, numbers in kept.items():
        if numbers.size == 0:
            continue
        shares = np.histogram(numbers, edges)[0] / numbers.size
        highest = max(highest, float(shares.max()))
        # One colour for E and one for I; layers differ by their strength and by their strokes.
        layer = layers.index(_layer(label))
        strength = 1.0 - 0.5 * layer / max(1, len(layers) - 1)
        ax.stairs(
            shares,
            edges,
            color=colour(label),
            alpha=strength,
            linewidth=1.4,
            linestyle=LINE_STYLES[layer % len(LINE_STYLES)],
            label=pretty(label),
        )
    ax.set_ylim(bottom=0)
    ax.set_xlabel(xlabel)
    ax.set_ylabel(ylabel)
    if entries := len(ax.get_legend_handles_labels()[0]):
        rows = -(-entries // 2)
        # Room for the legend above the highest bin.
        ax.set_ylim(top=highest * (1.1 + 0.1 * rows))
        ax.legend(frameon=False, fontsize=8, ncols=2, loc="upper right")
    _plain(ax)
    return ax


def intervals(
    ax, times, neurons, slices: dict, *, start: float, stop: float, bins_per_decade: int = 12
):
    """Inter-spike intervals of each population, on a logarithmic axis.

    Args:
        ax: matplotlib axes.
        times, neurons, slices, start, stop: as for ``raster``.
        bins_per_decade: bins per factor of ten.

    Returns:
        ax.
    """
    times, neurons = np.asarray(times), np.asarray(neurons)
    inside = (times >= start) & (times <= stop)
    values, owners = analysis.inter_spike_intervals(times[inside], neurons[inside])
    positive = values[values > 0]
    low, high = (positive.min(), positive.max()) if positive.size else (1.0, 10.0)
    first = np.floor(np.log10(low) * bins_per_decade + 1e-9)
    last = np.floor(np.log10(high) * bins_per_decade + 1e-9) + 1
    edges = 10.0 ** (np.arange(first, last + 1) / bins_per_decade)
    parts = {
        label: values[(owners >= part.start) & (owners < part.stop)]
        for label, part in slices.items()
    }
    text = {"xlabel": "inter-spike interval (ms)", "ylabel": "share of intervals"}
    distributions(ax, parts, bins=edges, **text)
    ax.set_xscale("log")
    return ax


def traces(
    ax, times, values, *, neurons=None, shade: str = EXCITATORY, name: str = "v", unit: str = "mV"
):
    """A state variable of a few neurons over time, one above the other, with a bar for the scale.

    Args:
        ax: matplotlib axes.
        times: ms [T].
        values: [T, n]; nan and infinities leave a gap.
        neurons: numbers to print beside the traces [n]; None for 0 to n - 1.
        shade: colour.
        name, unit: of the variable.

    Returns:
        ax.

    Raises:
        ValueError: values that are not [T, n].
    """
    times, values = np.asarray(times), np.asarray(values, float)
    if values.ndim != 2 or values.shape[0] != times.size:
        raise ValueError(
            f"traces: values must be [T, n] for {times.size} times, got shape {values.shape}"
        )
    n = values.shape[1]
    numbers = np.arange(n) if neurons is None else np.asarray(neurons)
    known = np.isfinite(values)
    values = np.where(known, values, np.nan)
    low = values.min(axis=0, initial=np.inf, where=known)
    high = values.max(axis=0, initial=-np.inf, where=known)
    spread = max(float((high - low).max(initial=0.0)), 1e-12)
    places = np.arange(n)[::-1]
    for column, place in enumerate(places):
        shown = (values[:, column] - low[column]) / (1.25 * spread) + place
        ax.plot(times, shown, color=shade, linewidth=0.8)
    ax.set_yticks(places + 0.4, [str(number) for number in numbers])
    ax.set_ylim(-0.15, n + 0.1)
    ax.set_ylabel("neuron")
    ax.set_xlabel("time (ms)")
    ax.set_title(name, loc="left", fontsize=10, color=INK)
    bar = _round_number(0.6 * spread)
    right = {"transform": ax.get_yaxis_transform(), "clip_on": False}
    ax.plot([1.015, 1.015], [0.0, bar / (1.25 * spread)], color=INK, linewidth=2.0, **right)
    middle = bar / (2.5 * spread)
    ax.text(1.03, middle, f"{bar:g} {unit}", va="center", fontsize=8, color=INK, **right)
    if times.size > 1:
        ax.set_xlim(times[0], times[-1])
    ax.tick_params(axis="y", length=0)
    _plain(ax)
    return ax


def comparison(
    ax, found, reference, *, width: float, shade: str = EXCITATORY, xlabel: str = "", names=None
):
    """A histogram, filled, and the outline of that of a reference over it.

    Args:
        ax: matplotlib axes.
        found, reference: ``cusnn.validation.Histogram``.
        width: of the bins that are drawn.
        shade: colour of the histogram.
        xlabel: what the numbers are.
        names: of the two in the legend; None for no legend.

    Returns:
        ax.
    """
    own, other = names or ("", "")
    ax.stairs(*found.binned(width), color=shade, fill=True, alpha=0.35, label=own)
    ax.stairs(*reference.binned(width), color=INK, linewidth=1.1, label=other)
    # A few outermost values would leave the rest narrow.
    ends = [_quantiles(histogram) for histogram in (found, reference) if histogram.size]
    if ends:
        low, high = min(end[0] for end in ends), max(end[1] for end in ends)
        ax.set_xlim(low - 2 * width, high + 2 * width)
    ax.set_ylim(bottom=0)
    ax.set_xlabel(xlabel)
    ax.set_ylabel("share")
    if names:
        ax.legend(frameon=False, fontsize=8)
    _plain(ax)
    return ax


def validation(
    validation, *, own_label: str = "cusnn", reference_label: str = "reference", title: str = ""
):
    """One figure: every statistic of every population beside its reference.

    Args:
        validation: ``cusnn.validation.Validation``.
        own_label, reference_label: names of the two.
        title: over the figure.

    Returns:
        A matplotlib Figure; ``figure.savefig(path)`` writes it.

    Raises:
        ImportError: matplotlib is not installed.
    """
    figure_class = _figure_class()
    found, reference = validation.distributions, validation.reference
    labels, statistics = list(reference.sizes), reference.statistics
    size = (3.3 * len(statistics) + 0.4, 1.25 * len(labels) + 1.0)
    figure = figure_class(figsize=size, dpi=150, layout="constrained")
    axes = figure.subplots(len(labels), len(statistics), sharex="col", squeeze=False)
    for ax, one in zip(axes.flat, validation.comparisons, strict=True):
        label, statistic = one.population, one.statistic
        width, _ = SHOWN[statistic]
        histograms = found.histogram(label, statistic), reference.pooled(label, statistic)
        comparison(ax, *histograms, width=width, shade=colour(label))
        ax.set_ylabel(pretty(label) if statistic == statistics[0] else "")
        ax.set_yticks([])
        mark = INK if one.inside else INHIBITORY
        text = f"{one.distance:.3f} {'≤' if one.inside else '>'} {one.threshold:.3f}"
        ax.text(0.98, 0.93, text, ha="right", va="top", fontsize=8, color=mark, **_inside(ax))
    for column, statistic in enumerate(statistics):
        lines = [line.get_xlim() for line in axes[:, column]]
        axes[-1, column].set_xlabel(SHOWN[statistic][1])
        axes[0, column].set_xlim(min(low for low, _ in lines), max(high for _, high in lines))
    key = f"filled: {own_label}; line: {reference_label}; distance and threshold in each"
    axes[0, 0].set_title(key, loc="left", fontsize=9, color=INK)
    if title:
        figure.suptitle(title, x=0.01, ha="left", fontsize=12, color=INK)
    return figure


def learning_curve(ax, epochs, curves: dict, *, ylabel: str = "accuracy"):
    """A line per curve over the epochs of a training, its last value beside it.

    Args:
        ax: matplotlib axes.
        epochs: their numbers [n].
        curves: values [n] by name; nan leaves a gap, None an empty curve.
        ylabel: what the values are.

    Returns:
        ax.
    """
    shown = {name: values for name, values in curves.items() if values is not None}
    for place, (name, values) in enumerate(shown.items()):
        values = np.asarray(values, float)
        style = {"color": SHADES[place % len(SHADES)], "linewidth": 1.6}
        # A single epoch is a point.
        mark = "o" if len(values) == 1 else None
        ax.plot(epochs, values, label=name, marker=mark, markersize=4, **style)
    ax.set_xlabel("epoch")
    ax.set_ylabel(ylabel)
    ax.xaxis.get_major_locator().set_params(integer=True)
    if shown:
        ax.legend(frameon=False, fontsize=8)
    _plain(ax)
    return ax


def confusion_matrix(ax, matrix, classes):
    """Which class was taken for which: a row for each label, darker where there were more.

    Args:
        ax: matplotlib axes.
        matrix: counts [n, n], or [n, n + 1] with a last column for no answer, which is shown
            where it has any.
        classes: names [n].

    Returns:
        ax.

    Raises:
        ValueError: a matrix of another shape.
    """
    matrix, names = np.asarray(matrix), [str(name) for name in classes]
    n = len(names)
    if matrix.ndim != 2 or matrix.shape[0] != n or matrix.shape[1] not in (n, n + 1):
        raise ValueError(
            f"confusion_matrix: matrix must be [{n}, {n}] or [{n}, {n + 1}], got "
            f"{list(matrix.shape)}"
        )
    columns = list(names)
    if matrix.shape[1] > n:
        matrix, columns = (
            (matrix, [*names, "none"]) if matrix[:, n].any() else (matrix[:, :n], names)
        )
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    # Mistakes are few, and must be seen beside what is right.
    ax.imshow(np.sqrt(shares), cmap="Blues", vmin=0.0, vmax=1.0, aspect="auto")
    size = float(np.clip(110 / max(matrix.shape), 3.0, 9.0))
    for row, column in np.argwhere(matrix > 0):
        shade = "white" if shares[row, column] > 0.4 else INK
        count = f"{matrix[row, column]:,}"
        ax.text(column, row, count, ha="center", va="center", fontsize=size, color=shade)
    ax.set_xticks(range(len(columns)), columns, rotation=0 if n <= 12 else 90)
    ax.set_yticks(range(n), names)
    ax.set_xlabel("answer")
    ax.set_ylabel("label")
    ax.tick_params(length=0)
    _plain(ax)
    ax.spines[["left", "bottom"]].set_visible(False)
    return ax


def training(history, *, held_label: str = "test", title: str = ""):
    """One figure: loss and accuracy over the epochs of a training.

    Args:
        history: ``cusnn.training.Epoch``s.
        held_label: what the held-out data are.
        title: over the figure.

    Returns:
        A matplotlib Figure; ``figure.savefig(path)`` writes it.

    Raises:
        ImportError: matplotlib is not installed.
    """
    figure = _figure_class()(figsize=(9.0, 3.4), dpi=150, layout="constrained")
    epochs = [one.number for one in history]
    for ax, name in zip(figure.subplots(1, 2), ("loss", "accuracy"), strict=True):
        held = [getattr(one, f"held_{name}") for one in history]
        curves = {"training": [getattr(one, name) for one in history]}
        curves[held_label] = None if None in held else held
        learning_curve(ax, epochs, curves, ylabel=name)
        if name == "loss":
            ax.set_yscale("log")
    if title:
        figure.suptitle(title, x=0.01, ha="left", fontsize=12, color=INK)
    return figure


def confusions(matrix, classes, *, title: str = ""):
    """One figure: a confusion matrix.

    Args:
        matrix, classes: as for ``confusion_matrix``.
        title: over the figure.

    Returns:
        A matplotlib Figure; ``figure.savefig(path)`` writes it.

    Raises:
        ImportError: matplotlib is not installed.
    """
    side = float(np.clip(1.6 + 0.4 * len(classes), 3.5, 12.0))
    figure = _figure_class()(figsize=(side, 0.9 * side), dpi=150, layout="constrained")
    ax = confusion_matrix(figure.subplots(), matrix, classes)
    ax.set_title(title, loc="left", fontsize=11, color=INK)
    return figure


def activity(
    times,
    neurons,
    slices: dict,
    *,
    start: float,
    stop: float,
    mean_rates: dict,
    reference: dict | None = None,
    reference_label: str = "published",
    title: str = "",
):
    """One figure: raster, rate over time, and mean rate of every population.

    Args:
        times, neurons, slices, start, stop: as for ``raster``.
        mean_rates, reference, reference_label: as for ``rates``.
        title: over the figure.

    Returns:
        A matplotlib Figure; ``figure.savefig(path)`` writes it.

    Raises:
        ImportError: matplotlib is not installed.
    """
    figure = _figure_class()(figsize=(10.5, 6.4), dpi=150, layout="constrained")
    grid = figure.add_gridspec(2, 2, width_ratios=(2.7, 1.0), height_ratios=(4.2, 1.0))
    upper = raster(figure.add_subplot(grid[0, 0]), times, neurons, slices, start=start, stop=stop)
    upper.set_xlabel("")
    upper.tick_params(axis="x", labelbottom=False)
    population_rate(
        figure.add_subplot(grid[1, 0], sharex=upper),
        times,
        neurons,
        slices,
        start=start,
        stop=stop,
    )
    side = rates(figure.add_subplot(grid[:, 1]), mean_rates, reference, reference_label)
    side.set_title("population rates", loc="left", fontsize=10, color=INK)
    if title:
        figure.suptitle(title, x=0.01, ha="left", fontsize=12, color=INK)
    return figure


def pretty(label: str) -> str:
    """A label as it is printed: layers 2 and 3 are one."""
    return KIND.sub(r" \g<0>", _layer_name(label))


def _layer(label: str) -> str:
    return KIND.sub("", label)


def _layer_name(label: str) -> str:
    return re.sub(r"L23(?!\d)", "L2/3", label)


def _figure_class():
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(INSTALL_HINT) from error
    return Figure


def _inside(ax) -> dict:
    return {"transform": ax.transAxes}


def _quantiles(histogram) -> tuple[float, float]:
    """Values between which 98.8% lie; above them tails are long."""
    shares = np.cumsum(histogram.counts) / histogram.size
    low, high = np.searchsorted(shares, [0.002, 0.99])
    return tuple(histogram.values[[low, min(high, shares.size - 1)]])


def _round_number(value: float) -> float:
    """Largest of 1, 2, 5 times a power of ten that is at most ``value``."""
    power = 10.0 ** np.floor(np.log10(value))
    return float(max(m for m in (1, 2, 5) if m * power <= value * (1 + 1e-9)) * power)


def _layers(ax, slices: dict) -> None:
    """A name for each layer beside its neurons, and lines between layers."""
    bounds: dict[str, list[int]] = {}
    for label, part in slices.items():
        first, last = bounds.setdefault(_layer(label), [part.start, part.stop])
        bounds[_layer(label)] = [min(first, part.start), max(last, part.stop)]
    middles = [(first + last) / 2 for first, last in bounds.values()]
    ax.set_yticks(middles, [_layer_name(layer) for layer in bounds])
    ax.tick_params(axis="y", length=0)
    for first, _ in list(bounds.values())[1:]:
        ax.axhline(first, color=GRID, linewidth=0.8, zorder=0)


def _marker_size(n_spikes: int) -> float:
    """Points: large where spikes are few, small where they would run together."""
    return float(np.clip(2.4 - 0.75 * np.log10(max(n_spikes, 1) / 1000.0), 0.9, 3.5))


def _ordinal(n: int) -> str:
    ending = "th" if 10 <= n % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(n % 10, "th")
    return f"{n}{ending}"


def _plain(ax) -> None:
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color("#999999")
    ax.tick_params(colors=INK, labelsize=9)
    ax.xaxis.label.set_color(INK)
    ax.yaxis.label.set_color(INK)
