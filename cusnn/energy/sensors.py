"""Counters of energy that machines have: NVML's of a GPU, RAPL's of CPU packages and memory."""

from __future__ import annotations

import importlib
import os
import threading
from dataclasses import dataclass
from pathlib import Path

from cusnn import driver
from cusnn.energy import nvml

POWERCAP = Path("/sys/class/powercap")
INSTALL_HINT = 'pip install "cusnn[energy]"'
# No package of a CPU takes more, W: how often a counter that wraps must be read.
MOST_WATTS = 1000.0


class Unreadable(RuntimeError):
    """A counter cannot be read; the text says why."""


class NVML:
    """The total energy counter of one GPU, J: the whole board, whoever uses it.

    Args:
        gpu: its UUID ("GPU-...") or PCI bus id; None for the one that CUDA uses.

    Raises:
        Unreadable: no NVML, no such GPU, no counter, or a GPU that is cut by MIG.

    Source: nvmlDeviceGetTotalEnergyConsumption, mJ since the driver was loaded, Volta and later.
    """

    source = "NVML"
    # The counter moves every 20 to 100 ms: 50 of its ticks.
    least_s = 5.0
    most_s = None

    def __init__(self, gpu: str | None = None):
        self._nvml = _nvml()
        try:
            self._nvml.nvmlInit()
        except self._nvml.NVMLError as error:
            raise Unreadable(f"no NVIDIA driver answers ({error})") from None
        try:
            self._handle = self._find(gpu)
            self._refuse_mig()
            self.read()
        except self._nvml.NVMLError as error:
            self.close()
            raise Unreadable(f"NVML: {error}") from None
        except Unreadable:
            self.close()
            raise

    def read(self) -> dict[str, float]:
        """Joules since the driver was loaded, by domain."""
        try:
            millijoules = self._nvml.nvmlDeviceGetTotalEnergyConsumption(self._handle)
        except self._nvml.NVMLError as error:
            raise Unreadable(f"the GPU does not count its energy ({error})") from None
        return {"GPU": millijoules / 1000.0}

    def conditions(self) -> dict:
        """Clocks, temperature and limits now; None for what the driver does not say."""
        handle = self._handle
        limit = self._ask("nvmlDeviceGetEnforcedPowerLimit", handle)
        processes = self._ask("nvmlDeviceGetComputeRunningProcesses", handle)
        return {
            "name": self._ask("nvmlDeviceGetName", handle),
            "uuid": self._ask("nvmlDeviceGetUUID", handle),
            "driver": self._ask("nvmlSystemGetDriverVersion"),
            "power_limit_w": None if limit is None else limit / 1000.0,
            "temperature_c": self._ask(
                "nvmlDeviceGetTemperature", handle, self._nvml.NVML_TEMPERATURE_GPU
            ),
            "sm_clock_mhz": self._ask("nvmlDeviceGetClockInfo", handle, self._nvml.NVML_CLOCK_SM),
            "memory_clock_mhz": self._ask(
                "nvmlDeviceGetClockInfo", handle, self._nvml.NVML_CLOCK_MEM
            ),
            "compute_processes": None if processes is None else len(processes),
        }

    def close(self) -> None:
        self._nvml.nvmlShutdown()

    def _ask(self, name: str, *arguments):
        try:
            return getattr(self._nvml, name)(*arguments)
        except self._nvml.NVMLError:
            return None

    def _find(self, gpu: str | None):
        if gpu is None and driver.unavailable() is None:
            gpu = driver.pci_bus_id()
        if gpu is None:
            return self._first_visible()
        if gpu.startswith("GPU-"):
            return self._of_uuid(gpu)
        return self._nvml.nvmlDeviceGetHandleByPciBusId(gpu)

    def _first_visible(self):
        """The GPU that CUDA calls 0, as the environment has it."""
        first = os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0].strip()
        if first.startswith("MIG-"):
            raise Unreadable(f"CUDA_VISIBLE_DEVICES={first}: NVML counts whole GPUs, not MIG parts")
        if first.startswith("GPU-"):
            return self._of_uuid(first)
        n_gpus = self._nvml.nvmlDeviceGetCount()
        if not first.isdecimal() or int(first) >= n_gpus:
            raise Unreadable(f"CUDA_VISIBLE_DEVICES={first!r} shows none of {n_gpus} GPUs")
        if n_gpus > 1 and os.environ.get("CUDA_DEVICE_ORDER") != "PCI_BUS_ID":
            raise Unreadable(
                f"there are {n_gpus} GPUs, and CUDA may number them otherwise than NVML; set "
                f"CUDA_DEVICE_ORDER=PCI_BUS_ID, or name one by its UUID in CUDA_VISIBLE_DEVICES"
            )
        return self._nvml.nvmlDeviceGetHandleByIndex(int(first))

    def _of_uuid(self, uuid: str):
        """CUDA takes the beginning of a UUID where that is enough."""
        handles = map(self._nvml.nvmlDeviceGetHandleByIndex, range(self._nvml.nvmlDeviceGetCount()))
        found = [h for h in handles if self._nvml.nvmlDeviceGetUUID(h).startswith(uuid)]
        if len(found) != 1:
            raise Unreadable(f"{len(found)} GPUs have a UUID that begins with {uuid}")
        return found[0]

    def _refuse_mig(self) -> None:
        mode = self._ask("nvmlDeviceGetMigMode", self._handle)
        if mode is not None and mode[0]:
            raise Unreadable("MIG is on: the counter is of the whole GPU, of which this is a part")


@dataclass
class _Zone:
    """A counter that begins again at its range."""

    path: Path
    label: str
    range_uj: int
    last_uj: int
    total_uj: int = 0

    def update(self) -> None:
        now = _microjoules(self.path / "energy_uj")
        self.total_uj += (now - self.last_uj) % self.range_uj
        self.last_uj = now


class RAPL:
    """The energy counters of CPU packages and their memory, J: the whole machine, whoever uses it.

    The zones named ``package-...`` and ``dram``; a package's cores are part of it, and ``psys`` has
    all of them in it, so neither is added. Reads are sums since the opening, wrap-around mended.

    Raises:
        Unreadable: no such counters, or no permission.

    Source: the powercap interface of Linux, Documentation/power/powercap/powercap.rst.
    """

    source = "RAPL"
    # The counters move every millisecond.
    least_s = 1.0

    def __init__(self, gpu: str | None = None):
        self._lock = threading.Lock()
        self._zones = [_opened(path, label) for path, label in _zones()]
        if not any(zone.label.startswith("package-") for zone in self._zones):
            raise Unreadable(
                f"no package's counter in {POWERCAP}; virtual machines and containers hide them"
            )
        # Half of the time in which the fastest conceivable use would wrap a counter.
        self.most_s = min(zone.range_uj for zone in self._zones) / 1e6 / MOST_WATTS / 2

    def read(self) -> dict[str, float]:
        """Joules since the opening, by domain."""
        with self._lock:
            for zone in self._zones:
                zone.update()
            return {zone.label: zone.total_uj / 1e6 for zone in self._zones}

    def conditions(self) -> dict:
        return {"domains": [zone.label for zone in self._zones]}

    def close(self) -> None:
        pass


SENSORS = {sensor.source: sensor for sensor in (NVML, RAPL)}


def _nvml():
    """The module pynvml, or where it is not installed the driver's library."""
    try:
        return importlib.import_module("pynvml")
    except ImportError:
        pass
    try:
        return nvml.Library()
    except OSError:
        raise Unreadable(f"nvidia-ml-py is not installed: {INSTALL_HINT}") from None


def _zones() -> list[tuple[Path, str]]:
    """Folder and label of the zones that count; a memory is called after its package."""
    named = {
        path.name: (path, _text(path / "name"))
        for path in sorted(POWERCAP.glob("intel-rapl:*"))
        if (path / "energy_uj").exists()
    }
    found = []
    for key, (path, name) in named.items():
        if name.startswith("package-"):
            found.append((path, name))
        elif name == "dram":
            _, package = named.get(key.rpartition(":")[0], (None, key))
            found.append((path, f"{package} dram"))
    return found


def _opened(path: Path, label: str) -> _Zone:
    range_uj = _microjoules(path / "max_energy_range_uj")
    if range_uj <= 0:
        raise Unreadable(f"{path / 'max_energy_range_uj'} is not above 0")
    return _Zone(path, label, range_uj, _microjoules(path / "energy_uj"))


def _microjoules(path: Path) -> int:
    text = _text(path)
    try:
        return int(text)
    except ValueError:
        raise Unreadable(f"{path} holds {text[:40]!r}, not a number") from None


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except PermissionError:
        raise Unreadable(
            f"no permission to read {path}; as root: chmod a+r {POWERCAP}/intel-rapl:*/energy_uj"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise Unreadable(f"{path} cannot be read ({error})") from None
