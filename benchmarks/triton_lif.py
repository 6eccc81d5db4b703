"""The LIF neuron in Triton, with the same roundings as ``neuron_forward``."""

import triton
import triton.language as tl


@triton.jit
def lif(
    current,  # [T, neurons]
    state,  # [2, neurons]
    final_state,  # [2, neurons]
    spikes,  # [T, neurons]
    steps,
    neurons,
    decay,
    gain,
    drive,
    v_threshold,
    v_reset,
    rest_steps,
    BLOCK: tl.constexpr,
):
    place = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = place < neurons
    v = tl.load(state + place, mask=inside, other=0.0)
    rest = tl.load(state + neurons + place, mask=inside, other=0.0)
    here = current + place
    there = spikes + place
    for _ in range(steps):
        arriving = tl.load(here, mask=inside, other=0.0)
        resting = rest > 0
        v = tl.where(resting, v, decay * v + (gain * arriving + drive))
        fired = (v >= v_threshold) & (rest <= 0)
        v = tl.where(fired, v_reset, v)
        rest = tl.where(fired, rest_steps, tl.maximum(rest - 1.0, 0.0))
        tl.store(there, fired.to(tl.uint8), mask=inside)
        here += neurons
        there += neurons
    tl.store(final_state + place, v, mask=inside)
    tl.store(final_state + neurons + place, rest, mask=inside)
