"""Descriptions and what is planned from them: tables against distributions, errors by text."""

import dataclasses
import json
import math
import pickle
from dataclasses import dataclass

import numpy as np
import pytest
from scipy import special, stats

from cusnn.backends.numpy_ref.normal import normal_quantile
from cusnn.network import (
    AllToAll,
    ClippedNormal,
    ConstantCurrent,
    FixedInDegree,
    FixedOutDegree,
    FixedProbability,
    FixedTotalNumber,
    FromList,
    LogNormal,
    Network,
    Normal,
    OneToOne,
    PoissonInput,
    Population,
    Projection,
    RateProfile,
    SpikeTimes,
    StepCurrent,
    Uniform,
)
from cusnn.network.distributions import extent
from cusnn.neurons import ALIF, LIF, CobaLIF, CubaLIF, Izhikevich, Relay
from cusnn.simulation import memory_estimate
from cusnn.simulation.draws import distribution_row
from cusnn.simulation.plan import plan

PAIR = (Population(6, CubaLIF(), "A"), Population(4, CubaLIF(), "B"))
JUMPS = LIF(input="voltage")
NEVER = 1.7976931348623157e308  # NEST's default stop, ms


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


@dataclass
class Within:
    """Log-normal law within bounds."""

    mean: float
    sd: float
    low: float
    high: float

    def cdf(self, x):
        law = stats.lognorm(self.sd, scale=math.exp(self.mean))
        low, high = law.cdf([self.low, self.high])
        return np.clip((law.cdf(x) - low) / (high - low), 0, 1)


class Clipped(Within):
    """Normal law with its tails gathered at the bounds."""

    def cdf(self, x):
        inside = stats.norm(self.mean, self.sd).cdf(x)
        return np.where(x < self.low, 0.0, np.where(x >= self.high, 1.0, inside))


DRAWN = [
    (Normal(1.5, 0.75, low=0.05), stats.truncnorm((0.05 - 1.5) / 0.75, np.inf, 1.5, 0.75)),
    (Normal(0.75, 0.375, low=0.05), stats.truncnorm((0.05 - 0.75) / 0.375, np.inf, 0.75, 0.375)),
    (Normal(2.0, 1.0, low=1.2, high=2.5), stats.truncnorm(-0.8, 0.5, 2.0, 1.0)),
    (Uniform(0.3, 2.1), stats.uniform(0.3, 1.8)),
    (LogNormal(0.2, 0.4), stats.lognorm(0.4, scale=math.exp(0.2))),
    (LogNormal(-0.5, 0.7, low=0.06, high=2.2), Within(-0.5, 0.7, 0.06, 2.2)),
    (ClippedNormal(0.9, 0.5, low=0.3, high=1.4), Clipped(0.9, 0.5, 0.3, 1.4)),
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


@pytest.mark.parametrize(
    "delay",
    [
        0.7,
        Normal(0.7, 0.0),
        Uniform(0.7, 0.7),
        LogNormal(math.log(0.7), 0.0),
        ClippedNormal(0.1, 0.0, low=0.7),
        np.full(5, 0.7),
    ],
    ids=str,
)
def test_delays_without_spread(delay):
    planned = plan(network(Projection("A", "B", FixedTotalNumber(5), 1.0, delay)))
    assert (planned.shortest, planned.longest) == (7, 7)
    assert planned.build["connections"][0, 11] == (-1 if isinstance(delay, np.ndarray) else 0)


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
    table = planned.advance_tables(0)["thresholds"].astype(np.float64) / 2.0**32
    counts = np.arange(table.size + 1)
    np.testing.assert_allclose(table, stats.poisson(mean).cdf(counts[:-1]), atol=3e-10)
    assert stats.poisson(mean).sf(counts[-1]) < 1e-9
    probability = np.diff(np.concatenate([[0.0], table, [1.0]]))
    assert (probability >= 0).all()
    np.testing.assert_allclose(probability @ counts, mean, rtol=1e-7, atol=1e-9)


def test_a_silent_stimulus_has_no_thresholds():
    for rate, sources in ((0.0, 10), (5.0, 0)):
        planned = plan(network(stimuli=(PoissonInput("A", rate, sources, 1.0),)))
        assert planned.advance_tables(0)["stimuli"][0, 5] == 0


def largest_sum(net, label):
    """What can arrive at a neuron in one step at most, in integers, for fixed in-degrees."""
    planned = plan(net)
    scale = planned.scales[net.index(label)][0]
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
    one, two = plan(network(both[0])).scales[1][0], plan(network(*both)).scales[1][0]
    assert two < one
    stimulus = PoissonInput("B", rate=8.0, sources=1_000_000, weight=300.0)
    assert plan(network(both[0], stimuli=(stimulus,))).scales[1][0] < one
    assert plan(network(*both)).scales[0][0] == 2.0**64, "nothing arrives at A"


@pytest.mark.parametrize(
    "weight", [88.0, Normal(88.0, 8.8, low=0.0), Normal(-351.0, 35.0, high=0.0), Uniform(-5, 9)]
)
def test_weights_fit_sixteen_bits(weight):
    planned = plan(network(Projection("A", "B", FixedInDegree(100), weight, 1.0)))
    scale = planned.scales[1][0]
    _, row = distribution_row(weight)
    a, b, p_low, p_width, low, high, _ = row
    u = np.array([0.5, 2.0**32 - 0.5]) * 2.0**-32
    if isinstance(weight, Normal):
        ends = np.clip(a + b * normal_quantile(p_low + p_width * u), low, high)
    else:
        ends = a + b * u
    assert np.abs(np.rint(ends * scale)).max() <= 32_767
    assert planned.advance_tables(0)["units"][1, 0] == 1.0 / scale


def test_coefficients_stand_by_population():
    own = CubaLIF(tau_mem=np.array([8.0, 9.0, 10.0, 11.0]))
    net = network(populations=(Population(5, JUMPS, "A"), Population(4, own, "B")), dt=0.5)
    planned = plan(net).advance_tables(0)
    assert planned["segments"].tolist() == [[0, 0, 0, 0, 5, 0, 0], [1, 0, 4, 5, 4, 5, 1]]
    expected = [JUMPS.coefficients(0.5).values.ravel(), own.coefficients(0.5).values.ravel()]
    np.testing.assert_array_equal(planned["coefficients"], np.concatenate(expected))


def test_streams_differ():
    twice = Projection("A", "B", FixedTotalNumber(3), 1.0, 1.0)
    stimulus = PoissonInput("A", 8.0, 10, 1.0)
    populations = [
        Population(4, CobaLIF(), label, v=-60.0, initial={"g_inh": 2.0, "g_exc": 1.0})
        for label in "AB"
    ]
    planned = plan(network(twice, twice, populations=populations, stimuli=(stimulus, stimulus)))
    streams = [
        *planned.build["connections"][:, 7],
        *planned.build["groups"][:, 2],
        *planned.advance_tables(0)["stimuli"][:, 2],
    ]
    assert len(set(streams)) == len(streams) == 10
    assert planned.build["groups"][:, 4].tolist() == [0, 1, 2, 0, 1, 2]


def test_memory_grows_with_the_network():
    crowd = (Population(100_000, CubaLIF(), "A"),)
    estimate = lambda n, **options: memory_estimate(  # noqa: E731
        network(Projection("A", "A", FixedTotalNumber(n), 0.1, 1.0), populations=crowd), **options
    )
    assert estimate(10**9) - estimate(10) == 4 * (10**9 - 10)
    assert estimate(10**9, backend="numpy") > 10 * estimate(10**9)


def everything(**changes):
    """Every kind of part, with arrays wherever they may stand."""
    pairs = FromList([0, 1], [1, 0], [1.0, 2.0], [0.5, 0.25], shape=(3, 4))
    odd = np.array([0.1, 1 / 3, 1e-300])
    parts = {
        "populations": (
            Population(3, CubaLIF(tau_mem=np.array([8.0, 9.0, 10.1])), "A", v=odd),
            Population(4, CobaLIF(), "B", v=-60.0, initial={"g_exc": Normal(4.0, 1.5, low=0.0)}),
            Population(2, ALIF(input="voltage"), "C", v=Uniform(0.0, 0.3)),
            Population(2, Izhikevich(input="voltage"), "D", v=ClippedNormal(-60.0, 5.0)),
            Population(5, Relay(), "E"),
            Population(1, JUMPS, "F", v=LogNormal(-1.0, 0.1)),
        ),
        "projections": (
            Projection("A", "B", pairs, 9.0, 9.0, "inhibitory"),
            Projection("A", "A", AllToAll(autapses=False), np.arange(9.0).reshape(3, 3), 1.0),
            Projection("A", "A", OneToOne(), odd, Uniform(0.5, 1.5)),
            Projection("B", "A", FixedProbability(0.3), 1.0, LogNormal(0.5, 0.1)),
            Projection("E", "B", FixedInDegree(2, multapses=False), 1.0, 1.0),
            Projection("B", "B", FixedOutDegree(2, autapses=False), 1.0, 1.0),
            Projection("C", "D", FixedTotalNumber(7), -1.0, ClippedNormal(1.0, 0.3, low=0.25)),
        ),
        "stimuli": (
            PoissonInput("A", RateProfile([0.5, 2.0], [8.0, 0.0]), 10, 1.5, start=1.0, stop=9.0),
            PoissonInput("B", 8.0, 10, 1.5, "inhibitory"),
            StepCurrent("A", [0.0, 3.0], [1.0, -2.0]),
            ConstantCurrent("B", 3.0, stop=5.0),
            SpikeTimes("E", [0, 4, 4], [0.1, 0.2, 7.0], 1.0),
        ),
        "dt": 0.25,
        "seed": 12345,
    }
    return Network(**{**parts, **changes})


def test_networks_come_back_from_files(tmp_path):
    net, path = everything(), tmp_path / "net.of.mine"
    net.save(path)
    again = Network.load(str(path))
    assert again == net
    assert again.digest() == net.digest()
    assert repr(again) == repr(net)
    assert again.populations[0].v.tobytes() == net.populations[0].v.tobytes()
    assert again.projections[1].weight.shape == (3, 3)
    assert [p.name for p in tmp_path.iterdir()] == ["net.of.mine"]
    assert pickle.loads(pickle.dumps(net)) == net


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 12346},
        {"dt": 0.125},
        {"stimuli": ()},
        {"stimuli": everything().stimuli[::-1]},
        {"projections": everything().projections[:-1]},
        {"stimuli": (*everything().stimuli[:-1], SpikeTimes("E", [0, 4, 3], [0.1, 0.2, 7.0], 1.0))},
        {"stimuli": (*everything().stimuli[:-1], SpikeTimes("E", [0, 4, 4], [0.1, 0.2, 7.1], 1.0))},
    ],
    ids=range(7),
)
def test_any_change_shows(change):
    net, other = everything(), everything(**change)
    assert other != net
    assert other.digest() != net.digest()
    assert everything().digest() == net.digest()
    assert len(net.digest()) == 64


def test_shapes_show():
    """One entry per synapse, and one per pair: the same bytes."""
    one, two = (
        network(Projection("A", "B", AllToAll(), weights, 1.0))
        for weights in (np.arange(24.0), np.arange(24.0).reshape(6, 4))
    )
    assert one != two
    assert one.digest() != two.digest()
    np.testing.assert_array_equal(
        plan(one).build["listed_weights"], plan(two).build["listed_weights"]
    )


def test_files_that_are_none(tmp_path):
    path = tmp_path / "net.npz"
    with pytest.raises(FileNotFoundError):
        Network.load(path)
    path.write_text("nothing")
    with pytest.raises(ValueError, match=r"net\.npz is not a file of Network\.save"):
        Network.load(path)
    np.savez(path, header=json.dumps({"format": "cusnn-spikes-1"}), digest="")
    with pytest.raises(ValueError, match=r"is not a file of Network\.save"):
        Network.load(path)
    np.savez(path, header=np.array([{}], object))
    with pytest.raises(ValueError, match=r"is not a file of Network\.save"):
        Network.load(path)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda header: header.update(version=2), "has version 2, this version of cusnn reads 1"),
        (lambda header: header["network"].update(seed=3), "is damaged: its digest is another"),
        (lambda header: header["network"].update(size=3), "is damaged"),
        (lambda header: header["network"].update(dt=-1.0), "is damaged: Network: dt must be"),
        (lambda header: header["network"]["populations"][0].update(part="exec"), "is damaged"),
        (lambda header: header["network"].update(projections=[{"array": 99}]), "is damaged"),
        (lambda header: header.pop("network"), "is damaged"),
        (lambda header: header.update(network=[]), "is damaged"),
    ],
)
def test_damaged_files(tmp_path, change, text):
    path = tmp_path / "net.npz"
    everything().save(path)
    with np.load(path) as file:
        members = dict(file)
    header = json.loads(str(members["header"]))
    change(header)
    with open(path, "wb") as file:
        np.savez(file, **{**members, "header": json.dumps(header)})
    with pytest.raises(ValueError, match=text):
        Network.load(path)


def test_a_file_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "net.npz"
    path.write_text("old")

    def fail(*_, **__):
        raise OSError("disk full")

    monkeypatch.setattr(np, "savez_compressed", fail)
    with pytest.raises(OSError, match="disk full"):
        everything().save(path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", ["folder", "no/net.npz"])
def test_a_file_that_cannot_be_written_is_named(tmp_path, name):
    """Not the temporary file beside it."""
    (tmp_path / "folder").mkdir()
    with pytest.raises((FileNotFoundError, IsADirectoryError)) as caught:
        everything().save(tmp_path / name)
    assert caught.value.filename == str(tmp_path / name)
    assert ".part" not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_networks_print_as_tables():
    lines = str(everything()).splitlines()
    net = everything()
    assert (
        lines[0] == f"Network of 17 neurons and {net.n_synapses} synapses, dt 0.25 ms, seed 12345"
    )
    assert [line.split()[0] for line in lines if line and line[0] != " "][1:] == [
        "populations",
        "projections",
        "stimuli",
    ]
    text = "\n".join(lines)
    for part in (
        "A            3     CubaLIF(tau_mem=array [3])  v=array [3]",
        "v=-60, g_exc=Normal(mean=4, sd=1.5, low=0)",
        "A -> A       AllToAll(autapses=False)",
        "A -> B       FromList(2 synapses)                 2  ",
        "array [6]",
        "inhibitory",
        "SpikeTimes(neurons=array [3], times=array [3], weight=1)",
    ):
        assert part in text
    assert all(line == line.rstrip() for line in lines)
    assert net.describe() == str(net)
    assert "projections" not in str(Network(PAIR))


def test_short_and_long_forms_of_the_voltage():
    short = Population(3, CubaLIF(), "A", v=-60.0, initial={"i": 2.0})
    assert short == Population(3, CubaLIF(), "A", initial={"i": 2, "v": -60})
    assert short.v == -60.0
    assert short.initial == (("i", 2.0),)
    assert short.start == {"v": -60.0, "i": 2.0}
    assert dataclasses.replace(short, v=Normal(-60.0, 5.0)).start["v"] == Normal(-60.0, 5.0)


def test_arrays_of_weights_and_delays_in_the_order_of_synapses():
    square = np.arange(36.0).reshape(6, 6) + 1
    net = network(
        Projection("A", "A", AllToAll(), square, 1.0),
        Projection("A", "A", AllToAll(autapses=False), square, square / 10),
        Projection("A", "B", FixedInDegree(2), np.arange(8.0), 0.1 * (1 + np.arange(8.0))),
    )
    tables = plan(net).build
    off = square[~np.eye(6, dtype=bool)]
    assert tables["connections"][:, 17].tolist() == [0, 36, 66]
    assert tables["connections"][:, 18].tolist() == [0, 0, 30]
    np.testing.assert_array_equal(
        tables["listed_weights"], [*square.ravel(), *off, *np.arange(8.0)]
    )
    np.testing.assert_array_equal(tables["listed_delays"], [*off, *(1 + np.arange(8))])
    assert tables["connections"][:, 1].tolist() == [36, 30, 8]


def test_counts_of_a_fixed_probability():
    """Each position draws its own; the table, the count and the description agree."""
    rule = Projection("A", "B", FixedProbability(0.5), 1.0, 1.0)
    populations = (Population(600, CubaLIF(), "A"), Population(40, CubaLIF(), "B"))
    net = network(rule, rule, populations=populations)
    planned = plan(net)
    first, second = net.counts
    assert first != second
    assert net.n_synapses == first + second == planned.n_synapses
    assert planned.build["connections"][:, 1].tolist() == [first, second]
    assert planned.build["connections"][:, 15].tolist() == [1, 1]
    assert planned.build["connections"][:, 16].tolist() == [0, 601]
    before = planned.build["counted"].reshape(2, 601)
    assert before[:, 0].tolist() == [0, 0]
    assert before[:, -1].tolist() == [first, second]
    assert net.synapses(net.projections[0]) == net.synapses(0) == first
    assert net.synapses(1) == second
    assert abs(first - 12_000) < 5 * math.sqrt(6000)


@pytest.mark.parametrize(
    ("value", "low", "high", "size"),
    [
        (-3.0, -3.0, -3.0, 3.0),
        (np.array([-3.0, 1.0]), -3.0, 1.0, 2.0),
        (np.zeros(0), 0.0, 0.0, 0.0),
        (Normal(1.0, 0.1, low=0.9), 0.9, 1.67, 1.0),
        (ClippedNormal(1.0, 1.0, low=0.5, high=3.0), 0.5, 3.0, 1.0),
        (ClippedNormal(1.0, 1.0, low=20.0), 20.0, 20.0, 1.0),
        (LogNormal(0.0, 1.0, high=9.0), math.exp(-6.7), 9.0, math.exp(0.5)),
        (LogNormal(0.0, 1.0, high=9.0, negative=True), -9.0, -math.exp(-6.7), math.exp(0.5)),
        (Uniform(-1.0, 3.0), -1.0, 3.0, 1.5),
    ],
    ids=str,
)
def test_extent(value, low, high, size):
    np.testing.assert_allclose(extent(value), (low, high, size))


@pytest.mark.parametrize(
    ("stimulus", "pieces"),
    [
        (PoissonInput("A", 8.0, 1, 1.0), [(0, 8.0)]),
        (PoissonInput("A", 8.0, 1, 1.0, start=0.3), [(0, 0.0), (3, 8.0)]),
        (PoissonInput("A", 8.0, 1, 1.0, start=0.21), [(0, 0.0), (3, 8.0)]),
        (PoissonInput("A", 8.0, 1, 1.0, stop=0.7), [(0, 8.0), (7, 0.0)]),
        (PoissonInput("A", RateProfile([0.0, 0.3, 0.6], [1, 2, 2]), 1, 1.0), [(0, 1.0), (3, 2.0)]),
        (PoissonInput("A", RateProfile([0.25, 0.3], [1, 2]), 1, 1.0), [(0, 0.0), (3, 2.0)]),
        (
            PoissonInput("A", RateProfile([0.2, 0.5, 0.9], [1, 2, 3]), 1, 1.0, None, 0.4, 0.9),
            [(0, 0.0), (4, 1.0), (5, 2.0), (9, 0.0)],
        ),
        (PoissonInput("A", 8.0, 1, 1.0, start=0.3, stop=NEVER), [(0, 0.0), (3, 8.0), (2**62, 0.0)]),
        (PoissonInput("A", 8.0, 1, 1.0, start=1e300, stop=NEVER), [(0, 0.0)]),
        (
            PoissonInput("A", RateProfile([0.0, 1e18, NEVER], [1, 2, 3]), 1, 1.0),
            [(0, 1.0), (2**62, 3.0)],
        ),
    ],
)
def test_pieces_of_a_rate(stimulus, pieces):
    assert stimulus.pieces(0.1) == pieces


def test_times_are_rounded_up_to_steps():
    assert StepCurrent("A", [0.0, 0.3, 0.31], [1, 2, 3]).steps(0.1).tolist() == [0, 3, 4]
    assert ConstantCurrent("A", 5.0, 0.3).steps(0.1).tolist() == [3]
    both = ConstantCurrent("A", 5.0, 0.3, 0.6)
    assert (both.steps(0.1).tolist(), both.amplitudes.tolist()) == ([3, 6], [5.0, 0.0])
    times = [0.0, 0.05, 0.1, 0.11, 0.2, 0.3, 123.4, 123.41]
    spikes = SpikeTimes("A", 0, times, 1.0)
    assert spikes.steps(0.1).tolist() == [0, 0, 0, 1, 1, 2, 1233, 1234]
    assert spikes.neurons.tolist() == [0] * 8


def test_times_that_no_run_reaches():
    both = ConstantCurrent("A", 5.0, 0.3, NEVER)
    assert both.steps(0.1).tolist() == [3, 2**62]
    assert StepCurrent("A", [0.0, 1e300], [1, 2]).steps(0.1).tolist() == [0, 2**62]
    assert SpikeTimes("A", 0, [0.1, 9e17, NEVER], 1.0).steps(0.1).tolist() == [0, *2 * [2**62 - 1]]


@pytest.mark.parametrize("stop", [None, 2.0, NEVER])
def test_stimuli_without_an_end_play(stop):
    """The current and the rate of the first step, for a stop that comes later or never."""
    stimuli = (
        PoissonInput("A", 8000.0, 1, 1.0, stop=stop),
        ConstantCurrent("B", 250.0, stop=stop),
    )
    tables = plan(network(stimuli=stimuli)).advance_tables(0)
    assert tables["stimuli"][0, 5] > 0
    drive = CubaLIF.coefficient_names.index("drive")
    expected = CubaLIF(i_offset=250.0).coefficients(0.1).values[drive, 0]
    at = tables["segments"][1, 5] + drive
    assert tables["coefficients"][at] == expected


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
        (lambda: Population(2, Relay, "A"), TypeError, "neuron must be one of LIF, CubaLIF"),
        (
            lambda: Population(2, Izhikevich(), "A"),
            ValueError,
            "an Izhikevich in a network must have input='voltage'",
        ),
        (
            lambda: Population(2, CubaLIF(), "A", v=[1.0, 2.0, 3.0]),
            ValueError,
            "v has 3 entries, the population has 2 neurons",
        ),
        (
            lambda: Population(2, CubaLIF(), "A", initial={"refractory": 1.0}),
            ValueError,
            "initial may name v, i, got 'refractory'",
        ),
        (
            lambda: Population(2, CubaLIF(), "A", v=1.0, initial={"v": 1.0}),
            ValueError,
            "give either v or initial",
        ),
        (lambda: Population(2, CubaLIF(), "A", initial=3), TypeError, "initial must be a dict"),
        (
            lambda: Population(2, CobaLIF(), "A", initial={"g_exc": -1.0}),
            ValueError,
            "Population 'A': g_exc must not be negative, got -1 nS",
        ),
        (
            lambda: Population(2, CobaLIF(), "A", initial={"g_inh": np.array([1.0, -2.0])}),
            ValueError,
            "g_inh must not be negative, got -2 nS",
        ),
        (
            lambda: Population(2, CobaLIF(), "A", initial={"g_inh": Normal(1.0, 1.0)}),
            ValueError,
            "g_inh must not be negative, got -5.7 nS; give a distribution low=0",
        ),
        (
            lambda: Population(2, CubaLIF(), "A", v=np.array([1j, 2])),
            TypeError,
            "v must be numbers",
        ),
        (lambda: Population(2, CubaLIF(), "A", v=["1", 2]), TypeError, "v must be numbers"),
        (lambda: Population(2, CubaLIF(), "A", v=np.complex64(1)), TypeError, "v must be a number"),
        (lambda: FixedProbability("0.1"), TypeError, "p must be a number, got '0.1'"),
        (lambda: Projection("A", "B", LINK, True, 1.0), TypeError, "weight must be a number"),
        (lambda: Projection("A", "B", LINK, np.True_, 1.0), TypeError, "weight must be a number"),
        (lambda: Normal("x", 1.0), TypeError, "Normal: mean must be a number, got 'x'"),
        (lambda: ClippedNormal(0.0, 1.0, 2.0, 1.0), ValueError, "low must not exceed high"),
        (lambda: ClippedNormal(0.0, -1.0), ValueError, "ClippedNormal: sd must not be negative"),
        (lambda: LogNormal(500.0, 100.0), ValueError, "mean and sd are those of the logarithm"),
        (lambda: LogNormal(0.0, 1.0, low=-1.0), ValueError, "low must not be negative"),
        (lambda: LogNormal(0.0, 1.0, high=0.0), ValueError, "keeps almost nothing"),
        (lambda: LogNormal(0.0, 1.0, negative=2), TypeError, "negative must be True or False"),
        (lambda: Projection("A", "B", LINK, 1, 1, "gaba"), ValueError, "receptor must be one of"),
        (
            lambda: Projection("A", "B", FixedProbability(0.1), [1.0], 1.0),
            ValueError,
            "weight cannot be an array, for FixedProbability draws how many",
        ),
        (
            lambda: Projection("A", "B", LINK, np.ones((6, 4)), 1.0),
            ValueError,
            "weight of two axes is for AllToAll",
        ),
        (
            lambda: Projection("A", "A", AllToAll(), np.ones((6, 4)), 1.0),
            ValueError,
            "weight must be square",
        ),
        (
            lambda: network(Projection("A", "B", AllToAll(), np.ones((4, 6)), 1.0)),
            ValueError,
            r"'A' -> 'B': weight must have shape \(6, 4\), got \(4, 6\)",
        ),
        (
            lambda: network(Projection("A", "B", LINK, 1.0, np.ones(4))),
            ValueError,
            "delay must have one entry per synapse, got 4 for 5",
        ),
        (
            lambda: Projection("A", "B", LINK, np.ones((1, 1, 1)), 1.0),
            ValueError,
            "weight must be a list of one axis or 2 axes",
        ),
        (
            lambda: Projection("A", "B", LINK, 1.0, np.array([0.5, -1.0])),
            ValueError,
            "delays must be positive, got -1.0 ms",
        ),
        (
            lambda: network(Projection("A", "B", LINK, 1.0, LogNormal(0.0, 1.0))),
            ValueError,
            "give it low=0.05",
        ),
        (
            lambda: network(Projection("A", "B", LINK, 1.0, ClippedNormal(1.0, 0.5))),
            ValueError,
            "give it low=0.05, then shorter ones become so",
        ),
        (
            lambda: network(Projection("A", "B", LINK, 1.0, LogNormal(1, 0.1, negative=True))),
            ValueError,
            "delays must be at least dt",
        ),
        (
            lambda: plan(network(Projection("A", "B", LINK, 1.0, LogNormal(9.0, 1.0)))),
            ValueError,
            "at most 32767 are possible; bound them with high=",
        ),
        (
            lambda: plan(network(Projection("A", "B", LINK, 1.0, np.full(5, 1e30)))),
            ValueError,
            "at most 32767 are possible",
        ),
        (lambda: RateProfile([1.0, 1.0], [1, 2]), ValueError, "times must ascend"),
        (lambda: RateProfile([-1.0], [1]), ValueError, "times must ascend from 0 ms"),
        (lambda: RateProfile([], []), ValueError, "times must ascend"),
        (lambda: RateProfile([1.0], [1, 2]), ValueError, "rates must have one entry per time"),
        (lambda: RateProfile([1.0], [-1.0]), ValueError, "rates must not be negative"),
        (lambda: PoissonInput("A", 1.0, 1, 1.0, "x"), ValueError, "receptor must be one of"),
        (lambda: PoissonInput("A", 1, 1, 1, start=-1), ValueError, "start must not be negative"),
        (
            lambda: ConstantCurrent("A", 1.0, 2.0, 2.0),
            ValueError,
            "ConstantCurrent into 'A': stop must lie after start=2.0 ms, got 2.0 ms",
        ),
        (lambda: StepCurrent("A", [1.0], [np.nan]), ValueError, "amplitudes must be finite"),
        (lambda: StepCurrent("A", "x", [1.0]), TypeError, "times must be numbers"),
        (lambda: SpikeTimes("A", [0], [1.0, 2.0], 1.0), ValueError, "neurons must have one entry"),
        (lambda: SpikeTimes("A", 0, [-1.0], 1.0), ValueError, "times must not be negative"),
        (lambda: SpikeTimes("A", 0.5, [1.0], 1.0), TypeError, "neurons must be integers"),
        (
            lambda: network(stimuli=SpikeTimes("A", 6, [1.0], 1.0)),
            ValueError,
            "SpikeTimes into 'A': neurons must lie below the population's size 6, got 6",
        ),
        (
            lambda: Network(Population(1, Relay(), "R"), (), ConstantCurrent("R", 1.0)),
            ValueError,
            "ConstantCurrent into 'R': a Relay takes no current",
        ),
        (lambda: Network(PAIR, (), PAIR), TypeError, "stimuli must be PoissonInput or StepCurrent"),
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
                    Projection("B", "B", FixedInDegree(10), 1e-6, 1.0),
                )
            ),
            ValueError,
            "weights of 1e-06 get only 0.131 of the integer levels onto 'B'",
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
