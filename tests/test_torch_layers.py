"""Layers for PyTorch against plain autograd and against linear layers and neurons apart."""

import copy

import pytest
from conftest import skip

try:
    import torch
    from torch import nn
except ImportError as error:
    skip("torch", f"PyTorch cannot be imported: {error}")

from test_torch import close, coefficients_of, drive, plain_neuron

import cusnn
import cusnn.torch as ct
from cusnn.torch import layers, snntorch

T, B, N, M = 30, 3, 40, 9


def random_spikes(*shape, density=0.2, seed=0):
    return (torch.rand(*shape, generator=torch.Generator().manual_seed(seed)) < density).float()


@pytest.mark.parametrize("method", ["event", "dense", "auto"])
@pytest.mark.parametrize(
    ("neurons", "bias"),
    [
        (lambda: ct.LIF(tau_mem=4.0, r=16.0, learn=("tau_mem", "v_threshold")), True),
        (lambda: ct.CubaLIF(tau_mem=5.0, tau_syn=3.0, r=6.0, v_leak=0.0, v_threshold=1.0,
                            v_reset=0.0, t_refractory=0.0), False),
    ],
)  # fmt: skip
def test_the_fused_layer_is_linear_and_neurons(neurons, bias, method):
    torch.manual_seed(0)
    linear, separate = nn.Linear(N, M, bias=bias), neurons()
    fused = ct.SpikingLinear.of(linear, copy.deepcopy(separate), method=method)
    spikes = random_spikes(T, B, N).requires_grad_()
    other = spikes.detach().requires_grad_()
    weight = drive(T, B, M, seed=2)
    got = fused(spikes)
    (got * weight).sum().backward()
    expected = separate(linear(other))
    (expected * weight).sum().backward()
    assert torch.equal(got, expected)
    assert 0.03 < float(got.detach().mean()) < 0.9
    close(spikes.grad, other.grad, 5e-5)
    close(fused.weights.grad.T, linear.weight.grad, 5e-5)
    if bias:
        close(fused.bias.grad, linear.bias.grad, 5e-5)
    for name, parameter in separate.named_parameters():
        close(fused.neurons.get_parameter(name).grad, parameter.grad, 1e-4)


@pytest.mark.parametrize("kind", ["linear", "recurrent"])
def test_weights_in_another_order_of_memory(kind):
    def made():
        torch.manual_seed(1)
        neurons = ct.LIF(tau_mem=4.0, r=16.0)
        return ct.SpikingLinear(N, M, neurons) if kind == "linear" else ct.Recurrent(M, neurons)

    one, other = made(), made()
    other.weights = nn.Parameter(other.weights.detach().T.contiguous().T)
    assert not other.weights.is_contiguous()
    given = random_spikes(T, B, N) if kind == "linear" else drive(T, B, M)
    found, same = one(given), other(given)
    assert torch.equal(found, same)
    assert found.any()
    for module, spikes in ((one, found), (other, same)):
        (spikes * drive(T, B, M, seed=2)).sum().backward()
        assert module.weights.grad.any()
    assert torch.equal(one.weights.grad, other.weights.grad)


def test_bits_travel_with_the_spikes(monkeypatch):
    packed = []
    pack = layers.spike_pack
    monkeypatch.setattr(layers, "spike_pack", lambda s, **k: packed.append(s.shape) or pack(s, **k))
    model = nn.Sequential(
        ct.SpikingLinear(N, M, ct.LIF(r=60.0)), ct.SpikingLinear(M, 5, ct.LIF(r=60.0))
    )
    spikes = random_spikes(T, B, N)
    expected = model(spikes)
    assert packed == [(T, B, N)]
    hidden = model[0](spikes)
    assert torch.equal(layers.bits_of(hidden), layers.bits_of(hidden.detach().clone()))
    packed.clear()
    assert torch.equal(model[1](hidden.clone()), expected)
    assert packed == [(T, B, M)]
    with torch.no_grad():
        hidden = model[0](spikes)
        hidden.zero_()
        assert not layers.bits_of(hidden).any()
    with torch.inference_mode():
        assert torch.equal(model(spikes), expected)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.bool, torch.float16, torch.bfloat16])
def test_spikes_of_any_dtype(dtype):
    torch.manual_seed(1)
    layer = ct.SpikingLinear(N, M, ct.LIF(r=60.0))
    spikes = random_spikes(T, B, N)
    got = layer(spikes.to(dtype))
    assert got.dtype == (dtype if dtype.is_floating_point else torch.float32)
    assert torch.equal(got.float(), layer(spikes))


def plain_recurrent(current, weights, neuron, rest=0):
    state = torch.from_numpy(cusnn.initial_state(neuron, tuple(current.shape[1:])))
    c = coefficients_of(neuron)
    before, spikes = torch.zeros_like(current[0]), []
    for x in current.unbind(0):
        total = x + before @ weights
        out, rows = plain_neuron(total[None], state, neuron.model, c, neuron.reset)
        state = torch.stack([*rows[: len(state) - 1], state[-1]])
        before = out[0]
        spikes.append(before)
    return torch.stack(spikes)


def test_recurrent_gradients_are_those_of_plain_autograd():
    torch.manual_seed(0)
    layer = ct.Recurrent(M, ct.LIF(tau_mem=4.0, r=4.0))
    with torch.no_grad():
        layer.weights *= 0.7
    current = drive(T, B, M, scale=0.8).requires_grad_()
    weight = drive(T, B, M, seed=2)
    got = layer(current)
    (got * weight).sum().backward()
    other, weights = current.detach().requires_grad_(), layer.weights.detach().requires_grad_()
    expected = plain_recurrent(other, weights, layer.neurons.neuron)
    (expected * weight).sum().backward()
    assert torch.equal(got, expected)
    close(current.grad, other.grad, 1e-4)
    close(layer.weights.grad, weights.grad, 1e-4)


def test_recurrent_state_goes_on():
    torch.manual_seed(0)
    current = drive(T, B, M, scale=0.8).requires_grad_()
    weight = drive(T, B, M, seed=2)
    whole = ct.Recurrent(M, ct.LIF(tau_mem=4.0, r=4.0, return_state=True))
    expected, (state, last) = whole(current)
    (grad,) = torch.autograd.grad((expected * weight).sum(), current)
    assert torch.equal(last, expected[-1])
    first, pair = whole(current[:13])
    second, (again, _) = whole(current[13:], pair)
    assert torch.equal(torch.cat([first, second]), expected)
    assert torch.equal(again, state)
    stateful = ct.Recurrent(M, ct.LIF(tau_mem=4.0, r=4.0, stateful=True))
    stateful.load_state_dict(whole.state_dict())
    parts = torch.cat([stateful(part) for part in current.split(10)])
    assert torch.equal(parts, expected)
    (by_parts,) = torch.autograd.grad((parts * weight).sum(), current)
    close(by_parts, grad, 1e-5)
    assert stateful.last_spikes.untyped_storage().nbytes() == 4 * B * M
    assert torch.equal(copy.deepcopy(stateful)(current), stateful(current))
    ct.detach(stateful)
    assert not stateful.last_spikes.requires_grad
    ct.reset(stateful)
    assert torch.equal(stateful(current), expected)


@pytest.mark.parametrize("learn", [(), ("tau_mem", "r", "v_leak")])
def test_the_leaky_readout(learn):
    module = ct.LI(tau_mem=5.0, r=2.0, v_leak=0.3, learn=learn, return_state=True)
    current = drive(T, B, 2, 3).requires_grad_()
    weight = drive(T, B, 2, 3, seed=2)
    membrane, state = module(current)
    assert torch.equal(state[0], membrane[-1])
    ((membrane * weight).sum() + state.sum()).backward()
    got = {name: parameter.grad.clone() for name, parameter in module.named_parameters()}
    module.zero_grad()
    other = current.detach().double().requires_grad_()
    p = module.values()
    decay = torch.exp(-1 / torch.as_tensor(p["tau_mem"]))
    v, seen = torch.zeros(B, 2, 3) + p["v_leak"], []
    for x in other.unbind(0):
        v = decay * v + (1 - decay) * (p["r"] * x + p["v_leak"])
        seen.append(v)
    ((torch.stack(seen) * weight).sum() + v.sum()).backward()
    torch.testing.assert_close(membrane, torch.stack(seen).float())
    close(current.grad, other.grad.float(), 1e-5)
    for name, parameter in module.named_parameters():
        close(got[name], parameter.grad, 1e-4)


def test_a_stack_trains():
    torch.manual_seed(0)
    model = nn.Sequential(
        ct.SpikingLinear(N, 32, ct.LIF(tau_mem=4.0, r=20.0, learn=("tau_mem",))),
        ct.SpikingLinear(32, 16, ct.LIF(tau_mem=4.0, r=20.0)),
        nn.Linear(16, 4),
        ct.LI(tau_mem=10.0),
    )  # fmt: skip
    spikes, labels = random_spikes(T, 8, N), torch.arange(8) % 4
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    losses = []
    for _ in range(25):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(spikes).mean(0) * 10, labels)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]


def test_bad_input():
    layer, recurrent = ct.SpikingLinear(N, M, ct.LIF()), ct.Recurrent(M, ct.LIF())
    with pytest.raises(ValueError, match=r"spikes must be 0 or 1, got 0\.5 at \[0, 0, 2\]"):
        layer(torch.zeros(2, 1, N).index_fill(2, torch.tensor([2]), 0.5))
    with pytest.raises(ValueError, match=r"spikes must be 0 or 1, got 2\.0"):
        layer(torch.full((2, 1, N), 2, dtype=torch.uint8))
    with pytest.raises(ValueError, match=r"must be \[T, B, 40\], got \[2, 1, 3\]; flatten"):
        layer(torch.zeros(2, 1, 3))
    with pytest.raises(ValueError, match=r"current must be \[T, B, 9\]"):
        recurrent(torch.zeros(2, 9))
    with pytest.raises(TypeError, match="got int64"):
        layer(torch.zeros(2, 1, N, dtype=torch.int64))
    with pytest.raises(TypeError, match=r"must be a module of spiking neurons.*got LI"):
        ct.SpikingLinear(N, M, ct.LI())
    for kind in (ct.SpikingLinear, ct.Recurrent):
        with pytest.raises(TypeError, match=r"got Leaky, which follows another library: put nn\."):
            kind(*((N, M) if kind is ct.SpikingLinear else (M,)), snntorch.Leaky(beta=0.9))
    with torch.no_grad():
        layer.weights.fill_(float("nan"))
    with pytest.raises(ValueError, match="weights must be finite"):
        layer(torch.ones(2, 1, N))
    with pytest.raises(ValueError, match=r"spikes before must be \[1, 9\]"):
        recurrent(torch.zeros(2, 1, M), (None, torch.zeros(2, M)))
    with pytest.raises(ValueError, match="expand the current"):
        ct.LI()(torch.zeros(1, 3), steps=4)
