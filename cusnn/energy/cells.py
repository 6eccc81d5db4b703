"""Rows of a comparison as they are printed: cells of text, units once, terms in few words."""

from __future__ import annotations

import textwrap

from cusnn.energy.units import si

HEADER = ["", "modelled", "range", "each", "measured", "each", "scope", "evidence", ""]
NAME_WIDTH = 36
# Terms that are missing together, and the name of both.
BOTH = {
    "neuron_updates_active, neuron_updates_idle": "neuron_updates",
    "effective_acs, effective_macs": "synaptic_operations",
}


def cells(row: dict, per: str) -> list[str]:
    """A row of ``Comparison.rows`` as text, under ``HEADER``.

    Args:
        row: of ``Comparison.rows``.
        per: "inference" or "synaptic_op", of which the columns "each" are.
    """
    modelled = "at_least" if row["missing"] else "modelled"
    names = (f"{modelled}_j", f"{modelled}_per_{per}_j", "measured_j", f"measured_per_{per}_j")
    found = ["" if row[name] is None else si(row[name], "J") for name in names]
    if row["missing"]:
        found[:2] = [f"≥ {cell}" if cell else "" for cell in found[:2]]
    place = {"modelled": 0, "measured": 2}.get(row["kind"])
    if place is not None and not found[place]:
        found[place] = "not known"
    windows = span(row["measured_low_j"], row["measured_high_j"])
    left_out = missing_text(row["missing"])
    said = (
        row["reason"],
        row["warning"] and f"warning: {row['warning']}",
        windows and f"{windows} over windows",
        left_out and f"without {left_out}",
    )
    total, each, measured, measured_each = found
    return [
        row["label"],
        total,
        span(row[f"{modelled}_low_j"], row[f"{modelled}_high_j"]),
        each,
        measured,
        measured_each,
        row["scope"].replace("_", " "),
        row["evidence"],
        "; ".join(filter(None, said)),
    ]


def span(low: float | None, high: float | None) -> str:
    """Both ends of a range in J, with their unit once where it is the same; "" for no range."""
    if None in (low, high):
        return ""
    least, most = si(low, "J"), si(high, "J")
    if least == most:
        return ""
    number, _, unit = least.rpartition(" ")
    return f"{number if unit == most.rpartition(' ')[2] else least} to {most}"


def missing_text(missing: list[str]) -> str:
    """Terms that are missing, as a list in words; "" for none."""
    text = ", ".join(missing)
    for both, name in BOTH.items():
        text = text.replace(both, name)
    return text.replace("_", " ")


def narrow(row: list[str]) -> list[list[str]]:
    """Lines of a row for a table of 100 columns: what it is of and what it holds under its name."""
    label, *numbers, scope, evidence, said = row
    about = "; ".join(filter(None, (", ".join(filter(None, (scope, evidence))), said)))
    lines = textwrap.wrap(label, NAME_WIDTH, subsequent_indent="  ")
    lines += textwrap.wrap(about, NAME_WIDTH, initial_indent="  ", subsequent_indent="  ")
    blank = [""] * len(numbers)
    return [[line, *(numbers if not at else blank)] for at, line in enumerate(lines)]
