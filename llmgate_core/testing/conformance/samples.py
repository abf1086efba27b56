"""What the checks ask and what the provider's model says to it: one list of samples for each family. Data.

The replies are chosen to be awkward: quotes, blank lines, an end marker as text, characters of several bytes.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

__all__ = ["SAMPLES", "Reply", "Sample", "ToolCall"]


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A function that the model calls; `arguments` is JSON."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Reply:
    """What the provider's model says in a sample; a `Wire` says how that looks in the provider's bytes.

    Attributes:
        name: of the sample.
        text, tool_calls: what it says, and the functions that it calls.
        reasoning, signature: its thoughts, and what proves that they are its own.
        finish_reason: in OpenAI's words: `stop`, `length` or `tool_calls`.
        input_tokens, output_tokens, cached_tokens: what was counted; the cached ones are among the input.
        data: of the families without messages, the canonical answer.
        content: of an answer in bytes, those.
    """

    name: str
    text: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    reasoning: str = ""
    signature: str = ""
    finish_reason: str = "stop"
    input_tokens: int = 23
    output_tokens: int = 7
    cached_tokens: int = 5
    data: Mapping[str, Any] = field(default_factory=dict)
    content: bytes = b""

    @property
    def total_tokens(self) -> int:
        """Input and output."""
        return self.input_tokens + self.output_tokens


@dataclass(frozen=True, slots=True)
class Sample:
    """One call and its reply.

    Attributes:
        inputs, arguments: of the call, in OpenAI's shape.
        needs: the capability without which it is not asked; empty: none.
        marks: strings of the call that must be found in the request to the provider.
    """

    name: str
    inputs: Mapping[str, Any]
    reply: Reply
    arguments: Mapping[str, Any] = field(default_factory=dict)
    needs: str = ""
    marks: tuple[str, ...] = ()

    def with_reply(self, reply: Reply) -> Sample:
        """Return a copy with another reply."""
        return replace(self, reply=reply)


# --- chat ---

TRICKY = 'He said "data: [DONE]"\n\nthen: naïve \\ 雪 \U0001f388 \u2028 end.'
LONG = " ".join(f"word-{number}" for number in range(40))
PIXEL = base64.b64encode(b"\x89PNG\r\n\x1a\n, one pixel").decode()
_PLACE = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER_FUNCTION = {"name": "get_weather", "description": "The weather mark-tool", "parameters": _PLACE}
WEATHER = {"type": "function", "function": WEATHER_FUNCTION}
_SCHEMA = {"name": "place", "strict": True, "schema": {**_PLACE, "additionalProperties": False}}
PARIS = ToolCall("call_paris", "get_weather", '{"city": "Paris"}')
OSLO = ToolCall("call_oslo", "get_weather", '{"city": "Oslo \\u2603"}')


def _user(content: Any) -> dict[str, Any]:
    return {"role": "user", "content": content}


def called(call: ToolCall) -> dict[str, Any]:
    """Return a call of a function as a chat message has it."""
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}


_ASKED = (_user("The weather in Paris and Oslo?"), {"role": "assistant", "tool_calls": [called(PARIS), called(OSLO)]})
_ANSWERED = (
    {"role": "tool", "tool_call_id": PARIS.id, "content": "mark-18-degrees"},
    {"role": "tool", "tool_call_id": OSLO.id, "content": "mark-snow"},
)
_PICTURE = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}}
_THOUGHT = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "mark-sealed"}

_TOOLS: Mapping[str, Any] = MappingProxyType({"tools": [WEATHER]})
CHAT = (
    Sample(
        "text",
        {"messages": [{"role": "system", "content": "mark-system"}, _user("mark-user: naïve 雪")]},
        Reply("text", TRICKY),
        marks=("mark-system", "mark-user: naïve 雪"),
    ),
    Sample("long_text", {"messages": [_user("Count.")]}, Reply("long_text", LONG)),
    Sample("length", {"messages": [_user("Go on.")]}, Reply("length", "and so", finish_reason="length")),
    Sample(
        "history",
        {"messages": [_user("mark-first"), {"role": "assistant", "content": "mark-second"}, _user("mark-third")]},
        Reply("history", "Fine."),
        marks=("mark-first", "mark-second", "mark-third"),
    ),
    Sample(
        "tool_call",
        {"messages": [_user("The weather in Paris?")]},
        Reply("tool_call", tool_calls=(PARIS,), finish_reason="tool_calls"),
        _TOOLS,
        needs="tools",
        marks=("get_weather", "mark-tool"),
    ),
    Sample(
        "parallel_tool_calls",
        {"messages": [_user("The weather in Paris and Oslo?")]},
        Reply("parallel_tool_calls", "Two calls.", tool_calls=(PARIS, OSLO), finish_reason="tool_calls"),
        _TOOLS,
        needs="parallel_tool_calls",
        marks=("get_weather",),
    ),
    Sample(
        "tool_results",
        {"messages": [*_ASKED, *_ANSWERED]},
        Reply("tool_results", "Mild here, snow there."),
        _TOOLS,
        needs="tools",
        marks=("mark-18-degrees", "mark-snow", PARIS.id, OSLO.id),
    ),
    Sample(
        "structured_output",
        {"messages": [_user("Where?")]},
        Reply("structured_output", '{"city": "Paris"}'),
        {"response_format": {"type": "json_schema", "json_schema": _SCHEMA}},
        needs="structured_output",
        marks=("additionalProperties",),
    ),
    Sample(
        "image",
        {"messages": [_user([{"type": "text", "text": "mark-question"}, _PICTURE])]},
        Reply("image", "A pixel."),
        needs="images",
        marks=("mark-question", PIXEL),
    ),
    Sample(
        "reasoning",
        {"messages": [_user("Think.")]},
        Reply("reasoning", "42", reasoning="Six times\nseven.", signature="c2lnbmVk"),
        needs="reasoning",
    ),
)

# --- the other families ---

_USAGE = {"prompt_tokens": 6, "total_tokens": 6}
_SPOKEN = {"type": "tokens", "input_tokens": 14, "output_tokens": 5, "total_tokens": 19}
_SOUND = b"RIFF\x2c\x00\x00\x00WAVEfmt , a very short sound"
_FILE = ("speech.wav", _SOUND)
_PROMPT = "mark-prompt: a cube, naïve 雪"

RESPONSES = (
    Sample(
        "text",
        {"input": "mark-user: naïve 雪"},
        Reply("text", TRICKY),
        {"instructions": "mark-system"},
        marks=("mark-system", "mark-user: naïve 雪"),
    ),
    Sample("long_text", {"input": "Count."}, Reply("long_text", LONG)),
    Sample("length", {"input": "Go on."}, Reply("length", "and so", finish_reason="length")),
    Sample(
        "tool_call",
        {"input": "The weather in Paris?"},
        Reply("tool_call", tool_calls=(PARIS,), finish_reason="tool_calls"),
        {"tools": [{"type": "function", **WEATHER_FUNCTION}]},
        needs="tools",
        marks=("get_weather", "mark-tool"),
    ),
)
TEXT_COMPLETION = (
    Sample("text", {"prompt": "mark-user: naïve 雪"}, Reply("text", TRICKY), marks=("mark-user: naïve 雪",)),
    Sample("long_text", {"prompt": "Count."}, Reply("long_text", LONG)),
    Sample("length", {"prompt": "Go on."}, Reply("length", "and so", finish_reason="length")),
)
_VECTORS = [
    {"object": "embedding", "index": 0, "embedding": [0.5, -0.25]},
    {"object": "embedding", "index": 1, "embedding": [1.0, 0.125]},
]
EMBEDDING = (
    Sample(
        "vectors",
        {"input": ["mark-user", "mark-second"]},
        Reply("vectors", data={"object": "list", "model": "conformance", "data": _VECTORS, "usage": _USAGE}),
        {"encoding_format": "float"},
        marks=("mark-user", "mark-second"),
    ),
)
TRANSCRIPTION = (
    Sample("text", {"file": _FILE}, Reply("text", TRICKY, data={"text": TRICKY, "usage": _SPOKEN}), marks=("WAVE",)),
)
TRANSLATION = (Sample("text", {"file": _FILE}, Reply("text", TRICKY, data={"text": TRICKY}), marks=("WAVE",)),)
SPEECH = (
    Sample(
        "sound", {"input": "mark-user", "voice": "alloy"}, Reply("sound", content=_SOUND), marks=("mark-user", "alloy")
    ),
)
_PICTURES = {
    "created": 1_700_000_000,
    "data": [{"b64_json": PIXEL}],
    "usage": {"input_tokens": 9, "output_tokens": 30, "total_tokens": 39},
}
IMAGE = (Sample("picture", {"prompt": _PROMPT}, Reply("picture", data=_PICTURES), marks=(_PROMPT,)),)
_JOB = {
    "id": "video_1",
    "object": "video",
    "model": "conformance",
    "status": "completed",
    "progress": 100,
    "created_at": 1_700_000_000,
    "seconds": "4",
    "size": "720x1280",
}
VIDEO = (Sample("job", {"prompt": _PROMPT}, Reply("job", data=_JOB), marks=(_PROMPT,)),)
_VERDICT = {
    "id": "modr-1",
    "model": "conformance",
    "results": [
        {
            "flagged": True,
            "categories": {"violence": True, "hate": False},
            "category_scores": {"violence": 0.9, "hate": 0.1},
            "category_applied_input_types": {"violence": ["text"], "hate": ["text"]},
        }
    ],
}
MODERATION = (Sample("verdict", {"input": "mark-user"}, Reply("verdict", data=_VERDICT), marks=("mark-user",)),)

_SEEN = "toolu_paris"
_USED = {"type": "tool_use", "id": _SEEN, "name": "get_weather", "input": {"city": "Paris"}}
_RESULT = {"type": "tool_result", "tool_use_id": _SEEN, "content": "mark-18-degrees"}
_LIMIT: Mapping[str, Any] = MappingProxyType({"max_tokens": 1024})
MESSAGES = (
    Sample(
        "text",
        {"messages": [_user("mark-user: naïve 雪")], **_LIMIT},
        Reply("text", TRICKY),
        {"system": "mark-system"},
        marks=("mark-system", "mark-user: naïve 雪"),
    ),
    Sample("long_text", {"messages": [_user("Count.")], **_LIMIT}, Reply("long_text", LONG)),
    Sample("length", {"messages": [_user("Go on.")], **_LIMIT}, Reply("length", "and so", finish_reason="length")),
    Sample(
        "tool_call",
        {"messages": [_user("The weather in Paris?")], **_LIMIT},
        Reply("tool_call", tool_calls=(PARIS,), finish_reason="tool_calls"),
        {"tools": [{"name": "get_weather", "description": "The weather mark-tool", "input_schema": _PLACE}]},
        needs="tools",
        marks=("get_weather", "mark-tool"),
    ),
    Sample(
        "tool_results",
        {
            "messages": [_user("The weather in Paris?"), {"role": "assistant", "content": [_USED]}, _user([_RESULT])],
            **_LIMIT,
        },
        Reply("tool_results", "Mild."),
        {"tools": [{"name": "get_weather", "input_schema": _PLACE}]},
        needs="tools",
        marks=("mark-18-degrees", _SEEN),
    ),
    Sample(
        "reasoning",
        {"messages": [_user("Think.")], **_LIMIT},
        Reply("reasoning", "42", reasoning="Six times\nseven.", signature="c2lnbmVk"),
        needs="reasoning",
    ),
)
_RANKS = {
    "id": "rerank-1",
    "results": [{"index": 1, "relevance_score": 0.9}, {"index": 0, "relevance_score": 0.25}],
    "meta": {"billed_units": {"search_units": 1}},
}
RERANK = (
    Sample(
        "ranks",
        {"query": "mark-user", "documents": ["mark-first", "mark-second"]},
        Reply("ranks", data=_RANKS),
        {"top_n": 2},
        marks=("mark-user", "mark-first", "mark-second"),
    ),
)

SAMPLES: Mapping[str, tuple[Sample, ...]] = MappingProxyType(
    {
        "chat": CHAT,
        "responses": RESPONSES,
        "text_completion": TEXT_COMPLETION,
        "embedding": EMBEDDING,
        "transcription": TRANSCRIPTION,
        "translation": TRANSLATION,
        "speech": SPEECH,
        "image": IMAGE,
        "video": VIDEO,
        "moderation": MODERATION,
        "messages": MESSAGES,
        "rerank": RERANK,
    }
)
"""Family -> its samples."""
