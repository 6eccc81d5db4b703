"""Surrogate gradients: what stands for the derivative of a spike in the backward pass.

A spike is a step of u = v_pre - v_threshold, whose derivative is 0 almost everywhere; training
puts a surrogate g(u) in its place. A surrogate is a frozen dataclass with ``derivative`` (g),
``primitive`` (a function whose derivative is g: the smooth step that g belongs to) and
``coefficients`` (what the backends get). u and every width are in the unit of the voltage, mV, or
multiples of the threshold in a dimensionless network; slopes are per that unit.

``preset`` gives the surrogates of other libraries under their own names and parameters,
``presets`` lists them.
"""

from cusnn.surrogates.families import (
    S2NN,
    ATan,
    CappedReciprocal,
    Circ,
    Exponential,
    FastSigmoid,
    Gaussian,
    MultiGaussian,
    PeriodicExponential,
    Power,
    Reciprocal,
    Rectangle,
    Sigmoid,
    SparseFastSigmoid,
    Step,
    StraightThrough,
    Surrogate,
    SurrogateCoefficients,
    Tanh,
    Triangle,
)
from cusnn.surrogates.presets import Preset, preset, presets

__all__ = [
    "S2NN",
    "ATan",
    "CappedReciprocal",
    "Circ",
    "Exponential",
    "FastSigmoid",
    "Gaussian",
    "MultiGaussian",
    "PeriodicExponential",
    "Power",
    "Preset",
    "Reciprocal",
    "Rectangle",
    "Sigmoid",
    "SparseFastSigmoid",
    "Step",
    "StraightThrough",
    "Surrogate",
    "SurrogateCoefficients",
    "Tanh",
    "Triangle",
    "preset",
    "presets",
]
