"""What watches the calls of a client: extensions that see them begin and end, and warnings of what was lost."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from llmgate_core.calls.event_delivery import EventDelivery, InlineDelivery
from llmgate_core.contract.call import Call, Route
from llmgate_core.contract.call_event import CallEvent, Outcome
from llmgate_core.contract.ledger import LedgerEntry
from llmgate_core.errors import LLMGateError, StreamTruncatedError
from llmgate_core.registry.extension_calls import guarded_hook
from llmgate_core.registry.extensions import ExtensionHook
from llmgate_core.registry.registry import PluginRegistry
from llmgate_core.registry.router import ResolvedModel
from llmgate_core.settings.caller_warnings import warn_caller
from llmgate_core.types.record import CallRecord, Recorded

if TYPE_CHECKING:
    from llmgate_core.calls.prepared import PreparedCall

__all__ = ["CallObservers", "RelayObservers", "new_request_id", "outcome_of"]

log = logging.getLogger("llmgate")
MAX_REMEMBERED_WARNINGS = 1000  # bounded, since callers choose the models


class CallObservers:
    """Calls the extensions' hooks around each call of one client, and warns once of each kind of loss.

    Args:
        plugins: with the client's extensions.
        delivery: makes what takes events to the observers.

    Attributes:
        delivery: takes events to the observers; None: no extension observes.
        are_any: an extension sees calls before they are sent, or their ends.
    """

    def __init__(
        self,
        plugins: PluginRegistry,
        delivery: Callable[[Sequence[ExtensionHook]], EventDelivery | None] = InlineDelivery,
    ) -> None:
        hooks, observers = plugins.extension_hooks("before_call"), plugins.extension_hooks("on_event")
        self._before = tuple(map(guarded_hook, hooks))
        self.delivery = delivery(observers) if observers else None
        self.are_any = bool(hooks or observers)
        self._warned: set[str] = set()

    def before(self, call: PreparedCall) -> None:
        """Show the call to the extensions; one of our errors stops it.

        Raises:
            LLMGateError: an extension refuses the call. PluginError: a hook failed.
        """
        for hook in self._before:
            hook(call.original_call, call.route)

    def ended(
        self,
        call: PreparedCall,
        outcome: Outcome,
        *,
        answer: Any = None,
        record: CallRecord | None = None,
        chunks: int = 0,
        error: BaseException | None = None,
    ) -> None:
        """Report to the observers how the call ended.

        Args:
            call: that has ended.
            outcome: how it has.
            answer: the whole answer; None: the call failed, or it is a stream.
            record: of a stream.
            chunks: that the caller got.
            error: that the caller gets.
        """
        is_logged = log.isEnabledFor(logging.DEBUG)
        if not is_logged and self.delivery is None:
            return
        seconds = time.monotonic() - call.started
        if is_logged:
            log.debug("%s %s: %s in %.3f s", call.route.provider, call.original_call.family, outcome, seconds)
        if self.delivery is None:
            return
        record = record if answer is None else answer._get_record()
        event = CallEvent(
            call.original_call,
            call.route,
            outcome,
            seconds,
            chunks,
            error=error,
            usage=_usage_of(answer, record),
            cost=_cost_of(answer, record),
            ledger=call.ledger if record is None else record.ledger,
            attempts=_attempts_of(record, error),
            request_id=getattr(error, "request_id", None) if record is None else record.request_id,
            caller=call.caller,
        )
        self.delivery.put(event)

    def refused(self, call: Call, route: Route, started: float, error: LLMGateError, caller: str | None) -> None:
        """Report to the observers a call that was refused while it was prepared."""
        if self.delivery is not None:
            seconds = time.monotonic() - started
            self.delivery.put(CallEvent(call, route, "refused", seconds, error=error, caller=caller))

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


def new_request_id() -> str:
    """Return an id for a call that no server has given one."""
    return f"call_{os.urandom(12).hex()}"


def _usage_of(answer: Any, record: CallRecord | None) -> dict[str, Any] | None:
    usage: Any = getattr(answer, "usage", None)
    if usage is None and record is not None:
        usage = record.usage
    dump = getattr(usage, "model_dump", None)
    if dump is not None:
        usage = dump(exclude_unset=True)
    return usage if isinstance(usage, dict) else None


def _cost_of(answer: Any, record: CallRecord | None) -> Any:
    if record is None:
        return None
    whole = record.answer if answer is None else answer
    return whole.cost if isinstance(whole, Recorded) else record.cost_of(record.usage, record.tier)


def _attempts_of(record: CallRecord | None, error: BaseException | None) -> int:
    if error is not None and (attempts := getattr(error, "attempts", None)) is not None:
        return int(attempts)
    return 0 if record is None else record.attempts
