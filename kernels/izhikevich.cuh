// Izhikevich's neuron by forward Euler, both states moving from the same point, as NEST's
// izhikevich with consistent_integration does.
#pragma once

#include "neuron.cuh"

struct Izhikevich {
    static constexpr int32 STATES = 3;
    static constexpr int32 COEFFICIENTS = 8;
    static constexpr int32 CHANNELS = 1;
    static constexpr bool LATE = false;

    float rate_v, gain, drive, rate_u, b, jump, v_threshold, v_reset;
    float v, u;  // state

    DEVICE void set(const Coefficients& numbers, int32 n) {
        rate_v = numbers.get(0, n);
        gain = numbers.get(1, n);
        drive = numbers.get(2, n);
        rate_u = numbers.get(3, n);
        b = numbers.get(4, n);
        jump = numbers.get(5, n);
        v_threshold = numbers.get(6, n);
        v_reset = numbers.get(7, n);
    }

    // `stride` is the distance between two rows of the state.
    DEVICE void load(const float* state, int64 stride) {
        v = state[0];
        u = state[stride];
    }

    // The neuron never rests.
    DEVICE void store(float* state, int64 stride) const {
        state[0] = v;
        state[stride] = u;
        state[2 * stride] = 0.0f;
    }

    DEVICE Outcome step(float current) {
        const float slope = ((0.04f * v + 5.0f) * v - u) + drive;
        const float recovered = u + rate_u * (b * v - u);
        Outcome done;
        done.resting = false;
        done.v_pre = cut(v + (rate_v * slope + gain * current));
        done.spiked = done.v_pre >= v_threshold;
        // An infinite voltage does not vanish in the reset: it becomes NaN.
        v = done.spiked ? v_reset + (done.v_pre - done.v_pre) : done.v_pre;
        u = cut(done.spiked ? recovered + jump : recovered);
        return done;
    }
};
