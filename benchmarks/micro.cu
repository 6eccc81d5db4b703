// Small kernels that measure what the design rests on: launches, shared-memory atomics, how long
// all blocks need to hear of each other, and random reads of rows. Each leaves a result that tells
// whether it did its work.
#include "prelude.cuh"

constexpr int32 BINS = 8192;
constexpr int32 ROW_WORDS = 32;

DEVICE uint32 mix(uint32 x) {
    x = (x ^ (x >> 16)) * 0x7feb352du;
    x = (x ^ (x >> 15)) * 0x846ca68bu;
    return x ^ (x >> 16);
}

__global__ void nothing() {}

// Every thread adds 1 to `updates` random ones of the first `spread` bins of its block.
template <class T>
__global__ void shared_atomics(
    T* __restrict__ sums,  // [blocks]  out: everything that was added
    int32 updates,
    int32 spread  // a power of two, at most BINS
) {
    __shared__ T bins[BINS];
    for (int32 i = threadIdx.x; i < BINS; i += blockDim.x) bins[i] = T(0);
    __syncthreads();
    uint32 random = mix(uint32(thread_index()));
    for (int32 k = 0; k < updates; k++) {
        random = random * 1664525u + 1013904223u;
        atomicAdd(&bins[(random >> 8) & uint32(spread - 1)], T(1));
    }
    __syncthreads();
    for (int32 half = BINS / 2; half > 0; half /= 2) {
        for (int32 i = threadIdx.x; i < half; i += blockDim.x) bins[i] += bins[i + half];
        __syncthreads();
    }
    if (threadIdx.x == 0) sums[blockIdx.x] = bins[0];
}

DEVICE void grid_barrier(uint32* arrived, uint32 expected) {
    __syncthreads();
    if (threadIdx.x == 0) {
        __threadfence();
        atomicAdd(arrived, 1u);
        while (*static_cast<volatile uint32*>(arrived) < expected) __nanosleep(0);
        __threadfence();
    }
    __syncthreads();
}

// Blocks write a number, meet at a barrier, and add up what their right neighbour wrote.
__global__ void barrier_rounds(
    uint32* arrived,  // [1]  inout: 0 before
    uint32* values,  // [2, blocks]  out
    uint32* sums,  // [blocks]  out: rounds * (rounds + 1) / 2
    int32 rounds
) {
    const uint32 blocks = gridDim.x;
    const uint32 right = (blockIdx.x + 1) % blocks;
    uint32 sum = 0;
    for (uint32 round = 1; round <= uint32(rounds); round++) {
        volatile uint32* slots = values + (round & 1) * blocks;
        if (threadIdx.x == 0) slots[blockIdx.x] = round;
        grid_barrier(arrived, round * blocks);
        if (threadIdx.x == 0) sum += slots[right];
    }
    if (threadIdx.x == 0) sums[blockIdx.x] = sum;
}

// Every block posts a number and reads those of all blocks; number and round travel in one 64-bit
// word, so no barrier is needed. Two sets of slots: a block is never two rounds ahead of another.
__global__ void mailbox_rounds(
    uint64* slots,  // [2, blocks]  inout: 0 before
    uint32* sums,  // [blocks]  out: sum over rounds and blocks of round + block
    int32 rounds
) {
    const uint32 blocks = gridDim.x;
    uint32 sum = 0;
    for (uint32 round = 1; round <= uint32(rounds); round++) {
        volatile uint64* box = slots + (round & 1) * blocks;
        __syncthreads();
        if (threadIdx.x == 0) box[blockIdx.x] = uint64(round) << 32 | (round + blockIdx.x);
        for (uint32 other = threadIdx.x; other < blocks; other += blockDim.x) {
            uint64 packet = box[other];
            while (uint32(packet >> 32) != round) {
                __nanosleep(0);
                packet = box[other];
            }
            sum += uint32(packet);
        }
    }
    atomicAdd(sums + blockIdx.x, sum);
}

// Warps read random rows of 128 bytes; chained, a row's number depends on what was read before.
template <bool CHAINED>
__global__ void row_reads(
    const uint32* __restrict__ table,  // [rows, 32]  in: all 1
    uint32* __restrict__ sums,  // [threads]  out: reads
    int64 rows,  // a power of two
    int32 reads
) {
    const uint32 lane = threadIdx.x & 31;
    const uint32 warp = uint32(thread_index() >> 5);
    uint32 sum = 0;
#pragma unroll 8
    for (int32 k = 0; k < reads; k++) {
        const uint32 number = CHAINED ? sum : uint32(k);
        const int64 row = int64(mix(warp * 0x9E3779B9u + number)) & (rows - 1);
        sum += table[row * ROW_WORDS + lane];
    }
    sums[thread_index()] = sum;
}
