// Spikes -> the step at which each element fired first, -1 where it never did.
#include "decode.cuh"

constexpr int32 NEVER = 0x7fffffff;
constexpr int32 TOGETHER = 4;  // loads under way at a time

// The warps of a block take turns at the steps, and a lane stops when its four elements have fired;
// the block then takes the earliest of its warps.
__global__ void __launch_bounds__(BLOCK) decode_first_spike(
    const uint8* __restrict__ spikes,  // [T, B, N]  in
    int32* __restrict__ steps,  // [B, N]  out
    int32 T,
    int32 B,
    int32 N
) {
    __shared__ int32 partial[WARPS][PER_BLOCK];
    const int64 elements = int64(B) * N;
    const int32 lane = threadIdx.x & 31;
    const int32 warp = threadIdx.x >> 5;
    const SpikeColumns columns = spike_columns(spikes, elements);
    int32 found[PER_LANE] = {NEVER, NEVER, NEVER, NEVER};
    uint32 missing = 0x01010101u;
    for (int64 first = warp; first < T && missing != 0; first += WARPS * TOGETHER) {
        uint32 words[TOGETHER];
#pragma unroll
        for (int32 turn = 0; turn < TOGETHER; turn++) {
            const int64 t = first + turn * WARPS;
            words[turn] = t < T ? columns.load(t) : 0;
        }
#pragma unroll
        for (int32 turn = 0; turn < TOGETHER; turn++) {
            const uint32 fresh = ones(words[turn]) & missing;
            missing &= ~fresh;
#pragma unroll
            for (int32 k = 0; k < PER_LANE; k++) {
                if (fresh >> 8 * k & 1) found[k] = int32(first) + turn * WARPS;
            }
        }
    }
#pragma unroll
    for (int32 k = 0; k < PER_LANE; k++) partial[warp][PER_LANE * lane + k] = found[k];
    __syncthreads();
    const int64 element = int64(blockIdx.x) * PER_BLOCK + threadIdx.x;
    if (threadIdx.x >= PER_BLOCK || element >= elements) return;
    int32 earliest = NEVER;
#pragma unroll
    for (int32 other = 0; other < WARPS; other++) {
        earliest = min(earliest, partial[other][threadIdx.x]);
    }
    steps[element] = earliest == NEVER ? -1 : earliest;
}
