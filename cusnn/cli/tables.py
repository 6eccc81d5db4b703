"""How numbers and pairs of name and text are printed."""

from __future__ import annotations

from rich import box, markup
from rich.console import Console
from rich.table import Table


def pairs(rows: dict[str, str]) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, text in rows.items():
        table.add_row(name, escape(text))
    return table


def plain_table(title: str, first: str = "") -> Table:
    """A table without lines between its columns, with the header of the first."""
    table = Table(
        title=title or None,
        title_justify="left",
        box=box.SIMPLE_HEAD,
        padding=(0, 1),
        collapse_padding=True,
        pad_edge=False,
        show_edge=False,
    )
    table.add_column(first)
    return table


def number(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)


def digits(value: float | None) -> str:
    """Three digits, or all of a large number."""
    return "-" if value is None else f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def seconds(value: float) -> str:
    return f"{digits(value)} s"


def gigabytes(n_bytes: int | None) -> str:
    return "unknown" if n_bytes is None else f"{n_bytes / 1e9:.2f} GB"


def escape(text) -> str:
    return markup.escape(str(text))


def stderr() -> Console:
    return Console(stderr=True, emoji=False)
