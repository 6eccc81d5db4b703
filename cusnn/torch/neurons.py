"""Modules of neurons: T steps over tensors [T, B, ...]."""

from __future__ import annotations

import dataclasses
import importlib.util
import math
from collections.abc import Sequence
from typing import ClassVar, NamedTuple

import numpy as np
import torch
from torch import nn

from cusnn import neurons
from cusnn.ops.checks import INTERVAL
from cusnn.surrogates import Surrogate
from cusnn.torch.arrays import STATE_DTYPE, Layout, check_tensor, layout_of
from cusnn.torch.autograd import Settings, outside_graphs
from cusnn.torch.coefficients import LEARNABLE, coefficients
from cusnn.torch.functions import neuron_forward
from cusnn.torch.parameters import from_free, to_free

FLOAT64 = torch.float64
# Models that take 16 bits on a GPU, and whether CuPy has bfloat16, which it takes from there.
HALVED = (neurons.LIF, neurons.CubaLIF, neurons.ALIF)
BRAIN_FLOATS = importlib.util.find_spec("ml_dtypes") is not None


class Call(NamedTuple):
    """What one call runs: state before it [S, B, N], settings, coefficients to learn by."""

    state: torch.Tensor
    settings: Settings
    coefficients: tuple[torch.Tensor, ...]


class Neurons(nn.Module):
    """A population, or a feature map, of spiking neurons: what its models share.

    Args:
        dt: step, ms.
        learn: names of parameters that training changes; see ``cusnn.torch.parameters``.
        surrogate: of ``cusnn.surrogates``; None for ``FastSigmoid()``.
        detach_reset: treat the spike in the reset as a constant in the backward pass.
        stateful: go on, at each call, from the state after the last one, until ``reset``. The
            graph goes on with it: ``detach`` cuts it (truncated backpropagation through time).
        return_state: return (spikes, final state) instead of spikes.
        interval: steps between checkpoints, 1 to 16.
        backend: "numpy", "numba" or "cuda"; None for what the device decides.
        parameters: of the model in ``cusnn.neurons``: numbers, or arrays or tensors that
            broadcast to the trailing axes ([N]; for [T, B, C, H, W] also [C, 1, 1]).

    Raises:
        TypeError, ValueError: as the model in ``cusnn.neurons``; ``learn`` names no parameter.
    """

    model: ClassVar[type]
    # Names of the free numbers where they are not free_ and the parameter's name.
    free_names: ClassVar[dict[str, str]] = {}

    def __init__(
        self,
        *,
        dt: float = 1.0,
        learn: Sequence[str] = (),
        surrogate: Surrogate | None = None,
        detach_reset: bool = False,
        stateful: bool = False,
        return_state: bool = False,
        interval: int = INTERVAL,
        backend: str | None = None,
        **parameters,
    ):
        super().__init__()
        owner = type(self).__name__
        # Neurons of some libraries have a step and a detached reset of their own.
        own = {"dt": dt, "detach_reset": detach_reset}
        names = {field.name for field in dataclasses.fields(self.model)}
        parameters |= {name: value for name, value in own.items() if name in names}
        self._given, self._shape = _checked(owner, self.model, parameters)
        self.dt = dt
        self.learn = _names(owner, self.model, self._given, learn)
        self.surrogate = surrogate
        self.detach_reset = detach_reset
        self.stateful = stateful
        self.return_state = return_state
        self.interval = interval
        self.backend = backend
        self.state = None
        self._flat = {}
        self._register_learnt()
        self.neuron.coefficients(dt)

    @classmethod
    def of(cls, neuron, **settings):
        """The module of a neuron of ``cusnn.neurons``.

        Args:
            neuron: of this module's model.
            settings: arguments of the module other than the neuron's parameters.

        Raises:
            TypeError: a neuron of another model.
        """
        if type(neuron) is not cls.model:
            raise TypeError(f"{cls.__name__}: neuron must be a {cls.model.__name__}, got {neuron}")
        fields = dataclasses.fields(neuron)
        return cls(**{field.name: getattr(neuron, field.name) for field in fields}, **settings)

    def forward(self, current: torch.Tensor, state: torch.Tensor | None = None, *, steps=None):
        """T steps.

        Args:
            current: input [T, B, ...], float32; of 16 bits it is computed in float32, and the
                spikes have its dtype. Trailing axes may lie in memory in any dense order, as
                channels-last does, and keep it; other tensors are copied once.
            state: state before the first step, float32 [S, B, ...]; None for that of the last
                call where ``stateful``, else neurons at rest.
            steps: number of steps T of a static ``current`` [B, ...], which is that of every
                step; None where ``current`` has a time axis.

        Returns:
            Spikes [T, B, ...], 1 where a neuron fired; with ``return_state`` also the final state,
            float32 [S, B, ...], S as in ``cusnn.neurons``.

        Raises:
            TypeError: no dense tensor of floating point numbers of 16 or 32 bits.
            ValueError: fewer than two axes, devices or shapes that disagree, or values that are
                not finite (on a CPU).
        """
        spikes, after = self.run(current, state, steps)
        return (spikes, after) if self.return_state else spikes

    @outside_graphs
    def run(self, current: torch.Tensor, state: torch.Tensor | None = None, steps=None):
        """``forward``, which always returns spikes and final state."""
        check_tensor(type(self).__name__, "current", current)
        timed = current if steps is None else current.unsqueeze(0)
        self._check_axes(timed, steps)
        layout = layout_of(timed)
        call = self.prepare(timed.shape[1], layout, current.device, state)
        flat = layout.flatten(timed.to(self._computed_in(current)))
        flat = flat if steps is None else flat[0]
        spikes, after = neuron_forward(flat, call.state, call.settings, call.coefficients, steps)
        return layout.unflatten(spikes).to(current.dtype), self.finish(after, layout)

    def prepare(self, batch: int, layout: Layout, device, state=None) -> Call:
        """The neurons of a call for ``batch`` samples, and their state before it."""
        values = self._flat_values(layout, device)
        neuron, learnt = self._flat_neuron(layout, values, device)
        before = self._state_before(state, (len(neuron.state), batch), layout, device)
        if before is None:
            before = self._at_rest(neuron, values, (batch, math.prod(layout.trailing)), device)
        numbers = self.dt, self.surrogate, self.detach_reset, self.interval, self.backend
        return Call(before, Settings(neuron, *numbers), learnt)

    def finish(self, after: torch.Tensor, layout: Layout) -> torch.Tensor:
        """The state after a call [S, B, ...], kept where ``stateful``."""
        after = layout.unflatten(after)
        if self.stateful:
            self._keep(after)
        return after

    def step(self, current: torch.Tensor, state: torch.Tensor | None = None):
        """One step: ``forward`` of [B, ...] without the time axis, in and out."""
        result = self(current.unsqueeze(0), state)
        return (result[0][0], result[1]) if self.return_state else result[0]

    def reset(self) -> None:
        """Forget the state: the next call starts from neurons at rest."""
        self.state = None

    def detach(self) -> None:
        """Keep the state, but let no gradient pass to what came before."""
        if self.state is not None:
            self.state = self.state.detach()

    def values(self) -> dict:
        """The neuron's parameters by name: learnt ones as tensors, float64, with their graph."""
        fixed = {name: value for name, value in self._given.items() if name not in self.learn}
        if not self.learn:
            return fixed
        free = {name: self._free(name).to(FLOAT64) for name in self.learn}
        device = next(iter(free.values())).device
        as_tensors = _as_tensors(fixed, device)
        learnt = frozenset(self.learn)
        values = {n: from_free(n, free, as_tensors, self.dt, learnt) for n in self.learn}
        return {name: values.get(name, fixed.get(name)) for name in self._given}

    @property
    def neuron(self):
        """The neuron as it is now, of ``cusnn.neurons``; arrays as parameters in C order."""
        shape = self._shape or ()
        layout = Layout(shape, tuple(range(len(shape))))
        return self._build(_flat(self.values(), layout))

    def extra_repr(self) -> str:
        shown = []
        for name, value in self.values().items():
            if isinstance(value, torch.Tensor):
                value = value.detach().cpu().numpy()
            shown.append(f"{name}={value if np.ndim(value) == 0 else list(np.shape(value))}")
        flags = [name for name in ("detach_reset", "stateful") if getattr(self, name)]
        learnt = [f"learn={self.learn}"] if self.learn else []
        return ", ".join([*shown, f"dt={self.dt}", *learnt, *flags])

    def get_extra_state(self) -> dict:
        """What a checkpoint says of the neuron besides learnt parameters."""
        values = {
            name: torch.as_tensor(value) if isinstance(value, np.ndarray) else value
            for name, value in self._given.items()
            if name not in self.learn
        }
        return {"model": self.model.__name__, "dt": float(self.dt), "parameters": values}

    def set_extra_state(self, state: dict) -> None:
        """Refuse a checkpoint of another neuron.

        Raises:
            RuntimeError: naming what differs.
        """
        mine = self.get_extra_state()
        pairs = [(key, mine[key], state[key]) for key in ("model", "dt")]
        names = sorted({*mine["parameters"], *state["parameters"]})
        absent = "learnt or absent"
        for name in names:
            both = (part["parameters"].get(name, absent) for part in (mine, state))
            pairs.append((name, *both))
        wrong = [f"{name} is {a} here, {b} there" for name, a, b in pairs if not _same(a, b)]
        if wrong:
            raise RuntimeError(
                f"{type(self).__name__}: the checkpoint is of another neuron: {'; '.join(wrong)}. "
                f"Build the module with the same parameters, or delete the key that ends in "
                f"'_extra_state' and load with strict=False"
            )

    def _apply(self, fn, recurse: bool = True):
        super()._apply(fn, recurse)
        if self.state is not None:
            self.state = self.state.to(fn(self.state).device)
        return self

    def __getstate__(self):
        content = {**self.__dict__, "_flat": {}}
        if self.state is not None:
            content["state"] = self.state.detach()
        return content

    def _register_learnt(self) -> None:
        tensors = _as_tensors(self._given, "cpu")
        for name in self.learn:
            try:
                free = to_free(name, tensors, self.dt, frozenset(self.learn))
            except ValueError as error:
                raise ValueError(f"{type(self).__name__}: {error}") from None
            own = self.free_names.get(name, f"free_{name}")
            self.register_parameter(own, nn.Parameter(free.to(STATE_DTYPE)))

    def _free(self, name: str) -> torch.Tensor:
        return getattr(self, self.free_names.get(name, f"free_{name}"))

    def _build(self, flat: dict):
        """The neuron of flat values: numbers, arrays [N], or tensors of the one or the other."""
        numbers = {
            name: value.detach().cpu().numpy() if isinstance(value, torch.Tensor) else value
            for name, value in flat.items()
        }
        return self.model(**numbers)

    def _flat_values(self, layout: Layout, device) -> dict | None:
        """Parameters for a layout where some are learnt, else None."""
        owner = type(self).__name__
        if self._shape is not None:
            _check_shape(owner, self._shape, layout.trailing)
        if not self.learn:
            return None
        found = self._free(self.learn[0]).device
        if found != device:
            raise ValueError(
                f"{owner}: parameters are on {found}, but current on {device}; "
                f"move the module with .to()"
            )
        return _flat(self.values(), layout)

    def _computed_in(self, current: torch.Tensor) -> torch.dtype:
        """Dtype of the current as the operation takes it: 16 bits only on a GPU."""
        on_gpu = current.device.type == "cuda" or self.backend == "cuda"
        if not on_gpu or self.model not in HALVED:
            return STATE_DTYPE
        if current.dtype == torch.bfloat16 and not BRAIN_FLOATS:
            return STATE_DTYPE
        return current.dtype

    def _check_axes(self, current: torch.Tensor, steps) -> None:
        if current.dim() < 2:
            axes = "[T, B, ...]" if steps is None else "[B, ...] with steps"
            shape = list(current.shape) if steps is None else list(current.shape[1:])
            raise ValueError(
                f"{type(self).__name__}: current must be {axes}, got {shape}; a single step is "
                f"[1, B, ...], one sample [T, 1, ...]"
            )

    def _flat_neuron(self, layout: Layout, values: dict | None, device):
        """The neuron for a layout, and its coefficients where a gradient is wanted."""
        if values is None:
            if layout not in self._flat:
                self._flat[layout] = self._build(_flat(self._given, layout))
            return self._flat[layout], ()
        neuron = self._build(values)
        if not torch.is_grad_enabled():
            return neuron, ()
        return neuron, coefficients(self.model, values, self.dt, device)

    def _state_before(self, state, sizes, layout, device) -> torch.Tensor | None:
        """The state given or kept, checked, [S, B, N]; None where there is none."""
        if state is None and self.stateful:
            state = self.state
        if state is None:
            return None
        owner = type(self).__name__
        check_tensor(owner, "state", state, (STATE_DTYPE,))
        if state.device != device:
            raise ValueError(
                f"{owner}: current is on {device}, but the state on {state.device}; "
                f"move one of them with .to()"
            )
        shape = (*sizes, *layout.trailing)
        if state.shape != shape:
            raise ValueError(
                f"{owner}: the state is {list(state.shape)}, but this input needs {list(shape)}; "
                f"call reset() before a batch of another size"
            )
        return layout.flatten(state)

    def _at_rest(self, neuron, values, sizes, device) -> torch.Tensor:
        """State [S, B, N] of neurons at rest, with the graph of a learnt ``v_leak``."""
        rest = list(neuron.resting_state)
        if "v_leak" in self.learn:
            rest[0] = values["v_leak"]
        if not any(isinstance(row, torch.Tensor) or np.any(row) for row in rest):
            return torch.zeros((len(rest), *sizes), dtype=STATE_DTYPE, device=device)
        rows = (torch.as_tensor(row, device=device).to(STATE_DTYPE) for row in rest)
        return torch.stack([row.expand(sizes) for row in rows])

    def _keep(self, state: torch.Tensor) -> None:
        if getattr(self, "_is_replica", False):
            raise RuntimeError(
                f"{type(self).__name__}: DataParallel throws the state of its replicas away; use "
                f"stateful=False, or DistributedDataParallel"
            )
        self.state = state


class LIF(Neurons):
    """Leaky integrate-and-fire neurons; parameters and equations of ``cusnn.neurons.LIF``."""

    model = neurons.LIF


class CubaLIF(Neurons):
    """LIF neurons with a decaying synaptic current; parameters and equations of
    ``cusnn.neurons.CubaLIF``, with one synaptic current."""

    model = neurons.CubaLIF


class ALIF(Neurons):
    """LIF neurons with a threshold that adapts; parameters and equations of
    ``cusnn.neurons.ALIF``."""

    model = neurons.ALIF


def _checked(owner: str, model: type, given: dict):
    """All parameters by name (float, array or word) and the shape that arrays broadcast to."""
    known = [field.name for field in dataclasses.fields(model)]
    for name in given:
        if name not in known:
            raise TypeError(f"{owner}: no parameter {name!r}; it takes {', '.join(known)}")
    arrays = {}
    for name, value in given.items():
        if isinstance(value, torch.Tensor):
            value = value.detach().cpu().numpy()
        given[name] = value
        if np.ndim(value) > 0:
            arrays[name] = np.asarray(value)
    try:
        shape = np.broadcast_shapes(*(array.shape for array in arrays.values())) if arrays else None
    except ValueError:
        shapes = ", ".join(f"{name} {list(array.shape)}" for name, array in arrays.items())
        raise ValueError(f"{owner}: parameters do not broadcast: {shapes}") from None
    flat = {name: np.broadcast_to(array, shape).reshape(-1) for name, array in arrays.items()}
    neuron = model(**{**given, **flat})
    if getattr(neuron, "tau_syn_inh", None) is not None:
        raise ValueError(f"{owner}: no gradient is known for two synaptic currents (tau_syn_inh)")
    values = {}
    for name in known:
        as_array = name in arrays
        values[name] = arrays[name].astype(np.float64) if as_array else getattr(neuron, name)
    return values, shape


def _names(owner: str, model: type, values: dict, learn) -> tuple[str, ...]:
    able = LEARNABLE.get(model, ())
    names = (learn,) if isinstance(learn, str) else tuple(learn)
    for name in names:
        if name not in able:
            raise ValueError(
                f"{owner}: learn must name some of {', '.join(able) or '(none)'}, got {name!r}"
            )
    if values.get("reset") == "none" and "v_reset" in names:
        raise ValueError(f"{owner}: reset='none' does not read v_reset; it cannot be learnt")
    return tuple(dict.fromkeys(names))


def _as_tensors(values: dict, device) -> dict:
    return {
        name: torch.as_tensor(value, dtype=FLOAT64, device=device)
        if isinstance(value, (float, np.ndarray))
        else value
        for name, value in values.items()
    }


def _flat(values: dict, layout: Layout) -> dict:
    words = (str, bool, type(None))
    return {
        name: value if isinstance(value, words) else layout.flatten_values(value)
        for name, value in values.items()
    }


def _check_shape(owner: str, shape: tuple[int, ...], trailing: tuple[int, ...]) -> None:
    try:
        fits = np.broadcast_shapes(shape, trailing) == trailing
    except ValueError:
        fits = False
    if not fits:
        raise ValueError(
            f"{owner}: parameters of shape {list(shape)} do not broadcast to the trailing axes "
            f"{list(trailing)}; a value per channel of [C, H, W] has shape [C, 1, 1]"
        )


def _same(one, other) -> bool:
    if isinstance(one, torch.Tensor) and isinstance(other, torch.Tensor):
        return torch.equal(one.cpu(), other.cpu())
    return type(one) is type(other) and one == other
