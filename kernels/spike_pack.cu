// Spikes as bytes -> spikes as bits: bit j of word w is neuron 32 w + j.
#include "spike_words.cuh"

// A warp makes 32 words: word k by the vote on pass k, kept by lane k, so that the words are
// stored in one piece.
__global__ void spike_pack(
    const uint8* __restrict__ spikes,  // [R, N]  in
    uint32* __restrict__ packed,  // [R, W]  out
    int32 R,
    int32 N,
    int32 W
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
            const bool fired = lane < length && spikes[start + lane] != 0;
            const uint32 vote = __ballot_sync(FULL_WARP, fired);
            if (lane == k) bits = vote;
        }
        if (base + lane < words) packed[base + lane] = bits;
    }
}
