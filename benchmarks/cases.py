"""The table of what is measured: a ``Case`` for each operation and each way to use it.

To add an operation, add a case to ``CASES``: how its inputs are made, and sizes. The rest (outputs,
bytes, checks against the reference, timing on every backend) follows from the contract.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from cusnn import contract, dispatch
from cusnn.conventions import norse, snntorch, spikingjelly
from cusnn.neurons import ALIF, LI, LIF, CobaLIF, CubaLIF, Izhikevich
from cusnn.ops import network as engine
from cusnn.ops.neuron import initial_state
from cusnn.ops.optimize import AdamCoefficients, SGDCoefficients
from cusnn.ops.spikes import spike_pack
from cusnn.simulation import default_threads
from cusnn.simulation.layouts import by_neuron, by_tile, interval_of, on_host, tiles_for
from cusnn.surrogates import FastSigmoid

INTERVAL = 16
SURROGATE = FastSigmoid().coefficients()
Sizes = dict[str, int]
Results = dict[str, np.ndarray]
CONTRACT_BYTES = "inputs read once, outputs written once"


@dataclass(frozen=True, eq=False)
class Case:
    """One operation used in one way.

    Attributes:
        op: name of the operation.
        make: (sizes, random generator) -> inputs by name as NumPy arrays, and settings by name.
        small: sizes at which results are compared with the reference.
        sizes: sizes that are timed on the CPU.
        device: sizes that are timed on a GPU.
        variant: what sets the case apart from others of its operation.
        skip: optional outputs that are not asked for.
        dtypes: dtypes of outputs that are not to have their first one.
        only: the backends that it is for; none for all that have the operation.
        tolerance: largest relative difference from the reference; 0 for equal bits.
        needed: (sizes, inputs) -> bytes that must be moved, where that depends on the spikes;
            None for the contract's count.
        bytes_text: what ``needed`` counts.
        derive: sizes -> sizes of axes that follow from them and that no input has.
        restore: put changed arrays back before each call, because a second call on them would do
            other work.
        slow_reference: time the NumPy reference on the first sizes only.
        comparable: (sizes, results) -> what of the results is compared, in a form that equal
            results share: without the order that a backend is free to choose.
        twin: sizes -> what ``comparable`` should give, computed on NumPy by other operations;
            None where NumPy has the operation itself.
    """

    op: str
    make: Callable[[Sizes, np.random.Generator], tuple[dict, dict]]
    small: Sizes
    sizes: tuple[Sizes, ...]
    device: tuple[Sizes, ...] = ()
    variant: str = ""
    skip: tuple[str, ...] = ()
    dtypes: dict[str, str] = field(default_factory=dict)
    only: tuple[str, ...] = ()
    tolerance: float = 0.0
    needed: Callable[[Sizes, dict], int] | None = None
    bytes_text: str = CONTRACT_BYTES
    derive: Callable[[Sizes], Sizes] = dict
    restore: bool = False
    slow_reference: bool = False
    comparable: Callable[[Sizes, Results], Results] = lambda sizes, results: results
    twin: Callable[[Sizes], Results] | None = None

    @property
    def name(self) -> str:
        return f"{self.op} {self.variant}".strip()

    @property
    def backends(self) -> tuple[str, ...]:
        """Backends that it runs on."""
        return self.only or contract.OPS[self.op].backends

    def sizes_on(self, backend: str) -> tuple[Sizes, ...]:
        """Sizes that are timed on a backend; none where it lacks the operation."""
        if backend == "numpy" and self.slow_reference:
            return self.sizes[:1]
        return self.device if backend == "cuda" else self.sizes

    def bytes_needed(self, sizes: Sizes, arrays: dict) -> int:
        if self.needed is not None:
            return int(self.needed(sizes, arrays))
        absent = tuple(name for name, array in arrays.items() if array is None)
        there = {name: array.dtype for name, array in arrays.items() if array is not None}
        op = contract.OPS[self.op]
        return contract.bytes_moved(op, sizes, self.skip + absent, there | self.dtypes)


def complete(case: Case, sizes: Sizes, arrays: dict) -> Sizes:
    """Chosen sizes with those that follow from them and from the inputs."""
    found = {**sizes, **case.derive(sizes)}
    if "N" in sizes:
        found.setdefault("W", -(-sizes["N"] // 32))
    return contract.check(contract.OPS[case.op], found, **arrays)


def spikes(rng, shape, density: float) -> np.ndarray:
    """Random spikes, uint8."""
    return (rng.random(shape, dtype=np.float32) < density).astype(np.uint8)


def normal(rng, shape) -> np.ndarray:
    return rng.standard_normal(shape, dtype=np.float32)


# ------------------------------------------------------------------ neurons

_UNITLESS = {"v_leak": 0.0, "v_threshold": 1.0, "v_reset": 0.0, "r": 1.0, "tau_syn": 5.0}
# Neurons, and means of the input with which they fire once in 15 to 40 steps.
NEURONS = {
    "LIF": (LIF(tau_mem=20.0, t_refractory=2.0), 1.2),
    "LIF soft": (LIF(tau_mem=20.0, reset="soft"), 1.2),
    "CubaLIF": (CubaLIF(**_UNITLESS), 0.2),
    "CubaDualLIF": (CubaLIF(**_UNITLESS, tau_syn_inh=10.0), 0.45),
    "CobaLIF": (CobaLIF(), 0.6),
    "ALIF": (ALIF(v_threshold=1.0, tau_adaptation=100.0, jump=0.2), 1.5),
    "Izhikevich": (Izhikevich(), 10.0),
}
DIFFERENTIABLE = ("LIF", "CubaLIF", "ALIF")
CONVENTIONS = {
    "Leaky": (snntorch.Leaky(0.9), 0.1),
    "Synaptic": (snntorch.Synaptic(0.8, 0.9), 0.02),
    "LIFNode": (spikingjelly.LIFNode(), 1.2),
    "NorseLIF": (norse.LIF(), 0.4),
    "NorseLIFBox": (norse.LIFBox(), 1.2),
}


def neuron_inputs(model: str, dtype: str = "float32"):
    """T steps of noisy input into neurons at rest."""

    def make(sizes: Sizes, rng) -> tuple[dict, dict]:
        neuron, mean = (NEURONS | CONVENTIONS)[model]
        current = normal(rng, (sizes["T"], sizes["B"], sizes["N"]))
        current += np.float32(mean)
        state = initial_state(neuron, current.shape[1:])
        arrays = {"current": current.astype(dtype, copy=False), "state": state}
        settings = {"coefficients": neuron.coefficients(1.0), "interval": INTERVAL}
        return arrays, {**settings, "steps": sizes["T"]}

    return make


def backward_inputs(model: str, dtype: str = "float32"):
    """The inputs of forward, its checkpoints, and random gradients of the spikes."""

    def make(sizes: Sizes, rng) -> tuple[dict, dict]:
        forward, settings = neuron_inputs(model, dtype)(sizes, rng)
        op = contract.OPS["neuron_forward"]
        known = {**sizes, "Q": -(-sizes["T"] // INTERVAL), "W": 0}
        known = contract.check(op, known, **forward)
        outputs = contract.allocate(op, np, known, skip=("spikes", "packed"))
        dispatch.function("numpy", op)(**forward, **outputs, **settings)
        arrays = {
            "current": forward["current"],
            "checkpoints": outputs["checkpoints"],
            "grad_spikes": normal(rng, forward["current"].shape).astype(dtype, copy=False),
            "grad_final_state": None,
        }
        settings.pop("steps")
        return arrays, {**settings, "surrogate": SURROGATE, "detach_reset": False}

    return make


NEURON_SIZES = ({"T": 100, "B": 1, "N": 1_000}, {"T": 100, "B": 64, "N": 1_000})


def neuron_case(
    op: str, model: str, variant: str, make, skip, sizes=NEURON_SIZES, dtype="float32"
) -> Case:
    return Case(
        op,
        make(model, dtype),
        small={"T": 33, "B": 3, "N": 257},
        sizes=sizes,
        device=({"T": 100, "B": 64, "N": 1_000}, {"T": 100, "B": 256, "N": 4_096}),
        variant=variant,
        skip=skip,
        dtypes={} if dtype == "float32" or op == "neuron_forward" else {"grad_current": dtype},
        only=() if dtype == "float32" else ("cuda",),
        derive=lambda sizes: {
            "A": sizes["T"],
            "Q": -(-sizes["T"] // INTERVAL),
            "C": len((NEURONS | CONVENTIONS)[model][0].coefficient_names),
        },
    )


def neuron_cases():
    packed = ("spikes", "checkpoints")
    dense = ("packed", "checkpoints")
    for model in NEURONS:
        # The other models cost each a compilation, and one size tells what their step costs.
        sizes = NEURON_SIZES if model.split()[0] in DIFFERENTIABLE else NEURON_SIZES[1:]
        yield neuron_case("neuron_forward", model, model, neuron_inputs, dense, sizes)
    yield neuron_case("neuron_forward", "LIF", "LIF packed", neuron_inputs, packed)
    yield neuron_case("neuron_forward", "LIF", "LIF checkpoints", neuron_inputs, ("packed",))
    for model in DIFFERENTIABLE:
        yield neuron_case("neuron_backward", model, model, backward_inputs, ("grad_coefficients",))
    yield neuron_case("neuron_forward", "LIF", "LIF training", neuron_inputs, ("spikes",))
    yield from half_cases("LIF")


def half_cases(model: str):
    """A training step with numbers of 16 bits; of bfloat16 the kernels are the same."""
    for op, variant, make, skip in (
        ("neuron_forward", f"{model} training float16", neuron_inputs, ("spikes",)),
        ("neuron_backward", f"{model} float16", backward_inputs, ("grad_coefficients",)),
    ):
        yield neuron_case(op, model, variant, make, skip, (), "float16")


# Bytes that a neuron moves in a step, forward with packed spikes and back together: what a scheme
# without checkpoints would move at least, and the cases that make up a step.
STEP_BYTES = {
    "float32": (16.1, ("neuron_forward LIF training", "neuron_backward LIF")),
    "float16": (8.1, ("neuron_forward LIF training float16", "neuron_backward LIF float16")),
}


def bytes_per_step(case: Case, sizes: Sizes) -> tuple[float, float]:
    """Bytes that a case of the neurons moves per neuron and step, and those of checkpoints."""
    small = {**sizes, "T": 2 * INTERVAL, "B": 1, "N": 2}
    arrays, _ = case.make(small, np.random.default_rng(0))
    arrays = {name: None if a is None else np.empty(0, a.dtype) for name, a in arrays.items()}
    sizes = {**sizes, **case.derive(sizes), "W": -(-sizes["N"] // 32), "S": 2}
    steps = sizes["T"] * sizes["B"] * sizes["N"]
    checkpoints = contract.shape(contract.OPS[case.op].arg("checkpoints"), sizes)
    return case.bytes_needed(sizes, arrays) / steps, 4 * int(np.prod(checkpoints)) / steps


# ------------------------------------------------------------------ spike formats


def dense_spikes(density: float):
    def make(sizes: Sizes, rng) -> tuple[dict, dict]:
        return {"spikes": spikes(rng, (sizes["R"], sizes["N"]), density)}, {}

    return make


def packed_spikes(sizes: Sizes, rng) -> tuple[dict, dict]:
    words = -(-sizes["N"] // 32)
    packed = rng.integers(0, 2**32, (sizes["R"], words), dtype=np.uint32)
    return {"packed": packed}, {}


def compact_bytes(sizes: Sizes, arrays: dict) -> int:
    return arrays["spikes"].size + 4 * int(arrays["spikes"].sum()) + 4 * sizes["R"]


def format_case(op: str, make, **more) -> Case:
    return Case(
        op,
        make,
        small={"R": 7, "N": 1_003},
        sizes=({"R": 100, "N": 1_000}, {"R": 1_000, "N": 10_000}),
        device=({"R": 1_000, "N": 10_000}, {"R": 10_000, "N": 40_000}),
        **more,
    )


def format_cases():
    yield format_case("spike_pack", dense_spikes(0.05))
    yield format_case("spike_unpack", packed_spikes)
    for percent in (1, 20):
        yield format_case(
            "spike_compact",
            dense_spikes(percent / 100),
            variant=f"{percent}%",
            needed=compact_bytes,
            bytes_text="spikes read once, the indices of those that fired and the counts written",
        )


# ------------------------------------------------------------------ spikes times weights


def matmul_inputs(density: float, backward: bool = False):
    def make(sizes: Sizes, rng) -> tuple[dict, dict]:
        r, n, m = sizes["R"], sizes["N"], sizes["M"]
        arrays = {"grad_product": normal(rng, (r, m))} if backward else {}
        arrays |= {"spikes": spikes(rng, (r, n), density), "weights": normal(rng, (n, m))}
        return arrays, {}

    return make


def csr(sizes: Sizes, rng) -> dict:
    """Rows of K / N synapses each (the rest to the last rows), targets ascending in a row."""
    n, m, k = sizes["N"], sizes["M"], sizes["K"]
    edges = np.arange(n + 1, dtype=np.int64) * k // n
    row = np.repeat(np.arange(n), np.diff(edges))
    place = np.arange(k) - edges[row]
    gap = m // max(1, int(np.diff(edges).max(initial=1)))
    indices = place * gap + rng.integers(0, max(1, gap), k)
    return {
        "indptr": edges,
        "indices": indices.astype(np.int32),
        "weights": normal(rng, k),
    }


def csr_inputs(density: float, backward: bool = False):
    def make(sizes: Sizes, rng) -> tuple[dict, dict]:
        r, n, m = sizes["R"], sizes["N"], sizes["M"]
        arrays = {"grad_product": normal(rng, (r, m))} if backward else {}
        arrays |= {"spikes": spikes(rng, (r, n), density)}
        return arrays | csr(sizes, rng), {}

    return make


def matmul_bytes(sizes: Sizes, arrays: dict) -> int:
    rows = int(arrays["spikes"].any(axis=0).sum())
    return arrays["spikes"].size + 4 * sizes["M"] * (rows + sizes["R"])


def csr_bytes(sizes: Sizes, arrays: dict) -> int:
    fired = arrays["spikes"].any(axis=0)
    entries = int(np.diff(arrays["indptr"])[fired].sum())
    pointers = 16 * int(fired.sum())
    return arrays["spikes"].size + pointers + 8 * entries + 4 * sizes["R"] * sizes["M"]


FIRED_ROWS = "spikes, the rows of neurons that fired in any row, and the product, each once"
DENSE = {
    "small": {"R": 9, "N": 257, "M": 131},
    "sizes": ({"R": 1, "N": 4_096, "M": 4_096}, {"R": 128, "N": 1_024, "M": 1_024}),
    "device": ({"R": 1, "N": 16_384, "M": 16_384}, {"R": 1_024, "N": 4_096, "M": 4_096}),
}
SPARSE = {
    "small": {"R": 9, "N": 257, "M": 131, "K": 2_570},
    "sizes": (
        {"R": 1, "N": 20_000, "M": 20_000, "K": 2_000_000},
        {"R": 64, "N": 2_000, "M": 2_000, "K": 200_000},
    ),
    "device": (
        {"R": 1, "N": 40_000, "M": 40_000, "K": 40_000_000},
        {"R": 256, "N": 10_000, "M": 10_000, "K": 10_000_000},
    ),
}


def matmul_cases():
    for percent in (2, 20):
        density, variant = percent / 100, f"{percent}%"
        shared = {"variant": variant, "tolerance": 1e-5}
        fired = {"bytes_text": FIRED_ROWS, **shared}
        yield Case("spike_matmul", matmul_inputs(density), needed=matmul_bytes, **DENSE, **fired)
        yield Case("spike_matmul_csr", csr_inputs(density), needed=csr_bytes, **SPARSE, **fired)
    shared = {"variant": "5%", "tolerance": 1e-5}
    yield Case("spike_matmul_backward", matmul_inputs(0.05, backward=True), **DENSE, **shared)
    yield Case("spike_matmul_csr_backward", csr_inputs(0.05, backward=True), **SPARSE, **shared)


# ------------------------------------------------------------------ layers

LAYER_SIZES = {
    "small": {"T": 33, "B": 3, "N": 70, "M": 45},
    "sizes": ({"T": 100, "B": 16, "N": 1_024, "M": 1_024},),
    "device": ({"T": 100, "B": 256, "N": 1_024, "M": 1_024},),
}
RECURRENT_SIZES = {
    "small": {"T": 33, "B": 3, "N": 45},
    "sizes": ({"T": 100, "B": 16, "N": 256},),
    "device": ({"T": 100, "B": 256, "N": 512},),
}


def followed(op: str, forward: dict, known: Sizes, settings: dict, skip=()) -> dict:
    """Outputs of an operation on NumPy, from which the inputs of its way back are made."""
    op = contract.OPS[op]
    outputs = contract.allocate(op, np, contract.check(op, known, **forward), skip=skip)
    dispatch.function("numpy", op)(**forward, **outputs, **settings)
    return outputs


def layer_inputs(model: str):
    """5% of the inputs fire; the weights make the layer fire about as much."""

    def make(sizes: Sizes, rng) -> tuple[dict, dict]:
        neuron, _ = NEURONS[model]
        fired = spikes(rng, (sizes["T"], sizes["B"], sizes["N"]), 0.05)
        weights = normal(rng, (sizes["N"], sizes["M"])) * np.float32(30 / sizes["N"] ** 0.5)
        arrays = {
            "packed_in": spike_pack(fired, backend="numpy"),
            "weights": weights,
            "bias": np.full(sizes["M"], 0.5, np.float32),
            "state": initial_state(neuron, (sizes["B"], sizes["M"])),
        }
        settings = {"coefficients": neuron.coefficients(1.0), "interval": INTERVAL}
        return arrays, {**settings, "method": "event"}

    return make


def layer_back_inputs(model: str):
    def make(sizes: Sizes, rng) -> tuple[dict, dict]:
        forward, settings = layer_inputs(model)(sizes, rng)
        skip = ("spikes", "packed", "currents")
        outputs = followed("layer_forward", forward, layer_sizes(model)(sizes), settings, skip)
        forward.pop("state")
        shape = (sizes["T"], sizes["B"], sizes["M"])
        arrays = {
            **forward,
            "checkpoints": outputs["checkpoints"],
            "currents": None,
            "grad_spikes": normal(rng, shape),
            "grad_final_state": None,
        }
        return arrays, {**settings, "surrogate": SURROGATE, "detach_reset": False}

    return make


def layer_sizes(model: str):
    """Sizes that follow for a layer, or for neurons that feed one another."""

    def derive(sizes: Sizes) -> Sizes:
        targets = sizes.get("M", sizes["N"])
        return {
            "Q": -(-sizes["T"] // INTERVAL),
            "C": len(NEURONS[model][0].coefficient_names),
            "V": -(-sizes["N"] // 32),
            "W": -(-targets // 32),
        }

    return derive


def recurrent_inputs(model: str):
    def make(sizes: Sizes, rng) -> tuple[dict, dict]:
        forward, settings = neuron_inputs(model)(sizes, rng)
        settings.pop("steps")
        n = sizes["N"]
        weights = normal(rng, (n, n)) * np.float32(1 / n**0.5)
        before = spikes(rng, (sizes["B"], n), 0.05)
        return {**forward, "weights": weights, "spikes_before": before}, settings

    return make


def recurrent_back_inputs(model: str):
    def make(sizes: Sizes, rng) -> tuple[dict, dict]:
        forward, settings = recurrent_inputs(model)(sizes, rng)
        known = layer_sizes(model)(sizes)
        outputs = followed("recurrent_forward", forward, known, settings, ("spikes",))
        forward.pop("state")
        arrays = {
            **forward,
            "packed": outputs["packed"],
            "checkpoints": outputs["checkpoints"],
            "grad_spikes": normal(rng, forward["current"].shape),
            "grad_final_state": None,
        }
        return arrays, {**settings, "surrogate": SURROGATE, "detach_reset": False}

    return make


def layer_cases(model: str):
    """The layer and the recurrent neurons of a model, there and back."""
    shared = {"variant": model, "derive": layer_sizes(model), "slow_reference": True}
    skipped = ("spikes", "currents")
    yield Case("layer_forward", layer_inputs(model), skip=skipped, **LAYER_SIZES, **shared)
    not_asked = ("grad_spikes_in", "grad_coefficients")
    yield Case("layer_backward", layer_back_inputs(model), skip=not_asked, **LAYER_SIZES, **shared)
    yield Case(
        "recurrent_forward", recurrent_inputs(model), skip=("spikes",), **RECURRENT_SIZES, **shared
    )
    yield Case(
        "recurrent_backward",
        recurrent_back_inputs(model),
        skip=("grad_coefficients",),
        tolerance=1e-5,
        **RECURRENT_SIZES,
        **shared,
    )


READOUT = LI(tau_mem=20.0)
READOUT_SIZES = {
    "small": {"T": 33, "B": 3, "N": 45},
    "sizes": ({"T": 100, "B": 64, "N": 100},),
    "device": ({"T": 100, "B": 256, "N": 1_000},),
    "derive": lambda sizes: {"S": 1, "C": len(READOUT.coefficient_names)},
}
PARAMETERS = {"small": {"K": 1_003}, "sizes": ({"K": 2**20},), "device": ({"K": 2**24},)}


def leaky_inputs(sizes: Sizes, rng) -> tuple[dict, dict]:
    current = normal(rng, (sizes["T"], sizes["B"], sizes["N"]))
    state = normal(rng, (1, *current.shape[1:]))
    return {"current": current, "state": state}, {"coefficients": READOUT.coefficients(1.0)}


def leaky_back_inputs(sizes: Sizes, rng) -> tuple[dict, dict]:
    forward, settings = leaky_inputs(sizes, rng)
    arrays = {
        **dict.fromkeys(("current", "membrane", "state")),
        "grad_membrane": normal(rng, forward["current"].shape),
        "grad_final_state": None,
    }
    return arrays, settings


def adam_inputs(sizes: Sizes, rng) -> tuple[dict, dict]:
    arrays = {name: normal(rng, sizes["K"]) for name in ("parameter", "grad", "first")}
    arrays["second"] = np.abs(normal(rng, sizes["K"]))
    values = (1e-3, 0.9, 0.1, 0.999, 0.001, 1.0, 1e-8, 1.0)
    return arrays, {"coefficients": AdamCoefficients(*map(np.float32, values))}


def sgd_inputs(sizes: Sizes, rng) -> tuple[dict, dict]:
    arrays = {name: normal(rng, sizes["K"]) for name in ("parameter", "grad", "velocity")}
    return arrays, {"coefficients": SGDCoefficients(*map(np.float32, (1e-2, 0.9, 1.0)), False)}


def training_cases():
    yield from layer_cases("LIF")
    yield Case("leaky_forward", leaky_inputs, **READOUT_SIZES)
    yield Case("leaky_backward", leaky_back_inputs, skip=("grad_coefficients",), **READOUT_SIZES)
    yield Case("adam_step", adam_inputs, **PARAMETERS)
    yield Case("sgd_step", sgd_inputs, **PARAMETERS)


# ------------------------------------------------------------------ plasticity


def stdp_state(sizes: Sizes, rng, density: float) -> dict:
    n, m = sizes["N"], sizes["M"]
    return {
        "spikes_pre": spikes(rng, n, density),
        "spikes_post": spikes(rng, m, density),
        "trace_pre": rng.random(n, dtype=np.float32),
        "trace_post": rng.random(m, dtype=np.float32),
    }


def stdp_coefficients():
    from cusnn.plasticity import STDP

    return STDP().coefficients(1.0)


def stdp_inputs(density: float):
    def make(sizes: Sizes, rng) -> tuple[dict, dict]:
        arrays = stdp_state(sizes, rng, density)
        arrays["weights"] = rng.random((sizes["N"], sizes["M"]), dtype=np.float32)
        return arrays, {"coefficients": stdp_coefficients()}

    return make


def stdp_csr_inputs(density: float):
    def make(sizes: Sizes, rng) -> tuple[dict, dict]:
        arrays = stdp_state(sizes, rng, density) | csr(sizes, rng)
        arrays["weights"] = rng.random(sizes["K"], dtype=np.float32)
        return arrays, {"coefficients": stdp_coefficients()}

    return make


def stdp_bytes(sizes: Sizes, arrays: dict) -> int:
    n, m = sizes["N"], sizes["M"]
    rows, columns = (int(arrays[f"spikes_{side}"].sum()) for side in ("pre", "post"))
    return 9 * (n + m) + 8 * (rows * m + (n - rows) * columns)


def stdp_csr_bytes(sizes: Sizes, arrays: dict) -> int:
    n, m, k = sizes["N"], sizes["M"], sizes["K"]
    row = np.repeat(arrays["spikes_pre"], np.diff(arrays["indptr"]))
    changed = int(np.count_nonzero(row | arrays["spikes_post"][arrays["indices"]]))
    return 9 * (n + m) + 8 * (n + 1) + 4 * k + 8 * changed


def stdp_cases():
    for percent in (2, 20):
        shared = {"variant": f"{percent}%"}
        yield Case(
            "stdp_step",
            stdp_inputs(percent / 100),
            small={"N": 257, "M": 131},
            sizes=({"N": 1_000, "M": 1_000}, {"N": 4_096, "M": 4_096}),
            device=({"N": 4_096, "M": 4_096}, {"N": 16_384, "M": 16_384}),
            needed=stdp_bytes,
            bytes_text="spikes, traces, and the weights of rows and columns that fired, "
            "each read and written once",
            **shared,
        )
        yield Case(
            "stdp_step_csr",
            stdp_csr_inputs(percent / 100),
            small=without(SPARSE["small"], "R"),
            sizes=tuple(without(sizes, "R") for sizes in SPARSE["sizes"]),
            device=tuple(without(sizes, "R") for sizes in SPARSE["device"]),
            needed=stdp_csr_bytes,
            bytes_text="spikes, traces, indptr, all indices, and the weights that change, "
            "each read and (but for indices) written once",
            **shared,
        )


def without(sizes: Sizes, name: str) -> Sizes:
    return {letter: size for letter, size in sizes.items() if letter != name}


# ------------------------------------------------------------------ encoders and decoders


def values(rate: bool = False):
    def make(sizes: Sizes, rng) -> tuple[dict, dict]:
        settings = {"seed": 1, "stream": 0, "first_step": 0} if rate else {}
        return {"values": rng.random((sizes["B"], sizes["N"]), dtype=np.float32)}, settings

    return make


def population_inputs(sizes: Sizes, rng) -> tuple[dict, dict]:
    arrays, _ = values()(sizes, rng)
    arrays["centers"] = np.linspace(0, 1, sizes["F"], dtype=np.float32)
    return arrays, {"width": np.float32(0.1)}


def train_inputs(sizes: Sizes, rng) -> tuple[dict, dict]:
    return {"spikes": spikes(rng, (sizes["T"], sizes["B"], sizes["N"]), 0.05)}, {}


TRAINS = {
    "small": {"T": 33, "B": 3, "N": 257},
    "sizes": ({"T": 100, "B": 1, "N": 1_000}, {"T": 100, "B": 64, "N": 1_000}),
    "device": ({"T": 100, "B": 64, "N": 1_000}, {"T": 100, "B": 1_024, "N": 4_096}),
}
POPULATIONS = {
    "small": {"B": 3, "N": 257, "F": 9},
    "sizes": ({"B": 1, "N": 1_000, "F": 16}, {"B": 64, "N": 4_096, "F": 16}),
    "device": ({"B": 64, "N": 4_096, "F": 16}, {"B": 1_024, "N": 8_192, "F": 16}),
}


def code_cases():
    yield Case("encode_rate", values(rate=True), **TRAINS)
    yield Case("encode_latency", values(), **TRAINS)
    yield Case("encode_population", population_inputs, tolerance=1e-5, **POPULATIONS)
    yield Case("decode_count", train_inputs, **TRAINS)
    yield Case("decode_first_spike", train_inputs, **TRAINS)


# ------------------------------------------------------------------ networks

FLYING = 1e-3  # share of neurons that fired in each step before the first: 10 Hz
PROBED = 3  # neurons whose voltage is recorded, after every so many steps
EVERY = 10


@functools.cache
def microcircuit(percent: int):
    """The cortical microcircuit at a scale, and its plan."""
    from cusnn.models import microcircuit
    from cusnn.simulation.plan import plan

    network = microcircuit(percent / 100)
    return network, plan(network)


def network_facts(percent: int) -> dict:
    """What front doors of building want to know besides the tables."""
    network, planned = microcircuit(percent)
    return {
        "n_neurons": network.size,
        "longest": planned.longest,
        "states": planned.states,
        "channels": planned.channels,
        "seed": network.seed,
    }


def advance_tables(percent: int) -> dict:
    """Tables of the first step, and probes of some voltages."""
    network, planned = microcircuit(percent)
    neurons = np.linspace(0, network.size - 1, PROBED, dtype=np.int64)
    probes = np.stack([neurons, np.zeros_like(neurons)], axis=1)
    return {**planned.advance_tables(0), "probes": probes}


def advance_settings(percent: int) -> dict:
    network, planned = microcircuit(percent)
    return {
        "seed": network.seed,
        "first_step": 0,
        "interval": interval_of(planned.shortest, planned.late),
        "every": EVERY,
        "channels": planned.channels,
    }


def room_for_spikes(sizes: Sizes) -> int:
    """For a rate of 5% per step, and an exchange in which all neurons fire in every step."""
    interval = advance_settings(sizes["percent"])["interval"]
    return microcircuit(sizes["percent"])[0].size * (interval + sizes["steps"] // 20 + 1)


def in_flight(percent: int) -> tuple[np.ndarray, np.ndarray]:
    """Steps, from 0 to the longest delay - 1, and neurons of spikes before the first step."""
    network, planned = microcircuit(percent)
    fired = np.random.default_rng(percent).random((planned.longest, network.size)) < FLYING
    return np.nonzero(fired)


def spike_keys(steps: np.ndarray, neurons: np.ndarray) -> np.ndarray:
    """Spikes as the rings have them: step << 32 | neuron."""
    return steps.astype(np.uint64) << np.uint64(32) | neurons.astype(np.uint64)


def recorded_sizes(sizes: Sizes) -> Sizes:
    return {"U": engine.samples(0, sizes["steps"], EVERY)}


def network_tiles(percent: int) -> int:
    network, planned = microcircuit(percent)
    return tiles_for(network.size, planned.channels, default_threads())


def build_sizes(sizes: Sizes) -> Sizes:
    network, planned = microcircuit(sizes["percent"])
    return {
        "X": network_tiles(sizes["percent"]),
        "N": network.size,
        "D": planned.longest,
        "S": planned.states,
        "K": planned.n_synapses,
    }


def build_inputs(sizes: Sizes, rng) -> tuple[dict, dict]:
    network, planned = microcircuit(sizes["percent"])
    settings = {"seed": network.seed, "channels": planned.channels, "threads": default_threads()}
    return dict(planned.build), settings | {"tell": lambda share: None}


def build_bytes(sizes: Sizes, arrays: dict) -> int:
    rows, weights = sizes["X"] * sizes["N"], 4 * microcircuit(sizes["percent"])[1].wide
    initial = 4 * sizes["S"] * sizes["N"]
    return (4 + weights) * sizes["K"] + 8 * rows + 4 * rows * (sizes["D"] + 1) + initial


def built_rows(percent: int, tiles: int, wide: bool, backend: str | None = None):
    """The network on the CPU, cut into so many tiles."""
    return engine.network_build(
        microcircuit(percent)[1].build,
        tiles=tiles,
        wide=wide,
        threads=default_threads(),
        backend=backend,
        **network_facts(percent),
    )


def advance_inputs(sizes: Sizes, rng, backend: str | None = None) -> tuple[dict, dict]:
    percent, steps = sizes["percent"], sizes["steps"]
    planned, tiles = microcircuit(percent)[1], network_tiles(percent)
    built = built_rows(percent, tiles, planned.wide, backend)
    fired_at, fired = in_flight(percent)
    listed = np.zeros(room_for_spikes(sizes), np.int32)
    listed[: fired.size] = fired
    spike_starts = np.zeros(planned.longest + steps + 1, np.int64)
    before = np.arange(planned.longest + 1)
    spike_starts[: before.size] = np.searchsorted(fired_at, before)
    arrays = {
        **advance_tables(percent),
        "words": built.words,
        "amounts": built.amounts,
        "row_starts": built.row_starts,
        "offsets": built.offsets,
        "state": by_tile(built.initial, tiles),
        "spikes": listed,
        "spike_starts": spike_starts,
    }
    return arrays, {**advance_settings(percent), "threads": default_threads()}


def draw_inputs(sizes: Sizes, rng) -> tuple[dict, dict]:
    network, planned = microcircuit(sizes["percent"])
    tables = planned.advance_tables(0)
    arrays = {name: tables[name] for name in ("stimuli", "thresholds")}
    return arrays, {"seed": network.seed, "first_step": 0, "steps": sizes["steps"]}


def advanced(sizes: Sizes, arrays: dict, backend: str | None = None):
    """State, spikes and their starts after all steps, and what ``network_advance`` returned."""
    own = {name: arrays[name].copy() for name in ("state", "spikes", "spike_starts")}
    progress = engine.network_advance(
        {name: array for name, array in arrays.items() if name not in own},
        **own,
        **advance_settings(sizes["percent"]),
        threads=default_threads(),
        backend=backend,
    )
    return *own.values(), progress


def advance_bytes(sizes: Sizes, arrays: dict) -> int:
    each = 4 if arrays["amounts"] is None else 8
    *_, progress = advanced(sizes, arrays)
    return 2 * arrays["state"].nbytes * sizes["steps"] + each * progress.events


# ------------------------------------------------------------------ networks in rings


def rings_shape(percent: int) -> engine.RingShape:
    """How the network is cut for the GPU that is there."""
    planned = microcircuit(percent)[1]
    facts = network_facts(percent)
    names = ("n_neurons", "longest", "states", "channels")
    interval = advance_settings(percent)["interval"]
    return engine.ring_shape(**{n: facts[n] for n in names}, interval=interval, wide=planned.wide)


def on_device(tables: dict) -> dict:
    library = engine.array_library("cuda")
    return {name: None if t is None else library.asarray(t) for name, t in tables.items()}


def rings_build_inputs(sizes: Sizes, rng) -> tuple[dict, dict]:
    network, planned = microcircuit(sizes["percent"])
    slot_bits = rings_shape(sizes["percent"]).slot_bits
    settings = {"seed": network.seed, "channels": planned.channels, "slot_bits": slot_bits}
    return dict(planned.build), settings


def rings_build_sizes(sizes: Sizes) -> Sizes:
    found = build_sizes(sizes) | {"X": rings_shape(sizes["percent"]).tiles}
    return without(found, "D")


def rings_build_bytes(sizes: Sizes, arrays: dict) -> int:
    rows, wide = sizes["X"] * (sizes["N"] + 1), rings_shape(sizes["percent"]).wide
    return (8 if wide else 4) * sizes["K"] + 8 * rows + 4 * sizes["S"] * sizes["N"]


def rings_in_order(sizes: Sizes, results: Results) -> Results:
    """Rows of ``network_build_rings``, the synapses of each sorted; the work space left out."""
    starts = results["row_starts"]
    lengths = np.diff(starts, axis=1).ravel()
    keys = results["words"].astype(np.int64)
    if results.get("amounts") is not None:
        keys = keys << 32 | results["amounts"].view(np.uint32)
    order = np.lexsort((keys, np.repeat(np.arange(lengths.size), lengths)))
    return {"row_starts": starts, "synapses": keys[order], "initial": results["initial"]}


def rings_built_by_numpy(sizes: Sizes) -> Results:
    """Rows of NumPy's ``network_build`` on as many tiles, the delays put into the words."""
    shape = rings_shape(sizes["percent"])
    built = built_rows(sizes["percent"], shape.tiles, shape.wide, "numpy")
    counts = np.diff(built.offsets, axis=2)  # [X, N, D]
    delays = np.tile(np.arange(counts.shape[2]), counts.size // counts.shape[2])
    words = built.words | np.repeat(delays << shape.slot_bits, counts.ravel()).astype(np.uint32)
    ends = built.row_starts[:, -1:] + built.offsets[:, -1:, -1]
    starts = np.concatenate([built.row_starts, ends], axis=1)
    results = {"words": words, "amounts": built.amounts, "row_starts": starts}
    return rings_in_order(sizes, results | {"initial": built.initial})


def rings_advance_inputs(exchange: str, memory: str):
    """Inputs made on the GPU, where building a large network takes no time."""

    def make(sizes: Sizes, rng) -> tuple[dict, dict]:
        percent = sizes["percent"]
        planned, shape = microcircuit(percent)[1], rings_shape(percent)
        built = engine.network_build_rings(
            on_device(planned.build), shape=shape, backend="cuda", **network_facts(percent)
        )
        names = ("words", "amounts", "row_starts")
        arrays = {
            **advance_tables(percent),
            **{n: None if (a := getattr(built, n)) is None else on_host(a) for n in names},
            "flight": spike_keys(*in_flight(percent)),
            "state": by_tile(on_host(built.initial), shape.tiles),
        }
        settings = {
            **advance_settings(percent),
            "steps": sizes["steps"],
            "longest": planned.longest,
            "slots": shape.slots,
            "slot_bits": shape.slot_bits,
            "memory": memory,
            "exchange": exchange,
            "blocks": None,
        }
        return arrays, settings

    return make


def rings_advance_sizes(sizes: Sizes) -> Sizes:
    return {"A": 2, "P": 3, "R": room_for_spikes(sizes), **recorded_sizes(sizes)}


def rings_advance_bytes(sizes: Sizes, arrays: dict) -> int:
    """Events are counted in a run of its own."""
    percent, state = sizes["percent"], arrays["state"]
    tables = without(without(arrays, "state"), "flight")
    progress = engine.network_advance_rings(
        on_device(tables),
        **on_device({"state": state.copy(), "flight": arrays["flight"]}),
        **advance_settings(percent),
        steps=sizes["steps"],
        room=room_for_spikes(sizes),
        shape=rings_shape(percent),
        longest=microcircuit(percent)[1].longest,
    )
    return 2 * state.nbytes + (4 if arrays["amounts"] is None else 8) * progress.events


def rings_advanced(sizes: Sizes, results: Results) -> Results:
    """State by neuron, the spikes sorted, and what was recorded and counted."""
    progress = results["progress"]
    return {
        "spikes": np.sort(results["spikes"][: progress[2]]),
        "state": by_neuron(results["state"], microcircuit(sizes["percent"])[0].size),
        "recorded": results["recorded"],
        "progress": progress,
    }


def rings_advanced_by_numpy(sizes: Sizes) -> Results:
    """What NumPy's ``network_advance`` makes of the network that NumPy built."""
    arrays, _ = advance_inputs(sizes, None, "numpy")
    state, neurons, starts, (done, events, recorded) = advanced(sizes, arrays, "numpy")
    starts = starts[microcircuit(sizes["percent"])[1].longest :][: done + 1]
    steps = np.repeat(np.arange(done), np.diff(starts))
    keys = spike_keys(steps, neurons[starts[0] : starts[-1]])
    progress = np.array([done, events, keys.size])
    results = {"spikes": keys, "state": state, "recorded": recorded, "progress": progress}
    return rings_advanced(sizes, results)


def network_cases():
    yield Case(
        "network_build",
        build_inputs,
        small={"percent": 1},
        sizes=({"percent": 2}, {"percent": 10}),
        skip=("amounts",),
        needed=build_bytes,
        bytes_text="words, row starts, offsets and the initial state written once",
        derive=build_sizes,
        slow_reference=True,
    )
    yield Case(
        "network_advance",
        advance_inputs,
        small={"percent": 1, "steps": 40},
        sizes=({"percent": 2, "steps": 50}, {"percent": 10, "steps": 1_000}),
        needed=advance_bytes,
        bytes_text="state read and written once a step, and 4 bytes per synaptic event",
        derive=lambda sizes: {"A": 2, **recorded_sizes(sizes)},
        restore=True,
        slow_reference=True,
    )
    yield Case(
        "network_draw",
        draw_inputs,
        small={"percent": 1, "steps": 40},
        sizes=({"percent": 2, "steps": 50}, {"percent": 10, "steps": 1_000}),
        derive=lambda sizes: {"N": microcircuit(sizes["percent"])[0].size},
        slow_reference=True,
    )
    yield Case(
        "network_build_rings",
        rings_build_inputs,
        small={"percent": 1},
        sizes=(),
        device=({"percent": 10}, {"percent": 100}),
        skip=("amounts",),
        needed=rings_build_bytes,
        bytes_text="words, row starts and the initial state written once",
        derive=rings_build_sizes,
        comparable=rings_in_order,
        twin=rings_built_by_numpy,
    )
    for exchange, memory in itertools.product(("mailbox", "barrier"), ("shared", "global")):
        yield Case(
            "network_advance_rings",
            rings_advance_inputs(exchange, memory),
            small={"percent": 1, "steps": 40},
            sizes=(),
            device=({"percent": 10, "steps": 1_000}, {"percent": 100, "steps": 1_000}),
            variant=exchange if memory == "shared" else f"{exchange}, rings in global memory",
            needed=rings_advance_bytes,
            bytes_text="state read and written once, and 4 bytes per synaptic event",
            derive=rings_advance_sizes,
            restore=True,
            comparable=rings_advanced,
            twin=rings_advanced_by_numpy,
        )


CASES: tuple[Case, ...] = (
    *neuron_cases(),
    *format_cases(),
    *matmul_cases(),
    *training_cases(),
    *stdp_cases(),
    *code_cases(),
    *network_cases(),
)
