"""NVML by its C library, which comes with the driver: for machines without nvidia-ml-py."""

from __future__ import annotations

import ctypes
from ctypes import byref, c_char_p, c_uint, c_ulonglong, c_void_p

LIBRARY = "libnvidia-ml.so.1"
# Of names, UUIDs and versions, bytes.
TEXT = 96


class NVMLError(RuntimeError):
    """A function of the library failed; the text is the library's."""


class Library:
    """The functions of the module ``pynvml`` that are used here, by the same names.

    Raises:
        OSError: the library is not on this machine.

    Source: nvml.h of CUDA 13, https://docs.nvidia.com/deploy/nvml-api.
    """

    NVMLError = NVMLError
    NVML_TEMPERATURE_GPU, NVML_CLOCK_SM, NVML_CLOCK_MEM = 0, 1, 2
    NVML_ERROR_INSUFFICIENT_SIZE = 7

    def __init__(self):
        self._library = ctypes.CDLL(LIBRARY)

    def nvmlInit(self) -> None:
        self._call("nvmlInit_v2")

    def nvmlShutdown(self) -> None:
        self._call("nvmlShutdown")

    def nvmlSystemGetDriverVersion(self) -> str:
        return self._text("nvmlSystemGetDriverVersion")

    def nvmlDeviceGetCount(self) -> int:
        return self._number("nvmlDeviceGetCount_v2")

    def nvmlDeviceGetHandleByIndex(self, index: int) -> c_void_p:
        return self._handle("nvmlDeviceGetHandleByIndex_v2", c_uint(index))

    def nvmlDeviceGetHandleByPciBusId(self, bus: str) -> c_void_p:
        return self._handle("nvmlDeviceGetHandleByPciBusId_v2", c_char_p(bus.encode()))

    def nvmlDeviceGetUUID(self, handle) -> str:
        return self._text("nvmlDeviceGetUUID", handle)

    def nvmlDeviceGetName(self, handle) -> str:
        return self._text("nvmlDeviceGetName", handle)

    def nvmlDeviceGetMigMode(self, handle) -> list[int]:
        now, pending = c_uint(), c_uint()
        self._call("nvmlDeviceGetMigMode", handle, byref(now), byref(pending))
        return [now.value, pending.value]

    def nvmlDeviceGetTotalEnergyConsumption(self, handle) -> int:
        return self._number("nvmlDeviceGetTotalEnergyConsumption", handle, kind=c_ulonglong)

    def nvmlDeviceGetEnforcedPowerLimit(self, handle) -> int:
        return self._number("nvmlDeviceGetEnforcedPowerLimit", handle)

    def nvmlDeviceGetTemperature(self, handle, sensor: int) -> int:
        return self._number("nvmlDeviceGetTemperature", handle, c_uint(sensor))

    def nvmlDeviceGetClockInfo(self, handle, kind: int) -> int:
        return self._number("nvmlDeviceGetClockInfo", handle, c_uint(kind))

    def nvmlDeviceGetComputeRunningProcesses(self, handle) -> range:
        """As long as there are processes; nothing of them."""
        number = c_uint(0)
        # With no room for any, the library says how many there are.
        self._call(
            "nvmlDeviceGetComputeRunningProcesses_v3",
            handle,
            byref(number),
            None,
            allowed=(self.NVML_ERROR_INSUFFICIENT_SIZE,),
        )
        return range(number.value)

    def _call(self, name: str, *arguments, allowed: tuple[int, ...] = ()) -> None:
        try:
            function = getattr(self._library, name)
        except AttributeError:
            raise NVMLError(f"the driver's {LIBRARY} has no {name}") from None
        code = function(*arguments)
        if code != 0 and code not in allowed:
            say = self._library.nvmlErrorString
            say.restype = c_char_p
            raise NVMLError(say(code).decode())

    def _number(self, name: str, *arguments, kind=c_uint) -> int:
        value = kind()
        self._call(name, *arguments, byref(value))
        return value.value

    def _handle(self, name: str, *arguments) -> c_void_p:
        handle = c_void_p()
        self._call(name, *arguments, byref(handle))
        return handle

    def _text(self, name: str, *arguments) -> str:
        text = ctypes.create_string_buffer(TEXT)
        self._call(name, *arguments, text, c_uint(TEXT))
        return text.value.decode()
