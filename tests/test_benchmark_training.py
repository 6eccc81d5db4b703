"""The training benchmark: contenders agree with ours, mistakes are found, results are kept."""

import dataclasses
import json

import numpy as np
import pytest
from conftest import skip
from typer.testing import CliRunner

from benchmarks import __main__ as command
from benchmarks import training, training_table
from benchmarks.training_contenders import CONTENDERS
from benchmarks.training_work import WORK, disagreements

SMALL = {
    "lif": dataclasses.replace(WORK["lif"], steps=20, neurons=200),
    "linear_1024": dataclasses.replace(WORK["linear_1024"], steps=20, batch=3, neurons=96),
}


@pytest.fixture
def quick(monkeypatch):
    """No compiler of torch's in a test."""
    monkeypatch.setattr("torch.compile", lambda function: function)


@pytest.mark.parametrize("row", SMALL)
@pytest.mark.parametrize("name", CONTENDERS)
def test_contenders_agree_with_our_operations(row, name, request):
    work, contender = SMALL[row], CONTENDERS[name]
    if not contender.takes(work):
        pytest.skip("takes no part in this work")
    if contender.missing():
        skip("peers", contender.missing())
    if contender.needs:
        request.getfixturevalue("quick")
    call, results = contender.make(work, 1)
    call()
    call()
    expected = work.expected(contender.surrogate, contender.detach_reset)
    assert expected["spikes"].mean() > 0.01
    assert disagreements(work, results(), expected) == []


@pytest.mark.parametrize("row", SMALL)
def test_other_spikes_and_gradients_are_found(row):
    work, surrogate = SMALL[row], CONTENDERS["cusnn"].surrogate
    expected = work.expected(surrogate, False)
    spikes = expected["spikes"].copy()
    spikes[0, 0, :10] ^= 1
    assert "spike trains" in disagreements(work, expected | {"spikes": spikes}, expected)[0]
    for scale in (1.05, np.nan):
        found = expected | {"gradient": np.float32(scale) * expected["gradient"]}
        assert "gradient" in disagreements(work, found, expected)[0]
    detached = work.expected(surrogate, True)
    assert "gradient" in disagreements(work, detached, expected)[0]


class Fake:
    """Answers tasks without running them."""

    def __init__(self, wrong=()):
        self.tasks, self.wrong = [], wrong

    def __call__(self, task):
        self.tasks.append(task)
        name = task["contender"]
        if task["kind"] == "compare":
            return {"disagreements": ["other spikes"] if name in self.wrong else []}
        if task["kind"] == "measure":
            own = name.startswith("cusnn")
            seconds = [0.002, 0.001, 0.003] if own else [0.02, 0.01, 0.03]
            return {"seconds": seconds, "first_s": 1.0, "peak_bytes": 2, "grown_bytes": 10**6}
        return {
            "epoch_s": 0.05 if name == "cusnn" else 0.4,
            "first_epoch_s": 0.1,
            "accuracy": 0.975,
            "accuracies": [0.9, 0.975],
            "to_level": {"0.95": 0.2, "0.97": None},
            "rates": {"hidden": 0.1},
            "spikes": 100.0,
        }


@pytest.fixture
def everyone(monkeypatch):
    monkeypatch.setattr("benchmarks.training_contenders.Contender.missing", lambda self: None)


def test_a_contender_that_disagrees_is_not_timed(tmp_path, everyone):
    fake = Fake(wrong=("snnTorch",))
    series = training.Series(tmp_path / "training.json", 2, repeat=2, run=fake)
    series.row("lif")
    timed = {task["contender"] for task in fake.tasks if task["kind"] == "measure"}
    assert timed == set(CONTENDERS) - {"snnTorch"}
    text = training_table.markdown(series.content)
    assert "snnTorch: time withheld. other spikes." in text
    assert "| 2 ms | 2 ms | 20 ms (SpikingJelly) | 10 | 10 | 6 times |" in text


def test_results_are_kept_and_not_measured_twice(tmp_path, everyone):
    fake = Fake()
    training.Series(tmp_path / "training.json", 2, repeat=2, run=fake).row("lif")
    first = len(fake.tasks)
    again = training.Series(tmp_path / "training.json", 2, repeat=2, run=fake)
    again.row("lif")
    assert len(fake.tasks) == first == len(CONTENDERS) * 3
    again.row("lif", again=True)
    assert len(fake.tasks) == 2 * first


def test_digits_and_their_table(tmp_path, everyone):
    series = training.Series(tmp_path / "training.json", 2, run=Fake())
    series.row("digits")
    series.row("digits_steps")
    paths = training_table.write(tmp_path / "training.json")
    assert [path.suffix for path in paths] == [".md", ".png"]
    text = paths[0].read_text()
    assert "| cusnn | 97.5% (97.5% - 97.5%) | 5 | 0.2 | 0 of 5 reached it |" in text
    assert "| 25 | 97.5% (97.5% - 97.5%) | 100 | 0.100 | 50 |" in text
    assert json.loads((tmp_path / "training.json").read_text())["rows"]["digits"]["runs"]


def test_a_contender_that_fails_is_named_and_tried_again(tmp_path, everyone):
    path = tmp_path / "training.json"
    failing = training.Series(path, 2, repeat=1, run=lambda task: {"error": "no memory"})
    failing.row("lif")
    assert not failing.content["rows"]["lif"]["runs"]
    assert "Norse was not run: no memory." in training_table.markdown(failing.content)
    later = training.Series(path, 2, repeat=1, run=Fake())
    later.row("lif")
    assert set(later.content["rows"]["lif"]["runs"]) == set(CONTENDERS)
    assert "was not run" not in training_table.markdown(later.content)


def test_no_table_of_nothing(tmp_path):
    with pytest.raises(ValueError, match="no training results"):
        training_table.write(_empty(tmp_path))


def _empty(folder):
    path = folder / "empty.json"
    path.write_text('{"rows": {}}')
    return path


def test_the_command_lists_rows_and_refuses_others(tmp_path):
    shown = CliRunner().invoke(command.app, ["training", "--list"])
    assert shown.exit_code == 0
    assert all(name in shown.output for name in training.ROWS)
    refused = CliRunner().invoke(command.app, ["training", "--only", "mnist"])
    assert refused.exit_code == 2
    assert "only must be of lif" in refused.output
