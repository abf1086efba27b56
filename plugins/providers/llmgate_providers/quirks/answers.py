"""Quirks of answers and of the chunks of streams: fields with other names, thoughts, errors inside an answer.

Pure. An edit takes a whole answer or a chunk and returns it, the same object where nothing changes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from llmgate_core.plugin import JsonObject, error_of_object
from llmgate_providers.quirks.edits import edited_list
from llmgate_providers.row import Quirk

__all__ = ["ANSWER_EDITS", "AnswerEdit"]

AnswerEdit = Callable[[JsonObject], JsonObject]
WORDS = ("message", "delta")
"""Where a choice has what the model says: of a whole answer, of a chunk."""


def _copy(quirk: Quirk) -> AnswerEdit:
    """Copy fields to where OpenAI has them, unless something is there."""
    paths = [(target.split("."), source.split(".")) for target, source in quirk.given["fields"].items()]

    def edit(answer: JsonObject) -> JsonObject:
        for target, source in paths:
            value = _at(answer, source)
            if value is not None and _at(answer, target) is None:
                answer = _with(answer, target, value)
        return answer

    return edit


def _at(value: Any, path: list[str]) -> Any:
    for name in path:
        if type(value) is not dict:
            return None
        value = value.get(name)
    return value


def _with(value: Any, path: list[str], item: Any) -> Any:
    if not path:
        return item
    old = value if isinstance(value, Mapping) else {}
    return {**old, path[0]: _with(old.get(path[0]), path[1:], item)}


def _with_words(answer: JsonObject, edit: Callable[[Mapping[str, Any]], Mapping[str, Any]]) -> JsonObject:
    """Return an answer, or a chunk, in which what each choice says is edited."""

    def edit_choice(choice: Mapping[str, Any]) -> Mapping[str, Any]:
        for name in WORDS:
            words = choice.get(name)
            if type(words) is dict and (edited := edit(words)) is not words:
                return {**choice, name: edited}
        return choice

    choices = answer.get("choices")
    edited = edited_list(choices, edit_choice)
    return answer if edited is choices else {**answer, "choices": edited}


def _name_reasoning(quirk: Quirk) -> AnswerEdit:
    field = quirk.given["field"]

    def named(words: Mapping[str, Any]) -> Mapping[str, Any]:
        thoughts = words.get(field)
        if not isinstance(thoughts, str) or words.get("reasoning_content") is not None:
            return words
        return {**words, "reasoning_content": thoughts}

    return lambda answer: _with_words(answer, named)


def _split_thinking(_quirk: Quirk) -> AnswerEdit:
    return lambda answer: _with_words(answer, _split_words)


def _split_words(words: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return words whose parts of thoughts and of text are strings; other parts stay as they are."""
    content = words.get("content")
    if not isinstance(content, list):
        return words
    thoughts = "".join(_texts(content, "thinking"))
    others = [part for part in content if not (isinstance(part, Mapping) and part.get("type") in ("thinking", "text"))]
    text = "".join(_texts(content, "text"))
    said: Any = text if not others else [it for it in content if it in others or it.get("type") == "text"]
    result = {**words, "content": said if said or not thoughts else None}
    return {**result, "reasoning_content": thoughts} if thoughts else result


def _texts(parts: list[Any], kind: str) -> list[str]:
    """Return what the parts of a kind say; a part of thoughts has a list of parts with text."""
    found: list[str] = []
    for part in parts:
        if isinstance(part, Mapping) and part.get("type") == kind:
            held = part.get(kind)
            found += _texts(held, "text") if isinstance(held, list) else [held] if isinstance(held, str) else []
    return found


def _raise_choice_errors(_quirk: Quirk) -> AnswerEdit:
    return _without_errors


def _without_errors(answer: JsonObject) -> JsonObject:
    """Return an answer as it is.

    Raises:
        APIError: one of its choices is an error.
    """
    choices = answer.get("choices")
    for choice in choices if isinstance(choices, list) else ():
        error = choice.get("error") if isinstance(choice, Mapping) else None
        if isinstance(error, Mapping) and error:
            raise error_of_object(dict(error))
    return answer


def _name_finish(_quirk: Quirk) -> AnswerEdit:
    """Say `tool_calls` where a choice calls tools and does not say why it ended."""

    def edit_choice(choice: Mapping[str, Any]) -> Mapping[str, Any]:
        calls_tools = any(isinstance(it, Mapping) and it.get("tool_calls") for it in map(choice.get, WORDS))
        is_unnamed = choice.get("finish_reason") == ""
        return {**choice, "finish_reason": "tool_calls"} if is_unnamed and calls_tools else choice

    def edit(answer: JsonObject) -> JsonObject:
        choices = answer.get("choices")
        edited = edited_list(choices, edit_choice)
        return answer if edited is choices else {**answer, "choices": edited}

    return edit


def _count_reasoning(_quirk: Quirk) -> AnswerEdit:
    """Count the tokens of thoughts as written ones, where they are only in the total."""

    def edit(answer: JsonObject) -> JsonObject:
        usage = answer.get("usage")
        thought = _at(usage, ["completion_tokens_details", "reasoning_tokens"])
        read, written, total = (_at(usage, [name]) for name in ("prompt_tokens", "completion_tokens", "total_tokens"))
        if not all(type(count) is int for count in (thought, read, written, total)) or not isinstance(usage, Mapping):
            return answer
        is_apart = thought > 0 and total == read + written + thought
        return {**answer, "usage": {**usage, "completion_tokens": written + thought}} if is_apart else answer

    return edit


def _complete_text(_quirk: Quirk) -> AnswerEdit:
    """Make a text completion of an answer whose choices are chat messages."""

    def edit_choice(choice: Mapping[str, Any]) -> Mapping[str, Any]:
        words = next((choice[name] for name in WORDS if isinstance(choice.get(name), Mapping)), None)
        if words is None or isinstance(choice.get("text"), str):
            return choice
        rest = {name: value for name, value in choice.items() if name not in WORDS}
        return {**rest, "text": words.get("content") or ""}

    def edit(answer: JsonObject) -> JsonObject:
        choices = answer.get("choices")
        edited = edited_list(choices, edit_choice)
        return answer if edited is choices else {**answer, "object": "text_completion", "choices": edited}

    return edit


ANSWER_EDITS: Mapping[str, Callable[[Quirk], AnswerEdit]] = MappingProxyType(
    {
        "copy": _copy,
        "name_reasoning": _name_reasoning,
        "split_thinking": _split_thinking,
        "raise_choice_errors": _raise_choice_errors,
        "name_finish": _name_finish,
        "count_reasoning": _count_reasoning,
        "complete_text": _complete_text,
    }
)
"""Name of a quirk -> what makes its edit."""
