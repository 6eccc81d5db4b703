"""What the neurons of other libraries share."""

from __future__ import annotations

from typing import ClassVar

from cusnn.neurons.parameters import Coefficients, Parameters, stack
from cusnn.surrogates import Surrogate


class Convention(Parameters):
    """A neuron of another library: no refractory counter, no time step of the operations.

    Attributes:
        surrogate: the library's default surrogate.
        detach_reset: whether the neuron itself asks that the spike in the reset is a constant.
    """

    # What ``Parameters`` looks at: these neurons don't rest, and their resets are their own.
    t_refractory: ClassVar[float] = 0.0
    reset: ClassVar[str] = "none"
    differentiable: ClassVar[bool] = True

    @property
    def surrogate(self) -> Surrogate:
        raise NotImplementedError

    def _form(self) -> int:
        """Which of the forms of its step the backends take."""
        raise NotImplementedError

    def _rows(self) -> tuple:
        """The coefficients, as ``coefficient_names``."""
        raise NotImplementedError

    def coefficients(self, dt: float = 1.0) -> Coefficients:
        """Per-step numbers, the same for every ``dt``.

        Raises:
            ValueError: numbers that float32 cannot hold.
        """
        return Coefficients(
            model=self.model,
            reset=self._form(),
            refractory_steps=0,
            values=stack(type(self).__name__, self.reset, self._rows()),
        )
