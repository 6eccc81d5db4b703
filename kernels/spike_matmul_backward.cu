// Gradients of spikes times dense weights.
#include "spike_sums.cuh"

constexpr int32 TILE = 64;  // rows and neurons of a block
constexpr int32 DEPTH = 16;  // targets in shared memory at a time
constexpr int32 SIDE = 16;  // threads along each side of a tile
constexpr int32 OWN = TILE / SIDE;  // rows and neurons of a thread
constexpr int32 LINE = TILE + 4;  // keeps 16-byte reads aligned and stores off the same bank

// grad_weights[n, :] is the sum of grad_product[r, :] over the r in which n fired. Neighbouring
// blocks take neighbouring n, whose spikes lie in the same sectors.
struct ToWeights {
    static DEVICE void run(
        const float* __restrict__ grad_product,
        const uint8* __restrict__ spikes,
        const float*,
        float* __restrict__ grad_weights,
        float*,
        int32 R,
        int32 N,
        int32 M,
        int32 tiles
    ) {
        __shared__ SumStorage storage;
        for (int64 item = blockIdx.x; item < int64(N) * tiles; item += gridDim.x) {
            const int64 tile = item / N;
            const int64 n = item - tile * N;
            sum_chosen(spikes + n, N, R, grad_product, grad_weights + n * M, M, tile, storage);
        }
    }
};

// Load [TILE, DEPTH] of a matrix [rows, M] and turn it round; 0 where it ends.
DEVICE void load_turned(
    const float* __restrict__ matrix,
    int64 first_row,
    int32 rows,
    int64 first,
    int32 M,
    float turned[DEPTH][LINE]
) {
#pragma unroll
    for (int32 k = threadIdx.x; k < TILE * DEPTH; k += SIDE * SIDE) {
        const int32 line = k / DEPTH;
        const int32 m = k % DEPTH;
        const bool inside = first_row + line < rows && first + m < M;
        turned[m][line] = inside ? matrix[(first_row + line) * M + first + m] : 0.0f;
    }
}

// grad_spikes[r, n] is the product of row r of grad_product and row n of weights, added up in
// ascending m with one rounding per term.
struct ToSpikes {
    static DEVICE void run(
        const float* __restrict__ grad_product,
        const uint8*,
        const float* __restrict__ weights,
        float*,
        float* __restrict__ grad_spikes,
        int32 R,
        int32 N,
        int32 M,
        int32 tiles
    ) {
        __shared__ __align__(16) float grads[DEPTH][LINE];
        __shared__ __align__(16) float rows[DEPTH][LINE];
        const int32 x = threadIdx.x % SIDE;
        const int32 y = threadIdx.x / SIDE;
        const int64 items = (int64(R) + TILE - 1) / TILE * tiles;
        for (int64 item = blockIdx.x; item < items; item += gridDim.x) {
            const int64 first_r = item / tiles * TILE;
            const int64 first_n = item % tiles * TILE;
            float total[OWN][OWN] = {};
            for (int64 first = 0; first < M; first += DEPTH) {
                load_turned(grad_product, first_r, R, first, M, grads);
                load_turned(weights, first_n, N, first, M, rows);
                __syncthreads();
#pragma unroll
                for (int32 m = 0; m < DEPTH; m++) {
#pragma unroll
                    for (int32 i = 0; i < OWN; i++) {
#pragma unroll
                        for (int32 j = 0; j < OWN; j++) {
                            total[i][j] = __fmaf_rn(
                                grads[m][OWN * y + i], rows[m][OWN * x + j], total[i][j]
                            );
                        }
                    }
                }
                __syncthreads();
            }
#pragma unroll
            for (int32 i = 0; i < OWN; i++) {
#pragma unroll
                for (int32 j = 0; j < OWN; j++) {
                    const int64 r = first_r + OWN * y + i;
                    const int64 n = first_n + OWN * x + j;
                    if (r < R && n < N) grad_spikes[r * N + n] = total[i][j];
                }
            }
        }
    }
};

// Gradient is ToWeights or ToSpikes; the other's output may be null.
template <class Gradient>
__global__ void spike_matmul_backward(
    const float* __restrict__ grad_product,  // [R, M]  in
    const uint8* __restrict__ spikes,  // [R, N]  in
    const float* __restrict__ weights,  // [N, M]  in
    float* __restrict__ grad_weights,  // [N, M]  out, optional
    float* __restrict__ grad_spikes,  // [R, N]  out, optional
    int32 R,
    int32 N,
    int32 M,
    int32 tiles
) {
    Gradient::run(grad_product, spikes, weights, grad_weights, grad_spikes, R, N, M, tiles);
}
