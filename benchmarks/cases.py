"""The table of what is measured: a ``Case`` for each operation and each way to use it.

To add an operation, add a case to ``CASES``: how its inputs are made, and sizes. The rest (outputs,
bytes, checks against the reference, timing on every backend) follows from the contract.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from cusnn import contract, dispatch
from cusnn.neurons import LIF, CubaLIF
from cusnn.ops import network as engine
from cusnn.simulation import default_threads

INTERVAL = 16
Sizes = dict[str, int]
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
        tolerance: largest relative difference from the reference; 0 for equal bits.
        needed: (sizes, inputs) -> bytes that must be moved, where that depends on the spikes;
            None for the contract's count.
        bytes_text: what ``needed`` counts.
        derive: sizes -> sizes of axes that follow from them and that no input has.
        restore: put changed arrays back before each call, because a second call on them would do
            other work.
        slow_reference: time the NumPy reference on the first sizes only.
    """

    op: str
    make: Callable[[Sizes, np.random.Generator], tuple[dict, dict]]
    small: Sizes
    sizes: tuple[Sizes, ...]
    device: tuple[Sizes, ...] = ()
    variant: str = ""
    skip: tuple[str, ...] = ()
    tolerance: float = 0.0
    needed: Callable[[Sizes, dict], int] | None = None
    bytes_text: str = CONTRACT_BYTES
    derive: Callable[[Sizes], Sizes] = dict
    restore: bool = False
    slow_reference: bool = False

    @property
    def name(self) -> str:
        return f"{self.op} {self.variant}".strip()

    @property
    def backends(self) -> tuple[str, ...]:
        """Backends that have the operation."""
        with_kernels = bool(contract.OPS[self.op].kernels)
        return tuple(name for name in dispatch.BACKENDS if with_kernels or name != "cuda")

    def sizes_on(self, backend: str) -> tuple[Sizes, ...]:
        if backend == "numpy" and self.slow_reference:
            return self.sizes[:1]
        return self.device if backend == "cuda" else self.sizes

    def bytes_needed(self, sizes: Sizes, arrays: dict) -> int:
        if self.needed is not None:
            return int(self.needed(sizes, arrays))
        absent = tuple(name for name, array in arrays.items() if array is None)
        return contract.bytes_moved(contract.OPS[self.op], sizes, self.skip + absent)


def complete(case: Case, sizes: Sizes, arrays: dict) -> Sizes:
    """Chosen sizes with those that follow from them and from the inputs."""
    found = {**sizes, **case.derive(sizes)}
    if "N" in sizes:
        found["W"] = -(-sizes["N"] // 32)
    return contract.check(contract.OPS[case.op], found, **arrays)


def spikes(rng, shape, density: float) -> np.ndarray:
    """Random spikes, uint8."""
    return (rng.random(shape, dtype=np.float32) < density).astype(np.uint8)


def normal(rng, shape) -> np.ndarray:
    return rng.standard_normal(shape, dtype=np.float32)


# ------------------------------------------------------------------ neurons

NEURONS = {
    "LIF": LIF(tau_mem=20.0, t_refractory=2.0),
    "LIF soft": LIF(tau_mem=20.0, reset="soft"),
    "CubaLIF": CubaLIF(v_leak=0.0, v_threshold=1.0, v_reset=0.0, r=1.0, tau_syn=5.0),
}


def neuron_inputs(model: str):
    """T steps of noisy input that makes a neuron fire once in about 30 steps."""

    def make(sizes: Sizes, rng) -> tuple[dict, dict]:
        neuron = NEURONS[model]
        shape = sizes["T"], sizes["B"], sizes["N"]
        mean = 1.2 if model.startswith("LIF") else 0.2
        current = normal(rng, shape)
        current += np.float32(mean)
        state = np.zeros((len(neuron.state), *shape[1:]), np.float32)
        arrays = {"current": current, "state": state}
        return arrays, {"coefficients": neuron.coefficients(1.0), "interval": INTERVAL}

    return make


def backward_inputs(model: str):
    """The inputs of forward, its checkpoints, and random gradients of the spikes."""

    def make(sizes: Sizes, rng) -> tuple[dict, dict]:
        from cusnn.surrogates import FastSigmoid

        forward, settings = neuron_inputs(model)(sizes, rng)
        op = contract.OPS["neuron_forward"]
        known = {**sizes, "Q": -(-sizes["T"] // INTERVAL), "W": 0}
        known = contract.check(op, known, **forward)
        outputs = contract.allocate(op, np, known, skip=("spikes", "packed"))
        dispatch.function("numpy", op)(**forward, **outputs, **settings)
        arrays = {
            "current": forward["current"],
            "checkpoints": outputs["checkpoints"],
            "grad_spikes": normal(rng, forward["current"].shape),
            "grad_final_state": None,
        }
        surrogate = FastSigmoid().coefficients()
        return arrays, {**settings, "surrogate": surrogate, "detach_reset": False}

    return make


def neuron_case(op: str, model: str, variant: str, make, skip) -> Case:
    return Case(
        op,
        make(model),
        small={"T": 33, "B": 3, "N": 257},
        sizes=({"T": 100, "B": 1, "N": 1_000}, {"T": 100, "B": 64, "N": 1_000}),
        device=({"T": 100, "B": 64, "N": 1_000}, {"T": 100, "B": 256, "N": 4_096}),
        variant=variant,
        skip=skip,
        derive=lambda sizes: {
            "Q": -(-sizes["T"] // INTERVAL),
            "C": len(type(NEURONS[model]).coefficient_names),
        },
    )


def neuron_cases():
    packed = ("spikes", "checkpoints")
    dense = ("packed", "checkpoints")
    for model in NEURONS:
        yield neuron_case("neuron_forward", model, model, neuron_inputs, dense)
    yield neuron_case("neuron_forward", "LIF", "LIF packed", neuron_inputs, packed)
    yield neuron_case("neuron_forward", "LIF", "LIF checkpoints", neuron_inputs, ("packed",))
    for model in ("LIF", "CubaLIF"):
        yield neuron_case("neuron_backward", model, model, backward_inputs, ("grad_coefficients",))


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


@functools.cache
def microcircuit(percent: int):
    """The cortical microcircuit at a scale, and its plan."""
    from cusnn.models import microcircuit
    from cusnn.simulation.plan import plan

    network = microcircuit(percent / 100)
    return network, plan(network)


def build_sizes(sizes: Sizes) -> Sizes:
    network, planned = microcircuit(sizes["percent"])
    return {
        "X": default_threads(),
        "N": network.size,
        "D": planned.longest,
        "K": planned.n_synapses,
    }


def build_inputs(sizes: Sizes, rng) -> tuple[dict, dict]:
    network, planned = microcircuit(sizes["percent"])
    return dict(planned.build), {"seed": network.seed, "threads": default_threads()}


def build_bytes(sizes: Sizes, arrays: dict) -> int:
    rows = sizes["X"] * sizes["N"]
    return 4 * sizes["K"] + 8 * rows + 4 * rows * (sizes["D"] + 1) + 4 * sizes["N"]


def advance_inputs(sizes: Sizes, rng) -> tuple[dict, dict]:
    network, planned = microcircuit(sizes["percent"])
    tiles = threads = default_threads()
    built = engine.network_build(
        planned.build, tiles=tiles, longest=planned.longest, seed=network.seed, threads=threads
    )
    voltages = np.zeros((-(-network.size // tiles), tiles), np.float32)
    voltages.ravel()[: network.size] = built.initial
    state = np.zeros((tiles, 3, voltages.shape[0]), np.float32)
    state[:, 0] = voltages.T
    room = network.size * (planned.shortest + sizes["steps"] // 20 + 1)
    arrays = {
        **planned.advance,
        "words": built.words,
        "row_starts": built.row_starts,
        "offsets": built.offsets,
        "state": state,
        "spikes": np.zeros(room, np.int32),
        "spike_starts": np.zeros(planned.longest + sizes["steps"] + 1, np.int64),
    }
    settings = {
        "seed": network.seed,
        "first_step": 0,
        "interval": min(planned.shortest, INTERVAL),
        "threads": threads,
    }
    return arrays, settings


def advance_bytes(sizes: Sizes, arrays: dict) -> int:
    network, planned = microcircuit(sizes["percent"])
    own = {name: arrays[name].copy() for name in ("state", "spikes", "spike_starts")}
    _, events = engine.network_advance(
        {name: array for name, array in arrays.items() if name not in own},
        **own,
        seed=network.seed,
        first_step=0,
        interval=min(planned.shortest, INTERVAL),
        threads=default_threads(),
    )
    return 2 * arrays["state"].nbytes * sizes["steps"] + 4 * events


def network_cases():
    yield Case(
        "network_build",
        build_inputs,
        small={"percent": 1},
        sizes=({"percent": 2}, {"percent": 10}),
        needed=build_bytes,
        bytes_text="words, row starts, offsets and voltages written once",
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
        derive=lambda sizes: {"A": 2},
        restore=True,
        slow_reference=True,
    )


CASES: tuple[Case, ...] = (
    *neuron_cases(),
    *format_cases(),
    *matmul_cases(),
    *stdp_cases(),
    *code_cases(),
    *network_cases(),
)
