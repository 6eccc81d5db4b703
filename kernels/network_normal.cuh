// Normal deviates and exponentials in double precision, by operations that every IEEE machine
// rounds alike.
#pragma once

#include "prelude.cuh"

// The tail's formula holds down to exp(-25); nothing that 32 bits give lies beyond.
constexpr double LEAST_PROBABILITY = 1.0 / 68719476736.0;
constexpr double LN2 = 0.6931471805599453;
constexpr double SQRT_HALF = 0.7071067811865476;
// ln 2 in two parts: products of the first with whole numbers up to 1024 are exact.
constexpr double LN2_HIGH = 6.93147180369123816490e-01, LN2_LOW = 1.90821492927058770002e-10;
constexpr double LOG2_E = 1.4426950408889634;
constexpr double LARGEST_EXPONENT = 700.0;

template <class... C>
DEVICE double polynomial(double x, double highest, C... coefficients) {
    double value = highest;
    ((value = value * x + coefficients), ...);
    return value;
}

// Natural logarithm of a normal x > 0: exponent, and a series in (m - 1) / (m + 1).
DEVICE double logarithm(double x) {
    const int64 bits = __double_as_longlong(x);
    int32 exponent = int32(bits >> 52 & 0x7ff) - 1022;
    double mantissa =
        __longlong_as_double((bits & 0x000fffffffffffffll) | 0x3fe0000000000000ll);
    if (mantissa < SQRT_HALF) {
        mantissa = mantissa + mantissa;
        exponent -= 1;
    }
    const double s = (mantissa - 1.0) / (mantissa + 1.0);
    const double series = polynomial(
        s * s, 1.0 / 23, 1.0 / 21, 1.0 / 19, 1.0 / 17, 1.0 / 15, 1.0 / 13, 1.0 / 11, 1.0 / 9,
        1.0 / 7, 1.0 / 5, 1.0 / 3, 1.0
    );
    return double(exponent) * LN2 + (s + s) * series;
}

// z with normal probability p below it, p in (0, 1): Wichura (1988), algorithm AS 241, PPND16.
DEVICE double normal_quantile(double p) {
    const double q = p - 0.5;
    if (fabs(q) <= 0.425) {
        const double r = 0.180625 - q * q;
        const double above = polynomial(
            r, 2.5090809287301226727e3, 3.3430575583588128105e4, 6.7265770927008700853e4,
            4.5921953931549871457e4, 1.3731693765509461125e4, 1.9715909503065514427e3,
            1.3314166789178437745e2, 3.3871328727963666080e0
        );
        const double below = polynomial(
            r, 5.2264952788528545610e3, 2.8729085735721942674e4, 3.9307895800092710610e4,
            2.1213794301586595867e4, 5.3941960214247511077e3, 6.8718700749205790830e2,
            4.2313330701600911252e1, 1.0
        );
        return q * above / below;
    }
    double tail = q < 0.0 ? p : 1.0 - p;
    tail = tail > LEAST_PROBABILITY ? tail : LEAST_PROBABILITY;
    const double r = sqrt(-logarithm(tail)) - 1.6;
    const double above = polynomial(
        r, 7.74545014278341407640e-4, 2.27238449892691845833e-2, 2.41780725177450611770e-1,
        1.27045825245236838258e0, 3.64784832476320460504e0, 5.76949722146069140550e0,
        4.63033784615654529590e0, 1.42343711074968357734e0
    );
    const double below = polynomial(
        r, 1.05075007164441684324e-9, 5.47593808499534494600e-4, 1.51986665636164571966e-2,
        1.48103976427480074590e-1, 6.89767334985100004550e-1, 1.67638483018380384940e0,
        2.05319162663775882187e0, 1.0
    );
    const double z = above / below;
    return q < 0.0 ? -z : z;
}

// exp(x), of what lies beyond 700 as if it were 700: 2**k times a Taylor series of a remainder of
// at most ln 2 / 2.
DEVICE double exponential(double x) {
    x = x > -LARGEST_EXPONENT ? x : -LARGEST_EXPONENT;
    x = x < LARGEST_EXPONENT ? x : LARGEST_EXPONENT;
    const int32 k = __double2int_rn(x * LOG2_E);
    const double remainder = (x - k * LN2_HIGH) - k * LN2_LOW;
    const double series = polynomial(
        remainder, 1.0 / 6227020800.0, 1.0 / 479001600.0, 1.0 / 39916800.0, 1.0 / 3628800.0,
        1.0 / 362880.0, 1.0 / 40320.0, 1.0 / 5040.0, 1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0,
        1.0 / 6.0, 0.5, 1.0, 1.0
    );
    return series * __longlong_as_double(int64(k + 1023) << 52);
}
