// The way back through T steps of a layer: to the currents, and from these to the weights.
#include "alif.cuh"
#include "cuba_lif.cuh"
#include "lif.cuh"
#include "surrogates.cuh"
#include "weight_sums.cuh"

constexpr int32 OF_LISTS = CHUNK * int32(sizeof(uint16)) / 32 / 8;  // float2 per thread

// Passed by value.
struct Sizes {
    int32 interval, T, B, N, V, M;
    int32 joined;
    int32 resume;  // whether later steps have left sums and a gradient of the state
};

struct Arrays {
    const uint32* packed_in;
    const float *weights, *bias, *checkpoints, *currents, *grad_spikes, *grad_final_state;
    float *grad_weights, *grad_bias, *grad_spikes_in, *grad_state, *grad_coefficients;
    float* grad_current;
    const float* values;
};

// A warp takes 32 * LANES neurons of a sample. Each segment of `interval` steps is run again from
// its checkpoint, which leaves in shared memory, each [interval, threads]: the surrogate's
// derivative, and what the neuron keeps of a step. Then it goes back.
template <class Neuron>
struct ToCurrents {
    static DEVICE void run(
        const Arrays& arrays, const Uniform& uniform, const Surrogate& surrogate, bool detach_reset,
        const Sizes& sizes
    ) {
        extern __shared__ float2 shared[];
        float2* history = shared + OF_LISTS * int32(blockDim.x) + threadIdx.x;
        const auto kept = [=](int32 row, int32 k) -> float2& {
            return history[(row * sizes.interval + k) * int32(blockDim.x)];
        };
        const int32 B = sizes.B, V = sizes.V, M = sizes.M;
        const bool joined = sizes.joined != 0;
        const int64 warp = thread_index() / 32;
        const int64 tile = warp / B;
        const int64 b = warp - tile * B;
        if (tile * COLUMNS >= M) return;
        const Lanes<LANES> lanes = lanes_of<LANES>(b, tile, M, joined);
        const Lanes<LANES> columns = lanes_of<LANES>(0, tile, M, joined);
        const int64 plane = int64(B) * M;
        const int64 advance = int64(B) * V;

        Neuron neurons[LANES] = {};
        set_neurons(neurons, uniform, arrays.values, M, columns);
        typename Neuron::Gradient grads[LANES] = {};
        const float* from = sizes.resume ? arrays.grad_state : arrays.grad_final_state;
        if (from) load_states<Neuron::STATES>(grads, from, plane, lanes);
        const bool adds = arrays.grad_coefficients != nullptr;
        float sums[LANES][Neuron::COEFFICIENTS] = {};
        if (adds && sizes.resume) {
#pragma unroll
            for (int32 c = 0; c < Neuron::COEFFICIENTS; c++) {
                const Own row = load_floats(arrays.grad_coefficients + c * plane, lanes);
#pragma unroll
                for (int32 w = 0; w < LANES; w++) sums[w][c] = row.x[w];
            }
        }
        Own begin = {};
        if (arrays.bias) begin = load_floats(arrays.bias, columns);
        uint16* lists = reinterpret_cast<uint16*>(shared);
        Arriving arriving = {
            arrays.weights, sizes.N, V, M, columns, joined, lists + threadIdx.x / 32 * CHUNK, 0
        };

        const int32 keeps = adds ? Neuron::KEPT_ALL : Neuron::KEPT;
        for (int32 q = (sizes.T - 1) / sizes.interval; q >= 0; q--) {
            const int64 first = int64(q) * sizes.interval;
            const int32 steps = min(sizes.interval, sizes.T - int32(first));
            load_states<Neuron::STATES>(
                neurons, arrays.checkpoints + int64(q) * Neuron::STATES * plane, plane, lanes
            );
            const uint32* words = arrays.packed_in + first * advance + b * V;
            if (!arrays.currents) arriving.start(words);
            uint32 resting[LANES] = {};
#pragma unroll 1
            for (int32 k = 0; k < steps; k++) {
                Own current = begin;
                if (arrays.currents) {
                    current = load_floats(arrays.currents + (first + k) * plane, lanes);
                } else {
                    arriving.add(current, words, k + 1 < steps ? words + advance : nullptr);
                    words += advance;
                }
                float rows[Neuron::KEPT_ALL][LANES];
#pragma unroll
                for (int32 w = 0; w < LANES; w++) {
                    float own[Neuron::KEPT_ALL];
                    const Outcome done = neurons[w].keep(current.x[w], own);
                    resting[w] |= uint32(done.resting) << k;
#pragma unroll
                    for (int32 r = 0; r < Neuron::KEPT_ALL; r++) rows[r][w] = own[r];
                }
#pragma unroll
                for (int32 r = 0; r < Neuron::KEPT_ALL; r++) {
                    if (r < keeps) {
                        kept(1 + r, k) = make_float2(rows[r][0], rows[r][1]);
                    }
                }
            }
            surrogate.choose([&](auto chosen) {
#pragma unroll 1
                for (int32 k = 0; k < steps; k++) {
                    float own[LANES][Neuron::KEPT], derivatives[LANES];
#pragma unroll
                    for (int32 r = 0; r < Neuron::KEPT; r++) {
                        const float2 row = kept(1 + r, k);
                        own[0][r] = row.x;
                        own[1][r] = row.y;
                    }
#pragma unroll
                    for (int32 w = 0; w < LANES; w++) {
                        derivatives[w] = chosen.derivative(neurons[w].distance(own[w]));
                    }
                    kept(0, k) = make_float2(derivatives[0], derivatives[1]);
                }
            });
            Own next = load_floats(arrays.grad_spikes + (first + steps - 1) * plane, lanes);
#pragma unroll 1
            for (int32 k = steps - 1; k >= 0; k--) {
                const Own now = next;
                if (k > 0) next = load_floats(arrays.grad_spikes + (first + k - 1) * plane, lanes);
                const float2 pair = kept(0, k);
                const float derivatives[LANES] = {pair.x, pair.y};
                float own[LANES][Neuron::KEPT_ALL] = {};
#pragma unroll
                for (int32 r = 0; r < Neuron::KEPT_ALL; r++) {
                    if (r < keeps) {
                        const float2 row = kept(1 + r, k);
                        own[0][r] = row.x;
                        own[1][r] = row.y;
                    }
                }
                Own to_current;
#pragma unroll
                for (int32 w = 0; w < LANES; w++) {
                    const auto way = neurons[w].back(
                        grads[w], own[w], resting[w] >> k & 1u, now.x[w], derivatives[w],
                        detach_reset
                    );
                    to_current.x[w] = way.current;
                    if (adds) neurons[w].add(sums[w], own[w], way);
                }
                store_floats(arrays.grad_current + (first + k) * plane, lanes, to_current);
            }
        }
        store_states<Neuron::STATES>(grads, arrays.grad_state, plane, lanes);
        if (adds) {
#pragma unroll
            for (int32 c = 0; c < Neuron::COEFFICIENTS; c++) {
                Own row;
#pragma unroll
                for (int32 w = 0; w < LANES; w++) row.x[w] = sums[w][c];
                store_floats(arrays.grad_coefficients + c * plane, lanes, row);
            }
        }
    }
};

struct ToWeights {
    static DEVICE void run(
        const Arrays& arrays, const Uniform&, const Surrogate&, bool, const Sizes& sizes
    ) {
        const Fired fired = {arrays.packed_in, nullptr, sizes.B, sizes.N, sizes.V};
        sum_weights(
            fired, arrays.grad_current, arrays.grad_weights, arrays.grad_bias, sizes.T, sizes.M,
            sizes.resume != 0, sizes.joined != 0
        );
    }
};

// Part is ToCurrents<Neuron>, which writes grad_current, grad_state and grad_coefficients; or
// ToWeights, which reads grad_current. The gradient of the spikes that came in is a full product:
// spike_matmul_backward<ToSpikes> makes it of grad_current.
template <class Part>
__global__ void layer_backward(
    const uint32* __restrict__ packed_in,  // [T, B, V]  in
    const float* __restrict__ weights,  // [N, M]  in
    const float* __restrict__ bias,  // [M]  in, optional
    const float* __restrict__ checkpoints,  // [Q, S, B, M]  in
    const float* __restrict__ currents,  // [T, B, M]  in, optional
    const float* __restrict__ grad_spikes,  // [T, B, M]  in
    const float* __restrict__ grad_final_state,  // [S, B, M]  in, optional
    float* __restrict__ grad_weights,  // [N, M]  out, optional
    float* __restrict__ grad_bias,  // [M]  out, optional
    float* __restrict__ grad_spikes_in,  // [T, B, N]  out, optional
    float* grad_state,  // [S, B, M]  out
    float* __restrict__ grad_coefficients,  // [C, B, M]  out, optional
    float* grad_current,  // [T, B, M]  out, or in
    const float* __restrict__ values,  // [C, M]  in, optional
    Uniform uniform,
    Surrogate surrogate,
    int32 detach_reset,
    Sizes sizes
) {
    const Arrays arrays = {
        packed_in, weights, bias, checkpoints, currents, grad_spikes, grad_final_state,
        grad_weights, grad_bias, grad_spikes_in, grad_state, grad_coefficients,
        grad_current, values
    };
    Part::run(arrays, uniform, surrogate, detach_reset != 0, sizes);
}
