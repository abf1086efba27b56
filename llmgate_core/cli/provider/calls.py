"""The twelve calls of `llmgate provider check`: what each asks, and what a right answer has. Data and small functions.

A call returns a detail for the report, or raises `WrongAnswerError` with what is wrong. Errors of the client are the
caller's to report.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from llmgate_core.client.sync_client import Client
from llmgate_core.errors import APIStatusError, AuthenticationError, PermissionDeniedError
from llmgate_core.json_codec import decode

__all__ = ["CALLS", "CheckedCall", "ProviderCalls", "WrongAnswerError"]

SHORT = [{"role": "user", "content": "Reply with the single word: hello"}]
COUNT = [{"role": "user", "content": "Count from one to two hundred in words."}]
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Return the weather of a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
ASK_WEATHER = [{"role": "user", "content": "What is the weather in Paris? Call the function get_weather."}]
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "people": {"type": "integer"}},
    "required": ["city", "people"],
    "additionalProperties": False,
}
FORMAT = {"type": "json_schema", "json_schema": {"name": "city", "schema": SCHEMA, "strict": True}}
ASK_CITY = [{"role": "user", "content": "Name a city and how many people live there, as JSON with city and people."}]
DOT = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJg"
    "gg=="
)
ASK_PICTURE = [
    {
        "role": "user",
        "content": [
            {"type": "text", "text": "Which colour is this? One word."},
            {"type": "image_url", "image_url": {"url": DOT}},
        ],
    }
]
FINISHED = frozenset({"stop", "length", "tool_calls", "content_filter"})
ENOUGH = 512  # tokens: a model that reasons needs some before its answer
FEW = 5
MADE_UP_KEY = "sk-made-up-by-llmgate-provider-check"
MADE_UP_MODEL = "llmgate-provider-check-no-such-model"


class WrongAnswerError(Exception):
    """An answer came, and it is not what it must be; the message says why, and repeats nothing of it."""


@dataclass(frozen=True)
class ProviderCalls:
    """Where the calls go.

    Attributes:
        client: without retries.
        prefix: of the provider.
        model, embedding_model: without the prefix.
    """

    client: Client
    prefix: str
    model: str
    embedding_model: str | None = None

    def chat(self, messages: list[Any], **more: Any) -> Any:
        """Return the answer of a chat call, or its stream."""
        arguments: dict[str, Any] = {"max_tokens": ENOUGH, **more}
        return self.client.completion(f"{self.prefix}/{self.model}", messages, **arguments)


Call = Callable[[ProviderCalls], str]


@dataclass(frozen=True)
class CheckedCall:
    """One of the calls: its name in the report, the family that it needs, what it does."""

    name: str
    family: str
    run: Call


def require(condition: object, reason: str) -> None:
    """Raise `WrongAnswerError` unless a condition holds."""
    if not condition:
        raise WrongAnswerError(reason)


def chat(calls: ProviderCalls) -> str:
    """A plain answer has text, a finish reason and usage."""
    answer = calls.chat(SHORT)
    choice = _choice(answer)
    require(choice.message.content, "the answer has no text")
    require(answer.usage is not None and answer.usage.prompt_tokens, "the answer has no usage")
    return f"finish_reason {choice.finish_reason}"


def stream(calls: ProviderCalls) -> str:
    """A stream has text in pieces, and ends with a finish reason."""
    chunks = list(calls.chat(SHORT, stream=True))
    choices = [choice for chunk in chunks for choice in chunk.choices]
    require("".join(choice.delta.content or "" for choice in choices), "the stream has no text")
    reasons = [choice.finish_reason for choice in choices if choice.finish_reason]
    require(len(reasons) == 1 and reasons[0] in FINISHED, f"the stream has {len(reasons)} finish reasons, not one")
    return f"{len(chunks)} chunks"


def usage_in_stream(calls: ProviderCalls) -> str:
    """A stream that is asked for its usage has one."""
    chunks = list(calls.chat(SHORT, stream=True, stream_options={"include_usage": True}))
    used = [chunk.usage for chunk in chunks if chunk.usage is not None]
    require(used and used[-1].prompt_tokens and used[-1].completion_tokens, "no chunk has the usage")
    return f"{len(used)} chunks with usage"


def tools(calls: ProviderCalls) -> str:
    """A function is called by its name, with an id and arguments that are a JSON object."""
    message = _choice(calls.chat(ASK_WEATHER, tools=[WEATHER])).message
    require(message.tool_calls, "the model called no function")
    call = message.tool_calls[0]
    require(call.id and call.function.name == "get_weather", "the call has no id, or another name")
    require(isinstance(_parsed(call.function.arguments), dict), "the arguments are not a JSON object")
    return f"{len(message.tool_calls)} calls"


def tool_loop(calls: ProviderCalls) -> str:
    """The result of a function goes back, and the model answers."""
    message = _choice(calls.chat(ASK_WEATHER, tools=[WEATHER])).message
    require(message.tool_calls, "the model called no function")
    results = [{"role": "tool", "tool_call_id": call.id, "content": "sunny, 24 degrees"} for call in message.tool_calls]
    second = _choice(calls.chat([*ASK_WEATHER, message, *results], tools=[WEATHER]))
    require(second.message.content, "the second answer has no text")
    return f"finish_reason {second.finish_reason}"


def json_schema(calls: ProviderCalls) -> str:
    """An answer by a JSON schema is JSON that keeps it."""
    said = _parsed(_choice(calls.chat(ASK_CITY, response_format=FORMAT)).message.content)
    require(isinstance(said, dict), "the answer is not a JSON object")
    keeps = set(said) == {"city", "people"} and isinstance(said["city"], str) and isinstance(said["people"], int)
    require(keeps, "the answer does not keep the schema")
    return "keeps the schema"


def image(calls: ProviderCalls) -> str:
    """A picture in a message is taken."""
    require(_choice(calls.chat(ASK_PICTURE)).message.content, "the answer has no text")
    return "taken"


def length(calls: ProviderCalls) -> str:
    """An answer that is cut off at the limit of tokens says so."""
    reason = _choice(calls.chat(COUNT, max_tokens=FEW)).finish_reason
    require(reason == "length", f"the finish reason is {reason}, not length")
    return "finish_reason length"


def bad_key(calls: ProviderCalls) -> str:
    """A wrong key is an error of authentication."""
    try:
        calls.chat(SHORT, api_key=MADE_UP_KEY)
    except (AuthenticationError, PermissionDeniedError) as error:
        return f"HTTP {error.status_code}"
    except APIStatusError as error:
        raise WrongAnswerError(f"it is {type(error).__name__}, HTTP {error.status_code}") from None
    raise WrongAnswerError("a made-up key was taken")


def bad_model(calls: ProviderCalls) -> str:
    """A model that does not exist is an error of the caller."""
    try:
        calls.client.completion(f"{calls.prefix}/{MADE_UP_MODEL}", SHORT, max_tokens=FEW)
    except APIStatusError as error:
        require(error.status_code is not None and 400 <= error.status_code < 500, f"it is HTTP {error.status_code}")
        return f"{type(error).__name__}, HTTP {error.status_code}"
    raise WrongAnswerError("a made-up model was taken")


def responses(calls: ProviderCalls) -> str:
    """The Responses API answers."""
    model = f"{calls.prefix}/{calls.model}"
    answer = calls.client.responses(model, "Reply with the single word: hello", max_output_tokens=ENOUGH)
    require(answer.output_text, "the answer has no text")
    return f"status {answer.status}"


def embedding(calls: ProviderCalls) -> str:
    """Two inputs are two vectors of the same length."""
    answer = calls.client.embedding(f"{calls.prefix}/{calls.embedding_model}", ["one", "two"])
    sizes = {len(vector) for vector in answer.vectors}
    require(len(answer.data) == 2 and len(sizes) == 1 and 0 not in sizes, "there are not two vectors of one length")
    return f"{sizes.pop()} numbers"


def _choice(answer: Any) -> Any:
    require(answer.choices, "the answer has no choices")
    choice = answer.choices[0]
    require(choice.finish_reason in FINISHED, f"the finish reason is not one of {', '.join(sorted(FINISHED))}")
    return choice


def _parsed(text: object) -> Any:
    if not isinstance(text, str):
        return None
    try:
        return decode(text.encode())
    except ValueError:
        return None


CALLS = (
    CheckedCall("chat", "chat", chat),
    CheckedCall("stream", "chat", stream),
    CheckedCall("usage in a stream", "chat", usage_in_stream),
    CheckedCall("tools", "chat", tools),
    CheckedCall("tool loop", "chat", tool_loop),
    CheckedCall("JSON schema", "chat", json_schema),
    CheckedCall("picture", "chat", image),
    CheckedCall("length", "chat", length),
    CheckedCall("wrong key", "chat", bad_key),
    CheckedCall("wrong model", "chat", bad_model),
    CheckedCall("Responses API", "responses", responses),
    CheckedCall("embedding", "embedding", embedding),
)
