// Integrate-and-fire neuron with an exponentially decaying synaptic current, in the order of NEST's
// iaf_psc_exp: the membrane moves with the current of the step before, then the input arrives.
#pragma once

#include "neuron.cuh"

struct CubaLIF {
    static constexpr int32 STATES = 3;
    static constexpr int32 COEFFICIENTS = 6;
    static constexpr int32 CHANNELS = 1;
    static constexpr bool LATE = true;

    Membrane membrane;
    float decay_syn, gain;
    float i;  // state

    DEVICE void set(const Coefficients& numbers, int32 n) {
        decay_syn = numbers.get(1, n);
        gain = numbers.get(2, n);
        membrane.set(
            numbers, numbers.get(0, n), numbers.get(3, n), numbers.get(4, n), numbers.get(5, n)
        );
    }

    // `stride` is the distance between two rows of the state.
    DEVICE void load(const float* state, int64 stride) {
        membrane.v = state[0];
        i = state[stride];
        membrane.refractory = state[2 * stride];
    }

    DEVICE void store(float* state, int64 stride) const {
        state[0] = membrane.v;
        state[stride] = i;
        state[2 * stride] = membrane.refractory;
    }

    DEVICE Outcome move() { return membrane.move(gain * i); }

    DEVICE void arrive(float current, float) { i = cut(decay_syn * i + current); }

    DEVICE Outcome step(float current) {
        const Outcome done = move();
        arrive(current, 0.0f);
        return done;
    }

    // What the gain multiplies in a step, asked for before it.
    DEVICE float driver(float) const { return i; }

    // Gradient with respect to the state.
    struct Gradient {
        float v, i;

        DEVICE void load(const float* state, int64 stride) {
            v = state[0];
            i = state[stride];
        }

        DEVICE void store(float* state, int64 stride) const {
            state[0] = v;
            state[stride] = i;
            state[2 * stride] = 0.0f;
        }
    };

    // Move the rest of the gradient over a step; returns the gradient with respect to its input.
    DEVICE float back(Gradient& grad, const Parts& parts) const {
        const float grad_current = grad.i;
        grad.i = cut(decay_syn * grad.i + gain * parts.moved);
        return grad_current;
    }

    DEVICE void add(
        float* sums, const Parts& parts, float v, float input, float grad_current
    ) const {
        sums[0] += parts.moved * v;
        sums[1] += grad_current * input;
        sums[2] += parts.moved * input;
        sums[3] += parts.moved;
        sums[4] += membrane.to_threshold(parts);
        sums[5] += membrane.to_reset(parts);
    }
};
