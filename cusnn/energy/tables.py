"""Tables as text and as Markdown, and the step to pandas."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def text_table(
    header: Sequence[str], rows: Iterable[Sequence[str]], *, right: Sequence[int] = ()
) -> str:
    """Columns of equal width under a header, as plain text.

    Args:
        header: names of the columns.
        rows: cells, text.
        right: numbers of the columns that end flush.

    Raises:
        ValueError: a row with more or fewer cells than columns.
    """
    lines = [tuple(header), *map(tuple, rows)]
    _check(header, lines)
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    lines.insert(1, tuple("-" * width for width in widths))
    return "\n".join(
        "  ".join(
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def markdown_table(
    header: Sequence[str], rows: Iterable[Sequence[str]], *, right: Sequence[int] = ()
) -> str:
    """A Markdown table; "|" in a cell is escaped.

    Args:
        header, rows, right: as of ``text_table``.

    Raises:
        ValueError: a row with more or fewer cells than columns.
    """
    lines = [tuple(header), *map(tuple, rows)]
    _check(header, lines)
    rule = tuple("---:" if column in right else "---" for column in range(len(header)))
    lines = [tuple(cell.replace("|", "\\|") for cell in line) for line in lines]
    lines.insert(1, rule)
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def frame(rows: list[dict]):
    """Rows as a pandas DataFrame.

    Raises:
        ImportError: pandas is not installed.
    """
    try:
        import pandas
    except ImportError as error:
        raise ImportError(
            "to_dataframe needs pandas: pip install pandas; `rows()` gives the same as a list of "
            "dicts"
        ) from error
    return pandas.DataFrame(rows)


def _check(header: Sequence[str], lines: list[tuple[str, ...]]) -> None:
    for line in lines:
        if len(line) != len(header):
            raise ValueError(f"table: {len(line)} cells under {len(header)} columns: {line}")
