"""Guard what a plugin or an extension does: whatever it raises or returns wrongly is a `PluginError` that names it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Protocol, cast

from llmgate_core.contract.call import Call, JsonObject
from llmgate_core.contract.upstream import FrameDecoder, Framing, SSEEvent, StreamParser
from llmgate_core.errors import LLMGateError, PluginError
from llmgate_core.registry.bound_plugin import BoundPlugin
from llmgate_core.registry.hook_mistakes import copy_of
from llmgate_core.registry.hook_results import (
    Problem,
    of_events,
    of_framing,
    of_last_pieces,
    of_piece,
    of_pieces,
    of_reported_error,
)

__all__ = ["BODY_CHECK_VARIABLE", "GuardedParser", "HookOwner", "checks_body", "guarded"]

CORE = "llmgate_core."
BODY_CHECK_VARIABLE = "LLMGATE_CHECK_PLUGINS"
"""If it is set, a hook that changes the caller's body is an error. For the tests of plugins."""


class HookOwner(Protocol):
    """A plugin or an extension, by which an error is named."""

    def error(self, hook: str | None, reason: str) -> PluginError:
        """Return a `PluginError` that names it."""
        ...


def guarded(
    bound: HookOwner,
    hook: str,
    function: Callable[..., Any],
    problem_of: Problem | None = None,
    *,
    ends: bool = False,
    passed: tuple[type[Exception], ...] = (LLMGateError,),
    verb: str = "returned",
) -> Callable[..., Any]:
    """Wrap a hook: what it raises, and a result that `problem_of` refuses, is a `PluginError` that names it.

    Errors in `passed` pass unchanged, and with `ends` the end of a generator, of which `function` is the `send`.
    """
    if ends:
        passed = (*passed, StopIteration)

    def call(*values: Any) -> Any:
        try:
            value = function(*values)
        except passed:
            raise
        except (Exception, SystemExit) as error:
            raise bound.error(hook, f"hook {hook} raised {type(error).__name__}: {error}") from error
        if problem_of is not None and (problem := problem_of(value)) is not None:
            raise bound.error(hook, f"hook {hook} {verb} {problem}")
        return value

    return call


def checks_body(bound: BoundPlugin, hook: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a hook whose first argument is the call: to change `call.body` is a `PluginError`.

    It compares the whole body with a copy, so it is for the tests of a plugin.
    """

    def call(called: Call, *values: Any) -> Any:
        before = copy_of(called.body)
        value = function(called, *values)
        if called.body != before:
            raise bound.error(hook, f"hook {hook} changed call.body; return a new dict, as in {{**call.body, ...}}")
        return value

    return call


MAX_PIECES = 100_000


class GuardedParser:
    """A plugin's stream parser, whose exceptions and odd results are a `PluginError`.

    Attributes:
        framing: the parser's own, checked.
    """

    __slots__ = ("_bound", "_close", "_feed", "_parser", "framing")

    def __init__(self, bound: BoundPlugin, parser: StreamParser) -> None:
        self._bound = bound
        self._parser = parser
        self._feed = guarded(bound, "stream_parser", parser.feed)
        self._close = guarded(bound, "stream_parser", parser.close, of_last_pieces)
        self.framing = _guarded_framing(bound, getattr(parser, "framing", "sse"))

    def feed(self, event: SSEEvent) -> Iterable[JsonObject]:
        """Return the chunks of an event."""
        pieces = self._feed(event)
        if type(pieces) is list and len(pieces) == 1 and type(pieces[0]) is dict:  # most events
            return pieces
        if (problem := of_pieces(pieces)) is not None:
            raise self._bound.error("stream_parser", f"hook stream_parser returned {problem}")
        return self._judged(pieces)

    def close(self) -> Iterable[JsonObject]:
        """Return the last chunks."""
        return self._judged(self._close())

    def invalid_chunk(self, why: str) -> PluginError | None:
        """Return the error for a chunk that is not canonical; None: core's own parser passed on the upstream's."""
        if type(self._parser).__module__.startswith(CORE):
            return None
        reason = f"hook stream_parser returned a parser whose chunk is not canonical: {why}"
        return self._bound.error("stream_parser", reason)

    def _judged(self, pieces: Iterable[Any]) -> Iterable[JsonObject]:
        """Return the pieces of an event: of a list or tuple of dicts nothing can fail, so it needs no guard."""
        if (type(pieces) is list or type(pieces) is tuple) and len(pieces) <= MAX_PIECES:
            return pieces if not [it for it in pieces if type(it) is not dict] else self._guarded(pieces)
        return self._guarded(pieces)

    def _guarded(self, pieces: Iterable[Any]) -> Iterator[JsonObject]:
        following = guarded(self._bound, "stream_parser", iter(pieces).__next__, of_piece, ends=True)
        with contextlib.suppress(StopIteration):
            for _ in range(MAX_PIECES):
                piece = following()
                yield piece
            reason = f"hook stream_parser returned a parser that makes more than {MAX_PIECES} chunks of one event"
            raise self._bound.error("stream_parser", reason)

    @property
    def done(self) -> bool:
        """Whether the parser says that the stream has ended; it is asked after each event."""
        return bool(getattr(self._parser, "done", False))

    def __getattr__(self, name: str) -> Any:
        """Return another optional attribute of the parser: `ledger`, `usage`, `error`, `failed`."""
        value = getattr(self._parser, name)
        problem_of = PROBLEMS_OF_PARSER.get(name)
        return value if problem_of is None else guarded(self._bound, "stream_parser", value, problem_of)


PROBLEMS_OF_PARSER: Mapping[str, Problem] = MappingProxyType({"error": of_reported_error, "failed": of_pieces})
"""Optional function of a parser -> what judges its results."""


def _guarded_framing(bound: BoundPlugin, framing: Any) -> Framing:
    """Return a framing, of a decoder of the plugin's own the guarded one.

    Raises:
        PluginError: it is not one of the framings, nor a decoder.
    """
    if (problem := of_framing(framing)) is not None:
        raise bound.error("stream_parser", f"hook stream_parser returned {problem}")
    return cast(Framing, framing) if isinstance(framing, str) else GuardedDecoder(bound, framing)


class GuardedDecoder:
    """A plugin's own decoder of frames, whose exceptions, but for ValueError, and odd results are a `PluginError`."""

    __slots__ = ("close", "feed")

    def __init__(self, bound: BoundPlugin, decoder: FrameDecoder) -> None:
        passed = (LLMGateError, ValueError)  # the upstream's fault
        self.feed = guarded(bound, "stream_parser", decoder.feed, of_events, passed=passed)
        self.close = guarded(bound, "stream_parser", decoder.close, of_events, passed=passed)
