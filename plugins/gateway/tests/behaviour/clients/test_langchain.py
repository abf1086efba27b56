"""LangChain's OpenAI integration against the gateway."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import httpx2
import openai
import pytest
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from pydantic import BaseModel


class Person(BaseModel):
    """Somebody."""

    name: str
    age: int


def weather(city: str) -> str:
    """Return the weather of a city."""
    return f"rain in {city}"


@pytest.fixture
def common(base_url: str, client_key: str) -> Iterator[dict[str, Any]]:
    """What every model is made with: an HTTP client of this test, since LangChain's own are never closed."""
    with httpx2.Client(trust_env=False) as http:
        yield {"base_url": base_url, "api_key": client_key, "max_retries": 0, "http_client": http}


@pytest.fixture(params=["chat", "bridged"])
def model(request: pytest.FixtureRequest, common: dict[str, Any]) -> ChatOpenAI:
    return ChatOpenAI(model=request.param, timeout=10, stream_usage=True, **common)


def test_a_chat(model: ChatOpenAI) -> None:
    answer = model.invoke("hi")
    assert answer.content == "Hello"
    assert answer.response_metadata["finish_reason"] == "stop"
    assert answer.usage_metadata is not None
    assert (answer.usage_metadata["input_tokens"], answer.usage_metadata["output_tokens"]) == (3, 2)


def test_a_stream(model: ChatOpenAI) -> None:
    chunks = list(model.stream("hi"))
    assert "".join(str(chunk.content) for chunk in chunks) == "Hello"
    assert len([chunk for chunk in chunks if chunk.content]) == 2
    assert [chunk.usage_metadata["total_tokens"] for chunk in chunks if chunk.usage_metadata] == [5]


@pytest.mark.parametrize("name", ["chat", "bridged"])
def test_async(common: dict[str, Any], name: str) -> None:
    async def ask() -> tuple[str, str, list[str]]:
        async with httpx2.AsyncClient(trust_env=False) as http:
            model = ChatOpenAI(model=name, timeout=10, http_async_client=http, **common)
            one = await model.ainvoke("hi")
            text = "".join([str(chunk.content) async for chunk in model.astream("hi")])
            many = await model.abatch(["a", "b", "c"])
        return str(one.content), text, [str(answer.content) for answer in many]

    assert asyncio.run(ask()) == ("Hello", "Hello", ["Hello"] * 3)


@pytest.mark.parametrize("model", ["chat"], indirect=True)
def test_tools_there_and_back(model: ChatOpenAI, upstream: Any) -> None:
    with_tools = model.bind_tools([weather])
    question = HumanMessage("weather?")
    answer = with_tools.invoke([question])
    assert [(call["name"], call["args"]) for call in answer.tool_calls] == [("weather", {"city": "Paris"})]
    streamed: Any = None
    for chunk in with_tools.stream([question]):
        streamed = chunk if streamed is None else streamed + chunk
    assert [(call["name"], call["args"]) for call in streamed.tool_calls] == [("weather", {"city": "Paris"})]
    call_id = answer.tool_calls[0]["id"]
    assert model.invoke([question, answer, ToolMessage("rain", tool_call_id=call_id)]).content == "Hello"
    sent = upstream.received[-1]["json"]["messages"]
    assert [message["role"] for message in sent] == ["user", "assistant", "tool"]
    assert sent[1]["tool_calls"][0]["id"] == sent[2]["tool_call_id"] == "call_1"


@pytest.mark.parametrize("model", ["chat"], indirect=True)
@pytest.mark.parametrize("method", ["json_schema", "json_mode"])
def test_structured_output(model: ChatOpenAI, upstream: Any, method: Any) -> None:
    found = model.with_structured_output(Person, method=method).invoke("who? answer in JSON")
    assert found == Person(name="Ada", age=36)
    kind = upstream.received[0]["json"]["response_format"]["type"]
    assert kind == {"json_schema": "json_schema", "json_mode": "json_object"}[method]


@pytest.mark.parametrize("model", ["chat"], indirect=True)
def test_errors_are_the_sdks(model: ChatOpenAI) -> None:
    with pytest.raises(openai.RateLimitError) as caught:
        model.invoke("too much")
    assert (caught.value.code, caught.value.request_id) == ("rate_limit_exceeded", "req_up")
    with pytest.raises(openai.APIError, match="it broke"):
        list(model.stream("break"))


def test_the_responses_api(common: dict[str, Any]) -> None:
    model = ChatOpenAI(model="responses", use_responses_api=True, timeout=10, **common)
    assert model.invoke("hi").text == "Hello"
    assert "".join(chunk.text for chunk in model.stream("hi")) == "Hello"


def test_embeddings(common: dict[str, Any], upstream: Any) -> None:
    embedder = OpenAIEmbeddings(model="embed", check_embedding_ctx_length=False, **common)
    assert embedder.embed_documents(["a", "b"]) == [[0.25, -0.5, 1.0]] * 2
    assert embedder.embed_query("a") == [0.25, -0.5, 1.0]
    assert upstream.received[0]["json"]["model"] == "text-embedding-3-small"
