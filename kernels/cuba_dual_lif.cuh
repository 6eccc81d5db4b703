// CubaLIF whose excitation and inhibition decay with time constants of their own.
#pragma once

#include "neuron.cuh"

struct CubaDualLIF {
    static constexpr int32 STATES = 4;
    static constexpr int32 COEFFICIENTS = 8;
    static constexpr int32 CHANNELS = 2;
    static constexpr bool LATE = true;

    Membrane membrane;
    float decay_exc, decay_inh, gain_exc, gain_inh;
    float i_exc, i_inh;  // state

    DEVICE void set(const Coefficients& numbers, int32 n) {
        decay_exc = numbers.get(1, n);
        decay_inh = numbers.get(2, n);
        gain_exc = numbers.get(3, n);
        gain_inh = numbers.get(4, n);
        membrane.set(
            numbers, numbers.get(0, n), numbers.get(5, n), numbers.get(6, n), numbers.get(7, n)
        );
    }

    // `stride` is the distance between two rows of the state.
    DEVICE void load(const float* state, int64 stride) {
        membrane.v = state[0];
        i_exc = state[stride];
        i_inh = state[2 * stride];
        membrane.refractory = state[3 * stride];
    }

    DEVICE void store(float* state, int64 stride) const {
        state[0] = membrane.v;
        state[stride] = i_exc;
        state[2 * stride] = i_inh;
        state[3 * stride] = membrane.refractory;
    }

    DEVICE Outcome move() { return membrane.move(gain_exc * i_exc + gain_inh * i_inh); }

    // Both in pA, with their sign.
    DEVICE void arrive(float exc, float inh) {
        i_exc = cut(decay_exc * i_exc + exc);
        i_inh = cut(decay_inh * i_inh + inh);
    }

    DEVICE Outcome step(float current) {
        const Outcome done = move();
        arrive(positive(current), negative(current));
        return done;
    }
};
