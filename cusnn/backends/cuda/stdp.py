"""Pair STDP: weights change, then traces move, in a launch of their own."""

import numpy as np

from cusnn import driver
from cusnn.backends.cuda.arguments import int32s

INSTANTIATIONS = {
    "stdp_step.cu": ("stdp_step", "stdp_traces"),
    "stdp_step_csr.cu": ("stdp_step_csr",),
}
RULE = np.dtype(
    [(name, "f4") for name in ("decay_pre", "decay_post", "a_plus", "a_minus", "w_min", "w_max")]
    + [("multiplicative", "i4"), ("nearest", "i4")]
)
BLOCK = 256
COLUMNS = 8 * BLOCK  # of a block, as in stdp_step.cu
FEWEST_ROWS, MOST_ROWS = 8, 64  # of a block
ENOUGH_BLOCKS = 1024
MOST_BLOCKS = 4096
LONG_ROW = 2048


def stdp_step(spikes_pre, spikes_post, trace_pre, trace_post, weights, coefficients):
    n, m = weights.shape
    rule = rule_struct(coefficients)
    chunks = -(-m // COLUMNS)
    rows = min(MOST_ROWS, max(FEWEST_ROWS, n * chunks // ENOUGH_BLOCKS))
    args = (spikes_pre, spikes_post, trace_pre, trace_post, weights)
    args += (*int32s(n, m, rows), rule)
    driver.launch("stdp_step.cu", "stdp_step", (-(-n // rows), chunks), BLOCK, args)
    move_traces(spikes_pre, spikes_post, trace_pre, trace_post, rule)


def stdp_step_csr(
    spikes_pre, spikes_post, indptr, indices, trace_pre, trace_post, weights, coefficients
):
    n, m = spikes_pre.size, spikes_post.size
    rule = rule_struct(coefficients)
    lanes = BLOCK if weights.size > LONG_ROW * n else 32
    args = (spikes_pre, spikes_post, indptr, indices, trace_pre, trace_post, weights)
    args += (*int32s(n, m, lanes), rule)
    grid = min(MOST_BLOCKS, -(-n * lanes // BLOCK)) if weights.size else 0
    driver.launch("stdp_step_csr.cu", "stdp_step_csr", grid, BLOCK, args)
    move_traces(spikes_pre, spikes_post, trace_pre, trace_post, rule)


def move_traces(spikes_pre, spikes_post, trace_pre, trace_post, rule):
    n, m = spikes_pre.size, spikes_post.size
    args = (spikes_pre, spikes_post, trace_pre, trace_post, *int32s(n, m), rule)
    driver.launch("stdp_step.cu", "stdp_traces", -(-(n + m) // BLOCK), BLOCK, args)


def rule_struct(coefficients):
    """The struct STDP of stdp.cuh, passed by value."""
    return np.array(tuple(getattr(coefficients, name) for name in RULE.names), RULE)[()]
