"""Trainings: the same from the same seed, resumed, saved, watched; recipes, and what is refused."""

import json
import warnings

import numpy as np
import pytest
from trainings import CLASSES, FEATURES, STEPS, network, patterns, stop_in, trainer, without_seconds

from cusnn.data import Values, event_arrays
from cusnn.neurons import LIF
from cusnn.training import (
    RECIPES,
    SGD,
    Adam,
    CrossEntropyCount,
    CrossEntropyMaxMembrane,
    LayerWarning,
    LowerRate,
    MSECount,
    Readout,
    Recipe,
    Sequential,
    SpikingDense,
    SpikingRecurrent,
    UpperRate,
    load_model,
    save_model,
)


@pytest.fixture(autouse=True)
def the_reference(monkeypatch):
    """What is trained is small; the backends' own agreement is shown at the end."""
    monkeypatch.setenv("CUSNN_BACKEND", "numpy")


# Learning


@pytest.mark.parametrize(
    ("model", "encoding", "loss"),
    [
        (lambda: network(), "direct", CrossEntropyMaxMembrane()),
        (lambda: network(static=False), "rate", CrossEntropyMaxMembrane()),
        (lambda: network(SpikingRecurrent, static=False), "rate", CrossEntropyMaxMembrane()),
        (lambda: network(learn=("decay", "threshold")), "direct", CrossEntropyMaxMembrane()),
        (lambda: spiking(), "direct", CrossEntropyCount()),
        (lambda: spiking(), "direct", MSECount()),
    ],
)
def test_patterns_are_learned(model, encoding, loss):
    one = trainer(model(), epochs=12, loss=loss, optimizer=Adam(0.03))
    history = one.fit(patterns(encoding=encoding), patterns(30, encoding, seed=1))
    assert history[-1].loss < 0.5 * history[0].loss
    assert history[-1].held_accuracy > 0.9
    assert [epoch.number for epoch in history] == list(range(1, 13))


def spiking():
    """A last layer that fires."""
    hidden = SpikingDense(
        FEATURES, 20, static_input=True, input_rate=0.5, name="hidden", seed=1, steps=STEPS
    )
    return Sequential([hidden, SpikingDense(20, CLASSES, steps=STEPS, xi=0.5, seed=2)])


def test_evaluation_adds_up():
    one, data = trainer(epochs=2), patterns(30)
    one.fit(data)
    found = one.evaluate(data)
    assert found.confusion.sum() == 30
    assert found.confusion.sum(axis=1).tolist() == [10, 10, 10]
    assert np.trace(found.confusion[:, :CLASSES]) == round(30 * found.accuracy)
    assert found.accuracy == (found.predicted == data.labels).mean()
    activities = one.model.forward(data.values(np.arange(30)), STEPS)
    assert found.spikes_per_inference == pytest.approx(activities[0].counts.sum() / 30)
    assert found.rates["hidden"] == pytest.approx(activities[0].counts.mean() / STEPS)
    silent = (activities[0].counts.sum(axis=0) == 0).mean()
    assert found.dead["hidden"] == pytest.approx(silent)
    value, _ = one.loss(activities[-1], data.labels)
    assert found.loss == pytest.approx(float(value), rel=1e-5)


def test_regularisers_move_the_rates():
    rates = {}
    for name, penalties in {
        "none": (),
        "lower": (LowerRate(0.3, 20.0),),
        "upper": (UpperRate(0.02, 20.0, layer="hidden"),),
    }.items():
        one = trainer(epochs=6, regularisers=penalties)
        rates[name] = one.fit(patterns())[-1].rates["hidden"]
    for layer in ("hiden", "readout"):
        with pytest.raises(ValueError, match=rf"must be one that spikes \(hidden\), got '{layer}'"):
            trainer(regularisers=(UpperRate(layer=layer),))
    assert rates["upper"] < 0.7 * rates["none"]
    assert rates["lower"] > 1.2 * rates["none"]


# The same again


@pytest.mark.parametrize("encoding", ["direct", "rate"])
def test_the_seed_decides_every_bit(encoding):
    def weights(seed):
        static = encoding == "direct"
        one = trainer(network(static=static, seed=seed), seed=seed, noise=0.1 * static)
        one.fit(patterns(encoding=encoding))
        return one.model.values

    first = weights(1)
    np.testing.assert_array_equal(first, weights(1))
    assert not np.array_equal(first, weights(2))


def test_samples_come_in_another_order_in_every_epoch():
    data, orders = patterns(), []
    make = data._make

    def noted(indices, epoch):
        orders.append((epoch, tuple(indices)))
        return make(indices, epoch)

    data._make = noted
    trainer(epochs=2, prefetch=0).fit(data)
    first, second = (sum((i for e, i in orders if e == epoch), ()) for epoch in (0, 1))
    assert sorted(first) == sorted(second) == list(range(60))
    assert first != second
    assert first != tuple(range(60))


def test_noise_is_of_training_only():
    plain, noisy = trainer(epochs=1), trainer(epochs=1, noise=0.3)
    for one in (plain, noisy):
        one.fit(patterns())
    assert not np.array_equal(plain.model.values, noisy.model.values)
    noisy.model.values[...] = plain.model.values
    assert noisy.evaluate(patterns()).loss == plain.evaluate(patterns()).loss
    with pytest.raises(ValueError, match=r"noise is added to values.*take noise=0, got 0\.3"):
        noisy.fit(patterns(encoding="rate"))


@pytest.mark.parametrize("kind", [SpikingDense, SpikingRecurrent])
@pytest.mark.parametrize("optimizer", [lambda: Adam(0.01, weight_decay=0.1), lambda: SGD(0.1)])
def test_an_interrupted_training_ends_as_one_that_was_not(tmp_path, kind, optimizer):
    def fresh(name):
        model = network(kind, static=False, learn=("decay",))
        file = tmp_path / name
        return trainer(model, optimizer=optimizer(), checkpoint=file)

    data = patterns(encoding="rate")
    whole = fresh("whole.npz")
    whole.fit(data)
    broken = fresh("broken.npz")
    with pytest.raises(KeyboardInterrupt):
        broken.fit(data, progress=stop_in(3, 2))
    assert broken.epoch == 2
    again = fresh("broken.npz")
    again.resume(tmp_path / "broken.npz")
    assert again.epoch == 2
    again.fit(data)
    np.testing.assert_array_equal(again.model.values, whole.model.values)
    assert without_seconds(again.history) == without_seconds(whole.history)


def test_the_progress_is_told():
    told = []
    trainer(epochs=2).fit(patterns(), progress=lambda share, done: told.append((share, done)))
    shares = [share for share, done in told if done is None]
    assert shares == pytest.approx([0.25, 0.5, 0.75, 1.0] * 2)
    assert [done.number for _, done in told if done is not None] == [1, 2]


# Files


@pytest.mark.parametrize("kind", [SpikingDense, SpikingRecurrent])
def test_a_model_comes_back(tmp_path, kind):
    model = network(kind, learn=("decay",), neuron=LIF(tau_mem=np.linspace(5, 9, 20)))
    model.values += 0.01
    save_model(tmp_path / "model", model, {"note": [1, 2]})
    same, about = load_model(tmp_path / "model")
    assert about == {"note": [1, 2]}
    np.testing.assert_array_equal(same.values, model.values)
    values = patterns().values(np.arange(5))
    np.testing.assert_array_equal(
        same.forward(values, STEPS)[-1].membrane, model.forward(values, STEPS)[-1].membrane
    )
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_files_that_are_none_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError):
        load_model(tmp_path / "none")
    for name, content in (("text", b"hello"), ("empty", b"")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ValueError, match="is not a whole file of a cusnn model"):
            load_model(tmp_path / name)
    with pytest.raises(ValueError, match="is not a whole file"):
        load_model(tmp_path)
    save_model(tmp_path / "model", network())
    content = (tmp_path / "model").read_bytes()
    (tmp_path / "cut").write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match="is not a whole file"):
        load_model(tmp_path / "cut")
    damaged = bytearray(content)
    damaged[len(damaged) // 2] ^= 0xFF
    (tmp_path / "damaged").write_bytes(damaged)
    with pytest.raises(ValueError, match="is not a whole file"):
        load_model(tmp_path / "damaged")


def test_files_of_other_versions_and_of_other_numbers_are_refused(tmp_path):
    model = network()
    save_model(tmp_path / "model", model)
    with np.load(tmp_path / "model") as file:
        arrays = dict(file)
    header = json.loads(str(arrays["header"]))
    for key, value, text in (
        ("version", 99, "has version 99"),
        ("format", "other", "is not a whole file"),
        ("layers", [{"kind": "Dense"}], "is damaged: its layers cannot be made"),
    ):
        changed = {**arrays, "header": json.dumps({**header, key: value})}
        np.savez(tmp_path / "changed.npz", **changed)
        with pytest.raises(ValueError, match=text):
            load_model(tmp_path / "changed.npz")
    arrays["parameter:hidden.bias"] = np.full(20, np.nan, np.float32)
    np.savez(tmp_path / "changed.npz", **arrays)
    with pytest.raises(ValueError, match=r"hidden\.bias is not finite"):
        load_model(tmp_path / "changed.npz")


def test_checkpoints_of_another_training_are_refused(tmp_path):
    path = tmp_path / "checkpoint.npz"
    trainer(epochs=1, checkpoint=path).fit(patterns())
    with pytest.raises(ValueError, match=r"hidden\.\w+ is float32 \[.*20\] there, float32 \[.*21"):
        trainer(network(size=21), epochs=1).resume(path)
    with pytest.raises(ValueError, match="of another model: it holds"):
        trainer(network(learn=("decay",)), epochs=1).resume(path)
    with pytest.raises(ValueError, match="of a training with epochs 1, got 2"):
        trainer(epochs=2).resume(path)
    with pytest.raises(ValueError, match="of a training with seed 3, got 4"):
        trainer(epochs=1, seed=4).resume(path)
    save_model(path, network())
    with pytest.raises(ValueError, match="holds a model, but no training"):
        trainer(epochs=1).resume(path)


def test_a_checkpoint_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "checkpoint.npz"
    one = trainer(epochs=1, checkpoint=path)
    one.fit(patterns())
    kept = path.read_bytes()

    def full(file, **_):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(OSError, match=r"No space left.*checkpoint\.npz"):
        one.save(path)
    assert path.read_bytes() == kept
    assert [file.name for file in tmp_path.iterdir()] == ["checkpoint.npz"]


# What is watched and what is refused


def test_dead_layers_are_named():
    one = trainer(network(neuron=LIF(input="voltage", v_threshold=1e4), xi=1e4), epochs=2)
    with pytest.warns(LayerWarning, match="layer 'hidden' is dead: 20 of 20 neurons") as caught:
        history = one.fit(patterns())
    assert len(caught) == 1
    assert history[-1].dead == {"hidden": 1.0}


def test_saturated_layers_are_named():
    model = network()
    model.parameters["hidden.bias"][...] = 50.0
    with pytest.warns(LayerWarning, match="layer 'hidden' is saturated: 20 of 20 neurons"):
        history = trainer(model, epochs=1).fit(patterns())
    assert history[-1].rates["hidden"] > 0.95


def test_sound_layers_are_not():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        history = trainer(epochs=1).fit(patterns())
    assert 0.0 < history[-1].rates["hidden"] < 0.95


def test_trainers_refuse():
    with pytest.raises(ValueError, match="CrossEntropyCount needs counts, which the last layer"):
        trainer(loss=CrossEntropyCount())
    with pytest.raises(ValueError, match="epochs must be an integer of 1 or more, got 0"):
        trainer(epochs=0)
    with pytest.raises(ValueError, match="noise must be a number of 0 or more"):
        trainer(noise=float("nan"))
    for seed in (-1, 2**32, 0.5):
        with pytest.raises(ValueError, match="seed must be an integer of 0 to 4294967295"):
            trainer(seed=seed)
    with pytest.raises(ValueError, match="Trainer: 'count' needs a last layer that spikes"):
        trainer(decoder="count")
    with pytest.raises(ValueError, match="have 12 features, hidden takes 13"):
        trainer(Sequential([SpikingDense(13, 4, name="hidden"), Readout(4, 3)])).fit(patterns())
    few = Sequential([SpikingDense(FEATURES, 4), Readout(4, 2, name="out")])
    with pytest.raises(ValueError, match="have 3 classes, out has 2 neurons"):
        trainer(few).fit(patterns())
    used = Adam(0.01)
    trainer(optimizer=used, epochs=1).fit(patterns(16))
    with pytest.raises(ValueError, match="the optimizer has made 1 steps already; make a new one"):
        trainer(optimizer=used)


def test_data_to_hold_out_are_looked_at_before_the_first_epoch():
    one = trainer(Sequential([SpikingDense(FEATURES, 4), Readout(4, CLASSES)]))
    other = Values(np.zeros((3, FEATURES + 1), np.float32), [0, 1, 2])
    before = one.model.values.copy()
    with pytest.raises(ValueError, match="have 13 features, spikingdense0 takes 12"):
        one.fit(patterns(), other)
    np.testing.assert_array_equal(one.model.values, before)


def test_counts_of_events_are_no_spikes():
    times = np.array([(0, 1), (100, 1), (1500, 2)], [("t", "i8"), ("x", "i8")])
    data = event_arrays([times], [0], (3,)).binned(1.0, 2, most=4)
    model = Sequential([SpikingDense(3, 4), Readout(4, 2)])
    with pytest.raises(ValueError, match=r"count up to 4 events in a bin.*bin them with most=1"):
        trainer(model).fit(data)


def test_data_that_change_under_way_are_refused():
    """What the reader could not know: the trainer sees every batch."""
    data = patterns()
    data._labels = data._labels + 1
    with pytest.raises(ValueError, match="labels must be 0 to 2, one for each of the 3 outputs"):
        trainer().fit(data)
    data = patterns()
    data._values[5] = np.nan
    with pytest.raises(ValueError, match="must be finite"):
        trainer().fit(data)
    data = patterns()
    data.steps = 0
    with pytest.raises(ValueError, match="must have 1 step or more, got 0"):
        trainer().fit(data)


def test_a_training_that_diverges_says_so():
    model = network()
    model.parameters["readout.weights"][...] = 1e38
    text = r"epoch 1, batch \d: .* the training diverged: take a smaller learning rate"
    with np.errstate(all="ignore"), pytest.raises(ValueError, match=text):
        trainer(model, optimizer=SGD(1e6)).fit(patterns())


# Recipes


def test_recipes_state_what_to_expect():
    assert set(RECIPES) == {"digits", "mnist", "shd", "nmnist"}
    for recipe in RECIPES.values():
        measured = "measured)" in recipe.expected and "not measured here" not in recipe.expected
        assert measured == (recipe.name == "digits")
        assert Recipe.of(json.loads(json.dumps(recipe.settings()))) == recipe


def test_recipes_refuse():
    digits = RECIPES["digits"]
    with pytest.raises(ValueError, match="surrogate must be one of"):
        digits.changed(surrogate="none")
    with pytest.raises(ValueError, match="encoding of shd must be one of events, got 'rate'"):
        RECIPES["shd"].changed(encoding="rate")
    with pytest.raises(ValueError, match="mnist: needs the path of the data"):
        RECIPES["mnist"].data()
    with pytest.raises(FileNotFoundError):
        RECIPES["nmnist"].data("/nowhere")


def test_digits_are_split_once_for_all():
    pytest.importorskip("sklearn")
    recipe = RECIPES["digits"]
    (train, test), (_, same) = recipe.data(seed=1), recipe.data(seed=2)
    assert (len(train), len(test)) == (1437, 360)
    np.testing.assert_array_equal(test.indices, same.indices)
    assert not set(train.indices) & set(test.indices)
    shares = np.bincount(test.labels) / np.bincount(np.concatenate([train.labels, test.labels]))
    assert np.ptp(shares) < 0.015


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"encoding": "rate", "loss": "count"},
        {"encoding": "latency", "hidden": (16, 12), "recurrent": True, "learn": ("decay",)},
        {"surrogate": "triangle", "loss": "mse"},
    ],
)
def test_recipes_make_what_they_say(changes):
    recipe = RECIPES["digits"].changed(steps=4, epochs=1, **{"hidden": (16,), **changes})
    train = patterns(encoding=recipe.encoding, steps=4)
    model = recipe.model(train, seed=2)
    assert [layer.size for layer in model.layers] == [*recipe.hidden, CLASSES]
    batch = next(train.batches(len(train), prefetch=0))
    given = batch.values if recipe.encoding == "direct" else batch.spikes
    for layer, activity in zip(model.layers, model.forward(given, 4), strict=True):
        assert activity.counts is None or activity.counts.mean() / 4 > 0.005, layer
    (epoch,) = recipe.trainer(model, seed=2).fit(train)
    assert np.isfinite(epoch.loss)


# Backends


def test_backends_train_alike():
    """NumPy and Numba give the same weights but for the order of sums."""
    data, found = patterns(32), {}
    for name in ("numpy", "numba"):
        model = Sequential(network().layers, backend=name)
        trainer(model, epochs=2).fit(data)
        found[name] = model.values
    assert np.abs(found["numpy"]).max() > 0.1
    np.testing.assert_allclose(found["numba"], found["numpy"], rtol=1e-3, atol=1e-4)
