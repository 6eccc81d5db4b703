// Pair STDP: what happens to a trace and to a weight.
#pragma once

#include "prelude.cuh"

struct STDP {
    float decay_pre;
    float decay_post;
    float a_plus;
    float a_minus;
    float w_min;
    float w_max;
    int32 multiplicative;
    int32 nearest;

    // A trace after the decay of one step.
    static DEVICE float decayed(float trace, float decay) { return cut(decay * trace); }

    DEVICE float jumped(float trace, bool fired) const {
        if (!fired) return trace;
        return nearest ? 1.0f : trace + 1.0f;
    }

    // Depression per synapse onto a neuron, from its trace before the step.
    DEVICE float depression(float trace_post) const {
        return a_minus * decayed(trace_post, decay_post);
    }

    // Potentiation per synapse of a neuron, from its trace before the step.
    DEVICE float potentiation(float trace_pre) const {
        return a_plus * decayed(trace_pre, decay_pre);
    }

    DEVICE float bounded(float weight) const {
        weight = weight < w_min ? w_min : weight;
        return weight > w_max ? w_max : weight;
    }

    DEVICE float depressed(float weight, float change) const {
        return bounded(weight - (multiplicative ? change * (weight - w_min) : change));
    }

    DEVICE float potentiated(float weight, float change) const {
        return bounded(weight + (multiplicative ? change * (w_max - weight) : change));
    }
};
