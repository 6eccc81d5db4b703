// Spikes as bits -> spikes as numbers, 0 or 1.
#include "spike_words.cuh"

DEVICE void store_spike(uint8* spikes, int64 place, uint32 bit, int32 size) {
    if (size == 1) {
        spikes[place] = uint8(bit);
    } else {
        reinterpret_cast<float*>(spikes)[place] = float(bit);
    }
}

// A warp loads 32 words in one piece and writes them out one after the other, a lane per neuron.
__global__ void spike_unpack(
    const uint32* __restrict__ packed,  // [R, W]  in
    uint8* __restrict__ spikes,  // [R, N]  out
    int32 R,
    int32 N,
    int32 W,
    int32 size  // bytes of a number
) {
    const int32 lane = threadIdx.x & 31;
    const int64 words = int64(R) * W;
    for (int64 base = thread_index() - lane; base < words; base += thread_count()) {
        const WordSpan span = word_span(base + lane, R, N, W);
        const uint32 bits = base + lane < words ? packed[base + lane] : 0;
#pragma unroll
        for (int32 k = 0; k < 32; k++) {
            const int64 start = __shfl_sync(FULL_WARP, span.start, k);
            const int32 length = __shfl_sync(FULL_WARP, span.length, k);
            const uint32 word = __shfl_sync(FULL_WARP, bits, k);
            if (lane < length) store_spike(spikes, start + lane, word >> lane & 1, size);
        }
    }
}
