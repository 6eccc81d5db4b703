"""Pictures: functions that take and return matplotlib ``ax``, and some that return a figure.

A label that ends in I is drawn as inhibitory, any other as excitatory.
"""

from cusnn.plots.crossover import crossover_curves, crossover_map, published_thresholds
from cusnn.plots.energies import energy_bars, energy_terms
from cusnn.plots.learning import confusion_matrix, confusions, learning_curve, training
from cusnn.plots.networks import (
    activity,
    distributions,
    intervals,
    population_rate,
    raster,
    rates,
)
from cusnn.plots.neurons import traces
from cusnn.plots.references import comparison, validation
from cusnn.plots.style import colour, pretty

__all__ = [
    "activity",
    "colour",
    "comparison",
    "confusion_matrix",
    "confusions",
    "crossover_curves",
    "crossover_map",
    "distributions",
    "energy_bars",
    "energy_terms",
    "intervals",
    "learning_curve",
    "population_rate",
    "pretty",
    "published_thresholds",
    "raster",
    "rates",
    "traces",
    "training",
    "validation",
]
