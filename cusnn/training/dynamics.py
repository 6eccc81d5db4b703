"""Neurons whose decay and threshold are learned.

What is stored and changed by the optimizer has no bounds; the neuron's own parameters follow:

    decay       = 1 / (1 + exp(-parameter)),        tau_mem = -dt / log(decay)
    v_threshold = v_reset + exp(parameter)

so that no step, however large, makes a time constant negative or puts the threshold below the
reset. The parameters are one number for all neurons of a layer, or one per neuron.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

LEARNABLE = ("decay", "threshold")
# Decays that are further from 0 and 1 than float32 can tell apart.
MOST_LOGIT = 15.0


class Dynamics:
    """A neuron model together with what of it is learned.

    Args:
        neuron: a model of ``cusnn.neurons``; where learning begins.
        dt: step, ms.
        learn: names out of ``LEARNABLE``.
        per_neuron: learn one value per neuron rather than one for all.
        size: number of neurons.

    Raises:
        ValueError: another name, a threshold to learn of a neuron without one or that does not
            begin above ``v_reset``, or a decay to learn of forward Euler.
    """

    def __init__(self, neuron, dt: float, learn: tuple[str, ...], per_neuron: bool, size: int):
        self.template, self.dt, self.learn = neuron, dt, tuple(learn)
        unknown = set(self.learn) - set(LEARNABLE)
        if unknown:
            raise ValueError(
                f"learn must be names out of {', '.join(LEARNABLE)}, got {sorted(unknown)[0]!r}"
            )
        if "threshold" in self.learn and not hasattr(neuron, "v_threshold"):
            raise ValueError(f"learn: {type(neuron).__name__} has no threshold to learn")
        if "threshold" in self.learn and not np.all(neuron.v_threshold > self._v_reset()):
            raise ValueError(
                f"learn: a threshold must begin above v_reset, got v_threshold "
                f"{neuron.v_threshold} and v_reset {neuron.v_reset}"
            )
        if "decay" in self.learn and getattr(neuron, "integration", "exact") != "exact":
            raise ValueError("learn: decay needs a neuron with integration='exact', got 'euler'")
        self.shape = (size,) if per_neuron else (1,)

    def initial(self) -> dict[str, np.ndarray]:
        """Parameters of the neuron as it was given, float32 [1] or [N] by name."""
        found = {}
        if "decay" in self.learn:
            # The logit of exp(-x) is -log(expm1(x)).
            ratio = self.dt / np.asarray(self.template.tau_mem, np.float64)
            found["decay"] = -np.log(np.expm1(ratio))
        if "threshold" in self.learn:
            found["threshold"] = np.log(np.subtract(self.template.v_threshold, self._v_reset()))
        return {
            name: np.array(np.broadcast_to(self._mean(value), self.shape), np.float32)
            for name, value in found.items()
        }

    def neuron(self, parameters: dict):
        """The model with the parameters' values.

        Args:
            parameters: of ``initial``'s shapes, NumPy or CuPy arrays.
        """
        if not self.learn:
            return self.template
        changed = {}
        if "decay" in self.learn:
            logit = np.clip(_host(parameters["decay"]), -MOST_LOGIT, MOST_LOGIT)
            changed["tau_mem"] = _number(self.dt / np.log1p(np.exp(-logit)))
        if "threshold" in self.learn:
            above = np.exp(_host(parameters["threshold"]))
            changed["v_threshold"] = _number(self._v_reset() + above)
        return replace(self.template, **changed)

    def gradients(self, neuron, by_coefficient: dict) -> dict:
        """Gradients of the parameters, by the chain rule from those of the coefficients.

        Args:
            neuron: what ``neuron`` returned for the forward pass.
            by_coefficient: as ``NeuronGradients.coefficients``; sums over batch, float32, one
                number or [N] each.

        Returns:
            float64 [1] or [N] by name, on the host.
        """
        found = {}
        if "decay" in self.learn:
            slopes = slopes_by_tau(neuron, self.dt)
            total = sum(_host(by_coefficient[name]) * slope for name, slope in slopes.items())
            # d tau_mem / d parameter = tau_mem^2 (1 - decay) / dt.
            tau = np.asarray(neuron.tau_mem)
            found["decay"] = total * (tau * tau * -np.expm1(-self.dt / tau) / self.dt)
        if "threshold" in self.learn:
            above = np.asarray(neuron.v_threshold) - self._v_reset()
            found["threshold"] = _host(by_coefficient["v_threshold"]) * above
        return {name: self._summed(gradient) for name, gradient in found.items()}

    def _v_reset(self):
        return np.asarray(self.template.v_reset, np.float64)

    def _mean(self, value):
        """One number where one is learned for all neurons of a model that has one each."""
        return np.mean(value) if self.shape == (1,) else value

    def _summed(self, gradient):
        return gradient.sum().reshape(1) if self.shape == (1,) else gradient


def slopes_by_tau(neuron, dt: float) -> dict[str, np.ndarray]:
    """Derivatives of the coefficients per step with respect to ``tau_mem``, 1/ms.

    Args:
        neuron: ``LIF``, ``ALIF``, ``LI`` or ``CubaLIF`` with one synaptic current, exact.
        dt: step, ms.

    Returns:
        float64, a number or [N], by name of the coefficient.
    """
    tau, r = np.asarray(neuron.tau_mem, np.float64), np.asarray(neuron.r, np.float64)
    decay = np.exp(-dt / tau)
    slope = decay * dt / (tau * tau)
    rest = neuron.v_leak + r * np.asarray(getattr(neuron, "i_offset", 0.0))
    found = {"decay": slope, "drive": -slope * rest}
    if hasattr(neuron, "tau_syn"):
        found["gain"] = r * _propagator_slope(dt, tau, np.asarray(neuron.tau_syn, np.float64))
    elif getattr(neuron, "input", "current") == "current":
        found["gain"] = -slope * r
    return found


def _propagator_slope(dt: float, tau_mem, tau_syn):
    """Derivative of P21 / r of Rotter and Diesmann with respect to tau_mem.

    With a = 1 / tau_mem, b = 1 / tau_syn and x = (a - b) dt, P21 / r is
    a dt exp(-b dt) (1 - exp(-x)) / x.
    """
    a, b = 1.0 / tau_mem, 1.0 / tau_syn
    x = (a - b) * dt
    small = np.abs(x) < 1e-3
    safe = np.where(small, 1.0, x)
    mean = np.where(small, 1 - x / 2 + x * x / 6, -np.expm1(-safe) / safe)
    moment = np.where(
        small,
        1 / 2 - x / 3 + x * x / 8,
        (-np.expm1(-safe) - safe * np.exp(-safe)) / (safe * safe),
    )
    return -a * a * dt * np.exp(-b * dt) * (mean - a * dt * moment)


def _host(array) -> np.ndarray:
    """The values in float64 on the host; of a GPU's array, which waits for it."""
    return np.asarray(array.get() if hasattr(array, "get") else array, np.float64)


def _number(array: np.ndarray):
    return float(array[0]) if array.shape == (1,) else array
