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

    // The membrane of a step that begins with `before` for a.
    DEVICE Membrane adapted(float before) const {
        Membrane now = membrane;
        now.v_threshold = v_threshold + jump * before;
        if (now.reset == SOFT) now.amount = now.v_threshold - v_reset;
        return now;
    }

    DEVICE Outcome step(float current) {
        membrane = adapted(a);
        const Outcome done = membrane.move(gain * current);
        a = cut(decay_adaptation * a + (done.spiked ? 1.0f : 0.0f));
        return done;
    }

    static constexpr int32 KEPT = 2;
    static constexpr int32 KEPT_ALL = 4;

    // v_pre, a before; v before, current.
    DEVICE Outcome keep(float current, float* kept) {
        kept[1] = a;
        kept[2] = membrane.v;
        kept[3] = current;
        const Outcome done = step(current);
        kept[0] = done.v_pre;
        return done;
    }

    DEVICE float distance(const float* kept) const {
        return kept[0] - (v_threshold + jump * kept[1]);
    }

    // Gradient with respect to the state.
    struct Gradient {
        float v, a;

        DEVICE void load(const float* state, int64 stride) {
            v = state[0];
            a = state[stride];
        }

        DEVICE void store(float* state, int64 stride) const {
            state[0] = v;
            state[stride] = a;
            state[2 * stride] = 0.0f;
        }
    };

    struct Way {
        float current;
        Parts parts;
        float to_threshold, a;
    };

    // A spike also raises a; that is never detached.
    DEVICE Way back(
        Gradient& grad, const float* kept, bool resting, float grad_spike, float derivative,
        bool detach_reset
    ) const {
        const Parts parts = adapted(kept[1]).back(
            grad.v, kept[0], resting, grad_spike + grad.a, derivative, detach_reset
        );
        const Way way = {gain * parts.moved, parts, membrane.to_threshold(parts), grad.a};
        grad.a = cut(decay_adaptation * grad.a + jump * way.to_threshold);
        return way;
    }

    DEVICE void add(float* sums, const float* kept, const Way& way) const {
        sums[0] += way.parts.moved * kept[2];
        sums[1] += way.parts.moved * kept[3];
        sums[2] += way.parts.moved;
        sums[3] += way.a * kept[1];
        sums[4] += way.to_threshold * kept[1];
        sums[5] += way.to_threshold;
        sums[6] += membrane.to_reset(way.parts);
    }
};
