"""The contract: shape, dtype and direction of every array of every operation, stated once.

Axes: T time, A steps of input (T, or 1 where every step takes the same), B batch, N neurons,
M targets, S state variables, C coefficients, P one or N,
Q checkpoints, R rows (any leading axes flattened), W 32-bit words (N / 32, rounded up),
K synapses, F features per value; K parameters to optimize. Of a layer: V words of its N inputs.
Of a network: X tiles, L neurons per tile, D delays, J
projections, G populations, H groups of initial values, I stimuli, Q thresholds, E listed ends,
U listed weights, V listed delays or events, Y counts, M probes, U samples of them, R room for
spikes, Z spikes in flight, P counts of progress; A, B and F fields of a row. Equal letters of one
operation are equal sizes.
"""

from __future__ import annotations

import functools
import itertools
import math
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Arg:
    """One array of an operation.

    Attributes:
        name: parameter name in the front door, in every backend and in the kernel.
        axes: one letter per axis; a letter with ``+1`` is one longer ("N+1").
        flow: "in", "out" or "inout".
        dtype: NumPy dtype name.
        also: names of other dtypes that it may have.
        optional: may be None.
        may_be: name of the input whose memory, all of it, an output may have; None for none.
    """

    name: str
    axes: str
    flow: str = "in"
    dtype: str = "float32"
    optional: bool = False
    may_be: str | None = None
    also: tuple[str, ...] = ()

    @functools.cached_property
    def letters(self) -> tuple[str, ...]:
        return tuple(self.axes.split())

    @property
    def shape_text(self) -> str:
        return f"[{', '.join(self.letters)}]"

    @functools.cached_property
    def dtypes(self) -> tuple[str, ...]:
        return self.dtype, *self.also

    @property
    def text(self) -> str:
        return f"{' or '.join(self.dtypes)} {self.shape_text}"


@dataclass(frozen=True)
class Op:
    """One operation: its arrays in order, then its settings in order.

    Attributes:
        name: the operation's one name.
        args: its arrays.
        settings: names of what is no array (numbers, coefficients), after the arrays.
        room: module name of the operation in ``cusnn.ops`` and in every backend.
        kernels: files in ``kernels/``; empty for an operation without CUDA kernels.
        backends: names of those that have it.
    """

    name: str
    args: tuple[Arg, ...]
    settings: tuple[str, ...]
    room: str
    kernels: tuple[str, ...]
    backends: tuple[str, ...] = ("numpy", "numba", "cuda")

    @property
    def parameters(self) -> tuple[str, ...]:
        """Parameter names of the operation's function in every backend, in order."""
        return tuple(arg.name for arg in self.args) + self.settings

    def arg(self, name: str) -> Arg:
        return next(arg for arg in self.args if arg.name == name)


OPS: dict[str, Op] = {}
# On CUDA, and the same of all arrays of a call; NumPy knows the second from ml_dtypes.
HALVES = ("float16", "bfloat16")


def _op(name: str, room: str, *args: Arg, settings=(), kernels=None, backends=None) -> None:
    kernels = (f"{name}.cu",) if kernels is None else kernels
    backends = Op.backends if backends is None else backends
    OPS[name] = Op(name, args, tuple(settings), room, tuple(kernels), tuple(backends))


_op(
    "neuron_forward",
    "neuron",
    Arg("current", "A B N", also=HALVES),
    Arg("state", "S B N"),
    Arg("final_state", "S B N", "out", may_be="state"),
    Arg("spikes", "T B N", "out", "uint8", optional=True, also=("float32", *HALVES)),
    Arg("packed", "T B W", "out", "uint32", optional=True),
    Arg("checkpoints", "Q S B N", "out", optional=True),
    settings=("coefficients", "interval", "steps"),
)
_op(
    "neuron_backward",
    "neuron",
    Arg("current", "A B N", also=HALVES),
    Arg("checkpoints", "Q S B N"),
    Arg("grad_spikes", "T B N", also=HALVES),
    Arg("grad_final_state", "S B N", optional=True),
    Arg("grad_current", "A B N", "out", may_be="grad_spikes", also=HALVES),
    Arg("grad_state", "S B N", "out"),
    Arg("grad_coefficients", "C B N", "out", optional=True),
    settings=("coefficients", "interval", "surrogate", "detach_reset"),
)
_op(
    "layer_forward",
    "layer",
    Arg("packed_in", "T B V", dtype="uint32"),
    Arg("weights", "N M"),
    Arg("bias", "M", optional=True),
    Arg("state", "S B M"),
    Arg("final_state", "S B M", "out", may_be="state"),
    Arg("spikes", "T B M", "out", "uint8", optional=True),
    Arg("packed", "T B W", "out", "uint32", optional=True),
    Arg("checkpoints", "Q S B M", "out", optional=True),
    Arg("currents", "T B M", "out", optional=True),
    settings=("coefficients", "interval", "method"),
)
_op(
    "layer_backward",
    "layer",
    Arg("packed_in", "T B V", dtype="uint32"),
    Arg("weights", "N M"),
    Arg("bias", "M", optional=True),
    Arg("checkpoints", "Q S B M"),
    Arg("currents", "T B M", optional=True),
    Arg("grad_spikes", "T B M"),
    Arg("grad_final_state", "S B M", optional=True),
    Arg("grad_weights", "N M", "out", optional=True),
    Arg("grad_bias", "M", "out", optional=True),
    Arg("grad_spikes_in", "T B N", "out", optional=True),
    Arg("grad_state", "S B M", "out"),
    Arg("grad_coefficients", "C B M", "out", optional=True),
    settings=("coefficients", "interval", "surrogate", "detach_reset", "method"),
)
_op(
    "recurrent_forward",
    "recurrent",
    Arg("current", "T B N"),
    Arg("weights", "N N"),
    Arg("spikes_before", "B N", dtype="uint8"),
    Arg("state", "S B N"),
    Arg("final_state", "S B N", "out", may_be="state"),
    Arg("spikes", "T B N", "out", "uint8", optional=True),
    Arg("packed", "T B W", "out", "uint32", optional=True),
    Arg("checkpoints", "Q S B N", "out", optional=True),
    settings=("coefficients", "interval"),
)
_op(
    "recurrent_backward",
    "recurrent",
    Arg("current", "T B N"),
    Arg("weights", "N N"),
    Arg("spikes_before", "B N", dtype="uint8"),
    Arg("packed", "T B W", dtype="uint32"),
    Arg("checkpoints", "Q S B N"),
    Arg("grad_spikes", "T B N"),
    Arg("grad_final_state", "S B N", optional=True),
    Arg("grad_current", "T B N", "out"),
    Arg("grad_weights", "N N", "out", optional=True),
    Arg("grad_spikes_before", "B N", "out"),
    Arg("grad_state", "S B N", "out"),
    Arg("grad_coefficients", "C B N", "out", optional=True),
    settings=("coefficients", "interval", "surrogate", "detach_reset"),
)
_op(
    "leaky_forward",
    "leaky",
    Arg("current", "T B N"),
    Arg("state", "S B N"),
    Arg("membrane", "T B N", "out"),
    Arg("final_state", "S B N", "out", may_be="state"),
    settings=("coefficients",),
)
_op(
    "leaky_backward",
    "leaky",
    Arg("current", "T B N", optional=True),
    Arg("membrane", "T B N", optional=True),
    Arg("state", "S B N", optional=True),
    Arg("grad_membrane", "T B N"),
    Arg("grad_final_state", "S B N", optional=True),
    Arg("grad_current", "T B N", "out"),
    Arg("grad_state", "S B N", "out"),
    Arg("grad_coefficients", "C B N", "out", optional=True),
    settings=("coefficients",),
)
_op(
    "adam_step",
    "optimize",
    Arg("parameter", "K", "inout"),
    Arg("grad", "K"),
    Arg("first", "K", "inout"),
    Arg("second", "K", "inout"),
    settings=("coefficients",),
)
_op(
    "sgd_step",
    "optimize",
    Arg("parameter", "K", "inout"),
    Arg("grad", "K"),
    Arg("velocity", "K", "inout", optional=True),
    settings=("coefficients",),
)
_op(
    "spike_pack",
    "spikes",
    Arg("spikes", "R N", dtype="uint8", also=("float32",)),
    Arg("packed", "R W", "out", "uint32"),
    Arg("others", "R", "out", "uint8", optional=True),
)
_op(
    "spike_unpack",
    "spikes",
    Arg("packed", "R W", dtype="uint32"),
    Arg("spikes", "R N", "out", "uint8", also=("float32",)),
)
_op(
    "spike_compact",
    "spikes",
    Arg("spikes", "R N", dtype="uint8"),
    Arg("indices", "R N", "out", "int32"),
    Arg("counts", "R", "out", "int32"),
)
_op(
    "spike_matmul",
    "matmul",
    Arg("spikes", "R N", dtype="uint8"),
    Arg("weights", "N M"),
    Arg("product", "R M", "out"),
)
_op(
    "spike_matmul_backward",
    "matmul",
    Arg("grad_product", "R M"),
    Arg("spikes", "R N", dtype="uint8"),
    Arg("weights", "N M"),
    Arg("grad_weights", "N M", "out", optional=True),
    Arg("grad_spikes", "R N", "out", optional=True),
)
_op(
    "spike_matmul_csr",
    "matmul",
    Arg("spikes", "R N", dtype="uint8"),
    Arg("indptr", "N+1", dtype="int64"),
    Arg("indices", "K", dtype="int32"),
    Arg("weights", "K"),
    Arg("product", "R M", "out"),
)
_op(
    "spike_matmul_csr_backward",
    "matmul",
    Arg("grad_product", "R M"),
    Arg("spikes", "R N", dtype="uint8"),
    Arg("indptr", "N+1", dtype="int64"),
    Arg("indices", "K", dtype="int32"),
    Arg("weights", "K"),
    Arg("grad_weights", "K", "out", optional=True),
    Arg("grad_spikes", "R N", "out", optional=True),
)
_op(
    "stdp_step",
    "stdp",
    Arg("spikes_pre", "N", dtype="uint8"),
    Arg("spikes_post", "M", dtype="uint8"),
    Arg("trace_pre", "N", "inout"),
    Arg("trace_post", "M", "inout"),
    Arg("weights", "N M", "inout"),
    settings=("coefficients",),
)
_op(
    "stdp_step_csr",
    "stdp",
    Arg("spikes_pre", "N", dtype="uint8"),
    Arg("spikes_post", "M", dtype="uint8"),
    Arg("indptr", "N+1", dtype="int64"),
    Arg("indices", "K", dtype="int32"),
    Arg("trace_pre", "N", "inout"),
    Arg("trace_post", "M", "inout"),
    Arg("weights", "K", "inout"),
    settings=("coefficients",),
)
_op(
    "encode_rate",
    "encode",
    Arg("values", "B N"),
    Arg("spikes", "T B N", "out", "uint8"),
    settings=("seed", "stream", "first_step"),
)
_op(
    "encode_latency",
    "encode",
    Arg("values", "B N"),
    Arg("spikes", "T B N", "out", "uint8"),
)
_op(
    "encode_population",
    "encode",
    Arg("values", "B N"),
    Arg("centers", "F"),
    Arg("responses", "B N F", "out"),
    settings=("width",),
)
_op(
    "decode_count",
    "decode",
    Arg("spikes", "T B N", dtype="uint8"),
    Arg("counts", "B N", "out", "int32"),
)
_op(
    "decode_first_spike",
    "decode",
    Arg("spikes", "T B N", dtype="uint8"),
    Arg("steps", "B N", "out", "int32"),
)


_DRAWN = (
    Arg("connections", "J F", dtype="int64"),
    Arg("weights", "J A", dtype="float64"),
    Arg("counted", "Y", dtype="int64"),
    Arg("thresholds", "Q", dtype="uint32"),
    Arg("listed_sources", "E", dtype="int32"),
    Arg("listed_targets", "E", dtype="int32"),
    Arg("listed_weights", "U", dtype="float64"),
    Arg("listed_delays", "V", dtype="int32"),
    Arg("groups", "H B", dtype="int64"),
    Arg("voltages", "H A", dtype="float64"),
)
_MOVED = (
    Arg("segments", "G F", dtype="int64"),
    Arg("coefficients", "C"),
    Arg("units", "G A"),
    Arg("stimuli", "I F", dtype="int64"),
    Arg("thresholds", "Q", dtype="uint32"),
    Arg("event_steps", "V", dtype="int64"),
    Arg("event_neurons", "V", dtype="int32"),
    Arg("event_amounts", "V", dtype="int32"),
    Arg("event_channels", "V", dtype="int32"),
    Arg("probes", "M A", dtype="int64"),
)
_op(
    "network_build",
    "network",
    *_DRAWN,
    Arg("words", "K", "out", "uint32"),
    Arg("amounts", "K", "out", "int32", optional=True),
    Arg("row_starts", "X N", "out", "int64"),
    Arg("offsets", "X N D+1", "out", "uint32"),
    Arg("initial", "S N", "out"),
    settings=("seed", "channels", "threads", "tell"),
    kernels=(),
    backends=("numpy", "numba"),
)
_op(
    "network_advance",
    "network",
    Arg("words", "K", dtype="uint32"),
    Arg("amounts", "K", dtype="int32", optional=True),
    Arg("row_starts", "X N", dtype="int64"),
    Arg("offsets", "X N D+1", dtype="uint32"),
    *_MOVED,
    Arg("state", "X S L", "inout"),
    Arg("spikes", "R", "inout", "int32"),
    Arg("spike_starts", "T+1", "inout", "int64"),
    Arg("recorded", "U M", "out"),
    Arg("progress", "A", "out", "int64"),
    settings=("seed", "first_step", "interval", "every", "channels", "threads"),
    kernels=(),
    backends=("numpy", "numba"),
)
_op(
    "network_draw",
    "network_draw",
    Arg("stimuli", "I F", dtype="int64"),
    Arg("thresholds", "Q", dtype="uint32"),
    Arg("totals", "N", "out", "int64"),
    settings=("seed", "first_step", "steps"),
    kernels=(),
    backends=("numpy", "numba"),
)
_op(
    "network_build_rings",
    "network",
    *_DRAWN,
    Arg("words", "K", "out", "uint32"),
    Arg("amounts", "K", "out", "int32", optional=True),
    Arg("row_starts", "X N+1", "out", "int64"),
    Arg("cursors", "X N", "out", "uint32"),
    Arg("initial", "S N", "out"),
    settings=("seed", "channels", "slot_bits"),
    backends=("cuda",),
)
_op(
    "network_advance_rings",
    "network",
    Arg("words", "K", dtype="uint32"),
    Arg("amounts", "K", dtype="int32", optional=True),
    Arg("row_starts", "X N+1", dtype="int64"),
    *_MOVED,
    Arg("flight", "Z", dtype="uint64"),
    Arg("state", "X S L", "inout"),
    Arg("spikes", "R", "out", "uint64"),
    Arg("recorded", "U M", "out"),
    Arg("progress", "P", "out", "int64"),
    settings=(
        "seed",
        "first_step",
        "steps",
        "interval",
        "every",
        "longest",
        "slots",
        "slot_bits",
        "channels",
        "memory",
        "exchange",
        "blocks",
    ),
    backends=("cuda",),
)


def check(op: Op, sizes: dict[str, int] | None = None, **arrays) -> dict[str, int]:
    """Compare arrays with the contract and return the size of every axis.

    Args:
        op: the operation.
        sizes: sizes that are known before (copied, not changed).
        arrays: arrays by parameter name; None where an optional array is absent.

    Raises:
        TypeError: something that is no array, or has another dtype.
        ValueError: another number of axes, sizes that disagree, or an array that is not
            C-contiguous.
    """
    sizes = dict(sizes or {})
    origin = dict.fromkeys(sizes, "the call")
    for arg in op.args:
        if arg.name not in arrays:
            continue
        array = arrays[arg.name]
        if array is None and arg.optional:
            continue
        _check_array(op, arg, array)
        for letter, size in zip(arg.letters, array.shape, strict=True):
            letter, size = (letter[:-2], size - 1) if letter.endswith("+1") else (letter, size)
            if sizes.setdefault(letter, size) != size:
                raise ValueError(
                    f"{op.name}: {arg.name} has {letter}={size}, "
                    f"but {origin[letter]} has {letter}={sizes[letter]}"
                )
            origin.setdefault(letter, arg.name)
    return sizes


def _check_array(op: Op, arg: Arg, array) -> None:
    if not (hasattr(array, "dtype") and hasattr(array, "shape") and hasattr(array, "flags")):
        raise TypeError(
            f"{op.name}: {arg.name} must be an array {arg.text}, got {type(array).__name__}"
        )
    if isinstance(array, np.ma.MaskedArray):
        raise TypeError(
            f"{op.name}: {arg.name} must be an array {arg.text}, got a masked one; pass .filled()"
        )
    if _name_of(array.dtype) not in arg.dtypes:
        raise TypeError(
            f"{op.name}: {arg.name} must be {arg.text}, got {array.dtype} "
            f"{list(array.shape)}; convert it with .astype({arg.dtype!r})"
        )
    if len(array.shape) != len(arg.letters):
        raise ValueError(f"{op.name}: {arg.name} must be {arg.shape_text}, got {list(array.shape)}")
    if not array.flags.c_contiguous:
        raise ValueError(
            f"{op.name}: {arg.name} must be C-contiguous; pass numpy.ascontiguousarray of it"
        )
    if arg.flow != "in" and not getattr(array.flags, "writeable", True):
        raise ValueError(f"{op.name}: {arg.name} is written to, but is read-only")


@functools.cache
def _name_of(dtype) -> str | None:
    """Name of a dtype, which NumPy takes microseconds to make; None of one of another order."""
    return dtype.name if dtype.isnative else None


def check_memory(op: Op, **arrays) -> None:
    """Refuse what is written to where it shares memory with another array of the call.

    Args:
        op: the operation.
        arrays: all arrays of the call by parameter name, C-contiguous; None where one is absent.

    Raises:
        ValueError: two arrays overlap, and are not an output and the input that it may be.
    """
    present = [(arg, arrays[arg.name]) for arg in op.args if arrays.get(arg.name) is not None]
    for (one, one_array), (other, other_array) in itertools.combinations(present, 2):
        if one.flow == other.flow == "in" or not _overlap(one_array, other_array):
            continue
        if one.name == other.may_be and _same(one_array, other_array):
            continue
        written, beside = (other, one) if one.flow == "in" else (one, other)
        raise ValueError(
            f"{op.name}: {written.name} shares memory with {beside.name}; "
            f"pass another {'out' if written.flow == 'out' else written.name}"
        )


def _overlap(one, other) -> bool:
    """Whether two C-contiguous arrays of one library share a byte."""
    if isinstance(one, np.ndarray):
        return np.may_share_memory(one, other)  # compares bounds, which is exact for these
    ends = one.data.ptr + one.nbytes, other.data.ptr + other.nbytes
    return max(one.data.ptr, other.data.ptr) < min(ends)


def _same(one, other) -> bool:
    return _pointer(one) == _pointer(other) and one.nbytes == other.nbytes


def _pointer(array) -> int:
    return array.ctypes.data if isinstance(array, np.ndarray) else array.data.ptr


def shape(arg: Arg, sizes: dict[str, int]) -> tuple[int, ...]:
    """Shape of an argument for given sizes."""
    return tuple(
        sizes[letter[:-2]] + 1 if letter.endswith("+1") else sizes[letter] for letter in arg.letters
    )


def allocate(
    op: Op,
    xp,
    sizes: dict[str, int],
    skip: tuple[str, ...] = (),
    dtypes: dict[str, str] | None = None,
    **given,
) -> dict:
    """Outputs of an operation, uninitialised, in the array library ``xp``.

    Args:
        op: the operation.
        xp: NumPy or CuPy.
        sizes: size of every axis.
        skip: optional outputs that are not wanted; they come back as None.
        dtypes: dtypes of outputs that are not to have their first one.
        given: outputs that the caller brought, used as they are after a check.

    Raises:
        MemoryError: an output for which there is no memory.
    """
    outputs = {}
    for arg in op.args:
        if arg.flow != "out":
            continue
        if given.get(arg.name) is not None:
            check(op, sizes, **{arg.name: given[arg.name]})
            outputs[arg.name] = given[arg.name]
        elif arg.name in skip:
            outputs[arg.name] = None
        else:
            dtype = (dtypes or {}).get(arg.name, arg.dtype)
            outputs[arg.name] = new(op.name, arg.name, xp.empty, shape(arg, sizes), dtype)
    return outputs


def new(owner: str, name: str, make, lengths: tuple[int, ...], dtype: str):
    """``make(lengths, dtype)``; a MemoryError that says of what where there is no room."""
    try:
        return make(lengths, dtype=dtype)
    except (MemoryError, ValueError) as error:
        gigabytes = math.prod(lengths) * np.dtype(dtype).itemsize / 1e9
        raise MemoryError(
            f"{owner}: no memory for {name}, {dtype} {list(lengths)}, {gigabytes:,.2f} GB"
        ) from error


def bytes_moved(
    op: Op,
    sizes: dict[str, int],
    skip: tuple[str, ...] = (),
    dtypes: dict[str, str] | None = None,
) -> int:
    """Fewest bytes the operation must move: inputs read once, outputs written once.

    Args:
        op: the operation.
        sizes: size of every axis.
        skip: arrays that are not there.
        dtypes: dtypes of arrays that have not their first one.
    """
    total = 0
    for arg in op.args:
        if arg.name in skip:
            continue
        itemsize = np.dtype((dtypes or {}).get(arg.name, arg.dtype)).itemsize
        once = int(np.prod(shape(arg, sizes), dtype=np.int64)) * itemsize
        total += once * (2 if arg.flow == "inout" else 1)
    return total
