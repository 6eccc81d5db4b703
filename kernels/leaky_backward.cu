// The way back through T steps of leaky integrators: a thread takes four from the last step to the
// first.
#include "float_lanes.cuh"
#include "li.cuh"

constexpr int32 LANES = 4;  // of a thread: 16 bytes
using Own = Floats<LANES>;

constexpr int32 AHEAD = 4;  // steps whose loads are under way at once

__global__ void leaky_backward(
    const float* __restrict__ current,  // [T, B, N]  in, optional
    const float* __restrict__ membrane,  // [T, B, N]  in, optional
    const float* __restrict__ state,  // [S, B, N]  in, optional
    const float* __restrict__ grad_membrane,  // [T, B, N]  in
    const float* __restrict__ grad_final_state,  // [S, B, N]  in, optional
    float* __restrict__ grad_current,  // [T, B, N]  out
    float* __restrict__ grad_state,  // [S, B, N]  out
    float* __restrict__ grad_coefficients,  // [C, B, N]  out, optional
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
    Own grad_v = {}, sums[LI::COEFFICIENTS] = {};
    if (grad_final_state) grad_v = load_floats(grad_final_state, lanes);
    for (int32 last = T - 1; last >= 0; last -= AHEAD) {
        Own from[AHEAD] = {}, inputs[AHEAD] = {}, before[AHEAD] = {};
#pragma unroll
        for (int32 k = 0; k < AHEAD; k++) {
            const int64 t = last - k;
            if (t < 0) break;
            from[k] = load_floats(grad_membrane + t * plane, lanes);
            if (grad_coefficients) {
                inputs[k] = load_floats(current + t * plane, lanes);
                before[k] = load_floats(t > 0 ? membrane + (t - 1) * plane : state, lanes);
            }
        }
#pragma unroll
        for (int32 k = 0; k < AHEAD; k++) {
            const int64 t = last - k;
            if (t < 0) break;
            Own to_current;
#pragma unroll
            for (int32 w = 0; w < LANES; w++) {
                const float total = from[k].x[w] + grad_v.x[w];
                to_current.x[w] = integrators[w].gain * total;
                grad_v.x[w] = cut(integrators[w].decay * total);
                sums[0].x[w] += total * before[k].x[w];
                sums[1].x[w] += total * inputs[k].x[w];
                sums[2].x[w] += total;
            }
            store_floats(grad_current + t * plane, lanes, to_current);
        }
    }
    store_floats(grad_state, lanes, grad_v);
    if (grad_coefficients) {
#pragma unroll
        for (int32 c = 0; c < LI::COEFFICIENTS; c++) {
            store_floats(grad_coefficients + c * plane, lanes, sums[c]);
        }
    }
}
