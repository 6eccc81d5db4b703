// Leaky integrate-and-fire neuron: the input moves the membrane in the step in which it arrives.
#pragma once

#include "neuron.cuh"

struct LIF {
    static constexpr int32 STATES = 2;
    static constexpr int32 COEFFICIENTS = 5;
    static constexpr int32 CHANNELS = 1;
    static constexpr bool LATE = false;

    Membrane membrane;
    float gain;

    DEVICE void set(const Coefficients& numbers, int32 n) {
        gain = numbers.get(1, n);
        membrane.set(
            numbers, numbers.get(0, n), numbers.get(2, n), numbers.get(3, n), numbers.get(4, n)
        );
    }

    // `stride` is the distance between two rows of the state.
    DEVICE void load(const float* state, int64 stride) {
        membrane.v = state[0];
        membrane.refractory = state[stride];
    }

    DEVICE void store(float* state, int64 stride) const {
        state[0] = membrane.v;
        state[stride] = membrane.refractory;
    }

    DEVICE Outcome step(float current) { return membrane.move(gain * current); }

    // What the gain multiplies in a step, asked for before it.
    DEVICE float driver(float current) const { return current; }

    // Gradient with respect to the state.
    struct Gradient {
        float v;

        DEVICE void load(const float* state, int64) { v = state[0]; }

        DEVICE void store(float* state, int64 stride) const {
            state[0] = v;
            state[stride] = 0.0f;
        }
    };

    // Move the rest of the gradient over a step; returns the gradient with respect to its input.
    DEVICE float back(Gradient&, const Parts& parts) const { return gain * parts.moved; }

    DEVICE void add(float* sums, const Parts& parts, float v, float input, float) const {
        sums[0] += parts.moved * v;
        sums[1] += parts.moved * input;
        sums[2] += parts.moved;
        sums[3] += membrane.to_threshold(parts);
        sums[4] += membrane.to_reset(parts);
    }
};
