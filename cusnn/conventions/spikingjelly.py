"""SpikingJelly's neurons: charge, fire at the threshold itself, reset in the same step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from cusnn.conventions.convention import Convention
from cusnn.surrogates import Surrogate, preset

# Bits of a form.
SOFT, UNDECAYED, RECIPROCAL = 1, 2, 4


class _SpikingJelly(Convention):
    """What LIFNode and ParametricLIFNode share."""

    model: ClassVar[str] = "LIFNode"
    state: ClassVar[tuple[str, ...]] = ("v",)

    @property
    def surrogate(self) -> Surrogate:
        """SpikingJelly's default, ``surrogate.Sigmoid()``."""
        return preset("spikingjelly", "Sigmoid")

    @property
    def resting_state(self) -> tuple[float | np.ndarray, ...]:
        return (0.0 if self.v_reset is None else self.v_reset,)

    def _form(self) -> int:
        return (SOFT if self.v_reset is None else 0) + (0 if self.decay_input else UNDECAYED)

    def _check_tau(self, name: str) -> None:
        if np.any(np.asarray(getattr(self, name)) <= 1.0):
            raise ValueError(
                f"{type(self).__name__}: {name} must be above 1 step, got {getattr(self, name)}"
            )


@dataclass(frozen=True, eq=False)
class LIFNode(_SpikingJelly):
    """SpikingJelly's ``LIFNode``: a leaky integrate-and-fire neuron that divides by tau.

    One step, with v_reset = 0 in the charge if it is None:

        h       = v + (input - (v - v_reset)) / tau      decay_input=True
                | (v - (v - v_reset) / tau) + input      decay_input=False
        spike   = h >= v_threshold
        v       = spike v_reset + (1 - spike) h          a number: hard reset
                | h - spike v_threshold                  None: soft reset

    State [S=1, B, N]: ``v``. Coefficients: ``tau``, ``v_threshold`` and ``v_reset`` (whose
    gradient is 0 where it is None).

    Args:
        tau: membrane time constant, steps, above 1.
        decay_input: whether the input is divided by ``tau``, too.
        v_threshold: fires at it and above.
        v_reset: voltage after a spike; None to subtract ``v_threshold`` instead.
        detach_reset: treat the spike in the reset as a constant on the way back.

    Every number may be an array [N]; SpikingJelly takes numbers only, and none of them can be
    learned there.

    Wrong in the library: nothing of this neuron; but its backends do not agree. ``LIFNode`` of
    spikingjelly before 2.0 under CuPy multiplies by 1 / tau in fused operations, and PyTorch on the
    GPU multiplies by the reciprocal of a number, so its spikes there are not those of its CPU
    unless ``tau`` is a power of two.

    Raises:
        ValueError: a value that is not finite, a ``tau`` of 1 or below, arrays of different
            lengths.

    Source: spikingjelly 2.0.0, _ops/lif/cpu.py and _ops/lif/reference.py.
    """

    tau: float | np.ndarray = 2.0
    decay_input: bool = True
    v_threshold: float | np.ndarray = 1.0
    v_reset: float | np.ndarray | None = 0.0
    detach_reset: bool = False

    coefficient_names: ClassVar[tuple[str, ...]] = ("tau", "v_threshold", "v_reset")
    may_be_none: ClassVar[tuple[str, ...]] = ("v_reset",)

    def __post_init__(self):
        super().__post_init__()
        self._check_tau("tau")

    def _rows(self):
        return self.tau, self.v_threshold, *self.resting_state


@dataclass(frozen=True, eq=False)
class ParametricLIFNode(_SpikingJelly):
    """SpikingJelly's ``ParametricLIFNode``: a ``LIFNode`` whose 1 / tau is learned.

    One step, with v_reset = 0 in the charge if it is None:

        h       = v + (input - (v - v_reset)) reciprocal_tau      decay_input=True
                | (v - (v - v_reset) reciprocal_tau) + input      decay_input=False

    and spike and reset as in ``LIFNode``. The library learns w, of which

        reciprocal_tau = 1 / (1 + exp(-w)),   w = -log(init_tau - 1) to begin with
        grad_w         = grad_reciprocal_tau reciprocal_tau (1 - reciprocal_tau)

    State [S=1, B, N]: ``v``. Coefficients: ``reciprocal_tau``, ``v_threshold`` and ``v_reset``.

    Args:
        init_tau: membrane time constant before learning, steps, above 1.
        decay_input, v_threshold, v_reset, detach_reset: as in ``LIFNode``.
        reciprocal_tau: what has become of it; None for that of ``init_tau``. The exponential of
            PyTorch is not rounded as NumPy's is: for the same bits give it ``w.sigmoid()``.

    Every number may be an array [N]; SpikingJelly takes numbers only.

    Raises:
        ValueError: a value that is not finite, an ``init_tau`` of 1 or below, a ``reciprocal_tau``
            outside 0 ... 1, arrays of different lengths.

    Source: spikingjelly 2.0.0, neuron/plif.py and _ops/plif/cpu.py; Fang et al. (2021),
    arXiv:2007.05785.
    """

    init_tau: float | np.ndarray = 2.0
    decay_input: bool = True
    v_threshold: float | np.ndarray = 1.0
    v_reset: float | np.ndarray | None = 0.0
    detach_reset: bool = False
    reciprocal_tau: float | np.ndarray | None = None

    coefficient_names: ClassVar[tuple[str, ...]] = ("reciprocal_tau", "v_threshold", "v_reset")
    may_be_none: ClassVar[tuple[str, ...]] = ("v_reset", "reciprocal_tau")

    def __post_init__(self):
        super().__post_init__()
        self._check_tau("init_tau")
        given = self.reciprocal_tau
        if given is not None and not np.all((np.asarray(given) >= 0) & (np.asarray(given) <= 1)):
            raise ValueError(f"ParametricLIFNode: reciprocal_tau must lie in 0 ... 1, got {given}")

    def _form(self) -> int:
        return super()._form() + RECIPROCAL

    def _rows(self):
        reciprocal_tau = self.reciprocal_tau
        if reciprocal_tau is None:
            w = np.float64(np.float32(-np.log(np.asarray(self.init_tau) - 1.0)))
            reciprocal_tau = 1.0 / (1.0 + np.exp(-w))
        return reciprocal_tau, self.v_threshold, *self.resting_state
