// Leaky integrator: a membrane that never fires.
#pragma once

#include "neuron.cuh"

struct LI {
    static constexpr int32 COEFFICIENTS = 3;

    float decay, gain, drive;

    DEVICE void set(const Coefficients& numbers, int32 n) {
        decay = numbers.get(0, n);
        gain = numbers.get(1, n);
        drive = numbers.get(2, n);
    }

    // The voltage behind a step that begins with v.
    DEVICE float step(float v, float current) const {
        return cut(decay * v + (gain * current + drive));
    }
};
