"""Front doors of the network engine on GPUs: tiles with rings of delays.

As in ``cusnn.ops.network``, neuron g is number g // X of tile g % X, and channel c of a tile's
neuron l is slot c L + l. Row (x, g) holds the synapses of source g onto tile x, in no order, from
``row_starts[x, g]`` to ``row_starts[x, g + 1]``. A synapse is a 32-bit word: slot, then delay - 1
from bit ``slot_bits`` on, integer weight in the high 16 bits; or, where weights need more or slot
and delay more than 16 bits, a word of slot and delay, and a 32-bit weight beside it in ``amounts``.

A block adds the words of a spike into a ring of so many steps as delays last, and takes each step's
sums out when it comes. Sums are those of ``network_advance``, so are the spikes. Rings are in
shared memory, or, where delays are so long that few neurons' rings fit there, in global memory.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from cusnn import contract, dispatch

EXCHANGES = ("mailbox", "barrier")
MEMORIES = ("shared", "global")
# Fewer neurons leave warps of a block without work while every block is one more to hear of.
FEWEST_NEURONS = 128
# Shared memory that the kernel has beside the tile.
KEPT_BYTES = 1024
# Of a row: where it starts, and while it is built its length. Of a synapse, or of its weight.
ROW_BYTES, WORD_BYTES = 12, 4
# Steps of delay, and cells of a tile's rings, that the kernel counts.
LONGEST, MOST_CELLS = 2**15 - 1, 2**31 - 1


class RingShape(NamedTuple):
    """How a network is cut for rings.

    Attributes:
        tiles: number of tiles X.
        slots: steps that a ring holds.
        slot_bits: bits of a word that are a slot.
        wide: whether weights get 32 bits.
        resident: whether each tile can stay in the shared memory of a multiprocessor, but for
            rings in global memory.
        memory: "shared" or "global": where rings are.
    """

    tiles: int
    slots: int
    slot_bits: int
    wide: bool
    resident: bool
    memory: str = "shared"


class RingTables(NamedTuple):
    """What ``network_build_rings`` returns.

    Attributes:
        words: the synapses, uint32 [K].
        amounts: their weights where words do not hold them, int32 [K], or None.
        row_starts: first word of each row, int64 [X, N + 1].
        initial: state at the start, float32 [S, N]; 0 where ``groups`` names nothing.
    """

    words: np.ndarray
    amounts: np.ndarray | None
    row_starts: np.ndarray
    initial: np.ndarray


class RingProgress(NamedTuple):
    """What ``network_advance_rings`` returns.

    Attributes:
        steps: steps done, fewer than asked for where ``room`` might not have been enough.
        events: synaptic events, the number of words that arrived.
        spikes: (step - first step) << 32 | neuron in no order, uint64 [n], on the device.
        recorded: state of the probes after every ``every``-th step, float32 [U, M], on the device.
    """

    steps: int
    events: int
    spikes: np.ndarray
    recorded: np.ndarray


def ring_shape(
    n_neurons: int,
    *,
    states: int,
    channels: int,
    longest: int,
    interval: int,
    wide: bool = False,
    synapses: int | None = None,
    memory: str | None = None,
    processors: int | None = None,
    shared: int | None = None,
) -> RingShape:
    """Tiles that fit into shared memory.

    With F = ``slots`` * ``channels`` + ``states`` + 1 numbers of 4 bytes per neuron (``states`` + 1
    where rings are in global memory), a tile has at most M = ``shared`` / (4 F) neurons, and at
    most as many as slot and delay find bits in a word. Up to M * ``processors`` neurons are cut
    into a tile per multiprocessor, or fewer, so that each has 128 neurons; more are cut into tiles
    of at most M neurons, a multiple of ``processors``.

    Tiles that come and go with their rings move 8 ``slots`` * ``channels`` bytes per neuron and
    exchange; rings in global memory, at most 64 per synaptic event. The former is more below
    ``slots`` * ``channels`` / 8 events per neuron and exchange. And the starts of rows take 12
    bytes per tile and neuron. So rings are in global memory where tiles would come and go and have
    fewer than 128 neurons, or take more memory for starts of rows and synapses.

    Args:
        n_neurons: number of neurons N.
        states: rows of state S.
        channels: input channels of a neuron, 1 or 2.
        longest: longest delay D, steps.
        interval: steps between exchanges of spikes.
        wide: whether weights need 32 bits; they get them too where only then tiles are resident,
            or, with rings in global memory, where tiles are fewer then.
        synapses: their number, where it shall have a say in the choice of ``memory``.
        memory: "shared" or "global"; None for the choice above.
        processors: multiprocessors; None for those of the current GPU.
        shared: bytes of shared memory of a block; None for those of the current GPU.

    Returns:
        RingShape.

    Raises:
        ValueError: delays of more than 32,767 steps, a memory that is neither, or "shared" where
            not even one neuron fits.
    """
    if longest > LONGEST:
        raise ValueError(
            f"ring_shape: longest must be at most {LONGEST:,} steps, got {longest:,}; take shorter "
            f"delays or a larger dt"
        )
    if memory not in (None, *MEMORIES):
        raise ValueError(f"ring_shape: memory must be one of {MEMORIES} or None, got {memory!r}")
    if processors is None or shared is None:
        limits = dispatch.room("cuda", "network").limits()
        processors, shared = processors or limits.processors, shared or limits.shared
    slots, room = ring_slots(longest, interval), (shared - KEPT_BYTES) // 4
    fits = {
        "shared": room // (slots * channels + states + 1),
        "global": min(room // (states + 1), MOST_CELLS // (slots * channels)),
    }
    if memory == "shared" and fits["shared"] < 1:
        raise ValueError(
            f"ring_shape: delays of {longest} steps need rings of {4 * slots * channels:,} bytes "
            f"per neuron, a block has {shared:,} of shared memory; take memory='global', shorter "
            f"delays or a larger dt"
        )
    sizes = n_neurons, channels, longest, wide, processors
    if memory is None:
        memory = _memory(fits, synapses, *sizes)
    tiles, _, wide = _cut(fits[memory], memory == "global", *sizes)
    slot_bits = max(channels * -(-n_neurons // tiles) - 1, 0).bit_length()
    return RingShape(tiles, slots, slot_bits, wide, tiles <= processors, memory)


def _memory(fits: dict[str, int], synapses: int | None, n: int, *sizes) -> str:
    """Where rings are, by the rule of ``ring_shape``; ``sizes`` as for ``_cut``."""
    if not fits["shared"]:
        return "global"
    cuts = [_cut(fits[memory], memory == "global", n, *sizes) for memory in MEMORIES]
    here, there = (
        ROW_BYTES * tiles * n + WORD_BYTES * (1 + wide) * (synapses or 0) for tiles, _, wide in cuts
    )
    tiles, most, _ = cuts[0]
    if tiles <= sizes[-1]:
        return "shared"
    light = synapses is None or here <= there
    return "shared" if most >= FEWEST_NEURONS and light else "global"


def _cut(fits: int, few: bool, n: int, channels: int, longest: int, wide: bool, processors: int):
    """Number of tiles, neurons that one may have, and whether weights get 32 bits.

    Args:
        fits: neurons of a tile for which there is memory.
        few: whether weights get 32 bits wherever tiles are fewer then.
    """
    delay_bits = (longest - 1).bit_length()
    in_word = {bits: 2 ** max(min(bits, 32) - delay_bits, 0) // channels for bits in (16, 31)}
    narrow = min(fits, in_word[16])
    if narrow < 1 or (narrow * processors < n and (few or n <= fits * processors)):
        wide = True
    most = min(fits, in_word[31]) if wide else narrow
    tiles = -(-n // most)
    if tiles <= processors:
        return max(tiles, min(processors, -(-n // FEWEST_NEURONS))), most, wide
    return -(-tiles // processors) * processors, most, wide


def ring_slots(longest: int, interval: int) -> int:
    """Steps that a ring holds: all delays, and Poisson input up to four steps past an exchange."""
    return max(longest + 1, interval + 4)


def network_build_rings(
    tables: dict[str, np.ndarray],
    *,
    n_neurons: int,
    shape: RingShape,
    longest: int,
    states: int,
    channels: int = 1,
    seed: int,
    backend: str | None = None,
) -> RingTables:
    """Draw all synapses on the device, those of ``network_build``, and gather them in rows.

    Args:
        tables: inputs by name, as for ``network_build``, on the device.
        n_neurons: number of neurons N.
        shape: of ``ring_shape``.
        longest: longest delay D, steps.
        states: rows of state S.
        channels: input channels of a neuron, 1 or 2.
        seed: 0 to 2**32 - 1.
        backend: "cuda", or None.

    Returns:
        RingTables.

    Raises:
        TypeError: tables of another dtype, or not on a GPU.
        ValueError: tables of another shape, or slots and delays that find no place in a word.
    """
    op = contract.OPS["network_build_rings"]
    sizes = contract.check(op, **tables)
    _check_word(op.name, shape, n_neurons, longest, channels)
    sizes.update(X=shape.tiles, N=n_neurons, S=states)
    sizes["K"] = int(tables["connections"][:, 1].sum())
    name, xp = _choose(op.name, tables, backend)
    outputs = contract.allocate(op, xp, sizes, () if shape.wide else ("amounts",))
    function = dispatch.function(name, op)
    function(**tables, **outputs, seed=seed, channels=channels, slot_bits=shape.slot_bits)
    del outputs["cursors"]
    return RingTables(**outputs)


def network_advance_rings(
    tables: dict[str, np.ndarray],
    state,
    flight,
    *,
    steps: int,
    room: int,
    shape: RingShape,
    seed: int,
    first_step: int,
    interval: int,
    longest: int,
    channels: int = 1,
    every: int = 1,
    exchange: str = "mailbox",
    blocks: int | None = None,
    backend: str | None = None,
    meanwhile: Callable[[], None] | None = None,
) -> RingProgress:
    """Advance a network by up to ``steps`` steps in one launch; state is written in place.

    What a step does is told at ``network_advance``, and so are tables that are not told of here.

    Args:
        tables: inputs by name, on the device: ``words``, ``amounts``, ``row_starts`` of
            ``network_build_rings``; segments, coefficients, units, stimuli, thresholds,
            event_steps, event_neurons, event_amounts, event_channels, probes.
        state: rows of each model for each tile's neurons, float32 [X, S, L]; changed.
        flight: spikes of the D steps before the first as (D + step - ``first_step``) << 32 |
            neuron, in any order, uint64 [Z].
        steps: steps to do, at most 2**30.
        room: spikes that there is room for, at least ``interval`` times the neurons.
        shape: of ``ring_shape``.
        seed: as for ``network_build_rings``.
        first_step: number of the first step.
        interval: steps between exchanges of spikes: at most the shortest delay, or one more where
            all models are CubaLIF, CubaDualLIF or CobaLIF, in which what arrives moves the
            voltage one step later; and at most the ``interval`` that ``shape`` was made for.
        longest: longest delay D, steps.
        channels: as for ``network_build_rings``.
        every: steps between records of the probes, after each step t with (t + 1) % every = 0.
        exchange: "mailbox" (each block posts a packet that all others wait for) or "barrier" (all
            wait for all); the results are the same.
        blocks: blocks at most; None for the number of multiprocessors.
        backend: "cuda", or None.
        meanwhile: what the host does while the device is at work, or None.

    Returns:
        RingProgress.

    Raises:
        TypeError: arrays of another dtype, or not on a GPU.
        ValueError: shapes that disagree, or a setting out of range.
    """
    op = contract.OPS["network_advance_rings"]
    arrays = {**tables, "state": state, "flight": flight}
    sizes = contract.check(op, {"A": 2, "X": shape.tiles, "P": 3, "R": room}, **arrays)
    _check_word(op.name, shape, sizes["N"], longest, channels)
    if shape.wide != (tables.get("amounts") is not None):
        raise ValueError(
            f"{op.name}: amounts must be given where shape.wide, and None where not; "
            f"got shape.wide={shape.wide}"
        )
    _check_settings(op.name, shape, sizes["N"], interval, longest, steps, room, exchange, blocks)
    sizes["U"] = (first_step + steps) // every - first_step // every
    name, xp = _choose(op.name, arrays, backend)
    outputs = contract.allocate(op, xp, sizes)
    dispatch.function(name, op)(
        **arrays,
        **outputs,
        seed=seed,
        first_step=first_step,
        steps=steps,
        interval=interval,
        every=every,
        longest=longest,
        slots=shape.slots,
        slot_bits=shape.slot_bits,
        channels=channels,
        memory=shape.memory,
        exchange=exchange,
        blocks=blocks,
    )
    if meanwhile is not None:
        meanwhile()
    done, events, spikes = (int(number) for number in outputs["progress"])
    kept = (first_step + done) // every - first_step // every
    return RingProgress(done, events, outputs["spikes"][:spikes], outputs["recorded"][:kept])


def _check_word(op: str, shape: RingShape, n_neurons: int, longest: int, channels: int) -> None:
    slots, bits = channels * -(-n_neurons // shape.tiles), 31 if shape.wide else 16
    needed = shape.slot_bits + (longest - 1).bit_length()
    if slots > 2**shape.slot_bits or needed > bits:
        raise ValueError(
            f"{op}: {slots} slots and {longest} delays must fit {bits} bits of a word, of which "
            f"slot_bits={shape.slot_bits} are for slots; take the shape from ring_shape"
        )


def _check_settings(op, shape, n_neurons, interval, longest, steps, room, exchange, blocks) -> None:
    if exchange not in EXCHANGES:
        raise ValueError(f"{op}: exchange must be one of {', '.join(EXCHANGES)}, got {exchange!r}")
    if not 1 <= interval <= longest + 1:
        raise ValueError(f"{op}: interval must be 1 to {longest + 1}, got {interval}")
    if shape.slots < ring_slots(longest, interval):
        raise ValueError(
            f"{op}: rings must hold {ring_slots(longest, interval)} steps for interval={interval} "
            f"and longest={longest}, got {shape.slots}; take the shape from ring_shape"
        )
    if room < interval * n_neurons:
        raise ValueError(
            f"{op}: room must be at least {interval * n_neurons}, so that all neurons may fire in "
            f"{interval} steps, got {room}"
        )
    if not 0 <= steps <= 2**30:
        raise ValueError(f"{op}: steps must be 0 to {2**30}, got {steps}")
    if blocks is not None and blocks < 1:
        raise ValueError(f"{op}: blocks must be at least 1 or None, got {blocks}")


def _choose(op: str, arrays: dict, backend: str | None):
    if backend not in (None, "cuda"):
        raise ValueError(f"{op}: runs on backend 'cuda' only, got {backend!r}")
    return dispatch.choose(op, arrays, "cuda")
