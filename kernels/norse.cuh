// Norse's feed-forward LIF, and LIFBox, which has no synaptic current: forward Euler, strict
// comparison, reset.
#pragma once

#include "conventions.cuh"

template <bool BOX>
struct Norse {
    static constexpr int32 STATES = BOX ? 1 : 2;
    static constexpr int32 COEFFICIENTS = BOX ? 4 : 5;
    static constexpr int32 CHANNELS = 1;
    static constexpr bool LATE = false;

    AtOnce reset;
    float rate, rate_syn, v_leak;
    float v, i;  // state

    DEVICE void set(const Coefficients& numbers, int32 n) {
        rate = numbers.get(0, n);
        rate_syn = BOX ? 0.0f : numbers.get(1, n);
        v_leak = numbers.get(COEFFICIENTS - 3, n);
        reset = {
            numbers.get(COEFFICIENTS - 2, n), numbers.get(COEFFICIENTS - 1, n),
            numbers.uniform.reset != 0
        };
    }

    // `stride` is the distance between two rows of the state.
    DEVICE void load(const float* state, int64 stride) {
        v = state[0];
        if constexpr (!BOX) i = state[stride];
    }

    DEVICE void store(float* state, int64 stride) const {
        state[0] = v;
        if constexpr (!BOX) state[stride] = i;
    }

    // What pulls at v; `jumped` is the current with the step's input.
    DEVICE float pulled(float jumped) const {
        return BOX ? (jumped + v_leak) - v : (v_leak - v) + jumped;
    }

    DEVICE float jumped(float current) const { return BOX ? current : i + current; }

    DEVICE Outcome step(float current) {
        const float now = jumped(current);
        const float h = v + rate * pulled(now);
        const float spike = above(h, reset.v_threshold);
        i = BOX ? 0.0f : cut(now - rate_syn * now);
        v = cut(reset.after(h, spike));
        return {h, false, spike != 0.0f};
    }

    static constexpr int32 KEPT = 1;
    static constexpr int32 KEPT_ALL = BOX ? 2 : 3;

    // h; what pulled, and the current that did.
    DEVICE Outcome keep(float current, float* kept) {
        kept[1] = pulled(jumped(current));
        if constexpr (!BOX) kept[2] = jumped(current);
        const Outcome done = step(current);
        kept[0] = done.v_pre;
        return done;
    }

    DEVICE float distance(const float* kept) const { return kept[0] - reset.v_threshold; }

    // Gradient with respect to the state.
    struct Gradient {
        float v, i;

        DEVICE void load(const float* state, int64 stride) {
            v = state[0];
            if constexpr (!BOX) i = state[stride];
        }

        DEVICE void store(float* state, int64 stride) const {
            state[0] = v;
            if constexpr (!BOX) state[stride] = i;
        }
    };

    struct Way {
        float current;
        AtOnce::Back grad;
        float pulled;
        float i;  // gradient behind the step
    };

    DEVICE Way back(
        Gradient& grad, const float* kept, bool, float grad_spike, float derivative,
        bool detach_reset
    ) const {
        Way way;
        way.grad = reset.back(
            grad.v, kept[0], above(kept[0], reset.v_threshold), grad_spike, derivative, detach_reset
        );
        way.pulled = rate * way.grad.h;
        way.i = grad.i;
        way.current = BOX ? way.pulled : (grad.i - rate_syn * grad.i) + way.pulled;
        grad.v = cut(way.grad.h - way.pulled);
        grad.i = BOX ? 0.0f : cut(way.current);
        return way;
    }

    DEVICE void add(float* sums, const float* kept, const Way& way) const {
        sums[0] += way.grad.h * kept[1];
        if constexpr (!BOX) sums[1] += -(way.i * kept[2]);
        sums[COEFFICIENTS - 3] += way.pulled;
        sums[COEFFICIENTS - 2] += way.grad.to_threshold;
        sums[COEFFICIENTS - 1] += way.grad.to_reset;
    }
};

using NorseLIF = Norse<false>;
using NorseLIFBox = Norse<true>;
