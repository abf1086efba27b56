"""What a chat becomes: bodies that the types of Anthropic's SDK allow, and the entries of the ledger."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from functools import cache
from typing import Any

import pytest
from anthropic.types import MessageCountTokensParams
from anthropic.types.beta.message_create_params import MessageCreateParamsNonStreaming as BetaParams
from anthropic.types.message_create_params import MessageCreateParamsNonStreaming as Params
from llmgate_anthropic.wire import count_body, take_betas
from pydantic import BaseModel, TypeAdapter

from tests.support.anthropic_calls import NEWEST, OLDER, call_of, route_of, sent

GONE = ("temperature", "top_p", "top_k")
"""Parameters that older models take, and that the types of the SDK have no longer."""

PICTURE = "data:image/png;base64,iVBORw0KGgo="
TOOL = {"type": "function", "function": {"name": "look", "description": "Looks.", "parameters": {"type": "object"}}}
CALL = {"id": "toolu_1", "type": "function", "function": {"name": "look", "arguments": '{"at":"it"}'}}
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": False}
FORMAT = {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA}}
THOUGHT = {"type": "thinking", "thinking": "Hm.", "signature": "EqQB"}
SEALED = {"type": "redacted_thinking", "data": "Emw"}
EPHEMERAL = {"type": "ephemeral", "ttl": "1h"}
ASKED = {"role": "user", "content": "Where?"}
PLACE = {"type": "approximate", "approximate": {"country": "FR", "city": "Paris"}}


def turn(*parts: Any) -> list[Any]:
    return [{"role": "user", "content": list(parts)}]


def text(words: str, **more: Any) -> dict[str, Any]:
    return {"type": "text", "text": words, **more}


def called(**more: Any) -> list[Any]:
    said = {"role": "assistant", "content": None, "tool_calls": [CALL], **more}
    return [ASKED, said, {"role": "tool", "tool_call_id": "toolu_1", "content": "there"}]


REQUESTS: dict[str, dict[str, Any]] = {
    "text": {},
    "system": {"messages": [{"role": "system", "content": "Be kind."}, ASKED]},
    "system_parts": {"messages": [{"role": "developer", "content": [text("Be.", cache_control=EPHEMERAL)]}, ASKED]},
    "picture": {"messages": turn(text("What?"), {"type": "image_url", "image_url": {"url": PICTURE}})},
    "picture_url": {"messages": turn({"type": "image_url", "image_url": {"url": "https://e.example/a.png"}})},
    "pdf": {"messages": turn({"type": "file", "file": {"file_data": "data:application/pdf;base64,JVBERi0="}})},
    "text_file": {
        "messages": turn({"type": "file", "file": {"filename": "a.txt", "file_data": "data:text/plain;base64,aGk="}})
    },
    "file_id": {"messages": turn({"type": "file", "file": {"file_id": "file_1"}, "citations": {"enabled": True}})},
    "native_document": {
        "messages": turn({"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "x"}})
    },
    "search_result": {
        "messages": turn({"type": "search_result", "source": "https://e.example", "title": "t", "content": [text("x")]})
    },
    "tools": {"tools": [TOOL], "tool_choice": "auto"},
    "tool_without_parameters": {"tools": [{"type": "function", "function": {"name": "now"}}]},
    "strict_tool": {"tools": [{"type": "function", "function": {"name": "f", "parameters": SCHEMA, "strict": True}}]},
    "forced_tool": {"model": OLDER, "tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "look"}}},
    "any_tool": {"model": OLDER, "tools": [TOOL], "tool_choice": "required"},
    "one_call": {"tools": [TOOL], "parallel_tool_calls": False},
    "no_call": {"tools": [TOOL], "tool_choice": "none"},
    "server_tools": {"tools": [{"type": "code_execution_20260521", "name": "code_execution"}, TOOL]},
    "memory_tool": {"tools": [{"type": "memory_20250818", "name": "memory"}]},
    "search": {"web_search_options": {"search_context_size": "low", "user_location": PLACE}},
    "functions": {"functions": [TOOL["function"]], "function_call": "auto"},
    "tool_loop": {"tools": [TOOL], "messages": called()},
    "tool_loop_signed": {"tools": [TOOL], "messages": called(reasoning_items=[THOUGHT, SEALED])},
    "picture_in_result": {
        "tools": [TOOL],
        "messages": [
            *called()[:2],
            {
                "role": "tool",
                "tool_call_id": "toolu_1",
                "content": [text("here"), {"type": "image_url", "image_url": {"url": PICTURE}}],
            },
        ],
    },
    "effort": {"reasoning_effort": "high"},
    "effort_none": {"reasoning_effort": "none"},
    "effort_budget": {"model": OLDER, "reasoning_effort": "low", "max_tokens": 5_000},
    "structured": {"response_format": FORMAT},
    "structured_emulated": {"model": OLDER, "response_format": FORMAT},
    "structured_with_effort": {"response_format": FORMAT, "reasoning_effort": "low"},
    "limits": {"max_completion_tokens": 10, "stop": ["a", "b"], "user": "u-1", "service_tier": "default"},
    "sampling": {"model": OLDER, "temperature": 0.5, "top_k": 5},
    "cache": {"prompt_cache_retention": "24h", "messages": [{**ASKED, "cache_control": {"type": "ephemeral"}}]},
    "native_fields": {
        "thinking": {"type": "adaptive"},
        "output_config": {"effort": "low"},
        "inference_geo": "us",
        "container": "c_1",
    },
    "fast": {"speed": "fast"},
    "mcp": {
        "mcp_servers": [{"type": "url", "url": "https://m.example", "name": "m"}],
        "tools": [{"type": "mcp_toolset", "mcp_server_name": "m"}],
    },
    "context_management": {"context_management": {"edits": [{"type": "clear_tool_uses_20250919"}]}},
    "computer": {
        "tools": [{"type": "computer_20251124", "name": "computer", "display_height_px": 1, "display_width_px": 1}]
    },
    "later_system": {
        "messages": [ASKED, {"role": "assistant", "content": "There."}, {"role": "system", "content": "Be."}, ASKED]
    },
    "later_system_folded": {
        "model": OLDER,
        "messages": [ASKED, {"role": "assistant", "content": "There."}, {"role": "system", "content": "Be."}, ASKED],
    },
}


@cache
def adapter_of(params: Any) -> Any:
    """Return what validates by a type of the SDK: it takes a second to make."""
    return TypeAdapter(params)


def allowed(params: Any, body: dict[str, Any]) -> Any:
    """Return what a type of the SDK keeps of a body, its lazy lists read."""
    return plain(adapter_of(params).validate_python(body))


def plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(exclude_unset=True)
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    return value if isinstance(value, str) or not isinstance(value, Iterable) else [plain(item) for item in value]


def lost_of(given: Any, kept: Any, path: str = "") -> list[str]:
    """Return the paths of what the SDK's types have not kept."""
    if isinstance(given, dict) and isinstance(kept, dict):
        return [found for name, item in given.items() for found in lost_of(item, kept.get(name, ...), f"{path}.{name}")]
    if isinstance(given, list) and isinstance(kept, list) and len(given) == len(kept):
        pairs = enumerate(zip(given, kept, strict=True))
        return [found for index, pair in pairs for found in lost_of(*pair, f"{path}[{index}]")]
    return [] if given == kept else [path]


@pytest.mark.parametrize("name", REQUESTS)
def test_a_request_is_what_the_sdk_would_send(name: str) -> None:
    made = sent(**copy.deepcopy(REQUESTS[name]))
    body, betas = take_betas(made.body)
    checked = {field: value for field, value in body.items() if field not in GONE}
    assert lost_of(checked, allowed(BetaParams if betas else Params, checked)) == []


@pytest.mark.parametrize("name", REQUESTS)
def test_the_counter_gets_what_the_sdk_would_count(name: str) -> None:
    chat = {field: value for field, value in REQUESTS[name].items() if field != "model"}
    body, betas = take_betas(count_body(call_of(**chat), route_of(REQUESTS[name].get("model", NEWEST)))[0])
    if not betas:
        assert lost_of(body, allowed(MessageCountTokensParams, body)) == []
    assert "max_tokens" not in body


@pytest.mark.parametrize("name", REQUESTS)
def test_a_call_is_not_changed_and_makes_the_same_request_twice(name: str) -> None:
    given = copy.deepcopy(REQUESTS[name])
    first, second = sent(**given).body, sent(**given).body
    assert first == second
    assert given == REQUESTS[name]
