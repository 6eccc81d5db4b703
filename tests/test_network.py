"""Descriptions and what is planned from them: tables against distributions, errors by text."""

import math

import numpy as np
import pytest
from scipy import special, stats

from cusnn.backends.numpy_ref.normal import normal_quantile
from cusnn.network import (
    AllToAll,
    FixedInDegree,
    FixedTotalNumber,
    FromList,
    Network,
    Normal,
    OneToOne,
    PoissonInput,
    Population,
    Projection,
    Uniform,
)
from cusnn.neurons import LIF, CubaLIF
from cusnn.simulation import memory_estimate
from cusnn.simulation.plan import distribution_row, plan

PAIR = (Population(6, CubaLIF(), "A"), Population(4, CubaLIF(), "B"))
JUMPS = LIF(input="voltage")


def network(*projections, populations=PAIR, stimuli=(), dt=0.1):
    return Network(populations, projections, stimuli, dt=dt)


def probabilities():
    """Both tails, the seams of the formula, and what 32-bit words give at the ends."""
    tails = 2.0 ** -np.linspace(1, 36, 500)
    seams = np.array([0.075, 0.925, 0.5, 0.25, 0.0750001, 0.9249999])
    return np.concatenate([tails, 1 - tails[:400], seams, np.linspace(0.001, 0.999, 2001)])


def test_normal_quantile():
    p = probabilities()
    expected = special.ndtri(p)
    np.testing.assert_allclose(normal_quantile(p), expected, rtol=2e-15, atol=1e-16)
    assert normal_quantile(np.array([0.5])) == 0.0


def test_normal_quantile_is_bounded_and_ascends():
    p = np.array([1e-300, 2.0**-40, 2.0**-36, 2.0**-33, 0.3, 1 - 2.0**-33, 1 - 2.0**-53])
    z = normal_quantile(p)
    assert (np.diff(z) >= 0).all()
    assert np.abs(z).max() < 6.7


def test_normal_quantile_bits_on_numba():
    from cusnn.backends.numba_cpu import network_normal

    p = probabilities()
    values = p.copy()
    network_normal.normal_quantile(values)
    np.testing.assert_array_equal(values, normal_quantile(p))


def test_network_counts_and_names():
    net = network(
        Projection("A", "B", FixedTotalNumber(17), 1.0, 1.0),
        Projection(PAIR[1], PAIR[0], FixedInDegree(3), 1.0, 1.0),
        Projection("A", "A", AllToAll(), 1.0, 1.0),
        Projection("B", "B", OneToOne(), 1.0, 1.0),
        Projection("A", "B", FromList([0, 5], [3, 3]), 1.0, 1.0),
    )
    assert net.size == 10
    assert net.starts == (0, 6, 10)
    assert net.slices == {"A": slice(0, 6), "B": slice(6, 10)}
    assert [net.synapses(p) for p in net.projections] == [17, 18, 36, 4, 2]
    assert net.n_synapses == 77
    assert net.index("B") == 1


def test_descriptions_compare_by_value():
    a, b = (FromList([0, 1], [2, 3], weights=[1.0, 2.0]) for _ in range(2))
    assert a == b
    assert hash(a) == hash(b)
    assert a != FromList([0, 1], [2, 3], weights=[1.0, 2.5])
    make = lambda seed: Network(PAIR, (Projection("A", "B", a, 1.0, 1.0),), seed=seed)  # noqa: E731
    assert make(1) == make(1)
    assert make(1) != make(2)


def test_a_list_keeps_its_own_copy():
    sources = np.array([0, 1])
    rule = FromList(sources, [0, 0])
    sources[0] = 3
    assert rule.sources[0] == 0
    with pytest.raises(ValueError, match="read-only"):
        rule.sources[0] = 1


DRAWN = [
    (Normal(1.5, 0.75, low=0.05), stats.truncnorm((0.05 - 1.5) / 0.75, np.inf, 1.5, 0.75)),
    (Normal(0.75, 0.375, low=0.05), stats.truncnorm((0.05 - 0.75) / 0.375, np.inf, 0.75, 0.375)),
    (Normal(2.0, 1.0, low=1.2, high=2.5), stats.truncnorm(-0.8, 0.5, 2.0, 1.0)),
    (Uniform(0.3, 2.1), stats.uniform(0.3, 1.8)),
]


@pytest.mark.parametrize(
    ("delay", "expected"), DRAWN, ids=lambda value: str(value) if not hasattr(value, "cdf") else ""
)
def test_delay_thresholds_are_the_distribution(delay, expected):
    """Probability of every whole number of steps, from the thresholds alone."""
    planned = plan(network(Projection("A", "B", FixedTotalNumber(5), 1.0, delay)))
    connection = planned.build["connections"][0]
    first, number, shortest = connection[10:13]
    table = planned.build["thresholds"][first : first + number].astype(np.float64)
    assert (np.diff(table) >= 0).all()
    probability = np.diff(np.concatenate([[0.0], table, [2.0**32]])) / 2.0**32
    steps = shortest + np.arange(probability.size)
    edges = (np.concatenate([steps, [steps[-1] + 1]]) - 0.5) * 0.1
    edges[0], edges[-1] = -np.inf, np.inf
    np.testing.assert_allclose(probability, np.diff(expected.cdf(edges)), atol=3e-10)
    assert planned.shortest == shortest
    assert planned.longest == steps[-1]


@pytest.mark.parametrize("delay", [0.7, Normal(0.7, 0.0), Uniform(0.7, 0.7)], ids=str)
def test_delays_without_spread(delay):
    planned = plan(network(Projection("A", "B", FixedTotalNumber(5), 1.0, delay)))
    assert (planned.shortest, planned.longest) == (7, 7)
    assert planned.build["connections"][0, 11] == 0


def test_listed_delays_are_rounded_to_steps():
    rule = FromList([0, 1, 2], [0, 1, 2], delays=[0.1, 0.26, 3.14])
    planned = plan(network(Projection("A", "B", rule, 1.0, 99.0)))
    assert planned.build["listed_delays"].tolist() == [1, 3, 31]
    assert (planned.shortest, planned.longest) == (1, 31)


def test_a_network_without_projections():
    planned = plan(network())
    assert (planned.shortest, planned.longest, planned.n_synapses) == (1, 1, 0)


@pytest.mark.parametrize("mean", [1e-12, 0.01, 1.28, 2.32, 50.0, 999.0])
def test_poisson_thresholds_are_the_distribution(mean):
    stimulus = PoissonInput("A", rate=mean, sources=10_000, weight=1.0)
    planned = plan(network(stimuli=(stimulus,)))
    table = planned.advance["thresholds"].astype(np.float64) / 2.0**32
    counts = np.arange(table.size + 1)
    np.testing.assert_allclose(table, stats.poisson(mean).cdf(counts[:-1]), atol=3e-10)
    assert stats.poisson(mean).sf(counts[-1]) < 1e-9
    probability = np.diff(np.concatenate([[0.0], table, [1.0]]))
    assert (probability >= 0).all()
    np.testing.assert_allclose(probability @ counts, mean, rtol=1e-7, atol=1e-9)


def test_a_silent_stimulus_has_no_thresholds():
    for rate, sources in ((0.0, 10), (5.0, 0)):
        planned = plan(network(stimuli=(PoissonInput("A", rate, sources, 1.0),)))
        assert planned.advance["stimuli"][0, 5] == 0


def largest_sum(net, label):
    """What can arrive at a neuron in one step at most, in integers, for fixed in-degrees."""
    planned = plan(net)
    scale = planned.scales[net.index(label)]
    weights = [
        abs(round(p.weight * scale)) * p.connector.k for p in net.projections if p.post == label
    ]
    return sum(weights), scale


@pytest.mark.parametrize("in_degree", [1, 100, 5000, 100_000, 3_000_000])
@pytest.mark.parametrize("weight", [0.001, 1.0, -87.8, 3e5])
def test_sums_cannot_overflow(in_degree, weight):
    """The scale is a power of two, and no power of two greater would do."""
    projection = Projection("A", "B", FixedInDegree(in_degree), weight, 1.0)
    total, scale = largest_sum(network(projection), "B")
    assert math.frexp(scale)[0] == 0.5
    assert total <= 2**31 - 1
    assert abs(weight) * scale <= 32_767
    assert abs(weight) * 2 * scale > 32_767 or 2 * total + in_degree > 2**31 - 1 - in_degree


def test_scale_counts_every_projection_and_stimulus():
    rule = FixedInDegree(40_000)
    both = (
        Projection("A", "B", rule, 1.0, 1.0),
        Projection("B", "B", rule, -3.0, 1.0),
    )
    one, two = plan(network(both[0])).scales[1], plan(network(*both)).scales[1]
    assert two < one
    stimulus = PoissonInput("B", rate=8.0, sources=1_000_000, weight=300.0)
    assert plan(network(both[0], stimuli=(stimulus,))).scales[1] < one
    assert plan(network(*both)).scales[0] == 2.0**64, "nothing arrives at A"


@pytest.mark.parametrize(
    "weight", [88.0, Normal(88.0, 8.8, low=0.0), Normal(-351.0, 35.0, high=0.0), Uniform(-5, 9)]
)
def test_weights_fit_sixteen_bits(weight):
    planned = plan(network(Projection("A", "B", FixedInDegree(100), weight, 1.0)))
    scale = planned.scales[1]
    _, row = distribution_row(weight)
    a, b, p_low, p_width, low, high, _ = row
    u = np.array([0.5, 2.0**32 - 0.5]) * 2.0**-32
    if isinstance(weight, Normal):
        ends = np.clip(a + b * normal_quantile(p_low + p_width * u), low, high)
    else:
        ends = a + b * u
    assert np.abs(np.rint(ends * scale)).max() <= 32_767
    assert planned.advance["units"][1] == 1.0 / scale


def test_coefficients_stand_by_population():
    own = CubaLIF(tau_mem=np.array([8.0, 9.0, 10.0, 11.0]))
    net = network(populations=(Population(5, JUMPS, "A"), Population(4, own, "B")), dt=0.5)
    planned = plan(net).advance
    assert planned["segments"].tolist() == [[0, 0, 0, 0, 5, 0, 0], [1, 0, 4, 5, 4, 5, 1]]
    expected = [JUMPS.coefficients(0.5).values.ravel(), own.coefficients(0.5).values.ravel()]
    np.testing.assert_array_equal(planned["coefficients"], np.concatenate(expected))


def test_streams_differ():
    twice = Projection("A", "B", FixedTotalNumber(3), 1.0, 1.0)
    stimulus = PoissonInput("A", 8.0, 10, 1.0)
    planned = plan(network(twice, twice, stimuli=(stimulus, stimulus)))
    streams = [
        *planned.build["connections"][:, 7],
        *planned.build["groups"][:, 2],
        *planned.advance["stimuli"][:, 2],
    ]
    assert len(set(streams)) == len(streams) == 6


def test_memory_grows_with_the_network():
    crowd = (Population(100_000, CubaLIF(), "A"),)
    estimate = lambda n, **options: memory_estimate(  # noqa: E731
        network(Projection("A", "A", FixedTotalNumber(n), 0.1, 1.0), populations=crowd), **options
    )
    assert estimate(10**9) - estimate(10) == 4 * (10**9 - 10)
    assert estimate(10**9, backend="numpy") > 10 * estimate(10**9)


LINK = FixedTotalNumber(5)


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: Population(0, CubaLIF(), "A"), ValueError, "size must be at least 1, got 0"),
        (lambda: Population(2.5, CubaLIF(), "A"), TypeError, "size must be an integer"),
        (lambda: Population(True, CubaLIF(), "A"), TypeError, "size must be an integer"),
        (lambda: Population(2, CubaLIF(), ""), TypeError, "label must be a name"),
        (lambda: Population(2, LIF, "A"), TypeError, "neuron must be one of LIF, CubaLIF"),
        (lambda: Population(2, LIF(), "A"), ValueError, "input='voltage'"),
        (
            lambda: Population(2, CubaLIF(i_offset=[1.0, 2.0, 3.0]), "A"),
            ValueError,
            "parameters for 3 neurons, the population has 2",
        ),
        (lambda: Population(2, CubaLIF(), "A", v=np.nan), ValueError, "v must be finite"),
        (lambda: Projection(3, "B", LINK, 1.0, 1.0), TypeError, "pre must be a label"),
        (lambda: Projection("A", "B", 0.1, 1.0, 1.0), TypeError, "connector must be one of"),
        (lambda: Projection("A", "B", LINK, "x", 1.0), TypeError, "weight must be a number"),
        (lambda: Projection("A", "B", LINK, 1.0, np.inf), ValueError, "delay must be finite"),
        (lambda: FixedTotalNumber(-1), ValueError, "n must be at least 0"),
        (lambda: FixedInDegree(1.5), TypeError, "k must be an integer"),
        (lambda: FromList([0, 1], [0]), ValueError, "targets must have one entry per source"),
        (lambda: FromList([0.5], [0]), TypeError, "sources must be integers"),
        (lambda: FromList([-1], [0]), ValueError, "sources must lie in 0"),
        (lambda: FromList([0], [0], weights=[np.nan]), ValueError, "weights must be finite"),
        (lambda: FromList([[0]], [[0]]), ValueError, "a list of one axis"),
        (lambda: Normal(1.0, -1.0), ValueError, "sd must not be negative"),
        (lambda: Normal(0.0, 1.0, low=9.0), ValueError, "keeps almost nothing"),
        (lambda: Normal(0.0, 1.0, low=1.0, high=0.0), ValueError, "keeps almost nothing"),
        (lambda: Uniform(2.0, 1.0), ValueError, "low must not exceed high"),
        (lambda: PoissonInput("A", -1.0, 1, 1.0), ValueError, "rate must not be negative"),
        (lambda: PoissonInput("A", 1.0, -1, 1.0), ValueError, "sources must be at least 0"),
        (lambda: PoissonInput("A", 1.0, 1, np.inf), ValueError, "weight must be finite"),
        (lambda: Network(()), ValueError, "at least one population"),
        (lambda: Network((PAIR[0], PAIR[0])), ValueError, "'A'.*more than once"),
        (lambda: Network("AB"), TypeError, "populations must be Population objects"),
        (lambda: Network(None), TypeError, "populations must be a tuple of Population objects"),
        (lambda: Projection("A", "B", LINK, 1.0, -1.0), ValueError, "delay must be positive, got"),
        (lambda: Projection("A", "B", LINK, 1.0, 0), ValueError, "delay must be positive, got"),
        (
            lambda: Projection("A", "B", FromList([0], [0], delays=[-0.1]), 1.0, 1.0),
            ValueError,
            "delays must be positive, got -0.1 ms",
        ),
        (lambda: Network(PAIR, dt=0.0), ValueError, "dt must be positive"),
        (lambda: Network(PAIR, dt=0.3), ValueError, "t_refractory=2.0 ms must be a multiple"),
        (lambda: Network(PAIR, seed=2**32), ValueError, "seed must lie below"),
        (lambda: Network(PAIR, seed=-1), ValueError, "seed must be at least 0"),
        (
            lambda: network(Projection("A", "C", LINK, 1.0, 1.0)),
            ValueError,
            "^Projection 'A' -> 'C': no population 'C', there are 'A', 'B'$",
        ),
        (
            lambda: network(stimuli=(PoissonInput("C", 1.0, 1, 1.0),)),
            ValueError,
            "PoissonInput into 'C': no population",
        ),
        (
            lambda: network(Projection("A", "B", OneToOne(), 1.0, 1.0)),
            ValueError,
            "'A' -> 'B': OneToOne: populations must have one size, got 6 and 4",
        ),
        (
            lambda: network(Projection("A", "B", FromList([6], [0]), 1.0, 1.0)),
            ValueError,
            "sources must lie below the population's size 6, got 6",
        ),
        (
            lambda: network(Projection("A", "B", LINK, 1.0, 0.05)),
            ValueError,
            "delays must be at least dt=0.1 ms, got 0.05 ms",
        ),
        (
            lambda: network(Projection("A", "B", FromList([0], [0], delays=[0.09]), 1.0, 1.0)),
            ValueError,
            "delays must be at least dt",
        ),
        (
            lambda: network(Projection("A", "B", LINK, 1.0, Normal(1.5, 0.75))),
            ValueError,
            "give it low=0.05",
        ),
        (
            lambda: network(Projection("A", "B", LINK, 1.0, Uniform(0.0, 1.0))),
            ValueError,
            "delays must be at least dt",
        ),
        (
            lambda: plan(network(Projection("A", "B", LINK, 1.0, 5000.0))),
            ValueError,
            "delays reach 50000 steps of dt=0.1 ms, at most 32767",
        ),
        (
            lambda: plan(network(stimuli=(PoissonInput("A", 8.0, 2_000_000, 1.0),))),
            ValueError,
            "1600 spikes per neuron and step, at most 1000",
        ),
        (
            lambda: plan(
                network(
                    Projection("A", "B", FixedInDegree(10), 1000.0, 1.0),
                    Projection("B", "B", FixedInDegree(10), 0.01, 1.0),
                )
            ),
            ValueError,
            "weights of 0.01 get only 0.32 of the integer levels onto 'B'",
        ),
        (
            lambda: plan(network(Projection("A", "B", LINK, 1e200, 1.0))),
            ValueError,
            "'A' -> 'B': weights of 1e.200 are too large",
        ),
    ],
)
def test_bad_descriptions(make, error, text):
    with pytest.raises(error, match=text):
        make()


def test_a_delay_drawn_below_dt_is_rounded_to_dt():
    assert plan(network(Projection("A", "B", LINK, 1.0, Normal(0.1, 0.1, low=0.05)))).shortest == 1
