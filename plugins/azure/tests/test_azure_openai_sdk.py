"""What the openai SDK's Azure client sends for the same call and the same settings is what we send.

Its requests and ours are recorded by one server of this machine, and compared: method, path, query, key and body.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import openai
import pytest

from llmgate_core import AsyncClient, Client, Settings
from llmgate_core.testing import FakeUpstream, ReceivedRequest, fake_upstream
from tests.support.openai_upstream import answered

HI: Any = [{"role": "user", "content": "hi"}]
DATE = "2024-10-21"
KEY = "key-of-the-resource"
TOKEN = "token-of-entra-id"
DEPLOYMENT = "my deployment/1"
TOOLS: Any = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}]
FORMAT: Any = {"type": "json_object"}
WAV = ("a.wav", b"RIFF....WAVE", "audio/wav")
PNG = ("a.png", b"\x89PNG....", "image/png")

Made = tuple[Callable[[Any], Any], Callable[[Any], Any]]
CALLS: dict[str, Made] = {
    "chat": (
        lambda sdk: sdk.chat.completions.create(model=DEPLOYMENT, messages=HI),
        lambda our: our.completion(f"azure/{DEPLOYMENT}", HI),
    ),
    "chat with parameters": (
        lambda sdk: sdk.chat.completions.create(
            model=DEPLOYMENT, messages=HI, temperature=0.5, tools=TOOLS, response_format=FORMAT, max_tokens=5, seed=1
        ),
        lambda our: our.completion(
            f"azure/{DEPLOYMENT}", HI, temperature=0.5, tools=TOOLS, response_format=FORMAT, max_tokens=5, seed=1
        ),
    ),
    "chat stream": (
        lambda sdk: sdk.chat.completions.create(
            model=DEPLOYMENT, messages=HI, stream=True, stream_options={"include_usage": True}
        ),
        lambda our: our.completion(f"azure/{DEPLOYMENT}", HI, stream=True, stream_options={"include_usage": True}),
    ),
    "text completion": (
        lambda sdk: sdk.completions.create(model=DEPLOYMENT, prompt="Once", max_tokens=3),
        lambda our: our.text_completion(f"azure/{DEPLOYMENT}", "Once", max_tokens=3),
    ),
    "embedding": (
        lambda sdk: sdk.embeddings.create(model=DEPLOYMENT, input=["a", "b"], dimensions=8, encoding_format="float"),
        lambda our: our.embedding(f"azure/{DEPLOYMENT}", ["a", "b"], dimensions=8, encoding_format="float"),
    ),
    "speech": (
        lambda sdk: sdk.audio.speech.create(model=DEPLOYMENT, input="hi", voice="alloy"),
        lambda our: our.speech(f"azure/{DEPLOYMENT}", "hi", voice="alloy"),
    ),
    "image": (
        lambda sdk: sdk.images.generate(model=DEPLOYMENT, prompt="a cat", n=1, size="1024x1024"),
        lambda our: our.image_generation(f"azure/{DEPLOYMENT}", "a cat", n=1, size="1024x1024"),
    ),
    "responses": (
        lambda sdk: sdk.responses.create(model=DEPLOYMENT, input="hi", max_output_tokens=16),
        lambda our: our.responses(f"azure/{DEPLOYMENT}", "hi", max_output_tokens=16),
    ),
}
FORMS: dict[str, Made] = {
    "transcription": (
        lambda sdk: sdk.audio.transcriptions.create(model=DEPLOYMENT, file=WAV, language="en"),
        lambda our: our.transcription(f"azure/{DEPLOYMENT}", WAV, language="en"),
    ),
    "translation": (
        lambda sdk: sdk.audio.translations.create(model=DEPLOYMENT, file=WAV),
        lambda our: our.translation(f"azure/{DEPLOYMENT}", WAV),
    ),
    "image edit": (
        lambda sdk: sdk.images.edit(model=DEPLOYMENT, image=PNG, prompt="a hat"),
        lambda our: our.image_edit(f"azure/{DEPLOYMENT}", PNG, "a hat"),
    ),
}


@pytest.fixture
def upstream() -> Iterator[FakeUpstream]:
    with fake_upstream() as running:
        running.otherwise = answered
        yield running


def seen(request: ReceivedRequest) -> dict[str, Any]:
    """Return the parts of a request by which a server finds the place, the sender and the question."""
    path, _, query = request["path"].partition("?")
    headers = {name: request["headers"].get(name) for name in ("api-key", "authorization")}
    return {"method": request["method"], "path": path, "query": sorted(query.split("&")), **headers}


def of_sdk(upstream: FakeUpstream, mode: str, call: Callable[[Any], Any], **options: Any) -> None:
    given = {"azure_endpoint": upstream.origin, "api_version": DATE, "max_retries": 0, **options}
    if mode == "sync":
        with openai.AzureOpenAI(**given) as client:
            finished(call(client))
        return

    async def main() -> None:
        async with openai.AsyncAzureOpenAI(**given) as client:
            await afinished(call(client))

    asyncio.run(main())


def of_ours(upstream: FakeUpstream, mode: str, call: Callable[[Any], Any], **options: Any) -> None:
    given: Any = {"api_base": upstream.origin, "max_retries": 0, "settings": Settings(), **options}
    if mode == "sync":
        with Client(**given) as client:
            finished(call(client))
        return

    async def main() -> None:
        async with AsyncClient(**given) as client:
            await afinished(call(client))

    asyncio.run(main())


def finished(result: Any) -> None:
    if hasattr(result, "__next__"):
        list(result)


async def afinished(result: Awaitable[Any]) -> None:
    awaited = await result
    if hasattr(awaited, "__anext__"):
        async for _ in awaited:
            pass


@pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")  # the SDK's word on translations
@pytest.mark.parametrize("mode", ["sync", "async"])
@pytest.mark.parametrize("name", [*CALLS, *FORMS])
@pytest.mark.parametrize("kind", ["key", "token"])
def test_a_dated_api_gets_the_same_request(name: str, kind: str, mode: str, upstream: FakeUpstream) -> None:
    sdk, ours = {**CALLS, **FORMS}[name]
    if kind == "key":
        of_sdk(upstream, mode, sdk, api_key=KEY)
        of_ours(upstream, mode, ours, api_key=KEY, provider_options={"api_version": DATE})
    else:
        of_sdk(upstream, mode, sdk, azure_ad_token=TOKEN)
        of_ours(upstream, mode, ours, provider_options={"api_version": DATE, "azure_ad_token": TOKEN})
    theirs, mine = upstream.received
    assert seen(mine) == seen(theirs)
    assert (mine["headers"].get("api-key"), mine["headers"].get("authorization")) == (
        (KEY, None) if kind == "key" else (None, f"Bearer {TOKEN}")
    )
    if name in CALLS:
        assert mine["json"] == theirs["json"]
    else:
        assert mine["headers"]["content-type"].startswith("multipart/form-data")
        assert fields(mine) == fields(theirs)


def fields(request: ReceivedRequest) -> set[str]:
    """Return the names of the fields of a form; of an image edit the SDK writes a list's name."""
    lines = [line for line in request["body"].splitlines() if line.lower().startswith(b"content-disposition")]
    return {line.split(b'name="')[1].split(b'"')[0].decode().removesuffix("[]") for line in lines}


@pytest.mark.parametrize("name", CALLS)
def test_the_v1_api_gets_what_the_plain_client_sends_there(name: str, upstream: FakeUpstream) -> None:
    sdk, ours = CALLS[name]
    with openai.OpenAI(base_url=f"{upstream.origin}/openai/v1/", api_key=TOKEN, max_retries=0) as client:
        finished(sdk(client))
    of_ours(upstream, "sync", ours, provider_options={"azure_ad_token": TOKEN})
    theirs, mine = upstream.received
    assert seen(mine) == seen(theirs)
    assert mine["json"] == theirs["json"]


@pytest.mark.parametrize(
    "base",
    ["{}/openai/deployments/dep", "{}/openai/deployments/dep/", "{}/openai"],
    ids=["deployment", "slash", "openai"],
)
def test_a_base_url_means_the_same(base: str, upstream: FakeUpstream) -> None:
    url = base.format(upstream.origin)
    options: Any = {"base_url": url, "api_version": DATE, "api_key": KEY, "max_retries": 0}
    with openai.AzureOpenAI(**options) as client:
        client.chat.completions.create(model="dep", messages=HI)
    of_ours(
        upstream,
        "sync",
        lambda our: our.completion("azure/dep", HI, api_base=url),
        api_key=KEY,
        provider_options={"api_version": DATE},
    )
    theirs, mine = upstream.received
    assert seen(mine) == seen(theirs)


def test_both_read_the_same_variables(upstream: FakeUpstream, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", upstream.origin)
    monkeypatch.setenv("OPENAI_API_VERSION", DATE)
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", KEY)
    for token in ("", TOKEN):
        if token:
            monkeypatch.setenv("AZURE_OPENAI_AD_TOKEN", token)
        upstream.received.clear()
        with openai.AzureOpenAI(max_retries=0) as client:
            client.chat.completions.create(model="dep", messages=HI)
        with Client(settings=Settings(), max_retries=0) as ours:
            ours.completion("azure/dep", HI)
        theirs, mine = upstream.received
        assert seen(mine) == seen(theirs)
