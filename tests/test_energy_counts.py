"""Counts are those that a pencil makes: spike by spike, synapse by synapse."""

import itertools
import json

import numpy as np
import pytest
from by_hand import synapses_by_hand, words_by_hand
from conftest import use_emulator
from scipy import sparse, stats

from cusnn.backends.cuda import network as cuda_network
from cusnn.data.values import Values
from cusnn.energy import (
    OpCounts,
    Placement,
    Workload,
    count_conventional,
    count_input_spikes,
    count_layer,
    count_model,
    count_neurons,
    count_plasticity,
    count_product,
    count_run,
    metrics,
)
from cusnn.energy.counts import COUNTS
from cusnn.network import (
    ConstantCurrent,
    FixedInDegree,
    FixedProbability,
    FixedTotalNumber,
    Network,
    Normal,
    PoissonInput,
    Population,
    Projection,
    RateProfile,
    SpikeTimes,
)
from cusnn.neurons import LIF, CubaLIF, Relay
from cusnn.ops import network_rings
from cusnn.ops.matmul import CSR
from cusnn.ops.network_draw import network_draw
from cusnn.ops.spikes import spike_pack
from cusnn.simulation import Record, Result, Simulation
from cusnn.simulation import stimuli as stimuli_of_runs
from cusnn.training import Readout, Sequential, SpikingDense, SpikingRecurrent

# ------------------------------------------------------------------ counts and workloads


def test_counts_are_exact_integers():
    counts = OpCounts(effective_acs=np.int32(2**31 - 1), dense=2**70, spikes=np.uint8(3))
    assert type(counts.effective_acs) is int
    assert type(counts.spikes) is int
    total = counts + counts
    assert (total.effective_acs, total.dense, total.spikes) == (2**32 - 2, 2**71, 6)
    assert total.synaptic_ops == 2**32 - 2
    more = OpCounts(effective_macs=5, neuron_updates_active=1, neuron_updates_idle=2)
    assert (more.synaptic_ops, more.neuron_updates) == (5, 3)


def test_what_was_not_counted_is_none_and_stays_so():
    known, unknown = OpCounts(hops=4, dense=3), OpCounts(effective_acs=None)
    assert unknown.synaptic_ops is None
    total = known + unknown
    assert (total.hops, total.dense, total.effective_acs, total.spikes) == (None, None, None, 0)
    read = OpCounts.from_dict({"spikes": 3})
    assert read.spikes == 3
    assert read.weight_bytes is None
    assert OpCounts.from_dict(known.to_dict()) == known


def test_hops_are_those_of_both_directions():
    assert OpCounts(hops_east_west=3, hops_north_south=4).hops == 7
    assert OpCounts(hops=9).hops_east_west is None
    with pytest.raises(ValueError, match="hops must be the sum of both directions, 7, got 8"):
        OpCounts(hops=8, hops_east_west=3, hops_north_south=4)


@pytest.mark.parametrize("name", COUNTS)
def test_refused_counts(name):
    with pytest.raises(ValueError, match=f"OpCounts: {name} must be at least 0, got -1"):
        OpCounts(**{name: -1})
    for value in (1.0, True, np.bool_(1), "3", np.float64(2.0), np.array([1, 2]), np.zeros(3)):
        with pytest.raises(TypeError, match=f"OpCounts: {name} must be "):
            OpCounts(**{name: value})


def test_counts_are_so_small_that_energies_are_numbers():
    most = OpCounts(effective_acs=2**127)
    assert most.effective_acs == 2**127
    for larger in (lambda: OpCounts(spikes=10**400), lambda: most + OpCounts(effective_acs=1)):
        with pytest.raises(ValueError, match=r"must be at most 2\^127, got"):
            larger()
    with pytest.raises(ValueError, match="wall_s must be finite, got an integer beyond floats"):
        workload(wall_s=10**400)


def test_impossible_counts():
    with pytest.raises(ValueError, match="7 effective operations cannot be more than the dense"):
        OpCounts(effective_acs=3, effective_macs=4, dense=6)
    with pytest.raises(ValueError, match="4 spikes in 3 updates are more than one spike"):
        OpCounts(spikes=4, neuron_updates_active=1, neuron_updates_idle=2)
    with pytest.raises(ValueError, match=r"unknown counts \['synops'\], known are effective_acs"):
        OpCounts.from_dict({"synops": 3})
    with pytest.raises(TypeError, match="counts must be a dict"):
        OpCounts.from_dict([3])


def workload(**changes):
    given = {
        "name": "digits",
        "parts": {
            "hidden": OpCounts(effective_acs=30, dense=200, spikes=8),
            "output": OpCounts(effective_macs=5, dense=100, spikes=1),
        },
        "neurons": 12,
        "synapses": 30,
        "steps": 2,
        "inferences": 5,
        "about": {"backend": "numpy"},
    }
    return Workload(**{**given, **changes})


def test_workload():
    done = workload()
    assert done.counts == OpCounts(effective_acs=30, effective_macs=5, dense=300, spikes=9)
    assert done.spikes_per_neuron_step == 9 / (12 * 2 * 5)
    assert done.spikes_per_synapse == 35 / (30 * 5)
    run = workload(inferences=None, model_time_ms=np.float32(0.5), wall_s=2)
    assert (run.spikes_per_neuron_step, run.spikes_per_synapse) == (9 / 24, 35 / 30)
    assert (type(run.model_time_ms), run.wall_s) == (float, 2.0)
    bare = workload(parts={"all": OpCounts(effective_acs=None, spikes=None)}, synapses=0)
    assert bare.spikes_per_neuron_step is None
    assert bare.spikes_per_synapse is None


def test_workload_files(tmp_path):
    path, done = tmp_path / "counts.json", workload(model_time_ms=1.5, inferences=None)
    done.save(path)
    assert Workload.load(path) == done
    stored = json.loads(path.read_text())
    assert stored["format"] == "cusnn-counts-1"
    assert stored["parts"]["hidden"]["hops"] is None
    path.write_text("{")
    with pytest.raises(ValueError, match="is not JSON"):
        Workload.load(path)
    with pytest.raises(FileNotFoundError):
        Workload.load(tmp_path / "none.json")
    with pytest.raises(ValueError, match="format must be 'cusnn-counts-1', got 'other'"):
        Workload.from_dict({**stored, "format": "other"})
    with pytest.raises(ValueError, match=r"unknown names \['joules'\], missing names \['steps'\]"):
        Workload.from_dict({k: v for k, v in stored.items() if k != "steps"} | {"joules": 1})
    with pytest.raises(TypeError, match="parts must be a dict"):
        Workload.from_dict({**stored, "parts": [1]})


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"name": ""}, TypeError, "name must be text"),
        ({"parts": {}}, ValueError, "parts must not be empty"),
        ({"parts": [OpCounts()]}, TypeError, "parts must be a dict"),
        ({"parts": {"a": 3}}, TypeError, "parts must be OpCounts by name, got 'a': 3"),
        ({"neurons": -1}, ValueError, "neurons must be at least 0"),
        ({"synapses": 2.0}, TypeError, "synapses must be an integer"),
        ({"steps": 0}, ValueError, "steps must be at least 1"),
        ({"inferences": 0}, ValueError, "inferences must be at least 1"),
        ({"model_time_ms": -1.0}, ValueError, "model_time_ms must be finite and at least 0"),
        ({"wall_s": float("nan")}, ValueError, "wall_s must be finite"),
        ({"wall_s": True}, TypeError, "wall_s must be a number"),
        ({"about": {"x": np.zeros(2)}}, TypeError, "about must be text and numbers by name"),
        ({"about": "x"}, TypeError, "about must be a dict"),
        (
            {"neurons": 4, "inferences": 1},
            ValueError,
            "9 spikes are more than one per neuron and step, which 4 neurons in 2 steps allow",
        ),
    ],
)
def test_refused_workloads(changes, error, message):
    with pytest.raises(error, match=message):
        workload(**changes)


# ------------------------------------------------------------------ networks


@pytest.fixture
def ran(backend, monkeypatch):
    """Name of each backend in turn; blocks and tiles of the emulated one are small."""
    if backend.id == "emulated":
        use_emulator(monkeypatch)
        monkeypatch.setattr(cuda_network, "ADVANCE_BLOCK", 32)
        monkeypatch.setattr(network_rings, "FEWEST_NEURONS", 16)
    return backend.name


def random_network(seed):
    """Populations that fire, under every kind of stimulus, joined at random."""
    rng = np.random.default_rng(seed)
    drive = Normal(-55.0, 5.0)
    times, who = rng.uniform(0.0, 3.0, 40), rng.integers(0, 7, 40)
    autapses, multapses = (bool(x) for x in rng.integers(0, 2, 2))
    return Network(
        (
            Population(int(rng.integers(20, 35)), CubaLIF(i_offset=520.0), "E", v=drive),
            Population(7, Relay(), "S"),
            Population(int(rng.integers(8, 15)), CubaLIF(i_offset=500.0), "I", v=drive),
        ),
        (
            Projection(
                "E", "E", FixedInDegree(5, multapses=multapses), 88.0, Normal(1.0, 0.5, low=0.05)
            ),
            Projection("E", "I", FixedProbability(0.4), Normal(88.0, 9.0, low=0.0), 0.7),
            Projection("I", "E", FixedTotalNumber(90), -350.0, Normal(0.4, 0.2, low=0.05)),
            Projection("I", "I", FixedProbability(0.3, autapses=autapses), -100.0, 0.1),
            Projection("S", "E", FixedTotalNumber(30), 300.0, 0.5),
            Projection("E", "E", FixedTotalNumber(20), 20.0, 2.2),
        ),
        (
            PoissonInput("E", RateProfile([0.0, 1.1, 2.0], [30.0, 90.0, 9.0]), 400, 88.0),
            ConstantCurrent("I", 300.0, start=0.4),
            SpikeTimes("S", who, times, 1.0),
            PoissonInput("I", 25.0, 90, 60.0, start=0.3, stop=1.9),
            SpikeTimes("I", who, times + 0.03, 30.0),
        ),
        seed=seed,
    )


def counted_by_hand(network, spikes, first, last):
    """Synaptic events by source and target population, every spike followed to every synapse."""
    home = [label for label, part in network.slices.items() for _ in range(part.stop - part.start)]
    leaving = {}
    for source, target, _, delay in synapses_by_hand(network):
        leaving.setdefault(source, []).append((target, delay))
    events = {}
    for step, neuron in spikes:
        for target, delay in leaving.get(neuron, ()):
            pair = f"{home[neuron]} -> {home[target]}"
            events[pair] = events.get(pair, 0) + (first <= step + delay < last)
    return events


def poisson_by_hand(network, first, last):
    """Spikes of stimuli by population, drawn word by word, from laws of scipy."""
    found = dict.fromkeys(network.slices, 0)
    for position, stimulus in enumerate(network.stimuli):
        part = network.slices.get(stimulus.population)
        if isinstance(stimulus, SpikeTimes):
            # A spike arrives in the step that ends at its time or next after it.
            steps = [max(int(np.ceil(t / network.dt - 1e-6)) - 1, 0) for t in stimulus.times]
            found[stimulus.population] += sum(first <= step < last for step in steps)
        if not isinstance(stimulus, PoissonInput):
            continue
        for step in range(first, last):
            rate = [rate for begin, rate in stimulus.pieces(network.dt) if begin <= step][-1]
            law = stats.poisson(rate * stimulus.sources * network.dt / 1000)
            limits = np.rint(law.cdf(range(60)) * 2**32)
            for neuron in range(part.start, part.stop):
                words = words_by_hand(network.seed, 3 << 24 | position, neuron, step >> 2)
                count = int((limits <= words[step & 3]).sum())
                found[stimulus.population] += count
    return found


@pytest.mark.parametrize("seed", [1, 2])
def test_counts_of_a_run_are_those_made_by_hand(ran, seed):
    """Of two stretches, spikes in flight from one to the other, and of both together."""
    network = random_network(seed)
    simulation = Simulation(network, backend=ran, threads=None if ran == "cuda" else 2)
    runs = [simulation.run(1.3), simulation.run(1.5)]
    whole = simulation.result()
    spikes = list(zip(whole.steps.tolist(), whole.neurons.tolist(), strict=True))
    sizes = {population.label: population.size for population in network.populations}
    assert len(spikes) > 40
    for result, first, last in zip([*runs, whole], (0, 13, 0), (13, 28, 28), strict=True):
        found = count_run(result, simulation, poisson=True, name="random")
        events = counted_by_hand(network, spikes, first, last)
        assert {n: c.effective_acs for n, c in found.parts.items() if "->" in n} == events
        inputs = poisson_by_hand(network, first, last)
        for label, part in network.slices.items():
            fired = sum(first <= s < last and part.start <= n < part.stop for s, n in spikes)
            updates = sizes[label] * (last - first)
            variables = {"E": 3, "S": 2, "I": 3}[label]
            assert found.parts[label] == OpCounts(
                dense=0,
                neuron_updates_active=fired,
                neuron_updates_idle=updates - fired,
                spikes=fired,
                input_spikes=inputs[label],
                state_bytes=2 * 4 * variables * updates,
            )
        n_synapses = len(synapses_by_hand(network))
        assert found.counts.effective_acs == result.events == sum(events.values())
        assert found.counts.dense == n_synapses * (last - first)
        assert found.counts.weight_bytes == 4 * result.events
        assert (found.neurons, found.synapses) == (network.size, n_synapses)
        assert found.steps == last - first
        assert found.model_time_ms == pytest.approx((last - first) * 0.1)
        plain = count_run(result, network)
        assert plain.counts.input_spikes is None
        assert plain.parts["S"] == found.parts["S"]
        assert plain.parts["all -> all"].effective_acs == result.events


def test_hops_are_those_made_by_hand(ran):
    network = random_network(3)
    rng = np.random.default_rng(3)
    cores = rng.integers(0, 4, (network.size, 2))
    simulation = Simulation(network, backend=ran, threads=None if ran == "cuda" else 2)
    result = simulation.run(2.0)
    found = count_run(result, simulation, placement=Placement(cores))
    onto = {(s, tuple(cores[t].tolist())) for s, t, _, _ in synapses_by_hand(network)}
    expected = {label: [0, 0] for label in network.slices}
    for neuron in result.neurons.tolist():
        label = next(k for k, part in network.slices.items() if part.start <= neuron < part.stop)
        for _, (x, y) in (pair for pair in onto if pair[0] == neuron):
            expected[label][0] += abs(x - int(cores[neuron][0]))
            expected[label][1] += abs(y - int(cores[neuron][1]))
    for label, (east_west, north_south) in expected.items():
        part = found.parts[label]
        assert (part.hops_east_west, part.hops_north_south) == (east_west, north_south)
    assert found.counts.hops == sum(sum(pair) for pair in expected.values()) > 0


def test_placement():
    packed = Placement.packed(7, 2, 3)
    assert packed.cores.tolist() == [[0, 0], [0, 0], [1, 0], [1, 0], [2, 0], [2, 0], [0, 1]]
    with pytest.raises(ValueError, match=r"cores must be \[N, 2\], got \[3\]"):
        Placement([1, 2, 3])
    with pytest.raises(ValueError, match="places must not be negative, got -1"):
        Placement([[0, -1]])
    with pytest.raises(TypeError, match="cores must be integers, got float64"):
        Placement([[0.0, 1.0]])
    with pytest.raises(ValueError, match="per_core must be at least 1, got 0"):
        Placement.packed(7, 0, 3)


def test_input_spikes_of_lists():
    times = np.repeat(0.1 * np.arange(1, 31), 7)
    stimulus = SpikeTimes("S", 1, times, 0.25)
    network = Network(Population(2, LIF(input="voltage"), "S"), stimuli=stimulus)
    assert count_input_spikes(network, 0, 30, backend="numpy").tolist() == [0, 210]
    assert count_input_spikes(network, 20, 4, backend="numpy").tolist() == [0, 28]
    assert count_input_spikes(network, 7, 0).tolist() == [0, 0]
    with pytest.raises(ValueError, match="backend must be one of numpy, numba, cuda, got 'nunpy'"):
        count_input_spikes(network, 0, 30, backend="nunpy")
    with pytest.raises(ValueError, match="first_step must be at least 0, got -1"):
        count_input_spikes(network, -1, 3)


@pytest.mark.parametrize("name", ["numpy", "numba", "cuda"])
def test_input_spikes_are_those_that_neurons_add_up(name, monkeypatch):
    """Of more neurons than a block, stimuli that overlap, calls that are cut, and rates that end.

    In the engine a neuron that forgets nothing and never fires adds up the spikes of weight 1.
    """
    counter = LIF(tau_mem=1e30, v_threshold=2.0**24, input="voltage")
    stimuli = (
        PoissonInput("A", RateProfile([0.0, 0.7, 1.3], [90.0, 20.0, 400.0]), 40, 1.0),
        PoissonInput("B", 700.0, 90, 1.0, start=0.2, stop=2.1),
        PoissonInput("A", 0.0, 9, 1.0),
        PoissonInput("A", 60.0, 3, 1.0),
        SpikeTimes("B", [2, 0, 2], [0.0, 1.4, 1.4], 1.0),
    )
    cells = (Population(700, counter, "A"), Population(3, counter, "B"))
    network = Network(cells, stimuli=stimuli, seed=2**32 - 1)
    every = [Record(label, "v", every=0.1) for label in network.slices]
    states = Simulation(network, backend="numpy", spikes=(), record=every).run(3.0).states
    sums = np.concatenate([states[label]["v"] for label in network.slices], axis=1)
    sums = np.concatenate([np.zeros((1, 703)), sums]).astype(np.int64)
    monkeypatch.setattr(stimuli_of_runs, "DRAWS_PER_CALL", 7 * 700)
    for first, last in ((0, 30), (5, 29), (6, 7), (6, 8), (13, 14)):
        found = count_input_spikes(network, first, last - first, backend=name)
        assert found.dtype == np.int64
        assert found.tolist() == (sums[last] - sums[first]).tolist()


def test_what_stimuli_bring_is_weighted():
    """Two channels, weights of both signs, levels that every word or no word reaches."""
    stimuli = np.array(
        [(0, 3, 50, 5, 0, 2, 0), (2, 2, 51, -7, 1, 2, 1), (3, 0, 52, 1, 0, 2, 0)], np.int64
    )
    thresholds = np.array([0, 2**31, 2**32 - 1], np.uint32)
    expected = np.zeros(5, np.int64)
    for step in range(3, 9):
        for first, size, stream, weight, lowest, number, _ in stimuli.tolist():
            for neuron in range(first, first + size):
                word = words_by_hand(7, stream, neuron, step >> 2)[step & 3]
                levels = thresholds[lowest : lowest + number].tolist()
                expected[neuron] += weight * sum(word >= level for level in levels)
    options = {"n_neurons": 5, "seed": 7, "first_step": 3, "steps": 6}
    for backend in ("numpy", "numba"):
        totals = network_draw(stimuli, thresholds, backend=backend, **options)
        assert totals.tolist() == expected.tolist()
    with pytest.raises(ValueError, match="network_draw: stimuli reach neuron 4, there are 4"):
        network_draw(np.array([(3, 2, 5, 1, 0, 2, 0)]), thresholds, **options | {"n_neurons": 4})


def test_a_run_whose_spikes_were_not_recorded():
    """Counts know of all spikes; those in flight are known now, and at the beginning of time."""
    network = random_network(4)
    recorded = Simulation(network, backend="numpy", threads=1)
    silent = Simulation(network, backend="numpy", threads=1, spikes=("S",))
    results = [(one.run(1.0), one) for one in (recorded, silent)]
    whole, parts = (count_run(result, simulation).parts for result, simulation in results)
    assert parts == whole
    later = silent.run(0.5)
    assert count_run(later, network).counts.effective_acs == later.events
    with pytest.raises(ValueError, match="the spikes before step 10 are not known"):
        count_run(later, silent)


def test_refused_runs():
    network = random_network(5)
    simulation = Simulation(network, backend="numpy", threads=1)
    result = simulation.run(0.2)
    with pytest.raises(ValueError, match="the result is of another network"):
        count_run(result, random_network(6))
    with pytest.raises(ValueError, match="the result has no steps"):
        count_run(simulation.run(0.0), simulation)
    with pytest.raises(ValueError, match="a placement needs the Simulation"):
        count_run(result, network, placement=Placement.packed(network.size, 4, 4))
    with pytest.raises(
        ValueError, match=f"has places for 3 neurons, the network has {network.size}"
    ):
        count_run(result, simulation, placement=Placement.packed(3, 4, 4))
    with pytest.raises(TypeError, match="takes the Network or Simulation that ran, got 'net'"):
        count_run(result, "net")
    with pytest.raises(TypeError, match="result must be a Result, got 3"):
        count_run(3, network)
    foreign = Result(result.steps, result.neurons, result.slices, result.dt, 0, 2)
    assert count_run(foreign, network).counts.effective_acs is None


# ------------------------------------------------------------------ operations and layers


def some_weights(rng, n, m):
    weights = rng.normal(size=(n, m)).astype(np.float32)
    return weights * (rng.random((n, m)) < 0.7)


def product_by_hand(inputs, weights):
    """Pairs of an input and a weight that are not 0, one by one."""
    rows = inputs.reshape(-1, weights.shape[0])
    return sum(
        int(rows[r, n] != 0 and weights[n, m] != 0)
        for r in range(len(rows))
        for n in range(weights.shape[0])
        for m in range(weights.shape[1])
    )


@pytest.mark.parametrize("n", [1, 32, 45])
def test_products(n):
    rng = np.random.default_rng(n)
    weights, spikes = some_weights(rng, n, 6), (rng.random((4, 3, n)) < 0.3).astype(np.uint8)
    spikes[spikes > 0] = rng.integers(1, 255, int(spikes.sum()))
    expected = product_by_hand(spikes, weights)
    found = count_product(spikes, weights)
    assert found == OpCounts(
        effective_acs=expected,
        dense=12 * n * 6,
        weight_bytes=4 * 6 * int(np.count_nonzero(spikes)),
    )
    assert count_product(spike_pack(spikes, backend="numpy"), weights) == found
    values = (spikes > 0) * rng.normal(size=spikes.shape).astype(np.float32)
    multiplied = OpCounts(effective_macs=expected, dense=12 * n * 6, weight_bytes=4 * 12 * n * 6)
    assert count_product(values, weights) == multiplied
    signs = np.sign(values)
    assert count_product(signs, weights).effective_acs == expected
    assert count_product(signs, weights).effective_macs == 0


def test_sparse_products():
    """Of sparse weights, dense are those that are stored, effective those that are not 0."""
    rng = np.random.default_rng(0)
    weights, spikes = some_weights(rng, 9, 5), (rng.random((20, 9)) < 0.4).astype(np.uint8)
    matrix = sparse.csr_array(weights)
    matrix.data[::3] = 0.0
    csr = CSR.from_scipy(matrix)
    found = count_product(spikes, csr)
    stored = np.diff(csr.indptr)
    assert found.effective_acs == product_by_hand(spikes, csr.to_dense()) > 0
    assert found.dense == 20 * csr.weights.size
    assert found.weight_bytes == 8 * int((spikes.sum(axis=0) * stored).sum())


@pytest.mark.parametrize("packed", [False, True])
def test_layers(packed):
    rng = np.random.default_rng(7)
    steps, samples, n, m = 5, 3, 8, 6
    weights, own = some_weights(rng, n, m), some_weights(rng, m, m)
    spikes_in = (rng.random((steps, samples, n)) < 0.4).astype(np.uint8)
    spikes = (rng.random((steps, samples, m)) < 0.4).astype(np.uint8)
    before = (rng.random((samples, m)) < 0.5).astype(np.uint8)
    neuron = CubaLIF()
    shift = np.concatenate([before[None], spikes[:-1]])
    forward = product_by_hand(spikes_in, weights)
    fired = int(spikes.sum())
    given = [spikes_in, spikes, before]
    if packed:
        given = [spike_pack(array, backend="numpy") for array in given]
    found = count_layer(given[0], weights, given[1], neuron, outside=True)
    updates = steps * samples * m
    assert found == OpCounts(
        effective_acs=forward,
        dense=steps * samples * n * m,
        neuron_updates_active=fired,
        neuron_updates_idle=updates - fired,
        spikes=fired,
        input_spikes=int(spikes_in.sum()),
        weight_bytes=4 * m * int(spikes_in.sum()),
        state_bytes=8 * 3 * updates,
    )
    for first, backwards in ((before, given[2]), (0 * before, None)):
        both = count_layer(given[0], weights, given[1], neuron, recurrent=own, before=backwards)
        shift[0] = first
        assert both.effective_acs == forward + product_by_hand(shift, own)
        assert both.dense == steps * samples * (n + m) * m
        assert both.weight_bytes == 4 * m * int(spikes_in.sum() + shift.sum())
        assert (both.spikes, both.input_spikes) == (fired, 0)


def test_a_product_that_is_the_same_in_all_steps_is_made_once():
    rng = np.random.default_rng(8)
    values, weights = rng.normal(size=(3, 8)).astype(np.float32), some_weights(rng, 8, 6)
    found = count_layer(values, weights, np.zeros((5, 3, 6), np.uint8), LIF(), outside=True)
    assert found.effective_macs == product_by_hand(values, weights)
    assert (found.dense, found.input_spikes) == (3 * 8 * 6, 0)
    assert found.neuron_updates_idle == 5 * 3 * 6


def test_neurons_that_never_spike():
    membranes = np.ones((5, 3, 6), np.float32)
    assert count_neurons(membranes, LIF()) == OpCounts(
        dense=0, neuron_updates_idle=90, state_bytes=8 * 2 * 90
    )


@pytest.mark.parametrize("form", ["dense", "CSR"])
def test_plasticity(form):
    rng = np.random.default_rng(9)
    dense = some_weights(rng, 7, 5)
    pre, post = ((rng.random((30, k)) < 0.3).astype(np.uint8) for k in (7, 5))
    weights = CSR.from_dense(dense) if form == "CSR" else dense
    there = dense != 0 if form == "CSR" else np.ones_like(dense, bool)
    updates = sum(
        int(there[i, j]) * (int(pre[t, i]) + int(post[t, j]))
        for t in range(30)
        for i in range(7)
        for j in range(5)
    )
    assert count_plasticity(pre, post, weights) == OpCounts(
        dense=0, plasticity_updates=updates, weight_bytes=8 * updates, state_bytes=8 * 12 * 30
    )


def test_refused_arrays():
    spikes, weights = np.zeros((2, 3, 4), np.uint8), np.zeros((4, 5), np.float32)
    with pytest.raises(TypeError, match="inputs must be spikes, uint8, or uint32 as bits, or fl"):
        count_product(spikes.astype(np.int64), weights)
    with pytest.raises(ValueError, match=r"takes \[\.\.\., 4\] for 4 neurons, got \[2, 3, 4, 1\]"):
        count_product(spikes[..., None], weights)
    with pytest.raises(ValueError, match=r"takes \[\.\.\., 1\] for 4 neurons as bits"):
        count_product(spikes.astype(np.uint32), weights)
    with pytest.raises(ValueError, match=r"weights must be numbers \[N, M\], got float32 \[4\]"):
        count_product(spikes, weights[:, 0])
    with pytest.raises(TypeError, match=r"expected a NumPy or CuPy array, got builtins\.list"):
        count_product([1], weights)
    with pytest.raises(ValueError, match="have other steps or samples"):
        count_layer(spikes, weights, np.zeros((2, 2, 5), np.uint8), LIF())
    fired, own = np.zeros((2, 3, 5), np.uint8), np.zeros((5, 5), np.float32)
    with pytest.raises(ValueError, match=r"recurrent must be \[5, 5\], got \[4, 5\]"):
        count_layer(spikes, weights, fired, LIF(), recurrent=weights)
    with pytest.raises(ValueError, match=r"before must be of the shape of a step, \[3, 5\], got"):
        count_layer(spikes, weights, fired, LIF(), recurrent=own, before=fired)
    with pytest.raises(TypeError, match="fired must be spikes, uint8, or uint32 as bits, got"):
        count_layer(spikes, weights, fired.astype(np.float32), LIF(), recurrent=own)
    with pytest.raises(ValueError, match="bits need size"):
        count_neurons(spikes.astype(np.uint32), LIF())
    with pytest.raises(
        TypeError, match="spikes_post must be spikes, uint8, or uint32 as bits, got"
    ):
        count_plasticity(spikes, np.zeros((2, 3, 5), np.float32), weights)
    with pytest.raises(ValueError, match="spikes_pre have 6 steps, spikes_post 2"):
        count_plasticity(spikes, np.zeros((2, 5), np.uint8), weights)


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_what_is_no_number_is_refused(wrong):
    """It is not 0, and would count as active."""
    values, weights = np.ones((3, 4), np.float32), np.ones((4, 5), np.float32)
    bad, bad_weights = values.copy(), weights.copy()
    bad[0, 1] = bad[2, 3] = bad_weights[3, 4] = wrong
    text = "must be finite, got 2 of 12 that are NaN or infinite"
    with pytest.raises(ValueError, match=f"count_product: inputs {text}"):
        count_product(bad, weights)
    with pytest.raises(ValueError, match="count_product: weights must be finite, got 1 of 20"):
        count_product(values, bad_weights)
    with pytest.raises(ValueError, match=f"count_neurons: spikes {text}"):
        count_neurons(bad, LIF())
    own, fired = np.ones((5, 5), np.float32), np.zeros((1, 3, 5), np.uint8)
    own[0, 0] = wrong
    with pytest.raises(ValueError, match="count_layer: weights must be finite, got 1 of 25"):
        count_layer(values[None], weights, fired, LIF(), recurrent=own)
    with pytest.raises(ValueError, match="count_conventional: layer 1: output must be finite"):
        count_conventional([weights], values, biases=[np.full(5, wrong, np.float32)])
    with pytest.raises(ValueError, match=f"activation_sparsity: activations {text}"):
        metrics.activation_sparsity([bad])
    with pytest.raises(ValueError, match="connection_sparsity: weights must be finite"):
        metrics.connection_sparsity([bad_weights])
    with pytest.raises(ValueError, match=f"membrane_updates: membranes {text}"):
        metrics.membrane_updates([bad[:, None]])


# ------------------------------------------------------------------ models


def small_model(backend):
    layers = [
        SpikingRecurrent(8, 6, seed=1, name="hidden"),
        SpikingDense(6, 5, seed=2, name="second"),
        Readout(5, 3, seed=3, name="output"),
    ]
    for layer in layers:
        for name in ("weights", "recurrent"):
            if name in layer.parameters:
                layer.parameters[name][::2, 1] = 0.0
                layer.parameters[name] *= 2.0
    return Sequential(layers, backend=backend.name)


def test_models(backend):
    """A forward pass of each backend, counted and made again by hand."""
    rng = np.random.default_rng(4)
    dataset = Values(rng.random((7, 8)), np.arange(7) % 3, steps=6, peak=0.6)
    model = small_model(backend).to(backend.xp)
    found = count_model(model, dataset, batch_size=3, name="small")
    with dataset.batches(7) as batches:
        spikes = next(iter(batches)).spikes
    activities = [
        backend.numpy(one.spikes if one.spikes is not None else one.membrane)
        for one in model.forward(backend.array(spikes))
    ]
    weights = {name: backend.numpy(w) for name, w in model.parameters.items()}
    hidden, second = activities[:2]
    own = np.concatenate([0 * hidden[:1], hidden[:-1]])
    inputs = product_by_hand(spikes, weights["hidden.weights"])
    expected = {
        "hidden": inputs + product_by_hand(own, weights["hidden.recurrent"]),
        "second": product_by_hand(hidden, weights["second.weights"]),
        "output": product_by_hand(second, weights["output.weights"]),
    }
    assert {name: part.effective_acs for name, part in found.parts.items()} == expected
    assert min(expected.values()) > 0
    dense = {"hidden": 8 * 6 + 36, "second": 30, "output": 15}
    for name, each in dense.items():
        assert found.parts[name].dense == 6 * 7 * each
    fired = {"hidden": int(hidden.sum()), "second": int(second.sum()), "output": 0}
    assert {name: part.spikes for name, part in found.parts.items()} == fired
    assert found.counts.neuron_updates == 6 * 7 * (6 + 5 + 3)
    assert found.parts["hidden"].input_spikes == int(spikes.sum()) == found.counts.input_spikes
    assert (found.neurons, found.synapses) == (14, 8 * 6 + 36 + 30 + 15)
    assert (found.steps, found.inferences) == (6, 7)
    again = count_model(model, backend.array(spikes), name="small")
    assert again.counts == found.counts


def test_models_of_values():
    values = np.linspace(-1.0, 1.0, 24, dtype=np.float32).reshape(3, 8)
    model = Sequential([SpikingDense(8, 5, seed=1), Readout(5, 3, seed=2)], backend="numpy")
    found = count_model(model, values, steps=4)
    first, last = found.parts.values()
    assert (first.effective_macs, first.effective_acs) == (3 * 8 * 5, 0)
    assert (first.dense, last.dense) == (3 * 8 * 5, 4 * 3 * 15)
    assert (found.counts.input_spikes, found.steps, found.inferences) == (0, 4, 3)
    direct = Values(np.abs(values), [0, 1, 2], steps=4, encoding="direct")
    assert count_model(model, direct).parts["spikingdense0"].effective_macs == 3 * 8 * 5
    with pytest.raises(TypeError, match="model must be a Sequential"):
        count_model(3, values)


def test_conventional_networks():
    rng = np.random.default_rng(5)
    sizes = (7, 6, 5, 4)
    weights = [some_weights(rng, n, m) for n, m in itertools.pairwise(sizes)]
    biases = [rng.normal(size=6).astype(np.float32), None, rng.normal(size=4).astype(np.float32)]
    values = rng.normal(size=(9, 7)).astype(np.float32) * (rng.random((9, 7)) < 0.8)
    found = count_conventional(weights, values, biases=biases)
    for number, (weight, bias) in enumerate(zip(weights, biases, strict=True), 1):
        part = found.parts[f"layer {number}"]
        assert part.effective_macs == product_by_hand(values, weight)
        assert part.dense == 9 * weight.size
        assert part.weight_bytes == 4 * 9 * weight.size
        values = values @ weight + (0 if bias is None else bias)
        values = values if number == 3 else np.maximum(values, 0)
        assert part.neuron_updates_active == int(np.count_nonzero(values))
        assert part.neuron_updates == values.size
    assert (found.counts.spikes, found.counts.state_bytes, found.counts.effective_acs) == (0, 0, 0)
    assert (found.steps, found.inferences, found.neurons) == (1, 9, 15)
    with pytest.raises(ValueError, match="takes one layer or more, and a bias or None for each"):
        count_conventional(weights, values, biases=[None])
    with pytest.raises(ValueError, match=r"values must be floating point \[B, N\]"):
        count_conventional(weights, np.zeros((2, 3, 7), np.float32))


# ------------------------------------------------------------------ NeuroBench


def test_example_of_neurobenchs_documentation():
    """The product of its page on synaptic operations: 4 effective, 9 dense."""
    weights = np.array([[1.3, 0.0, -3.2], [0.0, 1.2, -5.1], [-1.1, 2.7, 0.0]])
    found = count_product(np.array([0.0, 1.3, -1.0]), np.ascontiguousarray(weights.T))
    assert (found.effective_macs, found.effective_acs, found.dense) == (4, 0, 9)


def test_examples_of_neurobenchs_own_tests():
    """Values of its tests/test_metrics.py: 1,125 and 2,150 MACs, 1,000 ACs; 583,900 bytes."""
    values = np.ones((1, 20), np.float32)
    values[:, :10] = 5.0
    for sizes, expected in (((20, 25, 25), 1125), ((20, 20, 25, 25, 25), 2150)):
        weights = [np.full(pair, 0.1, np.float32) for pair in itertools.pairwise(sizes)]
        found = metrics.synaptic_operations(count_conventional(weights, values))
        assert found == {"Effective_MACs": expected, "Effective_ACs": 0.0, "Dense": expected}
    spikes, weights = np.ones((10, 5, 20), np.uint8), np.full((20, 5), 0.1, np.float32)
    counts = count_layer(spikes, weights, np.zeros((10, 5, 5), np.uint8), LIF())
    found = metrics.synaptic_operations(Workload("snn", {"all": counts}, 5, 100, 10, inferences=5))
    assert found == {"Effective_MACs": 0.0, "Effective_ACs": 1000.0, "Dense": 1000.0}
    sizes = (20, 256, 256, 256, 35)
    parameters = [np.zeros(pair, np.float32) for pair in itertools.pairwise(sizes)]
    parameters += [np.zeros(size, np.float32) for size in sizes[1:]]
    # snnTorch keeps five numbers with each of the four layers of neurons.
    buffers = [np.zeros(5, np.float32)] * 4
    assert metrics.footprint(parameters + buffers) == 583_900
    assert metrics.parameter_count(parameters) == 145_955
    half = np.ones(20, np.float32)
    half[:10] = 0.0
    assert metrics.activation_sparsity([half, half]) == 0.5
    assert metrics.activation_sparsity([np.ones(20)]) == 0.0


def dyadic(n, m):
    i, j = np.ogrid[:n, :m]
    return (((3 * i + 5 * j) % 7 - 2) / 2).astype(np.float32)


def test_values_of_neurobench():
    """A model of snnTorch, for which neurobench 2.3.0 gave these values."""
    snn, torch = pytest.importorskip("snntorch"), pytest.importorskip("torch")
    sizes = (6, 5, 4)
    b, t, n = np.ogrid[:3, :8, :6]
    given = np.ascontiguousarray(((b + 2 * t + 3 * n) % 4 == 0).transpose(1, 0, 2), np.uint8)
    parts, spikes, membranes, inputs = {}, [], [], given
    for pair in itertools.pairwise(sizes):
        layer, membrane, steps = snn.Leaky(beta=0.5), torch.zeros(1), []
        for row in inputs.astype(np.float32) @ dyadic(*pair):
            steps.append(layer(torch.from_numpy(row), membrane))
            membrane = steps[-1][1]
        fired, voltages = (torch.stack(x).detach().numpy() for x in zip(*steps, strict=True))
        fired = fired.astype(np.uint8)
        parts[str(pair)] = count_layer(inputs, dyadic(*pair), fired, LIF())
        spikes.append(fired)
        membranes.append(voltages)
        inputs = fired
    assert [int(s.sum()) for s in spikes] == [53, 62]
    found = metrics.synaptic_operations(Workload("snn", parts, 9, 50, 8, inferences=3))
    assert found == {"Effective_MACs": 0.0, "Effective_ACs": 119.0, "Dense": 400.0}
    assert metrics.activation_sparsity(spikes) == 0.4675925925925926
    assert metrics.membrane_updates(membranes) == 64.0
    assert metrics.neuron_operations(membranes) == {
        "Effective Neuron Ops": 256.0,
        "Neuron Dense Ops": 288.0,
    }
    assert metrics.connection_sparsity([dyadic(6, 5), dyadic(5, 4)]) == 0.12
    assert metrics.connection_sparsity([CSR.from_dense(dyadic(6, 5)), dyadic(5, 4)]) == 0.12


@pytest.mark.parametrize(("biased", "macs", "sparsity"), [(False, 31.0, 0.4), (True, 30.0, 0.45)])
def test_values_of_neurobench_for_a_conventional_network(biased, macs, sparsity):
    """What neurobench 2.3.0 gave: a bias is no operation, but decides which outputs are 0."""
    i, j = np.ogrid[:4, :6]
    values = (((i + 2 * j) % 5 - 1) / 2).astype(np.float32)
    bias = np.array([0.5, -1.0, 0.0, 0.25, -0.75], np.float32) if biased else None
    found = count_conventional([dyadic(6, 5), dyadic(5, 4)], values, biases=[bias, None])
    assert metrics.synaptic_operations(found) == {
        "Effective_MACs": macs,
        "Effective_ACs": 0.0,
        "Dense": 50.0,
    }
    hidden = found.parts["layer 1"]
    assert hidden.neuron_updates_idle / hidden.neuron_updates == sparsity


def test_metrics_of_models_and_of_what_was_not_counted():
    model = Sequential([SpikingDense(8, 5, seed=1), Readout(5, 3, seed=2)], backend="numpy")
    activities = model.forward(np.ones((4, 2, 8), np.uint8))
    fired = activities[0].spikes
    assert metrics.activation_sparsity(activities) == 1.0 - fired.mean()
    assert metrics.footprint(model.parameters.values()) == 4 * (40 + 5 + 15 + 3)
    assert metrics.activation_sparsity([]) == 0.0
    unknown = Workload("x", {"a": OpCounts(effective_macs=None)}, 1, 1, 1)
    assert metrics.synaptic_operations(unknown) == {
        "Effective_MACs": None,
        "Effective_ACs": 0.0,
        "Dense": None,
    }
    with pytest.raises(TypeError, match="spikes as bits must be unpacked"):
        metrics.activation_sparsity([spike_pack(fired, backend="numpy")])
    with pytest.raises(ValueError, match="weights must hold one number or more"):
        metrics.connection_sparsity([])
    with pytest.raises(ValueError, match=r"membranes must be \[T, B, N\]"):
        metrics.membrane_updates([np.zeros((2, 3))])
    with pytest.raises(ValueError, match=r"all layers must have the same samples, got \[2, 3\]"):
        metrics.membrane_updates([np.zeros((1, 2, 1)), np.zeros((1, 3, 1))])
    with pytest.raises(ValueError, match=r"known are .*, got 'LIF', 'subtract'"):
        metrics.neuron_operations([np.zeros((1, 2, 1))], "LIF")
