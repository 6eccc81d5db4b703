"""The table of hardware as Markdown, made from the data files.

    python -m cusnn.energy.hardware > cusnn/energy/hardware.md

writes it anew after a change of the data.
"""

from __future__ import annotations

from cusnn.energy.catalogue import DeviceProfile, Price, devices, registered
from cusnn.energy.charges import CHARGES
from cusnn.energy.profiles import weakest
from cusnn.energy.published import HOW, records
from cusnn.energy.tables import markdown_table
from cusnn.energy.units import si

# Figures of power, the most telling first.
POWER = (
    "tdp",
    "chip_power_operating_point",
    "system_power_max",
    "power_real_time",
    "power_typical",
    "chip_power",
    "chip_power_min",
    "power_max",
    "power_dynamic",
    "chip_power_max",
    "power",
)
SHOWN = (
    "digital_neuromorphic",
    "mixed_signal_neuromorphic",
    "dnn_accelerator",
    "gpu",
    "cpu",
    "biological",
)
HEADER = ("device", "year", "neurons", "synapses", "power", "figures", "scope", "evidence", "from")
INTRODUCTION = """# Hardware of the energy model

Made from `devices.csv`, `profiles.csv` and `records.csv` by `python -m cusnn.energy.hardware`.

A figure is per unit of what it charges. *Scope* says what it holds: one term (per term); everything
the device spent over its synaptic operations, to which nothing is added (all in); an upper bound
from power and rates, or the power of the whole chip (envelope); one inference of the network it was
measured on (per inference); or nothing that its source states (unstated). Of a GPU there is no
energy per operation: its figures are its largest power over its bandwidth and over its arithmetic
(roofline). *Evidence* is the weakest of its figures: read where its authors published it (primary),
read in another's table, catalogue or code (secondary), arithmetic on such figures (derived).
Neurons and synapses are those of the device as named. Where other values are published, the range
stands in brackets. A dash is a figure that has not been published or is not in the data."""
CONDITIONS = "## Conditions\n\nUnder which the figures that are charged hold."
CONSTANTS = """## Constants of processes and models

Of single operations; a dash under scope marks constants that only a model of their own uses."""
RECORDS = """## Published energies of the cortical microcircuit

Per synaptic event of the network (events of the external drive not counted), host included. The
real-time factor is wall time over model time."""


def hardware_markdown() -> str:
    """The document: devices, constants, and records of the microcircuit, with their sources."""
    sources: dict[str, int] = {}
    # What a user registered is not part of the package's documentation.
    shown = [one for name, one in devices().items() if name not in registered()]
    hardware = [_row(one, sources) for one in shown if one.kind in SHOWN]
    constants = [_row(one, sources) for one in shown if one.kind not in SHOWN]
    columns = [0, 5, 6, 7, 8]
    parts = [
        INTRODUCTION,
        markdown_table(HEADER, hardware, right=(1, 2, 3)),
        CONDITIONS,
        "\n".join(line for one in shown for line in _conditions(one)),
        CONSTANTS,
        markdown_table(
            [HEADER[at] for at in columns], [[row[at] for at in columns] for row in constants]
        ),
        RECORDS,
        _records(sources),
        "## Sources\n\n" + "\n".join(f"{at}. {text}" for text, at in sources.items()),
    ]
    return "\n\n".join(parts) + "\n"


def _row(profile: DeviceProfile, sources: dict[str, int]) -> list[str]:
    capacities = [_number(profile.value(what)) for what in ("neurons", "synapses")]
    year = profile.value("year")
    power = next((p for term in POWER for p in profile.prices if p.term == term and p.value), None)
    figures = _figures(profile)
    used = [price for price, _ in figures] + ([power] if power else [])
    used += [p for p in profile.prices if p.term in ("neurons", "synapses", "year")]
    used = used or list(profile.prices)
    places = sorted({sources.setdefault(price.source, len(sources) + 1) for price in used})
    graded = [price.evidence for price, _ in figures if price.value is not None]
    scope = "-" if profile.scope == "constants" else profile.scope.replace("_", " ")
    return [
        profile.title,
        "-" if year is None else f"{year:.0f}",
        *capacities,
        _power(power),
        "; ".join(text for _, text in figures) or "-",
        scope,
        weakest(graded) if graded else "-",
        ", ".join(map(str, places)),
    ]


def _figures(profile: DeviceProfile) -> list[tuple[Price, str]]:
    if profile.scope == "roofline":
        names = ("memory_per_byte", "flop_fp32", "flop_bf16")
        return [(profile.price(name), _figure(profile, profile.price(name))) for name in names]
    charged = list(profile.charged)
    if not charged:
        charged = [p for p in profile.prices if p.scope in ("per_term", "unstated")]
    return [(price, _figure(profile, price)) for price in charged] + [
        (price, f"{price.term.replace('_', ' ')} none published")
        for price in profile.prices
        if price.value is None and price.term in ("synaptic_op", "neuron_update")
    ]


def _figure(profile: DeviceProfile, price: Price) -> str:
    low, high = profile.spread(price.term) if price.charges else (price.value, price.value)
    spread = f" ({low:g} to {high:g})" if low < high else ""
    unit = price.unit.removesuffix("/op")
    name = price.term if price.charges is None else CHARGES[price.charges].text
    same = [p for p in profile.charged if p.charges == price.charges]
    if price.charges is None or len(same) > 1 or price.charges.endswith("_seconds"):
        name = price.term
    return f"{name.replace('_', ' ')} {price.value:g} {unit}{spread}"


def _conditions(profile: DeviceProfile) -> list[str]:
    """A line per condition, with all terms for which it holds."""
    terms: dict[str, list[str]] = {}
    for price in profile.prices:
        if price.charges or price.range_of:
            terms.setdefault(price.condition, []).append(price.term.replace("_", " "))
    return [
        f"- {profile.title}, {', '.join(names)}: {condition or 'not stated'}"
        for condition, names in terms.items()
    ]


def _power(price: Price | None) -> str:
    if price is None:
        return "-"
    about = next((word for word in ("about", "less than") if price.condition.startswith(word)), "")
    words = [word for word in price.term.split("_") if word not in ("chip", "power")]
    kind = f" ({' '.join(words).replace('tdp', 'TDP')})" if words else ""
    return f"{about} {price.value:g} {price.unit.removesuffix('/chip')}{kind}".strip()


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    if value < 1e6:
        return f"{value:,.0f}"
    return si(value).replace("G", "billion").replace("M", "million")


def _records(sources: dict[str, int]) -> str:
    header = ("year", "study", "simulator", "hardware", "drive", "real-time factor")
    header += ("energy per event", "how", "from")
    rows = []
    for one in records():
        energy = "-" if one.how == HOW[2] else si(one.energy_per_event_j, "J", 4)
        place = sources.setdefault(one.source, len(sources) + 1)
        cells = (str(one.year), one.study, one.simulator, one.hardware, one.drive)
        rows.append((*cells, f"{one.real_time_factor:g}", energy, one.how, str(place)))
    return markdown_table(header, rows, right=(0, 5, 6))


if __name__ == "__main__":
    print(hardware_markdown(), end="")
