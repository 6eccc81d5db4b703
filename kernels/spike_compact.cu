// Spikes as bytes -> per row the ascending indices of the neurons that fired, and how many.
#include "compact.cuh"

// A block walks over a row; what lies behind counts[r] in a row of indices is left as it was.
__global__ void spike_compact(
    const uint8* __restrict__ spikes,  // [R, N]  in
    int32* __restrict__ indices,  // [R, N]  out
    int32* __restrict__ counts,  // [R]  out
    int32 R,
    int32 N
) {
    __shared__ int32 warp_counts[MAX_WARPS];
    for (int32 r = blockIdx.x; r < R; r += gridDim.x) {
        const int64 row = int64(r) * N;
        int32 count = 0;
        for (int64 first = 0; first < N; first += compact_chunk()) {
            count += compact(
                spikes + row, 1, int32(first), N, indices + row + count, warp_counts
            );
        }
        if (threadIdx.x == 0) counts[r] = count;
    }
}
