"""Neuron models: frozen physical parameters, turned into per-step numbers by ``coefficients``.

Time is in ms, voltage in mV, current in pA, conductance in nS, resistance in GOhm (mV/pA). A
dimensionless network (threshold 1, ``r`` 1) uses the same classes with voltages read as multiples
of the threshold.
"""

from cusnn.neurons.alif import ALIF
from cusnn.neurons.coba_lif import CobaLIF
from cusnn.neurons.cuba_lif import CubaLIF
from cusnn.neurons.izhikevich import Izhikevich
from cusnn.neurons.li import LI
from cusnn.neurons.lif import LIF
from cusnn.neurons.parameters import RESETS, Coefficients
from cusnn.neurons.relay import Relay

__all__ = [
    "ALIF",
    "LI",
    "LIF",
    "MODELS",
    "RESETS",
    "CobaLIF",
    "Coefficients",
    "CubaLIF",
    "Izhikevich",
    "Relay",
]

MODELS: dict[str, type] = {
    model.__name__: model for model in (LIF, CubaLIF, CobaLIF, ALIF, Izhikevich, Relay)
}
