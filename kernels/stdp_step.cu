// A step of pair STDP on dense weights: rows and columns of neurons that fired change, then traces.
#include "compact.cuh"
#include "stdp.cuh"

constexpr int32 BLOCK = 256;
constexpr int32 COLUMNS = COMPACT_PASSES * BLOCK;  // of a block
constexpr int32 MOST_ROWS = 64;  // of a block
constexpr int32 WEIGHTS_PER_SECTOR = 8;

// A block owns rows_per_block rows by COLUMNS columns and changes each of its weights once. It walks
// through the rows that fired, a thread staying on its columns, and touches the others only at the
// columns that fired; where those would touch nearly every sector, it walks through all rows.
//
// Traces are read as they were before the step. stdp_traces, launched next, moves them: no block
// may write a trace that another block has still to read.
__global__ void __launch_bounds__(BLOCK) stdp_step(
    const uint8* __restrict__ spikes_pre,  // [N]  in
    const uint8* __restrict__ spikes_post,  // [M]  in
    float* __restrict__ trace_pre,  // [N]  inout
    float* __restrict__ trace_post,  // [M]  inout
    float* __restrict__ weights,  // [N, M]  inout
    int32 N,
    int32 M,
    int32 rows_per_block,
    STDP rule
) {
    __shared__ int32 warp_counts[MAX_WARPS];
    __shared__ int32 fired_columns[COLUMNS];
    __shared__ int32 fired_rows[MOST_ROWS];
    const int32 first_row = blockIdx.x * rows_per_block;
    const int32 rows = min(rows_per_block, N - first_row);
    const int32 first_column = blockIdx.y * COLUMNS;
    const int32 columns = min(COLUMNS, M - first_column);
    const int32 n_rows =
        compact(spikes_pre, 1, first_row, first_row + rows, fired_rows, warp_counts);
    const int32 n_columns = compact(
        spikes_post, 1, first_column, first_column + columns, fired_columns, warp_counts
    );
    const bool walk = n_columns * WEIGHTS_PER_SECTOR > columns;
    const int32 n_walked = walk ? rows : n_rows;

    if (n_walked > 0) {
        float depression[COMPACT_PASSES];
        uint32 fired = 0;
#pragma unroll
        for (int32 pass = 0; pass < COMPACT_PASSES; pass++) {
            const int32 column = int32(threadIdx.x) + pass * BLOCK;
            depression[pass] = 0.0f;
            if (column < columns) {
                depression[pass] = rule.depression(trace_post[first_column + column]);
                fired |= uint32(spikes_post[first_column + column] != 0) << pass;
            }
        }
        for (int32 k = 0; k < n_walked; k++) {
            const int32 row = walk ? first_row + k : fired_rows[k];
            const bool row_fired = spikes_pre[row] != 0;
            const float potentiation = rule.potentiation(trace_pre[row]);
            float* own = weights + int64(row) * M + first_column + threadIdx.x;
            float weight[COMPACT_PASSES];
#pragma unroll
            for (int32 pass = 0; pass < COMPACT_PASSES; pass++) {
                const bool inside = int32(threadIdx.x) + pass * BLOCK < columns;
                weight[pass] = inside ? own[pass * BLOCK] : 0.0f;
            }
#pragma unroll
            for (int32 pass = 0; pass < COMPACT_PASSES; pass++) {
                if (row_fired) weight[pass] = rule.depressed(weight[pass], depression[pass]);
                const bool column_fired = fired >> pass & 1;
                if (column_fired) weight[pass] = rule.potentiated(weight[pass], potentiation);
                const bool inside = int32(threadIdx.x) + pass * BLOCK < columns;
                if (inside && (row_fired || column_fired)) own[pass * BLOCK] = weight[pass];
            }
        }
    }
    if (walk) return;

    for (int32 k = threadIdx.x; k < rows * n_columns; k += BLOCK) {
        const int32 row = k / n_columns;
        const int32 i = first_row + row;
        if (spikes_pre[i] != 0) continue;
        float& weight = weights[int64(i) * M + fired_columns[k - row * n_columns]];
        weight = rule.potentiated(weight, rule.potentiation(trace_pre[i]));
    }
}

// Decay and jump of all traces, a thread each.
__global__ void stdp_traces(
    const uint8* __restrict__ spikes_pre,  // [N]  in
    const uint8* __restrict__ spikes_post,  // [M]  in
    float* __restrict__ trace_pre,  // [N]  inout
    float* __restrict__ trace_post,  // [M]  inout
    int32 N,
    int32 M,
    STDP rule
) {
    const int64 n = thread_index();
    if (n < N) {
        const float trace = STDP::decayed(trace_pre[n], rule.decay_pre);
        trace_pre[n] = rule.jumped(trace, spikes_pre[n] != 0);
    } else if (n < int64(N) + M) {
        const int64 m = n - N;
        const float trace = STDP::decayed(trace_post[m], rule.decay_post);
        trace_post[m] = rule.jumped(trace, spikes_post[m] != 0);
    }
}
