"""How threads inside compiled code meet: each says that it has come, and waits for the others.

A thread that waits spins, for the others are there within a microsecond. Where they are not, other
programs want the processor, or the system runs two of our threads on one: it gives way. At times,
ever more rarely, it sleeps a moment, for one that wakes up is put on a processor that is idle.
"""

import ctypes
import os
from typing import NamedTuple

from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

from cusnn.backends.numba_cpu.network_tables import INNER

SPINS, FIRST_NAP = 10_000, 64
NAP_US, NAP_MS = 20, 1
GIVEN_UP = -1


class Ways(NamedTuple):
    """Functions of the system, as addresses.

    Attributes:
        give: lets other threads run; without arguments.
        nap: sleeps for so long; length: its argument.
    """

    give: int
    nap: int
    length: int


def ways() -> Ways:
    """Those of this system."""
    if os.name == "nt":
        library = ctypes.windll.kernel32
        give, nap, length = library.SwitchToThread, library.Sleep, NAP_MS
    else:
        library = ctypes.CDLL(None)
        give, nap, length = library.sched_yield, library.usleep, NAP_US
    addresses = (ctypes.cast(function, ctypes.c_void_p).value for function in (give, nap))
    return Ways(*addresses, length)


def _entry(context, builder, kind, array, index):
    return builder.gep(context.make_array(kind)(context, builder, array).data, [index])


@intrinsic
def publish(typing_context, array, index, value):
    """``array[index] = value``, int64, seen by others after all that was written before it."""

    def generate(context, builder, signature, arguments):
        entry = _entry(context, builder, signature.args[0], *arguments[:2])
        builder.store_atomic(arguments[2], entry, "release", 8)
        return context.get_dummy_value()

    return types.void(array, types.intp, types.int64), generate


@intrinsic
def published(typing_context, array, index):
    """``array[index]``, int64, read before all that is read after it."""

    def generate(context, builder, signature, arguments):
        entry = _entry(context, builder, signature.args[0], *arguments)
        return builder.load_atomic(entry, "acquire", 8)

    return types.int64(array, types.intp), generate


@intrinsic
def call(typing_context, address):
    """Call a function of no arguments."""

    def generate(context, builder, signature, arguments):
        kind = ir.FunctionType(ir.IntType(32), []).as_pointer()
        builder.call(builder.inttoptr(arguments[0], kind), [])
        return context.get_dummy_value()

    return types.void(types.int64), generate


@intrinsic
def call_with(typing_context, address, number):
    """Call a function of a 32-bit number."""

    def generate(context, builder, signature, arguments):
        number = ir.IntType(32)
        kind = ir.FunctionType(number, [number]).as_pointer()
        function = builder.inttoptr(arguments[0], kind)
        builder.call(function, [builder.trunc(arguments[1], number)])
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), generate


@njit(**INNER)
def wait_for(flags, place, value, waits, ways):
    """Wait until ``flags[place]`` is at least ``value``; False if ``waits[0]`` says to give up.

    ``waits[1]`` counts how often this thread gave way.
    """
    spins = 0
    while published(flags, place) < value:
        spins += 1
        if spins > SPINS:
            if published(waits, 0) == GIVEN_UP:
                return False
            waits[1] += 1
            if waits[1] >= FIRST_NAP and waits[1] & (waits[1] - 1) == 0:
                call_with(ways.nap, ways.length)
            else:
                call(ways.give)
    return True
