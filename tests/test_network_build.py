"""The engine's first operation against brute force: every synapse, every bit."""

import threading
import time

import numpy as np
import pytest
from by_hand import build, drawn_by_hand, synapses_by_hand, unpacked, words_by_hand

from cusnn.network import (
    AllToAll,
    ClippedNormal,
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
    Uniform,
)
from cusnn.neurons import LIF, CobaLIF, CubaLIF, Izhikevich, Relay
from cusnn.ops import network as engine
from cusnn.simulation.draws import fill_initial
from cusnn.simulation.plan import plan

BACKENDS = ("numpy", "numba")
JUMPS = LIF(tau_mem=10.0, v_threshold=1.0, t_refractory=0.3, input="voltage")


@pytest.fixture(params=BACKENDS)
def engine_backend(request):
    return request.param


def every_rule(seed=5):
    """All connectors, all kinds of weights and delays, in one small network."""
    rule = FromList(
        [0, 6, 6, 3], [4, 4, 0, 1], weights=[1.5, -2.0, 7.0, 0.0], delays=[0.9, 2, 2, 0.1]
    )
    random = np.random.default_rng(1)
    square = random.uniform(1.0, 5.0, (7, 7))
    clipped = ClippedNormal(2.0, 1.0, low=1.5, high=2.25)
    spread = ClippedNormal(0.8, 0.7, low=0.1, high=1.5)
    return Network(
        (
            Population(7, CubaLIF(), "A", v=Normal(-60.0, 5.0, high=-51.0)),
            Population(5, JUMPS, "B", v=Uniform(0.0, 0.9)),
            Population(
                5,
                CubaLIF(v_leak=np.arange(-70.0, -65.0)),
                "C",
                initial={"i": LogNormal(1.0, 0.5, negative=True)},
            ),
        ),
        (
            Projection("A", "B", FixedTotalNumber(83), Normal(2.0, 0.5, low=0.0), 0.5),
            Projection("B", "A", FixedInDegree(9), Uniform(-8.0, 9.0), Normal(0.8, 0.4, low=0.05)),
            Projection("A", "B", AllToAll(), -1.25, Uniform(0.3, 1.4)),
            Projection("B", "C", OneToOne(), Normal(-3.0, 0.3, high=0.0), 1.0),
            Projection("A", "B", rule, 55.0, 66.0),
            Projection("A", "C", FromList([2, 2], [1, 1]), 4.0, 0.4),
            Projection("C", "C", FixedTotalNumber(0), 4.0, 0.4),
            Projection("A", "A", AllToAll(autapses=False), square, 0.1 + square.T),
            Projection("A", "A", FixedInDegree(8, autapses=False), LogNormal(0.5, 0.4), 0.2),
            Projection("A", "A", FixedInDegree(6, autapses=False, multapses=False), 3.0, spread),
            Projection("A", "B", FixedInDegree(4, multapses=False), random.normal(1, 1, 20), 0.3),
            Projection("B", "B", FixedOutDegree(6), LogNormal(0.2, 0.3, high=2, negative=True), 1),
            Projection("A", "A", FixedOutDegree(5, autapses=False), 2.0, LogNormal(-1, 0.5, 0.06)),
            Projection("A", "C", FixedOutDegree(5, multapses=False), clipped, 0.3),
            Projection("A", "A", FixedTotalNumber(40, autapses=False), 2.0, spread),
            Projection("A", "A", FixedTotalNumber(42, autapses=False, multapses=False), 2.0, 0.3),
            Projection("A", "B", FixedTotalNumber(20, multapses=False), Uniform(1, 2), spread),
            Projection("A", "A", FixedProbability(0.4, autapses=False), Normal(2.0, 0.1), 0.4),
            Projection("B", "A", FixedProbability(0.15), 1.5, Uniform(0.1, 0.8)),
            Projection("B", "C", FixedProbability(1.0), 1.5, 0.3),
            Projection("B", "C", FixedProbability(0.0), 1.5, 0.3),
        ),
        dt=0.1,
        seed=seed,
    )


@pytest.mark.parametrize("tiles", [1, 3, 20])
def test_build_against_synapses_by_hand(engine_backend, tiles):
    """Right rows, each sorted by delay, equals in the order of projections and numbers."""
    net = every_rule()
    planned, tables = build(net, tiles, threads=2, backend=engine_backend)
    expected = [
        (target % tiles, source, delay, target, weight)
        for source, target, weight, delay in synapses_by_hand(net)
    ]
    expected.sort(key=lambda synapse: synapse[:3])
    found = unpacked(net, tables, tiles)
    assert [f[:4] for f in found] == [e[:4] for e in expected]
    scales = np.concatenate(
        [[scale] * p.size for (scale, _), p in zip(planned.scales, net.populations, strict=True)]
    )
    for (*_, target, weight), (*_, exact) in zip(found, expected, strict=True):
        assert abs(weight - exact * scales[target]) <= 0.5 + 1e-6


def test_rows_fill_the_words(engine_backend):
    """Rows follow one another without gap or overlap, tile after tile, source after source."""
    net = every_rule()
    _, tables = build(net, 3, threads=3, backend=engine_backend)
    lengths = tables.offsets[:, :, -1].astype(np.int64).ravel()
    np.testing.assert_array_equal(tables.row_starts.ravel(), lengths.cumsum() - lengths)
    assert lengths.sum() == tables.words.size == net.n_synapses


def test_initial_voltages(engine_backend):
    net = every_rule()
    _, tables = build(net, backend=engine_backend)
    v = tables.initial[0]
    assert v.dtype == np.float32
    normal = [
        drawn_by_hand(net.populations[0].v, words_by_hand(net.seed, 2 << 24, j)[0])
        for j in range(7)
    ]
    np.testing.assert_allclose(v[:7], normal, rtol=1e-6)
    uniform = [
        drawn_by_hand(net.populations[1].v, words_by_hand(net.seed, 2 << 24 | 1, j)[0])
        for j in range(5)
    ]
    np.testing.assert_allclose(v[7:12], uniform, rtol=1e-6)
    currents = [
        drawn_by_hand(dict(net.populations[2].initial)["i"], words_by_hand(net.seed, stream, j)[0])
        for stream in [17 << 24 | 2]
        for j in range(5)
    ]
    np.testing.assert_allclose(tables.initial[1, 12:], currents, rtol=1e-6)
    assert not tables.initial[1, :12].any()
    assert not tables.initial[2].any()
    assert not v[12:].any(), "arrays are not for the backends"


def test_initial_state_that_is_not_drawn():
    """Arrays as they are; without a value the state of a neuron at rest."""
    resting = Izhikevich(b=np.array([0.2, 0.25]), input="voltage")
    net = Network(
        (
            Population(3, CubaLIF(), "A", v=np.array([1.0, 2.0, 3.0]), initial={"i": 7.0}),
            Population(2, resting, "B"),
            Population(2, resting, "C", initial={"u": np.array([5.0, 6.0]), "v": -61.0}),
            Population(1, Relay(), "D"),
        )
    )
    _, tables = build(net)
    drawn = tables.initial.copy()
    np.testing.assert_array_equal(drawn[:, :3], [[0] * 3, [7] * 3, [0] * 3])
    filled = fill_initial(net, tables.initial)
    rest = resting.v_leak
    np.testing.assert_allclose(filled[0], [1, 2, 3, *rest, -61, -61, 0], rtol=1e-6)
    np.testing.assert_allclose(filled[1], [7, 7, 7, *(resting.b * rest), 5, 6, 0], rtol=1e-6)
    assert not filled[2].any()


def large_rules(seed=11):
    """Blocks begun, filled and overfilled; both tails of the normal distribution."""
    return Network(
        (Population(301, CubaLIF(), "A", v=Normal(-58.0, 5.0)), Population(47, JUMPS, "B")),
        (
            Projection("A", "A", FixedTotalNumber(1024), Normal(80.0, 40.0), Uniform(0.1, 3.0)),
            Projection("A", "A", FixedTotalNumber(1), Normal(80.0, 8.0), Uniform(0.1, 3.0)),
            Projection(
                "A", "A", FixedInDegree(17), Normal(80, 8, low=60), Normal(1.5, 0.75, low=0.05)
            ),
            Projection(
                "B", "A", AllToAll(), Uniform(-320, -300), Normal(0.8, 0.4, low=0.05, high=2)
            ),
            Projection(
                "A", "B", FixedTotalNumber(4097), Normal(0.1, 0.02, low=0.0, high=0.13), 25.0
            ),
            Projection("B", "B", OneToOne(), -0.5, 0.1),
            Projection("A", "A", FixedInDegree(17, autapses=False), LogNormal(3.0, 0.5), 0.3),
            Projection("A", "A", FixedInDegree(37, False, False), 80.0, LogNormal(0, 1, 0.06, 9)),
            Projection("A", "A", FixedOutDegree(300, False, False), LogNormal(3, 1, 1, 99), 0.3),
            Projection("A", "B", FixedOutDegree(20), LogNormal(-2.0, 0.5), 0.3),
            Projection("B", "A", FixedOutDegree(2, multapses=False), 80.0, Uniform(0.1, 3.0)),
            Projection("A", "A", FixedTotalNumber(2049, autapses=False), 80.0, 0.3),
            Projection("A", "A", FixedTotalNumber(3000, False, False), 80.0, Uniform(0.1, 3.0)),
            Projection("A", "A", FixedProbability(0.01, autapses=False), 80.0, 0.3),
            Projection("A", "B", FixedProbability(0.3), 0.1, ClippedNormal(1, 1, 0.1, 2)),
            Projection("A", "A", AllToAll(autapses=False), 80.0, 0.3),
        ),
        (PoissonInput("A", 8.0, 1500, 87.8), PoissonInput("A", 900.0, 1000, 1.0)),
        seed=seed,
    )


@pytest.mark.parametrize(("tiles", "threads"), [(1, 1), (2, 1), (2, 2), (3, 2), (3, 3), (49, 4)])
def test_build_is_the_same_bits_on_numba(tiles, threads):
    """49 times the nearest number to 1/49 is less than 1: tiles are found with care."""
    net = large_rules()
    _, expected = build(net, tiles)
    _, found = build(net, tiles, threads, "numba")
    for name, array in expected._asdict().items():
        np.testing.assert_array_equal(getattr(found, name), array, name)


def test_another_seed_gives_other_synapses(engine_backend):
    _, one = build(large_rules(1), backend=engine_backend)
    _, two = build(large_rules(2), backend=engine_backend)
    assert (one.words[:4000] != two.words[:4000]).mean() > 0.9


PAIRS = FromList(np.arange(8), np.arange(8))


def two_channels(scale=1.0):
    """Conductances of both signs, and weights so unequal that 16 bits cannot hold them."""
    populations = (Population(9, CobaLIF(), "A"), Population(8, CubaLIF(tau_syn_inh=9.0), "B"))
    return Network(
        populations,
        (
            Projection("A", "B", FixedInDegree(6), Uniform(1.0, 4.0), 0.4),
            Projection("B", "A", FixedInDegree(6), Uniform(-4.0, -1.0), 0.4),
            Projection("A", "A", AllToAll(), Uniform(3.0, 4.0), 0.3, receptor="inhibitory"),
            Projection("B", "A", PAIRS, scale, 0.2),
            Projection("A", "A", PAIRS, 1.5, 0.2),
            Projection("B", "B", AllToAll(), Normal(-2.0, 0.1, high=0.0), 0.3),
        ),
        seed=3,
    )


@pytest.mark.parametrize("scale", [1.0, 1e6], ids=["narrow", "wide"])
@pytest.mark.parametrize("tiles", [1, 3])
def test_slots_of_two_channels(engine_backend, tiles, scale):
    """Inhibition in the second half of a tile's slots; conductances without sign."""
    net = two_channels(scale)
    planned, tables = build(net, tiles, threads=2, backend=engine_backend)
    assert planned.wide == (tables.amounts is not None) == (scale > 1)
    inhibitory = [False, True, True, False, False, True]
    expected = []
    for (source, target, weight, delay), position in zip(
        synapses_by_hand(net), np.repeat(range(6), net.counts), strict=True
    ):
        weight *= planned.scales[target >= 9][int(inhibitory[position])]
        weight = abs(weight) if target < 9 else weight
        expected.append((target % tiles, source, delay, target, weight, bool(inhibitory[position])))
    expected.sort(key=lambda synapse: synapse[:3])
    found = unpacked(net, tables, tiles)
    assert [f[:4] for f in found] == [e[:4] for e in expected]
    for (*_, weight), (*_, exact, second) in zip(found, expected, strict=True):
        assert isinstance(weight, tuple) == second
        weight = weight[1] if second else weight
        assert abs(weight - exact) <= 0.5 + 1e-6 * abs(exact)


@pytest.mark.parametrize(("tiles", "threads"), [(1, 1), (4, 3)])
def test_wide_words_are_the_same_bits_on_numba(tiles, threads):
    net = two_channels(1e6)
    _, expected = build(net, tiles)
    _, found = build(net, tiles, threads, "numba")
    for name, array in expected._asdict().items():
        np.testing.assert_array_equal(getattr(found, name), array, name)


@pytest.mark.parametrize("piece", [1, 90, 10**6])
def test_small_projections_are_drawn_several_at_a_time(monkeypatch, piece):
    from cusnn.backends.numba_cpu import network

    own_synapses, calls, net = network.own_synapses, [], every_rule()

    def noting(place, worker, owner, connections, *arguments):
        calls.append(len(connections))
        own_synapses(place, worker, owner, connections, *arguments)

    monkeypatch.setattr(network, "PIECE", piece)
    monkeypatch.setattr(network, "own_synapses", noting)
    _, expected = build(net, 2)
    _, found = build(net, 2, 1, "numba")
    for name, array in expected._asdict().items():
        np.testing.assert_array_equal(getattr(found, name), array, name)
    assert sum(calls) == 2 * len(net.projections)
    # Two of 21 have no synapses.
    assert len(calls) == 2 * {1: 19, 90: 7, 10**6: 1}[piece]


def test_a_build_that_is_interrupted_ends_soon(monkeypatch):
    """Ctrl-C, or an error of who is told of progress: the other thread does not draw on."""
    from cusnn.backends.numba_cpu import network

    begun, told, calls = threading.Event(), threading.Event(), []

    def slowly(place, worker, *arguments):
        calls.append(worker)
        if worker == 1:
            begun.set()
            assert told.wait(60)
            time.sleep(0.02)

    def tell(share):
        assert begun.wait(60)
        told.set()
        raise KeyboardInterrupt

    monkeypatch.setattr(network, "PIECE", 1)
    monkeypatch.setattr(network, "own_synapses", slowly)
    a, many = Population(4, CubaLIF(), "A"), 100
    planned = plan(Network(a, [Projection("A", "A", OneToOne(), 1.0, 1.0)] * many))
    with pytest.raises(KeyboardInterrupt):
        engine.network_build(
            planned.build,
            n_neurons=4,
            tiles=2,
            longest=10,
            states=3,
            seed=1,
            threads=2,
            backend="numba",
            tell=tell,
        )
    assert calls.count(0) == 1
    assert 1 <= calls.count(1) < many
