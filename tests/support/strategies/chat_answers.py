"""Chat answers, and the chunks that they may come in, as hypothesis draws them.

Strategies only; all texts are made up. Every answer is valid by the description.

Source: OpenAI API reference, `CreateChatCompletionResponse` and `CreateChatCompletionStreamResponse`.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from types import MappingProxyType
from typing import Any

from hypothesis import strategies as st

from llmgate_core.contract.call import JsonObject
from tests.support.strategies.chat_requests import custom_calls, function_calls, optional, words

__all__ = ["answers", "chunks_of", "cut", "losing_answers"]

COUNTS = st.integers(0, 9)
ENDS = st.sampled_from(["stop", "tool_calls", "length", "content_filter"])
usages = st.builds(
    lambda prompt, completion, sent, made: {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        **({"prompt_tokens_details": sent} if sent else {}),
        **({"completion_tokens_details": made} if made else {}),
    },
    COUNTS,
    COUNTS,
    optional(cached_tokens=COUNTS, cache_write_tokens=COUNTS, audio_tokens=COUNTS),
    optional(reasoning_tokens=COUNTS, accepted_prediction_tokens=COUNTS),
)
citations = st.builds(
    lambda start, title: {
        "type": "url_citation",
        "url_citation": {"url": "https://example.test/a", "title": title, "start_index": start, "end_index": start + 1},
    },
    st.integers(0, 5),
    words,
)


@st.composite
def _tokens(draw: st.DrawFn, text: str) -> list[JsonObject]:
    """Draw the tokens of a text, one a character."""
    others = draw(st.booleans())
    return [
        {
            "token": character,
            "logprob": -0.5,
            "bytes": draw(st.sampled_from([None, [1, 2]])),
            "top_logprobs": [{"token": "x", "logprob": -2.0, "bytes": None}] if others else [],
        }
        for character in text
    ]


@st.composite
def answers(draw: st.DrawFn, *, custom: bool = True) -> JsonObject:
    """Draw a whole chat completion."""
    content, refusal = draw(st.none() | words), draw(st.none() | st.none() | words)
    message: JsonObject = {"role": "assistant", "content": content, "refusal": refusal}
    if (reasoning := draw(st.none() | words)) is not None:
        message["reasoning_content"] = reasoning
    if content and (cited := draw(st.lists(citations, max_size=2))):
        message["annotations"] = cited
    kinds = st.one_of(function_calls, custom_calls) if custom else function_calls
    if calls := draw(st.lists(kinds, max_size=3)):
        message["tool_calls"] = [{"id": f"call_{index}", **call} for index, call in enumerate(calls)]
    logprobs = {"content": draw(_tokens(content)), "refusal": None} if content and draw(st.booleans()) else None
    choice = {"index": 0, "message": message, "finish_reason": draw(ENDS), "logprobs": logprobs}
    answer: JsonObject = {"id": "chatcmpl-A1", "object": "chat.completion", "created": 1760000000, "model": "m-1"}
    answer["choices"] = [choice]
    if (usage := draw(st.none() | usages)) is not None:
        answer["usage"] = usage
    if draw(st.booleans()):
        answer["service_tier"] = "default"
    return answer


LOSING: Mapping[str, JsonObject] = MappingProxyType(
    {
        "message.audio": {"audio": {"id": "a", "data": "AA==", "expires_at": 1, "transcript": "Hi"}},
        "message.images": {"images": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}]},
        "annotations": {"annotations": [{"type": "a_new_kind"}]},
    }
)
"""Parameter as a ledger names it -> fields of a message that no Response has a place for."""


@st.composite
def losing_answers(draw: st.DrawFn) -> tuple[JsonObject, set[str]]:
    """Draw an answer that holds what no Response can, and what that is."""
    answer = draw(answers())
    (choice,) = answer["choices"]
    message = choice["message"]
    losses = draw(st.sets(st.sampled_from(sorted([*LOSING, "logprobs", "n"])), min_size=1))
    for name in losses & LOSING.keys():
        message.update(LOSING[name])
    if "logprobs" in losses:
        tokens = draw(_tokens("no"))
        of_nothing = message["content"] is None and draw(st.booleans())  # as of the tokens of a call
        choice["logprobs"] = {"content": tokens if of_nothing else None, "refusal": None if of_nothing else tokens}
    if "n" in losses:
        answer["choices"].append({**choice, "index": 1})
    return answer, losses


def cut(draw: st.DrawFn, text: str) -> list[str]:
    """Return pieces that add up to `text`."""
    places = sorted(draw(st.sets(st.integers(0, len(text)), max_size=3)) | {0, len(text)})
    return [text[start:end] for start, end in pairwise(places)]


@st.composite
def chunks_of(draw: st.DrawFn, answer: JsonObject) -> list[JsonObject]:
    """Draw chunks that add up to an answer: its texts cut anywhere, the pieces of its calls interleaved."""
    choice = answer["choices"][0]
    message = choice["message"]
    steps: list[tuple[JsonObject, Any]] = [({"role": "assistant", "content": ""}, None)]
    steps += [({"reasoning_content": piece}, None) for piece in cut(draw, message.get("reasoning_content") or "")]
    steps += _content(draw, message["content"] or "", choice["logprobs"])
    if "annotations" in message:
        steps.append(({"annotations": message["annotations"]}, None))
    steps += [({"refusal": piece}, None) for piece in cut(draw, message["refusal"] or "")]
    steps += [({"tool_calls": [piece]}, None) for piece in _calls(draw, message.get("tool_calls") or [])]
    head = {name: answer[name] for name in ("id", "created", "model")} | {"object": "chat.completion.chunk"}
    if "service_tier" in answer:
        head["service_tier"] = answer["service_tier"]
    steps += [({name: message[name]}, None) for name in ("audio", "images") if name in message]
    chunks = [_chunk(head, delta, logprobs=logprobs) for delta, logprobs in steps]
    if choice["logprobs"] and not (message["content"] and choice["logprobs"]["content"]):  # they are of no text
        chunks.append(_chunk(head, {}, logprobs=choice["logprobs"]))
    if len(answer["choices"]) > 1:
        chunks.append({**_chunk(head, {}), "choices": [{"index": 1, "delta": {"content": "x"}, "finish_reason": None}]})
    chunks.append(_chunk(head, {}, finish_reason=choice["finish_reason"]))
    if "usage" in answer:
        chunks.append({**head, "choices": [], "usage": answer["usage"]})
    return chunks


def _chunk(head: JsonObject, delta: JsonObject, *, finish_reason: Any = None, logprobs: Any = None) -> JsonObject:
    return {
        **head,
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason, "logprobs": logprobs}],
        "usage": None,
    }


def _content(draw: st.DrawFn, content: str, logprobs: Any) -> list[tuple[JsonObject, Any]]:
    steps: list[tuple[JsonObject, Any]] = []
    place = 0
    for piece in cut(draw, content):
        tokens = logprobs["content"][place : place + len(piece)] if logprobs and logprobs["content"] else None
        place += len(piece)
        steps.append(({"content": piece}, {"content": tokens, "refusal": None} if tokens else None))
    return steps


def _calls(draw: st.DrawFn, calls: list[JsonObject]) -> list[JsonObject]:
    """Return each call's beginning, then the pieces of all of them in any order that keeps each call's own."""
    begun: list[JsonObject] = []
    queues: list[list[JsonObject]] = []
    for index, call in enumerate(calls):
        kind = call["type"]
        field = "arguments" if kind == "function" else "input"
        begun.append({**call, "index": index, kind: {**call[kind], field: ""}})
        queues.append([{"index": index, kind: {field: piece}} for piece in cut(draw, call[kind][field])])
    order = draw(st.permutations([index for index, queue in enumerate(queues) for _ in queue]))
    return begun + [queues[index].pop(0) for index in order]
