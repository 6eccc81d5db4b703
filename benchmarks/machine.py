"""What a number was measured on: the machine, the versions, the commit."""

from __future__ import annotations

import datetime
import importlib
import importlib.metadata
import os
import platform
import shutil
import subprocess
from pathlib import Path

from cusnn import info

ROOT = Path(__file__).resolve().parent.parent
LIBRARIES = ("scipy", "torch", "triton")


def describe() -> dict:
    """Machine, versions and commit, for the head of every result file."""
    host = info.host()
    memory = host["memory_bytes"]
    return {
        "cpu": host["cpu"],
        "cores": host["cores"],
        "memory_gib": round(memory / 2**30, 1) if memory else None,
        "system": f"{platform.system()} {platform.machine()}",
        **info.versions(),
        **{library: _version(library) for library in LIBRARIES},
        "nvrtc": nvrtc_version(),
        **commit(),
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "load": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        **gpu(),
    }


def title(machine: dict) -> str:
    """The machine in a line: what every chart and table carries."""
    memory = f", {machine['memory_gib']:g} GiB" if machine.get("memory_gib") else ""
    cpu = f"{machine['cpu']}, {machine['cores']} cores{memory}"
    return f"{machine['gpu']} (host: {cpu})" if machine.get("gpu") else cpu


def commit() -> dict:
    """The commit of the sources, and whether they were changed since.

    Outside a git checkout the commit is what the environment variable ``CUSNN_COMMIT`` says, or
    None, and nothing is known of changes.
    """
    head = _git("rev-parse", "HEAD") if (ROOT / ".git").exists() else None
    if head is None:
        return {"commit": os.environ.get("CUSNN_COMMIT"), "dirty": None}
    return {"commit": head, "dirty": bool(_git("status", "--porcelain", "--untracked-files=no"))}


def gpu() -> dict:
    """The GPU, its driver and the CUDA runtime; empty where there is none."""
    found = info.gpu()
    if not found["usable"]:
        return {}
    return {
        "gpu": found["name"],
        "gpu_memory_gib": round(found["memory_bytes"] / 2**30, 1),
        **{key: found[key] for key in ("multiprocessors", "compute_capability")},
        "driver": found.get("nvidia_driver"),
        **{key: found[key] for key in ("cuda_driver", "cuda_runtime")},
    }


def nvrtc_version() -> str | None:
    """Version of the run-time compiler; None where it cannot be loaded."""
    try:
        nvrtc = importlib.import_module("cupy_backends.cuda.libs.nvrtc")
        return ".".join(map(str, nvrtc.getVersion()))
    except Exception:
        return None


def _version(library: str) -> str | None:
    try:
        return importlib.metadata.version(library)
    except importlib.metadata.PackageNotFoundError:
        return None


def _git(*arguments: str) -> str | None:
    if shutil.which("git") is None:
        return None
    command = ["git", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else None
