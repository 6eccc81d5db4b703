"""What modules that follow another library share: its surrogates, its step modes."""

from __future__ import annotations

import inspect

import torch

from cusnn.surrogates import Surrogate, preset, presets
from cusnn.torch.neurons import Neurons


class Peer(Neurons):
    """Neurons that are called as another library's.

    Attributes:
        step_mode: "s" for one step [B, ...] a call, "m" for many [T, B, ...].
    """

    def __init__(self, *, step_mode: str = "s", **arguments):
        super().__init__(**arguments)
        if step_mode not in ("s", "m"):
            raise ValueError(
                f"{type(self).__name__}: step_mode must be 's' (one step) or 'm' (many), "
                f"got {step_mode!r}"
            )
        self.step_mode = step_mode

    def advance(self, x: torch.Tensor, state=None):
        """Spikes and final state of one step or many, as ``step_mode`` says."""
        if self.step_mode == "m":
            return self.run(x, state)
        spikes, after = self.run(x.unsqueeze(0), state)
        return spikes[0], after

    def _load_from_state_dict(self, state_dict, prefix, metadata, strict, missing, *others):
        """A checkpoint of the library itself has no extra state, which then is not missing."""
        super()._load_from_state_dict(state_dict, prefix, metadata, strict, missing, *others)
        if f"{prefix}_extra_state" in missing:
            missing.remove(f"{prefix}_extra_state")


def surrogate_of(library: str, given) -> Surrogate | None:
    """The surrogate that stands for one of another library's; None for its default.

    Args:
        library: "snntorch", "spikingjelly" or "norse".
        given: None, one of ``cusnn.surrogates``, or an object of that library: a function made by
            ``snntorch.surrogate``, a module of ``spikingjelly``'s ``surrogate``.

    Raises:
        ValueError: one that there is no counterpart for.
    """
    if given is None or isinstance(given, Surrogate):
        return given
    name, values = _described(given)
    known = {entry.name: entry for entry in presets() if entry.library == library}
    if name not in known:
        raise ValueError(
            f"cusnn.torch.{library}: no counterpart of the surrogate {name!r}; pass one of "
            f"cusnn.surrogates, or one of {', '.join(known)} of {library}"
        )
    parameters = {key: float(values[key]) for key in known[name].parameters if key in values}
    return preset(library, name, **parameters)


def _described(given) -> tuple[str, dict]:
    """Name and parameters: of a closure's function and variables, or of an object's class."""
    if inspect.isfunction(given):
        return given.__qualname__.partition(".")[0], inspect.getclosurevars(given).nonlocals
    return type(given).__name__, vars(given)


def refuse(owner: str, **unsupported) -> None:
    """Refuse arguments that are not at their default.

    Args:
        owner: the class.
        unsupported: (value, default) by name.

    Raises:
        ValueError: naming them.
    """
    wrong = [name for name, (value, default) in unsupported.items() if value != default]
    if wrong:
        raise ValueError(
            f"{owner}: {', '.join(wrong)} has no counterpart here; keep the library's module for it"
        )
