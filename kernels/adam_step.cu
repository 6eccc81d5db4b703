// One step of Adam, in place: a thread takes four parameters.
#include "float_lanes.cuh"

constexpr int32 LANES = 4;  // of a thread: 16 bytes
using Own = Floats<LANES>;

// Passed by value.
struct Adam {
    float rate, beta_first, rest_first, beta_second, rest_second, scale_second, epsilon, keep;
};

__global__ void adam_step(
    float* __restrict__ parameter,  // [K]  inout
    const float* __restrict__ grad,  // [K]  in
    float* __restrict__ first,  // [K]  inout
    float* __restrict__ second,  // [K]  inout
    Adam adam,
    int64 K,
    int32 joined
) {
    const Lanes<LANES> lanes = lanes_of<LANES>(0, thread_index() / 32, K, joined != 0);
    const Own parameters = load_floats(parameter, lanes);
    const Own grads = load_floats(grad, lanes);
    const Own firsts = load_floats(first, lanes);
    const Own seconds = load_floats(second, lanes);
    Own moved, mean, square;
#pragma unroll
    for (int32 w = 0; w < LANES; w++) {
        const float g = grads.x[w];
        mean.x[w] = cut(adam.beta_first * firsts.x[w] + adam.rest_first * g);
        square.x[w] = cut(adam.beta_second * seconds.x[w] + adam.rest_second * (g * g));
        const float size = __fsqrt_rn(square.x[w]) * adam.scale_second + adam.epsilon;
        moved.x[w] = adam.keep * parameters.x[w] - adam.rate * (mean.x[w] / size);
    }
    store_floats(first, lanes, mean);
    store_floats(second, lanes, square);
    store_floats(parameter, lanes, moved);
}
