"""The Numba backend in whole processes: its cache on disk, its threading layer, its threads."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numba
import numpy as np
import pytest

from cusnn.backends.numba_cpu import cache, threads

PACKAGE = Path(cache.__file__).resolve().parents[2]


def run(code, folder, **environment):
    """Output of a Python process that finds cusnn in ``folder``."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("NUMBA_", "CUSNN_"))}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**inherited, "NUMBA_NUM_THREADS": "4", "PYTHONPATH": str(folder), **environment},
        cwd=folder,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def copied(tmp_path) -> Path:
    """A copy of the package's sources; returns the folder of the Numba backend."""
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(PACKAGE, tmp_path / "cusnn", ignore=ignored)
    return tmp_path / "cusnn" / "backends" / "numba_cpu"


RESPOND = """
import numpy as np
from cusnn.backends.numba_cpu import cache, encode
from cusnn import encode_population
one = np.ones((1, 1), 'float32')
response = encode_population(one, one[0], 1.0)[0, 0, 0]
print(response, sum(encode.encode_population.stats.cache_hits.values()))
print(cache.folder())
"""


@pytest.mark.slow
def test_a_change_in_another_file_recompiles(tmp_path):
    """``encode_population`` has the exponential of surrogates.py in its machine code."""
    backend = copied(tmp_path)
    here = {"CUSNN_CACHE": str(tmp_path / "cache")}
    response, folder = run(RESPOND, tmp_path, **here).splitlines()
    assert response == "1.0 0"
    assert Path(folder).parent == tmp_path / "cache"
    assert run(RESPOND, tmp_path, **here).splitlines() == ["1.0 1", folder]
    source = backend / "surrogates.py"
    text = source.read_text()
    head, found, body = text.partition("def exp_minus(m):")
    assert found
    source.write_text(f"{head}{found}\n    return np.float32(0.5)\n\n\ndef _old(m):{body}")
    response, changed = run(RESPOND, tmp_path, **here).splitlines()
    assert response == "0.5 0"
    assert changed != folder


PACK = """
import numpy as np
from cusnn.backends.numba_cpu import cache
from cusnn import spike_pack
print(spike_pack(np.ones((1, 3), 'uint8'))[0, 0])
print(cache.folder())
"""


def test_caches_that_are_chosen_and_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    value, folder = run(PACK, PACKAGE.parent, CUSNN_CACHE=str(tmp_path / "file")).splitlines()
    assert value == "7"
    assert not Path(folder).exists(), "the folder of a process goes with it"
    chosen = {"NUMBA_CACHE_DIR": str(tmp_path / "numba"), "CUSNN_CACHE": str(tmp_path / "cusnn")}
    value, folder = run(PACK, PACKAGE.parent, **chosen).splitlines()
    assert value == "7"
    assert Path(folder) == tmp_path / "numba" / f"numba-{cache.digest()}"
    assert any(Path(folder).iterdir())
    assert not (tmp_path / "cusnn").exists()


def test_only_functions_of_the_package_are_located(tmp_path):
    def function():
        pass

    inside = cache.PACKAGE / "encode.py"
    assert cache.Locator.from_function(function, str(inside)).get_source_stamp() == cache.digest()
    for outside in (__file__, tmp_path / "encode.py", cache.PACKAGE / "no.py", "<stdin>"):
        assert cache.Locator.from_function(function, str(outside)) is None


CONCURRENT = """
import threading, numpy as np
from cusnn import decode_count
from cusnn.backends.numba_cpu import threads
spikes = np.ones((50, 64, 4096), 'uint8')
decode_count(spikes)
def work():
    for _ in range(60):
        assert (decode_count(spikes) == 50).all()
workers = [threading.Thread(target=work) for _ in range(3)]
for worker in workers: worker.start()
for worker in workers: worker.join()
print(threads.layer(), threads.one_at_a_time(work) is work)
"""


@pytest.mark.parametrize("layer", ["workqueue", "forksafe", "default"])
def test_python_threads_on_every_layer(layer):
    """On workqueue two calls at a time would abort the process."""
    found = run(CONCURRENT, PACKAGE.parent, NUMBA_THREADING_LAYER=layer)
    name, free = found.split()
    if layer == "workqueue":
        assert name == "workqueue"
    assert free == str(name != "workqueue")


NO_OPENMP = """
import sys, warnings, numpy as np
sys.modules['numba.np.ufunc.omppool'] = sys.modules['numba.np.ufunc.tbbpool'] = None
from cusnn import spike_pack
with warnings.catch_warnings(record=True) as seen:
    warnings.simplefilter('always')
    for _ in range(3):
        spike_pack(np.ones((1, 3), 'uint8'))
print([str(one.message) for one in seen if 'OpenMP' in str(one.message)])
"""


def test_without_openmp_there_is_one_warning():
    found = run(NO_OPENMP, PACKAGE.parent)
    assert found.count("no OpenMP layer here") == 1
    assert "libgomp" in found


@pytest.mark.parametrize("chosen", ["workqueue", "forksafe"])
def test_a_layer_that_the_program_chose_stands(monkeypatch, chosen):
    monkeypatch.setattr(numba.config, "THREADING_LAYER", chosen)
    threads.prefer_openmp()
    assert chosen == numba.config.THREADING_LAYER


NO_LAYER = """
import numba, os
from cusnn import LIF
from cusnn.network import Network, Population
from cusnn.simulation import Simulation
def run():
    neurons = Population(5, LIF(input="voltage"), "a")
    return Simulation(Network([neurons]), threads=2, backend="numba").run(2).n_steps
run()
child = os.fork()
if child == 0:
    os._exit(run())
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 20
try:
    print(numba.threading_layer())
except ValueError:
    print("none")
"""


def test_a_network_starts_no_layer():
    """And leaves no thread behind that a forked process would miss."""
    assert run(NO_LAYER, PACKAGE.parent) == "none"


def test_a_guarded_function_keeps_its_name_and_result(monkeypatch):
    monkeypatch.setattr(threads, "layer", lambda: "workqueue")
    guarded = threads.one_at_a_time(np.add)
    assert guarded.__name__ == "add"
    assert guarded(1, 2) == 3
