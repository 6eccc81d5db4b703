// Spikes of four neighbouring elements at a time, a byte each.
#pragma once

#include "prelude.cuh"

constexpr int32 WARPS = 8;  // of a block; they share out the steps
constexpr int32 BLOCK = 32 * WARPS;
constexpr int32 PER_LANE = 4;
constexpr int32 PER_BLOCK = 32 * PER_LANE;  // elements of a block

struct SpikeColumns {
    const uint8* first;  // the lane's first element at step 0
    int64 stride;  // bytes from a step to the next
    int32 count;  // the lane's elements, 0 to 4
    bool aligned;

    // A byte per element, 0 past the last.
    DEVICE uint32 load(int64 t) const {
        const uint8* at = first + t * stride;
        if (count == PER_LANE && aligned) return *reinterpret_cast<const uint32*>(at);
        uint32 word = 0;
#pragma unroll
        for (int32 k = 0; k < PER_LANE; k++) {
            if (k < count) word |= uint32(at[k]) << 8 * k;
        }
        return word;
    }
};

DEVICE SpikeColumns spike_columns(
    const uint8* __restrict__ spikes,  // [T, elements]
    int64 elements
) {
    const int64 first = int64(blockIdx.x) * PER_BLOCK + int64(threadIdx.x & 31) * PER_LANE;
    const int64 count = max(int64(0), min(int64(PER_LANE), elements - first));
    const bool aligned = elements % PER_LANE == 0 && reinterpret_cast<uint64>(spikes) % 4 == 0;
    return {spikes + first, elements, int32(count), aligned};
}

// 1 in every byte that is not 0.
DEVICE uint32 ones(uint32 word) {
    return ((((word & 0x7f7f7f7fu) + 0x7f7f7f7fu) | word) >> 7) & 0x01010101u;
}
