"""Measured energy, by machines whose power and clock are set by hand."""

import ctypes
import json
import subprocess
import sys
import threading
from types import SimpleNamespace

import emulator
import pytest

from cusnn import driver
from cusnn.energy import OpCounts, Workload, compare, meter, nvml, sensors
from cusnn.energy.measurement import Measurement
from cusnn.energy.meter import Meter, measure

IDLE_W = 50


class Machine:
    """A clock that sleep and work move, ms, and energy that grows with it, mJ.

    ``shown`` is what a counter with ticks of ``tick`` ms says.
    """

    def __init__(self, tick=100):
        self.tick, self.now, self.energy, self.shown = tick, 0, 0, 0
        self.looking = []

    def advance(self, milliseconds, watts=IDLE_W):
        for _ in range(milliseconds):
            self.now += 1
            self.energy += watts
            if self.now % self.tick == 0:
                self.shown = self.energy
        for look in self.looking:
            look()

    def work(self, milliseconds=500, watts=250):
        return lambda: self.advance(milliseconds, watts)


@pytest.fixture
def machine(monkeypatch):
    """Its clock is the meter's; no process here uses a GPU."""
    found = Machine()
    clock = SimpleNamespace(
        perf_counter=lambda: found.now / 1000.0,
        sleep=lambda seconds: found.advance(round(1000 * seconds)),
    )
    monkeypatch.setattr(meter, "time", clock)
    monkeypatch.setattr(meter, "_wait_for_gpu", lambda: None)
    monkeypatch.setattr(driver, "unavailable", lambda: "no GPU")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.delenv("CUDA_DEVICE_ORDER", raising=False)
    return found


class NVMLError(Exception):
    pass


class FakeNVML:
    """GPUs with the counter of a machine; ``asked`` holds the handles that it was read by."""

    NVMLError = NVMLError
    NVML_TEMPERATURE_GPU, NVML_CLOCK_SM, NVML_CLOCK_MEM = 0, 1, 2

    def __init__(self, machine, uuids=("GPU-aa11",), mig=None, broken=()):
        self.machine, self.uuids, self.mig, self.broken = machine, uuids, mig, broken
        self.asked, self.open = [], 0

    def __getattribute__(self, name):
        if name.startswith("nvml") and name in object.__getattribute__(self, "broken"):
            raise_it = NVMLError("Not Supported")

            def fail(*arguments):
                raise raise_it

            return fail
        return object.__getattribute__(self, name)

    def nvmlInit(self):
        self.open += 1

    def nvmlShutdown(self):
        self.open -= 1

    def nvmlDeviceGetCount(self):
        return len(self.uuids)

    def nvmlDeviceGetHandleByIndex(self, index):
        return index

    def nvmlDeviceGetHandleByPciBusId(self, bus):
        return {"0000:65:00.0": 0, "0000:b1:00.0": 1}[bus]

    def nvmlDeviceGetUUID(self, handle):
        return self.uuids[handle]

    def nvmlDeviceGetMigMode(self, handle):
        if self.mig is None:
            raise NVMLError("Not Supported")
        return [self.mig, self.mig]

    def nvmlDeviceGetTotalEnergyConsumption(self, handle):
        self.asked.append(handle)
        return self.machine.shown

    def nvmlDeviceGetName(self, handle):
        return "Fake 100"

    def nvmlSystemGetDriverVersion(self):
        return "599.01"

    def nvmlDeviceGetEnforcedPowerLimit(self, handle):
        return 700_000

    def nvmlDeviceGetTemperature(self, handle, sensor):
        return 30 + self.machine.now // 10_000

    def nvmlDeviceGetClockInfo(self, handle, kind):
        return {1: 1980, 2: 3201}[kind]

    def nvmlDeviceGetComputeRunningProcesses(self, handle):
        return [object()]


@pytest.fixture
def gpu(machine, monkeypatch):
    """Make and install a fake NVML."""

    def install(**options):
        nvml = FakeNVML(machine, **options)
        monkeypatch.setitem(sys.modules, "pynvml", nvml)
        return nvml

    return install


class FakeRAPL:
    """A powercap tree; each package takes the machine's energy, each memory a tenth of it."""

    def __init__(self, folder, machine, zones, range_uj):
        self.folder, self.machine, self.zones, self.range_uj = folder, machine, zones, range_uj
        for zone, name in zones.items():
            (folder / zone).mkdir(parents=True)
            (folder / zone / "name").write_text(f"{name}\n")
            (folder / zone / "max_energy_range_uj").write_text(f"{range_uj}\n")
        self.look()
        machine.looking.append(self.look)

    def look(self):
        for zone, name in self.zones.items():
            microjoules = self.machine.energy * (100 if name == "dram" else 1000)
            # Renamed into place, so that the reading thread sees no file half written.
            new = self.folder / zone / "new"
            new.write_text(f"{microjoules % self.range_uj}\n")
            new.replace(self.folder / zone / "energy_uj")


@pytest.fixture
def rapl(machine, monkeypatch, tmp_path):
    """Make and install a powercap tree."""

    def install(zones, range_uj=262_143_328_850):
        monkeypatch.setattr(sensors, "POWERCAP", tmp_path / "powercap")
        return FakeRAPL(tmp_path / "powercap", machine, zones, range_uj)

    return install


# ------------------------------------------------------------------ measure


def test_gpu_by_hand(machine, gpu):
    """Calls of 0.5 s at 250 W on a GPU that idles at 50 W: 125 J each, 100 J above idle."""
    nvml = gpu()
    found = measure(machine.work())
    assert found.joules == 125.0
    assert found.dynamic_j == pytest.approx(100.0)
    assert found.seconds == 0.5
    assert found.watts == 250.0
    assert found.idle_w == pytest.approx(50.0)
    assert found.tick_s == pytest.approx(0.1)
    assert [window.calls for window in found.windows] == [10, 10, 10]
    assert [window.joules for window in found.windows] == [1250.0] * 3
    assert found.spread == (125.0, 125.0)
    assert found.reason is None
    assert found.domains == {"GPU": 125.0}
    assert nvml.open == 0


def test_conditions_are_recorded(machine, gpu):
    gpu()
    conditions = measure(machine.work()).conditions
    # 5 s of idle, 1 s of warm-up, 3 windows of 5 s, 2 pauses of 1 s: the end is at 23 s.
    assert conditions == {
        "name": "Fake 100",
        "uuid": "GPU-aa11",
        "driver": "599.01",
        "power_limit_w": 700.0,
        "temperature_before_c": 31,
        "temperature_c": 32,
        "sm_clock_mhz": 1980,
        "memory_clock_mhz": 3201,
        "compute_processes": 1,
    }


def test_other_processes_on_the_gpu_are_a_warning(machine, gpu):
    """Seen at the beginning of one window, and gone at the last one's end."""
    numbers = iter([1, 1, 3, 1, 2, 1])
    nvml = gpu()
    nvml.nvmlDeviceGetComputeRunningProcesses = lambda handle: [object()] * next(numbers)
    found = measure(machine.work())
    assert found.conditions["compute_processes"] == 3
    text = "3 processes computed on the GPU; the energy is that of all of them"
    assert found.warning == found.to_dict()["warning"] == text
    (row,) = compare(Workload("w", {"a": OpCounts(1)}, 1, 1, 1), (), measured=found).rows()
    assert (row["warning"], row["reason"]) == (text, None)
    nvml.nvmlDeviceGetComputeRunningProcesses = lambda handle: [object()]
    assert measure(machine.work()).warning is None


def test_no_energy_needs_no_warning(machine, gpu):
    nvml = gpu()
    nvml.nvmlDeviceGetComputeRunningProcesses = lambda handle: [object()] * 2
    with Meter(("NVML",)) as short:
        machine.advance(10)
    assert short["NVML"].joules is None
    assert short["NVML"].conditions["compute_processes"] == 2
    assert short["NVML"].warning is None


def test_median_and_spread_of_windows_that_differ(machine, gpu):
    """Windows at 200, 400 and 300 W: calls of 100, 200 and 150 J."""
    gpu()
    # Two calls warm up, then ten fill a window.
    watts = iter([1] * 2 + [200] * 10 + [400] * 10 + [300] * 10)
    found = measure(lambda: machine.advance(500, next(watts)))
    assert found.joules == 150.0
    assert found.spread == (100.0, 200.0)


def test_a_counter_that_ticks_slowly_gets_longer_windows(machine, gpu):
    """50 ticks of 400 ms are 20 s."""
    gpu()
    machine.tick = 400
    found = measure(machine.work())
    assert found.tick_s == pytest.approx(0.4)
    assert [window.calls for window in found.windows] == [40, 40, 40]
    # A read sees up to a tick less than there is: 0.4 of 20 s.
    assert found.joules == pytest.approx(125.0, rel=0.02)


def test_short_calls_are_joined_between_synchronisations(machine, gpu):
    """1 ms each: 128 are the first power of two that takes 0.1 s."""
    gpu()
    waits = []
    found = measure(machine.work(1), synchronise=lambda: waits.append(machine.now))
    assert {window.calls % 128 for window in found.windows} == {0}
    assert found.windows[0].calls == 5120
    assert found.joules == pytest.approx(0.25, rel=0.02)
    assert waits == sorted(waits)
    assert 3 * 40 < len(waits) < 140


def test_without_idle(machine, gpu):
    gpu()
    found = measure(machine.work(), idle_s=0.0)
    assert found.joules == 125.0
    assert found.idle_w is found.dynamic_j is found.tick_s is None


def test_a_counter_that_stands_still_is_unknown(machine, gpu):
    gpu()
    machine.tick = 10**9
    called = []
    found = measure(lambda: called.append(1))
    assert (found.joules, found.reason) == (None, "the counter moved 0 times in 5 s")
    assert called == []


def test_exceptions_of_the_work_close_the_counter(machine, gpu):
    nvml = gpu()

    def fail():
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        measure(fail)
    assert nvml.open == 0


def test_a_counter_that_fails_on_the_way(machine, gpu):
    nvml = gpu()

    def work():
        machine.advance(500)
        if machine.now > 8000:
            nvml.broken = ("nvmlDeviceGetTotalEnergyConsumption",)

    found = measure(work)
    assert found == Measurement("NVML", reason="the GPU does not count its energy (Not Supported)")
    assert nvml.open == 0


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"repeats": 2}, "measure: repeats must be 3 or more, got 2"),
        ({"source": "ACPI"}, "measure: source must be one of NVML, RAPL, got 'ACPI'"),
        ({"idle_s": -1.0}, "measure: idle_s must be finite and at least 0, got -1"),
        ({"least_s": float("nan")}, "measure: least_s must be finite and at least 0, got nan"),
    ],
)
def test_measure_refuses(changed, text):
    with pytest.raises(ValueError, match=text):
        measure(lambda: None, **changed)


# ------------------------------------------------------------------ which GPU, and none


def test_without_the_package(machine, monkeypatch):
    monkeypatch.setitem(sys.modules, "pynvml", None)
    monkeypatch.setattr(nvml, "LIBRARY", "libnone.so.1")
    found = measure(machine.work())
    assert found.joules is None
    assert found.reason == 'nvidia-ml-py is not installed: pip install "cusnn[energy]"'
    assert machine.now == 0


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        ("nvmlInit", "no NVIDIA driver answers (Not Supported)"),
        ("nvmlDeviceGetTotalEnergyConsumption", "the GPU does not count its energy"),
        ("nvmlDeviceGetHandleByIndex", "NVML: Not Supported"),
    ],
)
def test_a_gpu_that_does_not_count(machine, gpu, broken, reason):
    nvml = gpu(broken=(broken,))
    found = measure(machine.work())
    assert found.joules is None
    assert found.reason.startswith(reason)
    assert nvml.open == 0


def test_what_the_driver_does_not_say_is_none(machine, gpu):
    gpu(broken=("nvmlDeviceGetTemperature", "nvmlDeviceGetEnforcedPowerLimit"))
    found = measure(machine.work())
    assert found.joules == 125.0
    assert found.conditions["temperature_c"] is found.conditions["power_limit_w"] is None


def test_mig(machine, gpu):
    nvml = gpu(mig=1)
    assert "MIG is on" in measure(machine.work()).reason
    assert nvml.open == 0
    gpu(mig=0)
    assert measure(machine.work()).joules == 125.0


TWO = ("GPU-aa11", "GPU-ab22")


@pytest.mark.parametrize(
    ("visible", "order", "handle"),
    [
        ("GPU-ab", None, 1),
        ("GPU-aa11", None, 0),
        ("1,0", "PCI_BUS_ID", 1),
        (None, "PCI_BUS_ID", 0),
    ],
)
def test_the_gpu_that_cuda_sees(machine, gpu, monkeypatch, visible, order, handle):
    nvml = gpu(uuids=TWO)
    for name, value in (("CUDA_VISIBLE_DEVICES", visible), ("CUDA_DEVICE_ORDER", order)):
        if value is not None:
            monkeypatch.setenv(name, value)
    sensors.NVML()
    assert set(nvml.asked) == {handle}


@pytest.mark.parametrize(
    ("visible", "text"),
    [
        ("1", "CUDA may number them otherwise"),
        ("2", "shows none of 2 GPUs"),
        ("", "shows none of 2 GPUs"),
        ("-1", "shows none of 2 GPUs"),
        ("GPU-a", "2 GPUs have a UUID that begins with GPU-a"),
        ("GPU-c", "0 GPUs have a UUID"),
        ("MIG-aa11", "not MIG parts"),
    ],
)
def test_no_gpu_is_guessed(gpu, monkeypatch, visible, text):
    nvml = gpu(uuids=TWO)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    with pytest.raises(sensors.Unreadable, match=text):
        sensors.NVML()
    assert nvml.open == 0


def test_a_gpu_by_name(gpu):
    nvml = gpu(uuids=TWO)
    sensors.NVML("0000:b1:00.0")
    sensors.NVML("GPU-ab22")
    assert set(nvml.asked) == {1}


def test_the_gpu_that_cupy_uses(gpu, monkeypatch):
    """Its address says which it is, whatever the environment."""
    nvml = gpu(uuids=TWO)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    monkeypatch.setattr(driver, "unavailable", lambda: None)
    monkeypatch.setattr(driver, "pci_bus_id", lambda: "0000:b1:00.0")
    sensors.NVML()
    assert set(nvml.asked) == {1}


@pytest.mark.parametrize(
    ("library", "initialised", "waits"),
    [("cupy", None, ["CuPy"]), ("torch", True, ["PyTorch"]), ("torch", False, []), (None, 0, [])],
)
def test_waits_for_the_library_that_uses_the_gpu(monkeypatch, library, initialised, waits):
    done = []
    cuda = SimpleNamespace(
        is_initialized=lambda: initialised, synchronize=lambda: done.append("PyTorch")
    )
    monkeypatch.setattr(driver, "unavailable", lambda: None)
    monkeypatch.setattr(driver, "synchronise", lambda: done.append("CuPy"))
    modules = {} if library is None else {library: SimpleNamespace(cuda=cuda)}
    monkeypatch.setattr(meter, "sys", SimpleNamespace(modules=modules))
    meter._wait_for_gpu()
    assert done == waits


# ------------------------------------------------------------------ NVML without its package

# Two GPUs with handles 1 and 2, in C; ``energy`` is what both have used, ``mig`` the second's mode.
C_LIBRARY = """
#include <cstdio>
#include <cstring>
typedef unsigned int u32; typedef unsigned long u64; typedef char* handle;
static const int INVALID = 2, UNSUPPORTED = 3, SMALL = 7;
static int put(const char* s, char* out, u32 n) {
  return std::snprintf(out, n, "%s", s) < (int)n ? 0 : SMALL;
}
extern "C" {
u64 energy = 0; u32 mig = 0, processes = 3; int opened = 0, started = 0;
int nvmlInit_v2() { ++opened; return started; }
int nvmlInitWithFlags(u32) { return nvmlInit_v2(); }
int nvmlShutdown() { --opened; return 0; }
const char* nvmlErrorString(int e) {
  return e == INVALID ? "Invalid Argument" : e == UNSUPPORTED ? "Not Supported" : "Unknown Error";
}
int nvmlSystemGetDriverVersion(char* out, u32 n) { return put("599.01", out, n); }
int nvmlDeviceGetCount_v2(u32* n) { *n = 2; return 0; }
int nvmlDeviceGetHandleByIndex_v2(u32 i, handle* h) {
  if (i > 1) return INVALID;
  *h = (handle)0 + i + 1 + (1ul << 40); return 0;  // no handle of 32 bits
}
int nvmlDeviceGetHandleByPciBusId_v2(const char* bus, handle* h) {
  if (std::strcmp(bus, "0000:B1:00.0")) return INVALID;
  return nvmlDeviceGetHandleByIndex_v2(1, h);
}
static long which(handle h) { return h - ((handle)0 + (1ul << 40)); }
int nvmlDeviceGetUUID(handle h, char* out, u32 n) {
  return put(which(h) == 1 ? "GPU-aa11" : "GPU-ab22", out, n);
}
int nvmlDeviceGetName(handle h, char* out, u32 n) { return put("C 100", out, n); }
int nvmlDeviceGetMigMode(handle h, u32* now, u32* next) {
  if (which(h) == 1) return UNSUPPORTED;
  *now = mig; *next = 1; return 0;
}
int nvmlDeviceGetTotalEnergyConsumption(handle h, u64* mj) {
  *mj = energy + (which(h) == 2 ? 1ul << 40 : 0); return 0;
}
int nvmlDeviceGetEnforcedPowerLimit(handle, u32* mw) { *mw = 700000; return 0; }
int nvmlDeviceGetTemperature(handle, u32 sensor, u32* c) { *c = 30 + sensor; return 0; }
int nvmlDeviceGetClockInfo(handle, u32 kind, u32* mhz) { *mhz = 1000 * kind; return 0; }
int nvmlDeviceGetComputeRunningProcesses_v3(handle, u32* n, void*) {
  bool fits = *n >= processes; *n = processes; return fits ? 0 : SMALL;
}
}
"""


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    emulator.require()
    folder = tmp_path_factory.mktemp("nvml")
    source, library = folder / "nvml.cpp", folder / "libnvidia-ml.so.1"
    source.write_text(C_LIBRARY)
    command = ["g++", "-shared", "-fPIC", "-w", "-o", str(library), str(source)]
    subprocess.run(command, check=True)
    return library


@pytest.fixture
def c_library(machine, monkeypatch, compiled):
    """The library in the place of the driver's, without pynvml; a variable of it by name."""
    monkeypatch.setitem(sys.modules, "pynvml", None)
    monkeypatch.setattr(nvml, "LIBRARY", str(compiled))
    library = ctypes.CDLL(str(compiled))

    def variable(name, kind=ctypes.c_int):
        return kind.in_dll(library, name)

    energy = variable("energy", ctypes.c_ulong)
    for name, value in (("mig", 0), ("processes", 3), ("opened", 0), ("started", 0)):
        variable(name).value = value
    energy.value = 0
    machine.looking.append(lambda: setattr(energy, "value", machine.shown))
    return variable


def test_a_gpu_without_the_package(machine, c_library, monkeypatch):
    """The same by hand as with it: 125 J a call, 50 W idle."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-aa")
    found = measure(machine.work())
    assert (found.joules, found.reason) == (125.0, None)
    assert found.idle_w == pytest.approx(50.0)
    assert found.conditions == {
        "name": "C 100",
        "uuid": "GPU-aa11",
        "driver": "599.01",
        "power_limit_w": 700.0,
        "temperature_before_c": 30,
        "temperature_c": 30,
        "sm_clock_mhz": 1000,
        "memory_clock_mhz": 2000,
        "compute_processes": 3,
    }
    assert c_library("opened").value == 0


def test_the_library_finds_a_gpu_by_its_address(c_library):
    """The second has used 2^40 mJ more, which 32 bits do not hold."""
    counter = sensors.NVML("0000:B1:00.0")
    assert counter.read() == {"GPU": 2**40 / 1000}
    assert counter.conditions()["uuid"] == "GPU-ab22"
    c_library("processes").value = 0
    assert counter.conditions()["compute_processes"] == 0
    counter.close()
    assert c_library("opened").value == 0


def test_what_the_library_refuses_is_told_in_its_words(c_library):
    with pytest.raises(sensors.Unreadable, match="NVML: Invalid Argument"):
        sensors.NVML("0000:01:00.0")
    c_library("mig").value = 1
    with pytest.raises(sensors.Unreadable, match="MIG is on"):
        sensors.NVML("GPU-ab22")
    assert c_library("opened").value == 0
    c_library("started").value = 9
    with pytest.raises(sensors.Unreadable, match=r"no NVIDIA driver answers \(Unknown Error\)"):
        sensors.NVML()


def test_an_older_library_without_a_function(c_library):
    with pytest.raises(nvml.NVMLError, match="has no nvmlDeviceGetDream"):
        nvml.Library()._call("nvmlDeviceGetDream")


def test_the_library_answers_as_the_package_does(c_library, compiled, monkeypatch):
    """pynvml over the same library gives the same."""
    monkeypatch.delitem(sys.modules, "pynvml")
    pynvml = pytest.importorskip("pynvml", reason="nvidia-ml-py is not installed")
    monkeypatch.setattr(pynvml, "nvmlLib", ctypes.CDLL(str(compiled)))
    monkeypatch.setattr(pynvml, "_nvmlGetFunctionPointer_cache", {})
    answers = []
    for one in (pynvml, nvml.Library()):
        one.nvmlInit()
        handle = one.nvmlDeviceGetHandleByPciBusId("0000:B1:00.0")
        answers.append(
            [
                one.nvmlDeviceGetCount(),
                one.nvmlDeviceGetUUID(handle),
                one.nvmlDeviceGetName(handle),
                one.nvmlSystemGetDriverVersion(),
                list(one.nvmlDeviceGetMigMode(handle)),
                one.nvmlDeviceGetTotalEnergyConsumption(handle),
                one.nvmlDeviceGetEnforcedPowerLimit(handle),
                one.nvmlDeviceGetClockInfo(handle, one.NVML_CLOCK_SM),
                one.nvmlDeviceGetClockInfo(handle, one.NVML_CLOCK_MEM),
                one.NVML_TEMPERATURE_GPU,
            ]
        )
        with pytest.raises(one.NVMLError, match="Not Supported"):
            one.nvmlDeviceGetMigMode(one.nvmlDeviceGetHandleByIndex(0))
        one.nvmlShutdown()
    assert answers[0] == answers[1]
    assert c_library("opened").value == 0


# ------------------------------------------------------------------ RAPL

SERVER = {
    "intel-rapl:0": "package-1",
    "intel-rapl:0:0": "core",
    "intel-rapl:0:1": "dram",
    "intel-rapl:1": "package-0",
    "intel-rapl:1:0": "dram",
    "intel-rapl:2": "psys",
    "intel-rapl-mmio:0": "package-0",
}


def test_cpu_by_hand(machine, rapl):
    """Two packages and their memories, not the cores in them, nor what holds all of it."""
    rapl(SERVER)
    found = measure(machine.work(), source="RAPL", idle_s=0.2)
    assert found.joules == pytest.approx(2.2 * 125.0, rel=1e-9)
    assert found.idle_w == pytest.approx(2.2 * 50.0)
    assert found.dynamic_j == pytest.approx(2.2 * 100.0)
    assert found.domains == pytest.approx(
        {"package-1": 125.0, "package-1 dram": 12.5, "package-0": 125.0, "package-0 dram": 12.5}
    )
    assert [window.calls for window in found.windows] == [2, 2, 2]


def test_counters_begin_again_at_their_range(machine, rapl):
    """One of 100 J, at 250 W: begins again every 0.4 s, once in every 0.3 s of work."""
    rapl({"intel-rapl:0": "package-0"}, range_uj=100_000_000)
    machine.advance(1800)  # 90 J
    counter = sensors.RAPL()
    machine.work(300)()  # 75 J more: the counter shows 65
    assert counter.read() == {"package-0": 75.0}
    machine.work(300)()  # and 40
    assert counter.read() == {"package-0": 150.0}


def test_a_long_window_is_read_often_enough(machine, rapl):
    """A counter that wraps three times in a window is seen by the thread each time."""
    rapl({"intel-rapl:0": "package-0"}, range_uj=100_000_000)
    with Meter(("RAPL",)) as found:
        for _ in range(4):
            machine.work(320)()  # 80 J
            seen = threading.Event()
            original = sensors.RAPL.read

            def read(self, original=original, seen=seen):
                joules = original(self)
                seen.set()
                return joules

            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(sensors.RAPL, "read", read)
                assert seen.wait(10.0)
    assert found["RAPL"].joules == pytest.approx(320.0)


def test_threads_end_with_the_window(rapl):
    rapl(SERVER)
    with Meter(("RAPL",)):
        assert "cusnn RAPL" in [thread.name for thread in threading.enumerate()]
    assert "cusnn RAPL" not in [thread.name for thread in threading.enumerate()]


def test_no_powercap(machine, monkeypatch, tmp_path):
    monkeypatch.setattr(sensors, "POWERCAP", tmp_path / "nothing")
    found = measure(machine.work(), source="RAPL")
    assert found.joules is None
    assert "virtual machines and containers hide them" in found.reason


def test_no_package(rapl):
    rapl({"intel-rapl:0": "psys"})
    with pytest.raises(sensors.Unreadable, match="no package's counter"):
        sensors.RAPL()


def test_no_permission_is_unknown_not_zero(machine, rapl, monkeypatch):
    rapl(SERVER)
    original = type(sensors.POWERCAP).read_text

    def read_text(path, *arguments, **options):
        if path.name == "energy_uj":
            raise PermissionError(13, "Permission denied")
        return original(path, *arguments, **options)

    monkeypatch.setattr(type(sensors.POWERCAP), "read_text", read_text)
    found = measure(machine.work(), source="RAPL")
    assert found.joules is None
    assert "no permission to read" in found.reason
    assert "chmod a+r" in found.reason


@pytest.mark.parametrize(
    ("file", "text", "match"),
    [
        ("energy_uj", "many", "holds 'many', not a number"),
        ("max_energy_range_uj", "0", "is not above 0"),
    ],
)
def test_nonsense_in_the_tree(rapl, file, text, match):
    tree = rapl({"intel-rapl:0": "package-0"})
    (tree.folder / "intel-rapl:0" / file).write_text(text)
    with pytest.raises(sensors.Unreadable, match=match):
        sensors.RAPL()


# ------------------------------------------------------------------ windows


def test_a_window_by_hand(machine, gpu, rapl):
    """6 s at 250 W on both; 1 s of idle for each first."""
    gpu()
    rapl({"intel-rapl:0": "package-0"})
    with Meter(idle_s=1.0) as found:
        assert found["NVML"].reason == "the window has not ended"
        machine.work(6000)()
    assert found["NVML"].joules == 1500.0
    assert found["NVML"].dynamic_j == pytest.approx(1200.0)
    assert found["NVML"].spread is None
    assert found["RAPL"].joules == pytest.approx(1500.0)
    assert [one.source for one in found.measurements] == ["NVML", "RAPL"]


def test_a_window_too_short_for_its_counter(machine, gpu, rapl):
    gpu()
    rapl({"intel-rapl:0": "package-0"})
    with Meter() as found:
        machine.work(3000)()
    assert found["NVML"].joules is None
    assert found["NVML"].reason == "the work took 3 s, NVML needs 5 s or more"
    assert found["NVML"].seconds == 3.0
    assert found["RAPL"].joules == pytest.approx(750.0)


def test_an_exception_inside_a_window(machine, gpu):
    nvml = gpu()
    found = Meter(("NVML",))
    with pytest.raises(KeyError), found:
        raise KeyError
    assert found["NVML"] == Measurement("NVML", reason="KeyError ended the work")
    assert nvml.open == 0


def test_a_window_of_a_meter_that_was_used_before(machine, gpu):
    """Nothing of the window before is left where the counter is gone."""
    nvml, found = gpu(), Meter(("NVML",))
    for watts in (250, 300):
        with found:
            machine.work(6000, watts)()
        assert found["NVML"].joules == 6 * watts
    nvml.broken = ("nvmlInit",)
    with found:
        machine.work(6000)()
    assert found["NVML"].joules is None
    assert found["NVML"].reason == "no NVIDIA driver answers (Not Supported)"
    assert nvml.open == 0


def test_one_source_without_the_other(machine, gpu, monkeypatch, tmp_path):
    gpu()
    monkeypatch.setattr(sensors, "POWERCAP", tmp_path)
    with Meter() as found:
        machine.work(6000)()
    assert found["NVML"].joules == 1500.0
    assert found["RAPL"].joules is None


def test_waits_before_the_first_read_and_before_the_last(machine, gpu):
    """Work that was only handed over is done inside the window, earlier work outside of it."""
    gpu()
    handed = [1000]

    def wait():
        while handed:
            machine.advance(handed.pop(), 250)

    with Meter(("NVML",), synchronise=wait) as found:
        handed.append(8000)
    assert found["NVML"].joules == 2000.0
    assert found["NVML"].seconds == 8.0


def test_meter_refuses():
    with pytest.raises(ValueError, match="Meter: source must be one of"):
        Meter(("GPU",))
    with pytest.raises(ValueError, match="Meter: idle_s"):
        Meter(idle_s=-1)
    with pytest.raises(KeyError, match="no source 'RAPL'"):
        Meter(("NVML",))["RAPL"]


def test_measurements_are_json(machine, gpu):
    gpu()
    found = measure(machine.work()).to_dict()
    assert json.loads(json.dumps(found))["dynamic_j"] == pytest.approx(100.0)
    unknown = Measurement("RAPL", reason="none").to_dict()
    assert unknown["joules"] is unknown["dynamic_j"] is unknown["watts"] is None
