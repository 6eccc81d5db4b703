"""Spikes as values: how many, and when the first."""

from cusnn import driver
from cusnn.backends.cuda.arguments import int32s

INSTANTIATIONS = {
    "decode_count.cu": ("decode_count",),
    "decode_first_spike.cu": ("decode_first_spike",),
}
BLOCK = 256
PER_BLOCK = 128  # elements, as in decode.cuh


def decode_count(spikes, counts):
    launch("decode_count", spikes, counts)


def decode_first_spike(spikes, steps):
    launch("decode_first_spike", spikes, steps)


def launch(kernel, spikes, output):
    args = (spikes, output, *int32s(*spikes.shape))
    driver.launch(f"{kernel}.cu", kernel, -(-output.size // PER_BLOCK), BLOCK, args)
