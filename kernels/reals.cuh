// Real numbers of 16 or 32 bits in memory; every arithmetic is float32.
#pragma once

#include "ptx.cuh"

struct Float16 {
    uint16 bits;
};

struct BFloat16 {
    uint16 bits;
};

// Numbers of type T of a thread, as they lie in memory: not looked at before they are needed, so
// that a load can be under way while a thread computes.
template <class T, int32 W>
struct Pack {
    static constexpr int32 EACH = 4 / sizeof(T);  // in a word
    static constexpr int32 BITS = 8 * sizeof(T);
    static constexpr int32 WORDS = W / EACH;
    uint32 words[WORDS];

    DEVICE uint32 get(int32 w) const {
        const uint32 shifted = words[w / EACH] >> w % EACH * BITS;
        return EACH == 1 ? shifted : shifted & ((1u << BITS % 32) - 1u);
    }

    // Of a pack that began as zeros.
    DEVICE void put(int32 w, uint32 bits) { words[w / EACH] |= bits << w % EACH * BITS; }
};

DEVICE float widen(const float*, uint32 bits) { return __uint_as_float(bits); }

DEVICE float widen(const Float16*, uint32 bits) { return half_to_float(uint16(bits)); }

DEVICE float widen(const BFloat16*, uint32 bits) { return __uint_as_float(bits << 16); }

DEVICE uint32 narrow(const float*, float x) { return __float_as_uint(x); }

DEVICE uint32 narrow(const Float16*, float x) { return float_to_half(x); }

// To the nearest, ties to even; what is no number stays so.
DEVICE uint32 narrow(const BFloat16*, float x) {
    const uint32 bits = __float_as_uint(x);
    return x == x ? (bits + 0x7fffu + (bits >> 16 & 1u)) >> 16 : bits >> 16 | 0x40u;
}

// Number w of a pack of reals.
template <class Real, int32 W>
DEVICE float real(const Pack<Real, W>& pack, int32 w) {
    return widen(static_cast<const Real*>(nullptr), pack.get(w));
}

template <class Real, int32 W>
DEVICE Pack<Real, W> reals(const float (&x)[W]) {
    Pack<Real, W> pack = {};
#pragma unroll
    for (int32 w = 0; w < W; w++) pack.put(w, narrow(static_cast<const Real*>(nullptr), x[w]));
    return pack;
}
