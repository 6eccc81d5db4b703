"""Modules to put in the place of SpikingJelly's: the same arguments, calls and spikes.

    from spikingjelly.activation_based import neuron
    neuron.LIFNode(tau=2.0, step_mode="m")

becomes

    from cusnn.torch import spikingjelly as neuron
    neuron.LIFNode(tau=2.0, step_mode="m")

``functional.reset_net``, ``detach_net`` and ``set_step_mode`` work on them (and log that they are
none of the library's classes); ``cusnn.torch.reset`` and ``detach`` do the same.

What differs:

- A module keeps the voltage after the last step (``v``), not that of every step: no
  ``store_v_seq``. A batch of another size without ``reset`` is an error that says so.
- ``backend`` of the library ("torch", "cupy", "triton") has no meaning.
- On a GPU voltages are those of a division by ``tau``, which PyTorch replaces there.

``tau`` of ``LIFNode`` cannot be learnt, as in the library; ``ParametricLIFNode`` learns ``w``.
A ``state_dict`` of the library's loads.
"""

from __future__ import annotations

from typing import ClassVar

import torch

from cusnn.conventions import spikingjelly as convention
from cusnn.torch.peers import Peer, refuse, surrogate_of

FOREIGN_BACKENDS = ("torch", "cupy", "triton", "inductor")


class _Node(Peer):
    """What LIFNode and ParametricLIFNode share."""

    def __init__(self, surrogate_function, store_v_seq, backend, **arguments):
        refuse(type(self).__name__, store_v_seq=(store_v_seq, False))
        super().__init__(
            surrogate=surrogate_of("spikingjelly", surrogate_function),
            stateful=True,
            backend=None if backend in FOREIGN_BACKENDS else backend,
            **arguments,
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Spikes of one step [B, ...], or with ``step_mode="m"`` of all [T, B, ...]."""
        return self.advance(x)[0]

    @property
    def v(self) -> torch.Tensor | float:
        """The voltage after the last call; that of rest before the first."""
        return self.neuron.resting_state[0] if self.state is None else self.state[0]


class LIFNode(_Node):
    """SpikingJelly's ``LIFNode``; equations: ``cusnn.conventions.spikingjelly``.

    Args:
        tau, decay_input, v_threshold, v_reset, surrogate_function, detach_reset, step_mode,
            store_v_seq: the library's; ``surrogate_function`` may also be of
            ``cusnn.surrogates``, ``store_v_seq`` must be False.
        backend: as in ``Neurons``; the library's names are ignored.
    """

    model = convention.LIFNode

    def __init__(
        self,
        tau: float = 2.0,
        decay_input: bool = True,
        v_threshold: float = 1.0,
        v_reset: float | None = 0.0,
        surrogate_function=None,
        detach_reset: bool = False,
        step_mode: str = "s",
        store_v_seq: bool = False,
        *,
        backend: str | None = None,
    ):
        super().__init__(
            *(surrogate_function, store_v_seq, backend),
            tau=tau,
            decay_input=decay_input,
            v_threshold=v_threshold,
            v_reset=v_reset,
            detach_reset=detach_reset,
            step_mode=step_mode,
        )


class ParametricLIFNode(_Node):
    """SpikingJelly's ``ParametricLIFNode``, which learns ``w``: 1 / tau = sigmoid(w).

    Args:
        init_tau: time constant to start with, steps, above 1.
        decay_input, v_threshold, v_reset, surrogate_function, detach_reset, step_mode,
            store_v_seq, backend: as in ``LIFNode``.
    """

    model = convention.ParametricLIFNode
    free_names: ClassVar[dict[str, str]] = {"reciprocal_tau": "w"}

    def __init__(
        self,
        init_tau: float = 2.0,
        decay_input: bool = True,
        v_threshold: float = 1.0,
        v_reset: float | None = 0.0,
        surrogate_function=None,
        detach_reset: bool = False,
        step_mode: str = "s",
        store_v_seq: bool = False,
        *,
        backend: str | None = None,
    ):
        super().__init__(
            *(surrogate_function, store_v_seq, backend),
            init_tau=init_tau,
            decay_input=decay_input,
            v_threshold=v_threshold,
            v_reset=v_reset,
            detach_reset=detach_reset,
            step_mode=step_mode,
            learn=("reciprocal_tau",),
        )
