"""Numbers as kernels take them."""

import numpy as np


def int32s(*numbers):
    """Whole numbers as ``int32`` parameters of a kernel."""
    return tuple(np.int32(number) for number in numbers)
