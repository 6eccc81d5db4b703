"""Modules and functions for PyTorch, against plain autograd and the operations themselves."""

import copy
import dataclasses
import io
import pickle
import subprocess
import sys

import numpy as np
import pytest
from conftest import skip

try:
    import torch
    from torch import nn
except ImportError as error:
    skip("torch", f"PyTorch cannot be imported: {error}")

import cusnn
import cusnn.torch as ct
from cusnn import neurons, surrogates
from cusnn.torch.coefficients import LEARNABLE, coefficients

T, B, N = 40, 3, 7


class _Spike(torch.autograd.Function):
    """1 where u >= 0, with the derivative of ``FastSigmoid``, its default numbers."""

    @staticmethod
    def forward(ctx, u):
        ctx.save_for_backward(u)
        return (u >= 0).to(u.dtype)

    @staticmethod
    def backward(ctx, grad):
        (u,) = ctx.saved_tensors
        return grad / (1 + 25 * u.abs()) ** 2


def plain_neuron(current, state, model, c, reset="hard", detach=False, rest=0):
    """T steps in plain autograd, written from the equations in the neurons' docstrings.

    ``c`` has the coefficients by name. Returns spikes and the rows of the final state.
    """
    v, extra, left = state[0], state[1], state[-1]
    spikes = []
    for x in current.unbind(0):
        free = left <= 0
        driver = extra if model == "CubaLIF" else x
        v_pre = torch.where(free, c["decay"] * v + (c["gain"] * driver + c["drive"]), v)
        if model == "CubaLIF":
            extra = c["decay_syn"] * extra + x
        threshold = c["v_threshold"]
        if model == "ALIF":
            threshold = threshold + c["jump"] * extra
        spike = torch.where(free, _Spike.apply(v_pre - threshold), 0.0)
        s = spike.detach() if detach else spike
        if reset == "hard":
            v = (1 - s) * v_pre + s * c["v_reset"]
        elif reset == "soft":
            v = v_pre - s * (threshold - c["v_reset"])
        else:
            v = v_pre
        if model == "ALIF":
            extra = c["decay_adaptation"] * extra + spike
        left = torch.where(spike > 0, float(rest), torch.clamp(left - 1, min=0))
        spikes.append(spike)
    return torch.stack(spikes), (v, extra)


def coefficients_of(neuron, dt=1.0):
    values = torch.from_numpy(neuron.coefficients(dt).values.copy())
    return dict(zip(neuron.coefficient_names, values, strict=True))


def drive(*shape, seed=0, scale=2.0):
    generator = torch.Generator().manual_seed(seed)
    return scale * torch.randn(*shape, generator=generator) + 0.3 * scale


def close(one, other, tolerance=2e-5):
    one, other = one.detach(), other.detach()
    scale = float(other.abs().max()) + 1e-30
    assert float((one - other).abs().max()) <= tolerance * scale


CASES = [
    (ct.ALIF, {"tau_mem": 5.0, "r": 2.0, "v_threshold": 0.5, "jump": 0.3, "tau_adaptation": 9.0}),
    (ct.LIF, {"tau_mem": 5.0, "r": 2.0}),
    (ct.LIF, {"tau_mem": 5.0, "r": 2.0, "v_leak": 0.1, "v_reset": -0.2, "t_refractory": 2.0}),
    (ct.CubaLIF, {"tau_mem": 5.0, "tau_syn": 3.0, "r": 1.5, "v_leak": 0.0, "v_threshold": 1.0,
                  "v_reset": 0.0, "t_refractory": 0.0}),
]  # fmt: skip


@pytest.mark.parametrize("detach", [False, True])
@pytest.mark.parametrize("reset", ["hard", "soft", "none"])
@pytest.mark.parametrize("case", range(len(CASES)))
def test_gradients_are_those_of_plain_autograd(case, reset, detach):
    module_class, parameters = CASES[case]
    module = module_class(**parameters, reset=reset, detach_reset=detach, return_state=True)
    neuron = module.neuron
    rest = neuron.coefficients(1.0).refractory_steps
    current = drive(T, B, N).requires_grad_()
    state = torch.from_numpy(cusnn.initial_state(neuron, (B, N)))
    state[0] += drive(B, N, seed=1, scale=0.1)
    state.requires_grad_()
    weight, last = drive(T, B, N, seed=2), drive(2, B, N, seed=3)

    spikes, after = module(current, state)
    rows = len(neuron.state) - 1
    ((spikes * weight).sum() + (after[:rows] * last[:rows]).sum()).backward()

    other, other_state = current.detach().requires_grad_(), state.detach().requires_grad_()
    expected, final = plain_neuron(
        other, other_state, neuron.model, coefficients_of(neuron), reset, detach, rest
    )
    ((expected * weight).sum() + sum((last[i] * final[i]).sum() for i in range(rows))).backward()
    assert torch.equal(spikes, expected)
    assert 0.05 < float(spikes.detach().mean()) < 0.95
    torch.testing.assert_close(after[0], final[0])
    close(current.grad, other.grad)
    close(state.grad[:rows], other_state.grad[:rows])


LEARNT = [
    (ct.ALIF, {"tau_mem": 5.0, "r": 2.0, "v_threshold": 0.5, "jump": 0.3, "tau_adaptation": 9.0,
               "t_refractory": 0.0, "v_leak": 0.05},
     ("tau_mem", "tau_adaptation", "jump", "v_threshold", "v_leak")),
    (ct.LIF, {"tau_mem": 5.0, "r": 2.0, "v_leak": 0.1, "v_reset": -0.5},
     ("tau_mem", "r", "v_leak", "v_threshold", "i_offset")),
    (ct.LIF, {"tau_mem": 5.0, "input": "voltage", "integration": "euler", "reset": "soft"},
     ("tau_mem", "v_reset", "v_leak")),
    (ct.LIF, {"tau_mem": 5.0, "r": 2.0, "reset": "none"}, ("tau_mem", "v_threshold")),
    (ct.CubaLIF, {"tau_mem": 5.0, "tau_syn": 3.0, "r": 1.5, "v_leak": 0.2, "v_threshold": 1.0,
                  "v_reset": 0.0, "t_refractory": 0.0, "reset": "soft"},
     ("tau_mem", "tau_syn", "v_threshold", "v_reset", "r", "v_leak")),
]  # fmt: skip


@pytest.mark.parametrize("per_neuron", [False, True])
@pytest.mark.parametrize("case", range(len(LEARNT)))
def test_learnt_parameters_get_the_gradient_of_plain_autograd(case, per_neuron):
    module_class, parameters, learn = LEARNT[case]
    base = module_class(**parameters).neuron
    if per_neuron:
        spread = torch.linspace(0.9, 1.1, N)
        parameters = {
            **parameters,
            **{name: getattr(base, name) * spread for name in learn},
        }
    module = module_class(**parameters, learn=learn)
    current = drive(T, B, N).requires_grad_()
    weight = drive(T, B, N, seed=2)
    spikes = module(current)
    (spikes * weight).sum().backward()
    got = {name: p.grad.clone() for name, p in module.named_parameters()}

    module.zero_grad()
    values = module.values()
    table = coefficients(type(base), values, 1.0, "cpu")
    c = {name: value.float() for name, value in zip(base.coefficient_names, table, strict=True)}
    state = torch.zeros(len(base.state), B, N)
    state = torch.cat([state[:1] + values["v_leak"], state[1:]]).float()
    other = current.detach().requires_grad_()
    expected, _ = plain_neuron(other, state, base.model, c, base.reset)
    (expected * weight).sum().backward()
    assert torch.equal(spikes, expected)
    close(current.grad, other.grad)
    assert set(got) == {f"free_{name}" for name in learn}
    for name, parameter in module.named_parameters():
        assert parameter.grad.shape == ((N,) if per_neuron else ())
        close(got[name], parameter.grad, 1e-4)


NEURONS = [
    neurons.LIF(),
    neurons.LIF(tau_mem=np.array([3.0, 9.0]), v_leak=0.3, i_offset=0.2, r=3.0),
    neurons.LIF(tau_mem=4.0, integration="euler", input="voltage"),
    neurons.CubaLIF(),
    neurons.CubaLIF(tau_mem=np.array([3.0, 5.0, 9.0]), tau_syn=5.0),
    neurons.ALIF(),
    neurons.ALIF(input="voltage", v_leak=0.2),
]


@pytest.mark.parametrize("neuron", NEURONS, ids=lambda n: n.model)
def test_the_map_in_torch_is_that_of_the_neuron(neuron):
    module_class = {"LIF": ct.LIF, "CubaLIF": ct.CubaLIF, "ALIF": ct.ALIF}[neuron.model]
    module = module_class.of(neuron)
    assert module.neuron == neuron
    table = coefficients(type(neuron), module.values(), 0.5, "cpu")
    exact = neuron.coefficients(0.5).values
    for row, expected in zip(table, exact, strict=True):
        np.testing.assert_allclose(row.numpy(), expected[: row.numel() or 1], rtol=1e-7, atol=1e-30)


def test_the_synaptic_propagator_has_a_derivative_where_time_constants_meet():
    def gain(tau_mem, tau_syn):
        given = cusnn.CubaLIF(tau_mem=tau_mem, tau_syn=tau_syn, r=1.0)
        values = {**ct.CubaLIF.of(given).values()}
        values["tau_mem"] = torch.tensor(tau_mem, dtype=torch.float64, requires_grad=True)
        values["tau_syn"] = torch.tensor(tau_syn, dtype=torch.float64, requires_grad=True)
        value = coefficients(cusnn.CubaLIF, values, 1.0, "cpu")[2]
        return value.detach(), torch.autograd.grad(value, [values["tau_mem"], values["tau_syn"]])

    for off in (0.0, 1e-12, 1e-7, 1e-3):
        _, grads = gain(5.0, 5.0 + off)
        for index, grad in enumerate(grads):
            sides = []
            for h in (-1e-3, 1e-3):
                at = [5.0, 5.0 + off]
                at[index] += h
                sides.append(float(gain(*at)[0]))
            assert float(grad) == pytest.approx((sides[1] - sides[0]) / 2e-3, rel=1e-5)


def test_training_cannot_leave_the_valid_range():
    module = ct.LIF(
        v_reset=-65.0, v_threshold=-50.0, v_leak=-65.0, learn=("tau_mem", "v_threshold")
    )
    for w in (-1e9, -40.0, 40.0, 1e9):
        with torch.no_grad():
            for parameter in module.parameters():
                parameter.fill_(w)
        module.neuron.coefficients(1.0)
        assert torch.isfinite(module(drive(3, 1, 2))).all()
    with torch.no_grad():
        module.free_tau_mem.fill_(float("nan"))
    with pytest.raises(ValueError, match="tau_mem must be finite"):
        module(drive(3, 1, 2))


def test_a_model_of_convolution_neurons_and_linear_layer():
    torch.manual_seed(0)
    convolution, linear = nn.Conv2d(2, 4, 3), nn.Linear(4 * 16, 5)
    module = ct.LIF(tau_mem=4.0, r=6.0, v_threshold=torch.linspace(0.5, 1.0, 4)[:, None, None],
                    learn=("v_threshold",))  # fmt: skip
    x = drive(T, B, 2, 6, 6)

    def loss(neurons_of):
        current = convolution(x.flatten(0, 1)).unflatten(0, (T, B))
        return linear(neurons_of(current).flatten(2)).sum(0).square().mean()

    def plain(current):
        c = dict(zip(base.coefficient_names, table, strict=True))
        state = torch.zeros(2, B, 4, 4, 4)
        return plain_neuron(current, state, "LIF", c)[0]

    parameters = [*convolution.parameters(), *linear.parameters(), *module.parameters()]
    got = torch.autograd.grad(loss(module), parameters)
    base = cusnn.LIF()
    table = [c.float() for c in coefficients(cusnn.LIF, module.values(), 1.0, "cpu")]
    expected = torch.autograd.grad(loss(plain), parameters)
    for one, other in zip(got, expected, strict=True):
        close(one, other, 1e-4)
    # The same in memory order of channels-last, kept on the way out.
    current = convolution(x.flatten(0, 1)).to(memory_format=torch.channels_last)
    spikes = module(current.unflatten(0, (T, B)))
    assert spikes[0].is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(spikes, module(current.contiguous().unflatten(0, (T, B))))


@pytest.mark.parametrize("trailing", [(), (1,), (5,), (2, 3), (2, 1, 3, 2)])
def test_any_trailing_axes(trailing):
    module = ct.LIF(tau_mem=3.0, r=3.0)
    current = drive(T, B, *trailing)
    flat = current.reshape(T, B, -1)
    assert torch.equal(module(current), module(flat).view(T, B, *trailing))
    mixed = current.transpose(0, 1)
    assert torch.equal(module(mixed), module(mixed.contiguous()))


def test_spikes_are_those_of_the_operation_and_current_is_not_copied(monkeypatch):
    from cusnn.ops import neuron as operations

    seen = []
    forward = operations.neuron_forward

    def spy(current, *args, **kwargs):
        seen.append(current.ctypes.data)
        return forward(current, *args, **kwargs)

    monkeypatch.setattr(operations, "neuron_forward", spy)
    module = ct.LIF(tau_mem=3.0, r=3.0)
    current = drive(T, B, 2, N).requires_grad_()
    spikes = module(current)
    assert seen == [current.data_ptr()]
    state = cusnn.initial_state(module.neuron, (B, 2 * N))
    expected = cusnn.neuron_forward(current.detach().numpy().reshape(T, B, -1), state, cusnn.LIF(
        tau_mem=3.0, r=3.0))  # fmt: skip
    np.testing.assert_array_equal(spikes.detach().numpy().reshape(T, B, -1), expected.spikes)
    assert spikes.dtype == torch.float32
    assert set(spikes.unique().tolist()) == {0.0, 1.0}


def test_state_goes_on_and_its_graph_until_cut():
    current = drive(T, B, N).requires_grad_()
    whole = ct.LIF(tau_mem=8.0, r=8.0)
    weight = drive(T, B, N, seed=2)
    expected = whole(current)
    (grad,) = torch.autograd.grad((expected * weight).sum(), current)
    module = ct.LIF(tau_mem=8.0, r=8.0, stateful=True)
    parts = torch.cat([module(part) for part in current.split(T // 4)])
    assert torch.equal(parts, expected)
    (parts * weight).sum().backward()
    close(current.grad, grad)

    model = nn.Sequential(nn.Flatten(2), module)
    ct.reset(model)
    assert module.state is None
    first = module(current[: T // 2])
    ct.detach(model)
    assert not module.state.requires_grad
    second = module(current[T // 2 :])
    assert torch.equal(torch.cat([first, second]), expected)
    (cut,) = torch.autograd.grad(second.sum(), current)
    assert cut[: T // 2].count_nonzero() == 0
    assert cut[T // 2 :].count_nonzero() > 0
    with pytest.raises(ValueError, match=r"call reset\(\) before a batch of another size"):
        module(current[:, :2])
    module.reset()
    stepped = torch.stack([module.step(x) for x in current.unbind(0)])
    assert torch.equal(stepped, expected)


def test_saved_copied_and_loaded(tmp_path):
    module = ct.LIF(tau_mem=torch.full((N,), 5.0), r=4.0, learn=("tau_mem",), stateful=True,
                    surrogate=surrogates.ATan())  # fmt: skip
    model = nn.Sequential(nn.Linear(N, N), module)
    x = drive(T, B, N)
    model(x).sum().backward()
    before = copy.deepcopy(model)
    expected = model(x)
    assert torch.equal(before(x), expected)
    with torch.no_grad():
        module.free_tau_mem += 0.3
    ct.reset(model)
    expected = model(x)
    ct.reset(model)

    buffer = io.BytesIO()
    torch.save(model.state_dict(), buffer)
    buffer.seek(0)
    fresh = nn.Sequential(nn.Linear(N, N), ct.LIF(tau_mem=torch.full((N,), 5.0), r=4.0,
                                                  learn=("tau_mem",)))  # fmt: skip
    fresh.load_state_dict(torch.load(buffer, weights_only=True))
    assert torch.equal(fresh(x), expected)
    for again in (pickle.loads(pickle.dumps(model)), _through_file(model, tmp_path / "m.pt")):
        assert torch.equal(again(x), expected)
        assert again[1].surrogate == surrogates.ATan()
    other = nn.Sequential(nn.Linear(N, N), ct.LIF(tau_mem=torch.full((N,), 5.0), r=3.0,
                                                  learn=("tau_mem",)))  # fmt: skip
    with pytest.raises(RuntimeError, match=r"another neuron: r is 3.0 here, 4.0 there"):
        other.load_state_dict(model.state_dict())


def _through_file(model, path):
    torch.save(model, path)
    return torch.load(path, weights_only=False)


def test_nothing_is_kept_where_no_gradient_is_wanted(monkeypatch):
    from cusnn.ops import neuron as operations

    asked = []
    forward = operations.neuron_forward

    def spy(*args, checkpoints, **kwargs):
        asked.append(checkpoints)
        return forward(*args, checkpoints=checkpoints, **kwargs)

    monkeypatch.setattr(operations, "neuron_forward", spy)
    module = ct.LIF(learn=("tau_mem",))
    x = drive(T, B, N).requires_grad_()
    with torch.no_grad():
        assert module(x).grad_fn is None
    with torch.inference_mode():
        assert module(x).is_inference()
    assert ct.LIF()(x.detach()).grad_fn is None
    assert asked == [False, False, False]
    assert module(x.detach()).grad_fn is not None
    assert asked[-1]


def test_gradients_only_where_they_are_needed(monkeypatch):
    from cusnn.ops import neuron as operations

    asked = []
    backward = operations.neuron_backward

    def spy(*args, coefficients, **kwargs):
        asked.append(coefficients)
        return backward(*args, coefficients=coefficients, **kwargs)

    monkeypatch.setattr(operations, "neuron_backward", spy)
    x = drive(T, B, N).requires_grad_()
    ct.LIF()(x).sum().backward()
    module = ct.LIF(learn=("tau_mem",))
    module.free_tau_mem.requires_grad_(False)
    module(x).sum().backward()
    module.free_tau_mem.requires_grad_(True)
    module(x.detach()).sum().backward()
    assert asked == [False, False, True]
    assert module.free_tau_mem.grad is not None


def test_a_second_derivative_is_refused():
    x = drive(T, B, N).requires_grad_()
    (grad,) = torch.autograd.grad(ct.LIF(r=30.0)(x).square().sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match="a surrogate gradient has no gradient of its own"):
        grad.sum().backward()


@pytest.mark.parametrize(
    "make",
    [
        lambda: ct.LIF(r=30.0, learn=("tau_mem",)),
        lambda: ct.LI(tau_mem=5.0, learn=("tau_mem",)),
        lambda: ct.SpikingLinear(N, N, ct.LIF(r=30.0, learn=("tau_mem",))),
        lambda: ct.Recurrent(N, ct.LIF(r=30.0, learn=("tau_mem",))),
    ],
)
@pytest.mark.parametrize("of", ["input", "tau_mem"])
def test_no_second_derivative_counts_as_zero(make, of):
    """Not even where neither the gradient that came in nor anything beside has a graph."""
    module = make()
    x = (drive(T, B, N) > 0).float()
    learnt = next(p for name, p in module.named_parameters() if name.endswith("free_tau_mem"))
    for parameter in module.parameters():
        parameter.requires_grad_(parameter is learnt and of == "tau_mem")
    cause = learnt if of == "tau_mem" else x.requires_grad_()
    (grad,) = torch.autograd.grad(module(x).sum(), cause, create_graph=True)
    weight = torch.ones((), requires_grad=True)
    with pytest.raises(RuntimeError, match="has no gradient of its own"):
        (weight + grad.square().sum()).backward()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_sixteen_bits_are_computed_in_32(dtype):
    module = ct.LIF(tau_mem=3.0, r=3.0, return_state=True)
    x = drive(T, B, N).to(dtype).requires_grad_()
    spikes, state = module(x)
    assert (spikes.dtype, state.dtype) == (dtype, torch.float32)
    assert torch.equal(spikes.float(), module(x.detach().float())[0])
    spikes.sum().backward()
    assert x.grad.dtype == dtype


def test_autocast():
    module = nn.Sequential(nn.Linear(N, N), ct.LIF(tau_mem=3.0, r=9.0, learn=("tau_mem",)),
                           nn.Linear(N, 2))  # fmt: skip
    with torch.autocast("cpu", torch.bfloat16):
        loss = module(drive(T, B, N)).float().square().mean()
    loss.backward()
    assert all(torch.isfinite(p.grad).all() for p in module.parameters())
    assert module[1].free_tau_mem.grad.abs() > 0


@pytest.mark.filterwarnings("ignore:The .grad attribute:UserWarning")
def test_compiled_models_run_between_graphs():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(N, N), ct.LIF(tau_mem=3.0, r=9.0, learn=("tau_mem",)),
                          nn.Linear(N, 2))  # fmt: skip
    x = drive(T, B, N)
    expected = model(x)
    expected.sum().backward()
    grads = [p.grad.clone() for p in model.parameters()]
    model.zero_grad()
    compiled = torch.compile(model, backend="eager")
    got = compiled(x)
    got.sum().backward()
    assert torch.equal(got, expected)
    for p, grad in zip(model.parameters(), grads, strict=True):
        torch.testing.assert_close(p.grad, grad)


def test_what_of_torch_func_works():
    model = nn.Sequential(nn.Linear(6, 4), ct.LIF(tau_mem=5.0, r=5.0, learn=("tau_mem",)))
    x = torch.rand(9, 2, 6)
    named = {k: v.detach().clone().requires_grad_() for k, v in model.named_parameters()}
    spikes = torch.func.functional_call(model, named, (x,))
    assert torch.equal(spikes, model(x))
    spikes.sum().backward()
    assert all(value.grad is not None for value in named.values())
    with pytest.raises(RuntimeError, match=r"vmap and jvp .* do not go through these modules"):
        torch.func.vmap(ct.LIF(tau_mem=5.0))(x[None])


def test_replicas_of_dataparallel():
    module = ct.LIF(r=30.0, learn=("tau_mem",))
    replica = module._replicate_for_data_parallel()
    replica.free_tau_mem = module.free_tau_mem.detach().clone().requires_grad_()
    x = drive(T, B, N)
    assert torch.equal(replica(x), module(x))
    stateful = ct.LIF(stateful=True)._replicate_for_data_parallel()
    with pytest.raises(RuntimeError, match="DataParallel throws the state of its replicas away"):
        stateful(x)


@pytest.mark.parametrize(
    ("current", "error", "match"),
    [
        (np.zeros((2, 1, 3), np.float32), TypeError, "got ndarray; pass torch.from_numpy"),
        (torch.zeros(2, 1, 3).to_sparse(), TypeError, "dense tensor, got sparse_coo"),
        (torch.zeros(2, 1, 3, dtype=torch.int64), TypeError, "got int64; convert it with .float"),
        (torch.zeros(2, 1, 3, dtype=torch.float64), TypeError, "got float64"),
        (torch.zeros(2, 1, 3, dtype=torch.complex64), TypeError, "got complex64"),
        (
            torch.zeros(2, 1, 3, device="meta"),
            ValueError,
            "CPU or a CUDA GPU, got device meta",
        ),
        (torch.zeros(3), ValueError, r"current must be \[T, B, ...\], got \[3\]"),
        (torch.full((2, 1, 3), float("nan")), ValueError, "current must be finite, got nan"),
        (torch.zeros(2, 1, 4), ValueError, r"shape \[3\] do not broadcast to the trailing axes"),
    ],
)
def test_bad_input(current, error, match):
    module = ct.LIF(tau_mem=torch.ones(3))
    with pytest.raises(error, match=match):
        module(current)


def test_bad_arguments():
    with pytest.raises(TypeError, match="no parameter 'beta'; it takes tau_mem"):
        ct.LIF(beta=0.9)
    with pytest.raises(ValueError, match=r"learn must name some of tau_mem.*got 'beta'"):
        ct.LIF(learn=("beta",))
    with pytest.raises(ValueError, match="does not read v_reset"):
        ct.LIF(reset="none", learn="v_reset")
    with pytest.raises(ValueError, match="parameters do not broadcast: tau_mem"):
        ct.LIF(tau_mem=torch.ones(3), r=torch.ones(2))
    with pytest.raises(ValueError, match="two synaptic currents"):
        ct.CubaLIF(tau_syn_inh=1.0)
    with pytest.raises(ValueError, match=r"t_refractory=0\.5 ms must be a multiple"):
        ct.LIF(t_refractory=0.5)
    with pytest.raises(TypeError, match="neuron must be a LIF"):
        ct.LIF.of(cusnn.CubaLIF())
    with pytest.raises(ValueError, match=r"the state is \[2, 3, 4\]"):
        ct.LIF()(torch.zeros(2, 3, 5), torch.zeros(2, 3, 4))
    with pytest.raises(ValueError, match="state must be on a CPU or a CUDA GPU, got device meta"):
        ct.LIF()(torch.zeros(2, 3, 5), torch.zeros(2, 3, 5, device="meta"))


def test_import_without_torch_says_what_to_install():
    program = "import sys; sys.modules['torch'] = None; import cusnn.torch"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert 'pip install "cusnn[torch]"' in done.stderr


@pytest.mark.parametrize("neuron", NEURONS, ids=lambda n: n.model)
def test_the_map_in_torch_has_the_derivative_of_its_values(neuron):
    parameters = {field.name: getattr(neuron, field.name) for field in dataclasses.fields(neuron)}
    names = [name for name in LEARNABLE[type(neuron)] if parameters[name] is not None]
    given = [torch.tensor(parameters[n], dtype=torch.float64, requires_grad=True) for n in names]

    def mapped(*values):
        changed = {**parameters, **dict(zip(names, values, strict=True))}
        found = coefficients(type(neuron), changed, 0.5, "cpu")
        return sum((index + 1) * row.sum() for index, row in enumerate(found))

    assert torch.autograd.gradcheck(mapped, given)


def test_gradients_that_came_in_are_left_as_they_were():
    current = drive(T, B, N).requires_grad_()
    grad = drive(T, B, N, seed=2)
    before = grad.clone()
    ct.LIF(tau_mem=5.0, r=3.0)(current).backward(grad)
    assert torch.equal(grad, before)
    assert not torch.equal(current.grad, before)
