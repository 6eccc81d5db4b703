"""Runs: known spike times, stretches, resets, threads, interrupts, memory, files."""

import math
import signal
import threading

import numba
import numpy as np
import pytest

from cusnn.backends.numba_cpu import network as numba_network
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
)
from cusnn.neurons import LIF, CobaLIF, CubaLIF
from cusnn.simulation import (
    Result,
    Simulation,
    default_threads,
    layouts,
    memory,
    memory_estimate,
    pace,
    plan,
    simulate,
)

ONCE = LIF(tau_mem=1e6, v_threshold=1.0, v_reset=0.0, t_refractory=1000.0, input="voltage")


@pytest.fixture(params=("numpy", "numba"))
def engine_backend(request):
    return request.param


def busy(seed=2, poisson=True):
    """Some 300 neurons, of which many fire, with delays of 1 to 60 steps."""
    return Network(
        (
            Population(203, CubaLIF(i_offset=520.0), "E", v=Normal(-58.0, 5.0)),
            Population(51, CubaLIF(i_offset=520.0), "I", v=Normal(-58.0, 5.0)),
        ),
        (
            Projection(
                "E",
                "E",
                FixedTotalNumber(4000),
                Normal(88.0, 9.0, low=0.0),
                Normal(1.5, 0.75, low=0.05),
            ),
            Projection("E", "I", FixedInDegree(30), Normal(88.0, 9.0, low=0.0), 1.5),
            Projection("I", "E", FixedInDegree(10), -350.0, Normal(0.8, 0.4, low=0.05)),
        ),
        (PoissonInput("E", 8.0, 400, 88.0),) if poisson else (),
        seed=seed,
    )


def bits(result):
    return result.steps.tobytes(), result.neurons.tobytes()


@pytest.fixture(scope="module")
def whole():
    """One run of 30 ms on one thread, to compare others with."""
    result = Simulation(busy(), threads=1).run(30.0)
    assert result.neurons.size > 300
    return result


@pytest.mark.parametrize("delay", [1, 2, 3, 17, 70])
def test_a_spike_arrives_after_its_delay(engine_backend, delay):
    """The source fires in step 0. A jump makes its target fire in step d, a current in d + 1."""
    net = Network(
        (
            Population(1, ONCE, "source", v=2.0),
            Population(1, ONCE, "jump"),
            Population(1, CubaLIF(t_refractory=1000.0), "current"),
        ),
        (
            Projection("source", "jump", OneToOne(), 1.5, delay * 0.1),
            Projection("source", "current", OneToOne(), 1e6, delay * 0.1),
        ),
    )
    result = Simulation(net, backend=engine_backend, threads=2).run(10.0)
    assert result.steps.tolist() == [0, delay, delay + 1]
    assert result.neurons.tolist() == [0, 1, 2]
    np.testing.assert_allclose(result.times, [0.1, 0.1 * (delay + 1), 0.1 * (delay + 2)])
    assert result.events == 2


def test_a_chain_and_its_loop(engine_backend):
    """A spike that runs round a ring of five neurons, one step further at each."""
    again = LIF(tau_mem=1e6, v_threshold=1.0, v_reset=0.0, input="voltage")
    delays = np.array([1, 2, 3, 4, 5])
    ring = FromList(np.arange(5), (np.arange(5) + 1) % 5, delays=delays * 1.0)
    net = Network(
        (Population(5, again, "ring"), Population(1, ONCE, "start", v=2.0)),
        (
            Projection("ring", "ring", ring, 1.5, 1.0),
            Projection("start", "ring", FromList([0], [0]), 1.5, 1.0),
        ),
        dt=1.0,
    )
    result = Simulation(net, backend=engine_backend, threads=3).run(40.0)
    expected, step, neuron = [(0, 5)], 1, 0
    while step < 40:
        expected.append((step, neuron))
        step, neuron = step + int(delays[neuron]), (neuron + 1) % 5
    assert list(zip(result.steps.tolist(), result.neurons.tolist(), strict=True)) == expected


def test_two_spikes_that_meet_add_up(engine_backend):
    """Each alone is too weak; only where both arrive in one step does the target fire."""
    net = Network(
        (
            Population(2, ONCE, "sources", v=2.0),
            Population(2, LIF(tau_mem=0.1, input="voltage"), "t"),
        ),
        (
            Projection(
                "sources",
                "t",
                FromList([0, 1, 0, 1], [0, 0, 1, 1], delays=[0.5, 0.5, 0.5, 0.6]),
                0.6,
                1.0,
            ),
        ),
    )
    result = Simulation(net, backend=engine_backend, threads=2).run(2.0)
    assert result.spikes_of("t")[1].tolist() == [0]
    assert result.steps.tolist() == [0, 0, 5]


@pytest.mark.parametrize("threads", [1, 2, 3, 5])
@pytest.mark.parametrize("backend", ["numpy", "numba"])
def test_spikes_do_not_depend_on_backend_or_threads(whole, backend, threads):
    if backend == "numpy" and threads > 1:
        threads += 1
    result = Simulation(busy(), backend=backend, threads=threads).run(12.0)
    n = np.searchsorted(whole.steps, 120)
    np.testing.assert_array_equal(result.steps, whole.steps[:n])
    np.testing.assert_array_equal(result.neurons, whole.neurons[:n])


def test_sorted_by_time_then_neuron(whole):
    order = np.lexsort((whole.neurons, whole.steps))
    np.testing.assert_array_equal(order, np.arange(order.size))


@pytest.mark.parametrize("parts", [(13.3, 16.7), (0.1, 29.9), (0.0, 10.0, 0.3, 0.1, 19.6)], ids=str)
def test_stretches_add_up(whole, parts):
    simulation = Simulation(busy(), threads=2)
    results = [simulation.run(part) for part in parts]
    steps = np.concatenate([result.steps for result in results])
    np.testing.assert_array_equal(steps, whole.steps)
    assert bits(simulation.result()) == bits(whole)
    assert sum(result.events for result in results) == whole.events == simulation.result().events
    begins = np.cumsum([0, *(round(part / 0.1) for part in parts)])
    assert [result.first_step for result in results] == begins[:-1].tolist()
    assert sum(result.n_steps for result in results) == 300


def test_calls_of_any_length(whole, monkeypatch):
    for seconds, most in ((0.0, 1), (1e9, 10**6), (1e9, 3)):
        monkeypatch.setattr(pace, "SECONDS_PER_CALL", seconds)
        monkeypatch.setattr(pace, "MOST_STEPS_PER_CALL", most)
        assert bits(Simulation(busy(), threads=2).run(30.0)) == bits(whole)


def paced(seconds, free, calls=60):
    """Steps and threads of each call, where a step on n threads takes ``seconds[n]``."""
    paces, done = pace.Pace(2, free), []
    for _ in range(calls):
        steps, threads = paces.next_call()
        done.append((steps, threads))
        paces.took(threads, seconds[threads])
    return done


def test_calls_take_a_tenth_of_a_second_and_the_faster_number_of_threads():
    for seconds, best in (({1: 2e-3, 2: 1e-3}, 2), ({1: 1e-3, 2: 5e-3}, 1)):
        done = paced(seconds, free=True)
        threads = [threads for _, threads in done]
        assert threads[:2] == [2, 2]
        assert threads[2] == 1
        assert threads[2:].count(best) >= 48
        assert threads[20:].count(3 - best) >= 2
        assert 0.05 <= done[50][0] * seconds[best] <= 0.2
        assert [t for _, t in paced(seconds, free=False)] == [2] * 60
    paces = pace.Pace(2, free=True)
    for call in range(12):  # the first call on two threads is slow, for nothing is in the caches
        _, threads = paces.next_call()
        paces.took(threads, 9e-3 if call == 0 else {1: 2e-3, 2: 1e-3}[threads])
    assert threads == 2 or paces.next_call()[1] == 2
    paces = pace.Pace(2, free=True)
    chosen = []
    for _ in range(7):  # to start the second thread takes as long as a short call
        steps, threads = paces.next_call()
        paces.took(threads, {1: 8e-6, 2: 5e-6 + 5e-3 / steps}[threads])
        chosen.append(threads)
    assert chosen.count(2) == 5
    # What was not tried yet gets a quarter of a call, however long calls are by then.
    short = paced({1: 7e-6, 2: 5e-6}, free=True, calls=12)
    assert sum(steps for steps, n in short if n == 1) < 0.2 * sum(steps for steps, _ in short)
    assert paced({2: 3.0}, free=False)[-1] == (1, 2)
    assert paced({2: 1e-9}, free=False)[-1] == (pace.MOST_STEPS_PER_CALL, 2)


def test_what_builds_has_been_compiled(monkeypatch):
    """Before the build is timed, though the network that is tried has no projections."""
    seen = {}

    def note(name):
        function, kinds = getattr(numba_network, name), seen.setdefault(name, [])

        def noting(*arguments):
            kinds.append([numba.typeof(one) for one in arguments])
            return function(*arguments)

        monkeypatch.setattr(numba_network, name, noting)

    for name in ("own_synapses", "accumulate_rows", "restore_offsets", "initial_values"):
        note(name)
    listed = FromList([0, 1], [2, 3], weights=[80.0, 90.0], delays=[0.1, 0.3])
    net = Network(
        (Population(9, CubaLIF(), "E", v=Normal(-58.0, 5.0)),),
        (
            Projection("E", "E", listed, 80.0, 0.1),
            Projection("E", "E", FixedInDegree(3), 80.0, 1.0),
        ),
    )
    simulate._compile(plan.plan(net), 1, "numba", None)
    compiled = {name: kinds[:] for name, kinds in seen.items()}
    Simulation(net, threads=1, backend="numba")
    for name, kinds in seen.items():
        assert len(kinds) > len(compiled[name]) > 0
        assert all(kind in compiled[name] for kind in kinds), name


def test_threads_may_change_between_calls(whole, monkeypatch):
    monkeypatch.setattr(pace, "NEURONS_PER_THREAD", 1)
    monkeypatch.setattr(pace, "MOST_STEPS_PER_CALL", 4)
    monkeypatch.setattr(pace, "CALLS_PER_TRIAL", 2)
    monkeypatch.setattr(pace.os, "sched_getaffinity", lambda _: {0, 1, 2}, raising=False)
    monkeypatch.setattr(pace, "_quota", lambda: math.inf)
    simulation = Simulation(busy())
    assert simulation.threads == 3
    assert bits(simulation.run(30.0)) == bits(whole)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_what_runs_has_been_compiled(threads, monkeypatch):
    """One tile and several are different code: that of the run is compiled before it is timed."""
    seen, advance = [], simulate.engine.network_advance

    def spy(tables, state, *args, **options):
        seen.append((state.shape[0] > 1, options["threads"] > 1))
        return advance(tables, state, *args, **options)

    monkeypatch.setattr(simulate.engine, "network_advance", spy)
    simulation = Simulation(busy(), threads=threads)
    assert len(seen) == 1
    simulation.run(1.0)
    assert set(seen) == {(threads > 1, threads > 1)}


def test_reset_begins_again(whole):
    simulation = Simulation(busy(), threads=2)
    simulation.run(7.7)
    simulation.reset()
    assert simulation.step == 0
    assert simulation.result().neurons.size == 0
    result = simulation.run(30.0)
    assert bits(result) == bits(whole)
    assert (result.first_step, result.events) == (0, whole.events)


def test_several_networks_in_turns(whole):
    """Two networks that take turns do not notice one another."""
    one, other = Simulation(busy(), threads=2), Simulation(busy(seed=3, poisson=False), threads=1)
    for _ in range(3):
        one.run(10.0)
        other.run(5.0)
    assert bits(one.result()) == bits(whole)
    alone = Simulation(busy(seed=3, poisson=False), threads=2).run(15.0)
    assert bits(other.result()) == bits(alone)
    assert bits(alone) != bits(whole)


def test_in_another_thread(whole):
    """Where signals cannot be caught, nothing is caught."""
    results = []
    worker = threading.Thread(
        target=lambda: results.append(Simulation(busy(), threads=2).run(30.0))
    )
    worker.start()
    worker.join()
    assert bits(results[0]) == bits(whole)


def test_room_for_spikes_grows(engine_backend, monkeypatch):
    """Everyone fires in every step, and each spike stays in flight for 20 steps."""
    monkeypatch.setattr(layouts, "ROOM_FOR_SPIKES", 0)
    fires = LIF(v_leak=9.0, v_threshold=1.0, reset="none", input="voltage")
    net = Network(
        (Population(30, fires, "E", v=9.0),),
        (Projection("E", "E", AllToAll(), 0.01, 2.0),),
    )
    result = Simulation(net, backend=engine_backend, threads=2).run(10.0)
    np.testing.assert_array_equal(result.steps, np.repeat(np.arange(100), 30))
    np.testing.assert_array_equal(result.neurons, np.tile(np.arange(30), 100))
    assert result.events == 80 * 900


def test_spikes_outlive_a_lack_of_memory(whole, monkeypatch):
    """Those that could not be sorted in are sorted in later, once."""
    monkeypatch.setattr(pace, "MOST_STEPS_PER_CALL", 50)
    simulation, calls, bincount = Simulation(busy(), threads=2), [], np.bincount

    def failing(*arguments, **options):
        calls.append(arguments)
        if len(calls) == 2:
            raise MemoryError
        return bincount(*arguments, **options)

    monkeypatch.setattr(np, "bincount", failing)
    with pytest.raises(MemoryError):
        simulation.run(30.0)
    assert 0 < simulation.step < 300
    simulation.run(30.0 - simulation.step * 0.1)
    assert bits(simulation.result()) == bits(whole)


def test_a_network_of_one_neuron_and_more_threads(engine_backend):
    net = Network((Population(1, CubaLIF(i_offset=600.0), "E"),))
    results = [Simulation(net, backend=engine_backend, threads=n).run(50.0) for n in (1, 4)]
    assert bits(results[0]) == bits(results[1])
    assert results[0].neurons.size > 1


def test_starting_voltages():
    v_leak = np.array([-70.0, -60.0, -49.0])
    net = Network(
        (
            Population(3, CubaLIF(v_leak=v_leak), "rest"),
            Population(2, CubaLIF(), "given", v=-50.0),
        ),
        dt=0.5,
    )
    simulation = Simulation(net, threads=2)
    expected = np.float32([-70.0, -60.0, -49.0, -50.0, -50.0])
    np.testing.assert_array_equal(simulation._layout.moment().state[0], expected)
    assert set(simulation.run(0.5).neurons.tolist()) <= {2, 3, 4}


def test_progress(whole):
    calls = []
    simulation = Simulation(busy(), threads=2)
    simulation.run(20.0, progress=lambda done, total: calls.append((done, total)))
    done = [call[0] for call in calls]
    assert done == sorted(done)
    assert calls[-1] == (pytest.approx(20.0), 20.0)
    calls.clear()
    simulation.run(10.0, progress=lambda done, total: calls.append((done, total)))
    assert calls[-1] == (pytest.approx(10.0), 10.0)
    assert bits(simulation.result()) == bits(whole)


@pytest.mark.parametrize("threads", [1, 2])
def test_progress_of_the_build(engine_backend, threads, monkeypatch):
    """Compiling, building, and on Numba every projection twice, by its share of the synapses."""
    monkeypatch.setattr(numba_network, "PIECE", 1)
    shares, net = [], busy()
    Simulation(net, backend=engine_backend, threads=threads, progress=shares.append)
    assert (shares[:2], shares[-1]) == ([0.0, 0.0], 1.0)
    assert shares == sorted(shares)
    passed = np.cumsum([net.synapses(projection) for projection in net.projections])
    halves = passed / net.n_synapses / 2
    expected = [*halves, *(halves + 0.5)] if engine_backend == "numba" else [1.0]
    np.testing.assert_allclose(shares[2:-1], expected)


@pytest.fixture
def short_calls(monkeypatch):
    """Calls of a few steps, and Ctrl-C as in a terminal: a shell's background jobs ignore it."""
    monkeypatch.setattr(pace, "MOST_STEPS_PER_CALL", 16)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("short_calls")
def test_ctrl_c_leaves_a_simulation_that_goes_on(whole):
    simulation = Simulation(busy(), threads=2)
    handler = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        simulation.run(30.0, progress=lambda done, total: signal.raise_signal(signal.SIGINT))
    assert signal.getsignal(signal.SIGINT) is handler
    assert 0 < simulation.step < 300
    so_far = simulation.result()
    assert so_far.n_steps == simulation.step
    n = np.searchsorted(whole.steps, simulation.step)
    np.testing.assert_array_equal(so_far.neurons, whole.neurons[:n])
    simulation.run(30.0 - 0.1 * simulation.step)
    assert bits(simulation.result()) == bits(whole)


@pytest.mark.usefixtures("short_calls")
def test_ctrl_c_in_the_last_call_is_not_lost():
    simulation = Simulation(busy(), threads=1)
    with pytest.raises(KeyboardInterrupt):
        simulation.run(0.5, progress=lambda done, total: signal.raise_signal(signal.SIGINT))
    assert simulation.step == 5


@pytest.mark.usefixtures("short_calls")
def test_an_ignored_ctrl_c_stays_ignored(whole):
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        simulation = Simulation(busy(), threads=2)
        result = simulation.run(30.0, progress=lambda *_: signal.raise_signal(signal.SIGINT))
    finally:
        signal.signal(signal.SIGINT, before)
    assert bits(result) == bits(whole)


@pytest.mark.usefixtures("short_calls")
def test_an_error_in_progress_leaves_a_simulation_that_goes_on(whole):
    def fail(done, total):
        raise OSError("the pipe is closed")

    simulation = Simulation(busy(), threads=2)
    with pytest.raises(OSError, match="pipe"):
        simulation.run(30.0, progress=fail)
    simulation.run(30.0 - 0.1 * simulation.step)
    assert bits(simulation.result()) == bits(whole)


def test_too_large_for_memory(monkeypatch):
    """Refused before anything is built, with what is needed and what is there."""
    monkeypatch.setattr(memory, "available_bytes", lambda: 3 * 10**9)
    monkeypatch.setattr(simulate.engine, "network_build", None)
    net = Network(
        (Population(100_000, CubaLIF(), "E"),),
        (Projection("E", "E", FixedTotalNumber(10**9), 1.0, 1.0),),
    )
    text = (
        r"Simulation: 100,000 neurons and 1,000,000,000 synapses need 4\.\d\d GB, "
        r"3\.00 GB are available; take a smaller scale"
    )
    with pytest.raises(MemoryError, match=text):
        Simulation(net)


def test_memory_where_the_system_does_not_say(monkeypatch):
    monkeypatch.setattr(memory, "available_bytes", lambda: None)
    assert Simulation(busy(), threads=1).run(0.1).n_steps == 1


def test_available_memory():
    available = memory.available_bytes()
    assert available is None or 2**24 < available < 2**50


def test_the_estimate_is_an_attribute():
    net = busy()
    for backend in ("numpy", "numba"):
        simulation = Simulation(net, backend=backend, threads=2)
        assert simulation.memory == memory_estimate(net, backend=backend, threads=2)
    assert memory_estimate(net) == memory_estimate(net, threads=default_threads(net))


@pytest.mark.parametrize(
    ("text", "threads"),
    [
        ("max 100000", 8),
        ("1600000 100000", 8),
        ("250000 100000", 3),
        ("200000 100000", 2),
        ("1000 50000", 1),
        ("", 8),
        (None, 8),
    ],
)
def test_containers_have_a_share_of_the_cores(monkeypatch, tmp_path, text, threads):
    """Of eight, by the quota of the control group."""
    monkeypatch.setattr(pace.os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    monkeypatch.setattr(pace, "CPU_QUOTA", tmp_path / "cpu.max")
    if text is not None:
        (tmp_path / "cpu.max").write_text(text + "\n")
    assert default_threads() == threads
    assert default_threads(Network((Population(10**6, CubaLIF(), "E"),))) == threads


def test_small_networks_get_fewer_threads(monkeypatch):
    monkeypatch.setattr(pace.os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    monkeypatch.setattr(pace, "_quota", lambda: math.inf)
    assert default_threads() == 8
    for size, threads in ((1, 1), (2999, 1), (3000, 2), (10**6, 8)):
        assert default_threads(Network((Population(size, CubaLIF(), "E"),))) == threads
    assert Simulation(busy()).threads == 1
    assert Simulation(busy(), threads=3).threads == 3


def test_what_a_result_tells():
    net = busy()
    simulation = Simulation(net, threads=2)
    result = simulation.run(20.0)
    assert result.duration == pytest.approx(20.0)
    assert result.n_neurons == 254
    assert result.rtf == pytest.approx(result.wall_s * 50)
    counts = np.zeros(254, int)
    late = np.zeros(254, int)
    for step, neuron in zip(result.steps, result.neurons, strict=True):
        counts[neuron] += 1
        late[neuron] += step >= 50
    np.testing.assert_array_equal(result.counts(), counts)
    np.testing.assert_array_equal(result.counts(5.0), late)
    assert result.rates()["I"] == pytest.approx(counts[203:].mean() / 0.02)
    assert result.rates(5.0)["E"] == pytest.approx(late[:203].mean() / 0.015)
    times, numbers = result.spikes_of("I")
    assert times.size == counts[203:].sum()
    assert 0 <= numbers.min() <= numbers.max() < 51
    about = result.about
    assert (about["backend"], about["threads"], about["seed"]) == ("numba", 2, 2)
    assert about["synapses"] == net.n_synapses
    assert about["build_s"] == simulation.build_s > 0
    assert about["run_cpu_s"] >= 0
    assert about["compile_s"] == simulation.compile_s >= 0
    with pytest.raises(ValueError, match="no population 'X', there are"):
        result.spikes_of("X")
    with pytest.raises(ValueError, match="leaves nothing of a stretch of 20 ms"):
        result.rates(20.0)
    with pytest.raises(ValueError, match="skip_ms must not be negative"):
        result.counts(-1.0)


def test_rates_of_a_later_stretch():
    """What is skipped is skipped from the stretch, not from time zero."""
    simulation = Simulation(busy(), threads=1)
    first, second = simulation.run(10.0), simulation.run(10.0)
    assert second.counts(0.0).sum() == second.neurons.size
    both = simulation.result()
    np.testing.assert_array_equal(both.counts(), first.counts() + second.counts())
    np.testing.assert_array_equal(both.counts(10.0), second.counts())


def test_save_and_load(tmp_path, whole):
    path = tmp_path / "spikes.npz"
    whole.save(path)
    back = Result.load(path)
    assert bits(back) == bits(whole)
    for name in ("slices", "dt", "first_step", "n_steps", "events", "wall_s", "about"):
        assert getattr(back, name) == getattr(whole, name), name
    with np.load(path) as file:
        assert file["neurons"].dtype == np.int32
    with pytest.raises(FileNotFoundError):
        Result.load(tmp_path / "nowhere.npz")
    other = tmp_path / "other.npz"
    np.savez(other, a=np.zeros(3))
    text = tmp_path / "text.npz"
    text.write_text("spikes")
    for path in (other, text):
        with pytest.raises(ValueError, match="is not a file of spikes of cusnn"):
            Result.load(path)


def test_an_empty_stretch():
    result = Simulation(busy(), threads=1).run(0.0)
    assert (result.n_steps, result.neurons.size, result.steps.size) == (0, 0, 0)
    assert np.isnan(result.rtf)


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: Simulation("net"), TypeError, "network must be a Network"),
        (lambda: Simulation(busy(), threads=0), ValueError, "threads must be an integer of 1"),
        (lambda: Simulation(busy(), threads=True), ValueError, "threads must be an integer"),
        (lambda: Simulation(busy(), threads=1.5), ValueError, "threads must be an integer"),
        (lambda: Simulation(busy(), backend="gpu"), ValueError, "backend must be one of"),
        (lambda: memory_estimate(busy(), backend="gpu"), ValueError, "backend must be one of"),
    ],
)
def test_bad_simulations(call, error, text):
    with pytest.raises(error, match=text):
        call()


@pytest.mark.parametrize(
    ("duration", "text"),
    [
        (-1.0, "at least 0, got -1.0"),
        (np.nan, "must be a number of ms"),
        (np.inf, "must be a number of ms"),
        ("5", "must be a number of ms"),
        (None, "must be a number of ms"),
        ([1.0], "must be a number of ms"),
        (0.25, "duration=0.25 ms must be a multiple of dt=0.1 ms"),
        (True, "must be a number of ms, at least 0, got True"),
        (np.array([1.0]), "must be a number of ms"),
        (np.array("1"), "must be a number of ms"),
        (1j, "must be a number of ms"),
        (1e30, "duration must be at most 4.61e.17 ms, for no more .* counted, got 1e.30 ms"),
        (10**400, "duration must be at most 4.61e.17 ms"),
    ],
)
def test_bad_durations(duration, text):
    simulation = Simulation(busy(), threads=1)
    simulation.run(np.array(0.1))
    with pytest.raises(ValueError, match=text):
        simulation.run(duration)
    assert simulation.step == 1


def test_more_is_skipped_than_there_is(whole):
    assert whole.counts(30.0).sum() == 0
    for skip in (30.2, 1e300, np.inf):
        for call in (whole.counts, whole.rates):
            with pytest.raises(ValueError, match=r"skip_ms=.* leaves nothing of .* 30 ms"):
                call(skip)
    with pytest.raises(ValueError, match=r"rates: skip_ms=30\.0 leaves nothing"):
        whole.rates(30.0)
    for skip in ("a", None, True):
        with pytest.raises(TypeError, match=f"counts: skip_ms must be a number .* got {skip!r}"):
            whole.counts(skip)


def test_a_result_says_what_it_is(whole):
    assert repr(whole) == f"<Result of 30 ms: {whole.steps.size:,} spikes of 254 neurons>"


def diverging():
    """Conductances of 500 / ms and more: the midpoint rule diverges within 10 ms of dt = 0.1 ms."""
    return Network(
        (
            Population(2, LIF(v_threshold=1e9, input="voltage"), "calm"),
            Population(9, CobaLIF(), "driven"),
        ),
        (),
        PoissonInput("driven", 1000.0, 10, 1000.0, start=5.0),
    )


def test_voltages_that_are_no_numbers_end_a_run(engine_backend, tmp_path):
    """What was simulated stays, and so does the last checkpoint."""
    simulation = Simulation(diverging(), backend=engine_backend, threads=2, record={"driven": "v"})
    text = r"voltages of \d neurons, the first in 'driven', .* at [\d.]+ ms: .*; take a smaller dt"
    path = tmp_path / "run.npz"
    with pytest.raises(ValueError, match=text):
        simulation.run(500.0, checkpoint=path, checkpoint_every=1.0)
    result = simulation.result()
    assert 50 < simulation.step < 5000
    assert result.n_steps == simulation.step
    v = result.states["driven"]["v"]
    assert not np.isfinite(v[-1]).all()
    before = Simulation.load(path, backend=engine_backend)
    assert 50 <= before.step < simulation.step
    assert np.isfinite(v[: before.step]).all()
    with pytest.raises(ValueError, match=text):
        simulation.run(0.1)


def test_too_many_synapses_for_a_neuron():
    """The cause is named: neither the weights nor the logarithm of a negative number."""
    for number in (10**9, 10**10, 10**11):
        net = Network(
            (Population(10, CubaLIF(), "E"),),
            (Projection("E", "E", FixedTotalNumber(number), 1.0, 1.0),),
        )
        with pytest.raises(ValueError, match=r"'E': too many synapses per neuron: \d+,"):
            plan.plan(net)
        assert memory_estimate(net) > 4 * number


def test_advice_on_memory_names_the_smaller_backend(monkeypatch):
    net = Network(
        (Population(1000, CubaLIF(), "E"),),
        (Projection("E", "E", FixedTotalNumber(10**8), 1.0, 1.0),),
    )
    monkeypatch.setattr(memory, "available_bytes", lambda: 10**9)
    with pytest.raises(MemoryError, match=r"take backend numba, which needs 0\.6\d GB$"):
        Simulation(net, backend="numpy", threads=1)


def test_no_network_and_absurd_numbers_of_threads(monkeypatch):
    monkeypatch.setattr(pace, "default_threads", lambda *_: 2)
    for make in (Simulation, memory_estimate):
        with pytest.raises(TypeError, match=f"{make.__name__}: network must be a Network, got"):
            make(None)
        with pytest.raises(ValueError, match=f"{make.__name__}: threads must be .* 1 to 256, got"):
            make(busy(), threads=257)
    monkeypatch.setattr(pace, "default_threads", lambda *_: 100)
    assert pace.most_threads() == 400


def test_a_simulation_says_what_it_is():
    simulation = Simulation(busy(), backend="numpy", threads=1)
    simulation.run(0.2)
    for text in ("neurons and", "backend 'numpy', threads 1, at 0.2 ms"):
        assert text in repr(simulation)
