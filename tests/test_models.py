"""Published networks other than the microcircuit: their numbers, and the theory beside them."""

import math

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import erfcx

from cusnn import models
from cusnn.models.mean_field import _siegert_rates, stationary_rate
from cusnn.network import FixedInDegree, FixedProbability, Uniform
from cusnn.neurons import LIF, Relay
from cusnn.simulation import Simulation

NEURON = LIF(tau_mem=20.0, v_threshold=20.0, v_reset=10.0, t_refractory=2.0, input="voltage")


def by_quadrature(mean, sd, neuron):
    """Siegert's formula as it stands in the books: exp(x^2) (1 + erf(x)) is erfcx(-x)."""
    low, high = (neuron.v_reset - mean) / sd, (neuron.v_threshold - mean) / sd
    integral = quad(lambda x: erfcx(-x), low, high, epsabs=0, epsrel=1e-11)[0]
    return 1000 / (neuron.t_refractory + neuron.tau_mem * math.sqrt(math.pi) * integral)


@pytest.mark.parametrize("mean", [-5.0, 10.0, 19.9, 20.0, 20.1, 25.0, 300.0])
@pytest.mark.parametrize("sd", [0.7, 3.0, 12.0, 80.0])
def test_siegert_against_quadrature(mean, sd):
    expected = by_quadrature(mean, sd, NEURON)
    assert models.siegert_rate(mean, sd, NEURON) == pytest.approx(expected, rel=1e-8, abs=1e-280)


def test_siegert_without_noise():
    """A constant input: the membrane needs tau ln((mean - reset) / (mean - threshold))."""
    assert models.siegert_rate(20.0, 0.0, NEURON) == 0.0
    expected = 1000 / (2 + 20 * math.log(20 / 10))
    assert models.siegert_rate(30.0, 0.0, NEURON) == pytest.approx(expected, rel=1e-14)
    assert models.siegert_rate(30.0, 0.01, NEURON) == pytest.approx(expected, rel=1e-5)


def test_siegert_where_nothing_fires():
    assert models.siegert_rate(0.0, 0.5, NEURON) == 0.0


@pytest.mark.parametrize(("mean", "sd"), [(math.nan, 1.0), (1.0, -1.0), (1.0, math.inf)])
def test_siegert_refuses(mean, sd):
    with pytest.raises(ValueError, match="siegert_rate: mean and sd must be finite, sd >= 0"):
        models.siegert_rate(mean, sd, NEURON)


def test_stationary_rate_by_hand():
    """Without noise and with mean 40 - rate: rate = 1000 / (2 + 20 ln((mean - 10)/(mean - 20)))."""
    rate = stationary_rate(NEURON, lambda x: (40.0 - 0.3 * x, 0.0))
    assert 0 < rate < 66
    mean = 40.0 - 0.3 * rate
    assert rate == pytest.approx(1000 / (2 + 20 * math.log((mean - 10) / (mean - 20))), rel=1e-9)


def test_stationary_rate_is_the_highest():
    """Excitation so strong that silence, a middle rate and a high one all reproduce themselves."""
    rate = stationary_rate(NEURON, lambda x: (x, 1.0))
    assert 390 < rate < 400
    assert models.siegert_rate(rate, 1.0, NEURON) == pytest.approx(rate)
    assert models.siegert_rate(0.0, 1.0, NEURON) < 1e-9
    assert stationary_rate(NEURON, lambda x: (0.0, 1.0)) == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("b", [-3.0, 0.5, 1.5, 4.0, 8.0, 20.0, 26.0])
def test_siegert_by_rows_is_that_of_each(b):
    """The sums of several inputs share their points; those of one alone are chosen for it."""
    sd = np.array([0.2, 1.0, 5.0, 40.0])
    mean = NEURON.v_threshold - np.array([b, -2.0, 6.0, 12.0]) * sd
    rates = _siegert_rates(mean, sd, NEURON)
    alone = [models.siegert_rate(m, s, NEURON) for m, s in zip(mean, sd, strict=True)]
    assert rates == pytest.approx(alone, rel=1e-10, abs=1e-280)
    assert alone[0] == pytest.approx(by_quadrature(mean[0], sd[0], NEURON), rel=1e-8, abs=1e-290)


def test_stationary_rate_asks_for_few_moments():
    """The grid once, and then a method that finds a smooth root in a handful of evaluations."""
    asked = []

    def moments(rate):
        asked.append(rate)
        return 24.0 - 0.5 * rate, 4.0

    rate = stationary_rate(NEURON, moments)
    assert models.siegert_rate(24.0 - 0.5 * rate, 4.0, NEURON) == pytest.approx(rate, rel=1e-12)
    assert len(asked) < 420


def test_stationary_rate_at_a_jump():
    """Nothing reproduces itself: silence above 70 Hz, more than that below."""
    rate = stationary_rate(NEURON, lambda rate: (60.0 if rate < 70.0 else 0.0, 0.0))
    assert rate == pytest.approx(70.0, rel=1e-12)


def test_brunel_is_the_published_network():
    network = models.brunel()
    assert [(p.label, p.size) for p in network.populations] == [("E", 10_000), ("I", 2_500)]
    assert network.n_synapses == 12_500 * 1_250
    by_pair = {(p.pre, p.post): p for p in network.projections}
    assert set(by_pair) == {("E", "E"), ("E", "I"), ("I", "E"), ("I", "I")}
    for (pre, _), projection in by_pair.items():
        assert projection.connector == FixedInDegree(1000 if pre == "E" else 250)
        assert projection.weight == (0.1 if pre == "E" else -0.5)
        assert projection.delay == 1.5
    for stimulus in network.stimuli:
        assert stimulus.rate * stimulus.sources == pytest.approx(20_000.0)
        assert (stimulus.sources, stimulus.weight) == (1000, 0.1)
    neuron = network.populations[1].neuron
    assert (neuron.tau_mem, neuron.v_threshold, neuron.v_reset) == (20.0, 20.0, 10.0)
    assert (neuron.t_refractory, neuron.v_leak, neuron.input) == (2.0, 0.0, "voltage")


@pytest.mark.parametrize(
    ("regime", "g", "eta", "rate"),
    [("A", 3.0, 2.0, None), ("B", 6.0, 4.0, 60.7), ("C", 5.0, 2.0, 37.7), ("D", 4.5, 0.9, 5.5)],
)
def test_brunel_regimes(regime, g, eta, rate):
    numbers = models.brunel_scaling(regime=regime)
    assert (numbers.g, numbers.eta, numbers.rate_threshold) == (g, eta, 10.0)
    network = models.brunel(regime=regime)
    assert network.projections[1].weight == -0.1 * g
    assert network.stimuli[0].rate == pytest.approx(10.0 * eta)
    published = models.brunel_rates(regime=regime).get("published")
    assert published == (None if rate is None else {"E": rate, "I": rate})
    assert models.brunel_state(regime=regime) is not None


def test_brunel_mean_field_reproduces_itself():
    """With the paper's moments: mean = theta eta + J K tau (1 - g/4) rate, and the variance."""
    for regime, about in (("A", 327.0), ("B", 55.8), ("C", 37.9), ("D", 6.5)):
        rate = models.brunel_rates(regime=regime)["mean_field"]["E"]
        assert rate == pytest.approx(about, abs=0.06)
        numbers = models.brunel_scaling(regime=regime)
        mean = 20.0 * numbers.eta + 0.1 * 1000 * 0.02 * (1 - numbers.g / 4) * rate
        variance = 0.1 * 20.0 * numbers.eta
        variance += 0.01 * 1000 * 0.02 * (1 + numbers.g**2 / 4) * rate
        assert by_quadrature(mean, math.sqrt(variance), NEURON) == pytest.approx(rate, rel=1e-6)


def test_brunel_of_ones_own_making():
    numbers = models.brunel_scaling(100, g=4.0, v_reset=0.0)
    assert (numbers.sizes, numbers.in_degrees) == ({"E": 400, "I": 100}, {"E": 40, "I": 10})
    assert (numbers.g, numbers.eta, numbers.weights["I"]) == (4.0, 2.0, -0.4)
    assert numbers.rate_threshold == pytest.approx(250.0)
    assert models.brunel(100, v_reset=0.0).populations[0].neuron.v_reset == 0.0
    for changed in ({"order": 2400}, {"v_reset": 0.0}, {"g": 5.5}, {"eta": 2.5}):
        assert list(models.brunel_rates(**changed)) == ["mean_field"]
        assert models.brunel_state(**changed) is None
    assert "published" in models.brunel_rates(regime="A", g=6.0, eta=4.0)


def test_brunel_fires_as_theory_says():
    """Small, but mean and variance of the input are the theory's; shares sources, so not exact."""
    network = models.brunel(100)
    simulation = Simulation(network, backend="numpy", threads=1)
    simulation.run(30.0)
    rates = simulation.run(80.0).rates()
    expected = models.brunel_rates(100)["mean_field"]["E"]
    for rate in rates.values():
        assert rate == pytest.approx(expected, rel=0.1)
    assert expected == pytest.approx(93.4, abs=0.1)


@pytest.mark.parametrize(
    ("arguments", "kind", "text"),
    [
        ({"order": 0}, ValueError, "order must be a positive multiple of 10, got 0"),
        ({"order": 25}, ValueError, "multiple of 10, got 25"),
        ({"order": 10.0}, TypeError, "order must be an integer"),
        ({"regime": "E"}, ValueError, "regime must be one of A, B, C, D, got 'E'"),
        ({"g": -1}, ValueError, "g must be a finite number of at least 0, got -1"),
        ({"eta": math.nan}, ValueError, "eta must be a finite number"),
        ({"eta": "big"}, TypeError, "eta must be a number, got 'big'"),
        ({"v_reset": 20.0}, ValueError, "v_reset must lie below v_threshold"),
        ({"dt": 0.4}, ValueError, "brunel: dt must divide the delay of 1.5 ms, got 0.4"),
        ({"dt": 0.0}, ValueError, "dt must be positive"),
        ({"seed": -1}, ValueError, "seed"),
    ],
)
def test_brunel_refuses(arguments, kind, text):
    with pytest.raises(kind, match=text):
        models.brunel(**{"order": 10, **arguments})


def test_cuba_is_the_published_network():
    network = models.vogels_abbott()
    assert [(p.label, p.size, p.v) for p in network.populations] == [
        *(("E", 3200, Uniform(-60.0, -50.0)), ("I", 800, Uniform(-60.0, -50.0))),
    ]
    assert (network.n_synapses, network.stimuli) == (320_000, ())
    for projection in network.projections:
        exc = projection.pre == "E"
        assert projection.connector == FixedInDegree(64 if exc else 16)
        assert (projection.weight, projection.delay) == (16.2 if exc else -139.5, 0.1)
    neuron = network.populations[0].neuron
    assert (neuron.tau_mem, neuron.tau_syn, neuron.tau_syn_inh) == (20.0, 5.0, 10.0)
    assert (neuron.v_leak, neuron.v_threshold, neuron.v_reset) == (-49.0, -50.0, -60.0)
    assert neuron.t_refractory == 5.0
    assert 200.0 * neuron.r == neuron.tau_mem


def test_cuba_of_brian2():
    """Its 1.62 and -9 mV are the currents that would hold the membrane there: w = r weight."""
    network = models.vogels_abbott(weights="brian2")
    r = network.populations[0].neuron.r
    weights = {p.pre: r * p.weight for p in network.projections}
    assert weights == {"E": pytest.approx(1.62), "I": pytest.approx(-9.0)}


def test_coba_is_the_published_network():
    network = models.vogels_abbott("coba")
    assert [(p.label, p.size) for p in network.populations] == [
        ("E", 3200),
        ("I", 800),
        ("kick", 50),
    ]
    neuron = network.populations[1].neuron
    assert (neuron.tau_mem, neuron.r, neuron.tau_exc, neuron.tau_inh) == (20.0, 0.1, 5.0, 10.0)
    assert (neuron.e_exc, neuron.e_inh, neuron.v_leak) == (0.0, -80.0, -60.0)
    assert (neuron.v_threshold, neuron.v_reset, neuron.t_refractory) == (-50.0, -60.0, 5.0)
    assert [p.weight for p in network.projections] == [6.0, -67.0, 6.0, -67.0, 6.0]
    kick, (noise,) = network.projections[-1], network.stimuli
    assert isinstance(network.populations[2].neuron, Relay)
    assert (kick.pre, kick.post, kick.delay) == ("kick", "E", 0.1)
    np.testing.assert_array_equal(kick.connector.sources, np.arange(50))
    np.testing.assert_array_equal(kick.connector.targets, np.arange(50))
    assert (noise.rate, noise.sources, noise.start, noise.stop) == (300.0, 1, 1.0, 51.0)


def test_vogels_abbott_of_another_size():
    network = models.vogels_abbott("coba", size=40_000, in_degree=800)
    assert network.size == 40_500
    assert [p.weight for p in network.projections] == pytest.approx([0.6, -6.7, 0.6, -6.7, 0.6])
    assert network.projections[1].connector == FixedInDegree(160)
    by_pairs = models.vogels_abbott(connectivity="probability")
    assert {p.connector for p in by_pairs.projections} == {FixedProbability(0.02)}
    # Mean and sd of the binomial distribution.
    assert abs(by_pairs.n_synapses - 320_000) < 5 * math.sqrt(320_000 * 0.98)


def test_vogels_abbott_rates():
    known = models.vogels_abbott_rates()["nest"]
    assert known == {"E": pytest.approx(4.0, abs=0.2), "I": pytest.approx(4.0, abs=0.2)}
    brian2 = models.vogels_abbott_rates(weights="brian2")["nest"]
    assert brian2["E"] == pytest.approx(5.1, abs=0.2)
    coba = models.vogels_abbott_rates("coba")["nest"]
    assert coba["E"] == pytest.approx(14.0, abs=1.0)
    assert models.vogels_abbott_rates("coba", weights="brian2")["nest"] == coba
    assert models.vogels_abbott_rates(size=4005) == {}
    assert "sustains itself" in models.vogels_abbott_state()


def rates_after(network, left_out, time):
    simulation = Simulation(network, backend="numpy", threads=1)
    simulation.run(left_out)
    return simulation.run(time).rates()


def test_cuba_sustains_itself():
    """A quarter of the paper's size, its in-degree; NEST's rate at full size is 4.0 Hz."""
    rates = rates_after(models.vogels_abbott(size=1000), 60.0, 100.0)
    assert all(2.5 < rate < 6.0 for rate in rates.values())


def test_coba_sustains_itself():
    """After the kick; NEST's rate is 14 Hz, over seconds."""
    rates = rates_after(models.vogels_abbott("coba"), 60.0, 60.0)
    assert rates.pop("kick") == 0.0
    assert all(8.0 < rate < 22.0 for rate in rates.values())


@pytest.mark.parametrize(
    ("arguments", "kind", "text"),
    [
        ({"kind": "hh"}, ValueError, "kind must be one of cuba, coba, got 'hh'"),
        ({"connectivity": "all"}, ValueError, "connectivity must be one of in-degree, probability"),
        ({"weights": "mine"}, ValueError, "weights must be one of nest, brian2, got 'mine'"),
        ({"size": 0}, ValueError, "size must be a positive multiple of 5, got 0"),
        ({"size": 12}, ValueError, "size must be a positive multiple of 5, got 12"),
        ({"in_degree": 2.5}, TypeError, "in_degree must be an integer, got 2.5"),
        ({"size": 50, "connectivity": "probability"}, ValueError, "must not exceed size"),
        ({"dt": 0.2}, ValueError, "dt must divide its delay of 0.1 ms, got 0.2 ms"),
        ({"dt": 0.03}, ValueError, "dt must divide its delay"),
        ({"dt": 0.0}, ValueError, "dt must be positive"),
        ({"seed": -1}, ValueError, "seed"),
    ],
)
def test_vogels_abbott_refuses(arguments, kind, text):
    with pytest.raises(kind, match=text):
        models.vogels_abbott(**arguments)


def test_models_are_plain_data():
    assert models.brunel(10) == models.brunel(10)
    assert models.brunel(10, seed=2) != models.brunel(10)
    assert not np.isnan(models.brunel_rates(10)["mean_field"]["E"])
