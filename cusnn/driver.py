"""Finds ``kernels/``, compiles with NVRTC, caches cubins, launches. The only importer of CuPy.

CuPy's own compilation adds ``-ftz=true`` and leaves the text of included headers out of its cache
key, so sources and headers are compiled here, with exactly the options below, and CuPy only loads
the finished cubin.
"""

from __future__ import annotations

import functools
import hashlib
import importlib
import os
import re
import sys
from pathlib import Path

import numpy as np

OPTIONS = ("-std=c++17", "--fmad=false", "--prec-div=true", "--prec-sqrt=true", "--ftz=false")
INSTALL_HINT = 'pip install "cusnn[cuda13]" (or "cusnn[cuda12]" for a CUDA 12 driver)'


class DriverError(RuntimeError):
    """A kernel could not be compiled, loaded or launched."""


def kernel_folder() -> Path:
    """The folder of the CUDA sources: in the installed package, or beside it in a checkout."""
    package = Path(__file__).resolve().parent
    for folder in (package / "kernels", package.parent / "kernels"):
        if (folder / "prelude.cuh").is_file():
            return folder
    raise DriverError("the CUDA sources (kernels/*.cu) are missing from this installation")


@functools.cache
def headers() -> dict[str, str]:
    """Text of every header, by the name under which sources include it."""
    return {
        path.name: path.read_text(encoding="utf-8")
        for path in sorted(kernel_folder().glob("*.cuh"))
    }


def read_source(source: str) -> str:
    """Text of a ``.cu`` file of ``kernels/``."""
    return (kernel_folder() / source).read_text(encoding="utf-8")


def unavailable() -> str | None:
    """Why no CUDA kernel can run here, in one sentence; None where one can."""
    try:
        cupy = importlib.import_module("cupy")
    except (ImportError, OSError) as error:
        reason = "is not installed" if isinstance(error, ModuleNotFoundError) else f"fails: {error}"
        return f"CuPy {reason}; {INSTALL_HINT}"
    if not cupy.cuda.is_available():
        return "no CUDA GPU was found; the backends numba and numpy run without one"
    return None


def compile_cubin(source: str, kernels: tuple[str, ...], architecture: int) -> tuple[bytes, dict]:
    """Compile instantiations of a source with NVRTC; needs no GPU.

    Args:
        source: file in ``kernels/``.
        kernels: C++ name expressions, such as "neuron_forward<LIF>".
        architecture: compute capability as a number, such as 90.

    Returns:
        The cubin, and the mangled name of every expression.

    Raises:
        DriverError: the compiler's messages.
    """
    nvrtc = importlib.import_module("cupy_backends.cuda.libs.nvrtc")
    texts = headers()
    program = nvrtc.createProgram(
        read_source(source),
        source,
        [text.encode() for text in texts.values()],
        [name.encode() for name in texts],
    )
    try:
        for kernel in kernels:
            nvrtc.addNameExpression(program, kernel)
        nvrtc.compileProgram(program, (*OPTIONS, f"--gpu-architecture=sm_{architecture}"))
        names = {kernel: nvrtc.getLoweredName(program, kernel) for kernel in kernels}
        return nvrtc.getCUBIN(program), names
    except nvrtc.NVRTCError as error:
        log = nvrtc.getProgramLog(program)
        raise DriverError(f"{source} does not compile for sm_{architecture}: {error}\n{log}") from (
            None
        )
    finally:
        nvrtc.destroyProgram(program)


def cache_folder() -> Path:
    """Where cubins are kept: ``CUSNN_CACHE``, or ``cusnn`` in the user's cache folder."""
    if "CUSNN_CACHE" in os.environ:
        return Path(os.environ["CUSNN_CACHE"])
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    return base / "cusnn"


def _cubin_file(source: str, kernel: str, architecture: int) -> tuple[Path, str]:
    """Path of the cached cubin of one instantiation (compiled if absent) and its mangled name."""
    nvrtc = importlib.import_module("cupy_backends.cuda.libs.nvrtc")
    parts = (read_source(source), *headers().values(), *OPTIONS, kernel, str(architecture))
    parts += (str(nvrtc.getVersion()),)
    digest = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]
    path = cache_folder() / f"{Path(source).stem}-{digest}.cubin"
    name_path = path.with_suffix(".name")
    if not (path.is_file() and name_path.is_file()):
        cubin, names = compile_cubin(source, (kernel,), architecture)
        path.parent.mkdir(parents=True, exist_ok=True)
        _write_whole(name_path, names[kernel].encode())
        _write_whole(path, cubin)
    return path, name_path.read_text()


def _write_whole(path: Path, content: bytes) -> None:
    """Write a file so that other processes see all of it or nothing."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}")
    temporary.write_bytes(content)
    os.replace(temporary, path)


@functools.cache
def _function(source: str, kernel: str, device: int, cooperative: bool):
    cupy = importlib.import_module("cupy")
    capability = int(cupy.cuda.Device(device).compute_capability)
    path, name = _cubin_file(source, kernel, capability)
    module = cupy.RawModule(path=str(path), enable_cooperative_groups=cooperative)
    return module.get_function(name)


def _argument(value):
    """A kernel argument as CuPy wants it; bare Python numbers would arrive as 64-bit ones."""
    if value is None:
        return np.uint64(0)
    if isinstance(value, (bool, int, float)):
        raise TypeError(f"kernel arguments must be arrays or typed NumPy scalars, got {value!r}")
    # CuPy keeps scalars in 16 bytes; as an array of no axes a struct of any size goes by value.
    return np.asarray(value) if isinstance(value, np.void) else value


def _dimensions(size) -> tuple[int, ...]:
    return tuple(size) if isinstance(size, tuple) else (int(size),)


def launch(source, kernel, grid, block, args, *, shared=0, cooperative=False) -> None:
    """Launch a kernel on the current stream of the current device.

    Args:
        source: file in ``kernels/``.
        kernel: C++ name expression of the instantiation.
        grid: blocks, an int or a tuple of up to three.
        block: threads per block, likewise.
        args: CuPy arrays (passed as pointers), None (a null pointer), NumPy scalars and
            structured scalars (passed by value), in the order of the kernel's parameters.
        shared: bytes of dynamic shared memory.
        cooperative: all blocks must run at once (for a grid barrier).

    Raises:
        DriverError: CuPy or a GPU is missing, or the kernel does not compile.
        TypeError: a bare Python number among ``args``.
    """
    grid, block = _dimensions(grid), _dimensions(block)
    if 0 in grid or 0 in block:
        return
    reason = unavailable()
    if reason:
        raise DriverError(reason)
    cupy = importlib.import_module("cupy")
    function = _function(source, kernel, cupy.cuda.runtime.getDevice(), cooperative)
    if shared > 48 * 1024:
        function.max_dynamic_shared_size_bytes = shared
    function(grid, block, tuple(_argument(arg) for arg in args), shared_mem=shared)


def kernel_names(source: str) -> tuple[str, ...]:
    """Names of the ``__global__`` functions of a source, in order."""
    pattern = r"__global__\s+(?:void\s+)?(?:__launch_bounds__\([^)]*\)\s+)?(?:void\s+)?(\w+)\s*\("
    return tuple(re.findall(pattern, read_source(source)))
