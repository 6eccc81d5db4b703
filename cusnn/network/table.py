"""Descriptions as text, in columns."""

from __future__ import annotations

from dataclasses import MISSING, fields

import numpy as np

from cusnn.network.connectors import FromList


def describe(network) -> str:
    """Tables of the populations, projections and stimuli."""
    head = (
        f"Network of {network.size:,} neurons and {network.n_synapses:,} synapses, "
        f"dt {network.dt:g} ms, seed {network.seed}"
    )
    populations = [
        (p.label, f"{p.size:,}", short(p.neuron), _initial(p)) for p in network.populations
    ]
    projections = [
        (
            f"{p.pre} -> {p.post}",
            short(p.connector),
            f"{count:,}",
            short(p.weights),
            short(p.delays),
            p.receptor or "",
        )
        for p, count in zip(network.projections, network.counts, strict=True)
    ]
    stimuli = [(s.population, short(s, leave_out=("population",))) for s in network.stimuli]
    parts = [
        _columns("populations", ("size", "neuron", "initial"), populations),
        _columns(
            "projections", ("connector", "synapses", "weight", "delay", "receptor"), projections
        ),
        _columns("stimuli", ("",), stimuli),
    ]
    return "\n\n".join([head, *filter(None, parts)])


def short(value, leave_out: tuple[str, ...] = ()) -> str:
    """A value in a few words: no defaults, no entries of arrays."""
    if isinstance(value, np.ndarray):
        shape = " x ".join(str(size) for size in value.shape)
        return f"array [{shape}]"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, FromList):
        return f"FromList({value.sources.size:,} synapses)"
    if not hasattr(value, "__dataclass_fields__"):
        return str(value)
    given = [
        f"{field.name}={short(getattr(value, field.name))}"
        for field in fields(value)
        if field.name not in leave_out and not _is_default(field, getattr(value, field.name))
    ]
    return f"{type(value).__name__}({', '.join(given)})"


def _is_default(field, value) -> bool:
    if field.default is MISSING or isinstance(value, np.ndarray):
        return False
    return value is field.default or value == field.default


def _initial(population) -> str:
    return ", ".join(f"{name}={short(value)}" for name, value in population.start.items())


def _columns(title: str, names: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    if not rows:
        return ""
    table = [(title, *names), *rows]
    widths = [max(len(row[j]) for row in table) for j in range(len(table[0]))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in table
    ]
    return "\n  ".join(lines)
