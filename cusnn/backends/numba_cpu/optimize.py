"""Steps of the optimizers, in place."""

import numba
import numpy as np

BLOCK = 4096
TINY = np.float32(1e-30)
ZERO = np.float32(0)


def adam_step(parameter, grad, first, second, coefficients):
    c = coefficients
    numbers = (c.rate, c.beta_first, c.rest_first, c.beta_second, c.rest_second)
    _adam(parameter, grad, first, second, *numbers, c.scale_second, c.epsilon, c.keep)


def sgd_step(parameter, grad, velocity, coefficients):
    c = coefficients
    velocity = np.empty(0, np.float32) if velocity is None else velocity
    _sgd(parameter, grad, velocity, c.rate, c.momentum, c.keep, c.nesterov)


@numba.njit(cache=True, nogil=True, parallel=True, error_model="numpy")
def _adam(
    parameter,
    grad,
    first,
    second,
    rate,
    beta_first,
    rest_first,
    beta_second,
    rest_second,
    scale_second,
    epsilon,
    keep,
):
    for block in numba.prange(-(-parameter.size // BLOCK)):
        for i in range(block * BLOCK, min(parameter.size, (block + 1) * BLOCK)):
            one = beta_first * first[i] + rest_first * grad[i]
            one = ZERO if abs(one) < TINY else one
            two = beta_second * second[i] + rest_second * (grad[i] * grad[i])
            two = ZERO if abs(two) < TINY else two
            size = np.sqrt(two) * scale_second + epsilon
            first[i], second[i] = one, two
            parameter[i] = keep * parameter[i] - rate * (one / size)


@numba.njit(cache=True, nogil=True, parallel=True)
def _sgd(parameter, grad, velocity, rate, momentum, keep, nesterov):
    for block in numba.prange(-(-parameter.size // BLOCK)):
        for i in range(block * BLOCK, min(parameter.size, (block + 1) * BLOCK)):
            step = grad[i]
            if velocity.size > 0:
                moved = momentum * velocity[i] + grad[i]
                moved = ZERO if abs(moved) < TINY else moved
                velocity[i] = moved
                step = grad[i] + momentum * moved if nesterov else moved
            parameter[i] = keep * parameter[i] - rate * step
