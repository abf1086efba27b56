"""Convert a whole answer of generateContent to a chat completion.

Pure. A blocked prompt is an answer with a refusal, never an empty success; a call that the model failed to write is an
error, never an answer.

Source: Gemini API reference, `GenerateContentResponse`; OpenAI API reference, `CreateChatCompletionResponse`.
"""

from __future__ import annotations

from typing import Any

from llmgate_core.plugin import (
    Call,
    Converted,
    JsonObject,
    Ledger,
    Route,
    ToolNames,
    UpstreamResponse,
    errors,
    string_of,
)
from llmgate_gemini.wire.answer_parts import CandidateReader
from llmgate_gemini.wire.candidates import blocked_choice, ending_of, extras_of, finish_reason_of
from llmgate_gemini.wire.dialect import GEMINI_API, SIGNATURE_OPTION, Dialect
from llmgate_gemini.wire.errors import error_in_stream
from llmgate_gemini.wire.fields import objects, table
from llmgate_gemini.wire.logprobs import logprobs_of
from llmgate_gemini.wire.names import names_of
from llmgate_gemini.wire.usage import searches_of, usage_of

__all__ = ["chat_completion", "identity_of", "index_of", "signs_ids"]

READ = frozenset({"candidates", "usageMetadata", "modelVersion", "responseId"})


def chat_completion(call: Call, route: Route, response: UpstreamResponse, dialect: Dialect = GEMINI_API) -> Converted:
    """Return the chat completion, and ledger entries about what it has no words for.

    Raises:
        APIResponseValidationError: it is not such an answer.
        BadGatewayError: the model has made no answer; another try may succeed.
        APIError: it is an error.
    """
    said = response.json()
    if (error := error_in_stream(said)) is not None:  # a list with an error, which core takes for an answer
        raise error
    if not isinstance(said, dict):
        raise _invalid("it is not an object", response)
    ledger = Ledger(route, dialect.source)
    candidates = list(objects(said.get("candidates")))
    blocked = None if candidates else blocked_choice(said.get("promptFeedback"))
    if not candidates and blocked is None:
        raise _invalid("it has neither candidates nor a reason why the prompt was blocked", response)
    answer = identity_of(said)
    searches = sum(searches_of(candidate.get("groundingMetadata")) for candidate in candidates)
    names = names_of(call.body)
    choices = [
        _choice(candidate, index_of(candidate, place), names, string_of(said.get("responseId")), route, ledger)
        for place, candidate in enumerate(candidates)
    ]
    answer["choices"] = choices if blocked is None else [blocked]
    if (usage := usage_of(said.get("usageMetadata"), searches)) is not None:
        answer["usage"] = usage
    return Converted(answer, ledger.entries)


def identity_of(said: JsonObject) -> JsonObject:
    """Return the fields of an answer or an event that are not about candidates; unknown ones keep their names."""
    fields = {name: said[name] for name in said if name not in READ}
    if answer_id := string_of(said.get("responseId")):
        fields["id"] = answer_id
    if model := string_of(said.get("modelVersion")):
        fields["model"] = model
    return fields


def index_of(candidate: JsonObject, place: int) -> int:
    """Return the index of a candidate; its place in the list where it has none."""
    index = candidate.get("index")
    return index if type(index) is int and index >= 0 else place


def signs_ids(route: Route) -> bool:
    """Return whether ids of tool calls carry thought signatures."""
    return route.options.get(SIGNATURE_OPTION, "").strip().lower() in ("true", "1", "yes", "on")


def _choice(
    candidate: JsonObject, index: int, names: ToolNames, answer_id: str, route: Route, ledger: Ledger
) -> JsonObject:
    reader = CandidateReader(names, answer_id, index, signs_ids=signs_ids(route))
    message: JsonObject = {"role": "assistant", "content": None}
    for part in objects(table(candidate.get("content")).get("parts")):
        _add(message, reader.read(part))
    _add(message, reader.end_call())
    finished = finish_reason_of(candidate, reader.calls, ledger)
    _add(message, ending_of(extras_of(candidate), string_of(candidate.get("finishReason")), finished or "", reader))
    for tool_call in message.get("tool_calls", ()):
        del tool_call["index"]
    choice = {"index": index, "message": message, "finish_reason": finished}
    logprobs = logprobs_of(candidate.get("logprobsResult"))
    return choice if logprobs is None else {**choice, "logprobs": logprobs}


def _add(message: JsonObject, delta: JsonObject) -> None:
    """Add a delta to a message: strings and lists grow, arguments go to their call."""
    for name, value in delta.items():
        before = message.get(name)
        if name == "tool_calls":
            _add_calls(message.setdefault(name, []), value)
        elif before is None or name == "audio":
            message[name] = value
        elif isinstance(value, dict):
            message[name] = {**before, **{key: _grown(before.get(key), item) for key, item in value.items()}}
        else:
            message[name] = before + value


def _grown(before: Any, value: Any) -> Any:
    return before + value if isinstance(before, list) and isinstance(value, list) else value


def _add_calls(calls: list[JsonObject], pieces: list[JsonObject]) -> None:
    for piece in pieces:
        if piece["index"] < len(calls):
            calls[piece["index"]]["function"]["arguments"] += piece["function"]["arguments"]
        else:
            calls.append({**piece, "function": dict(piece["function"])})


def _invalid(why: str, response: UpstreamResponse) -> errors.APIResponseValidationError:
    return errors.APIResponseValidationError(f"the answer cannot be read: {why}", status_code=response.status)
