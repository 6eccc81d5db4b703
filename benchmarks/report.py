"""Results as a Markdown table and a picture: ``python -m benchmarks report FILE.json``."""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks import machine

INK, GRID = "#333333", "#d9d9d9"
COLOURS = {"numpy": "#9a9a9a", "numba": "#2a5d8f", "cuda": "#3f8f4f"}
OTHERS = ("#cf3f4f", "#d98f2b", "#7d5ba6", "#4fa3a5")


def load(path: Path) -> tuple[dict, list[dict]]:
    """Machine and rows of a file of pytest-benchmark, or of ours.

    Raises:
        ValueError: a file that is neither.
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise ValueError(f"{path} is not JSON: {error}") from None
    if isinstance(content, dict) and "benchmarks" in content:
        return _machine_of(content), [_row(benchmark) for benchmark in content["benchmarks"]]
    if isinstance(content, dict) and "items" in content and "machine" in content:
        return content["machine"], [item for item in content["items"] if "seconds" in item]
    raise ValueError(f"{path} holds no benchmark results")


def _machine_of(content: dict) -> dict:
    if "cusnn_machine" in content:
        return content["cusnn_machine"]
    cpu = content.get("machine_info", {}).get("cpu", {})
    return {"cpu": cpu.get("brand_raw", "unknown CPU"), "cores": cpu.get("count", "?")}


def _row(benchmark: dict) -> dict:
    stats = benchmark["stats"]
    return {
        "case": benchmark["name"],
        "backend": "",
        "sizes": "",
        **benchmark.get("extra_info", {}),
        "seconds": stats["median"],
        "fastest": stats["min"],
        "rounds": stats["rounds"],
    }


def markdown(about: dict, rows: list[dict]) -> str:
    """A table of all rows, with the machine above it."""
    lines = [
        f"**{machine.title(about)}**",
        "",
        ", ".join(f"{key} {value}" for key, value in _versions(about)),
        "",
        "Median time of a call on arrays that are there; every result was compared with the NumPy "
        "reference before. GB/s: bytes that the call must move over that time; copy: a plain copy "
        "of as many bytes on all threads, or on the device, in the same run.",
        "",
        "| operation | sizes | backend | time | GB/s | copy GB/s | share of copy |",
        "|---|---|---|---:|---:|---:|---:|",
    ]
    for row in rows:
        cells = (row["case"], row["sizes"], row["backend"], duration(row["seconds"]), *rates(row))
        lines.append(f"| {' | '.join(cells)} |")
    counted = sorted({(r["case"], r["bytes_counted"]) for r in rows if "bytes_counted" in r})
    by_text: dict[str, list[str]] = {}
    for case, text in counted:
        by_text.setdefault(text, []).append(case)
    lines += ["", "Bytes counted:", ""]
    lines += [f"- {text}: {', '.join(cases)}." for text, cases in by_text.items()]
    return "\n".join(lines) + "\n"


def _versions(about: dict) -> list[tuple[str, str]]:
    keys = (
        "commit",
        "date",
        "load",
        "python",
        "numpy",
        "numba",
        "cupy",
        "driver",
        "cuda_runtime",
        "nvrtc",
    )
    found = [(key, about[key]) for key in keys if about.get(key)]
    if about.get("dirty"):
        found[:1] = [("commit", f"{about['commit']} with changes")]
    return found


def duration(seconds: float) -> str:
    """Three digits and a unit."""
    for factor, unit in ((1, "s"), (1e3, "ms"), (1e6, "us")):
        if seconds * factor >= 1 or unit == "us":
            return f"{seconds * factor:.3g} {unit}"
    raise AssertionError


def rates(row: dict) -> tuple[str, str, str]:
    """GB/s, the copy's GB/s and the share, as text."""
    if "gb_per_s" not in row:
        return "", "", ""
    return (
        f"{row['gb_per_s']:.3g}",
        f"{row['copy_gb_per_s']:.3g}",
        f"{100 * row['share_of_copy']:.3g}%",
    )


def plot(about: dict, rows: list[dict]):
    """Times and shares of a copy, a dot per backend; returns the matplotlib figure."""
    import matplotlib.pyplot as plt

    labels = list(dict.fromkeys(label(row) for row in rows))
    backends = list(dict.fromkeys(row["backend"] for row in rows))
    others = iter(OTHERS * len(backends))
    colours = {name: COLOURS.get(name) or next(others) for name in backends}
    height = 1.5 + 0.2 * len(labels)
    figure, (times, shares) = plt.subplots(
        1, 2, figsize=(12, height), sharey=True, layout="constrained"
    )
    for backend in backends:
        own = [row for row in rows if row["backend"] == backend]
        _dots(times, own, labels, "seconds", backend, colours[backend])
        _dots(shares, own, labels, "share_of_copy", backend, colours[backend])
    times.set_xlabel("median time of a call, s", fontsize=9)
    shares.set_xlabel("bytes per second over those of a copy", fontsize=9)
    shares.axvline(1, color=INK, linewidth=0.8)
    for ax in (times, shares):
        ax.set_xscale("log")
        ax.grid(color=GRID, linewidth=0.5)
        ax.set_axisbelow(True)
        ax.tick_params(length=0, labelsize=8)
        for spine in ax.spines.values():
            spine.set_visible(False)
    times.set_yticks(range(len(labels)), labels)
    times.set_ylim(len(labels) - 0.5, -0.5)
    figure.suptitle(machine.title(about), fontsize=11, color=INK)
    handles, names = times.get_legend_handles_labels()
    figure.legend(
        handles, names, loc="outside upper right", ncols=len(names), frameon=False, fontsize=9
    )
    return figure


def label(row: dict) -> str:
    return f"{row['case']}  {row['sizes']}".strip()


def _dots(ax, rows, labels, key, name, colour) -> None:
    points = [(row[key], labels.index(label(row))) for row in rows if key in row]
    if points:
        ax.plot(*zip(*points, strict=True), "o", color=colour, markersize=5, label=name)


def write(path: Path, out: Path | None = None) -> list[Path]:
    """Render a result file; returns the Markdown file and the picture.

    Args:
        path: JSON of pytest-benchmark, or of ``python -m benchmarks cpu`` or ``gpu``.
        out: folder; None for the one that the file is in.

    Raises:
        ValueError: a file without results.
    """
    path = Path(path)
    about, rows = load(path)
    if not rows:
        raise ValueError(f"{path} holds no timings")
    out = Path(out) if out else path.parent
    out.mkdir(parents=True, exist_ok=True)
    text, picture = out / f"{path.stem}.md", out / f"{path.stem}.png"
    text.write_text(markdown(about, rows), encoding="utf-8")
    figure = plot(about, rows)
    figure.savefig(picture, dpi=130)
    return [text, picture]
