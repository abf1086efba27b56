"""An upstream that refuses what a provider is documented to refuse, with a 422, and else answers as OpenAI does.

A rule looks at one request and returns why it is refused, or None. `provider_refusals.py` has those of each provider.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from llmgate_core.testing import Answer, ReceivedRequest

__all__ = [
    "Rule",
    "answer_of",
    "each_function",
    "each_message",
    "keys_of_schemas",
    "no_fields",
    "no_value",
    "only_fields",
    "refusing",
    "within",
]

Rule = Callable[[dict[str, Any]], str | None]
"""Takes the body of a request."""
USAGE = {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4}
WITHOUT_PARAMETERS = frozenset(
    {"model", "messages", "stream", "stream_options", "input", "prompt", "query", "documents"}
)


def refusing(*rules: Rule) -> Callable[[ReceivedRequest], Answer]:
    """Return what answers requests: the first refusal, or an answer."""

    def answer(request: ReceivedRequest) -> Answer:
        for rule in rules:
            if (reason := rule(request["json"])) is not None:
                return Answer.json({"error": {"message": reason, "type": "invalid_request_error"}}, 422)
        return answer_of(request)

    return answer


def answer_of(request: ReceivedRequest) -> Answer:
    """Return a plain answer to a request, by its path."""
    body = request["json"]
    endpoint = request["path"].partition("?")[0].rpartition("/")[2]
    if endpoint == "embeddings":
        vector = {"object": "embedding", "index": 0, "embedding": [0.5, 0.25]}
        return Answer.json({"object": "list", "model": body["model"], "data": [vector], "usage": USAGE})
    if endpoint == "rerank":
        return Answer.json({"model": body["model"], "results": [{"index": 0, "relevance_score": 0.5}]})
    if endpoint == "responses":
        return Answer.json({**head(body, "response"), "status": "completed", "output": []})
    if body.get("stream"):
        return Answer.sse([{**head(body, "chat.completion.chunk"), "choices": [choice("delta")]}])
    return Answer.json({**head(body, "chat.completion"), "choices": [choice("message")], "usage": USAGE})


def head(body: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """Return what an answer begins with."""
    return {"id": "1", "object": kind, "created": 1, "model": body.get("model")}


def choice(words: str, **said: Any) -> dict[str, Any]:
    """Return a choice; `words` is `message` or `delta`."""
    message = {"role": "assistant", "content": "Hello!", **said}
    return {"index": 0, words: message, "finish_reason": "stop"}


def no_fields(*names: str) -> Rule:
    """Refuse bodies that have one of these fields."""
    return lambda body: next((f"{name} is not permitted" for name in names if name in body), None)


def only_fields(*names: str) -> Rule:
    """Refuse bodies that have another parameter than these."""
    known = WITHOUT_PARAMETERS.union(names)
    return lambda body: next((f"{name} is not permitted" for name in body if name not in known), None)


def no_value(name: str, *values: Any) -> Rule:
    """Refuse bodies in which a field has one of these values."""
    return lambda body: f"{name} cannot be {body[name]!r}" if name in body and body[name] in values else None


def within(name: str, low: float, high: float) -> Rule:
    """Refuse bodies in which a number is not within its bounds."""
    return lambda body: None if low <= body.get(name, low) <= high else f"{name} is out of range"


def each_message(refusal: Callable[[dict[str, Any]], bool], reason: str) -> Rule:
    """Refuse bodies with such a message."""
    return lambda body: reason if any(map(refusal, body.get("messages", ()))) else None


def each_function(refusal: Callable[[dict[str, Any]], bool], reason: str) -> Rule:
    """Refuse bodies with such a function among the tools."""
    return lambda body: (
        reason if any(refusal(tool["function"]) for tool in body.get("tools", ()) if "function" in tool) else None
    )


def keys_of_schemas(value: Any) -> Iterator[str]:
    """Yield every key of a JSON schema and of its parts."""
    if isinstance(value, dict):
        yield from value
    for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from keys_of_schemas(part)
