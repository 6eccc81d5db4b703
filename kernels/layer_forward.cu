// T steps of a layer: a warp takes 32 * LANES neurons of a sample through all steps, their state in
// registers; currents go from the sum into the neuron.
#include "alif.cuh"
#include "cuba_lif.cuh"
#include "lif.cuh"
#include "packed_rows.cuh"

constexpr int32 MOST_WARPS = 4;  // of a block

// Warps that run together have the same neurons of several samples, and so read the same weights.
template <class Neuron>
__global__ void __launch_bounds__(32 * MOST_WARPS, 6) layer_forward(
    const uint32* __restrict__ packed_in,  // [T, B, V]  in
    const float* __restrict__ weights,  // [N, M]  in
    const float* __restrict__ bias,  // [M]  in, optional
    const float* state,  // [S, B, M]  in
    float* final_state,  // [S, B, M]  out
    uint8* __restrict__ spikes,  // [T, B, M]  out, optional
    uint32* __restrict__ packed,  // [T, B, W]  out, optional
    float* __restrict__ checkpoints,  // [Q, S, B, M]  out, optional
    float* __restrict__ currents,  // [T, B, M]  out, optional
    const float* __restrict__ values,  // [C, M]  in, optional
    Uniform uniform,
    int32 interval,
    int32 T,
    int32 B,
    int32 N,
    int32 V,
    int32 M,
    int32 W,
    int32 joined
) {
    __shared__ uint16 lists[MOST_WARPS * CHUNK];
    const int64 warp = thread_index() / 32;
    const int64 tile = warp / B;
    const int64 b = warp - tile * B;
    if (tile * COLUMNS >= M) return;
    const Lanes<LANES> lanes = lanes_of<LANES>(b, tile, M, joined != 0);
    const Lanes<LANES> columns = lanes_of<LANES>(0, tile, M, joined != 0);
    const uint32 present = (1u << lanes.count) - 1u;
    const int64 plane = int64(B) * M;
    const int64 advance = int64(B) * V;

    Neuron neurons[LANES] = {};
    set_neurons(neurons, uniform, values, M, columns);
    load_states<Neuron::STATES>(neurons, state, plane, lanes);
    Own start = {};
    if (bias) start = load_floats(bias, columns);
    const uint32* words = packed_in + b * V;
    Arriving arriving = {
        weights, N, V, M, columns, joined != 0, lists + threadIdx.x / 32 * CHUNK, 0
    };
    arriving.start(words);
    int32 left = 0;  // steps to the next checkpoint
    for (int32 t = 0; t < T; t++) {
        if (checkpoints && left == 0) {
            store_states<Neuron::STATES>(neurons, checkpoints, plane, lanes);
            checkpoints += Neuron::STATES * plane;
            left = interval;
        }
        left--;
        Own current = start;
        arriving.add(current, words, t + 1 < T ? words + advance : nullptr);
        words += advance;
        uint32 fired = 0;
#pragma unroll
        for (int32 w = 0; w < LANES; w++) {
            fired |= uint32(neurons[w].step(current.x[w]).spiked) << w;
        }
        fired &= present;
        if (currents) store_floats(currents + t * plane, lanes, current);
        if (spikes) store_bytes(spikes + t * plane, lanes, fired, joined != 0);
        if (packed) {
            const int64 word = (int64(t) * B + b) * W + tile * LANES;
            store_packed(packed + word, lanes, fired, W - tile * LANES);
        }
    }
    store_states<Neuron::STATES>(neurons, final_state, plane, lanes);
}
