// Spikes times sparse weights.
#include "compact.cuh"

constexpr int32 THREADS = 256;  // at most
constexpr int32 TARGETS = 1024;  // of a warp, in shared memory
constexpr int32 WARP = 32;

// First k of [begin, end) with indices[k] >= target; else end.
DEVICE int64 first_at_least(
    const int32* __restrict__ indices, int64 begin, int64 end, int64 target
) {
    while (begin < end) {
        const int64 middle = (begin + end) / 2;
        if (indices[middle] < target) {
            begin = middle + 1;
        } else {
            end = middle;
        }
    }
    return begin;
}

// A block makes one row of the product, a warp a tile of its targets: in shared memory, so that
// synapses add in any place without atomics. The block lists the neurons that fired; for each in
// turn the warp adds the synapses that lead into its tile, all different targets, hence the order
// of additions is that of the neurons. Each lane looks up the synapses of another neuron first.
__global__ void spike_matmul_csr(
    const uint8* __restrict__ spikes,  // [R, N]  in
    const int64* __restrict__ indptr,  // [N+1]  in
    const int32* __restrict__ indices,  // [K]  in
    const float* __restrict__ weights,  // [K]  in
    float* __restrict__ product,  // [R, M]  out
    int32 R,
    int32 N,
    int32 M,
    int32 tiles
) {
    extern __shared__ float totals[];  // of the tiles of the block's warps, one after the other
    __shared__ int32 chosen[COMPACT_PASSES * THREADS];
    __shared__ int32 warp_counts[MAX_WARPS];
    const int32 lane = threadIdx.x % WARP;
    const int32 warp = threadIdx.x / WARP;
    float* total = totals + warp * TARGETS;
    for (int64 item = blockIdx.x; item < int64(R) * tiles; item += gridDim.x) {
        const int64 tile = item / R;
        const int64 r = item - tile * R;
        const int64 left = (tile * (blockDim.x / WARP) + warp) * TARGETS;
        const int32 width = int32(max(int64(0), min(int64(TARGETS), M - left)));
        for (int32 m = lane; m < width; m += WARP) total[m] = 0;
        for (int64 first = 0; first < N; first += compact_chunk()) {
            const int32 found = compact(spikes + r * N, 1, int32(first), N, chosen, warp_counts);
            for (int32 base = 0; base < found; base += WARP) {
                int64 begin = 0;
                int64 end = 0;
                if (base + lane < found && width > 0) {
                    const int64 n = chosen[base + lane];
                    end = indptr[n + 1];
                    begin = first_at_least(indices, indptr[n], end, left);
                    end = first_at_least(indices, begin, end, left + width);
                }
                for (int32 i = 0; i < min(WARP, found - base); i++) {
                    const int64 first_synapse = __shfl_sync(FULL_WARP, begin, i);
                    const int64 last_synapse = __shfl_sync(FULL_WARP, end, i);
                    for (int64 k = first_synapse + lane; k < last_synapse; k += WARP) {
                        total[indices[k] - left] += weights[k];
                    }
                    __syncwarp();
                }
            }
        }
        for (int32 m = lane; m < width; m += WARP) product[r * M + left + m] = total[m];
    }
}
