"""``cusnn train``: what it prints, writes and refuses. On the NumPy backend, tiny."""

import gzip
import json

import numpy as np
import pytest
from typer.testing import CliRunner

from cusnn import cli
from cusnn.cli import learning
from cusnn.training import Trainer, load_model

pytest.importorskip("sklearn")
TINY = ("--epochs", "2", "--steps", "4", "--hidden", "12", "--backend", "numpy", "--batch", "128")


@pytest.fixture(autouse=True)
def plain_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "110")
    monkeypatch.setenv("CUSNN_BACKEND", "numpy")
    monkeypatch.delenv("CUSNN_DEBUG", raising=False)


def call(*arguments):
    return CliRunner().invoke(cli.app, ["train", *(str(a) for a in arguments)])


def refused(result) -> str:
    """The one line of a refusal."""
    assert result.exit_code == 2, result.output
    lines = [line for line in result.stderr.splitlines() if line.strip()]
    assert len(lines) == 1, lines
    assert lines[0].startswith("error: ")
    return lines[0]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """One complete run, looked at by many tests."""
    out = tmp_path_factory.mktemp("runs") / "digits"
    return call("digits", *TINY, "--out", out), out


def test_writes_what_it_says(finished):
    result, out = finished
    assert result.exit_code == 0, result.output
    names = (
        "checkpoint.npz",
        "confusion_matrix.png",
        "learning_curve.png",
        "model.npz",
        "summary.json",
    )
    assert tuple(sorted(path.name for path in out.iterdir())) == names
    assert all(name in result.output for name in names)
    for name in ("confusion_matrix.png", "learning_curve.png"):
        assert (out / name).read_bytes().startswith(b"\x89PNG")


def test_says_what_it_trains(finished):
    text = finished[0].output
    assert "Sequential(64-12-10), 910 parameters" in text
    assert "1,437 samples to train, 360 for the test, 4 steps, input direct" in text
    assert "to expect: 97.5% or more as the median of five seeds (measured)" in text
    assert "spikes per inference" in text


def test_the_summary_adds_up(finished):
    _, out = finished
    summary = json.loads((out / "summary.json").read_text())
    matrix = np.array(summary["confusion_matrix"])
    assert matrix.shape == (10, 11)
    assert matrix.sum() == summary["samples"] == 360
    assert np.trace(matrix) / 360 == pytest.approx(summary["accuracy"])
    assert summary["accuracy"] > 0.2
    by_layer = summary["spikes_per_inference_by_layer"]
    assert summary["spikes_per_inference"] == pytest.approx(sum(by_layer.values()))
    assert by_layer["hidden"] == pytest.approx(summary["firing_rates_per_step"]["hidden"] * 48)
    assert [epoch["number"] for epoch in summary["history"]] == [1, 2]
    assert summary["recipe"]["hidden"] == [12]
    assert (summary["seed"], summary["backend"]) == (1, "numpy")


def test_a_saved_model_is_evaluated_as_it_was_trained(finished, tmp_path):
    _, out = finished
    result = call("evaluate", out / "model.npz", "--backend", "numpy", "--out", tmp_path / "new")
    assert result.exit_code == 0, result.output
    summary = json.loads((out / "summary.json").read_text())
    found = json.loads((tmp_path / "new" / "evaluation.json").read_text())
    for key in ("accuracy", "loss", "confusion_matrix", "spikes_per_inference"):
        assert found[key] == summary[key]
    assert f"accuracy {summary['accuracy']:.2%}" in result.output
    assert (tmp_path / "new" / "confusion_matrix.png").exists()


def test_the_seed_decides(finished, tmp_path):
    _, out = finished
    call("digits", *TINY, "--out", tmp_path / "same")
    call("digits", *TINY, "--out", tmp_path / "other", "--seed", 2)
    first, same, other = (
        load_model(folder / "model.npz")[0].values
        for folder in (out, tmp_path / "same", tmp_path / "other")
    )
    np.testing.assert_array_equal(first, same)
    assert not np.array_equal(first, other)


def test_ctrl_c_and_resume_end_as_one_run(finished, tmp_path, monkeypatch):
    _, out = finished
    train_epoch = Trainer._train_epoch

    def interrupted_in_the_second(self, *given):
        if self.epoch == 1:
            raise KeyboardInterrupt
        return train_epoch(self, *given)

    with monkeypatch.context() as changed:
        changed.setattr(Trainer, "_train_epoch", interrupted_in_the_second)
        result = call("digits", *TINY, "--out", tmp_path)
    assert result.exit_code == 130
    assert "interrupted in epoch 2 of 2; 1 epoch is in" in result.stderr
    assert "--resume goes on from there" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint.npz"]
    result = call("digits", *TINY, "--out", tmp_path, "--resume")
    assert result.exit_code == 0, result.output
    assert "goes on after epoch 1" in result.output
    np.testing.assert_array_equal(
        load_model(tmp_path / "model.npz")[0].values, load_model(out / "model.npz")[0].values
    )


def test_ctrl_c_before_the_first_epoch_leaves_nothing(tmp_path, monkeypatch):
    def interrupted(self, *_):
        raise KeyboardInterrupt

    monkeypatch.setattr(Trainer, "_train_epoch", interrupted)
    result = call("digits", *TINY, "--out", tmp_path / "new")
    assert result.exit_code == 130
    assert "interrupted in epoch 1 of 2; nothing was written" in result.stderr
    assert not (tmp_path / "new").exists()


def test_dead_layers_are_warned_of(tmp_path, monkeypatch):
    from cusnn.training import recipes

    monkeypatch.setattr(recipes.Recipe, "model", silent_model(recipes.Recipe.model))
    result = call("digits", *TINY, "--rate", 1e-9, "--out", tmp_path)
    assert result.exit_code == 0, result.output
    assert "warning: layer 'hidden' is dead: 12 of 12 neurons never fired" in result.stderr


def silent_model(model):
    """Recipes' models with hidden weights that do nothing."""

    def made(self, train, **options):
        found = model(self, train, **options)
        found.parameters["hidden.weights"][...] = 0.0
        return found

    return made


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (("--epochs", "0"), "--epochs must be 1 or more, got 0"),
        (("--steps", "0"), "--steps must be 1 or more, got 0"),
        (("--batch", "-1"), "--batch must be 1 or more, got -1"),
        (("--hidden", "10,x"), "--hidden must be sizes such as 100 or 256,128, got '10,x'"),
        (("--surrogate", "step"), "--surrogate must be one of atan, exponential"),
        (("--loss", "hinge"), "--loss must be one of membrane, count, mse, got 'hinge'"),
        (("--encoding", "phase"), "--encoding must be one of direct, rate, latency"),
        (("--learn", "gain"), "--learn must be of decay, threshold, got 'gain'"),
        (("--seed", "-1"), "--seed must be 0 to 2**32 - 1, got -1"),
        (("--rate", "0"), "rate must be a positive number"),
        (("--validation", "1.5"), "--validation must be above 0 and below 1"),
        (("--backend", "tpu"), "--backend must be one of"),
        (("--resume",), "--resume: there is no"),
        (("--dropout", "1"), "dropout must be a share of 0 to below 1, got 1.0"),
        (("--clip", "-1"), "clip must be a number above 0"),
        (("--patience", "0", "--validation", "0.2"), "--patience must be 1 or more, got 0"),
        (("--patience", "3"), "--patience needs --validation"),
        (("--encoding", "rate", "--noise", "0.1"), "--noise is for --encoding direct, got rate"),
    ],
)
def test_bad_options_are_refused(tmp_path, options, text):
    assert text in refused(call("digits", *TINY, "--out", tmp_path / "new", *options))
    assert not (tmp_path / "new").exists()


def test_checkpoints_of_another_training_are_refused(finished, tmp_path):
    _, out = finished
    for name, options, text in (
        ("size", ("--hidden", "13"), "hidden"),
        ("seed", ("--seed", "5"), "seed 1, got 5"),
        ("noise", ("--noise", "0.5"), "noise 0.2, got 0.5"),
    ):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "checkpoint.npz").write_bytes((out / "checkpoint.npz").read_bytes())
        assert text in refused(call("digits", *TINY, "--out", folder, "--resume", *options))
    (folder / "checkpoint.npz").write_bytes(b"half a file")
    text = refused(call("digits", *TINY, "--out", folder, "--resume"))
    assert "is not a whole file of a cusnn model or training" in text


def test_models_that_are_none_are_refused(tmp_path):
    assert "No such file" in refused(call("evaluate", tmp_path / "none.npz"))
    (tmp_path / "text").write_text("hello")
    assert "is not a whole file" in refused(call("evaluate", tmp_path / "text"))


def test_a_missing_extra_is_named(tmp_path, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    monkeypatch.setitem(sys.modules, "sklearn", None)
    text = refused(call("digits", *TINY, "--out", tmp_path))
    assert "pip install 'cusnn[train]'" in text


def idx(array) -> bytes:
    """A file of MNIST's format."""
    head = bytes([0, 0, 8, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape)
    return gzip.compress(head + array.astype(np.uint8).tobytes())


def test_mnist_files_are_trained_on(tmp_path):
    rng = np.random.default_rng(0)
    for part, n in (("train", 64), ("t10k", 20)):
        labels = np.arange(n) % 10
        images = rng.integers(0, 40, (n, 28, 28)) + 20 * labels[:, None, None]
        (tmp_path / f"{part}-images-idx3-ubyte.gz").write_bytes(idx(images))
        (tmp_path / f"{part}-labels-idx1-ubyte.gz").write_bytes(idx(labels))
    out = tmp_path / "out"
    result = call("mnist", "--data", tmp_path, *TINY, "--out", out, "--encoding", "rate")
    assert result.exit_code == 0, result.output
    assert "64 samples to train, 20 for the test" in result.output
    assert "not measured here" in " ".join(result.output.split())
    assert call("evaluate", out / "model.npz", "--backend", "numpy").exit_code == 0


def heidelberg(path, n, rng) -> None:
    """A file of SHD's format: two classes, one of low channels and one of high ones."""
    h5py = pytest.importorskip("h5py")
    labels = np.arange(n) % 2
    with h5py.File(path, "w") as file:
        times = file.create_dataset("spikes/times", (n,), h5py.vlen_dtype(np.float16))
        units = file.create_dataset("spikes/units", (n,), h5py.vlen_dtype(np.uint16))
        for k, label in enumerate(labels):
            count = int(rng.integers(80, 120))
            times[k] = np.sort(rng.random(count)).astype(np.float16)
            units[k] = rng.integers(100 + 400 * label, 140 + 400 * label, count).astype(np.uint16)
        file["labels"] = labels.astype(np.uint16)
        file["extra/keys"] = np.array(["low", "high"], "S8")
        file["extra/speaker"] = np.zeros(n, np.uint16)


def test_heidelberg_files_are_trained_on(tmp_path):
    rng = np.random.default_rng(0)
    for part, n in (("train", 40), ("test", 12)):
        heidelberg(tmp_path / f"shd_{part}.h5", n, rng)
    out = tmp_path / "out"
    options = ("--epochs", 12, "--steps", 10, "--hidden", 16, "--batch", 8, "--backend", "numpy")
    more = ("--rate", 0.01, "--dropout", 0.1, "--clip", 5)
    result = call("shd", "--data", tmp_path, *options, *more, "--out", out)
    assert result.exit_code == 0, result.output
    assert "Sequential(700-16-2)" in result.output
    assert "published for one recurrent layer of 1,024" in " ".join(result.output.split())
    summary = json.loads((out / "summary.json").read_text())
    assert summary["accuracy"] == 1.0
    assert summary["classes"] == ["low", "high"]
    recipe = summary["recipe"]
    assert (recipe["recurrent"], recipe["dropout"], recipe["clip"]) == (True, 0.1, 5)
    again = call("evaluate", out / "model.npz", "--backend", "numpy", "--data", tmp_path)
    assert "accuracy 100.00%" in again.output


def test_camera_files_are_trained_on(tmp_path):
    rng = np.random.default_rng(0)
    for part, n in (("Train", 60), ("Test", 20)):
        for k in range(n):
            t = np.sort(rng.integers(0, 300_000, 60))
            # A class is a row of the picture.
            x, y = rng.integers(0, 34, 60), np.full(60, 3 * (k % 10) + 2)
            p = rng.integers(0, 2, 60)
            columns = (x, y, p << 7 | t >> 16, t >> 8 & 255, t & 255)
            folder = tmp_path / part / str(k % 10)
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{k:05d}.bin").write_bytes(np.stack(columns, 1).astype(np.uint8).tobytes())
    out = tmp_path / "out"
    options = ("--epochs", 12, "--steps", 6, "--hidden", 32, "--batch", 8, "--backend", "numpy")
    result = call("nmnist", "--data", tmp_path, *options, "--rate", 0.01, "--out", out)
    assert result.exit_code == 0, result.output
    assert "Sequential(2312-32-10)" in result.output
    assert json.loads((out / "summary.json").read_text())["accuracy"] > 0.9
    bad = next((tmp_path / "Train" / "3").iterdir())
    bad.write_bytes(bad.read_bytes()[:-2])
    assert bad.name in refused(call("nmnist", "--data", tmp_path, *options, "--out", out))


def test_patience_keeps_the_best_model(tmp_path):
    more = ("--validation", 0.2, "--patience", 1, "--rate", 1.0, "--seed", 3)
    result = call("digits", *TINY, *more, "--epochs", 30, "--out", tmp_path)
    assert result.exit_code == 0, result.output
    summary = json.loads((tmp_path / "summary.json").read_text())
    held = [one["held_accuracy"] for one in summary["history"]]
    best = summary["epoch_of_the_model"]
    assert len(held) == best + 1 < 30
    assert summary["accuracy"] == max(held) == held[best - 1]
    assert f"the model is that of epoch {best}, the best" in result.output


@pytest.mark.parametrize("name", ["mnist", "shd", "nmnist"])
def test_data_that_are_not_there_are_refused(tmp_path, name):
    small = ("--epochs", "1", "--backend", "numpy", "--out", tmp_path / "out")
    assert "nowhere" in refused(call(name, "--data", tmp_path / "nowhere", *small))
    assert "--data" in refused(call(name, *small))


def test_choices_are_those_of_the_library():
    from cusnn.training import recipes
    from cusnn.training.dynamics import LEARNABLE

    assert sorted(recipes.SURROGATES) == sorted(learning.SURROGATES)
    assert tuple(recipes.LOSSES) == learning.LOSSES
    assert LEARNABLE == learning.LEARNABLE


def test_help_names_the_data():
    text = call("--help").output
    assert all(name in text for name in ("digits", "mnist", "shd", "nmnist", "evaluate"))
