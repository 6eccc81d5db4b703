// The way back through T steps: a thread takes one neuron from the last step to the first.
#include "cuba_lif.cuh"
#include "lif.cuh"
#include "surrogates.cuh"

constexpr int32 AHEAD = 4;  // steps whose loads are under way at once

// Each segment of `interval` steps is run again from its checkpoint. Shared memory keeps, each
// [interval, threads]: v_pre; grad_spikes, fetched on the way forward, where loads do not wait for
// one another; and, if coefficients have gradients, what the gain multiplied.
template <class Neuron, class Surrogate>
__global__ void neuron_backward(
    const float* __restrict__ current,  // [T, B, N]  in
    const float* __restrict__ checkpoints,  // [Q, S, B, N]  in
    const float* __restrict__ grad_spikes,  // [T, B, N]  in
    const float* __restrict__ grad_final_state,  // [S, B, N]  in, optional
    float* __restrict__ grad_current,  // [T, B, N]  out
    float* __restrict__ grad_state,  // [S, B, N]  out
    float* __restrict__ grad_coefficients,  // [C, B, N]  out, optional
    const float* __restrict__ values,  // [C, N]  in, optional
    Uniform uniform,
    Surrogate surrogate,
    int32 detach_reset,
    int32 interval,
    int32 T,
    int32 B,
    int32 N
) {
    extern __shared__ float history[];
    const int64 place = thread_index();
    const int64 plane = int64(B) * N;
    if (place >= plane) return;
    float* v_pre = history + threadIdx.x;
    float* from_spikes = v_pre + interval * blockDim.x;
    float* inputs = from_spikes + interval * blockDim.x;

    Neuron neuron = {};
    neuron.set({uniform, values, N}, int32(place % N));
    typename Neuron::Gradient grad = {};
    if (grad_final_state) grad.load(grad_final_state + place, plane);
    float sums[Neuron::COEFFICIENTS] = {};

    for (int32 q = (T + interval - 1) / interval - 1; q >= 0; q--) {
        const int32 first = q * interval;
        const int32 steps = min(interval, T - first);
        neuron.load(checkpoints + int64(q) * Neuron::STATES * plane + place, plane);
        const float v_first = neuron.membrane.v;
        const int64 origin = first * plane + place;
        uint32 resting = 0;
        for (int32 start = 0; start < steps; start += AHEAD) {
            float arriving[AHEAD], from[AHEAD];
#pragma unroll
            for (int32 a = 0; a < AHEAD; a++) {
                const bool exists = start + a < steps;
                arriving[a] = exists ? current[origin + (start + a) * plane] : 0.0f;
                from[a] = exists ? grad_spikes[origin + (start + a) * plane] : 0.0f;
            }
#pragma unroll
            for (int32 a = 0; a < AHEAD; a++) {
                const int32 k = start + a;
                if (k >= steps) break;
                if (grad_coefficients) inputs[k * blockDim.x] = neuron.driver(arriving[a]);
                const Outcome done = neuron.step(arriving[a]);
                v_pre[k * blockDim.x] = done.v_pre;
                from_spikes[k * blockDim.x] = from[a];
                resting |= uint32(done.resting) << k;
            }
        }
#pragma unroll 1
        for (int32 k = steps - 1; k >= 0; k--) {
            const Outcome done =
                neuron.membrane.outcome(v_pre[k * blockDim.x], resting >> k & 1);
            const float derivative =
                surrogate.derivative(done.v_pre - neuron.membrane.v_threshold);
            const Parts parts = neuron.membrane.back(
                grad.v, done, from_spikes[k * blockDim.x], derivative, detach_reset != 0
            );
            const float to_current = neuron.back(grad, parts);
            grad_current[origin + k * plane] = to_current;
            if (grad_coefficients) {
                float v = v_first;
                if (k > 0) {
                    v = neuron.membrane.after(neuron.membrane.outcome(
                        v_pre[(k - 1) * blockDim.x], resting >> (k - 1) & 1
                    ));
                }
                neuron.add(sums, parts, v, inputs[k * blockDim.x], to_current);
            }
        }
    }
    grad.store(grad_state + place, plane);
    if (grad_coefficients) {
#pragma unroll
        for (int32 c = 0; c < Neuron::COEFFICIENTS; c++) {
            grad_coefficients[c * plane + place] = sums[c];
        }
    }
}
