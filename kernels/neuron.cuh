// What every neuron model shares: its numbers per step, and a membrane that leaks, fires and rests.
#pragma once

#include "prelude.cuh"

// A model is a struct with
//   STATES, COEFFICIENTS  rows of its state, of which the last is the refractory counter, and
//                         numbers per step;
//   CHANNELS              1, or 2 where excitation and inhibition arrive apart;
//   LATE                  whether what arrives in a step leaves v alone until the next step;
//   set, load, store      take its numbers, and its state from and to memory;
//   step(current)         one step; two channels part the current by its sign;
//   move(), arrive(exc, inh)   where LATE: the two halves of a step, in this order.
// One that gradients are known of has besides
//   KEPT, KEPT_ALL        numbers that the way back needs of a step, and with those that gradients
//                         of coefficients need;
//   keep(current, kept)   step(current), which writes all of them;
//   distance(kept)        the surrogate's argument;
//   Gradient              with respect to the state; zeros to begin with; load and store as a state,
//                         and store writes 0 for a counter;
//   Way                   a step's gradient: `current` is with respect to its input;
//   back(gradient, kept, resting, grad_spike, derivative, detach_reset)
//                         moves the gradient from behind a step to before it; returns Way. Only the
//                         first KEPT numbers are there, and the state is another step's;
//   add(sums, kept, way)  adds a step's gradients of the coefficients.
constexpr int32 MOST_COEFFICIENTS = 11;

// What is the same for all neurons; passed by value.
struct Uniform {
    float values[MOST_COEFFICIENTS];  // in use where there are no values per neuron
    int32 reset;
    int32 refractory_steps;
};

struct Coefficients {
    Uniform uniform;
    const float* values;  // [C, N], or null
    int32 N;

    DEVICE float get(int32 c, int32 n) const {
        return values ? values[int64(c) * N + n] : uniform.values[c];
    }
};

enum Reset : int32 { HARD, SOFT, NONE };

// The two channels of a single input; what is no number is on both.
DEVICE float positive(float current) { return current < 0.0f ? 0.0f : current; }

DEVICE float negative(float current) { return current > 0.0f ? 0.0f : current; }

// What a step did to a membrane: what the way back needs to know.
struct Outcome {
    float v_pre;
    bool resting;
    bool spiked;
};

// Parts of a step's gradient with respect to the voltage.
struct Parts {
    float moved;  // that went through the step's integration
    float fire;   // that went through the spike
    float reset;  // with respect to the voltage after a reset
};

struct Membrane {
    float decay, drive, v_threshold;
    // A spike leaves keep * v_pre - amount, with which every kind of reset is the same arithmetic:
    // hard 0 v_pre + v_reset, soft v_pre - (v_threshold - v_reset), none v_pre - 0. An infinite
    // voltage does not vanish in a hard reset: it becomes NaN.
    float keep, amount;
    float rest;  // steps to rest after a spike
    int32 reset;
    float v, refractory;  // state

    DEVICE void set(const Coefficients& numbers, float decay_, float drive_, float v_threshold_,
                    float v_reset) {
        decay = decay_;
        drive = drive_;
        v_threshold = v_threshold_;
        reset = numbers.uniform.reset;
        keep = reset == HARD ? 0.0f : 1.0f;
        amount = reset == HARD ? -v_reset : reset == SOFT ? v_threshold - v_reset : 0.0f;
        rest = float(numbers.uniform.refractory_steps);
    }

    DEVICE float after(const Outcome& done) const {
        return done.spiked ? keep * done.v_pre - amount : done.v_pre;
    }

    DEVICE Outcome move(float arriving) { return fire(cut(decay * v + (arriving + drive))); }

    // Let a voltage that has moved fire, unless the neuron rests and keeps the one it had.
    DEVICE Outcome fire(float moved) {
        Outcome done;
        done.resting = refractory > 0.0f;
        done.v_pre = done.resting ? v : moved;
        done.spiked = done.v_pre >= v_threshold && !done.resting;
        v = after(done);
        refractory = done.spiked ? rest : done.resting ? refractory - 1.0f : 0.0f;
        return done;
    }

    // Move grad_v from behind a step, which made v_pre, to before it.
    DEVICE Parts back(
        float& grad_v, float v_pre, bool resting, float grad_spike, float derivative,
        bool detach_reset
    ) const {
        const bool spiked = v_pre >= v_threshold && !resting;
        const float jump = reset == HARD ? -amount - v_pre : reset == SOFT ? -amount : 0.0f;
        const float total = detach_reset ? grad_spike : grad_spike + grad_v * jump;
        Parts parts;
        parts.fire = resting ? 0.0f : total * derivative;
        parts.reset = spiked ? grad_v : 0.0f;
        // A gradient that is no number stays so, as a voltage does.
        const float kept = (spiked ? keep : 1.0f) * grad_v;
        const float grad_v_pre = kept + parts.fire;
        parts.moved = resting ? 0.0f : grad_v_pre;
        grad_v = cut(resting ? grad_v : decay * grad_v_pre);
        return parts;
    }

    DEVICE float to_threshold(const Parts& parts) const {
        return reset == SOFT ? -(parts.fire + parts.reset) : -parts.fire;
    }

    DEVICE float to_reset(const Parts& parts) const { return reset == NONE ? 0.0f : parts.reset; }
};
