"""Carry thought signatures through chat messages: what the model has signed must come back on the same part.

Pure. A signature of a function call is in `tool_calls[].extra_content.google.thought_signature`, where Google's own
OpenAI-compatible API has it, and if the provider option says so also in the id of the call, for clients that drop
unknown fields. Everything else that has to come back is a reasoning item:

    {"type": "google_part", "at": [characters, calls], "part": {...}}         a part that chat has no field for
    {"type": "google_text", "at": [characters, calls], "length": n, "thought_signature": "..."}

`at` is how much of the content and how many calls came before.

Source: https://ai.google.dev/gemini-api/docs/thought-signatures, 2026-11-28; BerriAI/litellm#16893 and #25322.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from llmgate_core.plugin import JsonObject

__all__ = [
    "DUMMY",
    "carried_in_id",
    "has_signatures",
    "part_item",
    "plain_id",
    "signature_of_call",
    "signed_call",
    "text_item",
    "with_dummies",
]

DUMMY = "c2tpcF90aG91Z2h0X3NpZ25hdHVyZV92YWxpZGF0b3I="
"""`skip_thought_signature_validator` in base64: what Google documents for calls that another model has made."""
MARK = "~sig~"
MARKS = (MARK, "__thought__")
"""What is between an id and its signature: ours, and LiteLLM's, whose histories are recognized too."""
BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}")
_TO_ID, _FROM_ID = str.maketrans("+/=", "-_."), str.maketrans("-_.", "+/=")


def signed_call(call: JsonObject, signature: str, *, in_id: bool) -> JsonObject:
    """Return a tool call that carries its signature; without one, the call as it is."""
    if not signature:
        return call
    if in_id and BASE64.fullmatch(signature):
        call = {**call, "id": f"{call['id']}{MARK}{signature.translate(_TO_ID)}"}
    return {**call, "extra_content": {"google": {"thought_signature": signature}}}


def plain_id(call_id: str) -> str:
    """Return the id of a call without a signature in it."""
    for mark in MARKS:
        call_id = call_id.partition(mark)[0] or call_id
    return call_id


def carried_in_id(call_id: str) -> str | None:
    """Return the signature in the id of a call; None: there is none."""
    for mark in MARKS:
        _, found, carried = call_id.partition(mark)
        if found and carried:
            return carried.translate(_FROM_ID) if mark == MARK else carried
    return None


def signature_of_call(call: Mapping[str, Any]) -> str | None:
    """Return the signature that a tool call of the caller's carries, wherever it is; None: it has none."""
    for name in ("extra_content", "provider_specific_fields"):
        extra = call.get(name)
        inside = extra.get("google") if isinstance(extra, Mapping) and name == "extra_content" else extra
        signature = inside.get("thought_signature") if isinstance(inside, Mapping) else None
        if isinstance(signature, str) and signature:
            return signature
    call_id = call.get("id")
    return carried_in_id(call_id) if isinstance(call_id, str) else None


def part_item(at: tuple[int, int], part: JsonObject) -> JsonObject:
    """Return the reasoning item of a part that has to come back as it is."""
    return {"type": "google_part", "at": list(at), "part": part}


def text_item(at: tuple[int, int], length: int, signature: str) -> JsonObject:
    """Return the reasoning item of a signed text, which itself is in the content."""
    return {"type": "google_text", "at": list(at), "length": length, "thought_signature": signature}


def has_signatures(body: Mapping[str, Any]) -> bool:
    """Return whether a request carries a signature that a server may refuse."""
    return any(part.get("thoughtSignature", DUMMY) != DUMMY for part in _parts(body))


def with_dummies(body: JsonObject) -> JsonObject:
    """Return the request with the documented dummy in place of each signature."""
    contents = [{**content, "parts": [_with_dummy(part) for part in content["parts"]]} for content in body["contents"]]
    return {**body, "contents": contents}


def _with_dummy(part: JsonObject) -> JsonObject:
    return {**part, "thoughtSignature": DUMMY} if "thoughtSignature" in part else part


def _parts(body: Mapping[str, Any]) -> list[JsonObject]:
    return [part for content in body.get("contents", ()) for part in content["parts"]]
