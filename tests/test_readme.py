"""What the README prints runs, and the files that it names are there."""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
FLOWING = " ".join(TEXT.split())
RESULTS = ROOT / "benchmarks" / "results"
EXAMPLES = re.findall(r"```python\n(.*?)```", TEXT, re.S)


def test_nothing_is_left_to_fill_in():
    assert len(EXAMPLES) == 5
    assert "@@" not in TEXT
    assert "TODO" not in TEXT


@pytest.mark.parametrize("code", EXAMPLES, ids=lambda code: code.split("\n", 1)[0])
def test_example_runs(code, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(compile(code, "README.md", "exec"), names)
    if "model" in names:
        assert names["spikes"].shape == (25, 32, 10)
        assert all(parameter.grad is not None for parameter in names["model"].parameters())
    elif "resumed" in names:
        assert names["voltages"].shape == (300, 3)
        assert names["voltages"].std() > 0.1
    elif "result" in names:
        rates = names["result"].rates()
        assert all(0.1 < rate < 200.0 for rate in rates.values()), rates
        assert "{'E': " in capsys.readouterr().out
    elif "workload" in names:
        assert names["workload"].counts.synaptic_ops > 100_000
        printed = capsys.readouterr().out
        assert all(name in printed for name in ("Loihi", "TrueNorth", "H200", "range"))
    else:
        assert names["forward"].spikes.any()
        assert names["grad_weights"].shape == names["weights"].shape
        assert names["grad_weights"].any()


def test_named_files_exist():
    named = re.findall(r"`((?:cusnn|kernels|tests|benchmarks|notebooks)/[\w./-]*)`", TEXT)
    named += re.findall(r"\]\(([\w./-]+)\)", TEXT)
    assert named
    for name in named:
        assert (ROOT / name).exists(), name


def test_rates_are_those_of_the_result_file():
    summaries = json.loads((RESULTS / "microcircuit_rates.json").read_text())["summary"]
    (full,) = (s for s in summaries if (s["scale"], s["drive"]) == (1.0, "poisson"))
    for label, found in full["populations"].items():
        name = label.replace("L23", "L2/3")
        expected = (
            f"| {name[:-1]} {name[-1]} | {found['mean_hz']:.3f} ± {found['sd_hz']:.3f} "
            f"| {found['published']['rate_hz']:.3f} | {found['nest']['rate_hz']:.3f} |"
        )
        assert expected in TEXT
        assert found["published"]["inside"]
        assert found["nest"]["inside"]


def test_speed_is_that_of_the_result_file():
    for run in json.loads((RESULTS / "microcircuit_speed.json").read_text()):
        drive = {"dc": "direct current", "poisson": "Poisson"}[run["settings"]["drive"]]
        speed = run["performance"]
        expected = (
            f"| {drive} | {run['settings']['threads']} | {speed['build_s']:.1f} s "
            f"| {speed['measured_wall_s']:.2f} s "
            f"| {speed['ns_per_synaptic_event']:.1f} ns "
            f"| {speed['peak_memory_bytes'] / 1e9:.2f} GB |"
        )
        assert expected in TEXT


def test_comparison_is_that_of_the_result_file():
    from benchmarks import network_table

    content = json.loads((RESULTS / "networks" / "networks.json").read_text())
    table = network_table.markdown(content).splitlines()
    for entry in content["rows"].values():
        (line,) = (line for line in table if line.startswith(f"| {entry['title']} ("))
        assert line in TEXT


def test_training_is_that_of_the_result_file():
    from benchmarks import training_table

    content = json.loads((RESULTS / "training" / "training.json").read_text())
    table = training_table.markdown(content).splitlines()
    shown = [entry["title"] for name, entry in content["rows"].items() if name != "digits_steps"]
    for title in shown:
        line = next(line for line in table if line.startswith(f"| {title}"))
        assert line in TEXT
    accuracies = [line for line in table if line.startswith(("| cusnn | 9", "| cusnn.torch | 9"))]
    assert len(accuracies) == 2
    assert all(line in TEXT for line in accuracies)
    rows = [line.split("|")[1:-1] for line in table if line.startswith("|")]
    cells = [[cell.strip() for cell in row] for row in rows if len(row) == 5]
    for work, sentence in (
        ("N 1,024", "by {:,} MB through `cusnn.torch` at N 1,024"),
        ("N 4,096", "by {:,} MB at N 4,096"),
    ):
        (ours,) = (int(c[4]) for c in cells if c[0].endswith(work) and c[1] == "cusnn.torch")
        (theirs,) = (int(c[4]) for c in cells if c[0].endswith(work) and c[1] == "SpikingJelly")
        assert sentence.format(ours) in FLOWING
        assert re.search(rf"SpikingJelly's grows by .*\b{theirs:,}\b", FLOWING)
        assert 3 * ours < theirs
    by_steps = {c[0]: c for c in cells if c[1].endswith("%)")}
    few, many = by_steps["2"], by_steps["25"]
    answers = few[1].partition("%")[0]
    assert f"answers {answers} % with {few[2]} spikes instead of {many[2]}" in FLOWING


def test_validation_is_that_of_the_result_files():
    for name, statistics in (("microcircuit_dc", 24), ("microcircuit_poisson", 24), ("brunel", 6)):
        found = json.loads((RESULTS / "validation" / f"{name}.json").read_text())
        assert found["inside"]
        assert len(found["comparisons"]) == statistics
        assert all(one["inside"] for one in found["comparisons"])
    assert "all 24 distributions" in FLOWING


def test_scaling_is_that_of_the_result_file():
    text = (RESULTS / "networks" / "scaling.md").read_text()
    two = text.partition("2 threads:")[2]
    event, step = re.search(r"Explained: ([\d.]+) ns per .* and ([\d.]+) ns per", two).groups()
    assert f"{event} ns a synaptic event and {step} ns a neuron and step" in FLOWING
    rows = [line.split("|")[1:-1] for line in two.splitlines() if re.match(r"\| [\d.]+ \|", line)]
    off = max(abs(int(re.search(r"\(([+-]?\d+)%\)", row[-1]).group(1))) for row in rows)
    assert f"to within {off} %" in FLOWING
    least, most = (end(float(row[8].split()[0]) for row in rows) for end in (min, max))
    assert f"{least:.1f} to {most:.1f} bytes" in FLOWING
