"""Checks of malformed calls: the caller's mistake is the caller's error, never a bug of the plugin."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from llmgate_core.errors import APIError, BadRequestError, LLMGateError, PluginError
from llmgate_core.testing.conformance.base import Checks
from llmgate_core.testing.conformance.check import Findings, check
from llmgate_core.testing.conformance.samples import PARIS, WEATHER_FUNCTION, Reply, Sample, called

__all__ = ["ChatCallChecks", "InputChecks", "callers_fault"]

ODD: tuple[Any, ...] = (7, True, "", [], [None], [7], {}, {"odd": 1}, [{"odd": 1}], [["odd"]])


def callers_fault(error: BaseException | None) -> str | None:
    """Return what is wrong with the error of a malformed call; None: nothing is wrong, or the call succeeded."""
    if error is None or isinstance(error, BadRequestError):
        return None
    if isinstance(error, APIError) and not isinstance(error, PluginError):
        return f"{type(error).__name__} instead of BadRequestError: {str(error)[:160]}"
    cause = f" ({type(error.__cause__).__name__}: {error.__cause__})" if error.__cause__ else ""
    return f"{type(error).__name__}: {str(error)[:160]}{cause}"


class InputChecks(Checks):
    """Inputs of another type than promised, in every family."""

    @check
    def test_mistyped_inputs(self) -> Findings:
        """An input of another type is passed on, or is a `BadRequestError`.

        Check what you convert, and `raise route.bad_request(param, message)` for what is malformed.
        """
        sample = self.samples[0]
        for name in sample.inputs:
            for value in ODD:
                odd = Sample("odd", {**sample.inputs, name: value}, sample.reply)
                if wrong := callers_fault(_error_of(self, odd)):
                    yield f"{name}={value!r}: {wrong}"


def _user(content: Any) -> dict[str, Any]:
    return {"role": "user", "content": content}


def _part(**fields: Any) -> list[Any]:
    return [_user([fields])]


def _calls(*calls: Any) -> list[Any]:
    return [_user("hi"), {"role": "assistant", "content": None, "tool_calls": list(calls)}]


_CALL: Mapping[str, Any] = MappingProxyType(called(PARIS))
MESSAGES: Mapping[str, list[Any]] = MappingProxyType(
    {
        "a message that is not an object": ["hi"],
        "a message of null": [None],
        "a message without anything": [{}],
        "no role": [{"content": "hi"}],
        "a role of null": [{"role": None, "content": "hi"}],
        "a role that is a number": [{"role": 7, "content": "hi"}],
        "an unknown role": [{"role": "narrator", "content": "hi"}],
        "no content": [{"role": "user"}],
        "a content of null": [_user(None)],
        "a content that is a number": [_user(7)],
        "a content that is an object": [_user({"text": "hi"})],
        "an empty list of parts": [_user([])],
        "a part that is a string": [_user(["hi"])],
        "a part of null": [_user([None])],
        "a part without a type": _part(text="hi"),
        "a part of an unknown type": _part(type="hologram", hologram={}),
        "a part whose type is a number": _part(type=7),
        "a part without its text": _part(type="text"),
        "a part whose text is a number": _part(type="text", text=7),
        "a picture without its address": _part(type="image_url"),
        "a picture whose address is a string": _part(type="image_url", image_url="https://a.example/b.png"),
        "a picture whose address is null": _part(type="image_url", image_url={"url": None}),
        "a picture of broken data": _part(type="image_url", image_url={"url": "data:image/png"}),
        "a picture of another scheme": _part(type="image_url", image_url={"url": "file:///etc/passwd"}),
        "a sound without its data": _part(type="input_audio", input_audio={}),
        "a file without its data": _part(type="file", file=None),
        "a system message of parts": [{"role": "system", "content": [{"type": "text"}]}, _user("hi")],
        "a system message of null": [{"role": "system", "content": None}, _user("hi")],
        "a tool message without an id": [_user("hi"), {"role": "tool", "content": "18"}],
        "a tool message without a call": [_user("hi"), {"role": "tool", "tool_call_id": "gone", "content": "18"}],
        "a tool message of null": [*_calls(_CALL), {"role": "tool", "tool_call_id": PARIS.id, "content": None}],
        "a tool message of parts": [*_calls(_CALL), {"role": "tool", "tool_call_id": PARIS.id, "content": [7]}],
        "calls that are no list": [_user("hi"), {"role": "assistant", "tool_calls": "odd"}],
        "calls of null": _calls(None),
        "a call that is a string": _calls("odd"),
        "a call without a function": _calls({"id": "call_1", "type": "function"}),
        "a call whose function is null": _calls({"id": "call_1", "type": "function", "function": None}),
        "a call without a name": _calls({"id": "call_1", "type": "function", "function": {"arguments": "{}"}}),
        "a call without arguments": _calls({"id": "call_1", "type": "function", "function": {"name": "f"}}),
        "a call without an id": _calls({"type": "function", "function": {"name": "f", "arguments": "{}"}}),
        "arguments that are no JSON": _calls({**_CALL, "function": {"name": "f", "arguments": "{odd"}}),
        "arguments that are a list": _calls({**_CALL, "function": {"name": "f", "arguments": "[1]"}}),
        "arguments that are an object": _calls({**_CALL, "function": {"name": "f", "arguments": {"a": 1}}}),
        "reasoning items that are no list": [_user("hi"), {"role": "assistant", "reasoning_items": 7}],
        "reasoning items of null": [_user("hi"), {"role": "assistant", "content": "a", "reasoning_items": [None]}],
        "an unknown field": [{**_user("hi"), "x_unknown": {"a": 1}}],
    }
)
"""Mistake -> messages with it."""
TOOLS: Mapping[str, Any] = MappingProxyType(
    {
        "tools that are no list": "odd",
        "a tool of null": [None],
        "a tool that is a string": ["odd"],
        "a tool without a function": [{"type": "function"}],
        "a tool whose function is null": [{"type": "function", "function": None}],
        "a tool without a name": [{"type": "function", "function": {}}],
        "a tool whose parameters are a string": [{"type": "function", "function": {"name": "f", "parameters": "odd"}}],
        "a tool of an unknown type": [{"type": "hologram"}],
        "a tool without a type": [WEATHER_FUNCTION],
    }
)


class ChatCallChecks(InputChecks):
    """Malformed messages and tools."""

    @check
    def test_malformed_messages(self) -> Findings:
        """Each part of a message may be missing or malformed: it is passed on, or is a `BadRequestError`.

        A `KeyError` in `transform_request` is a 500 of the gateway. Check what you read, and
        `raise route.bad_request("messages", message)`, which says what is wrong and what is accepted.
        """
        for mistake, messages in MESSAGES.items():
            if wrong := callers_fault(_error_of(self, Sample("odd", {"messages": messages}, Reply("odd")))):
                yield f"{mistake}: {wrong}"

    @check
    def test_malformed_tools(self) -> Findings:
        """Each part of a tool may be missing or malformed: it is passed on, or is a `BadRequestError`.

        As for messages.
        """
        asked = {"messages": [_user("hi")]}
        for mistake, tools in TOOLS.items():
            for choice in ("auto", {"type": "function"}, {"type": "function", "function": None}, 7, {"odd": 1}):
                sample = Sample("odd", asked, Reply("odd"), {"tools": tools, "tool_choice": choice})
                if wrong := callers_fault(_error_of(self, sample)):
                    yield f"{mistake}, tool_choice {choice!r}: {wrong}"


def _error_of(case: Checks, sample: Sample) -> BaseException | None:
    try:
        case.bench.prepare(sample)
    except LLMGateError as error:
        return error
    except Exception as error:  # noqa: BLE001  # a bare error is what these checks look for
        return error
    return None
