// Leaky integrate-and-fire neuron whose threshold rises at each of its spikes and decays.
#pragma once

#include "neuron.cuh"

struct ALIF {
    static constexpr int32 STATES = 3;
    static constexpr int32 COEFFICIENTS = 7;
    static constexpr int32 CHANNELS = 1;
    static constexpr bool LATE = false;

    Membrane membrane;  // its threshold and amount are those of the running step
    float gain, decay_adaptation, jump, v_threshold, v_reset;
    float a;  // state

    DEVICE void set(const Coefficients& numbers, int32 n) {
        gain = numbers.get(1, n);
        decay_adaptation = numbers.get(3, n);
        jump = numbers.get(4, n);
        v_threshold = numbers.get(5, n);
        v_reset = numbers.get(6, n);
        membrane.set(numbers, numbers.get(0, n), numbers.get(2, n), v_threshold, v_reset);
    }

    // `stride` is the distance between two rows of the state.
    DEVICE void load(const float* state, int64 stride) {
        membrane.v = state[0];
        a = state[stride];
        membrane.refractory = state[2 * stride];
    }

    DEVICE void store(float* state, int64 stride) const {
        state[0] = membrane.v;
        state[stride] = a;
        state[2 * stride] = membrane.refractory;
    }

    DEVICE Outcome step(float current) {
        membrane.v_threshold = v_threshold + jump * a;
        if (membrane.reset == SOFT) membrane.amount = membrane.v_threshold - v_reset;
        const Outcome done = membrane.move(gain * current);
        a = cut(decay_adaptation * a + (done.spiked ? 1.0f : 0.0f));
        return done;
    }
};
