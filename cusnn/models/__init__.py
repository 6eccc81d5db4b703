"""Published networks as functions that return a ``Network``."""

from cusnn.models.microcircuit import (
    DRIVES,
    MicrocircuitScaling,
    microcircuit,
    microcircuit_rates,
    microcircuit_scaling,
)

__all__ = [
    "DRIVES",
    "MicrocircuitScaling",
    "microcircuit",
    "microcircuit_rates",
    "microcircuit_scaling",
]
