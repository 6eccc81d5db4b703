"""What a spike costs: exact counts of what ran, published prices, and where spiking wins.

    workload = count_run(result, network)   # or count_model(model, data), Workload.load(file)
    print(estimate(workload, "loihi1"))     # devices() has all, register_device adds one
    print(compare(workload))                # the usual devices; measured and published beside them
    verdict(workload)                       # of inferences: every published threshold

Counts are taken from what runs return, after them; nothing here is in a loop. Closed forms and
others' models are modules: ``crossover`` (where spiking wins), ``lemaire``, ``yan``, ``peers``
(KerasSpiking, syops-counter, SpikingJelly) with the layers of ``shapes``, ``thresholds``, and
``metrics`` (NeuroBench's).
"""

import importlib

# Public name -> the module that defines it, loaded when first asked for.
_HOMES = {
    "cusnn.energy.counts": ("OpCounts", "Workload"),
    "cusnn.energy.layers": ("count_layer", "count_neurons", "count_plasticity", "count_product"),
    "cusnn.energy.models": ("count_activities", "count_conventional", "count_model"),
    "cusnn.energy.networks": ("count_input_spikes", "count_run"),
    "cusnn.energy.placement": ("Placement",),
    "cusnn.energy.assumptions": ("Assumptions",),
    "cusnn.energy.comparison": ("Comparison", "Measured", "compare"),
    "cusnn.energy.published": ("Record", "records"),
    "cusnn.energy.catalogue": (
        "DeviceProfile",
        "Price",
        "device",
        "devices",
        "register_device",
    ),
    "cusnn.energy.thresholds": ("THRESHOLDS", "Threshold", "Verdict", "verdict"),
    "cusnn.energy.estimates": ("estimate",),
    "cusnn.energy.measurement": ("Measurement", "Window"),
    "cusnn.energy.meter": ("Meter", "measure"),
    "cusnn.energy.results": ("EnergyEstimate",),
    "cusnn.energy.units": ("Quantity",),
}
# What is taken as a module, also loaded when first asked for.
_MODULES = ("crossover", "lemaire", "metrics", "peers", "shapes", "thresholds", "yan")
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = sorted(_HOME_OF)


def __getattr__(name: str):
    if name in _MODULES:
        return importlib.import_module(f"cusnn.energy.{name}")
    if name not in _HOME_OF:
        raise AttributeError(f"module 'cusnn.energy' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOME_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*__all__, *_MODULES])
