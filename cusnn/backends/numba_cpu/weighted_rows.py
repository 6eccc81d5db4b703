"""Sums of weighted rows, kept in vector registers while rows are added to them.

Each product and each sum is rounded by itself, and sums are in order.
"""

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from cusnn.backends.numba_cpu.chosen_rows import LANES, vectors

SAMPLES = 4  # whose sums are kept in registers together
COLUMNS = 16


@numba.njit(cache=True, nogil=True, parallel=True)
def strips_of_columns(weights):
    """Transposed weights [N, M], in strips of COLUMNS columns that lie end to end, each by row.

    Entry (strip, m, c) is weights[COLUMNS strip + c, m], 0 past the last n.
    """
    n, m = weights.shape
    strips = -(-n // COLUMNS)
    out = np.zeros(strips * m * COLUMNS, np.float32)
    for strip in numba.prange(strips):
        for c in range(min(COLUMNS, n - COLUMNS * strip)):
            for j in range(m):
                out[(strip * m + j) * COLUMNS + c] = weights[COLUMNS * strip + c, j]
    return out


@intrinsic
def add_weighted(typing_context, factors, start, rows, place, count, sums, target, stride):
    """Sum ``count`` rows of COLUMNS numbers, from rows[place], weighted for SAMPLES samples.

    Row m is weighted by factors[start + SAMPLES m + s] for sample s, whose sums are stored from
    sums[target + stride s].
    """

    def generate(context, builder, signature, arguments):
        types_of = signature.args
        factors, start, rows, place, count, sums, target, stride = arguments
        data = context.make_array(types_of[0])(context, builder, factors).data
        number, lanes = ir.IntType(64), COLUMNS // LANES
        vector = ir.VectorType(ir.FloatType(), LANES)
        before = builder.block
        body = builder.append_basic_block("weighted")
        after = builder.append_basic_block("summed")
        builder.branch(body)
        builder.position_at_end(body)
        index = builder.phi(number)
        index.add_incoming(number(0), before)
        totals = [builder.phi(vector) for _ in range(SAMPLES * lanes)]
        where = builder.add(place, builder.mul(index, number(COLUMNS)))
        row = [
            builder.load(pointer, align=4)
            for pointer in vectors(context, builder, types_of[2], rows, where, lanes)
        ]
        first = builder.add(start, builder.mul(index, number(SAMPLES)))
        added = []
        for s in range(SAMPLES):
            factor = builder.load(builder.gep(data, [builder.add(first, number(s))]))
            one = builder.insert_element(
                ir.Constant(vector, ir.Undefined), factor, ir.IntType(32)(0)
            )
            zeros = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
            wide = builder.shuffle_vector(one, ir.Constant(vector, ir.Undefined), zeros)
            for k in range(lanes):
                total = totals[s * lanes + k]
                added.append(builder.fadd(total, builder.fmul(wide, row[k])))
        following = builder.add(index, number(1))
        index.add_incoming(following, body)
        for total, result in zip(totals, added, strict=True):
            total.add_incoming(ir.Constant(vector, [0.0] * LANES), before)
            total.add_incoming(result, body)
        builder.cbranch(builder.icmp_signed("<", following, count), body, after)
        builder.position_at_end(after)
        for s in range(SAMPLES):
            where = builder.add(target, builder.mul(stride, number(s)))
            targets = vectors(context, builder, types_of[5], sums, where, lanes)
            for k, pointer in enumerate(targets):
                builder.store(added[s * lanes + k], pointer, align=4)
        return context.get_dummy_value()

    size = types.intp
    arguments = (factors, size, rows, size, size, sums, size, size)
    return types.void(*arguments), generate
