"""What a process holds before and after very many calls, and the row that the soak programs make of it."""

from __future__ import annotations

import os
import time
from typing import NamedTuple

from loopback import Upstream, until
from measuring import Outcomes, Row, descriptors, resident_mb, scaled, threads

CALLS, STREAMS, WARM = 100_000, 20_000, 10_000
AT_ONCE = 32
GROWTH_MB = 8 * 1.048576  # 8 MiB
POOL_THREADS = min(32, (os.cpu_count() or 1) + 4)  # the most that a loop's own pool starts


class Held(NamedTuple):
    """What a process holds. Connections to the upstream are kept on purpose: they do not count as descriptors."""

    resident: float
    descriptors: int
    tasks: int
    threads: int

    def shown(self, later: Held) -> str:
        pairs = zip(self._fields[1:], self[1:], later[1:], strict=True)
        return "; ".join(f"{name} {before} → {after}" for name, before, after in pairs)

    def is_back(self, later: Held) -> bool:
        """Return whether a later count has grown by 8 MiB at most and is back to this one in everything else.

        The threads of an event loop's pool are started when they are needed and kept, so there may be more of them.
        """
        return (
            later.resident - self.resident <= GROWTH_MB
            and later.descriptors <= self.descriptors
            and later.tasks <= self.tasks
            and later.threads <= self.threads + POOL_THREADS
        )


class Load(NamedTuple):
    """How much is done: whole answers, then streams of which every other one is left early."""

    calls: int
    streams: int
    warm: int

    @classmethod
    def at(cls, scale: float) -> Load:
        return cls(scaled(CALLS, scale, 400), scaled(STREAMS, scale, 80), scaled(WARM, scale, 40))

    @property
    def outcomes(self) -> dict[str, int]:
        left = self.streams // 2
        return {"ok": self.calls + self.streams - left, "left early": left}


def held_by(server: Upstream, tasks: int, pid: int | str = "self") -> Held:
    """Count what a process holds that talks to one upstream, once the upstream has seen the end of what was left."""
    until(lambda: is_settled(server), 10)
    own = descriptors(pid) - server.counts()["open"]
    return Held(resident_mb(pid), own, tasks, threads(pid))


def is_settled(server: Upstream) -> bool:
    before = server.counts()["open"]
    time.sleep(0.2)
    return server.counts()["open"] == before


def soak_row(title: str, load: Load, outcomes: Outcomes, held: list[Held], *, clean: bool) -> Row:
    """Return the row of what was held after the first tenth of the calls, after all of them, and after the streams."""
    warm, middle, end = held
    return Row(
        title,
        f"{load.calls:,} whole, {load.streams:,} streams",
        f"{outcomes.shown()}; resident {warm.resident:.1f} MB after the first tenth, "
        f"{middle.resident - warm.resident:+.1f} after all, {end.resident - warm.resident:+.1f} after the streams; "
        f"{warm.shown(end)}",
        held=outcomes == load.outcomes and warm.is_back(middle) and warm.is_back(end) and clean,
    )
