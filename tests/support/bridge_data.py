"""Routes, calls, responses and event streams for the tests of the bridge chat -> responses. All data are made up."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from llmgate_core.bridges.chat_to_responses import ChatOverResponses
from llmgate_core.catalogue.models import Catalogue
from llmgate_core.contract.call import Call, Route
from llmgate_core.contract.ledger import LedgerEntry
from llmgate_core.contract.upstream import SSEEvent, UpstreamResponse

CATALOGUE = Catalogue.shipped()
HI = [{"role": "user", "content": "Hi"}]
HI_ITEM = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi"}]}
WEATHER = {"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object", "properties": {}}}}
UNKNOWN_MODEL = "a-model-of-nobody"


def route(model: str = UNKNOWN_MODEL, *, policy: str = "error", preview: bool = False) -> Route:
    row = CATALOGUE.find(model)
    return Route(
        provider="openai",
        prefix="openai/responses",
        family="chat",
        model=model,
        base_url="https://api.openai.com/v1",
        facts=None if row is None else row.facts,
        preview_features=preview,
        param_policy=policy,
    )


def call(messages: Any = HI, **params: Any) -> Call:
    return Call("chat", "openai/responses/x", {"messages": messages, **params}, bool(params.get("stream")))


def request(
    messages: Any = HI, *, policy: str = "error", preview: bool = False, **params: Any
) -> tuple[dict[str, Any], tuple[LedgerEntry, ...]]:
    """Return the body without the model, and the ledger."""
    body, ledger = ChatOverResponses.request_body(call(messages, **params), route(policy=policy, preview=preview))
    assert body.pop("model") == UNKNOWN_MODEL
    return body, ledger


def items(messages: Any, *, policy: str = "error", **params: Any) -> list[Any]:
    return list(request(messages, policy=policy, **params)[0]["input"])


def lossy(ledger: Iterable[LedgerEntry]) -> list[str]:
    return [entry.parameter for entry in ledger if entry.lossy]


# --- responses ---


def response(*output: Any, **fields: Any) -> dict[str, Any]:
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 1760000000,
        "status": "completed",
        "model": UNKNOWN_MODEL,
        "output": list(output),
        **fields,
    }


def text_item(text: str, *, id: str = "msg_1", **part: Any) -> dict[str, Any]:
    return message_item({"type": "output_text", "text": text, **part}, id=id)


def message_item(*parts: Any, id: str = "msg_1") -> dict[str, Any]:
    return {"id": id, "type": "message", "role": "assistant", "status": "completed", "content": list(parts)}


def call_item(call_id: str = "call_1", name: str = "f", arguments: str = "{}") -> dict[str, Any]:
    return {
        "id": f"fc_{call_id}",
        "type": "function_call",
        "call_id": call_id,
        "name": name,
        "arguments": arguments,
    }


def custom_item(call_id: str = "call_c", text: str = "go") -> dict[str, Any]:
    return {"id": f"ctc_{call_id}", "type": "custom_tool_call", "call_id": call_id, "name": "c", "input": text}


def summary_item(*texts: str, id: str = "rs_1", **fields: Any) -> dict[str, Any]:
    summary = [{"type": "summary_text", "text": text} for text in texts]
    return {"id": id, "type": "reasoning", "summary": summary, **fields}


def raw_item(text: str, *summaries: str, id: str = "rs_1") -> dict[str, Any]:
    return summary_item(*summaries, id=id, content=[{"type": "reasoning_text", "text": text}])


def url_citation(start: int = 0, end: int = 1, url: str = "https://example.test/a") -> dict[str, Any]:
    return {"type": "url_citation", "url": url, "title": "A", "start_index": start, "end_index": end}


def completion(found: Any, **params: Any) -> dict[str, Any]:
    return converted(found, **params)[0]


def converted(found: Any, **params: Any) -> tuple[dict[str, Any], tuple[LedgerEntry, ...]]:
    upstream = UpstreamResponse(200, (), json.dumps(found).encode())
    done = ChatOverResponses.chat_completion(call(**params), route(), upstream)
    return done.body, done.ledger


def message(found: Any, **params: Any) -> dict[str, Any]:
    return dict(completion(found, **params)["choices"][0]["message"])


# --- streams ---


def event(kind: str, **fields: Any) -> SSEEvent:
    return SSEEvent(json.dumps({"type": kind, **fields}), kind)


def created(**fields: Any) -> SSEEvent:
    return event("response.created", response=response(**{"status": "in_progress", "usage": None, **fields}))


def added(index: int, item: dict[str, Any]) -> SSEEvent:
    return event("response.output_item.added", output_index=index, item=item)


def done(index: int, item: dict[str, Any]) -> SSEEvent:
    return event("response.output_item.done", output_index=index, item=item)


def text_delta(text: str, index: int = 0, content_index: int = 0, **fields: Any) -> SSEEvent:
    return event(
        "response.output_text.delta", output_index=index, content_index=content_index, delta=text, item_id="i", **fields
    )


def completed(*output: Any, **fields: Any) -> SSEEvent:
    return event("response.completed", response=response(*output, **fields))


def new_stream(**params: Any) -> Any:
    return ChatOverResponses.ChatStream(call(stream=True, **params), route())


def chunks_of(events: Iterable[SSEEvent], **params: Any) -> list[dict[str, Any]]:
    stream = new_stream(**params)
    chunks = [chunk for each in events for chunk in stream.feed(each)]
    assert list(stream.close()) == []
    return chunks


def deltas_of(events: Iterable[SSEEvent], **params: Any) -> list[dict[str, Any]]:
    """Return the deltas between the first and the last chunk."""
    chunks = chunks_of(events, **params)
    assert chunks[0]["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert chunks[-1]["choices"][0]["finish_reason"] is not None
    return [chunk["choices"][0]["delta"] for chunk in chunks[1:-1]]


def without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_nulls(item) for key, item in value.items() if item is not None}
    return [without_nulls(item) for item in value] if isinstance(value, list) else value
