"""An upstream that answers whatever the pages of the guide and LiteLLM's OpenAI page ask, each family in its own shape.

Data and one look-up: the path picks the answer. It remembers nothing, so that every page runs alone.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterable
from typing import Any

from llmgate_core.testing import Answer, ReceivedRequest
from tests.support.anthropic_upstream import messages_answered
from tests.support.bedrock_upstream import BEDROCK_TABLE
from tests.support.gemini_upstream import page_answered
from tests.support.vertex_upstream import publisher_answered

__all__ = ["PNG", "WAV", "answered"]

PNG = b"\x89PNG\r\n\x1a\n, a very small picture"
WAV = b"RIFF\x2c\x00\x00\x00WAVEfmt , a very short sound"
USAGE = {"prompt_tokens": 18, "completion_tokens": 7, "total_tokens": 25}
IN_OUT = {"input_tokens": 18, "output_tokens": 7, "total_tokens": 25}
CALL = {"name": "get_weather", "arguments": '{"city": "Paris"}'}
OBJECT = '{"name": "Paris"}'
FIELD = re.compile(r'name="(\w+)"\r\n\r\n(.*?)\r\n')
"""A field of a form, whose value is text."""
OPENAPI = "/projects/[^/]+/locations/[^/]+/endpoints/openapi"
PLACE = re.compile(rf"^(?:/openai)?(?:/v1(?:{OPENAPI})?|/deployments/[^/]+)|^/openai(?=/responses)")
"""What comes before a path: the version, at Azure a deployment, at Google Cloud a project."""
HEADERS: Any = {"x_request_id": "req-1", "openai_model": "a-model", "openai_processing_ms": "12"}


def wants_function(body: dict[str, Any]) -> bool:
    return any(tool.get("type") == "function" for tool in body.get("tools") or ())


# --- chat, text completion, embedding ---


def chat(body: dict[str, Any]) -> Answer:
    if body.get("stream"):
        return Answer.sse(chat_chunks(body), **HEADERS)
    message: dict[str, Any] = {"role": "assistant", "content": OBJECT if body.get("response_format") else "Hello!"}
    asks_back = wants_function(body) and body["messages"][-1]["role"] != "tool"
    if asks_back:
        message |= {"content": None, "tool_calls": [{"id": "call_1", "type": "function", "function": CALL}]}
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls" if asks_back else "stop"}
    said = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": body["model"]}
    return Answer.json({**said, "choices": [choice], "usage": USAGE}, **HEADERS)


def chat_chunks(body: dict[str, Any]) -> list[dict[str, Any]]:
    said = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": body["model"]}
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": "one "}, {"content": "two "}, {"content": "three"}]
    choices: list[dict[str, Any]] = [{"index": 0, "delta": delta, "finish_reason": None} for delta in deltas]
    choices.append({"index": 0, "delta": {}, "finish_reason": "stop"})
    chunks: list[dict[str, Any]] = [{**said, "choices": [choice]} for choice in choices]
    with_usage = (body.get("stream_options") or {}).get("include_usage")
    return [*chunks, {**said, "choices": [], "usage": USAGE}] if with_usage else chunks


def text_completion(body: dict[str, Any]) -> Answer:
    said = {"id": "cmpl-1", "object": "text_completion", "created": 1, "model": body["model"]}
    whole: dict[str, Any] = {
        **said,
        "choices": [{"index": 0, "text": "Hello!", "finish_reason": "stop"}],
        "usage": USAGE,
    }
    return Answer.sse([whole], **HEADERS) if body.get("stream") else Answer.json(whole, **HEADERS)


def embedding(body: dict[str, Any]) -> Answer:
    inputs = body["input"] if isinstance(body["input"], list) else [body["input"]]
    rows = [{"object": "embedding", "index": number, "embedding": [0.5, -0.25]} for number in range(len(inputs))]
    usage = {"prompt_tokens": 6, "total_tokens": 6}
    return Answer.json({"object": "list", "model": body["model"], "data": rows, "usage": usage}, **HEADERS)


def rerank(body: dict[str, Any]) -> Answer:
    scores = enumerate(0.25 if number == 0 else 0.9 for number in range(len(body["documents"])))
    return Answer.json({"results": [{"index": at, "relevance_score": score} for at, score in scores]}, **HEADERS)


# --- responses ---

THOUGHT = {
    "id": "rs_1",
    "type": "reasoning",
    "summary": [{"type": "summary_text", "text": "France has one capital."}],
    "encrypted_content": "gAAAA",
}


def response(body: dict[str, Any], *, status: str = "completed") -> dict[str, Any]:
    text = OBJECT if (body.get("text") or {}).get("format") else "Paris."
    part = {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
    message = {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed", "content": [part]}
    call = {"id": "fc_1", "type": "function_call", "status": "completed", "call_id": "call_1", **CALL}
    output = [THOUGHT, call if wants_function(body) else message]
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 1,
        "status": status,
        "model": body.get("model", "gpt-5"),
        "output": output if status == "completed" else [],
        "usage": IN_OUT if status == "completed" else None,
    }


def responses(body: dict[str, Any]) -> Answer:
    if body.get("stream"):
        return Answer.sse(response_events(body), done=False, **HEADERS)
    return Answer.json(response(body, status="queued" if body.get("background") else "completed"), **HEADERS)


def response_events(body: dict[str, Any]) -> Iterable[dict[str, Any]]:
    whole = response(body)
    thought, message = whole["output"]
    summary = {"item_id": "rs_1", "output_index": 0, "summary_index": 0}
    place = {"item_id": "msg_1", "output_index": 1, "content_index": 0}
    started = {**whole, "status": "in_progress", "output": [], "usage": None}
    events: list[dict[str, Any]] = [
        {"type": "response.created", "response": started},
        {"type": "response.output_item.added", "output_index": 0, "item": {**thought, "summary": []}},
        {"type": "response.reasoning_summary_text.delta", **summary, "delta": "France has one capital."},
        {"type": "response.output_item.done", "output_index": 0, "item": thought},
        {"type": "response.output_item.added", "output_index": 1, "item": {**message, "content": []}},
        {"type": "response.output_text.delta", **place, "delta": "Par", "logprobs": []},
        {"type": "response.output_text.delta", **place, "delta": "is.", "logprobs": []},
        {"type": "response.output_item.done", "output_index": 1, "item": message},
        {"type": "response.completed", "response": whole},
    ]
    return [{**event, "sequence_number": number} for number, event in enumerate(events)]


def page(*items: dict[str, Any]) -> Answer:
    return Answer.json({"object": "list", "data": list(items), "has_more": False})


def deleted(kind: str) -> Callable[[dict[str, Any]], Answer]:
    return lambda _: Answer.json({"id": "gone", "object": kind, "deleted": True})


# --- audio ---


def transcription(form: dict[str, Any]) -> Answer:
    usage = {"type": "tokens", **IN_OUT, "input_token_details": {"text_tokens": 0, "audio_tokens": 18}}
    if form.get("stream"):
        deltas = [{"type": "transcript.text.delta", "delta": piece} for piece in ("the quick ", "brown fox")]
        done = {"type": "transcript.text.done", "text": "the quick brown fox", "usage": usage}
        return Answer.sse([*deltas, done], done=False)
    if form.get("response_format") == "srt":
        srt = b"1\n00:00:00,000 --> 00:00:01,000\nthe quick brown fox\n"
        return Answer(200, srt, {"content-type": "text/plain"})
    said: dict[str, Any] = {"text": "the quick brown fox", "usage": usage}
    if form.get("response_format") == "verbose_json":
        words = [{"word": "the", "start": 0.0, "end": 0.5}, {"word": "quick", "start": 0.5, "end": 1.0}]
        said |= {"duration": 1.0, "language": "english", "words": words, "usage": {"type": "duration", "seconds": 1}}
    return Answer.json(said, **HEADERS)


def speech(body: dict[str, Any]) -> Answer:
    if body.get("stream_format") == "sse":
        audio = {"type": "speech.audio.delta", "audio": base64.b64encode(WAV).decode()}
        return Answer.sse([audio, {"type": "speech.audio.done", "usage": IN_OUT}], done=False)
    return Answer(200, [WAV[:8], WAV[8:]], {"content-type": "audio/wav", "x-request-id": "req-1"})


# --- images, video, moderation ---


def images(body: dict[str, Any]) -> Answer:
    made = {"b64_json": base64.b64encode(PNG).decode()}
    details = {"input_tokens_details": {"text_tokens": 18, "image_tokens": 0}}
    output = {"output_tokens_details": {"text_tokens": 0, "image_tokens": 7}}
    whole = {"created": 1, "size": "1024x1024", "quality": "low", "usage": {**IN_OUT, **details, **output}}
    if body.get("stream"):
        partial = {"type": "image_generation.partial_image", "partial_image_index": 0, **made}
        completed = {"type": "image_generation.completed", **made, **whole}
        return Answer.sse([partial, completed], done=False)
    return Answer.json({**whole, "data": [made]}, **HEADERS)


def video(status: str) -> Callable[[dict[str, Any]], Answer]:
    job = {"id": "video_1", "object": "video", "model": "sora-2", "seconds": "4", "size": "720x1280"}
    progress = 100 if status == "completed" else 0
    return lambda _: Answer.json({**job, "status": status, "progress": progress}, openai_poll_after_ms="10")


def moderation(body: dict[str, Any]) -> Answer:
    count = len(body["input"]) if isinstance(body["input"], list) and isinstance(body["input"][0], str) else 1
    verdict = {
        "flagged": False,
        "categories": {"harassment/threatening": False, "self-harm/intent": False},
        "category_scores": {"harassment/threatening": 0.0004, "self-harm/intent": 0.0001},
        "category_applied_input_types": {"harassment/threatening": ["text"], "self-harm/intent": ["text"]},
    }
    model = body.get("model", "omni-moderation-latest")
    return Answer.json({"id": "modr-1", "model": model, "results": [verdict] * count}, **HEADERS)


TABLE: tuple[tuple[str, str, Callable[[Any], Answer]], ...] = (
    ("POST", "/chat/completions", chat),
    ("POST", "/completions", text_completion),
    ("POST", "/embeddings", embedding),
    ("POST", "/responses", responses),
    ("POST", "/responses/input_tokens", lambda _: Answer.json({"object": "response.input_tokens", "input_tokens": 18})),
    ("POST", "/responses/compact", lambda body: Answer.json({**response(body), "object": "response.compaction"})),
    ("POST", "/responses/[^/]+/cancel", lambda body: Answer.json(response(body, status="cancelled"))),
    ("GET", "/responses/[^/]+/input_items", lambda _: page({"id": "msg_0", "type": "message", "role": "user"})),
    ("GET", "/responses/[^/]+", lambda body: Answer.json(response(body))),
    ("DELETE", "/responses/[^/]+", deleted("response")),
    ("POST", "/audio/transcriptions", transcription),
    ("POST", "/audio/translations", transcription),
    ("POST", "/audio/speech", speech),
    ("POST", "/images/(generations|edits|variations)", images),
    ("POST", "/videos(/[^/]+/remix)?", video("queued")),
    ("GET", "/videos/[^/]+/content", lambda _: Answer(200, [b"a very ", b"short film"], {"content-type": "video/mp4"})),
    ("GET", "/videos/[^/]+", video("completed")),
    ("GET", "/videos", lambda _: page({"id": "video_1", "object": "video", "status": "completed"})),
    ("DELETE", "/videos/[^/]+", deleted("video.deleted")),
    ("POST", "/moderations", moderation),
    ("POST", "/rerank", rerank),
    *BEDROCK_TABLE,
)


def answered(request: ReceivedRequest) -> Answer:
    """Return the answer to one request: a 404 where no row of the table fits."""
    if request["path"].startswith("/v1beta/"):
        return page_answered(request)
    if (of_publisher := publisher_answered(request)) is not None:
        return of_publisher
    path = PLACE.sub("", request["path"].partition("?")[0])
    if path.startswith("/messages"):
        return messages_answered(request)
    for method, pattern, answer in TABLE:
        if method == request["method"] and re.fullmatch(pattern, path):
            return answer(request["json"] or dict(FIELD.findall(request["body"].decode("latin-1"))))
    return Answer.json({"error": {"message": f"there is no {request['method']} {path}"}}, 404)
