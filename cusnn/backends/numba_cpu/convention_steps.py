"""Neurons of other libraries: one step of a block of neurons, and the way back over it.

Flat loops over the neurons of a block that LLVM makes vectors of. What is the same for all neurons
(``form``) is told apart by numbers that are 0 or 1: a product with them and a sum round nothing,
where a branch for each would make the compiler write every loop many times over. Spikes are such
numbers, too, as in the libraries. Order of operations and roundings are those of the reference.
"""

import numba
import numpy as np

MODELS = ("Leaky", "Synaptic", "LIFNode", "NorseLIF", "NorseLIFBox")
LEAKY, SYNAPTIC, NODE, NORSE, BOX = range(5)
# Row of the threshold among the coefficients.
THRESHOLDS = np.array([1, 2, 1, 3, 2])
# Forms: of snnTorch the index of the reset mechanism and two bits; of SpikingJelly bits.
SUBTRACT, ZERO_RESET = range(2)
MECHANISM, AT_ONCE, COPIED = 3, 4, 8
SOFT, UNDECAYED, RECIPROCAL = 1, 2, 4
TINY = np.float32(1e-30)
ZERO, ONE = np.float32(0), np.float32(1)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def cut(x):
    return ZERO if abs(x) < TINY else x


@numba.njit(cache=True, nogil=True, error_model="numpy")
def number(flag):
    return ONE if flag else ZERO


@numba.njit(cache=True, nogil=True, error_model="numpy")
def step(model, form, current, state, h, spiked, c):
    """One step, the state [S, n] in place; h [n] is the voltage that fires or not."""
    if model == LEAKY:
        _leaky(form, current, state[0], h, spiked, c)
    elif model == SYNAPTIC:
        _synaptic(form, current, state[0], state[1], h, spiked, c)
    elif model == NODE:
        _node(form, current, state[0], h, spiked, c)
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
    elif model == NODE:
        _node_back(form, detach, given, grad[0], to_current, parts, c)
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
    elif model == NODE:
        _node_terms(form, given, parts, sums, c)
    elif model == NORSE:
        _norse_terms(given, parts, sums, c)
    else:
        _box_terms(given, to_current, parts, sums, c)


# ------------------------------------------------------------------ snnTorch


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _snntorch(form):
    """Whether a reset subtracts, sets to zero, comes a step late, comes at once."""
    mechanism, at_once = form & MECHANISM, form & AT_ONCE
    late = number(not at_once or form & COPIED)
    return number(mechanism == SUBTRACT), number(mechanism == ZERO_RESET), late, number(at_once)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _leaky(form, current, v, h, spiked, c):
    subtract, zero, late, at_once = _snntorch(form)
    for j in range(current.size):
        beta, threshold = c[0, j], c[1, j]
        reset = late * number(v[j] > threshold)
        amount = subtract * threshold
        moved = (beta * ((ONE - zero * reset) * v[j]) + current[j]) - reset * amount
        undone = at_once * (number(moved > threshold) - reset)
        h[j] = moved
        spiked[j] = moved > threshold
        v[j] = cut(moved - undone * (amount + zero * moved))


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _synaptic(form, current, v, syn, h, spiked, c):
    subtract, zero, late, at_once = _snntorch(form)
    for j in range(current.size):
        alpha, beta, threshold = c[0, j], c[1, j], c[2, j]
        reset = late * number(v[j] > threshold)
        amount = subtract * threshold
        arrived = alpha * syn[j] + current[j]
        moved = beta * v[j] + arrived
        moved = moved - reset * (amount + zero * moved)
        undone = at_once * (number(moved > threshold) - reset)
        h[j] = moved
        spiked[j] = moved > threshold
        v[j] = cut(moved - undone * (amount + zero * moved))
        syn[j] = cut(arrived)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _snntorch_back(grad_mem, mem, h, grad_spike, derivative, threshold, form, live):
    """Over spike and reset at once: the gradients of h and of the threshold, and ``reset``."""
    subtract, zero, late, at_once = form
    reset = late * number(mem > threshold)
    undone = (at_once * (number(h > threshold) - reset)) * grad_mem
    fire = (grad_spike - live * (grad_mem * (subtract * threshold + zero * h))) * derivative
    grad_h = (grad_mem - zero * undone) + fire
    return grad_h, (-fire - subtract * undone) - subtract * (reset * grad_h), reset


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _leaky_back(form, detach, given, grad_v, to_current, parts, c):
    _, before, h, grad_spike, derivative = given
    v, to_threshold = before[0], parts[1]
    flags = _snntorch(form)
    zero, live = flags[1], ZERO if detach else flags[3]
    for j in range(h.size):
        beta, threshold = c[0, j], c[1, j]
        grad_h, to_threshold[j], reset = _snntorch_back(
            grad_v[j], v[j], h[j], grad_spike[j], derivative[j], threshold, flags, live
        )
        to_current[j] = grad_h
        grad_v[j] = cut((ONE - zero * reset) * (beta * grad_h))
    for j in range(h.size):
        parts[0, j] = to_current[j]


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _leaky_terms(form, given, parts, sums, c):
    v = given[1][0]
    _, zero, late, _ = _snntorch(form)
    for j in range(v.size):
        reset = late * number(v[j] > c[1, j])
        sums[0, j] += parts[0, j] * ((ONE - zero * reset) * v[j])
        sums[1, j] += parts[1, j]


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _synaptic_back(form, detach, given, grad_v, grad_syn, to_current, parts, c):
    _, before, h, grad_spike, derivative = given
    v, grad_of_mem, to_threshold = before[0], parts[0], parts[1]
    flags = _snntorch(form)
    zero, live = flags[1], ZERO if detach else flags[3]
    for j in range(h.size):
        alpha, beta, threshold = c[0, j], c[1, j], c[2, j]
        grad_h, to_threshold[j], reset = _snntorch_back(
            grad_v[j], v[j], h[j], grad_spike[j], derivative[j], threshold, flags, live
        )
        grad_mem = grad_h - zero * (reset * grad_h)
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
def _reset(h, spike, v_threshold, v_reset, hard):
    left = hard * v_reset - (ONE - hard) * v_threshold
    return spike * left + (ONE - hard * spike) * h


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _reset_back(grad_v, h, spike, grad_spike, derivative, v_threshold, v_reset, hard, live):
    """Over spike and reset: the gradients of h, of the threshold, and of the voltage reset to."""
    soft = ONE - hard
    jump = (hard * v_reset - soft * v_threshold) - hard * h
    fire = (grad_spike + live * (grad_v * jump)) * derivative
    at_reset = spike * grad_v
    kept = (ONE - hard * spike) * grad_v
    return kept + fire, -fire - soft * at_reset, hard * at_reset


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _node(form, current, v, h, spiked, c):
    hard, undecayed = number(not form & SOFT), number(form & UNDECAYED)
    decayed, divide = ONE - undecayed, not form & RECIPROCAL
    for j in range(current.size):
        tau, v_threshold, v_reset = c[0, j], c[1, j], c[2, j]
        pulled = decayed * current[j] - (v[j] - v_reset)
        leaked = pulled / tau if divide else pulled * tau
        moved = (v[j] + leaked) + undecayed * current[j]
        h[j] = moved
        spiked[j] = moved >= v_threshold
        v[j] = cut(_reset(moved, number(moved >= v_threshold), v_threshold, v_reset, hard))


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _node_back(form, detach, given, grad_v, to_current, parts, c):
    _, _, h, grad_spike, derivative = given
    hard, undecayed = number(not form & SOFT), number(form & UNDECAYED)
    decayed, divide, live = ONE - undecayed, not form & RECIPROCAL, number(not detach)
    grad_of_h, to_threshold, to_reset = parts[0], parts[1], parts[2]
    for j in range(h.size):
        tau, v_threshold, v_reset = c[0, j], c[1, j], c[2, j]
        grad_h, to_threshold[j], at_reset = _reset_back(
            grad_v[j],
            h[j],
            number(h[j] >= v_threshold),
            grad_spike[j],
            derivative[j],
            v_threshold,
            v_reset,
            hard,
            live,
        )
        leaked = grad_h / tau if divide else grad_h * tau
        grad_of_h[j] = grad_h
        to_reset[j] = at_reset + hard * leaked
        to_current[j] = undecayed * grad_h + decayed * leaked
        grad_v[j] = cut(grad_h - leaked)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _node_terms(form, given, parts, sums, c):
    current, v = given[0], given[1][0]
    decayed, divide = number(not form & UNDECAYED), not form & RECIPROCAL
    for j in range(v.size):
        tau, grad_h = c[0, j], parts[0, j]
        pulled = decayed * current[j] - (v[j] - c[2, j])
        sums[0, j] += -((grad_h / tau) * pulled) / tau if divide else grad_h * pulled
        sums[1, j] += parts[1, j]
        sums[2, j] += parts[2, j]


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _norse(current, v, i, h, spiked, c):
    for j in range(current.size):
        rate, rate_syn, v_leak, v_threshold, v_reset = c[0, j], c[1, j], c[2, j], c[3, j], c[4, j]
        jumped = i[j] + current[j]
        moved = v[j] + rate * ((v_leak - v[j]) + jumped)
        h[j] = moved
        spiked[j] = moved > v_threshold
        i[j] = cut(jumped - rate_syn * jumped)
        v[j] = cut(_reset(moved, number(moved > v_threshold), v_threshold, v_reset, ONE))


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _norse_back(detach, given, grad_v, grad_i, to_current, parts, c):
    _, _, h, grad_spike, derivative = given
    live = number(not detach)
    grad_of_h, to_threshold, to_reset, behind = parts[0], parts[1], parts[2], parts[3]
    for j in range(h.size):
        rate, rate_syn, v_threshold, v_reset = c[0, j], c[1, j], c[3, j], c[4, j]
        grad_h, to_threshold[j], to_reset[j] = _reset_back(
            grad_v[j],
            h[j],
            number(h[j] > v_threshold),
            grad_spike[j],
            derivative[j],
            v_threshold,
            v_reset,
            ONE,
            live,
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
    hard = number(not form & SOFT)
    for j in range(current.size):
        rate, v_leak, v_threshold, v_reset = c[0, j], c[1, j], c[2, j], c[3, j]
        moved = v[j] + rate * ((current[j] + v_leak) - v[j])
        h[j] = moved
        spiked[j] = moved > v_threshold
        v[j] = cut(_reset(moved, number(moved > v_threshold), v_threshold, v_reset, hard))


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _box_back(form, detach, given, grad_v, to_current, parts, c):
    _, _, h, grad_spike, derivative = given
    hard, live = number(not form & SOFT), number(not detach)
    grad_of_h, to_threshold, to_reset = parts[0], parts[1], parts[2]
    for j in range(h.size):
        rate, v_threshold, v_reset = c[0, j], c[2, j], c[3, j]
        grad_h, to_threshold[j], to_reset[j] = _reset_back(
            grad_v[j],
            h[j],
            number(h[j] > v_threshold),
            grad_spike[j],
            derivative[j],
            v_threshold,
            v_reset,
            hard,
            live,
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
