"""Steps of the optimizers, in place."""

import numpy as np

from cusnn import driver
from cusnn.backends.cuda.arguments import block_of, joined
from cusnn.backends.cuda.neuron import LANES_BACK

INSTANTIATIONS = {"adam_step.cu": ("adam_step",), "sgd_step.cu": ("sgd_step",)}
ADAM = (
    *("rate", "beta_first", "rest_first", "beta_second", "rest_second"),
    *("scale_second", "epsilon", "keep"),
)
DESCENT = np.dtype([*((name, "f4") for name in ("rate", "momentum", "keep")), ("nesterov", "i4")])


def adam_step(parameter, grad, first, second, coefficients):
    numbers = tuple(getattr(coefficients, name) for name in ADAM)
    struct = np.array(numbers, np.dtype([(name, "f4") for name in ADAM]))[()]
    _launch("adam_step", (parameter, grad, first, second), struct)


def sgd_step(parameter, grad, velocity, coefficients):
    numbers = tuple(getattr(coefficients, name) for name in DESCENT.names)
    _launch("sgd_step", (parameter, grad, velocity), np.array(numbers, DESCENT)[()])


def _launch(kernel, arrays, struct):
    size = arrays[0].size
    warps = -(-size // (32 * LANES_BACK))
    block = block_of(warps)
    args = (*arrays, struct, np.int64(size), np.int32(joined(size, LANES_BACK, arrays)))
    driver.launch(f"{kernel}.cu", kernel, -(-32 * warps // block), block, args)
