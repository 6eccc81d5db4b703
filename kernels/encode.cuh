// Values of 0 to 1 as integers.
#pragma once

#include "prelude.cuh"

// 0 to 2^31, rounded down; the product is exact.
DEVICE uint32 level(float value) { return uint32(value * 2147483648.0f); }
