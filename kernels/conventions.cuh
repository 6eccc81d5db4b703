// What neurons that follow other libraries share: spikes are numbers, 0 or 1, as there, so that an
// infinite voltage becomes NaN in a reset instead of vanishing. The form of a step is in the place
// of the kind of reset; they never rest.
#pragma once

#include "neuron.cuh"

DEVICE float above(float v, float v_threshold) { return v > v_threshold ? 1.0f : 0.0f; }

// A reset in the step of its spike: to v_reset, or by the threshold.
struct AtOnce {
    float v_threshold, v_reset;
    bool soft;

    DEVICE float after(float h, float spike) const {
        return soft ? h - spike * v_threshold : spike * v_reset + (1.0f - spike) * h;
    }

    // A step's gradient with respect to h, to the threshold, and to v_reset as what a spike leaves.
    struct Back {
        float h, to_threshold, to_reset;
    };

    DEVICE Back back(
        float grad_v, float h, float spike, float grad_spike, float derivative, bool detach_reset
    ) const {
        const float jump = soft ? -v_threshold : v_reset - h;
        const float total = detach_reset ? grad_spike : grad_spike + grad_v * jump;
        const float fire = total * derivative;
        const float at_reset = spike * grad_v;
        const float kept = soft ? grad_v : (1.0f - spike) * grad_v;
        return {kept + fire, soft ? -fire - at_reset : -fire, soft ? 0.0f : at_reset};
    }
};
