"""What a gateway's client reads names no argument of the SDK, which it cannot give, but the config's own settings.

Each request provokes an error of core or of a plugin before anything is sent.
"""

from __future__ import annotations

import re
from typing import Any

import pytest

from llmgate_core.testing import FakeUpstream
from tests.support.running_gateway import RunningGateway, Serve

HI = [{"role": "user", "content": "hi"}]
SDK_WORDS = re.compile(
    r"\w=(True|False|None|'|\"|\.\.\.|\w+\()|\b(fake_stream|drop_params|param_policy|extra_body|extra_headers|api_base|"
    r"use_chat_completions_api|additional_drop_params|max_retries)\b(?!: (true|forward)`)|Timeouts|completion\(|aclose"
)
"""Python, and the names of options, except as `option: value` in YAML."""
MODELS: dict[str, str | dict[str, Any]] = {
    "m": "openai/gpt-4o",
    "whole": "openai/responses/o1-pro",
    "reasoning": "openai/o3-mini",
    "embedding": "openai/text-embedding-3-small",
    "bridge": {"model": "openai/gpt-4o", "use_chat_completions_api": True},
    "over-responses": "openai/responses/gpt-4o",
    "whisper": "openai/whisper-1",
    "tts": "openai/tts-1",
    "image": "openai/gpt-image-1",
    "text": "text-completion-openai/gpt-3.5-turbo-instruct",
}
CHAT, RESPONSES = "/v1/chat/completions", "/v1/responses"
PROVOKING: list[tuple[str, dict[str, Any]]] = [
    (CHAT, {"model": "m"}),
    (CHAT, {"model": "m", "messages": None}),
    (CHAT, {"model": "m", "messages": "hi"}),
    (CHAT, {"model": "m", "messages": []}),
    (CHAT, {"model": "m", "messages": [1]}),
    (CHAT, {"model": "m", "messages": [{"role": "robot", "content": "x"}]}),
    (CHAT, {"model": "m", "input": "hi"}),
    (CHAT, {"model": "m", "messages": HI, "temperature": "hot"}),
    (CHAT, {"model": "m", "messages": HI, "n": 1000}),
    (CHAT, {"model": "m", "messages": HI, "tools": "all"}),
    (CHAT, {"model": "m", "messages": HI, "tools": [{"type": "web_search"}]}),
    (CHAT, {"model": "m", "messages": HI, "reasoning_effort": "high"}),
    (CHAT, {"model": "m", "messages": HI, "response_format": 5}),
    (CHAT, {"model": "m", "messages": HI, "stream_options": {"include_usage": 1}}),
    (CHAT, {"model": "m", "messages": HI, "web_search_options": {}}),
    (CHAT, {"model": "m", "messages": HI, "modalities": ["audio"], "audio": {"voice": "v", "format": "wav"}}),
    (CHAT, {"model": "m", "messages": HI, "api_base": "http://x"}),
    (CHAT, {"model": "m", "messages": HI, "extra_headers": {}}),
    (CHAT, {"model": "m", "messages": HI, "drop_params": True}),
    (CHAT, {"model": "m", "messages": HI, "fake_stream": True}),
    (CHAT, {"model": "reasoning", "messages": HI, "temperature": 0.5}),
    (CHAT, {"model": "reasoning", "messages": HI, "logprobs": True}),
    (CHAT, {"model": "reasoning", "messages": HI, "stop": ["x"]}),
    (CHAT, {"model": "reasoning", "messages": HI, "reasoning_effort": "most"}),
    (CHAT, {"model": "whole", "messages": HI, "stream": True}),
    (CHAT, {"model": "over-responses", "messages": HI, "stop": "x"}),
    (CHAT, {"model": "over-responses", "messages": HI, "n": 2}),
    (CHAT, {"model": "over-responses", "messages": HI, "seed": 2}),
    (CHAT, {"model": "over-responses", "messages": [{"role": "assistant", "content": [{"type": "odd"}]}]}),
    (CHAT, {"model": "embedding", "messages": HI}),
    (CHAT, {"model": "image", "messages": HI}),
    (RESPONSES, {"model": "whole", "input": "hi", "stream": True}),
    (RESPONSES, {"model": "bridge", "input": "hi", "tools": [{"type": "web_search"}]}),
    (RESPONSES, {"model": "bridge", "input": "hi", "previous_response_id": "r"}),
    (RESPONSES, {"model": "bridge", "input": "hi", "background": True}),
    (RESPONSES, {"model": "bridge", "input": [{"type": "item_reference", "id": "x"}]}),
    (RESPONSES, {"model": "bridge", "input": [{"type": "function_call_output", "call_id": "c", "output": "x"}]}),
    (RESPONSES, {"model": "bridge", "input": 5}),
    (RESPONSES, {"model": "m", "input": "hi", "temperature": "hot"}),
    ("/v1/embeddings", {"model": "embedding"}),
    ("/v1/embeddings", {"model": "embedding", "input": "x", "dimensions": 10_000_000}),
    ("/v1/embeddings", {"model": "m", "input": "x"}),
    ("/v1/embeddings", {"model": "embedding", "messages": HI}),
    ("/v1/audio/speech", {"model": "tts", "input": "x"}),
    ("/v1/audio/speech", {"model": "tts", "input": "x", "voice": "alloy", "instructions": "sing"}),
    ("/v1/audio/speech", {"model": "tts", "input": "x", "voice": "alloy", "stream_format": "sse"}),
    ("/v1/audio/transcriptions", {"model": "whisper", "file": "/etc/passwd"}),
    ("/v1/audio/transcriptions", {"model": "whisper"}),
    ("/v1/images/generations", {"model": "image", "prompt": "x", "style": "vivid"}),
    ("/v1/images/generations", {"model": "image", "prompt": "x", "response_format": "url"}),
    ("/v1/images/generations", {"model": "image"}),
    ("/v1/completions", {"model": "text", "prompt": "x", "best_of": 2, "stream": True}),
    ("/v1/completions", {"model": "text", "messages": HI}),
    ("/v1/moderations", {"model": "m", "input": "x"}),
    ("/v1/videos", {"model": "m", "prompt": "x"}),
]


def message_of(gateway: RunningGateway, path: str, body: dict[str, Any]) -> str:
    reply = gateway.post(path, body)
    return str(reply.json()["error"]["message"]) if reply.status_code >= 400 else ""


def test_no_error_of_ours_names_an_argument_of_the_sdk(serve: Serve, upstream: FakeUpstream) -> None:
    gateway = serve(MODELS)
    found = [(path, body, message_of(gateway, path, body)) for path, body in PROVOKING]
    wrong = [(path, body, message) for path, body, message in found if names_sdk(message, body)]
    assert wrong == []
    assert sum(bool(message) for _, _, message in found) > len(PROVOKING) * 0.7, found


def names_sdk(message: str, body: dict[str, Any]) -> bool:
    match = SDK_WORDS.search(message)
    return match is not None and match[0] not in body  # a name that the client sent itself may be repeated


@pytest.mark.parametrize(
    ("path", "body", "setting"),
    [
        (CHAT, {"model": "reasoning", "messages": HI, "temperature": 0.5}, "`drop_params: true`"),
        (CHAT, {"model": "reasoning", "messages": HI, "temperature": 0.5}, "`param_policy: forward`"),
        (CHAT, {"model": "whole", "messages": HI, "stream": True}, "`fake_stream: true`"),
        (RESPONSES, {"model": "bridge", "input": "hi", "tools": [{"type": "web_search"}]}, "`drop_params: true`"),
    ],
)
def test_an_error_names_the_setting_of_the_deployment_that_helps(
    serve: Serve, path: str, body: dict[str, Any], setting: str
) -> None:
    reply = serve(MODELS).post(path, body)
    assert reply.status_code == 400
    assert setting in reply.json()["error"]["message"]


@pytest.mark.parametrize(
    ("mark", "name"), [(b"\xef\xbb\xbf", "UTF-8"), (b"\xff\xfe", "UTF-16"), (b"\xfe\xff", "UTF-16")]
)
def test_a_byte_order_mark_before_a_body_is_named(gateway: RunningGateway, mark: bytes, name: str) -> None:
    reply = gateway.post(CHAT, mark + b'{"model": "m", "messages": []}')
    assert (reply.status_code, reply.json()["error"]["code"]) == (400, "invalid_json")
    assert f"it begins with a byte order mark, of {name}. Send UTF-8 without one." in reply.json()["error"]["message"]


@pytest.mark.parametrize(
    ("path", "body", "missing", "right"),
    [
        (CHAT, {"model": "m", "input": "hi"}, "messages", "/v1/responses"),
        (CHAT, {"model": "m", "prompt": "hi"}, "messages", "/v1/completions"),
        ("/v1/embeddings", {"model": "m", "messages": HI}, "input", "/v1/chat/completions"),
    ],
)
def test_a_body_for_another_endpoint_is_named(
    gateway: RunningGateway, path: str, body: dict[str, Any], missing: str, right: str
) -> None:
    reply = gateway.post(path, body)
    error = reply.json()["error"]
    assert (reply.status_code, error["param"]) == (400, missing)
    assert error["message"].startswith(f"This endpoint takes {missing!r}, which is missing.")
    assert right in error["message"]
