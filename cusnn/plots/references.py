"""Pictures of what came out beside a reference."""

from __future__ import annotations

import numpy as np

from cusnn.plots.style import EXCITATORY, INHIBITORY, INK, colour, figure_class, plain, pretty

# Width of the bins in pictures, and what is written below: by statistic of ``cusnn.validation``.
SHOWN = {
    "rate": (1.0, "rate (Hz)"),
    "cv_isi": (0.05, "CV of inter-spike intervals"),
    "correlation": (0.001, "pairwise correlation"),
}


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
    found, reference = validation.distributions, validation.reference
    labels, statistics = list(reference.sizes), reference.statistics
    size = (3.3 * len(statistics) + 0.4, 1.25 * len(labels) + 1.0)
    figure = figure_class()(figsize=size, dpi=150, layout="constrained")
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
    plain(ax)
    return ax


def _inside(ax) -> dict:
    return {"transform": ax.transAxes}


def _quantiles(histogram) -> tuple[float, float]:
    """Values between which 98.8% lie; above them tails are long."""
    shares = np.cumsum(histogram.counts) / histogram.size
    low, high = np.searchsorted(shares, [0.002, 0.99])
    return tuple(histogram.values[[low, min(high, shares.size - 1)]])
