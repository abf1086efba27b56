"""Which model string goes where under which name, over the wire that would be used."""

from __future__ import annotations

import ssl
from typing import Any

import httpx
import pytest
import trustme

from llmgate_core import APIConnectionError, BadRequestError, Client, Settings
from llmgate_core.testing import Answer, FakeUpstream, fake_upstream
from tests.support.model_names import CHAT_MODELS, FINE_TUNED, HI, RESPONSES_MODELS, wire_of

CHAT_BY_DEFAULT = "gpt-4o gpt-4o-mini gpt-4.1 gpt-4.1-mini gpt-5 gpt-5-mini o3 o4-mini"
each_spelling = pytest.mark.parametrize("prefix", ["", "openai/"])


@each_spelling
@pytest.mark.parametrize("name", CHAT_MODELS.split())
def test_every_chat_model_of_the_page_goes_to_chat_under_its_own_name(
    name: str, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "https://mine.example/v1")
    provider, host, path, body, facts = wire_of(prefix + name)
    assert (provider, host, path) == ("openai", "mine.example", "/v1/chat/completions")
    assert body == {"model": name, "messages": HI}
    assert facts is not None


@each_spelling
@pytest.mark.parametrize("name", RESPONSES_MODELS.split())
def test_every_responses_model_of_the_page_goes_there_by_itself(name: str, prefix: str) -> None:
    provider, _, path, body, facts = wire_of(prefix + name)
    assert (provider, path, body["model"], facts["mode"]) == ("openai", "/v1/responses", name, "responses")


def test_the_page_names_52_models() -> None:
    assert len({*CHAT_MODELS.split(), *RESPONSES_MODELS.split()}) == 52


@each_spelling
@pytest.mark.parametrize("name", FINE_TUNED.split())
def test_a_fine_tuned_model_keeps_its_name_and_has_the_facts_of_its_base(name: str, prefix: str) -> None:
    provider, _, path, body, facts = wire_of(prefix + name)
    assert (provider, path, body["model"]) == ("openai", "/v1/chat/completions", name)
    assert facts is not None


def test_an_unknown_model_under_a_prefix_is_passed_on_with_every_parameter() -> None:
    asked = {"reasoning_effort": "enormous", "temperature": 99, "brand_new": {"a": [1]}, "max_tokens": 5}
    assert wire_of("openai/your-model-name", **asked)[3:] == (
        {"model": "your-model-name", "messages": HI, **asked},
        None,
    )


PARTS = {
    "image by URL": {"type": "image_url", "image_url": {"url": "https://host.example/a.png"}},
    "image in data": {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}},
    "PDF": {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0="}},
}


@pytest.mark.parametrize("model", ["gpt-4o", "gpt-4-turbo", "openai/gpt-4-vision-preview"])
@pytest.mark.parametrize("part", list(PARTS))
def test_a_message_part_is_unchanged_on_the_wire(part: str, model: str) -> None:
    messages = [{"role": "user", "content": [{"type": "text", "text": "What is this?"}, PARTS[part]]}]
    _, _, _, body, facts = wire_of(model, messages=messages)
    assert body["messages"] == messages
    assert facts["capabilities"]["vision"] is True


@pytest.mark.parametrize("size", ["low", "medium", "high"])
@pytest.mark.parametrize("model", ["gpt-5-search-api", "gpt-4o-search-preview", "gpt-4o-mini-search-preview"])
def test_search_options_go_on_the_chat_wire(model: str, size: str) -> None:
    options = {"search_context_size": size}
    _, _, path, body, _ = wire_of(model, web_search_options=options)
    assert (path, body["web_search_options"]) == ("/v1/chat/completions", options)


@pytest.mark.parametrize("model", ["gpt-5", "gpt-5.1", "o3", "gpt-4o"])
def test_an_effort_or_verbosity_of_none_is_not_sent(model: str) -> None:
    assert wire_of(model, reasoning_effort=None, verbosity=None)[3] == {"model": model, "messages": HI}


@pytest.mark.parametrize("model", CHAT_BY_DEFAULT.split())
def test_a_chat_model_goes_to_chat_and_with_the_prefix_to_responses(model: str) -> None:
    assert wire_of(model)[2] == "/v1/chat/completions"
    assert wire_of(f"openai/responses/{model}")[2] == "/v1/responses"


def test_what_the_upstream_refuses_keeps_its_message_status_and_request_id(upstream: FakeUpstream) -> None:
    said = {"message": "Your organization must be verified", "type": "invalid_request_error", "param": "reasoning"}
    upstream.answers += [Answer.json({"error": {**said, "code": "unsupported_value"}}, 400, x_request_id="req-9")]
    with Client(api_base=upstream.base_url, api_key="sk-x") as made, pytest.raises(BadRequestError) as caught:
        made.completion("gpt-5", HI, reasoning_effort="low")
    error = caught.value
    assert (error.message, error.status_code, error.request_id) == (said["message"], 400, "req-9")
    assert (error.code, error.type, error.param) == ("unsupported_value", "invalid_request_error", "reasoning")
    assert len(upstream.received) == 1


@pytest.mark.parametrize("transport", ["httpx", "http1"])
def test_a_certificate_that_nobody_vouches_for_is_refused_but_by_a_callers_own_client(transport: Any) -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(tls)
    settings = Settings(max_retries=0)
    with (
        fake_upstream(tls=tls) as upstream,
        httpx.Client(verify=False) as own,
        Client(api_base=upstream.base_url, api_key="sk-x", settings=settings, transport=transport) as made,
    ):
        with pytest.raises(APIConnectionError) as caught:
            made.completion("gpt-4o", HI)
        assert (caught.value.code, upstream.received) == ("tls_certificate", [])
        upstream.answers += [Answer.json({"choices": [{"index": 0, "message": {"content": "hello"}}]})]
        answer = made.completion("gpt-4o", HI, client_session=own)
        assert (answer.choices[0].message.content, own.is_closed) == ("hello", False)
