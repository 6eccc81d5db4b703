"""Readers of event data, on small files made byte by byte in the published formats, and bins."""

from __future__ import annotations

import struct
import sys
import types

import h5py
import numpy as np
import pytest

from cusnn import data
from cusnn.data.binning import downsampled

CAMERA = np.dtype([("x", np.int16), ("y", np.int16), ("t", np.int64), ("p", bool)])


def camera(n: int, shape, seed: int = 0, last: int = 300_000):
    """A structured array of n events within ``last`` microseconds."""
    random = np.random.default_rng(seed)
    events = np.empty(n, CAMERA)
    events["p"] = random.integers(0, shape[0], n)
    events["y"] = random.integers(0, shape[1], n)
    events["x"] = random.integers(0, shape[2], n)
    events["t"] = np.sort(random.integers(0, last, n))
    return events


def units(events, shape):
    return (events["p"].astype(int) * shape[1] + events["y"]) * shape[2] + events["x"]


def recordings(times, units, shape=(10,)):
    """One recording of events given in ms."""
    array = np.zeros(len(times), [("t", np.float64), ("x", np.asarray(units).dtype)])
    array["t"], array["x"] = np.asarray(times) * 1000, units
    return data.event_arrays([array], [0], shape)


# --- bins ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"start": 30.0}, {"align": True}, {"most": 2}])
@pytest.mark.parametrize("merge", [False, True])
def test_bins_against_a_loop(options, merge):
    shape, dt, steps = (2, 6, 7), 7.5, 20
    arrays = [camera(n, shape, seed) for seed, n in enumerate((5000, 1, 900))]
    binned = data.event_arrays(arrays, [0, 1, 0], shape).binned(
        dt, steps, downsample=4, merge_polarities=merge, **options
    )
    new = (1 if merge else 2, 2, 2)
    assert (binned.shape, binned.features, binned.steps) == (new, np.prod(new), steps)
    expected = np.zeros((steps, 3, *new), int)
    for b, array in enumerate(arrays):
        begin = options.get("start", 0.0) * 1000
        if options.get("align"):
            begin += array["t"].min()
        for event in array:
            step = int((event["t"] - begin) // (dt * 1000))
            if event["t"] >= begin and step < steps:
                p = 0 if merge else int(event["p"])
                expected[step, b, p, event["y"] // 4, event["x"] // 4] += 1
    expected = np.minimum(expected, options.get("most", 1)).reshape(steps, 3, -1)
    batch = next(binned.batches(3))
    assert batch.spikes.dtype == np.uint8
    assert np.array_equal(batch.spikes, expected)
    assert batch.labels.tolist() == [0, 1, 0]
    assert expected.max() == options.get("most", 1)


def test_times_on_edges_of_bins():
    # Of these, 0.3 / 0.1, 0.6 / 0.1 and 0.7 / 0.1 are below the whole number in binary.
    times = np.arange(10) * 100 / 1000
    binned = recordings(times, np.arange(10)).binned(0.1, 10)
    assert np.array_equal(next(binned.batches(1)).spikes[:, 0], np.eye(10))
    below = recordings(np.array([0.0999, 0.1999]), np.array([0, 1])).binned(0.1, 3)
    assert next(below.batches(1)).spikes[:, 0, :2].tolist() == [[1, 0], [0, 1], [0, 0]]


def test_order_of_events_does_not_matter():
    shape = (2, 4, 4)
    ordered = camera(200, shape)
    mixed = np.random.default_rng(1).permutation(ordered)
    one, other = (
        next(data.event_arrays([a], [0], shape).binned(10, 30, most=255).batches(1)).spikes
        for a in (ordered, mixed)
    )
    assert np.array_equal(one, other)


def test_downsampling():
    shape, inputs = downsampled((7,), 3, False)
    assert shape == (3,)
    assert inputs.tolist() == [0, 0, 0, 1, 1, 1, 2]
    shape, inputs = downsampled((2, 3, 4), 2, False)
    assert shape == (2, 2, 2)
    assert inputs.tolist()[:12] == [0, 0, 1, 1, 0, 0, 1, 1, 2, 2, 3, 3]
    assert inputs.tolist()[12:] == [4, 4, 5, 5, 4, 4, 5, 5, 6, 6, 7, 7]
    assert downsampled((700,), 5, False)[0] == (140,)
    assert downsampled((2, 128, 128), 4, True)[0] == (1, 32, 32)


def test_packed_is_the_dense_batch_in_bits():
    shape = (2, 5, 7)  # 70 inputs, three words
    arrays = [camera(400, shape, seed) for seed in range(5)]
    source = data.event_arrays(arrays, [0, 1, 0, 1, 0], shape)
    dense = list(source.binned(10, 30).batches(2, seed=1))
    packed = list(source.binned(10, 30, packed=True).batches(2, seed=1))
    for one, other in zip(dense, packed, strict=True):
        assert other.packed.shape == (30, len(one), 3)
        assert np.array_equal(one.packed, other.packed)
        assert np.array_equal(one.spikes, other.spikes)
        assert np.array_equal(one.lists.indices, other.lists.indices)


def test_counts_stop_at_the_highest():
    times, inputs = np.zeros(70_000), np.full(70_000, 3)
    for most in (1, 2, 255):
        batch = next(recordings(times, inputs).binned(1, 1, most=most).batches(1))
        assert batch.spikes[0, 0].tolist() == [0, 0, 0, most, 0, 0, 0, 0, 0, 0]


def test_recordings_are_read_when_a_batch_needs_them():
    class Counted(list):
        reads = 0

        def __getitem__(self, index):
            Counted.reads += 1
            return super().__getitem__(index)

    arrays = Counted(camera(50, (2, 4, 4), seed) for seed in range(40))
    binned = data.event_arrays(arrays, np.zeros(40, int), (2, 4, 4)).binned(10, 30)
    assert Counted.reads == 1
    with binned.batches(4, prefetch=0) as batches:
        next(batches)
        next(batches)
    assert Counted.reads == 9


def test_check_in_memory_and_save(tmp_path):
    shape = (2, 4, 4)
    arrays = [camera(n, shape, n) for n in (50, 20, 30)]
    source = data.event_arrays(arrays, [0, 1, 1], shape, classes=("a", "b"))
    seen = []
    summary = source.check(lambda *done: seen.append(done))
    assert seen == [(1, 3), (2, 3), (3, 3)]
    first, last = min(a["t"][0] for a in arrays), max(a["t"][-1] for a in arrays)
    assert summary == (3, 100, first / 1000, last / 1000, 50)
    data.save_npz(tmp_path / "all.npz", source)
    for other in (source.in_memory(), data.npz(tmp_path / "all.npz")):
        assert other.classes == ("a", "b")
        assert other.shape == shape
        assert other.labels.tolist() == [0, 1, 1]
        for index in range(3):
            assert np.array_equal(other.events(index).times, source.events(index).times)
            assert np.array_equal(other.events(index).units, source.events(index).units)


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"steps": 0}, ValueError, "binned: steps must be 1 or more, got 0"),
        ({"steps": 1.5}, TypeError, "binned: steps must be an integer, got float"),
        ({"dt": 0}, ValueError, "binned: dt must be above 0 ms, got 0"),
        ({"dt": float("nan")}, ValueError, "binned: dt must be above 0 ms, got nan"),
        ({"dt": "1"}, TypeError, "binned: dt must be a number, got str"),
        ({"start": -1.0}, ValueError, "binned: start must be 0 ms or more"),
        ({"downsample": 0}, ValueError, "binned: downsample must be 1 or more"),
        ({"most": 256}, ValueError, "binned: most must be 1 to 255, got 256"),
        ({"most": 2, "packed": True}, ValueError, "packed spikes are bits; most must be 1"),
        ({"merge_polarities": True}, ValueError, r"is for cameras.*these inputs are \(10,\)"),
        (
            {"start": 50.0},
            ValueError,
            "no event of the first recording is between 50 and 80 ms, its events are from 3 to 20",
        ),
    ],
)
def test_binned_refuses(options, error, text):
    with pytest.raises(error, match=text):
        recordings([3.0, 20.0], [0, 1]).binned(**{"dt": 10.0, "steps": 3, **options})


@pytest.mark.parametrize(
    ("times", "inputs", "text"),
    [
        ([1.0, -2.0], [0, 1], "recording 0: times must be 0 or more and finite, got -2.0 ms"),
        ([1.0, np.nan], [0, 1], "times must be 0 or more and finite, got nan ms"),
        ([1.0, np.inf], [0, 1], "times must be 0 or more and finite, got inf ms"),
        ([1.0, 2.0], [0, 10], "units must be 0 to 9, got 10"),
        ([1.0, 2.0], [-1, 1], "units must be 0 to 9, got -1"),
        ([1.0, 2.0], [0.0, 1.0], "units must be integers, got float64"),
        ([], np.empty(0, int), "recording 0: has no events; leave it out"),
    ],
)
def test_events_refuse(times, inputs, text):
    with pytest.raises(ValueError, match=text):
        recordings(times, inputs).events(0)
    with pytest.raises(ValueError, match=text):
        recordings(times, inputs).binned(10, 3)


def test_a_part_of_recordings():
    shape = (2, 4, 4)
    arrays = [camera(n, shape, n) for n in (5, 0, 7, 9)]
    source = data.event_arrays(arrays, [0, 1, 2, 3], shape)
    part = source.part([3, 0, 1])
    assert part.labels.tolist() == [3, 0, 1]
    assert [part.events(i).times.size for i in (0, 1)] == [9, 5]
    with pytest.raises(ValueError, match="recording 1: has no events"):
        part.events(2)
    batch = next(source.part([3, 0]).binned(10, 30).batches(2))
    assert batch.indices.tolist() == [0, 1]
    with pytest.raises(ValueError, match="part: positions must be 0 to 3, got 1 to 4"):
        source.part([1, 4])


def test_a_bad_recording_ends_training_with_its_name():
    arrays = [camera(50, (2, 4, 4), seed) for seed in range(6)]
    arrays[4]["x"][7] = 4
    binned = data.event_arrays(arrays, np.zeros(6, int), (2, 4, 4)).binned(10, 30)
    batches = binned.batches(2)
    next(batches)
    next(batches)
    with pytest.raises(ValueError, match="event_arrays: recording 4: x must be 0 to 3, got 4"):
        next(batches)
    with pytest.raises(ValueError, match="event_arrays: recording 4"):
        binned.recordings.check()


# --- SHD and SSC ---------------------------------------------------------------------------------


def write_heidelberg(path, n=6, classes=3, leave_out=(), **change):
    """A file as Cramer et al. publish it: ragged float16 seconds and uint16 units."""
    random = np.random.default_rng(2)
    times = [np.sort(random.random(k) * 1.2).astype(np.float16) for k in range(10, 10 + n)]
    channels = [random.integers(0, 700, t.size).astype(np.uint16) for t in times]
    content = {
        "spikes/times": times,
        "spikes/units": channels,
        "labels": (np.arange(n) % classes).astype(np.uint16),
        "extra/keys": np.array([f"word {c}".encode() for c in range(classes)]),
        "extra/speaker": np.arange(n).astype(np.uint16) // 2,
        **change,
    }
    with h5py.File(path, "w") as file:
        for key, value in content.items():
            if key in leave_out:
                continue
            if isinstance(value, list):
                ragged = file.create_dataset(key, (len(value),), h5py.vlen_dtype(value[0].dtype))
                for index, row in enumerate(value):
                    ragged[index] = row
            else:
                file[key] = value
    return times, channels


def test_shd(tmp_path):
    times, channels = write_heidelberg(tmp_path / "shd_train.h5")
    write_heidelberg(tmp_path / "shd_test.h5", n=2, classes=2)
    train = data.shd(tmp_path)
    assert (len(train), train.shape) == (6, (700,))
    assert train.classes == ("word 0", "word 1", "word 2")
    assert train.labels.tolist() == [0, 1, 2, 0, 1, 2]
    assert train.speakers.tolist() == [0, 0, 1, 1, 2, 2]
    for index in range(6):
        events = train.events(index)
        assert np.array_equal(events.times, times[index].astype(np.float64) * 1000)
        assert np.array_equal(events.units, channels[index])
    for source in (train, train.in_memory()):
        binned = source.binned(10, 120, downsample=5)
        assert binned.features == 140
        batch = next(binned.batches(6))
        for index in range(6):
            expected = np.zeros((120, 140))
            expected[(times[index].astype(float) * 100).astype(int), channels[index] // 5] = 1
            assert np.array_equal(batch.spikes[:, index], expected)
    assert len(data.shd(tmp_path, "test")) == 2
    assert len(data.shd(tmp_path / "shd_test.h5")) == 2
    train.close()
    with pytest.raises(ValueError, match="recording 0: the file was closed; open it again"):
        train.events(0)


def test_ssc_has_a_part_more(tmp_path):
    write_heidelberg(tmp_path / "ssc_valid.h5", n=4, leave_out=("extra/speaker",))
    valid = data.ssc(tmp_path, "valid")
    assert len(valid) == 4
    assert valid.speakers is None
    with pytest.raises(ValueError, match="shd: part must be of train, test, got 'valid'"):
        data.shd(tmp_path, "valid")


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"leave_out": ("labels",)}, "labels is missing, there are extra, extra/keys"),
        ({"leave_out": ("spikes/times",)}, "spikes/times is missing"),
        ({"leave_out": ("extra/keys",)}, "extra/keys is missing"),
        ({"labels": np.array([0, 1, 2, 3, 0, 1])}, "labels must be 0 to 2, got 3 for sample 3"),
        ({"labels": np.array([0, 1])}, "as many times as units and labels, got 6, 6 and 2"),
        ({"spikes/units": [np.uint16([0])] * 5}, "got 6, 5 and 6"),
    ],
)
def test_heidelberg_refuses_a_file(tmp_path, change, text):
    path = tmp_path / "shd_train.h5"
    write_heidelberg(path, **change)
    with pytest.raises(ValueError, match=text):
        data.shd(path)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"spikes/units": [np.uint16([3])] * 6}, r"as many times as units, got \[10\] and \[1\]"),
        ({"spikes/units": [np.uint16([700] * k) for k in range(10, 16)]}, "0 to 699, got 700"),
        ({"spikes/times": [np.float16([np.nan] * k) for k in range(10, 16)]}, "finite, got nan"),
        ({"spikes/times": [np.float16([-1] * k) for k in range(10, 16)]}, "got -1000.0 ms"),
        (
            {"spikes/times": [np.float16([])] * 6, "spikes/units": [np.uint16([])] * 6},
            "shd_train.h5: recording 0: has no events",
        ),
    ],
)
def test_heidelberg_refuses_a_recording(tmp_path, change, text):
    write_heidelberg(tmp_path / "shd_train.h5", **change)
    with pytest.raises(ValueError, match=text):
        data.shd(tmp_path).events(0)


def test_heidelberg_refuses_damaged_files(tmp_path, monkeypatch):
    path = tmp_path / "shd_train.h5"
    with pytest.raises(FileNotFoundError, match=r"shd: there is no file .*shd_train\.h5$"):
        data.shd(tmp_path)
    (tmp_path / "shd_train.h5.gz").write_bytes(b"")
    with pytest.raises(FileNotFoundError, match=r"unpack .*shd_train\.h5\.gz"):
        data.shd(tmp_path)
    write_heidelberg(path, n=40)
    whole = path.read_bytes()
    for content in (b"", b"no HDF5 at all" * 100, whole[: len(whole) // 2]):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"shd_train\.h5 is no HDF5 file, or damaged"):
            data.shd(tmp_path)
    path.write_bytes(whole.replace(b"HEAP", b"LOST"))  # where names are kept
    with pytest.raises(ValueError, match=r"shd: .*shd_train\.h5 is damaged .* load it again"):
        data.shd(tmp_path)
    path.write_bytes(whole.replace(b"GCOL", b"LOST"))  # where ragged rows are kept
    with pytest.raises(ValueError, match=r"shd_train\.h5: recording 3: cannot be read"):
        data.shd(tmp_path).events(3)
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(ImportError, match=r"shd: needs h5py.*'cusnn\[data\]'"):
        data.shd(tmp_path)


# --- N-MNIST -------------------------------------------------------------------------------------


def atis(x, y, t, p) -> bytes:
    """40 bits per event: x, y, polarity, 23 bits of time, the highest first."""
    words = [
        (int(a) << 32 | int(b) << 24 | int(d) << 23 | int(c)).to_bytes(5, "big")
        for a, b, c, d in zip(x, y, t, p, strict=True)
    ]
    return b"".join(words)


def write_nmnist(folder, each=2):
    arrays = []
    for digit in range(10):
        (folder / str(digit)).mkdir(parents=True)
        for index in range(each):
            array = camera(60, (2, 34, 34), 10 * digit + index)
            content = atis(array["x"], array["y"], array["t"], array["p"])
            (folder / str(digit) / f"{index:05d}.bin").write_bytes(content)
            arrays.append(array)
    return arrays


def test_nmnist(tmp_path):
    arrays = write_nmnist(tmp_path / "Train")
    for source in (data.nmnist(tmp_path), data.nmnist(tmp_path / "Train")):
        assert (len(source), source.shape) == (20, (2, 34, 34))
        assert source.labels.tolist() == [i // 2 for i in range(20)]
        assert source.classes == tuple("0123456789")
        for index, array in enumerate(arrays):
            events = source.events(index)
            assert np.array_equal(events.times, array["t"] / 1000)
            assert np.array_equal(events.units, units(array, source.shape))


def test_nmnist_marks_of_time(tmp_path):
    (tmp_path / "7").mkdir()
    content = atis([1, 0, 2, 0, 3], [1, 240, 2, 240, 3], [5, 0, 6, 0, 7], [0, 0, 1, 0, 1])
    (tmp_path / "7" / "a.bin").write_bytes(content)
    events = data.nmnist(tmp_path).events(0)
    assert events.times.tolist() == [0.005, (6 + 8192) / 1000, (7 + 2 * 8192) / 1000]
    assert events.units.tolist() == [35, 34 * 34 + 70, 34 * 34 + 105]


def test_nmnist_refuses(tmp_path):
    with pytest.raises(FileNotFoundError, match="nmnist: there is no folder"):
        data.nmnist(tmp_path / "none")
    with pytest.raises(FileNotFoundError, match=r"nmnist: no \.bin file in the folders 0 to 9"):
        data.nmnist(tmp_path)
    with pytest.raises(ValueError, match="nmnist: part must be of train, test, got 'Train'"):
        data.nmnist(tmp_path, "Train")
    (tmp_path / "3").mkdir()
    file = tmp_path / "3" / "00001.bin"
    good = atis([1, 2], [3, 4], [5, 6], [0, 1])
    for content, text in (
        (good[:-2], "3/00001.bin: must have 5 bytes per event, got 8; it was cut short"),
        (b"", "3/00001.bin: has no events"),
        (atis([34], [0], [0], [0]), "3/00001.bin: x must be 0 to 33, got 34"),
        (atis([0], [99], [0], [0]), "3/00001.bin: y must be 0 to 33, got 99"),
    ):
        file.write_bytes(content)
        with pytest.raises(ValueError, match=text):
            data.nmnist(tmp_path).events(0)


# --- DVS128 Gesture ------------------------------------------------------------------------------

AEDAT_HEADER = (
    b"#!AER-DAT3.1\r\n#Format: RAW\r\n#Source 1: DVS128\r\n"
    b"#Start-Time: 2017-01-01 00:00:00 (TZ+0100)\r\n#!END-HEADER\r\n"
)


def packet(t, x, y, p, *, kind=1, overflow=0, valid=None, room=None) -> bytes:
    """A packet of AEDAT 3.1 with its header of 28 bytes."""
    t, x, y, p = (np.asarray(a, np.int64) for a in (t, x, y, p))
    valid = np.ones_like(t) if valid is None else np.asarray(valid, np.int64)
    room = t.size if room is None else room
    header = struct.pack("<hhiiiiii", kind, 1, 8, 4, overflow, room, t.size, valid.sum())
    events = np.zeros((room, 2), "<u4")
    events[: t.size, 0] = x << 17 | y << 2 | p << 1 | valid
    events[: t.size, 1] = t
    return header + events.tobytes()


def write_gestures(folder, packets: bytes, table: str, header=AEDAT_HEADER):
    (folder / "trials_to_train.txt").write_text("user01_led.aedat\n\n")
    (folder / "user01_led.aedat").write_bytes(header + packets)
    (folder / "user01_led_labels.csv").write_text("class,startTime_usec,endTime_usec\n" + table)


def test_dvs_gesture_cuts_recordings(tmp_path):
    random = np.random.default_rng(4)
    events, packets = [], b""
    for index in range(30):
        n = random.integers(1, 50)
        overflow, base = divmod(index, 20)
        t = np.sort(random.integers(base * 1000, (base + 1) * 1000, n))
        x, y, p = (random.integers(0, size, n) for size in (128, 128, 2))
        valid = random.random(n) < 0.8
        other = index % 9 == 5
        packets += packet(
            t, x, y, p, kind=2 if other else 1, overflow=overflow, valid=valid, room=n + index % 3
        )
        if not other:
            absolute = t + overflow * 2**31
            events += list(zip(absolute[valid], x[valid], y[valid], p[valid], strict=True))
    events = np.array(events)
    cuts = [(1, 0, 4500), (11, 4500, 12001), (3, 2**31 + 500, 2**31 + 9000)]
    write_gestures(tmp_path, packets, "".join("{},{},{}\n".format(*cut) for cut in cuts))
    gestures = data.dvs_gesture(tmp_path)
    assert gestures.labels.tolist() == [0, 10, 2]
    assert (gestures.shape, len(gestures.classes)) == ((2, 128, 128), 11)
    for index, (_, start, stop) in reversed(list(enumerate(cuts))):
        t, x, y, p = events[(events[:, 0] >= start) & (events[:, 0] < stop)].T
        got = gestures.events(index)
        assert t.size > 20
        assert np.array_equal(got.times, (t - start) / 1000)
        assert np.array_equal(got.units, (p * 128 + y) * 128 + x)
    batch = next(gestures.binned(0.5, 9, downsample=4, merge_polarities=True).batches(3))
    assert batch.spikes.shape == (9, 3, 1024)


GOOD_PACKET = packet([5, 6], [1, 2], [3, 4], [0, 1])


@pytest.mark.parametrize(
    ("packets", "options", "text"),
    [
        (GOOD_PACKET[:-1], {}, "the packet at byte .* is damaged or cut short"),
        (GOOD_PACKET + GOOD_PACKET[:20], {}, "ends within a packet's header"),
        (GOOD_PACKET, {"header": b"#!AER-DAT2.0\r\n"}, "must begin with #!AER-DAT3.1"),
        (GOOD_PACKET, {"header": b"#!AER-DAT3.1\r\n"}, "has no line #!END-HEADER"),
        (packet([50], [1], [1], [1]), {}, "from 0 to 10 us: has no events"),
        (packet([5], [128], [1], [1]), {}, "x must be 0 to 127, got 128"),
        (struct.pack("<hhiiiiii", 1, 1, 8, 4, 0, 1, 2, 2) + bytes(16), {}, "is damaged"),
        (struct.pack("<hhiiiiii", 1, 1, 0, 4, 0, 1, 1, 1) + bytes(16), {}, "is damaged"),
        (b"", {"header": b""}, "is empty"),
    ],
)
def test_dvs_gesture_refuses_a_file(tmp_path, packets, options, text):
    write_gestures(tmp_path, packets, "1,0,10\n", **options)
    with pytest.raises(ValueError, match=text):
        data.dvs_gesture(tmp_path).events(0)


def test_dvs_gesture_refuses(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"neither trials_to_train\.txt nor a folder ibm"):
        data.dvs_gesture(tmp_path)
    with pytest.raises(ValueError, match="dvs_gesture: part must be of train, test"):
        data.dvs_gesture(tmp_path, "valid")
    for table, text in (
        ("12,0,10\n", r"classes from 1\): labels must be 0 to 10, got 11"),
        ("0,0,10\n", "labels must be 0 to 10, got -1"),
        ("1,10,10\n", r"rows of class, start and a later end, got \(1, 10, 10\)"),
        ("1,0\n", "rows of class, start and a later end"),
        ("1,a,10\n", "must have integers, invalid literal"),
    ):
        write_gestures(tmp_path, GOOD_PACKET, table)
        with pytest.raises(ValueError, match=text):
            data.dvs_gesture(tmp_path)
    write_gestures(tmp_path, GOOD_PACKET, "")
    with pytest.raises(FileNotFoundError, match="names no file with gestures"):
        data.dvs_gesture(tmp_path)
    (tmp_path / "user01_led_labels.csv").unlink()
    with pytest.raises(FileNotFoundError, match=r"there is no file .*user01_led_labels\.csv"):
        data.dvs_gesture(tmp_path)
    (tmp_path / "user01_led.aedat").unlink()
    with pytest.raises(FileNotFoundError, match=r"names user01_led\.aedat, which is not there"):
        data.dvs_gesture(tmp_path)


def test_dvs_gesture_as_tonic_keeps_it(tmp_path):
    random = np.random.default_rng(0)
    folder = tmp_path / "ibmGestureTest"
    tables = {}
    for user in ("user24_led", "user24_lab"):
        (folder / user).mkdir(parents=True)
        for label in (10, 2):
            columns = [random.integers(0, high, 40) for high in (128, 128, 2, 6000)]
            tables[user, label] = table = np.stack(columns, 1)
            np.save(folder / user / f"{label}.npy", table)
    for place in (tmp_path, folder):
        gestures = data.dvs_gesture(place, "test")
        assert gestures.labels.tolist() == [2, 10, 2, 10]
        order = [("user24_lab", 2), ("user24_lab", 10), ("user24_led", 2), ("user24_led", 10)]
        for index, key in enumerate(order):
            x, y, p, t = tables[key].T
            assert np.array_equal(gestures.events(index).times, t)
            assert np.array_equal(gestures.events(index).units, (p * 128 + y) * 128 + x)
    np.save(folder / "user24_lab" / "2.npy", np.zeros((4, 3)))
    with pytest.raises(ValueError, match=r"2.npy: must be \[K, 4\] \(x, y, p, t\), got \[4, 3\]"):
        data.dvs_gesture(tmp_path, "test").events(0)
    (folder / "user24_lab" / "2.npy").write_bytes(b"none")
    with pytest.raises(ValueError, match=r"2\.npy: is no \.npy file, or damaged"):
        data.dvs_gesture(tmp_path, "test").events(0)


# --- .npz ----------------------------------------------------------------------------------------

ONE_FILE = {
    "times": np.array([1.0, 2.0, 3.0]),
    "units": np.array([0, 4, 2]),
    "indptr": np.array([0, 2, 3]),
    "labels": np.array([1, 0]),
}


def test_npz_of_one_file(tmp_path):
    np.savez(tmp_path / "a.npz", **ONE_FILE)
    source = data.npz(tmp_path / "a.npz")
    assert (source.shape, source.classes) == ((5,), ("0", "1"))
    assert source.events(0).times.tolist() == [1.0, 2.0]
    assert source.events(1).units.tolist() == [2]


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"indptr": None}, "must have times, units, indptr, labels; indptr is missing"),
        ({"indptr": np.array([0, 2])}, "indptr must be integers that ascend .* got 2 for 2"),
        ({"indptr": np.array([0, 4, 3])}, "indptr must be integers that ascend"),
        ({"indptr": np.array([0, 2, 4])}, "indptr must be integers that ascend"),
        ({"indptr": np.array([0.0, 2, 3])}, "indptr must be integers that ascend"),
        ({"units": np.array([0, 4])}, "3 times and 2 units"),
        ({"labels": np.array([0, -1])}, "labels must be 0 to 0, got -1"),
        ({"classes": np.array(["a"])}, "labels must be 0 to 0, got 1 for sample 0"),
        ({"shape": np.array([2, 3])}, r"shape must be \(units,\) or"),
    ],
)
def test_npz_refuses_a_file(tmp_path, change, text):
    content = {k: v for k, v in {**ONE_FILE, **change}.items() if v is not None}
    np.savez(tmp_path / "a.npz", **content)
    with pytest.raises(ValueError, match=text):
        data.npz(tmp_path / "a.npz")


def test_npz_of_a_folder(tmp_path):
    shape = (2, 8, 9)
    arrays = {}
    for number, name in enumerate(("10", "2", "other")):
        (tmp_path / name).mkdir()
        arrays[name] = array = camera(30, shape, number)
        np.savez(tmp_path / name / "user_0.npz", **{k: array[k] for k in "txyp"})
    source = data.npz(tmp_path, shape=shape)
    assert source.classes == ("2", "10", "other")
    for index, name in enumerate(source.classes):
        assert np.array_equal(source.events(index).times, arrays[name]["t"] / 1000)
        assert np.array_equal(source.events(index).units, units(arrays[name], shape))
    with pytest.raises(ValueError, match=r"shape must be \(polarities, height, width\) for a"):
        data.npz(tmp_path)
    np.savez(tmp_path / "2" / "user_0.npz", t=[1], x=[2], y=[3])
    with pytest.raises(ValueError, match=r"user_0.npz: must have t, x, y, p; p is missing"):
        data.npz(tmp_path, shape=shape).events(0)


def test_npz_refuses(tmp_path):
    with pytest.raises(FileNotFoundError, match="npz: there is no file"):
        data.npz(tmp_path / "none.npz")
    with pytest.raises(FileNotFoundError, match=r"npz: no \.npz file in the folders"):
        data.npz(tmp_path, shape=(2, 4, 4))
    np.savez_compressed(tmp_path / "a.npz", **ONE_FILE)
    with pytest.raises(ValueError, match="shape is for folders"):
        data.npz(tmp_path / "a.npz", shape=(2, 4, 4))
    whole = (tmp_path / "a.npz").read_bytes()
    spoiled = bytearray(whole)
    spoiled[60:90] = bytes(30)
    for content in (b"", b"nothing", whole[: len(whole) // 2], bytes(spoiled)):
        (tmp_path / "a.npz").write_bytes(content)
        with pytest.raises(ValueError, match=r"is no \.npz file, or damaged"):
            data.npz(tmp_path / "a.npz")
    with (tmp_path / "a.npz").open("wb") as opened:
        np.save(opened, np.zeros(3))
    with pytest.raises(ValueError, match=r"damaged \(one array, as of a \.npy file"):
        data.npz(tmp_path / "a.npz")


# --- Tonic ---------------------------------------------------------------------------------------


class LikeTonic:
    """What a dataset of Tonic is made of."""

    sensor_size = (9, 8, 2)
    classes = ("a", "b")

    def __init__(self, save_to="", targets=(0, 1, 0)):
        self.save_to = save_to
        self.targets = list(targets)
        self.arrays = [camera(40, (2, 8, 9), seed) for seed in range(3)]

    def __len__(self):
        return 3

    def __getitem__(self, index):
        return self.arrays[index], self.targets[index]


def test_tonic_datasets():
    dataset = LikeTonic()
    source = data.tonic(dataset)
    assert (source.shape, source.classes) == ((2, 8, 9), ("a", "b"))
    assert source.labels.tolist() == [0, 1, 0]
    for index, array in enumerate(dataset.arrays):
        assert np.array_equal(source.events(index).times, array["t"] / 1000)
        assert np.array_equal(source.events(index).units, units(array, source.shape))


def test_tonic_labels_and_sizes():
    class Cochlea(LikeTonic):
        sensor_size = (700, 1, 1)
        classes = np.array([b"zero", b"one"])

        def __init__(self):
            fields = [("t", int), ("x", int), ("p", int)]
            self.arrays = [np.array([(1500, 699, 1), (2500, 3, 1)], fields)] * 3

        def __getitem__(self, index):
            return self.arrays[index], np.int64(index % 2)

    seen = []
    source = data.tonic(Cochlea(), progress=lambda *done: seen.append(done))
    assert (source.shape, source.classes) == ((700,), ("zero", "one"))
    assert source.labels.tolist() == [0, 1, 0]
    assert source.events(0).times.tolist() == [1.5, 2.5]
    assert source.events(0).units.tolist() == [699, 3]
    assert seen == [(1, 3), (2, 3), (3, 3)]

    named = data.tonic(LikeTonic(targets=("cat", "ant", "cat")))
    assert named.classes == ("ant", "cat")
    assert named.labels.tolist() == [1, 0, 1]

    class Sizeless(LikeTonic):
        sensor_size = None

    with pytest.raises(ValueError, match="tonic: the dataset has no sensor_size; pass shape="):
        data.tonic(Sizeless())
    assert data.tonic(Sizeless(), shape=(2, 8, 9)).shape == (2, 8, 9)


def test_tonic_by_name(monkeypatch):
    monkeypatch.setitem(sys.modules, "tonic", None)
    monkeypatch.setitem(sys.modules, "tonic.datasets", None)
    with pytest.raises(ImportError, match=r"tonic: needs Tonic.*'cusnn\[data\]'"):
        data.tonic("NMNIST", save_to="here")
    package, datasets = types.ModuleType("tonic"), types.ModuleType("tonic.datasets")
    package.datasets, datasets.NMNIST = datasets, LikeTonic
    monkeypatch.setitem(sys.modules, "tonic", package)
    monkeypatch.setitem(sys.modules, "tonic.datasets", datasets)
    assert len(data.tonic("NMNIST", save_to="here", targets=(0, 0, 1))) == 3
    with pytest.raises(ValueError, match=r"tonic: tonic\.datasets has no 'MNIST'"):
        data.tonic("MNIST")
    with pytest.raises(TypeError, match="tonic: save_to is for a dataset given by name"):
        data.tonic(LikeTonic(), save_to="here")


@pytest.mark.parametrize(
    ("field", "value", "text"),
    [
        ("x", 9, "recording 0: x must be 0 to 8, got 9"),
        ("x", -1, "x must be 0 to 8, got -1"),
        ("y", 8, "y must be 0 to 7, got 8"),
        ("p", 2, "p must be 0 to 1, got 2"),
        ("t", -5, "times must be 0 or more and finite, got -0.005 ms"),
    ],
)
def test_structured_arrays_refuse_a_field(field, value, text):
    array = np.zeros(3, [(f, np.int32) for f in "txyp"])
    array[field][1] = value
    with pytest.raises(ValueError, match=text):
        data.event_arrays([array], [0], (2, 8, 9)).events(0)


def test_polarities_of_minus_one():
    array = np.zeros(2, [(f, np.int32) for f in "txyp"])
    array["p"] = -1, 1
    assert data.event_arrays([array], [0], (2, 8, 9)).events(0).units.tolist() == [0, 72]
    assert data.event_arrays([array], [0], (1, 8, 9)).events(0).units.tolist() == [0, 0]


def test_structured_arrays_refuse():
    array = np.zeros(3, [(f, np.int32) for f in "txy"])
    with pytest.raises(ValueError, match="with t, x, y, p; p is missing"):
        data.event_arrays([array], [0], (2, 8, 9)).events(0)
    with pytest.raises(ValueError, match="does a transform make frames of the events"):
        data.event_arrays([np.zeros((3, 2, 8, 9))], [0], (2, 8, 9)).events(0)
    with pytest.raises(ValueError, match="one label per recording, got 2 labels and 1 rec"):
        data.event_arrays([array], [0, 1], (2, 8, 9))
    with pytest.raises(ValueError, match=r"labels must be a list \[n\], got \[0\]"):
        data.event_arrays([], [], (2, 8, 9))
    with pytest.raises(ValueError, match=r"shape must be \(units,\) or \(polarities, height"):
        data.event_arrays([array], [0], (8, 9))
    with pytest.raises(ValueError, match="labels must be 0 to 1, got 2"):
        data.event_arrays([array], [2], (2, 8, 9), classes=("a", "b"))
