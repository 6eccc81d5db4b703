"""Pictures of single neurons."""

from __future__ import annotations

import numpy as np

from cusnn.plots.style import EXCITATORY, INK, plain


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
    plain(ax)
    return ax


def _round_number(value: float) -> float:
    """Largest of 1, 2, 5 times a power of ten that is at most ``value``."""
    power = 10.0 ** np.floor(np.log10(value))
    return float(max(m for m in (1, 2, 5) if m * power <= value * (1 + 1e-9)) * power)
