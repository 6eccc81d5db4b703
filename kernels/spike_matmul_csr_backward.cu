// Gradients of spikes times sparse weights.
#include "compact.cuh"

constexpr int32 THREADS = 256;
constexpr int32 WARP = 32;
constexpr int32 OWN = 4;  // synapses of a thread; rows of a warp

// grad_weights[k], k from n to m, is the sum of grad_product[r, m] over the r in which n fired. A
// block takes a stretch of the synapses of one n; a row has at most M, hence the number of parts.
struct ToWeights {
    static DEVICE void run(
        const float* __restrict__ grad_product,
        const uint8* __restrict__ spikes,
        const int64* __restrict__ indptr,
        const int32* __restrict__ indices,
        const float*,
        float* __restrict__ grad_weights,
        float*,
        int32 R,
        int32 N,
        int32 M,
        int32 parts
    ) {
        __shared__ int32 chosen[COMPACT_PASSES * THREADS];
        __shared__ int32 warp_counts[MAX_WARPS];
        for (int64 item = blockIdx.x; item < int64(N) * parts; item += gridDim.x) {
            const int64 part = item / N;
            const int64 n = item - part * N;
            const int64 begin = indptr[n] + part * OWN * blockDim.x;
            const int64 end = indptr[n + 1];
            if (begin >= end) continue;
            int32 target[OWN];
            float total[OWN];
#pragma unroll
            for (int32 i = 0; i < OWN; i++) {
                const int64 k = begin + i * blockDim.x + threadIdx.x;
                target[i] = k < end ? indices[k] : 0;
                total[i] = 0;
            }
            for (int64 first = 0; first < R; first += compact_chunk()) {
                const int32 found = compact(spikes + n, N, int32(first), R, chosen, warp_counts);
                for (int32 j = 0; j < found; j++) {
                    const float* grad = grad_product + int64(chosen[j]) * M;
#pragma unroll
                    for (int32 i = 0; i < OWN; i++) total[i] += grad[target[i]];
                }
            }
#pragma unroll
            for (int32 i = 0; i < OWN; i++) {
                const int64 k = begin + i * blockDim.x + threadIdx.x;
                if (k < end) grad_weights[k] = total[i];
            }
        }
    }
};

// grad_spikes[r, n] is the sum of grad_product[r, m] weights[k] over the synapses k of n. A warp
// takes one n and several r, so that a synapse is read once for all of them; lanes stride over the
// synapses, and their sums are folded in halves.
struct ToSpikes {
    static DEVICE void run(
        const float* __restrict__ grad_product,
        const uint8*,
        const int64* __restrict__ indptr,
        const int32* __restrict__ indices,
        const float* __restrict__ weights,
        float*,
        float* __restrict__ grad_spikes,
        int32 R,
        int32 N,
        int32 M,
        int32
    ) {
        const int32 lane = threadIdx.x % WARP;
        const int64 items = (int64(R) + OWN - 1) / OWN * N;
        const int64 warps = thread_count() / WARP;
        for (int64 item = thread_index() / WARP; item < items; item += warps) {
            const int64 n = item % N;
            const int64 first_r = item / N * OWN;
            const int64 end = indptr[n + 1];
            float total[OWN] = {};
            for (int64 k = indptr[n] + lane; k < end; k += WARP) {
                const float weight = weights[k];
                const int64 place = first_r * M + indices[k];
#pragma unroll
                for (int32 i = 0; i < OWN; i++) {
                    if (first_r + i < R) {
                        total[i] = __fmaf_rn(grad_product[place + int64(i) * M], weight, total[i]);
                    }
                }
            }
#pragma unroll
            for (int32 i = 0; i < OWN; i++) {
#pragma unroll
                for (int32 half = WARP / 2; half > 0; half /= 2) {
                    total[i] += __shfl_xor_sync(FULL_WARP, total[i], half);
                }
                if (lane == 0 && first_r + i < R) {
                    grad_spikes[(first_r + i) * N + n] = total[i];
                }
            }
        }
    }
};

// Gradient is ToWeights or ToSpikes; the other's output may be null.
template <class Gradient>
__global__ void spike_matmul_csr_backward(
    const float* __restrict__ grad_product,  // [R, M]  in
    const uint8* __restrict__ spikes,  // [R, N]  in
    const int64* __restrict__ indptr,  // [N+1]  in
    const int32* __restrict__ indices,  // [K]  in
    const float* __restrict__ weights,  // [K]  in
    float* __restrict__ grad_weights,  // [K]  out, optional
    float* __restrict__ grad_spikes,  // [R, N]  out, optional
    int32 R,
    int32 N,
    int32 M,
    int32 parts
) {
    Gradient::run(
        grad_product, spikes, indptr, indices, weights, grad_weights, grad_spikes, R, N, M, parts
    );
}
