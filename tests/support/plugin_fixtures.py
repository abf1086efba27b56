"""What the tests of every plugin share: the SDK that calls the upstream, parts of a form, a short list of trust."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from email import message_from_bytes
from pathlib import Path
from typing import Any

import pytest
import trustme

from llmgate_core import AsyncClient, AsyncStream, Client, Stream
from llmgate_core.testing import FakeUpstream, ReceivedRequest


@pytest.fixture(scope="session")
def one_certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file of one authority's certificate."""
    path = tmp_path_factory.mktemp("certificates") / "one.pem"
    trustme.CA().cert_pem.write_to_path(str(path))
    return path


@pytest.fixture
def trusts_one_certificate(one_certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Save every new transport the reading of the system's hundreds of certificates."""
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    monkeypatch.setenv("SSL_CERT_FILE", str(one_certificate))


@pytest.fixture(params=["sync", "async"])
def call(request: pytest.FixtureRequest, upstream: FakeUpstream) -> Callable[..., Any]:
    """Call a function of the SDK; of a stream return (chunks, stream)."""
    known = {"api_key": "sk-test", "api_base": upstream.base_url, "max_retries": 0}

    def call_sync(name: str, *arguments: Any, **more: Any) -> Any:
        with Client(**known) as client:
            result = getattr(client, name)(*arguments, **more)
            return (list(result), result) if isinstance(result, Stream) else result

    async def acall(name: str, *arguments: Any, **more: Any) -> Any:
        async with AsyncClient(**known) as client:
            result = await getattr(client, name)(*arguments, **more)
            return ([chunk async for chunk in result], result) if isinstance(result, AsyncStream) else result

    def call_async(name: str, *arguments: Any, **more: Any) -> Any:
        return asyncio.run(acall(name, *arguments, **more))

    return call_sync if request.param == "sync" else call_async


Parts = list[tuple[str, Any]]


@pytest.fixture
def form_of() -> Callable[[ReceivedRequest], Parts]:
    """Return a form's parts in order: a string, or (file name, content type, content)."""

    def parts(request: ReceivedRequest) -> Parts:
        kind = request["headers"]["content-type"]
        if not kind.startswith("multipart/form-data; boundary="):
            raise AssertionError(f"not a form, but {kind}")
        message = message_from_bytes(f"content-type: {kind}\r\n\r\n".encode() + request["body"])
        return [(_field_name(part), _field_value(part)) for part in message.get_payload()]  # type: ignore[union-attr]

    return parts


def _field_name(part: Any) -> str:
    return str(part.get_param("name", header="content-disposition"))


def _field_value(part: Any) -> Any:
    content = part.get_payload(decode=True)
    if part.get_filename() is None:
        return content.decode()
    return part.get_filename(), part.get_content_type(), content
