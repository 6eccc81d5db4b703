"""What commands that run a network ask for, checked before anything takes long."""

from __future__ import annotations

import importlib.util
import os
from dataclasses import dataclass
from pathlib import Path

FORMATS = {"npz": "spikes.npz", "sonata": "spikes.h5"}
BACKENDS = ("auto", "numba", "numpy", "cuda")
EXCHANGES = ("mailbox", "barrier")
ADVICE = {"dt": "; take 0.1, 0.05 or 0.02"}


@dataclass(frozen=True)
class Settings:
    """What every command that runs a network asks for.

    Attributes:
        exchange: one of ``EXCHANGES``, for a GPU; None for the default.
        record: as on the command line, VARIABLES:POPULATION:NUMBER.
        checkpoint: file to write when the run ends.
        resume: file to begin from.
        form: key of ``FORMATS``.
        energy: count operations and measure energy.
    """

    time_ms: float
    warmup: float
    dt: float
    seed: int
    backend: str
    threads: int | None
    out: Path
    exchange: str | None = None
    record: tuple[str, ...] = ()
    checkpoint: Path | None = None
    resume: Path | None = None
    form: str = "npz"
    energy: bool = False


def backend_of(name: str) -> str:
    """The engine's backend, or an error that says what to do."""
    from cusnn import driver

    if name not in BACKENDS:
        raise ValueError(f"--backend must be one of {', '.join(BACKENDS)}, got {name!r}")
    if name == "cuda":
        reason = driver.unavailable()
        if reason:
            raise ValueError(f"--backend cuda: {reason}")
        return name
    if name != "numpy" and os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0"):
        raise ValueError(
            "NUMBA_DISABLE_JIT is set, so that nothing can be compiled; unset it, or take "
            "--backend numpy for small networks"
        )
    return "numba" if name == "auto" else name


def counters(backend: str) -> tuple[str, ...]:
    """Counters of energy that see what a backend does; a GPU's work takes the CPU too."""
    return ("NVML", "RAPL") if backend == "cuda" else ("RAPL",)


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


def check(settings: Settings, network) -> None:
    """Bad settings must not come out after a build of minutes."""
    _check_times(settings)
    from cusnn.simulation import most_threads

    if settings.threads is not None and not 1 <= settings.threads <= most_threads():
        raise ValueError(f"--threads must be 1 to {most_threads()}, got {settings.threads}")
    _check_exchange(settings)
    if settings.form not in FORMATS:
        raise ValueError(f"--format must be one of {', '.join(FORMATS)}, got {settings.form!r}")
    if settings.form == "sonata":
        _check_sonata(settings)
    records(settings, network)
    if settings.resume is not None:
        _check_resume(settings.resume, network)


def check_checkpoint(settings: Settings) -> None:
    """That it can be written; once the folder of the results is there, in which it may be."""
    if settings.checkpoint is not None:
        from cusnn.simulation.checkpoint import check_writable

        check_writable(f"--checkpoint {settings.checkpoint}", settings.checkpoint)


def _check_exchange(settings: Settings) -> None:
    if settings.exchange not in (None, *EXCHANGES):
        raise ValueError(
            f"--exchange must be one of {', '.join(EXCHANGES)}, got {settings.exchange!r}"
        )
    if settings.exchange is not None and settings.backend != "cuda":
        raise ValueError(
            f"--exchange {settings.exchange} is between blocks of a GPU; it needs --backend cuda"
        )


def records(settings: Settings, network) -> list:
    """What ``--record`` asks for, as the engine takes it."""
    from cusnn.simulation import Record

    found = []
    for text in settings.record:
        variables, _, rest = text.partition(":")
        label, _, number = rest.rpartition(":")
        if not (variables and label and number.isdecimal()):
            raise ValueError(
                f"--record {text}: must be VARIABLES:POPULATION:NUMBER, such as v:E:10 for the "
                f"voltage of the first 10 neurons of E"
            )
        if label not in network.slices:
            raise ValueError(f"--record {text}: there are {', '.join(network.slices)}")
        _check_record(text, variables, network.populations[network.index(label)], int(number))
        found.append(Record(label, tuple(variables.split(",")), neurons=range(int(number))))
    labels = [record.population for record in found]
    if len(set(labels)) < len(labels):
        raise ValueError("--record: once per population; join variables by commas, as in v,i:E:10")
    return found


def _check_record(text: str, variables: str, population, number: int) -> None:
    names = population.neuron.state
    unknown = [name for name in variables.split(",") if name not in names]
    if unknown:
        raise ValueError(f"--record {text}: {population.label} has {', '.join(names)}")
    if not 1 <= number <= population.size:
        raise ValueError(
            f"--record {text}: {population.label} has {population.size} neurons, got {number}"
        )


def _check_resume(path: Path, network) -> None:
    if not path.is_file():
        raise ValueError(f"--resume {path}: there is no such file")
    from cusnn.simulation.checkpoint import read_checkpoint

    try:
        saved = read_checkpoint(path)
    except ValueError as error:
        raise _of_resume(path, error) from None
    try:
        saved.check_network(path, network)
    except ValueError as error:
        advice = "; give the options of the run that wrote it"
        raise _of_resume(path, error, advice) from None


def _of_resume(path: Path, error: ValueError, advice: str = "") -> ValueError:
    """What is wrong with a file, by the name of the flag and not of the function."""
    reason = str(error).removeprefix(f"Simulation.load: {path} ")
    return ValueError(f"--resume {path} {reason}{advice}")


def _check_times(settings: Settings) -> None:
    dt = settings.dt
    for name, value in (("--time", settings.time_ms), ("--warmup", settings.warmup)):
        least = "above 0" if name == "--time" else "at least 0"
        if not (0 <= value < float("inf")) or (name == "--time" and value == 0):
            raise ValueError(f"{name} must be a number of ms, {least}, got {value:g}")
        if abs(round(value / dt) * dt - value) > 1e-6 * dt:
            raise ValueError(f"{name} must be a multiple of --dt {dt:g} ms, got {value:g}")


def _check_sonata(settings: Settings) -> None:
    if importlib.util.find_spec("h5py") is None:
        raise ImportError('--format sonata needs h5py: pip install "cusnn[sonata]"')
    if settings.record:
        raise ValueError("--format sonata holds spikes only; --record needs --format npz")
