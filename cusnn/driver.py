"""Finds ``kernels/``, compiles with NVRTC, caches cubins, launches. The only importer of CuPy.

CuPy's own compilation adds ``-ftz=true`` and leaves the text of included headers out of its cache
key, so sources and headers are compiled here, with exactly the options below, and CuPy only loads
the finished cubin.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import importlib
import os
import re
import threading
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np

from cusnn import caches

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


def _architecture(capability: int) -> int:
    """The architecture to compile for: the GPU's, or an older one whose code it runs.

    Raises:
        DriverError: NVRTC knows none.
    """
    nvrtc = importlib.import_module("cupy_backends.cuda.libs.nvrtc")
    known = nvrtc.getSupportedArchs()
    runs = [one for one in known if one // 10 == capability // 10 and one <= capability]
    if runs:
        return max(runs)
    raise DriverError(
        f"this GPU has compute capability {capability / 10}, but NVRTC {_dotted(nvrtc)} compiles "
        f"for {min(known) / 10} to {max(known) / 10}: "
        + (
            "install a newer CuPy with a newer CUDA"
            if capability > min(known)
            else 'try an older CUDA: pip install "cusnn[cuda12]"'
        )
    )


def _dotted(nvrtc) -> str:
    return ".".join(map(str, nvrtc.getVersion()))


def cache_folder() -> Path:
    """Where cubins are kept: ``CUSNN_CACHE``, or ``cusnn`` in the user's cache folder."""
    return caches.folder()


def _cubin_file(source: str, kernel: str, architecture: int) -> tuple[Path, str]:
    """Path of the cached cubin of one instantiation (compiled if absent) and its mangled name."""
    nvrtc = importlib.import_module("cupy_backends.cuda.libs.nvrtc")
    parts = (read_source(source), *headers().values(), *OPTIONS, kernel, str(architecture))
    parts += (str(nvrtc.getVersion()),)
    digest = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]
    file = f"{Path(source).stem}-{digest}.cubin"
    for folder in (cache_folder(), caches.temporary()) if _unwritable else (cache_folder(),):
        path = folder / file
        name_path = path.with_suffix(".name")
        if os.access(path, os.R_OK) and os.access(name_path, os.R_OK):
            return path, name_path.read_text()
    cubin, names = compile_cubin(source, (kernel,), architecture)
    return _save(file, cubin, names[kernel]), names[kernel]


_unwritable: set[Path] = set()


def _save(file: str, cubin: bytes, name: str) -> Path:
    """Write a cubin to the cache, or where that cannot be written, for this process only."""
    folder = cache_folder()
    try:
        return _write(folder / file, cubin, name)
    except OSError as error:
        reason = f"{folder} cannot be written ({error}); CUSNN_CACHE names another folder"
    try:
        path = _write(caches.temporary() / file, cubin, name)
    except OSError as error:
        raise DriverError(f"kernels cannot be loaded: {reason}; nor can {error}") from None
    if folder not in _unwritable:
        _unwritable.add(folder)
        warnings.warn(f"every process compiles its kernels: {reason}", RuntimeWarning, stacklevel=2)
    return path


def _write(path: Path, cubin: bytes, name: str) -> Path:
    caches.write_whole(path.with_suffix(".name"), name.encode())
    caches.write_whole(path, cubin)
    return path


_functions: dict[tuple, object] = {}
_loading = threading.Lock()


def _function(*key):
    """The kernel of (source, name expression, device, cooperative); threads load one at a time."""
    if key not in _functions:
        with _loading:
            if key not in _functions:
                _functions[key] = _load(*key)
    return _functions[key]


def _load(source: str, kernel: str, device: int, cooperative: bool):
    cupy = _cupy()
    capability = int(cupy.cuda.Device(device).compute_capability)
    path, name = _cubin_file(source, kernel, _architecture(capability))
    module = cupy.RawModule(path=str(path), enable_cooperative_groups=cooperative)
    return module.get_function(name)


@functools.cache
def _cupy():
    """CuPy, where it has a GPU; asked once, since the answer takes a call to the driver."""
    reason = unavailable()
    if reason:
        raise DriverError(reason)
    return importlib.import_module("cupy")


def _check_devices(kernel: str, args, ndarray: type, device: int) -> None:
    for index, arg in enumerate(args):
        if isinstance(arg, ndarray) and arg.size and arg.data.device_id != device:
            other = arg.data.device_id
            raise ValueError(
                f"{kernel}: argument {index} is on GPU {other}, but GPU {device} is the current "
                f"one; keep all arrays on one GPU and call under 'with cupy.cuda.Device({other}):'"
            )


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
        DriverError: CuPy or a GPU is missing, the kernel does not compile, or NVRTC does not know
            the GPU.
        TypeError: a bare Python number among ``args``.
        ValueError: an array on another GPU than the current one.
    """
    grid, block = _dimensions(grid), _dimensions(block)
    if 0 in grid or 0 in block:
        return
    cupy = _cupy()
    device = cupy.cuda.runtime.getDevice()
    _check_devices(kernel, args, cupy.ndarray, device)
    function = _function(source, kernel, device, cooperative)
    if shared > 48 * 1024:
        function.max_dynamic_shared_size_bytes = shared
    function(grid, block, tuple(_argument(arg) for arg in args), shared_mem=shared)


class Limits(NamedTuple):
    """What a kernel whose blocks all run at once may count on.

    Attributes:
        processors: multiprocessors of the GPU.
        shared: bytes of shared memory that a block can have.
    """

    processors: int
    shared: int


def limits() -> Limits:
    """Limits of the current device.

    Raises:
        DriverError: CuPy or a GPU is missing.
    """
    attributes = _cupy().cuda.Device().attributes
    return Limits(attributes["MultiProcessorCount"], attributes["MaxSharedMemoryPerBlockOptin"])


@contextlib.contextmanager
def visiting(device: int, stream: int, allocate, free):
    """A block in which CuPy works on the device, stream and memory of another library.

    Args:
        device: number of the GPU.
        stream: address of the CUDA stream; 0 for the default one.
        allocate: function of (bytes, device) that returns the address of new memory, which that
            library keeps for work on ``stream``.
        free: function of (address, device) that gives it back.

    Raises:
        DriverError: CuPy or a GPU is missing.
    """
    cuda = _cupy().cuda
    allocator = cuda.PythonFunctionAllocator(allocate, free)
    # CuPy knows the protocol of streams since 14; before, and with a warning after, this class.
    known = hasattr(cuda.Stream, "from_external")
    foreign = _ForeignStream(stream)
    with (
        cuda.Device(device),
        cuda.Stream.from_external(foreign) if known else cuda.ExternalStream(stream, device),
        cuda.using_allocator(allocator.malloc),
    ):
        yield


class _ForeignStream(NamedTuple):
    """A stream by the CUDA stream protocol, version 0."""

    address: int

    def __cuda_stream__(self) -> tuple[int, int]:
        return 0, self.address


def from_dlpack(array):
    """Another library's array on a GPU as a CuPy array of the same memory.

    Raises:
        DriverError: CuPy or a GPU is missing.
    """
    return _cupy().from_dlpack(array)


def arrays():
    """CuPy, the library whose arrays lie on the GPU.

    Raises:
        DriverError: CuPy is missing.
    """
    return _cupy()


def free_bytes() -> int:
    """Bytes of memory that the current device has left, with those that CuPy keeps for reuse.

    Raises:
        DriverError: CuPy or a GPU is missing.
    """
    cupy = _cupy()
    free, _ = cupy.cuda.runtime.memGetInfo()
    return free + cupy.get_default_memory_pool().free_bytes()


def pci_bus_id() -> str:
    """Address of the current device on the PCI bus, by which NVML knows it too.

    Raises:
        DriverError: CuPy or a GPU is missing.
    """
    return _cupy().cuda.Device().pci_bus_id


def synchronise() -> None:
    """Wait for all work of the current device, of every stream and library of this process.

    Raises:
        DriverError: CuPy or a GPU is missing.
    """
    _cupy().cuda.runtime.deviceSynchronize()


def kernel_names(source: str) -> tuple[str, ...]:
    """Names of the ``__global__`` functions of a source, in order."""
    pattern = r"__global__\s+(?:void\s+)?(?:__launch_bounds__\([^)]*\)\s+)?(?:void\s+)?(\w+)\s*\("
    return tuple(re.findall(pattern, read_source(source)))
