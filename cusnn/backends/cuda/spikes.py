"""Spikes as bytes, as bits and as lists of indices."""

import numpy as np

from cusnn import driver
from cusnn.backends.cuda.arguments import int32s

INSTANTIATIONS = {
    "spike_pack.cu": ("spike_pack",),
    "spike_unpack.cu": ("spike_unpack",),
    "spike_compact.cu": ("spike_compact",),
}
BLOCK = 256
MOST_THREADS = 512
PER_THREAD = 8  # COMPACT_PASSES of compact.cuh


def spike_pack(spikes, packed, others):
    if others is not None:
        others[:] = 0
    args = (spikes.view(np.uint8), packed, others, *_sizes(spikes, packed))
    driver.launch("spike_pack.cu", "spike_pack", -(-packed.size // BLOCK), BLOCK, args)


def spike_unpack(packed, spikes):
    args = (packed, spikes.view(np.uint8), *_sizes(spikes, packed))
    driver.launch("spike_unpack.cu", "spike_unpack", -(-packed.size // BLOCK), BLOCK, args)


def _sizes(spikes, packed):
    """R, N, W, and the bytes of a number."""
    return int32s(*spikes.shape, packed.shape[1], spikes.dtype.itemsize)


def spike_compact(spikes, indices, counts):
    rows, n = spikes.shape
    block = min(MOST_THREADS, 32 * max(1, -(-n // (32 * PER_THREAD))))
    args = (spikes, indices, counts, *int32s(rows, n))
    driver.launch("spike_compact.cu", "spike_compact", rows, block, args)
