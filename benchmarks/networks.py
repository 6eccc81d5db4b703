"""``python -m benchmarks networks``: whole networks, cusnn beside NEST and Brian 2.

Every run is a process of its own. First each simulator records spikes, and what they say of rates
and CVs is held against the spread of our seeds; only a simulator that agrees is timed. Then the
simulators take turns, so that a busy machine is busy for all. Every run is written down as soon as
it is done; the same command goes on where the last one was cut.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import machine, network_rows
from benchmarks.network_rows import ROWS, WARMUP_MS, Row
from benchmarks.network_run import PREFIX

NAMES = {"cusnn": "cusnn", "nest": "NEST", "brian": "Brian 2"}
MODULES = {"nest": "nest", "brian": "brian2"}
# Threads of the runs for statistics; results depend on them in no simulator but by chance.
STATISTICS_THREADS = 2
OWN = "auto"


def key(simulator: str, threads: int | None) -> str:
    """How a simulator with so many threads is named in the result file."""
    return f"{simulator} {OWN if threads is None else threads}"


def programs(nest: str | None = None, brian: str | None = None) -> dict[str, str]:
    """The interpreter of every simulator."""
    return {
        "cusnn": sys.executable,
        "nest": nest or sys.executable,
        "brian": brian or sys.executable,
    }


def missing(simulator: str, program: str) -> str | None:
    """Why a peer cannot be run, or None."""
    if simulator not in MODULES:
        return None
    # NEST greets on the standard output.
    command = [program, "-c", f"import {MODULES[simulator]}"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{program} does not run: {error}"
    if done.returncode == 0:
        return None
    reason = (done.stderr.strip().splitlines() or [f"ended with {done.returncode}"])[-1]
    option = f"--{simulator}-python"
    return f"{program} cannot import {MODULES[simulator]} ({reason}); name another with {option}"


def child(program: str, task: dict, environment: dict[str, str]) -> dict:
    """Run a task in a process of its own.

    Returns:
        Its result, or {"error": the last line that it wrote}.
    """
    command = [program, "-m", "benchmarks.network_run", json.dumps(task)]
    paths = (str(machine.ROOT), os.environ.get("PYTHONPATH"))
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        **environment,
    }
    done = subprocess.run(
        command, cwd=machine.ROOT, env=environment, capture_output=True, text=True, check=False
    )
    for line in reversed(done.stdout.splitlines()):
        if line.startswith(PREFIX):
            return json.loads(line.removeprefix(PREFIX))
    lines = done.stderr.strip().splitlines() or [f"ended with {done.returncode}"]
    return {"error": lines[-1]}


@dataclass
class Series:
    """All rows of a result file, written anew after every run.

    Attributes:
        path: of the result file.
        programs: the interpreter of every simulator.
        threads: to run every simulator with.
        repeat: number of timed runs of each.
        run: what runs a task, as ``child`` does.
        absent: why a peer cannot be run, by name.
    """

    path: Path
    programs: dict[str, str]
    threads: tuple[int, ...] = (1, 2)
    repeat: int = 3
    run: Callable[[str, dict, dict], dict] = child
    absent: dict[str, str] = field(default_factory=dict)
    content: dict = field(default_factory=dict)

    def __post_init__(self):
        if self.path.exists():
            self.content = json.loads(self.path.read_text(encoding="utf-8"))
        self.content.setdefault("rows", {})

    def write(self) -> None:
        self.content["not_available"] = self.absent
        self.path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        temporary.write_text(json.dumps(self.content, indent=1) + "\n", encoding="utf-8")
        temporary.replace(self.path)

    def row(self, row: Row, again: bool = False) -> None:
        """Statistics, comparison and times of one network; what is there already stays."""
        if again:
            self.content["rows"].pop(row.name, None)
        entry = self.content["rows"].setdefault(row.name, self._entry(row))
        with tempfile.TemporaryDirectory(prefix="cusnn-networks-") as folder:
            self._statistics(row, entry, Path(folder))
            entry["disagreements"] = compare(entry["statistics"])
            for name, found in entry["disagreements"].items():
                text = "; ".join(found) or "rates and CVs agree with ours"
                print(f"{row.name}: {NAMES[name]}: {text}", flush=True)
            self._times(row, entry, Path(folder))
        self.write()

    def _entry(self, row: Row) -> dict:
        network = row.network(1)
        return {
            "title": row.title,
            "asked": row.asked,
            "neurons": network.size,
            "synapses": network.n_synapses,
            "warmup_ms": WARMUP_MS,
            "statistics_ms": row.statistics_ms,
            "machine": machine.describe(),
            "statistics": {},
            "runs": {},
        }

    def _present(self, row: Row) -> list[str]:
        return [name for name in row.simulators if name not in self.absent]

    def _statistics(self, row: Row, entry: dict, folder: Path) -> None:
        for simulator in self._present(row):
            runs = entry["statistics"].setdefault(simulator, [])
            runs[:] = [run for run in runs if "error" not in run]
            for seed in range(len(runs) + 1, (row.seeds if simulator == "cusnn" else 1) + 1):
                task = self._task(row, simulator, STATISTICS_THREADS, record=True, seed=seed)
                environment = {}
                if simulator == "cusnn" and seed == 1:
                    # With an empty cache, as after the installation: how long compiling takes.
                    environment["NUMBA_CACHE_DIR"] = str(folder / "numba")
                task["folder"] = str(folder / f"{simulator}_statistics")
                self.measure(runs, f"{row.name}: {simulator} seed {seed}", task, environment)

    def _times(self, row: Row, entry: dict, folder: Path) -> None:
        for turn, simulator, threads in self._turns(row, entry):
            runs = entry["runs"].setdefault(key(simulator, threads), [])
            runs[:] = [run for run in runs if "error" not in run]
            if len(runs) > turn:
                continue
            task = self._task(row, simulator, threads, record=False, seed=1)
            task["folder"] = str(folder / f"{simulator}_{threads}")
            self.measure(runs, f"{row.name}: {key(simulator, threads)} run {turn + 1}", task)

    def _turns(self, row: Row, entry: dict) -> Iterator[tuple[int, str, int | None]]:
        """Turn, simulator and threads of every timed run, the simulators one after another."""
        for turn in range(self.repeat):
            for simulator in timed(self._present(row), entry["disagreements"]):
                if simulator != "cusnn" and turn >= row.most_runs:
                    continue
                own = (None,) if simulator == "cusnn" else ()
                for threads in (*self.threads, *own):
                    yield turn, simulator, threads

    def _task(self, row: Row, simulator: str, threads: int | None, record: bool, seed: int):
        length = row.short_ms if simulator == "nest" else row.time_ms
        return {
            "simulator": simulator,
            "row": row.name,
            "seed": seed,
            "threads": threads,
            "warmup_ms": WARMUP_MS,
            "time_ms": row.statistics_ms if record else length,
            "record": record,
        }

    def measure(
        self, runs: list[dict], name: str, task: dict, environment: dict | None = None
    ) -> None:
        """Run a task and write its result down."""
        found = self.run(self.programs[task["simulator"]], task, environment or {})
        if "error" not in found:
            found |= machine.commit()
        runs.append(found)
        self.write()
        shown = (
            found.get("error") or f"done in {found['run_s']:.3g} s, build {found['build_s']:.3g} s"
        )
        # No time before the comparison.
        print(f"{name}: {shown if 'error' in found or not task['record'] else 'done'}", flush=True)


def compare(statistics: dict[str, list[dict]]) -> dict[str, list[str]]:
    """What differs between our statistics and each peer's, by name."""
    own = [run["populations"] for run in statistics.get("cusnn", []) if "populations" in run]
    found = {}
    for name, runs in statistics.items():
        if name == "cusnn":
            continue
        if "populations" not in runs[0]:
            found[name] = [f"no statistics: {runs[0].get('error')}"]
        elif len(own) < 2:
            found[name] = ["no statistics of ours"]
        else:
            found[name] = network_rows.disagreements(own, runs[0]["populations"])
    return found


def timed(simulators: list[str], disagreements: dict[str, list[str]]) -> list[str]:
    """Simulators whose times may be shown: those that agree with ours; ours if anyone agrees.

    Without any peer there is nothing to disagree with; the table says so.
    """
    agreeing = [name for name in simulators if not disagreements.get(name)]
    peers = [name for name in simulators if name != "cusnn"]
    if peers and agreeing == ["cusnn"]:
        return []
    return agreeing


def run(
    out: Path,
    rows: tuple[Row, ...] = tuple(ROWS.values()),
    *,
    programs: dict[str, str],
    threads: tuple[int, ...] = (1, 2),
    repeat: int = 3,
    again: bool = False,
) -> Series:
    """Measure rows; the result file is ``networks.json`` in a folder."""
    absent = {name: missing(name, program) for name, program in programs.items()}
    absent = {name: reason for name, reason in absent.items() if reason}
    for name, reason in absent.items():
        print(f"{NAMES[name]} is not available: {reason}", flush=True)
    if "brian" not in absent and shutil.which("g++") is None:
        absent["brian"] = "g++ is not there to compile its programs"
    series = Series(out / "networks.json", programs, threads, repeat, absent=absent)
    series.content["machine"] = machine.describe()
    for row in rows:
        series.row(row, again)
    return series
