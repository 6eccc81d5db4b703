"""Modules in the place of snnTorch's, SpikingJelly's and Norse's: same calls, spikes, training."""

import logging
import warnings
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import skip

try:
    import torch
    from torch import nn
except ImportError as error:
    skip("torch", f"PyTorch cannot be imported: {error}")

from test_torch import close, drive

import cusnn.torch as ct
from cusnn import surrogates
from cusnn.torch import norse, snntorch, spikingjelly
from cusnn.torch.peers import surrogate_of

T, B, N = 25, 4, 6


@pytest.fixture(scope="module")
def peers():
    """The libraries; importing them warns of what does not concern us."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import norse.torch
            import snntorch
            from snntorch import surrogate
            from spikingjelly.activation_based import functional, neuron
            from spikingjelly.activation_based import surrogate as jelly_surrogate
    except ImportError as error:
        skip("peers", str(error))
    return SimpleNamespace(
        snn=snntorch,
        surrogate=surrogate,
        neuron=neuron,
        functional=functional,
        jelly_surrogate=jelly_surrogate,
        norse=norse.torch,
    )


def both(one, other, run):
    """Outputs and gradients of two modules of the same input."""
    current = drive(T, B, N, scale=0.8)
    weight = drive(T, B, N, seed=2)
    found = []
    for module in (one, other):
        x = current.clone().requires_grad_()
        spikes, rest = run(module, x)
        ((spikes * weight).sum() + sum(row.square().sum() for row in rest)).backward()
        found.append((spikes, rest, x.grad, dict(module.named_parameters())))
    (spikes, rest, grad, grads), (spikes_, rest_, grad_, grads_) = found
    assert spikes.any()
    assert torch.equal(spikes, spikes_)
    for row, row_ in zip(rest, rest_, strict=True):
        assert torch.equal(row, row_)
    close(grad, grad_)
    assert grads.keys() == grads_.keys()
    for name, parameter in grads.items():
        close(parameter.grad, grads_[name].grad, 1e-4)


def stepwise(module, x):
    """snnTorch's loop."""
    states = module.reset_mem()
    states = states if isinstance(states, tuple) else (states,)
    spikes, membranes = [], []
    for now in x.unbind(0):
        spike, *states = module(now, *states)
        spikes.append(spike)
        membranes.append(states[-1])
    return torch.stack(spikes), [*states, torch.stack(membranes)]


LEAKY = [
    {},
    {"beta": 0.7, "threshold": 0.6, "reset_mechanism": "zero", "learn_threshold": True},
    {"beta": torch.linspace(0.5, 1.1, N), "reset_mechanism": "none", "learn_beta": True},
    {"learn_beta": True, "learn_threshold": True},
    {"reset_delay": False, "copy_mistakes": True},
]


@pytest.mark.parametrize("case", range(len(LEAKY)))
@pytest.mark.parametrize("name", ["Leaky", "Synaptic"])
def test_snntorch_step_by_step(peers, name, case):
    arguments = {"beta": 0.9, **LEAKY[case]}
    if name == "Synaptic":
        arguments = {"alpha": 0.5, **arguments}
    ours = getattr(snntorch, name)(**arguments)
    arguments.pop("copy_mistakes", None)
    theirs = getattr(peers.snn, name)(**arguments)
    both(ours, theirs, stepwise)


def test_snntorch_all_steps_in_a_call():
    x = drive(T, B, N, scale=0.8)
    stepped, (mem, _) = stepwise(snntorch.Leaky(0.9), x)
    spikes, last = snntorch.Leaky(0.9, step_mode="m")(x)
    assert torch.equal(spikes, stepped)
    assert torch.equal(last, mem)


def test_snntorch_hidden_state(peers):
    x = drive(T, B, N, scale=0.8)
    modules = [
        library.Leaky(beta=0.9, init_hidden=True, output=True) for library in (snntorch, peers.snn)
    ]
    for now in x:
        (spikes, mem), (spikes_, mem_) = (module(now) for module in modules)
        assert torch.equal(spikes, spikes_)
        assert torch.equal(mem, mem_)
    assert torch.equal(modules[0].mem, mem)
    ct.reset(modules[0])
    modules[1].reset_mem()
    assert torch.equal(modules[0](x[0])[1], modules[1](x[0])[1])
    assert snntorch.Leaky(0.9, init_hidden=True)(x[0]).shape == (B, N)
    with pytest.raises(TypeError, match="the state is not passed in"):
        modules[0](x[0], mem)
    # A batch of another size starts from rest, as the library's does.
    assert torch.equal(modules[0](x[0, :2])[1], modules[1](x[0, :2])[1])


def test_a_checkpoint_of_snntorch_loads(peers):
    theirs = peers.snn.Leaky(beta=0.8, threshold=0.7, learn_beta=True)
    ours = snntorch.Leaky(beta=0.9, threshold=0.7, learn_beta=True)
    model = nn.Sequential(ours)
    model.load_state_dict(nn.Sequential(theirs).state_dict())
    assert float(ours.beta.detach()) == pytest.approx(0.8)
    again = nn.Sequential(snntorch.Leaky(beta=0.5, threshold=0.7, learn_beta=True))
    again.load_state_dict(model.state_dict())
    with pytest.raises(RuntimeError, match=r"has threshold=0\.69.*but this module 1\.0"):
        nn.Sequential(snntorch.Leaky(beta=0.9, learn_beta=True)).load_state_dict(
            nn.Sequential(theirs).state_dict()
        )


NODES = [
    {},
    {"v_reset": None, "detach_reset": True, "v_threshold": 0.5},
    {"decay_input": False, "v_reset": -0.1},
]


@pytest.mark.parametrize("step_mode", ["s", "m"])
@pytest.mark.parametrize("case", range(len(NODES)))
@pytest.mark.parametrize("name", ["LIFNode", "ParametricLIFNode"])
def test_spikingjelly(peers, name, case, step_mode):
    first = {"tau": 3.0} if name == "LIFNode" else {"init_tau": 3.0}
    arguments = {**first, "step_mode": step_mode, **NODES[case]}
    modules = getattr(spikingjelly, name)(**arguments), getattr(peers.neuron, name)(**arguments)

    def run(module, x):
        x = 3 * x
        if step_mode == "m":
            return module(x), [module.v]
        return torch.stack([module(now) for now in x.unbind(0)]), [module.v]

    both(*modules, run)


def test_functions_of_spikingjelly_work(peers, caplog):
    caplog.set_level(logging.CRITICAL)
    model = nn.Sequential(nn.Linear(N, N), spikingjelly.LIFNode(tau=2.0))
    peers.functional.set_step_mode(model, "m")
    assert model[1].step_mode == "m"
    x = drive(T, B, N, scale=3.0)
    first = model(x)
    assert not torch.equal(model[1].v, torch.zeros(B, N))
    with pytest.raises(ValueError, match=r"call reset\(\) before a batch of another size"):
        model(x[:, :2])
    peers.functional.detach_net(model)
    assert not model[1].v.requires_grad
    peers.functional.reset_net(model)
    assert model[1].v == 0.0
    assert torch.equal(model(x), first)


def test_norse(peers):
    x = 20 * drive(T, B, N, scale=0.8)
    p = peers.norse.LIFParameters(v_th=torch.as_tensor(0.7))
    spikes, state = norse.LIF(p)(x)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected, after = peers.norse.LIF(p=p)(x)
    assert spikes.any()
    assert torch.equal(spikes, expected)
    assert torch.equal(state.v, after.v)
    assert torch.equal(state.i, after.i)
    half, middle = norse.LIF(p)(x[:10])
    assert torch.equal(torch.cat([half, norse.LIF(p)(x[10:], middle)[0]]), spikes)
    cell, box = norse.LIFBoxCell(v_th=0.3), norse.LIFBox(v_th=0.3)
    theirs = peers.norse.LIFBoxCell(p=peers.norse.LIFBoxParameters(v_th=torch.as_tensor(0.3)))
    mine, other = None, None
    whole, last = box(x)
    for index, now in enumerate(x):
        out, mine = cell(now, mine)
        out_, other = theirs(now, other)
        assert torch.equal(out, out_)
        assert torch.equal(out, whole[index])
    assert torch.equal(last.v, other.v)
    p = peers.norse.LIFParameters(v_th=torch.tensor(1.0, requires_grad=True))
    with pytest.raises(ValueError, match="v_th requires a gradient"):
        norse.LIF(p)


def test_surrogates_are_recognised(peers):
    fast = surrogate_of("snntorch", peers.surrogate.fast_sigmoid(slope=10))
    assert fast == surrogates.FastSigmoid(10.0)
    assert surrogate_of("snntorch", peers.surrogate.atan()) == surrogates.preset("snntorch", "atan")
    sigmoid = surrogate_of("spikingjelly", peers.jelly_surrogate.Sigmoid(alpha=2.0))
    assert sigmoid == surrogates.Sigmoid(2.0)
    assert surrogate_of("norse", fast) is fast
    with pytest.raises(ValueError, match=r"no counterpart of the surrogate 'custom'.*fast_sigmoid"):
        surrogate_of("snntorch", custom)
    spike_grad = peers.surrogate.fast_sigmoid(slope=10)
    modules = [library.Leaky(0.9, spike_grad=spike_grad) for library in (snntorch, peers.snn)]
    both(*modules, stepwise)


def custom(x):
    return x


def test_what_has_no_counterpart_is_refused():
    with pytest.raises(ValueError, match="inhibition, state_quant has no counterpart"):
        snntorch.Leaky(0.9, inhibition=True, state_quant=len)
    with pytest.raises(ValueError, match="store_v_seq has no counterpart"):
        spikingjelly.LIFNode(store_v_seq=True)
    with pytest.raises(ValueError, match="step_mode must be 's'"):
        spikingjelly.LIFNode(step_mode="x")
    assert spikingjelly.LIFNode(backend="cupy").backend is None


# ------------------------------------------------------------------ models moved over


def digits():
    """Pixels (0 ... 1) and labels of 256 handwritten digits."""
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        skip("peers", str(error))
    found = load_digits()
    pixels = torch.from_numpy((found.data[:256] / 16).astype(np.float32))
    return pixels, torch.from_numpy(found.target[:256])


def losses(model, forward, steps=10):
    """The loss of each step of training on digits, and of the model after it."""
    pixels, labels = digits()
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    curve = []
    for step in range(steps):
        part = slice(64 * (step % 4), 64 * (step % 4 + 1))
        loss = nn.functional.cross_entropy(forward(model, pixels[part]), labels[part])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        curve.append(loss.item())
    return curve


def test_a_model_of_snntorch_moved_by_one_line(peers):
    class Net(nn.Module):
        def __init__(self, snn):
            super().__init__()
            self.fc1, self.fc2 = nn.Linear(64, 48), nn.Linear(48, 10)
            self.lif1, self.lif2 = snn.Leaky(beta=0.9), snn.Leaky(beta=0.9, learn_beta=True)

        def forward(self, x):
            mem1, mem2 = self.lif1.init_leaky(), self.lif2.init_leaky()
            counts = 0
            for _ in range(8):
                spk1, mem1 = self.lif1(self.fc1(x), mem1)
                spk2, mem2 = self.lif2(self.fc2(spk1), mem2)
                counts = counts + spk2
            return counts

    curves = []
    for snn in (peers.snn, snntorch):
        torch.manual_seed(0)
        curves.append(losses(Net(snn), lambda model, x: model(x)))
    assert curves[0][-1] < curves[0][0]
    np.testing.assert_allclose(curves[1], curves[0], rtol=1e-4)


def test_a_model_of_spikingjelly_moved_by_one_line(peers, caplog):
    caplog.set_level(logging.CRITICAL)

    def build(neuron):
        torch.manual_seed(0)
        model = nn.Sequential(
            nn.Linear(64, 48), neuron.LIFNode(tau=2.0), nn.Linear(48, 10), neuron.LIFNode(tau=2.0)
        )
        peers.functional.set_step_mode(model, "m")
        with torch.no_grad():
            for layer in (model[0], model[2]):
                layer.weight *= 4
        return model

    def forward(model, x):
        peers.functional.reset_net(model)
        return model(x.expand(8, *x.shape)).sum(0)

    curves = [losses(build(neuron), forward) for neuron in (peers.neuron, spikingjelly)]
    assert curves[0][-1] < curves[0][0]
    np.testing.assert_allclose(curves[1], curves[0], rtol=1e-4)


def test_the_same_dynamics_in_own_words():
    x = 2 * torch.rand(T, B, N, generator=torch.Generator().manual_seed(0))
    membrane = {"tau_mem": -1 / np.log(0.9), "input": "voltage"}
    pairs = [
        (snntorch.Leaky(0.9, step_mode="m")(x)[0],
         ct.LIF(**membrane, reset="soft", v_reset=1 - 1 / 0.9)(x)),
        (snntorch.Leaky(0.9, step_mode="m", reset_mechanism="zero")(x)[0], ct.LIF(**membrane)(x)),
        (spikingjelly.LIFNode(2.0, step_mode="m")(x), ct.LIF(tau_mem=2.0, integration="euler")(x)),
        (norse.LIFBox()(10 * x)[0], ct.LIF(tau_mem=10.0, integration="euler")(10 * x)),
    ]  # fmt: skip
    for one, other in pairs:
        assert one.any()
        assert torch.equal(one, other)
