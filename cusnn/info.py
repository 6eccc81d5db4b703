"""What this machine has: versions, CPU, GPU, caches; what is missing, and how to get it."""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import cusnn
from cusnn import driver
from cusnn.simulation import default_threads

PACKAGES = ("numpy", "numba", "cupy", "matplotlib")


def host() -> dict:
    """CPU model, cores, memory and operating system."""
    return {
        "cpu": cpu_model(),
        "cores": default_threads(),
        "memory_bytes": memory_bytes(),
        "system": platform.platform(),
    }


def versions() -> dict:
    """Versions of cusnn, Python and the libraries that it uses; None where one is missing."""
    found = {"cusnn": cusnn.__version__, "python": platform.python_version()}
    for package in PACKAGES:
        names = ("cupy", "cupy-cuda13x", "cupy-cuda12x") if package == "cupy" else (package,)
        found[package] = next(filter(None, map(_version, names)), None)
    return found


def collect() -> dict:
    """Everything that ``cusnn info`` prints."""
    return {
        "versions": versions(),
        "host": host(),
        "threads": threading_layer(),
        "gpu": gpu(),
        "caches": {
            "cubins": str(driver.cache_folder()),
            "numba": numba_cache(),
            "numba_lasts": numba_cache_lasts(),
        },
    }


def cpu_model() -> str:
    """Name of the processor as the system gives it."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    if sys.platform == "darwin":
        name = _output(["sysctl", "-n", "machdep.cpu.brand_string"])
        if name:
            return name
    return platform.processor() or platform.machine() or "unknown"


def memory_bytes() -> int | None:
    """Memory of the machine, or of the container where that is less."""
    limits = []
    try:
        limits.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    except (AttributeError, OSError, ValueError):
        pass
    try:
        limits.append(int(Path("/sys/fs/cgroup/memory.max").read_text()))
    except (OSError, ValueError):
        pass
    return min(limits, default=None)


def peak_memory_bytes() -> int | None:
    """Most memory that this process has held; None where the system does not say."""
    try:
        resource = importlib.import_module("resource")
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def threading_layer() -> dict:
    """Numba's threading layer: OpenMP or not, and what to do where it is not."""
    chosen = os.environ.get("NUMBA_THREADING_LAYER")
    try:
        importlib.import_module("numba.np.ufunc.omppool")
        missing = None
    except ImportError as error:
        missing = str(error)
    if chosen and chosen != "omp":
        advice = "unset NUMBA_THREADING_LAYER: short parallel regions are fastest on OpenMP"
    elif missing and sys.platform == "darwin":
        advice = "for OpenMP: brew install libomp"
    elif missing:
        advice = "for OpenMP install the library libgomp (Debian, Ubuntu: apt install libgomp1)"
    else:
        advice = None
    return {
        "openmp": missing is None,
        "chosen_by_user": chosen,
        "why_not": missing,
        "advice": advice,
        "processes": "start processes by spawn or forkserver, not by fork",
    }


def numba_cache() -> str:
    """Where compiled CPU code is kept."""
    return str(importlib.import_module("cusnn.backends.numba_cpu.cache").folder())


def numba_cache_lasts() -> bool:
    """Whether later processes find compiled CPU code; not where its folder cannot be written."""
    return Path(numba_cache()).name.startswith("numba-")


def gpu() -> dict:
    """The GPU that CUDA kernels would run on, or why there is none and what to do."""
    reason = driver.unavailable()
    found = {"usable": reason is None, "reason": reason, **_nvidia_smi()}
    if reason is not None:
        found["advice"] = _gpu_advice(found)
        return found
    cupy = importlib.import_module("cupy")
    runtime = cupy.cuda.runtime
    properties = runtime.getDeviceProperties(runtime.getDevice())
    name = properties["name"]
    found.update(
        name=name.decode() if isinstance(name, bytes) else name,
        memory_bytes=int(properties["totalGlobalMem"]),
        compute_capability=f"{properties['major']}.{properties['minor']}",
        multiprocessors=int(properties["multiProcessorCount"]),
        cuda_driver=_dotted(runtime.driverGetVersion()),
        cuda_runtime=_dotted(runtime.runtimeGetVersion()),
        advice=None,
    )
    return found


def _gpu_advice(found: dict) -> str:
    if "name" in found:
        return f"this GPU needs CuPy that fits its driver: {driver.INSTALL_HINT}"
    if "nvidia_driver" in found:
        return "the NVIDIA driver is there, but shows no GPU; see what nvidia-smi says"
    return "no NVIDIA driver was found; install it first where there is an NVIDIA GPU"


def _nvidia_smi() -> dict:
    if shutil.which("nvidia-smi") is None:
        return {}
    query = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]
    first, _, _ = (_output(query) or "").partition("\n")
    name, _, version = first.rpartition(", ")
    return {"name": name, "nvidia_driver": version} if name else {"nvidia_driver": "unknown"}


def _dotted(version: int) -> str:
    return f"{version // 1000}.{version % 1000 // 10}"


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _output(command: list[str]) -> str | None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
