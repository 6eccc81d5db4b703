"""Importing cusnn is light: no CuPy, no Numba, no torch, no kernels compiled."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HEAVY = ("cupy", "numba", "torch", "matplotlib", "scipy", "rich", "typer")


def run_python(code: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return result.stdout.strip()


def test_import_loads_nothing_heavy():
    code = f"import sys, cusnn; print([m for m in {HEAVY} if m in sys.modules])"
    assert run_python(code) == "[]"


def test_every_public_name_exists():
    code = "import cusnn; print([n for n in cusnn.__all__ if not hasattr(cusnn, n)])"
    assert run_python(code) == "[]"


def test_numpy_arrays_never_load_cupy():
    code = (
        "import sys, numpy as np, cusnn\n"
        "x = np.ones((3, 1, 5), 'float32')\n"
        "neuron = cusnn.LIF()\n"
        "cusnn.neuron_forward(x, cusnn.initial_state(neuron, (1, 5)), neuron, backend='numpy')\n"
        "print('cupy' in sys.modules, 'numba' in sys.modules)"
    )
    assert run_python(code) == "False False"


def test_modules_say_what_is_public():
    code = (
        "import importlib, types\n"
        "for name in ('analysis', 'neurons', 'plasticity', 'plots', 'surrogates'):\n"
        "    module = importlib.import_module(f'cusnn.{name}')\n"
        "    own = [n for n, v in vars(module).items() if not n.startswith('_')\n"
        "           and getattr(v, '__module__', None) == module.__name__]\n"
        "    assert set(own) <= set(module.__all__), (name, own)\n"
        "    assert all(hasattr(module, n) for n in module.__all__), name\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
