// Gradient of weights that spikes chose: for each input the sum, over the steps and samples in which
// it fired, of the gradients of the currents.
#pragma once

#include "packed_rows.cuh"

constexpr int32 INPUTS = 8;  // of a block; a warp each
constexpr int32 PLACES = 512;  // steps and samples that are looked at together

struct WeightSums {
    uint32 words[PLACES];
    int64 rows[PLACES];
    uint16 lists[INPUTS][PLACES];
};

// Which inputs fired.
struct Fired {
    const uint32* packed;  // [T, B, V]
    const uint8* before;  // [B, N], or null: then a spike arrives one step after `packed` has it
    int32 B, N, V;

    // The word of inputs [n, n + INPUTS), which share one.
    DEVICE uint32 word(int64 t, int64 b, int32 n) const {
        if (n >= N) return 0;
        if (!before) return packed[(t * B + b) * V + n / 32];
        if (t > 0) return packed[((t - 1) * B + b) * V + n / 32];
        uint32 word = 0;
        for (int32 k = n; k < n + INPUTS && k < N; k++) {
            word |= uint32(before[b * N + k] != 0) << k % 32;
        }
        return word;
    }
};

// grad_weights[n, :] and, as of an input that always fires, grad_bias: from the last step to the
// first, in a step from the first sample to the last. Where `resume`, they go on from what is there.
// Blocks that run together share columns of grad_current.
DEVICE void sum_weights(
    const Fired& fired,
    const float* __restrict__ grad_current,  // [T, B, M]
    float* __restrict__ grad_weights,  // [N, M], or null
    float* __restrict__ grad_bias,  // [M], or null
    int32 T,
    int32 M,
    bool resume,
    bool joined
) {
    __shared__ WeightSums storage;
    const int32 lane = threadIdx.x & 31;
    const int32 warp = threadIdx.x / 32;
    const int32 N = fired.N;
    const int64 first = grad_weights ? 0 : N;
    const int64 groups = (N + int32(grad_bias != nullptr) - first + INPUTS - 1) / INPUTS;
    const int64 tiles = (M + COLUMNS - 1) / COLUMNS;
    const int64 places = int64(T) * fired.B;
    uint16* list = storage.lists[warp];
    for (int64 item = blockIdx.x; item < groups * tiles; item += gridDim.x) {
        const int64 tile = item / groups;
        const int64 group = first + (item - tile * groups) * INPUTS;
        const int64 n = group + warp;
        float* sums = n < N ? grad_weights + n * M : n == N ? grad_bias : nullptr;
        const Lanes<LANES> columns = lanes_of<LANES>(0, tile, M, joined);
        Own total = {};
        if (resume && sums) total = load_floats(sums, columns);
        for (int64 start = 0; start < places; start += PLACES) {
            __syncthreads();
            for (int32 p = threadIdx.x; p < PLACES; p += blockDim.x) {
                if (start + p >= places) break;
                const int64 back = (start + p) / fired.B;
                const int64 t = T - 1 - back;
                const int64 b = start + p - back * fired.B;
                storage.rows[p] = t * fired.B + b;
                storage.words[p] = fired.word(t, b, int32(group));
            }
            __syncthreads();
            if (!sums) continue;
            int32 found = 0;
            for (int32 p = lane; p < PLACES; p += 32) {
                const bool there = start + p < places;
                const bool chosen = there && (n == N || storage.words[p] >> n % 32 & 1u);
                const uint32 vote = __ballot_sync(FULL_WARP, chosen);
                if (chosen) list[found + __popc(vote & ((1u << lane) - 1u))] = uint16(p);
                found += __popc(vote);
            }
            __syncwarp();
            add_rows(total, grad_current, M, found, columns, joined, [&](int32 i) {
                return storage.rows[list[i]];
            });
        }
        if (sums) store_floats(sums, columns, total);
    }
}
