"""The engine's second operation against brute force: every step, every bit."""

import re
import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest
from by_hand import build, unpacked, words_by_hand
from scipy import stats

import cusnn
from cusnn import dispatch
from cusnn.backends.numpy_ref.neuron import COEFFICIENTS, MODELS, STATES
from cusnn.backends.numpy_ref.neuron import step as reference_step
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
    SpikeTimes,
    Uniform,
)
from cusnn.neurons import ALIF, LIF, CobaLIF, CubaLIF, Izhikevich, Relay
from cusnn.ops import network as engine
from cusnn.simulation.plan import plan

BACKENDS = ("numpy", "numba")
JUMPS = LIF(tau_mem=10.0, v_threshold=1.0, t_refractory=0.3, input="voltage")


@pytest.fixture(params=BACKENDS)
def engine_backend(request):
    return request.param


def test_a_word_that_meets_a_threshold_reaches_it(engine_backend):
    """Thresholds that are words themselves: delays of synapses, then Poisson counts."""
    net = Network(
        (Population(20, LIF(tau_mem=1e12, v_threshold=99.0, input="voltage"), "A"),),
        (Projection("A", "A", OneToOne(), 1.0, Uniform(0.1, 2.0)),),
        (PoissonInput("A", 8.0, 1600, 1.0),),
        seed=6,
    )
    tiled = Tiled(net, 2, 1, engine_backend)
    words = [words_by_hand(6, 1 << 24, k)[3] for k in range(20)]
    tables = {**tiled.planned.build, "thresholds": np.sort(np.array(words, np.uint32))}
    tables["connections"][0, 11] = 20
    built = engine.network_build(
        tables, n_neurons=20, tiles=1, longest=21, states=2, seed=6, backend=engine_backend
    )
    delays = [delay for _, _, delay, _, _ in unpacked(net, built, 1)]
    assert delays == [1 + sum(word >= other for other in words) for word in words]
    words = [words_by_hand(6, 3 << 24, k)[0] for k in range(20)]
    tiled.tables["thresholds"] = np.sort(np.array(words, np.uint32))
    tiled.tables["stimuli"][0, 5] = 20
    tiled.run(1)
    counts = [sum(word >= other for other in words) for word in words]
    assert np.rint(tiled.flat_state()[0]).tolist() == counts


class Dense:
    """The network with a ring of dense inputs, neuron by neuron, in float32 and exact integers.

    Nothing of tiles, rows or exchange; the Poisson counts come from Philox in Python integers.
    """

    def __init__(self, net, initial):
        self.net, self.planned = net, plan(net)
        self.tables = self.planned.advance_tables(0)
        pairs = zip(self.planned.scales, net.populations, strict=True)
        scales = [pair for pair, p in pairs for _ in range(p.size)]
        self.unit = [[np.float32(1.0 / scale) for scale in pair] for pair in scales]
        self.out = [[] for _ in range(net.size)]
        _, tables = build(net)
        for _, source, delay, target, weight in unpacked(net, tables, 1):
            channel, weight = (1, weight[1]) if isinstance(weight, tuple) else (0, weight)
            self.out[source].append((delay, channel, target, weight))
        self.ring = np.zeros((self.planned.longest + 1, 2, net.size), object)
        self.state = initial.copy()
        self.coefficients = []
        for p in net.populations:
            numbers = p.neuron.coefficients(net.dt)
            values = np.broadcast_to(numbers.values, (numbers.values.shape[0], p.size))
            for j in range(p.size):
                self.coefficients.append((numbers.model, numbers, values[:, j]))
        self.step = self.events = 0

    def add_poisson(self, now):
        for row in self.tables["stimuli"]:
            first, size, stream, weight, lowest, count, channel = row.tolist()
            table = [int(level) for level in self.tables["thresholds"][lowest : lowest + count]]
            assert stream >> 24 == 3
            for neuron in range(first, first + size):
                words = words_by_hand(self.net.seed, stream, neuron, self.step // 4)
                reached = sum(words[self.step % 4] >= level for level in table)
                now[channel, neuron] += reached * weight

    def add_events(self, now):
        names = ("event_steps", "event_neurons", "event_amounts", "event_channels")
        columns = (self.tables[name].tolist() for name in names)
        for step, neuron, amount, channel in zip(*columns, strict=True):
            if step == self.step:
                now[channel, neuron] += amount

    def advance(self):
        slots = self.ring.shape[0]
        now = self.ring[self.step % slots].copy()
        self.ring[self.step % slots] = 0
        self.add_poisson(now)
        self.add_events(now)
        assert np.abs(now).max() < 2**31
        fired = []
        for neuron in range(self.net.size):
            integers = zip(now[:, neuron], self.unit[neuron], strict=True)
            currents = [np.float32(integer) * unit for integer, unit in integers]
            if self.move(neuron, *currents):
                fired.append(neuron)
        for source in fired:
            for delay, channel, target, weight in self.out[source]:
                self.ring[(self.step + delay) % slots, channel, target] += weight
        self.step += 1
        return fired

    def move(self, neuron, current, inhibition):
        model, numbers, c = self.coefficients[neuron]
        if model not in ("LIF", "CubaLIF"):
            return self.move_by_reference(neuron, current, inhibition)
        last = 2 if model == "CubaLIF" else 1
        v, i, rest = self.state[[0, 1, last], neuron]
        if model == "CubaLIF":
            decay, decay_syn, gain, drive, v_threshold, v_reset = c
            v_pre = decay * v + (gain * i + drive)
            i = decay_syn * i + current
            i = np.float32(0) if abs(i) < 1e-30 else i
        else:
            decay, gain, drive, v_threshold, v_reset = c
            v_pre = decay * v + (gain * current + drive)
        v_pre = np.float32(0) if abs(v_pre) < 1e-30 else v_pre
        spiked = False
        if rest > 0:
            v_pre, rest = v, rest - np.float32(1)
        elif v_pre >= v_threshold:
            spiked, rest = True, np.float32(numbers.refractory_steps)
            v_pre = (v_reset, v_pre - (v_threshold - v_reset), v_pre)[numbers.reset]
        self.state[: last + 1, neuron] = (v_pre, i, rest) if last == 2 else (v_pre, rest)
        return spiked

    def move_by_reference(self, neuron, current, inhibition):
        model, numbers, c = self.coefficients[neuron]
        one = SimpleNamespace(
            model=model,
            reset=numbers.reset,
            refractory_steps=numbers.refractory_steps,
            values=c[:, None],
        )
        state = self.state[: STATES[MODELS.index(model)], neuron : neuron + 1]
        assert c.size == COEFFICIENTS[MODELS.index(model)]
        done = reference_step(state, np.array([current]), one, np.array([inhibition]))
        return bool(done.spiked[0])


class Tiled:
    """The engine, called in stretches of chosen lengths."""

    def __init__(self, net, tiles=1, threads=1, backend="numpy"):
        self.net, self.tiles = net, tiles
        self.options = {"threads": threads, "backend": backend, "seed": net.seed}
        self.planned, built = build(net, tiles, threads, backend)
        self.tables = {
            **self.planned.advance_tables(0),
            "probes": np.zeros((0, 2), np.int64),
            "words": built.words,
            "amounts": built.amounts,
            "row_starts": built.row_starts,
            "offsets": built.offsets,
        }
        self.initial = built.initial.copy()
        for p, part in zip(net.populations, net.slices.values(), strict=True):
            if p.v is None:
                self.initial[0, part] = p.neuron.v_leak
        size = -(-net.size // tiles)
        self.state = np.zeros((tiles, self.planned.states, size), np.float32)
        for neuron in range(net.size):
            self.state[neuron % tiles, :, neuron // tiles] = self.initial[:, neuron]
        self.history = [[] for _ in range(self.planned.longest)]
        self.step = self.events = 0

    def run(self, steps, interval=None, room=None, every=1):
        """Who fired in each step, sorted; ``recorded`` has the samples of this run."""
        interval = self.planned.shortest if interval is None else interval
        longest = self.planned.longest
        before = self.history[-longest:]
        starts = np.zeros(longest + steps + 1, np.int64)
        starts[1 : longest + 1] = np.cumsum([len(fired) for fired in before])
        spikes = np.full(starts[longest] + (room or steps * self.net.size), -1, np.int32)
        spikes[: starts[longest]] = [neuron for fired in before for neuron in fired]
        done, events, self.recorded = engine.network_advance(
            self.tables,
            self.state,
            spikes,
            starts,
            first_step=self.step,
            interval=interval,
            every=every,
            channels=self.planned.channels,
            **self.options,
        )
        parts = [
            sorted(spikes[starts[longest + k] : starts[longest + k + 1]].tolist())
            for k in range(done)
        ]
        self.history += parts
        self.step += done
        self.events += events
        return parts

    def flat_state(self):
        columns = self.state.transpose(1, 2, 0).reshape(self.planned.states, -1)
        return columns[:, : self.net.size]


def soft_and_none():
    """Both models, three resets, parameters per neuron, Poisson, long and short delays."""
    rng = np.random.default_rng(0)
    own = CubaLIF(
        tau_mem=rng.uniform(5, 15, 13),
        v_threshold=rng.uniform(-55, -50, 13),
        i_offset=rng.uniform(300, 700, 13),
        t_refractory=0.5,
        reset="soft",
    )
    jumps = LIF(
        tau_mem=rng.uniform(2, 20, 9),
        v_threshold=rng.uniform(0.5, 1.5, 9),
        input="voltage",
        v_leak=0.3,
        reset="soft",
    )
    return Network(
        (
            Population(13, own, "own", v=Normal(-58.0, 5.0)),
            Population(11, CubaLIF(i_offset=560.0), "E", v=Normal(-58.0, 5.0)),
            Population(9, jumps, "jumps", v=Uniform(0.0, 1.4)),
            Population(5, LIF(v_leak=-1.0, v_threshold=1.0, reset="none", input="voltage"), "none"),
        ),
        (
            Projection("own", "E", FixedInDegree(6), Normal(300.0, 90.0), Uniform(0.1, 0.9)),
            Projection("E", "own", FixedTotalNumber(150), Normal(150.0, 60.0), Uniform(0.3, 7.0)),
            Projection("E", "E", FixedTotalNumber(40), -250.0, 0.1),
            Projection("E", "jumps", FixedInDegree(4), Normal(0.4, 0.2), 1.7),
            Projection("jumps", "none", AllToAll(), 0.9, Uniform(0.1, 2.0)),
            Projection("none", "jumps", FixedInDegree(2), -0.2, 0.2),
        ),
        (
            PoissonInput("E", 8.0, 1200, 87.0),
            PoissonInput("jumps", 100.0, 10, 0.3),
            PoissonInput("jumps", 50.0, 10, -0.2),
        ),
        dt=0.1,
        seed=8,
    )


def late(seed=4):
    """No delay below eight steps: spikes are exchanged rarely."""
    return Network(
        (Population(40, CubaLIF(i_offset=560.0), "E", v=Normal(-58.0, 5.0)),),
        (Projection("E", "E", FixedInDegree(12), Normal(80.0, 30.0), Uniform(0.75, 2.2)),),
        (PoissonInput("E", 8.0, 600, 87.0),),
        seed=seed,
    )


def always():
    """Everyone fires in every step: some 400 groups of words are due in each."""
    return Network(
        (
            Population(
                61, LIF(v_leak=9.0, v_threshold=1.0, reset="none", input="voltage"), "E", v=9.0
            ),
        ),
        (Projection("E", "E", AllToAll(), 0.01, Uniform(0.1, 0.7)),),
    )


def never():
    return Network(
        (Population(30, CubaLIF(), "E", v=Normal(-66.0, 1.0)),),
        (Projection("E", "E", AllToAll(), 100.0, Uniform(0.1, 0.7)),),
    )


def zoo():
    """All models, resets and channels, wide weights, spike times, numbers for all and for each."""
    rng = np.random.default_rng(2)
    given = {"tau_syn": 2.0, "tau_syn_inh": 4.0, "i_offset": 420.0}
    own = rng.uniform(-54, -50, 9)
    adapts = {"v_threshold": 1.0, "jump": 0.2, "tau_adaptation": 20.0, "input": "voltage"}
    jumps = {"i_offset": 14.0, "input": "voltage"}
    populations = (
        Population(5, Relay(), "in"),
        Population(8, CubaLIF(**given), "dual", v=Normal(-56.0, 4.0)),
        Population(9, CubaLIF(**given, v_threshold=own, reset="soft"), "duals", v=-53.0),
        Population(7, CobaLIF(i_offset=170.0), "coba", v=Normal(-55.0, 3.0)),
        Population(6, CobaLIF(i_offset=170.0, tau_exc=rng.uniform(2, 5, 6)), "cobas", v=-56.0),
        Population(6, ALIF(**adapts, v_leak=1.4), "alif", v=Uniform(0.0, 1.2)),
        Population(5, ALIF(**adapts, v_leak=2.0, reset="soft", r=rng.random(5)), "alifs", v=0.8),
        Population(7, Izhikevich(**jumps), "izhikevich", v=Uniform(-45.0, -35.0)),
        Population(4, Izhikevich(**jumps, a=rng.uniform(0.02, 0.1, 4)), "fast", v=-40.0),
        Population(6, CubaLIF(i_offset=520.0, v_leak=rng.uniform(-66, -64, 6)), "cuba", v=-51.0),
    )
    short, broad = Uniform(0.1, 0.6), Uniform(0.1, 4.3)
    projections = (
        Projection("in", "dual", AllToAll(), Normal(300.0, 100.0, low=0.0), short),
        Projection("dual", "duals", FixedInDegree(4), Normal(150.0, 40.0, low=0.0), broad),
        Projection("duals", "dual", FixedInDegree(3), Normal(-200.0, 60.0, high=0.0), broad),
        Projection("duals", "dual", FixedInDegree(2), 0.1, short, receptor="inhibitory"),
        Projection("in", "coba", AllToAll(), Uniform(1.0, 6.0), short),
        Projection("coba", "cobas", FixedInDegree(3), 4.0, broad),
        Projection("cobas", "coba", FixedInDegree(3), -9.0, broad),
        Projection("coba", "alif", FixedInDegree(2), 0.2, short),
        Projection("alif", "alifs", FixedTotalNumber(40), Normal(0.0, 0.3), broad),
        Projection("alifs", "izhikevich", FixedInDegree(3), 1.5, short),
        Projection("izhikevich", "fast", FixedInDegree(3), -2.0, broad),
        Projection("fast", "cuba", AllToAll(), 130.0, 0.1),
        Projection("cuba", "in", FixedTotalNumber(3), 1.0, short),
    )
    stimuli = (
        SpikeTimes("in", [0, 3, 3, 4, 1], [0.0, 0.4, 0.4, 2.5, 6.0], 1.0),
        PoissonInput("dual", 8.0, 1500, 40.0),
        PoissonInput("dual", 8.0, 500, -60.0),
        SpikeTimes("cobas", [5, 0, 1, 1], [0.3, 0.3, 4.9, 5.0], 9.0),
        PoissonInput("cobas", 20.0, 100, -3.0),
        PoissonInput("fast", 10.0, 100, 1.0),
    )
    return Network(populations, projections, stimuli, seed=9)


def sparse():
    """Two channels, few synapses, narrow weights: a step touches few neurons, or one twice, and
    once so many that they are not listed."""
    given = {"tau_syn": 5.0, "tau_syn_inh": 10.0, "tau_mem": 20.0, "i_offset": 600.0}
    cobas = CobaLIF(i_offset=150.0)
    return Network(
        (
            Population(150, CubaLIF(**given), "E", v=Normal(-56.0, 4.0)),
            Population(60, cobas, "C", v=Normal(-55.0, 3.0)),
            Population(1, CubaLIF(**given), "burst"),
        ),
        (
            Projection("E", "E", FixedInDegree(1), Uniform(20.0, 60.0), Uniform(0.1, 0.3)),
            Projection("C", "E", FixedInDegree(1), Uniform(-60.0, -20.0), Uniform(0.1, 0.3)),
            Projection("E", "E", FixedTotalNumber(40), 50.0, 0.2, receptor="inhibitory"),
            Projection("E", "C", FixedInDegree(1), 3.0, Uniform(0.1, 0.3)),
            Projection("C", "C", FixedInDegree(1), -3.0, 0.1),
            Projection("burst", "E", AllToAll(), -20.0, 0.1),
        ),
        (
            SpikeTimes("C", [3, 59], [0.5, 0.5], 20.0),
            SpikeTimes("burst", [0], [2.0], 9000.0),
        ),
        seed=3,
    )


NETWORKS = {
    "mixed": soft_and_none,
    "late": late,
    "always": always,
    "never": never,
    "zoo": zoo,
    "sparse": sparse,
}


@pytest.fixture(params=NETWORKS)
def net(request):
    return NETWORKS[request.param]()


@pytest.mark.parametrize("tiles", [1, 3])
def test_advance_against_a_dense_ring(engine_backend, net, tiles):
    tiled = Tiled(net, tiles, 2, engine_backend)
    dense = Dense(net, tiled.initial)
    steps = 100 if net.stimuli else 20
    assert tiled.run(steps) == [dense.advance() for _ in range(steps)]
    np.testing.assert_array_equal(tiled.flat_state(), dense.state)


@pytest.mark.parametrize("reset", ["hard", "soft", "none"])
@pytest.mark.parametrize("model", ["LIF", "CubaLIF"])
def test_neurons_without_input_are_those_of_neuron_forward(engine_backend, model, reset):
    """Two populations, parameters for all and for each; the same spikes, the same bits of state."""
    rng = np.random.default_rng(3)
    steps, n = 90, 61
    if model == "LIF":
        given = {"tau_mem": 3.0, "i_offset": 3.0, "input": "voltage", "t_refractory": 0.3}
        one, each = LIF(**given, reset=reset), LIF(**given, v_leak=rng.random(n), reset=reset)
    else:
        given = {"i_offset": 1500.0, "t_refractory": 0.5, "reset": reset}
        one, each = CubaLIF(**given), CubaLIF(**given, v_threshold=rng.uniform(-58, -50, n))
    net = Network((Population(n, one, "one"), Population(n, each, "each")))
    tiled = Tiled(net, 3, 2, engine_backend)
    low, high = (0.0, 1.2) if model == "LIF" else (-70.0, -45.0)
    columns = np.zeros((tiled.planned.states, 2 * n), np.float32)
    columns[0] = rng.uniform(low, high, 2 * n)
    columns[1] = rng.normal(0.0, 400.0, 2 * n)
    columns[-1] = rng.integers(0, 3, 2 * n)
    for neuron in range(2 * n):
        tiled.state[neuron % 3, :, neuron // 3] = columns[:, neuron]
    fired = tiled.run(steps)
    for neuron, part in zip((one, each), net.slices.values(), strict=True):
        alone = cusnn.neuron_forward(
            np.zeros((steps, 1, n), np.float32),
            np.ascontiguousarray(columns[:, None, part]),
            neuron,
            dt=net.dt,
            backend=engine_backend,
        )
        assert alone.spikes.sum() > n
        mine = [[g - part.start for g in step if part.start <= g < part.stop] for step in fired]
        assert mine == [np.flatnonzero(spikes[0]).tolist() for spikes in alone.spikes]
        found = np.ascontiguousarray(tiled.flat_state()[:, part])
        np.testing.assert_array_equal(found.view("u4"), alone.final_state[:, 0].view("u4"))


def test_the_networks_of_this_file_do_what_they_say():
    fired = {name: sum(map(len, Tiled(make()).run(60))) for name, make in NETWORKS.items()}
    assert fired["never"] == 0
    assert fired["always"] == 60 * 61
    assert min(fired["mixed"], fired["late"], fired["sparse"]) > 30
    net = zoo()
    parts = Tiled(net).run(100)
    for label, part in net.slices.items():
        assert any(part.start <= g < part.stop for fired in parts for g in fired), label
    assert [plan(one).wide for one in (net, sparse())] == [True, False]
    assert [plan(one).late for one in (net, sparse())] == [False, True]


@pytest.mark.parametrize("chunks", [(1,) * 70, (69, 1), (3, 5, 62), (0, 70)], ids=len)
def test_stretches_of_any_length(chunks):
    """Random words are shared by four steps, delays reach 70: neither cares where a call ends."""
    net = soft_and_none()
    whole, pieces = (Tiled(net, 2, 2, "numba") for _ in range(2))
    expected = whole.run(70) + whole.run(40)
    found = [fired for steps in chunks for fired in pieces.run(steps)]
    assert found + pieces.run(40) == expected
    np.testing.assert_array_equal(pieces.state, whole.state)
    assert pieces.events == whole.events


@pytest.mark.parametrize("interval", [1, 2, 7, 8])
@pytest.mark.parametrize("tiles", [1, 2])
def test_any_interval_up_to_the_shortest_delay(engine_backend, interval, tiles):
    expected = Tiled(late()).run(61)
    tiled = Tiled(late(), tiles, tiles, engine_backend)
    assert tiled.planned.shortest == 8
    assert tiled.run(61, interval) == expected


def test_stops_where_spikes_might_overflow(engine_backend):
    """Never more than fits, and what was done stands: the rest can be run later."""
    net = always()
    tiled = Tiled(net, 2, 2, engine_backend)
    assert len(tiled.run(20, room=7 * net.size + net.size - 1)) == 7
    assert tiled.run(20, room=net.size - 1) == []
    rest = tiled.run(13)
    assert tiled.step == 20
    assert all(fired == list(range(61)) for fired in rest)
    np.testing.assert_array_equal(tiled.state, whole_state(net, 20, engine_backend))


def whole_state(net, steps, backend):
    tiled = Tiled(net, 2, 2, backend)
    tiled.run(steps)
    return tiled.state


def test_stops_before_an_interval_that_might_overflow():
    tiled = Tiled(late(), 2, 2, "numba")
    assert len(tiled.run(32, interval=8, room=8 * 40 + 39)) >= 8
    assert tiled.step % 8 == 0


@pytest.mark.parametrize("tiles", [1, 2, 3, 7])
@pytest.mark.parametrize("threads", [1, 2, 3])
def test_numba_gives_the_reference_bits(net, tiles, threads):
    expected = Tiled(net)
    found = Tiled(net, tiles, threads, "numba")
    assert found.run(80) == expected.run(80)
    np.testing.assert_array_equal(found.flat_state(), expected.flat_state())
    assert found.events == expected.events


@pytest.mark.parametrize("name", ["zoo", "sparse", "mixed"])
def test_probes_see_the_state_after_each_sampled_step(engine_backend, name):
    """All rows of all neurons, those that models do not use among them; calls of any length."""
    stepped = Tiled(NETWORKS[name]())
    tiled = Tiled(stepped.net, 3, 2, engine_backend)
    rows, neurons = np.indices((tiled.planned.states, tiled.net.size)).reshape(2, -1)
    tiled.tables["probes"] = np.stack([neurons, rows], axis=1)
    interval = tiled.planned.shortest + tiled.planned.late
    for steps in (7, 1, 22):
        expected = []
        for _ in range(steps):
            stepped.run(1)
            if stepped.step % 3 == 0:
                expected.append(stepped.flat_state().flatten())
        tiled.run(steps, interval, every=3)
        assert tiled.recorded.shape == (len(expected), neurons.size)
        np.testing.assert_array_equal(tiled.recorded, np.reshape(expected, (-1, neurons.size)))


@pytest.mark.parametrize("tiles", [1, 2, 7])
def test_late_networks_exchange_once_more_rarely(tiles):
    """Delays from one step on, spikes exchanged every two; stretches end anywhere."""
    expected, found = Tiled(sparse()), Tiled(sparse(), tiles, 2, "numba")
    for steps in (1, 2, 41, 30):
        assert found.run(steps, interval=2) == expected.run(steps)
        np.testing.assert_array_equal(found.flat_state(), expected.flat_state())
    assert found.events == expected.events > 100


def test_events_are_words_that_arrived(engine_backend):
    net = always()
    tiled = Tiled(net, 2, 1, engine_backend)
    tiled.run(10)
    delays = [delay for _, _, delay, _, _ in unpacked(net, build(net)[1], 1)]
    assert tiled.events == sum(max(0, 10 - delay) for delay in delays)


def test_the_largest_possible_sum():
    """Everyone fires and all arrives in one step: the exact sum, next to the end of 32 bits."""
    fires = LIF(v_leak=9.0, v_threshold=1.0, reset="none", input="voltage")
    forgets = CubaLIF(tau_syn=1e-3, t_refractory=0.0, v_threshold=1e30)
    n = 1200
    for weight in (1.0, -1.0):
        net = Network(
            (Population(n, fires, "E", v=9.0), Population(2, forgets, "sum")),
            (Projection("E", "sum", FixedInDegree(200_000), weight, 0.1),),
        )
        planned, _ = build(net, backend="numba")
        scale = int(planned.scales[1][0])
        total = 200_000 * scale
        assert 2**30 < total < 2**31
        tiled = Tiled(net, 2, 1, "numba")
        tiled.run(3)
        expected = np.float32(int(weight) * total) * np.float32(1.0 / scale)
        np.testing.assert_array_equal(tiled.flat_state()[1, n:], expected)


def test_fires_at_the_threshold_and_not_below(engine_backend):
    """With nothing that moves it, a voltage of exactly the threshold fires, and one below not."""
    still = LIF(tau_mem=1e12, v_threshold=1.0, t_refractory=100.0, input="voltage")
    below = float(np.nextafter(np.float32(1), np.float32(0)))
    net = Network((Population(9, still, "at", v=1.0), Population(9, still, "below", v=below)))
    fired = Tiled(net, 2, 1, engine_backend).run(5)
    assert fired == [list(range(9)), [], [], [], []]


def test_weights_are_rounded_to_even(engine_backend):
    """Halves go to the even neighbour, whatever their sign."""
    weights = np.append((np.arange(-4, 5) + 0.5) / 4, 32_767 / 4)
    rule = FromList(np.arange(10), np.zeros(10, int), weights=weights)
    net = Network(
        (Population(10, JUMPS, "A"), Population(1, JUMPS, "B")),
        (Projection("A", "B", rule, 0.0, 1.0),),
    )
    planned = plan(net)
    planned.build["weights"][0, 6] = 4.0
    tables = engine.network_build(
        planned.build, n_neurons=11, tiles=1, longest=10, states=2, seed=1, backend=engine_backend
    )
    found = [weight for *_, weight in unpacked(net, tables, 1)]
    assert found == [-4, -2, -2, 0, 0, 2, 2, 4, 4, 32_767]


def test_poisson_mean_and_variance(engine_backend):
    """Counts of a neuron that sums up all it gets: independent in time and between neurons."""
    sums = LIF(tau_mem=1e9, v_threshold=1e9, input="voltage")
    n, steps, mean = 200, 300, 1.28
    net = Network(
        (Population(n, sums, "A"),),
        stimuli=(PoissonInput("A", 8.0, 1600, 1.0),),
    )
    tiled = Tiled(net, 3, 1, engine_backend)
    counts = np.empty((steps, n))
    before = tiled.flat_state()[0].copy()
    for k in range(steps):
        tiled.run(1)
        after = tiled.flat_state()[0].copy()
        counts[k] = np.rint(after - before)
        before = after
    size = n * steps
    assert abs(counts.mean() - mean) < 4 * np.sqrt(mean / size)
    assert abs(counts.var() - mean) < 4 * np.sqrt((mean + 2 * mean**2) / size)
    law = stats.poisson(mean)
    expected = size * np.append(law.pmf(range(7)), law.sf(6))
    assert (
        stats.chisquare(np.bincount(np.minimum(counts.astype(int).ravel(), 7)), expected).pvalue
        > 1e-3
    )
    for shifted in (counts[1:] * 1, np.roll(counts, 1, axis=1)[1:]):
        r = np.corrcoef(counts[:-1].ravel(), shifted.ravel())[0, 1]
        assert abs(r) < 4 / np.sqrt(size)


def test_stimuli_have_streams_of_their_own(engine_backend):
    """Two equal stimuli onto one population are not one stimulus twice."""
    sums = LIF(tau_mem=1e9, v_threshold=1e9, input="voltage")
    stimulus = PoissonInput("A", 8.0, 1600, 1.0)
    net = Network((Population(500, sums, "A"),), stimuli=(stimulus, stimulus))
    tiled = Tiled(net, 1, 1, engine_backend)
    tiled.run(1)
    counts = np.rint(tiled.flat_state()[0]).astype(int)
    assert (counts % 2 == 1).any()


@pytest.mark.parametrize("cores", [1, 2, 5])
def test_threads_meet_and_their_number_does_not_matter(monkeypatch, cores):
    """Several tiles a thread, and more threads than cores: they give way to each other."""
    import numba

    monkeypatch.setattr(numba.config, "NUMBA_NUM_THREADS", cores)
    for interval in (1, 8):
        tiled = Tiled(late(), 9, 8, "numba")
        found = [fired for _ in range(4) for fired in tiled.run(15, interval=interval)]
        assert found == Tiled(late()).run(60)


def test_threads_that_wait_in_vain_give_up(monkeypatch):
    """One cannot begin; the others, inside compiled code, come back, and the error is told."""
    import numba

    from cusnn.backends.numba_cpu import network

    advance, seen = network.advance_tiles, []

    def fails(worker, *arguments):
        if worker == 1:
            raise OSError("no thread")
        seen.append(advance(worker, *arguments))
        return seen[-1]

    monkeypatch.setattr(numba.config, "NUMBA_NUM_THREADS", 3)
    monkeypatch.setattr(network, "advance_tiles", fails)
    tiled = Tiled(late(), 3, 3, "numba")
    with pytest.raises(OSError, match="no thread"):
        tiled.run(15)
    assert seen == [-1, -1]


@pytest.mark.parametrize("error", [RuntimeError("can't start new thread"), KeyboardInterrupt()])
def test_threads_that_have_begun_give_up_where_others_cannot_start(monkeypatch, error):
    """The task waits for ever unless it is told."""
    from cusnn.backends.numba_cpu import network_threads

    class Pool(ThreadPoolExecutor):
        def submit(self, function, worker):
            if worker == 2:
                raise error
            return super().submit(function, worker)

    monkeypatch.setattr(network_threads, "ThreadPoolExecutor", Pool)
    told, ended = threading.Event(), []

    def task(worker):
        assert told.wait(60)
        ended.append(worker)

    with pytest.raises(type(error)):
        network_threads.together(task, 3, told.set)
    assert ended == [1]


def test_networks_that_run_at_once(monkeypatch):
    """Each with threads of its own, more than there are cores."""
    import numba

    monkeypatch.setattr(numba.config, "NUMBA_NUM_THREADS", 3)
    with ThreadPoolExecutor(3) as pool:
        seeds = range(4, 8)
        found = list(pool.map(lambda seed: Tiled(late(seed), 3, 3, "numba").run(60), seeds))
    assert found == [Tiled(late(seed)).run(60) for seed in seeds]


def test_flags_are_ordered_in_memory():
    """Plain ones would do on x86, where the tests run, and not on ARM."""
    import numba

    from cusnn.backends.numba_cpu.network_meeting import publish, published

    @numba.njit
    def swap(flags, value):
        publish(flags, 0, value)
        return published(flags, 1)

    flags = np.array([3, 5])
    assert (swap(flags, 7), flags.tolist()) == (5, [7, 5])
    (code,) = swap.inspect_llvm().values()
    assert re.search(r"store atomic i64 .* release, align 8", code)
    assert re.search(r"load atomic i64, .* acquire, align 8", code)


def test_errors():
    net = late()
    planned = plan(net)
    call = lambda **options: engine.network_build(  # noqa: E731
        planned.build,
        **{
            "n_neurons": net.size,
            "tiles": 1,
            "longest": planned.longest,
            "states": 3,
            "seed": 1,
            **options,
        },
    )
    with pytest.raises(ValueError, match="tiles must be at least 1"):
        call(tiles=0)
    with pytest.raises(ValueError, match="does not run on CUDA yet; use backend='numba'"):
        call(backend="cuda")
    with pytest.raises(ValueError, match="backend must be one of numpy, numba, cuda"):
        call(backend="opencl")
    crowd = plan(Network((Population(2 * 65_536 + 1, CubaLIF(), "A"),)))
    with pytest.raises(ValueError, match="tiles must be at least 3, so that none has more than"):
        engine.network_build(
            crowd.build, n_neurons=2 * 65_536 + 1, tiles=2, longest=1, states=3, seed=1
        )
    for interval in (0, planned.longest + 2):
        with pytest.raises(ValueError, match="interval must be 1 to 23"):
            Tiled(net).run(3, interval=interval)
    tiled = Tiled(net)
    with pytest.raises(ValueError, match="must hold the 22 steps before the first"):
        engine.network_advance(
            tiled.tables,
            tiled.state,
            np.zeros(9, np.int32),
            np.zeros(9, np.int64),
            seed=1,
            first_step=0,
            interval=1,
        )
    tiled.state = tiled.state.astype(np.float64)
    with pytest.raises(TypeError, match="state must be float32"):
        tiled.run(1)


def test_numba_is_the_default(monkeypatch):
    assert engine.chosen_backend() == "numba"
    monkeypatch.setenv("CUSNN_BACKEND", "numpy")
    assert engine.chosen_backend() == "numpy"
    assert set(BACKENDS) == {name for name in dispatch.BACKENDS if name != "cuda"}
