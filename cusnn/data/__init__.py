"""Data: values and events as batches of spikes."""

from cusnn.data.atis import nmnist
from cusnn.data.batches import Batch, Batches, Dataset, SpikeLists
from cusnn.data.binning import BinnedEvents
from cusnn.data.events import Events, Recordings, Summary
from cusnn.data.gesture import dvs_gesture
from cusnn.data.handwritten import digits
from cusnn.data.heidelberg import shd, ssc
from cusnn.data.idx import mnist, read_idx
from cusnn.data.numpy_files import npz, save_npz
from cusnn.data.structured import event_arrays, tonic
from cusnn.data.values import Values

__all__ = [
    "Batch",
    "Batches",
    "BinnedEvents",
    "Dataset",
    "Events",
    "Recordings",
    "SpikeLists",
    "Summary",
    "Values",
    "digits",
    "dvs_gesture",
    "event_arrays",
    "mnist",
    "nmnist",
    "npz",
    "read_idx",
    "save_npz",
    "shd",
    "ssc",
    "tonic",
]
