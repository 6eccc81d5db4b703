"""PyTorch modules and functions over the operations of ``cusnn.ops``."""

try:
    import torch  # noqa: F401
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        'cusnn.torch needs PyTorch: pip install "cusnn[torch]"', name="torch"
    ) from error

from cusnn.torch.layers import LI, Recurrent, SpikingLinear
from cusnn.torch.neurons import ALIF, LIF, CubaLIF, Neurons

__all__ = ["ALIF", "LI", "LIF", "CubaLIF", "Recurrent", "SpikingLinear", "detach", "reset"]


def reset(model) -> None:
    """``reset`` of every module of this package in a model."""
    _each(model, "reset")


def detach(model) -> None:
    """``detach`` of every module of this package in a model."""
    _each(model, "detach")


def _each(model, method: str) -> None:
    for module in model.modules():
        if isinstance(module, (Neurons, Recurrent)):
            getattr(module, method)()
