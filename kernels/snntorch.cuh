// snnTorch's Leaky and Synaptic: strict comparison, and a reset in the step after its spike, or at
// once.
#pragma once

#include "conventions.cuh"

template <bool SYNAPTIC>
struct SnnTorch {
    static constexpr int32 STATES = SYNAPTIC ? 2 : 1;
    static constexpr int32 COEFFICIENTS = SYNAPTIC ? 3 : 2;
    static constexpr int32 CHANNELS = 1;
    static constexpr bool LATE = false;

    enum Mechanism : int32 { SUBTRACT, ZERO, NEVER };

    float alpha, beta, threshold;
    int32 mechanism;
    bool delayed, at_once;  // a spike of the step before resets; one of this step does
    float mem, syn;         // state

    DEVICE void set(const Coefficients& numbers, int32 n) {
        alpha = SYNAPTIC ? numbers.get(0, n) : 0.0f;
        beta = numbers.get(COEFFICIENTS - 2, n);
        threshold = numbers.get(COEFFICIENTS - 1, n);
        const int32 form = numbers.uniform.reset;
        mechanism = form & 3;
        at_once = form & 4;
        delayed = !at_once || form & 8;
    }

    // `stride` is the distance between two rows of the state.
    DEVICE void load(const float* state, int64 stride) {
        mem = state[0];
        if constexpr (SYNAPTIC) syn = state[stride];
    }

    DEVICE void store(float* state, int64 stride) const {
        state[0] = mem;
        if constexpr (SYNAPTIC) state[stride] = syn;
    }

    // 1 where a membrane was left above threshold, for the reset of the step that follows.
    DEVICE float left_above(float before) const {
        return delayed ? above(before, threshold) : 0.0f;
    }

    DEVICE float integrate(float current, float reset) {
        if constexpr (SYNAPTIC) {
            const float arrived = alpha * syn + current;
            const float h = beta * mem + arrived;
            syn = cut(arrived);
            return mechanism == NEVER ? h : h - reset * (mechanism == SUBTRACT ? threshold : h);
        } else {
            const float h = beta * (mechanism == ZERO ? (1.0f - reset) * mem : mem) + current;
            return mechanism == SUBTRACT ? h - reset * threshold : h;
        }
    }

    DEVICE Outcome step(float current) {
        const float reset = left_above(mem);
        const float h = integrate(current, reset);
        const float spike = above(h, threshold);
        mem = cut(at_once ? h - (spike - reset) * (mechanism == SUBTRACT ? threshold : h) : h);
        return {h, false, spike != 0.0f};
    }

    static constexpr int32 KEPT = 2;
    static constexpr int32 KEPT_ALL = SYNAPTIC ? 3 : 2;

    // h, mem before; syn before.
    DEVICE Outcome keep(float current, float* kept) {
        kept[1] = mem;
        if constexpr (SYNAPTIC) kept[2] = syn;
        const Outcome done = step(current);
        kept[0] = done.v_pre;
        return done;
    }

    DEVICE float distance(const float* kept) const { return kept[0] - threshold; }

    // Gradient with respect to the state.
    struct Gradient {
        float mem, syn;

        DEVICE void load(const float* state, int64 stride) {
            mem = state[0];
            if constexpr (SYNAPTIC) syn = state[stride];
        }

        DEVICE void store(float* state, int64 stride) const {
            state[0] = mem;
            if constexpr (SYNAPTIC) state[stride] = syn;
        }
    };

    struct Way {
        float current;
        float to_threshold;
        float mem;   // with respect to what beta and its factor make
        float gate;  // 0 where a reset to zero took beta's factor away
    };

    DEVICE Way back(
        Gradient& grad, const float* kept, bool, float grad_spike, float derivative,
        bool detach_reset
    ) const {
        const float h = kept[0];
        const float reset = left_above(kept[1]);
        const float undone = at_once ? above(h, threshold) - reset : 0.0f;
        const float amount = mechanism == SUBTRACT ? threshold : h;
        const float total =
            at_once && !detach_reset ? grad_spike - grad.mem * amount : grad_spike;
        const float fire = total * derivative;
        const float past = mechanism == ZERO ? grad.mem - undone * grad.mem : grad.mem;
        const float grad_h = past + fire;
        Way way;
        way.to_threshold =
            mechanism == SUBTRACT ? (-fire - undone * grad.mem) - reset * grad_h : -fire;
        if constexpr (SYNAPTIC) {
            way.gate = 1.0f;
            way.mem = mechanism == ZERO ? grad_h - reset * grad_h : grad_h;
            way.current = grad.syn + way.mem;
            grad.mem = cut(beta * way.mem);
            grad.syn = cut(alpha * way.current);
        } else {
            way.gate = mechanism == ZERO ? 1.0f - reset : 1.0f;
            way.mem = grad_h;
            way.current = grad_h;
            grad.mem = cut(way.gate * (beta * grad_h));
        }
        return way;
    }

    DEVICE void add(float* sums, const float* kept, const Way& way) const {
        if constexpr (SYNAPTIC) sums[0] += way.current * kept[2];
        sums[COEFFICIENTS - 2] += way.mem * (way.gate * kept[1]);
        sums[COEFFICIENTS - 1] += way.to_threshold;
    }
};

using Leaky = SnnTorch<false>;
using Synaptic = SnnTorch<true>;
