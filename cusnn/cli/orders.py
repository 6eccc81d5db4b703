"""What the command line asks for, checked before anything takes long."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

DRIVES = {"poisson": "Poisson drive", "dc": "direct current"}
BACKENDS = ("auto", "numba", "numpy", "cuda")
# A scale at which single settings are tried.
SMALL = 0.01


@dataclass(frozen=True)
class Order:
    """What the command line asks for."""

    scale: float
    time_ms: float
    warmup: float
    dt: float
    drive: str
    seed: int
    backend: str
    threads: int | None
    out: Path


def backend_of(name: str) -> str:
    """The engine's backend, or an error that says what to do."""
    from cusnn import driver

    if name not in BACKENDS:
        raise ValueError(f"--backend must be one of {', '.join(BACKENDS)}, got {name!r}")
    if name == "cuda":
        reason = driver.unavailable()
        if reason:
            raise ValueError(f"--backend cuda: {reason}")
        raise ValueError(
            "--backend cuda: the network engine does not run on CUDA yet; take --backend numba"
        )
    if name != "numpy" and os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0"):
        raise ValueError(
            "NUMBA_DISABLE_JIT is set, so that nothing can be compiled; unset it, or take "
            "--backend numpy for small networks"
        )
    return "numba" if name == "auto" else name


def described(order: Order):
    """The network; what the library refuses comes back with the flag that is to blame."""
    from cusnn import models

    for flag, value, advice in (
        ("scale", order.scale, ""),
        ("drive", order.drive, ""),
        ("dt", order.dt, "; take 0.1, 0.05 or 0.02"),
        ("seed", order.seed, ""),
    ):
        try:
            models.microcircuit(**{"scale": SMALL, flag: value})
        except (ValueError, TypeError) as error:
            _, _, text = str(error).partition(": ")
            raise ValueError(f"--{flag} {value}: {text}{advice}") from None
    return models.microcircuit(order.scale, drive=order.drive, dt=order.dt, seed=order.seed)


def check_times(order: Order) -> None:
    """Bad times must not come out after a build of minutes."""
    for name, value in (("--time", order.time_ms), ("--warmup", order.warmup)):
        least = "above 0" if name == "--time" else "at least 0"
        if not (0 <= value < float("inf")) or (name == "--time" and value == 0):
            raise ValueError(f"{name} must be a number of ms, {least}, got {value:g}")
        steps = round(value / order.dt)
        if abs(steps * order.dt - value) > 1e-6 * order.dt:
            raise ValueError(f"{name} must be a multiple of --dt {order.dt:g} ms, got {value:g}")
    from cusnn.simulation import most_threads

    if order.threads is not None and not 1 <= order.threads <= most_threads():
        raise ValueError(f"--threads must be 1 to {most_threads()}, got {order.threads}")
