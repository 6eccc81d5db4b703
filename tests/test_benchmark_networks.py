"""The benchmark of whole networks: what is compared, when a time is withheld, what is written."""

import json
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from typer.testing import CliRunner

from benchmarks import __main__ as command
from benchmarks import (
    nest_network,
    nest_reference,
    network_brian,
    network_rows,
    network_table,
    networks,
    scaling,
)
from cusnn.network import (
    FixedInDegree,
    FixedTotalNumber,
    Network,
    Normal,
    PoissonInput,
    Population,
    Projection,
    Uniform,
)
from cusnn.neurons import LIF, CubaLIF
from cusnn.validation import Reference, compare

ROW = network_rows.ROWS["microcircuit_0.1"]
ABOUT = {"cpu": "A CPU", "cores": 2, "memory_gib": 8.0, "commit": "abc", "dirty": True}
PROGRAMS = {name: name for name in networks.NAMES}


# ------------------------------------------------------------------ statistics


def test_statistics_by_hand():
    """Neuron 0 fires every 10 ms but for one step of 30 ms, neuron 2 twice, neuron 1 never."""
    times = [0.0, 10.0, 20.0, 50.0, 5.0, 95.0]
    neurons = [0, 0, 0, 0, 2, 2]
    slices = {"E": slice(0, 2), "I": slice(2, 3)}
    found = network_rows.statistics(times, neurons, slices, 100.0)
    assert found["E"]["rate_hz"] == pytest.approx(4 / 2 / 0.1)
    intervals = np.array([10.0, 10.0, 30.0])
    assert found["E"]["cv"] == pytest.approx(intervals.std() / intervals.mean())
    assert found["I"] == {"rate_hz": pytest.approx(20.0), "cv": None}


def populations(rate, cv=0.8):
    return {"E": {"rate_hz": rate, "cv": cv}}


@pytest.mark.parametrize(
    ("ours", "peer", "good"),
    [
        # sd 0.1 over five seeds; two numbers: t of 0.9975 with 4 degrees of freedom is 5.598,
        # which allows 5.598 * 0.1 * sqrt(1.2) = 0.613.
        ((9.9, 9.9, 10.0, 10.1, 10.1), 10.60, True),
        ((9.9, 9.9, 10.0, 10.1, 10.1), 10.63, False),
        ((9.9, 9.9, 10.0, 10.1, 10.1), 9.37, False),
        # No spread at all: 2 % are allowed.
        ((10.0,) * 5, 10.19, True),
        ((10.0,) * 5, 10.21, False),
        # A wide spread: not more than 20 %.
        ((8.0, 9.0, 10.0, 11.0, 12.0), 11.9, True),
        ((8.0, 9.0, 10.0, 11.0, 12.0), 12.1, False),
        ((10.0,) * 5, float("nan"), False),
    ],
)
def test_disagreements(ours, peer, good):
    found = network_rows.disagreements([populations(rate) for rate in ours], populations(peer))
    assert (not found) == good, found
    if not good:
        assert found[0].startswith("E rate_hz: ")


def test_cv_counts_too_and_must_be_defined_on_both_sides():
    ours = [populations(10.0)] * 3
    assert network_rows.disagreements(ours, populations(10.0, 0.7))[0].startswith("E cv: 0.7, ours")
    undefined = populations(10.0, None)
    assert network_rows.disagreements(ours, undefined) == ["E cv: not defined everywhere"]
    assert network_rows.disagreements([undefined] * 3, populations(10.0)) != []
    assert network_rows.disagreements([undefined] * 3, undefined) == []


def test_timed_are_those_that_agree():
    there = ["cusnn", "nest", "brian"]
    assert networks.timed(there, {"nest": [], "brian": []}) == there
    assert networks.timed(there, {"nest": ["rate"], "brian": []}) == ["cusnn", "brian"]
    assert networks.timed(there, {"nest": ["rate"], "brian": ["rate"]}) == []
    assert networks.timed(["cusnn"], {}) == ["cusnn"]


# ------------------------------------------------------------------ the series


class Runs:
    """Stands in for the processes: notes what is asked for, and answers."""

    def __init__(self, **rates):
        self.rates, self.calls, self.broken = rates, [], set()

    def __call__(self, program, task, environment):
        name = networks.key(task["simulator"], task["threads"])
        self.calls.append(("seed", task["seed"]) if task["record"] else (name, task["time_ms"]))
        assert program == task["simulator"]
        if name in self.broken:
            return {"error": "MemoryError: too much"}
        found = {
            "rtf": {"cusnn": 0.5, "nest": 20.0, "brian": 4.0}[task["simulator"]],
            "run_s": 0.5,
            "build_s": 1.0,
            "compile_s": 9.0 if "NUMBA_CACHE_DIR" in environment else 0.25,
            "peak_memory_bytes": 6_000_000,
        }
        if task["record"]:
            rate = self.rates.get(task["simulator"], 10.0)
            found["populations"] = populations(rate + 0.01 * task["seed"])
        return found


def series(path, runs, **options):
    return networks.Series(path / "networks.json", PROGRAMS, run=runs, **options)


def test_statistics_come_first_and_simulators_take_turns(tmp_path):
    runs = Runs()
    series(tmp_path, runs, repeat=2).row(ROW)
    seeds, timed = runs.calls[: ROW.seeds + 2], runs.calls[ROW.seeds + 2 :]
    assert seeds == [("seed", seed) for seed in (1, 2, 3, 4, 5, 1, 1)]
    names = ["cusnn 1", "cusnn 2", "cusnn auto", "nest 1", "nest 2", "brian 1", "brian 2"]
    assert timed == [(name, 1000.0) for name in names] * 2


def test_a_series_goes_on_where_it_was_cut(tmp_path):
    series(tmp_path, Runs(), repeat=1).row(ROW)
    runs = Runs()
    series(tmp_path, runs, repeat=1).row(ROW)
    assert runs.calls == []
    series(tmp_path, runs, repeat=2).row(ROW)
    assert len(runs.calls) == 7
    series(tmp_path, runs, repeat=1).row(ROW, again=True)
    assert len(runs.calls) == 7 + ROW.seeds + 2 + 7


def test_long_runs_of_peers_are_short_and_few(tmp_path):
    runs = Runs()
    series(tmp_path, runs, threads=(2,), repeat=3).row(network_rows.ROWS["microcircuit_1_dc"])
    timed = [call for call in runs.calls if call[0] != "seed"]
    assert timed.count(("nest 2", 200.0)) == 1
    assert timed.count(("cusnn 2", 1000.0)) == 3


def test_who_disagrees_is_not_timed(tmp_path):
    runs = Runs(nest=11.0)
    done = series(tmp_path, runs, repeat=1)
    done.row(ROW)
    assert not any(call[0].startswith("nest") for call in runs.calls)
    text = network_table.markdown(done.content | {"machine": ABOUT})
    assert "NEST: time withheld. E rate_hz: 11.01, ours 10.03" in text
    assert "20 (20 - 20)" not in text
    # Times of a file in which there are some all the same.
    done.content["rows"][ROW.name]["runs"]["nest 1"] = [runs("nest", task("nest"), {})]
    assert "20 (20 - 20)" not in network_table.markdown(done.content | {"machine": ABOUT})


def test_ours_is_withheld_where_all_peers_disagree(tmp_path):
    runs = Runs(cusnn=12.0)
    done = series(tmp_path, runs, repeat=1)
    done.row(ROW)
    assert all(call[0] == "seed" for call in runs.calls)
    text = network_table.markdown(done.content | {"machine": ABOUT})
    assert "| - | - | - | - | 25 times NEST |" in text


def task(simulator):
    return {"simulator": simulator, "threads": 1, "record": False, "seed": 1, "time_ms": 1000.0}


def test_a_run_that_fails_is_noted_and_tried_again(tmp_path):
    runs = Runs()
    runs.broken = {"brian 1"}
    done = series(tmp_path, runs, repeat=1)
    done.row(ROW)
    assert done.content["rows"][ROW.name]["runs"]["brian 1"][0]["error"].startswith("MemoryError")
    assert "Brian 2, 1 thread " not in network_table.markdown(done.content | {"machine": ABOUT})
    runs.broken, runs.calls = set(), []
    series(tmp_path, runs, repeat=1).row(ROW)
    assert runs.calls == [("brian 1", 1000.0)]


def test_table_by_hand(tmp_path):
    done = series(tmp_path, Runs(), repeat=1)
    done.absent = {}
    done.row(ROW)
    done.content["machine"] = ABOUT
    done.write()
    text, picture = network_table.write(tmp_path / "networks.json")
    lines = text.read_text().splitlines()
    assert "A CPU, 2 cores, 8 GiB" in lines[0]
    size = "microcircuit, scale 0.1, Poisson (7,717 neurons, 3.0 M synapses)"
    peer = "4 (Brian 2, 1 thread)"
    expected = f"| {size} | 0.5 (cusnn, 1 thread) | {peer} | 8 | 40 | 25 times NEST |"
    assert expected in lines
    title = "microcircuit, scale 0.1, Poisson"
    # 6 MB over 2,988,807 synapses; nine seconds with an empty cache.
    assert (
        f"| {title} | cusnn, own choice | 0.5 (0.5 - 0.5) | 1 | 1 | 9, then 0.25 | 0.01 | 2.0 |"
        in lines
    )
    assert picture.read_bytes()[:4] == b"\x89PNG"


def test_without_peers_the_table_says_so(tmp_path):
    done = series(tmp_path, Runs(), repeat=1, absent={"nest": "no NEST", "brian": "no Brian"})
    done.row(ROW)
    text = network_table.markdown(done.content | {"machine": ABOUT})
    assert "not compared, for no peer was there." in text
    assert "NEST was not run: no NEST." in text


def test_missing_peers_are_named_with_the_option(tmp_path):
    assert networks.missing("cusnn", "nowhere") is None
    assert "does not run" in networks.missing("nest", str(tmp_path / "python"))
    program = tmp_path / "python"
    program.write_text('#!/bin/sh\necho "ImportError: no such module" >&2\nexit 1\n')
    program.chmod(0o755)
    reason = networks.missing("brian", str(program))
    assert "cannot import brian2 (ImportError: no such module)" in reason
    assert "--brian-python" in reason
    program.write_text("#!/bin/sh\nexit 0\n")
    assert networks.missing("brian", str(program)) is None


def test_a_real_run_in_a_process_of_its_own():
    wanted = {"simulator": "cusnn", "scale": 0.02, "seed": 1, "threads": 1, "record": True}
    wanted["backend"] = "numpy"  # nothing to compile
    found = networks.child(sys.executable, wanted | {"warmup_ms": 50.0, "time_ms": 50.0}, {})
    assert "error" not in found, found
    assert found["rtf"] == pytest.approx(found["run_s"] / 0.05)
    assert (found["steps"], found["neurons"]) == (500, 1544)
    total = sum(
        found["populations"][label]["rate_hz"] * 0.05 * (part.stop - part.start)
        for label, part in network_rows.microcircuit(1, 0.02, "poisson").slices.items()
    )
    assert round(total) == found["spikes"] > 10
    assert found["peak_memory_bytes"] >= found["base_memory_bytes"] > 0
    broken = networks.child(sys.executable, {"row": "no such row", "seed": 1}, {})
    assert "no such row" in broken["error"]


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["networks", "--only", "nonsense"], "only must be of microcircuit_1_dc"),
        (["networks", "--threads", "1,x"], "threads must be numbers"),
        (["scaling", "--threads", "0"], "threads must be numbers"),
        (["scaling", "--scales", "big"], "scales must be numbers"),
    ],
)
def test_commands_refuse(arguments, error):
    done = CliRunner().invoke(command.app, arguments)
    assert done.exit_code == 2
    assert error in done.output


def test_commands_list_and_hand_on(tmp_path, monkeypatch):
    done = CliRunner().invoke(command.app, ["networks", "--list"])
    assert [line.split()[0] for line in done.output.splitlines()] == list(network_rows.ROWS)
    called = []
    monkeypatch.setattr(networks, "run", lambda *a, **b: called.append((a, b)))
    arguments = ["networks", "--only", "brunel", "--repeat", "5", "--threads", "2,1"]
    arguments += ["--nest-python", "other", "--out", str(tmp_path)]
    assert CliRunner().invoke(command.app, arguments).exit_code == 0
    ((out, rows), options) = called[0]
    assert (out, [row.name for row in rows]) == (tmp_path, ["brunel"])
    assert options["programs"]["nest"] == "other"
    assert options["programs"]["brian"] == sys.executable
    assert (options["threads"], options["repeat"], options["again"]) == ((2, 1), 5, False)


@pytest.mark.parametrize("row", network_rows.ROWS.values(), ids=lambda row: row.name)
def test_rows_are_networks_of_the_size_they_say(row):
    sizes = {"brunel": 12500, "cuba_4000": 4000, "cuba_40000": 40000, "cuba_40000_800": 40000}
    network = row.network(3)
    assert network.seed == 3
    assert network.dt == 0.1
    if row.name in sizes:
        assert network.size == sizes[row.name]
    else:
        # Every population is rounded by itself.
        assert network.size == pytest.approx(77169 * float(row.name.split("_")[1]), abs=4)
    if row.name == "cuba_40000_800":
        assert network.n_synapses == 32_000_000
        weights = sorted({projection.weight for projection in network.projections})
        assert weights == pytest.approx([-13.95, 1.62])


# ------------------------------------------------------------------ scaling


def scaling_runs(per_event, per_step):
    """Runs of which each event and step takes so long; 5 bytes a synapse over 1 MB."""
    content = {"machine": ABOUT, "rows": {}}
    for scale, events, neurons in ((0.1, 8e6, 7717), (0.5, 2e8, 38585), (1.0, 9e8, 77169)):
        seconds = per_event * events + per_step * neurons * 10_000
        synapses = round(events / 3)
        run = {
            "rtf": seconds,
            "run_s": seconds,
            "build_s": 1.0,
            "synaptic_events": events,
            "neurons": neurons,
            "steps": 10_000,
            "synapses": synapses,
            "peak_memory_bytes": 1_000_000 + 5 * synapses,
            "base_memory_bytes": 1_000_000,
            "memory_estimate_bytes": 250 + 4 * synapses,
            "base_estimate_bytes": 250,
        }
        content["rows"][f"{scale:g} 2"] = [run, run | {"run_s": 3 * seconds}, run]
    return content


def test_scaling_finds_what_an_event_and_a_step_cost(tmp_path):
    content = scaling_runs(1.5e-9, 2e-9)
    measured = scaling.rows(content)
    assert scaling.explained(measured) == pytest.approx((1.5e-9, 2e-9))
    row = measured[-1]
    assert row["bytes_per_synapse"] == pytest.approx(5.0)
    assert row["bytes_per_synapse_estimated"] == pytest.approx(4.0)
    assert row["bytes_moved"] == 4 * 9e8 + 24 * 77169 * 10_000
    assert row["gb_per_s"] == pytest.approx(row["bytes_moved"] / row["run_s"] / 1e9)
    (tmp_path / "scaling.json").write_text(json.dumps(content))
    text, picture = scaling.write(tmp_path / "scaling.json")
    assert "1.50 ns per synaptic event and 2.00 ns per neuron and step" in text.read_text()
    assert "(+0%)" in text.read_text()
    assert picture.read_bytes()[:4] == b"\x89PNG"


def test_scaling_explains_nothing_by_less_than_no_time():
    measured = scaling.rows(scaling_runs(1e-9, 0.0))
    for row in measured:
        row["run_s"] *= 1.0 + 0.2 * row["scale"]  # dearer where there are more events per neuron
    event, step = scaling.explained(measured)
    assert step == 0.0
    assert event == pytest.approx(1.12e-9, rel=0.1)
    assert scaling.explained(measured[:1]) is None


def test_scaling_takes_turns_and_goes_on(tmp_path):
    calls = []

    def run(program, task, environment):
        calls.append((task["scale"], task["threads"]))
        return {"run_s": 1.0, "build_s": 1.0}

    scaling.run(tmp_path, (0.1, 0.2), (1, 2), 2, run_task=run)
    assert calls == [(0.1, 1), (0.1, 2), (0.2, 1), (0.2, 2)] * 2
    scaling.run(tmp_path, (0.1, 0.2, 0.3), (1, 2), 2, run_task=run)
    assert calls[8:] == [(0.3, 1), (0.3, 2)] * 2


# ------------------------------------------------------------------ NEST


class Nodes(list):
    """A NodeCollection of NEST's, as far as it is used."""

    def tolist(self):
        return list(self)


class FakeNest:
    """Notes what it is asked to make and to join."""

    def __init__(self, threads=1):
        self.made, self.joined, self.copied, self.next = [], [], [], 1
        self.threads = threads
        self.random = SimpleNamespace(
            normal=lambda mean, sd: ("normal", mean, sd), uniform=lambda *ends: ("uniform", *ends)
        )
        self.math = SimpleNamespace(redraw=lambda drawn, low, high: ("redraw", drawn, low, high))

    def GetKernelStatus(self, name):
        return {"local_num_threads": self.threads}[name]

    def CopyModel(self, old, new):
        self.copied.append(new)

    def Create(self, model, n=1, parameters=None):
        nodes = Nodes(range(self.next, self.next + (n if isinstance(n, int) else 1)))
        self.next += len(nodes)
        self.made.append((model, n, parameters))
        return nodes

    def Connect(self, pre, post, rule, synapse):
        self.joined.append((list(pre), list(post), rule, synapse))


def small_network(**options):
    neuron = CubaLIF(i_offset=3.0, tau_syn_inh=2.0)
    return Network(
        populations=(
            Population(8, neuron, "E", v=Normal(-60.0, 5.0)),
            Population(4, neuron, "I", v=Uniform(-60.0, -50.0)),
        ),
        projections=(
            Projection("E", "E", FixedInDegree(3), weight=2.0, delay=1.5),
            Projection("E", "I", FixedInDegree(3), weight=2.0, delay=1.5),
            Projection("I", "E", FixedInDegree(2), weight=-5.0, delay=0.5),
        ),
        stimuli=(PoissonInput("E", rate=8.0, sources=100, weight=2.0),),
        **options,
    )


def test_network_in_nest():
    nest, network = FakeNest(), small_network()
    populations = nest_network.build(nest, network)
    assert {label: len(nodes) for label, nodes in populations.items()} == {"E": 8, "I": 4}
    model, _, parameters = nest.made[0]
    assert model == "iaf_psc_exp"
    expected = {"tau_syn_ex": 0.5, "tau_syn_in": 2.0, "C_m": 250.0, "I_e": 3.0, "t_ref": 2.0}
    assert {name: parameters[name] for name in expected} == pytest.approx(expected)
    assert populations["E"].V_m == ("normal", -60.0, 5.0)
    pre, post, rule, synapse = nest.joined[2]
    assert (pre, post) == ([9, 10, 11, 12], list(range(1, 9)))
    assert rule == {
        "rule": "fixed_indegree",
        "indegree": 2,
        "allow_autapses": True,
        "allow_multapses": True,
    }
    assert (synapse["weight"], synapse["delay"]) == (-5.0, 0.5)
    assert nest.made[-1] == ("poisson_generator", {"rate": 800.0}, None)


def test_neurons_in_nest():
    lif = LIF(tau_mem=20.0, v_threshold=20.0, v_reset=10.0, input="voltage")
    model, parameters = nest_network.neuron_parameters(lif)
    assert model == "iaf_psc_delta"
    assert (parameters["tau_m"], parameters["V_reset"], parameters["E_L"]) == (20.0, 10.0, 0.0)
    coba = network_rows.models.vogels_abbott("coba").populations[0].neuron
    model, parameters = nest_network.neuron_parameters(coba)
    assert model == "iaf_cond_exp"
    expected = {"g_L": 10.0, "C_m": 200.0, "E_ex": 0.0, "E_in": -80.0, "tau_syn_in": 10.0}
    assert {name: parameters[name] for name in expected} == pytest.approx(expected)
    with pytest.raises(TypeError, match="no model of NEST"):
        nest_network.neuron_parameters(LIF())


def test_coba_in_nest():
    """Relays are parrots, joined in pairs; the kick starts and stops; inhibition is negative."""
    nest = FakeNest()
    nest_network.build(nest, network_rows.models.vogels_abbott("coba"))
    assert [model for model, *_ in nest.made][:3] == ["iaf_cond_exp"] * 2 + ["parrot_neuron"]
    pre, post, rule, synapse = nest.joined[-2]
    assert (pre, post, rule) == (list(range(4001, 4051)), list(range(1, 51)), "one_to_one")
    assert synapse["weight"].tolist() == [6.0] * 50
    parameters = nest.made[-1][1]
    assert (parameters["rate"], parameters["start"], parameters["stop"]) == (300.0, 1.0, 51.0)
    inhibitory = [synapse for pre, *_, synapse in nest.joined[:4] if pre[0] == 3201]
    assert [synapse["weight"] for synapse in inhibitory] == [-67.0, -67.0]


def test_synapse_models_are_copied_as_they_fill(monkeypatch):
    monkeypatch.setattr(nest_network, "MOST_PER_THREAD", 10)
    models = nest_network.SynapseModels(FakeNest(threads=2))
    taken = [models.with_room(n) for n in (12, 8, 1, 19, 1)]
    assert [name[-1] for name in taken] == ["1", "1", "2", "2", "3"]


def test_references_of_seeds(tmp_path):
    """Spikes of the warm-up and after the end are none of a reference's."""
    rng = np.random.default_rng(0)
    spikes, home = tmp_path / "spikes", tmp_path / "home"
    home.mkdir()
    spikes.mkdir()
    about = {"model": "brunel", "nest": "3.10.0", "dt_ms": 0.1, "labels": ["E", "I"]}
    about |= {"starts": [0, 40, 50], "warmup_ms": 500.0, "time_ms": 1000.0}
    for seed in (1, 2, 3, 4):
        own = about | {"seed": seed} | ({"time_ms": 900.0} if seed == 4 else {})
        steps = np.sort(rng.integers(1, 10_001, 2000)).astype(np.int32)
        path = spikes / nest_reference.file_name(own)
        neurons = rng.integers(0, 50, 2000).astype(np.int32)
        np.savez(path, steps=steps, neurons=neurons, about=json.dumps(own))
    (written,) = nest_reference.collect(spikes, home)
    assert written.name == "brunel_reference.npz"
    reference = Reference.load(written)
    assert reference.about["seeds"] == [1, 2, 3]
    assert reference.sizes == {"E": 40, "I": 10}
    assert (reference.start, reference.stop) == (500.0, 1500.0)
    total = sum(reference.pooled(label, "rate").mean * n for label, n in reference.sizes.items())
    assert total == pytest.approx(2000.0)  # spikes in the second of each seed, all of them
    _, found = nest_reference.load(spikes / "brunel_seed2.npz")
    assert compare(found, reference).inside


def test_references_need_three_seeds(tmp_path, capsys):
    about = {"model": "microcircuit", "scale": 0.2, "drive": "dc", "seed": 1, "nest": "3.10.0"}
    about |= {"dt_ms": 0.1, "labels": ["E"], "starts": [0, 4], "warmup_ms": 0.0, "time_ms": 10.0}
    nothing = np.zeros(0, np.int32)
    path = tmp_path / nest_reference.file_name(about)
    assert path.name == "microcircuit_0.2_dc_seed1.npz"
    np.savez(path, steps=nothing, neurons=nothing, about=json.dumps(about))
    assert nest_reference.collect(tmp_path, tmp_path) == []
    assert "microcircuit_reference_0.2_dc.npz: left out, for there are 1" in capsys.readouterr().out


def test_seeds_that_have_spikes_are_not_run_again(tmp_path, monkeypatch):
    ran = []

    def run(command, **options):
        ran.append(json.loads(command[4])["seed"])
        return SimpleNamespace(returncode=1)

    monkeypatch.setattr(nest_reference.subprocess, "run", run)
    (tmp_path / "brunel_seed2.npz").touch()
    assert nest_reference.series({"model": "brunel"}, range(1, 4), tmp_path) == 2
    assert ran == [1, 3]


# ------------------------------------------------------------------ Brian 2


def test_projections_onto_all_are_one_for_brian():
    network = small_network()
    found = network_brian.merged(network, network.projections)
    assert [(pre, post) for pre, post, _ in found] == [
        (slice(0, 8), slice(0, 12)),
        (slice(8, 12), slice(0, 8)),
    ]


def test_equations_for_brian():
    equations, namespace = network_brian.membrane(small_network().populations[0].neuron, 1.0)
    assert (
        "dv/dt = (drive - v + r * (i_exc + i_inh)) / tau_mem : 1 (unless refractory)" in equations
    )
    assert namespace == {"tau_mem": 10.0, "r": 0.04, "tau_exc": 0.5, "tau_inh": 2.0}
    network = small_network()
    assert network_brian.target(network, -1.0) == "i_inh"
    assert network_brian.target(network_rows.brunel(1), -1.0) == "v"
    assert network_brian.target(network_rows.microcircuit(1, 0.1, "dc"), -1.0) == "i_exc"
    with pytest.raises(TypeError, match="no equations"):
        network_brian.membrane(LIF(), 1.0)
    network = network_rows.microcircuit(1, 0.1, "dc")
    own = [network_brian.parameters(p.neuron) for p in network.populations]
    # A neuron that was simulated remembers coefficients; they are no parameters of it.
    network.populations[0].neuron.coefficients(0.1)
    assert [network_brian.parameters(p.neuron) for p in network.populations] == own
    assert {key for one in own for key, value in one.items() if value != own[0][key]} == {
        "i_offset"
    }


def test_synapses_drawn_for_brian():
    network = small_network()
    rng = np.random.default_rng(1)
    weight, delay = Normal(-2.0, 1.5, high=0.0), Normal(0.75, 0.5, low=0.05)
    projection = Projection("I", "E", FixedTotalNumber(5000), weight=weight, delay=delay)
    sources, targets, weights, delays = network_brian.draw(rng, network, projection)
    assert np.bincount(sources, minlength=12)[8:].min() > 1000
    assert sources.min() == 8
    assert set(targets) == set(range(8))
    assert weights.dtype == np.float32
    assert weights.max() <= 0.0
    # Mean of a normal distribution cut at 4/3 sd: mean - sd phi(4/3) / Phi(4/3) = -2.27.
    assert weights.mean() == pytest.approx(-2.27, abs=0.06)
    assert delays.min() == pytest.approx(0.1)
    np.testing.assert_allclose(delays / 0.1, np.rint(delays / 0.1), atol=1e-5)
    in_degree = Projection("I", "E", FixedInDegree(3), weight=weight, delay=1.0)
    _, targets, _, _ = network_brian.draw(rng, network, in_degree)
    assert np.bincount(targets).tolist() == [3] * 8


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in is a shell script")
def test_a_program_of_brian_is_timed_between_its_marks(tmp_path):
    program = tmp_path / "main"
    program.write_text(
        "#!/bin/sh\necho 'mark 1.5 begin'\necho 'mark 2.0 begin'\necho 'mark 4.0 end'\n"
    )
    program.chmod(0o755)
    found = network_brian.run_program(tmp_path)
    assert found["run_s"] == [0.5, 2.0]
    assert found["peak_memory_bytes"] > 100_000
    program.write_text("#!/bin/sh\necho 'out of memory'\nexit 3\n")
    with pytest.raises(RuntimeError, match="ended with 3: out of memory"):
        network_brian.run_program(tmp_path)


def test_spikes_of_a_program_of_brian(tmp_path):
    results = tmp_path / "results"
    results.mkdir()
    np.array([0.1, 0.25]).tofile(results / "_dynamic_array_spikemonitor_t_123")
    np.array([7, 3], np.int32).tofile(results / "_dynamic_array_spikemonitor_i_456")
    np.array([0, 1, 1], np.int32).tofile(results / "_array_spikemonitor_count_789")
    times, neurons = network_brian.spikes(tmp_path)
    np.testing.assert_allclose(times, [100.0, 250.0])
    assert neurons.tolist() == [7, 3]
    assert network_brian.spike_count(tmp_path) == 2
