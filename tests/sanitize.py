"""Run the kernels once more under AddressSanitizer and UndefinedBehaviorSanitizer.

    python tests/sanitize.py [pytest arguments]

The sanitizers' runtime must be loaded before Python, hence a process of its own.
"""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import emulator

TESTS = Path(__file__).resolve().parent
# Models whose structs only compute share the templates that move memory with LIF and its kin.
CHOSEN = "emulated and not slow and not conventions and not neuron_models"
DEFAULT = ["-q", "-x", "-k", CHOSEN, "-p", "no:cacheprovider", str(TESTS)]
if importlib.util.find_spec("xdist"):
    DEFAULT += ["-n", "auto"]


def main() -> int:
    environment = {**os.environ, **emulator.sanitizer_environment()}
    environment["CUSNN_EMULATOR_SANITIZE"] = "address,undefined"
    # Numba's own memory is not what is under test, and its compiler is slow under the sanitizers.
    environment["NUMBA_DISABLE_JIT"] = "1"
    command = [sys.executable, "-m", "pytest", *(sys.argv[1:] or DEFAULT)]
    return subprocess.run(command, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
