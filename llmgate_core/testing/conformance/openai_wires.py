"""The answers of the OpenAI API: a reply as JSON, and as the events of a stream.

Source: OpenAI API reference, OpenAPI description 2.3.0.
"""

from __future__ import annotations

from typing import Any

from llmgate_core.testing.conformance.samples import Reply, ToolCall, called

__all__ = [
    "chat",
    "chat_chunks",
    "content",
    "data",
    "image_events",
    "response",
    "response_events",
    "text_completion",
    "text_completion_chunks",
    "transcription_events",
]

Json = dict[str, Any]
DONE = "[DONE]"
CREATED = 1_700_000_000
MODEL = "conformance-2026-01-01"


def halves(text: str) -> list[str]:
    """Return a string in two pieces, or in one if it is short."""
    middle = len(text) // 2
    return [part for part in (text[:middle], text[middle:]) if part]


def content(reply: Reply) -> bytes:
    """Return the bytes of an answer that is not JSON."""
    return reply.content


def data(reply: Reply) -> Json:
    """Return an answer whose canonical form is its data."""
    return dict(reply.data)


# --- chat and text completion ---


def _usage(reply: Reply) -> Json:
    return {
        "prompt_tokens": reply.input_tokens,
        "completion_tokens": reply.output_tokens,
        "total_tokens": reply.total_tokens,
        "prompt_tokens_details": {"cached_tokens": reply.cached_tokens},
    }


def chat(reply: Reply) -> Json:
    """Return a chat completion."""
    message: Json = {"role": "assistant", "content": reply.text or None}
    if reply.reasoning:
        message["reasoning_content"] = reply.reasoning
    if reply.tool_calls:
        message["tool_calls"] = [called(call) for call in reply.tool_calls]
    choice = {"index": 0, "message": message, "finish_reason": reply.finish_reason}
    said = {"id": "chatcmpl-1", "object": "chat.completion", "created": CREATED, "model": MODEL}
    return {**said, "choices": [choice], "usage": _usage(reply)}


def chat_chunks(reply: Reply) -> list[Json | str]:
    """Return the chunks of a chat stream, and its end marker."""
    deltas: list[Json] = [{"role": "assistant", "content": ""}]
    deltas += [{"reasoning_content": piece} for piece in halves(reply.reasoning)]
    deltas += [{"content": piece} for piece in halves(reply.text)]
    for index, call in enumerate(reply.tool_calls):
        started = ToolCall(call.id, call.name, "")
        deltas.append({"tool_calls": [{"index": index, **called(started)}]})
        for piece in halves(call.arguments):
            deltas.append({"tool_calls": [{"index": index, "function": {"arguments": piece}}]})
    said = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": CREATED, "model": MODEL}
    chunks: list[Json | str] = [
        {**said, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas
    ]
    chunks.append({**said, "choices": [{"index": 0, "delta": {}, "finish_reason": reply.finish_reason}]})
    return [*chunks, {**said, "choices": [], "usage": _usage(reply)}, DONE]


def text_completion(reply: Reply) -> Json:
    """Return a text completion."""
    said = {"id": "cmpl-1", "object": "text_completion", "created": CREATED, "model": MODEL}
    choice = {"index": 0, "text": reply.text, "finish_reason": reply.finish_reason, "logprobs": None}
    return {**said, "choices": [choice], "usage": _usage(reply)}


def text_completion_chunks(reply: Reply) -> list[Json | str]:
    """Return the chunks of a text completion, and its end marker."""
    said = {"id": "cmpl-1", "object": "text_completion", "created": CREATED, "model": MODEL}
    pieces = [*((piece, None) for piece in halves(reply.text)), ("", reply.finish_reason)]
    chunks: list[Json | str] = [
        {**said, "choices": [{"index": 0, "text": text, "finish_reason": reason, "logprobs": None}]}
        for text, reason in pieces
    ]
    return [*chunks, {**said, "choices": [], "usage": _usage(reply)}, DONE]


# --- responses ---


def response(reply: Reply) -> Json:
    """Return a response."""
    is_cut = reply.finish_reason == "length"
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": CREATED,
        "model": MODEL,
        "status": "incomplete" if is_cut else "completed",
        "incomplete_details": {"reason": "max_output_tokens"} if is_cut else None,
        "error": None,
        "output": _output(reply),
        "usage": {
            "input_tokens": reply.input_tokens,
            "input_tokens_details": {"cached_tokens": reply.cached_tokens},
            "output_tokens": reply.output_tokens,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": reply.total_tokens,
        },
    }


def _output(reply: Reply) -> list[Json]:
    items: list[Json] = []
    if reply.text:
        part = {"type": "output_text", "text": reply.text, "annotations": [], "logprobs": []}
        said = {"type": "message", "role": "assistant", "status": "completed"}
        items.append({"id": "msg_1", **said, "content": [part]})
    for call in reply.tool_calls:
        named = {"call_id": call.id, "name": call.name, "arguments": call.arguments}
        items.append({"id": f"fc_{call.id}", "type": "function_call", "status": "completed", **named})
    return items


def response_events(reply: Reply) -> list[tuple[str, Json]]:
    """Return the events of a response's stream."""
    whole = response(reply)
    begun = {**whole, "status": "in_progress", "incomplete_details": None, "output": [], "usage": None}
    events: list[Json] = [{"type": "response.created", "response": begun}]
    for number, item in enumerate(whole["output"]):
        events += _item_events(number, item)
    events.append({"type": f"response.{whole['status']}", "response": whole})
    return [(event["type"], {**event, "sequence_number": number}) for number, event in enumerate(events)]


def _item_events(number: int, item: Json) -> list[Json]:
    place = {"output_index": number, "item_id": item["id"]}
    if item["type"] == "function_call":
        empty, kind, name, whole = {**item, "arguments": ""}, "response.function_call_arguments", "arguments", None
        text = item["arguments"]
        start, end = [], []
    else:
        part = item["content"][0]
        empty, kind, name, whole = {**item, "content": []}, "response.output_text", "text", part
        text = part["text"]
        place["content_index"] = 0
        start = [{"type": "response.content_part.added", **place, "part": {**part, "text": ""}}]
        end = [{"type": "response.content_part.done", **place, "part": whole}]
    added = {"type": "response.output_item.added", "output_index": number, "item": {**empty, "status": "in_progress"}}
    deltas = [{"type": f"{kind}.delta", **place, "delta": piece} for piece in halves(text)]
    done = {"type": f"{kind}.done", **place, name: text}
    ended = {"type": "response.output_item.done", "output_index": number, "item": item}
    return [added, *start, *deltas, done, *end, ended]


# --- audio and images ---


def transcription_events(reply: Reply) -> list[tuple[str, Json]]:
    """Return the events of a transcription's stream."""
    events: list[Json] = [{"type": "transcript.text.delta", "delta": piece} for piece in halves(reply.text)]
    events.append({"type": "transcript.text.done", **reply.data})
    return [(event["type"], event) for event in events]


def image_events(reply: Reply) -> list[tuple[str, Json]]:
    """Return the events of an image's stream."""
    picture = {"b64_json": reply.data["data"][0]["b64_json"], "created_at": reply.data["created"]}
    shape = {"size": "1024x1024", "quality": "high", "background": "auto", "output_format": "png"}
    partial = {"type": "image_generation.partial_image", **picture, **shape, "partial_image_index": 0}
    done = {"type": "image_generation.completed", **picture, **shape, "usage": reply.data["usage"]}
    return [(event["type"], event) for event in (partial, done)]
