// Spikes -> how many each element fired.
#include "decode.cuh"

constexpr int32 MOST_IN_A_BYTE = 255;

// The warps of a block take turns at the steps, a lane adding up four elements in the bytes of a
// word, and the block adds up its warps.
__global__ void __launch_bounds__(BLOCK) decode_count(
    const uint8* __restrict__ spikes,  // [T, B, N]  in
    int32* __restrict__ counts,  // [B, N]  out
    int32 T,
    int32 B,
    int32 N
) {
    __shared__ int32 partial[WARPS][PER_BLOCK];
    const int64 elements = int64(B) * N;
    const int32 lane = threadIdx.x & 31;
    const int32 warp = threadIdx.x >> 5;
    const SpikeColumns columns = spike_columns(spikes, elements);
    int32 sums[PER_LANE] = {0, 0, 0, 0};
    for (int64 first = warp; first < T; first += WARPS * MOST_IN_A_BYTE) {
        const int64 last = min(int64(T), first + WARPS * MOST_IN_A_BYTE);
        uint32 packed = 0;
#pragma unroll 8
        for (int64 t = first; t < last; t += WARPS) packed += ones(columns.load(t));
#pragma unroll
        for (int32 k = 0; k < PER_LANE; k++) sums[k] += int32(packed >> 8 * k & 255);
    }
#pragma unroll
    for (int32 k = 0; k < PER_LANE; k++) partial[warp][PER_LANE * lane + k] = sums[k];
    __syncthreads();
    const int64 element = int64(blockIdx.x) * PER_BLOCK + threadIdx.x;
    if (threadIdx.x >= PER_BLOCK || element >= elements) return;
    int32 total = 0;
#pragma unroll
    for (int32 other = 0; other < WARPS; other++) total += partial[other][threadIdx.x];
    counts[element] = total;
}
