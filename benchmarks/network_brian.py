"""A ``Network`` as a C++ program of Brian 2 (standalone, float32): written, compiled, run.

Every form is the one that Brian 2 runs fastest: one group of neurons, constant weights and delays
not stored, as few ``Synapses`` as can be, drawn ones sorted by source.
"""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from cusnn.network import FixedInDegree, FixedTotalNumber, Normal, Uniform
from cusnn.neurons import LIF, CubaLIF

COUNTED, SPIKES = "*spikemonitor_count*", "*spikemonitor_{}_*"
# The clock of ``time.monotonic``; main.cpp includes <time.h>.
MARK = """{{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    std::cout << "mark " << now.tv_sec << "." << std::to_string(1000000000 + now.tv_nsec).substr(1)
              << " {}" << std::endl;
}}"""


def compile_program(network, folder: Path, threads: int, stretches: list[float], record: bool):
    """Write and compile the program; seconds for each.

    Args:
        network: the description.
        folder: for the sources and the program.
        threads: of OpenMP; 1 is a program without it.
        stretches: model time of each call of ``run``, ms.
        record: keep spikes; else they are counted only.
    """
    import brian2

    started = time.perf_counter()
    brian2.prefs.core.default_float_dtype = np.float32
    brian2.prefs.devices.cpp_standalone.openmp_threads = threads if threads > 1 else 0
    brian2.set_device("cpp_standalone", directory=str(folder), build_on_run=False)
    brian2.defaultclock.dt = network.dt * brian2.ms
    brian2.seed(network.seed)
    objects = build(brian2, network)
    objects.append(brian2.SpikeMonitor(objects[0], record=record, name="spikemonitor"))
    simulation = brian2.Network(*objects)
    for stretch in stretches:
        brian2.device.insert_code("main", MARK.format("begin"))
        simulation.run(stretch * brian2.ms, namespace={})
    brian2.device.insert_code("main", MARK.format("end"))
    written = time.perf_counter()
    brian2.device.build(directory=str(folder), compile=True, run=False, clean=False)
    return {"write_s": written - started, "compile_s": time.perf_counter() - written}


def run_program(folder: Path) -> dict:
    """Run a compiled program.

    Returns:
        Seconds of the build and of every stretch, and the most memory that it held.
    """
    started = time.monotonic()
    with subprocess.Popen(["./main"], cwd=folder, stdout=subprocess.PIPE, text=True) as process:
        output = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise RuntimeError(f"network_brian: the program ended with {process.returncode}: {output}")
    marks = [float(line.split()[1]) for line in output.splitlines() if line.startswith("mark ")]
    unit = 1 if sys.platform == "darwin" else 1024
    return {
        "build_s": marks[0] - started,
        "run_s": np.diff(marks).tolist(),
        "peak_memory_bytes": usage.ru_maxrss * unit,
    }


def spike_count(folder: Path) -> int:
    """Spikes of all stretches."""
    return int(_result(folder, COUNTED, np.int32).sum())


def spikes(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Times (ms) and neurons of all stretches."""
    times = _result(folder, SPIKES.format("t"), np.float64)
    return 1000.0 * times, _result(folder, SPIKES.format("i"), np.int32)


def _result(folder: Path, pattern: str, dtype) -> np.ndarray:
    (path,) = (Path(folder) / "results").glob(pattern)
    return np.fromfile(path, dtype)


def build(brian2, network) -> list:
    """The group of all neurons, its synapses and its input.

    Raises:
        TypeError: populations of several kinds, or a part that is not known here.
    """
    group = neurons(brian2, network)
    constant, drawn = [], []
    for projection in network.projections:
        plain = isinstance(projection.weight, float) and isinstance(projection.delay, float)
        in_degree = isinstance(projection.connector, FixedInDegree)
        (constant if plain and in_degree else drawn).append(projection)
    objects = [group]
    for pre, part, projection in merged(network, constant):
        objects.append(fixed_in_degree(brian2, network, group, pre, part, projection))
    if drawn:
        objects.append(listed(brian2, network, group, drawn))
    for stimulus in network.stimuli:
        objects.append(
            brian2.PoissonInput(
                group[network.slices[stimulus.population]],
                target(network, stimulus.weight),
                N=stimulus.sources,
                rate=stimulus.rate * brian2.Hz,
                weight=stimulus.weight,
            )
        )
    return objects


def neurons(brian2, network):
    """One group; what differs between populations is the constant current and the first voltage."""
    neuron = network.populations[0].neuron
    ms = brian2.ms
    varied = {"i_offset"}
    alike = {k: v for k, v in parameters(neuron).items() if k not in varied}
    for population in network.populations:
        own = {k: v for k, v in parameters(population.neuron).items() if k not in varied}
        if type(population.neuron) is not type(neuron) or own != alike:
            raise TypeError("network_brian: all populations must have the same kind of neuron")
    drives = [p.neuron.v_leak + p.neuron.r * p.neuron.i_offset for p in network.populations]
    same = len(set(drives)) == 1
    equations, namespace = membrane(neuron, ms)
    if same:
        namespace["drive"] = drives[0]
    else:
        equations += "\ndrive : 1 (constant)"
    group = brian2.NeuronGroup(
        network.size,
        equations,
        threshold="v >= v_threshold",
        reset="v = v_reset",
        # Brian 2 lets a neuron move again in the step that ends its rest; NEST and cusnn after it.
        refractory=neuron.t_refractory * ms + network.dt * ms if neuron.t_refractory else False,
        method="exact",
        namespace=namespace | {"v_threshold": neuron.v_threshold, "v_reset": neuron.v_reset},
        name="neurons",
    )
    for population, part, drive in zip(
        network.populations, network.slices.values(), drives, strict=True
    ):
        if not same:
            group[part].drive = drive
        group[part].v = first_voltage(population)
    return group


def parameters(neuron) -> dict:
    """A neuron's own parameters by name, without what it remembers of the last step."""
    return {field.name: getattr(neuron, field.name) for field in dataclasses.fields(neuron)}


def membrane(neuron, ms) -> tuple[str, dict]:
    """Equations and their constants."""
    rest = " (unless refractory)" if neuron.t_refractory else ""
    namespace = {"tau_mem": neuron.tau_mem * ms}
    if isinstance(neuron, LIF) and neuron.input == "voltage":
        return f"dv/dt = (drive - v) / tau_mem : 1{rest}", namespace
    if not isinstance(neuron, CubaLIF):
        raise TypeError(f"network_brian: no equations are known for {neuron!r}")
    namespace |= {"r": neuron.r, "tau_exc": neuron.tau_syn * ms}
    inhibitory = getattr(neuron, "tau_syn_inh", None)
    if inhibitory is None:
        current, more = "i_exc", ""
    else:
        current, more = "(i_exc + i_inh)", "\ndi_inh/dt = -i_inh / tau_inh : 1"
        namespace["tau_inh"] = inhibitory * ms
    equations = f"dv/dt = (drive - v + r * {current}) / tau_mem : 1{rest}"
    return f"{equations}\ndi_exc/dt = -i_exc / tau_exc : 1{more}", namespace


def target(network, weight: float) -> str:
    """The variable that a weight is added to."""
    neuron = network.populations[0].neuron
    if isinstance(neuron, LIF):
        return "v"
    dual = getattr(neuron, "tau_syn_inh", None) is not None
    return "i_inh" if dual and weight < 0 else "i_exc"


def first_voltage(population):
    v = population.v
    if isinstance(v, Normal):
        if v.low is not None or v.high is not None:
            raise TypeError(f"network_brian: bounds of the first voltage are not known, got {v}")
        return f"{v.mean} + {v.sd} * randn()"
    if isinstance(v, Uniform):
        return f"{v.low} + {v.high - v.low} * rand()"
    return population.neuron.v_leak if v is None else v


def merged(network, projections) -> list[tuple]:
    """Projections of one source that differ in their target only, as one onto all neurons."""
    groups: dict[tuple, list] = {}
    for projection in projections:
        key = (projection.pre, projection.connector, projection.weight, projection.delay)
        groups.setdefault(key, []).append(projection)
    labels = {population.label for population in network.populations}
    found = []
    for (pre, *_), group in groups.items():
        if len(group) == len(labels) and {projection.post for projection in group} == labels:
            found.append((network.slices[pre], slice(0, network.size), group[0]))
        else:
            found += [(network.slices[pre], network.slices[p.post], p) for p in group]
    return found


def fixed_in_degree(brian2, network, group, pre: slice, post: slice, projection):
    """Constant weight and delay; sources drawn with replacement.

    Without it, as by Brian 2's ``sample``, no source counts twice, and the variance of the input of
    Brunel's network is a tenth less.
    """
    name = target(network, projection.weight)
    synapses = brian2.Synapses(
        group[pre],
        group[post],
        on_pre=f"{name}_post += {projection.weight}",
        delay=projection.delay * brian2.ms,
    )
    size, k = pre.stop - pre.start, projection.connector.k
    synapses.connect(i=f"int({size} * rand()) for _ in range({k})")
    return synapses


def listed(brian2, network, group, projections):
    """All drawn synapses in one ``Synapses``, by NumPy."""
    rng = np.random.default_rng(network.seed)
    columns = [draw(rng, network, projection) for projection in projections]
    sources, targets, weights, delays = map(np.concatenate, zip(*columns, strict=True))
    del columns
    if target(network, 1.0) != target(network, -1.0):
        raise TypeError("network_brian: drawn weights need one synaptic current")
    order = np.argsort(sources, kind="stable")
    synapses = brian2.Synapses(
        group, group, "w : 1", on_pre=f"{target(network, 1.0)}_post += w", name="synapses"
    )
    synapses.connect(i=sources[order], j=targets[order])
    synapses.w = weights[order]
    synapses.delay = delays[order] * brian2.ms
    return synapses


def draw(rng, network, projection) -> tuple[np.ndarray, ...]:
    """Sources, targets (numbers in the network), weights and delays (ms) of a projection."""
    pre, post = network.slices[projection.pre], network.slices[projection.post]
    connector = projection.connector
    if isinstance(connector, FixedTotalNumber):
        n = connector.n
        targets = rng.integers(post.start, post.stop, n, np.int32)
    elif isinstance(connector, FixedInDegree):
        n = connector.k * (post.stop - post.start)
        targets = np.repeat(np.arange(post.start, post.stop, dtype=np.int32), connector.k)
    else:
        raise TypeError(f"network_brian: no rule is known for {connector!r}")
    sources = rng.integers(pre.start, pre.stop, n, np.int32)
    delays = sample(rng, projection.delay, n)
    steps = np.maximum(np.rint(delays / network.dt), 1)
    return sources, targets, sample(rng, projection.weight, n), steps * np.float32(network.dt)


def sample(rng, given, n: int) -> np.ndarray:
    """n numbers of a distribution, float32."""
    if isinstance(given, Uniform):
        return rng.uniform(given.low, given.high, n).astype(np.float32)
    if not isinstance(given, Normal):
        return np.full(n, given, np.float32)
    low, high = given.bounds()
    found = rng.normal(given.mean, given.sd, n).astype(np.float32)
    while (outside := np.flatnonzero((found < low) | (found > high))).size:
        found[outside] = rng.normal(given.mean, given.sd, outside.size)
    return found
