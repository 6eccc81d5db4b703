"""Published networks as functions that return a ``Network``."""

from cusnn.models.microcircuit import (
    MicrocircuitScaling,
    microcircuit,
    microcircuit_rates,
    microcircuit_scaling,
)

__all__ = ["MicrocircuitScaling", "microcircuit", "microcircuit_rates", "microcircuit_scaling"]
