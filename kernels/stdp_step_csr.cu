// A step of pair STDP on weights in CSR, rows presynaptic; stdp_traces of stdp_step.cu comes after.
#include "stdp.cuh"

constexpr int32 BLOCK = 256;
constexpr int32 BYTES_PER_THREAD = 16;

// Whether any neuron fired. Every block looks for itself, which ends at the first chunk with a spike.
DEVICE bool any_fired(
    const uint8* __restrict__ spikes,  // [M]
    int32 M
) {
    for (int64 first = 0; first < M; first += BLOCK * BYTES_PER_THREAD) {
        uint32 found = 0;
#pragma unroll
        for (int32 pass = 0; pass < BYTES_PER_THREAD; pass++) {
            const int64 m = first + pass * BLOCK + threadIdx.x;
            if (m < M) found |= spikes[m];
        }
        if (__syncthreads_or(found != 0)) return true;
    }
    return false;
}

// `lanes` threads to a row. A row that did not fire is searched for targets that did, unless none
// did: then only rows that fired are read.
__global__ void __launch_bounds__(BLOCK) stdp_step_csr(
    const uint8* __restrict__ spikes_pre,  // [N]  in
    const uint8* __restrict__ spikes_post,  // [M]  in
    const int64* __restrict__ indptr,  // [N+1]  in
    const int32* __restrict__ indices,  // [K]  in
    float* __restrict__ trace_pre,  // [N]  inout
    float* __restrict__ trace_post,  // [M]  inout
    float* __restrict__ weights,  // [K]  inout
    int32 N,
    int32 M,
    int32 lanes,
    STDP rule
) {
    const bool any_post = any_fired(spikes_post, M);
    const int64 step = thread_count() / lanes;
    for (int64 row = thread_index() / lanes; row < N; row += step) {
        const bool row_fired = spikes_pre[row] != 0;
        if (!row_fired && !any_post) continue;
        const float potentiation = rule.potentiation(trace_pre[row]);
        const int64 end = indptr[row + 1];
#pragma unroll 4
        for (int64 k = indptr[row] + int32(threadIdx.x) % lanes; k < end; k += lanes) {
            const int32 target = indices[k];
            const bool target_fired = spikes_post[target] != 0;
            if (!row_fired && !target_fired) continue;
            float weight = weights[k];
            if (row_fired) {
                weight = rule.depressed(weight, rule.depression(trace_post[target]));
            }
            if (target_fired) weight = rule.potentiated(weight, potentiation);
            weights[k] = weight;
        }
    }
}
