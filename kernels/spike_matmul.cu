// Spikes times dense weights: only rows of weights whose neuron fired are read.
#include "spike_sums.cuh"

// A block makes one row of one tile of columns. Blocks that run together share the tile, whose
// weights then stay in the L2 cache.
__global__ void spike_matmul(
    const uint8* __restrict__ spikes,  // [R, N]  in
    const float* __restrict__ weights,  // [N, M]  in
    float* __restrict__ product,  // [R, M]  out
    int32 R,
    int32 N,
    int32 M,
    int32 tiles
) {
    __shared__ SumStorage storage;
    for (int64 item = blockIdx.x; item < int64(R) * tiles; item += gridDim.x) {
        const int64 tile = item / R;
        const int64 r = item - tile * R;
        sum_chosen(spikes + r * N, 1, N, weights, product + r * M, M, tile, storage);
    }
}
