"""One name, one order, one shape in every room."""

import importlib
import inspect
import re

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
}
POINTER = re.compile(r"^(const )?(\w+)\*\s*__restrict__ (\w+),?\s*\)?\s*\{?\s*// (\[.*\])\s+(.*)$")


def by_name(op):
    return op.name


def backends_of(op):
    return [b for b in dispatch.BACKENDS if op.kernels or b != "cuda"]


@pytest.mark.parametrize("op", OPS, ids=by_name)
def test_backend_signatures(op):
    for name in backends_of(op):
        function = dispatch.function(name, op)
        function = getattr(function, "py_func", function)
        parameters = inspect.signature(function).parameters
        assert tuple(parameters) == op.parameters, f"{name}: {tuple(parameters)}"
        assert all(p.default is p.empty for p in parameters.values()), f"{name} has defaults"


@pytest.mark.parametrize("op", WITH_KERNELS, ids=by_name)
def test_kernel_parameters(op):
    """The ``__global__`` function of the op's name carries the contract's arrays, in order."""
    text = driver.read_source(op.kernels[0])
    match = re.search(rf"__global__[^;{{]*?\b{op.name}\(\n(.*?)^\s*\)?\s*{{", text, re.S | re.M)
    assert match, f"no __global__ function {op.name} in {op.kernels[0]}"
    lines = [line.strip() for line in match.group(1).splitlines()]
    found = [POINTER.match(line) for line in lines[: len(op.args)]]
    for arg, line, pointer in zip(op.args, lines, found, strict=False):
        assert pointer, f"{op.name}: expected {arg.name} {arg.shape_text}, found {line!r}"
        const, ctype, name, shape, flow = pointer.groups()
        assert name == arg.name
        assert ctype == C_TYPES[arg.dtype]
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
    if op.room == "network":
        function = getattr(importlib.import_module("cusnn.ops.network"), op.name)
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
        (np.zeros((2, 2), "float32"), ValueError, r"must be \[T, B, N\]"),
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
    import types

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
