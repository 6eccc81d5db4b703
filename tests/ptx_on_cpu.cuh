// The meaning of the functions of kernels/ptx.cuh, for the harness.
#pragma once

#include "prelude.cuh"

// Reads the byte, so that a line that does not exist is an error under AddressSanitizer.
inline void prefetch(const void* from) { (void)*static_cast<const volatile uint8*>(from); }

inline float half_to_float(uint16 bits) {
    const int exponent = bits >> 10 & 31, fraction = bits & 1023;
    float size;
    if (exponent == 31) {
        size = fraction ? __uint_as_float(0x7fc00000u) : HUGE_VALF;
    } else if (exponent == 0) {
        size = std::ldexp(float(fraction), -24);
    } else {
        size = std::ldexp(float(fraction + 1024), exponent - 25);
    }
    return bits >> 15 ? -size : size;
}

inline uint16 float_to_half(float x) {
    const uint16 sign = std::signbit(x) ? 0x8000 : 0;
    const float size = std::fabs(x);
    if (std::isnan(x)) return 0x7fff;
    if (size >= 65520.0f) return sign | 0x7c00;
    if (size < 6.103515625e-05f) return sign | uint16(std::nearbyint(std::ldexp(size, 24)));
    int exponent;
    const float mantissa = std::frexp(size, &exponent);  // 0.5 to 1
    const int fraction = int(std::nearbyint(std::ldexp(mantissa, 11)));  // 1024 to 2048
    return sign | uint16((exponent + 14) * 1024 + fraction - 1024);
}
