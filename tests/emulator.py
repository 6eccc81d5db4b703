"""Compiles kernels with g++ and launches them on the CPU, with the signature of ``driver.launch``.

``cuda_on_cpu.h`` says how a kernel runs and what that can't show. Arguments are copied between
guard bands, so a write outside an array, or through a pointer to const, is an error here.
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
import itertools
import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

TESTS = Path(__file__).resolve().parent
KERNELS = TESTS.parent / "kernels"
HARNESS = TESTS / "cuda_on_cpu.h"
FLAGS = ("-std=c++20", "-O1", "-fPIC", "-shared", "-ffp-contract=off", "-fno-strict-aliasing")
WARNINGS = ("-Wall", "-Wextra", "-Werror", "-Wno-unknown-pragmas", "-Wno-unused-function")
# Compiling takes longer than running here, and half as long without optimisation.
SANITIZED = ("-O0", "-g1", "-fno-omit-frame-pointer", "-fno-sanitize-recover=undefined")
GUARD = 128
PATTERN = 0xA5
SPIN_LIMIT = 200_000
KINDS = {"f": 1, "i": 2, "u": 3}


class EmulatorError(RuntimeError):
    """A kernel did something that no correct kernel does, or does not compile."""


class _Parameter(ctypes.Structure):
    _fields_ = [(name, ctypes.c_int) for name in ("size", "pointer", "element", "kind", "constant")]


@dataclass
class _State:
    seed: int = int(os.environ.get("CUSNN_EMULATOR_SEED", "1"))


_state = _State()


def set_seed(seed: int) -> None:
    """Choose the order in which fibers run."""
    _state.seed = seed


def require() -> None:
    """Skip the calling test where g++ is missing; fail where CUSNN_REQUIRE names "emulator"."""
    if shutil.which("g++") is None:
        from conftest import skip

        skip("emulator", "g++ is not installed")


def cache_folder() -> Path:
    """Where compiled kernels are kept: ``CUSNN_EMULATOR_CACHE``, or the user's cache folder."""
    if "CUSNN_EMULATOR_CACHE" in os.environ:
        return Path(os.environ["CUSNN_EMULATOR_CACHE"])
    base = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    return base / "cusnn-emulator"


def sanitizer_environment() -> dict[str, str]:
    """Environment in which Python must start for kernels built with sanitizers to load."""
    runtimes = [
        subprocess.run(
            ["g++", f"-print-file-name={name}"], capture_output=True, text=True, check=True
        ).stdout.strip()
        for name in ("libasan.so", "libubsan.so")
    ]
    return {
        "LD_PRELOAD": ":".join(runtimes),
        "ASAN_OPTIONS": "detect_leaks=0:detect_stack_use_after_return=0:abort_on_error=0",
        "UBSAN_OPTIONS": "print_stacktrace=1",
    }


# ------------------------------------------------------------------ compiling


def _sanitizers() -> str:
    return os.environ.get("CUSNN_EMULATOR_SANITIZE", "")


def _translate(text: str, name: str) -> str:
    """Give ``__shared__`` variables their meaning: memory of the running block.

    A C++ ``static`` would be one for all blocks, and ``extern`` cannot name a block's memory.
    """
    numbers = itertools.count(int(hashlib.sha256(name.encode()).hexdigest()[:5], 16) * 1000)
    align = r"(?:__align__\(\d+\)\s*)?"
    dynamic = rf"extern\s+__shared__\s+{align}([\w:<>, ]+?)\s+{align}(\w+)\[\];"
    text = re.sub(dynamic, r"auto* \2 = static_cast<\1*>(emulator::dynamic_shared());", text)

    def static(match):
        kind, variable, extents = match.groups()
        return f"auto& {variable} = emulator::static_shared<{kind}{extents}>({next(numbers)});"

    pattern = rf"__shared__\s+{align}([\w:<>, ]+?)\s+{align}(\w+)((?:\[[^\]]*\])*);"
    return re.sub(pattern, static, text)


def _sources(source: Path) -> dict[str, str]:
    """Translated text of a source and of every header that it may include."""
    paths = {path.name: path for path in KERNELS.glob("*.cuh")}
    paths |= {path.name: path for path in source.parent.glob("*.cuh")}
    if (TESTS / "ptx_on_cpu.cuh").is_file():
        paths["ptx.cuh"] = TESTS / "ptx_on_cpu.cuh"
    paths[source.name] = source
    return {name: _translate(path.read_text(), name) for name, path in sorted(paths.items())}


TRAMPOLINE = """
#include "{source}"
using Launched = emulator::Kernel<{kernel}>;
extern "C" int cusnn_parameters(emulator::Parameter* out) {{ return Launched::parameters(out); }}
extern "C" int cusnn_launch(const unsigned* grid, const unsigned* block, void** arguments,
                            unsigned long long shared, int cooperative, unsigned long long seed,
                            unsigned long long spin_limit, char* error,
                            unsigned long long error_bytes) {{
    return Launched::start(grid, block, arguments, shared, cooperative, seed, spin_limit, error,
                           error_bytes);
}}
"""


@functools.cache
def _compiler_version() -> str:
    return subprocess.run(["g++", "--version"], capture_output=True, text=True, check=True).stdout


def _flags() -> tuple[str, ...]:
    chosen = _sanitizers()
    return (*FLAGS, *WARNINGS, *((f"-fsanitize={chosen}", *SANITIZED) if chosen else ()))


def _build(source: Path, kernel: str) -> Path:
    texts = _sources(source)
    main = TRAMPOLINE.format(source=source.name, kernel=kernel)
    parts = (*texts.values(), HARNESS.read_text(), main, *_flags(), _compiler_version())
    digest = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]
    library = cache_folder() / f"{source.stem}-{digest}.so"
    if library.is_file():
        return library
    library.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=library.parent) as folder:
        for name, text in texts.items():
            (Path(folder) / name).write_text(f'#line 1 "{name}"\n{text}')
        (Path(folder) / "main.cpp").write_text(main)
        output = Path(folder) / "kernel.so"
        command = ["g++", *_flags(), "-include", str(HARNESS), f"-I{folder}"]
        command += [str(Path(folder) / "main.cpp"), "-o", str(output)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise EmulatorError(f"{source.name}: {kernel} does not compile:\n{done.stderr}")
        os.replace(output, library)
    return library


@functools.cache
def _load(library: Path):
    return ctypes.CDLL(str(library))


@functools.cache
def _stamp_of(path: Path, modified: int) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _stamp(source: Path) -> tuple:
    paths = [source, HARNESS, *sorted(KERNELS.glob("*.cuh")), *sorted(source.parent.glob("*.cuh"))]
    return tuple(_stamp_of(path, path.stat().st_mtime_ns) for path in paths)


@functools.cache
def _library_of(source: Path, kernel: str, stamp: tuple, sanitizers: str):
    return _load(_build(source, kernel))


def library(source: Path, kernel: str):
    """The loaded library of one instantiation; built again after any change of its sources."""
    return _library_of(source, kernel, _stamp(source), _sanitizers())


# ------------------------------------------------------------------ arguments


class _Guarded:
    """A copy of an array between guard bands (under AddressSanitizer: in memory of its own)."""

    def __init__(self, array: np.ndarray, index: int):
        self.array, self.index = array, index
        self.guard = 0 if _sanitizers() else GUARD
        if self.guard:
            self.memory = np.full(array.nbytes + 2 * GUARD + 64, PATTERN, np.uint8)
            self.start = GUARD + (-(self.memory.ctypes.data + GUARD)) % 64
            self.address = self.memory.ctypes.data + self.start
        else:
            self.address = _libc().malloc(max(array.nbytes, 1))
        ctypes.memmove(self.address, array.ctypes.data, array.nbytes)

    def check_guards(self, where: str) -> None:
        if not self.guard:
            return
        end = self.start + self.array.nbytes
        for name, band in (("before", self.memory[: self.start]), ("after", self.memory[end:])):
            if (band != PATTERN).any():
                raise EmulatorError(
                    f"{where} wrote {name} the start or end of argument {self.index}"
                )

    def copy_back(self, constant: bool, where: str) -> None:
        if constant or not self.array.flags.writeable:
            before = self.array.tobytes()
            if ctypes.string_at(self.address, self.array.nbytes) != before:
                raise EmulatorError(f"{where} changed argument {self.index}, which is read-only")
        else:
            ctypes.memmove(self.array.ctypes.data, self.address, self.array.nbytes)

    def free(self) -> None:
        if not self.guard:
            _libc().free(self.address)


@functools.cache
def _libc():
    libc = ctypes.CDLL(None)
    libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
    libc.free.restype, libc.free.argtypes = None, [ctypes.c_void_p]
    return libc


def _check_array(where: str, index: int, array: np.ndarray, parameter: _Parameter) -> None:
    if not array.flags.c_contiguous:
        raise ValueError(f"{where}: argument {index} is not C-contiguous")
    if array.dtype.itemsize != parameter.element:
        raise TypeError(
            f"{where}: argument {index} is {array.dtype}, but the kernel's elements have "
            f"{parameter.element} bytes"
        )
    if parameter.kind and KINDS.get(array.dtype.kind, parameter.kind) != parameter.kind:
        raise TypeError(f"{where}: argument {index} is {array.dtype}, of another kind")


def _check_scalar(where: str, index: int, value, parameter: _Parameter) -> None:
    if value.nbytes != parameter.size:
        raise TypeError(
            f"{where}: argument {index} has {value.nbytes} bytes, the kernel's {parameter.size}"
        )
    if parameter.kind and KINDS.get(value.dtype.kind, parameter.kind) != parameter.kind:
        raise TypeError(f"{where}: argument {index} is {value.dtype}, of another kind")


def _check_overlap(where: str, arrays: list[np.ndarray]) -> None:
    for one, other in itertools.combinations(arrays, 2):
        same = one.ctypes.data == other.ctypes.data and one.nbytes == other.nbytes
        if not same and np.may_share_memory(one, other):
            raise ValueError(f"{where}: two arguments overlap in part")


def _is_array(value) -> bool:
    return isinstance(value, np.ndarray) and (value.ndim > 0 or value.dtype.names is None)


def launch(source, kernel, grid, block, args, *, shared=0, cooperative=False) -> None:
    """Run a kernel of ``kernels/`` (or of a path) on the CPU; see ``driver.launch``.

    Raises:
        EmulatorError: a compile error, a deadlock, divergent barriers, a write out of bounds.
        TypeError, ValueError: arguments that do not fit the kernel's parameters.
    """
    grid, block = _three(grid), _three(block)
    if 0 in grid or 0 in block:
        return
    path = Path(source) if Path(source).is_absolute() else KERNELS / source
    where = f"{path.name}: {kernel}"
    if np.prod(block) > 1024:
        raise ValueError(f"{where}: {np.prod(block)} threads per block, 1024 is the most")
    compiled = library(path, kernel)
    parameters = (_Parameter * compiled.cusnn_parameters(None))()
    compiled.cusnn_parameters(parameters)
    if len(args) != len(parameters):
        raise TypeError(f"{where}: takes {len(parameters)} arguments, got {len(args)}")
    guarded: dict[int, _Guarded] = {}
    slots, constants = [], {}
    try:
        _check_overlap(where, [a for a in args if _is_array(a) and a.nbytes])
        for index, (value, parameter) in enumerate(zip(args, parameters, strict=True)):
            slots.append(_slot(where, index, value, parameter, guarded))
            if _is_array(value):
                key = value.ctypes.data
                constants[key] = constants.get(key, True) and bool(parameter.constant)
        _call(where, compiled, grid, block, slots, shared, cooperative)
        for copy in guarded.values():
            copy.check_guards(where)
        for key, copy in guarded.items():
            copy.copy_back(constants[key], where)
    finally:
        for copy in guarded.values():
            copy.free()


def _slot(where, index, value, parameter, guarded):
    """The bytes of one argument as the kernel finds them."""
    if value is None:
        if not parameter.pointer:
            raise TypeError(f"{where}: argument {index} is None, but no pointer is wanted")
        return ctypes.c_void_p(0)
    if isinstance(value, (bool, int, float)):
        raise TypeError(f"kernel arguments must be arrays or typed NumPy scalars, got {value!r}")
    if _is_array(value):
        if not parameter.pointer:
            raise TypeError(f"{where}: argument {index} is an array, but no pointer is wanted")
        _check_array(where, index, value, parameter)
        key = value.ctypes.data
        if key not in guarded:
            guarded[key] = _Guarded(value, index)
        return ctypes.c_void_p(guarded[key].address)
    if parameter.pointer:
        raise TypeError(f"{where}: argument {index} is {value!r}, but a pointer is wanted")
    _check_scalar(where, index, value, parameter)
    return ctypes.create_string_buffer(value.tobytes(), max(value.nbytes, 1))


def _call(where, compiled, grid, block, slots, shared, cooperative) -> None:
    pointers = (ctypes.c_void_p * max(len(slots), 1))(*[ctypes.addressof(slot) for slot in slots])
    error = ctypes.create_string_buffer(1024)
    failed = compiled.cusnn_launch(
        (ctypes.c_uint * 3)(*grid),
        (ctypes.c_uint * 3)(*block),
        pointers,
        ctypes.c_ulonglong(shared),
        ctypes.c_int(bool(cooperative)),
        ctypes.c_ulonglong(_state.seed),
        ctypes.c_ulonglong(SPIN_LIMIT),
        error,
        ctypes.c_ulonglong(len(error)),
    )
    if failed:
        raise EmulatorError(f"{where}: {error.value.decode()}")


def _three(size) -> tuple[int, int, int]:
    size = tuple(int(n) for n in size) if isinstance(size, tuple) else (int(size),)
    return (*size, *(1,) * (3 - len(size)))
