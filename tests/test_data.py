"""Batches of datasets, values as spikes, the thread that makes batches ahead, MNIST's files."""

from __future__ import annotations

import gc
import gzip
import signal
import struct
import sys
import threading
import time

import numpy as np
import pytest

from cusnn import data
from cusnn.data.batches import permutation


class Numbers(data.Dataset):
    """A dataset whose spikes are the numbers of its samples."""

    classes = ("even", "odd")
    features, steps = 1, 1

    def __init__(self, n: int, make=None):
        self.indices = np.arange(n)
        self._labels = self.indices % 2
        self.made = []
        self._extra = make

    def _make(self, indices, epoch):
        self.made.append(indices)
        if self._extra:
            self._extra(indices)
        return data.Batch(np.uint8(indices)[None, :, None], self._labels[indices], indices)


def threads():
    return [t for t in threading.enumerate() if t.name == "cusnn batches"]


def same(one: data.Batch, other: data.Batch) -> bool:
    return (
        np.array_equal(one.spikes, other.spikes)
        and np.array_equal(one.labels, other.labels)
        and np.array_equal(one.indices, other.indices)
    )


@pytest.fixture
def values():
    random = np.random.default_rng(5)
    return data.Values(random.random((23, 3, 7), np.float32), np.arange(23) % 4, steps=9, seed=11)


# --- order ---------------------------------------------------------------------------------------


def test_every_sample_is_in_one_batch():
    batches = list(Numbers(10).batches(4))
    assert [b.indices.tolist() for b in batches] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert [len(b) for b in batches] == [4, 4, 2]
    assert batches[2].labels.tolist() == [0, 1]
    assert batches[1].spikes[0, :, 0].tolist() == [4, 5, 6, 7]
    assert len(Numbers(10).batches(4)) == 3
    assert [b.indices.tolist() for b in Numbers(10).batches(4, drop_last=True)] == [
        [0, 1, 2, 3],
        [4, 5, 6, 7],
    ]


def test_order_follows_from_seed_and_epoch():
    def order(seed, epoch):
        return np.concatenate([b.indices for b in Numbers(50).batches(7, seed=seed, epoch=epoch)])

    assert np.array_equal(order(3, 1), order(3, 1))
    assert sorted(order(3, 1)) == list(range(50))
    for other in ((3, 2), (4, 1)):
        assert not np.array_equal(order(3, 1), order(*other))
    # The order is part of what a seed means: it may not change between versions or machines.
    assert order(3, 1)[:6].tolist() == [31, 30, 38, 37, 43, 17]


def test_every_place_is_as_likely():
    places = np.array([permutation(8, seed, 0, 1) for seed in range(4000)])
    counts = np.array([np.bincount(column, minlength=8) for column in places.T])
    chi2 = ((counts - 500) ** 2 / 500).sum()
    assert 20 < chi2 < 90  # 49 degrees of freedom, standard deviation 9.9


def test_an_interrupted_epoch_goes_on(values):
    whole = list(values.batches(4, seed=2, epoch=3))
    first = values.batches(4, seed=2, epoch=3)
    taken = [next(first), next(first)]
    position = first.position
    first.close()
    rest = list(values.batches(4, seed=2, epoch=3, start=position))
    assert len(whole) == len(taken + rest) == 6
    assert all(same(a, b) for a, b in zip(whole, taken + rest, strict=True))
    assert list(values.batches(4, start=6)) == []
    resumed = Numbers(10)
    next(resumed.batches(4, start=2, prefetch=0))
    assert [m.tolist() for m in resumed.made] == [[8, 9]], "what is left out is not made"


def test_split_takes_of_each_class_its_share():
    numbers = data.Values(
        np.zeros((103, 1), np.float32), np.repeat([0, 1, 2], [50, 33, 20]), steps=1
    )
    train, test = numbers.split(0.3, seed=4)
    assert len(test) == 31
    assert len(train) == 72
    assert sorted([*train.indices, *test.indices]) == list(range(103))
    assert np.all(np.diff(test.indices) > 0)
    assert np.all(np.diff(train.indices) > 0)
    for label, total in enumerate((50, 33, 20)):
        assert abs(np.count_nonzero(test.labels == label) - 0.3 * total) <= 1
    again, other = numbers.split(0.3, seed=4)[1], numbers.split(0.3, seed=5)[1]
    assert np.array_equal(test.indices, again.indices)
    assert not np.array_equal(test.indices, other.indices)
    assert test.classes == numbers.classes
    assert test.features == 1


def test_a_part_keeps_numbers_and_spikes(values):
    part = values.part([20, 3])
    batch = next(part.batches(2, epoch=1))
    assert batch.indices.tolist() == [20, 3]
    assert batch.labels.tolist() == [0, 3]
    whole = next(values.batches(23, epoch=1))
    assert np.array_equal(batch.spikes, whole.spikes[:, [20, 3]])
    assert next(part.part([1]).batches(1)).indices.tolist() == [3]


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"batch_size": 0}, ValueError, "batches: batch_size must be 1 or more, got 0"),
        ({"batch_size": 2.0}, TypeError, "batches: batch_size must be an integer, got float"),
        ({"epoch": -1}, ValueError, "batches: epoch must be 0 to 4294967295, got -1"),
        ({"seed": 2**32}, ValueError, "batches: seed must be 0 to 4294967295"),
        ({"seed": True}, TypeError, "batches: seed must be an integer, got bool"),
        ({"prefetch": -1}, ValueError, "batches: prefetch must be 0 or more"),
        ({"start": 4}, ValueError, "batches: start must be 0 to 3, got 4"),
        (
            {"batch_size": 11, "drop_last": True},
            ValueError,
            "no full batch of 11 in 10 samples; lower batch_size",
        ),
    ],
)
def test_batches_refuses(options, error, text):
    with pytest.raises(error, match=text):
        Numbers(10).batches(**{"batch_size": 4, **options})
    assert not threads()


def test_split_and_part_refuse():
    numbers = Numbers(10)
    for fraction in (0, 1, float("nan"), -0.5):
        with pytest.raises(ValueError, match="split: fraction must be above 0 and below 1"):
            numbers.split(fraction)
    with pytest.raises(TypeError, match="split: fraction must be a number, got str"):
        numbers.split("half")
    with pytest.raises(ValueError, match="leaves a part without samples"):
        numbers.split(0.01)
    with pytest.raises(ValueError, match="part: positions must be 0 to 9, got 3 to 10"):
        numbers.part([3, 10])
    with pytest.raises(ValueError, match="part: positions must be 0 to 9, got -1 to -1"):
        numbers.part([-1])
    with pytest.raises(ValueError, match=r"part: positions must be a list \[n\], got \[0\]"):
        numbers.part([])
    with pytest.raises(TypeError, match="part: positions must be integers, got float64"):
        numbers.part([1.5])


# --- the thread ----------------------------------------------------------------------------------


@pytest.mark.parametrize("prefetch", [1, 2, 9])
def test_batches_made_ahead_are_those_made_in_place(values, prefetch):
    ahead = list(values.batches(5, seed=1, epoch=2, prefetch=prefetch))
    in_place = list(values.batches(5, seed=1, epoch=2, prefetch=0))
    assert len(ahead) == 5
    assert all(same(a, b) for a, b in zip(ahead, in_place, strict=True))
    assert not threads()


def test_no_more_is_made_than_asked():
    numbers = Numbers(100)
    batches = numbers.batches(5, prefetch=2)
    next(batches)
    time.sleep(0.1)
    assert len(numbers.made) <= 4, "one taken, two ready, one that waits for room"
    assert len(threads()) == 1
    batches.close()
    assert not threads()
    assert list(batches) == []
    batches.close()


def test_no_thread_without_prefetch():
    batches = Numbers(100).batches(5, prefetch=0)
    next(batches)
    assert not threads()
    batches.close()
    assert list(batches) == []


def test_a_forgotten_iterator_ends_its_thread():
    batches = Numbers(100).batches(5)
    next(batches)
    assert len(threads()) == 1
    del batches
    gc.collect()
    assert not threads()


def test_with_closes():
    with Numbers(100).batches(5) as batches:
        next(batches)
    assert not threads()


def test_an_error_arrives_in_place_of_its_batch():
    def refuse(indices):
        if 11 in indices:
            raise ValueError("sample 11 is bad")

    numbers = Numbers(100, refuse)
    batches = numbers.batches(5)
    assert next(batches).indices.tolist() == [0, 1, 2, 3, 4]
    assert next(batches).indices.tolist() == [5, 6, 7, 8, 9]
    with pytest.raises(ValueError, match="sample 11 is bad"):
        next(batches)
    assert not threads()
    assert list(batches) == []
    assert len(numbers.made) == 3


def test_ctrl_c_ends_a_wait_and_its_thread():
    main = threading.main_thread().ident
    waits = threading.Event()

    def press(indices):
        waits.wait(10)
        time.sleep(0.1)
        signal.pthread_kill(main, signal.SIGINT)
        time.sleep(0.1)

    numbers = Numbers(10, press)
    batches = numbers.batches(5)
    # A shell's background job ignores the signal, and so would this process.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):  # noqa: PT012, the wait is to be the next thing
            waits.set()
            next(batches)
    finally:
        signal.signal(signal.SIGINT, before)
    assert not threads()
    assert list(batches) == []
    assert len(numbers.made) == 1


# --- values --------------------------------------------------------------------------------------


def test_rate_is_what_it_says(values):
    batch = next(values.batches(23, epoch=7))
    assert batch.spikes.shape == (9, 23, 21)
    assert batch.spikes.dtype == np.uint8
    assert batch.spikes.flags.c_contiguous
    for index in (0, 22):
        philox = np.random.Philox(key=[11, 7], counter=[0, index, 0, 3])
        words = philox.random_raw(200)
        for t, j in ((0, 0), (0, 1), (4, 20), (8, 20)):
            place = t * 21 + j
            word = int(words[place // 2]) >> (32 * (place % 2)) & 0xFFFFFFFF
            level = int(float(batch.values[index, j]) * 2**31)
            assert batch.spikes[t, index, j] == (word >> 1 < level)


def test_spikes_follow_from_seed_epoch_and_index(values):
    whole = next(values.batches(23, epoch=4)).spikes
    for batch in values.batches(6, seed=9, epoch=4):
        assert np.array_equal(batch.spikes, whole[:, batch.indices])
    assert not np.array_equal(next(values.batches(23, epoch=5)).spikes, whole)
    random = np.random.default_rng(5)
    again = random.random((23, 3, 7), np.float32)
    longer = data.Values(again, values.labels, steps=20, seed=11)
    assert np.array_equal(next(longer.batches(23, epoch=4)).spikes[:9], whole)
    other = data.Values(again, values.labels, steps=9, seed=12)
    assert not np.array_equal(next(other.batches(23, epoch=4)).spikes, whole)


def test_rate_has_the_mean_and_variance_of_a_coin():
    steps, n = 400, 500
    levels = np.linspace(0, 1, 5, dtype=np.float32)
    for peak in (1.0, 0.3):
        coins = data.Values(np.tile(levels, (n, 1)), np.zeros(n, int), steps=steps, peak=peak)
        counts = next(coins.batches(n)).spikes.sum(0, dtype=np.int64)
        p = levels.astype(float) * peak
        assert np.all(counts[:, 0] == 0)
        if peak == 1:
            assert np.all(counts[:, 4] == steps)
        error = np.sqrt(p * (1 - p) * steps / n)
        assert np.all(np.abs(counts.mean(0) - p * steps) <= 5 * error)
        spread = counts[:, 1:4].var(0) / (p * (1 - p) * steps)[1:4]
        assert np.all((spread > 0.7) & (spread < 1.35))


def test_samples_do_not_share_random_numbers():
    half = data.Values(np.full((40, 64), 0.5, np.float32), np.zeros(40, int), steps=50)
    spikes = next(half.batches(40)).spikes.transpose(1, 0, 2).reshape(40, -1).astype(float)
    correlation = np.corrcoef(spikes)[np.triu_indices(40, 1)]
    assert np.abs(correlation).max() < 5 / np.sqrt(3200)


def test_latency_and_direct():
    levels = np.array([[0, 0.25, 0.5, 1.0]], np.float32)
    late = data.Values(levels, [0], steps=9, encoding="latency")
    spikes = next(late.batches(1)).spikes[:, 0]
    assert spikes.sum(0).tolist() == [0, 1, 1, 1], "a value of 0 never fires"
    assert spikes[:, 1:].argmax(0).tolist() == [6, 4, 0]
    direct = data.Values(levels, [0], encoding="direct")
    batch = next(direct.batches(1))
    assert batch.spikes is None
    assert batch.values.tolist() == levels.tolist()
    for use in ("packed", "lists"):
        with pytest.raises(ValueError, match="the encoding is direct, which has no spikes"):
            getattr(batch, use)


def test_bytes_are_multiples_of_a_255th():
    images = np.arange(256, dtype=np.uint8).reshape(64, 2, 2)
    held = data.Values(images, np.zeros(64, int), encoding="direct")
    batch = next(held.batches(64))
    assert batch.values.dtype == np.float32
    assert np.array_equal(batch.values.ravel(), np.arange(256, dtype=np.float32) / np.float32(255))
    assert held.shape == (2, 2)
    assert held.features == 4


def test_packed_and_lists_say_the_same(values):
    batch = next(values.batches(23))
    bits = np.unpackbits(batch.packed.view(np.uint8), axis=-1, bitorder="little")
    assert batch.packed.shape == (9, 23, 1)
    assert batch.packed.dtype == np.uint32
    assert np.array_equal(bits[..., :21], batch.spikes)
    lists = batch.lists
    for t, b in ((0, 0), (3, 22), (8, 22)):
        row = t * 23 + b
        found = lists.indices[lists.indptr[row] : lists.indptr[row + 1]]
        assert found.tolist() == np.flatnonzero(batch.spikes[t, b]).tolist()
    assert lists.indptr[0] == 0
    assert lists.indptr[-1] == lists.indices.size == batch.spikes.sum()
    only_bits = data.Batch(None, batch.labels, batch.indices, packed=batch.packed, features=21)
    assert np.array_equal(only_bits.spikes, batch.spikes)


GOOD = {"values": np.zeros((3, 2), np.float32), "labels": [0, 1, 2]}


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        ({"values": np.full((3, 2), 1.5)}, ValueError, "of 0 to 1, got 1.5 in sample 0, input 0"),
        (
            {"values": np.array([[0, 0], [0, np.nan], [0, 0]])},
            ValueError,
            "of 0 to 1, got nan in sample 1, input 1",
        ),
        ({"values": np.zeros((3, 2), int)}, TypeError, "floats of 0 to 1 or uint8, got int64"),
        ({"values": np.zeros((0, 2))}, ValueError, r"not empty, got \[0, 2\]"),
        ({"labels": [0, 1]}, ValueError, "one label per sample, got 2 labels and 3 samples"),
        ({"labels": [0, -1, 2]}, ValueError, "labels must be 0 to 2, got -1 for sample 1"),
        ({"labels": [0, 2, 0], "classes": ("a", "b")}, ValueError, "0 to 1, got 2 for sample 1"),
        ({"labels": [0, float("nan"), 1]}, ValueError, "labels must be integers below 65536"),
        ({"labels": ["a", "b", "a"]}, ValueError, "of dtype <U1; pass classes"),
        ({"labels": [0, 1, 10**9]}, ValueError, "below 65536, got 1000000000 of dtype int64"),
        ({"labels": [0.5, 1, 1]}, ValueError, "labels must be integers, got float64"),
        ({"steps": 0}, ValueError, "Values: steps must be 1 or more, got 0"),
        ({"encoding": "burst"}, ValueError, "encoding must be of rate, latency, direct"),
        ({"peak": 0.0}, ValueError, "peak must be above 0 and at most 1"),
        ({"peak": "1"}, TypeError, "peak must be a number, got str"),
        ({"seed": -1}, ValueError, "seed must be 0 to 4294967295"),
    ],
)
def test_values_refuses(change, error, text):
    with pytest.raises(error, match=text):
        data.Values(**{**GOOD, **change})


def test_digits():
    digits = data.digits(steps=5, encoding="direct")
    assert (len(digits), digits.features, digits.steps, digits.shape) == (1797, 64, 5, (8, 8))
    assert digits.classes == tuple("0123456789")
    batch = next(digits.batches(3))
    assert batch.labels.tolist() == [0, 1, 2]
    assert batch.values[0, 2:5].tolist() == [5 / 16, 13 / 16, 9 / 16]


def test_digits_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(ImportError, match=r"digits: needs scikit-learn.*'cusnn\[train\]'"):
        data.digits()


# --- MNIST's files -------------------------------------------------------------------------------


def idx(array) -> bytes:
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()


@pytest.mark.parametrize(("mark", "end"), [("-", ""), ("-", ".gz"), (".", "")])
def test_mnist(tmp_path, mark, end):
    random = np.random.default_rng(0)
    write = gzip.compress if end else bytes
    images = {
        p: random.integers(0, 256, (n, 28, 28), np.uint8) for p, n in (("train", 6), ("t10k", 4))
    }
    for part, pixels in images.items():
        labels = np.arange(len(pixels), dtype=np.uint8)
        (tmp_path / f"{part}-images{mark}idx3-ubyte{end}").write_bytes(write(idx(pixels)))
        (tmp_path / f"{part}-labels{mark}idx1-ubyte{end}").write_bytes(write(idx(labels)))
    train, test = data.mnist(tmp_path), data.mnist(tmp_path, "test", encoding="direct")
    assert (len(train), len(test), train.features, train.shape) == (6, 4, 784, (28, 28))
    assert test.classes == tuple("0123456789")
    batch = next(test.batches(4))
    assert np.array_equal(np.rint(batch.values * 255).reshape(4, 28, 28), images["t10k"])
    assert batch.labels.tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"PNG", "is no IDX file"),
        (b"", "is no IDX file"),
        (struct.pack(">BBBBI", 0, 0, 13, 1, 2) + bytes(8), r"must have uint8 elements \(8\), got"),
        (struct.pack(">BBBBI", 0, 0, 8, 3, 2), "ends within its header"),
        (struct.pack(">BBBBI", 0, 0, 8, 1, 5) + bytes(4), r"must have 5 elements \(\[5\]\), got 4"),
        (struct.pack(">BBBBI", 0, 0, 8, 1, 5) + bytes(6), "must have 5 elements"),
        (gzip.compress(bytes(1000))[:-9], "is damaged"),
    ],
)
def test_read_idx_refuses(tmp_path, content, text):
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(ValueError, match=text):
        data.read_idx(tmp_path / "file")


def test_mnist_refuses(tmp_path):
    with pytest.raises(FileNotFoundError, match="mnist: there is no folder"):
        data.mnist(tmp_path / "none")
    with pytest.raises(FileNotFoundError, match="mnist: no train-images-idx3-ubyte or"):
        data.mnist(tmp_path)
    with pytest.raises(ValueError, match="mnist: part must be train or test, got 'valid'"):
        data.mnist(tmp_path, "valid")
    (tmp_path / "train-images-idx3-ubyte").write_bytes(idx(np.zeros((3, 2, 2), np.uint8)))
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx(np.zeros(4, np.uint8)))
    with pytest.raises(ValueError, match=r"got \[3, 2, 2\] and \[4\]; are the files of one set"):
        data.mnist(tmp_path)
