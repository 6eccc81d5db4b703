"""Spike products: worked by hand, brute force in float64, the adjoint identity, equal bits."""

import numpy as np
import pytest
import scipy.sparse

import cusnn
from cusnn import CSR

# (R, N, M): odd, one of each, lists longer than a chunk, more columns than a tile.
SHAPES = [(1, 1, 1), (3, 31, 33), (7, 33, 31), (5, 257, 12), (33, 65, 64), (2, 1000, 257)]
WIDE = (2, 300, 2052)
MANY = (300, 130, 20)
EMPTY = [(0, 3, 4), (3, 0, 4), (3, 4, 0), (0, 0, 0)]
DENSITIES = {"silent": 0.0, "sparse": 0.04, "busy": 0.5, "always": 1.0}


def ids(value):
    return "x".join(map(str, value)) if isinstance(value, tuple) else None


@pytest.fixture(params=DENSITIES, ids=str)
def density(request):
    return DENSITIES[request.param]


@pytest.fixture(params=["dense", "csr"])
def form(request):
    return request.param


def make(shape, density, connected=0.3, seed=0):
    """Spikes, weights with zeros, gradient of the product."""
    rows, n, m = shape
    rng = np.random.default_rng(seed)
    spikes = (rng.random((rows, n)) < density).astype(np.uint8)
    weights = rng.standard_normal((n, m), dtype=np.float32)
    weights[rng.random((n, m)) >= connected] = 0
    return spikes, weights, rng.standard_normal((rows, m), dtype=np.float32)


def as_form(backend, form, weights):
    weights = backend.array(weights)
    return CSR.from_dense(weights) if form == "csr" else weights


def sum_in_order(spikes, terms):
    """One Python loop per number: float32 additions in ascending order, from 0."""
    sums = np.zeros((spikes.shape[0], terms.shape[1]), np.float32)
    for r, n in np.argwhere(spikes):
        for m in range(terms.shape[1]):
            sums[r, m] = np.float32(sums[r, m] + terms[n, m])
    return sums


def assert_same_bits(actual, expected):
    assert actual.dtype == expected.dtype
    assert actual.shape == expected.shape
    assert actual.tobytes() == expected.tobytes()


def assert_near_product(actual, grad_product, weights):
    """(M + 1) 2^-23 of the sum of magnitudes bounds any order of summation, fused or not."""
    exact = grad_product.astype(np.float64) @ weights.T.astype(np.float64)
    magnitude = np.abs(grad_product.astype(np.float64)) @ np.abs(weights.T.astype(np.float64))
    assert actual.dtype == np.float32
    assert actual.shape == exact.shape
    bound = (weights.shape[1] + 1) * 2.0**-23 * magnitude
    assert (np.abs(actual - exact) <= bound).all()


# ------------------------------------------------------------------ forward


def test_product_worked_by_hand(backend, form):
    spikes = np.array([[1, 0, 1], [0, 0, 0], [255, 2, 0]], np.uint8)
    weights = np.array([[1.5, 0], [-2, 8], [0.25, -1]], np.float32)
    given = as_form(backend, form, weights)
    product = cusnn.spike_matmul(backend.array(spikes), given, backend=backend.name)
    expected = np.array([[1.75, -1], [0, 0], [-0.5, 8]], np.float32)
    assert_same_bits(backend.numpy(product), expected)


@pytest.mark.parametrize("shape", [*SHAPES, WIDE, MANY], ids=ids)
def test_product_has_the_bits_of_a_plain_loop(backend, form, shape, density):
    spikes, weights, _ = make(shape, density)
    given = as_form(backend, form, weights)
    product = cusnn.spike_matmul(backend.array(spikes), given, backend=backend.name)
    product = backend.numpy(product)
    assert_same_bits(product, ordered(spikes, weights))
    exact = spikes.astype(np.float64) @ weights
    bound = shape[1] * 2.0**-23 * (spikes @ np.abs(weights.astype(np.float64)))
    assert (np.abs(product - exact) <= bound).all()


def ordered(spikes, terms):
    """``sum_in_order``, a column of ``spikes`` at a time."""
    sums = np.zeros((spikes.shape[0], terms.shape[1]), np.float32)
    for n in range(spikes.shape[1]):
        sums[spikes[:, n] != 0] += terms[n]
    return sums


def test_ordered_is_the_plain_loop():
    spikes, weights, _ = make((5, 40, 7), 0.4)
    assert_same_bits(ordered(spikes, weights), sum_in_order(spikes, weights))


def test_order_is_ascending(backend, form):
    """In float32 1e8 + 1 - 1e8 is 0, and 1e8 - 1e8 + 1 is 1."""
    big = np.float32(1e8)
    weights = np.repeat(np.array([[big, big], [1, -big], [-big, 1]], np.float32), 3, axis=1)
    spikes = np.ones((1, 3), np.uint8)
    given = as_form(backend, form, weights)
    product = cusnn.spike_matmul(backend.array(spikes), given, backend=backend.name)
    np.testing.assert_array_equal(backend.numpy(product), [[0, 0, 0, 1, 1, 1]])


@pytest.mark.parametrize("fill", [np.nan, np.inf])
def test_rows_of_silent_neurons_do_not_matter(backend, form, fill):
    """Also where so much is read that a backend copies the weights first."""
    for shape, density in (((4, 70, 40), 0.1), ((200, 40, 300), 0.5)):
        spikes, weights, _ = make(shape, density)
        spikes[:, ::3] = 0
        weights[::3] = fill
        given = as_form(backend, form, weights)
        product = cusnn.spike_matmul(backend.array(spikes), given, backend=backend.name)
        expected = ordered(
            spikes[:, np.arange(shape[1]) % 3 != 0], weights[np.arange(shape[1]) % 3 != 0]
        )
        assert_same_bits(backend.numpy(product), expected)


def test_nan_of_a_neuron_that_fired_is_seen(backend, form):
    weights = np.ones((3, 5), np.float32)
    weights[1, 2] = np.nan
    spikes = np.array([[1, 1, 0], [1, 0, 1]], np.uint8)
    given = as_form(backend, form, weights)
    product = cusnn.spike_matmul(backend.array(spikes), given, backend=backend.name)
    nan = np.nan
    np.testing.assert_array_equal(backend.numpy(product), [[2, 2, nan, 2, 2], [2] * 5])


@pytest.mark.parametrize("shape", EMPTY, ids=ids)
def test_empty(backend, form, shape):
    spikes, weights, grad_product = make(shape, 0.5)
    spikes, grad_product = backend.array(spikes), backend.array(grad_product)
    given = as_form(backend, form, weights)
    rows, n, m = shape
    product = backend.numpy(cusnn.spike_matmul(spikes, given, backend=backend.name))
    assert_same_bits(product, np.zeros((rows, m), np.float32))
    grads = cusnn.spike_matmul_backward(grad_product, spikes, given, backend=backend.name)
    expected = np.zeros((n, m) if form == "dense" else given.weights.shape, np.float32)
    assert_same_bits(backend.numpy(grads.weights), expected)
    assert_same_bits(backend.numpy(grads.spikes) + np.float32(0), np.zeros((rows, n), np.float32))


def test_no_synapses(backend):
    csr = CSR.from_dense(backend.array(np.zeros((5, 6), np.float32)))
    spikes = backend.array(np.ones((2, 5), np.uint8))
    product = cusnn.spike_matmul(spikes, csr, backend=backend.name)
    assert_same_bits(backend.numpy(product), np.zeros((2, 6), np.float32))
    grad = backend.array(np.ones((2, 6), np.float32))
    grads = cusnn.spike_matmul_backward(grad, spikes, csr, backend=backend.name)
    assert grads.weights.shape == (0,)
    assert_same_bits(backend.numpy(grads.spikes), np.zeros((2, 5), np.float32))


@pytest.mark.parametrize("leading", [(), (4,), (2, 3), (2, 0, 3)], ids=str)
def test_leading_axes(backend, form, leading):
    rng = np.random.default_rng(1)
    spikes = (rng.random((*leading, 40)) < 0.3).astype(np.uint8)
    weights = rng.standard_normal((40, 9), dtype=np.float32)
    grad = rng.standard_normal((*leading, 9), dtype=np.float32)
    given = as_form(backend, form, weights)
    product = cusnn.spike_matmul(backend.array(spikes), given, backend=backend.name)
    flat = spikes.reshape(-1, 40)
    assert_same_bits(backend.numpy(product), ordered(flat, weights).reshape(*leading, 9))
    grads = cusnn.spike_matmul_backward(
        backend.array(grad), backend.array(spikes), given, backend=backend.name
    )
    by_weight = ordered(flat.T, grad.reshape(-1, 9))
    expected = by_weight if form == "dense" else by_weight.ravel()
    assert_same_bits(backend.numpy(grads.weights), expected)
    assert grads.spikes.shape == (*leading, 40)


def test_written_into_given_array(backend, form):
    spikes, weights, _ = make((6, 40, 9), 0.3)
    out = backend.array(np.full((2, 3, 9), np.nan, np.float32))
    given = as_form(backend, form, weights)
    rows = backend.array(spikes.reshape(2, 3, 40))
    assert cusnn.spike_matmul(rows, given, out=out, backend=backend.name) is out
    assert_same_bits(backend.numpy(out), ordered(spikes, weights).reshape(2, 3, 9))


def test_views_that_start_anywhere(backend):
    """Rows of a multiple of four floats that do not start on 16 bytes."""
    spikes, weights, _ = make((5, 33, 12), 0.4)
    line = backend.array(np.concatenate([[0], weights.ravel()]).astype(np.float32))
    shifted = line[1:].reshape(33, 12)
    product = cusnn.spike_matmul(backend.array(spikes)[1:], shifted, backend=backend.name)
    assert_same_bits(backend.numpy(product), ordered(spikes[1:], weights))


# ------------------------------------------------------------------ backward


def test_gradients_worked_by_hand(backend, form):
    spikes = np.array([[1, 0, 1], [0, 0, 3]], np.uint8)
    weights = np.array([[1.5, 1], [-2, 8], [0.25, -1]], np.float32)
    grad = np.array([[2, 4], [-1, 0.5]], np.float32)
    given = as_form(backend, form, weights)
    grads = cusnn.spike_matmul_backward(
        backend.array(grad), backend.array(spikes), given, backend=backend.name
    )
    by_weight = backend.numpy(grads.weights).reshape(3, 2)
    np.testing.assert_array_equal(by_weight, [[2, 4], [0, 0], [1, 4.5]])
    expected = [[7, 28, -3.5], [-1, 6, -0.75]]
    np.testing.assert_array_equal(backend.numpy(grads.spikes), expected)


@pytest.mark.parametrize("shape", [*SHAPES, WIDE, MANY], ids=ids)
def test_gradients(backend, form, shape, density):
    spikes, weights, grad_product = make(shape, density)
    given = as_form(backend, form, weights)
    grads = cusnn.spike_matmul_backward(
        backend.array(grad_product), backend.array(spikes), given, backend=backend.name
    )
    expected = ordered(spikes.T, grad_product)
    if form == "csr":
        expected = expected[weights != 0]
    assert_same_bits(backend.numpy(grads.weights), expected)
    assert_near_product(backend.numpy(grads.spikes), grad_product, weights)


def test_adjoint_identity(backend, form):
    """<G, S W> = <dW, W>, and = <dS, S> for binary S: the product is linear in both.

    With integers every sum is exact, so that both hold to the last bit.
    """
    rng = np.random.default_rng(5)
    spikes = (rng.random((37, 50)) < 0.2).astype(np.uint8)
    weights = rng.integers(-8, 9, (50, 21)).astype(np.float32)
    grad = rng.integers(-8, 9, (37, 21)).astype(np.float32)
    given = as_form(backend, form, weights)
    spikes_here, grad_here = backend.array(spikes), backend.array(grad)
    product = backend.numpy(cusnn.spike_matmul(spikes_here, given, backend=backend.name))
    grads = cusnn.spike_matmul_backward(grad_here, spikes_here, given, backend=backend.name)
    flat = weights[weights != 0] if form == "csr" else weights
    loss = np.sum(grad.astype(np.float64) * product)
    assert loss != 0
    assert loss == np.sum(backend.numpy(grads.weights).astype(np.float64) * flat)
    assert loss == np.sum(backend.numpy(grads.spikes).astype(np.float64) * spikes)


@pytest.mark.parametrize("wanted", ["grad_weights", "grad_spikes"])
def test_one_gradient_only(backend, form, wanted):
    spikes, weights, grad_product = make((6, 20, 11), 0.3)
    args = (backend.array(grad_product), backend.array(spikes), as_form(backend, form, weights))
    both = cusnn.spike_matmul_backward(*args, backend=backend.name)
    flags = dict.fromkeys(("grad_weights", "grad_spikes"), False) | {wanted: True}
    one = cusnn.spike_matmul_backward(*args, **flags, backend=backend.name)
    field = wanted.removeprefix("grad_")
    assert_same_bits(backend.numpy(getattr(one, field)), backend.numpy(getattr(both, field)))
    assert [name for name in one._fields if getattr(one, name) is not None] == [field]


def test_gradient_of_weights_ignores_silent_rows(backend, form):
    """A row of grad_product in which a neuron is silent is not read for it."""
    spikes = np.zeros((40, 9), np.uint8)
    spikes[::2] = 1
    grad = np.ones((40, 12), np.float32)
    grad[1::2] = np.nan
    given = as_form(backend, form, np.ones((9, 12), np.float32))
    grads = cusnn.spike_matmul_backward(
        backend.array(grad), backend.array(spikes), given, grad_spikes=False, backend=backend.name
    )
    np.testing.assert_array_equal(backend.numpy(grads.weights).ravel(), np.full(108, 20))


# ------------------------------------------------------------------ work shared out


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("shape", [(1, 600, 700), (40, 1100, 600), (700, 30, 5)], ids=ids)
def test_bits_do_not_depend_on_threads(threads, shape):
    """Rows read often enough to be copied, in several chunks; and few rows for many threads."""
    import numba

    spikes, weights, grad = make(shape, 0.4)
    before = numba.get_num_threads()
    numba.set_num_threads(threads)
    try:
        for form in (weights, CSR.from_dense(weights)):
            product = cusnn.spike_matmul(spikes, form, backend="numba")
            assert_same_bits(product, ordered(spikes, weights))
            grads = cusnn.spike_matmul_backward(
                grad, spikes, form, grad_spikes=False, backend="numba"
            )
            expected = ordered(spikes.T, grad)
            mask = weights != 0 if form is not weights else np.full(weights.shape, True)
            assert_same_bits(grads.weights.ravel(), expected[mask])
    finally:
        numba.set_num_threads(before)


@pytest.mark.parametrize("seed", [2, 3, 4])
def test_emulated_in_other_orders_of_threads(monkeypatch, seed):
    """A missing barrier shows under some orders."""
    import conftest
    import emulator

    conftest.use_emulator(monkeypatch)
    monkeypatch.setattr(emulator._state, "seed", seed)
    for shape in ((3, 600, 40), (2, 60, 2100), (600, 40, 70), (3, 5, 2600)):
        spikes, weights, grad = make(shape, 0.3, connected=0.6)
        for form in (weights, CSR.from_dense(weights)):
            product = cusnn.spike_matmul(spikes, form, backend="cuda")
            assert_same_bits(product, ordered(spikes, weights))
            grads = cusnn.spike_matmul_backward(grad, spikes, form, backend="cuda")
            expected = ordered(spikes.T, grad)
            mask = weights != 0 if form is not weights else np.full(weights.shape, True)
            assert_same_bits(grads.weights.ravel(), expected[mask])
            assert_near_product(grads.spikes, grad, weights)


@pytest.mark.parametrize("blocks", [1, 3])
def test_few_blocks_walk_over_all_the_work(monkeypatch, blocks):
    """What a block left in shared memory must not reach its next piece of work."""
    import conftest

    from cusnn.backends.cuda import matmul

    conftest.use_emulator(monkeypatch)
    monkeypatch.setattr(matmul, "MOST_BLOCKS", blocks)
    spikes, weights, grad = make((70, 66, 140), 0.2)
    for form in (weights, CSR.from_dense(weights)):
        product = cusnn.spike_matmul(spikes, form, backend="cuda")
        assert_same_bits(product, ordered(spikes, weights))
        grads = cusnn.spike_matmul_backward(grad, spikes, form, backend="cuda")
        expected = ordered(spikes.T, grad)
        mask = weights != 0 if form is not weights else np.full(weights.shape, True)
        assert_same_bits(grads.weights.ravel(), expected[mask])
        assert_near_product(grads.spikes, grad, weights)


@pytest.mark.parametrize(("m", "warps", "bytes_"), [(1, 1, 4), (1024, 1, 4096), (1025, 2, 4100)])
def test_csr_takes_the_shared_memory_that_its_targets_need(monkeypatch, m, warps, bytes_):
    """And no more than its warps' tiles, however many targets there are."""
    from cusnn.backends.cuda import matmul

    launches = []
    launch = lambda *args, shared: launches.append((args[3], shared))  # noqa: E731
    monkeypatch.setattr(matmul.driver, "launch", launch)
    for targets in (m, 40_000):
        product = np.zeros((3, targets), np.float32)
        matmul.spike_matmul_csr(np.zeros((3, 5), np.uint8), None, None, None, product)
    assert launches == [(32 * warps, bytes_), (256, 32 * 1024)]


def test_constants_of_kernels_and_backend_agree():
    import re

    from cusnn import driver
    from cusnn.backends.cuda import matmul

    def constant(file, name):
        text = (driver.kernel_folder() / file).read_text()
        return int(re.search(rf"constexpr int32 {name} = (\d+);", text).group(1))

    assert constant("spike_sums.cuh", "SUM_THREADS") == matmul.MOST_THREADS
    assert constant("spike_sums.cuh", "SUM_COLUMNS") == matmul.PER_THREAD
    assert constant("spike_matmul_backward.cu", "TILE") == matmul.TILE
    assert constant("spike_matmul_backward.cu", "SIDE") ** 2 == matmul.MOST_THREADS
    assert constant("spike_matmul_csr.cu", "THREADS") == matmul.MOST_THREADS
    assert constant("spike_matmul_csr.cu", "TARGETS") == matmul.TARGETS
    assert constant("spike_matmul_csr_backward.cu", "THREADS") == matmul.MOST_THREADS
    assert constant("spike_matmul_csr_backward.cu", "OWN") == matmul.PER_THREAD


# ------------------------------------------------------------------ CSR


def test_csr_worked_by_hand():
    csr = CSR.from_dense(np.array([[0, 2, 0], [0, 0, 0], [-1, 0, 4]], np.float32))
    assert_same_bits(csr.indptr, np.array([0, 1, 1, 3], np.int64))
    assert_same_bits(csr.indices, np.array([1, 0, 2], np.int32))
    assert_same_bits(csr.weights, np.array([2, -1, 4], np.float32))
    assert csr.shape == (3, 3)


@pytest.mark.parametrize("shape", [*[s[1:] for s in SHAPES], (0, 4), (4, 0), (0, 0)], ids=ids)
def test_csr_there_and_back(shape):
    _, weights, _ = make((1, *shape), 0)
    assert_same_bits(CSR.from_dense(weights).to_dense(), weights + np.float32(0))
    through_scipy = CSR.from_scipy(scipy.sparse.csr_array(weights))
    assert_same_bits(through_scipy.to_dense(), weights + np.float32(0))


@pytest.mark.parametrize("make_sparse", [scipy.sparse.coo_array, scipy.sparse.coo_matrix])
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int32, bool])
def test_csr_from_scipy_sorts_and_adds_up(make_sparse, dtype):
    sources, targets = [2, 0, 2, 2, 0], [3, 1, 0, 3, 1]
    values = np.array([1, 2, 3, 4, 0], dtype)
    csr = CSR.from_scipy(make_sparse((values, (sources, targets)), shape=(3, 5)))
    expected = np.zeros((3, 5))
    np.add.at(expected, (sources, targets), values)
    expected = expected.astype(dtype).astype(np.float32)
    assert_same_bits(csr.to_dense(), expected)
    assert_same_bits(csr.indptr, np.array([0, 1, 1, 3], np.int64))


def test_csr_from_scipy_changes_nothing():
    matrix = scipy.sparse.csr_array(
        (np.array([1.0, 2, 3]), np.array([2, 0, 2]), np.array([0, 3, 3])), shape=(2, 4)
    )
    csr = CSR.from_scipy(matrix)
    np.testing.assert_array_equal(matrix.indices, [2, 0, 2])
    np.testing.assert_array_equal(csr.to_dense(), [[2, 0, 4, 0], [0] * 4])
    csr.weights[:] = 9
    np.testing.assert_array_equal(matrix.data, [1, 2, 3])


def test_csr_keeps_stored_zeros(backend):
    """A synapse of weight 0 is one, and gets a gradient."""
    csr = CSR(
        backend.array([0, 2], "int64"),
        backend.array([0, 2], "int32"),
        backend.array([0, 1], "float32"),
        (1, 3),
    )
    spikes = backend.array([[1]], "uint8")
    grad = backend.array([[5, 6, 7]], "float32")
    grads = cusnn.spike_matmul_backward(grad, spikes, csr, backend=backend.name)
    np.testing.assert_array_equal(backend.numpy(grads.weights), [5, 7])
    np.testing.assert_array_equal(backend.numpy(grads.spikes), [[7]])


def test_csr_with_other_weights():
    csr = CSR.from_dense(np.eye(3, dtype=np.float32))
    other = csr.with_weights(csr.weights * np.float32(2))
    assert other.indices is csr.indices
    np.testing.assert_array_equal(other.to_dense(), 2 * np.eye(3))
    with pytest.raises(ValueError, match=r"CSR: weights has K=2, but indices has K=3"):
        csr.with_weights(csr.weights[:2])


def test_csr_is_frozen():
    csr = CSR.from_dense(np.eye(3, dtype=np.float32))
    with pytest.raises(AttributeError):
        csr.shape = (4, 4)


def csr(indptr=(0, 2, 3), indices=(0, 2, 1), weights=(1, 2, 3), shape=(2, 3)):
    return CSR(
        np.array(indptr, np.int64), np.array(indices, np.int32), np.array(weights, "f4"), shape
    )


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: csr(indptr=(1, 2, 3)), ValueError, r"from 0 to K=3, got \[1, 3\]"),
        (lambda: csr(indptr=(0, 2, 4)), ValueError, r"from 0 to K=3, got \[0, 4\]"),
        (lambda: csr(indptr=(0, 4, 3)), ValueError, "not descend, but does so at source 1"),
        (lambda: csr(indptr=()), ValueError, "indptr"),
        (lambda: csr(indices=(0, 3, 1)), ValueError, "0 to M - 1 = 2, got 3"),
        (lambda: csr(indices=(-1, 2, 1)), ValueError, "0 to M - 1 = 2, got -1"),
        (lambda: csr(indices=(2, 0, 1)), ValueError, "source 0 has 2 before 0"),
        (lambda: csr((0, 1, 3), (2, 1, 1)), ValueError, "source 1 has 1 before 1"),
        (lambda: csr((0, 0, 3), (0, 2, 1)), ValueError, "source 1 has 2 before 1"),
        (lambda: csr(weights=(1, 2)), ValueError, "weights has K=2, but indices has K=3"),
        (lambda: csr(shape=(3, 3)), ValueError, "indptr has N=2, but shape has N=3"),
        (lambda: csr(shape=(2, 2)), ValueError, "0 to M - 1 = 1, got 2"),
        (lambda: csr(shape=(2,)), TypeError, "shape must be"),
        (lambda: csr(shape=(2.0, 3)), TypeError, "shape must be"),
        (lambda: csr(shape=(2, -3)), TypeError, "shape must be"),
        (lambda: csr(shape=3), TypeError, "shape must be"),
        (lambda: csr(shape=None), TypeError, "shape must be"),
        (lambda: csr(shape=(2, 2**31)), ValueError, "below 2"),
        (lambda: CSR([0, 1], [0], [1], (1, 1)), TypeError, "indptr must be an array int64"),
        (
            lambda: CSR(np.zeros(1, "i4"), np.zeros(0, "i4"), np.zeros(0, "f4"), (0, 0)),
            TypeError,
            "indptr must be int64",
        ),
        (lambda: CSR.from_dense(np.eye(3)), TypeError, "CSR.from_dense: weights must be float32"),
        (lambda: CSR.from_dense([[1.0]]), TypeError, "must be an array"),
        (lambda: CSR.from_scipy(np.eye(3)), TypeError, "SciPy sparse matrix, got ndarray"),
        (lambda: CSR.from_scipy(scipy.sparse.eye_array(3) * 1j), TypeError, "real numbers"),
        (lambda: CSR.from_scipy(scipy.sparse.coo_array([1.0])), ValueError, "must be .N, M."),
    ],
)
def test_bad_csr(call, error, text):
    with pytest.raises(error, match=text):
        call()


def test_good_csr_at_the_edges():
    """Empty rows first, between and last: the targets may begin again at every source."""
    matrix = csr((0, 0, 2, 2, 4, 4), (1, 2, 0, 2), (1, 2, 3, 4), (5, 3))
    expected = [[0, 0, 0], [0, 1, 2], [0, 0, 0], [3, 0, 4], [0, 0, 0]]
    np.testing.assert_array_equal(matrix.to_dense(), expected)


SPIKES = np.zeros((2, 3), np.uint8)
WEIGHTS = np.zeros((3, 4), np.float32)
GRAD = np.zeros((2, 4), np.float32)


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: cusnn.spike_matmul(SPIKES.astype("f4"), WEIGHTS), TypeError, "must be uint8"),
        (lambda: cusnn.spike_matmul(SPIKES, WEIGHTS.astype("f8")), TypeError, "must be float32"),
        (lambda: cusnn.spike_matmul(SPIKES, WEIGHTS[:2]), ValueError, "weights has N=2.*N=3"),
        (lambda: cusnn.spike_matmul(SPIKES, WEIGHTS.T), ValueError, "C-contiguous"),
        (lambda: cusnn.spike_matmul(SPIKES, [[1.0]]), TypeError, "must be an array float32"),
        (lambda: cusnn.spike_matmul([[1]], WEIGHTS), TypeError, "must be an array uint8"),
        (lambda: cusnn.spike_matmul(SPIKES, csr()), ValueError, "spike_matmul_csr: .*N=2.*N=3"),
        (
            lambda: cusnn.spike_matmul(SPIKES, scipy.sparse.eye_array(3).tocsr()),
            TypeError,
            "convert it with CSR.from_scipy",
        ),
        (lambda: cusnn.spike_matmul(SPIKES, WEIGHTS, out=GRAD[:1]), ValueError, "leading axes"),
        (
            lambda: cusnn.spike_matmul(SPIKES, WEIGHTS, out=np.zeros((2, 5), "f4")),
            ValueError,
            "product has M=5, but the call has M=4",
        ),
        (lambda: cusnn.spike_matmul(SPIKES, WEIGHTS, out=GRAD.astype("f8")), TypeError, "float32"),
        (lambda: cusnn.spike_matmul(SPIKES, WEIGHTS, backend="opencl"), ValueError, "must be one"),
        (
            lambda: cusnn.spike_matmul_backward(GRAD[:1], SPIKES, WEIGHTS),
            ValueError,
            r"grad_product has leading axes \[1\], the input has \[2\]",
        ),
        (
            lambda: cusnn.spike_matmul_backward(GRAD[:, :3].copy(), SPIKES, WEIGHTS),
            ValueError,
            "grad_product has M=3, but the call has M=4",
        ),
        (
            lambda: cusnn.spike_matmul_backward(None, SPIKES, WEIGHTS),
            TypeError,
            "grad_product must be an array",
        ),
        (
            lambda: cusnn.spike_matmul_backward(GRAD.astype("f8"), SPIKES, WEIGHTS),
            TypeError,
            "grad_product must be float32",
        ),
        (
            lambda: cusnn.spike_matmul_backward(GRAD, SPIKES, CSR.from_dense(WEIGHTS[:2])),
            ValueError,
            "spike_matmul_csr_backward: .*N=2.*N=3",
        ),
    ],
)
def test_bad_input(call, error, text):
    with pytest.raises(error, match=text):
        call()


def test_weights_of_scipy_beyond_float32():
    with pytest.raises(ValueError, match=r"weights must lie in float32's range, got -1e\+39"):
        CSR.from_scipy(scipy.sparse.csr_array(np.array([[0.0, 1.0], [-1e39, 2.0]])))
    kept = CSR.from_scipy(scipy.sparse.csr_array(np.array([[np.inf, 3e38]])))
    assert kept.weights.tolist() == [np.inf, np.float32(3e38)]


def test_no_memory_for_a_product():
    spikes = np.zeros((2**20, 1), np.uint8)
    weights = CSR(
        np.zeros(2, np.int64), np.zeros(0, np.int32), np.zeros(0, np.float32), (1, 2**31 - 1)
    )
    with pytest.raises(MemoryError, match=r"^spike_matmul_csr: no memory for product, float32"):
        cusnn.spike_matmul(spikes, weights)
