"""Turn a Responses call into a chat call.

Pure. Does not judge the chat parameters it makes: that is the chat plugin's `supports_param`. State that only a
Responses API keeps is refused under every policy, since without it the answer would be to another question.

Source: OpenAPI 2.3.0, `CreateResponse` and `CreateChatCompletionRequest`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from llmgate_core.bridges.responses_to_chat.items import chat_messages, with_one_system_message
from llmgate_core.bridges.responses_to_chat.shapes import SHAPE_ERRORS, SOURCE, malformed
from llmgate_core.bridges.responses_to_chat.tools import Tools
from llmgate_core.contract.call import Call, JsonObject, Route
from llmgate_core.contract.ledger import Ledger, LedgerEntry

__all__ = ["to_chat"]

SAME = (
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
        "previous_response_id": "the conversation so far is not kept; send it whole in input",
        "conversation": "no conversation is kept; send it whole in input",
        "background": "chat answers in the same request; nothing can be polled for",
        "background_options": "chat answers in the same request; nothing can be polled for",
        "prompt": "stored prompts stand on the Responses API's own server; send instructions and input",
        "context_management": "chat does not manage the context; shorten input yourself",
    }
)
"""Parameter -> why it is refused."""
REASONING_LOST = ("summary", "generate_summary", "mode", "context")
LOGPROBS = "message.output_text.logprobs"
CONVERTED = frozenset(
    {
        *SAME,
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
"""Everything that the endpoint documents; any other name is the caller's own and forwarded."""


def to_chat(call: Call, route: Route, *, merge_system: bool = False) -> tuple[Call, tuple[LedgerEntry, ...]]:
    """Return the chat call that stands for `call`, and what its conversion did.

    `merge_system` puts all system and developer messages into one that leads, for upstreams that insist on it.
    A name that the Responses API does not know goes out as it is and wins over what was converted.

    Raises:
        BadRequestError: the request is not what the endpoint describes.
        UnsupportedParamsError: it needs what chat cannot give, by the policy of the route.
    """
    ledger = Ledger(route, SOURCE)
    try:
        body = _chat_body(call, route, ledger, merge_system=merge_system)
    except SHAPE_ERRORS as error:
        raise malformed(None, f"the request is not shaped as the endpoint describes: {error}"[:500]) from error
    return replace(call, family="chat", body=body), ledger.entries


def _chat_body(call: Call, route: Route, ledger: Ledger, *, merge_system: bool) -> JsonObject:
    body = call.body
    _refuse_state(body, ledger)
    ledger.bridged("input", "converted to a chat call, its answer back to a response")
    tools = Tools(body, route, ledger)
    messages = chat_messages(body, tools, ledger)
    if merge_system:
        merged = with_one_system_message(messages)
        if merged is not messages:
            ledger.bridged("input", "system and developer messages were merged into one that leads")
            messages = merged
    chat: JsonObject = {"messages": messages}
    chat.update((name, body[name]) for name in SAME if body.get(name) is not None)
    if chat.get("service_tier") == "ultrafast" and not ledger.forwards("service_tier", "chat has no tier 'ultrafast'"):
        del chat["service_tier"]
    tools.into(chat, body)
    _add_limits(chat, body, route, ledger)
    _add_reasoning(chat, body.get("reasoning"), ledger)
    _add_text(chat, body.get("text"))
    _add_logprobs(chat, body, ledger)
    _add_stream(chat, body, ledger, stream=call.stream)
    _note_left_out(body, ledger)
    chat.update((name, value) for name, value in body.items() if name not in CONVERTED)
    return chat


def _refuse_state(body: JsonObject, ledger: Ledger) -> None:
    for name, reason in STATE.items():
        if body.get(name):
            raise ledger.refuse(name, f"this upstream knows only chat: {reason}")


def _add_limits(chat: JsonObject, body: JsonObject, route: Route, ledger: Ledger) -> None:
    limit = body.get("max_output_tokens")
    if limit is None:
        return
    known = ((route.facts or {}).get("params") or {}).get("max_tokens_param")
    name = "max_completion_tokens" if known == "max_completion_tokens" else "max_tokens"
    chat[name] = limit
    ledger.bridged("max_output_tokens", f"chat calls it {name}")


def _add_reasoning(chat: JsonObject, reasoning: Any, ledger: Ledger) -> None:
    if reasoning is None:
        return
    if not isinstance(reasoning, Mapping):
        raise malformed("reasoning", f"must be an object, not {type(reasoning).__name__}")
    for name in REASONING_LOST:
        if reasoning.get(name) is not None:
            ledger.lost(f"reasoning.{name}", "chat takes the effort alone")
    if reasoning.get("effort") is not None:
        chat["reasoning_effort"] = reasoning["effort"]


def _add_text(chat: JsonObject, text: Any) -> None:
    if text is None:
        return
    if not isinstance(text, Mapping):
        raise malformed("text", f"must be an object, not {type(text).__name__}")
    if text.get("verbosity") is not None:
        chat["verbosity"] = text["verbosity"]
    if isinstance(text.get("format"), Mapping):
        chat["response_format"] = _response_format(text["format"])


def _response_format(format: Mapping[str, Any]) -> JsonObject:
    if format.get("type") != "json_schema" or "json_schema" in format:
        return dict(format)
    inside = {name: value for name, value in format.items() if name != "type" and value is not None}
    return {"type": "json_schema", "json_schema": inside}


def _add_logprobs(chat: JsonObject, body: JsonObject, ledger: Ledger) -> None:
    include = body.get("include") or ()
    if not isinstance(include, (list, tuple)):
        raise malformed("include", f"must be a list, not {type(include).__name__}")
    for value in include:
        if value != LOGPROBS:
            ledger.lost("include", f"chat has no {value!r:.80}")
    count = body.get("top_logprobs")
    if LOGPROBS in include or count:
        chat["logprobs"] = True
        if count is not None:
            chat["top_logprobs"] = count
    elif count is not None:
        ledger.dropped("top_logprobs", "no log probabilities are asked for")


def _add_stream(chat: JsonObject, body: JsonObject, ledger: Ledger, *, stream: bool) -> None:
    """Ask for the usage too: the event that ends a Responses stream must have it."""
    options = body.get("stream_options")
    if stream:
        chat["stream"] = True
        chat["stream_options"] = {**(options or {}), "include_usage": True}
        if options is not None:
            ledger.bridged("stream_options", "the usage is asked for too: the event that ends the stream has it")
        return
    if body.get("stream") is not None:
        chat["stream"] = body["stream"]
    if options is not None:
        ledger.dropped("stream_options", "says nothing without stream")


def _note_left_out(body: JsonObject, ledger: Ledger) -> None:
    for name in STATE:  # a value that asks for none, or it was refused before
        if body.get(name) is not None:
            ledger.dropped(name, "this value is what chat does by itself")
    if body.get("store"):
        ledger.lost("store", "nothing is stored; the response says store: false")
    elif body.get("store") is not None:
        ledger.dropped("store", "nothing is stored anyway")
    if body.get("truncation") == "auto":
        ledger.lost("truncation", "chat does not shorten the input")
    elif body.get("truncation") is not None:
        ledger.dropped("truncation", "chat never shortens the input")
    if body.get("max_tool_calls") is not None:
        ledger.lost("max_tool_calls", "it limits built-in tools, which chat does not have")
    for name in ("access_programs", "image"):
        if body.get(name) is not None:
            ledger.unsupported(name, "chat has nothing like it")
