"""What the neuron models share: their checks, and the numbers per step that backends get."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass, fields
from typing import ClassVar

import numpy as np

RESETS = ("hard", "soft", "none")
# The refractory counter is a float32, which counts without gaps up to here.
MOST_STEPS = 2**24


@dataclass(frozen=True, eq=False)
class Coefficients:
    """What a backend gets of a neuron: float32 numbers per step, no time and no units.

    Attributes:
        model: name of the neuron model, the C++ struct and the step of each backend.
        reset: index into ``RESETS``.
        refractory_steps: steps that a neuron rests after a spike.
        values: the model's coefficients in the order of its ``coefficient_names`` [C, P],
            with P = 1 (one value for all neurons) or P = N (a value per neuron).
    """

    model: str
    reset: int
    refractory_steps: int
    values: np.ndarray


def _checked(owner: str, name: str, value, *, positive: bool = False):
    """A float, or a read-only float64 array [N]; raises ValueError for anything else."""
    if isinstance(value, np.ma.MaskedArray):
        raise ValueError(f"{owner}: {name} must not be a masked array; pass its .filled()")
    try:
        array = np.asarray(value)
        if array.dtype.kind in "SU":
            raise TypeError
        array = array.astype(np.float64)
    except (TypeError, ValueError):
        raise ValueError(
            f"{owner}: {name} must be a number or an array [N], got {value!r}"
        ) from None
    if array.ndim > 1 or array.size == 0:
        raise ValueError(f"{owner}: {name} must be a number or an array [N], got {array.shape}")
    if not np.all(np.isfinite(array)):
        raise ValueError(f"{owner}: {name} must be finite, got {value}")
    if positive and np.any(array <= 0):
        raise ValueError(f"{owner}: {name} must be positive, got {value}")
    if array.ndim == 0:
        return float(array)
    array = array.copy()
    array.setflags(write=False)
    return array


def step_count(owner: str, t_refractory: float, dt: float) -> int:
    exact = t_refractory / dt
    if exact > MOST_STEPS + 0.5:
        raise ValueError(f"{owner}: t_refractory={t_refractory} ms is more than {MOST_STEPS} steps")
    steps = round(exact)
    if abs(steps * dt - t_refractory) > 1e-6 * max(dt, t_refractory):
        raise ValueError(
            f"{owner}: t_refractory={t_refractory} ms must be a multiple of dt={dt} ms"
        )
    return steps


def check_dt(owner: str, dt) -> float:
    dt = dt[()] if isinstance(dt, np.ndarray) and dt.ndim == 0 else dt
    number = isinstance(dt, (int, float, np.integer, np.floating)) and not isinstance(dt, bool)
    if not (number and math.isfinite(dt) and dt > 0):
        raise ValueError(f"{owner}: dt must be a positive number of ms, got {dt!r}")
    return float(dt)


def stack(owner: str, reset: str, rows) -> np.ndarray:
    """Scalars and arrays [N] -> read-only float32 [C, 1] or [C, N]; the last two are the voltages
    of threshold and reset."""
    sizes = {np.size(row) for row in rows} - {1}
    if len(sizes) > 1:
        raise ValueError(f"parameters per neuron must have one length, got {sorted(sizes)}")
    width = sizes.pop() if sizes else 1
    values = np.stack([np.broadcast_to(np.asarray(row, dtype=np.float64), width) for row in rows])
    with np.errstate(over="ignore"):
        values = np.ascontiguousarray(values, dtype=np.float32) + np.float32(0)  # no -0
    if not np.all(np.isfinite(values)):
        raise ValueError("a coefficient per step is not finite in float32: check the parameters")
    if reset != "none":
        _check_reset(owner, *values[-2:])
    values.setflags(write=False)
    return values


def _check_reset(owner: str, v_threshold: np.ndarray, v_reset: np.ndarray) -> None:
    """What float64 told apart may be one float32: such a neuron would fire for ever."""
    if np.any(v_reset >= v_threshold):
        raise ValueError(f"{owner}: v_reset and v_threshold are the same number in float32")
    with np.errstate(over="ignore"):
        amount = v_threshold - v_reset
    if not np.all(np.isfinite(amount)):
        raise ValueError(f"{owner}: v_threshold - v_reset is not finite in float32")


class Parameters:
    """Comparison, hashing and checks that the neuron models share.

    Attributes:
        model: name of the step that backends take.
        state, coefficient_names: rows of state; coefficients per step.
        differentiable: whether ``neuron_backward`` knows its gradients.
    """

    model: ClassVar[str]
    state: ClassVar[tuple[str, ...]]
    coefficient_names: ClassVar[tuple[str, ...]]
    differentiable: ClassVar[bool] = False
    surrogate: ClassVar = None
    detach_reset: ClassVar[bool] = False
    positive: ClassVar[tuple[str, ...]] = ()
    may_be_none: ClassVar[tuple[str, ...]] = ()
    choices: ClassVar[dict[str, tuple[str, ...]]] = {}

    def __init_subclass__(cls, **options):
        super().__init_subclass__(**options)
        if "coefficients" in cls.__dict__:
            cls.coefficients = _remembered(cls.coefficients)

    def __post_init__(self):
        owner = type(self).__name__
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name in self.choices:
                if not isinstance(value, str) or value not in self.choices[field.name]:
                    raise ValueError(
                        f"{owner}: {field.name} must be one of "
                        f"{', '.join(self.choices[field.name])}, got {value!r}"
                    )
                continue
            if value is None and field.name in self.may_be_none:
                continue
            if field.type == "bool":
                if not isinstance(value, bool):
                    raise ValueError(f"{owner}: {field.name} must be True or False, got {value!r}")
                continue
            value = _checked(owner, field.name, value, positive=field.name in self.positive)
            object.__setattr__(self, field.name, value)
        if not isinstance(self.t_refractory, float) or self.t_refractory < 0:
            raise ValueError(
                f"{owner}: t_refractory must be one number >= 0, in ms, got {self.t_refractory}"
            )
        if self.reset != "none" and np.any(np.asarray(self.v_reset) >= self.v_threshold):
            raise ValueError(
                f"{owner}: v_reset must lie below v_threshold, "
                f"got {self.v_reset} and {self.v_threshold}"
            )
        self.size  # noqa: B018  raises where arrays differ in length

    @property
    def size(self) -> int | None:
        """Number of neurons if a parameter is given per neuron, else None."""
        sizes = {np.size(v) for v in self._values() if isinstance(v, np.ndarray)}
        if len(sizes) > 1:
            raise ValueError(
                f"{type(self).__name__}: parameters per neuron must have one length, "
                f"got {sorted(sizes)}"
            )
        return sizes.pop() if sizes else None

    @property
    def resting_state(self) -> tuple[float | np.ndarray, ...]:
        """A neuron at rest: a number or an array [N] for each row of ``state``."""
        return (self.v_leak, *(0.0 for _ in self.state[1:]))

    def _values(self):
        return [getattr(self, field.name) for field in fields(self)]

    def _key(self):
        return tuple(v.tobytes() if isinstance(v, np.ndarray) else v for v in self._values())

    def __eq__(self, other):
        return type(self) is type(other) and self._key() == other._key()

    def __hash__(self):
        return hash((type(self), self._key()))


def _remembered(coefficients):
    """A method that knows its last answer: parameters are frozen, and layers ask in every batch."""

    @functools.wraps(coefficients)
    def of(self, dt):
        known, answer = self.__dict__.get("_last", (None, None))
        if type(dt) is not float or dt != known:
            answer = coefficients(self, dt)
            object.__setattr__(self, "_last", (dt, answer))
        return answer

    return of
