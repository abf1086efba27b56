"""Convert a Responses call to a chat call.

Pure. Does not judge the resulting chat parameters: the chat plugin's `supports_param` does. Parameters that refer to
stored state are rejected under every policy, because without the state the model would answer another question.

Source: OpenAI API reference, `CreateResponse` and `CreateChatCompletionRequest`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from llmgate_core.bridges.chat_shapes import SHAPE_ERRORS
from llmgate_core.bridges.fields import listed, other_fields
from llmgate_core.bridges.responses_to_chat.items import chat_messages, with_one_system_message
from llmgate_core.bridges.responses_to_chat.tools import Tools
from llmgate_core.bridges.responses_to_chat.values import SOURCE
from llmgate_core.catalogue.values import shown
from llmgate_core.contract.call import Call, JsonObject, Route
from llmgate_core.contract.ledger import Ledger, LedgerEntry
from llmgate_core.endpoints.parameters import OPENAI_PARAMETERS
from llmgate_core.errors import bad_request

__all__ = ["to_chat"]

SAME_ON_CHAT = (
    "temperature",
    "top_p",
    "user",
    "metadata",
    "service_tier",
    "safety_identifier",
    "prompt_cache_key",
    "prompt_cache_retention",
    "prompt_cache_options",
    "moderation",
)
STATE: Mapping[str, str] = MappingProxyType(
    {
        "previous_response_id": "chat does not store conversations; send the complete conversation in input",
        "conversation": "chat does not store conversations; send the complete conversation in input",
        "background": "chat answers within the request; there is nothing to poll",
        "background_options": "chat answers within the request; there is nothing to poll",
        "prompt": "stored prompts exist only on the Responses API's server; send instructions and input",
        "context_management": "chat does not manage the context; shorten the input yourself",
    }
)
"""Parameter -> why it is rejected."""
MAX_TOOL_CALLS = OPENAI_PARAMETERS["responses"]["max_tool_calls"]
LOGPROBS = "message.output_text.logprobs"
ENCRYPTED = "reasoning.encrypted_content"
MAX_NAMED_FIELDS = 20
CONVERTED = frozenset(
    {
        *SAME_ON_CHAT,
        *STATE,
        "model",
        "input",
        "instructions",
        "tools",
        "tool_choice",
        "parallel_tool_calls",
        "max_output_tokens",
        "reasoning",
        "text",
        "include",
        "top_logprobs",
        "stream",
        "stream_options",
        "store",
        "truncation",
        "max_tool_calls",
        "access_programs",
        "image",
    }
)
"""All documented parameters; any other is the caller's own and is forwarded."""


def to_chat(call: Call, route: Route, *, merge_system: bool = False) -> tuple[Call, tuple[LedgerEntry, ...]]:
    """Return the chat call for `call`, and the ledger entries of the conversion.

    Args:
        call: the Responses call.
        route: its route.
        merge_system: merge all system and developer messages into one at the start, for upstreams that require it.

    A parameter that the Responses API does not document is sent unchanged and wins over a converted one.

    Raises:
        BadRequestError: the request is malformed.
        UnsupportedParamsError: chat has no counterpart for a parameter, and the policy is `error`; or the parameter
            refers to stored state.
    """
    ledger = Ledger(route, SOURCE)
    try:
        body, left_out = _chat_body(call, route, ledger, merge_system=merge_system)
    except SHAPE_ERRORS as error:
        raise bad_request(None, f"the request is malformed: {error}"[:500]) from error
    first = Ledger(route, SOURCE)
    without = f" without {listed(left_out)}, which chat does not need" if left_out else ""
    first.bridged("input", f"converted to a chat call{without}, and its completion to a response")
    return replace(call, family="chat", body=body), first.entries + ledger.entries


def _chat_body(call: Call, route: Route, ledger: Ledger, *, merge_system: bool) -> tuple[JsonObject, dict[str, None]]:
    """Return the chat body, and the names of fields of the input that it can do without."""
    body = call.body
    _refuse_state(body, ledger)
    tools = Tools(body, route, ledger)
    left_out: dict[str, None] = {}
    messages = chat_messages(body, tools, route.provider, ledger, left_out)
    if merge_system:
        merged = with_one_system_message(messages)
        if merged is not messages:
            ledger.bridged("input", "system and developer messages were merged into one at the start")
            messages = merged
    chat: JsonObject = {"messages": messages}
    chat.update((name, body[name]) for name in SAME_ON_CHAT if body.get(name) is not None)
    if chat.get("service_tier") == "ultrafast" and not ledger.forwards("service_tier", "chat has no tier 'ultrafast'"):
        del chat["service_tier"]
    tools.add_to(chat, body)
    _add_limits(chat, body, route, ledger)
    _add_reasoning(chat, body.get("reasoning"), ledger)
    _add_text(chat, body.get("text"), ledger)
    _add_logprobs(chat, body, ledger)
    _add_stream(chat, body, ledger, stream=call.stream)
    _record_dropped(body, ledger)
    chat.update((name, value) for name, value in body.items() if name not in CONVERTED)
    return chat, left_out


def _refuse_state(body: JsonObject, ledger: Ledger) -> None:
    for name, reason in STATE.items():
        if body.get(name):
            raise ledger.refuse(name, f"this upstream has only chat: {reason}")


def _add_limits(chat: JsonObject, body: JsonObject, route: Route, ledger: Ledger) -> None:
    limit = body.get("max_output_tokens")
    if limit is None:
        return
    param = ((route.facts or {}).get("params") or {}).get("max_tokens_param")
    name = "max_completion_tokens" if param == "max_completion_tokens" else "max_tokens"
    chat[name] = limit
    ledger.bridged("max_output_tokens", f"sent as {name}")


def _add_reasoning(chat: JsonObject, reasoning: Any, ledger: Ledger) -> None:
    if reasoning is None:
        return
    if not isinstance(reasoning, Mapping):
        raise bad_request("reasoning", f"reasoning must be an object, not {type(reasoning).__name__}")
    for name in list(other_fields(reasoning, {"effort"}))[:MAX_NAMED_FIELDS]:
        ledger.lost(f"reasoning.{name!s:.40}", "chat has only the effort")
    if reasoning.get("effort") is not None:
        chat["reasoning_effort"] = reasoning["effort"]


def _add_text(chat: JsonObject, text: Any, ledger: Ledger) -> None:
    if text is None:
        return
    if not isinstance(text, Mapping):
        raise bad_request("text", f"text must be an object, not {type(text).__name__}")
    if text.get("verbosity") is not None:
        chat["verbosity"] = text["verbosity"]
    form = text.get("format")
    if form is not None and not isinstance(form, Mapping):
        raise bad_request("text", f"text.format must be an object, not {type(form).__name__}")
    if form is not None:
        chat["response_format"] = _response_format(form)
    for name in list(other_fields(text, {"format", "verbosity"}))[:MAX_NAMED_FIELDS]:
        ledger.lost(f"text.{name!s:.40}", "chat has only the format and the verbosity")


def _response_format(format: Mapping[str, Any]) -> JsonObject:
    if format.get("type") != "json_schema" or "json_schema" in format:
        return dict(format)
    inside = {name: value for name, value in format.items() if name != "type" and value is not None}
    return {"type": "json_schema", "json_schema": inside}


def _add_logprobs(chat: JsonObject, body: JsonObject, ledger: Ledger) -> None:
    include = body.get("include") or ()
    if not isinstance(include, (list, tuple)):
        raise bad_request("include", f"include must be a list, not {type(include).__name__}")
    for value in include:
        if value == ENCRYPTED:
            ledger.bridged("include", "a response always has the signed reasoning of models that sign it")
        elif value != LOGPROBS:
            ledger.lost("include", f"chat has no {value!r:.80}")
    count = body.get("top_logprobs")
    if LOGPROBS in include or count:
        chat["logprobs"] = True
        if count is not None:
            chat["top_logprobs"] = count
    elif count is not None:
        ledger.dropped("top_logprobs", "no log probabilities are requested")


def _add_stream(chat: JsonObject, body: JsonObject, ledger: Ledger, *, stream: bool) -> None:
    """Request the usage too: the last event of a Responses stream must have it."""
    options = body.get("stream_options")
    if stream:
        chat["stream"] = True
        chat["stream_options"] = {**(options or {}), "include_usage": True}
        if options is not None:
            ledger.bridged("stream_options", "the usage is requested too, for the last event of the stream")
        return
    if body.get("stream") is not None:
        chat["stream"] = body["stream"]
    if options is not None:
        ledger.dropped("stream_options", "has no meaning without stream")


def _record_dropped(body: JsonObject, ledger: Ledger) -> None:
    for name in STATE:  # only neutral values get here: `_refuse_state` has rejected others
        if body.get(name) is not None:
            ledger.dropped(name, "chat does this by default")
    if body.get("store"):
        ledger.lost("store", "nothing is stored; the response has store: false")
    elif body.get("store") is not None:
        ledger.dropped("store", "nothing is stored anyway")
    if body.get("truncation") == "auto":
        ledger.lost("truncation", "chat does not shorten the input")
    elif body.get("truncation") is not None:
        ledger.dropped("truncation", "chat never shortens the input")
    if (most := body.get("max_tool_calls")) is not None:
        if not MAX_TOOL_CALLS.allows(most):
            raise bad_request("max_tool_calls", f"max_tool_calls must be {MAX_TOOL_CALLS}, not {shown(most)}")
        ledger.lost("max_tool_calls", "it limits built-in tools, which chat does not have")
    for name in ("access_programs", "image"):
        if body.get(name) is not None:
            ledger.unsupported(name, "chat has no counterpart")
