"""Connectors as laws: degrees, pairs, what is excluded; permutations against uniform ones."""

import numpy as np
import pytest
from by_hand import build, permuted_by_hand
from scipy import sparse, stats

from cusnn.backends.numpy_ref.network_permutation import permuted
from cusnn.backends.numpy_ref.normal import exponential
from cusnn.network import (
    AllToAll,
    FixedInDegree,
    FixedOutDegree,
    FixedProbability,
    FixedTotalNumber,
    FromList,
    LogNormal,
    Network,
    Normal,
    OneToOne,
    Population,
    Projection,
    Uniform,
    from_sparse,
)
from cusnn.network.binomial import binomial_thresholds
from cusnn.neurons import CubaLIF


def columns(net, tables):
    """Source, target, delay and integer weight of every word of a build with one tile."""
    offsets = tables.offsets[0].astype(np.int64)
    lengths = np.diff(offsets, axis=1)
    source = np.repeat(np.arange(net.size), lengths.sum(axis=1))
    delay = np.repeat(np.tile(np.arange(1, offsets.shape[1]), net.size), lengths.ravel())
    return source, tables.words & 0xFFFF, delay, tables.words.view(np.int32) >> 16


def pairs(rule, n_pre=30, n_post=None, seed=1):
    """How often each pair is joined, [n_pre, n_post]; into itself without ``n_post``."""
    populations = [Population(n_pre, CubaLIF(), "A")]
    populations += [] if n_post is None else [Population(n_post, CubaLIF(), "B")]
    post = "A" if n_post is None else "B"
    net = Network(populations, Projection("A", post, rule, 1.0, 1.0), seed=seed)
    _, tables = build(net, backend="numba")
    source, target, _, _ = columns(net, tables)
    size = n_pre if n_post is None else n_post
    code = source * size + (target - (0 if n_post is None else n_pre))
    return np.bincount(code, minlength=n_pre * size).reshape(n_pre, size)


def evenly(counts):
    return stats.chisquare(counts).pvalue > 1e-3


OFF_DIAGONAL = ~np.eye(30, dtype=bool)


def test_all_to_all_and_one_to_one():
    assert (pairs(AllToAll(), 3, 4) == 1).all()
    assert (pairs(AllToAll()) == 1).all()
    np.testing.assert_array_equal(pairs(AllToAll(autapses=False)), OFF_DIAGONAL)
    np.testing.assert_array_equal(pairs(OneToOne()), ~OFF_DIAGONAL)


@pytest.mark.parametrize("n_post", [None, 40], ids=["itself", "another"])
@pytest.mark.parametrize("autapses", [True, False])
@pytest.mark.parametrize("multapses", [True, False])
def test_degrees_and_what_is_excluded(autapses, multapses, n_post):
    """Degrees hold exactly; autapses only where both populations are one."""
    switches = {"autapses": autapses, "multapses": multapses}
    joined = {
        "in": pairs(FixedInDegree(12, **switches), n_post=n_post),
        "out": pairs(FixedOutDegree(12, **switches), n_post=n_post),
        "total": pairs(FixedTotalNumber(600, **switches), n_post=n_post),
        "probability": pairs(FixedProbability(0.5, autapses), n_post=n_post),
    }
    assert (joined["in"].sum(axis=0) == 12).all()
    assert (joined["out"].sum(axis=1) == 12).all()
    assert joined["total"].sum() == 600
    assert joined["probability"].max() == 1
    for name in ("in", "out", "total"):
        assert (joined[name].max() > 1) == multapses, name
    for name, counts in joined.items():
        there = counts[:, :30].diagonal().sum()
        assert (there > 0) == (autapses or n_post is not None), name


@pytest.mark.parametrize("autapses", [True, False])
def test_as_many_partners_as_there_are(autapses):
    """Where every partner is taken, each is taken once."""
    most = 30 if autapses else 29
    expected = OFF_DIAGONAL | autapses
    for rule in (
        FixedInDegree(most, autapses, False),
        FixedOutDegree(most, autapses, False),
        FixedTotalNumber(30 * most, autapses, False),
        FixedProbability(1.0, autapses),
    ):
        np.testing.assert_array_equal(pairs(rule), expected)


@pytest.mark.parametrize(
    "rule",
    [
        FixedInDegree(5, autapses=False, multapses=False),
        FixedInDegree(5, autapses=False),
        FixedOutDegree(5, autapses=False, multapses=False),
        FixedOutDegree(5, autapses=False),
        FixedTotalNumber(150, autapses=False, multapses=False),
        FixedTotalNumber(150, autapses=False),
        FixedProbability(5 / 29, autapses=False),
    ],
    ids=str,
)
def test_every_pair_is_as_likely(rule):
    """Over 60 seeds; fixed degrees only make the statistic smaller."""
    total = sum(pairs(rule, seed=seed) for seed in range(60))
    assert evenly(total[OFF_DIAGONAL])


def test_fixed_probability_is_binomial():
    """Degrees of sources and of targets, and that a pair says nothing about another."""
    joined = pairs(FixedProbability(0.1), 3000, 200)
    for degrees, n in ((joined.sum(axis=1), 200), (joined.sum(axis=0), 3000)):
        law = stats.binom(n, 0.1)
        edges = np.unique(law.ppf(np.linspace(0.05, 0.95, 8))).astype(int)
        probability = np.diff(np.concatenate([[0.0], law.cdf(edges), [1.0]]))
        seen = np.bincount(np.searchsorted(edges, degrees), minlength=edges.size + 1)
        assert stats.chisquare(seen, degrees.size * probability).pvalue > 1e-3
    correlation = np.corrcoef(joined.T)[np.triu_indices(200, 1)]
    assert stats.kstest(correlation * np.sqrt(3000), "norm").pvalue > 1e-3


@pytest.mark.parametrize(
    ("n", "p"), [(1, 0.5), (10, 0.3), (1000, 1e-6), (50_000, 0.1), (10**8, 0.4), (2**31 - 1, 0.9)]
)
def test_binomial_thresholds_are_the_distribution(n, p):
    least, table = binomial_thresholds(n, p)
    counts = least + np.arange(table.size)
    np.testing.assert_allclose(table / 2.0**32, stats.binom(n, p).cdf(counts), atol=4e-10)
    assert stats.binom(n, p).cdf(least - 1) < 1e-9
    assert stats.binom(n, p).sf(least + table.size) < 1e-9


def test_binomial_thresholds_of_certainty():
    for n, p, least in ((7, 0.0, 0), (7, 1.0, 7), (0, 0.3, 0)):
        found, table = binomial_thresholds(n, p)
        assert (found, table.size) == (least, 0)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 65, 1000, 4096, 5000])
def test_permutations_reach_every_number_once(size):
    image = permuted(1, 2, 3, np.arange(size), size)
    np.testing.assert_array_equal(np.sort(image), np.arange(size))


@pytest.mark.parametrize("size", [1, 3, 100, 77_169, 2**31 - 1, 2**31 + 5, 2**61 + 12_345])
def test_permutations_by_hand(size):
    from cusnn.backends.numba_cpu import network_permutation as numba

    element = np.unique(np.array([0, 1, size // 3, size // 2, size - 1], np.int64) % size)
    for row in (0, 5, 2**31 - 2):
        expected = [permuted_by_hand(9, 1 << 24 | 3, row, int(j), size) for j in element]
        assert permuted(9, 1 << 24 | 3, row, element, size).tolist() == expected
    scratch = [np.zeros(8, np.uint32), np.zeros(8, np.uint32), np.zeros(8, np.int32)]
    keys, image = np.zeros((8, numba.ROWS_AT_A_TIME), np.uint32), np.zeros(1, np.uint64)
    numba.row_keys(np.uint32(9), np.uint32(1 << 24 | 3), 2**31 - 2, np.uint64(0), keys)
    for j, value in zip(element, expected, strict=True):
        numba.permute_row(keys, 0, size, j, *scratch, image)
        assert int(image[0]) == value


@pytest.mark.parametrize("size", [2, 3, 5, 8, 16, 33, 64, 65, 200])
def test_permutations_are_uniform(size):
    """Images of the first elements over many rows: each, and all ordered pairs."""
    rows, n = 200_000, min(size, 3)
    image = [permuted(4, 5, np.arange(rows), np.full(rows, j), size) for j in range(n)]
    off_diagonal = ~np.eye(size, dtype=bool)
    for j in range(n):
        assert evenly(np.bincount(image[j], minlength=size))
        for i in range(j):
            both = np.bincount(image[i] * size + image[j], minlength=size * size)
            assert evenly(both.reshape(size, size)[off_diagonal])
            assert both.reshape(size, size)[~off_diagonal].sum() == 0


def test_subsets_of_a_permutation_are_uniform():
    """All 35 subsets of three among seven."""
    rows = 100_000
    chosen = sum(1 << permuted(1, 2, np.arange(rows), np.full(rows, j), 7) for j in range(3))
    counts = np.bincount(chosen)
    assert np.count_nonzero(counts) == 35
    assert evenly(counts[counts > 0])


def test_large_domains_have_no_collisions():
    image = permuted(1, 2, 0, np.arange(300_000), 2**62 - 57)
    assert np.unique(image).size == 300_000
    assert stats.kstest(image / 2.0**62, "uniform").pvalue > 1e-3


def test_exponential():
    x = np.concatenate([np.linspace(-700, 700, 10_001), np.linspace(-1, 1, 10_001)])
    np.testing.assert_allclose(exponential(x), np.exp(x), rtol=3e-16)
    ends = exponential(np.array([-800.0, -700.0, 0.0, 700.0, 1e300]))
    assert ends[0] == ends[1]
    assert ends[2] == 1.0
    assert ends[3] == ends[4]


def test_exponential_bits_on_numba():
    from cusnn.backends.numba_cpu import network_normal

    x = np.concatenate([np.linspace(-800, 800, 9973), np.linspace(-2, 2, 9973)])
    values = x.copy()
    network_normal.exponential(values)
    np.testing.assert_array_equal(values, exponential(x))


def test_log_normal_weights():
    net = Network(
        Population(100, CubaLIF(), "A"),
        (
            Projection("A", "A", FixedTotalNumber(30_000), LogNormal(2.0, 0.5), 0.1),
            Projection("A", "A", FixedTotalNumber(30_000), LogNormal(1, 0.5, 2, 4, True), 0.2),
        ),
    )
    planned, tables = build(net, backend="numba")
    _, _, delay, weight = columns(net, tables)
    value = weight / planned.scales[0][0]
    assert stats.kstest(value[delay == 1], stats.lognorm(0.5, scale=np.exp(2.0)).cdf).pvalue > 1e-3
    low, high = ((np.log(b) - 1.0) / 0.5 for b in (2.0, 4.0))
    law = stats.truncnorm(low, high, 1.0, 0.5)
    assert stats.kstest(np.log(-value[delay == 2]), law.cdf).pvalue > 1e-3


def test_from_sparse():
    """Doubles are summed, stored zeros stay, the order is that of rows."""
    matrix = sparse.coo_matrix(
        ([1.0, 2.0, 0.0, 4.0, -3.0], ([2, 0, 1, 0, 2], [0, 3, 1, 3, 2])), shape=(3, 4)
    )
    rule = from_sparse(matrix)
    assert rule.sources.tolist() == [0, 1, 2, 2]
    assert rule.targets.tolist() == [3, 1, 0, 2]
    assert rule.weights.tolist() == [6.0, 0.0, 1.0, -3.0]
    assert rule.shape == (3, 4)
    assert rule.delays is None
    assert matrix.nnz == 5, "the caller's matrix stays"
    for kind in ("csr", "csc", "coo"):
        assert from_sparse(sparse.csr_array(matrix.tocsr()).asformat(kind)) == rule
    delays = matrix.tocsr()
    delays.data[:] = [1.5, 2.5, 3.5, 4.5]
    assert from_sparse(matrix, delays).delays.tolist() == [1.5, 2.5, 3.5, 4.5]
    assert isinstance(rule, FromList)


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: from_sparse(np.eye(3)), TypeError, "matrix must be a SciPy sparse matrix"),
        (
            lambda: from_sparse(sparse.csr_array(np.eye(3)), sparse.csr_array(np.ones((3, 3)))),
            ValueError,
            "delays must have entries at the places of the weights",
        ),
        (lambda: FixedProbability(1.5), ValueError, "p must lie in 0 to 1, got 1.5"),
        (lambda: FixedProbability("x"), TypeError, "p must be a number"),
        (lambda: FixedInDegree(3, autapses=1), TypeError, "autapses must be True or False, got 1"),
        (lambda: FixedOutDegree(-1), ValueError, "k must be at least 0"),
        (
            lambda: pairs(FixedInDegree(31, multapses=False)),
            ValueError,
            "FixedInDegree: 31 distinct sources are asked for, there are 30; allow multapses",
        ),
        (
            lambda: pairs(FixedInDegree(30, autapses=False, multapses=False)),
            ValueError,
            "'A' -> 'A': FixedInDegree: 30 distinct sources are asked for, there are 29",
        ),
        (
            lambda: pairs(FixedOutDegree(5, multapses=False), 30, 4),
            ValueError,
            "FixedOutDegree: 5 distinct targets are asked for, there are 4",
        ),
        (
            lambda: pairs(FixedTotalNumber(121, multapses=False), 30, 4),
            ValueError,
            "FixedTotalNumber: 121 distinct pairs are asked for, there are 120",
        ),
        (
            lambda: pairs(FixedInDegree(1, autapses=False), 1),
            ValueError,
            "without autapses a population of one neuron has no sources",
        ),
        (
            lambda: pairs(FromList([0], [0], shape=(5, 30))),
            ValueError,
            "the list is of populations of 5 and 30, got 30 and 30",
        ),
        (lambda: FromList([0], [0], shape=3), ValueError, "shape must be a pair of sizes, got 3"),
    ],
)
def test_impossible_requests(make, error, text):
    with pytest.raises(error, match=text):
        make()


def statistics_network():
    return Network(
        (Population(200, CubaLIF(), "A"), Population(150, CubaLIF(), "B")),
        (
            Projection(
                "A",
                "B",
                FixedTotalNumber(120_000),
                Normal(88.0, 8.8, low=0.0),
                Normal(1.5, 0.75, low=0.05),
            ),
            Projection("B", "A", FixedInDegree(500), Uniform(-10.0, 30.0), Uniform(0.55, 4.0)),
        ),
        seed=3,
    )


def test_statistics_of_connectors():
    net = statistics_network()
    planned, tables = build(net, backend="numba")
    source, target, delay, weight = columns(net, tables)
    first = source < 200
    assert first.sum() == 120_000
    assert ((target >= 200) == first).all()
    np.testing.assert_array_equal(np.bincount(target[~first]), np.full(200, 500))
    for ends, size in (
        (source[first], 200),
        (target[first] - 200, 150),
        (source[~first] - 200, 150),
    ):
        assert stats.chisquare(np.bincount(ends, minlength=size)).pvalue > 1e-3
    pairs = np.bincount(source[first] * 150 + target[first] - 200, minlength=30_000)
    assert (
        stats.chisquare(
            np.bincount(np.minimum(pairs, 8)),
            30_000 * np.append(stats.poisson(4).pmf(range(8)), stats.poisson(4).sf(7)),
        ).pvalue
        > 1e-3
    )
    scale = planned.scales[1][0]
    normal = stats.truncnorm(-10, np.inf, 88.0, 8.8)
    assert stats.kstest(weight[first] / scale, normal.cdf).pvalue > 1e-3
    uniform = stats.uniform(-10.0, 40.0)
    assert stats.kstest(weight[~first] / planned.scales[0][0], uniform.cdf).pvalue > 1e-3
    edges = (np.arange(1, delay.max() + 2) - 0.5) * 0.1
    for mine, law in (
        (first, stats.truncnorm((0.05 - 1.5) / 0.75, np.inf, 1.5, 0.75)),
        (~first, stats.uniform(0.55, 3.45)),
    ):
        probability = np.diff(law.cdf(np.append(edges[:-1], 1e9)))
        expected = mine.sum() * probability
        often = expected > 5
        seen = np.bincount(delay[mine], minlength=edges.size)[1:]
        rest = expected[~often].sum()
        assert (
            stats.chisquare(
                np.append(seen[often], seen[~often].sum())[: often.sum() + (rest > 0)],
                np.append(expected[often], rest)[: often.sum() + (rest > 0)],
            ).pvalue
            > 1e-3
        )
    correlation = np.corrcoef([source[first], target[first], delay[first], weight[first]])
    assert np.abs(correlation[np.triu_indices(4, 1)]).max() < 4 / np.sqrt(120_000)
