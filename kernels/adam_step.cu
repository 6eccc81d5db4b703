// One step of Adam, in place: a thread takes four parameters.
#include "float_lanes.cuh"

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
    const Four parameters = load_four(parameter, lanes);
    const Four grads = load_four(grad, lanes);
    const Four firsts = load_four(first, lanes);
    const Four seconds = load_four(second, lanes);
    Four moved, mean, square;
#pragma unroll
    for (int32 w = 0; w < LANES; w++) {
        const float g = grads.x[w];
        mean.x[w] = cut(adam.beta_first * firsts.x[w] + adam.rest_first * g);
        square.x[w] = cut(adam.beta_second * seconds.x[w] + adam.rest_second * (g * g));
        const float size = __fsqrt_rn(square.x[w]) * adam.scale_second + adam.epsilon;
        moved.x[w] = adam.keep * parameters.x[w] - adam.rate * (mean.x[w] / size);
    }
    store_four(first, lanes, mean);
    store_four(second, lanes, square);
    store_four(parameter, lanes, moved);
}
