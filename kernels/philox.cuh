// Philox4x32-10 (Salmon et al. 2011): random words as a function of key and counter, no state.
#pragma once
#include "prelude.cuh"

DEVICE uint4 philox(uint32 seed, uint32 stream, uint64 index, uint64 block) {
    uint32 c0 = uint32(index), c1 = uint32(index >> 32);
    uint32 c2 = uint32(block), c3 = uint32(block >> 32);
    uint32 k0 = seed, k1 = stream;
    for (int round = 0; round < 10; round++) {
        uint64 p0 = uint64(c0) * 0xD2511F53u, p1 = uint64(c2) * 0xCD9E8D57u;
        c0 = uint32(p1 >> 32) ^ c1 ^ k0;
        c2 = uint32(p0 >> 32) ^ c3 ^ k1;
        c1 = uint32(p1);
        c3 = uint32(p0);
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    return make_uint4(c0, c1, c2, c3);
}
