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

    static constexpr int32 KEPT = 1;
    static constexpr int32 KEPT_ALL = 3;

    // v_pre; v before, current.
    DEVICE Outcome keep(float current, float* kept) {
        kept[1] = membrane.v;
        kept[2] = current;
        const Outcome done = step(current);
        kept[0] = done.v_pre;
        return done;
    }

    DEVICE float distance(const float* kept) const { return kept[0] - membrane.v_threshold; }

    // Gradient with respect to the state.
    struct Gradient {
        float v;

        DEVICE void load(const float* state, int64) { v = state[0]; }

        DEVICE void store(float* state, int64 stride) const {
            state[0] = v;
            state[stride] = 0.0f;
        }
    };

    struct Way {
        float current;
        Parts parts;
    };

    DEVICE Way back(
        Gradient& grad, const float* kept, bool resting, float grad_spike, float derivative,
        bool detach_reset
    ) const {
        const Parts parts =
            membrane.back(grad.v, kept[0], resting, grad_spike, derivative, detach_reset);
        return {gain * parts.moved, parts};
    }

    DEVICE void add(float* sums, const float* kept, const Way& way) const {
        sums[0] += way.parts.moved * kept[1];
        sums[1] += way.parts.moved * kept[2];
        sums[2] += way.parts.moved;
        sums[3] += membrane.to_threshold(way.parts);
        sums[4] += membrane.to_reset(way.parts);
    }
};
