// Derivatives of the surrogates, g(u) with u = v_pre - v_threshold, one rounding per operation. The
// names of the structs are the kinds of SurrogateCoefficients, a, b, c and d its values. All are NaN
// where u is.
#pragma once

#include "prelude.cuh"

// NaN where x is.
DEVICE float smaller(float x, float y) { return y < x ? y : x; }

// exp(-m) for m >= 0, infinity included; 0 for m above 87, where it would need subnormals. Only
// IEEE operations, so that every machine rounds alike; Cephes' polynomial (expf.c).
DEVICE float exp_minus(float m) {
    const float clamped = smaller(m, 87.0f);
    // Adding and taking away 1.5 * 2^23 rounds to the nearest integer; its bits keep the integer.
    const float shifted = clamped * 1.44269504088896341f + 12582912.0f;
    const float n = shifted - 12582912.0f;
    const float x = (n * 0.693359375f - clamped) + n * -2.12194440e-4f;
    float p = 1.9875691500e-4f;
    p = p * x + 1.3981999507e-3f;
    p = p * x + 8.3334519073e-3f;
    p = p * x + 4.1665795894e-2f;
    p = p * x + 1.6666665459e-1f;
    p = p * x + 5.0000001201e-1f;
    p = (p * (x * x) + x) + 1.0f;
    const uint32 bits = (0x4B400000u + 127u - __float_as_uint(shifted)) << 23;
    return m > 87.0f ? 0.0f : p * __uint_as_float(bits);
}

// s (1 - s) with s = 1 / (1 + exp(-m)), m >= 0.
DEVICE float logistic_slope(float m) {
    const float e = exp_minus(m);
    const float t = 1.0f + e;
    return e / (t * t);
}

struct FastSigmoid {
    float a, b, c, d;
    DEVICE float derivative(float u) const {
        const float t = 1.0f + b * fabsf(u);
        return u <= c ? 0.0f : a / (t * t);
    }
};

struct ATan {
    float a, b, c, d;
    DEVICE float derivative(float u) const {
        const float z = b * u;
        return a / (1.0f + z * z);
    }
};

struct Gaussian {
    float a, b, c, d;
    DEVICE float derivative(float u) const {
        const float z = b * (u - c);
        return a * exp_minus(z * z);
    }
};

struct MultiGaussian {
    float a, b, c, d;
    DEVICE float derivative(float u) const {
        const float z = b * u;
        const float left = (z + 0.70710678118654752f) * c, right = (z - 0.70710678118654752f) * c;
        const float flanks = exp_minus(left * left) + exp_minus(right * right);
        return a * exp_minus(z * z) - d * flanks;
    }
};

struct Triangle {
    float a, b, c, d;
    DEVICE float derivative(float u) const {
        const float h = 1.0f - b * fabsf(u);
        return a * (h < 0.0f ? 0.0f : h);
    }
};

struct Sigmoid {
    float a, b, c, d;
    DEVICE float derivative(float u) const { return a * logistic_slope(b * fabsf(u)); }
};

struct StraightThrough {
    float a, b, c, d;
    DEVICE float derivative(float u) const { return u == u ? a : u; }
};

struct Exponential {
    float a, b, c, d;
    DEVICE float derivative(float u) const { return a * exp_minus(b * fabsf(u - c)); }
};

struct PeriodicExponential {
    float a, b, c, d;
    DEVICE float derivative(float u) const {
        const float size = fabsf(u);
        // From 2^24 on every float is a whole number of cycles.
        const float cycles = smaller(b * size, 16777216.0f) + 0.5f;
        const float distance = fabsf(cycles - floorf(cycles) - 0.5f);
        return a * exp_minus(u < 0.0f ? c * size : d * distance);
    }
};

struct Rectangle {
    float a, b, c, d;
    DEVICE float derivative(float u) const {
        const float size = fabsf(u);
        return size < c ? a : size >= c ? b : u;
    }
};

struct Step {
    float a, b, c, d;
    DEVICE float derivative(float u) const { return u > c ? a : u < c ? b : u == c ? d : u; }
};

struct Reciprocal {
    float a, b, c, d;
    DEVICE float derivative(float u) const { return smaller(a / (b + fabsf(u)), c); }
};

struct Circ {
    float a, b, c, d;
    DEVICE float derivative(float u) const {
        const float z = b * u;
        const float q = 1.0f + z * z;
        return a / (q * __fsqrt_rn(q));
    }
};

struct Power {
    float a, b, c, d;
    DEVICE float derivative(float u) const {
        const int32 n = int32(c);
        float t = 1.0f + b * fabsf(u), p = 1.0f;
#pragma unroll
        for (int32 bit = 0; bit < 4; bit++) {
            if (n >> bit & 1) p = p * t;
            t = t * t;
        }
        return a / p;
    }
};

struct S2NN {
    float a, b, c, d;
    DEVICE float derivative(float u) const {
        const float size = fabsf(u);
        return u < 0.0f ? a * logistic_slope(b * size) : c / (1.0f + size);
    }
};

// Any of them; passed by value. `use` is called with the struct, so that it may loop inside: which
// one it is, is asked once.
struct Surrogate {
    float a, b, c, d;
    int32 kind;

    template <class Use>
    DEVICE void choose(Use use) const {
        switch (kind) {
            case 0: return use(FastSigmoid{a, b, c, d});
            case 1: return use(ATan{a, b, c, d});
            case 2: return use(Gaussian{a, b, c, d});
            case 3: return use(MultiGaussian{a, b, c, d});
            case 4: return use(Triangle{a, b, c, d});
            case 5: return use(Sigmoid{a, b, c, d});
            case 6: return use(StraightThrough{a, b, c, d});
            case 7: return use(Exponential{a, b, c, d});
            case 8: return use(PeriodicExponential{a, b, c, d});
            case 9: return use(Rectangle{a, b, c, d});
            case 10: return use(Step{a, b, c, d});
            case 11: return use(Reciprocal{a, b, c, d});
            case 12: return use(Circ{a, b, c, d});
            case 13: return use(Power{a, b, c, d});
            case 14: return use(S2NN{a, b, c, d});
        }
    }
};
