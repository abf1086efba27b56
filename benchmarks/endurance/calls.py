"""The kinds of calls that the experiments make through the SDK. Each checks that the answer is its own."""

from __future__ import annotations

import itertools
from typing import Any

from llmgate_core import AsyncClient, Client, Settings

KEY = "sk-endurance-0123456789"
MODEL = "openai/gpt-4o"
LARGE_BYTES, REQUEST_BYTES = 3_000_000, 2_000_000
UPLOAD = b"a" * 300_000  # one for all calls, so that only llmgate's own copies are measured

_numbers = itertools.count(1)


class WrongAnswerError(Exception):
    """The answer belongs to another call, or is not whole."""


def prompt(token: str, padding: int = 0, **orders: Any) -> str:
    """Return a prompt that says what the upstream has to do; see loopback.py."""
    words = "".join(f" {name}={value}" for name, value in orders.items())
    return f"[token={token}{words}]" + "p" * padding


def messages(token: str, padding: int = 0, **orders: Any) -> list[dict[str, str]]:
    return [{"role": "user", "content": prompt(token, padding, **orders)}]


def new_token() -> str:
    return f"t{next(_numbers)}"


def check(text: str | None, token: str, size: int = 0) -> None:
    """Raise an error unless the text is the answer to the token."""
    expected = len(token) + 1 + size
    if text is None or not text.startswith(f"{token}:") or len(text) != expected:
        raise WrongAnswerError(f"{len(text or '')} characters instead of {expected} for {token}")


def client(base_url: str, transport: str, **options: Any) -> Client:
    known: dict[str, Any] = {"api_key": KEY, "api_base": base_url, "transport": transport, "settings": Settings()}
    return Client(**{**known, **options})


def async_client(base_url: str, transport: str, **options: Any) -> AsyncClient:
    known: dict[str, Any] = {"api_key": KEY, "api_base": base_url, "transport": transport, "settings": Settings()}
    return AsyncClient(**{**known, **options})


async def awhole(client: AsyncClient, **orders: Any) -> None:
    token = new_token()
    answer = await client.completion(MODEL, messages(token, **orders))
    check(answer.choices[0].message.content, token, orders.get("bytes", 0))


async def alarge_answer(client: AsyncClient, **orders: Any) -> None:
    await awhole(client, bytes=LARGE_BYTES, **orders)


async def alarge_request(client: AsyncClient, **orders: Any) -> None:
    await awhole(client, padding=REQUEST_BYTES, **orders)


async def aretried(client: AsyncClient, **orders: Any) -> None:
    await awhole(client, errors=1, **orders)


async def astream(client: AsyncClient, *, chunks: int = 10, gap: float = 0.002, **orders: Any) -> None:
    token = new_token()
    stream = await client.completion(MODEL, messages(token, chunks=chunks, gap=gap, **orders), stream=True)
    async with stream:
        count = 0
        async for chunk in stream:
            if chunk.choices:
                check(chunk.choices[0].delta.content, token, orders.get("bytes", 0))
                count += 1
    if count != chunks:
        raise WrongAnswerError(f"{count} chunks of {chunks}")


async def aleft_early(client: AsyncClient, **orders: Any) -> None:
    token = new_token()
    stream = await client.completion(MODEL, messages(token, chunks=50, gap=0.01, **orders), stream=True)
    async with stream:
        async for chunk in stream:
            check(chunk.choices[0].delta.content, token)
            break


async def aupload(client: AsyncClient, **orders: Any) -> None:
    token = new_token()
    answer = await client.transcription("openai/whisper-1", ("a.wav", UPLOAD), prompt=prompt(token, **orders))
    check(answer.text, token)


def whole(client: Client, **orders: Any) -> None:
    token = new_token()
    answer = client.completion(MODEL, messages(token, **orders))
    check(answer.choices[0].message.content, token, orders.get("bytes", 0))


def large_answer(client: Client, **orders: Any) -> None:
    whole(client, bytes=LARGE_BYTES, **orders)


def retried(client: Client, **orders: Any) -> None:
    whole(client, errors=1, **orders)


def stream(client: Client, *, chunks: int = 10, gap: float = 0.002, **orders: Any) -> None:
    token = new_token()
    count = 0
    with client.completion(MODEL, messages(token, chunks=chunks, gap=gap, **orders), stream=True) as answer:
        for chunk in answer:
            if chunk.choices:
                check(chunk.choices[0].delta.content, token, orders.get("bytes", 0))
                count += 1
    if count != chunks:
        raise WrongAnswerError(f"{count} chunks of {chunks}")


def left_early(client: Client, **orders: Any) -> None:
    token = new_token()
    with client.completion(MODEL, messages(token, chunks=50, gap=0.01, **orders), stream=True) as answer:
        check(next(iter(answer)).choices[0].delta.content, token)


def upload(client: Client, **orders: Any) -> None:
    token = new_token()
    answer = client.transcription("openai/whisper-1", ("a.wav", UPLOAD), prompt=prompt(token, **orders))
    check(answer.text, token)


ASYNC_KINDS = (awhole, alarge_answer, alarge_request, aretried, astream, aleft_early, aupload)
SYNC_KINDS = (whole, retried, stream, left_early, upload)
