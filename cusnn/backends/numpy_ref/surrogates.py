"""Derivatives of the surrogates in float32, one rounding per operation. All are NaN where u is."""

import numpy as np

ONE, HALF = np.float32(1.0), np.float32(0.5)
SQRT_HALF = np.float32(0.70710678118654752)
# Above 87 the exponential would need subnormals, or be 0 anyway.
MOST = np.float32(87.0)
LOG2_E = np.float32(1.44269504088896341)
# Adding and taking away 1.5 * 2^23 rounds to the nearest integer, ties to even.
ROUNDER = np.float32(12582912.0)
ROUNDER_BITS = np.uint32(0x4B400000)
# ln 2 in two parts: an integer below 2^14 times the first is exact.
LN2_HIGH, LN2_LOW = np.float32(0.693359375), np.float32(-2.12194440e-4)
# exp(x) = 1 + x + x^2 P(x) for |x| <= ln(2) / 2; Cephes, expf.c.
EXP_TERMS = tuple(
    np.float32(term)
    for term in (
        1.9875691500e-4,
        1.3981999507e-3,
        8.3334519073e-3,
        4.1665795894e-2,
        1.6666665459e-1,
        5.0000001201e-1,
    )
)
# From here on every float32 is an even number of cycles, and the fraction is 0.
MOST_CYCLES = np.float32(16777216.0)


def exp_minus(m):
    """exp(-m) for float32 m >= 0, infinity included; 0 for m above 87."""
    clamped = np.minimum(m, MOST)
    shifted = clamped * LOG2_E + ROUNDER
    n = shifted - ROUNDER
    x = (n * LN2_HIGH - clamped) + n * LN2_LOW
    p = np.full_like(x, EXP_TERMS[0])
    for term in EXP_TERMS[1:]:
        p = p * x + term
    p = (p * (x * x) + x) + ONE
    bits = (ROUNDER_BITS + np.uint32(127) - shifted.view(np.uint32)) << np.uint32(23)
    return np.where(m > MOST, np.float32(0.0), p * bits.view(np.float32))


def _logistic(m):
    """s (1 - s) with s = 1 / (1 + exp(-m)), m >= 0."""
    e = exp_minus(m)
    t = ONE + e
    return e / (t * t)


def fast_sigmoid(u, a, b, c, d):
    t = ONE + b * np.abs(u)
    return np.where(u <= c, np.float32(0.0), a / (t * t))


def atan(u, a, b, c, d):
    z = b * u
    return a / (ONE + z * z)


def gaussian(u, a, b, c, d):
    z = b * (u - c)
    return a * exp_minus(z * z)


def multi_gaussian(u, a, b, c, d):
    z = b * u
    left, right = (z + SQRT_HALF) * c, (z - SQRT_HALF) * c
    flanks = exp_minus(left * left) + exp_minus(right * right)
    return a * exp_minus(z * z) - d * flanks


def triangle(u, a, b, c, d):
    return a * np.maximum(ONE - b * np.abs(u), np.float32(0.0))


def sigmoid(u, a, b, c, d):
    return a * _logistic(b * np.abs(u))


def straight_through(u, a, b, c, d):
    return np.where(np.isnan(u), u, a)


def exponential(u, a, b, c, d):
    return a * exp_minus(b * np.abs(u - c))


def periodic_exponential(u, a, b, c, d):
    size = np.abs(u)
    cycles = np.minimum(b * size, MOST_CYCLES) + HALF
    distance = np.abs(cycles - np.floor(cycles) - HALF)
    return a * exp_minus(np.where(u < np.float32(0.0), c * size, d * distance))


def rectangle(u, a, b, c, d):
    return np.where(np.isnan(u), u, np.where(np.abs(u) < c, a, b))


def step(u, a, b, c, d):
    return np.where(np.isnan(u), u, np.where(u > c, a, np.where(u < c, b, d)))


def reciprocal(u, a, b, c, d):
    return np.minimum(a / (b + np.abs(u)), c)


def circ(u, a, b, c, d):
    z = b * u
    q = ONE + z * z
    return a / (q * np.sqrt(q))


def power(u, a, b, c, d):
    t = ONE + b * np.abs(u)
    n = int(c)
    p = np.ones_like(t)
    for bit in range(4):
        if n >> bit & 1:
            p = p * t
        t = t * t
    return a / p


def s2nn(u, a, b, c, d):
    size = np.abs(u)
    return np.where(u < np.float32(0.0), a * _logistic(b * size), c / (ONE + size))


FORMULAS = {
    "FastSigmoid": fast_sigmoid,
    "ATan": atan,
    "Gaussian": gaussian,
    "MultiGaussian": multi_gaussian,
    "Triangle": triangle,
    "Sigmoid": sigmoid,
    "StraightThrough": straight_through,
    "Exponential": exponential,
    "PeriodicExponential": periodic_exponential,
    "Rectangle": rectangle,
    "Step": step,
    "Reciprocal": reciprocal,
    "Circ": circ,
    "Power": power,
    "S2NN": s2nn,
}


def derivative(kind, values, u):
    """g(u) in float32, by the kind and values of ``SurrogateCoefficients``."""
    u = np.asarray(u, np.float32)
    # Far from threshold a square overflows, and the quotient is then 0, as it should be.
    with np.errstate(over="ignore", under="ignore", divide="ignore"):
        return FORMULAS[kind](u, *values)
