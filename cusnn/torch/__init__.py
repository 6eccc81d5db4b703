"""PyTorch modules and functions over the operations of ``cusnn.ops``."""

try:
    import torch  # noqa: F401
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        'cusnn.torch needs PyTorch: pip install "cusnn[torch]"', name="torch"
    ) from error

from cusnn.torch.functions import neuron_forward
from cusnn.torch.neurons import ALIF, LIF, CubaLIF

__all__ = ["ALIF", "LIF", "CubaLIF", "detach", "neuron_forward", "reset"]


def reset(model) -> None:
    """``reset`` of every module of this package in a model."""
    _each(model, "reset")


def detach(model) -> None:
    """``detach`` of every module of this package in a model."""
    _each(model, "detach")


def _each(model, method: str) -> None:
    from cusnn.torch.neurons import Neurons

    for module in model.modules():
        if isinstance(module, Neurons):
            getattr(module, method)()
