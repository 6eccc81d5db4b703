"""Modules to put in the place of Norse's: the same parameters, calls and spikes.

    import norse.torch as norse                 from cusnn.torch import norse
    norse.LIF(p=norse.LIFParameters(...))       norse.LIF(p=...)   the same tuple, or None
    out, state = lif(x, state)                  out, state = lif(x, state)

``LIF`` takes [T, B, ...], ``LIFBoxCell`` one step [B, ...] a call and ``LIFBox``, which Norse has
not, all of them. States are tuples ``State(v, i)`` or ``BoxState(v)``; like Norse's modules, none
keeps one. No parameter is learnt: Norse's ``LIFParameters`` of tensors that require a gradient are
an error here.
"""

from __future__ import annotations

from typing import NamedTuple

import torch

from cusnn.conventions import norse as convention
from cusnn.torch.neurons import Neurons


class State(NamedTuple):
    """Voltage and synaptic current, [B, ...] each."""

    v: torch.Tensor
    i: torch.Tensor


class BoxState(NamedTuple):
    """Voltage [B, ...]."""

    v: torch.Tensor


class _Norse(Neurons):
    """What LIF and LIFBox share."""

    def __init__(self, p=None, dt: float = 0.001, *, backend: str | None = None, **parameters):
        if p is not None:
            parameters = {**_numbers(type(self).__name__, self.model, p), **parameters}
        super().__init__(dt=dt, backend=backend, **parameters)

    def _run(self, x: torch.Tensor, state):
        spikes, after = self.run(x, None if state is None else torch.stack(tuple(state)))
        return spikes, (State if len(after) == 2 else BoxState)(*after)

    def forward(self, x: torch.Tensor, state=None):
        """Spikes [T, B, ...] of T steps, and the state after the last."""
        return self._run(x, state)


class LIF(_Norse):
    """Norse's feed-forward ``LIF``; equations: ``cusnn.conventions.norse``.

    Args:
        p: Norse's ``LIFParameters``, or None.
        dt: step, s.
        backend: as in ``Neurons``.
        parameters: of ``cusnn.conventions.norse.LIF``, in place of those of ``p``.
    """

    model = convention.LIF


class LIFBox(_Norse):
    """Norse's ``LIFBoxCell`` over T steps; equations: ``cusnn.conventions.norse``.

    Args: as ``LIF``, of ``LIFBoxParameters`` and ``cusnn.conventions.norse.LIFBox``.
    """

    model = convention.LIFBox


class LIFBoxCell(LIFBox):
    """Norse's ``LIFBoxCell``: ``LIFBox`` for one step [B, ...] a call."""

    def forward(self, x: torch.Tensor, state=None):
        """Spikes [B, ...] of one step, and the state after it."""
        spikes, after = self._run(x.unsqueeze(0), state)
        return spikes[0], after


def _numbers(owner: str, model: type, p) -> dict:
    """Parameters of a tuple of Norse's by the names of ``model``."""
    found = {}
    for name in model.__dataclass_fields__:
        value = getattr(p, name, None)
        if isinstance(value, torch.Tensor):
            if value.requires_grad:
                raise ValueError(f"{owner}: {name} requires a gradient, but cannot be learnt here")
            value = value.detach().cpu().numpy()
        if callable(value):
            value = value.__name__
        if value is not None:
            found[name] = value
    if "alpha" in found:
        found["alpha"] = float(found["alpha"])
    return found
