"""The reference plugin of the kit: a provider with an API of its own, in the manner of Anthropic's Messages.

It keeps the whole contract. `faults.py` has dozens of ways to break it, each a small override.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from llmgate_core.plugin import (
    Call,
    JsonObject,
    Ledger,
    ParamRule,
    ProviderInfo,
    Route,
    SSEEvent,
    UpstreamRequest,
    UpstreamResponse,
    decode,
    encode,
    errors,
    hookimpl,
    judge_metadata,
)

REASONS = {"end": "stop", "limit": "length", "calls": "tool_calls"}
RENAMED = {"temperature": "heat", "top_p": "top_p", "seed": "seed", "user": "user_id"}
KNOWN = {*RENAMED, "max_tokens", "max_completion_tokens", "stop", "tools", "tool_choice", "parallel_tool_calls"}
KNOWN |= {"response_format", "reasoning_effort", "stream", "stream_options", "metadata"}
REFUSED = {
    "audio", "functions", "function_call", "frequency_penalty", "logit_bias", "logprobs", "modalities", "moderation",
    "n", "prediction", "presence_penalty", "prompt_cache_key", "prompt_cache_options", "prompt_cache_retention",
    "safety_identifier", "service_tier", "store", "top_logprobs", "verbosity", "web_search_options",
}  # fmt: skip
NEUTRAL = {"n": 1, "logprobs": False, "logit_bias": {}, "frequency_penalty": 0, "presence_penalty": 0, "audio": {}}
NEUTRAL |= {"top_logprobs": 0, "modalities": ["text"], "prediction": {}, "functions": []}
MAX_TOKENS = 4096


class Quill:
    """Serves `quill/` in the family chat."""

    info = ProviderInfo(
        api=(1, 1),
        name="quill",
        base_url="https://api.quill.example/v1",
        env_key="QUILL_API_KEY",
        key_header="x-quill-key",
        headers={"quill-version": "2026-01-01"},
        request_id_header="quill-request-id",
    )

    # --- the request ---

    @hookimpl
    def supports_param(self, route: Route, param: str, value: Any) -> ParamRule | bool | None:
        if param == "metadata":
            return judge_metadata(route, value)
        if param not in REFUSED or value is None or value == [] or self.is_neutral(param, value):
            return self.judged(param, value)
        return ParamRule(supported=False, reason="Quill does not have it")

    def is_neutral(self, param: str, value: Any) -> bool:
        neutral = NEUTRAL.get(param, ...)
        return value == neutral and isinstance(value, bool) == isinstance(neutral, bool)

    def judged(self, param: str, value: Any) -> ParamRule | bool | None:
        if param in ("max_tokens", "max_completion_tokens") and value is not None and type(value) is not int:
            return ParamRule(supported=False, reason="it must be a whole number")
        return None

    @hookimpl
    def transform_request(self, call: Call, route: Route) -> UpstreamRequest:
        ledger = Ledger(route, "Quill's API page")
        body = self.body_of(call, route, ledger)
        return UpstreamRequest("POST", self.path_of(route), body, ledger=ledger.entries)

    def path_of(self, route: Route) -> str:
        return "/messages"

    def body_of(self, call: Call, route: Route, ledger: Ledger) -> JsonObject:
        given = call.body
        body: JsonObject = {"model": route.model, "limit": self.limit_of(given)}
        system, turns = self.turns_of(given["messages"], route)
        body |= {"turns": turns, **({"system": system} if system else {})}
        for ours, theirs in RENAMED.items():
            if given.get(ours) is not None:
                body[theirs] = given[ours]
        if given.get("stop") is not None:
            body["stop_at"] = [given["stop"]] if isinstance(given["stop"], str) else given["stop"]
        body |= self.tools_of(given, route)
        if given.get("response_format") is not None:
            body["format"] = self.format_of(given["response_format"], route)
        if given.get("reasoning_effort") is not None:
            body["thinking"] = {"effort": given["reasoning_effort"]}
        if call.stream:
            body["stream"] = True
        return body | self.unknown_of(given)

    def limit_of(self, given: Mapping[str, Any]) -> int:
        limit = given.get("max_completion_tokens")
        return (given.get("max_tokens") or MAX_TOKENS) if limit is None else limit

    def unknown_of(self, given: Mapping[str, Any]) -> JsonObject:
        neutral = {name for name in REFUSED & given.keys() if given[name] is None or self.is_neutral(name, given[name])}
        known = {"messages", *KNOWN, *neutral}
        return {name: value for name, value in given.items() if name not in known and value is not None}

    def turns_of(self, messages: Any, route: Route) -> tuple[str, list[JsonObject]]:
        system, turns = [], []
        if not isinstance(messages, list) or not messages:
            raise route.bad_request("messages", "messages must be a list of objects")
        for message in messages:
            role = wanted(message, "role", str, route)
            if role in ("system", "developer"):
                system.append(self.text_of(message.get("content"), route))
            elif role == "tool":
                turns.append({"by": "user", "parts": [self.result_of(message, route)]})
            elif role in ("user", "assistant"):
                turns.append({"by": role, "parts": self.parts_of(message, route)})
            else:
                raise route.bad_request("messages", f"a message has the role {role!r:.40}")
        return "\n".join(system), turns

    def result_of(self, message: Mapping[str, Any], route: Route) -> JsonObject:
        call_id = wanted(message, "tool_call_id", str, route)
        return {"kind": "result", "of": call_id, "text": self.text_of(message.get("content"), route)}

    def parts_of(self, message: Mapping[str, Any], route: Route) -> list[JsonObject]:
        parts = self.thoughts_of(message, route)
        content = message.get("content")
        if isinstance(content, str):
            parts.append({"kind": "text", "text": content})
        elif content is not None or message["role"] == "user":
            parts += [self.part_of(part, route) for part in listed(content, "content", route)]
        parts += [self.call_of(call, route) for call in listed(message.get("tool_calls") or [], "tool_calls", route)]
        return parts

    def thoughts_of(self, message: Mapping[str, Any], route: Route) -> list[JsonObject]:
        items = listed(message.get("reasoning_items") or [], "reasoning_items", route)
        return [item for item in items if isinstance(item, Mapping) and item.get("kind") == "thought"]

    def part_of(self, part: Any, route: Route) -> JsonObject:
        kind = wanted(part, "type", str, route)
        if kind == "text":
            return {"kind": "text", "text": wanted(part, "text", str, route)}
        if kind != "image_url":
            raise route.bad_request("messages", f"Quill takes text and pictures, not a part of the type {kind!r:.40}")
        url = wanted(wanted(part, "image_url", Mapping, route), "url", str, route)
        head, comma, data = url.partition(",")
        if not comma or not head.startswith("data:"):
            raise route.bad_request("messages", "a picture must be a data URL")
        return {"kind": "picture", "type": head[5:].partition(";")[0], "data": data}

    def text_of(self, content: Any, route: Route) -> str:
        if isinstance(content, str):
            return content
        return "".join(wanted(part, "text", str, route) for part in listed(content, "content", route))

    def call_of(self, call: Any, route: Route) -> JsonObject:
        function = wanted(call, "function", Mapping, route)
        try:
            arguments = decode(wanted(function, "arguments", str, route))
        except ValueError:
            raise route.bad_request("messages", "the arguments of a call must be JSON") from None
        call_id, name = wanted(call, "id", str, route), wanted(function, "name", str, route)
        return {"kind": "call", "id": call_id, "name": name, "with": arguments}

    def tools_of(self, given: Mapping[str, Any], route: Route) -> JsonObject:
        tools = given.get("tools")
        if not tools:
            return {}
        made = []
        for tool in listed(tools, "tools", route):
            function = wanted(tool, "function", Mapping, route)
            made.append({**function, "name": wanted(function, "name", str, route)})
        choice = given.get("tool_choice")
        rest = {} if choice is None else {"choose": choice}
        parallel = given.get("parallel_tool_calls")
        return {"tools": made, **rest, **({} if parallel is None else {"one_call": not parallel})}

    def format_of(self, wished: Any, route: Route) -> JsonObject:
        if not isinstance(wished, Mapping) or not isinstance(wished.get("type"), str):
            raise route.bad_request("response_format", "response_format must be an object with a type")
        return {"as": wished["type"], "schema": wished.get("json_schema")}

    # --- the answer ---

    @hookimpl
    def transform_response(self, call: Call, route: Route, response: UpstreamResponse) -> JsonObject:
        said = response.json()
        if not isinstance(said, dict) or not isinstance(said.get("parts"), list):
            raise errors.APIResponseValidationError("the answer has no parts", status_code=response.status)
        message = self.message_of(said["parts"])
        choice = {"index": 0, "message": message, "finish_reason": self.reason_of(said.get("ended"))}
        known = {"parts", "ended", "used", "model", "id"}
        rest = {name: value for name, value in said.items() if name not in known}
        answer = {**rest, "id": string(said.get("id")), "model": string(said.get("model")), "object": "chat.completion"}
        usage = self.usage_of(said.get("used"))
        return {**answer, "choices": [choice], **({"usage": usage} if usage else {})}

    def message_of(self, parts: list[Any]) -> JsonObject:
        parts = [part for part in parts if isinstance(part, dict)]
        text = "".join(string(part.get("text")) for part in parts if part.get("kind") == "text")
        message: JsonObject = {"role": "assistant", "content": text or None}
        if calls := [self.tool_call_of(part) for part in parts if part.get("kind") == "call"]:
            message["tool_calls"] = calls
        if thoughts := [part for part in parts if part.get("kind") == "thought"]:
            message["reasoning_content"] = "".join(string(thought.get("text")) for thought in thoughts)
            message["reasoning_items"] = thoughts
        return message

    def tool_call_of(self, part: JsonObject) -> JsonObject:
        function = {"name": string(part.get("name")), "arguments": encode(part.get("with")).decode()}
        return {"id": string(part.get("id")), "type": "function", "function": function}

    def reason_of(self, ended: Any) -> str:
        return REASONS.get(ended, "stop") if isinstance(ended, str) else "stop"

    def usage_of(self, used: Any) -> JsonObject | None:
        if not isinstance(used, dict):
            return None
        fresh, cached, output = (number(used.get(name)) for name in ("in", "in_cached", "out"))
        counts = {"prompt_tokens": fresh + cached, "completion_tokens": output, "total_tokens": fresh + cached + output}
        return {**counts, "prompt_tokens_details": {"cached_tokens": cached}}

    @hookimpl
    def stream_parser(self, call: Call, route: Route, response: UpstreamResponse) -> QuillStream:
        return QuillStream(self, asks_usage(call))

    @hookimpl
    def map_error(self, call: Call, route: Route, response: UpstreamResponse, error: errors.APIError) -> Any:
        return error


class QuillStream:
    """Reads one stream: `begin`, then `part`, `more` and `end` by turns, then `done`."""

    def __init__(self, plugin: Quill, with_usage: bool) -> None:
        self.plugin, self.with_usage = plugin, with_usage
        self.done = False
        self.base: JsonObject = {"object": "chat.completion.chunk"}
        self.calls = 0
        self.kind: Any = None
        self.thought: JsonObject = {}

    def feed(self, event: SSEEvent) -> list[JsonObject]:
        try:
            data = decode(event.data)
        except ValueError:
            data = None
        if not isinstance(data, dict):
            raise errors.APIResponseValidationError(f"the event {event.event!r} is not an object")
        handler = getattr(self, f"on_{event.event}", None)
        return [] if handler is None else list(handler(data))

    def on_begin(self, data: JsonObject) -> Iterator[JsonObject]:
        self.base |= {"id": string(data.get("id")), "model": string(data.get("model"))}
        yield self.chunk({"role": "assistant", "content": ""})

    def on_part(self, data: JsonObject) -> Iterator[JsonObject]:
        self.kind = data.get("kind")
        if self.kind == "call":
            function = {"name": string(data.get("name")), "arguments": ""}
            made = {"index": self.calls, "id": string(data.get("id")), "type": "function", "function": function}
            self.calls += 1
            yield self.chunk({"tool_calls": [made]})
        elif self.kind == "thought":
            self.thought = {"kind": "thought", "text": ""}

    def on_more(self, data: JsonObject) -> Iterator[JsonObject]:
        piece = string(data.get("text"))
        if self.kind == "text":
            yield self.chunk({"content": piece})
        elif self.kind == "call" and self.calls:
            yield self.chunk({"tool_calls": [{"index": self.calls - 1, "function": {"arguments": piece}}]})
        elif self.kind == "thought":
            self.thought["text"] += piece
            yield self.chunk({"reasoning_content": piece})

    def on_end(self, data: JsonObject) -> Iterator[JsonObject]:
        if self.kind == "thought":
            yield self.chunk({"reasoning_items": [{**self.thought, "seal": data.get("seal")}]})
        self.kind = None

    def on_done(self, data: JsonObject) -> Iterator[JsonObject]:
        yield self.chunk({}, self.plugin.reason_of(data.get("ended")))
        usage = self.plugin.usage_of(data.get("used"))
        if usage and self.with_usage:
            yield {**self.base, "choices": [], "usage": usage}
        self.done = True

    def chunk(self, delta: JsonObject, reason: str | None = None) -> JsonObject:
        return {**self.base, "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}

    def close(self) -> list[JsonObject]:
        if not self.done:
            raise errors.StreamTruncatedError("the stream ended before its event done")
        return []


def wanted(owner: Any, name: str, kind: Any, route: Route) -> Any:
    """Return a field of what the caller wrote, or raise the caller's error."""
    value = owner.get(name) if isinstance(owner, Mapping) else None
    if not isinstance(value, kind):
        raise route.bad_request("messages", f"{name} is missing or malformed in {owner!r:.80}")
    return value


def listed(value: Any, name: str, route: Route) -> list[Any]:
    """Return a list of the caller's, or raise the caller's error."""
    if not isinstance(value, list):
        raise route.bad_request("messages", f"{name} must be a list, not {value!r:.80}")
    return value


def string(value: Any) -> str:
    """Return a string of the upstream's; empty for anything else."""
    return value if isinstance(value, str) else ""


def number(value: Any) -> int:
    """Return a count of the upstream's; 0 for anything else."""
    return value if type(value) is int else 0


def asks_usage(call: Call) -> bool:
    """Return whether the caller wants the usage at the stream's end."""
    options = call.body.get("stream_options")
    return isinstance(options, Mapping) and bool(options.get("include_usage"))


plugin = Quill()
