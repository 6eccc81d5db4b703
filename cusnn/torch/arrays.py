"""Tensors as arrays and back: the same memory, the same device, the same stream."""

from __future__ import annotations

import contextlib
import math
from typing import NamedTuple

import numpy as np
import torch

from cusnn import driver

STATE_DTYPE = torch.float32
CURRENT_DTYPES = (torch.float32, torch.float16, torch.bfloat16)


class Layout(NamedTuple):
    """How the trailing axes of a tensor [T, B, ...] lie in memory.

    Attributes:
        trailing: their sizes as the caller sees them.
        order: their numbers from the outermost in memory to the innermost.
    """

    trailing: tuple[int, ...]
    order: tuple[int, ...]

    @property
    def permuted(self) -> bool:
        return any(axis != place for place, axis in enumerate(self.order))

    def flatten(self, tensor: torch.Tensor) -> torch.Tensor:
        """[L, B, *trailing] -> [L, B, N], copied only where memory is in another order."""
        if self.permuted:
            tensor = tensor.permute(0, 1, *(2 + axis for axis in self.order))
        return tensor.contiguous().view(*tensor.shape[:2], math.prod(self.trailing))

    def unflatten(self, tensor: torch.Tensor) -> torch.Tensor:
        """[L, B, N] -> [L, B, *trailing], a view."""
        if len(self.trailing) == 1:
            return tensor
        sizes = [self.trailing[axis] for axis in self.order]
        viewed = tensor.view(*tensor.shape[:2], *sizes)
        if not self.permuted:
            return viewed
        return viewed.permute(0, 1, *(2 + int(place) for place in np.argsort(self.order)))

    def flatten_values(self, values):
        """A number, or an array or tensor that broadcasts to ``trailing``, as a number or [N]."""
        if isinstance(values, torch.Tensor):
            if values.dim() == 0:
                return values
            return values.broadcast_to(self.trailing).permute(self.order).reshape(-1)
        if np.ndim(values) == 0:
            return values
        return np.broadcast_to(values, self.trailing).transpose(self.order).reshape(-1)


def layout_of(tensor: torch.Tensor) -> Layout:
    """Layout of [T, B, ...]: that of the memory where trailing axes are dense, else C order."""
    trailing = tuple(tensor.shape[2:])
    order = tuple(range(len(trailing)))
    if not tensor.is_contiguous():
        by_stride = tuple(sorted(order, key=lambda axis: -tensor.stride(2 + axis)))
        if tensor.permute(0, 1, *(2 + axis for axis in by_stride)).is_contiguous():
            order = by_stride
    return Layout(trailing, order)


def check_tensor(owner: str, name: str, tensor, dtypes=CURRENT_DTYPES) -> None:
    """Refuse what is no dense tensor of these dtypes on a CPU or a CUDA GPU.

    Raises:
        TypeError: no tensor, a sparse or quantized one, or another dtype.
        ValueError: a device that no backend runs on.
    """
    if not isinstance(tensor, torch.Tensor):
        hint = "; pass torch.from_numpy of it" if isinstance(tensor, np.ndarray) else ""
        raise TypeError(f"{owner}: {name} must be a tensor, got {type(tensor).__name__}{hint}")
    if tensor.layout != torch.strided or tensor.is_quantized:
        kind = "quantized" if tensor.is_quantized else str(tensor.layout).removeprefix("torch.")
        how = "dequantize" if tensor.is_quantized else "to_dense"
        raise TypeError(f"{owner}: {name} must be a dense tensor, got {kind}; pass its .{how}()")
    if tensor.dtype not in dtypes:
        allowed = ", ".join(str(dtype).removeprefix("torch.") for dtype in dtypes)
        got = str(tensor.dtype).removeprefix("torch.")
        raise TypeError(f"{owner}: {name} must be {allowed}, got {got}; convert it with .float()")
    if tensor.device.type not in ("cpu", "cuda"):
        raise ValueError(
            f"{owner}: {name} must be on a CPU or a CUDA GPU, got device {tensor.device}"
        )


@contextlib.contextmanager
def on_device(device: torch.device):
    """A block in which arrays of ``device`` are made on PyTorch's current stream there.

    On a GPU, CuPy then takes its memory from PyTorch's allocator too: one pool holds all, and
    what is made during a graph capture belongs to the graph.
    """
    if device.type == "cpu":
        yield
        return
    stream = torch.cuda.current_stream(device).cuda_stream

    def allocate(size: int, index: int) -> int:
        return torch.cuda.caching_allocator_alloc(size, index, stream)

    def free(pointer: int, index: int) -> None:
        torch.cuda.caching_allocator_delete(pointer)

    with driver.visiting(device.index, stream, allocate, free):
        yield


def to_array(tensor: torch.Tensor | None):
    """The same memory as a NumPy array, or on a GPU, within ``on_device``, a CuPy array."""
    if tensor is None:
        return None
    tensor = tensor.detach()
    if tensor.device.type != "cpu":
        return driver.from_dlpack(tensor)
    try:
        return tensor.numpy()
    except RuntimeError as error:
        raise RuntimeError(
            "cusnn.torch: a tensor without memory of its own, as torch.func's vmap and jvp pass "
            "it; they do not go through these modules: give the module a batch, and take "
            "gradients by backward()"
        ) from error


def to_tensor(array) -> torch.Tensor | None:
    """The same memory as a tensor; ``array`` as operations return it."""
    if array is None:
        return None
    if isinstance(array, (np.ndarray, np.generic)):
        return torch.from_numpy(np.asarray(array))
    return torch.from_dlpack(array)
