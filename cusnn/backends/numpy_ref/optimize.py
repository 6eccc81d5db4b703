"""Steps of the optimizers, in place."""

import numpy as np

from cusnn.backends.numpy_ref.neuron import cut


def adam_step(parameter, grad, first, second, coefficients):
    c = coefficients
    with np.errstate(all="ignore"):
        first[:] = cut(c.beta_first * first + c.rest_first * grad)
        second[:] = cut(c.beta_second * second + c.rest_second * (grad * grad))
        size = np.sqrt(second) * c.scale_second + c.epsilon
        parameter[:] = c.keep * parameter - c.rate * (first / size)


def sgd_step(parameter, grad, velocity, coefficients):
    c = coefficients
    with np.errstate(all="ignore"):
        step = grad
        if velocity is not None:
            velocity[:] = cut(c.momentum * velocity + grad)
            step = grad + c.momentum * velocity if c.nesterov else velocity
        parameter[:] = c.keep * parameter - c.rate * step
