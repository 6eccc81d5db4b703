"""cusnn.conventions: bits of the real packages, steps by hand, and bits across backends."""

import dataclasses
import warnings
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import skip

import cusnn
from cusnn import surrogates
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
    neuron, current, state = make(name, 1200)
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


def test_a_gradient_that_is_not_finite_stays_so(backend):
    """Even through a reset to a value, whose gradient is 0."""
    neuron = spikingjelly.LIFNode()
    current = np.full((3, 1, 4), 4.0, np.float32)
    state = cusnn.initial_state(neuron, (1, 4))
    grad_spikes = np.zeros_like(current)
    grad_spikes[2, 0, 1] = np.nan
    if backend.xp is np:
        with pytest.raises(ValueError, match="grad_spikes must be finite"):
            run(backend, neuron, current, state, grad_spikes, state)
        return
    found, _ = run(backend, neuron, current, state, grad_spikes, state)
    assert np.isnan(found["current"][:, 0, 1]).all()
    assert np.isfinite(np.delete(found["current"], 1, axis=2)).all()


# ------------------------------------------------------------------ worked by hand


def states(backend, neuron, current, state):
    """Spikes [T] and states after every step [T, S] of one neuron."""
    current = np.array([*current, 0.0], np.float32).reshape(-1, 1, 1)
    state = np.array(state, np.float32).reshape(-1, 1, 1)
    found = cusnn.neuron_forward(
        backend.array(current),
        backend.array(state),
        neuron,
        checkpoints=True,
        interval=1,
        backend=backend.name,
    )
    spikes, after = backend.numpy(found.spikes), backend.numpy(found.checkpoints)
    return spikes[:-1, 0, 0].tolist(), after[1:, :, 0, 0].tolist()


@pytest.mark.parametrize(
    ("neuron", "spikes", "mem"),
    [
        # 1 is not above 1; 2.5 fires, and the next step takes 1 away after the decay.
        (snntorch.Leaky(0.5), [0, 1, 0, 0], [1.0, 2.5, 0.75, 0.875]),
        (snntorch.Leaky(0.5, reset_mechanism="zero"), [0, 1, 0, 0], [1.0, 2.5, 0.5, 0.75]),
        (snntorch.Leaky(0.5, reset_mechanism="none"), [0, 1, 1, 1], [1.0, 2.5, 1.75, 1.375]),
        # At once: 1.5 is left, which with the next input is 1.25 and fires.
        (snntorch.Leaky(0.5, reset_delay=False), [0, 1, 1, 0], [1.0, 1.5, 0.25, 0.625]),
        (snntorch.Leaky(0.5, 1.0, "zero", False), [0, 1, 0, 0], [1.0, 0.0, 0.5, 0.75]),
        # The library takes 1 from 1.25, finds it below threshold, and gives the 1 back.
        (snntorch.Leaky(0.5, **BELOW), [0, 1, 0, 0], [1.0, 1.5, 1.25, 1.125]),
        # Clipped to 1, and to 0.
        (snntorch.Leaky(7.0), [0, 1, 1, 1], [1.0, 3.0, 2.5, 2.0]),
        (snntorch.Leaky(-1.0), [0, 1, 0, 0], [1.0, 2.0, -0.5, 0.5]),
    ],
)
def test_leaky_by_hand(backend, neuron, spikes, mem):
    found = states(backend, neuron, [1.0, 2.0, 0.5, 0.5], [0.0])
    assert found == (spikes, [[v] for v in mem])


@pytest.mark.parametrize(
    ("mechanism", "spikes", "mem"),
    [
        ("subtract", [0, 1, 0, 1], [1.0, 2.0, 1.0, 1.25]),
        ("zero", [0, 1, 0, 0], [1.0, 2.0, 0.0, 0.75]),
        ("none", [0, 1, 1, 1], [1.0, 2.0, 2.0, 1.75]),
    ],
)
def test_synaptic_by_hand(backend, mechanism, spikes, mem):
    """With "zero" the synaptic current of the reset step does not reach the membrane."""
    neuron = snntorch.Synaptic(0.5, 0.5, reset_mechanism=mechanism)
    syn = [1.0, 1.5, 1.0, 0.75]
    found = states(backend, neuron, [1.0, 1.0, 0.25, 0.25], [0.0, 0.0])
    assert found == (spikes, [list(both) for both in zip(mem, syn, strict=True)])


@pytest.mark.parametrize(
    ("neuron", "spikes", "v"),
    [
        # Fires at 1 itself.
        (spikingjelly.LIFNode(), [1, 1, 0, 0], [0.0, 0.0, 0.5, 0.75]),
        (spikingjelly.LIFNode(v_reset=None), [1, 1, 0, 0], [0.0, 0.5, 0.75, 0.875]),
        (spikingjelly.LIFNode(v_reset=-0.5), [0, 1, 0, 0], [0.5, -0.5, 0.0, 0.25]),
        (spikingjelly.LIFNode(2.0, False), [1, 1, 1, 1], [0.0, 0.0, 0.0, 0.0]),
        (spikingjelly.LIFNode(4.0, False, 2.0, None), [1, 1, 0, 1], [0.0, 1.0, 1.75, 0.3125]),
        (spikingjelly.ParametricLIFNode(), [1, 1, 0, 0], [0.0, 0.0, 0.5, 0.75]),
    ],
)
def test_node_by_hand(backend, neuron, spikes, v):
    current = [2.0, 3.0, 1.0, 1.0]
    assert states(backend, neuron, current, neuron.resting_state) == (spikes, [[x] for x in v])


def test_norse_by_hand(backend):
    """dt tau_mem_inv and dt tau_syn_inv 1/2; the input moves v in its own step."""
    neuron = norse.LIF(0.5, 0.5, dt=1.0)
    found = states(backend, neuron, [2.0, 1.0, 0.0], [0.0, 0.0])
    assert found == ([0, 1, 0], [[1.0, 1.0], [0.0, 1.0], [0.5, 0.5]])
    box = norse.LIFBox(0.5, dt=1.0)
    assert states(backend, box, [2.0, 3.0, 1.0], [0.0]) == ([0, 1, 0], [[1.0], [0.0], [0.5]])
    box = norse.LIFBox(0.5, dt=1.0, reset_method="reset_subtract")
    assert states(backend, box, [2.0, 3.0, 1.0], [0.0]) == ([0, 1, 0], [[1.0], [1.0], [1.0]])


def test_gradient_by_hand(backend):
    """Leaky, beta 1/2, a straight-through surrogate of 1: grad_mem = beta grad_mem + grad_spike;
    the reset is a constant, of which the threshold has a gradient."""
    neuron = snntorch.Leaky(0.5)
    current = np.array([1.0, 2.0, 0.5], np.float32).reshape(3, 1, 1)
    state = np.zeros((1, 1, 1), np.float32)
    forward = cusnn.neuron_forward(
        backend.array(current), backend.array(state), neuron, checkpoints=True, backend=backend.name
    )
    found = cusnn.neuron_backward(
        backend.array(current),
        forward.checkpoints,
        backend.array(np.array([1.0, 2.0, 4.0], np.float32).reshape(3, 1, 1)),
        neuron,
        surrogate=surrogates.StraightThrough(),
        coefficients=True,
        backend=backend.name,
    )
    assert backend.numpy(found.current).ravel().tolist() == [3.0, 4.0, 4.0]
    assert backend.numpy(found.state).item() == 1.5
    # Membranes before the steps: 0, 1, 2.5; the last step takes the threshold away once.
    assert float(found.coefficients["beta"]) == 3.0 * 0.0 + 4.0 * 1.0 + 4.0 * 2.5
    assert float(found.coefficients["threshold"]) == -(1.0 + 2.0 + 4.0) - 4.0


def test_states_end_at_zero(backend):
    """Where the libraries go on with subnormals."""
    for neuron in (snntorch.Synaptic(0.5, 0.5), spikingjelly.LIFNode(), norse.LIF(dt=0.004)):
        state = np.full((len(neuron.state), 1, 1), 0.9, np.float32)
        after = states(backend, neuron, np.zeros(300), state)[1]
        assert after[-1] == [0.0] * len(state)
        smallest = min(abs(x) for step in after for x in step if x)
        assert 1e-30 <= smallest < 1e-28


# ------------------------------------------------------------------ what is wrong in the libraries


def test_norse_forgets_alpha(peers):
    """ "super" of Norse 1.1.0 is as wide whatever its alpha; ours is not, unless asked for."""
    x = peers.torch.tensor([0.25], requires_grad=True)
    peers.norse.functional.threshold.threshold(x, "super", peers.torch.tensor(100.0)).backward()
    assert x.grad.item() == pytest.approx(1 / 1.25**2)
    assert norse.LIF().surrogate.derivative(0.25) == pytest.approx(1 / 26**2)
    assert norse.LIF(copy_mistakes=True).surrogate.derivative(0.25) == pytest.approx(1 / 1.25**2)
    assert norse.LIFBox(method="tanh", copy_mistakes=True).surrogate == surrogates.Tanh(100.0)


@pytest.mark.parametrize("mechanism", ["subtract", "zero"])
def test_small_inputs_do_not_meet_the_mistake(mechanism):
    """Where no membrane reaches twice the threshold, both ways of a reset at once are one."""
    current = np.random.default_rng(7).uniform(0, 0.5, (400, 2, N)).astype(np.float32)
    right, copied = (
        cusnn.neuron_forward(
            current,
            np.zeros((1, 2, N), np.float32),
            snntorch.Leaky(0.9, 1.0, mechanism, False, copy_mistakes=copy),
        )
        for copy in (False, True)
    )
    assert right.spikes.mean() > 0.05
    assert np.array_equal(right.spikes, copied.spikes)
    assert np.array_equal(right.final_state, copied.final_state)


# ------------------------------------------------------------------ the classes


def test_defaults_are_the_library_s(peers):
    import inspect

    node = peers.spikingjelly.neuron
    of_norse = {**peers.norse.LIFParameters._field_defaults, "dt": 0.001}
    of_box = {**peers.norse.LIFBoxParameters._field_defaults, "dt": 0.001}
    for ours, theirs in (
        (snntorch.Leaky, peers.snntorch.Leaky),
        (snntorch.Synaptic, peers.snntorch.Synaptic),
        (spikingjelly.LIFNode, node.LIFNode),
        (spikingjelly.ParametricLIFNode, node.ParametricLIFNode),
        (norse.LIF, of_norse),
        (norse.LIFBox, of_box),
    ):
        if not isinstance(theirs, dict):
            parameters = inspect.signature(theirs).parameters.values()
            theirs = {p.name: p.default for p in parameters}
        for field in dataclasses.fields(ours):
            if field.name in ("copy_mistakes", "reciprocal_tau"):
                continue
            default = theirs[field.name]
            if default is inspect.Parameter.empty:
                assert field.default is dataclasses.MISSING, field.name
            elif callable(default) and not peers.torch.is_tensor(default):
                assert field.default == default.__name__
            else:
                assert field.default == pytest.approx(default) or field.default == default


def test_default_surrogates_are_the_library_s(peers):
    u = np.linspace(-2, 2, 41)
    x = peers.torch.tensor(u, requires_grad=True)
    peers.snntorch.surrogate.atan()(x.float()).sum().backward()
    np.testing.assert_allclose(snntorch.Leaky(0.9).surrogate.derivative(u), x.grad, rtol=1e-5)
    x = peers.torch.tensor(u, requires_grad=True)
    peers.spikingjelly.surrogate.Sigmoid()(x).sum().backward()
    np.testing.assert_allclose(spikingjelly.LIFNode().surrogate.derivative(u), x.grad, rtol=1e-5)


def test_reciprocal_tau_is_within_a_rounding_of_the_library_s(peers):
    for tau in np.linspace(1.1, 40.0, 50):
        q = peers.torch.sigmoid(peers.torch.tensor(-np.log(tau - 1.0), dtype=peers.torch.float32))
        ours = spikingjelly.ParametricLIFNode(float(tau)).coefficients(1.0).values[0, 0]
        assert abs(ours - q.item()) <= np.spacing(ours)


def test_the_surrogate_is_the_library_s_unless_given():
    neuron, current, state = make("node", 10)
    forward = cusnn.neuron_forward(current, state, neuron, checkpoints=True)
    default, same, other = (
        cusnn.neuron_backward(current, forward.checkpoints, current, neuron, surrogate=given)
        for given in (None, surrogates.preset("spikingjelly", "Sigmoid"), surrogates.ATan())
    )
    assert np.array_equal(default.current, same.current)
    assert not np.array_equal(default.current, other.current)


@pytest.mark.parametrize(
    ("make_neuron", "text"),
    [
        (lambda: snntorch.Leaky(np.nan), "Leaky: beta must be finite"),
        (lambda: snntorch.Leaky(0.9, reset_mechanism="hard"), "subtract, zero, none, got 'hard'"),
        (lambda: snntorch.Leaky(0.9, reset_delay=1), "reset_delay must be True or False, got 1"),
        (lambda: snntorch.Synaptic([0.1, 0.2], [0.1, 0.2, 0.3]), "one length, got"),
        (lambda: spikingjelly.LIFNode(1.0), "LIFNode: tau must be above 1 step, got 1.0"),
        (lambda: spikingjelly.LIFNode(v_threshold="1"), "v_threshold must be a number"),
        (lambda: spikingjelly.ParametricLIFNode(0.5), "init_tau must be above 1 step"),
        (lambda: spikingjelly.ParametricLIFNode(reciprocal_tau=2.0), "reciprocal_tau must lie in"),
        (lambda: norse.LIF(method="heaviside"), "method must be one of super"),
        (lambda: norse.LIF(alpha=[1.0, 2.0]), "alpha must be one number"),
        (lambda: norse.LIF(dt=0.0), "dt must be positive"),
        (lambda: norse.LIFBox(reset_method="zero"), "reset_value, reset_subtract"),
        (lambda: norse.LIFBox(1e39).coefficients(1.0), "not finite in float32"),
    ],
)
def test_bad_parameters(make_neuron, text):
    with pytest.raises(ValueError, match=text):
        make_neuron()


def test_other_rooms_say_no():
    """A layer and a network take neurons of cusnn.neurons only."""
    neuron = snntorch.Leaky(0.9)
    with pytest.raises(TypeError, match="neuron must be one that has gradients"):
        cusnn.layer_forward(
            np.zeros((2, 1, 1), np.uint32),
            np.zeros((3, 4), np.float32),
            np.zeros((1, 1, 4), np.float32),
            neuron,
        )
    with pytest.raises(TypeError, match=r"or of cusnn\.conventions"):
        cusnn.initial_state("Leaky", (1, 4))
