"""Messages as Anthropic's API answers them: every kind of block, every reason to stop. Data."""

from __future__ import annotations

from typing import Any

__all__ = ["MESSAGES", "USAGE"]

USAGE: dict[str, Any] = {
    "input_tokens": 100,
    "cache_creation_input_tokens": 30,
    "cache_read_input_tokens": 900,
    "cache_creation": {"ephemeral_5m_input_tokens": 10, "ephemeral_1h_input_tokens": 20},
    "output_tokens": 50,
    "output_tokens_details": {"thinking_tokens": 20},
    "server_tool_use": {"web_search_requests": 2, "web_fetch_requests": 0},
    "service_tier": "standard",
    "inference_geo": "global",
}

TEXT = {"type": "text", "text": "It is there."}
THOUGHT = {"type": "thinking", "thinking": "Where may it be?", "signature": "EqQBCkYIBxgC"}
HIDDEN = {"type": "thinking", "thinking": "", "signature": "EqQBomitted"}
SEALED = {"type": "redacted_thinking", "data": "EmwKAhgBEgy3va3pzix"}
CALL = {"type": "tool_use", "id": "toolu_01", "name": "look", "input": {"at": ["it", 1, None]}}
BARE_CALL = {"type": "tool_use", "id": "toolu_02", "name": "now", "input": {}}
CALLED_BY_CODE = {**CALL, "id": "toolu_03", "caller": {"type": "code_execution_20260120", "tool_id": "srvtoolu_1"}}
SEARCH = {"type": "server_tool_use", "id": "srvtoolu_01", "name": "web_search", "input": {"query": "it"}}
FOUND = {
    "type": "web_search_tool_result",
    "tool_use_id": "srvtoolu_01",
    "content": [
        {"type": "web_search_result", "url": "https://e.example/it", "title": "It", "encrypted_content": "EqgfCio"}
    ],
}
CITED_PAGE = {
    "type": "web_search_result_location",
    "url": "https://e.example/it",
    "title": "It",
    "encrypted_index": "Eo8BCioIAhgB",
    "cited_text": "It is here.",
}
CITED_DOCUMENT = {
    "type": "char_location",
    "cited_text": "It was there.",
    "document_index": 0,
    "document_title": "Before",
    "start_char_index": 0,
    "end_char_index": 13,
}
CODE = {"type": "server_tool_use", "id": "srvtoolu_02", "name": "code_execution", "input": {"code": "1 + 1"}}
RAN = {
    "type": "code_execution_tool_result",
    "tool_use_id": "srvtoolu_02",
    "content": {"type": "code_execution_result", "stdout": "2", "stderr": "", "return_code": 0, "content": []},
}
FETCH = {"type": "server_tool_use", "id": "srvtoolu_03", "name": "web_fetch", "input": {"url": "https://e.example"}}
FETCHED = {
    "type": "web_fetch_tool_result",
    "tool_use_id": "srvtoolu_03",
    "content": {"type": "web_fetch_tool_result_error", "error_code": "url_not_accessible"},
}
BASH = {"type": "server_tool_use", "id": "srvtoolu_04", "name": "bash_code_execution", "input": {"command": "ls"}}
BASHED = {
    "type": "bash_code_execution_tool_result",
    "tool_use_id": "srvtoolu_04",
    "content": {"type": "bash_code_execution_tool_result_error", "error_code": "unavailable"},
}
EDITED = {
    "type": "text_editor_code_execution_tool_result",
    "tool_use_id": "srvtoolu_05",
    "content": {"type": "text_editor_code_execution_create_result", "is_file_update": False},
}
SOUGHT = {
    "type": "tool_search_tool_result",
    "tool_use_id": "srvtoolu_06",
    "content": {"type": "tool_search_tool_search_result", "tool_references": []},
}
UPLOAD = {"type": "container_upload", "file_id": "file_01"}
REFUSAL = {"type": "refusal", "category": "cyber", "explanation": "That may harm people."}


def _message(*content: dict[str, Any], stop: str = "end_turn", **fields: Any) -> dict[str, Any]:
    return {
        "id": "msg_01",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-5-5",
        "content": list(content),
        "stop_reason": stop,
        "stop_sequence": None,
        "usage": USAGE,
        **fields,
    }


def _cited(text: str, *citations: dict[str, Any]) -> dict[str, Any]:
    return {"type": "text", "text": text, "citations": list(citations)}


MESSAGES: dict[str, dict[str, Any]] = {
    "text": _message(TEXT),
    "texts": _message(TEXT, {"type": "text", "text": " Or here."}),
    "empty": _message(),
    "thought": _message(THOUGHT, TEXT),
    "hidden_thought": _message(HIDDEN, TEXT),
    "sealed_thought": _message(SEALED, THOUGHT, TEXT),
    "call": _message(CALL, stop="tool_use"),
    "thought_and_call": _message(THOUGHT, TEXT, CALL, stop="tool_use"),
    "calls": _message(CALL, BARE_CALL, stop="tool_use"),
    "call_by_code": _message(
        CODE, CALLED_BY_CODE, stop="tool_use", container={"id": "c_1", "expires_at": "2026-11-28T00:00:00Z"}
    ),
    "interleaved": _message(THOUGHT, TEXT, SEALED, CALL, stop="tool_use"),
    "search": _message(TEXT, SEARCH, FOUND, _cited("It is here", CITED_PAGE), {"type": "text", "text": ", they say."}),
    "citation": _message(_cited("It was there.", CITED_DOCUMENT)),
    "code": _message(CODE, RAN, TEXT),
    "fetch": _message(FETCH, FETCHED, TEXT),
    "bash": _message(BASH, BASHED, TEXT),
    "other_results": _message(EDITED, SOUGHT, UPLOAD, TEXT),
    "paused": _message(SEARCH, stop="pause_turn"),
    "refused": _message(stop="refusal", stop_details=REFUSAL),
    "refused_late": _message(TEXT, stop="refusal", stop_details=REFUSAL),
    "cut": _message(TEXT, stop="max_tokens"),
    "window": _message(TEXT, stop="model_context_window_exceeded"),
    "sequence": _message(TEXT, stop="stop_sequence", stop_sequence="END"),
}
