"""Models that are functions of this process: `mine/function`, `mine/generator`, `mine/coroutine`, `mine/later`.

`mine/later` is an asynchronous generator. Each says "hello", as it is asked: whole, or in three chunks.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

from llmgate_core.plugin import Call, JsonObject, ProviderInfo, Route, Served, hookimpl

__all__ = ["InProcess", "answer", "asynchronous", "chunk", "generates", "later", "plugin"]

USAGE = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}


def answer(text: str = "hello") -> JsonObject:
    message = {"role": "assistant", "content": text}
    return {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "usage": USAGE}


def chunk(text: str, finish_reason: str | None = None) -> JsonObject:
    return {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": finish_reason}]}


def pieces() -> Iterator[JsonObject]:
    yield chunk("hel")
    yield chunk("lo", "stop")
    yield {"choices": [], "usage": USAGE}


class InProcess:
    """Serves chats, with a synchronous hook that may return something asynchronous."""

    info = ProviderInfo(api=(1, 1), name="mine")

    @hookimpl
    def serve(self, call: Call, route: Route) -> Served | None:
        models: Any = {"function": answer, "generator": pieces, "coroutine": self.coroutine, "later": self.later}
        served: Served | None = models[route.model]() if route.model in models else None
        return served

    async def coroutine(self) -> JsonObject:
        await asyncio.sleep(0.001)
        return answer()

    async def later(self) -> AsyncIterator[JsonObject]:
        for piece in pieces():
            await asyncio.sleep(0.001)
            yield piece


class Generates(InProcess):
    """Its hook is a generator."""

    @hookimpl
    def serve(self, call: Call, route: Route) -> Iterator[JsonObject]:
        for piece in pieces():
            time.sleep(0.001)
            yield piece


class Asynchronous(InProcess):
    """Its hook is an asynchronous function."""

    @hookimpl
    async def serve(self, call: Call, route: Route) -> Any:  # type: ignore[override]
        return self.later() if route.model == "later" else await self.coroutine()


class Later(InProcess):
    """Its hook is an asynchronous generator."""

    @hookimpl
    async def serve(self, call: Call, route: Route) -> AsyncIterator[JsonObject]:  # type: ignore[override]
        async for piece in self.later():
            yield piece


plugin, generates, asynchronous, later = InProcess(), Generates(), Asynchronous(), Later()
