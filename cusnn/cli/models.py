"""What commands say of the published networks, and what they compare a run with."""

from __future__ import annotations

from dataclasses import dataclass

from cusnn.cli.settings import Settings, described

DRIVES = {"poisson": "Poisson drive", "dc": "direct current"}
WEIGHTS = {"nest": "NEST's example", "brian2": "Brian 2's example"}


@dataclass(frozen=True)
class Published:
    """A network as it was ordered, and what is published of it.

    Attributes:
        name: of the command.
        title, size: name and source of the model, and which one of its family it is.
        about: its drive or its state.
        options: model options by name.
        network: the description.
        rates: Hz by population, by name of the source; the last is drawn.
        headers: column header of each source.
        marks: name of each source in a picture.
        expected: what is published beside rates, in words.
        warning: what makes the run unlike the published one.
    """

    name: str
    title: str
    size: str
    about: str
    options: dict
    network: object
    rates: dict[str, dict[str, float]]
    headers: dict[str, str]
    marks: dict[str, str]
    expected: str | None = None
    warning: str | None = None


def microcircuit(
    settings: Settings, *, scale: float, drive: str, thalamus: bool = False
) -> Published:
    """The cortical microcircuit; its rates at full size, and NEST's at the same scale."""
    from cusnn import models

    options = {"scale": scale, "drive": drive, "thalamus": thalamus}
    network = described(models.microcircuit, settings, options)
    short, warning = models.microcircuit_scaling(scale, drive).below_rheobase, None
    if drive == "dc" and short:
        warning = (
            f"at this scale the direct current alone makes no neuron of {', '.join(short)} fire; "
            f"they may be silent. Take --drive poisson or a larger scale"
        )
    return Published(
        name="microcircuit",
        title="Cortical microcircuit[/] (Potjans and Diesmann 2014)",
        size=f"at scale {scale:g}",
        about=DRIVES[drive] + (", thalamic pulse at 700 to 710 ms" if thalamus else ""),
        options=options,
        network=network,
        rates=models.microcircuit_rates(scale, drive),
        headers={"published": "published,\nfull size", "nest": f"NEST at\nscale {scale:g}"},
        marks={"published": "published, full size", "nest": "NEST, same scale"},
        expected="rates without the thalamic pulse" if thalamus else None,
        warning=warning,
    )


def brunel(settings: Settings, **options) -> Published:
    """Brunel's network; the mean-field rate of any, and the paper's where it was simulated."""
    from cusnn import models

    options = {name: value for name, value in options.items() if value is not None}
    network = described(models.brunel, settings, options)
    numbers = models.brunel_scaling(**options)
    return Published(
        name="brunel",
        title="Sparse network of delta synapses[/] (Brunel 2000)",
        size=f"of order {options['order']}",
        about=f"g {numbers.g:g}, eta {numbers.eta:g}",
        options={**options, "g": numbers.g, "eta": numbers.eta},
        network=network,
        rates=models.brunel_rates(**options),
        headers={"mean_field": "mean\nfield", "published": "published"},
        marks={"mean_field": "mean field", "published": "published"},
        expected=models.brunel_state(**options),
    )


def vogels_abbott(settings: Settings, **options) -> Published:
    """Vogels and Abbott's networks; NEST's rates where they were measured."""
    from cusnn import models

    network = described(models.vogels_abbott, settings, options)
    kind, weights = options["kind"], options["weights"]
    if kind == "coba" and weights != "nest":
        raise ValueError(f"--weights {weights}: for --kind cuba only, coba has one form")
    in_words = {"in-degree": "fixed in-degree", "probability": "fixed probability"}
    about = f"{options['in_degree']} inputs each, {in_words[options['connectivity']]}"
    if kind == "cuba":
        about += f", weights of {WEIGHTS[weights]}"
    return Published(
        name="vogels-abbott",
        title=f"{kind.upper()} network[/] (Vogels and Abbott 2005, Brette et al. 2007)",
        size=f"of {options['size']:,}",
        about=about,
        options=options,
        network=network,
        rates=models.vogels_abbott_rates(**options),
        headers={"nest": "NEST"},
        marks={"nest": "NEST"},
        expected=models.vogels_abbott_state(),
    )
