// One step of gradient descent, in place: a thread takes four parameters.
#include "float_lanes.cuh"

constexpr int32 LANES = 4;  // of a thread: 16 bytes
using Own = Floats<LANES>;

// Passed by value.
struct Descent {
    float rate, momentum, keep;
    int32 nesterov;
};

__global__ void sgd_step(
    float* __restrict__ parameter,  // [K]  inout
    const float* __restrict__ grad,  // [K]  in
    float* __restrict__ velocity,  // [K]  inout, optional
    Descent descent,
    int64 K,
    int32 joined
) {
    const Lanes<LANES> lanes = lanes_of<LANES>(0, thread_index() / 32, K, joined != 0);
    const Own parameters = load_floats(parameter, lanes);
    const Own grads = load_floats(grad, lanes);
    Own velocities = {};
    if (velocity) velocities = load_floats(velocity, lanes);
    Own moved, next;
#pragma unroll
    for (int32 w = 0; w < LANES; w++) {
        const float g = grads.x[w];
        next.x[w] = cut(descent.momentum * velocities.x[w] + g);
        const float ahead = descent.nesterov ? g + descent.momentum * next.x[w] : next.x[w];
        moved.x[w] = descent.keep * parameters.x[w] - descent.rate * (velocity ? ahead : g);
    }
    if (velocity) store_floats(velocity, lanes, next);
    store_floats(parameter, lanes, moved);
}
