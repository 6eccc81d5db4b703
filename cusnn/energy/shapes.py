"""Shapes of layers, as the formulas for energy need them."""

from __future__ import annotations

import math
from dataclasses import dataclass

from cusnn.energy.bounds import whole


@dataclass(frozen=True)
class Dense:
    """A fully-connected layer.

    Args:
        inputs, outputs: neurons before and after.
        bias: whether every output has a bias.

    Raises:
        TypeError, ValueError: sizes that are no positive integers.
    """

    inputs: int
    outputs: int
    bias: bool = True

    def __post_init__(self):
        for name in ("inputs", "outputs"):
            object.__setattr__(self, name, whole("Dense", name, getattr(self, name), least=1))

    @property
    def weights(self) -> int:
        """Weights that are stored."""
        return self.inputs * self.outputs

    @property
    def biases(self) -> int:
        """Biases that are stored."""
        return self.outputs if self.bias else 0

    @property
    def fan_in(self) -> int:
        """Inputs of one output."""
        return self.inputs

    @property
    def kernel_weights(self) -> int:
        """Weights that one input meets."""
        return self.outputs

    @property
    def targets(self) -> int:
        """Outputs that one input changes."""
        return self.outputs


@dataclass(frozen=True)
class Convolution:
    """A convolutional layer in two dimensions; in one, heights are 1.

        output = (input + 2 padding - kernel) // stride + 1        in each dimension

    Args:
        in_channels, out_channels: channels before and after.
        in_size: (height, width) of the input.
        kernel: (height, width) of the kernel.
        stride, padding: (height, width).
        bias: whether every output channel has a bias.

    Raises:
        TypeError, ValueError: sizes that are no positive integers, or a kernel larger than the
            padded input.
    """

    in_channels: int
    out_channels: int
    in_size: tuple[int, int]
    kernel: tuple[int, int]
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (0, 0)
    bias: bool = True

    def __post_init__(self):
        for name in ("in_channels", "out_channels"):
            object.__setattr__(self, name, whole("Convolution", name, getattr(self, name), least=1))
        for name, least in (("in_size", 1), ("kernel", 1), ("stride", 1), ("padding", 0)):
            pair = tuple(getattr(self, name))
            if len(pair) != 2:
                raise ValueError(f"Convolution: {name} must be (height, width), got {pair}")
            pair = tuple(whole("Convolution", name, value, least) for value in pair)
            object.__setattr__(self, name, pair)
        if min(self.out_size) < 1:
            raise ValueError(
                f"Convolution: kernel {self.kernel} is larger than the input {self.in_size} with "
                f"padding {self.padding}"
            )

    @property
    def out_size(self) -> tuple[int, int]:
        """(height, width) of the output."""
        return tuple(
            (size + 2 * pad - kernel) // stride + 1
            for size, pad, kernel, stride in zip(
                self.in_size, self.padding, self.kernel, self.stride, strict=True
            )
        )

    @property
    def inputs(self) -> int:
        """Values before the layer."""
        return self.in_channels * math.prod(self.in_size)

    @property
    def outputs(self) -> int:
        """Values after the layer."""
        return self.out_channels * math.prod(self.out_size)

    @property
    def weights(self) -> int:
        """Weights that are stored."""
        return self.in_channels * self.out_channels * math.prod(self.kernel)

    @property
    def biases(self) -> int:
        """Biases that are stored."""
        return self.out_channels if self.bias else 0

    @property
    def fan_in(self) -> int:
        """Inputs of one output, borders left aside."""
        return self.in_channels * math.prod(self.kernel)

    @property
    def kernel_weights(self) -> int:
        """Weights that one input meets, borders left aside."""
        return self.out_channels * math.prod(self.kernel)

    @property
    def targets(self) -> int:
        """Outputs that one input changes, at most: fewer than the weights where strides skip."""
        reached = (math.ceil(k / s) for k, s in zip(self.kernel, self.stride, strict=True))
        return self.out_channels * math.prod(reached)
