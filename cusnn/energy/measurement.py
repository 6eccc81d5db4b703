"""Records of measured energy: windows of work, and what they say of one call."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field


@dataclass(frozen=True)
class Window:
    """One stretch of work.

    Attributes:
        seconds: of wall time.
        joules: that the counter moved by, idle power included.
        calls: how often the work was done in it.
    """

    seconds: float
    joules: float
    calls: int = 1


@dataclass(frozen=True)
class Measurement:
    """Energy that one counter saw, or why it saw none.

    Attributes:
        source: "NVML" (the GPU's whole board) or "RAPL" (CPU packages and their memory).
        joules: of one call, idle power included, median over the windows; None for unknown.
        reason: why ``joules`` is None.
        seconds: wall time of one call, median; None where nothing was timed.
        windows: all of them, in order.
        spread: least and greatest J of one call; None for a single window.
        idle_w: power of the idle machine, W; None where it was not measured.
        tick_s: seconds between two moves of the idle counter; None where it was not measured.
        domains: J of one call by part of the machine, median.
        conditions: of the last window's end: name, driver, clocks, power limit, temperature;
            the most processes that computed on the GPU at the ends of any window.
    """

    source: str
    joules: float | None = None
    reason: str | None = None
    seconds: float | None = None
    windows: tuple[Window, ...] = ()
    spread: tuple[float, float] | None = None
    idle_w: float | None = None
    tick_s: float | None = None
    domains: dict[str, float] = field(default_factory=dict)
    conditions: dict = field(default_factory=dict)

    @property
    def warning(self) -> str | None:
        """What makes the energy doubtful; None for nothing that is known of."""
        processes = self.conditions.get("compute_processes") or 0
        if self.joules is None or processes <= 1:
            return None
        return f"{processes} processes computed on the GPU; the energy is that of all of them"

    @property
    def dynamic_j(self) -> float | None:
        """J of one call above those of the idle machine in the same time; None for unknown."""
        if self.joules is None or self.idle_w is None:
            return None
        return self.joules - self.idle_w * self.seconds

    @property
    def watts(self) -> float | None:
        """Mean power while it worked, W; None for unknown."""
        return None if self.joules is None else self.joules / self.seconds

    def to_dict(self) -> dict:
        """All of it, for JSON."""
        derived = ("dynamic_j", "watts", "warning")
        return {**asdict(self), **{name: getattr(self, name) for name in derived}}
