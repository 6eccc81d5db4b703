"""The devices: published hardware by name, from the package's data files, and what users add."""

from __future__ import annotations

import csv
import functools
from collections.abc import Iterable
from importlib import resources

from cusnn.energy.profiles import KINDS, DeviceProfile, Price, near, one_of

__all__ = ["DeviceProfile", "Price", "device", "devices", "register_device"]

COLUMNS = (
    "name",
    "kind",
    "term",
    "value",
    "unit",
    "scope",
    "charges",
    "range_of",
    "evidence",
    "condition",
    "source",
)
PROFILE_COLUMNS = ("name", "title", "alternatives", "about")


def devices(kind: str | None = None) -> dict[str, DeviceProfile]:
    """Every profile by name: the published ones, then those that were registered.

    Args:
        kind: of ``KINDS``; None for all.

    Raises:
        ValueError: an unknown kind.
    """
    if kind is not None:
        one_of("devices", "kind", kind, KINDS)
    everything = {**_published(), **_REGISTERED}
    return {name: one for name, one in everything.items() if kind in (None, one.kind)}


def device(name: str | DeviceProfile) -> DeviceProfile:
    """A profile by its name; a profile is returned as it is.

    Raises:
        TypeError: neither.
        ValueError: no such device; the message names those that are spelled alike.
    """
    if isinstance(name, DeviceProfile):
        return name
    if not isinstance(name, str):
        raise TypeError(f"device: name must be text or a DeviceProfile, got {name!r}")
    known = devices()
    if name not in known:
        raise ValueError(
            f"device: no device {name!r}{near(name, known)}; `devices()` lists all "
            f"{len(known)}, `register_device` adds one"
        )
    return known[name]


def register_device(
    name: str,
    prices: Iterable[Price],
    *,
    kind: str = "digital_neuromorphic",
    title: str = "",
    about: str = "",
    alternatives: Iterable[str] = (),
    replace: bool = False,
) -> DeviceProfile:
    """Add a device, which ``estimate`` and ``compare`` then know by name.

        register_device("mine", [Price("synaptic_op", 3.0, "pJ/op", "per_term",
                                       condition="28 nm, 0.8 V", charges="synaptic_ops")])

    Args:
        name: not that of another device.
        prices: ``Price``.
        kind, title, about, alternatives: as of ``DeviceProfile``.
        replace: put it in the place of a device that was registered before.

    Returns:
        The profile.

    Raises:
        TypeError: prices or alternatives that are no list.
        ValueError: a name that is taken, an unknown alternative, or what ``DeviceProfile`` refuses.
    """
    profile = DeviceProfile(name, kind, prices, title, about, alternatives)
    known = devices()
    if name in _published() or (name in _REGISTERED and not replace):
        raise ValueError(
            f"register_device: {name!r} is taken by {known[name].title}; take another name"
            + (" or replace=True" if name in _REGISTERED else "")
        )
    for other in profile.alternatives:
        if other not in known:
            raise ValueError(f"register_device: no alternative {other!r}{near(other, known)}")
    _REGISTERED[name] = profile
    return profile


def registered() -> dict[str, DeviceProfile]:
    """The devices that were added, by name."""
    return dict(_REGISTERED)


_REGISTERED: dict[str, DeviceProfile] = {}


@functools.cache
def _published() -> dict[str, DeviceProfile]:
    folder = resources.files("cusnn.energy")
    figures, profiles = (
        folder.joinpath(name).read_text(encoding="utf-8")
        for name in ("devices.csv", "profiles.csv")
    )
    return read_devices(figures.splitlines(), profiles.splitlines())


def read_devices(figures: Iterable[str], profiles: Iterable[str]) -> dict[str, DeviceProfile]:
    """Profiles from the lines of devices.csv and profiles.csv.

    Raises:
        ValueError: a malformed row; the message names the file, the row and the device.
    """
    prices, kinds = {}, {}
    for place, row in rows_of("devices.csv", figures, COLUMNS):
        try:
            name, kind = row["name"], row["kind"]
            if kinds.setdefault(name, kind) != kind:
                raise ValueError(f"kind {kind!r}, but {kinds[name]!r} before")
            prices.setdefault(name, []).append(_read_price(row))
        except (TypeError, ValueError) as error:
            raise ValueError(f"{place} ({row['name']}, {row['term']}): {error}") from error
    found = {}
    for place, row in rows_of("profiles.csv", profiles, PROFILE_COLUMNS):
        name = row["name"]
        try:
            if name in found or name not in prices:
                raise ValueError("a device must stand here once and in devices.csv")
            others = tuple(row["alternatives"].split())
            found[name] = DeviceProfile(
                name, kinds[name], tuple(prices[name]), row["title"], row["about"], others
            )
        except ValueError as error:
            raise ValueError(f"{place} ({name}): {error}") from error
    missing = sorted(set(prices) - set(found))
    unknown = sorted({other for one in found.values() for other in one.alternatives} - set(found))
    if missing or unknown:
        raise ValueError(f"profiles.csv: lacks {missing}, unknown alternatives {unknown}")
    return found


def rows_of(file: str, lines: Iterable[str], columns: tuple[str, ...]):
    """Pairs of a row's place ("devices.csv row 7") and the row as a dict of text.

    Raises:
        ValueError: other columns, or a row with more or fewer.
    """
    reader = csv.reader(lines)
    header = tuple(next(reader, ()))
    if header != columns:
        raise ValueError(f"{file}: columns must be {', '.join(columns)}, got {', '.join(header)}")
    for cells in reader:
        place = f"{file} row {reader.line_num}"
        if len(cells) != len(columns):
            raise ValueError(f"{place}: {len(cells)} cells, there are {len(columns)} columns")
        yield place, dict(zip(columns, cells, strict=True))


def _read_price(row: dict[str, str]) -> Price:
    if not row["name"] or not row["term"] or not row["source"]:
        raise ValueError("name, term and source must not be empty")
    return Price(
        row["term"],
        float(row["value"]) if row["value"] else None,
        row["unit"],
        row["scope"],
        row["condition"],
        row["evidence"],
        row["source"],
        row["charges"] or None,
        row["range_of"] or None,
    )
