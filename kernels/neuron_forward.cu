// T steps of a population: a thread takes 16 bytes of input, four neurons in float32 or eight in 16
// bits, through all steps, their state in registers.
#include "alif.cuh"
#include "coba_lif.cuh"
#include "cuba_dual_lif.cuh"
#include "cuba_lif.cuh"
#include "izhikevich.cuh"
#include "lif.cuh"
#include "neuron_lanes.cuh"
#include "norse.cuh"
#include "snntorch.cuh"
#include "spikingjelly.cuh"

constexpr int32 AHEAD = 4;  // inputs under way to registers while as many steps are computed
constexpr int32 FAR_AHEAD = 16;  // steps whose inputs are under way to the L2 cache

// Rows of threads have `length` neurons: N, where bits are packed, so that words do not cross them;
// else B N. Threads past the last neuron only take part in the votes.
template <class Neuron, class Real>
__global__ void neuron_forward(
    const Real* __restrict__ current,  // [A, B, N]  in
    const float* __restrict__ state,  // [S, B, N]  in
    float* __restrict__ final_state,  // [S, B, N]  out
    uint8* __restrict__ spikes,  // [T, B, N]  out, optional
    uint32* __restrict__ packed,  // [T, B, W]  out, optional
    float* __restrict__ checkpoints,  // [Q, S, B, N]  out, optional
    const float* __restrict__ values,  // [C, N]  in, optional
    Uniform uniform,
    int32 brain,
    uint32 one,  // a spike in `spikes`, whose numbers have `spike_bytes` bytes
    int32 spike_bytes,
    int32 interval,
    int32 T,
    int64 advance,  // from a step's input to the next: B N, or 0 for the same in all steps
    int32 rows,
    int64 length,
    int32 N,
    int32 words,  // of a row
    int32 joined
) {
    constexpr int32 LANES = 16 / sizeof(Real);
    const int64 warps = (length + 32 * LANES - 1) / (32 * LANES);
    const int64 warp = thread_index() / 32;
    const int64 row = warp / warps, column = warp - row * warps;
    if (row >= rows) return;
    const Lanes<LANES> lanes = lanes_of<LANES>(row, column, length, joined != 0);
    const uint32 present = (1u << lanes.count) - 1u;
    const int64 plane = rows * length;

    Neuron neurons[LANES] = {};
    set_neurons(neurons, uniform, values, N, lanes);
    load_states<Neuron::STATES>(neurons, state, plane, lanes);
    int64 word = row * words + column * LANES;
    int64 offset = 0;  // of a step's spikes
    const int32 segment = checkpoints ? interval : T;
    Pack<Real, LANES> next[AHEAD] = {};
    for (int32 start = 0; start < T; start += segment) {
        const int32 end = min(start + segment, T);
        if (checkpoints) {
            store_states<Neuron::STATES>(neurons, checkpoints, plane, lanes);
            checkpoints += Neuron::STATES * plane;
        }
        // Where a segment before this one ended within a round, the loads begin anew.
        if (start == 0 || segment % AHEAD) {
            for (int32 k = AHEAD; k < FAR_AHEAD && advance; k++) {
                if (start + k < T) prefetch(current + (start + k) * advance + lanes.share);
            }
#pragma unroll
            for (int32 k = 0; k < AHEAD; k++) {
                const int64 t = start + k;
                if (t < T) next[k] = load_lanes(current + t * advance, lanes);
            }
        }
        for (int32 first = start; first < end; first += AHEAD) {
#pragma unroll
            for (int32 k = 0; k < AHEAD; k++) {
                const int32 t = first + k;
                if (t >= end) break;
                float now[LANES];
                widen(now, next[k], brain != 0);
                if (advance && t + AHEAD < T) {
                    next[k] = load_lanes(current + int64(t + AHEAD) * advance, lanes);
                }
                if (advance && t + FAR_AHEAD < T) {
                    prefetch(current + int64(t + FAR_AHEAD) * advance + lanes.share);
                }
                uint32 fired = 0;
#pragma unroll
                for (int32 w = 0; w < LANES; w++) {
                    fired |= uint32(neurons[w].step(now[w]).spiked) << w;
                }
                fired &= present;
                if (spikes) store_fired(spikes, offset, spike_bytes, one, lanes, fired);
                if (packed) store_packed(packed + word, lanes, fired, words - column * LANES);
                offset += plane;
                word += int64(rows) * words;
            }
        }
    }
    store_states<Neuron::STATES>(neurons, final_state, plane, lanes);
}
