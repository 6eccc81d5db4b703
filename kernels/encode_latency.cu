// Values -> one spike each, the earlier the larger the value.
#include "encode.cuh"

// A thread stays on its element and writes every gridDim.y-th step of it.
__global__ void encode_latency(
    const float* __restrict__ values,  // [B, N]  in
    uint8* __restrict__ spikes,  // [T, B, N]  out
    int32 T,
    int32 B,
    int32 N
) {
    const int64 elements = int64(B) * N;
    const int64 element = thread_index();
    if (element >= elements) return;
    const uint64 delay = (1u << 31) - level(values[element]);
    const int64 step = int64(delay * uint64(T - 1) >> 31);
    for (int64 t = blockIdx.y; t < T; t += gridDim.y) {
        spikes[t * elements + element] = uint8(t == step);
    }
}
