// Values -> responses of neurons with Gaussian tuning curves.
#include "surrogates.cuh"

constexpr int32 PER_THREAD = 8;

// A block writes one piece of responses, and divides by F in 32 bits from the piece's start on.
__global__ void encode_population(
    const float* __restrict__ values,  // [B, N]  in
    const float* __restrict__ centers,  // [F]  in
    float* __restrict__ responses,  // [B, N, F]  out
    int32 B,
    int32 N,
    int32 F,
    float width
) {
    const int64 total = int64(B) * N * F;
    const int64 start = int64(blockIdx.x) * blockDim.x * PER_THREAD;
    const int64 first_value = start / F;
    const uint32 first_center = uint32(start - first_value * F);
#pragma unroll
    for (int32 pass = 0; pass < PER_THREAD; pass++) {
        const uint32 k = threadIdx.x + pass * blockDim.x;
        if (start + k >= total) return;
        const uint32 value = (first_center + k) / uint32(F);
        const uint32 center = first_center + k - value * uint32(F);
        const float z = (values[first_value + value] - centers[center]) / width;
        responses[start + k] = exp_minus(0.5f * (z * z));
    }
}
