// Sums of rows chosen by spikes: the product is one, over neurons; so is the gradient of the
// weights, over rows.
#pragma once

#include "compact.cuh"

constexpr int32 SUM_THREADS = 256;  // at most
constexpr int32 SUM_COLUMNS = 4;  // per thread

struct SumStorage {
    int32 chosen[COMPACT_PASSES * SUM_THREADS];
    int32 warp_counts[MAX_WARPS];
};

DEVICE bool aligned_for_float4(const float* pointer) { return (uint64(pointer) & 15) == 0; }

// Sum of terms[n, :] over the n whose spike is set, ascending and one addition at a time, in the
// columns that belong to the block's tile. Every thread of the block must call it.
//
// The block lists a chunk of those n at a time; then each thread walks the list for its own four
// columns: side by side where rows allow 16-byte loads, else a block's width apart, so that a warp
// reads in one piece either way. The additions of a column depend on one another, the loads do
// not: unrolled, several are under way.
DEVICE void sum_chosen(
    const uint8* __restrict__ spikes,  // of n = 0
    int64 stride,  // bytes from one n to the next
    int32 count,  // of n
    const float* __restrict__ terms,  // [count, M]
    float* __restrict__ sums,  // [M]
    int32 M,
    int64 tile,
    SumStorage& storage
) {
    const bool wide = M % 4 == 0 && aligned_for_float4(terms) && aligned_for_float4(sums);
    const int64 left = tile * SUM_COLUMNS * blockDim.x;
    const int64 column = left + (wide ? SUM_COLUMNS : 1) * threadIdx.x;
    float total[SUM_COLUMNS] = {0, 0, 0, 0};
    for (int64 first = 0; first < count; first += compact_chunk()) {
        const int32 found =
            compact(spikes, stride, int32(first), count, storage.chosen, storage.warp_counts);
        if (wide && column < M) {
#pragma unroll 8
            for (int32 i = 0; i < found; i++) {
                const int64 row = int64(storage.chosen[i]) * M;
                const float4 term = *reinterpret_cast<const float4*>(terms + row + column);
                total[0] += term.x;
                total[1] += term.y;
                total[2] += term.z;
                total[3] += term.w;
            }
        }
        if (!wide) {
#pragma unroll 4
            for (int32 i = 0; i < found; i++) {
                const float* row = terms + int64(storage.chosen[i]) * M;
#pragma unroll
                for (int32 c = 0; c < SUM_COLUMNS; c++) {
                    const int64 own = column + c * blockDim.x;
                    if (own < M) total[c] += row[own];
                }
            }
        }
    }
#pragma unroll
    for (int32 c = 0; c < SUM_COLUMNS; c++) {
        const int64 own = column + c * (wide ? 1 : blockDim.x);
        if (own < M) sums[own] = total[c];
    }
}
