"""Data: values and events as batches of spikes."""

from cusnn.data.batches import Batch, Batches, Dataset, SpikeLists
from cusnn.data.handwritten import digits
from cusnn.data.idx import mnist, read_idx
from cusnn.data.values import Values

__all__ = [
    "Batch",
    "Batches",
    "Dataset",
    "SpikeLists",
    "Values",
    "digits",
    "mnist",
    "read_idx",
]
