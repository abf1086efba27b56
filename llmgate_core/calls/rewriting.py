"""Let the extensions of a client rewrite calls, answers and streams, in the shapes of the family that was called.

Pure. Calls pass the extensions in the order in which they were enabled, answers in the reverse order: what the first
one hides from the others on the way out, it restores last.

Source: docs/plugins/extensions.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain, islice
from types import MappingProxyType
from typing import Any, cast

from llmgate_core.contract.call import Call, JsonObject, Route
from llmgate_core.contract.ledger import LedgerEntry
from llmgate_core.contract.upstream import SSEEvent, StreamParser, StreamRewriter
from llmgate_core.endpoints.families import FAMILIES, Family
from llmgate_core.errors import APIError, LLMGateError
from llmgate_core.reading.readers.end_of_stream import EndOfStream
from llmgate_core.reading.upstream_errors import error_reported_by
from llmgate_core.registry.extension_calls import guarded_hook
from llmgate_core.registry.extensions import Extension, ExtensionHook
from llmgate_core.registry.hook_results import Problem
from llmgate_core.registry.registry import PluginRegistry

__all__ = ["Rewriting", "RewrittenStream", "StreamStage"]

SOURCE = "docs/plugins/extensions.md"
MAX_PIECES = 100_000


class Rewriting:
    """The hooks of a client's extensions that rewrite.

    Attributes:
        are_any: there are such hooks. reads_answers: one may rewrite whole answers.
    """

    def __init__(self, plugins: PluginRegistry) -> None:
        calls = {hook.extension: hook for hook in _guarded_hooks(plugins, "rewrite_call")}
        self.layers = tuple((extension, calls.get(extension)) for extension in plugins.extensions)
        self.answers = _guarded_hooks(plugins, "rewrite_answer", is_answered=True)[::-1]
        self.streams = _guarded_hooks(plugins, "rewrite_stream", is_answered=True)[::-1]
        self.are_any = bool(calls or self.answers or self.streams)
        self.reads_answers = bool(self.answers)

    def of_call(self, call: Call, route: Route) -> RewrittenCall:
        """Return a call as the extensions rewrite it.

        Raises:
            PluginError: a hook failed, or returned what no body may be. LLMGateError: an extension refuses the call.
        """
        seen: dict[Extension, Call] = {}
        entries: dict[LedgerEntry, None] = {}
        for extension, hook in self.layers:
            seen[extension] = call
            body = None if hook is None else hook(call, route)
            if body is None:
                continue
            if (problem := _problem_of_body(body, call)) is not None:
                raise extension.error("rewrite_call", f"hook rewrite_call returned {problem}")
            call = replace(call, body=dict(body), metadata=body.get("metadata"))  # a copy, should it be `call.body`
            entries[_entry("request", extension)] = None
        return RewrittenCall(self, call, route, seen, tuple(entries))


class RewrittenCall:
    """One call on its way back through the extensions: each sees the call as it saw it on the way out.

    So an extension that hides something can restore it without keeping anything between the two.

    Attributes:
        call: as the last extension left it. ledger: which extensions rewrote it.
        rewriter: what has rewritten a whole answer last; None: nothing has.
    """

    __slots__ = ("_rewriting", "_route", "_seen", "call", "ledger", "rewriter")

    def __init__(
        self,
        rewriting: Rewriting,
        call: Call,
        route: Route,
        seen: Mapping[Extension, Call],
        ledger: tuple[LedgerEntry, ...],
    ) -> None:
        self._rewriting = rewriting
        self._route = route
        self._seen = seen
        self.call = call
        self.ledger = ledger
        self.rewriter: ExtensionHook | None = None

    @property
    def reads_answers(self) -> bool:
        """Whether an extension may rewrite a whole answer."""
        return self._rewriting.reads_answers

    def answer(self, answer: JsonObject) -> tuple[JsonObject, tuple[LedgerEntry, ...]]:
        """Return an answer as the extensions rewrite it, and which of them did; the same answer if none did.

        Raises:
            PluginError: a hook failed, or returned no dict. LLMGateError: an extension refuses the answer.
        """
        entries: dict[LedgerEntry, None] = {}
        for hook in self._rewriting.answers:
            rewritten = hook(self._seen[hook.extension], self._route, answer)
            if rewritten is not None:
                answer, self.rewriter = rewritten, hook
                entries[_entry("answer", hook.extension)] = None
        return answer, tuple(entries)

    def stages(self) -> list[StreamStage]:
        """Return what rewrites the chunks of the call's stream, in the order in which they pass; none: nothing does.

        Raises:
            PluginError: a hook failed, or returned an object without `feed` and `close`. LLMGateError: an extension
                refuses the stream.
        """
        stages: list[StreamStage] = []
        for hook in self._rewriting.streams:
            rewriter = hook(self._seen[hook.extension], self._route)
            if rewriter is not None:
                stages.append(StreamStage(hook.extension, rewriter, FAMILIES[self.call.family]))
        return stages


class StreamStage:
    """An extension's rewriter of one stream, whose exceptions and odd results are a `PluginError`.

    It is closed before the last event passes, since callers stop reading there.

    Attributes:
        is_changing: other chunks have come out than went in.
    """

    __slots__ = ("_ends", "_extension", "_is_closed", "_rewriter", "is_changing")

    def __init__(self, extension: Extension, rewriter: StreamRewriter, family: Family) -> None:
        self._extension = extension
        self._rewriter = rewriter
        self._ends = family.ends if family.stops_at_end else ()
        self._is_closed = False
        self.is_changing = False

    @property
    def ledger(self) -> Sequence[LedgerEntry]:
        """What it has done to the stream, and what its rewriter says of that."""
        changed = (_entry("answer", self._extension),) if self.is_changing else ()
        return (*changed, *(entry for entry in self._noted() if isinstance(entry, LedgerEntry)))

    def _noted(self) -> Sequence[Any]:
        noted = getattr(self._rewriter, "ledger", ())
        return noted if isinstance(noted, (list, tuple)) else (noted,)

    def feed(self, chunk: JsonObject) -> list[JsonObject]:
        """Return what comes out for one chunk."""
        pieces = self._made(self._rewriter.feed, chunk)
        if pieces != [chunk]:
            self.is_changing = True
        return self._closed_before_end(pieces, chunk) if chunk.get("type") in self._ends else pieces

    def close(self) -> list[JsonObject]:
        """Return what was held back, once."""
        if self._is_closed:
            return []
        self._is_closed = True
        pieces = self._made(self._rewriter.close)
        if not all(isinstance(entry, LedgerEntry) for entry in self._noted()):
            reason = "its rewriter has a ledger that is not a list of LedgerEntry"
            raise self._extension.error("rewrite_stream", reason)
        self.is_changing = self.is_changing or bool(pieces)
        return pieces

    def _closed_before_end(self, pieces: list[JsonObject], chunk: JsonObject) -> list[JsonObject]:
        last = next((index for index, piece in enumerate(pieces) if piece.get("type") in self._ends), None)
        if last is None:
            raise self._extension.error("rewrite_stream", f"its rewriter keeps the last event, {chunk['type']}")
        return [*pieces[:last], *self.close(), *pieces[last:]]

    def _made(self, function: Callable[..., Any], *values: Any) -> list[JsonObject]:
        """Return the chunks that a function of the rewriter makes; it may be a generator.

        Nothing is made for this but the list, since it runs for each chunk.
        """
        try:
            made = function(*values)
            pieces = made if type(made) is list else self._listed(made)
        except APIError as error:
            raise self._extension.refusal(error, is_answered=True) from error.__cause__
        except LLMGateError:
            raise
        except (Exception, SystemExit) as error:
            reason = f"hook rewrite_stream: its rewriter raised {type(error).__name__}: {error}"
            raise self._extension.error("rewrite_stream", reason) from error
        for piece in pieces:
            if type(piece) is not dict:
                raise self._extension.error("rewrite_stream", "its rewriter returned a list of other things than dicts")
        return pieces

    def _listed(self, made: Any) -> list[Any]:
        if isinstance(made, (str, bytes, Mapping, type)) or not hasattr(made, "__iter__"):
            reason = f"its rewriter makes {type(made).__name__} of a chunk, not a list of dicts"
            raise self._extension.error("rewrite_stream", reason)
        pieces = list(islice(made, MAX_PIECES + 1))  # a generator may never end
        if len(pieces) > MAX_PIECES:
            reason = f"hook rewrite_stream returned a rewriter that makes more than {MAX_PIECES} chunks of one"
            raise self._extension.error("rewrite_stream", reason)
        return pieces


class RewrittenStream:
    """A parser whose chunks pass through the extensions of a client. A chunk that reports an error passes unchanged."""

    def __init__(self, family: Family, parser: StreamParser, stages: Sequence[StreamStage]) -> None:
        self._parser = parser
        self._stages = stages
        self._end = EndOfStream(family)  # what the upstream says, whatever the stages keep
        self._see = self._end.see_event if family.ends else self._end.see_chunk
        self._is_refused = False
        self._is_closed = False

    @property
    def done(self) -> bool:
        """Whether the stream has ended, and the stages have held nothing back."""
        return self._is_closed and (self._end.is_complete or bool(getattr(self._parser, "done", False)))

    @property
    def ledger(self) -> Sequence[LedgerEntry]:
        """The parser's entries, and which extensions have changed the stream."""
        entries = chain.from_iterable(stage.ledger for stage in self._stages)
        return tuple(dict.fromkeys((*getattr(self._parser, "ledger", ()), *entries)))

    def feed(self, event: SSEEvent) -> Iterator[JsonObject]:
        """Yield the chunks of an event."""
        for chunk in self._parser.feed(event):
            yield from self._rewritten(chunk)
        if getattr(self._parser, "done", False):  # then the reader does not close the parser
            yield from self._rest()

    def close(self) -> Iterator[JsonObject]:
        """Yield the last chunks."""
        for chunk in self._parser.close():
            yield from self._rewritten(chunk)
        yield from self._rest()

    def failed(self, error: APIError) -> Sequence[JsonObject]:
        """Return the chunks in which the parser reports an error, none for one of an extension's: they repeat text."""
        report = getattr(self._parser, "failed", None)
        return () if report is None or self._is_refused else cast("Sequence[JsonObject]", report(error))

    def _rewritten(self, chunk: JsonObject) -> list[JsonObject]:
        """Return what comes out of all stages for one canonical chunk."""
        if error_reported_by(chunk) and not chunk.get("type"):
            return [chunk]
        try:  # noqa: SIM105  # `suppress` would be made for each chunk
            self._see(chunk)
        except (AttributeError, TypeError, ValueError):
            pass  # whether it is a chunk at all is for the reader to say
        return self._through(self._stages, [chunk])

    def _rest(self) -> Iterator[JsonObject]:
        """Yield what the stages have held back: called once the stream has ended well."""
        for index, stage in enumerate(self._stages):
            yield from self._through(self._stages[index + 1 :], self._closed(stage))
        self._is_closed = True

    def _through(self, stages: Sequence[StreamStage], chunks: list[JsonObject]) -> list[JsonObject]:
        try:
            for stage in stages:
                chunks = [piece for chunk in chunks for piece in stage.feed(chunk)]
        except Exception:
            self._is_refused = True
            raise
        return chunks

    def _closed(self, stage: StreamStage) -> list[JsonObject]:
        try:
            return stage.close()
        except Exception:
            self._is_refused = True
            raise

    def __getattr__(self, name: str) -> Any:
        """Return an optional attribute of the parser, such as `usage` or `framing`."""
        return getattr(self._parser, name)


def _guarded_hooks(plugins: PluginRegistry, name: str, *, is_answered: bool = False) -> tuple[ExtensionHook, ...]:
    hooks = plugins.extension_hooks(name)
    return tuple(guarded_hook(hook, PROBLEMS[name], is_answered=is_answered) for hook in hooks)


def _entry(parameter: str, extension: Extension) -> LedgerEntry:
    return LedgerEntry(parameter, "rewritten", f"by the extension {extension.name!r}", SOURCE)


def _problem_of_body(body: Mapping[str, Any], call: Call) -> str | None:
    """Return what keeps a dict from being the body of a call; None: nothing."""
    if not all(isinstance(name, str) for name in body):
        return "a body with names that are not strings"
    if "model" in body:
        return "a body with a model, which the route says"
    if bool(body.get("stream")) != bool(call.body.get("stream")):
        return "a body with another 'stream' than the caller's program asked for"
    required = FAMILIES[call.family].required if call.operation == "create" else ()
    missing = [name for name in required if body.get(name) is None]
    return f"a body without {missing[0]!r}" if missing else None


def _of_object(value: Any) -> str | None:
    return None if value is None or isinstance(value, dict) else f"{type(value).__name__}, not a dict or None"


def _of_rewriter(value: Any) -> str | None:
    if value is None or all(callable(getattr(value, name, None)) for name in ("feed", "close")):
        return None
    return f"{type(value).__name__}, which has no feed and close"


PROBLEMS: Mapping[str, Problem] = MappingProxyType(
    {"rewrite_answer": _of_object, "rewrite_call": _of_object, "rewrite_stream": _of_rewriter}
)
