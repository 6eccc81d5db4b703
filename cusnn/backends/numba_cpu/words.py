"""Words of 32 spikes: a vector compared, and its mask taken as a number; and back."""

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

BITS = 32
WORD = ir.IntType(BITS)
MASK = ir.VectorType(ir.IntType(1), BITS)


def _numbers(context, builder, kind, array, place):
    """Pointer to the 32 numbers of a flat array from a place on, and their type."""
    data = context.make_array(kind)(context, builder, array).data
    vector = ir.VectorType(context.get_data_type(kind.dtype), BITS)
    return builder.bitcast(builder.gep(data, [place]), vector.as_pointer()), vector


@intrinsic
def word_of(typing_context, spikes, place):
    """Of the 32 numbers of flat ``spikes`` from ``place`` on: which are not 0, and which of these
    are not 1, as bits."""

    def generate(context, builder, signature, arguments):
        kind = signature.args[0]
        real = isinstance(kind.dtype, types.Float)
        differ = builder.fcmp_unordered if real else builder.icmp_unsigned
        pointer, vector = _numbers(context, builder, kind, *arguments)
        numbers = builder.load(pointer, align=kind.dtype.bitwidth // 8)
        fired = differ("!=", numbers, ir.Constant(vector, [0] * BITS))
        other = builder.and_(fired, differ("!=", numbers, ir.Constant(vector, [1] * BITS)))
        words = [builder.bitcast(mask, WORD) for mask in (fired, other)]
        return context.make_tuple(builder, signature.return_type, words)

    return types.UniTuple(types.uint32, 2)(spikes, types.intp), generate


@intrinsic
def write_word(typing_context, bits, spikes, place):
    """Write 32 bits as numbers to flat ``spikes`` from ``place`` on."""

    def generate(context, builder, signature, arguments):
        bits, array, place = arguments
        kind = signature.args[1]
        pointer, vector = _numbers(context, builder, kind, array, place)
        as_numbers = builder.uitofp if isinstance(kind.dtype, types.Float) else builder.zext
        numbers = as_numbers(builder.bitcast(bits, MASK), vector)
        builder.store(numbers, pointer, align=kind.dtype.bitwidth // 8)
        return context.get_dummy_value()

    return types.void(types.uint32, spikes, types.intp), generate
