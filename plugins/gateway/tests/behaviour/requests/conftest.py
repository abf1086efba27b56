"""A gateway on a real server and port, with an upstream that does as it is told behind it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from llmgate_core.testing import FakeUpstream
from tests.support.running_gateway import KEY, RunningGateway, Serve, running_gateway


@pytest.fixture
def serve(upstream: FakeUpstream) -> Iterator[Serve]:
    """Return a function that starts a gateway; by default its model `m` is gpt-4o of the upstream."""
    with ExitStack() as stack:

        def start(
            models: dict[str, str | dict[str, Any]] | None = None,
            *,
            general: dict[str, Any] | None = None,
            options: dict[str, Any] | None = None,
            **config: Any,
        ) -> RunningGateway:
            entries = [entry_of(name, params, upstream) for name, params in (models or {"m": "openai/gpt-4o"}).items()]
            document = {"model_list": entries, "general_settings": general or {}, **config}
            return stack.enter_context(running_gateway(document, **(options or {})))

        yield start


@pytest.fixture
def serve_document() -> Iterator[Serve]:
    """Return a function that starts a gateway from a whole config."""
    with ExitStack() as stack:
        yield lambda document: stack.enter_context(running_gateway(document))


@pytest.fixture
def gateway(serve: Serve) -> RunningGateway:
    return serve()


def entry_of(name: str, params: str | dict[str, Any], upstream: FakeUpstream) -> dict[str, Any]:
    given = {"model": params} if isinstance(params, str) else dict(params)
    info = given.pop("info", {})
    name = given.pop("name", name)
    defaults = {"api_key": KEY, "api_base": upstream.base_url, "max_retries": 0}
    return {"model_name": name, "params": {**defaults, **given}, "model_info": info}
