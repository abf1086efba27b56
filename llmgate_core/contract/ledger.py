"""Record what a conversion changes in a call, or raise if the policy does not allow the change.

Pure. Used by the bridges and by every hook that converts: nothing is changed silently.

Source: docs/guide/parameters.md, the policies `error`, `drop` and `forward`.
"""

from __future__ import annotations

from dataclasses import dataclass

from llmgate_core.contract.call import Route
from llmgate_core.errors import UnsupportedParamsError

__all__ = ["Ledger", "LedgerEntry"]


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One change that was made to a call.

    Attributes:
        parameter: the request parameter, or the name of a conversion step that concerns no parameter.
        action: `dropped`, `renamed`, `replaced`, `forwarded`, `kept local`, `emulated`, `bridged` or `rewritten`.
        reason: why. source: the document that says so.
        lossy: whether the change lost something that the caller asked for.
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
    """Collects the entries of one conversion and applies the route's parameter policy."""

    def __init__(self, route: Route, source: str) -> None:
        self._route = route
        self._source = source
        self._entries: dict[LedgerEntry, None] = {}  # a set in order: a stream repeats entries

    @property
    def entries(self) -> tuple[LedgerEntry, ...]:
        """The entries so far, in order and without repetition."""
        return tuple(self._entries)

    def unsupported(self, parameter: str, reason: str) -> None:
        """Record that `parameter` has no counterpart and is dropped.

        Raises:
            UnsupportedParamsError: the policy is `error`.
        """
        if self._route.param_policy == "error":
            reason = f"{reason} [{self._source}]"
            raise self._route.unsupported(parameter, reason, options=("drop_params",))
        self.lost(parameter, reason)

    def forwards(self, parameter: str, reason: str) -> bool:
        """Return True, and record it, if the policy forwards `parameter`; otherwise do as `unsupported`."""
        if self._route.param_policy != "forward":
            self.unsupported(parameter, reason)
            return False
        self._record(parameter, "forwarded", reason)
        return True

    def refuse(self, parameter: str, reason: str) -> UnsupportedParamsError:
        """Return the error for a parameter that no policy permits."""
        return self._route.refuse(parameter, f"{reason} [{self._source}]")

    def lost(self, parameter: str, reason: str) -> None:
        """Record that something the caller asked for is dropped; core warns about it once."""
        self._record(parameter, "dropped", reason, lossy=True)

    def dropped(self, parameter: str, reason: str) -> None:
        """Record that something is dropped without any loss."""
        self._record(parameter, "dropped", reason)

    def bridged(self, parameter: str, reason: str) -> None:
        """Record a conversion step without any loss."""
        self._record(parameter, "bridged", reason)

    def emulated(self, parameter: str, reason: str) -> None:
        """Record that something is done in another way than the caller asked for."""
        self._record(parameter, "emulated", reason)

    def _record(self, parameter: str, action: str, reason: str, *, lossy: bool = False) -> None:
        self._entries[LedgerEntry(parameter, action, reason, self._source, lossy)] = None
