"""Numbers and arrays as kernels take them; how threads share the work."""

import sys
from collections import OrderedDict

import numpy as np

SURROGATES = (
    "FastSigmoid",
    "ATan",
    "Gaussian",
    "MultiGaussian",
    "Triangle",
    "Sigmoid",
    "StraightThrough",
    "Exponential",
    "PeriodicExponential",
    "Rectangle",
    "Step",
    "Reciprocal",
    "Circ",
    "Power",
    "S2NN",
)
SURROGATE = np.dtype([*((name, "f4") for name in "abcd"), ("kind", "i4")])
UNIFORM = np.dtype([("values", "f4", 11), ("reset", "i4"), ("refractory_steps", "i4")])
WIDTH = 16  # bytes that a thread loads at once
MOST_SHARED = 48 * 1024


def int32s(*numbers):
    """Whole numbers as ``int32`` parameters of a kernel."""
    return tuple(np.int32(number) for number in numbers)


def surrogate_struct(surrogate):
    """The struct Surrogate."""
    return np.array((*surrogate.values, SURROGATES.index(surrogate.kind)), SURROGATE)[()]


def joined(length: int, lanes: int, arrays) -> bool:
    """Whether a thread's neurons may lie side by side: every load of 16 bytes is then aligned."""
    present = (array for array in arrays if array is not None)
    return length % lanes == 0 and all(_address(array) % WIDTH == 0 for array in present)


def _address(array) -> int:
    return array.ctypes.data if isinstance(array, np.ndarray) else array.data.ptr


def block_of(warps: int, shared: int = 0) -> int:
    """Threads of a block, each with ``shared`` bytes: few where there are not warps for every
    scheduler of a large GPU, so that all multiprocessors have some."""
    for threads in (128, 64) if warps >= 512 else ():
        if threads * shared <= MOST_SHARED:
            return threads
    return 32


def coefficient_arguments(coefficients, like):
    """Coefficients per neuron in the array library of ``like`` (or None), and the struct Uniform.

    Numbers that hold for all neurons travel with the launch, without a copy to the device.
    """
    uniform = np.zeros((), UNIFORM)
    uniform["reset"] = coefficients.reset
    uniform["refractory_steps"] = coefficients.refractory_steps
    values = coefficients.values
    if values.shape[1] > 1:
        return _on_device(values, like), uniform[()]
    uniform["values"][: len(values)] = values[:, 0]
    return None, uniform[()]


_copies: OrderedDict = OrderedDict()
COPIES = 16


def _on_device(values, like):
    """``values`` in the array library of ``like``; the last ones are kept, so that a call that is
    repeated, or captured in a graph, copies nothing."""
    if isinstance(like, np.ndarray):
        return values
    key = like.device.id, values.shape, values.tobytes()
    copy = _copies.pop(key, None)
    if copy is None:
        copy = sys.modules["cupy"].asarray(values)
        # Other streams may use it from now on.
        sys.modules["cupy"].cuda.get_current_stream().synchronize()
        if len(_copies) >= COPIES:
            _copies.popitem(last=False)
    _copies[key] = copy
    return copy
