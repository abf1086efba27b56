"""Turn a whole chat completion into a Response.

Pure. Never makes up what the upstream did not say, and never passes an answer without a choice off as an empty one.

Source: OpenAPI 2.3.0, `CreateChatCompletionResponse` and `Response`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmgate_core.bridges.responses_to_chat.output import (
    Ids,
    annotation_of,
    call_item,
    call_parts,
    echo,
    logprobs_of,
    message_item,
    outcome_of,
    reasoning_item,
    service_tier_of,
    text_of,
    text_part,
    usage_of,
    with_cut_item,
)
from llmgate_core.bridges.responses_to_chat.shapes import SHAPE_ERRORS, SOURCE, misshapen, no_choice
from llmgate_core.bridges.responses_to_chat.tools import ToolNames
from llmgate_core.contract.call import Call, JsonObject, Route
from llmgate_core.contract.ledger import Ledger
from llmgate_core.contract.upstream import Converted

__all__ = [
    "SHAPE_ERRORS",
    "finish_usage",
    "misshapen",
    "no_choice",
    "note_finish_reason",
    "note_lost_fields",
    "note_lost_logprobs",
    "note_without_text",
    "response_object",
]

WITHOUT_FORM = ("audio", "images")
NO_TEXT = "no text came that they could stand at"


def response_object(call: Call, route: Route, answer: JsonObject) -> Converted:
    """Return the Response that `answer`, a canonical chat completion, makes of the Responses call.

    Raises:
        APIResponseValidationError: the answer has no choice, or is not shaped as chat promises.
    """
    choices = answer.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], Mapping):
        raise no_choice(route)
    try:
        return _converted(call, route, answer, choices)
    except SHAPE_ERRORS as error:
        raise misshapen(route, error) from error


def _converted(call: Call, route: Route, answer: JsonObject, choices: list[Any]) -> Converted:
    ledger = Ledger(route, SOURCE)
    if len(choices) > 1:
        ledger.lost("n", "a response holds one answer; the first was taken")
    choice = choices[0]
    note_finish_reason(choice.get("finish_reason"), ledger)
    status, details = outcome_of(choice.get("finish_reason"))
    ids = Ids(answer.get("id"))
    response = echo(call, route)
    response["id"] = ids.response
    response["created_at"] = answer.get("created") or 0
    response["status"] = status
    response["incomplete_details"] = details
    response["model"] = answer.get("model") or route.model
    response["output"] = with_cut_item(_output(choice, ids, ToolNames(call.body.get("tools")), ledger), status)
    response["service_tier"] = service_tier_of(answer.get("service_tier"))
    finish_usage(response, usage_of(answer.get("usage")))
    return Converted(response, ledger.entries)


def finish_usage(response: JsonObject, usage: JsonObject | None) -> None:
    """Set the usage; a finished response without one has no such field, never zeros."""
    if usage is None:
        del response["usage"]
    else:
        response["usage"] = usage


def note_finish_reason(finish_reason: Any, ledger: Ledger) -> None:
    """Note a finish_reason that chat does not have and that is taken for an end of its own accord."""
    if finish_reason not in (None, "stop", "length", "tool_calls", "function_call", "content_filter"):
        ledger.emulated("finish_reason", f"{finish_reason!r:.80} is not one of chat's; taken as 'stop'")


def note_lost_fields(message: Mapping[str, Any], ledger: Ledger) -> None:
    """Note what a message holds and a response has no item for."""
    for name in WITHOUT_FORM:
        if message.get(name):
            ledger.lost(f"message.{name}", "a response that comes from chat has no item for it")


def note_lost_logprobs(logprobs: Any, ledger: Ledger) -> None:
    """Note log probabilities that a response has no place for."""
    if isinstance(logprobs, Mapping) and logprobs.get("refusal"):
        ledger.lost("logprobs", "a response has none of a refusal")


def note_without_text(annotations: Any, logprobs: Any, ledger: Ledger) -> None:
    """Note what came without the text that it is about."""
    if annotations:
        ledger.lost("annotations", NO_TEXT)
    if logprobs:
        ledger.lost("logprobs", NO_TEXT)


def _output(choice: Mapping[str, Any], ids: Ids, names: ToolNames, ledger: Ledger) -> list[JsonObject]:
    message: Mapping[str, Any] = choice.get("message") or {}
    note_lost_fields(message, ledger)
    note_lost_logprobs(choice.get("logprobs"), ledger)
    reasoning, content, refusal = text_of(message)
    if not content:
        note_without_text(message.get("annotations"), logprobs_of(choice.get("logprobs")), ledger)
    output: list[JsonObject] = []
    if reasoning:
        output.append(reasoning_item(ids.item("rs", 0), reasoning))
    if content or refusal:
        parts = [_text_part(content, message, choice.get("logprobs"), ledger)] if content else []
        if refusal:
            parts.append({"type": "refusal", "refusal": refusal})
        output.append(message_item(ids.item("msg", len(output)), parts))
    for call in _calls(message):
        name, arguments = call_parts(call)
        is_custom = bool(call.get("custom"))
        index = len(output)
        output.append(
            call_item(names, ids, index, call_id=call.get("id"), name=name, arguments=arguments, is_custom=is_custom)
        )
    return output


def _text_part(content: str, message: Mapping[str, Any], logprobs: Any, ledger: Ledger) -> JsonObject:
    annotations = []
    for annotation in message.get("annotations") or ():
        made = annotation_of(annotation)
        if made is None:
            ledger.lost("annotations", "a kind that the Responses API does not have")
        else:
            annotations.append(made)
    return text_part(content, annotations, logprobs_of(logprobs))


def _calls(message: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the tool calls, one in the form before tools among them."""
    legacy = message.get("function_call")
    return [*(message.get("tool_calls") or ()), *([{"function": legacy}] if legacy else ())]
