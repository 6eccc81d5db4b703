// How blocks hear of one another's spikes once per window: at a barrier of the whole grid, or by
// mail. Windows are counted from 1; those of equal parity use the same memory.
#pragma once

#include "network_rings.cuh"

// What the blocks share, all 0 before a launch.
struct Shared {
    uint64* __restrict__ spikes;  // [R]  every spike: step << 32 | neuron
    uint32* __restrict__ meeting; // [4]  spikes of three windows, and blocks that have arrived
    uint64* __restrict__ mailbox; // [2, blocks, PACKET]
};

// Counts in shared memory of the block.
struct Heard {
    uint64* all;     // [2]  spikes of a window
    uint64* before;  // [2]  those of lower blocks; with a barrier, those that came before
};

DEVICE uint32 fresh(const uint32* word) { return *static_cast<const volatile uint32*>(word); }

DEVICE uint64 fresh(const uint64* word) { return *static_cast<const volatile uint64*>(word); }

// A block writes its spikes behind those of blocks that came earlier; then all wait for all.
struct Barrier {
    // The block's spikes of a window, of which `total` came before that window.
    static DEVICE void post(
        const Shared& shared, const Fired& fired, const Heard& heard, int32 window, int64 total,
        int32
    ) {
        const int32 side = window & 1;
        const int32 count = fired.count[side];
        if (count) {
            if (threadIdx.x == 0) {
                heard.before[side] = atomicAdd(shared.meeting + window % 3, uint32(count));
            }
            __syncthreads();
            uint64* spikes = shared.spikes + (total + int64(heard.before[side]));
            for (int32 i = threadIdx.x; i < count; i += blockDim.x) spikes[i] = fired.get(side, i);
            __syncthreads();
        }
        if (threadIdx.x == 0) {
            // Nobody reads the count of two windows ago any more, nor adds to it until all arrive.
            if (blockIdx.x == 0) shared.meeting[(window + 1) % 3] = 0;
            __threadfence();
            atomicAdd(shared.meeting + 3, 1u);
        }
    }

    template <class Memory>
    static DEVICE void deliver(
        Tile<Memory>& tile, const Shared& shared, const Fired&, const Heard& heard, int32 window,
        int64 total, bool first
    ) {
        const int32 side = window & 1;
        if (first) {
            if (threadIdx.x == 0) {
                const uint32 expected = uint32(window) * gridDim.x;
                while (int32(fresh(shared.meeting + 3) - expected) < 0) __nanosleep(0);
                __threadfence();
                heard.all[side] = fresh(shared.meeting + window % 3);
            }
            __syncthreads();
        }
        const int64 end = total + int64(heard.all[side]);
        const int32 warps = blockDim.x / 32, lane = threadIdx.x & 31;
        const int32 own = lane * warps + threadIdx.x / 32;
        for (int64 begin = total; begin < end; begin += blockDim.x) {
            const bool exists = begin + own < end;
            const uint64 spike = exists ? fresh(shared.spikes + (begin + own)) : 0;
            tile.deliver(exists, int32(spike >> 32), int32(spike));
        }
    }

    static DEVICE void record(const Shared&, const Fired&, const Heard&, int32, int64) {}
};

// Every block has a slot for its packet. All 8-byte words of a packet carry the window's number in
// their high 16 bits, so that each tells by itself whether it has come: the first has the number
// of spikes in the others, these each a spike (step within the window << 32 | neuron). A block
// posts only when it has heard all of the window before, so two slots are enough.
struct Mailbox {
    static constexpr uint32 NOBODY = 0xffffffffu;

    static DEVICE uint64* packet(const Shared& shared, int32 window, int32 block) {
        return shared.mailbox + (int64(window & 1) * gridDim.x + block) * PACKET;
    }

    static DEVICE void post(
        const Shared& shared, const Fired& fired, const Heard&, int32 window, int64, int32 first
    ) {
        if (threadIdx.x >= PACKET) return;
        const int32 side = window & 1;
        const int32 count = fired.count[side];
        const int32 place = int32(threadIdx.x) - 1;
        uint64 word = uint64(count);
        if (place >= 0) {
            word = NOBODY;
            if (place < count) word = fired.get(side, place) - (uint64(first) << 32);
        }
        if (count > SENT) __threadfence();
        volatile uint64* slot = packet(shared, window, blockIdx.x) + threadIdx.x;
        *slot = uint64(window & 0xffff) << 48 | word;
    }

    // Four lanes read a packet; warps take packets in turn.
    template <class Memory>
    static DEVICE void deliver(
        Tile<Memory>& tile, const Shared& shared, const Fired& fired, const Heard& heard, int32 window,
        int64, bool first
    ) {
        const int32 side = window & 1;
        const int32 warps = blockDim.x / 32, lane = threadIdx.x & 31;
        const int32 at_once = warps * (32 / PACKET);
        for (int32 begin = 0; begin < int32(gridDim.x); begin += at_once) {
            const int32 block = begin + lane / PACKET * warps + int32(threadIdx.x) / 32;
            uint64 word = NOBODY;
            if (block < int32(gridDim.x)) {
                const uint64* slot = packet(shared, window, block) + lane % PACKET;
                word = fresh(slot);
                while (uint32(word >> 48) != uint32(window & 0xffff)) {
                    __nanosleep(0);
                    word = fresh(slot);
                }
            }
            word &= 0xffffffffffffull;
            const bool header = lane % PACKET == 0 && block < int32(gridDim.x);
            const int32 count = header ? int32(word) : 0;
            if (first && count) {
                atomicAdd(heard.all + side, uint64(count));
                if (block < int32(blockIdx.x)) atomicAdd(heard.before + side, uint64(count));
            }
            const bool spiked = lane % PACKET != 0 && uint32(word) != NOBODY;
            tile.deliver(spiked, tile.first + int32(word >> 32), int32(word));
            deliver_rest(tile, fired, side, block, count);
        }
    }

    // Spikes that found no place in their packets.
    template <class Memory>
    static DEVICE void deliver_rest(
        Tile<Memory>& tile, const Fired& fired, int32 side, int32 block, int32 count
    ) {
        const int32 lane = threadIdx.x & 31;
        uint32 waiting = __ballot_sync(FULL_WARP, count > SENT);
        if (waiting) {
            __threadfence();
            __syncwarp();
        }
        for (; waiting; waiting &= waiting - 1) {
            const int32 from = __ffs(waiting) - 1;
            const int32 spikes = __shfl_sync(FULL_WARP, count, from);
            const uint64* rest = fired.rest(side, __shfl_sync(FULL_WARP, block, from));
            for (int32 begin = SENT; begin < spikes; begin += 32) {
                const bool exists = begin + lane < spikes;
                const uint64 spike = exists ? fresh(rest + (begin + lane)) : 0;
                tile.deliver(exists, int32(spike >> 32), int32(spike));
            }
        }
    }

    // The block's own spikes of a window, behind those of lower blocks.
    static DEVICE void record(
        const Shared& shared, const Fired& fired, const Heard& heard, int32 window, int64 total
    ) {
        const int32 side = window & 1;
        uint64* spikes = shared.spikes + (total + int64(heard.before[side]));
        for (int32 i = threadIdx.x; i < fired.count[side]; i += blockDim.x) {
            spikes[i] = fired.get(side, i);
        }
    }
};
