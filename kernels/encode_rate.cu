// Values -> spikes at random, with a probability per step that is the value.
#include "encode.cuh"
#include "philox.cuh"

// A thread stays on its element, and makes four steps of each Philox block.
__global__ void encode_rate(
    const float* __restrict__ values,  // [B, N]  in
    uint8* __restrict__ spikes,  // [T, B, N]  out
    int32 T,
    int32 B,
    int32 N,
    uint32 seed,
    uint32 stream,
    uint64 first_step
) {
    const int64 elements = int64(B) * N;
    const int64 element = thread_index();
    if (element >= elements) return;
    const uint32 threshold = level(values[element]);
    const uint64 end = first_step + T;
    for (uint64 block = first_step / 4 + blockIdx.y; 4 * block < end; block += gridDim.y) {
        const uint4 random = philox(seed, stream, element, block);
        const uint32 words[4] = {random.x, random.y, random.z, random.w};
#pragma unroll
        for (int32 word = 0; word < 4; word++) {
            const uint64 step = 4 * block + word;
            if (step < first_step || step >= end) continue;
            const int64 t = int64(step - first_step);
            spikes[t * elements + element] = uint8((words[word] >> 1) < threshold);
        }
    }
}
