"""How a network lies in memory and moves: rows sorted by delay on CPUs, delay rings on GPUs.

Both take and give the same: state in the order of neurons, spikes in flight, stretches of steps.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from cusnn import contract
from cusnn.network import Network
from cusnn.ops import network as engine
from cusnn.simulation.plan import Plan, Sizes

ROOM_FOR_SPIKES = 2**18
LONGEST_INTERVAL = 16
# Numbers of steps with which neither the steps themselves nor the keys of spikes overflow.
MOST_STEPS, MOST_STEPS_OF_KEYS = 2**62, 2**31


class Stretch(NamedTuple):
    """What some steps gave.

    Attributes:
        n_steps: number of steps done, at least one where any were asked for.
        spikes: function that gives steps (absolute) and neurons of the spikes, sorted by (step,
            neuron), int64 and int32 [n].
        events: synaptic events.
        recorded: state of the probes at each sample, float32 [U, M].
    """

    n_steps: int
    spikes: Callable[[], tuple[np.ndarray, np.ndarray]]
    events: int
    recorded: np.ndarray


class Moment(NamedTuple):
    """All that a network is at the beginning of a step.

    Attributes:
        step: the step to come.
        state: rows of each model, in the order of neurons, float32 [S, N].
        steps, neurons: spikes of the last D steps, sorted, int64 and int32 [n].
    """

    step: int
    state: np.ndarray
    steps: np.ndarray
    neurons: np.ndarray


class Synapses(NamedTuple):
    """Synapses of some neurons, as they were built.

    Attributes:
        rows: position of the source among the neurons that were asked for, int64 [n].
        targets: neuron, int64 [n].
        delays: steps, int64 [n].
    """

    rows: np.ndarray
    targets: np.ndarray
    delays: np.ndarray


def has_rings(backend: str) -> bool:
    """Whether a backend lays networks out in rings."""
    return backend in contract.OPS["network_advance_rings"].backends


def layout(
    planned: Plan,
    *,
    threads: int,
    backend: str,
    exchange: str | None = None,
    memory: str | None = None,
    tell: Callable[[float], None] | None = None,
) -> SortedRows | Rings:
    """A network built as its backend wants it."""
    if has_rings(backend):
        return Rings(planned, backend=backend, exchange=exchange, memory=memory)
    return SortedRows(planned, threads=threads, backend=backend, tell=tell)


def tiles_for(n_neurons: int, channels: int, threads: int) -> int:
    """A tile per thread, and none too large."""
    return max(min(threads, n_neurons), engine.fewest_tiles(n_neurons, channels))


def interval_of(shortest: int, late: bool) -> int:
    """Steps between exchanges of spikes; one more where input moves voltages a step later."""
    return min(shortest + late, LONGEST_INTERVAL)


def ring_shape_of(network: Network, sizes: Plan | Sizes, memory: str | None = None):
    """How a network is cut for rings; ``memory`` as for ``ops.network.ring_shape``."""
    return engine.ring_shape(
        network.size,
        states=sizes.states,
        channels=sizes.channels,
        longest=sizes.longest,
        interval=interval_of(sizes.shortest, sizes.late),
        wide=sizes.wide,
        synapses=network.n_synapses,
        memory=memory,
    )


class SortedRows:
    """Tiles on CPU threads, rows of synapses sorted by delay.

    Args:
        planned: tables of the network.
        threads, backend, tell: as for ``ops.network.network_build``.

    Attributes:
        initial: state at the start where ``planned.build`` says it, float32 [S, N].
        most_steps: steps since time zero that it can count.
        fewest_steps: steps of a call below which what it begins with takes longer than they do.
    """

    most_steps, fewest_steps = MOST_STEPS, 1

    def __init__(
        self,
        planned: Plan,
        *,
        threads: int,
        backend: str,
        tell: Callable[[float], None] | None = None,
    ):
        network, channels = planned.network, planned.channels
        self._planned, self._tiles = planned, tiles_for(network.size, channels, threads)
        self._options = {"seed": network.seed, "backend": backend, "channels": channels}
        built = engine.network_build(
            planned.build,
            n_neurons=network.size,
            tiles=self._tiles,
            longest=planned.longest,
            states=planned.states,
            wide=planned.wide,
            threads=threads,
            tell=tell,
            **self._options,
        )
        self.initial = built.initial
        names = ("words", "amounts", "row_starts", "offsets")
        self._synapses = {name: getattr(built, name) for name in names}
        self._interval = interval_of(planned.shortest, planned.late)

    def prepare(self, tables: dict[str, np.ndarray]) -> None:
        """Tables, probes among them, that hold from the next step on."""
        self._tables = {**self._synapses, **tables}

    def load(self, moment: Moment) -> None:
        """Stand at a moment."""
        self._step = moment.step
        self._state = by_tile(moment.state, self._tiles)
        longest, n = self._planned.longest, self._planned.network.size
        edges = np.arange(moment.step - longest, moment.step + 1)
        self._starts = np.searchsorted(moment.steps, edges).astype(np.int64)
        room = moment.neurons.size + n * min(4, self._interval) + ROOM_FOR_SPIKES
        self._spikes = np.empty(room, np.int32)
        self._spikes[: moment.neurons.size] = moment.neurons

    def moment(self) -> Moment:
        """Where it stands."""
        end, longest = self._starts[-1], self._planned.longest
        steps = np.arange(self._step - longest, self._step)
        return Moment(
            self._step,
            by_neuron(self._state, self._planned.network.size),
            np.repeat(steps, np.diff(self._starts)),
            self._spikes[:end].copy(),
        )

    def advance(
        self, steps: int, every: int, threads: int, meanwhile: Callable[[], None]
    ) -> Stretch:
        """Do up to so many steps, and sample the probes every ``every`` steps.

        Args:
            meanwhile: what else there is to do, which need not wait for the steps. Where there is
                no memory for it, it may be left undone.
        """
        meanwhile()
        longest = self._planned.longest
        self._make_room()
        starts = np.zeros(longest + steps + 1, np.int64)
        starts[: longest + 1] = self._starts
        done, events, recorded = engine.network_advance(
            self._tables,
            self._state,
            self._spikes,
            starts,
            first_step=self._step,
            interval=self._interval,
            every=every,
            threads=threads,
            **self._options,
        )
        begin, end = starts[longest], starts[longest + done]
        offsets = np.repeat(np.arange(done), np.diff(starts[longest : longest + done + 1]))
        offsets, neurons = sorted_spikes(offsets << 32 | self._spikes[begin:end])
        self._spikes[begin:end] = neurons
        keys = self._step + offsets, neurons
        stretch = Stretch(done, lambda: keys, events, recorded)
        # The spikes of the last longest-delay steps are all that is in flight.
        first = starts[done]
        self._spikes[: end - first] = self._spikes[first:end].copy()
        self._starts = starts[done : done + longest + 1] - first
        self._step += done
        return stretch

    def has_numbers(self) -> bool:
        """Whether the voltages of all neurons are finite."""
        return bool(np.isfinite(self._state[:, 0]).all())

    def row_lengths(self) -> np.ndarray:
        """Synapses of each neuron onto each tile, int64 [X, N]."""
        return self._synapses["offsets"][:, :, -1].astype(np.int64)

    def synapses(self, sources: np.ndarray) -> Synapses:
        """Synapses of these neurons, int64 [n], read back."""
        offsets = self._synapses["offsets"][:, sources].astype(np.int64)
        lengths = offsets[:, :, -1]
        words = self._synapses["words"][_places(self._synapses["row_starts"][:, sources], lengths)]
        each = np.diff(offsets).ravel()
        delays = np.repeat(np.arange(each.size) % self._planned.longest + 1, each)
        slots = words if self._planned.wide else words & 0xFFFF
        return _read_back(slots, delays, lengths, self._planned.network.size)

    def _make_room(self) -> None:
        """Room for the spikes in flight and for one exchange in which everyone fires each step."""
        needed = int(self._starts[-1]) + self._interval * self._planned.network.size
        if self._spikes.size < needed:
            grown = np.empty(2 * needed, np.int32)
            grown[: self._starts[-1]] = self._spikes[: self._starts[-1]]
            self._spikes = grown


class Rings:
    """Tiles on blocks of a GPU, with delay rings.

    Args:
        planned: tables of the network.
        backend: as for ``ops.network.network_build_rings``.
        exchange: as for ``ops.network.network_advance_rings``; None for its default.
        memory: as for ``ops.network.ring_shape``.

    Attributes:
        initial, most_steps, fewest_steps: as of ``SortedRows``. A launch fills the rings from the
            spikes of as many steps as the longest delay has.
    """

    most_steps = MOST_STEPS_OF_KEYS

    def __init__(
        self,
        planned: Plan,
        *,
        backend: str,
        exchange: str | None = None,
        memory: str | None = None,
    ):
        network = planned.network
        self._planned, self._library = planned, engine.array_library(backend)
        self._interval = interval_of(planned.shortest, planned.late)
        self.fewest_steps = planned.longest
        sizes = {
            "states": planned.states,
            "channels": planned.channels,
            "longest": planned.longest,
        }
        self._shape = ring_shape_of(network, planned, memory)
        built = engine.network_build_rings(
            self._on_device(planned.build),
            n_neurons=network.size,
            shape=self._shape,
            seed=network.seed,
            backend=backend,
            **sizes,
        )
        self.initial = on_host(built.initial)
        names = ("words", "amounts", "row_starts")
        self._synapses = {name: getattr(built, name) for name in names}
        self._options = {"seed": network.seed, "backend": backend, "channels": planned.channels}
        if exchange is not None:
            self._options["exchange"] = exchange

    def prepare(self, tables: dict[str, np.ndarray]) -> None:
        """Tables, probes among them, that hold from the next step on."""
        self._tables = {**self._synapses, **self._on_device(tables)}

    def load(self, moment: Moment) -> None:
        """Stand at a moment."""
        self._step = moment.step
        self._state = self._library.asarray(by_tile(moment.state, self._shape.tiles))
        keys = moment.steps.astype(np.uint64) << np.uint64(32) | moment.neurons.astype(np.uint64)
        self._flight = self._library.asarray(keys)

    def moment(self) -> Moment:
        """Where it stands."""
        state = by_neuron(on_host(self._state), self._planned.network.size)
        return Moment(self._step, state, *sorted_spikes(on_host(self._flight)))

    def advance(
        self, steps: int, every: int, threads: int, meanwhile: Callable[[], None]
    ) -> Stretch:
        """Do up to so many steps in one launch, and ``meanwhile`` while it runs."""
        longest, step = self._planned.longest, self._step

        def beside():
            # It is asked for again when the steps, which are under way, have been counted.
            with contextlib.suppress(MemoryError):
                meanwhile()

        done, events, spikes, recorded = engine.network_advance_rings(
            self._tables,
            self._state,
            # Added before it is taken away, for keys have no sign.
            self._flight + _key(longest) - _key(step),
            steps=steps,
            room=self._interval * self._planned.network.size + ROOM_FOR_SPIKES,
            shape=self._shape,
            first_step=step,
            interval=self._interval,
            longest=longest,
            every=every,
            meanwhile=beside,
            **self._options,
        )
        keys = self._library.sort(spikes) + _key(step)
        self._step += done
        self._flight = self._library.concatenate([self._flight, keys])
        # The spikes of the last longest-delay steps are all that is in flight.
        self._flight = self._flight[self._flight >= _key(max(self._step - longest, 0))]
        found = on_host(keys)
        return Stretch(done, lambda: _parts(found), events, on_host(recorded))

    def has_numbers(self) -> bool:
        """Whether the voltages of all neurons are finite."""
        return bool(self._library.isfinite(self._state[:, 0]).all())

    def row_lengths(self) -> np.ndarray:
        """As of ``SortedRows``."""
        return np.diff(on_host(self._synapses["row_starts"]))

    def synapses(self, sources: np.ndarray) -> Synapses:
        """As of ``SortedRows``."""
        row_starts, which = self._synapses["row_starts"], self._library.asarray(sources)
        starts = on_host(row_starts[:, which])
        lengths = on_host(row_starts[:, which + 1]) - starts
        places = self._library.asarray(_places(starts, lengths))
        words = on_host(self._synapses["words"][places]).astype(np.int64)
        words &= 0xFFFFFFFF if self._shape.wide else 0xFFFF
        bits = self._shape.slot_bits
        slots, delays = words & (1 << bits) - 1, (words >> bits) + 1
        return _read_back(slots, delays, lengths, self._planned.network.size)

    def _on_device(self, tables: dict[str, np.ndarray]) -> dict:
        return {name: self._library.asarray(table) for name, table in tables.items()}


def _key(step: int) -> np.uint64:
    return np.uint64(step << 32)


def _places(starts: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """starts, starts + 1, ... of every row, as many as it is long, int64."""
    starts, lengths = starts.ravel(), lengths.ravel()
    before = np.cumsum(lengths) - lengths
    return np.arange(lengths.sum()) + np.repeat(starts - before, lengths)


def _read_back(slots, delays, lengths: np.ndarray, n_neurons: int) -> Synapses:
    """Synapses of rows [X, n], whose slots and delays stand one after the other."""
    tiles, rows = lengths.shape
    row = np.repeat(np.arange(tiles * rows), lengths.ravel())
    tile, row = row // max(rows, 1), row % max(rows, 1)
    return Synapses(row, slots.astype(np.int64) % -(-n_neurons // tiles) * tiles + tile, delays)


def on_host(array) -> np.ndarray:
    """The values of an array of any library as a NumPy array."""
    return array if isinstance(array, np.ndarray) else array.get()


def sorted_spikes(keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Steps (int64) and neurons (int32) of keys step << 32 | neuron, sorted."""
    return _parts(np.sort(keys))


def _parts(keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    keys = keys.astype(np.int64)
    return keys >> 32, (keys & 0x7FFFFFFF).astype(np.int32)


def by_tile(state: np.ndarray, tiles: int) -> np.ndarray:
    """State [S, N] as [X, S, L]: neuron g is number g // X of tile g % X."""
    rows, n = state.shape
    padded = np.zeros((rows, -(-n // tiles) * tiles), np.float32)
    padded[:, :n] = state
    return np.ascontiguousarray(padded.reshape(rows, -1, tiles).transpose(2, 0, 1))


def by_neuron(state: np.ndarray, n: int) -> np.ndarray:
    """What ``by_tile`` was given."""
    return np.ascontiguousarray(state.transpose(1, 2, 0).reshape(state.shape[1], -1)[:, :n])
