"""Simulations: a network's arrays and time, its runs, and their results.

    simulation = Simulation(network, backend=None, threads=None)      # builds the synapses
    result = simulation.run(1000.0, progress=lambda done_ms, total_ms: ...)
    more = simulation.run(500.0)             # goes on; run(a), run(b) equals run(a + b)
    simulation.result()                      # everything since the start
    simulation.reset()                       # back to time zero
    simulation.compile_s, build_s, memory    # seconds, seconds, bytes estimated

    result.steps, result.neurons             # spikes, sorted by (time, neuron)
    result.times                             # ms, float64
    result.slices                            # {"L23E": slice(0, 20683), ...}
    result.spikes_of("L23E")                 # times in ms, numbers within the population
    result.counts(skip_ms)                   # spikes of each neuron
    result.rates(skip_ms)                    # {"L23E": 0.9, ...} in Hz
    result.duration, result.wall_s, result.rtf, result.events
    result.about                             # backend, threads, exchange, compile_s, build_s,
                                             # build_cpu_s, run_cpu_s, memory_bytes, synapses, seed
    simulation.events_by_population(result)  # of result.events, int64 [P, P], source and target
    simulation.fan_out.degrees               # synapses of each neuron onto each population
    result.save("spikes.npz"); Result.load("spikes.npz")
    result.save_sonata("spikes.h5"); Result.load_sonata("spikes.h5")  # extra "sonata"

    simulation = Simulation(network, spikes=("E",), record=[
        Record("E", ("v", "i"), neurons=range(10), every=1.0),
    ])
    result.states["E"]["v"]                  # float32 [T, 10]; .times, .neurons

    simulation.save("run.npz")               # a checkpoint, spikes in flight included
    simulation = Simulation.load("run.npz")  # on any backend and threads; goes on bit for bit
    simulation.run(1e4, checkpoint="run.npz", checkpoint_every=1e3)

    memory_estimate(network, backend=None, threads=None)              # bytes, nothing built
    default_threads(network), most_threads()                          # used, and allowed
    stimulus_spikes(network, first_step, n_steps)  # drawn again: of each neuron, int64 [N]

Errors are ValueError, TypeError, or MemoryError where the network does not fit; Ctrl-C raises
KeyboardInterrupt between two calls of the engine, and ``simulation.result()`` then has the spikes
so far.
"""

from cusnn.simulation.memory import memory_estimate
from cusnn.simulation.pace import default_threads, most_threads
from cusnn.simulation.record import Record
from cusnn.simulation.result import Result, States
from cusnn.simulation.simulate import Simulation
from cusnn.simulation.stimuli import stimulus_spikes

__all__ = [
    "Record",
    "Result",
    "Simulation",
    "States",
    "default_threads",
    "memory_estimate",
    "most_threads",
    "stimulus_spikes",
]
