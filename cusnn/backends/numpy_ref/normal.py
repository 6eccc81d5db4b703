"""Normal deviates and exponentials, by operations that every IEEE machine rounds alike."""

import math

import numpy as np

# Wichura (1988), algorithm AS 241, PPND16; numerators and denominators, highest power first.
CENTRAL_P = (
    2.5090809287301226727e3,
    3.3430575583588128105e4,
    6.7265770927008700853e4,
    4.5921953931549871457e4,
    1.3731693765509461125e4,
    1.9715909503065514427e3,
    1.3314166789178437745e2,
    3.3871328727963666080e0,
)
CENTRAL_Q = (
    5.2264952788528545610e3,
    2.8729085735721942674e4,
    3.9307895800092710610e4,
    2.1213794301586595867e4,
    5.3941960214247511077e3,
    6.8718700749205790830e2,
    4.2313330701600911252e1,
    1.0,
)
TAIL_P = (
    7.74545014278341407640e-4,
    2.27238449892691845833e-2,
    2.41780725177450611770e-1,
    1.27045825245236838258e0,
    3.64784832476320460504e0,
    5.76949722146069140550e0,
    4.63033784615654529590e0,
    1.42343711074968357734e0,
)
TAIL_Q = (
    1.05075007164441684324e-9,
    5.47593808499534494600e-4,
    1.51986665636164571966e-2,
    1.48103976427480074590e-1,
    6.89767334985100004550e-1,
    1.67638483018380384940e0,
    2.05319162663775882187e0,
    1.0,
)
# The tail's formula holds down to exp(-25); nothing that 32 bits give lies beyond.
LEAST = 2.0**-36
LN2 = 0.6931471805599453
SQRT_HALF = 0.7071067811865476
LOG_TERMS = tuple(1.0 / n for n in range(23, 0, -2))
# ln 2 in two parts: products of the first with whole numbers up to 1024 are exact.
LN2_HIGH, LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10
LOG2_E = 1.4426950408889634
EXP_TERMS = tuple(1.0 / math.factorial(n) for n in range(13, -1, -1))
LARGEST_EXPONENT = 700.0


def _polynomial(coefficients, x):
    value = np.full_like(x, coefficients[0])
    for coefficient in coefficients[1:]:
        value = value * x + coefficient
    return value


def _log(x):
    """Natural logarithm of float64 x > 0: exponent, and a series in (m - 1) / (m + 1)."""
    mantissa, exponent = np.frexp(x)
    small = mantissa < SQRT_HALF
    mantissa = np.where(small, mantissa + mantissa, mantissa)
    exponent = np.where(small, exponent - 1, exponent).astype(np.float64)
    s = (mantissa - 1.0) / (mantissa + 1.0)
    return exponent * LN2 + (s + s) * _polynomial(LOG_TERMS, s * s)


def normal_quantile(p):
    """z with normal probability p below it, for float64 p in (0, 1)."""
    q = p - 0.5
    central = np.abs(q) <= 0.425
    r = np.where(central, 0.180625 - q * q, 0.0)
    inner = q * _polynomial(CENTRAL_P, r) / _polynomial(CENTRAL_Q, r)
    tail = np.maximum(np.where(q < 0.0, p, 1.0 - p), LEAST)
    r = np.sqrt(-_log(tail)) - 1.6
    outer = _polynomial(TAIL_P, r) / _polynomial(TAIL_Q, r)
    return np.where(central, inner, np.where(q < 0.0, -outer, outer))


def exponential(x):
    """exp(x) of float64 x, of what lies beyond 700 as if it were 700: 2**k times a Taylor series
    of a remainder of at most ln 2 / 2."""
    x = np.minimum(np.maximum(x, -LARGEST_EXPONENT), LARGEST_EXPONENT)
    k = np.rint(x * LOG2_E)
    remainder = (x - k * LN2_HIGH) - k * LN2_LOW
    return np.ldexp(_polynomial(EXP_TERMS, remainder), k.astype(np.int32))
