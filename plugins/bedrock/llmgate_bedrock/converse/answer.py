"""What Converse says, as a chat completion; and the pieces that streams need too.

Pure. What is malformed is the upstream's fault; what is unknown stays in the answer.

Source: service model `bedrock-runtime`, `ConverseResponse`, `StopReason`, `TokenUsage`.
"""

from __future__ import annotations

from collections.abc import Iterable
from types import MappingProxyType
from typing import Any

from llmgate_bedrock.converse.thoughts import REASONING, text_of_thought
from llmgate_core.plugin import JsonObject, ToolNames, count_of, encode, errors, string_of

__all__ = ["annotation_of", "chat_completion", "finish_reason", "image_of", "tool_call", "usage_of"]

FINISH = MappingProxyType(
    {
        "end_turn": "stop",
        "stop_sequence": "stop",
        "tool_use": "tool_calls",
        "max_tokens": "length",
        "model_context_window_exceeded": "length",
        "guardrail_intervened": "content_filter",
        "content_filtered": "content_filter",
    }
)
BROKEN = MappingProxyType(
    {
        "malformed_model_output": "the model's output was malformed",
        "malformed_tool_use": "the model's call of a tool was malformed",
    }
)
"""Stop reasons that are failures: what was said cannot be used, and another try may succeed."""
READ = frozenset({"output", "stopReason", "usage", "serviceTier"})
LIFETIMES = frozenset({"5m", "1h"})


def chat_completion(said: Any, names: ToolNames) -> JsonObject:
    """Return the canonical answer.

    Raises:
        APIResponseValidationError: it is not an answer of Converse. BadGatewayError: the model's output was malformed.
    """
    output = said.get("output") if isinstance(said, dict) else None
    message = output.get("message") if isinstance(output, dict) else None
    blocks = message.get("content") if isinstance(message, dict) else None
    if not isinstance(blocks, list):
        raise errors.APIResponseValidationError("the answer has no output.message.content")
    made = _message([block for block in blocks if isinstance(block, dict)], names)
    choice = {"index": 0, "message": made, "finish_reason": finish_reason(said.get("stopReason"), "tool_calls" in made)}
    answer = {name: value for name, value in said.items() if name not in READ}
    return {**answer, "choices": [choice], **usage_of(said.get("usage")), **tier_of(said)}


def _message(blocks: list[JsonObject], names: ToolNames) -> JsonObject:
    message: JsonObject = {"role": "assistant", "content": "".join(map(_text, blocks)) or None}
    if calls := [tool_call(block["toolUse"], names) for block in blocks if isinstance(block.get("toolUse"), dict)]:
        message["tool_calls"] = calls
    if thoughts := [block for block in blocks if isinstance(block.get(REASONING), dict)]:
        message["reasoning_content"] = "".join(text_of_thought(block[REASONING]) for block in thoughts) or None
        message["reasoning_items"] = thoughts
    if notes := [note for block in blocks for note in _citations(block)]:
        message["annotations"] = notes
    if images := [image for block in blocks if (image := image_of(block.get("image")))]:
        message["images"] = images
    if others := [block for block in blocks if _KNOWN.isdisjoint(block)]:
        message["provider_specific_fields"] = {"content_blocks": others}
    return message


_KNOWN = frozenset({"text", "toolUse", REASONING, "citationsContent", "image"})


def _text(block: JsonObject) -> str:
    cited = block.get("citationsContent")
    pieces = cited.get("content") if isinstance(cited, dict) else None
    if isinstance(pieces, list):
        return "".join(string_of(piece.get("text")) for piece in pieces if isinstance(piece, dict))
    return string_of(block.get("text"))


def _citations(block: JsonObject) -> Iterable[JsonObject]:
    cited = block.get("citationsContent")
    citations = cited.get("citations") if isinstance(cited, dict) else None
    return [annotation_of(item) for item in citations if isinstance(item, dict)] if isinstance(citations, list) else []


def annotation_of(citation: JsonObject) -> JsonObject:
    """Return a citation as an annotation: of a web page as OpenAI has it, of a document as Converse does."""
    location = citation.get("location")
    web = location.get("web") if isinstance(location, dict) else None
    if isinstance(web, dict) and isinstance(web.get("url"), str):
        return {"type": "url_citation", "url_citation": {"url": web["url"], "title": string_of(citation.get("title"))}}
    return {"type": "document_citation", "document_citation": citation}


def image_of(image: Any) -> JsonObject | None:
    """Return a picture as an entry of `images`, or None if it has no bytes."""
    source = image.get("source") if isinstance(image, dict) else None
    data = source.get("bytes") if isinstance(source, dict) else None
    if not isinstance(data, str):
        return None
    return {"type": "image_url", "image_url": {"url": f"data:image/{string_of(image.get('format'))};base64,{data}"}}


def tool_call(use: JsonObject, names: ToolNames) -> JsonObject:
    """Return a block `toolUse` as a call; its arguments are JSON."""
    arguments = use.get("input")
    function = {
        "name": names.given(string_of(use.get("name"))),
        "arguments": encode({} if arguments is None else arguments).decode(),
    }
    return {"id": string_of(use.get("toolUseId")), "type": "function", "function": function}


def finish_reason(stop_reason: Any, has_calls: bool) -> str:
    """Return chat's word for a stop reason; one that is not known is a stop.

    Raises:
        BadGatewayError: the reason is a failure of the model.
    """
    reason = string_of(stop_reason)
    if reason in BROKEN:
        error = errors.BadGatewayError(f"{BROKEN[reason]} ({reason})", status_code=502, code=reason)
        error.retry = True
        raise error
    return FINISH.get(reason) or ("tool_calls" if has_calls else "stop")


def usage_of(counted: Any) -> JsonObject:
    """Return `{"usage": ...}`, in which cached tokens are part of the prompt; Bedrock counts them beside it."""
    if not isinstance(counted, dict):
        return {}
    read, written = count_of(counted.get("cacheReadInputTokens")), count_of(counted.get("cacheWriteInputTokens"))
    details: JsonObject = {"cached_tokens": read, "cache_write_tokens": written}
    kept = counted.get("cacheDetails")
    for entry in kept if isinstance(kept, list) else ():
        if isinstance(entry, dict) and string_of(entry.get("ttl")) in LIFETIMES:
            details[f"cache_write_{entry['ttl']}_tokens"] = count_of(entry.get("inputTokens"))
    prompt, output = count_of(counted.get("inputTokens")) + read + written, count_of(counted.get("outputTokens"))
    counts = {"prompt_tokens": prompt, "completion_tokens": output, "total_tokens": prompt + output}
    return {"usage": {**counts, "prompt_tokens_details": details}}


def tier_of(said: JsonObject) -> JsonObject:
    """Return `{"service_tier": ...}` of an answer that names one."""
    tier = said.get("serviceTier")
    kind = tier.get("type") if isinstance(tier, dict) else None
    return {"service_tier": kind} if isinstance(kind, str) else {}
