"""The benchmarks: what they count and what they refuse; the GPU parts run under the harness."""

import json
import sys
import time
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import skip, use_emulator
from typer.testing import CliRunner

from benchmarks import __main__ as command
from benchmarks import (
    cases,
    cpu,
    every_kernel,
    gpu,
    gpu_microcircuit,
    machine,
    measure,
    micro,
    peers,
    report,
)
from cusnn import contract, driver
from cusnn.backends.numba_cpu import spikes as numba_spikes
from cusnn.energy.measurement import Measurement, Window

BY_NAME = {case.name: case for case in cases.CASES}
NO_GPU = "no CUDA GPU was found; the backends numba and numpy run without one"
EMULATED = measure.Target("cuda", np, time.perf_counter)
TINY = micro.Scale(
    blocks=3,
    threads=64,
    updates=5,
    rounds=4,
    reads=3,
    tables=(2**12,),
    copies=(2**20,),
    launches=2,
    budget=0.0,
)
ABOUT = {"cpu": "A CPU", "cores": 2, "memory_gib": 8.0, "commit": "abc", "dirty": True}


@pytest.fixture
def without_gpu(monkeypatch):
    monkeypatch.setattr(driver, "unavailable", lambda: NO_GPU)


# ------------------------------------------------------------------ the table


def test_every_operation_has_a_case():
    assert {case.op for case in cases.CASES} == set(contract.OPS)


def test_names_are_unique():
    assert len(BY_NAME) == len(cases.CASES)


@pytest.mark.parametrize("case", cases.CASES, ids=lambda case: case.name)
def test_case_is_whole(case):
    """Sizes of one kind everywhere, CUDA where there are kernels, inputs and settings complete."""
    names = list(case.small)
    assert all(list(sizes) == names for sizes in (*case.sizes, *case.device))
    assert case.backends == (case.only or contract.OPS[case.op].backends)
    assert bool(case.device) == bool(contract.OPS[case.op].kernels) == ("cuda" in case.backends)
    assert bool(case.sizes) == ("numpy" in case.backends)
    assert (case.twin is None) == ("numpy" in contract.OPS[case.op].backends)
    if case.op.startswith("network"):
        return  # their inputs take the engine to make
    arrays, settings = case.make(case.small, np.random.default_rng(0))
    op = contract.OPS[case.op]
    assert set(arrays) == {arg.name for arg in op.args if arg.flow != "out"}
    assert set(settings) == set(op.settings)
    sizes = cases.complete(case, case.small, arrays)
    assert case.bytes_needed(sizes, arrays) > 0


def needed(name, sizes, **arrays):
    arrays = {key: np.asarray(array) for key, array in arrays.items()}
    return BY_NAME[name].bytes_needed(sizes, arrays)


def test_bytes_by_hand():
    """Worked out on paper from small arrays."""
    spikes = np.array([[1, 0, 0, 1], [1, 0, 0, 0]], np.uint8)
    # 8 bytes of spikes, 3 indices, 2 counts.
    assert needed("spike_compact 1%", {"R": 2, "N": 4}, spikes=spikes) == 8 + 4 * 3 + 4 * 2
    # 8 bytes of spikes; rows 0 and 3 of 5 weights; 2 rows of 5 products.
    sizes = {"R": 2, "N": 4, "M": 5}
    assert needed("spike_matmul 2%", sizes, spikes=spikes) == 8 + 4 * 2 * 5 + 4 * 2 * 5
    # Rows of 1, 2, 0 and 3 synapses: 1 + 3 of them are read, index and weight; 2 x 2 pointers.
    indptr = np.array([0, 1, 3, 3, 6])
    found = needed("spike_matmul_csr 2%", sizes | {"K": 6}, spikes=spikes, indptr=indptr)
    assert found == 8 + 8 * 4 + 8 * 4 + 4 * 2 * 5
    # 3 x 2 weights: row 1 and column 0 change, that is 4 of them; 5 traces, 5 spikes.
    fired = {"spikes_pre": np.array([0, 1, 0]), "spikes_post": np.array([1, 0])}
    assert needed("stdp_step 2%", {"N": 3, "M": 2}, **fired) == 5 + 8 * 5 + 8 * 4
    # The same with synapses 0->0, 0->1, 1->1, 2->0: three change, all four indices are read.
    sparse = {"indptr": np.array([0, 2, 3, 4]), "indices": np.array([0, 1, 1, 0])}
    found = needed("stdp_step_csr 2%", {"N": 3, "M": 2, "K": 4}, **fired, **sparse)
    assert found == 5 + 8 * 5 + 8 * 4 + 4 * 4 + 8 * 3
    # current and spikes of 2 x 1 x 3, two rows of state read and written.
    sizes = {"T": 2, "A": 2, "B": 1, "N": 3, "S": 2, "W": 1, "Q": 1, "C": 5}
    assert needed("neuron_forward LIF", sizes) == 4 * 6 + 6 + 2 * 4 * 6
    # In 16 bits, with a word of spikes for each step, and a checkpoint.
    current = np.zeros((2, 1, 3), np.float16)
    found = needed("neuron_forward LIF training float16", sizes, current=current)
    assert found == 2 * 6 + 4 * 2 + 3 * 2 * 4 * 3


@pytest.mark.parametrize(("dtype", "size"), [("float32", 4), ("float16", 2)])
def test_bytes_of_a_training_step_by_hand(dtype, size):
    """T 100, B 256, N 4096: input and a bit of spike forward; input and two gradients back; seven
    checkpoints of two rows written and read; states and their gradient at the ends."""
    found = gpu.step_bytes(dtype)
    ends = (2 + 2 + 2) * 4 / 100  # state, final state; gradient of the state
    checkpoints = 2 * 7 * 2 * 4 / 100
    expected = 4 * size + 1 / 8 + checkpoints + ends
    assert found["bytes_per_neuron_step"] == pytest.approx(expected, rel=1e-6)
    assert f"{checkpoints:.2f} are checkpoints; budget {found['budget']}" in found["reason"]


def test_csr_is_sound():
    """Ascending targets within range, all K synapses."""
    matrix = cases.csr({"N": 7, "M": 40, "K": 50}, np.random.default_rng(0))
    assert matrix["indptr"][0] == 0
    assert matrix["indptr"][-1] == matrix["indices"].size == matrix["weights"].size == 50
    assert matrix["indices"].min() >= 0
    assert matrix["indices"].max() < 40
    for begin, end in zip(matrix["indptr"], matrix["indptr"][1:], strict=False):
        assert (np.diff(matrix["indices"][begin:end]) > 0).all()


# ------------------------------------------------------------------ networks in rings

RINGS = [case for case in (*cases.CASES, *every_kernel.MORE) if case.op.endswith("_rings")]
RINGS_BY_NAME = {case.name: case for case in RINGS}


@pytest.mark.usefixtures("without_gpu")
@pytest.mark.parametrize("case", RINGS, ids=lambda case: case.name)
def test_rings_equal_their_twin_under_the_harness(case, monkeypatch):
    use_emulator(monkeypatch)
    prepared = measure.check(case, EMULATED)
    if "progress" in prepared.outputs:
        done, events, fired = prepared.outputs["progress"]
        assert prepared._settings["blocks"] == (2 if "streaming" in case.name else None)
        assert done == case.small["steps"]
        assert events > 500
        assert fired > 0
        assert prepared.needed == 2 * prepared.inputs["state"].nbytes + 4 * events


RINGS_OUTSIDE = ", rings in global memory"


def test_rings_are_streamed_and_exchanged_in_both_ways():
    names = {name.removeprefix("network_advance_rings ") for name in RINGS_BY_NAME}
    ways = [f"{way}{where}" for way in ("mailbox", "barrier") for where in ("", RINGS_OUTSIDE)]
    assert names == {"network_build_rings", *ways, *(f"{way} streaming" for way in ways)}


def built_by_hand():
    """Two tiles and two sources: rows of 2, 1 words, and of 0, 3 words."""
    return {
        "words": np.array([9, 4, 7, 3, 1, 2], np.uint32),
        "row_starts": np.array([[0, 2, 3], [3, 3, 6]]),
        "cursors": np.array([[2, 1], [0, 3]], np.uint32),
        "initial": np.zeros((3, 2), np.float32),
    }


def test_rows_are_compared_without_their_order():
    found = cases.rings_in_order({}, built_by_hand())
    assert set(found) == {"row_starts", "synapses", "initial"}
    assert found["synapses"].tolist() == [4, 9, 7, 1, 2, 3]
    # A weight belongs to its word, and a negative one is not sorted as if it were part of it.
    amounts = np.array([-1, 5, -7, 0, 2, 1], np.int32)
    found = cases.rings_in_order({}, built_by_hand() | {"amounts": amounts})
    assert (found["synapses"] >> 32).tolist() == [4, 9, 7, 1, 2, 3]
    assert (found["synapses"] & 0xFFFFFFFF).tolist() == [5, 2**32 - 1, 2**32 - 7, 2, 1, 0]


@pytest.mark.parametrize("wrong", ["synapses", "spikes", "state", "recorded", "progress"])
def test_rings_that_differ_from_their_twin_are_refused(wrong, monkeypatch):
    """With one number of the twin's results changed."""
    use_emulator(monkeypatch)
    build = wrong == "synapses"
    case = RINGS_BY_NAME["network_build_rings" if build else "network_advance_rings mailbox"]

    def twin(sizes):
        results = case.twin(sizes)
        results[wrong].ravel()[0] += results[wrong].dtype.type(1)
        return results

    with pytest.raises(AssertionError, match=f"{case.name}: {wrong} on cuda"):
        measure.check(replace(case, twin=twin), EMULATED)


# ------------------------------------------------------------------ no time for a wrong result


def wrong(spikes, packed, others):
    packed.fill(0)


def test_a_wrong_result_is_not_timed(monkeypatch):
    monkeypatch.setattr(numba_spikes, "spike_pack", wrong)
    case = BY_NAME["spike_pack"]
    with pytest.raises(AssertionError, match="spike_pack: packed on numba"):
        measure.check(case, measure.target("numba"))
    row = cpu.one(case, case.small, "numba", 0.0)
    assert row["status"] == "failed"
    assert "seconds" not in row


def test_a_tolerance_is_relative_to_the_largest(monkeypatch):
    case = replace(BY_NAME["spike_pack"], tolerance=1e-3)
    monkeypatch.setattr(numba_spikes, "spike_pack", wrong)
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        measure.check(case, measure.target("numba"))


def test_restore_brings_back_what_a_call_changed():
    case = replace(BY_NAME["stdp_step 20%"], restore=True)
    prepared = measure.prepare(case, case.small, measure.target("numpy"))
    before = {name: array.copy() for name, array in prepared.results().items()}
    prepared()
    assert any((before[name] != array).any() for name, array in prepared.results().items())
    prepared.restore()
    for name, array in prepared.results().items():
        np.testing.assert_array_equal(array, before[name])


def test_schedule_fills_the_budget():
    """With a clock that each call moves on by 10 ms, resp. 10 us."""
    now = [0.0]

    def call(seconds):
        now[0] += seconds

    plan = measure.schedule(lambda: call(1e-2), lambda: now[0], 0.2, None)
    assert (plan.rounds, plan.iterations) == (20, 1)
    plan = measure.schedule(lambda: call(1e-5), lambda: now[0], 0.02, None)
    assert plan.iterations in (100, 101)
    assert 19 <= plan.rounds <= 21
    assert measure.schedule(lambda: call(1.0), lambda: now[0], 0.2, None).rounds == 3
    restored = measure.schedule(lambda: call(1e-5), lambda: now[0], 0.1, lambda: None)
    assert restored.iterations == 1


def test_row_of_a_timing():
    case = BY_NAME["spike_pack"]
    row = measure.measure(case, case.small, measure.target("numpy"), 0.0)
    assert row["bytes"] == 7 * 1003 + 4 * 7 * 32 + 7
    assert row["sizes"] == "R=7 N=1003"
    assert row["gb_per_s"] == pytest.approx(row["bytes"] / row["seconds"] / 1e9)
    assert row["share_of_copy"] == pytest.approx(row["gb_per_s"] / row["copy_gb_per_s"])


# ------------------------------------------------------------------ reports


def timing(**more):
    found = {
        "case": "spike_pack",
        "sizes": "R=2 N=3",
        "backend": "numba",
        "seconds": 2.5e-3,
        "gb_per_s": 12.34,
        "copy_gb_per_s": 24.68,
        "share_of_copy": 0.5,
        "bytes_counted": "inputs read once",
        "status": "passed",
    }
    return found | more


def test_report_of_our_json(tmp_path):
    items = [timing(), {"name": "gone", "status": "failed"}, timing(backend="numpy", seconds=2.0)]
    path = tmp_path / "cpu.json"
    path.write_text(json.dumps({"machine": ABOUT, "items": items}))
    text, picture = report.write(path, tmp_path / "out")
    lines = text.read_text().splitlines()
    assert "A CPU, 2 cores, 8 GiB" in lines[0]
    assert "commit abc with changes" in lines[2]
    assert "| spike_pack | R=2 N=3 | numba | 2.5 ms | 12.3 | 24.7 | 50% |" in lines
    assert "- inputs read once: spike_pack." in lines
    assert picture.read_bytes()[:4] == b"\x89PNG"


def test_report_of_pytest_benchmark(tmp_path):
    stats = {"median": 3e-6, "min": 2e-6, "rounds": 5}
    extra = {key: value for key, value in timing().items() if key != "seconds"}
    content = {"benchmarks": [{"name": "test[x]", "stats": stats, "extra_info": extra}]}
    path = tmp_path / "file.json"
    path.write_text(json.dumps(content | {"cusnn_machine": ABOUT}))
    text, _ = report.write(path)
    assert "| spike_pack | R=2 N=3 | numba | 3 us | 12.3 | 24.7 | 50% |" in text.read_text()


@pytest.mark.parametrize(
    ("content", "error"),
    [
        ("{", "is not JSON"),
        ("[]", "holds no benchmark results"),
        ('{"benchmarks": []}', "holds no timings"),
    ],
)
def test_report_refuses(tmp_path, content, error):
    path = tmp_path / "file.json"
    path.write_text(content)
    done = CliRunner().invoke(command.app, ["report", str(path)])
    assert done.exit_code == 2
    assert error in done.output
    assert len(done.output.splitlines()) == 1


def test_cpu_writes_its_results(tmp_path):
    case = BY_NAME["spike_unpack"]
    assert cpu.run(tmp_path, (replace(case, sizes=(case.small,)),), ("numpy",), 0.0) == 0
    content = json.loads((tmp_path / "cpu.json").read_text())
    assert content["status"] == "passed"
    assert {"cpu", "cores", "numpy", "numba", "python", "commit", "dirty"} <= set(
        content["machine"]
    )
    (item,) = content["items"]
    assert item["case"] == "spike_unpack"
    assert item["rounds"] == 3


def test_cpu_command_renders_what_it_wrote(tmp_path, monkeypatch):
    def run(out, chosen):
        assert [case.name for case in chosen] == ["spike_unpack"]
        (out / "cpu.json").write_text(json.dumps({"machine": ABOUT, "items": [timing()]}))
        return 1

    monkeypatch.setattr(cpu, "run", run)
    arguments = ["cpu", "-k", "spike_unpack", "--out", str(tmp_path)]
    assert CliRunner().invoke(command.app, arguments).exit_code == 1
    assert {path.name for path in tmp_path.iterdir()} == {"cpu.json", "cpu.md", "cpu.png"}
    assert CliRunner().invoke(command.app, ["cpu", "-k", "nonsense"]).exit_code == 2


# ------------------------------------------------------------------ the gpu command


@pytest.mark.usefixtures("without_gpu")
@pytest.mark.parametrize("arguments", [[], ["--part", "kernels"]])
def test_gpu_without_a_gpu_is_one_line(tmp_path, arguments):
    done = CliRunner().invoke(command.app, ["gpu", "--out", str(tmp_path), *arguments])
    assert done.exit_code == 2
    assert done.output == f"error: {NO_GPU}\n"
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("without_gpu")
def test_gpu_lists_its_parts():
    done = CliRunner().invoke(command.app, ["gpu", "--list"])
    assert done.exit_code == 0
    names = [line.split()[0] for line in done.output.splitlines()]
    assert names == ["tests", "sanitizer", "micro", "kernels", "microcircuit"]
    done = CliRunner().invoke(command.app, ["gpu", "--part", "nonsense"])
    assert done.exit_code == 2
    assert "part must be one of tests, sanitizer" in done.output


def written(folder, part):
    return json.loads((folder / f"{part}.json").read_text())


@pytest.mark.usefixtures("without_gpu")
def test_part_kernels_under_the_harness(tmp_path, monkeypatch):
    """Arrays made, kernels launched, results compared, rows written; the clock is the CPU's."""
    use_emulator(monkeypatch)
    monkeypatch.setattr(peers, "PEERS", (replace(peers.PEERS[0], needs="no_such_module"),))
    chosen = [BY_NAME[name] for name in ("spike_pack", "spike_compact 20%")]
    sizes = {"R": 2, "N": 70}
    chosen = [replace(case, small=sizes) for case in chosen]
    status = gpu.run_part(
        "kernels", tmp_path, where=EMULATED, cases=chosen, sizes_of=lambda _: (sizes,), budget=0.0
    )
    content = written(tmp_path, "kernels")
    assert status == content["status"] == "passed"
    assert {"cpu", "numpy", "python", "nvrtc", "cupy", "commit", "dirty"} <= set(content["machine"])
    first, second, peer = content["items"]
    assert first["name"] == "spike_pack R=2 N=70"
    assert (first["status"], first["backend"]) == ("passed", "cuda")
    assert first["bytes"] == 2 * 70 + 4 * 2 * 3 + 2
    assert second["seconds"] > 0
    assert peer["status"] == "not available"
    assert "no_such_module is not installed" in peer["reason"]


@pytest.mark.usefixtures("without_gpu")
def test_part_kernels_reports_a_wrong_kernel(tmp_path, monkeypatch):
    use_emulator(monkeypatch)
    monkeypatch.setattr(peers, "PEERS", ())
    monkeypatch.setattr(driver, "launch", lambda *arguments, **options: None)
    case = replace(BY_NAME["spike_pack"], small={"R": 2, "N": 70})
    status = gpu.run_part("kernels", tmp_path, where=EMULATED, cases=(case,))
    assert status == "failed"
    items = written(tmp_path, "kernels")["items"]
    assert len(items) == len(case.device)  # the second was tried in spite of the first
    assert "spike_pack: packed on cuda" in items[0]["error"]
    assert not any("seconds" in item for item in items)


@pytest.mark.usefixtures("without_gpu")
def test_part_micro_under_the_harness(tmp_path, monkeypatch):
    use_emulator(monkeypatch)
    assert gpu.run_part("micro", tmp_path, where=EMULATED, scale=TINY) == "passed"
    items = {item["name"]: item for item in written(tmp_path, "micro")["items"]}
    assert len(items) == 1 + 1 + 6 + 2 + 2
    assert items["grid barrier"]["unit"] == "us per round of 3 blocks"
    assert all(item["value"] > 0 for item in items.values())


def test_micro_checks_what_kernels_leave(monkeypatch):
    """A kernel that does nothing is not timed."""
    monkeypatch.setattr(driver, "launch", lambda *arguments, **options: None)
    for name, function in micro.items(EMULATED, TINY):
        if name.startswith(("copy", "launch")):
            continue
        with pytest.raises(AssertionError):
            function()


def test_micro_compiles_with_nvrtc():
    try:
        from cupy_backends.cuda.libs import nvrtc

        nvrtc.getVersion()
    except Exception as error:
        skip("nvrtc", f"NVRTC cannot be loaded: {error}")
    cubin, names = driver.compile_cubin(micro.SOURCE, micro.KERNELS, 90)
    assert cubin[:4] == b"\x7fELF"
    assert set(driver.kernel_names(micro.SOURCE)) == {name.split("<")[0] for name in micro.KERNELS}
    assert len(set(names.values())) == len(micro.KERNELS)


def test_every_kernel_reaches_every_instantiation(monkeypatch):
    """What compute-sanitizer sees; nothing is run here, only noted."""
    use_emulator(monkeypatch)
    monkeypatch.setattr(driver, "launch", lambda *arguments, **options: None)
    assert every_kernel.instantiations() <= every_kernel.launch_all(EMULATED)


@pytest.mark.usefixtures("without_gpu")
def test_part_microcircuit_says_what_is_missing(tmp_path, monkeypatch):
    def refuse(name):
        raise ValueError(f"no {name} here")

    monkeypatch.setattr(gpu.engine, "chosen_backend", refuse)
    assert gpu.run_part("microcircuit", tmp_path) == "not available"
    (item,) = written(tmp_path, "microcircuit")["items"]
    assert item["reason"] == "not available yet: no cuda here"


@pytest.mark.usefixtures("without_gpu")
def test_a_part_that_breaks_is_written_down(tmp_path, monkeypatch):
    def breaks(report):
        report.add("first", "passed")
        raise RuntimeError("out of luck")

    monkeypatch.setitem(gpu.PARTS, "breaks", breaks)
    assert gpu.run_part("breaks", tmp_path) == "failed"
    assert "out of luck" in written(tmp_path, "breaks")["items"][1]["error"]


@pytest.mark.usefixtures("without_gpu")
def test_past_its_time_a_part_runs_no_more(tmp_path, monkeypatch):
    monkeypatch.setattr(gpu, "PART_S", 0.0)
    assert gpu.run_part("micro", tmp_path, where=EMULATED, scale=TINY) == "not run"


def test_exit_code_of_the_gpu_command(tmp_path, monkeypatch):
    """One for a part that failed or was cut short, none for what is not there yet."""
    monkeypatch.setattr(driver, "unavailable", lambda: None)
    statuses = {"tests": "passed", "sanitizer": "not found"}
    monkeypatch.setattr(gpu, "run_all", lambda out: statuses)
    arguments = ["gpu", "--out", str(tmp_path)]
    assert CliRunner().invoke(command.app, arguments).exit_code == 0
    statuses["kernels"] = "failed"
    assert CliRunner().invoke(command.app, arguments).exit_code == 1


def test_status_of_a_part_that_died(tmp_path):
    path = tmp_path / "kernels.json"
    assert gpu.read_status(path, -11) == "failed"
    path.write_text('{"status": "passed"}')
    assert gpu.read_status(path, -11) == "failed"
    assert gpu.read_status(path, 0) == "passed"


JUNIT = """<testsuites><testsuite>
<testcase classname="tests.a" name="good[cuda]"/>
<testcase classname="tests.a" name="other[emulated]"><skipped message="no g++"/></testcase>
{more}
</testsuite></testsuites>"""


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ("", "passed"),
        ('<testcase classname="t" name="x[cuda-1]"><skipped/></testcase>', "failed"),
        ('<testcase classname="t" name="x"><failure/></testcase>', "failed"),
        ('<testcase classname="t" name="x"><error/></testcase>', "failed"),
    ],
)
def test_judge(tmp_path, more, status):
    path = tmp_path / "junit.xml"
    path.write_text(JUNIT.format(more=more))
    found = gpu.judge(path, 0, "the end")
    assert found["status"] == status
    assert found["counts"]["passed"] == 1
    assert gpu.judge(path, 1, "")["status"] == "failed"


def test_run_tests_runs_pytest():
    """One test that needs no GPU, in a process of its own."""
    found = gpu.run_tests("test_null_pointer_has_pointer_size", 60.0)
    assert found["status"] == "passed", found
    assert (found["counts"]["passed"], found["counts"]["failed"]) == (1, 0)


def test_run_child_ends_what_hangs():
    started = time.monotonic()
    code = gpu.run_child([sys.executable, "-c", "import time; time.sleep(60)"], 0.5)
    assert code == -1
    assert time.monotonic() - started < 30
    assert gpu.run_child([sys.executable, "-c", "raise SystemExit(3)"], 30.0) == 3


def test_run_stops_what_takes_too_long():
    code, output = gpu.run([sys.executable, "-c", "import time; time.sleep(60)"], 1.0)
    assert code is None
    assert "stopped after" in output


@pytest.mark.parametrize(("code", "status"), [(0, "passed"), (99, "failed")])
@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in is a shell script")
@pytest.mark.usefixtures("without_gpu")
def test_part_sanitizer_with_a_stand_in(tmp_path, monkeypatch, code, status):
    program = tmp_path / "bin" / "compute-sanitizer"
    program.parent.mkdir()
    program.write_text(
        f'#!/bin/sh\necho "called: $*"\necho "========= ERROR SUMMARY: 3 errors"\nexit {code}\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setenv("CUDA_HOME", str(tmp_path))
    assert gpu.find_sanitizer() == str(program)
    assert gpu.run_part("sanitizer", tmp_path / "out") == status
    items = written(tmp_path / "out", "sanitizer")["items"]
    assert [item["name"] for item in items] == list(gpu.SANITIZER_TOOLS)
    assert items[0]["summary"] == "ERROR SUMMARY: 3 errors"


@pytest.mark.usefixtures("without_gpu")
def test_part_sanitizer_without_it(tmp_path, monkeypatch):
    monkeypatch.setattr(gpu, "find_sanitizer", lambda: None)
    assert gpu.run_part("sanitizer", tmp_path) == "not found"
    assert "compute-sanitizer not found" in written(tmp_path, "sanitizer")["items"][0]["reason"]


def test_machine_outside_of_git(tmp_path, monkeypatch):
    monkeypatch.setattr(machine, "ROOT", tmp_path)
    monkeypatch.setenv("CUSNN_COMMIT", "0123abc")
    assert machine.commit() == {"commit": "0123abc", "dirty": None}
    monkeypatch.delenv("CUSNN_COMMIT")
    assert machine.commit() == {"commit": None, "dirty": None}


# ------------------------------------------------------------------ the microcircuit on a GPU


class FakeSimulation:
    """Ten spikes a second of model time, 1,000 events each; a GPU that is 50 times real time."""

    build_s = 0.5
    lost: str | None = None  # the exchange or memory that loses a spike

    def __init__(self, network, backend, exchange=None, recorded=True, memory=None):
        self.exchange, self.recorded, self.memory = exchange, recorded, memory
        # The barrier takes longer, recording too, and so do rings in global memory.
        slow = 1.5 if exchange == "barrier" else 1.0
        self.factor = 0.02 * slow * (1.05 if recorded else 1.0) * (2.0 if memory else 1.0)

    def run(self, duration):
        loses = self.lost is not None and self.lost in (self.exchange, self.memory)
        n = round(duration / 100.0) - loses
        steps = np.arange(n) if self.recorded else np.zeros(0, np.int64)
        FakeSimulation.clock += self.factor * duration / 1000.0
        return SimpleNamespace(steps=steps, neurons=steps, events=1000 * n)


@pytest.fixture
def fake_gpu(monkeypatch):
    """A backend that is there, a clock that runs move on, 100 W of power, 40 W of them idle."""
    monkeypatch.setattr(gpu.engine, "chosen_backend", lambda name: name)
    monkeypatch.setattr(FakeSimulation, "clock", 0.0, raising=False)
    monkeypatch.setattr(FakeSimulation, "lost", None)
    clock = SimpleNamespace(perf_counter=lambda: FakeSimulation.clock)
    monkeypatch.setattr(gpu_microcircuit, "time", clock)

    def energy(work):
        started = FakeSimulation.clock
        work()
        seconds = FakeSimulation.clock - started
        windows = (Window(seconds, 100.0 * seconds),)
        return Measurement("NVML", 100.0 * seconds, None, seconds, windows, idle_w=40.0)

    return {"scale": 0.01, "make": FakeSimulation, "energy": energy}


COMPARED = ("mailbox", "barrier", "mailbox, rings in global memory", "mailbox, scale 0.01")


@pytest.mark.usefixtures("without_gpu")
def test_part_microcircuit_times_all_forms(tmp_path, fake_gpu):
    assert gpu.run_part("microcircuit", tmp_path, **fake_gpu) == "passed"
    items = {item["name"]: item for item in written(tmp_path, "microcircuit")["items"]}
    assert len(items) == 1 + 2 * 2 * 2 + 2 + 2
    compared = items[gpu_microcircuit.COMPARED]["spikes"]
    assert compared == {f"{drive} {form}": 2 for drive in ("dc", "poisson") for form in COMPARED}
    item = items["poisson, mailbox, without recording"]
    assert item["value"] == pytest.approx(0.02)
    # A second of wall time at 50 times real time.
    assert item["model_ms"] == 50_000.0
    assert (item["spikes_recorded"], item["synaptic_events"]) == (0, 500_000)
    # 1 s at 100 W, of which 60 W are above idle, for half a million events.
    assert item["nj_per_event"] == pytest.approx(200_000.0)
    assert item["nj_per_event_above_idle"] == pytest.approx(120_000.0)
    assert item["measurement"]["joules"] == pytest.approx(100.0)
    item = items["dc, mailbox, with recording"]
    assert item["spikes_recorded"] == item["model_ms"] / 100.0 > 0
    item = items["dc, mailbox, with recording, rings in global memory"]
    assert item["value"] == pytest.approx(0.042)
    for form in items[gpu_microcircuit.FASTER]["forms"].values():
        assert (form["faster"], form["times"]) == ("mailbox", pytest.approx(1.5))
    shares = items[gpu_microcircuit.RECORDING]["shares"]
    assert shares == {name: pytest.approx(0.05) for name in shares}
    assert set(shares) == {f"{d}, {e}" for d in ("dc", "poisson") for e in ("mailbox", "barrier")}


@pytest.mark.usefixtures("without_gpu")
def test_part_microcircuit_compares_no_times_that_are_missing(tmp_path, fake_gpu):
    def broken(work):
        raise RuntimeError("the device is lost")

    assert gpu.run_part("microcircuit", tmp_path, **fake_gpu | {"energy": broken}) == "failed"
    items = {item["name"]: item["status"] for item in written(tmp_path, "microcircuit")["items"]}
    assert items.pop(gpu_microcircuit.COMPARED) == "passed"
    assert set(items.values()) == {"failed"}


@pytest.mark.usefixtures("without_gpu")
def test_part_microcircuit_without_a_counter_of_energy(tmp_path, fake_gpu):
    def unknown(work):
        return Measurement("NVML", reason="no counter")

    assert gpu.run_part("microcircuit", tmp_path, **fake_gpu | {"energy": unknown}) == "passed"
    items = {item["name"]: item for item in written(tmp_path, "microcircuit")["items"]}
    item = items["dc, mailbox, with recording"]
    assert item["energy"] == "unknown: no counter"
    assert not {"nj_per_event", "measurement"} & set(item)
    assert (item["runs"], item["value"]) == (3, pytest.approx(0.021))


@pytest.mark.usefixtures("without_gpu")
@pytest.mark.parametrize(
    ("lost", "form"),
    [
        ("mailbox", "mailbox"),
        ("barrier", "barrier"),
        ("global", "mailbox, rings in global memory"),
    ],
)
def test_part_microcircuit_times_nothing_that_differs(tmp_path, fake_gpu, monkeypatch, lost, form):
    monkeypatch.setattr(FakeSimulation, "lost", lost)
    assert gpu.run_part("microcircuit", tmp_path, **fake_gpu) == "failed"
    compared, times = written(tmp_path, "microcircuit")["items"]
    assert f"dc {form}: spikes differ" in compared["error"]
    assert times["status"] == "not run"


def test_exchange_and_memory_reach_the_engine(monkeypatch):
    """With a simulation that notes how it is made, in place of the GPU's."""
    made = []

    def noting(network, *, backend, exchange, spikes):
        shape = gpu_microcircuit.engine.ring_shape(
            network, states=3, channels=1, longest=9, interval=1, processors=4, shared=4096
        )
        made.append((backend, exchange, spikes, shape.memory))

    monkeypatch.setattr(gpu_microcircuit, "Simulation", noting)
    for exchange, memory in (("mailbox", None), ("barrier", "global")):
        gpu_microcircuit.simulated(9, "cuda", exchange, recorded=memory is None, memory=memory)
    assert made == [("cuda", "mailbox", None, "shared"), ("cuda", "barrier", (), "global")]
    assert gpu_microcircuit.engine.ring_shape is gpu_microcircuit.SHAPE
