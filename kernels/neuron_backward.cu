// The way back through T steps: a thread takes four neurons from the last step to the first.
#include "alif.cuh"
#include "cuba_lif.cuh"
#include "lif.cuh"
#include "neuron_lanes.cuh"
#include "norse.cuh"
#include "snntorch.cuh"
#include "spikingjelly.cuh"
#include "surrogates.cuh"

constexpr int32 AHEAD = 4;  // steps whose numbers are under way to registers at once
constexpr int32 LANES = 4;  // of 16 bits too: more would leave too few registers

// A thread's numbers of the steps of a segment, in shared memory.
template <int32 W>
struct History {
    float4* own;
    int32 interval;

    DEVICE float4* at(int32 row, int32 k) const {
        return own + (row * interval + k) * (W / 4) * int32(blockDim.x);
    }

    DEVICE void put(int32 row, int32 k, const float (&x)[W]) const {
#pragma unroll
        for (int32 w = 0; w < W; w += 4) {
            at(row, k)[w / 4 * int32(blockDim.x)] = make_float4(x[w], x[w + 1], x[w + 2], x[w + 3]);
        }
    }

    DEVICE void get(int32 row, int32 k, float (&x)[W]) const {
#pragma unroll
        for (int32 w = 0; w < W; w += 4) {
            const float4 four = at(row, k)[w / 4 * int32(blockDim.x)];
            x[w] = four.x;
            x[w + 1] = four.y;
            x[w + 2] = four.z;
            x[w + 3] = four.w;
        }
    }
};

// Each segment of `interval` steps is run again from its checkpoint, which leaves in shared memory,
// each [interval, threads, LANES]: the surrogate's derivative, and what the neuron keeps of a step.
// Then it goes back. While the one half computes, what the other half reads is on its way to the L2
// cache, and the first of it to registers.
template <class Neuron, class Real>
__global__ void neuron_backward(
    const Real* __restrict__ current,  // [A, B, N]  in
    const float* __restrict__ checkpoints,  // [Q, S, B, N]  in
    const Real* grad_spikes,  // [T, B, N]  in
    const float* __restrict__ grad_final_state,  // [S, B, N]  in, optional
    Real* grad_current,  // [A, B, N]  out
    float* __restrict__ grad_state,  // [S, B, N]  out
    float* __restrict__ grad_coefficients,  // [C, B, N]  out, optional
    const float* __restrict__ values,  // [C, N]  in, optional
    Uniform uniform,
    Surrogate surrogate,
    int32 brain,
    int32 detach_reset,
    int32 interval,
    int32 T,
    int64 advance,  // from a step's input to the next: B N, or 0 for the same in all steps
    int64 plane,
    int32 N,
    int32 joined
) {
    extern __shared__ float4 history[];
    const History<LANES> kept = {history + threadIdx.x, interval};
    const Lanes<LANES> lanes = lanes_of<LANES>(0, thread_index() / 32, plane, joined != 0);
    if (lanes.count == 0) return;

    Neuron neurons[LANES] = {};
    set_neurons(neurons, uniform, values, N, lanes);
    typename Neuron::Gradient grads[LANES] = {};
    if (grad_final_state) load_states<Neuron::STATES>(grads, grad_final_state, plane, lanes);
    float sums[LANES][Neuron::COEFFICIENTS] = {};
    float total[LANES] = {};  // over steps, where the input is the same in all

    const int32 keeps = grad_coefficients ? Neuron::KEPT_ALL : Neuron::KEPT;
    int32 q = (T + interval - 1) / interval - 1;
    Pack<Real, LANES> inputs[AHEAD] = {}, from_spikes[AHEAD] = {};
    if (q >= 0) {
        load_states<Neuron::STATES>(
            neurons, checkpoints + int64(q) * Neuron::STATES * plane, plane, lanes
        );
#pragma unroll
        for (int32 k = 0; k < AHEAD; k++) {
            const int32 t = q * interval + k;
            if (t < T || !advance) inputs[k] = load_lanes(current + t * advance, lanes);
        }
    }
    for (; q >= 0; q--) {
        const int32 first = q * interval;
        const int32 steps = min(interval, T - first);
#pragma unroll
        for (int32 k = 0; k < AHEAD; k++) {
            const int64 t = first + steps - 1 - k;
            if (k < steps) from_spikes[k] = load_lanes(grad_spikes + t * plane, lanes);
        }
        for (int32 k = 0; k < steps - AHEAD; k++) {
            prefetch(grad_spikes + (first + k) * plane + lanes.share);
        }
        uint32 resting[LANES] = {};
        for (int32 start = 0; start < steps; start += AHEAD) {
#pragma unroll
            for (int32 a = 0; a < AHEAD; a++) {
                const int32 k = start + a;
                if (k >= steps) break;
                float now[LANES];
                widen(now, inputs[a], brain != 0);
                if (advance && k + AHEAD < steps) {
                    inputs[a] = load_lanes(current + int64(first + k + AHEAD) * advance, lanes);
                }
                float rows[Neuron::KEPT_ALL][LANES], distances[LANES];
#pragma unroll
                for (int32 w = 0; w < LANES; w++) {
                    float own[Neuron::KEPT_ALL];
                    const Outcome done = neurons[w].keep(now[w], own);
                    distances[w] = neurons[w].distance(own);
                    resting[w] |= uint32(done.resting) << k;
#pragma unroll
                    for (int32 r = 0; r < Neuron::KEPT_ALL; r++) rows[r][w] = own[r];
                }
                kept.put(0, k, distances);
#pragma unroll
                for (int32 r = 0; r < Neuron::KEPT_ALL; r++) {
                    if (r < keeps) kept.put(1 + r, k, rows[r]);
                }
            }
        }
        if (q > 0) {
            load_states<Neuron::STATES>(
                neurons, checkpoints + int64(q - 1) * Neuron::STATES * plane, plane, lanes
            );
#pragma unroll
            for (int32 k = 0; k < AHEAD; k++) {
                const int64 t = first - interval + k;
                if (advance && k < interval) inputs[k] = load_lanes(current + t * advance, lanes);
            }
            for (int32 k = AHEAD; k < interval && advance; k++) {
                prefetch(current + (first - interval + k) * advance + lanes.share);
            }
        }
        surrogate.choose([&](auto chosen) {
#pragma unroll 1
            for (int32 k = 0; k < steps; k++) {
                float u[LANES];
                kept.get(0, k, u);
#pragma unroll
                for (int32 w = 0; w < LANES; w++) u[w] = chosen.derivative(u[w]);
                kept.put(0, k, u);
            }
        });
        for (int32 start = 0; start < steps; start += AHEAD) {
#pragma unroll
            for (int32 a = 0; a < AHEAD; a++) {
                const int32 k = steps - 1 - start - a;
                if (k < 0) break;
                float from[LANES];
                widen(from, from_spikes[a], brain != 0);
                if (k >= AHEAD) {
                    from_spikes[a] =
                        load_lanes(grad_spikes + int64(first + k - AHEAD) * plane, lanes);
                }
                float rows[Neuron::KEPT_ALL][LANES] = {}, derivatives[LANES], to_current[LANES];
                kept.get(0, k, derivatives);
#pragma unroll
                for (int32 r = 0; r < Neuron::KEPT_ALL; r++) {
                    if (r < keeps) kept.get(1 + r, k, rows[r]);
                }
#pragma unroll
                for (int32 w = 0; w < LANES; w++) {
                    float own[Neuron::KEPT_ALL];
#pragma unroll
                    for (int32 r = 0; r < Neuron::KEPT_ALL; r++) own[r] = rows[r][w];
                    const auto way = neurons[w].back(
                        grads[w], own, resting[w] >> k & 1u, from[w], derivatives[w],
                        detach_reset != 0
                    );
                    to_current[w] = way.current;
                    total[w] += way.current;
                    if (grad_coefficients) neurons[w].add(sums[w], own, way);
                }
                if (advance) {
                    Pack<Real, LANES> pack;
                    narrow(pack, to_current, brain != 0);
                    store_lanes(grad_current + int64(first + k) * advance, lanes, pack);
                }
            }
        }
    }
    if (!advance) {
        Pack<Real, LANES> pack;
        narrow(pack, total, brain != 0);
        store_lanes(grad_current, lanes, pack);
    }
    store_states<Neuron::STATES>(grads, grad_state, plane, lanes);
    if (grad_coefficients) {
#pragma unroll
        for (int32 c = 0; c < Neuron::COEFFICIENTS; c++) {
            float row[LANES];
            Pack<float, LANES> pack;
#pragma unroll
            for (int32 w = 0; w < LANES; w++) row[w] = sums[w][c];
            narrow(pack, row);
            store_lanes(grad_coefficients + c * plane, lanes, pack);
        }
    }
}
