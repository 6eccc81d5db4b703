"""What modules for PyTorch do on a GPU: kernels under g++, streams and memory against stand-ins."""

import contextlib
from types import SimpleNamespace

import pytest
from conftest import skip, use_emulator

try:
    import torch
except ImportError as error:
    skip("torch", f"PyTorch cannot be imported: {error}")

import cusnn.torch as ct
from cusnn import driver
from cusnn.ops import neuron as operations
from cusnn.torch import arrays


def test_kernels_give_the_same_bits(monkeypatch):
    use_emulator(monkeypatch)
    current = 2 * torch.randn(9, 2, 3, generator=torch.Generator().manual_seed(0))
    results = []
    for backend in ("numba", "cuda"):
        module = ct.LIF(tau_mem=5.0, r=3.0, learn=("tau_mem",), backend=backend)
        x = current.clone().requires_grad_()
        spikes = module(x)
        spikes.square().sum().backward()
        results.append((spikes.detach(), x.grad, module.free_tau_mem.grad))
    one, other = results
    assert one[0].any()
    assert torch.equal(one[0], other[0])
    assert torch.equal(one[1], other[1])
    torch.testing.assert_close(one[2], other[2])


class _Cuda:
    """Stands in for ``cupy.cuda`` and PyTorch's allocator, and writes down what happens."""

    def __init__(self):
        self.events = []

    def _block(self, *what):
        @contextlib.contextmanager
        def block():
            self.events.append(("enter", *what))
            yield
            self.events.append(("exit", *what))

        return block()

    def Device(self, index):
        return self._block("device", index)

    @property
    def Stream(self):
        return SimpleNamespace(from_external=lambda o: self._block("stream", o.__cuda_stream__()))

    def using_allocator(self, malloc):
        self.malloc = malloc
        return self._block("allocator")

    def PythonFunctionAllocator(self, malloc, free):
        self.free = free
        return SimpleNamespace(malloc=malloc)


def test_cupy_works_on_the_stream_and_memory_of_torch(monkeypatch):
    cuda = _Cuda()
    monkeypatch.setattr(driver, "_cupy", lambda: SimpleNamespace(cuda=cuda))
    streams = {1: SimpleNamespace(cuda_stream=1234)}
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: streams[device.index])
    given = []

    def allocate(size, device, stream):
        given.append(("allocate", size, device, stream))
        return 4096

    monkeypatch.setattr(torch.cuda, "caching_allocator_alloc", allocate)
    monkeypatch.setattr(
        torch.cuda, "caching_allocator_delete", lambda pointer: given.append(("free", pointer))
    )
    with arrays.on_device(torch.device("cuda", 1)):
        assert cuda.events == [
            ("enter", "device", 1),
            ("enter", "stream", (0, 1234)),
            ("enter", "allocator"),
        ]
        assert cuda.malloc(64, 1) == 4096
    cuda.free(4096, 1)
    assert given == [("allocate", 64, 1, 1234), ("free", 4096)]
    assert [event[1] for event in cuda.events[3:]] == ["allocator", "stream", "device"]


def test_the_stand_in_is_like_cupy():
    cupy = pytest.importorskip("cupy")
    free = []
    allocator = cupy.cuda.PythonFunctionAllocator(lambda size, device: 4096, free.append)
    for address in (0, 1234):
        assert cupy.cuda.Stream.from_external(driver._ForeignStream(address)).ptr == address
    with cupy.cuda.using_allocator(allocator.malloc):
        assert cupy.cuda.get_allocator() == allocator.malloc


def test_tensors_on_a_gpu_go_through_dlpack(monkeypatch):
    class Tensor:
        device = torch.device("cuda", 0)

        def detach(self):
            return ("detached", self)

    class Array:
        def __dlpack_device__(self):
            return (1, 0)

        def __dlpack__(self, **options):
            return torch.arange(3).__dlpack__()

    seen = []
    monkeypatch.setattr(
        driver, "_cupy", lambda: SimpleNamespace(from_dlpack=lambda x: seen.append(x) or "array")
    )
    tensor = Tensor()
    tensor.detach = lambda: tensor
    assert arrays.to_array(tensor) == "array"
    assert seen == [tensor]
    assert arrays.to_tensor(Array()).tolist() == [0, 1, 2]


def test_memory_is_shared_on_the_cpu():
    tensor = torch.arange(4.0, requires_grad=True)
    array = arrays.to_array(tensor)
    assert array.ctypes.data == tensor.data_ptr()
    assert arrays.to_tensor(array).data_ptr() == tensor.data_ptr()
    assert arrays.to_array(None) is None
    assert arrays.to_tensor(None) is None


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32])
def test_sixteen_bits_reach_the_kernels(monkeypatch, dtype):
    use_emulator(monkeypatch)
    seen = []
    forward = operations.neuron_forward

    def spy(current, *args, **kwargs):
        result = forward(current, *args, **kwargs)
        seen.append((str(current.dtype), str(result.spikes.dtype), str(result.final_state.dtype)))
        return result

    monkeypatch.setattr(operations, "neuron_forward", spy)
    module = ct.LIF(tau_mem=5.0, r=3.0, backend="cuda", return_state=True)
    x = 2 * torch.randn(9, 2, 8, generator=torch.Generator().manual_seed(0))
    x = x.to(dtype).requires_grad_()
    spikes, state = module(x)
    (spikes.sum() + state[0].sum().to(dtype)).backward()
    name = str(dtype).removeprefix("torch.")
    assert seen == [(name, name, "float32")]
    assert (spikes.dtype, state.dtype, x.grad.dtype) == (dtype, torch.float32, dtype)
    monkeypatch.undo()
    wide = x.detach().float().requires_grad_()
    expected, after = ct.LIF(tau_mem=5.0, r=3.0, return_state=True)(wide)
    assert spikes.any()
    assert torch.equal(spikes.float(), expected)
    (expected.sum() + after[0].sum()).backward()
    torch.testing.assert_close(x.grad.float(), wide.grad, rtol=2e-3, atol=2e-3)
