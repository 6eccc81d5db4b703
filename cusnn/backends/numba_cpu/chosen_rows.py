"""Sums of chosen rows, kept in vector registers while rows are added to them.

Each number is added by itself and in order; that several lie in one register changes no bit.
"""

import numba
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

# For functions that only compiled functions call: no door for Python is compiled.
inner = numba.njit(cache=True, nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)

LANES = 8
WIDTHS = (32, 64)  # columns whose sums are kept in registers together


@intrinsic
def count_ones(typing_context, word):
    """Number of bits of a word that are 1."""

    def generate(context, builder, signature, arguments):
        return builder.ctpop(arguments[0])

    return word(word), generate


@intrinsic
def lowest_one(typing_context, word):
    """Place of the lowest bit that is 1, of a word that has one."""

    def generate(context, builder, signature, arguments):
        return builder.cttz(arguments[0], ir.IntType(1)(1))

    return word(word), generate


@intrinsic
def copy_row(typing_context, source, place, target, where, count):
    """Copy ``count`` numbers from flat ``source[place]`` to flat ``target[where]``.

    Sums of integers as indices keep LLVM from making vectors of a loop, since they may be
    negative; slices would count their users.
    """

    def generate(context, builder, signature, arguments):
        one, other = signature.args[0], signature.args[2]
        source, place, target, where, count = arguments
        from_data = builder.gep(context.make_array(one)(context, builder, source).data, [place])
        to_data = builder.gep(context.make_array(other)(context, builder, target).data, [where])
        size = context.get_abi_sizeof(context.get_data_type(one.dtype))
        cgutils.raw_memcpy(builder, to_data, from_data, count, size)
        return context.get_dummy_value()

    size = types.intp
    return types.void(source, size, target, size, size), generate


def vectors(context, builder, array_type, array, place, count):
    """Pointers to ``count`` vectors that lie one after the other from ``array[place]``."""
    data = context.make_array(array_type)(context, builder, array).data
    vector = ir.VectorType(ir.FloatType(), LANES)
    number = ir.IntType(64)
    return [
        builder.bitcast(
            builder.gep(data, [builder.add(place, number(LANES * k))]), vector.as_pointer()
        )
        for k in range(count)
    ]


def _adder(width):
    count = width // LANES

    @intrinsic
    def add(typing_context, total, place, terms, offset, stride, chosen, begin, end):
        def generate(context, builder, signature, arguments):
            types_of = signature.args
            total, place, terms, offset, stride, chosen, begin, end = arguments
            targets = vectors(context, builder, types_of[0], total, place, count)
            list_data = context.make_array(types_of[5])(context, builder, chosen).data
            before = builder.block
            start = [builder.load(pointer, align=4) for pointer in targets]
            body = builder.append_basic_block("row")
            after = builder.append_basic_block("after")
            builder.cbranch(builder.icmp_signed("<", begin, end), body, after)
            builder.position_at_end(body)
            index = builder.phi(begin.type)
            index.add_incoming(begin, before)
            sums = [builder.phi(value.type) for value in start]
            row = builder.sext(builder.load(builder.gep(list_data, [index])), ir.IntType(64))
            where = builder.add(offset, builder.mul(row, stride))
            rows = vectors(context, builder, types_of[2], terms, where, count)
            added = [
                builder.fadd(one, builder.load(pointer, align=4))
                for one, pointer in zip(sums, rows, strict=True)
            ]
            following = builder.add(index, index.type(1))
            index.add_incoming(following, body)
            for one, value, result in zip(sums, start, added, strict=True):
                one.add_incoming(value, before)
                one.add_incoming(result, body)
            builder.cbranch(builder.icmp_signed("<", following, end), body, after)
            builder.position_at_end(after)
            final = [builder.phi(value.type) for value in start]
            for one, pointer, value, result in zip(final, targets, start, added, strict=True):
                one.add_incoming(value, before)
                one.add_incoming(result, body)
                builder.store(one, pointer, align=4)
            return context.get_dummy_value()

        size = types.intp
        return types.void(total, size, terms, size, size, chosen, size, size), generate

    return add


_add_32, _add_64 = (_adder(width) for width in WIDTHS)


@inner
def add_rows(width, total, place, terms, offset, stride, chosen, begin, end):
    """Add rows ``chosen[begin:end]`` of flat ``terms`` to ``width`` numbers of flat ``total``.

    Row n starts at offset + stride n, the sums at ``place``; ``width`` is one of ``WIDTHS``.
    """
    if width == 64:
        _add_64(total, place, terms, offset, stride, chosen, begin, end)
    else:
        _add_32(total, place, terms, offset, stride, chosen, begin, end)
