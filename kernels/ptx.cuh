// What CUDA C++ has no operator for; under the test harness tests/ptx_on_cpu.cuh stands in its
// place.
#pragma once

#include "prelude.cuh"

// Ask for a line of memory to be in the L2 cache soon.
DEVICE void prefetch(const void* from) {
    asm volatile("prefetch.global.L2 [%0];" : : "l"(__cvta_generic_to_global(from)));
}

DEVICE float half_to_float(uint16 bits) {
    float x;
    asm("cvt.f32.f16 %0, %1;" : "=f"(x) : "h"(bits));
    return x;
}

// To the nearest, ties to even.
DEVICE uint16 float_to_half(float x) {
    uint16 bits;
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(bits) : "f"(x));
    return bits;
}
