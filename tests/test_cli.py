"""The command line: what it prints, writes and refuses. Runs on the NumPy engine, tiny."""

import errno
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from rich.progress import Progress
from typer.testing import CliRunner

from cusnn import __version__, cli, driver, info, models
from cusnn.cli import files, tables
from cusnn.cli.info import gpu_text
from cusnn.cli.models import brunel, microcircuit, vogels_abbott
from cusnn.cli.settings import Settings
from cusnn.cli.simulation import Building, Run, built
from cusnn.cli.summary import population_figures, print_table
from cusnn.simulation import Result, Simulation, memory

ROOT = Path(__file__).resolve().parent.parent
TINY = ("--scale", "0.01", "--time", "12", "--warmup", "3", "--backend", "numpy", "--threads", "1")
LABELS = ("L2/3 E", "L2/3 I", "L4 E", "L4 I", "L5 E", "L5 I", "L6 E", "L6 I")


@pytest.fixture(autouse=True)
def plain_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.delenv("CUSNN_DEBUG", raising=False)


def call(*arguments):
    return CliRunner().invoke(cli.app, [str(a) for a in arguments])


def run_tiny(out, *more):
    return call("run", "microcircuit", *TINY, "--out", out, *more)


def refused(result) -> str:
    """The one line of a refusal."""
    assert result.exit_code == 2, result.output
    lines = [line for line in result.stderr.splitlines() if line.strip()]
    assert len(lines) == 1, lines
    assert lines[0].startswith("error: ")
    assert "Traceback" not in result.output
    return lines[0]


def shorter_runs(monkeypatch, stop_at_ms):
    """Let Ctrl-C come after so much model time."""
    original = Simulation.run

    def run(self, duration, *, progress=None):
        left = stop_at_ms - self.step * self.network.dt
        if duration <= left:
            return original(self, duration, progress=progress)
        original(self, left, progress=progress)
        raise KeyboardInterrupt

    monkeypatch.setattr(Simulation, "run", run)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """One complete run, looked at by many tests."""
    out = tmp_path_factory.mktemp("runs") / "new" / "folder"
    return run_tiny(out, "--scale", "0.02"), out


def settings(**changed):
    given = {"time_ms": 12.0, "warmup": 8.0, "dt": 0.1, "seed": 1, "backend": "numpy"}
    return Settings(**{**given, "threads": 1, "out": Path("."), **changed})


def rows(output):
    """Cells of the printed table by population."""
    table = (line.split("│")[1:-1] for line in output.splitlines() if line.startswith("│"))
    return {cells[0].strip(): [cell.strip() for cell in cells[1:]] for cells in table}


def test_writes_what_it_says(finished):
    result, out = finished
    assert result.exit_code == 0, result.output
    assert sorted(path.name for path in out.iterdir()) == [
        "raster.png",
        "spikes.npz",
        "summary.json",
    ]
    assert "wrote spikes.npz, raster.png, summary.json" in result.output
    assert (out / "raster.png").read_bytes().startswith(b"\x89PNG")


def test_says_what_it_builds(finished):
    network = models.microcircuit(0.02)
    text = finished[0].output
    assert f"{network.size:,} neurons, {network.n_synapses:,} synapses" in text
    assert "GB of memory" in text
    assert "Poisson drive, dt 0.1 ms, seed 1, 3 + 12 ms of model time" in text
    assert "backend numpy, 1 thread\n" in text
    assert "warning" not in text


def test_table_holds_the_rates_of_the_spikes(finished):
    result, out = finished
    spikes = Result.load(out / "spikes.npz")
    assert spikes.duration == pytest.approx(15.0)
    assert spikes.steps.size > 0
    table = rows(result.output)
    assert tuple(table) == LABELS
    rates = spikes.rates(3.0)
    assert any(rates.values())
    published = models.microcircuit_rates()["published"]
    for cells, (label, rate) in zip(table.values(), rates.items(), strict=True):
        part = spikes.slices[label]
        inside = (spikes.neurons >= part.start) & (spikes.neurons < part.stop)
        by_hand = np.count_nonzero(inside & (spikes.steps >= 30)) / (part.stop - part.start) / 0.012
        assert rate == pytest.approx(by_hand)
        assert cells[0] == f"{part.stop - part.start:,}"
        assert cells[1] == f"{rate:.3f}"
        assert cells[2] == f"{published[label]:.3f}"


def test_summary_holds_all_figures(finished):
    result, out = finished
    summary = json.loads((out / "summary.json").read_text())
    spikes = Result.load(out / "spikes.npz")
    assert summary["settings"]["seed"] == 1
    assert summary["settings"]["drive"] == "poisson"
    assert summary["interrupted"] is False
    assert summary["populations"]["L6I"]["rate_hz"] == pytest.approx(spikes.rates(3.0)["L6I"])
    assert summary["populations"]["L6I"]["nest_rate_hz"] is None
    speed = summary["performance"]
    assert speed["measured_ms"] == pytest.approx(12.0)
    assert 0 < speed["spikes"] == np.count_nonzero(spikes.steps >= 30) < spikes.steps.size
    assert speed["compile_s"] < 5
    again = Simulation(models.microcircuit(0.02), backend="numpy", threads=1)
    again.run(3.0)
    assert speed["synaptic_events"] == again.run(12.0).events < spikes.events
    wall = speed["measured_wall_s"]
    assert 0 < wall < spikes.wall_s
    assert speed["real_time_factor"] == pytest.approx(wall / 0.012)
    assert speed["synaptic_events_per_s"] == pytest.approx(speed["synaptic_events"] / wall)
    assert speed["ns_per_synaptic_event"] == pytest.approx(1e9 * wall / speed["synaptic_events"])
    assert speed["peak_memory_bytes"] > 1e7
    assert summary["versions"]["cusnn"] == __version__
    assert summary["host"]["cpu"]
    for name in ("real-time factor", "synaptic events", "ns each", "peak memory"):
        assert name in result.output


def test_thalamus_has_no_published_rate():
    published = microcircuit(settings(), scale=0.1, drive="poisson", thalamus=True)
    empty = Result(np.zeros(0, int), np.zeros(0, int), published.network.slices, 0.1, 0, 200)
    figures = population_figures(published, Run(empty, False, 0.0, 1.0, 0))
    assert figures["TC"]["neurons"] == 90
    assert figures["TC"]["published_rate_hz"] is figures["TC"]["nest_rate_hz"] is None
    assert figures["L6I"]["nest_rate_hz"] == 7.003
    assert "thalamic pulse at 700 to 710 ms" in published.about
    assert published.expected == "rates without the thalamic pulse"


def test_synchrony_of_the_table():
    """Every neuron of a population in one step of ten bins: mean 2.1, variance over mean 18.9."""
    network = models.microcircuit(0.01)
    part = network.slices["L4I"]
    neurons = np.arange(part.start, part.stop)
    # The last step of a bin, stamped with its very end.
    result = Result(np.full(neurons.size, 49), neurons, network.slices, 0.1, 0, 100)
    published = microcircuit(settings(), scale=0.01, drive="poisson")
    figures = population_figures(published, Run(result, False, 0.0, 1.0, 0))
    assert figures["L4I"]["synchrony"] == pytest.approx(0.9 * neurons.size)
    assert figures["L4E"]["synchrony"] is None


def test_cv_of_the_table():
    """Three spikes of one neuron of L4E, intervals 2 and 4 ms: CV 1/3; one before the window."""
    network = models.microcircuit(0.01)
    first = network.slices["L4E"].start
    steps = np.array([5, 100, 120, 160])
    result = Result(steps, np.full(4, first), network.slices, 0.1, 0, 200)
    published = microcircuit(settings(), scale=0.01, drive="poisson")
    figures = population_figures(published, Run(result, False, 8.0, 1.0, 0))
    assert figures["L4E"]["cv_isi"] == pytest.approx(1 / 3)
    assert figures["L4E"]["cv_isi_neurons"] == 1
    assert figures["L4E"]["rate_hz"] == pytest.approx(3 / 219 / 0.012)
    assert figures["L4I"]["cv_isi"] is None


def test_nest_column_at_its_scales(capsys):
    network = models.microcircuit(0.1)
    result = Result(np.zeros(0, int), np.zeros(0, int), network.slices, 0.1, 0, 200)
    for drive, shown in (("poisson", True), ("dc", False)):
        published = microcircuit(settings(), scale=0.1, drive=drive)
        figures = population_figures(published, Run(result, False, 0.0, 1.0, 0))
        print_table(Console(width=100), published, figures)
        text = capsys.readouterr().out
        assert ("NEST at" in text) is shown
        assert ("0.447" in text) is shown
        assert "0.903" in text


def test_brunel_prints_theory_and_paper(tmp_path):
    short = ("--time", "10", "--warmup", "5", "--backend", "numpy", "--out", tmp_path)
    result = call("run", "brunel", "--order", "100", "--regime", "b", *short)
    assert result.exit_code == 0, result.output
    assert "Brunel 2000) of order 100: 500 neurons, 25,000 synapses" in result.output
    assert "g 6, eta 4, dt 0.1 ms, seed 1, 5 + 10 ms of model time" in result.output
    table, theory = rows(result.output), models.brunel_rates(100, regime="B")["mean_field"]["E"]
    assert list(table) == ["E", "I"]
    assert table["E"][2] == f"{theory:.3f}"
    assert "published" not in result.output
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["model"] == "brunel"
    assert summary["settings"]["g"] == 6.0
    figures = summary["populations"]["I"]
    assert figures["mean_field_rate_hz"] == pytest.approx(theory)
    assert figures["published_rate_hz"] is None
    assert table["I"][1] == f"{figures['rate_hz']:.3f}"
    assert table["I"][-1] == f"{figures['synchrony']:.2f}"
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        *("raster.png", "spikes.npz", "summary.json"),
    ]


VA = ("run", "vogels-abbott", "--size", "500", "--time", "8", "--warmup", "2")
VA = (*VA, "--backend", "numpy", "--threads", "1")


def test_vogels_abbott_says_what_it_is(tmp_path):
    result = call(*VA, "--kind", "COBA", "--connectivity", "probability", "--out", tmp_path)
    assert result.exit_code == 0, result.output
    assert "COBA network (Vogels and Abbott 2005, Brette et al. 2007) of 500" in result.output
    assert "80 inputs each, fixed probability, dt 0.1 ms" in result.output
    assert "published: asynchronous irregular activity that sustains itself" in result.output
    assert list(rows(result.output)) == ["E", "I", "kick"]
    assert "NEST" not in result.output
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["settings"]["connectivity"] == "probability"
    assert summary["populations"]["E"]["nest_rate_hz"] is None
    assert (tmp_path / "raster.png").exists()


def test_vogels_abbott_beside_nest():
    options = {"kind": "cuba", "size": 4000, "in_degree": 80}
    options |= {"connectivity": "in-degree", "weights": "brian2"}
    published = vogels_abbott(settings(), **options)
    assert "weights of Brian 2's example" in published.about
    assert published.rates["nest"]["E"] == pytest.approx(5.1, abs=0.2)


def test_records_checkpoint_and_resume(tmp_path):
    """A run in two parts is the run in one; states go on, too. The file may be in --out."""
    whole, first, second = (tmp_path / name for name in ("whole", "first", "second"))
    record, file = ("--record", "v,i_inh:E:3"), first / "run.npz"
    assert call(*VA, "--time", "12", *record, "--out", whole).exit_code == 0
    result = call(*VA, *record, "--checkpoint", file, "--out", first)
    assert result.exit_code == 0, result.output
    assert f"wrote {file}; --resume goes on from there" in result.output
    result = call(*VA[:-8], "--time", "4", *VA[-4:], "--resume", file, "--out", second)
    assert result.exit_code == 0, result.output
    assert "goes on at 10 ms of model time" in result.output
    found, expected = (Result.load(out / "spikes.npz") for out in (second, whole))
    assert found.n_steps == expected.n_steps == 140
    np.testing.assert_array_equal(found.steps, expected.steps)
    np.testing.assert_array_equal(found.neurons, expected.neurons)
    assert expected.states["E"]["i_inh"].shape == (140, 3)
    np.testing.assert_array_equal(found.states["E"]["i_inh"], expected.states["E"]["i_inh"])
    summary = json.loads((second / "summary.json").read_text())
    assert summary["settings"]["warmup_ms"] == 0.0
    assert summary["performance"]["measured_ms"] == pytest.approx(4.0)
    assert summary["performance"]["left_out_ms"] == pytest.approx(10.0)
    assert summary["performance"]["spikes"] == np.count_nonzero(found.steps >= 100)


def test_new_record_of_a_resumed_run(tmp_path):
    """Its times are those of the model; what came before is not in it."""
    file, out = tmp_path / "run.npz", tmp_path / "out"
    assert call(*VA, "--checkpoint", file, "--out", tmp_path).exit_code == 0
    go_on = (*VA[:-8], "--time", "4", *VA[-4:], "--resume", file, "--record", "v:I:1")
    result = call(*go_on, "--warmup", "1", "--out", out)
    assert result.exit_code == 0, result.output
    found = Result.load(out / "spikes.npz")
    assert (found.first_step, found.n_steps) == (100, 50)
    figures = json.loads((out / "summary.json").read_text())
    measured = np.count_nonzero(found.steps >= 110)
    assert figures["performance"]["spikes"] == measured > 0
    assert figures["performance"]["left_out_ms"] == pytest.approx(1.0)
    rates = [row["rate_hz"] * row["neurons"] for row in figures["populations"].values()]
    assert sum(rates) * 0.004 == pytest.approx(measured)


def test_checkpoint_after_ctrl_c(monkeypatch, tmp_path):
    shorter_runs(monkeypatch, 5.0)
    file = tmp_path / "run.npz"
    result = call(*VA, "--checkpoint", file, "--out", tmp_path / "out")
    assert result.exit_code == 130, result.output
    assert "interrupted after 5 of 10 ms" in result.output
    assert Simulation.load(file, backend="numpy", threads=1).step == 50


def test_results_outlive_a_checkpoint_that_cannot_be_written(monkeypatch, tmp_path):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Simulation, "save", full)
    file = tmp_path / "run.npz"
    result = call(*VA, "--checkpoint", file, "--out", tmp_path / "out")
    assert refused(result).endswith(f"{file} cannot be written: No space left on device")
    assert len(list((tmp_path / "out").iterdir())) == 3


def test_checkpoint_of_another_network(tmp_path):
    file = tmp_path / "run.npz"
    assert call(*VA, "--checkpoint", file, "--out", tmp_path).exit_code == 0
    line = refused(call(*VA, "--seed", "2", "--resume", file, "--out", tmp_path / "new"))
    assert line.startswith(f"error: --resume {file} is of another network: 500 neurons")
    assert "seed 1, digest" in line
    assert line.endswith("; give the options of the run that wrote it")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("content", [b"junk", None])
def test_a_file_that_is_no_checkpoint(tmp_path, content):
    """Said by the name of the flag, before anything is announced."""
    file = tmp_path / "junk.npz"
    np.savez(file, header="{}")
    file.write_bytes(content or file.read_bytes())
    result = call(*VA, "--resume", file, "--out", tmp_path / "new")
    line = refused(result)
    assert line == f"error: --resume {file} is not a whole checkpoint of Simulation.save"
    assert "neurons" not in result.output


def test_sonata(monkeypatch, tmp_path):
    pytest.importorskip("h5py")
    result = call(*VA, "--format", "SONATA", "--out", tmp_path)
    assert result.exit_code == 0, result.output
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        *("raster.png", "spikes.h5", "summary.json"),
    ]
    found = Result.load_sonata(tmp_path / "spikes.h5")
    assert found.duration == pytest.approx(10.0)
    assert found.steps.size > 0


def test_sonata_without_h5py(monkeypatch, tmp_path):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    line = refused(call(*VA, "--format", "sonata", "--out", tmp_path))
    assert 'pip install "cusnn[sonata]"' in line


def test_published_state_of_brunel():
    """At full size, where the paper tells rate and state."""
    published = brunel(settings(), order=2500, regime="D", g=None, eta=None, v_reset=None)
    assert list(published.rates) == ["mean_field", "published"]
    empty = Result(np.zeros(0, int), np.zeros(0, int), published.network.slices, 0.1, 0, 200)
    figures = population_figures(published, Run(empty, False, 0.0, 1.0, 0))
    assert figures["E"]["published_rate_hz"] == 5.5
    console = Console(width=100, record=True)
    print_table(console, published, figures)
    text = console.export_text()
    assert " mean " in text
    assert "5.500" in text
    assert "published: synchronous irregular: the population oscillates" in text


def test_direct_current_at_a_small_scale_warns(tmp_path):
    result = run_tiny(tmp_path, "--drive", "dc", "--time", "1", "--warmup", "0")
    assert result.exit_code == 0
    assert "warning" in result.output
    assert "L23E, L23I, L4E, L4I, L5E, L5I, L6E, L6I" in result.output


def test_auto_is_numba(monkeypatch, tmp_path):
    def simulation(network, *, backend, threads, progress):
        raise ValueError(f"{backend} {threads}")

    monkeypatch.setattr("cusnn.simulation.Simulation", simulation)
    monkeypatch.setattr("cusnn.simulation.pace.default_threads", lambda network=None: 7)
    monkeypatch.setattr("cusnn.simulation.default_threads", lambda network: network.size // 200)
    for words in ((), ("--backend", "NUMBA", "--drive", "Poisson")):
        result = call("run", "microcircuit", "--scale", "0.01", "--out", tmp_path, *words)
        assert "backend numba, 3 threads" in result.output
        assert refused(result) == "error: numba None"


def test_exchange_reaches_the_simulation(monkeypatch, tmp_path):
    def simulation(network, *, backend, threads, exchange, progress):
        raise ValueError(f"{backend} {threads} {exchange}")

    monkeypatch.setattr("cusnn.simulation.Simulation", simulation)
    monkeypatch.setattr("cusnn.simulation.memory_estimate", lambda network, **options: 1e8)
    monkeypatch.setattr(driver, "unavailable", lambda: None)
    words = ("--scale", "0.01", "--backend", "cuda", "--exchange", "Barrier")
    result = call("run", "microcircuit", *words, "--out", tmp_path)
    assert refused(result) == "error: cuda None barrier"
    assert "backend cuda\n" in result.output


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("--scale", "0"), "--scale 0.0: scale must be above 0 and at most 1, got 0"),
        (("--threads", "1000000"), "got 1000000"),
        (("--dt", "0.03"), "--dt 0.03: "),
        (("--dt", "0.03"), "take 0.1, 0.05 or 0.02"),
        (("--time", "1e12"), "take a shorter --time, or a folder with more room"),
        (("--scale", "abc"), "Invalid value for '--scale'"),
        (("--scala", "1"), "No such option: --scala"),
        (("--seed", "-1"), "--seed -1: seed must"),
        (("--drive", "ac"), "--drive ac: drive must"),
        (("--scale", "-1"), "at most 1, got -1"),
        (("--scale", "1.5"), "at most 1, got 1.5"),
        (("--scale", "nan"), "at most 1, got nan"),
        (("--scale", "1e-5"), "without neurons"),
        (("--dt", "1"), "dt must be at most 0.1 ms, its shortest delay, got 1.0"),
        (("--dt", "0.03"), "t_refractory=2.0 ms must be a multiple of dt=0.03"),
        (("--dt", "0"), "dt must be positive"),
        (("--dt", "nan"), "dt must be finite"),
        (("--drive", "ac"), "drive must be one of dc, poisson, got 'ac'"),
        (("--time", "0"), "--time must be a number of ms, above 0"),
        (("--time", "inf"), "--time must be a number of ms"),
        (("--time", "0.25"), "--time must be a multiple of --dt 0.1"),
        (("--time", "1e12"), "MB are free there"),
        (("--warmup", "-1"), "--warmup must be a number of ms, at least 0"),
        (("--threads", "0"), "--threads must be 1 to "),
        (("--seed", "-1"), "seed must be at least 0"),
        (("--seed", "4294967296"), "seed must lie below 2**32"),
        (("--backend", "torch"), "--backend must be one of auto, numba, numpy, cuda, got 'torch'"),
        (("--exchange", "pigeon"), "--exchange must be one of mailbox, barrier, got 'pigeon'"),
        (("--exchange", "Barrier"), "--exchange barrier is between blocks of a GPU; it needs --ba"),
    ],
)
def test_refusals_are_one_line_and_come_before_the_build(tmp_path, monkeypatch, arguments, text):
    def built(*_, **__):
        pytest.fail("the build began")

    monkeypatch.setattr("cusnn.simulation.Simulation", built)
    assert text in refused(run_tiny(tmp_path / "new" / "folder", *arguments))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("--order", "11"), "--order 11: order must be a positive multiple of 10, got 11"),
        (("--regime", "x"), "--regime X: regime must be one of A, B, C, D"),
        (("--g", "-1"), "--g -1.0: g must be a finite number"),
        (("--v-reset", "30"), "--v-reset 30.0: v_reset must lie below v_threshold"),
        (("--dt", "0.4"), "--dt 0.4: dt must divide the delay of 1.5 ms"),
        (("--threads", "0"), "--threads must be 1 to "),
    ],
)
def test_brunel_refuses(tmp_path, arguments, text):
    assert text in refused(call("run", "brunel", "--out", tmp_path / "new", *arguments))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("--kind", "hh"), "--kind hh: kind must be one of cuba, coba"),
        (("--size", "12"), "--size 12: size must be a positive multiple of 5"),
        (("--in-degree", "3"), "--in-degree 3: in_degree must be a positive multiple of 5"),
        (("--connectivity", "all"), "--connectivity all: connectivity must be one of"),
        (("--weights", "mine"), "--weights mine: weights must be one of nest, brian2"),
        (("--kind", "coba", "--weights", "brian2"), "--weights brian2: for --kind cuba only"),
        (("--record", "v:E"), "--record v:E: must be VARIABLES:POPULATION:NUMBER"),
        (("--record", "v:E:x"), "--record v:E:x: must be VARIABLES:POPULATION:NUMBER"),
        (("--record", "v:X:1"), "--record v:X:1: there are E, I"),
        (("--record", "u:E:1"), "--record u:E:1: E has v, i_exc, i_inh, refractory"),
        (("--record", "v:E:0"), "--record v:E:0: E has 3200 neurons, got 0"),
        (("--record", "v:E:9999"), "E has 3200 neurons, got 9999"),
        (("--record", "v:E:1", "--record", "i_exc:E:1"), "--record: once per population"),
        (("--format", "csv"), "--format must be one of npz, sonata, got 'csv'"),
        (("--format", "sonata", "--record", "v:E:1"), "--record needs --format npz"),
        (("--checkpoint", "/no/such/folder/file"), "file: there is no such folder"),
        (("--checkpoint", "/"), "--checkpoint / is a folder; name a file in it"),
        (("--checkpoint", "/proc/c.npz"), "--checkpoint /proc/c.npz cannot be written: "),
        (("--resume", "/no/such/file"), "--resume /no/such/file: there is no such file"),
    ],
)
def test_vogels_abbott_refuses(tmp_path, monkeypatch, arguments, text):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: True)
    assert text in refused(call("run", "vogels-abbott", "--out", tmp_path / "new", *arguments))
    assert list(tmp_path.iterdir()) == []


def test_cuda_without_cupy(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "cupy", None)
    line = refused(run_tiny(tmp_path, "--backend", "cuda"))
    assert "CuPy is not installed" in line
    assert 'pip install "cusnn[cuda13]"' in line


def test_cuda_without_a_gpu(monkeypatch, tmp_path):
    monkeypatch.setattr(driver, "unavailable", lambda: "no CUDA GPU was found")
    line = refused(run_tiny(tmp_path, "--backend", "cuda"))
    assert "--backend cuda: no CUDA GPU was found" in line


def test_cuda_with_a_gpu(monkeypatch, tmp_path):
    def simulation(network, *, backend, threads, progress):
        raise ValueError(f"{backend} {threads}")

    monkeypatch.setattr(driver, "unavailable", lambda: None)
    monkeypatch.setattr("cusnn.simulation.memory_estimate", lambda *_, **named: 10**9)
    monkeypatch.setattr("cusnn.simulation.Simulation", simulation)
    assert refused(run_tiny(tmp_path, "--backend", "cuda")) == "error: cuda 1"


def test_a_build_shows_how_long_it_still_takes():
    """A bar without an end while code is compiled, then one that knows its end."""
    clock = iter(np.arange(100.0))
    bar = Progress(disable=True, get_time=lambda: float(next(clock)))
    building = Building(bar)
    building(0.0)
    (task,) = bar.tasks
    assert (task.description, task.total) == ("compiling", None)
    for share in (0.0, 0.1, 0.2, 0.3):
        building(share)
    assert (task.description, task.completed, task.fields["note"]) == ("building", 0.3, "30%")
    assert task.time_remaining > 0


def test_too_little_memory(monkeypatch, tmp_path):
    monkeypatch.setattr(memory, "available_bytes", lambda: 1_000_000)
    line = refused(run_tiny(tmp_path / "new" / "folder"))
    assert "are available; take backend numba, which needs 0.25 GB, and a smaller scale" in line
    assert list(tmp_path.iterdir()) == []


def test_errors_of_the_driver_are_one_line(monkeypatch, tmp_path):
    def broken():
        raise driver.DriverError("the driver\nis broken")

    monkeypatch.setattr(driver, "unavailable", broken)
    assert refused(run_tiny(tmp_path, "--backend", "cuda")) == "error: the driver is broken"


def test_debug_shows_the_traceback(monkeypatch, tmp_path):
    result = run_tiny(tmp_path, "--scale", "0", "--debug")
    assert result.exit_code == 2
    assert "Traceback" in result.output
    monkeypatch.setenv("CUSNN_DEBUG", "1")
    assert "Traceback" in run_tiny(tmp_path, "--scale", "0").output


def test_folder_that_is_a_file(tmp_path):
    path = tmp_path / "file"
    path.write_text("mine")
    for out in (path, path / "below"):
        assert f"cannot write to {out}: {path} is not a folder" in refused(run_tiny(out))
    assert path.read_text() == "mine"


def test_no_pictograms_in_names(tmp_path):
    """Rich would turn :x: into a red cross."""
    result = run_tiny(tmp_path / "a:x:b", "--time", "1", "--warmup", "0")
    assert f"{tmp_path}/a:x:b" in result.output


def test_folder_that_is_read_only(monkeypatch, tmp_path):
    def denied(*_, **__):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(files.tempfile, "NamedTemporaryFile", denied)
    line = refused(run_tiny(tmp_path / "[locked]"))
    assert f"cannot write to {tmp_path / '[locked]'}: Permission denied" in line


@pytest.mark.parametrize("name", ["spikes.npz", "summary.json", "raster.png"])
def test_disk_that_fills_up_while_writing(monkeypatch, tmp_path, name):
    """The old file stays whole, and no half file is left."""
    for old in ("spikes.npz", "summary.json", "raster.png"):
        (tmp_path / old).write_text("old")
    replace = os.replace

    def full(source, target):
        if Path(target).name == name:
            raise OSError(errno.ENOSPC, "No space left on device")
        replace(source, target)

    monkeypatch.setattr(files.os, "replace", full)
    result = run_tiny(tmp_path)
    assert f"cannot write to {tmp_path / name}: No space left on device" in refused(result)
    assert (tmp_path / name).read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 3


@pytest.mark.parametrize("arguments", [("--help",), ("info",), ("run", "--help"), ("--version",)])
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs the device /dev/full")
def test_output_that_cannot_be_written(arguments):
    with open("/dev/full", "w") as full, start(*arguments, out=full) as process:
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 2, errors
    assert errors == "error: [Errno 28] No space left on device\n"


def test_errors_that_nobody_expected_name_debug(monkeypatch, tmp_path):
    def broken(*_, **__):
        raise RuntimeError("cannot cache function 'f':\nno locator")

    monkeypatch.setattr("cusnn.simulation.Simulation", broken)
    line = refused(run_tiny(tmp_path))
    assert line.startswith("error: RuntimeError: cannot cache function 'f': no locator; --debug")
    assert "Traceback" in run_tiny(tmp_path, "--debug").output


def test_numba_that_may_not_compile(monkeypatch, tmp_path):
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "1")
    assert "take --backend numpy" in refused(run_tiny(tmp_path, "--backend", "auto"))
    assert run_tiny(tmp_path).exit_code == 0


def test_compilation_is_told_apart_from_loading(monkeypatch):
    class Built:
        backend, build_s, compile_s = "numba", 0.25, 36.2

    monkeypatch.setattr(info, "numba_cache", lambda: "/scratch/numba-abc")
    assert built(Built) == "compiled in 36.2 s (once; kept in the cache), built in 0.25 s"
    monkeypatch.setattr(info, "numba_cache", lambda: "/scratch/cusnn-xyz")
    assert built(Built).startswith("compiled in 36.2 s (not kept; to keep compiled code, let")
    assert "/scratch/cusnn-xyz for this process alone" in " ".join(call("info").output.split())
    Built.compile_s = 0.5
    assert built(Built) == "built in 0.25 s, compiled code loaded in 0.5 s"
    assert [tables.digits(x) for x in (None, 0.00321, 12.34, 1234.5)] == [
        *("-", "0.00321", "12.3", "1,234"),
    ]


def test_disk_quota(tmp_path):
    """A limit of the system on the size of files, met within np.savez and savefig."""
    code = (
        "import resource, signal, sys\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (600, 600))\n"
        "sys.argv[0] = 'cusnn'\n"
        "from cusnn.cli import main\n"
        "main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "run", "microcircuit", *TINY, "--out", str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2, done.stdout + done.stderr
    assert done.stderr.startswith(f"error: cannot write to {tmp_path / 'spikes.npz'}")
    assert list(tmp_path.iterdir()) == []


def test_without_matplotlib(monkeypatch, tmp_path):
    (tmp_path / "raster.png").write_text("of an older run")
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    result = run_tiny(tmp_path)
    assert result.exit_code == 0
    assert "raster.png was left out" in result.output
    assert 'pip install "cusnn[plot]"' in result.output
    assert sorted(path.name for path in tmp_path.iterdir()) == ["spikes.npz", "summary.json"]


def test_ctrl_c_while_measuring(monkeypatch, tmp_path):
    shorter_runs(monkeypatch, 8.0)
    result = run_tiny(tmp_path)
    assert result.exit_code == 130
    assert "interrupted; writing what there is" in result.output
    assert "interrupted after 8 of 15 ms" in result.output
    assert Result.load(tmp_path / "spikes.npz").duration == pytest.approx(8.0)
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["interrupted"] is True
    assert summary["performance"]["measured_ms"] == pytest.approx(5.0)
    assert (tmp_path / "raster.png").exists()


@pytest.mark.parametrize("stop", [0.0, 2.0, 3.0])
def test_ctrl_c_in_the_warm_up(monkeypatch, tmp_path, stop):
    shorter_runs(monkeypatch, stop)
    result = run_tiny(tmp_path)
    assert result.exit_code == 130, result.output
    assert Result.load(tmp_path / "spikes.npz").duration == pytest.approx(stop)
    assert tuple(rows(result.output)) == LABELS


def test_ctrl_c_while_building(monkeypatch, tmp_path):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("cusnn.simulation.Simulation", interrupted)
    result = run_tiny(tmp_path)
    assert result.exit_code == 130
    assert "interrupted; nothing was written" in result.output
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_while_writing(monkeypatch, tmp_path):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(Result, "save", interrupted)
    result = run_tiny(tmp_path)
    assert result.exit_code == 130
    assert "Traceback" not in result.output
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_between_files(monkeypatch, tmp_path):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("cusnn.cli.run.picture", interrupted)
    result = run_tiny(tmp_path)
    assert result.exit_code == 130
    assert "interrupted; only spikes.npz, summary.json was written" in result.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["spikes.npz", "summary.json"]


def test_ctrl_c_while_importing():
    code = (
        "import builtins, runpy, sys\n"
        "load = builtins.__import__\n"
        "def interrupted(name, *rest, **named):\n"
        "    if name == 'typer':\n"
        "        raise KeyboardInterrupt\n"
        "    return load(name, *rest, **named)\n"
        "builtins.__import__ = interrupted\n"
        "runpy.run_module('cusnn', run_name='__main__')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (130, "")
    assert done.stderr == "interrupted; nothing was written\n"


def start(*arguments, out=subprocess.PIPE, **settings):
    return subprocess.Popen(
        [sys.executable, "-m", "cusnn", *map(str, arguments)],
        # Empty counts as unset: output is buffered, as it is for users.
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": ""},
        stdout=out,
        stderr=subprocess.PIPE,
        text=True,
        **settings,
    )


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_ctrl_c_of_a_terminal(tmp_path):
    with start(
        *("run", "microcircuit", *TINY, "--time", "100000", "--out", tmp_path),
        start_new_session=True,
        # A test run in the background of a shell ignores the signal, and so would its children.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:
        try:
            for line in process.stdout:
                if line.startswith("built in"):
                    break
            process.send_signal(signal.SIGINT)
            output, errors = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 130, errors
    assert "interrupted after" in output
    assert Result.load(tmp_path / "spikes.npz").duration < 100_000


def test_module_and_version():
    with start("--version") as process:
        output, _ = process.communicate(timeout=60)
    assert (process.returncode, output) == (0, f"cusnn {__version__}\n")


def test_help_loads_nothing_heavy():
    code = (
        "import sys, cusnn.cli; print([m for m in "
        "('numpy', 'numba', 'cupy', 'matplotlib', 'scipy') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("arguments", [("--help",), ("run", "--help"), ("info", "--help")])
def test_help(arguments):
    result = call(*arguments)
    assert result.exit_code == 0
    assert "Usage" in result.output


@pytest.mark.parametrize(
    ("model", "own"),
    [
        ("microcircuit", ("scale", "drive", "thalamus")),
        ("brunel", ("order", "regime", "g", "eta", "v-reset")),
        ("vogels-abbott", ("kind", "size", "in-degree", "connectivity", "weights")),
    ],
)
def test_every_flag_is_documented(model, own):
    text = call("run", model, "--help").output
    shared = ("time", "warmup", "dt", "seed", "backend", "threads", "out")
    for flag in (*own, *shared, "record", "checkpoint", "resume", "format"):
        assert f"--{flag}" in text
    assert "default: (100, or 0 with --resume)" in " ".join(text.replace("│", " ").split())


@pytest.mark.parametrize(
    "arguments", [("run", "macrocircuit"), ("fly",), ("run", "microcircuit", "x")]
)
def test_unknown_words(arguments):
    assert arguments[-1] in refused(call(*arguments))


def test_info_as_json():
    result = call("info", "--json")
    assert result.exit_code == 0
    found = json.loads(result.output)
    assert found["versions"]["cusnn"] == __version__
    assert found["versions"]["numpy"] == np.__version__
    assert found["host"]["cores"] >= 1
    assert found["host"]["memory_bytes"] > 1e8
    assert isinstance(found["threads"]["openmp"], bool)
    assert found["gpu"]["usable"] is (driver.unavailable() is None)
    assert found["caches"]["cubins"] == str(driver.cache_folder())


def test_info_as_text():
    result = call("info")
    assert result.exit_code == 0
    for word in ("cusnn", "python", "numpy", "numba", "CPU", "memory", "GPU", "cache"):
        assert word in result.output


def gpu_line(monkeypatch, reason, smi):
    monkeypatch.setattr(driver, "unavailable", lambda: reason)
    monkeypatch.setattr(info, "_nvidia_smi", lambda: smi)
    return gpu_text(info.gpu())


def test_gpu_that_lacks_cupy(monkeypatch):
    smi = {"name": "NVIDIA H100", "nvidia_driver": "580.1"}
    line = gpu_line(monkeypatch, "CuPy is not installed", smi)
    assert line.startswith("NVIDIA H100 (driver 580.1): CuPy is not installed")
    assert "pip install" in line


def test_no_gpu_no_driver(monkeypatch):
    line = gpu_line(monkeypatch, "no CUDA GPU was found", {})
    assert "no NVIDIA driver was found" in line
    line = gpu_line(monkeypatch, "no CUDA GPU was found", {"nvidia_driver": "unknown"})
    assert "nvidia-smi" in line


def test_missing_packages_say_how_to_get_them(monkeypatch):
    version = info._version
    absent = ("cupy", "cupy-cuda12x", "cupy-cuda13x", "matplotlib")
    monkeypatch.setattr(info, "_version", lambda name: None if name in absent else version(name))
    text = " ".join(call("info").output.split())
    assert 'cupy not installed; for an NVIDIA GPU: pip install "cusnn[cuda13]"' in text
    assert 'matplotlib not installed; for plots: pip install "cusnn[plot]"' in text


def test_threads_without_openmp(monkeypatch):
    monkeypatch.setitem(sys.modules, "numba.np.ufunc.omppool", None)
    layer = info.threading_layer()
    assert layer["openmp"] is False
    assert "libgomp" in layer["advice"] or "libomp" in layer["advice"]
    monkeypatch.setenv("NUMBA_THREADING_LAYER", "workqueue")
    assert "unset NUMBA_THREADING_LAYER" in info.threading_layer()["advice"]
