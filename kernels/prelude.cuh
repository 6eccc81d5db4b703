// What every kernel starts from: sizes of the integers, where a thread stands in the grid, and the
// smallest state.
#pragma once

#define DEVICE __device__ __forceinline__

using uint8 = unsigned char;
using uint16 = unsigned short;
using uint32 = unsigned int;
using uint64 = unsigned long long;
using int32 = int;
using int64 = long long;

constexpr unsigned FULL_WARP = 0xffffffffu;

// Flat offsets are 64-bit: T * B * N passes 2^31 early.
DEVICE int64 thread_index() { return int64(blockIdx.x) * blockDim.x + threadIdx.x; }

DEVICE int64 thread_count() { return int64(gridDim.x) * blockDim.x; }

constexpr float TINY = 1e-30f;

// Zero in place of what has decayed below TINY: subnormal numbers never arise.
DEVICE float cut(float x) { return fabsf(x) < TINY ? 0.0f : x; }
