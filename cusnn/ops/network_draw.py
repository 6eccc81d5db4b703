"""Front door of the Poisson input of a network, drawn again without the network."""

from __future__ import annotations

import numpy as np

from cusnn import contract, dispatch


def network_draw(
    stimuli,
    thresholds,
    *,
    n_neurons: int,
    seed: int,
    first_step: int,
    steps: int,
    backend: str | None = None,
) -> np.ndarray:
    """Sum what Poisson stimuli bring to each neuron in a stretch of steps.

        total[n] = sum over steps and stimuli of weight * count

    Random words are counted by (neuron, step), so these are the integers that ``network_advance``
    adds in those steps, on every backend.

    Args:
        stimuli, thresholds: as in the tables of ``network_advance``, int64 [I, 7], uint32 [Q].
        n_neurons: number of neurons N.
        seed, first_step: as for ``network_advance``.
        steps: of the stretch.
        backend: "numpy" or "numba"; None for the default.

    Returns:
        The sums, int64 [N].

    Raises:
        TypeError: tables of another dtype.
        ValueError: tables of another shape, or stimuli of neurons that there are not.
    """
    op = contract.OPS["network_draw"]
    sizes = contract.check(op, {"N": n_neurons, "F": 7}, stimuli=stimuli, thresholds=thresholds)
    last = (stimuli[:, 0] + stimuli[:, 1]).max(initial=0)
    if last > n_neurons:
        raise ValueError(f"{op.name}: stimuli reach neuron {last - 1}, there are {n_neurons}")
    name, xp = dispatch.choose(op.name, {"stimuli": stimuli}, backend, sizes)
    outputs = contract.allocate(op, xp, sizes)
    dispatch.function(name, op)(
        stimuli, thresholds, **outputs, seed=seed, first_step=first_step, steps=steps
    )
    return outputs["totals"]
