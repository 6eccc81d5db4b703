"""``python -m benchmarks gpu``: all that a machine with a GPU is wanted for, in parts.

Every part writes ``PART.json`` with the machine, the versions, the commit and a status per item,
as soon as there is something to write; a part that fails stops no other.
"""

from __future__ import annotations

import datetime
import glob
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import gpu_microcircuit, machine, measure, micro, peers
from benchmarks.cases import CASES, STEP_BYTES, bytes_per_step
from benchmarks.machine import ROOT
from benchmarks.measure import Target
from cusnn.ops import network as engine

PART_S = 530.0  # a part ends within nine minutes
BAD = ("failed", "not run")
STATUSES = (
    *BAD,
    "passed",
    "not found",
    "not available",
)  # the first that an item has is the part's
TESTS = {
    "tests of the CUDA backend": "cuda",
    "tests of the rest": "not cuda and not emulated",
    "tests under the harness": "emulated and not cuda",
}
SANITIZER_TOOLS = ("memcheck", "racecheck", "initcheck", "synccheck")


@dataclass
class Report:
    """The result file of a part, written anew after every item.

    Attributes:
        part: name of the part.
        out: folder of the result files.
        deadline: when the part must be done (``time.monotonic``).
        items: what was done, each with "name" and "status".
    """

    part: str
    out: Path
    deadline: float
    machine: dict
    items: list[dict] = field(default_factory=list)
    started: float = field(default_factory=time.monotonic)

    def left(self) -> float:
        """Seconds until the deadline."""
        return self.deadline - time.monotonic()

    def add(self, name: str, status: str, **found) -> None:
        self.items.append({"name": name, "status": status, **found})
        print(f"{self.part}: {name}: {status}{_short(found)}", flush=True)
        self.write()

    def attempt(self, name: str, function: Callable[[], dict]) -> None:
        """Run one item; whatever it raises is its result. Past the deadline it is not run."""
        if self.left() <= 0:
            self.add(name, "not run", reason="the part's time was used up")
            return
        try:
            found = function()
        except Exception as error:
            self.add(name, "failed", error=f"{type(error).__name__}: {str(error).strip()}"[:4000])
        else:
            self.add(name, found.pop("status", "passed"), **found)

    @property
    def status(self) -> str:
        """Failed or not run if an item is; else passed if one did; else what they all are."""
        found = {item["status"] for item in self.items}
        return next((status for status in STATUSES if status in found), "not run")

    def write(self) -> None:
        content = {
            "part": self.part,
            "status": self.status,
            "seconds": round(time.monotonic() - self.started, 1),
            "machine": self.machine,
            "items": self.items,
        }
        self.out.mkdir(parents=True, exist_ok=True)
        text = json.dumps(content, indent=1, default=str)
        (self.out / f"{self.part}.json").write_text(text + "\n", encoding="utf-8")


def _short(found: dict) -> str:
    if "seconds" in found:
        share = f", {found['share_of_copy']:.1%} of a copy" if "share_of_copy" in found else ""
        return f", {found['seconds'] * 1e6:.1f} us{share}"
    if "value" in found:
        return f", {found['value']:.4g} {found['unit']}"
    for key in ("error", "reason", "counts"):
        if found.get(key):
            return f": {str(found[key]).splitlines()[0]}"
    return ""


# ------------------------------------------------------------------ tests


def tests(report: Report) -> None:
    """The whole test suite with the real driver; nothing of the CUDA backend may be skipped."""
    if importlib.util.find_spec("pytest") is None:
        report.add("pytest", "failed", error="pytest is not installed")
        return
    for name, select in TESTS.items():
        report.attempt(name, lambda select=select: run_tests(select, report.left()))


def run_tests(select: str, limit: float) -> dict:
    """Run the tests that ``-k select`` picks; fails too where a CUDA test was skipped."""
    with tempfile.TemporaryDirectory() as folder:
        results = Path(folder) / "junit.xml"
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", select]
        command += [f"--junit-xml={results}", str(ROOT / "tests")]
        code, output = run(command, limit, CUSNN_REQUIRE="gpu,nvrtc")
        if code is None:
            return {"status": "not run", "reason": f"not done in {limit:.0f} s", "output": output}
        if not results.is_file():
            return {"status": "failed", "error": f"pytest ended with {code}", "output": output}
        return judge(results, code, output)


def judge(results: Path, code: int | None, output: str) -> dict:
    """What a JUnit file says: counts, failures, and tests of CUDA that were skipped."""
    counts = dict.fromkeys(("passed", "failed", "skipped"), 0)
    failures, skipped = [], []
    for test in ElementTree.parse(results).iter("testcase"):
        name = f"{test.get('classname')}::{test.get('name')}"
        if test.find("failure") is not None or test.find("error") is not None:
            counts["failed"] += 1
            failures.append(name)
        elif test.find("skipped") is not None:
            counts["skipped"] += 1
            if "[cuda" in name or "-cuda" in name:
                skipped.append(name)
        else:
            counts["passed"] += 1
    good = code == 0 and not failures and not skipped
    return {
        "status": "passed" if good else "failed",
        "counts": counts,
        "failures": failures,
        "cuda_skipped": skipped,
        "output": "" if good else output,
    }


# ------------------------------------------------------------------ sanitizer


def sanitizer(report: Report) -> None:
    """Every kernel at small sizes under compute-sanitizer's four tools."""
    program = find_sanitizer()
    if program is None:
        reason = "compute-sanitizer not found; it comes with the CUDA toolkit"
        report.add("compute-sanitizer", "not found", reason=reason)
        return
    for done, tool in enumerate(SANITIZER_TOOLS):
        limit = report.left() / (len(SANITIZER_TOOLS) - done)
        report.attempt(tool, lambda tool=tool, limit=limit: run_sanitizer(program, tool, limit))


def find_sanitizer() -> str | None:
    """compute-sanitizer on the PATH, in a CUDA toolkit, or in a wheel of NVIDIA's."""
    found = shutil.which("compute-sanitizer")
    if found:
        return found
    toolkits = [os.environ.get(name, "") for name in ("CUDA_HOME", "CUDA_PATH")]
    toolkits += sorted(glob.glob("/usr/local/cuda*"), reverse=True)
    toolkits += [str(Path(folder) / "nvidia") for folder in sys.path if folder]
    for toolkit in filter(None, toolkits):
        for pattern in ("bin", "compute-sanitizer", "*/bin", "*/compute-sanitizer"):
            for path in sorted(Path(toolkit).glob(f"{pattern}/compute-sanitizer")):
                if path.is_file() and os.access(path, os.X_OK):
                    return str(path)
    return None


def run_sanitizer(program: str, tool: str, limit: float) -> dict:
    """Run one tool over ``benchmarks.every_kernel``."""
    command = [program, "--tool", tool, "--error-exitcode", "99"]
    code, output = run([*command, sys.executable, "-m", "benchmarks.every_kernel"], limit)
    summary = [line for line in output.splitlines() if "SUMMARY" in line]
    found = {"summary": summary[-1].lstrip("= ") if summary else None, "exit_code": code}
    if code == 0:
        return found
    return (
        {"status": "failed", "error": found["summary"] or f"ended with {code}"}
        | found
        | {"output": output}
    )


# ------------------------------------------------------------------ timings


def micro_benchmarks(report: Report, where: Target | None = None, scale=None) -> None:
    """Copies, launches, shared-memory atomics, exchange between blocks, random reads."""
    where = where or measure.target("cuda")
    scale = scale or micro.Scale(blocks=report.machine["multiprocessors"])
    for name, function in micro.items(where, scale):
        report.attempt(name, function)


def kernels(
    report: Report,
    where: Target | None = None,
    cases=CASES,
    sizes_of: Callable = lambda case: case.device,
    budget: float = 0.3,
) -> None:
    """Every case of the CUDA backend and its peers: correct first, then timed."""
    where = where or measure.target("cuda")
    for case in cases:
        if "cuda" not in case.backends:
            continue
        for sizes in sizes_of(case):
            name = f"{case.name} {measure.sizes_text(sizes, case)}"
            report.attempt(
                name, lambda case=case, sizes=sizes: measure.measure(case, sizes, where, budget)
            )
    for dtype, (_, names) in STEP_BYTES.items():
        if set(names) <= {case.name for case in cases}:
            name = f"bytes per neuron and step, {dtype}"
            report.attempt(name, lambda dtype=dtype: step_bytes(dtype))
    for peer in peers.PEERS:
        time_peer(report, peer, where, budget)


def step_bytes(dtype: str) -> dict:
    """What a training step of a LIF moves per neuron and step, beside its budget."""
    budget, names = STEP_BYTES[dtype]
    found = {case.name: case for case in CASES if case.name in names}
    sizes = found[names[0]].device[-1]
    counted = [bytes_per_step(found[name], sizes) for name in names]
    (forward, written), (backward, read) = counted
    together = forward + backward
    return {
        "bytes_per_neuron_step": together,
        "budget": budget,
        "reason": f"{forward:.2f} forward + {backward:.2f} back = {together:.2f}, of which "
        f"{written + read:.2f} are checkpoints; budget {budget}",
    }


def time_peer(report: Report, peer: peers.Peer, where: Target, budget: float) -> None:
    """One peer at every size of its case."""
    name = f"{peer.name}: {peer.case}"
    if peer.missing():
        report.add(name, "not available", reason=peer.missing())
        return

    def compare() -> dict:
        peers.check(peer, "cuda")
        return {"reason": "same results as the reference"}

    report.attempt(f"{name}, compared", compare)
    if report.items[-1]["status"] != "passed":
        return
    for sizes in peers.case_of(peer).device:
        report.attempt(
            f"{name} {measure.sizes_text(sizes, peers.case_of(peer))}",
            lambda sizes=sizes: peers.time_peer(peer, sizes, where, budget=budget),
        )


def microcircuit(report: Report, **options) -> None:
    """The cortical microcircuit: spikes as on the CPU, then time and energy at full density."""
    try:
        engine.chosen_backend("cuda")
    except ValueError as error:
        report.add("microcircuit", "not available", reason=f"not available yet: {error}")
        return
    for name, function in gpu_microcircuit.items(**options):
        report.attempt(name, function)
        if name == gpu_microcircuit.COMPARED and report.items[-1]["status"] != "passed":
            report.add("times", "not run", reason="no time of a run that differs from the CPU's")
            return


PARTS: dict[str, Callable[[Report], None]] = {
    "tests": tests,
    "sanitizer": sanitizer,
    "micro": micro_benchmarks,
    "kernels": kernels,
    "microcircuit": microcircuit,
}


# ------------------------------------------------------------------ running


def run(command: list[str], limit: float, **environment) -> tuple[int | None, str]:
    """Exit code (None past ``limit`` seconds) and the end of what the command printed."""
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=child_environment() | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    try:
        output, _ = process.communicate(timeout=max(1.0, limit))
        return process.returncode, output[-6000:]
    except subprocess.TimeoutExpired:
        _end(process)
        output, _ = process.communicate()
        return None, f"{output[-6000:]}\nstopped after {limit:.0f} s"
    finally:
        if process.poll() is None:
            _end(process)


def _end(process: subprocess.Popen) -> None:
    """Kill a process and those that it started: the sanitizer runs Python as its child."""
    if hasattr(os, "killpg"):
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()


def default_out() -> Path:
    return ROOT / "benchmarks" / "results" / f"gpu-{datetime.date.today().isoformat()}"


def run_part(name: str, out: Path, **options) -> str:
    """Run one part in this process; returns its status."""
    deadline = time.monotonic() + PART_S
    report = Report(name, out, deadline, machine.describe())
    try:
        PARTS[name](report, **options)
    except Exception:
        report.add(name, "failed", error=traceback.format_exc()[-4000:])
    report.write()
    return report.status


def run_all(out: Path) -> dict[str, str]:
    """Run every part in a process of its own, so that a broken CUDA context breaks only one."""
    statuses = {}
    for name in PARTS:
        (out / f"{name}.json").unlink(missing_ok=True)
        command = [sys.executable, "-m", "benchmarks", "gpu", "--part", name, "--out", str(out)]
        statuses[name] = read_status(out / f"{name}.json", run_child(command, PART_S + 10))
    return statuses


def run_child(command: list[str], limit: float) -> int:
    """Exit code of a command that prints as it goes; it is ended past ``limit`` seconds."""
    process = subprocess.Popen(command, cwd=ROOT, env=child_environment(), start_new_session=True)
    try:
        return process.wait(limit)
    except subprocess.TimeoutExpired:
        print(f"stopped after {limit:.0f} s: {' '.join(command)}", flush=True)
        return -1
    finally:
        if process.poll() is None:
            _interrupt(process)


def _interrupt(process: subprocess.Popen, patience: float = 10.0) -> None:
    """Let a process end what it started itself, as on Ctrl-C; then kill it."""
    process.send_signal(signal.SIGINT)
    try:
        process.wait(patience)
    except subprocess.TimeoutExpired:
        _end(process)
        process.wait()


def child_environment() -> dict[str, str]:
    """Ours, with the checkout on Python's path: nothing needs to be installed."""
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    return {**os.environ, "PYTHONPATH": path}


def read_status(path: Path, code: int) -> str:
    """The status that a part wrote; failed where it died before the end."""
    if not path.is_file():
        return "failed"
    status = json.loads(path.read_text(encoding="utf-8"))["status"]
    return "failed" if code and status not in BAD else status
