// SpikingJelly's LIFNode, which divides by tau, and ParametricLIFNode, which multiplies by 1 / tau:
// charge, fire at the threshold itself, reset.
#pragma once

#include "conventions.cuh"

struct LIFNode {
    static constexpr int32 STATES = 1;
    static constexpr int32 COEFFICIENTS = 3;
    static constexpr int32 CHANNELS = 1;
    static constexpr bool LATE = false;

    AtOnce reset;
    float tau;  // or its reciprocal
    bool undecayed, reciprocal;
    float v;  // state

    DEVICE void set(const Coefficients& numbers, int32 n) {
        const int32 form = numbers.uniform.reset;
        tau = numbers.get(0, n);
        reset = {numbers.get(1, n), numbers.get(2, n), (form & 1) != 0};
        undecayed = form & 2;
        reciprocal = form & 4;
    }

    DEVICE void load(const float* state, int64) { v = state[0]; }

    DEVICE void store(float* state, int64) const { state[0] = v; }

    DEVICE float leak(float x) const { return reciprocal ? x * tau : x / tau; }

    // What pulls at v where the input is under the fraction, too; else what v leaks.
    DEVICE float pulled(float current) const {
        const float away = v - reset.v_reset;
        return undecayed ? away : current - away;
    }

    DEVICE float spike_of(float h) const { return h >= reset.v_threshold ? 1.0f : 0.0f; }

    DEVICE Outcome step(float current) {
        const float leaked = leak(pulled(current));
        const float h = undecayed ? (v - leaked) + current : v + leaked;
        const float spike = spike_of(h);
        v = cut(reset.after(h, spike));
        return {h, false, spike != 0.0f};
    }

    static constexpr int32 KEPT = 1;
    static constexpr int32 KEPT_ALL = 2;

    // h; what pulled.
    DEVICE Outcome keep(float current, float* kept) {
        kept[1] = pulled(current);
        const Outcome done = step(current);
        kept[0] = done.v_pre;
        return done;
    }

    DEVICE float distance(const float* kept) const { return kept[0] - reset.v_threshold; }

    // Gradient with respect to the state.
    struct Gradient {
        float v;

        DEVICE void load(const float* state, int64) { v = state[0]; }

        DEVICE void store(float* state, int64) const { state[0] = v; }
    };

    struct Way {
        float current;
        AtOnce::Back grad;
        float leaked;
    };

    DEVICE Way back(
        Gradient& grad, const float* kept, bool, float grad_spike, float derivative,
        bool detach_reset
    ) const {
        Way way;
        way.grad = reset.back(
            grad.v, kept[0], spike_of(kept[0]), grad_spike, derivative, detach_reset
        );
        way.leaked = leak(way.grad.h);
        way.current = undecayed ? way.grad.h : way.leaked;
        grad.v = cut(way.grad.h - way.leaked);
        return way;
    }

    DEVICE void add(float* sums, const float* kept, const Way& way) const {
        const float pulling = undecayed ? -kept[1] : kept[1];
        sums[0] += reciprocal ? way.grad.h * pulling : -(way.leaked * pulling) / tau;
        sums[1] += way.grad.to_threshold;
        sums[2] += reset.soft ? 0.0f : way.grad.to_reset + way.leaked;
    }
};
