"""Table and picture of ``python -m benchmarks training``."""

from __future__ import annotations

import json
import statistics
from pathlib import Path

from benchmarks import machine
from benchmarks.report import GRID, INK, _versions
from benchmarks.training import DIGITS, STEPS
from benchmarks.training_contenders import CONTENDERS
from benchmarks.training_work import WORK

OWN = ("cusnn", "cusnn.torch")
LIBRARIES = tuple(name for name, contender in CONTENDERS.items() if contender.library)
COLOURS = {
    "cusnn": "#2a5d8f",
    "cusnn.torch": "#4fa3a5",
    "SpikingJelly": "#cf3f4f",
    "snnTorch": "#d98f2b",
    "Norse": "#7d5ba6",
}
OTHER = "#9a9a9a"


def medians(entry: dict) -> dict[str, float]:
    """Median seconds of a call, or of an epoch, by contender."""
    return {name: statistics.median(found) for name, found in times(entry).items()}


def times(entry: dict) -> dict[str, list[float]]:
    """A number for each process: the median of its calls."""
    found = {}
    for name, runs in entry["runs"].items():
        done = [run for run in runs if "error" not in run]
        if done:
            found[name] = [
                statistics.median(run["seconds"]) if "seconds" in run else run["epoch_s"]
                for run in done
            ]
    return found


def markdown(content: dict) -> str:
    """The comparison, and every contender's numbers below it."""
    about, rows = content["machine"], content["rows"]
    lines = [
        f"**{machine.title(about)}**",
        "",
        ", ".join(f"{name} {value}" for name, value in _versions(about)),
        "",
        f"Forward and backward, float32, {content['threads']} threads each, a process per run, in "
        "turns; median of the processes' medians. Spikes and gradients of every contender agree "
        "with those of our operations for its surrogate, or its time is not shown.",
        "",
        "| work | cusnn | cusnn.torch | best library | times faster: cusnn | cusnn.torch | aim |",
        "|---|---:|---:|---:|---:|---:|---|",
    ]
    lines += [f"| {' | '.join(_summary(name, rows[name]))} |" for name in _timed(rows)]
    lines += [
        "",
        "| work | contender | ms (least - most) | runs | MB |",
        "|---|---|---:|---:|---:|",
    ]
    for name in _timed(rows):
        lines += [f"| {' | '.join(cells)} |" for cells in _details(name, rows[name])]
    if DIGITS in rows:
        lines += ["", *_accuracies(rows[DIGITS])]
    if STEPS in rows:
        lines += ["", *_by_steps(rows[STEPS])]
    return "\n".join([*lines, "", *_notes(rows)]) + "\n"


def _timed(rows: dict) -> list[str]:
    return [name for name in (*WORK, DIGITS) if name in rows]


def _summary(name: str, entry: dict) -> tuple[str, ...]:
    found = medians(entry)
    libraries = {library: found[library] for library in LIBRARIES if library in found}
    best = min(libraries, key=libraries.get, default=None)
    title = entry["title"] + (", an epoch" if name == DIGITS else "")
    own = tuple(f"{found[one] * 1e3:.3g} ms" if one in found else "-" for one in OWN)
    peer = "-" if best is None else f"{libraries[best] * 1e3:.3g} ms ({best})"
    ratios = tuple(
        f"{libraries[best] / found[one]:.3g}" if best is not None and one in found else "-"
        for one in OWN
    )
    asked = 4.0 if name == DIGITS else entry["asked"]
    return title, *own, peer, *ratios, f"{asked:g} times"


def _details(name: str, entry: dict) -> list[tuple[str, ...]]:
    rows = []
    for contender, found in times(entry).items():
        grown = [run["grown_bytes"] for run in entry["runs"][contender] if "grown_bytes" in run]
        rows.append(
            (
                entry["title"],
                contender,
                f"{statistics.median(found) * 1e3:.3g} ({min(found) * 1e3:.3g} - "
                f"{max(found) * 1e3:.3g})",
                str(len(found)),
                f"{statistics.median(grown) / 1e6:.0f}" if grown else "-",
            )
        )
    return rows


def _accuracies(entry: dict) -> list[str]:
    lines = [
        "| digits | test accuracy, median (least - most) | seeds | s to 95% | s to 97% |",
        "|---|---:|---:|---:|---:|",
    ]
    for name, runs in entry["runs"].items():
        done = [run for run in runs if "error" not in run]
        if not done:
            continue
        found = [run["accuracy"] for run in done]
        cells = [
            name,
            f"{statistics.median(found):.1%} ({min(found):.1%} - {max(found):.1%})",
            str(len(found)),
            *(_to_level(done, level) for level in ("0.95", "0.97")),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _to_level(runs: list[dict], level: str) -> str:
    reached = [run["to_level"][level] for run in runs if run["to_level"][level] is not None]
    if len(reached) < len(runs):
        return f"{len(reached)} of {len(runs)} reached it"
    return f"{statistics.median(reached):.2g}"


def _by_steps(entry: dict) -> list[str]:
    lines = [
        "| digits, T | test accuracy, median (least - most) | spikes per inference | hidden rate | "
        "ms an epoch |",
        "|---|---:|---:|---:|---:|",
    ]
    for steps, runs in entry["runs"].items():
        done = [run for run in runs if "error" not in run]
        found = [run["accuracy"] for run in done]
        cells = [
            steps,
            f"{statistics.median(found):.1%} ({min(found):.1%} - {max(found):.1%})",
            f"{statistics.median(run['spikes'] for run in done):.0f}",
            f"{statistics.median(run['rates']['hidden'] for run in done):.3f}",
            f"{statistics.median(run['epoch_s'] for run in done) * 1e3:.0f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _notes(rows: dict) -> list[str]:
    lines = [
        "cusnn: `cusnn.ops` on NumPy arrays; in the digits `cusnn train digits`. MB: what the "
        "process came to hold beyond inputs and libraries. Times are of this machine, which is "
        "shared; their ratios hold."
    ]
    for entry in rows.values():
        for name, found in entry.get("disagreements", {}).items():
            if found:
                lines += ["", f"{entry['title']}, {name}: time withheld. {'; '.join(found)}."]
        for name, reason in entry.get("missing", {}).items():
            lines += ["", f"{entry['title']}: {name} was not run: {reason}."]
    return lines


def plot(content: dict):
    """A dot per process and contender, by row; returns the matplotlib figure."""
    import matplotlib.pyplot as plt

    names = _timed(content["rows"])
    figure, ax = plt.subplots(figsize=(9, 1.6 + 0.6 * len(names)), layout="constrained")
    order = list(CONTENDERS)
    for position, name in enumerate(names):
        for contender, found in times(content["rows"][name]).items():
            shift = 0.1 * (order.index(contender) - (len(order) - 1) / 2)
            colour = COLOURS.get(contender, OTHER)
            marker = "o" if contender in COLOURS else "s" if "hand" in contender else "^"
            milliseconds = [seconds * 1e3 for seconds in found]
            ax.plot(
                milliseconds, [position + shift] * len(found), marker, color=colour, ms=4,
                label=contender,
            )  # fmt: skip
    ax.set_xscale("log")
    ax.set_yticks(range(len(names)), [content["rows"][name]["title"] for name in names])
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.set_xlabel("milliseconds forward and backward, every process; an epoch of the digits")
    ax.grid(color=GRID, linewidth=0.5)
    ax.set_axisbelow(True)
    ax.tick_params(length=0, labelsize=8)
    for spine in ax.spines.values():
        spine.set_visible(False)
    handles, labels = ax.get_legend_handles_labels()
    unique = dict(zip(labels, handles, strict=True))
    figure.legend(
        unique.values(), unique, loc="outside upper right", ncols=4, frameon=False, fontsize=8
    )
    figure.suptitle(machine.title(content["machine"]), fontsize=10, color=INK, x=0.01, ha="left")
    return figure


def write(path: Path) -> list[Path]:
    """Markdown and picture beside a result file.

    Raises:
        ValueError: a file without rows.
    """
    content = json.loads(Path(path).read_text(encoding="utf-8"))
    if not content.get("rows"):
        raise ValueError(f"{path} holds no training results")
    text, picture = path.with_suffix(".md"), path.with_suffix(".png")
    text.write_text(markdown(content), encoding="utf-8")
    figure = plot(content)
    figure.savefig(picture, dpi=130)
    return [text, picture]
