"""The driver without a GPU: caches, threads, devices, architectures; CuPy and NVRTC are played."""

import os
import threading
import time
import types
from pathlib import Path

import pytest

from cusnn import caches, driver

SOURCE = "spike_pack.cu"


class Array:
    """What the driver looks at in an array on a GPU."""

    def __init__(self, device, size=1):
        self.data, self.size = types.SimpleNamespace(device_id=device), size


@pytest.fixture
def played(monkeypatch, tmp_path):
    """A machine with GPU 1 current; ``log`` has what was compiled, loaded and launched."""
    log = {"compiled": [], "loaded": [], "launched": [], "asked": 0}

    def module(path, **_):
        log["loaded"].append(Path(path).read_bytes())
        launched = log["launched"].append
        return types.SimpleNamespace(get_function=lambda name: lambda *_, **__: launched(name))

    def compiled(source, kernels, architecture):
        time.sleep(0.01)
        log["compiled"].append((source, kernels, architecture))
        return b"cubin", {kernels[0]: "mangled"}

    def unavailable():
        log["asked"] += 1

    cupy = types.SimpleNamespace(
        ndarray=Array,
        RawModule=module,
        cuda=types.SimpleNamespace(
            Device=lambda _: types.SimpleNamespace(compute_capability="90"),
            runtime=types.SimpleNamespace(getDevice=lambda: 1),
        ),
    )
    nvrtc = types.SimpleNamespace(
        getVersion=lambda: (13, 0), getSupportedArchs=lambda: (75, 80, 86, 90, 120)
    )
    modules = {"cupy": cupy, "cupy_backends.cuda.libs.nvrtc": nvrtc}
    monkeypatch.setattr(
        driver, "importlib", types.SimpleNamespace(import_module=modules.__getitem__)
    )
    monkeypatch.setattr(driver, "compile_cubin", compiled)
    monkeypatch.setattr(driver, "unavailable", unavailable)
    monkeypatch.setattr(driver, "_functions", {})
    monkeypatch.setattr(driver, "_unwritable", set())
    monkeypatch.setenv("CUSNN_CACHE", str(tmp_path / "cache"))
    driver._cupy.cache_clear()
    yield types.SimpleNamespace(**log, log=log, cupy=cupy)
    driver._cupy.cache_clear()


def launch(*args, kernel="spike_pack"):
    driver.launch(SOURCE, kernel, 1, 32, args)


def test_compiled_once_per_cache_and_loaded_once_per_process(played, monkeypatch, tmp_path):
    launch()
    launch()
    assert played.compiled == [(SOURCE, ("spike_pack",), 90)]
    assert played.loaded == [b"cubin"]
    assert played.launched == ["mangled"] * 2
    assert played.log["asked"] == 1
    monkeypatch.setattr(driver, "_functions", {})
    launch()
    assert len(played.compiled) == 1
    assert len(played.loaded) == 2
    assert {path.suffix for path in (tmp_path / "cache").iterdir()} == {".cubin", ".name"}


def test_threads_compile_one_kernel_once(played):
    failures = []

    def work():
        try:
            launch()
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert len(played.compiled) == 1
    assert len(played.launched) == 8


def test_writers_of_one_file_do_not_meet(tmp_path, monkeypatch):
    """Two writers, both before either has finished: each has its own unfinished file."""
    replace, path = os.replace, tmp_path / "new" / "file"

    def replace_late(one, two):
        monkeypatch.setattr(os, "replace", replace)
        caches.write_whole(path, b"second")
        replace(one, two)

    monkeypatch.setattr(os, "replace", replace_late)
    caches.write_whole(path, b"first")
    assert path.read_bytes() == b"first"
    assert list(path.parent.iterdir()) == [path]


def test_a_cache_that_cannot_be_written(played, monkeypatch, tmp_path):
    (tmp_path / "cache").write_text("a file where the folder should be")
    with pytest.warns(RuntimeWarning, match=r"compiles its kernels: .*cache cannot be written"):
        launch()
    monkeypatch.setattr(driver, "_functions", {})
    launch()
    assert played.loaded == [b"cubin"] * 2
    assert len(played.compiled) == 1
    monkeypatch.setattr(caches, "temporary", lambda: tmp_path / "cache" / "below")
    with pytest.raises(driver.DriverError, match="CUSNN_CACHE names another folder"):
        launch(kernel="another")


def test_empty_cusnn_cache_counts_as_unset(monkeypatch, tmp_path):
    monkeypatch.setenv("CUSNN_CACHE", "")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path))
    assert driver.cache_folder() == tmp_path / "cusnn"
    monkeypatch.setenv("CUSNN_CACHE", str(tmp_path / "here"))
    assert driver.cache_folder() == tmp_path / "here"


def test_arrays_of_another_gpu_are_refused(played):
    launch(Array(1), None, Array(0, size=0))
    with pytest.raises(ValueError, match=r"argument 1 is on GPU 0, but GPU 1 .*Device\(0\):"):
        launch(Array(1), Array(0))
    assert len(played.launched) == 1


@pytest.mark.parametrize(
    ("capability", "expected"), [("90", 90), ("89", 86), ("121", 120), ("86", 86)]
)
def test_architecture_that_the_gpu_runs(played, capability, expected):
    played.cupy.cuda.Device = lambda _: types.SimpleNamespace(compute_capability=capability)
    launch()
    assert played.compiled[0][2] == expected


@pytest.mark.parametrize(
    ("capability", "advice"), [("70", r"cusnn\[cuda12\]"), ("130", "newer CuPy"), ("100", "newer")]
)
def test_gpus_that_nvrtc_does_not_know(played, capability, advice):
    played.cupy.cuda.Device = lambda _: types.SimpleNamespace(compute_capability=capability)
    text = (
        rf"capability {int(capability) / 10}, but NVRTC 13\.0 compiles for 7.5 to 12.0: .*{advice}"
    )
    with pytest.raises(driver.DriverError, match=text):
        launch()
