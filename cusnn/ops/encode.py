"""Front doors of the encoders: values to spikes."""

from __future__ import annotations

import math

import numpy as np

from cusnn import contract, dispatch
from cusnn.ops.spikes import flatten

MOST_STEPS = 2**31 - 1


def encode_rate(
    values,
    steps: int,
    *,
    seed: int,
    stream: int = 0,
    first_step: int = 0,
    backend: str | None = None,
):
    """Spikes at random, each step anew, with the value as their probability.

        spike[t, e] = random(first_step + t, e) < floor(2^31 values[e])

    where ``e`` counts the elements of ``values`` in C order, and ``random`` is a Philox4x32-10
    word without its last bit: word ``step mod 4`` of counter (e, floor(step / 4)) and key (seed,
    stream). A value of 0 never fires and 1 fires always; others are rounded down to a multiple
    of 2^-31. A spike depends on its step and element only, hence calls may be chunked: steps 0 to
    100 are steps 0 to 50, and 50 more with ``first_step=50``.

    Args:
        values: probabilities, float32 [..., N], 0 to 1.
        steps: T, 1 or more.
        seed: 0 to 2^32 - 1.
        stream: 0 to 2^32 - 1; another stream gives independent spikes.
        first_step: the number of the first step, 0 or more.
        backend: "numpy", "numba" or "cuda"; None for what the array decides.

    Returns:
        uint8 [T, ..., N], the same bits on every backend.

    Raises:
        ValueError: a number out of range, an array that is not C-contiguous, or (an array on the
            CPU) a value that is not of 0 to 1. On a GPU what is below 0 or NaN never fires, what
            is above 1 always.
        TypeError: an array of another dtype, no array, or a number that is no integer.

    Source: Salmon, Moraes, Dror and Shaw (2011), doi:10.1145/2063384.2063405, for Philox.
    """
    op = contract.OPS["encode_rate"]
    settings = {
        "seed": _integer(op.name, "seed", seed, 0, 2**32 - 1),
        "stream": _integer(op.name, "stream", stream, 0, 2**32 - 1),
        "first_step": _integer(op.name, "first_step", first_step, 0, 2**62),
    }
    return _encode(op, values, steps, backend, **settings)


def encode_latency(values, steps: int, *, backend: str | None = None):
    """One spike per value, the earlier the larger the value.

        step = floor((1 - value) (T - 1)),   spike[t] = (t == step)

    in integers, with the value rounded down to a multiple of 2^-31 (which float32 values from
    2^-8 on are). So 1 fires at step 0, and 0 at the last step rather than never: every value has
    exactly one spike, which ``decode_first_spike`` finds. A value that means "nothing there" is
    for the caller to mask.

    Args:
        values: float32 [..., N], 0 to 1.
        steps: T, 1 or more.
        backend: "numpy", "numba" or "cuda"; None for what the array decides.

    Returns:
        uint8 [T, ..., N], the same bits on every backend.

    Raises:
        ValueError: ``steps`` out of range, an array that is not C-contiguous, or (an array on the
            CPU) a value that is not of 0 to 1. On a GPU what is below 0 or NaN counts as 0, what is
            above 1 as 1.
        TypeError: an array of another dtype, no array, or ``steps`` that is no integer.

    Source: SpikingJelly's ``LatencyEncoder("linear")``, which rounds to the nearest step where
    this rounds down; Thorpe, Delorme and Van Rullen (2001), doi:10.1016/S0893-6080(01)00083-1.
    """
    return _encode(contract.OPS["encode_latency"], values, steps, backend)


def encode_population(values, centers, width: float, *, backend: str | None = None):
    """Responses of F neurons with Gaussian tuning curves to every value.

        response[..., f] = exp(-((value - centers[f]) / width)^2 / 2)

    Responses are from 0 to 1, and may be the values of ``encode_rate`` or ``encode_latency``.

    Args:
        values: float32 [..., N], in any unit.
        centers: the preferred values, float32 [F], in that unit.
        width: standard deviation of the tuning curves, in that unit.
        backend: "numpy", "numba" or "cuda"; None for what the arrays decide.

    Returns:
        float32 [..., N, F], the same bits on every backend: the exponential is made of single
        roundings. It is 0 where the exact one is below 1.7e-38.

    Raises:
        ValueError: a width that is not positive, an array that is not C-contiguous, or (arrays on
            the CPU) a value or center that is not finite.
        TypeError: arrays of another dtype or of several libraries, or a width that is no number.

    Source: Dayan and Abbott, Theoretical Neuroscience (2001), section 1.2, equation 1.14.
    """
    op = contract.OPS["encode_population"]
    rows, leading = flatten(op, "values", values)
    sizes = contract.check(op, values=rows, centers=centers)
    if isinstance(width, bool) or not isinstance(width, (int, float, np.integer, np.floating)):
        raise TypeError(f"{op.name}: width must be a number, got {type(width).__name__}")
    if not (math.isfinite(width) and 1e-30 < width < 1e30):
        raise ValueError(f"{op.name}: width must be positive (1e-30 to 1e30), got {width}")
    name, xp = dispatch.choose(op.name, {"values": values, "centers": centers}, backend, sizes)
    if xp is np:
        _refuse(op.name, "values", values, ~np.isfinite(values), "finite")
        _refuse(op.name, "centers", centers, ~np.isfinite(centers), "finite")
    outputs = contract.allocate(op, xp, sizes)
    dispatch.function(name, op)(values=rows, centers=centers, **outputs, width=np.float32(width))
    return outputs["responses"].reshape(*leading, sizes["N"], sizes["F"])


def _encode(op: contract.Op, values, steps, backend, **settings):
    rows, leading = flatten(op, "values", values)
    sizes = contract.check(op, values=rows)
    sizes["T"] = _integer(op.name, "steps", steps, 1, MOST_STEPS)
    name, xp = dispatch.choose(op.name, {"values": values}, backend, sizes)
    if xp is np:
        _refuse(op.name, "values", values, ~((values >= 0) & (values <= 1)), "of 0 to 1")
    outputs = contract.allocate(op, xp, sizes)
    dispatch.function(name, op)(values=rows, **outputs, **settings)
    return outputs["spikes"].reshape(sizes["T"], *leading, sizes["N"])


def _integer(op: str, name: str, value, least: int, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise TypeError(f"{op}: {name} must be an integer, got {type(value).__name__}")
    if not least <= value <= most:
        raise ValueError(f"{op}: {name} must be {least} to {most}, got {value}")
    return int(value)


def _refuse(op: str, name: str, array, bad, wanted: str) -> None:
    if bad.any():
        where = tuple(int(i) for i in np.argwhere(bad)[0])
        raise ValueError(f"{op}: {name} must be {wanted}, got {array[where]} at {list(where)}")
