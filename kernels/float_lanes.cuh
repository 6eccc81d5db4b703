// The numbers of a thread's neurons in float32.
#pragma once

#include "neuron.cuh"
#include "neuron_lanes.cuh"

constexpr int32 LANES = 4;  // neurons of a thread: 16 bytes

struct Four {
    float x[LANES];
};

// Zeros where neurons are missing.
DEVICE Four load_four(const float* row, const Lanes<LANES>& lanes) {
    const Pack<float, LANES> pack = load_lanes(row, lanes);
    Four four;
#pragma unroll
    for (int32 w = 0; w < LANES; w++) four.x[w] = __uint_as_float(pack.get(w));
    return four;
}

DEVICE void store_four(float* row, const Lanes<LANES>& lanes, const Four& four) {
    Pack<float, LANES> pack = {};
#pragma unroll
    for (int32 w = 0; w < LANES; w++) pack.put(w, __float_as_uint(four.x[w]));
    store_lanes(row, lanes, pack);
}
