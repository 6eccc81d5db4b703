// Source, target, weight and delay of a synapse, from its number alone.
#pragma once

#include "network_normal.cuh"
#include "network_search.cuh"
#include "philox.cuh"

enum Connector : int32 {
    FIXED_TOTAL_NUMBER,
    FIXED_IN_DEGREE,
    ALL_TO_ALL,
    ONE_TO_ONE,
    FROM_LIST,
    FIXED_OUT_DEGREE,
    FIXED_PROBABILITY,
};

enum Distribution : int32 { CONSTANT, NORMAL, UNIFORM, LISTED, LOG_NORMAL };

// Columns of a row of `connections`.
enum Field : int32 {
    CONNECTOR,
    COUNT,
    FIRST_SOURCE,
    N_PRE,
    FIRST_TARGET,
    N_POST,
    DEGREE,
    STREAM,
    FIRST_LISTED_END,
    WEIGHT_KIND,
    FIRST_THRESHOLD,
    N_THRESHOLDS,
    SHORTEST,
    CHANNEL,
    NO_AUTAPSES,
    NO_MULTAPSES,
    FIRST_COUNTED,
    FIRST_LISTED_WEIGHT,
    FIRST_LISTED_DELAY,
    CONNECTION_FIELDS,
};

constexpr int32 DISTRIBUTION_FIELDS = 7;

// A number below `size` from a 32-bit word.
DEVICE int64 choose(uint32 word, int64 size) { return int64(uint64(word) * uint64(size) >> 32); }

// A value of the distribution of a row of numbers, from a 32-bit word.
DEVICE double draw(int32 kind, const double* __restrict__ row, uint32 word) {
    const double u = (double(word) + 0.5) * (1.0 / 4294967296.0);
    if (kind == UNIFORM) return row[0] + row[1] * u;
    if (kind != NORMAL && kind != LOG_NORMAL) return row[0];
    double value = row[0] + row[1] * normal_quantile(row[2] + row[3] * u);
    if (kind == LOG_NORMAL) value = exponential(value);
    value = value > row[4] ? value : row[4];
    return value < row[5] ? value : row[5];
}

// A 32-bit word whose bits all depend on all bits of x; multipliers of C. Wellons's lowbias32.
DEVICE uint32 mix(uint32 x) {
    x *= 0x7feb352du;
    x ^= x >> 15;
    x *= 0x846ca68bu;
    return x ^ (x >> 16);
}

// Image of `element` under the permutation of 0, ..., size - 1 that belongs to `row`: an
// alternating Feistel network on so many bits that they hold size, applied until the image lies
// below it.
DEVICE int64 permuted(uint32 seed, uint32 stream, int64 row, int64 element, int64 size) {
    constexpr int32 LEAST_BITS = 6;
    const uint4 one = philox(seed, stream, uint64(row), 1);
    const uint4 two = philox(seed, stream, uint64(row), 2);
    const int32 bits = max(LEAST_BITS, 64 - __clzll(size - 1));
    const int32 low_bits = bits - bits / 2;
    const uint32 low_mask = uint32((1ull << low_bits) - 1);
    const uint32 high_mask = uint32((1ull << bits / 2) - 1);
    uint64 image = uint64(element);
    do {
        uint32 low = uint32(image) & low_mask, high = uint32(image >> low_bits);
        low ^= mix(high ^ one.x) & low_mask;
        high ^= mix(low ^ one.y) & high_mask;
        low ^= mix(high ^ one.z) & low_mask;
        high ^= mix(low ^ one.w) & high_mask;
        low ^= mix(high ^ two.x) & low_mask;
        high ^= mix(low ^ two.y) & high_mask;
        low ^= mix(high ^ two.z) & low_mask;
        high ^= mix(low ^ two.w) & high_mask;
        image = uint64(high) << low_bits | low;
    } while (image >= uint64(size));
    return int64(image);
}

struct Ends {
    int64 source, target;  // within their populations
};

// Ends of synapse `number` of a projection. Where a neuron must not join itself, its partner is
// chosen among one fewer, and those from the neuron's own number on are moved up by one.
DEVICE Ends ends(
    const int64* __restrict__ fields,
    const int64* __restrict__ counted,
    const int32* __restrict__ listed_sources,
    const int32* __restrict__ listed_targets,
    int64 number,
    const uint4& words,
    uint32 seed
) {
    const int64 kind = fields[CONNECTOR];
    if (kind == ONE_TO_ONE) return {number, number};
    if (kind == FROM_LIST) {
        const int64 listed = fields[FIRST_LISTED_END] + number;
        return {listed_sources[listed], listed_targets[listed]};
    }
    const int64 skipped = fields[NO_AUTAPSES];
    const int64 sources = fields[N_PRE] - skipped, targets = fields[N_POST] - skipped;
    const bool distinct = fields[NO_MULTAPSES] != 0;
    const uint32 stream = uint32(fields[STREAM]);
    Ends found;
    if (kind == FIXED_IN_DEGREE || (kind == FIXED_TOTAL_NUMBER && !distinct)) {
        if (kind == FIXED_TOTAL_NUMBER) {
            found = {choose(words.x, sources), choose(words.y, fields[N_POST])};
        } else {
            const int64 degree = fields[DEGREE];
            found.target = number / degree;
            found.source =
                distinct ? permuted(seed, stream, found.target, number % degree, sources)
                         : choose(words.x, sources);
        }
        found.source += skipped & int64(found.source >= found.target);
        return found;
    }
    if (kind == FIXED_TOTAL_NUMBER || kind == ALL_TO_ALL) {
        const int64 pair = kind == ALL_TO_ALL
                               ? number
                               : permuted(seed, stream, 0, number, fields[N_PRE] * targets);
        found = {pair / targets, pair % targets};
    } else {
        int64 element;
        if (kind == FIXED_OUT_DEGREE) {
            found.source = number / fields[DEGREE];
            element = number % fields[DEGREE];
        } else {
            const int64* before = counted + fields[FIRST_COUNTED];
            found.source = reached(before, fields[N_PRE] + 1, number) - 1;
            element = number - before[found.source];
        }
        found.target = distinct ? permuted(seed, stream, found.source, element, targets)
                                : choose(words.y, targets);
    }
    found.target += skipped & int64(found.target >= found.source);
    return found;
}
