"""The command line's energy: what is printed and written of counts, devices and crossovers."""

import io
import json
import sys

import pytest
from rich.console import Console
from test_cli import TINY, call, refused, shorter_runs

from cusnn import models
from cusnn.cli import comparison, run, settings, tables
from cusnn.cli.comparison import Spent
from cusnn.energy import (
    THRESHOLDS,
    Measurement,
    OpCounts,
    Workload,
    compare,
    count_run,
    devices,
    measure,
    meter,
    networks,
    nvml,
    sensors,
    verdict,
)
from cusnn.energy import cells as cells_of_rows
from cusnn.energy.crossover import Layer, cost_model, crossover_rate
from cusnn.energy.hardware import hardware_markdown
from cusnn.energy.measurement import Window
from cusnn.simulation import Result, Simulation

NUMPY = ("--backend", "numpy")


@pytest.fixture(autouse=True)
def plain_terminal(monkeypatch, tmp_path):
    """A terminal of 100 columns on a machine that counts no energy."""
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.delenv("CUSNN_DEBUG", raising=False)
    monkeypatch.setattr(sensors, "POWERCAP", tmp_path / "no powercap")


@pytest.fixture
def counted(tmp_path):
    """A file of a thousand accumulates, ten spikes and a hundred updates, in 20 inferences."""
    parts = {"layer": OpCounts(1000, 0, 4000, 10, 90, 10)}
    workload = Workload("twenty", parts, neurons=5, synapses=200, steps=1, inferences=20)
    workload.save(tmp_path / "counts.json")
    return tmp_path / "counts.json"


def cells(output, label):
    """What stands in the first line that begins with a label."""
    line = next(line for line in output.splitlines() if line.startswith(label))
    return line.removeprefix(label).split()


# ------------------------------------------------------------------ run


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    out = tmp_path_factory.mktemp("run")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", "100")
        patch.setattr(sensors, "POWERCAP", out / "no powercap")
        result = call("run", "microcircuit", *TINY, "--out", out, "--energy", "--scale", "0.02")
    assert result.exit_code == 0, result.output
    return result.output, out


def test_run_writes_counts_of_the_measured_stretch(finished):
    output, out = finished
    network = models.microcircuit(0.02)
    simulation = Simulation(network, backend="numpy", threads=1)
    simulation.run(3.0)
    expected = count_run(simulation.run(12.0), network, poisson=True, backend="numpy")
    found = Workload.load(out / "counts.json")
    assert found.counts == expected.counts
    assert found.counts.spikes > 0
    assert (found.steps, found.model_time_ms) == (120, pytest.approx(12.0))
    assert f"accumulates           {expected.counts.effective_acs:,} " in output
    assert found.counts.input_spikes > 0
    assert f"input spikes          {found.counts.input_spikes:,}, of stimuli: no syn" in output
    assert "counts.json, energy.json to" in output


def test_run_writes_what_it_compares(finished):
    _, out = finished
    workload = Workload.load(out / "counts.json")
    energy = json.loads((out / "energy.json").read_text())
    assert energy["modelled"] == json.loads(compare(workload).to_json())["modelled"]
    assert len(energy["published"]) == 14
    (measured,) = energy["measurements"]
    assert measured["joules"] is None
    assert "virtual machines and containers hide them" in measured["reason"]
    summary = json.loads((out / "summary.json").read_text())["energy"]
    assert summary["counts"] == workload.counts.to_dict()
    by_hand = 26.0e-12 * workload.counts.effective_acs
    assert summary["modelled_j"]["truenorth-2014"]["total"] == pytest.approx(by_hand)
    assert summary["measured"] == [measured]


def test_run_prints_devices_peers_and_why_nothing_was_measured(finished):
    output, _ = finished
    assert cells(output, "TrueNorth at 20 Hz")[-2:] == ["26.0", "pJ"]
    assert cells(output, "Loihi (Davies 2018)")[0] == "≥"
    assert "per term, secondary; without hops" in output
    assert cells(output, "here: CPU and memory") == ["not", "known"]
    assert "not measured, CPU and memory (RAPL): no package's counter in" in output
    assert "neuroAIx, 35 NetFPGA SUME, DC (2023)" in output
    assert cells(output, "NEST, 12 nodes of 2 Xeon E5-2680v3, DC (2018)") == [
        "9.94",
        "uJ",
        "measured",
    ]
    estimated = cells(output, "GeNN, Tesla V100, Poisson (2018, an estimate)")
    assert estimated == ["470", "nJ", "estimated", "by", "its", "authors"]


def test_run_is_the_same_with_energy(tmp_path, monkeypatch):
    """The same calls and the same spikes, and nothing of energy without the option."""
    called, original = [], Simulation.run

    def run(self, duration, **options):
        called.append(duration)
        return original(self, duration, **options)

    monkeypatch.setattr(Simulation, "run", run)
    assert call("run", "brunel", "--order", "20", *TINY[2:], "--out", tmp_path / "a").exit_code == 0
    files = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert files == ["raster.png", "spikes.npz", "summary.json"]
    assert "energy" not in json.loads((tmp_path / "a" / "summary.json").read_text())
    result = call("run", "brunel", "--order", "20", *TINY[2:], "--out", tmp_path / "b", "--energy")
    assert result.exit_code == 0, result.output
    # The spikes of stimuli are drawn again without the engine.
    assert called == [3.0, 12.0] * 2
    spikes = [Result.load(tmp_path / folder / "spikes.npz") for folder in "ab"]
    assert (spikes[0].steps == spikes[1].steps).all()
    assert (spikes[0].neurons == spikes[1].neurons).all()
    # The peers ran another network.
    assert "neuroAIx" not in result.output


def test_run_measures_the_stretch(tmp_path, monkeypatch):
    """A counter that stands at 10 J before it and at 13.5 J after it."""
    reads = iter([10.0, 13.5])

    class Counter:
        source, least_s, most_s = "RAPL", 0.0, None

        def __init__(self, gpu):
            pass

        def read(self):
            return {"package-0": next(reads)}

        def conditions(self):
            return {"name": "EPYC [128]"}

        def close(self):
            pass

    monkeypatch.setitem(sensors.SENSORS, "RAPL", Counter)
    monkeypatch.setattr(meter, "IDLE_S", 0.0)
    result = call("run", "microcircuit", *TINY, "--out", tmp_path, "--energy")
    assert result.exit_code == 0, result.output
    events = Workload.load(tmp_path / "counts.json").counts.synaptic_ops
    assert cells(result.output, "here: EPYC [128]") == ["3.50", "J"]
    energy = json.loads((tmp_path / "energy.json").read_text())
    assert energy["measurements"][0]["joules"] == 3.5
    (row,) = energy["measured"]
    assert (row["label"], row["joules"]) == ("here: EPYC [128]", 3.5)
    assert events > 0


def test_interrupted_run_has_no_energy(tmp_path, monkeypatch):
    shorter_runs(monkeypatch, 9.0)
    result = call("run", "microcircuit", *TINY, "--out", tmp_path, "--energy")
    assert result.exit_code == 130
    assert not (tmp_path / "counts.json").exists()
    assert "energy" not in json.loads((tmp_path / "summary.json").read_text())
    assert "no energy: the run was interrupted" in result.output


@pytest.mark.parametrize("why", ["too many", "interrupted"])
def test_spikes_of_stimuli_that_take_long_are_unknown(tmp_path, monkeypatch, why):
    """TINY are 120 steps, without the warm-up; of 1,544 neurons."""
    monkeypatch.setattr(run, "MOST_DRAWS", 120 * 1544 - (why == "too many"))
    if why == "interrupted":
        monkeypatch.setattr(networks, "count_input_spikes", interrupt)
    options = (*TINY, "--scale", "0.02", "--out", tmp_path, "--energy")
    result = call("run", "microcircuit", *options)
    assert result.exit_code == 0, result.output
    assert ("interrupted; the spikes of stimuli" in result.output) == (why == "interrupted")
    assert cells(result.output, "input spikes")[:3] == ["not", "counted;", "count_run(...,"]
    assert Workload.load(tmp_path / "counts.json").counts.input_spikes is None


def interrupt(*arguments, **options):
    raise KeyboardInterrupt


def test_spikes_of_data_are_said_otherwise(counted):
    assert "input spikes          0 " in printed(Spent.of(Workload.load(counted)))
    part = OpCounts(1000, 0, 4000, 10, 90, 10, input_spikes=7)
    workload = Workload("seven", {"layer": part}, neurons=5, synapses=200, steps=1, inferences=20)
    assert "of stimuli" not in printed(Spent.of(workload))


def test_counters_of_a_backend():
    assert settings.counters("cuda") == ("NVML", "RAPL")
    assert settings.counters("numba") == settings.counters("numpy") == ("RAPL",)


# ------------------------------------------------------------------ train


def test_train_compares_an_answer(tmp_path):
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    options = ("--epochs", "1", "--steps", "3", *NUMPY, "--out", tmp_path, "--energy")
    result = call("train", "digits", *options)
    assert result.exit_code == 0, result.output
    workload = Workload.load(tmp_path / "counts.json")
    assert (workload.inferences, workload.steps, workload.synapses) == (360, 3, 7400)
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert workload.counts.spikes == round(360 * summary["spikes_per_inference"])
    assert summary["energy"]["counts"] == workload.counts.to_dict()
    said = {one.threshold.name: one.verdict for one in verdict(workload)}
    assert summary["energy"]["verdicts"] == said
    for bound in THRESHOLDS:
        assert bound.name in result.output
    assert "in all and each inference" in result.output
    assert "values that come in taken for spikes" in result.output
    assert "not measured, CPU and memory (RAPL)" in result.output
    assert "summary.json, counts.json, energy.json" in result.output


# ------------------------------------------------------------------ what is printed


def printed(spent):
    console = Console(width=100, record=True, file=io.StringIO())
    spent.print(console)
    return console.export_text()


def test_a_missing_package_is_a_reason(counted, monkeypatch):
    monkeypatch.setitem(sys.modules, "pynvml", None)
    monkeypatch.setattr(nvml, "LIBRARY", "libnone.so.1")
    spent = Spent.of(Workload.load(counted), (measure(lambda: None, source="NVML"),))
    text = printed(spent)
    assert 'not measured, GPU (NVML): nvidia-ml-py is not installed: pip install "cusnn[' in text
    assert cells(text, "here: GPU") == ["not", "known"]


def test_measured_and_modelled_never_share_a_column(counted):
    """12.5 J of 20 inferences are 625 mJ each; 5.5 J are above idle."""
    found = Measurement(
        "NVML", 12.5, seconds=7.0, idle_w=1.0, spread=(12.0, 13.0), conditions={"name": "H200"}
    )
    text = printed(Spent.of(Workload.load(counted), (found,), device_names=["odin"]))
    lines = text.splitlines()
    (head,) = (line for line in lines if line.strip().startswith("modelled "))
    (odin,) = (line for line in lines if line.startswith("ODIN"))
    at = next(place for place, line in enumerate(lines) if line.startswith("here: H200 "))
    # Columns end flush.
    ends = {name: head.index(name) + len(name) for name in ("modelled", "each", "measured")}
    assert odin[: ends["modelled"]].endswith("12.7 nJ")
    assert odin[: ends["each"]].endswith(" 635 pJ")
    assert odin[ends["each"] :].strip() == ""
    assert lines[at][: ends["each"]].replace("here: H200", "").strip() == ""
    assert lines[at][: ends["measured"]].endswith("12.5 J")
    assert lines[at + 1].endswith("625 mJ each")
    assert any("here: H200, above idle" in line and line.endswith("5.50 J") for line in lines)


def test_a_range_says_its_unit_once(counted):
    text = printed(Spent.of(Workload.load(counted), device_names=["odin"]))
    assert "8.43 to 54.0 nJ" in text
    assert cells_of_rows.span(1.97, 3.75) == "1.97 to 3.75 J"
    assert cells_of_rows.span(793e-6, 0.452) == "793 uJ to 452 mJ"
    assert cells_of_rows.span(0.452, 0.4521) == ""
    assert cells_of_rows.span(None, None) == ""


def test_windows_above_idle(counted):
    """Three windows of 10 s at 1 W of idle, of 12, 14 and 18 J: 2, 4 and 8 J above idle."""
    windows = tuple(Window(10.0, joules) for joules in (12.0, 14.0, 18.0))
    found = Measurement("RAPL", 14.0, seconds=10.0, windows=windows, spread=(12, 18), idle_w=1.0)
    spent = Spent.of(Workload.load(counted), (found,), device_names=["odin"])
    _, above = spent.comparison.measured
    assert (above.joules, above.low_j, above.high_j) == (4.0, 2.0, 8.0)
    assert "RAPL, measured; 2.00 to 8.00 J over windows" in " ".join(printed(spent).split())


@pytest.mark.parametrize("joules", [(9.5, 9.5, 9.5), (9.5, 14.0, 18.0)])
def test_work_below_idle_noise_is_no_zero(counted, joules):
    windows = tuple(Window(10.0, each) for each in joules)
    found = Measurement("RAPL", joules[1], seconds=10.0, windows=windows, idle_w=1.0)
    spent = Spent.of(Workload.load(counted), (found,), device_names=["odin"])
    whole, above = spent.comparison.measured
    assert whole.joules == joules[1]
    assert (above.joules, above.low_j, above.high_j) == (None, None, None)
    assert above.reason == "-500 mJ above 1.00 W of idle: within its noise"
    text = printed(spent)
    assert f"not measured, CPU and memory, above idle (RAPL): {above.reason}" in text
    assert cells(text, "here: CPU and memory, above idle") == ["not", "known"]


@pytest.mark.parametrize(
    ("known", "said"),
    [
        ({}, "hops and seconds can be supposed: cusnn energy --counts counts.json --hops N"),
        ({"hops_per_spike": 2.0}, "\nseconds can be supposed: cusnn energy --counts"),
        ({"hops_per_spike": 2.0, "seconds": 1.0}, ""),
    ],
)
def test_what_can_be_supposed_is_said(counted, known, said):
    text = printed(Spent.of(Workload.load(counted), device_names=["loihi1"], **known))
    assert said in text
    assert bool(said) == ("supposed" in text)


def test_input_spikes_are_charged_where_that_is_asked_for(tmp_path):
    """Of 1,000 operations and 100 input spikes at 12.7 pJ: 12.7 nJ without, 14.0 with them."""
    part = OpCounts(1000, 0, 4000, 10, 90, 10, input_spikes=100)
    path = tmp_path / "counts.json"
    Workload("driven", {"all": part}, 10, 200, 10, model_time_ms=1.0).save(path)
    for option, joules, said in (
        ((), 12.7e-9, "in no estimate"),
        (("--charge-input",), 13.97e-9, "a synaptic operation each in estimates; none on GPUs"),
    ):
        asked = ("energy", "--counts", path, *option)
        output = " ".join(call(*asked).output.split())
        assert "input spikes 100, of stimuli: " in output
        assert said in output
        found = json.loads(call(*asked, "--json").output)
        odin = next(one for one in found["modelled"] if one["device"] == "odin")
        assert odin["partial_j"] == pytest.approx(joules)
        assert (found["input_spikes"], found["charge_input_spikes"]) == (100, bool(option))
        full = call(*asked, "--device", "odin").output
        assert ("100 input spikes cost a synaptic operation each" in full) == bool(option)
        assert ("not in it: input_spikes" in full) == (not option)


def test_input_of_inferences_is_not_charged_twice(counted):
    result = call("energy", "--counts", counted, "--charge-input")
    assert "are among its synaptic operations; leave charge_input_spikes out" in refused(result)


@pytest.mark.parametrize("processes", [None, 1, 2])
def test_others_on_the_gpu_are_a_warning(counted, processes):
    windows = (Window(10.0, 12.5),)
    conditions = {"name": "H200", "compute_processes": processes}
    found = Measurement("NVML", 12.5, seconds=10.0, windows=windows, conditions=conditions)
    spent = Spent.of(Workload.load(counted), (found,), device_names=["odin"])
    text = " ".join(printed(spent).split())
    assert ("NVML, measured; warning: 2 processes computed on the" in text) == (processes == 2)
    assert ("GPU; the energy is that of all of them" in text) == (processes == 2)
    (record,) = spent.figures["measured"]
    assert record["warning"] == found.warning
    assert (found.warning is None) == (processes != 2)


def test_rows_of_gpus_say_what_they_leave_out(counted):
    text = printed(Spent.of(Workload.load(counted), device_names=["h200-sxm"]))
    assert "GPU rows leave out launches, latency and waiting" in " ".join(text.split())


def test_no_figure_without_a_title():
    assert tables.plain_table("").title is None


# ------------------------------------------------------------------ energy --counts


def test_counts_by_hand(counted):
    """Loihi: 1,000 operations of 23.6 pJ, 10 and 90 updates of 81 and 52, 10 spikes of 1.7."""
    result = call("energy", "--counts", counted, "--device", "loihi1", "--hops", "2")
    assert result.exit_code == 0, result.output
    for term, energy in (
        ("synaptic op", "23.6 nJ"),
        ("neuron update active", "810 pJ"),
        ("neuron update inactive", "4.68 nJ"),
        ("spike within tile", "17.0 pJ"),
        ("hop", "70.0 pJ"),
    ):
        assert " ".join(cells(result.output, f"{term} ")[:2]) == energy
    assert "secondary" not in result.output  # hops were supposed, and that is the weakest
    assert "assumed" in result.output


def test_counts_of_usual_devices(counted):
    result = call("energy", "--counts", counted)
    assert result.exit_code == 0, result.output
    assert "twenty: 5 neurons, 200 synapses, 1 steps, 20 inferences" in result.output
    assert " ".join(cells(result.output, "TrueNorth at 20 Hz")[-2:]) == "1.30 nJ"
    assert "0.25 spikes per synapse" in result.output


def test_counts_as_json_and_as_files(counted, tmp_path):
    out = tmp_path / "out"
    result = call("energy", "--counts", counted, "--device", "odin", "--json", "--out", out)
    assert result.exit_code == 0, result.output
    found = json.loads(result.output)
    assert [one["device"] for one in found["modelled"]] == ["odin"]
    assert found["modelled"][0]["total_j"] == pytest.approx(12.7e-9)
    assert sorted(path.name for path in out.iterdir()) == ["energy.json", "energy.png"]
    assert json.loads((out / "energy.json").read_text())["modelled"] == found["modelled"]
    assert (out / "energy.png").read_bytes().startswith(b"\x89PNG")


def test_energy_says_what_to_do():
    assert "give --counts FILE" in refused(call("energy"))


@pytest.mark.parametrize(
    ("text", "match"),
    [
        (None, "there is no such file"),
        ("{}", "format must be 'cusnn-counts-1', got None"),
        ("spikes", "is not JSON"),
        ("[1]", "format must be 'cusnn-counts-1'"),
        ("\x89PNG", "is no file of counts of cusnn"),
    ],
)
def test_counts_that_are_none(tmp_path, text, match):
    path = tmp_path / "counts.json"
    if text is not None:
        path.write_text(text, encoding="latin-1")
    line = refused(call("energy", "--counts", path))
    assert line.startswith(f"error: --counts {path}")
    assert match in line


@pytest.mark.parametrize(
    ("options", "match"),
    [
        (("--device", "loihi"), "did you mean loihi1"),
        (("--device", "yan22-v1"), "holds constants of a model"),
        (("--hops", "-1"), "hops_per_spike must be finite"),
    ],
)
def test_counts_on_impossible_devices(counted, options, match):
    assert match in refused(call("energy", "--counts", counted, *options))


# ------------------------------------------------------------------ energy devices


def test_every_device_is_listed(monkeypatch):
    result = call("energy", "devices")
    assert result.exit_code == 0, result.output
    first = {line.split()[0] for line in result.output.splitlines() if line.strip()}
    assert set(devices()) <= first
    monkeypatch.setenv("COLUMNS", "60")
    narrow = call("energy", "devices").output
    assert set(devices()) <= {line.split()[0] for line in narrow.splitlines() if line.strip()}
    listed = json.loads(call("energy", "devices", "--json").output)
    assert [one["name"] for one in listed] == list(devices())
    known = sum(price.value is not None for price in devices()["loihi1"].prices)
    assert listed[0]["figures"] == known


def test_a_device_in_full():
    result = call("energy", "devices", "loihi1")
    assert result.exit_code == 0, result.output
    assert cells(result.output, "synaptic op  ")[:4] == ["23.6", "pJ/op", "per", "term"]
    assert cells(result.output, "barrier sync  ")[:2] == ["none", "published"]
    # Each source once, by the number that its figures carry.
    output = " ".join(result.output.split())
    for number, source in enumerate(dict.fromkeys(p.source for p in devices()["loihi1"].prices), 1):
        assert output.count(" ".join(source.split())) == 1
        assert f"[{number}] {source}" in output
    assert cells(result.output, "synaptic op  ")[-1] == "[1]"
    assert cells(result.output, "year  ")[0] == "2018"
    prices = json.loads(call("energy", "devices", "loihi1", "--json").output)["prices"]
    assert len(prices) == len(devices()["loihi1"].prices)


def test_devices_as_markdown():
    assert call("energy", "devices", "--markdown").output == hardware_markdown()
    assert "without loihi1" in refused(call("energy", "devices", "loihi1", "--markdown"))


def test_an_unknown_device():
    assert "did you mean truenorth-2014" in refused(call("energy", "devices", "TrueNorth"))


# ------------------------------------------------------------------ energy crossover


def test_crossover_by_the_closed_form(tmp_path):
    options = ("--fan-in", "100", "--steps", "6", "--rate", "0.05", "--weights", "dram")
    result = call("energy", "crossover", *options, "--out", tmp_path)
    assert result.exit_code == 0, result.output
    rate = crossover_rate(cost_model("dram"), Layer(fan_in=100, steps=6))
    assert cells(result.output, "6 ")[0] == f"{rate:.2%}"
    found = json.loads((tmp_path / "crossover.json").read_text())
    assert found["crossover_rates"]["as given"][found["steps"].index(6)] == pytest.approx(rate)
    said = [one.verdict for one in verdict(rate=0.05, steps=6)]
    assert [one["verdict"] for one in found["thresholds"]] == said
    assert "5.00% per step, 0.3 spikes per synapse, T 6" in result.output
    for one in verdict(rate=0.05, steps=6):
        said = one.verdict if one.published else f"({one.verdict})"
        assert said in cells(result.output, one.threshold.name)
    assert (tmp_path / "crossover.png").read_bytes().startswith(b"\x89PNG")


def test_crossover_judges_nothing_that_was_not_given(tmp_path):
    result = call("energy", "crossover", "--out", tmp_path)
    assert result.exit_code == 0, result.output
    assert "plausible" not in result.output
    found = json.loads((tmp_path / "crossover.json").read_text())
    assert not {"verdict", "spikes_per_synapse"} & set(found["thresholds"][0])
    assert cells(result.output, "1 ")[0] == "always"


@pytest.mark.parametrize(
    ("options", "match"),
    [
        (("--weights", "tape"), "sram_8kib, sram_32kib, sram_1mib, dram"),
        (("--rate", "1.5"), "at most one spike per neuron and step"),
        (("--steps", "0"), "steps must be at least 1"),
        (("--fan-in", "0"), "fan_in must be finite and at least 1"),
        (("--hops", "-2"), "hops must be finite and at least 0"),
    ],
)
def test_crossover_refuses(tmp_path, options, match):
    out = tmp_path / "out"
    assert match in refused(call("energy", "crossover", *options, "--out", out))
    assert not out.exists()


def test_published_peers_beside_ours():
    """What is modelled and what was measured here stand first among them, each in its column."""
    found = Measurement("RAPL", 2e-6, seconds=7.0, conditions={})
    parts = {"all": OpCounts(1000, 0, 4000, 10, 90, 10, weight_bytes=4000)}
    ran = Workload("ran", parts, neurons=5, synapses=200, steps=20, model_time_ms=2.0)
    spent = Spent.of(ran, (found,), published=True)
    table = comparison._published_table(spent.comparison.rows())
    columns = [list(column.cells) for column in table.columns]
    by_name = dict(zip(columns[0], zip(*columns[1:], strict=True), strict=True))
    assert by_name["here: CPU and memory"] == ("", "2.00 nJ", "measured, RAPL")
    # 700 W over 4,000 B at 4.8 TB/s, then over 1,000 + 4 * 100 FLOP at 67 TFLOPS.
    assert by_name["this run, modelled on H200"] == ("598 pJ", "", "modelled")
    assert by_name["this run, modelled on Loihi (Davies 2018)"][2] == "modelled; without hops"
    assert by_name["this run, modelled on SpiNNaker 1"][2] == "modelled"
    assert len(by_name) == 4 + 14
    assert columns[0][:4] == [name for name in by_name if name.startswith(("this", "here"))]
