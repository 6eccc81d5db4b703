// The way back through T steps of neurons that feed one another: a block takes a sample from the
// last step to the first.
#include "alif.cuh"
#include "cuba_lif.cuh"
#include "lif.cuh"
#include "recurrent.cuh"
#include "surrogates.cuh"
#include "weight_sums.cuh"

// Passed by value.
struct Sizes {
    int32 interval, T, B, N, W;
    int32 joined;
};

struct Arrays {
    const float *current, *weights;
    const uint8* spikes_before;
    const uint32* packed;
    const float *checkpoints, *grad_spikes, *grad_final_state;
    float *grad_current, *grad_weights, *grad_spikes_before, *grad_state, *grad_coefficients;
    float* history;
    const float *transposed, *values;
};

// Add up grad [m] * transposed[m, :], ascending in m, with one rounding for each product and sum.
DEVICE Own through_weights(
    const float* grad, const float* __restrict__ transposed, int32 N, const Lanes<LANES>& columns
) {
    Own total = {};
#pragma unroll 1
    for (int32 first = 0; first < N; first += AT_ONCE) {
        Own terms[AT_ONCE] = {};
#pragma unroll
        for (int32 k = 0; k < AT_ONCE; k++) {
            if (first + k < N) terms[k] = load_floats(transposed + int64(first + k) * N, columns);
        }
#pragma unroll
        for (int32 k = 0; k < AT_ONCE; k++) {
            if (first + k >= N) break;
            const float g = grad[first + k];
#pragma unroll
            for (int32 w = 0; w < LANES; w++) total.x[w] += g * terms[k].x[w];
        }
    }
    return total;
}

// Add a step's gradients of the coefficients to `sums`, which lie `plane` apart: registers are
// dearer here than memory.
template <class Neuron, class Way>
DEVICE void add_to(
    float* sums, int64 plane, const Neuron& neuron, const float* kept, const Way& way
) {
    float own[Neuron::COEFFICIENTS];
#pragma unroll
    for (int32 c = 0; c < Neuron::COEFFICIENTS; c++) own[c] = sums[c * plane];
    neuron.add(own, kept, way);
#pragma unroll
    for (int32 c = 0; c < Neuron::COEFFICIENTS; c++) sums[c * plane] = own[c];
}

// Each segment of `interval` steps is run again from its checkpoint, which leaves in `history` what
// the neuron keeps of a step; each thread reads there what it wrote. Then it goes back.
template <class Neuron>
struct ToCurrent {
    static DEVICE void run(
        const Arrays& arrays, const Uniform& uniform, const Surrogate& surrogate, bool detach_reset,
        const Sizes& sizes
    ) {
        __shared__ FiredList list;
        __shared__ float to_currents[MOST_NEURONS];
        const bool joined = sizes.joined != 0;
        const int32 N = sizes.N, W = sizes.W;
        const int64 b = blockIdx.x;
        const int32 warp = threadIdx.x / 32;
        const Lanes<LANES> lanes = lanes_of<LANES>(b, warp, N, joined);
        const Lanes<LANES> columns = lanes_of<LANES>(0, warp, N, joined);
        const int64 plane = int64(sizes.B) * N;

        Neuron neurons[LANES] = {};
        set_neurons(neurons, uniform, arrays.values, N, columns);
        typename Neuron::Gradient grads[LANES] = {};
        if (arrays.grad_final_state) {
            load_states<Neuron::STATES>(grads, arrays.grad_final_state, plane, lanes);
        }
        const bool adds = arrays.grad_coefficients != nullptr;
        const int32 keeps = adds ? Neuron::KEPT_ALL : Neuron::KEPT;
        for (int32 c = 0; adds && c < Neuron::COEFFICIENTS; c++) {
            store_floats(arrays.grad_coefficients + c * plane, lanes, {});
        }
        Own from_next = {};
        for (int32 q = (sizes.T - 1) / sizes.interval; q >= 0; q--) {
            const int64 first = int64(q) * sizes.interval;
            const int32 steps = min(sizes.interval, sizes.T - int32(first));
            load_states<Neuron::STATES>(
                neurons, arrays.checkpoints + int64(q) * Neuron::STATES * plane, plane, lanes
            );
            uint32 resting[LANES] = {};
#pragma unroll 1
            for (int32 k = 0; k < steps; k++) {
                const int64 t = first + k;
                Own total = load_floats(arrays.current + t * plane, lanes);
                const Words words =
                    t > 0 ? load_fired(arrays.packed + ((t - 1) * sizes.B + b) * W, W, N)
                          : load_before(arrays.spikes_before, lanes, joined);
                const int32 found = list_fired(words, list);
                add_fired(total, arrays.weights, N, list, found, columns, joined);
                Own rows[Neuron::KEPT_ALL];
#pragma unroll
                for (int32 w = 0; w < LANES; w++) {
                    float own[Neuron::KEPT_ALL];
                    const Outcome done = neurons[w].keep(total.x[w], own);
                    resting[w] |= uint32(done.resting) << k;
#pragma unroll
                    for (int32 r = 0; r < Neuron::KEPT_ALL; r++) rows[r].x[w] = own[r];
                }
#pragma unroll
                for (int32 r = 0; r < Neuron::KEPT_ALL; r++) {
                    if (r >= keeps) break;
                    store_floats(arrays.history + (int64(k) * keeps + r) * plane, lanes, rows[r]);
                }
            }
#pragma unroll 1
            for (int32 k = steps - 1; k >= 0; k--) {
                const int64 t = first + k;
                Own grad_spike = load_floats(arrays.grad_spikes + t * plane, lanes);
                float own[LANES][Neuron::KEPT_ALL] = {}, derivatives[LANES];
#pragma unroll
                for (int32 r = 0; r < Neuron::KEPT_ALL; r++) {
                    if (r >= keeps) break;
                    const Own row =
                        load_floats(arrays.history + (int64(k) * keeps + r) * plane, lanes);
#pragma unroll
                    for (int32 w = 0; w < LANES; w++) own[w][r] = row.x[w];
                }
                surrogate.choose([&](auto chosen) {
#pragma unroll
                    for (int32 w = 0; w < LANES; w++) {
                        derivatives[w] = chosen.derivative(neurons[w].distance(own[w]));
                    }
                });
                Own to_current;
#pragma unroll
                for (int32 w = 0; w < LANES; w++) {
                    const auto way = neurons[w].back(
                        grads[w], own[w], resting[w] >> k & 1u, grad_spike.x[w] + from_next.x[w],
                        derivatives[w], detach_reset
                    );
                    to_current.x[w] = way.current;
                    if (w >= lanes.count) continue;
                    to_currents[columns.at(w)] = way.current;
                    if (adds) {
                        float* sums = arrays.grad_coefficients + lanes.at(w);
                        add_to(sums, plane, neurons[w], own[w], way);
                    }
                }
                store_floats(arrays.grad_current + t * plane, lanes, to_current);
                __syncthreads();
                from_next = through_weights(to_currents, arrays.transposed, N, columns);
                __syncthreads();
            }
        }
        store_floats(arrays.grad_spikes_before, lanes, from_next);
        store_states<Neuron::STATES>(grads, arrays.grad_state, plane, lanes);
    }
};

struct ToWeights {
    static DEVICE void run(
        const Arrays& arrays, const Uniform&, const Surrogate&, bool, const Sizes& sizes
    ) {
        const Fired fired = {arrays.packed, arrays.spikes_before, sizes.B, sizes.N, sizes.W};
        sum_weights(
            fired, arrays.grad_current, arrays.grad_weights, nullptr, sizes.T, sizes.N, false,
            sizes.joined != 0
        );
    }
};

// Part is ToCurrent<Neuron>, which writes all but grad_weights; or ToWeights, which makes these of
// grad_current.
template <class Part>
__global__ void __launch_bounds__(MOST_THREADS, 1) recurrent_backward(
    const float* __restrict__ current,  // [T, B, N]  in
    const float* __restrict__ weights,  // [N, N]  in
    const uint8* __restrict__ spikes_before,  // [B, N]  in
    const uint32* __restrict__ packed,  // [T, B, W]  in
    const float* __restrict__ checkpoints,  // [Q, S, B, N]  in
    const float* __restrict__ grad_spikes,  // [T, B, N]  in
    const float* __restrict__ grad_final_state,  // [S, B, N]  in, optional
    float* grad_current,  // [T, B, N]  out
    float* __restrict__ grad_weights,  // [N, N]  out, optional
    float* __restrict__ grad_spikes_before,  // [B, N]  out
    float* __restrict__ grad_state,  // [S, B, N]  out
    float* __restrict__ grad_coefficients,  // [C, B, N]  out, optional
    float* history,  // [interval, what is kept of a step, B, N]  for work
    const float* __restrict__ transposed,  // [N, N]  in: weights from column to row
    const float* __restrict__ values,  // [C, N]  in, optional
    Uniform uniform,
    Surrogate surrogate,
    int32 detach_reset,
    Sizes sizes
) {
    const Arrays arrays = {
        current, weights, spikes_before, packed, checkpoints, grad_spikes, grad_final_state,
        grad_current, grad_weights, grad_spikes_before, grad_state, grad_coefficients,
        history, transposed, values
    };
    Part::run(arrays, uniform, surrogate, detach_reset != 0, sizes);
}
