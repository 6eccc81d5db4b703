// Small kernels that put the harness itself to the test.
#include "prelude.cuh"

struct Pair { float scale; int32 offset; };

__global__ void fill(int32* out, int32 n, Pair pair) {
    int64 i = thread_index();
    if (i < n) out[i] = int32(pair.scale * float(i)) + pair.offset;
}

__global__ void indices(int32* out) {
    int x = blockIdx.x * blockDim.x + threadIdx.x;
    int y = blockIdx.y * blockDim.y + threadIdx.y;
    int z = blockIdx.z * blockDim.z + threadIdx.z;
    int width = gridDim.x * blockDim.x, height = gridDim.y * blockDim.y;
    out[(z * height + y) * width + x] = 10000 * z + 100 * y + x;
}

template <bool BARRIER>
__global__ void block_sum(const float* x, float* out) {
    __shared__ float partial[64];
    int i = threadIdx.x;
    partial[i] = x[blockIdx.x * 64 + i];
    for (int step = 32; step > 0; step /= 2) {
        if (BARRIER) __syncthreads();
        if (i < step) partial[i] += partial[i + step];
    }
    if (i == 0) out[blockIdx.x] = partial[0];
}

__global__ void row_sum(const float* x, float* out, int32 width) {
    int row = blockIdx.x * (blockDim.x / 32) + threadIdx.x / 32, lane = threadIdx.x % 32;
    float sum = 0.0f;
    for (int k = lane; k < width; k += 32) sum += x[row * width + k];
    for (int step = 16; step > 0; step /= 2) sum += __shfl_down_sync(FULL_WARP, sum, step);
    if (lane == 0) out[row] = sum;
}

__global__ void compact(const uint8* flags, int32* out, int32* count) {
    unsigned votes = __ballot_sync(FULL_WARP, flags[threadIdx.x]);
    int before = __popc(votes & ((1u << threadIdx.x) - 1));
    if (flags[threadIdx.x]) out[before] = threadIdx.x;
    if (threadIdx.x == 0) *count = __popc(votes);
}

__global__ void reverse(const int32* x, int32* out) {
    extern __shared__ int32 buffer[];
    buffer[threadIdx.x] = x[threadIdx.x];
    __syncthreads();
    out[threadIdx.x] = buffer[blockDim.x - 1 - threadIdx.x];
}

__global__ void poison(float* out) {
    __shared__ float never_written[4];
    out[threadIdx.x] = never_written[threadIdx.x];
}

__global__ void count_all(int32* integers, float* floats) {
    atomicAdd(integers, 2);
    atomicAdd(floats, 0.5f);
    atomicMax(integers + 1, int32(thread_index()));
}

DEVICE void grid_barrier(int32* counter, int32 round) {
    __syncthreads();
    if (threadIdx.x == 0) {
        __threadfence();
        atomicAdd(counter, 1);
        while (atomicAdd(counter, 0) < int32(gridDim.x) * (round + 1)) __nanosleep(20);
    }
    __syncthreads();
}

__global__ void rounds(int32* counter, int32* values, int32 n_rounds) {
    __shared__ int32 own;
    for (int round = 0; round < n_rounds; round++) {
        if (threadIdx.x == 0) own = values[(blockIdx.x + 1) % gridDim.x];
        grid_barrier(counter, 2 * round);
        if (threadIdx.x == 0) values[blockIdx.x] = own;
        grid_barrier(counter, 2 * round + 1);
    }
}

__global__ void mailbox(int32* box, int32* out) {
    int me = blockIdx.x;
    if (threadIdx.x == 0) {
        atomicExch(box + me, me + 1);
        int other = (me + 1) % gridDim.x, got = 0;
        while ((got = atomicAdd(box + other, 0)) == 0) __nanosleep(20);
        out[me] = got;
    }
}

__global__ void divergent() {
    if (threadIdx.x % 2)
        __syncthreads();
    else
        __syncthreads();
}

__global__ void lost_lane(int32* out) {
    if (threadIdx.x == 7) return;
    out[threadIdx.x] = __shfl_sync(FULL_WARP, int(threadIdx.x), 0);
}

__global__ void spin(int32* flag) {
    while (atomicAdd(flag, 0) == 0) __nanosleep(20);
}

__global__ void out_of_bounds(float* out, int32 n) { out[n] = 1.0f; }

__global__ void write_const(const float* in) { const_cast<float*>(in)[0] = 1.0f; }

__global__ void two_floats(const float* a, float* b) { b[0] = a[0]; }
