"""Calls over real sockets: authorized as AWS checks it, failed with the right class, whole or cut as a stream."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from llmgate_core import Client, Settings
from llmgate_core.plugin import errors
from llmgate_core.testing import Answer, FakeUpstream, ReceivedRequest, fake_upstream
from tests.support.aws_signatures import is_signed as is_signed_by_aws
from tests.support.bedrock_upstream import event_message
from tests.support.installed_calls import ask_installed
from tests.support.running_gateway import running_gateway

KEY_ID, SECRET, TOKEN = "AKIDEXAMPLE", "wJalrXUtnFEMI+SECRET+KEY", "FwoGZXIvYXdzEBc=/+"
KEYS = {"aws_access_key_id": KEY_ID, "aws_secret_access_key": SECRET, "aws_region_name": "eu-west-1"}
HI: Any = [{"role": "user", "content": "grüß dich"}]
ARN = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc123"
EVENTSTREAM = {"content-type": "application/vnd.amazon.eventstream", "x-amzn-requestid": "aws-1"}
USAGE = {"inputTokens": 3, "outputTokens": 2, "totalTokens": 5}
ANSWER = {
    "output": {"message": {"role": "assistant", "content": [{"text": "Hello!"}]}},
    "stopReason": "end_turn",
    "usage": USAGE,
}
EVENTS: Any = [
    ("messageStart", {"role": "assistant"}),
    ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "Hel"}}),
    ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "lo!"}}),
    ("contentBlockStop", {"contentBlockIndex": 0}),
    ("messageStop", {"stopReason": "end_turn"}),
    ("metadata", {"usage": USAGE, "metrics": {"latencyMs": 5}}),
]
STREAM = b"".join(event_message(name, json.dumps(data)) for name, data in EVENTS)
BOTH = pytest.mark.parametrize("mode", ["sync", "async"])


def is_signed(request: ReceivedRequest, *, token: str | None = None, **scope: str) -> bool:
    return is_signed_by_aws(request, (KEY_ID, SECRET, token), **scope)


@pytest.fixture
def host() -> Iterator[FakeUpstream]:
    with fake_upstream() as running:
        running.otherwise = lambda request: (
            Answer(200, STREAM, EVENTSTREAM) if "stream" in request["path"] else Answer.json(ANSWER)
        )
        yield running


def call(mode: str, host: FakeUpstream, model: str = "m", *, prefix: str = "bedrock", **arguments: Any) -> Any:
    known: dict[str, Any] = {"api_base": host.origin, "api_key": None, "provider_options": KEYS}
    return ask_installed(mode, "completion", model=f"{prefix}/{model}", messages=HI, **{**known, **arguments})


@BOTH
def test_a_call_and_a_stream_are_signed(mode: str, host: FakeUpstream) -> None:
    assert call(mode, host).choices[0].message.content == "Hello!"
    chunks = call(mode, host, stream=True)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == "Hello!"
    assert [is_signed(request, region="eu-west-1") for request in host.received] == [True, True]
    assert SECRET not in repr(host.received)


@BOTH
@pytest.mark.parametrize(
    ("model", "region", "path"),
    [
        ("anthropic.claude-v2:1", "eu-west-1", "/model/anthropic.claude-v2%3A1/converse"),
        ("us.amazon.nova-lite-v1:0", "eu-west-1", "/model/us.amazon.nova-lite-v1%3A0/converse"),
        ("us-east-1/amazon.nova-lite-v1:0", "us-east-1", "/model/amazon.nova-lite-v1%3A0/converse"),
        (ARN, "us-east-1", f"/model/{ARN.replace(':', '%3A').replace('/', '%2F')}/converse"),
        ("my model/é", "eu-west-1", "/model/my%20model%2F%C3%A9/converse"),
    ],
)
def test_ids_of_models_are_one_segment_and_may_name_the_region(
    mode: str, host: FakeUpstream, model: str, region: str, path: str
) -> None:
    call(mode, host, model)
    assert host.received[0]["path"] == path
    assert is_signed(host.received[0], region=region)


@BOTH
def test_a_session_token_and_the_callers_headers_are_part_of_it(mode: str, host: FakeUpstream) -> None:
    headers = {"x-amzn-bedrock-guardrailidentifier": "g1"}
    call(mode, host, provider_options={**KEYS, "aws_session_token": TOKEN}, extra_headers=headers)
    sent = host.received[0]
    assert sent["headers"]["x-amzn-bedrock-guardrailidentifier"] == "g1"
    assert is_signed(sent, region="eu-west-1", token=TOKEN)


@BOTH
def test_an_api_key_is_a_bearer_token_and_wins_over_access_keys(mode: str, host: FakeUpstream) -> None:
    call(mode, host, api_key="bedrock-api-key-1")
    headers = host.received[0]["headers"]
    assert headers["authorization"] == "Bearer bedrock-api-key-1"
    assert "x-amz-date" not in headers


@BOTH
def test_without_any_key_nothing_is_sent(mode: str, host: FakeUpstream) -> None:
    with pytest.raises(errors.AuthenticationError) as caught:
        call(mode, host, provider_options={"aws_region_name": "eu-west-1"})
    assert caught.value.code == "missing_api_key"
    assert not host.received


FAILURES = [
    (400, "ValidationException", "The model returned: Input is too long for requested model.", "ContextWindowExceeded"),
    (400, "ValidationException", "prompt is too long: 1444476 tokens > 1000000 maximum", "ContextWindowExceeded"),
    (400, "ValidationException", "Malformed input request", "BadRequest"),
    (403, "AccessDeniedException", "You don't have access to the model", "PermissionDenied"),
    (403, "ExpiredTokenException", "The security token included in the request is expired", "Authentication"),
    (403, "UnrecognizedClientException", "The security token is invalid", "Authentication"),
    (403, "InvalidSignatureException", "The request signature does not match", "Authentication"),
    (404, "ResourceNotFoundException", "no such model", "NotFound"),
    (429, "ThrottlingException", "Too many requests", "RateLimit"),
    (400, "ServiceQuotaExceededException", "quota", "RateLimit"),
    (424, "ModelErrorException", "the model failed", "BadGateway"),
    (429, "ModelNotReadyException", "not ready", "ServiceUnavailable"),
    (500, "InternalServerException", "oops", "InternalServer"),
    (503, "ServiceUnavailableException", "down", "ServiceUnavailable"),
]


@BOTH
@pytest.mark.parametrize(("status", "name", "message", "kind"), FAILURES)
def test_exceptions_have_their_class(
    mode: str, host: FakeUpstream, status: int, name: str, message: str, kind: str
) -> None:
    head = {"x-amzn-errortype": f"{name}:http://internal.amazon.com/coral/", "x-amzn-requestid": "aws-7"}
    host.otherwise = Answer(
        status, json.dumps({"message": message}).encode(), {"content-type": "application/json", **head}
    )
    with pytest.raises(errors.APIStatusError) as caught:
        call(mode, host)
    assert type(caught.value).__name__ == f"{kind}Error"
    assert (caught.value.status_code, caught.value.request_id) == (status, "aws-7")
    assert message in caught.value.message


@pytest.mark.parametrize("body", [b'{"__type": "com.amazon.coral#ThrottlingException"}', b"<html>", b"", b"[1]"])
def test_an_exception_may_be_named_in_the_body_or_not_at_all(host: FakeUpstream, body: bytes) -> None:
    host.otherwise = Answer(429, body, {"content-type": "application/json"})
    with pytest.raises(errors.RateLimitError):
        call("sync", host)


IN_STREAMS = [
    ("throttlingException", "slow down", "RateLimit"),
    ("modelStreamErrorException", "broken", "InternalServer"),
    ("validationException", "Input is too long for requested model.", "ContextWindowExceeded"),
    ("validationException", "bad", "BadRequest"),
    ("internalServerException", "oops", "InternalServer"),
    ("serviceUnavailableException", "down", "ServiceUnavailable"),
    ("modelTimeoutException", "late", "APITimeout"),
]


@BOTH
@pytest.mark.parametrize("place", [0, 2])
@pytest.mark.parametrize(("name", "message", "kind"), IN_STREAMS)
def test_exceptions_within_a_stream_are_errors_at_any_place(
    mode: str, host: FakeUpstream, name: str, message: str, kind: str, place: int
) -> None:
    events = [*EVENTS[:place], (name, {"message": message})]
    content = b"".join(event_message(event, json.dumps(data)) for event, data in events)
    host.otherwise = Answer(200, content, EVENTSTREAM)
    with pytest.raises(errors.APIError) as caught:
        call(mode, host, stream=True)
    assert type(caught.value).__name__ == f"{kind}Error"
    assert message in caught.value.message
    assert (caught.value.partial is not None) == bool(place)


def test_a_stream_is_whole_once_its_stop_has_come_and_truncated_before(host: FakeUpstream) -> None:
    """The kit cuts at every byte; here is where a cut stream becomes a whole one, without its usage."""
    stop = sum(len(event_message(name, json.dumps(data))) for name, data in EVENTS[:5])
    with Client(settings=Settings(), api_base=host.origin, api_key="k", max_retries=0) as client:
        for cut in (stop - 1, stop, stop + 1, len(STREAM)):
            host.otherwise = Answer(200, STREAM[:cut], EVENTSTREAM)
            stream = client.completion("bedrock/m", HI, stream=True)
            if cut not in (stop, len(STREAM)):
                with pytest.raises(errors.StreamTruncatedError):
                    list(stream)
            else:
                assert "".join(stream.text()) == "Hello!"


@BOTH
def test_a_stream_in_single_bytes_says_the_same(mode: str, host: FakeUpstream) -> None:
    host.otherwise = Answer(200, STREAM, EVENTSTREAM, drip=1)
    chunks = call(mode, host, stream=True, stream_options={"include_usage": True})
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == "Hello!"
    assert chunks[-1].usage.total_tokens == 5


@BOTH
def test_responses_are_served_over_converse(mode: str, host: FakeUpstream) -> None:
    answer = ask_installed(mode, "responses", model="bedrock/m", input="hi", api_key="k", api_base=host.origin)
    assert answer.output_text == "Hello!"


def mantle_call(mode: str, host: FakeUpstream, **arguments: Any) -> Any:
    known: dict[str, Any] = {"api_base": f"{host.origin}/v1", "api_key": None, "provider_options": KEYS}
    return ask_installed(mode, "completion", model="bedrock_mantle/m", messages=HI, **{**known, **arguments})


CHAT = {"choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi."}, "finish_reason": "stop"}]}


@BOTH
def test_mantle_is_signed_for_its_own_service_or_gets_the_key(mode: str, host: FakeUpstream) -> None:
    host.otherwise = Answer.json(CHAT)
    mantle_call(mode, host)
    mantle_call(mode, host, api_key="k")
    first, second = host.received
    assert first["path"] == "/v1/chat/completions"
    assert is_signed(first, region="eu-west-1", service="bedrock-mantle")
    assert second["headers"]["authorization"] == "Bearer k"


def destination(family: str, model: str, **options: str) -> str:
    with Client(settings=Settings(), api_key="k", provider_options=options) as client:
        return str(client.destination(client.resolve(family, model)).base_url)


@pytest.mark.parametrize(
    ("model", "options", "url"),
    [
        ("bedrock/m", {}, "https://bedrock-runtime.us-west-2.amazonaws.com"),
        ("bedrock/m", {"aws_region_name": "eu-west-1"}, "https://bedrock-runtime.eu-west-1.amazonaws.com"),
        ("bedrock/m", {"aws_region_name": "xx-new-9"}, "https://bedrock-runtime.xx-new-9.amazonaws.com"),
        ("bedrock/ap-south-1/m", {"aws_region_name": "eu-west-1"}, "https://bedrock-runtime.ap-south-1.amazonaws.com"),
        (f"bedrock/{ARN}", {"aws_region_name": "eu-west-1"}, "https://bedrock-runtime.us-east-1.amazonaws.com"),
        ("bedrock/converse/us-gov-west-1/m", {}, "https://bedrock-runtime.us-gov-west-1.amazonaws.com"),
        (
            "bedrock/m",
            {"aws_region_name": "us-east-1", "aws_use_fips_endpoint": "true"},
            "https://bedrock-runtime-fips.us-east-1.amazonaws.com",
        ),
        ("bedrock/m", {"aws_region_name": "cn-north-1"}, "https://bedrock-runtime.cn-north-1.amazonaws.com.cn"),
        ("bedrock/m", {"aws_region_name": "eusc-de-east-1"}, "https://bedrock-runtime.eusc-de-east-1.amazonaws.eu"),
        ("bedrock_mantle/openai.gpt-oss-20b", {}, "https://bedrock-mantle.us-west-2.api.aws/v1"),
        ("bedrock_mantle/openai.gpt-5.6", {}, "https://bedrock-mantle.us-west-2.api.aws/openai/v1"),
    ],
)
def test_the_region_of_the_model_or_of_the_option_decides_the_host(
    model: str, options: dict[str, str], url: str
) -> None:
    assert destination("chat", model, **options) == url


def test_messages_of_mantle_have_a_path_of_their_own() -> None:
    assert destination("messages", "bedrock_mantle/anthropic.claude-opus-5") == (
        "https://bedrock-mantle.us-west-2.api.aws/anthropic/v1"
    )


@pytest.mark.parametrize("model", ["bedrock/xx-evil-1/m", "bedrock/arn:aws:bedrock:evil.example:1:a/b"])
def test_a_region_that_is_not_known_reaches_no_host(model: str) -> None:
    with pytest.raises(errors.LLMGateError):
        destination("chat", model)


@BOTH
def test_mantle_gets_messages_with_the_key_and_the_version_of_anthropics_api(mode: str, host: FakeUpstream) -> None:
    host.otherwise = Answer.json({"type": "message", "content": [{"type": "text", "text": "Hi."}]})
    known: dict[str, Any] = {"api_base": f"{host.origin}/anthropic/v1", "api_key": "k"}
    ask_installed(mode, "messages", model="bedrock_mantle/anthropic.claude-opus-5", messages=HI, max_tokens=5, **known)
    sent = host.received[0]
    assert sent["path"] == "/anthropic/v1/messages"
    assert (sent["headers"]["x-api-key"], sent["headers"]["anthropic-version"]) == ("k", "2023-06-01")
    assert sent["json"] == {"model": "anthropic.claude-opus-5", "messages": HI, "max_tokens": 5}


def test_messages_of_other_models_of_mantle_are_converted() -> None:
    assert destination("messages", "bedrock_mantle/openai.gpt-oss-20b") == (
        "https://bedrock-mantle.us-west-2.api.aws/v1"
    )


def test_a_gateway_serves_bedrock_and_signs(host: FakeUpstream) -> None:
    params = {"model": "bedrock/m", "api_base": host.origin, **KEYS}
    with running_gateway({"model_list": [{"model_name": "claude", "litellm_params": params}]}) as gateway:
        whole = gateway.post("/v1/chat/completions", {"model": "claude", "messages": HI})
        stream = gateway.post("/v1/chat/completions", {"model": "claude", "messages": HI, "stream": True})
    assert whole.json()["choices"][0]["message"]["content"] == "Hello!"
    assert stream.text.endswith("data: [DONE]\n\n")
    assert [is_signed(request, region="eu-west-1") for request in host.received] == [True, True]


def test_a_gateway_converts_messages_for_every_model_of_bedrock(host: FakeUpstream) -> None:
    params = {"model": "bedrock/m", "api_base": host.origin, **KEYS}
    with running_gateway({"model_list": [{"model_name": "claude", "litellm_params": params}]}) as gateway:
        answer = gateway.post("/v1/messages", {"model": "claude", "max_tokens": 5, "messages": HI})
    assert answer.json()["content"] == [{"type": "text", "text": "Hello!"}], answer.text
    assert host.received[0]["path"] == "/model/m/converse"


def test_a_model_of_the_catalogue_has_a_cost(host: FakeUpstream) -> None:
    answer = call("sync", host, "us.anthropic.claude-sonnet-4-5-20250929-v1:0")
    assert answer.cost == pytest.approx((3 * 3.3 + 2 * 16.5) / 1e6)
