"""``cusnn info``."""

from __future__ import annotations

import json
from typing import Annotated

import typer
from rich.console import Console

from cusnn.cli.app import Debug, app
from cusnn.cli.errors import one_line_errors
from cusnn.cli.tables import gigabytes, pairs

CACHE_HINT = "to keep compiled code, let CUSNN_CACHE name a folder that can be written"


@app.command("info")
def info(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    debug: Debug = False,
) -> None:
    """Show versions, CPU, GPU and caches; what is missing, and how to get it."""
    with one_line_errors(debug):
        from cusnn.info import collect

        found = collect()
        if as_json:
            typer.echo(json.dumps(found, indent=2))
        else:
            _print_info(found)


def _print_info(found: dict) -> None:
    console = Console(emoji=False)
    versions, host, threads, gpu = (found[k] for k in ("versions", "host", "threads", "gpu"))
    missing = {
        "cupy": f"not installed; for an NVIDIA GPU: {_install_hint()}",
        "matplotlib": 'not installed; for plots: pip install "cusnn[plot]"',
    }
    rows = {name: version or missing.get(name, "missing") for name, version in versions.items()}
    rows["CPU"] = f"{host['cpu']}, {host['cores']} cores to use"
    rows["memory"] = gigabytes(host["memory_bytes"])
    rows["system"] = host["system"]
    layer = "OpenMP" if threads["openmp"] else f"no OpenMP ({threads['why_not']})"
    if threads["chosen_by_user"]:
        layer += f", NUMBA_THREADING_LAYER={threads['chosen_by_user']}"
    notes = (layer, threads["advice"], threads["processes"])
    rows["Numba threads"] = "; ".join(filter(None, notes))
    rows["GPU"] = gpu_text(gpu)
    rows["cache, CUDA"], rows["cache, Numba"] = found["caches"]["cubins"], found["caches"]["numba"]
    if not found["caches"]["numba_lasts"]:
        rows["cache, Numba"] += f" for this process alone; {CACHE_HINT}"
    console.print(pairs(rows))


def gpu_text(gpu: dict) -> str:
    if gpu["usable"]:
        return (
            f"{gpu['name']}, {gigabytes(gpu['memory_bytes'])}, "
            f"compute capability {gpu['compute_capability']}, "
            f"CUDA driver {gpu['cuda_driver']}, runtime {gpu['cuda_runtime']}"
        )
    name = f"{gpu['name']} (driver {gpu['nvidia_driver']}): " if "name" in gpu else ""
    return f"{name}{gpu['reason']}; {gpu['advice']}"


def _install_hint() -> str:
    from cusnn.driver import INSTALL_HINT

    return INSTALL_HINT
