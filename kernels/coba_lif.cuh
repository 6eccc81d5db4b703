// Integrate-and-fire neuron with exponentially decaying conductances. The membrane moves by the
// midpoint rule with the conductances of the step before, then the input arrives.
#pragma once

#include "neuron.cuh"

struct CobaLIF {
    static constexpr int32 STATES = 4;
    static constexpr int32 COEFFICIENTS = 11;
    static constexpr int32 CHANNELS = 2;
    static constexpr bool LATE = true;

    Membrane membrane;  // its decay is not used
    float rate, gain, half_exc, half_inh, decay_exc, decay_inh, e_exc, e_inh;
    float g_exc, g_inh;  // state

    DEVICE void set(const Coefficients& numbers, int32 n) {
        rate = numbers.get(0, n);
        gain = numbers.get(1, n);
        half_exc = numbers.get(3, n);
        half_inh = numbers.get(4, n);
        decay_exc = numbers.get(5, n);
        decay_inh = numbers.get(6, n);
        e_exc = numbers.get(7, n);
        e_inh = numbers.get(8, n);
        membrane.set(numbers, 0.0f, numbers.get(2, n), numbers.get(9, n), numbers.get(10, n));
    }

    // `stride` is the distance between two rows of the state.
    DEVICE void load(const float* state, int64 stride) {
        membrane.v = state[0];
        g_exc = state[stride];
        g_inh = state[2 * stride];
        membrane.refractory = state[3 * stride];
    }

    DEVICE void store(float* state, int64 stride) const {
        state[0] = membrane.v;
        state[stride] = g_exc;
        state[2 * stride] = g_inh;
        state[3 * stride] = membrane.refractory;
    }

    // What a whole step adds to a voltage at the speed that it has there.
    DEVICE float slope(float v, float exc, float inh) const {
        const float driven = exc * (e_exc - v) + inh * (e_inh - v);
        return (membrane.drive - rate * v) + gain * driven;
    }

    DEVICE Outcome move() {
        const float v = membrane.v;
        const float middle = v + 0.5f * slope(v, g_exc, g_inh);
        return membrane.fire(cut(v + slope(middle, half_exc * g_exc, half_inh * g_inh)));
    }

    // Both in nS, not negative.
    DEVICE void arrive(float exc, float inh) {
        g_exc = cut(decay_exc * g_exc + exc);
        g_inh = cut(decay_inh * g_inh + inh);
    }

    DEVICE Outcome step(float current) {
        const Outcome done = move();
        arrive(positive(current), -negative(current));
        return done;
    }
};
