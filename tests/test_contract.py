"""One name, one order, one shape in every room."""

import importlib
import inspect
import re
import types

import numpy as np
import pytest

import cusnn
from cusnn import contract, dispatch, driver

OPS = list(contract.OPS.values())
WITH_KERNELS = [op for op in OPS if op.kernels]
C_TYPES = {
    "float32": "float",
    "uint8": "uint8",
    "int16": "int16",
    "uint16": "uint16",
    "int32": "int32",
    "uint32": "uint32",
    "int64": "int64",
    "uint64": "uint64",
    "float64": "double",
}
POINTER = re.compile(
    r"^(const )?(\w+)\*\s*(?:__restrict__ )?(\w+),?\s*\)?\s*\{?\s*// (\[.*\])\s+(.*)$"
)


def by_name(op):
    return op.name


@pytest.mark.parametrize("op", OPS, ids=by_name)
def test_backend_signatures(op):
    for name in op.backends:
        function = dispatch.function(name, op)
        function = getattr(function, "py_func", function)
        parameters = inspect.signature(function).parameters
        assert tuple(parameters) == op.parameters, f"{name}: {tuple(parameters)}"
        assert all(p.default is p.empty for p in parameters.values()), f"{name} has defaults"


@pytest.mark.parametrize("op", WITH_KERNELS, ids=by_name)
def test_kernel_parameters(op):
    """The ``__global__`` function of the op's name begins with the contract's arrays, in order.

    What follows them (sizes, settings) is between the backend's room and the kernel.
    """
    text = driver.read_source(op.kernels[0])
    match = re.search(rf"__global__[^;{{]*?\b{op.name}\(\n(.*?)^\s*\)?\s*{{", text, re.S | re.M)
    assert match, f"no __global__ function {op.name} in {op.kernels[0]}"
    lines = [line.strip() for line in match.group(1).splitlines()]
    found = [POINTER.match(line) for line in lines[: len(op.args)]]
    for arg, line, pointer in zip(op.args, lines, found, strict=False):
        assert pointer, f"{op.name}: expected {arg.name} {arg.shape_text}, found {line!r}"
        const, ctype, name, shape, flow = pointer.groups()
        assert name == arg.name
        real = "float16" in arg.also and arg.dtype == "float32"  # a kernel per type
        assert ctype == ("Real" if real else C_TYPES[arg.dtype])
        assert shape == arg.shape_text
        words = flow.replace(",", " ").split()
        assert words[0] == arg.flow
        assert ("optional" in words) == arg.optional
        assert bool(const) == (arg.flow == "in")


@pytest.mark.parametrize("op", WITH_KERNELS, ids=by_name)
def test_instantiations_name_real_kernels(op):
    module = importlib.import_module(f"cusnn.backends.cuda.{op.room}")
    for source in op.kernels:
        expressions = module.INSTANTIATIONS[source]
        names = {re.match(r"\w+", expression).group() for expression in expressions}
        assert names <= set(driver.kernel_names(source))
        assert len(expressions) == len(set(expressions))


def test_every_kernel_file_belongs_to_an_op():
    files = {path.name for path in driver.kernel_folder().glob("*.cu")}
    assert files == {kernel for op in OPS for kernel in op.kernels}


@pytest.mark.parametrize("op", OPS, ids=by_name)
def test_public_docstring(op):
    if op.room.startswith("network"):
        function = getattr(importlib.import_module(f"cusnn.ops.{op.room}"), op.name)
    else:
        # A CSR matrix is a kind of weights, not another public function.
        function = getattr(cusnn, op.name.replace("_csr", ""))
    text = inspect.getdoc(function)
    for section in ("Args:", "Returns:", "Raises:"):
        if section == "Returns:" and op.room == "stdp":
            continue
        assert section in text, f"{op.name}: no {section}"


@pytest.mark.parametrize("op", OPS, ids=by_name)
def test_outputs_follow_inputs(op):
    flows = ["out" if arg.flow == "out" else "in" for arg in op.args]
    assert flows == sorted(flows)
    assert all(np.dtype(arg.dtype) for arg in op.args)


def small_op():
    return contract.OPS["neuron_forward"]


def test_check_names_the_disagreement():
    current = np.zeros((5, 3, 7), "float32")
    state = np.zeros((2, 4, 7), "float32")
    with pytest.raises(ValueError, match=r"neuron_forward: state has B=4, but current has B=3"):
        contract.check(small_op(), current=current, state=state)


@pytest.mark.parametrize(
    ("bad", "error", "text"),
    [
        ([[1.0]], TypeError, "must be an array float32"),
        (np.zeros((2, 2, 2)), TypeError, "got float64"),
        (np.zeros((2, 2), "float32"), ValueError, r"must be \[A, B, N\]"),
        (np.zeros((2, 2, 4), "float32")[:, :, ::2], ValueError, "C-contiguous"),
        (None, TypeError, "got NoneType"),
    ],
)
def test_check_refuses(bad, error, text):
    with pytest.raises(error, match=text):
        contract.check(small_op(), current=bad)


def test_check_refuses_read_only_outputs():
    weights = np.zeros((2, 3), "float32")
    weights.setflags(write=False)
    with pytest.raises(ValueError, match="read-only"):
        contract.check(contract.OPS["stdp_step"], weights=weights)


def test_allocate_checks_what_was_brought():
    with pytest.raises(ValueError, match="final_state has N=9"):
        contract.allocate(
            small_op(),
            np,
            {"T": 1, "S": 2, "B": 1, "N": 7},
            ("spikes", "packed", "checkpoints"),
            final_state=np.zeros((2, 1, 9), "float32"),
        )


def test_bytes_moved_by_hand():
    sizes = {"N": 3, "M": 5}
    expected = 3 + 5 + 2 * 4 * (3 + 5 + 15)
    assert contract.bytes_moved(contract.OPS["stdp_step"], sizes) == expected


def test_dispatch_mixes_nothing(monkeypatch):
    import sys

    class Fake:
        pass

    monkeypatch.setitem(sys.modules, "cupy", types.SimpleNamespace(ndarray=Fake))
    with pytest.raises(TypeError, match="one library, but a is numpy and b is cupy"):
        dispatch.choose("op", {"a": np.zeros(1), "b": Fake()})
    with pytest.raises(TypeError, match="takes cupy arrays, got numpy"):
        dispatch.choose("op", {"a": np.zeros(1)}, "cuda")
    with pytest.raises(ValueError, match="must be one of numpy, numba, cuda"):
        dispatch.choose("op", {"a": np.zeros(1)}, "opencl")
    assert dispatch.choose("op", {"a": Fake()})[0] == "cuda"


def test_dispatch_default_from_environment(monkeypatch):
    arrays = {"a": np.zeros(1)}
    assert dispatch.choose("op", arrays)[0] == "numba"
    monkeypatch.setenv("CUSNN_BACKEND", "numpy")
    assert dispatch.choose("op", arrays)[0] == "numpy"
    monkeypatch.setenv("CUSNN_BACKEND", "cuda")
    assert dispatch.choose("op", arrays)[0] == "numba"
    monkeypatch.setenv("CUSNN_BACKEND", "nunpy")
    with pytest.raises(ValueError, match=r"CUSNN_BACKEND must be one of numpy, .*, got 'nunpy'"):
        dispatch.choose("op", arrays)
    with pytest.raises(ValueError, match="op: backend must be one of numpy, numba, cuda, got ''"):
        dispatch.choose("op", arrays, "")


def test_cuda_takes_sizes_of_31_bits(monkeypatch):
    """Every front door tells its sizes before it allocates anything."""
    backend = dispatch.Backend("nowhere", "numpy", dispatch.BACKENDS["cuda"].longest)
    monkeypatch.setitem(dispatch.BACKENDS, "cuda", backend)
    arrays = {"a": np.zeros(1)}
    dispatch.choose("op", arrays, "cuda", {"N": 2**31 - 1, "K": 2**40})
    dispatch.choose("op", arrays, "numba", {"N": 2**31})
    with pytest.raises(ValueError, match=r"op: backend 'cuda' takes axes of .*, got N=2147483648"):
        dispatch.choose("op", arrays, "cuda", {"N": 2**31})
    monkeypatch.setattr(contract, "allocate", lambda *_: pytest.fail("allocated"))
    seen = np.lib.stride_tricks.as_strided(np.zeros(0, np.uint8), (2**31, 0), (0, 1))
    with pytest.raises(ValueError, match=r"spike_pack: .* got R=2147483648"):
        cusnn.spike_pack(seen, backend="cuda")


def at(array, first, shape):
    """A view that begins at an element of ``array``."""
    size = int(np.prod(shape))
    return array.reshape(-1)[first : first + size].reshape(shape)


def test_outputs_share_no_memory():
    neuron = cusnn.LIF()
    current, room = np.zeros((4, 1, 512), "f4"), np.zeros((4, 1, 512), "f4")
    state = at(room, 0, (2, 1, 512))
    shifted = cusnn.neuron_forward(current, state, neuron, backend="numpy")._replace(
        final_state=at(room, 512, (2, 1, 512))
    )
    text = "neuron_forward: final_state shares memory with state; pass another out"
    with pytest.raises(ValueError, match=text):
        cusnn.neuron_forward(current, state, neuron, out=shifted)
    shifted = shifted._replace(final_state=at(room, 1024, (2, 1, 512)))
    cusnn.neuron_forward(current, state, neuron, out=shifted, backend="numpy")
    same = shifted._replace(final_state=state)
    cusnn.neuron_forward(current, state, neuron, out=same, backend="numpy")
    bytes_of_state = at(state.view(np.uint8), 0, (4, 1, 512))
    with pytest.raises(ValueError, match="spikes shares memory with state"):
        cusnn.neuron_forward(current, state, neuron, out=shifted._replace(spikes=bytes_of_state))

    weights, spikes = np.zeros((3, 3), "f4"), np.ones((3, 3), np.uint8)
    for given in (weights, cusnn.CSR.from_dense(np.ones((3, 3), "f4"))):
        out = weights if given is weights else given.weights.reshape(3, 3)
        with pytest.raises(ValueError, match="product shares memory with weights; pass another"):
            cusnn.spike_matmul(spikes, given, out=out)

    buffer = np.zeros((2, 33), np.int32)
    out = cusnn.CompactSpikes(buffer, buffer[0, :2])
    with pytest.raises(ValueError, match="indices shares memory with counts; pass another out"):
        cusnn.spike_compact(np.ones((2, 33), np.uint8), out=out)
    packed = np.zeros((2, 1), np.uint32)
    spikes = packed.view(np.uint8)
    with pytest.raises(ValueError, match="spike_pack: packed shares memory with spikes"):
        cusnn.spike_pack(spikes, out=packed)
    with pytest.raises(ValueError, match="spike_unpack: spikes shares memory with packed"):
        cusnn.spike_unpack(packed, 4, out=spikes)


def test_memory_next_door_and_of_nothing_is_not_shared():
    room = np.zeros(6, "f4")
    op = contract.OPS["spike_matmul"]
    spikes = np.zeros((1, 1), np.uint8)
    contract.check_memory(op, spikes=spikes, weights=room[None, :3], product=room[None, 3:])
    with pytest.raises(ValueError, match="product shares memory with weights"):
        contract.check_memory(op, spikes=spikes, weights=room[None, :4], product=room[None, 3:])
    contract.check_memory(op, spikes=spikes, weights=room[None, :4], product=room[None, 2:2])


def test_memory_of_a_gpu_is_told_by_pointers():
    def array(pointer, nbytes):
        return types.SimpleNamespace(data=types.SimpleNamespace(ptr=pointer), nbytes=nbytes)

    op = contract.OPS["spike_matmul"]
    apart = {"spikes": array(64, 8), "weights": array(128, 32)}
    contract.check_memory(op, **apart, product=array(160, 8))
    with pytest.raises(ValueError, match="product shares memory with weights"):
        contract.check_memory(op, **apart, product=array(156, 8))


def test_no_memory_names_the_operation_and_the_array():
    op = contract.OPS["decode_count"]
    text = r"^decode_count: no memory for counts, int32 \[1048576, 1099511627776\], 4,6\d\d,\d{3},"
    with pytest.raises(MemoryError, match=text):
        contract.allocate(op, np, {"T": 1, "B": 2**20, "N": 2**40})
    with pytest.raises(MemoryError, match="no memory for counts"):  # more bytes than 64 bits count
        contract.allocate(op, np, {"T": 1, "B": 2**31, "N": 2**40})


def test_masked_arrays_are_refused():
    spikes = np.ma.masked_array(np.zeros((1, 2, 3), np.uint8))
    with pytest.raises(TypeError, match=r"spikes must be an array uint8 \[T, B, N\], got a masked"):
        contract.check(contract.OPS["decode_count"], spikes=spikes)
