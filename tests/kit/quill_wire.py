"""How Quill's answers look, for the kit: what an author writes for a provider with an API of its own."""

from __future__ import annotations

import json
from typing import Any

from llmgate_core.testing import Reply, Wire

ENDED = {"stop": "end", "length": "limit", "tool_calls": "calls"}


def used(reply: Reply) -> dict[str, int]:
    fresh = reply.input_tokens - reply.cached_tokens
    return {"in": fresh, "in_cached": reply.cached_tokens, "out": reply.output_tokens}


def parts(reply: Reply) -> list[dict[str, Any]]:
    thoughts = [{"kind": "thought", "text": reply.reasoning, "seal": reply.signature}] if reply.reasoning else []
    text = [{"kind": "text", "text": reply.text}] if reply.text else []
    calls = [
        {"kind": "call", "id": call.id, "name": call.name, "with": json.loads(call.arguments)}
        for call in reply.tool_calls
    ]
    return [*thoughts, *text, *calls]


def whole(reply: Reply) -> dict[str, Any]:
    ended = ENDED[reply.finish_reason]
    return {"id": "m-1", "model": "quill-1", "parts": parts(reply), "ended": ended, "used": used(reply)}


def events(reply: Reply) -> list[tuple[str, dict[str, Any]]]:
    made: list[tuple[str, dict[str, Any]]] = [("begin", {"id": "m-1", "model": "quill-1"})]
    for part in parts(reply):
        text = json.dumps(part["with"]) if part["kind"] == "call" else part["text"]
        made.append(("part", {name: part[name] for name in ("kind", "id", "name") if name in part}))
        made += [("more", {"text": piece}) for piece in (text[: len(text) // 2], text[len(text) // 2 :])]
        made.append(("end", {"seal": part["seal"]} if "seal" in part else {}))
    return [*made, ("done", {"ended": ENDED[reply.finish_reason], "used": used(reply)})]


def error(status: int, message: str) -> dict[str, Any]:
    return {"kind": f"error_{status}", "message": message}


WIRE = Wire(whole, events, error)
