// A tile of a network: input that has yet to arrive, and neurons that move.
#pragma once

#include "alif.cuh"
#include "coba_lif.cuh"
#include "cuba_dual_lif.cuh"
#include "cuba_lif.cuh"
#include "izhikevich.cuh"
#include "lif.cuh"
#include "network_search.cuh"
#include "philox.cuh"

enum Model : int32 {
    MODEL_LIF,
    MODEL_CUBA_LIF,
    MODEL_CUBA_DUAL_LIF,
    MODEL_COBA_LIF,
    MODEL_ALIF,
    MODEL_IZHIKEVICH,
};

// Model, reset, rest, first neuron, number, first coefficient, whether each neuron has its own.
constexpr int32 SEGMENT_FIELDS = 7;
// First neuron, number, stream, weight, first threshold, number of thresholds, channel.
constexpr int32 STIMULUS_FIELDS = 7;
constexpr int32 ROWS = 4;  // rows of synapses that a warp reads at once

// Passed by value. Steps are counted from the first step of the launch where nothing else is said.
struct RingSizes {
    int64 first_step;  // since the start of the simulation
    int64 every;       // steps per sample of the probes
    int64 R;           // room for spikes
    int64 Z;           // spikes in flight at the start
    int64 V;           // events
    uint32 seed;
    int32 steps, interval, longest;
    int32 slot_bits;  // bits of a word that are a slot; the delay, less 1, follows
    int32 slots;      // steps that a ring holds
    int32 channels, X, N, S, L, I, G, M;
};

// The arrays of a launch, as the kernel gets them.
struct RingArrays {
    const uint32* __restrict__ words;
    const int32* __restrict__ amounts;
    const int64* __restrict__ row_starts;
    const int64* __restrict__ segments;
    const float* __restrict__ coefficients;
    const float* __restrict__ units;
    const int64* __restrict__ stimuli;
    const uint32* __restrict__ thresholds;
    const int64* __restrict__ event_steps;
    const int32* __restrict__ event_neurons;
    const int32* __restrict__ event_amounts;
    const int32* __restrict__ event_channels;
    const int64* __restrict__ probes;
    float* __restrict__ state;
    float* __restrict__ recorded;
    int32* __restrict__ stored;
    const int32* __restrict__ driving;
    const int32* __restrict__ first_probes;
    const int32* __restrict__ next_probes;
};

constexpr int32 PACKET = 4;         // words of a packet: a header and spikes
constexpr int32 SENT = PACKET - 1;  // spikes that go with the packet

// Spikes of a block in a window, (step << 32 | neuron): the first few in shared memory, the others
// in global memory. Windows alternate between two sides.
struct Fired {
    int32* count;                 // [2]  shared
    uint64* sent;                 // [2, SENT]  shared
    uint64* __restrict__ outbox;  // [2, blocks, capacity]  global
    int64 capacity;

    DEVICE uint64* rest(int32 side, uint32 block) const {
        return outbox + (int64(side) * gridDim.x + block) * capacity;
    }

    DEVICE void append(int32 side, int32 step, int32 neuron) const {
        const uint64 spike = uint64(step) << 32 | uint32(neuron);
        const int32 place = atomicAdd(count + side, 1);
        if (place < SENT) {
            sent[side * SENT + place] = spike;
        } else {
            rest(side, blockIdx.x)[place] = spike;
        }
    }

    DEVICE uint64 get(int32 side, int32 place) const {
        return place < SENT ? sent[side * SENT + place] : rest(side, blockIdx.x)[place];
    }
};

// Where delay rings are. Those in global memory never leave it: a block adds to its tiles' rings
// there, in the L2 cache where they fit.
struct SharedRings {
    static constexpr bool SHARED = true;
};

struct GlobalRings {
    static constexpr bool SHARED = false;
};

template <class Memory>
struct Tile {
    const RingArrays& arrays;
    const RingSizes& sizes;
    int32 tile, neurons;
    int32* sums;    // [slots, channels * L]  what arrives in each step to come
    float* states;  // [S, L]  shared
    int32* kinds;   // [L]  shared: segment of each neuron
    int64 events;   // words of the rows that this thread found
    int32 first;    // first step of the window whose spikes are delivered

    DEVICE void take(int32 tile_) {
        tile = tile_;
        neurons = (sizes.N - tile + sizes.X - 1) / sizes.X;
        if constexpr (!Memory::SHARED) sums = stored();
    }

    DEVICE int32 cells() const { return sizes.slots * columns(); }

    // The tile's rings in global memory.
    DEVICE int32* stored() const { return arrays.stored + int64(tile) * cells(); }

    DEVICE int32 columns() const { return sizes.channels * sizes.L; }

    // Place of a step in the ring; it may lie up to a ring before the first.
    DEVICE int32 position(int32 step) const {
        return int32(uint32(step + sizes.slots) % uint32(sizes.slots));
    }

    DEVICE int32* cell(int32 position, int32 slot) const {
        return sums + (position * columns() + slot);
    }

    DEVICE int32 segment_of(int32 neuron) const {
        int32 low = 0, high = sizes.G - 1;
        while (low < high) {
            const int32 middle = (low + high + 1) / 2;
            if (arrays.segments[int64(middle) * SEGMENT_FIELDS + 3] <= neuron) {
                low = middle;
            } else {
                high = middle - 1;
            }
        }
        return low;
    }

    DEVICE void load_states() const {
        const float* from = arrays.state + int64(tile) * sizes.S * sizes.L;
        for (int32 l = threadIdx.x; l < neurons; l += blockDim.x) {
            kinds[l] = segment_of(l * sizes.X + tile);
            for (int32 row = 0; row < sizes.S; row++) {
                states[row * sizes.L + l] = from[int64(row) * sizes.L + l];
            }
        }
    }

    DEVICE void load_rings() const {
        const int32* kept = stored();
        for (int32 i = threadIdx.x; i < cells(); i += blockDim.x) sums[i] = kept[i];
    }

    DEVICE void clear_rings() const {
        for (int32 i = threadIdx.x; i < cells(); i += blockDim.x) sums[i] = 0;
    }

    DEVICE void store_states() const {
        float* to = arrays.state + int64(tile) * sizes.S * sizes.L;
        for (int32 l = threadIdx.x; l < neurons; l += blockDim.x) {
            for (int32 row = 0; row < sizes.S; row++) {
                to[int64(row) * sizes.L + l] = states[row * sizes.L + l];
            }
        }
    }

    DEVICE void store_rings() const {
        int32* kept = stored();
        for (int32 i = threadIdx.x; i < cells(); i += blockDim.x) kept[i] = sums[i];
    }

    // Poisson input of the steps `from` to `to`, by all threads, each for its own neurons; `to`
    // ends a block of four steps, which share their random words.
    DEVICE void drive(int32 from, int32 to) const {
        if (sizes.I == 0 || from == to) return;
        for (int32 l = threadIdx.x; l < neurons; l += blockDim.x) {
            const int32 neuron = l * sizes.X + tile;
            const int32* listed = arrays.driving + int64(kinds[l]) * (sizes.I + 1);
            for (int32 q = 1; q <= listed[0]; q++) {
                const int64* stimulus = arrays.stimuli + int64(listed[q]) * STIMULUS_FIELDS;
                const int64 number = neuron - stimulus[0];
                if (number >= 0 && number < stimulus[1]) drive_one(stimulus, l, neuron, from, to);
            }
        }
    }

    DEVICE void drive_one(
        const int64* __restrict__ stimulus, int32 l, int32 neuron, int32 from, int32 to
    ) const {
        const uint32 weight = uint32(stimulus[3]);
        const uint32* table = arrays.thresholds + stimulus[4];
        const int32 entries = int32(stimulus[5]);
        const int32 slot = int32(stimulus[6]) * sizes.L + l;
        int32 place = position(from);
        for (int32 step = from; step < to;) {
            const int64 now = sizes.first_step + step;
            const uint4 words =
                philox(sizes.seed, uint32(stimulus[2]), uint64(neuron), uint64(now >> 2));
            const uint32 four[4] = {words.x, words.y, words.z, words.w};
#pragma unroll
            for (int32 k = 0; k < 4; k++) {
                if (k < (now & 3)) continue;
                const uint32 count = uint32(reached(table, entries, four[k]));
                if (count) atomicAdd(cell(place, slot), int32(count * weight));
                place = place + 1 == sizes.slots ? 0 : place + 1;
            }
            step += 4 - int32(now & 3);
        }
    }

    // Events `begin` to `end` of the list, of steps that are still to come.
    DEVICE void add_events(int64 begin, int64 end) const {
        for (int64 i = begin + threadIdx.x; i < end; i += blockDim.x) {
            const int32 neuron = arrays.event_neurons[i];
            if (neuron % sizes.X != tile) continue;
            const int32 step = int32(arrays.event_steps[i] - sizes.first_step);
            const int32 slot = arrays.event_channels[i] * sizes.L + neuron / sizes.X;
            atomicAdd(cell(position(step), slot), arrays.event_amounts[i]);
        }
    }

    // Every lane of a warp brings a spike, or none; the warp adds their rows to the rings.
    DEVICE void deliver(bool exists, int32 step, int32 neuron) {
        int64 start = 0;
        int32 length = 0;
        if (exists) {
            const int64* row = arrays.row_starts + (int64(tile) * (sizes.N + 1) + neuron);
            start = row[0];
            length = int32(row[1] - start);
            if (step >= 0) events += length;
        }
        // Where delay 1 arrives, and delays that arrived before the first step.
        const int32 place = position(step + 1) | max(0, -step - 1) << 16;
        const int32 lane = threadIdx.x & 31;
        uint32 waiting = __ballot_sync(FULL_WARP, length > 0);
        while (waiting) {
            int64 starts[ROWS];
            int32 lengths[ROWS], places[ROWS], longest = 0;
#pragma unroll
            for (int32 r = 0; r < ROWS; r++) {
                const int32 from = waiting ? __ffs(waiting) - 1 : lane;
                starts[r] = __shfl_sync(FULL_WARP, start, from) + lane;
                lengths[r] = __shfl_sync(FULL_WARP, length, from);
                lengths[r] = waiting ? lengths[r] - lane : 0;
                places[r] = __shfl_sync(FULL_WARP, place, from);
                longest = max(longest, lengths[r]);
                waiting &= waiting - 1;
            }
            for (int32 done = 0; done < longest; done += 32) {
                uint32 words[ROWS];
                int32 amounts[ROWS];
#pragma unroll
                for (int32 r = 0; r < ROWS; r++) {
                    if (done >= lengths[r]) continue;
                    words[r] = __ldcs(arrays.words + (starts[r] + done));
                    if (arrays.amounts) amounts[r] = __ldcs(arrays.amounts + (starts[r] + done));
                }
#pragma unroll
                for (int32 r = 0; r < ROWS; r++) {
                    if (done >= lengths[r]) continue;
                    if (arrays.amounts) {
                        add(words[r], amounts[r], places[r]);
                    } else {
                        add(words[r] & 0xffff, int32(words[r]) >> 16, places[r]);
                    }
                }
            }
        }
    }

    DEVICE void add(uint32 word, int32 weight, int32 place) const {
        const int32 later = int32(word >> sizes.slot_bits);
        if (later < place >> 16) return;
        const int32 slot = int32(word & ((1u << sizes.slot_bits) - 1));
        int32 there = (place & 0xffff) + later;
        there -= there >= sizes.slots ? sizes.slots : 0;
        atomicAdd(cell(there, slot), weight);
    }

    // Moves all neurons from step `first` on by `steps` steps. What arrives late is taken in at the
    // top of the next step, and where the launch is `ending`, after the last.
    DEVICE void advance(
        int32 first, int32 steps, bool ending, const Fired& fired, int32 side
    ) const {
        for (int32 l = threadIdx.x; l < neurons; l += blockDim.x) {
            const int64* segment = arrays.segments + int64(kinds[l]) * SEGMENT_FIELDS;
            switch (int32(segment[0])) {
                case MODEL_LIF: move<LIF>(l, first, steps, ending, fired, side); break;
                case MODEL_CUBA_LIF: move<CubaLIF>(l, first, steps, ending, fired, side); break;
                case MODEL_CUBA_DUAL_LIF:
                    move<CubaDualLIF>(l, first, steps, ending, fired, side);
                    break;
                case MODEL_COBA_LIF: move<CobaLIF>(l, first, steps, ending, fired, side); break;
                case MODEL_ALIF: move<ALIF>(l, first, steps, ending, fired, side); break;
                default: move<Izhikevich>(l, first, steps, ending, fired, side);
            }
        }
    }

    template <class Neuron>
    DEVICE Neuron with_numbers(int32 l) const {
        const int64* segment = arrays.segments + int64(kinds[l]) * SEGMENT_FIELDS;
        Coefficients numbers = {};
        numbers.uniform.reset = int32(segment[1]);
        numbers.uniform.refractory_steps = int32(segment[2]);
        numbers.values = arrays.coefficients + segment[5];
        numbers.N = segment[6] ? int32(segment[4]) : 1;
        Neuron neuron = {};
        neuron.set(numbers, segment[6] ? l * sizes.X + tile - int32(segment[3]) : 0);
        return neuron;
    }

    template <class Neuron>
    DEVICE void move(
        int32 l, int32 first, int32 steps, bool ending, const Fired& fired, int32 side
    ) const {
        Neuron neuron = with_numbers<Neuron>(l);
        neuron.load(states + l, sizes.L);
        const int32 probe = sizes.M ? arrays.first_probes[int64(tile) * sizes.L + l] : -1;
        const float* units = arrays.units + int64(kinds[l]) * 2;
        int32 before = position(first - 1);
        for (int32 step = first; step < first + steps + int32(ending); step++) {
            if (step > 0) {
                if constexpr (Neuron::LATE) {
                    const float exc = taken(before, l) * units[0];
                    const float inh =
                        Neuron::CHANNELS == 2 ? taken(before, sizes.L + l) * units[1] : 0.0f;
                    neuron.arrive(exc, inh);
                }
                if (probe >= 0) sample(neuron, probe, l, step - 1);
            }
            if (step == first + steps) break;
            before = before + 1 == sizes.slots ? 0 : before + 1;
            Outcome done;
            if constexpr (Neuron::LATE) {
                done = neuron.move();
            } else {
                done = neuron.step(taken(before, l) * units[0]);
            }
            if (done.spiked) fired.append(side, step, l * sizes.X + tile);
        }
        neuron.store(states + l, sizes.L);
    }

    // What arrives at a slot, which is left empty for the ring's next round.
    DEVICE float taken(int32 position, int32 slot) const {
        int32* here = cell(position, slot);
        const float sum = float(*here);
        *here = 0;
        return sum;
    }

    // Writes what the probes of a neuron see after a step, where it is one of those to record.
    template <class Neuron>
    DEVICE void sample(const Neuron& neuron, int32 probe, int32 l, int32 step) const {
        const int64 passed = sizes.first_step + step + 1;
        if (passed % sizes.every != 0) return;
        const int64 row = passed / sizes.every - sizes.first_step / sizes.every - 1;
        neuron.store(states + l, sizes.L);
        for (; probe >= 0; probe = arrays.next_probes[probe]) {
            const int64 state = arrays.probes[int64(probe) * 2 + 1];
            arrays.recorded[row * sizes.M + probe] = states[state * sizes.L + l];
        }
    }
};

// Fills the rings from the spikes of the steps before the first.
template <class Memory>
DEVICE void deliver_flight(Tile<Memory>& tile, const uint64* __restrict__ flight) {
    const int64 spikes = tile.sizes.Z;
    for (int64 begin = 0; begin < spikes; begin += blockDim.x) {
        const bool exists = begin + threadIdx.x < spikes;
        const uint64 spike = exists ? flight[begin + threadIdx.x] : 0;
        tile.deliver(exists, int32(spike >> 32) - tile.sizes.longest, int32(spike));
    }
}
