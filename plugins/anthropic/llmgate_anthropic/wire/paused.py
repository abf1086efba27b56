"""A chat that goes on where the model has paused: `continue_paused=True`.

Pure. A turn with server tools may end with `pause_turn`; the answer so far is sent back until the turn is whole. Its
blocks are put together, its counts are summed: each request is charged.

Source: Anthropic API reference, `stop_reason` `pause_turn`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from llmgate_anthropic.wire.fields import objects
from llmgate_anthropic.wire.response import completion_of
from llmgate_core.plugin import Call, Exchange, JsonObject, Route, UpstreamRequest, UpstreamResponse, errors

__all__ = ["MAX_REQUESTS", "continued"]

MAX_REQUESTS = 10
"""After so many requests the answer is returned as it is, paused."""


def continued(call: Call, route: Route, request: UpstreamRequest, *, lacks: Collection[str] = ()) -> Exchange:
    """Yield the request, and others until the turn is whole; return the chat completion.

    Raises:
        UnsupportedParamsError: the call is a stream.
        APIResponseValidationError: an answer is not a message.
    """
    if call.stream:
        raise route.refuse("continue_paused", "a stream cannot go on after a pause: send its message back instead")
    if not isinstance(request.body, dict):
        raise route.bad_request("continue_paused", "the body is not an object")
    return _steps(call, route, request, request.body, lacks)


def _steps(call: Call, route: Route, request: UpstreamRequest, body: JsonObject, lacks: Collection[str]) -> Exchange:
    blocks: list[JsonObject] = []
    usages: list[Mapping[str, Any]] = []
    said: Mapping[str, Any] = {"stop_reason": "pause_turn"}
    while said["stop_reason"] == "pause_turn" and len(usages) < MAX_REQUESTS:
        turns = [*body["messages"], *([{"role": "assistant", "content": blocks}] if blocks else [])]
        response = yield replace(request, body={**body, "messages": turns}, retry=True)
        said = {"stop_reason": None, **_message(response)}
        blocks = [*blocks, *objects(said["content"])]
        usage = said.get("usage")
        usages.append(usage if isinstance(usage, Mapping) else {})
    return completion_of({**said, "content": blocks, "usage": _sum(usages)}, call, route, lacks=lacks).body


def _message(response: UpstreamResponse | None) -> Mapping[str, Any]:
    said = None if response is None else response.json()
    if not isinstance(said, dict) or not isinstance(said.get("content"), list):
        raise errors.APIResponseValidationError("the answer is not a message: it has no list of blocks as its content")
    return said


def _sum(usages: list[Mapping[str, Any]]) -> JsonObject:
    """Return the sum of counts, also of nested ones; of anything else the last."""
    total: JsonObject = {}
    for usage in usages:
        for name, value in usage.items():
            so_far = total.get(name)
            if isinstance(value, Mapping):
                total[name] = _sum([so_far if isinstance(so_far, Mapping) else {}, value])
            elif type(value) is int and type(so_far) is int:
                total[name] = so_far + value
            elif value is not None:
                total[name] = value
    return total
