"""Energies of a workload on several devices, and the terms of one of them."""

from __future__ import annotations

import math

from cusnn.energy.units import si
from cusnn.plots.style import EXCITATORY, GRID, INHIBITORY, INK, figure_class, plain

# Column of a row -> (colour, hatch, name in the legend).
LOOKS = {
    "modelled": (EXCITATORY, None, "modelled"),
    "at_least": ("#a9bfd6", "////", "modelled, terms missing: at least"),
    "measured": (INHIBITORY, None, "measured"),
}
GROUPS = (("modelled", "modelled"), ("measured", "measured"), ("published", "published"))


def energy_bars(ax, rows: list[dict], *, per: str = "synaptic_op", title: str = ""):
    """A bar per device on a logarithmic axis, what is measured apart from what is modelled.

    Args:
        ax: matplotlib axes; None for those of a new figure.
        rows: of ``cusnn.energy.Comparison``; those without an energy say so.
        per: "synaptic_op", "inference", or "" for the whole run.
        title: over the axes.

    Returns:
        ax.

    Raises:
        ImportError: matplotlib is not installed.
        ValueError: no row has an energy.
    """
    part = f"per_{per}_" if per else ""
    bars = [(row, *_found(row, part)) for row in rows]
    values = [value for _, _, *three in bars for value in three if value]
    if not values:
        raise ValueError("energy_bars: no row has an energy above 0; nothing can be drawn")
    ax = _axes(len(bars)) if ax is None else ax
    left = 10.0 ** math.floor(math.log10(min(values)) - 0.3)
    place, ticks, shown = 0.0, [], set()
    for kind, heading in GROUPS:
        members = [bar for bar in bars if bar[0]["kind"] == kind]
        if not members:
            continue
        across = {"transform": ax.get_yaxis_transform(), "fontsize": 8, "va": "center"}
        ax.text(0.995, place, heading, color="#777777", ha="right", style="italic", **across)
        place += 0.75
        for row, column, value, low, high in members:
            _bar(ax, place, column, (value, low, high), left, shown)
            ticks.append((place, row["label"]))
            place += 1.0
        place += 0.35
    ax.set_yticks([at for at, _ in ticks], [label for _, label in ticks])
    ax.set_ylim(place - 0.6, -0.6)
    ax.set_xscale("log")
    ax.set_xlim(left, max(values) * 12.0)
    ax.xaxis.set_major_formatter(_joules(1))
    ax.set_xlabel("energy" + (f" per {per.replace('_op', ' operation')}" if per else ""))
    ax.set_title(title, loc="left", fontsize=10, color=INK)
    ax.grid(axis="x", color=GRID, linewidth=0.6)
    ax.set_axisbelow(True)
    ax.tick_params(axis="y", length=0)
    plain(ax)
    ax.tick_params(axis="y", labelsize=8)
    if len(shown) > 1:
        handles, names = ax.get_legend_handles_labels()
        order = [names.index(look[2]) for look in LOOKS.values() if look[2] in names]
        ax.legend(
            [handles[at] for at in order],
            [names[at] for at in order],
            frameon=False,
            fontsize=8,
            loc="lower left",
            bbox_to_anchor=(0.0, 1.0),
            ncols=3,
            borderaxespad=0.0,
        )
        ax.set_title(title, loc="left", fontsize=10, color=INK, pad=22)
    return ax


def energy_terms(ax, terms: dict[str, float], *, missing=(), title: str = ""):
    """A bar per term of an estimate; a term that isn't known is named and has no bar.

    Args:
        ax: matplotlib axes; None for those of a new figure.
        terms: J by name.
        missing: names of terms that aren't known.
        title: over the axes.

    Returns:
        ax.

    Raises:
        ImportError: matplotlib is not installed.
        ValueError: neither terms nor missing ones.
    """
    names = [*terms, *missing]
    if not names:
        raise ValueError("energy_terms: no terms to draw")
    ax = _axes(len(names)) if ax is None else ax
    values = list(terms.values())
    largest = max([*values, 0.0]) or 1.0
    ax.barh(range(len(values)), values, height=0.62, color=EXCITATORY)
    for at, value in enumerate(values):
        text = si(value, "J")
        ax.text(value + 0.015 * largest, at, text, va="center", fontsize=8, color=INK)
    for at in range(len(values), len(names)):
        ax.text(0.015 * largest, at, "not known", va="center", fontsize=8, color="#777777")
    ax.set_yticks(range(len(names)), [name.replace("_", " ") for name in names])
    ax.set_ylim(len(names) - 0.4, -0.6)
    ax.set_xlim(0, 1.22 * largest)
    ax.xaxis.set_major_formatter(_joules(3))
    ax.set_xlabel("energy")
    ax.set_title(title, loc="left", fontsize=10, color=INK)
    ax.tick_params(axis="y", length=0)
    plain(ax)
    return ax


def _found(row: dict, part: str) -> tuple[str, float | None, float | None, float | None]:
    for column in LOOKS:
        value = row[f"{column}_{part}j"]
        if value is not None:
            ends = (row[f"{column}_{part}{end}_j"] for end in ("low", "high"))
            return (column, value, *ends)
    return "modelled", None, None, None


def _bar(ax, place: float, column: str, values, left: float, shown: set[str]) -> None:
    value, low, high = values
    shade, hatch, name = LOOKS[column]
    beside = {"va": "center", "fontsize": 8}
    if not value:
        text = "not known" if value is None else "0 J"
        ax.text(left * 1.15, place, text, color="#777777", **beside)
        return
    label = None if column in shown else name
    shown.add(column)
    ax.barh(
        place,
        value - left,
        left=left,
        height=0.66,
        color=shade,
        hatch=hatch,
        edgecolor="white",
        linewidth=0.0,
        label=label,
    )
    right = value
    if low is not None and high is not None and low < high:
        ax.plot([max(low, left), high], [place, place], color=INK, linewidth=1.2)
        ends = [max(low, left), high]
        ax.plot(ends, [place] * 2, linestyle="none", marker="|", markersize=6, color=INK)
        right = max(value, high)
    least = "≥ " if column == "at_least" else ""
    ax.text(right * 1.25, place, least + si(value, "J"), color=INK, **beside)


def _joules(digits: int):
    """Formatter of an axis."""
    from matplotlib.ticker import FuncFormatter

    return FuncFormatter(lambda value, _: si(value, "J", digits))


def _axes(bars: int):
    figure = figure_class()(figsize=(8.0, 1.1 + 0.27 * bars), dpi=150, layout="constrained")
    return figure.subplots()
