// Synapse words by (tile, source), drawn on the device: count each row, add up, draw once more and
// place. The order within a row is that of arrival: rows are only ever added up.
#include "network_draws.cuh"

// A neuron's values at the start. A group: first neuron, number, stream, kind, row of the state.
DEVICE void draw_initial(
    const int64* __restrict__ groups,
    const double* __restrict__ voltages,
    float* __restrict__ initial,
    uint32 seed,
    int32 H,
    int32 N,
    int64 neuron
) {
    for (int32 h = 0; h < H; h++) {
        const int64* group = groups + int64(h) * 5;
        const double* row = voltages + int64(h) * DISTRIBUTION_FIELDS;
        const int64 n = neuron - group[0];
        if (n < 0 || n >= group[1]) continue;
        const uint4 random = philox(seed, uint32(group[2]), uint64(n), 0);
        const double value = draw(int32(group[3]), row, random.x) * row[6];
        initial[group[4] * N + neuron] = float(value);
    }
}

// A thread draws one synapse. The first pass leaves the length of each row in `cursors`; the
// second, `placing`, finds them 0 and moves them along the rows.
__global__ void network_build_rings(
    const int64* __restrict__ connections,  // [J, F]  in
    const double* __restrict__ weights,  // [J, A]  in
    const int64* __restrict__ counted,  // [Y]  in
    const uint32* __restrict__ thresholds,  // [Q]  in
    const int32* __restrict__ listed_sources,  // [E]  in
    const int32* __restrict__ listed_targets,  // [E]  in
    const double* __restrict__ listed_weights,  // [U]  in
    const int32* __restrict__ listed_delays,  // [V]  in
    const int64* __restrict__ groups,  // [H, B]  in
    const double* __restrict__ voltages,  // [H, A]  in
    uint32* __restrict__ words,  // [K]  out
    int32* __restrict__ amounts,  // [K]  out, optional
    int64* __restrict__ row_starts,  // [X, N+1]  out
    uint32* __restrict__ cursors,  // [X, N]  out
    float* __restrict__ initial,  // [S, N]  out
    const int64* __restrict__ last,  // [J]  in: synapses up to the end of each projection
    uint32 seed,
    int32 slot_bits,
    int32 placing,
    int64 K,
    int32 J,
    int32 H,
    int32 X,
    int32 N
) {
    const int64 k = thread_index();
    if (placing && k < N) draw_initial(groups, voltages, initial, seed, H, N, k);
    if (k >= K) return;
    const int32 j = reached(last, J, k);
    const int64* fields = connections + int64(j) * CONNECTION_FIELDS;
    const int64 number = k - (last[j] - fields[COUNT]);
    const uint4 random = philox(seed, uint32(fields[STREAM]), uint64(number), 0);
    const Ends found = ends(fields, counted, listed_sources, listed_targets, number, random, seed);
    const int32 source = int32(found.source + fields[FIRST_SOURCE]);
    const int32 target = int32(found.target + fields[FIRST_TARGET]);
    const int32 tile = target % X;
    uint32* cursor = cursors + (int64(tile) * N + source);
    const uint32 position = atomicAdd(cursor, 1u);
    if (!placing) return;

    const int32 kind = int32(fields[WEIGHT_KIND]);
    const double* row = weights + int64(j) * DISTRIBUTION_FIELDS;
    const double size = kind == LISTED ? listed_weights[fields[FIRST_LISTED_WEIGHT] + number]
                                       : draw(kind, row, random.z);
    const int32 weight = __double2int_rn(size * row[6]);
    const int32 n_thresholds = int32(fields[N_THRESHOLDS]);
    const int32 delay =
        n_thresholds < 0
            ? listed_delays[fields[FIRST_LISTED_DELAY] + number]
            : int32(fields[SHORTEST]) +
                  reached(thresholds + fields[FIRST_THRESHOLD], n_thresholds, random.w);
    const int32 per_tile = (N + X - 1) / X;
    const uint32 slot = uint32(int32(fields[CHANNEL]) * per_tile + target / X);
    const int64 place = row_starts[int64(tile) * (N + 1) + source] + position;
    const uint32 word = slot | uint32(delay - 1) << slot_bits;
    words[place] = amounts ? word : word | uint32(weight) << 16;
    if (amounts) amounts[place] = weight;
}

constexpr int32 SCAN_THREADS = 256;
constexpr int32 SCAN_ROWS = 16 * SCAN_THREADS;  // rows that a block adds up

// Sum over the block of what threads before this one brought; all threads' in `total`.
DEVICE int64 sum_before(int64 value, int64& total) {
    __shared__ int64 sums[2][SCAN_THREADS];
    int32 now = 0;
    sums[0][threadIdx.x] = value;
    __syncthreads();
    for (int32 reach = 1; reach < SCAN_THREADS; reach *= 2) {
        int64 sum = sums[now][threadIdx.x];
        if (int32(threadIdx.x) >= reach) sum += sums[now][threadIdx.x - reach];
        now = 1 - now;
        sums[now][threadIdx.x] = sum;
        __syncthreads();
    }
    total = sums[now][SCAN_THREADS - 1];
    const int64 before = sums[now][threadIdx.x] - value;
    __syncthreads();
    return before;
}

// Words of each block's rows.
__global__ void network_sum_rows(
    const uint32* __restrict__ cursors,  // [X, N]  in
    int64* __restrict__ sums,  // [blocks]  out
    int64 rows
) {
    const int64 first = int64(blockIdx.x) * SCAN_ROWS;
    int64 sum = 0, total;
    for (int32 i = threadIdx.x; i < SCAN_ROWS; i += SCAN_THREADS) {
        if (first + i < rows) sum += cursors[first + i];
    }
    sum_before(sum, total);
    if (threadIdx.x == 0) sums[blockIdx.x] = total;
}

// One block turns the sums of all blocks into the sums of those before each.
__global__ void network_add_sums(
    int64* __restrict__ sums,  // [blocks]  inout
    int64 blocks
) {
    int64 before = 0;
    for (int64 first = 0; first < blocks; first += SCAN_THREADS) {
        const int64 i = first + threadIdx.x;
        int64 total;
        const int64 value = i < blocks ? sums[i] : 0;
        const int64 sum = before + sum_before(value, total);
        if (i < blocks) sums[i] = sum;
        before += total;
    }
}

// Where each row starts; lengths in `cursors` become 0.
__global__ void network_start_rows(
    uint32* __restrict__ cursors,  // [X, N]  inout
    const int64* __restrict__ sums,  // [blocks]  in
    int64* __restrict__ row_starts,  // [X, N+1]  out
    int64 rows,
    int32 N
) {
    int64 before = sums[blockIdx.x];
    for (int32 i = threadIdx.x; i < SCAN_ROWS; i += SCAN_THREADS) {
        const int64 row = int64(blockIdx.x) * SCAN_ROWS + i;
        int64 total;
        const int64 length = row < rows ? cursors[row] : 0;
        const int64 start = before + sum_before(length, total);
        before += total;
        if (row >= rows) continue;
        const int64 tile = row / N;
        row_starts[row + tile] = start;
        if (row + 1 == (tile + 1) * N) row_starts[row + tile + 1] = start + length;
        cursors[row] = 0;
    }
}
