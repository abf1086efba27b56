"""What the tests of the relay share: one way to relay a call over both wires, and a stream read to its end."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from llmgate_core import AsyncClient, AsyncStream, Settings
from llmgate_core.plugin import OpenAICompatible, ProviderInfo
from llmgate_core.testing import FakeUpstream
from tests.support.relay_calls import KEY, MODEL, Relay, read


@pytest.fixture(params=["httpx", "http1"])
def relay(request: pytest.FixtureRequest, upstream: FakeUpstream, monkeypatch: pytest.MonkeyPatch) -> Relay:
    """Return a function that relays a request, as bytes or parsed, and reads a stream to its end.

    `acme/` is at home at the upstream, and changes nothing in any family.
    """

    class Acme(OpenAICompatible):
        info = ProviderInfo(api=(1, 0), name="acme", base_url=upstream.base_url, env_key="ACME_API_KEY")

    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)

    def call(
        body: bytes | dict[str, Any],
        family: str = "chat",
        model: str | None = MODEL,
        *,
        operation: str = "create",
        client: dict[str, Any] | None = None,
        **arguments: Any,
    ) -> Any:
        content = body if isinstance(body, bytes) else None
        parsed = json.loads(body) if isinstance(body, bytes) else body
        known = {"api_key": KEY, "api_base": upstream.base_url, "max_retries": 0, "settings": Settings()}

        async def run() -> Any:
            async with AsyncClient(transport=request.param, **{**known, **(client or {})}) as opened:
                if str(model).startswith("acme/"):
                    opened.add_plugin(Acme(), family=family, prefix="acme")
                answer = await opened.relay(family, model, parsed, content=content, operation=operation, **arguments)
                return await read(answer) if isinstance(answer, AsyncStream) else answer

        return asyncio.run(run())

    return call
