"""Who may import whom, and what may stand in which room."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "cusnn"
FRONT = ("contract", "conventions", "dispatch", "neurons", "surrogates", "plasticity")

# Module prefix -> modules of cusnn and libraries that it may import, anywhere in the file.
ALLOWED = {
    "cusnn.neurons": (("neurons",), ("numpy",)),
    "cusnn.surrogates": (("surrogates",), ("numpy",)),
    "cusnn.plasticity": ((), ("numpy",)),
    "cusnn.conventions": (("conventions", "neurons", "surrogates"), ("numpy",)),
    "cusnn.contract": ((), ("numpy",)),
    "cusnn.dispatch": ((), ()),
    "cusnn.caches": ((), ()),
    "cusnn.driver": (("caches",), ("numpy", "cupy", "cupy_backends")),
    "cusnn.backends.numpy_ref": (("backends.numpy_ref",), ("numpy",)),
    "cusnn.backends.numba_cpu": (("backends.numba_cpu", "caches"), ("numpy", "numba", "llvmlite")),
    "cusnn.backends.cuda": (("backends.cuda", "driver"), ("numpy",)),
    "cusnn.ops": (("ops", *FRONT), ("numpy",)),
    "cusnn.network": (("network", "neurons", "plasticity"), ("numpy",)),
    "cusnn.simulation": (("simulation", "ops", "network", "contract", "neurons"), ("numpy",)),
    "cusnn.simulation.sonata": ((), ("numpy", "h5py")),
    "cusnn.data": (("data", "ops"), ("numpy",)),
    "cusnn.data.handwritten": (("data",), ("numpy", "sklearn")),
    "cusnn.data.heidelberg": (("data",), ("numpy", "h5py")),
    "cusnn.data.structured": (("data",), ("numpy", "tonic")),
    "cusnn.models": (("models", "network", "neurons"), ("numpy",)),
    "cusnn.training": (
        ("training", "ops", "data", "neurons", "surrogates", "dispatch"),
        ("numpy",),
    ),
    "cusnn.energy": (("energy",), ("numpy",)),
    "cusnn.energy.comparison": (("energy", "plots"), ("numpy",)),
    "cusnn.energy.bounds": ((), ("numpy",)),
    "cusnn.energy.counts": (("energy",), ()),
    "cusnn.energy.layers": (("energy", "ops", "dispatch"), ("numpy",)),
    "cusnn.energy.meter": (("energy", "driver"), ()),
    "cusnn.energy.metrics": (("energy", "ops", "dispatch"), ()),
    "cusnn.energy.models": (("energy", "training", "dispatch"), ()),
    "cusnn.energy.networks": (("energy", "simulation", "network"), ("numpy",)),
    "cusnn.energy.placement": (("energy", "simulation"), ("numpy",)),
    "cusnn.energy.results": (("energy", "plots"), ("numpy",)),
    "cusnn.energy.nvml": ((), ()),
    "cusnn.energy.sensors": (("energy", "driver"), ("pynvml",)),
    "cusnn.energy.tables": ((), ("pandas",)),
    "cusnn.analysis": ((), ("numpy",)),
    "cusnn.validation": (("analysis",), ("numpy",)),
    "cusnn.torch": (("torch", "ops", "driver", "conventions", *FRONT), ("numpy", "torch")),
    "cusnn.plots": (("plots", "analysis"), ("numpy", "matplotlib")),
    "cusnn.plots.energies": (("plots", "energy"), ("matplotlib",)),
    "cusnn.plots.crossover": (("plots", "energy"), ("numpy", "matplotlib")),
}
ON_TOP = ("cusnn.cli", "cusnn.info", "cusnn.__main__", "cusnn")


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def python_files():
    return sorted(PACKAGE.rglob("*.py"))


def imports(path: Path) -> set[str]:
    """Every module that a file imports, wherever the statement or import_module call stands."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found.add(node.module)
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and node.args:
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            if name in ("import_module", "__import__") and isinstance(node.args[0], ast.Constant):
                found.add(node.args[0].value)
    return found


def rule(name: str):
    prefixes = [p for p in ALLOWED if name == p or name.startswith(p + ".")]
    return ALLOWED[max(prefixes, key=len)] if prefixes else None


@pytest.mark.parametrize("path", python_files(), ids=module_name)
def test_imports_stay_in_their_rooms(path):
    import sys

    name = module_name(path)
    if rule(name) is None:
        assert name.startswith(ON_TOP) or name == "cusnn.backends", f"no rule for {name}"
        return
    own, libraries = rule(name)
    submodules = {module_name(other) for other in python_files()}
    for imported in imports(path):
        top = imported.split(".")[0]
        if top == "cusnn":
            target = imported if imported in submodules else imported.rpartition(".")[0]
            allowed = any(
                target == f"cusnn.{p}" or target.startswith(f"cusnn.{p}.") for p in own
            ) or target in ("cusnn", "cusnn.backends")
            assert allowed, f"{name} imports {imported}"
        elif top not in sys.stdlib_module_names:
            assert top in libraries, f"{name} imports {imported}"


def test_every_rule_has_a_room():
    names = {module_name(path) for path in python_files()}
    assert set(ALLOWED) <= names
    allowed = {f"cusnn.{target}" for own, _ in ALLOWED.values() for target in own}
    assert allowed <= names


def test_only_the_driver_names_cupy():
    for path in python_files():
        if module_name(path) not in ("cusnn.driver", "cusnn.info"):
            assert not any(i.split(".")[0].startswith("cupy") for i in imports(path)), path


def test_nothing_imports_tests_or_benchmarks():
    for path in python_files():
        tops = {i.split(".")[0] for i in imports(path)}
        assert not tops & {"tests", "benchmarks", "conftest", "emulator"}, path


def test_the_engine_names_no_backend():
    for path in (PACKAGE / "simulation").rglob("*.py"):
        text = path.read_text()
        assert "backends." not in text, path
        assert not re.search(r"numpy_ref|numba_cpu", text), path


def test_no_rooms_without_a_noun():
    names = {path.stem for path in python_files()} | {p.name for p in PACKAGE.iterdir()}
    assert not names & {"utils", "core", "helpers", "config"}


@pytest.mark.parametrize("path", sorted((ROOT / "kernels").iterdir()), ids=lambda p: p.name)
def test_kernels_are_plain_cuda(path):
    assert path.suffix in (".cu", ".cuh")
    text = path.read_text()
    assert not re.search(r"^\s*#\s*(if|ifdef|ifndef|else)\b", text, re.M), "preprocessor branch"
    for target in re.findall(r"^\s*#\s*include\s+(.*)$", text, re.M):
        assert re.fullmatch(r'"\w+\.cuh"', target.strip()), f"includes {target}"
    defines = re.findall(r"^\s*#\s*define\s+(\w+)", text, re.M)
    assert set(defines) <= {"DEVICE"}, defines
    if path.suffix == ".cuh":
        assert "#pragma once" in text


def test_no_cuda_in_python_strings():
    for path in python_files():
        if module_name(path) != "cusnn.driver":
            assert "__global__" not in path.read_text(), path
