"""Front doors of the spike formats: bytes, bits, lists of indices."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from cusnn import contract, dispatch


class CompactSpikes(NamedTuple):
    """What ``spike_compact`` returns.

    Attributes:
        indices: int32 [..., N]; the first ``counts`` entries of a row are the neurons that fired,
            ascending; what stands behind them has no meaning.
        counts: neurons of the row that fired, int32 [...].
    """

    indices: np.ndarray
    counts: np.ndarray


def spike_pack(spikes, *, strict: bool = False, out=None, backend: str | None = None):
    """Pack spikes, one number each, into bits.

    Bit j of word w is 1 where neuron 32 w + j fired; bits past the last neuron are 0.

    Args:
        spikes: uint8 or float32 [..., N]; whatever is not 0 is a spike.
        strict: refuse numbers that are neither 0 nor 1. On a GPU that waits for the result.
        out: where to write, uint32 [..., ceil(N / 32)]; None for a new array.
        backend: "numpy", "numba" or "cuda"; None for what the array decides.

    Returns:
        uint32 [..., ceil(N / 32)].

    Raises:
        ValueError: an array that is not C-contiguous, ``out`` of another shape or in memory of
            another array, or, where ``strict``, a number that is neither 0 nor 1.
        TypeError: an array of another dtype, or no array.
    """
    op = contract.OPS["spike_pack"]
    rows, leading = flatten(op, "spikes", spikes)
    sizes = contract.check(op, spikes=rows)
    sizes["W"] = words(sizes["N"])
    given = given_rows(op, leading, packed=out)
    name, xp = dispatch.choose(op.name, {"spikes": spikes, "out": out}, backend, sizes)
    outputs = contract.allocate(op, xp, sizes, () if strict else ("others",), **given)
    contract.check_memory(op, spikes=rows, **outputs)
    dispatch.function(name, op)(spikes=rows, **outputs)
    if strict and outputs["others"].any():
        _refuse_others(op.name, rows, int(outputs["others"].argmax()), leading)
    return outputs["packed"].reshape(*leading, sizes["W"]) if out is None else out


def _refuse_others(op: str, rows, row: int, leading) -> None:
    """ValueError that names the first number of a row that is neither 0 nor 1."""
    wrong = (rows[row] != 0) & (rows[row] != 1)
    place = int(wrong.argmax())
    where = [*map(int, np.unravel_index(row, leading)), place] if leading else [place]
    raise ValueError(f"{op}: spikes must be 0 or 1, got {float(rows[row, place])} at {where}")


def spike_unpack(packed, n: int, *, dtype: str = "uint8", out=None, backend: str | None = None):
    """Unpack bits into spikes of one number each, 0 or 1: the inverse of ``spike_pack``.

    Args:
        packed: uint32 [..., ceil(n / 32)].
        n: neurons per row; bits past the last one are not looked at.
        dtype: "uint8" or "float32"; not looked at where there is ``out``.
        out: where to write, uint8 or float32 [..., n]; None for a new array.
        backend: "numpy", "numba" or "cuda"; None for what the array decides.

    Returns:
        [..., n] of ``dtype``.

    Raises:
        ValueError: ``n`` that does not belong to this number of words, another ``dtype``, an array
            that is not C-contiguous, or ``out`` of another shape or in memory of another array.
        TypeError: an array of another dtype, or no array.
    """
    op = contract.OPS["spike_unpack"]
    allowed = op.arg("spikes").dtypes
    if out is None and dtype not in allowed:
        raise ValueError(f"{op.name}: dtype must be {' or '.join(allowed)}, got {dtype!r}")
    rows, leading = flatten(op, "packed", packed)
    sizes = contract.check(op, packed=rows)
    if isinstance(n, bool) or not isinstance(n, (int, np.integer)):
        raise TypeError(f"{op.name}: n must be an integer, got {type(n).__name__}")
    if n < 0 or words(n) != sizes["W"]:
        most = 32 * sizes["W"]
        raise ValueError(
            f"{op.name}: n must be {max(0, most - 31)} to {most} for {sizes['W']} words, got {n}"
        )
    sizes["N"] = int(n)
    given = given_rows(op, leading, spikes=out)
    name, xp = dispatch.choose(op.name, {"packed": packed, "out": out}, backend, sizes)
    outputs = contract.allocate(op, xp, sizes, dtypes={"spikes": dtype}, **given)
    contract.check_memory(op, packed=rows, **outputs)
    dispatch.function(name, op)(packed=rows, **outputs)
    return outputs["spikes"].reshape(*leading, sizes["N"]) if out is None else out


def spike_compact(
    spikes, *, out: CompactSpikes | None = None, backend: str | None = None
) -> CompactSpikes:
    """List, row by row, the neurons that fired.

    Args:
        spikes: uint8 [..., N]; whatever is not 0 is a spike.
        out: outputs of an earlier call of the same shape, written again.
        backend: "numpy", "numba" or "cuda"; None for what the array decides.

    Returns:
        CompactSpikes: ``indices`` int32 [..., N], ascending, and ``counts`` int32 [...]. Entries
        of a row of ``indices`` past its count are not written: in a new array they are
        uninitialised, in ``out`` they keep what they held.

    Raises:
        ValueError: an array that is not C-contiguous, or ``out`` of another shape or in memory
            of another array.
        TypeError: an array of another dtype, or no array.
    """
    op = contract.OPS["spike_compact"]
    rows, leading = flatten(op, "spikes", spikes)
    sizes = contract.check(op, spikes=rows)
    brought = {} if out is None else {"indices": out.indices, "counts": out.counts}
    given = given_rows(op, leading, **brought)
    name, xp = dispatch.choose(op.name, {"spikes": spikes, **brought}, backend, sizes)
    outputs = contract.allocate(op, xp, sizes, **given)
    contract.check_memory(op, spikes=rows, **outputs)
    dispatch.function(name, op)(spikes=rows, **outputs)
    if out is not None:
        return out
    return CompactSpikes(
        outputs["indices"].reshape(*leading, sizes["N"]), outputs["counts"].reshape(leading)
    )


def words(n: int) -> int:
    """32-bit words that hold n bits."""
    return -(-n // 32)


def flatten(op: contract.Op, name: str, array):
    """View an array [..., N] as [R, N]; what cannot be viewed goes on to the contract's check.

    Returns:
        The view, and the leading axes.
    """
    arg = op.arg(name)
    if not hasattr(array, "shape") or not hasattr(array, "reshape"):
        return array, ()
    own = len(arg.letters) - 1
    if array.ndim < own:
        axes = ", ".join(("...", *arg.letters[1:]))
        raise ValueError(f"{op.name}: {name} must be [{axes}], got {list(array.shape)}")
    if not array.flags.c_contiguous:
        raise ValueError(
            f"{op.name}: {name} must be C-contiguous; pass numpy.ascontiguousarray of it"
        )
    leading = array.shape[: array.ndim - own]
    return array.reshape(math.prod(leading), *array.shape[array.ndim - own :]), leading


def given_rows(op: contract.Op, leading: tuple[int, ...], **outputs) -> dict:
    """Outputs that the caller brought, as [R, ...]; their leading axes must be the input's."""
    given = {}
    for name, array in outputs.items():
        if array is None:
            continue
        given[name], own = flatten(op, name, array)
        if own != leading:
            raise ValueError(
                f"{op.name}: {name} has leading axes {list(own)}, the input has {list(leading)}"
            )
    return given
