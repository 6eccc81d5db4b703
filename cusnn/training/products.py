"""Dense products of small matrices, on the CPU by one thread.

OpenBLAS wakes its threads above 2^18 multiplications. Beside Numba's, on as many cores, they wait
for each other far longer than a product of this size takes; hence such products are made of pieces
below that. The order of the sums is fixed by the sizes alone.
"""

from __future__ import annotations

import numpy as np

PIECE, LARGE = 2**18, 2**24


def product(rows, weights):
    """[R, N] times [N, M], float32."""
    out = None
    for part in _parts(rows, weights.shape[1]):
        if out is None:
            if part == slice(None):
                return rows @ weights
            out = np.empty((rows.shape[0], weights.shape[1]), np.float32)
        np.matmul(rows[part], weights, out=out[part])
    return out


def product_over_rows(rows, grad):
    """Sum over r of the outer products of rows [R, N] and grad [R, M], float32 [N, M]."""
    total = None
    for part in _parts(rows, grad.shape[1]):
        found = rows[part].T @ grad[part]
        if total is None:
            total = found
        else:
            total += found
    return total


def _parts(rows, columns: int) -> list[slice]:
    """Slices of the rows, one for all where there is nothing to gain."""
    count, each = rows.shape[0], rows.shape[1] * columns
    if not isinstance(rows, np.ndarray) or not PIECE < count * each < LARGE or each > PIECE:
        return [slice(None)]
    step = PIECE // each
    return [slice(first, first + step) for first in range(0, count, step)]
