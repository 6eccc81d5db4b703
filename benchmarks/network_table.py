"""Table and picture of ``python -m benchmarks networks``."""

from __future__ import annotations

import json
import statistics
from pathlib import Path

from benchmarks import machine
from benchmarks.networks import NAMES, OWN, timed
from benchmarks.report import GRID, INK, _versions

COLOURS = {"cusnn": "#2a5d8f", "nest": "#d98f2b", "brian": "#cf3f4f"}


def shown(entry: dict) -> dict[str, list[dict]]:
    """Timed runs that may be shown, by simulator and threads."""
    present = [name for name in NAMES if name in entry["statistics"]]
    allowed = timed(present, entry.get("disagreements", {}))
    runs = {
        name: [run for run in found if "error" not in run] for name, found in entry["runs"].items()
    }
    return {name: found for name, found in runs.items() if found and name.split()[0] in allowed}


def best(entry: dict, simulators: tuple[str, ...]) -> tuple[str, float] | None:
    """Simulator and threads with the least median real-time factor, and that."""
    medians = {
        name: statistics.median(run["rtf"] for run in runs)
        for name, runs in shown(entry).items()
        if name.split()[0] in simulators
    }
    if not medians:
        return None
    fastest = min(medians, key=medians.get)
    return fastest, medians[fastest]


def named(found: str) -> str:
    """Simulator and threads in words."""
    simulator, threads = found.split()
    if threads == OWN:
        return f"{NAMES[simulator]}, own choice"
    return f"{NAMES[simulator]}, {threads} thread{'s' if threads != '1' else ''}"


def markdown(content: dict) -> str:
    """The comparison, and every simulator's numbers below it."""
    about = content["machine"]
    lines = [
        f"**{machine.title(about)}**",
        "",
        ", ".join(f"{name} {value}" for name, value in _versions(about)),
        "",
        "Real-time factor (RTF): wall seconds over seconds of model time, median of the runs, with "
        "the least and the most; the simulators took turns. 0.1 ms steps, 100 ms before the timed "
        "stretch. Rates and CVs of every peer lie within the spread of our seeds, or its time is "
        "not shown. cusnn records all spikes, NEST and Brian 2 (C++ standalone, float32) count "
        "them. Times do not hold build and compilation.",
        "",
        "| network | cusnn | best peer | times faster | than NEST | aim |",
        "|---|---:|---:|---:|---:|---|",
    ]
    entries = content["rows"].values()
    lines += [f"| {' | '.join(_summary(entry))} |" for entry in entries]
    lines += [
        "",
        "| network | simulator | RTF (least - most) | runs | build s | code s | GB | B/synapse |",
        "|---|---|---:|---:|---:|---:|---:|---:|",
    ]
    lines += [f"| {' | '.join(cells)} |" for entry in entries for cells in _details(entry)]
    lines += ["", *_notes(content)]
    return "\n".join(lines) + "\n"


def _summary(entry: dict) -> tuple[str, ...]:
    own, peer, nest = (best(entry, names) for names in (("cusnn",), ("nest", "brian"), ("nest",)))
    size = (
        f"{entry['title']} ({entry['neurons']:,} neurons, {entry['synapses'] / 1e6:.1f} M synapses)"
    )

    def text(found):
        return "-" if found is None else f"{found[1]:.3g} ({named(found[0])})"

    def times(found):
        return "-" if found is None or own is None else f"{found[1] / own[1]:.3g}"

    return size, text(own), text(peer), times(peer), times(nest), entry["asked"]


def _details(entry: dict) -> list[tuple[str, ...]]:
    rows = []
    for name, runs in shown(entry).items():
        factors = [run["rtf"] for run in runs]
        memory = statistics.median(run["peak_memory_bytes"] for run in runs)
        spread = f"{statistics.median(factors):.3g} ({min(factors):.3g} - {max(factors):.3g})"
        rows.append(
            (
                entry["title"],
                named(name),
                spread,
                str(len(runs)),
                f"{statistics.median(run['build_s'] for run in runs):.3g}",
                _code(entry, name, runs),
                f"{memory / 1e9:.2f}",
                f"{memory / entry['synapses']:.1f}",
            )
        )
    return rows


def _code(entry: dict, name: str, runs: list[dict]) -> str:
    """Seconds to write and compile code; for cusnn with an empty cache, and with a full one."""
    compiled = statistics.median(run["compile_s"] + run.get("write_s", 0.0) for run in runs)
    if name.startswith("cusnn"):
        return f"{entry['statistics']['cusnn'][0]['compile_s']:.3g}, then {compiled:.2g}"
    return f"{compiled:.3g}" if compiled else "-"


def _notes(content: dict) -> list[str]:
    lines = [
        "Build: everything between the description and the first step, synapses drawn anew. Code: "
        "writing and compiling; cusnn's with an empty cache, and as every later process has it. "
        "Memory: the most that the process held, for Brian 2 the compiled program's, all of it "
        "over the number of synapses in the last column."
    ]
    for entry in content["rows"].values():
        for name, found in entry.get("disagreements", {}).items():
            if found:
                lines += [
                    "",
                    f"{entry['title']}, {NAMES[name]}: time withheld. {'; '.join(found)}.",
                ]
        names = [name for name in entry["statistics"] if name != "cusnn"]
        if not names:
            lines += ["", f"{entry['title']}: not compared, for no peer was there."]
    for name, reason in content.get("not_available", {}).items():
        lines += ["", f"{NAMES[name]} was not run: {reason}."]
    return lines


def plot(content: dict):
    """Real-time factors, a dot per run and a bar to the best; returns the matplotlib figure."""
    import matplotlib.pyplot as plt

    entries = [entry for entry in content["rows"].values() if shown(entry)]
    height = 1.6 + 0.5 * len(entries)
    figure, ax = plt.subplots(figsize=(9, height), layout="constrained")
    for position, entry in enumerate(entries):
        for name, runs in shown(entry).items():
            simulator = name.split()[0]
            shift = 0.2 * (list(NAMES).index(simulator) - 1)
            factors = [run["rtf"] for run in runs]
            ax.plot(factors, [position + shift] * len(runs), "o", color=COLOURS[simulator], ms=4)
    for simulator, colour in COLOURS.items():
        ax.plot([], [], "o", color=colour, ms=4, label=NAMES[simulator])
    ax.set_xscale("log")
    ax.axvline(1.0, color=INK, linewidth=0.8)
    ax.set_yticks(range(len(entries)), [entry["title"] for entry in entries])
    ax.set_ylim(len(entries) - 0.5, -0.5)
    ax.set_xlabel("wall time over model time, every run; 1 is real time", fontsize=9)
    ax.grid(color=GRID, linewidth=0.5)
    ax.set_axisbelow(True)
    ax.tick_params(length=0, labelsize=8)
    for spine in ax.spines.values():
        spine.set_visible(False)
    figure.legend(loc="outside upper right", ncols=3, frameon=False, fontsize=9)
    figure.suptitle(machine.title(content["machine"]), fontsize=10, color=INK, x=0.01, ha="left")
    return figure


def write(path: Path) -> list[Path]:
    """Markdown and picture beside a result file.

    Raises:
        ValueError: a file without rows.
    """
    content = json.loads(Path(path).read_text(encoding="utf-8"))
    if not content.get("rows"):
        raise ValueError(f"{path} holds no networks")
    text, picture = path.with_suffix(".md"), path.with_suffix(".png")
    text.write_text(markdown(content), encoding="utf-8")
    figure = plot(content)
    figure.savefig(picture, dpi=130)
    return [text, picture]
