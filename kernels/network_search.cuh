// Searches in ascending tables.
#pragma once

#include "prelude.cuh"

// How many of the first entries of an ascending table are at most `value`.
template <class T, class Size>
DEVICE Size reached(const T* __restrict__ table, Size entries, T value) {
    Size low = 0, high = entries;
    while (low < high) {
        const Size middle = low + (high - low) / 2;
        if (table[middle] <= value) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}
