"""Say what a conversion does to a call: refuse, or go on and leave an entry behind.

Pure. Used by the bridges and by every hook that converts: nothing happens in silence.

Source: docs/guide/parameters.md, the policies `error`, `drop` and `forward`.
"""

from __future__ import annotations

from dataclasses import dataclass

from llmgate_core.contract.call import Route
from llmgate_core.errors import UnsupportedParamsError

__all__ = ["Ledger", "LedgerEntry"]


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One thing that was done to a call beyond passing it on.

    Attributes:
        parameter: the request's parameter, or the step for one that is no parameter.
        action: `dropped`, `renamed`, `replaced`, `forwarded`, `kept local`, `emulated` or `bridged`.
        reason: why, in words. source: where that is known from.
        lossy: whether something that the caller asked for was lost.
    """

    parameter: str
    action: str
    reason: str
    source: str = ""
    lossy: bool = False

    def __str__(self) -> str:
        source = f" [{self.source}]" if self.source else ""
        return f"{self.parameter} {self.action}: {self.reason}{source}"


class Ledger:
    """Collects the entries of one conversion, under the policy of its route."""

    def __init__(self, route: Route, source: str) -> None:
        self._route = route
        self._source = source
        self._entries: dict[LedgerEntry, None] = {}  # each kind once, in order: a stream repeats itself

    @property
    def entries(self) -> tuple[LedgerEntry, ...]:
        """What was noted so far, each kind once, in order."""
        return tuple(self._entries)

    def unsupported(self, parameter: str, reason: str) -> None:
        """Note that `parameter` has no counterpart and is left out.

        Raises:
            UnsupportedParamsError: the policy is `error`.
        """
        if self._route.param_policy == "error":
            reason = f"{reason} [{self._source}]"
            raise self._route.unsupported(parameter, reason, way_out="drop_params=True leaves it out")
        self.lost(parameter, reason)

    def forwards(self, parameter: str, reason: str) -> bool:
        """Return whether the policy sends `parameter` as it is, noted; else as `unsupported`."""
        if self._route.param_policy != "forward":
            self.unsupported(parameter, reason)
            return False
        self._note(parameter, "forwarded", reason)
        return True

    def refuse(self, parameter: str, reason: str) -> UnsupportedParamsError:
        """Return the error for what no policy lifts."""
        return self._route.refuse(parameter, f"{reason} [{self._source}]")

    def lost(self, parameter: str, reason: str) -> None:
        """Note that something which the caller asked for is left out; core warns of it once."""
        self._note(parameter, "dropped", reason, lossy=True)

    def dropped(self, parameter: str, reason: str) -> None:
        """Note that something is left out by which nothing is lost."""
        self._note(parameter, "dropped", reason)

    def bridged(self, parameter: str, reason: str) -> None:
        """Note a step of conversion by which nothing is lost."""
        self._note(parameter, "bridged", reason)

    def emulated(self, parameter: str, reason: str) -> None:
        """Note something done in another way than the caller's."""
        self._note(parameter, "emulated", reason)

    def _note(self, parameter: str, action: str, reason: str, *, lossy: bool = False) -> None:
        self._entries[LedgerEntry(parameter, action, reason, self._source, lossy)] = None
