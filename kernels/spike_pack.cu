// Spikes as numbers -> spikes as bits: bit j of word w is neuron 32 w + j.
#include "spike_words.cuh"

constexpr uint32 FLOAT_ONE = 0x3f800000u;

struct Spike {
    bool fired;  // not 0
    bool other;  // neither 0 nor 1
};

// A number of one byte, or a float; a zero of either sign is 0.
DEVICE Spike load_spike(const uint8* spikes, int64 place, int32 size) {
    if (size == 1) return {spikes[place] != 0, spikes[place] > 1};
    const uint32 bits = reinterpret_cast<const uint32*>(spikes)[place];
    const bool fired = bits << 1 != 0;
    return {fired, fired && bits != FLOAT_ONE};
}

// A warp makes 32 words: word k by the vote on pass k, kept by lane k, so that the words are
// stored in one piece.
__global__ void spike_pack(
    const uint8* __restrict__ spikes,  // [R, N]  in
    uint32* __restrict__ packed,  // [R, W]  out
    uint8* __restrict__ others,  // [R]  out, optional
    int32 R,
    int32 N,
    int32 W,
    int32 size  // bytes of a number
) {
    const int32 lane = threadIdx.x & 31;
    const int64 words = int64(R) * W;
    for (int64 base = thread_index() - lane; base < words; base += thread_count()) {
        const WordSpan span = word_span(base + lane, R, N, W);
        uint32 bits = 0;
#pragma unroll
        for (int32 k = 0; k < 32; k++) {
            const int64 start = __shfl_sync(FULL_WARP, span.start, k);
            const int32 length = __shfl_sync(FULL_WARP, span.length, k);
            Spike spike = {};
            if (lane < length) spike = load_spike(spikes, start + lane, size);
            const uint32 vote = __ballot_sync(FULL_WARP, spike.fired);
            if (lane == k) bits = vote;
            if (others && spike.other) others[(base + k) / W] = 1;
        }
        if (base + lane < words) packed[base + lane] = bits;
    }
}
