"""What watches the calls of a client: extensions that see them begin and end, and warnings of what was lost."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from llmgate_core.contract.call import Route
from llmgate_core.contract.call_event import CallEvent, Outcome
from llmgate_core.contract.ledger import LedgerEntry
from llmgate_core.errors import LLMGateError, StreamTruncatedError
from llmgate_core.registry.registry import PluginRegistry
from llmgate_core.registry.router import ResolvedModel
from llmgate_core.settings.caller_warnings import warn_caller

if TYPE_CHECKING:
    from llmgate_core.calls.prepared import PreparedCall

__all__ = ["CallObservers", "RelayObservers", "outcome_of"]

log = logging.getLogger("llmgate")
MAX_REMEMBERED_WARNINGS = 1000  # bounded, since callers choose the models


class CallObservers:
    """Calls the extensions' hooks around each call of one client, and warns once of each kind of loss."""

    def __init__(self, plugins: PluginRegistry) -> None:
        self._plugins = plugins
        self._warned: set[str] = set()

    @property
    def are_any(self) -> bool:
        """Whether any extension sees the calls."""
        return bool(self._plugins.before_call or self._plugins.on_event)

    def before(self, call: PreparedCall) -> None:
        """Show the call to the extensions; one of our errors stops it."""
        for hook in self._plugins.before_call:
            hook(call.original_call, call.route)

    def ended(
        self,
        call: PreparedCall,
        outcome: Outcome,
        *,
        chunks: int = 0,
        usage: Any = None,
        error: BaseException | None = None,
    ) -> None:
        """Report to the observers how the call ended; what they raise is logged and changes nothing."""
        is_logged = log.isEnabledFor(logging.DEBUG)
        if not is_logged and not self._plugins.on_event:
            return
        seconds = time.monotonic() - call.started
        if is_logged:
            log.debug("%s %s: %s in %.3f s", call.route.provider, call.original_call.family, outcome, seconds)
        counts = usage.model_dump(exclude_unset=True) if hasattr(usage, "model_dump") else usage
        event = CallEvent(call.original_call, call.route, outcome, seconds, chunks, counts, error)
        for observer in self._plugins.on_event:
            try:
                observer(event)
            except Exception as failure:  # noqa: BLE001  # an observer must not change a call
                log.warning("an observer raised %s", type(failure).__name__)

    def warn(self, route: Route, entries: Sequence[LedgerEntry]) -> None:
        """Warn of what was lost, once per kind."""
        for entry in entries:
            if entry.lossy:
                self._warn_once(f"{route.prefix}/{route.model}: {entry}")

    def warn_of(self, messages: Iterable[str]) -> None:
        """Warn of what is wrong with the installed plugins, once each."""
        for message in messages:
            self._warn_once(message)

    def announce_shutdown(self, target: ResolvedModel) -> None:
        """Warn of a model whose provider has given the date of its end."""
        row = target.row
        if row is not None and (date := row.facts.get("shutdown_date")):
            self._warn_once(f"{target.prefix}/{target.model}: {row.provider} gives {date} as the end of {row.name}")

    def _warn_once(self, message: str) -> None:
        if message not in self._warned:
            if len(self._warned) >= MAX_REMEMBERED_WARNINGS:
                self._warned.clear()
            self._warned.add(message)
            warn_caller(message)


class RelayObservers(CallObservers):
    """The observers of calls that pass on a request of another program, which reads the ledger itself.

    A warning would put its values into the server's log.
    """

    def warn(self, route: Route, entries: Sequence[LedgerEntry]) -> None:
        """Do nothing."""


def outcome_of(error: LLMGateError) -> Outcome:
    """Return how a call ended that raised `error`."""
    return "truncated" if isinstance(error, StreamTruncatedError) else "failed"
