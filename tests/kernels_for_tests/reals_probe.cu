// Numbers of 16 bits -> float32, and back.
#include "reals.cuh"

__global__ void widen_probe(const uint16* bits, float* x, int32 n, int32 brain) {
    for (int64 i = 2 * thread_index(); i + 1 < n; i += 2 * thread_count()) {
        const Pack<Half, 2> pack = {{bits[i] | uint32(bits[i + 1]) << 16}};
        float both[2];
        widen(both, pack, brain != 0);
        x[i] = both[0];
        x[i + 1] = both[1];
    }
}

__global__ void narrow_probe(const float* x, uint16* bits, int32 n, int32 brain) {
    for (int64 i = 2 * thread_index(); i + 1 < n; i += 2 * thread_count()) {
        const float both[2] = {x[i], x[i + 1]};
        Pack<Half, 2> pack;
        narrow(pack, both, brain != 0);
        bits[i] = uint16(pack.get(0));
        bits[i + 1] = uint16(pack.get(1));
    }
}
