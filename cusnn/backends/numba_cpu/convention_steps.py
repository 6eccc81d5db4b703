"""Neurons of other libraries: one step of a block of neurons, and the way back over it.

Flat loops over the neurons of a block, without branches on data, that LLVM makes vectors of; what
is the same for all neurons (``form``) is told apart by flags that do not change in the loop. Spikes
are floats here, as in the libraries. Order of operations and roundings are those of the reference.
"""

import numba
import numpy as np

MODELS = ("Leaky", "Synaptic", "LIFNode", "ParametricLIFNode", "NorseLIF", "NorseLIFBox")
LEAKY, SYNAPTIC, NODE, PARAMETRIC, NORSE, BOX = range(6)
# Row of the threshold among the coefficients.
THRESHOLDS = np.array([1, 2, 1, 1, 3, 2])
# Reset mechanisms and bits of snnTorch's forms, and of SpikingJelly's.
SUBTRACT, ZERO_RESET = range(2)
MECHANISM, AT_ONCE, COPIED = 3, 4, 8
SOFT, UNDECAYED = 1, 2
TINY = np.float32(1e-30)
ZERO, ONE = np.float32(0), np.float32(1)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def cut(x):
    return ZERO if abs(x) < TINY else x


@numba.njit(cache=True, nogil=True, error_model="numpy")
def step(model, form, current, state, h, spiked, c):
    """One step, the state [S, n] in place; h [n] is the voltage that fires or not."""
    if model == LEAKY:
        _leaky(form, current, state[0], h, spiked, c)
    elif model == SYNAPTIC:
        _synaptic(form, current, state[0], state[1], h, spiked, c)
    elif model == NODE or model == PARAMETRIC:
        _node(model == NODE, form, current, state[0], h, spiked, c)
    elif model == NORSE:
        _norse(current, state[0], state[1], h, spiked, c)
    else:
        _box(form, current, state[0], h, spiked, c)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def step_back(model, form, detach, given, grad, to_current, parts, c):
    """One step back, the gradient of the state [S, n] in place.

    ``given`` holds the step's input, the state before it, its h, the gradient of its spikes and
    the surrogate; ``parts`` takes what ``add_terms`` needs.
    """
    if model == LEAKY:
        _leaky_back(form, detach, given, grad[0], to_current, parts, c)
    elif model == SYNAPTIC:
        _synaptic_back(form, detach, given, grad[0], grad[1], to_current, parts, c)
    elif model == NODE or model == PARAMETRIC:
        _node_back(model == NODE, form, detach, given, grad[0], to_current, parts, c)
    elif model == NORSE:
        _norse_back(detach, given, grad[0], grad[1], to_current, parts, c)
    else:
        _box_back(form, detach, given, grad[0], to_current, parts, c)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def add_terms(model, form, given, to_current, parts, sums, c):
    """Add what one step gives to the gradients of the coefficients."""
    if model == LEAKY:
        _leaky_terms(form, given, parts, sums, c)
    elif model == SYNAPTIC:
        _synaptic_terms(given, to_current, parts, sums)
    elif model == NODE or model == PARAMETRIC:
        _node_terms(model == NODE, form, given, parts, sums, c)
    elif model == NORSE:
        _norse_terms(given, parts, sums, c)
    else:
        _box_terms(given, to_current, parts, sums, c)


# ------------------------------------------------------------------ snnTorch


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _left_above(mem, threshold, form):
    """1 where the membrane was left above threshold, for the reset of this step."""
    delayed = not form & AT_ONCE or form & COPIED
    return ONE if (mem > threshold) & bool(delayed) else ZERO


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _reset_at_once(h, spike, reset, threshold, form):
    mechanism = form & MECHANISM
    amount = threshold if mechanism == SUBTRACT else h
    return h - (spike - reset) * amount if form & AT_ONCE else h


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _leaky(form, current, v, h, spiked, c):
    mechanism = form & MECHANISM
    for j in range(current.size):
        beta, threshold = c[0, j], c[1, j]
        reset = _left_above(v[j], threshold, form)
        kept = (ONE - reset) * v[j] if mechanism == ZERO_RESET else v[j]
        moved = beta * kept + current[j]
        moved = moved - reset * threshold if mechanism == SUBTRACT else moved
        spike = ONE if moved > threshold else ZERO
        h[j] = moved
        spiked[j] = moved > threshold
        v[j] = cut(_reset_at_once(moved, spike, reset, threshold, form))


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _synaptic(form, current, v, syn, h, spiked, c):
    mechanism = form & MECHANISM
    for j in range(current.size):
        alpha, beta, threshold = c[0, j], c[1, j], c[2, j]
        reset = _left_above(v[j], threshold, form)
        arrived = alpha * syn[j] + current[j]
        moved = beta * v[j] + arrived
        amount = threshold if mechanism == SUBTRACT else moved
        moved = moved - reset * amount if mechanism <= ZERO_RESET else moved
        spike = ONE if moved > threshold else ZERO
        h[j] = moved
        spiked[j] = moved > threshold
        v[j] = cut(_reset_at_once(moved, spike, reset, threshold, form))
        syn[j] = cut(arrived)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _snntorch_back(grad_mem, mem, h, grad_spike, derivative, threshold, form, detach):
    """Over spike and reset at once: the gradients of h and of the threshold, and ``reset``."""
    mechanism, at_once = form & MECHANISM, form & AT_ONCE
    reset = _left_above(mem, threshold, form)
    spike = ONE if h > threshold else ZERO
    undone = spike - reset if at_once else ZERO
    amount = threshold if mechanism == SUBTRACT else h
    total = grad_spike - grad_mem * amount if at_once and not detach else grad_spike
    fire = total * derivative
    kept = grad_mem - undone * grad_mem if mechanism == ZERO_RESET else grad_mem
    grad_h = kept + fire
    subtracted = (-fire - undone * grad_mem) - reset * grad_h
    return grad_h, subtracted if mechanism == SUBTRACT else -fire, reset


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _leaky_back(form, detach, given, grad_v, to_current, parts, c):
    _, before, h, grad_spike, derivative = given
    v, grad_of_h, to_threshold = before[0], parts[0], parts[1]
    zero = form & MECHANISM == ZERO_RESET
    for j in range(h.size):
        beta, threshold = c[0, j], c[1, j]
        grad_h, to_threshold[j], reset = _snntorch_back(
            grad_v[j], v[j], h[j], grad_spike[j], derivative[j], threshold, form, detach
        )
        gate = ONE - reset if zero else ONE
        grad_of_h[j] = grad_h
        to_current[j] = grad_h
        grad_v[j] = cut(gate * (beta * grad_h))


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _leaky_terms(form, given, parts, sums, c):
    v = given[1][0]
    zero = form & MECHANISM == ZERO_RESET
    for j in range(v.size):
        reset = _left_above(v[j], c[1, j], form)
        gate = ONE - reset if zero else ONE
        sums[0, j] += parts[0, j] * (gate * v[j])
        sums[1, j] += parts[1, j]


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _synaptic_back(form, detach, given, grad_v, grad_syn, to_current, parts, c):
    _, before, h, grad_spike, derivative = given
    v, grad_of_mem, to_threshold = before[0], parts[0], parts[1]
    zero = form & MECHANISM == ZERO_RESET
    for j in range(h.size):
        alpha, beta, threshold = c[0, j], c[1, j], c[2, j]
        grad_h, to_threshold[j], reset = _snntorch_back(
            grad_v[j], v[j], h[j], grad_spike[j], derivative[j], threshold, form, detach
        )
        grad_mem = grad_h - reset * grad_h if zero else grad_h
        arrived = grad_syn[j] + grad_mem
        grad_of_mem[j] = grad_mem
        to_current[j] = arrived
        grad_v[j] = cut(beta * grad_mem)
        grad_syn[j] = cut(alpha * arrived)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _synaptic_terms(given, to_current, parts, sums):
    before = given[1]
    for j in range(to_current.size):
        sums[0, j] += to_current[j] * before[1, j]
        sums[1, j] += parts[0, j] * before[0, j]
        sums[2, j] += parts[1, j]


# ------------------------------------------------------------------ SpikingJelly and Norse


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _reset(h, spike, v_threshold, v_reset, soft):
    return h - spike * v_threshold if soft else spike * v_reset + (ONE - spike) * h


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _reset_back(grad_v, h, spike, grad_spike, derivative, v_threshold, v_reset, soft, detach):
    """Over spike and reset: the gradients of h, of the threshold, and of the voltage reset to."""
    jump = -v_threshold if soft else v_reset - h
    total = grad_spike if detach else grad_spike + grad_v * jump
    fire = total * derivative
    at_reset = spike * grad_v
    kept = grad_v if soft else (ONE - spike) * grad_v
    return kept + fire, -fire - at_reset if soft else -fire, ZERO if soft else at_reset


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _node(divide, form, current, v, h, spiked, c):
    soft, undecayed = form & SOFT, form & UNDECAYED
    for j in range(current.size):
        tau, v_threshold, v_reset = c[0, j], c[1, j], c[2, j]
        away = v[j] - v_reset
        pulled = away if undecayed else current[j] - away
        leaked = pulled / tau if divide else pulled * tau
        moved = (v[j] - leaked) + current[j] if undecayed else v[j] + leaked
        spike = ONE if moved >= v_threshold else ZERO
        h[j] = moved
        spiked[j] = moved >= v_threshold
        v[j] = cut(_reset(moved, spike, v_threshold, v_reset, soft))


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _node_back(divide, form, detach, given, grad_v, to_current, parts, c):
    _, _, h, grad_spike, derivative = given
    soft, undecayed = form & SOFT, form & UNDECAYED
    grad_of_h, to_threshold, to_reset = parts[0], parts[1], parts[2]
    for j in range(h.size):
        tau, v_threshold, v_reset = c[0, j], c[1, j], c[2, j]
        spike = ONE if h[j] >= v_threshold else ZERO
        grad_h, to_threshold[j], at_reset = _reset_back(
            grad_v[j],
            h[j],
            spike,
            grad_spike[j],
            derivative[j],
            v_threshold,
            v_reset,
            soft,
            detach,
        )
        leaked = grad_h / tau if divide else grad_h * tau
        grad_of_h[j] = grad_h
        to_reset[j] = at_reset if soft else at_reset + leaked
        to_current[j] = grad_h if undecayed else leaked
        grad_v[j] = cut(grad_h - leaked)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _node_terms(divide, form, given, parts, sums, c):
    current, v = given[0], given[1][0]
    undecayed = form & UNDECAYED
    for j in range(v.size):
        tau, grad_h = c[0, j], parts[0, j]
        away = v[j] - c[2, j]
        pulled = -away if undecayed else current[j] - away
        sums[0, j] += -((grad_h / tau) * pulled) / tau if divide else grad_h * pulled
        sums[1, j] += parts[1, j]
        sums[2, j] += parts[2, j]


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _norse(current, v, i, h, spiked, c):
    for j in range(current.size):
        rate, rate_syn, v_leak, v_threshold, v_reset = c[0, j], c[1, j], c[2, j], c[3, j], c[4, j]
        jumped = i[j] + current[j]
        moved = v[j] + rate * ((v_leak - v[j]) + jumped)
        spike = ONE if moved > v_threshold else ZERO
        h[j] = moved
        spiked[j] = moved > v_threshold
        i[j] = cut(jumped - rate_syn * jumped)
        v[j] = cut(_reset(moved, spike, v_threshold, v_reset, False))


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _norse_back(detach, given, grad_v, grad_i, to_current, parts, c):
    _, _, h, grad_spike, derivative = given
    grad_of_h, to_threshold, to_reset, behind = parts[0], parts[1], parts[2], parts[3]
    for j in range(h.size):
        rate, rate_syn, v_threshold, v_reset = c[0, j], c[1, j], c[3, j], c[4, j]
        spike = ONE if h[j] > v_threshold else ZERO
        grad_h, to_threshold[j], to_reset[j] = _reset_back(
            grad_v[j],
            h[j],
            spike,
            grad_spike[j],
            derivative[j],
            v_threshold,
            v_reset,
            False,
            detach,
        )
        grad_pulled = rate * grad_h
        grad_jumped = (grad_i[j] - rate_syn * grad_i[j]) + grad_pulled
        grad_of_h[j] = grad_h
        behind[j] = grad_i[j]
        to_current[j] = grad_jumped
        grad_v[j] = cut(grad_h - grad_pulled)
        grad_i[j] = cut(grad_jumped)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _norse_terms(given, parts, sums, c):
    current, before = given[0], given[1]
    for j in range(current.size):
        grad_h = parts[0, j]
        jumped = before[1, j] + current[j]
        sums[0, j] += grad_h * ((c[2, j] - before[0, j]) + jumped)
        sums[1, j] += -(parts[3, j] * jumped)
        sums[2, j] += c[0, j] * grad_h
        sums[3, j] += parts[1, j]
        sums[4, j] += parts[2, j]


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _box(form, current, v, h, spiked, c):
    for j in range(current.size):
        rate, v_leak, v_threshold, v_reset = c[0, j], c[1, j], c[2, j], c[3, j]
        moved = v[j] + rate * ((current[j] + v_leak) - v[j])
        spike = ONE if moved > v_threshold else ZERO
        h[j] = moved
        spiked[j] = moved > v_threshold
        v[j] = cut(_reset(moved, spike, v_threshold, v_reset, form & SOFT))


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _box_back(form, detach, given, grad_v, to_current, parts, c):
    _, _, h, grad_spike, derivative = given
    soft = form & SOFT
    grad_of_h, to_threshold, to_reset = parts[0], parts[1], parts[2]
    for j in range(h.size):
        rate, v_threshold, v_reset = c[0, j], c[2, j], c[3, j]
        spike = ONE if h[j] > v_threshold else ZERO
        grad_h, to_threshold[j], to_reset[j] = _reset_back(
            grad_v[j],
            h[j],
            spike,
            grad_spike[j],
            derivative[j],
            v_threshold,
            v_reset,
            soft,
            detach,
        )
        grad_pulled = rate * grad_h
        grad_of_h[j] = grad_h
        to_current[j] = grad_pulled
        grad_v[j] = cut(grad_h - grad_pulled)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _box_terms(given, to_current, parts, sums, c):
    current, v = given[0], given[1][0]
    for j in range(current.size):
        sums[0, j] += parts[0, j] * ((current[j] + c[1, j]) - v[j])
        sums[1, j] += to_current[j]
        sums[2, j] += parts[1, j]
        sums[3, j] += parts[2, j]
