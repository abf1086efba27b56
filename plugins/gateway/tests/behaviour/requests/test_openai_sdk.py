"""The official OpenAI SDK against the gateway: A51 and A53 to A59."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import openai
import pytest
from pydantic import BaseModel

from llmgate_core.testing import Answer

HI: Any = [{"role": "user", "content": "hi"}]


def chat_answer(content: str) -> Answer:
    message = {"role": "assistant", "content": content, "refusal": None}
    return Answer.json(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1,
            "model": "gpt-4o",
            "choices": [{"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}],
            "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
        },
        x_request_id="req_up",
    )


def chunk(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o", "choices": [choice]}


STREAM = [
    chunk({"role": "assistant", "content": ""}),
    chunk({"content": "Hel"}),
    chunk({"content": "lo"}),
    chunk({}, "stop"),
]


@pytest.fixture(params=["", "/v1"])
def client(gateway: Any, request: pytest.FixtureRequest) -> Any:
    with openai.OpenAI(base_url=gateway.base_url + request.param, api_key="anything", max_retries=0) as client:
        yield client


def test_chat(client: Any, upstream: Any) -> None:
    upstream.answers.append(chat_answer("Hello"))
    answer = client.chat.completions.create(model="m", messages=HI)
    assert (answer.choices[0].message.content, answer._request_id) == ("Hello", "req_up")


def test_chat_stream(client: Any, upstream: Any) -> None:
    upstream.answers.append(Answer.sse(STREAM))
    chunks = list(client.chat.completions.create(model="m", messages=HI, stream=True))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "Hello"
    assert chunks[-1].choices[0].finish_reason == "stop"


def test_chat_stream_helper(client: Any, upstream: Any) -> None:
    upstream.answers.append(Answer.sse(STREAM))
    with client.chat.completions.stream(model="m", messages=HI) as stream:
        assert stream.get_final_completion().choices[0].message.content == "Hello"


def test_parse(client: Any, upstream: Any) -> None:
    class Person(BaseModel):
        name: str

    upstream.answers.append(chat_answer('{"name": "Ada"}'))
    answer = client.chat.completions.parse(model="m", messages=HI, response_format=Person)
    assert answer.choices[0].message.parsed == Person(name="Ada")
    assert upstream.received[0]["json"]["response_format"]["type"] == "json_schema"


def test_raw_headers(client: Any, upstream: Any) -> None:
    upstream.answers.append(chat_answer("Hello"))
    raw = client.chat.completions.with_raw_response.create(model="m", messages=HI)
    assert raw.headers["x-llmgate-model"] == "m"
    assert raw.parse().choices[0].message.content == "Hello"


def test_errors_have_the_sdks_classes_and_the_upstreams_words(client: Any, upstream: Any) -> None:
    error = {"message": "slow down", "type": "requests", "param": None, "code": "rate_limit_exceeded"}
    upstream.answers.append(Answer.json({"error": error}, 429, x_request_id="req_up"))
    with pytest.raises(openai.RateLimitError) as caught:
        client.chat.completions.create(model="m", messages=HI)
    assert (caught.value.code, caught.value.type, caught.value.request_id) == (
        "rate_limit_exceeded",
        "requests",
        "req_up",
    )
    with pytest.raises(openai.NotFoundError) as unknown:
        client.chat.completions.create(model="nobody", messages=HI)
    assert unknown.value.code == "model_not_found"


def test_an_error_in_a_stream_is_raised_by_the_sdk(client: Any, upstream: Any) -> None:
    upstream.answers.append(Answer.sse([STREAM[1], {"error": {"message": "it broke", "code": "boom"}}], done=False))
    with pytest.raises(openai.APIError, match="it broke"):
        list(client.chat.completions.create(model="m", messages=HI, stream=True))


RESPONSE = {
    "id": "resp_1",
    "object": "response",
    "created_at": 1,
    "model": "gpt-4o",
    "status": "completed",
    "output": [
        {
            "type": "message",
            "id": "msg_1",
            "role": "assistant",
            "status": "completed",
            "content": [{"type": "output_text", "text": "Hello", "annotations": []}],
        }
    ],
    "parallel_tool_calls": True,
    "tool_choice": "auto",
    "tools": [],
}


def test_responses(client: Any, upstream: Any) -> None:
    upstream.answers.append(Answer.json(RESPONSE))
    assert client.responses.create(model="m", input="hi").output_text == "Hello"
    assert upstream.received[0]["path"] == "/v1/responses"
    upstream.answers.append(Answer.json(RESPONSE))
    assert client.responses.retrieve("resp_1").id == "resp_1"


def test_responses_stream(client: Any, upstream: Any) -> None:
    events = [
        {
            "type": "response.created",
            "sequence_number": 0,
            "response": {**RESPONSE, "status": "in_progress", "output": []},
        },
        {
            "type": "response.output_item.added",
            "sequence_number": 1,
            "output_index": 0,
            "item": {**RESPONSE["output"][0], "content": []},  # type: ignore[index]
        },
        {
            "type": "response.content_part.added",
            "sequence_number": 2,
            "output_index": 0,
            "content_index": 0,
            "item_id": "msg_1",
            "part": {"type": "output_text", "text": "", "annotations": []},
        },
        {
            "type": "response.output_text.delta",
            "sequence_number": 3,
            "output_index": 0,
            "content_index": 0,
            "item_id": "msg_1",
            "delta": "Hello",
            "logprobs": [],
        },
        {"type": "response.completed", "sequence_number": 4, "response": RESPONSE},
    ]
    text = "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events)
    upstream.answers.append(Answer.sse(text, done=False))
    with client.responses.stream(model="m", input="hi") as stream:
        assert [event.delta for event in stream if event.type == "response.output_text.delta"] == ["Hello"]
        assert stream.get_final_response().output_text == "Hello"


def test_embeddings(serve: Any, upstream: Any) -> None:
    gateway = serve({"e": "openai/text-embedding-3-small"})
    data = [{"object": "embedding", "index": 0, "embedding": "AAAAAAAAgD8="}]
    usage = {"prompt_tokens": 1, "total_tokens": 1}
    upstream.answers.append(
        Answer.json({"object": "list", "data": data, "model": "text-embedding-3-small", "usage": usage})
    )
    with openai.OpenAI(base_url=gateway.base_url, api_key="x") as client:
        assert client.embeddings.create(model="e", input="hi").data[0].embedding == [0.0, 1.0]


def test_completions(serve: Any, upstream: Any) -> None:
    gateway = serve({"t": "text-completion-openai/gpt-3.5-turbo-instruct"})
    choice = {"index": 0, "text": " there", "finish_reason": "stop", "logprobs": None}
    upstream.answers.append(
        Answer.json({"id": "cmpl-1", "object": "text_completion", "created": 1, "model": "x", "choices": [choice]})
    )
    with openai.OpenAI(base_url=gateway.base_url, api_key="x") as client:
        assert client.completions.create(model="t", prompt="hi").choices[0].text == " there"


def test_audio(serve: Any, upstream: Any) -> None:
    gateway = serve(
        {
            "w": {"model": "openai/whisper-1", "info": {"mode": "audio_transcription"}},
            "s": {"model": "openai/tts-1", "info": {"mode": "audio_speech"}},
        }
    )
    upstream.answers += [Answer.json({"text": "hello"}), Answer(200, b"ID3x", {"content-type": "audio/mpeg"})]
    with openai.OpenAI(base_url=gateway.base_url, api_key="x") as client:
        heard = client.audio.transcriptions.create(
            model="w", file=("a.wav", b"RIFF"), timestamp_granularities=["word"], response_format="verbose_json"
        )
        assert heard.text == "hello"
        assert client.audio.speech.create(model="s", voice="alloy", input="hi").read() == b"ID3x"
    assert b'name="timestamp_granularities[]"\r\n\r\nword' in upstream.received[0]["body"]


def test_images_and_moderations(serve: Any, upstream: Any) -> None:
    gateway = serve({"i": "openai/gpt-image-1", "o": "openai/omni-moderation-latest"})
    upstream.answers += [Answer.json({"created": 1, "data": [{"b64_json": "aGk="}]})] * 2
    upstream.answers.append(Answer.json({"id": "modr-1", "model": "omni", "results": []}))
    with openai.OpenAI(base_url=gateway.base_url, api_key="x") as client:
        assert client.images.generate(model="i", prompt="a cat").data[0].b64_json == "aGk="  # type: ignore[index]
        edited = client.images.edit(
            model="i", prompt="a cat", image=[("a.png", b"\x89PNG"), ("b.png", b"\x89PNG")], n=1
        )
        assert edited.data[0].b64_json == "aGk="  # type: ignore[index]
        assert client.moderations.create(model="o", input="hi").id == "modr-1"
    assert upstream.received[1]["body"].count(b'name="image[]"; filename=') == 2


def test_models(client: Any) -> None:
    assert [model.id for model in client.models.list()] == ["m"]
    assert client.models.retrieve("m").id == "m"


def test_async(gateway: Any, upstream: Any) -> None:
    upstream.answers += [chat_answer("Hello"), Answer.sse(STREAM)]

    async def run() -> tuple[str | None, str]:
        async with openai.AsyncOpenAI(base_url=gateway.base_url, api_key="x") as client:
            answer = await client.chat.completions.create(model="m", messages=HI)
            stream = await client.chat.completions.create(model="m", messages=HI, stream=True)
            text = "".join([chunk.choices[0].delta.content or "" async for chunk in stream])
            return answer.choices[0].message.content, text

    assert asyncio.run(run()) == ("Hello", "Hello")


def test_the_organization_goes_up_when_the_config_says_so(serve: Any, upstream: Any) -> None:
    gateway = serve(general={"forward_openai_org_id": True})
    upstream.answers.append(chat_answer("Hello"))
    with openai.OpenAI(base_url=gateway.base_url, api_key="x", organization="my-special-org") as client:
        client.chat.completions.create(model="m", messages=HI)
    assert upstream.received[0]["headers"]["openai-organization"] == "my-special-org"
