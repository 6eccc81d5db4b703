// T steps of leaky integrators: a thread takes four of them through all steps.
#include "float_lanes.cuh"
#include "li.cuh"

constexpr int32 LANES = 4;  // of a thread: 16 bytes
using Own = Floats<LANES>;

constexpr int32 AHEAD = 8;  // inputs under way while as many steps are computed

__global__ void leaky_forward(
    const float* __restrict__ current,  // [T, B, N]  in
    const float* state,  // [S, B, N]  in
    float* __restrict__ membrane,  // [T, B, N]  out
    float* final_state,  // [S, B, N]  out
    const float* __restrict__ values,  // [C, N]  in, optional
    Uniform uniform,
    int32 T,
    int64 plane,
    int32 N,
    int32 joined
) {
    const Lanes<LANES> lanes = lanes_of<LANES>(0, thread_index() / 32, plane, joined != 0);
    if (lanes.count == 0) return;
    LI integrators[LANES] = {};
    set_neurons(integrators, uniform, values, N, lanes);
    Own v = load_floats(state, lanes);
    Own next[AHEAD] = {};
#pragma unroll
    for (int32 k = 0; k < AHEAD; k++) {
        if (k < T) next[k] = load_floats(current + k * plane, lanes);
    }
    for (int32 first = 0; first < T; first += AHEAD) {
#pragma unroll
        for (int32 k = 0; k < AHEAD; k++) {
            const int32 t = first + k;
            if (t >= T) break;
            const Own now = next[k];
            if (t + AHEAD < T) next[k] = load_floats(current + int64(t + AHEAD) * plane, lanes);
#pragma unroll
            for (int32 w = 0; w < LANES; w++) {
                v.x[w] = integrators[w].step(v.x[w], now.x[w]);
            }
            store_floats(membrane + int64(t) * plane, lanes, v);
        }
    }
    store_floats(final_state, lanes, v);
}
