"""Pictures of spike trains: rasters, rates over time, rates and intervals by population.

Spikes come as two arrays, times (ms) and neurons, and ``slices`` says which neurons make up which
population, as in ``Result``.
"""

from __future__ import annotations

import numpy as np

from cusnn import analysis
from cusnn.plots.style import (
    EXCITATORY,
    GRID,
    INHIBITORY,
    INK,
    colour,
    figure_class,
    layer_name,
    layer_of,
    plain,
    pretty,
)

LINE_STYLES = ("-", "--", ":", "-.")


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
    figure = figure_class()(figsize=(10.5, 6.4), dpi=150, layout="constrained")
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
    plain(ax)
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
    plain(ax)
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
    plain(ax)
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
    layers = list(dict.fromkeys(layer_of(label) for label in kept))
    highest = 0.0
    for label, numbers in kept.items():
        if numbers.size == 0:
            continue
        shares = np.histogram(numbers, edges)[0] / numbers.size
        highest = max(highest, float(shares.max()))
        # One colour for E and one for I; layers differ by their strength and by their strokes.
        layer = layers.index(layer_of(label))
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
    plain(ax)
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


def _layers(ax, slices: dict) -> None:
    """A name for each layer beside its neurons, and lines between layers."""
    bounds: dict[str, list[int]] = {}
    for label, part in slices.items():
        first, last = bounds.setdefault(layer_of(label), [part.start, part.stop])
        bounds[layer_of(label)] = [min(first, part.start), max(last, part.stop)]
    middles = [(first + last) / 2 for first, last in bounds.values()]
    ax.set_yticks(middles, [layer_name(layer) for layer in bounds])
    ax.tick_params(axis="y", length=0)
    for first, _ in list(bounds.values())[1:]:
        ax.axhline(first, color=GRID, linewidth=0.8, zorder=0)


def _marker_size(n_spikes: int) -> float:
    """Points: large where spikes are few, small where they would run together."""
    return float(np.clip(2.4 - 0.75 * np.log10(max(n_spikes, 1) / 1000.0), 0.9, 3.5))


def _ordinal(n: int) -> str:
    ending = "th" if 10 <= n % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(n % 10, "th")
    return f"{n}{ending}"
