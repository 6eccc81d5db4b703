"""Learnable parameters: what an optimizer may move freely, and the physical value it stands for.

An optimizer knows no bounds, and milliseconds or millivolts are poor units for its steps. So a
module stores a free number w, from which the physical value follows within its valid range:

    tau_mem, tau_syn, tau_adaptation   w is the logit of the decay: exp(-dt / tau) = sigmoid(w)
                                       (forward Euler: 1 - dt / tau = sigmoid(w))
    v_threshold                        v_reset + exp(w) + 1e-5 |v_reset|; w itself without reset
    v_reset                            v_threshold - exp(w) - 1e-5 |v_threshold|; where both are
                                       learnt, v_threshold is w itself
    jump                               exp(w)
    r, v_leak, i_offset                w itself
    reciprocal_tau                     sigmoid(w), in float32, as SpikingJelly's ParametricLIFNode
    alpha, beta, threshold             w itself; alpha and beta are clipped to 0 ... 1 in each
                                       step, as snnTorch does, with no gradient outside
"""

from __future__ import annotations

import torch

# Decays between 1e-13 and 1 - 1e-13: float64 still tells them from 0 and 1.
LOGIT = 30.0
# A threshold stays this far above the reset, in multiples of the reset's size: float32 tells the
# two apart.
LEAST_SPAN = 1e-5


def to_free(name: str, values: dict, dt: float, learnt: frozenset[str]) -> torch.Tensor:
    """The free number, float64, that stands for ``values[name]``.

    Raises:
        ValueError: a value that no free number stands for.
    """
    value = values[name]
    if name == "reciprocal_tau":
        return -torch.log(values["init_tau"] - 1.0)
    if name.startswith("tau_"):
        exact = values.get("integration", "exact") == "exact"
        logit = -torch.log(torch.expm1(dt / value)) if exact else torch.log(value / dt - 1.0)
        return torch.clamp(logit, -LOGIT, LOGIT)
    if name == "jump":
        if torch.any(value <= 0):
            raise ValueError("a learnable jump must start above 0")
        return torch.log(value)
    if _is_span(name, values, learnt):
        beside = values["v_reset" if name == "v_threshold" else "v_threshold"]
        span = values["v_threshold"] - values["v_reset"] - LEAST_SPAN * torch.abs(beside)
        if torch.any(span <= 0):
            raise ValueError(f"a learnable {name} must start further from the other voltage")
        return torch.log(span)
    return value.clone()


def from_free(name: str, free: dict, values: dict, dt: float, learnt) -> torch.Tensor:
    """The physical value, float64, of the free number ``free[name]``.

    Args:
        name: of the parameter.
        free: float64 tensors by name.
        values: physical values of what is not learnt.
        dt: step, ms.
        learnt: names of what is.
    """
    w = free[name]
    if name == "reciprocal_tau":
        return torch.sigmoid(w.float()).to(w.dtype)
    if name.startswith("tau_"):
        w = torch.clamp(w, -LOGIT, LOGIT)
        if values.get("integration", "exact") == "exact":
            return dt / torch.nn.functional.softplus(-w)
        return dt * (1.0 + torch.exp(w))
    if name == "jump":
        return torch.exp(torch.clamp(w, -LOGIT, LOGIT))
    if not _is_span(name, values, learnt):
        return w
    if name == "v_threshold":
        return values["v_reset"] + _span(w, values["v_reset"])
    both = "v_threshold" in learnt
    v_threshold = free["v_threshold"] if both else values["v_threshold"]
    return v_threshold - _span(w, v_threshold)


def _is_span(name: str, values: dict, learnt) -> bool:
    """Whether w is the logarithm of v_threshold - v_reset."""
    if values.get("reset", "none") == "none":
        return False
    return name == "v_reset" or (name == "v_threshold" and "v_reset" not in learnt)


def _span(w: torch.Tensor, beside: torch.Tensor) -> torch.Tensor:
    return torch.exp(torch.clamp(w, -LOGIT, LOGIT)) + LEAST_SPAN * torch.abs(beside)
