"""Convert a complete chat completion to a Response.

Pure. Never invents what the upstream did not send, and never presents a completion without a choice as an empty one.

Source: OpenAI API reference, `CreateChatCompletionResponse` and `Response`.
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
    "record_finish_reason",
    "record_lost_fields",
    "record_lost_logprobs",
    "record_without_text",
    "response_object",
]

WITHOUT_ITEM = ("audio", "images")
NO_TEXT = "the response has no text to attach them to"


def response_object(call: Call, route: Route, answer: JsonObject) -> Converted:
    """Return the Response for `answer`, a canonical chat completion.

    Raises:
        APIResponseValidationError: the answer has no choice or does not have the documented shape.
    """
    choices = answer.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], Mapping):
        raise no_choice(route)
    try:
        return _convert(call, route, answer, choices)
    except SHAPE_ERRORS as error:
        raise misshapen(route, error) from error


def _convert(call: Call, route: Route, answer: JsonObject, choices: list[Any]) -> Converted:
    ledger = Ledger(route, SOURCE)
    if len(choices) > 1:
        ledger.lost("n", "a response has a single answer: the first choice")
    choice = choices[0]
    record_finish_reason(choice.get("finish_reason"), ledger)
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
    """Set the usage; a response without usage gets no such field, never zeros."""
    if usage is None:
        del response["usage"]
    else:
        response["usage"] = usage


def record_finish_reason(finish_reason: Any, ledger: Ledger) -> None:
    """Record a finish_reason that chat does not document and that is treated as `stop`."""
    if finish_reason not in (None, "stop", "length", "tool_calls", "function_call", "content_filter"):
        ledger.emulated("finish_reason", f"{finish_reason!r:.80} is not one of chat's; treated as 'stop'")


def record_lost_fields(message: Mapping[str, Any], ledger: Ledger) -> None:
    """Record the message fields for which a response has no item."""
    for name in WITHOUT_ITEM:
        if message.get(name):
            ledger.lost(f"message.{name}", "a bridged response has no item for it")


def record_lost_logprobs(logprobs: Any, ledger: Ledger) -> None:
    """Record log probabilities that a response cannot contain."""
    if isinstance(logprobs, Mapping) and logprobs.get("refusal"):
        ledger.lost("logprobs", "a response has no log probabilities of a refusal")


def record_without_text(annotations: Any, logprobs: Any, ledger: Ledger) -> None:
    """Record annotations and log probabilities of a response that has no text."""
    if annotations:
        ledger.lost("annotations", NO_TEXT)
    if logprobs:
        ledger.lost("logprobs", NO_TEXT)


def _output(choice: Mapping[str, Any], ids: Ids, names: ToolNames, ledger: Ledger) -> list[JsonObject]:
    message: Mapping[str, Any] = choice.get("message") or {}
    record_lost_fields(message, ledger)
    record_lost_logprobs(choice.get("logprobs"), ledger)
    reasoning, content, refusal = text_of(message)
    if not content:
        record_without_text(message.get("annotations"), logprobs_of(choice.get("logprobs")), ledger)
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
        flat = annotation_of(annotation)
        if flat is None:
            ledger.lost("annotations", "the Responses API does not have this type")
        else:
            annotations.append(flat)
    return text_part(content, annotations, logprobs_of(logprobs))


def _calls(message: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the tool calls, including a legacy function_call."""
    legacy = message.get("function_call")
    return [*(message.get("tool_calls") or ()), *([{"function": legacy}] if legacy else ())]
