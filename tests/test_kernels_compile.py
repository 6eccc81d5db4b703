"""Every instantiation compiles through NVRTC, for every architecture, with production options."""

import importlib
import os
import re
import struct

import numpy as np
import pytest
from conftest import skip

from cusnn import contract, driver

# CI names the oldest and the newest, beside Hopper, for which registers are counted below; whoever
# runs the tests compiles for all.
ARCHITECTURES = tuple(
    int(number)
    for number in os.environ.get("CUSNN_ARCHITECTURES", "75,80,86,89,90,100,120").split(",")
)
SOURCES = sorted({(kernel, op.room) for op in contract.OPS.values() for kernel in op.kernels})


@pytest.fixture(scope="module")
def nvrtc():
    try:
        module = importlib.import_module("cupy_backends.cuda.libs.nvrtc")
        module.getVersion()
    except Exception as error:
        skip("nvrtc", f"NVRTC cannot be loaded: {error}")
    return module


def expressions(source, room):
    return importlib.import_module(f"cusnn.backends.cuda.{room}").INSTANTIATIONS[source]


@pytest.mark.usefixtures("nvrtc")
@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize(("source", "room"), SOURCES)
def test_compiles(source, room, architecture):
    kernels = expressions(source, room)
    cubin, names = driver.compile_cubin(source, kernels, architecture)
    assert cubin[:4] == b"\x7fELF"
    assert len(set(names.values())) == len(kernels)
    for name in names.values():
        assert name.encode() in cubin


# On Hopper, with 65,536 registers and 227 KB of shared memory for the blocks of a multiprocessor.
# Neurons wait for memory, and a thread has four of them (eight of 16 bits on the way forward): with
# 128 registers 2048 neurons of a multiprocessor take turns, with 168 eight at a time 3072; on the
# way back with 168 1536, about as many as its shared memory has room for, and with 192 1280. A
# layer's way back has room for 1036 ALIF neurons in shared memory, and with 112 for 1152. Neurons
# that feed one another are one block of at most 512 threads, for which there are 128.
REGISTERS = {  # by parts of a mangled name
    ("neuron_forward", "Half"): 168,
    ("neuron_forward",): 128,
    ("neuron_backward", "ALIF"): 192,
    ("neuron_backward",): 168,
    ("layer_backward", "ALIF"): 112,
    ("recurrent",): 128,
}
MOST_REGISTERS = 96
MOST_SHARED = 16 * 1024  # static; a launch may add some, of the size that it needs


def resources(nvrtc, source, kernels):
    """What the assembler says of each kernel: (mangled name, stack, spills, registers, shared)."""
    headers = driver.headers()
    program = nvrtc.createProgram(
        driver.read_source(source),
        source,
        [text.encode() for text in headers.values()],
        [name.encode() for name in headers],
    )
    try:
        for kernel in kernels:
            nvrtc.addNameExpression(program, kernel)
        options = (*driver.OPTIONS, "--gpu-architecture=sm_90", "--ptxas-options=-v")
        nvrtc.compileProgram(program, options)
        log = nvrtc.getProgramLog(program)
    finally:
        nvrtc.destroyProgram(program)
    pattern = (
        r"Compiling entry function '(\w+)'.*?(\d+) bytes stack frame, (\d+) bytes spill stores"
        r".*?Used (\d+) registers(?:[^\n]*?(\d+) bytes smem)?"
    )
    found = re.findall(pattern, log, re.DOTALL)
    return [(name, *(int(number or 0) for number in numbers)) for name, *numbers in found]


@pytest.mark.parametrize(("source", "room"), SOURCES)
def test_registers_and_shared_memory(nvrtc, source, room):
    kernels = expressions(source, room)
    found = resources(nvrtc, source, kernels)
    assert len(found) == len(kernels)
    for name, stack, spills, registers, shared in found:
        matches = (most for parts, most in REGISTERS.items() if all(part in name for part in parts))
        most = next(matches, MOST_REGISTERS)
        assert (stack, spills) == (0, 0), name
        assert 0 < registers <= most, (name, registers)
        assert shared <= MOST_SHARED, (name, shared)


def test_what_the_assembler_says_is_read(nvrtc, monkeypatch):
    """A kernel with shared memory, an array on its stack, and more live numbers than registers."""
    text = """
    __global__ void __launch_bounds__(1024) greedy(float* x, int n) {
        __shared__ float corner[10];
        float kept[100], more[8];
        for (int k = 0; k < 8; k++) more[k] = x[k];
        corner[threadIdx.x % 10] = more[n];
        __syncthreads();
#pragma unroll
        for (int k = 0; k < 100; k++) kept[k] = x[k * n];
        for (int t = 0; t < n; t++) {
#pragma unroll
            for (int k = 0; k < 100; k++) kept[k] = kept[k] * kept[(k + 1) % 100];
        }
#pragma unroll
        for (int k = 0; k < 100; k++) x[k * n] = kept[k] + corner[n];
    }
    """
    monkeypatch.setattr(driver, "read_source", lambda source: text)
    ((name, stack, spills, registers, shared),) = resources(nvrtc, "greedy.cu", ("greedy",))
    assert "greedy" in name
    assert stack >= 32
    assert spills > 0
    assert 32 < registers <= 64
    assert shared == 40


@pytest.mark.usefixtures("nvrtc")
def test_error_names_header_and_line(monkeypatch):
    texts = dict(driver.headers())
    texts["prelude.cuh"] += "\nthis is no C++;\n"
    monkeypatch.setattr(driver, "headers", lambda: texts)
    line = texts["prelude.cuh"].count("\n")
    with pytest.raises(driver.DriverError, match=rf"prelude.cuh\({line}\): error"):
        driver.compile_cubin("spike_pack.cu", ("spike_pack",), 90)


@pytest.mark.usefixtures("nvrtc")
def test_cache_key_holds_headers(monkeypatch, tmp_path):
    monkeypatch.setenv("CUSNN_CACHE", str(tmp_path))
    first, name = driver._cubin_file("spike_pack.cu", "spike_pack", 90)
    assert first.read_bytes()[:4] == b"\x7fELF"
    assert "spike_pack" in name
    texts = dict(driver.headers())
    texts["prelude.cuh"] += "\n// changed\n"
    monkeypatch.setattr(driver, "headers", lambda: texts)
    second, _ = driver._cubin_file("spike_pack.cu", "spike_pack", 90)
    assert first != second


def test_launch_without_gpu_says_what_to_do(monkeypatch):
    monkeypatch.setattr(driver, "unavailable", lambda: "no CUDA GPU was found; ...")
    driver._cupy.cache_clear()
    with pytest.raises(driver.DriverError, match="no CUDA GPU was found"):
        driver.launch("spike_pack.cu", "spike_pack", 1, 32, ())


def test_launch_of_nothing_does_nothing(monkeypatch):
    monkeypatch.setattr(driver, "unavailable", lambda: pytest.fail("an empty grid needs no GPU"))
    driver.launch("spike_pack.cu", "spike_pack", 0, 32, ())


@pytest.mark.parametrize("bad", [1, 1.0, True])
def test_bare_python_numbers_are_refused(bad):
    with pytest.raises(TypeError, match="typed NumPy scalars"):
        driver._argument(bad)


def test_null_pointer_has_pointer_size():
    assert driver._argument(None).nbytes == struct.calcsize("P")
    assert driver._argument(np.float32(1)).nbytes == 4


def test_structs_are_passed_as_arrays_without_axes():
    struct = np.array((1.0, 2), np.dtype([("a", "f4"), ("b", "i4")]))
    argument = driver._argument(struct[()])
    assert isinstance(argument, np.ndarray)
    assert argument.shape == ()
    assert argument.tobytes() == struct.tobytes()
