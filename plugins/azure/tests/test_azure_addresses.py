"""Where calls go: by the address, in every form that people copy, and by `api_version`."""

from __future__ import annotations

from typing import Any

import pytest

from llmgate_core import Client, Settings
from llmgate_core.plugin import errors

HI: Any = [{"role": "user", "content": "hi"}]
HOST = "https://r.openai.azure.com"
V1 = f"{HOST}/openai/v1/chat/completions"
DATE = "2024-10-21"
DATED = f"{HOST}/openai/deployments/dep/chat/completions?api-version={DATE}"


def url(
    base: str | None, version: str | None = None, *, family: str = "chat", model: str = "dep", **options: str
) -> str:
    """Return the URL of a call."""
    given = {**options, **({"api_version": version} if version else {})}
    arguments = {"provider_options": given} if given else {}
    inputs: Any = {"messages": HI} if family == "chat" else {"input": "hi"}
    with Client(api_key="k", api_base=base, settings=Settings()) as client:
        prepared = client.prepare(family, f"azure/{model}", inputs, arguments)
        request = prepared.builder.transport_request(prepared.request)
    return f"{request.origin.scheme}://{request.origin.host}{request.target}"


@pytest.mark.parametrize(
    ("base", "version", "expected"),
    [
        (HOST, None, V1),
        (f"{HOST}/", None, V1),
        (f"{HOST}/openai", None, V1),
        (f"{HOST}/openai/", None, V1),
        (f"{HOST}/openai/v1", None, V1),
        (f"{HOST}/openai/v1/", None, V1),
        (f"{HOST}/openai/v1/chat/completions", None, V1),
        (f"{HOST}/openai/v1", "v1", V1),
        (HOST, "latest", V1),
        (HOST, "LATEST", V1),
        (HOST, "preview", f"{V1}?api-version=preview"),
        (f"{HOST}?api-version=preview", None, f"{V1}?api-version=preview"),
        (f"{HOST}/openai/v1?api-version=v1", None, V1),
        (HOST, DATE, DATED),
        (f"{HOST}/openai", DATE, DATED),
        (f"{HOST}/openai/deployments/dep", DATE, DATED),
        (f"{HOST}/openai/deployments/dep/", DATE, DATED),
        (f"{HOST}/openai/deployments/dep/chat/completions?api-version={DATE}", None, DATED),
        (f"{HOST}/openai/deployments/dep?api-version=2023-05-15", DATE, DATED),
        (HOST, "2025-03-01-preview", DATED.replace(DATE, "2025-03-01-preview")),
        ("https://p.example/azure", None, "https://p.example/azure/openai/v1/chat/completions"),
        ("https://p.example/openai/openai/v1", None, "https://p.example/openai/openai/v1/chat/completions"),
        ("https://p.example?key=a", DATE, f"https://p.example{DATED.removeprefix(HOST).replace('?', '?key=a&')}"),
        (
            "https://r.services.ai.azure.com/api/projects/p",
            None,
            "https://r.services.ai.azure.com/api/projects/p/openai/v1/chat/completions",
        ),
    ],
)
def test_every_form_of_an_address_leads_to_the_same_place(base: str, version: str | None, expected: str) -> None:
    assert url(base, version) == expected


def test_a_resource_has_an_address(monkeypatch: pytest.MonkeyPatch) -> None:
    assert url(None, resource="r") == V1
    monkeypatch.setenv("AZURE_RESOURCE_NAME", "r")
    assert url(None) == V1
    for variable in ("AZURE_OPENAI_ENDPOINT", "AZURE_API_BASE"):  # the first of the two wins
        monkeypatch.setenv(variable, f"https://{variable.lower().replace('_', '-')}.example")
        assert url(None).startswith(f"https://{variable.lower().replace('_', '-')}.example/openai/v1/")


@pytest.mark.parametrize("variable", ["OPENAI_API_VERSION", "AZURE_API_VERSION"])
def test_a_version_may_be_in_the_environment(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, DATE)
    assert url(HOST) == DATED


def test_what_is_not_below_a_deployment_is_not_put_there() -> None:
    assert url(HOST, DATE, family="responses") == f"{HOST}/openai/responses?api-version={DATE}"
    assert url(HOST, DATE, family="embedding") == DATED.replace("chat/completions", "embeddings")


@pytest.mark.parametrize("model", ["ft:gpt 4o", "a%2Fb", "gpt-4o.1_x"])
def test_a_deployments_name_is_one_segment_of_the_path(model: str) -> None:
    from urllib.parse import quote

    assert url(HOST, DATE, model=model) == DATED.replace("/dep/", f"/{quote(model, safe='')}/")


@pytest.mark.parametrize(
    ("base", "version", "word"),
    [
        (HOST, "yesterday", "api_version"),
        (HOST, "2024-10-21/../x", "api_version"),
        (f"{HOST}/openai/v1", DATE, "api_version"),
        (f"{HOST}/openai/deployments/dep", None, "api_version"),
        (f"{HOST}/openai/deployments/dep", "v1", "api_version"),
        (f"{HOST}/openai/deployments/other", DATE, "deployment"),
        (f"{HOST}/openai/assistants", None, "api_base"),
        (f"{HOST}/openai/v1/batches", None, "api_base"),
        ("https://r.services.ai.azure.com/models", None, "api_base"),
        ("https://r.services.ai.azure.com/models/chat/completions?api-version=2024-05-01-preview", None, "api_base"),
    ],
)
def test_an_address_that_cannot_be_meant_is_refused(base: str, version: str | None, word: str) -> None:
    with pytest.raises(errors.ConfigError) as caught:
        url(base, version)
    assert word in caught.value.message


def test_a_call_without_an_address_says_what_is_missing() -> None:
    with pytest.raises(errors.ConfigError) as caught:
        url(None)
    assert {"AZURE_RESOURCE_NAME", "AZURE_API_BASE"} <= {word.strip(",:;") for word in caught.value.message.split()}


def test_a_key_of_the_environment_that_is_bound_goes_to_azure_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_API_KEY", "a-key-of-azure")
    with Client(settings=Settings(bind_key_to_host=True)) as client:
        target = client.resolve("chat", "azure/dep")
        hosts = ("r.openai.azure.com", "r.cognitiveservices.azure.com", "r.services.ai.azure.com", "r.openai.azure.us")
        for host in hosts:
            assert client.destination(target, api_base=f"https://{host}").api_key is not None
        with pytest.raises(errors.AuthenticationError):
            client.destination(target, api_base="https://r.openai.azure.com.example")
