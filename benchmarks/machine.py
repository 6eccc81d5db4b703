"""What a number was measured on: the machine, the versions, the commit."""

from __future__ import annotations

import datetime
import importlib.metadata
import importlib.util
import os
import platform
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("numpy", "numba", "scipy", "torch", "triton")


def describe() -> dict:
    """Machine, versions and commit, for the head of every result file."""
    memory = _memory_gib()
    found = {
        "cpu": cpu_model(),
        "cores": cores(),
        "memory_gib": memory and round(memory, 1),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        **{package: version(package) for package in PACKAGES},
        **commit(),
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }
    return {**found, **(gpu() or {})}


def title(machine: dict) -> str:
    """The machine in a line: what every chart and table carries."""
    memory = f", {machine['memory_gib']:g} GiB" if machine.get("memory_gib") else ""
    cpu = f"{machine['cpu']}, {machine['cores']} cores{memory}"
    return f"{machine['gpu']} (host: {cpu})" if machine.get("gpu") else cpu


def cores() -> int:
    """Cores that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1


def cpu_model() -> str:
    """Name of the processor."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    if platform.system() == "Darwin":
        return _output("sysctl", "-n", "machdep.cpu.brand_string") or platform.machine()
    return platform.processor() or platform.machine()


def version(package: str) -> str | None:
    """Version of an installed package; None where it is missing."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def commit() -> dict:
    """The commit of the sources, and whether they were changed since.

    Outside a git checkout the commit is what the environment variable ``CUSNN_COMMIT`` says, or
    None, and nothing is known of changes.
    """
    head = _output("git", "rev-parse", "HEAD") if (ROOT / ".git").exists() else None
    if head is None:
        return {"commit": os.environ.get("CUSNN_COMMIT"), "dirty": None}
    changed = _output("git", "status", "--porcelain", "--untracked-files=no")
    return {"commit": head, "dirty": bool(changed)}


def gpu() -> dict | None:
    """The GPU, its driver and the CUDA libraries in use; None where there is no GPU."""
    from cusnn import driver

    if driver.unavailable():
        return None
    import cupy
    from cupy_backends.cuda.libs import nvrtc

    properties = cupy.cuda.runtime.getDeviceProperties(cupy.cuda.runtime.getDevice())
    return {
        "gpu": properties["name"].decode(),
        "gpu_memory_gib": round(properties["totalGlobalMem"] / 2**30, 1),
        "multiprocessors": properties["multiProcessorCount"],
        "compute_capability": f"{properties['major']}.{properties['minor']}",
        "driver": _output("nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"),
        "cuda_driver": cupy.cuda.runtime.driverGetVersion(),
        "cuda_runtime": cupy.cuda.runtime.runtimeGetVersion(),
        "nvrtc": ".".join(map(str, nvrtc.getVersion())),
        "cupy": cupy.__version__,
    }


def _memory_gib() -> float | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    except (AttributeError, ValueError, OSError):
        return None


def _output(*command: str) -> str | None:
    if shutil.which(command[0]) is None:
        return None
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else None
