"""The plugin of `bedrock/` and `bedrock/converse/`: chat over Converse.

Pure.
"""

from __future__ import annotations

from typing import Any

from llmgate_bedrock.authorization import AWSAuthorized
from llmgate_bedrock.converse.answer import chat_completion
from llmgate_bedrock.converse.names import names_of
from llmgate_bedrock.converse.params import SOURCE, supports_param
from llmgate_bedrock.converse.request import converse_body
from llmgate_bedrock.converse.stream import ConverseStream
from llmgate_bedrock.failures import mapped_error
from llmgate_bedrock.model_ids import model_id_of
from llmgate_bedrock.provider import runtime_info
from llmgate_core.plugin import (
    Call,
    JsonObject,
    Ledger,
    ParamRule,
    Route,
    UpstreamRequest,
    UpstreamResponse,
    errors,
    hookimpl,
)

__all__ = ["plugin"]


class Bedrock(AWSAuthorized):
    """Serves chat over Converse and ConverseStream."""

    info = runtime_info()

    @hookimpl
    def supports_param(self, route: Route, param: str, value: Any) -> ParamRule | bool | None:
        """Judge one parameter by the endpoint and the model."""
        return supports_param(route, param, value)

    @hookimpl
    def transform_request(self, call: Call, route: Route) -> UpstreamRequest:
        """Return the request of Converse, or of ConverseStream for a stream.

        Raises:
            BadRequestError: the call is malformed. UnsupportedParamsError: a part of it has no counterpart.
        """
        model = model_id_of(route)
        ledger = Ledger(route, SOURCE)
        body = converse_body(call, route, model, ledger)
        operation = "converse-stream" if call.stream else "converse"
        return UpstreamRequest("POST", f"/model/{model.segment}/{operation}", body, ledger=ledger.entries)

    @hookimpl
    def transform_response(self, call: Call, response: UpstreamResponse) -> JsonObject:
        """Return the canonical answer."""
        return chat_completion(response.json(), names_of(call.body))

    @hookimpl
    def stream_parser(self, call: Call) -> ConverseStream:
        """Return the reader of one stream."""
        return ConverseStream(call)

    @hookimpl
    def map_error(self, response: UpstreamResponse, error: errors.APIError) -> errors.LLMGateError | None:
        """Return the error that the exception's name means."""
        return mapped_error(response, error)


plugin = Bedrock()
