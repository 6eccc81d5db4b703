"""cusnn.conventions: bits of the real packages, steps by hand, and bits across backends."""

import dataclasses
import warnings
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import skip

import cusnn
from cusnn import conventions, surrogates
from cusnn.conventions import norse, snntorch, spikingjelly


@pytest.fixture(scope="module")
def peers():
    """torch and the libraries; importing them warns of what does not concern us."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import norse.torch
            import snntorch.surrogate
            import spikingjelly.activation_based.neuron
            import torch
    except ImportError as error:
        skip("peers", str(error))
    torch.set_num_threads(1)
    return SimpleNamespace(
        torch=torch,
        snntorch=snntorch,
        spikingjelly=spikingjelly.activation_based,
        norse=norse.torch,
    )


# ------------------------------------------------------------------ the libraries' own runs
#
# Each takes our neuron, the input [T, B, N], the state before (a list of [B, N]) and the learnable
# numbers by coefficient name, all torch tensors, and returns spikes [T, B, N] and states after
# every step, a list of [B, N] per step.


def run_leaky(peers, neuron, current, state, numbers):
    layer = peers.snntorch.Leaky(
        beta=numbers["beta"],
        threshold=numbers["threshold"],
        reset_mechanism=neuron.reset_mechanism,
        reset_delay=neuron.reset_delay,
    )
    (mem,), spikes, states = state, [], []
    for arriving in current:
        spike, mem = layer(arriving, mem)
        spikes.append(spike)
        states.append([mem])
    return peers.torch.stack(spikes), states


def run_synaptic(peers, neuron, current, state, numbers):
    layer = peers.snntorch.Synaptic(
        alpha=numbers["alpha"],
        beta=numbers["beta"],
        threshold=numbers["threshold"],
        reset_mechanism=neuron.reset_mechanism,
        reset_delay=neuron.reset_delay,
    )
    (mem, syn), spikes, states = state, [], []
    for arriving in current:
        spike, syn, mem = layer(arriving, syn, mem)
        spikes.append(spike)
        states.append([mem, syn])
    return peers.torch.stack(spikes), states


def run_node(peers, neuron, current, state, numbers):
    shared = {
        "decay_input": neuron.decay_input,
        "v_threshold": neuron.v_threshold,
        "v_reset": neuron.v_reset,
        "detach_reset": neuron.detach_reset,
        "step_mode": "m",
        "store_v_seq": True,
    }
    if isinstance(neuron, spikingjelly.LIFNode):
        layer = peers.spikingjelly.neuron.LIFNode(tau=neuron.tau, **shared)
    else:
        layer = peers.spikingjelly.neuron.ParametricLIFNode(init_tau=neuron.init_tau, **shared)
        layer.w = numbers["w"]
    layer.v = state[0]
    spikes = layer(current)
    return spikes, [[v] for v in layer.v_seq]


def run_norse(peers, neuron, current, state, numbers):
    parameters = peers.norse.LIFParameters(
        **numbers, method=neuron.method, alpha=peers.torch.tensor(neuron.alpha)
    )
    layer = peers.norse.LIF(parameters, dt=neuron.dt, record_states=True)
    before = peers.norse.functional.lif.LIFFeedForwardState(v=state[0], i=state[1])
    spikes, after = layer(current, before)
    return spikes, [list(both) for both in zip(after.v, after.i, strict=True)]


def run_box(peers, neuron, current, state, numbers):
    parameters = peers.norse.LIFBoxParameters(
        **numbers,
        method=neuron.method,
        alpha=peers.torch.tensor(neuron.alpha),
        reset_method=getattr(peers.norse.functional.reset, neuron.reset_method),
    )
    cell = peers.norse.LIFBoxCell(parameters, dt=neuron.dt)
    after = peers.norse.LIFBoxFeedForwardState(v=state[0])
    spikes, states = [], []
    for arriving in current:
        spike, after = cell(arriving, after)
        spikes.append(spike)
        states.append([after.v])
    return peers.torch.stack(spikes), states


RUNS = {
    snntorch.Leaky: run_leaky,
    snntorch.Synaptic: run_synaptic,
    spikingjelly.LIFNode: run_node,
    spikingjelly.ParametricLIFNode: run_node,
    norse.LIF: run_norse,
    norse.LIFBox: run_box,
}

RESETS = ("subtract", "zero", "none")
PER_NEURON = np.linspace(0.2, 0.97, 12)
THRESHOLDS = np.linspace(0.6, 1.4, 12)
BELOW = {"copy_mistakes": True, "reset_delay": False}

# Neuron, mean and standard deviation of its input; numbers of the second half are such that
# membranes meet their threshold exactly when the input is a multiple of 1/8.
CASES = {
    **{f"leaky-{r}": (snntorch.Leaky(0.9, reset_mechanism=r), 0.3, 0.8) for r in RESETS},
    **{
        f"leaky-{r}-at-once": (snntorch.Leaky(0.93, 1.1, r, **BELOW), 0.3, 1.4)
        for r in ("subtract", "zero")
    },
    "leaky-exact": (snntorch.Leaky(0.5, 0.75), 0.4, 0.5),
    "leaky-per-neuron": (snntorch.Leaky(PER_NEURON, THRESHOLDS, "zero"), 0.3, 0.8),
    "leaky-clipped": (snntorch.Leaky(1.0, 1.5), 0.1, 0.8),
    **{f"synaptic-{r}": (snntorch.Synaptic(0.8, 0.7, 1.0, r), 0.1, 0.5) for r in RESETS},
    **{
        f"synaptic-{r}-at-once": (snntorch.Synaptic(0.8, 0.7, 0.9, r, **BELOW), 0.1, 0.7)
        for r in ("subtract", "zero")
    },
    "synaptic-exact": (snntorch.Synaptic(0.5, 0.5, 0.5), 0.2, 0.3),
    "synaptic-per-neuron": (snntorch.Synaptic(PER_NEURON[::-1], PER_NEURON, THRESHOLDS), 0.1, 0.5),
    "node": (spikingjelly.LIFNode(), 0.6, 1.2),
    "node-tau": (spikingjelly.LIFNode(3.7, v_threshold=0.8, v_reset=-0.2), 0.6, 1.5),
    "node-soft": (spikingjelly.LIFNode(5.3, v_reset=None), 0.6, 1.5),
    "node-undecayed": (spikingjelly.LIFNode(1.9, False, 1.1, 0.1), 0.3, 0.8),
    "node-undecayed-soft": (spikingjelly.LIFNode(7.1, False, v_reset=None), 0.2, 0.6),
    "node-detached": (spikingjelly.LIFNode(2.3, detach_reset=True), 0.6, 1.2),
    "node-detached-soft": (spikingjelly.LIFNode(3.3, v_reset=None, detach_reset=True), 0.6, 1.2),
    "plif": (spikingjelly.ParametricLIFNode(), 0.6, 1.2),
    "plif-tau": (spikingjelly.ParametricLIFNode(3.7, v_threshold=0.8, v_reset=-0.3), 0.6, 1.2),
    "plif-undecayed-soft": (spikingjelly.ParametricLIFNode(2.9, False, v_reset=None), 0.2, 0.6),
    "norse": (norse.LIF(copy_mistakes=True), 0.2, 0.9),
    "norse-bio": (
        norse.LIF(2.0, 0.05, -65.0, -50.0, -66.0, "tanh", 0.2, dt=0.1),
        250.0,
        900.0,
    ),
    "norse-per-neuron": (
        norse.LIF(200.0, 300 * PER_NEURON, 0.1, THRESHOLDS, -0.2, "circ", 0.7),
        0.2,
        0.9,
    ),
    "box": (norse.LIFBox(alpha=1.0), 1.0, 3.0),
    "box-subtract": (
        norse.LIFBox(330.0, 0.1, 0.7, -0.2, "triangle", 0.8, reset_method="reset_subtract"),
        0.6,
        1.5,
    ),
    "box-exact": (norse.LIFBox(500.0, method="heavi_erfc", alpha=1.2), 0.6, 1.2),
}
N = 12
cases = pytest.mark.parametrize("name", CASES)


def make(name, steps, seed=0):
    """Neuron, input [T, B=2, N] and state: B=0 any numbers, B=1 multiples of 1/8."""
    neuron, mean, spread = CASES[name]
    rng = np.random.default_rng(seed)
    current = rng.normal(mean, spread, (steps, 2, N))
    current[:, 1] = np.round(8 * current[:, 1]) / 8
    state = cusnn.initial_state(neuron, (2, N))
    state[:, 0] += rng.normal(0, 0.5, state[:, 0].shape)
    return neuron, current.astype(np.float32), state


def learnable(peers, neuron):
    """Torch tensors of what the library learns or takes as tensors, by its own names."""
    if isinstance(neuron, spikingjelly.LIFNode):
        return {}
    if isinstance(neuron, spikingjelly.ParametricLIFNode):
        w = -np.log(neuron.init_tau - 1.0)
        return {"w": peers.torch.nn.Parameter(peers.torch.tensor(w, dtype=peers.torch.float32))}
    names = {
        snntorch.Leaky: ("beta", "threshold"),
        snntorch.Synaptic: ("alpha", "beta", "threshold"),
        norse.LIF: ("tau_syn_inv", "tau_mem_inv", "v_leak", "v_th", "v_reset"),
        norse.LIFBox: ("tau_mem_inv", "v_leak", "v_th", "v_reset"),
    }[type(neuron)]
    tensors = {
        name: peers.torch.tensor(getattr(neuron, name), dtype=peers.torch.float32) for name in names
    }
    return {name: tensor.requires_grad_() for name, tensor in tensors.items()}


def with_peers_sigmoid(neuron, numbers):
    """Ours with the very reciprocal of tau that PyTorch makes of w."""
    if not isinstance(neuron, spikingjelly.ParametricLIFNode):
        return neuron
    return dataclasses.replace(neuron, reciprocal_tau=numbers["w"].detach().sigmoid().item())


@cases
def test_bits_of_the_library(peers, name):
    """Spikes and states of thousands of steps."""
    neuron, current, state = make(name, 2000)
    numbers = learnable(peers, neuron)
    with peers.torch.no_grad():
        spikes, states = RUNS[type(neuron)](
            peers,
            neuron,
            peers.torch.from_numpy(current),
            list(peers.torch.from_numpy(state.copy())),
            numbers,
        )
    neuron = with_peers_sigmoid(neuron, numbers)
    found = cusnn.neuron_forward(current, state, neuron, checkpoints=True, interval=1)
    np.testing.assert_array_equal(found.spikes, spikes.numpy())
    expected = np.array([[row.numpy() for row in rows] for rows in states])
    np.testing.assert_array_equal(found.checkpoints[1:], expected[:-1])
    np.testing.assert_array_equal(found.final_state, expected[-1])
    rate = found.spikes.mean()
    assert 0.02 < rate < 0.98, rate


@cases
def test_gradients_of_the_library(peers, name):
    neuron, current, state = make(name, 40, seed=1)
    rng = np.random.default_rng(2)
    grad_spikes = rng.normal(0, 1, current.shape).astype(np.float32)
    grad_final = rng.normal(0, 1, state.shape).astype(np.float32)

    torch = peers.torch
    numbers = learnable(peers, neuron)
    inputs = torch.tensor(current, requires_grad=True)
    before = [torch.tensor(row, requires_grad=True) for row in state]
    spikes, states = RUNS[type(neuron)](peers, neuron, inputs, before, numbers)
    loss = (spikes * torch.from_numpy(grad_spikes)).sum()
    for row, grad in zip(states[-1], grad_final, strict=True):
        loss = loss + (row * torch.from_numpy(grad)).sum()
    loss.backward()

    neuron = with_peers_sigmoid(neuron, numbers)
    forward = cusnn.neuron_forward(current, state, neuron, checkpoints=True)
    np.testing.assert_array_equal(forward.spikes, spikes.detach().numpy())
    found = cusnn.neuron_backward(
        current,
        forward.checkpoints,
        grad_spikes,
        neuron,
        grad_final_state=grad_final,
        coefficients=True,
    )
    close(found.current, inputs.grad.numpy())
    close(found.state, np.array([row.grad.numpy() for row in before]))
    gradients = library_gradients(neuron, found.coefficients)
    for name, number in numbers.items():
        expected = np.zeros(number.shape) if number.grad is None else number.grad.numpy()
        gradient = gradients[name].sum() if number.ndim == 0 else gradients[name]
        np.testing.assert_allclose(gradient, expected, rtol=1e-5, atol=1e-4, err_msg=name)


def close(found, expected):
    """Within 1e-5 of each number, or of the largest where terms cancelled."""
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max())


def library_gradients(neuron, coefficients):
    """Gradients with respect to what the library learns, from those of the coefficients."""
    found = dict(coefficients)
    if isinstance(neuron, spikingjelly.ParametricLIFNode):
        q = neuron.reciprocal_tau
        found["w"] = found["reciprocal_tau"] * q * (1 - q)
    for rate in ("tau_mem_inv", "tau_syn_inv"):
        if f"dt_{rate}" in found:
            found[rate] = found[f"dt_{rate}"] * neuron.dt
    return found


# ------------------------------------------------------------------ backends


def run(backend, neuron, current, state, grad_spikes, grad_final, **options):
    """All outputs of forward and backward, as NumPy arrays by name."""
    move = backend.array
    forward = cusnn.neuron_forward(
        move(current),
        move(state),
        neuron,
        packed=True,
        checkpoints=True,
        backend=backend.name,
        **options,
    )
    options.pop("steps", None)
    backward = cusnn.neuron_backward(
        move(current),
        forward.checkpoints,
        move(grad_spikes),
        neuron,
        grad_final_state=move(grad_final),
        coefficients=True,
        backend=backend.name,
        **options,
    )
    outputs = {**forward._asdict(), "current": backward.current, "state": backward.state}
    gradients = {k: getattr(v, "get", lambda v=v: v)() for k, v in backward.coefficients.items()}
    return {name: backend.numpy(array) for name, array in outputs.items()}, gradients


REFERENCE = SimpleNamespace(name="numpy", array=np.array, numpy=np.asarray)


@cases
def test_backends_have_the_same_bits(backend, name):
    neuron, current, state = make(name, 21, seed=3)
    rng = np.random.default_rng(4)
    grad_spikes = rng.normal(0, 1, current.shape).astype(np.float32)
    arguments = neuron, current, state, grad_spikes, rng.normal(0, 1, state.shape).astype("float32")
    found, coefficients = run(backend, *arguments, interval=8)
    expected, expected_coefficients = run(REFERENCE, *arguments, interval=8)
    for key, array in expected.items():
        assert np.array_equal(found[key].view(np.uint8), array.view(np.uint8)), key
    for key, gradient in expected_coefficients.items():
        np.testing.assert_allclose(coefficients[key], gradient, rtol=1e-5, atol=1e-5, err_msg=key)


@pytest.mark.parametrize("name", ["synaptic-subtract", "node", "norse"])
def test_static_input(backend, name):
    """The same input in every step is read once, and its gradient is the sum over steps."""
    neuron, current, state = make(name, 20, seed=5)
    state[:, 0] += 0.4
    grad_spikes = np.random.default_rng(6).normal(0, 1, current.shape).astype(np.float32)
    static, _ = run(backend, neuron, current[0], state, grad_spikes, state, steps=20)
    repeated = np.ascontiguousarray(np.broadcast_to(current[0], current.shape))
    expected, _ = run(REFERENCE, neuron, repeated, state, grad_spikes, state)
    for key in ("spikes", "final_state", "packed", "checkpoints", "state"):
        assert np.array_equal(static[key], expected[key]), key
    np.testing.assert_allclose(static["current"], expected["current"].sum(axis=0), rtol=1e-5)
