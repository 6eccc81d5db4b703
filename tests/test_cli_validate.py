"""``cusnn validate``: what it runs, prints, writes and refuses. Tiny, on the NumPy engine."""

import dataclasses
import json

import numpy as np
import pytest
from typer.testing import CliRunner

from cusnn import cli, models
from cusnn.cli import validate
from cusnn.simulation import Result, Simulation
from cusnn.validation import Distributions, Reference, distributions

START, STOP = 1.0, 15.0
ABOUT = {"simulator": "itself", "model": "microcircuit"}


@pytest.fixture(autouse=True)
def plain_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.delenv("CUSNN_DEBUG", raising=False)


def call(*arguments):
    return CliRunner().invoke(cli.app, [str(a) for a in arguments])


def refused(result) -> str:
    """The one line of a refusal."""
    assert result.exit_code == 2, result.output
    (line,) = [line for line in result.stderr.splitlines() if line.strip()]
    assert line.startswith("error: ")
    return line


@pytest.fixture(scope="module")
def seeds():
    """Distributions of three seeds of the very model."""
    found = []
    for seed in (1, 2, 3):
        run = Simulation(models.microcircuit(0.01, seed=seed), backend="numpy", threads=1)
        result = run.run(STOP)
        assert result.steps.size > 0
        found.append(distributions(result.times, result.neurons, result.slices, START, STOP))
    return found


@pytest.fixture(scope="module")
def reference(seeds, tmp_path_factory):
    path = tmp_path_factory.mktemp("reference") / "own.npz"
    Reference.of(seeds, ABOUT).save(path)
    return path


@pytest.fixture
def no_picture(monkeypatch):
    """It takes longer than everything else."""
    monkeypatch.setattr(validate, "write_picture", lambda *_: False)


def validated(reference, out, *more):
    arguments = ("--scale", "0.01", "--backend", "numpy", "--threads", "1")
    return call(
        "validate", "microcircuit", *arguments, "--reference", reference, "--out", out, *more
    )


def test_inside(seeds, reference, tmp_path):
    """The first seed once more: its distance to the three is two thirds of that to the others."""
    result = validated(reference, tmp_path / "new")
    assert result.exit_code == 0, result.output
    assert "all inside" in result.output
    assert "3 seeds of itself" in result.output
    assert "1 + 14 ms of model time" in result.output
    names = sorted(path.name for path in (tmp_path / "new").iterdir())
    assert names == ["validation.json", "validation.png"]
    found = json.loads((tmp_path / "new" / "validation.json").read_text())
    assert found["inside"] is True
    assert found["settings"]["scale"] == 0.01
    assert found["settings"]["seeds"] == [1]
    assert found["reference"]["simulator"] == "itself"
    assert len(found["comparisons"]) == 8 * 3
    own = Reference.load(reference)
    assert sum(one["distance"] > 0 for one in found["comparisons"]) >= 3
    for one in found["comparisons"]:
        label, statistic = one["population"], one["statistic"]
        pairs = own.distances(label, statistic)[:2]
        assert one["distance"] == pytest.approx(pairs.sum() / 3, nan_ok=True)
        assert one["threshold"] == pytest.approx(own.threshold(label, statistic))
        assert one["distance"] <= one["threshold"]


def test_seeds_are_averaged(reference, no_picture, tmp_path):
    result = validated(reference, tmp_path, "--seed", "2", "--seeds", "2")
    assert result.exit_code == 0, result.output
    assert "seed 2" in result.output
    assert "seed 3" in result.output
    found = json.loads((tmp_path / "validation.json").read_text())
    own = Reference.load(reference)
    for one in found["comparisons"]:
        first, second, third = own.distances(one["population"], one["statistic"])
        # Pairs (1, 2), (1, 3), (2, 3); seeds 2 and 3, each beside all three.
        assert one["distances"] == pytest.approx([(first + third) / 3, (second + third) / 3])
        assert one["distance"] == pytest.approx(sum(one["distances"]) / 2)


def test_outside(seeds, no_picture, tmp_path):
    """A reference whose neurons fire more often by ten spikes than they do here."""
    faster = []
    for seed in seeds:
        values = {label: dict(by_name) for label, by_name in seed.values.items()}
        values["L4I"]["rate"] = values["L4I"]["rate"] + 1000.0
        faster.append(dataclasses.replace(seed, values=values))
    path = tmp_path / "faster.npz"
    Reference.of(faster, ABOUT).save(path)
    result = validated(path, tmp_path / "out")
    assert result.exit_code == 1, result.output
    assert "1 outside" in result.output
    found = json.loads((tmp_path / "out" / "validation.json").read_text())
    (one,) = (one for one in found["comparisons"] if not one["inside"])
    assert (one["population"], one["statistic"], one["distance"]) == ("L4I", "rate", 1.0)
    assert one["reference_mean"] > one["mean"] + 900


def test_a_statistic_that_only_one_side_has_is_outside(seeds, no_picture, tmp_path):
    """Silence in the reference: no CV there to compare with."""
    silent = Reference.of(
        [
            Distributions(
                {
                    label: {name: np.full(values.size, np.nan) for name, values in found.items()}
                    for label, found in seed.values.items()
                },
                seed.sizes,
                seed.start,
                seed.stop,
                seed.neurons_for_correlation,
                seed.correlation_bin_ms,
            )
            for seed in seeds
        ],
        ABOUT,
    )
    path = tmp_path / "silent.npz"
    silent.save(path)
    assert validated(path, tmp_path / "out").exit_code == 1
    found = json.loads((tmp_path / "out" / "validation.json").read_text())
    rates = [one for one in found["comparisons"] if one["statistic"] == "rate"]
    assert all(one["distance"] == 1.0 and not one["inside"] for one in rates)
    assert all(one["reference_mean"] is None for one in rates)


def test_ctrl_c_leaves_nothing(reference, monkeypatch, tmp_path):
    def interrupted(self, duration, *, progress=None):
        raise KeyboardInterrupt

    monkeypatch.setattr(Simulation, "run", interrupted)
    result = validated(reference, tmp_path / "new")
    assert result.exit_code == 130
    assert "interrupted; nothing was written" in result.output
    assert list(tmp_path.iterdir()) == []


def test_reference_of_another_size(reference, tmp_path):
    result = validated(reference, tmp_path / "new", "--scale", "0.02")
    assert "--reference is of another network: L23E has 207 neurons there, 414 here" in refused(
        result
    )
    assert list(tmp_path.iterdir()) == []


def test_unknown_and_foreign_references(tmp_path):
    assert "--reference /no/file: there is no such file" in refused(
        validated("/no/file", tmp_path / "new")
    )
    foreign = tmp_path / "foreign"
    foreign.write_text("something else")
    assert f"{foreign} is not a reference of cusnn" in refused(validated(foreign, tmp_path / "new"))
    line = refused(call("validate", "microcircuit", "--scale", "0.3", "--out", tmp_path / "new"))
    assert "there is no microcircuit_reference_0.3_poisson.npz, there are " in line
    assert "microcircuit_reference_0.2_poisson.npz" in line
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("microcircuit", "--scale", "2"), "--scale 2.0: scale must be above 0"),
        (("microcircuit", "--seeds", "0"), "Invalid value for '--seeds'"),
        (("vogels-abbott", "--kind", "hh"), "--kind hh: kind must be one of"),
        (("brunel", "--backend", "x"), "--backend must be one of"),
        (("brunel", "--seed", "-1"), "--seed -1: seed must"),
    ],
)
def test_refusals(tmp_path, arguments, text):
    assert text in refused(call("validate", *arguments, "--out", tmp_path / "new"))
    assert list(tmp_path.iterdir()) == []


def test_the_reference_of_the_package_fits_its_model():
    network = models.microcircuit(0.2)
    reference = validate._reference("microcircuit", [0.2, "poisson"], None)
    validate._check_sizes(network, reference)
    assert reference.about["simulator"].startswith("NEST")
    assert (reference.start, reference.stop) == (500.0, 5500.0)


def test_populations_that_a_reference_has_not_are_left_out(tmp_path, monkeypatch):
    """The relays that kick COBA are no part of what is compared."""
    network = models.vogels_abbott("coba", size=100)
    empty = Result(np.zeros(0, int), np.zeros(0, int), network.slices, 0.1, 0, 150)
    parts = {label: network.slices[label] for label in ("E", "I")}
    found = distributions(empty.times, empty.neurons, parts, START, STOP)
    reference = Reference.of([found] * 3, ABOUT)
    run = type("Run", (), {"interrupted": False, "result": empty})
    monkeypatch.setattr(validate, "build", lambda *_: None)
    monkeypatch.setattr(validate, "simulate", lambda *_: run)
    published = type("Published", (), {"network": network})
    compared = validate._compared(None, published, None, reference)
    assert {one.population for one in compared.comparisons} == {"E", "I"}


@pytest.mark.parametrize("model", ["microcircuit", "brunel", "vogels-abbott"])
def test_flags_are_documented(model):
    text = call("validate", model, "--help").output
    for flag in ("seeds", "seed", "reference", "backend", "threads", "out"):
        assert f"--{flag}" in text
