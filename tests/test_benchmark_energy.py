"""The benchmark of what counting costs: ratios by hand, and that it runs."""

import json

import pytest
from typer.testing import CliRunner

from benchmarks import __main__ as command
from benchmarks import energy_cost
from cusnn.simulation import Simulation


def test_ratios_are_of_the_same_turn():
    """2.2 / 2 = 1.1, 3 / 3 = 1, 6 / 4 = 1.5; medians of both would give 3 / 3."""
    found = energy_cost.ratio([2.2, 3.0, 6.0], [2.0, 3.0, 4.0])
    assert found == pytest.approx({"median": 1.1, "least": 1.0, "most": 1.5})


def test_it_runs_at_a_tiny_size(tmp_path, monkeypatch):
    durations, original = [], Simulation.run
    counted, count = [], energy_cost.count_run

    def run(self, duration):
        durations.append(duration)
        return original(self, duration)

    def counting(result, network, **options):
        before = len(durations)
        counted.append(count(result, network, **options))
        del durations[before:]  # of drawing the spikes of stimuli again
        return counted[-1]

    monkeypatch.setattr(Simulation, "run", run)
    monkeypatch.setattr(energy_cost, "count_run", counting)
    monkeypatch.setattr(energy_cost, "WARMUP_MS", 1.0)
    arguments = ["energy", "--scale", "0.01", "--time", "2", "--repeat", "2"]
    arguments += ["--backend", "numpy", "--out", str(tmp_path)]
    done = CliRunner().invoke(command.app, arguments)
    assert done.exit_code == 0, done.output
    # A turn that is not timed and two that are, of three modes.
    assert durations == [1.0, 2.0] * 9
    assert [one.counts.input_spikes is None for one in counted].count(True) == 3
    assert len(counted) == 6
    found = json.loads((tmp_path / "energy_cost.json").read_text())
    assert found["synaptic_events"] == counted[0].counts.effective_acs
    assert list(found["seconds"]) == list(energy_cost.MODES)
    assert all(len(seconds) == 2 for seconds in found["seconds"].values())
    for name, ratios in found["ratios"].items():
        assert ratios == energy_cost.ratio(found["seconds"][name], found["seconds"]["run"])
    text = (tmp_path / "energy_cost.md").read_text()
    assert text.startswith(f"**{found['machine']['cpu']}")
    assert "| run and counts | 2 |" in text
