"""scikit-learn's digits, 64-100-10, 25 steps: seconds per epoch and accuracy, ours and peers'.

The same 1,437 samples train and the same 360 test every contender, 64 a batch, 20 epochs of Adam.
Ours is what ``cusnn train digits`` runs. The libraries' network is theirs as their tutorials have
it: two linear layers, each with spiking neurons, cross-entropy on spike counts.
"""

from __future__ import annotations

import dataclasses
import statistics
import time

from benchmarks.training_contenders import _torch, by_hand, cusnn_neurons, snntorch, spikingjelly

STEPS, HIDDEN, CLASSES, BATCH, EPOCHS, RATE = 25, 100, 10, 64, 20, 1e-2
LEVELS = (0.95, 0.97)
IN_TORCH = {
    "cusnn.torch": cusnn_neurons,
    "SpikingJelly": spikingjelly,
    "snnTorch": snntorch,
    "written by hand (PyTorch)": by_hand,
}
NAMES = ("cusnn", *IN_TORCH)


def run(name: str, seed: int, threads: int, steps: int = STEPS) -> dict:
    """One training.

    Returns:
        ``epoch_s``: median of the epochs but the first. ``accuracy``: over the test data after
        the last. ``to_level``: seconds of training until an epoch ended at a level or above, by
        level. Of ours also ``rates`` and ``spikes``, per neuron and step and per inference.
    """
    run_one = _with_cusnn if name == "cusnn" else _with_torch
    seconds, accuracies, more = run_one(name, seed, threads, steps)
    return {
        "epoch_s": statistics.median(seconds[1:]),
        "first_epoch_s": seconds[0],
        "accuracy": accuracies[-1],
        "accuracies": accuracies,
        "to_level": {str(level): _until(seconds, accuracies, level) for level in LEVELS},
        **more,
    }


def _until(seconds: list[float], accuracies: list[float], level: float) -> float | None:
    for epoch, accuracy in enumerate(accuracies):
        if accuracy >= level:
            return sum(seconds[: epoch + 1])
    return None


def _with_cusnn(name, seed, threads, steps):
    from cusnn.training import RECIPES

    recipe = dataclasses.replace(RECIPES["digits"], steps=steps, epochs=EPOCHS)
    train, test = recipe.data(seed=seed)
    model = recipe.model(train, seed=seed)
    trainer = recipe.trainer(model, seed=seed)
    history = trainer.fit(train, test)
    evaluation = trainer.evaluate(test)
    more = {"rates": evaluation.rates, "spikes": evaluation.spikes_per_inference}
    return (
        [epoch.seconds for epoch in history],
        [float(epoch.held_accuracy) for epoch in history],
        more,
    )


def _with_torch(name, seed, threads, steps):
    torch = _torch(threads)
    from cusnn.training import RECIPES

    train, test = (
        (torch.from_numpy(part.values(part.indices)), torch.from_numpy(part.labels))
        for part in RECIPES["digits"].data(seed=seed)
    )
    torch.manual_seed(seed)
    neurons = IN_TORCH[name]
    first, second = torch.nn.Linear(64, HIDDEN), torch.nn.Linear(HIDDEN, CLASSES)
    hidden, last = neurons(torch, None), neurons(torch, None)
    optimizer = torch.optim.Adam([*first.parameters(), *second.parameters()], RATE)

    def counts(values):
        static = first(values)[None].expand(steps, -1, -1)
        return last(second(hidden(static))).sum(0)

    seconds, accuracies = [], []
    for _ in range(EPOCHS):
        started = time.perf_counter()
        for chosen in torch.randperm(len(train[1])).split(BATCH):
            loss = torch.nn.functional.cross_entropy(counts(train[0][chosen]), train[1][chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        seconds.append(time.perf_counter() - started)
        with torch.no_grad():
            right = counts(test[0]).argmax(1) == test[1]
        accuracies.append(float(right.float().mean()))
    return seconds, accuracies, {}
