"""Networks as descriptions: populations, projections, stimuli; frozen data, nothing built yet.

    excitatory = Population(800, CubaLIF(), "E", v=Normal(-60.0, 5.0))
    inhibitory = Population(200, CubaLIF(), "I", v=Normal(-60.0, 5.0))
    network = Network(
        populations=(excitatory, inhibitory),
        projections=(
            Projection("E", "I", FixedInDegree(80), weight=60.0, delay=1.5),
            Projection("I", "E", FixedProbability(0.1), weight=-240.0,
                       delay=Normal(1, .5, low=.05)),
        ),
        stimuli=(PoissonInput("E", rate=8.0, sources=1000, weight=60.0),),
        dt=0.1,
        seed=1,
    )
    print(network)                       # as tables
    network.save("network.npz"); Network.load("network.npz") == network
    network.digest()                     # SHA-256 of all that is described

    connectors       AllToAll, OneToOne, FixedProbability, FixedInDegree, FixedOutDegree,
                     FixedTotalNumber, FromList, from_sparse(matrix)
    distributions    a number, Normal (redrawn), ClippedNormal, LogNormal, Uniform, an array
    stimuli          PoissonInput (with a RateProfile), StepCurrent, ConstantCurrent, SpikeTimes

Time is in ms, voltage in mV, rates in Hz; weights are in pA, in mV for neurons whose input is a
jump of the voltage, in nS for neurons with conductances.
"""

from cusnn.network.connectors import (
    AllToAll,
    FixedInDegree,
    FixedOutDegree,
    FixedProbability,
    FixedTotalNumber,
    FromList,
    OneToOne,
    from_sparse,
)
from cusnn.network.description import Network
from cusnn.network.distributions import ClippedNormal, LogNormal, Normal, Uniform
from cusnn.network.populations import Population
from cusnn.network.projections import Projection
from cusnn.network.stimuli import (
    ConstantCurrent,
    PoissonInput,
    RateProfile,
    SpikeTimes,
    StepCurrent,
)

__all__ = [
    "AllToAll",
    "ClippedNormal",
    "ConstantCurrent",
    "FixedInDegree",
    "FixedOutDegree",
    "FixedProbability",
    "FixedTotalNumber",
    "FromList",
    "LogNormal",
    "Network",
    "Normal",
    "OneToOne",
    "PoissonInput",
    "Population",
    "Projection",
    "RateProfile",
    "SpikeTimes",
    "StepCurrent",
    "Uniform",
    "from_sparse",
]
