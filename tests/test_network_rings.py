"""The engine on GPUs, under the harness: bit by bit what the reference makes of a network."""

import numpy as np
import pytest
from conftest import use_emulator

from cusnn.backends.cuda import network as backend
from cusnn.network import (
    AllToAll,
    FixedInDegree,
    FixedTotalNumber,
    Network,
    Normal,
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
NOTHING = np.zeros(0, np.uint64)


@pytest.fixture(autouse=True)
def emulated(monkeypatch):
    """The CUDA backend under g++, in blocks so small that threads take several neurons."""
    use_emulator(monkeypatch)
    monkeypatch.setattr(backend, "ADVANCE_BLOCK", 32)


def shape_of(planned, tiles, wide=False):
    """A shape with so many tiles, whatever fits."""
    interval = planned.shortest + planned.late
    options = {"channels": planned.channels, "longest": planned.longest, "interval": interval}
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

    def __init__(self, reference, tiles, probes=(), every=1, wide=None, **options):
        planned = reference.planned
        self.planned, self.size = planned, planned.network.size
        self.shape = shape_of(planned, tiles, planned.wide if wide is None else wide)
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


@pytest.mark.parametrize("exchange", EXCHANGES)
@pytest.mark.parametrize(("tiles", "blocks"), [(1, None), (3, None), (7, 3)])
def test_mixed(mixed_reference, exchange, tiles, blocks):
    reference, probes = mixed_reference
    rings = Rings(reference, tiles, probes, 3, exchange=exchange, blocks=blocks)
    assert rings.run(61) == 61
    assert_same(rings, reference)
