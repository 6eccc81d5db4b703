"""The harness itself: what it runs, and what it must catch."""

import os
import subprocess
import sys
from pathlib import Path

import emulator
import numpy as np
import pytest

PROBES = str(emulator.TESTS / "kernels_for_tests" / "probes.cu")


@pytest.fixture(autouse=True)
def gpp(monkeypatch):
    emulator.require()
    monkeypatch.setattr(emulator._state, "seed", 1)


def run(kernel, grid, block, *args, **options):
    emulator.launch(PROBES, kernel, grid, block, args, **options)


def pair(scale, offset):
    return np.array((scale, offset), dtype=[("scale", "f4"), ("offset", "i4")])


def test_indices_scalars_and_struct():
    out = np.full(1000, -1, np.int32)
    run("fill", 4, 256, out, np.int32(1000), pair(2.0, 5))
    np.testing.assert_array_equal(out, 2 * np.arange(1000) + 5)


def test_three_dimensions():
    out = np.full((4, 6, 8), -1, np.int32)
    run("indices", (4, 2, 2), (2, 3, 2), out)
    z, y, x = np.indices(out.shape)
    np.testing.assert_array_equal(out, 10000 * z + 100 * y + x)


@pytest.mark.parametrize("seed", range(1, 6))
def test_block_sum(seed):
    emulator.set_seed(seed)
    x = np.arange(3 * 64, dtype=np.float32)
    out = np.zeros(3, np.float32)
    run("block_sum<true>", 3, 64, x, out)
    np.testing.assert_array_equal(out, x.reshape(3, 64).sum(axis=1))


def test_missing_barrier_shows():
    x = np.arange(64, dtype=np.float32)
    wrong = 0
    for seed in range(1, 6):
        emulator.set_seed(seed)
        out = np.zeros(1, np.float32)
        run("block_sum<false>", 1, 64, x, out)
        wrong += out[0] != x.sum()
    assert wrong


def test_warp_per_row():
    x = np.arange(8 * 50, dtype=np.float32).reshape(8, 50)
    out = np.zeros(8, np.float32)
    run("row_sum", 2, 128, x, out, np.int32(50))
    np.testing.assert_array_equal(out, x.sum(axis=1))


def test_ballot_compaction():
    flags = (np.arange(32) % 3 == 0).astype(np.uint8)
    out, count = np.full(32, -1, np.int32), np.zeros(1, np.int32)
    run("compact", 1, 32, flags, out, count)
    np.testing.assert_array_equal(out[: count[0]], np.flatnonzero(flags))


def test_dynamic_shared_memory():
    x = np.arange(100, dtype=np.int32)
    out = np.zeros_like(x)
    run("reverse", 1, 100, x, out, shared=400)
    np.testing.assert_array_equal(out, x[::-1])


def test_shared_memory_starts_poisoned():
    out = np.zeros(4, np.float32)
    run("poison", 1, 4, out)
    assert np.isnan(out).all()


def test_atomics():
    integers, floats = np.zeros(2, np.int32), np.zeros(1, np.float32)
    run("count_all", 3, 40, integers, floats)
    assert integers.tolist() == [240, 119]
    assert floats[0] == 60.0


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_grid_barrier(seed):
    emulator.set_seed(seed)
    values = np.arange(5, dtype=np.int32)
    counter = np.zeros(1, np.int32)
    run("rounds", 5, 8, counter, values, np.int32(3), cooperative=True)
    np.testing.assert_array_equal(values, np.roll(np.arange(5), -3))
    assert counter[0] == 30


def test_mailbox_between_blocks():
    box, out = np.zeros(4, np.int32), np.zeros(4, np.int32)
    run("mailbox", 4, 2, box, out, cooperative=True)
    np.testing.assert_array_equal(out, np.roll(np.arange(4), -1) + 1)


def test_divergent_barriers_are_reported():
    with pytest.raises(emulator.EmulatorError, match="different barriers"):
        run("divergent", 1, 4)


def test_a_lane_that_left_is_reported():
    with pytest.raises(emulator.EmulatorError, match="deadlock"):
        run("lost_lane", 1, 32, np.zeros(32, np.int32))


def test_endless_spin_is_reported(monkeypatch):
    monkeypatch.setattr(emulator, "SPIN_LIMIT", 1000)
    with pytest.raises(emulator.EmulatorError, match="spin without progress"):
        run("spin", 1, 4, np.zeros(1, np.int32))


@pytest.mark.skipif(emulator._sanitizers() != "", reason="AddressSanitizer stops the process")
@pytest.mark.parametrize("offset", [5, -1])
def test_out_of_bounds_is_reported(offset):
    with pytest.raises(emulator.EmulatorError, match="argument 0"):
        run("out_of_bounds", 1, 1, np.zeros(5, np.float32), np.int32(offset))


def test_write_through_const_is_reported():
    with pytest.raises(emulator.EmulatorError, match="changed argument 0"):
        run("write_const", 1, 1, np.zeros(5, np.float32))


def test_the_same_array_twice_is_one_array():
    x = np.array([3.0, 4.0], np.float32)
    run("two_floats", 1, 1, x, x)
    np.testing.assert_array_equal(x, [3.0, 4.0])


def test_overlap_in_part_is_refused():
    x = np.zeros(4, np.float32)
    with pytest.raises(ValueError, match="overlap"):
        run("two_floats", 1, 1, x[:3], x)


@pytest.mark.parametrize(
    ("args", "error", "text"),
    [
        ((np.zeros(1, "f4"),), TypeError, "takes 2 arguments, got 1"),
        ((np.zeros(1, "f8"), np.zeros(1, "f4")), TypeError, "argument 0 is float64"),
        ((np.zeros(1, "i4"), np.zeros(1, "f4")), TypeError, "another kind"),
        ((np.zeros(4, "f4")[::2], np.zeros(1, "f4")), ValueError, "not C-contiguous"),
        ((np.float32(1), np.zeros(1, "f4")), TypeError, "a pointer is wanted"),
        ((1.0, np.zeros(1, "f4")), TypeError, "typed NumPy scalars"),
    ],
)
def test_arguments_must_fit(args, error, text):
    with pytest.raises(error, match=text):
        run("two_floats", 1, 1, *args)


def test_scalars_must_fit():
    with pytest.raises(TypeError, match="argument 1 has 8 bytes"):
        run("out_of_bounds", 1, 1, np.zeros(1, "f4"), np.int64(0))
    with pytest.raises(TypeError, match="argument 2 has 4 bytes"):
        run("fill", 1, 1, np.zeros(1, "i4"), np.int32(0), np.int32(0))


def test_compile_errors_name_the_line(tmp_path):
    source = tmp_path / "broken.cu"
    source.write_text('#include "prelude.cuh"\n__global__ void broken() { nonsense(); }\n')
    with pytest.raises(emulator.EmulatorError, match=r"broken.cu:2.*nonsense"):
        emulator.launch(str(source), "broken", 1, 1, ())


def test_empty_grid_does_nothing():
    run("divergent", 0, 4)


@pytest.mark.slow
@pytest.mark.skipif(emulator._sanitizers() != "", reason="starts the sanitizers itself")
def test_address_sanitizer_names_the_line():
    code = (
        "import numpy as np, emulator\n"
        f"emulator.launch({PROBES!r}, 'out_of_bounds', 1, 1, "
        "(np.zeros(5, np.float32), np.int32(5)))\n"
    )
    environment = {**os.environ, **emulator.sanitizer_environment()}
    environment |= {"CUSNN_EMULATOR_SANITIZE": "address,undefined"}
    environment["PYTHONPATH"] = str(Path(__file__).parent)
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert "heap-buffer-overflow" in done.stderr
    assert "probes.cu" in done.stderr
