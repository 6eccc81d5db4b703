"""Prices of arithmetic, of memory and of routing, in pJ, that crossovers are computed from."""

from __future__ import annotations

from dataclasses import dataclass

from cusnn.energy.bounds import bounded, whole
from cusnn.energy.catalogue import device
from cusnn.energy.profiles import one_of
from cusnn.energy.units import Quantity


@dataclass(frozen=True)
class CostModel:
    """Energies of operations and of bits, in pJ.

    Args:
        name: of the model.
        add, multiply: of ``operand_bits``.
        operand_bits: width of both.
        weight_bit, state_bit: reading a bit of a weight; reading or writing one of state.
        dense_bit_hop, sparse_bit_hop: moving a bit of an activation, or a spike, by one hop; None
            where there is no price.
        condition: what the prices hold for.
        evidence: the weakest grade of a price.
        source: of the prices.

    Raises:
        TypeError, ValueError: no numbers, negative or not finite.
    """

    name: str
    add: float
    multiply: float
    operand_bits: int
    weight_bit: float
    state_bit: float
    dense_bit_hop: float | None = None
    sparse_bit_hop: float | None = None
    condition: str = ""
    evidence: str = ""
    source: str = ""

    def __post_init__(self):
        owner = f"CostModel {self.name!r}"
        for name in ("add", "multiply", "weight_bit", "state_bit"):
            bounded(owner, name, getattr(self, name))
        for name in ("dense_bit_hop", "sparse_bit_hop"):
            if getattr(self, name) is not None:
                bounded(owner, name, getattr(self, name))
        whole(owner, "operand_bits", self.operand_bits, least=1)

    def addition(self, bits):
        """pJ of an addition of numbers of that many bits."""
        return self.add * (bits / self.operand_bits)

    def multiplication(self, bits, other):
        """pJ of a multiplication of a number of ``bits`` by one of ``other`` bits."""
        return self.multiply * (bits * other / self.operand_bits**2)


# Where weights lie -> the term of Horowitz's price of 64 bits, and how it is printed.
WEIGHT_MEMORIES = {
    "sram_8kib": ("sram_8kib_64bit", "8 KiB SRAM"),
    "sram_32kib": ("sram_32kib_64bit", "32 KiB SRAM"),
    "sram_1mib": ("sram_1mib_64bit", "1 MiB SRAM"),
    "dram": ("dram_64bit_min", "DRAM"),
}


def cost_model(weights: str = "sram_32kib") -> CostModel:
    """Prices of 45 nm CMOS from the table of devices, with Yan's prices of routing at 22 nm.

    Integers of 32 bits, potentials in SRAM of 8 KiB.

    Args:
        weights: where weights lie: "sram_8kib", "sram_32kib", "sram_1mib" or "dram".

    Returns:
        The cost model.

    Raises:
        ValueError: another memory.
    """
    one_of("cost_model", "weights", weights, WEIGHT_MEMORIES)
    term, memory = WEIGHT_MEMORIES[weights]
    horowitz, yan = device("horowitz45"), device("yan22")
    return CostModel(
        name=f"45 nm integers, weights in {memory}",
        add=_picojoules(horowitz, "int32_add"),
        multiply=_picojoules(horowitz, "int32_mul"),
        operand_bits=32,
        weight_bit=_picojoules(horowitz, term) / 64,
        state_bit=_picojoules(horowitz, "sram_8kib_64bit") / 64,
        dense_bit_hop=_picojoules(yan, "onchip_dense_per_bit_hop"),
        sparse_bit_hop=_picojoules(yan, "onchip_sparse_per_bit_hop"),
        condition="45 nm, 0.9 V; routing of 22 nm",
        evidence="derived",
        source="Horowitz, ISSCC 2014; routing: Yan et al., arXiv:2409.08290",
    )


def _picojoules(profile, term: str) -> float:
    price = profile.price(term)
    return Quantity(price.value, price.unit).to("pJ/" + price.unit.split("/", 1)[1]).value
