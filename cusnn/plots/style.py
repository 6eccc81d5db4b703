"""Colours, labels and axes that all pictures share."""

from __future__ import annotations

import re

INSTALL_HINT = 'plots need matplotlib: pip install "cusnn[plot]"'
# A label's last letter is a kind where it ends a name: that of L4E and coreE, not that of PIE.
KIND = re.compile(r"(?<=[a-z0-9])[EI]$")
EXCITATORY, INHIBITORY, INK, GRID = "#2a5d8f", "#cf3f4f", "#333333", "#d9d9d9"
SHADES = (EXCITATORY, INHIBITORY, "#3f8f5a", "#8a5fa8", "#c98a2b")


def colour(label: str) -> str:
    """Colour of a population."""
    return INHIBITORY if label.endswith("I") else EXCITATORY


def pretty(label: str) -> str:
    """A label as it is printed: layers 2 and 3 are one."""
    return KIND.sub(r" \g<0>", layer_name(label))


def layer_of(label: str) -> str:
    return KIND.sub("", label)


def layer_name(label: str) -> str:
    return re.sub(r"L23(?!\d)", "L2/3", label)


def figure_class():
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(INSTALL_HINT) from error
    return Figure


def plain(ax) -> None:
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color("#999999")
    ax.tick_params(colors=INK, labelsize=9)
    ax.xaxis.label.set_color(INK)
    ax.yaxis.label.set_color(INK)
