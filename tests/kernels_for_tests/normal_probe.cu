// Normal deviates and exponentials, value by value.
#include "network_normal.cuh"

__global__ void deviates(const double* p, const double* x, double* z, double* y, int32 n) {
    const int32 i = int32(thread_index());
    if (i >= n) return;
    z[i] = normal_quantile(p[i]);
    y[i] = exponential(x[i]);
}
