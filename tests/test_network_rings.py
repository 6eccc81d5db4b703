"""The engine on GPUs, under the harness: bit by bit what the reference makes of a network."""

import emulator
import numpy as np
import pytest
from conftest import use_emulator

from cusnn.backends.cuda import network as backend
from cusnn.backends.numpy_ref.normal import exponential, normal_quantile
from cusnn.network import (
    AllToAll,
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
    SpikeTimes,
    Uniform,
)
from cusnn.neurons import ALIF, LIF, CobaLIF, CubaLIF, Izhikevich
from cusnn.ops import network as engine
from cusnn.simulation.draws import fill_initial
from cusnn.simulation.layouts import by_neuron, by_tile
from cusnn.simulation.plan import plan

EXCHANGES = ("mailbox", "barrier")
MEMORIES = ("shared", "global")


@pytest.fixture(autouse=True)
def emulated(monkeypatch):
    """The CUDA backend under g++, in blocks so small that threads take several neurons."""
    use_emulator(monkeypatch)
    monkeypatch.setattr(backend, "ADVANCE_BLOCK", 32)


def shape_of(planned, tiles, wide=False, memory="shared"):
    """A shape with so many tiles, whatever fits."""
    interval = planned.shortest + planned.late
    options = {"channels": planned.channels, "longest": planned.longest, "interval": interval}
    options["memory"] = memory
    size = planned.network.size
    shape = engine.ring_shape(
        size, **options, states=planned.states, processors=4, shared=2**20, wide=wide
    )
    slots = planned.channels * -(-size // tiles)
    return shape._replace(tiles=tiles, slot_bits=max(slots - 1, 0).bit_length())


def build(planned, shape):
    return engine.network_build_rings(
        planned.build,
        n_neurons=planned.network.size,
        shape=shape,
        longest=planned.longest,
        states=planned.states,
        channels=planned.channels,
        seed=planned.network.seed,
    )


class Reference:
    """The NumPy engine: spikes, state, events and samples of some steps."""

    def __init__(self, net, steps, probes=(), every=1):
        self.planned = planned = plan(net)
        built = engine.network_build(
            planned.build,
            n_neurons=net.size,
            tiles=1,
            longest=planned.longest,
            states=planned.states,
            channels=planned.channels,
            wide=planned.wide,
            seed=net.seed,
            backend="numpy",
        )
        self.built, self.initial = built, fill_initial(net, built.initial.copy())
        tables = {**planned.advance_tables(0), "probes": np.array(probes, np.int64).reshape(-1, 2)}
        for name in ("words", "amounts", "row_starts", "offsets"):
            tables[name] = getattr(built, name)
        state = by_tile(self.initial, 1)
        starts = np.zeros(planned.longest + steps + 1, np.int64)
        spikes = np.zeros((steps + 1) * net.size, np.int32)
        done, self.events, self.recorded = engine.network_advance(
            tables,
            state,
            spikes,
            starts,
            seed=net.seed,
            first_step=0,
            interval=planned.shortest,
            channels=planned.channels,
            every=every,
            backend="numpy",
        )
        assert done == steps
        self.state = by_neuron(state, net.size)
        counts = np.diff(starts[planned.longest :])
        self.spikes = np.repeat(np.arange(steps), counts) << 32 | spikes[: starts[-1]]


class Rings:
    """The engine on rings, called in stretches."""

    def __init__(self, reference, tiles, probes=(), every=1, wide=None, memory="shared", **options):
        planned = reference.planned
        self.planned, self.size = planned, planned.network.size
        wide = planned.wide if wide is None else wide
        self.shape = shape_of(planned, tiles, wide, memory)
        built = build(planned, self.shape)
        self.tables = {
            **planned.advance_tables(0),
            "probes": np.array(probes, np.int64).reshape(-1, 2),
            "words": built.words,
            "amounts": built.amounts,
            "row_starts": built.row_starts,
        }
        self.tiled = by_tile(reference.initial, tiles)
        self.options = {"interval": planned.shortest, "every": every, **options}
        self.step = self.events = 0
        self.spikes, self.recorded = np.zeros(0, np.int64), []

    def run(self, steps, room=None):
        """Steps done; ``spikes`` are sorted keys step << 32 | neuron."""
        longest, interval = self.planned.longest, self.options["interval"]
        ago = (self.spikes >> 32) - (self.step - longest)
        flight = (ago << 32 | self.spikes & 0xFFFFFFFF)[ago >= 0].astype(np.uint64)
        done, events, spikes, recorded = engine.network_advance_rings(
            self.tables,
            self.tiled,
            np.random.default_rng(0).permutation(flight),
            steps=steps,
            room=max(steps, interval) * self.size if room is None else room,
            shape=self.shape,
            seed=self.planned.network.seed,
            first_step=self.step,
            longest=longest,
            channels=self.planned.channels,
            **self.options,
        )
        keys = np.sort(spikes.astype(np.int64)) + (self.step << 32)
        self.spikes = np.concatenate([self.spikes, keys])
        self.recorded.append(recorded)
        self.step += done
        self.events += events
        return done

    @property
    def state(self):
        return by_neuron(self.tiled, self.size)


def assert_same(rings, reference):
    np.testing.assert_array_equal(rings.spikes, reference.spikes)
    np.testing.assert_array_equal(rings.state, reference.state)
    assert rings.events == reference.events
    np.testing.assert_array_equal(np.concatenate(rings.recorded), reference.recorded)


# ------------------------------------------------------------------ networks


def mixed():
    """All models, one and two channels, all resets, own numbers, Poisson, delays of 1 to 33."""
    rng = np.random.default_rng(0)
    own = CubaLIF(v_threshold=rng.uniform(-55, -50, 13), i_offset=600.0, reset="soft")
    jumps = LIF(v_threshold=rng.uniform(0.5, 1.5, 9), input="voltage", v_leak=0.3, reset="soft")
    dual = CubaLIF(tau_syn=2.0, tau_syn_inh=5.0, i_offset=500.0)
    coba = CobaLIF()
    return Network(
        (
            Population(13, own, "own", v=Normal(-58.0, 5.0)),
            Population(9, jumps, "jumps", v=Uniform(0.0, 1.4)),
            Population(7, dual, "dual", v=Normal(-58.0, 5.0)),
            Population(6, coba, "coba", v=-55.0),
            Population(5, ALIF(v_threshold=1.0, input="voltage"), "alif"),
            Population(4, Izhikevich(input="voltage"), "izhikevich", v=-60.0),
        ),
        (
            Projection("own", "dual", FixedInDegree(6), Normal(300, 90, low=0), Uniform(0.1, 0.9)),
            Projection("dual", "own", FixedTotalNumber(90), Normal(150, 60), Uniform(0.3, 3.3)),
            Projection("dual", "dual", FixedTotalNumber(20), -250.0, 0.1),
            Projection("own", "coba", AllToAll(), 2.0, Uniform(0.1, 2.0)),
            Projection("coba", "coba", FixedInDegree(2), -9.0, 0.4),
            Projection("jumps", "alif", AllToAll(), 0.3, Uniform(0.1, 2.0)),
            Projection("jumps", "izhikevich", FixedInDegree(3), 6.0, 0.7),
            Projection("own", "jumps", FixedInDegree(4), Normal(0.4, 0.2), 1.7),
        ),
        (
            PoissonInput("own", 8.0, 1200, 87.0),
            PoissonInput("jumps", 100.0, 10, 0.3),
            PoissonInput("jumps", 50.0, 10, -0.2),
            PoissonInput("dual", 8.0, 900, 87.0),
            PoissonInput("coba", 500.0, 10, 3.0),
            PoissonInput("izhikevich", 300.0, 10, 4.0),
            SpikeTimes("alif", [0, 0, 1, 2, 3, 0], [0.1, 0.1, 1.7, 2.0, 2.0, 2.1], 0.9),
        ),
        seed=8,
    )


@pytest.fixture(scope="module")
def mixed_reference():
    net = mixed()
    probes = [(0, 0), (0, 1), (0, 0), (21, 0), (28, 2), (30, 1), (37, 1), (43, 1), (12, 2)]
    return Reference(net, 61, probes, every=3), probes


@pytest.mark.parametrize("memory", MEMORIES)
@pytest.mark.parametrize("exchange", EXCHANGES)
@pytest.mark.parametrize(
    ("tiles", "blocks", "threads"), [(1, None, 96), (3, None, 32), (7, 3, 64), (44, 4, 32)]
)
def test_mixed_emulated(mixed_reference, monkeypatch, memory, exchange, tiles, blocks, threads):
    """One block, a tile per block, and several tiles per block."""
    monkeypatch.setattr(backend, "ADVANCE_BLOCK", threads)
    reference, probes = mixed_reference
    rings = Rings(reference, tiles, probes, 3, memory=memory, exchange=exchange, blocks=blocks)
    assert rings.run(61) == 61
    assert_same(rings, reference)


@pytest.mark.parametrize("memory", MEMORIES)
@pytest.mark.parametrize("exchange", EXCHANGES)
@pytest.mark.parametrize("seed", [2, 3, 4])
def test_any_order_of_threads(mixed_reference, memory, exchange, seed, monkeypatch):
    monkeypatch.setattr(emulator._state, "seed", seed)
    monkeypatch.setattr(backend, "ADVANCE_BLOCK", 64)
    reference, probes = mixed_reference
    for tiles in (3, 5):
        rings = Rings(reference, tiles, probes, 3, memory=memory, exchange=exchange, blocks=3)
        rings.run(61)
        assert_same(rings, reference)


@pytest.mark.parametrize("memory", MEMORIES)
@pytest.mark.parametrize("exchange", EXCHANGES)
@pytest.mark.parametrize("tiles", [2, 6])
def test_several_launches_are_one(mixed_reference, memory, exchange, tiles):
    """State and spikes in flight are all that crosses from one launch to the next."""
    reference, probes = mixed_reference
    rings = Rings(reference, tiles, probes, 3, memory=memory, exchange=exchange)
    for steps in (1, 0, 2, 33, 5, 20):
        assert rings.run(steps) == steps
    assert_same(rings, reference)


@pytest.mark.parametrize("tiles", [3, 7])
def test_weights_of_32_bits(mixed_reference, tiles):
    reference, probes = mixed_reference
    rings = Rings(reference, tiles, probes, 3, wide=True)
    assert rings.tables["amounts"] is not None
    rings.run(61)
    assert_same(rings, reference)


def late(shortest):
    """Inputs move voltages one step late, so windows may be one step longer than delays."""
    longest = shortest + 0.7
    dual = CubaLIF(tau_syn=2.0, tau_syn_inh=5.0, i_offset=560.0)
    return Network(
        (
            Population(40, CubaLIF(i_offset=560.0), "E", v=Normal(-58.0, 5.0)),
            Population(10, dual, "D", v=Normal(-58.0, 5.0)),
        ),
        (
            Projection("E", "E", FixedInDegree(12), Normal(80, 30), Uniform(shortest, longest)),
            Projection("E", "D", FixedInDegree(12), Normal(80, 9), Uniform(shortest, longest)),
            Projection("D", "E", FixedInDegree(5), Normal(-80, 9), shortest),
        ),
        (PoissonInput("E", 8.0, 600, 87.0),),
        seed=4,
    )


@pytest.mark.parametrize("exchange", EXCHANGES)
@pytest.mark.parametrize("shortest", [1, 8])
def test_windows_of_the_shortest_delay_and_one(exchange, shortest):
    reference = Reference(late(0.1 * shortest), 83, [(3, 1), (41, 2)], every=1)
    assert (reference.planned.shortest, reference.planned.late) == (shortest, True)
    for tiles, interval in ((3, shortest + 1), (6, shortest + 1), (3, max(shortest - 1, 1))):
        rings = Rings(reference, tiles, [(3, 1), (41, 2)], exchange=exchange, interval=interval)
        rings.run(50)
        rings.run(33)
        assert_same(rings, reference)


def always(delay):
    """Everyone fires in every step: most spikes find no place in a packet."""
    neuron = LIF(v_leak=9.0, v_threshold=1.0, reset="none", input="voltage")
    return Network(
        (Population(61, neuron, "E", v=9.0),),
        (Projection("E", "E", AllToAll(), 0.01, delay),),
    )


def never():
    return Network(
        (Population(30, CubaLIF(), "E", v=Normal(-66.0, 1.0)),),
        (Projection("E", "E", AllToAll(), 100.0, Uniform(0.1, 0.7)),),
    )


def alone():
    """No projections, no stimuli, one neuron."""
    return Network((Population(1, CubaLIF(i_offset=900.0), "E"),))


@pytest.mark.parametrize("exchange", EXCHANGES)
@pytest.mark.parametrize(
    "make", [lambda: always(Uniform(0.1, 0.7)), lambda: always(0.5), never, alone]
)
def test_all_fire_and_none(exchange, make):
    reference = Reference(make(), 20)
    n = reference.planned.network.size
    assert len(reference.spikes) == {61: 61 * 20, 30: 0}.get(n, len(reference.spikes))
    for tiles in (1, 2, 5)[: min(n, 3)]:
        rings = Rings(reference, tiles, exchange=exchange)
        rings.run(13)
        rings.run(7)
        assert_same(rings, reference)


@pytest.mark.parametrize("exchange", EXCHANGES)
@pytest.mark.parametrize("tiles", [2, 5])
def test_stops_where_spikes_might_overflow(exchange, tiles):
    """And goes on from there; events are those of the steps done."""
    reference = Reference(always(Uniform(0.3, 0.7)), 20)
    rings = Rings(reference, tiles, exchange=exchange)
    assert rings.run(20, room=10 * 61 + 60) == 9
    assert len(rings.spikes) == 9 * 61
    short = Reference(always(Uniform(0.3, 0.7)), 9)
    assert_same(rings, short)
    assert rings.run(11) == 11
    assert_same(rings, reference)


def test_delays_from_one_step_to_the_rings_end():
    """One spike after another around the ring, with windows of one step and of six."""
    for shortest, steps in ((1, 70), (6, 90)):
        delays = np.arange(shortest, 24)
        pairs = np.arange(delays.size)
        rule = FromList(pairs % 7, pairs % 5 + 7, weights=0.1 + 0.01 * pairs, delays=0.1 * delays)
        back = FromList([7, 8, 11], [0, 1, 6], weights=[1.5, 1.5, 1.5], delays=[2.3, 0.8, 1.1])
        net = Network(
            (Population(12, LIF(input="voltage", v_threshold=1.0, tau_mem=5.0), "E", v=0.99),),
            (Projection("E", "E", rule, 9.0, 9.0), Projection("E", "E", back, 9.0, 9.0)),
            (PoissonInput("E", 300.0, 1, 1.2),),
        )
        reference = Reference(net, steps)
        assert (reference.planned.shortest, reference.planned.longest) == (shortest, 23)
        assert 30 < len(reference.spikes) < steps * 12 / 2
        for tiles in (1, 5):
            rings = Rings(reference, tiles)
            rings.run(steps)
            assert_same(rings, reference)


# ------------------------------------------------------------------ synapses


def every_rule():
    """All connectors, all kinds of weights and delays, initial values, two channels."""
    listed = FromList([0, 6, 6, 3], [4, 4, 0, 1], weights=[1.5, -2, 7, 0], delays=[0.9, 2, 2, 0.1])
    dual = CubaLIF(tau_syn=2.0, tau_syn_inh=5.0)
    start = {"i_exc": LogNormal(20.0, 9.0), "i_inh": -1.0}
    return Network(
        (
            Population(7, CubaLIF(), "A", v=Normal(-60.0, 5.0, high=-51.0)),
            Population(5, LIF(input="voltage", v_threshold=1.0), "B", v=Uniform(0.0, 0.9)),
            Population(150, dual, "C", v=LogNormal(1.0, 0.5, high=3.0), initial=start),
        ),
        (
            Projection("A", "B", FixedTotalNumber(83), Normal(2.0, 0.5, low=0.0), 0.5),
            Projection("A", "A", FixedTotalNumber(30, autapses=False, multapses=False), 1.0, 1.0),
            Projection("A", "A", FixedTotalNumber(30, autapses=False), 1.0, 1.0),
            Projection("B", "A", FixedInDegree(9), Uniform(-8.0, 9.0), Normal(0.8, 0.4, low=0.05)),
            Projection("C", "C", FixedInDegree(9, autapses=False, multapses=False), 2.0, 0.3),
            Projection("B", "C", FixedOutDegree(70, multapses=False), LogNormal(2.0, 1.0), 1.4),
            Projection("C", "C", FixedOutDegree(3, autapses=False), -2.0, Uniform(0.1, 3.0)),
            Projection("C", "A", FixedProbability(0.3), LogNormal(2.0, 1.0, high=4.0), 1.4),
            Projection("C", "C", FixedProbability(0.02, autapses=False), 0.5, 0.2),
            Projection("A", "B", AllToAll(), -1.25, Uniform(0.3, 1.4)),
            Projection("A", "A", AllToAll(autapses=False), 1.0, 0.1),
            Projection("B", "B", OneToOne(), Normal(-3.0, 0.3, high=0.0), 1.0),
            Projection("A", "B", listed, 55.0, 66.0),
            Projection("A", "C", FromList([2, 2], [1, 1]), 4.0, 0.4),
            Projection("A", "A", FixedTotalNumber(0), 4.0, 0.4),
        ),
        seed=5,
    )


def sorted_words(planned, built, shape):
    """Every synapse of the reference as columns: row, slot, delay, weight."""
    n = planned.network.size
    if isinstance(built, engine.RingTables):
        lengths = np.diff(built.row_starts, axis=1)
        bits = 0xFFFFFFFF if shape.wide else 0xFFFF
        slot = built.words & np.uint32((1 << shape.slot_bits) - 1)
        delay = ((built.words & np.uint32(bits)) >> np.uint32(shape.slot_bits)) + 1
        assert (built.row_starts[1:, 0] == built.row_starts[:-1, -1]).all()
        assert built.row_starts[0, 0] == 0
        row = np.repeat(np.arange(shape.tiles * n), lengths.ravel())
    else:
        lengths = np.diff(built.offsets.astype(np.int64), axis=2).ravel()
        row = np.repeat(np.arange(lengths.size) // planned.longest, lengths)
        delay = np.repeat(np.arange(lengths.size) % planned.longest, lengths) + 1
        slot = built.words & np.uint32(0xFFFFFFFF if shape.wide else 0xFFFF)
    weight = built.amounts if shape.wide else built.words.view(np.int32) >> 16
    columns = np.stack([row, slot, delay, weight]).astype(np.int64)
    return columns[:, np.lexsort(columns[::-1])]


@pytest.mark.parametrize(("tiles", "wide"), [(1, False), (3, True), (40, False)])
def test_build_emulated(tiles, wide):
    """The synapses of the reference; in 40 tiles, several blocks add up the rows' lengths."""
    net = every_rule()
    planned = plan(net)
    reference = engine.network_build(
        planned.build,
        n_neurons=net.size,
        tiles=tiles,
        longest=planned.longest,
        states=planned.states,
        channels=planned.channels,
        wide=wide,
        seed=net.seed,
        backend="numpy",
    )
    shape = shape_of(planned, tiles, wide)
    assert shape.wide == wide
    built = build(planned, shape)
    np.testing.assert_array_equal(
        sorted_words(planned, built, shape), sorted_words(planned, reference, shape)
    )
    np.testing.assert_array_equal(built.initial, reference.initial)
    assert (tiles == 40) == (tiles * net.size > backend.SCAN_ROWS)


def test_deviates_are_those_of_the_reference():
    """To the last bit, from the middle to both tails, and where exponents are cut off."""
    rng = np.random.default_rng(2)
    p = np.concatenate([rng.random(3000), 2.0 ** -np.arange(2.0, 34.0), 1 - 2.0**-33 * np.ones(1)])
    x = np.concatenate([rng.normal(0, 3, p.size - 6), [0.0, 700.0, -700.0, 701.0, -1e9, 0.3466]])
    z, y = np.empty_like(p), np.empty_like(p)
    probe = emulator.TESTS / "kernels_for_tests" / "normal_probe.cu"
    emulator.launch(str(probe), "deviates", -(-p.size // 64), 64, (p, x, z, y, np.int32(p.size)))
    np.testing.assert_array_equal(z, normal_quantile(p))
    np.testing.assert_array_equal(y, exponential(x))


def test_sums_of_many_blocks():
    sums = np.random.default_rng(1).integers(0, 2**40, 600)
    expected = np.concatenate([[0], sums.cumsum()[:-1]])
    emulator.launch(backend.BUILD, "network_add_sums", 1, backend.BLOCK, (sums, np.int64(600)))
    np.testing.assert_array_equal(sums, expected)


# ------------------------------------------------------------------ shapes and errors


H100 = {"processors": 132, "shared": 232_448}


def test_shape_of_the_microcircuit():
    """585 neurons in each of 132 tiles, ten bits of slot and six of delay."""
    shape = engine.ring_shape(77_169, states=3, channels=1, longest=62, interval=2, **H100)
    assert shape == (132, 63, 10, False, True, "shared")
    assert 4 * 585 * (63 + 3 + 1) <= H100["shared"] - 1024


@pytest.mark.parametrize("memory", [None, "global"])
@pytest.mark.parametrize("longest", [1, 2, 15, 63, 64, 300, 9000, 32_767])
@pytest.mark.parametrize("n", [1, 100, 4000, 77_169, 10**6, 4 * 10**6])
@pytest.mark.parametrize("channels", [1, 2])
def test_shapes_fit(n, longest, channels, memory):
    shape = engine.ring_shape(
        n, states=4, channels=channels, longest=longest, interval=1, memory=memory, **H100
    )
    per_tile = -(-n // shape.tiles)
    in_shared = shape.slots * channels if shape.memory == "shared" else 0
    assert 4 * per_tile * (in_shared + 5) <= H100["shared"] - 1024
    assert per_tile * shape.slots * channels < 2**31
    assert per_tile * channels <= 2**shape.slot_bits
    assert shape.slot_bits + (longest - 1).bit_length() <= (31 if shape.wide else 16)
    assert shape.slots >= longest + 1
    assert shape.resident == (shape.tiles <= 132)
    assert shape.tiles % 132 == 0 or shape.resident
    assert shape.tiles <= max(n / 128 + 132, 132) or shape.memory == "shared"
    assert (shape.memory == "shared") <= (memory is None)


def test_rings_that_fill_shared_memory_go_to_global_memory():
    """A ring of 451 cells is the longest of which 128 fit into 227 KB beside four numbers each."""
    options = {"states": 3, "channels": 1, "interval": 1, **H100}
    for longest, memory in ((447, "shared"), (448, "global")):
        shape = engine.ring_shape(10**6, longest=longest, **options)
        assert (shape.memory, shape.resident) == (memory, memory == "global")
        assert engine.ring_shape(10**4, longest=longest, **options).memory == "shared"
    shape = engine.ring_shape(10**4, longest=9000, **options)
    assert shape == (79, 9001, 7, True, True, "global")
    shape = engine.ring_shape(10**4, longest=9000, memory="shared", **options)
    assert (shape.memory, shape.resident, -(-(10**4) // shape.tiles) <= 6) == (
        "shared",
        False,
        True,
    )


def test_cells_of_a_tile_are_counted_in_31_bits():
    """Which only more shared memory than any GPU has lets states of so many neurons reach."""
    options = {"states": 4, "channels": 2, "longest": 32_767, "interval": 1, "shared": 2**20}
    shape = engine.ring_shape(32_768, processors=1, memory="global", **options)
    assert (shape.tiles, shape.resident) == (2, False)
    shape = engine.ring_shape(32_767, processors=1, memory="global", **options)
    assert (shape.tiles, shape.resident) == (1, True)


def test_tiles_are_few_where_that_takes_less_memory():
    """12 bytes for each of 1056 tiles more, beside 4 for weights of 32 bits in each of 3168."""
    options = {"states": 3, "channels": 1, "longest": 62, "interval": 2, **H100}
    for degree, expected in ((3167, (132, True, "global")), (3168, (1188, False, "shared"))):
        shape = engine.ring_shape(10**6, synapses=degree * 10**6, **options)
        assert (shape.tiles, shape.wide, shape.memory) == expected
    # Where tiles stay in shared memory, nothing is gained.
    assert engine.ring_shape(77_169, synapses=77_169, **options).memory == "shared"


def test_short_bits_make_words_wide():
    """Slot and delay of 700 neurons and 70 delays need 17 bits, but fit shared memory."""
    shape = engine.ring_shape(132 * 700, states=3, channels=1, longest=70, interval=1, **H100)
    assert (shape.wide, shape.resident, shape.slot_bits) == (True, True, 10)
    shape = engine.ring_shape(132 * 900, states=3, channels=1, longest=70, interval=1, **H100)
    assert (shape.wide, shape.resident, shape.slot_bits) == (False, False, 9)
    assert shape.memory == "shared"


def test_limits_are_asked_of_the_backend():
    shape = engine.ring_shape(10_000, states=3, channels=1, longest=9, interval=1)
    assert shape.tiles % 4 == 0
    assert not shape.resident


def test_errors(mixed_reference):
    reference, _ = mixed_reference
    rings = Rings(reference, 3)
    for options, text in (
        ({"longest": 32_768, "channels": 1}, "longest must be at most 32,767 steps, got 32,768"),
        (
            {"longest": 32_000, "channels": 2, "memory": "shared"},
            "delays of 32000 steps need rings of 256,008 bytes per neuron, a block has 232,448 of "
            "shared memory; take memory='global'",
        ),
        ({"longest": 9, "channels": 1, "memory": "texture"}, "memory must be one of .* 'texture'"),
    ):
        with pytest.raises(ValueError, match=text):
            engine.ring_shape(9, states=3, interval=1, **options, **H100)
    with pytest.raises(ValueError, match=r"room must be at least 44, .* got 43"):
        rings.run(5, room=43)
    for name, value, text in (
        ("exchange", "pigeon", "exchange must be one of mailbox, barrier, got 'pigeon'"),
        ("interval", 35, "interval must be 1 to 34, got 35"),
        ("blocks", 0, "blocks must be at least 1 or None, got 0"),
        ("backend", "numba", "runs on backend 'cuda' only, got 'numba'"),
    ):
        with pytest.raises(ValueError, match=text):
            Rings(reference, 3, **{name: value}).run(5, room=9999)
    kept, rings.shape = rings.shape, rings.shape._replace(wide=True)
    with pytest.raises(ValueError, match=r"amounts must be given where shape\.wide"):
        rings.run(5)
    rings.shape = kept._replace(slots=33)
    with pytest.raises(ValueError, match=r"rings must hold 34 steps .* got 33"):
        rings.run(5)
    rings.shape = rings.shape._replace(slot_bits=4)
    with pytest.raises(ValueError, match="30 slots and 33 delays must fit 16 bits"):
        rings.run(5)
