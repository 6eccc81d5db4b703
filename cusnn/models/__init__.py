"""Published networks as functions that return a ``Network``, and what is published of them."""

from cusnn.models.brunel import (
    REGIMES,
    BrunelScaling,
    brunel,
    brunel_rates,
    brunel_scaling,
    brunel_state,
)
from cusnn.models.mean_field import siegert_rate
from cusnn.models.microcircuit import (
    DRIVES,
    MicrocircuitScaling,
    microcircuit,
    microcircuit_rates,
    microcircuit_scaling,
)
from cusnn.models.vogels_abbott import (
    CONNECTIVITIES,
    KINDS,
    WEIGHTS,
    vogels_abbott,
    vogels_abbott_rates,
    vogels_abbott_state,
)

__all__ = [
    "CONNECTIVITIES",
    "DRIVES",
    "KINDS",
    "REGIMES",
    "WEIGHTS",
    "BrunelScaling",
    "MicrocircuitScaling",
    "brunel",
    "brunel_rates",
    "brunel_scaling",
    "brunel_state",
    "microcircuit",
    "microcircuit_rates",
    "microcircuit_scaling",
    "siegert_rate",
    "vogels_abbott",
    "vogels_abbott_rates",
    "vogels_abbott_state",
]
