"""Every instantiation compiles through NVRTC, for every architecture, with production options."""

import importlib
import struct

import numpy as np
import pytest
from conftest import skip

from cusnn import contract, driver

ARCHITECTURES = (75, 80, 86, 89, 90, 100, 120)
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
