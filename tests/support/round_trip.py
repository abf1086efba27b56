"""What a chat call says after it went to a Responses call and back: the documented normalisations, written once more.

An oracle, on purpose not made from the bridges' code. Gives the expected chat body, and which of the caller's
parameters lose something on the way.

Source: the tables of docs/guide/bridges.md; OpenAI API reference.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

__all__ = ["expected_body"]

NEUTRAL: tuple[Any, ...] = ({}, [], 0, None)
SAME = frozenset(
    {
        "metadata",
        "prompt_cache_key",
        "prompt_cache_options",
        "prompt_cache_retention",
        "reasoning_effort",
        "response_format",
        "safety_identifier",
        "service_tier",
        "temperature",
        "top_p",
        "user",
        "verbosity",
        "web_search_options",
    }
)
WITHOUT_COUNTERPART = frozenset({"frequency_penalty", "logit_bias", "n", "presence_penalty", "seed", "stop"})


def expected_body(body: dict[str, Any]) -> tuple[dict[str, Any], set[str]]:
    """Return the chat body that comes back, and the names of what lost something."""
    losses: set[str] = set()
    said = _Said(stored=body.get("store") is not False)
    expected: dict[str, Any] = {"messages": said.again(body["messages"])}
    if said.has_losses:
        losses.add("messages")
    expected.update({name: value for name, value in body.items() if name in SAME})
    losses |= {name for name in WITHOUT_COUNTERPART & body.keys() if not _is_neutral(name, body[name])}
    if body.get("store"):
        losses.add("store")
    _limits(body, expected, losses)
    _tools(body, expected, losses)
    _logprobs(body, expected)
    _stream(body, expected)
    return expected, losses


def _is_neutral(name: str, value: Any) -> bool:
    return value == 1 if name == "n" else name != "seed" and value in NEUTRAL


def _limits(body: dict[str, Any], expected: dict[str, Any], losses: set[str]) -> None:
    given = [body[name] for name in ("max_completion_tokens", "max_tokens") if name in body]
    if given:
        expected["max_completion_tokens"] = given[0]
        if given[0] != given[-1]:
            losses.add("max_tokens")


def _tools(body: dict[str, Any], expected: dict[str, Any], losses: set[str]) -> None:
    tools: list[Any] = []
    for name, value in body.items():
        if name in ("tools", "functions"):
            tools += [_tool(tool) if name == "tools" else _function(tool) for tool in value]
    choice = body.get("tool_choice")
    if (legacy := body.get("function_call")) is not None:
        converted = legacy if isinstance(legacy, str) else {"type": "function", "function": legacy}
        if choice is not None and choice != converted:
            losses.add("function_call")
        choice = converted if choice is None else choice
    if not tools:  # a choice, or calls at once, of no tools say nothing
        return
    expected["tools"] = tools
    if choice is not None:
        expected["tool_choice"] = choice
    if "parallel_tool_calls" in body:
        expected["parallel_tool_calls"] = body["parallel_tool_calls"]


def _tool(tool: dict[str, Any]) -> dict[str, Any]:
    return _function(tool["function"]) if tool["type"] == "function" else tool


def _function(function: dict[str, Any]) -> dict[str, Any]:
    """Chat's defaults, spelled out: POST /responses has others."""
    defaults = {"parameters": {"type": "object", "properties": {}}, "strict": False}
    return {"type": "function", "function": {**defaults, **function}}


def _logprobs(body: dict[str, Any], expected: dict[str, Any]) -> None:
    if body.get("logprobs") or "top_logprobs" in body:
        expected["logprobs"] = True
    if "top_logprobs" in body:
        expected["top_logprobs"] = body["top_logprobs"]


def _stream(body: dict[str, Any], expected: dict[str, Any]) -> None:
    if "stream" in body:
        expected["stream"] = body["stream"]
    if body.get("stream"):  # the event that ends a Responses stream must have the usage
        expected["stream_options"] = {**body.get("stream_options", {}), "include_usage": True}


class _Said:
    """The messages as they come back.

    Attributes:
        has_losses: something that a message said did not come back.
    """

    def __init__(self, *, stored: bool) -> None:
        self.has_losses = False
        self._stored = stored
        self._messages: list[dict[str, Any]] = []
        self._reasoning: list[str] = []
        self._may_join = False  # the assistant spoke last, so that calls belong to what it said

    def again(self, messages: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        leading = _leading(messages)
        ruling = "\n\n".join(text for message in messages[:leading] for text in _texts(message["content"]) if text)
        self.has_losses |= any("name" in message for message in messages if message["role"] != "function")
        if ruling or leading == len(messages):
            self._messages.append({"role": "system", "content": ruling})
        called = ""
        for index, message in enumerate(messages[leading:], leading):
            if message["role"] == "assistant":
                self._assistant(index, message)
                called = f"call_of_message_{index}" if "function_call" in message else called
            elif message["role"] in ("tool", "function"):
                self._answer(message.get("tool_call_id", called), message["content"])
            else:
                self._may_join = False
                self._messages.append({"role": message["role"], "content": _collapsed(_parts(message["content"]))})
        return self._messages

    def _assistant(self, index: int, message: dict[str, Any]) -> None:
        for item in message.get("reasoning_items", ()):
            if self._stored or "encrypted_content" in item:
                raw = "".join(part["text"] for part in item.get("content", ()))
                text = raw or "\n\n".join(part["text"] for part in item.get("summary", ()))
                self._reasoning += [text] if text else []
        parts = _parts(message["content"])
        refusals = [part["refusal"] for part in parts if part["type"] == "refusal"]
        refusals += [message["refusal"]] if "refusal" in message else []
        self.has_losses |= bool(refusals) or any("prompt_cache_breakpoint" in part for part in parts)
        texts = ["".join(part["text"] for part in parts if part["type"] == "text"), "".join(refusals)]
        for text in texts:
            if text:
                self._speak(text)
        calls = message.get("tool_calls", ())
        if "function_call" in message:
            calls = [{"id": f"call_of_message_{index}", "type": "function", "function": message["function_call"]}]
        if calls:
            if not self._may_join or self._reasoning:
                self._speak(None)
            self._messages[-1].setdefault("tool_calls", []).extend(calls)

    def _speak(self, content: str | None) -> None:
        message: dict[str, Any] = {"role": "assistant", "content": content}
        if self._reasoning:
            message["reasoning_content"] = "\n\n".join(self._reasoning)
            self._reasoning = []
        self._messages.append(message)
        self._may_join = True

    def _answer(self, call_id: str, content: Any) -> None:
        self._may_join = False
        parts = _parts(content)
        told = [part for part in parts if part["type"] == "text"]
        self.has_losses |= told != parts
        self._messages.append({"role": "tool", "tool_call_id": call_id, "content": _collapsed(told)})


def _leading(messages: Sequence[dict[str, Any]]) -> int:
    """Return how many messages make the instructions: system messages of nothing but text."""
    for index, message in enumerate(messages):
        if message["role"] != "system" or any(part.keys() != {"type", "text"} for part in _parts(message["content"])):
            return index
    return len(messages)


def _texts(content: Any) -> Iterator[str]:
    return (part["text"] for part in _parts(content))


def _parts(content: Any) -> list[dict[str, Any]]:
    if content is None:
        return []
    parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
    return [_with_detail(part) for part in parts]


def _with_detail(part: dict[str, Any]) -> dict[str, Any]:
    if part["type"] != "image_url":
        return part
    return {**part, "image_url": {"detail": "auto", **part["image_url"]}}


def _collapsed(parts: list[dict[str, Any]]) -> Any:
    if all(part.keys() == {"type", "text"} for part in parts):
        return "\n".join(part["text"] for part in parts)
    return parts
