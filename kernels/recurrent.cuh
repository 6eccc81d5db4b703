// A block has all neurons of a sample, each thread LANES of them: what fired is listed in shared
// memory, from which every thread adds the rows to its own.
#pragma once

#include "packed_rows.cuh"

constexpr int32 MOST_THREADS = 512;  // all registers of a multiprocessor: 128 each
constexpr int32 MOST_NEURONS = LANES * MOST_THREADS;

struct FiredList {
    uint16 neurons[MOST_NEURONS];
    int32 counts[MOST_THREADS / 32];
};

// A warp's neurons as words: word w, bit i is neuron COLUMNS * warp + 32 w + i.
struct Words {
    uint32 of[LANES];
};

// Bit w of every thread's `fired` -> the words of its warp, known to all lanes.
DEVICE Words to_words(uint32 fired, bool joined) {
    constexpr int32 THREADS = 32 / LANES;  // whose bits are one word
    Words words;
    if (joined) {
        const int32 lane = threadIdx.x & 31;
        uint32 word = fired << lane % THREADS * LANES;
#pragma unroll
        for (int32 other = 1; other < THREADS; other *= 2) {
            word |= __shfl_xor_sync(FULL_WARP, word, other);
        }
#pragma unroll
        for (int32 w = 0; w < LANES; w++) words.of[w] = __shfl_sync(FULL_WARP, word, w * THREADS);
    } else {
#pragma unroll
        for (int32 w = 0; w < LANES; w++) {
            words.of[w] = __ballot_sync(FULL_WARP, fired >> w & 1u);
        }
    }
    return words;
}

// The words of a warp in `packed` [W] of N bits.
DEVICE Words load_fired(const uint32* packed, int32 W, int32 N) {
    Words words;
#pragma unroll
    for (int32 w = 0; w < LANES; w++) {
        words.of[w] = word_at(packed, int32(threadIdx.x) / 32 * LANES + w, W, N);
    }
    return words;
}

// The words of a warp in bytes [N].
DEVICE Words load_before(const uint8* spikes, const Lanes<LANES>& lanes, bool joined) {
    uint32 fired = 0;
#pragma unroll
    for (int32 w = 0; w < LANES; w++) {
        if (w < lanes.count) fired |= uint32(spikes[lanes.at(w)] != 0) << w;
    }
    return to_words(fired, joined);
}

DEVICE void store_words_of(uint32* packed, int32 W, const Words& words) {
    const int32 lane = threadIdx.x & 31;
    const int32 first = int32(threadIdx.x) / 32 * LANES;
#pragma unroll
    for (int32 w = 0; w < LANES; w++) {
        if (lane == w && first + w < W) packed[first + w] = words.of[w];
    }
}

// List the neurons of the set bits, ascending. Every thread of the block must call it; the list may
// be read after the call, and the next call waits for every thread before it writes.
DEVICE int32 list_fired(const Words& words, FiredList& list) {
    const int32 lane = threadIdx.x & 31;
    const int32 warp = threadIdx.x / 32;
    const int32 warps = blockDim.x / 32;
    int32 count = 0;
#pragma unroll
    for (int32 w = 0; w < LANES; w++) count += __popc(words.of[w]);
    if (lane == 0) list.counts[warp] = count;
    __syncthreads();
    int32 place = 0, found = 0;
    for (int32 other = 0; other < warps; other++) {
        if (other < warp) place += list.counts[other];
        found += list.counts[other];
    }
#pragma unroll
    for (int32 w = 0; w < LANES; w++) {
        const uint32 word = words.of[w];
        if (word >> lane & 1u) {
            const int32 before = __popc(word & ((1u << lane) - 1u));
            list.neurons[place + before] = uint16(COLUMNS * warp + 32 * w + lane);
        }
        place += __popc(word);
    }
    __syncthreads();
    return found;
}

// Add the rows of weights [N, N] of the neurons in the list.
DEVICE void add_fired(
    Own& total, const float* __restrict__ weights, int32 N, const FiredList& list, int32 found,
    const Lanes<LANES>& columns, bool joined
) {
    const uint16* listed = list.neurons;
    add_rows(total, weights, N, found, columns, joined, [=](int32 i) { return int64(listed[i]); });
}
