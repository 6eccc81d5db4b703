"""Normal deviates and exponentials, in the order of operations of the reference."""

import math

import numpy as np
from numba import njit

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
LEAST = 2.0**-36
LN2 = 0.6931471805599453
SQRT_HALF = 0.7071067811865476
LOG_TERMS = (
    1.0 / 23,
    1.0 / 21,
    1.0 / 19,
    1.0 / 17,
    1.0 / 15,
    1.0 / 13,
    1.0 / 11,
    1.0 / 9,
    1.0 / 7,
    1.0 / 5,
    1.0 / 3,
    1.0,
)
LN2_HIGH, LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10
LOG2_E = 1.4426950408889634
EXP_TERMS = tuple(1.0 / math.factorial(n) for n in range(13, -1, -1))
LARGEST_EXPONENT = 700.0
ROUND = 6755399441055744.0  # 1.5 * 2**52: the sum's lowest bits are the rounded number
MANTISSA, HALF_EXPONENT = np.int64(0x000FFFFFFFFFFFFF), np.int64(0x3FE0000000000000)


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def polynomial_8(c, x):
    value = c[0] * x + c[1]
    value = value * x + c[2]
    value = value * x + c[3]
    value = value * x + c[4]
    value = value * x + c[5]
    value = value * x + c[6]
    return value * x + c[7]


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def polynomial_12(c, x):
    value = polynomial_8(c, x)
    value = value * x + c[8]
    value = value * x + c[9]
    value = value * x + c[10]
    return value * x + c[11]


@njit(cache=True, nogil=True, error_model="numpy")
def normal_quantile(values):
    """Replace probabilities in (0, 1) by z; the tails are gathered, for few values lie there."""
    outside = np.empty(values.size, np.int64)
    count = 0
    for j in range(values.size):
        outside[count] = j
        count += not abs(values[j] - 0.5) <= 0.425
    tail, side = np.empty(count, np.float64), np.empty(count, np.float64)
    for k in range(count):
        p = values[outside[k]]
        below = p - 0.5 < 0.0
        p = p if below else 1.0 - p
        tail[k] = p if p > LEAST else LEAST
        side[k] = -1.0 if below else 1.0
    for j in range(values.size):
        q = values[j] - 0.5
        r = 0.180625 - q * q
        values[j] = q * polynomial_8(CENTRAL_P, r) / polynomial_8(CENTRAL_Q, r)
    tail_deviates(tail)
    for k in range(count):
        values[outside[k]] = side[k] * tail[k]


@njit(cache=True, nogil=True, error_model="numpy")
def tail_deviates(tail):
    """Replace probabilities of at most 0.075 by how far below the mean they lie."""
    mantissas, exponents = np.empty(tail.size, np.float64), np.empty(tail.size, np.float64)
    bits, mantissa_bits = tail.view(np.int64), mantissas.view(np.int64)
    for k in range(tail.size):
        exponents[k] = np.int32(bits[k] >> np.int64(52)) - np.int32(1022)
        mantissa_bits[k] = (bits[k] & MANTISSA) | HALF_EXPONENT
    for k in range(tail.size):
        mantissa, exponent = mantissas[k], exponents[k]
        small = mantissa < SQRT_HALF
        exponent = exponent - 1.0 if small else exponent
        mantissa = mantissa + mantissa if small else mantissa
        s = (mantissa - 1.0) / (mantissa + 1.0)
        log = exponent * LN2 + (s + s) * polynomial_12(LOG_TERMS, s * s)
        r = math.sqrt(-log) - 1.6
        tail[k] = polynomial_8(TAIL_P, r) / polynomial_8(TAIL_Q, r)


@njit(cache=True, nogil=True, error_model="numpy")
def exponential(values):
    """Replace values by their exponentials; those beyond 700 count as 700."""
    powers = np.empty(values.size, np.float64)
    bits = powers.view(np.int64)
    for j in range(values.size):
        x = values[j]
        x = x if x > -LARGEST_EXPONENT else -LARGEST_EXPONENT
        x = x if x < LARGEST_EXPONENT else LARGEST_EXPONENT
        powers[j] = x * LOG2_E + ROUND
        k = powers[j] - ROUND
        values[j] = (x - k * LN2_HIGH) - k * LN2_LOW
    for j in range(values.size):
        bits[j] = (bits[j] + np.int64(1023)) << np.int64(52)
    for j in range(values.size):
        x = values[j]
        value = polynomial_12(EXP_TERMS, x) * x + EXP_TERMS[12]
        values[j] = (value * x + EXP_TERMS[13]) * powers[j]
