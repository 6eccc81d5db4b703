// The numbers of a thread's neurons in float32.
#pragma once

#include "neuron.cuh"
#include "neuron_lanes.cuh"

template <int32 W>
struct Floats {
    float x[W];
};

// Zeros where neurons are missing.
template <int32 W>
DEVICE Floats<W> load_floats(const float* row, const Lanes<W>& lanes) {
    const Pack<float, W> pack = load_lanes(row, lanes);
    Floats<W> floats;
#pragma unroll
    for (int32 w = 0; w < W; w++) floats.x[w] = __uint_as_float(pack.get(w));
    return floats;
}

template <int32 W>
DEVICE void store_floats(float* row, const Lanes<W>& lanes, const Floats<W>& floats) {
    Pack<float, W> pack = {};
#pragma unroll
    for (int32 w = 0; w < W; w++) pack.put(w, __float_as_uint(floats.x[w]));
    store_lanes(row, lanes, pack);
}
