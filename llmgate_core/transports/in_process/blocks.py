"""What the hook `serve` has returned -> the bytes of an answer: one JSON document, or one event for each chunk.

Pure. What the contract does not allow is a `PluginError` that says what was returned and what to return.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from llmgate_core.endpoints.families import FAMILIES
from llmgate_core.json_codec import encode
from llmgate_core.reading.accumulate.chunks import fold
from llmgate_core.reading.accumulate.events import fold_events
from llmgate_core.transports.in_process.request import BYTES, CHUNKS, WHOLE

if TYPE_CHECKING:
    from llmgate_core.contract.call import JsonObject
    from llmgate_core.errors import PluginError
    from llmgate_core.transports.in_process.request import InProcessRequest

__all__ = ["Blocks", "is_asynchronous", "is_whole"]

HOOK = "serve"
LIFE_SIGN = b" "
"""Stands before a JSON document for each chunk that it is made of: it shows that the function goes on."""


def is_asynchronous(value: object) -> bool:
    """Return whether a value must be awaited or iterated on an event loop."""
    return hasattr(value, "__await__") or hasattr(value, "__aiter__")


def is_whole(value: object) -> bool:
    """Return whether a value is a whole answer, or what can be neither that nor chunks."""
    is_object = isinstance(value, (Mapping, str, bytes, type)) or hasattr(value, "model_dump")
    return is_object or not hasattr(value, "__iter__")


class Blocks:
    """Encodes the answer to one call. Chunks are added up where the caller asks for no stream."""

    def __init__(self, request: InProcessRequest) -> None:
        self._request = request
        self._is_stream: bool = request.call.stream
        self._is_binary = request.is_binary
        self._kind = bytes if request.is_binary else dict
        self._chunks: list[JsonObject] = []
        self._count = 0
        self._size = 0
        self._is_complete = False
        self._last_events = FAMILIES[request.call.family].ends

    @property
    def type_of_whole(self) -> bytes:
        """The content type of a whole answer."""
        return BYTES if self._is_binary else WHOLE

    @property
    def type_of_chunks(self) -> bytes:
        """The content type of an answer that comes in chunks."""
        return CHUNKS if self._is_stream and not self._is_binary else self.type_of_whole

    def whole(self, answer: Any) -> bytes:
        """Return a whole answer as a document, or its bytes."""
        if not isinstance(answer, self._kind):
            kind = self._kind.__name__
            raise self.error(f"returned {type(answer).__name__}, not {kind} or an iterator of {kind}")
        return answer if isinstance(answer, bytes) else self._encoded(answer)

    def chunk(self, chunk: Any) -> bytes:
        """Return what there is to hand over of the next chunk."""
        self._count += 1
        if not isinstance(chunk, self._kind):
            raise self.error(f"made a chunk that is {type(chunk).__name__}, not {self._kind.__name__}")
        if isinstance(chunk, bytes):
            self._is_complete = True
            return chunk
        self._is_complete = self._is_complete or _is_last(chunk, self._last_events)
        encoded = self._encoded(chunk)
        if self._is_stream:
            return b"data: %b\n\n" % encoded
        self._size += len(encoded)
        if self._size > self._request.limits.body:
            raise self.error(f"made chunks of more than {self._request.limits.body} bytes for one answer")
        self._chunks.append(chunk)
        return LIFE_SIGN

    def rest(self) -> bytes:
        """Return what there is to hand over after the last chunk."""
        if not self._count:
            raise self.error("ended without a chunk")
        if not self._is_complete:
            last = f"of type {' or '.join(sorted(self._last_events))}" if self._last_events else "with a finish_reason"
            raise self.error(f"ended without a chunk {last}, so that its answer may have been cut off")
        return b"" if self._is_stream or self._is_binary else self._encoded(self._folded())

    def error(self, problem: str) -> PluginError:
        """Return the error for what the hook did."""
        error: PluginError = self._request.plugin.error(HOOK, f"hook {HOOK} {problem}")
        return error

    def _folded(self) -> JsonObject:
        family = self._request.call.family
        if family in ("chat", "text_completion"):
            return fold(family, self._chunks)
        whole = fold_events(family, self._chunks)
        if whole is None:
            raise self.error(f"returned chunks, which make no answer of {family}: return a dict")
        return whole

    def _encoded(self, value: JsonObject) -> bytes:
        try:
            return encode(value)
        except (ValueError, TypeError, RecursionError) as problem:
            raise self.error(f"made what cannot be encoded as JSON: {problem}") from problem


def _is_last(chunk: JsonObject, last_events: frozenset[str]) -> bool:
    """Return whether a chunk says that the answer is complete; whether it is well-formed is judged where it is read."""
    if last_events:
        return isinstance(chunk.get("type"), str) and chunk["type"] in last_events
    choices = chunk.get("choices")
    if not isinstance(choices, list):
        return False
    return any(isinstance(choice, dict) and choice.get("finish_reason") for choice in choices)
