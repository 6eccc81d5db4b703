"""The microcircuit against the numbers its specification prints."""

import dataclasses
import math

import numpy as np
import pytest

from cusnn import models
from cusnn.network import FixedTotalNumber
from cusnn.neurons import Relay
from cusnn.simulation import Simulation

# Printed or derived by the reference implementation (INM-6/microcircuit-PD14-model at fd40046),
# rows are targets.
LABELS = ("L23E", "L23I", "L4E", "L4I", "L5E", "L5I", "L6E", "L6I")
SYNAPSES = [
    [45499805, 22323577, 20253647, 9670918, 3293578, 0, 2271404, 0],
    [17443694, 5018763, 4105338, 1690074, 2221213, 0, 353461, 0],
    [3503670, 756561, 24482849, 17413576, 714524, 7003, 14624432, 0],
    [8114254, 92832, 9933538, 5223272, 87836, 0, 8810905, 0],
    [10613575, 1817058, 5507804, 151900, 2040738, 2407889, 1438969, 0],
    [1241436, 169424, 607667, 12851, 319602, 430444, 132414, 0],
    [4681225, 556108, 6727570, 1320234, 4112225, 305029, 8372649, 10827677],
    [2260836, 17207, 220033, 8078, 401638, 25218, 2888426, 1354320],
]
WEIGHT = 87.80849352920843
DIRECT_CURRENT = [
    561.974359,
    526.850961,
    737.591346,
    667.344551,
    702.467948,
    667.344551,
    1018.578525,
    737.591346,
]
PUBLISHED = [0.903, 2.965, 4.414, 5.876, 7.569, 8.633, 1.105, 7.829]


def test_full_size_numbers_are_the_published_ones():
    numbers = models.microcircuit_scaling(1.0, "dc")
    assert numbers.labels == LABELS
    assert numbers.sizes.tolist() == [20683, 5834, 21915, 5479, 4850, 1065, 14395, 2948]
    assert numbers.sizes.sum() == 77169
    np.testing.assert_array_equal(numbers.synapses, SYNAPSES)
    weights = np.tile([WEIGHT, -4 * WEIGHT], (8, 4))
    weights[0, 2] = 2 * WEIGHT
    np.testing.assert_allclose(numbers.weights, weights, rtol=1e-14)
    assert numbers.weight_external == pytest.approx(WEIGHT, rel=1e-14)
    np.testing.assert_allclose(numbers.current, DIRECT_CURRENT, rtol=1e-8)
    assert numbers.rheobase == 375.0
    assert numbers.below_rheobase == ()


def test_full_size_network():
    network = models.microcircuit(1.0, drive="dc")
    assert network.size == 77169
    assert network.n_synapses == np.sum(SYNAPSES)
    by_pair = {(p.post, p.pre): p for p in network.projections}
    for (target, source), n in np.ndenumerate(SYNAPSES):
        pair = (LABELS[target], LABELS[source])
        if n == 0:
            assert pair not in by_pair
        else:
            assert by_pair[pair].connector == FixedTotalNumber(int(n))
    excitatory, inhibitory = by_pair["L4E", "L4E"], by_pair["L4E", "L4I"]
    doubled = by_pair["L23E", "L4E"]
    assert excitatory.weight.mean == pytest.approx(WEIGHT)
    assert excitatory.weight.sd == pytest.approx(0.1 * WEIGHT)
    assert (excitatory.weight.low, excitatory.weight.high) == (0.0, None)
    assert inhibitory.weight.mean == pytest.approx(-4 * WEIGHT)
    assert inhibitory.weight.sd == pytest.approx(0.4 * WEIGHT)
    assert (inhibitory.weight.low, inhibitory.weight.high) == (None, 0.0)
    assert doubled.weight.sd == pytest.approx(0.2 * WEIGHT)
    assert by_pair["L4E", "L23E"].weight.mean == pytest.approx(WEIGHT)
    assert (excitatory.delay.mean, excitatory.delay.sd, excitatory.delay.low) == (1.5, 0.75, 0.05)
    assert (inhibitory.delay.mean, inhibitory.delay.sd, inhibitory.delay.low) == (0.75, 0.375, 0.05)
    assert network.stimuli == ()
    currents = [population.neuron.i_offset for population in network.populations]
    np.testing.assert_allclose(currents, DIRECT_CURRENT, rtol=1e-8)


def test_neuron_constants_per_step():
    """Propagators of a step of 0.1 ms and the refractory steps, as printed."""
    network = models.microcircuit(1.0)
    numbers = network.populations[0].neuron.coefficients(0.1)
    assert numbers.refractory_steps == 20
    decay, decay_syn, gain, _, threshold, reset = numbers.values[:, 0]
    assert decay == np.float32(0.9900498337491681)
    assert decay_syn == np.float32(0.8187307530779818)
    assert gain == pytest.approx(0.0003606717487814448, rel=1e-6)
    assert (threshold, reset) == (-50.0, -65.0)
    voltages = [(p.v.mean, p.v.sd) for p in network.populations]
    assert voltages[0] == (-68.28, 5.36)
    assert voltages[7] == (-61.43, 4.48)


def test_poisson_drive():
    network = models.microcircuit(1.0, drive="poisson")
    rates = [s.rate * s.sources * network.dt / 1000 for s in network.stimuli]
    assert rates == pytest.approx([1.28, 1.2, 1.68, 1.52, 1.6, 1.52, 2.32, 1.68])
    assert [s.population for s in network.stimuli] == list(LABELS)
    assert {s.weight for s in network.stimuli} == {models.microcircuit_scaling().weight_external}
    assert all(population.neuron.i_offset == 0.0 for population in network.populations)


@pytest.mark.parametrize("drive", ["dc", "poisson"])
@pytest.mark.parametrize("scale", [0.02, 0.1, 0.5])
def test_scaling_keeps_mean_and_variance_of_the_input(scale, drive):
    """At the published rates: sums of K w rate and of K w^2 rate."""
    full, small = (models.microcircuit_scaling(f, drive) for f in (1.0, scale))
    moments = []
    for numbers in (full, small):
        in_degree = numbers.synapses / numbers.sizes[:, None]
        tau = 0.5e-3
        mean = tau * (in_degree * numbers.weights) @ PUBLISHED + numbers.current
        variance = (in_degree * numbers.weights**2) @ PUBLISHED
        if drive == "poisson":
            mean = mean + tau * 8.0 * numbers.in_degree_external * numbers.weight_external
            variance += 8.0 * numbers.in_degree_external * numbers.weight_external**2
        moments.append((mean, variance))
    # Sizes and numbers are rounded to integers: 21 neurons of L5I at scale 0.02. The mean is a
    # small difference of large currents of 1,000 pA.
    rough = 0.6 / (1065 * scale)
    np.testing.assert_allclose(moments[1][0], moments[0][0], atol=1000 * rough)
    np.testing.assert_allclose(moments[1][1], moments[0][1], rtol=rough)


def test_half_size_by_hand():
    numbers = models.microcircuit_scaling(0.5, "poisson")
    assert numbers.sizes.tolist() == [10342, 2917, 10958, 2740, 2425, 532, 7198, 1474]
    assert numbers.synapses[0, 0] == round(45499805 / 4)
    assert numbers.weight_external == pytest.approx(WEIGHT * math.sqrt(2))
    assert numbers.in_degree_external.tolist() == [800, 750, 1050, 950, 1000, 950, 1450, 1050]
    # L6I: what recurrence and drive lack, in pA.
    rates = np.array(PUBLISHED)
    signs = np.array([1, -4] * 4)
    recurrent = WEIGHT * 0.5e-3 * np.sum(np.array(SYNAPSES[7]) / 2948 * signs * rates)
    assert numbers.current[7] == pytest.approx(
        (1 - math.sqrt(0.5)) * (recurrent + DIRECT_CURRENT[7]), rel=1e-6
    )


def test_small_scales_with_direct_current_are_below_rheobase():
    assert models.microcircuit_scaling(0.42, "dc").below_rheobase == ()
    assert models.microcircuit_scaling(0.40, "dc").below_rheobase == ("L23E",)
    assert models.microcircuit_scaling(0.1, "dc").below_rheobase == LABELS[:7]


def test_thalamic_pulse_at_full_size():
    """K = ln(1 - C) / ln(1 - 1 / (902 N)), onto L4 and L6; PSPs of 0.15 mV; 120 Hz for 10 ms."""
    network = models.microcircuit(1.0, thalamus=True)
    thalamus, (pulse,) = network.populations[-1], network.stimuli[8:]
    assert (thalamus.label, thalamus.size, type(thalamus.neuron)) == ("TC", 902, Relay)
    assert (pulse.population, pulse.rate, pulse.sources) == ("TC", 120.0, 1)
    assert (pulse.start, pulse.stop) == (700.0, 710.0)
    projections = {p.post: p for p in network.projections if p.pre == "TC"}
    probability = {"L4E": 0.0983, "L4I": 0.0619, "L6E": 0.0512, "L6I": 0.0196}
    assert list(projections) == list(probability)
    for post, projection in projections.items():
        pairs = 902 * network.populations[network.index(post)].size
        # From ln(1 - 1/x) = -1/x - 1/(2 x^2) - ...
        exact = -math.log1p(-probability[post]) * (pairs - 0.5)
        assert projection.connector.n == pytest.approx(exact, abs=0.6)
        assert projection.weight.mean == pytest.approx(WEIGHT)
        assert projection.weight.sd == pytest.approx(0.1 * WEIGHT)
        delay = projection.delay
        assert (delay.mean, delay.sd, delay.low) == (1.5, 0.75, 0.05)
    plain = models.microcircuit(1.0)
    assert network.populations[:8] == plain.populations
    assert network.projections[: len(plain.projections)] == plain.projections
    assert network.stimuli[:8] == plain.stimuli


def test_thalamic_pulse_of_a_part():
    numbers = models.microcircuit_scaling(0.25)
    full = models.microcircuit_scaling(1.0)
    assert numbers.thalamic_size == 226
    np.testing.assert_allclose(numbers.thalamic_synapses, full.thalamic_synapses / 16, atol=0.6)
    assert numbers.thalamic_weight == pytest.approx(2 * WEIGHT)


def test_thalamus_fires_in_its_time_only():
    """And nothing differs before it; the pulse is moved to the start, for time's sake."""
    network = models.microcircuit(0.02, thalamus=True)
    moved = dataclasses.replace(network.stimuli[-1], start=1.0, stop=11.0, rate=1000.0)
    network = dataclasses.replace(network, stimuli=(*network.stimuli[:-1], moved))
    run = Simulation(network, backend="numpy", threads=1).run(13.0)
    plain = Simulation(models.microcircuit(0.02), backend="numpy", threads=1).run(13.0)
    times, neurons = run.spikes_of("TC")
    assert 120 < times.size < 240  # 18 neurons, 1000 Hz, 10 ms
    assert 1.0 < times.min() < times.max() < 11.1
    assert set(neurons) == set(range(18))
    cortex = run.neurons < plain.n_neurons
    first = (run.times[cortex] < 1.2).sum()
    assert first == (plain.times < 1.2).sum()
    np.testing.assert_array_equal(run.neurons[cortex][:first], plain.neurons[:first])
    assert cortex.sum() > plain.steps.size


def test_rates_to_compare_with():
    rates = models.microcircuit_rates(0.1, "poisson")
    assert list(rates) == ["published", "nest"]
    assert list(rates["published"].values()) == PUBLISHED
    assert rates["nest"]["L23E"] == 0.447
    assert rates["nest"]["L6I"] == 7.003
    assert list(models.microcircuit_rates(0.3, "poisson")) == ["published"]
    assert list(models.microcircuit_rates(0.1, "dc")) == ["published"]


@pytest.mark.parametrize(
    ("arguments", "kind", "text"),
    [
        ({"scale": 0.0}, ValueError, "above 0 and at most 1, got 0"),
        ({"scale": -1}, ValueError, "above 0"),
        ({"scale": 1.5}, ValueError, "at most 1, got 1.5"),
        ({"scale": math.nan}, ValueError, "above 0"),
        ({"scale": 1e-4}, ValueError, "without neurons"),
        ({"scale": "big"}, TypeError, "must be a number"),
        ({"drive": "ac"}, ValueError, "dc, poisson, got 'ac'"),
        ({"thalamus": 1}, TypeError, "thalamus must be True or False, got 1"),
        ({"dt": 1.0}, ValueError, "at most 0.1 ms, its shortest delay, got 1.0"),
        ({"dt": 0.03}, ValueError, "t_refractory=2.0 ms must be a multiple of dt=0.03"),
        ({"dt": -0.1}, ValueError, "positive"),
        ({"dt": math.nan}, ValueError, "finite"),
        ({"seed": -1}, ValueError, "seed"),
        ({"seed": 1.5}, TypeError, "seed"),
    ],
)
def test_bad_values(arguments, kind, text):
    with pytest.raises(kind, match=text):
        models.microcircuit(**{"scale": 0.01, **arguments})


def test_it_runs_and_seeds_differ():
    spikes = []
    for seed in (1, 2, 1):
        simulation = Simulation(models.microcircuit(0.01, seed=seed), backend="numpy", threads=2)
        result = simulation.run(15.0)
        assert result.events > 0
        spikes.append((result.steps.tolist(), result.neurons.tolist()))
    assert spikes[0] == spikes[2] != spikes[1]


def test_smaller_steps_round_the_same_delays():
    network = models.microcircuit(0.01, dt=0.05)
    result = Simulation(network, backend="numpy", threads=1).run(1.0)
    assert result.n_steps == 20
