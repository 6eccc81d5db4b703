// The list of those that fired, made by a whole block, in ascending order.
#pragma once

#include "prelude.cuh"

constexpr int32 COMPACT_PASSES = 8;  // neurons per thread and call
constexpr int32 MAX_WARPS = 32;

// Neurons that one call looks at.
DEVICE int32 compact_chunk() { return COMPACT_PASSES * int32(blockDim.x); }

// Write the indices of [first, first + compact_chunk()) below `last` whose spike is set to `list`;
// returns how many. Every thread of the block must call it. The list may be read after the call;
// the next call waits for every thread before it writes.
//
// A warp looks at 32 * COMPACT_PASSES consecutive neurons, a vote for each 32; a scan over the
// warps' counts gives every warp its place.
DEVICE int32 compact(
    const uint8* __restrict__ spikes,  // of neuron 0
    int64 stride,  // bytes from a neuron to the next
    int32 first,
    int32 last,
    int32* list,
    int32* warp_counts  // [MAX_WARPS], shared
) {
    const int32 lane = threadIdx.x & 31;
    const int32 warp = threadIdx.x >> 5;
    const int32 warps = blockDim.x >> 5;
    const int64 begin = int64(first) + int64(warp) * 32 * COMPACT_PASSES + lane;
    uint32 votes[COMPACT_PASSES];
    int32 count = 0;
#pragma unroll
    for (int32 pass = 0; pass < COMPACT_PASSES; pass++) {
        const int64 neuron = begin + 32 * pass;
        votes[pass] = __ballot_sync(FULL_WARP, neuron < last && spikes[neuron * stride] != 0);
        count += __popc(votes[pass]);
    }
    if (lane == 0) warp_counts[warp] = count;
    __syncthreads();
    int32 place = 0;
    int32 total = 0;
    for (int32 other = 0; other < warps; other++) {
        if (other < warp) place += warp_counts[other];
        total += warp_counts[other];
    }
#pragma unroll
    for (int32 pass = 0; pass < COMPACT_PASSES; pass++) {
        const uint32 vote = votes[pass];
        if (vote >> lane & 1) {
            list[place + __popc(vote & ((1u << lane) - 1))] = int32(begin) + 32 * pass;
        }
        place += __popc(vote);
    }
    __syncthreads();
    return total;
}
