// Which neurons a thread has, and how it takes their numbers from memory and back.
#pragma once

#include "reals.cuh"

// A warp has 32 W neurons in a row of memory. Where rows allow loads of 16 bytes a thread's W lie
// side by side; else 32 apart, so that the warp's loads join.
template <int32 W>
struct Lanes {
    int64 place;  // flat offset of the thread's first neuron
    int64 share;  // flat offset of the thread's share of the warp's numbers, for `prefetch`
    int32 count;  // how many there are: the last ones of a row may be missing
    bool joined;

    DEVICE int64 at(int32 w) const { return place + w * (joined ? 1 : 32); }
};

// Warp `warp` of row `row`, whose rows have `length` numbers.
template <int32 W>
DEVICE Lanes<W> lanes_of(int64 row, int64 warp, int64 length, bool joined) {
    const int32 lane = threadIdx.x & 31;
    const int64 share = warp * (32 * W) + lane * W;
    const int64 column = joined ? share : share - lane * (W - 1);
    const int64 left = length - column;
    const int64 count = left <= 0 ? 0 : joined ? W : (left + 31) / 32;
    const int64 within = share < length ? share : length - 1;
    return {row * length + column, row * length + within, int32(count < W ? count : W), joined};
}

template <int32 W>
DEVICE void load_words(uint32 (&words)[W], const void* from) {
    if constexpr (W == 1) {
        words[0] = *static_cast<const uint32*>(from);
    } else if constexpr (W == 2) {
        const uint2 pair = *static_cast<const uint2*>(from);
        words[0] = pair.x;
        words[1] = pair.y;
    } else {
#pragma unroll
        for (int32 k = 0; k < W; k += 4) {
            const uint4 four = static_cast<const uint4*>(from)[k / 4];
            words[k] = four.x;
            words[k + 1] = four.y;
            words[k + 2] = four.z;
            words[k + 3] = four.w;
        }
    }
}

template <int32 W>
DEVICE void store_words(void* to, const uint32 (&words)[W]) {
    if constexpr (W == 1) {
        *static_cast<uint32*>(to) = words[0];
    } else if constexpr (W == 2) {
        *static_cast<uint2*>(to) = make_uint2(words[0], words[1]);
    } else {
#pragma unroll
        for (int32 k = 0; k < W; k += 4) {
            static_cast<uint4*>(to)[k / 4] =
                make_uint4(words[k], words[k + 1], words[k + 2], words[k + 3]);
        }
    }
}

DEVICE uint32 bits_of(float x) { return __float_as_uint(x); }

DEVICE uint32 bits_of(Half x) { return x.bits; }

DEVICE void set_bits(float& x, uint32 bits) { x = __uint_as_float(bits); }

DEVICE void set_bits(Half& x, uint32 bits) { x.bits = uint16(bits); }

DEVICE void set_bits(uint8& x, uint32 bits) { x = uint8(bits); }

DEVICE void set_bits(uint16& x, uint32 bits) { x = uint16(bits); }

DEVICE void set_bits(uint32& x, uint32 bits) { x = bits; }

// The numbers of a thread's neurons; 0 for those that are missing.
template <class T, int32 W>
DEVICE Pack<T, W> load_lanes(const T* row, const Lanes<W>& lanes) {
    Pack<T, W> pack = {};
    if (lanes.joined) {
        if (lanes.count) load_words(pack.words, row + lanes.place);
    } else {
#pragma unroll
        for (int32 w = 0; w < W; w++) {
            if (w < lanes.count) pack.put(w, bits_of(row[lanes.place + 32 * w]));
        }
    }
    return pack;
}

template <class T, int32 W>
DEVICE void store_lanes(T* row, const Lanes<W>& lanes, const Pack<T, W>& pack) {
    if (lanes.joined) {
        if (lanes.count) store_words(row + lanes.place, pack.words);
    } else {
#pragma unroll
        for (int32 w = 0; w < W; w++) {
            if (w < lanes.count) set_bits(row[lanes.place + 32 * w], pack.get(w));
        }
    }
}

// `each` is neurons or gradients: load and store take one's numbers from rows of memory.
template <int32 STATES, class Each, int32 W>
DEVICE void load_states(
    Each (&each)[W], const float* state, int64 plane, const Lanes<W>& lanes
) {
    float rows[STATES * W];
#pragma unroll
    for (int32 s = 0; s < STATES; s++) {
        float row[W];
        widen(row, load_lanes(state + s * plane, lanes));
#pragma unroll
        for (int32 w = 0; w < W; w++) rows[s * W + w] = row[w];
    }
#pragma unroll
    for (int32 w = 0; w < W; w++) each[w].load(rows + w, W);
}

template <int32 STATES, class Each, int32 W>
DEVICE void store_states(
    const Each (&each)[W], float* state, int64 plane, const Lanes<W>& lanes
) {
    float rows[STATES * W];
#pragma unroll
    for (int32 w = 0; w < W; w++) each[w].store(rows + w, W);
#pragma unroll
    for (int32 s = 0; s < STATES; s++) {
        float row[W];
#pragma unroll
        for (int32 w = 0; w < W; w++) row[w] = rows[s * W + w];
        Pack<float, W> pack;
        narrow(pack, row);
        store_lanes(state + s * plane, lanes, pack);
    }
}

// A thread's neurons have the numbers of places modulo N.
template <class Neuron, int32 W>
DEVICE void set_neurons(
    Neuron (&neurons)[W], const Uniform& uniform, const float* values, int32 N,
    const Lanes<W>& lanes
) {
#pragma unroll
    for (int32 w = 0; w < W; w++) {
        const int32 n = values && w < lanes.count ? int32(lanes.at(w) % N) : 0;
        neurons[w].set({uniform, values, N}, n);
    }
}

template <class T, int32 W>
DEVICE void store_fired(T* row, const Lanes<W>& lanes, uint32 fired, uint32 one) {
    Pack<T, W> pack = {};
#pragma unroll
    for (int32 w = 0; w < W; w++) pack.put(w, fired >> w & 1u ? one : 0u);
    store_lanes(row, lanes, pack);
}

// Bit w of `fired` -> a number of `bytes` bytes each: `one`, or 0.
template <int32 W>
DEVICE void store_fired(
    uint8* spikes, int64 offset, int32 bytes, uint32 one, const Lanes<W>& lanes, uint32 fired
) {
    if (bytes == 1) {
        store_fired(spikes + offset, lanes, fired, one);
    } else if (bytes == 2) {
        store_fired(reinterpret_cast<uint16*>(spikes) + offset, lanes, fired, one);
    } else {
        store_fired(reinterpret_cast<uint32*>(spikes) + offset, lanes, fired, one);
    }
}

// Bit w of every thread's `fired` -> the W words of a warp, of which `words` exist.
template <int32 W>
DEVICE void store_packed(uint32* packed, const Lanes<W>& lanes, uint32 fired, int64 words) {
    const int32 lane = threadIdx.x & 31;
    if (lanes.joined) {
        constexpr int32 LANES = 32 / W;  // whose bits are one word
        uint32 word = fired << lane % LANES * W;
#pragma unroll
        for (int32 other = 1; other < LANES; other *= 2) {
            word |= __shfl_xor_sync(FULL_WARP, word, other);
        }
        if (lane % LANES == 0 && lane / LANES < words) packed[lane / LANES] = word;
    } else {
        uint32 word = 0;
#pragma unroll
        for (int32 w = 0; w < W; w++) {
            const uint32 vote = __ballot_sync(FULL_WARP, fired >> w & 1u);
            if (lane == w) word = vote;
        }
        if (lane < W && lane < words) packed[lane] = word;
    }
}
