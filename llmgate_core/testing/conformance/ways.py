"""The ways in which one call can go: synchronous or not, each transport, as a server's relay, through a gateway.

Every way returns the same canonical answer, or the same error.
"""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
from collections.abc import Awaitable, Callable, Mapping
from contextlib import closing
from types import MappingProxyType
from typing import Any, NamedTuple

from llmgate_core.client.async_client import AsyncClient
from llmgate_core.client.sync_client import Client
from llmgate_core.endpoints.families import FAMILIES
from llmgate_core.errors import LLMGateError
from llmgate_core.files.uploads import file_part
from llmgate_core.json_codec import decode
from llmgate_core.reading.accumulate.chunks import fold
from llmgate_core.reading.accumulate.events import fold_events
from llmgate_core.reading.framing.sse import SSEDecoder
from llmgate_core.testing.conformance.bench import KEY, Bench
from llmgate_core.testing.conformance.samples import Sample

__all__ = ["METHODS", "WAYS", "Way"]

METHODS: Mapping[str, str] = MappingProxyType(
    {"chat": "completion", "image": "image_generation", "video": "video_generation"}
)
"""Family -> the method of a client; of the others the family is its name."""
MAX_EVENT_BYTES = 1024 * 1024


class Ending(NamedTuple):
    """What the caller got: the canonical answer (of a stream, what its chunks add up to), or an error."""

    answer: Any
    error: LLMGateError | None = None


Way = Callable[[Bench, Sample, bool], Ending]


def _arguments(bench: Bench, sample: Sample, stream: bool) -> dict[str, Any]:
    arguments: dict[str, Any] = {"model": bench.model, **sample.inputs, **sample.arguments, **bench.own_options()}
    return {**arguments, "stream": True} if stream else arguments


def _dumped(value: Any) -> Any:
    content = getattr(value, "content", None)
    return content if isinstance(content, bytes) else value.model_dump(exclude_unset=True)


def _folded(family: str, chunks: list[Any]) -> Any:
    if all(isinstance(chunk, bytes) for chunk in chunks):
        return b"".join(chunks)
    return fold(family, chunks) if family in ("chat", "text_completion") else fold_events(family, chunks)


def synchronous(transport: str, family: str = "") -> Way:
    """Return the way of a synchronous client."""

    def call(bench: Bench, sample: Sample, stream: bool) -> Ending:
        called = family or bench.family
        with bench.equipped(Client(**bench.client_options(transport=transport))) as client:
            try:
                method = getattr(client, METHODS.get(called, called))
                result = method(**_arguments(bench, sample, stream))
                if not stream:
                    return Ending(_dumped(result))
                chunks = [chunk if isinstance(chunk, bytes) else _dumped(chunk) for chunk in result]
                return Ending(_folded(called, chunks))
            except LLMGateError as error:
                return Ending(None, error)

    return call


def asynchronous(transport: str) -> Way:
    """Return the way of an asynchronous client."""

    async def ask(bench: Bench, sample: Sample, stream: bool) -> Ending:
        async with bench.equipped(AsyncClient(**bench.client_options(transport=transport))) as client:
            method = getattr(client, METHODS.get(bench.family, bench.family))
            result = await method(**_arguments(bench, sample, stream))
            if not stream:
                return Ending(_dumped(result))
            chunks = [chunk if isinstance(chunk, bytes) else _dumped(chunk) async for chunk in result]
            return Ending(_folded(bench.family, chunks))

    return _in_a_loop(ask)


async def _relay(bench: Bench, sample: Sample, stream: bool) -> Ending:
    """Call as a server does: JSON in, bytes out."""
    files = FAMILIES[bench.family].files
    inputs = {name: file_part(value, param=name) if name in files else value for name, value in sample.inputs.items()}
    body = {**inputs, **sample.arguments, **({"stream": True} if stream else {})}
    async with bench.equipped(AsyncClient(**bench.client_options())) as client:
        result = await client.relay(bench.family, bench.model, body, **bench.own_options())
        if not stream and hasattr(result, "content"):
            return Ending(_answer_in(result.content, result.content_type))
        if FAMILIES[bench.family].operations["create"].is_binary:
            return Ending(b"".join([block async for block in result]))
        return Ending(_folded(bench.family, _events_in(b"".join([block async for block in result]))))


def _answer_in(content: bytes, content_type: str) -> Any:
    return decode(content) if "json" in content_type else content


def _events_in(content: bytes) -> list[Any]:
    events = SSEDecoder(MAX_EVENT_BYTES).feed(content)
    return [decode(data) for data, _ in events if data != b"[DONE]"]


def _form(body: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in body.items()}


def _in_a_loop(ask: Callable[[Bench, Sample, bool], Awaitable[Ending]]) -> Way:
    """Return the way of a coroutine, on an event loop of its own."""

    def call(bench: Bench, sample: Sample, stream: bool) -> Ending:
        with closing(asyncio.new_event_loop()) as loop:
            try:
                return loop.run_until_complete(ask(bench, sample, stream))
            except LLMGateError as error:
                return Ending(None, error)
            finally:
                loop.run_until_complete(loop.shutdown_asyncgens())
                loop.run_until_complete(loop.shutdown_default_executor())

    return call


def gateway_is_installed() -> bool:
    """Return whether the gateway can be called."""
    return importlib.util.find_spec("llmgate_gateway") is not None


def through_a_gateway(prefix: str, path: str) -> Way:
    """Return the way through a gateway whose config names an installed plugin's prefix."""

    def call(bench: Bench, sample: Sample, stream: bool) -> Ending:
        import httpx

        gateway: Any = importlib.import_module("llmgate_gateway")
        where = {
            "model": f"{prefix}/conformance",
            "api_base": bench.upstream.base_url,
            "api_key": KEY,
            **bench.own_options(),
        }
        config = {"model_list": [{"model_name": "conformance", "litellm_params": where}]}
        body = {"model": "conformance", **sample.inputs, **sample.arguments, **({"stream": True} if stream else {})}
        files = {name: body.pop(name) for name in FAMILIES[bench.family].files & body.keys()}
        with httpx.Client(transport=gateway.GatewayTransport(config), base_url="http://gateway/v1") as client:
            answer = client.post(path, files=files, data=_form(body)) if files else client.post(path, json=body)
            answer.raise_for_status()
            if not stream:
                return Ending(_answer_in(answer.content, answer.headers["content-type"]))
            return Ending(_folded(bench.family, _events_in(answer.content)))

    return call


WAYS: Mapping[str, Way] = MappingProxyType(
    {
        "synchronous, http1": synchronous("http1"),
        "synchronous, httpx": synchronous("httpx"),
        "asynchronous, http1": asynchronous("http1"),
        "asynchronous, httpx": asynchronous("httpx"),
        "relayed by a server": _in_a_loop(_relay),
    }
)
"""Name -> way; the first is what the others are compared with."""
