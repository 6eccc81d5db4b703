// Where the neurons of a 32-bit word of packed spikes stand in the dense array.
#pragma once

#include "prelude.cuh"

struct WordSpan {
    int64 start;   // flat offset of the word's first neuron in [R, N]
    int32 length;  // neurons in the word; 0 past the last word
};

// One division per word: a warp computes the spans of 32 words at once and shuffles them.
DEVICE WordSpan word_span(int64 word, int32 R, int32 N, int32 W) {
    if (word >= int64(R) * W) return {0, 0};
    const int64 row = word / W;
    const int32 first = 32 * int32(word - row * W);
    return {row * N + first, min(32, N - first)};
}
