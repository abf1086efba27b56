"""What reads a stream: the promise that all readers keep, what those of events share, and the one of plain bytes.

Pure. One reader reads one stream.

Source: rows R2 to R5 and R13 of the reliability catalogue in docs/architecture.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any, Protocol

from llmgate_core.contract.call import JsonObject
from llmgate_core.contract.ledger import LedgerEntry
from llmgate_core.contract.upstream import StreamParser, UpstreamResponse
from llmgate_core.endpoints.families import Family
from llmgate_core.errors import APIError, APIStatusError, LLMGateError, StreamTruncatedError
from llmgate_core.reading.sse import SSEDecoder
from llmgate_core.reading.upstream_errors import is_document, validation_error
from llmgate_core.secrets import Secret

__all__ = [
    "ByteReader",
    "EventStreamReader",
    "StreamReader",
    "error_chunks",
    "is_document_start",
    "start",
]


def is_document_start(first_block: bytes) -> bool:
    """Return whether an answer to a stream request is a plain document, whatever its content type says."""
    return first_block.lstrip()[:1] in (b"{", b"<", b"[")


def start(chunks: Iterator[Any]) -> Iterator[Any] | None:
    """Return the chunks with the first of them made, so that an error in it comes now; None: there are none."""
    for first in chunks:
        return chain((first,), chunks)
    return None


def error_chunks(parser: StreamParser | None, error: LLMGateError) -> Sequence[JsonObject]:
    """Return the chunks in which a plugin's parser tells of the upstream's own error, and mark it as told."""
    tell = getattr(parser, "failed", None)
    if tell is None or not isinstance(error, APIStatusError):
        return ()
    pieces: Sequence[JsonObject] = tell(error)
    error.is_reported = bool(pieces)
    return pieces


class StreamReader(Protocol):
    """What reads one stream.

    Attributes:
        done: the end marker came; nothing after it is read.
        usage: the last usage seen, a typed object or a dict. tier: the service tier beside it.
        answer: the whole answer, where the last event held one.
        count: chunks made so far.
        rejects_documents: a plain document is no such stream.
        ledger: what reading it lost or changed.
    """

    done: bool
    tier: str | None
    answer: Any
    count: int
    rejects_documents: bool

    @property
    def usage(self) -> Any:
        """See above."""
        ...

    @property
    def ledger(self) -> Sequence[LedgerEntry]:
        """Entries made while reading."""
        ...

    def feed(self, block: bytes) -> Iterator[Any]:
        """Yield the chunks that `block` completes, each made when it is asked for.

        Raises:
            APIError: an error event, an event that is no chunk, or one that is too large; after what came before it.
        """
        ...

    def end(self) -> Iterator[Any]:
        """Yield the last chunks when the body has ended without an end marker.

        Raises:
            StreamTruncatedError: nothing said that the answer was complete.
        """
        ...

    def truncated(self, why: str) -> APIError:
        """Return the error of a stream that broke off, with the answer so far."""
        ...

    def failed(self, error: LLMGateError) -> Sequence[Any]:
        """Return the chunks by which the stream itself tells of an error, where its parser has any."""
        ...

    def partial(self) -> Any:
        """Return the answer so far, shaped like the whole one; None before the first chunk."""
        ...


class EventStreamReader:
    """What all readers of server-sent events have: see `StreamReader` for the attributes."""

    __slots__ = (
        "_decoder",
        "_family",
        "_finished",
        "_parser",
        "_response",
        "_secrets",
        "_usage",
        "answer",
        "count",
        "done",
        "rejects_documents",
        "tier",
    )

    def __init__(
        self,
        family: Family,
        parser: StreamParser | None,
        response: UpstreamResponse,
        *,
        max_event_bytes: int,
        secrets: Sequence[Secret | None],
    ) -> None:
        self._family = family
        self._parser = parser
        self._response = response
        self._secrets = secrets
        self._decoder = SSEDecoder(max_event_bytes)
        self._finished = False
        self._usage: Any = None
        self.tier: str | None = None
        self.answer: Any = None
        self.done = False
        self.count = 0
        self.rejects_documents = True

    @property
    def ledger(self) -> Sequence[LedgerEntry]:
        """What the plugin's parser noted."""
        return getattr(self._parser, "ledger", ())

    @property
    def usage(self) -> Any:
        """The last usage that was seen, by us or by the plugin's parser."""
        noted = getattr(self._parser, "usage", None)
        return self._usage if noted is None else noted


class ByteReader:
    """Hands a body out as it comes, such as audio or video."""

    __slots__ = ("_response", "answer", "count", "done", "rejects_documents", "tier", "usage")

    def __init__(self, response: UpstreamResponse) -> None:
        self._response = response
        self.done = False
        self.usage: Any = None
        self.tier: str | None = None
        self.answer: Any = None
        self.count = 0
        self.rejects_documents = is_document(response.headers.get("content-type", ""))

    @property
    def ledger(self) -> Sequence[LedgerEntry]:
        """Nothing is converted here."""
        return ()

    def feed(self, block: bytes) -> Iterator[bytes]:
        """Yield the block."""
        self.count += 1
        yield block

    def end(self) -> Iterator[bytes]:
        """Yield nothing more: the body has ended as its framing says.

        Raises:
            APIResponseValidationError: it was empty, which no recording and no picture is.
        """
        self.done = True
        if not self.count:
            raise validation_error(self._response, "the answer is empty", ())
        return iter(())

    def truncated(self, why: str) -> APIError:
        """Return the error of a body that broke off."""
        return StreamTruncatedError(
            f"{why}, after {self.count} blocks", phase="body", request_id=self._response.headers.get("x-request-id")
        )

    def failed(self, error: LLMGateError) -> Sequence[bytes]:  # noqa: ARG002  # as the others
        """Bytes cannot tell of an error."""
        return ()

    def partial(self) -> None:
        """The caller has had every block."""
