// T steps of a population: a thread takes one neuron through all steps, its state in registers.
#include "alif.cuh"
#include "coba_lif.cuh"
#include "cuba_dual_lif.cuh"
#include "cuba_lif.cuh"
#include "izhikevich.cuh"
#include "lif.cuh"

constexpr int32 AHEAD = 4;  // inputs under way from memory while as many steps are computed

// Threads lie along the neurons of a row of `row_threads`: N, or 32 W where bits are packed, so
// that a warp is a word; threads past the last neuron only take part in the votes.
template <class Neuron>
__global__ void neuron_forward(
    const float* __restrict__ current,  // [T, B, N]  in
    const float* __restrict__ state,  // [S, B, N]  in
    float* __restrict__ final_state,  // [S, B, N]  out
    uint8* __restrict__ spikes,  // [T, B, N]  out, optional
    uint32* __restrict__ packed,  // [T, B, W]  out, optional
    float* __restrict__ checkpoints,  // [Q, S, B, N]  out, optional
    const float* __restrict__ values,  // [C, N]  in, optional
    Uniform uniform,
    int32 interval,
    int32 T,
    int32 B,
    int32 N,
    int32 W,
    int32 row_threads
) {
    const int64 thread = thread_index();
    const int64 b = thread / row_threads;
    const int32 n = int32(thread - b * row_threads);
    if (b >= B) return;
    const bool exists = n < N;
    const int64 plane = int64(B) * N;
    const int64 place = b * N + n;

    Neuron neuron = {};
    if (exists) {
        neuron.set({uniform, values, N}, n);
        neuron.load(state + place, plane);
    }
    float next[AHEAD];
#pragma unroll
    for (int32 k = 0; k < AHEAD; k++) {
        next[k] = exists && k < T ? current[k * plane + place] : 0.0f;
    }
    int32 until_checkpoint = 0;
    int64 checkpoint = place;
    for (int32 first = 0; first < T; first += AHEAD) {
        float now[AHEAD];
#pragma unroll
        for (int32 k = 0; k < AHEAD; k++) {
            now[k] = next[k];
            const int32 t = first + AHEAD + k;
            next[k] = exists && t < T ? current[t * plane + place] : 0.0f;
        }
#pragma unroll
        for (int32 k = 0; k < AHEAD; k++) {
            const int32 t = first + k;
            if (t >= T) break;
            if (checkpoints && until_checkpoint == 0) {
                if (exists) neuron.store(checkpoints + checkpoint, plane);
                checkpoint += Neuron::STATES * plane;
                until_checkpoint = interval;
            }
            until_checkpoint--;
            const bool spiked = neuron.step(now[k]).spiked && exists;
            if (spikes && exists) spikes[t * plane + place] = spiked;
            if (packed) {
                const uint32 word = __ballot_sync(FULL_WARP, spiked);
                if ((threadIdx.x & 31) == 0) packed[(t * int64(B) + b) * W + n / 32] = word;
            }
        }
    }
    if (exists) neuron.store(final_state + place, plane);
}
