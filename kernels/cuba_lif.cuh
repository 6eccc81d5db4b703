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

    static constexpr int32 KEPT = 1;
    static constexpr int32 KEPT_ALL = 3;

    // v_pre; v and i before.
    DEVICE Outcome keep(float current, float* kept) {
        kept[1] = membrane.v;
        kept[2] = i;
        const Outcome done = step(current);
        kept[0] = done.v_pre;
        return done;
    }

    DEVICE float distance(const float* kept) const { return kept[0] - membrane.v_threshold; }

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
        const Way way = {grad.i, parts};
        grad.i = cut(decay_syn * grad.i + gain * parts.moved);
        return way;
    }

    DEVICE void add(float* sums, const float* kept, const Way& way) const {
        sums[0] += way.parts.moved * kept[1];
        sums[1] += way.current * kept[2];
        sums[2] += way.parts.moved * kept[2];
        sums[3] += way.parts.moved;
        sums[4] += membrane.to_threshold(way.parts);
        sums[5] += membrane.to_reset(way.parts);
    }
};
