"""Energy of a workload on a GPU: its power over what its bandwidth and arithmetic can do.

There is no energy per operation of a GPU. Reading each weight from memory for one operation costs
hundreds of picojoules, a dense product on tensor cores less than one, on the same board. With the
board's largest power P, idle power P_0, bandwidth b, rates r:

    t_memory = bytes / b          t_arithmetic = FLOP / r
    E = P_0 t + (P - P_0) (t_memory + t_arithmetic)

No overlap, float32 arithmetic, and every byte from memory make the estimate and its upper end.
Full overlap, tensor cores, state on the chip and each weight read once make the lower end. Time
in which neither is busy (launches, latency, waiting) is in it only with ``seconds``.
"""

from __future__ import annotations

import math

from cusnn.energy.assumptions import Assumptions, model_seconds
from cusnn.energy.charges import amount
from cusnn.energy.counts import Workload
from cusnn.energy.profiles import DeviceProfile
from cusnn.energy.results import EnergyEstimate


def roofline(workload: Workload, profile: DeviceProfile, assumed: Assumptions) -> EnergyEstimate:
    """Energy of a workload on a GPU, with its range.

    Args:
        workload: what ran.
        profile: with ``tdp``, ``memory_bandwidth``, ``fp32`` and ``bf16_dense``.
        assumed: ``seconds``, ``idle_power_w``, ``flops_per_neuron_update``, ``bytes_per_weight``,
            ``dense``.

    Raises:
        ValueError: idle power that is no less than the largest, or ``seconds`` in which the work
            cannot be done.
    """
    power = profile.value("tdp", "W")
    idle = assumed.idle_power_w
    if idle is not None and idle >= power:
        raise ValueError(
            f"estimate: idle_power_w must be below the {power:g} W of {profile.title}, got {idle}"
        )
    traffic, uncounted = _traffic(workload, assumed)
    unpriced = ["plasticity_updates"] if workload.counts.plasticity_updates else []
    if traffic is None:
        return _estimate(workload, profile, {}, None, None, unpriced, uncounted, assumed)
    most, least, flops = traffic
    rates = {name: profile.value(name, "FLOPS") for name in ("fp32", "bf16_dense")}
    bandwidth = profile.value("memory_bandwidth", "B/s")
    memory, arithmetic = most / bandwidth, flops / rates["fp32"]
    busy = max(least / bandwidth, flops / rates["bf16_dense"])
    if assumed.seconds is not None and assumed.seconds < busy:
        raise ValueError(
            f"estimate: {profile.title} needs at least {busy:.3g} s, got seconds={assumed.seconds}"
        )
    if assumed.seconds is not None and assumed.seconds < memory + arithmetic:
        # Done in less: they overlapped, or weights were used again.
        share = assumed.seconds / (memory + arithmetic)
        memory, arithmetic = share * memory, share * arithmetic
    rest = power - (idle or 0.0)
    breakdown = {"memory": rest * memory, "arithmetic": rest * arithmetic}
    low, high = power * busy, math.fsum(breakdown.values())
    if idle is not None:
        # Without a time given, the board is on while it works.
        seconds = memory + arithmetic if assumed.seconds is None else assumed.seconds
        breakdown["idle_power"] = idle * seconds
        low = rest * busy + idle * (busy if assumed.seconds is None else seconds)
        high = math.fsum(breakdown.values())
    elif assumed.seconds is not None:
        unpriced.append("idle_power")
        high = power * assumed.seconds
    return _estimate(workload, profile, breakdown, low, high, unpriced, uncounted, assumed)


def _traffic(workload: Workload, assumed: Assumptions):
    """Most and least bytes from memory, FLOP; or None, and what was not counted."""
    counts = workload.counts
    needed = ("dense",) if assumed.dense else ("effective_acs", "effective_macs", "weight_bytes")
    needed += ("neuron_updates_active", "neuron_updates_idle", "state_bytes")
    uncounted = [name for name in needed if amount(workload, name) is None]
    if counts.plasticity_updates is None:
        uncounted.append("plasticity_updates")
    if any(name in needed for name in uncounted):
        return None, uncounted
    if assumed.dense:
        weights, flops = assumed.bytes_per_weight * counts.dense, 2.0 * counts.dense
    else:
        weights = float(counts.weight_bytes)
        flops = 2.0 * counts.effective_macs + counts.effective_acs
    flops += assumed.flops_per_neuron_update * counts.neuron_updates
    least = min(weights, assumed.bytes_per_weight * workload.synapses)
    return (weights + counts.state_bytes, least, flops), uncounted


def _estimate(
    workload, profile, breakdown, low, high, unpriced, uncounted, assumed
) -> EnergyEstimate:
    each = f"{assumed.flops_per_neuron_update:g} FLOP for an update of a neuron"
    work = "every weight meets every input" if assumed.dense else "only inputs that are not 0"
    if assumed.dense:
        work += f", {assumed.bytes_per_weight:g} B each"
    on = "as long as it works" if assumed.seconds is None else f"for {assumed.seconds:g} s"
    texts = (work, each, f"the board is on {on}")
    if assumed.charge_input_spikes:
        texts += ("input spikes cost no synaptic operation: they are drawn, not delivered",)
    timed = None not in (assumed.seconds, assumed.idle_power_w)
    return EnergyEstimate(
        workload.name,
        profile.name,
        profile.title,
        profile.kind,
        "roofline",
        "derived" if assumed.idle_power_w is None else "assumed",
        breakdown,
        low,
        high,
        tuple(unpriced),
        tuple(uncounted),
        ("host",) if timed else ("launches, latency and waiting", "host"),
        texts,
        1,
        workload.counts.synaptic_ops,
        workload.inferences,
        model_seconds(workload),
    )
