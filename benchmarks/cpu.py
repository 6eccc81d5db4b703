"""``python -m benchmarks cpu``: every case on NumPy and Numba, as a table and as JSON."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

from rich import box
from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks import machine, measure, report
from benchmarks.cases import CASES, Case

BACKENDS = ("numpy", "numba")


def work(cases, backends) -> Iterator[tuple[Case, dict, str]]:
    """What is to be measured, in order."""
    for case in cases:
        for sizes in case.sizes:
            for backend in backends:
                if sizes in case.sizes_on(backend):
                    yield case, sizes, backend


def run(out: Path, cases=CASES, backends=BACKENDS, budget: float = 0.5) -> int:
    """Measure, print the table and write ``cpu.json``; returns the exit code."""
    console, started, items = Console(), time.monotonic(), []
    about = machine.describe()
    plan = list(work(cases, backends))
    for case, sizes, backend in track(plan, "measuring", console=console, transient=True):
        items.append(one(case, sizes, backend, budget))
    failed = [item for item in items if item["status"] == "failed"]
    content = {
        "part": "cpu",
        "status": "failed" if failed else "passed",
        "seconds": round(time.monotonic() - started, 1),
        "machine": about,
        "items": items,
    }
    out.mkdir(parents=True, exist_ok=True)
    path = out / "cpu.json"
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    console.print(table(about, items))
    for item in failed:
        console.print(f"[red]failed[/] {item['case']} on {item['backend']}: {item['error']}")
    console.print(f"written: {path}")
    return 1 if failed else 0


def one(case: Case, sizes: dict, backend: str, budget: float) -> dict:
    """One row; a result that is wrong gets no time."""
    try:
        return measure.measure(case, sizes, measure.target(backend), budget)
    except Exception as error:
        first = str(error).strip().splitlines() or [""]
        return {
            "operation": case.op,
            "case": case.name,
            "backend": backend,
            "sizes": measure.sizes_text(sizes, case),
            "status": "failed",
            "error": f"{type(error).__name__}: {first[0]}",
        }


def table(about: dict, items: list[dict]) -> Table:
    """The rows for the terminal."""
    found = Table(title=machine.title(about), title_justify="left", box=box.SIMPLE)
    for name in ("operation", "sizes", "backend"):
        found.add_column(name)
    for name in ("time", "GB/s", "of a copy"):
        found.add_column(name, justify="right")
    last = None
    for item in items:
        if item["status"] == "failed":
            continue
        row = (item["case"], item["sizes"])
        shown = row if row != last else ("", "")
        rate, _, share = report.rates(item)
        found.add_row(*shown, item["backend"], report.duration(item["seconds"]), rate, share)
        last = row
    return found
