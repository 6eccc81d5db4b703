"""Small workloads whose energies are worked by hand."""

import pytest

from cusnn.energy import OpCounts, Workload

PICO = 1e-12


def exact(value):
    return pytest.approx(value, rel=1e-13)


def network(neurons=10, synapses=100, steps=10, model_time_ms=10.0, **counts):
    """Ten neurons for ten steps: 100 updates, 30 of them with a spike."""
    counted = {
        "effective_acs": 1000,
        "effective_macs": 200,
        "neuron_updates_active": 30,
        "neuron_updates_idle": 70,
        "spikes": 30,
        "plasticity_updates": 0,
        "hops": 40,
        "weight_bytes": 4800,
        "state_bytes": 2400,
        **counts,
    }
    parts = {"all": OpCounts(**counted)}
    return Workload("small", parts, neurons, synapses, steps, model_time_ms)


def classifier(**counts):
    parts = {"hidden": OpCounts(effective_acs=500, neuron_updates_idle=400, **counts)}
    return Workload("digits", parts, neurons=10, synapses=50, steps=8, inferences=5)
