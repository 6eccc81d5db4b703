"""What else computes the same: PyTorch, Triton, cuBLAS and cuSPARSE on the same inputs.

A peer's results are compared with the reference before it is timed. Its inputs are made in the
form that it likes best, outside of the time: converting spikes to float32, building its own CSR
matrix, or uploading anything is not counted against it.
"""

from __future__ import annotations

import importlib.util
import statistics
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from benchmarks import measure
from benchmarks.cases import CASES, Case
from benchmarks.measure import Target

BLOCK = 256


@dataclass(frozen=True)
class Peer:
    """Another implementation of a case.

    Attributes:
        name: library and what of it is used.
        case: name of the case.
        needs: module that must be importable.
        make: (arrays, settings, sizes, device) -> call, and a function that gives the outputs by
            our names as NumPy arrays after a call.
    """

    name: str
    case: str
    needs: str
    make: Callable

    def missing(self) -> str | None:
        """Why the peer can't run here; None where it can."""
        found = importlib.util.find_spec(self.needs.split(".")[0])
        return None if found else f"{self.needs} is not installed"


def torch_lif(arrays, settings, sizes, device):
    """A loop over time of eager tensor operations, as the training libraries do it."""
    import torch

    decay, gain, drive, v_threshold, v_reset = map(float, settings["coefficients"].values[:, 0])
    rest_steps = float(settings["coefficients"].refractory_steps)
    current, state = (torch.from_numpy(arrays[name]).to(device) for name in ("current", "state"))
    fired = torch.empty(current.shape, dtype=torch.bool, device=device)
    final = {}

    def call():
        v, rest = state[0], state[1]
        for t in range(current.shape[0]):
            resting = rest > 0
            v = torch.where(resting, v, decay * v + (gain * current[t] + drive))
            spiked = (v >= v_threshold) & ~resting
            v = torch.where(spiked, v_reset, v)
            rest = torch.where(spiked, rest_steps, torch.clamp(rest - 1.0, min=0.0))
            fired[t] = spiked
        final["state"] = torch.stack((v, rest))

    return call, lambda: {
        "spikes": fired.cpu().numpy().astype(np.uint8),
        "final_state": final["state"].cpu().numpy(),
    }


def triton_lif(arrays, settings, sizes, device):
    """One kernel for all steps, the state in registers, written in Triton."""
    import torch

    from benchmarks.triton_lif import lif

    values = [float(value) for value in settings["coefficients"].values[:, 0]]
    current, state = (torch.from_numpy(arrays[name]).to(device) for name in ("current", "state"))
    spikes = torch.empty(current.shape, dtype=torch.uint8, device=device)
    final_state = torch.empty_like(state)
    neurons = sizes["B"] * sizes["N"]
    grid = (-(-neurons // BLOCK),)

    def call():
        lif[grid](
            current,
            state,
            final_state,
            spikes,
            sizes["T"],
            neurons,
            *values,
            float(settings["coefficients"].refractory_steps),
            BLOCK=BLOCK,
            enable_fp_fusion=False,
        )

    return call, lambda: {
        "spikes": spikes.cpu().numpy(),
        "final_state": final_state.cpu().numpy(),
    }


def torch_dense(arrays, settings, sizes, device):
    """float32 spikes times weights (cuBLAS, no TF32)."""
    import torch

    torch.backends.cuda.matmul.allow_tf32 = False
    spikes = torch.from_numpy(arrays["spikes"].astype(np.float32)).to(device)
    weights = torch.from_numpy(arrays["weights"]).to(device)
    product = torch.empty((sizes["R"], sizes["M"]), device=device)
    return (
        lambda: torch.mm(spikes, weights, out=product),
        lambda: {"product": product.cpu().numpy()},
    )


def torch_sparse_spikes(arrays, settings, sizes, device):
    """Spikes as a CSR matrix times dense weights."""
    import torch

    spikes = torch.from_numpy(arrays["spikes"].astype(np.float32)).to(device).to_sparse_csr()
    weights = torch.from_numpy(arrays["weights"]).to(device)
    result = {}

    def call():
        result["product"] = spikes @ weights

    return call, lambda: {"product": result["product"].cpu().numpy()}


def torch_csr(arrays, settings, sizes, device):
    """The transposed CSR matrix times dense float32 spikes."""
    import torch

    n, m = sizes["N"], sizes["M"]
    crow, col, weights = (
        torch.from_numpy(arrays[name]).to(device) for name in ("indptr", "indices", "weights")
    )
    matrix = torch.sparse_csr_tensor(crow, col.to(torch.int64), weights, (n, m))
    transposed = matrix.to_sparse_coo().t().to_sparse_csr()
    spikes = torch.from_numpy(arrays["spikes"].T.astype(np.float32)).to(device).contiguous()
    result = {}

    def call():
        result["product"] = transposed @ spikes

    return call, lambda: {"product": result["product"].t().cpu().numpy()}


def cupy_dense(arrays, settings, sizes, device):
    """float32 spikes times weights (cuBLAS)."""
    import cupy

    spikes = cupy.asarray(arrays["spikes"].astype(np.float32))
    weights = cupy.asarray(arrays["weights"])
    product = cupy.empty((sizes["R"], sizes["M"]), np.float32)
    return lambda: cupy.matmul(spikes, weights, out=product), lambda: {"product": product.get()}


def cupy_csr(arrays, settings, sizes, device):
    """The transposed CSR matrix times dense float32 spikes (cuSPARSE)."""
    import cupy
    import cupyx.scipy.sparse

    shape = sizes["N"], sizes["M"]
    parts = tuple(cupy.asarray(arrays[name]) for name in ("weights", "indices"))
    pointers = cupy.asarray(arrays["indptr"].astype(np.int32))
    matrix = cupyx.scipy.sparse.csr_matrix((*parts, pointers), shape=shape)
    transposed = matrix.T.tocsr()
    spikes = cupy.asfortranarray(cupy.asarray(arrays["spikes"].T.astype(np.float32)))
    result = {}

    def call():
        result["product"] = transposed @ spikes

    return call, lambda: {"product": result["product"].T.get()}


PEERS: tuple[Peer, ...] = (
    Peer("PyTorch, eager", "neuron_forward LIF", "torch", torch_lif),
    Peer("Triton", "neuron_forward LIF", "triton", triton_lif),
    *(
        peer
        for percent in (2, 20)
        for peer in (
            Peer("PyTorch, dense", f"spike_matmul {percent}%", "torch", torch_dense),
            Peer("PyTorch, sparse", f"spike_matmul {percent}%", "torch", torch_sparse_spikes),
            Peer("CuPy, cuBLAS", f"spike_matmul {percent}%", "cupy", cupy_dense),
            Peer("PyTorch, sparse", f"spike_matmul_csr {percent}%", "torch", torch_csr),
            Peer("CuPy, cuSPARSE", f"spike_matmul_csr {percent}%", "cupyx", cupy_csr),
        )
    ),
)


def case_of(peer: Peer) -> Case:
    return next(case for case in CASES if case.name == peer.case)


def check(peer: Peer, device: str) -> None:
    """Compare a peer with the NumPy reference on the case's small sizes.

    Raises:
        AssertionError: spikes that are not the same, or numbers that differ by too much.
    """
    case = case_of(peer)
    call, results = build(peer, case, case.small, device)
    call()
    reference = measure.prepare(case, case.small, measure.target("numpy"))
    reference()
    expected = reference.results()
    for name, found in results().items():
        tolerance = case.tolerance if name == "product" else 0
        measure.compare(found, expected[name], tolerance, f"{peer.name}: {name}")


def build(peer: Peer, case: Case, sizes: dict, device: str):
    """The peer's call and results, on the inputs that the case makes for everybody."""
    arrays, settings = case.make(sizes, np.random.default_rng(1))
    return peer.make(arrays, settings, sizes, device)


def time_peer(
    peer: Peer, sizes: dict, where: Target, device: str = "cuda", budget: float = 0.5
) -> dict:
    """The row of a peer, checked before."""
    case = case_of(peer)
    call, _ = build(peer, case, sizes, device)
    seconds = measure.time_call(call, where.clock, budget)
    return {
        "operation": case.op,
        "case": case.name,
        "backend": peer.name,
        "peer": True,
        "sizes": measure.sizes_text(sizes, case),
        "seconds": statistics.median(seconds),
        "fastest": min(seconds),
        "slowest": max(seconds),
        "rounds": len(seconds),
        "status": "passed",
    }
