// Sums of rows that bits choose: a warp adds them for 32 * LANES columns, in ascending order and one
// addition at a time.
#pragma once

#include "float_lanes.cuh"

constexpr int32 LANES = 2;  // columns of a thread
constexpr int32 COLUMNS = 32 * LANES;  // of a warp
constexpr int32 CHUNK = 1024;  // bits of a word per lane
constexpr int32 AT_ONCE = 8;  // rows whose loads are under way

using Own = Floats<LANES>;

// Word v of the V that hold N bits; whatever stands behind the last bit does not count.
DEVICE uint32 word_at(const uint32* words, int32 v, int32 V, int32 N) {
    if (v >= V) return 0;
    return v == V - 1 && N % 32 ? words[v] & ((1u << N % 32) - 1u) : words[v];
}

// Bit w of `fired` -> a byte of row `spikes`.
DEVICE void store_bytes(uint8* spikes, const Lanes<LANES>& lanes, uint32 fired, bool joined) {
    if (joined) {
        if (lanes.count == 0) return;
        const uint32 both = (fired & 1u) | (fired >> 1 & 1u) << 8;
        *reinterpret_cast<uint16*>(spikes + lanes.place) = uint16(both);
    } else {
#pragma unroll
        for (int32 w = 0; w < LANES; w++) {
            if (w < lanes.count) spikes[lanes.at(w)] = uint8(fired >> w & 1u);
        }
    }
}

// Write the places of the bits in the words of a warp's lanes to `list` [CHUNK], which is the
// warp's own; returns how many.
DEVICE int32 list_bits(uint32 word, uint16* list) {
    const int32 lane = threadIdx.x & 31;
    const int32 own = __popc(word);
    int32 place = own;
#pragma unroll
    for (int32 other = 1; other < 32; other *= 2) {
        const int32 below = __shfl_up_sync(FULL_WARP, place, other);
        if (lane >= other) place += below;
    }
    const int32 found = __shfl_sync(FULL_WARP, place, 31);
    place -= own;
    __syncwarp();
    for (; word; word &= word - 1) list[place++] = uint16(32 * lane + __ffs(int32(word)) - 1);
    __syncwarp();
    return found;
}

// Add row(0), row(1), ... of `rows` [., M] to the thread's columns.
template <class Row>
DEVICE void add_rows(
    Own& total, const float* __restrict__ rows, int64 M, int32 found, const Lanes<LANES>& columns,
    bool joined, Row row
) {
    if (columns.count == 0) return;
    if (joined) {
        for (int32 first = 0; first < found; first += AT_ONCE) {
            float2 terms[AT_ONCE] = {};
#pragma unroll
            for (int32 k = 0; k < AT_ONCE; k++) {
                if (first + k >= found) break;
                terms[k] = *reinterpret_cast<const float2*>(
                    rows + row(first + k) * M + columns.place
                );
            }
#pragma unroll
            for (int32 k = 0; k < AT_ONCE; k++) {
                if (first + k >= found) break;
                total.x[0] += terms[k].x;
                total.x[1] += terms[k].y;
            }
        }
    } else {
#pragma unroll 4
        for (int32 i = 0; i < found; i++) {
            const float* own = rows + row(i) * M + columns.place;
#pragma unroll
            for (int32 w = 0; w < LANES; w++) {
                if (w < columns.count) total.x[w] += own[32 * w];
            }
        }
    }
}

// What a layer's weights make of the spikes of a step.
struct Arriving {
    const float* weights;  // [N, M]
    int32 N, V, M;
    Lanes<LANES> columns;
    bool joined;
    uint16* list;  // [CHUNK] of the warp
    uint32 next;  // the lane's word that is needed next

    DEVICE void start(const uint32* words) { next = word_at(words, threadIdx.x & 31, V, N); }

    // Add the rows of the bits in `words` [V]. `after` [V], or null, is what the next call gets:
    // its first words are then under way.
    DEVICE void add(Own& total, const uint32* words, const uint32* after) {
        const int32 lane = threadIdx.x & 31;
        for (int32 first = 0; first < V; first += 32) {
            const uint32 now = next;
            if (first + 32 < V) {
                next = word_at(words, first + 32 + lane, V, N);
            } else if (after) {
                next = word_at(after, lane, V, N);
            }
            const int32 found = list_bits(now, list);
            const uint16* listed = list;
            add_rows(
                total, weights + int64(first) * 32 * M, M, found, columns, joined,
                [=](int32 i) { return int64(listed[i]); }
            );
        }
    }
};
