"""adam_step and sgd_step: by hand, in float64, against torch's formulas; equal bits."""

import numpy as np
import pytest

import cusnn
from cusnn import contract


@pytest.fixture
def backend(backend):
    if backend.name not in contract.OPS["adam_step"].backends:
        pytest.skip("no kernels yet")
    return backend


def make(shape=(7, 5)):
    rng = np.random.default_rng(0)
    return rng.normal(0, 1, shape).astype(np.float32), rng.normal(0, 1, (20, *shape))


def adam(backend, **options):
    start, grads = make()
    arrays = [backend.array(a) for a in (start, 0 * start, 0 * start)]
    parameter, first, second = arrays
    for k, grad in enumerate(grads):
        grad = backend.array(grad, "float32")
        cusnn.adam_step(parameter, grad, first, second, step=k + 1, backend=backend.name, **options)
    return [backend.numpy(a) for a in arrays]


def sgd(backend, **options):
    start, grads = make()
    arrays = [backend.array(start), backend.array(0 * start)]
    for grad in grads:
        cusnn.sgd_step(
            arrays[0], backend.array(grad, "float32"), arrays[1], backend=backend.name, **options
        )
    return [backend.numpy(a) for a in arrays]


REFERENCE = type(
    "Numpy",
    (),
    {
        "name": "numpy",
        "array": staticmethod(lambda a, dtype=None: np.array(a, dtype)),
        "numpy": staticmethod(lambda a: a),
    },
)


def test_first_step_of_adam_is_the_rate(backend):
    """first / size is the sign of the gradient then."""
    start = np.array([1.0, -2.0], np.float32)
    given = [backend.array(a) for a in (start, np.array([3, -0.1], "f4"), 0 * start, 0 * start)]
    cusnn.adam_step(*given, step=1, rate=0.5, backend=backend.name)
    np.testing.assert_allclose(backend.numpy(given[0]), [0.5, -1.5], rtol=1e-6)


def test_adam_in_float64(backend):
    parameter, grads = make()
    p, m, v = parameter.astype(np.float64), 0.0, 0.0
    for k, g in enumerate(grads):
        m, v = 0.9 * m + 0.1 * g, 0.99 * v + 0.01 * g * g
        size = np.sqrt(v / (1 - 0.99 ** (k + 1))) + 1e-8
        p = p * (1 - 0.01 * 0.1) - 0.01 * m / (1 - 0.9 ** (k + 1)) / size
    found = adam(backend, rate=0.01, betas=(0.9, 0.99), decay=0.1)
    np.testing.assert_allclose(found[0], p, rtol=1e-5, atol=1e-6)
    expected = adam(REFERENCE, rate=0.01, betas=(0.9, 0.99), decay=0.1)
    assert [a.tobytes() for a in found] == [a.tobytes() for a in expected]


@pytest.mark.parametrize("nesterov", [False, True])
def test_sgd_in_float64(backend, nesterov):
    parameter, grads = make()
    p, v = parameter.astype(np.float64), 0.0
    for g in grads:
        v = 0.9 * v + g
        p = p * (1 - 0.1 * 0.01) - 0.1 * (g + 0.9 * v if nesterov else v)
    options = {"rate": 0.1, "momentum": 0.9, "nesterov": nesterov, "decay": 0.01}
    found = sgd(backend, **options)
    np.testing.assert_allclose(found[0], p, rtol=1e-4, atol=1e-4)
    assert [a.tobytes() for a in found] == [a.tobytes() for a in sgd(REFERENCE, **options)]


def test_moments_that_decay_become_exactly_zero(backend):
    zero = np.zeros(3, np.float32)
    given = [backend.array(a) for a in (zero, zero, zero + np.float32(1e-30), zero)]
    cusnn.adam_step(*given, step=1, backend=backend.name)
    assert backend.numpy(given[2]).tolist() == [0, 0, 0]


ONES = np.ones((2, 3), np.float32)


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        ({"step": 0}, ValueError, "step must be an integer from 1, got 0"),
        ({"rate": -1}, ValueError, "rate must be a finite number >= 0, got -1"),
        ({"betas": (1.0, 0.9)}, ValueError, "betas must be 0 to below 1, got 1.0"),
        ({"betas": 0.9}, ValueError, "betas must be two numbers"),
        ({"epsilon": 0.0}, ValueError, "epsilon must be above 0 in float32, got 0"),
        ({"grad": ONES[:1]}, ValueError, r"grad must have the shape of parameter, \[2, 3\], got"),
        ({"grad": ONES * np.nan}, ValueError, r"grad must be finite, got nan at \[0, 0\]"),
        ({"first": ONES.astype("f8")}, TypeError, "first must be float32"),
        ({"first": None}, TypeError, "first must be an array"),
        ({"second": np.ones((3, 2), "f4").T}, ValueError, "second must be C-contiguous"),
    ],
)
def test_bad_input(change, error, text):
    arrays = {key: ONES.copy() for key in ("parameter", "grad", "first", "second")}
    with pytest.raises(error, match=text):
        cusnn.adam_step(**arrays | {"step": 1} | change, backend="numpy")
    np.testing.assert_array_equal(arrays["parameter"], ONES)


def test_memory_and_velocity():
    given = ONES.copy()
    with pytest.raises(ValueError, match="parameter shares memory with grad"):
        cusnn.sgd_step(given, given, rate=0.1, backend="numpy")
    with pytest.raises(ValueError, match="momentum needs velocity"):
        cusnn.sgd_step(given, ONES, rate=0.1, momentum=0.9, backend="numpy")
    cusnn.sgd_step(given, ONES, rate=0.5, backend="numpy")
    np.testing.assert_array_equal(given, 0.5 * ONES)
