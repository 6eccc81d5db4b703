"""snnTorch's neurons: strict comparison, and a reset that comes a step after its spike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from cusnn.conventions.convention import Convention
from cusnn.surrogates import Surrogate, preset

RESET_MECHANISMS = ("subtract", "zero", "none")
# Bits of a form beside the index of the reset mechanism.
AT_ONCE, COPIED = 4, 8


class _SnnTorch(Convention):
    """What Leaky and Synaptic share."""

    positive: ClassVar[tuple[str, ...]] = ()
    choices: ClassVar[dict[str, tuple[str, ...]]] = {"reset_mechanism": RESET_MECHANISMS}

    @property
    def surrogate(self) -> Surrogate:
        """snnTorch's default, ``surrogate.atan()``."""
        return preset("snntorch", "atan")

    @property
    def resting_state(self) -> tuple[float, ...]:
        return tuple(0.0 for _ in self.state)

    def _form(self) -> int:
        form = RESET_MECHANISMS.index(self.reset_mechanism)
        if not self.reset_delay and self.reset_mechanism != "none":
            form += AT_ONCE + (COPIED if self.copy_mistakes else 0)
        return form


@dataclass(frozen=True, eq=False)
class Leaky(_SnnTorch):
    """snnTorch's ``Leaky``: a leaky integrate-and-fire neuron.

    One step, with H(x) = 1 for x > 0 and else 0, and beta clipped to 0 ... 1:

        reset   = H(mem - threshold)                     of the membrane before the step
        mem     = (beta mem + input) - reset threshold   "subtract"
                | beta ((1 - reset) mem) + input         "zero"
                | beta mem + input                       "none"
        spike   = H(mem - threshold)

    The membrane that a step returns is that before its reset, and the reset takes the whole
    threshold away after the decay (not ``beta threshold``). With ``reset_delay=False`` the first
    line is missing, ``reset`` is 0, and after the spike

        mem     = mem - spike threshold | mem - spike mem | mem

    Gradients: ``reset`` is a constant; the spike of a reset at once is not, unless
    ``neuron_backward`` is called with ``detach_reset=True``.

    State [S=1, B, N]: ``mem``. Coefficients: ``beta`` (clipped) and ``threshold``.

    Args:
        beta: factor of the membrane per step; the library clips it to 0 ... 1, its gradient is
            0 outside.
        threshold: fires above it, not at it.
        reset_mechanism: "subtract", "zero" or "none".
        reset_delay: reset in the step after the spike.
        copy_mistakes: with ``reset_delay=False``, do what is wrong in the library, too.

    ``beta`` and ``threshold`` may be arrays [N].

    Wrong in the library:

    - With ``reset_delay=False`` it keeps the first line and takes ``(spike - reset)`` for ``spike``
      in the last. A membrane that is above threshold still after its reset must then reach twice
      the threshold to fire again, though it gets the second subtraction back if it doesn't; with
      "zero" such a membrane (there only as initial state) is lost and its input doubled.
      ``copy_mistakes=True`` does the same. Where no input lifts a membrane to more than twice the
      threshold both are one.
    - Its documentation says that "zero" sets the membrane to 0 with the input of that step; the
      code keeps that input, and so does this class.
    - Its documentation says that spikes come a step after the threshold was passed; they come in
      the same step.

    Raises:
        ValueError: a value that is not finite, an unknown reset mechanism, arrays of different
            lengths.

    Source: snntorch 1.0.0, _neurons/leaky.py and _neurons/neurons.py.
    """

    beta: float | np.ndarray
    threshold: float | np.ndarray = 1.0
    reset_mechanism: str = "subtract"
    reset_delay: bool = True
    copy_mistakes: bool = False

    model: ClassVar[str] = "Leaky"
    state: ClassVar[tuple[str, ...]] = ("mem",)
    coefficient_names: ClassVar[tuple[str, ...]] = ("beta", "threshold")

    def _rows(self):
        return np.clip(self.beta, 0.0, 1.0), self.threshold


@dataclass(frozen=True, eq=False)
class Synaptic(_SnnTorch):
    """snnTorch's ``Synaptic``: a leaky integrate-and-fire neuron with a synaptic current.

    One step, with H(x) = 1 for x > 0 and else 0, and alpha and beta clipped to 0 ... 1:

        reset   = H(mem - threshold)                     of the membrane before the step
        syn     = alpha syn + input
        mem     = beta mem + syn
        mem     = mem - reset threshold                  "subtract"
                | mem - reset mem                        "zero"
                | mem                                    "none"
        spike   = H(mem - threshold)

    The input moves the membrane in the step in which it arrives. With "zero" the synaptic current
    of the reset step does not reach the membrane, where ``Leaky`` keeps its input. With
    ``reset_delay=False`` ``reset`` is 0, and after the spike

        mem     = mem - spike threshold | mem - spike mem | mem

    State [S=2, B, N]: ``mem`` and ``syn`` (the library returns ``syn`` first). Coefficients:
    ``alpha``, ``beta`` (clipped) and ``threshold``.

    Args:
        alpha: factor of the synaptic current per step, clipped as ``beta``.
        beta, threshold, reset_mechanism, reset_delay, copy_mistakes: as in ``Leaky``.

    Wrong in the library: ``reset_delay=False`` as in ``Leaky``.

    Raises:
        ValueError: as ``Leaky``.

    Source: snntorch 1.0.0, _neurons/synaptic.py and _neurons/neurons.py.
    """

    alpha: float | np.ndarray
    beta: float | np.ndarray
    threshold: float | np.ndarray = 1.0
    reset_mechanism: str = "subtract"
    reset_delay: bool = True
    copy_mistakes: bool = False

    model: ClassVar[str] = "Synaptic"
    state: ClassVar[tuple[str, ...]] = ("mem", "syn")
    coefficient_names: ClassVar[tuple[str, ...]] = ("alpha", "beta", "threshold")

    def _rows(self):
        return np.clip(self.alpha, 0.0, 1.0), np.clip(self.beta, 0.0, 1.0), self.threshold
