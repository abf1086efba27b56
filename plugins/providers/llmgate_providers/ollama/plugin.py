"""The plugin of Ollama: OpenAI's paths below `/v1`, and its own API for parameters that only that takes. Pure.

Source: Ollama's API documentation; its documentation of OpenAI compatibility for what `/v1` ignores.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from llmgate_core.plugin import (
    Call,
    Converted,
    JsonObject,
    OpenAICompatible,
    ParamRule,
    Route,
    StreamParser,
    UpstreamRequest,
    UpstreamResponse,
    errors,
    hookimpl,
    judge_parallel_calls,
)
from llmgate_providers.ollama.answer import canonical_chat, canonical_vectors
from llmgate_providers.ollama.names import COMPATIBLE, DEFAULTS, OWN, UNSUPPORTED
from llmgate_providers.ollama.request import is_native, native_request
from llmgate_providers.ollama.stream import LineParser
from llmgate_providers.row_plugin import plugin_of_row
from llmgate_providers.rows import shipped_row

__all__ = ["Ollama", "plugin"]

COMPATIBLE_ROOT = "/v1"
TOO_LONG = ("exceeds the context length", "exceeds maximum context length", "exceeds the available context size")


class Ollama(OpenAICompatible):
    """Serves the row of Ollama."""

    def __init__(self) -> None:
        row = shipped_row("ollama")
        self.info = row.info()
        self.source = row.source
        self._compatible = plugin_of_row(row)

    @hookimpl
    def transform_request(self, call: Call, route: Route) -> UpstreamRequest:
        """Send the call to `/v1`, or to Ollama's own API if it has a parameter of that.

        Raises:
            BadRequestError: the call is malformed. UnsupportedParamsError: Ollama cannot take a part of it.
        """
        if is_native(call):
            return native_request(call, route)
        request = OpenAICompatible.transform_request(self, call, route)
        if route.base_url.endswith(COMPATIBLE_ROOT):
            return request
        return replace(request, path=f"{COMPATIBLE_ROOT}{request.path}")

    @hookimpl
    def transform_response(
        self, call: Call, route: Route, response: UpstreamResponse
    ) -> JsonObject | Converted | UpstreamResponse:
        """Return the answer of `/v1` by the row, and one of Ollama's own API converted.

        Raises:
            APIResponseValidationError: the answer is malformed.
        """
        if not is_native(call):
            return self._compatible.transform_response(call, route, response)
        return canonical_chat(response.json()) if call.family == "chat" else canonical_vectors(response.json())

    @hookimpl
    def stream_parser(self, call: Call, route: Route) -> StreamParser | None:
        """Return a parser of lines for Ollama's own API, else the row's."""
        return LineParser(call) if is_native(call) else self._compatible.stream_parser(call, route)

    @hookimpl
    def map_error(self, response: UpstreamResponse, error: errors.APIError) -> errors.LLMGateError | None:
        """Return the class for an input that is too long, for which Ollama has no code."""
        if not any(words in error.message for words in TOO_LONG):
            return None
        return errors.ContextWindowExceededError(
            error.message, status_code=response.status, request_id=error.request_id
        )

    @hookimpl
    def supports_param(self, route: Route, param: str, value: Any) -> ParamRule | bool | None:
        """Judge what Ollama silently ignores, whatever the catalogue knows of the model."""
        if value is None:
            return None
        if route.family == "text_completion" and param in OWN:
            reason = "only chat and embeddings are sent to Ollama's own API: call completion()"
            return ParamRule(supported=False, reason=reason, source=COMPATIBLE)
        if route.family == "chat" and (rule := _rule_of_chat(param, value)) is not None:
            return rule
        return OpenAICompatible.supports_param(self, route, param, value)


def _rule_of_chat(param: str, value: Any) -> ParamRule | None:
    if param == "max_completion_tokens":
        return ParamRule(rename="max_tokens", reason="Ollama reads max_tokens only", source=COMPATIBLE)
    if param == "parallel_tool_calls" and value is not True:
        return judge_parallel_calls(value, "Ollama ignores it", COMPATIBLE)
    is_ignored = param in DEFAULTS and DEFAULTS[param] != value
    reason = UNSUPPORTED.get(param) or ("Ollama ignores it" if is_ignored else None)
    return None if reason is None else ParamRule(supported=False, reason=reason, source=COMPATIBLE)


plugin = Ollama()
