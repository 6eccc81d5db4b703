"""Clipping, dropout, patience, the best epoch; what a resumed training must share; CUDA kernels."""

from dataclasses import replace

import numpy as np
import pytest
from conftest import use_emulator
from trainings import CLASSES, FEATURES, STEPS, network, patterns, stop_in, trainer, without_seconds

from cusnn import spike_pack, surrogates
from cusnn.neurons import LIF
from cusnn.training import SGD, Epoch, Readout, Sequential, SpikingDense, SpikingRecurrent, Steps
from cusnn.training.dropout import Draw, kept
from cusnn.training.optimizers import clip_gradients
from cusnn.training.results import best_of

EPOCH = Epoch(1, 1.0, 0.5, None, None, {}, {}, 0.0)


@pytest.fixture(autouse=True)
def the_reference(monkeypatch):
    monkeypatch.setenv("CUSNN_BACKEND", "numpy")


def test_gradients_are_clipped_by_their_norm():
    grads = np.array([3.0, 0.0, -4.0], np.float32)
    clip_gradients(grads, 10.0)
    assert grads.tolist() == [3.0, 0.0, -4.0]
    clip_gradients(grads, 2.5)
    np.testing.assert_allclose(grads, [1.5, 0.0, -2.0], rtol=1e-6)
    large = np.full(4, 1e30, np.float32)
    clip_gradients(large, 1.0)
    np.testing.assert_allclose(large, 0.5, rtol=1e-6)
    nothing = np.zeros(3, np.float32)
    clip_gradients(nothing, 1.0)
    assert not nothing.any()


def test_a_clipped_training_takes_short_steps():
    data, moved = patterns(16), {}
    for clip in (None, 1e-3):
        one = trainer(epochs=1, optimizer=SGD(1.0), clip=clip)
        one.schedule = Steps((0.5,))
        before = one.model.values.copy()
        one.fit(data)
        moved[clip] = np.linalg.norm(one.model.values - before)
    assert moved[1e-3] == pytest.approx(1e-3, rel=1e-3)
    assert moved[None] > 10 * moved[1e-3]


def test_steps_of_the_rate():
    schedule = Steps((0.5, 0.75), factor=0.5)
    shares = [schedule(share) for share in (0.0, 0.49, 0.5, 0.74, 0.75, 1.0)]
    assert shares == [1.0, 1.0, 0.5, 0.5, 0.25, 0.25]
    for bad in ((0.5, 0.5), (0.7, 0.2), (0.0,), (1.0,)):
        with pytest.raises(ValueError, match="at must be shares of 0 to 1, ascending"):
            Steps(bad)


def test_masks_drop_their_share_and_are_counted():
    mask = kept(Draw(3, 7), 400, 50, 0.3)
    assert mask.mean() == pytest.approx(0.7, abs=4 * np.sqrt(0.21 / 20_000))
    # Every sample and input on its own.
    assert np.ptp(mask.mean(axis=0)) < 0.25
    np.testing.assert_array_equal(mask, kept(Draw(3, 7), 400, 50, 0.3))
    for other in (Draw(4, 7), Draw(3, 8), Draw(3, 7, 1)):
        differs = mask != kept(other, 400, 50, 0.3)
        assert differs.mean() == pytest.approx(0.42, abs=0.02)
    assert kept(Draw(3, 7), 4, 5, 0.0).all()


@pytest.mark.parametrize("kind", [SpikingDense, SpikingRecurrent])
@pytest.mark.parametrize("form", ["spikes", "packed", "values", "static"])
@pytest.mark.parametrize("size", [5, 70])
def test_dropout_is_a_mask_and_larger_weights(kind, form, size):
    """The same layer with masked inputs and scaled weights, by the public layers alone."""
    share, gain = 0.4, np.float32(1 / 0.6)
    rng = np.random.default_rng(0)
    one, other = (
        kind(FEATURES, size, seed=1, input_rate=0.5, dropout=d, xi=0.7) for d in (share, 0.0)
    )
    other.parameters["weights"][...] = one.parameters["weights"] * gain
    mask = kept(Draw(5, 6), 4, FEATURES, share)
    fired = (rng.random((STEPS, 4, FEATURES)) < 0.5).astype(np.uint8)
    given, masked = {
        "spikes": (fired, fired * mask.astype(np.uint8)),
        "packed": (spike_pack(fired), spike_pack(fired * mask.astype(np.uint8))),
        "values": (fired * np.float32(2), fired * np.float32(2) * mask),
        "static": (fired[0] * np.float32(2), fired[0] * np.float32(2) * mask),
    }[form]
    given.setflags(write=False)
    answers = one.forward(given, STEPS, Draw(5, 6)), other.forward(masked, STEPS)
    assert answers[0].counts.any()
    np.testing.assert_array_equal(answers[0].spikes, answers[1].spikes)
    grad = rng.normal(0, 1, (STEPS, 4, size)).astype(np.float32)
    back, plain = one.backward(grad.copy()), other.backward(grad.copy())
    np.testing.assert_allclose(back, plain * mask, rtol=1e-5, atol=1e-6)
    for key in one.gradients:
        factor = gain if key == "weights" else np.float32(1)
        np.testing.assert_allclose(
            one.gradients[key], other.gradients[key] * factor, rtol=1e-4, atol=1e-5
        )
    # In evaluation nothing is dropped.
    other.parameters["weights"][...] = one.parameters["weights"]
    np.testing.assert_array_equal(
        one.forward(given, STEPS).spikes, other.forward(given, STEPS).spikes
    )


def dropping(size=20):
    hidden = SpikingDense(
        FEATURES, size, static_input=True, input_rate=0.5, steps=STEPS, seed=1, name="hidden"
    )
    return Sequential([hidden, Readout(size, CLASSES, seed=2, dropout=0.5, name="readout")])


def test_what_is_dropped_follows_from_seed_epoch_and_batch(monkeypatch):
    seen = []

    def noted(draw, *given):
        seen.append(draw)
        return kept(draw, *given)

    monkeypatch.setattr("cusnn.training.layers.kept", noted)
    trainer(dropping(), epochs=2, seed=3).fit(patterns(32), patterns(16))
    assert seen == [Draw(3, epoch << 32 | batch, 1) for epoch in (0, 1) for batch in (0, 1)]


def ups_and_downs(one, accuracies):
    """Held-out results of one's choice, epoch by epoch."""
    evaluate = one.evaluate

    def chosen(data):
        found = evaluate(data)
        return replace(found, accuracy=accuracies[one.epoch], loss=0.5)

    one.evaluate = chosen
    return one


def values_after_every_epoch(one, data):
    after = []

    def progress(_, done):
        if done is not None:
            after.append(one.model.values.copy())

    one.fit(data, data, progress=progress)
    return after


def test_patience_ends_a_training_and_the_best_epoch_is_kept():
    data, found = patterns(32), {}
    for keep in (False, True):
        one = trainer(epochs=9, patience=2, keep_best=keep)
        ups_and_downs(one, [0.2, 0.6, 0.5, 0.6, 0.9, 0.9])
        after = values_after_every_epoch(one, data)
        assert one.epoch == 4
        assert one.best.number == 2
        found[keep] = one.model.values
        np.testing.assert_array_equal(found[keep], after[1 if keep else 3])
    assert not np.array_equal(found[False], found[True])


def test_the_least_loss_decides_between_equals():
    history = [
        replace(EPOCH, number=n, held_accuracy=a, held_loss=loss)
        for n, a, loss in ((1, 0.5, 0.1), (2, 0.7, 0.3), (3, 0.7, 0.2), (4, 0.7, 0.2))
    ]
    assert best_of(history).number == 3
    assert best_of([EPOCH]) is None


def test_a_training_with_all_of_it_is_resumed_bit_for_bit(tmp_path):
    data = patterns(48)
    accuracies = [0.2, 0.6, 0.5, 0.55, 0.9]

    def fresh(name):
        options = {"clip": 0.05, "patience": 2, "keep_best": True, "noise": 0.1}
        one = trainer(dropping(), epochs=8, checkpoint=tmp_path / name, **options)
        return ups_and_downs(one, accuracies)

    whole = fresh("whole.npz")
    whole.fit(data, data)
    assert (whole.epoch, whole.best.number) == (4, 2)
    broken = fresh("broken.npz")
    with pytest.raises(KeyboardInterrupt):
        broken.fit(data, data, progress=stop_in(4, 2))
    for _ in range(2):
        again = fresh("broken.npz")
        again.resume(tmp_path / "broken.npz")
        again.fit(data, data)
        np.testing.assert_array_equal(again.model.values, whole.model.values)
        assert without_seconds(again.history) == without_seconds(whole.history)


def test_a_training_that_has_not_begun_is_saved_and_resumed(tmp_path):
    trainer(epochs=1, keep_best=True).save(tmp_path / "begin")
    one, other = (trainer(epochs=1, keep_best=True) for _ in range(2))
    one.resume(tmp_path / "begin")
    for each in (one, other):
        each.fit(patterns(16), patterns(16))
    np.testing.assert_array_equal(one.model.values, other.model.values)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"clip": 0.0}, "clip must be a number above 0 or None, got 0.0"),
        ({"clip": float("nan")}, "clip must be a number above 0"),
        ({"patience": 0}, "patience must be an integer of 1 or more, got 0"),
        ({"patience": 3}, "patience and keep_best need held-out data, got held=None"),
        ({"keep_best": True}, "patience and keep_best need held-out data"),
    ],
)
def test_what_cannot_be_clipped_or_waited_for(change, text):
    with pytest.raises(ValueError, match=text):
        trainer(**change).fit(patterns())


@pytest.mark.parametrize("share", [1.0, -0.1, float("nan"), "half", True])
def test_shares_that_cannot_be_dropped(share):
    with pytest.raises(ValueError, match="dropout must be a share of 0 to below 1"):
        SpikingDense(3, 2, dropout=share)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"neuron": LIF(tau_mem=11.0, input="voltage", reset="soft")}, r"tau_mem 10\.0, got 11"),
        ({"dropout": 0.5}, r"dropout 0\.0, got 0\.5"),
        ({"dt": 0.5}, r"dt 1\.0, got 0\.5"),
        ({"surrogate": surrogates.ATan(3.0)}, "slope"),
    ],
)
def test_checkpoints_of_other_layers_are_refused(tmp_path, change, text):
    path = tmp_path / "checkpoint.npz"
    trainer(epochs=1, checkpoint=path).fit(patterns(16))
    other = trainer(network(**change), epochs=1)
    before = other.model.values.copy()
    with pytest.raises(ValueError, match=text):
        other.resume(path)
    np.testing.assert_array_equal(other.model.values, before)
    # The initial weights do not matter: they are replaced.
    trainer(network(seed=9, xi=2.0), epochs=1).resume(path)


# CUDA


@pytest.mark.parametrize("kind", [SpikingDense, SpikingRecurrent])
def test_the_kernels_train_alike(monkeypatch, kind):
    """The backend "cuda" under g++ against NumPy: same answers, gradients but for their order."""
    use_emulator(monkeypatch)
    data = patterns(32, encoding="rate")

    def trained(backend):
        hidden = kind(FEATURES, 66, seed=1, input_rate=0.5, steps=STEPS, name="hidden", dropout=0.1)
        readout = Readout(66, CLASSES, seed=2, dropout=0.2, learn=("decay",), name="readout")
        model = Sequential([hidden, readout], backend=backend)
        one = trainer(model, epochs=2, clip=1.0)
        one.fit(data)
        return model.values, one.history

    expected, history = trained("numpy")
    values, same = trained("cuda")
    assert np.abs(expected).max() > 0.1
    np.testing.assert_allclose(values, expected, rtol=1e-3, atol=1e-4)
    assert [e.rates for e in same] == [pytest.approx(e.rates, rel=0.02) for e in history]
    np.testing.assert_array_equal(values, trained("cuda")[0])
