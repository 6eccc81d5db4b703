"""Training beside the libraries that people train with: results first, then times.

Every run has a process of its own, so that thread pools and memory of one library do not disturb
another; the contenders take turns. A contender whose spikes or gradients differ from those of our
operations for its surrogate is named, and its time is not shown.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import machine, training_digits
from benchmarks.training_contenders import CONTENDERS
from benchmarks.training_run import PREFIX
from benchmarks.training_work import WORK, Work

DIGITS, STEPS = "digits", "digits_steps"
ROWS = (*WORK, DIGITS, STEPS)
TITLES = {
    **{work.name: work.title for work in WORK.values()},
    DIGITS: "digits, 64-100-10, T 25",
    STEPS: "digits, accuracy by number of steps",
}
OWN_SEEDS, PEER_SEEDS = 5, 3
STEP_COUNTS = (2, 5, 10, 25, 50)
QUIET = {"PYTHONWARNINGS": "ignore"}


def child(task: dict) -> dict:
    """Run a task in a process of its own.

    Returns:
        Its result, or {"error": the last line that it wrote}.
    """
    threads = str(task["threads"])
    environment = {**os.environ, **QUIET, "OMP_NUM_THREADS": threads, "NUMBA_NUM_THREADS": threads}
    paths = (str(machine.ROOT), os.environ.get("PYTHONPATH"))
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.training_run", json.dumps(task)],
        cwd=machine.ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    for line in reversed(done.stdout.splitlines()):
        if line.startswith(PREFIX):
            return json.loads(line.removeprefix(PREFIX))
    lines = done.stderr.strip().splitlines() or [f"ended with {done.returncode}"]
    return {"error": lines[-1]}


@dataclass
class Series:
    """All rows of a result file, written anew after every run; what is there already stays.

    Attributes:
        path: of the result file.
        threads: that every contender gets.
        repeat: processes per contender, in turns.
        run: what runs a task, as ``child`` does.
    """

    path: Path
    threads: int
    repeat: int = 3
    run: Callable[[dict], dict] = child
    content: dict = field(default_factory=dict)

    def __post_init__(self):
        if self.path.exists():
            self.content = json.loads(self.path.read_text(encoding="utf-8"))
        self.content.setdefault("rows", {})
        self.content["machine"] = machine.describe()
        self.content["threads"] = self.threads

    def write(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        temporary.write_text(json.dumps(self.content, indent=1) + "\n", encoding="utf-8")
        temporary.replace(self.path)

    def row(self, name: str, again: bool = False) -> None:
        """Measure a row."""
        if again:
            self.content["rows"].pop(name, None)
        entry = self.content["rows"].setdefault(name, {"title": TITLES[name], "runs": {}})
        entry["machine"] = machine.describe()
        if name in WORK:
            self._work(WORK[name], entry)
        elif name == DIGITS:
            self._digits(entry)
        else:
            self._steps(entry)
        self.write()

    def _work(self, work: Work, entry: dict) -> None:
        entry |= {"asked": work.asked, "neuron_steps": work.steps * work.batch * work.neurons}
        missing = entry["missing"] = {}
        compared = entry.setdefault("disagreements", {})
        for contender in CONTENDERS.values():
            if not contender.takes(work):
                continue
            if reason := contender.missing():
                missing[contender.name] = reason
            elif contender.name not in compared:
                self._compare(work, contender.name, compared, missing)
        agreeing = [name for name, found in compared.items() if not found and name not in missing]
        for turn in range(self.repeat):
            for name in agreeing:
                task = {"kind": "measure", "row": work.name, "contender": name}
                self._add(entry["runs"].setdefault(name, []), turn, task)

    def _compare(self, work: Work, name: str, compared: dict, missing: dict) -> None:
        task = {"kind": "compare", "row": work.name, "contender": name, "threads": self.threads}
        found = self.run(task)
        if "error" in found:
            missing[name] = found["error"]
        else:
            compared[name] = found["disagreements"]
        self.write()
        texts = missing.get(name) or "; ".join(compared[name]) or "spikes and gradients agree"
        print(f"{work.name}: {name}: {texts}", flush=True)

    def _digits(self, entry: dict) -> None:
        for seed in range(OWN_SEEDS):
            for name in training_digits.NAMES:
                contender = CONTENDERS[name]
                if contender.missing() or (name != "cusnn" and seed >= PEER_SEEDS):
                    continue
                task = {"kind": "digits", "row": DIGITS, "contender": name, "seed": seed}
                self._add(entry["runs"].setdefault(name, []), seed, task)

    def _steps(self, entry: dict) -> None:
        for steps in STEP_COUNTS:
            runs = entry["runs"].setdefault(str(steps), [])
            for seed in range(PEER_SEEDS):
                task = {"kind": "digits", "row": STEPS, "contender": "cusnn", "seed": seed}
                self._add(runs, seed, task | {"steps": steps})

    def _add(self, runs: list[dict], place: int, task: dict) -> None:
        """Run a task unless its result is there, and write it down."""
        runs[:] = [run for run in runs if "error" not in run]
        if len(runs) > place:
            return
        found = self.run(task | {"threads": self.threads})
        runs.append(found if "error" in found else found | machine.commit())
        self.write()
        seconds = found.get("seconds") or [found.get("epoch_s", 0.0)]
        shown = found.get("error") or f"{min(seconds) * 1e3:.3g} ms"
        print(f"{task['row']}: {task['contender']} {place + 1}: {shown}", flush=True)


def run(
    out: Path, rows: tuple[str, ...] = ROWS, *, threads: int, repeat: int = 3, again: bool = False
) -> Series:
    """Measure rows; the result file is ``training.json`` in a folder."""
    series = Series(out / "training.json", threads, repeat)
    for name in rows:
        series.row(name, again)
    return series
