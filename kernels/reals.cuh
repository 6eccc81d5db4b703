// Real numbers of 16 or 32 bits in memory; every arithmetic is float32.
#pragma once

#include "ptx.cuh"

// Either of the two formats of 16 bits. Which one, a kernel is told when it is called (`brain`:
// bfloat16, else float16): it waits for memory, not for that question.
struct Half {
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

// To the nearest, ties to even; what is no number stays so.
DEVICE uint32 float_to_brain(float x) {
    const uint32 bits = __float_as_uint(x);
    return x == x ? (bits + 0x7fffu + (bits >> 16 & 1u)) >> 16 : bits >> 16 | 0x40u;
}

// The numbers of a pack.
template <int32 W>
DEVICE void widen(float (&x)[W], const Pack<float, W>& pack, bool = false) {
#pragma unroll
    for (int32 w = 0; w < W; w++) x[w] = __uint_as_float(pack.get(w));
}

template <int32 W>
DEVICE void widen(float (&x)[W], const Pack<Half, W>& pack, bool brain) {
#pragma unroll
    for (int32 w = 0; w < W; w++) {
        x[w] = brain ? __uint_as_float(pack.get(w) << 16) : half_to_float(uint16(pack.get(w)));
    }
}

template <int32 W>
DEVICE void narrow(Pack<float, W>& pack, const float (&x)[W], bool = false) {
    pack = {};
#pragma unroll
    for (int32 w = 0; w < W; w++) pack.put(w, __float_as_uint(x[w]));
}

template <int32 W>
DEVICE void narrow(Pack<Half, W>& pack, const float (&x)[W], bool brain) {
    pack = {};
#pragma unroll
    for (int32 w = 0; w < W; w++) {
        pack.put(w, brain ? float_to_brain(x[w]) : uint32(float_to_half(x[w])));
    }
}
