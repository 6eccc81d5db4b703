// T steps of neurons that feed one another: a block takes a sample through all steps, the states of
// its neurons in registers.
#include "alif.cuh"
#include "cuba_lif.cuh"
#include "lif.cuh"
#include "recurrent.cuh"

template <class Neuron>
__global__ void __launch_bounds__(MOST_THREADS, 1) recurrent_forward(
    const float* __restrict__ current,  // [T, B, N]  in
    const float* __restrict__ weights,  // [N, N]  in
    const uint8* __restrict__ spikes_before,  // [B, N]  in
    const float* state,  // [S, B, N]  in
    float* final_state,  // [S, B, N]  out
    uint8* __restrict__ spikes,  // [T, B, N]  out, optional
    uint32* __restrict__ packed,  // [T, B, W]  out, optional
    float* __restrict__ checkpoints,  // [Q, S, B, N]  out, optional
    const float* __restrict__ values,  // [C, N]  in, optional
    Uniform uniform,
    int32 interval,
    int32 T,
    int32 N,
    int32 W,
    int32 joined
) {
    __shared__ FiredList list;
    const int32 warp = threadIdx.x / 32;
    const Lanes<LANES> lanes = lanes_of<LANES>(blockIdx.x, warp, N, joined != 0);
    const Lanes<LANES> columns = lanes_of<LANES>(0, warp, N, joined != 0);
    const uint32 present = (1u << lanes.count) - 1u;
    const int64 plane = int64(gridDim.x) * N;
    Neuron neurons[LANES] = {};
    set_neurons(neurons, uniform, values, N, columns);
    load_states<Neuron::STATES>(neurons, state, plane, lanes);
    Own next = {};
    if (T > 0) next = load_floats(current, lanes);
    int32 found = list_fired(load_before(spikes_before, lanes, joined != 0), list);
    int32 left = 0;  // steps to the next checkpoint
    for (int32 t = 0; t < T; t++) {
        if (checkpoints && left == 0) {
            store_states<Neuron::STATES>(neurons, checkpoints, plane, lanes);
            checkpoints += Neuron::STATES * plane;
            left = interval;
        }
        left--;
        Own total = next;
        if (t + 1 < T) next = load_floats(current + int64(t + 1) * plane, lanes);
        add_fired(total, weights, N, list, found, columns, joined != 0);
        uint32 fired = 0;
#pragma unroll
        for (int32 w = 0; w < LANES; w++) {
            fired |= uint32(neurons[w].step(total.x[w]).spiked) << w;
        }
        fired &= present;
        if (spikes) store_bytes(spikes + t * plane, lanes, fired, joined != 0);
        const Words words = to_words(fired, joined != 0);
        if (packed) store_words_of(packed + (int64(t) * gridDim.x + blockIdx.x) * W, W, words);
        found = list_fired(words, list);
    }
    store_states<Neuron::STATES>(neurons, final_state, plane, lanes);
}
