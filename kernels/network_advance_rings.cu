// A network over many steps in one launch: every block takes its tiles from exchange to exchange,
// and all blocks run at once.
#include "network_exchange.cuh"

// With 96 registers each, threads of one block fill a multiprocessor, and nothing spills.
constexpr int32 MOST_THREADS = 640;

// Blocks with one tile keep it in shared memory from the first step to the last; where there are
// more tiles than blocks, each tile comes and goes once per window. Rings in global memory stay
// there.
template <class Exchange, class Memory>
__global__ void __launch_bounds__(MOST_THREADS, 1) network_advance_rings(
    const uint32* __restrict__ words,  // [K]  in
    const int32* __restrict__ amounts,  // [K]  in, optional
    const int64* __restrict__ row_starts,  // [X, N+1]  in
    const int64* __restrict__ segments,  // [G, F]  in
    const float* __restrict__ coefficients,  // [C]  in
    const float* __restrict__ units,  // [G, A]  in
    const int64* __restrict__ stimuli,  // [I, F]  in
    const uint32* __restrict__ thresholds,  // [Q]  in
    const int64* __restrict__ event_steps,  // [V]  in
    const int32* __restrict__ event_neurons,  // [V]  in
    const int32* __restrict__ event_amounts,  // [V]  in
    const int32* __restrict__ event_channels,  // [V]  in
    const int64* __restrict__ probes,  // [M, A]  in
    const uint64* __restrict__ flight,  // [Z]  in
    float* __restrict__ state,  // [X, S, L]  inout
    uint64* __restrict__ spikes,  // [R]  out
    float* __restrict__ recorded,  // [U, M]  out
    int64* __restrict__ progress,  // [P]  out
    uint32* __restrict__ meeting,  // [4]  inout: 0 before
    uint64* __restrict__ mailbox,  // [2, blocks, PACKET]  inout: 0 before
    uint64* __restrict__ outbox,  // [2, blocks, capacity]  inout
    int32* __restrict__ stored,  // [X, slots, channels * L]  inout, optional
    const int32* __restrict__ driving,  // [G, I+1]  in
    const int32* __restrict__ first_probes,  // [X, L]  in
    const int32* __restrict__ next_probes,  // [M]  in
    int64 capacity,
    RingSizes sizes
) {
    extern __shared__ int32 memory[];
    __shared__ int32 fired_count[2];
    __shared__ uint64 fired_sent[2 * SENT];
    __shared__ uint64 heard_all[2];
    __shared__ uint64 heard_before[2];
    const RingArrays arrays = {
        words,         amounts,        row_starts, segments, coefficients, units,   stimuli,
        thresholds,    event_steps,    event_neurons, event_amounts, event_channels, probes,
        state,         recorded,       stored,     driving,  first_probes, next_probes,
    };
    const Fired fired = {fired_count, fired_sent, outbox, capacity};
    const Shared shared = {spikes, meeting, mailbox};
    const Heard heard = {heard_all, heard_before};
    const int32 cells = Memory::SHARED ? sizes.slots * sizes.channels * sizes.L : 0;
    float* states = reinterpret_cast<float*>(memory + cells);
    int32* kinds = memory + cells + sizes.S * sizes.L;
    Tile<Memory> tile = {arrays, sizes, 0, 0, memory, states, kinds, 0, 0};

    const bool streaming = sizes.X > int32(gridDim.x);
    if (threadIdx.x < 2) {
        fired_count[threadIdx.x] = 0;
        heard_all[threadIdx.x] = heard_before[threadIdx.x] = 0;
    }
    int64 total = 0;  // spikes of the windows that all have heard of
    int64 event = reached(event_steps, sizes.V, sizes.first_step - 1);
    int32 done = 0, driven = 0;
    bool ending = false;
    for (int32 window = 0; !ending; window++) {
        const int32 steps = min(sizes.interval, sizes.steps - done);
        const int64 next = sizes.first_step + done + steps;
        int64 events_end = event;
        if (steps) {
            // Twice as far each time: most windows have few events.
            int64 reach = 1;
            while (event + reach < sizes.V && event_steps[event + reach] < next) reach *= 2;
            events_end += reached(event_steps + event, min(reach, sizes.V - event), next - 1);
        }
        const int32 behind = int32(next & 3);
        const int32 to = driven < done + steps ? done + steps + (behind ? 4 - behind : 0) : driven;
        for (int32 t = blockIdx.x; t < sizes.X; t += gridDim.x) {
            const bool first = t == int32(blockIdx.x);
            tile.take(t);
            if (streaming || window == 0) {
                tile.load_states();
                if (window == 0) {
                    tile.clear_rings();
                } else if (Memory::SHARED) {
                    tile.load_rings();
                }
                __syncthreads();
            }
            tile.drive(driven, to);
            tile.add_events(event, events_end);
            if (window == 0) {
                deliver_flight(tile, flight);
            } else {
                Exchange::deliver(tile, shared, fired, heard, window, total, first);
            }
            __syncthreads();
            if (first) {
                if (window > 0) Exchange::record(shared, fired, heard, window, total);
                const int64 known = total + int64(heard_all[window & 1]);
                ending = steps == 0 || sizes.R - known < int64(steps) * sizes.N;
            }
            tile.advance(done, ending ? 0 : steps, ending, fired, (window + 1) & 1);
            if (ending || streaming) tile.store_states();
            if (streaming) {
                __syncthreads();
                if (Memory::SHARED && !ending) tile.store_rings();
            }
        }
        total += int64(heard_all[window & 1]);
        if (ending) break;
        __syncthreads();
        const int32 posted = window + 1;
        Exchange::post(shared, fired, heard, posted, total, done);
        if (threadIdx.x == 0) {
            fired_count[(posted + 1) & 1] = 0;
            heard_all[(posted + 1) & 1] = heard_before[(posted + 1) & 1] = 0;
        }
        tile.first = done;
        done += steps;
        driven = to;
        event = events_end;
    }
    if (tile.events) atomicAdd(reinterpret_cast<uint64*>(progress + 1), uint64(tile.events));
    if (thread_index() == 0) {
        progress[0] = done;
        progress[2] = total;
    }
}

// Before a launch: which stimuli reach a segment (their number, then which), and the probes of each
// neuron as a chain.
__global__ void network_prepare_rings(
    const int64* __restrict__ segments,  // [G, 7]  in
    const int64* __restrict__ stimuli,  // [I, 7]  in
    const int64* __restrict__ probes,  // [M, 2]  in
    int32* __restrict__ driving,  // [G, I+1]  out
    int32* __restrict__ first_probes,  // [X, L]  inout: -1 before
    int32* __restrict__ next_probes,  // [M]  out
    int32 G,
    int32 I,
    int32 M,
    int32 X,
    int32 L
) {
    const int64 place = thread_index();
    if (place < G) {
        const int64* segment = segments + place * SEGMENT_FIELDS;
        int32* listed = driving + place * (I + 1);
        int32 count = 0;
        for (int32 i = 0; i < I; i++) {
            const int64* stimulus = stimuli + int64(i) * STIMULUS_FIELDS;
            const bool meets = stimulus[0] < segment[3] + segment[4] &&
                               segment[3] < stimulus[0] + stimulus[1];
            if (meets) listed[++count] = i;
        }
        listed[0] = count;
    }
    if (place < M) {
        const int64 neuron = probes[place * 2];
        int32* first = first_probes + (neuron % X * L + neuron / X);
        next_probes[place] = atomicExch(first, int32(place));
    }
}

// After a launch: words that arrived of spikes from before it, less words still under way.
__global__ void network_count_flight(
    const uint32* __restrict__ words,  // [K]  in
    const int64* __restrict__ row_starts,  // [X, N+1]  in
    const uint64* __restrict__ flight,  // [Z]  in
    const uint64* __restrict__ spikes,  // [R]  in
    int64* __restrict__ progress,  // [3]  inout: steps done, events, spikes
    uint32 delay_mask,
    RingSizes sizes
) {
    const int32 lane = threadIdx.x & 31;
    const int64 done = progress[0], before = sizes.Z, all = before + progress[2];
    int64 sum = 0;
    for (int64 begin = threadIdx.x - lane; begin < all; begin += blockDim.x) {
        const int64 i = begin + lane;
        int64 step = 0;
        int32 neuron = 0;
        if (i < all) {
            const uint64 spike = i < before ? flight[i] : spikes[i - before];
            step = int64(spike >> 32) - (i < before ? sizes.longest : 0);
            neuron = int32(spike);
        }
        const bool split = i < all && (step < 0 || step + sizes.longest >= done);
        for (uint32 left = __ballot_sync(FULL_WARP, split); left; left &= left - 1) {
            const int32 from = __ffs(left) - 1;
            const int64 fired = __shfl_sync(FULL_WARP, step, from);
            const int64* row = row_starts + int64(blockIdx.x) * (sizes.N + 1) +
                               __shfl_sync(FULL_WARP, neuron, from);
            for (int64 k = row[0] + lane; k < row[1]; k += 32) {
                const int64 arrival = fired + 1 + ((words[k] & delay_mask) >> sizes.slot_bits);
                const bool arrived = arrival >= 0 && arrival < done;
                sum += fired < 0 ? int64(arrived) : int64(arrived) - 1;
            }
        }
    }
    if (sum) atomicAdd(reinterpret_cast<uint64*>(progress + 1), uint64(sum));
}
