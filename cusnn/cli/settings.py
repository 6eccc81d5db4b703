"""What commands that run a network ask for, checked before anything takes long."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

BACKENDS = ("auto", "numba", "numpy", "cuda")
ADVICE = {"dt": "; take 0.1, 0.05 or 0.02"}


@dataclass(frozen=True)
class Settings:
    """What every command that runs a network asks for."""

    time_ms: float
    warmup: float
    dt: float
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


def described(model, settings: Settings, options: dict):
    """The network; what the library refuses comes back with the flag that is to blame."""
    options = {**options, "dt": settings.dt, "seed": settings.seed}
    for name, value in options.items():
        try:
            model(**{name: value})
        except (ValueError, TypeError) as error:
            _, _, text = str(error).partition(": ")
            flag, advice = name.replace("_", "-"), ADVICE.get(name, "")
            raise ValueError(f"--{flag} {value}: {text}{advice}") from None
    return model(**options)


def check_times(settings: Settings) -> None:
    """Bad times must not come out after a build of minutes."""
    dt = settings.dt
    for name, value in (("--time", settings.time_ms), ("--warmup", settings.warmup)):
        least = "above 0" if name == "--time" else "at least 0"
        if not (0 <= value < float("inf")) or (name == "--time" and value == 0):
            raise ValueError(f"{name} must be a number of ms, {least}, got {value:g}")
        if abs(round(value / dt) * dt - value) > 1e-6 * dt:
            raise ValueError(f"{name} must be a multiple of --dt {dt:g} ms, got {value:g}")
    from cusnn.simulation import most_threads

    if settings.threads is not None and not 1 <= settings.threads <= most_threads():
        raise ValueError(f"--threads must be 1 to {most_threads()}, got {settings.threads}")
