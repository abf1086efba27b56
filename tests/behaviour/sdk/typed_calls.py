"""Calls as type checkers see them. A line that ends with `# error` has to be refused, every other one accepted.

Read by `test_typed_calls.py`, never imported.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, TypeAdapter

import llmgate_core
from llmgate_core import (
    AsyncClient,
    AsyncStream,
    BinaryResponse,
    ChatCompletion,
    ChatCompletionChunk,
    Client,
    Cost,
    EmbeddingResponse,
    ImageEvent,
    ImagesResponse,
    ModerationResponse,
    Page,
    ParsedChatCompletion,
    ResponseEvent,
    ResponseObject,
    Settings,
    Stream,
    TextCompletion,
    TextCompletionChunk,
    Timeouts,
    Transcription,
    Video,
    acompletion,
    aembedding,
    aresponses,
    atext_completion,
    completion,
    embedding,
    get_responses,
    image_edit,
    image_generation,
    list_input_items,
    moderation,
    responses,
    speech,
    text_completion,
    transcription,
    video_generation,
)

if TYPE_CHECKING:
    from typing_extensions import Unpack, assert_type

    from llmgate_core.client.arguments import ChatArguments


class City(BaseModel):
    name: str


messages: list[Any] = []
maybe: bool = bool(messages)

# what each call returns
assert_type(completion("m", messages), ChatCompletion)
assert_type(completion("m", messages, stream=False), ChatCompletion)
assert_type(completion("m", messages, stream=True), Stream[ChatCompletionChunk])
assert_type(completion("m", messages, stream=maybe), ChatCompletion | Stream[ChatCompletionChunk])
assert_type(completion("m", messages, response_format=City), ParsedChatCompletion[City])
assert_type(completion("m", messages, response_format=City).parsed, City | None)
assert_type(completion("m", messages, response_format=list[City]).parsed, list[City] | None)
assert_type(completion("m", messages, response_format=TypeAdapter(list[City])).parsed, list[City] | None)
assert_type(completion("m", messages, response_format={"type": "json_object"}), ChatCompletion)
assert_type(completion("m", messages, response_format=City, stream=True), Stream[ChatCompletionChunk])
assert_type(completion("m", file=b"f"), Transcription)
assert_type(text_completion("m", "p"), TextCompletion)
assert_type(text_completion("m", "p", stream=True), Stream[TextCompletionChunk])
assert_type(embedding("m", ["i", "j"]).data[0].embedding, list[float] | str)
assert_type(responses("m", "i").output_text, str)
assert_type(responses("m", "i", stream=True), Stream[ResponseEvent])
assert_type(get_responses("r", stream=maybe), ResponseObject | Stream[ResponseEvent])
assert_type(list_input_items("r", limit=3), Page)
assert_type(transcription("m", b"f"), Transcription)
assert_type(speech("m", "i", "v"), BinaryResponse)
assert_type(speech("m", "i", "v", stream=True), Stream[bytes])
assert_type(image_generation("m", "p"), ImagesResponse)
assert_type(image_edit("m", Path("a.png"), "p", mask=Path("b.png"), stream=True), Stream[ImageEvent])
assert_type(video_generation("m", "p"), Video)
assert_type(moderation("i"), ModerationResponse)
assert_type(completion("m", messages).cost, Cost | None)
assert_type(Client().completion("m", messages, stream=True), Stream[ChatCompletionChunk])
assert_type(Client().completion("m", messages, response_format=City).parsed, City | None)
assert_type(Client().text_completion("m", "p"), TextCompletion)


async def calls_with_await() -> None:
    assert_type(await acompletion("m", messages), ChatCompletion)
    assert_type(await acompletion("m", messages, stream=True), AsyncStream[ChatCompletionChunk])
    assert_type((await acompletion("m", messages, response_format=City)).parsed, City | None)
    assert_type(await atext_completion("m", "p", stream=True), AsyncStream[TextCompletionChunk])
    assert_type(await aembedding("m", "i"), EmbeddingResponse)
    assert_type(await aresponses("m", "i", stream=True), AsyncStream[ResponseEvent])
    assert_type(await AsyncClient().completion("m", messages, stream=True), AsyncStream[ChatCompletionChunk])
    assert_type((await AsyncClient().completion("m", messages, response_format=City)).parsed, City | None)
    await acompletion("m", messages, temperatur=0.5)  # error
    for event in completion("m", messages, stream=True).events():
        assert_type(event.text, str)


# parameters and options
completion("m", messages, temperature=0.5, max_tokens=3, stop=["a"], tools=[{"type": "function"}], user=None)
completion("m", messages, timeout=3, api_key="k", api_base="https://x/v1", max_retries=0, fake_stream=True, stream=True)
completion("m", messages, timeout=Timeouts(total=3), extra_body={"top_k": 4}, extra_headers={"x-y": "z"})
completion("m", messages, temperatur=0.5)  # error
completion("m", messages, temperature="hot")  # error
completion("m", messages, api_kee="k")  # error
completion("m", messages, param_policy="ignore")  # error
completion("m", messages, top_k=4)  # error
completion(messages=messages)  # error
completion("m", "hi")
completion("m", 5)  # error
completion(
    "m", [{"role": "user", "content": "hi"}, completion("m", messages).choices[0].message], tools=[City(name="x")]
)
for chunk in completion("m", messages, stream=True):
    assert_type(chunk.choices[0].delta.content, str | None)
embedding("m", "i", dimensions=3, encoding_format="base64", timeout=3)
embedding("m", "i", dimension=3)  # error
embedding("m", "i", encoding_format="hex")  # error
embedding("m", "i", stream=True)  # error
responses("m", "i", text_format=City, background=True, wait=True, poll_seconds=0.5, on_progress=print)
responses("m", "i", instruction="be brief")  # error
image_edit("m", ["a.png", b"b"], "p", n=2, size="1024x1024")
image_edit("m", 3, "p")  # error
video_generation("m", "p", seconds="4", wait=True, input_reference={"file_id": "f"})
video_generation("m", "p", seconds=4)  # error
speech("m", "i", {"id": "v"}, speed=2, response_format="wav")
with open("a.wav", "rb") as file:
    transcription("m", file, response_format="srt", prompt="names")
    transcription("m", ("a.wav", file, "audio/wav"), timestamp_granularities=["word"])

# clients and settings
Client(api_key="k", api_base=None, timeout=3, max_retries=1, settings=Settings(drop_params=True))
AsyncClient(param_policy="drop")
Client(api_kee="k")  # error
AsyncClient(api_kee="k")  # error
Client(max_retries="three")  # error
llmgate_core.drop_params = True
llmgate_core.timeout = Timeouts(total=3)
llmgate_core.drop_parms = True  # error
assert_type(llmgate_core.plugins, llmgate_core.PluginPolicy)


def chat(question: str, **arguments: Unpack[ChatArguments]) -> str | None:
    """Wrap a function and keep its signature."""
    return completion("m", [{"role": "user", "content": question}], **arguments).choices[0].message.content


chat("hi", temperature=0.5)
chat("hi", temperatur=0.5)  # error
headers: Mapping[str, str] | None = completion("m", messages).headers
