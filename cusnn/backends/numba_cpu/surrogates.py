"""Derivatives of the surrogates in float32, one rounding per operation, a block at a time.

A function turns a block of u into g(u) in place: a flat loop over one array, which vectorises
without a check for overlap. All are NaN where u is.
"""

import numpy as np
from numba import njit

ZERO, HALF, ONE = np.float32(0.0), np.float32(0.5), np.float32(1.0)
SQRT_HALF = np.float32(0.70710678118654752)
# Above 87 the exponential would need subnormals, or be 0 anyway.
MOST = np.float32(87.0)
LOG2_E = np.float32(1.44269504088896341)
# Adding and taking away 1.5 * 2^23 rounds to the nearest integer; its bits keep the integer.
ROUNDER = np.float32(12582912.0)
SCALE_BITS = np.uint32(0x4B400000 + 127)
SCALE_SHIFT = np.uint32(23)
LN2_HIGH, LN2_LOW = np.float32(0.693359375), np.float32(-2.12194440e-4)
# exp(x) = 1 + x + x^2 P(x) for |x| <= ln(2) / 2; Cephes, expf.c.
P0, P1, P2 = np.float32(1.9875691500e-4), np.float32(1.3981999507e-3), np.float32(8.3334519073e-3)
P3, P4, P5 = np.float32(4.1665795894e-2), np.float32(1.6666665459e-1), np.float32(5.0000001201e-1)
# From here on every float32 is a whole number of cycles.
MOST_CYCLES = np.float32(16777216.0)

# For functions that only compiled functions call: no door for Python is compiled.
inner = njit(
    cache=True, nogil=True, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True
)


@njit(cache=True, inline="always", error_model="numpy")
def exp_minus(m):
    """exp(-m) for float32 m >= 0, infinity included; 0 for m above 87."""
    clamped = MOST if MOST < m else m
    shifted = clamped * LOG2_E + ROUNDER
    n = shifted - ROUNDER
    x = (n * LN2_HIGH - clamped) + n * LN2_LOW
    p = ((((P0 * x + P1) * x + P2) * x + P3) * x + P4) * x + P5
    p = (p * (x * x) + x) + ONE
    bits = np.uint32(SCALE_BITS - np.float32(shifted).view(np.uint32))
    scale = np.uint32(bits << SCALE_SHIFT).view(np.float32)
    return ZERO if m > MOST else p * scale


@njit(cache=True, inline="always", error_model="numpy")
def logistic_slope(m):
    """s (1 - s) with s = 1 / (1 + exp(-m)), m >= 0."""
    e = exp_minus(m)
    t = ONE + e
    return e / (t * t)


@inner
def fast_sigmoid(block, a, b, c, d):
    for i in range(block.size):
        u = block[i]
        t = ONE + b * abs(u)
        block[i] = ZERO if u <= c else a / (t * t)


@inner
def atan(block, a, b, c, d):
    for i in range(block.size):
        u = block[i]
        z = b * u
        block[i] = a / (ONE + z * z)


@inner
def gaussian(block, a, b, c, d):
    for i in range(block.size):
        u = block[i]
        z = b * (u - c)
        block[i] = a * exp_minus(z * z)


@inner
def multi_gaussian(block, a, b, c, d):
    for i in range(block.size):
        u = block[i]
        z = b * u
        left, right = (z + SQRT_HALF) * c, (z - SQRT_HALF) * c
        flanks = exp_minus(left * left) + exp_minus(right * right)
        block[i] = a * exp_minus(z * z) - d * flanks


@inner
def triangle(block, a, b, c, d):
    for i in range(block.size):
        u = block[i]
        h = ONE - b * abs(u)
        block[i] = a * (ZERO if h < ZERO else h)


@inner
def sigmoid(block, a, b, c, d):
    for i in range(block.size):
        u = block[i]
        block[i] = a * logistic_slope(b * abs(u))


@inner
def straight_through(block, a, b, c, d):
    for i in range(block.size):
        u = block[i]
        block[i] = a if u == u else u


@inner
def exponential(block, a, b, c, d):
    for i in range(block.size):
        u = block[i]
        block[i] = a * exp_minus(b * abs(u - c))


@inner
def periodic_exponential(block, a, b, c, d):
    for i in range(block.size):
        u = block[i]
        size = abs(u)
        turns = b * size
        cycles = (MOST_CYCLES if MOST_CYCLES < turns else turns) + HALF
        distance = abs(cycles - np.floor(cycles) - HALF)
        block[i] = a * exp_minus(c * size if u < ZERO else d * distance)


@inner
def rectangle(block, a, b, c, d):
    for i in range(block.size):
        u = block[i]
        size = abs(u)
        block[i] = a if size < c else (b if size >= c else u)


@inner
def step(block, a, b, c, d):
    for i in range(block.size):
        u = block[i]
        block[i] = a if u > c else (b if u < c else (d if u == c else u))


@inner
def reciprocal(block, a, b, c, d):
    for i in range(block.size):
        u = block[i]
        q = a / (b + abs(u))
        block[i] = c if c < q else q


@inner
def circ(block, a, b, c, d):
    for i in range(block.size):
        u = block[i]
        z = b * u
        q = ONE + z * z
        block[i] = a / (q * np.sqrt(q))


@inner
def power(block, a, b, c, d):
    for i in range(block.size):
        u = block[i]
        n = int(c)
        t = ONE + b * abs(u)
        p = t if n & 1 else ONE
        t = t * t
        p = p * t if n & 2 else p
        t = t * t
        p = p * t if n & 4 else p
        t = t * t
        p = p * t if n & 8 else p
        block[i] = a / p


@inner
def s2nn(block, a, b, c, d):
    for i in range(block.size):
        u = block[i]
        size = abs(u)
        below, above = a * logistic_slope(b * size), c / (ONE + size)
        block[i] = below if u < ZERO else above


KINDS = (
    "FastSigmoid",
    "ATan",
    "Gaussian",
    "MultiGaussian",
    "Triangle",
    "Sigmoid",
    "StraightThrough",
    "Exponential",
    "PeriodicExponential",
    "Rectangle",
    "Step",
    "Reciprocal",
    "Circ",
    "Power",
    "S2NN",
)


@njit(cache=True, nogil=True, error_model="numpy")
def derivative_block(kind, values, u, out):
    """Write g(u) to ``out``.

    Args:
        kind: index into ``KINDS``.
        values: of ``SurrogateCoefficients``, float32 [4].
        u: float32 [n].
        out: float32 [n]; may be ``u`` itself.
    """
    for i in range(u.size):
        out[i] = u[i]
    derivative_in_place(kind, values, out)


@inner
def derivative_in_place(kind, values, out):
    """Put g(u) in place of u, float32 [n]; the rest as in ``derivative_block``."""
    a, b, c, d = values[0], values[1], values[2], values[3]
    if kind == 0:
        fast_sigmoid(out, a, b, c, d)
    elif kind == 1:
        atan(out, a, b, c, d)
    elif kind == 2:
        gaussian(out, a, b, c, d)
    elif kind == 3:
        multi_gaussian(out, a, b, c, d)
    elif kind == 4:
        triangle(out, a, b, c, d)
    elif kind == 5:
        sigmoid(out, a, b, c, d)
    elif kind == 6:
        straight_through(out, a, b, c, d)
    elif kind == 7:
        exponential(out, a, b, c, d)
    elif kind == 8:
        periodic_exponential(out, a, b, c, d)
    elif kind == 9:
        rectangle(out, a, b, c, d)
    elif kind == 10:
        step(out, a, b, c, d)
    elif kind == 11:
        reciprocal(out, a, b, c, d)
    elif kind == 12:
        circ(out, a, b, c, d)
    elif kind == 13:
        power(out, a, b, c, d)
    elif kind == 14:
        s2nn(out, a, b, c, d)
