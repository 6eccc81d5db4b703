"""Blocks of neurons: their rows to and from memory, and their spikes as bits."""

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from cusnn.backends.numba_cpu.chosen_rows import inner

STREAMED = 16  # bytes that are written past the cache at once
# Neurons of a block at most: longer rows are read from memory faster, but what a segment of steps
# keeps of a block should fit in a core's cache.
LONGEST = 4096
SHORTEST = 256
# An output of this many bytes is not in cache any more when somebody reads it.
LARGE = 2**23


def block_length(neurons: int, longest: int = LONGEST) -> int:
    """Neurons of a block, a multiple of 32: some blocks for each thread."""
    share = -(-neurons // (4 * numba.get_num_threads()))
    return min(max(-(-share // 32) * 32, SHORTEST), longest)


@inner
def pack(spiked, words):
    n = spiked.size
    for word in range(-(-n // 32)):
        bits = np.uint32(0)
        for j in range(min(32, n - 32 * word)):
            bits |= np.uint32(spiked[32 * word + j]) << np.uint32(j)
        words[word] = bits


@inner
def copy_row(source, target):
    for j in range(target.size):
        target[j] = source[j]


@inner
def copy(rows, block, out):
    """Rows [S, B, N] of a block of neurons."""
    b, first, last = block
    for s in range(out.shape[0]):
        copy_row(rows[s, b, first:last], out[s])


@inner
def copy_back(rows, block, out):
    b, first, last = block
    for s in range(rows.shape[0]):
        copy_row(rows[s], out[s, b, first:last])


def _vector(context, array_type):
    """Vector of STREAMED bytes, and how many numbers it has."""
    count = STREAMED // (array_type.dtype.bitwidth // 8)
    return ir.VectorType(context.get_data_type(array_type.dtype), count), count


@intrinsic
def _until_aligned(typing_context, array):
    """Numbers from the first of an array to one whose address is a multiple of STREAMED."""

    def generate(context, builder, signature, arguments):
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        address = builder.neg(builder.ptrtoint(data, ir.IntType(64)))
        lead = builder.and_(address, address.type(STREAMED - 1))
        return builder.udiv(lead, lead.type(signature.args[0].dtype.bitwidth // 8))

    return types.intp(array), generate


@intrinsic
def _stream_vectors(typing_context, source, target):
    """Copy past the cache what of ``target``, which is aligned, is whole vectors; the number of
    numbers that are."""

    def generate(context, builder, signature, arguments):
        vector, lanes = _vector(context, signature.args[0])
        arrays = [
            context.make_array(kind)(context, builder, array)
            for kind, array in zip(signature.args, arguments, strict=True)
        ]
        source, target = (builder.bitcast(array.data, vector.as_pointer()) for array in arrays)
        size = builder.extract_value(arrays[1].shape, 0)
        count = builder.udiv(size, size.type(lanes))
        once = builder.module.add_metadata([ir.IntType(32)(1)])
        with cgutils.for_range(builder, count) as loop:
            value = builder.load(builder.gep(source, [loop.index]), align=1)
            store = builder.store(value, builder.gep(target, [loop.index]), align=STREAMED)
            store.set_metadata("nontemporal", once)
        return builder.mul(count, count.type(lanes))

    return types.intp(source, target), generate


@intrinsic
def fence(typing_context):
    """Let every thread see what was streamed."""

    def generate(context, builder, signature, arguments):
        builder.fence("seq_cst")
        return context.get_dummy_value()

    return types.void(), generate


@inner
def stream_row(source, target):
    """Copy numbers of one dtype past the cache: what is written is not fetched before."""
    lead = min(_until_aligned(target), target.size)
    copy_row(source[:lead], target[:lead])
    end = lead + _stream_vectors(source[lead:], target[lead:])
    copy_row(source[end:], target[end:])
