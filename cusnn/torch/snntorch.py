"""Modules to put in the place of snnTorch's: the same arguments, calls and spikes.

    import snntorch as snn                 from cusnn.torch import snntorch as snn
    self.lif = snn.Leaky(beta=0.9)         self.lif = snn.Leaky(beta=0.9)
    spk, mem = self.lif(cur, mem)          spk, mem = self.lif(cur, mem)

What differs:

- ``step_mode="m"`` takes all steps [T, B, ...] in one call, which is what makes it fast, and
  returns spikes of all steps, and the membrane after the last.
- ``snntorch.utils.reset(net)`` does not know these modules: call ``cusnn.torch.reset(net)`` in its
  place, and ``cusnn.torch.detach(net)`` for ``utils`` and ``detach_hidden``.
- ``init_leaky()`` and ``reset_mem()`` forget the state and return an empty tensor, as the library
  does at first; passed on, it means a membrane at 0.
- With ``reset_delay=False`` the library's mistake is not copied (see ``cusnn.conventions``);
  ``copy_mistakes=True`` copies it.
- No ``inhibition``, ``state_quant``, ``surrogate_disable`` and ``graded_spikes_factor``.

A ``state_dict`` of snnTorch's loads; so does one of these into another of these.
"""

from __future__ import annotations

from typing import ClassVar

import torch

from cusnn.conventions import snntorch as convention
from cusnn.torch.peers import Peer, refuse, surrogate_of

RESET_NUMBERS = {"subtract": 0, "zero": 1, "none": 2}


class _SnnTorch(Peer):
    """What Leaky and Synaptic share."""

    def __init__(self, spike_grad, init_hidden, output, learn, unsupported, **arguments):
        refuse(type(self).__name__, **unsupported)
        super().__init__(
            surrogate=surrogate_of("snntorch", spike_grad),
            learn=[name for name, wanted in learn.items() if wanted],
            stateful=True,
            **arguments,
        )
        self.init_hidden = init_hidden
        self.output = output

    def _advance(self, x: torch.Tensor, rows: list):
        """Spikes and rows of the state; ``rows`` are those given, None where there are none."""
        given = [row for row in rows if row is not None and row.numel() > 0]
        if self.init_hidden and any(row is not None for row in rows):
            raise TypeError(
                f"{type(self).__name__}: with init_hidden=True the state is not passed in"
            )
        batch = x.shape if self.step_mode == "s" else x.shape[1:]
        if self.state is not None and self.state.shape[1:] != batch:
            self.reset()  # as the library does
        if not given:
            if any(row is not None for row in rows):
                self.reset()
            return self.advance(x)
        if len(given) < len(rows):
            kept = self.state
            zeros = torch.zeros_like(given[0])
            rows = [
                row if row is not None and row.numel() else zeros if kept is None else kept[index]
                for index, row in enumerate(rows)
            ]
        return self.advance(x, torch.stack([row.expand(batch).float() for row in rows]))

    def reset_mem(self):
        """Forget the state; an empty tensor for each of its rows, which means 0."""
        self.reset()
        empty = tuple(torch.zeros(0) for _ in self.model.state)
        return empty[0] if len(empty) == 1 else empty

    def _load_from_state_dict(self, state_dict, prefix, metadata, strict, missing, unexpected, *e):
        own = {key for key in state_dict if key.startswith(prefix)}
        foreign = f"{prefix}_extra_state" not in own and f"{prefix}reset_mechanism_val" in own
        if foreign:
            self._check_foreign(state_dict, prefix)
        super()._load_from_state_dict(state_dict, prefix, metadata, strict, missing, unexpected, *e)
        if foreign:
            unexpected[:] = [key for key in unexpected if not key.startswith(prefix)]

    def _check_foreign(self, state_dict, prefix: str) -> None:
        """Refuse a checkpoint of snnTorch's neuron with other numbers."""
        mine = {name: value for name, value in self._given.items() if name not in self.learn}
        mine["reset_mechanism_val"] = RESET_NUMBERS[mine["reset_mechanism"]]
        mine["graded_spikes_factor"] = 1.0
        for name, value in mine.items():
            theirs = state_dict.get(prefix + name)
            if theirs is None:
                continue
            expected = torch.as_tensor(value, dtype=torch.float32)
            if not torch.equal(theirs.float().cpu().broadcast_to(expected.shape), expected):
                raise RuntimeError(
                    f"{type(self).__name__}: the checkpoint of snnTorch has {name}={theirs}, "
                    f"but this module {value}; build it with the same arguments"
                )


class Leaky(_SnnTorch):
    """snnTorch's ``Leaky``; equations and what is wrong there: ``cusnn.conventions.snntorch``.

    Args:
        beta, threshold, spike_grad, init_hidden, learn_beta, learn_threshold, reset_mechanism,
            output, reset_delay: the library's. ``spike_grad`` may also be of ``cusnn.surrogates``.
        surrogate_disable, inhibition, state_quant, graded_spikes_factor,
            learn_graded_spikes_factor: only their defaults.
        step_mode: "s" for one step [B, ...] a call, "m" for many [T, B, ...].
        copy_mistakes: with ``reset_delay=False``, do what is wrong in the library, too.
        backend: as in ``Neurons``.
    """

    model = convention.Leaky
    free_names: ClassVar[dict[str, str]] = {"beta": "beta", "threshold": "threshold"}

    def __init__(
        self,
        beta,
        threshold=1.0,
        spike_grad=None,
        surrogate_disable=False,
        init_hidden=False,
        inhibition=False,
        learn_beta=False,
        learn_threshold=False,
        reset_mechanism="subtract",
        state_quant=False,
        output=False,
        graded_spikes_factor=1.0,
        learn_graded_spikes_factor=False,
        reset_delay=True,
        *,
        step_mode: str = "s",
        copy_mistakes: bool = False,
        backend: str | None = None,
    ):
        super().__init__(
            spike_grad,
            init_hidden,
            output,
            {"beta": learn_beta, "threshold": learn_threshold},
            {
                "surrogate_disable": (surrogate_disable, False),
                "inhibition": (inhibition, False),
                "state_quant": (state_quant, False),
                "graded_spikes_factor": (graded_spikes_factor, 1.0),
                "learn_graded_spikes_factor": (learn_graded_spikes_factor, False),
            },
            beta=beta,
            threshold=threshold,
            reset_mechanism=reset_mechanism,
            reset_delay=reset_delay,
            copy_mistakes=copy_mistakes,
            step_mode=step_mode,
            backend=backend,
        )

    def forward(self, input_: torch.Tensor, mem: torch.Tensor | None = None):
        """One step [B, ...], or with ``step_mode="m"`` all [T, B, ...].

        Returns:
            Spikes; and the membrane after the last step [B, ...], unless ``init_hidden`` without
            ``output``.
        """
        spikes, after = self._advance(input_, [mem])
        return spikes if self.init_hidden and not self.output else (spikes, after[0])

    init_leaky = _SnnTorch.reset_mem

    @property
    def mem(self) -> torch.Tensor:
        """The membrane after the last call."""
        return torch.zeros(0) if self.state is None else self.state[0]


class Synaptic(_SnnTorch):
    """snnTorch's ``Synaptic``; equations and what is wrong there: ``cusnn.conventions.snntorch``.

    Args:
        alpha, learn_alpha: the library's; the others as in ``Leaky``.
    """

    model = convention.Synaptic
    free_names: ClassVar[dict[str, str]] = {
        "alpha": "alpha",
        "beta": "beta",
        "threshold": "threshold",
    }

    def __init__(
        self,
        alpha,
        beta,
        threshold=1.0,
        spike_grad=None,
        surrogate_disable=False,
        init_hidden=False,
        inhibition=False,
        learn_alpha=False,
        learn_beta=False,
        learn_threshold=False,
        reset_mechanism="subtract",
        state_quant=False,
        output=False,
        reset_delay=True,
        *,
        step_mode: str = "s",
        copy_mistakes: bool = False,
        backend: str | None = None,
    ):
        super().__init__(
            spike_grad,
            init_hidden,
            output,
            {"alpha": learn_alpha, "beta": learn_beta, "threshold": learn_threshold},
            {
                "surrogate_disable": (surrogate_disable, False),
                "inhibition": (inhibition, False),
                "state_quant": (state_quant, False),
            },
            alpha=alpha,
            beta=beta,
            threshold=threshold,
            reset_mechanism=reset_mechanism,
            reset_delay=reset_delay,
            copy_mistakes=copy_mistakes,
            step_mode=step_mode,
            backend=backend,
        )

    def forward(self, input_: torch.Tensor, syn=None, mem=None):
        """As ``Leaky.forward``; returns spikes, synaptic current and membrane."""
        spikes, after = self._advance(input_, [mem, syn])
        only = self.init_hidden and not self.output
        return spikes if only else (spikes, after[1], after[0])

    init_synaptic = _SnnTorch.reset_mem
