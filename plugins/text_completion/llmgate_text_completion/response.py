"""A text completion -> itself, or a chat completion where the caller asked for a chat. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmgate_core.plugin import Call, JsonObject, Route, UpstreamResponse, errors, hookimpl


@hookimpl
def transform_response(call: Call, route: Route, response: UpstreamResponse) -> JsonObject | UpstreamResponse:
    """Return the answer in the shape of the family that was called."""
    if route.family != "chat":
        return response
    answer = response.json()
    if not isinstance(answer, dict) or not isinstance(answer.get("choices"), list):
        if isinstance(answer, dict):
            return answer  # an error object inside a 200: core reads it
        raise errors.APIResponseValidationError("the answer is not a text completion", status_code=response.status)
    choices = [_choice(choice) for choice in answer["choices"] if isinstance(choice, Mapping)]
    return {**answer, "object": "chat.completion", "choices": choices}


def _choice(choice: Mapping[str, Any]) -> JsonObject:
    """Return the choice of a chat; `logprobs`, which have another shape there, keep theirs under another name."""
    fields = {name: value for name, value in choice.items() if name not in ("text", "logprobs")}
    if choice.get("logprobs") is not None:
        fields["provider_specific_fields"] = {"logprobs": choice["logprobs"]}
    message = {"role": "assistant", "content": choice.get("text"), "refusal": None}
    return {**fields, "message": message, "logprobs": None}
