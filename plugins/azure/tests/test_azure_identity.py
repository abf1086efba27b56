"""azure-identity itself gets a token, by a managed identity that a server of this machine plays; or says why not."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

import pytest

from llmgate_core import AsyncClient, Client, Settings
from llmgate_core.plugin import errors
from llmgate_core.testing import Answer, FakeUpstream, fake_upstream

HI: Any = [{"role": "user", "content": "hi"}]
ANSWER = {"choices": [{"message": {"content": "Hello!"}, "finish_reason": "stop"}]}
TOKEN = "token-canary-of-the-library-8Kd"
DEFAULT = {"azure_credential": "DefaultAzureCredential"}


@pytest.fixture
def api() -> Iterator[FakeUpstream]:
    with fake_upstream() as running:
        running.otherwise = Answer.json(ANSWER)
        yield running


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeUpstream]:
    """A service that gives tokens to the programs of an app service, as azure-identity asks it."""
    for variable in ("AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET", "AZURE_TENANT_ID", "AZURE_API_KEY", "NO_PROXY"):
        monkeypatch.delenv(variable, raising=False)
    with fake_upstream() as running:
        ends = int(time.time()) + 3600
        running.otherwise = Answer.json({"access_token": TOKEN, "expires_on": str(ends), "token_type": "Bearer"})
        monkeypatch.setenv("IDENTITY_ENDPOINT", f"{running.origin}/msi/token")
        monkeypatch.setenv("IDENTITY_HEADER", "header-of-the-machine")
        yield running


def known(api: FakeUpstream, **options: str) -> dict[str, Any]:
    return {
        "api_base": api.origin,
        "provider_options": {**DEFAULT, **options},
        "max_retries": 0,
        "settings": Settings(),
    }


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_the_library_is_asked_once_for_all_callers(mode: str, api: FakeUpstream, machine: FakeUpstream) -> None:
    if mode == "sync":
        with Client(**known(api)) as client:
            threads = [threading.Thread(target=client.completion, args=("azure/dep", HI)) for _ in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
    else:

        async def main() -> None:
            async with AsyncClient(**known(api)) as client:
                await asyncio.gather(*(client.completion("azure/dep", HI) for _ in range(4)))

        asyncio.run(main())
    assert [request["headers"]["authorization"] for request in api.received] == [f"Bearer {TOKEN}"] * 4
    (asked,) = machine.received
    assert "resource=https://ai.azure.com" in unquote(asked["path"])


def test_the_client_id_chooses_an_identity(api: FakeUpstream, machine: FakeUpstream) -> None:
    with Client(**known(api, client_id="my-identity")) as client:
        client.completion("azure/dep", HI)
    assert "client_id=my-identity" in machine.received[0]["path"]


def test_no_way_to_sign_in_is_an_error_without_secrets(api: FakeUpstream, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("AZURE_CLIENT_ID", "AZURE_TENANT_ID", "IDENTITY_ENDPOINT"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("AZURE_CLIENT_SECRET", "secret-canary-of-the-environment")
    options = known(api, azure_credential="EnvironmentCredential")
    with Client(**options) as client, pytest.raises(errors.AuthenticationError) as caught:
        client.completion("azure/dep", HI)
    assert (caught.value.code, caught.value.phase) == ("credential_not_fetched", "credentials")
    assert "secret-canary" not in str(caught.value)
    assert api.received == []


def test_without_the_library_the_error_names_the_extra(api: FakeUpstream, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "azure.core.exceptions", None)
    with Client(**known(api)) as client, pytest.raises(errors.ConfigError) as caught:
        client.completion("azure/dep", HI)
    assert "[identity]" in caught.value.message
    monkeypatch.setitem(sys.modules, "cryptography", None)
    options = {"client_id": "c", "tenant_id": "t", "client_certificate_path": __file__}
    certificate = known(api, azure_credential="certificate", **options)
    with Client(**certificate) as client, pytest.raises(errors.ConfigError) as caught:
        client.completion("azure/dep", HI)
    assert "[certificate]" in caught.value.message


def test_whatever_the_library_raises_is_an_authentication_error(
    api: FakeUpstream, machine: FakeUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AZURE_AUTHORITY_HOST", "http://not-https.example")
    options = known(api, azure_authority="login.microsoftonline.com")
    with Client(**options) as client, pytest.raises(errors.AuthenticationError) as caught:
        client.completion("azure/dep", HI)
    assert caught.value.code == "credential_not_fetched"
    assert not api.received
