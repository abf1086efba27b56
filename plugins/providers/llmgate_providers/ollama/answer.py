"""Answers of Ollama's own API as canonical ones. Pure.

Source: Ollama's API documentation, "Generate a chat completion", "Generate embeddings".
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from llmgate_core.plugin import JsonObject, encode, errors
from llmgate_providers.ollama.names import FINISH_REASONS

__all__ = ["calls_of", "canonical_chat", "canonical_vectors", "finish_reason_of", "malformed", "message_of", "usage_of"]

READ = frozenset({"model", "message", "logprobs", "prompt_eval_count", "eval_count", "done"})


def canonical_chat(answer: Any) -> JsonObject:
    """Return a chat completion.

    Raises:
        APIResponseValidationError: the answer is malformed.
    """
    said = message_of(answer)
    calls = calls_of(answer)
    message: JsonObject = {"role": "assistant", "content": said.get("content") or ("" if not calls else None)}
    if said.get("thinking"):
        message["reasoning_content"] = said["thinking"]
    if calls:
        message["tool_calls"] = calls
    choice: JsonObject = {"message": message, "finish_reason": finish_reason_of(answer, has_calls=bool(calls))}
    if isinstance(answer.get("logprobs"), list):
        choice["logprobs"] = {"content": answer["logprobs"], "refusal": None}
    known = {"model": answer["model"]} if isinstance(answer.get("model"), str) else {}
    further = {name: value for name, value in answer.items() if name not in READ}
    return {**further, **known, "choices": [choice], "usage": usage_of(answer)}


def canonical_vectors(answer: Any) -> JsonObject:
    """Return an embedding answer.

    Raises:
        APIResponseValidationError: the answer is malformed.
    """
    vectors = answer.get("embeddings") if isinstance(answer, Mapping) else None
    if not isinstance(vectors, list):
        raise malformed("the answer has no list of embeddings")
    data = [{"object": "embedding", "index": index, "embedding": vector} for index, vector in enumerate(vectors)]
    usage = {"prompt_tokens": _count(answer, "prompt_eval_count")}
    known = {"model": answer["model"]} if isinstance(answer.get("model"), str) else {}
    return {"object": "list", **known, "data": data, "usage": usage}


def message_of(answer: Any) -> Mapping[str, Any]:
    """Return the message of an answer or a line of a stream; a last line may have none."""
    message = answer.get("message") if isinstance(answer, Mapping) else None
    if isinstance(message, Mapping):
        content, thinking = message.get("content"), message.get("thinking")
        if all(text is None or isinstance(text, str) for text in (content, thinking)):
            return message
    elif isinstance(answer, Mapping) and message is None and answer.get("done") is True:
        return {}
    raise malformed("the answer has no message of text")


def calls_of(answer: Mapping[str, Any], *, before: int = 0) -> list[JsonObject]:
    """Return the calls of functions that a message has; one without an id gets one.

    Args:
        answer: the answer, or one line of a stream.
        before: how many calls came in lines before.

    Raises:
        APIResponseValidationError: a call is malformed.
    """
    calls = message_of(answer).get("tool_calls")
    if not calls:
        return []
    if not isinstance(calls, Sequence) or isinstance(calls, str):
        raise malformed("tool_calls is not a list")
    return [_call(call, answer, before + index) for index, call in enumerate(calls)]


def _call(call: Any, answer: Mapping[str, Any], index: int) -> JsonObject:
    function = call.get("function") if isinstance(call, Mapping) else None
    if not isinstance(function, Mapping) or not isinstance(function.get("name"), str):
        raise malformed(f"the call of a function at {index} has no name")
    arguments = function.get("arguments")
    if arguments is not None and not isinstance(arguments, (str, Mapping)):
        raise malformed(f"the arguments of the call at {index} are not an object")
    text = arguments if isinstance(arguments, str) else encode(arguments or {}).decode()
    identifier = call.get("id")
    if not isinstance(identifier, str) or not identifier:
        identifier = _made_id(answer, index, function["name"], text)
    return {"id": identifier, "type": "function", "function": {"name": function["name"], "arguments": text}}


def _made_id(answer: Mapping[str, Any], index: int, name: str, arguments: str) -> str:
    """Return an id that differs between the calls of a conversation: older servers give none."""
    seed = f"{answer.get('created_at')}\n{index}\n{name}\n{arguments}".encode()
    return f"call_{hashlib.sha256(seed).hexdigest()[:24]}"


def finish_reason_of(answer: Mapping[str, Any], *, has_calls: bool) -> str:
    """Return why the answer ended.

    Raises:
        APIResponseValidationError: the model failed to load, or the reason is not a string.
    """
    reason = answer.get("done_reason")
    if has_calls and reason in (None, "stop"):
        return "tool_calls"
    if reason is None:  # servers before 0.1.38 say nothing
        return "stop"
    if not isinstance(reason, str):
        raise malformed("done_reason is not a string")
    return FINISH_REASONS.get(reason, reason)


def usage_of(answer: Mapping[str, Any]) -> JsonObject:
    """Return the usage; a prompt that was in the server's cache has no count there."""
    prompt, written = _count(answer, "prompt_eval_count"), _count(answer, "eval_count")
    return {"prompt_tokens": prompt, "completion_tokens": written, "total_tokens": prompt + written}


def _count(answer: Mapping[str, Any], name: str) -> int:
    value = answer.get(name)
    if value is None:
        return 0
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise malformed(f"{name} is not a number of tokens")
    return value


def malformed(reason: str) -> errors.APIResponseValidationError:
    """Return the error for an answer that is not as the API documents it."""
    return errors.APIResponseValidationError(reason)
