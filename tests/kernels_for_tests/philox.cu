// Philox of many counters, to be compared with the other backends.
#include "philox.cuh"

__global__ void philox_words(
    const uint64* index, const uint64* block, uint32* words, int32 n, uint32 seed, uint32 stream
) {
    const int64 i = thread_index();
    if (i >= n) return;
    const uint4 random = philox(seed, stream, index[i], block[i]);
    words[4 * i] = random.x;
    words[4 * i + 1] = random.y;
    words[4 * i + 2] = random.z;
    words[4 * i + 3] = random.w;
}
