"""Norse's feed-forward neurons: forward Euler, strict comparison, reset in the same step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from cusnn.conventions.convention import Convention
from cusnn.surrogates import FastSigmoid, Surrogate, preset

METHODS = {"super": "alpha", "triangle": "alpha", "tanh": "k", "circ": "alpha", "heavi_erfc": "k"}
RESET_METHODS = ("reset_value", "reset_subtract")


class _Norse(Convention):
    """What LIF and LIFBox share."""

    @property
    def surrogate(self) -> Surrogate:
        """That of ``method`` and ``alpha``."""
        if self.copy_mistakes and self.method == "super":
            return FastSigmoid(1.0)
        return preset("norse", self.method, **{METHODS[self.method]: self.alpha})

    @property
    def resting_state(self) -> tuple[float | np.ndarray, ...]:
        return (self.v_leak, *(0.0 for _ in self.state[1:]))

    def __post_init__(self):
        super().__post_init__()
        for name in ("alpha", "dt"):
            if not isinstance(getattr(self, name), float):
                raise ValueError(f"{type(self).__name__}: {name} must be one number, got an array")
        self.surrogate  # noqa: B018  raises where alpha cannot be

    def _of_a_step(self, rate):
        """dt rate, of numbers rounded to float32 as PyTorch rounds them."""
        with np.errstate(over="ignore"):
            return np.float32(self.dt) * np.asarray(rate, np.float32)


@dataclass(frozen=True, eq=False)
class LIF(_Norse):
    """Norse's ``LIF`` (feed-forward): a leaky integrate-and-fire neuron with a synaptic current.

    One step, with two products that are rounded first:

        i       = i + input
        h       = v + (dt tau_mem_inv) ((v_leak - v) + i)
        i       = i - (dt tau_syn_inv) i
        spike   = h > v_th
        v       = (1 - spike) h + spike v_reset

    State [S=2, B, N]: ``v`` and ``i``, as in ``LIFFeedForwardState``. Coefficients:
    ``dt_tau_mem_inv``, ``dt_tau_syn_inv`` (the products), ``v_leak``, ``v_th`` and ``v_reset``.

    Args:
        tau_syn_inv: 1 / synaptic time constant, 1/s.
        tau_mem_inv: 1 / membrane time constant, 1/s.
        v_leak: resting voltage.
        v_th: fires above it, not at it.
        v_reset: voltage after a spike.
        method: surrogate: "super", "triangle", "tanh", "circ" or "heavi_erfc".
        alpha: the surrogate's parameter.
        dt: step, s.
        copy_mistakes: ignore ``alpha`` where ``method`` is "super", as the library does.

    Every number but ``alpha`` and ``dt`` may be an array [N].

    Wrong in the library:

    - Release 1.1.0 ignores ``alpha`` in "super": the derivative is 1 / (1 + abs(h - v_th))^2
      whatever it is, a hundred times as wide as documented. Here it is
      1 / (1 + alpha abs(h - v_th))^2, as in Norse before, unless ``copy_mistakes=True``.
    - Its documentation gives the inverse time constants in 1/ms; with its dt of 0.001 they are
      1/s.
    - The reset of this feed-forward neuron carries a gradient, that of its recurrent ``lif_step``
      does not. Here it does, unless ``neuron_backward`` is called with ``detach_reset=True``.

    ``lif_feed_forward_step`` with ``method="adjoint"``, or "heaviside" (no gradient at all), has no
    counterpart here.

    Raises:
        ValueError: a value that is not finite, an unknown ``method``, arrays of different lengths.

    Source: norse 1.1.0, functional/lif.py, lif_feed_forward_step.
    """

    tau_syn_inv: float | np.ndarray = 200.0
    tau_mem_inv: float | np.ndarray = 100.0
    v_leak: float | np.ndarray = 0.0
    v_th: float | np.ndarray = 1.0
    v_reset: float | np.ndarray = 0.0
    method: str = "super"
    alpha: float = 100.0
    dt: float = 0.001
    copy_mistakes: bool = False

    model: ClassVar[str] = "NorseLIF"
    state: ClassVar[tuple[str, ...]] = ("v", "i")
    coefficient_names: ClassVar[tuple[str, ...]] = (
        "dt_tau_mem_inv",
        "dt_tau_syn_inv",
        "v_leak",
        "v_th",
        "v_reset",
    )
    positive: ClassVar[tuple[str, ...]] = ("alpha", "dt")
    choices: ClassVar[dict[str, tuple[str, ...]]] = {"method": tuple(METHODS)}

    def _form(self) -> int:
        return 0

    def _rows(self):
        products = self._of_a_step(self.tau_mem_inv), self._of_a_step(self.tau_syn_inv)
        return *products, self.v_leak, self.v_th, self.v_reset


@dataclass(frozen=True, eq=False)
class LIFBox(_Norse):
    """Norse's ``LIFBoxCell`` over many steps: a leaky integrate-and-fire neuron, no synapse.

    One step, with a product that is rounded first:

        h       = v + (dt tau_mem_inv) ((input + v_leak) - v)
        spike   = h > v_th
        v       = (1 - spike) h + spike v_reset          "reset_value"
                | h - spike v_th                         "reset_subtract"

    State [S=1, B, N]: ``v``. Coefficients: ``dt_tau_mem_inv`` (the product), ``v_leak``, ``v_th``
    and ``v_reset`` (whose gradient is 0 with "reset_subtract").

    Args:
        tau_mem_inv, v_leak, v_th, v_reset, method, alpha, dt, copy_mistakes: as in ``LIF``.
        reset_method: "reset_value" or "reset_subtract", the names of Norse's functions.

    Wrong in the library: ``alpha`` and the unit of ``tau_mem_inv``, as in ``LIF``. It has no layer
    over time of this neuron, only the cell.

    Raises:
        ValueError: as ``LIF``.

    Source: norse 1.1.0, functional/lif_box.py and functional/reset.py.
    """

    tau_mem_inv: float | np.ndarray = 100.0
    v_leak: float | np.ndarray = 0.0
    v_th: float | np.ndarray = 1.0
    v_reset: float | np.ndarray = 0.0
    method: str = "super"
    alpha: float = 100.0
    reset_method: str = "reset_value"
    dt: float = 0.001
    copy_mistakes: bool = False

    model: ClassVar[str] = "NorseLIFBox"
    state: ClassVar[tuple[str, ...]] = ("v",)
    coefficient_names: ClassVar[tuple[str, ...]] = ("dt_tau_mem_inv", "v_leak", "v_th", "v_reset")
    positive: ClassVar[tuple[str, ...]] = ("alpha", "dt")
    choices: ClassVar[dict[str, tuple[str, ...]]] = {
        "method": tuple(METHODS),
        "reset_method": RESET_METHODS,
    }

    def _form(self) -> int:
        return RESET_METHODS.index(self.reset_method)

    def _rows(self):
        return self._of_a_step(self.tau_mem_inv), self.v_leak, self.v_th, self.v_reset
