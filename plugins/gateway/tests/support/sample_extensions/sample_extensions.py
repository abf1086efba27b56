"""Extensions of the gateway as another distribution would bring them: middleware, stores, and a dialect.

They are worked examples: each is as long as the task needs, and imports `llmgate_gateway` only.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import Any

from llmgate_gateway import (
    Answer,
    Caller,
    ErrorFacts,
    GatewayCall,
    Handler,
    HTTPRoute,
    Middleware,
    MiddlewareSetup,
    Reply,
    refuse,
)

from llmgate_core import LLMGateError


def guard(setup: MiddlewareSetup) -> Middleware:
    """Refuse prompts that hold one of the words of the option `words`."""
    words = tuple(setup.options["words"])

    async def check(call: GatewayCall, handler: Handler) -> Answer:
        prompt = json.dumps(call.body, ensure_ascii=False)
        if any(word in prompt for word in words):
            raise refuse(400, "This gateway does not pass on such a prompt.", code="prompt_refused", param="messages")
        return await handler(call)

    return check


def cache(setup: MiddlewareSetup) -> Middleware:
    """Answer a request that was answered before, for as long as the option `seconds` says."""
    blobs, seconds = setup.stores.blobs, float(setup.options.get("seconds", 60))

    async def look_up(call: GatewayCall, handler: Handler) -> Answer:
        if call.body.get("stream"):
            return await handler(call)
        asked = json.dumps([call.caller.name, call.family, call.operation, call.model, call.body], sort_keys=True)
        name = hashlib.sha256(asked.encode()).hexdigest()
        content = await blobs.get(name)
        if content is not None:
            return Answer(200, [(b"content-type", b"application/json"), (b"x-cache", b"hit")], content)
        answer = await handler(call)
        if answer.status == 200 and isinstance(answer.body, bytes):
            await blobs.put(name, answer.body, seconds=seconds)
        return answer

    return look_up


def budget(setup: MiddlewareSetup) -> Middleware:
    """Give each caller the tokens of the options `limit` and `seconds`; reserve `estimate` of them for every call."""
    counters, options = setup.stores.counters, setup.options

    async def account(call: GatewayCall, handler: Handler) -> Answer:
        reservation = await counters.reserve(
            f"tokens:{call.caller.name}", options["estimate"], limit=options["limit"], window_seconds=options["seconds"]
        )
        if reservation is None:
            raise refuse(429, "The token budget is used up.", code="budget_exceeded", kind="tokens")

        async def settle() -> None:
            usage = call.record.usage or {}
            await counters.settle(reservation, usage.get("total_tokens", 0))

        call.on_end.insert(0, settle)  # the last to run: the usage is known then, of a stream too
        return await handler(call)

    return account


def count_bytes(setup: MiddlewareSetup) -> Middleware:  # it has no options
    """Put the size of a stream into the access log."""

    async def count(call: GatewayCall, handler: Handler) -> Answer:
        answer = await handler(call)
        if not isinstance(answer.body, bytes):
            answer.body = counted(call, answer.body)
        return answer

    async def counted(call: GatewayCall, body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        size = 0
        async for block in body:
            size += len(block)
            call.record.extra["stream_bytes"] = size
            yield block

    return count


def fallback(setup: MiddlewareSetup) -> Middleware:
    """Ask the model of the option `model` where the one that was asked for fails."""

    async def retry(call: GatewayCall, handler: Handler) -> Answer:
        try:
            return await handler(call)
        except LLMGateError:
            call.model = setup.options["model"]
            call.reply_headers.clear()
            return await handler(call)

    return retry


def broken(setup: MiddlewareSetup) -> Middleware:  # as above
    """Fail on every call."""

    async def fail(call: GatewayCall, handler: Handler) -> Answer:
        raise ZeroDivisionError(f"{call.family}: {handler}")

    return fail


class ListedKeys:
    """A store of the keys in its option `keys`: name -> key."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._callers = {
            hashlib.sha256(key.encode()).digest(): Caller(name, options.get("models"))
            for name, key in options["keys"].items()
        }

    async def find(self, digest: bytes) -> Caller | None:
        return self._callers.get(digest)

    async def aclose(self) -> None:
        self._callers.clear()


class TracedBlobs:
    """Blobs in a dictionary of the class, so that a test sees them; their expiry is left out."""

    content: Mapping[str, bytes] = {}
    closed = 0

    def __init__(self, options: Mapping[str, Any]) -> None:
        assert options == {}

    async def get(self, name: str) -> bytes | None:
        return TracedBlobs.content.get(name)

    async def put(self, name: str, content: bytes, *, seconds: float) -> None:
        assert seconds > 0
        TracedBlobs.content = {**TracedBlobs.content, name: content}

    async def delete(self, name: str) -> None:
        TracedBlobs.content = {known: content for known, content in TracedBlobs.content.items() if known != name}

    async def aclose(self) -> None:
        TracedBlobs.closed += 1


class Plain:
    """A dialect of plain text: `POST /ask/{model}` with the question as its body, and the answer as its response."""

    name = "plain"

    def routes(self) -> Iterable[HTTPRoute]:
        return [HTTPRoute("POST", "/ask/{model}", "chat", "create", dialect="plain", has_body=True)]

    async def decode(self, request: Any, route: HTTPRoute, ids: Mapping[str, str], general: Any) -> GatewayCall:
        question, more = b"", True
        while more:
            block, more = await request.read()
            question += block
            if len(question) > general.limits.max_json_body:
                raise refuse(413, "The question is too long.", code="request_too_large", close=True)
        if not question:
            raise refuse(400, "The question is empty.", code="empty_question")
        body: dict[str, Any] = {"messages": [{"role": "user", "content": question.decode()}]}
        if b"text/event-stream" in request.headers.get(b"accept", b""):
            body["stream"] = True
        call = GatewayCall(request.caller, route.family, route.operation, ids["model"], body, None, request.record)
        call.reply_headers = request.extra_headers
        return call

    def encode(self, call: GatewayCall, answer: Answer) -> Answer:
        headers = [header for header in answer.headers if header[0] != b"content-type"]
        answer.headers = [(b"content-type", b"text/plain; charset=utf-8"), *headers]
        if isinstance(answer.body, bytes):
            answer.body = json.loads(answer.body)["choices"][0]["message"]["content"].encode()
        else:
            answer.body = self._texts(answer.body)
        return answer

    async def _texts(self, events: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        async for block in events:
            for line in block.splitlines():
                if line.startswith(b"data: {"):
                    for choice in json.loads(line[6:])["choices"]:
                        yield choice["delta"].get("content", "").encode()

    def error_reply(self, error: ErrorFacts) -> Reply:
        return Reply(error.status, f"{error.code}: {error.message}".encode(), ((b"content-type", b"text/plain"),))

    def stream_tail(self, call: GatewayCall, error: ErrorFacts, *, after: int) -> bytes:
        return f"\n[{call.family} ended after {after} events: {error.code}]".encode()

    def model_list(self, names: Sequence[str]) -> Reply:
        return Reply(200, "\n".join(names).encode())

    def model(self, name: str) -> Reply:
        return Reply(200, name.encode())


plain = Plain()
VALUE = "not an extension"
