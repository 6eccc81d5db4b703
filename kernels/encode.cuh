// Values of 0 to 1 as integers.
#pragma once

#include "prelude.cuh"

// 0 to 2^31, rounded down; the product is exact. What is below 0 or NaN is 0, what is above 1 is 1:
// an integer made of a float out of its range may be anything.
DEVICE uint32 level(float value) {
    const float positive = value > 0.0f ? value : 0.0f;
    return uint32((positive < 1.0f ? positive : 1.0f) * 2147483648.0f);
}
