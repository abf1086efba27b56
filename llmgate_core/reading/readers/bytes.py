"""Read a body of bytes, such as audio or video, as it comes. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from llmgate_core.contract.ledger import LedgerEntry
from llmgate_core.contract.upstream import UpstreamResponse
from llmgate_core.endpoints.families import Family
from llmgate_core.errors import APIError, LLMGateError, StreamTruncatedError
from llmgate_core.reading.readers.end_of_stream import EndOfStream
from llmgate_core.reading.upstream_errors import is_document, validation_error

__all__ = ["ByteReader"]


class ByteReader:
    """Yields a body as it comes; see `StreamReader`."""

    __slots__ = ("_response", "count", "end", "rejects_documents")

    answer: Any = None
    usage: Any = None
    signs_of_life: int = 0
    ledger: Sequence[LedgerEntry] = ()

    def __init__(self, family: Family, response: UpstreamResponse) -> None:
        self._response = response
        self.end = EndOfStream(family)
        self.count = 0
        self.rejects_documents = is_document(response.headers.get("content-type", ""))

    def feed(self, block: bytes) -> Iterator[bytes]:
        """Yield the block."""
        self.count += 1
        yield block

    def close(self) -> Iterator[bytes]:
        """Yield nothing more: the body has ended as its framing says.

        Raises:
            APIResponseValidationError: it was empty, as no recording and no picture can be.
        """
        self.end.is_over = True
        if not self.count:
            raise validation_error(self._response, "the answer is empty", ())
        return iter(())

    def truncated(self, why: str) -> APIError:
        """Return the error of a body that broke off."""
        request_id = self._response.headers.get("x-request-id")
        return StreamTruncatedError(f"{why}, after {self.count} blocks", phase="body", request_id=request_id)

    def failed(self, error: LLMGateError) -> Sequence[bytes]:  # noqa: ARG002  # as the others
        """Return nothing: bytes cannot report an error."""
        return ()

    def partial(self) -> None:
        """Return None: the caller has had every block."""
