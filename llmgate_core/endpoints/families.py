"""The endpoint families: what each is called with and what comes back. Data.

A family says what the caller called; a `mode` of the catalogue says which endpoint serves a model. To add an
operation: a row here and in `openai.py`, a method in `client/async_*_calls.py`, and `make twins`. To add a family: a
module in `types/` as well.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from types import MappingProxyType
from typing import Any

__all__ = ["FAMILIES", "FAMILY_OF_MODE", "Family", "Operation"]

TEXT_FORMATS = ("response_format", frozenset({"text", "srt", "vtt"}))


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of a family.

    Attributes:
        result: `module:class` of the typed whole answer, in `llmgate_core.types`.
        parsed_result: the same, where the answer's text is parsed as a class of the caller's.
        streams: the answer may be asked for as a stream, of events or of bytes.
        takes_model: the request names a model; else the model string only picks the plugin.
        may_lack_model: the request may leave the model out; the upstream then chooses.
        is_binary: the answer is bytes, delivered as they are.
        events_when: a parameter and its value by which the answer is a stream of events.
        text_when: a parameter and its values by which the answer is plain text.
        is_count: counts the tokens of a request; core estimates them where a plugin does not offer it.
    """

    result: str
    parsed_result: str | None = None
    streams: bool = False
    takes_model: bool = True
    may_lack_model: bool = False
    is_binary: bool = False
    events_when: tuple[str, str] | None = None
    text_when: tuple[str, frozenset[str]] | None = None
    is_count: bool = False

    def sends_events(self, body: Mapping[str, Any]) -> bool:
        """Return whether a request asks for its answer as a stream of events."""
        return self.events_when is not None and body.get(self.events_when[0]) == self.events_when[1]

    def sends_text(self, body: Mapping[str, Any]) -> bool:
        """Return whether a request asks for its answer as plain text."""
        return self.text_when is not None and body.get(self.text_when[0]) in self.text_when[1]


@dataclass(frozen=True, slots=True)
class Family:
    """One endpoint family.

    Attributes:
        modes: the catalogue's modes whose models this family may call.
        operations: what may be asked of it; `create` is what its name says.
        chunk: `module:class` of a streamed piece; None: it does not stream.
        ends: types of the events that end a stream; none: a `finish_reason` does.
        stops_at_end: nothing belongs to a stream after such an event; else several may come.
        inputs: what the call is about, never a parameter to be judged or dropped.
        optional: those of the inputs that may be left out when something is created.
        files: inputs that take a file.
        keeps: the upstream may keep its answers, by the parameter `store`.
        required: the inputs without which there is nothing to create.
        grows_usage: the usage of an event leaves out what an earlier one has said.
        bridged_over: the family that can carry a call of this one where no plugin serves it.
        reasons_over: the mode of the catalogue whose endpoint carries such a call of a model that reasons, where its
            provider has one: it keeps the reasoning for the next turn.
    """

    name: str
    modes: frozenset[str]
    inputs: frozenset[str]
    operations: Mapping[str, Operation]
    chunk: str | None = None
    ends: frozenset[str] = frozenset()
    stops_at_end: bool = True
    files: frozenset[str] = frozenset()
    optional: frozenset[str] = frozenset()
    keeps: bool = False
    grows_usage: bool = False
    bridged_over: str | None = None
    reasons_over: str | None = None
    required: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "required", self.inputs - self.optional)

    def result_type(self, operation: str = "create", *, is_parsed: bool = False) -> Any:
        """Return the class of a whole answer, importing its module on first use.

        `is_parsed`: its text is parsed as a class of the caller's.
        """
        row = self.operations[operation]
        return _load((is_parsed and row.parsed_result) or row.result)

    def chunk_type(self) -> Any:
        """Return the class of a streamed piece."""
        return _load(self.chunk)


@cache
def _load(path: str | None) -> Any:
    if path is None:
        raise LookupError("this family does not stream")
    module, _, name = path.partition(":")
    return getattr(importlib.import_module(f"llmgate_core.types.{module}"), name)


def _table(*families: Family) -> Mapping[str, Family]:
    return MappingProxyType({family.name: family for family in families})


def _operations(**operations: Operation) -> Mapping[str, Operation]:
    return MappingProxyType(operations)


FAMILIES = _table(
    Family(
        "chat",
        frozenset({"chat", "responses", "completion"}),
        frozenset({"messages"}),
        _operations(
            create=Operation("chat:ChatCompletion", "chat:ParsedChatCompletion", streams=True),
            retrieve=Operation("chat:ChatCompletion", takes_model=False),
            update=Operation("chat:ChatCompletion", takes_model=False),
            delete=Operation("base:Deleted", takes_model=False),
            list=Operation("base:Page", takes_model=False),
            messages=Operation("base:Page", takes_model=False),
            count_tokens=Operation("tokens:TokenCount", is_count=True),
        ),
        "chat:ChatCompletionChunk",
        keeps=True,
    ),
    Family(
        "responses",
        frozenset({"chat", "responses"}),
        frozenset({"input"}),
        _operations(
            create=Operation("responses:ResponseObject", streams=True, may_lack_model=True),
            retrieve=Operation("responses:ResponseObject", streams=True, takes_model=False),
            cancel=Operation("responses:ResponseObject", takes_model=False),
            delete=Operation("base:Deleted", takes_model=False),
            input_items=Operation("base:Page", takes_model=False),
            input_tokens=Operation("responses:InputTokens", may_lack_model=True),
            compact=Operation("responses:CompactedResponse"),
        ),
        "responses:ResponseEvent",
        frozenset({"response.completed", "response.incomplete", "response.failed"}),
        optional=frozenset({"input"}),
        keeps=True,
        bridged_over="chat",
    ),
    Family(
        "text_completion",
        frozenset({"completion"}),
        frozenset({"prompt"}),
        _operations(create=Operation("text_completion:TextCompletion", streams=True)),
        "text_completion:TextCompletionChunk",
        optional=frozenset({"prompt"}),
    ),
    Family(
        "embedding",
        frozenset({"embedding"}),
        frozenset({"input"}),
        _operations(create=Operation("embedding:EmbeddingResponse")),
    ),
    Family(
        "transcription",
        frozenset({"audio_transcription"}),
        frozenset({"file"}),
        _operations(create=Operation("audio:Transcription", streams=True, text_when=TEXT_FORMATS)),
        "audio:TranscriptionEvent",
        frozenset({"transcript.text.done"}),
        files=frozenset({"file"}),
    ),
    Family(
        "translation",
        frozenset({"audio_transcription"}),
        frozenset({"file"}),
        _operations(create=Operation("audio:Translation", text_when=TEXT_FORMATS)),
        files=frozenset({"file"}),
    ),
    Family(
        "speech",
        frozenset({"audio_speech"}),
        frozenset({"input", "voice"}),
        _operations(
            create=Operation(
                "binary:BinaryResponse", streams=True, is_binary=True, events_when=("stream_format", "sse")
            )
        ),
        "audio:SpeechEvent",
        frozenset({"speech.audio.done"}),
        optional=frozenset({"voice"}),
    ),
    Family(
        "image",
        frozenset({"image_generation"}),
        frozenset({"prompt", "image", "mask"}),
        _operations(
            create=Operation("image:ImagesResponse", streams=True, may_lack_model=True),
            edit=Operation("image:ImagesResponse", streams=True, may_lack_model=True),
            variation=Operation("image:ImagesResponse", may_lack_model=True),
        ),
        "image:ImageEvent",
        frozenset({"image_generation.completed", "image_edit.completed"}),
        stops_at_end=False,
        optional=frozenset({"image", "mask"}),
        files=frozenset({"image", "mask"}),
    ),
    Family(
        "video",
        frozenset({"video_generation"}),
        frozenset({"prompt", "input_reference"}),
        _operations(
            create=Operation("video:Video"),
            retrieve=Operation("video:Video", takes_model=False),
            remix=Operation("video:Video", takes_model=False),
            list=Operation("base:Page", takes_model=False),
            delete=Operation("base:Deleted", takes_model=False),
            content=Operation("binary:BinaryResponse", streams=True, takes_model=False, is_binary=True),
        ),
        optional=frozenset({"input_reference"}),
        files=frozenset({"input_reference"}),
    ),
    Family(
        "moderation",
        frozenset({"moderation"}),
        frozenset({"input"}),
        _operations(create=Operation("moderation:ModerationResponse", may_lack_model=True)),
    ),
    Family(
        "messages",
        frozenset({"chat", "responses"}),
        frozenset({"messages"}),
        _operations(
            create=Operation("messages:MessageObject", streams=True),
            count_tokens=Operation("messages:MessageTokens", is_count=True),
        ),
        "messages:MessageEvent",
        frozenset({"message_stop"}),
        grows_usage=True,
        bridged_over="chat",
        reasons_over="responses",
    ),
    Family(
        "rerank",
        frozenset({"rerank"}),
        frozenset({"query", "documents"}),
        _operations(create=Operation("rerank:RerankResponse")),
    ),
)

FAMILY_OF_MODE: Mapping[str, str] = MappingProxyType(
    {
        "chat": "chat",
        "responses": "responses",
        "completion": "text_completion",
        "embedding": "embedding",
        "audio_transcription": "transcription",
        "audio_speech": "speech",
        "image_generation": "image",
        "video_generation": "video",
        "moderation": "moderation",
        "rerank": "rerank",
    }
)
"""The catalogue's and the config's word for the endpoint that serves a model -> the family that calls it."""
