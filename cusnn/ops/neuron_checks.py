"""What the front doors of the neuron operations check beside what all of them do."""

from __future__ import annotations

from cusnn import contract, conventions
from cusnn.neurons import MODELS
from cusnn.ops import checks


def every_step(op: str, current, steps):
    """The input [A, B, N], A = T or 1, and the number of steps T."""
    shape = getattr(current, "shape", None)
    if shape is None or len(shape) == 3:
        if steps is not None and (shape is None or steps != shape[0]):
            raise ValueError(f"{op}: steps is for a static current [B, N], got {steps!r} beside T")
        return current, None if shape is None else int(shape[0])
    if len(shape) != 2:
        raise ValueError(
            f"{op}: current must be [T, B, N], or [B, N] with steps, got {list(shape)}"
        )
    if not checks.whole(steps) or steps < 0:
        raise ValueError(
            f"{op}: a static current [B, N] needs steps, a number of steps T, got {steps!r}"
        )
    return current[None], int(steps)


def check_reals(op: str, backend: str, neuron, current, **others) -> None:
    """Numbers of 16 bits are CUDA's; `others` are names of dtypes that must be the input's."""
    dtype = current.dtype.name
    for name, other in others.items():
        if other not in (None, dtype):
            raise TypeError(f"{op}: {name} is {other}, but current is {dtype}; make them the same")
    if dtype not in contract.HALVES:
        return
    convert = "convert it with .astype('float32')"
    if backend != "cuda":
        raise TypeError(f"{op}: current is {dtype}, which needs the backend 'cuda'; {convert}")
    if neuron.model not in checks.DIFFERENTIABLE:
        models = ", ".join(checks.DIFFERENTIABLE)
        raise TypeError(f"{op}: current is {dtype}, which is for {models}; {convert}")


def sizes_and_coefficients(op: contract.Op, neuron, dt, interval, steps, **arrays):
    """Sizes of all axes of a call, and the neuron's numbers per step.

    Raises:
        TypeError, ValueError: as ``contract.check``; also what is no neuron, an interval out of
            range, or parameters for another number of neurons.
    """
    check_neuron(op.name, neuron)
    checks.check_interval(op.name, interval)
    sizes = {"S": len(neuron.state), "C": len(neuron.coefficient_names)}
    if steps is not None:
        sizes.update(T=steps, Q=-(-steps // interval))
    sizes = contract.check(op, sizes, **arrays)
    sizes["W"] = -(-sizes["N"] // 32)
    checks.check_parameters(op.name, neuron, f"current has N={sizes['N']}", sizes["N"])
    return sizes, neuron.coefficients(dt)


def check_neuron(op: str, neuron) -> None:
    """TypeError for what is no neuron of this package."""
    if type(neuron) not in (*MODELS.values(), *conventions.MODELS):
        raise TypeError(
            f"{op}: neuron must be one of {', '.join(MODELS)} or of cusnn.conventions, "
            f"got {neuron!r}"
        )


def surrogate_of(op: str, neuron, surrogate):
    """The surrogate's coefficients; by default those of the neuron's library.

    Raises:
        ValueError: a neuron that no gradients are known of.
        TypeError: no neuron, or no surrogate.
    """
    check_neuron(op, neuron)
    if not neuron.differentiable:
        raise ValueError(
            f"{op}: gradients are known for LIF, CubaLIF (tau_syn_inh=None) and ALIF, "
            f"got {neuron!r}"
        )
    return checks.check_surrogate(op, neuron.surrogate if surrogate is None else surrogate)


def check_final(op: str, current, final_state) -> None:
    """A voltage that is not finite stays so, hence the final state tells of any bad input."""
    if not checks.all_finite(final_state):
        checks.check_finite(op, current=current)
        raise ValueError(f"{op}: the state overflowed float32: scale the input down")
