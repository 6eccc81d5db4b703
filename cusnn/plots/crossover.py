"""Where spiking needs less energy than conventional execution, and every published threshold."""

from __future__ import annotations

import dataclasses
import textwrap

import numpy as np

from cusnn.energy import crossover
from cusnn.energy.bounds import bounded, step_counts
from cusnn.energy.thresholds import (
    MARGINAL,
    PLAUSIBLE,
    REFUTED,
    THRESHOLDS,
    verdict,
)
from cusnn.plots.style import GRID, INK, plain

# Told apart without colour too: by marker, line and hatching.
THRESHOLD_STYLES = {
    "Davidson and Furber 2021": {"color": "#8a5fa8", "linestyle": "--"},
    "Dampfhoffer et al. 2022": {"color": "#c98a2b", "hatch": "////"},
    "Yan et al. v1 2024": {"color": INK, "marker": "s"},
    "Yan et al. v2, v3 2025": {"color": INK, "marker": "D"},
    "Yan et al. v4 2026": {"color": INK, "marker": "o"},
}
VERDICT_COLOURS = {PLAUSIBLE: "#2f7d4f", MARGINAL: "#a86e12", REFUTED: "#b32c3c"}
CURVES = ("#2a5d8f", "#cf3f4f", "#3f8f5a", "#20a4b8", "#7a4b2a", "#d65fa0")
LINES = ("-", "--", "-.", ":")
# Letters in a line of a legend.
WIDTH = 72
PERCENT = "firing rate (% of neurons per step)"


def crossover_map(ax, model, layer, *, steps=None, rates=None):
    """Energy of spiking over conventional execution by steps and rate, with their crossover.

    Args:
        ax: matplotlib axes.
        model: ``energy.crossover.CostModel``.
        layer: ``energy.crossover.Layer``; its steps don't matter.
        steps: T, ascending integers [n]; None for 1 to 64.
        rates: spikes per neuron and step, ascending [m]; None for 0.1 % to 100 %.

    Returns:
        ax.

    Raises:
        TypeError, ValueError: steps or rates that are not possible.
    """
    from matplotlib.colors import LogNorm

    steps = step_counts("crossover_map", np.arange(1, 65) if steps is None else steps)
    rates = bounded(
        "crossover_map", "rates", np.geomspace(1e-3, 1, 121) if rates is None else rates, 0.0, 1.0
    )
    across = dataclasses.replace(layer, steps=steps)
    ratio = crossover.spiking_j(model, across, rates[:, None]) / crossover.conventional_j(
        model, across
    )
    mesh = ax.pcolormesh(
        steps,
        100 * rates,
        ratio,
        norm=LogNorm(1 / 64, 64),
        cmap="RdBu_r",
        shading="nearest",
        rasterized=True,
        alpha=0.8,
    )
    bar = ax.figure.colorbar(mesh, ax=ax, extend="both", pad=0.02, ticks=[1 / 64, 1 / 8, 1, 8, 64])
    bar.set_ticklabels(["1/64", "1/8", "1", "8", "64"])
    bar.minorticks_off()
    bar.set_label("spiking energy / conventional energy", fontsize=8, color=INK)
    bar.ax.tick_params(labelsize=8, colors=INK)
    line = np.clip(100 * crossover.crossover_rate(model, across), 1e-9, None)
    ax.plot(steps, line, color="black", linewidth=2.0, label=f"equal energy: {model.name}")
    _draw_thresholds(ax, steps, None)
    _rate_axes(ax, 100 * rates[0], 100 * rates[-1], steps)
    ax.set_title(_described(layer), loc="left", fontsize=9, color=INK)
    return ax


def crossover_curves(
    ax, x, curves: dict, *, xlabel: str = "time steps T", steps: int | None = None
):
    """Crossover rates over steps, fan-in or another assumption; published thresholds behind them.

    Args:
        ax: matplotlib axes.
        x: what they are drawn over [n].
        curves: crossover rates [n] by name, spikes per neuron and step; 0 and less are left out.
        xlabel: what x is.
        steps: T of all curves where x is something else; None where x is T.

    Returns:
        ax.

    Raises:
        TypeError, ValueError: x or steps that are not possible, or no curves.
    """
    if not curves:
        raise ValueError("crossover_curves: curves must name at least one curve, got none")
    if steps is None:
        x = step_counts("crossover_curves", x)
    else:
        x = bounded("crossover_curves", "x", x)
        steps = step_counts("crossover_curves", steps)
    lowest, highest = 1.0, 10.0
    for place, (name, rate) in enumerate(curves.items()):
        percent = 100 * np.asarray(rate, float)
        percent = np.where(percent > 0, percent, np.nan)
        style = {
            "color": CURVES[place % len(CURVES)],
            "linestyle": LINES[place // len(CURVES) % len(LINES)],
        }
        mark = "." if steps is None else None
        ax.plot(x, percent, label=name, linewidth=1.8, marker=mark, zorder=3, **style)
        if np.any(np.isfinite(percent)):
            lowest = min(lowest, float(np.nanmin(percent)))
            highest = max(highest, float(np.nanmax(percent)))
    _draw_thresholds(ax, x, steps)
    _rate_axes(ax, 0.7 * lowest, min(100.0, 1.5 * highest), x)
    ax.set_xlabel(xlabel)
    if steps is not None:
        ax.set_title(f"T {steps}", loc="left", fontsize=9, color=INK)
    return ax


def published_thresholds(ax, *, steps: int, spikes_per_synapse=None, name: str = "this workload"):
    """Every published threshold with its conditions; where a workload lies, and what they say.

    Args:
        ax: matplotlib axes.
        steps: T of one inference.
        spikes_per_synapse: of the workload, per inference; None to show the thresholds alone.
        name: of the workload.

    Returns:
        ax.

    Raises:
        TypeError, ValueError: what ``energy.thresholds.verdict`` refuses.
    """
    shown = 0.0 if spikes_per_synapse is None else spikes_per_synapse
    verdicts = verdict(spikes_per_synapse=shown, steps=steps)
    left, right = 0.02, max(5.0, 2.0 * shown)
    labels = []
    for place, each in enumerate(verdicts):
        bound = each.threshold
        colour = THRESHOLD_STYLES[bound.name]["color"]
        ends = [each.low, max(each.high, each.low * 1.03)]
        ax.plot(ends, [place, place], color=colour, linewidth=9, solid_capstyle="butt")
        beyond = "" if each.published else f"; not published for T {steps}"
        note = textwrap.fill(f"{bound.condition} ({bound.evidence}{beyond})", 60)
        labels.append(f"{bound.name}\n{note}")
        extent = (
            f"{each.low:.3g}" if each.low == each.high else f"{each.low:.3g} to {each.high:.3g}"
        )
        known = spikes_per_synapse is not None
        says = f"{extent}\n{each.verdict}" if known else extent
        shade = VERDICT_COLOURS[each.verdict] if known else INK
        ax.text(1.02, place, says, fontsize=8, color=shade, va="center", **_beside(ax))
    if spikes_per_synapse is not None:
        ax.axvline(max(shown, left), color="black", linewidth=1.5)
        title = f"{name}: {shown:.3g} spikes per synapse, T {steps}"
        ax.set_title(title, loc="right", fontsize=9, color=INK)
    ax.set_xscale("log")
    ax.set_xlim(left, right)
    ax.set_ylim(len(verdicts) - 0.5, -0.5)
    ax.set_xlabel("spikes per synapse and inference")
    ax.grid(axis="x", color=GRID, linewidth=0.6)
    ax.set_axisbelow(True)
    _plain_numbers(ax.xaxis)
    plain(ax)
    ax.set_yticks(range(len(labels)), labels, fontsize=7)
    ax.tick_params(axis="y", length=0)
    return ax


def _beside(ax) -> dict:
    return {"transform": ax.get_yaxis_transform(), "clip_on": False}


def _draw_thresholds(ax, x, steps: int | None) -> None:
    """The published thresholds as rates, at the steps on the x axis or at those that are given."""
    for bound in THRESHOLDS:
        style = dict(THRESHOLD_STYLES[bound.name])
        at = np.asarray(x if steps is None else np.full(len(x), steps), float)
        label = textwrap.fill(f"{bound.name}: {bound.condition}", WIDTH)
        published = np.array([bound.published_for(each) for each in at], bool)
        if not published.any():
            continue
        where = np.asarray(x, float)[published]
        factor = 100.0 if bound.unit == "rate" else 100.0 / at[published]
        low, high = bound.low * factor, bound.high * factor
        if "hatch" in style:
            ax.fill_between(
                where,
                low,
                high,
                facecolor="none",
                edgecolor=style["color"],
                hatch=style["hatch"],
                linewidth=0.8,
                alpha=0.8,
                label=label,
                zorder=1,
            )
            continue
        low = np.broadcast_to(low, where.shape)
        style.setdefault("linestyle", "-")
        every = {"markevery": 1 if steps is None else max(1, len(where) // 8), "markersize": 5}
        every["markerfacecolor"] = "white"
        ax.plot(where, low, label=label, linewidth=1.4, zorder=2, **style, **every)


def _rate_axes(ax, low: float, high: float, x) -> None:
    ax.set_xscale("log", base=2)
    ax.set_yscale("log")
    ax.set_xlim(np.min(x), np.max(x))
    ax.set_ylim(low, high)
    ax.set_xlabel("time steps T")
    ax.set_ylabel(PERCENT)
    for axis in (ax.xaxis, ax.yaxis):
        _plain_numbers(axis)
    ax.grid(color=GRID, linewidth=0.6, zorder=0)
    ax.legend(
        loc="upper left",
        bbox_to_anchor=(0.0, -0.14),
        fontsize=7,
        frameon=False,
        borderaxespad=0.0,
    )
    plain(ax)


def _plain_numbers(axis) -> None:
    from matplotlib.ticker import FuncFormatter, NullFormatter

    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def _described(layer) -> str:
    weights = f"weights {layer.snn_weight_bits:g} and {layer.conventional_weight_bits:g} bits"
    reuse = f", read for {layer.weight_reuse:g} conventional input{'s'[: layer.weight_reuse > 1]}"
    routed = f", {layer.hops:g} hops" if np.any(layer.hops) else ", nothing routed"
    return f"fan-in {layer.fan_in:g}, {weights}{reuse}{routed}"
