"""A chat call as the body of Converse, which ConverseStream takes as well.

Pure; does not modify the call. What has no counterpart is refused or recorded, by the caller's policy.

Source: service model `bedrock-runtime`, `ConverseRequest`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmgate_bedrock.converse.messages import Conversation
from llmgate_bedrock.converse.names import names_of
from llmgate_bedrock.converse.params import CHAT, CONVERTED, OWN_FIELDS, REFUSED
from llmgate_bedrock.converse.tools import tool_config
from llmgate_bedrock.json_text import json_of
from llmgate_bedrock.model_ids import ModelId
from llmgate_bedrock.reasoning import MIN_BUDGET, reasoning_fields, reasoning_row
from llmgate_core.plugin import (
    Call,
    JsonObject,
    Ledger,
    Route,
    effort_of,
    given_object,
    given_string,
)

__all__ = ["converse_body"]

MORE = "additionalModelRequestFields"
EFFORT = "reasoning_effort"
LIMITS = ("max_completion_tokens", "max_tokens")
INFERENCE = (("temperature", "temperature"), ("top_p", "topP"))


def converse_body(call: Call, route: Route, model: ModelId, ledger: Ledger) -> JsonObject:
    """Return the body of Converse.

    Raises:
        BadRequestError: the call is malformed. UnsupportedParamsError: a part of it has no counterpart, and the policy
            is `error`.
    """
    given = {name: value for name, value in call.body.items() if value is not None}
    names = names_of(given)
    if names.renamed:
        ledger.bridged("tools", "names of tools have other characters at Bedrock: they are replaced, and back")
    conversation = Conversation(route, names, ledger)
    conversation.add_all(given.get("messages"))
    body: JsonObject = {"messages": conversation.turns}
    if conversation.system:
        body["system"] = conversation.system
    body |= tool_config(given, conversation, names, route, ledger)
    body |= {name: given[name] for name in OWN_FIELDS if name in given}
    _merge(body, "inferenceConfig", _inference(given), route)
    _merge(body, "outputConfig", _output(given, route), route)
    body |= _tier_and_metadata(given, body)
    more = _unknown(given)
    more |= _reasoning(given, model, body, route, ledger)
    more |= _one_call_at_most(given, model, body)
    _merge(body, MORE, more, route)
    return body


def _merge(body: JsonObject, name: str, fields: JsonObject, route: Route) -> None:
    """Add fields to an object that the caller may have given under Converse's own name; the caller's own win."""
    own = body.get(name, {})
    if not isinstance(own, Mapping):
        raise route.bad_request(name, f"{name} must be an object, not {type(own).__name__}")
    if fields or own:
        body[name] = {**fields, **own}


def _inference(given: Mapping[str, Any]) -> JsonObject:
    fields: JsonObject = {theirs: given[ours] for ours, theirs in INFERENCE if ours in given}
    limit = next((given[name] for name in LIMITS if name in given), None)
    if limit is not None:
        fields["maxTokens"] = limit
    if stop := given.get("stop"):
        fields["stopSequences"] = [stop] if isinstance(stop, str) else stop
    return fields


def _output(given: Mapping[str, Any], route: Route) -> JsonObject:
    """Return the schema of `response_format` as Converse has it: as a string."""
    wished = given.get("response_format")
    if not isinstance(wished, Mapping) or wished.get("type") != "json_schema":
        return {}
    described = given_object(wished, "json_schema", route, "response_format")
    described_schema = given_object(described, "schema", route, "response_format")
    schema: JsonObject = {"schema": json_of(described_schema, "response_format", route).decode()}
    for name in ("name", "description"):
        if described.get(name) is not None:
            schema[name] = given_string(described, name, route, "response_format")
    return {"textFormat": {"type": "json_schema", "structure": {"jsonSchema": schema}}}


def _tier_and_metadata(given: Mapping[str, Any], body: Mapping[str, Any]) -> JsonObject:
    fields: JsonObject = {}
    tier = given.get("service_tier")
    if tier not in (None, "auto") and "serviceTier" not in body:
        fields["serviceTier"] = {"type": tier}
    if given.get("metadata") and "requestMetadata" not in body:
        fields["requestMetadata"] = given["metadata"]
    return fields


def _unknown(given: Mapping[str, Any]) -> JsonObject:
    """Return what only the model knows: the caller's parameters that neither chat nor Converse has.

    What the caller's policy forwards is among them; null and values that ask for nothing are not.
    """
    fields = {name: value for name, value in given.items() if name not in CONVERTED and name not in OWN_FIELDS}
    fields = {name: value for name, value in fields.items() if name not in REFUSED or not CHAT[name].is_neutral(value)}
    wished = given.get("response_format")
    if wished is not None and not (isinstance(wished, Mapping) and wished.get("type") in ("json_schema", "text")):
        fields["response_format"] = wished
    return fields


def _reasoning(given: Mapping[str, Any], model: ModelId, body: JsonObject, route: Route, ledger: Ledger) -> JsonObject:
    """Return the model's fields for an effort, and put it into Converse's own field where that has it."""
    if EFFORT not in given or "thinking" in given or "reasoningConfig" in given:
        return {}
    wished = given[EFFORT]
    effort, row = effort_of(wished), reasoning_row(model.base)
    if isinstance(wished, Mapping) and any(value is not None for name, value in wished.items() if name != "effort"):
        ledger.dropped(EFFORT, "Bedrock takes the effort alone, and summarizes thoughts by itself")
    if row is None or not isinstance(effort, str) or (effort != "none" and effort not in row.efforts):
        return {EFFORT: wished}  # forwarded by the caller's policy
    if effort == "none" and row.always:
        return {EFFORT: wished}
    fields, own = reasoning_fields(row, effort)
    if own is not None:
        _merge(body, "outputConfig", {"effort": own}, route)
    if row.style == "budget" and fields:
        _fit_budget(fields["thinking"], body, ledger)
    if effort != (own or effort):
        ledger.bridged(EFFORT, f"this model has no effort {effort}: {own} is the nearest")
    return fields


def _fit_budget(thinking: JsonObject, body: JsonObject, ledger: Ledger) -> None:
    """Keep the budget below the limit of tokens, of which it is a part."""
    limit = body.get("inferenceConfig", {}).get("maxTokens")
    if not isinstance(limit, int) or limit > thinking["budget_tokens"]:
        return
    if limit > MIN_BUDGET:
        ledger.bridged(EFFORT, "the budget for thoughts is cut to what the limit of tokens leaves")
        thinking["budget_tokens"] = limit - 1
        return
    ledger.unsupported(EFFORT, f"thoughts need at least {MIN_BUDGET} tokens, and the limit of tokens leaves fewer")
    thinking.clear()
    thinking["type"] = "disabled"


def _one_call_at_most(given: Mapping[str, Any], model: ModelId, body: JsonObject) -> JsonObject:
    """Return Claude's own choice of tools, which alone can keep it from several calls at once."""
    config = body.get("toolConfig")
    if given.get("parallel_tool_calls") is not False or config is None:
        return {}
    if not model.base.startswith("anthropic."):
        return {"parallel_tool_calls": False}
    choice = config.pop("toolChoice", None) or {"auto": {}}
    kind, chosen = next(iter(choice.items()))
    return {"tool_choice": {"type": kind, **chosen, "disable_parallel_tool_use": True}}
